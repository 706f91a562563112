"""Points within epochs: what is recorded there is what a loop by hand gives, and changes nothing else."""

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.charts.convergence import learning_curves
from core.engine.state import State
from core.experiment.experiment import Experiment, ExperimentError
from core.jobs import checkpoint
from core.jobs.plan import Chunk, Start, Work, recorded, segment
from core.results.convergence import with_diverged
from core.results.loading import ResultError, load_result
from core.results.results import Result, collect
from tests.engine import assert_same_tables, change, data_of, singles, train
from tests.test_network import mean_loss
from tests.test_training import DIVERGING, IRIS, SWEEP, weights_by_hand

MIXED = change(SWEEP, record="u1,u3,u4,u9,0,1,4", batch_size=(32, 0), statistics="full")
DIVERGES = change(DIVERGING, record="u1,u2,u30,u48,8")


@pytest.mark.parametrize(
    ("record", "canonical", "epochs", "updates"),
    [
        ("u0,u10,u2,5,1", "u2,u10,0,1,5,40", (0, 1, 5, 40), (2, 10)),
        ("u45,u46,2", "u45,u46,0,2,40", (0, 2, 40), (45, 46)),
        ("u90,2", "u90,0,2,40", (0, 2, 40), ()),
        ("u1", "u1,0,40", (0, 40), (1,)),
        (["u7", 3], "u7,0,3,40", (0, 3, 40), (7,)),
        ("u999999,3", "u999999,0,3,40", (0, 3, 40), ()),
    ],
)
def test_a_list_may_hold_updates(
    record: Any, canonical: str, epochs: tuple[int, ...], updates: tuple[int, ...]
) -> None:
    experiment = change(Experiment(), record=record)
    assert experiment.record == canonical
    assert experiment.record_epochs() == epochs
    assert experiment.record_updates(45) == updates
    assert Experiment.from_params(experiment.to_params()) == experiment


def test_recording_by_updates_is_dense_before_the_second_epoch_and_logarithmic_in_epochs() -> None:
    fine, plain = Experiment(), change(Experiment(), record="log")
    assert fine.record_epochs() == plain.record_epochs()
    assert fine.record_updates(45) == (1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 64)
    assert fine.record_updates(1) == plain.record_updates(45) == ()
    points = np.array(sorted({*fine.record_updates(1000), 1000, 2000}))
    assert (points[points > 10][1:] / points[points > 10][:-1]).max() < 1.5
    assert fine.cost().seconds > plain.cost().seconds


def test_what_is_no_point_is_refused() -> None:
    with pytest.raises(ExperimentError, match=r"record: 'u1,x' is not a whole number; allowed: .*u1,u2,u5,u10"):
        change(Experiment(), record="u1,x")


def test_a_loss_within_an_epoch_is_that_of_a_loop_by_hand() -> None:
    experiment = change(IRIS, record="u1,u2,u5,u8,u9,3", batch_size=50, epochs=3)
    (run,), data = experiment.runs(), data_of(experiment)
    hand = [
        float(mean_loss(parameters, data.train_x, data.train_y, run.activation, experiment.loss))
        for parameters in weights_by_hand(experiment)
    ]
    table = train(experiment).epochs
    assert table["update"].tolist() == [0, 1, 2, 5, 8, 9]
    assert table["epoch"].tolist() == [0, 0, 0, 1, 2, 3]
    np.testing.assert_allclose(table["train_loss"], [hand[update] for update in table["update"]], rtol=1e-8)


@pytest.mark.parametrize("experiment", [MIXED, change(MIXED, statistics="standard", dtype="float32")], ids=str)
def test_points_within_epochs_change_no_bit_of_the_others(experiment: Experiment) -> None:
    result, plain = train(experiment), train(change(experiment, record="0,1,4"))
    ends = result.epochs.merge(plain.epochs[["run", "update"]], on=["run", "update"])
    pd.testing.assert_frame_equal(ends, plain.epochs, check_exact=True)
    for table in ("layers", "histograms"):
        pd.testing.assert_frame_equal(result.table(table), plain.table(table), check_exact=True)
    full = result.epochs["batch_size"] == "full"
    assert set(result.epochs.loc[full, "update"]) == {0, 1, 3, 4}
    assert set(result.epochs.loc[~full, "update"]) == {0, 1, 3, 4, 9, 16}
    assert result.epochs["update_to_weight_ratio"].notna().sum() == len(result.epochs) - len(result.runs)


@pytest.mark.parametrize("experiment", [MIXED, DIVERGES, change(MIXED, record="updates")], ids=str)
def test_no_cut_and_no_stop_changes_a_bit(experiment: Experiment) -> None:
    expected = train(experiment)
    assert_same_tables(train(experiment, singles, segment=1), expected)
    data, works = data_of(experiment), []
    for shape in {(run.hidden, run.batch_size, run.activation): run for run in experiment.runs()}:
        runs = tuple(run for run in experiment.runs() if (run.hidden, run.batch_size, run.activation) == shape)
        works.append(Work(Chunk(runs, 1e-3), Start(experiment, runs, data), experiment.epochs, 1e-3))
    while not all(work.finished for work in works):
        for work in works:
            if not work.finished:
                assert isinstance(work.state, State | Start)
                work.take(segment(work.state, 1))
        works = checkpoint.restore(checkpoint.dump(works), experiment)
    assert_same_tables(collect(experiment, recorded(works)), expected)


def zipped(result: Result) -> io.BytesIO:
    file = io.BytesIO()
    result.to_zip(file)
    return file


def test_a_run_that_diverges_within_an_epoch_is_frozen_there_and_the_others_do_not_notice() -> None:
    result = train(DIVERGES)
    lost = result.runs[result.runs["diverged_at"].notna()]
    assert 0 < len(lost) < len(result.runs)
    assert lost["diverged_at"].isin([1, 2, 30, 48]).any()
    assert (lost["last_update"] == lost["diverged_at"]).all()
    assert result.layers[result.layers["run"].isin(lost["run"])]["epoch"].max() < 8
    calm = train(change(DIVERGES, learning_rate=0.05))
    own = result.runs[result.runs["learning_rate"] == 0.05].reset_index(drop=True)
    for column in ("final_train_loss", "path_length", "updates_to_target", "tortuosity"):
        assert own[column].equals(calm.runs[column]), column


@pytest.mark.parametrize("experiment", [MIXED, DIVERGES], ids=str)
def test_files_with_points_within_epochs_read_back_equal_and_others_are_refused(experiment: Experiment) -> None:
    result = train(experiment)
    assert_same_tables(load_result(zipped(result)), result)
    wrong = result.epochs["update"].where(result.epochs["update"] != 1, 2)
    forged = Result(experiment, result.runs, result.epochs.assign(update=wrong), result.layers, result.histograms)
    with pytest.raises(ResultError, match=r"epochs.csv: update is 2 in line 3; allowed: 1 by experiment.json"):
        load_result(zipped(forged))


def test_curves_have_points_within_epochs_in_parts_of_an_epoch() -> None:
    result = train(MIXED)
    table = with_diverged(result)
    some = table[table["batch_size"] == "32"]
    assert sorted(set(some["epoch"])) == [0, 0.25, 0.75, 1, 2.25, 4]
    assert table["gradient_norm"].isna().any()
    assert with_diverged(result, within=False)["gradient_norm"].notna().all()
    assert with_diverged(train(SWEEP))["epoch"].dtype == np.int64
    chart = learning_curves(table, groups=result.experiment.groups())
    assert chart.to_dict()
