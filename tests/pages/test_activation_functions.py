"""Activation functions without a browser: its numbers are those of theory and sample, its cost is what was measured."""

from collections import Counter
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.lessons import activation_functions as lesson
from core.registries.activations import ACTIVATIONS
from core.text import words
from core.theory import timing
from tests.pages.lessons import again, open_lesson, refused, said
from tests.pages.results import menus

FIRST = ["logistic", "tanh", "relu"]


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Measurements that take no time: e^x costs 3 ns, all else 1 ns. Counts how often each was taken."""
    taken: Counter[str] = Counter()

    def activations(**_: Any) -> tuple[timing.ActivationCost, ...]:
        taken["activations"] += 1
        return tuple(
            timing.ActivationCost(name, dtype, direction, 3e-9 if name in lesson.NEED_EXPONENTIAL else 1e-9, 12)
            for name in ACTIVATIONS
            for dtype in timing.DTYPES
            for direction in ("forward", "backward")
        )  # fmt: skip

    def steps(dtype: timing.Dtype, **_: Any) -> tuple[timing.StepCost, ...]:
        taken[dtype] += 1
        return tuple(
            timing.StepCost(name, dtype, width, 1e-4, 1e-5, 1.6 / width, 5) for name in FIRST for width in (8, 512)
        )

    monkeypatch.setattr(timing, "measure_activations", activations)
    monkeypatch.setattr(timing, "measure_steps", steps)
    st.cache_resource.clear()
    return taken


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_lesson(monkeypatch, "activation_functions")


def table(at: AppTest) -> pd.DataFrame:
    frame: pd.DataFrame = at.dataframe[0].value
    return frame.set_index("function")


def test_at_first_three_functions_with_their_formulas_charts_and_files(page: AppTest) -> None:
    assert list(table(page).index) == FIRST
    latex = "\n".join(element.value for element in page.latex)
    assert all(ACTIVATIONS[name].formula in latex for name in FIRST)
    assert len(page.get("vega_lite_chart")) == 6
    assert menus(page) == 7
    assert refused(page) == []


def test_the_logistic_is_not_zero_centred_and_tanh_is(page: AppTest) -> None:
    assert "The outputs of tanh keep it. Mean output of the others: logistic 0.5 and relu 0.399." in said(page)
    assert table(page).loc["logistic", "mean, theory"] == "0.5000"
    assert table(page).loc["tanh", "mean, theory"] == "0.0000"


def test_the_slider_sets_the_spread_and_a_wider_one_saturates_more(page: AppTest) -> None:
    narrow = table(page)["saturated, theory"]
    page.slider(key="view_std").set_value(5.0)
    again(page)
    expected = lesson.summary(lesson.output_table(FIRST, 5.0, 0.05)).set_index("function")
    pd.testing.assert_frame_equal(table(page), expected)
    assert (narrow["tanh"], table(page).loc["tanh", "saturated, theory"]) == ("2.94 %", "66.31 %")
    assert page.query_params["std"] == ["5"] or page.query_params["std"] == "5"


def test_both_curves_shade_where_most_pre_activations_are(page: AppTest) -> None:
    def shaded() -> list[dict[str, list[float]]]:
        tables = [table for chart in page.get("vega_lite_chart") for table in chart.proto.datasets]
        found = [table.data.data for table in tables if table.name == "middle"]
        return [pa.ipc.open_stream(rows).read_all().to_pydict() for rows in found]

    assert shaded() == 2 * [{"from": [-1.96], "to": [1.96]}]
    for std, ends in ((2.0, 3.92), (9.0, lesson.REACH)):
        page.slider(key="view_std").set_value(std)
        again(page)
        assert shaded() == 2 * [{"from": [-ends], "to": [ends]}]


def test_any_set_of_functions_can_be_chosen(page: AppTest) -> None:
    names = [words(name) for name in ACTIVATIONS]
    page.multiselect(key="view_curves").set_value(names)
    again(page)
    assert list(table(page).index) == names
    page.multiselect(key="view_curves").set_value(["softsign"])
    again(page)
    assert list(table(page).index) == ["softsign"]


def test_the_saturation_threshold_is_that_of_the_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_lesson(monkeypatch, "activation_functions", saturation_threshold="0.5")
    expected = lesson.summary(lesson.output_table(FIRST, 1.0, 0.5)).set_index("function")
    pd.testing.assert_frame_equal(table(at), expected)
    assert any("slope below 0.5 " in caption.value for caption in at.caption)


def test_the_page_opens_as_its_link_says(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = {"curves": "hard_tanh,centred_logistic", "std": "2.5", "float64": "on"}
    at = open_lesson(monkeypatch, "activation_functions", **parameters)
    assert list(table(at).index) == ["hard tanh", "centred logistic"]
    assert at.slider(key="view_std").value == 2.5
    assert at.toggle(key="view_float64").value
    assert refused(at) == []


def test_what_a_link_asks_for_in_vain_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_lesson(monkeypatch, "activation_functions", curves="tnah", std="11", float64="perhaps")
    lines = refused(at)
    assert len(lines) == 3
    assert "did you mean 'tanh'?" in lines[0]
    assert "0.1 to 10" in lines[1]
    assert "on, off" in lines[2]
    assert list(table(at).index) == FIRST


def test_the_verdict_on_the_cost_is_that_of_the_measurement_on_the_named_machine(page: AppTest) -> None:
    assert "supported by these measurements" in said(page)
    assert "3\\.0 times as long as relu" in said(page)
    assert "20 % with layers of 8 units and 0\\.3 % with layers of 512" in said(page)
    machine = timing.machine()
    assert any(machine.numpy in caption.value.replace("\\", "") for caption in page.caption)
    assert any(machine.processor in caption.value.replace("\\", "") for caption in page.caption)


def test_it_is_measured_once_until_asked_again(page: AppTest, measured: Counter[str]) -> None:
    page.slider(key="view_std").set_value(2.0)
    again(page)
    assert measured == {"activations": 1, "float32": 1}
    page.toggle(key="view_float64").set_value(True)
    again(page)
    assert measured == {"activations": 1, "float32": 1, "float64": 1}
    page.button(key="measure").click()
    again(page)
    assert measured == {"activations": 2, "float32": 1, "float64": 2}
