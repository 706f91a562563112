"""What the pages of docs show as code runs as it stands there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests import notebook

LIBRARY = notebook.NOTEBOOK.with_name("library.md")


def test_every_block_of_the_page_on_the_library_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", LIBRARY.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 6
    for block in blocks:
        notebook.run(block, namespace)
    assert (tmp_path / "saturation.html").is_file()
    assert capsys.readouterr().out.count("\n") == 1, "the record of the last epoch"


def test_the_notebook_runs_and_gives_what_it_shows() -> None:
    document = json.loads(notebook.NOTEBOOK.read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {}
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            found = notebook.outputs(notebook.run("".join(cell["source"]), namespace))
            assert len(found) == len(cell["outputs"])
            for now, then in zip(found, cell["outputs"], strict=True):
                # Numbers may differ on another kind of processor, columns and charts do not.
                head = [output["data"]["text/plain"][0].split() for output in (now, then)]
                assert head[0] == head[1] or "..." in head[0], cell["source"]
                assert now["data"].keys() == then["data"].keys()
