"""Distributions as rows of bars above each other, each row with its name: no facets, so it fits a phone."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.charts import style, tables

BAR_HEIGHT = 0.56  # of a row, below its name


def bars(
    table: tables.Columns,
    names: Sequence[str],
    notes: Sequence[str],
    *,
    title: str,
    subtitle: str,
    x_title: str,
    y_title: str,
    domain: tuple[float, float],
    colour: alt.Color,
    x_format: str = ".6~g",
    own_peak: bool,
    reference: bool = False,
    shaded: Sequence[tuple[float, float]] = (),
    groups: Sequence[str] = (),
) -> alt.LayerChart:
    """One row of bars for each of the `names`.

    Args:
        table: columns place (row number from 0), left, right, share (of the row's values in the bin), range (the bin in
            words) and, with `reference`, expected.
        names: of the rows, in their order.
        notes: texts at the right of the rows.
        domain: ends of the x axis; bins are cut there.
        own_peak: each row scaled to its own peak, else all to the highest peak.
        reference: draw `expected` as a dashed outline.
        shaded: ranges of x to shade.
        groups: where rows are run groups, all of them: their baseline is marked.
    """
    left, right = (table[name].clip(*domain) for name in ("left", "right"))
    place, share = table["place"], table["share"]
    expected = table["expected"] if reference else share
    peaks = np.maximum(_peaks(place, np.fmax(share, expected), own_peak), 1e-12)
    base = place + 0.98
    x_axis: dict[str, Any] = {
        "scale": alt.Scale(domain=list(domain), nice=False, zero=False),
        "axis": alt.Axis(title=x_title, tickCount=6, format=x_format, grid=False),
    }
    y_axis = style.row_axis(y_title, len(names))
    x, x2 = alt.X("left:Q", **x_axis), alt.X2("right:Q")

    ends = np.array(shaded, dtype=np.float64).reshape(-1, 2).clip(*domain)
    grey = tables.few(dict(zip(("left", "right"), ends[ends[:, 0] < ends[:, 1]].T, strict=True)))
    charts = [alt.Chart(grey).mark_rect(color=style.NEUTRAL, opacity=0.18).encode(x=x, x2=x2)] if len(grey) else []
    drawn = {"group": place, "left": left, "right": right, "top": base - BAR_HEIGHT * share / peaks}
    drawn |= {"base": base, "share": share, "range": table["range"]}
    shown = alt.Chart(tables.few(tables.in_place(tables.rows_of(drawn, share > 0), names))).mark_rect(strokeWidth=0)
    tip = style.tip(("group", y_title), ("range", x_title), ("share", "share in this bin", ".4~p"))
    charts.append(shown.encode(x=x, x2=x2, y=alt.Y("top:Q", **y_axis), y2=alt.Y2("base:Q"), color=colour, tooltip=tip))
    if reference:
        outline = _outline(place, left, right, base - BAR_HEIGHT * expected / peaks)
        dashed = alt.Chart(outline).mark_line(color=style.NEUTRAL, strokeDash=[3, 2], interpolate="step-after")
        line = dashed.encode(x=alt.X("left:Q", **x_axis), y=alt.Y("top:Q", **y_axis), detail=alt.Detail("place:O"))
        charts.append(line.encode(strokeWidth=alt.StrokeWidthValue(1.6)))
    charts += style.row_names({"group": names, "note": notes}, y_axis, groups=groups)
    said = style.read_out(names, _notes(table, notes))
    return style.layered(charts, title, subtitle, style.row_height(len(names)) + 10, said=said)


def _peaks(place: NDArray[Any], height: NDArray[Any], own: bool) -> NDArray[Any]:
    """The highest bar of each bar's row, or of all rows."""
    if not own:
        return np.asarray(np.fmax.reduce(height, initial=np.nan))
    _, row = np.unique(place, return_inverse=True)
    peaks = np.full(row.max(initial=0) + 1, np.nan)
    np.fmax.at(peaks, row, height)
    return peaks[row]


def _notes(table: tables.Columns, notes: Sequence[str]) -> list[str]:
    """Where each row has its peak, where it has bars, and its note."""
    order = np.lexsort((table["share"], table["place"]))
    peaks = order[np.flatnonzero(np.diff(table["place"][order], append=-1))]
    most = dict(zip(table["place"][peaks].tolist(), table["range"][peaks].tolist(), strict=True))
    parts = [[f"most at {most[place]}" if place in most else "", note] for place, note in enumerate(notes)]
    return [", ".join(filter(None, each)) for each in parts]


def _outline(place: NDArray[Any], left: NDArray[Any], right: NDArray[Any], top: NDArray[Any]) -> pa.Table:
    """The steps of the expected share: every bin's left edge, and the last one's right."""
    _, from_the_end = np.unique(place[::-1], return_index=True)
    last = len(place) - 1 - from_the_end
    steps = {"place": (place, place), "left": (left, right), "top": (top, top)}
    columns = {name: np.concatenate([of_bins, ends[last]]) for name, (of_bins, ends) in steps.items()}
    order = np.lexsort((columns["left"], columns["place"]))
    return tables.few({name: values[order] for name, values in columns.items()})
