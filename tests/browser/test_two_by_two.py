"""Centring or slope in a browser: the button trains what the page needs, controls move the numbers, files hold them."""

import math
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from core.experiment.presets import PRESETS
from tests.browser.harness import (
    PATIENCE,
    Server,
    chart_ready,
    saved,
    visit,
    wait_until_idle,
)

SMALL = {
    "dataset": "iris", "hidden": "8", "initialiser": "glorot_uniform", "epochs": "20", "seeds": "3", "batch_size": "16",
    "activation": "logistic,centred_logistic,steep_logistic,steep_centred_logistic,tanh", "learning_rate": "0.1,1",
    "record": "every", "statistics": "standard", "target": "train_accuracy:0.8",
}  # fmt: skip
LACKING = {"dataset": "iris", "hidden": "4", "epochs": "1", "seeds": "1"}


def open_small(dashboard: Server, page: Page, **own: str) -> None:
    visit(page, dashboard.link("two_by_two", **SMALL, **own))
    chart_ready(page, 3)
    expect(page.get_by_text("by these runs", exact=False).first).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)


def finding(page: Page) -> str:
    return page.get_by_test_id("stMain").get_by_text("Tanh against logistic").first.inner_text()


def test_the_bars_in_the_file_add_up_to_what_the_page_says(dashboard: Server, page: Page, tmp_path: Path) -> None:
    open_small(dashboard, page)
    file = saved(page, "effects_updates_to_target", tmp_path)
    effects = pd.read_csv(file).set_index("effect")
    assert str(effects["text"]["all"]) in finding(page)
    assert str(effects["text"]["centring"]) in finding(page)
    logs = {name: math.log(value) for name, value in effects["estimate_low"].items() if math.isfinite(value)}
    if {"centring", "slope", "width", "all"} <= set(logs):
        assert logs["centring"] + logs["slope"] + logs["width"] == pytest.approx(logs["all"])


def test_the_outcome_and_the_rate_are_chosen_by_keyboard_and_stay_after_a_reload(dashboard: Server, page: Page) -> None:
    open_small(dashboard, page)
    before = finding(page)
    page.get_by_role("radio", name="final training loss").press("Enter")
    page.wait_for_url("**outcome=final_training_loss**")
    wait_until_idle(page)
    expect(page.get_by_text("in times lower training loss").first).to_be_visible(timeout=PATIENCE)
    rate = page.get_by_role("combobox", name="Learning rate").first
    rate.focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("option", name="0.1", exact=True).click()
    expect(page.get_by_text("all at learning rate 0.1").first).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)
    assert "&rate=0.1" in page.url
    page.reload()
    chart_ready(page, 3)
    expect(page.get_by_text("all at learning rate 0.1").first).to_be_visible(timeout=PATIENCE)
    assert finding(page) != before


def test_where_the_functions_are_missing_one_press_trains_them(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("two_by_two", **LACKING))
    button = page.get_by_role("button", name="Train: Is it the centring or the slope?")
    expect(button).to_be_visible(timeout=PATIENCE)
    button.press("Enter")
    page.wait_for_url(lambda url: "steep_centred_logistic" in url)
    chart_ready(page, 1)
    expect(page.get_by_text("supported by these runs", exact=True)).to_be_visible(timeout=120_000)
    said = finding(page)
    assert "61 % of it" in said or "centring 2" in said
    assert all(f"{name}=" in page.url for name in PRESETS["two_by_two"].experiment.to_params())
