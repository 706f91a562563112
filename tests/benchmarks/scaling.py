"""How time and memory grow: slopes over three decades, and the largest cases."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core.experiment import Experiment
from tests.benchmarks.contest import WORKERS
from tests.benchmarks.costs import MOONS
from tests.benchmarks.report import Row
from tests.benchmarks.workers import Worker
from tests.benchmarks.workloads import WORKLOADS

ENOUGH_SECONDS = 0.3
DIGITS = replace(WORKLOADS["W3"].experiment, initialiser=("glorot_uniform",), record="0", batch_size=(256,))
SECTION = "Slopes of log time, one core"
GIGABYTE = 10**9


def slopes(product: Worker, quick: bool) -> list[Row]:
    """Slopes of log(time) on log(runs), log(updates) and log(parameters).

    Times are processor times of one process, beyond those of a sweep of one run and one epoch: a fixed cost.
    """
    decades = 3 if quick else 4
    small = replace(MOONS, samples=320, record="0", statistics="standard")
    runs = {10**k: replace(small, epochs=50, seeds=10**k) for k in range(1, decades + 1)}
    updates = {64 * 10**k: replace(small, epochs=10**k, seeds=64) for k in range(1, decades + 1)}
    widths = (20, 64, 200, 640) if quick else (20, 64, 200, 640, 2000)
    rows = [_slope(product, "runs", "2-8-8-1, 50 updates of 256 examples", runs, replace(small, epochs=1, seeds=1))]
    rows.append(_slope(product, "updates", "64 runs of 2-8-8-1", updates, replace(small, epochs=1, seeds=1)))
    by_parameters = {}
    for width in widths:
        experiment = replace(DIGITS, hidden=((width, width),), epochs=4, seeds=max(1, min(32, 2000 // width)))
        by_parameters[experiment.cost().parameters // experiment.seeds] = experiment
    fixed = replace(DIGITS, hidden=((1,),), epochs=1, seeds=1)
    rows.append(_slope(product, "parameters", "time per run of 64-w-w-10", by_parameters, fixed, per_run=True))
    return rows


def _slope(
    product: Worker, name: str, what: str, sizes: Mapping[int, Experiment], fixed: Experiment, per_run: bool = False
) -> Row:
    least = _cpu(product, fixed)
    seconds = [
        max(1e-6, _cpu(product, experiment) - least) / (experiment.seeds if per_run else 1)
        for experiment in sizes.values()
    ]
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
    wide = replace(DIGITS, hidden=((1000,) * 5,), batch_size=(32,), epochs=1 if quick else 2, seeds=1, record="log")
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
