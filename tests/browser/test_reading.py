"""What a person does with a chart in a browser: pick groups in its legend, zoom into it, see it on a full screen."""

from playwright.sync_api import Locator, Page, expect

from core.experiment.experiment import Experiment
from core.text import short_group
from tests.browser.conftest import OpenPage
from tests.browser.harness import DESKTOP, PATIENCE, PHONE, Server, chart_ready, visit, wait_until_idle

QUICK = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}
LONG = {
    "dataset": "iris",
    "activation": "tanh,logistic",
    "initialiser": "variance_scaling:0.5:fan_in:truncated_normal;first=normal:0.1,"
    "variance_scaling:0.5:fan_in:truncated_normal;first=normal:0.2,normal:1;normal:0.1;glorot_uniform",
    "hidden": "16-8",
    "learning_rate": "0.1,0.3",
    "epochs": "5",
    "seeds": "2",
}
# The lines of medians in a chart, each by its colour and dash.
LINES = """
chart => new Set([...chart.querySelectorAll('g.mark-line path[stroke-width="2.2"]')].map(
    path => path.getAttribute('stroke') + path.getAttribute('stroke-dasharray'))).size
"""
# The lines of every name in the legend of a chart, how many px the longest of them ends before the chart does, and what
# stands in its rows.
NAMES = """
chart => {
    const right = chart.querySelector('svg.marks').getBoundingClientRect().right;
    const legend = [...chart.querySelectorAll('g.role-legend-label text')];
    return [
        legend.map(text => (text.children.length ? [...text.children] : [text]).map(line => line.textContent)),
        Math.min(...legend.map(text => right - text.getBoundingClientRect().right)),
        [...chart.querySelectorAll('g.mark-text text[font-weight="bold"]')].map(text => text.textContent),
    ];
}
"""


def entry(chart: Locator, group: str) -> Locator:
    """The entry of a group in the legend of a chart."""
    return chart.locator("g.role-legend-label text", has_text=group)


def ticks(chart: Locator) -> list[str]:
    """What stands at the axes of a chart."""
    return sorted(chart.locator("g.role-axis-label text").all_text_contents())


def settled(page: Page, query: str) -> list[int]:
    """How many lines the first two charts have once the address holds `query`."""
    page.wait_for_url(lambda url: query in url, wait_until="commit", timeout=PATIENCE)
    wait_until_idle(page)
    charts = chart_ready(page, 2)
    page.wait_for_timeout(500)
    return [charts.nth(place).evaluate(LINES) for place in range(2)]


def test_a_legend_isolates_a_group_in_every_chart_and_shift_adds_one(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("convergence", **QUICK))
    charts = chart_ready(page, 3)
    entry(charts.nth(0), "tanh · normal:1").click()
    assert settled(page, "groups=tanh~normal%3A1") == [1, 1]
    entry(charts.nth(1), "logistic · glorot_uniform").click(modifiers=["Shift"])
    assert settled(page, "groups=logistic~glorot_uniform%2Ctanh~normal%3A1") == [2, 2]
    page.get_by_test_id("stSidebar").get_by_role("link", name="Saturation", exact=True).click()
    wait_until_idle(page)
    expect(page.get_by_test_id("stMain").get_by_text("Shown are 2 of 6 run groups")).to_be_visible(timeout=PATIENCE)


def test_a_drag_zooms_a_double_click_resets_and_a_full_screen_holds_all(dashboard: Server, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    visit(page, dashboard.link("convergence", **QUICK))
    chart = chart_ready(page, 3).nth(0)
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    whole = ticks(chart)
    plot = chart.locator("path.background").first.bounding_box()
    assert plot is not None
    x, y = plot["x"], plot["y"]
    page.mouse.move(x + 30, y + 60)
    page.mouse.down()
    page.mouse.move(x + 90, y + 160, steps=4)
    page.mouse.up()
    page.wait_for_timeout(400)
    assert ticks(chart) != whole
    page.mouse.dblclick(x + 60, y + 60)
    page.wait_for_timeout(400)
    assert ticks(chart) == whole
    tip = page.locator("#vg-tooltip-element")
    page.mouse.move(x + 61, y + 61)
    page.mouse.move(x + 64, y + 64, steps=4)
    expect(tip).to_be_visible()
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.mouse.move(x + 90, y + 90, steps=4)
    expect(tip).to_be_visible()
    page.get_by_role("button", name="Fullscreen").first.click()
    page.wait_for_timeout(1000)
    box = chart.locator("svg.marks").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 900, "axis and legend are in view"


def test_long_names_are_whole_in_legends_and_told_apart_in_rows_on_every_screen(
    dashboard: Server, open_page: OpenPage
) -> None:
    whole = [short_group(group) for group in Experiment.from_params(LONG).groups()]
    for width in (PHONE, DESKTOP):
        page = open_page(width=width)
        visit(page, dashboard.link("convergence", **LONG))
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=PATIENCE)
        wait_until_idle(page)
        charts = chart_ready(page, 6)
        legend, room, _ = charts.nth(0).evaluate(NAMES)
        assert ["".join("".join(lines).split()) for lines in legend] == ["".join(name.split()) for name in whole]
        assert room >= 0, "the longest line ends within the chart"
        rows = [shown for place in range(charts.count()) if (shown := charts.nth(place).evaluate(NAMES)[2])]
        assert rows
        for shown in rows:
            assert len(set(shown)) == len(whole), shown
            assert [name.startswith("tanh") for name in shown] == [name.startswith("tanh") for name in whole]
            assert [name.rpartition(" ")[2] for name in shown] == [name.rpartition(" ")[2] for name in whole]
            assert (shown == whole) == (width == DESKTOP)


def test_the_form_shows_long_names_whole(dashboard: Server, open_page: OpenPage) -> None:
    page = open_page(width=DESKTOP)
    visit(page, dashboard.link("runs", **LONG))
    wait_until_idle(page)
    chosen = page.get_by_test_id("stSidebar").locator("[data-tag] > span").filter(visible=True)
    texts = chosen.all_inner_texts()
    assert set(LONG["initialiser"].split(",")) <= set(texts)
    cut = chosen.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.title)")
    assert cut == []
