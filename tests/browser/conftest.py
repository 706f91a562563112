"""Fixtures of the tests in a real browser; harness.py has the helpers that go with them.

def test_it(server, page):      server(): a fresh server; page: a window that fails the test if anything goes wrong
def test_it(dashboard, page):   dashboard: one server for the whole session, for what needs no cold start
def test_it(dashboard, open_page):   open_page(width=PHONE, color_scheme="dark"): as many windows as it takes
"""

import os
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Protocol

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.harness import DESKTOP, FLAGS, PATIENCE, Server, find_browser, screenshot, serve, watch

FAILED = pytest.StashKey[bool]()


class OpenPage(Protocol):
    def __call__(
        self, *, width: int = DESKTOP, color_scheme: Literal["light", "dark"] = "light", moving: bool = False
    ) -> Page: ...


class StartServer(Protocol):
    def __call__(self, *, store: Path | None = None, environment: Mapping[str, str] | None = None) -> Server: ...


def pytest_itemcollected(item: pytest.Item) -> None:
    if Path(__file__).parent in item.path.parents:
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.timeout(300))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium or Chrome. Without one the test is skipped, but fails in CI and under `make test`."""
    path = find_browser()
    if path is None:
        required = os.environ.get("CI") or os.environ.get("LAB_REQUIRE_BROWSER")
        (pytest.fail if required else pytest.skip)("no Chromium or Chrome on the PATH: python -m tests.browser.install")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def dashboard(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not need a fresh one."""
    folder = tmp_path_factory.mktemp("dashboard")
    with serve(folder / "store", folder / "server.log") as server:
        yield server


@pytest.fixture
def server(browser: Browser, tmp_path: Path) -> Iterator[StartServer]:
    """Start fresh servers, each with an empty store unless it is given one; all end with the test."""
    servers: list[Server] = []
    with ExitStack() as stack:

        def start(*, store: Path | None = None, environment: Mapping[str, str] | None = None) -> Server:
            name = f"server-{len(servers)}"
            started = stack.enter_context(serve(store or tmp_path / name, tmp_path / f"{name}.log", environment))
            servers.append(started)
            return started

        yield start
    for started in servers:
        print(started.log())
    assert not [s.log() for s in servers if "Traceback" in s.log()], "the server logged a traceback"


@pytest.fixture
def problems() -> list[str]:
    """What went wrong in the test's windows. A test that provokes a problem asserts that it is here, then clears it."""
    return []


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest,
    browser: Browser,
    server: StartServer,  # windows close before the servers behind them end
    problems: list[str],
) -> Iterator[OpenPage]:
    """Open windows, each with cookies and storage of its own; the test fails on any problem in any of them.

    A window asks for little motion unless it is `moving`: what turns while a page waits takes half of all the work.
    """
    pages: list[Page] = []

    def open_one(
        *, width: int = DESKTOP, color_scheme: Literal["light", "dark"] = "light", moving: bool = False
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=color_scheme,
            reduced_motion="no-preference" if moving else "reduce",
        )  # fmt: skip
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        watch(page, problems)
        pages.append(page)
        return page

    yield open_one
    for number, page in enumerate(pages):
        page.wait_for_timeout(50)  # lets the last messages of its console arrive
        if request.node.stash.get(FAILED, False) or problems:
            test = re.sub(r"[^\w-]+", "-", request.node.name)
            screenshot(page, f"failed-{test}-{number}")
        page.context.close()
    assert problems == []


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """One light window of 1280 x 900."""
    return open_page()
