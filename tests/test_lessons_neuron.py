"""What the lessons on one neuron say and tabulate: true of the numbers, whatever they are."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lessons import gradient_paths, zigzag
from core.lessons.zigzag import BATCH, COMPARED, EXAMPLE, FUNCTIONS, UPDATES, Descent
from core.registries.activations import ACTIVATIONS
from core.theory.neuron import DrawnNetwork, loss_surface
from core.theory.neuron import gradient_paths as paths_of

tenths = st.integers(-30, 30).map(lambda value: value / 10)
networks = st.builds(DrawnNetwork, *[tenths] * 10)
functions = st.sampled_from(sorted(ACTIVATIONS))


# Gradient paths


@settings(max_examples=60, deadline=None)
@given(networks, functions)
def test_the_sentence_says_where_descent_moves_each_weight(network: DrawnNetwork, function: str) -> None:
    paths = paths_of(network, function)
    sentence = gradient_paths.step_words(function, paths)
    gradients = paths.gradient_w1, paths.gradient_w2
    moves = ["down" if gradient > 0 else "up" for gradient in gradients]
    if both := re.search(r"moves both weights (up|down)", sentence):
        assert moves == [both[1]] * 2
        assert math.prod(gradients) > 0
    elif each := re.search(r"moves w₁ (up|down) and w₂ (up|down)", sentence):
        assert moves == [each[1], each[2]]
        assert math.prod(gradients) < 0
    else:
        assert 0 in gradients
        assert "0" in sentence


@settings(max_examples=40, deadline=None)
@given(networks, functions)
def test_the_quadrant_that_is_taken_is_an_allowed_one_and_descends(network: DrawnNetwork, function: str) -> None:
    paths = paths_of(network, function)
    table = gradient_paths.quadrant_table(paths)
    taken = table[table["taken"]]
    assert taken["allowed"].all()
    for direction in taken[["w1", "w2"]].to_numpy():
        assert direction.tolist() == np.sign([-paths.gradient_w1, -paths.gradient_w2]).tolist()
    assert table["allowed"].sum() in (0, 2)


def test_the_table_holds_every_value_of_the_drawn_network() -> None:
    network = DrawnNetwork()
    paths = paths_of(network, "tanh")
    table = gradient_paths.network_table(network, paths).set_index("name")
    a21 = 0.6 * 0.8 - 1.2 * 0.5
    a22 = 0.6 * -0.7 - 1.2 * -0.9
    a3 = 0.4 * math.tanh(a21) - 0.6 * math.tanh(a22)
    assert table["value"]["h21"] == pytest.approx(math.tanh(a21))
    assert table["preactivation"]["h3"] == pytest.approx(a3)
    assert table["value"]["loss"] == pytest.approx((math.tanh(a3) - 1) ** 2 / 2)
    assert table["gradient"]["w2"] == pytest.approx((math.tanh(a3) - 1) / math.cosh(a3) ** 2 * math.tanh(a22))
    assert table["gradient"].notna().sum() == 2


@pytest.mark.parametrize("weight", [1, 2])
def test_the_formula_multiplies_out_to_the_gradient(weight: int) -> None:
    paths = paths_of(DrawnNetwork(), "centred_logistic")
    latex = gradient_paths.formula(paths, weight, "#abcdef")
    numbers = latex.split(r"\\")[2]
    factors = [float(value) for value in re.findall(r"-?\d+\.?\d*", numbers.partition("{#abcdef}")[2])]
    assert math.prod(factors) == pytest.approx((paths.gradient_w1, paths.gradient_w2)[weight - 1], rel=0.02)
    assert latex.count(r"\textcolor{#abcdef}") == 4


def test_a_gradient_of_0_has_no_sign() -> None:
    drawn = DrawnNetwork(v=0.0)
    assert math.copysign(1, paths_of(drawn, "tanh").gradient_w2) == -1
    for weight in (1, 2):
        latex = gradient_paths.formula(paths_of(drawn, "tanh"), weight, "#abcdef")
        assert not re.search(r"-0(?![.\d])", latex)
        assert latex.endswith(r"&= 0\end{aligned}")


def test_over_random_examples_only_a_function_of_both_signs_lets_the_gradients_differ() -> None:
    table = gradient_paths.combination_table(DrawnNetwork(), COMPARED, 2000)
    counts = table.pivot_table(index="function", columns="pattern", values="count", sort=False)
    assert counts.loc["logistic", ["+-", "-+"]].sum() == 0
    assert (counts.loc[["tanh", "centred_logistic"], ["+-", "-+"]].sum(axis=1) > 200).all()
    assert (counts.sum(axis=1) == 2000).all()
    assert gradient_paths.combination_words(table).startswith(
        "Opposite signs, out of 2,000 random examples each: logistic 0"
    )


# Zigzag


def test_from_above_the_minimum_no_example_of_the_logistic_pulls_towards_it_but_tanh_s_do() -> None:
    descent = Descent()
    tables = {name: zigzag.direction_table(descent.neuron(name), descent.start) for name in ("logistic", "tanh")}
    sentence = zigzag.direction_words(tables, 0).replace("\N{NO-BREAK SPACE}", " ")
    assert "logistic 0 % (2 of 4 quadrants open)" in sentence
    assert re.search(r"tanh [1-9]\d? % \(3 of 4", sentence)


def test_one_example_at_a_time_the_logistic_s_path_is_the_most_crooked_and_the_slowest() -> None:
    descent = Descent()
    summary = zigzag.summary_table(descent, descent.paths(COMPARED, UPDATES)).set_index(["function", "updates"])
    assert summary["tortuosity"][("logistic", EXAMPLE)] > 2 * summary["tortuosity"][("tanh", EXAMPLE)]
    steps = summary["steps_to_goal"]
    assert steps[("logistic", BATCH)] > 10 * steps[("centred logistic", BATCH)]
    assert summary["outcome"][("logistic", EXAMPLE)] == "not reached"


def test_centred_activations_make_the_bowl_round_and_smaller_pre_activations_the_logistic_s_valley_narrower() -> None:
    def condition(function: str, std: float = 1.0) -> float:
        descent = Descent(std=std)
        return float(zigzag.condition_table({function: descent.neuron(function)})["condition_measured"].iloc[0])

    assert condition("tanh") < 1.5 < 10 < condition("logistic")
    assert condition("logistic", 0.4) > 3 * condition("logistic")


def test_with_momentum_the_gap_between_the_slowest_and_the_fastest_shrinks() -> None:
    plain = Descent(rate=0.3)
    fast = replace(plain, momentum=0.7)
    before, after = (zigzag.summary_table(d, d.paths(COMPARED, [BATCH])) for d in (plain, fast))
    said = " ".join(zigzag.summary_words(after, before))
    found = re.search(r"slowest needs ([\d.]+) times the steps of the fastest, less than the ([\d.]+) times", said)
    assert found is not None
    steps = before["steps_to_goal"]
    assert float(found[2]) == pytest.approx(steps.max() / steps.min(), rel=0.01)
    assert float(found[1]) < float(found[2])
    assert "slowest" not in " ".join(zigzag.summary_words(before, before))


@pytest.mark.parametrize("own_rates", [True, False])
def test_a_share_is_of_each_path_s_own_largest_rate_and_one_rate_is_that_of_all(own_rates: bool) -> None:
    descent = Descent(own_rates=own_rates, rate=0.5)
    rates = zigzag.summary_table(descent, descent.paths(COMPARED, UPDATES))["learning_rate"]
    assert (rates.nunique() == 1) is not own_rates
    if own_rates:
        h = descent.neuron("tanh").h
        largest = 2 / np.linalg.eigvalsh(h.T @ h / len(h)).max()
        assert rates[3] == pytest.approx(0.5 * largest)


def test_the_tables_of_a_descent_tell_the_same_story() -> None:
    descent = Descent(steps=30)
    paths = descent.paths(["logistic"], [EXAMPLE])
    table = zigzag.path_table(paths)
    length = sum(math.hypot(*step) for step in np.diff(table[["w1", "w2"]].to_numpy(), axis=0))
    assert zigzag.summary_table(descent, paths)["path_length"][0] == pytest.approx(length)
    assert table["loss"].to_numpy() == pytest.approx(loss_surface(descent.neuron("logistic"), table["w1"], table["w2"]))
    assert table["share"][0] == 1
    assert len(table) == 31


def test_on_a_contour_the_loss_is_that_of_the_contour() -> None:
    neuron = Descent().neuron("logistic")
    table = zigzag.contour_table(neuron)
    assert loss_surface(neuron, table["w1"], table["w2"]) == pytest.approx(table["loss"].to_numpy())
    assert table["loss"].nunique() == len(zigzag.SHARES)


def test_a_start_at_the_minimum_and_a_path_that_diverges_are_said_as_such() -> None:
    at = Descent(start=zigzag.SOLUTION)
    tables = {"tanh": zigzag.direction_table(at.neuron("tanh"), at.start)}
    assert "tanh at it (0 of 4 quadrants open)" in zigzag.direction_words(tables, 0)
    beside = {"tanh": zigzag.direction_table(at.neuron("tanh"), (1.0, 0.0))}
    assert "tanh on one axis with it (" in zigzag.direction_words(beside, 0)
    assert zigzag.path_table(at.paths(["tanh"], UPDATES))["share"].isna().all()
    assert zigzag.summary_table(at, at.paths(["tanh"], UPDATES))["tortuosity"].isna().all()

    wild = Descent(own_rates=False, rate=5.0, steps=100)
    paths = wild.paths(["steep_logistic"], UPDATES)
    summary = zigzag.summary_table(wild, paths)
    assert "diverged" in set(summary["outcome"])
    assert summary.loc[summary["outcome"] == "diverged", "steps_to_goal"].isna().all()
    assert "steep logistic" in zigzag.outside_words(zigzag.path_table(paths), 100)
    assert zigzag.outside_words(zigzag.path_table(paths), 0) == ""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_on_offer_can_be_descended(function: str) -> None:
    descent = Descent(std=0.2)
    paths = descent.paths([function], UPDATES)
    assert np.isfinite(zigzag.path_table(paths)[["w1", "w2", "loss"]].to_numpy()).all()
