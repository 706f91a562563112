"""Charts of sweeps over two settings: a measure cell by cell, the trainable window outlined, theory's lines over it."""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core.charts import long_names, style, tables
from core.charts.saturation import HALO, INK
from core.results.maps import (
    DIVERGED,
    INFINITE,
    MINUS,
    NO_PAIR,
    NO_RUNS,
    NOT_MEASURED,
    NOT_REACHED,
    VALUE,
    Axis,
    Measure,
)
from core.text import amount, brief, count, number, percent, short_group

MARKS = {
    NOT_REACHED: "triangle-right",
    DIVERGED: style.CROSS,
    NOT_MEASURED: "M-0.7,0L0.7,0",
    NO_PAIR: "square",
    INFINITE: "triangle-up",
    NO_RUNS: "circle",
}
"""The mark of a cell without a number, by its state."""
WIDE = 10.0
"""Times the least value, above 0: more than a linear scale of colours tells apart."""
LINE = 14
"""Characters of a level's name in a line."""
HIGH = 12
"""px of such a line."""
ACROSS = 38
"""Characters along a phone's axis."""
WORDS = r"\s|(?<=[;_])"
"""Where a level's name is broken while it is level."""
PHONE = 260
"""px of a phone's axis: half as many as a wider screen's has."""
SMALL = "containerSize()[0] < 600"
"""Whether the screen is a phone's: not what is left beside the names, on which the width of the axis depends."""
SPAN = 2.0
"""Values above 0 that lie closer together than this factor are of one part of the scale, not of its two ends."""


def heatmap(
    cells: pd.DataFrame,
    *,
    across: Axis,
    up: Axis,
    measure: Measure,
    critical: pd.DataFrame,
    reach: pd.DataFrame,
    at: str = "",
    final: bool = True,
    baseline: str = "",
) -> alt.LayerChart:
    """A measure over two swept settings; cells in which more than half of the runs reached the target have an outline.

    Args:
        cells: `core.results.maps.Map.cells`.
        across, up: its axes, and `measure` what is in its cells.
        critical: columns x, y, x2, y2: theory's critical line, in places of the axes.
        reach: columns x, y: theory's limit of depth, in order.
        at: when, and in which layer, where the measure is one of layers or epochs.
        final: whether training is over.
        baseline: the run group that the measure is set beside, where it is.
    """
    title = f"{measure.title[0].upper()}{measure.title[1:]} by {across.noun} and {up.noun}"
    table = tables.columns(cells)
    there, state = table["state"] == VALUE, table["state"]
    if np.isin(state, [NOT_MEASURED, NO_RUNS]).all():
        what = "No run has numbers of it" if final else "Training has not come to it"
        return style.blank(title, across.title, up.title, f"{what}{f': {at}' if at else ''}.")
    row = max(14, min(46, 420 // len(up.levels)))
    x_axis, y_axis = _axis(across), _axis(up, row)
    pairs = [("pairs", "pairs with the baseline", "d")] if baseline else []
    tip = style.tip(
        ("column", across.noun), ("row", up.noun), ("told", measure.title), ("band", "25-75 % of the runs"), *pairs,
        ("runs", "runs", "d"), ("reached", "of them reached the target", "d"), ("diverged", "of them diverged", "d"),
    )  # fmt: skip
    drawn = _drawn(table, measure, final)
    charts = [_frame(across, up, x_axis, y_axis)]
    known = drawn.filter(there)
    if there.any():
        colour, dark = _colour(table["value"][there], measure)
        rect = alt.Chart(known.drop_columns(["short", "state"])).mark_rect(**style.EDGE)
        charts.append(rect.encode(**_corners(x_axis, y_axis), color=colour, tooltip=tip))
    charts += _marks(drawn.filter(~there), state, len(across.levels), row, tip, x_axis, y_axis, final)
    charts += _outline(cells, x_axis, y_axis)
    charts += _theory(critical, reach, x_axis, y_axis)
    if there.any():
        size = _fitting(len(across.levels), row, max(map(len, known["short"].to_pylist())))
        words = known.select(["across", "up", "short"])
        for ink, part in ((HALO, dark), (INK, ~dark)):
            text = alt.Chart(words.filter(part)).mark_text(color=ink, fontSize=size, tooltip=False)
            places = {"x": alt.X("across:Q", **x_axis), "y": alt.Y("up:Q", **y_axis)}
            charts.append(text.encode(**places, text=alt.Text("short:N")))
    said = _said(table, across, up, measure, final)
    return style.layered(charts, title, _note(table, measure, at, baseline), row * len(up.levels), said=said)


def _drawn(cells: tables.Columns, measure: Measure, final: bool) -> pa.Table:
    """The cells with their edges and middles, and what they say."""
    x, y = cells["x"], cells["y"]
    places = {"left": x, "right": x + 1, "base": y, "top": y + 1, "across": x + 0.5, "up": y + 0.5}
    texts = _texts(cells, measure, final)
    names = ("runs", *(["pairs"] if "pairs" in cells else []), "reached", "diverged", "value")
    return tables.few(
        {
            **places,
            "column": cells["column"],
            "row": cells["row"],
            "told": texts["told"],
            "band": texts["band"],
            **{name: cells[name] for name in names},
            "short": texts["short"],
            "state": [_so_far(state, final) for state in cells["state"]],
        }
    )


def _corners(x_axis: dict[str, Any], y_axis: dict[str, Any]) -> dict[str, Any]:
    """The channels of a cell's edges."""
    x, y = alt.X("left:Q", **x_axis), alt.Y("base:Q", **y_axis)
    return {"x": x, "x2": alt.X2("right:Q"), "y": y, "y2": alt.Y2("top:Q")}


def _said(cells: tables.Columns, across: Axis, up: Axis, measure: Measure, final: bool) -> str:
    """What the map comes to: its least and greatest value, and how many cells have none, and why."""
    whose = f"{across.noun} {{column}}, {up.noun} {{row}},"
    ends = style.extremes(cells, "value", whose, percent if measure.share else number)
    states = dict(Counter(state for state in cells["state"].tolist() if state != VALUE).most_common())
    without = style.read_out((_so_far(state, final) for state in states), (count(n, "cell") for n in states.values()))
    return "; ".join(filter(None, [ends, without]))


def _note(cells: tables.Columns, measure: Measure, at: str, baseline: str) -> str:
    """What is in the cells, and what their outline says."""
    of = "median of the runs, each beside the baseline's of its seed" if baseline else "median of the runs"
    bright = ("bright: better" if measure.better else "bright: more") if (cells["state"] == VALUE).any() else ""
    reached = "more than half of the runs reached the target"
    window = f"white outline: {reached}" if cells["window"].any() else f"in no cell {reached}"
    named = f"baseline: {short_group(baseline)}" if baseline else ""
    return "; ".join(filter(None, [named, at, "" if measure.counted else of, bright, window]))


def _axis(axis: Axis, row: int = 0) -> dict[str, Any]:
    """Scale and axis of one of the two settings: level i is the stretch from i to i + 1, its name in the middle.

    Args:
        row: px of a level, where they stand above each other.
    """
    names = [short_group(label) for label in axis.labels]
    room = max(6, ACROSS // len(names))
    long = any(len(word) > room for name in names for word in re.split(WORDS, name))
    slanted = not row and not axis.numbers and long
    on_phone = wide = [(name,) if axis.numbers else long_names.lines(name, room) for name in names]
    if row:
        on_phone, wide = (long_names.boxed(names, line, row // HIGH) for line in (LINE, 2 * LINE))
    elif slanted:
        on_phone, wide = (long_names.boxed(names, LINE, max(1, px // len(names) // HIGH)) for px in (PHONE, 2 * PHONE))
    upright = slanted and max(map(len, names)) > LINE
    shown = f"{SMALL} ? {json.dumps(on_phone)} : {json.dumps(wide)}"
    made = alt.Axis(
        title=axis.title,
        values=[place + 0.5 for place in range(len(names))],
        labelExpr=f"({shown})[floor(datum.value)]",
        labelAngle=-90 if upright else -40 if slanted else 0,
        labelAlign="right" if slanted else alt.Undefined,
        labelBaseline="middle" if slanted else alt.Undefined,
        labelOverlap="greedy" if axis.numbers else False,
        labelLimit=0,
        labelLineHeight=HIGH,
        labelOffset=_centred(on_phone, wide) if row or slanted else alt.Undefined,
        grid=False,
        ticks=False,
        domain=False,
        labelPadding=5,
        titleLimit=300,
    )
    # With a direction of its own it is none of the scales of numbers, whose ticks would come loose from the cells.
    return {"scale": alt.Scale(domain=[0, len(names)], nice=False, reverse=False), "axis": made}


def _centred(*shown: Sequence[Sequence[str]]) -> alt.ExprRef:
    """How far the first line of each name lies from the middle of all of its lines, on a phone and elsewhere."""
    first, other = ([-HIGH * (len(lines) - 1) / 2 for lines in names] for names in shown)
    return alt.ExprRef(f"({SMALL} ? {first} : {other})[floor(datum.value)]")


def _texts(cells: tables.Columns, measure: Measure, final: bool) -> dict[str, list[str]]:
    """What a cell says: in full, in short, and its spread."""

    more = {True: "+", False: ""} if measure.beside == MINUS else {True: "", False: ""}

    def full(value: float) -> str:
        whole = amount if measure.of_target and not measure.beside else partial(number, digits=4)
        return more[value > 0] + (percent(value, 1) if measure.share else whole(value))

    def spread(low: float, high: float, measured: int) -> str:
        if measure.counted or measured < 2:
            return "none: one run" if measured == 1 else "none"
        ends = [full(end) if math.isfinite(end) else "none" for end in sorted((low, high))]
        return " to ".join(ends)

    values, states, *ends = (cells[name].tolist() for name in ("value", "state", "low", "high", "measured"))
    return {
        "told": [
            full(value) if state == VALUE else _so_far(state, final)
            for value, state in zip(values, states, strict=True)
        ],
        "short": [
            "" if not math.isfinite(value) else more[value > 0] + (percent(value) if measure.share else brief(value))
            for value in values
        ],
        "band": [spread(*each) for each in zip(*ends, strict=True)],
    }


def _so_far(state: str, final: bool) -> str:
    return state if final or state == NO_RUNS else f"{state} so far"


def _colour(values: NDArray[np.float64], measure: Measure) -> tuple[alt.Color, NDArray[np.bool_]]:
    """The colour of cells, bright where it is better or more, by ratio where they lie far apart; and whose is dark."""
    kind, low, high = _around(values, measure) if measure.beside else _range(values, measure)
    bend = np.log if kind == "log" else np.log1p if kind == "symlog" else np.asarray
    place = (bend(np.clip(values, low, high)) - bend(low)) / (bend(high) - bend(low))
    reverse = measure.better < 0
    scale = alt.Scale(type=kind, domain=[low, high], scheme="cividis", reverse=reverse, nice=False, clamp=True)
    form = "%" if measure.share else ".3~s" if high >= 1000 else ".3~g"
    key = alt.Legend(
        title=measure.title, orient="bottom", gradientLength=220, titleLimit=300, format=form, labelOverlap="greedy"
    )
    return alt.Color("value:Q", scale=scale, legend=key), ((1 - place) if reverse else place) <= 0.55


Ends = tuple[Literal["log", "symlog", "linear"], float, float]


def _range(values: NDArray[np.float64], measure: Measure) -> Ends:
    """Kind and ends of a scale of colours: all that there is, but not the least of differences spread out over it."""
    low, high = (0.0, 1.0) if measure.counted else (float(values.min()), float(values.max()))
    far = high > WIDE * (low if low > 0 else 1.0)
    kind: Literal["log", "symlog", "linear"] = "linear" if low < 0 or not far else "log" if low > 0 else "symlog"
    if low > 0 and high < SPAN * low and not measure.share:
        low, high = (low * high / SPAN) ** 0.5, (low * high * SPAN) ** 0.5
    elif low == high:
        low, high = low - (abs(low) or 1.0), high + (abs(high) or 1.0)
    return kind, low, high


def _around(values: NDArray[np.float64], measure: Measure) -> Ends:
    """Kind and ends of a scale in whose middle lie the cells that are equal to the baseline."""
    if measure.beside == MINUS:
        most = float(np.abs(values).max()) or 1.0
        return "linear", -most, most
    above = values[values > 0]
    most = max(float(above.max()), 1 / float(above.min()), SPAN) if len(above) else SPAN
    return "log", 1 / most, most


def _fitting(columns: int, row: int, longest: int) -> alt.ExprRef:
    """The size of letters with which so many characters fit a cell; 0 where they would be too small to read."""
    room = f"min(12, {row - 2}, floor(width / {columns} / {0.6 * max(longest, 1) + 0.3:.2f}))"
    return alt.ExprRef(f"{room} < 8 ? 0 : {room}")


def _frame(columns: Axis, rows: Axis, x_axis: dict[str, Any], y_axis: dict[str, Any]) -> alt.Chart:
    """A line around all cells: the darkest would be lost in the dark, the brightest on white."""
    whole = tables.few({"left": [0], "right": [len(columns.levels)], "base": [0], "top": [len(rows.levels)]})
    drawn = alt.Chart(whole).mark_rect(filled=False, stroke=style.NEUTRAL, strokeWidth=1.5)
    made: alt.Chart = drawn.encode(**_corners(x_axis, y_axis))
    return made


def _marks(
    cells: pa.Table, states: NDArray[Any], columns: int, row: int, tip: list[alt.Tooltip], x_axis: dict[str, Any],
    y_axis: dict[str, Any], final: bool,
) -> list[alt.Chart]:  # fmt: skip
    """The cells without a number: a mark, with its meaning in the legend, and no colour."""
    if not len(cells):
        return []
    present = [state for state in MARKS if state in states]
    names = [_so_far(state, final) for state in present]
    shape = alt.Shape(
        "state:N",
        scale=alt.Scale(domain=names, range=[MARKS[state] for state in present]),
        legend=style.legend(names, "top"),
    )
    x, y = alt.X("across:Q", **x_axis), alt.Y("up:Q", **y_axis)
    size = alt.ExprRef(f"pow(min(width / {columns}, {row}, 26) * 0.42, 2)")
    area = alt.Chart(cells.drop_columns(["value", "short"]))
    area = area.mark_rect(color=style.NEUTRAL, fillOpacity=0.12, stroke=style.NEUTRAL, strokeWidth=0.4)
    point = alt.Chart(cells.select(["across", "up", "state"])).mark_point(
        size=size, strokeWidth=1.6, color=style.NEUTRAL, tooltip=False
    )
    return [area.encode(**_corners(x_axis, y_axis), tooltip=tip), point.encode(x=x, y=y, shape=shape)]


def _outline(cells: pd.DataFrame, x_axis: dict[str, Any], y_axis: dict[str, Any]) -> list[alt.Chart]:
    """The edges of the window, which no two of its cells share."""
    edges = outline(cells)
    if edges.empty:
        return []
    base = alt.Chart(edges).encode(
        x=alt.X("x:Q", **x_axis), x2=alt.X2("x2:Q"), y=alt.Y("y:Q", **y_axis), y2=alt.Y2("y2:Q")
    )
    ends: dict[str, Any] = {"strokeCap": "square"}
    return [
        base.mark_rule(color=INK, strokeWidth=5.5, **ends),
        base.mark_rule(color=HALO, strokeWidth=2.5, **ends),
    ]


def outline(cells: pd.DataFrame) -> pd.DataFrame:
    """The edges around the cells of the window: columns x, y, x2, y2, each an edge of one cell of it alone."""
    window = cells["window"].to_numpy()
    inside = set(zip(*(cells[name].to_numpy()[window].tolist() for name in ("x", "y")), strict=True))
    edges = [
        edge
        for x, y in sorted(inside)
        for beside, edge in (
            ((x - 1, y), (x, y, x, y + 1)),
            ((x + 1, y), (x + 1, y, x + 1, y + 1)),
            ((x, y - 1), (x, y, x + 1, y)),
            ((x, y + 1), (x, y + 1, x + 1, y + 1)),
        )
        if beside not in inside
    ]
    return pd.DataFrame(edges, columns=["x", "y", "x2", "y2"], dtype=float)


def _theory(
    critical: pd.DataFrame, reach: pd.DataFrame, x_axis: dict[str, Any], y_axis: dict[str, Any]
) -> list[alt.Chart]:
    """The critical line, thick, and the limit of depth, dashed: in two colours each, one of which every cell shows."""
    charts: list[alt.Chart] = []
    x, y = alt.X("x:Q", **x_axis), alt.Y("y:Q", **y_axis)
    for colour, width in ((HALO, 6.5), (LINES, 3.5)):
        if not critical.empty:
            rule = alt.Chart(critical).mark_rule(color=colour, strokeWidth=width, clip=True)
            charts.append(rule.encode(x=x, y=y, x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q")))
        if not reach.empty:
            drawn = reach.assign(order=np.arange(len(reach)))
            line = alt.Chart(drawn).mark_line(color=colour, strokeWidth=width - 1.5, strokeDash=[9, 5], clip=True)
            charts.append(line.encode(x=x, y=y, order=alt.Order("order:Q")))
    return charts


LINES = "#c81400"
"""Of theory: no colour of the cells."""
