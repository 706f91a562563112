"""core.registries.optimisers against the scalar formulas and scikit-learn's optimisers."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.registries.optimisers import OPTIMISERS

Array = NDArray[Any]
RATE = 0.05
STEPS = 7
ARGUMENTS = [
    *(("sgd", 0.0),),
    *(("momentum", a) for a in (0.9, 0.0, 0.5)),
    *(("nesterov", a) for a in (0.9, 0.0, 0.5)),
    *(("rmsprop", a) for a in (0.9, 0.0, 0.99)),
    *(("adam", a) for a in (0.9, 0.0, 0.5)),
]


def sgd(w: float, gradient: Callable[[float], float], a: float) -> list[float]:
    path = []
    for _ in range(STEPS):
        w = w - RATE * gradient(w)
        path.append(w)
    return path


def momentum(w: float, gradient: Callable[[float], float], a: float) -> list[float]:
    """Polyak's heavy ball: the last step goes on."""
    path, before = [w], w
    for _ in range(STEPS):
        w, before = w - RATE * gradient(w) + a * (w - before), w
        path.append(w)
    return path[1:]


def nesterov(w: float, gradient: Callable[[float], float], a: float) -> list[float]:
    """Nesterov's method with the gradient taken at the point it looks ahead to, which is what is then called w."""
    path, ahead, at = [], w, w
    for _ in range(STEPS):
        at, before = ahead - RATE * gradient(ahead), at
        ahead = at + a * (at - before)
        path.append(ahead)
    return path


def rmsprop(w: float, gradient: Callable[[float], float], a: float) -> list[float]:
    path, s = [], 0.0
    for _ in range(STEPS):
        g = gradient(w)
        s = a * s + (1 - a) * g**2
        w = w - RATE * g / (math.sqrt(s) + 1e-8)
        path.append(w)
    return path


def adam(w: float, gradient: Callable[[float], float], a: float) -> list[float]:
    path, m, v = [], 0.0, 0.0
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m = a * m + (1 - a) * g
        v = 0.999 * v + 0.001 * g**2
        w = w - RATE * (m / (1 - a**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        path.append(w)
    return path


SCALAR = {"sgd": sgd, "momentum": momentum, "nesterov": nesterov, "rmsprop": rmsprop, "adam": adam}


def gradient_of(w: Any) -> Any:
    """The gradient of something curved, with a minimum off 0."""
    return 2 * w / (1 + w * w) - 0.3


def follow(name: str, w: Array, argument: float, rate: Array, dtype: str = "float64") -> list[Array]:
    """The weights after every step, as training drives the optimiser."""
    optimiser = OPTIMISERS[name]
    w, rate = w.astype(dtype), rate.astype(dtype)
    slots = [np.zeros_like(w) for _ in range(optimiser.slots)]
    path = []
    for count in range(1, STEPS + 1):
        update = gradient_of(w) * (rate if optimiser.folds_rate else 1)
        optimiser.step(update, slots, rate, argument, count)
        w = w - update
        path.append(w)
    return path


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_every_step_is_that_of_the_formula_for_one_weight(name: str, argument: float) -> None:
    start = np.random.default_rng(0).normal(0, 1, (2, 3, 4, 5))
    path = np.array(follow(name, start, argument, np.full((2, 3, 1, 1), RATE)))
    expected = np.array([SCALAR[name](float(w), gradient_of, argument) for w in start.ravel()])
    np.testing.assert_allclose(path.reshape(STEPS, -1).T, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "nesterov"), [("momentum", False), ("nesterov", True)])
def test_momentum_is_that_of_scikit_learn(name: str, nesterov: bool) -> None:
    from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

    w = np.random.default_rng(1).normal(0, 1, (3, 4))
    ours = follow(name, w, 0.9, np.array(RATE))
    theirs = [w.copy()]
    optimiser = SGDOptimizer(theirs, learning_rate_init=RATE, momentum=0.9, nesterov=nesterov)
    for step in ours:
        optimiser.update_params(theirs, [gradient_of(theirs[0])])
        np.testing.assert_allclose(step, theirs[0], rtol=1e-13)


def test_adam_is_that_of_scikit_learn_up_to_where_epsilon_stands() -> None:
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

    w = np.random.default_rng(2).normal(0, 1, (3, 4))
    ours = follow("adam", w, 0.9, np.array(RATE))
    theirs = [w.copy()]
    # Theirs adds epsilon before v is corrected for its bias, ours (the paper's algorithm 1) after.
    optimiser = AdamOptimizer(theirs, learning_rate_init=RATE, epsilon=0.0)
    for step in ours:
        optimiser.update_params(theirs, [gradient_of(theirs[0])])
        np.testing.assert_allclose(step, theirs[0], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_runs_of_different_rates_step_as_if_alone(name: str, argument: float, dtype: str) -> None:
    start = np.random.default_rng(3).normal(0, 1, (2, 3, 4, 5))
    rates = np.geomspace(0.001, 0.3, 6).reshape(2, 3, 1, 1)
    together = follow(name, start, argument, rates, dtype)
    for i, j in np.ndindex(2, 3):
        alone = follow(name, start[i : i + 1, j : j + 1], argument, rates[i : i + 1, j : j + 1], dtype)
        for a, b in zip(together, alone, strict=True):
            assert a.dtype == dtype
            np.testing.assert_array_equal(a[i, j], b[0, 0])


@pytest.mark.parametrize("name", list(OPTIMISERS))
def test_a_zero_gradient_moves_nothing_that_stands_still(name: str) -> None:
    optimiser = OPTIMISERS[name]
    slots = [np.zeros((3, 4)) for _ in range(optimiser.slots)]
    for count in range(1, 4):
        update = np.zeros((3, 4))
        optimiser.step(update, slots, np.array(RATE), optimiser.argument or 0.0, count)
        assert not update.any()


def test_without_momentum_both_kinds_of_it_are_plain_descent() -> None:
    w, rate = np.random.default_rng(4).normal(0, 1, (3, 4)), np.array(RATE)
    plain = follow("sgd", w, 0.0, rate)
    for name in ("momentum", "nesterov"):
        np.testing.assert_array_equal(follow(name, w, 0.0, rate), plain)


def test_adams_first_step_is_the_rate_whatever_the_gradients_size() -> None:
    w = np.array([1.0, -3.0, 20.0])
    first = follow("adam", w, 0.9, np.array(RATE))[0]
    np.testing.assert_allclose(np.abs(first - w), RATE, rtol=1e-7)
