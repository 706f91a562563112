"""Activation functions: curves and slopes, what becomes of a Gaussian in them, and what e^x costs on this machine."""

import time
from functools import partial

import pandas as pd
import streamlit as st

from core import timing
from core.activations import ACTIVATIONS
from core.charts import functions as charts
from core.lessons import activation_functions as lesson
from core.text import words
from pages.parts import chart, lens, link, training, view
from pages.parts import lesson as page
from pages.parts.shown import once

FIRST = ("logistic", "tanh", "relu")


def _page() -> None:
    names = {words(name): name for name in ACTIVATIONS}
    left, right = st.columns(2)
    with left:
        chosen = view.several("curves", "Activation functions", list(names), default=FIRST)
    with right:
        std = view.number("std", "Standard deviation of the pre-activations", 0.1, 10.0, 0.1, 1.0)
    functions = [names[name] for name in chosen]
    threshold = training.experiment().saturation_threshold
    for column, quantity in zip(st.columns(2), ("value", "slope"), strict=True):
        with column:
            page.draw(
                f"curves_{quantity}", charts.function_curves, lambda: lesson.curve_table(functions, threshold),
                threshold, names=functions, quantity=quantity, std=std,
            )  # fmt: skip
    with st.expander("Formulas", icon=":material/function:"), st.container(key="formulas"):
        for name in functions:
            st.latex(lesson.formula(name))

    st.subheader("What becomes of a Gaussian pre-activation?")
    of = f"{functions} {std} {threshold}"
    outputs = once("outputs", of, lambda: lesson.output_table(functions, std, threshold))
    page.draw(
        "output_distributions", partial(charts.output_distributions, outputs=outputs),
        lambda: lesson.output_histogram(functions, std), of,
    )  # fmt: skip
    st.markdown(f"**{lesson.centring(outputs)}**")

    st.subheader("When does it saturate?")
    page.draw(
        "saturation_by_std", partial(charts.saturation_by_std, outputs=outputs),
        lambda: lesson.saturation_table(functions, threshold), of, names=functions,
    )  # fmt: skip
    st.dataframe(once("summary", of, lambda: lesson.summary(outputs)), hide_index=True, key="outputs")
    chart.csv("outputs", lambda: outputs)
    st.caption(
        f"Saturated: slope below {threshold:g} of the function's largest. Theory: quadrature over a ~ N(0, {std:g}²). "
        f"Sample: n = {lesson.SAMPLE:,} of the same (seed 0), one for all functions, ± its standard error."
    )
    link.to_page("saturation")
    _cost()


def _cost() -> None:
    """What e^x costs: last on the page, because the first visitor after a start waits for the measurement."""
    st.subheader("What does eˣ cost on this machine?")
    precision: timing.Dtype = "float64" if view.flag("float64", "In double precision (float64)") else "float32"
    with st.spinner("Measuring on this machine: about 2 seconds"):
        (costs, measured), (steps, then) = _costs(), _steps(precision)
    lens.box(lesson.cost(costs, steps, timing.machine()), "these measurements")
    left, right = st.columns(2)
    with left:
        page.draw("activation_costs", charts.activation_costs, lambda: costs, measured, dtype=precision)
    with right:
        page.draw("step_shares", charts.step_shares, lambda: steps, then)
        st.button("Measure again", on_click=_forget, icon=":material/timer:", key="measure")
    job = training.job()
    st.caption(
        f"A step trains {timing.HIDDEN_LAYERS} hidden layers, as many inputs as units, on {timing.BATCH} examples; "
        f"{timing.NETWORKS} networks at once, as in a sweep. Measured once for all visitors of this server."
        + (" Training is under way here, which slows what is measured now." if job is not None and job.active else "")
    )


@st.cache_resource(max_entries=1, show_spinner=False)
def _costs() -> tuple[pd.DataFrame, int]:
    """The table, and when it was measured."""
    return lesson.cost_table(timing.measure_activations(seconds=0.6)), time.monotonic_ns()


@st.cache_resource(max_entries=2, show_spinner=False)
def _steps(precision: timing.Dtype) -> tuple[pd.DataFrame, int]:
    """The table, and when it was measured."""
    return lesson.step_table(timing.measure_steps(dtype=precision, seconds=1.0)), time.monotonic_ns()


def _forget() -> None:
    _costs.clear()
    _steps.clear()


page.show("What do activation functions do to a signal?", _page)
