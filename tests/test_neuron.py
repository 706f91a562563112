"""core.theory.neuron against another library's gradients, closed forms and exhaustive counting."""

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from autograd import hessian as second_derivatives

from core.registries.activations import ACTIVATIONS
from core.theory import neuron, theory
from core.theory.neuron import QUADRANTS, DrawnNetwork, Neuron

# The registry's smooth functions, written again for the library that differentiates them.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "logistic": lambda a: 1 / (1 + anp.exp(-a)),
    "tanh": anp.tanh,
    "centred_logistic": lambda a: 1 / (1 + anp.exp(-a)) - 0.5,
    "softsign": lambda a: a / (1 + anp.abs(a)),
    "leaky_relu": lambda a: anp.maximum(0.01 * a, a),
}
START = (-1.5, 0.5)


def random_networks(count: int) -> list[DrawnNetwork]:
    draws = np.random.default_rng(1).standard_normal((count, 10))
    return [DrawnNetwork(*(float(value) for value in row)) for row in draws]


def loss_of_two_weights(made: Neuron) -> Callable[[Any], Any]:
    """The mean loss as a function of (w1, w2), for autograd."""
    z_solution = made.h @ np.array(made.solution)
    return lambda w: anp.mean(0.5 * (anp.dot(made.h, w) - z_solution) ** 2)


# Gradient paths


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_the_factored_gradients_of_w1_and_w2_equal_those_of_another_library(name: str) -> None:
    f = FUNCTIONS[name]
    for network in random_networks(20):
        n = asdict(network)

        def loss(w: Any, n: dict[str, float] = n) -> Any:
            h21 = f(n["u11"] * n["x1"] + n["u21"] * n["x2"])
            h22 = f(n["u12"] * n["x1"] + n["u22"] * n["x2"])
            return 0.5 * (n["v"] * f(w[0] * h21 + w[1] * h22) - n["target"]) ** 2

        paths = neuron.gradient_paths(network, name)
        weights = np.array([network.w1, network.w2])
        assert paths.loss == pytest.approx(loss(weights))
        assert (paths.gradient_w1, paths.gradient_w2) == pytest.approx(tuple(grad(loss)(weights)), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_both_gradients_are_the_shared_bracket_times_the_weight_s_own_incoming_activation(name: str) -> None:
    for network in random_networks(20):
        paths = neuron.gradient_paths(network, name)
        first, second = paths.own
        assert [factor.value for factor in paths.shared[:2]] == [paths.y - network.target, network.v]
        assert (first.value, second.value) == (paths.h21, paths.h22)
        assert paths.gradient_w1 == pytest.approx(paths.bracket * paths.h21)
        assert paths.gradient_w2 == pytest.approx(paths.bracket * paths.h22)
        if paths.bracket:
            assert paths.pattern in paths.step_patterns


@pytest.mark.parametrize("name", ["logistic", "steep_logistic"])
def test_with_the_logistic_the_two_gradients_never_have_opposite_signs(name: str) -> None:
    for network in random_networks(10):
        counts = neuron.sign_combinations(network, name, examples=1000)
        assert counts["+-"] == counts["-+"] == counts["zero"] == 0
        assert counts["++"] + counts["--"] == 1000


@pytest.mark.parametrize("name", ["tanh", "centred_logistic"])
def test_with_a_zero_centred_function_all_four_sign_combinations_occur(name: str) -> None:
    counts = neuron.sign_combinations(DrawnNetwork(), name)
    assert set(counts) == {*QUADRANTS, "zero"}
    assert min(counts[quadrant] for quadrant in QUADRANTS) > 100


def test_the_counted_sign_combinations_are_those_of_the_examples_one_by_one() -> None:
    network, drawn = DrawnNetwork(), np.random.default_rng(4).standard_normal((200, 3))
    counts = neuron.sign_combinations(network, "tanh", examples=200, seed=4)
    singly = [
        neuron.gradient_paths(replace(network, x1=float(x1), x2=float(x2), target=float(t)), "tanh").pattern
        for x1, x2, t in drawn
    ]
    assert all(counts[quadrant] == singly.count(quadrant) for quadrant in QUADRANTS)


def test_relu_examples_without_a_gradient_are_counted_apart() -> None:
    counts = neuron.sign_combinations(DrawnNetwork(), "relu", examples=1000)
    assert counts["zero"] > 0
    assert sum(counts.values()) == 1000


def test_a_pattern_names_the_sign_of_each_of_two_numbers() -> None:
    pairs = [(1.0, 2.0), (-1.0, 1e-300), (-3.0, -1.0), (2.0, -0.1), (0.0, -0.0)]
    assert [neuron.sign_pattern(*pair) for pair in pairs] == ["++", "-+", "--", "+-", "00"]


# The loss over two weights


def test_steps_and_curvature_of_the_loss_equal_another_library_s_derivatives() -> None:
    made = neuron.make_neuron("logistic")
    function = loss_of_two_weights(made)
    for point in (START, (0.3, 0.2), made.solution):
        at = np.array(point)
        np.testing.assert_allclose(-neuron.example_steps(made, point).mean(axis=0), grad(function)(at), atol=1e-14)
        np.testing.assert_allclose(neuron.hessian(made), second_derivatives(function)(at), rtol=1e-9)
        surface = neuron.loss_surface(made, *point)
        assert surface == pytest.approx(function(at) - function(np.array(made.solution)), abs=1e-14)


def test_the_loss_is_zero_at_the_solution_and_above_it_elsewhere() -> None:
    made = neuron.make_neuron("tanh", solution=(0.7, -2.0))
    assert neuron.loss_surface(made, 0.7, -2.0) == pytest.approx(0.0, abs=1e-15)
    surface = neuron.loss_surface(made, np.linspace(-3, 3, 11)[np.newaxis, :], np.linspace(-3, 3, 7)[:, np.newaxis])
    assert surface.shape == (7, 11)
    assert (surface > 0).all()


@pytest.mark.parametrize("name", ["logistic", "tanh"])
def test_every_point_of_a_contour_has_the_contour_s_loss_and_the_line_closes(name: str) -> None:
    made = neuron.make_neuron(name)
    lines = neuron.contours(made, [0.001, 0.05, 0.4], points=48)
    assert [line.loss for line in lines] == [0.001, 0.05, 0.4]
    for line in lines:
        np.testing.assert_allclose(neuron.loss_surface(made, line.w1, line.w2), line.loss, rtol=1e-9)
        assert (line.w1[0], line.w2[0]) == pytest.approx((line.w1[-1], line.w2[-1]))


@pytest.mark.parametrize("name", ["logistic", "tanh", "centred_logistic", "steep_logistic"])
def test_the_measured_condition_number_approaches_one_plus_n_mu_squared_over_sigma_squared(name: str) -> None:
    made = neuron.make_neuron(name, examples=200_000)
    measured = neuron.conditioning(made)
    assert measured.measured == pytest.approx(measured.formula, rel=0.03)
    mu, sigma = theory.gaussian_output(name, 1.0)
    assert measured.formula == pytest.approx(theory.condition_number(2, mu, sigma), rel=0.03)


def test_uncentred_activations_make_the_valley_ten_times_narrower_than_centred_ones() -> None:
    assert neuron.conditioning(neuron.make_neuron("logistic")).measured > 10
    assert neuron.conditioning(neuron.make_neuron("centred_logistic")).measured < 1.5


# Descent


@pytest.mark.parametrize("name", ["logistic", "steep_logistic"])
def test_positive_activations_allow_only_two_quadrants_to_a_step_on_one_example(name: str) -> None:
    made = neuron.make_neuron(name)
    rng = np.random.default_rng(0)
    for point in rng.normal(0, 2, (20, 2)):
        allowed = neuron.allowed_directions(made, (float(point[0]), float(point[1])))
        assert allowed["+-"] == allowed["-+"] == 0
        assert allowed["++"] + allowed["--"] == 200
    path = neuron.descend(made, START, 0.5, steps=100)
    assert set(path.direction[1:]) == {"++", "--"}


def test_centred_activations_also_allow_the_quadrant_in_which_the_solution_lies() -> None:
    allowed = neuron.allowed_directions(neuron.make_neuron("tanh"), START)
    assert allowed["+-"] > 50


def test_the_full_batch_reaches_quadrants_that_no_example_does() -> None:
    made = neuron.make_neuron("logistic")
    assert "+-" in neuron.descend(made, START, 1.0, steps=100, batch_size=None).direction


def test_the_path_of_the_full_batch_on_a_quadratic_follows_its_closed_form() -> None:
    made = neuron.make_neuron("logistic")
    path = neuron.descend(made, START, 0.7, steps=40, batch_size=None)
    shrink = np.eye(2) - 0.7 * neuron.hessian(made)
    error = np.array(START) - np.array(made.solution)
    for step in (1, 7, 40):
        expected = np.array(made.solution) + np.linalg.matrix_power(shrink, step) @ error
        assert (path.w1[step], path.w2[step]) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(("batch_size", "momentum"), [(1, 0.0), (7, 0.9), (None, 0.5)])
def test_a_descent_equals_the_same_steps_with_another_library_s_gradients(
    batch_size: int | None, momentum: float
) -> None:
    made = neuron.make_neuron("logistic", examples=20)
    path = neuron.descend(made, START, 0.2, 30, batch_size, momentum, seed=3)
    rng = np.random.default_rng(3)
    weights, velocity = np.array(START), np.zeros(2)
    expected = [weights]
    order: list[int] = []
    size = batch_size or 20
    for _ in range(30):
        if len(order) < size:
            order = list(range(20)) if batch_size is None else [int(index) for index in rng.permutation(20)]
        batch, order = order[:size], order[size:]
        gradient = grad(loss_of_two_weights(replace(made, h=made.h[batch])))(weights)
        velocity = momentum * velocity - 0.2 * gradient
        weights = weights + velocity
        expected.append(weights)
    np.testing.assert_allclose(np.stack([path.w1, path.w2], axis=1), expected, rtol=1e-9, atol=1e-12)
    assert path.direction[1:] == tuple(neuron.sign_pattern(*(b - a)) for a, b in pairwise(expected))


def test_one_example_at_a_time_positive_activations_need_a_longer_path_and_more_steps_than_centred_ones() -> None:
    paths = {}
    for name in ("logistic", "centred_logistic"):
        made = neuron.make_neuron(name)
        rate = 0.5 * neuron.conditioning(made).largest_rate_per_example
        paths[name] = [neuron.descend(made, START, rate, 1000, seed=seed) for seed in range(5)]
    for uncentred, centred in zip(paths["logistic"], paths["centred_logistic"], strict=True):
        assert uncentred.tortuosity is not None
        assert centred.tortuosity is not None
        assert uncentred.tortuosity > 1.5 * centred.tortuosity
        slow, fast = uncentred.steps_to(0.01), centred.steps_to(0.01)
        assert slow is not None
        assert fast is not None
        assert slow > 2 * fast


def test_momentum_narrows_the_gap_in_steps_between_positive_and_centred_activations() -> None:
    def steps(name: str, momentum: float) -> int:
        made = neuron.make_neuron(name)
        rate = 0.2 * neuron.conditioning(made).largest_rate
        reached = neuron.descend(made, START, rate, 2000, batch_size=None, momentum=momentum).steps_to(1e-4)
        assert reached is not None
        return reached

    gap = steps("logistic", 0.0) - steps("centred_logistic", 0.0)
    assert steps("logistic", 0.6) - steps("centred_logistic", 0.6) < 0.5 * gap


def test_length_distance_tortuosity_and_cosine_of_a_path_with_known_corners() -> None:
    corners = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0], [3.0, 4.0], [3.0, 8.0]])
    path = neuron.Path(
        np.arange(5), corners[:, 0], corners[:, 1], np.array([4.0, 3.0, 2.0, 1.0, 0.5]), ("",) * 5, False
    )
    assert path.path_length == 11.0
    assert path.distance == pytest.approx(math.sqrt(73))
    assert path.tortuosity == pytest.approx(11 / math.sqrt(73))
    assert path.mean_cosine == pytest.approx(0.5)  # a right angle, and straight on over the halt
    assert path.steps_to(0.5) == 2
    assert path.steps_to(0.01) is None
    assert list(path.columns()) == ["step", "w1", "w2", "loss", "direction"]


def test_a_path_that_does_not_move_has_no_tortuosity() -> None:
    made = neuron.make_neuron("tanh")
    still = neuron.descend(made, made.solution, 0.1, 5)
    assert (still.path_length, still.tortuosity, still.mean_cosine, still.diverged) == (0.0, None, None, False)


@pytest.mark.parametrize("rate", [5.0, 100.0, 1e200])
def test_a_descent_that_diverges_says_so_and_ends_without_infinities(rate: float) -> None:
    path = neuron.descend(neuron.make_neuron("logistic"), (0.0, 0.0), rate, 2000, batch_size=None)
    assert path.diverged
    assert np.isfinite(path.loss).all()
    assert len(path.step) == len(path.direction) < 2001


@pytest.mark.parametrize(("factor", "diverges"), [(0.99, False), (1.01, True)])
def test_full_batch_descent_diverges_above_the_largest_rate_and_not_below(factor: float, diverges: bool) -> None:
    made = neuron.make_neuron("logistic")
    rate = factor * neuron.conditioning(made).largest_rate
    # The start is off the valley's axis, so that the steep direction has something to amplify.
    assert neuron.descend(made, (2.0, 2.0), rate, 3000, batch_size=None).diverged is diverges


def test_the_same_seed_gives_the_same_path_and_every_activation_the_same_pre_activations() -> None:
    made = neuron.make_neuron("tanh", seed=9)
    first, second = (neuron.descend(made, START, 0.1, 50, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first.w1, second.w1)
    logistic = neuron.make_neuron("logistic", seed=9)
    np.testing.assert_allclose(np.arctanh(made.h), np.log(logistic.h / (1 - logistic.h)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: neuron.make_neuron("sigmoid"), f"'sigmoid' is not one of {', '.join(ACTIVATIONS)}"),
        (lambda: neuron.make_neuron("tanh", std=0.0), "std: 0.0"),
        (lambda: neuron.make_neuron("tanh", examples=1), "examples: 1"),
        (lambda: neuron.descend(neuron.make_neuron("tanh"), START, 0.0, 5), "learning_rate: 0.0"),
        (lambda: neuron.descend(neuron.make_neuron("tanh"), START, 0.1, 5, momentum=1.0), "momentum: 1.0"),
        (lambda: neuron.descend(neuron.make_neuron("tanh"), START, 0.1, 5, batch_size=201), "batch_size: 201"),
        (lambda: neuron.contours(neuron.make_neuron("tanh"), [0.0]), "levels"),
        (lambda: neuron.conditioning(Neuron(np.ones((5, 2)), START)), "all equal"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
