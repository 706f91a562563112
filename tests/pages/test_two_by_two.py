"""Centring or slope without a browser: numbers, words and offers follow the result and the controls."""

from functools import lru_cache
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.experiment.presets import PRESETS
from core.lessons import effects
from core.lessons.effects import FOUR, TANH
from core.results.results import Result
from core.text import words
from tests.engine import train
from tests.pages.lessons import again, refused, said
from tests.pages.results import captions, charts, menus, open_on

GRID: dict[str, Any] = {
    "dataset": "iris", "activation": (*FOUR, TANH), "initialiser": "glorot_uniform", "hidden": "8", "seeds": 3,
    "learning_rate": (0.1, 1.0), "epochs": 20, "batch_size": 16, "record": "every", "statistics": "standard",
    "target": "train_accuracy:0.8",
}  # fmt: skip
BEST = "each function's own best"


@lru_cache
def result(**settings: Any) -> Result:
    return train(Experiment(**{**GRID, **settings}))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_on(monkeypatch, "two_by_two", result())


def test_the_effects_on_the_page_are_those_of_the_runs(page: AppTest) -> None:
    found = effects.decompose(result().runs)
    finding = effects.finding(found)
    assert finding.evidence in said(page).replace("\\", "")
    assert f"{finding.verdict} by these runs" in said(page)
    assert "n = 30 runs, 3 seeds a group" in captions(page)
    assert page.dataframe[0].value["median_low"].tolist() == pytest.approx(found.cells["median_low"].tolist())
    assert charts(page) == menus(page) == 3
    assert refused(page) == []


def test_one_rate_for_all_gives_other_numbers_and_travels_in_the_link(page: AppTest) -> None:
    own_best = said(page)
    page.selectbox(key="view_rate").set_value("0.1")
    again(page)
    assert said(page) != own_best
    assert "all at learning rate 0.1" in said(page).replace("\\", "")
    assert page.query_params["rate"] == "0.1"
    page.selectbox(key="view_rate").set_value(BEST)
    again(page)
    assert "rate" not in page.query_params


@pytest.mark.parametrize("outcome", ["final_training_loss", "final_test_accuracy"])
def test_the_outcome_is_taken_from_the_link(monkeypatch: pytest.MonkeyPatch, outcome: str) -> None:
    at = open_on(monkeypatch, "two_by_two", result(), outcome=outcome)
    name = {"final_training_loss": "final_train_loss"}.get(outcome, outcome)
    assert effects.finding(effects.decompose(result().runs, name)).evidence in said(at).replace("\\", "")
    assert refused(at) == []


def test_each_network_has_a_2_x_2_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    two = result(hidden="8,4", seeds=2, epochs=4)
    at = open_on(monkeypatch, "two_by_two", two)
    network = at.selectbox(key="view_network")
    assert network.options == ["8 · batch 16 · glorot_uniform", "4 · batch 16 · glorot_uniform"]
    network.set_value(network.options[1])
    again(at)
    expected = effects.decompose(effects.settings(two.runs)[network.options[1]])
    assert at.dataframe[0].value["median_low"].tolist() == pytest.approx(expected.cells["median_low"].tolist())


def test_a_function_has_one_name_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "two_by_two", result())
    names = {words(name) for name in (*FOUR, TANH)}
    assert set(at.dataframe[0].value["activation"]) == names
    shown = [chart.proto.alt + chart.proto.spec for chart in at.get("vega_lite_chart")]
    assert not any("centred_logistic" in each for each in shown)
    assert all("centred logistic" in each for each in shown[1:])


def test_without_the_four_functions_the_page_says_why_and_offers_them(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "two_by_two", result(activation="tanh", seeds=1, epochs=1))
    assert "three things at once" in said(at)
    assert charts(at) == 0
    at.button(key="offer_two_by_two").click()
    again(at)
    assert at.session_state["asked_for"] == [PRESETS["two_by_two"].experiment]


def test_one_learning_rate_is_shown_and_called_no_fair_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "two_by_two", result(learning_rate=0.1, seeds=2, epochs=4))
    assert charts(at) == 3
    assert "slope is credited" in said(at)
    assert at.button(key="offer_two_by_two").label.startswith("Train")


def test_what_a_link_asks_for_in_vain_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "two_by_two", result(), outcome="speed", rate="7", network="none")
    assert {line.partition(":")[0] for line in refused(at)} == {"outcome", "rate", "network"}
