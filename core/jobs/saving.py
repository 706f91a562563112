"""What one sweep has come to, saved from time to time: whoever is stopped before its end goes on from there."""

import time
from collections.abc import Callable, Sequence

from core.experiment.experiment import Experiment
from core.jobs import checkpoint
from core.jobs.plan import Work
from core.jobs.store import Store

SECONDS = 5.0
"""Training of each worker that may be lost; more where saving takes long."""
COST = 20
"""It is saved when training has taken this many times as long as saving did the last time."""


class Saved:
    """What is saved of `experiment` in `store`; `note` is told in words what becomes of it."""

    def __init__(self, store: Store, experiment: Experiment, note: Callable[[str], None]) -> None:
        self._store = store
        self._experiment = experiment
        self._note = note
        self._warned = False
        self._last = time.monotonic()
        self._took = 0.0

    @property
    def key(self) -> str:
        """The key of the experiment that it is of."""
        return self._experiment.key

    def works(self) -> list[Work] | None:
        """The chunks as they were last saved, if they were."""
        content = self._store.load_checkpoint(self._experiment.key)
        if content is None:
            return None
        try:
            works = checkpoint.restore(content, self._experiment)
        except checkpoint.CheckpointError as error:
            self._note(f"what was saved in {self._store.folder} is not used, since {error}")
            return None
        total = sum(work.epochs * work.chunk.seconds for work in works)
        done = sum(work.epoch * work.chunk.seconds for work in works)
        self._note(f"goes on from {self._store.folder}, where {done / total:.0%} was trained")
        return works

    def take(self, works: Sequence[Work]) -> None:
        """Save how far the chunks are, if it is time."""
        if time.monotonic() - self._last >= max(SECONDS, COST * self._took):
            self.save(works)

    def save(self, works: Sequence[Work]) -> None:
        """Save how far the chunks are."""
        began = time.monotonic()
        if not self._store.save_checkpoint(self._experiment.key, checkpoint.dump(works)) and not self._warned:
            self._warned = True
            self._note(f"what is trained so far cannot be saved in {self._store.folder}. {self._store.warning}")
        self._last = time.monotonic()
        self._took = self._last - began
