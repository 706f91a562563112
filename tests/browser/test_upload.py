"""A result from a file, opened in a browser as if it had been trained here, by the visitor whose file it is alone."""

import io
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from core import Experiment, run
from tests.browser.conftest import OpenPage, StartServer
from tests.browser.harness import (
    PATIENCE,
    PHONE,
    Server,
    chart_ready,
    download,
    no_horizontal_overflow,
    visit,
    wait_until_idle,
)  # fmt: skip

ELSEWHERE = Experiment(dataset=("wine",), hidden=((7, 7),), epochs=8, seeds=3, data_seed=41)
HERE = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that the command line makes."""
    path = tmp_path_factory.mktemp("elsewhere") / "from **else<b>where.zip"
    run(ELSEWHERE).to_zip(path)
    return path


def drop(page: Page, file: Path) -> None:
    page.get_by_test_id("stFileUploader").locator("input").set_input_files(file)


def stored(server: Server) -> set[str]:
    return {path.name for path in server.store.rglob("*") if path.is_file()}


def test_a_zip_from_elsewhere_is_on_all_pages_of_its_visitor_and_nowhere_else(
    dashboard: Server, open_page: OpenPage, archive: Path
) -> None:
    page = open_page()
    visit(page, dashboard.link("runs", **HERE))
    drop(page, archive)
    expect(page.get_by_text("18 of 18 runs.")).to_be_visible(timeout=PATIENCE)
    line = page.locator(".st-key-uploaded")
    expect(line.get_by_text(archive.name, exact=True)).to_be_visible()
    wait_until_idle(page)
    assert "data_seed=41" in page.url
    page.get_by_role("link", name="Saturation", exact=True).click()
    page.wait_for_url("**/saturation?*")
    chart_ready(page, 2)
    expect(line).to_be_visible()
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    assert not [name for name in stored(dashboard) if ELSEWHERE.key in name]

    other = open_page()
    visit(other, page.url)
    chart_ready(other, 2)
    expect(other.locator(".st-key-uploaded")).to_have_count(0)

    page.get_by_role("button", name="Leave it and train here").click()
    expect(line).to_have_count(0, timeout=PATIENCE)
    chart_ready(page, 2)


def test_a_file_that_is_no_result_is_refused_by_name_and_the_page_stays(
    dashboard: Server, page: Page, archive: Path, tmp_path: Path
) -> None:
    visit(page, dashboard.link("runs", **HERE))
    table = tmp_path / "runs.csv"
    table.write_text("run,group\n0,a\n")
    half = tmp_path / "half.zip"
    half.write_bytes(archive.read_bytes()[:-200])
    for file in (table, half):
        drop(page, file)
        notice = page.get_by_test_id("stMain").get_by_text(f"{file.name}:")
        expect(notice).to_be_visible(timeout=PATIENCE)
        expect(notice).to_contain_text("zip")
        expect(page.get_by_text("12 of 12 runs.")).to_be_visible()
    expect(page.locator(".st-key-uploaded")).to_have_count(0)


def test_a_file_on_the_screen_fits_a_phone_in_the_dark(dashboard: Server, open_page: OpenPage, archive: Path) -> None:
    page = open_page(width=PHONE, color_scheme="dark")
    visit(page, dashboard.link("runs", **HERE))
    drop(page, archive)
    expect(page.locator(".st-key-uploaded")).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)
    no_horizontal_overflow(page)


def test_two_experiments_are_compared_by_a_link_and_a_file_takes_the_place_of_one(
    dashboard: Server, open_page: OpenPage, archive: Path, tmp_path: Path
) -> None:
    page = open_page()
    visit(page, dashboard.link("compare", **HERE))
    expect(page.get_by_role("heading", name="What changes between two results?")).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Or a link, or settings").fill(dashboard.link("runs", **HERE, optimiser="momentum"))
    page.keyboard.press("Enter")
    train = page.get_by_role("button", name="Train B")
    train.click()
    differs = page.get_by_role("heading", name="How far apart are they?")
    expect(differs).to_be_visible(timeout=PATIENCE)
    chart_ready(page, 2)
    expect(page.get_by_text("of 6 pairs of groups").first).to_be_visible()
    wait_until_idle(page)
    shared = page.url
    assert "against=" in shared

    page.get_by_test_id("stSidebar").get_by_role("link", name="Runs", exact=True).click()
    page.wait_for_url("**/runs?*")
    wait_until_idle(page)
    assert "against=" not in page.url
    page.get_by_test_id("stSidebar").get_by_role("link", name="Compare", exact=True).click()
    page.wait_for_url("**/compare?*")
    chart_ready(page, 2)
    wait_until_idle(page)
    assert parse_qs(urlsplit(page.url).query) == parse_qs(urlsplit(shared).query)

    other = open_page(width=PHONE, color_scheme="dark")
    visit(other, shared)
    chart_ready(other, 2)
    expect(other.get_by_role("button", name="Train B")).to_have_count(0)
    no_horizontal_overflow(other)
    file = download(page, page.get_by_role("button", name="CSV of the comparison"), tmp_path)
    table = pd.read_csv(file)
    assert table["measure"].nunique() == 5
    assert set(table["optimiser_b"]) == {"momentum"}

    if not page.get_by_text("Or a file", exact=True).is_visible():
        page.get_by_text("Choose B", exact=True).click()
    page.get_by_text("Or a file", exact=True).click()
    drop(page, archive)
    expect(page.get_by_text("B is your uploaded file:")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("the data differ (data sets")).to_be_visible()
    chart_ready(page, 2)


def test_a_row_opens_the_card_of_its_run_and_the_link_trains_it_alone(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("runs", **HERE))
    rows = page.locator(".st-key-runs").get_by_test_id("stDataFrame")
    rows.click(position={"x": 15, "y": 50})
    card = page.locator(".st-key-card")
    expect(card.get_by_role("heading", name="Run 0:")).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)
    assert "run=0" in page.url
    chart_ready(page, 2)
    card.get_by_role("button", name="Train it alone").click()
    expect(page.get_by_text("1 of 1 run.")).to_be_visible(timeout=PATIENCE)
    expect(card.get_by_role("heading", name="Run 0:")).to_be_visible()
    wait_until_idle(page)
    assert "seeds=1" in page.url
    page.get_by_role("button", name="Close", exact=True).click()
    expect(card).to_have_count(0)


def test_a_file_sent_from_another_site_is_refused(dashboard: Server, archive: Path) -> None:
    assert zipfile.is_zipfile(io.BytesIO(archive.read_bytes()))
    request = urllib.request.Request(
        f"{dashboard.url}/_stcore/upload_file/some-session/some-file", data=archive.read_bytes(), method="PUT"
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=10)
    with refusal.value as answer:
        assert answer.code == 403


def test_a_page_of_another_site_gets_no_connection(server: StartServer) -> None:
    # Streamlit asks a service on the internet for its own address before it refuses: here it finds none.
    nobody = "http://127.0.0.1:9"
    lonely = server(environment={"HTTP_PROXY": nobody, "HTTPS_PROXY": nobody, "http_proxy": nobody})
    address = lonely.url.replace("http", "ws", 1) + "/_stcore/stream"
    with connect(address, origin=Origin(lonely.url), subprotocols=[Subprotocol("streamlit")]):
        pass
    with pytest.raises(InvalidStatus) as refusal:
        connect(address, origin=Origin("http://elsewhere.example"), subprotocols=[Subprotocol("streamlit")])
    assert refusal.value.response.status_code == 403
