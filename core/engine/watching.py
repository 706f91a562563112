"""One network as it learns, frame by frame: its weights and what is recorded of it, after epochs or after updates.

A film is trained anew, to the bits of the run that it is of, and is small enough to be sent to a browser as a whole.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.engine.network import Layers, Parameters, forward
from core.engine.recording import Record, record_point
from core.engine.state import State
from core.engine.training import advance, by_update, start
from core.experiment.cost import duration
from core.experiment.experiment import FIELDS, VARIED, Experiment, Run
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import Data, dataset_of
from core.registries.losses import logistic_in_place

Array = NDArray[Any]

EPOCHS, UPDATES = CLOCKS = ("epochs", "updates")
"""What lies between two frames: an epoch, or several where there are many; or one update."""
FRAMES = 60
"""Most frames after the first."""
MOST_WEIGHTS = 20_000
"""Weights and biases of a network that can be watched."""
VALUES = 500_000
"""Weights in all frames together: a network of many has fewer frames."""
SECONDS = 10.0
"""How long the training of what is watched may take, by its estimate."""


@dataclass(frozen=True, eq=False)
class Film:
    """One run of `experiment`, which has no other.

    Attributes:
        weights: per layer (frames, fan_out, fan_in + 1), biases last.
        records: of each frame; epoch and update are its time.
        lost: whether the run diverged: then it ends with the last frame before that was found.
    """

    experiment: Experiment
    weights: Layers
    records: tuple[Record, ...]
    lost: bool

    @property
    def run(self) -> Run:
        """The settings of the network."""
        return self.experiment.run_number(0)

    def __len__(self) -> int:
        return len(self.records)


def alone(experiment: Experiment, group: str, seed: int, frames: int = FRAMES) -> Experiment:
    """The one run of that seed in a group, recorded where it is watched; no other run need be of that seed.

    Args:
        frames: most of them after the first: those of two films that play side by side are as many.

    Raises ValueError where there is no such group.
    """
    groups = experiment.groups()
    if group not in groups:
        raise ValueError(f"group is {group!r}; allowed: {', '.join(groups)}")
    run = replace(experiment, seeds=1).run_number(groups.index(group))
    own: dict[str, Any] = {name: (getattr(run, name),) for name in VARIED}
    target = FIELDS["target"].default  # another may need a test part, which another data set has
    of_data = replace(experiment, target=target).on(run.dataset)
    single = replace(of_data, **own, seeds=1, first_seed=seed, statistics="full")
    step = math.ceil(single.epochs / min(frames, most_frames(single)))
    return replace(single, record=",".join(map(str, (*range(0, single.epochs, step), single.epochs))))


def _weights(experiment: Experiment) -> int:
    dataset = dataset_of(experiment.dataset[0])
    widths = (dataset.features, *experiment.hidden[0], dataset.outputs)
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(widths))


def most_frames(experiment: Experiment) -> int:
    """How many frames after the first a film of its first network has at most."""
    return max(1, min(FRAMES, VALUES // _weights(experiment)))


def refusal(experiment: Experiment) -> str:
    """Why the one run of `experiment` cannot be watched, with the limit; or ""."""
    if (weights := _weights(experiment)) > MOST_WEIGHTS:
        return f"Watching takes networks of up to {MOST_WEIGHTS:,} weights and biases; this one has {weights:,}."
    if (seconds := experiment.cost().seconds) > SECONDS:
        return (
            f"What is watched is trained anew, which may take up to {duration(SECONDS)}; this network would take about "
            f"{duration(seconds)}. Fewer epochs or examples, or a larger batch, make it shorter."
        )
    return ""


def film(experiment: Experiment, data: Data, clock: str = EPOCHS, begin: int = 0) -> Film:
    """Train the one run of `experiment`, which `alone` gives, and look at it at every frame.

    Args:
        data: what the experiment is about.
        clock: EPOCHS, for frames at the recorded epochs; UPDATES, for one after every update.
        begin: the epoch after which single updates begin.

    Raises ValueError where the run cannot be watched or the clock is none.
    """
    if clock not in CLOCKS or not 0 <= begin < experiment.epochs:
        allowed = f"{' or '.join(CLOCKS)}, from epoch 0 to {experiment.epochs - 1}"
        raise ValueError(f"clock is {clock!r} from epoch {begin}; allowed: {allowed}")
    if why := refusal(experiment):
        raise ValueError(why)
    states = _epochs(experiment, data) if clock == EPOCHS else _updates(experiment, data, begin)
    weights, records, lost = [], [], False
    for state, record in states:
        lost = bool(record.diverged.any() or not record.alive.all())
        if lost:
            break
        weights.append([w[0, 0].copy() for w in state.weights])
        records.append(record)
    stacked = [np.stack(layer) for layer in zip(*weights, strict=True)]
    return Film(experiment, stacked, tuple(records), lost)


def _epochs(experiment: Experiment, data: Data) -> Iterator[tuple[State, Record]]:
    state, epoch = start(experiment, experiment.runs(), data), 0
    for after in experiment.record_epochs():
        state, records = advance(state, after - epoch)
        if not records:
            return
        yield state, records[-1]
        epoch = after


def _updates(experiment: Experiment, data: Data, begin: int) -> Iterator[tuple[State, Record]]:
    state, _ = advance(start(experiment, experiment.runs(), data), begin)
    workspaces, frames = state.workspaces(), most_frames(experiment)
    yield state, record_point(state, workspaces)
    for _ in range(begin, experiment.epochs):
        if not state.alive.all():
            return
        for now in by_update(state):
            state = now
            yield state, record_point(state, workspaces)
            frames -= 1
            if not frames:
                return


def parameters(film: Film, frame: int) -> Parameters:
    """The (W, b) of each layer at a frame, W of shape (fan_in, fan_out)."""
    return [(w[frame, :, :-1].T, w[frame, :, -1]) for w in film.weights]


def passed(film: Film, x: Array, layer: int = 0) -> Array:
    """What a hidden layer, counted from 1, or with 0 the output layer's logits come to at the inputs x.

    x is (examples, features); gives (frames, examples, units).
    """
    run, inputs, found = film.run, x.astype(film.weights[0].dtype), []
    for frame in range(len(film)):
        a, h = forward(
            parameters(film, frame), inputs, ACTIVATIONS[run.activation],
            residual=run.residual, normalisation=run.normalisation,
        )  # fmt: skip
        found.append(h[layer - 1] if layer else a[-1])
    return np.stack(found)


def decided(logits: Array, loss: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The class that (..., outputs) logits decide for, and how surely: 0 on the border between all, 1 at the most."""
    if logits.shape[-1] == 1:
        sure = logits[..., 0].astype(np.float64)
        logistic_in_place(sure)
        return (logits[..., 0] > 0).astype(np.int64), np.abs(2 * sure - 1)
    wide = logits.astype(np.float64)
    if loss == "cross_entropy":
        wide = np.exp(wide - wide.max(axis=-1, keepdims=True))
        wide /= wide.sum(axis=-1, keepdims=True)
        sure = (wide.max(axis=-1) - 1 / wide.shape[-1]) / (1 - 1 / wide.shape[-1])
    else:
        logistic_in_place(wide)
        sure = wide.max(axis=-1)
    return logits.argmax(axis=-1), sure


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane through the space of inputs: base + a axes[0] + b axes[1].

    Attributes:
        names: of its two axes.
        low, high: (2,) the part that is drawn.
        at: (examples, 2) where examples lie on it, projected; labels: their classes.
    """

    base: Array
    axes: Array
    names: tuple[str, str]
    low: Array
    high: Array
    at: Array
    labels: NDArray[np.int64]

    def grid(self, size: int) -> tuple[Array, Array]:
        """size x size places in its drawn part, rows from low to high: (places, 2), and as inputs."""
        across, up = (
            low + (np.arange(size) + 0.5) / size * (high - low)
            for low, high in zip(self.low, self.high, strict=True)
        )  # fmt: skip
        places = np.stack([a.ravel() for a in np.meshgrid(across, up)], axis=1)
        return places, self.base + places @ self.axes


ROOM = 0.08
"""Of the drawn part of a plane, beyond the outermost examples on either side."""
MOST_POINTS = 300


def plane(data: Data, features: Sequence[int] = ()) -> Plane:
    """The plane of two features, the others held at their mean over the training set; or without any the principal one.

    That goes through the mean, along the two directions in which the training inputs spread most.
    """
    x = data.train_x
    mean, count = x.mean(axis=0), x.shape[1]
    if features or count <= 2:
        chosen = list(features or range(count))[:2]
        names = [data.feature_names[place] for place in chosen]
        axes = np.eye(count)[chosen]
        base = mean * (1 - axes.sum(axis=0))
    else:
        names = ["principal direction 1", "principal direction 2"]
        axes = np.linalg.eigh(np.cov(x, rowvar=False))[1][:, :-3:-1].T
        strongest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
        axes, base = axes * np.sign(strongest), mean  # of either sign, the one that is told from it
    if len(axes) == 1:
        axes, names = np.vstack([axes, np.zeros(count)]), [*names, "nothing: there is one feature"]
    at = (x - base) @ axes.T
    low, high = at.min(axis=0), at.max(axis=0)
    room = np.where(high > low, ROOM * (high - low), 1.0)
    shown = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).astype(np.int64))
    return Plane(base, axes, (names[0], names[1]), low - room, high + room, at[shown], data.train_y[shown])
