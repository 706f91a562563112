"""Downloads in a browser: every file of a result is opened, and they agree with each other."""

import io
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect

from core import Experiment, load_result
from core.experiment.experiment import FIELDS
from core.results.results import csv_bytes
from core.schema import SCHEMA, names
from tests.browser.harness import Server, chart_ready, download, visit

TINY = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}


def test_every_table_and_the_zip_open_and_hold_the_same_numbers(dashboard: Server, page: Page, tmp_path: Path) -> None:
    visit(page, dashboard.link("runs", **TINY))
    expect(page.get_by_text("12 of 12 runs.")).to_be_visible()
    archive = download(page, page.locator(".st-key-zip").get_by_role("button"), tmp_path)
    result = load_result(archive)
    assert result.experiment == Experiment.from_params(TINY)
    for name in SCHEMA:
        file = download(page, page.locator(f".st-key-csv_{name}").get_by_role("button"), tmp_path)
        assert file.name == f"{name}-{result.experiment.key[:8]}.csv"
        if name == "runs":
            table = pd.read_csv(file, keep_default_na=False, dtype=str)
            assert list(table.columns)[: len(names(name))] == list(names(name))
            assert set(FIELDS) - {"seeds", "first_seed"} <= set(table.columns)
            assert set(table["optimiser"]) == {"sgd"}
            assert set(table["epochs"]) == {"20"}
            assert set(table["version_engine"]) == {result.versions["engine"]}
            own = pd.read_csv(io.BytesIO(csv_bytes(result.runs)), keep_default_na=False, dtype=str)
            assert table[own.columns].equals(own)
        else:
            assert file.read_bytes() == csv_bytes(result.table(name))
    assert len(result.runs) == 12


def test_every_chart_has_its_rows_as_a_file(dashboard: Server, page: Page, tmp_path: Path) -> None:
    visit(page, dashboard.link("gradient_signs", **TINY))
    charts = chart_ready(page, 6)
    buttons = page.get_by_role("button", name="CSV")
    assert buttons.count() == charts.count()
    for number in range(buttons.count()):
        file = download(page, buttons.nth(number), tmp_path)
        table = pd.read_csv(file)
        assert file.suffix == ".csv"
        assert len(table) > 0
        assert {"group", "epoch", "layer"} <= set(table.columns)
