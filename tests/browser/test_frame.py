"""The frame in a browser: every page from a cold link, the link to copy, Back, and links that are wrong."""

import urllib.parse

import pytest
from playwright.sync_api import Locator, Page, expect

from pages.parts.catalogue import PAGES, Entry
from tests.browser.harness import PATIENCE, Server, chart_ready, link_to_copy, visit, wait_until_idle

TINY = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}
# Pages that have no chart of an experiment as small as this.
WITHOUT_CHARTS = {"runs", "compare", "two_by_two", "batch_size", "own_data"}


def sidebar_link(page: Page, title: str) -> None:
    """Go to the page of that title as a visitor does."""
    page.get_by_test_id("stSidebar").get_by_role("link", name=title, exact=True).click()
    wait_until_idle(page)


def fetched(page: Page, name: str) -> int:
    """How many files with that in their name the page has loaded."""
    count: int = page.evaluate(
        "name => performance.getEntriesByType('resource').filter(entry => entry.name.includes(name)).length", name
    )
    return count


def expect_parameters(page: Page, **wanted: str) -> None:
    """The address holds these parameters beside those of the experiment, and no others."""
    query = urllib.parse.urlparse(page.url).query
    assert dict(urllib.parse.parse_qsl(query, keep_blank_values=True)) == TINY | wanted


@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.name)
def test_a_deep_link_opens_whole(dashboard: Server, page: Page, entry: Entry) -> None:
    """That a fresh server can draw each of them first is in tests/pages/test_cold.py."""
    visit(page, dashboard.link(entry.path, **TINY))
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    expect(sidebar.get_by_role("link")).to_have_count(len(PAGES))
    if entry.name not in WITHOUT_CHARTS:
        chart_ready(page)
    expect_parameters(page)


def test_the_link_to_copy_is_the_address(dashboard: Server, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(page, dashboard.link("saturation", **TINY, group="tanh~normal:1", layer="1"))
    chart_ready(page)
    assert not fetched(page, "SyntaxHighlighter"), "it weighs as much as a quarter of all else"
    box = link_to_copy(page)
    assert fetched(page, "SyntaxHighlighter"), "where it is needed, this finds it"
    box.locator("code").hover()
    box.get_by_role("button").click()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert urllib.parse.unquote(copied) == urllib.parse.unquote(page.url)
    assert "group=tanh~normal:1" in copied
    visit(page, copied)
    expect(page.get_by_text("tanh · normal:1; mean of the runs")).to_be_visible()


def test_back_restores_the_settings_of_every_page(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("convergence", **TINY))
    log_loss = page.get_by_role("radio", name="on", exact=True)
    log_loss.click(force=True)
    wait_until_idle(page)
    expect_parameters(page, log_y="on")
    sidebar_link(page, "Runs")
    expect_parameters(page)
    sidebar_link(page, "Gradient signs")
    page.get_by_role("radio", name="batch", exact=True).click(force=True)
    wait_until_idle(page)
    expect_parameters(page, level="batch")
    sidebar_link(page, "Overview")
    for heading, wanted in (
        ("Do the gradients into one neuron share a sign?", {"level": "batch"}),
        ("Do the gradients into one neuron share a sign?", {}),
        ("What became of every run?", {}),
        ("Who learns faster?", {"log_y": "on"}),
    ):
        page.go_back()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        wait_until_idle(page)
        expect_parameters(page, **wanted)
    expect(log_loss).to_be_checked()


def epoch_slider(page: Page) -> Locator:
    return page.get_by_test_id("stMain").get_by_role("slider", name="Epoch")


def test_a_control_belongs_to_its_page_though_another_has_one_of_the_same_name(dashboard: Server, page: Page) -> None:
    """What training made of a network must not stand under what theory foresees of it because of another page."""
    visit(page, dashboard.link("saturation", **TINY, epoch="6"))
    expect(epoch_slider(page)).to_have_attribute("aria-valuetext", "6")
    epoch_slider(page).press("ArrowLeft")
    wait_until_idle(page)
    expect_parameters(page, epoch="4")
    sidebar_link(page, "Signal propagation")
    expect(epoch_slider(page)).to_have_attribute("aria-valuetext", "0")
    expect_parameters(page)
    epoch_slider(page).press("ArrowRight")
    wait_until_idle(page)
    expect_parameters(page, epoch="1")
    sidebar_link(page, "Saturation")
    expect(epoch_slider(page)).to_have_attribute("aria-valuetext", "4")
    expect_parameters(page, epoch="4")
    page.go_back()
    wait_until_idle(page)
    expect(epoch_slider(page)).to_have_attribute("aria-valuetext", "1")
    page.go_back()
    wait_until_idle(page)
    expect(epoch_slider(page)).to_have_attribute("aria-valuetext", "0")
    expect_parameters(page)
    page.go_back()
    wait_until_idle(page)
    expect(epoch_slider(page)).to_have_attribute("aria-valuetext", "4")
    page.go_back()
    wait_until_idle(page)
    expect(epoch_slider(page)).to_have_attribute("aria-valuetext", "6")
    expect_parameters(page, epoch="6")
    page.go_forward()
    page.go_forward()
    wait_until_idle(page)
    expect_parameters(page)
    expect(epoch_slider(page)).to_have_attribute("aria-valuetext", "0")


WRONG = {
    "activation": ("tahn", "did you mean 'tanh'?"),
    "epochs": ("many", "allowed: a whole number"),
    "seeds": ("0", "allowed: a whole number"),
    "learning_rate": ("NaN", "allowed: "),
    "initialiser": ("", "allowed: "),
    "scaling": ("<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">", "allowed: "),
    "hidden": ("8," * 5000, "2,000 characters"),
    "target": ("[b](javascript:alert(1))", "allowed: "),
    "group": ("none_such", "allowed: "),
    "colour": ("blue", "allowed: "),
}


def test_whatever_is_wrong_in_a_link_is_named_with_what_is_allowed_and_stays_inert(
    dashboard: Server, page: Page
) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    wrong = {name: value for name, (value, _) in WRONG.items()}
    visit(page, dashboard.link("saturation", dataset="iris", **wrong))
    main = page.get_by_test_id("stMain")
    expect(main.get_by_test_id("stAlert").first).to_contain_text("Ignored from the link (default used):")
    for name, (value, said) in WRONG.items():
        notice = main.get_by_test_id("stText").filter(has_text=f"{name}: ")
        expect(notice).to_have_count(1)
        expect(notice).to_contain_text(said)
        expect(notice).to_contain_text(value[:40])
        expect(notice).to_be_visible()
    assert page.title() != "taken"
    assert main.locator("img, a[href^=javascript]").count() == 0
    ours = "scripts => scripts.every(script => script.textContent.includes('closeTip'))"
    assert main.locator("script").evaluate_all(ours), "no script but the lab's own, which closes a chart's tooltip"
    assert urllib.parse.urlparse(page.url).query == "dataset=iris"


def test_a_sweep_over_the_limit_is_refused_with_its_estimate_and_the_command(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("convergence", epochs="10000", seeds="500"))
    notice = page.get_by_test_id("stMain").get_by_test_id("stText")
    expect(notice).to_contain_text("3,000 runs", timeout=PATIENCE)
    expect(notice).to_contain_text("python -m core run")
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(0)


def test_a_control_of_one_part_of_a_page_moves_the_link_and_takes_its_own_notice_away(
    dashboard: Server, page: Page
) -> None:
    """Parts draw alone: what stands outside of them, the link and the notices above, must follow them all the same."""
    visit(page, dashboard.link("saturation", **TINY, group="nobody", epoch="77"))
    chart_ready(page)
    box = link_to_copy(page)
    notice = page.get_by_text("Ignored from the link")
    expect(notice).to_have_count(1)
    expect(page.get_by_text("nobody")).to_be_visible()
    choice = page.get_by_role("combobox", name="Run group", exact=True)
    choice.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("tanh · normal:1")
    page.get_by_role("option", name="tanh · normal:1", exact=True).click()
    wait_until_idle(page)
    expect_parameters(page, group="tanh~normal:1")
    expect(box).to_contain_text("group=tanh~normal:1")
    expect(page.get_by_text("tanh · normal:1; mean of the runs")).to_be_visible()
    expect(page.get_by_text("nobody")).to_have_count(0)
    expect(notice).to_have_count(1)  # the epoch is still one that was not recorded
    page.get_by_role("slider", name="Epoch").last.press("ArrowLeft")
    wait_until_idle(page)
    expect(notice).to_have_count(0)
    page.reload()
    wait_until_idle(page)
    expect(page.get_by_text("tanh · normal:1; mean of the runs")).to_be_visible()
