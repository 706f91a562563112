"""Clicks: done where the page comes to the button, and done once, also where the page is begun anew before that."""

import ast
from functools import lru_cache

import pytest

from core.experiment.experiment import Experiment
from core.results.results import Result
from pages.parts import link, offer, progress, session, training
from tests.engine import train
from tests.pages.lessons import ROOT, again
from tests.pages.results import open_on

SMALL = {"dataset": "iris", "hidden": "4", "epochs": "1", "seeds": "2"}
OTHER = Experiment.from_params(SMALL | {"optimiser": "momentum"})
BUTTONS = [
    ("overview", "train", {}),  # in the sidebar, which is drawn last
    ("sweep_maps", "offer_scale_by_depth", {}),
    ("runs", "train_alone", {"run": "1"}),
    ("compare", "train_other", {"against": OTHER.to_query()}),
]


@lru_cache
def result() -> Result:
    return train(Experiment.from_params(SMALL))


def begin_anew(patch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Have the next runs of the page begun anew before it has drawn anything that can be clicked; notes each run."""
    runs: list[int] = []

    def bar() -> None:
        runs.append(len(runs))
        if len(runs) <= times:
            link.rerun()

    patch.setattr(progress, "bar", bar)
    return runs


@pytest.mark.parametrize(("page", "key", "parameters"), BUTTONS, ids=[key for _, key, _ in BUTTONS])
def test_a_click_is_done_once_although_the_page_is_begun_anew_before_it_comes_to_it(
    monkeypatch: pytest.MonkeyPatch, page: str, key: str, parameters: dict[str, str]
) -> None:
    at = open_on(monkeypatch, page, result(), **parameters)
    asked: list[Experiment] = []
    for name in ("train", "train_other"):
        monkeypatch.setattr(training, name, asked.append)
    monkeypatch.setattr(training, "settled", lambda: False)
    runs = begin_anew(monkeypatch, 2)
    at.button(key=key).click()
    again(at)
    assert len(runs) > 2
    assert len(asked) == 1
    again(again(at))
    assert len(asked) == 1


def test_a_click_on_a_button_that_is_gone_is_not_done_when_the_button_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = open_on(monkeypatch, "sweep_maps", result())
    with monkeypatch.context() as patch:
        patch.setattr(offer, "button", lambda preset: None)
        at.button(key="offer_scale_by_depth").click()
        again(at)
    again(at)
    assert at.button(key="offer_scale_by_depth").label.startswith("Train: ")
    assert "asked_for" not in at.session_state
    assert at.session_state[session.KEY].clicked == set()


def test_no_page_asks_streamlit_whether_a_button_was_clicked() -> None:
    """It tells that to one run alone; what a click does is done by a callback, or asked of `pages.parts.click`."""
    asked = []
    for path in (ROOT / "pages").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        asked += [
            f"{path.name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "st.button" and node not in told
        ]
    assert asked == []
