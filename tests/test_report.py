"""core.results.report: each start at its best rate, by hand, and the command that prints it."""

import io
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.__main__ import main
from core.experiment.experiment import Experiment
from core.results.convergence import SETTINGS, median_interval
from core.results.results import Result
from tests.engine import train

GRID = Experiment.from_text(
    "dataset=iris&activation=tanh&initialiser=zeros,normal:0.5,glorot_uniform,glorot_normal&hidden=6-6&gain=0.5,2"
    "&learning_rate=0.01,0.1,1&optimiser=adam&epochs=12&record=every&seeds=5&statistics=standard"
)


@pytest.fixture(scope="module")
def result() -> Result:
    return train(GRID)


def test_each_row_is_what_the_runs_at_its_best_rate_say(result: Result) -> None:
    table = result.report()
    assert len(table) == 8
    for row in table.to_dict("records"):
        runs = result.runs[(result.runs[SETTINGS] == pd.Series({name: row[name] for name in SETTINGS})).all(axis=1)]
        medians = runs.fillna({"updates_to_target": math.inf}).groupby("learning_rate")["updates_to_target"].median()
        own = runs[runs["learning_rate"] == row["learning_rate"]]
        assert row["runs"] == len(own) == 5
        assert row["reached"] == own["updates_to_target"].notna().mean()
        if row["initialiser"] == "zeros":
            assert math.isnan(row["place"])
            assert math.isnan(row["updates_to_target"])
            assert row["low"] == row["high"] == math.inf
        else:
            assert row["updates_to_target"] == medians.min() == medians[row["learning_rate"]]
            assert row["low"] <= row["updates_to_target"] <= row["high"]
    assert table["updates_to_target"].dropna().is_monotonic_increasing


def test_groups_within_a_recorded_step_have_one_place(result: Result) -> None:
    table = result.report()
    step = 4  # updates of an epoch: 120 examples by 32
    for (_, one), (_, other) in itertools.combinations(table.dropna(subset="place").iterrows(), 2):
        if one["place"] == 1:
            assert (other["place"] == 1) == (abs(one["updates_to_target"] - other["updates_to_target"]) < step)
        assert one["place"] <= other["place"]
    assert table["place"].iloc[0] == 1


@pytest.mark.parametrize("times", [[4.0, 8.0, 8.0, 16.0], [1.0, 5.0, math.inf]])
def test_the_interval_of_a_median_is_that_of_all_resamples(times: list[float]) -> None:
    """Of three or four runs every resample can be listed."""
    medians = np.sort(np.median(list(itertools.product(times, repeat=len(times))), axis=1))
    low, high = (medians[round(q * (len(medians) - 1))] for q in (0.025, 0.975))
    assert median_interval(np.array(times)) == (low, high)


def test_one_seed_has_no_interval_and_a_group_without_a_best_rate_no_numbers(result: Result) -> None:
    one = replace(result, runs=result.runs[result.runs["seed"] == 0].reset_index(drop=True)).report()
    assert one[["low", "high"]].isna().all(axis=None)
    lost = result.runs.assign(updates_to_target=np.nan, diverged_at=4.0, status="diverged")
    none = replace(result, runs=lost).report()
    assert none[["learning_rate", "place", "reached", "low"]].isna().all(axis=None)
    assert set(none["note"]) == {"diverged at every rate"}
    assert (none["runs"] == 0).all()


def test_the_command_prints_the_table_for_people_and_for_machines(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "result.zip")
    result.to_zip(place)
    assert main(["report", place]) == 0
    head, *_, last = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "initialiser"
    assert last.startswith("Updates to training accuracy ≥ 0.9 at each one's best learning rate.")
    assert main(["report", place, "--format", "csv"]) == 0
    written = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"batch_size": "str", "residual": "str"})
    written["note"] = written["note"].fillna("")
    pd.testing.assert_frame_equal(written, result.report(), check_dtype=False)
    assert main(["report", place, "--format", "json", "--target", "train_loss:1000"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["place"] for row in rows} == {1.0}
    assert main(["report", place, "--target", "loss"]) == 2
    assert "target: 'loss' is not a known name" in capsys.readouterr().err


def test_the_command_says_nothing_of_chance_or_choice_where_there_is_one_seed_and_one_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = train(
        Experiment.from_text("dataset=iris&hidden=2&activation=tanh&initialiser=zeros,normal:1&epochs=1&seeds=1")
    )
    one.to_zip(tmp_path / "one.zip")
    assert main(["report", str(tmp_path / "one.zip")]) == 0
    head, *rows, _, last = capsys.readouterr().out.splitlines()
    place = head.index("95 % interval")
    assert {row[place : place + 13].strip() for row in rows} == {"-"}
    assert all(row.endswith("no more than half reached the target") for row in rows)
    assert "at learning rate 0.1: another may suit some better." in last
    assert "best" not in last


def test_methods_of_a_result_give_what_the_pages_compute(result: Result) -> None:
    assert len(result.best_rates()) == 8
    assert set(result.survival()["group"]) == set(result.speed_up(GRID.groups()[0])["group"]) == set(GRID.groups())
    assert set(result.outcomes()) <= {"reached", "not reached"}
    with pytest.raises(ValueError, match=r"baseline is 'nobody'; allowed: zeros · gain 0\.5"):
        result.speed_up("nobody")
