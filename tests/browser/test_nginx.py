"""Behind a real nginx with deploy/nginx.conf: base path, WebSocket, links, and pages embedded in another site's."""

import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import StartServer
from tests.browser.harness import (
    PATIENCE,
    ROOT,
    chart_ready,
    find_nginx,
    free_port,
    link_to_copy,
    visit,
    wait_until_idle,
)

TINY = {"dataset": "iris", "hidden": "8", "epochs": "20", "seeds": "2"}
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
    """nginx in front of a dashboard, and a site with course notes; by the names a browser takes for this machine."""

    port: int
    course: int
    folder: Path

    def link(self, page: str = "", **parameters: str) -> str:
        # Neither localhost nor an address, which Streamlit takes WebSockets from in any case.
        return f"http://lab.localhost:{self.port}/lab/{page}?{urllib.parse.urlencode(parameters, safe=',:')}"

    def get(self, path: str) -> tuple[int, str]:
        """Status of an answer, and all of its head as text."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Accept-Encoding": "gzip, deflate, br"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, str(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, str(error.headers)


@pytest.fixture
def proxy(server: StartServer, tmp_path: Path) -> Iterator[Proxy]:
    path = find_nginx()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no nginx here: python -m tests.browser.install")
    dashboard = server(environment={"STREAMLIT_SERVER_BASE_URL_PATH": "lab"})
    port, course = free_port(), free_port()
    site = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for theirs, ours in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("server 127.0.0.1:8501;", f"server {urllib.parse.urlsplit(dashboard.url).netloc};"),
    ):
        assert site.count(theirs) == 1
        site = site.replace(theirs, ours)
    folder = tmp_path / "nginx"
    (folder / "course").mkdir(parents=True)
    user = "user root;" if os.geteuid() == 0 else ""  # its workers must read what only this user may
    configuration = folder / "nginx.conf"
    configuration.write_text(MAIN.format(user=user, site=site, course=course, folder=folder), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([path, "-p", str(folder), "-e", "stderr", "-c", str(configuration)], stderr=log)
    try:
        proxy = Proxy(port, course, folder)
        deadline = time.monotonic() + PATIENCE / 1000
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError):
                assert proxy.get("/lab/_stcore/health")[0] == 200
                break
            time.sleep(0.05)
        else:
            pytest.fail((folder / "log").read_text(encoding="utf-8"))
        yield proxy
    finally:
        process.terminate()
        process.wait(timeout=20)


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
