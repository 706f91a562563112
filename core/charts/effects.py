"""Charts of the 2 x 2: how much centring, slope and width bring, and the medians that say so."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.charts import style, tables
from core.lessons.effects import AT_ONCE, TANH, Outcome
from core.text import number, words

# Not among the first hues, which are those of the functions.
PART, WHOLE = style.PALETTE[5], style.NEUTRAL
COLOURS = {"all": WHOLE, "centring": PART, "slope": PART, "width": PART, "interaction": WHOLE}
SLOPES = ("slope 1/4", "slope 1", "slope 1, twice as wide")
ENDS = ["estimate_low", "estimate_high", "low", "high"]


def effect_sizes(effects: pd.DataFrame, *, outcome: Outcome) -> alt.LayerChart:
    """Every effect as a bar from "no effect" to its estimate, with its 95 % interval: on this axis bars add up.

    An effect known as a bound only, because of censored runs, is an open triangle there that points to where it lies;
    one that is open on both sides is its words alone.

    Args:
        effects: `core.lessons.effects.Decomposition.effects`, one of log outcomes as ratios.
    """
    title = "What does each difference bring?"
    x_title, y_title = outcome.better + (" (axis of ratios)" if outcome.log else ""), "difference"
    if effects.empty:
        return style.blank(title, x_title, y_title)
    neutral = 1.0 if outcome.log else 0.0
    table = tables.columns(effects) | {"none": np.full(len(effects), neutral), "y": np.arange(len(effects)) + 0.68}
    finite = np.concatenate([table[end] for end in ENDS])
    finite = finite[np.isfinite(finite) & ((finite > 0) | (not outcome.log))]
    reach = [0.8, 1.25] if outcome.log else [-1.0, 1.0]
    axis = style.position(x_title, [*finite, *reach], "log" if outcome.log else "linear")
    rows = style.row_axis(y_title, len(effects))

    # Piece by piece, so that it does not cross the names.
    pieces = tables.few({"none": table["none"], "top": table["y"] - 0.28, "base": table["y"] + 0.28})
    line = alt.Chart(pieces).mark_rule(color=style.NEUTRAL, strokeDash=[5, 4], strokeWidth=1.6)
    charts = [line.encode(x=alt.X("none:Q", **axis), y=alt.Y("top:Q", **rows), y2=alt.Y2("base:Q"))]
    exact = table["estimate_low"] == table["estimate_high"]
    charts += _known(tables.rows_of(table, exact), x_title, axis, rows)
    charts += _bounds(tables.rows_of(table, ~exact), axis, rows)
    names = pd.DataFrame({"group": table["title"], "note": table["text"]})
    charts += style.row_names(names, rows, room=170)
    several = table["seeds"].max() > 1
    of = f"median {outcome.title}, 95 % interval over paired seeds" if several else f"{outcome.title} of one seed"
    subtitle = f"{of}; dashed: no effect"
    said = style.read_out(table["title"], table["text"])
    return style.layered(charts, title, subtitle, 58 * len(effects), said=said)


def _known(effects: tables.Columns, x_title: str, axis: dict[str, Any], rows: dict[str, Any]) -> list[alt.Chart]:
    """A bar for each effect that is known, with its interval as far as the axis goes."""
    if not len(effects["y"]):
        return []
    first, last = axis["scale"].domain
    columns = ("effect", "title", "none", "estimate_low", "low", "high", "text", "seeds", "y")
    within = {end: np.clip(effects[end], first, last) for end in ("low", "high")}
    base = alt.Chart(tables.few({name: within.get(name, effects[name]) for name in columns}))
    y = alt.Y("y:Q", **rows)
    bar = base.mark_bar(size=16, **style.PALE).encode(x=alt.X("estimate_low:Q", **axis), x2=alt.X2("none:Q"), y=y)
    tip = style.tip(
        ("title", "difference"), ("estimate_low", x_title, style.NUMBER), ("text", "with 95 % interval"),
        ("seeds", "paired seeds", "d"),
    )  # fmt: skip
    colour = _colour()
    charts = [bar.encode(color=colour, stroke=style.edged(colour), tooltip=tip)]
    whisker = base.mark_rule(color=style.NEUTRAL, strokeWidth=2.5)
    charts.append(whisker.encode(x=alt.X("low:Q", **axis), x2=alt.X2("high:Q"), y=y))
    for end in ("low", "high"):
        tick = base.mark_tick(color=style.NEUTRAL, thickness=2.5, size=11)
        charts.append(tick.encode(x=alt.X(f"{end}:Q", **axis), y=y))
    return charts


def _bounds(effects: tables.Columns, axis: dict[str, Any], rows: dict[str, Any]) -> list[alt.Chart]:
    """The effects with one known end: a triangle there, which points to the other."""
    first, last = axis["scale"].domain
    above, below = ((first <= effects[end]) & (effects[end] <= last) for end in ENDS[:2])
    table = {name: effects[name] for name in ("effect", "title", "text", "y")}
    table["at"] = np.where(above, *(effects[end] for end in ENDS[:2]))
    charts = []
    for shape, own in (("triangle-left", below & ~above), ("triangle-right", above)):
        if own.any():
            there = tables.rows_of(table, own)
            mark = alt.Chart(tables.few({name: there[name] for name in ("effect", "title", "at", "text", "y")}))
            mark = mark.mark_point(shape=shape, size=160, strokeWidth=2.5)
            tip = style.tip(("title", "difference"), ("text", "bound, by runs that stopped early"))
            x, y = alt.X("at:Q", **axis), alt.Y("y:Q", **rows)
            charts.append(mark.encode(x=x, y=y, color=_colour(), tooltip=tip))
    return charts


def _colour() -> alt.Color:
    return style.colour("effect", list(COLOURS), list(COLOURS.values()), None)


def cell_medians(cells: pd.DataFrame, *, outcome: Outcome, functions: Sequence[str]) -> alt.LayerChart:
    """The median outcome of each function by slope, a line for centred functions and a dashed one for the others.

    Parallel lines: centring brings the same at either slope. A median that is lost to runs that did not reach the
    target is an open triangle at the least that it can be.

    Args:
        cells: `core.lessons.effects.Decomposition.cells`.
        functions: the activation functions of the experiment, which their colours come from.
    """
    title = f"Median {outcome.title}"
    y_title = f"median {outcome.title}"
    worst, shape = ("low", "triangle-up") if outcome.log else ("high", "triangle-down")
    table = _by_slope(cells, worst)
    y_kind: style.Kind = "log" if outcome.log else "linear"
    if outcome.name == "updates_to_target":  # 0 has no place on a log axis
        table |= {end: np.maximum(table[end], AT_ONCE) for end in ("at", "low", "high")}
    y_axis = style.position(y_title, np.concatenate([table[end] for end in ("at", "low", "high")]), y_kind)
    table |= {end: np.clip(table[end], *y_axis["scale"].domain) for end in ("low", "high")}
    x = alt.X(
        "place:N",
        scale=alt.Scale(domain=[place for place in SLOPES if place in set(table["place"])], type="point", padding=0.5),
        axis=alt.Axis(
            title="slope at 0, and width of the range", labelAngle=0, grid=False, labelExpr="split(datum.label, ', ')"
        ),
    )
    y = alt.Y("at:Q", **y_axis)
    shades = dict(zip(*style.group_colours(functions), strict=True))
    names = {name: words(name) for name in functions if name in set(table["activation"])}
    key = style.legend(list(names.values()))
    colour = style.colour("name", list(names.values()), [shades[name] for name in names], key)
    columns = ["place", "name", "at", "low", "high", "learning_rate", "outcome", "reached", "seeds"]
    charts = []
    for centred, dash in ((False, [5, 4]), (True, [1, 0])):
        line = _chart(table, table["centred"] == centred, ["place", "at", "order"])
        line = line.mark_line(color=style.NEUTRAL, strokeDash=dash, strokeWidth=1.8)
        charts.append(line.encode(x=x, y=y, order=alt.Order("order:Q")))
    base = _chart(table, np.ones(len(cells), bool), columns).encode(x=x)
    charts.append(base.mark_rule(strokeWidth=2.5).encode(y=alt.Y("low:Q", **y_axis), y2=alt.Y2("high:Q"), color=colour))
    tip = style.tip(
        ("name", "function"), ("learning_rate", "learning rate", style.NUMBER), ("outcome", y_title),
        ("reached", "runs with a value", "d"), ("seeds", "of seeds", "d"),
    )  # fmt: skip
    for lost in np.unique(table["censored"]).tolist():
        dots = _chart(table, table["censored"] == lost, columns)
        dots = dots.mark_point(filled=not lost, shape=shape if lost else "circle", size=110, strokeWidth=2, opacity=1)
        charts.append(dots.encode(x=x, y=y, color=colour, tooltip=tip))
    subtitle = "solid: centred, dashed: not"
    if table["seeds"].max() > 1:
        subtitle = f"95 % intervals; {subtitle}"
    return style.layered(charts, title, subtitle, 320, said=style.read_out(table["name"], table["outcome"]))


def _chart(table: tables.Columns, own: NDArray[np.bool_], names: Sequence[str]) -> alt.Chart:
    """A chart of these columns of the rows that are its `own`."""
    return alt.Chart(tables.few(tables.rows_of({name: table[name] for name in names}, own)))


def _by_slope(cells: pd.DataFrame, worst: str) -> dict[str, NDArray[Any]]:
    """The cells with their place on the axis of slopes, and the `worst` end of their medians in words."""
    table = tables.columns(cells)
    order = np.where(table["activation"] == TANH, 2, table["steep"])
    at, lost = table[f"median_{worst}"], table["median_low"] != table["median_high"]
    said = [
        f"{number(value, 4) if math.isfinite(value) else 'unknown'}{' or worse' * censored}"
        for value, censored in zip(at.tolist(), lost.tolist(), strict=True)
    ]
    return table | {
        "place": np.array([SLOPES[place] for place in order]),
        "order": order,
        "at": at,
        "censored": lost,
        "name": np.array(list(map(words, table["activation"]))),
        "outcome": np.array(said),
    }
