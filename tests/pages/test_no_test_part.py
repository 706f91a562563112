"""Where nothing is kept back for testing, pages say so and show the rest."""

from typing import Any

import pytest

from core.charts.convergence import learning_curves
from core.experiment.experiment import Experiment
from core.jobs.running import run
from core.lessons import effects, findings
from core.lessons.effects import FOUR
from core.results.results import Result
from tests.engine import change
from tests.pages.results import OF_A_RESULT, captions, charts, open_on

SETTINGS: dict[str, Any] = {"epochs": 4, "seeds": 2, "hidden": "4-4"}


@pytest.fixture(scope="module")
def parity() -> Result:
    """All points of four bits, some of whose runs diverge."""
    functions = {"activation": "tanh,relu", "initialiser": "normal:9", "learning_rate": 100}
    return run(change(Experiment(), dataset="parity:4", **functions, **SETTINGS))


@pytest.fixture(scope="module")
def whole() -> Result:
    """All of a real data set, with the functions of the 2 x 2."""
    functions = {"activation": (*FOUR, "tanh"), "initialiser": "normal:1"}
    return run(change(Experiment(), dataset="iris", test_share=0, **functions, **SETTINGS))


def test_there_are_no_numbers_of_it(parity: Result, whole: Result) -> None:
    for result in (parity, whole):
        assert not result.experiment.tested
        for table in (result.runs, result.epochs):
            names = [name for name in table.columns if "test" in str(name)]
            assert len(names) in (2, 4)
            assert table[names].isna().all().all()
        assert result.epochs["train_accuracy"].notna().any()


@pytest.mark.parametrize("name", OF_A_RESULT)
def test_every_page_opens(monkeypatch: pytest.MonkeyPatch, parity: Result, name: str) -> None:
    at = open_on(monkeypatch, name, parity)
    assert not at.exception
    assert "nan" not in " ".join(element.value for element in (*at.main.markdown, *at.caption)).split()


def test_the_finding_of_runs_speaks_of_no_accuracy_though_some_diverged(parity: Result) -> None:
    assert parity.runs["diverged_at"].notna().any()
    assert findings.runs(parity).evidence == "Nothing is kept back for testing."


def test_curves_of_the_test_part_are_those_of_the_training_part_which_is_said(
    monkeypatch: pytest.MonkeyPatch, whole: Result
) -> None:
    at = open_on(monkeypatch, "convergence", whole, measure="test")
    assert "Nothing is kept back for testing here: the curves are those of the training part." in captions(at)
    assert charts(at) == charts(open_on(monkeypatch, "convergence", whole))
    blank = learning_curves(whole.epochs, groups=whole.experiment.groups(), quantity="test_loss").to_dict()
    assert "Nothing is kept back for testing." in str(blank)


def test_the_2x2_of_test_accuracies_says_that_there_are_none(monkeypatch: pytest.MonkeyPatch, whole: Result) -> None:
    at = open_on(monkeypatch, "two_by_two", whole, outcome="final_test_accuracy")
    assert "Nothing is kept back for testing here" in captions(at)
    assert charts(at) == 0
    with pytest.raises(ValueError, match="runs: nothing was kept back for testing"):
        effects.decompose(whole.runs, "final_test_accuracy")
