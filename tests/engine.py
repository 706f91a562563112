"""For the tests of the engine: train an experiment in chunks and segments of any size, and compare tables."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from core.engine.recording import Record
from core.engine.state import State
from core.engine.training import advance, start
from core.experiment.experiment import SHAPE, Experiment, Run
from core.registries import datasets
from core.registries.datasets import Data
from core.results.results import Result, collect
from core.schema import SCHEMA

Array = NDArray[Any]
Cut = Callable[[list[Run]], list[list[Run]]]


def change(experiment: Experiment, **settings: Any) -> Experiment:
    """The experiment with other settings, in any form that an experiment accepts."""
    return replace(experiment, **settings)


@lru_cache(maxsize=32)
def load(dataset: str, samples: int, noise: float, scaling: str, test_share: float, seed: int) -> Data:
    return datasets.load(dataset, samples=samples, noise=noise, scaling=scaling, test_share=test_share, seed=seed)


def data_of(experiment: Experiment, run: Run | None = None) -> Data:
    e = experiment
    return load(run.dataset if run else e.dataset[0], e.samples, e.noise, e.scaling, e.test_share, e.data_seed)


def shapes(experiment: Experiment) -> list[list[Run]]:
    """The runs that can train together, in order."""
    together: dict[Any, list[Run]] = {}
    for run in experiment.runs():
        together.setdefault(tuple(getattr(run, name) for name in SHAPE), []).append(run)
    return list(together.values())


def whole(runs: list[Run]) -> list[list[Run]]:
    return [runs]


def singles(runs: list[Run]) -> list[list[Run]]:
    return [[run] for run in runs]


def states(experiment: Experiment, runs: Sequence[Run], segment: int) -> tuple[State, list[Record]]:
    """The state at the end, and all records, of a chunk trained in segments of so many epochs."""
    state = start(experiment, runs, data_of(experiment, runs[0]))
    records: list[Record] = []
    while not state.finished:
        state, new = advance(state, segment)
        records += new
    return state, records


def records(experiment: Experiment, cut: Cut = whole, segment: int = 10_000) -> list[Record]:
    chunks = [chunk for runs in shapes(experiment) for chunk in cut(runs)]
    return [record for chunk in chunks for record in states(experiment, chunk, segment)[1]]


def train(experiment: Experiment, cut: Cut = whole, segment: int = 10_000) -> Result:
    return collect(experiment, records(experiment, cut, segment))


def at_start(experiment: Experiment) -> Result:
    """The result so far after no training at all."""
    first = [advance(start(experiment, runs, data_of(experiment, runs[0])), 0)[1][0] for runs in shapes(experiment)]
    return collect(experiment, first)


def network(experiment: Experiment, run: Run | None = None) -> list[tuple[Array, Array]]:
    """The initial (W, b) per layer of one run, W of shape (fan_in, fan_out)."""
    state = start(experiment, [run or experiment.runs()[0]], data_of(experiment, run))
    return explicit(state)


def explicit(state: State, group: int = 0, seed: int = 0) -> list[tuple[Array, Array]]:
    """A run's present (W, b) per layer, W of shape (fan_in, fan_out)."""
    return [(w[group, seed, :, :-1].T.copy(), w[group, seed, :, -1].copy()) for w in state.weights]


def assert_same_tables(left: Result, right: Result) -> None:
    """Equal in every table and column, to the bit, but for the time it took."""
    for name in SCHEMA:
        a, b = (result.table(name).drop(columns="seconds", errors="ignore") for result in (left, right))
        pd.testing.assert_frame_equal(a, b, check_exact=True, obj=name)
