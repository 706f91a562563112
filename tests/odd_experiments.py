"""Random small experiments over all registries, with settings at the edge of what can be trained, and their results.

A case is a number, which always gives the same experiment, or a link. Each is trained once for all tests.
"""

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from core.engine.recording import Record
from core.experiment.experiment import VARIED, Experiment
from core.lessons import batch_size, effects, findings, signal_propagation
from core.lessons.claims import CLAIMS
from core.lessons.effects import FOUR
from core.lessons.findings import Finding
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import DATASETS, SCALINGS
from core.registries.initialisers import INITIALISERS
from core.registries.losses import LOSSES
from core.registries.optimisers import OPTIMISERS
from core.results.results import Result, collect
from tests.engine import shapes, states

NUMBERED = (8, 15, 29, 60, 62, 71, 80, 87, 95, 109, 127, 134, 137, 146, 150)
"""Few that between them have every measure and nearly every verdict of every claim; any numbers do."""
LINKS = (
    # The smallest start is not the one of the least standard deviation.
    (
        "dataset=two_moons&samples=40&activation=tanh,logistic&initialiser=constant:10,normal:0.5,constant:0.01&hidden=6"
        "&epochs=3&seeds=3&record=every&target=train_accuracy:0.5"
    ),
    (
        "dataset=two_moons&samples=40&activation=logistic&initialiser=constant:10,normal:0.5&hidden=6&learning_rate=1"
        "&batch_size=4&epochs=3&seeds=3&record=every&target=train_accuracy:0.8"
    ),
    # Without the run that diverged the median accuracy would be another.
    (
        "dataset=two_moons&samples=60&activation=relu&initialiser=he_normal&gain=3&learning_rate=0.3&hidden=16-16-16"
        "&batch_size=8&epochs=4&seeds=7&statistics=standard&target=train_accuracy:0.7"
    ),
    # Two identical starts; several medians that are one, to the recorded step.
    (
        "dataset=circles&samples=40&noise=0.05&scaling=raw&activation=relu,logistic&initialiser=zeros,normal:10,normal:1"
        "&gain=1,50&hidden=6-3&batch_size=full&epochs=60&record=0,1,40&seeds=3&target=train_accuracy:0.6"
        "&statistics=standard"
    ),
    # Some reach the target and diverge later, some diverge first.
    (
        "dataset=two_moons&samples=40&activation=relu,identity,tanh&initialiser=he_normal&gain=3&hidden=8-8"
        "&loss=cross_entropy&learning_rate=20,1000&batch_size=4&epochs=6&seeds=4&record=every&target=train_accuracy:0.7"
    ),
    # Two names of one batch size.
    (
        "dataset=two_moons&samples=30&initialiser=normal:1&hidden=8&learning_rate=3&batch_size=full,100000&epochs=25"
        "&seeds=3&record=every&target=train_accuracy:0.7"
    ),
    # The logistic reaches it in some of the runs, and takes long.
    (
        "dataset=two_moons&samples=40&initialiser=normal:0.01&hidden=8&learning_rate=0.5&batch_size=8&epochs=12&seeds=5"
        "&record=every&target=train_loss:0.69316"
    ),
    # Nothing is kept back for testing, and some runs diverge.
    (
        "dataset=parity:4&activation=relu,tanh,logistic&initialiser=normal:1,he_normal&gain=3&hidden=8-8&learning_rate=1,30"
        "&batch_size=4&epochs=8&seeds=3&record=every&target=train_accuracy:0.7"
    ),
    "dataset=gaussian:5:3&samples=30&test_share=0&initialiser=normal:1&hidden=8&epochs=20&seeds=3&record=every",
    # Starts that theory knows and starts that it does not, by layer and with biases.
    (
        "dataset=two_moons&samples=40&activation=tanh,logistic&hidden=6-4&bias_initialiser=zeros,normal:0.5,constant:1"
        "&initialiser=normal:0.5;last=zeros,uniform:0:1,looks_linear,glorot_uniform&epochs=3&seeds=3&record=every"
        "&batch_size=1,8&target=train_accuracy:0.7"
    ),
    # Several data sets, whose training sets a batch size holds or does not, one of them without a test part.
    (
        "dataset=two_moons,parity:4,gaussian_blobs&samples=40&activation=tanh,logistic&initialiser=normal:0.1,normal:2"
        "&hidden=6,4-3&learning_rate=1&batch_size=16,full&epochs=4&seeds=2&record=every&target=train_accuracy:0.7"
    ),
    (
        "dataset=iris,circles&samples=30&scaling=unit_interval&initialiser=normal:1&hidden=5&learning_rate=0.5,2"
        "&activation=logistic,tanh,steep_logistic,centred_logistic,steep_centred_logistic&batch_size=32,40&epochs=3"
        "&seeds=2&target=train_accuracy:0.6"
    ),
)
"""What once led to a false sentence."""
DATA = tuple(name for name in DATASETS if name not in ("gaussian", "gaussian_teacher", "parity"))
"""Those of the numbered cases, which stay as they are where a data set is added."""
Case = int | str
CASES: tuple[Case, ...] = (*NUMBERED, *LINKS)
RESAMPLES = 60
ARGUMENTS = {
    "constant": ("0.1", "-0.5", "10", "0"), "uniform": ("0.01", "0.5", "30"), "normal": ("0", "0.01", "1", "10", "100"),
    "truncated_normal": ("0.01", "2"), "sparse": ("1", "2", "15"),
}  # fmt: skip
TARGETS = (
    "train_accuracy:0", "train_accuracy:0.5", "train_accuracy:0.8", "test_accuracy:0.6", "test_accuracy:1",
    "train_loss:0.69", "train_loss:0.693147", "train_loss:0", "train_loss:0.5", "test_loss:0.7", "test_loss:1000000",
)  # fmt: skip
RATES = ("1e-9", "0.03", "0.1", "0.5", "1", "3", "10", "30", "1000")
NETWORKS = ("none", "1", "1-1", "2", "4-2", "3-3-3", "5", "8-8", "17", "4-1-4", "8-8-8-8-8")
COMMON = tuple(name for name in VARIED if name not in ("dataset", "activation", "residual", "normalisation"))
KINDS = ("2 x 2", "two", "two", "explosive", "any", "any")
"""Of functions: those of the 2 x 2, the lecture's two, such as diverge at a high learning rate, and any."""


def _some(rng: np.random.Generator, values: Sequence[str], most: int = 1) -> list[str]:
    values = list(dict.fromkeys(values))
    size = min(int(rng.integers(1, most + 1)), len(values))
    return [str(value) for value in rng.choice(np.array(values), size, replace=False)]


def experiment(case: Case) -> Experiment:
    """The experiment of that number, or of that link."""
    return numbered(case) if isinstance(case, int) else Experiment.from_text(case)


def numbered(number: int) -> Experiment:
    """The random experiment of that number."""
    rng = np.random.default_rng(number)
    dataset = _some(rng, DATA)[0]
    synthetic = DATASETS[dataset].synthetic
    kind = KINDS[int(rng.integers(len(KINDS)))]
    functions = {
        "2 x 2": [*FOUR, "tanh"] if rng.random() < 0.8 else list(FOUR),
        "two": ["logistic", "tanh"],
        "explosive": _some(rng, ("relu", "leaky_relu", "identity", "logistic", "tanh"), 3),
        "any": _some(rng, tuple(ACTIVATIONS), 4),
    }[kind]
    # Two settings or so have several values: with more of them a test would take long.
    several = {"learning_rate"} if kind == "2 x 2" else set(_some(rng, COMMON, 2))
    most = {name: 3 if name in several else 1 for name in VARIED}
    schemes = [
        name + (f":{rng.choice(ARGUMENTS[name])}" if name in ARGUMENTS else "")
        for name in _some(rng, tuple(INITIALISERS), most["initialiser"])
    ]
    if "initialiser" in several and rng.random() < 0.5:
        schemes = [f"normal:{std}" for std in _some(rng, ARGUMENTS["normal"], 4)]
    optimisers = _some(rng, tuple(OPTIMISERS), most["optimiser"]) if rng.random() < 0.4 else ["sgd"]
    if OPTIMISERS[optimisers[0]].argument is not None and rng.random() < 0.5:
        optimisers[0] += ":0.5"
    sizes = ("1", "7", "32", "full", "100000") if synthetic else ("64", "full", "100000")
    batches = _some(rng, sizes, most["batch_size"])
    epochs = int(rng.integers(1, 3 if "1" in batches else 11)) if synthetic else int(rng.integers(1, 3))
    bias = rng.random() < 0.8
    biases = _some(rng, ("zeros", "normal:0.5", "constant:1"), 3) if bias and "bias_initialiser" in several else "zeros"
    settings = {
        "dataset": dataset,
        "scaling": _some(rng, SCALINGS)[0],
        "test_share": _some(rng, ("0.1", "0.2", "0.5"))[0],
        "data_seed": int(rng.integers(0, 5)),
        "activation": functions,
        "initialiser": schemes,
        "gain": _some(rng, ("1", "0.1", "50"), 3) if "gain" in several else "1",
        "hidden": _some(rng, NETWORKS, most["hidden"]),
        "bias": bias,
        "bias_initialiser": biases,
        "loss": "cross_entropy" if kind == "explosive" else _some(rng, tuple(LOSSES))[0],
        "optimiser": optimisers,
        "learning_rate": _some(rng, RATES[-2:] if kind == "explosive" else RATES, most["learning_rate"]),
        "batch_size": batches,
        "epochs": epochs,
        "seeds": int(rng.integers(1, 6)),
        "first_seed": int(rng.integers(0, 3)),
        "record": _some(rng, ("log", "every", "0", f"0,{epochs // 2}"))[0],
        "target": _some(rng, TARGETS)[0],
        "saturation_threshold": _some(rng, ("0.05", "0.5", "1"))[0] if rng.random() < 0.5 else "0.05",
        "statistics": "full" if rng.random() < 0.8 else "standard",
        "probe": _some(rng, ("all", "20", "256"))[0],
        "dtype": _some(rng, ("float32", "float64"))[0],
    }
    if kind == "two" and rng.random() < 0.7:
        settings |= _comparable(rng)
        synthetic = True
    if kind == "2 x 2" and rng.random() < 0.6:
        comparable = _comparable(rng) | {"learning_rate": _some(rng, ("0.3", "1", "3", "10"), 3)}
        settings |= {name: value for name, value in comparable.items() if name not in ("activation", "initialiser")}
        synthetic = True
    if synthetic:
        settings |= {"samples": int(rng.integers(20, 60)), "noise": _some(rng, ("0", "0.1", "1"))[0]}
    return Experiment.from_params(settings)


def _comparable(rng: np.random.Generator) -> dict[str, Any]:
    """Settings under which many runs reach the target, some sooner than others."""
    return {
        "dataset": _some(rng, ("xor", "circles", "two_moons", "gaussian_blobs"))[0],
        "activation": [*_some(rng, ("relu", "tanh", "softsign", "steep_logistic", "centred_logistic"), 2), "logistic"],
        "initialiser": [f"normal:{std}" for std in ("0.01", "0.3", "1", "4")[: int(rng.integers(2, 5))]],
        "gain": "1",
        "hidden": _some(rng, ("8", "8-4"))[0],
        "learning_rate": _some(rng, ("0.1", "1", "3"))[0],
        "loss": "cross_entropy",
        "optimiser": _some(rng, ("sgd", "momentum", "adam"))[0],
        "batch_size": _some(rng, ("4", "16"))[0],
        "epochs": int(rng.integers(6, 15)),
        "seeds": int(rng.integers(2, 5)),
        "record": _some(rng, ("every", "log"))[0],
        "target": _some(rng, ("train_accuracy:0.6", "train_accuracy:0.8", "train_loss:0.65", "train_loss:0.5"))[0],
    }


@lru_cache(maxsize=64)
def results(case: Case) -> tuple[Result, Result]:
    """The result of that experiment, and what there is of it in the middle of its training.

    In the middle some chunks of runs have not begun, and the others have come to different epochs. Each run took a time
    of its own, as those do that are trained apart.
    """
    trained = experiment(case)
    rng = np.random.default_rng([case if isinstance(case, int) else len(case), 1])
    whole: list[Record] = []
    so_far: list[Record] = []
    for runs in shapes(trained):
        apart = rng.random() < 0.3
        for chunk in [[run] for run in runs] if apart and len(runs) < 9 else [runs]:
            records = states(trained, chunk, 10_000)[1]
            whole += records
            so_far += records[: int(rng.integers(0, len(records) + 1))]
    return _timed(collect(trained, whole), rng), _timed(collect(trained, so_far), rng)


def _timed(result: Result, rng: np.random.Generator) -> Result:
    seconds = 1e-5 * result.runs["last_update"] * rng.lognormal(0, 0.5, len(result.runs))
    return dataclasses.replace(result, runs=result.runs.assign(seconds=seconds))


@lru_cache(maxsize=64)
def said(case: Case, whole: bool) -> dict[str, Finding]:
    """All that is said of a result by name, apart from the 2 x 2; nothing of one without runs."""
    result = results(case)[0 if whole else 1]
    if result.runs.empty:
        return {}
    finders = (findings.saturation, findings.dead_flat, findings.gradient_signs, findings.convergence, findings.runs)
    found = {find.__name__: find(result) for find in finders}
    found |= {claim.id: claim.judge(result) for claim in CLAIMS}
    found["agreement"] = signal_propagation.agreement(result)
    found["backward"] = signal_propagation.backward(result)
    for epoch, layer in places(result):
        found[f"larger_batches {epoch} {layer}"] = batch_size.larger_batches(result, epoch, layer)
        level = list(batch_size.WHOSE)[layer % len(batch_size.WHOSE)]
        found[f"smaller_weights {epoch} {layer} {level}"] = batch_size.smaller_weights(result, epoch, layer, level)
    return found


def places(result: Result) -> list[tuple[int, int]]:
    """The first recorded epoch with the first layer, and the last one with the last layer."""
    layers = result.layers
    if layers.empty:
        return []
    return [(int(layers["epoch"].agg(end)), int(layers["layer"].agg(end))) for end in ("min", "max")]


Square = tuple[dict[str, Any], str, float | None]
"""Settings of a 2 x 2, its outcome, and its learning rate."""


@lru_cache(maxsize=64)
def squares(case: Case, whole: bool) -> list[tuple[Finding, Square]]:
    """What is said of each 2 x 2 that there is, at each function's best rate and at one for all."""
    runs_table = results(case)[0 if whole else 1].runs
    found = []
    for runs in effects.settings(runs_table).values():
        of = {name: runs[name].iloc[0] for name in effects.SETTING}
        for outcome in effects.OUTCOMES:
            for rate in (None, float(runs["learning_rate"].iloc[0])):
                try:
                    square = effects.finding(effects.decompose(runs, outcome, rate, RESAMPLES))
                except ValueError:  # so far no seed is common to all functions and rates
                    continue
                found.append((square, (of, outcome, rate)))
    return found
