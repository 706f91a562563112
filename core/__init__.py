"""The engine of the initialisation lab; knows nothing of the dashboard.

An Experiment is planned into runs, trained in batches, and becomes a Result of tidy tables. Each room knows only those
that stand above it in this list:

    text, settings, schema   words and numbers; how a server runs; the tables, column by column
    machine                  one BLAS thread, the time of a call, quick sorting
    registries               activations, initialisers, losses, optimisers, data sets: one entry each to add one
    experiment               what to run: validation, link, JSON, presets, cost
    engine                   many networks at once, in segments; what is measured in them
    tables                   somebody's own file: how it is written, what it holds, what is made of it
    theory                   what to expect before anything is trained
    results                  tidy tables, their files, and what follows from them
    jobs                     segments on processes or a cluster; a store; one sweep, or those of many visitors
    lessons                  what a result says: tables, verdicts and sentences
    charts                   tidy table in, Altair chart out

The names below are the public ones. What needs pandas is loaded when it is first asked for, so that worker
processes stay small.
"""

from typing import TYPE_CHECKING, Any

from core.experiment.experiment import Experiment, ExperimentError
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import DATASETS
from core.registries.initialisers import INITIALISERS
from core.registries.own_data import own_data

if TYPE_CHECKING:
    from core.jobs.pool import Pool
    from core.jobs.running import run
    from core.jobs.store import Store
    from core.lessons.difference import compare
    from core.results.loading import load_result
    from core.results.merging import merge
    from core.results.results import Result

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "INITIALISERS",
    "Experiment",
    "ExperimentError",
    "Pool",
    "Result",
    "Store",
    "compare",
    "load_result",
    "merge",
    "own_data",
    "run",
]

_LATER = {
    "run": "core.jobs.running",
    "Pool": "core.jobs.pool",
    "Result": "core.results.results",
    "Store": "core.jobs.store",
    "load_result": "core.results.loading",
    "merge": "core.results.merging",
    "compare": "core.lessons.difference",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'core' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__  # what an editor or a notebook offers
