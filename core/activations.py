"""Activation functions: each with its slope, range and largest slope, in one registry.

`forward(a, out)` and `slope_from_output(h, out)` write into preallocated arrays and are what training
uses; `slope(a)` keeps its relative accuracy deep in saturation, where `h` has rounded to its limit.
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
        slope: a -> f'(a), elementwise.
        slope_from_output: (h, out=None) -> f' as a function of h = f(a); `out` must not alias `h`.
    """

    name: str
    formula: str
    summary: str
    range: tuple[float, float]
    max_slope: float
    forward: Callable[..., Array]
    slope: Callable[[Array], Array]
    slope_from_output: Callable[..., Array]

    def slope_ratio(self, a: Array) -> Array:
        """f'(a) / max f', in [0, 1]: a unit is saturated where this is below the threshold."""
        ratio: Array = self.slope(a) / self.max_slope
        return ratio

    @property
    def zero_centred(self) -> bool:
        """Whether f(0) = 0 and f saturates on both sides, at limits that are symmetric about it."""
        return self.range[0] == -self.range[1] and math.isfinite(self.range[1])


def _tanh_family(rate: float, height: float, shift: float) -> tuple[Callable[..., Array], ...]:
    """f(a) = height * tanh(rate * a) + shift, with shift 0 or equal to the height.

    The logistic is one of them: logistic(x) = tanh(x/2)/2 + 1/2, faster than exp and free of overflow.
    """
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
        if shift != 0.0:
            np.add(h, shift, out=h)
        return h

    def slope(a: Array) -> Array:
        decay = np.exp(-2.0 * rate * np.minimum(np.abs(a), ceiling * 6))
        result: Array = (4.0 * height * rate) * decay / np.square(1.0 + decay)
        return result

    def slope_from_output(h: Array, out: Array | None = None) -> Array:
        if shift == 0.0:
            s = np.multiply(h, h, out=out)
            np.subtract(height * height, s, out=s)
        else:
            s = np.subtract(2.0 * height, h, out=out)
            np.multiply(s, h, out=s)
        if rate != height:
            np.multiply(s, rate / height, out=s)
        return s

    return forward, slope, slope_from_output


def _softsign(a: Array, out: Array | None = None) -> Array:
    scale = np.abs(a)
    np.add(scale, 1.0, out=scale)
    return np.divide(a, scale, out=out)


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
            *_tanh_family(0.5, 0.5, 0.5),
        ),
        Activation(
            "tanh",
            r"\tanh x",
            "hyperbolic tangent, 2 logistic(2x) - 1: zero-centred, slope 1 at 0",
            (-1.0, 1.0),
            1.0,
            *_tanh_family(1.0, 1.0, 0.0),
        ),
        Activation(
            "centred_logistic",
            r"\frac{1}{1 + e^{-x}} - \frac{1}{2}",
            "the logistic moved down by 1/2: zero-centred with the logistic's slope (a control)",
            (-0.5, 0.5),
            0.25,
            *_tanh_family(0.5, 0.5, 0.0),
        ),
        Activation(
            "steep_logistic",
            r"\frac{1}{1 + e^{-4x}}",
            "logistic(4x): tanh's slope of 1 at 0, not zero-centred (a control)",
            (0.0, 1.0),
            1.0,
            *_tanh_family(2.0, 0.5, 0.5),
        ),
        Activation(
            "steep_centred_logistic",
            r"\frac{1}{1 + e^{-4x}} - \frac{1}{2}",
            "logistic(4x) - 1/2 = tanh(2x)/2: zero-centred with slope 1 at 0 (a control)",
            (-0.5, 0.5),
            1.0,
            *_tanh_family(2.0, 0.5, 0.0),
        ),
        Activation(
            "lecun_tanh",
            r"1.7159 \tanh\left(\tfrac{2}{3} x\right)",
            "scaled tanh with f(1) = 1 (LeCun et al. 1998, Efficient BackProp)",
            (-LECUN_HEIGHT, LECUN_HEIGHT),
            LECUN_HEIGHT * LECUN_RATE,
            *_tanh_family(LECUN_RATE, LECUN_HEIGHT, 0.0),
        ),
        Activation(
            "softsign",
            r"\frac{x}{1 + |x|}",
            "softsign: zero-centred, approaches its limits slowly (Bergstra et al. 2009)",
            (-1.0, 1.0),
            1.0,
            _softsign,
            lambda a: 1.0 / np.square(1.0 + np.minimum(np.abs(a), 1e18)),
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
