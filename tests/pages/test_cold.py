"""Every page may be the first that a server draws: what it imports is there though no other page has been drawn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import Experiment, run
from core.jobs.store import Store
from pages.parts.catalogue import PAGES
from tests.pages.lessons import ROOT

TINY = {"dataset": "iris", "hidden": "8", "epochs": "3", "seeds": "2"}
# The libraries are loaded once, and nothing of the lab: each page is drawn by a child that begins with them alone.
DRAW = """
import os
import sys
import altair, numpy, pandas, streamlit
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

manifest_scanner.scan_component_manifests = lambda: []
query, *scripts = sys.argv[1:]
for script in scripts:
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0, script
        continue
    assert not {"core", "pages"} & set(sys.modules)
    at = AppTest.from_file("dashboard.py", default_timeout=60)
    at.query_params.update(pair.split("=") for pair in query.split("&"))
    if script != "pages/overview.py":
        at.switch_page(script)
    at.run()
    wrong = [element.value for element in [*at.exception, *at.error, *at.warning]]
    print(script, wrong, len(at.title), len(at.get("progress")), flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each page is drawn by a child of one process")
def test_every_page_can_be_the_first(tmp_path: Path) -> None:
    experiment = Experiment.from_params(TINY)
    Store(tmp_path, 10**8).save(experiment.key, run(experiment))
    scripts = [entry.script for entry in PAGES]
    drawn = subprocess.run(
        [sys.executable, "-W", "error", "-c", DRAW, experiment.to_query(), *scripts],
        cwd=ROOT, env={**os.environ, "LAB_STORE": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert drawn.returncode == 0, drawn.stderr
    assert drawn.stdout.splitlines() == [f"{script} [] 1 0" for script in scripts], drawn.stderr
