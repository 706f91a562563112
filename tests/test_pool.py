"""Pools: calls are executed in processes, whichever of them die, and no process outlives its pool."""

import gc
import os
import signal
import struct
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from core.jobs.pool import NICENESS, JobError, Pool
from core.jobs.running import run
from tests.processes import PATIENCE, SMALL, gone, in_process, kill_own_process, pids, until


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2) as pool:
        pool.warm_up()
        yield pool


def test_a_worker_holds_no_streamlit_pandas_altair_or_sklearn(pool: Pool) -> None:
    run(SMALL, pool)
    modules = [pool.submit(eval, "sorted(__import__('sys').modules)") for _ in range(4)]
    for loaded in (future.result() for future in modules):
        assert "core.engine.training" in loaded
        assert not {"streamlit", "pandas", "altair", "sklearn", "scipy"} & set(loaded)


def test_workers_give_way_to_the_process_that_serves(pool: Pool) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert pool.submit(os.getpriority, os.PRIO_PROCESS, 0).result() == min(ours + NICENESS, 19)


def test_a_worker_that_is_killed_loses_nothing_but_its_own_call(pool: Pool, tmp_path: Path) -> None:
    before = {pool.submit(os.getpid).result() for _ in range(8)} | set(pids(pool))
    calls = [pool.submit(record_and_wait, tmp_path / name) for name in ("a", "b")]
    until(lambda: all((tmp_path / name).exists() and (tmp_path / name).stat().st_size for name in ("a", "b")))
    victim = int((tmp_path / "a").read_text(encoding="ascii"))
    os.kill(victim, signal.SIGKILL)
    (tmp_path / "go").touch()
    assert [call.result(PATIENCE) for call in calls] == [2, 1]
    assert before - set(pids(pool)) == {victim}


def record_and_wait(path: Path) -> int:
    """Note who does it, wait until it may end, and return how often it was begun."""
    with path.open("a", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    until(path.with_name("go").exists)
    return len(path.read_text(encoding="ascii").splitlines())


def test_a_worker_killed_while_idle_is_replaced(pool: Pool) -> None:
    for pid in pids(pool):
        os.kill(pid, signal.SIGKILL)
    assert [pool.submit(pow, 2, n).result(PATIENCE) for n in range(4)] == [1, 2, 4, 8]


def test_a_call_that_kills_every_worker_is_given_up_and_harms_no_other(pool: Pool) -> None:
    bad = pool.submit(kill_own_process)
    good = [pool.submit(pow, 2, n) for n in range(6)]
    with pytest.raises(JobError, match="died 3 times"):
        bad.result(PATIENCE)
    assert [future.result(PATIENCE) for future in good] == [2**n for n in range(6)]


def test_an_exception_in_a_worker_arrives_and_the_worker_lives_on(pool: Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0).result(PATIENCE)
    assert pool.submit(divmod, 7, 2).result(PATIENCE) == (3, 1)


def die_in_mid_answer(tried: Path) -> str:
    """The first time: announce an answer of a million bytes, send four of them, and die."""
    if not tried.exists():
        tried.touch()
        [pipe] = [thing for thing in gc.get_objects() if isinstance(thing, Connection) and not thing.closed]
        os.write(pipe.fileno(), struct.pack("!i", 10**6) + b"part")
        kill_own_process()
    return "whole"


def test_a_worker_killed_in_the_middle_of_its_answer_holds_nobody_up(tmp_path: Path) -> None:
    # A ProcessPoolExecutor waits for the rest of the answer for ever: its parent holds the pipe's other end open.
    with Pool(1) as pool:
        assert pool.submit(die_in_mid_answer, tmp_path / "tried").result(PATIENCE) == "whole"
        assert (tmp_path / "tried").exists()


def test_a_closed_pool_takes_no_calls_cancels_what_waits_and_its_workers_end(tmp_path: Path) -> None:
    pool = Pool(1)
    pid = pool.submit(os.getpid).result(PATIENCE)
    running, waiting = pool.submit(record_and_wait, tmp_path / "a"), pool.submit(time.sleep, 30)
    until(running.running)
    threading.Timer(0.2, (tmp_path / "go").touch).start()
    pool.shutdown(cancel_futures=True)
    assert running.result(0) == 1
    assert waiting.cancelled()
    assert gone(pid)
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(os.getpid)


def test_workers_do_not_execute_the_main_script_and_end_with_a_parent_that_is_killed() -> None:
    parent = in_process("""
        import time
        from core.jobs.pool import Pool
        from tests.processes import pids
        print("main", flush=True)
        pool = Pool(2)
        pool.warm_up()
        pool.submit(pow, 2, 3).result()
        print(*pids(pool), flush=True)
        time.sleep(60)
    """)
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline() == "main\n"
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
        parent.wait()
    for pid in pids:
        until(lambda pid=pid: gone(pid))  # type: ignore[misc]
