"""Gains by name: what is recommended for a function, what keeps its output's scale, what theory calls critical.

A gain belongs to weights of variance gain² / fan_in, so to the LeCun schemes; on normal:1 it is the standard deviation
itself. A name is written `rule:function`, and stands for a number.
"""

import math
from collections.abc import Callable

from core.registries.activations import ACTIVATIONS, Activation
from core.registries.expectations import critical_weight_variance, moments
from core.registries.synonyms import VALUES, accepted


def recommended(activation: Activation) -> float | None:
    """What PyTorch's calculate_gain gives for the function; None where it knows none."""
    return activation.recommended_gain


def unit_variance(activation: Activation) -> float | None:
    """1 / std[f(z)], z ~ N(0, 1): outputs times it have variance 1 about their mean (tanh: 1.5925)."""
    mean, mean_square, _ = moments(activation, 1.0)
    return _inverse_root(float(mean_square - mean * mean))


def unit_square(activation: Activation) -> float | None:
    """1 / sqrt(E[f(z)²]): outputs times it have mean square 1, as He et al. 2015 have it for relu.

    So weights of that gain keep the pre-activations' variance at 1. It is unit_variance where f(z) has mean 0.
    """
    return _inverse_root(float(moments(activation, 1.0)[1]))


def critical(activation: Activation) -> float | None:
    """sigma_w where chi_1 = 1 at sigma_b = 0, so that gradients keep their size in depth (Schoenholz et al. 2017)."""
    found = critical_weight_variance(activation, 0.0)
    return None if found is None else math.sqrt(found[0])


def _inverse_root(square: float) -> float | None:
    return 1.0 / math.sqrt(square) if square > 0.0 else None


RULES: dict[str, Callable[[Activation], float | None]] = {
    "recommended": recommended,
    "unit_variance": unit_variance,
    "unit_square": unit_square,
    "critical": critical,
}


def gain_of(rule: str, function: str) -> float:
    """The number that rule:function stands for; raises ValueError, continuing "<text> ...", where there is none."""
    name = accepted(function, ACTIVATIONS, VALUES["activation"])
    if name is None:
        raise ValueError(f"names no function of {', '.join(ACTIVATIONS)}")
    gain = RULES[rule](ACTIVATIONS[name])
    if gain is None:
        having = [other for other, activation in ACTIVATIONS.items() if RULES[rule](activation) is not None]
        raise ValueError(f"has no number: {rule.replace('_', ' ')} gains are of {', '.join(having)}")
    return round(gain, 12)  # the last digits may differ between processors
