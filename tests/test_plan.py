"""Plans: every run once, in chunks that train together; enough of them for the workers, as few as possible."""

import time
from dataclasses import replace

import pytest

from core.experiment.experiment import SHAPE, Experiment
from core.experiment.presets import PRESETS
from core.jobs.plan import Speedometer, Work, plan
from core.settings import Settings
from tests.processes import SMALL


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("experiment", [SMALL, *(preset.experiment for preset in PRESETS.values())])
def test_a_plan_holds_every_run_once_in_rectangles_of_one_shape(experiment: Experiment, workers: int) -> None:
    chunks = plan(experiment, workers)
    assert sorted(run.run for chunk in chunks for run in chunk.runs) == list(range(len(experiment.runs())))
    for chunk in chunks:
        assert len({tuple(getattr(run, name) for name in SHAPE) for run in chunk.runs}) == 1
        groups: dict[str, list[int]] = {}
        for one in chunk.runs:
            groups.setdefault(experiment.label(one), []).append(one.seed)
        assert len({tuple(seeds) for seeds in groups.values()}) == 1


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 30])
def test_a_plan_gives_every_worker_something_and_cuts_no_finer_than_it_must(workers: int) -> None:
    chunks = plan(Experiment(), workers)
    assert workers <= len(chunks) <= max(2, 2 * workers)
    sizes = [len(chunk.runs) for chunk in chunks]
    assert max(sizes) <= 2 * 30 / workers + 1


def test_a_plan_for_more_workers_than_runs_has_one_run_a_chunk() -> None:
    assert [len(chunk.runs) for chunk in plan(Experiment(), 1000)] == [1] * 30


def test_a_thousand_small_networks_train_in_chunks_that_fit_the_cache() -> None:
    """Full-batch networks of 8 and 8 units keep three float32 values per unit and example: 50 kB a run, so that 8 MB
    hold more than 100 runs and fewer than 160; with the memory's bound alone all 1,000 would train together."""
    many = Experiment(
        dataset="two_moons", samples=320, test_share=0.25, activation=("tanh",), initialiser=("glorot_uniform",),
        hidden=((8, 8),), batch_size=(0,), seeds=1000,
    )  # fmt: skip
    chunks = plan(many, 1)
    assert 100 < max(len(chunk.runs) for chunk in chunks) < 160
    assert sum(len(chunk.runs) for chunk in chunks) == 1000


def test_chunks_of_wide_networks_hold_few_runs_so_that_turns_stay_short() -> None:
    wide = Experiment(hidden=((1000, 1000),), seeds=20)
    single = wide.cost().seconds / wide.cost().runs / wide.epochs
    for chunk in plan(wide, 1):
        assert len(chunk.runs) == 1 or chunk.seconds <= Settings.segment_seconds
        assert chunk.seconds == pytest.approx(len(chunk.runs) * single)


def test_time_left_follows_the_speed_that_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    chunks = plan(replace(SMALL, epochs=100), 4)[:4]
    works = [Work(chunk, None, epochs=100, pace=0.5) for chunk in chunks]
    speedometer = Speedometer()
    assert speedometer.progress(works, 4).seconds_left == 50, (
        "before anything is measured: the estimate, on every worker"
    )
    for _ in range(10):
        now += 1
        for work in works:
            work.epoch += 2
            speedometer.take(0.5)  # processes that get half a processor each
    progress = speedometer.progress(works, 4)
    assert progress.seconds_left == pytest.approx(80 * 0.5 * 2)
    assert progress.share == pytest.approx(0.2)
    assert progress.elapsed == 10
