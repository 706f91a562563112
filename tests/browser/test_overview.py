"""The start page in a browser: cards on a fresh server, verdicts that follow the settings, links that carry them."""

import re

from playwright.sync_api import Page, expect

from core.lessons.claims import CLAIMS
from tests.browser.conftest import StartServer
from tests.browser.harness import PATIENCE, Server, visit, wait_until_idle

SMALL = {"dataset": "iris", "hidden": "8-8", "epochs": "12", "seeds": "3", "learning_rate": "0.3"}


def card(page: Page, name: str) -> str:
    """All that is on a claim's card."""
    box = page.locator(f".st-key-claim_{name}")
    expect(box).to_be_visible(timeout=PATIENCE)
    return box.inner_text()


def test_a_first_visitor_gets_seven_cards_each_with_verdict_numbers_and_n(server: StartServer, page: Page) -> None:
    visit(page, server().link("", **SMALL))
    expect(page.get_by_text("Seven claims, tested on these runs", exact=True)).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)
    for claim in CLAIMS:
        text = card(page, claim.id)
        assert re.match(r"(supported|mixed|not supported|not decided)\b", text.lstrip()), text
        assert "n = 18 runs, 3 seeds a group" in text
        assert claim.sentence in text
    assert card(page, "Q4").lstrip().startswith("supported")


def test_another_learning_rate_turns_the_verdict_on_speed(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("", **SMALL))
    expect(page.get_by_text("Seven claims, tested on these runs", exact=True)).to_be_visible(timeout=PATIENCE)
    before = card(page, "Q6")
    visit(page, dashboard.link("", **{**SMALL, "learning_rate": "1e-06"}))
    expect(page.get_by_text("Seven claims, tested on these runs", exact=True)).to_be_visible(timeout=PATIENCE)
    assert card(page, "Q6").lstrip().startswith("not decided")
    assert card(page, "Q6") != before


def test_a_card_leads_to_its_page_with_the_same_experiment(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("", **SMALL))
    expect(page.get_by_text("Seven claims, tested on these runs", exact=True)).to_be_visible(timeout=PATIENCE)
    link = page.locator(".st-key-claim_Q1").get_by_role("link")
    link.focus()
    page.keyboard.press("Enter")  # a keyboard reaches it too
    expect(page.get_by_role("heading", level=1)).to_contain_text("When do units saturate?", timeout=PATIENCE)
    wait_until_idle(page)
    assert "/saturation?" in page.url
    assert "learning_rate=0.3" in page.url
    assert "hidden=8-8" in page.url
