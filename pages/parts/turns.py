"""Turns: of the pages that are opened at once, one is drawn at a time, those first that show nothing yet.

Python runs one thread at a time. Two hundred pages that are drawn together all get their first chart at the very end;
in turns half of them have it after half of the time, and the server hears newcomers in between.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

PATIENCE = 0.25
"""Seconds for which one page may hold up all others: who draws for longer goes on, and the next one begins."""
FIRST, LATER = 0, 1


class Line:
    """Threads that wait for their turn: the lowest rank first, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn: threading.Event | None = None
        self._since = 0.0
        self._waiting: list[tuple[int, int, threading.Event]] = []
        self._numbers = itertools.count()

    def take(self, rank: int) -> threading.Event:
        """Wait for a turn."""
        turn = threading.Event()
        with self._lock:
            heapq.heappush(self._waiting, (rank, next(self._numbers), turn))
            if self._turn is None:
                self._next()
        while not turn.wait(PATIENCE):
            with self._lock:
                if time.monotonic() - self._since > PATIENCE:
                    self._next()
        return turn

    def give(self, turn: threading.Event) -> None:
        """End a turn, if it is not over yet: the first in the line has the next one."""
        with self._lock:
            if turn is self._turn:
                self._next()

    def _next(self) -> None:
        self._turn = heapq.heappop(self._waiting)[-1] if self._waiting else None
        self._since = time.monotonic()
        if self._turn is not None:
            self._turn.set()


class Mine(NamedTuple):
    """The turn of the thread that asks."""

    rank: int
    turn: threading.Event


_line = Line()
_mine: ContextVar[Mine | None] = ContextVar("mine", default=None)


@contextmanager
def drawing() -> Iterator[None]:
    """Draw a page that shows nothing yet, when it is its turn."""
    before = _mine.set(Mine(FIRST, _line.take(FIRST)))
    try:
        yield
    finally:
        _give()
        _mine.reset(before)


def step_back() -> None:
    """Let those go first who see nothing yet: what matters most is on this screen."""
    mine = _mine.get()
    if mine is not None and mine.rank == FIRST:
        _give()
        _mine.set(Mine(LATER, _line.take(LATER)))


@contextmanager
def waiting() -> Iterator[None]:
    """Wait for something without keeping others from drawing."""
    mine = _mine.get()
    if mine is None:
        yield
        return
    _give()
    try:
        yield
    finally:
        _mine.set(Mine(mine.rank, _line.take(mine.rank)))


def _give() -> None:
    if (mine := _mine.get()) is not None:
        _line.give(mine.turn)
