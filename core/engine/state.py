"""The state of a chunk of runs between two segments of training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.engine.network import Layers, Workspaces
from core.engine.symmetry import Ties
from core.experiment.experiment import Experiment, Run
from core.registries.activations import ACTIVATIONS, Activation

Array = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """One part of the data in both layouts, in the experiment's dtype.

    Attributes:
        by_feature: (features + 1, examples), with the row that feeds the biases.
        by_example: (examples, features + 1), the same transposed.
        targets: (outputs, examples).
        labels: (examples,).
    """

    by_feature: Array
    by_example: Array
    targets: Array
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class State:
    """All that training needs to go on; picklable, and copied by `advance` before it changes anything.

    Weights and everything like them are lists with one array per layer, (groups, seeds, fan_out, fan_in + 1).

    Attributes:
        runs: the chunk's runs, (groups, seeds) in row-major order.
        shape: (groups, seeds).
        epoch, update: epochs and updates done.
        recorded: last epoch recorded, -1 before the first.
        slots: the optimiser's memory, a list per layer.
        alive: (groups, seeds), False where a run has diverged and is frozen.
        initial_loss: training loss at initialisation.
        previous: the last update, for the cosine between successive updates.
        stride: length of the last update.
        path: sum of update lengths; cosine, cosines: sum and number of cosines so far.
        step_ratio: length of the last update over the length of the weights before it.
        ties: which hidden units started equal, and so stay equal.
        visited: per layer with fan_in <= 16, the orthants met, a bit each: (groups, seeds, fan_out, bytes).
        seconds: time spent training so far.
    """

    experiment: Experiment
    runs: tuple[Run, ...]
    shape: tuple[int, int]
    train: Examples
    test: Examples
    weights: Layers
    initial: Layers
    slots: list[list[Array]]
    alive: NDArray[np.bool_]
    initial_loss: NDArray[np.float64]
    previous: Layers
    stride: NDArray[np.float64]
    path: NDArray[np.float64]
    cosine: NDArray[np.float64]
    cosines: NDArray[np.float64]
    step_ratio: NDArray[np.float64]
    visited: list[Array | None]
    ties: tuple[Ties, ...]
    epoch: int = 0
    update: int = 0
    recorded: int = -1
    seconds: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether all epochs are done or every run has diverged."""
        return self.recorded >= 0 and (self.epoch >= self.experiment.epochs or not self.alive.any())

    @property
    def activation(self) -> Activation:
        """The activation function that all runs of the chunk share."""
        return ACTIVATIONS[self.runs[0].activation]

    def workspaces(self) -> Workspaces:
        """Buffers for the passes of the chunk."""
        run = self.runs[0]
        dtype, bias = self.weights[0].dtype, self.experiment.bias
        return Workspaces(self.shape, self.sizes, dtype, bias, self.activation, run.residual, run.normalisation)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Layer sizes, inputs and outputs included."""
        return (self.weights[0].shape[-1] - 1, *(w.shape[-2] for w in self.weights))

    @property
    def full(self) -> bool:
        """Whether gradient measures are recorded too."""
        return self.experiment.statistics == "full"

    @property
    def batch(self) -> int:
        """Examples per update."""
        size = self.runs[0].batch_size
        return min(size, len(self.train)) if size else len(self.train)
