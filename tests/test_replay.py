"""core.results.replay: the weights and units of a run, against a loop by hand and the tables of its result."""

import io
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.__main__ import main
from core.experiment.experiment import Experiment
from core.results import replay
from core.results.loading import load_result
from core.results.results import Result, ResultError
from tests.engine import change, train
from tests.test_training import DIVERGING, IRIS, weights_by_hand

SWEEP = Experiment.from_text(
    "dataset=iris&activation=logistic,relu&initialiser=normal:1,glorot_uniform&hidden=6-5&learning_rate=0.1,1&seeds=2"
    "&epochs=5&record=every&probe=40"
)


@pytest.fixture(scope="module")
def result() -> Result:
    return train(SWEEP)


def test_the_weights_are_those_of_a_loop_by_hand_at_any_epoch() -> None:
    experiment = change(IRIS, batch_size=50, record="0,6")
    hand, found = list(weights_by_hand(experiment)), train(experiment)
    for epoch in (0, 1, 4, 6):
        for (W, b), (W2, b2) in zip(found.weights(0, epoch), hand[3 * epoch], strict=True):
            np.testing.assert_allclose(W, W2, rtol=1e-8)
            np.testing.assert_allclose(b, b2, rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize("epoch", [0, 3, 5])
def test_units_add_up_to_the_layers_table(result: Result, epoch: int) -> None:
    calm = result.runs[(result.runs["learning_rate"] == 0.1) & (result.runs["seed"] == 1)]
    for run in calm["run"]:
        layers = result.layers[(result.layers["run"] == run) & (result.layers["epoch"] == epoch)]
        layers = layers[layers["role"] == "hidden"].set_index("layer")
        units = result.units(run, epoch).groupby("layer")
        assert units.size().to_dict() == {1: 6, 2: 5}
        for name in ("saturated", "activation_mean", "preactivation_mean"):
            np.testing.assert_allclose(units[name].mean(), layers[name], rtol=1e-5, atol=1e-6)
        rms = np.sqrt(units["weight_rms"].apply(lambda values: (values**2).mean()))
        np.testing.assert_allclose(rms, layers["weight_rms"], rtol=1e-5)
        same = units["gradient_positive"].apply(lambda shares: shares.dropna().isin([0, 1]).mean())
        np.testing.assert_allclose(same, layers["same_sign_epoch"], atol=1e-6)


def test_what_cannot_be_had_is_refused(result: Result) -> None:
    with pytest.raises(ValueError, match=r"run is 99; allowed: the runs of the result, 0 to 15"):
        result.weights(99, 0)
    with pytest.raises(ValueError, match=r"epoch is 6; allowed: 0 to 5"):
        result.weights(0, 6)
    wild = train(DIVERGING)
    lost = int(wild.runs.loc[wild.runs["diverged_at"].notna(), "run"].iloc[0])
    with pytest.raises(ValueError, match=r"run \d+ had diverged by then"):
        wild.weights(lost, 8)
    forged = replace(result, epochs=result.epochs.assign(train_loss=result.epochs["train_loss"] * (1 + 1e-9)))
    with pytest.raises(ResultError, match=r"run 0 has the training loss .* where it is trained again"):
        forged.weights(0, 5)
    with pytest.raises(ValueError, match=r"run 0 has no hidden layer"):
        train(change(SWEEP, hidden="none", epochs=1)).units(0, 1)


def test_the_weights_of_a_file_are_those_of_the_result_and_the_command_writes_them(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, out = tmp_path / "result.zip", tmp_path / "weights.npz"
    result.to_zip(place)
    again = load_result(place).weights(0, 5)
    command = ["weights", str(place), "--run", "0", "--out", str(out)]
    assert main(command) == 0
    with np.load(io.BytesIO(out.read_bytes())) as written:
        assert written.files == ["W1", "b1", "W2", "b2", "W3", "b3"]
        for n, (W, b) in enumerate(again, 1):
            np.testing.assert_array_equal(written[f"W{n}"], W)
            np.testing.assert_array_equal(written[f"b{n}"], b)
    assert main(command) == 2
    assert main(["weights", str(place), "--run", "0", "--epoch", "9", "--out", str(tmp_path / "new")]) == 2
    assert "epoch is 9; allowed: 0 to 5" in capsys.readouterr().err


@pytest.mark.parametrize("experiment", [SWEEP, DIVERGING, change(SWEEP, initialiser=("lsuv", "orthogonal"))])
def test_what_was_trained_passes_whole_or_in_part_and_with_other_kernels(experiment: Experiment) -> None:
    found = train(experiment)
    replay.check(found)
    replay.check(replace(found, versions=found.versions | {"kernels": "elsewhere"}))
    part = found.epochs["epoch"] <= 2
    replay.check(replace(found, epochs=found.epochs[part], layers=found.layers[found.layers["epoch"] <= 2]))


@pytest.mark.parametrize(
    ("table", "column", "epoch", "kernels", "refused"),
    [
        ("epochs", "train_loss", 0, "", True),
        ("epochs", "test_loss", 0, "elsewhere", True),
        ("layers", "weight_std", 0, "elsewhere", True),
        ("layers", "activation_mean", 0, "", True),
        ("epochs", "train_loss", 5, "", True),
        ("layers", "preactivation_std", 3, "", True),
        ("epochs", "train_loss", 5, "elsewhere", False),  # another processor may have come to another end
    ],
)
def test_numbers_forged_alike_in_all_runs_are_refused_by_their_runs_drawn_again(
    result: Result, table: str, column: str, epoch: int, kernels: str, refused: bool
) -> None:
    rows = result.table(table).copy()
    rows.loc[rows["epoch"] == epoch, column] *= 1.01
    tables: dict[str, Any] = {table: rows}
    forged = replace(result, **tables, versions=result.versions | ({"kernels": kernels} if kernels else {}))
    said = rf"{table}.csv: {column} is .*; allowed: about .* by its run, drawn again"
    with pytest.raises(ResultError, match=said) if refused else nullcontext():
        replay.check(forged)
