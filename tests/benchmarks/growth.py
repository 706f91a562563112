"""The largest of everything, each alone: many runs, many weights, many layers, many recorded epochs."""

from dataclasses import replace

from core.experiment.experiment import Experiment
from tests.benchmarks.contest import WORKERS
from tests.benchmarks.costs import MOONS
from tests.benchmarks.report import Row
from tests.benchmarks.workers import Worker
from tests.benchmarks.workloads import WORKLOADS

SECTION = "Growth"
SMALL = replace(MOONS, samples=320, statistics="standard", record="0", epochs=20)
DIGITS = replace(WORKLOADS["W3"].experiment, initialiser=("glorot_uniform",), record="log", seeds=1, epochs=5)
TEN = tuple(f"normal:{tenths / 10:g}" for tenths in range(1, 11))
LARGEST: dict[str, tuple[str, Experiment]] = {
    "10,000 runs": ("2-8-8-1, 20 updates of 256 examples", replace(SMALL, initialiser=TEN, seeds=1_000)),
    "100,000 runs": ("the same", replace(SMALL, initialiser=TEN, seeds=10_000)),
    "1,010,000 weights": ("64-968-968-10, batch 64, 5 epochs, one run", replace(DIGITS, hidden=((968, 968),))),
    "50 layers": ("64-50x32-10, batch 64, 5 epochs, 4 runs", replace(DIGITS, hidden=((32,) * 50,), seeds=4)),
    "10,000 recorded epochs": ("2-8-8-1, full batch, one run", replace(SMALL, epochs=10_000, seeds=1, record="every")),
}


def growth(quick: bool) -> list[Row]:
    """Time, memory and size of the result of each, trained by two workers of a process of its own."""
    return [_row(name, *LARGEST[name]) for name in LARGEST if not quick or name in ("10,000 runs", "50 layers")]


def _row(name: str, what: str, experiment: Experiment) -> Row:
    with Worker("tests.benchmarks.product", "Product", {}) as fresh:
        fresh.call("prepare", experiment, WORKERS)
        reply = fresh.call("train")
        parts = fresh.call("peak", value=True).value
        tables, archive = fresh.call("sizes", value=True).value
    cost = experiment.cost()
    note = (
        f"{sum(parts) / 1e6:,.0f} MB at most ({' + '.join(f'{part / 1e6:,.0f}' for part in parts)}), tables "
        f"{tables / 1e6:,.1f} MB, zip {archive / 1e6:,.1f} MB; estimate {cost.seconds:,.2g} s of processor time and "
        f"{cost.bytes / 1e6:,.0f} MB beyond the interpreters"
    )
    return Row(SECTION, name, what, f"{WORKERS} processes", median=reply.wall, cpu=reply.cpu, note=note)
