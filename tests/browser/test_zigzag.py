"""Zigzag in a browser: click a start, move and play the steps, and read the numbers back."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from core.lessons.zigzag import REACH, TILE
from tests.browser.harness import (
    COUNT_GONE,
    PATIENCE,
    Server,
    chart_ready,
    saved,
    wait_until_idle,
)
from tests.browser.lessons import open_lesson, press, said, slider


def click_tile(page: Page, function: str, w1: float, w2: float) -> None:
    """Click on these weights in the chart of a function."""
    tiles = page.locator(f".st-key-chart_descent_{function} g.mark-rect").last.locator("path")
    row, column = (round((value + REACH) / TILE) for value in (w2, w1))
    tiles.nth(row * round(2 * REACH / TILE + 1) + column).click(force=True)
    page.wait_for_url(re.compile(f"start_w1={w1:g}&start_w2={w2:g}"), wait_until="commit")
    wait_until_idle(page)


def test_a_click_on_a_chart_is_the_new_start_of_all_paths(dashboard: Server, page: Page, tmp_path: Path) -> None:
    open_lesson(dashboard, page, "zigzag", 4)
    click_tile(page, "tanh", -2.0, 0.5)
    assert [slider(page, f"Start at {name}").input_value() for name in ("w₁", "w₂")] == ["-2", "0.5"]
    assert "start_w1=-2&start_w2=0.5" in page.url
    press(page, "Start at w₁", "ArrowRight", 1, "start_w1=-1.75")
    click_tile(page, "logistic", -2.0, 0.5)  # the same place again: it counts although it was the last one clicked
    assert "start_w1=-2&start_w2=0.5" in page.url
    file = saved(page, "paths", tmp_path)
    starts = pd.read_csv(file).query("step == 0")
    assert len(starts) == 6
    assert starts[["w1", "w2"]].drop_duplicates().to_numpy().tolist() == [[-2.0, 0.5]]
    page.reload()
    chart_ready(page, 4)
    wait_until_idle(page)
    assert slider(page, "Start at w₂").input_value() == "0.5"


def test_the_step_slider_moves_what_is_said_of_the_point(dashboard: Server, page: Page) -> None:
    open_lesson(dashboard, page, "zigzag", 4)
    assert "logistic 0 % (2 of 4 quadrants open)" in said(page, "After 10 steps")
    press(page, "Step", "ArrowLeft", 4, "step=6")
    assert "logistic 0 % (2 of 4 quadrants open)" in said(page, "After 6 steps")
    assert "step=6" in page.url


def test_it_plays_to_the_last_step_and_ends_by_itself(dashboard: Server, page: Page) -> None:
    open_lesson(dashboard, page, "zigzag", 2, functions="tanh", steps=20, step=16)
    page.evaluate(COUNT_GONE)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_text("After 20 steps")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)
    assert "step=20" in page.url
    assert page.evaluate("window.gone") == 0, "a chart has not stayed in its place"


def test_with_momentum_the_gap_shrinks_and_the_file_has_the_tortuosity_that_is_said(
    dashboard: Server, page: Page, tmp_path: Path
) -> None:
    open_lesson(dashboard, page, "zigzag", 4, share=0.3)
    gap = re.compile(r"slowest needs ([\d.]+) times the steps of the fastest, less than the ([\d.]+)")
    assert page.get_by_text("slowest needs").count() == 0
    press(page, "Momentum", "End", 1, "momentum=0.9")
    found = gap.search(said(page, "slowest needs"))
    assert found is not None
    assert float(found[1]) < float(found[2])
    table = pd.read_csv(saved(page, "paths", tmp_path))
    points = table.query("function == 'logistic' and updates == 'one example'")[["w1", "w2"]].to_numpy()
    length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    shown = re.search(r"logistic ([\d.]+)", said(page, "Path length over the straight line"))
    assert shown is not None
    assert float(shown[1]) == pytest.approx(length / math.dist(points[0], points[-1]), rel=0.01)
