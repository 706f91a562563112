"""Activation functions in tables, charts and words: against SciPy, numeric derivatives and made-up measurements."""

import json
import math
from collections.abc import Callable
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from core.charts import functions as charts
from core.lessons import activation_functions as lesson
from core.lessons.findings import MIXED, NOT_SUPPORTED, SUPPORTED
from core.registries.activations import ACTIVATIONS
from core.theory.timing import ActivationCost, Machine, StepCost

NAMES = list(ACTIVATIONS)
THRESHOLD = 0.05
MACHINE = Machine("Abacus 1", 1, "Wood beech", "3.11.0", "2.0.0", "beads 1.0")


def rows_of(chart: alt.LayerChart) -> list[list[dict[str, Any]]]:
    return list(json.loads(json.dumps(chart.to_dict(), allow_nan=False))["datasets"].values())


def costs(exponential: float, plain: float) -> pd.DataFrame:
    """Made-up times: all functions with e^x take `exponential` ns in each direction, all others `plain`."""
    return lesson.cost_table(
        [
            ActivationCost(name, dtype, direction, 1e-9 * (exponential if name in with_e else plain), 7)
            for with_e in [{name for name in NAMES if name not in {"softsign", "relu", "leaky_relu", "identity"}
                            and not name.startswith("hard")}]
            for name in NAMES
            for dtype in ("float32", "float64")
            for direction in ("forward", "backward")
        ]
    )  # fmt: skip


def steps() -> pd.DataFrame:
    return lesson.step_table(
        [
            StepCost(name, "float32", width, 1e-5 * width, 2e-5, 2.0 / width, 9)
            for width in (8, 64, 400)
            for name in ("logistic", "tanh", "relu")
        ]
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("std", [0.3, 1.0, 5.0])
def test_mean_output_and_saturated_share_are_those_of_scipys_quadrature(name: str, std: float) -> None:
    row = lesson.output_table([name], std, THRESHOLD).iloc[0]
    activation = ACTIVATIONS[name]

    def expectation(g: Callable[[float], float]) -> float:
        kinks = [-2.0, -1.0, 0.0, 1.0, 2.0]
        return float(
            integrate.quad(lambda a: g(a) * stats.norm.pdf(a, 0, std), -9 * std, 9 * std, points=kinks, limit=300)[0]
        )

    assert row["mean"] == pytest.approx(expectation(lambda a: float(activation.forward(np.array([a]))[0])), abs=1e-7)
    assert abs(row["sample_mean"] - row["mean"]) <= 4.5 * row["sample_mean_error"]
    # The standard error of a share seen in none or all of the sample is 0: allow for a few in 10,000.
    assert abs(row["sample_saturated"] - row["saturated"]) <= 4.5 * row["sample_saturated_error"] + 5e-4


def test_the_logistic_is_saturated_beyond_4_point_36_and_tanh_beyond_2_point_18() -> None:
    table: Any = lesson.output_table(["logistic", "tanh"], 2.0, THRESHOLD).set_index("activation")
    assert table.loc["logistic", "saturated"] == pytest.approx(2 * stats.norm.sf(4.357 / 2), rel=2e-3)
    assert table.loc["tanh", "saturated"] == pytest.approx(2 * stats.norm.sf(2.178 / 2), rel=2e-3)
    by_std = lesson.saturation_table(["tanh"], THRESHOLD)
    near = by_std.iloc[(by_std["std"] - 2.0).abs().argmin()]
    assert near["saturated"] == pytest.approx(2 * stats.norm.sf(2.178 / near["std"]), rel=2e-3)


def test_the_standard_errors_are_the_textbooks() -> None:
    row = lesson.output_table(["tanh"], 1.5, THRESHOLD, n=400, seed=3).iloc[0]
    h = np.tanh(lesson.sample(1.5, 400, 3))
    assert row["sample_mean_error"] == pytest.approx(stats.sem(h))
    p = row["sample_saturated"]
    assert row["sample_saturated_error"] == pytest.approx(stats.binom(400, p).std() / 400)


def test_the_expected_histogram_is_that_of_a_gaussian_and_the_sample_follows_it() -> None:
    table = lesson.output_histogram(["identity", "logistic"], 1.3)
    own = table[table["activation"] == "identity"]
    inner = own.iloc[1:-1]
    exact = stats.norm.cdf(inner["right"] / 1.3) - stats.norm.cdf(inner["left"] / 1.3)
    assert inner["expected"].to_numpy() == pytest.approx(exact, abs=5e-4)
    assert table.groupby("activation")[["share", "expected"]].sum().to_numpy() == pytest.approx(np.ones((2, 2)))
    assert (table["share"] - table["expected"]).abs().max() < 0.02
    middle = own[(own["left"] < 0) & (own["right"] > 0)].iloc[0]
    assert middle["left"] == pytest.approx(-middle["right"])


def test_no_output_of_the_logistic_lies_below_0_and_half_of_tanhs_do() -> None:
    table = lesson.output_histogram(["logistic", "tanh"], 2.0)
    below = table[table["right"] <= 0].groupby("activation")["expected"].sum()
    assert below["logistic"] == 0
    assert 0.4 < below["tanh"] < 0.5


def test_words_about_centring_follow_the_means() -> None:
    both = lesson.centring(lesson.output_table(["logistic", "tanh"], 1.0, THRESHOLD))
    assert "outputs of tanh keep it" in both
    assert "Mean output of the others: logistic 0.5." in both
    assert "No output of logistic is negative." in both
    three = lesson.centring(lesson.output_table(["logistic", "tanh", "relu"], 1.0, THRESHOLD))
    assert "No output of logistic or relu is negative." in three
    assert "Mean output: relu 0.798." in lesson.centring(lesson.output_table(["relu"], 2.0, THRESHOLD))
    assert "Mean output" not in lesson.centring(lesson.output_table(["identity", "softsign"], 2.0, THRESHOLD))


IN_PYTHON: dict[str, Callable[[float, float], float]] = {
    "logistic": lambda x, h: h * (1 - h),
    "tanh": lambda x, h: 1 - h**2,
    "centred_logistic": lambda x, h: 1 / 4 - h**2,
    "steep_logistic": lambda x, h: 4 * h * (1 - h),
    "steep_centred_logistic": lambda x, h: 1 - 4 * h**2,
    "lecun_tanh": lambda x, h: 1.1439 * (1 - (h / 1.7159) ** 2),
    "softsign": lambda x, h: (1 - abs(h)) ** 2,
    "hard_tanh": lambda x, h: 1.0 if abs(x) < 1 else 0.0,
    "hard_logistic": lambda x, h: 1 / 4 if abs(x) < 2 else 0.0,
    "relu": lambda x, h: 1.0 if x > 0 else 0.0,
    "leaky_relu": lambda x, h: 1.0 if x > 0 else 0.01,
    "elu": lambda x, h: 1.0 if x > 0 else math.exp(x),
    "selu": lambda x, h: 1.0507 * (1.0 if x > 0 else 1.6733 * math.exp(x)),
    "softplus": lambda x, h: 1 / (1 + math.exp(-x)),
    "swish": lambda x, h: (s := 1 / (1 + math.exp(-x))) * (1 + x * (1 - s)),
    "gelu": lambda x, h: (1 + math.erf(x / math.sqrt(2))) / 2 + x * math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi),
    "identity": lambda x, h: 1.0,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_slope_as_written_is_the_derivative(name: str) -> None:
    assert ACTIVATIONS[name].slope_formula in lesson.formula(name)
    assert ACTIVATIONS[name].formula in lesson.formula(name)
    for x in (-3.3, -1.4, -0.2, 0.3, 0.9, 2.6):
        below, h, above = (float(ACTIVATIONS[name].forward(np.array([x + d]))[0]) for d in (-1e-6, 0, 1e-6))
        assert IN_PYTHON[name](x, h) == pytest.approx((above - below) / 2e-6, abs=2e-4)


def test_which_functions_need_an_exponential() -> None:
    assert set(NAMES) - set(lesson.NEED_EXPONENTIAL) == {
        "softsign", "hard_tanh", "hard_logistic", "relu", "leaky_relu", "identity",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("exponential", "plain", "verdict"), [(2.0, 1.0, SUPPORTED), (1.0, 1.0, NOT_SUPPORTED), (1.0, 2.0, NOT_SUPPORTED)]
)
def test_the_verdict_on_e_to_the_x_follows_the_measurement(exponential: float, plain: float, verdict: str) -> None:
    finding = lesson.cost(costs(exponential, plain), steps(), MACHINE)
    assert finding.verdict == verdict
    dearer = 8 if exponential > plain else 0
    assert f"in {dearer} of 8 comparisons" in finding.evidence
    assert f"{exponential / plain:.1f} times as long as relu in float32" in finding.evidence
    assert ("tanh is cheaper than relu" in finding.evidence) == (exponential < plain)
    assert ("tanh costs about as much as relu" in finding.evidence) == (exponential == plain)
    assert "25 % with layers of 8 units and 0.5 % with layers of 400" in finding.evidence
    assert "Abacus 1" in finding.limits
    assert "NumPy 2.0.0" in finding.limits
    assert "n = 7 repeats" in finding.limits


def test_one_precision_in_which_e_to_the_x_costs_nothing_makes_the_verdict_mixed() -> None:
    table = costs(2.0, 1.0)
    table.loc[table["dtype"] == "float32", "seconds_per_element"] = 1e-9
    finding = lesson.cost(table, steps(), MACHINE)
    assert finding.verdict == MIXED
    assert "in float32 tanh costs about as much as relu." in finding.evidence


# --- charts

CURVES = lesson.curve_table(NAMES, THRESHOLD)
DRAWN: dict[str, Callable[[], alt.LayerChart]] = {
    "value": lambda: charts.function_curves(CURVES, names=NAMES, quantity="value", std=1.0),
    "slope": lambda: charts.function_curves(CURVES, names=NAMES, quantity="slope", std=10.0),
    "outputs": lambda: charts.output_distributions(
        lesson.output_histogram(NAMES, 10.0), outputs=lesson.output_table(NAMES, 10.0, THRESHOLD)
    ),
    "saturation": lambda: charts.saturation_by_std(
        lesson.saturation_table(NAMES, THRESHOLD), names=NAMES, outputs=lesson.output_table(NAMES, 0.1, THRESHOLD)
    ),
    "costs": lambda: charts.activation_costs(costs(2.0, 1.0), dtype="float64"),
    "steps": lambda: charts.step_shares(steps()),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_of_all_functions_is_finite_small_and_the_same_twice(name: str) -> None:
    chart = DRAWN[name]()
    assert sum(len(rows) for rows in rows_of(chart)) < 10_000
    assert chart.to_dict() == DRAWN[name]().to_dict()


def test_the_thick_part_of_a_curve_is_where_it_is_not_saturated() -> None:
    chart = charts.function_curves(CURVES, names=["logistic"], quantity="slope", std=1.0)
    pieces = next(rows for rows in rows_of(chart) if "piece" in rows[0])
    x = [row["x"] for row in pieces if row["activation"] == "logistic"]
    assert max(x) == pytest.approx(4.35)
    assert min(x) == pytest.approx(-4.35)


def test_a_function_keeps_its_colour_whatever_else_is_chosen() -> None:
    def colours(names: list[str]) -> dict[str, tuple[str, str]]:
        colour, dashes, _ = charts.channels(names)
        scale, dash = colour.to_dict(), dashes.to_dict()
        assert isinstance(scale, dict)
        assert isinstance(dash, dict)
        looks = zip(scale["scale"]["range"], map(str, dash["scale"]["range"]), strict=True)
        return dict(zip(scale["scale"]["domain"], looks, strict=True))

    everything = colours(NAMES)
    assert len(set(everything.values())) == len(NAMES)
    assert colours(["relu", "tanh"]) == {name: everything[name] for name in ("relu", "tanh")}


def test_a_curve_without_bound_does_not_flatten_those_with_one() -> None:
    def reach(names: list[str]) -> list[float]:
        chart = charts.function_curves(CURVES, names=names, quantity="value", std=1.0).to_dict()
        domain: list[float] = chart["layer"][0]["encoding"]["y"]["scale"]["domain"]
        return domain

    assert reach(["logistic", "identity"]) == pytest.approx([-2.16, 2.16])
    assert reach(["logistic"]) == pytest.approx([-0.04, 1.04])


def test_the_costs_are_drawn_in_nanoseconds_the_cheapest_first() -> None:
    table = costs(2.0, 1.0)
    bars = next(rows for rows in rows_of(charts.activation_costs(table, dtype="float32")) if "forward" in rows[0])
    assert [row["total"] for row in bars] == pytest.approx([2.0] * 6 + [4.0] * 11)
    assert {row["kind"] for row in bars[:6]} == {"no eˣ"}


def test_a_measurement_that_is_not_there_leaves_a_chart_that_says_so() -> None:
    table = costs(2.0, 1.0)
    assert "no finite values" in json.dumps(charts.activation_costs(table.head(0), dtype="float32").to_dict())
    nowhere = steps().assign(share=math.nan)
    assert "no finite values" in json.dumps(charts.step_shares(nowhere).to_dict())


@pytest.mark.parametrize("name", DRAWN)
def test_a_function_is_called_in_a_chart_as_in_a_sentence(name: str) -> None:
    assert "_logistic" not in json.dumps(DRAWN[name]().to_dict())
