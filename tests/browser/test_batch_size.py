"""Batch size in a browser: sliders by keyboard, numbers read back, the file, and one press for a sweep."""

from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect

from tests.browser.harness import (
    PATIENCE,
    Server,
    chart_ready,
    saved,
    visit,
    wait_until_idle,
)
from tests.browser.lessons import said, slider

SMALL = {"dataset": "iris", "hidden": "12-12", "epochs": "2", "seeds": "2"}


def open_small(dashboard: Server, page: Page, count: int = 3, **own: str) -> None:
    visit(page, dashboard.link("batch_size", **{**SMALL, **own}))
    chart_ready(page, count)
    expect(page.get_by_text("by these runs", exact=False).first).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)


def test_the_first_chart_and_its_file_say_what_one_example_does(dashboard: Server, page: Page, tmp_path: Path) -> None:
    open_small(dashboard, page)
    assert "logistic 100 % with one example" in said(page, "Pairs of weights into a neuron of layer 2")
    file = saved(page, "pairs_by_batch", tmp_path)
    table = pd.read_csv(file)
    one = table[(table["size"] == 1) & (table["activation"] == "logistic")]
    assert len(one) == 6
    assert one["pairs"].eq(1).all()


def test_the_layer_slider_moves_by_keyboard_and_the_link_follows(dashboard: Server, page: Page) -> None:
    open_small(dashboard, page)
    slider(page, "Weights into layer").press("ArrowRight")
    expect(page.get_by_text("Pairs of weights into a neuron of layer 3").first).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)
    assert "layer=3" in page.url
    page.reload()
    chart_ready(page, 3)
    expect(page.get_by_text("Pairs of weights into a neuron of layer 3").first).to_be_visible(timeout=PATIENCE)


def test_one_press_trains_the_sweep_over_batch_sizes(dashboard: Server, page: Page) -> None:
    open_small(dashboard, page)
    page.get_by_role("button", name="Train: Do gradient signs still agree in a batch?").press("Enter")
    page.wait_for_url(lambda url: "256%2Cfull" in url)
    expect(page.get_by_text("1,438 examples").first).to_be_visible(timeout=120_000)
    assert "logistic 100 % with one example" in said(page, "Pairs of weights into a neuron of layer 2")
    expect(page.get_by_text("supported by these runs", exact=True).first).to_be_visible(timeout=120_000)
