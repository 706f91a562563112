"""What it takes to import the engine, in fresh interpreters that take turns."""

import statistics
import subprocess
import sys
import time

from tests.benchmarks.report import Row

STATEMENTS = {
    "Python alone": "pass",
    "NumPy": "import numpy",
    "import core": "import core",
    "the engine, to train": "import core.jobs.running",
    "the tables too": "from core import run; import core.results.results",
}
TARGETS = {"import core": 0.7}


def start_up(rounds: int) -> list[Row]:
    """Seconds beyond Python's own start; the target is `import core` within 0.7 s."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for turn in range(rounds + 1):
        for name, statement in STATEMENTS.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            if turn:  # the first only fills the disk's cache
                times[name].append(time.perf_counter() - begin)
    own = statistics.median(times["Python alone"])
    return [
        Row(
            "Start-up", name, STATEMENTS[name], median=statistics.median(taken), low=min(taken), high=max(taken),
            ratio=statistics.median(taken) - own, target=TARGETS.get(name), below=True,
        )
        for name, taken in times.items()
    ]  # fmt: skip
