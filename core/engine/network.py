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
from core.experiment.experiment import residual_layers
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
        residual: per hidden layer, whether it adds the output of the layer below to its own.
        inverse_std: with layer normalisation, per hidden layer the factor that brought a to variance 1, (..., 1,
            examples); else empty.

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
    residual: tuple[bool, ...]
    inverse_std: Layers


EPSILON = 1e-5
"""What layer normalisation adds to a variance before it takes its root: PyTorch's."""

TRANSPOSED_FAN_OUT = 32
"""Units from which on it pays to transpose the incoming activations: the product with their transpose is slow."""


def allocate(
    leading: tuple[int, ...],
    sizes: Sequence[int],
    examples: int,
    dtype: DTypeLike,
    bias: bool,
    keep_preactivation: bool = False,
    residual: bool = False,
    normalisation: str = "none",
) -> Workspace:
    """Buffers for networks of layer `sizes` (inputs first, outputs last) on `examples` examples.

    Where a is kept, for measuring, activations and slopes come from it to the ends of the number format. Else, for
    training, the quick forms do, and a slope below the rounding of the largest h is 0. It is kept too where h does not
    tell the slope: with residual connections h is more than f(a), and normalisation goes back through its own results.
    """
    hidden = sizes[1:-1]
    linked = residual_layers(hidden) if residual else (False,) * len(hidden)
    normalised = normalisation == "layer"
    keep_preactivation |= normalised or any(linked)
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
        residual=linked,
        inverse_std=[np.empty((*leading, 1, examples), dtype) for _ in hidden] if normalised else [],
    )


class Workspaces:
    """The workspaces of networks of layer `sizes`, made when first asked for and kept.

    Memory that is given back and taken anew costs its pages each time: a tenth of a sweep. Where the slope of the
    `activation` cannot be had from its output, all of them keep the pre-activations.
    """

    def __init__(
        self,
        leading: tuple[int, ...],
        sizes: Sequence[int],
        dtype: DTypeLike,
        bias: bool,
        activation: Activation,
        residual: bool = False,
        normalisation: str = "none",
    ) -> None:
        self._networks = leading, tuple(sizes), dtype, bias
        self._kind = residual, normalisation
        self._keep = activation.slope_from_output is None
        self._kept: dict[tuple[int, bool], Workspace] = {}

    def of(self, examples: int, keep_preactivation: bool = False) -> Workspace:
        """The workspace for that many examples."""
        keep_preactivation |= self._keep
        key = examples, keep_preactivation
        if key not in self._kept:
            leading, sizes, dtype, bias = self._networks
            self._kept[key] = allocate(leading, sizes, examples, dtype, bias, keep_preactivation, *self._kind)
        return self._kept[key]


def propagate(
    weights: Layers, inputs: Array, work: Workspace, activation: Activation, ties: Sequence[Ties] = ()
) -> Array:
    """Forward pass. `inputs` is (..., features + 1, examples); returns the logits, work.delta[-1].

    This and the passes below keep units equal that are so by `ties`.
    """
    below = inputs
    for layer, (weight, a) in enumerate(zip(weights[:-1], work.preactivation, strict=True), 1):
        np.matmul(weight, below, out=a)
        tie_units(a, layer, ties)
        below = activate(work, layer, below, activation)
    return np.matmul(weights[-1], below, out=work.delta[-1])


def activate(work: Workspace, layer: int, below: Array, activation: Activation) -> Array:
    """From the weighted sums in work.preactivation to the output h of that hidden layer, counted from 1.

    Sums are normalised in place, where they are at all; `below` is the output of the layer below. Returns h with its
    constant row.
    """
    a, sums, h = (arrays[layer - 1] for arrays in (work.preactivation, work.augmented_preactivation, work.augmented))
    if work.inverse_std:
        _normalise(a, work.inverse_std[layer - 1])
    if sums is h:
        activation.quick_forward(h, out=h)
    else:
        activation.forward(sums, out=h)
    if work.residual[layer - 1]:
        np.add(h, below, out=h)
    h[..., -1, :] = work.constant
    return h


def _centre(a: Array) -> None:
    """Take the mean over units from each; exactly, where all are equal: 0, which no rounding may become."""
    np.subtract(a, a[..., :1, :].copy(), out=a)
    np.subtract(a, a.mean(axis=-2, keepdims=True), out=a)


def _normalise(a: Array, inverse_std: Array) -> None:
    """Layer normalisation of (..., units, examples) in place: mean 0 and variance 1 over units (Ba et al. 2016)."""
    _centre(a)
    np.mean(a * a, axis=-2, keepdims=True, out=inverse_std)
    np.add(inverse_std, EPSILON, out=inverse_std)
    np.sqrt(inverse_std, out=inverse_std)
    np.reciprocal(inverse_std, out=inverse_std)
    np.multiply(a, inverse_std, out=a)


def _through_normalisation(delta: Array, a: Array, inverse_std: Array) -> None:
    """The gradient with respect to normalised pre-activations `a` becomes that of the weighted sums, in place."""
    _centre(delta)
    along = (delta * a).mean(axis=-2, keepdims=True)
    np.subtract(delta, a * along, out=delta)
    np.multiply(delta, inverse_std, out=delta)


def back_propagate(weights: Layers, work: Workspace, activation: Activation, ties: Sequence[Ties] = ()) -> None:
    """Fill work.delta of the hidden layers from work.delta[-1]; follows `propagate`."""
    passed: Array | None = None  # down a residual connection of the layer above, around its function and weights
    for layer in range(len(weights) - 1, 0, -1):
        delta, slope = work.augmented_delta[layer - 1], work.slope[layer - 1]
        outgoing, above = weights[layer].swapaxes(-1, -2), work.delta[layer]
        if above.shape[-2] == 1:
            np.multiply(outgoing, above, out=delta)  # the same product, four times faster
        else:
            np.matmul(outgoing, above, out=delta)
        if passed is not None:
            np.add(delta, passed, out=delta)
        passed = delta.copy() if work.residual[layer - 1] else None
        h, sums = work.augmented[layer - 1], work.augmented_preactivation[layer - 1]
        if sums is h:
            assert activation.slope_from_output is not None  # else a is kept
            activation.slope_from_output(h, out=slope)
            np.multiply(delta, slope, out=delta)
        else:
            activation.slope(sums, out=slope)
            np.multiply(delta, slope, out=delta)
            if work.inverse_std:
                tie_units(work.delta[layer - 1], layer, ties)
                _through_normalisation(
                    work.delta[layer - 1], work.preactivation[layer - 1], work.inverse_std[layer - 1]
                )
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


def forward(
    parameters: Parameters, x: Array, activation: Activation, *, residual: bool = False, normalisation: str = "none"
) -> tuple[Layers, Layers]:
    """Pre-activations and activations of one network.

    Args:
        parameters: (W, b) per layer, W of shape (fan_in, fan_out) and b of shape (fan_out,).
        x: inputs, (examples, features).
        residual: whether hidden layers as wide as the one below add its output to theirs.
        normalisation: 'none', or 'layer': pre-activations are normalised over the units of their layer.

    Returns:
        a per layer, what enters f, the output layer's logits last, and h per hidden layer, what leaves it; each
        (examples, units).
    """
    weights, work, inputs = _explicit(parameters, x, residual, normalisation)
    logits = propagate(weights, inputs.T, work, activation)
    a = [*work.preactivation, logits]
    return [rows.T.copy() for rows in a], [rows.T.copy() for rows in work.activation]


def backward(
    parameters: Parameters,
    x: Array,
    y: NDArray[np.int64],
    activation: Activation,
    loss: Loss,
    *,
    residual: bool = False,
    normalisation: str = "none",
) -> tuple[float, list[tuple[Array, Array]]]:
    """Mean loss over the examples and its gradient, [(dW, db)] in the shapes of `parameters`.

    `y` holds labels 0..classes-1; a network with one output takes two classes. For the others see `forward`.
    """
    weights, work, inputs = _explicit(parameters, x, residual, normalisation)
    targets = encode_targets(y, len(weights[-1]), inputs.dtype)
    logits = propagate(weights, inputs.T, work, activation)
    value = float(loss.value(logits, targets).mean())
    loss.delta(logits, targets)
    np.divide(logits, len(x), out=logits)
    back_propagate(weights, work, activation)
    gradients = [np.empty_like(weight) for weight in weights]
    weight_gradients(inputs, work, gradients)
    return value, [(g[:, :-1].T.copy(), g[:, -1].copy()) for g in gradients]


def _explicit(parameters: Parameters, x: Array, residual: bool, normalisation: str) -> tuple[Layers, Workspace, Array]:
    weights = [np.concatenate([w.T, b[:, None]], axis=1) for w, b in parameters]
    sizes = [x.shape[1], *(len(weight) for weight in weights)]
    dtype = weights[0].dtype
    work = allocate((), sizes, len(x), dtype, True, True, residual, normalisation)
    return weights, work, augment(x, True, dtype)
