"""Forward and backward passes of many fully connected networks at once.

Layout, chosen for speed. All arrays carry leading run axes; behind them weights are
(fan_out, fan_in + 1), with the biases as the last column, and activations (units + 1, examples), with
a constant last row that feeds that column: 1 with biases, 0 without, which leaves their gradient 0.
Examples are the contiguous axis. Where an array has no run axes it broadcasts: one batch for all runs.

`forward` and `backward` at the end take and give explicit (fan_in, fan_out) weights of one network.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from core.engine.symmetry import Ties, drop_rounding, tie_units, tie_weights
from core.registries.activations import Activation
from core.registries.losses import Loss

Array = NDArray[Any]
Layers = list[Array]


@dataclass(frozen=True)
class Workspace:
    """Buffers for one batch size, filled anew by every pass.

    Attributes:
        preactivation: a per hidden layer, (..., units, examples); shares memory with h unless kept apart.
        augmented_preactivation: the same with a last row that means nothing.
        activation: h per hidden layer, (..., units, examples).
        augmented: h with the constant row, (..., units + 1, examples).
        constant: that row's value.
        delta: d loss / d a per layer, the output layer last, (..., units, examples); the last one
            holds the logits between the forward and the backward pass.
        augmented_delta: the same of the hidden layers with a last row that means nothing.
        slope: f' per hidden layer with such a row, scratch.
        by_example: augmented, transposed, per hidden layer; None where that does not pay.

    Elementwise functions take the arrays with their last row: contiguous, they take half the time.
    """

    preactivation: Layers
    augmented_preactivation: Layers
    activation: Layers
    augmented: Layers
    constant: float
    delta: Layers
    augmented_delta: Layers
    slope: Layers
    by_example: list[Array | None]


TRANSPOSED_FAN_OUT = 32
"""Units from which on it pays to transpose the incoming activations: the product with their transpose is slow."""


def allocate(
    leading: tuple[int, ...],
    sizes: Sequence[int],
    examples: int,
    dtype: DTypeLike,
    bias: bool,
    keep_preactivation: bool = False,
) -> Workspace:
    """Buffers for networks of layer `sizes` (inputs first, outputs last) on `examples` examples.

    Where a is kept, for measuring, activations and slopes come from it to the ends of the number format. Else, for
    training, the quick forms do, and a slope below the rounding of the largest h is 0.
    """
    hidden = sizes[1:-1]
    constant = 1.0 if bias else 0.0

    def rows() -> Layers:
        return [np.empty((*leading, size + 1, examples), dtype) for size in hidden]

    augmented, augmented_delta = rows(), rows()
    for h in augmented:
        h[..., -1, :] = constant
    sums = [np.zeros_like(h) for h in augmented] if keep_preactivation else augmented
    return Workspace(
        preactivation=[a[..., :-1, :] for a in sums],
        augmented_preactivation=sums,
        activation=[h[..., :-1, :] for h in augmented],
        augmented=augmented,
        constant=constant,
        delta=[
            *(delta[..., :-1, :] for delta in augmented_delta),
            np.empty((*leading, sizes[-1], examples), dtype),
        ],
        augmented_delta=augmented_delta,
        slope=rows(),
        by_example=[
            np.empty((*leading, examples, size + 1), dtype) if fan_out >= TRANSPOSED_FAN_OUT <= size else None
            for size, fan_out in itertools.pairwise(sizes[1:])
        ],
    )


class Workspaces:
    """The workspaces of networks of layer `sizes`, made when first asked for and kept.

    Memory that is given back and taken anew costs its pages each time: a tenth of a sweep. Where the slope of the
    `activation` cannot be had from its output, all of them keep the pre-activations.
    """

    def __init__(
        self, leading: tuple[int, ...], sizes: Sequence[int], dtype: DTypeLike, bias: bool, activation: Activation
    ) -> None:
        self._networks = leading, tuple(sizes), dtype, bias
        self._keep = activation.slope_from_output is None
        self._kept: dict[tuple[int, bool], Workspace] = {}

    def of(self, examples: int, keep_preactivation: bool = False) -> Workspace:
        """The workspace for that many examples."""
        keep_preactivation |= self._keep
        key = examples, keep_preactivation
        if key not in self._kept:
            leading, sizes, dtype, bias = self._networks
            self._kept[key] = allocate(leading, sizes, examples, dtype, bias, keep_preactivation)
        return self._kept[key]


def propagate(
    weights: Layers, inputs: Array, work: Workspace, activation: Activation, ties: Sequence[Ties] = ()
) -> Array:
    """Forward pass. `inputs` is (..., features + 1, examples); returns the logits, work.delta[-1].

    This and the passes below keep units equal that are so by `ties`.
    """
    below = inputs
    for layer, (weight, a, sums, h) in enumerate(
        zip(weights[:-1], work.preactivation, work.augmented_preactivation, work.augmented, strict=True), 1
    ):
        np.matmul(weight, below, out=a)
        tie_units(a, layer, ties)
        if sums is h:
            activation.quick_forward(h, out=h)
        else:
            activation.forward(sums, out=h)
        h[..., -1, :] = work.constant
        below = h
    return np.matmul(weights[-1], below, out=work.delta[-1])


def back_propagate(weights: Layers, work: Workspace, activation: Activation, ties: Sequence[Ties] = ()) -> None:
    """Fill work.delta of the hidden layers from work.delta[-1]; follows `propagate`."""
    for layer in range(len(weights) - 1, 0, -1):
        delta, slope = work.augmented_delta[layer - 1], work.slope[layer - 1]
        outgoing, above = weights[layer].swapaxes(-1, -2), work.delta[layer]
        if above.shape[-2] == 1:
            np.multiply(outgoing, above, out=delta)  # the same product, four times faster
        else:
            np.matmul(outgoing, above, out=delta)
        h, sums = work.augmented[layer - 1], work.augmented_preactivation[layer - 1]
        if sums is h:
            assert activation.slope_from_output is not None  # else a is kept
            activation.slope_from_output(h, out=slope)
            np.multiply(delta, slope, out=delta)
        else:
            activation.slope(sums, out=slope)
            np.multiply(delta, slope, out=delta)
            # Numbers too small to be stored in full take a hundred times as long in the products that follow.
            np.abs(delta, out=slope)
            np.copyto(delta, 0.0, where=slope < np.finfo(delta.dtype).tiny)
        tie_units(work.delta[layer - 1], layer, ties)


def weight_gradients(inputs_by_example: Array, work: Workspace, gradients: Layers, ties: Sequence[Ties] = ()) -> None:
    """Sum over examples of delta h^T, per layer, into `gradients`; follows `back_propagate`.

    `inputs_by_example` is (..., examples, features + 1): the transposed product is the slow one.
    """
    np.matmul(work.delta[0], inputs_by_example, out=gradients[0])
    for delta, h, by_example, gradient in zip(
        work.delta[1:], work.augmented, work.by_example, gradients[1:], strict=True
    ):
        below = h.swapaxes(-1, -2)
        if by_example is not None:
            np.copyto(by_example, below)
            below = by_example
        np.matmul(delta, below, out=gradient)
    if work.augmented:
        drop_rounding(gradients[-1], work.delta[-1], work.augmented[-1], ties)
    for layer, gradient in enumerate(gradients):
        tie_weights(gradient, layer, ties)


SAFE = 2.0**-100, 2.0**100
"""Sums of squares or products between these lost nothing that counts to the ends of float32."""


def products(first: Layers, second: Layers) -> NDArray[np.float64]:
    """Inner products of two sets of weights, one per run: layers (groups, seeds, ...) -> (groups, seeds)."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = _products(first, second)
    size = np.abs(total)
    beyond = ~((SAFE[0] < size) & (size < SAFE[1]))
    if beyond.any() and first[0].dtype != np.float64:
        total[beyond] = _products(*([a[beyond].astype(np.float64) for a in layers] for layers in (first, second)))
    return total


def _products(first: Layers, second: Layers) -> NDArray[np.float64]:
    total = np.zeros(first[0].shape[:-2])
    for a, b in zip(first, second, strict=True):
        total += np.vecdot(a.reshape(*a.shape[:-2], -1), b.reshape(*b.shape[:-2], -1))
    return total


def norm(layers: Layers) -> NDArray[np.float64]:
    """Euclidean lengths of a set of weights, one per run."""
    length: NDArray[np.float64] = np.sqrt(products(layers, layers))
    return length


def augment(x: Array, bias: bool, dtype: DTypeLike) -> Array:
    """(examples, features) -> (examples, features + 1), with the constant that feeds the biases."""
    constant = np.full((len(x), 1), 1.0 if bias else 0.0)
    return np.concatenate([x, constant], axis=1).astype(dtype)


def encode_targets(y: NDArray[np.int64], outputs: int, dtype: DTypeLike) -> Array:
    """Labels -> (outputs, examples): the labels 0 and 1 themselves for one output, else one-hot columns."""
    wanted = np.arange(outputs) if outputs > 1 else np.ones(1, np.int64)
    return np.equal(wanted[:, None], y[None, :]).astype(dtype)


Parameters = Sequence[tuple[Array, Array]]


def forward(parameters: Parameters, x: Array, activation: Activation) -> tuple[Layers, Layers]:
    """Pre-activations and activations of one network.

    Args:
        parameters: (W, b) per layer, W of shape (fan_in, fan_out) and b of shape (fan_out,).
        x: inputs, (examples, features).

    Returns:
        a per layer, the output layer's logits last, and h per hidden layer; each (examples, units).
    """
    weights, work, inputs = _explicit(parameters, x)
    logits = propagate(weights, inputs.T, work, activation)
    a = [*work.preactivation, logits]
    return [rows.T.copy() for rows in a], [rows.T.copy() for rows in work.activation]


def backward(
    parameters: Parameters, x: Array, y: NDArray[np.int64], activation: Activation, loss: Loss
) -> tuple[float, list[tuple[Array, Array]]]:
    """Mean loss over the examples and its gradient, [(dW, db)] in the shapes of `parameters`.

    `y` holds labels 0..classes-1; a network with one output takes two classes.
    """
    weights, work, inputs = _explicit(parameters, x)
    targets = encode_targets(y, len(weights[-1]), inputs.dtype)
    logits = propagate(weights, inputs.T, work, activation)
    value = float(loss.value(logits, targets).mean())
    loss.delta(logits, targets)
    np.divide(logits, len(x), out=logits)
    back_propagate(weights, work, activation)
    gradients = [np.empty_like(weight) for weight in weights]
    weight_gradients(inputs, work, gradients)
    return value, [(g[:, :-1].T.copy(), g[:, -1].copy()) for g in gradients]


def _explicit(parameters: Parameters, x: Array) -> tuple[Layers, Workspace, Array]:
    weights = [np.concatenate([w.T, b[:, None]], axis=1) for w, b in parameters]
    sizes = [x.shape[1], *(len(weight) for weight in weights)]
    dtype = weights[0].dtype
    work = allocate((), sizes, len(x), dtype, bias=True, keep_preactivation=True)
    return weights, work, augment(x, True, dtype)
