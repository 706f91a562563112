"""Own tables: trained on as the lab's own data are, and known by the fingerprint of their values."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from core import Experiment, ExperimentError, load_result, own_data, run
from core.jobs.pool import Pool
from core.jobs.saving import Saved
from core.jobs.store import Store
from core.registries.datasets import forget_own, load
from core.results.loading import ResultError
from core.results.results import Result
from core.schema import SCHEMA

SETTINGS: dict[str, Any] = {
    "activation": "tanh", "initialiser": ("normal:0.1", "lsuv"), "hidden": "5", "epochs": 4, "seeds": 2,
    "scaling": "unit_interval", "test_share": 0.3,
}  # fmt: skip
IRIS = Experiment(dataset=("iris",), **SETTINGS)
X, Y = load_iris(return_X_y=True)


def assert_same_numbers(first: Result, second: Result) -> None:
    for name in SCHEMA:
        one, other = (
            result.table(name).drop(columns=["dataset", "seconds"], errors="ignore") for result in (first, second)
        )
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.fixture(scope="module")
def of_the_labs() -> Result:
    return run(IRIS)


def test_the_labs_own_rows_given_as_arrays_train_to_the_same_bits(of_the_labs: Result) -> None:
    result = run(Experiment(**SETTINGS), data=(X, Y))
    assert_same_numbers(result, of_the_labs)
    assert result.experiment.dataset == (own_data("iris again", X, Y).name,)
    assert set(result.runs["dataset"]) == set(result.experiment.dataset)
    assert result.experiment.key != IRIS.key


def test_worker_processes_that_were_never_told_train_on_them_alike(of_the_labs: Result) -> None:
    pool = Pool(2)
    try:
        assert_same_numbers(run(Experiment(**SETTINGS), pool, data=(X, Y)), of_the_labs)
    finally:
        pool.shutdown()


def test_a_sweep_that_was_stopped_goes_on_with_the_same_table(
    tmp_path: Path, of_the_labs: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = Experiment(dataset=(own_data("iris", X, Y).name,), **SETTINGS)
    notes: list[str] = []

    def saved() -> Saved:
        return Saved(Store(tmp_path, 10**8), experiment, notes.append)

    class StoppedError(Exception):
        pass

    first = saved()

    def stop(_: object) -> None:
        raise StoppedError

    works: list[Any] = []
    monkeypatch.setattr(first, "take", works.append)
    with pytest.raises(StoppedError):
        run(experiment, progress=stop, saved=first)
    first.save(works[-1])
    forget_own(experiment.own_table)
    own_data("the same, given again", X.tolist(), Y.tolist())
    assert_same_numbers(run(experiment, saved=saved()), of_the_labs)
    assert "goes on from" in notes[-1]
    with pytest.raises(ValueError, match="saved is of another experiment"):
        run(Experiment(**SETTINGS), saved=saved(), data=(X[:60], Y[:60] > 0))


def test_the_fingerprint_is_of_the_values_and_labels_alone() -> None:
    frame = pd.DataFrame(X, columns=load_iris().feature_names)
    names = pd.Series(load_iris().target_names[Y])
    same = [
        own_data("a", frame, names),
        own_data("b", X.tolist(), names.tolist()),
        own_data("c", np.asfortranarray(X), names),
    ]
    assert len({data.name for data in same}) == 1
    assert same[0].class_names == ("setosa", "versicolor", "virginica")
    assert same[0].feature_names == tuple(load_iris().feature_names)
    moved = X.copy()
    moved[3, 1] += 1e-9
    others = [own_data("d", moved, names), own_data("e", X, Y), own_data("f", X[::-1], names), own_data("g", -X, names)]
    assert len({data.name for data in (*same, *others)}) == 5
    minus = own_data("h", np.array([[0.0], [1], [2], [-0.0]]), list("abab"))
    assert minus.name == own_data("i", np.array([[0.0], [1], [2], [0.0]]), list("abab")).name


def test_the_table_may_change_afterwards_and_the_data_do_not() -> None:
    x, y = X.copy(), Y.copy()
    name = own_data("iris", x, y).name
    x[:], y[:] = 0, 0
    assert {tuple(row) for row in load(name, scaling="raw").train_x} <= {tuple(row) for row in X}


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([10, 9, 10, 9], ("9", "10")),
        ([True, False, True, False], ("False", "True")),
        (["b", 1, "b", 1], ("1", "b")),
        (pd.Categorical(["no", "yes", "no", "yes"]), ("no", "yes")),
        (pd.Series(["nan", "x", "nan", "x"]), ("nan", "x")),
        (np.array([1.5, 0.5, 1.5, 0.5]), ("0.5", "1.5")),
    ],
)
def test_labels_are_of_any_type_and_classes_in_their_order(labels: Any, classes: tuple[str, ...]) -> None:
    data = own_data("t", [[1.0], [2.0], [3.0], [4.0]], labels)
    assert data.class_names == classes
    assert data.class_sizes == (2, 2)


def test_a_class_of_one_example_is_trained_on() -> None:
    data = load(own_data("t", np.arange(12.0)[:, None], ["a"] * 11 + ["b"]).name, test_share=0.5)
    assert (data.train_y == 1).sum() == 1
    assert (data.test_y == 1).sum() == 0


@pytest.mark.parametrize(
    ("x", "y", "problem"),
    [
        ([[1.0], [float("nan")]], [0, 1], "x is nan in row 1, column 0; allowed: a table (examples, features)"),
        ([[1.0], [float("inf")]], [0, 1], "x is inf in row 1, column 0"),
        ([[1.0], [-1e101]], [0, 1], "x is -1e+101 in row 1, column 0; allowed: a table"),
        ([1.0, 2.0], [0, 1], "x has the shape (2,); allowed: a table"),
        (np.zeros((2, 0)), [0, 1], "x has the shape (2, 0)"),
        (np.zeros((2, 2001)), [0, 1], "x has the shape (2, 2001); allowed: a table (examples"),
        ([["a"], ["b"]], [0, 1], "x holds something that is no number"),
        ([[1j], [2.0]], [0, 1], "x holds something that is no number"),
        (pd.DataFrame({"day": pd.date_range("2020", periods=2)}), [0, 1], "x holds something that is no number"),
        ([[1.0], [2.0]], [0], "y has the shape (1,); allowed: (2,), a label for each example"),
        ([[1.0], [2.0]], [[0, 1], [1, 0]], "y has the shape (2, 2)"),
        ([[1.0], [2.0]], [0, None], "y has no label in row 1"),
        ([[1.0], [2.0]], pd.Series([pd.NA, "a"]), "y has no label in row 0"),
        ([[1.0], [2.0]], [0.0, float("nan")], "y has no label in row 1"),
        ([[1.0], [2.0]], [1, 1], "y has 1 class; allowed: 2 to 1,000"),
        (np.zeros((1001, 1)), range(1001), "y has 1,001 classes; allowed: 2 to 1,000"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_refused_in_one_line(x: Any, y: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=r"^own data 'mine': ") as caught:
        own_data("mine", x, y)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_the_table_a_link_and_a_zip_say_whose_fingerprint_is_asked_for() -> None:
    experiment = Experiment(dataset=(own_data("iris", X, Y).name,), **SETTINGS)
    file = io.BytesIO()
    run(experiment).to_zip(file)
    assert load_result(file).experiment == experiment
    forget_own(experiment.own_table)
    told = f"dataset: '{experiment.own_table}' is a table of somebody's own that is not here: give the same table again"
    with pytest.raises(ExperimentError, match=told):
        Experiment.from_text(experiment.to_query())
    with pytest.raises(ResultError, match=told):
        load_result(file)
    done = subprocess.run(
        [sys.executable, "-m", "core", "run", experiment.to_query(), "--out", "nowhere"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1], timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert told in done.stderr
    own_data("iris", X, Y)
    assert load_result(file).experiment == experiment
