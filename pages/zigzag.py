"""Zigzag: gradient descent over two weights, where single examples may only pull in some directions."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from core.charts import neuron as charts
from core.charts import picture
from core.charts.style import group_colours
from core.lessons import zigzag
from core.lessons.zigzag import FUNCTIONS, SOLUTION, Descent
from core.text import words
from core.theory.neuron import Neuron, Path
from pages.parts import chart, link, player, save, session, view
from pages.parts import lesson as page
from pages.parts.catalogue import Zigzag
from pages.parts.shown import once

COLOURS = dict(zip(*group_colours(FUNCTIONS), strict=True))
COLUMNS = {
    "learning_rate": st.column_config.NumberColumn("learning rate", format="%.3g"),
    "path_length": st.column_config.NumberColumn("path length", format="%.3g"),
    "straight_line": st.column_config.NumberColumn("straight line", format="%.3g"),
    "tortuosity": st.column_config.NumberColumn("tortuosity", format="%.3g", help="path length / straight line"),
    "mean_cosine": st.column_config.NumberColumn("mean cosine", format="%.2f", help="between successive updates"),
    "steps_to_goal": st.column_config.NumberColumn("steps to 1 %", help="of the first loss"),
    "mean": st.column_config.NumberColumn("mean μ", format="%.3g", help="of the activations that feed the neuron"),
    "std": st.column_config.NumberColumn("spread σ", format="%.3g", help="of the activations that feed the neuron"),
    "condition_measured": st.column_config.NumberColumn(
        "condition number κ", format="%.3g", help="largest over smallest eigenvalue of the Hessian"
    ),
    "condition_formula": st.column_config.NumberColumn("1 + 2 μ²/σ²", format="%.3g"),
    "largest_rate_full_batch": st.column_config.NumberColumn("limit, full batch", format="%.3g"),
    "largest_rate_one_example": st.column_config.NumberColumn("limit, one example", format="%.3g"),
}


def _settings() -> tuple[tuple[str, ...], tuple[str, ...], Descent]:
    """The functions, the kinds of update, and the descent that the controls ask for."""
    names = {words(name): name for name in FUNCTIONS}
    functions, updates = view.beside(
        lambda: view.several(Zigzag.functions), lambda: view.several(Zigzag.updates), (3, 2)
    )  # fmt: skip
    start = view.beside(lambda: view.place(Zigzag.start_w1), lambda: view.place(Zigzag.start_w2))
    momentum, std = view.beside(lambda: view.place(Zigzag.momentum), lambda: view.place(Zigzag.std))
    with st.expander("Learning rate, number of steps, examples"):
        own = view.place(Zigzag.rates) == Zigzag.OWN
        rate = view.place(Zigzag.share if own else Zigzag.rate)
        steps, draw = int(view.place(Zigzag.steps)), view.place(Zigzag.draw)
    return tuple(names[name] for name in functions), updates, Descent(start, own, rate, momentum, steps, std, draw)


@dataclass(frozen=True)
class _Walk:
    """A descent with all that is drawn of it, whatever the step."""

    neurons: dict[str, Neuron]
    walked: dict[tuple[str, str], Path]
    paths: pd.DataFrame
    path_of: dict[str, pd.DataFrame]
    contours: dict[str, pd.DataFrame]
    tiles: dict[str, pd.DataFrame]
    summary: pd.DataFrame
    words: list[str]
    conditions: pd.DataFrame


def _walk(functions: tuple[str, ...], updates: tuple[str, ...], descent: Descent) -> _Walk:
    neurons = {function: descent.neuron(function) for function in functions}
    walked = descent.paths(functions, updates)
    paths = zigzag.path_table(walked)
    summary = zigzag.summary_table(descent, walked)
    plain = replace(descent, momentum=0.0)
    before = once(_summary, functions, updates, plain) if descent.momentum else summary
    starts = np.cumsum([0, *(sum(len(walked[name, kind].step) for kind in updates) for name in functions)]).tolist()
    # The loss does not depend on the descent: its contours and tiles are kept while that changes.
    land = Descent(std=descent.std, draw=descent.draw)
    return _Walk(
        neurons,
        walked,
        paths=paths,
        path_of={name: paths.iloc[slice(*starts[i : i + 2])] for i, name in enumerate(functions)},
        contours={name: once(_contours, land, name) for name in functions},
        tiles={name: once(_tiles, land, name) for name in functions},
        summary=summary,
        words=zigzag.summary_words(summary, before),
        conditions=zigzag.condition_table(neurons),
    )


def _summary(functions: tuple[str, ...], updates: tuple[str, ...], descent: Descent) -> pd.DataFrame:
    return zigzag.summary_table(descent, descent.paths(functions, updates))


def _contours(land: Descent, function: str) -> pd.DataFrame:
    return zigzag.contour_table(land.neuron(function))


def _tiles(land: Descent, function: str) -> pd.DataFrame:
    return zigzag.tile_table(land.neuron(function))


def _paths(functions: tuple[str, ...], updates: tuple[str, ...], descent: Descent) -> pd.DataFrame:
    return once(_walk, functions, updates, descent).paths


@dataclass(frozen=True)
class _Step:
    """Where the paths are at a step: a chart for each function, and words."""

    charts: dict[str, dict[str, Any]]
    words: str
    directions: dict[str, pd.DataFrame]


def _tables(walk: _Walk, function: str, directions: pd.DataFrame, step: int) -> list[pa.Table]:
    return charts.descent_tables(
        _path(walk, function), contours=walk.contours[function], tiles=walk.tiles[function],
        directions=directions, solution=SOLUTION, step=step,
    )  # fmt: skip


def _form(function: str, on_screen: bool) -> dict[str, Any]:
    """The specification of a function's chart, whose tables are still to come."""
    empty = [pa.table({}) for _ in range(charts.DESCENT_TABLES)]
    drawn = charts.descent_form(empty, colour=COLOURS[function], title=words(function), said="")
    return chart.specification(drawn) if on_screen else picture.specification(drawn)


def _step(functions: tuple[str, ...], updates: tuple[str, ...], descent: Descent, step: int) -> _Step:
    """The `step`, with the directions that single examples would take from where the path of the first updates is."""
    walk = once(_walk, functions, updates, descent)
    directions, drawn = {}, {}
    for function, neuron in walk.neurons.items():
        path = walk.walked[function, updates[0]]
        here = min(step, len(path.step) - 1)
        at = (float(path.w1[here]), float(path.w2[here]))
        directions[function] = zigzag.direction_table(neuron, at)
        tables = _tables(walk, function, directions[function], step)
        drawn[function] = picture.with_tables(once(_form, function, True), tables, charts.descent_words(tables))
    said = f"**{zigzag.direction_words(directions, step)}** {zigzag.outside_words(walk.paths, step)}"
    return _Step(drawn, said, directions)


def _plain(walk: _Walk, function: str, directions: pd.DataFrame, step: int) -> dict[str, Any]:
    tables = _tables(walk, function, directions, step)
    return picture.with_tables(once(_form, function, False), tables, charts.descent_words(tables))


def _path(walk: _Walk, function: str) -> pd.DataFrame:
    return walk.path_of[function]


def _start(key: str) -> None:
    """Take over the start that was clicked on in the chart of that key."""
    for point in session.held(key).selection[charts.START][:1]:
        player.stop()
        view.set_to(Zigzag.start_w1, float(point["w1"]))
        view.set_to(Zigzag.start_w2, float(point["w2"]))


def _page() -> None:
    functions, updates, descent = _settings()
    of = (functions, updates, descent)
    walk = once(_walk, *of)

    def at(step: int) -> None:
        now = once(_step, *of, step)
        for place, function in enumerate(functions):
            if place % 3 == 0:
                columns = st.columns(min(3, len(functions)))
            key = f"descent_{function}_{descent.start}"
            with columns[place % 3], st.container(key=f"chart_descent_{function}"):
                chart.place(now.charts[function], key, selection_mode=charts.START, on_select=partial(_start, key))
                save.menu(
                    f"descent_{function}",
                    partial(_path, walk, function),
                    partial(_plain, walk, function, now.directions[function], step),
                    what=f"descent_{function}-step-{step}",
                )
        st.markdown(now.words)
        st.caption(zigzag.KEY)

    player.play(Zigzag.step, at)
    lines = [table.assign(function=function) for function, table in walk.contours.items()]
    with st.container(horizontal=True):
        save.menu("paths", lambda: walk.paths, label="Paths")
        save.menu("contours", lambda: pd.concat(lines), label="Contours")

    st.header("How far, and how fast?")
    for sentence in walk.words:
        st.markdown(sentence)
    st.dataframe(walk.summary, column_config=COLUMNS, hide_index=True, key="summary")
    chart.draw("loss_over_steps", charts.loss_over_steps, partial(_paths, *of), functions=FUNCTIONS, goal=zigzag.GOAL)
    st.caption(zigzag.LIMITS)

    st.header("The shape of the valley")
    st.latex(r"\kappa = 1 + n\,\frac{\mu^2}{\sigma^2}, \qquad n = 2")
    st.dataframe(walk.conditions, column_config=COLUMNS, hide_index=True, key="conditions")
    st.caption(zigzag.VALLEY)
    link.to_page("gradient_paths")
    link.to_page("convergence")


page.show("Why does descent zigzag?", _page)
