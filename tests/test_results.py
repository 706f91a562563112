"""core.results.results: tables as the schema says, and files that read back equal."""

import csv
import io
import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from core.engine.recording import Record
from core.experiment.experiment import Experiment, ExperimentError
from core.registries.activations import ACTIVATIONS
from core.registries.initialisers import INITIALISERS
from core.registries.optimisers import OPTIMISERS
from core.results.loading import load_result, read_table
from core.results.results import Result, collect, csv_bytes, versions
from core.schema import LEVELS, QUANTITIES, SCHEMA, STATUSES, Column, names
from tests.engine import change, data_of, records, singles, train
from tests.test_training import DIVERGING, IRIS, SWEEP

SMALL = change(
    SWEEP, activation=("tanh", "relu"), hidden=((5, 4), ()), learning_rate=0.3, epochs=2, record="every", probe=40
)


@pytest.fixture(scope="module")
def result() -> Result:
    return train(SMALL)


def zipped(result: Result) -> bytes:
    buffer = io.BytesIO()
    result.to_zip(buffer)
    return buffer.getvalue()


# Tables


@pytest.mark.parametrize("table", list(SCHEMA))
@pytest.mark.parametrize("experiment", [SMALL, DIVERGING, change(SMALL, statistics="standard"), None], ids=str)
def test_columns_and_types_are_those_of_the_schema(experiment: Experiment | None, table: str) -> None:
    frame = (collect(SMALL, []) if experiment is None else train(experiment)).table(table)
    assert list(frame.columns) == names(table)
    assert [str(dtype) for dtype in frame.dtypes] == [column.dtype for column in SCHEMA[table]]
    assert frame.index.equals(pd.RangeIndex(len(frame)))


@pytest.mark.parametrize("target", ["train_loss:0.9", "test_accuracy:0.4", "train_accuracy:0", "train_loss:0"])
@pytest.mark.parametrize("experiment", [SMALL, DIVERGING], ids=str)
def test_another_target_is_read_from_what_was_trained_as_if_it_had_been_asked_for_at_once(
    experiment: Experiment, target: str
) -> None:
    points = records(experiment)
    at_once = collect(change(experiment, target=target), points)
    asked = collect(experiment, points).asked(target)
    assert asked.experiment == at_once.experiment
    for table in SCHEMA:
        pd.testing.assert_frame_equal(asked.table(table), at_once.table(table), check_exact=True)
    assert asked.asked(experiment.target).runs.equals(collect(experiment, points).runs)


def test_what_is_no_target_cannot_be_asked_for(result: Result) -> None:
    with pytest.raises(ExperimentError, match="target: 'loss' is not a known name"):
        result.asked("loss")
    assert collect(SMALL, []).asked("train_loss:1").experiment.target == "train_loss:1"


def renamed(record: Record, column: str, name: str) -> Record:
    """The record of a producer that calls a column of the layers by another name."""
    layers = [{name if key == column else key: value for key, value in layer.items()} for layer in record.layers]
    return replace(record, layers=tuple(layers))


@pytest.mark.parametrize("statistics", ["full", "standard"])
def test_a_slip_in_the_name_of_a_column_raises_instead_of_leaving_it_empty(statistics: str) -> None:
    experiment = change(SMALL, statistics=statistics, epochs=1)
    points = records(experiment)
    assert collect(experiment, points).layers["weight_rms"].notna().all()
    slips = [renamed(record, "weight_rms", "weight_rsm") for record in points]
    with pytest.raises(LookupError, match="layers: the schema has no column weight_rsm"):
        collect(experiment, slips)


def test_a_column_that_nothing_produces_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = change(SMALL, epochs=1)
    points = records(experiment)
    for table in ("runs", "epochs", "layers"):
        with monkeypatch.context() as patch:
            patch.setitem(SCHEMA, table, (*SCHEMA[table], Column("mood", "float64", "", "how it felt")))
            with pytest.raises(LookupError, match=f"{table}: nothing produces the column mood"):
                collect(experiment, points)


def test_every_column_holds_something_where_all_is_measured(result: Result) -> None:
    empty = {(table, name) for table in SCHEMA for name in names(table) if result.table(table)[name].isna().all()}
    assert empty <= {("runs", "diverged_at"), ("runs", "updates_to_target"), ("runs", "epochs_to_target")}


def test_every_run_point_and_layer_has_its_row(result: Result) -> None:
    runs = SMALL.runs()
    assert result.runs["run"].tolist() == [run.run for run in runs]
    assert result.epochs.groupby("run")["epoch"].apply(list).tolist() == [[0, 1, 2]] * len(runs)
    for run in runs:
        layers = result.layers[result.layers["run"] == run.run]
        assert layers["layer"].tolist() == list(range(1, len(run.hidden) + 2)) * 3
        assert layers["role"].tolist() == ([*("hidden",) * len(run.hidden), "output"]) * 3
    assert not result.layers.duplicated(["run", "epoch", "layer"]).any()
    assert not result.histograms.duplicated(["group", "epoch", "layer", "quantity", "level", "left"]).any()


def test_every_row_carries_the_settings_of_its_run(result: Result) -> None:
    by_run = {run.run: run for run in SMALL.runs()}
    for table in ("runs", "epochs", "layers"):
        for row in result.table(table).to_dict("records"):
            run = by_run[row["run"]]
            assert row["group"] == SMALL.label(run)
            assert row["dataset"] == "iris"
            assert row["hidden"] == ("-".join(map(str, run.hidden)) or "none")
            assert row["batch_size"] == "32"
            for name in ("activation", "initialiser", "gain", "learning_rate", "seed"):
                assert row[name] == getattr(run, name)
    assert train(change(IRIS, batch_size=0, epochs=1)).runs["batch_size"].tolist() == ["full"]


def test_groups_stand_in_the_experiments_order(result: Result) -> None:
    for table in SCHEMA:
        assert result.table(table)["group"].unique().tolist() == list(SMALL.groups())


@pytest.mark.parametrize("target", ["train_loss:0.9", "test_accuracy:0.8", "train_accuracy:1", "train_loss:0"])
def test_the_target_is_met_at_the_first_recorded_point_that_meets_it(target: str) -> None:
    result = train(change(SMALL, target=target, epochs=4))
    measure, _, goal = target.partition(":")
    for run in result.runs.to_dict("records"):
        met = [
            (row["update"], row["epoch"])
            for row in result.epochs[result.epochs["run"] == run["run"]].to_dict("records")
            if (row[measure] <= float(goal) if measure.endswith("loss") else row[measure] >= float(goal))
        ]
        if met:
            assert (run["updates_to_target"], run["epochs_to_target"]) == met[0]
            assert run["status"] == "converged"
        else:
            assert math.isnan(run["updates_to_target"])
            assert math.isnan(run["epochs_to_target"])
            assert run["status"] == "not_reached"
        assert run["last_update"] == 16


def test_a_run_whose_last_epoch_is_still_to_come_is_running_and_is_what_it_becomes() -> None:
    experiment = change(SMALL, target="train_accuracy:1.0", epochs=4)
    recorded = records(experiment)
    so_far = collect(experiment, [record for record in recorded if record.epoch < 4])
    ended = collect(experiment, recorded)
    assert set(so_far.runs["status"]) <= {"running", "converged"}
    assert "running" in set(so_far.runs["status"])
    assert "running" not in set(ended.runs["status"])
    assert so_far.asked("train_accuracy:0.999").runs["status"].eq("running").any()


def test_final_and_best_values_are_those_of_the_epochs(result: Result) -> None:
    for run in result.runs.to_dict("records"):
        epochs = result.epochs[result.epochs["run"] == run["run"]]
        for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
            best = epochs[name].min() if name.endswith("loss") else epochs[name].max()
            assert run[f"best_{name}"] == best
            assert run[f"final_{name}"] == epochs[name].iloc[-1]


def test_standard_statistics_leave_the_gradient_measures_empty() -> None:
    full, standard = train(SMALL), train(change(SMALL, statistics="standard"))
    gradient_columns = [name for name in names("layers") if name.endswith(tuple(f"_{level}" for level in LEVELS))]
    assert standard.layers[[*gradient_columns, "gradient_std"]].isna().all(axis=None)
    assert standard.epochs["gradient_norm"].isna().all()
    assert standard.runs[["path_length", "tortuosity", "mean_update_cosine"]].isna().all(axis=None)
    for name in ("preactivation_std", "saturated", "weight_std"):
        assert standard.layers[name].equals(full.layers[name])
    assert set(standard.histograms["quantity"]) == {"preactivation", "activation"}


def test_a_result_so_far_is_the_beginning_of_the_result() -> None:
    found = records(SMALL, singles, segment=1)
    whole = collect(SMALL, found)
    begun = collect(SMALL, [record for record in found if record.epoch < 2 and record.runs.flat[0] % 2 == 0])
    chosen = whole.layers[(whole.layers["epoch"] < 2) & (whole.layers["run"] % 2 == 0)].reset_index(drop=True)
    assert begun.layers.equals(chosen)
    assert set(begun.runs["run"]) == {run.run for run in SMALL.runs() if run.run % 2 == 0}


# Files


@pytest.mark.parametrize(
    "experiment", [SMALL, DIVERGING, change(SMALL, statistics="standard", dtype="float32"), None], ids=str
)
def test_a_zip_reads_back_to_equal_tables(experiment: Experiment | None) -> None:
    result = collect(SMALL, []) if experiment is None else train(experiment)
    loaded = load_result(io.BytesIO(zipped(result)))
    assert loaded.experiment == result.experiment
    assert loaded.versions == result.versions == versions()
    for table in SCHEMA:
        pd.testing.assert_frame_equal(loaded.table(table), result.table(table), check_exact=True, obj=table)


def test_a_zip_on_disk_is_the_zip_in_memory(result: Result, tmp_path: Path) -> None:
    for path in (tmp_path / "a.zip", str(tmp_path / "b.zip")):
        result.to_zip(path)
        assert Path(path).read_bytes() == zipped(result)
        assert load_result(path).runs.equals(result.runs)


def test_equal_results_give_equal_bytes(result: Result) -> None:
    assert zipped(load_result(io.BytesIO(zipped(result)))) == zipped(result)
    again = train(SMALL, singles)
    for table in ("runs",):
        again.table(table)["seconds"] = result.table(table)["seconds"]
    assert zipped(again) == zipped(result)


def test_csvs_are_the_tables_in_the_schemas_columns_at_full_precision(result: Result, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    result.to_csv(folder)
    assert {path.name for path in folder.iterdir()} == {*(f"{name}.csv" for name in SCHEMA), "experiment.json"}
    with zipfile.ZipFile(io.BytesIO(zipped(result))) as archive:
        for name in archive.namelist():
            assert archive.read(name) == (folder / name).read_bytes()
    for table in SCHEMA:
        with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        assert header == names(table)
        assert len(rows) == len(result.table(table))
        for column, texts in zip(SCHEMA[table], zip(*rows, strict=True), strict=True):
            values = result.table(table)[column.name]
            if column.dtype == "float64":
                read = np.array([float(text) if text else math.nan for text in texts])
                np.testing.assert_array_equal(read, values.to_numpy())
            else:
                assert list(texts) == [str(value) for value in values]


def test_settings_and_versions_travel_with_the_tables(result: Result) -> None:
    with zipfile.ZipFile(io.BytesIO(zipped(result))) as archive:
        document = json.loads(archive.read("experiment.json"))
    assert Experiment.from_json(json.dumps(document)) == SMALL
    assert document["key"] == SMALL.key
    assert document["versions"]["numpy"] == np.__version__


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", '=HYPERLINK("http://x")']


@pytest.mark.parametrize("text", [*FORMULAS, "plain", "it's", "a, b", 'say "so"', "tanh · normal:1", "none", "nan", ""])
def test_text_reads_back_equal_and_none_of_it_is_a_formula_to_a_spreadsheet(result: Result, text: str) -> None:
    runs = result.runs.copy()
    runs["group"] = text
    cell = next(csv.DictReader(io.StringIO(csv_bytes(runs).decode(), newline="")))["group"]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.endswith(text)
    pd.testing.assert_frame_equal(read_table("runs", csv_bytes(runs)), runs, check_exact=True)


def test_numbers_below_zero_are_no_formulas(result: Result) -> None:
    assert b",-" in csv_bytes(result.layers)
    assert b"'" not in csv_bytes(result.layers)


@given(st.lists(st.floats(), min_size=1, max_size=30))
@settings(max_examples=15)
def test_any_number_reads_back_to_the_bit(values: list[float]) -> None:
    table = pd.DataFrame({column.name: [0] * len(values) for column in SCHEMA["histograms"]})
    table = table.astype({column.name: column.dtype for column in SCHEMA["histograms"]})
    for column in ("left", "count", "density"):
        table[column] = values
    loaded = read_table("histograms", csv_bytes(table))
    for column in ("left", "count", "density"):
        np.testing.assert_array_equal(loaded[column], table[column])


# Any small experiment

WIDTHS = st.lists(st.integers(1, 4), max_size=2).map(tuple)


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    """Any small experiment on 24 examples."""
    several = {"max_size": 2, "min_size": 1, "unique": True}
    return change(
        Experiment(),
        dataset=draw(st.sampled_from(["two_moons", "gaussian_blobs", "xor"])),
        samples=24,
        scaling=draw(st.sampled_from(["standardised", "unit_interval", "raw"])),
        activation=draw(st.sampled_from(list(ACTIVATIONS))),
        initialiser=draw(st.sampled_from(list(INITIALISERS))),
        gain=draw(st.sampled_from([0.01, 1.0, 30.0])),
        hidden=(draw(WIDTHS),),
        **draw(st.sampled_from([{"bias": False}, {}, {"bias_initialiser": ("zeros", "normal:0.5")}])),
        loss=draw(st.sampled_from(["cross_entropy", "squared_error"])),
        optimiser=draw(st.sampled_from(list(OPTIMISERS))),
        learning_rate=draw(st.lists(st.sampled_from([1e-3, 0.1, 3.0, 1e3]), **several)),  # type: ignore[arg-type]
        batch_size=draw(st.sampled_from([0, 1, 5, 1000])),
        epochs=draw(st.integers(1, 3)),
        seeds=draw(st.integers(1, 2)),
        record=draw(st.sampled_from(["log", "every", "0"])),
        statistics=draw(st.sampled_from(["full", "standard"])),
        probe=draw(st.sampled_from([0, 1, 7, 300])),
        dtype=draw(st.sampled_from(["float32", "float64"])),
    )


@given(experiments())
@settings(max_examples=15, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_the_tables_of_any_experiment_hold_together(experiment: Experiment) -> None:
    result = train(experiment)
    load_result(io.BytesIO(zipped(result)))  # which checks that the tables are the experiment's
    runs, epochs, layers, histograms = (result.table(name) for name in SCHEMA)
    assert set(runs["status"]) <= set(STATUSES)
    assert len(runs) == len(experiment.runs())
    assert not np.isinf(runs.select_dtypes("number")).any(axis=None)
    assert not np.isinf(epochs.select_dtypes("number")).any(axis=None)

    shares = [column.name for column in SCHEMA["layers"] if column.unit == "share"]
    for name in (*shares, *(f"agreement_{level}" for level in LEVELS), "agreement_random"):
        values = layers[name].dropna()
        assert ((values >= 0) & (values <= 1)).all(), name
    # What is flat at a = 0 is neither low nor high.
    assert (layers["saturated"].dropna() >= (layers["saturated_low"] + layers["saturated_high"]).dropna() - 1e-12).all()
    for level in LEVELS:
        same, agreement = layers[f"same_sign_{level}"], layers[f"agreement_{level}"]
        assert (same.isna() == agreement.isna()).all()
        # A neuron of one sign agrees with itself wholly, any other with at least 0.
        assert (agreement.dropna() >= same.dropna() - 1e-12).all()
        assert (same[agreement == 1] == 1).all()
        none = layers[f"no_gradient_{level}"]
        assert (same.isna() == (none.isna() | (none == 1))).all()
    for quantity in ("preactivation", "activation"):
        percentiles = layers[[name for name in layers.columns if name.startswith(f"{quantity}_p")]].dropna()
        assert (np.diff(percentiles, axis=1) >= 0).all()
    visited = layers.dropna(subset="orthants_visited")
    assert (visited["orthants_visited"] <= np.minimum(visited["orthants_possible"], visited["update"])).all()
    for name in ("path_length", "displacement"):
        assert (runs[name].dropna() >= 0).all()
    moved = runs.dropna(subset="tortuosity") if experiment.dtype == "float64" else runs[:0]
    assert (moved["tortuosity"] >= 1 - 1e-9).all()
    assert runs["mean_update_cosine"].dropna().between(-1.0001, 1.0001).all()

    assert set(histograms["quantity"]) <= set(QUANTITIES)
    assert (histograms["count"] > 0).all()
    assert (histograms["left"] < histograms["right"]).all()
    keys = ["group", "epoch", "layer"]
    alive = layers.groupby(keys).agg(fan_in=("fan_in", "first"), units=("fan_out", "sum"))
    train_size = len(data_of(experiment).train_y)
    for (what, kind), part in histograms.groupby(["quantity", "level"]):
        totals = part.groupby(keys)["count"].sum()
        units, fan_in = (alive[name].reindex(totals.index, fill_value=0) for name in ("units", "fan_in"))
        if what in ("preactivation", "activation"):
            assert (totals == units * min(experiment.probe or 1_000, train_size)).all()
        elif what == "gradient":
            assert (totals == units * fan_in).all()
        elif kind == "epoch":
            assert (totals <= units).all()
