"""Initialisers: distributions against closed forms and scipy.stats, pairing across schemes, the text form."""

import hashlib
import itertools
import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.registries.initialisers import (
    INITIALISERS,
    TRUNCATED_STD,
    Floats,
    Place,
    Value,
    Values,
    canonical,
    parse,
    variance_scaling,
)
from tests.schemes import one_scheme

SHAPE = (300, 200)

# Mean square of a weight by (fan_in, fan_out), from the papers, and the argument it is for.
MEAN_SQUARE: dict[str, tuple[Value | Values | None, Callable[[int, int], float]]] = {
    "zeros": (None, lambda i, o: 0),
    "constant": (-0.3, lambda i, o: 0.09),
    "uniform": (0.6, lambda i, o: 0.12),
    "normal": (0.7, lambda i, o: 0.49),
    "truncated_normal": (0.7, lambda i, o: 0.49),
    "plain_truncated_normal": (0.7, lambda i, o: 0.49 * TRUNCATED_STD**2),
    "glorot_uniform": (None, lambda i, o: 2 / (i + o)),
    "glorot_normal": (None, lambda i, o: 2 / (i + o)),
    "he_uniform": (None, lambda i, o: 2 / i),
    "he_normal": (None, lambda i, o: 2 / i),
    "lecun_uniform": (None, lambda i, o: 1 / i),
    "lecun_normal": (None, lambda i, o: 1 / i),
    "orthogonal": (None, lambda i, o: 1 / max(i, o)),
    "fan_in_uniform": (None, lambda i, o: 1 / (3 * i)),
    "variance_scaling": ((2, "fan_out", "normal"), lambda i, o: 2 / o),
    "sparse": (15, lambda i, o: 15 / i),
    "sparse_share": ((0.6, 0.5), lambda i, o: 0.4 * 0.25),
    "identity": (None, lambda i, o: 1 / max(i, o)),
    "lsuv": (None, lambda i, o: 1 / max(i, o)),
    "looks_linear": (None, lambda i, o: 2 / max(i, o)),
    "random_walk": ("linear", lambda i, o: math.exp(1 / i) / i),
    "depth_scaled": (None, lambda i, o: 2 / (3 * i)),
}
# Largest absolute weight, as a multiple of the std.
UNIFORM = ("uniform", "glorot_uniform", "he_uniform", "lecun_uniform", "fan_in_uniform")
TRUNCATED = ("truncated_normal", "plain_truncated_normal", "glorot_normal", "he_normal", "lecun_normal")
BOUND = dict.fromkeys(UNIFORM, math.sqrt(3)) | dict.fromkeys(TRUNCATED, 2 / TRUNCATED_STD)


def draw(name: str, shape: tuple[int, int] = SHAPE, seed: int = 0, **options: object) -> Floats:
    argument = MEAN_SQUARE[name][0]
    return INITIALISERS[name](np.random.default_rng(seed), shape, argument, **options)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("name", INITIALISERS)
@pytest.mark.parametrize("shape", [SHAPE, (100, 600)])
def test_mean_and_mean_square_are_the_formulas(name: str, shape: tuple[int, int]) -> None:
    weights = draw(name, shape)
    square = weights**2
    root_n = math.sqrt(weights.size)
    expected = MEAN_SQUARE[name][1](*shape)
    assert abs(square.mean() - expected) <= 4.5 * square.std() / root_n + 1e-12
    if name not in ("constant", "identity"):
        assert abs(weights.mean()) <= 4.5 * weights.std() / root_n


def test_every_scheme_has_its_formula_in_these_tests() -> None:
    assert set(MEAN_SQUARE) == set(INITIALISERS)
    assert all(name == initialiser.name for name, initialiser in INITIALISERS.items())


@pytest.mark.parametrize("name", BOUND)
def test_bounded_schemes_reach_and_never_pass_their_bound(name: str) -> None:
    weights = draw(name)
    bound = BOUND[name] * math.sqrt(MEAN_SQUARE[name][1](*SHAPE))
    assert 0.99 * bound < np.abs(weights).max() <= bound * (1 + 1e-12)


@pytest.mark.parametrize(
    ("distribution", "reference"),
    [
        ("uniform", stats.uniform(-math.sqrt(3), 2 * math.sqrt(3))),
        ("normal", stats.norm()),
        ("truncated_normal", stats.truncnorm(-2, 2, scale=1 / TRUNCATED_STD)),
    ],
)
def test_shapes_of_the_distributions_are_those_of_scipy(distribution: str, reference: object) -> None:
    weights = variance_scaling(np.random.default_rng(1), SHAPE, SHAPE[0], "fan_in", distribution)  # type: ignore[arg-type]
    assert stats.kstest(weights.ravel(), reference.cdf).pvalue > 0.001  # type: ignore[attr-defined]


def test_truncation_constant_is_the_std_of_a_normal_cut_at_two() -> None:
    assert pytest.approx(stats.truncnorm(-2, 2).std(), rel=1e-12) == TRUNCATED_STD


def test_variance_scaling_divides_by_the_fan_of_its_mode() -> None:
    square = {
        mode: (variance_scaling(np.random.default_rng(0), (50, 150), 1, mode, "normal") ** 2).mean()
        for mode in ("fan_in", "fan_out", "fan_avg")
    }
    assert square["fan_in"] / square["fan_out"] == pytest.approx(3)
    assert square["fan_in"] / square["fan_avg"] == pytest.approx(2)


@pytest.mark.parametrize("name", ["orthogonal", "lsuv"])
@pytest.mark.parametrize("shape", [(40, 40), (64, 10), (10, 64), (1, 5), (5, 1)])
def test_orthogonal_has_orthonormal_columns_or_rows(name: str, shape: tuple[int, int]) -> None:
    weights = draw(name, shape)
    product = weights.T @ weights if shape[0] >= shape[1] else weights @ weights.T
    assert weights.shape == shape
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-12)


def test_orthogonal_is_haar_so_signs_of_the_diagonal_are_free() -> None:
    # Without the sign fix, QR gives matrices whose trace is far from 0: the Haar trace has mean 0 and variance 1.
    traces = [np.trace(draw("orthogonal", (8, 8), seed)) for seed in range(400)]
    assert abs(np.mean(traces)) < 4.5 / math.sqrt(400)
    assert abs(np.var(traces) - 1) < 4.5 * math.sqrt(2 / 400)


@pytest.mark.parametrize(("fan_in", "k", "expected"), [(100, 15, 15), (20, 1, 1), (10, 15, 10)])
def test_sparse_gives_every_unit_k_incoming_weights(fan_in: int, k: int, expected: int) -> None:
    weights = INITIALISERS["sparse"](np.random.default_rng(0), (fan_in, 30), k)
    assert (np.count_nonzero(weights, axis=0) == expected).all()


def test_sparse_chooses_inputs_evenly_and_draws_standard_normals() -> None:
    weights = INITIALISERS["sparse"](np.random.default_rng(0), (20, 5000), 5)
    counts = np.count_nonzero(weights, axis=1)
    assert np.abs(counts - 1250).max() < 4.5 * math.sqrt(5000 * 0.25 * 0.75)
    assert stats.kstest(weights[weights != 0], "norm").pvalue > 0.001


def test_identity_zeros_and_constant_are_exact() -> None:
    np.testing.assert_array_equal(draw("identity", (2, 3)), [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(draw("zeros", (2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(draw("constant", (2, 3)), np.full((2, 3), -0.3))


def test_one_seed_gives_common_random_numbers_across_schemes() -> None:
    normal = draw("normal")
    for name in UNIFORM:
        uniform = draw(name)
        np.testing.assert_array_equal(np.sign(uniform), np.sign(normal))
        np.testing.assert_array_equal(uniform.argsort(axis=None), normal.argsort(axis=None))
    kept = np.abs(normal / 0.7) <= 2
    for name in TRUNCATED:
        ratio = draw(name)[kept] / normal[kept]
        np.testing.assert_allclose(ratio, ratio[0])
    sparse = draw("sparse")
    np.testing.assert_allclose(sparse[sparse != 0], normal[sparse != 0] / 0.7)


@pytest.mark.parametrize("name", INITIALISERS)
def test_gain_multiplies_the_same_draws(name: str) -> None:
    np.testing.assert_array_equal(draw(name, gain=2.0), 2 * draw(name))


@pytest.mark.parametrize("name", INITIALISERS)
def test_float32_weights_are_the_float64_ones_rounded(name: str) -> None:
    single = draw(name, dtype=np.float32)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, draw(name).astype(np.float32))


@pytest.mark.parametrize("name", INITIALISERS)
def test_seed_decides_the_weights(name: str) -> None:
    random = name not in ("zeros", "constant", "identity")
    np.testing.assert_array_equal(draw(name, seed=3), draw(name, seed=3))
    assert (draw(name, seed=3) != draw(name, seed=4)).any() == random


@pytest.mark.parametrize("name", INITIALISERS)
def test_initialisers_are_small_to_pickle_and_described_in_one_line(name: str) -> None:
    initialiser = INITIALISERS[name]
    assert pickle.loads(pickle.dumps(initialiser)) == initialiser
    assert len(pickle.dumps(initialiser)) < 600
    assert 20 < len(initialiser.summary) < 120
    assert initialiser.summary.endswith(".")


@pytest.mark.parametrize("name", INITIALISERS)
def test_what_an_entry_says_of_its_weights_is_so(name: str) -> None:
    drawn = np.stack([INITIALISERS[name](np.random.default_rng(seed), (6, 12)) for seed in range(2000)])
    equal = bool((drawn == drawn[:, :, :1]).all())
    twins = bool((drawn[:, :, :6] == -drawn[:, :, 6:]).all()) and not (drawn == 0).any()  # not what theory knows of
    assert INITIALISERS[name].starts_equal == equal
    assert ("start equal and stay so" in INITIALISERS[name].summary) == equal
    mean, error = drawn.mean(), drawn.std() / math.sqrt(drawn.size)
    differ = bool((drawn[0] != drawn[1]).any())
    assert INITIALISERS[name].random == (differ and abs(mean) <= 5 * error and not twins)
    assert INITIALISERS[name].independent == (
        name not in ("orthogonal", "sparse", "sparse_share", "identity", "lsuv") and not twins
    )


def test_only_lsuv_needs_data() -> None:
    assert [name for name, initialiser in INITIALISERS.items() if initialiser.data_driven] == ["lsuv"]


@pytest.mark.parametrize(
    ("text", "expected", "spelling"),
    [
        ("normal:0.01", ("normal", (0.01,)), "normal:0.01"),
        (" normal:1e-2 ", ("normal", (0.01,)), "normal:0.01"),
        ("normal:1.0", ("normal", (1.0,)), "normal:1"),
        ("normal", ("normal", (0.01,)), "normal:0.01"),
        ("sparse", ("sparse", (15,)), "sparse:15"),
        ("constant:-0.0", ("constant", (0.0,)), "constant:0"),
        ("he_normal", ("he_normal", ()), "he_normal"),
        ("normal:0.5:0.1", ("normal", (0.5, 0.1)), "normal:0.5:0.1"),
        ("normal:0:0.1", ("normal", (0.1,)), "normal:0.1"),
        ("uniform:0:1", ("uniform", (0.0, 1.0)), "uniform:0:1"),
        ("uniform:-0.5:0.5", ("uniform", (0.5,)), "uniform:0.5"),
        ("sparse:3:1", ("sparse", (3,)), "sparse:3"),
        ("sparse_:0.8:0.01", ("sparse_share", (0.8,)), "sparse_share:0.8"),
        ("orthogonal:1", ("orthogonal", ()), "orthogonal"),
        ("lsuv:0.5", ("lsuv", (0.5,)), "lsuv:0.5"),
        ("random_walk:ReLU", ("random_walk", ("relu",)), "random_walk:relu"),
        (
            "VarianceScaling",
            ("variance_scaling", (1, "fan_in", "truncated_normal")),
            "variance_scaling:1:fan_in:truncated_normal",
        ),
        (
            "variance_scaling:2:Fan-Out",
            ("variance_scaling", (2, "fan_out", "truncated_normal")),
            "variance_scaling:2:fan_out:truncated_normal",
        ),
        ("kaiming_normal_", ("variance_scaling", (2, "fan_in", "normal")), "variance_scaling:2:fan_in:normal"),
    ],
)
def test_text_forms_are_parsed_and_spelled_in_one_way(text: str, expected: tuple[str, Values], spelling: str) -> None:
    assert parse(text) == expected
    assert canonical(text) == spelling


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("glorot_unifrom", [*INITIALISERS, "'glorot_unifrom'", "allowed: ", "nearest: 'glorot_uniform'"]),
        ("Xavier", ["'Xavier'", "nearest:"]),
        ("", ["''", "allowed:"]),
        ("<script>alert(1)</script>", ["allowed:"]),
        ("x" * 10_000, ["xxx…", "allowed:"]),
        ("normal:", ["'normal:'", "std or mean:std, std from 0 to 1000", "normal:0.01 or normal:0.5:0.01"]),
        ("uniform:1:0", ["a low below its high", "uniform:0:1"]),
        ("variance_scaling:1:fan_in:flat", ["uniform or normal or truncated_normal"]),
        ("normal:wide", ["'normal:wide'", "std from 0 to 1000"]),
        ("normal:nan", ["std from 0 to 1000"]),
        ("normal:inf", ["std from 0 to 1000"]),
        ("normal:-1", ["std from 0 to 1000"]),
        ("normal:0.1:2:3", ["std from 0 to 1000"]),
        ("normal:" + "9" * 10_000, ["std from 0 to 1000"]),
        ("sparse:1.5", ["k from 1 to 10000, a whole number"]),
        ("sparse:0", ["k from 1 to 10000"]),
        ("zeros:1", ["'zeros:1'", "takes no argument"]),
    ],
)
def test_wrong_text_is_refused_in_one_line_with_what_is_allowed(text: str, parts: list[str]) -> None:
    with pytest.raises(ValueError, match="initialiser") as error:
        parse(text)
    message = str(error.value)
    assert all(part in message for part in parts), message
    assert "\n" not in message
    assert len(message) < 400


@given(one_scheme())
@settings(max_examples=200, deadline=None, database=None)
def test_every_scheme_survives_the_round_trip_through_text(text: str) -> None:
    name, values = parse(text)
    spelling = canonical(text)
    assert parse(spelling) == (name, values)
    assert canonical(spelling) == spelling
    weights = INITIALISERS[name](np.random.default_rng(0), (6, 4), values)
    assert np.isfinite(weights).all()
    given = text.split(":")[1:]
    np.testing.assert_array_equal(INITIALISERS[name](np.random.default_rng(0), (6, 4), given), weights)


@given(
    st.text(max_size=60) | st.from_regex(r"(normal|sparse|zeros|uniform|lsuv)(:[-+.e0-9a-z]{0,8}){0,3}", fullmatch=True)
)
@settings(max_examples=150, deadline=None, database=None)
def test_any_text_is_either_a_scheme_or_one_line_of_error(text: str) -> None:
    message = ""
    try:
        name, value = parse(text)
    except ValueError as error:
        message = str(error)
    else:
        INITIALISERS[name](np.random.default_rng(0), (3, 2), value)
    assert (not message) or "allowed: " in message
    assert "\n" not in message


def test_calls_check_their_argument() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="takes no argument"):
        INITIALISERS["zeros"](rng, (2, 2), 1.0)
    with pytest.raises(ValueError, match="std from 0 to 1000"):
        INITIALISERS["normal"](rng, (2, 2), -1.0)


# Weights of seed 3, shapes (30, 20) and (7, 16), as they were before schemes took several arguments: sha256 of float64.
BEFORE = {
    "zeros": "8127d66ebb730846",
    "constant": "79dc27459ae449b3",
    "uniform": "50ac607bb3682b43",
    "normal": "c596f1b48ec14b45",
    "truncated_normal": "03258f714b5fe4d8",
    "glorot_uniform": "b17869210806f160",
    "glorot_normal": "1bde27aa8b904e0e",
    "he_uniform": "f3e55151c8f7b7c6",
    "he_normal": "813caeebc091184c",
    "lecun_uniform": "6fec5cd1fb9ac9af",
    "lecun_normal": "6e184834110472ad",
    "fan_in_uniform": "07c00aca6c063df4",
    "sparse": "88eff21ce17c99cd",
    "identity": "e2b9892ec8b3a46f",
}


@pytest.mark.parametrize("name", BEFORE)
def test_old_texts_draw_the_weights_that_they_drew_before_to_the_bit(name: str) -> None:
    drawn = [INITIALISERS[name](np.random.default_rng(3), shape) for shape in ((30, 20), (7, 16))]
    assert hashlib.sha256(b"".join(weights.tobytes() for weights in drawn)).hexdigest()[:16] == BEFORE[name]


@pytest.mark.parametrize(
    ("text", "mean", "std", "low", "high"),
    [
        ("normal:0.5:0.1", 0.5, 0.1, -math.inf, math.inf),
        ("truncated_normal:-2:0.1", -2, 0.1, -2 - 0.2275, -2 + 0.2275),
        ("plain_truncated_normal:3:0.1", 3, 0.1 * TRUNCATED_STD, 2.8, 3.2),
        ("uniform:0:1", 0.5, math.sqrt(1 / 12), 0, 1),
        ("uniform:-3:-1", -2, math.sqrt(4 / 12), -3, -1),
        ("sparse:100:0.2", 0, 0.2 * math.sqrt(100 / 300), -math.inf, math.inf),
        ("orthogonal:3", 0, 3 / math.sqrt(300), -3, 3),
        ("variance_scaling:3:fan_avg:uniform", 0, math.sqrt(3 / 250), -3 / math.sqrt(250), 3 / math.sqrt(250)),
        ("random_walk:relu", 0, math.sqrt(2 / 300) * math.exp(1.2 / 297.6), -math.inf, math.inf),
    ],
)
def test_several_arguments_set_mean_spread_and_ends(
    text: str, mean: float, std: float, low: float, high: float
) -> None:
    name, values = parse(text)
    weights = INITIALISERS[name](np.random.default_rng(5), SHAPE, values)
    root_n = math.sqrt(weights.size)
    assert weights.mean() == pytest.approx(mean, abs=4.5 * std / root_n)
    assert weights.std() == pytest.approx(std, rel=4.5 / root_n * 2)
    assert low <= weights.min()
    assert weights.max() <= high


def test_a_mean_or_an_end_moves_the_same_draws() -> None:
    plain, moved = (INITIALISERS["normal"](np.random.default_rng(0), SHAPE, v) for v in ((0.1,), (0.5, 0.1)))
    np.testing.assert_array_equal(moved, 0.5 + plain)
    plain, moved = (INITIALISERS["uniform"](np.random.default_rng(0), SHAPE, v) for v in ((0.5,), (0, 1)))
    np.testing.assert_array_equal(moved, 0.5 + plain)


def test_weights_with_a_mean_are_not_random_about_0() -> None:
    assert not INITIALISERS["uniform"].about_0((0, 1))
    assert INITIALISERS["uniform"].about_0((1,))
    assert not INITIALISERS["normal"].about_0((0.5, 0.1))
    assert INITIALISERS["sparse"].about_0((3, 0.5))


def test_looks_linear_networks_of_relu_are_linear_and_keep_lengths_and_angles() -> None:
    rng = np.random.default_rng(2)
    sizes = (12, 24, 24, 24, 12)
    h = x = rng.standard_normal((50, 12))
    for layer, shape in enumerate(itertools.pairwise(sizes), 1):
        h = np.maximum(h, 0) if layer > 1 else h
        h = h @ INITIALISERS["looks_linear"](rng, shape, place=Place(layer, 4))
    np.testing.assert_allclose(h @ h.T, x @ x.T, atol=1e-12)


@pytest.mark.parametrize(("function", "width"), [("linear", 4), ("linear", 30), ("relu", 30), ("relu", 100)])
def test_a_random_walk_keeps_the_mean_log_of_the_gradients_norm(function: str, width: int) -> None:
    # One layer back: delta' = f' * (W delta), each f' of relu 0 or 1 with chance 1/2; He's scale loses here.
    rng = np.random.default_rng(0)
    logs = []
    for _ in range(4000):
        weights = INITIALISERS["random_walk"](rng, (width, width), function)
        delta = rng.standard_normal(width)
        passed = rng.random(width) < 0.5 if function == "relu" else np.ones(width)
        logs.append(math.log(np.linalg.norm(passed * (weights @ delta)) / np.linalg.norm(delta)))
    plain = {"linear": 0.5 / width, "relu": 1.2 / (width - 2.4)}[function]  # what a gain without the correction loses
    # The exponent of a linear layer is the first term of a series, that of relu the authors' fit.
    assert abs(np.mean(logs)) < 4.5 * np.std(logs) / math.sqrt(len(logs)) + 0.1 * plain


def test_sparse_share_zeroes_that_share_of_each_inputs_outgoing_weights_rounded_up() -> None:
    weights = INITIALISERS["sparse_share"](np.random.default_rng(0), (40, 11), 0.5)
    assert (np.count_nonzero(weights, axis=1) == 5).all()
