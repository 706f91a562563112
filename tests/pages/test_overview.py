"""The start page without a browser: seven claims with the verdicts, numbers and n of the runs on the screen."""

from functools import lru_cache
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.lessons.claims import CLAIMS, tally
from core.results.results import Result
from tests.engine import train
from tests.pages.lessons import refused, said
from tests.pages.results import captions, charts, menus, open_on


@lru_cache
def result(**settings: Any) -> Result:
    quick: dict[str, Any] = {"dataset": "iris", "hidden": "8-8", "epochs": 12, "seeds": 3, "learning_rate": 0.3}
    return train(Experiment(**{**quick, **settings}))


def plain(at: AppTest) -> str:
    return said(at).replace("\\", "")


def test_every_claim_has_its_verdict_its_numbers_and_its_n(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "overview", result())
    found = [claim.judge(result()) for claim in CLAIMS]
    for claim, verdict in zip(CLAIMS, found, strict=True):
        assert f"badge[{verdict.verdict}] **{claim.id}. {claim.sentence}**" in said(at)
        assert verdict.evidence in plain(at)
    assert f"**{tally(found)}**" in said(at)
    cards = captions(at).replace("\\", "").splitlines()
    assert cards.count("n = 18 runs, 3 seeds a group") == len(CLAIMS)
    assert charts(at) == menus(at) == 2
    assert refused(at) == []


def test_another_learning_rate_gives_other_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = said(open_on(monkeypatch, "overview", result()))
    slow = said(open_on(monkeypatch, "overview", result(learning_rate=1e-6)))
    assert "badge[not decided] **Q6." in slow
    assert "badge[not decided] **Q6." not in fast


def test_each_card_leads_to_its_page_with_the_experiment_on_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "overview", result())
    links = [element.proto for element in at.get("page_link")]
    for claim in CLAIMS:
        own = [link for link in links if link.page == claim.page and "learning_rate=0.3" in link.query_string]
        assert own, claim.id


@pytest.mark.parametrize("settings", [{"hidden": "none"}, {"statistics": "standard"}, {"activation": "relu"}])
def test_a_result_that_decides_little_is_no_error(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    at = open_on(monkeypatch, "overview", result(epochs=1, seeds=1, **settings))
    assert "not decided" in said(at)
