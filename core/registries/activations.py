"""Activation functions: each with its slope, range and largest slope, in one registry.

Two pairs. `forward(a)` and `slope(a)` keep their relative accuracy to the ends of the number format, deep in
saturation too: what is measured comes from them. `quick_forward(a)` and `slope_from_output(h)` are what training uses,
up to three times as fast and right to the rounding of the largest value: the slope of a bounded function is 0 there
where h has rounded to its limit, which takes a slope below 1e-7 of the largest in float32 and 1e-15 in float64.
A function that falls and rises again, as GELU and swish do, has two slopes for one h: training keeps its a.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.registries.gaussian import DENSITY_AT_0, REACH, bell, mills

Array = NDArray[Any]
LECUN_HEIGHT = 1.7159
LECUN_RATE = 2.0 / 3.0
LEAK = 0.01
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848
PART = 1 << 15
"""Elements that a function of many passes takes at a time."""
_PROBES = np.sinh(np.linspace(-10.0, 10.0, 4001))
"""Where the shape of a function is looked at: densely about 0, and out to 11,000."""


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
        max_slope: largest value of |f'|.
        forward: (a, out=None) -> f(a), elementwise, any shape and float dtype; finite for every finite a.
        slope: (a, out=None) -> f'(a), elementwise; `out` must not alias `a`.
        slope_from_output: (h, out=None) -> f' as a function of h = f(a); `out` must not alias `h`. None where h does
            not tell, so that training keeps a.
        quick: as `forward`, for training; None where that is quick itself.
        work: elementwise work of a forward and a backward pass of training beside that of tanh, for estimates.
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
    slope_from_output: Callable[..., Array] | None = None
    quick: Callable[..., Array] | None = None
    recommended_gain: float | None = None
    work: float = 1.0

    def quick_forward(self, a: Array, out: Array | None = None) -> Array:
        """f(a) as training takes it."""
        h: Array = (self.quick or self.forward)(a, out=out)
        return h

    def slope_ratio(self, a: Array) -> Array:
        """|f'(a)| / max |f'|, in [0, 1]: a unit is saturated where this is below the threshold."""
        ratio: Array = np.abs(self.slope(a)) / self.max_slope
        return ratio

    @property
    def zero_centred(self) -> bool:
        """Whether f(0) = 0 and f saturates on both sides, at limits that are symmetric about it."""
        return self.range[0] == -self.range[1] and math.isfinite(self.range[1])

    @cached_property
    def monotone(self) -> bool:
        """Whether f never falls, so that order statistics of h are f of those of a."""
        return bool((self.slope(_PROBES) >= 0.0).all())

    @cached_property
    def steepest_at_0(self) -> bool:
        """Whether |f'| never rises away from 0, on either side: then units are saturated from some a on, each way."""
        ratio, rounding = self.slope_ratio(_PROBES), 1e-12
        left, right = np.diff(ratio[_PROBES < 0]), np.diff(ratio[_PROBES > 0])
        return bool((left >= -rounding).all() and (right <= rounding).all())

    @cached_property
    def scale_free(self) -> bool:
        """Whether f(c a) = c f(a) for c > 0, so that slopes do not change with the scale of the weights."""
        near, far = self.slope(np.array([[-1e-3, 1e-3], [-1e3, 1e3]]))
        return bool((near == far).all())


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


def _step(x: Array) -> Array:
    """1 where x > 0, else 0, in the type of x."""
    return np.greater(x, 0.0, out=np.empty_like(x), casting="unsafe")


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


def _exponential_linear(scale: float, alpha: float) -> dict[str, Callable[..., Array]]:
    """f(a) = scale * a above 0 and scale * alpha * (e^a - 1) below, the quick form without the accuracy of e^a - 1."""

    def below(a: Array, out: Array | None = None) -> Array:
        return np.clip(a, -_EXPONENTS[a.dtype.itemsize], 0.0, out=out)

    def joined(a: Array, low: Array, out: Array | None) -> Array:
        if alpha != 1.0:
            np.multiply(low, alpha, out=low)
        h = np.clip(a, 0.0, np.finfo(a.dtype).max / scale**2, out=out)  # what the scale leaves finite
        np.add(h, low, out=h)
        return h if scale == 1.0 else np.multiply(h, scale, out=h)

    def forward(a: Array, out: Array | None = None) -> Array:
        low = below(a)
        return joined(a, np.expm1(low, out=low), out)

    def quick_forward(a: Array, out: Array | None = None) -> Array:
        low = below(a)
        np.exp(low, out=low)
        return joined(a, np.subtract(low, 1.0, out=low), out)

    def above(x: Array, s: Array) -> Array:
        if alpha != 1.0:  # where x > 0, s is scale * alpha
            np.subtract(s, _step(x) * (scale * (alpha - 1.0)), out=s)
        return s

    def slope(a: Array, out: Array | None = None) -> Array:
        s = below(a, out=out)
        np.exp(s, out=s)
        np.multiply(s, scale * alpha, out=s)
        return above(a, s)

    def slope_from_output(h: Array, out: Array | None = None) -> Array:
        s = np.minimum(h, 0.0, out=out)
        np.add(s, scale * alpha, out=s)
        return above(h, s)

    slopes = {"slope": slope, "slope_from_output": slope_from_output}
    return {"forward": forward, "quick": quick_forward, **slopes}


def _soft_part(a: Array) -> Array:
    """e^-|a|, which softplus adds to relu by log(1 + e^-|a|)."""
    part = np.abs(a)
    np.minimum(part, _EXPONENTS[a.dtype.itemsize], out=part)
    np.negative(part, out=part)
    return np.exp(part, out=part)


def _softplus(a: Array, out: Array | None = None) -> Array:
    part = _soft_part(a)
    np.log1p(part, out=part)
    h = np.maximum(a, 0.0, out=out)
    return np.add(h, part, out=h)


def _quick_softplus(a: Array, out: Array | None = None) -> Array:
    part = _soft_part(a)
    np.add(part, 1.0, out=part)
    np.log(part, out=part)
    h = np.maximum(a, 0.0, out=out)
    return np.add(h, part, out=h)


def _softplus_slope_from_output(h: Array, out: Array | None = None) -> Array:
    s = np.negative(h, out=out)
    np.exp(s, out=s)
    return np.subtract(1.0, s, out=s)


def _swish(a: Array, out: Array | None = None) -> Array:
    share: Array = _LOGISTIC["forward"](a)
    h: Array = np.maximum(a, -_EXPONENTS[a.dtype.itemsize], out=out)
    return np.multiply(h, share, out=h)


def _swish_slope(a: Array, out: Array | None = None) -> Array:
    share: Array = _LOGISTIC["forward"](a, out=out)
    rest = 1.0 - share
    np.multiply(rest, np.maximum(a, -_EXPONENTS[a.dtype.itemsize]), out=rest)
    np.add(rest, 1.0, out=rest)
    return np.multiply(share, rest, out=share)


_LOGISTIC = _logistic(1.0)


def _gelu(a: Array, out: Array | None = None) -> Array:
    """a P(z < a) = max(a, 0) - |a| P(z > |a|)."""
    t = np.abs(a)
    np.minimum(t, REACH[a.dtype.itemsize], out=t)
    tail = mills(t)
    np.multiply(tail, t, out=tail)
    np.multiply(tail, bell(t), out=tail)
    h = np.maximum(a, 0.0, out=out)
    return np.subtract(h, tail, out=h)


def _gelu_slope(a: Array, out: Array | None = None) -> Array:
    """P(z < a) + a times the density at a; what it is at -a and this add up to 1."""
    t = np.abs(a, out=out)
    np.minimum(t, REACH[a.dtype.itemsize], out=t)
    low = mills(t)
    density = bell(t)
    np.multiply(t, DENSITY_AT_0, out=t)
    np.subtract(low, t, out=t)
    np.multiply(t, density, out=t)
    side = np.copysign(1.0, a, out=low)
    np.multiply(t, side, out=t)
    return np.subtract(np.maximum(side, 0.0, out=side), t, out=t)


def _by_parts(function: Callable[..., Array]) -> Callable[..., Array]:
    """An elementwise function, of one part of a large array after the other: what it notes down stays in the cache."""

    def parted(a: Array, out: Array | None = None) -> Array:
        if a.size <= PART or a.ndim < 2:
            return function(a, out=out)
        out = np.empty_like(a) if out is None else out
        rows = PART // (a.size // len(a))
        if rows == 0:
            for part, own in zip(a, out, strict=True):
                parted(part, out=own)
        else:
            for begin in range(0, len(a), rows):
                function(a[begin : begin + rows], out=out[begin : begin + rows])
        return out

    return parted


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
            name="elu",
            formula=r"x \text{ for } x > 0, \text{ else } e^{x} - 1",
            slope_formula=r"1 \text{ for } x > 0, \text{ else } e^{x}",
            summary="exponential linear unit with alpha = 1 (Clevert et al. 2016)",
            needs_exp=True,
            work=2.0,
            range=(-1.0, _INF),
            max_slope=1.0,
            recommended_gain=None,
            **_exponential_linear(1.0, 1.0),
        ),
        Activation(
            name="selu",
            formula=r"1.0507 \cdot \left(x \text{ for } x > 0, \text{ else } 1.6733\,(e^{x} - 1)\right)",
            slope_formula=r"1.0507 \cdot \left(1 \text{ for } x > 0, \text{ else } 1.6733\,e^{x}\right)",
            summary="scaled exponential linear unit: keeps mean 0 and variance 1 (Klambauer et al. 2017)",
            needs_exp=True,
            work=2.5,
            range=(-SELU_SCALE * SELU_ALPHA, _INF),
            max_slope=SELU_SCALE * SELU_ALPHA,
            recommended_gain=0.75,
            **_exponential_linear(SELU_SCALE, SELU_ALPHA),
        ),
        Activation(
            name="softplus",
            formula=r"\ln(1 + e^{x})",
            slope_formula=r"\frac{1}{1 + e^{-x}}",
            summary="smooth relu: always positive, its slope is the logistic (Dugas et al. 2001)",
            needs_exp=True,
            work=2.5,
            range=(0.0, _INF),
            max_slope=1.0,
            forward=_softplus,
            slope=_LOGISTIC["forward"],
            slope_from_output=_softplus_slope_from_output,
            quick=_quick_softplus,
        ),
        Activation(
            name="swish",
            formula=r"\frac{x}{1 + e^{-x}}",
            slope_formula=r"s\,(1 + x\,(1 - s)), \; s = \frac{1}{1 + e^{-x}}",
            summary="x logistic(x), also called SiLU: falls to -0.278 at -1.28 and rises (Elfwing et al. 2018)",
            needs_exp=True,
            work=4.0,
            range=(-0.2784645427610738, _INF),
            max_slope=1.099839320128867,
            forward=_by_parts(_swish),
            slope=_by_parts(_swish_slope),
        ),
        Activation(
            name="gelu",
            formula=r"x\,\Phi(x) = \frac{x}{2}\left(1 + \mathrm{erf}\frac{x}{\sqrt{2}}\right)",
            slope_formula=r"\Phi(x) + x\,\frac{e^{-x^2/2}}{\sqrt{2\pi}}",
            summary="x P(z < x), by the error function: falls to -0.170 at -0.75 and rises (Hendrycks & Gimpel 2016)",
            needs_exp=True,
            work=11.0,
            range=(-0.16997120747990366, _INF),
            max_slope=1.1289041451851547,
            forward=_by_parts(_gelu),
            slope=_by_parts(_gelu_slope),
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
