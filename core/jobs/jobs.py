"""The sweeps of a server: many visitors' experiments on one executor, in fair turns and bounded memory.

Submit a segment, take its records in, give the next turn to whoever has waited longest. `core.jobs.running` trains one
experiment and returns.
"""

import contextlib
import functools
import itertools
import logging
import queue
import threading
import time
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from core.engine.recording import Record
from core.engine.state import State
from core.experiment.experiment import Experiment, ExperimentError
from core.jobs import checkpoint, limits, saving
from core.jobs.job import Job, Status
from core.jobs.plan import Progress, Segment, Speedometer, Start, Work, recorded, segment, untrained
from core.jobs.pool import Cluster, JobError, Pool, capacity, explain, open_executor
from core.jobs.reuse import trained_before
from core.jobs.store import Store
from core.jobs.sweep import Visitor
from core.settings import Settings
from core.text import size

if TYPE_CHECKING:
    from core.results.merging import Part
    from core.results.results import Result

P = ParamSpec("P")
T = TypeVar("T")
KEPT_SHARE = 4
"""Results that are kept for whoever asks next take a quarter of the memory at most."""

UNDISTURBED_SECONDS = 1.0
"""How long a result waits to be stored: that takes half a second of the processor that its pages are drawn with."""

log = logging.getLogger(__name__)


class Jobs:
    """The experiments that a server trains: each key once, whoever asks, on one executor, in fair turns.

    At most as many segments as there are workers are submitted at a time. When one returns, the turn goes to the
    account with the fewest of them, and among these to the one that has waited longest. So a long sweep delays a short
    one by a segment at most, and since every other turn is a short sweep's, where there is one, so do many.

    A sweep in training is saved from time to time: where a server was stopped, the next one to be asked goes on. One
    that nobody has looked at for a while is saved and leaves its place to others; asked for again, it goes on too.

    A sweep begins when its estimate fits into what is left of the memory; until then it is queued. One that is alone
    always begins.

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
        # What is active, and what ended last; the rest is held by those who look at it.
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._alive: weakref.WeakSet[Job] = weakref.WeakSet()
        self._numbers = itertools.count(1)
        self._turns: dict[str, int] = {}
        self._short_is_next = True
        self._in_flight = 0
        self._closed = False
        self._lock = threading.Lock()
        self._events: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        # Loads data and collects results, so that the coordinator never keeps workers waiting.
        self._helpers = ThreadPoolExecutor(2, thread_name_prefix="lab-helper")
        # Stores results, one after the other, and soon after a job's end at the latest when it is closed.
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="lab-keeper")
        self._closing = threading.Event()

    def submit(self, experiment: Experiment, visitor: Visitor | str, keep: bool = False) -> Job:
        """Train `experiment`, unless it is trained or in training already: then that job, at once.

        Args:
            visitor: who asks; a name stands for a visitor with an account of that name.
            keep: whether what is trained on the visitor's own table may be stored, where this server stores such.

        Raises JobError where the visitor or the server has too many jobs, ExperimentError where the sweep takes too
        long or too much memory.
        """
        if isinstance(visitor, str):
            visitor = Visitor(visitor, visitor)
        while True:
            with self._lock:
                job = self._find(experiment.key)
                new = job is None
                if job is None:
                    if self._closed:
                        raise JobError("The server is shutting down.")
                    job = Job(self, experiment, next(self._numbers))
                    self._alive.add(job)
                self._jobs[job.key] = job
                self._jobs.move_to_end(job.key)
                if job.active:  # who looks at a result is not noted: in a term there are thousands
                    job.sweep.visitors[visitor.name] = visitor
                job.sweep.looked = time.monotonic()
                job.sweep.keep |= keep
            if new:
                self._open(job, visitor)
                return job
            # Someone else asked a moment ago: see first whether it is in the store.
            job.sweep.opened.wait()
            if job.active or job.status == "done":
                return job

    def check(self, experiment: Experiment) -> None:
        """Raises ExperimentError where the sweep takes longer, or more memory, than this server gives to one."""
        settings = self.settings
        experiment.check_limit(settings.limit_seconds, min(settings.limit_bytes, settings.memory_bytes))

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function`, which takes a moment, gives in a worker, between the segments of sweeps.

        Raises JobError where the workers cannot be reached or die, and what the function raises.
        """
        asked: Future[Future[T]] = Future()

        def hand_over() -> None:
            try:
                asked.set_result(self._open_executor().submit(function, *args, **kwargs))
            except Exception as error:  # noqa: BLE001 (it is the caller's)
                asked.set_exception(error)

        with self._lock:
            if self._closed:
                raise JobError("The server is shutting down.")
            self._start()
            self._events.put(hand_over)  # with the lock: after the last event nobody would be there for it
        try:
            return asked.result().result()
        except Exception as error:
            if (why := explain(error)) is None:
                raise
            raise why from error

    def get(self, key: str) -> Job | None:
        """The job of that experiment key, if there is one in memory."""
        with self._lock:
            return self._jobs.get(key)

    @property
    def active(self) -> int:
        """How many jobs wait or train."""
        with self._lock:
            return len(self._active())

    def close(self) -> None:
        """Cancel everything and end the workers. Not needed at the end of the program."""
        self._closing.set()
        with self._lock:
            self._closed = True
            for job in self._active():
                self._end(job, "cancelled")
        self._events.put(None)
        if self._thread is not None:
            self._thread.join()
        if self._executor is not None and self._executor is not self._given:
            self._executor.shutdown(cancel_futures=True)
        self._helpers.shutdown(cancel_futures=True)
        self._keeper.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What a Job asks

    def position(self, job: Job) -> int:
        """Place of `job` in the queue, from 1; 0 once its training has begun."""
        with self._lock:
            if job.status != "queued":
                return 0
            queued = [other for other in self._jobs.values() if other.status == "queued"]
            return 1 + sum(other.sweep.number < job.sweep.number for other in queued)

    def records(self, job: Job) -> tuple[Record, ...]:
        """What has been recorded of `job` so far. Who asks looks at it."""
        with self._lock:
            job.sweep.looked = time.monotonic()
            return recorded(job.sweep.works)

    def progress(self, job: Job) -> Progress:
        """How far `job` is. Who asks looks at it."""
        with self._lock:
            job.sweep.looked = time.monotonic()
            if job.sweep.speedometer is not None and job.sweep.works:  # one that was paused has none
                progress = job.sweep.speedometer.progress(job.sweep.works, self._workers)
                return progress if job.active else replace(progress, seconds_left=0.0)
            active = len(self._active())
        total = job.sweep.seconds
        if job.status == "done":
            return Progress(total, total, 0.0, 0.0)
        return Progress(0.0, total, total * active / self._workers, 0.0)

    def cancel(self, job: Job, visitor: str) -> bool:
        """The visitor of that name leaves `job`. It stops, and True is returned, if nobody else is there."""
        with self._lock:
            job.sweep.visitors.pop(visitor, None)
            if job.sweep.visitors or not job.active:
                return False
            self._end(job, "cancelled")
            return True

    @contextlib.contextmanager
    def watching(self, job: Job) -> Iterator[None]:
        """Somebody looks at `job` all the while."""
        with self._lock:
            job.sweep.waiting += 1
        try:
            yield
        finally:
            with self._lock:
                job.sweep.waiting -= 1
                job.sweep.looked = time.monotonic()

    # With the lock held

    def _active(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.active]

    def _find(self, key: str) -> Job | None:
        """The job of that key that is in training or done, wherever it is held."""
        found = self._jobs.get(key) or next(
            (job for job in self._alive if job.key == key and job.status == "done"), None
        )
        return found if found is not None and (found.active or found.status == "done") else None

    def _is_stored(self, job: Job) -> bool:
        """Whether what becomes of it goes into the store: of somebody's own table only where both sides say so."""
        own = job.experiment.own_table
        return self.store is not None and (not own or (self.settings.store_tables and job.sweep.keep))

    def _memory(self, job: Job) -> float:
        """What it holds, as estimated."""
        if job.active:
            return job.sweep.bytes if job.sweep.begun else 0
        return job.sweep.table_bytes if job.status == "done" else job.sweep.bytes * job.sweep.share

    def _make_room(self, job: Job, size: float) -> bool:
        """Whether there is memory for `size` more, once what nobody needs is forgotten."""
        ended = [other for other in self._jobs.values() if not other.active]
        while True:
            held = sum(self._memory(other) for other in self._alive if other is not job)
            if held + size <= self.settings.memory_bytes:
                return True
            if not ended:
                return False
            del self._jobs[ended.pop(0).key]

    def _end(self, job: Job, status: Status, error: str = "") -> None:
        if not job.active:
            return
        sweep = job.sweep
        for work in sweep.works:
            work.state = None
        for future in tuple(sweep.futures):
            future.cancel()
        job.end(status, error)
        if status == "done":
            sweep.visitors.clear()
        if status == "paused":
            # Others may still hold the job: not its records.
            sweep.works, sweep.known = [], []
            del self._jobs[job.key]
        waiting = {account for other in self._active() for account in other.sweep.accounts}
        self._turns = {account: turn for account, turn in self._turns.items() if account in waiting}
        ended = [other for other in self._jobs.values() if not other.active]
        kept = sum(map(self._memory, ended))
        for other in ended[:-1]:
            if KEPT_SHARE * kept > self.settings.memory_bytes:
                del self._jobs[other.key]
                kept -= self._memory(other)
        self._events.put(_wake_up)  # its place is free

    # In the visitor's thread

    def _open(self, job: Job, visitor: Visitor) -> None:
        """Take the result from the store, or put the job into the queue."""
        try:
            if self._take_stored(job):
                return
            self.check(job.experiment)
            with self._lock:
                others = [other.sweep for other in self._active() if other is not job]
                limits.check(job.sweep, visitor, others, self.settings)
                job.sweep.admitted = True
                self._start()
            self._events.put(_wake_up)
        except BaseException as error:
            with self._lock:
                self._end(job, "failed", str(error))
                if self._jobs.get(job.key) is job:
                    del self._jobs[job.key]
            raise
        finally:
            job.sweep.opened.set()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._coordinate, name="lab-jobs", daemon=True)
            self._thread.start()

    def _take_stored(self, job: Job) -> bool:
        result = None if self.store is None else self.store.load(job.key)
        if result is None:
            return False
        with self._lock:
            if not self._make_room(job, job.sweep.table_bytes):
                raise JobError(
                    f"This result takes {size(job.sweep.table_bytes)}, more than is free of the "
                    f"{size(self.settings.memory_bytes)} for what visitors look at: try again in a few minutes."
                )
            job.take(result)
            self._end(job, "done")
        return True

    # In the coordinator's thread

    def _coordinate(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                event()
                self._pause_unwatched()
                for job in self._admitted():
                    self._begin(job)
            except Exception:
                # Nobody else would go on with the other visitors' jobs.
                log.exception("An event of the jobs was lost")
            while (turn := self._next_turn()) is not None:
                self._submit(*turn)

    def _pause_unwatched(self) -> None:
        """Have what nobody looks at any more leave its place to others, once no worker is at it."""
        with self._lock:
            late = time.monotonic() - self.settings.unwatched_seconds
            pausing = []
            for job in self._active():
                sweep = job.sweep
                sweep.unwatched = not sweep.waiting and sweep.looked < late
                busy = sweep.futures or sweep.pausing or (sweep.begun and all(work.finished for work in sweep.works))
                if sweep.unwatched and not busy:
                    sweep.pausing = True
                    pausing.append(job)
        for job in pausing:
            self._help(job, self._pause)

    def _admitted(self) -> list[Job]:
        """The jobs that begin now: in the order of the queue, those that there is memory for."""
        with self._lock:
            admitted = []
            active = self._active()
            alone = not any(job.sweep.begun for job in active)
            full = False
            for job in sorted(active, key=lambda job: job.sweep.number):
                # A short one may overtake a long one that waits for memory, another long one may not.
                sweep = job.sweep
                if sweep.begun or sweep.unwatched or not sweep.admitted or (full and not sweep.short):
                    continue
                if self._make_room(job, sweep.bytes) or alone:
                    sweep.begun, alone = True, False
                    admitted.append(job)
                else:
                    full = True
            return admitted

    def _open_executor(self) -> Executor:
        if self._executor is None or (isinstance(self._executor, Cluster) and self._executor.lost):
            self._executor = self._given or open_executor(self.settings)
            if isinstance(self._executor, Pool):
                self._executor.warm_up()
        return self._executor

    def _begin(self, job: Job) -> None:
        try:
            self._workers = capacity(self._open_executor())
            future = self._helpers.submit(self._prepare, job.experiment)
        except Exception as error:
            log.exception("Job %s cannot begin", job.key)
            self._fail(job, error)
        else:
            future.add_done_callback(lambda future: self._events.put(functools.partial(self._loaded, job, future)))

    def _loaded(self, job: Job, future: "Future[tuple[list[Part], list[Work]]]") -> None:
        try:
            known, works = future.result()
        except Exception as error:
            log.exception("Job %s has no data", job.key)
            self._fail(job, error)
            return
        with self._lock:
            if job.active:
                job.sweep.known, job.sweep.works = known, works
        # A server may have been stopped after the last segment, before the result was stored.
        if all(work.finished for work in works):
            self._help(job, self._finish)

    def _next_turn(self) -> tuple[Job, Work, State | Start] | None:
        with self._lock:
            ready = {
                job: works
                for job in self._active()
                if not (job.sweep.unwatched or job.sweep.pausing)
                and (works := [work for work in job.sweep.works if not (work.busy or work.finished)])
            }
            if self._in_flight >= self._workers or not ready:
                return None
            short = [job for job in ready if job.sweep.short] if self._short_is_next else []
            self._short_is_next = not short
            flying = Counter(
                account for job in self._jobs.values() for account in job.sweep.accounts for _ in job.sweep.futures
            )
            job = min(
                short or ready,
                key=lambda job: (
                    min((flying[account], self._turns.get(account, 0)) for account in job.sweep.accounts),
                    len(job.sweep.futures),
                    job.sweep.turn,
                ),
            )
            # The chunk that is least far: live curves show all groups at about the same epoch.
            work = min(ready[job], key=lambda work: work.epoch)
            job.sweep.turn = turn = next(self._numbers)
            self._turns |= dict.fromkeys(job.sweep.accounts, turn)
            if job.sweep.speedometer is None:
                job.status = "running"
                job.sweep.speedometer = Speedometer()
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
            job.sweep.futures.add(future)
            late = not job.active
        if late:  # it ended while the call was on its way, and nobody else would withdraw it
            future.cancel()
        future.add_done_callback(lambda future: self._events.put(functools.partial(self._done, job, work, future)))

    def _done(self, job: Job, work: Work, future: "Future[Segment]") -> None:
        sweep = job.sweep
        with self._lock:
            self._in_flight -= 1
            sweep.futures.discard(future)
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
                assert sweep.speedometer is not None
                sweep.speedometer.take(outcome.seconds)
                work.take(outcome)
                sweep.unsaved += outcome.seconds
                finished = all(work.finished for work in sweep.works)
                bearable = max(saving.SECONDS, saving.COST * sweep.save_seconds)
                due = self._is_stored(job) and sweep.unsaved >= bearable * self._workers
                if due:
                    sweep.unsaved = 0.0
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

    # In a helper's thread

    def _prepare(self, experiment: Experiment) -> "tuple[list[Part], list[Work]]":
        """What other results hold of the experiment, and its chunks, as far as an earlier server has trained them."""
        saved = None if self.store is None else self.store.load_checkpoint(experiment.key)
        works = []
        if saved is not None:
            try:
                works = checkpoint.restore(saved, experiment)
            except checkpoint.CheckpointError as error:
                log.warning("The checkpoint of job %s is not used: %s", experiment.key, error)
        known, left = trained_before(self.store, experiment, {run.run for work in works for run in work.chunk.runs})
        works += untrained(experiment, self._workers, self.settings.segment_seconds, left)
        return known, works

    def _save(self, job: Job) -> None:
        """Have what is trained so far survive this server, unless that is being done."""
        if job.sweep.saving.acquire(blocking=False):
            try:
                self._write(job)
            finally:
                job.sweep.saving.release()

    def _write(self, job: Job) -> None:
        try:
            with self._lock:
                if self.store is None or not self._is_stored(job) or not job.active or not job.sweep.works:
                    return
                works = [replace(work, records=list(work.records)) for work in job.sweep.works]
            began = time.monotonic()
            self.store.save_checkpoint(job.key, checkpoint.dump(works))
            job.sweep.save_seconds = time.monotonic() - began
        except Exception:
            log.exception("Job %s cannot be saved", job.key)

    def _pause(self, job: Job) -> None:
        with job.sweep.saving:
            self._write(job)
        with self._lock:
            self._end(job, "paused")

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
            job.sweep.known.clear()
            for work in job.sweep.works:
                work.records.clear()
            self._end(job, "done")
            stored = self._is_stored(job)
        if self.store is None or not stored or result is None:
            return
        keep = functools.partial(self._keep, self.store, job, result, time.monotonic() + UNDISTURBED_SECONDS)
        try:
            self._keeper.submit(keep)
        except RuntimeError:  # the program is ending
            keep()

    # In the keeper's thread

    def _keep(self, store: Store, job: Job, result: "Result", after: float) -> None:
        """Store the result, once its pages are drawn or the server closes; until then what was saved last is kept."""
        self._closing.wait(max(0.0, after - time.monotonic()))
        if store.save(job.key, result):
            with job.sweep.saving:
                store.drop_checkpoint(job.key)


def _wake_up() -> None:
    """Nothing has happened but what the coordinator sees for itself."""
