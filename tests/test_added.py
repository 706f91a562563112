"""Entries of a script or notebook: usable at once, looked at first, known by what they do, and sent to the workers."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core import ACTIVATIONS, DATASETS, INITIALISERS, Experiment, ExperimentError, load_result, run
from core.experiment.experiment import FIELDS
from core.jobs.pool import Pool
from core.registries.activations import Activation
from core.registries.added import REGISTRIES
from core.registries.datasets import Dataset
from core.registries.initialisers import Initialiser
from core.registries.losses import LOSSES
from core.registries.optimisers import OPTIMISERS
from core.results.results import Result
from tests.engine import change
from tests.pages.results import open_on

OURS = change(
    Experiment(),
    dataset="iris", activation="tanh", initialiser="normal:1", hidden="4", epochs=3, seeds=2, optimiser="momentum",
    loss="squared_error",
)  # fmt: skip
MINE: dict[str, Any] = {name: f"my_{name}" for name in ("dataset", "activation", "initialiser", "optimiser", "loss")}


def my_tanh(**changes: Any) -> Activation:
    entry = Activation(
        name="my_activation", formula="t", slope_formula="s", summary="tanh again", needs_exp=True, range=(-1.0, 1.0),
        max_slope=1.0, forward=lambda a, out=None: np.tanh(a, out=out),
        slope=lambda a, out=None: np.subtract(1.0, np.tanh(a) ** 2, out=out),
        slope_from_output=lambda h, out=None: np.subtract(1.0, h * h, out=out),
    )  # fmt: skip
    return replace(entry, **changes)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry of each kind, which does as one of the lab's does."""
    iris = DATASETS["iris"]
    assert iris.read is not None
    x, y = iris.read()
    monkeypatch.setitem(
        DATASETS,
        "my_dataset",
        Dataset("my_dataset", "s", "s", iris.feature_names, iris.class_names, iris.class_sizes, read=lambda: (x, y)),
    )
    monkeypatch.setitem(ACTIVATIONS, "my_activation", replace(ACTIVATIONS["tanh"], name="my_activation"))
    mine = Initialiser("my_initialiser", lambda rng, shape: rng.standard_normal(shape))
    monkeypatch.setitem(INITIALISERS, "my_initialiser", mine)
    monkeypatch.setitem(OPTIMISERS, "my_optimiser", replace(OPTIMISERS["momentum"], name="my_optimiser"))
    monkeypatch.setitem(LOSSES, "my_loss", replace(LOSSES["squared_error"], name="my_loss"))


def assert_same_numbers(mine: Result, ours: Result) -> None:
    for name in ("runs", "epochs", "layers"):
        one, other = (
            result.table(name).select_dtypes("number").drop(columns="seconds", errors="ignore")
            for result in (mine, ours)
        )
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(2)
    yield pool
    pool.shutdown()


@pytest.mark.usefixtures("added")
def test_one_of_each_kind_is_valid_at_once_and_trains_as_the_labs_that_does_the_same(pool: Pool) -> None:
    for setting, name in MINE.items():
        assert name in FIELDS[setting].kind.choices
        assert name in FIELDS[setting].kind.allowed
    mine = change(OURS, **MINE)
    assert Experiment.from_text(mine.to_query()) == mine
    by_layer = change(OURS, initialiser="normal:1;last=my_initialiser*0.5", bias_initialiser="my_initialiser")
    assert by_layer.added().keys() == {"initialiser"}
    assert_same_numbers(
        run(by_layer), run(change(OURS, initialiser="normal:1;last=normal:1*0.5", bias_initialiser="normal:1"))
    )
    expected = run(OURS)
    assert_same_numbers(run(mine), expected)
    # Spawned processes know of none of them; functions of this file go whole, as no worker can import it.
    assert_same_numbers(run(mine, pool), expected)


@pytest.mark.usefixtures("added")
def test_results_name_what_is_not_the_labs_on_the_page_too(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(change(OURS, activation=("my_activation", "tanh"), initialiser="my_initialiser"))
    notes = (
        "The activation my_activation is not the lab's own.",
        "The initialiser my_initialiser is not the lab's own.",
    )
    assert result.notes == notes
    assert json.loads(result.settings)["notes"] == list(notes)
    file = io.BytesIO()
    result.to_zip(file)
    assert load_result(file).notes == notes
    assert "notes" not in json.loads(run(OURS).settings)
    shown = [element.value for element in open_on(monkeypatch, "runs", result).text]
    assert set(notes) <= set(shown)


@pytest.mark.usefixtures("added")
def test_the_key_knows_what_an_entry_does_and_the_labs_keys_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    key, mine = OURS.key, change(OURS, activation="my_activation")
    keys = [mine.key]
    monkeypatch.setitem(ACTIVATIONS, "my_activation", replace(ACTIVATIONS["my_activation"], summary="in other words"))
    same = mine.key
    half = my_tanh(
        max_slope=0.5, forward=lambda a, out=None: np.tanh(a / 2, out=out),
        slope=lambda a, out=None: np.multiply(0.5, 1.0 - np.tanh(a / 2) ** 2, out=out),
        slope_from_output=lambda h, out=None: np.multiply(0.5, 1.0 - h * h, out=out),
    )  # fmt: skip
    monkeypatch.setitem(ACTIVATIONS, "my_activation", half)
    keys.append(mine.key)
    assert len({*keys, key}) == 3
    assert same == keys[0]
    monkeypatch.delitem(ACTIVATIONS, "my_activation")
    assert OURS.key == key
    with pytest.raises(ExperimentError, match="'my_activation' is not a known name"):
        Experiment.from_text(mine.to_query())


def test_workers_take_the_entry_as_it_is_now(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (0.1, 2.0):
        entry = Initialiser("my_initialiser", lambda rng, shape, size=size: size * rng.standard_normal(shape))
        monkeypatch.setitem(INITIALISERS, "my_initialiser", entry)
        expected = run(change(OURS, initialiser=f"normal:{size:g}"))
        assert_same_numbers(run(change(OURS, initialiser="my_initialiser"), pool), expected)
        assert INITIALISERS["my_initialiser"] is entry, "what comes back from a worker replaces nothing"


def test_another_data_set_of_the_same_name_is_another_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    x, found = np.random.default_rng(0).standard_normal((40, 2)), []
    for column in (0, 1):
        points: tuple[Any, Any] = (x, (x[:, column] > np.median(x[:, column])).astype(np.int64))
        read: Any = partial(tuple, points)
        entry = Dataset("my_dataset", "s", "s", ("a", "b"), ("low", "high"), (20, 20), read=read)
        monkeypatch.setitem(DATASETS, "my_dataset", entry)
        mine = change(OURS, dataset="my_dataset", epochs=1)
        found.append((mine.key, run(mine).epochs["train_loss"].tolist()))
    assert found[0][0] != found[1][0]
    assert found[0][1] != found[1][1]


MODULE = """
import numpy as np

def draw(rng, shape):
    return rng.standard_normal(shape)
"""


def test_without_cloudpickle_functions_of_a_module_travel_and_others_are_said_not_to(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    (tmp_path / "my_schemes.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import my_schemes  # type: ignore[import-not-found]

    monkeypatch.setitem(INITIALISERS, "my_initialiser", Initialiser("my_initialiser", my_schemes.draw))
    mine = change(OURS, initialiser="my_initialiser")
    fresh = Pool(1)  # it looks for modules where this process does now
    try:
        assert_same_numbers(run(mine, fresh), run(OURS))
    finally:
        fresh.shutdown()
    of_a_script = lambda rng, shape: rng.standard_normal(shape)  # noqa: E731
    monkeypatch.setitem(INITIALISERS, "my_initialiser", Initialiser("my_initialiser", of_a_script))
    with pytest.raises(ExperimentError) as caught:
        run(mine, pool)
    assert str(caught.value).startswith("initialiser: 'my_initialiser' cannot travel to a worker process (")
    assert "allowed: functions of a module that the workers can import too, cloudpickle" in str(caught.value)
    assert_same_numbers(run(mine), run(OURS))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"slope": lambda a, out=None: np.subtract(1.0, np.tanh(a), out=out)},
            "has a slope of 2 at x = -5.988, where differences give 2.519e-05",
        ),
        ({"range": (0.0, 1.0)}, "has values from -1 to 1, outside its range, 0 to 1"),
        ({"max_slope": 0.5}, "has a slope of 0.9"),
        ({"slope_from_output": lambda h, out=None: np.subtract(1.0, h, out=out)}, "has another slope in training"),
        ({"forward": lambda a, out=None: a / 0.0 * 0.0}, "fails when it is tried: FloatingPointError"),
        ({"forward": lambda a: np.tanh(a)}, "fails when it is tried: TypeError"),
    ],
)
def test_what_an_added_activation_says_of_itself_is_held_against_its_values(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], problem: str
) -> None:
    monkeypatch.setitem(ACTIVATIONS, "my_activation", my_tanh(**changes))
    with pytest.raises(ExperimentError) as caught, np.errstate(all="raise"):
        change(Experiment(), activation="my_activation")
    assert str(caught.value).startswith(f"activation: 'my_activation' {problem}")
    assert "\n" not in str(caught.value)
    assert Experiment().activation == ("logistic", "tanh"), "the lab's own can still be used"


@pytest.mark.parametrize(
    ("name", "entry", "problem"),
    [
        ("tanh", my_tanh(), "is the lab's own, replaced by something else"),
        ("MyTanh", my_tanh(), "has a name that no link can hold"),
        ("my_activation", np.tanh, "is of the type ufunc, not Activation"),
    ],
)
def test_an_entry_has_a_name_of_its_own_and_the_registrys_type(
    monkeypatch: pytest.MonkeyPatch, name: str, entry: Any, problem: str
) -> None:
    monkeypatch.setitem(ACTIVATIONS, name, entry)
    with pytest.raises(ExperimentError, match=f"activation: '{name}' {problem}"):
        change(Experiment(), activation=name)


@pytest.mark.parametrize("kind", REGISTRIES)
def test_a_bare_function_in_any_registry_is_said_to_be_no_entry(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRIES[kind], "bare", lambda: None)
    makes = (
        partial(Experiment.from_text, f"{kind}=bare"),
        partial(Experiment.from_text, f"{kind}=unheard_of"),
        Experiment,
    )
    for make in makes:
        with pytest.raises(ExperimentError, match=f"^{kind}: 'bare' is of the type function, not [A-Z]"):
            make()


def test_a_scheme_that_fails_is_told_where_only_the_biases_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INITIALISERS, "failing", Initialiser("failing", lambda rng, shape: np.full(shape, np.nan)))
    with pytest.raises(ExperimentError, match=r"^initialiser: 'failing' gives numbers that are not finite"):
        Experiment.from_text("bias_initialiser=failing")


def test_a_data_set_of_more_features_than_it_names_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "unnamed", replace(DATASETS["xor"], name="unnamed", feature_names=("x1",)))
    with pytest.raises(ExperimentError, match=r"^dataset: 'unnamed' has 1 feature_names and 2 features"):
        Experiment(dataset=("unnamed",))


def test_a_scheme_that_draws_another_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = Initialiser("my_initialiser", lambda rng, shape: rng.standard_normal(shape[::-1]))
    monkeypatch.setitem(INITIALISERS, "my_initialiser", turned)
    with pytest.raises(ExperimentError, match="draws weights of another shape"):
        change(Experiment(), initialiser="my_initialiser")
