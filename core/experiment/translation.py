"""The start of a run, and the network it is of, as a program of another library.

The program draws from the same distributions as the lab does; its random numbers are the library's own. What has no
words there raises an error that says so, and is never something else instead.
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from string import Template
from typing import Any

from core.experiment.experiment import Experiment, Run, label
from core.registries import starts
from core.registries.datasets import dataset_of
from core.registries.frameworks import FRAMEWORKS, FUNCTIONS, Draw
from core.registries.initialisers import STD, TRUNCATED_STD, Place, Shape, Values, random_walk_std

STARTING = ("dataset", "activation", "initialiser", "gain", "bias_initialiser", "hidden", "residual", "normalisation")
"""The settings of a run that its program depends on."""
SCALED: dict[str, tuple[Any, ...]] = {
    "glorot_uniform": (1, "fan_avg", "uniform"),
    "glorot_normal": (1, "fan_avg", "truncated_normal"),
    "he_uniform": (2, "fan_in", "uniform"),
    "he_normal": (2, "fan_in", "truncated_normal"),
    "lecun_uniform": (1, "fan_in", "uniform"),
    "lecun_normal": (1, "fan_in", "truncated_normal"),
    "fan_in_uniform": (1 / 3, "fan_in", "uniform"),
}
"""Schemes that are variance scaling by another name."""
SPARSE_STD = {"sparse": 1.0, "sparse_share": STD.default}
ABSENT = """

def absent(what):
    raise NotImplementedError(f"there are no words for {what} here: it has to be written by hand")
"""


def translate(experiment: Experiment, run: Run, framework: str) -> str:
    """The program that builds the run's network and starts it so, in one of `FRAMEWORKS`."""
    words, dataset = FRAMEWORKS[framework], dataset_of(run.dataset)
    sizes = [dataset.features, *run.hidden, dataset.outputs]
    places = [Place(layer, len(sizes) - 1) for layer in range(1, len(sizes))]
    like_weights = run.bias_initialiser == starts.LIKE_WEIGHTS
    parts = [starts.part(run.initialiser, place.layer, place.layers) for place in places]
    others = parts if like_weights else [starts.part(run.bias_initialiser, p.layer, p.layers) for p in places]

    def expressions(parts: Sequence[starts.Part], gain: float) -> list[str]:
        found = []
        for part, shape, place in zip(parts, itertools.pairwise(sizes), places, strict=True):
            draw = _draw(part.scheme.name, part.values, gain * part.factor, shape, place)
            draw = draw or Draw("absent", (part.scheme.text(part.values),))
            found.append(words.draws[draw.kind](*draw.numbers))
        return found

    weights, biases = expressions(parts, run.gain), expressions(others, run.gain if like_weights else 1.0)
    zero = set(biases) == {words.draws["constant"](0)}
    lists = {"weights": _list(weights), "biases": "weights" if biases == weights else _list(biases)}
    function = FUNCTIONS.get(run.activation, f"absent({run.activation!r})")
    called = "".join([lists["weights"], lists["biases"] * experiment.bias, function])
    by_hand = "".join(text for mark, text in (*words.by_hand.items(), ("absent(", ABSENT)) if mark in called)
    stds = [_std_on_data(part, run.gain) for part in parts]
    marks = {
        "bias": experiment.bias,
        "nobias": not experiment.bias,
        "zero": experiment.bias and zero,
        "drawn": experiment.bias and not zero,
        "layer": run.normalisation == "layer",
        "residual": run.residual,
        "lsuv": any(std is not None for std in stds),
        "math": "math." in called + by_hand,
    }
    gaps = {"functions": words.functions, "arrays": words.arrays, "exact": words.exact}
    gaps["function"] = Template(function).substitute(gaps)
    gaps |= lists | {"seed": str(run.seed), "sizes": str(sizes), "stds": str(stds), "by_hand": by_hand}
    program = re.sub(r"«(\w+) ?(.*?)»", lambda part: part[2] if marks[part[1]] else "", words.program, flags=re.DOTALL)
    about = (
        f"The start of {label(vars(run), STARTING)}\n# in {words.title}: the lab's distributions, other random numbers."
    )
    return f"# {about}\n{Template(program).substitute(gaps)}"


def programs(experiment: Experiment, framework: str) -> list[str]:
    """The programs of all groups that start differently, in run order."""
    runs = {tuple(getattr(run, name) for name in STARTING): run for run in replace(experiment, seeds=1).runs()}
    return [translate(experiment, run, framework) for run in runs.values()]


def _list(expressions: Sequence[str]) -> str:
    """A list of the layers' expressions, repetitions counted."""
    runs = [(text, len(list(run))) for text, run in itertools.groupby(expressions)]
    if len(runs) == 1:
        return f"{runs[0][1]} * [{runs[0][0]}]"
    return "\n".join(
        ["[", *(f"    *{times} * [{text}]," if times > 1 else f"    {text}," for text, times in runs), "]"]
    )


def _std_on_data(part: starts.Part, gain: float) -> float | None:
    """The standard deviation of weighted sums that a layer is scaled to on the data, if it is."""
    return gain * part.factor * math.sqrt(float((*part.values, 1)[0])) if part.scheme.name == "lsuv" else None


def _draw(name: str, values: Values, factor: float, shape: Shape, place: Place) -> Draw | None:
    """What a scheme draws for a layer, times a factor; None where there are no words for it here."""
    given: tuple[Any, ...] = ("variance_scaling", *SCALED[name]) if name in SCALED else (name, *values)
    match given:
        case ("zeros",):
            return Draw("constant", (0.0,))
        case ("constant", value):
            return Draw("constant", (factor * value,))
        case ("uniform", limit):
            return Draw("uniform", (-factor * limit, factor * limit)) if limit else Draw("constant", (0.0,))
        case ("uniform", low, high):
            return Draw("uniform", (factor * low, factor * high))
        case ("normal" | "truncated_normal" | "plain_truncated_normal", *mean, std):
            kind = "normal" if name == "normal" else "cut_normal"
            wider = std / TRUNCATED_STD if name == "truncated_normal" else std
            middle = factor * mean[0] if mean else 0.0
            return Draw(kind, (middle, factor * wider)) if std else Draw("constant", (middle,))
        case ("variance_scaling", scale, mode, distribution):
            scale *= factor * factor
            return Draw("scaled", (scale, mode, distribution)) if scale else Draw("constant", (0.0,))
        case ("depth_scaled",):
            return Draw("scaled", (2 / place.layers * factor * factor, "fan_in", "normal"))
        case ("random_walk", function):
            return Draw("normal", (0.0, factor * random_walk_std(shape[0], function)))
        case ("orthogonal" | "identity", *scales):
            return Draw(name, (factor * math.prod(scales),))
        case ("lsuv", *_):
            return Draw("orthogonal", (factor,))
        case ("sparse" | "sparse_share", number, *std):
            return Draw(name, (number, factor * (std[0] if std else SPARSE_STD[name])))
        case ("looks_linear",):
            return Draw(name, (place.layer == 1, place.layer == place.layers, factor))
    return None
