"""The box of the form that puts a start together, shows what it means before training, and adds it."""

from functools import lru_cache

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.results.results import Result
from tests.engine import train
from tests.pages.lessons import again, refused
from tests.pages.results import captions, open_on


@lru_cache
def result() -> Result:
    small = {
        "dataset": "iris",
        "hidden": "8-8",
        "epochs": "1",
        "seeds": "1",
        "activation": "tanh",
        "initialiser": "zeros",
    }
    return train(Experiment.from_params(small))


def opened(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    at = open_on(monkeypatch, "runs", result())
    at.session_state["section_Network"] = at.session_state["start"] = True
    return again(at)


def test_a_scheme_with_its_values_is_added_to_the_field_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch)
    assert "start_add" in {button.key for button in at.button}
    at.selectbox(key="start_scheme").select("uniform")
    at = again(at)
    at.button_group(key="start_uniform").set_value("low:high")
    at = again(at)
    at.number_input(key="start_uniform_2_low").set_value(-0.25)
    at.number_input(key="start_uniform_2_high").set_value(0.5)
    at = again(at)
    assert "uniform:-0.25:0.5" in [code.value for code in at.code]
    assert "theory does not hold" in captions(at)
    for _ in range(2):
        at.button(key="start_add").click()
        at = again(at)
        assert at.multiselect(key="form_initialiser").value == ["zeros", "uniform:-0.25:0.5"]
    assert refused(at) == []


def test_values_that_do_not_go_together_cannot_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch)
    at.selectbox(key="start_scheme").select("uniform")
    at = again(at)
    at.button_group(key="start_uniform").set_value("low:high")
    at = again(at)
    at.number_input(key="start_uniform_2_low").set_value(2.0)
    at = again(at)
    assert "uniform takes a low below its high" in captions(at)
    assert "start_add" not in {button.key for button in at.button}
