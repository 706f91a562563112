"""Charts of the 2 x 2: sound specifications whose bars, bounds and dots are the numbers of the decomposition."""

import json
import math
from typing import Any

import altair as alt
import pandas as pd
import pytest

from core.charts import style
from core.charts.effects import COLOURS, cell_medians, effect_sizes
from core.lessons.effects import FOUR, OUTCOMES, TANH, decompose
from core.text import words
from tests.test_charts import _sound
from tests.test_effects import NEVER, SEEDS, factors, runs, spread

FUNCTIONS = (*FOUR, TANH)
CASES = {
    "plain": spread(factors(2.0, 1.5, 1.25), 0.2),
    "equal": factors(1.0, 1.0),
    "bounds": {**factors(2.0, 1.5), "logistic": [NEVER] * SEEDS},
    "open": {**factors(2.0, 1.5), "logistic": [NEVER] * SEEDS, "centred_logistic": [NEVER] * SEEDS},
    "nothing reached": {name: [NEVER] * SEEDS for name in FUNCTIONS},
    "no tanh": {name: values for name, values in factors(2.0, 1.5).items() if name != TANH},
}


def drawn(case: str, outcome: str = "updates_to_target") -> dict[str, alt.LayerChart]:
    found = decompose(runs(CASES[case]), outcome)
    return {
        "effects": effect_sizes(found.effects, outcome=found.outcome),
        "cells": cell_medians(found.cells, outcome=found.outcome, functions=FUNCTIONS),
    }


def rows_with(chart: alt.LayerChart, *columns: str) -> pd.DataFrame:
    """What a chart draws that has these columns, each row once."""
    data = json.loads(json.dumps(chart.to_dict(validate=False)))["datasets"]
    return pd.concat(pd.DataFrame(rows) for rows in data.values() if set(columns) <= set(rows[0])).drop_duplicates()


def marks(chart: alt.LayerChart, kind: str) -> list[dict[str, Any]]:
    return [layer for layer in chart.to_dict(validate=False)["layer"] if layer["mark"]["type"] == kind]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("case", CASES)
def test_a_chart_is_labelled_finite_and_valid(case: str, outcome: str) -> None:
    for chart in drawn(case, outcome).values():
        _sound(chart.to_dict())


def test_bars_start_at_no_effect_and_end_at_the_estimate_on_an_axis_of_ratios() -> None:
    found = decompose(runs(CASES["plain"]))
    chart = effect_sizes(found.effects, outcome=found.outcome)
    table = rows_with(chart, "effect", "estimate_low", "none").set_index("effect")
    assert table["none"].eq(1).all()
    expected = found.effects.set_index("effect")
    assert table["estimate_low"].to_dict() == pytest.approx(expected["estimate_low"].to_dict())
    assert table["low"].to_dict() == pytest.approx(expected["low"].to_dict())
    (bar,) = marks(chart, "bar")
    assert bar["encoding"]["x"]["scale"]["type"] == "log"
    # So that their lengths add up to that of the whole.
    lengths = {name: math.log(value) for name, value in table["estimate_low"].items()}
    assert lengths["centring"] + lengths["slope"] + lengths["width"] == pytest.approx(lengths["all"])


def test_accuracies_are_differences_from_0() -> None:
    chart = drawn("plain", "final_test_accuracy")["effects"]
    assert rows_with(chart, "effect", "none")["none"].eq(0).all()
    assert "type" not in marks(chart, "bar")[0]["encoding"]["x"]["scale"]


def test_a_bound_is_an_open_triangle_that_points_to_where_the_effect_may_lie() -> None:
    chart = drawn("bounds")["effects"]
    bounds = rows_with(chart, "effect", "at").set_index("effect")
    assert "at least" in bounds["text"]["centring"]
    triangles = {layer["mark"]["shape"] for layer in marks(chart, "point")}
    assert "triangle-right" in triangles
    assert "centring" not in set(rows_with(chart, "effect", "estimate_low")["effect"])


def test_an_effect_that_is_open_on_both_sides_is_its_words_alone() -> None:
    chart = drawn("open")["effects"]
    names = rows_with(chart, "group", "note").set_index("group")["note"]
    assert names["centring"] == "open at both ends"
    assert "centring" not in set(rows_with(chart, "effect", "at")["effect"])


def test_a_censored_median_is_an_open_triangle_at_its_last_update() -> None:
    chart = drawn("bounds")["cells"]
    shapes = {layer["mark"]["shape"]: layer for layer in marks(chart, "point")}
    assert set(shapes) == {"circle", "triangle-up"}
    assert not shapes["triangle-up"]["mark"]["filled"]
    assert rows_with(chart, "name", "outcome").set_index("name")["outcome"]["logistic"].endswith("or worse")


def test_functions_have_the_colours_that_they_have_beside_it_and_effects_have_others() -> None:
    (rule,) = marks(drawn("plain")["cells"], "rule")
    scale = rule["encoding"]["color"]["scale"]
    names, colours = style.group_colours(FUNCTIONS)
    assert (scale["domain"], scale["range"]) == (list(map(words, names)), colours)
    assert not set(COLOURS.values()) & set(scale["range"])


def test_centred_functions_are_joined_by_a_solid_line_and_the_others_by_a_dashed_one() -> None:
    dashed, solid = marks(drawn("plain")["cells"], "line")
    spec = drawn("plain")["cells"].to_dict(validate=False)
    assert dashed["mark"]["strokeDash"] != [1, 0] == solid["mark"]["strokeDash"]
    assert len(spec["datasets"][dashed["data"]["name"]]) == 2
    assert len(spec["datasets"][solid["data"]["name"]]) == 3
