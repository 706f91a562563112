"""What a page's script sends reaches the browser in order and whole, with few turns of the server's loop."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunnerEvent

from pages.parts import sending

MESSAGE, STARTED, STOPPED = (
    ScriptRunnerEvent.ENQUEUE_FORWARD_MSG,
    ScriptRunnerEvent.SCRIPT_STARTED,
    ScriptRunnerEvent.SCRIPT_STOPPED_WITH_SUCCESS,
)


class Session:
    """As much of Streamlit's session as events need: it notes what it hears, and how often its loop was woken."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._event_loop = loop
        self.heard: list[tuple[ScriptRunnerEvent, int]] = []
        self.woken = 0

    def _call_soon_on_event_loop(self, callback: Callable[[], None]) -> None:
        self.woken += 1
        self._event_loop.call_soon_threadsafe(callback)

    def _handle_scriptrunner_event_on_event_loop(self, _sender: Any, event: ScriptRunnerEvent, number: int) -> None:
        if number < 0:
            raise ValueError(number)
        self.heard.append((event, number))


Script = Callable[[Callable[[ScriptRunnerEvent, int], None]], None]


def run(script: Script, how: Any = sending.on_event) -> Session:
    """A session whose script has run in a thread, as on a server, when all is heard that will be."""

    async def main() -> Session:
        session = Session(asyncio.get_running_loop())
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: None)
        own = cast(AppSession, session)
        await asyncio.to_thread(script, lambda event, number: how(own, None, event, number))
        await asyncio.sleep(3 * sending.SECONDS)
        return session

    return asyncio.run(main())


def page(send: Callable[[ScriptRunnerEvent, int], None]) -> None:
    """A page of sixty messages."""
    send(STARTED, 0)
    for number in range(60):
        send(MESSAGE, number)
    send(STOPPED, 0)


@pytest.mark.parametrize("pages", [1, 3])
def test_everything_is_heard_once_and_in_order(pages: int) -> None:
    def script(send: Callable[[ScriptRunnerEvent, int], None]) -> None:
        for _ in range(pages):
            page(send)

    whole = [(STARTED, 0), *((MESSAGE, number) for number in range(60)), (STOPPED, 0)]
    assert run(script).heard == pages * whole


def test_messages_without_an_end_are_heard_a_little_later() -> None:
    assert run(lambda send: send(MESSAGE, 7)).heard == [(MESSAGE, 7)]


def test_a_page_wakes_the_server_a_few_times_and_not_for_every_message() -> None:
    assert run(page).woken < 30


def test_what_comes_after_an_event_that_fails_is_still_heard() -> None:
    def script(send: Callable[[ScriptRunnerEvent, int], None]) -> None:
        for number in (1, -1, 2):
            send(MESSAGE, number)
        send(STOPPED, 0)

    assert run(script).heard == [(MESSAGE, 1), (MESSAGE, 2), (STOPPED, 0)]


def test_streamlit_still_wakes_its_server_for_every_message() -> None:
    woken = run(page, how=sending.streamlits_event).woken
    assert woken == 62, "if it wakes it less often, pages.parts.sending can go"
