"""Zigzag: gradient descent over two weights, where single examples may only pull in some directions."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from core.charts import group_colours
from core.charts import neuron as charts
from core.lessons import words, zigzag
from core.lessons.zigzag import COMPARED, FUNCTIONS, REACH, SOLUTION, TILE, UPDATES, Descent
from pages.parts import chart, link, player, view
from pages.parts import lesson as page

OWN, SAME = RATES = ("share of each one's limit", "the same for all")
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


def _settings() -> tuple[list[str], list[str], Descent]:
    """The functions, the kinds of update, and the descent that the controls ask for."""
    names = {words(name): name for name in FUNCTIONS}
    left, middle, right = st.columns(3)
    with left:
        functions = view.several("functions", "Fed by units with", list(names), default=[words(n) for n in COMPARED])
        updates = view.several("updates", "One update from", UPDATES, default=UPDATES)
    with middle:
        w1 = view.number("start_w1", "Start at w₁", -REACH, REACH, TILE, -1.5, help="Or click on a chart.")
        w2 = view.number("start_w2", "Start at w₂", -REACH, REACH, TILE, 1.5, help="Or click on a chart.")
    with right:
        momentum = view.number("momentum", "Momentum", 0.0, 0.9, 0.1, 0.0)
        std = view.number("std", "Standard deviation of the pre-activations", 0.2, 4.0, 0.2, 1.0)
    with st.expander("Learning rate, number of steps, examples"):
        own = view.buttons("rates", "Learning rate", RATES, OWN) == OWN
        if own:
            rate = view.number("share", "Share of the limit", 0.05, 1.0, 0.05, 0.6)
        else:
            rate = view.number("rate", "Learning rate of every path", 0.05, 5.0, 0.05, 0.4)
        steps = int(view.number("steps", "Number of steps", 20.0, 200.0, 10.0, 60.0))
        draw = view.step("draw", f"Draw of the {zigzag.EXAMPLES} examples", range(10), 0)
    return [names[name] for name in functions], updates, Descent((w1, w2), own, rate, momentum, steps, std, draw)


@st.cache_data(max_entries=100, show_spinner=False)
def _surface(function: str, std: float, draw: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    neuron = Descent(std=std, draw=draw).neuron(function)
    return zigzag.contour_table(neuron), zigzag.tile_table(neuron)


def _start(key: str) -> None:
    """Take over the start that was clicked on in the chart of that key."""
    for point in st.session_state[key].selection[charts.START][:1]:
        player.stop()
        st.session_state.update(view_start_w1=float(point["w1"]), view_start_w2=float(point["w2"]))


def _page() -> None:
    functions, updates, descent = _settings()
    neurons = {function: descent.neuron(function) for function in functions}
    walked = descent.paths(functions, updates)
    paths = zigzag.path_table(walked)
    surfaces = {function: _surface(function, descent.std, descent.draw) for function in functions}

    def at(step: int) -> None:
        directions = {}
        for place, function in enumerate(functions):
            if place % 3 == 0:
                columns = st.columns(min(3, len(functions)))
            mine = paths[paths["function"] == function]
            here = mine[(mine["updates"] == updates[0]) & (mine["step"] <= step)].iloc[-1]
            directions[function] = zigzag.direction_table(neurons[function], (here["w1"], here["w2"]))
            drawn = charts.descent(
                mine, contours=surfaces[function][0], tiles=surfaces[function][1], directions=directions[function],
                solution=SOLUTION, step=step, colour=COLOURS[function], title=words(function),
            )  # fmt: skip
            key = f"descent_{function}_{descent.start}"
            with columns[place % 3], st.container(key=f"chart_descent_{function}"):
                st.vega_lite_chart(
                    chart.steady(drawn), width="stretch", key=key, selection_mode=charts.START,
                    on_select=lambda key=key: _start(key),
                )  # fmt: skip
        st.markdown(f"**{zigzag.direction_words(directions, step)}** {zigzag.outside_words(paths, step)}")
        st.caption(zigzag.KEY)

    player.show("step", "Step", descent.steps, 10, at)
    with st.container(horizontal=True):
        chart.csv("paths", paths, "Paths (CSV)")
        lines = pd.concat([surfaces[name][0].assign(function=name) for name in functions])
        chart.csv("contours", lines, "Contours (CSV)")

    st.subheader("How far, and how fast?")
    summary = zigzag.summary_table(descent, walked)
    plain = replace(descent, momentum=0.0)
    before = zigzag.summary_table(plain, plain.paths(functions, updates)) if descent.momentum else summary
    for sentence in zigzag.summary_words(summary, before):
        st.markdown(sentence)
    st.dataframe(summary, column_config=COLUMNS, hide_index=True, key="summary")
    page.draw("loss_over_steps", charts.loss_over_steps(paths, functions=FUNCTIONS, goal=zigzag.GOAL), paths)
    st.caption(zigzag.LIMITS)

    st.subheader("The shape of the valley")
    st.latex(r"\kappa = 1 + n\,\frac{\mu^2}{\sigma^2}, \qquad n = 2")
    st.dataframe(zigzag.condition_table(neurons), column_config=COLUMNS, hide_index=True, key="conditions")
    st.caption(zigzag.VALLEY)
    link.to_page("gradient_paths")
    link.to_page("convergence")


page.show("Why does descent zigzag?", _page)
