"""Convergence: learning curves, who reached the target when, and how much faster than a baseline."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core import charts, convergence, findings, text
from pages.parts import chart, lens, notices, view
from pages.parts.shown import Shown

SETS = {"training": "train", "test": "test"}
WIDE = 1e4  # times the least loss: more than a linear axis can show
SLOWEST = "slowest group that reached the target"


def _page(shown: Shown) -> None:
    lens.finding(shown, findings.convergence)
    lens.part(shown, lambda: _curves(shown))
    st.subheader("How much faster?")
    lens.part(shown, lambda: _speed_up(shown))
    if len(shown.experiment.learning_rate) > 1:
        runs = shown.result.runs
        st.subheader("Which learning rate is each one's best?")
        chart.show(shown, "rate_grid", charts.rate_grid, lambda: runs)
        best = shown.once("best_rates", lambda: convergence.best_rates(runs))
        varying = [name for name in convergence.SETTINGS if len(getattr(shown.experiment, name)) > 1]
        columns = [*(varying or ["activation", "initialiser"]), *_BEST]
        st.dataframe(best, key="best_rates", hide_index=True, column_config=_BEST, column_order=columns)
        st.caption(
            "Best is the lowest median of updates to target. Rates that are equal to the recorded step are told apart "
            "by their final training loss, and so are those at which no more than half of the runs reached the target."
        )


def _curves(shown: Shown) -> None:
    experiment, groups, runs = shown.experiment, shown.groups, shown.result.runs
    target, _, goal = experiment.target.partition(":")

    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = SETS[view.buttons("measure", "Measured on", list(SETS), "training")]
        x = view.buttons("x", "Time in", ["epoch", "update"], "epoch")
        log_x = view.flag("log_x", "Logarithmic time")
        log_y = view.flag("log_y", "Logarithmic loss")
        raw_runs = view.flag("runs", "Every run")
    smooth = view.step("smoothing", "Smoothing (recorded points)", (1, 3, 5, 9, 15), 1)
    axes: dict[str, Any] = {"groups": groups, "x": x, "log_x": log_x, "raw_runs": raw_runs, "smooth": smooth}
    curves = partial(
        chart.show, shown, draw=charts.learning_curves, rows=lambda: convergence.with_diverged(shown.result), **axes
    )
    left, right = st.columns(2)
    for column, quantity, log in ((left, f"{which}_loss", log_y), (right, f"{which}_accuracy", False)):
        with column:
            level = float(goal) if quantity == target else None
            curves(name=quantity, quantity=quantity, log_y=log, target=level)
    if experiment.statistics == "full":
        curves(name="gradient_norm", quantity="gradient_norm", log_y=True)
    else:
        st.caption("The length of the gradient was not measured: that takes full statistics.")
    far_apart, masked = shown.once(
        f"masked {which} {log_y}", lambda: _masked(shown.result.epochs, f"{which}_loss", log_y)
    )
    if far_apart:
        st.caption("The losses are far apart: Logarithmic loss shows them all.")
    st.caption(
        "Median and 25-75 % of the runs of each group; a run counts as worse than all others from where it diverged. "
        + (f"{text.count(masked, 'point')} {_no_place(masked)}" if masked else "")
    )
    if exploded := shown.once(f"exploded {shown.final}", lambda: convergence.exploded_text(shown.result, shown.final)):
        st.caption(notices.escaped(exploded))

    st.subheader("How many runs reach the target, and when?")
    chart.show(
        shown, "share_reached", charts.share_reached, lambda: convergence.survival(runs), groups=groups, log_x=log_x
    )
    chart.show(shown, "updates_to_target", charts.updates_to_target, lambda: _with_outcomes(shown), groups=groups)
    st.caption(
        f"Target: {findings.target_text(experiment.target)}, looked at wherever training was recorded. A run that "
        "stopped before reaching the target still counts, as slower than every run that did: in the share it counts up "
        "to its last update (the Kaplan-Meier estimate). A run that diverged first never reaches the target, and stays "
        "in the count."
    )


def _speed_up(shown: Shown) -> None:
    groups, runs = shown.groups, shown.result.runs
    medians = shown.once("median_updates", lambda: convergence.median_updates(runs))
    reached = medians[medians < float("inf")]
    slowest = str(reached.idxmax()) if len(reached) else groups[0]
    chosen = view.choice("baseline", "Compared with", [SLOWEST, *groups], SLOWEST)
    baseline = slowest if chosen == SLOWEST else chosen
    if reached.empty:
        st.caption(f"{_why_not(runs)}: there is nothing to compare.")
    elif len(groups) == 1:
        st.caption("There is one group only: nothing to compare it with.")
    elif baseline in medians.index:
        chart.show(
            shown, "speed_up", charts.speed_up, lambda: convergence.speed_up(runs, baseline),
            groups=groups, title=f"Speed-up over {baseline}",
        )  # fmt: skip
        st.caption(
            "How many times fewer updates the median run takes than that of the baseline"
            + ("; the interval is a bootstrap over paired seeds." if shown.experiment.seeds > 1 else ".")
            + (" One seed shows no chance: there is no interval." if shown.experiment.seeds == 1 else "")
            + (" All of these groups had reached the target before any training." if reached.eq(0).all() else "")
            + (
                ""
                if len(shown.experiment.learning_rate) > 1
                else " One learning rate is not a fair comparison: another one may suit a group better."
            )
        )


def _why_not(runs: pd.DataFrame) -> str:
    """Why no group has a median of updates to target."""
    n, some = len(runs), int(runs["updates_to_target"].notna().sum())
    if runs["status"].eq("diverged").all():
        return f"All {n} runs diverged" if n > 1 else "The run diverged"
    if some == 0:
        return "No run has reached the target"
    return (
        f"In no group have more than half of the runs reached the target ({text.count(some, 'run')} of {n:,} "
        f"{text.verb(some, 'has', 'have')})"
    )


def _with_outcomes(shown: Shown) -> pd.DataFrame:
    return shown.result.runs.assign(outcome=convergence.outcomes(shown.result, shown.final))


def _no_place(n: int) -> str:
    return f"{text.verb(n, 'is', 'are')} not finite (or not positive) and {text.verb(n, 'has', 'have')} no place here."


def _masked(epochs: pd.DataFrame, loss: str, log: bool) -> tuple[bool, int]:
    """Whether the losses are too far apart for the axis, and how many points have no place on it."""
    losses = charts.masked(epochs, [loss], log=[loss])[0][loss]
    far_apart = not log and len(losses) > 0 and losses.max() > WIDE * losses.min()
    return bool(far_apart), charts.masked(epochs, [loss], log=[loss] if log else [])[1]


_BEST = {
    "learning_rate": st.column_config.NumberColumn("best learning rate", format="%.6g", help="Empty: there is none"),
    "note": st.column_config.Column("what to know of it"),
    "updates_to_target": st.column_config.NumberColumn("median updates", format="%.6g"),
    "final_train_loss": st.column_config.NumberColumn("median final training loss", format="%.4g"),
}

lens.show("Who learns faster?", _page)
