"""Activation functions: curves and slopes, what becomes of a Gaussian in them, and what e^x costs on this machine."""

import time
from functools import partial

import pandas as pd
import streamlit as st

from core.charts import functions as charts
from core.lessons import activation_functions as lesson
from core.lessons.findings import Finding
from core.registries.activations import ACTIVATIONS
from core.text import words
from core.theory import timing
from pages.parts import chart, lens, link, save, session, training, view
from pages.parts import lesson as page
from pages.parts.catalogue import ActivationFunctions
from pages.parts.shown import once


def _page() -> None:
    names = {words(name): name for name in ACTIVATIONS}
    chosen, std = view.beside(
        lambda: view.several(ActivationFunctions.curves), lambda: view.place(ActivationFunctions.std)
    )
    functions = tuple(names[name] for name in chosen)
    threshold = session.current().experiment.saturation_threshold
    middle = charts.middle(std, lesson.REACH)
    for column, quantity in zip(st.columns(2), ("value", "slope"), strict=True):
        with column:
            chart.draw(
                f"curves_{quantity}", charts.function_curves, partial(lesson.curve_table, functions, threshold),
                moved=middle, names=functions, quantity=quantity,
            )  # fmt: skip
    with st.expander("Formulas", icon=":material/function:"), st.container(key="formulas"):
        for name in functions:
            st.latex(lesson.formula(name))

    st.header("What becomes of a Gaussian pre-activation?")
    of = (functions, std, threshold)
    outputs = once(lesson.output_table, *of)
    chart.draw(
        "output_distributions", charts.output_distributions, partial(lesson.output_histogram, functions, std),
        outputs=partial(once, lesson.output_table, *of),
    )  # fmt: skip
    st.markdown(f"**{lesson.centring(outputs)}**")

    st.header("When does it saturate?")
    chart.draw(
        "saturation_by_std", charts.saturation_by_std, partial(once, lesson.saturation_table, functions, threshold),
        outputs=partial(once, lesson.output_table, *of), names=functions,
    )  # fmt: skip
    st.dataframe(lesson.summary(outputs), hide_index=True, key="outputs")
    save.menu("outputs", lambda: outputs)
    st.caption(
        f"Saturated: slope below {threshold:g} of the function's largest. Theory: quadrature over a ~ N(0, {std:g}²). "
        f"Sample: n = {lesson.SAMPLE:,} of the same (seed 0), one for all functions, ± its standard error."
    )
    link.to_page("saturation")


def _cost() -> None:
    """What e^x costs: last on the page, because the first visitor after a start waits for the measurement."""
    st.header("What does eˣ cost on this machine?")
    precision: timing.Dtype = "float64" if view.place(ActivationFunctions.float64) else "float32"
    with st.spinner("Measuring on this machine: about 2 seconds"):
        (_, measured), (_, then) = _costs(), _steps(precision)
    lens.box(once(_finding, precision, measured, then), "these measurements")
    left, right = st.columns(2)
    with left:
        chart.draw("activation_costs", charts.activation_costs, partial(_costs_of, measured), dtype=precision)
    with right:
        chart.draw("step_shares", charts.step_shares, partial(_steps_of, precision, then))
        st.button("Measure again", on_click=_forget, icon=":material/timer:", key="measure")
    st.caption(
        f"A step trains {timing.HIDDEN_LAYERS} hidden layers, as many inputs as units, on {timing.BATCH} examples; "
        f"{timing.NETWORKS} networks at once, as in a sweep. Measured once for all visitors of this server."
        + (" Training is under way here, which slows what is measured now." if training.in_training() else "")
    )


@st.cache_resource(max_entries=1, show_spinner=False)
def _costs() -> tuple[pd.DataFrame, int]:
    """The table, and when it was measured."""
    return lesson.cost_table(timing.measure_activations(seconds=0.6)), time.monotonic_ns()


@st.cache_resource(max_entries=2, show_spinner=False)
def _steps(precision: timing.Dtype) -> tuple[pd.DataFrame, int]:
    """The table, and when it was measured."""
    return lesson.step_table(timing.measure_steps(dtype=precision, seconds=1.0)), time.monotonic_ns()


def _costs_of(measured: int) -> pd.DataFrame:
    """The table that was measured then: it is the newest."""
    return _costs()[0]


def _steps_of(precision: timing.Dtype, measured: int) -> pd.DataFrame:
    """The table that was measured then: it is the newest."""
    return _steps(precision)[0]


def _finding(precision: timing.Dtype, measured: int, then: int) -> Finding:
    """What the tables say that were measured then."""
    return lesson.cost(_costs_of(measured), _steps_of(precision, then), timing.machine())


def _forget() -> None:
    _costs.clear()
    _steps.clear()


page.show("What do activation functions do to a signal?", _page, _cost)
