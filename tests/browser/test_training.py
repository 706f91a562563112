"""Training in a browser: from the first visit, from the form, by the keyboard; progress, cancel and reload."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, StartServer
from tests.browser.harness import (
    COUNT_GONE,
    PATIENCE,
    PHONE,
    Server,
    chart_ready,
    no_horizontal_overflow,
    visit,
    wait_until_idle,
)

TINY = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}
LONG = {"epochs": "1000"}  # a minute on two processors: whoever starts it cancels it


def train_button(page: Page) -> Locator:
    return page.get_by_test_id("stSidebar").get_by_role("button", name="Train", exact=True)


def share_done(page: Page, least: int = 0) -> int:
    """The percentage on the progress bar, as soon as it is at least `least`."""
    page.wait_for_function(
        """least => {
            const found = document.body.innerText.match(/Training: (\\d+)% done, about \\d+ (s|min) left/);
            return found && Number(found[1]) >= least;
        }""",
        arg=least,
        timeout=PATIENCE,
    )
    found = re.search(r"Training: (\d+)% done", page.get_by_test_id("stProgress").inner_text())
    assert found is not None
    return int(found[1])


def test_the_first_visit_shows_the_lectures_experiment_without_a_click(
    server: StartServer, open_page: OpenPage
) -> None:
    page = open_page(moving=True)
    page.goto(server().link())
    chart_ready(page)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for text in ("logistic", "tanh", "normal:0.01", "normal:1", "glorot_uniform", "64-64-64"):
        expect(page.get_by_test_id("stSidebar").get_by_text(text, exact=True).first).to_be_visible()
    expect(page.get_by_test_id("stMain").get_by_text("5 seeds a group, on digits").first).to_be_visible()
    assert "?" not in page.url


def test_the_form_is_a_draft_until_train_shows_it(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("convergence", **TINY))
    chart_ready(page, 5)
    page.get_by_test_id("stSidebar").get_by_test_id("stCheckbox").filter(has_text="Biases").locator("label").click()
    expect(page.get_by_text("Edited: the pages show these settings after Train.")).to_be_visible()
    wait_until_idle(page)
    assert "bias" not in page.url
    train_button(page).click()
    page.wait_for_url("**/convergence?*bias=*")
    expect(page.get_by_text("Edited:")).to_have_count(0)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=PATIENCE)
    wait_until_idle(page)
    chart_ready(page, 5)


def turn(page: Page, section: str) -> None:
    """Open a section of the form, or close it."""
    page.get_by_test_id("stSidebar").locator("summary").filter(has_text=section).click()
    wait_until_idle(page)


def test_a_closed_section_of_the_form_keeps_what_was_set_in_it(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("runs", **TINY))
    edited = page.get_by_text("Edited:")
    seed = page.get_by_role("spinbutton", name="Data seed")
    turn(page, "Data")
    seed.fill("7")
    seed.press("Enter")
    expect(edited).to_be_visible()
    turn(page, "Data")
    expect(seed).to_have_count(0)
    page.get_by_role("link", name="Convergence", exact=True).click()
    page.wait_for_url("**/convergence?*")
    chart_ready(page, 5)
    expect(edited).to_be_visible()
    turn(page, "Data")
    expect(seed).to_have_value("7")
    page.get_by_role("link", name="Runs", exact=True).click()
    page.wait_for_url("**/runs?*")
    wait_until_idle(page)
    expect(seed).to_have_value("7")  # what was opened stays open on the next page
    turn(page, "Data")
    train_button(page).click()
    page.wait_for_url("**/runs?*data_seed=7*")
    # What is on the screen has changed, so the form begins anew with it, its closed sections too.
    visit(page, dashboard.link("convergence", **TINY, data_seed="9"))
    turn(page, "Data")
    expect(seed).to_have_value("9")
    seed.fill("11")
    seed.press("Enter")
    expect(edited).to_be_visible()
    turn(page, "Data")
    page.get_by_test_id("stSidebar").get_by_role("radio", name="Lecture", exact=True).click()
    page.wait_for_url("**/convergence")
    wait_until_idle(page)
    turn(page, "Data")
    expect(seed).to_have_value("0")
    expect(edited).to_have_count(0)


def test_train_and_progress_stay_in_sight_however_far_one_has_scrolled(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("zigzag", **LONG, data_seed="3"))
    progress, button = page.get_by_test_id("stProgress"), train_button(page)
    turn(page, "Training")
    for scroll in (0, 10_000):
        page.evaluate(
            """y => document.querySelectorAll('[data-testid="stSidebarContent"], [data-testid="stMain"]')
            .forEach(box => box.scrollTo(0, y))""",
            scroll,
        )
        expect(button).to_be_in_viewport(ratio=1)
        expect(progress).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("In training: the pages show these settings.")).to_be_in_viewport()
    page.get_by_role("button", name="Cancel").click()
    expect(progress).to_have_count(0, timeout=PATIENCE)


def test_enter_takes_what_is_typed_and_not_all_that_match(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("runs", **TINY, initialiser="zeros"))
    sidebar = page.get_by_test_id("stSidebar")
    box = sidebar.get_by_role("combobox", name="Initialisers · choose or type", exact=True)
    chosen = sidebar.get_by_test_id("stMultiSelect").filter(has_text=re.compile("^Initialisers"))
    for typed, shown in (("he_n", ("zeros", "he_normal")), ("normal:0.3, normal:0.5", ("normal:0.3", "normal:0.5"))):
        box.click()
        box.press_sequentially(typed)
        box.press("Enter")
        wait_until_idle(page)
        box.press("Tab")
        for name in shown:
            expect(chosen.get_by_text(name, exact=True)).to_be_visible()
    expect(chosen.get_by_text("he_uniform")).to_have_count(0)
    expect(train_button(page)).to_be_enabled()


def test_a_phones_sidebar_makes_room_for_the_page_that_was_chosen_and_for_what_is_trained(
    dashboard: Server, open_page: OpenPage
) -> None:
    page = open_page(width=PHONE)
    visit(page, dashboard.link("runs", **TINY))
    sidebar, opener = page.get_by_test_id("stSidebar"), page.get_by_test_id("stExpandSidebarButton")
    opener.click()
    sidebar.get_by_role("link", name="Zigzag", exact=True).click()
    expect(opener).to_be_visible()
    assert page.title() == "Zigzag · Initialisation lab"
    wait_until_idle(page)
    opener.click()
    sidebar.get_by_role("switch", name="Biases").press(" ")
    expect(page.get_by_text("Edited:")).to_be_visible()
    wait_until_idle(page)
    train_button(page).click()
    expect(opener).to_be_visible()
    page.wait_for_url("**/zigzag?*bias=*")


def test_the_keyboard_alone_reaches_train_and_trains(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("runs", **TINY, data_seed="1"))
    page.get_by_role("link", name="Runs", exact=True).focus()
    name = (
        "() => (document.activeElement?.getAttribute('aria-label') || document.activeElement?.innerText || '').trim()"
    )

    def press_until(key: str, wanted: str, most: int) -> None:
        for _ in range(most):
            page.keyboard.press(key)
            if page.evaluate(name) == wanted:
                return
        pytest.fail(f"{wanted} is out of the keyboard's reach")

    press_until("Tab", "Train", 12)
    press_until("Tab", "Biases", 30)
    page.keyboard.press("Space")
    expect(page.get_by_text("Edited:")).to_be_visible()
    wait_until_idle(page)
    press_until("Shift+Tab", "Train", 30)
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs?*bias=*")
    expect(page.get_by_text("12 of 12 runs.")).to_be_visible(timeout=PATIENCE)


def test_progress_tells_the_time_left_and_cancel_keeps_what_was_trained(dashboard: Server, open_page: OpenPage) -> None:
    page = open_page(width=PHONE, color_scheme="dark")
    page.goto(dashboard.link("convergence", **LONG, data_seed="1"))
    assert share_done(page, least=1) < 100
    chart_ready(page, 5)
    no_horizontal_overflow(page)
    assert page.evaluate(FADED) == []
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Training was cancelled: this is what was trained until then.")).to_be_visible(
        timeout=PATIENCE
    )
    wait_until_idle(page)
    chart_ready(page, 5)
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    expect(page.get_by_text("30 runs").first).to_be_visible()
    no_horizontal_overflow(page)


def test_a_reload_in_mid_training_goes_on_with_the_same_training(dashboard: Server, page: Page) -> None:
    page.goto(dashboard.link("convergence", **LONG, data_seed="2"))
    before = share_done(page, least=2)
    page.reload()
    assert share_done(page) >= before
    chart_ready(page, 5)
    # It is still the same visitor's: nobody else waits for it, so it stops.
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Training was cancelled")).to_be_visible(timeout=PATIENCE)


def test_when_training_ends_every_chart_stays_in_its_place(dashboard: Server, page: Page) -> None:
    page.goto(dashboard.link("saturation", **LONG, data_seed="4"))
    share_done(page, least=2)
    chart_ready(page, 9)
    page.evaluate(COUNT_GONE)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Training was cancelled")).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)
    chart_ready(page, 9)
    assert page.evaluate("window.gone") == 0


FADED = """
() => {
    const faded = [];
    for (const chart of document.querySelectorAll('[data-testid="stVegaLiteChart"]')) {
        let opacity = 1;
        for (let box = chart; box; box = box.parentElement) opacity *= Number(getComputedStyle(box).opacity);
        if (opacity < 1) faded.push(opacity);
    }
    return faded;
}
"""


def test_two_tabs_of_one_visitor_share_a_limit_and_nothing_else(dashboard: Server, page: Page) -> None:
    first, second, third = page, page.context.new_page(), page.context.new_page()
    for tab, seed in ((first, "81"), (second, "82")):
        tab.goto(dashboard.link("convergence", **LONG, data_seed=seed))
        expect(tab.get_by_test_id("stProgress")).to_be_visible(timeout=PATIENCE)
    third.goto(dashboard.link("convergence", **LONG, data_seed="83"))
    expect(third.get_by_text("This experiment is not trained here.")).to_be_visible(timeout=PATIENCE)
    first.get_by_role("button", name="Cancel").click()
    expect(first.get_by_text("Training was cancelled")).to_be_visible(timeout=PATIENCE)
    share_done(second)
    second.get_by_role("button", name="Cancel").click()
    expect(second.get_by_text("Training was cancelled")).to_be_visible(timeout=PATIENCE)


def test_names_from_elsewhere_can_be_typed_in_and_the_link_has_the_labs(dashboard: Server, page: Page) -> None:
    visit(page, dashboard.link("runs", **TINY, activation="tanh", initialiser="zeros"))
    sidebar = page.get_by_test_id("stSidebar")
    for label, typed, shown in (
        ("Activation functions", "Sigmoid", "Sigmoid"),
        ("Initialisers", "xavier_uniform", "xavier_uniform"),
        ("Initialisers", "kaiming", "did you mean 'he_normal'?"),
    ):
        box = sidebar.get_by_role("combobox", name=label).first
        box.click()
        box.press_sequentially(typed)
        expect(page.get_by_role("option")).to_have_count(1)
        box.press("Enter")
        wait_until_idle(page)
        box.press("Tab")  # while its list is open nothing else can be reached
        expect(page.get_by_role("option")).to_have_count(0)
        expect(sidebar.get_by_text(shown).first).to_be_visible()
        wait_until_idle(page)
    expect(train_button(page)).to_be_disabled()
    box = sidebar.get_by_role(
        "combobox", name="Initialisers · choose or type", exact=True
    ).first  # the other one is of biases
    box.press("Backspace")
    expect(sidebar.get_by_text("did you mean")).to_have_count(0)
    wait_until_idle(page)
    train_button(page).click()
    page.wait_for_url("**/runs?*activation=tanh%2Clogistic&initialiser=zeros%2Cglorot_uniform*")
    for name in ("logistic", "glorot_uniform"):
        expect(sidebar.get_by_test_id("stMultiSelect").get_by_text(name, exact=True)).to_be_visible()
