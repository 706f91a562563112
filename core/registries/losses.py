"""Losses with their output unit: each gives the loss per example and its gradient at the logits.

Logits and targets are feature-major, (..., outputs, examples). One output is a logistic unit (two
classes, target 0 or 1); several are one unit a class (one-hot targets).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.registries.activations import ACTIVATIONS

Array = NDArray[Any]
LOGISTIC = ACTIVATIONS["logistic"]


@dataclass(frozen=True)
class Loss:
    """A loss.

    Attributes:
        name: registry name.
        summary: formula and output unit in one line.
        value: (logits, targets) -> loss per example, (..., examples).
        delta: (logits, targets) -> d loss / d logits, written over `logits`; right to the rounding of 1, for training.
        chance: (share of the examples whose target is 1, by output) -> the loss of guessing: the least mean loss of
            a prediction that is the same for every example, which is the shares themselves.
        exact_delta: as `delta`, not 0 either where an output has all but reached its target, for measuring; None
            where `delta` is so.
    """

    name: str
    summary: str
    value: Callable[[Array, Array], Array]
    delta: Callable[[Array, Array], None]
    chance: Callable[[Array], float]
    exact_delta: Callable[[Array, Array], None] | None = None


def logistic_in_place(logits: Array) -> None:
    """logits <- logistic(logits)."""
    np.multiply(logits, 0.5, out=logits)
    np.tanh(logits, out=logits)
    np.multiply(logits, 0.5, out=logits)
    np.add(logits, 0.5, out=logits)


def _softmax_in_place(logits: Array) -> None:
    np.subtract(logits, logits.max(axis=-2, keepdims=True), out=logits)
    np.exp(logits, out=logits)
    np.divide(logits, logits.sum(axis=-2, keepdims=True), out=logits)


def _cross_entropy(logits: Array, targets: Array) -> Array:
    if logits.shape[-2] == 1:
        softplus = np.maximum(logits, 0.0) + np.log1p(np.exp(-np.abs(logits)))
        value: Array = (softplus - logits * targets)[..., 0, :]
        return value
    shifted = logits - logits.max(axis=-2, keepdims=True)
    chosen = (shifted * targets).sum(axis=-2)
    value = np.log(np.exp(shifted, out=shifted).sum(axis=-2)) - chosen
    return value


def _cross_entropy_delta(logits: Array, targets: Array) -> None:
    if logits.shape[-2] == 1:
        logistic_in_place(logits)
    else:
        _softmax_in_place(logits)
    np.subtract(logits, targets, out=logits)


def _exact_cross_entropy_delta(logits: Array, targets: Array) -> None:
    if logits.shape[-2] == 1:
        _error_in_place(logits, targets)
        return
    _softmax_in_place(logits)
    np.multiply(logits, 1.0 - targets, out=logits)  # what the right class lacks to 1 is what the others have
    np.subtract(logits, targets * logits.sum(axis=-2, keepdims=True), out=logits)


def _error_in_place(logits: Array, targets: Array) -> None:
    """logits <- logistic(logits) - targets, without cancellation: 1 - logistic(z) is logistic(-z)."""
    sign = 1.0 - 2.0 * targets
    np.multiply(logits, sign, out=logits)
    LOGISTIC.forward(logits, out=logits)
    np.multiply(logits, sign, out=logits)


def _cross_entropy_chance(shares: Array) -> float:
    """The entropy of the classes: ln 10 for ten that are equally frequent."""
    p = np.append(shares, 1.0 - shares) if len(shares) == 1 else shares
    return float(-(p * np.log(p, where=p > 0, out=np.zeros_like(p))).sum())


def _squared_error(logits: Array, targets: Array) -> Array:
    outputs = logits.copy()
    logistic_in_place(outputs)
    value: Array = 0.5 * np.square(outputs - targets).sum(axis=-2)
    return value


def _squared_error_delta(logits: Array, targets: Array) -> None:
    logistic_in_place(logits)
    slope = logits * (1.0 - logits)
    np.subtract(logits, targets, out=logits)
    np.multiply(logits, slope, out=logits)


def _exact_squared_error_delta(logits: Array, targets: Array) -> None:
    slope = LOGISTIC.slope(logits)
    _error_in_place(logits, targets)
    np.multiply(logits, slope, out=logits)


def _squared_error_chance(shares: Array) -> float:
    """Half the sum of the outputs' variances."""
    return float(0.5 * (shares * (1.0 - shares)).sum())


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "cross_entropy",
            "-log p of the right class; softmax output, or one logistic unit for two classes",
            _cross_entropy,
            _cross_entropy_delta,
            _cross_entropy_chance,
            _exact_cross_entropy_delta,
        ),
        Loss(
            "squared_error",
            "half the sum of squared errors over the outputs; logistic output units",
            _squared_error,
            _squared_error_delta,
            _squared_error_chance,
            _exact_squared_error_delta,
        ),
    )
}


def correct(logits: Array, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the largest output (one output: the side of 1/2) is the right class, (..., examples).

    Of several that are largest it is the first.
    """
    right: NDArray[np.bool_]
    if logits.shape[-2] > 1:
        largest = logits.max(axis=-2, keepdims=True)
        # One each, as almost always: what follows is four times as fast as to ask which it is.
        if np.count_nonzero(logits == largest) == largest.size and not np.isnan(largest).any():
            right = logits[..., labels, np.arange(len(labels))] == largest[..., 0, :]
            return right
    right = (logits[..., 0, :] > 0.0 if logits.shape[-2] == 1 else logits.argmax(axis=-2)) == labels
    return right
