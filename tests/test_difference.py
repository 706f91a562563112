"""Comparing two results: what was changed by hand is found, by the amount that it was changed by, and nothing else."""

import io
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.__main__ import main
from core.experiment.experiment import Experiment
from core.jobs.running import run
from core.lessons.difference import Change, compare, relative
from core.machine import blas
from core.results.loading import load_result
from core.results.results import Result, from_elsewhere, versions
from core.schema import SCHEMA

TINY = Experiment(
    dataset=("iris",), activation=("logistic", "tanh"), initialiser=("normal:1",), hidden=((6, 4),),
    learning_rate=(0.5,), epochs=6, seeds=3, record="every", target="train_accuracy:0.8",
)  # fmt: skip


@pytest.fixture(scope="module")
def result() -> Result:
    return run(TINY)


def with_values(result: Result, table: str, column: str, row: int, value: Any) -> Result:
    changed = result.table(table).copy()
    changed.loc[row, column] = value
    tables: Any = {table: changed}
    return replace(result, **tables)


def test_a_result_is_equal_to_itself_and_to_another_training_of_it(result: Result) -> None:
    again = run(TINY)
    again.runs["seconds"] = result.runs["seconds"] * 3
    # What a claim says of time is for the times.
    difference = compare(result, again)
    assert difference.equal
    assert (difference.settings, difference.versions, difference.statuses) == ((), (), ())
    assert difference.columns == ()
    assert difference.common == {name: len(result.table(name)) for name in SCHEMA}
    assert list(difference.lines())[-1] == "equal to the bit, but for the times"


def test_one_number_that_differs_by_a_quarter_is_found_and_so_is_the_last_bit_of_another(result: Result) -> None:
    loss = result.epochs["train_loss"]
    changed = with_values(result, "epochs", "train_loss", 9, loss[9] * 0.75)
    changed = with_values(changed, "epochs", "test_loss", 2, np.nextafter(result.epochs["test_loss"][2], math.inf))
    columns = compare(result, changed).columns
    assert [(c.table, c.column, c.rows, c.of, c.runs) for c in columns] == [
        ("epochs", "train_loss", 1, len(loss), 1),
        ("epochs", "test_loss", 1, len(loss), 1),
    ]
    assert columns[0].largest == pytest.approx(0.25)
    assert 0 < columns[1].largest < 3e-16
    lines = "\n".join(compare(result, changed).lines())
    assert f"epochs.train_loss: 1 of {len(loss)} rows, in 1 run, by 25 % at most" in lines
    assert lines.endswith("not equal")


def test_another_status_and_its_median_are_told_by_group_and_seed(result: Result) -> None:
    rows = result.runs.index[result.runs["activation"] == "tanh"]
    changed = result
    for row, value in zip(rows, (6.0, 12.0, math.nan), strict=True):
        changed = with_values(changed, "runs", "updates_to_target", row, value)
    changed = with_values(changed, "runs", "status", rows[2], "not_reached")
    first = with_values(result, "runs", "status", rows[2], "converged")
    difference = compare(first, changed)
    assert difference.statuses == (Change("tanh, seed 2", "converged", "not_reached"),)
    before = float(np.median(result.runs["updates_to_target"][rows].fillna(math.inf)))
    assert difference.medians == (("tanh", before, 12.0),)


def test_a_number_that_only_one_has_differs_by_no_amount_and_two_missing_ones_are_equal(result: Result) -> None:
    changed = with_values(result, "layers", "weight_std", 0, math.nan)
    [column] = compare(result, changed).columns
    assert (column.table, column.column, column.rows) == ("layers", "weight_std", 1)
    assert math.isnan(column.largest)
    assert column.change.much == ""
    assert compare(changed, changed).equal


def test_runs_are_matched_by_their_settings_and_seeds(result: Result) -> None:
    other = run(replace(TINY, activation=("tanh",), seeds=4, first_seed=1))
    difference = compare(result, other)
    assert {change.name for change in difference.settings} == {"activation", "seeds", "first_seed"}
    assert [difference.common["runs"], difference.first_only["runs"], difference.second_only["runs"]] == [2, 4, 2]
    runs_and_epochs = [column for column in difference.columns if column.table != "histograms"]
    assert runs_and_epochs == [], "the same runs, trained among others"
    assert not difference.equal
    assert compare(other, result).common == difference.common


@pytest.mark.parametrize(
    ("first", "second", "wanted"), [(2.0, 1.0, 0.5), (-1.0, 1.0, 2.0), (0.0, 0.0, 0.0), (0.0, 3.0, 1.0)]
)
def test_a_relative_difference_is_that_of_the_larger_value(first: float, second: float, wanted: float) -> None:
    assert relative(first, second) == wanted
    assert math.isnan(relative(first, math.inf))


def test_the_command_says_what_differs_and_its_status_says_whether(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = tmp_path / "one.zip", tmp_path / "other.zip"
    result.to_zip(one)
    result.to_zip(other)
    assert main(["compare", str(one), str(other)]) == 0
    assert capsys.readouterr().out.endswith("equal to the bit, but for the times\n")
    result.to_csv(tmp_path / "folder")
    assert main(["compare", str(tmp_path / "folder"), str(one)]) == 0
    assert capsys.readouterr().out.endswith("equal to the bit, but for the times\n")
    loss = result.epochs["test_loss"]
    with_values(result, "epochs", "test_loss", 0, loss[0] * 2).to_zip(other)
    assert main(["compare", str(one), str(other)]) == 1
    assert f"  epochs.test_loss: 1 of {len(loss)} rows, in 1 run, by 50 % at most\n" in capsys.readouterr().out
    other.write_bytes(b"no zip")
    for wrong, reason in ((other, "not a readable result zip"), (tmp_path / "none.zip", "No such file")):
        assert main(["compare", str(one), str(wrong)]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert wrong.name in told
        assert reason in told


def test_a_result_carries_the_kernels_that_trained_it(result: Result) -> None:
    assert result.versions["kernels"] == blas.kernels()
    assert re.fullmatch(r"\S+ [\d.]+( \w+)?, NumPy \S+", blas.kernels())
    assert versions(["b", "a", "b"])["kernels"] == "a and 1 more"
    buffer = io.BytesIO()
    result.to_zip(buffer)
    buffer.seek(0)
    assert load_result(buffer).versions["kernels"] == blas.kernels()


def test_a_result_from_another_kind_of_processor_is_told_from_one_of_this() -> None:
    assert from_elsewhere(versions()) == ""
    assert from_elsewhere({"engine": "3"}) == "", "nothing is known of it"
    told = from_elsewhere(versions(["openblas 0.3.31 Z80, NumPy baseline"]))
    assert "openblas 0.3.31 Z80, NumPy baseline" in told
    assert blas.kernels() in told


@pytest.mark.skipif("openblas" not in blas.kernels(), reason="another BLAS has no such switch")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the kernels' names are those of x86-64")
def test_the_kernels_named_are_those_that_the_process_was_told_to_use() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", "from core.machine.blas import kernels; print(kernels())"],
            env={**os.environ, "OPENBLAS_CORETYPE": kernel}, capture_output=True, text=True, check=True,
        ).stdout
        for kernel in ("Nehalem", "Haswell")
    ]  # fmt: skip
    assert [re.search(r"openblas [\d.]+ (\w+)", one)[1] for one in told] == ["Nehalem", "Haswell"]  # type: ignore[index]


def test_tables_without_rows_are_compared(result: Result) -> None:
    tables: Any = {name: result.table(name).iloc[:0] for name in SCHEMA}
    empty = replace(result, **tables)
    difference = compare(empty, result)
    assert difference.common["runs"] == 0
    assert difference.second_only["runs"] == len(result.runs)
    assert not difference.equal
    assert compare(empty, empty).equal
