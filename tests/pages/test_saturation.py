"""Saturation and gradient signs without a browser: dead layers are seen, one thing is not called several."""

import json
from functools import lru_cache
from typing import Any

import pytest

from core.experiment.experiment import Experiment
from core.lessons import findings
from core.lessons.saturation import dead_flat_layers
from core.results.results import Result
from tests.engine import train
from tests.pages.lessons import again
from tests.pages.results import captions, open_on

SMALL: dict[str, Any] = {"dataset": "iris", "hidden": "6-6", "epochs": 1, "seeds": 2, "activation": "tanh"}


@lru_cache
def result(**settings: Any) -> Result:
    return train(Experiment(**SMALL | settings))


def test_layers_that_died_are_listed_with_when_and_whether_they_left(monkeypatch: pytest.MonkeyPatch) -> None:
    dead = result(initialiser="constant:100")
    at = open_on(monkeypatch, "saturation", dead)
    table = at.dataframe[0].value
    assert table.to_dict("records") == dead_flat_layers(dead.layers).to_dict("records")
    assert table["layer"].tolist() == [1, 2]
    assert table["from_epoch"].tolist() == [0, 0]


def test_where_none_died_there_is_no_such_table(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "saturation", result(initialiser="normal:0.01"))
    assert len(at.dataframe) == 0


def test_the_group_called_most_saturated_is_the_one_that_the_finding_names(monkeypatch: pytest.MonkeyPatch) -> None:
    # One seed of normal:0.01 dies whole; at the last epoch, over the runs, another scheme is the most saturated one.
    shown = result(
        dataset="two_moons", activation="relu", initialiser=("normal:0.01", "normal:1"), hidden="1", epochs=20, seeds=3
    )
    hidden = shown.layers[shown.layers["role"] == "hidden"]
    last = hidden[hidden["epoch"] == hidden["epoch"].max()].groupby("group")["saturated"].mean()
    assert hidden.groupby("group")["saturated"].max().idxmax() != last.idxmax()
    assert f"the most saturated hidden layer is layer 1 of {last.idxmax()}:" in findings.saturation(shown).evidence
    at = open_on(monkeypatch, "saturation", shown)
    subtitles = [" ".join(json.loads(each.proto.spec)["title"]["subtitle"]) for each in at.get("vega_lite_chart")]
    assert [text for text in subtitles if text.startswith(f"{last.idxmax()}; mean of the runs")]


def test_one_incoming_weight_is_one_random_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "gradient_signs", result(hidden="1-1"))
    assert "Dashed: 1 independent random sign. Neurons" in captions(at)


def test_networks_of_several_widths_are_told_whose_random_signs_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "gradient_signs", result(hidden=("6-6", "3-3")))
    assert "independent random signs, as many as most neurons here have; others have" in captions(at)


def test_one_slider_moves_the_page_and_an_older_link_keeps_the_epoch_of_its_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = open_on(monkeypatch, "saturation", result(epochs=3, record="every"), mean_epoch="2", epoch="1")
    assert [slider.label for slider in at.select_slider] == ["Epoch", "Hidden layer"]

    def subtitles() -> str:
        titles = [json.loads(chart.proto.spec)["title"] for chart in at.get("vega_lite_chart")]
        return " ".join(" ".join(title["text"] + title["subtitle"]) for title in titles)

    assert "at epoch 1" in subtitles()
    assert "at epoch 2" in subtitles()
    assert "Epoch 2, as the link asks." in captions(at)
    at.button(key="follow_mean_epoch").click()
    again(at)
    assert "at epoch 2" not in subtitles()
    assert "mean_epoch" not in at.query_params
    at.button(key="play").click()
    again(at)
    assert at.select_slider(key="view_epoch").value == 2
