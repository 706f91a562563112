"""Train one experiment on any `concurrent.futures.Executor`, and return its result.

Submit a segment of each chunk, take in what it recorded, submit the next: on one process, a pool or a cluster.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from core.experiment.experiment import Experiment
from core.jobs.plan import Progress, Segment, Speedometer, Work, recorded, segment, untrained
from core.jobs.pool import capacity, explain
from core.jobs.reuse import trained_before
from core.jobs.saving import Saved
from core.jobs.store import Store
from core.registries.own_data import own_data

if TYPE_CHECKING:
    from core.results.results import Result

P = ParamSpec("P")
T = TypeVar("T")

RUN_SECONDS = 1.0
"""How long a worker trains at a time: nobody else waits for a turn."""


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
    saved: Saved | None = None,
    store: Store | None = None,
    data: tuple[Any, Any] | None = None,
) -> "Result":
    """Train `experiment` and return its result.

    Args:
        executor: any `concurrent.futures.Executor`, such as `Pool()` (processes) or what a Dask Client's
            `get_executor()` returns; None trains in this thread. The result is the same to the bit.
        progress: called after each segment; an exception that it raises ends the training.
        saved: goes on from what is saved there, and saves there from time to time how far training is.
        store: runs that stand in one of its results are not trained again; the result is put there too.
        data: x (examples, features) and y (examples,) of one's own, to be trained on in place of the experiment's data
            set; split and scaled as its settings say. See `core.own_data`.

    Raises JobError where the executor's workers die or are out of reach, ValueError for data that cannot be trained on.
    """
    if data is not None:
        experiment = replace(experiment, dataset=(own_data("data given to run", *data).name,))
    if saved is not None and saved.key != experiment.key:
        raise ValueError("saved is of another experiment: with data, make it of Experiment(dataset=own_data(...).name)")
    executor = executor or _Here()
    works = (saved and saved.works()) or []
    known, left = trained_before(store, experiment, {run.run for work in works for run in work.chunk.runs})
    works += untrained(experiment, capacity(executor), RUN_SECONDS, left)
    try:
        _train(works, executor, progress, saved)
    except Exception as error:
        reason = explain(error)
        if reason is None or reason is error:
            raise
        raise reason from error
    # The import costs pandas, which a worker process must not load.
    from core.results.merging import completed

    result = completed(experiment, recorded(works), known)
    if store is not None:
        store.save(experiment.key, result)
    return result


def _train(
    works: Sequence[Work], executor: Executor, progress: Callable[[Progress], None] | None, saved: Saved | None
) -> None:
    """Train the chunks to their end."""
    workers = capacity(executor)
    speedometer = Speedometer()
    waiting: dict[Future[Segment], Work] = {}

    def submit(work: Work) -> None:
        assert work.state is not None
        waiting[executor.submit(segment, work.state, work.next_epochs(RUN_SECONDS))] = work

    try:
        for work in works:
            if not work.finished:
                submit(work)
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                work = waiting.pop(future)
                outcome = future.result()
                speedometer.take(outcome.seconds)
                work.take(outcome)
                if not work.finished:
                    submit(work)
                if saved is not None:
                    saved.take(works)
                if progress is not None:
                    progress(speedometer.progress(works, workers))
    finally:
        for future in waiting:
            future.cancel()
