"""Activation functions: each with its slope, range and largest slope, in one registry.

Two pairs. `forward(a)` and `slope(a)` keep their relative accuracy to the ends of the number format, deep in
saturation too: what is measured comes from them. `quick_forward(a)` and `slope_from_output(h)` are what training uses,
up to three times as fast and right to the rounding of the largest value: the slope of a bounded function is 0 there
where h has rounded to its limit, which takes a slope below 1e-7 of the largest in float32 and 1e-15 in float64.
All are non-decreasing, so order statistics of h are f of the order statistics of a.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LECUN_HEIGHT = 1.7159
LECUN_RATE = 2.0 / 3.0
LEAK = 0.01


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An activation function h = f(a).

    Attributes:
        name: registry name.
        formula: f(x) as LaTeX.
        slope_formula: f'(x) as LaTeX.
        summary: what it is and where it comes from, in one line.
        needs_exp: whether it takes e^x; tanh is (e^x - e^-x) / (e^x + e^-x), and the logistic is computed from it.
        range: infimum and supremum of f.
        max_slope: largest value of f'.
        forward: (a, out=None) -> f(a), elementwise, any shape and float dtype; finite for every finite a.
        slope: (a, out=None) -> f'(a), elementwise; `out` must not alias `a`.
        slope_from_output: (h, out=None) -> f' as a function of h = f(a); `out` must not alias `h`.
        quick: as `forward`, for training; None where that is quick itself.
        recommended_gain: the gain that PyTorch's calculate_gain gives for it; None where it gives none.
    """

    name: str
    formula: str
    slope_formula: str
    summary: str
    needs_exp: bool
    range: tuple[float, float]
    max_slope: float
    forward: Callable[..., Array]
    slope: Callable[..., Array]
    slope_from_output: Callable[..., Array]
    quick: Callable[..., Array] | None = None
    recommended_gain: float | None = None

    def quick_forward(self, a: Array, out: Array | None = None) -> Array:
        """f(a) as training takes it."""
        h: Array = (self.quick or self.forward)(a, out=out)
        return h

    def slope_ratio(self, a: Array) -> Array:
        """f'(a) / max f', in [0, 1]: a unit is saturated where this is below the threshold."""
        ratio: Array = self.slope(a) / self.max_slope
        return ratio

    @property
    def zero_centred(self) -> bool:
        """Whether f(0) = 0 and f saturates on both sides, at limits that are symmetric about it."""
        return self.range[0] == -self.range[1] and math.isfinite(self.range[1])


def _tanh_family(rate: float, height: float) -> dict[str, Any]:
    """f(a) = height * tanh(rate * a): its forward, slope and so on."""
    ceiling = 50.0 / rate  # tanh is 1 to double precision long before; keeps rate * a finite

    def forward(a: Array, out: Array | None = None) -> Array:
        if rate == 1.0:
            h = np.tanh(a, out=out)
        elif rate < 1.0:
            h = np.multiply(a, rate, out=out)
            np.tanh(h, out=h)
        else:
            h = np.clip(a, -ceiling, ceiling, out=out)
            np.multiply(h, rate, out=h)
            np.tanh(h, out=h)
        if height != 1.0:
            np.multiply(h, height, out=h)
        return h

    def slope_from_output(h: Array, out: Array | None = None) -> Array:
        s = np.multiply(h, h, out=out)
        np.subtract(height * height, s, out=s)
        if rate != height:
            np.multiply(s, rate / height, out=s)
        return s

    return {"forward": forward, "slope": _tanh_slope(rate, height), "slope_from_output": slope_from_output}


def _tanh_slope(rate: float, height: float) -> Callable[..., Array]:
    """The slope of height * tanh(rate * a), 4 * height * rate / (e^(rate a) + e^(-rate a))^2; see `_EXPONENTS`."""

    def slope(a: Array, out: Array | None = None) -> Array:
        s = np.abs(a, out=out)
        np.minimum(s, _EXPONENTS[a.dtype.itemsize] / (2.0 * rate), out=s)
        np.multiply(s, -2.0 * rate, out=s)
        np.exp(s, out=s)
        spread = s + 1.0
        np.multiply(spread, spread, out=spread)
        np.divide(s, spread, out=s)
        return np.multiply(s, 4.0 * height * rate, out=s)

    return slope


def _logistic(rate: float) -> dict[str, Any]:
    """f(a) = 1 / (1 + e^(-rate a)) = tanh(rate a / 2) / 2 + 1/2.

    The first form keeps its relative accuracy where f is next to 0, the second is quicker. See `_EXPONENTS`.
    """

    def forward(a: Array, out: Array | None = None) -> Array:
        ceiling = _EXPONENTS[a.dtype.itemsize] / rate
        h = np.clip(a, -ceiling, ceiling, out=out)
        np.multiply(h, -rate, out=h)
        np.exp(h, out=h)
        np.add(h, 1.0, out=h)
        return np.reciprocal(h, out=h)

    def slope_from_output(h: Array, out: Array | None = None) -> Array:
        s = np.subtract(1.0, h, out=out)
        np.multiply(s, h, out=s)
        if rate != 1.0:
            np.multiply(s, rate, out=s)
        return s

    centred = _tanh_family(rate / 2.0, 0.5)

    def quick_forward(a: Array, out: Array | None = None) -> Array:
        h: Array = centred["forward"](a, out=out)
        return np.add(h, 0.5, out=h)

    slopes = {"slope": centred["slope"], "slope_from_output": slope_from_output}
    return {"forward": forward, "quick": quick_forward, **slopes}


_EXPONENTS = {4: 87.0, 8: 708.0}
"""By item size: e to this power and to its negative are normal numbers. Beyond, functions are as there: not 0, and
without the numbers that are too small to be stored in full, which processors take a hundred times as long for."""


def _softsign(a: Array, out: Array | None = None) -> Array:
    scale = np.abs(a)
    np.add(scale, 1.0, out=scale)
    return np.divide(a, scale, out=out)


def _softsign_slope(a: Array, out: Array | None = None) -> Array:
    s = np.abs(a, out=out)
    np.minimum(s, 1e18, out=s)
    np.add(s, 1.0, out=s)
    np.reciprocal(s, out=s)
    return np.multiply(s, s, out=s)


def _softsign_slope_from_output(h: Array, out: Array | None = None) -> Array:
    s = np.abs(h, out=out)
    np.subtract(1.0, s, out=s)
    return np.multiply(s, s, out=s)


def _between(low: float, high: float, height: float) -> Callable[..., Array]:
    """Slope `height` strictly between two values and 0 outside, for piecewise linear functions."""

    def slope(x: Array, out: Array | None = None) -> Array:
        s = np.greater(x, low, out=np.empty_like(x) if out is None else out, casting="unsafe")
        np.multiply(s, x < high, out=s)
        if height != 1.0:
            np.multiply(s, height, out=s)
        return s

    return slope


def _hard_logistic(a: Array, out: Array | None = None) -> Array:
    h = np.multiply(a, 0.25, out=out)
    np.add(h, 0.5, out=h)
    return np.clip(h, 0.0, 1.0, out=h)


def _leaky_relu(a: Array, out: Array | None = None) -> Array:
    leak = np.multiply(a, LEAK)
    return np.maximum(a, leak, out=out)


def _leaky_slope(x: Array, out: Array | None = None) -> Array:
    s = np.greater(x, 0.0, out=np.empty_like(x) if out is None else out, casting="unsafe")
    np.multiply(s, 1.0 - LEAK, out=s)
    return np.add(s, LEAK, out=s)


def _copy(a: Array, out: Array | None = None) -> Array:
    if out is None:
        return a.copy()
    if out is not a:
        np.copyto(out, a)
    return out


def _ones(x: Array, out: Array | None = None) -> Array:
    if out is None:
        return np.ones_like(x)
    out.fill(1.0)
    return out


_INF = float("inf")

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation(
            name="logistic",
            formula=r"\frac{1}{1 + e^{-x}}",
            slope_formula=r"f(x)\,(1 - f(x))",
            summary="the logistic function: range 0 to 1, not zero-centred, slope 1/4 at 0",
            needs_exp=True,
            range=(0.0, 1.0),
            max_slope=0.25,
            recommended_gain=1.0,
            **_logistic(1.0),
        ),
        Activation(
            name="tanh",
            formula=r"\tanh x",
            slope_formula=r"1 - f(x)^2",
            summary="hyperbolic tangent, 2 logistic(2x) - 1: zero-centred, slope 1 at 0",
            needs_exp=True,
            range=(-1.0, 1.0),
            max_slope=1.0,
            recommended_gain=5.0 / 3.0,
            **_tanh_family(1.0, 1.0),
        ),
        Activation(
            name="centred_logistic",
            formula=r"\frac{1}{1 + e^{-x}} - \frac{1}{2}",
            slope_formula=r"\tfrac{1}{4} - f(x)^2",
            summary="the logistic moved down by 1/2: zero-centred with the logistic's slope (a control)",
            needs_exp=True,
            range=(-0.5, 0.5),
            max_slope=0.25,
            **_tanh_family(0.5, 0.5),
        ),
        Activation(
            name="steep_logistic",
            formula=r"\frac{1}{1 + e^{-4x}}",
            slope_formula=r"4 f(x)\,(1 - f(x))",
            summary="logistic(4x): tanh's slope of 1 at 0, not zero-centred (a control)",
            needs_exp=True,
            range=(0.0, 1.0),
            max_slope=1.0,
            **_logistic(4.0),
        ),
        Activation(
            name="steep_centred_logistic",
            formula=r"\frac{1}{1 + e^{-4x}} - \frac{1}{2}",
            slope_formula=r"1 - 4 f(x)^2",
            summary="logistic(4x) - 1/2 = tanh(2x)/2: zero-centred with slope 1 at 0 (a control)",
            needs_exp=True,
            range=(-0.5, 0.5),
            max_slope=1.0,
            **_tanh_family(2.0, 0.5),
        ),
        Activation(
            name="lecun_tanh",
            formula=r"1.7159 \tanh\left(\tfrac{2}{3} x\right)",
            slope_formula=r"1.1439\,\left(1 - \left(\tfrac{f(x)}{1.7159}\right)^2\right)",
            summary="scaled tanh with f(1) = 1 (LeCun et al. 1998, Efficient BackProp)",
            needs_exp=True,
            range=(-LECUN_HEIGHT, LECUN_HEIGHT),
            max_slope=LECUN_HEIGHT * LECUN_RATE,
            **_tanh_family(LECUN_RATE, LECUN_HEIGHT),
        ),
        Activation(
            name="softsign",
            formula=r"\frac{x}{1 + |x|}",
            slope_formula=r"(1 - |f(x)|)^2",
            summary="softsign: zero-centred, approaches its limits slowly (Bergstra et al. 2009)",
            needs_exp=False,
            range=(-1.0, 1.0),
            max_slope=1.0,
            forward=_softsign,
            slope=_softsign_slope,
            slope_from_output=_softsign_slope_from_output,
        ),
        Activation(
            name="hard_tanh",
            formula=r"\max(-1, \min(1, x))",
            slope_formula=r"1 \text{ for } |x| < 1, \text{ else } 0",
            summary="tanh's piecewise linear stand-in, without e^x",
            needs_exp=False,
            range=(-1.0, 1.0),
            max_slope=1.0,
            forward=lambda a, out=None: np.clip(a, -1.0, 1.0, out=out),
            slope=_between(-1.0, 1.0, 1.0),
            slope_from_output=_between(-1.0, 1.0, 1.0),
        ),
        Activation(
            name="hard_logistic",
            formula=r"\max(0, \min(1, \tfrac{x}{4} + \tfrac{1}{2}))",
            slope_formula=r"\tfrac{1}{4} \text{ for } |x| < 2, \text{ else } 0",
            summary="the logistic's piecewise linear stand-in, without e^x",
            needs_exp=False,
            range=(0.0, 1.0),
            max_slope=0.25,
            forward=_hard_logistic,
            slope=_between(-2.0, 2.0, 0.25),
            slope_from_output=_between(0.0, 1.0, 0.25),
        ),
        Activation(
            name="relu",
            formula=r"\max(0, x)",
            slope_formula=r"1 \text{ for } x > 0, \text{ else } 0",
            summary="rectified linear unit: saturates on one side only",
            needs_exp=False,
            range=(0.0, _INF),
            max_slope=1.0,
            recommended_gain=math.sqrt(2.0),
            forward=lambda a, out=None: np.maximum(a, 0.0, out=out),
            slope=_between(0.0, _INF, 1.0),
            slope_from_output=_between(0.0, _INF, 1.0),
        ),
        Activation(
            name="leaky_relu",
            formula=r"\max(0.01 x, x)",
            slope_formula=r"1 \text{ for } x > 0, \text{ else } 0.01",
            summary="rectified linear unit with slope 0.01 below 0 (Maas et al. 2013)",
            needs_exp=False,
            range=(-_INF, _INF),
            max_slope=1.0,
            recommended_gain=math.sqrt(2.0 / (1.0 + LEAK**2)),
            forward=_leaky_relu,
            slope=_leaky_slope,
            slope_from_output=_leaky_slope,
        ),
        Activation(
            name="identity",
            formula=r"x",
            slope_formula=r"1",
            summary="no activation function: the network is linear (a control)",
            needs_exp=False,
            range=(-_INF, _INF),
            max_slope=1.0,
            recommended_gain=1.0,
            forward=_copy,
            slope=_ones,
            slope_from_output=_ones,
        ),
    )
}
