"""Charts of convergence: learning curves, who reached the target when, and how much faster."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core import text
from core.charts import curves, style, tables
from core.experiment.experiment import label
from core.results import summary
from core.results.convergence import SETTINGS

MEASURES = {
    "train_loss": "training loss (mean per example)",
    "test_loss": "test loss (mean per example)",
    "train_accuracy": "training accuracy (share correct)",
    "test_accuracy": "test accuracy (share correct)",
    "gradient_norm": "Euclidean norm of the gradient",
    "update_to_weight_ratio": "length of update / length of weights",
}
FINALS = {
    "updates_to_target": "median updates to target",
    "epochs_to_target": "median epochs to target",
    "final_train_loss": "median final training loss",
    "final_test_loss": "median final test loss",
    "best_train_loss": "median best training loss",
    "best_test_loss": "median best test loss",
    "final_train_accuracy": "median final training accuracy",
    "final_test_accuracy": "median final test accuracy",
    "best_train_accuracy": "median best training accuracy",
    "best_test_accuracy": "median best test accuracy",
}
OUTCOME_SHAPES = {
    "reached": "circle",
    "reached, then diverged": "diamond",
    "not reached": "triangle-right",
    "diverged": style.CROSS,
    "in training": "triangle-right",
    "stopped early": "square",
}
"""The mark of each of `core.results.convergence.OUTCOMES`."""
STEP_ROWS = 4000
STRIP_ROWS = 3600


def learning_curves(
    epochs: pd.DataFrame,
    *,
    groups: Sequence[str],
    quantity: str = "train_loss",
    x: str = "epoch",
    log_x: bool = False,
    log_y: bool = False,
    raw_runs: bool = False,
    smooth: int = 1,
    target: float | None = None,
    whole: bool = True,
) -> alt.LayerChart:
    """A quantity over training: median line and 25-75 % band over the runs of each group.

    A diverged run, whose loss is not finite, counts as worse than all others: a line ends, with a cross, where the
    median is lost to such runs.

    Args:
        epochs: the epochs table, with the rows of diverged runs (`core.results.convergence.with_diverged`).
        quantity: one of MEASURES.
        x: "epoch" or "update".
        log_x: a symlog axis, on which epoch 0 has its place.
        log_y: a log axis; what is not positive is left out (`tables.masked` counts it).
        raw_runs: every run as a faint line.
        smooth: window, in recorded points, of the rolling median of the line, fewer at its ends.
        target: a level to draw, such as that of the experiment's target.
        whole: see `curves.over_training`; the axis of an accuracy always holds all.
    """
    accuracy = quantity.endswith("accuracy")
    if quantity.startswith("test") and epochs[quantity].isna().all() and epochs["train_loss"].notna().any():
        title = MEASURES[quantity].partition(" (")[0].capitalize()
        return style.blank(title, curves.TIMES[x], MEASURES[quantity], "Nothing is kept back for testing.")
    return curves.over_training(
        epochs,
        groups,
        quantity,
        title=MEASURES[quantity].partition(" (")[0].capitalize(),
        subtitle=curves.BAND + ("" if target is None else "; dashed: target"),
        y_title=MEASURES[quantity],
        y_kind="log" if log_y else "share" if accuracy else "linear",
        x=x,
        log_x=log_x,
        worst=-np.inf if accuracy else np.inf,
        raw_runs=raw_runs,
        smooth=smooth,
        lines=() if target is None else [target],
        whole=whole or accuracy,
    )


def one_run(epochs: pd.DataFrame, *, quantity: str) -> alt.LayerChart:
    """The loss or the accuracy of one run over training, on the training part and, where there is one, on the test's.

    Args:
        epochs: the run's rows of the epochs table (`core.results.convergence.with_diverged`).
        quantity: "loss" or "accuracy".
    """
    parts = {"on training data": epochs[f"train_{quantity}"], "on test data": epochs[f"test_{quantity}"]}
    parts = {part: values for part, values in parts.items() if values.notna().any()}
    if not parts:
        return style.blank(f"{quantity.capitalize()} of this run", curves.TIMES["epoch"], quantity)
    return curves.over_training(
        pd.concat([epochs.assign(group=part, value=values) for part, values in parts.items()]),
        list(parts),
        "value",
        title=f"{quantity.capitalize()} of this run",
        subtitle="as recorded",
        y_title="loss (mean per example)" if quantity == "loss" else "accuracy (share correct)",
        y_kind="linear" if quantity == "loss" else "share",
    )


def share_reached(survival: pd.DataFrame, *, groups: Sequence[str], log_x: bool = False) -> alt.LayerChart:
    """Share of runs that have reached the target by each update, as steps.

    Args:
        survival: columns group, update, reached, at_risk (`core.results.convergence.survival`).
        log_x: a symlog axis, on which update 0 has its place.
    """
    title = "Share of runs that reached the target"
    x_title, y_title = curves.TIMES["update"], "share of all runs of the group"
    lines = _steps(survival, groups)
    if not lines:
        return style.blank(title, x_title, y_title)
    table = _rows(survival, ("group", "update", "reached", "at_risk"), np.concatenate(lines))
    x_axis = alt.X("update:Q", **style.position(x_title, table["update"].to_numpy(), "symlog" if log_x else "count"))
    y_axis = alt.Y("reached:Q", **style.position(y_title, (), "share"))
    pick = style.pick_group(groups)
    base = alt.Chart(table).encode(x=x_axis, y=y_axis, color=style.group_colour(groups), opacity=style.faded(pick))
    line = base.mark_line(interpolate="step-after", strokeWidth=2.2).encode(strokeDash=style.group_dash(groups))
    tip = style.tip(
        ("group", "group"),
        ("update", "update", ",d"),
        ("reached", "reached so far", ".4~p"),
        ("at_risk", "runs not there before", "d"),
    )
    dots = base.mark_point(filled=True, size=34).encode(tooltip=tip)
    behind = style.halo(table.select(["group", "update", "reached"]), groups, steps=True, x=x_axis, y=y_axis)
    subtitle = "share that has reached the target so far"
    ends = _rows(survival, ("group", "reached"), np.array([line[-1] for line in lines]))
    said = style.extremes(ends.to_pydict(), "reached", "{group}", text.percent)
    return style.layered([*behind, line, dots], title, subtitle, 300, pick, pick_on=len(behind), told=dots, said=said)


def _steps(survival: pd.DataFrame, groups: Sequence[str]) -> list[NDArray[np.int64]]:
    """The rows of each group in the order of updates, as many as there is room for; groups as they come in that."""
    place = tables.places(survival["group"], groups)
    known = place >= 0
    for name in ("update", "reached", "at_risk"):
        known &= tables.drawable(survival[name].to_numpy(np.float64))
    rows = np.flatnonzero(known)
    if not rows.size:
        return []
    rows = rows[np.argsort(survival["update"].to_numpy()[rows], kind="stable")]
    _, first, line = np.unique(place[rows], return_index=True, return_inverse=True)
    order = np.argsort(first[line], kind="stable")
    parts = np.split(rows[order], np.flatnonzero(np.diff(first[line][order])) + 1)
    limit = max(2, STEP_ROWS // len(groups))
    return [tables.thin(part, limit) for part in parts]


def _rows(table: pd.DataFrame, names: Sequence[str], rows: NDArray[np.int64]) -> pa.Table:
    """Some columns of these rows, for a chart."""
    return tables.few(tables.taken(table, names, rows))


def updates_to_target(runs: pd.DataFrame, *, groups: Sequence[str]) -> alt.LayerChart:
    """Updates to target of every run, a row for each group: dots, with a tick at the median.

    Runs that did not reach the target are open triangles at their last update, those that diverged first crosses; the
    median counts both as later than any other.

    Args:
        runs: the runs table with a column outcome (`core.results.convergence.outcomes`).
        groups: the experiment's groups, in its order; rows are drawn for those that `runs` holds.
    """
    title = "Updates to target, run by run"
    x_title, y_title = "weight updates to target", "run group"
    updates, group = runs["updates_to_target"].to_numpy(), tables.places(runs["group"], groups)
    at = np.where(np.isnan(updates), runs["last_update"].to_numpy(), updates)
    rows = np.flatnonzero((group >= 0) & np.isfinite(at))
    if not rows.size:
        return style.blank(title, x_title, y_title)
    there, place = np.unique(group[rows], return_inverse=True)
    medians = summary.quartiles(place, updates[rows], np.inf)[1]
    named, cut = [groups[row] for row in there[: style.MOST_ROWS]], style.left_out(len(there))
    notes = list(map(_reached_text, *(medians[name].tolist() for name in ("finite", "runs", "median"))))[: len(named)]
    shown = place < len(named)
    rows, height = _strip(rows[shown], place[shown], at, runs["run"].to_numpy())
    dots: dict[str, Any] = {**tables.taken(runs, ["group", "seed", "outcome"], rows), "at": at[rows], "y": height}
    middle = medians["median"][: len(named)]
    row = np.flatnonzero(np.isfinite(middle))
    ticks = {"group": tables.texts(named, row), "at": middle[row], "top": row + 0.42, "base": row + 0.94}

    kind: style.Kind = "log" if float(dots["at"].min()) > 0 else "symlog"
    x_axis = style.position(x_title, dots["at"], kind)
    y_axis = style.row_axis(y_title, len(named))
    present = set(dots["outcome"].unique())
    outcomes = [outcome for outcome in OUTCOME_SHAPES if outcome in present]
    shape = alt.Shape(
        "outcome:N",
        scale=alt.Scale(domain=outcomes, range=[OUTCOME_SHAPES[outcome] for outcome in outcomes]),
        legend=style.legend(outcomes),
    )
    colour = style.row_colour(groups)
    tip = style.tip(
        ("group", "group"), ("seed", "seed", "d"), ("outcome", "outcome"), ("at", "update (last if not reached)", ",d")
    )
    points = alt.Chart(tables.few(dots)).mark_point(size=64, strokeWidth=1.8)
    x = alt.X("at:Q", **x_axis)
    charts = [points.encode(x=x, y=alt.Y("y:Q", **y_axis), color=colour, shape=shape, tooltip=tip)]
    if row.size:
        tick = alt.Chart(tables.few(ticks)).mark_rule(strokeWidth=4)
        charts.append(tick.encode(x=x, y=alt.Y("top:Q", **y_axis), y2=alt.Y2("base:Q"), color=colour))
    charts += style.row_names({"group": named, "note": notes}, y_axis, room=115, groups=groups)
    note, said = f"bar: median over all runs{cut}", style.read_out(named, notes)
    return style.layered(charts, title, note, style.row_height(len(named)), said=said)


def speed_up(
    table: pd.DataFrame,
    *,
    groups: Sequence[str],
    title: str = "Speed-up over the baseline",
    colour: alt.Color | None = None,
) -> alt.LayerChart:
    """How many times faster than the baseline each group reaches the target: ratio and 95 % interval on a log axis.

    A group without a finite ratio has its text in place of a point, and no dashed line through it. An interval without
    end is drawn to the edge of the chart.

    Args:
        table: columns group, ratio, low, high, text (`core.results.convergence.speed_up`).
        groups: the experiment's groups, in its order; rows are drawn for those that `table` holds.
        colour: by the column group; as on every page unless it is given.
    """
    x_title, y_title = "times faster than the baseline", "run group"
    named, cut = style.shown(groups, table)
    if not named:
        return style.blank(title, x_title, y_title)
    own = tables.places(table["group"], named)
    rows = np.flatnonzero(own >= 0)
    rows = rows[np.argsort(own[rows])]
    words = table["text"].array.take(rows)
    ratio, low, high = (table[name].to_numpy(dtype=np.float64)[rows] for name in ("ratio", "low", "high"))
    has_point = tables.drawable(ratio, log=True)
    drawn = np.flatnonzero(has_point)
    finite = np.concatenate([ends[drawn] for ends in (ratio, low, high)])
    x_axis = style.position(x_title, np.concatenate([finite, [0.5, 2.0]]), "log")
    ends = [np.where(np.isnan(end), ratio, end)[drawn].clip(*x_axis["scale"].domain) for end in (low, high)]
    y_axis, colour = style.row_axis(y_title, len(named)), colour or style.row_colour(groups)
    y, height = alt.Y("y:Q", **y_axis), np.arange(len(named)) + 0.7

    # Piece by piece, so that it crosses neither the groups' names nor what stands in place of a point.
    pieces = {"one": np.ones(len(drawn)), "top": height[drawn] - 0.28, "base": height[drawn] + 0.28}
    one = alt.Chart(tables.few(pieces)).mark_rule(color=style.NEUTRAL, strokeDash=[5, 4], strokeWidth=1.6)
    charts = [one.encode(x=alt.X("one:Q", **x_axis), y=alt.Y("top:Q", **y_axis), y2=alt.Y2("base:Q"))]
    if drawn.size:
        points = {"group": tables.texts(named, drawn), "ratio": ratio[drawn], "low": ends[0], "high": ends[1]}
        base = alt.Chart(tables.few(points | {"text": words.take(drawn), "y": height[drawn]}))
        tip = style.tip(("group", "group"), ("ratio", "times faster", style.NUMBER), ("text", "ratio and interval"))
        interval = base.mark_rule(strokeWidth=3)
        charts.append(interval.encode(x=alt.X("low:Q", **x_axis), x2=alt.X2("high:Q"), y=y, color=colour))
        dots = base.mark_point(filled=True, size=110, opacity=1)
        charts.append(dots.encode(x=alt.X("ratio:Q", **x_axis), y=y, color=colour, tooltip=tip))
    if len(rest := np.flatnonzero(~has_point)):
        said = alt.Chart(tables.few({"text": words.take(rest), "y": height[rest]}))
        said = said.mark_text(align="left", color=style.NEUTRAL, fontSize=12, limit=alt.ExprRef("width"))
        charts.append(said.encode(x=style.at(2), y=y, text=alt.Text("text:N")))
    notes = [word if point else "" for word, point in zip(words, has_point, strict=True)]
    names = {"group": named, "note": notes}
    charts += style.row_names(names, y_axis, room=140 if drawn.size else 4, groups=groups)
    subtitle = f"{'ratio' if np.isnan(low).all() else 'ratio of medians, 95 % interval'}; dashed: baseline{cut}"
    return style.layered(charts, title, subtitle, style.row_height(len(named)), said=style.read_out(named, words))


def rate_grid(runs: pd.DataFrame, *, quantity: str = "updates_to_target", groups: Sequence[str] = ()) -> alt.LayerChart:
    """How the outcome depends on the learning rate: median over seeds, a line for each set of other settings.

    A median that is lost to runs that did not reach the target, or diverged, is a cross at the upper edge.

    Args:
        quantity: one of FINALS.
        groups: the run groups of which any makes a line be drawn, at all of its rates; none stands for all.
    """
    labels, group = _settings(runs)
    names, line = tables.named(pd.array(labels, dtype="str"))
    line = line[group]
    wanted = line[tables.places(runs["group"], groups) >= 0] if groups else line
    own = np.flatnonzero(np.isin(line, wanted))
    rates, rate = np.unique(runs["learning_rate"].to_numpy()[own], return_inverse=True)
    first, found = summary.quartiles(
        line[own] * len(rates) + rate, runs[quantity].to_numpy()[own],
        -np.inf if quantity.endswith("accuracy") else np.inf,
    )  # fmt: skip
    medians = {"group": pd.array(names, dtype="str").take(line[own][first]), "learning_rate": rates[rate[first]]}
    among, shown = (tuple(names[place] for place in pd.unique(lines).tolist()) for lines in (line, line[own]))
    return rate_curves(medians | found, groups=style.Chosen(shown, among), quantity=quantity)


def rate_curves(medians: curves.Table, *, groups: Sequence[str], quantity: str) -> alt.LayerChart:
    """The same of medians that are known.

    Args:
        medians: columns group, learning_rate, low, median, high, finite (runs with a value), runs and, where the best
            rates are to be marked, best (true or false).
        groups: the names of the lines, in order.
        quantity: one of FINALS.
    """
    meaning = FINALS[quantity]
    title = f"{meaning.capitalize()} by learning rate"
    x_title = "learning rate"
    accuracy = quantity.endswith("accuracy")
    own = _at_rates(medians, groups)
    at_once = quantity.endswith("to_target") and bool((own["low"] == 0).any() or (own["median"] == 0).any())
    kind: style.Kind = "share" if accuracy else "symlog" if at_once else "log"
    log = kind == "log"
    if not len(rates := np.unique(own["learning_rate"])):
        return style.blank(title, x_title, meaning)
    reached = tables.rows_of(own, tables.drawable(own["median"], log))
    bands = tables.rows_of(reached, tables.drawable(reached["low"], log) & tables.drawable(reached["high"]))
    lost = tables.rows_of(own, ~np.isfinite(own["median"]))
    x_axis = alt.X("learning_rate:Q", **style.position(x_title, rates, "log", rates.tolist()))
    ends = np.concatenate([reached["median"], bands["low"], bands["high"]])
    if len(lost["group"]) and ends.size and not accuracy:
        least = max(ends.min(), 1.0) if at_once else ends.min()
        ends = np.append(ends, ends.max() * max((ends.max() / least) ** 0.25, 1.5))  # room above for the crosses
    y_axis = style.position(meaning, ends, kind)
    low, high = y_axis["scale"].domain
    band = pa.array(tables.interval_text(reached["low"], reached["high"]), pa.large_string())
    rows = _named(reached, groups, "learning_rate", "median", "finite", "runs").add_column(3, "band", band)
    colour, dash, pick = style.group_colour(groups), style.group_dash(groups), style.pick_group(groups)
    y = alt.Y("median:Q", **y_axis)
    tip = style.tip(
        ("group", "runs of"), ("learning_rate", "learning rate", style.NUMBER), ("median", "median", style.NUMBER),
        ("band", "25-75 % of runs"), ("finite", "runs with a value", "d"), ("runs", "of runs", "d"),
    )  # fmt: skip
    base = alt.Chart(rows).encode(x=x_axis, y=y, color=colour, opacity=style.faded(pick))
    charts = [base.mark_line(strokeWidth=2).encode(strokeDash=dash)]
    interval = alt.Chart(_named(bands, groups, "learning_rate", "low", "high")).mark_rule(strokeWidth=2)
    y_low = alt.Y("low:Q", **y_axis)
    charts.append(interval.encode(x=x_axis, y=y_low, y2=alt.Y2("high:Q"), color=colour, opacity=style.faded(pick, 0.6)))
    dots = base.mark_point(filled=True, size=70).encode(tooltip=tip)
    charts.append(dots)
    best = tables.rows_of(reached, reached["best"])
    if len(best["group"]):
        ring = alt.Chart(_named(best, groups, "learning_rate", "median")).mark_point(size=260, strokeWidth=2.2)
        charts.insert(0, ring.encode(x=x_axis, y=y, color=colour, opacity=style.faded(pick)))
    if len(lost["group"]):
        edge = _edge(lost["learning_rate"], 1.0 if at_once else low, high, accuracy)
        cross, y = _no_median(lost, edge, groups), alt.Y("edge:Q", **y_axis)
        charts.append(cross.encode(x=x_axis, y=y, color=colour, opacity=style.faded(pick)))
    one = own["runs"].max() == 1
    subtitle = f"{curves.ONE_RUN}; cross: no value" if one else "25-75 % of the runs; cross: too few runs for a median"
    subtitle += "; ring: best rate" if len(best["group"]) else ""
    said = _said(tables.in_place(reached, groups), accuracy)
    return style.layered(charts, title, subtitle, curves.HEIGHT, pick, told=dots, said=said)


def _at_rates(medians: curves.Table, groups: Sequence[str]) -> tables.Columns:
    """The medians of these lines that have a place along the axis; in the column "group" is the number of the line."""
    columns = ("learning_rate", "low", "median", "high", "finite", "runs")
    own = {"group": tables.places(medians["group"], groups), **{name: np.asarray(medians[name]) for name in columns}}
    own["best"] = np.asarray(medians["best"] if "best" in medians else np.zeros(len(own["group"])), np.bool_)
    return tables.rows_of(own, (own["group"] >= 0) & tables.drawable(own["learning_rate"], log=True))


def _named(own: tables.Columns, groups: Sequence[str], *names: str) -> pa.Table:
    """Some columns of what `_at_rates` gives, for a chart."""
    return tables.few(tables.in_place({name: own[name] for name in ("group", *names)}, groups))


def _said(reached: curves.Table, accuracy: bool) -> str:
    whose = "{group}, learning rate {learning_rate:g},"
    ends = style.extremes(reached, "median", whose, text.percent if accuracy else text.number)
    return ends or "No line has a median at any learning rate"


def _no_median(lost: tables.Columns, edge: NDArray[np.float64], groups: Sequence[str]) -> alt.Chart:
    """A cross for each median that is lost, at the heights `edge`, with how many runs have a value."""
    words = [
        f"{finite} of {text.count(total, 'run')} {text.verb(finite, 'has', 'have')} a value"
        for finite, total in zip(lost["finite"].tolist(), lost["runs"].tolist(), strict=True)
    ]
    rows = _named(lost, groups, "learning_rate").append_column("edge", pa.array(edge))
    cross = alt.Chart(rows.append_column("text", pa.array(words, pa.large_string())))
    tip = style.tip(("group", "runs of"), ("learning_rate", "learning rate", style.NUMBER), ("text", "no median"))
    marks: alt.Chart = cross.mark_point(shape=style.CROSS, size=60, strokeWidth=2).encode(tooltip=tip)
    return marks


def _edge(rates: NDArray[np.float64], low: float, high: float, accuracy: bool) -> NDArray[np.float64]:
    """Heights at the worse end of the axis, those of one learning rate below each other."""
    order = np.argsort(rates, kind="stable")
    place = np.empty(len(rates))
    place[order] = np.arange(len(rates)) - np.searchsorted(rates[order], rates[order])
    step = place * min(0.04, 0.16 / max(place.max(), 1.0))
    found: NDArray[np.float64] = low + step * (high - low) if accuracy else high * (low / high) ** step
    return found


def _strip(
    rows: NDArray[np.int64], place: NDArray[np.int64], at: NDArray[np.float64], run: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Every run's height within its row: by turns up and down, so that equal runs lie beside each other.

    Args:
        rows: the numbers of the runs, as many of which are drawn as there is room for.
        place: of each of them, which row of the chart it is in, from 0.
        at: of every run of the table, where it stands along that row.
        run: of every run of the table, its number.
    """
    order = np.lexsort((run[rows], at[rows], place))
    rows, place = rows[order], place[order]
    within = np.arange(len(rows)) - np.searchsorted(place, place)
    height = place + 0.68 + (within % 5 - 2) * 0.085
    shown = within < max(1, STRIP_ROWS // (int(place[-1]) + 1))
    return rows[shown], height[shown]


def _reached_text(reached: int, runs: int, median: float) -> str:
    share = f"{reached:.0f}/{runs:.0f}"
    return f"{share}, median {text.amount(median)}" if np.isfinite(median) else f"{share} reached"


def _settings(runs: pd.DataFrame) -> tuple[list[str], NDArray[np.int64]]:
    """A label of each group from the settings that vary but the learning rate, and the place of each run's group."""
    _, group = tables.named(runs["group"])
    _, first = np.unique(group, return_index=True)
    columns = {name: values.to_numpy().tolist() for name, values in tables.taken(runs, SETTINGS, first).items()}
    varying = [name for name, values in columns.items() if len(set(values)) > 1]
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [label(row, varying) for row in rows], group
