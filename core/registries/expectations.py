"""Expectations over a Gaussian pre-activation, and what follows from them alone: which weights are critical.

Expectations are Gauss-Legendre sums over panels of the Gaussian's support, cut at the kinks of f and refined
where f is steep. Gauss-Hermite nodes, the usual choice, lose digits at both: with 100 nodes the hard tanh is off
in the third digit at standard deviation 1, and the slope of tanh at 10 by a factor of 8.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.registries.activations import ACTIVATIONS, Activation
from core.registries.synonyms import VALUES, suggested

Floats = NDArray[np.float64]

_TAIL = 10.0  # the Gaussian beyond 10 standard deviations weighs 2e-23
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_DOUBLINGS = 2.0 ** np.arange(-3, 12)
_PANELS_OF_Z = np.arange(-_TAIL, _TAIL + 1.0)
# Dense about 0, and out to where every bounded function of the registry has long reached its limit.
PROBES: Floats = np.sinh(np.linspace(-math.asinh(1e6), math.asinh(1e6), 8001))


def resolve(activation: str | Activation) -> Activation:
    """The activation of that name, or the given one itself. ValueError names the allowed ones."""
    if isinstance(activation, Activation):
        return activation
    if activation not in ACTIVATIONS:
        meant = suggested(activation, ACTIVATIONS, VALUES["activation"]).ours
        hint = f"; did you mean {meant!r}?" if meant else ""
        raise ValueError(f"activation: {activation!r} is not one of {', '.join(ACTIVATIONS)}{hint}")
    return ACTIVATIONS[activation]


def check(**values: ArrayLike) -> None:
    """Raises ValueError that names the first of the values that is negative or not finite."""
    for name, value in values.items():
        array = np.asarray(value, dtype=np.float64)
        if not (np.isfinite(array).all() and (array >= 0).all()):
            raise ValueError(f"{name}: {value!r} must be finite and at least 0")


def tidy(a: float) -> float:
    """An abscissa found by halving, without its last digits: 0 instead of 3e-27, 1 instead of 0.9999999999999999."""
    return round(a, 12) + 0.0


def turn(low: float, high: float, still: Callable[[float], bool]) -> float:
    """Where `still`, which holds at `low`, holds no more: found by halving."""
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if still(middle) else (low, middle)
    return high


@lru_cache
def _kinks(activation: Activation) -> tuple[float, ...]:
    """Where the slope jumps, found by halving every interval of `PROBES` across which it changes a lot."""
    slopes = activation.slope(PROBES)
    jump = 0.1 * activation.max_slope
    kinks = []
    for index in np.flatnonzero(np.abs(np.diff(slopes)) > jump):
        low, high = float(PROBES[index]), float(PROBES[index + 1])
        for _ in range(80):
            ends = activation.slope(np.array([low, 0.5 * (low + high), high]))
            if abs(ends[1] - ends[0]) > abs(ends[2] - ends[1]):
                high = 0.5 * (low + high)
            else:
                low = 0.5 * (low + high)
        if abs(ends[2] - ends[0]) > jump:
            kinks.append(tidy(high))
    return tuple(kinks)


def gaussian_rule(activation: Activation, variance: Floats) -> tuple[Floats, Floats]:
    """Pre-activations a and weights, both (..., nodes), with sum(weights * g(a)) = E[g(sqrt(variance) z)]."""
    std = np.sqrt(variance)[..., np.newaxis]
    cuts = np.concatenate([-_DOUBLINGS, [0.0], _DOUBLINGS, _kinks(activation)])
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = np.nan_to_num(cuts / std, posinf=_TAIL, neginf=-_TAIL).clip(-_TAIL, _TAIL)
    flat = np.broadcast_to(_PANELS_OF_Z, (*steep.shape[:-1], _PANELS_OF_Z.size))
    edges = np.sort(np.concatenate([steep, flat], axis=-1), axis=-1)
    half = 0.5 * np.diff(edges)[..., np.newaxis]
    z = edges[..., :-1, np.newaxis] + half * (1.0 + _NODES)
    weights = half * _WEIGHTS * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    nodes = (*variance.shape, z.shape[-2] * z.shape[-1])
    return std * z.reshape(nodes), weights.reshape(nodes)


def moments(activation: Activation, variance: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """E[f], E[f^2] and E[f'^2] of a Gaussian pre-activation of the given variance, each of its shape."""
    q = np.asarray(variance, dtype=np.float64)
    a, weights = gaussian_rule(activation, q)
    h = activation.forward(a)
    slope = activation.slope(a)
    slope_square: Floats = np.where(q > 0, np.sum(weights * slope * slope, axis=-1), slope_square_at_0(activation))
    return np.sum(weights * h, axis=-1), np.sum(weights * h * h, axis=-1), slope_square


def mean_square_of(activation: Activation, variance: ArrayLike) -> Floats:
    """E[f^2] of a Gaussian pre-activation."""
    a, weights = gaussian_rule(activation, np.asarray(variance, dtype=np.float64))
    result: Floats = np.sum(weights * np.square(activation.forward(a)), axis=-1)
    return result


def slope_square_at_0(activation: Activation) -> float:
    """The limit of E[f'^2] for variance to 0: the mean of f'^2 on the two sides of 0."""
    left, right = activation.slope(np.array([-1e-200, 1e-200]))
    return 0.5 * float(left * left + right * right)


def critical_line(activation: str | Activation, q: ArrayLike) -> tuple[Floats, Floats]:
    """The points (sw^2, sb^2) of the critical line chi_1 = 1 whose fixed points are `q`.

    sw^2 = 1 / E[f'^2] and sb^2 = q - sw^2 E[f^2]. Both are NaN where that would take a negative sb^2: no network
    is critical at that q (the logistic below q = 45, say). Arrays of q's shape.
    """
    function = resolve(activation)
    values = np.asarray(q, dtype=np.float64)
    _, mean_square, slope_square = moments(function, values)
    with np.errstate(divide="ignore"):
        sw2 = 1.0 / slope_square
    sb2 = values - sw2 * mean_square
    sb2 = np.where(np.abs(sb2) <= 1e-12 * values, 0.0, sb2)
    reached = np.isfinite(sw2) & (sb2 >= 0.0)
    return np.where(reached, sw2, np.nan), np.where(reached, sb2, np.nan)


def critical_weight_variance(activation: str | Activation, bias_variance: float) -> tuple[float, float] | None:
    """The critical sw^2 at the given sb^2, and its fixed point: (sw^2, q*). None where no q up to 1e4 is critical.

    Where a whole range of q is critical (relu, sb = 0) the q returned is 0.
    """
    check(bias_variance=bias_variance)
    q = np.concatenate([[0.0], np.geomspace(1e-12, 1e4, 200)])
    sw2, sb2 = critical_line(activation, q)
    on_line = np.flatnonzero(np.abs(sb2 - bias_variance) <= 1e-15)
    if on_line.size:
        return float(sw2[on_line[0]]), float(q[on_line[0]])
    # Where the line starts at a positive q, NaN stands for "below any sb^2".
    above = np.flatnonzero(sb2 > bias_variance)
    if not above.size or above[0] == 0:
        return None
    # NaN counts as below any sb^2 here too.
    found = turn(
        float(q[above[0] - 1]), float(q[above[0]]), lambda q: not critical_line(activation, q)[1] > bias_variance
    )
    return float(critical_line(activation, found)[0]), found
