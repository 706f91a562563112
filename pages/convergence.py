"""Convergence: learning curves, who reached the target when, and how much faster than a baseline."""

import streamlit as st

from core import charts, convergence, findings
from core.experiment import VARIED
from pages.parts import chart, lens, view
from pages.parts.shown import Shown

SETS = {"training": "train", "test": "test"}
WIDE = 1e4  # times the least loss: more than a linear axis can show
SLOWEST = "slowest that reached it"


def _page(shown: Shown) -> None:
    lens.finding(shown, findings.convergence)
    experiment, groups, runs, epochs = shown.experiment, shown.groups, shown.result.runs, shown.result.epochs
    target, _, goal = experiment.target.partition(":")

    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = SETS[view.buttons("measure", "Measured on", list(SETS), "training")]
        x = view.buttons("x", "Time in", ["epoch", "update"], "epoch")
        log_x = view.flag("log_x", "Logarithmic time")
        log_y = view.flag("log_y", "Logarithmic loss")
        raw_runs = view.flag("runs", "Every run")
    smooth = view.step("smoothing", "Smoothing (recorded points)", (1, 3, 5, 9, 15), 1)
    axes = {"groups": groups, "x": x, "log_x": log_x, "raw_runs": raw_runs, "smooth": smooth}
    left, right = st.columns(2)
    for column, quantity, log in ((left, f"{which}_loss", log_y), (right, f"{which}_accuracy", False)):
        with column:
            level = float(goal) if quantity == target else None
            chart.show(
                shown, quantity, charts.learning_curves, epochs, quantity=quantity, log_y=log, target=level, **axes
            )
    chart.show(shown, "gradient_norm", charts.learning_curves, epochs, quantity="gradient_norm", log_y=True, **axes)
    losses = charts.masked(epochs, [f"{which}_loss"], log=[f"{which}_loss"])[0][f"{which}_loss"]
    if not log_y and len(losses) and losses.max() > WIDE * losses.min():
        st.caption("The losses are far apart: Logarithmic loss shows them all.")
    masked = charts.masked(epochs, [f"{which}_loss"], log=[f"{which}_loss"] if log_y else [])[1]
    st.caption(
        "Median and 25-75 % of the runs of each group; a diverged run counts as worse than all others. "
        + (f"{masked} points are not finite (or not positive) and have no place on these axes." if masked else "")
    )

    st.subheader("How many runs reach the target, and when?")
    chart.show(shown, "share_reached", charts.share_reached, convergence.survival(runs), groups=groups, log_x=log_x)
    chart.show(shown, "updates_to_target", charts.updates_to_target, runs, groups=groups)
    st.caption(
        f"Target: {findings.target_text(experiment.target)}, looked at wherever training was recorded. "
        "A run that has not reached it is censored at its last update: it counts as later than any other, and is "
        "neither dropped nor taken to have reached it there."
    )

    st.subheader("How much faster?")
    medians = convergence.median_updates(runs)
    reached = medians[medians < float("inf")]
    slowest = str(reached.idxmax()) if len(reached) else groups[0]
    chosen = view.choice("baseline", "Compared with", [SLOWEST, *groups], SLOWEST)
    baseline = slowest if chosen == SLOWEST else chosen
    if reached.empty:
        st.caption("In no group have more than half of the runs reached the target: there is nothing to compare.")
    elif baseline in medians.index:
        table = convergence.speed_up(runs, baseline)
        chart.show(shown, "speed_up", charts.speed_up, table, groups=groups, title=f"Speed-up over {baseline}")
    st.caption(
        "How many times fewer updates the median run takes than that of the baseline; the interval is a bootstrap over "
        "paired seeds."
        + (
            ""
            if len(experiment.learning_rate) > 1
            else " One learning rate is not a fair comparison: with several in the form, each group has its best."
        )
    )
    if len(experiment.learning_rate) > 1:
        st.subheader("Which learning rate is each one's best?")
        chart.show(shown, "rate_grid", charts.rate_grid, runs)
        best = convergence.best_rates(runs).drop_duplicates("group")
        st.dataframe(best[list(VARIED)], key="best_rates", hide_index=True)


lens.show("Who learns faster?", _page)
