"""The sweeps that are timed, and the same sweeps as plain arrays for the peers.

A peer starts from the engine's initial weights and sees the same examples in the same order, so that its losses and
final weights can be compared with the engine's number by number.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.engine import training
from core.engine.measures import bin_edges
from core.engine.network import augment, encode_targets
from core.engine.state import Examples
from core.experiment.data import data_of
from core.experiment.experiment import Experiment, Run
from core.registries.activations import ACTIVATIONS

Array = NDArray[Any]


@dataclass(frozen=True)
class Workload:
    """A sweep.

    Attributes:
        name: W1 ... W4.
        summary: what is trained, in a few words.
        experiment: the sweep in float32 with the statistics that it is timed with.
    """

    name: str
    summary: str
    experiment: Experiment


WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload(
            "W1",
            "64 runs of 64-32-32-32-10 tanh, digits, batch 32, 20 epochs",
            Experiment(
                activation=("tanh",),
                initialiser=("glorot_uniform", "he_normal", "orthogonal", "normal:0.1"),
                hidden=((32, 32, 32),),
                epochs=20,
                seeds=16,
                statistics="standard",
                record="log",
            ),
        ),
        Workload(
            "W2",
            "256 runs of 2-8-8-1 logistic, two moons, full batch of 256, 500 updates",
            Experiment(
                dataset=("two_moons",),
                samples=320,
                activation=("logistic",),
                initialiser=("glorot_uniform", "normal:1", "orthogonal", "normal:0.1"),
                hidden=((8, 8),),
                batch_size=(0,),
                learning_rate=(0.5,),
                epochs=500,
                seeds=64,
                statistics="standard",
                record="log",
            ),
        ),
        Workload(
            "W3",
            "16 runs of 64-100-100-100-100-100-10 tanh, digits, batch 64, 10 epochs",
            Experiment(
                activation=("tanh",),
                initialiser=("glorot_uniform", "orthogonal"),
                hidden=((100,) * 5,),
                batch_size=(64,),
                epochs=10,
                seeds=8,
                statistics="standard",
                record="log",
            ),
        ),
        Workload(
            "W4",
            "the default experiment, recorded after epochs, with all measures, which the peers do not take",
            Experiment(record="log"),
        ),
    )
}


@dataclass(frozen=True)
class Problem:
    """Runs that differ in their initial weights only, as arrays that any library can train from.

    Training: for each epoch in turn, the examples in that epoch's order are cut into batches (the last one may be
    shorter); each moves weights and biases by -learning_rate times the gradient of the batch's mean cross-entropy.
    The output is a softmax, or one logistic unit for two classes. At the `points` the mean loss and the accuracy
    over all of `x` are recorded. Biases start at 0.

    Attributes:
        activation: "tanh" or "logistic", of the hidden layers.
        runs: run numbers within the experiment, (groups, seeds).
        weights: float64 (groups, seeds, fan_in, fan_out) per layer.
        x, y: the training set, float64 (examples, features) and int64 (examples,).
        outputs: units of the output layer, 1 for two classes.
        orders: (seeds, epochs, examples); None where a batch is the whole set and the order does not matter.
        batch: examples per update.
        epochs, learning_rate: as in the experiment.
        points: epochs after which is recorded, 0 and the last one included.
        test_x, test_y: the test set, and
        probe, edges, threshold: examples at which layers are looked at, bins of histograms and the share of the largest
            slope below which a unit is saturated: for those who record statistics.
    """

    activation: str
    runs: NDArray[np.int64]
    weights: tuple[Array, ...]
    x: Array
    y: NDArray[np.int64]
    outputs: int
    orders: NDArray[np.int64] | None
    batch: int
    epochs: int
    learning_rate: float
    points: tuple[int, ...]
    test_x: Array
    test_y: NDArray[np.int64]
    probe: int
    edges: Mapping[str, NDArray[np.float64]]
    threshold: float

    @property
    def saturated_from(self) -> float:
        """|a| from which on a unit is saturated: the slope of tanh is 1 - h², that of the logistic h (1 - h)."""
        if self.activation == "tanh":
            return float(np.arctanh(np.sqrt(1.0 - self.threshold)))
        h = 0.5 + 0.5 * np.sqrt(1.0 - self.threshold)
        return float(np.log(h / (1.0 - h)))

    @property
    def seeds(self) -> int:
        """Seeds, along the second axis of the runs."""
        return int(self.runs.shape[1])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Layer sizes, inputs and outputs included."""
        return (self.x.shape[1], *(weight.shape[-1] for weight in self.weights))

    def of_seeds(self, chosen: slice) -> "Problem":
        """The same problem for some of the seeds."""
        return replace(
            self,
            runs=self.runs[:, chosen],
            weights=tuple(weight[:, chosen] for weight in self.weights),
            orders=None if self.orders is None else self.orders[chosen],
        )

    def pieces(self, most: int) -> Iterator["Problem"]:
        """The problem cut into pieces of at most `most` seeds, as even as possible."""
        count = -(-self.seeds // most)
        for begin, end in itertools.pairwise(self.seeds * i // count for i in range(count + 1)):
            yield self.of_seeds(slice(begin, end))

    def shorter(self, epochs: int) -> "Problem":
        """The same problem for the first `epochs` epochs."""
        points = {point for point in self.points if point < epochs} | {epochs}
        return replace(self, epochs=epochs, points=tuple(sorted(points)))


@dataclass(frozen=True)
class Trained:
    """What training a problem gave.

    Attributes:
        runs: run numbers, any shape.
        losses, accuracies: over the training set, (*runs, points).
        weights: final weights per layer, (*runs, fan_in + 1, fan_out) with the biases in the last row.
        statistics: by name, (*runs, points, ...); see `tests.benchmarks.looks`.
    """

    runs: NDArray[np.int64]
    losses: Array
    accuracies: Array
    weights: tuple[Array, ...]
    statistics: Mapping[str, Array] = field(default_factory=dict)

    def flat(self) -> "Trained":
        """The same with one run axis, in the order of the run numbers."""
        order = np.argsort(self.runs, axis=None)

        def sort(array: Array) -> Array:
            return array.reshape(self.runs.size, *array.shape[self.runs.ndim :])[order]

        return self.mapped(sort)

    def mapped(self, change: Callable[[Array], Array]) -> "Trained":
        """The same with every array changed."""
        return Trained(
            change(self.runs),
            change(self.losses),
            change(self.accuracies),
            tuple(map(change, self.weights)),
            {name: change(values) for name, values in self.statistics.items()},
        )


def joined(parts: list[Trained]) -> Trained:
    """All the runs of several trainings of one network shape."""
    flat = [part.flat() for part in parts]
    return Trained(
        np.concatenate([part.runs for part in flat]),
        np.concatenate([part.losses for part in flat]),
        np.concatenate([part.accuracies for part in flat]),
        tuple(np.concatenate(layer) for layer in zip(*(part.weights for part in flat), strict=True)),
    ).flat()


class Peer(Protocol):
    """A way to train problems; lives in a process of its own."""

    def prepare(self, problems: tuple[Problem, ...], most_seeds: int, threads: int) -> None:
        """Take in what to train, in pieces of at most `most_seeds` seeds, and do all that need not be timed."""

    def compile(self) -> None:
        """Compile anew, where that is what the peer does before it trains a new shape."""

    def train(self) -> None:
        """Train the problems from the start."""

    def result(self) -> list[Trained]:
        """What the last `train` gave, one or more to a problem."""


def problems(experiment: Experiment) -> tuple[Problem, ...]:
    """The experiment's runs, one problem per activation."""
    data = data_of(experiment)
    full = replace(experiment, dtype="float64")
    outputs = 1 if len(data.class_names) == 2 else len(data.class_names)
    sizes = (data.train_x.shape[1], *experiment.hidden[0], outputs)
    by_example = augment(data.train_x, experiment.bias, np.float64)
    targets = encode_targets(data.train_y, 1 if len(data.class_names) == 2 else len(data.class_names), np.float64)
    train = Examples(np.ascontiguousarray(by_example.T), by_example, targets, data.train_y)
    n = len(data.train_y)
    batch = min(experiment.batch_size[0] or n, n)
    found = []
    for activation in experiment.activation:
        runs = [run for run in experiment.runs() if run.activation == activation]
        shape = (len(runs) // experiment.seeds, experiment.seeds)
        drawn = [training.initial_weights(full, run, sizes, train) for run in runs]
        stacked = [np.stack(layer) for layer in zip(*drawn, strict=True)]
        found.append(
            Problem(
                activation=activation,
                runs=np.array([run.run for run in runs]).reshape(shape),
                weights=tuple(
                    np.ascontiguousarray(layer[:, :, :-1].swapaxes(1, 2)).reshape(*shape, fan_in, fan_out)
                    for layer, (fan_in, fan_out) in zip(stacked, itertools.pairwise(sizes), strict=True)
                ),
                x=data.train_x,
                y=data.train_y,
                outputs=outputs,
                orders=None
                if batch == n
                else np.stack([_orders(run, experiment.epochs, n) for run in runs[: shape[1]]]),
                batch=batch,
                epochs=experiment.epochs,
                learning_rate=experiment.learning_rate[0],
                points=experiment.record_epochs(),
                test_x=data.test_x,
                test_y=data.test_y,
                probe=min(experiment.probe or n, n),
                edges={name: bin_edges(name, ACTIVATIONS[activation]) for name in ("preactivation", "activation")},
                threshold=experiment.saturation_threshold,
            )
        )
    return tuple(found)


def _orders(run: Run, epochs: int, examples: int) -> NDArray[np.int64]:
    """The engine's order of examples in each epoch, (epochs, examples)."""
    streams = (np.random.SeedSequence(run.seed, spawn_key=(training.ORDER, epoch)) for epoch in range(epochs))
    return np.stack([np.random.default_rng(stream).permutation(examples) for stream in streams])


def targets(problem: Problem, dtype: str, labels: NDArray[np.int64] | None = None) -> Array:
    """0 and 1 per example, those of training unless others are given, and output unit: (examples, outputs)."""
    wanted = np.arange(1, 2) if problem.outputs == 1 else np.arange(problem.outputs)
    return np.equal((problem.y if labels is None else labels)[:, None], wanted).astype(dtype)


def epoch_by_epoch(
    problem: Problem, epoch: Callable[[int], None], record: Callable[[], Mapping[str, Any]]
) -> dict[str, Array]:
    """Call `epoch` for every epoch and `record` at the points; returns what was recorded, (points, ...) each."""
    found = [record()]
    for number in range(problem.epochs):
        epoch(number)
        if number + 1 in problem.points:
            found.append(record())
    return {name: np.array([values[name] for values in found], np.float64) for name in found[0]}
