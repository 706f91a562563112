"""Visitors with a real browser, and the files that a browser loads on its first visit."""

import asyncio
import time
import urllib.parse
from dataclasses import dataclass, field

from playwright.sync_api import sync_playwright

from tests.browser.harness import FLAGS, chart_ready, find_browser, watch

CONNECTIONS = 6  # that a browser opens to one server


@dataclass
class Visits:
    """What a few browsers met.

    Attributes:
        seconds: per visit with an empty cache, from the opening of the link to the first chart that is drawn.
        files: paths of all that the first of them loaded, in order.
        errors: uncaught errors, exceptions on the page, what the console says.
    """

    seconds: list[float] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def visit(url: str, count: int, pause: float) -> Visits:
    """Open a link in `count` windows with nothing in common, one after the other with pauses of so many seconds."""
    found = Visits()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        for number in range(count):
            with browser.new_context() as context, context.new_page() as page:
                if not number:
                    page.on("request", lambda request: found.files.append(urllib.parse.urlsplit(request.url).path))
                watch(page, found.errors)
                begin = time.perf_counter()
                page.goto(url, wait_until="commit")
                try:
                    chart_ready(page)
                except AssertionError:
                    found.errors.append("no chart")
                else:
                    found.seconds.append(time.perf_counter() - begin)
            time.sleep(pause)
        browser.close()
    found.files = [path for path in found.files if path.startswith("/static/")]
    return found


async def load_files(server: str, files: list[str]) -> int:
    """Load files over as many connections as a browser has. Returns how many did not come."""
    parts = urllib.parse.urlsplit(server)
    waiting = list(reversed(files))
    failed = 0

    async def connection() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            while waiting:
                path = waiting.pop()
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = next(row for row in head.split("\r\n") if row.startswith("content-length:"))
                await reader.readexactly(int(length.partition(":")[2]))
                failed += " 200 " not in head.partition("\r\n")[0]
        finally:
            writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return failed
