"""Charts of the 2 x 2: how much centring, slope and width bring, and the medians that say so."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.charts import style
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
    table = effects.assign(y=np.arange(len(effects)) + 0.68, none=neutral)
    finite = table[ENDS].to_numpy(np.float64).ravel()
    finite = finite[np.isfinite(finite) & ((finite > 0) | (not outcome.log))]
    reach = [0.8, 1.25] if outcome.log else [-1.0, 1.0]
    axis = style.position(x_title, [*finite, *reach], "log" if outcome.log else "linear")
    first, last = axis["scale"].domain
    exact = table["estimate_low"] == table["estimate_high"]
    known = table[exact]
    known = known.assign(low=known["low"].clip(first, last), high=known["high"].clip(first, last))
    y = alt.Y("y:Q", **style.row_axis(y_title, len(table)))
    colour = style.colour("effect", list(COLOURS), list(COLOURS.values()), None)

    # Piece by piece, so that it does not cross the names.
    pieces = pd.DataFrame({"none": neutral, "top": table["y"] - 0.28, "base": table["y"] + 0.28})
    line = alt.Chart(pieces).mark_rule(color=style.NEUTRAL, strokeDash=[5, 4], strokeWidth=1.6)
    rows = style.row_axis(y_title, len(table))
    charts = [line.encode(x=alt.X("none:Q", **axis), y=alt.Y("top:Q", **rows), y2=alt.Y2("base:Q"))]
    if not known.empty:
        base = alt.Chart(known[["effect", "title", "none", "estimate_low", "low", "high", "text", "seeds", "y"]])
        bar = base.mark_bar(size=16, **style.PALE).encode(x=alt.X("estimate_low:Q", **axis), x2=alt.X2("none:Q"), y=y)
        tip = style.tip(
            ("title", "difference"), ("estimate_low", x_title, style.NUMBER), ("text", "with 95 % interval"),
            ("seeds", "paired seeds", "d"),
        )  # fmt: skip
        charts.append(bar.encode(color=colour, stroke=style.edged(colour), tooltip=tip))
        whisker = base.mark_rule(color=style.NEUTRAL, strokeWidth=2.5)
        charts.append(whisker.encode(x=alt.X("low:Q", **axis), x2=alt.X2("high:Q"), y=y))
        for end in ("low", "high"):
            tick = base.mark_tick(color=style.NEUTRAL, thickness=2.5, size=11)
            charts.append(tick.encode(x=alt.X(f"{end}:Q", **axis), y=y))
    bounds = _bounds(table[~exact], first, last)
    for shape in sorted(bounds["shape"].unique()):
        mark = alt.Chart(bounds.loc[bounds["shape"] == shape, ["effect", "title", "at", "text", "y"]])
        mark = mark.mark_point(shape=shape, size=160, strokeWidth=2.5)
        tip = style.tip(("title", "difference"), ("text", "bound, by runs that stopped early"))
        charts.append(mark.encode(x=alt.X("at:Q", **axis), y=y, color=colour, tooltip=tip))
    names = table[["title", "text"]].rename(columns={"title": "group", "text": "note"})
    charts += style.row_names(names, style.row_axis(y_title, len(table)), room=170)
    several = table["seeds"].max() > 1
    of = f"median {outcome.title}, 95 % interval over paired seeds" if several else f"{outcome.title} of one seed"
    subtitle = f"{of}; dashed: no effect"
    said = style.read_out(table["title"], table["text"])
    return style.layered(charts, title, subtitle, 58 * len(table), said=said)


def _bounds(table: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    """The effects with one known end: `at` is that end, `shape` a triangle that points to the other."""
    above = table["estimate_low"].between(first, last)
    below = table["estimate_high"].between(first, last)
    at = table["estimate_low"].where(above, table["estimate_high"])
    shapes = np.where(above, "triangle-right", "triangle-left")
    return table.assign(at=at, shape=shapes)[above | below]


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
        table[["at", "low", "high"]] = table[["at", "low", "high"]].clip(lower=AT_ONCE)
    ends = table[["at", "low", "high"]].to_numpy(np.float64)
    ends = ends[np.isfinite(ends)]
    y_axis = style.position(y_title, ends, y_kind)
    low, high = y_axis["scale"].domain
    table = table.assign(low=table["low"].clip(low, high), high=table["high"].clip(low, high))
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
        line = alt.Chart(table.loc[table["centred"] == centred, ["place", "at", "order"]])
        line = line.mark_line(color=style.NEUTRAL, strokeDash=dash, strokeWidth=1.8)
        charts.append(line.encode(x=x, y=y, order=alt.Order("order:Q")))
    base = alt.Chart(table[columns]).encode(x=x)
    charts.append(base.mark_rule(strokeWidth=2.5).encode(y=alt.Y("low:Q", **y_axis), y2=alt.Y2("high:Q"), color=colour))
    tip = style.tip(
        ("name", "function"), ("learning_rate", "learning rate", style.NUMBER), ("outcome", y_title),
        ("reached", "runs with a value", "d"), ("seeds", "of seeds", "d"),
    )  # fmt: skip
    for lost in sorted(table["censored"].unique()):
        dots = alt.Chart(table.loc[table["censored"] == lost, columns])
        dots = dots.mark_point(filled=not lost, shape=shape if lost else "circle", size=110, strokeWidth=2, opacity=1)
        charts.append(dots.encode(x=x, y=y, color=colour, tooltip=tip))
    subtitle = "solid: centred, dashed: not"
    if table["seeds"].max() > 1:
        subtitle = f"95 % intervals; {subtitle}"
    return style.layered(charts, title, subtitle, 320, said=style.read_out(table["name"], table["outcome"]))


def _by_slope(cells: pd.DataFrame, worst: str) -> pd.DataFrame:
    """The cells with their place on the axis of slopes, and the `worst` end of their medians in words."""
    places = [SLOPES[2] if row["activation"] == TANH else SLOPES[row["steep"]] for row in cells.to_dict("records")]
    table = cells.assign(
        place=places,
        order=[SLOPES.index(place) for place in places],
        at=cells[f"median_{worst}"],
        censored=cells["median_low"] != cells["median_high"],
        name=cells["activation"].map(words),
    )
    table["outcome"] = [
        f"{number(at, 4) if np.isfinite(at) else 'unknown'}{' or worse' * bool(lost)}"
        for at, lost in zip(table["at"], table["censored"], strict=True)
    ]
    return table
