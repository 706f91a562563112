"""A visitor's file on the pages, without a browser: it is all that pages ask of a result, and trains nothing."""

import threading
from functools import lru_cache

import pytest

from core.experiment.experiment import Experiment
from core.results.results import Result
from pages.parts.shown import Source
from pages.parts.upload import Upload
from tests.engine import train
from tests.pages.lessons import refused
from tests.pages.results import OF_A_RESULT, follow


@lru_cache
def result() -> Result:
    return train(Experiment.from_params({"dataset": "iris", "hidden": "4-4", "epochs": "2", "seeds": "2"}))


@pytest.mark.parametrize("name", OF_A_RESULT)
def test_every_page_opens_on_a_file_and_says_whose_it_is(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = threading.active_count()
    source: Source = Upload(result(), "mine **bold**.zip", "digest")
    assert threading.active_count() == before
    at = follow(monkeypatch, name, result().experiment, source)
    assert refused(at) == ["mine **bold**.zip"]
    assert not at.get("progress")
    assert any("12 runs" in caption.value for caption in at.caption)
    at.button(key="leave")


def test_two_files_of_one_experiment_are_two_versions_and_neither_is_that_of_the_job() -> None:
    first, second = (Upload(result(), "a.zip", digest).latest()[1] for digest in ("1", "2"))
    assert len({first, second, result().experiment.key}) == 3
