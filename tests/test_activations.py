"""Activation functions against closed forms from SciPy, central differences and the limits of the number formats."""

import math
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from core.registries.activations import ACTIVATIONS
from core.registries.gaussian import bell, mills

Array = NDArray[Any]
NAMES = list(ACTIVATIONS)
KINKS = {
    "hard_tanh": (-1.0, 1.0),
    "hard_logistic": (-2.0, 2.0),
    "softsign": (0.0,),  # a kink of its slope
    "relu": (0.0,),
    "leaky_relu": (0.0,),
    "elu": (0.0,),  # a kink of its slope
    "selu": (0.0,),
}
FALLING = {"swish": (-1.278464542761074, 2.399357280515468), "gelu": (-0.7517915246935645, math.sqrt(2))}
"""Where functions that fall and rise again are least, and where they are steepest."""
FORMULAS = {
    "logistic": special.expit,
    "tanh": lambda x: 2 * special.expit(2 * x) - 1,
    "centred_logistic": lambda x: special.expit(x) - 0.5,
    "steep_logistic": lambda x: special.expit(4 * x),
    "steep_centred_logistic": lambda x: special.expit(4 * x) - 0.5,
    "lecun_tanh": lambda x: 1.7159 * (2 * special.expit(4 * x / 3) - 1),
    "softsign": lambda x: np.where(x < 0, x / (1 - x), x / (1 + x)),
    "hard_tanh": lambda x: np.where(x > 1, 1.0, np.where(x < -1, -1.0, x)),
    "hard_logistic": lambda x: np.where(x > 2, 1.0, np.where(x < -2, 0.0, x / 4 + 0.5)),
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, special.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * special.expm1(np.minimum(x, 0))),
    "softplus": lambda x: np.logaddexp(0, x),
    "swish": lambda x: x * special.expit(x),
    "gelu": lambda x: x * special.ndtr(x),
    "identity": lambda x: x,
}
SLOPES = {
    "logistic": lambda x: special.expit(x) * special.expit(-x),
    "tanh": lambda x: 1 / np.cosh(x) ** 2,
    "centred_logistic": lambda x: special.expit(x) * special.expit(-x),
    "steep_logistic": lambda x: 4 * special.expit(4 * x) * special.expit(-4 * x),
    "steep_centred_logistic": lambda x: 4 * special.expit(4 * x) * special.expit(-4 * x),
    "lecun_tanh": lambda x: 1.7159 * 2 / 3 / np.cosh(2 * x / 3) ** 2,
    "softsign": lambda x: (1 + np.abs(x)) ** -2.0,
}


def grid(name: str, dtype: str = "float64") -> Array:
    """From -9 to 9, off the function's kinks."""
    x = np.linspace(-9, 9, 3001)
    for kink in KINKS.get(name, ()):
        x = x[np.abs(x - kink) > 1e-3]
    return x.astype(dtype)


def test_every_activation_is_compared_with_a_formula() -> None:
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 4e-15), ("float32", 2e-6)])
@pytest.mark.parametrize("name", NAMES)
def test_forward_gives_the_closed_form(name: str, dtype: str, tolerance: float) -> None:
    x = grid(name, dtype)
    h = ACTIVATIONS[name].forward(x)
    assert h.dtype == x.dtype
    np.testing.assert_allclose(h, FORMULAS[name](x.astype(np.float64)), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_slope_is_the_central_difference_of_forward(name: str) -> None:
    activation, x, step = ACTIVATIONS[name], grid(name), 1e-5
    difference = (activation.forward(x + step) - activation.forward(x - step)) / (2 * step)
    np.testing.assert_allclose(activation.slope(x), difference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_slope_from_output_is_the_slope_where_the_output_tells(name: str) -> None:
    activation, x = ACTIVATIONS[name], grid(name)
    assert (activation.slope_from_output is None) == (name in FALLING)
    if activation.slope_from_output is None:
        return
    np.testing.assert_allclose(
        activation.slope_from_output(activation.forward(x)), activation.slope(x), rtol=1e-10, atol=1e-15
    )


@pytest.mark.parametrize("name", list(SLOPES))
def test_slope_keeps_its_relative_accuracy_deep_in_saturation(name: str) -> None:
    x = np.array([-100.0, -40.0, -10.0, 10.0, 40.0, 100.0])
    np.testing.assert_allclose(ACTIVATIONS[name].slope(x), SLOPES[name](x), rtol=1e-12)


def exactly(name: str, x: float) -> tuple[float, float]:
    """f and f' at x, computed with 50 digits."""
    with localcontext() as context:
        context.prec = 50
        a = Decimal(x)

        def logistic(x: Decimal) -> Decimal:
            return 1 / (1 + (-x).exp())

        def slope(x: Decimal) -> Decimal:
            return logistic(x) * logistic(-x)

        third, height = Decimal(2) / 3, Decimal("1.7159")
        value, steepness = {
            "logistic": lambda: (logistic(a), slope(a)),
            "steep_logistic": lambda: (logistic(4 * a), 4 * slope(4 * a)),
            "tanh": lambda: (2 * logistic(2 * a) - 1, 4 * slope(2 * a)),
            "centred_logistic": lambda: (logistic(a) - Decimal("0.5"), slope(a)),
            "steep_centred_logistic": lambda: (logistic(4 * a) - Decimal("0.5"), 4 * slope(4 * a)),
            "lecun_tanh": lambda: (
                height * (2 * logistic(2 * third * a) - 1),
                4 * third * height * slope(2 * third * a),
            ),
            "softsign": lambda: (a / (1 + abs(a)), 1 / (1 + abs(a)) ** 2),
        }[name]()
        return float(value), float(steepness)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(SLOPES))
def test_values_and_slopes_are_right_in_both_tails_against_fifty_digits(name: str, dtype: str) -> None:
    steepest = {"steep_logistic": 4, "steep_centred_logistic": 4, "tanh": 2, "lecun_tanh": 4 / 3}.get(name, 1)
    reach = (86 if dtype == "float32" else 700) / steepest
    x = np.concatenate([np.linspace(-reach, reach, 201), [-1e-3, 1e-5]]).astype(dtype)
    values, slopes = np.array([exactly(name, float(a)) for a in x]).T
    exact = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(ACTIVATIONS[name].slope(x), slopes, rtol=exact)
    np.testing.assert_allclose(ACTIVATIONS[name].forward(x), values, rtol=exact)


@pytest.mark.parametrize(("dtype", "rounding"), [("float32", 3e-7), ("float64", 6e-16)])
@pytest.mark.parametrize("name", list(SLOPES))
def test_what_training_takes_is_right_to_the_rounding_of_the_largest_value(
    name: str, dtype: str, rounding: float
) -> None:
    activation, x = ACTIVATIONS[name], np.linspace(-40, 40, 401).astype(dtype)
    values, slopes = np.array([exactly(name, float(a)) for a in x]).T
    h = activation.quick_forward(x)
    np.testing.assert_allclose(h, values, rtol=0, atol=rounding * max(map(abs, activation.range)))
    assert activation.slope_from_output is not None
    np.testing.assert_allclose(activation.slope_from_output(h), slopes, rtol=0, atol=2 * rounding)


@pytest.mark.parametrize("name", NAMES)
def test_the_largest_slope_is_attained_and_never_exceeded(name: str) -> None:
    activation, x = ACTIVATIONS[name], grid(name)
    x = np.append(x, [0.0, 0.25, 40.0, *FALLING.get(name, ())])
    slope = activation.slope(x)
    assert np.abs(slope).max() <= activation.max_slope * (1 + 1e-15)
    assert slope.max() >= activation.max_slope * (1 - 1e-15)
    ratio = activation.slope_ratio(x)
    assert ratio.min() >= 0
    assert ratio.max() <= 1 + 1e-15


@pytest.mark.parametrize("name", NAMES)
def test_the_range_holds_everything_and_is_approached_at_both_ends(name: str) -> None:
    activation = ACTIVATIONS[name]
    low, high = activation.range
    h = activation.forward(np.array([-1e9, -50.0, -1.0, 0.0, 1.0, 50.0, 1e9, *FALLING.get(name, ())]))
    assert (h >= low * (1 + 1e-15)).all()
    assert (h <= high).all()
    for end, value in ((low, h.min()), (high, h.max())):
        assert abs(value) > 1e5 if math.isinf(end) else value == pytest.approx(end, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_zero_centred_means_that_the_function_is_odd_and_saturates_on_both_sides(name: str) -> None:
    activation, x = ACTIVATIONS[name], np.linspace(0.01, 5, 100)
    odd = np.allclose(activation.forward(-x), -activation.forward(x), rtol=0, atol=1e-15)
    flat = (activation.slope_ratio(np.array([-1e6, 1e6])) < 1e-6).all()
    assert activation.zero_centred == (odd and flat)
    assert (activation.forward(np.zeros(1))[0] == 0) >= activation.zero_centred


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_overflows_for_any_finite_input(name: str, dtype: str) -> None:
    activation, limits = ACTIVATIONS[name], np.finfo(dtype)
    powers = np.geomspace(float(limits.tiny), float(limits.max) / 2, 300)
    x = np.concatenate([-powers, [0.0, -limits.max, limits.max, limits.smallest_subnormal], powers]).astype(dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        h = activation.forward(x)
        quick = activation.quick_forward(x)
        slopes = [activation.slope(x), activation.slope_ratio(x)]
        if activation.slope_from_output is not None:
            slopes.append(activation.slope_from_output(quick))
    assert np.isfinite(h).all()
    assert np.isfinite(quick).all()
    for slope in slopes:
        assert slope.dtype == x.dtype
        assert np.isfinite(slope).all()
        assert (slope >= 0).all() or name in FALLING


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_writing_into_an_array_or_over_the_input_gives_the_same_bits(name: str, dtype: str) -> None:
    activation, x = ACTIVATIONS[name], grid(name, dtype)[: 2 * 3 * 250].reshape(2, 3, 250)
    expected, before = activation.forward(x), x.copy()
    out = np.full((2, 4, 250), 7.0, dtype)[:, :-1]
    assert activation.forward(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(x, before)
    over = x.copy()
    assert activation.forward(over, out=over) is over
    np.testing.assert_array_equal(over, expected)
    quick, over = activation.quick_forward(x), x.copy()
    assert activation.quick_forward(over, out=over) is over
    np.testing.assert_array_equal(over, quick)
    slope = np.empty_like(x)
    assert activation.slope(x, out=slope) is slope
    np.testing.assert_array_equal(slope, activation.slope(x))
    if activation.slope_from_output is not None:
        assert activation.slope_from_output(expected, out=slope) is slope
        np.testing.assert_array_equal(slope, activation.slope_from_output(expected))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_monotone_are_those_that_never_fall_up_to_rounding(name: str, dtype: str) -> None:
    x = np.sort(np.random.default_rng(0).uniform(-12, 12, 50_000).astype(dtype))
    rises = np.diff(ACTIVATIONS[name].forward(x))
    never_falls = (rises >= -2 * np.finfo(dtype).eps * np.maximum(1.0, np.abs(x[1:]))).all()
    assert ACTIVATIONS[name].monotone == never_falls == (name not in FALLING)


@pytest.mark.parametrize("name", NAMES)
def test_functions_fall_into_kinds_by_their_shape(name: str) -> None:
    activation = ACTIVATIONS[name]
    assert activation.steepest_at_0 == (name not in (*FALLING, "softplus"))
    assert activation.scale_free == (name in ("relu", "leaky_relu", "identity"))


@pytest.mark.parametrize("name", ["elu", "selu", "softplus", "swish", "gelu"])
def test_value_and_slope_are_those_of_pytorch(name: str) -> None:
    functional = pytest.importorskip("torch").nn.functional
    import torch

    theirs = {"swish": functional.silu}.get(name) or getattr(functional, name)
    a = torch.cat([torch.linspace(-15, 15, 3001, dtype=torch.float64), torch.tensor([-1e-9, 0.0, 1e-9, 19.0])])
    a.requires_grad_()
    h = theirs(a)
    (gradient,) = torch.autograd.grad(h.sum(), a)
    x = a.detach().numpy()
    np.testing.assert_allclose(ACTIVATIONS[name].forward(x), h.detach().numpy(), rtol=0, atol=1e-8)
    np.testing.assert_allclose(ACTIVATIONS[name].quick_forward(x), h.detach().numpy(), rtol=0, atol=1e-8)
    np.testing.assert_allclose(ACTIVATIONS[name].slope(x), gradient.numpy(), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("dtype", "exact"), [("float32", 2e-5), ("float64", 1e-12)])
def test_gelu_is_right_in_its_tail(dtype: str, exact: float) -> None:
    x = -np.linspace(2, 12.5 if dtype == "float32" else 37, 101).astype(dtype)
    wide = x.astype(np.float64)
    density = np.exp(-wide * wide / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(ACTIVATIONS["gelu"].forward(x), wide * special.ndtr(wide), rtol=exact)
    np.testing.assert_allclose(ACTIVATIONS["gelu"].slope(x), special.ndtr(wide) + wide * density, rtol=exact)


@pytest.mark.parametrize(("dtype", "exact"), [("float32", 5e-7), ("float64", 2e-15)])
def test_the_tail_of_the_normal_distribution_is_that_of_the_error_function(dtype: str, exact: float) -> None:
    t = np.linspace(0, 5, 501).astype(dtype)
    wanted = [0.5 * math.erfc(value / math.sqrt(2)) for value in t.tolist()]
    np.testing.assert_allclose(mills(t) * bell(t), wanted, rtol=0, atol=exact / 2)
    np.testing.assert_allclose(mills(t[:101]), 0.5 * special.erfcx(t[:101] / math.sqrt(2)), rtol=exact)


def test_selu_keeps_mean_0_and_variance_1_of_a_normal_input() -> None:
    nodes, weights = np.polynomial.legendre.leggauss(400)
    z, weights = 10 * nodes, 10 * weights * np.exp(-50 * nodes**2) / math.sqrt(2 * math.pi)
    h = ACTIVATIONS["selu"].forward(z)
    assert weights @ h == pytest.approx(0, abs=1e-4)  # nodes straddle the kink
    assert weights @ (h * h) == pytest.approx(1, abs=1e-4)


def test_the_four_controls_separate_centring_from_slope() -> None:
    x = np.linspace(-3, 3, 61)
    f = {name: ACTIVATIONS[name].forward for name in NAMES}
    np.testing.assert_allclose(f["centred_logistic"](x), f["logistic"](x) - 0.5, atol=1e-15)
    np.testing.assert_allclose(f["steep_centred_logistic"](x), f["steep_logistic"](x) - 0.5, atol=1e-15)
    np.testing.assert_allclose(f["steep_logistic"](x), f["logistic"](4 * x), atol=1e-15)
    np.testing.assert_allclose(f["tanh"](x), 2 * f["logistic"](2 * x) - 1, atol=1e-15)
    at_zero = {name: ACTIVATIONS[name].slope(np.zeros(1))[0] for name in NAMES}
    assert at_zero["logistic"] == at_zero["centred_logistic"] == 0.25
    assert at_zero["tanh"] == at_zero["steep_logistic"] == at_zero["steep_centred_logistic"] == 1.0


def test_lecun_tanh_has_its_published_constants() -> None:
    activation = ACTIVATIONS["lecun_tanh"]
    assert activation.forward(np.ones(1))[0] == pytest.approx(1, abs=4e-6)
    assert activation.slope(np.zeros(1))[0] == pytest.approx(1.1439, abs=5e-5)


def test_saturation_begins_where_the_definition_puts_it() -> None:
    for name, edge in (("logistic", 4.36), ("tanh", 2.18)):
        low, high = ACTIVATIONS[name].slope_ratio(np.array([edge + 0.005, edge - 0.005]))
        assert low < 0.05 < high
