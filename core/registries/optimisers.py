"""Optimisers: how a gradient becomes an update, for all runs at once and in place.

`step` turns the gradient of one layer, in place, into the update that is subtracted from the weights.
Where `folds_rate` holds, the update is linear in the gradient and the gradient arrives already
multiplied by the learning rate, which saves a pass over it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ADAM_SECOND_DECAY = 0.999
EPSILON = 1e-8


@dataclass(frozen=True)
class Optimiser:
    """An optimiser.

    Attributes:
        name: registry name.
        summary: update rule and source in one line.
        slots: arrays of the weights' shape that it remembers per layer, all starting at zero.
        folds_rate: whether the gradient arrives multiplied by the learning rate.
        argument: default of its one setting, None where it has none.
        step: (gradient, slots, rate, argument, count) -> None; gradient is (..., fan_out, fan_in + 1),
            rate broadcasts against it, count is the number of this update from 1.
    """

    name: str
    summary: str
    slots: int
    folds_rate: bool
    argument: float | None
    step: Callable[[Array, list[Array], Array, float, int], None]


def _sgd(gradient: Array, slots: list[Array], rate: Array, argument: float, count: int) -> None:
    """The update is the gradient, already multiplied by the rate."""


def _momentum(gradient: Array, slots: list[Array], rate: Array, argument: float, count: int) -> None:
    (velocity,) = slots
    np.multiply(velocity, argument, out=velocity)
    np.add(velocity, gradient, out=velocity)
    np.copyto(gradient, velocity)


def _nesterov(gradient: Array, slots: list[Array], rate: Array, argument: float, count: int) -> None:
    (velocity,) = slots
    np.multiply(velocity, argument, out=velocity)
    np.add(velocity, gradient, out=velocity)
    np.add(gradient, argument * velocity, out=gradient)


def _decay(slot: Array, value: Array, decay: float) -> None:
    """slot <- decay * slot + (1 - decay) * value; `value` is overwritten."""
    np.multiply(slot, decay, out=slot)
    np.multiply(value, 1.0 - decay, out=value)
    np.add(slot, value, out=slot)


def _rmsprop(gradient: Array, slots: list[Array], rate: Array, argument: float, count: int) -> None:
    (square,) = slots
    scratch = gradient * gradient
    _decay(square, scratch, argument)
    np.sqrt(square, out=scratch)
    np.add(scratch, EPSILON, out=scratch)
    np.divide(gradient, scratch, out=gradient)
    np.multiply(gradient, rate, out=gradient)


def _adam(gradient: Array, slots: list[Array], rate: Array, argument: float, count: int) -> None:
    mean, square = slots
    scratch = gradient * gradient
    _decay(square, scratch, ADAM_SECOND_DECAY)
    _decay(mean, gradient, argument)
    np.multiply(square, 1.0 / (1.0 - ADAM_SECOND_DECAY**count), out=scratch)
    np.sqrt(scratch, out=scratch)
    np.add(scratch, EPSILON, out=scratch)
    np.divide(mean, scratch, out=gradient)
    np.multiply(gradient, rate / (1.0 - argument**count), out=gradient)


OPTIMISERS: dict[str, Optimiser] = {
    optimiser.name: optimiser
    for optimiser in (
        Optimiser("sgd", "w <- w - rate g", 0, True, None, _sgd),
        Optimiser("momentum", "v <- m v + rate g; w <- w - v (Polyak 1964)", 1, True, 0.9, _momentum),
        Optimiser("nesterov", "v <- m v + rate g; w <- w - (rate g + m v) (Nesterov 1983)", 1, True, 0.9, _nesterov),
        Optimiser("rmsprop", "s <- d s + (1-d) g^2; w <- w - rate g / sqrt(s) (Hinton 2012)", 1, False, 0.9, _rmsprop),
        Optimiser("adam", "bias-corrected means of g and g^2 (Kingma & Ba 2015)", 2, False, 0.9, _adam),
    )
}
