"""A table of one's own, dropped in a browser and trained on; its link asks whoever opens it for the file."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.harness import PATIENCE, PHONE, Server, chart_ready, no_horizontal_overflow, visit, wait_until_idle
from tests.tables import PENGUINS

HERE = {"dataset": "iris", "hidden": "4", "epochs": "5", "seeds": "2"}


def test_a_table_is_dropped_and_trained_on_and_its_link_asks_for_the_file(
    dashboard: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    file = tmp_path / "my **pen<b>guins.csv"
    file.write_bytes(PENGUINS)
    page = open_page(width=PHONE, color_scheme="dark")
    visit(page, dashboard.link("own_data", **HERE))
    page.get_by_test_id("stFileUploader").locator("input").set_input_files(file)
    expect(page.get_by_text("10 examples of 3 classes")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(file.name, exact=True)).to_be_visible()
    wait_until_idle(page)
    no_horizontal_overflow(page)
    page.get_by_role("button", name="Train on it").click()
    expect(page.get_by_text("The pages show it:")).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("stMain").get_by_role("link", name="Saturation").click()
    page.wait_for_url("**/saturation?*dataset=own*")
    chart_ready(page, 2)
    expect(page.get_by_text("10 examples, 8 features, 3 classes")).to_be_visible()

    other = open_page()
    visit(other, page.url)
    notice = other.get_by_test_id("stMain").get_by_text("open the file under Own data")
    expect(notice).to_be_visible()
    other.get_by_role("link", name="Own data").click()
    expect(other.get_by_text("What is in your table?")).to_be_visible(timeout=PATIENCE)
    other.get_by_test_id("stFileUploader").locator("input").set_input_files(file)
    expect(other.get_by_text("The pages show it:")).to_be_visible(timeout=PATIENCE)
    other.get_by_test_id("stMain").get_by_role("link", name="Saturation").click()
    chart_ready(other, 2)
    assert "dataset=own" in other.url
