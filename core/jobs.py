"""Run experiments on any `concurrent.futures.Executor`: progress, cancel and fair turns.

One loop serves one process, a pool of processes and a cluster: submit a segment, take its records in, submit the next.

`run` trains one experiment and returns. `Jobs` is what a server holds: it trains the experiments of many visitors on
one pool, turn by turn.
"""

import functools
import itertools
import logging
import queue
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, ParamSpec, Self, TypeVar

from core import checkpoint
from core.experiment import Experiment, ExperimentError
from core.plan import Clock, Progress, Segment, Start, Work, load, plan, recorded, segment, start
from core.pool import Cluster, JobError, Pool, capacity, explain, open_executor
from core.recording import Record
from core.settings import Settings
from core.state import State
from core.store import Store
from core.text import count

if TYPE_CHECKING:
    from core.results import Result

__all__ = ["Job", "JobError", "Jobs", "Pool", "Progress", "load", "open_executor", "plan", "run"]

Status = Literal["queued", "running", "done", "failed", "cancelled"]
P = ParamSpec("P")
T = TypeVar("T")

RUN_SECONDS = 1.0
"""How long a worker trains at a time in `run`, where nobody else waits for a turn."""
CHECKPOINT_SECONDS = 5.0
"""Training of every worker that a server may lose when it is stopped; more where checkpoints take long to write."""
CHECKPOINT_COST = 20
"""A checkpoint is written when training has taken this many times as long as writing the last one did."""
FINISHED_JOBS = 8
"""Jobs that ended and are still in memory; the others' results are in the store."""

log = logging.getLogger(__name__)


def collect(experiment: Experiment, records: Sequence[Record]) -> "Result":
    """The result of `records`, which may be a part of what there will be."""
    # The import costs pandas, which a worker process must not load.
    from core.results import collect

    return collect(experiment, records)


class _Here(Executor):
    """Calls at once, in this thread."""

    _max_workers = 1

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def run(
    experiment: Experiment,
    executor: Executor | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> "Result":
    """Train `experiment` and return its result.

    Args:
        executor: any `concurrent.futures.Executor`, such as `Pool()` (processes) or what a Dask Client's
            `get_executor()` returns; None trains in this thread. The result is the same to the bit.
        progress: called after each segment; an exception that it raises ends the training.

    Raises JobError where the executor's workers die or are out of reach.
    """
    executor = executor or _Here()
    workers = capacity(executor)
    works = start(experiment, load(experiment), workers)
    clock = Clock()
    waiting: dict[Future[Segment], Work] = {}

    def submit(work: Work) -> None:
        assert work.state is not None
        waiting[executor.submit(segment, work.state, work.next_epochs(RUN_SECONDS))] = work

    try:
        for work in works:
            submit(work)
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                work = waiting.pop(future)
                outcome = future.result()
                clock.take(outcome.seconds)
                work.take(outcome)
                if not work.finished:
                    submit(work)
                if progress is not None:
                    progress(clock.progress(works, workers))
    except Exception as error:
        reason = explain(error)
        if reason is None or reason is error:
            raise
        raise reason from error
    finally:
        for future in waiting:
            future.cancel()
    return collect(experiment, recorded(works))


class Job:
    """An experiment in training, or trained. All that a page asks of it is quick, but for `result`."""

    def __init__(self, registry: "Jobs", experiment: Experiment, visitor: str, number: int) -> None:
        self.key = experiment.key
        self.experiment = experiment
        self.status: Status = "queued"
        self.error = ""
        """Why it failed, for the visitor."""
        self._registry = registry
        self._visitors = {visitor}
        self._number = number
        self._works: list[Work] = []
        self._clock: Clock | None = None
        self._turn = 0
        self._futures: set[Future[Segment]] = set()
        self._result: Result | None = None
        self._collected = 0
        self._collecting = threading.Lock()
        self._unsaved = 0.0
        self._saving = threading.Lock()
        self._save_seconds = 0.0
        self._opened = threading.Event()
        self._ended = threading.Event()

    @property
    def active(self) -> bool:
        """True until it is done, failed or cancelled."""
        return self.status in ("queued", "running")

    @property
    def position(self) -> int:
        """Place in the queue, from 1; 0 once training has begun."""
        return self._registry._position(self)

    @property
    def records(self) -> tuple[Record, ...]:
        """What has been recorded so far."""
        with self._registry._lock:
            return recorded(self._works)

    def progress(self) -> Progress:
        """How far it is."""
        return self._registry._progress(self)

    def result(self) -> "Result | None":
        """The result; before the end that of the records so far, None while there are none."""
        return self.latest()[0]

    def latest(self) -> tuple["Result | None", str]:
        """The result so far, and its version: a text that is another one wherever the numbers are others."""
        with self._collecting:
            with self._registry._lock:
                records = recorded(self._works)
                done = self.status == "done"
            if len(records) > self._collected:
                self._result = collect(self.experiment, records)
                self._collected = len(records)
            return self._result, self.key if done else f"{self.key} {self._number} {self._collected}"

    def cancel(self, visitor: str) -> bool:
        """The visitor has no more interest in it. It stops, and True is returned, if nobody else has."""
        return self._registry._cancel(self, visitor)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, at most `timeout` seconds; True if it has."""
        return self._ended.wait(timeout)


class Jobs:
    """The experiments that a server trains: each key once, whoever asks, on one executor, in fair turns.

    At most as many segments as there are workers are submitted at a time. When one returns, the turn goes to the
    visitor with the fewest of them, and among these to the one who has waited longest. So a long sweep delays a short
    one by a segment at most.

    A sweep in training is saved from time to time: where a server was stopped, the next one to be asked goes on.

    Args:
        store: where results are kept, finished or in training; None keeps them in memory only.
        executor: opened from the settings when first needed, unless given; one that is given is not shut down.
    """

    def __init__(self, settings: Settings, store: Store | None = None, executor: Executor | None = None) -> None:
        self.settings = settings
        self.store = store
        self._given = executor
        self._executor: Executor | None = None
        self._workers = settings.workers
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._numbers = itertools.count(1)
        self._turns: dict[str, int] = {}
        self._in_flight = 0
        self._closed = False
        self._lock = threading.Lock()
        self._events: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        # Loads data and collects results, so that the coordinator never keeps workers waiting.
        self._helpers = ThreadPoolExecutor(2, thread_name_prefix="lab-helper")

    def submit(self, experiment: Experiment, visitor: str) -> Job:
        """Train `experiment`, unless it is trained or in training already: then that job, at once.

        Raises JobError where the visitor or the server has too many jobs, ExperimentError where the sweep is too long.
        """
        while True:
            with self._lock:
                job = self._jobs.get(experiment.key)
                new = job is None or job.status in ("failed", "cancelled")
                if job is None or new:
                    if self._closed:
                        raise JobError("The server is shutting down.")
                    job = Job(self, experiment, visitor, next(self._numbers))
                    self._jobs[job.key] = job
                else:
                    job._visitors.add(visitor)
                self._jobs.move_to_end(job.key)
            if new:
                self._open(job, visitor)
                return job
            # Someone else asked a moment ago: see first whether it is in the store.
            job._opened.wait()
            if job.status not in ("failed", "cancelled"):
                return job

    def get(self, key: str) -> Job | None:
        """The job of that experiment key, if there is one in memory."""
        with self._lock:
            return self._jobs.get(key)

    @property
    def active(self) -> int:
        """How many jobs wait or train."""
        with self._lock:
            return sum(job.active for job in self._jobs.values())

    def close(self) -> None:
        """Cancel everything and end the workers. Not needed at the end of the program."""
        with self._lock:
            self._closed = True
            for job in [job for job in self._jobs.values() if job.active]:
                self._end(job, "cancelled")
        self._events.put(None)
        if self._thread is not None:
            self._thread.join()
        if self._executor is not None and self._executor is not self._given:
            self._executor.shutdown(cancel_futures=True)
        self._helpers.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What a Job asks

    def _position(self, job: Job) -> int:
        with self._lock:
            if job.status != "queued":
                return 0
            return 1 + sum(other.status == "queued" and other._number < job._number for other in self._jobs.values())

    def _progress(self, job: Job) -> Progress:
        with self._lock:
            if job._clock is not None:
                progress = job._clock.progress(job._works, self._workers)
                return progress if job.active else replace(progress, seconds_left=0.0)
            active = sum(other.active for other in self._jobs.values())
        total = job.experiment.cost().seconds
        if job.status == "done":
            return Progress(total, total, 0.0, 0.0)
        return Progress(0.0, total, total * active / self._workers, 0.0)

    def _cancel(self, job: Job, visitor: str) -> bool:
        with self._lock:
            job._visitors.discard(visitor)
            if job._visitors or not job.active:
                return False
            self._end(job, "cancelled")
            return True

    # In the visitor's thread

    def _open(self, job: Job, visitor: str) -> None:
        """Take the result from the store, or put the job into the queue."""
        try:
            stored = None if self.store is None else self.store.load(job.key)
            if stored is not None:
                with self._lock:
                    job._result = stored
                    self._end(job, "done")
                return
            job.experiment.check_limit(self.settings.limit_seconds)
            with self._lock:
                others = [other for other in self._jobs.values() if other.active and other is not job]
                own = sum(visitor in other._visitors for other in others)
                if own >= self.settings.jobs_per_visitor:
                    raise JobError(
                        f"You have {count(own, 'sweep')} in training, and the limit is "
                        f"{self.settings.jobs_per_visitor}: wait until one is done, or cancel one."
                    )
                if len(others) >= self.settings.jobs:
                    busy = count(len(others), "sweep")
                    raise JobError(f"The server is busy with {busy}, its limit: try again in a minute.")
                if self._thread is None:
                    self._thread = threading.Thread(target=self._coordinate, name="lab-jobs", daemon=True)
                    self._thread.start()
            self._events.put(functools.partial(self._begin, job))
        except BaseException as error:
            with self._lock:
                self._end(job, "failed", str(error))
                if self._jobs.get(job.key) is job:
                    del self._jobs[job.key]
            raise
        finally:
            job._opened.set()

    # In the coordinator's thread

    def _coordinate(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                event()
            except Exception:
                # Nobody else would go on with the other visitors' jobs.
                log.exception("An event of the jobs was lost")
            while (turn := self._next_turn()) is not None:
                self._submit(*turn)

    def _begin(self, job: Job) -> None:
        try:
            if self._executor is None or (isinstance(self._executor, Cluster) and self._executor.lost):
                self._executor = self._given or open_executor(self.settings)
                if isinstance(self._executor, Pool):
                    self._executor.warm_up()
            self._workers = capacity(self._executor)
            future = self._helpers.submit(self._prepare, job.experiment)
        except Exception as error:
            log.exception("Job %s cannot begin", job.key)
            self._fail(job, error)
        else:
            future.add_done_callback(lambda future: self._events.put(functools.partial(self._loaded, job, future)))

    def _loaded(self, job: Job, future: "Future[list[Work]]") -> None:
        try:
            works = future.result()
        except Exception as error:
            log.exception("Job %s has no data", job.key)
            self._fail(job, error)
            return
        with self._lock:
            if job.active:
                job._works = works
        # A server may have been stopped after the last segment, before the result was stored.
        if all(work.finished for work in works):
            self._help(job, self._finish)

    def _next_turn(self) -> tuple[Job, Work, State | Start] | None:
        with self._lock:
            ready = {
                job: works
                for job in self._jobs.values()
                if job.active and (works := [work for work in job._works if not (work.busy or work.finished)])
            }
            if self._in_flight >= self._workers or not ready:
                return None
            flying = Counter(visitor for job in self._jobs.values() for visitor in job._visitors for _ in job._futures)
            job = min(
                ready,
                key=lambda job: (
                    min((flying[visitor], self._turns.get(visitor, 0)) for visitor in job._visitors),
                    len(job._futures),
                    job._turn,
                ),
            )
            # The chunk that is least far: live curves show all groups at about the same epoch.
            work = min(ready[job], key=lambda work: work.epoch)
            job._turn = turn = next(self._numbers)
            self._turns |= dict.fromkeys(job._visitors, turn)
            if job._clock is None:
                job.status = "running"
                job._clock = Clock()
            assert work.state is not None
            work.busy = True
            self._in_flight += 1
            return job, work, work.state

    def _submit(self, job: Job, work: Work, state: State | Start) -> None:
        assert self._executor is not None
        try:
            future = self._executor.submit(segment, state, work.next_epochs(self.settings.segment_seconds))
        except Exception as error:
            log.exception("Job %s cannot go on", job.key)
            self._in_flight -= 1
            self._fail(job, error)
            return
        with self._lock:
            job._futures.add(future)
        future.add_done_callback(lambda future: self._events.put(functools.partial(self._done, job, work, future)))

    def _done(self, job: Job, work: Work, future: "Future[Segment]") -> None:
        with self._lock:
            self._in_flight -= 1
            job._futures.discard(future)
            work.busy = False
            if not job.active:
                return
        try:
            outcome = future.result()
        except CancelledError as error:
            # The interpreter, or a cluster, is going down: no reason for a traceback.
            self._fail(job, error)
        except Exception as error:
            log.exception("Job %s failed", job.key)
            self._fail(job, error)
        else:
            with self._lock:
                assert job._clock is not None
                job._clock.take(outcome.seconds)
                work.take(outcome)
                job._unsaved += outcome.seconds
                finished = all(work.finished for work in job._works)
                bearable = max(CHECKPOINT_SECONDS, CHECKPOINT_COST * job._save_seconds)
                due = self.store is not None and job._unsaved >= bearable * self._workers
                if due:
                    job._unsaved = 0.0
            if finished:
                self._help(job, self._finish)
            elif due:
                self._help(job, self._save)

    def _help(self, job: Job, function: Callable[[Job], None]) -> None:
        try:
            self._helpers.submit(function, job)
        except RuntimeError:  # the program is ending
            with self._lock:
                self._end(job, "cancelled")

    def _fail(self, job: Job, error: Exception) -> None:
        # Of errors that nobody foresaw a visitor learns no more than the kind: a text may name paths of the host.
        known = error if isinstance(error, ExperimentError) else explain(error)
        with self._lock:
            self._end(job, "failed", f"Training failed ({type(error).__name__})." if known is None else str(known))

    def _end(self, job: Job, status: Status, error: str = "") -> None:
        """Mark `job` as ended; to be called with the lock held."""
        if not job.active:
            return
        job.status, job.error = status, error
        for work in job._works:
            work.state = None
        for future in tuple(job._futures):
            future.cancel()
        waiting = {visitor for other in self._jobs.values() if other.active for visitor in other._visitors}
        self._turns = {visitor: turn for visitor, turn in self._turns.items() if visitor in waiting}
        ended = [key for key, other in self._jobs.items() if not other.active]
        for key in ended[:-FINISHED_JOBS]:
            del self._jobs[key]
        job._ended.set()

    # In a helper's thread

    def _prepare(self, experiment: Experiment) -> list[Work]:
        """The chunks of the experiment, as far as an earlier server has trained them."""
        data = load(experiment)
        saved = None if self.store is None else self.store.load_checkpoint(experiment.key)
        if saved is not None:
            try:
                return checkpoint.restore(saved, experiment, data)
            except checkpoint.CheckpointError as error:
                log.warning("The checkpoint of job %s is not used: %s", experiment.key, error)
        return start(experiment, data, self._workers)

    def _save(self, job: Job) -> None:
        """Have what is trained so far survive this server."""
        if self.store is None or not job._saving.acquire(blocking=False):
            return
        try:
            with self._lock:
                if not job.active:
                    return
                works = [replace(work, records=list(work.records)) for work in job._works]
            began = time.monotonic()
            self.store.save_checkpoint(job.key, checkpoint.dump(works))
            job._save_seconds = time.monotonic() - began
        except Exception:
            log.exception("Job %s cannot be saved", job.key)
        finally:
            job._saving.release()

    def _finish(self, job: Job) -> None:
        try:
            result = job.result()
        except Exception as error:
            log.exception("The result of job %s cannot be collected", job.key)
            self._fail(job, error)
            return
        with self._lock:
            if not job.active:
                return
            # The tables hold all that the records held.
            for work in job._works:
                work.records.clear()
            self._end(job, "done")
        if self.store is not None and result is not None and self.store.save(job.key, result):
            with job._saving:
                self.store.drop_checkpoint(job.key)
