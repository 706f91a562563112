"""Fingers on a chart, and downloads that are pressed while the page is drawn anew, in a browser."""

from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.harness import PATIENCE, PHONE, Server, chart_ready, visit, wait_until_idle, watch

TINY = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}
# The browser hears of everything half a second late, as over a slow line: what is pressed is of an older page.
HEARS_LATE = """
const listen = WebSocket.prototype.addEventListener;
WebSocket.prototype.addEventListener = function(type, handler, ...rest) {
    const late = event => setTimeout(() => handler.call(this, event), 500);
    return listen.call(this, type, type === "message" ? late : handler, ...rest);
};
"""


def down_the_page(page: Page) -> float:
    """How far the page is scrolled down, in px."""
    scrolled: float = page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollTop")
    return scrolled


def drag(cdp: CDPSession, page: Page, x: float, y: float, dx: float, dy: float) -> None:
    """Move one finger over the screen."""
    cdp.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for part in range(1, 11):
        at = {"x": x + dx * part / 10, "y": y + dy * part / 10}
        cdp.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [at]})
        page.wait_for_timeout(20)
    cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(500)


def test_a_finger_on_a_chart_scrolls_the_page_and_two_zoom_it_while_the_chart_stays(
    dashboard: Server, browser: Browser, problems: list[str]
) -> None:
    context = browser.new_context(viewport={"width": PHONE, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    watch(page, problems)
    visit(page, dashboard.link("convergence", **TINY))
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=PATIENCE)
    chart_ready(page)
    wait_until_idle(page)
    chart = page.get_by_test_id("stVegaLiteChart").first
    chart.scroll_into_view_if_needed()
    drawn, box, cdp = chart.locator("svg").inner_html(), chart.bounding_box(), context.new_cdp_session(page)
    assert box is not None
    x, y = box["x"] + 200, min(600.0, box["y"] + 200)
    before = down_the_page(page)
    drag(cdp, page, x, y, 0, -150)
    assert down_the_page(page) > before + 100
    drag(cdp, page, x, y, 0, 150)
    assert abs(down_the_page(page) - before) < 75, "back again, but for a finger's own slack"
    drag(cdp, page, x, y, -120, 0)
    assert chart.locator("svg").inner_html() == drawn, "a finger has zoomed the chart"
    cdp.send("Input.synthesizePinchGesture", {"x": x, "y": y, "scaleFactor": 2.0})
    assert page.evaluate("visualViewport.scale") > 1.5
    assert chart.locator("svg").inner_html() == drawn
    context.close()
    assert problems == []


def test_a_download_arrives_though_it_is_pressed_while_the_page_is_drawn_anew(
    dashboard: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page()

    page.add_init_script(HEARS_LATE)
    endless = {"dataset": "digits", "hidden": "64-64", "epochs": "5000", "seeds": "3", "statistics": "standard"}
    visit(page, dashboard.link("runs", **endless))
    button = page.locator(".st-key-csv_runs").get_by_role("button")
    for press in range(8):
        page.wait_for_timeout(300 * (press % 4))
        with page.expect_download(timeout=PATIENCE) as info:
            button.click()
        assert info.value.path().stat().st_size > 0
    page.get_by_role("button", name="Cancel").click()
