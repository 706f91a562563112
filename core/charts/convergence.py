"""Charts of convergence: learning curves, who reached the target when, and how much faster."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core import text
from core.charts import curves, style, tables
from core.charts.picture import arrow
from core.experiment.experiment import label
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
    table = tables.masked(survival[survival["group"].isin(groups)], ["update", "reached", "at_risk"])[0]
    if table.empty:
        return style.blank(title, x_title, y_title)
    limit = max(2, STEP_ROWS // len(groups))
    parts = []
    for _, part in table.sort_values("update", kind="stable").groupby("group", sort=False):
        parts.append(part.iloc[tables.thin(np.arange(len(part)), limit)])
    table = pd.concat(parts)[["group", "update", "reached", "at_risk"]]
    x_axis = alt.X("update:Q", **style.position(x_title, table["update"], "symlog" if log_x else "count"))
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
    behind = style.halo(arrow(table[["group", "update", "reached"]]), groups, steps=True, x=x_axis, y=y_axis)
    subtitle = "share that has reached the target so far"
    said = style.extremes(table.groupby("group", sort=False).tail(1), "reached", "{group}", text.percent)
    return style.layered([*behind, line, dots], title, subtitle, 300, pick, pick_on=len(behind), told=dots, said=said)


def updates_to_target(runs: pd.DataFrame, *, groups: Sequence[str]) -> alt.LayerChart:
    """Updates to target of every run, a row for each group: dots, with a tick at the median.

    Runs that did not reach the target are open triangles at their last update, those that diverged first crosses; the
    median counts both as later than any other.

    Args:
        runs: the runs table with a column outcome (`core.results.convergence.outcomes`).
        groups: the experiment's groups, in its order; rows are drawn for those that `runs` holds.
    """
    column = "updates_to_target"
    title = "Updates to target, run by run"
    x_title, y_title = "weight updates to target", "run group"
    table = runs[runs["group"].isin(groups)]
    table = table.assign(at=table[column].fillna(table["last_update"]))
    table = tables.masked(table, ["at"])[0]
    if table.empty:
        return style.blank(title, x_title, y_title)
    medians = tables.spread(table, ["group"], column, np.inf).set_index("group")
    named, cut = style.shown(groups, table)
    table = table[table["group"].isin(named)]
    place = {group: i for i, group in enumerate(named)}
    notes = [_reached_text(*medians.loc[group, ["finite", "runs", "median"]]) for group in named]
    names = pd.DataFrame({"group": named, "note": notes})
    dots = _strip(table.assign(place=table["group"].map(place)))
    ticks = pd.DataFrame({"group": named, "at": [medians["median"][group] for group in named]})
    ticks = ticks.assign(top=np.arange(len(named)) + 0.42, base=np.arange(len(named)) + 0.94)
    ticks = tables.masked(ticks, ["at"])[0]

    kind: style.Kind = "log" if float(dots["at"].min()) > 0 else "symlog"
    x_axis = style.position(x_title, dots["at"], kind)
    y_axis = style.row_axis(y_title, len(named))
    present = set(dots["outcome"])
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
    points = alt.Chart(dots[["group", "seed", "outcome", "at", "y"]]).mark_point(size=64, strokeWidth=1.8)
    x = alt.X("at:Q", **x_axis)
    charts = [points.encode(x=x, y=alt.Y("y:Q", **y_axis), color=colour, shape=shape, tooltip=tip)]
    if not ticks.empty:
        tick = alt.Chart(ticks).mark_rule(strokeWidth=4)
        charts.append(tick.encode(x=x, y=alt.Y("top:Q", **y_axis), y2=alt.Y2("base:Q"), color=colour))
    charts += style.row_names(names, y_axis, room=115, groups=groups)
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
    table = table.set_index("group").loc[named].reset_index()
    table["y"] = np.arange(len(named)) + 0.7
    drawn = tables.masked(table, ["ratio"], log=["ratio"])[0]
    finite = drawn[["ratio", "low", "high"]].to_numpy(dtype=np.float64).ravel()
    x_axis = style.position(x_title, np.concatenate([finite, [0.5, 2.0]]), "log")
    first, last = x_axis["scale"].domain
    drawn = drawn.assign(low=drawn["low"].fillna(drawn["ratio"]).clip(first, last))
    drawn = drawn.assign(high=drawn["high"].fillna(drawn["ratio"]).clip(first, last))
    y_axis, colour = style.row_axis(y_title, len(named)), colour or style.row_colour(groups)
    y = alt.Y("y:Q", **y_axis)
    has_point = table["group"].isin(drawn["group"])
    names = pd.DataFrame({"group": named, "note": table["text"].where(has_point, "")})

    # Piece by piece, so that it crosses neither the groups' names nor what stands in place of a point.
    pieces = pd.DataFrame({"one": 1.0, "top": drawn["y"] - 0.28, "base": drawn["y"] + 0.28})
    one = alt.Chart(pieces).mark_rule(color=style.NEUTRAL, strokeDash=[5, 4], strokeWidth=1.6)
    charts = [one.encode(x=alt.X("one:Q", **x_axis), y=alt.Y("top:Q", **y_axis), y2=alt.Y2("base:Q"))]
    if not drawn.empty:
        base = alt.Chart(drawn[["group", "ratio", "low", "high", "text", "y"]])
        tip = style.tip(("group", "group"), ("ratio", "times faster", style.NUMBER), ("text", "ratio and interval"))
        interval = base.mark_rule(strokeWidth=3)
        charts.append(interval.encode(x=alt.X("low:Q", **x_axis), x2=alt.X2("high:Q"), y=y, color=colour))
        dots = base.mark_point(filled=True, size=110, opacity=1)
        charts.append(dots.encode(x=alt.X("ratio:Q", **x_axis), y=y, color=colour, tooltip=tip))
    if not has_point.all():
        words = alt.Chart(table.loc[~has_point, ["text", "y"]])
        words = words.mark_text(align="left", color=style.NEUTRAL, fontSize=12, limit=alt.ExprRef("width"))
        charts.append(words.encode(x=style.at(2), y=y, text=alt.Text("text:N")))
    charts += style.row_names(names, y_axis, room=140 if has_point.any() else 4, groups=groups)
    return style.layered(
        charts,
        title,
        f"{'ratio of medians, 95 % interval' if table['low'].notna().any() else 'ratio'}; dashed: baseline{cut}",
        style.row_height(len(named)),
        said=style.read_out(named, table["text"]),
    )


def rate_grid(runs: pd.DataFrame, *, quantity: str = "updates_to_target", groups: Sequence[str] = ()) -> alt.LayerChart:
    """How the outcome depends on the learning rate: median over seeds, a line for each set of other settings.

    A median that is lost to runs that did not reach the target, or diverged, is a cross at the upper edge.

    Args:
        quantity: one of FINALS.
        groups: the run groups of which any makes a line be drawn, at all of its rates; none stands for all.
    """
    settings = _settings(runs)
    table = runs.assign(group=settings)
    shown = set(settings[runs["group"].isin(groups)] if groups else settings)
    medians = tables.spread(
        table[table["group"].isin(shown)], ["group", "learning_rate"], quantity,
        -np.inf if quantity.endswith("accuracy") else np.inf,
    )  # fmt: skip
    among = tuple(dict.fromkeys(settings))
    return rate_curves(
        medians, groups=style.Chosen(tuple(name for name in among if name in shown), among), quantity=quantity
    )


def rate_curves(medians: pd.DataFrame, *, groups: Sequence[str], quantity: str) -> alt.LayerChart:
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
    medians = medians[medians["group"].isin(groups)]
    medians = tables.masked(medians, ["learning_rate"], log=["learning_rate"])[0]
    at_once = quantity.endswith("to_target") and bool((medians[["low", "median"]] == 0).any(axis=None))
    kind: style.Kind = "share" if accuracy else "symlog" if at_once else "log"
    log = kind == "log"
    reached = tables.masked(medians, ["median"], log=["median"] if log else [])[0]
    if medians.empty:
        return style.blank(title, x_title, meaning)
    bands = tables.masked(reached, ["low", "high"], log=["low"] if log else [])[0]
    x_axis = alt.X(
        "learning_rate:Q",
        **style.position(x_title, medians["learning_rate"], "log", sorted(medians["learning_rate"].unique().tolist())),
    )
    lost = medians[~np.isfinite(medians["median"])].copy()
    ends = np.concatenate([reached["median"], bands["low"], bands["high"]])
    if not lost.empty and ends.size and not accuracy:
        least = max(ends.min(), 1.0) if at_once else ends.min()
        ends = np.append(ends, ends.max() * max((ends.max() / least) ** 0.25, 1.5))  # room above for the crosses
    y_axis = style.position(meaning, ends, kind)
    low, high = y_axis["scale"].domain
    lost["edge"] = _edge(lost, 1.0 if at_once else low, high, accuracy)
    reached = reached.assign(band=tables.interval_text(reached["low"], reached["high"]))
    colour, dash, pick = style.group_colour(groups), style.group_dash(groups), style.pick_group(groups)
    base = alt.Chart(reached[["group", "learning_rate", "median", "band", "finite", "runs"]])
    y = alt.Y("median:Q", **y_axis)
    tip = style.tip(
        ("group", "runs of"), ("learning_rate", "learning rate", style.NUMBER), ("median", "median", style.NUMBER),
        ("band", "25-75 % of runs"), ("finite", "runs with a value", "d"), ("runs", "of runs", "d"),
    )  # fmt: skip
    base = base.encode(x=x_axis, y=y, color=colour, opacity=style.faded(pick))
    charts = [base.mark_line(strokeWidth=2).encode(strokeDash=dash)]
    interval = alt.Chart(bands[["group", "learning_rate", "low", "high"]]).mark_rule(strokeWidth=2)
    y_low = alt.Y("low:Q", **y_axis)
    charts.append(interval.encode(x=x_axis, y=y_low, y2=alt.Y2("high:Q"), color=colour, opacity=style.faded(pick, 0.6)))
    dots = base.mark_point(filled=True, size=70).encode(tooltip=tip)
    charts.append(dots)
    best = reached[reached["best"]] if "best" in reached else reached.iloc[:0]
    if not best.empty:
        ring = alt.Chart(best[["group", "learning_rate", "median"]]).mark_point(size=260, strokeWidth=2.2)
        charts.insert(0, ring.encode(x=x_axis, y=y, color=colour, opacity=style.faded(pick)))
    if not lost.empty:
        edge = alt.Y("edge:Q", **y_axis)
        charts.append(_no_median(lost).encode(x=x_axis, y=edge, color=colour, opacity=style.faded(pick)))
    one = medians["runs"].max() == 1
    subtitle = f"{curves.ONE_RUN}; cross: no value" if one else "25-75 % of the runs; cross: too few runs for a median"
    subtitle += "" if best.empty else "; ring: best rate"
    return style.layered(charts, title, subtitle, curves.HEIGHT, pick, told=dots, said=_said(reached, accuracy))


def _said(reached: pd.DataFrame, accuracy: bool) -> str:
    whose = "{group}, learning rate {learning_rate:g},"
    ends = style.extremes(reached, "median", whose, text.percent if accuracy else text.number)
    return ends or "No line has a median at any learning rate"


def _no_median(lost: pd.DataFrame) -> alt.Chart:
    """A cross for each median that is lost, with how many runs have a value."""
    words = [
        f"{finite} of {text.count(total, 'run')} {text.verb(finite, 'has', 'have')} a value"
        for finite, total in zip(lost["finite"], lost["runs"], strict=True)
    ]
    cross = alt.Chart(lost[["group", "learning_rate", "edge"]].assign(text=words))
    tip = style.tip(("group", "runs of"), ("learning_rate", "learning rate", style.NUMBER), ("text", "no median"))
    marks: alt.Chart = cross.mark_point(shape=style.CROSS, size=60, strokeWidth=2).encode(tooltip=tip)
    return marks


def _edge(lost: pd.DataFrame, low: float, high: float, accuracy: bool) -> pd.Series:
    """Heights at the worse end of the axis, those of one learning rate below each other."""
    place = lost.groupby("learning_rate").cumcount()
    step = place * min(0.04, 0.16 / max(int(place.max()), 1)) if len(place) else place
    return low + step * (high - low) if accuracy else high * (low / high) ** step


def _strip(table: pd.DataFrame) -> pd.DataFrame:
    """Every run's height within its row: by turns up and down, so that equal runs lie beside each other."""
    each = max(1, STRIP_ROWS // table["group"].nunique())
    table = table.sort_values(["place", "at", "run"], kind="stable")
    order = table.groupby("group", sort=False).cumcount()
    table = table.assign(y=table["place"] + 0.68 + (order % 5 - 2) * 0.085)
    return table[order < each]


def _reached_text(reached: int, runs: int, median: float) -> str:
    share = f"{reached:.0f}/{runs:.0f}"
    return f"{share}, median {text.amount(median)}" if np.isfinite(median) else f"{share} reached"


def _settings(runs: pd.DataFrame) -> pd.Series:
    """A label of every run from the settings that vary, the learning rate left out."""
    groups = runs.drop_duplicates("group")
    varying = [name for name in SETTINGS if groups[name].nunique() > 1]
    labels = [label(row, varying) for row in groups[SETTINGS].to_dict("records")]
    return runs["group"].map(dict(zip(groups["group"], labels, strict=True)))
