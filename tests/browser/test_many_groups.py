"""Many run groups in a browser: each of them can be called up with keys alone, on every page that has charts."""

import urllib.parse

import pytest
from playwright.sync_api import Page, expect

from core.experiment.experiment import Experiment
from pages.parts.catalogue import MANY
from pages.parts.controls import text_of
from tests.browser.harness import PATIENCE, Server, chart_ready, visit, wait_until_idle


def experiment(groups: int) -> Experiment:
    """One of so many run groups, an even number."""
    return Experiment.from_params(
        {
            "dataset": "iris",
            "activation": "tanh,logistic",
            "initialiser": ",".join(f"normal:{place / 25:g}" for place in range(1, groups // 2 + 1)),
            "hidden": "4",
            "epochs": "1",
            "seeds": "1",
        }
    )


def shown(page: Page) -> list[str]:
    """The run groups that the address says are shown."""
    query = urllib.parse.parse_qs(urllib.parse.urlparse(page.url).query)
    return query.get("groups", [""])[0].split(",")


# All of the hundred on one page; on the others enough for several turns.
@pytest.mark.parametrize(
    ("path", "number"), [("saturation", 100), ("convergence", 30), ("gradient_signs", 30), ("signal_propagation", 30)]
)
def test_each_of_many_groups_is_reached_by_keys(dashboard: Server, page: Page, path: str, number: int) -> None:
    trained = experiment(number)
    groups = [text_of(group) for group in trained.groups()]
    assert len(groups) == number
    visit(page, dashboard.link(path, **trained.to_params()))
    expect(page.get_by_text(f"Shown are 12 of {number} run groups, from the first to the last")).to_be_visible(
        timeout=PATIENCE
    )
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=PATIENCE)
    found: list[str] = []
    while len(found) < len(groups):
        turn = page.locator(".st-key-groups_after").get_by_role("button")
        turn.focus()
        page.keyboard.press("Enter")
        first, last = len(found) + 1, min(len(found) + MANY, len(groups))
        expect(page.get_by_text(f"run groups, numbers {first} to {last}")).to_be_visible(timeout=PATIENCE)
        wait_until_idle(page)
        found += shown(page)
    assert found == groups
    chart_ready(page)
    expect(page.locator(".st-key-groups_after").get_by_role("button")).to_be_disabled()
