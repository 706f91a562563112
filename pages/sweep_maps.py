"""Sweep maps: any measure over two swept settings, the trainable window in it, and the learning rate's own curves."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core import text
from core.charts import convergence
from core.charts import maps as charts
from core.charts.style import Chosen
from core.lessons import findings
from core.lessons import maps as lesson
from core.lessons.findings import Finding
from core.lessons.maps import Theory
from core.results import maps
from core.results.maps import MEASURES, Grid, Map
from pages.parts import chart, lens, link, notices, offer, view
from pages.parts.catalogue import SweepMaps, not_too_many
from pages.parts.shown import Shown, once

FEW = """
**A map takes two settings with several values each**, so that each pair of values is a cell. The experiment on the
screen has {have}. In the form, most settings take several; or begin with one of these.
"""
FAIR = "These runs share one learning rate, so there is no curve. A fair comparison lets each start have its best rate."


def _page(shown: Shown) -> None:
    swept = maps.axes(shown.experiment)
    if len(swept) > 1:
        groups = _groups(shown)
        lens.part(shown, lambda: _map(shown, groups))
    else:
        groups = Chosen(shown.groups, shown.groups)
        have = f"one: {maps.AXES[swept[0]]}" if swept else "none"
        st.markdown(FEW.format(have=have))
        st.caption(notices.told(shown.once(findings.limits)))
    st.header("Which learning rate suits which start?")
    if len(shown.experiment.learning_rate) > 1:
        lens.part(shown, lambda: _rates(shown, groups))
    else:
        st.caption(FAIR)
    if len(swept) < 2 or len(shown.experiment.learning_rate) == 1:
        _offers(shown)


def _groups(shown: Shown) -> Chosen:
    """The run groups that are taken: all of them, however many, until a person chooses."""
    several, marked = view.beside(
        lambda: view.several(SweepMaps.groups), lambda: view.place(SweepMaps.baseline), (3, 1)
    )
    chosen, baseline = set(several), marked if marked in shown.groups else ""
    if len(chosen) < len(shown.groups):
        st.caption(f"Taken are {len(chosen):,} of {len(shown.groups):,} run groups.")
    return Chosen(tuple(group for group in shown.groups if group in chosen), shown.groups, baseline)


def _map(shown: Shown, groups: Chosen) -> None:
    left, right = st.columns(2)
    with left:
        columns, rows = view.beside(lambda: view.place(SweepMaps.columns), lambda: view.place(SweepMaps.rows))
    with right:
        measure = view.place(SweepMaps.measure)
    kind, at = MEASURES[measure], ""
    when, where = maps.END, maps.MEAN
    if kind.table != "runs":
        with st.container(horizontal=True, vertical_alignment="bottom"):
            when = at = view.place(SweepMaps.when)
            if kind.table == "layers":
                where = view.place(SweepMaps.where)
                at = f"{where}, {when}"
    _untested(shown, measure)
    pooled = maps.pooled(shown.experiment, columns, rows)
    chosen: list[str] = view.place(SweepMaps.only) if pooled else []
    only = tuple(chosen)
    grid = (shown, columns, rows, groups.groups, only)  # the same for all measures
    of = (*grid, measure, when, where, groups.baseline)
    sweep = once(_sweep, *of)
    lens.box(once(_window, *grid), shown.by)
    chart.draw(
        "sweep_map", charts.heatmap, partial(_cells, *of),
        across=sweep.columns, up=sweep.rows, measure=sweep.measure, critical=partial(_critical, *grid),
        reach=partial(_reach, *grid), at=at, final=shown.final, baseline=groups.baseline,
    )  # fmt: skip
    if groups.baseline:
        st.caption(notices.told(lesson.beside(sweep, groups.baseline)))
    st.caption(notices.escaped(f"{text.sentence(f'{kind.title}: {kind.meaning}')} {_pooling(shown, pooled, only)}"))
    st.caption(
        f"Outlined is the trainable window: the cells in which more than half of the runs reached "
        f"{findings.target_text(shown.experiment.target)}. A run that diverged is worse than all others."
    )
    st.caption(notices.told(once(_theory, *grid).said))
    link.to_page("signal_propagation")


def _untested(shown: Shown, measure: str) -> None:
    """Say where there is no number of a measure because there is no test part."""
    if "test_" in measure and shown.experiment.untested:
        on = f" on {text.listed(shown.experiment.untested)}" if shown.experiment.tested else " here"
        st.caption(notices.escaped(f"Nothing is kept back for testing{on}."))


def _pooling(shown: Shown, pooled: dict[str, tuple[str, ...]], only: tuple[str, ...]) -> str:
    """What the runs of a cell differ in."""
    kept = {
        maps.AXES[name]: [each for each in levels if maps.tag(name, each) in only] or levels
        for name, levels in pooled.items()
    }
    several = [f"{len(levels)} values of {name}" for name, levels in kept.items() if len(levels) > 1]
    seeds = text.count(shown.experiment.seeds, "seed")
    if not several:
        return f"The runs of a cell differ in their seed alone ({seeds})."
    return f"A cell pools {text.listed([*several, seeds])}: choose above to look at some of them alone."


def _rates(shown: Shown, groups: Chosen) -> None:
    measure = view.place(SweepMaps.curve)
    _untested(shown, measure)
    rows = partial(shown.once, maps.rate_curves, measure, groups.groups)
    names = once(_names, shown)
    present = set(rows()["group"])
    there = tuple(name for name in names if name in present)
    lines = Chosen(tuple(not_too_many(there)) or there, names)
    chart.draw("rate_curves", convergence.rate_curves, rows, groups=lines, quantity=measure)
    if len(lines) < len(there):
        st.caption(f"Drawn are {len(lines):,} of {len(there):,} curves: any others can be chosen by their run groups.")
    for said in lesson.rates(rows(), measure, shown.final):
        st.caption(notices.told(said))
    st.caption(
        "Each point is the median of its runs; best is the best median on this grid of rates, "
        + ("so far." if not shown.final else "which a finer one may better.")
    )
    link.to_page("convergence")


def _offers(shown: Shown) -> None:
    st.header("Sweeps worth seeing")
    offered = lesson.sweeps(shown.experiment)
    for place, preset in zip(st.columns(max(1, len(offered))), offered, strict=False):
        with place, st.container(border=True, height="stretch"):
            offer.button(preset)


def _grid(shown: Shown, *of: Any) -> Grid:
    return shown.of(maps.grid, *of)


def _sweep(shown: Shown, columns: str, rows: str, groups: tuple[str, ...], only: tuple[str, ...], *of: Any) -> Map:
    return shown.of(maps.measured, once(_grid, shown, columns, rows, groups, only), *of)


def _cells(*of: Any) -> pd.DataFrame:
    return once(_sweep, *of).cells


def _window(shown: Shown, *grid: Any) -> Finding:
    return shown.of(lesson.window, once(_sweep, shown, *grid, "reached"))


def _theory(shown: Shown, *grid: Any) -> Theory:
    return shown.of(lesson.over, once(_sweep, shown, *grid, "reached"))


def _critical(*of: Any) -> pd.DataFrame:
    return once(_theory, *of).critical


def _reach(*of: Any) -> pd.DataFrame:
    return once(_theory, *of).reach


def _names(shown: Shown) -> tuple[str, ...]:
    """The names of the curves, in order."""
    return tuple(dict.fromkeys(maps.curve_names(shown.runs(), shown.experiment)))


lens.show("Which combinations train?", _page)
