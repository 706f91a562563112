"""What an experiment costs: time, memory and operations, estimated from the shapes of its runs alone."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

# Fitted to the processor time of 14 workloads, each within 30 %: one core of an AMD EPYC (Zen 4, AVX-512), NumPy 2.4
# with OpenBLAS, one BLAS thread. Pairs are for float32 and float64, by item size.
CALL_SECONDS = 0.4e-6
"""Overhead of one NumPy call on a small array."""
CALLS_PER_LAYER = 10
"""NumPy calls of one update of a chunk, per layer."""
MATRIX_SECONDS = 1.25e-6
"""Overhead of one run's matrix in a stacked product, of which a layer has three."""
FLOPS_PER_SECOND = {4: 1.25e11, 8: 6.0e10}
"""Matrix products."""
UNIT_SECONDS = {4: 1.2e-9, 8: 3.5e-9}
"""Elementwise work per example and unit of one forward and backward pass."""
SORT_SECONDS = {4: 2.5e-8, 8: 5.0e-8}
"""Percentiles and histograms, per probed example and unit."""
SIGN_SECONDS = {4: 0.5e-9, 8: 1.0e-9}
"""Signs of single examples' gradients, per probed example and weight."""
PATH_SECONDS = {4: 1.8e-9, 8: 3.0e-9}
"""Path of the weights, per update and parameter."""
CHUNK_BYTES = 1_500_000
"""Working set of the runs that train together: about what the core's cache holds."""
ROW_BYTES = 600
"""One row of the layers table; of the others, less."""
HISTOGRAM_BYTES = 40_000
"""Histograms of one layer of one group at one point."""


def duration(seconds: float) -> str:
    """A time in words, of two parts at most: '0.4 s', '12 s', '3 min 20 s', '5 h', '3 days 4 h'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    parts: list[str] = []
    for name, length in (("days", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, length)
        if count or parts:
            parts.append(f"{count:,} {name}" if count else "")
    return " ".join(parts[:2]).strip()


@dataclass(frozen=True)
class Cost:
    """What an experiment takes.

    Attributes:
        runs: networks trained.
        updates: weight updates, summed over the runs.
        parameters: weights and biases, summed over the runs.
        flops: floating-point operations of training and statistics together.
        seconds: time on one processor core.
        bytes: peak memory of data, one chunk of runs and the tables (beyond the interpreter's own).
        run_bytes: working set of the largest run while it trains.
    """

    runs: int
    updates: int
    parameters: int
    flops: float
    seconds: float
    bytes: int
    run_bytes: int

    def __str__(self) -> str:
        return f"about {duration(self.seconds)} on one core ({self.runs:,} runs, {self.updates:,} updates)"


@dataclass(frozen=True)
class Load:
    """The shapes of runs that differ in nothing that changes the amount of work.

    Attributes:
        widths: units of every layer, input and output included.
        groups, runs: how many groups, and runs in all of them.
        batch, train, test, probe: examples in a batch, the training set, the test set and the probe.
        epochs, updates: passes over the training set, and weight updates in them.
        points: recorded points.
        full: whether single examples' gradient signs and the path of the weights are measured.
        itemsize: bytes of a number in training.
    """

    widths: tuple[int, ...]
    groups: int
    runs: int
    batch: int
    train: int
    test: int
    probe: int
    epochs: int
    updates: int
    points: int
    full: bool
    itemsize: int

    @property
    def weights(self) -> int:
        """Weights of one run, without biases."""
        return sum(a * b for a, b in itertools.pairwise(self.widths))

    @property
    def units(self) -> int:
        """Hidden and output units of one run."""
        return sum(self.widths[1:])

    @property
    def parameters(self) -> int:
        """Weights and biases of one run."""
        return self.weights + self.units

    @property
    def passes(self) -> float:
        """Examples that go forward and backward in one run: training, then the training set and the probe at
        each recorded point; the test set goes forward only, which is a third of the work."""
        return self.train * self.epochs + self.points * (self.train + self.probe + self.test / 3)

    @property
    def flops(self) -> float:
        """Operations of all runs: per example and weight 2 forward and 4 backward; with full statistics one more per
        probed example, and four per update and parameter."""
        full = (self.points * self.probe * self.weights + 4 * self.updates * self.parameters) * self.full
        return self.runs * (6.0 * self.weights * self.passes + full)

    @property
    def data_bytes(self) -> int:
        """The inputs as they are loaded, in float64, and as they are trained on."""
        return (self.train + self.test) * self.widths[0] * (8 + self.itemsize)

    @property
    def run_bytes(self) -> int:
        """Working set of one run: weights, gradients and optimiser state, and a batch's or the probe's values."""
        return self.itemsize * (4 * self.parameters + 4 * max(self.batch, self.probe) * max(self.widths))

    @property
    def chunk(self) -> int:
        """Runs that train together."""
        return max(1, min(self.runs, CHUNK_BYTES // self.run_bytes))

    @property
    def table_bytes(self) -> int:
        """The rows that all runs leave behind."""
        rows = self.runs * self.points * len(self.widths) * ROW_BYTES
        return rows + self.groups * self.points * (len(self.widths) - 1) * HISTOGRAM_BYTES


def predict_seconds(load: Load) -> float:
    """Time of `load` on one core: calls, matrix products, elementwise work and statistics, each linear in its count."""
    size, probed = load.itemsize, load.points * load.probe
    steps = (load.updates + load.points) * (len(load.widths) - 1)
    calls = math.ceil(load.runs / load.chunk) * steps * CALLS_PER_LAYER * CALL_SECONDS
    one_run = (
        steps * 3 * MATRIX_SECONDS
        + 6.0 * load.weights * load.passes / FLOPS_PER_SECOND[size]
        + load.units * load.passes * UNIT_SECONDS[size]
        + probed * load.units * SORT_SECONDS[size]
    )
    if load.full:
        one_run += probed * load.weights * SIGN_SECONDS[size] + load.updates * load.parameters * PATH_SECONDS[size]
    return calls + load.runs * one_run


def estimate(loads: Sequence[Load]) -> Cost:
    """The cost of `loads`, one after the other on the same data."""
    return Cost(
        runs=sum(load.runs for load in loads),
        updates=sum(load.runs * load.updates for load in loads),
        parameters=sum(load.runs * load.parameters for load in loads),
        flops=sum(load.flops for load in loads),
        seconds=sum(predict_seconds(load) for load in loads),
        bytes=loads[0].data_bytes
        + max(load.chunk * load.run_bytes for load in loads)
        + sum(load.table_bytes for load in loads),
        run_bytes=max(load.run_bytes for load in loads),
    )
