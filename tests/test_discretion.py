"""What a visitor is sent says nothing about the host: where things lie, who runs them, which versions."""

import asyncio
import getpass
import os
import platform
import socket
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import streamlit
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.parts.catalogue import PAGES
from tests.browser.harness import ROOT, Server, serve
from tests.load.client import Session

TINY = "dataset=iris&hidden=8&epochs=3&seeds=1"
WRONG = f"{TINY}&scaling=/etc/passwd&gain=1e999&epoch=x"
ADDRESSES = ("", "saturation", "nothing-here", "_stcore/health", "_stcore/host-config", "media/none", "component/a/b")


class Listener(Session):
    """A visitor who keeps what the page is made of.

    Streamlit's greeting is left out: by it the browser's half checks that both are of one version, and it names the
    script. No setting takes these out; docs/hosting.md says so.
    """

    def __init__(self, *arguments: str) -> None:
        super().__init__(*arguments)
        self.heard: list[bytes] = []
        self.greeting = b""

    def _take_new_session(self, message: ForwardMsg, new: object) -> None:
        self.greeting = message.SerializeToString()
        super()._take_new_session(message, new)

    def _take_delta(self, message: ForwardMsg, delta: object) -> None:
        self.heard.append(message.SerializeToString())
        super()._take_delta(message, delta)  # type: ignore[arg-type]


def hidden(folder: Path) -> dict[str, bytes]:
    """What nobody should hear, by what it is."""
    names = {
        "the checkout": str(ROOT),
        "the store": str(folder),
        "the interpreter": str(Path(os.__file__).parent),
        "Streamlit's version": streamlit.__version__,
        "Python's version": platform.python_version(),
        "NumPy's version": np.__version__,
        "the operating system": platform.release(),
    }
    # A name as short as "root" or "host" stands in other words too.
    names |= {f"the name {name}": name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 6}
    return {what: name.encode() for what, name in names.items()}


async def pages(server: Server) -> list[bytes]:
    """Everything that is sent to a visitor who opens each page, and one of them by a wrong link."""
    heard: list[bytes] = []
    for entry, query in [*((entry, TINY) for entry in PAGES), (PAGES[-1], WRONG)]:
        async with Listener(server.url, entry.path, query) as visitor:
            await visitor.open()
            if query == TINY:
                await visitor.result()
            heard += visitor.heard
            assert str(ROOT).encode() in visitor.greeting  # where it is said, this finds it
    return heard


def answers(server: Server) -> list[bytes]:
    """Heads and bodies of the server's answers to plain requests."""
    given: list[bytes] = []
    for address in ADDRESSES:
        try:
            answer = urllib.request.urlopen(f"{server.url}/{address}", timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            given += [str(answer.headers).encode(), answer.read()]
    return given


def test_pages_and_answers_name_no_path_or_version_of_the_host(tmp_path: Path) -> None:
    with serve(tmp_path / "store", tmp_path / "server.log") as server:
        sent = asyncio.run(pages(server)) + answers(server)
    assert len(sent) > 100
    secrets = hidden(tmp_path)
    found = {what for what, name in secrets.items() for part in sent if name in part}
    assert not found
