"""Contestants in processes of their own, so that their threads and libraries keep out of each other's way."""

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from tests.benchmarks.kernels import computes_with

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Reply:
    """What a call in a worker gave, and what it took there.

    Attributes:
        value: what was returned; None if it was not asked for.
        wall, cpu: seconds of wall time, and of processor time of the process and those it has started.
    """

    value: Any
    wall: float
    cpu: float


class Worker:
    """A process that holds contestants, objects of the class `name` of a module, one for each `slot` that is named."""

    def __init__(self, module: str, name: str, environment: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        with _environment(environment):
            self._process = context.Process(target=_serve, args=(other, module, name))
            self._process.start()
        other.close()

    def send(self, method: str, *arguments: Any, value: bool = False, slot: str = "") -> None:
        """Begin a call; `receive` waits for its end. What it returns comes back only if `value`."""
        self._pipe.send((slot, method, arguments, value))

    def receive(self) -> Reply:
        """The end of the call that was sent last; an exception there is raised here."""
        reply: Reply | str = self._pipe.recv()
        if isinstance(reply, str):
            raise RuntimeError(f"a contestant failed: {reply}")
        return reply

    def call(self, method: str, *arguments: Any, value: bool = False, slot: str = "") -> Reply:
        """Call and wait."""
        self.send(method, *arguments, value=value, slot=slot)
        return self.receive()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(pipe: Connection, module: str, name: str) -> None:
    contestants: dict[str, Any] = {}
    while True:
        try:
            slot, method, arguments, wanted = pipe.recv()
        except EOFError:
            break
        try:
            if slot not in contestants:
                contestants[slot] = getattr(import_module(module), name)()
            contestant = contestants[slot]
            cpu, wall = cpu_seconds(contestant), time.perf_counter()
            own = method != "computes_with" or hasattr(contestant, method)
            value = (getattr(contestant, method) if own else computes_with)(*arguments)
            wall, cpu = time.perf_counter() - wall, cpu_seconds(contestant) - cpu
        except Exception as error:  # noqa: BLE001 (told to the caller)
            pipe.send(f"{type(error).__name__}: {error}")
        else:
            pipe.send(Reply(value if wanted else None, wall, cpu))
    for contestant in contestants.values():
        if hasattr(contestant, "close"):
            contestant.close()


def cpu_seconds(contestant: object = None) -> float:
    """Processor time of this process and of the contestant's worker processes."""
    pids = contestant.pids() if hasattr(contestant, "pids") else ()
    return time.process_time() + sum(_cpu_of(pid) for pid in pids)


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:  # not Linux, or the process has ended
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_bytes(pid: int) -> int:
    """Largest resident memory that a process has had; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
