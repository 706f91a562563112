"""How long something takes at its best: what others do on the machine only makes it longer."""

import time
from collections.abc import Callable

TURNS = 12
"""Times that a call is measured."""


def least_seconds(call: Callable[[], object]) -> float:
    """The shortest of TURNS calls, in seconds."""
    taken = []
    for _ in range(TURNS):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return min(taken)
