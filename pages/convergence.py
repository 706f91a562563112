"""Convergence: learning curves, who reached the target when, and how much faster than a baseline."""

import math
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core import text
from core.charts import convergence as charts
from core.charts.style import Chosen
from core.charts.tables import masked, spread
from core.experiment.experiment import NAMING
from core.lessons import findings
from core.results import convergence
from core.results.report import report
from pages.parts import chart, lens, notices, view
from pages.parts.catalogue import Convergence
from pages.parts.shown import Shown, once

SETS = {"training": "train", "test": "test"}
SPREAD = "Median and 25-75 % of the runs of each group; a run counts as worse than all others from where it diverged. "
WIDE = 10  # times the least median loss: more than a linear axis can show


def _page(shown: Shown) -> None:
    lens.finding(shown, findings.convergence)
    groups = view.groups(Convergence.groups, shown, Convergence.baseline)
    lens.part(shown, lambda: _curves(shown, groups))
    st.header("How much faster?")
    lens.part(shown, lambda: _speed_up(shown, groups))
    if len(shown.experiment.learning_rate) > 1:
        st.header("Which learning rate is each one's best?")
        chart.draw("rate_grid", charts.rate_grid, shown.runs, groups=groups)
        best = shown.once(report)
        varying = [name for name in shown.experiment.varying() if name != "learning_rate"]
        columns = [*(varying or NAMING), *_BEST]
        st.dataframe(
            best, key="best_rates", hide_index=True, column_config=_BEST, column_order=columns, placeholder=""
        )  # fmt: skip
        st.caption(
            "Best is the lowest median of updates to target. Rates that are equal to the recorded step are told apart "
            "by their final training loss, and so are those at which no more than half of the runs reached the target. "
            "Groups with one place are not told apart by the recorded step."
            + (" The interval of the median is a bootstrap over seeds." if shown.experiment.seeds > 1 else "")
        )


def _curves(shown: Shown, groups: Chosen) -> None:
    experiment = shown.experiment
    target, _, goal = experiment.target.partition(":")

    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = SETS[view.place(Convergence.measure)]
        x = view.place(Convergence.x)
        log_x = view.place(Convergence.log_x)
        log = view.place(Convergence.log_y)
        raw_runs = view.place(Convergence.runs)
    smooth = view.place(Convergence.smoothing)
    axes: dict[str, Any] = {"groups": groups, "x": x, "log_x": log_x, "raw_runs": raw_runs, "smooth": smooth}
    axes["whole"] = log != Convergence.AUTO
    curves = partial(chart.draw, make=charts.learning_curves, **axes)
    if which == "test" and not experiment.tested:
        st.caption("Nothing is kept back for testing here: the curves are those of the training part.")
        which = "train"
    elif which == "test" and experiment.untested:
        st.caption(notices.escaped(f"On {text.listed(experiment.untested)} nothing is kept back for testing."))
    far_apart = once(_far_apart, shown, f"{which}_loss")
    log_y = log == Convergence.ON or (log == Convergence.AUTO and far_apart)
    left, right = st.columns(2)
    for column, quantity, log_axis in ((left, f"{which}_loss", log_y), (right, f"{which}_accuracy", False)):
        with column:
            level = float(goal) if quantity == target else None
            curves(
                name=quantity,
                quantity=quantity,
                log_y=log_axis,
                target=level,
                rows=partial(shown.of, convergence.with_diverged),
            )
    if experiment.statistics == "full":
        rows = partial(shown.of, convergence.with_diverged, within=False)  # it is measured where the layers are
        curves(name="gradient_norm", quantity="gradient_norm", log_y=True, rows=rows)
    else:
        st.caption("The length of the gradient was not measured: that takes full statistics.")
    masked = once(_masked, shown, f"{which}_loss", log_y)
    if far_apart and not log_y:
        st.caption("The losses span more than a decade: a logarithmic axis shows them all.")
    elif far_apart and log == Convergence.AUTO:
        st.caption("An axis ends where single groups would squash all others: *Logarithmic loss* on shows all.")
    st.caption(
        (SPREAD if experiment.seeds > 1 else "Each group has one run. ")
        + (f"{text.count(masked, 'point')} {_no_place(masked)}" if masked else "")
    )
    if exploded := shown.once(convergence.exploded_text, shown.final):
        st.caption(notices.told(exploded))

    st.header("How many runs reach the target, and when?")
    survival = partial(once, shown.of_runs, convergence.survival)
    chart.draw("share_reached", charts.share_reached, survival, groups=groups, log_x=log_x)
    chart.draw("updates_to_target", charts.updates_to_target, partial(_with_outcomes, shown), groups=groups)
    st.caption(
        f"Target: {findings.target_text(experiment.target)}, looked at wherever training was recorded. A run that "
        "stopped before reaching the target still counts, as slower than every run that did: in the share it counts up "
        "to its last update. A run that diverged first never reaches the target, and stays "
        "in the count."
    )


def _speed_up(shown: Shown, groups: Chosen) -> None:
    medians = once(shown.of_runs, convergence.median_updates)
    reached = medians[medians < float("inf")]
    slowest = str(reached.idxmax()) if len(reached) else shown.groups[0]
    chosen = view.value(Convergence.baseline)
    baseline = slowest if chosen == Convergence.SLOWEST else chosen
    if reached.empty:
        st.caption(f"{_why_not(shown.runs())}: there is nothing to compare.")
    elif len(shown.groups) == 1:
        st.caption("There is one group only: nothing to compare it with.")
    elif baseline in medians.index:
        chart.draw(
            "speed_up", charts.speed_up, partial(once, shown.of_runs, convergence.speed_up, baseline),
            groups=groups, title=f"Speed-up over {baseline}",
        )  # fmt: skip
        st.caption(
            "How many times fewer updates the median run takes than that of the baseline"
            + ("; the interval is a bootstrap over paired seeds." if shown.experiment.seeds > 1 else ".")
            + (" With one seed there is no interval." if shown.experiment.seeds == 1 else "")
            + _at_once(shown.runs(), medians)
            + (
                ""
                if len(shown.experiment.learning_rate) > 1
                else " One learning rate is not a fair comparison: another one may suit a group better."
            )
        )


def _at_once(runs: pd.DataFrame, medians: pd.Series) -> str:
    """That no group was faster than another, where all of them met the target before any training; else ""."""
    if runs["updates_to_target"].eq(0).all():
        return " All of these groups had reached the target before any training."
    return " In every group the median run met the target before any training." if medians.eq(0).all() else ""


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
    return shown.runs().assign(outcome=convergence.outcomes(shown.result, shown.final))


def _no_place(n: int) -> str:
    return f"{text.verb(n, 'is', 'are')} not finite (or not positive) and {text.verb(n, 'has', 'have')} no place here."


def _masked(shown: Shown, loss: str, log: bool) -> int:
    """How many points have no place on the axis."""
    return masked(shown.result.epochs, [loss], log=[loss] if log else [])[1]


def _far_apart(shown: Shown, loss: str) -> bool:
    """Whether the lines of the losses part on a logarithmic axis rather than on a linear one."""
    medians = spread(shown.result.epochs, ["group", "epoch"], loss, math.inf)["median"]
    losses = medians[(medians > 0) & (medians < math.inf)]
    return len(losses) > 0 and bool(losses.max() > WIDE * losses.min())


_BEST = {
    "learning_rate": st.column_config.NumberColumn("best learning rate", format="%.6g", help="Empty: there is none"),
    "place": st.column_config.NumberColumn("place", help="Empty: its median run did not reach the target"),
    "updates_to_target": st.column_config.NumberColumn("median updates", format="%.6g"),
    "low": st.column_config.NumberColumn("from", format="%.6g", help="95 % interval of the median"),
    "high": st.column_config.NumberColumn("to", format="%.6g", help="95 % interval of the median"),
    "reached": st.column_config.NumberColumn("reached", format="percent", help="Share of the runs at that rate"),
    "note": st.column_config.Column("what to know of it"),
    "final_train_loss": st.column_config.NumberColumn("median final training loss", format="%.4g"),
}

lens.show("Who learns faster?", _page)
