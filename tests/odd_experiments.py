"""Random small experiments over all registries, with settings at the edge of what can be trained, and their results.

Numbered: a number always gives the same experiment, and every number's is trained once for all tests.
"""

from functools import lru_cache

import numpy as np

from core.activations import ACTIVATIONS
from core.datasets import DATASETS, SCALINGS
from core.effects import FOUR
from core.experiment import Experiment
from core.initialisers import INITIALISERS
from core.losses import LOSSES
from core.optimisers import OPTIMISERS
from core.recording import Record
from core.results import Result, collect
from tests.engine import shapes, states

ARGUMENTS = {
    "constant": ("0.1", "-0.5", "10", "0"), "uniform": ("0.01", "0.5", "30"), "normal": ("0", "0.01", "1", "10", "100"),
    "truncated_normal": ("0.01", "2"), "sparse": ("1", "2", "15"),
}  # fmt: skip
TARGETS = (
    "train_accuracy:0", "train_accuracy:0.5", "train_accuracy:0.8", "test_accuracy:0.6", "test_accuracy:1",
    "train_loss:0.69", "train_loss:0.693147", "train_loss:0", "train_loss:0.5", "test_loss:0.7", "test_loss:1000000",
)  # fmt: skip
RATES = ("1e-9", "0.01", "0.1", "0.5", "1", "3", "30", "1000")
NETWORKS = ("none", "1", "1-1", "2", "4-2", "3-3-3", "5", "8-8", "17", "4-1-4")
TWO_BY_TWO = 0.15
"""Share of the experiments that have all functions of the 2 x 2."""
EXPLOSIVE = 0.25
"""Share of them whose runs are likely to diverge."""


def _some(rng: np.random.Generator, values: tuple[str, ...], most: int = 1) -> list[str]:
    size = min(int(rng.integers(1, most + 1)), len(values))
    return [str(value) for value in rng.choice(np.array(values), size, replace=False)]


def experiment(number: int) -> Experiment:
    """The experiment of that number."""
    rng = np.random.default_rng(number)
    dataset = _some(rng, tuple(DATASETS))[0]
    synthetic = DATASETS[dataset].synthetic
    four = rng.random() < TWO_BY_TWO
    explosive = not four and rng.random() < EXPLOSIVE
    functions = [*FOUR, *(["tanh"] if rng.random() < 0.8 else [])] if four else _some(rng, tuple(ACTIVATIONS), 3)
    if explosive:
        functions = _some(rng, tuple(dict.fromkeys(["relu", "leaky_relu", "identity", *functions])), 3)
    if not four and rng.random() < 0.6:  # what most claims are about
        functions = list(dict.fromkeys(["logistic", *functions]))[:3]
    schemes = [
        name + (f":{rng.choice(ARGUMENTS[name])}" if name in ARGUMENTS else "")
        for name in _some(rng, tuple(INITIALISERS), 1 if four else 3)
    ]
    optimiser = _some(rng, tuple(OPTIMISERS))[0] if rng.random() < 0.4 else "sgd"
    if OPTIMISERS[optimiser].argument is not None and rng.random() < 0.5:
        optimiser += ":0.5"
    batches = _some(rng, ("1", "7", "32", "full", "100000") if synthetic else ("64", "full", "100000"), 2)
    epochs = int(rng.integers(1, 3 if "1" in batches else 9)) if synthetic else int(rng.integers(1, 3))
    record = _some(rng, ("log", "log", "every", "0", f"0,{epochs // 2}"))[0]
    settings = {
        "dataset": dataset,
        "scaling": _some(rng, SCALINGS)[0],
        "test_share": _some(rng, ("0.1", "0.2", "0.5"))[0],
        "data_seed": int(rng.integers(0, 5)),
        "activation": functions,
        "initialiser": list(dict.fromkeys(schemes)),
        "gain": _some(rng, ("1",)) if rng.random() < 0.6 else _some(rng, ("1", "0.1", "50"), 2),
        "hidden": _some(rng, NETWORKS, 1 if four else 2),
        "bias": rng.random() < 0.8,
        "loss": "cross_entropy" if explosive else _some(rng, tuple(LOSSES))[0],
        "optimiser": optimiser,
        "learning_rate": _some(rng, RATES[-2:] if explosive else RATES, 3 if four else 2),
        "batch_size": batches,
        "epochs": epochs,
        "seeds": int(rng.integers(1, 5)),
        "first_seed": int(rng.integers(0, 3)),
        "record": record,
        "target": _some(rng, TARGETS)[0],
        "saturation_threshold": _some(rng, ("0.05", "0.05", "0.5", "1"))[0],
        "statistics": "full" if rng.random() < 0.8 else "standard",
        "probe": _some(rng, ("all", "20", "256"))[0],
        "dtype": _some(rng, ("float32", "float64"))[0],
    }
    if synthetic:
        settings |= {"samples": int(rng.integers(20, 60)), "noise": _some(rng, ("0", "0.1", "1"))[0]}
    return Experiment.from_params(settings)


@lru_cache(maxsize=64)
def results(number: int) -> tuple[Result, Result]:
    """The result of that experiment, and what there is of it in the middle of its training.

    In the middle some chunks of runs have not begun, and the others have come to different epochs.
    """
    trained = experiment(number)
    rng = np.random.default_rng([number, 1])
    whole: list[Record] = []
    so_far: list[Record] = []
    for runs in shapes(trained):
        apart = rng.random() < 0.3
        for chunk in [[run] for run in runs] if apart and len(runs) < 9 else [runs]:
            records = states(trained, chunk, 10_000)[1]
            whole += records
            so_far += records[: int(rng.integers(0, len(records) + 1))]
    return collect(trained, whole), collect(trained, so_far)
