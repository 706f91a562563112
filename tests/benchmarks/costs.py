"""What the product's own choices cost: statistics, the second core, the number format; and whether it foresees it."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.experiment.experiment import Experiment
from tests.benchmarks.contest import WORKERS, in_turns
from tests.benchmarks.report import Row
from tests.benchmarks.workers import Worker
from tests.benchmarks.workloads import WORKLOADS, Workload

SECONDS = 8.0
"""Time of a workload in a section after which no other round begins."""
MOONS = Experiment(
    dataset=("two_moons",), activation=("tanh",), initialiser=("glorot_uniform",), hidden=((8, 8),), batch_size=(0,)
)


def statistics_cost(product: Worker, workloads: Sequence[Workload], rounds: int) -> list[Row]:
    """Standard and full statistics as shares of the sweep without any, on one core.

    A sweep records its first and last point at least. What a point costs follows from the sweep that records more, and
    is taken off.
    """
    rows = []
    for workload in workloads:
        standard = replace(workload.experiment, statistics="standard")
        full = replace(workload.experiment, statistics="full")
        ends = replace(standard, record="0")
        times = in_turns(product, {"ends": (ends, 1), "standard": (standard, 1), "full": (full, 1)}, rounds, SECONDS)
        points = len(standard.record_epochs())
        # Processor time of one process is its wall time without the others' turns.
        point = (times["standard"].median_cpu - times["ends"].median_cpu) / (points - len(ends.record_epochs()))
        bare = times["standard"].median_cpu - points * point
        for name, target in (("standard", 1.10), ("full", 1.60)):
            ratio = times[name].median_cpu / bare
            note = f"{points} points; without any {bare:.3g} s of processor time"
            rows.append(
                times[name].row(
                    "Statistics, one core", workload.name, name, "", ratio, target=target, below=True, note=note
                )
            )
    return rows


def second_core(product: Worker, workloads: Sequence[Workload], rounds: int) -> list[Row]:
    """Times of one worker process over times of two."""
    rows = []
    with Worker("tests.benchmarks.product", "Product", {}) as single:
        for workload in workloads:
            one: list[float] = []
            two: list[float] = []
            single.call("prepare", workload.experiment, 1)
            product.call("prepare", workload.experiment, WORKERS)
            began = time.monotonic()
            while not one or (len(one) < rounds and time.monotonic() - began < SECONDS):
                one.append(single.call("train").wall)
                two.append(product.call("train").wall)
            ratio = float(np.median(one) / np.median(two))
            rows.append(
                Row("Second core", workload.name, "1 process / 2 processes", median=float(np.median(two)),
                    low=min(two), high=max(two), ratio=ratio, target=1.8, rounds=len(two))
            )  # fmt: skip
    return rows


def precision(product: Worker, workloads: Sequence[Workload], rounds: int) -> list[Row]:
    """Time in float64 over that in float32, and how far the final losses and accuracies are from each other."""
    rows = []
    for workload in workloads:
        single, double = workload.experiment, replace(workload.experiment, dtype="float64")
        times = in_turns(product, {"float32": (single, WORKERS), "float64": (double, WORKERS)}, rounds, SECONDS)
        ends = {}
        for name, experiment in (("float32", single), ("float64", double)):
            product.call("prepare", experiment, WORKERS)
            product.call("train")
            ends[name] = product.call("last", value=True).value
        loss = np.abs(ends["float32"][0] - ends["float64"][0])
        accuracy = np.abs(ends["float32"][1] - ends["float64"][1])
        note = (
            f"final training loss differs by {np.median(loss):.0e} in the median run, {loss.max():.0e} at most; "
            f"accuracy by {np.median(accuracy):.0e}, {accuracy.max():.0e} at most"
        )
        ratio = times["float64"].median / times["float32"].median
        rows.append(
            times["float64"].row("float64 / float32", workload.name, "float64", "2 processes", ratio, note=note)
        )
    return rows


def estimates(product: Worker, quick: bool) -> list[Row]:
    """Estimated over measured seconds on one core, over a spread of experiments."""
    digits = replace(WORKLOADS["W1"].experiment, initialiser=("glorot_uniform",))
    spread = {
        "W1": WORKLOADS["W1"].experiment,
        "W2": WORKLOADS["W2"].experiment,
        "W3": WORKLOADS["W3"].experiment,
        "W4": WORKLOADS["W4"].experiment,
        "one run": replace(digits, seeds=1),
        "float64": replace(digits, dtype="float64", seeds=16),
        "batch 1": replace(digits, batch_size=(1,), epochs=1, seeds=8),
        "full batch": replace(digits, batch_size=(0,), epochs=200, seeds=8),
        "width 300": replace(digits, hidden=((300, 300),), epochs=3, seeds=4),
        "width 1000": replace(digits, hidden=((1000,),), epochs=2, seeds=1),
        "20 layers": replace(digits, hidden=((16,) * 20,), epochs=5, seeds=8),
        "Adam": replace(digits, optimiser=("adam",), learning_rate=(0.001,), epochs=10, seeds=8),
        "every epoch, full": replace(digits, record="every", statistics="full", epochs=20, seeds=4),
        "moons, full": replace(MOONS, statistics="full", epochs=500, seeds=32),
        "ReLU": replace(digits, activation=("relu",), initialiser=("he_normal",), seeds=16),
    }
    if quick:
        spread = dict(list(spread.items())[4:9])
    rows = []
    for name, experiment in spread.items():
        product.call("prepare", experiment, 1)
        estimate = product.call("cost", experiment, value=True).value.seconds
        reply = product.call("train")
        note = f"estimate {estimate:.2g} s"
        # Held against processor time, which does not count what others do on the machine meanwhile.
        ratio = estimate / reply.cpu
        off = max(ratio, 1.0 / ratio)
        rows.append(
            Row("Estimate / processor time", name, "estimate", "1 process", median=reply.wall, cpu=reply.cpu,
                ratio=off, target=1.3, below=True, note=note + (", too high" if ratio > 1 else ", too low"))
        )  # fmt: skip
    return rows
