"""A job: one experiment in training on a server, or trained, as pages see it."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from core.engine.recording import Record
from core.experiment.experiment import Experiment
from core.jobs.plan import Progress
from core.jobs.sweep import Sweep

if TYPE_CHECKING:
    from core.jobs.jobs import Jobs
    from core.results.results import Result

Status = Literal["queued", "running", "done", "failed", "cancelled", "paused"]
"""`paused`: nobody looked at it for a while. It has left memory; asked for again, it goes on from where it was."""


LOOK_SHARE = 0.1
"""The share of a processor that may go into collecting the numbers of one sweep before its end, whoever looks at them:
its training needs the rest."""


class Job:
    """An experiment in training, or trained. All that a page asks of it is quick, but for `result`."""

    def __init__(self, registry: "Jobs", experiment: Experiment, number: int) -> None:
        cost = experiment.cost()
        self.key = experiment.key
        self.experiment = experiment
        self.status: Status = "queued"
        self.error = ""
        """Why it failed, for the visitor."""
        self.sweep = Sweep(number, cost.seconds, cost.bytes, cost.table_bytes, time.monotonic())
        self._registry = registry
        self._result: Result | None = None
        self._collected = 0
        self.pause = 0.0
        """Seconds between two times that its numbers so far are collected."""
        self._next_look = 0.0
        self._collecting = threading.Lock()
        self._ended = threading.Event()
        self._listeners: dict[str, Callable[[], None]] = {}

    @property
    def active(self) -> bool:
        """True until it is done, failed, cancelled or paused."""
        return self.status in ("queued", "running")

    @property
    def position(self) -> int:
        """Place in the queue, from 1; 0 once training has begun."""
        return self._registry.position(self)

    @property
    def records(self) -> tuple[Record, ...]:
        """What has been recorded so far."""
        return self._registry.records(self)

    def progress(self) -> Progress:
        """How far it is."""
        return self._registry.progress(self)

    def result(self) -> "Result | None":
        """The result; before the end that of the records so far, None while there are none."""
        return self._look(whole=True)[0]

    def latest(self) -> tuple["Result | None", str]:
        """The result so far, and its version: a version that changes when the numbers do.

        Before the end the numbers are those of a while ago where there are many: collecting them takes no more than
        LOOK_SHARE of a processor.
        """
        return self._look(whole=not self.active)

    def _look(self, whole: bool) -> tuple["Result | None", str]:
        # Of large tables that takes minutes on a busy machine.
        with self._registry.watching(self), self._collecting:
            # Asked before the records, of which there may be more by then, but never fewer.
            done = self.status == "done"
            records = self.records
            new = len(records) > self._collected or (self.sweep.known and self._result is None)
            if new and (whole or time.monotonic() >= self._next_look):
                self._collect(records)
            version = self.key if done else f"{self.key} {self.sweep.number} {self._collected}"
            return self._result, version

    def _collect(self, records: tuple[Record, ...]) -> None:
        # The import costs pandas, which a worker process must not load.
        from core.results.merging import completed

        began, used = time.monotonic(), time.thread_time()
        # The last ones go first: a sweep takes most memory now, and the lock keeps everybody from asking for them.
        self._result = None
        self._result = completed(self.experiment, records, self.sweep.known)
        self._collected = len(records)
        self.pause = (time.thread_time() - used) / LOOK_SHARE
        self._next_look = began + self.pause

    def cancel(self, visitor: str) -> bool:
        """The visitor of that name has no more interest in it. It stops, and True is returned, if nobody else has."""
        return self._registry.cancel(self, visitor)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, at most `timeout` seconds; True if it has. Who waits looks at it."""
        with self._registry.watching(self):
            return self._ended.wait(timeout)

    def when_over(self, name: str, tell: Callable[[], None]) -> None:
        """Call `tell`, which must be quick, when it ends or has ended; of one name only the last counts."""
        self._listeners[name] = tell
        if not self.active:
            self._tell()

    def _tell(self) -> None:
        for name in tuple(self._listeners):
            if (tell := self._listeners.pop(name, None)) is not None:
                tell()

    # What its registry does

    def take(self, result: "Result") -> None:
        """It is trained already, and this is its result."""
        self._result = result

    def end(self, status: Status, error: str = "") -> None:
        """There is no more to come."""
        self.status, self.error = status, error
        self._ended.set()
        self._tell()
