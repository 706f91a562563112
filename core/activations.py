"""Activation functions: each with its slope, range and largest slope, in one registry.

Two pairs. `forward(a)` and `slope(a)` keep their relative accuracy to the ends of the number format, deep in
saturation too: what is measured comes from them. `quick_forward(a)` and `slope_from_output(h)` are what training uses,
up to three times as fast and right to the rounding of the largest value: the slope of a bounded function is 0 there
where h has rounded to its limit, which takes a slope below 1e-7 of the largest in float32 and 1e-15 in float64.
All are non-decreasing, so order statistics of h are f of the order statistics of a.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LECUN_HEIGHT = 1.7159
LECUN_RATE = 2.0 / 3.0
LEAK = 0.01


@dataclass(frozen=True)
class Activation:
    """An activation function h = f(a).

    Attributes:
        name: registry name.
        formula: f(x) as LaTeX.
        summary: what it is and where it comes from, in one line.
        range: infimum and supremum of f.
        max_slope: largest value of f'.
        forward: (a, out=None) -> f(a), elementwise, any shape and float dtype; finite for every finite a.
        slope: (a, out=None) -> f'(a), elementwise; `out` must not alias `a`.
        slope_from_output: (h, out=None) -> f' as a function of h = f(a); `out` must not alias `h`.
        quick: as `forward`, for training; None where that is quick itself.
    """

    name: str
    formula: str
    summary: str
    range: tuple[float, float]
    max_slope: float
    forward: Callable[..., Array]
    slope: Callable[..., Array]
    slope_from_output: Callable[..., Array]
    quick: Callable[..., Array] | None = None

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
        """Whether f(0) = 0 and the range is symmetric about it."""
        return self.range[0] == -self.range[1]


def _tanh_family(rate: float, height: float) -> tuple[Callable[..., Array], ...]:
    """f(a) = height * tanh(rate * a)."""
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

    return forward, _tanh_slope(rate, height), slope_from_output


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


def _logistic(rate: float) -> tuple[Callable[..., Array], ...]:
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

    centred, slope, _ = _tanh_family(rate / 2.0, 0.5)

    def quick_forward(a: Array, out: Array | None = None) -> Array:
        h = centred(a, out=out)
        return np.add(h, 0.5, out=h)

    return forward, slope, slope_from_output, quick_forward


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
            "logistic",
            r"\frac{1}{1 + e^{-x}}",
            "the logistic function: range 0 to 1, not zero-centred, slope 1/4 at 0",
            (0.0, 1.0),
            0.25,
            *_logistic(1.0),
        ),
        Activation(
            "tanh",
            r"\tanh x",
            "hyperbolic tangent, 2 logistic(2x) - 1: zero-centred, slope 1 at 0",
            (-1.0, 1.0),
            1.0,
            *_tanh_family(1.0, 1.0),
        ),
        Activation(
            "centred_logistic",
            r"\frac{1}{1 + e^{-x}} - \frac{1}{2}",
            "the logistic moved down by 1/2: zero-centred with the logistic's slope (a control)",
            (-0.5, 0.5),
            0.25,
            *_tanh_family(0.5, 0.5),
        ),
        Activation(
            "steep_logistic",
            r"\frac{1}{1 + e^{-4x}}",
            "logistic(4x): tanh's slope of 1 at 0, not zero-centred (a control)",
            (0.0, 1.0),
            1.0,
            *_logistic(4.0),
        ),
        Activation(
            "steep_centred_logistic",
            r"\frac{1}{1 + e^{-4x}} - \frac{1}{2}",
            "logistic(4x) - 1/2 = tanh(2x)/2: zero-centred with slope 1 at 0 (a control)",
            (-0.5, 0.5),
            1.0,
            *_tanh_family(2.0, 0.5),
        ),
        Activation(
            "lecun_tanh",
            r"1.7159 \tanh\left(\tfrac{2}{3} x\right)",
            "scaled tanh with f(1) = 1 (LeCun et al. 1998, Efficient BackProp)",
            (-LECUN_HEIGHT, LECUN_HEIGHT),
            LECUN_HEIGHT * LECUN_RATE,
            *_tanh_family(LECUN_RATE, LECUN_HEIGHT),
        ),
        Activation(
            "softsign",
            r"\frac{x}{1 + |x|}",
            "softsign: zero-centred, approaches its limits slowly (Bergstra et al. 2009)",
            (-1.0, 1.0),
            1.0,
            _softsign,
            _softsign_slope,
            _softsign_slope_from_output,
        ),
        Activation(
            "hard_tanh",
            r"\max(-1, \min(1, x))",
            "tanh's piecewise linear stand-in, without e^x",
            (-1.0, 1.0),
            1.0,
            lambda a, out=None: np.clip(a, -1.0, 1.0, out=out),
            _between(-1.0, 1.0, 1.0),
            _between(-1.0, 1.0, 1.0),
        ),
        Activation(
            "hard_logistic",
            r"\max(0, \min(1, \tfrac{x}{4} + \tfrac{1}{2}))",
            "the logistic's piecewise linear stand-in, without e^x",
            (0.0, 1.0),
            0.25,
            _hard_logistic,
            _between(-2.0, 2.0, 0.25),
            _between(0.0, 1.0, 0.25),
        ),
        Activation(
            "relu",
            r"\max(0, x)",
            "rectified linear unit: saturates on one side only",
            (0.0, _INF),
            1.0,
            lambda a, out=None: np.maximum(a, 0.0, out=out),
            _between(0.0, _INF, 1.0),
            _between(0.0, _INF, 1.0),
        ),
        Activation(
            "leaky_relu",
            r"\max(0.01 x, x)",
            "rectified linear unit with slope 0.01 below 0 (Maas et al. 2013)",
            (-_INF, _INF),
            1.0,
            _leaky_relu,
            _leaky_slope,
            _leaky_slope,
        ),
        Activation(
            "identity",
            r"x",
            "no activation function: the network is linear (a control)",
            (-_INF, _INF),
            1.0,
            _copy,
            _ones,
            _ones,
        ),
    )
}
