"""Turns: of the pages that are opened at once, a few are drawn at a time, those first that show nothing yet.

Python runs one thread at a time. Two hundred pages that are drawn together all get their first chart at the very end;
in turns half of them have it after half of the time, and the server hears newcomers in between.
"""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PLACES = 2  # so that one page that takes long to make does not hold up all others
FIRST, LATER = 0, 1


class Line:
    """Threads that wait for one of a few places: the lowest rank first, in the order in which they came."""

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._waiting: list[tuple[int, int, threading.Event]] = []
        self._numbers = itertools.count()

    def take(self, rank: int) -> None:
        """Wait for a place."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            called = threading.Event()
            heapq.heappush(self._waiting, (rank, next(self._numbers), called))
        called.wait()

    def give(self) -> None:
        """Give a place back: to the first in the line, if there is one."""
        with self._lock:
            if self._waiting:
                heapq.heappop(self._waiting)[-1].set()
            else:
                self._free += 1


_line = Line(PLACES)
_rank: ContextVar[int | None] = ContextVar("rank", default=None)


@contextmanager
def drawing() -> Iterator[None]:
    """Draw a page that shows nothing yet, when it is its turn."""
    _line.take(FIRST)
    before = _rank.set(FIRST)
    try:
        yield
    finally:
        _rank.reset(before)
        _line.give()


def step_back() -> None:
    """Let those go first who see nothing yet: what matters most is on this screen."""
    if _rank.get() == FIRST:
        _rank.set(LATER)
        _line.give()
        _line.take(LATER)


@contextmanager
def waiting() -> Iterator[None]:
    """Wait for something without keeping others from drawing."""
    rank = _rank.get()
    if rank is None:
        yield
        return
    _line.give()
    try:
        yield
    finally:
        _line.take(rank)
