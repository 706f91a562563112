"""Sweep maps in a browser: a map is drawn, on a phone too, its file holds its cells, and a press trains a sweep."""

from pathlib import Path

import pandas as pd
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.harness import PATIENCE, PHONE, Server, chart_ready, no_horizontal_overflow, saved, visit
from tests.browser.harness import wait_until_idle as rest

ONE = {"dataset": "iris", "activation": "tanh", "initialiser": "normal:1", "hidden": "8", "epochs": "3", "seeds": "1"}


def test_a_sweep_that_is_offered_becomes_a_map_with_its_file_and_another_measure_is_in_the_link(
    dashboard: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(width=PHONE, color_scheme="dark")
    visit(page, dashboard.link("sweep_maps", **ONE))
    page.get_by_role("button", name="Train: Initial scale by depth").press("Enter")
    page.wait_for_url(lambda url: "0.01" in url)
    chart_ready(page)
    expect(page.get_by_text("of 28 cells").first).to_be_visible()
    expect(page.get_by_text("so far")).to_have_count(0, timeout=PATIENCE)
    rest(page)
    no_horizontal_overflow(page)
    cells = pd.read_csv(saved(page, "sweep_map", tmp_path))
    rest(page)
    assert len(cells) == 7 * 4
    assert cells["runs"].eq(1).all()
    assert cells.loc[cells["state"] == "value", "value"].notna().all()
    share = page.get_by_role("option", name="share that reached the target")
    for _ in range(10):  # the list closes again where the page is still being drawn
        page.get_by_role("combobox", name="Measure").first.press("ArrowDown")
        page.wait_for_timeout(500)
        if share.is_visible():
            break
    share.click()
    page.wait_for_url("**measure=reached**")
    rest(page)
    shares = pd.read_csv(saved(page, "sweep_map", tmp_path))
    assert shares["value"].isin([0, 1]).all()
    assert shares["value"].eq(1).tolist() == cells["window"].tolist()
