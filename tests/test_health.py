"""Health: one line and status 0 where training and the store work, one line and status 1 for whatever does not."""

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from core.__main__ import main
from core.jobs import health, jobs, pool
from core.jobs.health import check
from core.jobs.pool import JobError
from core.jobs.store import Store
from core.settings import Settings
from tests.processes import kill_own_process

ROOT = Path(__file__).parents[1]


def test_the_command_trains_in_a_process_and_leaves_a_result_in_the_store(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "core", "health"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=50,
        env=os.environ | {"LAB_STORE": str(tmp_path / "store"), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "healthy: trained in a process, stored and read back\n"
    assert Store(tmp_path / "store", 10**8).load(health.TINY.key) is not None


def test_a_store_that_is_to_keep_nothing_is_healthy_too(tmp_path: Path) -> None:
    assert check(Settings(store=tmp_path / "store", store_bytes=0)).endswith("nothing is stored")
    assert not (tmp_path / "store").exists()


def test_a_store_that_takes_nothing_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JobError, match=r"Results cannot be stored: (Not a directory|File exists)\."):
        check(Settings(store=tmp_path / "file" / "store"))


def test_a_store_that_gives_back_something_else_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "load", lambda *_: None)
    with pytest.raises(JobError, match="what is read from the store is not what was written"):
        check(Settings(store=tmp_path))


def test_workers_that_die_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "segment", kill_own_process)
    with pytest.raises(JobError, match="A worker process died 3 times"):
        check(Settings(store=tmp_path))


def test_training_that_does_not_learn_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "TINY", replace(health.TINY, initialiser=("zeros",)))
    with pytest.raises(JobError, match=r"does not learn: its loss went from 0\.69"):
        check(Settings(store=tmp_path))


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that the command says when it fails with status 1."""
    assert main(["health", *arguments]) == 1
    printed, told = capsys.readouterr()
    assert (printed, told.count("\n")) == ("", 1)
    return told


def test_what_is_wrong_is_said_in_one_line_with_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "training did not end within 1e-06 s" in failing(capsys, "--seconds", "0.000001")
    monkeypatch.setenv("LAB_JOBS", "none")
    assert "LAB_JOBS is 'none'" in failing(capsys)
    monkeypatch.delenv("LAB_JOBS")
    monkeypatch.setenv("LAB_DASK", "tcp://127.0.0.1:9")
    monkeypatch.setattr(pool, "CONNECT_SECONDS", 1)
    assert "The Dask scheduler cannot be reached." in failing(capsys)


def test_a_hang_does_not_keep_the_command_from_ending() -> None:
    script = """
        import sys, time
        from core.jobs import jobs
        from core.__main__ import main
        class Hanging(jobs.Pool):
            def submit(self, fn, *args):
                return super().submit(time.sleep, 60) if args else super().submit(fn)
        jobs.open_executor = lambda settings: Hanging(1)
        sys.exit(main(["health", "--seconds", "2"]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "python -m core: training did not end within 2 s\n"
