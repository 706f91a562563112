"""Where segments are executed: processes of this machine, any of which may die, or the workers of a Dask scheduler."""

import atexit
import concurrent.futures
import contextlib
import functools
import importlib
import multiprocessing
import multiprocessing.context
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from core.settings import Settings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

P = ParamSpec("P")
T = TypeVar("T")

CONNECT_SECONDS = 10
"""How long a Dask scheduler may take to answer."""
TRIES = 3
"""Times a call is given to a worker before it is taken to be what kills the workers."""


class JobError(RuntimeError):
    """Why an experiment is not trained: a limit, a worker that keeps dying, an executor that cannot be reached."""


def explain(error: BaseException) -> JobError | None:
    """What has become of the workers, where that is why a call failed or could not be made."""
    if isinstance(error, JobError):
        return error
    if isinstance(error, BrokenExecutor):
        return JobError("A worker process died (killed, or out of memory) and the executor with it.")
    if isinstance(error, CancelledError):
        return JobError("The workers were shut down, or the connection to them was lost.")
    if type(error).__name__ == "KilledWorker":
        return JobError("Several Dask workers died at the same place (killed, or out of memory).")
    if type(error).__module__.startswith("distributed."):
        return JobError("The connection to the Dask scheduler was lost.")
    return None


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
    return Pool(settings.workers) if settings.dask is None else Cluster(settings.dask)


# --- A cluster


class Cluster(Executor):
    """The workers of the Dask scheduler at `address`; they may join and die at any time.

    A call whose worker is lost is executed again by another; while there is none, it waits. Raises JobError if the
    scheduler cannot be reached, or if it or one of its workers lacks this program.
    """

    def __init__(self, address: str) -> None:
        try:
            dask, distributed = (importlib.import_module(name) for name in ("dask", "distributed"))
        except ImportError as error:
            raise JobError("LAB_DASK is set, but the package distributed is not installed.") from error
        # A state must go with its call: one kept on a worker would be lost with that worker.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})
        try:
            secured = distributed.Security().get_connection_args("client")["ssl_context"] is not None
            if address.startswith(("tls:", "wss:")) and not secured:  # Dask would fail with a traceback, and linger
                raise JobError("LAB_DASK wants TLS, and Dask's configuration here names no certificate of the client.")
            self._client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
            self._check()
        except (OSError, TimeoutError) as error:
            raise JobError("The Dask scheduler cannot be reached.") from error
        self._open: set[Future[Any]] = set()

    def _check(self) -> None:
        """See that everybody has this program, since who lacks it hangs, and other versions give other numbers."""

        def versions() -> tuple[str, ...]:
            try:
                import numpy

                from core.experiment.experiment import ENGINE_VERSION
            except ImportError:
                return ()
            return ENGINE_VERSION, numpy.__version__

        own = versions()
        found = [self._client.run_on_scheduler(versions), *self._client.run(versions).values()]
        if any(tuple(one) != own for one in found):
            self._client.close()
            raise JobError(
                "The Dask scheduler or a worker cannot import this program, or has another version of it or of NumPy: "
                "docs/hosting.md says how to start them."
            )

    @property
    def lost(self) -> bool:
        """Whether the scheduler has gone, or not answered for CONNECT_SECONDS: then it takes a new Cluster."""
        return self._client.status not in ("running", "connecting")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Call `fn` in a worker, which must be able to import it."""
        # Not pure: Dask would hash every state to find calls that it has executed already. As one thing: it would look
        # into each argument for results of its own. Not by its executor: that forgets a call whose result is on its way
        # when the scheduler goes.
        remote = self._client.submit(functools.partial(fn, *args, **kwargs), pure=False)
        future: Future[T] = Future()
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        future.add_done_callback(functools.partial(self._withdraw, remote))
        self._client.loop.add_callback(self._hand_over, remote, future)
        return future

    async def _hand_over(self, remote: Any, future: "Future[Any]") -> None:
        result, failure = None, None
        try:
            result = await self._client.gather(remote, asynchronous=True)
        except BaseException as error:  # noqa: BLE001 (it is the caller's)
            failure = error
        if future.set_running_or_notify_cancel():
            future.set_result(result) if failure is None else future.set_exception(failure)

    def _withdraw(self, remote: Any, future: "Future[Any]") -> None:
        if future.cancelled():
            self._client.loop.add_callback(self._client.cancel, remote, asynchronous=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, which goes on; calls that were made are waited for unless `cancel_futures`."""
        for future in tuple(self._open) if cancel_futures else ():
            future.cancel()
        if wait:
            concurrent.futures.wait(self._open)
        self._client.close()


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


NICENESS = 10
"""By how much workers give way to the server: pages stay quick on a processor that trains."""


def _work(pipe: "Connection") -> None:
    """What a worker process does: answer calls until the other end is closed, by the parent or by its death."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):  # not on Windows
        os.nice(NICENESS)
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


def _ready() -> None:
    importlib.import_module("core.jobs.plan")


@dataclass(eq=False)
class _Worker:
    """A process and the parent's end of its pipe. The parent keeps no other end open: a death reads as end of file."""

    process: _SpawnProcess
    pipe: "Connection"

    @classmethod
    def start(cls) -> Self:
        """Start a process."""
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
        """Start every idle worker now, and have it import what it takes to train."""
        for _ in range(self._max_workers):
            self.submit(_ready)

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
        # Ctrl-C reaches the whole group: the parent decides. Its workers inherit this, and import undisturbed.
        if hasattr(signal, "pthread_sigmask"):
            # multiprocessing lets it through again in the thread that is the first to start a process.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
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
