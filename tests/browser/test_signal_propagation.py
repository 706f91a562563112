"""Signal propagation in a browser: the controls move, and the words, the files and the link follow."""

from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from core.lessons import signal_propagation as lesson
from core.theory.theory import fixed_point, length_map
from tests.browser.harness import (
    PATIENCE,
    Server,
    chart_ready,
    saved,
    visit,
    wait_until_idle,
)
from tests.browser.lessons import press

QUICK = {
    "dataset": "iris",
    "activation": "tanh,relu",
    "initialiser": "normal:1,glorot_uniform",
    "hidden": "16-16",
    "epochs": "2",
    "seeds": "2",
}
CHARTS = 6


def table(page: Page, name: str, folder: Path) -> pd.DataFrame:
    """The file behind a chart, as a reader gets it."""
    return pd.read_csv(saved(page, f"{name}", folder))


def open_at(page: Page, address: str) -> None:
    visit(page, address)
    chart_ready(page, CHARTS)
    expect(page.get_by_text("by these runs").first).to_be_visible()


def test_theory_stands_beside_the_measurement_of_every_group_and_layer(
    dashboard: Server, page: Page, tmp_path: Path
) -> None:
    open_at(page, dashboard.link("signal_propagation", **QUICK))
    expect(page.get_by_text("so far")).to_have_count(0)
    found = table(page, "length_by_layer", tmp_path)
    assert len(found) == 4 * 2 * 4
    assert found["predicted"].notna().all()
    assert found["epoch"].unique().tolist() == [0]
    press(page, "Epoch", "End", 1, "epoch=2")
    expect(page.get_by_text("At epoch 2 training has tied the weights")).to_be_visible()
    later = table(page, "length_by_layer", tmp_path)
    assert later["predicted"].to_list() == found["predicted"].to_list()
    assert later["median"].to_list() != found["median"].to_list()


def test_a_point_tried_moves_with_the_keyboard_and_its_words_are_theory(
    dashboard: Server, page: Page, tmp_path: Path
) -> None:
    open_at(page, dashboard.link("signal_propagation", **QUICK, sw="1.8", sb="0"))
    expect(page.get_by_text(f"At ×, tanh: {lesson.point_words('tanh', 1.8, 0.0)}")).to_be_visible()
    press(page, "σw to try", "ArrowRight", 2, "sw=2")
    expect(page.get_by_text(f"At ×, tanh: {lesson.point_words('tanh', 2.0, 0.0)}")).to_be_visible()
    lengths = table(page, "length_map", tmp_path)
    from_one = lengths[lengths["start"] == 1.0]["q"].to_list()
    assert from_one[1:] == pytest.approx(length_map("tanh", 4.0, 0.0, lesson.MAP_LAYERS, 1.0).tolist())
    assert from_one[-1] == pytest.approx(fixed_point("tanh", 4.0, 0.0).q, rel=1e-3)


def test_a_map_without_a_fixed_point_says_so(dashboard: Server, page: Page, tmp_path: Path) -> None:
    open_at(page, dashboard.link("signal_propagation", **QUICK, diagram="relu", sw="2", sb="0"))
    expect(page.get_by_text("At ×, relu: no finite fixed point: q grows without limit")).to_be_visible()
    points = table(page, "phase_diagram", tmp_path).set_index("initialiser")
    assert points["activation"].unique().tolist() == ["relu"]
    assert pd.isna(points["q"]["normal:1"])
    assert points["sw"]["normal:1"] == pytest.approx(4.0, rel=0.15)  # 16 units with weights of variance 1
    shading = table(page, "phase_diagram_shading", tmp_path)
    assert shading.loc[shading["sw"] > 1.5, "chi"].isna().all()


def test_saturation_shows_theory_too_and_leads_here(dashboard: Server, page: Page, tmp_path: Path) -> None:
    visit(page, dashboard.link("saturation", **QUICK))
    expect(page.get_by_role("heading", name="Could theory have predicted it?")).to_be_visible(timeout=PATIENCE)
    chart_ready(page)
    assert set(table(page, "theory", tmp_path)["quantity"]) == {"length", "saturated", "mean", "backward"}
    page.get_by_test_id("stMain").get_by_role("link", name="Signal propagation").click()
    wait_until_idle(page)
    expect(page.get_by_role("heading", name="How far does a signal get?")).to_be_visible()
    assert "hidden=16-16" in page.url
