"""core.registries.losses against SciPy, autograd and central differences."""

from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, special

from core.registries.losses import LOSSES, correct, logistic_in_place

Array = NDArray[Any]
OUTPUTS = (1, 2, 3, 10)


def example(outputs: int, seed: int = 0, dtype: str = "float64") -> tuple[Array, Array, Array]:
    """Logits and targets of seven examples, (outputs, examples), and their labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (outputs, 7)).astype(dtype)
    labels = rng.integers(0, max(2, outputs), 7)
    targets = labels[None, :] == np.arange(1 if outputs == 1 else 0, max(2, outputs))[:, None]
    return logits, targets.astype(dtype), labels


def by_definition(name: str, logits: Any, targets: Any) -> Any:
    """Loss per example as it is written in books, in operations that autograd can follow."""
    if name == "squared_error":
        return anp.sum((1 / (1 + anp.exp(-logits)) - targets) ** 2, axis=0) / 2
    if logits.shape[0] == 1:
        p = 1 / (1 + anp.exp(-logits))
        return -anp.sum(targets * anp.log(p) + (1 - targets) * anp.log(1 - p), axis=0)
    p = anp.exp(logits) / anp.sum(anp.exp(logits), axis=0)
    return -anp.sum(targets * anp.log(p), axis=0)


@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("name", list(LOSSES))
def test_the_loss_is_its_definition(name: str, outputs: int) -> None:
    logits, targets, _ = example(outputs)
    np.testing.assert_allclose(
        LOSSES[name].value(logits, targets), by_definition(name, logits, targets), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("name", list(LOSSES))
def test_delta_is_the_gradient_that_autograd_finds(name: str, outputs: int) -> None:
    logits, targets, _ = example(outputs)
    gradient = autograd.grad(lambda z: anp.sum(by_definition(name, z, targets)))(logits)
    LOSSES[name].delta(logits, targets)
    np.testing.assert_allclose(logits, gradient, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("name", list(LOSSES))
def test_delta_is_the_central_difference_of_the_loss(name: str, outputs: int) -> None:
    logits, targets, _ = example(outputs)
    loss, step = LOSSES[name], 1e-6
    delta = logits.copy()
    loss.delta(delta, targets)
    for i in range(outputs):
        shift = step * (np.arange(outputs) == i)[:, None]
        difference = (loss.value(logits + shift, targets) - loss.value(logits - shift, targets)) / (2 * step)
        np.testing.assert_allclose(delta[i], difference, rtol=1e-7, atol=1e-9)


def test_cross_entropy_is_log_softmax_of_the_right_class() -> None:
    logits, targets, labels = example(5)
    expected = -special.log_softmax(logits, axis=0)[labels, np.arange(7)]
    np.testing.assert_allclose(LOSSES["cross_entropy"].value(logits, targets), expected, rtol=1e-13)


def test_one_logistic_output_is_a_softmax_of_two_whose_first_logit_is_zero() -> None:
    logits, targets, _ = example(1)
    both, onehot = np.concatenate([0 * logits, logits]), np.concatenate([1 - targets, targets])
    loss = LOSSES["cross_entropy"]
    np.testing.assert_allclose(loss.value(logits, targets), loss.value(both, onehot), rtol=1e-13, atol=1e-16)
    loss.delta(logits, targets)
    loss.delta(both, onehot)
    np.testing.assert_allclose(logits, both[1:], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", list(LOSSES))
def test_logits_of_any_size_give_a_finite_loss_and_gradient(name: str, outputs: int, dtype: str) -> None:
    largest = np.finfo(dtype).max / 4
    logits = np.array([[-largest, -1e4, -100.0, 0.0, 100.0, 1e4, largest]] * outputs).astype(dtype)
    logits[1:] *= -1
    _, targets, _ = example(outputs, dtype=dtype)
    loss = LOSSES[name]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value = loss.value(logits, targets)
        loss.delta(logits, targets)
    assert np.isfinite(value).all()
    assert (np.abs(logits) <= 1).all()


def test_a_confident_and_right_answer_costs_nothing_and_a_wrong_one_its_logit() -> None:
    loss = LOSSES["cross_entropy"]
    logits, targets = np.array([[800.0, 800.0]]), np.array([[1.0, 0.0]])
    np.testing.assert_array_equal(loss.value(logits, targets), [0.0, 800.0])


@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("name", list(LOSSES))
def test_leading_axes_are_independent_examples_of_the_same(name: str, outputs: int) -> None:
    parts = [example(outputs, seed) for seed in range(6)]
    logits, targets = (np.stack([part[i] for part in parts]).reshape(2, 3, outputs, 7) for i in (0, 1))
    loss = LOSSES[name]
    value = loss.value(logits, targets)
    assert value.shape == (2, 3, 7)
    loss.delta(logits, targets)
    for i, (z, t, _) in enumerate(parts):
        np.testing.assert_array_equal(value.reshape(6, 7)[i], loss.value(z, t))
        loss.delta(z, t)
        np.testing.assert_array_equal(logits.reshape(6, outputs, 7)[i], z)


@pytest.mark.parametrize("name", list(LOSSES))
def test_the_value_leaves_its_arguments_alone(name: str) -> None:
    for outputs in OUTPUTS:
        logits, targets, _ = example(outputs)
        before = logits.copy(), targets.copy()
        LOSSES[name].value(logits, targets)
        np.testing.assert_array_equal(logits, before[0])
        np.testing.assert_array_equal(targets, before[1])


def test_logistic_in_place_is_the_logistic() -> None:
    x = np.linspace(-40, 40, 401)
    expected = special.expit(x)
    logistic_in_place(x)
    np.testing.assert_allclose(x, expected, rtol=0, atol=4e-16)


def test_an_answer_is_correct_where_the_largest_output_is_the_right_class() -> None:
    logits = np.array([[[0.1, 3.0, -1.0], [0.2, 2.0, -2.0], [0.0, 9.0, -3.0]]])
    np.testing.assert_array_equal(correct(logits, np.array([1, 2, 2])), [[True, True, False]])


def test_of_several_largest_outputs_the_first_is_the_answer_and_so_is_what_is_not_a_number() -> None:
    logits = np.array([[1.0, 2.0, 2.0], [2.0, 2.0, np.nan], [0.0, 1.0, 3.0]])
    np.testing.assert_array_equal(correct(logits, np.array([1, 0, 1])), [True, True, True])
    np.testing.assert_array_equal(correct(logits, np.array([0, 1, 2])), [False, False, False])


def test_one_output_answers_with_the_second_class_where_its_logit_is_positive() -> None:
    np.testing.assert_array_equal(
        correct(np.array([[-0.1, 0.1, 5.0, -5.0]]), np.array([0, 1, 0, 1])), [True, True, False, False]
    )


@pytest.mark.parametrize(
    ("name", "shares", "expected"),
    [
        ("cross_entropy", [0.1] * 10, np.log(10)),
        ("cross_entropy", [0.5], np.log(2)),
        ("cross_entropy", [0.25, 0.75], np.log(4) - 0.75 * np.log(3)),
        ("cross_entropy", [0.0, 1.0], 0.0),
        ("cross_entropy", [1.0], 0.0),
        ("squared_error", [0.1] * 10, 0.45),
        ("squared_error", [0.5], 1 / 8),
    ],
)
def test_the_loss_of_guessing_is_its_closed_form(name: str, shares: list[float], expected: float) -> None:
    assert LOSSES[name].chance(np.array(shares)) == pytest.approx(expected, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("name", list(LOSSES))
def test_no_prediction_that_is_the_same_for_all_examples_is_better_than_guessing(name: str, outputs: int) -> None:
    _, targets, _ = example(outputs, seed=3)

    def mean_loss(logits: Array) -> float:
        return float(LOSSES[name].value(np.repeat(logits[:, None], 7, axis=1), targets).mean())

    best = optimize.minimize(mean_loss, np.zeros(outputs), method="BFGS", options={"gtol": 1e-7})
    assert LOSSES[name].chance(targets.mean(axis=1)) == pytest.approx(best.fun, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", list(LOSSES))
def test_an_output_that_has_all_but_reached_its_target_still_has_a_gradient(
    name: str, outputs: int, dtype: str
) -> None:
    z = np.linspace(-40, 40, 161).astype(dtype)
    logits = np.stack([z, -z / 3, np.ones_like(z)][:outputs])
    for label in range(max(2, outputs)):
        wanted = np.arange(1, 2) if outputs == 1 else np.arange(outputs)
        targets = np.broadcast_to((wanted == label)[:, None], logits.shape).astype(dtype)
        exact = logits.astype(np.float64)
        if name == "squared_error" or outputs == 1:
            sign = 1 - 2 * targets.astype(np.float64)
            expected = sign * special.expit(sign * exact)
            if name == "squared_error":
                expected = expected * special.expit(exact) * special.expit(-exact)
        else:
            expected = special.softmax(exact, axis=0)
            expected[label] = -np.delete(expected, label, axis=0).sum(axis=0)
        found = logits.copy()
        exact_delta = LOSSES[name].exact_delta
        assert exact_delta is not None
        exact_delta(found, targets)
        np.testing.assert_allclose(found, expected, rtol=2e-5 if dtype == "float32" else 1e-12)
        quick = logits.copy()
        LOSSES[name].delta(quick, targets)
        np.testing.assert_allclose(quick, expected, rtol=0, atol=3e-7 if dtype == "float32" else 1e-15)
