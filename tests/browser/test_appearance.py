"""How every page looks on a phone: nothing wider than the screen, light or dark, and no warning of Vega's."""

import importlib.resources
from typing import Literal

from playwright.sync_api import Page, expect

from pages.parts.catalogue import PAGES
from tests.browser.conftest import OpenPage
from tests.browser.harness import PHONE, Server, chart_ready, no_horizontal_overflow, visit, wait_until_idle

TINY = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}
# Every page has something to draw of it.
RICH = TINY | {
    "activation": "logistic,centred_logistic,steep_logistic,steep_centred_logistic,tanh",
    "initialiser": "normal:1,glorot_uniform",
    "learning_rate": "0.1,1",
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COLOUR_RULES = ("color-contrast", "link-in-text-block")  # of those that axe applies unasked
BRIGHTNESS = """
() => {
    const [r, g, b] = getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor
        .match(/\\d+/g).map(Number);
    return (r + g + b) / 765;
}
"""


AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def barriers(page: Page, *rules: str) -> list[str]:
    """What axe-core finds serious or critical, but for what docs/accessibility.md says is Streamlit's own.

    With `rules`, names of axe's, by these alone.
    """
    page.evaluate(AXE)
    found = page.evaluate(
        "rules => axe.run({resultTypes: ['violations'], ...(rules.length && {runOnly: rules})})", list(rules)
    )["violations"]
    return [
        f"{each['id']}: {node['html'][:120]} {why}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
        for why in [(node["any"] or [{"message": ""}])[0]["message"]]
        if not any(own in node["html"] for own in ("katex", 'class="token', '<pre class="st-'))
    ]


def brightness(page: Page) -> float:
    """Of the page's background, from 0 (black) to 1 (white)."""
    bright: float = page.evaluate(BRIGHTNESS)
    return bright


def test_every_page_fits_a_phone_light_or_dark_with_all_that_opens_open(dashboard: Server, open_page: OpenPage) -> None:
    page = open_page(width=PHONE, color_scheme="dark")
    folded = page.get_by_test_id("stMain").locator("details:not([open]) > summary")
    found, schemes = [], SCHEMES
    for entry in PAGES:
        visit(page, dashboard.link(entry.path, **RICH))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if entry.name not in ("runs", "compare", "own_data"):  # which have no chart until something is chosen
            chart_ready(page)
        while folded.count():
            folded.first.click()
        wait_until_idle(page)
        schemes = schemes[::-1]  # it begins as the last page ended: a change draws every chart anew
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            wait_until_idle(page)
            assert (brightness(page) > 0.5) == (scheme == "light")
            no_horizontal_overflow(page)
            rules = COLOUR_RULES if scheme == schemes[-1] else ()  # the other rules look at no colours
            found += [f"{entry.name}, {scheme}: {each}" for each in barriers(page, *rules)]
    assert found == [], "\n".join(found)


def test_the_form_opens_on_a_phone_and_fits(dashboard: Server, open_page: OpenPage) -> None:
    page = open_page(width=PHONE)
    visit(page, dashboard.link("runs", **TINY))
    page.get_by_test_id("stExpandSidebarButton").click()
    expect(page.get_by_test_id("stSidebar").get_by_role("button", name="Train", exact=True)).to_be_visible()
    no_horizontal_overflow(page)
