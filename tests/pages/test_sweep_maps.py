"""Sweep maps as a page: what it offers where nothing is swept, and what its controls and its link change."""

from functools import lru_cache

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.lessons.maps import sweeps
from core.results.results import Result
from pages.parts.controls import text_of
from tests.engine import train
from tests.pages.lessons import refused
from tests.pages.results import captions, charts, menus, open_on

SMALL = {
    "dataset": "iris", "activation": "tanh", "initialiser": "normal:0.1,normal:1", "hidden": "4,4-4", "epochs": "3",
    "seeds": "2", "target": "train_accuracy:0.5",
}  # fmt: skip


def said(at: AppTest) -> str:
    """All small print, without the marks that keep it from being read as Markdown."""
    return captions(at).replace("\\", "")


@lru_cache
def result(**changed: str) -> Result:
    return train(Experiment.from_params(SMALL | changed))


@pytest.mark.parametrize(("changed", "have"), [({}, "one: initialiser"), ({"initialiser": "normal:1"}, "none")])
def test_fewer_than_two_swept_settings_are_said_and_sweeps_are_offered(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], have: str
) -> None:
    one = result(hidden="4", **changed)
    at = open_on(monkeypatch, "sweep_maps", one)
    assert charts(at) == 0
    assert any(f"has {have}." in element.value.replace("\n", " ") for element in at.markdown)
    offered = sweeps(one.experiment)
    assert [button.label for button in at.button if "offer_" in (button.key or "")] == [
        f"Train: {preset.title}" for preset in offered
    ]
    assert all(str(preset.experiment.cost().runs) in said(at) for preset in offered)
    at.button(key="offer_scale_by_depth").click().run()
    assert at.session_state["asked_for"] == [offered[0].experiment]


def test_the_map_follows_its_controls_and_they_are_in_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    several = result(learning_rate="0.1,1")
    at = open_on(monkeypatch, "sweep_maps", several)
    assert (charts(at), menus(at)) == (2, 2)
    assert "A cell pools 2 values of depth and 2 seeds" in said(at)
    at.selectbox(key="view_columns").set_value("depth").run()
    at.selectbox(key="view_rows").set_value("learning_rate").run()
    assert "A cell pools 2 values of initialiser" in said(at)
    at.multiselect(key="view_only").set_value(["initialiser: normal:1"]).run()
    at.selectbox(key="view_measure").set_value("saturated").run()
    at.selectbox(key="view_where").set_value("last hidden layer").run()
    assert "The runs of a cell differ in their seed alone (2 seeds)" in said(at)
    own = {name: at.query_params[name] for name in at.query_params if name not in several.experiment.to_params()}
    assert own == {
        "columns": "depth", "measure": "saturated", "where": "last_hidden_layer",
        "only": "initialiser:_normal:1", "rows": "learning_rate",
    }  # fmt: skip
    again = open_on(monkeypatch, "sweep_maps", several, **own)
    assert refused(again) == []
    assert "The runs of a cell differ in their seed alone (2 seeds)" in said(again)


def test_a_baseline_is_in_the_maps_title_and_in_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    several = result(learning_rate="0.1,1")
    at = open_on(monkeypatch, "sweep_maps", several)
    baseline = several.experiment.groups()[1]
    at.selectbox(key="view_baseline").set_value(baseline).run()
    assert not at.exception
    assert at.query_params["baseline"] == text_of(baseline)
    title = at.get("vega_lite_chart")[0].proto.alt
    assert title.startswith("Times fewer updates to target than the baseline by")
    assert "1, the middle of the scale of colours, is equal to the baseline" in said(at)
    again = open_on(monkeypatch, "sweep_maps", several, baseline=text_of(baseline), measure="final_train_loss")
    assert refused(again) == []
    assert "0, the middle of the scale of colours, is equal to the baseline" in said(again)


def test_without_a_test_part_a_map_of_the_test_loss_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "sweep_maps", result(test_share="0", learning_rate="0.1,1"), measure="final_test_loss",
                 curve="final_test_loss")  # fmt: skip
    assert said(at).count("Nothing is kept back for testing here.") == 2
    assert refused(at) == []
