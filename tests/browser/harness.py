"""What a test in a real browser needs: a server of its own, a page at rest, a chart that is drawn, a file."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
# The first is Chromium without a window: a quarter less work for the same page.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",  # the tests may run as root, and open nothing but our own server
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
LOOKED_FOR = ("/_stcore/health", "/_stcore/host-config")
DESKTOP, PHONE = 1280, 390
PATIENCE = 60_000  # ms: how long a page may take on a slow, busy machine
LOOK = 100  # ms between two looks at a page that is waited for; by itself Playwright looks at every frame

# Streamlit shows an exception as an element that the next run may take away again: report it when it appears.
REPORT_EXCEPTIONS = """
new MutationObserver(changes => {
    for (const change of changes) for (const node of change.addedNodes) {
        if (!(node instanceof Element)) continue;
        const shown = node.closest('[data-testid="stException"]') || node.querySelector('[data-testid="stException"]');
        if (shown) console.error('Streamlit shows an exception: ' + shown.textContent);
    }
}).observe(document, {childList: true, subtree: true});
"""

IDLE = """
() => document.querySelector(
        '[data-testid="stApp"][data-test-connection-state="CONNECTED"][data-test-script-state="notRunning"]')
    && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stAppSkeleton"]')
"""

# All at one time: a page that still trains takes charts away again.
DRAWN = """
count => {
    const charts = [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')];
    return charts.length >= count && charts.every(chart => {
        const marks = chart.querySelector('canvas, svg.marks');
        return marks?.checkVisibility({visibilityProperty: true}) && marks.getBoundingClientRect().height > 0;
    });
}
"""

# Counts the charts that are taken away, be it to be made anew in the same moment.
COUNT_GONE = """
() => {
    const chart = '[data-testid="stVegaLiteChart"]';
    window.gone = 0;
    new MutationObserver(changes => {
        for (const change of changes) for (const node of change.removedNodes)
            if (node instanceof Element) window.gone += node.matches(chart) + node.querySelectorAll(chart).length;
    }).observe(document, {childList: true, subtree: true});
}
"""

# The page itself must not scroll sideways; a wide table may, inside a box of its own.
OVERFLOWING = """
() => {
    const wide = [];
    const width = document.documentElement.clientWidth;
    for (const box of document.querySelectorAll('html, body, [data-testid="stMain"]'))
        if (box.scrollWidth > box.clientWidth + 1)
            wide.push(`${box.dataset.testid || box.tagName}: ${box.scrollWidth} px in ${box.clientWidth}`);
    for (const chart of document.querySelectorAll('[data-testid="stVegaLiteChart"] :is(canvas, svg)')) {
        const right = chart.getBoundingClientRect().right;
        if (right > width + 1) wide.push(`chart: ends at ${Math.round(right)} px of ${width}`);
    }
    return wide;
}
"""


def find_browser() -> str | None:
    """Path of the first browser found, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def find_nginx() -> str | None:
    """Path of nginx, which is not on everybody's PATH, or None."""
    return shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass(frozen=True)
class Server:
    """A Streamlit server that runs dashboard.py in a process group of its own."""

    url: str
    process: subprocess.Popen[bytes]
    store: Path
    log_file: Path

    def link(self, page: str = "", **parameters: str) -> str:
        """The address of a page (its url_path), with query parameters."""
        query = urllib.parse.urlencode(parameters, safe=",:")
        return f"{self.url}/{page}" + (f"?{query}" if query else "")

    def log(self) -> str:
        """All that the server has printed so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")


@contextmanager
def serve(store: Path, log_file: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start a fresh server and end it, and whatever it started, afterwards.

    `store` is the folder of its finished results: a second server with the same one is the first, restarted.
    """
    port = free_port()
    settings = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    settings |= {"LAB_STORE": str(store), "PYTHONUNBUFFERED": "1", **(environment or {})}
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py"]
    options = ["--server.address=127.0.0.1", f"--server.port={port}"]
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command + options,
            cwd=ROOT,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    base = settings.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    server = Server(f"http://127.0.0.1:{port}/{base}".rstrip("/"), process, store, log_file)
    try:
        _wait_until_healthy(server)
        yield server
    finally:
        _end(process)


def _wait_until_healthy(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and server.process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=2):
            return
        time.sleep(0.05)
    raise RuntimeError(f"The server did not come up. Its log:\n{server.log()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    with suppress(ProcessLookupError):  # its workers, and itself if it did not listen
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def watch(page: Page, problems: list[str]) -> None:
    """Note in `problems` all that goes wrong on a page: uncaught errors, exceptions shown, errors and Vega's warnings.

    Vega's warnings begin with WARN: "Infinite extent" is a column without a finite value, "Log scale domain" one with
    values that a log axis cannot show.
    """

    def note(message: ConsoleMessage) -> None:
        # Streamlit's client finds its server by asking below the page's own path first: two 404s on every deep link.
        if message.text.startswith("Failed to load resource") and message.location["url"].endswith(LOOKED_FOR):
            return
        if message.type == "error" or (message.type == "warning" and message.text.startswith("WARN")):
            problems.append(f"{message.type} on {page.url}: {message.text} ({message.location['url']})")

    page.on("console", note)
    page.on("pageerror", lambda error: problems.append(f"uncaught on {page.url}: {error}"))
    page.add_init_script(REPORT_EXCEPTIONS)


def wait_until_idle(page: Page, timeout: float = PATIENCE) -> None:
    """Wait until the page is connected, its script has ended and nothing on it waits to be drawn (`timeout` in ms).

    A page that polls a job is idle between two polls: wait for what the job shows, not for this.
    """
    deadline = time.monotonic() + timeout / 1000
    while True:
        page.wait_for_function(IDLE, timeout=max(1, 1000 * (deadline - time.monotonic())), polling=LOOK)
        page.wait_for_timeout(200)  # the change of a widget takes a moment to set off a run
        if page.evaluate(IDLE):
            return


def visit(page: Page, url: str) -> None:
    """Open an address and wait until the page is idle."""
    page.goto(url)
    wait_until_idle(page)


def link_to_copy(page: Page) -> Locator:
    """The box in the sidebar with the link to what is on the screen, opened."""
    box = page.locator(".st-key-link")
    box.locator("summary").click()
    expect(box.locator("code")).to_be_visible(timeout=PATIENCE)
    return box


def chart_ready(page: Page, count: int = 1) -> Locator:
    """Wait until at least `count` charts are there, and all that are there are drawn; returns them."""
    page.wait_for_function(DRAWN, arg=count, timeout=PATIENCE, polling=LOOK)
    return page.get_by_test_id("stVegaLiteChart")


def no_horizontal_overflow(page: Page) -> None:
    """Fail, naming the culprits, if the page scrolls sideways or a chart ends beyond its right edge."""
    wide = page.evaluate(OVERFLOWING)
    assert wide == [], f"wider than the window: {wide}"


def screenshot(page: Page, name: str) -> Path:
    """Save the whole page, below the fold too, as tests/browser/screenshots/<name>.png."""
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    window = page.viewport_size
    assert window is not None
    height = page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]')?.scrollHeight ?? 0")
    page.set_viewport_size({"width": window["width"], "height": max(window["height"], height)})
    page.wait_for_timeout(300)  # charts draw themselves anew
    page.screenshot(path=path)
    page.set_viewport_size(window)
    return path


def saved(page: Page, name: str, folder: Path, kind: str = "csv") -> Path:
    """A file of the chart or table of that name, from its menu: drawn, csv, xlsx, png, svg or vega."""
    menu = page.locator(f".st-key-save_{name}").get_by_role("button")
    menu.click()
    button = page.locator(f".st-key-{kind}_{name}").get_by_role("button")
    path = download(page, button, folder)
    page.keyboard.press("Escape")
    expect(button, "Escape closes the menu").to_have_count(0)  # else the next click would close it
    return path


def download(page: Page, button: Locator, folder: Path) -> Path:
    """Press a download button; returns the file, saved in `folder` under the name that the page gave it."""
    with page.expect_download(timeout=PATIENCE) as info:
        button.click()
    path = folder / info.value.suggested_filename
    info.value.save_as(path)
    return path
