"""What is measured inside a network: saturation and gradient signs, as pure functions.

Arrays of runs carry leading axes; the last two are (units, examples) for activations and
(fan_out, fan_in) for weight gradients, biases left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.engine.network import SAFE
from core.registries.activations import Activation
from core.schema import PERCENTILES

Array = NDArray[Any]
Float = NDArray[np.float64]

SATURATED_NEURON = 0.95
"""Share of examples on which a neuron must be saturated to count as a saturated neuron."""

_WINDOW = np.concatenate([[-np.inf], np.linspace(-10.0, 10.0, 51), [np.inf]])
_DECADES = 10.0 ** np.arange(-10.0, 1.5, 0.5)
_SIGNED_DECADES = np.concatenate([[-np.inf], -_DECADES[::-1], _DECADES, [np.inf]])
SHARE_EDGES = np.linspace(0.0, 1.0, 22)


@cache
def bin_edges(quantity: str, activation: Activation, residual: bool = False) -> Float:
    """Edges of the fixed bins of a histogram, so that counts from different runs add up.

    Pre-activations: 0.4 wide in [-10, 10], the outer bins gather the rest. Activations: 40 bins over a
    bounded range, else, and where residual connections add them up, as pre-activations. Gradients: two bins a
    decade on either side of 0. Shares: 21 bins, so that 0, 1/2 and 1 each lie inside one.
    """
    low, high = activation.range
    bounded = math.isfinite(low) and math.isfinite(high) and not residual
    return {
        "preactivation": _WINDOW,
        "activation": np.linspace(low, high, 41) if bounded else _WINDOW,
        "gradient": _SIGNED_DECADES,
        "positive_share": SHARE_EDGES,
    }[quantity]


def share_histogram(positive: Array, size: Array, weight: Array) -> Float:
    """Weighted counts of positive / size in the 21 bins of [0, 1], one row per run.

    The two leading axes are kept, the others summed over. A share on the border of two bins counts in the one
    further from 1/2, so that a distribution that is symmetric stays so.
    """
    bins = len(SHARE_EDGES) - 1
    runs = positive.shape[:2]
    rows = math.prod(runs)
    small = 2 * positive <= size
    index = np.minimum(bins * np.where(small, positive, size - positive) // np.maximum(size, 1), bins // 2)
    index = np.where(small, index, bins - 1 - index).reshape(rows, -1)
    index += (np.arange(rows) * bins)[:, None]
    counts = np.bincount(index.ravel(), weights=weight.ravel().astype(np.float64), minlength=rows * bins)
    return counts.astype(np.float64).reshape(*runs, bins)


def moments(values: Array, name: str) -> dict[str, Float]:
    """Mean and standard deviation along the last axis."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, variance = _moments(values)
    # Squares leave the range of float32 long before the values do.
    beyond = ~((SAFE[0] < variance) & (variance < SAFE[1]))
    if beyond.any():
        mean[beyond], variance[beyond] = _moments(values[beyond].astype(np.float64))
    return {f"{name}_mean": mean, f"{name}_std": np.sqrt(variance)}


def _moments(values: Array) -> tuple[Float, Float]:
    """Mean and variance along the last axis, by squares in the values' own type."""
    mean = values.mean(axis=-1, keepdims=True)
    deviation = values - mean
    # The mean is rounded: what is left of it is taken out again.
    rest = deviation.mean(axis=-1)
    variance = np.vecdot(deviation, deviation) / values.shape[-1] - rest * rest
    return mean[..., 0].astype(np.float64) + rest, np.maximum(variance, 0.0).astype(np.float64)


def percentile_columns(ranked: Array, name: str) -> dict[str, Float]:
    """Columns of the nearest-rank percentiles: (..., percentiles), as `percentiles` gives them."""
    return {f"{name}_p{p:02d}": ranked[..., place].astype(np.float64) for place, p in enumerate(PERCENTILES)}


def singular_values(jacobian: Array) -> dict[str, Float]:
    """Columns of the singular values of each run's Jacobians, (groups, seeds, examples, outputs, inputs).

    The condition number of one is infinite where its least singular value is 0 to the rounding of its numbers.
    """
    known = np.asarray(np.isfinite(jacobian).all(axis=(-3, -2, -1)))
    values = np.linalg.svd(np.where(known[..., None, None, None], jacobian, 0.0).astype(np.float64), compute_uv=False)
    largest, smallest = values[..., 0], values[..., -1]
    full_rank = smallest > np.finfo(jacobian.dtype).eps * max(jacobian.shape[-2:]) * largest
    condition = np.divide(largest, smallest, out=np.full_like(largest, np.inf), where=full_rank)
    every = values.reshape(*known.shape, -1)
    found = {
        "singular_value_mean": every.mean(axis=-1),
        "singular_value_std": every.std(axis=-1),
        "singular_value_min": every.min(axis=-1),
        "singular_value_max": every.max(axis=-1),
        "condition_number": np.median(condition, axis=-1),
    }
    return {name: np.where(known, value, np.nan) for name, value in found.items()}


def count(mask: NDArray[np.bool_], axis: int) -> NDArray[np.int64]:
    """np.count_nonzero along the last or last but one axis, two to three times faster."""
    if axis == -1:
        bits: NDArray[np.int64] = np.bitwise_count(np.packbits(mask, axis=-1)).sum(axis=-1, dtype=np.int64)
        return bits
    narrow = np.uint8 if mask.shape[axis] < 256 else np.uint32
    total: NDArray[np.int64] = np.add.reduce(mask.view(np.uint8), axis=axis, dtype=narrow).astype(np.int64)
    return total


def saturation(a: Array, activation: Activation, threshold: float) -> dict[str, Float]:
    """Saturated shares of one layer, from its pre-activations (..., units, examples).

    A unit is saturated on an example where |f'(a)| / max |f'| < threshold; low where a < 0, high where a > 0. Where a
    is 0 and the function is flat there (relu) it is neither, and saturated all the same.
    """
    below, above, flat_at_0 = saturated_from(activation, threshold, a.dtype)
    if activation.steepest_at_0:
        low, high = a <= below, a >= above
    else:
        flat = activation.slope_ratio(a) < threshold
        low, high = flat & (a < 0), flat & (a > 0)
    low_counts, high_counts = count(low, -1), count(high, -1)
    counts = low_counts + high_counts
    if flat_at_0:
        counts += count(a == 0, -1)
    size = a.shape[-1] * a.shape[-2]
    neurons = (counts / a.shape[-1] >= SATURATED_NEURON).mean(axis=-1)
    return {
        "saturated_low": low_counts.sum(axis=-1) / size,
        "saturated_high": high_counts.sum(axis=-1) / size,
        "saturated": counts.sum(axis=-1) / size,
        "saturated_neurons": neurons,
        "dead_flat": (neurons == 1.0).astype(np.float64),
    }


@cache
def saturated_from(activation: Activation, threshold: float, dtype: np.dtype[Any]) -> tuple[Float, Float, bool]:
    """The greatest a < 0 and the least a > 0 of that type that are saturated, infinite where none is, and whether 0 is.

    Of functions that are steepest at 0; of the others only what is said of 0 holds. Slopes are compared in float64 and,
    where any slope but the largest is saturated, as the function has them: next to 0 they differ from the largest by
    less than rounding.
    """

    def saturated(a: float) -> bool:
        if threshold == 1.0 and a != 0.0:
            a = math.copysign(max(abs(a), 1e-6), a)
        return bool(activation.slope_ratio(np.array([a]))[0] < threshold)

    def first(sign: int) -> Float:
        whole = np.dtype(f"i{dtype.itemsize}")  # floats of one sign are in the order of their bits
        free, flat = 0, int(np.array(np.inf, dtype).view(whole))
        while flat - free > 1:
            middle = (free + flat) // 2
            value = float(np.array(middle, whole).view(dtype))
            free, flat = (free, middle) if saturated(sign * value) else (middle, flat)
        return np.asarray(sign * np.array(flat, whole).view(dtype))

    return first(-1), first(1), saturated(0.0)


@dataclass(frozen=True)
class Signs:
    """Signs of weight gradients, one entry per neuron (and example or mini-batch) or per bundle of them.

    Attributes:
        positive, negative: number of incoming weights whose gradient has that sign.
        weight: how many neurons the entry stands for.
    """

    positive: Array
    negative: Array
    weight: Array


def gradient_signs(gradient: Array) -> Signs:
    """Signs per neuron of weight gradients (..., fan_out, fan_in)."""
    positive, negative = count(gradient > 0, -1), count(gradient < 0, -1)
    return Signs(positive, negative, np.ones(positive.shape, np.int64))


def example_signs(delta: Array, below: Array) -> tuple[Signs, Signs, Signs]:
    """Signs of every single example's gradient, without forming it.

    One example's gradient into a neuron is delta * h: its signs are those of the incoming h, turned
    round where delta < 0. So the neurons of a layer fall into three kinds per example: delta > 0, delta < 0
    and delta = 0, which has no gradient. Signs are those of the two factors: a product too small for the
    number format still has its sign.

    Args:
        delta: d loss / d a, (..., fan_out, examples).
        below: incoming activations, (..., fan_in, examples), broadcasting against it.
    """
    up, down = count(delta > 0, -2), count(delta < 0, -2)
    positive = np.broadcast_to(count(below > 0, -2), up.shape)
    negative = np.broadcast_to(count(below < 0, -2), up.shape)
    none = np.zeros_like(up)
    return (
        Signs(positive, negative, up),
        Signs(negative, positive, down),
        Signs(none, none, delta.shape[-2] - up - down),
    )


@dataclass(frozen=True)
class SignSummary:
    """Sign measures of a layer, one value per run: see the columns of the same names in the schema."""

    same_sign: Float
    agreement: Float
    pair_agreement: Float
    no_gradient: Float


def summarise_signs(parts: Sequence[Signs]) -> SignSummary:
    """Means over all neurons that have a gradient, and the share of neurons that have none.

    The first two axes of the parts are the runs; NaN where no neuron has a gradient. The agreement of pairs is a
    mean over the neurons that have a pair, two gradients or more.
    """
    runs = parts[0].weight.shape[:2]
    total, counted, paired, same, agreement, pairs = (np.zeros(runs) for _ in range(6))
    for signs in parts:
        size = signs.positive + signs.negative
        weight = signs.weight * (size > 0)
        axes = tuple(range(2, weight.ndim))
        total += signs.weight.sum(axis=axes)
        single = (signs.positive == 0) | (signs.negative == 0)
        each = np.abs(signs.positive - signs.negative) / np.maximum(size, 1)
        counted += weight.sum(axis=axes)
        same += (weight * single).sum(axis=axes)
        agreement += (weight * each).sum(axis=axes)
        weight = signs.weight * (size > 1)
        paired += weight.sum(axis=axes)
        pairs += (weight * _pair_share(signs.positive, signs.negative)).sum(axis=axes)
    seen = np.where(counted > 0, counted, np.nan)
    pairs /= np.where(paired > 0, paired, np.nan)
    return SignSummary(same / seen, agreement / seen, pairs, 1.0 - counted / total)


def _pair_share(positive: Array, negative: Array) -> Array:
    """Share of the pairs of positive + negative signs that are equal; 0 where there is no pair."""
    size = positive + negative
    equal = positive * (positive - 1) + negative * (negative - 1)
    share: Array = equal / np.maximum(size * (size - 1), 1)
    return share


def positive_share_histogram(parts: Sequence[Signs]) -> Float:
    """Distribution of #positive / (#positive + #negative) over neurons, per run: (groups, seeds, bins).

    The parts' first two axes are (groups, seeds); neurons without a gradient are left out.
    """
    counts = np.zeros((*parts[0].weight.shape[:2], len(SHARE_EDGES) - 1))
    for signs in parts:
        size = signs.positive + signs.negative
        counts += share_histogram(signs.positive, size, signs.weight * (size > 0))
    return counts


def random_agreement(n: int) -> float:
    """E|2 Bin(n, 1/2)/n - 1|: the mean of |#positive - #negative| / n over n independent random signs, exactly.

    The closed form is C(2m, m) / 4^m with m = n // 2.
    """
    if n < 1:
        raise ValueError(f"n: {n!r} must be at least 1")
    half = n // 2
    return math.comb(2 * half, half) / (1 << 2 * half)
