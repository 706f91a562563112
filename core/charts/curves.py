"""Two forms most charts share: a quantity over training, and a quantity over layers or levels, by group."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core.charts import style, tables
from core.results import summary
from core.text import count, number, short_group

HEIGHT = 320
BAND = "median and 25-75 % of the runs"
ONE_RUN = "one run each"
LINE_ROWS = 1400
RAW_ROWS = 1500
MOST_RAW = 375
BEYOND = 10.0  # times as high as the group in the middle: what is higher would squash all else
FEW = 24  # times at which every point of a line has a dot; of more, only the pointer finds them
LEVEL: dict[str, Any] = {"color": style.NEUTRAL, "strokeDash": [5, 4], "strokeWidth": 1.6}
Table = pd.DataFrame | Mapping[str, Any]
"""What is drawn, by column: a frame, or columns of NumPy and of pandas, which need not be put into one."""
TIMES = {"epoch": "epoch (0 is initialisation)", "update": "weight update (0 is initialisation)"}


@dataclass(frozen=True)
class _Drawn:
    """What `over_training` draws: `lost` and `raw_lost` are the points after which lines end, `levels` dashed lines.

    In the column "group" of each table is the place of a group among the `names`.
    """

    names: Sequence[str]
    times: NDArray[Any]
    medians: tables.Columns
    bands: tables.Columns
    lost: tables.Columns
    raw: tables.Columns
    raw_lost: tables.Columns
    levels: NDArray[np.float64]

    def heights(self, column: str) -> NDArray[np.float64]:
        """All that the y axis has to hold."""
        return np.concatenate(
            [self.medians["median"], self.bands["low"], self.bands["high"], self.levels, self.raw[column]]
        )

    def line(self, x: str) -> pa.Table:
        """The medians for a chart, with their intervals in words."""
        found = self.rows(self.medians, x, "drawn", "median", "finite", "runs")
        band = tables.interval_text(self.medians["low"], self.medians["high"])
        return found.add_column(4, "band", pa.array(band, pa.large_string()))

    def rows(self, columns: tables.Columns, *names: str) -> pa.Table:
        """Some columns of one of the tables, for a chart."""
        return tables.few(tables.in_place({name: columns[name] for name in ("group", *names)}, self.names))


def over_training(
    table: Table,
    groups: Sequence[str],
    column: str,
    *,
    title: str,
    subtitle: str,
    y_title: str,
    y_kind: style.Kind = "linear",
    x: str = "epoch",
    log_x: bool = False,
    worst: float | None = None,
    raw_runs: bool = False,
    smooth: int = 1,
    lines: Sequence[float] = (),
    empty: str = style.NOTHING,
    whole: bool = True,
) -> alt.LayerChart:
    """Median line and 25-75 % band over the runs of each group, along `x`.

    Args:
        table: columns group, run, epoch or update, and `column`; and, where diverged runs are to be marked, diverged:
            true from where a run diverged on (`core.results.convergence.with_diverged`).
        worst: see `core.results.summary.quartiles`.
        raw_runs: every run as a faint line behind (as many as fit into the rows a chart may have).
        smooth: window, in recorded points, of a rolling median of the line, which stays itself, faint, behind.
        subtitle: what it names as BAND is said to be ONE_RUN where it is no more.
        lines: heights of dashed neutral lines, which the subtitle has to explain.
        empty: why there is nothing to draw, where that is so.
        whole: whether the y axis holds all, or ends where lines go beyond it that would squash the others.
    """
    drawn = _drawn(table, groups, column, x, log_x, y_kind == "log", worst, raw_runs, smooth, lines)
    if not len(line := drawn.line(x)):
        return style.blank(title, TIMES[x], y_title, empty)
    along = alt.X(f"{x}:Q", **style.position(TIMES[x], drawn.times, "symlog" if log_x else "count"))
    heights, beyond = (drawn.heights(column), "") if whole else _within(drawn, column)
    y = partial(_height, y_axis := style.position(y_title, heights, y_kind))
    colour, dash, pick = style.group_colour(groups), style.group_dash(groups), style.pick_group(groups)
    base = alt.Chart(line).encode(x=along, color=colour)
    behind = style.halo(line.select(["group", x, "drawn"]), groups, x=along, y=y("drawn"))
    charts = [*behind, base.mark_line(strokeWidth=2.2).encode(y=y("drawn"), strokeDash=dash, opacity=style.faded(pick))]
    area = alt.Chart(drawn.rows(drawn.bands, x, "low", "high")).mark_area(strokeWidth=0).encode(x=along, color=colour)
    charts.append(area.encode(y=y("low"), y2=alt.Y2("high:Q"), opacity=style.faded(pick, 0.18)))
    if raw_runs:
        runs = _single_runs(drawn, x, column).encode(x=along, y=y(column), color=colour, strokeDash=dash)
        charts.append(runs.encode(opacity=style.faded(pick, 0.35)))
    if smooth > 1:
        thin = base.mark_line(strokeWidth=1)
        charts.append(thin.encode(y=y("median"), strokeDash=dash, opacity=style.faded(pick, 0.4)))
    if drawn.levels.size:
        charts.append(alt.Chart(tables.few({"value": drawn.levels})).mark_rule(**LEVEL).encode(y=y("value")))
    charts.append(dots := _dots(base, x, few=len(drawn.times) <= FEW, pick=pick).encode(y=y("drawn")))
    for chart in charts if beyond else ():
        chart.mark.clip = True
    for cross, name in _crosses(drawn, x, column, y_axis["scale"].domain[1]):
        charts.append(cross.encode(x=along, y=y(name), color=colour, opacity=style.faded(pick)))
    subtitle = of_runs(subtitle, drawn.medians["runs"]) + beyond + _explained(smooth, drawn)
    said = last(line, x, y_kind)
    return style.layered(charts, title, subtitle, HEIGHT, pick, pick_on=len(behind), told=dots, said=said)


def _single_runs(drawn: _Drawn, x: str, column: str) -> alt.Chart:
    runs = alt.Chart(drawn.rows(drawn.raw, "run", x, column)).mark_line(strokeWidth=0.8)
    made: alt.Chart = runs.encode(detail=alt.Detail("run:N"))
    return made


def last(medians: Table, x: str, kind: style.Kind) -> str:
    """The last median of each group, as many as a person listens to."""
    told = style.told(kind)
    columns = (np.asarray(medians[name]).tolist() for name in ("group", x, "median"))
    ends = {group: f"{told(median)} at {x} {time:,.0f}" for group, time, median in zip(*columns, strict=True)}
    return f"Last: {style.read_out(ends, ends.values())}"


def _height(axis: dict[str, Any], column: str) -> alt.Y:
    return alt.Y(f"{column}:Q", **axis)


def over_steps(
    table: Table,
    groups: Sequence[str],
    column: str,
    *,
    steps: Sequence[str],
    title: str,
    subtitle: str,
    x_title: str,
    y_title: str,
    y_kind: style.Kind = "linear",
    reference: Table | None = None,
    empty: str = style.NOTHING,
    whose: str = "{group} at layer {at}",
) -> alt.LayerChart:
    """Median and 25-75 % interval over the runs of each group, at each of a few ordered `steps`.

    Args:
        table: columns group, at (one of the steps) and `column`.
        steps: texts, in the order of the axis.
        subtitle: what it names as BAND is said to be ONE_RUN where it is no more.
        reference: columns at, value and key: a dashed neutral line for each key, which the subtitle has to explain.
        empty: why there is nothing to draw, where that is so.
        whose: a median is, a format of group and at.
    """
    medians = _at_steps(table, groups, column)
    if not len(medians["median"]):
        return style.blank(title, x_title, y_title, empty)
    x = steps_axis(steps, x_title)
    dashed = {} if reference is None else {name: list(reference[name]) for name in ("at", "value", "key")}
    y_axis = style.position(y_title, np.concatenate([medians["low"], medians["high"], dashed.get("value", [])]), y_kind)
    colour, of_line, of_point = _looks(groups, alone=len(steps) == 1)
    pick = style.pick_group(groups)
    rows = tables.few({name: medians[name] for name in ("group", "at", "low", "median", "high", "band", "finite")})
    offsets, beside = side_by_side(medians["group"].to_pylist(), groups)
    rows = rows.append_column("beside", pa.array(offsets))

    base = alt.Chart(rows).encode(x=x, xOffset=beside, color=colour)
    y, low = alt.Y("median:Q", **y_axis), alt.Y("low:Q", **y_axis)
    behind = style.halo(rows, groups, x=x, xOffset=beside, y=y)
    charts = [*behind, base.mark_line(strokeWidth=1.6).encode(y=y, opacity=style.faded(pick), **of_line)]
    charts.append(base.mark_rule(strokeWidth=2).encode(y=low, y2=alt.Y2("high:Q"), opacity=style.faded(pick)))
    if dashed.get("value"):
        line = alt.Chart(tables.few(dashed)).mark_line(**LEVEL)
        charts.append(line.encode(x=x, y=alt.Y("value:Q", **y_axis), detail=alt.Detail("key:N")))
    tip = style.tip(
        ("group", "group"), ("at", x_title), ("median", "median", style.NUMBER), ("band", "25-75 % of runs"),
        ("finite", "runs", "d"),
    )  # fmt: skip
    dots = base.mark_point(filled=True, size=60)
    dots = dots.encode(y=y, opacity=style.faded(pick), tooltip=tip, **of_point)
    subtitle = of_runs(subtitle, medians["runs"])
    said = style.extremes(medians, "median", whose, style.told(y_kind))
    return style.layered([*charts, dots], title, subtitle, HEIGHT, pick, pick_on=len(behind), told=dots, said=said)


def _at_steps(table: Table, groups: Sequence[str], column: str) -> dict[str, Any]:
    """Median and quartiles of the groups at each step "at", where all three are finite: columns for `tables.few`."""
    names, (steps, at) = sorted(groups), tables.named(table["at"])
    group = tables.places(table["group"], names)
    own = np.flatnonzero(group >= 0)
    group, at, values = group[own], at[own], np.asarray(table[column], np.float64)[own]
    first, found = summary.quartiles(group * len(steps) + at, values)
    medians = {"group": group[first], "at": at[first], **found}
    medians = tables.rows_of(medians, tables.whole(medians, summary.QUARTILES))
    in_words = {"at": tables.texts(steps, medians["at"]), "band": tables.interval_text(medians["low"], medians["high"])}
    return tables.in_place(medians, names) | in_words


def _looks(groups: Sequence[str], alone: bool) -> tuple[alt.Color, dict[str, Any], dict[str, Any]]:
    """Colour of the groups, and what else tells their lines, or their points where these stand `alone`, apart."""
    if alone:
        return style.point_colour(groups), {}, {"shape": style.group_shape(groups)}
    return style.group_colour(groups), {"strokeDash": style.group_dash(groups)}, {}


def of_runs(subtitle: str, runs: NDArray[Any] | pd.Series) -> str:
    """A subtitle that names no spread where every point of the chart is of one run; `runs` is of how many."""
    return subtitle if runs.max() > 1 else subtitle.replace(BAND, ONE_RUN)


def steps_axis(steps: Sequence[str], title: str) -> alt.X:
    """The x axis of a few ordered steps, which are texts in the column "at"."""
    scale = alt.Scale(domain=list(steps), type="point", padding=0.35)
    return alt.X("at:N", scale=scale, axis=alt.Axis(title=title, labelAngle=0, grid=False))


def side_by_side(column: Iterable[str], groups: Sequence[str]) -> tuple[list[float], alt.XOffset]:
    """The column "beside" for one of groups, and its channel: marks of groups that agree do not hide each other."""
    count = max(len(groups) - 1, 1)
    width = min(28.0, 5.0 * count)
    offsets = {group: (i / count - 0.5) * width for i, group in enumerate(groups)}
    scale = alt.Scale(domain=[-15, 15], range=[-15, 15])
    return [offsets[group] for group in column], alt.XOffset("beside:Q", scale=scale)


def _dots(lines: alt.Chart, x: str, few: bool, pick: alt.Parameter) -> alt.Chart:
    """The points of lines, which tell their numbers: to be seen where they are few."""
    tip = style.tip(
        ("group", "group"), (x, x, ",d"), ("median", "median", style.NUMBER), ("band", "25-75 % of runs"),
        ("finite", "finite runs", "d"), ("runs", "of runs", "d"),
    )  # fmt: skip
    dots = lines.mark_point(filled=True, size=26 if few else 60).encode(tooltip=tip)
    made: alt.Chart = dots.encode(opacity=style.faded(pick) if few else alt.OpacityValue(0))
    return made


def _within(drawn: _Drawn, column: str) -> tuple[NDArray[np.float64], str]:
    """The heights that do not squash the others, and what the subtitle says of lines that go beyond them."""
    heights, medians = drawn.heights(column), drawn.medians
    tops = np.full(len(drawn.names), -np.inf)
    np.maximum.at(tops, medians["group"], medians["median"])
    there = np.unique(medians["group"])
    there = there[np.argsort(tops[there], kind="stable")]
    limit = BEYOND * tops[there[(len(there) - 1) // 2]]
    beyond = there[tops[there] > limit]
    if limit <= 0 or not beyond.size:
        return heights, ""
    who = short_group(drawn.names[beyond[0]]) if len(beyond) == 1 else count(len(beyond), "group")
    return heights[heights <= limit], f"; beyond the axis: {who}, up to {number(tops[beyond[-1]])}"


def _crosses(drawn: _Drawn, x: str, column: str, highest: float) -> Iterator[tuple[alt.Chart, str]]:
    """The crosses at the ends of lines, medians and single runs, each with the column of its height."""
    for ends, name, size, what in (
        (drawn.lost, "drawn", 90, "half of the runs or more diverged after this"),
        (drawn.raw_lost, column, 24, "this run diverged after this"),
    ):
        if found := len(ends["group"]):
            rows = drawn.rows(ends, x, name).append_column("what", pa.array([what] * found, pa.large_string()))
            cross = alt.Chart(rows.append_column("top", pa.array(np.minimum(ends[name], highest))))
            tip = style.tip(("group", "group"), (x, x, ",d"), (name, "last value", style.NUMBER), ("what", "cross"))
            yield cross.mark_point(shape=style.CROSS, size=size, strokeWidth=2.2, opacity=1).encode(tooltip=tip), "top"


def _drawn(
    table: Table, groups: Sequence[str], column: str, x: str, log_x: bool, log_y: bool,
    worst: float | None, raw_runs: bool, smooth: int, lines: Sequence[float],
) -> _Drawn:  # fmt: skip
    names = sorted(groups)
    place = tables.places(table["group"], names)
    values = {name: np.asarray(table[name]) for name in ("run", x, "diverged") if name in table}
    values |= {column: np.asarray(table[column], np.float64)}
    own = tables.rows_of({"group": place, **values}, np.flatnonzero(place >= 0))
    times = tables.thin(np.unique(own[x]), max(2, LINE_ROWS // max(len(groups), 1)), log_x)
    medians, lost = _medians(own, x, column, times, log_y, worst, smooth)
    kept = tables.drawable(medians["low"], log_y) & tables.drawable(medians["high"])
    nothing = tables.rows_of(own, np.zeros(0, np.int64))
    raw, raw_lost = _raw(own, x, column, log_x, log_y) if raw_runs else (nothing, nothing)
    levels = np.array([value for value in lines if np.isfinite(value) and (value > 0 or not log_y)], np.float64)
    return _Drawn(names, times, medians, tables.rows_of(medians, kept), lost, raw, raw_lost, levels)


def _medians(
    own: tables.Columns, x: str, column: str, kept: NDArray[Any], log: bool, worst: float | None, smooth: int
) -> tuple[tables.Columns, tables.Columns]:
    """Median and quartiles of each group at the times `kept`, and of these rows those at which a line is lost."""
    times, at = np.unique(own[x], return_inverse=True)
    first, found = summary.quartiles(own["group"] * len(times) + at, own[column], worst)
    whole = {"group": own["group"][first], x: own[x][first], **found}
    medians = tables.rows_of(whole, tables.drawable(whole["median"], log))
    medians["drawn"] = tables.smoothed(medians["median"], medians["group"], smooth)
    gone = tables.rows_of(whole, ~np.isfinite(whole["median"]))
    lost = _lost(medians, gone, own, "group", x)
    shown = np.isin(medians[x], kept)
    shown[lost] = True
    return tables.rows_of(medians, shown), tables.rows_of(medians, lost)


def _lost(drawn: tables.Columns, gone: tables.Columns, own: tables.Columns, by: str, x: str) -> NDArray[np.int64]:
    """The last row drawn of each line `by` that ends because of diverged runs: those of `gone` come later."""
    if "diverged" not in own or not own["diverged"].any():
        return np.zeros(0, np.int64)
    _, from_the_end = np.unique(drawn[by][::-1], return_index=True)
    last = np.sort(len(drawn[by]) - 1 - from_the_end)
    until = np.full(int(own[by].max()) + 1, -np.inf)
    np.maximum.at(until, gone[by], gone[x])
    line = drawn[by][last]
    return last[np.isin(line, own[by][own["diverged"]]) & (until[line] > drawn[x][last])]


def _raw(own: tables.Columns, x: str, column: str, log_x: bool, log_y: bool) -> tuple[tables.Columns, tables.Columns]:
    """The rows of single runs, as many as there is room for, and those at which diverged ones end."""
    runs = tables.thin(np.unique(own["run"]), MOST_RAW)
    times = tables.thin(np.unique(own[x]), max(2, RAW_ROWS // max(len(runs), 1)), log_x)
    part = tables.rows_of(own, np.isin(own["run"], runs))
    finite = tables.rows_of(part, tables.drawable(part[column], log_y))
    lost = _lost(finite, tables.rows_of(part, ~np.isfinite(part[column])), part, "run", x)
    shown = np.isin(finite[x], times)
    shown[lost] = True
    return tables.rows_of(finite, shown), tables.rows_of(finite, lost)


def _explained(smooth: int, drawn: _Drawn) -> str:
    """What the subtitle says of smoothing and of crosses, where there are any."""
    parts = {
        f"; smoothed: median of {smooth} recorded points, fewer at the ends; faint: as recorded": smooth > 1,
        "; cross: half of the runs or more diverged": len(drawn.lost["group"]) > 0,
        "; small cross: a run diverged": len(drawn.raw_lost["group"]) > 0,
    }
    return "".join(part for part, there in parts.items() if there)
