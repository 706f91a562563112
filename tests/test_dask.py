"""A cluster: a real Dask scheduler and real workers, on loopback, any of which may die; the results are the same."""

import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.jobs import pool, running, saving
from core.jobs.checkpoint import restore
from core.jobs.jobs import Jobs
from core.jobs.pool import Cluster, JobError, capacity, open_executor
from core.jobs.running import run
from core.jobs.store import Store
from core.registries.initialisers import INITIALISERS, Initialiser
from core.results.loading import load_result
from core.results.results import Result
from core.settings import Settings
from tests.engine import assert_same_tables
from tests.processes import PATIENCE, SMALL, kill_own_process, until

pytest.importorskip("distributed", reason="a cluster takes the package distributed")

ROOT = Path(__file__).parents[1]
DASK = Path(sys.executable).with_name("dask")
SWEEP = replace(SMALL, epochs=100, record="log")


class Processes:
    """A scheduler and workers, started here and ended here."""

    def __init__(self, folder: Path, failures: int = 3) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures),
            "PYTHONPATH": str(ROOT),
        }
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.settings = Settings(store=folder, dask=self.address, segment_seconds=0.02)
        self.started: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [DASK, *arguments, "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1"],
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.started.append(process)
        return process

    def start_scheduler(self) -> None:
        self.scheduler = self.start("scheduler", "--port", str(self.port))
        until(self.listening)

    def listening(self) -> bool:
        with socket.socket() as visitor:
            return visitor.connect_ex(("127.0.0.1", self.port)) == 0

    def start_worker(self) -> subprocess.Popen[bytes]:
        scratch = ("--local-directory", str(self.folder))
        return self.start("worker", self.address, "--nthreads", "1", "--no-nanny", *scratch)

    def end(self) -> None:
        for process in reversed(self.started):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """A scheduler and two workers."""
    with ExitStack() as stack:
        processes = Processes(tmp_path_factory.mktemp("dask"))
        stack.callback(processes.end)
        for _ in range(2):
            processes.start_worker()
        yield processes


@pytest.fixture(scope="module")
def cluster(processes: Processes) -> Iterator[Cluster]:
    with Cluster(processes.address) as cluster:
        until(lambda: capacity(cluster) == 2)
        yield cluster


@pytest.fixture(scope="module")
def expected() -> Result:
    return run(SWEEP)


def test_an_entry_of_a_script_and_own_data_reach_the_workers(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INITIALISERS, "mine", Initialiser("mine", lambda rng, shape: 0.5 * rng.standard_normal(shape)))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3))
    experiment = replace(SMALL, initialiser=("mine", "normal:0.5"))
    assert_same_tables(run(experiment, cluster, data=(x, x[:, 0] > 0)), run(experiment, data=(x, x[:, 0] > 0)))


def test_the_setting_opens_the_cluster_and_no_bit_changes(processes: Processes, cluster: Cluster) -> None:
    opened = open_executor(processes.settings)
    assert isinstance(opened, Cluster)
    with opened:
        assert capacity(opened) == 2
        pids = {opened.submit(wait_and_tell).result(PATIENCE) for _ in range(2)} | {
            future.result(PATIENCE) for future in [opened.submit(wait_and_tell) for _ in range(4)]
        }
        assert pids == {process.pid for process in processes.started[1:3]}
        assert_same_tables(run(SMALL, opened), run(SMALL))
    assert opened.lost


def wait_and_tell() -> int:
    time.sleep(0.1)
    return os.getpid()


def test_an_executor_of_somebodys_own_client_will_do_too(processes: Processes, cluster: Cluster) -> None:
    distributed = importlib.import_module("distributed")
    with distributed.Client(processes.address, set_as_default=False) as client:
        assert_same_tables(run(SMALL, client.get_executor()), run(SMALL))


def test_an_error_in_a_worker_arrives_and_calls_of_one_name_are_not_one_call(cluster: Cluster) -> None:
    with pytest.raises(ZeroDivisionError):
        cluster.submit(divmod, 1, 0).result(PATIENCE)
    assert cluster.submit(time.monotonic).result(PATIENCE) != cluster.submit(time.monotonic).result(PATIENCE)


def test_a_connection_that_breaks_while_a_result_is_fetched_ends_the_call(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise importlib.import_module("distributed.comm").CommClosedError("in the middle")

    monkeypatch.setattr(cluster._client, "gather", broken)
    error = cluster.submit(pow, 2, 3).exception(PATIENCE)
    assert error is not None
    assert str(pool.explain(error)) == "The connection to the Dask scheduler was lost."


def test_calls_are_cancelled_with_the_cluster_or_waited_for(processes: Processes, cluster: Cluster) -> None:
    hasty = Cluster(processes.address)
    busy = [cluster.submit(time.sleep, 0.5) for _ in range(4)]
    waiting = hasty.submit(time.sleep, 1)
    hasty.shutdown(cancel_futures=True)
    assert waiting.cancelled()
    with Cluster(processes.address) as patient:
        waited = patient.submit(pow, 2, 3)
    assert waited.result(0) == 8
    assert [call.result(PATIENCE) for call in busy] == [None] * 4


def test_a_worker_killed_in_mid_sweep_loses_nothing(
    processes: Processes, cluster: Cluster, tmp_path: Path, expected: Result
) -> None:
    settings = replace(processes.settings, store=tmp_path)
    with Jobs(settings, Store(tmp_path, 10**9)) as registry:
        job = registry.submit(SWEEP, "ann")
        until(lambda: job.progress().share > 0.1 or not job.active)
        assert job.active
        processes.started[1].send_signal(signal.SIGKILL)
        assert job.wait(PATIENCE)
        assert (job.status, job.error) == ("done", "")
        result = job.result()
    assert result is not None
    assert_same_tables(result, expected)


def test_without_workers_a_sweep_waits_for_one_can_be_cancelled_and_goes_on(
    processes: Processes, cluster: Cluster, expected: Result
) -> None:
    for process in processes.started[1:]:
        process.kill()
    until(lambda: not cluster._client.nthreads())
    with Jobs(processes.settings, executor=cluster) as registry:
        unwanted = registry.submit(SMALL, "bob")
        until(lambda: unwanted.status == "running")  # it has the one turn: what is loaded first begins first
        job = registry.submit(SWEEP, "ann")
        assert unwanted.cancel("bob")
        until(lambda: job.status == "running")
        processes.start_worker()
        assert job.wait(PATIENCE)
        assert (job.status, job.error) == ("done", "")
        result = job.result()
    assert result is not None
    assert_same_tables(result, expected)


def test_the_command_line_trains_on_the_cluster(processes: Processes, cluster: Cluster, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core", "run", SMALL.to_query(), "--out", "out", "--zip", "all.zip"]
    environment = os.environ | {"LAB_DASK": processes.address, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=50
    )
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    assert_same_tables(load_result(tmp_path / "all.zip"), run(SMALL))


# --- What can go wrong


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "CONNECT_SECONDS", 2)


def saved_epochs(store: Store) -> int:
    """The epochs that every chunk of the sweep has been trained for, by its checkpoint."""
    content = store.load_checkpoint(SWEEP.key)
    return 0 if content is None else min(work.epoch for work in restore(content, SWEEP))


@pytest.mark.usefixtures("impatient")
def test_a_scheduler_that_is_lost_fails_the_job_and_its_successor_goes_on_with_it(
    tmp_path: Path, expected: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "SECONDS", 0.1)
    monkeypatch.setattr(saving, "COST", 0)
    with ExitStack() as stack:
        processes = Processes(tmp_path)
        stack.callback(processes.end)
        processes.start_worker()
        store = Store(tmp_path / "store", 10**9)
        registry = stack.enter_context(Jobs(processes.settings, store))
        job = registry.submit(SWEEP, "ann")
        until(lambda: saved_epochs(store) > 0 or not job.active)
        assert job.active, job.error
        processes.scheduler.kill()
        processes.scheduler.wait()
        assert job.wait(PATIENCE)
        assert job.status == "failed"
        assert job.error in (
            "The workers were shut down, or the connection to them was lost.",
            "The connection to the Dask scheduler was lost.",
        )
        cluster = registry._executor
        assert isinstance(cluster, Cluster)
        until(lambda: cluster.lost)
        processes.start_scheduler()
        processes.start_worker()
        again = registry.submit(SWEEP, "ann")
        until(lambda: again.records or not again.active)
        assert min(work.epoch for work in again.sweep.works) > 0, again.error
        assert again.wait(PATIENCE)
        assert (again.status, again.error) == ("done", "")
        result = again.result()
    assert result is not None
    assert_same_tables(result, expected)


def test_a_call_that_kills_its_workers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "segment", kill_own_process)
    with ExitStack() as stack:
        processes = Processes(tmp_path, failures=0)
        stack.callback(processes.end)
        processes.start_worker()
        cluster = stack.enter_context(Cluster(processes.address))
        with pytest.raises(JobError, match="Several Dask workers died"):
            run(SMALL, cluster)


@pytest.mark.parametrize("who", ["scheduler", "worker"])
def test_who_lacks_the_program_is_found_out(tmp_path: Path, who: str) -> None:
    with ExitStack() as stack:
        processes = Processes(tmp_path)
        stack.callback(processes.end)
        if who == "scheduler":
            processes.scheduler.kill()
            processes.scheduler.wait()
        del processes.environment["PYTHONPATH"]
        if who == "scheduler":
            processes.start_scheduler()
        else:
            processes.start_worker()
            distributed = importlib.import_module("distributed")
            with distributed.Client(processes.address, set_as_default=False) as client:
                until(client.nthreads)
        with pytest.raises(JobError, match="cannot import this program"):
            Cluster(processes.address)


@pytest.mark.usefixtures("impatient")
def test_a_scheduler_out_of_reach_and_a_package_that_is_missing_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JobError, match="cannot be reached"):
        Cluster("tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(JobError, match="package distributed is not installed"):
        Cluster("tcp://127.0.0.1:9")
