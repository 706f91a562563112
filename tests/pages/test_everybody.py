"""What a chart comes to, for who cannot see it: no chart of any page lacks it.

Nor where there is next to nothing to draw: tests/pages/test_extremes.py.
"""

import re

import pytest

from core.experiment.experiment import Experiment
from core.results.results import Result
from pages.parts.catalogue import PAGES
from tests.engine import train
from tests.pages.lessons import open_lesson
from tests.pages.results import OF_A_RESULT, charts_in_words, open_on

LESSONS = ("activation_functions", "gradient_paths", "zigzag", "watch")
WITHOUT_CHARTS = ("runs", "own_data", "compare")
"""A card of a run, a table and a second result have to be chosen first: their charts are looked at where that is."""
FULL = {
    "dataset": "iris",
    "hidden": "4-4",
    "epochs": "3",
    "seeds": "2",
    "batch_size": "8,full",
    "target": "train_accuracy:0.3",
}
SQUARE = "logistic,tanh,centred_logistic,steep_logistic,steep_centred_logistic"


@pytest.fixture(scope="module")
def of_everything() -> Result:
    return train(Experiment.from_params(FULL | {"activation": SQUARE, "learning_rate": "0.1,1", "gain": "1,2"}))


def test_every_page_is_looked_at() -> None:
    of_lessons = {entry.name for entry in PAGES if entry.path in LESSONS}
    assert {*OF_A_RESULT, *of_lessons, *WITHOUT_CHARTS} == {entry.name for entry in PAGES}


@pytest.mark.parametrize("page", [name for name in OF_A_RESULT if name not in WITHOUT_CHARTS])
def test_no_chart_of_a_result_is_without_its_finding(
    monkeypatch: pytest.MonkeyPatch, of_everything: Result, page: str
) -> None:
    found = charts_in_words(open_on(monkeypatch, page, of_everything))
    assert found
    assert all(re.search(r"\d", said) for said in found), "with a number in it"


@pytest.mark.parametrize("path", LESSONS)
def test_no_chart_of_a_lesson_is_without_its_finding(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    small = {"dataset": "two_moons", "samples": "40", "hidden": "2", "epochs": "3", "layer": "1"}
    found = charts_in_words(open_lesson(monkeypatch, path, **(small if path == "watch" else {})))
    assert found
    assert all(re.search(r"\d", said) for said in found), "with a number in it"
