r"""What mean field theory predicts of a freshly initialised network, and the closed forms beside the charts.

In wide layers with Var(w) = weight_variance / fan_in and Var(b) = bias_variance, symmetric about zero, a
pre-activation is Gaussian with mean 0 and variance q, and (Poole et al. 2016; Schoenholz et al. 2017)

    q_l   = weight_variance * E[f(sqrt(q_{l-1}) z)^2] + bias_variance,     z ~ N(0, 1)
    chi_1 = weight_variance * E[f'(sqrt(q) z)^2]

`weight_variance` is the field's sw^2 and `bias_variance` its sb^2. Functions take an activation by its name in
`core.registries.activations.ACTIVATIONS` or as an `Activation` of one's own.

The expectations, and the critical line chi_1 = 1, are those of `core.registries.expectations`.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.registries.activations import Activation
from core.registries.expectations import (
    PROBES,
    check,
    gaussian_rule,
    mean_square_of,
    moments,
    slope_square_at_0,
    tidy,
    turn,
)
from core.registries.expectations import critical_line as critical_line
from core.registries.expectations import critical_weight_variance as critical_weight_variance
from core.registries.expectations import resolve as resolve

Floats = NDArray[np.float64]

THRESHOLD = 0.05


def gaussian_output(activation: str | Activation, std: float) -> tuple[float, float]:
    """Mean and standard deviation of h = f(a) for a pre-activation a ~ N(0, std^2)."""
    function = resolve(activation)
    check(std=std)
    a, weights = gaussian_rule(function, np.asarray(float(std) ** 2))
    h = function.forward(a)
    mean = float(np.sum(weights * h))
    return mean, math.sqrt(float(np.sum(weights * np.square(h - mean))))


# Saturation


def saturated_intervals(activation: str | Activation, threshold: float = THRESHOLD) -> tuple[tuple[float, float], ...]:
    """The pre-activations where f'(a) / max f' < threshold, as open intervals (from, to) in ascending order.

    An interval that contains 0 is cut there, so that each is low (a < 0) or high (a > 0). Logistic, threshold
    0.05: (-inf, -4.36) and (4.36, inf).
    """
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"threshold: {threshold!r} must be above 0 and at most 1")
    return _saturated_intervals(resolve(activation), float(threshold))


@lru_cache(maxsize=256)
def _saturated_intervals(activation: Activation, threshold: float) -> tuple[tuple[float, float], ...]:
    saturated = activation.slope_ratio(PROBES) < threshold
    cuts = []
    for index in np.flatnonzero(saturated[1:] != saturated[:-1]):

        def still(a: float, here: np.bool_ = saturated[index]) -> bool:
            return bool((activation.slope_ratio(np.array([a]))[0] < threshold) == here)

        cuts.append(tidy(turn(float(PROBES[index]), float(PROBES[index + 1]), still)))
    edges = [-math.inf, *cuts, math.inf]
    intervals: list[tuple[float, float]] = []
    for start, end in list(itertools.pairwise(edges))[0 if saturated[0] else 1 :: 2]:
        intervals += [(start, 0.0), (0.0, end)] if start < 0.0 < end else [(start, end)]
    return tuple(intervals)


def gaussian_saturation(activation: str | Activation, std: float, threshold: float = THRESHOLD) -> tuple[float, float]:
    """Shares (low, high) of a pre-activation a ~ N(0, std^2) that are saturated with a < 0 and with a > 0."""
    check(std=std)
    low = high = 0.0
    for start, end in saturated_intervals(activation, threshold):
        # From the nearer tail, so that shares far below 1e-16 keep their digits.
        share = _normal_tail(-end, std) - _normal_tail(-start, std)
        if end <= 0.0:
            low += share
        else:
            high += _normal_tail(start, std) - _normal_tail(end, std)
    return low, high


def _normal_tail(a: float, std: float) -> float:
    """P(std z > a)."""
    if std == 0.0:
        return 1.0 if a < 0.0 else 0.0
    return 0.5 * math.erfc(a / (std * math.sqrt(2.0)))


# The length map and its fixed point


def length_map(
    activation: str | Activation, weight_variance: float, bias_variance: float, depth: int, q0: ArrayLike
) -> Floats:
    """The variances q_1 ... q_depth of the pre-activations, q_l = sw^2 E[f(sqrt(q_{l-1}) z)^2] + sb^2.

    Args:
        weight_variance: sw^2, that is fan_in * Var(w).
        bias_variance: sb^2 = Var(b).
        depth: how many times the map is applied.
        q0: variance it starts from, a pre-activation's (q0 itself is not in the result); or an array of several.

    Returns:
        Shape (depth,) and that of q0. Values grow to inf where the map has no bound.
    """
    function = resolve(activation)
    check(weight_variance=weight_variance, bias_variance=bias_variance, q0=q0)
    if depth < 0:
        raise ValueError(f"depth: {depth!r} must be at least 0")
    starts = np.asarray(q0, dtype=np.float64)
    q = starts.ravel()
    lengths = np.full((depth, q.size), np.inf)
    for layer in lengths:
        finite = np.isfinite(q)
        with np.errstate(over="ignore"):
            layer[finite] = weight_variance * mean_square_of(function, q[finite]) + bias_variance
        q = layer
    return lengths.reshape(depth, *starts.shape)


@dataclass(frozen=True)
class FixedPoint:
    """Where the length map settles from q = 1, and how gradients fare there.

    Attributes:
        q: the variance q* of the pre-activations; None where no single finite one exists (see `note`).
        chi: chi_1, the factor on the mean square gradient per layer: < 1 shrinks, > 1 grows. Where q grows
            without limit it is the value that chi approaches; None where it has none.
        note: empty, or why there is no q, in words.
    """

    q: float | None
    chi: float | None
    note: str = ""

    @property
    def depth_scale(self) -> float | None:
        """Layers over which gradients change by a factor e, 1 / |log chi|: inf at the critical point."""
        if self.chi is None:
            return None
        if self.chi == 0.0:
            return 0.0
        rate = abs(math.log(self.chi))
        return 1.0 / rate if rate > 1e-12 else math.inf


_HUGE = 1e12


def fixed_point(activation: str | Activation, weight_variance: float, bias_variance: float) -> FixedPoint:
    """The fixed point q* of the length map that layers reach from q = 1, with chi_1 there.

    Found by bracketing and bisection on log q, so criticality, where iterating the map takes for ever, costs no
    more than any other point. A map without a finite fixed point (relu with sw^2 > 2, say), or where every q is
    one (relu with sw^2 = 2, sb = 0), has q = None and says so in `note`.
    """
    function = resolve(activation)
    check(weight_variance=weight_variance, bias_variance=bias_variance)
    sw2, sb2 = float(weight_variance), float(bias_variance)

    def chi(q: float) -> float:
        return sw2 * float(moments(function, q)[2])

    growth = sw2 * mean_square_of(function, [1e-2, 1.0, 1e2]) / [1e-2, 1.0, 1e2]
    if np.ptp(growth) <= 1e-12 * growth.max():  # f(c a) = c f(a): the map is a straight line
        slope = float(growth[1])
        if abs(slope - 1.0) <= 1e-12 and sb2 == 0.0:
            return FixedPoint(None, slope, "every q is a fixed point: the layers keep the variance they are given")
        if slope < 1.0 - 1e-12:
            return FixedPoint(sb2 / (1.0 - slope), chi(1.0))
        return FixedPoint(None, chi(1.0), "no finite fixed point: q grows without limit from layer to layer")

    def grows(q: float) -> bool:
        return sw2 * float(mean_square_of(function, q)) + sb2 > q

    # sqrt: the map may leave 0 as slowly as q^(3/2) (softsign), so q* can be the square of a small distance.
    vanishes = sb2 == 0.0 and float(function.forward(np.zeros(1))[0]) == 0.0
    low = high = 1.0
    if grows(1.0):
        while grows(high):
            if high > _HUGE:
                return FixedPoint(None, chi(high), "no finite fixed point: q grows without limit from layer to layer")
            low, high = high, 4.0 * high
    else:
        if vanishes and sw2 * slope_square_at_0(function) <= 1.0:
            return FixedPoint(0.0, chi(0.0))
        while not grows(low):
            if low < 1e-30:
                return FixedPoint(0.0, chi(0.0)) if vanishes else FixedPoint(sb2, chi(sb2))
            low, high = 0.25 * low, low
    for _ in range(60):
        middle = math.sqrt(low * high)
        if not low < middle < high:
            break
        low, high = (middle, high) if grows(middle) else (low, middle)
    q = math.sqrt(low * high)
    return FixedPoint(q, chi(q))


def phase_diagram(
    activation: str | Activation, weight_variances: ArrayLike, bias_variances: ArrayLike
) -> tuple[Floats, Floats]:
    """Fixed point q and chi_1 over a grid, each of shape (weight_variances, bias_variances).

    Interpolated in a table of q to about three digits, for charts; `fixed_point` is exact. NaN where there is no
    finite fixed point up to q = 1e8.
    """
    function = resolve(activation)
    check(weight_variance=weight_variances, bias_variance=bias_variances)
    sw2 = np.asarray(weight_variances, dtype=np.float64)
    sb2 = np.asarray(bias_variances, dtype=np.float64)
    table = np.concatenate([[0.0], np.geomspace(1e-12, 1e8, 1200)])
    _, mean_square, slope_square = moments(function, table)
    q = np.empty((sw2.size, sb2.size))
    chi = np.empty_like(q)
    for row, variance in enumerate(sw2):
        needed = table - variance * mean_square  # the sb^2 that makes each q of the table a fixed point
        needed[np.abs(needed) <= 1e-12 * table] = 0.0
        start = int(np.argmin(needed))  # the stable branch rises from the minimum on
        if needed[start] == needed[-1]:
            q[row] = chi[row] = np.nan
            continue
        position = np.interp(sb2, needed[start:], np.arange(start, table.size), right=np.nan)
        q[row] = np.interp(position, np.arange(table.size), table)
        chi[row] = variance * np.interp(position, np.arange(table.size), slope_square)
    return q, chi


# Layer by layer, for a network with its own variance in each layer


@dataclass(frozen=True)
class LayerPrediction:
    """What theory expects of one hidden layer at initialisation.

    Attributes:
        layer: hidden layers from 1.
        q: variance of the pre-activations over examples and units.
        mean, std: of h = f(a).
        saturated_low, saturated_high: shares of examples x units.
        chi: weight variance times E[f'^2]: the factor on the mean square gradient from this layer's h to the h
            of the layer below (or the input), where the two are equally wide.
        slope_square: E[f'^2].
    """

    layer: int
    q: float
    mean: float
    std: float
    saturated_low: float
    saturated_high: float
    chi: float
    slope_square: float


def predict_layers(
    activation: str | Activation,
    weight_variances: Sequence[float],
    bias_variance: ArrayLike,
    input_mean_square: float,
    threshold: float = THRESHOLD,
) -> tuple[LayerPrediction, ...]:
    """Predictions for every hidden layer; layer 1 has q = weight_variances[0] * input_mean_square + bias_variance.

    Args:
        weight_variances: fan_in * Var(w) of each hidden layer, input side first.
        bias_variance: Var(b) of each, or of all.
        input_mean_square: mean of x^2 over examples and features (1 for standardised inputs).

    Returns:
        One prediction a layer; layers whose q is beyond the largest float are left out.
    """
    function = resolve(activation)
    check(weight_variance=weight_variances, bias_variance=bias_variance)
    layers = []
    mean_square = float(input_mean_square)
    bias_variances = np.broadcast_to(bias_variance, len(weight_variances)).tolist()
    for number, (weight_variance, own) in enumerate(zip(weight_variances, bias_variances, strict=True), start=1):
        q = weight_variance * mean_square + own
        if not math.isfinite(q):
            break
        mean, std = gaussian_output(function, math.sqrt(q))
        low, high = gaussian_saturation(function, math.sqrt(q), threshold)
        _, mean_square, slope_square = (float(moment) for moment in moments(function, q))
        chi = weight_variance * slope_square
        layers.append(LayerPrediction(number, q, mean, std, low, high, chi, slope_square))
    return tuple(layers)


# Gradient signs


def pair_agreement(mu: float, sigma: float) -> float:
    """Probability that two weights into one neuron have gradients of one sign, in a large batch.

    1/2 + asin(rho)/pi with rho = mu^2 / (mu^2 + sigma^2), where mu and sigma are the mean and the standard
    deviation of the incoming activations, and the neuron's deltas are independent of them with mean 0.
    """
    total = mu * mu + sigma * sigma
    if not total > 0.0:
        raise ValueError(f"mu, sigma: {mu!r}, {sigma!r}: the activations must not all be zero")
    return 0.5 + math.asin(mu * mu / total) / math.pi


def pair_agreement_by_batch(activation: str | Activation, std: float, batch_sizes: Sequence[int]) -> tuple[float, ...]:
    """The agreement of a pair's gradient signs at each batch size, for pre-activations N(0, std^2).

    With Gaussian deltas the two gradients of a batch are jointly Gaussian given its activations, and their
    correlation is the cosine of the angle between the two weights' activations: the agreement is the mean of
    1/2 + asin(cosine)/pi over batches drawn here; NaN where none has a gradient. 1 at batch size 1 where f > 0;
    `pair_agreement` in the limit.
    """
    function = resolve(activation)
    check(std=std)
    results = []
    for size in batch_sizes:
        # As many batches at a time as stay in the cache.
        draws = _draws(size)
        blocks = np.array_split(draws, draws.size // 2**14 + 1, axis=1)
        outputs = (function.forward(std * block) for block in blocks)
        sums = [(np.sum(h * h, axis=-1), np.sum(h[0] * h[1], axis=-1)) for h in outputs]
        squares, products = (np.concatenate(parts, axis=-1) for parts in zip(*sums, strict=True))
        lengths = np.sqrt(squares)
        keep = (lengths > 0).all(axis=0)  # a weight with no gradient has no sign
        cosine = products[keep] / (lengths[0] * lengths[1])[keep]
        agreement = 0.5 + np.arcsin(np.clip(cosine, -1.0, 1.0)) / math.pi
        results.append(float(agreement.mean()) if keep.any() else math.nan)
    return tuple(results)


@lru_cache(maxsize=10)
def _draws(size: int) -> Floats:
    """Normal pre-activations of two weights in many batches of that size: the same for every function, and kept.

    Drawing them takes longer than all else; of the batch sizes of one curve they take 10 MB.
    """
    rng = np.random.default_rng(np.random.SeedSequence([0, size]))
    draws = max(200, min(4000, 100_000 // size))  # the spread over batches falls as they grow
    return rng.standard_normal((2, draws, size))


def condition_number(n: int, mu: float, sigma: float) -> float:
    """1 + n mu^2 / sigma^2: the Hessian's condition number of a linear neuron on n iid inputs (mean mu, std sigma)."""
    if n < 1 or not sigma > 0.0:
        raise ValueError(f"n, sigma: {n!r}, {sigma!r}: n must be at least 1 and sigma above 0")
    return 1.0 + n * mu * mu / (sigma * sigma)
