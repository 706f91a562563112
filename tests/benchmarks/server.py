"""What a visitor waits for: the first chart of a server that has just started, and every page of a finished result."""

import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from playwright.sync_api import WebSocket, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core.experiment.presets import PRESETS
from pages.parts.catalogue import PAGES
from tests.benchmarks.report import Row
from tests.browser.harness import DRAWN, FLAGS, IDLE, Server, chart_ready, find_browser, serve
from tests.load.client import Session, VisitError
from tests.load.scenarios import FINISHED, OWN_RESULTS

FIRST_CHART = 3.0
PAGE_SWITCH = 0.3
WARM_CHART = 1.0
AFTER_END = 0.5
FINAL = f"""() => !document.querySelector('[data-testid="stProgress"]') && ({IDLE.strip()})() && ({DRAWN.strip()})(1)"""
VARIANTS = 2
"""Results of each experiment that are looked at."""
WARM_VISITS = 3
PATIENCE = 5
"""Times that a visitor waits for a result before it counts as missing."""


def first_visit(rounds: int) -> list[Row]:
    """Seconds from a server's being up to the first chart in a browser that has loaded none of its files before."""
    if not find_browser():
        return [Row("First visit", "first chart", "", note="no Chromium or Chrome on the PATH")]
    seconds = []
    with (
        tempfile.TemporaryDirectory() as name,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS)) as browser,
    ):
        for number in range(rounds):
            store = Path(name) / str(number)
            # The window is there before the server is, as the visitor's is.
            with (
                browser.new_context() as context,
                context.new_page() as page,
                serve(store, store.with_suffix(".log")) as server,
            ):
                begin = time.perf_counter()
                page.goto(server.link(), wait_until="commit")
                chart_ready(page)
                seconds.append(time.perf_counter() - begin)
    note = "from a healthy server with an empty store to the first chart drawn in Chromium, while the lecture trains"
    return [_row("First visit", "first chart", "", seconds, FIRST_CHART, note)]


def warm_visits(rounds: int) -> list[Row]:
    """What a visitor of a warm server waits for who trains the lecture's experiment: the first chart, and its end."""
    if not find_browser():
        return [Row("Warm server", "first chart", "", note="no Chromium or Chrome on the PATH")]
    first, total, after = [], [], []
    with (
        tempfile.TemporaryDirectory() as name,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS)) as browser,
        serve(Path(name) / "store", Path(name) / "server.log") as server,
    ):
        for number in range(rounds + 1):
            with browser.new_context() as context, context.new_page() as page:
                runs: list[float] = []
                page.on("websocket", partial(_listen, runs))
                begin = time.perf_counter()
                page.goto(server.link("saturation", first_seed=str(1000 + 100 * number)), wait_until="commit")
                chart_ready(page)
                drawn = time.perf_counter() - begin
                page.wait_for_function(FINAL)
                end = time.perf_counter()
            if number:  # the first one warms the server
                first.append(drawn)
                total.append(end - begin)
                after.append(end - runs[-1])
    note = "the lecture's experiment, not stored, from its link, in Chromium"
    return [
        _row("Warm server", "first chart", "", first, WARM_CHART, note),
        _row("Warm server", "final page", "", total, None, note),
        _row("Warm server", "final page", "after the server begins it", after, AFTER_END, "as the job ends"),
    ]


def _listen(runs: list[float], socket: WebSocket) -> None:
    socket.on("framereceived", partial(_note, runs))


def _note(runs: list[float], frame: bytes | str) -> None:
    """Note when the server began a run of the whole page."""
    message = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
    if message.WhichOneof("type") == "new_session" and not message.metadata.run.fragment_ids:
        runs.append(time.perf_counter())


def page_switches() -> list[Row]:
    """Time of the server for every page that shows a result, once the result is finished."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve(folder / "store", folder / "server.log") as server:
            cold, warm = asyncio.run(_switches(server))
    return [
        _row("Page switch, time of the server", entry.title, kind, found[entry.path], PAGE_SWITCH)
        for entry in PAGES
        for kind, found in (("first", cold), ("again", warm))
        if entry.path in found
    ]


def _row(section: str, subject: str, name: str, seconds: Sequence[float], target: float | None, note: str = "") -> Row:
    median = statistics.median(seconds)
    return Row(
        section, subject, name, median=median, low=min(seconds), high=max(seconds), ratio=median, target=target,
        below=True, note=note, rounds=len(seconds),
    )  # fmt: skip


async def _switches(server: Server) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds from a visitor's wish for a page until its script has run, by page: for the first time with this result,
    and again.

    The page on which the visitor waits for the training is drawn by then: they wait for every result on another.
    """
    cold: dict[str, list[float]] = defaultdict(list)
    warm: dict[str, list[float]] = defaultdict(list)
    lecture = [entry.path for entry in PAGES if entry.path in ("", *FINISHED)]
    for number in range(VARIANTS + 1):
        for name, pages in (("lecture", lecture), *((name, [name]) for name in OWN_RESULTS)):
            # The first results only have the server import what its pages need.
            seeds = PRESETS[name].experiment.seeds if number else 1
            experiment = replace(PRESETS[name].experiment, first_seed=1000 * (number + 1), seeds=seeds)
            elsewhere = lecture if pages is lecture else FINISHED
            start = elsewhere[number % len(elsewhere)]
            async with Session(server.url, start, experiment.to_query()) as visitor:
                await visitor.open()
                await _trained(visitor)
                first = {page: await visitor.goto(page) for page in pages if page != start}
                again = [{page: await visitor.goto(page) for page in pages} for _ in range(WARM_VISITS)]
                if visitor.errors:
                    raise RuntimeError(f"a page of {name} went wrong: {visitor.errors[0]}")
            if number:
                for found, into in ((first, cold), *((one, warm) for one in again)):
                    for page, seconds in found.items():
                        into[page].append(seconds)
    return cold, warm


async def _trained(visitor: Session) -> None:
    """Wait for the result, on a busy machine for longer than a visitor would."""
    for _ in range(PATIENCE):
        with suppress(VisitError):
            await visitor.result()
            break
        visitor.errors.clear()
