"""The drawn network in tables and words: every value on it, its two gradients, and signs over random examples."""

import math
from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from core.registries.activations import ACTIVATIONS
from core.text import listed, number, sentence, share, words
from core.theory.neuron import QUADRANTS, DrawnNetwork, GradientPaths, sign_combinations

EXAMPLES = 10_000
COMPARED = ("logistic", "tanh", "centred_logistic")
WEIGHTS = {
    "u11": ("x1", "h21"),
    "u21": ("x2", "h21"),
    "u12": ("x1", "h22"),
    "u22": ("x2", "h22"),
    "w1": ("h21", "h3"),
    "w2": ("h22", "h3"),
    "v": ("h3", "y"),
}
OPPOSITE = ("-+", "+-")


def network_table(network: DrawnNetwork, paths: GradientPaths) -> pd.DataFrame:
    """Every value on the drawn network.

    Columns: kind ("value" or "weight"), name, value, start and end (the values that a weight joins),
    preactivation (of hidden units) and gradient (of the loss, for w1 and w2).
    """
    given = asdict(network)
    values = {
        "x1": network.x1,
        "x2": network.x2,
        "h21": paths.h21,
        "h22": paths.h22,
        "h3": paths.h3,
        "y": paths.y,
        "target": network.target,
        "loss": paths.loss,
    }
    preactivations = {"h21": paths.a21, "h22": paths.a22, "h3": paths.a3}
    gradients = {"w1": paths.gradient_w1, "w2": paths.gradient_w2}
    names = [*values, *WEIGHTS]
    columns = {
        "kind": ["weight" if name in WEIGHTS else "value" for name in names],
        "name": names,
        "value": [given[name] if name in WEIGHTS else values[name] for name in names],
    }
    columns |= {end: [WEIGHTS.get(name, ("", ""))[i] for name in names] for i, end in enumerate(("start", "end"))}
    for column, known in (("preactivation", preactivations), ("gradient", gradients)):
        columns[column] = [known.get(name, math.nan) for name in names]
    return pd.DataFrame(columns)


def quadrant_table(paths: GradientPaths) -> pd.DataFrame:
    """The four quadrants of a step of (w1, w2): columns w1, w2 (direction, +1 or -1), pattern, allowed, taken.

    `allowed` is what a step on this example can do for one sign of the common factor or the other; `taken` is
    where descent goes now.
    """
    step = "".join({"+": "-", "-": "+"}.get(sign, sign) for sign in paths.pattern)
    rows = [
        {"w1": w1, "w2": w2, "pattern": pattern, "allowed": pattern in paths.step_patterns, "taken": pattern == step}
        for pattern, (w1, w2) in QUADRANTS.items()
    ]
    return pd.DataFrame(rows)


def combination_table(
    network: DrawnNetwork, functions: Sequence[str], examples: int = EXAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Signs of the two gradients over random examples: columns function, pattern, count, share, examples."""
    found = {name: sign_combinations(network, name, examples, seed) for name in functions}
    counts = [count for counted in found.values() for count in counted.values()]
    return pd.DataFrame(
        {
            "function": [name for name, counted in found.items() for _ in counted],
            "pattern": [pattern for counted in found.values() for pattern in counted],
            "count": counts,
            "share": [count / examples for count in counts],
            "examples": [examples] * len(counts),
        }
    )


def formula(paths: GradientPaths, weight: int, colour: str) -> str:
    r"""The gradient of w1 or w2 (`weight` 1 or 2) in LaTeX: the factors, their formulas, their numbers, the result.

    The factors that both gradients share stand in a bracket of that `colour` (a hex code).
    """
    own = paths.own[weight - 1]
    gradient = (paths.gradient_w1, paths.gradient_w2)[weight - 1]
    lines = (
        (r"\,".join(factor.symbol for factor in paths.shared), own.symbol),
        (r"\cdot ".join(_factor(factor.formula) for factor in paths.shared), own.formula),
        (r"\cdot ".join(_factor(_latex(factor.value)) for factor in paths.shared), _factor(_latex(own.value))),
    )
    body = [rf"&= \textcolor{{{colour}}}{{\left[{shared}\right]}} \cdot {last}" for shared, last in lines]
    body.append(rf"&= \textcolor{{{colour}}}{{{_factor(_latex(paths.bracket))}}} \cdot {_factor(_latex(own.value))}")
    body.append(rf"&= {_latex(gradient)}")
    left = rf"\frac{{\partial L}}{{\partial w_{weight}}} "
    return r"\begin{aligned}" + left + r" \\[6pt] ".join(body) + r"\end{aligned}"


def step_words(function: str, paths: GradientPaths) -> str:
    """What the two gradients do on this example, and how far it holds beyond it."""
    least = ACTIVATIONS[function].range[0]
    name = words(function)
    if least >= 0:
        scope = (
            f"{name} is never negative, so no input and no weights can give the two gradients opposite signs "
            "on one example."
        )
    else:
        scope = f"{name} takes both signs, so other inputs or weights can open the other pair of quadrants."
    return f"{_step(paths)} {sentence(scope)}"


def combination_words(table: pd.DataFrame) -> str:
    """How often the gradients have opposite signs, function by function, and out of how many examples."""
    opposite: dict[str, int] = {}
    for name, pattern, count in zip(*(table[name].to_list() for name in ("function", "pattern", "count")), strict=True):
        opposite[name] = opposite.get(name, 0) + (count if pattern in OPPOSITE else 0)
    examples = int(table["examples"].iloc[0])
    parts = [f"{words(name)} {count:,} ({share(count / examples)})" for name, count in opposite.items()]
    return f"Opposite signs, out of {examples:,} random examples each: {listed(parts)}."


def _step(paths: GradientPaths) -> str:
    if paths.bracket == 0:
        zero = [
            text
            for text, value in zip(("y − t", "v", "f′(a₃)"), (factor.value for factor in paths.shared), strict=True)
            if value == 0
        ]
        why = f"{listed(zero)} {'is' if len(zero) == 1 else 'are'} 0" if zero else "it is too small for a number"
        return f"The common factor is 0 ({why}): neither weight moves on this example."
    still = [(h, w) for h, w, value in (("h₂₁", "w₁", paths.h21), ("h₂₂", "w₂", paths.h22)) if value == 0]
    if still:
        return " ".join(f"{h} is exactly 0, so {w} does not move on this example." for h, w in still)
    common = "positive" if paths.bracket > 0 else "negative"
    moves = ["down" if gradient > 0 else "up" for gradient in (paths.gradient_w1, paths.gradient_w2)]
    values = f"h₂₁ = {number(paths.h21)} and h₂₂ = {number(paths.h22)}"
    if (paths.h21 > 0) == (paths.h22 > 0):
        sign = "positive" if paths.h21 > 0 else "negative"
        return (
            f"{values} are both {sign}, and the common factor is {common}: the two gradients share a sign, and this "
            f"step moves both weights {moves[0]}."
        )
    return (
        f"{values} have opposite signs, and so have the two gradients: this step moves w₁ {moves[0]} and w₂ {moves[1]}."
    )


def _latex(value: float) -> str:
    text = f"{value + 0.0:.3g}"  # there is one zero: -0.0 + 0.0 is 0.0
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def _factor(text: str) -> str:
    """A factor in brackets where it needs them."""
    alone = not text.startswith("-") and " - " not in text and r"\cdot" not in text
    return text if alone else f"({text})"
