"""Units that start equal and stay equal: found in the drawn weights, and kept so against rounding.

Two hidden units that start alike in what they take in and in what they give out receive equal gradients for ever: to
exchange them changes nothing. Rounding would let them part: rows of one product may be summed in different orders,
which depends on the processor, and the difference grows as training goes on. So the first unit of each class of equal
units stands for all of them, in every product of every pass.

The classes are the coarsest equitable partition of the drawn network: the units of a class have, from each class of the
layer below and to each class of the layer above, the same weights but for their order. Inputs and outputs are classes
of their own. Units joined by residual connections are alike only if those that they are joined to are. Then all units
of a class have one pre-activation and one gradient, the gradient is one number for all weights between two classes, and
every optimiser, which works weight by weight, leaves the partition equitable.

Zeros have one more thing that rounding would undo: networks that give all examples one output stand still where they
predict the classes as often as these occur, as full batches of equally large classes do from the start.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.experiment.experiment import residual_layers

Array = NDArray[Any]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Ties:
    """Runs whose hidden units are equal in one way; all runs whose output weights start at 0 are in one of them.

    Attributes:
        runs: their places on the two run axes, (groups, seeds).
        units: per layer of units, inputs first and outputs last, the unit that stands for each; None where each stands
            for itself.
    """

    runs: tuple[Indices, Indices]
    units: tuple[Indices | None, ...]


def find(weights: Sequence[Array], residual: bool = False) -> tuple[Ties, ...]:
    """The ties of networks with these weights per layer, (groups, seeds, fan_out, fan_in + 1)."""
    blind = np.asarray(~weights[-1].any(axis=(-2, -1)))
    suspects = blind.copy()
    for weight in weights[:-1]:  # units are equal in their first weight, or not at all: hardly a run is looked at
        suspects |= (np.diff(np.sort(weight[..., 0], axis=-1), axis=-1) == 0).any(axis=-1)
    alike: dict[bytes, tuple[list[Indices], list[tuple[int, int]]]] = {}
    for group, seed in np.argwhere(suspects).tolist():
        units = [_first_of_each(found) for found in classes([weight[group, seed] for weight in weights], residual)]
        alike.setdefault(np.concatenate(units).tobytes(), (units, []))[1].append((group, seed))
    ties = []
    for units, places in alike.values():
        groups, seeds = np.array(places, np.intp).T
        own = tuple(None if (first == np.arange(len(first))).all() else first for first in units)
        if any(first is not None for first in own) or blind[groups, seeds].all():
            ties.append(Ties((groups, seeds), own))
    return tuple(ties)


def classes(weights: Sequence[Array], residual: bool = False) -> list[Indices]:
    """The number of each unit's class, per layer of units, of one network: weights (fan_out, fan_in + 1) per layer."""
    inputs, outputs = weights[0].shape[1] - 1, len(weights[-1])
    found = [np.arange(inputs), *(np.zeros(len(weight), np.intp) for weight in weights[:-1]), np.arange(outputs)]
    links = residual_layers([len(weight) for weight in weights[:-1]])
    linked = [False, *(residual and link for link in links), False]
    while True:
        finer = [found[0]]
        for layer, (incoming, outgoing) in enumerate(itertools.pairwise(weights), 1):
            taken = _in_order(incoming, np.append(found[layer - 1], -1))  # the biases are a class of their own
            given = _in_order(outgoing[:, :-1].T, found[layer + 1])
            straight = [found[i] for i in (layer - 1, layer + 1) if linked[max(i, layer)]]
            signature = np.column_stack([found[layer], *straight, taken, given])
            finer.append(np.unique(signature, axis=0, return_inverse=True)[1].reshape(-1))
        finer.append(found[-1])
        if all((a == b).all() for a, b in zip(found, finer, strict=True)):
            return found
        found = finer


def _in_order(matrix: Array, column_classes: Indices) -> Array:
    """Each row's entries, class by class of the columns, in ascending order."""
    order = np.lexsort((matrix, np.broadcast_to(column_classes, matrix.shape)), axis=-1)
    return np.take_along_axis(matrix, order, axis=-1) + 0.0  # of 0 and -0, which are equal, always 0


def _first_of_each(unit_classes: Indices) -> Indices:
    """The first unit of each unit's class."""
    _, first, number = np.unique(unit_classes, return_index=True, return_inverse=True)
    return first[number].astype(np.intp)


def tie_units(values: Array, layer: int, ties: Iterable[Ties]) -> None:
    """Make what equal units hold equal, in place; `values` is (groups, seeds, units, examples), layer 0 the inputs'."""
    for tie in ties:
        first = tie.units[layer]
        if first is not None:
            values[tie.runs] = values[tie.runs].take(first, axis=-2)


def tie_weights(values: Array, layer: int, ties: Iterable[Ties]) -> None:
    """Make gradients of weights between equal units equal, in place.

    `values` is (groups, seeds, fan_out, fan_in) or, with the biases', (..., fan_in + 1); layer 0 is the first with
    weights.
    """
    for tie in ties:
        rows, columns = tie.units[layer + 1], tie.units[layer]
        if rows is None and columns is None:
            continue
        own = values[tie.runs]
        if rows is not None:
            own = own.take(rows, axis=-2)
        if columns is not None:
            own[..., : len(columns)] = own.take(columns, axis=-1)
        values[tie.runs] = own


def drop_rounding(gradient: Array, delta: Array, h: Array, ties: Iterable[Ties]) -> None:
    """Make 0, in place, what rounding alone keeps from it in the output weights' gradients of networks of equal units.

    Where such a network gives every example one h, the gradient is h times the sum of p - y over the examples: 0 where
    it predicts each class as often as it occurs. Adam would take the rest, however small, for a direction.

    Args:
        gradient: (groups, seeds, outputs, units + 1), the product of `delta` and `h` transposed.
        delta: d loss / d logits, (groups, seeds, outputs, examples).
        h: of the last hidden layer, with its constant row, (groups, seeds, units + 1, examples).
    """
    for tie in ties:
        above, below = delta[tie.runs], h[tie.runs]
        blind = (below == below[..., :1]).all(axis=(-2, -1))
        if blind.any():
            own = gradient[tie.runs]
            rounding = (
                8 * np.finfo(own.dtype).eps * np.sqrt(h.shape[-1]) * (np.abs(above) @ np.abs(below).swapaxes(-1, -2))
            )
            own[blind[:, None, None] & (np.abs(own) <= rounding)] = 0.0
            gradient[tie.runs] = own
