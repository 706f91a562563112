"""Watch it learn without a browser: every kind of data, what is too large, links, and the player's text."""

import json
import re
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.engine import watching as engine
from core.experiment.data import data_of
from core.experiment.experiment import Experiment
from core.lessons import watching
from core.registries.own_data import own_data
from pages.parts import own_table
from pages.parts.own_table import OwnTable
from pages.parts.session import KEY
from tests.pages.lessons import again, open_lesson, refused, said
from tests.pages.results import captions

QUICK = {"epochs": "2", "seeds": "2", "activation": "tanh", "initialiser": "glorot_uniform"}
ODD: dict[str, tuple[dict[str, str], int]] = {
    "two features": ({"dataset": "two_moons", "hidden": "5-2"}, 7),
    "a layer of two units": ({"dataset": "two_moons", "hidden": "5-2", "layer": "2"}, 8),
    "ten classes of 64 features": ({"dataset": "digits", "hidden": "4"}, 7),
    "no test part": ({"dataset": "parity:3", "hidden": "4", "target": "train_accuracy:0.9"}, 7),
    "no hidden layer": ({"dataset": "iris", "hidden": "none"}, 5),
    "a residual network, normalised": (
        {"dataset": "iris", "hidden": "4-4", "residual": "true", "normalisation": "layer", "dtype": "float64"}, 7,
    ),
    "squared errors without biases": ({"dataset": "iris", "hidden": "3", "loss": "squared_error", "bias": "false"}, 7),
}  # fmt: skip


def opened(patch: pytest.MonkeyPatch, **parameters: str) -> AppTest:
    return open_lesson(patch, "watch", **QUICK | parameters)


def charts(at: AppTest) -> int:
    return len(at.get("vega_lite_chart"))


def frames(at: AppTest) -> list[str]:
    """What the player says of each frame."""
    found = re.search(r"words = (\[.*?\]), last", str(player(at)), re.DOTALL)
    assert found is not None
    texts: list[str] = json.loads(found[1])
    return texts


def player(at: AppTest) -> Any:
    return next(each.proto.body for each in at.get("html") if 'class="film"' in each.proto.body)


@pytest.mark.parametrize("name", ODD)
def test_every_kind_of_data_and_network_is_watched(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    parameters, number = ODD[name]
    at = opened(monkeypatch, **parameters)
    assert refused(at) == []
    assert charts(at) == number
    assert len(frames(at)) == 3
    assert "the training loss" in said(at)
    assert not any("no finite values" in chart.proto.spec for chart in at.get("vega_lite_chart"))


def test_the_player_says_of_each_frame_what_the_engine_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch, dataset="two_moons", hidden="3", watch_seed="1", seed="1")
    experiment = Experiment.from_params(QUICK | {"dataset": "two_moons", "hidden": "3"})
    taken = engine.film(engine.alone(experiment, experiment.groups()[0], 1), data_of(experiment))
    assert frames(at) == watching.words(taken)
    assert refused(at)[0].startswith("watch_seed")


def test_single_updates_begin_after_the_epoch_of_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch, dataset="iris", hidden="3", clock="updates", begin="1", frame="2")
    assert [text.partition(":")[0] for text in frames(at)[:2]] == ["epoch 1, update 4", "epoch 1, update 5"]
    assert len(frames(at)) == 5
    assert at.query_params["frame"] == "2"
    assert "+1 epoch" in player(at)


def test_two_starts_are_side_by_side_and_equal_units_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch, dataset="two_moons", hidden="3", initialiser="constant:0.5,normal:1", beside="normal:1")
    assert charts(at) == 12
    assert all(text.count("\n") == 1 for text in frames(at))
    assert frames(at)[0].startswith("constant:0.5: epoch 0")
    assert said(at).count("the very weights of another unit") == 1


def test_the_next_seed_is_another_network(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch, dataset="two_moons", hidden="3")
    before = frames(at)
    at.button(key="next_seed").click()
    again(at)
    assert at.query_params["seed"] == "1"
    assert frames(at) != before


def test_the_plane_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch, dataset="iris", hidden="3")
    assert "drawn over the principal plane of the training inputs" in captions(at)
    across, up = data_of(Experiment.from_params(QUICK | {"dataset": "iris"})).feature_names[2:]
    at = opened(monkeypatch, dataset="iris", hidden="3", across=across.replace(" ", "_"), up=up.replace(" ", "_"))
    assert f"drawn over {across} and {up}; the other features are held at their mean" in captions(at).replace("\\", "")


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        (
            {"dataset": "digits", "hidden": "256-256"},
            "networks of up to 20,000 weights and biases; this one has 85,002",
        ),
        ({"dataset": "digits", "hidden": "64", "epochs": "9000"}, "this network would take about"),
    ],
)
def test_what_is_too_large_is_refused_with_the_number(
    monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str], why: str
) -> None:
    at = opened(monkeypatch, **parameters)
    assert charts(at) == 0
    assert why in "\n".join(refused(at))


def test_a_run_that_diverges_at_once_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(
        monkeypatch, dataset="iris", activation="relu", initialiser="normal:1000", gain="100",
        hidden="-".join(["16"] * 12),
    )  # fmt: skip
    assert charts(at) == 0
    assert "diverged at initialisation" in at.info[0].value


def test_a_table_of_ones_own_is_watched_by_whom_it_belongs_to_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    table = own_data("mine", rng.normal(size=(40, 3)), np.where(rng.normal(size=40) > 0, "<b>yes", "no"))
    at = open_lesson(monkeypatch, "watch", **QUICK, hidden="3")
    at.session_state[KEY].tables[table.name] = OwnTable("mine.csv", table)
    at.query_params.update(dataset=table.name)
    again(at)
    assert len(frames(at)) == 3
    assert charts(at) == 7
    monkeypatch.setattr(own_table, "of", lambda experiment: None)
    again(at)
    assert charts(at) == 0
    assert "open the file under Own data first" in at.info[0].value


def test_networks_of_two_data_sets_are_each_drawn_over_their_own_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch, dataset="two_moons,iris", hidden="3", beside="iris")
    assert refused(at) == []
    assert charts(at) == 12
    assert "over the principal plane" in captions(at)
    assert "over x1 and x2" in captions(at)
