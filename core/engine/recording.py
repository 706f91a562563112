"""What is recorded of a chunk of runs at one point of training.

One pass over the training set gives its loss, accuracy and (full statistics) its gradient; the first block
of examples is the probe, on which the layers are looked at closely. Memory is bounded by the block.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.engine.measures import (
    Signs,
    bin_edges,
    example_signs,
    gradient_signs,
    moments,
    percentile_columns,
    positive_share_histogram,
    random_agreement,
    saturation,
    singular_values,
    summarise_signs,
)
from core.engine.network import Layers, Workspace, Workspaces, back_propagate, norm, propagate, weight_gradients
from core.engine.state import Examples, State
from core.engine.symmetry import tie_weights
from core.machine.blas import kernels
from core.machine.sorting import counts, distribution, histogram
from core.registries.losses import LOSSES, correct

Array = NDArray[Any]

DIVERGED_FACTOR = 1e6
"""A run whose loss exceeds this many times its initial loss has diverged. Of an initial loss of 0 nothing is a
multiple: there it has where loss or weights are not finite."""

BLOCK = 96
"""Examples that are evaluated at a time."""

MINI_BATCHES = 8
"""Most mini-batches of the probe whose gradient signs are looked at."""

JACOBIAN_EXAMPLES = 8
"""Most examples of the probe at which the network's Jacobian is taken: with ten outputs the work of 80 examples."""


@dataclass(frozen=True)
class Histogram:
    """Counts of one quantity in one layer per group, (groups, bins); the bins are `measures.bin_edges`."""

    layer: int
    quantity: str
    level: str
    counts: NDArray[Any]


@dataclass(frozen=True)
class Record:
    """One recorded point of a chunk.

    Attributes:
        runs: run numbers, (groups, seeds).
        alive: whether the run was still training when it was recorded; the others' values mean nothing.
        diverged: whether it was found to have diverged here.
        epoch, update, seconds: when.
        epochs: columns of the epochs table and of the path so far, (groups, seeds) each.
        layers: columns of the layers table per layer, an array (groups, seeds) or one value for all; none within an
            epoch.
        histograms: counts over the group's runs that live and have not diverged here.
        kernels: what the process computes with that trained (`core.machine.blas.kernels`).
    """

    runs: NDArray[np.int64]
    alive: NDArray[np.bool_]
    diverged: NDArray[np.bool_]
    epoch: int
    update: int
    seconds: float
    epochs: dict[str, NDArray[np.float64]]
    layers: tuple[dict[str, Any], ...]
    histograms: tuple[Histogram, ...]
    kernels: str

    def compact(self) -> "Record":
        """The same in a third of the memory, where it comes from another process: an array that was pickled keeps three
        objects alive, each of them larger than a few runs' numbers."""
        return replace(
            self,
            runs=_own(self.runs),
            alive=_own(self.alive),
            diverged=_own(self.diverged),
            epochs={name: _own(values) for name, values in self.epochs.items()},
            layers=tuple({name: _own(value) for name, value in columns.items()} for columns in self.layers),
            histograms=tuple(replace(h, counts=_own(h.counts)) for h in self.histograms),
        )


def _own(value: Any) -> Any:
    """An array with memory of its own; anything else as it is."""
    return value.copy() if isinstance(value, np.ndarray) and value.base is not None else value


@dataclass
class _Notes:
    """What a pass over the training set finds out besides loss and accuracy.

    `gradients` is empty, or becomes the mean gradient per layer; `layers` are the layers table's columns.
    Which runs have diverged is known at the end only: until then `histograms` count each by itself,
    (groups, seeds, bins).
    """

    gradients: Layers
    layers: list[dict[str, Any]]
    histograms: list[Histogram]


def record_point(state: State, workspaces: Workspaces, layers: bool = True) -> Record:
    """Evaluate the state on its training and test sets and, unless not asked to, look at its layers on the probe."""
    notes = _Notes(
        gradients=[np.zeros_like(w) for w in state.weights] if state.full and layers else [],
        layers=[_weight_columns(state, layer) for layer in range(len(state.weights))] if layers else [],
        histograms=[],
    )
    train_loss, train_accuracy = _evaluate(state, state.train, notes if layers else None, workspaces)
    test_loss, test_accuracy = _evaluate(state, state.test, None, workspaces)
    epochs = {
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "test_loss": test_loss,
        "test_accuracy": test_accuracy,
        "update_to_weight_ratio": state.step_ratio,
    }
    if _looks_back(state):
        epochs |= singular_values(jacobians(state, workspaces))
    if state.full:
        moved = [w - first for w, first in zip(state.weights, state.initial, strict=True)]
        epochs |= {
            **({"gradient_norm": norm(notes.gradients)} if layers else {}),
            "path_length": state.path,
            "displacement": norm(moved),
            "mean_update_cosine": state.cosine / np.where(state.cosines > 0, state.cosines, np.nan),
        }
    initial_loss = train_loss if state.recorded < 0 else state.initial_loss
    diverged = state.alive & ~_sound(state, train_loss, initial_loss)
    counted = (state.alive & ~diverged)[..., None]
    return Record(
        runs=np.array([run.run for run in state.runs]).reshape(state.shape),
        alive=state.alive.copy(),
        diverged=diverged,
        epoch=state.epoch,
        update=state.update,
        seconds=state.seconds,
        epochs=epochs,
        layers=tuple(notes.layers),
        histograms=tuple(replace(h, counts=(h.counts * counted).sum(axis=1)) for h in notes.histograms),
        kernels=kernels(),
    )


def _looks_back(state: State) -> bool:
    """Whether what goes back through the network is measured: with standard statistics at initialisation alone."""
    return state.full or state.recorded < 0


def jacobians(state: State, workspaces: Workspaces) -> Array:
    """d logits / d inputs at the first examples of the probe, (groups, seeds, examples, outputs, features).

    Unit vectors of the logits, back-propagated: so it is right whatever the passes do.
    """
    outputs, examples = state.sizes[-1], min(state.experiment.probe or len(state.train), JACOBIAN_EXAMPLES)
    inputs = state.train.by_feature[:, :examples].repeat(outputs, axis=-1)
    work = workspaces.of(inputs.shape[-1], keep_preactivation=True)
    logits = propagate(state.weights, inputs, work, state.activation, state.ties)
    logits[...] = np.tile(np.eye(outputs), inputs.shape[-1] // outputs)
    back_propagate(state.weights, work, state.activation, state.ties)
    columns = work.delta[0].swapaxes(-1, -2) @ state.weights[0][..., :-1]
    return columns.reshape(*state.shape, -1, outputs, columns.shape[-1])


def _sound(state: State, loss: Array, initial_loss: Array) -> NDArray[np.bool_]:
    """Whether loss and weights are finite and the loss is not out of all proportion."""
    sound: NDArray[np.bool_] = np.isfinite(loss) & ((loss <= DIVERGED_FACTOR * initial_loss) | (initial_loss == 0))
    for weight in state.weights:
        sound &= np.isfinite(weight).all(axis=(-1, -2))
    return sound


def _weight_columns(state: State, layer: int) -> dict[str, Any]:
    weight = state.weights[layer]
    fan_out, fan_in = weight.shape[-2], weight.shape[-1] - 1
    visited = state.visited[layer]
    return {
        "layer": layer + 1,
        "role": "output" if layer == len(state.weights) - 1 else "hidden",
        "fan_in": fan_in,
        "fan_out": fan_out,
        "weight_std": weight[..., :-1].std(axis=(-1, -2), dtype=np.float64),
        "weight_rms": np.sqrt(np.square(weight[..., :-1], dtype=np.float64).mean(axis=(-1, -2))),
        "bias_rms": np.sqrt(np.square(weight[..., -1], dtype=np.float64).mean(axis=-1)),
        "agreement_random": random_agreement(fan_in),
        "orthants_visited": np.nan if visited is None else np.bitwise_count(visited).sum(axis=-1).mean(axis=-1),
        "orthants_possible": np.nan if visited is None else float(2**fan_in),
    }


def _cuts(state: State, examples: int) -> list[tuple[int, int]]:
    """Blocks of examples: the probe first, then BLOCK each; a first mini-batch larger than the probe ends one."""
    probe = min(state.experiment.probe or examples, examples)
    edges = sorted({0, probe, *range(probe, examples, BLOCK), max(probe, min(state.batch, examples)), examples})
    return list(itertools.pairwise(edges))


def _evaluate(
    state: State, part: Examples, notes: _Notes | None, workspaces: Workspaces
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean loss and accuracy per run over one part of the data, NaN of none; `notes`, where given, is filled."""
    if not len(part):
        return np.full(state.shape, np.nan), np.full(state.shape, np.nan)
    loss = LOSSES[state.experiment.loss]
    total, right = np.zeros(state.shape), np.zeros(state.shape)
    for begin, end in _cuts(state, len(part)):
        probing = notes is not None and begin == 0
        work = workspaces.of(end - begin, keep_preactivation=probing)
        logits = propagate(state.weights, part.by_feature[:, begin:end], work, state.activation, state.ties)
        targets = part.targets[:, begin:end]
        total += loss.value(logits, targets).sum(axis=-1, dtype=np.float64)
        right += np.count_nonzero(correct(logits, part.labels[begin:end]), axis=-1)
        if notes is None:
            continue
        if probing:
            _look_at_activations(state, work, notes)
        if notes.gradients or (probing and _looks_back(state)):
            delta = loss.exact_delta if probing and loss.exact_delta else loss.delta
            delta(logits, targets)
            back_propagate(state.weights, work, state.activation, state.ties)
        if probing and _looks_back(state):
            for columns, back in zip(notes.layers, work.delta, strict=True):
                columns.update(moments(back.reshape(*state.shape, -1), "delta"))
        if notes.gradients:
            _add_gradients(state, part.by_example[begin:end], work, notes.gradients)
            if probing:
                _look_at_examples(state, part.by_example[begin:end], work, notes)
            if end == state.batch and not probing:
                _add_signs("batch", [[gradient_signs(g[..., :-1])] for g in notes.gradients], notes)
    if notes is not None and notes.gradients:
        for gradient in notes.gradients:
            np.divide(gradient, len(part), out=gradient)
        _look_at_gradients(state, notes)
    return total / len(part), right / len(part)


def _add_gradients(state: State, by_example: Array, work: Workspace, gradients: Layers) -> None:
    shares = [np.empty_like(g) for g in gradients]
    weight_gradients(by_example, work, shares, state.ties)
    for gradient, share in zip(gradients, shares, strict=True):
        np.add(gradient, share, out=gradient)


def _look_at_activations(state: State, work: Workspace, notes: _Notes) -> None:
    activation = state.activation
    for layer, columns in enumerate(notes.layers):
        hidden = layer < len(work.activation)
        a = (work.preactivation[layer] if hidden else work.delta[-1]).reshape(*state.shape, -1)
        ranked, taken, ordered = distribution(a, bin_edges("preactivation", activation))
        columns.update(moments(a, "preactivation") | percentile_columns(ranked, "preactivation"))
        notes.histograms.append(Histogram(layer + 1, "preactivation", "probe", taken))
        if hidden:
            h = work.activation[layer].reshape(*state.shape, -1)
            columns.update(moments(h, "activation"))
            edges = bin_edges("activation", activation, state.runs[0].residual)
            if activation.monotone and not work.residual[layer]:  # ranks stay
                ordered = None if ordered is None else activation.forward(ordered)
                ranked, given = activation.forward(ranked), counts(h, edges, ordered)
            else:
                ranked, given, _ = distribution(h, edges)
            columns.update(percentile_columns(ranked, "activation"))
            notes.histograms.append(Histogram(layer + 1, "activation", "probe", given))
            threshold = state.experiment.saturation_threshold
            columns.update(saturation(work.preactivation[layer], activation, threshold))


def _look_at_examples(state: State, by_example: Array, work: Workspace, notes: _Notes) -> None:
    """Gradient signs of every example of the probe, and of its mini-batches, from the backward pass just done."""
    below = [h[..., :-1, :] for h in (by_example.T, *work.augmented)]
    layers = list(zip(work.delta, below, strict=True))
    _add_signs("example", [example_signs(delta, h) for delta, h in layers], notes)
    if state.batch <= len(by_example):
        starts = range(0, len(by_example) - state.batch + 1, state.batch)[:MINI_BATCHES]
        batches = [
            [_batch_signs(state, layer, delta[..., i : i + state.batch], h[..., i : i + state.batch]) for i in starts]
            for layer, (delta, h) in enumerate(layers)
        ]
        _add_signs("batch", batches, notes)


def _batch_signs(state: State, layer: int, delta: Array, below: Array) -> Signs:
    gradient = delta @ below.swapaxes(-1, -2)
    tie_weights(gradient, layer, state.ties)
    return gradient_signs(gradient)


def _look_at_gradients(state: State, notes: _Notes) -> None:
    _add_signs("epoch", [[gradient_signs(g[..., :-1])] for g in notes.gradients], notes)
    for layer, (columns, gradient) in enumerate(zip(notes.layers, notes.gradients, strict=True)):
        flat = gradient[..., :-1].reshape(*state.shape, -1)
        columns["gradient_std"] = flat.std(axis=-1, dtype=np.float64)
        found = histogram(np.sort(flat, axis=-1), bin_edges("gradient", state.activation))
        notes.histograms.append(Histogram(layer + 1, "gradient", "epoch", found))


def _add_signs(level: str, signs: Sequence[Sequence[Signs]], notes: _Notes) -> None:
    for layer, (columns, parts) in enumerate(zip(notes.layers, signs, strict=True)):
        summary = summarise_signs(parts)
        columns[f"same_sign_{level}"] = summary.same_sign
        columns[f"agreement_{level}"] = summary.agreement
        columns[f"pair_agreement_{level}"] = summary.pair_agreement
        columns[f"no_gradient_{level}"] = summary.no_gradient
        counts = positive_share_histogram(parts)
        notes.histograms.append(Histogram(layer + 1, "positive_share", level, counts))
