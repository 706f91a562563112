"""Run experiments on any `concurrent.futures.Executor`: progress, cancel and fair turns.

A sweep is cut into *chunks* (runs of one shape, trained together) and a chunk's training into *segments* of a few
epochs. A segment is a pure function of a picklable state, so one loop serves one process, a pool of processes and a
cluster: submit a segment, take its records in, submit the next. How a sweep is cut changes no number in its result.

`run` trains one experiment and returns. `Jobs` is what a server holds: it trains the experiments of many visitors on
one pool, turn by turn.
"""

import atexit
import contextlib
import functools
import importlib
import itertools
import logging
import math
import multiprocessing
import multiprocessing.context
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
import types
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, ParamSpec, Self, TypeVar

from core import datasets, training
from core.blas import one_blas_thread
from core.datasets import Data
from core.experiment import Experiment, ExperimentError, Run
from core.recording import Record
from core.settings import Settings
from core.state import State
from core.store import Store

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from core.results import Result

Status = Literal["queued", "running", "done", "failed", "cancelled"]
P = ParamSpec("P")
T = TypeVar("T")

SEGMENT_SECONDS = 0.3
CHUNK_BYTES = 100 * 10**6
"""Bound on a chunk's memory in a worker, by the estimate."""
TRIES = 3
"""Times a call is given to a worker before it is taken to be what kills the workers."""
RATE_SECONDS = 10.0
"""Time over which the speed of a sweep is measured."""
FINISHED_JOBS = 8
"""Jobs that ended and are still in memory; the others' results are in the store."""

log = logging.getLogger(__name__)


class JobError(RuntimeError):
    """Why an experiment is not trained: a limit, a worker that keeps dying, an executor that cannot be reached."""


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


# --- Chunks and segments


@dataclass(frozen=True)
class Chunk:
    """Runs of one shape and activation that train together."""

    runs: tuple[Run, ...]
    seconds: float
    """Estimated time of one epoch on one worker."""


def plan(experiment: Experiment, workers: int) -> tuple[Chunk, ...]:
    """Cut `experiment` into chunks for `workers` workers: enough for each to have work, otherwise as few as possible.

    A chunk is some groups of one shape by some seeds, the same for each group. It fits CHUNK_BYTES, and one epoch of
    it lasts a segment at most, as far as single runs allow, so that nobody waits longer for a turn.
    """
    shapes: dict[tuple[Any, ...], list[Run]] = {}
    for run in experiment.runs():
        shapes.setdefault((run.hidden, run.batch_size, run.activation), []).append(run)
    return tuple(
        chunk
        for (hidden, batch_size, activation), runs in shapes.items()
        for chunk in _cut(
            replace(experiment, hidden=(hidden,), batch_size=(batch_size,), activation=(activation,)),
            runs,
            math.ceil(workers / len(shapes)),
        )
    )


def _cut(shape: Experiment, runs: list[Run], pieces: int) -> Iterator[Chunk]:
    """Cut the runs of one shape into at least `pieces` chunks, or single runs."""
    seeds = shape.seeds
    groups = len(runs) // seeds
    seconds = shape.cost().seconds / len(runs) / shape.epochs
    single = replace(
        shape, initialiser=shape.initialiser[:1], gain=shape.gain[:1], learning_rate=shape.learning_rate[:1], seeds=1
    )
    most = max(1, int(min(len(runs), CHUNK_BYTES / single.cost().bytes, SEGMENT_SECONDS / seconds)))
    pieces = min(pieces, len(runs))
    cuts = []
    for group_cuts in range(math.ceil(groups / most), groups + 1):
        rows = math.ceil(groups / group_cuts)
        seed_cuts = max(math.ceil(pieces / group_cuts), math.ceil(seeds / (most // rows)))
        if seed_cuts <= seeds:
            cuts.append((group_cuts * seed_cuts, rows * math.ceil(seeds / seed_cuts), group_cuts, seed_cuts))
    # The fewest chunks, and of these cuts the most even one.
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


def load(experiment: Experiment) -> Data:
    """The experiment's data set."""
    return _load(
        experiment.dataset,
        experiment.samples,
        experiment.noise,
        experiment.scaling,
        experiment.test_share,
        experiment.data_seed,
    )


@functools.lru_cache(maxsize=4)
def _load(dataset: str, samples: int, noise: float, scaling: str, test_share: float, seed: int) -> Data:
    return datasets.load(dataset, samples=samples, noise=noise, scaling=scaling, test_share=test_share, seed=seed)


def collect(experiment: Experiment, records: Sequence[Record]) -> "Result":
    """The result of `records`, which may be a part of what there will be."""
    # The import costs pandas, which a worker process must not load.
    from core.results import collect

    return collect(experiment, records)


@dataclass(eq=False)
class _Work:
    """A chunk in training."""

    chunk: Chunk
    state: State | Start | None
    epochs: int
    pace: float
    """Seconds an epoch: the estimate, then what was measured."""
    epoch: int = 0
    busy: bool = False
    records: list[Record] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        return self.epoch >= self.epochs

    @property
    def seconds_left(self) -> float:
        return (self.epochs - self.epoch) * self.pace

    def next_epochs(self, seconds: float) -> int:
        """Epochs that last about `seconds`; at first fewer, since the estimate may be wrong."""
        seconds = seconds if self.epoch else seconds / 4
        return int(min(max(1.0, seconds / self.pace), self.epochs - self.epoch))

    def take(self, segment: Segment) -> None:
        """Take in what a segment has returned."""
        self.records += segment.records
        self.pace = max(segment.seconds, 1e-6) / max(1, segment.state.epoch - self.epoch)
        # Where every run has diverged, training ends before the last epoch.
        self.epoch = self.epochs if segment.state.finished else segment.state.epoch
        self.state = None if self.finished else segment.state


def _works(experiment: Experiment, data: Data, workers: int) -> list[_Work]:
    return [
        _Work(chunk, Start(experiment, chunk.runs, data), experiment.epochs, max(chunk.seconds, 1e-6))
        for chunk in plan(experiment, workers)
    ]


def _records(works: Iterable[_Work]) -> tuple[Record, ...]:
    """All records so far, in an order that does not depend on which worker was quicker."""
    return tuple(record for work in works for record in work.records)


class _Clock:
    """The speed of a sweep: seconds of training that its workers do per second of wall time."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._segments: deque[tuple[float, float]] = deque()

    def take(self, seconds: float) -> None:
        now = time.monotonic()
        self._segments.append((now, seconds))
        while self._segments[0][0] < now - RATE_SECONDS:
            self._segments.popleft()

    def progress(self, works: Sequence[_Work], workers: int) -> Progress:
        now = time.monotonic()
        elapsed = now - self.began
        left = [work.seconds_left for work in works]
        rate = sum(seconds for _, seconds in self._segments) / max(min(elapsed, RATE_SECONDS), 1e-6)
        rate = min(rate or workers, sum(1 for seconds in left if seconds) or 1, workers)
        return Progress(
            done=sum(work.epoch * work.chunk.seconds for work in works),
            total=sum(work.epochs * work.chunk.seconds for work in works),
            # A chunk is trained by one worker at a time.
            seconds_left=max(sum(left) / rate, max(left, default=0.0)),
            elapsed=elapsed,
        )


# --- One experiment


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

    Raises JobError where the executor's workers die.
    """
    executor = executor or _Here()
    workers = capacity(executor)
    works = _works(experiment, load(experiment), workers)
    clock = _Clock()
    waiting: dict[Future[Segment], _Work] = {}

    def submit(work: _Work) -> None:
        assert work.state is not None
        waiting[executor.submit(segment, work.state, work.next_epochs(SEGMENT_SECONDS))] = work

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
    except BrokenExecutor as error:
        raise JobError("A worker process died (killed, or out of memory) and the executor with it.") from error
    finally:
        for future in waiting:
            future.cancel()
    return collect(experiment, _records(works))


def capacity(executor: Executor) -> int:
    """The number of calls that `executor` executes at a time; 1 if it does not tell."""
    client = getattr(executor, "_client", None)
    if client is not None:
        return max(1, int(sum(client.nthreads().values())))
    return int(getattr(executor, "_max_workers", 1))


def open_executor(settings: Settings) -> Executor:
    """The executor that the settings ask for: processes on this machine, or the workers of a Dask scheduler.

    Raises JobError if the scheduler cannot be reached.
    """
    if settings.dask is None:
        return Pool(settings.workers)
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise JobError("LAB_DASK is set, but the package distributed is not installed.") from error
    try:
        client = distributed.Client(settings.dask, timeout=10, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise JobError("The Dask scheduler cannot be reached.") from error
    executor: Executor = client.get_executor(retries=TRIES)
    return executor


# --- Processes


class _SpawnProcess(multiprocessing.context.SpawnProcess):
    """A spawned process that does not execute the parent's main script.

    Under Streamlit that is whichever page was last looked at.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 (the name is multiprocessing's)
        main, blank = sys.modules["__main__"], types.ModuleType("__main__")
        sys.modules["__main__"] = blank
        try:
            return multiprocessing.context.SpawnProcess._Popen(process_obj)
        finally:
            # Streamlit may have put another page's there meanwhile.
            if sys.modules["__main__"] is blank:
                sys.modules["__main__"] = main


_starting = threading.Lock()
_exiting = threading.Event()
# Registered after multiprocessing's own handler, which ends the workers, and so called before it.
atexit.register(_exiting.set)


def _work(pipe: "Connection") -> None:
    """What a worker process does: answer calls until the other end is closed, by the parent or by its death."""
    # Ctrl-C reaches the whole group: the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _answer(call: bytes) -> bytes:
    try:
        return pickle.dumps((True, pickle.loads(call)()), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 (it is the caller's)
        error.add_note(traceback.format_exc())
        try:
            return pickle.dumps((False, error))
        except Exception:  # noqa: BLE001 (the error itself cannot be pickled)
            return pickle.dumps((False, RuntimeError(f"{type(error).__name__} in a worker")))


@dataclass(eq=False)
class _Worker:
    """A process and the parent's end of its pipe. The parent keeps no other end open: a death reads as end of file."""

    process: _SpawnProcess
    pipe: "Connection"

    @classmethod
    def start(cls) -> Self:
        """Start a process, which imports what it takes to train."""
        here, there = multiprocessing.Pipe()
        with there:
            process = _SpawnProcess(target=_work, args=(there,), daemon=True, name="lab-worker")
            with _starting:
                process.start()
        return cls(process, here)

    def end(self) -> None:
        """Have it end, and wait until it has."""
        self.pipe.close()
        self.process.join()


class Pool(Executor):
    """Worker processes, started when first needed, of which any may die.

    A call whose worker dies is executed again by a new one, TRIES times at most; then it raises JobError. Each
    worker has a pipe and a thread of its own, so that its end, at whatever point, touches no other call.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._max_workers = workers or Settings.read().workers
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._workers: dict[int, _Worker] = {}
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._lock = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Call `fn` in a worker; all that goes there and back is pickled."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is shut down")
            if not self._threads:
                # Daemons: the program's end waits for no segment.
                self._threads = [
                    threading.Thread(target=self._serve, args=(number,), name=f"lab-worker-{number}", daemon=True)
                    for number in range(self._max_workers)
                ]
                for thread in self._threads:
                    thread.start()
            self._calls.put((future, functools.partial(fn, *args, **kwargs)))
        return future

    def warm_up(self) -> None:
        """Start every idle worker now."""
        for _ in range(self._max_workers):
            self.submit(os.getpid)

    def pids(self) -> tuple[int, ...]:
        """The ids of the worker processes."""
        return tuple(pid for worker in tuple(self._workers.values()) if (pid := worker.process.pid) is not None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers once they have nothing to do; calls that wait are executed unless `cancel_futures`."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                with contextlib.suppress(queue.Empty):
                    while True:
                        if (call := self._calls.get_nowait()) is not None:
                            call[0].cancel()
            for _ in self._threads:
                self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _serve(self, number: int) -> None:
        """Give calls to one worker, one at a time, and a new worker to calls whose worker has died."""
        while (call := self._calls.get()) is not None:
            future, function = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = self._execute(number, function)
            except BaseException as error:  # noqa: BLE001 (it is the caller's)
                future.set_exception(error)
            else:
                future.set_result(result)
            del call, future, function
        if (worker := self._workers.pop(number, None)) is not None:
            worker.end()

    def _execute(self, number: int, function: Callable[[], Any]) -> Any:
        message = pickle.dumps(function, pickle.HIGHEST_PROTOCOL)
        for _ in range(TRIES):
            worker = self._workers.get(number)
            if worker is not None and not worker.process.is_alive():
                # It died while it had nothing to do: that is no try.
                self._workers.pop(number).end()
                worker = None
            if _exiting.is_set():
                raise CancelledError
            if worker is None:
                worker = self._workers[number] = _Worker.start()
            try:
                worker.pipe.send_bytes(message)
                answer = worker.pipe.recv_bytes()
            except (EOFError, OSError):
                self._workers.pop(number).end()
                continue
            done, value = pickle.loads(answer)
            if done:
                return value
            raise value
        if _exiting.is_set():
            raise CancelledError
        raise JobError(f"A worker process died {TRIES} times at the same place (killed, or out of memory).")


# --- Many experiments


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
        self._works: list[_Work] = []
        self._clock: _Clock | None = None
        self._turn = 0
        self._futures: set[Future[Segment]] = set()
        self._result: Result | None = None
        self._collected = 0
        self._collecting = threading.Lock()
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
            return _records(self._works)

    def progress(self) -> Progress:
        """How far it is."""
        return self._registry._progress(self)

    def result(self) -> "Result | None":
        """The result; before the end that of the records so far, None while there are none."""
        with self._collecting:
            with self._registry._lock:
                records = _records(self._works)
            if len(records) > self._collected:
                self._result = collect(self.experiment, records)
                self._collected = len(records)
            return self._result

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

    Args:
        store: where finished results are kept; None keeps them in memory only.
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
                        f"You have {own} sweeps in training, and the limit is {self.settings.jobs_per_visitor}: "
                        "wait until one is done, or cancel one."
                    )
                if len(others) >= self.settings.jobs:
                    raise JobError(f"The server is busy with {len(others)} sweeps, its limit: try again in a minute.")
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
            if self._executor is None:
                self._executor = self._given or open_executor(self.settings)
                if isinstance(self._executor, Pool):
                    self._executor.warm_up()
                self._workers = capacity(self._executor)
            future = self._helpers.submit(load, job.experiment)
        except Exception as error:
            log.exception("Job %s cannot begin", job.key)
            self._fail(job, error)
        else:
            future.add_done_callback(lambda future: self._events.put(functools.partial(self._loaded, job, future)))

    def _loaded(self, job: Job, future: "Future[Data]") -> None:
        try:
            works = _works(job.experiment, future.result(), self._workers)
        except Exception as error:
            log.exception("Job %s has no data", job.key)
            self._fail(job, error)
            return
        with self._lock:
            if job.active:
                job._works = works

    def _next_turn(self) -> tuple[Job, _Work, State | Start] | None:
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
                job._clock = _Clock()
            assert work.state is not None
            work.busy = True
            self._in_flight += 1
            return job, work, work.state

    def _submit(self, job: Job, work: _Work, state: State | Start) -> None:
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

    def _done(self, job: Job, work: _Work, future: "Future[Segment]") -> None:
        with self._lock:
            self._in_flight -= 1
            job._futures.discard(future)
            work.busy = False
            if not job.active:
                return
        try:
            outcome = future.result()
        except CancelledError:
            # The interpreter, or a cluster, is going down.
            with self._lock:
                self._end(job, "cancelled")
        except Exception as error:
            log.exception("Job %s failed", job.key)
            self._fail(job, error)
        else:
            with self._lock:
                assert job._clock is not None
                job._clock.take(outcome.seconds)
                work.take(outcome)
                finished = all(work.finished for work in job._works)
            if finished:
                try:
                    self._helpers.submit(self._finish, job)
                except RuntimeError:
                    with self._lock:
                        self._end(job, "cancelled")

    def _fail(self, job: Job, error: Exception) -> None:
        # Of errors that nobody foresaw a visitor learns no more than the kind: a text may name paths of the host.
        known = isinstance(error, JobError | ExperimentError)
        with self._lock:
            self._end(job, "failed", str(error) if known else f"Training failed ({type(error).__name__}).")

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
        if self.store is not None and result is not None:
            self.store.save(job.key, result)
