"""How every page looks on a phone: nothing wider than the screen, light or dark, and no warning of Vega's."""

from typing import Literal

from playwright.sync_api import Page, expect

from pages.parts.catalogue import PAGES
from tests.browser.conftest import OpenPage
from tests.browser.harness import PHONE, Server, chart_ready, no_horizontal_overflow, visit, wait_until_idle

TINY = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
BRIGHTNESS = """
() => {
    const [r, g, b] = getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor
        .match(/\\d+/g).map(Number);
    return (r + g + b) / 765;
}
"""


def brightness(page: Page) -> float:
    """Of the page's background, from 0 (black) to 1 (white)."""
    bright: float = page.evaluate(BRIGHTNESS)
    return bright


def test_every_page_fits_a_phone_light_or_dark(dashboard: Server, open_page: OpenPage) -> None:
    page = open_page(width=PHONE, color_scheme="dark")
    for entry in PAGES:
        visit(page, dashboard.link(entry.path, **TINY))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        chart_ready(page, 0)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            wait_until_idle(page)
            assert (brightness(page) > 0.5) == (scheme == "light")
            no_horizontal_overflow(page)


def test_the_form_opens_on_a_phone_and_fits(dashboard: Server, open_page: OpenPage) -> None:
    page = open_page(width=PHONE)
    visit(page, dashboard.link("runs", **TINY))
    page.get_by_test_id("stExpandSidebarButton").click()
    expect(page.get_by_test_id("stSidebar").get_by_role("button", name="Train", exact=True)).to_be_visible()
    no_horizontal_overflow(page)
