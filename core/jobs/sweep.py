"""What a server keeps of a sweep in training: how far it is, what it takes, and who asked for it."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.jobs.plan import Segment, Speedometer, Work

if TYPE_CHECKING:
    from core.results.merging import Part

SHORT_SECONDS = 10.0
"""A sweep that is estimated to take no longer is short: where long ones fill a limit, there is a place for it yet."""


@dataclass(frozen=True)
class Visitor:
    """Who asks for a sweep.

    Attributes:
        name: one browser or one session: a sweep goes on while one of those who asked for it has not cancelled it.
        account: whose limit a sweep counts towards, and whose turns it takes: more than one name may share it.
        address: where from; "" if that is not known.
    """

    name: str
    account: str
    address: str = ""


@dataclass(eq=False)
class Sweep:
    """What `core.jobs.jobs` keeps of a job, for itself and under its lock."""

    number: int
    seconds: float
    """Estimate on one core."""
    bytes: int
    """Estimate of the memory at its peak."""
    table_bytes: int
    """Estimate of the memory that its result takes."""
    looked: float
    """When somebody last looked at it."""
    visitors: dict[str, Visitor] = field(default_factory=dict)
    works: list[Work] = field(default_factory=list)
    known: "list[Part]" = field(default_factory=list)
    """What is taken from other results, and not trained again."""
    speedometer: Speedometer | None = None
    turn: int = 0
    futures: set[Future[Segment]] = field(default_factory=set)
    keep: bool = False
    """Whether the visitor wants the result stored though it is of their own table; of the lab's data all are."""
    admitted: bool = False
    """Whether it is in the queue, or has begun."""
    begun: bool = False
    """Whether it takes memory yet."""
    waiting: int = 0
    """Threads that wait for its end."""
    unwatched: bool = False
    pausing: bool = False
    unsaved: float = 0.0
    """Seconds of training since the last checkpoint."""
    save_seconds: float = 0.0
    """How long the last checkpoint took to write."""
    saving: threading.Lock = field(default_factory=threading.Lock)
    opened: threading.Event = field(default_factory=threading.Event)
    """Set once the store has been asked for it."""

    @property
    def short(self) -> bool:
        """Whether it has a place where long ones fill a limit."""
        return self.seconds <= SHORT_SECONDS

    @property
    def accounts(self) -> set[str]:
        """Whose limits it counts towards."""
        return {visitor.account for visitor in self.visitors.values()}

    @property
    def addresses(self) -> set[str]:
        """Where those who asked for it are."""
        return {visitor.address for visitor in self.visitors.values()}

    @property
    def share(self) -> float:
        """How much of it is trained, from 0 to 1."""
        return sum(work.epoch for work in self.works) / max(1, sum(work.epochs for work in self.works))
