"""Charts of the 2 x 2: how much centring, slope and width bring, and the medians that say so."""

import altair as alt
import numpy as np
import pandas as pd

from core.charts import style
from core.effects import Outcome

COLOURS = {
    "all": style.NEUTRAL,
    "centring": style.PALETTE[0],
    "slope": style.PALETTE[1],
    "width": style.PALETTE[2],
    "interaction": style.PALETTE[3],
}
SLOPES = ("slope 1/4", "slope 1", "slope 1, twice as wide")
CENTRING = {False: "not centred", True: "centred"}
ENDS = ["estimate_low", "estimate_high", "low", "high"]


def effect_sizes(effects: pd.DataFrame, *, outcome: Outcome, title: str | None = None) -> alt.LayerChart:
    """Every effect as a bar from "no effect" to its estimate, with its 95 % interval: on this axis bars add up.

    An effect known as a bound only, because of censored runs, is an open triangle there that points to where it lies;
    one that is open on both sides is its words alone.

    Args:
        effects: `core.effects.Decomposition.effects`, one of log outcomes as ratios.
        outcome: what was compared.
    """
    title = title or "What does each difference bring?"
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
    known = table[exact].assign(low=table["low"].clip(first, last), high=table["high"].clip(first, last))
    y = alt.Y("y:Q", **style.row_axis(y_title, len(table)))
    colour = alt.Color("effect:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), legend=None)

    line = alt.Chart(pd.DataFrame({"none": [neutral]})).mark_rule(color=style.NEUTRAL, strokeDash=[5, 4])
    charts = [line.encode(x=alt.X("none:Q", **axis), strokeWidth=alt.value(1.6))]
    if not known.empty:
        base = alt.Chart(known[["effect", "title", "none", "estimate_low", "low", "high", "text", "seeds", "y"]])
        bar = base.mark_bar(size=16, opacity=0.85).encode(x=alt.X("estimate_low:Q", **axis), x2="none:Q", y=y)
        tip = style.tip(
            ("title", "difference"), ("estimate_low", x_title, style.NUMBER), ("text", "with 95 % interval"),
            ("seeds", "paired seeds", "d"),
        )  # fmt: skip
        charts.append(bar.encode(color=colour, tooltip=tip))
        whisker = base.mark_rule(color=style.NEUTRAL, strokeWidth=2.5)
        charts.append(whisker.encode(x=alt.X("low:Q", **axis), x2="high:Q", y=y))
        for end in ("low", "high"):
            tick = base.mark_tick(color=style.NEUTRAL, thickness=2.5, size=11)
            charts.append(tick.encode(x=alt.X(f"{end}:Q", **axis), y=y))
    bounds = _bounds(table[~exact], first, last)
    for shape in sorted(bounds["shape"].unique()):
        mark = alt.Chart(bounds.loc[bounds["shape"] == shape, ["effect", "title", "at", "text", "y"]])
        mark = mark.mark_point(shape=shape, size=160, strokeWidth=2.5)
        tip = style.tip(("title", "difference"), ("text", "bound, by censored runs"))
        charts.append(mark.encode(x=alt.X("at:Q", **axis), y=y, color=colour, tooltip=tip))
    names = table[["title", "text"]].rename(columns={"title": "group", "text": "note"})
    charts += style.row_names(names, style.row_axis(y_title, len(table)), "note", room=170)
    subtitle = f"median {outcome.title}, 95 % interval over paired seeds; dashed: no effect"
    return style.layered(charts, title, subtitle, 58 * len(table))


def _bounds(table: pd.DataFrame, first: float, last: float) -> pd.DataFrame:
    """The effects of which one end is known: at (that end) and shape (a triangle towards the other)."""
    above = table["estimate_low"].between(first, last)
    below = table["estimate_high"].between(first, last)
    at = table["estimate_low"].where(above, table["estimate_high"])
    shapes = np.where(above, "triangle-right", "triangle-left")
    return table.assign(at=at, shape=shapes)[above | below]


def cell_medians(cells: pd.DataFrame, *, outcome: Outcome, title: str | None = None) -> alt.LayerChart:
    """The median outcome of each function by slope, a line for centred functions and one for the others.

    Parallel lines: centring brings the same at either slope. A median that is lost to runs that did not reach the
    target is an open triangle at the least that it can be.

    Args:
        cells: `core.effects.Decomposition.cells`.
        outcome: what was compared.
    """
    title = title or f"Median {outcome.title}"
    y_title = f"median {outcome.title}"
    table = cells.assign(
        place=[SLOPES[2] if name == "tanh" else SLOPES[int(steep)] for name, steep in _pairs(cells)],
        group=cells["centred"].map(CENTRING),
        name=cells["activation"].str.replace("_", " "),
        censored=cells["median_low"] != cells["median_high"],
    )
    table["at"] = table["median_low" if outcome.log else "median_high"]
    table["label"] = [
        f"{name}, rate {rate:g}" for name, rate in zip(table["name"], table["learning_rate"], strict=True)
    ]
    table["outcome"] = [
        f"{at:.4g}" + (" or worse: censored" if lost else "")
        for at, lost in zip(table["at"], table["censored"], strict=True)
    ]
    ends = table[["at", "low", "high"]].to_numpy(np.float64)
    ends = ends[np.isfinite(ends)]
    # Room for the names above the dots.
    room = [float(ends.max()) * 1.15] if outcome.log else [float(ends.max()) + 0.1 * float(np.ptp(ends))]
    y_axis = style.position(y_title, [*ends, *room], "log" if outcome.log else "linear")
    low, high = y_axis["scale"].domain
    table = table.assign(low=table["low"].clip(low, high), high=table["high"].clip(low, high))
    places = [place for place in SLOPES if place in set(table["place"])]
    x = alt.X(
        "place:N",
        scale=alt.Scale(domain=places, type="point", padding=0.5),
        axis=alt.Axis(title=None, labelAngle=0, grid=False, labelLimit=110),
    )
    y = alt.Y("at:Q", **y_axis)
    colour = alt.Color(
        "group:N",
        scale=alt.Scale(domain=list(CENTRING.values()), range=[style.PALETTE[1], style.PALETTE[0]]),
        legend=style.legend(list(CENTRING.values())),
    )
    order = alt.Order("order:Q")
    table["order"] = table["place"].map({place: i for i, place in enumerate(places)})
    columns = ["place", "group", "name", "label", "at", "low", "high", "learning_rate", "outcome", "reached", "seeds"]
    base = alt.Chart(table[[*columns, "order"]]).encode(x=x, color=colour)
    charts = [base.mark_line(strokeWidth=2).encode(y=y, order=order)]
    charts.append(base.mark_rule(strokeWidth=2.5).encode(y=alt.Y("low:Q", **y_axis), y2="high:Q"))
    tip = style.tip(
        ("name", "function"), ("learning_rate", "learning rate", style.NUMBER), ("outcome", y_title),
        ("reached", "runs with a value", "d"), ("seeds", "of seeds", "d"),
    )  # fmt: skip
    for lost, shape in ((False, "circle"), (True, "triangle-up" if outcome.log else "triangle-down")):
        part = alt.Chart(table.loc[table["censored"] == lost, columns])
        dots = part.mark_point(filled=not lost, shape=shape, size=110, strokeWidth=2, opacity=1)
        charts.append(dots.encode(x=x, y=y, color=colour, tooltip=tip))
    text = base.mark_text(dy=-14, fontSize=11, color=style.NEUTRAL, limit=125).encode(y=y, text="label:N")
    charts.append(text.encode(color=alt.value(style.NEUTRAL)))
    subtitle = "with 95 % interval; parallel lines: centring brings the same at either slope"
    return style.layered(charts, title, subtitle, 320)


def _pairs(cells: pd.DataFrame) -> list[tuple[str, bool]]:
    return [(str(name), bool(steep)) for name, steep in zip(cells["activation"], cells["steep"], strict=True)]
