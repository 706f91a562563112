"""Training of a chunk of runs: `start` makes a state, `advance` carries it on by some epochs.

A chunk holds runs of one shape: layer widths, batch size, activation, optimiser and the like. They train together
on two leading axes, (groups, seeds): runs with one seed share their order of examples. A run's numbers do not depend
on what else is in its chunk, on how the epochs are cut into segments, or on where they are computed.
`advance` is a pure function of a picklable state, so that any executor can run it.
"""

import copy
import itertools
import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.engine.network import (
    Layers,
    Workspaces,
    activate,
    allocate,
    augment,
    back_propagate,
    encode_targets,
    norm,
    products,
    propagate,
    weight_gradients,
)
from core.engine.recording import Record, record_point
from core.engine.state import Examples, State
from core.engine.symmetry import find
from core.experiment.experiment import SHAPE, Experiment, Run
from core.machine.blas import one_blas_thread
from core.registries import starts
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import Data, outputs
from core.registries.initialisers import Place
from core.registries.losses import LOSSES
from core.registries.optimisers import OPTIMISERS
from core.schema import MAX_ORTHANT_FAN_IN

Array = NDArray[Any]

WEIGHTS, ORDER, BIASES = 0, 1, 2
"""Purposes of random streams: SeedSequence(seed, spawn_key=(purpose, layer or epoch))."""


@dataclass
class _Batches:
    """Buffers of one epoch: the shuffled examples in both layouts, and gradients."""

    by_example: Array
    by_feature: Array
    targets: Array
    gradients: list[Layers] = field(default_factory=list)


def start(experiment: Experiment, runs: Sequence[Run], data: Data) -> State:
    """The state before the first update.

    Args:
        runs: runs of one `SHAPE`: some groups by some seeds, the seeds fastest.
        data: what `core.registries.datasets.load` gives for the experiment.

    Raises:
        ValueError: runs of different shapes, or not the same seeds of every group.
    """
    if len({tuple(getattr(run, name) for name in SHAPE) for run in runs}) != 1:
        raise ValueError(f"runs of one chunk share {', '.join(SHAPE)}")
    shape = _groups_by_seeds(runs)

    train = _examples(data.train_x, data.train_y, len(data.class_names), experiment)
    test = _examples(data.test_x, data.test_y, len(data.class_names), experiment)
    sizes = (data.train_x.shape[1], *runs[0].hidden, len(train.targets))
    drawn = [initial_weights(experiment, run, sizes, train) for run in runs]
    weights = [np.stack(layer).reshape(*shape, *layer[0].shape) for layer in zip(*drawn, strict=True)]
    optimiser = OPTIMISERS[runs[0].optimiser.partition(":")[0]]
    full = experiment.statistics == "full"
    nothing = np.full(shape, np.nan)
    return State(
        experiment=experiment,
        runs=tuple(runs),
        shape=shape,
        train=train,
        test=test,
        weights=weights,
        initial=[w.copy() for w in weights] if full else [],
        slots=[[np.zeros_like(w) for _ in range(optimiser.slots)] for w in weights],
        alive=np.ones(shape, np.bool_),
        initial_loss=nothing.copy(),
        previous=[np.zeros_like(w) for w in weights] if full else [],
        stride=np.zeros(shape),
        path=np.zeros(shape),
        cosine=np.zeros(shape),
        cosines=np.zeros(shape),
        step_ratio=nothing.copy(),
        visited=[_orthants(w) if full else None for w in weights],
        ties=find(weights, runs[0].residual),
    )


def _groups_by_seeds(runs: Sequence[Run]) -> tuple[int, int]:
    seeds = len({run.seed for run in runs})
    groups = [runs[i : i + seeds] for i in range(0, len(runs), seeds)]
    for group in groups:
        one_group = len({replace(run, run=0, seed=0) for run in group}) == 1
        if not one_group or [run.seed for run in group] != [run.seed for run in groups[0]]:
            raise ValueError("runs of one chunk are groups by seeds: the same seeds of every group, seeds fastest")
    return len(groups), seeds


def _examples(x: Array, y: NDArray[np.int64], classes: int, experiment: Experiment) -> Examples:
    by_example = augment(x, experiment.bias, experiment.dtype)
    targets = encode_targets(y, outputs(classes), experiment.dtype)
    return Examples(np.ascontiguousarray(by_example.T), by_example, targets, y)


def _orthants(weight: Array) -> Array | None:
    *leading, fan_in_and_bias = weight.shape
    fan_in = fan_in_and_bias - 1
    return np.zeros((*leading, max(1, 2**fan_in // 8)), np.uint8) if fan_in <= MAX_ORTHANT_FAN_IN else None


def initial_weights(experiment: Experiment, run: Run, sizes: Sequence[int], train: Examples) -> Layers:
    """One run's initial weights, (fan_out, fan_in + 1) per layer, biases last; from its own random streams.

    A layer's biases are drawn as the weights of one more input would be.
    """
    layers = len(sizes) - 1
    weights = []
    for layer, shape in enumerate(itertools.pairwise(sizes), 1):
        place, own = Place(layer, layers), starts.part(run.initialiser, layer, layers)
        matrix = own.draw(_stream(run, WEIGHTS, layer - 1), shape, place, run.gain)
        like_weights = run.bias_initialiser == starts.LIKE_WEIGHTS
        scheme = own if like_weights else starts.part(run.bias_initialiser, layer, layers)
        biases = scheme.draw(_stream(run, BIASES, layer - 1), shape, place, run.gain if like_weights else 1.0)[:1]
        weights.append(np.concatenate([matrix.T, biases.T], axis=1))
    _scale_on_data(weights, run, sizes, train, experiment)
    return [weight.astype(experiment.dtype) for weight in weights]


def _stream(run: Run, purpose: int, number: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(run.seed, spawn_key=(purpose, number)))


def _scale_on_data(weights: Layers, run: Run, sizes: Sequence[int], train: Examples, experiment: Experiment) -> None:
    """LSUV (Mishkin & Matas 2016): layer by layer, scale to pre-activations of the variance asked for, times gain².

    They are those of the whole training set: what is measured, the probe, must not change what is trained. They are
    linear in the layer's weights, so that one rescaling is exact. The biases, which are added to them, stay. Of layers
    with normalisation it is their weighted sums that are so scaled.
    """
    parts = [starts.part(run.initialiser, layer, len(weights)) for layer in range(1, len(sizes))]
    if not any(part.scheme.data_driven for part in parts):
        return
    below = train.by_feature.astype(np.float64)
    work = allocate((), sizes, len(train), np.float64, experiment.bias, False, run.residual, run.normalisation)
    for layer, (weight, part) in enumerate(zip(weights, parts, strict=True)):
        biases = weight[:, -1:].copy()
        weight[:, -1] = 0.0
        a = weight @ below
        deviation = a.std()
        if part.scheme.data_driven and deviation > 0:
            variance = float(part.values[0]) if part.values else 1.0
            factor = run.gain * part.factor * math.sqrt(variance) / deviation
            weight *= factor
            a *= factor
        weight[:, -1:] = biases
        a += biases
        if layer < len(work.activation):
            work.preactivation[layer][:] = a
            below = activate(work, layer + 1, below, ACTIVATIONS[run.activation])


def advance(state: State, epochs: int) -> tuple[State, tuple[Record, ...]]:
    """Train on by `epochs` epochs (fewer at the end); the given state is left as it was.

    Returns:
        The new state and a record for every recorded epoch met, initialisation included on the first call.
    """
    began = perf_counter()
    state = _apart(state)
    points = set(state.experiment.record_epochs())
    per_epoch = state.experiment.updates_per_epoch(len(state.train), state.batch)
    within = set(state.experiment.record_updates(per_epoch))
    measured = {epoch * per_epoch for epoch in points} | within
    records: list[Record] = []
    earlier = state.seconds
    workspaces = state.workspaces()

    def note(layers: bool) -> None:
        state.seconds = earlier + perf_counter() - began
        records.append(_record(state, workspaces, layers))

    with one_blas_thread(), np.errstate(all="ignore"):
        if state.recorded < 0:
            records.append(_record(state, workspaces, layers=True))
        batches = _buffers(state) if epochs and not state.finished else None
        for _ in range(epochs):
            if state.finished or batches is None:
                break
            for _ in _train_epoch(state, batches, workspaces, measured):
                if state.update in within:
                    note(layers=False)
            if state.epoch in points:
                note(layers=True)
    state.previous = _copied(state.previous)  # out of the buffers, which end here
    state.seconds = earlier + perf_counter() - began
    return state, tuple(records)


def by_update(state: State) -> Iterator[State]:
    """The next epoch, and after each of its updates the state: one and the same, which changes as it goes on.

    Nothing is recorded, and so no run is found to have diverged; the given state is left as it was.
    """
    state = _apart(state)
    with one_blas_thread(), np.errstate(all="ignore"):
        for _ in _train_epoch(state, _buffers(state), state.workspaces(), set()):
            yield state


def _apart(state: State) -> State:
    """A state of its own in all that training changes in place."""
    state = copy.copy(state)
    state.weights, state.previous = _copied(state.weights), _copied(state.previous)
    state.slots = [_copied(slots) for slots in state.slots]
    state.visited = [None if v is None else v.copy() for v in state.visited]
    state.alive = state.alive.copy()
    return state


def _copied(arrays: Layers) -> Layers:
    return [array.copy() for array in arrays]


def _buffers(state: State) -> _Batches:
    train, seeds = state.train, state.shape[1]
    if state.batch == len(train):  # every update sees everything: the order does not matter
        batches = _Batches(train.by_example, train.by_feature, train.targets)
    else:
        batches = _Batches(
            np.empty((seeds, *train.by_example.shape), train.by_example.dtype),
            np.empty((seeds, *train.by_feature.shape), train.by_feature.dtype),
            np.empty((seeds, *train.targets.shape), train.targets.dtype),
        )
    batches.gradients = [[np.empty_like(w) for w in state.weights] for _ in range(2 if state.full else 1)]
    return batches


def _shuffle(state: State, batches: _Batches) -> None:
    train = state.train
    for i, run in enumerate(state.runs[: state.shape[1]]):
        stream = np.random.SeedSequence(run.seed, spawn_key=(ORDER, state.epoch))
        order = np.random.default_rng(stream).permutation(len(train))
        # All of the order are places of examples; only where that is not asked does take write without a detour.
        np.take(train.by_example, order, axis=0, out=batches.by_example[i], mode="clip")
        np.take(train.targets, order, axis=1, out=batches.targets[i], mode="clip")
        np.copyto(batches.by_feature[i], batches.by_example[i].T)


def _train_epoch(state: State, batches: _Batches, workspaces: Workspaces, measured: Set[int]) -> Iterator[None]:
    """Train one epoch, and stop after each update: whoever looks then may find that runs have diverged.

    At the updates `measured` the state knows how long the last step was.
    """
    experiment, activation = state.experiment, state.activation
    loss = LOSSES[experiment.loss]
    name, _, given = state.runs[0].optimiser.partition(":")
    optimiser = OPTIMISERS[name]
    argument = float(given) if given else optimiser.argument or 0.0
    rate = _rates(state)
    if batches.by_example is not state.train.by_example:
        _shuffle(state, batches)

    for begin in range(0, len(state.train), state.batch):
        end = min(begin + state.batch, len(state.train))
        work = workspaces.of(end - begin)
        logits = propagate(state.weights, batches.by_feature[..., begin:end], work, activation, state.ties)
        loss.delta(logits, batches.targets[..., begin:end])
        scale = rate / (end - begin) if optimiser.folds_rate else 1.0 / (end - begin)
        np.multiply(logits, scale, out=logits)
        back_propagate(state.weights, work, activation, state.ties)
        updates = batches.gradients[state.update % len(batches.gradients)]
        weight_gradients(batches.by_example[..., begin:end, :], work, updates, state.ties)
        state.update += 1
        for update, slots in zip(updates, state.slots, strict=True):
            optimiser.step(update, slots, rate, argument, state.update)
        if state.update in measured:
            state.step_ratio = norm(updates) / norm(state.weights)
        if state.full:
            _follow(state, updates)
        for weight, update in zip(state.weights, updates, strict=True):
            np.subtract(weight, update, out=weight)
        state.epoch += end == len(state.train)
        yield
        if state.update in measured:
            rate = _rates(state)


def _rates(state: State) -> Array:
    """The runs' learning rates, 0 where one has diverged."""
    rates = np.array([run.learning_rate for run in state.runs], np.float64).reshape(state.shape)
    return (rates * state.alive)[..., None, None].astype(state.experiment.dtype)


def _follow(state: State, updates: Layers) -> None:
    """Add this update to the path, the cosines and the orthants visited."""
    stride = norm(updates)
    if state.update > 1:
        cosine = products(updates, state.previous) / (stride * state.stride)
        turned = np.isfinite(cosine)  # not where one of the two updates was none
        state.cosine = state.cosine + np.where(turned, cosine, 0.0)
        state.cosines = state.cosines + turned
    state.path = state.path + stride
    state.stride = stride
    state.previous = updates
    for update, visited in zip(updates, state.visited, strict=True):
        if visited is not None:
            _visit(update[..., :-1], visited)


def _visit(update: Array, visited: Array) -> None:
    """Mark the orthant of each neuron's update: bit i of its number is set where component i falls (update > 0).

    A component of 0 lies on the border of two orthants and is counted on the side of the first that is not 0, so that
    an update whose other components share a sign stays in one of the two orthants of one sign.
    """
    first = np.argmax(update != 0, axis=-1, keepdims=True)
    falls = np.where(np.take_along_axis(update, first, axis=-1) > 0, update >= 0, update > 0)
    packed = np.packbits(falls, axis=-1, bitorder="little").astype(np.int64)
    number = packed[..., 0] if packed.shape[-1] == 1 else packed[..., 0] + 256 * packed[..., 1]
    flat = visited.reshape(-1, visited.shape[-1])
    moved = np.flatnonzero(update.any(axis=-1))
    number = number.ravel()[moved]
    flat[moved, number >> 3] |= (1 << (number & 7)).astype(np.uint8)


def _record(state: State, workspaces: Workspaces, layers: bool) -> Record:
    record = record_point(state, workspaces, layers)
    if state.recorded < 0:
        state.initial_loss = record.epochs["train_loss"]
    state.recorded = state.epoch
    if record.diverged.any():
        state.alive &= ~record.diverged
        # Zero weights stay finite and, at learning rate 0, unchanged: the others cannot be slowed or spoilt.
        for arrays in (state.weights, state.previous, *zip(*state.slots, strict=True)):
            for array in arrays:
                array[record.diverged] = 0.0
    return record
