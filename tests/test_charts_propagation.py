"""Theory over measurement: predictions against runs and published values, words that follow them, and the charts."""

import dataclasses
import json
import math
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from core.charts import propagation as charts
from core.charts.style import Chosen
from core.experiment.experiment import Experiment
from core.lessons import signal_propagation as lesson
from core.lessons.findings import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED
from core.registries import datasets
from core.registries.activations import ACTIVATIONS
from core.results.results import Result
from core.text import ONE_SEED
from core.theory.theory import fixed_point
from tests.engine import train

SMALL: dict[str, Any] = {"dataset": "iris", "epochs": 1, "record": "0,1", "seeds": 3, "statistics": "standard"}


@lru_cache(maxsize=16)
def result(**settings: Any) -> Result:
    return train(Experiment(**SMALL | settings))


def wide() -> Result:
    return result(dataset="digits", hidden="512-512", activation=("logistic", "tanh"), initialiser=("glorot_uniform",))


def narrow() -> Result:
    return result(hidden="8-8-8", activation=("tanh", "relu"), initialiser=("normal:1", "constant:0.1", "zeros"))


def indexed(table: pd.DataFrame, *columns: str) -> Any:
    return table.set_index(list(columns))


def rows_of(chart: alt.LayerChart) -> list[list[dict[str, Any]]]:
    return list(json.loads(json.dumps(chart.to_dict(), allow_nan=False))["datasets"].values())


def test_the_theory_of_wide_layers_predicts_wide_layers() -> None:
    table = lesson.by_layer(wide())
    for quantity, off in (("length", 0.08), ("saturated", 0.01), ("mean", 0.03)):
        own = table[table["quantity"] == quantity]
        assert len(own) == 4
        scale = own["median"] if quantity == "length" else 1.0
        assert ((own["predicted"] - own["median"]).abs() / scale).max() < off
    assert lesson.agreement(wide()).verdict == SUPPORTED


def test_layers_that_start_from_the_same_weights_count_once() -> None:
    several = result(hidden="8-8-8", activation=("tanh",), learning_rate=(0.1, 0.5), batch_size=("full", 32))
    assert several.runs["group"].nunique() == 4 * len(several.experiment.initialiser)
    numbers = {number.measure: number.value for number in lesson.agreement(several).numbers}
    assert numbers["layers predicted"] == 3 * len(several.experiment.initialiser)


def test_the_measured_q_is_the_mean_square_of_the_pre_activations() -> None:
    layers = narrow().layers
    part = layers[(layers["group"] == "tanh · normal:1") & (layers["layer"] == 2) & (layers["epoch"] == 0)]
    squares = part["preactivation_mean"] ** 2 + part["preactivation_std"] ** 2
    table = indexed(lesson.by_layer(narrow()), "group", "layer", "quantity")
    row = table.loc[("tanh · normal:1", 2, "length")]
    assert row[["low", "median", "high"]].to_list() == pytest.approx(np.quantile(squares, [0.25, 0.5, 0.75]).tolist())
    assert row["runs"] == 3


@pytest.mark.parametrize("probe", [16, 0])
def test_the_first_layer_is_given_the_mean_square_of_the_examples_measured(probe: int) -> None:
    e = Experiment(**SMALL | {"probe": probe, "scaling": "unit_interval"})
    x = datasets.load(
        *e.dataset, samples=e.samples, noise=e.noise, scaling=e.scaling, test_share=e.test_share, seed=e.data_seed
    ).train_x
    x = x[: probe or len(x)]
    seen = lesson.inputs(e, *e.dataset)
    assert seen.mean_square == pytest.approx(np.mean(x * x))
    assert (seen.low, seen.high) == pytest.approx(tuple(np.quantile(np.mean(x * x, axis=1), [0.05, 0.95])))


def test_weights_that_are_not_random_have_no_prediction_and_the_reader_is_told() -> None:
    table = indexed(lesson.by_layer(narrow()), "group")
    assert table.loc["tanh · constant:0.1", "predicted"].isna().all()
    assert table.loc["tanh · normal:1", "predicted"].notna().all()
    said = dict(lesson.reasons(narrow()))
    assert "for tanh · constant:0.1, tanh · zeros, relu · constant:0.1 and relu · zeros, which" in said["No prediction"]
    points = indexed(lesson.points(narrow()), "group")
    assert points.loc["relu · constant:0.1", "note"] == "not random about 0"
    assert math.isnan(points.loc["relu · constant:0.1", "chi"])


@pytest.mark.parametrize(
    "start", [{"initialiser": "uniform:0:1"}, {"initialiser": "he_normal", "bias_initialiser": "constant:0.5"}]
)
def test_random_weights_without_a_prediction_are_not_said_to_be_no_random_weights(start: dict[str, str]) -> None:
    found = lesson.agreement(result(hidden="8", activation="tanh", **start))
    assert found.verdict == UNDECIDED
    assert found.evidence == "The theory has no prediction for any layer here."


def test_a_map_without_a_fixed_point_says_so_instead_of_a_number() -> None:
    row = indexed(lesson.points(narrow()), "group").loc["relu · normal:1"]
    assert row["sw"] > math.sqrt(2)
    assert math.isnan(row["q"])
    assert row["note"] == "no finite fixed point: q grows without limit from layer to layer"
    assert lesson.point_words("relu", 2.0, 0.0).startswith("no finite fixed point")
    assert "every q is a fixed point" in lesson.point_words("relu", math.sqrt(2), 0.0)


def test_glorot_weights_start_at_the_critical_point_of_tanh_and_far_from_the_logistics() -> None:
    points = indexed(lesson.points(wide()), "activation")
    assert points["sw"].to_list() == pytest.approx([1.0, 1.0], abs=0.01)
    assert points.loc["tanh", "chi"] == pytest.approx(1.0, abs=0.01)
    assert points.loc["logistic", "chi"] == pytest.approx(0.0557, abs=0.001)
    assert points.loc["logistic", "depth_scale"] == pytest.approx(1 / abs(math.log(0.0557)), rel=0.01)


@pytest.mark.parametrize(
    ("sw2", "sb2", "q"),
    [
        (1.1776, 0.00083, 0.1),
        (1.3940, 0.00813, 0.25),
        (1.6880, 0.03804, 0.5),
        (2.1533, 0.15096, 1.0),
        (2.8612, 0.51226, 2.0),
    ],
)
def test_the_critical_line_of_tanh_runs_through_the_published_points(sw2: float, sb2: float, q: float) -> None:
    line = lesson.critical_table("tanh")
    assert np.interp(q, line["q"], line["sw"] ** 2) == pytest.approx(sw2, abs=1e-3)
    assert np.interp(q, line["q"], line["sb"] ** 2) == pytest.approx(sb2, abs=1e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_critical_line_starts_at_bias_0_and_separates_shrinking_from_growing(name: str) -> None:
    line = lesson.critical_table(name)
    if line.empty:  # softplus: its mean lets q grow without bound before gradients stop shrinking
        assert (lesson.phase_table(name, 0.05, 40.0, lesson.BIAS_REACH)["chi"].dropna() < 1).all()
        assert name == "softplus"
        return
    assert line["sb"].iloc[0] == pytest.approx(0.0, abs=1e-3)
    assert line["sb"].iloc[-1] == pytest.approx(lesson.BIAS_REACH, abs=0.05)
    cells = lesson.phase_table(name, 0.05, 40.0, lesson.BIAS_REACH)
    for sb, row in cells.groupby("sb"):
        critical = np.interp(float(str(sb)), line["sb"], line["sw"])
        below, above = row[row["sw"] < 0.9 * critical], row[row["sw"] > 1.1 * critical]
        known = below[
            "chi"
        ].dropna()  # gelu, say, has a fixed point at 0 and grows without bound from afar: no single one
        assert len(known) == len(below) or math.isinf(ACTIVATIONS[name].range[1])
        assert (known < 1).all()
        assert len(known)
        assert not (above["chi"] < 1).any()


@pytest.mark.parametrize("name", ["tanh", "logistic", "relu", "softsign", "identity"])
def test_the_curve_of_depth_scales_is_that_of_the_fixed_points(name: str) -> None:
    table = lesson.depth_table(name, 0.05, 40.0).iloc[5::31]
    exact = [fixed_point(name, sw**2, 0.0).depth_scale for sw in table["sw"]]
    assert table["depth_scale"].to_list() == pytest.approx(exact, rel=0.02)


def test_what_is_said_of_a_point_is_what_theory_says() -> None:
    said = lesson.point_words("tanh", math.sqrt(4.0), math.sqrt(0.05))
    assert "q* = 2.2" in said
    assert "χ₁ = 1.34: gradients grow" in said
    assert "χ₁ = 0.759: gradients shrink" in lesson.point_words("tanh", 1.0, math.sqrt(0.05))
    assert "keep their size" in lesson.point_words("tanh", 1.0, 0.0)


@pytest.mark.parametrize(
    ("name", "sw", "sb", "said"),
    [
        # The identity has chi_1 = sw^2: e-fold in 1 / |log sw^2| layers.
        ("identity", 0.5, 0.0, "gradients shrink, mean square falls e-fold every 0.721 layers."),
        ("identity", math.exp(-0.5), 0.0, "gradients shrink, mean square falls e-fold every layer."),
        ("identity", 2.0, 0.0, "gradients grow, mean square grows e-fold every 0.721 layers."),
        ("identity", 0.0, 0.5, "χ₁ = 0: no gradient gets through a layer."),
    ],
)
def test_how_fast_gradients_change_is_said_in_layers(name: str, sw: float, sb: float, said: str) -> None:
    assert lesson.point_words(name, sw, sb).endswith(said)


def test_one_seed_decides_nothing_and_one_unit_is_one_unit() -> None:
    found = lesson.agreement(result(seeds=1, hidden="1-1", initialiser="normal:1"))
    assert found.verdict == UNDECIDED
    assert found.evidence.endswith(ONE_SEED)
    assert found.limits.startswith("Hidden layers of 1 unit. ")
    assert (
        "narrowest has 1 unit," in dict(lesson.reasons(result(hidden="1-1", initialiser="normal:1")))["Narrow layers"]
    )


def test_a_layer_that_fell_silent_counts_as_missed_where_theory_expects_a_signal() -> None:
    true = wide()
    dead = true.layers.assign(preactivation_mean=0.0, preactivation_std=0.0)
    found = lesson.agreement(dataclasses.replace(true, layers=dead))
    assert "in 0 of 4 layers" in found.evidence
    assert ", 0 measured" in found.evidence


def test_one_weight_has_a_variance_about_0_so_that_theory_predicts_layers_of_one_unit() -> None:
    narrowest = result(hidden="1-1", initialiser="normal:1", activation="tanh", bias=False)
    weights = narrowest.layers.query("epoch == 0 and layer == 2")
    assert weights["weight_std"].eq(0).all()
    sw = indexed(lesson.points(narrowest), "activation").loc["tanh", "sw"]
    assert sw == pytest.approx(math.sqrt((weights["weight_rms"] ** 2).mean()))
    assert (lesson.by_layer(narrowest).query("quantity == 'length'")["predicted"] > 0).all()


def test_where_all_had_diverged_that_is_why_nothing_is_decided() -> None:
    diverged = result(initialiser="normal:1000", gain=100.0, activation="relu", hidden="-".join(["16"] * 12))
    assert diverged.layers.empty
    found = lesson.agreement(diverged)
    assert found.verdict == UNDECIDED
    assert "diverged at initialisation" in found.evidence


def test_after_training_the_dots_part_from_the_lines_and_the_reader_is_told_why() -> None:
    assert not lesson.trained(0)
    assert "At epoch 1 training" in dict(lesson.trained(1))["Training"]
    first, later = lesson.by_layer(wide(), 0), lesson.by_layer(wide(), 1)
    assert later["predicted"].to_list() == first["predicted"].to_list()
    assert later["median"].to_list() != first["median"].to_list()


def test_seeds_that_differ_are_put_down_to_narrow_layers_and_one_seed_is_not() -> None:
    assert "narrowest has 8 units" in dict(lesson.reasons(narrow()))["Narrow layers"]
    assert "Narrow layers" not in dict(lesson.reasons(result(seeds=1, hidden="8-8")))


def test_the_verdict_follows_the_measurement() -> None:
    true = wide()
    far = true.layers.assign(
        preactivation_std=2 * true.layers["preactivation_std"], saturated=true.layers["saturated"] + 0.4
    )
    assert lesson.agreement(dataclasses.replace(true, layers=far)).verdict == NOT_SUPPORTED
    half = true.layers.assign(
        preactivation_std=true.layers["preactivation_std"] * np.where(true.layers["layer"] == 1, 2.0, 1.0)
    )
    found = lesson.agreement(dataclasses.replace(true, layers=half))
    assert found.verdict == MIXED
    assert "in 2 of 4 layers" in found.evidence
    assert "layer 1" in found.evidence
    assert lesson.agreement(result(hidden="none")).verdict == UNDECIDED
    assert lesson.agreement(result(initialiser=("constant:0.1",))).verdict == UNDECIDED


def test_the_length_map_settles_at_the_fixed_point_from_every_start() -> None:
    table = lesson.map_table("tanh", 2.0, 0.3)
    ends = table[table["layer"] == lesson.MAP_LAYERS]["q"]
    assert ends.to_list() == pytest.approx([lesson.q_star("tanh", 2.0, 0.3)] * 3, rel=1e-3)


# --- charts


@pytest.mark.parametrize("quantity", ["length", "saturated", "mean", "backward"])
def test_measured_dots_and_predicted_lines_are_the_tables(quantity: str) -> None:
    table = lesson.by_layer(wide())
    groups = wide().experiment.groups()
    data = rows_of(charts.theory_by_layer(table, groups=groups, quantity=quantity))
    own = table[table["quantity"] == quantity]
    lines = next(rows for rows in data if "predicted" in rows[0])
    dots = next(rows for rows in data if "median" in rows[0])
    assert [row["predicted"] for row in lines] == pytest.approx(own["predicted"].to_list())
    assert [row["median"] for row in dots] == pytest.approx(own["median"].to_list())


@pytest.mark.parametrize("quantity", ["length", "saturated", "mean", "backward"])
def test_nothing_that_a_log_axis_cannot_show_reaches_it(quantity: str) -> None:
    table = lesson.by_layer(narrow())
    data = rows_of(charts.theory_by_layer(table, groups=narrow().experiment.groups(), quantity=quantity))
    drawn = [row[name] for rows in data for row in rows for name in ("predicted", "low", "high") if name in row]
    assert drawn
    assert quantity not in ("length", "backward") or min(drawn) > 0
    nothing = table.assign(predicted=np.nan, median=np.nan, low=np.nan, high=np.nan)
    assert "no finite values" in json.dumps(
        charts.theory_by_layer(nothing, groups=narrow().experiment.groups(), quantity=quantity).to_dict()
    )


@pytest.mark.parametrize("name", ["logistic", "tanh", "relu"])
def test_the_phase_diagram_names_its_phases_and_holds_the_runs_points(name: str) -> None:
    runs = result(hidden="8-8-8", activation=("logistic", "tanh", "relu"), initialiser=("normal:1", "glorot_normal"))
    points = lesson.points(runs)
    own = points[points["activation"] == name]
    low, high = lesson.sw_range(own)
    chart = charts.phase_diagram(
        own,
        cells=lesson.phase_table(name, low, high, lesson.BIAS_REACH),
        line=lesson.critical_table(name),
        groups=runs.experiment.groups(),
        trial=(1.5, 0.3),
    )
    data = rows_of(chart)
    assert sum(map(len, data)) < 5000
    phases = {
        row["phase"].partition("\n")[0] + row["phase"].partition("\n")[2]
        for rows in data
        for row in rows
        if "phase" in row
    }
    grows = "no finite q*:it grows" if name == "relu" else "gradientsgrow"
    assert phases == {"gradientsshrink", grows}
    dots = next(rows for rows in data if "group" in rows[0])
    assert [row["sw"] for row in dots] == pytest.approx(own["sw"].to_list())
    assert chart.to_dict()["layer"][-1]["encoding"]["color"]["scale"]["domain"] == own["group"].to_list()


@pytest.mark.parametrize("name", ["tanh", "relu", "identity"])
def test_a_depth_scale_without_bound_is_drawn_at_the_edge(name: str) -> None:
    runs = result(hidden="8-8-8", activation=(name,), initialiser=("glorot_normal", "orthogonal", "zeros"))
    points, groups = lesson.points(runs), runs.experiment.groups()
    curve = lesson.depth_table(name, *lesson.sw_range(points))
    for shown in ((), groups[1:2]):
        some = charts.depth_scales(points, curve=curve, groups=Chosen(shown, groups), depth=3)
        assert [row["group"] for rows in rows_of(some) for row in rows if "chi" in row and "group" in row] == [*shown]
    assert math.isinf(curve["depth_scale"].max())
    data = rows_of(charts.depth_scales(points, curve=curve, groups=runs.experiment.groups(), depth=3))
    drawn = [row["drawn"] for rows in data for row in rows if "drawn" in row]
    assert max(drawn) == charts.DEEPEST
    assert min(drawn) >= charts.SHALLOWEST


@pytest.mark.parametrize(("name", "sw", "sb"), [("relu", 10.0, 3.0), ("tanh", 0.1, 0.0), ("tanh", 1.5, 0.3)])
def test_a_map_that_explodes_or_dies_out_is_drawn_as_far_as_there_are_numbers(name: str, sw: float, sb: float) -> None:
    table = lesson.map_table(name, sw, sb)
    star = lesson.q_star(name, sw, sb)
    data = rows_of(charts.length_maps(table, fixed_point=star))
    values = [row["q"] for rows in data for row in rows if "q" in row]
    assert 0 < min(values) <= max(values) < 1e21
    if star:
        assert values[-1] == pytest.approx(star)


def test_tables_are_computed_for_groups_of_every_shape() -> None:
    runs = result(hidden=("4", "8-4"), activation=("tanh",), initialiser=("lsuv",), gain=(1.0, 2.0))
    table = lesson.by_layer(runs)
    assert len(table) == 2 * (1 + 2) * len(lesson.QUANTITIES)
    points = lesson.points(runs)
    assert pd.Series(points["depth"]).to_list() == [1, 1, 2, 2]
