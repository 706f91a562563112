"""Two forms most charts share: a quantity over training, and a quantity over layers or levels, by group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.charts import style, tables
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
TIMES = {"epoch": "epoch (0 is initialisation)", "update": "weight update (0 is initialisation)"}


@dataclass(frozen=True)
class _Drawn:
    """What `over_training` draws: `lost` and `raw_lost` are the points after which lines end, `levels` dashed lines."""

    times: NDArray[Any]
    medians: pd.DataFrame
    bands: pd.DataFrame
    lost: pd.DataFrame
    raw: pd.DataFrame
    raw_lost: pd.DataFrame
    levels: pd.DataFrame

    def heights(self, column: str) -> NDArray[np.float64]:
        """All that the y axis has to hold."""
        of = (self.medians["median"], self.bands["low"], self.bands["high"], self.levels["value"], self.raw[column])
        return np.concatenate([values.to_numpy(dtype=float) for values in of])


def over_training(
    table: pd.DataFrame,
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
        worst: see `tables.spread`.
        raw_runs: every run as a faint line behind (as many as fit into the rows a chart may have).
        smooth: window, in recorded points, of a rolling median of the line, which stays itself, faint, behind.
        subtitle: what it names as BAND is said to be ONE_RUN where it is no more.
        lines: heights of dashed neutral lines, which the subtitle has to explain.
        empty: why there is nothing to draw, where that is so.
        whole: whether the y axis holds all, or ends where lines go beyond it that would squash the others.
    """
    drawn = _drawn(table, groups, column, x, log_x, y_kind == "log", worst, raw_runs, smooth, lines)
    if (medians := drawn.medians).empty:
        return style.blank(title, TIMES[x], y_title, empty)
    along = alt.X(f"{x}:Q", **style.position(TIMES[x], drawn.times, "symlog" if log_x else "count"))
    heights, beyond = (drawn.heights(column), "") if whole else _within(drawn, column)
    y = partial(_height, y_axis := style.position(y_title, heights, y_kind))
    colour, dash, pick = style.group_colour(groups), style.group_dash(groups), style.pick_group(groups)
    base = alt.Chart(medians[["group", x, "drawn", "median", "band", "finite", "runs"]]).encode(x=along, color=colour)
    behind = style.halo(medians[["group", x, "drawn"]], groups, x=along, y=y("drawn"))
    charts = [*behind, base.mark_line(strokeWidth=2.2).encode(y=y("drawn"), strokeDash=dash, opacity=style.faded(pick))]
    area = alt.Chart(drawn.bands[["group", x, "low", "high"]]).mark_area(strokeWidth=0).encode(x=along, color=colour)
    charts.append(area.encode(y=y("low"), y2=alt.Y2("high:Q"), opacity=style.faded(pick, 0.18)))
    if raw_runs:
        runs = alt.Chart(drawn.raw[["group", "run", x, column]]).mark_line(strokeWidth=0.8)
        runs = runs.encode(x=along, y=y(column), detail=alt.Detail("run:N"), color=colour, strokeDash=dash)
        charts.append(runs.encode(opacity=style.faded(pick, 0.35)))
    if smooth > 1:
        thin = base.mark_line(strokeWidth=1)
        charts.append(thin.encode(y=y("median"), strokeDash=dash, opacity=style.faded(pick, 0.4)))
    if not drawn.levels.empty:
        charts.append(alt.Chart(drawn.levels).mark_rule(**LEVEL).encode(y=y("value")))
    charts.append(dots := _dots(base, x, few=len(drawn.times) <= FEW, pick=pick).encode(y=y("drawn")))
    for chart in charts if beyond else ():
        chart.mark.clip = True
    for cross, name in _crosses(drawn.lost, drawn.raw_lost, x, column, y_axis["scale"].domain[1]):
        charts.append(cross.encode(x=along, y=y(name), color=colour, opacity=style.faded(pick)))
    subtitle = of_runs(subtitle, medians["runs"]) + beyond + _explained(smooth, drawn.lost, drawn.raw_lost)
    said = last(medians, x, y_kind)
    return style.layered(charts, title, subtitle, HEIGHT, pick, pick_on=len(behind), told=dots, said=said)


def last(medians: pd.DataFrame, x: str, kind: style.Kind) -> str:
    """The last median of each group, as many as a person listens to."""
    ends = medians.groupby("group", sort=False).tail(1)
    told = style.told(kind)
    notes = [f"{told(median)} at {x} {time:,.0f}" for median, time in zip(ends["median"], ends[x], strict=True)]
    return f"Last: {style.read_out(ends['group'], notes)}"


def _height(axis: dict[str, Any], column: str) -> alt.Y:
    return alt.Y(f"{column}:Q", **axis)


def over_steps(
    table: pd.DataFrame,
    groups: Sequence[str],
    column: str,
    *,
    steps: Sequence[str],
    title: str,
    subtitle: str,
    x_title: str,
    y_title: str,
    y_kind: style.Kind = "linear",
    reference: pd.DataFrame | None = None,
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
    table = table.loc[table["group"].isin(groups), ["group", "at", column]]
    medians = tables.masked(tables.spread(table, ["group", "at"], column), ["low", "median", "high"])[0]
    if medians.empty:
        return style.blank(title, x_title, y_title, empty)
    medians["band"] = tables.interval_text(medians["low"], medians["high"])
    x = steps_axis(steps, x_title)
    referred = [] if reference is None else reference["value"].to_list()
    y_axis = style.position(y_title, [*medians["low"], *medians["high"], *referred], y_kind)
    colour, of_line, of_point = _looks(groups, alone=len(steps) == 1)
    pick = style.pick_group(groups)
    medians, beside = side_by_side(medians, groups)

    base = alt.Chart(medians[["group", "at", "low", "median", "high", "band", "finite", "beside"]])
    base = base.encode(x=x, xOffset=beside, color=colour)
    y, low = alt.Y("median:Q", **y_axis), alt.Y("low:Q", **y_axis)
    behind = style.halo(medians, groups, x=x, xOffset=beside, y=y)
    charts = [*behind, base.mark_line(strokeWidth=1.6).encode(y=y, opacity=style.faded(pick), **of_line)]
    charts.append(base.mark_rule(strokeWidth=2).encode(y=low, y2=alt.Y2("high:Q"), opacity=style.faded(pick)))
    if reference is not None and not reference.empty:
        dashed = alt.Chart(reference[["at", "value", "key"]]).mark_line(
            color=style.NEUTRAL, strokeDash=[5, 4], strokeWidth=1.6
        )
        charts.append(dashed.encode(x=x, y=alt.Y("value:Q", **y_axis), detail=alt.Detail("key:N")))
    tip = style.tip(
        ("group", "group"), ("at", x_title), ("median", "median", style.NUMBER), ("band", "25-75 % of runs"),
        ("finite", "runs", "d"),
    )  # fmt: skip
    dots = base.mark_point(filled=True, size=60)
    dots = dots.encode(y=y, opacity=style.faded(pick), tooltip=tip, **of_point)
    subtitle = of_runs(subtitle, medians["runs"])
    said = style.extremes(medians, "median", whose, style.told(y_kind))
    return style.layered([*charts, dots], title, subtitle, HEIGHT, pick, pick_on=len(behind), told=dots, said=said)


def _looks(groups: Sequence[str], alone: bool) -> tuple[alt.Color, dict[str, Any], dict[str, Any]]:
    """Colour of the groups, and what else tells their lines, or their points where these stand `alone`, apart."""
    if alone:
        return style.point_colour(groups), {}, {"shape": style.group_shape(groups)}
    return style.group_colour(groups), {"strokeDash": style.group_dash(groups)}, {}


def of_runs(subtitle: str, runs: pd.Series) -> str:
    """A subtitle that names no spread where every point of the chart is of one run; `runs` is of how many."""
    return subtitle if runs.max() > 1 else subtitle.replace(BAND, ONE_RUN)


def steps_axis(steps: Sequence[str], title: str) -> alt.X:
    """The x axis of a few ordered steps, which are texts in the column "at"."""
    scale = alt.Scale(domain=list(steps), type="point", padding=0.35)
    return alt.X("at:N", scale=scale, axis=alt.Axis(title=title, labelAngle=0, grid=False))


def side_by_side(table: pd.DataFrame, groups: Sequence[str]) -> tuple[pd.DataFrame, alt.XOffset]:
    """The table with the column "beside", and its channel: marks of groups that agree do not hide each other."""
    count = max(len(groups) - 1, 1)
    width = min(28.0, 5.0 * count)
    offsets = {group: (i / count - 0.5) * width for i, group in enumerate(groups)}
    scale = alt.Scale(domain=[-15, 15], range=[-15, 15])
    return table.assign(beside=table["group"].map(offsets)), alt.XOffset("beside:Q", scale=scale)


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
    heights, tops = drawn.heights(column), drawn.medians.groupby("group")["median"].max().sort_values()
    limit = BEYOND * tops.iloc[(len(tops) - 1) // 2]
    if limit <= 0 or (beyond := tops[tops > limit]).empty:
        return heights, ""
    who = short_group(str(beyond.index[0])) if len(beyond) == 1 else count(len(beyond), "group")
    return heights[heights <= limit], f"; beyond the axis: {who}, up to {number(beyond.iloc[-1])}"


def _crosses(
    lost: pd.DataFrame, raw_lost: pd.DataFrame, x: str, column: str, highest: float
) -> Iterator[tuple[alt.Chart, str]]:
    """The crosses at the ends of lines, medians and single runs, each with the column of its height."""
    for ends, name, size, what in (
        (lost, "drawn", 90, "half of the runs or more diverged after this"),
        (raw_lost, column, 24, "this run diverged after this"),
    ):
        if not ends.empty:
            cross = alt.Chart(ends[["group", x, name]].assign(what=what, top=ends[name].clip(upper=highest)))
            tip = style.tip(("group", "group"), (x, x, ",d"), (name, "last value", style.NUMBER), ("what", "cross"))
            yield cross.mark_point(shape=style.CROSS, size=size, strokeWidth=2.2, opacity=1).encode(tooltip=tip), "top"


def _drawn(
    table: pd.DataFrame, groups: Sequence[str], column: str, x: str, log_x: bool, log_y: bool,
    worst: float | None, raw_runs: bool, smooth: int, lines: Sequence[float],
) -> _Drawn:  # fmt: skip
    # The few columns that are drawn: a filter copies all that a table has, and the layers' has fifty.
    columns = ["group", "run", x, column, *(["diverged"] if "diverged" in table else [])]
    table = table.loc[table["group"].isin(groups), columns]
    times = tables.thin(np.unique(table[x].to_numpy()), max(2, LINE_ROWS // max(len(groups), 1)), log_x)
    medians, lost = _medians(table, x, column, times, log_y, worst, smooth)
    bands = tables.masked(medians, ["low", "high"], log=["low"] if log_y else [])[0]
    raw, raw_lost = _raw(table, x, column, log_x, log_y) if raw_runs else (table.iloc[:0], table.iloc[:0])
    levels = pd.DataFrame({"value": [value for value in lines if np.isfinite(value) and (value > 0 or not log_y)]})
    return _Drawn(times, medians, bands, lost, raw, raw_lost, levels)


def _medians(
    table: pd.DataFrame, x: str, column: str, kept: NDArray[Any], log: bool, worst: float | None, smooth: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Median and quartiles of each group at the times `kept`, and of these rows those at which a line is lost."""
    whole = tables.spread(table, ["group", x], column, worst)
    medians = tables.masked(whole, ["median"], log=["median"] if log else [])[0]
    medians["drawn"] = tables.smoothed(medians, "group", "median", smooth)
    lost = _lost(medians, whole.loc[~np.isfinite(whole["median"]), ["group", x]], table, "group", x)
    medians = medians[medians[x].isin(kept) | medians.index.isin(lost.index)].reset_index(drop=True)
    return medians.assign(band=tables.interval_text(medians["low"], medians["high"])), lost


def _lost(drawn: pd.DataFrame, gone: pd.DataFrame, table: pd.DataFrame, by: str, x: str) -> pd.DataFrame:
    """The last row drawn of each line `by` that ends because of diverged runs: those of `gone` come later."""
    last = drawn.groupby(by, sort=False, observed=True).tail(1)
    if "diverged" not in table:
        return last.iloc[:0]
    until = gone.groupby(by, observed=True)[x].max().reindex(last[by]).to_numpy(np.float64)
    return last[last[by].isin(table.loc[table["diverged"], by]) & (until > last[x].to_numpy(np.float64))]


def _raw(table: pd.DataFrame, x: str, column: str, log_x: bool, log_y: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of single runs, as many as there is room for, and those at which diverged ones end."""
    runs = tables.thin(np.unique(table["run"].to_numpy()), MOST_RAW)
    times = tables.thin(np.unique(table[x].to_numpy()), max(2, RAW_ROWS // max(len(runs), 1)), log_x)
    part = table[table["run"].isin(runs)]
    finite = tables.masked(part, [column], log=[column] if log_y else [])[0]
    lost = _lost(finite, part.loc[~np.isfinite(part[column].astype(np.float64)), ["run", x]], part, "run", x)
    return finite[finite[x].isin(times) | finite.index.isin(lost.index)], lost


def _explained(smooth: int, lost: pd.DataFrame, raw_lost: pd.DataFrame) -> str:
    """What the subtitle says of smoothing and of crosses, where there are any."""
    parts = {
        f"; smoothed: median of {smooth} recorded points, fewer at the ends; faint: as recorded": smooth > 1,
        "; cross: half of the runs or more diverged": not lost.empty,
        "; small cross: a run diverged": not raw_lost.empty,
    }
    return "".join(part for part, there in parts.items() if there)
