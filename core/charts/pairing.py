"""Charts of two results laid over each other: a colour for each pair of groups, solid for A and dashed for B."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from core.charts import convergence, curves, style, tables
from core.charts.convergence import MEASURES
from core.results import summary

SIDES = {"A": [1, 0], "B": [6, 4]}
"""The two results, and the dash of each."""
MOST = len(style.PALETTE)
"""Pairs that are drawn: a colour each."""
WIDE = 10
"""Times the least median loss: more than a linear axis can show."""


def laid_over(epochs: pd.DataFrame, *, groups: Sequence[str], quantity: str, x: str = "epoch") -> alt.LayerChart:
    """A quantity over training in both results: median lines and 25-75 % bands over the runs of each pair's groups.

    A loss that spans more than a decade has a log axis.

    Args:
        epochs: epochs tables of both (`core.results.convergence.with_diverged`) with columns group, the pair's name,
            and side, one of SIDES.
        groups: the pairs' names, of which the first MOST are drawn.
        quantity: one of `core.charts.convergence.MEASURES`.
        x: "epoch" or "update".
    """
    named = list(groups[:MOST])
    what, accuracy = MEASURES[quantity], quantity.endswith("accuracy")
    title = f"{what.partition(' (')[0].capitalize()}: A solid, B dashed"
    medians = _medians(epochs, named, quantity, x)
    if not len(medians["median"]):
        return style.blank(title, curves.TIMES[x], what)
    least, most = medians["median"].min(), medians["median"].max()
    log = not accuracy and least > 0 and most > WIDE * least
    kept = tables.thin(np.unique(medians[x]), max(2, curves.LINE_ROWS // (2 * len(named))))
    medians = tables.rows_of(medians, np.isin(medians[x], kept))
    band = pa.array(tables.interval_text(medians["low"], medians["high"]), pa.large_string())
    lines = _rows(medians, named, x, "median", "finite", "runs").add_column(4, "band", band)
    bands = tables.rows_of(medians, tables.drawable(medians["low"], log) & tables.drawable(medians["high"]))
    heights = np.concatenate([medians["median"], bands["low"], bands["high"]])
    y_axis = style.position(what, heights, "share" if accuracy else "log" if log else "linear")
    along = alt.X(f"{x}:Q", **style.position(curves.TIMES[x], medians[x], "count"))
    y, pick = alt.Y("median:Q", **y_axis), style.pick_group()
    colour = style.colour("group", *_colours(groups), style.legend(named, strokes=True))
    dash = alt.StrokeDash("side:N", scale=alt.Scale(domain=list(SIDES), range=list(SIDES.values())), legend=None)

    base = alt.Chart(lines).encode(x=along, color=colour)
    area = alt.Chart(_rows(bands, named, x, "low", "high")).mark_area(strokeWidth=0)
    area = area.encode(x=along, color=colour, detail=alt.Detail("side:N"), y=alt.Y("low:Q", **y_axis))
    tip = style.tip(
        ("group", "groups"), ("side", "result"), (x, x, ",d"), ("median", "median", style.NUMBER),
        ("band", "25-75 % of runs"), ("finite", "finite runs", "d"), ("runs", "of runs", "d"),
    )  # fmt: skip
    dots = base.mark_point(filled=True, size=60).encode(y=y, tooltip=tip, opacity=alt.OpacityValue(0))
    charts = [
        base.mark_line(strokeWidth=2.2).encode(y=y, strokeDash=dash, opacity=style.faded(pick)),
        area.encode(y2=alt.Y2("high:Q"), opacity=style.faded(pick, 0.12)),
        dots,
    ]
    cut = f"; the first {len(named)} of {len(groups)} pairs" if len(named) < len(groups) else ""
    subtitle = curves.of_runs(curves.BAND, medians["runs"]) + cut
    of = zip(lines["group"].to_pylist(), lines["side"].to_pylist(), strict=True)
    sides = {**medians, "group": [f"{group}, {side}" for group, side in of]}
    said = curves.last(sides, x, "share" if accuracy else "linear")
    return style.layered(charts, title, subtitle, curves.HEIGHT, pick, told=dots, said=said)


def _medians(epochs: pd.DataFrame, named: Sequence[str], quantity: str, x: str) -> tables.Columns:
    """Median and quartiles of each pair and side over training, where a median is finite.

    In the columns "group" and "side" are the places of a pair, among those in the order of their names, and of a side.
    """
    pair, side = tables.places(epochs["group"], sorted(named)), tables.places(epochs["side"], list(SIDES))
    own = np.flatnonzero(pair >= 0)
    times, at = np.unique(epochs[x].to_numpy()[own], return_inverse=True)
    worst = -np.inf if quantity.endswith("accuracy") else np.inf
    line = pair[own] * len(SIDES) + side[own]
    first, found = summary.quartiles(line * len(times) + at, epochs[quantity].to_numpy(np.float64)[own], worst)
    whole = {"group": pair[own][first], "side": side[own][first], x: times[at[first]], **found}
    return tables.rows_of(whole, np.isfinite(whole["median"]))


def _rows(own: tables.Columns, named: Sequence[str], *columns: str) -> pa.Table:
    """Some columns of what `_medians` gives, for a chart."""
    sides = tables.texts(list(SIDES), own["side"])
    pairs = tables.texts(sorted(named), own["group"])
    return tables.few({"group": pairs, "side": sides, **{name: own[name] for name in columns}})


def times_fewer(table: pd.DataFrame, *, groups: Sequence[str]) -> alt.LayerChart:
    """How many times fewer updates B needs than A, pair by pair: ratio and 95 % interval on a log axis.

    Args:
        table: columns group (the pair's name), ratio, low, high, text.
        groups: the pairs' names; those that `laid_over` draws have its colours, others are grey.
    """
    title = "Times fewer updates in B than in A, the baseline"
    colour = style.colour("group", *_colours(groups), None)
    return convergence.speed_up(table, groups=groups, title=title, colour=colour)


def _colours(groups: Sequence[str]) -> tuple[list[str], list[str]]:
    """The colours that groups have on every page; others, where dashes would have to tell some of them apart."""
    names, usual = style.group_colours(groups[:MOST])
    apart = usual if len(set(usual)) == len(usual) else list(style.PALETTE[: len(usual)])
    return [*names, *groups[MOST:]], [*apart, *[style.NEUTRAL] * len(groups[MOST:])]
