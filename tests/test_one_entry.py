"""A new activation, initialiser, data set, optimiser, loss, column, chart or page is one entry in one file.

Each is added to a copy of the lab as CONTRIBUTING says, and looked for where people meet it: on the command line, in
the form, in the tables and their dictionary, and on the pages. A column has its producer too.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
COPIED = ("core", "pages", "dashboard.py", ".streamlit", "tests/__init__.py", "tests/processes.py", "tests/pages")

ENTRIES: dict[str, tuple[str, str, str]] = {
    "activation": (
        "core/registries/activations.py",
        "    for activation in (\n",
        r"""        Activation(
            name="isru", formula=r"\frac{x}{\sqrt{1 + x^2}}", slope_formula=r"(1 - f(x)^2)^{3/2}",
            summary="inverse square root unit", needs_exp=False, range=(-1.0, 1.0), max_slope=1.0,
            forward=lambda a, out=None: np.divide(a, np.sqrt(1.0 + a * a), out=out),
            slope=lambda a, out=None: np.power(1.0 + a * a, -1.5, out=out),
            slope_from_output=lambda h, out=None: np.power(1.0 - h * h, 1.5, out=out),
        ),
""",
    ),
    "initialiser": (
        "core/registries/initialisers.py",
        "INITIALISERS: dict[str, Initialiser] = {\n",
        """    "signs": Initialiser(
        "signs", lambda rng, shape, size: size * np.sign(rng.standard_normal(shape)),
        Argument("size", 0.5, 0, 10, False, "absolute value of every weight"),
    ),
""",
    ),
    "dataset": (
        "core/registries/datasets.py",
        "DATASETS: dict[str, Dataset] = {\n",
        """    "stripes": Dataset(
        name="stripes", summary="Two stripes", source="made up", feature_names=("x1", "x2"),
        class_names=("left", "right"), class_sizes=(30, 30),
        read=lambda: (np.linspace(-1, 1, 120).reshape(60, 2), (np.arange(60) >= 30).astype(np.int64)),
    ),
""",
    ),
    "optimiser": (
        "core/registries/optimisers.py",
        "    for optimiser in (\n",
        """        Optimiser("half_sgd", "w <- w - rate g / 2", 0, True, None, lambda g, *_: np.divide(g, 2, out=g)),
""",
    ),
    "loss": (
        "core/registries/losses.py",
        "    for loss in (\n",
        """        Loss(
            name="double_cross_entropy", summary="twice the cross-entropy",
            value=lambda logits, targets: 2.0 * _cross_entropy(logits, targets), delta=_twice,
            chance=lambda shares: 2.0 * _cross_entropy_chance(shares),
        ),
""",
    ),
    "the loss's slope": (
        "core/registries/losses.py",
        "LOSSES: dict[str, Loss] = {\n",
        """def _twice(logits: Array, targets: Array) -> None:
    _cross_entropy_delta(logits, targets)
    np.multiply(logits, 2.0, out=logits)


""",
    ),
    "column": (
        "core/schema.py",
        '    "layers": (\n        *RUN,\n        *POINT,\n',
        """        Column("largest_weight", "float64", "", "largest absolute weight of the layer"),
""",
    ),
    "its producer": (
        "core/engine/recording.py",
        '        "role": "output" if',
        '        "largest_weight": np.abs(weight[..., :-1]).max(axis=(-1, -2)),\n',
    ),
    "page": (
        "pages/parts/catalogue.py",
        "PAGES = (\n",
        """    Entry("largest", "Largest weights", "Experiment", ":material/straighten:"),
""",
    ),
}
BEFORE = ("the loss's slope", "its producer")
FILES = {
    "core/charts/largest.py": '''"""The largest weight of each layer."""

import altair as alt
import pandas as pd


def largest_weights(layers: pd.DataFrame) -> alt.Chart:
    """The largest absolute weight over the recorded epochs."""
    return alt.Chart(layers).mark_point().encode(x="epoch:Q", y="largest_weight:Q", color="group:N")
''',
    "pages/largest.py": '''"""Largest weights."""

import streamlit as st

from core.charts.largest import largest_weights
from pages.parts import lens

lens.show("How large do weights become?", lambda shown: st.altair_chart(largest_weights(shown.result.layers)))
''',
}
LOOK = """
import contextlib
import functools
import io
import json
import pytest
from streamlit.components.v2 import manifest_scanner
from core.__main__ import main
from core.experiment.experiment import FIELDS, Experiment
from core.jobs.running import run
from core.schema import data_dictionary
from pages.parts.catalogue import PAGES
from tests.pages.lessons import open_lesson
from tests.pages.results import charts, open_on

# As tests/pages/conftest.py does.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)
experiment = Experiment(
    dataset="stripes", activation=("isru", "logistic"), initialiser=("signs:0.4", "normal:1"), hidden=((4, 3),),
    optimiser="half_sgd", loss="double_cross_entropy", epochs=3, seeds=2, learning_rate=(0.3,), batch_size=(8,),
)
assert Experiment.from_text(experiment.to_query()) == experiment
result = run(experiment)
found = {
    "choices": {name: list(field.kind.choices) for name, field in FIELDS.items()},
    "lists": {},
    "dictionary": data_dictionary(),
    "layers": json.loads(result.layers.to_json(orient="records")),
    "pages": {},
}
for registry in ("activations", "initialisers", "datasets", "optimisers", "losses", "columns"):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["list", registry]) == 0
    found["lists"][registry] = printed.getvalue()
for entry in PAGES:
    with pytest.MonkeyPatch.context() as patch:
        at = open_on(patch, entry.name, result)
        found["pages"][entry.name] = {
            "titles": [title.value for title in at.title],
            "charts": charts(at),
            "options": {
                box.label.partition(" · ")[0]: box.options
                for box in [*at.sidebar.multiselect, *at.sidebar.selectbox]
            },
        }
with pytest.MonkeyPatch.context() as patch:
    at = open_lesson(patch, "activation_functions", curves="isru")
    found["formulas"] = [latex.value for latex in at.latex]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the lab with one entry more of each kind."""
    folder = tmp_path_factory.mktemp("lab")
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for kind, (name, place, entry) in ENTRIES.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count(place) == 1, f"{name}: where the entry goes"
        before, after = text.split(place)
        # A function and a producer stand before their place, entries behind the head of their registry.
        new = f"{before}{entry}{place}{after}" if kind in BEFORE else f"{before}{place}{entry}{after}"
        (folder / name).write_text(new, encoding="utf-8")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def output(lab: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=lab, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def found(lab: Path) -> dict[str, Any]:
    """What a person sees of the entries."""
    answer: dict[str, Any] = json.loads(output(lab, "-c", LOOK).splitlines()[-1])
    return answer


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        ("activations", "isru"),
        ("initialisers", "signs"),
        ("datasets", "stripes"),
        ("optimisers", "half_sgd"),
        ("losses", "double_cross_entropy"),
        ("columns", "largest_weight"),
    ],
)
def test_the_command_line_lists_it(found: dict[str, Any], registry: str, name: str) -> None:
    rows = [line.split() for line in found["lists"][registry].splitlines()]
    assert any(name in row[:2] for row in rows)


@pytest.mark.parametrize(
    ("setting", "name", "label"),
    [
        ("activation", "isru", "Activation functions"),
        ("initialiser", "signs", "Initialisers"),
        ("dataset", "stripes", ""),
        ("optimiser", "half_sgd", ""),
        ("loss", "double_cross_entropy", ""),
    ],
)
def test_the_form_offers_it(found: dict[str, Any], setting: str, name: str, label: str) -> None:
    assert name in found["choices"][setting], "what a form is made of"
    if label:  # the other sections are closed at first
        assert name in found["pages"]["saturation"]["options"][label]


def test_it_trains_and_stands_in_the_tables(found: dict[str, Any]) -> None:
    rows = found["layers"]
    assert {row["activation"] for row in rows} == {"isru", "logistic"}
    assert {row["dataset"] for row in rows} == {"stripes"}
    at_first = [row for row in rows if row["initialiser"] == "signs:0.4" and row["epoch"] == 0]
    assert at_first
    assert all(row["weight_rms"] == pytest.approx(0.4) for row in at_first)
    assert all(row["largest_weight"] == pytest.approx(0.4) for row in at_first)
    assert all(row["largest_weight"] >= row["weight_rms"] for row in rows)


def test_the_dictionary_has_the_column(found: dict[str, Any]) -> None:
    assert "| `largest_weight` | float64 |  | largest absolute weight of the layer |" in found["dictionary"]


def test_every_page_opens_on_it_and_the_new_one_shows_the_new_chart(found: dict[str, Any]) -> None:
    assert found["pages"]["largest"]["titles"] == ["How large do weights become?"]
    assert found["pages"]["largest"]["charts"] == 1
    assert all(len(page["titles"]) == 1 for page in found["pages"].values())
    assert all(found["pages"][name]["charts"] > 0 for name in ("saturation", "convergence", "signal_propagation"))


def test_the_activations_formula_and_slope_are_shown(found: dict[str, Any]) -> None:
    assert any(
        r"\frac{x}{\sqrt{1 + x^2}}" in formula and r"f'(x) = (1 - f(x)^2)^{3/2}" in formula
        for formula in found["formulas"]
    )


def test_results_of_before_the_column_are_not_found_and_called_of_an_earlier_version(lab: Path, tmp_path: Path) -> None:
    query = "dataset=iris&hidden=3&epochs=1&seeds=1&activation=tanh&initialiser=normal:1"
    old = tmp_path / "old.zip"
    look = f"""
import sys
from pathlib import Path
from core import Experiment, run
from core.jobs.store import Store
experiment = Experiment.from_text({query!r})
store = Store(Path({str(tmp_path / "store")!r}), 10**8)
print(store.load(experiment.key))
result = run(experiment)
store.save(experiment.key, result)
result.to_zip({str(old)!r}) if "old" in sys.argv else None
print(store.load(experiment.key) is not None, *sorted(path.suffixes[-1] for path in store.folder.iterdir()))
"""
    assert output(ROOT, "-c", look, "old").splitlines() == ["None", "True .zip"]
    assert output(lab, "-c", look, "new").splitlines() == ["None", "True .zip .zip"], "none of them is damaged"
    done = subprocess.run(
        [sys.executable, "-m", "core", "compare", old, old], cwd=lab, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "layers.csv lacks largest_weight: this result is of an earlier version of the lab" in done.stderr
    assert "Train it again: python -m core run" in done.stderr
