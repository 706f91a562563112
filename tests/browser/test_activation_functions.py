"""Activation functions in a browser: the controls move, and the numbers on the screen and in the files follow."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from core.lessons import activation_functions as lesson
from core.registries.activations import ACTIVATIONS
from tests.browser.harness import (
    Server,
    chart_ready,
    saved,
    visit,
    wait_until_idle,
)
from tests.browser.lessons import QUICK, press

CHARTS = 6


def outputs(page: Page, folder: Path) -> pd.DataFrame:
    """The file of the table of outputs, as a reader gets it."""
    return pd.read_csv(saved(page, "outputs", folder))


def test_the_spread_moves_with_the_keyboard_and_so_do_the_numbers_and_the_link(
    dashboard: Server, page: Page, tmp_path: Path
) -> None:
    visit(page, dashboard.link("activation_functions", **QUICK, std="2.8"))
    chart_ready(page, CHARTS)
    expect(page.get_by_text("logistic 0.5 and relu 1.12.")).to_be_visible()
    before = outputs(page, tmp_path)
    press(page, "Standard deviation of the pre-activations", "ArrowRight", 2, "std=3")
    expect(page.get_by_text("logistic 0.5 and relu 1.2.")).to_be_visible()
    after = outputs(page, tmp_path)
    assert after["std"].to_list() == [3.0] * 3
    assert after["mean"].to_numpy() == pytest.approx([0.5, 0.0, 3 / np.sqrt(2 * np.pi)], abs=1e-9)
    assert (after["saturated"][:2] > before["saturated"][:2]).all()
    expected = lesson.output_table(["logistic", "tanh", "relu"], 3.0, 0.05)
    assert after["sample_saturated"].to_list() == expected["sample_saturated"].to_list()
    page.reload()
    wait_until_idle(page)
    expect(page.get_by_text("logistic 0.5 and relu 1.2.")).to_be_visible()


def test_functions_are_chosen_and_their_formulas_and_curves_shown(
    dashboard: Server, page: Page, tmp_path: Path
) -> None:
    visit(page, dashboard.link("activation_functions", **QUICK))
    chosen = page.get_by_role("combobox", name="Activation functions").last
    chosen.fill("softsign")
    chosen.press("Enter")
    chosen.press("Escape")
    wait_until_idle(page)
    expect(page.get_by_text("The outputs of tanh and softsign keep it.")).to_be_visible()
    assert "curves=logistic,tanh,relu,softsign" in page.url.replace("%2C", ",")
    page.get_by_text("Formulas", exact=True).click()
    expect(page.locator(".st-key-formulas .katex-display")).to_have_count(4)
    table = pd.read_csv(saved(page, "curves_value", tmp_path))
    for name, part in table.groupby("activation"):
        assert part["slope"].to_numpy() == pytest.approx(ACTIVATIONS[str(name)].slope(part["x"].to_numpy()))
    assert table["activation"].nunique() == 4


def test_the_cost_is_measured_on_this_machine_in_both_precisions(dashboard: Server, page: Page, tmp_path: Path) -> None:
    visit(page, dashboard.link("activation_functions", **QUICK))
    verdict = page.get_by_text(re.compile("(supported|not supported|mixed) by these measurements"))
    expect(verdict).to_be_visible()
    expect(page.get_by_text(f"NumPy {np.__version__}")).to_be_visible()
    first = pd.read_csv(saved(page, "activation_costs", tmp_path))
    assert set(first["activation"]) == set(ACTIVATIONS)
    assert set(first["dtype"]) == {"float32", "float64"}
    assert (first["seconds_per_element"] > 0).all()
    times = first.groupby(["dtype", "direction", "activation"])["seconds_per_element"].first()
    ratio = times["float32", "forward", "logistic"] / times["float32", "forward", "relu"]
    expect(page.get_by_text(f"the logistic takes {ratio:.1f} times as long as relu in float32")).to_be_visible()
    page.get_by_text("In double precision (float64)").click()
    wait_until_idle(page)
    expect(page.get_by_text("Of a whole training step in float64")).to_be_visible()
    steps = pd.read_csv(saved(page, "step_shares", tmp_path))
    assert set(steps["dtype"]) == {"float64"}
    assert "float64=on" in page.url
    page.get_by_role("button", name="Measure again").click()
    wait_until_idle(page)
    again = pd.read_csv(saved(page, "activation_costs", tmp_path))
    assert (again["seconds_per_element"] != first["seconds_per_element"]).any()
