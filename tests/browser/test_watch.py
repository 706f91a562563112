"""Watch it learn in a browser: the charts move with the player, and the place is in the address."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.harness import PHONE, Server, chart_ready, no_horizontal_overflow, visit, wait_until_idle

MOONS = {
    "dataset": "two_moons",
    "hidden": "16-16",
    "epochs": "30",
    "seeds": "1",
    "activation": "tanh",
    "initialiser": "glorot_uniform",  # it learns from the first epoch on: every picture differs from the last
}
NOTE_PICTURES = """
() => {
    const chart = document.querySelector('[data-testid="stVegaLiteChart"]'), seen = window.seen = [];
    new MutationObserver(() => {
        const picture = chart.querySelector('image')?.getAttribute('href');
        if (picture && picture !== seen.at(-1)?.picture) seen.push({picture, at: performance.now()});
    }).observe(chart, {subtree: true, attributes: true, childList: true});
}
"""


def test_it_plays_smoothly_on_a_phone_and_a_link_opens_where_it_was_paused(
    dashboard: Server, open_page: OpenPage
) -> None:
    page = open_page(width=PHONE)
    visit(page, dashboard.link("watch", **MOONS))
    chart_ready(page, 7)
    no_horizontal_overflow(page)
    page.evaluate(NOTE_PICTURES)
    page.get_by_label("Frames a second").select_option("10")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.seen.length > 16")
    page.get_by_role("button", name="Pause").click()
    seen = page.evaluate("() => window.seen")
    assert (len(seen) - 1) / (seen[-1]["at"] - seen[0]["at"]) * 1000 >= 5  # frames a second
    expect(page).to_have_url(re.compile(r"[?&]frame=\d+$"))
    wait_until_idle(page)
    said = page.locator(".film output").inner_text()
    paused = page.get_by_label("Frame", exact=True).input_value()
    assert said.startswith(f"epoch {paused}, ")
    page.reload()
    chart_ready(page, 7)
    assert page.locator(".film output").inner_text() == said
    page.get_by_role("button", name="+1 epoch").click()
    expect(page.locator(".film output")).to_contain_text(f"epoch {int(paused) + 1}, ")
    page.get_by_role("button", name="Back to the start").click()
    expect(page.locator(".film output")).to_contain_text("epoch 0, update 0")
    expect(page).not_to_have_url(re.compile("frame="))
    wait_until_idle(page)
