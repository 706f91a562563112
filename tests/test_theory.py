"""core.theory.theory against published values, adaptive integration, closed forms and simulated networks."""

import math
from collections.abc import Callable
from itertools import pairwise, product

import numpy as np
import pytest
from scipy import integrate, special, stats

from core.registries.activations import ACTIVATIONS, Activation
from core.theory import theory

NAMES = list(ACTIVATIONS)
BOUNDED = [name for name, activation in ACTIVATIONS.items() if math.isfinite(activation.range[1])]


def to_digits(value: float, published: float, digits: int) -> bool:
    """Whether `value` rounds to the published number of `digits` decimals."""
    return abs(value - published) <= 0.5000001 * 10.0**-digits


def gaussian_mean(g: Callable[[float], float], std: float) -> float:
    """E[g(std z)] by adaptive integration, cut where the registry's functions bend or jump."""
    bends = [-2.0, -1.0, -0.25, 0.0, 0.25, 1.0, 2.0]
    cuts = sorted({c for c in (*(b / std for b in bends), -0.5, 0.5) if abs(c) < 12} | {-12.0, 12.0})
    return math.fsum(
        integrate.quad(lambda z: g(std * z) * math.exp(-z * z / 2), low, high, epsabs=1e-14, epsrel=1e-11, limit=200)[0]
        for low, high in pairwise(cuts)
    ) / math.sqrt(2 * math.pi)


def at(function: Callable[[np.ndarray], np.ndarray], a: float) -> float:
    return float(function(np.array([a]))[0])


# Quadrature


@pytest.mark.parametrize(("name", "std"), list(product(NAMES, [0.1, 1.0, 10.0])))
def test_gaussian_expectations_agree_with_adaptive_integration_even_at_kinks_and_steep_slopes(
    name: str, std: float
) -> None:
    activation = ACTIVATIONS[name]
    mean, output_std = theory.gaussian_output(name, std)
    expected = gaussian_mean(lambda a: at(activation.forward, a), std)
    assert mean == pytest.approx(expected, abs=1e-9)
    variance = gaussian_mean(lambda a: (at(activation.forward, a) - expected) ** 2, std)
    assert output_std == pytest.approx(math.sqrt(variance), rel=1e-9)
    [layer] = theory.predict_layers(name, [1.0], 0.0, std**2)
    assert layer.chi == pytest.approx(gaussian_mean(lambda a: at(activation.slope, a) ** 2, std), rel=1e-9)


def test_expectations_of_the_hard_tanh_equal_their_closed_form_over_seven_decades_of_std() -> None:
    for std in 10.0 ** np.arange(-3, 5):
        inside = special.erf(1 / (std * math.sqrt(2)))
        density = math.sqrt(2 / math.pi) / std * math.exp(-1 / (2 * std**2))
        mean_square = std**2 * (inside - density) + (1 - inside)
        [layer] = theory.predict_layers("hard_tanh", [1.0], 0.0, std**2)
        assert layer.std**2 == pytest.approx(mean_square, rel=1e-10)
        assert layer.chi == pytest.approx(inside, rel=1e-12)


def test_the_mean_output_is_one_half_for_the_logistic_zero_for_centred_functions_and_closed_form_for_relu() -> None:
    for std in (0.0, 0.3, 1.0, 7.0):
        assert theory.gaussian_output("logistic", std)[0] == pytest.approx(0.5, abs=1e-14)
        assert theory.gaussian_output("relu", std)[0] == pytest.approx(std / math.sqrt(2 * math.pi), abs=1e-13)
        for name in NAMES:
            if ACTIVATIONS[name].zero_centred or name == "identity":
                assert theory.gaussian_output(name, std)[0] == pytest.approx(0.0, abs=1e-13)


def test_a_function_with_its_own_kink_is_integrated_as_exactly_as_the_registry_s() -> None:
    def forward(a: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        h: np.ndarray = np.maximum(a - 0.3, 0.0, out=out)
        return h

    shifted = Activation(
        name="shifted_relu", formula="", slope_formula="", summary="", needs_exp=False, range=(0.0, math.inf),
        max_slope=1.0, forward=forward, slope=lambda a: np.where(a > 0.3, 1.0, 0.0), slope_from_output=lambda h: h > 0,
    )  # fmt: skip
    mean, _ = theory.gaussian_output(shifted, 1.0)
    assert mean == pytest.approx(stats.norm.pdf(0.3) - 0.3 * stats.norm.sf(0.3), rel=1e-11)


# Mean field: known values and independent checks


@pytest.mark.parametrize(
    ("q", "weight_variance", "bias_variance"),
    [
        (0.0, 1.0, 0.0),
        (0.1, 1.1776, 0.00083),
        (0.25, 1.3940, 0.00813),
        (0.5, 1.6880, 0.03804),
        (1.0, 2.1533, 0.15096),
        (2.0, 2.8612, 0.51226),
    ],
)
def test_the_critical_line_of_tanh_passes_through_the_known_points(
    q: float, weight_variance: float, bias_variance: float
) -> None:
    sw2, sb2 = theory.critical_line("tanh", q)
    assert to_digits(float(sw2), weight_variance, 4)
    assert to_digits(float(sb2), bias_variance, 5)
    point = theory.fixed_point("tanh", float(sw2), float(sb2))
    assert point.q == pytest.approx(q, abs=1e-8)
    assert point.chi == pytest.approx(1.0, abs=1e-8)


def test_the_critical_weight_variance_of_tanh_at_bias_variance_0_05_is_1_7610() -> None:
    critical = theory.critical_weight_variance("tanh", 0.05)
    assert critical is not None
    assert to_digits(critical[0], 1.7610, 4)
    assert to_digits(critical[1], 0.5700, 4)


@pytest.mark.parametrize(
    ("weight_variance", "chi", "q"),
    [(1.0, 0.7590, 0.1936), (1.5, 0.9386, 0.4180), (2.5, 1.1335, 1.0640), (4.0, 1.3424, 2.1955)],
)
def test_chi_and_the_fixed_point_of_tanh_have_the_known_values(weight_variance: float, chi: float, q: float) -> None:
    point = theory.fixed_point("tanh", weight_variance, 0.05)
    assert point.q is not None
    assert point.chi is not None
    assert to_digits(point.chi, chi, 4)
    assert to_digits(point.q, q, 4)


@pytest.mark.parametrize(("weight_variance", "chi"), [(1 / 3, 0.0200), (1.0, 0.0557), (4.0, 0.1716), (16.0, 0.3989)])
def test_gradients_of_the_logistic_vanish_over_the_whole_usable_range(weight_variance: float, chi: float) -> None:
    point = theory.fixed_point("logistic", weight_variance, 0.0)
    assert point.chi is not None
    assert to_digits(point.chi, chi, 4)


@pytest.mark.parametrize(
    ("name", "weight_variance", "bias_variance"),
    [
        *product(BOUNDED, [0.3, 2.0, 30.0], [0.01, 0.5]),
        ("relu", 1.0, 0.1),
        ("leaky_relu", 1.9, 0.1),
        ("identity", 0.5, 0.2),
        ("tanh", 0.9, 0.0),
        ("tanh", 1.5, 0.0),
        ("logistic", 1.0, 0.0),
    ],
)
def test_iterating_the_length_map_arrives_at_the_fixed_point(
    name: str, weight_variance: float, bias_variance: float
) -> None:
    point = theory.fixed_point(name, weight_variance, bias_variance)
    lengths = theory.length_map(name, weight_variance, bias_variance, depth=600, q0=1.0)
    assert point.q is not None
    assert lengths.shape == (600,)
    assert lengths[-1] == pytest.approx(point.q, rel=1e-6, abs=1e-12)


def test_the_length_map_of_relu_is_the_known_straight_line() -> None:
    expected = []
    q = 3.0
    for _ in range(6):
        q = 1.7 * q / 2 + 0.1
        expected.append(q)
    np.testing.assert_allclose(theory.length_map("relu", 1.7, 0.1, 6, 3.0), expected, rtol=1e-12)


def test_several_starts_give_the_length_maps_of_each() -> None:
    starts = np.array([[0.0, 0.01, 1.0], [1.0, 100.0, 1e300]])
    together = theory.length_map("leaky_relu", 2.5, 0.1, 900, starts)
    assert together.shape == (900, 2, 3)
    for place, start in np.ndenumerate(starts):
        own = theory.length_map("leaky_relu", 2.5, 0.1, 900, float(start))
        np.testing.assert_allclose(together[:, *place], own, rtol=1e-13)
    assert np.isinf(together[-1, 1, 2])


def test_a_linear_network_of_uniform_fan_in_weights_shrinks_to_0_0642_in_five_layers() -> None:
    std = np.sqrt(theory.length_map("identity", 1 / 3, 0.0, 5, 1.0))
    assert to_digits(float(std[0]), 0.577, 3)
    assert to_digits(float(std[-1]), 0.0642, 4)


def test_at_criticality_the_fixed_point_is_zero_and_gradients_keep_their_size_for_ever() -> None:
    for name in ("tanh", "softsign", "hard_tanh", "steep_centred_logistic"):
        point = theory.fixed_point(name, 1.0, 0.0)
        assert (point.q, point.chi, point.depth_scale) == (0.0, 1.0, math.inf)


@pytest.mark.parametrize("excess", [1e-2, 1e-4, 1e-6])
def test_just_above_criticality_the_fixed_point_of_tanh_is_half_the_excess(excess: float) -> None:
    # V(q) = (1 + e)(q - 2 q^2 + ...) = q at q = e/2: naive iteration would need about 1/e layers.
    point = theory.fixed_point("tanh", 1.0 + excess, 0.0)
    assert point.q == pytest.approx(excess / 2, rel=3 * excess + 1e-8)


@pytest.mark.parametrize(("name", "weight_variance"), [("tanh", 0.5), ("centred_logistic", 15.9), ("softsign", 0.99)])
def test_below_criticality_a_centred_network_without_biases_falls_silent_with_chi_at_the_slope_of_zero(
    name: str, weight_variance: float
) -> None:
    point = theory.fixed_point(name, weight_variance, 0.0)
    assert point.q == 0.0
    chi = weight_variance * at(ACTIVATIONS[name].slope, 0.0) ** 2
    assert point.chi == pytest.approx(chi)
    assert point.depth_scale == pytest.approx(1 / abs(math.log(chi)))


@pytest.mark.parametrize(
    ("name", "weight_variance", "bias_variance", "chi", "words"),
    [
        ("relu", 2.0, 0.0, 1.0, "every q is a fixed point"),
        ("relu", math.sqrt(2.0) ** 2, 0.0, 1.0, "every q is a fixed point"),
        ("identity", 1.0, 0.0, 1.0, "every q is a fixed point"),
        ("relu", 2.0, 0.1, 1.0, "no finite fixed point"),
        ("relu", 3.0, 0.0, 1.5, "no finite fixed point"),
        ("leaky_relu", 2.0, 0.0, 1.0001, "no finite fixed point"),
    ],
)
def test_a_map_without_one_finite_fixed_point_says_so_instead_of_giving_a_number(
    name: str, weight_variance: float, bias_variance: float, chi: float, words: str
) -> None:
    point = theory.fixed_point(name, weight_variance, bias_variance)
    assert point.q is None
    assert words in point.note
    assert point.chi == pytest.approx(chi)


def test_an_unbounded_function_that_is_not_a_straight_line_also_grows_without_limit() -> None:
    def forward(a: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        h: np.ndarray = np.logaddexp(0.0, a, out=out)
        return h

    softplus = Activation(
        name="softplus", formula="", slope_formula="", summary="", needs_exp=True, range=(0.0, math.inf),
        max_slope=1.0, forward=forward, slope=special.expit, slope_from_output=lambda h: 1 - np.exp(-h),
    )  # fmt: skip
    assert theory.fixed_point(softplus, 2.1, 0.0).q is None
    point = theory.fixed_point(softplus, 0.5, 0.0)
    assert point.q is not None
    mean_square = gaussian_mean(lambda a: float(np.logaddexp(0.0, a)) ** 2, math.sqrt(point.q))
    assert 0.5 * mean_square == pytest.approx(point.q, rel=1e-9)


def test_zero_weights_pass_no_gradient_and_only_the_bias_variance() -> None:
    point = theory.fixed_point("tanh", 0.0, 0.3)
    assert point.q == pytest.approx(0.3)
    assert (point.chi, point.depth_scale) == (0.0, 0.0)
    assert theory.fixed_point("tanh", 0.0, 0.0).q == 0.0


def test_where_no_bias_makes_a_network_critical_the_line_is_empty() -> None:
    sw2, sb2 = theory.critical_line("logistic", [1.0, 40.0, 60.0])
    assert np.isnan(sw2[:2]).all()
    assert np.isnan(sb2[:2]).all()
    assert theory.fixed_point("logistic", float(sw2[2]), float(sb2[2])).chi == pytest.approx(1.0, abs=1e-9)
    assert theory.critical_weight_variance("relu", 0.1) is None
    assert theory.critical_weight_variance("relu", 0.0) == pytest.approx((2.0, 0.0))


@pytest.mark.parametrize("name", ["tanh", "logistic", "relu", "softsign"])
def test_the_phase_diagram_agrees_with_the_fixed_point_of_each_of_its_cells(name: str) -> None:
    weights, biases = [0.1, 0.9, 1.0, 1.3, 2.0, 6.0], [0.0, 0.02, 1.0]
    q, chi = theory.phase_diagram(name, weights, biases)
    for (i, weight), (j, bias) in product(enumerate(weights), enumerate(biases)):
        point = theory.fixed_point(name, weight, bias)
        if point.q is None:
            assert np.isnan(q[i, j])
            assert np.isnan(chi[i, j])
        else:
            assert q[i, j] == pytest.approx(point.q, rel=2e-3, abs=1e-9)
            assert chi[i, j] == pytest.approx(point.chi, rel=2e-3)


@pytest.mark.parametrize("name", ["logistic", "tanh", "relu"])
def test_theory_meets_a_simulated_wide_network_layer_by_layer(name: str) -> None:
    rng = np.random.default_rng(7)
    width, draws, depth, sw2, sb2 = 400, 30, 4, 3.0, 0.2
    activation = ACTIVATIONS[name]
    measured = np.empty((draws, depth, 5))
    for draw in range(draws):
        h = rng.standard_normal((8, width))
        for layer in range(depth):
            weights = rng.normal(0.0, math.sqrt(sw2 / width), (width, width))
            a = h @ weights + rng.normal(0.0, math.sqrt(sb2), width)
            h = activation.forward(a)
            flat = activation.slope_ratio(a) < 0.05
            chi = sw2 * np.mean(activation.slope(a) ** 2)
            measured[draw, layer] = (np.mean(a * a), h.mean(), np.mean(flat & (a < 0)), np.mean(flat & (a > 0)), chi)
    predicted = np.array(
        [
            (p.q, p.mean, p.saturated_low, p.saturated_high, p.chi)
            for p in theory.predict_layers(name, [sw2] * depth, sb2, 1.0)
        ]
    )
    error = measured.std(axis=0, ddof=1) / math.sqrt(draws)
    # Four standard errors, and 1 % for what a width of 400 leaves of the limit (1e-4 for shares too rare to count).
    assert (np.abs(measured.mean(axis=0) - predicted) <= 4 * error + 0.01 * np.abs(predicted) + 1e-4).all()


def test_chi_is_the_factor_on_back_propagated_gradients_of_a_simulated_network() -> None:
    rng = np.random.default_rng(11)
    width, draws, sw2 = 400, 40, 2.5
    point = theory.fixed_point("tanh", sw2, 0.05)
    assert point.q is not None
    factors = []
    for _ in range(draws):
        weights = rng.normal(0.0, math.sqrt(sw2 / width), (width, width))
        slope = ACTIVATIONS["tanh"].slope(math.sqrt(point.q) * rng.standard_normal(width))
        delta = rng.standard_normal(width)
        factors.append(np.mean((slope * (weights @ delta)) ** 2) / np.mean(delta**2))
    error = np.std(factors, ddof=1) / math.sqrt(draws)
    assert abs(np.mean(factors) - point.chi) < 4 * error


def test_layers_whose_variance_no_float_can_hold_are_left_out_and_the_map_goes_to_infinity() -> None:
    layers = theory.predict_layers("relu", [1e200, 1e200, 1e200], 0.0, 1.0)
    assert [layer.layer for layer in layers] == [1]
    assert theory.length_map("identity", 1e200, 0.0, 3, 1.0)[-1] == math.inf


# Constants


def test_constants_of_lecun_s_tanh_and_the_unit_variance_gains_have_the_known_values() -> None:
    lecun = ACTIVATIONS["lecun_tanh"]
    assert to_digits(at(lecun.forward, 1.0), 0.999997, 6)
    assert to_digits(at(lecun.slope, 0.0), 1.1439, 4)
    assert to_digits(theory.gaussian_output("lecun_tanh", 1.0)[1] ** 2, 0.750, 3)
    gains = {name: 1 / math.hypot(*theory.gaussian_output(name, 1.0)) for name in ("tanh", "relu")}
    assert to_digits(gains["tanh"], 1.5925, 4)
    assert gains["relu"] == pytest.approx(math.sqrt(2.0))


# Saturation


@pytest.mark.parametrize(("std", "percent", "digits"), [(1, 3.64, 2), (2, 29.6, 1), (5, 67.6, 1), (10, 83.4, 1)])
def test_the_share_of_tanh_outputs_beyond_0_97_has_the_known_values(std: float, percent: float, digits: int) -> None:
    low, high = theory.gaussian_saturation("tanh", std, threshold=1 - math.tanh(2.092) ** 2)
    assert to_digits(100 * (low + high), percent, digits)
    assert low == pytest.approx(high)


def test_saturation_begins_at_4_36_for_the_logistic_2_18_for_tanh_and_at_the_kinks_of_hard_functions() -> None:
    def edge(name: str) -> float:
        return theory.saturated_intervals(name)[-1][0]

    assert edge("logistic") == pytest.approx(2 * math.acosh(math.sqrt(1 / 0.05)))
    assert edge("tanh") == pytest.approx(math.acosh(math.sqrt(1 / 0.05)))
    assert edge("softsign") == pytest.approx(math.sqrt(20) - 1)
    assert theory.saturated_intervals("hard_tanh") == ((-math.inf, -1.0), (1.0, math.inf))
    assert theory.saturated_intervals("relu") == ((-math.inf, 0.0),)
    assert theory.saturated_intervals("identity") == ()


@pytest.mark.parametrize(("name", "std"), list(product(NAMES, [0.5, 3.0])))
def test_the_saturated_share_agrees_with_counting_samples(name: str, std: float) -> None:
    a = std * np.random.default_rng(5).standard_normal(20_000)
    flat = ACTIVATIONS[name].slope_ratio(a) < 0.05
    for share, counted in zip(
        theory.gaussian_saturation(name, std), (np.mean(flat & (a < 0)), np.mean(flat & (a > 0))), strict=True
    ):
        assert abs(counted - share) <= 4 * math.sqrt(share * (1 - share) / a.size) + 1e-4


def test_a_silent_layer_is_not_saturated_and_tiny_shares_keep_their_digits() -> None:
    assert theory.gaussian_saturation("relu", 0.0) == (0.0, 0.0)
    low, high = theory.gaussian_saturation("logistic", 0.25)
    assert low == pytest.approx(stats.norm.sf(2 * math.acosh(math.sqrt(20)) / 0.25), rel=1e-9)
    assert low == high


# Gradient signs


def test_the_agreement_of_a_pair_is_0_825_for_the_logistic_and_one_half_for_centred_functions() -> None:
    assert to_digits(theory.pair_agreement(*theory.gaussian_output("logistic", 1.0)), 0.825, 3)
    for name in ("tanh", "centred_logistic"):
        assert theory.pair_agreement(*theory.gaussian_output(name, 1.0)) == pytest.approx(0.5, abs=1e-9)


def test_smaller_weights_tie_the_signs_of_the_logistic_s_gradients_more() -> None:
    agreement = [theory.pair_agreement(*theory.gaussian_output("logistic", std)) for std in (4.0, 1.0, 0.25, 0.01)]
    assert agreement == sorted(agreement)
    assert agreement[-1] > 0.99


def test_the_agreement_at_each_batch_size_equals_that_of_simulated_gradients() -> None:
    rng = np.random.default_rng(2)
    trials = 20_000
    sizes = [1, 2, 4, 8, 64]
    for size, predicted in zip(sizes, theory.pair_agreement_by_batch("logistic", 1.0, sizes), strict=True):
        h = special.expit(rng.standard_normal((2, trials, size)))
        gradients = np.sum(h * rng.standard_normal((trials, size)), axis=-1)
        same = float(np.mean(gradients[0] * gradients[1] > 0))
        assert abs(predicted - same) <= 4 * math.sqrt(same * (1 - same) / trials)


def test_the_agreement_falls_from_1_through_the_published_simulation_to_its_limit() -> None:
    simulated = {1: 1.000, 2: 0.889, 4: 0.850, 8: 0.836, 64: 0.831}
    found = theory.pair_agreement_by_batch("logistic", 1.0, list(simulated))
    assert found == pytest.approx(list(simulated.values()), abs=0.005)
    [large] = theory.pair_agreement_by_batch("logistic", 1.0, [1437])
    limit = theory.pair_agreement(*theory.gaussian_output("logistic", 1.0))
    assert large == pytest.approx(limit, abs=1e-3)


def test_dead_relu_batches_without_a_gradient_are_left_out_of_the_agreement() -> None:
    [single] = theory.pair_agreement_by_batch("relu", 1.0, [1])
    assert single == 1.0
    [silent] = theory.pair_agreement_by_batch("relu", 0.0, [4])
    assert math.isnan(silent)


@pytest.mark.parametrize(("n", "mu", "sigma"), [(2, 0.5, 0.2), (64, 0.5, 0.1), (10, 0.0, 1.0)])
def test_the_condition_number_is_that_of_the_second_moment_matrix_of_iid_inputs(
    n: int, mu: float, sigma: float
) -> None:
    hessian = sigma**2 * np.eye(n) + mu**2 * np.ones((n, n))
    assert theory.condition_number(n, mu, sigma) == pytest.approx(np.linalg.cond(hessian))


# Errors


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: theory.fixed_point("sigmoid", 1.0, 0.0),
            f"'sigmoid' is not one of {', '.join(NAMES)}.*mean 'logistic'",
        ),
        (lambda: theory.fixed_point("tanh", -1.0, 0.0), "weight_variance: -1.0"),
        (lambda: theory.fixed_point("tanh", 1.0, math.nan), "bias_variance: nan"),
        (lambda: theory.length_map("tanh", 1.0, 0.0, -1, 1.0), "depth: -1"),
        (lambda: theory.length_map("tanh", 1.0, 0.0, 1, -1.0), "q0: -1.0"),
        (lambda: theory.gaussian_output("tanh", -1.0), "std: -1.0"),
        (lambda: theory.gaussian_saturation("tanh", 1.0, 0.0), "threshold: 0.0"),
        (lambda: theory.pair_agreement(0.0, 0.0), "must not all be zero"),
        (lambda: theory.condition_number(2, 1.0, 0.0), "sigma above 0"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
