"""Initialisers: distributions against closed forms and scipy.stats, pairing across schemes, the text form."""

import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core.registries.initialisers import INITIALISERS, TRUNCATED_STD, Floats, canonical, parse, variance_scaling

SHAPE = (300, 200)

# Mean square of a weight by (fan_in, fan_out), from the papers, and the argument it is for.
MEAN_SQUARE: dict[str, tuple[float | None, Callable[[int, int], float]]] = {
    "zeros": (None, lambda i, o: 0),
    "constant": (-0.3, lambda i, o: 0.09),
    "uniform": (0.6, lambda i, o: 0.12),
    "normal": (0.7, lambda i, o: 0.49),
    "truncated_normal": (0.7, lambda i, o: 0.49),
    "glorot_uniform": (None, lambda i, o: 2 / (i + o)),
    "glorot_normal": (None, lambda i, o: 2 / (i + o)),
    "he_uniform": (None, lambda i, o: 2 / i),
    "he_normal": (None, lambda i, o: 2 / i),
    "lecun_uniform": (None, lambda i, o: 1 / i),
    "lecun_normal": (None, lambda i, o: 1 / i),
    "orthogonal": (None, lambda i, o: 1 / max(i, o)),
    "fan_in_uniform": (None, lambda i, o: 1 / (3 * i)),
    "sparse": (15, lambda i, o: 15 / i),
    "identity": (None, lambda i, o: 1 / max(i, o)),
    "lsuv": (None, lambda i, o: 1 / max(i, o)),
}
# Largest absolute weight, as a multiple of the std.
UNIFORM = ("uniform", "glorot_uniform", "he_uniform", "lecun_uniform", "fan_in_uniform")
TRUNCATED = ("truncated_normal", "glorot_normal", "he_normal", "lecun_normal")
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
    assert len(pickle.dumps(initialiser)) < 500
    assert 20 < len(initialiser.summary) < 120
    assert initialiser.summary.endswith(".")


@pytest.mark.parametrize("name", INITIALISERS)
def test_what_an_entry_says_of_its_weights_is_so(name: str) -> None:
    drawn = np.stack([INITIALISERS[name](np.random.default_rng(seed), (6, 5)) for seed in range(2000)])
    equal = bool((drawn == drawn[:, :, :1]).all())
    assert INITIALISERS[name].starts_equal == equal
    assert ("start equal and stay so" in INITIALISERS[name].summary) == equal
    mean, error = drawn.mean(), drawn.std() / math.sqrt(drawn.size)
    differ = bool((drawn[0] != drawn[1]).any())
    assert INITIALISERS[name].random == (differ and abs(mean) <= 5 * error)


def test_only_lsuv_needs_data() -> None:
    assert [name for name, initialiser in INITIALISERS.items() if initialiser.data_driven] == ["lsuv"]


@pytest.mark.parametrize(
    ("text", "expected", "spelling"),
    [
        ("normal:0.01", ("normal", 0.01), "normal:0.01"),
        (" normal:1e-2 ", ("normal", 0.01), "normal:0.01"),
        ("normal:1.0", ("normal", 1.0), "normal:1"),
        ("normal", ("normal", 0.01), "normal:0.01"),
        ("sparse", ("sparse", 15), "sparse:15"),
        ("constant:-0.0", ("constant", 0.0), "constant:0"),
        ("he_normal", ("he_normal", None), "he_normal"),
    ],
)
def test_text_forms_are_parsed_and_spelled_in_one_way(
    text: str, expected: tuple[str, float | None], spelling: str
) -> None:
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
        ("normal:", ["'normal:'", "normal:std, std from 0 to 1000"]),
        ("normal:wide", ["'normal:wide'", "std from 0 to 1000"]),
        ("normal:nan", ["std from 0 to 1000"]),
        ("normal:inf", ["std from 0 to 1000"]),
        ("normal:-1", ["std from 0 to 1000"]),
        ("normal:0.1:2", ["std from 0 to 1000"]),
        ("normal:" + "9" * 10_000, ["std from 0 to 1000"]),
        ("sparse:1.5", ["k from 1 to 10000, a whole number"]),
        ("sparse:0", ["k from 1 to 10000"]),
        ("identity:1", ["'identity:1'", "takes no argument"]),
    ],
)
def test_wrong_text_is_refused_in_one_line_with_what_is_allowed(text: str, parts: list[str]) -> None:
    with pytest.raises(ValueError, match="initialiser") as error:
        parse(text)
    message = str(error.value)
    assert all(part in message for part in parts), message
    assert "\n" not in message
    assert len(message) < 400


@given(st.data())
@settings(max_examples=60, deadline=None, database=None)
def test_every_scheme_survives_the_round_trip_through_text(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(INITIALISERS)))
    argument = INITIALISERS[name].argument
    value: float | None = None
    text = name
    if argument is not None:
        numbers = st.integers(1, 10_000) if argument.integer else st.floats(argument.low, argument.high)
        value = data.draw(numbers)
        text = f"{name}:{value}"
    assert parse(text) == (name, value)
    assert parse(canonical(text)) == (name, value)
    assert canonical(canonical(text)) == canonical(text)


@given(st.text(max_size=60) | st.from_regex(r"(normal|sparse|zeros)(:[-+.e0-9a-z]{0,8})?", fullmatch=True))
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
