"""Batch size: agreement of pairs against theory and against counting, words that follow, and the charts."""

import json
import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.charts import batches as charts
from core.charts import saturation as by_scale
from core.experiment.experiment import Experiment
from core.lessons import batch_size as lesson
from core.lessons.findings import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED
from core.results.results import Result
from core.text import NOT_MEASURED, ONE_SEED, share
from core.theory.theory import pair_agreement
from tests.engine import at_start, data_of, train
from tests.test_charts import _sound
from tests.test_findings import FAST, TWO_BY_TWO, made_up, updates

QUICK: dict[str, Any] = {"dataset": "iris", "hidden": "12-12", "epochs": 2, "seeds": 3, "initialiser": "glorot_uniform"}


@lru_cache
def trained(**settings: Any) -> Result:
    return train(Experiment(**{**QUICK, **settings}))


@lru_cache
def digits(**settings: Any) -> Result:
    """At initialisation on the lecture's data."""
    return at_start(Experiment(**{"seeds": 3, "epochs": 1, "hidden": "64-64", **settings}))


# Agreement of pairs


@given(st.integers(0, 40), st.integers(0, 40))
def test_pairs_and_agreement_are_tied_by_the_formula_on_the_page(positive: int, negative: int) -> None:
    n = positive + negative
    if n < 2:
        return
    signs = np.array([1] * positive + [-1] * negative)
    equal = np.triu(np.equal.outer(signs, signs), 1).sum() / (n * (n - 1) / 2)
    s = abs(positive - negative) / n
    assert (positive * (positive - 1) + negative * (negative - 1)) / (n * (n - 1)) == pytest.approx(equal)
    assert (n * (1 + s * s) - 2) / (2 * (n - 1)) == pytest.approx(equal)


@pytest.mark.parametrize("dataset", ["iris", "digits", "two_moons"])
def test_a_full_batch_is_the_training_set(dataset: str) -> None:
    experiment = Experiment(dataset=(dataset,))
    assert lesson.train_examples(experiment) == len(data_of(experiment).train_y)


def test_one_batch_size_is_looked_at_as_one_example_one_batch_and_the_whole_set() -> None:
    result = trained(batch_size=16)
    table = lesson.by_batch(result, 0, 2)
    assert sorted(table["size"].unique()) == [1, 16, lesson.train_examples(result.experiment)]
    one = table[(table["size"] == 1) & (table["activation"] == "logistic")]
    assert one["pairs"].eq(1).all()  # the lecture's rule is exact


def test_of_several_batch_sizes_each_run_stands_at_its_own() -> None:
    result = trained(batch_size=(1, 16, 0))
    table = lesson.by_batch(result, 2, 2)
    full = lesson.train_examples(result.experiment)
    assert len(table) == len(result.runs)
    assert set(table["line"]) == {"logistic", "tanh"}
    sizes = dict(zip(result.runs["run"], result.runs["batch_size"], strict=True))
    for row in table.itertuples():
        assert row.size == (full if sizes[row.run] == "full" else int(sizes[row.run]))


def test_a_batch_size_beyond_the_data_is_the_whole_set_and_counted_once() -> None:
    table = lesson.by_batch(trained(batch_size=5000), 0, 2)
    assert sorted(table["size"].unique()) == [1, 120]
    assert not table.duplicated(["run", "size"]).any()


def test_theory_takes_mean_and_spread_of_what_feeds_the_layer() -> None:
    result = digits()
    feed = lesson.feeding(result, 0, 2).set_index("line")
    below = (
        result.layers.query("epoch == 0 and layer == 1").groupby("group")[["activation_mean", "activation_std"]].mean()
    )
    for row in below.reset_index().to_dict("records"):
        mean, std = row["activation_mean"], row["activation_std"]
        assert feed["limit"][row["group"]] == pytest.approx(pair_agreement(mean, std))
        assert feed["rho"][row["group"]] == pytest.approx(mean**2 / (mean**2 + std**2))


@pytest.mark.parametrize(("scaling", "least"), [("standardised", 0.5), ("unit_interval", 0.6)])
def test_the_first_layer_is_fed_by_the_inputs_those_without_spread_left_out(scaling: str, least: float) -> None:
    result = digits(scaling=scaling)
    x = data_of(result.experiment).train_x
    x = x[:, x.std(axis=0) > 0]
    feed = lesson.feeding(result, 0, 1)
    assert feed["mean"].tolist() == pytest.approx([float(x.mean())] * len(feed), abs=1e-9)
    assert feed["std"].tolist() == pytest.approx([float(x.std())] * len(feed))
    assert feed["limit"].min() >= least


def test_in_a_mini_batch_the_second_layer_agrees_as_often_as_theory_says() -> None:
    result = digits(initialiser="glorot_uniform", batch_size=64, hidden="128-128")
    measured = lesson.by_batch(result, 0, 2).query("size == 64").groupby("activation")["pairs"].mean()
    theory = lesson.theory_by_batch(result, 0, 2).query("size == 64").set_index("line")["pairs"]
    assert measured["logistic"] == pytest.approx(theory["logistic"], abs=0.05)
    assert measured["tanh"] == pytest.approx(theory["tanh"], abs=0.01)
    assert theory["tanh"] == pytest.approx(lesson.FREE, abs=0.005)


def test_smaller_weights_saturate_less_and_tie_the_signs_more() -> None:
    table = lesson.by_scale(digits(), "logistic", 0, 2, "batch")
    wide = table.pivot(index="scale", columns="quantity", values="mean").sort_index()
    assert wide["saturated"].is_monotonic_increasing
    assert wide["pairs"].is_monotonic_decreasing
    assert wide["pairs"].iloc[0] > 0.95
    assert lesson.smaller_weights(digits(), 0, 2).verdict == SUPPORTED
    tanh = lesson.by_scale(digits(), "tanh", 0, 2, "batch").query("quantity == 'pairs'")
    assert tanh["mean"].tolist() == pytest.approx([lesson.FREE] * 3, abs=0.02)


def test_by_scale_is_empty_where_nothing_was_recorded_yet_of_a_function() -> None:
    begun = replace(digits(), layers=digits().layers.query("activation == 'tanh'"))
    assert lesson.by_scale(begun, "logistic", 0, 2, "batch").empty


def test_a_full_batch_and_one_beyond_the_data_are_one_size() -> None:
    result = trained(batch_size=(0, 100_000))
    full = lesson.train_examples(result.experiment)
    assert lesson.sizes(result.experiment, *result.experiment.dataset) == {"full": full, "100000": full}
    assert lesson.one_size(result.experiment)
    table = lesson.by_batch(result, 2, 2)
    assert sorted(table["size"].unique()) == [1, full]
    assert not table.duplicated(["line", "seed", "size"]).any()
    seeds = result.experiment.seeds
    assert lesson.by_layer(result, 2)["runs"].eq(seeds).all()
    assert lesson.by_scale(result, "tanh", 2, 2, "batch")["runs"].eq(seeds).all()
    assert not lesson.theory_by_batch(result, 2, 2).duplicated().any()
    three = trained(batch_size=(1, 0, 100_000))
    assert sorted(lesson.by_batch(three, 2, 2)["size"].unique()) == [1, full]
    assert not lesson.by_batch(three, 2, 2).duplicated(["line", "seed", "size"]).any()


def test_the_scale_is_the_root_mean_square_so_that_a_large_constant_is_large() -> None:
    result = trained(initialiser=("constant:10", "normal:0.01", "normal:1"), activation="logistic")
    table = lesson.by_scale(result, "logistic", 0, 2, "epoch").query("quantity == 'saturated'")
    assert table["initialiser"].to_list() == ["normal:0.01", "normal:1", "constant:10"]
    assert table["scale"].iloc[-1] == pytest.approx(10)


def test_networks_of_other_widths_have_scales_of_their_own() -> None:
    result = trained(hidden=("8-8", "64-64"), activation="logistic", initialiser="glorot_uniform")
    table = lesson.by_scale(result, "logistic", 0, 2, "batch").query("quantity == 'saturated'").set_index("hidden")
    # Glorot: variance 2 / (fan_in + fan_out).
    assert table["scale"].to_dict() == pytest.approx({"8-8": (2 / 16) ** 0.5, "64-64": (2 / 128) ** 0.5}, rel=0.15)


def test_the_row_of_a_layer_is_the_median_over_all_batch_sizes_that_the_chart_draws() -> None:
    result = trained(batch_size=(1, 16, 0))
    runs = result.layers.query("epoch == 2 and layer == 2").groupby("activation")["pair_agreement_epoch"]
    row = lesson.by_layer(result, 2).query("layer == 2").set_index("line")
    assert row["pairs"].to_dict() == pytest.approx(runs.median().to_dict())
    assert row["runs"].to_dict() == runs.count().to_dict()


# In words


def pairs(logistic: tuple[float, float], tanh: tuple[float, float] = (0.5, 0.5)) -> Result:
    """Agreement with one example and with the whole set of layer 2, by activation."""
    layers: list[dict[str, Any]] = []
    for name, (one, full) in {"logistic": logistic, "tanh": tanh}.items():
        row = {"activation": name, "epoch": 0, "activation_mean": 0.5, "activation_std": 0.2, "preactivation_std": 1.0}
        row |= {"saturated": 0.1, "weight_std": 0.1, "weight_rms": 0.1, "fan_in": 8}
        levels = {"pair_agreement_example": one, "pair_agreement_batch": (one + full) / 2, "pair_agreement_epoch": full}
        layers += [row | {"layer": 1, "role": "hidden"}, row | levels | {"layer": 2, "role": "output"}]
    return made_up(replace(TWO_BY_TWO, initialiser=("normal:1",)), layers, **updates(FAST, FAST))


@pytest.mark.parametrize(
    ("logistic", "verdict"),
    [((1.0, 0.85), SUPPORTED), ((1.0, 1.0), NOT_SUPPORTED), ((1.0, 0.5), NOT_SUPPORTED), ((0.5, 0.5), NOT_SUPPORTED)],
)
def test_a_batch_loosens_the_tie_only_where_agreement_falls_and_stays_above_chance(
    logistic: tuple[float, float], verdict: str
) -> None:
    found = lesson.larger_batches(pairs(logistic), 0, 2)
    assert found.verdict == verdict
    assert "logistic 100 % with one example" in found.evidence or logistic[0] < 1
    assert "Random: 50 %" in found.evidence


def test_where_nothing_is_never_negative_nothing_is_tied() -> None:
    tanh = trained(activation="tanh")
    assert lesson.larger_batches(tanh, 0, 2).verdict == UNDECIDED
    assert lesson.smaller_weights(tanh, 0, 2).verdict == UNDECIDED


def test_a_function_with_one_batch_size_so_far_is_left_out_until_there_are_two() -> None:
    whole = trained(batch_size=(1, 16, 0), activation=("logistic", "tanh"))
    late = (whole.layers["activation"] == "tanh") & (whole.layers["batch_size"] != "16")
    so_far = replace(whole, layers=whole.layers[~late])
    assert "tanh" not in lesson.larger_batches(so_far, 0, 2).evidence
    assert lesson.larger_batches(so_far, 0, 2).verdict == lesson.larger_batches(whole, 0, 2).verdict
    one = replace(whole, layers=whole.layers[whole.layers["batch_size"] == "16"])
    assert lesson.larger_batches(one, 0, 2).verdict == UNDECIDED


def test_batches_without_a_gradient_are_said_to_have_none() -> None:
    whole = trained(batch_size=(1, 16, 0), activation=("logistic", "tanh"))
    silent = replace(whole, layers=whole.layers.assign(pair_agreement_batch=np.nan))
    assert lesson.by_batch(silent, 0, 2).empty
    assert lesson.NO_GRADIENT in lesson.larger_batches(silent, 0, 2).evidence


def test_two_initialisers_of_one_scale_are_two_and_one_without_gradients_is_none() -> None:
    result = trained(
        initialiser=("normal:0", "normal:0.01", "normal:1"), gain=(1.0, 2.0), activation="logistic", bias=False
    )
    scales = lesson.by_scale(result, "logistic", 2, 2, "batch")
    assert scales.duplicated(["quantity", "scale"]).any()
    least = scales.loc[scales["initialiser"] == "normal:0.01", "scale"].min()
    assert f" to {least:.2g}: saturated" in lesson.smaller_weights(result, 0, 2).evidence


def test_the_medians_in_words_are_those_of_the_chart() -> None:
    result = trained(batch_size=(1, 16, 0), seeds=3)
    table = lesson.by_batch(result, 2, 2)
    medians = table[table["activation"] == "logistic"].groupby("size")["pairs"].median()
    said = f"logistic {share(medians[1])} with one example, {share(medians[120])} with 120 examples"
    assert said in lesson.larger_batches(result, 2, 2).evidence


def test_one_seed_decides_nothing() -> None:
    result = trained(seeds=1, initialiser=("normal:0.01", "normal:1"))
    for found in (lesson.larger_batches(result, 0, 2), lesson.smaller_weights(result, 0, 2)):
        assert found.verdict == UNDECIDED
        assert found.evidence.endswith(ONE_SEED)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"hidden": "1-1"}, lesson.NO_PAIRS),
        ({"statistics": "standard"}, NOT_MEASURED),
        (
            {"initialiser": "normal:1000", "gain": 100, "activation": "relu", "hidden": "-".join(["16"] * 12)},
            "measured",
        ),
    ],
)
def test_why_there_are_no_pairs_is_said_and_nothing_is_decided(settings: dict[str, Any], why: str) -> None:
    result = trained(**settings)
    for found in (lesson.larger_batches(result, 0, 2), lesson.smaller_weights(result, 0, 2)):
        assert found.verdict == UNDECIDED
        assert why in found.evidence
    assert settings.get("hidden") != "1-1" or lesson.theory_by_batch(result, 0, 2).empty


def test_units_that_start_alike_are_neither_predicted_nor_judged() -> None:
    alone, beside = (
        trained(initialiser=names, activation="logistic") for names in ("normal:1", ("normal:1", "constant:10"))
    )
    assert lesson.larger_batches(beside, 0, 2).verdict == lesson.larger_batches(alone, 0, 2).verdict
    assert lesson.ALIKE in lesson.larger_batches(beside, 0, 2).evidence
    limits = lesson.feeding(beside, 0, 2).set_index("line")["limit"]
    assert limits.notna().to_dict() == {"normal:1": True, "constant:10": False}
    only = lesson.larger_batches(trained(initialiser="constant:10", activation="logistic"), 0, 2)
    assert only.verdict == UNDECIDED
    assert lesson.smaller_weights(beside, 0, 2).verdict == UNDECIDED


def test_half_of_relus_units_are_flat_at_any_scale_so_it_does_not_judge_the_trade() -> None:
    scales = ("normal:0.01", "normal:1")
    assert lesson.smaller_weights(trained(activation="relu", initialiser=scales), 0, 2).verdict == UNDECIDED
    one, both = (
        lesson.smaller_weights(trained(activation=names, initialiser=scales), 0, 2)
        for names in ("logistic", ("logistic", "relu"))
    )
    assert (one.verdict, one.evidence) == (both.verdict, both.evidence)
    assert one.verdict != UNDECIDED


def test_inputs_that_are_never_negative_tie_the_first_layer_whatever_the_function() -> None:
    assert lesson.larger_batches(trained(activation="tanh", scaling="unit_interval"), 0, 1).verdict in (
        SUPPORTED,
        MIXED,
    )


@pytest.mark.parametrize(("full", "side"), [(0.99, "above"), (0.6, "below"), (0.84, "")])
def test_where_theory_and_the_whole_training_set_part_the_side_is_named(full: float, side: str) -> None:
    limit = pair_agreement(0.5, 0.2)
    assert limit == pytest.approx(0.83, abs=0.01)
    said = lesson.apart_from_theory(lesson.by_layer(pairs((1.0, full), (1.0, limit)), 0), 2)
    assert [f"lies {side} theory" in sentence for sentence in said] == [True] * bool(side)


def test_of_many_lines_that_part_from_theory_a_few_are_named() -> None:
    table = pd.DataFrame({"pairs": 0.9, "limit": 0.5, "layer": 2, "line": [f"gain {place}" for place in range(1, 41)]})
    (said,) = lesson.apart_from_theory(table, 2)
    assert "in gain 1, gain 2, gain 3, gain 4, gain 5, gain 6 and 34 more: " in said


@pytest.mark.parametrize(
    "unusual", [{"hidden": "none"}, {"statistics": "standard"}, {"initialiser": "zeros"}, {"activation": "relu"}]
)
def test_no_result_is_too_odd_for_its_tables_words_and_charts(unusual: dict[str, Any]) -> None:
    result = trained(**unusual)
    for layer in sorted(result.layers["layer"].unique()):
        for found in (lesson.larger_batches(result, 0, layer), lesson.smaller_weights(result, 0, layer)):
            assert "nan" not in found.sentence
        for chart in drawn(result, 0, layer):
            _sound(chart.to_dict())


# Charts


def drawn(result: Result, epoch: int, layer: int) -> list[alt.LayerChart]:
    lines = tuple(dict.fromkeys(lesson.labels(result.experiment).values()))
    limits = lesson.by_layer(result, epoch)
    name = result.experiment.activation[0]
    return [
        charts.pairs_by_batch(
            lesson.by_batch(result, epoch, layer), theory=lesson.theory_by_batch(result, epoch, layer),
            lines=lines, layer=layer, epoch=epoch, full=lesson.train_examples(result.experiment),
        ),
        charts.pairs_by_layer(lesson.by_layer_runs(result, epoch), limits=limits, lines=lines, epoch=epoch),
        charts.saturation_and_signs(
            lesson.by_scale(result, name, epoch, layer, "batch"), activation=name, layer=layer, epoch=epoch,
            whose="one mini-batch",
        ),
    ]  # fmt: skip


def rows_with(chart: alt.LayerChart, *columns: str) -> pd.DataFrame:
    data = json.loads(json.dumps(chart.to_dict(validate=False)))["datasets"]
    return pd.DataFrame(next(rows for rows in data.values() if set(columns) <= set(rows[0])))


@pytest.mark.parametrize("settings", [{}, {"batch_size": (1, 16, 0)}, {"initialiser": ("normal:0.1", "normal:1")}])
def test_charts_of_a_result_are_valid(settings: dict[str, Any]) -> None:
    for chart in drawn(trained(**settings), 2, 2):
        _sound(chart.to_dict())


def test_a_tiny_scale_is_told_as_people_write_it() -> None:
    result = trained(initialiser=("normal:0.0000001", "normal:1"))
    told = [
        drawn(result, 0, 1)[2],
        by_scale.saturation_by_scale(result.layers, activation=result.experiment.activation[0]),
    ]
    for chart in told:
        said = chart.to_dict()["description"]
        assert re.search(r"scale [\d.]+ × 10⁻[⁷⁸]", said), said


def test_dots_are_medians_of_the_runs_and_dashes_are_theory() -> None:
    result = trained(batch_size=(1, 16, 0))
    chart = drawn(result, 0, 2)[0]
    table = lesson.by_batch(result, 0, 2)
    for dot in rows_with(chart, "median", "size").to_dict("records"):
        own = table[(table["line"] == dot["group"]) & (table["size"] == dot["size"])]
        assert dot["median"] == pytest.approx(own["pairs"].median())
    expected = lesson.theory_by_batch(result, 0, 2)
    assert rows_with(chart, "group", "pairs")["pairs"].tolist() == pytest.approx(expected["pairs"].tolist())


def test_the_full_batch_stands_at_the_right_end_and_is_called_all() -> None:
    chart = drawn(trained(batch_size=16), 0, 2)[0].to_dict(validate=False)
    axis = chart["layer"][0]["encoding"]["x"]["axis"]
    assert axis["values"] == [1, 16, 120]
    assert "120 ? 'all'" in axis["labelExpr"]
