"""Behind a real nginx with deploy/nginx.conf: base path, WebSocket, links, and pages embedded in another site's."""

import asyncio
import os
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.browser.conftest import StartServer
from tests.browser.harness import (
    PATIENCE,
    ROOT,
    Server,
    chart_ready,
    find_nginx,
    free_port,
    link_to_copy,
    visit,
    wait_until_idle,
    watch,
)
from tests.load.client import Session

TINY = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}
NAME = "lab.localhost"
"""What browsers take for this machine, though it is neither localhost nor an address, from which Streamlit takes
WebSockets in any case."""
MAIN = """\
daemon off;
{user}
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {site}
    server {{
        listen 127.0.0.1:{course};
        root {folder}/course;
        types {{ text/html html; }}
    }}
}}
"""
NOTES = """<!doctype html><title>Course notes</title><link rel="icon" href="data:,"><h1>Lecture 3</h1>
<iframe src="{source}" width="760" height="700" title="Convergence"></iframe>
"""


@dataclass(frozen=True)
class Proxy:
    """nginx in front of dashboards, and a site with course notes; by the names a browser takes for this machine."""

    port: int
    course: int
    folder: Path
    scheme: str
    dashboards: tuple[Server, ...]

    def link(self, page: str = "", **parameters: str) -> str:
        query = urllib.parse.urlencode(parameters, safe=",:")
        return f"{self.scheme}://{NAME}:{self.port}/lab/{page}?{query}"

    def get(self, path: str, host: str = NAME) -> tuple[int, str]:
        """Status of an answer, and all of its head as text."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Accept-Encoding": "gzip, deflate, br", "Host": host}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, str(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, str(error.headers)


class StartProxy(Protocol):
    def __call__(self, *changes: tuple[str, str], servers: int = 1, name: str = NAME, tls: bool = False) -> Proxy: ...


@pytest.fixture
def start_proxy(server: StartServer, tmp_path: Path) -> Iterator[StartProxy]:
    """Start nginx with deploy/nginx.conf, what is the host's own in it filled in, and with these changes."""
    path = find_nginx()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no nginx here: python -m tests.browser.install")
    with ExitStack() as stack:

        def start(*changes: tuple[str, str], servers: int = 1, name: str = NAME, tls: bool = False) -> Proxy:
            own = {"STREAMLIT_SERVER_BASE_URL_PATH": "lab", "STREAMLIT_SERVER_ALLOWED_HOSTS": name}
            dashboards = tuple(server(store=tmp_path / "store", environment=own) for _ in range(servers))
            places = [urllib.parse.urlsplit(dashboard.url).netloc for dashboard in dashboards]
            port, course = free_port(), free_port()
            folder = tmp_path / "nginx"
            (folder / "course").mkdir(parents=True)
            listen = f"listen 127.0.0.1:{port}" + (" ssl" if tls else "")
            site = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
            for theirs, ours in (
                ("listen 80;", f"{listen}; {_certificate(folder) if tls else ''}"),
                ("listen 80 default_server;", f"{listen} default_server; {_certificate(folder) if tls else ''}"),
                ("server_name lab.example.org;", f"server_name {name};"),
                ("https://notes.example.org", f"http://127.0.0.1:{course}"),
                (
                    "server 127.0.0.1:8501 max_fails=1 fail_timeout=5s;",
                    "\n".join(f"server {place} max_fails=1 fail_timeout=5s;" for place in places),
                ),
                *changes,
            ):
                assert site.count(theirs) == 1, theirs
                site = site.replace(theirs, ours)
            user = "user root;" if os.geteuid() == 0 else ""  # its workers must read what only this user may
            configuration = folder / "nginx.conf"
            text = MAIN.format(user=user, site=site, course=course, folder=folder)
            configuration.write_text(text, encoding="utf-8")
            log = stack.enter_context((folder / "log").open("wb"))
            process = subprocess.Popen([path, "-p", str(folder), "-e", "stderr", "-c", str(configuration)], stderr=log)
            stack.callback(process.wait, timeout=20)
            stack.callback(process.terminate)
            deadline = time.monotonic() + PATIENCE / 1000
            while time.monotonic() < deadline and process.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
                    return Proxy(port, course, folder, "https" if tls else "http", dashboards)
                time.sleep(0.05)
            raise RuntimeError((folder / "log").read_text(encoding="utf-8"))

        yield start


def _certificate(folder: Path) -> str:
    """What nginx is told of a certificate that is made for the test."""
    if not (folder / "key.pem").exists():
        make = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=lab.localhost"
        )
        names = ["-addext", "subjectAltName=DNS:lab.localhost", "-keyout", "key.pem", "-out", "certificate.pem"]
        subprocess.run([*make.split(), *names], cwd=folder, check=True, capture_output=True)
    return f"ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;"


@pytest.fixture
def proxy(start_proxy: StartProxy) -> Proxy:
    return start_proxy()


def test_deep_links_navigation_and_reload_stay_below_the_base_path(proxy: Proxy, page: Page) -> None:
    link = proxy.link("saturation", **TINY)
    visit(page, link)
    chart_ready(page)
    assert page.url == link
    expect(link_to_copy(page).locator("code")).to_have_text(link)
    page.get_by_role("link", name="Convergence").first.click()
    page.wait_for_url(proxy.link("convergence", **TINY))
    wait_until_idle(page)
    chart_ready(page)
    page.reload()
    wait_until_idle(page)
    chart_ready(page)
    page.goto(proxy.link().replace("/lab/", "/lab") + urllib.parse.urlencode(TINY))
    wait_until_idle(page)
    assert page.url.startswith(proxy.link(**TINY))

    assert proxy.get("/saturation")[0] == 404, "what is not below the base path belongs to other sites"
    status, head = proxy.get("/lab/")
    assert status == 200
    assert "server: nginx\n" in head.lower(), "no version"

    scripts = page.evaluate(
        "() => performance.getEntriesByType('resource').map(entry => new URL(entry.name).pathname)"
        ".filter(path => path.endsWith('.js'))"
    )
    assert scripts
    for script in scripts:
        assert "content-encoding: gzip\n" in proxy.get(script)[1].lower(), script


def test_a_page_is_embedded_in_the_notes_of_another_site(proxy: Proxy, page: Page) -> None:
    source = proxy.link("convergence", **TINY, embed="true")
    notes = proxy.folder / "course" / "notes.html"
    notes.write_text(NOTES.format(source=source.replace("&", "&amp;")), encoding="utf-8")
    page.goto(f"http://127.0.0.1:{proxy.course}/notes.html")
    embedded = page.frame_locator("iframe")
    expect(embedded.locator('[data-testid="stVegaLiteChart"] :is(canvas, svg.marks)').first).to_be_visible(
        timeout=PATIENCE
    )
    expect(embedded.get_by_test_id("stMainMenu")).to_have_count(0)
    expect(embedded.get_by_test_id("stSidebar")).not_to_be_in_viewport()
    [frame] = page.main_frame.child_frames
    assert "embed=true" in frame.url, "a reload of the notes stays embedded"


def test_no_other_name_and_no_metrics_are_answered_and_the_heads_bind_the_browser(proxy: Proxy) -> None:
    status, head = proxy.get("/lab/")
    assert status == 200
    head = head.lower()
    assert "x-content-type-options: nosniff\n" in head
    assert "referrer-policy: same-origin\n" in head
    assert f"frame-ancestors 'self' http://127.0.0.1:{proxy.course}\n" in head
    assert "object-src 'none'" in head
    assert "set-cookie: lab_visitor=" in head
    assert proxy.get("/lab/_stcore/metrics")[0] == 404
    assert proxy.get("/lab/_stcore/health")[0] == 200
    for rebound in ("evil.example", "127.0.0.1"):
        with pytest.raises(RemoteDisconnected):
            proxy.get("/lab/", rebound)
    [dashboard] = proxy.dashboards
    for place, origin in ((f"{dashboard.url}", dashboard.url), (dashboard.url, "http://evil.example")):
        address = place.replace("http", "ws", 1) + "/_stcore/stream"
        with pytest.raises(InvalidStatus) as refusal:
            connect(address, origin=Origin(origin), subprotocols=[Subprotocol("streamlit")])
        assert refusal.value.response.status_code == 403


def test_connections_and_requests_of_one_address_are_limited(start_proxy: StartProxy) -> None:
    proxy = start_proxy(
        ("limit_conn lab_connections 1500;", "limit_conn lab_connections 5;"),
        ("rate=500r/s;", "rate=1r/s;"),
        ("burst=15000", "burst=20"),
    )
    began = b"GET /lab/_stcore/stream HTTP/1.1\r\nHost: lab.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    upgrade = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    with ExitStack() as stack:
        answers = []
        for _ in range(7):
            opened = stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port), timeout=20))
            opened.sendall(began + upgrade)
            answers.append(opened.recv(4096).split()[1])
    assert answers == [b"101"] * 5 + [b"429"] * 2
    assert 429 in [proxy.get("/lab/_stcore/health")[0] for _ in range(40)]


def test_pages_are_served_with_tls(start_proxy: StartProxy, browser: Browser, problems: list[str]) -> None:
    proxy = start_proxy(tls=True)
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    watch(page, problems)
    visit(page, proxy.link("saturation", **TINY))
    chart_ready(page)
    assert page.evaluate("() => window.isSecureContext && location.protocol") == "https:"
    context.close()


def test_visitors_of_a_server_that_is_killed_go_on_at_the_other_and_nothing_trained_is_lost(
    start_proxy: StartProxy,
) -> None:
    proxy = start_proxy(servers=2, name="127.0.0.1")  # which Python finds
    first, second = proxy.dashboards

    async def visit_all(names: range) -> set[int]:
        """The visitors of these cookies see their result; how many connections each server has then."""
        visitors = [
            Session(
                f"http://127.0.0.1:{proxy.port}/lab", "saturation", urllib.parse.urlencode(TINY), f"lab_visitor={n}"
            )
            for n in names
        ]
        busy = set()
        try:
            for visitor in visitors:
                await visitor.open()
                await visitor.result()
                assert visitor.errors == []
                assert visitor.charts
            for place, dashboard in enumerate(proxy.dashboards):
                if dashboard.process.poll() is None and _connections(dashboard) > 0:
                    busy.add(place)
        finally:
            for visitor in visitors:
                await visitor.close()
        return busy

    assert _apart(visit_all(range(8))) == {0, 1}, "visitors are spread over both"
    trained = {path.name: path.read_bytes() for path in first.store.glob("*.zip")}
    assert len(trained) == 1, "both have one store"
    first.process.kill()
    assert _apart(visit_all(range(8))) == {1}
    assert {path.name: path.read_bytes() for path in second.store.glob("*.zip")} == trained


def _apart(visits: Coroutine[Any, Any, set[int]]) -> set[int]:
    """What comes of the visits, beside the event loop that Playwright runs in this thread."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(asyncio.run, visits).result()


def _connections(server: Server) -> int:
    """Connections that are open to the server's port."""
    port = f"{urllib.parse.urlsplit(server.url).port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(row[1].endswith(f":{port}") and row[3] == "01" for row in rows)
