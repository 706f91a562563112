"""What an experiment is handed on as, beside link, JSON and command line: names of files, and a notebook."""

import json
import re
import unicodedata
from typing import Any

from core.experiment.experiment import FIELDS, Experiment

NAMED = 2  # values of a setting that the name of a file spells out; of more it counts them
MOST, KEY = 60, 8  # characters of an experiment's name, and of its key
MOST_WHAT = 80


def short_name(experiment: Experiment) -> str:
    """What an experiment is called in names of files: 'digits-logistic-tanh-3-initialisers-1a2b3c4d'.

    Its data, its functions and what it varies, and the beginning of its key, so that no two have one name.
    """
    parts = []
    for name in dict.fromkeys(("dataset", "activation", *experiment.varying())):
        field, values = FIELDS[name], getattr(experiment, name)
        many = len(values) > NAMED
        parts += (
            [f"{len(values)} {field.label}"] if many else [field.prefix + field.kind.format(each) for each in values]
        )
    return f"{slug(' '.join(parts), MOST)}-{experiment.key[:KEY]}"


def file_name(experiment: Experiment, what: str, suffix: str) -> str:
    """The name of a file of `what` belongs to an experiment: '<its short name>-<what>.<suffix>'."""
    return f"{short_name(experiment)}-{slug(what, MOST_WHAT)}.{suffix}"


def slug(text: str, most: int) -> str:
    """Text as a part of a file's name: at most so many letters a to z, digits, '_' and '.', joined by '-'."""
    plain = unicodedata.normalize("NFKD", text.replace("·", " ")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_.]+", "-", plain)[:most].strip("-.") or "x"


def notebook(experiment: Experiment) -> str:
    """A short notebook (nbformat 4.5) that trains the experiment, and shows its report and two of its charts."""
    known = (
        'load_result("result.zip")  # that of the page Runs with the table in it, which makes the table known here\n'
    )
    parts = experiment.to_query().split("&")
    query = "\n".join(f'    "{"&" * (place > 0)}{part}"' for place, part in enumerate(parts))
    cells = [
        _cell(
            f"# {experiment.in_words()}\n\nBy the initialisation lab; `pip install .` in a checkout installs `core`."
        ),
        _cell(
            f"from core import Experiment, {'load_result, ' if experiment.own_table else ''}run\n\n"
            f"{known if experiment.own_table else ''}experiment = Experiment.from_text(\n{query}\n)\n"
            "result = run(experiment)",
            code=True,
        ),
        _cell("Each start at its best learning rate: how fast, how surely, and what ties (`docs/library.md`)."),
        _cell("result.report()", code=True),
        _cell(
            "Two of the charts; the others are in `core.charts`, and the tables in `result.runs`, `epochs`, `layers`."
        ),
        _cell(
            "from core.charts.convergence import learning_curves\n"
            "from core.charts.saturation import saturation_overview\n\n"
            "groups = experiment.groups()[:12]  # of more, lines are hard to tell apart\n"
            'learning_curves(result.curves(), groups=groups, quantity="train_loss", log_y=True)',
            code=True,
        ),
        _cell("saturation_overview(result.layers, groups=groups)", code=True),
        _cell("The zip opens again with `core.load_result`, and on the page *Runs*."),
        _cell('result.to_zip("result-of-notebook.zip")', code=True),
    ]
    document = {
        "cells": [{"id": f"c{place}", **cell} for place, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _cell(text: str, code: bool = False) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "code" if code else "markdown",
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if code else {})
