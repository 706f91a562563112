"""Compare: the result on the screen, A, and another one, B, laid over each other."""

import math
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core import text
from core.charts import pairing as charts
from core.experiment.experiment import FIELDS
from core.experiment.handing_on import file_name
from core.lessons import findings, pairing
from core.lessons.difference import changes
from core.lessons.pairing import UPDATES, Pair
from core.results.convergence import with_diverged
from core.results.results import csv_bytes
from pages.parts import chart, lens, notices, other, save, view
from pages.parts.catalogue import Compare
from pages.parts.shown import Shown, once

EFFECTS: dict[str, Any] = {
    "pair": "pair of groups",
    "better": "better",
    "said": st.column_config.TextColumn("in words", width="large"),
    "median_a": st.column_config.NumberColumn("median of A", format="%.4g"),
    "median_b": st.column_config.NumberColumn("median of B", format="%.4g"),
    "effect": st.column_config.NumberColumn("effect", format="%.4g"),
    "low": st.column_config.NumberColumn("from", format="%.4g", help="95 % interval"),
    "high": st.column_config.NumberColumn("to", format="%.4g", help="95 % interval"),
    "runs_a": "runs of A",
    "runs_b": "runs of B",
}


def _page(shown: Shown) -> None:
    experiment = other.chosen()
    if experiment is None:
        lens.finding(shown, findings.runs)
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.markdown(f"**A**, on the screen: {notices.escaped(shown.experiment.in_words())}")
        st.caption(notices.told(other.named(shown.experiment)))
    second = None
    with right, st.container(border=True, height="stretch"):
        if experiment is None:
            st.markdown("**B**: choose what to compare it with.")
        else:
            st.markdown(f"**B**: {notices.escaped(experiment.in_words())}")
            st.caption(notices.told(other.named(experiment)))
            second = other.shown(experiment)
        other.refused()
        with st.expander("Choose B", expanded=experiment is None, key="choose_other"):
            other.choose()
    if second is not None:
        _compare(shown, second)


def _compare(shown: Shown, second: Shown) -> None:
    if not shown.final:
        st.caption("A is in training: the comparison is drawn when it is done.")
        return
    if second.version == shown.version.rpartition(" ")[0]:
        st.info("A and B are the same result: there is nothing to compare.")
        return
    own_target = second.experiment.target
    a, b = pairing.for_one_target(shown.result, second.result)
    first = Shown(a, f"{shown.version} {a.experiment.target}", True)
    second = Shown(b, f"{second.version} {b.experiment.target}", True)
    _settings(first, second, own_target)
    found = pairing.pairs(first.experiment, second.experiment)
    if found:
        chosen = view.several(Compare.pairs) if len(found) > 1 else (found[0].label,)
        drawn = tuple(pair for pair in found if pair.label in chosen)
    else:
        st.caption("No group of A has the settings of a group of B: choose one of each.")
        drawn = found = pairing.by_hand(
            *view.beside(lambda: view.place(Compare.group_a), lambda: view.place(Compare.group_b))
        )
    st.header("How far apart are they?")
    _effects(first, second, drawn, UPDATES, len(found))
    st.header("And over training?")
    lens.part(first, lambda: _over_training(first, second, drawn, len(found)))
    name = file_name(first.experiment, "comparison", "csv")
    save.offer("csv_comparison", "CSV of the comparison", lambda: csv_bytes(_table(first, second, found)), name)
    st.caption(
        f"{text.count(len(found), 'pair')} of groups in every measure that compares, with what differs in A and B."
    )


def _settings(first: Shown, second: Shown, own_target: str) -> None:
    """What differs between the two experiments and their versions, and what that means for the comparison."""
    a, b = first.experiment, second.experiment
    st.header("What differs?")
    differing = pairing.settings(a, b)
    versions = changes(first.result.versions, second.result.versions)
    rows = [(FIELDS[each.name].label, *map(text.short_group, (each.first, each.second))) for each in differing]
    rows += [(f"version: {each.name}", each.first, each.second) for each in versions]
    if rows:
        st.dataframe(pd.DataFrame(rows, columns=["", "A", "B"]), hide_index=True, key="differing")
    else:
        st.caption("No setting and no version: two trainings, or two files, of one experiment.")
    with st.expander(f"Settings that are the same ({len(FIELDS) - len(differing)})", key="alike"):
        apart = {each.name for each in differing}
        alike = [
            (FIELDS[name].label, text.short_group(value)) for name, value in a.written().items() if name not in apart
        ]
        st.dataframe(
            pd.DataFrame(alike, columns=["", "both"]), hide_index=True, key="same",
        )  # fmt: skip
    for caution in pairing.cautions(first.result, second.result, own_target):
        st.markdown(f":material/info: {notices.told(caution)}")


def _effects(first: Shown, second: Shown, drawn: tuple[Pair, ...], measure: str, total: int) -> None:
    """How far apart the pairs are in a measure: the finding, a chart of ratios, and the rows."""
    if why := pairing.incomparable(first.experiment, second.experiment, measure):
        st.caption(notices.escaped(f"Not compared: {why}."))
        return
    rows = once(_rows, first, second, drawn, measure)
    if measure == UPDATES:
        goal = findings.target_text(first.experiment.target)
        st.caption(f"Compared are the updates that runs needed to reach the target, {goal}.")
    lens.box(pairing.finding(rows, total), "")
    if measure == UPDATES:
        chart.draw(
            "times_fewer", charts.times_fewer, partial(_ratios, first, second, drawn),
            groups=tuple(pair.label for pair in drawn),
        )  # fmt: skip
    named = rows.assign(pair=rows["pair"].map(text.short_group))
    st.dataframe(
        named.replace([math.inf, -math.inf], math.nan), hide_index=True, column_config=EFFECTS,
        column_order=list(EFFECTS), key=f"effects_{measure}", placeholder="",
    )  # fmt: skip
    effect, lost = (
        ("median of A divided by that of B", "did not reach the target")
        if measure == UPDATES
        else ("median of B minus that of A", "diverged")
    )
    st.caption(
        f"Effect: {effect}. A field is empty where half of the runs or more {lost}, where the interval has no limit "
        "on that side, or where there is one seed."
    )


def _over_training(first: Shown, second: Shown, drawn: tuple[Pair, ...], total: int) -> None:
    names = {name: measure for measure, name in pairing.MEASURES.items()}
    chosen, x = view.beside(lambda: view.place(Compare.measure), lambda: view.place(Compare.x))
    measure = names[chosen]
    if measure.startswith("test") and not (first.experiment.tested and second.experiment.tested):
        st.caption("Nothing is kept back for testing in one of the two.")
        return
    _effects(first, second, drawn, measure, total)
    chart.draw(
        "laid_over", charts.laid_over, partial(_epochs, first, second, drawn),
        groups=tuple(pair.label for pair in drawn), quantity=measure, x=x,
    )  # fmt: skip


def _rows(first: Shown, second: Shown, pairs: tuple[Pair, ...], measure: str) -> pd.DataFrame:
    return pairing.effects(first.result, second.result, pairs, measure)


def _table(first: Shown, second: Shown, pairs: tuple[Pair, ...]) -> pd.DataFrame:
    return pairing.table(first.result, second.result, pairs)


def _ratios(first: Shown, second: Shown, pairs: tuple[Pair, ...]) -> pd.DataFrame:
    """The effects on the updates to target, as the chart of speed-ups takes them."""
    rows = _rows(first, second, pairs, UPDATES)
    return rows.assign(group=rows["pair"], ratio=rows["effect"], text=pairing.brief(rows))


def _epochs(first: Shown, second: Shown, pairs: tuple[Pair, ...]) -> pd.DataFrame:
    """The epochs tables of both, under the pairs' names."""
    names = {"A": {pair.first: pair.label for pair in pairs}, "B": {pair.second: pair.label for pair in pairs}}
    parts = []
    for side, shown in (("A", first), ("B", second)):
        table = with_diverged(shown.result)
        parts.append(table.assign(group=table["group"].map(names[side]), side=side).dropna(subset="group"))
    return pd.concat(parts, ignore_index=True)


lens.show("What changes between two results?", _page)
