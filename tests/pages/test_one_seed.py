"""With one seed a group has one run: no page says of its charts that they show medians, bands or intervals."""

import json
import re
from functools import lru_cache

import pytest

from core.experiment.experiment import Experiment
from core.lessons.effects import FOUR, TANH
from core.results.results import Result
from tests.engine import train
from tests.pages.results import OF_A_RESULT, captions, open_on

SPREAD = re.compile(r"25-75 %|95 % interval|\binterval over|bootstrap")


@lru_cache
def result(seeds: int) -> Result:
    settings = {"dataset": "iris", "activation": ",".join([*FOUR, TANH]), "hidden": "4-4", "target": "train_loss:1"}
    settings |= {"epochs": "3", "seeds": str(seeds), "learning_rate": "0.1,1", "initialiser": "normal:0.3,normal:1"}
    return train(Experiment.from_params(settings))


def promises(patch: pytest.MonkeyPatch, page: str, seeds: int) -> list[str]:
    """What is said of spread below the titles of charts and in small print."""
    at = open_on(patch, page, result(seeds))
    subtitles = [" ".join(json.loads(each.proto.spec)["title"]["subtitle"]) for each in at.get("vega_lite_chart")]
    return [text for text in [*subtitles, *captions(at).split("\n")] if SPREAD.search(text)]


@pytest.mark.parametrize("page", OF_A_RESULT)
def test_one_run_has_no_spread(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    assert promises(monkeypatch, page, 1) == []


def test_several_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert promises(monkeypatch, "overview", 2)
    assert promises(monkeypatch, "convergence", 2)
