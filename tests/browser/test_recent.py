"""What was on the screen before, in a browser: it is there after a reload, and no other browser sees it."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.harness import PATIENCE, Server, chart_ready, visit, wait_until_idle

TINY = {"dataset": "iris", "hidden": "8", "epochs": "2", "seeds": "1"}


def choice(page: Page) -> list[str]:
    """What can be chosen on the page Compare of what was on the screen before."""
    page.get_by_role("combobox", name="What was on the screen before").click()
    options = page.get_by_role("option").all_inner_texts()
    page.keyboard.press("Escape")
    return options


def test_what_was_on_the_screen_before_is_there_after_a_reload_in_this_browser_alone(
    dashboard: Server, open_page: OpenPage
) -> None:
    page = open_page()
    for name in ("relu", "tanh"):
        visit(page, dashboard.link("convergence", **TINY, activation=name))
        chart_ready(page)
    visit(page, dashboard.link("compare", **TINY, activation="softsign"))
    page.reload()
    wait_until_idle(page)
    listed = choice(page)
    assert [next(name for name in ("tanh", "relu", "softsign") if name in each) for each in listed] == ["tanh", "relu"]
    page.get_by_role("combobox", name="What was on the screen before").click()
    page.get_by_role("option", name=re.compile("relu")).click()
    page.wait_for_url(re.compile("against="), timeout=PATIENCE)
    expect(page.get_by_role("heading", name="What differs?")).to_be_visible(timeout=PATIENCE)
    other = open_page()
    visit(other, dashboard.link("compare", **TINY, activation="softsign"))
    expect(other.get_by_text("are listed here, for a day at most")).to_be_visible()
    expect(other.get_by_role("combobox", name="What was on the screen before")).to_have_count(0)
