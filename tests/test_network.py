"""core.engine.network: passes and gradients against autograd, central differences and plain loops."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy import special
from numpy.typing import NDArray

from core.engine import network
from core.registries.activations import ACTIVATIONS
from core.registries.losses import LOSSES
from tests.test_activations import FORMULAS
from tests.test_losses import by_definition

Array = NDArray[Any]
CASES = list(itertools.product(ACTIVATIONS, LOSSES, (1, 3)))

TRACEABLE = {
    "logistic": lambda x: 1 / (1 + anp.exp(-x)),
    "tanh": anp.tanh,
    "centred_logistic": lambda x: 1 / (1 + anp.exp(-x)) - 0.5,
    "steep_logistic": lambda x: 1 / (1 + anp.exp(-4 * x)),
    "steep_centred_logistic": lambda x: 1 / (1 + anp.exp(-4 * x)) - 0.5,
    "lecun_tanh": lambda x: 1.7159 * anp.tanh(2 * x / 3),
    "softsign": lambda x: x / (1 + anp.abs(x)),
    "hard_tanh": lambda x: anp.where(anp.abs(x) < 1, x, anp.sign(x)),
    "hard_logistic": lambda x: anp.where(anp.abs(x) < 2, x / 4 + 0.5, (anp.sign(x) + 1) / 2),
    "relu": lambda x: anp.where(x > 0, x, 0.0),
    "leaky_relu": lambda x: anp.where(x > 0, x, 0.01 * x),
    "elu": lambda x: anp.where(x > 0, x, anp.exp(anp.minimum(x, 0)) - 1),
    "selu": lambda x: 1.0507009873554805 * anp.where(x > 0, x, 1.6732632423543772 * (anp.exp(anp.minimum(x, 0)) - 1)),
    "softplus": lambda x: anp.log(1 + anp.exp(x)),
    "swish": lambda x: x / (1 + anp.exp(-x)),
    "gelu": lambda x: x * (1 + special.erf(x / math.sqrt(2))) / 2,
    "identity": lambda x: x,
}
"""The activation functions in operations that autograd can follow."""


def draw(outputs: int, hidden: Sequence[int] = (5, 4), seed: int = 0) -> tuple[list[tuple[Array, Array]], Array, Array]:
    """Parameters of a net on three features, and six examples with their labels."""
    rng = np.random.default_rng(seed)
    sizes = (3, *hidden, outputs)
    parameters = [(rng.normal(0, 1, shape), rng.normal(0, 0.5, shape[1])) for shape in itertools.pairwise(sizes)]
    return parameters, rng.normal(0, 0.3, (6, 3)), rng.integers(0, max(2, outputs), 6)


def mean_loss(parameters: Any, x: Array, y: Array, activation: str, loss: str) -> Any:
    """The mean loss of a network, written out for autograd."""
    h = x
    for w, b in parameters[:-1]:
        h = TRACEABLE[activation](anp.dot(h, w) + b)
    w, b = parameters[-1]
    logits = (anp.dot(h, w) + b).T
    outputs = logits.shape[0]
    classes = anp.arange(1, 2) if outputs == 1 else anp.arange(outputs)
    return anp.mean(by_definition(loss, logits, 1.0 * (classes[:, None] == y[None, :])))


def flat(layers: Sequence[tuple[Array, Array]]) -> Array:
    return np.concatenate([part.ravel() for layer in layers for part in layer])


def test_what_autograd_follows_is_every_activation_function() -> None:
    x = np.linspace(-4.03, 4.03, 301)
    assert set(TRACEABLE) == set(ACTIVATIONS)
    for name, function in TRACEABLE.items():
        np.testing.assert_allclose(function(x), FORMULAS[name](x), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("activation", "loss", "outputs"), CASES)
def test_loss_and_gradient_are_those_of_autograd(activation: str, loss: str, outputs: int) -> None:
    parameters, x, y = draw(outputs)
    value, gradient = network.backward(parameters, x, y, ACTIVATIONS[activation], LOSSES[loss])
    expected, expected_gradient = autograd.value_and_grad(mean_loss)(parameters, x, y, activation, loss)
    assert value == pytest.approx(expected, rel=1e-10)
    assert [(w.shape, b.shape) for w, b in gradient] == [(w.shape, b.shape) for w, b in parameters]
    np.testing.assert_allclose(flat(gradient), flat(expected_gradient), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("activation", "loss", "outputs"), CASES)
def test_gradients_are_central_differences_of_the_loss(activation: str, loss: str, outputs: int) -> None:
    parameters, x, y = draw(outputs, hidden=(4, 3), seed=1)
    function, cost, step = ACTIVATIONS[activation], LOSSES[loss], 1e-6
    _, gradient = network.backward(parameters, x, y, function, cost)
    differences = []
    for part in itertools.chain.from_iterable(parameters):
        for i in np.ndindex(part.shape):
            kept, values = part[i], []
            for sign in (1, -1):
                part[i] = kept + sign * step
                values.append(network.backward(parameters, x, y, function, cost)[0])
            part[i] = kept
            differences.append((values[0] - values[1]) / (2 * step))
    np.testing.assert_allclose(flat(gradient), differences, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("hidden", [(), (1,), (7, 1, 6)])
@pytest.mark.parametrize("outputs", [1, 2, 3, 4])
def test_any_number_of_layers_and_widths_has_the_gradient_of_autograd(outputs: int, hidden: tuple[int, ...]) -> None:
    parameters, x, y = draw(outputs, hidden)
    value, gradient = network.backward(parameters, x, y, ACTIVATIONS["tanh"], LOSSES["cross_entropy"])
    expected, expected_gradient = autograd.value_and_grad(mean_loss)(parameters, x, y, "tanh", "cross_entropy")
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(flat(gradient), flat(expected_gradient), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_forward_gives_every_weighted_sum_and_activation(activation: str) -> None:
    parameters, x, _ = draw(3)
    a, h = network.forward(parameters, x, ACTIVATIONS[activation])
    assert (len(a), len(h)) == (3, 2)
    for example, row in enumerate(x):
        below = row.tolist()
        for layer, (w, b) in enumerate(parameters):
            sums = [math.fsum(below[i] * w[i, j] for i in range(len(below))) + b[j] for j in range(len(b))]
            np.testing.assert_allclose(a[layer][example], sums, rtol=1e-12, atol=1e-13)
            if layer < len(h):
                below = [float(FORMULAS[activation](np.float64(s))) for s in sums]
                np.testing.assert_allclose(h[layer][example], below, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_float32_differs_from_float64_by_rounding_only(activation: str) -> None:
    parameters, x, y = draw(3)
    single = [(w.astype(np.float32), b.astype(np.float32)) for w, b in parameters]
    function, loss = ACTIVATIONS[activation], LOSSES["cross_entropy"]
    value, gradient = network.backward(single, x.astype(np.float32), y, function, loss)
    expected, expected_gradient = network.backward(parameters, x, y, function, loss)
    assert {part.dtype for layer in gradient for part in layer} == {np.dtype(np.float32)}
    assert value == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(flat(gradient), flat(expected_gradient), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(2, 1, 1), (4, 5, 3, 3), (64, 32, 16, 10)])
def test_networks_on_the_run_axes_pass_as_if_alone(sizes: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 1, (2, 3, o, i + 1)).astype(dtype) for i, o in itertools.pairwise(sizes)]
    for examples in (1, 2, 9):
        x = network.augment(rng.normal(0, 1, (examples, sizes[0])), True, dtype)
        labels = rng.integers(0, max(2, sizes[-1]), examples)
        targets = network.encode_targets(labels, sizes[-1], dtype)

        def gradients(chosen: network.Layers, x: Array = x, targets: Array = targets) -> network.Layers:
            work = network.allocate(chosen[0].shape[:2], sizes, len(x), dtype, bias=True)
            logits = network.propagate(chosen, x.T, work, ACTIVATIONS["tanh"])
            LOSSES["cross_entropy"].delta(logits, targets)
            network.back_propagate(chosen, work, ACTIVATIONS["tanh"])
            found = [np.empty_like(w) for w in chosen]
            network.weight_gradients(x, work, found)
            return found

        together = gradients(weights)
        for i, j in np.ndindex(2, 3):
            alone = gradients([w[i : i + 1, j : j + 1].copy() for w in weights])
            for a, b in zip(together, alone, strict=True):
                np.testing.assert_array_equal(a[i, j], b[0, 0])


def test_without_biases_their_gradient_is_zero() -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 1, (1, 1, 4, 3)), rng.normal(0, 1, (1, 1, 1, 5))]
    x = network.augment(rng.normal(0, 1, (6, 2)), False, "float64")
    work = network.allocate((1, 1), (2, 4, 1), 6, "float64", bias=False)
    LOSSES["cross_entropy"].delta(
        network.propagate(weights, x.T, work, ACTIVATIONS["logistic"]), rng.integers(0, 2, (1, 6)).astype(float)
    )
    network.back_propagate(weights, work, ACTIVATIONS["logistic"])
    gradients = [np.empty_like(w) for w in weights]
    network.weight_gradients(x, work, gradients)
    for gradient in gradients:
        assert not gradient[..., -1].any()
        assert gradient[..., :-1].all()


def test_products_and_norms_are_sums_over_all_layers_of_a_run() -> None:
    rng = np.random.default_rng(0)
    first, second = ([rng.normal(0, 1, (2, 3, *s)) for s in ((4, 5), (1, 5))] for _ in range(2))
    for i, j in np.ndindex(2, 3):
        a, b = (np.concatenate([layer[i, j].ravel() for layer in layers]) for layers in (first, second))
        assert network.products(first, second)[i, j] == pytest.approx(a @ b)
        assert network.norm(first)[i, j] == pytest.approx(np.linalg.norm(a))


@pytest.mark.parametrize("size", [1e-44, 1e-30, 1e-22, 1e-19, 1.0, 1e19, 1e30, 1e38])
def test_products_and_norms_of_float32_neither_underflow_nor_overflow(size: float) -> None:
    rng = np.random.default_rng(0)
    first, second = ([(size * rng.uniform(-1, 1, (1, 2, 4, 5))).astype(np.float32)] for _ in range(2))
    for j in range(2):
        a, b = (layers[0][0, j].ravel().astype(np.float64) for layers in (first, second))
        assert network.norm(first)[0, j] == pytest.approx(np.linalg.norm(a), rel=1e-6)
        assert network.products(first, second)[0, j] == pytest.approx(a @ b, rel=1e-4)


def test_two_classes_have_one_target_row_and_more_have_one_each() -> None:
    np.testing.assert_array_equal(network.encode_targets(np.array([0, 1, 1]), 1, "float32"), [[0, 1, 1]])
    np.testing.assert_array_equal(
        network.encode_targets(np.array([2, 0]), 3, "float64"), np.array([[0, 1], [0, 0], [1, 0]])
    )
