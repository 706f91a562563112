"""Jobs: how a sweep is cut and where it runs changes nothing; progress, cancel, fair turns, limits, dying workers."""

import math
import multiprocessing
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from core.experiment.experiment import Experiment, ExperimentError
from core.jobs import job as one_job
from core.jobs import jobs, running
from core.jobs import plan as planning
from core.jobs import sweep as sweeps
from core.jobs.job import Job
from core.jobs.jobs import Jobs
from core.jobs.plan import Chunk, Progress, Segment, Start
from core.jobs.pool import JobError, Pool
from core.jobs.running import run
from core.jobs.store import Store
from core.jobs.sweep import Visitor
from core.results import merging
from core.results.results import Result
from core.settings import Settings
from tests.engine import assert_same_tables
from tests.processes import LONG, PATIENCE, SMALL, in_process, kill_own_process, pids, until


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2) as pool:
        pool.warm_up()
        yield pool


@pytest.fixture(scope="module")
def expected() -> Result:
    return run(SMALL)


def result(job: Job) -> Result:
    found = job.result()
    assert found is not None
    return found


# --- Where and how it runs changes nothing


def one_by_one(experiment: Experiment, workers: int, seconds: float, runs: Any) -> tuple[Chunk, ...]:
    return tuple(Chunk((run,), 1e-4) for run in reversed(experiment.runs()))


def by_seed(experiment: Experiment, workers: int, seconds: float, runs: Any) -> tuple[Chunk, ...]:
    chunks: dict[tuple[Any, ...], list[Any]] = {}
    for one in experiment.runs():
        chunks.setdefault((one.hidden, one.batch_size, one.activation, one.seed), []).append(one)
    return tuple(Chunk(tuple(runs), 1e-3) for runs in chunks.values())


@pytest.mark.parametrize("cut", [one_by_one, by_seed])
@pytest.mark.parametrize("seconds", [1e-9, 1e9], ids=["an epoch a segment", "one segment"])
def test_no_cut_into_chunks_or_segments_changes_a_bit(
    expected: Result, monkeypatch: pytest.MonkeyPatch, cut: Any, seconds: float
) -> None:
    monkeypatch.setattr(planning, "plan", cut)
    monkeypatch.setattr(running, "RUN_SECONDS", seconds)
    assert_same_tables(run(SMALL), expected)


def test_no_executor_changes_a_bit(expected: Result, pool: Pool) -> None:
    assert_same_tables(run(SMALL, pool), expected)
    with ThreadPoolExecutor(3) as threads:
        assert_same_tables(run(SMALL, threads), expected)


def test_a_registry_changes_no_bit(expected: Result, pool: Pool) -> None:
    with Jobs(Settings(store=Path(), workers=2), executor=pool) as registry:
        job = registry.submit(SMALL, "ann")
        assert job.wait(PATIENCE)
        assert (job.status, job.error) == ("done", "")
        assert_same_tables(result(job), expected)


# --- run


def test_progress_rises_to_the_end_where_no_time_is_left() -> None:
    seen: list[Progress] = []
    run(SMALL, progress=seen.append)
    shares = [progress.share for progress in seen]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert seen[-1].seconds_left == 0
    assert all(0 <= progress.seconds_left < 60 for progress in seen)
    assert [progress.elapsed for progress in seen] == sorted(progress.elapsed for progress in seen)


def test_an_exception_from_progress_ends_the_training(pool: Pool) -> None:
    calls = []

    def stop(progress: Progress) -> None:
        calls.append(progress)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(LONG, pool, stop)
    assert len(calls) == 1
    assert pool.submit(pow, 2, 3).result(PATIENCE) == 8, "what had not begun is not trained"


def test_a_broken_executor_of_someone_elses_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "segment", kill_own_process)
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor,
        pytest.raises(JobError, match="died"),
    ):
        run(SMALL, executor)


# --- Jobs, with segments that take no processor time


class FakeRecord(tuple[str, int]):
    """Of what sweep, and after how many epochs."""

    def compact(self) -> "FakeRecord":
        return self


@dataclass
class FakeState:
    experiment: Experiment
    epoch: int
    train: Any = None
    test: Any = None

    @property
    def finished(self) -> bool:
        return self.epoch >= self.experiment.epochs


class Fake:
    """Stands in for training: one epoch a segment, each is written down and lasts `seconds`, or waits at the gate.

    A gate lets a segment end for every permit that the test releases: nothing then depends on how fast the machine is.
    """

    seconds: ClassVar[float] = 0.01
    log: ClassVar[list[str]] = []
    gate: ClassVar[threading.Semaphore | None] = None

    @staticmethod
    def segment(state: Any, epochs: int) -> Segment:
        experiment = state.experiment
        Fake.log.append(experiment.key)
        if experiment.data_seed == 13:
            raise OSError("/secret/path of the host")
        if Fake.gate is None:
            time.sleep(Fake.seconds)
        else:
            assert Fake.gate.acquire(timeout=PATIENCE)
        epoch = 1 if isinstance(state, Start) else state.epoch + 1
        return Segment(FakeState(experiment, epoch), (FakeRecord((experiment.key, epoch)),), Fake.seconds)  # type: ignore[arg-type]

    @staticmethod
    def collect(experiment: Experiment, records: Sequence[Any]) -> Any:
        return (experiment.key, *records)


Open = Callable[..., Jobs]


@pytest.fixture
def open_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens registries with some settings and perhaps a store: one worker, a thread; every epoch a segment."""
    monkeypatch.setattr(jobs, "segment", Fake.segment)
    monkeypatch.setattr(merging, "collect", Fake.collect)
    Fake.log.clear()
    settings = Settings(store=Path(), jobs_per_visitor=2, jobs=4, limit_seconds=60)
    with ExitStack() as stack:
        executor = stack.enter_context(ThreadPoolExecutor(1))

        def open_one(store: Store | None = None, **changed: Any) -> Jobs:
            return stack.enter_context(Jobs(replace(settings, **changed), store, executor))

        yield open_one


@pytest.fixture
def registry(open_registry: Open) -> Jobs:
    return open_registry()


@pytest.fixture
def gate(open_registry: Open, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Holds every segment until it is released."""
    gate = threading.Semaphore(0)
    monkeypatch.setattr(Fake, "gate", gate)
    yield gate
    gate.release(1000)


def trained(job: Job) -> int:
    """How many epochs its result so far holds."""
    found: Any = job.result()
    return len(found) - 1 if found else 0


def experiment(number: int, epochs: int = 20) -> Experiment:
    """Small experiments of one chunk, with different keys."""
    return Experiment(
        dataset=("two_moons",), samples=40, hidden=((2,),), activation=("tanh",), data_seed=number, epochs=epochs
    )


def ended(*waited: Job) -> None:
    for job in waited:
        assert job.wait(PATIENCE)


def test_one_key_is_trained_once_whoever_asks(registry: Jobs) -> None:
    first = registry.submit(experiment(1), "ann")
    assert registry.submit(experiment(1), "bob") is first
    assert registry.get(first.key) is first
    ended(first)
    assert registry.submit(experiment(1), "cem") is first
    assert Fake.log == [first.key] * 20
    assert first.status == "done"
    assert first.progress().share == 1
    assert first.progress().seconds_left == 0
    assert first.position == 0


def test_many_who_ask_at_once_get_one_job(registry: Jobs) -> None:
    found: list[Job] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(registry.submit(experiment(1), f"v{n}"))) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended(*found)
    assert len(set(found)) == 1
    assert len(Fake.log) == 20


def test_a_long_sweep_delays_a_short_one_by_a_segment(registry: Jobs) -> None:
    long = registry.submit(experiment(1, 500), "ann")
    until(lambda: len(Fake.log) > 5)
    short = registry.submit(experiment(2, 10), "bob")
    ended(short)
    begun = Fake.log.index(short.key)
    turns = Fake.log[begun : begun + 19]
    assert turns == [short.key, long.key] * 9 + [short.key]
    assert long.active
    long.cancel("ann")


def test_every_other_turn_is_a_short_sweeps_however_many_long_ones_there_are(
    registry: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "SHORT_SECONDS", experiment(9, 10).cost().seconds * 3)
    long = [registry.submit(replace(experiment(n, 3000), seeds=2), f"visitor {n}") for n in range(3)]
    until(lambda: len(Fake.log) > 5)
    short = registry.submit(experiment(9, 10), "bob")
    assert [job.sweep.short for job in (*long, short)] == [False] * 3 + [True]
    ended(short)
    turns = Fake.log[Fake.log.index(short.key) :][:19]
    assert [key == short.key for key in turns] == [True, False] * 9 + [True]
    for n, job in enumerate(long):
        assert job.cancel(f"visitor {n}")


def test_a_visitor_with_two_sweeps_gets_no_more_turns_than_one_with_one(registry: Jobs) -> None:
    own = [registry.submit(experiment(number, 500), "ann") for number in (1, 2)]
    other = registry.submit(experiment(3, 500), "bob")
    until(lambda: Fake.log.count(other.key) >= 12)
    turns = Fake.log[Fake.log.index(other.key) :][:20]
    assert turns.count(other.key) == 10
    assert [turns.count(job.key) for job in own] == [5, 5]
    for job in own:
        job.cancel("ann")
    other.cancel("bob")


def test_the_time_that_a_worker_trains_bounds_an_epoch_of_a_chunk(
    open_registry: Open, gate: threading.Semaphore
) -> None:
    wide = replace(experiment(1), hidden=((50, 50),), seeds=10)
    single = wide.cost().seconds / wide.cost().runs / wide.epochs
    chunks = {}
    for runs in (2, 20):
        job = open_registry(segment_seconds=runs * single).submit(wide, "ann")
        until(lambda job=job: job.sweep.works)  # type: ignore[misc]
        chunks[runs] = max(len(work.chunk.runs) for work in job.sweep.works)
        job.cancel("ann")
    # The machine's speed is measured again every minute.
    assert chunks[2] <= 4 < chunks[20] <= 40


def test_limits_are_said_and_leave_nothing_behind(registry: Jobs) -> None:
    a, b = (registry.submit(experiment(number, 500), "ann") for number in (1, 2))
    with pytest.raises(JobError, match="You have 2 sweeps in training, and the limit is 2"):
        registry.submit(experiment(3), "ann")
    assert registry.get(experiment(3).key) is None
    c, d = (registry.submit(experiment(number, 500), "bob") for number in (3, 4))
    with pytest.raises(JobError, match="busy with 4 sweeps"):
        registry.submit(experiment(5), "cem")
    assert registry.submit(experiment(1, 500), "bob") is a, "to watch what is in training costs nothing"
    for job, visitor in ((a, "ann"), (a, "bob"), (b, "ann"), (c, "bob"), (d, "bob")):
        job.cancel(visitor)
    ended(registry.submit(experiment(5), "cem"))


def test_a_sweep_over_the_limit_is_refused_with_its_estimate(registry: Jobs) -> None:
    with pytest.raises(ExperimentError, match="python -m core run"):
        registry.submit(Experiment(seeds=100, epochs=2000), "ann")
    assert registry.submit(experiment(1), "ann").wait(PATIENCE)


def test_cancel_stops_at_once_and_the_experiment_can_be_asked_for_again(registry: Jobs) -> None:
    job = registry.submit(experiment(1, 500), "ann")
    until(lambda: len(Fake.log) > 3)
    assert job.cancel("ann")
    assert job.status == "cancelled"
    assert job.wait(0)
    assert registry._executor is not None
    registry._executor.submit(int).result(PATIENCE)  # the segment that it was at
    begun = len(Fake.log)
    assert job.result() is not None, "what there was is still there"
    time.sleep(0.1)
    assert len(Fake.log) == begun
    assert not job.cancel("ann")
    again = registry.submit(experiment(1, 500), "ann")
    assert again is not job
    assert registry.submit(experiment(1, 500), "ann") is again
    again.cancel("ann")


def test_a_call_that_is_made_while_its_sweep_is_cancelled_is_withdrawn() -> None:
    calls: list[Future[Any]] = []
    begun: list[Job] = []

    class WithoutWorkers(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            until(lambda: begun)
            if not calls:
                assert begun[0].cancel("ann")
            calls.append(Future())
            return calls[-1]

    with Jobs(Settings(store=Path()), executor=WithoutWorkers()) as registry:
        begun.append(registry.submit(experiment(1), "ann"))
        until(lambda: calls and calls[0].cancelled())
        assert begun[0].status == "cancelled"
        registry.submit(experiment(2), "ann")
        until(lambda: len(calls) == 2)  # it got the turn
        assert not calls[1].cancelled()
    assert calls[1].cancelled()


def test_one_of_two_who_cancels_only_leaves(registry: Jobs) -> None:
    job = registry.submit(experiment(1, 500), "ann")
    registry.submit(experiment(1, 500), "bob")
    assert not job.cancel("ann")
    assert job.active
    assert job.cancel("bob")
    assert job.status == "cancelled"


def test_an_error_fails_its_own_job_only_and_shows_nothing_of_the_host(
    registry: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = registry.submit(experiment(1), "ann"), registry.submit(experiment(13), "bob")
    ended(good, bad)
    assert (good.status, bad.status) == ("done", "failed")
    assert bad.error == "Training failed (OSError)."
    assert bad.result() is None
    assert "/secret/path" in caplog.text


def test_the_place_in_the_queue_is_visible(registry: Jobs, gate: threading.Semaphore) -> None:
    first = registry.submit(experiment(1, 3), "ann")
    until(lambda: Fake.log)
    waiting = [registry.submit(experiment(number, 1), "bob") for number in (2, 3)]
    assert (first.status, first.position) == ("running", 0)
    assert [(job.status, job.position) for job in waiting] == [("queued", 1), ("queued", 2)]
    assert all(job.progress().done == 0 and job.progress().seconds_left > 0 for job in waiting)
    gate.release(5)
    ended(first, *waiting)


def test_the_result_so_far_grows_and_is_collected_once_for_each_state(
    registry: Jobs, gate: threading.Semaphore
) -> None:
    job = registry.submit(experiment(1, 30), "ann")
    assert job.result() is None
    for epoch in range(1, 31):
        gate.release()
        until(lambda epoch=epoch: trained(job) == epoch)  # type: ignore[misc]
    ended(job)
    final: Any = job.result()
    assert final == (job.key, *((job.key, epoch) for epoch in range(1, 31)))
    assert job.result() is final


def test_a_version_names_one_state_of_one_job(registry: Jobs, gate: threading.Semaphore) -> None:
    job = registry.submit(experiment(1, 30), "ann")
    states: dict[str, Any] = {}
    for epoch in range(1, 30):
        gate.release()
        until(lambda epoch=epoch: trained(job) == epoch)  # type: ignore[misc]
        for _ in range(2):
            result, version = job.latest()
            assert states.setdefault(version, result) is result
    assert len(states) == 29
    gate.release()
    ended(job)
    assert job.latest() == (job.result(), job.key)
    other = registry.submit(experiment(1, 31), "ann")
    assert other.latest()[1] not in states


def seen(job: Job) -> int:
    """How many records there are in what a page sees of it."""
    found: Any = job.latest()[0]
    return len(found) - 1


def test_the_longer_a_look_takes_the_rarer_is_the_next_and_the_end_waits_for_none(
    registry: Jobs, gate: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = registry.submit(experiment(1, 4), "ann")
    monkeypatch.setattr(one_job, "LOOK_SHARE", math.inf)  # a look that takes nothing
    for epoch in (1, 2):
        gate.release()
        until(lambda epoch=epoch: len(job.records) == epoch)  # type: ignore[misc]
        assert seen(job) == epoch
    assert job.pause == 0
    monkeypatch.setattr(one_job, "LOOK_SHARE", 1e-9)  # one that takes days
    gate.release()
    until(lambda: len(job.records) == 3)
    before = job.latest()
    assert seen(job) == 3
    assert job.pause > 3600
    gate.release()
    ended(job)
    assert seen(job) == 4
    assert job.latest() == (job.result(), job.key) != before


def test_who_looks_again_meanwhile_gets_the_look_before(
    registry: Jobs, gate: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_job, "LOOK_SHARE", 1e-9)
    job = registry.submit(experiment(1, 30), "ann")
    looks = []
    for epoch in range(1, 4):
        gate.release()
        until(lambda epoch=epoch: len(job.records) == epoch)  # type: ignore[misc]
        looks.append(job.latest())
    assert looks == looks[:1] * 3
    job.cancel("ann")
    assert seen(job) == 3, "what was trained until then is shown, however short ago the last look was"


def test_the_last_look_leaves_memory_before_the_next_one_is_made(
    registry: Jobs, gate: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep takes most memory while its whole result is made."""

    class Look:
        """What has been collected."""

    looks: list[weakref.ref[Look]] = []
    held = []

    def collect(*_: Any) -> Look:
        held.append(sum(look() is not None for look in looks))
        look = Look()
        looks.append(weakref.ref(look))
        return look

    monkeypatch.setattr(merging, "collect", collect)
    job = registry.submit(experiment(1, 3), "ann")
    for epoch in (1, 2):
        gate.release()
        until(lambda epoch=epoch: len(job.records) == epoch)  # type: ignore[misc]
        assert job.result() is not None
    gate.release()
    ended(job)
    assert job.result() is not None
    assert held == [0, 0, 0]


def test_jobs_count_while_they_wait_or_train(registry: Jobs, gate: threading.Semaphore) -> None:
    assert registry.active == 0
    submitted = [registry.submit(experiment(number, 1), f"visitor {number}") for number in (40, 41, 42)]
    assert registry.active == 3
    gate.release(3)
    for job in submitted:
        ended(job)
    assert registry.active == 0


def test_what_ended_is_forgotten_but_for_a_share_of_the_memory(
    open_registry: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = open_registry()
    three = 3 * experiment(20, 1).cost().table_bytes
    monkeypatch.setattr(jobs, "KEPT_SHARE", registry.settings.memory_bytes / three)
    for number in range(20, 30):
        ended(registry.submit(experiment(number, 1), "ann"))
    kept = [number for number in range(20, 30) if registry.get(experiment(number, 1).key) is not None]
    assert kept == [27, 28, 29]
    assert not registry._turns


def test_a_closed_registry_cancels_and_refuses(registry: Jobs) -> None:
    job = registry.submit(experiment(1, 500), "ann")
    registry.close()
    assert job.status == "cancelled"
    with pytest.raises(JobError, match="shutting down"):
        registry.submit(experiment(2), "ann")


def test_a_call_that_is_made_while_the_registry_closes_is_answered(registry: Jobs) -> None:
    events, closing = registry._events, threading.Thread(target=registry.close)

    class Late:
        """Events of which the first comes when somebody has had time to close the registry."""

        get = events.get

        def put(self, event: Any) -> None:
            if closing.ident is None:
                closing.start()
                closing.join(0.3)
            events.put(event)

    registry._events = Late()  # type: ignore[assignment]
    with ThreadPoolExecutor(1) as visitor:
        assert visitor.submit(registry.call, int).result(PATIENCE) == 0
    closing.join(PATIENCE)
    assert not closing.is_alive()


def test_an_executor_that_cannot_be_opened_fails_the_job_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: Settings) -> Any:
        raise JobError("The Dask scheduler cannot be reached.")

    monkeypatch.setattr(jobs, "open_executor", closed)
    with Jobs(Settings(store=Path())) as registry:
        job = registry.submit(experiment(1), "ann")
        ended(job)
        assert (job.status, job.error) == ("failed", "The Dask scheduler cannot be reached.")


# --- Memory


def test_a_sweep_that_takes_too_much_memory_is_refused_with_its_estimate_the_limit_and_the_command(
    open_registry: Open,
) -> None:
    sweep = experiment(1)
    size = sweep.cost().bytes
    for limit, memory in ((size - 1, 10**12), (10**12, size - 1)):
        registry = open_registry(limit_bytes=limit, memory_bytes=memory)
        told = rf"about {size / 1e6:.0f} MB.* of memory \(15 runs, 300 updates\) .*python -m core run"
        with pytest.raises(ExperimentError, match=told):
            registry.submit(sweep, "ann")
        assert registry.active == 0
    assert open_registry(limit_bytes=size, memory_bytes=size).submit(sweep, "ann").wait(PATIENCE)


def test_sweeps_begin_when_there_is_memory_for_them(
    open_registry: Open, gate: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "SHORT_SECONDS", 0.0)
    small, large = experiment(1, 3), replace(experiment(2, 3), hidden=((200, 200),))
    room = large.cost().bytes + small.cost().bytes // 2
    registry = open_registry(memory_bytes=room)
    first = registry.submit(small, "ann")
    until(lambda: Fake.log)
    second, third = registry.submit(large, "bob"), registry.submit(experiment(3, 3), "cem")
    gate.release(1)
    until(lambda: len(Fake.log) > 1)
    assert [job.status for job in (first, second, third)] == ["running", "queued", "queued"], "no long one overtakes"
    assert second.position == 1
    gate.release(100)
    ended(first, second, third)
    assert {job.status for job in (first, second, third)} == {"done"}
    assert Fake.log.index(third.key) > Fake.log.index(second.key)


def test_a_short_sweep_overtakes_one_that_waits_for_memory(
    open_registry: Open, gate: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "SHORT_SECONDS", 1.0)
    large = [replace(experiment(number, 3), hidden=((200, 200),), seeds=1, epochs=9000) for number in (1, 2)]
    assert large[0].cost().seconds > sweeps.SHORT_SECONDS > experiment(3, 1).cost().seconds
    registry = open_registry(memory_bytes=large[0].cost().bytes + experiment(3, 1).cost().bytes, limit_seconds=1e6)
    running, waiting = (registry.submit(one, "ann") for one in large)
    until(lambda: Fake.log)
    short = registry.submit(experiment(3, 1), "bob")
    until(lambda: short.sweep.works)
    gate.release(4)
    ended(short)
    assert (running.status, waiting.status) == ("running", "queued")
    for job in (running, waiting):
        job.cancel("ann")


def test_results_that_are_looked_at_hold_up_no_sweep_that_is_alone(open_registry: Open) -> None:
    sweep = experiment(1, 5)
    registry = open_registry(memory_bytes=sweep.cost().bytes)
    shown = [registry.submit(sweep, "ann")]
    for number in range(2, 6):
        ended(shown[-1])
        shown.append(registry.submit(experiment(number, 5), "ann"))
    ended(shown[-1])
    assert {job.status for job in shown} == {"done"}


class Full:
    """A store that has every result."""

    warning = ""

    def load(self, key: str) -> Any:
        return (key,)


def test_stored_results_are_opened_while_there_is_memory_for_them_and_one_that_is_shown_is_not_opened_twice(
    open_registry: Open,
) -> None:
    store: Any = Full()
    registry = open_registry(store, memory_bytes=3 * experiment(1).cost().table_bytes)
    shown = [registry.submit(experiment(number), "ann") for number in range(3)]
    with pytest.raises(JobError, match=r"more than is free of the .* MB .* try again in a few minutes"):
        registry.submit(experiment(3), "ann")
    assert registry.get(experiment(0).key) is None, "kept for nobody any more"
    assert registry.submit(experiment(0), "bob") is shown[0], "but ann looks at it"
    shown.pop()
    assert registry.submit(experiment(3), "ann").status == "done"


# --- A flood


def people(number: int, address: str = "1.2.3.4", cookie: bool = True) -> Visitor:
    return Visitor(f"visitor {number}", f"visitor {number}" if cookie else address, address)


def test_visitors_who_keep_no_cookie_count_as_one_by_address(open_registry: Open, gate: threading.Semaphore) -> None:
    registry = open_registry(jobs=50)
    for number in (0, 1):
        registry.submit(experiment(number), people(number, cookie=False))
    for number in range(2, 20):
        with pytest.raises(JobError, match=r"keeps no cookie .* They have 2 sweeps in training, and the limit is 2"):
            registry.submit(experiment(number), people(number, cookie=False))
    assert registry.active == 2
    assert registry.submit(experiment(2), people(2)).active
    assert registry.submit(experiment(3), people(3, "1.2.3.5", cookie=False)).active


def test_cookies_made_up_anew_leave_places_to_other_addresses(open_registry: Open, gate: threading.Semaphore) -> None:
    registry = open_registry(jobs=20, jobs_per_address=5)
    for number in range(5):
        registry.submit(experiment(number), people(number))
    with pytest.raises(JobError, match="from your address have 5 sweeps in training, and the limit is 5"):
        registry.submit(experiment(5), people(5))
    assert registry.submit(experiment(5), people(5, "1.2.3.5")).active
    assert registry.submit(experiment(5), people(5)).active, "to watch what is in training costs nothing"


def test_a_short_sweep_has_a_place_where_long_ones_fill_every_limit(
    open_registry: Open, gate: threading.Semaphore
) -> None:
    registry = open_registry(jobs=10, jobs_per_address=10, limit_seconds=1e6, memory_bytes=10**13, limit_bytes=10**12)
    long = [replace(experiment(number), epochs=10_000, seeds=200) for number in range(11)]
    assert long[0].cost().seconds > sweeps.SHORT_SECONDS
    for number in range(10):
        registry.submit(long[number], people(number))
    with pytest.raises(JobError, match="limit is 10"):
        registry.submit(long[10], people(10))
    with pytest.raises(JobError, match="busy with 10 sweeps"):
        registry.submit(long[10], people(10, "1.2.3.5"))
    short = [registry.submit(experiment(number), people(number)) for number in (20, 21)]
    with pytest.raises(JobError, match="limit is 10"):
        registry.submit(experiment(22), people(22))
    gate.release(1000)
    ended(*short)
    assert {job.status for job in short} == {"done"}
    for number in range(10):
        found = registry.get(long[number].key)
        assert found is not None
        assert found.cancel(f"visitor {number}")


def test_one_visitor_has_a_place_for_a_short_sweep_beside_two_long_ones(
    open_registry: Open, gate: threading.Semaphore
) -> None:
    registry = open_registry(limit_seconds=1e6, memory_bytes=10**13, limit_bytes=10**12)
    long = [registry.submit(replace(experiment(n), epochs=10_000, seeds=200), "ann") for n in (1, 2)]
    short = registry.submit(experiment(3), "ann")
    with pytest.raises(JobError, match="You have 3 sweeps in training, and the limit is 2"):
        registry.submit(experiment(4), "ann")
    for job in (*long, short):
        job.cancel("ann")


def test_what_nobody_looks_at_any_more_leaves_its_place_to_others(open_registry: Open) -> None:
    registry = open_registry(unwatched_seconds=0.3)
    left, waited_for, looked_at = (registry.submit(experiment(n, 10**4), v) for n, v in enumerate("abc"))
    waiter = threading.Thread(target=waited_for.wait)
    waiter.start()
    while left.active:
        looked_at.progress()
        time.sleep(0.01)
    assert left.status == "paused"
    assert registry.get(left.key) is None
    assert left.records == ()
    time.sleep(0.2)
    assert looked_at.active
    assert waited_for.active
    again = registry.submit(experiment(0, 10**4), "a")
    assert again is not left
    for job, visitor in ((again, "a"), (waited_for, "b"), (looked_at, "c")):
        job.cancel(visitor)
    waiter.join()


def test_a_look_that_takes_long_keeps_its_sweep_in_training(
    open_registry: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = open_registry(unwatched_seconds=0.3)
    job = registry.submit(experiment(0, 10**4), "ann")
    while not job.records:
        time.sleep(0.01)
    collect = merging.completed

    def slowly(*of: Any) -> Result:
        time.sleep(1.0)
        return collect(*of)

    monkeypatch.setattr(merging, "completed", slowly)
    job.latest()
    assert job.active
    until(lambda: job.status == "paused")
    assert job.progress().share == 0.0


def test_what_nobody_waits_for_any_more_leaves_the_queue(
    open_registry: Open, gate: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "SHORT_SECONDS", 0.0)
    registry = open_registry(unwatched_seconds=0.2, memory_bytes=experiment(1, 50).cost().bytes)
    running, queued = registry.submit(experiment(1, 50), "ann"), registry.submit(experiment(2, 50), "bob")
    while queued.active:
        gate.release()
        running.progress()
        time.sleep(0.01)
    assert (running.status, queued.status) == ("running", "paused")
    assert queued.key not in Fake.log
    running.cancel("ann")


# --- Jobs, for real


def test_a_result_is_stored_and_opens_at_once_in_another_server(pool: Pool, tmp_path: Path, expected: Result) -> None:
    settings = Settings(store=tmp_path, workers=2)
    store = Store(tmp_path, settings.store_bytes)
    with Jobs(settings, store, pool) as registry:
        ended(registry.submit(SMALL, "ann"))
    with Jobs(replace(settings, limit_seconds=1e-9), store, pool) as registry:
        job = registry.submit(SMALL, "bob")
        assert job.status == "done", "what is stored needs no training, whatever the limit"
        assert_same_tables(result(job), expected)
        assert job.progress().share == 1


def test_of_those_who_look_at_a_result_nothing_is_kept(pool: Pool) -> None:
    with Jobs(Settings(store=Path(), workers=2), executor=pool) as registry:
        job = registry.submit(SMALL, "ann")
        ended(job)
        assert all(registry.submit(SMALL, name) is job for name in ("bob", "cleo"))
        assert not job.sweep.visitors


def test_a_store_that_cannot_be_written_costs_no_result(pool: Pool, tmp_path: Path, expected: Result) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="ascii")
    store = Store(tmp_path / "file" / "store", 10**9)
    with Jobs(Settings(store=store.folder, workers=2), store, pool) as registry:
        job = registry.submit(SMALL, "ann")
        ended(job)
        assert_same_tables(result(job), expected)
    assert "Results cannot be stored" in store.warning


def test_a_worker_killed_in_mid_sweep_changes_nothing(pool: Pool) -> None:
    sweep = replace(SMALL, epochs=300, record="log", hidden=((5,),))
    with Jobs(Settings(store=Path(), workers=2, segment_seconds=0.05), executor=pool) as registry:
        job = registry.submit(sweep, "ann")
        until(lambda: job.records)
        os.kill(pids(pool)[0], signal.SIGKILL)
        ended(job)
        assert (job.status, job.error) == ("done", "")
        assert_same_tables(result(job), run(sweep))


def test_a_cancelled_sweep_frees_the_workers_after_the_segments_they_are_at(pool: Pool) -> None:
    with Jobs(Settings(store=Path(), workers=2), executor=pool) as registry:
        job = registry.submit(LONG, "ann")
        until(lambda: job.progress().done > 0)
        part = job.result()
        assert part is not None
        assert 0 < len(part.epochs) < len(LONG.runs()) * len(LONG.record_epochs())
        job.cancel("ann")
        free = [pool.submit(os.getpid) for _ in range(2)]
        for future in free:
            future.result(PATIENCE)
        assert job.progress().share < 0.5, "a segment lasts 0.3 s, the whole sweep minutes"


def test_a_program_that_ends_in_mid_sweep_ends_promptly_and_quietly() -> None:
    program = in_process("""
        import time
        from pathlib import Path
        from core import Experiment
        from core.jobs.jobs import Jobs
        from core.settings import Settings
        registry = Jobs(Settings(store=Path(), workers=2))
        job = registry.submit(Experiment(dataset="two_moons", hidden=(4,), epochs=10_000), "ann")
        while not job.progress().done:
            time.sleep(0.01)
    """)
    program.communicate(timeout=PATIENCE)  # the sweep would take minutes
    assert program.returncode == 0


def test_a_call_is_executed_by_a_worker_and_what_it_raises_is_the_callers() -> None:
    with ThreadPoolExecutor(1) as executor, Jobs(Settings(store=Path("unused")), executor=executor) as jobs:
        assert jobs.call(pow, 2, 5) == 32
        with pytest.raises(ZeroDivisionError):
            jobs.call(divmod, 1, 0)
    with pytest.raises(JobError, match="shutting down"):
        jobs.call(pow, 2, 5)
