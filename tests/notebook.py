"""The notebook in docs: its cells run one after the other, and `python -m tests.notebook` writes their outputs anew."""

import ast
import json
from pathlib import Path
from typing import Any

import pandas as pd

NOTEBOOK = Path(__file__).parent.parent / "docs" / "notebook.ipynb"


def run(source: str, namespace: dict[str, Any]) -> Any:
    """What the last line of a cell evaluates to, None where it is no expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), namespace)
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), namespace) if last else None  # type: ignore[attr-defined]


def outputs(value: Any) -> list[dict[str, Any]]:
    """As a notebook keeps what a cell evaluates to: text, and of a chart what draws it."""
    if value is None:
        return []
    data = {"text/plain": repr(value).splitlines(keepends=True)}
    if hasattr(value, "_repr_mimebundle_"):
        chart = value.to_dict()
        data = {"application/vnd.vegalite.v6+json": chart, "text/plain": ["alt.LayerChart(...)"]}
    return [{"output_type": "execute_result", "execution_count": None, "data": data, "metadata": {}}]


def main() -> None:
    """Run every cell of the notebook and keep what comes of it."""
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {}
    with pd.option_context("display.width", 140, "display.max_columns", 20):
        cells = (cell for cell in document["cells"] if cell["cell_type"] == "code")
        for number, cell in enumerate(cells, 1):
            cell["outputs"] = outputs(run("".join(cell["source"]), namespace))
            cell["execution_count"] = number
            for output in cell["outputs"]:
                output["execution_count"] = number
    NOTEBOOK.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
