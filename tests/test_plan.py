"""Plans: every run once, in chunks that train together; enough of them for the workers, as few as possible."""

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from core.experiment.experiment import SHAPE, Experiment
from core.experiment.presets import PRESETS
from core.jobs.plan import Segment, Speedometer, Work, plan
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
        dataset=("two_moons",), samples=320, test_share=0.25, activation=("tanh",), initialiser=("glorot_uniform",),
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
    works = [Work(replace(chunk, seconds=0.5), None, epochs=100, pace=0.5) for chunk in chunks]
    speedometer = Speedometer()
    assert speedometer.progress(works, 4).seconds_left == 50, (
        "before anything is measured: the estimate, on every worker"
    )
    for _ in range(10):
        now += 1
        for work in works:
            work.epoch += 2
            work.spent += 0.5
            work.expected += 2 * work.chunk.seconds
            speedometer.take(0.5)  # processes that get half a processor each
    progress = speedometer.progress(works, 4)
    # 5 seconds of each were measured where 10 were expected, and weigh against 5 of the estimate.
    usual = (20 + 5) / (40 + 5)
    pace = 0.5 * (5 + usual * 5) / (10 + 5)
    assert progress.seconds_left == pytest.approx(80 * pace * 2)
    assert progress.share == pytest.approx(0.2)
    assert progress.elapsed == 10


def test_time_left_begins_as_the_estimate_however_slow_the_first_epochs_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers take 3 s to start, each first epoch ten times as long as those that follow, and these twice as long as
    estimated: what is told is never wild, and comes to the truth."""
    now, pace = 100.0, 0.25
    monkeypatch.setattr(time, "monotonic", lambda: now)
    chunks = plan(replace(SMALL, epochs=100), 4)[:4]
    works = [Work(replace(chunk, seconds=pace / 2), None, epochs=100, pace=pace / 2) for chunk in chunks]
    speedometer = Speedometer()
    told, ends = [speedometer.progress(works, 2).seconds_left], []
    now += 3
    for epoch in range(1, 101):
        seconds = 10 * pace if epoch == 1 else pace
        for pair in (works[:2], works[2:]):
            now += seconds
            for work in pair:
                state: Any = SimpleNamespace(epoch=epoch, finished=epoch == 100, train=None, test=None)
                work.take(Segment(state, (), seconds))
                speedometer.take(seconds)
            told.append(speedometer.progress(works, 2).seconds_left)
            ends.append(now)
    truth = [now - end for end in ends]
    assert told[0] == 25, "the estimate"
    assert told[-1] == 0
    assert max(told) < 1.3 * truth[0]
    assert all(left >= 0.4 * true for left, true in zip(told[1:], truth, strict=True))
    assert told[len(told) // 2] == pytest.approx(truth[len(told) // 2], rel=0.15)
