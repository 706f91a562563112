"""In a file that claims numbers which its other numbers belie, the first of them is named and refused."""

import io
import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from core.experiment.experiment import Experiment
from core.results.loading import ResultError, load_result
from core.results.results import Result, csv_bytes
from core.schema import LEVELS, SCHEMA, names
from tests.engine import change, train
from tests.test_loading import changed, with_cell, with_rows
from tests.test_results import SMALL, zipped
from tests.test_training import DIVERGING

Edit = Callable[[dict[str, pd.DataFrame]], None]


@pytest.fixture(scope="module")
def result() -> Result:
    return train(SMALL)


@pytest.fixture(scope="module")
def content(result: Result) -> bytes:
    return zipped(result)


def message(result: Result, content: bytes, edit: Edit) -> str:
    """Why the file with the edited tables is refused."""
    tables = {name: result.table(name).copy() for name in SCHEMA}
    edit(tables)

    def apply(entries: dict[str, bytes]) -> None:
        entries.update({f"{name}.csv": csv_bytes(table) for name, table in tables.items()})

    with pytest.raises(ResultError) as refused:
        load_result(changed(content, apply))
    text = str(refused.value)
    assert len(text) < 300
    assert len(text.splitlines()) == 1
    return text


def times(table: str, column: str, factor: float, where: str = "index >= 0") -> Edit:
    """Multiply a column where a query holds."""

    def apply(tables: dict[str, pd.DataFrame]) -> None:
        rows = tables[table].query(where).index
        tables[table].loc[rows, column] *= factor

    return apply


FREE = {"seconds", "mean_update_cosine"}
"""Columns of runs.csv that follow from no other number."""
BLAMED = {
    "path_length": "runs.csv: tortuosity is ",
    "updates_to_target": "runs.csv: status is",
}
"""What is named in place of the column, because it is looked at first."""


@pytest.mark.parametrize("column", [c.name for c in SCHEMA["runs"] if c.dtype != "str" and c.name not in FREE])
def test_another_number_in_runs_is_refused_whatever_its_column(result: Result, content: bytes, column: str) -> None:
    def edit(tables: dict[str, pd.DataFrame]) -> None:
        runs = tables["runs"]
        row = int(runs[column].notna().to_numpy().nonzero()[0][0]) if runs[column].notna().any() else 0
        known = pd.notna(runs[column].iloc[row])
        runs.loc[row, column] = (runs[column].iloc[row] * 2 + 1 if "accuracy" not in column else 0.123) if known else 4

    text = message(result, content, edit)
    blamed = BLAMED.get(column, f"runs.csv: {column} is ")
    assert text.startswith(blamed), text
    assert "in line " in text


BELIED: dict[str, tuple[Edit, str]] = {
    "a better end": (with_cell("runs", "final_test_accuracy", 1.0), "_accuracy is 1.0 in line 2; .* by epochs"),
    "a better best": (with_cell("runs", "best_train_loss", 0.0), "best_train_loss is 0.0 .* by epochs.csv"),
    "a loss below 0": (with_cell("epochs", "train_loss", -1.0), "epochs.csv: train_loss is -1.0 .* at least 0"),
    "a target that was not reached": (
        with_rows("runs", lambda t: t.assign(status="converged", updates_to_target=4.0, epochs_to_target=1.0)),
        "updates_to_target is 4.0 .* nothing by epochs.csv and the target train_accuracy:0.9",
    ),
    "a run that diverged in words": (with_cell("runs", "status", "diverged"), "'diverged' .* else not_reached"),
    "a path shorter than its line": (times("runs", "displacement", 1e3), "displacement is .* at most path_length"),
    "a cosine above 1": (with_cell("runs", "mean_update_cosine", 1.2), "mean_update_cosine is 1.2"),
    "a norm below 0": (with_cell("epochs", "gradient_norm", -0.1, 1), "gradient_norm is -0.1 in line 3"),
    "a mean beyond the greatest": (
        with_cell("epochs", "singular_value_mean", 1e6), "singular_value_mean is 1000000.0 .* to singular_value_max",
    ),
    "a spread beyond the ends": (with_cell("epochs", "singular_value_std", 1e6), "singular_value_std is 1000000.0"),
    "a condition number below 1": (with_cell("epochs", "condition_number", 0.5), "condition_number is 0.5 .* least 1"),
    "a signal's deviation below 0": (with_cell("layers", "delta_std", -0.1), "delta_std is -0.1"),
    "a deviation below 0": (with_cell("layers", "weight_std", -0.1), "weight_std is -0.1"),
    "percentiles out of order": (with_cell("layers", "preactivation_p25", -1e6), "_p25 is .* preactivation_p02"),
    "percentiles of another function": (
        times("layers", "activation_p50", 0.5, "role == 'hidden' and abs(activation_p50) > 0.1"),
        "activation_p50 is .* by preactivation_p50",
    ),
    "saturated more than low and high": (
        times("layers", "saturated", 0.5, "saturated > 0.1"), "saturated is .* by saturated_low and saturated_high",
    ),
    "saturation of an output": (
        with_rows("layers", lambda t: t.assign(saturated=t["saturated"].fillna(0.5))), "nothing in an output layer",
    ),
    "dead while it lives": (with_cell("layers", "dead_flat", 1.0), "dead_flat is 1.0 .* 0.0 by saturated_neurons"),
    "wider than its root mean square": (times("layers", "weight_std", 2), "weight_std is .* at most weight_rms"),
    "signs of other chances": (with_cell("layers", "agreement_random", 0.5), "agreement_random is 0.5 .* by fan_in"),
    "more orthants than there are": (with_cell("layers", "orthants_possible", 99.0), "orthants_possible is 99.0"),
    "more orthants than updates": (
        with_rows("layers", lambda t: t.assign(orthants_visited=t["orthants_possible"])), "orthants_visited is .*",
    ),
    "one sign without agreement": (
        with_rows("layers", lambda t: t.assign(same_sign_batch=1.0)), "1.0 .* at most agreement_batch",
    ),
    "agreement of nothing": (
        with_rows("layers", lambda t: t.assign(no_gradient_epoch=1.0)), "same_sign_epoch is .* no_gradient_epoch",
    ),
    "a part of an example": (
        lambda tables: (times("epochs", "test_accuracy", 0.999)(tables), times("runs", "final_test_accuracy", 0.999)(
            tables
        ), times("runs", "best_test_accuracy", 0.999)(tables), None)[-1],
        r"epochs.csv: test_accuracy is .* whole numbers of the \d+ examples",
    ),
    "no deviation between percentiles": (
        with_cell("layers", "preactivation_std", 0.0), "preactivation_std is 0.0 .* what its percentiles allow",
    ),
    "a mean outside of the function's range": (
        with_rows("layers", lambda t: t.assign(
            activation_mean=t["activation_mean"] * 0 - 1.5, activation_std=t["activation_std"] * 0 + 9
        )),
        "activation_mean is -1.5 .* in the range of the activation function",
    ),
    "saturated shares of other percentiles": (
        with_rows("layers", lambda t: t.assign(
            saturated=t["saturated"] * 0 + 1, saturated_low=t["saturated"] * 0 + 1, saturated_high=t["saturated"] * 0
        )),
        r"saturated_low is 1.0 .* what preactivation_p\d\d allows",
    ),
    "saturated neurons of none saturated": (
        with_rows("layers", lambda t: t.assign(
            saturated_neurons=t["saturated"] * 0 + 1, dead_flat=t["saturated"] * 0 + 1
        )),
        "saturated_neurons is 1.0 .* what saturated allows",
    ),
    "signs that differ above a function that is never negative": (
        with_rows("layers", lambda t: t.assign(same_sign_example=t["same_sign_example"] * 0.5)),
        "same_sign_example is 0.5 .* 1 above a layer of a function that is never negative",
    ),
    "orthants forgotten": (
        with_rows("layers", lambda t: t.assign(
            orthants_visited=t["orthants_visited"].where(t["epoch"] < t["epoch"].max(), 0.5)
        )),
        "orthants_visited is 0.5 .* no fewer than at the point before",
    ),
    "another density": (times("histograms", "density", 2), "histograms.csv: density is .* by count, left and right"),
    "twice the counts": (
        times("histograms", "count", 2),
        r"the counts of the histogram from line 2 \(preactivation, probe\) add up to .*; allowed: .* by layers.csv",
    ),
    "half of the gradients": (
        times("histograms", "count", 0.5, "quantity == 'gradient'"), r"\(gradient, epoch\) add up to .*; allowed: ",
    ),
    "neurons that have no gradient": (
        times("histograms", "count", 3, "quantity == 'positive_share' and level == 'batch'"), "share, batch",
    ),
    "a histogram left out": (
        with_rows("histograms", lambda t: t[(t["quantity"] != "gradient") | (t["epoch"] != 1)]),
        r"it lacks the gradient \(epoch\) of layer 1 of .* at epoch 1; allowed: one of each layer",
    ),
    "no histograms": (with_rows("histograms", lambda t: t[:0]), "it lacks the preactivation"),
}  # fmt: skip


@pytest.mark.parametrize("belied", BELIED)
def test_a_number_that_others_belie_is_refused_by_table_column_line_and_value(
    result: Result, content: bytes, belied: str
) -> None:
    edit, expected = BELIED[belied]
    text = message(result, content, edit)
    assert re.search(expected, text), text


@pytest.mark.parametrize(("table", "column"), [("epochs", "singular_value_mean"), ("layers", "delta_std")])
def test_standard_statistics_have_nothing_that_comes_back_after_initialisation(table: str, column: str) -> None:
    standard = train(change(SMALL, statistics="standard"))
    row = int(np.flatnonzero(standard.table(table)["epoch"] > 0)[0])
    text = message(standard, zipped(standard), with_cell(table, column, 0.5, row))
    assert f"{table}.csv: {column} is 0.5 in line {row + 2}; allowed: nothing after epoch 0" in text


@pytest.mark.parametrize("column", ["gradient_std", "orthants_visited", "no_gradient_example"])
def test_standard_statistics_have_none_of_the_gradients_numbers(column: str) -> None:
    standard = train(change(SMALL, statistics="standard"))
    text = message(standard, zipped(standard), with_cell("layers", column, 0.5))
    assert f"layers.csv: {column} is 0.5 in line 2; allowed: nothing, since" in text


def test_a_run_that_reached_its_target_only_where_it_diverged_has_not_reached_it() -> None:
    result = train(DIVERGING)
    runs, epochs = result.runs, result.epochs
    row = int(np.flatnonzero(runs["diverged_at"].notna())[0])
    last = epochs.index[epochs["run"] == runs["run"][row]][-1]

    def edit(tables: dict[str, pd.DataFrame]) -> None:
        tables["epochs"].loc[last, "train_accuracy"] = 1.0
        for name in ("final_train_accuracy", "best_train_accuracy"):
            tables["runs"].loc[row, name] = 1.0

    def apply(entries: dict[str, bytes]) -> None:
        tables = {name: result.table(name).copy() for name in SCHEMA}
        edit(tables)
        entries.update({f"{name}.csv": csv_bytes(table) for name, table in tables.items()})

    assert load_result(changed(zipped(result), apply)).runs["status"][row] == "diverged"


def test_what_is_measured_after_a_run_diverged_is_refused() -> None:
    result = train(DIVERGING)
    gone = result.runs[result.runs["diverged_at"].notna() & (result.runs["last_update"] > 0)].iloc[0]
    before = result.layers[result.layers["run"] == gone["run"]]
    last = result.epochs[result.epochs["run"] == gone["run"]].iloc[-1]
    copied = before[before["epoch"] == before["epoch"].max()].assign(epoch=last["epoch"], update=last["update"])
    end = before.index[-1] + 1

    def edit(tables: dict[str, pd.DataFrame]) -> None:
        layers = tables["layers"]
        tables["layers"] = pd.concat([layers[:end], copied, layers[end:]], ignore_index=True)

    assert "points before its run diverged" in message(result, zipped(result), edit)


@pytest.mark.parametrize(
    "experiment",
    [
        change(SMALL, probe=0, batch_size=(0, 1, 7), seeds=1),
        change(SMALL, probe=3, batch_size=(5, 50), seeds=1),
        change(SMALL, activation=("hard_tanh", "steep_logistic"), initialiser=("zeros", "normal:30"), dtype="float32"),
        change(SMALL, dataset="digits", samples=400, hidden=(20,), seeds=1, epochs=1),
    ],
    ids=lambda experiment: experiment.to_query()[-40:],
)
def test_what_training_gives_is_believed(experiment: Experiment) -> None:
    load_result(io.BytesIO(zipped(train(experiment))))


def test_every_column_that_full_statistics_alone_measure_is_known() -> None:
    from core.results.derived import OF_FULL_STATISTICS

    full, standard = train(SMALL), train(change(SMALL, statistics="standard"))
    for name, columns in OF_FULL_STATISTICS.items():
        only = [c for c in names(name) if standard.table(name)[c].isna().all() and full.table(name)[c].notna().any()]
        assert sorted(only) == sorted(columns)
    assert len(LEVELS) == 3
