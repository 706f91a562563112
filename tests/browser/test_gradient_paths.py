"""Gradient paths in a browser: move the controls and read the numbers back."""

import re
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from core.text import number
from core.theory.neuron import DrawnNetwork, gradient_paths
from tests.browser.harness import Server, chart_ready, saved, wait_until_idle
from tests.browser.lessons import open_lesson, press, said, slider


def test_switching_from_the_logistic_to_tanh_lets_the_two_signs_come_apart(dashboard: Server, page: Page) -> None:
    open_lesson(dashboard, page, "gradient_paths", 3)
    graph = chart_ready(page, 3).first
    assert "share a sign" in said(page, "h₂₁ =")
    page.get_by_role("radio", name="tanh", exact=True).click(force=True)
    expect(page.get_by_text("have opposite signs, and so have the two gradients")).to_be_visible()
    wait_until_idle(page)
    paths = gradient_paths(DrawnNetwork(), "tanh")
    for value in (paths.h21, paths.h22, paths.y):
        expect(graph.get_by_text(number(value), exact=True).first).to_be_visible()
    for weight, value in (("w₁", paths.gradient_w1), ("w₂", paths.gradient_w2)):
        expect(graph.get_by_text(f"∂L/∂{weight} = {number(value)}")).to_be_visible()
    expect(page.locator(".katex-display")).to_have_count(2)
    assert "function=tanh" in page.url


def test_a_slider_moved_by_the_keyboard_moves_sentence_formula_chart_file_and_link(
    dashboard: Server, page: Page, tmp_path: Path
) -> None:
    open_lesson(dashboard, page, "gradient_paths", 3, function="softsign")
    press(page, "x₁", "ArrowRight", 3, "x1=0.9")
    network = DrawnNetwork(x1=0.9)
    paths = gradient_paths(network, "softsign")
    assert f"h₂₁ = {number(paths.h21)}" in said(page, "h₂₁ =")
    formula = page.locator(".st-key-formula_1 .katex-display").inner_text()
    assert f"{paths.gradient_w1:.3g}".replace("-", "−") in formula
    assert "x1=0.9" in page.url
    file = saved(page, "drawn_network", tmp_path)
    values = pd.read_csv(file).set_index("name")["value"]
    assert values["x1"] == 0.9
    assert values["h21"] == pytest.approx(paths.h21, rel=1e-12)
    page.reload()
    chart_ready(page, 3)
    wait_until_idle(page)
    assert slider(page, "x₁").input_value() == "0.9"
    assert f"h₂₁ = {number(paths.h21)}" in said(page, "h₂₁ =")


def test_the_counts_over_random_examples_are_in_the_file_as_in_the_sentence(
    dashboard: Server, page: Page, tmp_path: Path
) -> None:
    open_lesson(dashboard, page, "gradient_paths", 3)
    file = saved(page, "sign_combinations", tmp_path)
    table = pd.read_csv(file)
    opposite = table[table["pattern"].str.strip("'").isin(["+-", "-+"])].groupby("function")["count"].sum()
    found = re.search(r"logistic ([\d,]+) .* tanh ([\d,]+)", said(page, "Opposite signs, out of"))
    assert found is not None
    assert [int(text.replace(",", "")) for text in found.groups()] == [opposite["logistic"], opposite["tanh"]]
    assert opposite["logistic"] == 0
