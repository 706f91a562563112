"""Signal propagation without a browser: theory, measurement and words follow the result and the controls."""

from functools import lru_cache

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.lessons import signal_propagation as lesson
from core.results.results import Result
from tests.engine import train
from tests.pages.lessons import again, refused, said
from tests.pages.results import menus, open_on

PARAMETERS = {
    "dataset": "iris",
    "activation": "logistic,tanh,relu",
    "initialiser": "normal:1,glorot_uniform",
    "hidden": "16-16-16",
    "epochs": "2",
    "seeds": "2",
    "statistics": "standard",
}


@lru_cache
def result() -> Result:
    return train(Experiment.from_params(PARAMETERS))


def open_page(patch: pytest.MonkeyPatch, **parameters: str) -> AppTest:
    """The page on the small result, as after training."""
    return open_on(patch, "signal_propagation", result(), **parameters)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_page(monkeypatch)


def tried(page: AppTest) -> dict[str, list[float]]:
    """The point with a cross in the phase diagram."""
    tables = [table for chart in page.get("vega_lite_chart") for table in chart.proto.datasets]
    (rows,) = (table.data.data for table in tables if table.name == "tried")
    return pa.ipc.open_stream(rows).read_all().to_pydict()  # type: ignore[no-any-return]


def test_at_first_theory_and_measurement_at_initialisation(page: AppTest) -> None:
    assert page.select_slider(key="view_epoch").value == 0
    assert len(page.get("vega_lite_chart")) == 8
    assert menus(page) == 9, "the charts, and the shading of one"
    assert lesson.agreement(result()).verdict in said(page)
    assert lesson.backward(result()).claim in said(page).replace("\\", "")
    assert "Size of the weight gradients: not measured (needs full statistics)." in [c.value for c in page.caption]
    assert "**Training.**" not in said(page)
    assert "narrowest has 16 units" in said(page)
    assert refused(page) == []


def test_after_training_the_page_says_why_dots_and_lines_part(page: AppTest) -> None:
    page.select_slider(key="view_epoch").set_value(2)
    again(page)
    assert "**Training.** The lines are of initialisation" in said(page)


def test_every_group_has_its_point_and_those_without_a_fixed_point_say_so(page: AppTest) -> None:
    points = page.dataframe[0].value
    assert points["group"].to_list() == list(result().experiment.groups())
    notes = points.set_index("group")["note"]
    assert "without limit" in notes["relu · normal:1"]
    assert notes["tanh · normal:1"] == ""


def test_the_point_tried_is_described_and_moves_with_the_sliders(page: AppTest) -> None:
    assert lesson.point_words("logistic", 1.5, 0.3) in said(page).replace("\\", "")
    page.selectbox(key="view_diagram").set_value("relu")
    page.slider(key="view_sw").set_value(2.0)
    page.slider(key="view_sb").set_value(0.0)
    again(page)
    assert "At ×, relu: no finite fixed point" in said(page).replace("\\", "")
    assert tried(page) == {"sw": [2.0], "sb": [0.0]}
    page.slider(key="view_sb").set_value(0.7)
    again(page)
    assert tried(page) == {"sw": [2.0], "sb": [0.7]}


def test_the_page_opens_as_its_link_says(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_page(monkeypatch, diagram="tanh", sw="1", sb="0", epoch="2")
    assert "At ×, tanh: q settles at q* = 0. χ₁ = 1: gradients keep their size" in said(at).replace("\\", "")
    assert at.select_slider(key="view_epoch").value == 2
    assert refused(at) == []


def test_what_a_link_asks_for_in_vain_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_page(monkeypatch, diagram="softsign", sw="-1", sb="many", epoch="7")
    fields = {line.partition(":")[0] for line in refused(at)}
    assert fields == {"diagram", "sw", "sb", "epoch"}
