"""For the tests of jobs, pools and servers: small sweeps, waiting that ends, processes and whether they have ended."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.experiment.experiment import Experiment
from core.jobs.pool import Pool

SMALL = Experiment(
    dataset=("iris",),
    activation=("logistic", "tanh"),
    initialiser=("normal:1", "glorot_uniform", "lsuv"),
    hidden=((5, 4),),
    batch_size=(32, 0),
    epochs=4,
    seeds=2,
    record="0,1,4",
)
LONG = replace(SMALL, epochs=10_000, record="log")
PATIENCE = 50.0
"""Seconds that anything may take on a slow, busy machine; a test that waits for it in vain fails then."""


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def pids(pool: Pool) -> tuple[int, ...]:
    """The ids of the worker processes."""
    return tuple(pid for worker in tuple(pool._workers.values()) if (pid := worker.process.pid) is not None)


def gone(pid: int) -> bool:
    """Whether that process has ended; one that nobody has waited for counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def in_process(script: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)


def kill_own_process(*_: Any) -> None:
    """What a worker executes that is to die."""
    os.kill(os.getpid(), signal.SIGKILL)
