"""core.engine.measures and core.engine.recording against slow loops written from the definitions."""

import itertools
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import autograd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from core.engine import measures
from core.experiment.experiment import Experiment
from core.machine import sorting
from core.registries.activations import ACTIVATIONS
from core.results.results import Result, collect
from core.schema import LEVELS, PERCENTILES
from tests.engine import at_start, change, data_of, explicit, states, train
from tests.test_activations import FORMULAS, SLOPES
from tests.test_network import mean_loss
from tests.test_training import IRIS, weights_by_hand

Array = NDArray[Any]

SMALL = change(IRIS, batch_size=8, probe=30, epochs=3, record="0,3", hidden=(5, 4), initialiser="normal:1.5")
LARGE_BATCH = change(SMALL, batch_size=40, activation="logistic")
FULL_BATCH = change(SMALL, batch_size=0, activation="softsign")
BINARY = change(SMALL, dataset="two_moons", samples=60, loss="squared_error", activation="logistic", probe=0)
WIDE = change(
    IRIS, hidden="none", dataset="digits", batch_size=701, probe=100, epochs=1, record="0", initialiser="zeros"
)
CASES = {"batch 8": SMALL, "batch 40 over a probe of 30": LARGE_BATCH, "full batch": FULL_BATCH, "two classes": BINARY}

every_case = pytest.mark.parametrize("case", list(CASES))


@lru_cache
def trained(experiment: Experiment) -> tuple[Result, list[tuple[Array, Array]]]:
    """The result and the final parameters of one run."""
    state, records = states(experiment, experiment.runs(), 100)
    return collect(experiment, records), explicit(state)


def layer_rows(experiment: Experiment) -> list[dict[str, Any]]:
    """The last rows of the layers table."""
    layers = trained(experiment)[0].layers
    return [
        {str(k): v for k, v in row.items()}
        for row in layers[layers["epoch"] == layers["epoch"].max()].to_dict("records")
    ]


@lru_cache
def passes(experiment: Experiment) -> tuple[list[Array], list[Array]]:
    """Pre-activations and activations of the probe at the end, (examples, units) per layer, from the formulas."""
    _, parameters = trained(experiment)
    x = data_of(experiment).train_x[: experiment.probe or None]
    sums, outputs, below = [], [], x
    for i, (w, b) in enumerate(parameters):
        a = np.array([[sum(row[k] * w[k, j] for k in range(len(row))) + b[j] for j in range(len(b))] for row in below])
        sums.append(a)
        if i < len(parameters) - 1:
            below = FORMULAS[experiment.activation[0]](a)
            outputs.append(below)
    return sums, outputs


@lru_cache
def gradients(experiment: Experiment) -> list[list[tuple[Array, Array]]]:
    """Autograd's gradient of every single training example at the end."""
    _, parameters = trained(experiment)
    data = data_of(experiment)
    gradient = autograd.grad(mean_loss)
    return [
        gradient(
            parameters, data.train_x[i : i + 1], data.train_y[i : i + 1], experiment.activation[0], experiment.loss
        )
        for i in range(len(data.train_y))
    ]


def neurons(experiment: Experiment, layer: int, level: str) -> list[list[float]]:
    """Incoming weight gradients of every neuron of a layer: of each probe example, mini-batch, or the training set."""
    every = [layers[layer][0] for layers in gradients(experiment)]
    probe = experiment.probe or len(every)
    batch = experiment.batch_size[0] or len(every)
    if level == "example":
        parts = every[:probe]
    elif level == "batch":
        starts = range(0, probe - batch + 1, batch)[:8] or [0]  # a batch larger than the probe: its first
        parts = [np.mean(every[i : i + batch], axis=0) for i in starts]
    else:
        parts = [np.mean(every, axis=0)]
    return [part[:, j].tolist() for part in parts for j in range(part.shape[1])]


def signs(gradient: list[float]) -> tuple[int, int]:
    return sum(g > 0 for g in gradient), sum(g < 0 for g in gradient)


# Activations and saturation


@every_case
def test_moments_and_percentiles_are_those_of_all_examples_and_units(case: str) -> None:
    experiment = CASES[case]
    sums, outputs = passes(experiment)
    for layer, row in enumerate(layer_rows(experiment)):
        quantities = {"preactivation": sums[layer]}
        if layer < len(outputs):
            quantities["activation"] = outputs[layer]
        else:
            assert math.isnan(row["activation_mean"])
        for name, values in quantities.items():
            ordered = sorted(values.ravel())
            assert row[f"{name}_mean"] == pytest.approx(math.fsum(ordered) / len(ordered), rel=1e-9, abs=1e-12)
            assert row[f"{name}_std"] == pytest.approx(float(np.std(ordered)), rel=1e-9)
            for p in PERCENTILES:
                nearest = ordered[round(p / 100 * (len(ordered) - 1))]
                assert row[f"{name}_p{p:02d}"] == pytest.approx(nearest, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("threshold", [0.05, 0.3])
@every_case
def test_saturated_shares_are_counts_of_flat_units(case: str, threshold: float) -> None:
    experiment = change(CASES[case], saturation_threshold=threshold)
    sums, _ = passes(experiment)
    name = experiment.activation[0]
    flattest = 0.0
    for layer, row in enumerate(layer_rows(experiment)[:-1]):
        a = sums[layer]
        flat = SLOPES[name](a) / SLOPES[name](np.zeros(1)) < threshold
        count = a.size
        assert row["saturated_low"] == sum(bool(f) and v < 0 for f, v in zip(flat.flat, a.flat, strict=True)) / count
        assert row["saturated_high"] == sum(bool(f) and v > 0 for f, v in zip(flat.flat, a.flat, strict=True)) / count
        assert row["saturated"] == pytest.approx(row["saturated_low"] + row["saturated_high"])
        neurons_flat = [np.mean(flat[:, j]) >= 0.95 for j in range(a.shape[1])]
        assert row["saturated_neurons"] == pytest.approx(np.mean(neurons_flat))
        flattest = max(flattest, row["saturated"])
    assert flattest > 0, "nothing saturates here: the test shows nothing"


def test_the_output_layer_has_no_activation_and_no_saturation() -> None:
    row = layer_rows(SMALL)[-1]
    assert row["role"] == "output"
    missing = {name for name, value in row.items() if isinstance(value, float) and math.isnan(value)}
    assert {"activation_mean", "saturated", "saturated_low", "saturated_high", "saturated_neurons"} <= missing


def test_a_neuron_is_saturated_from_95_per_cent_of_the_examples_on() -> None:
    a = np.zeros((1, 1, 3, 100))
    for unit, saturated in enumerate((94, 95, 100)):
        a[0, 0, unit, :saturated] = -9.0
    columns = measures.saturation(a, ACTIVATIONS["tanh"], 0.05)
    assert columns["saturated_neurons"].item() == pytest.approx(2 / 3)
    assert columns["saturated_low"].item() == (94 + 95 + 100) / 300
    assert columns["saturated_high"].item() == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_at_a_threshold_of_1_every_slope_below_the_largest_is_saturated(name: str, dtype: str) -> None:
    smooth = name in SLOPES  # their slope is the largest at 0 alone, however little it falls next to it
    tiny = float(np.finfo(dtype).tiny)
    values = [-1e30, -2.0, -1.0, -0.5, -1e-9, -tiny, 0.0, tiny, 1e-9, 0.5, 1.0, 2.0, 1e30]
    a = np.array(values, dtype).reshape(1, 1, 1, -1)
    steepest = ACTIVATIONS[name].slope(a).ravel() == ACTIVATIONS[name].max_slope
    flat = np.array(values) != 0 if smooth else ~steepest
    if name in ("elu", "selu"):  # below 0 e^a is less than 1, however little
        flat |= np.array(values) < 0
    columns = measures.saturation(a, ACTIVATIONS[name], 1.0)
    assert columns["saturated"].item() == flat.mean()
    assert columns["saturated_low"].item() == (flat & (np.array(values) < 0)).mean()
    assert columns["saturated_high"].item() == (flat & (np.array(values) > 0)).mean()


@pytest.mark.parametrize(("name", "flat"), [("relu", 1.0), ("leaky_relu", 1.0), ("tanh", 0.0), ("hard_tanh", 0.0)])
def test_units_flat_at_0_are_saturated_though_neither_low_nor_high(name: str, flat: float) -> None:
    columns = measures.saturation(np.zeros((1, 1, 3, 20), np.float32), ACTIVATIONS[name], 0.05)
    assert columns["saturated_low"].item() == columns["saturated_high"].item() == 0
    assert columns["saturated"].item() == columns["saturated_neurons"].item() == columns["dead_flat"].item() == flat


def test_a_network_of_zeros_of_relu_is_dead_flat() -> None:
    rows = layer_rows(change(SMALL, initialiser="zeros", activation="relu"))[:-1]
    assert [row["dead_flat"] for row in rows] == [1.0] * len(rows)
    assert [row["saturated"] for row in rows] == [1.0] * len(rows)


def test_the_top_layer_of_a_deep_logistic_network_goes_dead_flat_and_the_others_do_not() -> None:
    # Figure 2 of Glorot & Bengio (2010): "the standard" initialisation, layers of sigmoids.
    deep = change(
        Experiment(),
        activation="logistic",
        initialiser="fan_in_uniform",
        hidden=(100,) * 5,
        learning_rate=2,
        epochs=6,
        seeds=1,
        record="0,1,6",
        statistics="standard",
    )
    layers = train(deep).layers
    flat = layers[layers["role"] == "hidden"].pivot(index="epoch", columns="layer", values="dead_flat")
    assert flat.to_numpy()[0].tolist() == [0] * 5
    assert flat.to_numpy()[-1].tolist() == [0, 0, 0, 0, 1]
    top = layers[(layers["layer"] == 5) & (layers["epoch"] == 6)].iloc[0]
    assert top["saturated_neurons"] == 1


@pytest.mark.parametrize("scale", [1e-44, 1e-40, 1e-30, 1e-23, 1e-20, 1e-12, 1.0, 1e12, 1e19, 1e30, 3e38])
@pytest.mark.parametrize("centre", [0.0, 3.0])
def test_moments_of_float32_neither_underflow_nor_overflow(scale: float, centre: float) -> None:
    values = np.random.default_rng(0).uniform(-0.25, 0.25, (2, 3, 500)) + centre / 4
    values = (scale * values).astype(np.float32)
    found, exact = measures.moments(values, "a"), values.astype(np.float64)
    np.testing.assert_allclose(found["a_mean"], exact.mean(axis=-1), rtol=1e-5, atol=1e-8 * scale)
    np.testing.assert_allclose(found["a_std"], exact.std(axis=-1), rtol=1e-5)


def test_small_weights_in_many_layers_have_a_deviation_in_each() -> None:
    deep = change(
        Experiment(), activation="tanh", initialiser="normal:0.01", hidden=(64,) * 25, seeds=1, epochs=1, record="0"
    )
    single, double = (at_start(change(deep, dtype=dtype)).layers for dtype in ("float32", "float64"))
    for column in ("preactivation_std", "activation_std", "gradient_std"):
        wanted = double[column].dropna()
        np.testing.assert_allclose(single[column].dropna(), wanted, rtol=1e-3)
    assert double["preactivation_std"].min() < 1e-23


def test_large_weights_of_relu_have_a_gradient_of_finite_length() -> None:
    steep = change(Experiment(), activation="relu", initialiser="normal:100", hidden=(64,) * 8, seeds=1, epochs=1)
    single, double = (at_start(change(steep, dtype=dtype)).epochs for dtype in ("float32", "float64"))
    np.testing.assert_allclose(single["gradient_norm"], double["gradient_norm"], rtol=1e-4)
    assert single["gradient_norm"].item() > 1e19


@pytest.mark.parametrize("name", ["logistic", "steep_logistic", "tanh", "centred_logistic", "lecun_tanh", "softsign"])
def test_units_deep_in_saturation_have_a_gradient_and_it_is_counted(name: str) -> None:
    # Weighted sums of some tens: h and its slope round to their limits in float32, and are none.
    scale = {"steep_logistic": 2, "tanh": 4}.get(name, 8)
    experiment = change(SMALL, activation=name, initialiser=f"normal:{scale}", hidden=(6, 4), dtype="float32")
    for row in layer_rows(experiment):
        assert row["no_gradient_example"] == 0
        assert row["no_gradient_epoch"] == 0


# Gradient signs


@pytest.mark.parametrize("level", LEVELS)
@every_case
def test_sign_measures_are_counts_over_explicit_gradients(case: str, level: str) -> None:
    experiment = CASES[case]
    for layer, row in enumerate(layer_rows(experiment)):
        found = [signs(gradient) for gradient in neurons(experiment, layer, level)]
        seen = [(up, down) for up, down in found if up + down > 0]
        assert row[f"no_gradient_{level}"] == pytest.approx(1 - len(seen) / len(found))
        assert row[f"same_sign_{level}"] == pytest.approx(np.mean([up == 0 or down == 0 for up, down in seen]))
        assert row[f"agreement_{level}"] == pytest.approx(np.mean([abs(up - down) / (up + down) for up, down in seen]))


@pytest.mark.parametrize("level", LEVELS)
@every_case
def test_pair_agreement_counts_every_pair_of_a_neurons_weights(case: str, level: str) -> None:
    experiment = CASES[case]
    for layer, row in enumerate(layer_rows(experiment)):
        shares = []
        for gradient in neurons(experiment, layer, level):
            pairs = list(itertools.combinations(np.sign([g for g in gradient if g != 0]), 2))
            if pairs:
                shares.append(np.mean([one == other for one, other in pairs]))
        assert row[f"pair_agreement_{level}"] == pytest.approx(np.mean(shares))


def test_a_neuron_with_one_gradient_has_no_pair() -> None:
    one, two = np.array([1.0, 0.0, 0.0]), np.array([1.0, -2.0, 0.0])
    alone = measures.summarise_signs([measures.gradient_signs(one.reshape(1, 1, 1, 3))])
    both = measures.summarise_signs([measures.gradient_signs(np.stack([one, two]).reshape(1, 1, 2, 3))])
    assert math.isnan(alone.pair_agreement.item())
    assert both.pair_agreement.item() == 0


@pytest.mark.parametrize("level", LEVELS)
@every_case
def test_the_gradient_sign_distribution_counts_every_neuron_in_its_bin(case: str, level: str) -> None:
    experiment = CASES[case]
    histograms = trained(experiment)[0].histograms
    last = histograms[histograms["epoch"] == 3]
    for layer in range(len(trained(experiment)[1])):
        found = [signs(gradient) for gradient in neurons(experiment, layer, level)]
        shares = [up / (up + down) for up, down in found if up + down > 0]
        rows = last[
            (last["layer"] == layer + 1) & (last["quantity"] == "positive_share") & (last["level"] == level)
        ].reset_index(drop=True)
        edges = np.linspace(0, 1, 22)
        expected, _ = np.histogram(shares, edges)
        np.testing.assert_array_equal(rows["left"], edges[:-1][expected > 0])
        np.testing.assert_array_equal(rows["count"], expected[expected > 0])
        np.testing.assert_allclose(rows["density"], expected[expected > 0] / len(shares) * 21)


def test_relu_units_without_gradient_are_left_out_and_reported() -> None:
    experiment = change(SMALL, activation="relu")
    for level in LEVELS:
        row = layer_rows(experiment)[0]
        found = [signs(gradient) for gradient in neurons(experiment, 0, level)]
        seen = [pair for pair in found if sum(pair)]
        assert row[f"no_gradient_{level}"] == pytest.approx(1 - len(seen) / len(found))
        assert row[f"same_sign_{level}"] == pytest.approx(np.mean([0 in pair for pair in seen]))
    assert layer_rows(experiment)[0]["no_gradient_example"] > 0.2


def test_where_no_neuron_has_a_gradient_the_shares_are_missing_and_the_number_left_out_is_all() -> None:
    rows = layer_rows(change(SMALL, initialiser="zeros", activation="tanh", learning_rate=1e-9, record="0"))
    for level in LEVELS:
        assert rows[0][f"no_gradient_{level}"] == pytest.approx(1)
        assert math.isnan(rows[0][f"same_sign_{level}"])
        assert math.isnan(rows[0][f"agreement_{level}"])


SIGNED = st.sampled_from([-2.0, -1e-30, 0.0, 1e-30, 3.0])


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.data())
def test_signs_from_two_factors_are_those_of_their_products(fan_in: int, units: int, examples: int, data: Any) -> None:
    delta = np.array(data.draw(st.lists(SIGNED, min_size=units * examples, max_size=units * examples)))
    below = np.array(data.draw(st.lists(SIGNED, min_size=fan_in * examples, max_size=fan_in * examples)))
    delta, below = delta.reshape(1, 1, units, examples), below.reshape(1, 1, fan_in, examples)
    formed = np.moveaxis(delta[:, :, :, None, :] * below[:, :, None, :, :], -1, 2)
    fast = measures.summarise_signs(measures.example_signs(delta, below))
    slow = measures.summarise_signs([measures.gradient_signs(formed)])
    for name in ("same_sign", "agreement", "pair_agreement", "no_gradient"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-15)
    np.testing.assert_array_equal(
        measures.positive_share_histogram(measures.example_signs(delta, below)),
        measures.positive_share_histogram([measures.gradient_signs(formed)]),
    )


def test_an_examples_signs_survive_products_too_small_for_the_number_format() -> None:
    delta, below = np.full((1, 1, 1, 1), -1e-30, np.float32), np.full((1, 1, 3, 1), 1e-30, np.float32)
    assert measures.summarise_signs(measures.example_signs(delta, below)).no_gradient.item() == 0


# Gradients and weights


@every_case
def test_spreads_of_weights_and_gradients_leave_the_biases_out(case: str) -> None:
    experiment = CASES[case]
    _, parameters = trained(experiment)
    for layer, row in enumerate(layer_rows(experiment)):
        mean = np.mean([layers[layer][0] for layers in gradients(experiment)], axis=0)
        assert row["gradient_std"] == pytest.approx(np.std(mean), rel=1e-8)
        assert row["weight_std"] == pytest.approx(np.std(parameters[layer][0]), rel=1e-9)
        assert (row["fan_in"], row["fan_out"]) == parameters[layer][0].shape


@every_case
def test_the_gradient_norm_takes_all_layers_and_the_biases_in(case: str) -> None:
    experiment = CASES[case]
    parts = [
        np.mean(parts, axis=0)
        for layers in zip(*gradients(experiment), strict=True)
        for parts in zip(*layers, strict=True)
    ]
    expected = math.sqrt(sum(float(np.sum(part**2)) for part in parts))
    assert trained(experiment)[0].epochs["gradient_norm"].iloc[-1] == pytest.approx(expected, rel=1e-9)


@every_case
def test_histograms_count_every_value_between_their_edges(case: str) -> None:
    experiment = CASES[case]
    histograms = trained(experiment)[0].histograms
    last = histograms[histograms["epoch"] == 3]
    sums, outputs = passes(experiment)
    for layer in range(len(sums)):
        mean = np.mean([layers[layer][0] for layers in gradients(experiment)], axis=0)
        wanted = {"preactivation": sums[layer], "gradient": mean}
        if layer < len(outputs):
            wanted["activation"] = outputs[layer]
        for quantity, values in wanted.items():
            rows = last[(last["layer"] == layer + 1) & (last["quantity"] == quantity)].reset_index(drop=True)
            slow = [
                sum(left <= v < right for v in values.flat)
                for left, right in zip(rows["left"], rows["right"], strict=True)
            ]
            slow[-1] += sum(v == rows["right"].iloc[-1] for v in values.flat)
            np.testing.assert_array_equal(rows["count"], slow, err_msg=f"{quantity} {layer}")
            assert rows["count"].sum() == values.size
            bounded = np.isfinite(rows["right"] - rows["left"])
            np.testing.assert_allclose(
                rows["density"][bounded] * (rows["right"] - rows["left"])[bounded] * values.size, rows["count"][bounded]
            )
            assert rows["density"][~bounded].isna().all()


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=50))
def test_every_value_lands_in_exactly_one_bin(values: list[float]) -> None:
    for quantity, name in (("preactivation", "tanh"), ("activation", "relu"), ("gradient", "tanh")):
        counts = sorting.histogram(np.sort(values)[None], measures.bin_edges(quantity, ACTIVATIONS[name]))
        assert counts.sum() == len(values)


ROWS = {
    "spread over both signs": lambda rng: rng.standard_normal((3, 5000)),
    "tiny": lambda rng: 1e-30 * rng.standard_normal((3, 5000)),
    "many of a few values": lambda rng: rng.integers(-3, 4, (3, 5000)) / 4,
    "one row of one value among others": lambda rng: rng.standard_normal((3, 5000)) * [[1.0], [0.0], [9.0]],
    "some without end": lambda rng: np.where(rng.random((3, 5000)) < 0.1, np.inf, -rng.random((3, 5000))),
    "few": lambda rng: rng.standard_normal((3, 7)),
}


@pytest.fixture(params=[True, False], ids=["sorts quickly", "sorts slowly"])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor of either kind, whatever this one is."""
    monkeypatch.setattr(sorting, "sorts_quickly", lambda: request.param)


@pytest.mark.parametrize("case", list(ROWS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.usefixtures("processor")
def test_percentiles_and_counts_are_those_of_the_sorted_values(case: str, dtype: str) -> None:
    values = ROWS[case](np.random.default_rng(5)).astype(dtype)[:, None]
    ordered = np.sort(values, axis=-1)
    ranks = [round(p / 100 * (values.shape[-1] - 1)) for p in PERCENTILES]
    np.testing.assert_array_equal(sorting.percentiles(values), ordered[..., ranks])
    for quantity, name in (("preactivation", "tanh"), ("activation", "tanh"), ("activation", "logistic")):
        edges = measures.bin_edges(quantity, ACTIVATIONS[name])
        within = values.clip(edges[0], edges[-1])
        counts = np.histogram(within[1].clip(-1e9, 1e9), edges.clip(-1e9, 1e9))[0]
        np.testing.assert_array_equal(sorting.even_histogram(within, edges)[1, 0], counts)
        ranked, taken, in_order = sorting.distribution(within, edges)
        np.testing.assert_array_equal(ranked, sorting.percentiles(within))
        np.testing.assert_array_equal(taken, sorting.even_histogram(within, edges))
        assert in_order is None or (in_order[..., :-1] <= in_order[..., 1:]).all()
        for known in (None, in_order, within):  # the last: taken for values in order, and found not to be
            np.testing.assert_array_equal(sorting.counts(within, edges, known), taken)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("quantity", "name"), [("preactivation", "relu"), ("activation", "tanh"), ("activation", "logistic")]
)
def test_values_next_to_an_edge_are_in_the_same_bin_by_either_way_of_counting(
    quantity: str, name: str, dtype: str
) -> None:
    edges = measures.bin_edges(quantity, ACTIVATIONS[name])
    near = [edges[1:-1].astype(dtype)]
    for end in (-np.inf, np.inf):
        step = near[0]
        for _ in range(20):
            step = np.nextafter(step, step.dtype.type(end))
            near.append(step)
    values = np.concatenate([*near, -near[0] * 0.0])[None]
    ordered = np.sort(values, axis=-1)
    first = sorting._first_values(tuple(edges), values.dtype)
    np.testing.assert_array_equal(sorting.histogram(ordered, first), sorting.even_histogram(values, edges))


def test_a_negative_zero_is_a_zero_at_a_rank_too() -> None:
    values = np.full((1, 5000), -0.0, np.float32)
    values[0, ::2] = 0.0
    assert not np.signbit(sorting.percentiles(values)).any()


def test_what_is_not_a_number_stays_in_its_own_row() -> None:
    values = np.random.default_rng(6).standard_normal((3, 5000)).astype(np.float32)
    broken = values.copy()
    broken[1, ::3] = np.nan
    edges = measures.bin_edges("preactivation", ACTIVATIONS["tanh"])
    with np.errstate(invalid="ignore"):
        for given in (lambda v: sorting.even_histogram(v, edges), sorting.percentiles):
            np.testing.assert_array_equal(given(broken)[[0, 2]], given(values)[[0, 2]])


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e4])
def test_moments_in_float32_hold_to_six_digits_far_from_zero_too(offset: float) -> None:
    values = (offset + np.random.default_rng(7).standard_normal((4, 9000))).astype(np.float32)
    exact = values.astype(np.float64)
    found = measures.moments(values, "x")
    np.testing.assert_allclose(found["x_mean"], exact.mean(axis=-1), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found["x_std"], exact.std(axis=-1), rtol=2e-6)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_bins_of_an_activation_cover_its_range_in_ascending_order(name: str) -> None:
    for quantity in ("preactivation", "activation", "gradient", "positive_share"):
        edges = measures.bin_edges(quantity, ACTIVATIONS[name])
        assert (np.diff(edges) > 0).all()
        if quantity == "activation":
            low, high = ACTIVATIONS[name].range
            assert edges[0] <= low
            assert edges[-1] >= high


def test_nothing_half_and_all_positive_lie_inside_a_bin_each() -> None:
    positive, size, weight = (np.array(values)[None, None] for values in ([0, 1, 4], [4, 2, 4], [1, 2, 3]))
    counts = measures.share_histogram(positive, size, weight)[0, 0]
    assert counts.nonzero()[0].tolist() == [0, 10, 20]
    assert counts[[0, 10, 20]].tolist() == [1, 2, 3]


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 21, 42, 64])
def test_turning_all_signs_round_mirrors_the_histogram_of_shares(size: int) -> None:
    """With fan-ins divisible by 3 or 7 some shares fall on the border of two bins."""
    positive = np.arange(size + 1)[None, None]
    sizes, once = np.full_like(positive, size), np.ones_like(positive)
    counts = measures.share_histogram(positive, sizes, once)[0, 0]
    np.testing.assert_array_equal(counts, measures.share_histogram(sizes - positive, sizes, once)[0, 0])
    np.testing.assert_array_equal(counts, counts[::-1])
    assert counts.sum() == size + 1


def test_a_mini_batch_beyond_the_probe_is_the_first_of_the_training_set() -> None:
    """701 examples against a probe of 100; with zero weights every output is 1/10, and the gradient plain."""
    row = layer_rows(WIDE)[0]
    data = data_of(WIDE)
    onehot = np.eye(10)[data.train_y[:701]]
    gradient = data.train_x[:701].T @ (0.1 - onehot)
    found = [signs(gradient[:, j].tolist()) for j in range(10)]
    start = trained(WIDE)[0].layers.query("epoch == 0").iloc[0]
    assert start["agreement_batch"] == pytest.approx(np.mean([abs(u - d) / (u + d) for u, d in found]))
    assert start["agreement_batch"] != pytest.approx(start["agreement_epoch"])
    assert row["fan_in"] == 64


# Reference values


@pytest.mark.parametrize("n", [*range(1, 13)])
def test_random_agreement_is_the_mean_over_all_sign_patterns(n: int) -> None:
    every = [abs(sum(pattern)) / n for pattern in itertools.product((-1, 1), repeat=n)]
    assert measures.random_agreement(n) == pytest.approx(math.fsum(every) / 2**n, rel=1e-12)


@pytest.mark.parametrize("n", [13, 64, 101, 1000, 2000])
def test_random_agreement_is_the_mean_of_the_binomial(n: int) -> None:
    k = np.arange(n + 1)
    expected = float((np.abs(2 * k / n - 1) * stats.binom.pmf(k, n, 0.5)).sum())
    assert measures.random_agreement(n) == pytest.approx(expected, rel=1e-9)
    assert measures.random_agreement(n) == pytest.approx(math.sqrt(2 / (math.pi * n)), rel=1 / n)


# The path of the weights

PATHS: Mapping[str, Experiment] = {
    "mini-batches": change(IRIS, batch_size=16, epochs=2, hidden=(3, 3), record="0,1,2", learning_rate=0.3),
    "full batch": change(IRIS, batch_size=0, epochs=12, hidden=(4,), record="0,12", activation="logistic"),
    "adam": change(IRIS, batch_size=40, epochs=4, hidden=(3,), record="0,4", optimiser="adam", learning_rate=0.03),
    "no biases": change(IRIS, batch_size=30, epochs=3, hidden=(3,), record="0,3", bias=False, activation="relu"),
}


def vector(parameters: list[tuple[Array, Array]]) -> Array:
    return np.concatenate([part.ravel() for layer in parameters for part in layer])


@pytest.mark.parametrize("case", list(PATHS))
def test_length_tortuosity_and_cosine_are_those_of_the_weights_after_every_update(case: str) -> None:
    experiment = PATHS[case]
    path = np.array([vector(parameters) for parameters in weights_by_hand(experiment)])
    steps = np.diff(path, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    row = train(experiment).runs.iloc[0]
    assert row["path_length"] == pytest.approx(lengths.sum(), rel=1e-8)
    assert row["displacement"] == pytest.approx(np.linalg.norm(path[-1] - path[0]), rel=1e-8)
    assert row["tortuosity"] == pytest.approx(lengths.sum() / np.linalg.norm(path[-1] - path[0]), rel=1e-8)
    cosines = [a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in itertools.pairwise(steps)]
    assert row["mean_update_cosine"] == pytest.approx(np.mean(cosines), rel=1e-7)


@pytest.mark.parametrize("case", list(PATHS))
def test_the_step_ratio_is_that_of_the_last_update(case: str) -> None:
    experiment = PATHS[case]
    path = [vector(parameters) for parameters in weights_by_hand(experiment)]
    epochs = train(experiment).epochs
    assert math.isnan(epochs["update_to_weight_ratio"].iloc[0])
    for update, ratio in zip(epochs["update"][1:], epochs["update_to_weight_ratio"][1:], strict=True):
        before, after = path[update - 1], path[update]
        assert ratio == pytest.approx(np.linalg.norm(after - before) / np.linalg.norm(before), rel=1e-7)


@pytest.mark.parametrize("case", list(PATHS))
def test_orthants_visited_are_the_distinct_sign_patterns_of_a_neurons_updates(case: str) -> None:
    experiment = PATHS[case]
    path = list(weights_by_hand(experiment))
    layers = train(experiment).layers
    for layer in range(len(path[0])):
        visited: list[set[tuple[bool, ...]]] = [set() for _ in range(path[0][layer][0].shape[1])]
        for before, after in itertools.pairwise(path):
            step = after[layer][0] - before[layer][0]
            for j, patterns in enumerate(visited):
                if step[:, j].any():
                    patterns.add(tuple(step[:, j] < 0))
        row = layers[layers["layer"] == layer + 1].iloc[-1]
        assert row["orthants_visited"] == pytest.approx(np.mean([len(patterns) for patterns in visited]))
        assert row["orthants_possible"] == 2 ** row["fan_in"]


@pytest.mark.parametrize("fan_in", [1, 2, 3, 8, 9, 16])
def test_orthants_are_counted_for_any_width_that_has_few_enough(fan_in: int) -> None:
    experiment = change(IRIS, hidden=(fan_in, 2), batch_size=10, epochs=2, learning_rate=0.5, activation="tanh")
    path = list(weights_by_hand(experiment))
    patterns = [
        {tuple(np.sign(after[1][0][:, j] - before[1][0][:, j])) for before, after in itertools.pairwise(path)}
        for j in range(2)
    ]
    row = train(experiment).layers.query("epoch == 2 and layer == 2").iloc[0]
    assert row["orthants_visited"] == np.mean([len(p) for p in patterns])


def test_orthants_are_not_counted_beyond_16_incoming_weights() -> None:
    row = train(change(IRIS, hidden=(17, 2), epochs=1)).layers.query("layer == 2").iloc[-1]
    assert math.isnan(row["orthants_visited"])
    assert math.isnan(row["orthants_possible"])


def test_nothing_has_been_visited_before_the_first_update() -> None:
    result = train(change(IRIS, record="every", epochs=1))
    assert (result.layers.query("epoch == 0")["orthants_visited"] == 0).all()
    assert (result.layers.query("epoch == 1")["orthants_visited"] >= 1).all()
