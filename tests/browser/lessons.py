"""Open a lesson in a browser, and work its sliders and read its sentences as a visitor does."""

import re
from typing import Any

from playwright.sync_api import Locator, Page

from tests.browser.harness import Server, chart_ready, visit, wait_until_idle

# The experiment that goes along in the link: one that is trained in no time.
QUICK = {"dataset": "iris", "hidden": "4-4", "epochs": "2", "seeds": "2"}


def open_lesson(dashboard: Server, page: Page, path: str, charts: int, **parameters: Any) -> None:
    """Open a lesson and wait until it has drawn its charts."""
    visit(page, dashboard.link(path, **QUICK, **{name: str(value) for name, value in parameters.items()}))
    chart_ready(page, charts)


def slider(page: Page, label: str) -> Locator:
    """The slider of that label."""
    return page.get_by_role("slider", name=label)


def press(page: Page, label: str, key: str, times: int, until: str) -> None:
    """Press a key on a slider, and wait until the page has followed: its link then holds `until`."""
    slider(page, label).focus()
    for _ in range(times):
        # A slider takes over the server's value when a run ends: a key pressed meanwhile would be lost.
        before = page.url
        page.keyboard.press(key)
        page.wait_for_url(lambda url, before=before: url != before, wait_until="commit")  # type: ignore[misc]
        wait_until_idle(page)
    assert re.search(rf"[?&]{re.escape(until)}(&|$)", page.url)


def said(page: Page, begin: str) -> str:
    """The sentence that holds `begin`, with plain spaces."""
    text = page.get_by_test_id("stMain").get_by_text(begin).first.inner_text()
    return text.replace("\N{NO-BREAK SPACE}", " ")
