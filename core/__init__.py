"""The engine of the initialisation lab; knows nothing of the dashboard.

An Experiment is planned into runs, trained in batches, and becomes a Result of tidy tables:

    activations, initialisers, optimisers, losses, datasets   registries: one entry each to add one
    synonyms, fields                                          names from elsewhere; how settings are read and refused
    experiment, presets, cost                                 what to run: validation, link, JSON; how long it takes
    network, symmetry, state, training                        many networks at once, in segments
    measures, recording                                       saturation and gradient signs
    schema, results, convergence                              tidy tables, CSV and zip; speed
    placing, saving                                           files written whole or not; a sweep saved as it goes
    loading, consistency, derived, difference                 a result from a file of anyone; two results side by side
    plan, pool, running, jobs                                 segments, processes or a cluster; one sweep, or many
    store, checkpoint, health                                 results on disk, going on; whether training works
    settings, blas, clock                                     how a server runs; its processor and its time
    theory, neuron, timing                                    what to expect, and the lecture's small cases
    evidence, comparisons, findings, claims, effects          what a result says: numbers, verdicts and sentences
    text                                                      numbers and lists in words
    lessons, charts                                           tables and sentences of the pages; their Altair charts

The names below are the public ones. What needs pandas is loaded when it is first asked for, so that worker
processes stay small.
"""

from typing import TYPE_CHECKING, Any

from core.activations import ACTIVATIONS
from core.datasets import DATASETS
from core.experiment import Experiment, ExperimentError
from core.initialisers import INITIALISERS

if TYPE_CHECKING:
    from core.difference import compare
    from core.loading import load_result
    from core.results import Result
    from core.running import run

__all__ = [
    "ACTIVATIONS",
    "DATASETS",
    "INITIALISERS",
    "Experiment",
    "ExperimentError",
    "Result",
    "compare",
    "load_result",
    "run",
]

_LATER = {
    "run": "core.running",
    "Result": "core.results",
    "load_result": "core.loading",
    "compare": "core.difference",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'core' has no attribute {name!r}")
