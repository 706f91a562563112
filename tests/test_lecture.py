"""What the lecture says, and what published work adds to it, measured with the engine: a sentence a test."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.experiment.experiment import Experiment
from core.experiment.presets import PRESETS
from core.registries.activations import ACTIVATIONS
from core.theory.theory import gaussian_saturation
from tests.engine import at_start, change, data_of, states, train

# The lecture's setting, small: real data, two hidden layers.
LECTURE = change(
    Experiment(),
    dataset="breast_cancer",
    hidden=(8, 8),
    initialiser="glorot_uniform",
    learning_rate=0.3,
    batch_size=16,
    epochs=6,
    seeds=3,
    record="0,1,6",
)
POSITIVE = [name for name, activation in ACTIVATIONS.items() if activation.range[0] >= 0]
ZERO_CENTRED = [name for name, activation in ACTIVATIONS.items() if activation.zero_centred or name == "leaky_relu"]


def layers(experiment: Experiment, query: str) -> pd.DataFrame:
    return train(experiment).layers.query(query)


def layers_at_start(experiment: Experiment, query: str) -> pd.DataFrame:
    return at_start(experiment).layers.query(query)


def means(frame: pd.DataFrame, by: str | list[str], column: str) -> list[float]:
    """Mean of a column over what differs beside `by`, in the order of `by`."""
    return [float(value) for value in frame.groupby(by, sort=False)[column].mean()]


# Signs of gradients


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("activation", POSITIVE)
def test_fed_by_units_that_are_never_negative_all_gradients_into_a_neuron_have_one_sign_on_every_example(
    activation: str, loss: str
) -> None:
    above = layers(change(LECTURE, activation=activation, loss=loss), "layer > 1")
    seen = above["same_sign_example"].dropna()
    assert len(seen) >= 0.9 * len(above)
    assert (seen == 1.0).all()


@pytest.mark.parametrize("activation", ZERO_CENTRED)
def test_fed_by_zero_centred_units_they_have_not(activation: str) -> None:
    share = layers(change(LECTURE, activation=activation), "layer > 1")["same_sign_example"]
    assert share.max() < 0.5


@pytest.mark.parametrize("activation", ["logistic", "tanh"])
@pytest.mark.parametrize("scaling", ["raw", "unit_interval"])
def test_inputs_that_are_never_negative_tie_the_first_layers_gradients_whatever_the_activation(
    activation: str, scaling: str
) -> None:
    experiment = change(LECTURE, activation=activation, scaling=scaling)
    assert (data_of(experiment).train_x >= 0).all()
    share = layers(experiment, "layer == 1")["same_sign_example"].dropna()
    assert len(share) > 0
    assert (share == 1.0).all()


@pytest.mark.parametrize("activation", ["logistic", "tanh"])
def test_standardised_inputs_do_not_tie_them(activation: str) -> None:
    assert layers(change(LECTURE, activation=activation), "layer == 1")["same_sign_example"].max() < 0.1


def test_a_batch_of_one_has_the_signs_of_its_example_and_no_larger_one_ties_them_wholly() -> None:
    sizes = (1, 2, 8, 64)
    experiment = change(LECTURE, activation="logistic", batch_size=sizes, hidden=(8, 8, 8))
    start = layers_at_start(experiment, "layer == 2")
    shares = means(start, "batch_size", "same_sign_batch")
    assert shares[0] == 1.0
    assert max(shares[1:]) < 0.9
    assert means(start, "batch_size", "same_sign_example") == [1.0] * len(sizes)


def test_a_batch_softens_the_agreement_but_logistic_units_keep_more_of_it_than_random_signs() -> None:
    start = layers_at_start(change(LECTURE, activation=("logistic", "tanh"), hidden=(16, 16), seeds=6), "layer == 2")
    logistic, tanh = means(start, "activation", "agreement_batch")
    random = start["agreement_random"].iloc[0]
    assert 1.0 > logistic > 2 * random
    assert abs(tanh - random) < 0.15
    assert logistic > tanh + 0.3


def test_smaller_weights_tie_the_signs_of_a_batch_more_against_the_advice_for_saturation() -> None:
    experiment = change(
        LECTURE, activation="logistic", initialiser=("normal:0.1", "normal:1"), hidden=(16, 16), seeds=6
    )
    small, large = means(layers_at_start(experiment, "layer == 2"), "initialiser", "agreement_batch")
    assert small > large + 0.1


def test_tied_signs_leave_a_neuron_two_orthants_when_it_learns_from_one_example_at_a_time() -> None:
    experiment = change(
        LECTURE, dataset="iris", activation=("logistic", "tanh"), hidden=(6, 5), batch_size=1, epochs=2, record="0,2"
    )
    end = layers(experiment, "epoch == 2 and layer == 2")
    assert (end["orthants_possible"] == 64).all()
    logistic, tanh = means(end, "activation", "orthants_visited")
    assert logistic == 2
    assert tanh > 10


def test_the_drawn_networks_gradients_share_the_factor_and_have_the_signs_of_what_feeds_them() -> None:
    """h3 = f(w1 h21 + w2 h22): dL/dw1 : dL/dw2 = h21 : h22, on every example."""
    for activation in ("logistic", "tanh"):
        experiment = change(
            LECTURE, dataset="two_moons", samples=80, activation=activation, hidden=(2, 1), batch_size=1, seeds=1
        )
        state, _ = states(experiment, experiment.runs(), 1)
        inputs = state.train.by_example
        hidden = ACTIVATIONS[activation].forward(state.weights[0][0, 0] @ inputs.T)
        assert ((hidden > 0).all()) == (activation == "logistic")
        histogram = train(experiment).histograms.query(
            "quantity == 'positive_share' and level == 'example' and layer == 2 and epoch == 6"
        )
        between = histogram[(histogram["left"] > 0) & (histogram["right"] < 1)]["count"].sum()
        different = (np.sign(hidden[0]) != np.sign(hidden[1]))[:256].sum()
        assert between == different


# Saturation


@pytest.mark.parametrize("activation", ["logistic", "tanh"])
def test_the_larger_the_initial_weights_the_more_units_are_saturated(activation: str) -> None:
    scales = tuple(f"normal:{scale}" for scale in (0.01, 0.1, 0.5, 1, 3, 10))
    experiment = change(LECTURE, activation=activation, initialiser=scales, hidden=(32, 32))
    for layer in (1, 2):
        shares = means(layers_at_start(experiment, f"layer == {layer}"), "initialiser", "saturated")
        assert shares[0] == 0
        assert (np.diff(shares) >= 0).all()
        assert shares[-1] > 0.75


def test_the_first_layer_saturates_as_often_as_a_gaussian_of_its_spread_does() -> None:
    experiment = change(
        LECTURE, dataset="digits", activation=("logistic", "tanh"), initialiser=("normal:0.2", "normal:0.6"),
        hidden=(64,), seeds=4, probe=500,
    )  # fmt: skip
    start = layers_at_start(experiment, "layer == 1")
    for row in start.to_dict("records"):
        predicted = sum(gaussian_saturation(row["activation"], row["preactivation_std"]))
        assert row["saturated"] == pytest.approx(predicted, abs=0.06)


def test_logistic_units_are_not_zero_centred_and_tanh_units_are() -> None:
    start = layers_at_start(change(LECTURE, activation=("logistic", "tanh"), seeds=8, hidden=(32, 32)), "layer <= 2")
    logistic, tanh = means(start, "activation", "activation_mean")
    assert logistic == pytest.approx(0.5, abs=0.05)
    assert tanh == pytest.approx(0.0, abs=0.05)


def test_saturated_from_the_start_a_network_learns_more_slowly_than_from_glorots_weights() -> None:
    experiment = change(
        LECTURE, dataset="digits", activation="tanh", hidden=(32, 32), epochs=3,
        initialiser=("glorot_uniform", "normal:3"), record="0,3", learning_rate=0.1,
    )  # fmt: skip
    end = train(experiment).epochs.query("epoch == 3")
    glorot, saturated = means(end, "initialiser", "train_accuracy")
    assert glorot > saturated + 0.05


# Small has a floor


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("initialiser", ["zeros", "constant:0.3"])
@pytest.mark.parametrize("activation", ["logistic", "tanh"])
def test_equal_weights_stay_equal_so_that_a_layer_is_one_unit_many_times_over(
    activation: str, initialiser: str, optimiser: str
) -> None:
    experiment = change(
        LECTURE, dataset="iris", activation=activation, initialiser=initialiser, optimiser=optimiser,
        hidden=(5, 4), seeds=1, dtype="float64",
    )  # fmt: skip
    state, _ = states(experiment, experiment.runs(), 100)
    for weight in state.weights[:-1]:
        units = weight[0, 0]
        np.testing.assert_allclose(units, np.broadcast_to(units[0], units.shape), rtol=1e-9, atol=1e-12)
    if initialiser.startswith("constant"):
        assert np.abs(state.weights[0] - 0.3).max() > 1e-3, "it moved, all units alike"


def test_random_weights_break_the_symmetry() -> None:
    experiment = change(LECTURE, dataset="iris", activation="tanh", hidden=(5, 4), seeds=1)
    state, _ = states(experiment, experiment.runs(), 100)
    assert state.weights[0][0, 0].std(axis=0).min() > 0.05


def test_tanh_from_zero_weights_never_moves_a_hidden_weight() -> None:
    experiment = change(LECTURE, activation="tanh", initialiser="zeros", seeds=1)
    state, _ = states(experiment, experiment.runs(), 100)
    assert not any(weight.any() for weight in state.weights[:-1])


def backward_factors(experiment: Experiment) -> list[float]:
    """The back-propagated signal of each hidden layer over that of the layer above, at initialisation."""
    sizes = means(layers_at_start(experiment, "role == 'hidden'"), "layer", "delta_std")
    return [below / above for below, above in itertools.pairwise(sizes)]


DEEP = change(Experiment(), dataset="digits", hidden=(100,) * 5, seeds=3, activation="tanh", bias=True)


def test_small_logistic_weights_shrink_gradients_to_a_seventh_a_layer() -> None:
    """chi_1 = sw^2 E[f'^2] is about 0.02 at sw^2 = 1/3 (U(+-1/sqrt(n))): a factor sqrt(0.02) = 0.14."""
    for factor in backward_factors(change(DEEP, activation="logistic", initialiser="fan_in_uniform")):
        assert factor == pytest.approx(math.sqrt(0.02), rel=0.12)


def test_standard_tanh_weights_shrink_gradients_by_less_than_0_6_a_layer_and_normalised_ones_hardly() -> None:
    standard = backward_factors(change(DEEP, initialiser="fan_in_uniform"))
    normalised = backward_factors(change(DEEP, initialiser="glorot_uniform"))
    assert max(standard) < 0.6
    assert min(normalised) > 0.7
    # Glorot & Bengio 2010: mean singular values of the Jacobians of about 0.5 and 0.8.
    assert np.mean(standard) == pytest.approx(0.5, abs=0.08)
    assert np.mean(normalised) == pytest.approx(0.85, abs=0.1)


# Glorot & Bengio 2010, at initialisation


def spreads(initialiser: str, column: str, **settings: Any) -> list[float]:
    start = layers_at_start(change(DEEP, initialiser=initialiser, **settings), "role == 'hidden'")
    return means(start, "layer", column)


def test_in_the_linear_regime_standard_weights_shrink_activations_by_0_577_a_layer() -> None:
    stds = spreads("fan_in_uniform", "activation_std", activation="identity", seeds=8)
    ratios = np.array(stds[1:]) / np.array(stds[:-1])
    np.testing.assert_allclose(ratios, 3**-0.5, rtol=0.06)
    # The inputs are standardised, three of the 64 are constant and so 0.
    assert stds[-1] == pytest.approx(0.0642, rel=0.15)


def test_activations_shrink_with_depth_under_standard_weights_and_not_under_normalised_ones() -> None:
    standard, normalised = (spreads(name, "activation_std") for name in ("fan_in_uniform", "glorot_uniform"))
    assert (np.diff(standard) < 0).all()
    assert standard[-1] < 0.2 * standard[0]
    assert normalised[-1] > 0.5 * normalised[0]


def test_weight_gradients_are_about_equal_in_all_layers_even_under_standard_weights() -> None:
    """Figure 8: what shrinks forward and what shrinks backward make up for each other."""
    gradients = np.array(spreads("fan_in_uniform", "gradient_std", activation="identity", seeds=6))
    assert gradients.max() / gradients.min() < 1.6
    backward = np.prod(backward_factors(change(DEEP, initialiser="fan_in_uniform", activation="identity")))
    assert backward < 0.2, "while the back-propagated ones shrink several times over"


# Honest comparisons


def test_centring_and_slope_are_separate_causes_and_each_control_has_one_of_them() -> None:
    four = ("logistic", "centred_logistic", "steep_logistic", "steep_centred_logistic")
    start = layers_at_start(change(LECTURE, activation=four, hidden=(16, 16)), "layer == 2")
    tied = dict(zip(four, means(start, "activation", "same_sign_example"), strict=True))
    assert tied["logistic"] == tied["steep_logistic"] == 1.0
    assert max(tied["centred_logistic"], tied["steep_centred_logistic"]) < 0.1


@pytest.mark.parametrize("activation", ["relu", "hard_logistic", "logistic"])
def test_with_inputs_that_are_never_negative_one_example_moves_a_neuron_into_2_orthants_at_most(
    activation: str,
) -> None:
    """Exact zeros, which relu and hard_logistic pass on, lie on the border of both."""
    tables = train(
        Experiment.from_text(f"dataset=iris&activation={activation}&batch_size=1&hidden=6-5&epochs=3&seeds=2")
    )
    second = tables.layers[(tables.layers["epoch"] == 3) & (tables.layers["layer"] == 2)]
    assert (second["same_sign_example"] == 1).all()
    assert (second["orthants_visited"] <= 2).all()
    assert (second["orthants_possible"] == 64).all()


def test_activations_of_ten_tanh_layers_spread_as_published() -> None:
    """Karpathy and Johnson's lecture notes on initialisation (Stanford CS231n 2016, lecture 5): np.std by layer."""
    preset = PRESETS["ten_layers"].experiment
    hidden = layers_at_start(change(preset, statistics="standard"), "role == 'hidden'")
    spread = hidden.set_index(["initialiser", "layer"])["activation_std"]
    np.testing.assert_allclose(spread["lecun_normal"].loc[1:4], [0.628, 0.487, 0.408, 0.358], rtol=0.01)
    np.testing.assert_allclose(spread["normal:1"], 0.9817, rtol=0.001)
    shrinks = spread["normal:0.01"].to_numpy()
    assert shrinks[0] == pytest.approx(0.2131, rel=0.01)
    np.testing.assert_allclose(shrinks[1:] / shrinks[:-1], 0.01 * np.sqrt(500), rtol=0.03)
