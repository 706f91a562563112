"""Every page on results at the edge of what can be trained: nothing to compare, nothing measured, nothing alive."""

import re
from functools import lru_cache

import pytest

from core.experiment.experiment import Experiment
from core.lessons import findings
from core.lessons.effects import FOUR, TANH
from core.results.results import Result
from tests.engine import train
from tests.pages.lessons import refused
from tests.pages.results import OF_A_RESULT, captions, charts_in_words, open_on

SMALL = {"dataset": "iris", "hidden": "4-4", "epochs": "2", "seeds": "2"}
OVERFLOWS = {"initialiser": "normal:1000", "gain": "100", "activation": "relu", "hidden": "-".join(["16"] * 12)}
EXTREMES = {
    "all diverged at initialisation": OVERFLOWS,
    "the same without a hidden layer's numbers, or none": OVERFLOWS | {"hidden": "none," + OVERFLOWS["hidden"]},
    "some diverged at initialisation": OVERFLOWS | {"activation": "relu,tanh", "initialiser": "normal:1000,zeros"},
    "all diverged in training": {"activation": "identity", "learning_rate": "1000", "epochs": "5"},
    "no hidden layer": {"hidden": "none"},
    "one run of one epoch": {"seeds": "1", "epochs": "1", "activation": "tanh", "initialiser": "zeros"},
    "no gradient at all": {"initialiser": "zeros", "activation": ",".join([*FOUR, TANH])},
    "a 2 x 2 that diverges": {"activation": ",".join(FOUR), "initialiser": "normal:1000", "learning_rate": "1000,0.1"},
    "a function that nothing saturates": {
        "seeds": "1",
        "epochs": "1",
        "activation": "identity",
        "initialiser": "he_normal",
    },
    "logits far too large for the squared error": {
        "activation": "relu",
        "initialiser": "normal:100",
        "learning_rate": "1000",
        "loss": "squared_error",
    },
    "several of all but functions": {
        "activation": "logistic",
        "hidden": "4,8-8",
        "learning_rate": "0.01,0.1",
        "batch_size": "full,8",
    },
    "one unit, one example at a time": {"hidden": "1", "batch_size": "1", "epochs": "1"},
    "two initialisers of one scale": {
        "initialiser": "normal:0,normal:0.01,sparse:15",
        "gain": "1,100",
        "bias": "false",
    },
    "standard statistics": {"statistics": "standard"},
    "no plain network": {"residual": "true", "normalisation": "layer", "activation": ",".join([*FOUR, TANH, "gelu"])},
    "plain networks and others": {
        "residual": "false,true",
        "normalisation": "none,layer",
        "optimiser": "sgd,adam",
        "activation": "logistic,softplus,gelu",
    },
}


@lru_cache
def result(name: str) -> Result:
    return train(Experiment.from_params(SMALL | EXTREMES[name]))


@pytest.mark.parametrize("page", OF_A_RESULT)
@pytest.mark.parametrize("name", EXTREMES)
def test_every_page_opens_and_no_chart_on_it_is_without_its_finding(
    monkeypatch: pytest.MonkeyPatch, name: str, page: str
) -> None:
    at = open_on(monkeypatch, page, result(name))
    assert refused(at) == []
    for said in charts_in_words(at):
        assert said
        assert not re.search(r"\b(nan|inf|None|NaN)\b", said), said


@pytest.mark.parametrize("page", OF_A_RESULT)
def test_no_page_speaks_of_hidden_units_where_there_are_none(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    at = open_on(monkeypatch, page, result("no hidden layer"))
    specifications = " ".join(chart.proto.spec for chart in at.get("vega_lite_chart"))
    assert "no finite values" not in specifications
    assert "hidden units that are" not in specifications


def test_the_cases_are_what_they_are_called() -> None:
    assert result("all diverged at initialisation").layers.empty
    none = result("the same without a hidden layer's numbers, or none")
    assert set(none.layers["role"]) == {"output"}
    assert result("some diverged at initialisation").runs["status"].value_counts()["diverged"] > 0
    assert not result("some diverged at initialisation").layers.empty
    assert result("all diverged in training").runs["status"].eq("diverged").all()
    assert result("all diverged in training").runs["last_update"].gt(0).any()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("all diverged at initialisation", "had diverged at initialisation"),
        ("the same without a hidden layer's numbers, or none", "Nothing was measured in a hidden layer."),
        ("no hidden layer", "These networks have no hidden layer."),
    ],
)
def test_why_nothing_is_known_of_hidden_layers_is_said_as_it_is(name: str, why: str) -> None:
    for find in (findings.saturation, findings.dead_flat, findings.gradient_signs):
        evidence = find(result(name)).evidence
        assert why in evidence
        assert "no hidden layer" in why or "no hidden layer" not in evidence


@pytest.mark.parametrize("page", ["saturation", "signal_propagation", "gradient_signs", "batch_size"])
def test_a_page_without_numbers_says_why(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    at = open_on(monkeypatch, page, result("all diverged at initialisation"))
    assert "these runs had diverged at initialisation, or were not trained" in captions(at)
