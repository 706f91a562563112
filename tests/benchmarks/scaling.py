"""How time and memory grow: slopes over three decades, and the largest cases."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from core.experiment.experiment import Experiment
from tests.benchmarks.contest import WORKERS
from tests.benchmarks.costs import MOONS
from tests.benchmarks.report import Row
from tests.benchmarks.workers import Worker
from tests.benchmarks.workloads import WORKLOADS

ENOUGH_SECONDS = 0.3
DIGITS = replace(WORKLOADS["W3"].experiment, initialiser=("glorot_uniform",), batch_size=(256,))
SECTION = "Slopes of log time, one core"
GIGABYTE = 10**9


def slopes(product: Worker, quick: bool) -> list[Row]:
    """Slopes of log(time) on log(runs), log(updates) and log(parameters).

    Times are processor times of one process, each beyond that of a smaller sweep: what is fixed is taken off.
    """
    decades = 3 if quick else 4
    small = replace(MOONS, samples=320, statistics="standard")
    one_epoch = _ends(small, epochs=1, seeds=64)
    one_run = _ends(small, epochs=1, seeds=1)
    runs = {10**k: _Difference(_ends(small, epochs=50, seeds=10**k), one_run) for k in range(1, decades + 1)}
    updates = {
        64 * (10**k - 1): _Difference(_ends(small, epochs=10**k, seeds=64), one_epoch) for k in range(1, decades + 1)
    }
    parameters = {}
    for width in (20, 64, 200, 640) if quick else (20, 64, 200, 640, 2000):
        seeds = max(1, min(32, 2000 // width))
        short = _ends(DIGITS, hidden=((width, width),), epochs=1, seeds=seeds)
        size = short.cost().parameters // seeds
        epochs = min(60, max(2, 2_000_000 // size))
        parameters[size] = _Difference(replace(short, epochs=1 + epochs, record="0"), short, seeds * epochs)
    return [
        _slope(product, "runs", "2-8-8-1, 50 updates of 256 examples", runs),
        _slope(product, "updates", "64 runs of 2-8-8-1, 256 examples", updates),
        _slope(product, "parameters", "an epoch of one run of 64-w-w-10", parameters),
    ]


def _ends(experiment: Experiment, **changes: Any) -> Experiment:
    """`experiment` changed, and recorded before and after training only."""
    return replace(experiment, record="0", **changes)


class _Difference(NamedTuple):
    """A sweep, the smaller one whose time is taken off, and what the difference is divided by."""

    whole: Experiment
    less: Experiment
    by: int = 1


def _slope(product: Worker, name: str, what: str, sizes: Mapping[int, _Difference]) -> Row:
    seconds = [max(1e-6, _cpu(product, size.whole) - _cpu(product, size.less)) / size.by for size in sizes.values()]
    slope = float(np.polyfit(np.log(list(sizes)), np.log(seconds), 1)[0])
    points = ", ".join(f"{size:,}: {taken:.2g} s" for size, taken in zip(sizes, seconds, strict=True))
    off = abs(slope - 1.0)
    return Row(SECTION, name, what, median=slope, unit="", ratio=off, target=0.05, below=True, note=points)


def _cpu(product: Worker, experiment: Experiment) -> float:
    """Processor seconds of a sweep: the least of as many as take a while."""
    product.call("prepare", experiment, 1)
    taken = [product.call("train").cpu]
    while sum(taken) < ENOUGH_SECONDS:
        taken.append(product.call("train").cpu)
    return min(taken)


def memory(quick: bool) -> list[Row]:
    """Largest resident memory of fresh processes: as updates grow, and in the two largest cases."""
    small = replace(MOONS, samples=320, seeds=64, statistics="standard")
    rows = []
    peaks = []
    for epochs in (30, 300, 3_000):
        peak, row = _peak(f"{64 * epochs:,} updates", "64 runs of 2-8-8-1", replace(small, epochs=epochs), 1)
        peaks.append(peak)
        rows.append(row)
    rows.append(
        Row("Memory", "flat in updates", "largest / smallest of these", unit="", ratio=max(peaks) / min(peaks),
            target=1.05, below=True)
    )  # fmt: skip
    wide = replace(DIGITS, hidden=((1000,) * 5,), batch_size=(32,), epochs=1 if quick else 2, seeds=1)
    many = replace(small, seeds=1_000 if quick else 10_000, epochs=20)
    for subject, experiment in ((f"{many.seeds:,} runs", many), ("1,000 wide, 5 layers", wide)):
        for statistics, workers in (("standard", 1), ("standard", WORKERS), ("full", WORKERS)):
            what = f"{'-'.join(map(str, experiment.hidden[0]))}, {statistics} statistics"
            rows.append(_peak(subject, what, replace(experiment, statistics=statistics), workers)[1])
    return rows


def _peak(subject: str, what: str, experiment: Experiment, workers: int) -> tuple[int, Row]:
    with Worker("tests.benchmarks.product", "Product", {}) as fresh:
        fresh.call("prepare", experiment, workers)
        reply = fresh.call("train")
        parts = fresh.call("peak", value=True).value
    total = sum(parts)
    note = f"{reply.wall:.2g} s; " + " + ".join(f"{part / 1e6:.0f}" for part in parts) + " MB"
    estimate = experiment.cost().bytes
    note += f"; estimate {estimate / 1e6:.0f} MB beyond the interpreter"
    return total, Row(
        "Memory", subject, what, f"{workers} process{'es' if workers > 1 else ''}", "MB", total / 1e6,
        ratio=total / GIGABYTE, target=1.0, below=True, note=note,
    )  # fmt: skip
