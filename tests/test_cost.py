"""The estimate: measured on the machine that serves, and in words that promise no more than it knows."""

from collections import deque
from dataclasses import fields, replace
from pathlib import Path

import pytest

from core.experiment import cost
from core.experiment.cost import REFERENCE, Cost, Speed, speed
from core.experiment.experiment import Experiment, ExperimentError
from core.jobs.running import run
from core.schema import SCHEMA
from core.settings import Settings
from tests.processes import PATIENCE, in_process

SAME = Speed(call=1.0, flop=1.0, element=1.0, value=1.0)


def test_the_machine_is_measured_within_reason_and_not_again_at_once() -> None:
    here = speed()
    for field in fields(REFERENCE):
        assert 1 / cost.LIMIT <= getattr(here, field.name) <= cost.LIMIT
    taken = [*cost.probes]
    speed()
    assert len(cost.probes) - len(taken) <= 1  # a minute may have begun


def test_a_probe_that_was_disturbed_is_put_right_a_minute_later_and_a_slower_machine_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The least of the last five, a minute apart: 1.7, then 0.9 for as long as it is one of them, then 1.2."""
    seen = iter([1.7, 0.9, *[1.2] * 10])
    minute = iter(range(1000, 2000))
    monkeypatch.setattr(cost, "probes", deque(maxlen=cost.PROBES))
    monkeypatch.setattr(cost, "_probe", lambda: replace(SAME, call=next(seen)))
    monkeypatch.setattr("core.experiment.cost.time.monotonic", lambda: cost.PROBE_SECONDS * next(minute))
    cost._speed_in.cache_clear()
    assert [speed().call for _ in range(7)] == [1.7, *[0.9] * 5, 1.2]
    cost._speed_in.cache_clear()


def test_an_estimate_is_in_proportion_to_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Experiment().cost().seconds
    monkeypatch.setattr(cost, "speed", lambda: Speed(**{field.name: 2.0 for field in fields(Speed)}))
    assert Experiment().cost().seconds == pytest.approx(2 * reference)


@pytest.mark.parametrize("part", [field.name for field in fields(Speed)])
def test_every_part_of_the_speed_counts(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Experiment().cost().seconds
    monkeypatch.setattr(cost, "speed", lambda: replace(SAME, **{part: 2.0}))
    assert reference < Experiment().cost().seconds < 2 * reference


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.02, "under a second"), (1.04, "about 1.0 s"), (75, "about 1 min 15 s")]
)
def test_no_estimate_is_of_tenths_of_a_second(seconds: float, words: str) -> None:
    text = str(
        Cost(runs=2, updates=10, parameters=4, flops=1.0, seconds=seconds, bytes=3 * 10**6, table_bytes=1, chunk=1)
    )
    assert text == f"{words} on one core, 3 MB (2 runs, 10 updates)"


def test_nothing_is_measured_before_an_estimate_is_asked_for() -> None:
    describe = """
        from core.experiment import cost
        from core.experiment.experiment import Experiment
        from core.experiment.presets import PRESETS
        experiment = Experiment.from_text("activation=relu&seeds=3")
        print(experiment.key, experiment.to_query(), experiment.to_json(), experiment.groups(), experiment.runs())
        assert not cost.probes
        experiment.cost()
        assert cost.probes
    """
    program = in_process(describe)
    program.communicate(timeout=PATIENCE)
    assert program.returncode == 0


# --- Memory


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells what memory a process has had on Linux only")
@pytest.mark.parametrize("sweep", ["hidden=4&seeds=4000&epochs=3", "hidden=1-1-1&seeds=6&epochs=1200&record=every"])
def test_a_server_and_its_workers_take_what_is_estimated_within_30_per_cent(sweep: str) -> None:
    """The most that they have at a time, beyond what they have after two small sweeps; shared pages count once."""
    program = in_process(
        """
        import gc, os, tempfile, threading, time
        from pathlib import Path
        from core.experiment import cost
        from core.experiment.experiment import Experiment
        from core.jobs.jobs import Jobs
        from core.settings import Settings
        from core.jobs.store import Store
        from tests.processes import pids

        def memory(jobs):
            texts = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in (os.getpid(), *pids(jobs._executor)))
            return sum(1024 * int(text.split("Pss:")[1].split()[0]) for text in texts)

        def train(jobs, text):
            job = jobs.submit(Experiment.from_text(text), "ann")
            while not list(jobs.store.folder.glob(f"{job.key}.v*.zip")):
                job.latest()
                time.sleep(0.2)
                assert job.status != "failed", job.error
            return job

        def watch(jobs, seen):
            while True:
                seen.append(memory(jobs))
                time.sleep(0.05)

        cost.cpu_count = lambda: 2
        base = "dataset=two_moons&samples=100&activation=tanh&initialiser=glorot_uniform&batch_size=full"
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(store=Path(folder), workers=2, limit_seconds=1e6, memory_bytes=10**10)
            with Jobs(settings, Store(settings.store, settings.store_bytes)) as jobs:
                for number in (1, 2):
                    train(jobs, f"dataset=two_moons&hidden=8-8&epochs=5&data_seed={number}")
                gc.collect()
                seen = [memory(jobs)]
                threading.Thread(target=watch, args=(jobs, seen), daemon=True).start()
                job = train(jobs, f"{base}&SWEEP")
                print(max(seen) - seen[0], job.sweep.bytes)
    """.replace("SWEEP", sweep)
    )
    told, _ = program.communicate(timeout=2 * PATIENCE)
    measured, estimated = map(int, told.split())
    assert 0.7 < estimated / measured < 1.3, f"{estimated / 1e6:.0f} MB estimated, {measured / 1e6:.0f} measured"


def test_a_sweep_that_records_thousands_of_points_is_seen_to_take_gigabytes() -> None:
    """It took a server to 9.4 GB."""
    sweep = Experiment.from_text(
        "dataset=two_moons&samples=20&hidden=1-1-1&epochs=10000&record=every&batch_size=full&initialiser=normal:1"
        "&seeds=3"
    )
    assert sweep.cost().runs == 6
    with pytest.raises(ExperimentError, match=r"about \d\.\d GB.* of memory .* up to 1\.0 GB here"):
        sweep.check_limit(limit_bytes=Settings.limit_bytes)


@pytest.mark.parametrize(
    "text",
    [
        "hidden=4&seeds=100&epochs=3&statistics=standard",
        "hidden=2-2&seeds=2&epochs=100&record=every",
        "hidden=8-8&epochs=20&gain=0.5,1,2&learning_rate=0.01,0.1,1&seeds=2",
    ],
)
def test_tables_take_what_is_estimated(text: str) -> None:
    """Of many runs, of many recorded points, of many groups: each has another table for its largest."""
    base = "dataset=two_moons&samples=60&batch_size=full&initialiser=normal:1&activation=tanh,logistic"
    experiment = Experiment.from_text(f"{base}&{text}")
    result = run(experiment)
    measured = sum(int(result.table(name).memory_usage(deep=True).sum()) for name in SCHEMA)
    assert experiment.cost().table_bytes == pytest.approx(measured, rel=0.3)
