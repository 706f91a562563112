"""Sweep maps: cells against medians by hand, the window, theory's critical line in closed form, the rates' curves."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from altair.utils.schemapi import debug_mode

from core.charts import convergence as rate_charts
from core.charts import maps as charts
from core.experiment.experiment import VARIED, Experiment
from core.lessons import maps as lesson
from core.results import maps
from core.results.maps import MEASURES, Axis
from core.results.results import Result
from core.results.selected import select
from core.text import brief
from tests.engine import train
from tests.odd_experiments import CASES, Case, results
from tests.test_sentences import strange

GRID = {
    "dataset": "two_moons", "samples": "40", "activation": "tanh", "initialiser": "normal:1,normal:0.05,normal:0.3",
    "hidden": "8-8-8,8", "learning_rate": "1000,0.3", "epochs": "4", "seeds": "3", "target": "train_accuracy:0.8",
    "record": "every",
}  # fmt: skip


@pytest.fixture(scope="module")
def grid() -> Result:
    return train(Experiment.from_params(GRID))


def rows_of(table: pd.DataFrame) -> Any:
    return table.itertuples()


def of_runs(result: Result, initialiser: str, hidden: str, rate: float) -> pd.DataFrame:
    return select(result.runs, {"initialiser": initialiser, "hidden": hidden, "learning_rate": rate})


def with_runs(result: Result, **columns: Any) -> Result:
    return Result(**(vars(result) | {"runs": result.runs.assign(**columns)}))


def swept(**settings: str) -> tuple[str, ...]:
    return maps.axes(Experiment.from_params(settings))


def test_every_plural_setting_may_be_an_axis() -> None:
    assert set(maps.AXES) - {"depth", "width"} == set(VARIED)


def test_hidden_layers_are_depth_or_width_where_these_tell_them_apart() -> None:
    one = {"activation": "tanh", "initialiser": "normal:1"}
    assert swept(**one) == ()
    assert swept(**one, hidden="8,8-8") == ("depth",)
    assert swept(**one, hidden="8,16") == ("width",)
    assert swept(**one, hidden="8,16,8-8,16-16") == ("width", "depth", "hidden")
    assert swept(**one, hidden="8-4,4-8") == ("hidden",)
    assert swept(**one, hidden="none,8") == ("depth",)
    assert swept(**one, hidden="8-8,8-4,16") == ("depth", "hidden")


def test_a_cell_is_the_median_over_its_runs_in_numerical_order(grid: Result) -> None:
    sweep = maps.sweep_map(grid, "initialiser", "depth", "best_train_loss", only=["learning rate: 0.3"])
    assert sweep.columns.numbers == (0.05, 0.3, 1.0)
    assert sweep.columns.labels == ("0.05", "0.3", "1")
    assert (sweep.rows.numbers, sweep.rows.title) == ((1.0, 3.0), "depth (hidden layers of 8 units)")
    for cell in rows_of(sweep.cells):
        hidden = {"1": "8", "3": "8-8-8"}[cell.row]
        runs = of_runs(grid, cell.column, hidden, 0.3)
        assert len(runs) == cell.runs == 3
        assert cell.value == pytest.approx(runs["best_train_loss"].median())
        assert [cell.low, cell.high] == pytest.approx(np.quantile(runs["best_train_loss"], [0.25, 0.75]))
        assert cell.reached == runs["updates_to_target"].notna().sum()
        assert cell.window == (runs["updates_to_target"].notna().mean() > 0.5)


def test_a_setting_on_no_axis_is_pooled_until_it_is_fixed(grid: Result) -> None:
    assert maps.pooled(grid.experiment, "initialiser", "depth") == {"learning_rate": ("0.3", "1000")}
    assert maps.sweep_map(grid, "initialiser", "depth", "reached").cells["runs"].eq(6).all()
    some = [group for group in grid.experiment.groups() if "rate 0.3" in group and "normal:1" in group]
    few = maps.sweep_map(grid, "initialiser", "depth", "reached", groups=some)
    assert few.columns.levels == ("normal:1",)
    assert few.cells["runs"].tolist() == [3, 3]
    both = Experiment.from_params({"hidden": "8,16,8-8,16-16"})
    assert set(maps.pooled(both, "initialiser", "depth")) == {"activation", "width"}
    assert set(maps.pooled(both, "depth", "width")) == {"activation", "initialiser"}
    assert set(maps.pooled(both, "hidden", "initialiser")) == {"activation"}
    assert set(maps.pooled(both, "initialiser", "activation")) == {"hidden"}


BESIDE = {
    "updates_to_target": maps.TIMES_FEWER, "reached": maps.MINUS, "final_train_loss": maps.MINUS,
    "best_test_accuracy": maps.MINUS, "gradient_norm": maps.DIVIDED, "saturated": maps.MINUS,
    "preactivation_mean": maps.MINUS, "preactivation_std": maps.DIVIDED, "mean_update_cosine": maps.MINUS,
    "singular_value_mean": maps.DIVIDED, "agreement_batch": maps.MINUS,
}  # fmt: skip


@pytest.mark.parametrize("measure", BESIDE)
def test_a_cell_beside_a_baseline_is_the_median_over_pairs_of_seeds(grid: Result, measure: str) -> None:
    baseline = next(group for group in grid.experiment.groups() if "normal:0.3 · 8 · rate 0.3" in group)
    kind = MEASURES[measure]
    sweep = maps.sweep_map(grid, "initialiser", "depth", measure, only=["learning rate: 0.3"], baseline=baseline)
    assert sweep.measure.beside == BESIDE[measure]
    assert "baseline" in sweep.measure.title
    table = maps.values(grid, kind).assign(group=grid.runs["group"], seed=grid.runs["seed"])
    theirs = table[table["group"] == baseline].set_index("seed")["value"]
    for cell in rows_of(sweep.cells):
        runs = of_runs(grid, cell.column, {"1": "8", "3": "8-8-8"}[cell.row], 0.3)
        own = table.loc[runs.index].set_index("seed")
        ratio = {
            maps.MINUS: own["value"] - theirs, maps.DIVIDED: own["value"] / theirs,
            maps.TIMES_FEWER: theirs / own["value"],
        }[BESIDE[measure]]  # fmt: skip
        ratio = ratio.mask(own["lost"] & theirs.notna(), -math.inf if kind.of_target else math.nan).dropna()
        assert cell.pairs == len(ratio)
        expected = ratio.mean() if kind.counted else ratio.median()
        assert cell.value == pytest.approx(expected if math.isfinite(expected) else math.nan, nan_ok=True)
        if set(runs["group"]) == {baseline} and cell.pairs:
            assert cell.value == sweep.measure.equal


def test_every_measure_that_is_taken_by_ratio_is_never_negative(grid: Result) -> None:
    by_ratio = [name for name, kind in MEASURES.items() if kind.against_baseline().beside == maps.DIVIDED]
    assert len(by_ratio) > 15
    for name in by_ratio:
        assert not (maps.values(grid, MEASURES[name])["value"] < 0).any(), name


def test_a_cell_without_a_pair_is_empty_and_said() -> None:
    result = train(Experiment.from_params(GRID | {"dataset": "two_moons,xor", "initialiser": "normal:1", "seeds": "1"}))
    baseline = next(group for group in result.experiment.groups() if "two_moons · 8 · rate 0.3" in group)
    sweep = maps.sweep_map(
        result, "dataset", "depth", "final_train_loss", only=["learning rate: 0.3"], baseline=baseline
    )
    xor = sweep.cells["column"] == "xor"
    assert sweep.cells[xor]["state"].eq(maps.NO_PAIR).all()
    assert sweep.cells[xor]["value"].isna().all()
    assert sweep.cells[~xor & sweep.cells["row"].eq("1")]["value"].tolist() == [0]
    assert "2 cells are empty: none of their runs has a pair" in lesson.beside(sweep, baseline)
    spec = charts.heatmap(
        sweep.cells, across=sweep.columns, up=sweep.rows, measure=sweep.measure, critical=lesson.NO_LINE,
        reach=lesson.NO_CURVE, baseline=baseline,
    ).to_dict()  # fmt: skip
    assert " ".join(spec["title"]["text"]).startswith("Final training loss minus the baseline's by data set")
    assert "baseline: two_moons" in " ".join(spec["title"]["subtitle"])
    assert maps.NO_PAIR in str(spec)


@pytest.mark.parametrize(
    ("updates", "diverged", "state", "value"),
    [
        ((3, 5, 9), (0, 0, 0), maps.VALUE, 5),
        ((3, 5, None), (0, 0, 0), maps.VALUE, 5),
        ((3, None, None), (0, 0, 0), maps.NOT_REACHED, math.nan),
        ((None, None, None), (1, 1, 0), maps.NOT_REACHED, math.nan),
        ((None, None, None), (1, 1, 1), maps.DIVERGED, math.nan),
        ((3, 4, None), (1, 1, 1), maps.VALUE, 4),  # reached, then diverged
    ],
)
def test_runs_that_never_reached_the_target_come_after_all_that_did(
    grid: Result, updates: tuple[float | None, ...], diverged: tuple[int, ...], state: str, value: float
) -> None:
    n = len(grid.runs) // 3
    changed = with_runs(
        grid,
        updates_to_target=np.tile(np.array(updates, dtype=float), n),
        diverged_at=np.tile(np.where(diverged, 9.0, np.nan), n),
    )
    cells = maps.sweep_map(changed, "initialiser", "depth", "updates_to_target", only=["learning rate: 0.3"]).cells
    assert set(cells["state"]) == {state}
    assert cells["value"].tolist() == pytest.approx([value] * len(cells), nan_ok=True)
    assert cells["window"].eq(sum(update is not None for update in updates) >= 2).all()
    lost = maps.sweep_map(changed, "initialiser", "depth", "final_train_accuracy", only=["learning rate: 0.3"]).cells
    assert lost["state"].eq(maps.DIVERGED if sum(diverged) >= 2 else maps.VALUE).all()


def test_groups_without_runs_yet_have_no_curves(grid: Result) -> None:
    first, *others = grid.experiment.groups()
    growing = replace(grid, runs=grid.runs[grid.runs["group"].isin(others)])
    assert maps.rate_curves(growing, "final_train_loss", [first]).empty


def test_what_layers_have_is_that_of_the_layer_and_the_epoch(grid: Result) -> None:
    of: Any = {"columns": "initialiser", "rows": "depth", "measure": "saturated"}
    layers = grid.layers[(grid.layers["role"] == "hidden") & (grid.layers["learning_rate"] == 0.3)]
    for when, epoch in ((maps.START, 0), (maps.END, 4)):
        own = layers[layers["epoch"] == epoch]
        for where, picked in (
            (maps.MEAN, own.groupby("run")["saturated"].mean()),
            (maps.FIRST, own[own["layer"] == 1].set_index("run")["saturated"]),
            (maps.LAST, own[own["layer"] == own["hidden"].map({"8": 1, "8-8-8": 3})].set_index("run")["saturated"]),
        ):
            cells = maps.sweep_map(grid, **of, when=when, where=where, only=["learning rate: 0.3"]).cells
            runs = grid.runs.set_index("run")
            for cell in rows_of(cells):
                hidden = {"1": "8", "3": "8-8-8"}[cell.row]
                mine = runs.index[(runs["initialiser"] == cell.column) & (runs["hidden"] == hidden)]
                assert cell.value == pytest.approx(picked[picked.index.isin(mine)].median())
    assert maps.sweep_map(grid, **of, where=maps.OUTPUT).cells["state"].eq(maps.NOT_MEASURED).all()


def test_quartiles_among_infinite_values_are_the_worst_where_they_fall_on_them() -> None:
    def quartiles(numbers: list[float], worst: float) -> tuple[float, ...]:
        return tuple(maps._quartiles(np.array(numbers), np.zeros(len(numbers), np.int64), 1, worst)[:, 0].tolist())

    assert quartiles([1.0, 2.0, 4.0], math.inf) == (1.5, 2.0, 3.0)
    assert quartiles([1.0, math.inf, math.inf], math.inf)[1:] == (math.inf, math.inf)
    assert quartiles([-math.inf, 1.0], -math.inf) == (-math.inf, -math.inf, -math.inf)


def cells_of(inside: list[str]) -> pd.DataFrame:
    """Cells drawn as rows of text, the upper row first: x in the window, . outside."""
    rows = list(reversed(inside))
    return pd.DataFrame(
        [
            {"x": x, "y": y, "window": mark == "x", "state": maps.VALUE, "runs": 3, "diverged": 0}
            for y, row in enumerate(rows)
            for x, mark in enumerate(row)
        ]
    )


def sweep_of(inside: list[str], columns: Axis, rows: Axis) -> maps.Map:
    return maps.Map(columns, rows, MEASURES["reached"], cells_of(inside), ())


STD = Axis("initialiser", "standard deviation", "", ("n:0.01", "n:0.1", "n:1", "n:10"), (0.01, 0.1, 1.0, 10.0))
DEPTH = Axis("depth", "depth", "", ("1", "2", "4"), (1.0, 2.0, 4.0))
FUNCTION = Axis("activation", "activation function", "", ("tanh", "relu", "hard_tanh"), ())


@pytest.mark.parametrize(
    ("inside", "rows", "said", "edges"),
    [
        (
            ["....", ".xx.", ".xx."], DEPTH,
            "Reached at depth 1 to 2 between standard deviation 0.1 and 1, at depth 4 nowhere", "",
        ),
        (
            ["..x.", "xxxx", "x.xx"],
            DEPTH,
            (
                "Reached at depth 1 at standard deviation 0.01 and between standard deviation 1 and 10, at depth 2 "
                "at every standard deviation, at depth 4 at standard deviation 1 alone"
            ),
            "standard deviation 0.01, standard deviation 10 and depth 4",
        ),
        (
            [".x..", "....", ".x.."], FUNCTION,
            "Reached for tanh and hard tanh at standard deviation 0.1 alone, for relu nowhere", "",
        ),
        (["xxxx"] * 3, DEPTH, "Reached everywhere here",
         "standard deviation 0.01, standard deviation 10 and depth 4"),
    ],
)  # fmt: skip
def test_the_window_is_said_in_words(inside: list[str], rows: Axis, said: str, edges: str) -> None:
    sweep = sweep_of(inside, STD, rows)
    assert lesson.extent(sweep) == said
    limits = lesson._edges(sweep)
    assert limits == ([f"The window reaches the edge of the grid at {edges}: it may go on beyond"] if edges else [])


def test_the_outline_is_the_edges_that_the_window_shares_with_nothing_in_it() -> None:
    edges = charts.outline(cells_of(["....", ".xx.", ".x.."]))
    around = {(1, 0, 1, 1), (2, 0, 2, 1), (1, 0, 2, 0), (1, 1, 1, 2), (3, 1, 3, 2), (1, 2, 2, 2), (2, 2, 3, 2)}
    around.add((2, 1, 3, 1))
    assert set(edges.itertuples(index=False, name=None)) == around
    assert charts.outline(cells_of(["...."])).empty


def test_a_number_lies_between_levels_by_its_ratio_to_them() -> None:
    assert STD.place([0.01, 10**-1.5, 1, 100]).tolist() == pytest.approx([0.5, 1.0, 2.5, 4.5])
    assert Axis("gain", "gain", "", ("0", "1", "3"), (0.0, 1.0, 3.0)).place([0.5, 2]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("function", "critical"), [("tanh", 1.0), ("relu", math.sqrt(2)), ("identity", 1.0)]
)  # Schoenholz et al. 2017; He et al. 2015
def test_the_critical_line_is_where_the_closed_form_has_it(function: str, critical: float) -> None:
    width, gains = 64, (0.1, 0.5, 2.0, 8.0)
    settings = {"activation": function, "initialiser": "lecun_normal", "gain": ",".join(map(str, gains))}
    shape = {"dataset": "iris", "hidden": f"{width}-{width},{width}-{width}-{width}", "epochs": "1", "seeds": "4"}
    result = train(Experiment.from_params(settings | shape))
    for columns, rows in (("gain", "depth"), ("depth", "gain")):
        drawn = lesson.over(result, maps.sweep_map(result, columns, rows, "reached"))
        along, other = ("x", "y") if columns == "gain" else ("y", "x")
        wanted = Axis("gain", "", "", ("",) * 4, gains).place([critical])[0]
        assert drawn.critical[along].tolist() == pytest.approx([wanted, wanted], abs=0.06)
        assert (drawn.critical[f"{other}2"] - drawn.critical[other]).tolist() == [1, 1]
        assert f"{function} {critical:.3g}" in drawn.said


def test_the_reach_of_depth_is_six_depth_scales() -> None:
    settings = {"activation": "tanh", "initialiser": "lecun_normal", "gain": "0.5,0.8", "hidden": "128-128,128-128-128"}
    result = train(Experiment.from_params(settings | {"dataset": "iris", "epochs": "1", "seeds": "3"}))
    sweep = maps.sweep_map(result, "gain", "depth", "reached")
    reach = lesson.over(result, sweep).reach
    # In the ordered phase of tanh chi_1 is sw^2, sb = 0; the ends of the curve are the two gains.
    depths = [6 / abs(math.log(gain**2)) for gain in (0.5, 0.8)]
    wanted = np.clip(sweep.rows.place(depths), -1, 3)
    assert [reach["y"].iloc[0], reach["y"].iloc[-1]] == pytest.approx(wanted.tolist(), abs=0.15)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"gain": "1,4", "learning_rate": "0.1,1", "activation": "tanh,relu"}, "pools several activation functions"),
        ({"gain": "1,4", "learning_rate": "0.1,1", "batch_size": "8,32"}, "changes along neither axis"),
        ({"initialiser": "constant:1,constant:2", "learning_rate": "0.1,1"}, "start at random about 0"),
        ({"gain": "1,4", "learning_rate": "0.1,1", "hidden": "4"}, "no hidden layer feeds another"),
        ({"gain": "1,4", "learning_rate": "0.1,1", "hidden": "none"}, "nothing was measured in hidden layers"),
        ({"gain": "0.001,0.01", "learning_rate": "0.1,1"}, "lies at larger weights than any here"),
        ({"gain": "2,2.6", "activation": "tanh,logistic"}, "in no row do scales lie on both sides of it"),
        ({"gain": "1,4", "learning_rate": "0.1,1", "residual": "true"}, "theory is of plain networks"),
    ],
)
def test_where_the_critical_line_cannot_be_drawn_it_says_why(settings: dict[str, str], why: str) -> None:
    plain = {"dataset": "iris", "activation": "tanh", "initialiser": "lecun_normal", "hidden": "8-8", "seeds": "1"}
    result = train(Experiment.from_params(plain | {"epochs": "1"} | settings))
    columns = "batch_size" if "batch_size" in settings else maps.axes(result.experiment)[0]
    columns, rows = ("gain", "activation") if "learning_rate" not in settings else (columns, "learning_rate")
    sweep = maps.sweep_map(result, columns, rows, "reached")
    if "batch_size" in settings:  # one gain alone
        sweep = maps.sweep_map(result, columns, "learning_rate", "reached", only=["gain: 1"])
    drawn = lesson.over(result, sweep)
    assert drawn.critical.empty
    assert why in drawn.said


def test_the_best_rates_are_the_least_medians_and_those_that_recording_cannot_tell_from_them(grid: Result) -> None:
    curves = maps.rate_curves(grid, "final_train_loss")
    for curve in rows_of(curves):
        scheme, hidden = curve.group.split(" · ")
        own = of_runs(grid, scheme, hidden, curve.learning_rate)
        losses = own["final_train_loss"].where(own["diverged_at"].isna(), math.inf)
        assert curve.median == pytest.approx(losses.median())
        assert (curve.runs, curve.diverged) == (3, own["diverged_at"].notna().sum())
    for _, own in curves.groupby("group"):
        finite = own[np.isfinite(own["median"])]
        assert own["best"].tolist() == own["median"].eq(finite["median"].min()).tolist()
    close = with_runs(grid, updates_to_target=np.where(grid.runs["learning_rate"] == 0.3, 4.0, 3.0), diverged_at=np.nan)
    tied = maps.rate_curves(close, "updates_to_target")
    assert tied["best"].all() == (grid.epochs["update"].drop_duplicates().sort_values().diff().min() > 1)
    one = grid.experiment.groups()[0]
    assert maps.rate_curves(grid, "final_train_loss", [one])["learning_rate"].tolist() == [0.3, 1000]


def curves_of(**medians: list[float]) -> pd.DataFrame:
    rows = [
        {"group": name, "learning_rate": rate, "median": median, "runs": 3, "diverged": 3 if median == math.inf else 0}
        for name, own in medians.items()
        for rate, median in zip((0.1, 0.3, 1.0), own, strict=True)
    ]
    table = pd.DataFrame(rows).assign(finite=3)
    table["low"], table["high"] = table["median"], table["median"]
    least = table.groupby("group")["median"].transform("min")
    return table.assign(best=table["median"].eq(least) & np.isfinite(least))


def test_a_best_rate_at_an_end_is_warned_of_and_ties_and_groups_without_one_are_named() -> None:
    table = curves_of(inner=[3, 2, 3], a=[3, 3, 1], tie=[4, 2, 2], lost=[math.inf] * 3)
    table.loc[(table["group"] == "lost"), "diverged"] = 3
    said = lesson.rates(table, "updates_to_target")
    assert said == [
        "Warning: the best rate lies at an end of the rates, and one beyond may be better: a (1) and tie (0.3 and 1).",
        "No difference between rates, as far as these runs tell: tie (0.3 and 1).",
        "Diverged at every rate, so that there is no best one: lost.",
    ]
    never = curves_of(a=[math.inf] * 3).assign(diverged=0)
    assert lesson.rates(never, "updates_to_target") == [
        "No more than half of the runs reached the target at any rate, so that there is no best one: a."
    ]
    assert lesson.rates(never, "updates_to_target", final=False) == [
        "No more than half of the runs have reached the target at any rate so far, so that there is no best one yet: a."
    ]
    gone = curves_of(a=[math.inf] * 3).assign(diverged=2)
    assert lesson.rates(gone, "final_train_loss") == [
        "Half of the runs or more diverged at every rate, so that there is no best one: a."
    ]
    assert "may be chance" in lesson.rates(table.assign(runs=1), "updates_to_target")[-1]
    with debug_mode(True):
        drawn = rate_charts.rate_curves(table, groups=["inner", "a", "tie", "lost"], quantity="updates_to_target")
        spec = drawn.to_dict()
    rings = next(layer for layer in spec["layer"] if layer["mark"].get("size") == 260)
    assert len(spec["datasets"][rings["data"]["name"]]) == 4
    assert "ring: best rate" in " ".join(spec["title"]["subtitle"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (0.0512, "0.051"),
        (45, "45"),
        (135, "135"),
        (1234, "1.2k"),
        (45_000, "45k"),
        (3e6, "3M"),
        (2e-7, "2e−7"),
    ],
)
def test_a_number_fits_a_cell(value: float, said: str) -> None:
    assert brief(value) == said


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "so_far"])
@pytest.mark.parametrize("case", CASES[::3], ids=lambda case: str(case)[:60])
def test_any_result_with_two_swept_settings_has_maps_of_every_measure(case: Case, whole: bool) -> None:
    result = results(case)[0 if whole else 1]
    names = maps.axes(result.experiment)
    if result.runs.empty or len(names) < 2:
        return
    columns, rows = names[:2] if len(str(case)) % 2 else names[-2:][::-1]
    for place, measure in list(enumerate(MEASURES))[len(str(case)) % 5 :: 5]:
        when, where = maps.WHEN[place % 2], maps.WHERE[place % 4]
        sweep = maps.sweep_map(result, columns, rows, measure, when, where)
        cells = sweep.cells
        assert len(cells) == len(sweep.columns.levels) * len(sweep.rows.levels)
        assert cells["runs"].sum() == len(result.runs)
        assert np.isfinite(cells.loc[cells["state"] == maps.VALUE, "value"]).all()
        assert cells.loc[cells["state"] != maps.VALUE, "value"].isna().all()
        assert cells["window"].eq(2 * cells["reached"] > cells["runs"]).all()
        baseline = result.experiment.groups()[place % len(result.experiment.groups())]
        beside = maps.sweep_map(result, columns, rows, measure, when, where, baseline=baseline)
        assert beside.cells["pairs"].le(beside.cells["runs"]).all()
        assert beside.cells.loc[beside.cells["pairs"].eq(0), "value"].isna().all()
        assert np.isfinite(beside.cells.loc[beside.cells["state"] == maps.VALUE, "value"]).all()
        assert strange(lesson.beside(beside, baseline)) == []
        if place % 3 == 0:  # a chart takes longer than its numbers
            theory = lesson.over(result, sweep)
            spec = charts.heatmap(
                cells, across=sweep.columns, up=sweep.rows, measure=sweep.measure, critical=theory.critical,
                reach=theory.reach, final=whole,
            ).to_dict()  # fmt: skip
            assert "NaN" not in str(spec["datasets"]).replace("'value': nan", "")
            spec = charts.heatmap(
                beside.cells, across=sweep.columns, up=sweep.rows, measure=beside.measure, critical=theory.critical,
                reach=theory.reach, final=whole, baseline=baseline,
            ).to_dict()  # fmt: skip
            assert "baseline" in " ".join(spec["title"]["text"])
    theory, found = lesson.over(result, sweep), lesson.window(result, sweep)
    said = [*theory.said.split(" (")[:1], found.claim, found.evidence, found.limits]
    if len(result.experiment.learning_rate) > 1:
        for measure in maps.CURVES:
            said += lesson.rates(maps.rate_curves(result, measure), measure)
    assert [wrong for one in said for wrong in strange(one)] == []


def test_sweeps_that_are_offered_are_small_and_have_two_settings() -> None:
    odd = {"activation": "relu,tanh", "hidden": "9-4,3", "initialiser": "normal:1;zeros;normal:1", "seeds": "9"}
    for experiment in (Experiment(), Experiment.from_params(odd | {"hidden": "9-4"}), Experiment(hidden=((),))):
        offered = lesson.sweeps(experiment)
        functions_matter = any(experiment.hidden[0])
        assert len(offered) == 2 + functions_matter
        for preset in offered:
            assert len(maps.axes(preset.experiment)) == 2
            assert preset.experiment.dataset == experiment.dataset
            assert preset.experiment.seeds <= 3
