"""A sweep cut into *chunks* (runs of one shape, trained together) and their training into *segments* of a few epochs.

A segment is a pure function of a picklable state: it can be executed anywhere, and again if it was lost. How a sweep
is cut changes no number in its result.
"""

import itertools
import math
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from core.engine import training
from core.engine.recording import Record
from core.engine.state import Examples, State
from core.experiment.data import data_of
from core.experiment.experiment import SHAPE, Experiment, Run
from core.machine.blas import one_blas_thread
from core.registries.datasets import Data
from core.settings import Settings

RATE_SECONDS = 10.0
"""Time over which the speed of a sweep is measured."""
TRUST_SECONDS = 5.0
"""How much the estimate of a sweep weighs against what is measured: as much as so long a measurement."""


@dataclass(frozen=True)
class Chunk:
    """Runs of one shape that train together."""

    runs: tuple[Run, ...]
    seconds: float
    """Estimated time of one epoch on one worker."""


def plan(
    experiment: Experiment,
    workers: int,
    seconds: float = Settings.segment_seconds,
    runs: Sequence[Run] | None = None,
) -> tuple[Chunk, ...]:
    """Cut `experiment` into chunks for `workers` workers: enough for each to have work, otherwise as few as possible.

    A chunk is some groups of one shape by some seeds, the same for each group. It fits memory and cache, and one epoch
    of it lasts a segment of `seconds` at most, as far as single runs allow, so that nobody waits longer for a turn.
    Where `runs` are given, in their order, it is only these that are cut.
    """
    groups: dict[Run, list[Run]] = {}
    for run in experiment.runs() if runs is None else runs:
        groups.setdefault(replace(run, run=0, seed=0), []).append(run)
    shapes: dict[tuple[Any, ...], list[Run]] = {}
    for group in groups.values():
        alike = (*(getattr(group[0], name) for name in SHAPE), tuple(run.seed for run in group))
        shapes.setdefault(alike, []).extend(group)
    return tuple(
        chunk
        for (*shape, seeds), together in shapes.items()
        for chunk in _cut(
            _of_shape(experiment, *shape),
            together,
            len(seeds),
            math.ceil(workers / len(shapes)),
            seconds,
        )
    )


def _of_shape(experiment: Experiment, dataset: str, *others: Any) -> Experiment:
    wiring: dict[str, Any] = {name: (value,) for name, value in zip(SHAPE[1:], others, strict=True)}
    return replace(experiment.on(dataset), **wiring)


def _cut(shape: Experiment, runs: list[Run], seeds: int, pieces: int, longest: float) -> Iterator[Chunk]:
    """Cut the runs of one shape into at least `pieces` chunks, or single runs; an epoch lasts `longest` at most."""
    groups = len(runs) // seeds
    cost = shape.cost()
    seconds = cost.seconds / cost.runs / shape.epochs
    most = max(1, int(min(cost.chunk, longest / seconds)))
    pieces = min(pieces, len(runs))
    cuts = []
    for group_cuts in range(math.ceil(groups / most), groups + 1):
        rows = math.ceil(groups / group_cuts)
        seed_cuts = max(math.ceil(pieces / group_cuts), math.ceil(seeds / (most // rows)))
        if seed_cuts <= seeds:
            count, largest = group_cuts * seed_cuts, rows * math.ceil(seeds / seed_cuts)
            # The soonest done where each worker trains one chunk after the other, then the fewest chunks.
            cuts.append((math.ceil(count / pieces) * largest, count, group_cuts, seed_cuts))
    _, _, group_cuts, seed_cuts = min(cuts)
    for first_group, end_group in _pieces(groups, group_cuts):
        for first_seed, end_seed in _pieces(seeds, seed_cuts):
            chosen = tuple(
                run for group in range(first_group, end_group) for run in runs[group * seeds :][first_seed:end_seed]
            )
            yield Chunk(chosen, len(chosen) * seconds)


def _pieces(length: int, count: int) -> Iterator[tuple[int, int]]:
    """Cut 0..length into `count` pieces whose lengths differ by one at most."""
    return itertools.pairwise(length * piece // count for piece in range(count + 1))


class Start(NamedTuple):
    """What a chunk's first segment starts from; the later ones start from a State."""

    experiment: Experiment
    runs: tuple[Run, ...]
    data: Data


class Segment(NamedTuple):
    """What a segment returns."""

    state: State
    records: tuple[Record, ...]
    seconds: float


def segment(state: State | Start, epochs: int) -> Segment:
    """Train for `epochs` epochs. This is what workers execute."""
    began = time.monotonic()
    with one_blas_thread():
        if isinstance(state, Start):
            state = training.start(state.experiment, state.runs, state.data)
        state, records = training.advance(state, epochs)
    return Segment(state, records, time.monotonic() - began)


@dataclass(eq=False)
class Work:
    """A chunk in training."""

    chunk: Chunk
    state: State | Start | None
    epochs: int
    pace: float
    """Seconds an epoch: the estimate, then what was measured."""
    epoch: int = 0
    busy: bool = False
    shared: dict[str, Examples] = field(default_factory=dict)
    """The examples, once for all chunks of a sweep that train on them: what workers send back holds them anew."""
    records: list[Record] = field(default_factory=list)
    spent: float = 0.0
    """Seconds of training that were measured, but for the first segment."""
    expected: float = 0.0
    """The estimate of the same epochs."""

    @property
    def finished(self) -> bool:
        """Whether no epoch is left to train."""
        return self.epoch >= self.epochs

    def seconds_left(self, usual: float) -> float:
        """Seconds of training left on one worker, where chunks take `usual` times their estimate."""
        factor = (self.spent + usual * TRUST_SECONDS) / (self.expected + TRUST_SECONDS)
        return (self.epochs - self.epoch) * self.chunk.seconds * factor

    def next_epochs(self, seconds: float) -> int:
        """Epochs that last about `seconds`; at first fewer, since the estimate may be wrong."""
        seconds = seconds if self.epoch else seconds / 4
        return int(min(max(1.0, seconds / self.pace), self.epochs - self.epoch))

    def take(self, segment: Segment) -> None:
        """Take in what a segment has returned."""
        self.records += [record.compact() for record in segment.records]
        if self.epoch:  # the first segment takes what it takes to start
            self.spent += segment.seconds
            self.expected += (segment.state.epoch - self.epoch) * self.chunk.seconds
        self.pace = max(segment.seconds, 1e-6) / max(1, segment.state.epoch - self.epoch)
        # Where every run has diverged, training ends before the last epoch.
        self.epoch = self.epochs if segment.state.finished else segment.state.epoch
        state = segment.state
        state.train, state.test = (
            self.shared.setdefault(name, part) for name, part in (("train", state.train), ("test", state.test))
        )
        self.state = None if self.finished else state


def untrained(
    experiment: Experiment,
    workers: int,
    seconds: float = Settings.segment_seconds,
    runs: Sequence[Run] | None = None,
) -> list[Work]:
    """The chunks of `experiment`, or of those `runs` of it, before their first segment."""
    shared: dict[str, dict[str, Examples]] = {name: {} for name in experiment.dataset}
    return [
        Work(
            chunk,
            beginning(experiment, chunk.runs),
            experiment.epochs,
            max(chunk.seconds, 1e-6),
            shared=shared[chunk.runs[0].dataset],
        )
        for chunk in plan(experiment, workers, seconds, runs)
    ]


def beginning(experiment: Experiment, runs: tuple[Run, ...]) -> Start:
    """What runs of one shape start from."""
    return Start(experiment, runs, data_of(experiment, runs[0].dataset))


def recorded(works: Iterable[Work]) -> tuple[Record, ...]:
    """All records so far, in an order that does not depend on which worker was quicker."""
    return tuple(record for work in works for record in work.records)


# --- How far a sweep is


@dataclass(frozen=True)
class Progress:
    """How far a sweep is. Work is counted in estimated seconds of training on one worker."""

    done: float
    total: float
    seconds_left: float
    """Wall time to the end at the present speed; before there is one, from the estimate."""
    elapsed: float
    """Seconds of wall time since the first segment was submitted."""

    @property
    def share(self) -> float:
        """Done / total, from 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 1.0


class Speedometer:
    """The speed of a sweep: seconds of training that its workers do per second of wall time."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._segments: deque[tuple[float, float]] = deque()

    def take(self, seconds: float) -> None:
        """Note that a worker has trained for `seconds`."""
        now = time.monotonic()
        self._segments.append((now, seconds))
        while self._segments[0][0] < now - RATE_SECONDS:
            self._segments.popleft()

    def progress(self, works: Sequence[Work], workers: int) -> Progress:
        """How far the sweep of these chunks is, with `workers` workers at most.

        The time left begins as the estimate, and what is measured takes its place little by little: the first moments,
        in which workers still start, would say minutes for seconds.
        """
        elapsed = time.monotonic() - self.began
        spent, expected = (sum(values) for values in zip(*((w.spent, w.expected) for w in works), strict=True))
        usual = (spent + TRUST_SECONDS) / (expected + TRUST_SECONDS)
        left = [work.seconds_left(usual) for work in works]
        most = min(sum(1 for seconds in left if seconds) or 1, workers)
        unmeasured = max(0.0, RATE_SECONDS - elapsed)
        rate = (sum(seconds for _, seconds in self._segments) + unmeasured * most) / RATE_SECONDS
        rate = min(max(rate, 1e-6), most)
        return Progress(
            done=sum(work.epoch * work.chunk.seconds for work in works),
            total=sum(work.epochs * work.chunk.seconds for work in works),
            # A chunk is trained by one worker at a time.
            seconds_left=max(sum(left) / rate, max(left, default=0.0)),
            elapsed=elapsed,
        )
