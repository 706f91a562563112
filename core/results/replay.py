"""What a run of a result was at some epoch: it is trained again by itself, to the same bits.

Weights are not kept with results: they would be most of them, and a run alone takes a moment. A visitor's file is held
against a few of its runs in the same way (`check`).
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.engine.measures import saturated_from
from core.engine.network import backward, forward
from core.engine.training import advance, start
from core.experiment.data import data_of
from core.experiment.experiment import ENGINE_VERSION
from core.registries.activations import ACTIVATIONS
from core.registries.losses import LOSSES
from core.results.consistency import require
from core.results.results import Result, ResultError, versions

Parameters = list[tuple[NDArray[Any], NDArray[Any]]]

AGAIN = 4
"""Runs of a file that are looked at again, evenly from the first to the last."""
SECONDS = 0.3
"""How long training these may take; of others, and where this machine rounds differently, no more than the start."""
OPERATIONS = 2e9
"""Most operations of a pass over the training set: a larger network is not drawn again at all."""
CLOSE = 1e-3
"""Relative difference of numbers from another kind of processor."""
COMPARED = {"epochs": ("train_loss", "test_loss"), "layers": ("weight_std", "preactivation_std", "activation_mean")}


def check(result: Result) -> None:
    """Raises ResultError where a few of the runs, drawn again from their seeds, are not what the tables say.

    They are trained again too where that is quick, by the same versions on the same kind of processor.
    """
    cost, numbers = result.experiment.cost(), result.runs["run"].to_numpy()
    passes = cost.runs * (result.experiment.epochs + len(result.experiment.record_epochs()))
    if result.versions.get("engine") != ENGINE_VERSION or cost.flops / passes > OPERATIONS or not len(numbers):
        return
    trained = result.versions == versions() and AGAIN * cost.seconds / cost.runs < SECONDS
    for number in np.unique(numbers[np.linspace(0, len(numbers) - 1, AGAIN).astype(np.int64)]):
        _check_run(result, int(number), trained)


def _check_run(result: Result, number: int, trained: bool) -> None:
    run = result.experiment.run_number(number)
    epochs, layers = (table[table["run"] == number] for table in (result.epochs, result.layers))
    state = start(result.experiment, [run], data_of(result.experiment, run.dataset))
    for record in advance(state, int(epochs["epoch"].max()) if trained else 0)[1]:
        if record.diverged.any() or not record.alive.any():  # its numbers mean nothing
            return
        _compare("epochs", epochs[epochs["update"] == record.update], record.epochs)
        for layer, columns in enumerate(record.layers, 1):
            _compare("layers", layers[(layers["update"] == record.update) & (layers["layer"] == layer)], columns)


def _compare(name: str, row: pd.DataFrame, again: dict[str, Any]) -> None:
    for column in COMPARED[name]:
        value = float(np.ravel(again.get(column, np.nan))[0])
        if np.isfinite(value):
            near = np.isclose(row[column], value, rtol=CLOSE, atol=CLOSE * CLOSE)
            require(name, row, column, near, f"about {value:.6g} by its run, drawn again from its seed")


def weights(result: Result, run: int, epoch: int) -> Parameters:
    """The weights of a run after so many epochs, recorded or not: (W, b) per layer, W of shape (fan_in, fan_out).

    Raises:
        ValueError: no such run or epoch, or one at which the run had diverged.
        ResultError: trained again here, the run has other numbers: another processor or version trained the result.
    """
    experiment = result.experiment
    if run not in set(result.runs["run"]):
        raise ValueError(f"run is {run!r}; allowed: the runs of the result, 0 to {len(experiment.runs()) - 1}")
    if epoch not in range(experiment.epochs + 1):
        raise ValueError(f"epoch is {epoch!r}; allowed: 0 to {experiment.epochs}")
    chosen = experiment.run_number(run)
    state, records = advance(start(experiment, [chosen], data_of(experiment, chosen.dataset)), epoch)
    own = result.epochs[result.epochs["run"] == run].set_index("update")["train_loss"]
    for record in records:
        again, stored = record.epochs["train_loss"].item(), own.get(record.update, np.nan)
        if np.isfinite(again) and again != stored:
            raise ResultError(
                f"run {run} has the training loss {again!r} at update {record.update} where it is trained again, and "
                f"{stored!r} in the result: another processor or version trained it ({result.versions})"
            )
    if not state.alive.all():
        raise ValueError(f"epoch is {epoch}; run {run} had diverged by then: allowed is an epoch before that")
    return [(w[0, 0, :, :-1].T.copy(), w[0, 0, :, -1].copy()) for w in state.weights]


def units(result: Result, run: int, epoch: int) -> pd.DataFrame:
    """What the units of a run's hidden layers are after so many epochs, one row each.

    Returns:
        Columns layer, unit (both from 1), weight_rms (of its incoming weights), preactivation_mean, activation_mean and
        saturated (share of the examples on which its slope is below the threshold), over the probe, and of its incoming
        weights' gradients on the mean loss of the training set gradient_rms and gradient_positive (share of those that
        are not 0; empty where all are).

    Raises as `weights` does.
    """
    experiment = result.experiment
    parameters, chosen = weights(result, run, epoch), experiment.run_number(run)
    data = data_of(experiment, chosen.dataset)
    activation = ACTIVATIONS[chosen.activation]
    inputs = data.train_x.astype(experiment.dtype)
    probe = inputs[: experiment.probe or len(inputs)]
    wiring: dict[str, Any] = {"residual": chosen.residual, "normalisation": chosen.normalisation}
    a, h = forward(parameters, probe, activation, **wiring)
    below, above, flat_at_0 = saturated_from(activation, experiment.saturation_threshold, a[0].dtype)
    _, gradients = backward(parameters, inputs, data.train_y, activation, LOSSES[experiment.loss], **wiring)
    tables = []
    for layer, (W, values, given, (dW, _)) in enumerate(
        zip((W for W, _ in parameters), a, h, gradients, strict=False), 1
    ):
        saturated = (values <= below) | (values >= above) | (flat_at_0 & (values == 0))
        positive, some = (dW > 0).sum(axis=0), (dW != 0).sum(axis=0)
        columns = {
            "weight_rms": np.sqrt(np.square(W, dtype=np.float64).mean(axis=0)),
            "preactivation_mean": values.mean(axis=0, dtype=np.float64),
            "activation_mean": given.mean(axis=0, dtype=np.float64),
            "saturated": saturated.mean(axis=0),
            "gradient_rms": np.sqrt(np.square(dW, dtype=np.float64).mean(axis=0)),
            "gradient_positive": positive / np.where(some > 0, some, np.nan),
        }
        tables.append(pd.DataFrame({"layer": layer, "unit": np.arange(1, W.shape[1] + 1), **columns}))
    if not tables:
        raise ValueError(f"run {run} has no hidden layer: allowed are runs with units to look at")
    return pd.concat(tables, ignore_index=True)
