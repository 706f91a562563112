"""Convergence: learning curves, who reached the target when, and how much faster than a baseline."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core import charts, convergence, findings
from core.experiment import VARIED
from pages.parts import chart, lens, view
from pages.parts.catalogue import Convergence
from pages.parts.shown import Shown, once

SETS = {"training": "train", "test": "test"}
WIDE = 1e4  # times the least loss: more than a linear axis can show


def _page(shown: Shown) -> None:
    lens.finding(shown, findings.convergence)
    lens.part(shown, lambda: _curves(shown))
    st.subheader("How much faster?")
    lens.part(shown, lambda: _speed_up(shown))
    if len(shown.experiment.learning_rate) > 1:
        st.subheader("Which learning rate is each one's best?")
        chart.show("rate_grid", charts.rate_grid, shown.runs)
        best = once(_best_rates, shown)
        st.dataframe(best[list(VARIED)], key="best_rates", hide_index=True)


def _curves(shown: Shown) -> None:
    experiment, groups = shown.experiment, shown.groups
    target, _, goal = experiment.target.partition(":")

    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = SETS[view.place(Convergence.measure)]
        x = view.place(Convergence.x)
        log_x = view.place(Convergence.log_x)
        log_y = view.place(Convergence.log_y)
        raw_runs = view.place(Convergence.runs)
    smooth = view.place(Convergence.smoothing)
    axes: dict[str, Any] = {"groups": groups, "x": x, "log_x": log_x, "raw_runs": raw_runs, "smooth": smooth}
    curves = partial(chart.show, draw=charts.learning_curves, rows=shown.epochs, **axes)
    left, right = st.columns(2)
    for column, quantity, log in ((left, f"{which}_loss", log_y), (right, f"{which}_accuracy", False)):
        with column:
            level = float(goal) if quantity == target else None
            curves(name=quantity, quantity=quantity, log_y=log, target=level)
    curves(name="gradient_norm", quantity="gradient_norm", log_y=True)
    far_apart, masked = once(_masked, shown, f"{which}_loss", log_y)
    if far_apart:
        st.caption("The losses are far apart: Logarithmic loss shows them all.")
    st.caption(
        "Median and 25-75 % of the runs of each group; a diverged run counts as worse than all others. "
        + (f"{masked} points are not finite (or not positive) and have no place on these axes." if masked else "")
    )

    st.subheader("How many runs reach the target, and when?")
    chart.show("share_reached", charts.share_reached, partial(_survival, shown), groups=groups, log_x=log_x)
    chart.show("updates_to_target", charts.updates_to_target, shown.runs, groups=groups)
    st.caption(
        f"Target: {findings.target_text(experiment.target)}, looked at wherever training was recorded. "
        "A run that has not reached it is censored at its last update: it counts as later than any other, and is "
        "neither dropped nor taken to have reached it there."
    )


def _speed_up(shown: Shown) -> None:
    groups = shown.groups
    medians = once(_median_updates, shown)
    reached = medians[medians < float("inf")]
    slowest = str(reached.idxmax()) if len(reached) else groups[0]
    chosen = view.place(Convergence.baseline)
    baseline = slowest if chosen == Convergence.SLOWEST else chosen
    if reached.empty:
        st.caption("In no group have more than half of the runs reached the target: there is nothing to compare.")
    elif baseline in medians.index:
        chart.show(
            "speed_up", charts.speed_up, partial(_speed_ups, shown, baseline),
            groups=groups, title=f"Speed-up over {baseline}",
        )  # fmt: skip
    st.caption(
        "How many times fewer updates the median run takes than that of the baseline; the interval is a bootstrap over "
        "paired seeds."
        + (
            ""
            if len(shown.experiment.learning_rate) > 1
            else " One learning rate is not a fair comparison: with several in the form, each group has its best."
        )
    )


def _survival(shown: Shown) -> pd.DataFrame:
    return convergence.survival(shown.runs())


def _median_updates(shown: Shown) -> pd.Series:
    return convergence.median_updates(shown.runs())


def _speed_ups(shown: Shown, baseline: str) -> pd.DataFrame:
    return convergence.speed_up(shown.runs(), baseline)


def _best_rates(shown: Shown) -> pd.DataFrame:
    return convergence.best_rates(shown.runs()).drop_duplicates("group")


def _masked(shown: Shown, loss: str, log: bool) -> tuple[bool, int]:
    """Whether the losses are too far apart for the axis, and how many points have no place on it."""
    epochs = shown.epochs()
    losses = charts.masked(epochs, [loss], log=[loss])[0][loss]
    far_apart = not log and len(losses) > 0 and losses.max() > WIDE * losses.min()
    return bool(far_apart), charts.masked(epochs, [loss], log=[loss] if log else [])[1]


lens.show("Who learns faster?", _page)
