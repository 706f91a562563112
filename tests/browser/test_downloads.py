"""Downloads in a browser: every file of a result and of a chart is opened, and they agree with each other."""

import io
import json
import zipfile
from pathlib import Path

import pandas as pd
from playwright.sync_api import Browser, Page, expect

from core import Experiment, load_result
from core.experiment.experiment import FIELDS
from core.experiment.handing_on import file_name
from core.results.results import csv_bytes
from core.schema import SCHEMA, names
from tests.browser.conftest import OpenPage
from tests.browser.harness import Server, chart_ready, download, saved, visit, wait_until_idle, watch

TINY = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}


def test_every_table_and_the_zip_open_and_hold_the_same_numbers(dashboard: Server, page: Page, tmp_path: Path) -> None:
    visit(page, dashboard.link("runs", **TINY))
    expect(page.get_by_text("12 of 12 runs.")).to_be_visible()
    archive = download(page, page.locator(".st-key-zip").get_by_role("button"), tmp_path)
    result = load_result(archive)
    assert result.experiment == Experiment.from_params(TINY)
    for name in SCHEMA:
        file = download(page, page.locator(f".st-key-csv_{name}").get_by_role("button"), tmp_path)
        assert file.name == file_name(result.experiment, name, "csv")
        table = pd.read_csv(file, keep_default_na=False, dtype=str)
        assert list(table.columns)[: len(names(name))] == list(names(name))
        assert set(FIELDS) <= set(table.columns)
        assert set(table["loss"]) == {"cross_entropy"}
        assert set(table["epochs"]) == {"20"}
        assert set(table["version_engine"]) == {result.versions["engine"]}
        own = pd.read_csv(io.BytesIO(csv_bytes(result.table(name))), keep_default_na=False, dtype=str)
        assert table[own.columns].equals(own)
    assert len(result.runs) == 12
    sheets = zipfile.ZipFile(download(page, page.locator(".st-key-xlsx").get_by_role("button"), tmp_path))
    workbook = sheets.read("xl/workbook.xml").decode()
    assert all(f'name="{name}"' in workbook for name in (*SCHEMA, "settings", "columns"))
    page.get_by_text("The experiment as link, command line, JSON and notebook").click()
    wait_until_idle(page)
    notebook = download(page, page.locator(".st-key-notebook").get_by_role("button"), tmp_path)
    assert "dataset=iris" in notebook.read_text(encoding="utf-8")


def test_the_report_opens_without_a_network_and_draws_its_charts(
    dashboard: Server, page: Page, browser: Browser, problems: list[str], tmp_path: Path
) -> None:
    visit(page, dashboard.link("runs", **TINY))
    report = download(page, page.locator(".st-key-report").get_by_role("button"), tmp_path)
    context = browser.new_context(offline=True)
    alone = context.new_page()
    watch(alone, problems)
    alone.goto(report.as_uri())
    expect(alone.get_by_role("heading", level=1)).to_contain_text("on iris")
    sizes = alone.evaluate("[...document.images].map(image => [image.complete, image.naturalWidth])")
    assert len(sizes) == 9
    assert all(complete and width > 500 for complete, width in sizes)
    assert dashboard.url in alone.get_by_role("link").inner_text()
    context.close()


def test_every_chart_has_its_numbers_picture_and_specification_as_files(
    dashboard: Server, page: Page, tmp_path: Path
) -> None:
    visit(page, dashboard.link("gradient_signs", **TINY))
    charts = chart_ready(page, 6)
    menus = page.locator('[class*="st-key-save_"]')
    assert menus.count() == charts.count()
    begin = file_name(Experiment.from_params(TINY), "agreement_by_level", "")[:-1]
    files = {
        kind: saved(page, "agreement_by_level", tmp_path, kind)
        for kind in ("drawn", "csv", "xlsx", "png", "svg", "vega")
    }
    assert all(file.name.startswith(begin) for file in files.values())
    rows, drawn = pd.read_csv(files["csv"]), pd.read_csv(files["drawn"])
    assert {"group", "epoch", "layer", "loss"} <= set(rows)
    assert {"drawn_as", "group", "median", "loss", "initialiser"} <= set(drawn)
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert "Agreement" in files["svg"].read_text(encoding="utf-8")
    whole = json.loads(files["vega"].read_text(encoding="utf-8"))
    assert any(whole["datasets"].values())
    page.locator('[data-testid="stFullScreenFrame"]').first.hover()
    expect(page.get_by_role("button", name="Fullscreen").first).to_be_visible()
    for misleading in ("Copy Vega-Lite spec", "Download as PNG"):
        expect(page.get_by_role("button", name=misleading).first).to_be_hidden()


def test_a_page_prints_light_and_whole_without_what_is_to_be_clicked_on(
    dashboard: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page(color_scheme="dark")
    visit(page, dashboard.link("saturation", **TINY))
    charts = chart_ready(page, 6)
    page.emulate_media(media="print", color_scheme="dark")
    for place in ("stSidebar", "stHeader", "stPopover"):
        expect(page.get_by_test_id(place).first).to_be_hidden()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".on-paper").get_by_text("/saturation?dataset=iris")).to_be_visible()
    expect(page.locator(".on-paper").get_by_text("Loss: cross_entropy")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(17, 17, 17)"
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height > charts.evaluate_all(
        "of => of.reduce((sum, chart) => sum + chart.getBoundingClientRect().height, 0)"
    )
    for number in range(charts.count()):
        assert charts.nth(number).evaluate("chart => getComputedStyle(chart).breakInside") == "avoid"
    pages = page.pdf(path=tmp_path / "page.pdf", format="A4").count(b"/Type /Page\n")
    assert 2 <= pages <= 8
