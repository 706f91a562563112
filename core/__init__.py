"""The engine of the initialisation lab; knows nothing of the dashboard.

An Experiment is planned into runs, trained in batches, and becomes a Result of tidy tables:

    activations, initialisers, optimisers, losses, datasets   registries: one entry each to add one
    synonyms, fields                                          names from elsewhere; how settings are read and refused
    experiment                                                what to run: validation, link, JSON, cost
    network, symmetry, state, training                        many networks at once, in segments
    measures, recording                                       saturation and gradient signs
    schema, results, convergence                              tidy tables, CSV and zip; speed
    loading, consistency                                      a result from a file that anyone may have made
    comparing                                                 what differs between two results, and by how much
    plan, pool, running, jobs                                 segments, processes or a cluster; one sweep, or many
    store, checkpoint, health                                 results on disk, going on; whether training works
    theory, neuron, timing                                    what to expect, and the lecture's small cases
    evidence, comparisons, findings, claims, effects          what a result says: numbers, verdicts and sentences
    charts                                                    tidy table in, Altair chart out

The names below are the public ones. What needs pandas is loaded when it is first asked for, so that worker
processes stay small.
"""

from typing import TYPE_CHECKING, Any

from core.activations import ACTIVATIONS
from core.datasets import DATASETS
from core.experiment import Experiment, ExperimentError
from core.initialisers import INITIALISERS

if TYPE_CHECKING:
    from core.comparing import compare
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
    "compare": "core.comparing",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'core' has no attribute {name!r}")
