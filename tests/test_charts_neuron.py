"""The charts of one neuron: every value on them, colours that mean one thing, and no number that spoils an axis."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.charts import neuron as charts
from core.charts.style import group_colours
from core.lessons import gradient_paths, zigzag
from core.lessons.zigzag import EXAMPLE, FUNCTIONS, SOLUTION, UPDATES, Descent
from core.registries.activations import ACTIVATIONS
from core.text import number
from core.theory.neuron import DrawnNetwork
from core.theory.neuron import gradient_paths as paths_of

ROWS = 5000


def layers(chart: Any) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """The layers of a chart's specification and the rows behind each; only finite numbers are let through."""
    spec = json.loads(json.dumps(chart.to_dict(), allow_nan=False))
    rows = [spec["datasets"][layer.get("data", spec.get("data"))["name"]] for layer in spec["layer"]]
    assert sum(len(data) for data in spec["datasets"].values()) < ROWS
    return spec["layer"], rows


def drawn(function: str = "logistic", **changes: float) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    network = DrawnNetwork(**changes)
    paths = paths_of(network, function)
    return layers(charts.drawn_network(gradient_paths.network_table(network, paths), bracket=paths.bracket))


def texts(rows: list[list[dict[str, Any]]]) -> str:
    return " | ".join(str(row["text"]) for data in rows for row in data if "text" in row)


# The drawn network


@pytest.mark.parametrize("function", sorted(ACTIVATIONS))
def test_every_value_of_the_network_is_written_on_it(function: str) -> None:
    paths = paths_of(DrawnNetwork(), function)
    _, rows = drawn(function)
    written = texts(rows)
    for value in (paths.h21, paths.h22, paths.h3, paths.y):
        assert number(value) in written
    for part in ("u₁₁ = 0.8", "u₂₁ = 0.5", "u₁₂ = −0.7", "u₂₂ = −0.9", "w₁ = 0.4", "w₂ = −0.6", "v = 1", "t = 1"):
        assert part in written
    assert f"L = {number(paths.loss)}" in written
    assert f"∂L/∂w₁ = {number(paths.gradient_w1)}" in written
    assert f"∂L/∂w₂ = {number(paths.gradient_w2)}" in written
    assert f"common factor {number(paths.bracket)}" in written


def test_the_colour_of_a_node_or_a_line_is_its_sign_and_a_line_s_thickness_the_size_of_its_weight() -> None:
    _, rows = drawn("tanh", u21=0.0, w2=-3.0, x2=0.0)
    signed = {
        row["label"].partition(",")[0]: row["sign"] for data in rows for row in data if "sign" in row and "label" in row
    }
    assert signed["u₂₁"] == signed["x₂"] == "zero"
    assert signed["w₂"] == "negative"
    assert signed["h₂₁"] == "positive"
    width = {row["label"]: row["width"] for data in rows for row in data if "width" in row}
    assert width["w₂"] > width["u₂₂"] > width["w₁"] > width["u₂₁"] > 0


# Quadrants


@pytest.mark.parametrize(("function", "allowed"), [("logistic", {"++", "--"}), ("tanh", {"-+", "+-"})])
def test_the_shaded_quadrants_are_those_of_the_hidden_outputs_signs_and_the_arrow_is_minus_the_gradient(
    function: str, allowed: set[str]
) -> None:
    paths = paths_of(DrawnNetwork(), function)
    step = (-paths.gradient_w1, -paths.gradient_w2)
    chart = charts.quadrants(gradient_paths.quadrant_table(paths), step=step, own=(paths.h21, paths.h22))
    spec, rows = layers(chart)
    assert {row["pattern"] for row in rows[0] if row["allowed"]} == allowed
    arrow = [data[0] for layer, data in zip(spec, rows, strict=True) if layer["mark"].get("shape") == "triangle-up"]
    assert (arrow[0]["x2"], arrow[0]["y2"]) == pytest.approx(step)
    line = rows[2][0]
    assert line["x2"] * step[1] == pytest.approx(line["y2"] * step[0])


def test_without_a_step_there_is_no_arrow_and_still_a_chart() -> None:
    paths = paths_of(DrawnNetwork(v=0.0), "relu")
    table = gradient_paths.quadrant_table(paths)
    spec, _ = layers(charts.quadrants(table, step=(0.0, 0.0), own=(0.0, 0.0)))
    assert len(spec) == 2


# Sign combinations


def test_the_bars_are_the_counts_and_none_is_written_as_0() -> None:
    table = gradient_paths.combination_table(DrawnNetwork(), ["logistic", "tanh"], 1000)
    spec, rows = layers(charts.sign_combinations(table))
    bars = pd.DataFrame(rows[0])
    assert bars["count"].sum() == 2000
    never = bars[(bars["group"] == "logistic") & bars["signs"].isin(["w₁ −, w₂ +", "w₁ +, w₂ −"])]
    assert never["label"].tolist() == ["0", "0"]
    assert len(spec[0]["encoding"]["x"]["scale"]["domain"]) == 4


def test_gradients_of_exactly_0_have_a_bar_of_their_own_where_there_are_any() -> None:
    table = gradient_paths.combination_table(DrawnNetwork(), ["relu"], 500)
    spec, _ = layers(charts.sign_combinations(table))
    assert spec[0]["encoding"]["x"]["scale"]["domain"][-1] == "one is 0"


# Descent


def descent_layers(
    function: str, descent: Descent, step: int
) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    neuron = descent.neuron(function)
    paths = zigzag.path_table(descent.paths([function], UPDATES))
    here = paths[(paths["updates"] == EXAMPLE) & (paths["step"] <= step)].iloc[-1]
    return layers(
        charts.descent(
            paths,
            contours=zigzag.contour_table(neuron),
            directions=zigzag.direction_table(neuron, (here["w1"], here["w2"])),
            tiles=zigzag.tile_table(neuron),
            solution=SOLUTION,
            step=step,
            colour="#123456",
            title=function,
        )
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_paths_are_strong_up_to_the_step_and_faint_beyond(function: str) -> None:
    spec, rows = descent_layers(function, Descent(steps=40), 7)
    lines = [(layer["mark"], data) for layer, data in zip(spec, rows, strict=True) if layer["mark"]["type"] == "line"]
    (_, _), (faint, all_of_it), (strong, walked) = lines
    assert faint["opacity"] < 0.5 < strong["opacity"]
    assert {row["step"] for row in walked} == set(range(8))
    assert {row["step"] for row in all_of_it} == set(range(41))


def test_the_squares_round_the_point_say_how_many_examples_step_there() -> None:
    spec, rows = descent_layers("logistic", Descent(), 0)
    cells = next(data for layer, data in zip(spec, rows, strict=True) if layer["mark"]["type"] == "rect")
    assert sum(row["count"] for row in cells) == zigzag.EXAMPLES
    assert {row["pattern"] for row in cells if row["count"] == 0} == {"+-", "-+"}


def test_a_click_picks_the_tile_that_it_falls_on_and_tiles_lie_over_all_else() -> None:
    neuron = Descent().neuron("tanh")
    paths = zigzag.path_table(Descent().paths(["tanh"], UPDATES))
    tiles = zigzag.tile_table(neuron)
    spec = charts.descent(
        paths,
        contours=zigzag.contour_table(neuron),
        directions=zigzag.direction_table(neuron, (0.0, 0.0)),
        tiles=tiles,
        solution=SOLUTION,
        step=3,
        colour="#123456",
        title="",
    ).to_dict()
    pick = next(parameter for parameter in spec["params"] if parameter["name"] == charts.START)
    assert pick["select"] == {"type": "point", "fields": ["w1", "w2"], "on": "click", "clear": False}
    assert pick["views"] == [spec["layer"][-1]["name"]]
    drawn_tiles = pd.DataFrame(spec["datasets"][spec["layer"][-1]["data"]["name"]])
    assert ((drawn_tiles["left"] + drawn_tiles["right"]) / 2).to_numpy() == pytest.approx(tiles["w1"].to_numpy())
    assert len(tiles) == 21 * 21


def test_a_path_that_runs_off_to_infinity_leaves_no_number_that_is_not_finite() -> None:
    wild = Descent(own_rates=False, rate=5.0, steps=200)
    descent_layers("steep_logistic", wild, 200)
    table = zigzag.path_table(wild.paths(["steep_logistic"], UPDATES))
    layers(charts.loss_over_steps(table, functions=FUNCTIONS, goal=0.01))


def test_a_function_has_one_colour_in_all_its_charts() -> None:
    table = zigzag.path_table(Descent(steps=20).paths(["tanh", "relu"], UPDATES))
    spec, _ = layers(charts.loss_over_steps(table, functions=FUNCTIONS, goal=0.01))
    scale = spec[0]["encoding"]["color"]["scale"]
    colours = dict(zip(*group_colours(FUNCTIONS), strict=True))
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {name: colours[name] for name in ("tanh", "relu")}
    counts = gradient_paths.combination_table(DrawnNetwork(), gradient_paths.COMPARED, 100)
    bars = layers(charts.sign_combinations(counts))[0][0]["encoding"]["color"]["scale"]
    assert dict(zip(bars["domain"], bars["range"], strict=True))["tanh"] == colours["tanh"]


def test_the_loss_is_drawn_down_to_where_the_axis_ends_and_a_start_at_the_minimum_leaves_it_blank() -> None:
    table = zigzag.path_table(Descent().paths(["tanh"], UPDATES))
    _, rows = layers(charts.loss_over_steps(table, functions=FUNCTIONS, goal=0.01))
    shares = np.array([row["share"] for row in rows[0]])
    assert shares.max() == 1
    assert shares.min() >= charts.LEAST_SHARE
    still = zigzag.path_table(Descent(start=SOLUTION).paths(["tanh"], UPDATES))
    assert "no finite values" in texts(layers(charts.loss_over_steps(still, functions=FUNCTIONS, goal=0.01))[1])
