"""Zigzag without a browser: what it says is true of the descent that the controls and the link ask for."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from core.lessons import zigzag
from core.lessons.zigzag import BATCH, COMPARED, EXAMPLE, SOLUTION, UPDATES, Descent
from core.text import number
from tests.pages.lessons import again, open_lesson, refused, said


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_lesson(monkeypatch, "zigzag")


def test_at_first_no_example_of_the_logistic_steps_towards_the_minimum(page: AppTest) -> None:
    assert re.search(r"After 10 steps, .* logistic 0 % \(2 of 4 quadrants open\)", said(page))
    assert len(page.get("vega_lite_chart")) == 4
    assert refused(page) == []


def test_the_tables_hold_the_numbers_of_the_descent(page: AppTest) -> None:
    descent = Descent()
    summary, conditions = page.dataframe
    expected = zigzag.summary_table(descent, descent.paths(COMPARED, UPDATES))
    assert summary.value["tortuosity"].tolist() == pytest.approx(expected["tortuosity"].tolist())
    assert number(expected["tortuosity"][0]) in said(page)
    measured = conditions.value.set_index("function")
    assert measured["condition_formula"]["logistic"] == pytest.approx(
        1 + 2 * (measured["mean"]["logistic"] / measured["std"]["logistic"]) ** 2
    )
    assert measured["condition_measured"]["logistic"] > 10 > 1.5 > measured["condition_measured"]["tanh"]


def test_the_step_slider_moves_the_point_and_the_link(page: AppTest) -> None:
    page.select_slider(key="view_step").set_value(3)
    again(page)
    assert "After 3 steps" in said(page)
    assert page.query_params["step"] == "3"


def test_playing_goes_on_to_the_last_step_and_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_lesson(monkeypatch, "zigzag", steps="20", step="17", functions="tanh", updates="full_batch")
    page.button(key="play").click()
    seen = []
    for _ in range(6):
        again(page)
        seen.append(page.select_slider(key="view_step").value)
    assert seen == [18, 19, 20, 20, 20, 20]
    assert page.button(key="play").label == "Play"
    page.button(key="play").click()
    again(page)
    assert page.select_slider(key="view_step").value == 1
    assert page.button(key="play").label == "Pause"
    page.button(key="play").click()
    again(page)
    assert page.select_slider(key="view_step").value == 1
    assert page.button(key="play").label == "Play"


def test_momentum_shrinks_the_gap_between_the_slowest_and_the_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_lesson(monkeypatch, "zigzag", share="0.3", momentum="0.7")
    found = re.search(r"slowest needs ([\d.]+) times the steps of the fastest, less than the ([\d.]+)", said(page))
    assert found is not None
    assert float(found[1]) < float(found[2])


def test_one_rate_for_all_replaces_the_share_of_each_one_s_limit(page: AppTest) -> None:
    page.button_group(key="view_rates").set_value("the same for all")
    again(page)
    assert page.dataframe[0].value["learning_rate"].tolist() == [0.4] * 6
    assert page.query_params["rates"] == "the_same_for_all"


@pytest.mark.parametrize("function", ["softsign", "relu"])
def test_other_functions_can_be_linked_to(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    page = open_lesson(monkeypatch, "zigzag", functions=function, updates="one_example", std="0.4", momentum="0.9")
    assert refused(page) == []
    assert page.multiselect(key="view_functions").value == [function.replace("_", " ")]
    assert set(page.dataframe[0].value["updates"]) == {EXAMPLE}


def test_a_start_at_the_minimum_and_a_path_that_diverges_are_said_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    still = open_lesson(monkeypatch, "zigzag", start_w1=f"{SOLUTION[0]:g}", start_w2=f"{SOLUTION[1]:g}")
    assert "tanh at it" in said(still)
    wild = open_lesson(
        monkeypatch, "zigzag", functions="steep_logistic", rates="the_same_for_all", rate="5", steps="200", step="200"
    )
    assert "diverged" in wild.dataframe[0].value["outcome"].tolist()
    assert "Now off the chart: steep logistic" in said(wild)


def test_with_nothing_chosen_the_first_choice_is_shown(page: AppTest) -> None:
    page.multiselect(key="view_functions").set_value([])
    again(page)
    assert set(page.dataframe[1].value["function"]) == {name.replace("_", " ") for name in COMPARED}


def test_what_a_link_asks_for_in_vain_is_named_with_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_lesson(monkeypatch, "zigzag", momentum="1", functions="tanh,sigmoid", step="700", start_w1="x")
    lines = {line.partition(":")[0]: line for line in refused(page)}
    assert set(lines) == {"momentum", "functions", "step", "start_w1"}
    assert "0 to 0.9" in lines["momentum"]
    assert "sigmoid" in lines["functions"]
    assert page.multiselect(key="view_functions").value == ["tanh"]
    assert BATCH in page.dataframe[0].value["updates"].tolist()
