"""Two forms most charts share: a quantity over training, and a quantity over layers or levels, by group."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.charts import style, tables

HEIGHT = 320
BAND = "median and 25-75 % of the runs"
LINE_ROWS = 1400
RAW_ROWS = 1500
MOST_RAW = 375
TIMES = {"epoch": "epoch (0 is initialisation)", "update": "weight update (0 is initialisation)"}


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
) -> alt.LayerChart:
    """Median line and 25-75 % band over the runs of each group, along `x`.

    Args:
        table: columns group, run, epoch or update, and `column`; and, where diverged runs are to be marked, diverged:
            true from where a run diverged on (`core.convergence.with_diverged`).
        groups: the experiment's groups, in its order.
        worst: see `tables.spread`.
        raw_runs: every run as a faint line behind (as many as fit into the rows a chart may have).
        smooth: window, in recorded points, of a rolling median of the line, fewer at its ends; the line itself stays,
            faint, behind.
        lines: heights of dashed neutral lines, which the subtitle has to explain.
        empty: why there is nothing to draw, where that is so.
    """
    x_title = TIMES[x]
    # The few columns that are drawn: a filter copies all that a table has, and the layers' has fifty.
    marked = "diverged" in table
    table = table.loc[table["group"].isin(groups), ["group", "run", x, column, *(["diverged"] if marked else [])]]
    log_y = y_kind == "log"
    times = np.unique(table[x].to_numpy())
    kept = tables.thin(times, max(2, LINE_ROWS // max(len(groups), 1)), log_x)
    whole = tables.spread(table, ["group", x], column, worst)
    medians = tables.masked(whole, ["median"], log=["median"] if log_y else [])[0]
    medians["drawn"] = tables.smoothed(medians, "group", "median", smooth)
    lost = _lost(medians, whole.loc[~np.isfinite(whole["median"]), ["group", x]], table, "group", x, marked)
    medians = medians[medians[x].isin(kept) | medians.index.isin(lost.index)].reset_index(drop=True)
    if medians.empty:
        return style.blank(title, x_title, y_title, empty)
    medians["band"] = tables.interval_text(medians["low"], medians["high"])
    bands = tables.masked(medians, ["low", "high"], log=["low"] if log_y else [])[0]
    raw, raw_lost = _raw(table, x, column, log_x, y_kind, marked) if raw_runs else (None, None)

    reference = pd.DataFrame({"value": [value for value in lines if np.isfinite(value) and (value > 0 or not log_y)]})
    drawn = [medians["median"], bands["low"], bands["high"], reference["value"]]
    drawn += [] if raw is None else [raw[column]]
    x_axis = alt.X(f"{x}:Q", **style.position(x_title, kept, "symlog" if log_x else "count"))
    y_axis = style.position(y_title, np.concatenate([part.to_numpy(dtype=float) for part in drawn]), y_kind)
    colour, dash, pick = style.group_colour(groups), style.group_dash(groups), style.pick_group()
    few = len(kept) <= 24

    base = alt.Chart(medians[["group", x, "drawn", "median", "band", "finite", "runs"]]).encode(x=x_axis, color=colour)
    drawn_y = alt.Y("drawn:Q", **y_axis)
    charts = [base.mark_line(strokeWidth=2.2).encode(y=drawn_y, strokeDash=dash, opacity=style.faded(pick))]
    area = alt.Chart(bands[["group", x, "low", "high"]]).mark_area(strokeWidth=0)
    low = alt.Y("low:Q", **y_axis)
    charts.append(area.encode(x=x_axis, y=low, y2=alt.Y2("high:Q"), color=colour, opacity=style.faded(pick, 0.18)))
    if raw is not None:
        runs = alt.Chart(raw[["group", "run", x, column]]).mark_line(strokeWidth=0.8)
        runs = runs.encode(x=x_axis, y=alt.Y(f"{column}:Q", **y_axis), detail=alt.Detail("run:N"))
        charts.append(runs.encode(**style.group_encodings(groups, dash=True), opacity=style.faded(pick, 0.35)))
    if smooth > 1:
        unsmoothed = base.mark_line(strokeWidth=1).encode(y=alt.Y("median:Q", **y_axis), strokeDash=dash)
        charts.append(unsmoothed.encode(opacity=style.faded(pick, 0.4)))
    if not reference.empty:
        rule = alt.Chart(reference).mark_rule(color=style.NEUTRAL, strokeDash=[5, 4], strokeWidth=1.6)
        charts.append(rule.encode(y=alt.Y("value:Q", **y_axis)))
    tip = style.tip(
        ("group", "group"),
        (x, x, ",d"),
        ("median", "median", style.NUMBER),
        ("band", "25-75 % of runs"),
        ("finite", "finite runs", "d"),
        ("runs", "of runs", "d"),
    )
    dots = base.mark_point(filled=True, size=26 if few else 60)
    charts.append(dots.encode(y=drawn_y, opacity=style.faded(pick) if few else alt.OpacityValue(0), tooltip=tip))
    crosses = [(lost, "drawn", 90, "half of the runs or more diverged after this")]
    crosses += [] if raw_lost is None else [(raw_lost, column, 24, "this run diverged after this")]
    for ends, y, size, what in crosses:
        if not ends.empty:
            rows = ends[["group", x, y]].assign(what=what)
            cross = alt.Chart(rows).mark_point(shape=style.CROSS, size=size, strokeWidth=2.2, opacity=1)
            tip = style.tip(("group", "group"), (x, x, ",d"), (y, "last value", style.NUMBER), ("what", "cross"))
            cross = cross.encode(x=x_axis, y=alt.Y(f"{y}:Q", **y_axis), color=colour, opacity=style.faded(pick))
            charts.append(cross.encode(tooltip=tip))
    return style.layered(charts, title, subtitle + _explained(smooth, not lost.empty, raw_lost), HEIGHT, pick)


def over_steps(
    table: pd.DataFrame,
    groups: Sequence[str],
    step: str,
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
) -> alt.LayerChart:
    """Median and 25-75 % interval over the runs of each group, at each of a few ordered `steps`.

    Args:
        table: columns group, `step` (texts) and `column`.
        steps: the texts of `step`, in the order of the axis.
        reference: columns `step`, value and key: a dashed neutral line for each key, which the subtitle has to explain.
        empty: why there is nothing to draw, where that is so.
    """
    table = table.loc[table["group"].isin(groups), ["group", step, column]]
    medians = tables.masked(tables.spread(table, ["group", step], column), ["low", "median", "high"])[0]
    if medians.empty:
        return style.blank(title, x_title, y_title, empty)
    medians["band"] = tables.interval_text(medians["low"], medians["high"])
    x_axis = alt.X(
        f"{step}:N",
        scale=alt.Scale(domain=list(steps), type="point", padding=0.35),
        axis=alt.Axis(title=x_title, labelAngle=0, grid=False),
    )
    referred = [] if reference is None else reference["value"].to_list()
    y_axis = style.position(y_title, [*medians["low"], *medians["high"], *referred], y_kind)
    colour, dash, pick = style.group_colour(groups), style.group_dash(groups), style.pick_group()
    # Side by side within a step, so that intervals of groups that agree do not hide each other.
    order = {group: place for place, group in enumerate(groups)}
    count = max(len(groups) - 1, 1)
    width = min(28.0, 5.0 * count)
    medians["beside"] = [(order[group] / count - 0.5) * width for group in medians["group"]]
    beside = alt.XOffset("beside:Q", scale=alt.Scale(domain=[-15, 15], range=[-15, 15]))

    base = alt.Chart(medians[["group", step, "low", "median", "high", "band", "finite", "beside"]])
    base = base.encode(x=x_axis, xOffset=beside, color=colour)
    y, low = alt.Y("median:Q", **y_axis), alt.Y("low:Q", **y_axis)
    charts = [base.mark_line(strokeWidth=1.6).encode(y=y, strokeDash=dash, opacity=style.faded(pick))]
    charts.append(base.mark_rule(strokeWidth=2).encode(y=low, y2=alt.Y2("high:Q"), opacity=style.faded(pick)))
    if reference is not None and not reference.empty:
        dashed = alt.Chart(reference[[step, "value", "key"]]).mark_line(
            color=style.NEUTRAL, strokeDash=[5, 4], strokeWidth=1.6
        )
        charts.append(dashed.encode(x=x_axis, y=alt.Y("value:Q", **y_axis), detail=alt.Detail("key:N")))
    tip = style.tip(
        ("group", "group"),
        (step, x_title),
        ("median", "median", style.NUMBER),
        ("band", "25-75 % of runs"),
        ("finite", "runs", "d"),
    )
    dots = base.mark_point(filled=True, size=60)
    charts.append(dots.encode(y=y, opacity=style.faded(pick), tooltip=tip))
    return style.layered(charts, title, subtitle, HEIGHT, pick)


def _lost(drawn: pd.DataFrame, gone: pd.DataFrame, table: pd.DataFrame, by: str, x: str, marked: bool) -> pd.DataFrame:
    """The last row drawn of each line `by` that ends because of diverged runs: later `gone` has it without a value."""
    last = drawn.groupby(by, sort=False, observed=True).tail(1)
    if not marked:
        return last.iloc[:0]
    until = gone.groupby(by, observed=True)[x].max().reindex(last[by]).to_numpy(np.float64)
    return last[last[by].isin(table.loc[table["diverged"], by]) & (until > last[x].to_numpy(np.float64))]


def _raw(
    table: pd.DataFrame, x: str, column: str, log_x: bool, y_kind: style.Kind, marked: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of single runs, as many as there is room for, and those at which diverged ones end."""
    runs = tables.thin(np.unique(table["run"].to_numpy()), MOST_RAW)
    times = tables.thin(np.unique(table[x].to_numpy()), max(2, RAW_ROWS // max(len(runs), 1)), log_x)
    part = table[table["run"].isin(runs)]
    finite = tables.masked(part, [column], log=[column] if y_kind == "log" else [])[0]
    lost = _lost(finite, part.loc[~np.isfinite(part[column].astype(np.float64)), ["run", x]], part, "run", x, marked)
    return finite[finite[x].isin(times) | finite.index.isin(lost.index)], lost


def _explained(smooth: int, lost: bool, raw_lost: pd.DataFrame | None) -> str:
    """What the subtitle says of smoothing and of crosses, where there are any."""
    text = (
        f"; smoothed: median of {smooth} recorded points, fewer at the ends; faint: as recorded" if smooth > 1 else ""
    )
    text += "; cross: half of the runs or more diverged" if lost else ""
    return text + ("; small cross: a run diverged" if raw_lost is not None and not raw_lost.empty else "")
