"""Batch size without a browser: charts, words and offers follow the result and the controls."""

from functools import lru_cache
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.experiment.presets import PRESETS
from core.lessons import batch_size as lesson
from core.results.results import Result
from tests.engine import train
from tests.pages.lessons import again, refused, said
from tests.pages.results import charts, menus, open_on

SMALL: dict[str, Any] = {"dataset": "iris", "hidden": "12-12", "epochs": 2, "seeds": 2}


@lru_cache
def result(**settings: Any) -> Result:
    return train(Experiment(**{**SMALL, **settings}))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_on(monkeypatch, "batch_size", result())


def plain(at: AppTest) -> str:
    return said(at).replace("\\", "")


def test_at_first_the_second_layer_at_initialisation(page: AppTest) -> None:
    assert page.select_slider(key="view_epoch").value == 0
    assert page.select_slider(key="view_layer").value == 2
    assert lesson.larger_batches(result(), 0, 2).evidence in plain(page)
    assert lesson.smaller_weights(result(), 0, 2).evidence in plain(page)
    assert charts(page) == 3
    assert menus(page) == 4
    assert refused(page) == []


def test_another_layer_and_epoch_give_their_own_numbers(page: AppTest) -> None:
    page.select_slider(key="view_layer").set_value(3)
    page.select_slider(key="view_epoch").set_value(2)
    again(page)
    assert lesson.larger_batches(result(), 2, 3).evidence in plain(page)
    assert (page.query_params["layer"], page.query_params["epoch"]) == ("3", "2")


def test_the_scale_is_looked_at_for_the_chosen_gradient(page: AppTest) -> None:
    assert "the signs of a mini-batch's gradients" in plain(page)
    levels: Any = next(group for group in page.get("button_group") if group.key == "view_level")
    levels.set_value("epoch")
    again(page)
    assert "the signs of the whole training set's gradients" in plain(page)
    assert page.query_params["level"] == "epoch"


def test_the_table_holds_theory_beside_measurement(page: AppTest) -> None:
    expected = lesson.by_layer(result(), 0)
    assert page.dataframe[0].value["limit"].tolist() == pytest.approx(expected["limit"].tolist())
    means = page.dataframe[0].value["mean"]
    assert means.tolist() == pytest.approx(expected["mean"].tolist(), abs=1e-8)
    assert not [mean for mean in means if f"{mean:.3f}" == "-0.000" and abs(mean) < 1e-9]


@pytest.mark.parametrize("preset", ["batch_size", "initial_scale"])
def test_what_these_runs_lack_is_offered(page: AppTest, preset: str) -> None:
    page.button(key=f"offer_{preset}").click()
    again(page)
    assert page.session_state["asked_for"] == [PRESETS[preset].experiment]


def test_a_sweep_over_batch_sizes_asks_for_no_other_and_one_over_scales_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = open_on(monkeypatch, "batch_size", result(batch_size=(1, 16, 0), initialiser="glorot_uniform"))
    assert [button.key for button in sizes.button if str(button.key).startswith("offer_")] == ["offer_initial_scale"]
    assert charts(sizes) == 2
    scales = tuple(f"normal:{scale}" for scale in (0.01, 0.1, 0.3, 1))
    at = open_on(monkeypatch, "batch_size", result(initialiser=scales))
    assert [button.key for button in at.button if str(button.key).startswith("offer_")] == ["offer_batch_size"]


def test_of_many_lines_a_few_are_drawn_at_first_and_the_link_says_which_others(monkeypatch: pytest.MonkeyPatch) -> None:
    many = result(initialiser=tuple(f"normal:{scale}" for scale in (0.01, 0.03, 0.1, 0.3, 1)), epochs=1)
    at = open_on(monkeypatch, "batch_size", many, lines="tanh~normal:1")
    assert at.multiselect(key="view_lines").value == ["tanh · normal:1"]
    at.multiselect(key="view_lines").set_value([])
    again(at)
    assert charts(at) == 3


@pytest.mark.parametrize(
    ("settings", "said_so"),
    [({"statistics": "standard"}, "not measured (needs full statistics)"), ({"hidden": "none"}, "")],
)
def test_a_page_without_signs_or_hidden_layers_says_so(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], said_so: str
) -> None:
    at = open_on(monkeypatch, "batch_size", result(**settings))
    assert any(said_so in info.value for info in at.info) or not said_so


def test_what_a_link_asks_for_in_vain_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"epoch": "7", "layer": "9", "lines": "none", "function": "softsign", "level": "year"}
    at = open_on(monkeypatch, "batch_size", result(), **wrong)
    assert {line.partition(":")[0] for line in refused(at)} == set(wrong)
