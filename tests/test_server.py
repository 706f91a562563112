"""pages.parts.server, on a real server: what visitors leave behind is bounded and given back, and said in one line."""

import asyncio
import gc
import resource
import sys
import time
import urllib.error
import urllib.request
import uuid
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from pages.parts.server import FILES_SECONDS, MAKERS_SECONDS, Downloads, Sessions, expire, keep_unsent, streamlits_clear
from tests.browser.harness import Server, serve
from tests.load.client import Session

TINY = "dataset=iris&hidden=8&epochs=5&seeds=1"
SOON = {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "2", "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that forgets closed tabs after two seconds, and takes files of 1 MB in all."""
    folder = tmp_path_factory.mktemp("server")
    with serve(folder / "store", folder / "server.log", {**SOON, "LAB_UPLOAD_BYTES": "1MB"}) as server:
        asyncio.run(visit(server))
        yield server


async def visit(server: Server, count: int = 1) -> int:
    """So many visitors at once, who look at one page and close their tabs. Returns the descriptors open before that."""
    visitors = [Session(server.url, "saturation", TINY) for _ in range(count)]
    try:
        for visitor in visitors:
            await visitor.open()
            await visitor.result()
            assert visitor.errors == []
        return descriptors(server)
    finally:
        for visitor in visitors:
            await visitor.close()


class Inattentive(Session):
    """A visitor whose browser never asks for what a page would draw by itself."""

    async def _repeat(self, fragment: str, seconds: float) -> None:
        await asyncio.Event().wait()


def descriptors(server: Server) -> int:
    open_ones = Path(f"/proc/{server.process.pid}/fd")
    return sum(1 for _ in open_ones.iterdir()) if open_ones.exists() else 0  # not every system lists them


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether the condition comes to hold in that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


def test_a_file_can_be_downloaded_for_a_while_after_its_button_was_made_anew_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("pages.parts.server.time.monotonic", lambda: now[0])
    files = Downloads(MemoryMediaFileStorage("/media"))
    files.unused_since = {}

    def draw() -> str:
        """A page with one button, as Streamlit runs it."""
        files.clear_session_refs()
        name = files.add_deferred(lambda: b"a,b", "text/csv", "0.1", "rows.csv")
        files.remove_orphaned_files()
        return name

    older, newer = draw(), draw()
    for _ in range(4):
        made = files.execute_deferred(older)
        now[0] += 1
        draw()
    assert files.read_file(made.rpartition("/")[2].partition(".")[0]) is not None
    now[0] += MAKERS_SECONDS
    last = draw()
    assert files.read_file(made.rpartition("/")[2].partition(".")[0]) is not None
    now[0] += FILES_SECONDS + 1
    draw()
    for gone in (older, newer):
        with pytest.raises(MediaFileStorageError):
            files.execute_deferred(gone)
        assert files.read_file(made.rpartition("/")[2].partition(".")[0]) is None
    assert files.execute_deferred(last), "which the page before still had"


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not list descriptors")


def test_a_page_is_drawn_anew_when_its_job_ends_and_not_only_when_it_looks_next(server: Server) -> None:
    async def wait() -> None:
        link = "dataset=iris&hidden=8&epochs=80&seeds=2&batch_size=1"
        async with Inattentive(server.url, "saturation", link) as visitor:
            await visitor.open()
            trains = [visitor.waits]
            await visitor.result()
            trains.append(visitor.waits)
            assert trains == [True, False]
            assert visitor.query.startswith("dataset=iris"), "the address is as it was"
            assert visitor.errors == []

    asyncio.run(wait())


@needs_proc
def test_the_soft_limit_of_descriptors_is_raised_to_the_hard_one(server: Server) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    row = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    assert row.split()[3:5] == [str(hard)] * 2


@needs_proc
def test_what_closed_tabs_held_is_given_back(server: Server) -> None:
    assert within(30, lambda: descriptors(server) < 40)
    before = descriptors(server)
    assert asyncio.run(visit(server, 12)) >= before + 4 * 12
    assert within(30, lambda: descriptors(server) <= before + 3)


class Circle:
    """A session as far as it ends: in a circle, as Streamlit's are."""

    def __init__(self) -> None:
        self.ended = False
        self.session = self

    def shutdown(self) -> None:
        self.ended = True


class Loop:
    """An event loop as far as something is to be done later: when the test says so."""

    def call_later(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        self.next = partial(call, *arguments)


def test_what_visitors_left_in_circles_is_given_back_when_nobody_is_here_any_more() -> None:
    loop: Any = Loop()
    here = 1
    sessions: Any = Sessions(maxsize=9, ttl=0.0)
    sessions["one"] = visitor = Circle()
    left = weakref.ref(visitor)
    gc.disable()
    try:
        expire(loop, sessions, lambda: here)
        assert visitor.ended
        del visitor
        loop.next()
        assert left()  # somebody is here, who would have to wait
        here = 0
        loop.next()
        assert not left()
    finally:
        gc.enable()


async def sent(server: Server, frame: bytes | str) -> int | None:
    """The code with which a connection that sends this is closed."""
    address = server.url.replace("http", "ws", 1) + "/_stcore/stream"
    async with connect(address, origin=Origin(server.url), subprotocols=[Subprotocol("streamlit")]) as socket:
        await socket.send(frame)
        try:
            while True:
                await asyncio.wait_for(socket.recv(), 10)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("frame", [b"\xff" * 100, b"\x08", "a text", ""], ids=lambda frame: repr(frame[:3]))
def test_a_frame_that_no_browser_sends_ends_in_a_closed_connection_and_one_line_in_the_log(
    server: Server, frame: bytes | str
) -> None:
    before = len(server.log())
    asyncio.run(sent(server, frame))
    assert within(5, lambda: "its connection was closed" in server.log()[before:])
    assert len(server.log()[before:].strip().splitlines()) == 1
    assert "Traceback" not in server.log()[before:]


def put(server: Server, session: str, size: int) -> int:
    """Status of sending a file of that size for a session, which no widget has asked for."""
    edge = uuid.uuid4().hex
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    request = urllib.request.Request(
        f"{server.url}/_stcore/upload_file/{session}/{uuid.uuid4()}",
        data=head.encode() + b"x" * size + f"\r\n--{edge}--\r\n".encode(),
        method="PUT",
        headers={"Content-Type": f"multipart/form-data; boundary={edge}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


class Named(Session):
    """A visitor who knows the name of its session."""

    session = ""

    def _take_new_session(self, message: object, new: object) -> None:
        self.session = new.initialize.session_id  # type: ignore[attr-defined]
        super()._take_new_session(message, new)  # type: ignore[arg-type]


def test_files_that_nobody_asked_for_are_bounded_in_all_and_go_with_their_session(server: Server) -> None:
    async def flood() -> tuple[list[int], list[int]]:
        first, second = Named(server.url, "runs", TINY), Named(server.url, "runs", TINY)
        async with first, second:
            await first.open()
            await second.open()
            mine = [await asyncio.to_thread(put, server, first.session, 700_000) for _ in range(5)]
            others = [await asyncio.to_thread(put, server, second.session, size) for size in (700_000, 200_000)]
        return mine, others

    mine, others = asyncio.run(flood())
    assert mine == [204] * 5, "one file of a session is in the place of its last"
    assert others == [413, 204], "there is room for 1 MB in all"

    async def later() -> int:
        async with Named(server.url, "runs", TINY) as visitor:
            await visitor.open()
            return await asyncio.to_thread(put, server, visitor.session, 900_000)

    assert within(30, lambda: asyncio.run(later()) == 204), "the others' tabs were closed"


@needs_proc
def test_a_server_without_room_for_more_visitors_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crowd(server: Server) -> tuple[list[str], int]:
        visitors: list[Session] = []
        try:
            for _ in range(60):
                visitors.append(Session(server.url, "saturation", TINY))
                await visitors[-1].open()
                if visitors[-1].notices:
                    break
            await visitors[0].rerun()
            assert not visitors[0].errors
            assert not visitors[0].notices, "who is in already goes on"
            return visitors[-1].notices, len(visitors)
        finally:
            for visitor in visitors:
                await visitor.close()

    launcher = tmp_path / "python"
    launcher.write_text(f'#!/bin/sh\nulimit -n 120\nexec {sys.executable} "$@"\n')
    launcher.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(launcher))
    with serve(tmp_path / "store", tmp_path / "server.log") as server:
        notices, count = asyncio.run(crowd(server))
        assert "Too many open files" not in server.log()
    assert any("Try again in a minute or two" in notice for notice in notices)
    assert 10 < count < 30


def deltas(queue: ForwardMsgQueue) -> list[tuple[list[int], str]]:
    return [(list(message.metadata.delta_path), message.delta.new_element.text.body) for message in queue.flush()]


def drawn(path: list[int], fragment: str, text: str = "") -> ForwardMsg:
    message = ForwardMsg()
    message.metadata.delta_path[:] = path
    message.delta.fragment_id = fragment
    message.delta.new_element.text.body = text
    return message


def test_what_a_fragment_within_another_has_drawn_is_sent_with_its_neighbours() -> None:
    """A page is drawn, and before all of it is sent its fragment is asked for: without this the page would be dead."""
    queue = ForwardMsgQueue()
    page = [([0, 1, 16], "outer"), ([0, 1, 17], "inner")]
    for path, fragment in page:
        queue.enqueue(drawn(path, fragment))
    keep_unsent(queue, retain_lifecycle_msgs=True, fragment_ids_this_run=["outer"])
    queue.enqueue(drawn([0, 1, 16], "outer", "newer"))
    assert deltas(queue) == [([0, 1, 16], ""), ([0, 1, 17], ""), ([0, 1, 16], "newer")]
    # A whole page leaves nothing of the last one.
    queue.enqueue(drawn([0, 0], ""))
    keep_unsent(queue, retain_lifecycle_msgs=True)
    assert deltas(queue) == []


def test_streamlit_still_needs_to_be_kept_from_it() -> None:
    queue = ForwardMsgQueue()
    for path, fragment in [([0, 1, 16], "outer"), ([0, 1, 17], "inner")]:
        queue.enqueue(drawn(path, fragment))
    streamlits_clear(queue, retain_lifecycle_msgs=True, fragment_ids_this_run=["outer"])
    assert deltas(queue) == [([0, 1, 17], "")], "if it sends both or none, pages.parts.server.keep_unsent can go"
