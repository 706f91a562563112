"""What an experiment costs: time, memory and operations, estimated from the shapes of its runs alone."""

import itertools
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from core.machine.blas import one_blas_thread
from core.machine.clock import least_seconds
from core.machine.sorting import percentiles
from core.schema import MAX_ORTHANT_FAN_IN
from core.settings import cpu_count
from core.text import count, size

# Fitted to the processor time of 41 sweeps on one core of an AMD EPYC (Zen 4), NumPy 2.4 with OpenBLAS, one BLAS
# thread: each within 35 %, half of them within 7 %. They hold where the probes below take REFERENCE; elsewhere each is
# as much longer as its probe is.
# Pairs are for float32 and float64, by item size.
SHAPE_SECONDS = 8.4e-3
"""Runs of one shape, however few: planning and tables."""
POINT_SECONDS = 0.49e-3
"""One layer at one recorded point of a chunk."""
ROW_SECONDS = 2.4e-5
"""The same, per run."""
CALL_SECONDS = 1.38e-6
"""A NumPy call, beyond its work."""
CALLS_PER_LAYER = 10
"""NumPy calls of one update of a chunk, per layer."""
MATRIX_SECONDS = 0.18e-6
"""Overhead of one run's matrix in a stacked product, of which a layer has three."""
FLOP_SECONDS = {4: 8.2e-12, 8: 1.68e-11}
"""Matrix products."""
UNIT_SECONDS = {4: 1.25e-9, 8: 3.5e-9}
"""Elementwise work per example and unit of one forward and backward pass."""
WIRED, NORMALISED = 1.0, 6.0
"""Times the work of an activation function's pass that residual connections and layer normalisation add."""
UPDATE_SECONDS = {4: 0.29e-9, 8: 0.61e-9}
"""Update of one parameter."""
SORT_SECONDS = {4: 2.4e-9, 8: 3.5e-8}
"""Percentiles and histograms, per probed example and unit."""
SIGN_SECONDS = {4: 0.29e-9, 8: 0.67e-9}
"""Signs of single examples' gradients, per probed example and weight."""
PATH_SECONDS = {4: 0.088e-9, 8: 0.25e-9}
"""Path of the weights, per update and parameter."""
PATH_CALLS = 21
"""NumPy calls that follow it, per layer and update of a chunk."""
PATH_RUN_SECONDS = 0.75e-6
"""The same work per run."""
CHUNK_BYTES = 100 * 10**6
"""Bound on the memory of the runs that train together."""
CACHE_BYTES = 8 * 10**6
"""Bound on what they touch in an update. Beyond it a thousand small networks take up to 1.7 times as long, below a
quarter of it Python's share grows: measured on an AMD EPYC (Zen 4) with chunks of 2 to 100 MB."""

# Fitted to the memory of a server and its two workers during eleven sweeps, docs/speed.md has the table.
IDLE_BYTES = 5 * 10**6
"""A sweep, however small, in the server and again in each worker."""
RUN_BYTES, EPOCH_BYTES, LAYER_BYTES, HISTOGRAM_BYTES = 350, 300, 570, 270
"""One row of each table."""
TABLES = 2.3
"""What the server holds at most for each byte of the final tables: those of the last look, and the new ones, of which
one is there as columns too while it is put together."""
RECORDED = {False: 0.25, True: 0.5}
"""What the records that they are from hold for each byte of the epochs and layers tables, no settings and nothing where
nothing was measured; with standard and with full statistics."""
POINT_BYTES = {False: 6_000, True: 11_000}
"""One layer at one recorded point of a chunk in the records, in dozens of small arrays, however few its runs."""
ON_THE_WAY = 3
"""Times that the server holds the state of a chunk in training: with its message to the worker, the answer, and what it
read from that."""
WORKING = 2.25
"""What a worker takes for each byte of the working set of its chunk, pickled states included."""
FILLED, FEW = 0.5, 100
"""Share of the bins of a histogram that hold something, and how many values it takes to fill most of these."""
BINS = {"preactivation": 52, "activation": 45, "gradient": 46, "positive_share": 21}


@dataclass(frozen=True)
class Speed:
    """How long this machine takes for what training is made of, in seconds.

    Attributes:
        call: a NumPy call on a small array.
        flop: an operation of a product of matrices as large as a layer.
        element: a hyperbolic tangent of an array in the core's cache.
        value: a place in the percentiles of a layer's values.
    """

    call: float
    flop: float
    element: float
    value: float


REFERENCE = Speed(call=3.27e-7, flop=8.91e-12, element=3.75e-10, value=6.97e-9)
"""Where the constants above were fitted."""
LIMIT = 8.0
"""A measured speed further from the reference, either way, is a stall or a broken clock, not a machine."""
PROBES, PROBE_SECONDS = 5, 60.0
"""How many measured speeds are looked at, and the least time between them."""
probes: deque[Speed] = deque(maxlen=PROBES)


def speed() -> Speed:
    """This machine's, relative to the reference: the least of the last PROBES, which are a minute apart or more.

    A processor that wakes up or is busy elsewhere looks slower than it is, up to twice; the next probe puts that right.
    """
    return _speed_in(int(time.monotonic() // PROBE_SECONDS))


@lru_cache(maxsize=1)
def _speed_in(minute: int) -> Speed:
    probes.append(_probe())
    return Speed(**{field.name: min(getattr(probe, field.name) for probe in probes) for field in fields(Speed)})


def _probe() -> Speed:
    """What this machine's speed looks like now; a twentieth of a second."""
    rng = np.random.default_rng(0)
    small, block = np.zeros((2, 24), np.float32)
    x, h = np.empty((2, ELEMENTS), np.float32)
    x[:] = rng.standard_normal(ELEMENTS)
    weights, values = (rng.standard_normal(shape).astype(np.float32) for shape in (WEIGHTS, VALUES))
    inputs = rng.standard_normal((WEIGHTS[0], WEIGHTS[2], BATCH)).astype(np.float32)
    product = np.empty((*WEIGHTS[:2], BATCH), np.float32)

    def calls() -> None:
        for _ in range(CALLS):
            np.add(small, small, out=block)

    with one_blas_thread():
        measured = {
            "call": least_seconds(calls) / CALLS,
            "flop": least_seconds(lambda: np.matmul(weights, inputs, out=product)) / (2 * weights.size * BATCH),
            "element": least_seconds(lambda: np.tanh(x, out=h)) / ELEMENTS,
            "value": least_seconds(lambda: percentiles(values)) / values.size,
        }
    return Speed(
        **{name: min(LIMIT, max(1.0 / LIMIT, seconds / getattr(REFERENCE, name))) for name, seconds in measured.items()}
    )


CALLS, ELEMENTS, BATCH = 100, 1 << 14, 64
WEIGHTS, VALUES = (4, 100, 101), (4, 1 << 13)


def duration(seconds: float) -> str:
    """A time in words, of two parts at most: '0.4 s', '12 s', '3 min 20 s', '5 h', '3 days 4 h'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    parts: list[str] = []
    for name, length in (("days", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        many, whole = divmod(whole, length)
        if many or parts:
            parts.append(f"{many:,} {name}" if many else "")
    return " ".join(parts[:2]).strip()


def _about(seconds: float) -> str:
    """An estimate in words: nobody foresees tenths of a second."""
    return "under a second" if seconds < 1 else f"about {duration(seconds)}"


@dataclass(frozen=True)
class Cost:
    """What an experiment takes.

    Attributes:
        runs: networks trained.
        updates: weight updates, summed over the runs.
        parameters: weights and biases, summed over the runs.
        flops: floating-point operations of training and statistics together.
        seconds: time on one processor core.
        bytes: peak memory of server and workers together, beyond what they take without it.
        table_bytes: memory of the result, once all else of it is gone.
        chunk: runs that train together at most.
    """

    runs: int
    updates: int
    parameters: int
    flops: float
    seconds: float
    bytes: int
    table_bytes: int
    chunk: int

    def __str__(self) -> str:
        extent = f"{count(self.runs, 'run')}, {count(self.updates, 'update')}"
        return f"{_about(self.seconds)} on one core, {size(self.bytes)} ({extent})"


@dataclass(frozen=True)
class Load:
    """The shapes of runs that differ in nothing that changes the amount of work.

    Attributes:
        dataset: what they train on.
        widths: units of every layer, input and output included.
        groups, runs: how many groups, and runs in all of them.
        batch, train, test, probe: examples in a batch, the training set, the test set and the probe.
        epochs, updates: passes over the training set, and weight updates in them.
        points: recorded points.
        within: points within epochs, at which only losses and accuracies are recorded.
        full: whether single examples' gradient signs and the path of the weights are measured.
        itemsize: bytes of a number in training.
        slots: numbers that the optimiser remembers of each weight.
        work: elementwise work of a pass beside that of a plain network of tanh units.
    """

    dataset: str
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
    within: int
    full: bool
    itemsize: int
    slots: int
    work: float = 1.0

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
        each recorded point; the test set, and both within epochs, go forward only, which is a third of the work."""
        recorded = self.points * (self.train + self.probe + self.test / 3)
        return self.train * self.epochs + recorded + self.within * (self.train + self.test) / 3

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
    def update_bytes(self) -> int:
        """What an update of one run touches."""
        return self.itemsize * (4 * self.parameters + 3 * self.batch * self.units)

    @property
    def chunk(self) -> int:
        """Runs that train together at most."""
        return max(1, min(self.runs, CHUNK_BYTES // self.run_bytes, CACHE_BYTES // self.update_bytes))

    @property
    def table_bytes(self) -> float:
        """The rows that all runs leave behind."""
        rows = self.runs * RUN_BYTES + self.row_bytes
        return rows + self.points * self.groups * self.histogram_rows * HISTOGRAM_BYTES

    @property
    def row_bytes(self) -> int:
        """Of these the rows of each run at each recorded point, with its layers."""
        layers = self.points * (len(self.widths) - 1) * LAYER_BYTES
        return self.runs * ((self.points + self.within) * EPOCH_BYTES + layers)

    @property
    def histogram_rows(self) -> float:
        """Bins that hold something at one point of one group."""
        seeds = self.runs / self.groups
        rows = 0.0
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(self.widths), 2):
            looked_at = BINS["preactivation"] + BINS["activation"] * (layer < len(self.widths))
            rows += looked_at * _filled(seeds * self.probe * fan_out)
            if self.full:
                rows += BINS["gradient"] * _filled(seeds * fan_in * fan_out)
                # A share of so many signs has one value more.
                rows += 3 * min(FILLED * BINS["positive_share"], fan_in + 1)
        return rows

    @property
    def state_bytes(self) -> int:
        """What goes to a worker and comes back of one run: weights, where they began, the last update, the optimiser's
        memory and the orthants visited."""
        orthants = sum(b * (1 << a) // 8 for a, b in itertools.pairwise(self.widths) if a <= MAX_ORTHANT_FAN_IN)
        return self.itemsize * self.parameters * (1 + self.slots + 2 * self.full) + orthants * self.full

    def held_bytes(self, chunk: int) -> float:
        """What the server holds beyond the tables, where so many runs make a chunk: states, once more while they are
        saved, and records."""
        points = math.ceil(self.runs / chunk) * self.points * (len(self.widths) - 1)
        records = RECORDED[self.full] * self.row_bytes + points * POINT_BYTES[self.full]
        return 2 * self.runs * self.state_bytes + records

    def worker_bytes(self, chunk: int) -> float:
        """What a worker takes that trains a chunk of so many runs, and the server for what goes there and back."""
        return IDLE_BYTES + chunk * (WORKING * self.run_bytes + ON_THE_WAY * self.state_bytes)


def _filled(values: float) -> float:
    """Share of the bins of a histogram of so many values that hold something."""
    return FILLED * -math.expm1(-values / FEW)


def predict_seconds(load: Load) -> float:
    """Time of `load` on one core of this machine: calls, matrix products, elementwise work and statistics, each linear
    in its count."""
    itemsize, probed, layers = load.itemsize, load.points * load.probe, len(load.widths) - 1
    steps = (load.updates + load.points) * layers
    here = speed()
    recorded = load.points * layers
    calls = SHAPE_SECONDS + math.ceil(load.runs / load.chunk) * steps * CALLS_PER_LAYER * CALL_SECONDS
    calls += recorded * (2 if load.full else 1) * POINT_SECONDS
    calls += load.runs * (recorded * ROW_SECONDS + steps * 3 * MATRIX_SECONDS)
    if load.full:
        followed = load.updates * layers
        calls += math.ceil(load.runs / load.chunk) * followed * PATH_CALLS * CALL_SECONDS
        calls += load.runs * followed * PATH_RUN_SECONDS
    products = load.runs * 6.0 * load.weights * load.passes * FLOP_SECONDS[itemsize]
    moved = load.updates * load.parameters
    elements = load.work * load.units * load.passes * UNIT_SECONDS[itemsize] + moved * UPDATE_SECONDS[itemsize]
    values = probed * load.units * SORT_SECONDS[itemsize]
    if load.full:
        elements += moved * PATH_SECONDS[itemsize] + probed * load.weights * SIGN_SECONDS[itemsize]
    return calls * here.call + products * here.flop + load.runs * (elements * here.element + values * here.value)


def estimate(loads: Sequence[Load]) -> Cost:
    """The cost of `loads`, one after the other."""
    return Cost(
        runs=sum(load.runs for load in loads),
        updates=sum(load.runs * load.updates for load in loads),
        parameters=sum(load.runs * load.parameters for load in loads),
        flops=sum(load.flops for load in loads),
        seconds=sum(predict_seconds(load) for load in loads),
        bytes=_peak_bytes(loads),
        table_bytes=round(sum(load.table_bytes for load in loads)),
        chunk=min(load.chunk for load in loads),
    )


def _peak_bytes(loads: Sequence[Load]) -> int:
    """What the server and as many workers as there are processors take for `loads` at most."""
    workers = min(cpu_count(), sum(load.runs for load in loads))
    pieces = math.ceil(workers / len(loads))
    chunks = [min(load.chunk, math.ceil(load.runs / pieces)) for load in loads]
    return round(
        IDLE_BYTES
        + 2 * sum({load.dataset: load.data_bytes for load in loads}.values())
        + TABLES * sum(load.table_bytes for load in loads)
        + sum(load.held_bytes(chunk) for load, chunk in zip(loads, chunks, strict=True))
        + workers * max(load.worker_bytes(chunk) for load, chunk in zip(loads, chunks, strict=True))
    )
