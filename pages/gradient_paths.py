"""Gradient paths: the lecture's drawn network with every number, and why its two gradients share a sign or not."""

from dataclasses import asdict

import numpy as np
import streamlit as st

from core.activations import ACTIVATIONS
from core.charts import neuron as charts
from core.lessons import gradient_paths as lesson
from core.neuron import DrawnNetwork, gradient_paths
from core.text import words
from pages.parts import lesson as page
from pages.parts import link, view
from pages.parts.shown import once

WEIGHTS = {"u11": "u₁₁", "u21": "u₂₁", "u12": "u₁₂", "u22": "u₂₂", "w1": "w₁", "w2": "w₂", "v": "v"}
EXAMPLE = {"x1": "x₁", "x2": "x₂", "target": "t, the target of y"}
DEFAULTS: dict[str, float] = asdict(DrawnNetwork())
REACH = 3.0


def _sliders(labels: dict[str, str]) -> dict[str, float]:
    values = {}
    for place, (name, label) in enumerate(labels.items()):
        if place % 2 == 0:
            left, right = st.columns(2)
        with left if place % 2 == 0 else right:
            values[name] = view.number("t" if name == "target" else name, label, -REACH, REACH, 0.1, DEFAULTS[name])
    return values


def _another_example() -> None:
    for name, value in zip(("x1", "x2", "t"), np.random.default_rng().standard_normal(3), strict=True):
        st.session_state[f"view_{name}"] = float(np.clip(round(value, 1), -REACH, REACH))


def _page() -> None:
    names = {words(name): name for name in ACTIVATIONS}
    function = names[view.buttons("function", "Activation function of all three hidden units", list(names), "logistic")]
    graph, controls = st.columns([3, 2])
    with controls:
        st.button("Another example", on_click=_another_example, icon=":material/casino:", key="another_example")
        example = _sliders(EXAMPLE)
        weights = _sliders(WEIGHTS)
    network = DrawnNetwork(**example, **weights)
    paths = gradient_paths(network, function)
    of = f"{function} {network}"
    with graph:
        page.draw(
            "drawn_network", charts.drawn_network, lambda: lesson.network_table(network, paths), of,
            bracket=paths.bracket,
        )  # fmt: skip
        st.markdown(f"**{lesson.step_words(function, paths)}**")

    st.subheader("Factor by factor")
    for weight, column in zip((1, 2), st.columns(2), strict=True):
        with column, st.container(key=f"formula_{weight}"):
            st.latex(lesson.formula(paths, weight, charts.COMMON))
    st.caption(
        "The factors in square brackets are the same in both gradients. The last factor is all that can tell the two "
        f"signs apart: the output of a hidden unit, $f(x) = {ACTIVATIONS[function].formula}$."
    )

    st.subheader("Where can the weights go?")
    left, right = st.columns(2)
    with left:
        step = (-paths.gradient_w1, -paths.gradient_w2)
        page.draw(
            "quadrants", charts.quadrants, lambda: lesson.quadrant_table(paths), of,
            step=step, own=(paths.h21, paths.h22),
        )  # fmt: skip
    with right:
        compared = list(dict.fromkeys([*lesson.COMPARED, function]))
        # Over random examples: the one on the screen has no part in it.
        of = f"{compared} {weights}"
        counts = once("combinations", of, lambda: lesson.combination_table(network, compared))
        page.draw("sign_combinations", charts.sign_combinations, lambda: counts, of)
    st.markdown(f"**{lesson.combination_words(counts)}**")
    st.caption(
        "Random examples: both inputs and the target from N(0, 1), the weights as set above. The rule is exact for one "
        "example at a time. A mini-batch adds up examples whose common factors differ in sign, which loosens it; and "
        "inputs that are never negative tie the first layer's signs in the same way, whatever the activation function."
    )
    link.to_page("zigzag")
    link.to_page("gradient_signs")


page.show("Why do two gradients share a sign?", _page)
