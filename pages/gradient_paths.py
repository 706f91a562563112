"""Gradient paths: the lecture's drawn network with every number, and why its two gradients share a sign or not."""

from functools import partial

import numpy as np
import streamlit as st

from core.charts import neuron as charts
from core.lessons import gradient_paths as lesson
from core.registries.activations import ACTIVATIONS
from core.text import words
from core.theory.neuron import DrawnNetwork, gradient_paths
from pages.parts import chart, link, view
from pages.parts import lesson as page
from pages.parts.catalogue import GradientPaths
from pages.parts.controls import Control
from pages.parts.shown import once

# On a phone the network stays in sight while the sliders below it are moved.
IN_SIGHT = """<style>@media (max-width: 640px) {
[data-testid="stColumn"]:has(.st-key-network) {position: sticky; top: 2rem; z-index: 2;
backdrop-filter: blur(1rem)}
[data-testid="stMain"] {scroll-padding-top: 35rem}}</style>"""
EXAMPLE = {"x1": GradientPaths.x1, "x2": GradientPaths.x2, "target": GradientPaths.t}
WEIGHTS = {name: getattr(GradientPaths, name) for name in ("u11", "u21", "u12", "u22", "w1", "w2", "v")}


def _sliders(controls: dict[str, Control[float]]) -> dict[str, float]:
    values = {}
    for place, (name, control) in enumerate(controls.items()):
        if place % 2 == 0:
            left, right = st.columns(2)
        with left if place % 2 == 0 else right:
            values[name] = view.place(control)
    return values


def _another_example() -> None:
    for control, value in zip(EXAMPLE.values(), np.random.default_rng().standard_normal(3), strict=True):
        view.set_to(control, float(np.clip(round(value, 1), -GradientPaths.REACH, GradientPaths.REACH)))


def _page() -> None:
    names = {words(name): name for name in ACTIVATIONS}
    function = names[view.place(GradientPaths.function)]
    graph, controls = st.columns([3, 2])
    with controls:
        st.button("Another example", on_click=_another_example, icon=":material/casino:", key="another_example")
        example = _sliders(EXAMPLE)
        weights = _sliders(WEIGHTS)
    network = DrawnNetwork(**example, **weights)
    paths = gradient_paths(network, function)
    with graph, st.container(key="network"):
        st.html(IN_SIGHT)
        chart.draw(
            "drawn_network", charts.drawn_network, partial(lesson.network_table, network, paths),
            bracket=paths.bracket,
        )  # fmt: skip
    st.markdown(f"**{lesson.step_words(function, paths)}**")

    st.header("Factor by factor")
    for weight, column in zip((1, 2), st.columns(2), strict=True):
        with column, st.container(key=f"formula_{weight}"):
            st.latex(lesson.formula(paths, weight, charts.COMMON))
    st.caption(
        "The factors in square brackets are the same in both gradients. The last factor is all that can tell the two "
        f"signs apart: the output of a hidden unit, $f(x) = {ACTIVATIONS[function].formula}$."
    )

    st.header("Where can the weights go?")
    left, right = st.columns(2)
    with left:
        step = (-paths.gradient_w1, -paths.gradient_w2)
        chart.draw(
            "quadrants", charts.quadrants, partial(lesson.quadrant_table, paths),
            step=step, own=(paths.h21, paths.h22),
        )  # fmt: skip
    with right:
        compared = tuple(dict.fromkeys([*lesson.COMPARED, function]))
        # Over random examples, so without the example on the screen: the counts are kept while that changes.
        of = (DrawnNetwork(**weights), compared)
        counts = once(lesson.combination_table, *of)
        chart.draw("sign_combinations", charts.sign_combinations, partial(once, lesson.combination_table, *of))
    st.markdown(f"**{lesson.combination_words(counts)}**")
    st.caption(
        "Random examples: both inputs and the target from N(0, 1), the weights as set above. The rule is exact for one "
        "example at a time. A mini-batch adds up examples whose common factors differ in sign, which loosens it; and "
        "inputs that are never negative tie the first layer's signs in the same way, whatever the activation function."
    )
    link.to_page("zigzag")
    link.to_page("gradient_signs")


page.show("Why do two gradients share a sign?", _page)
