"""A visitor without a browser: one WebSocket to the server, on which it says what a browser would.

It does what Streamlit's page does: it opens a link, holds the values of all widgets and sends them with every message,
keeps large messages and tells the server so, and asks for the fragments that run by themselves.
"""

import asyncio
import time
from contextlib import suppress
from random import Random
from typing import Any, Self, TypeVar

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState, ContextInfo
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin, Subprotocol

from tests.load.controls import Control, control

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a visitor gives up: an error."""
TRAINING_PATIENCE = 180.0
"""The same for a sweep of the visitor's own, which shows its progress."""
TRIES = 200
"""How often a visitor looks for something that nobody has seen yet."""
KEPT_RUNS = 50
"""Runs of the whole page for which a visitor keeps a large message that has not come again."""


class VisitError(Exception):
    """The server did not do what a visitor asked for."""


class Session:
    """A visitor on one page.

    Attributes:
        errors: what a visitor must never see: exceptions, error boxes, scripts that fail, connections that break.
        notices: warnings and plain texts on the page, such as why the server refuses a sweep.
        charts: charts that have been drawn so far.
    """

    def __init__(self, server: str, path: str = "", query: str = "", cookie: str = "") -> None:
        self.server = server
        self._cookie = cookie
        self.path = path
        self.query = query
        self.errors: list[str] = []
        self.notices: list[str] = []
        self.charts = 0
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._began = 0.0
        self._first_chart: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._finished: dict[str, asyncio.Future[float]] = {}
        self._ended = asyncio.Event()
        self._pages: dict[str, str] = {}
        self._page = ""
        self._frame = ""
        self._controls: dict[str, Control] = {}
        self._drawn: set[str] = set()
        self._values: dict[str, WidgetState] = {}
        self._kept: dict[str, tuple[Delta, int]] = {}
        self._runs = 0
        self._timers: dict[str, asyncio.Task[None]] = {}

    # What a visitor does

    async def open(self) -> float:
        """Open the link, and wait until the page has been drawn. Returns the seconds it took."""
        self._began = time.perf_counter()
        try:
            self._socket = await asyncio.wait_for(
                connect(
                    f"{self.server.replace('http', 'ws', 1)}/_stcore/stream",
                    origin=Origin(self.server),
                    subprotocols=[Subprotocol("streamlit")],
                    additional_headers={"Cookie": self._cookie} if self._cookie else None,
                    open_timeout=None,
                    ping_interval=None,
                    max_size=None,
                ),
                PATIENCE,
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            self._wrong(f"no connection: {str(error) or type(error).__name__}")
            raise VisitError(self.errors[-1]) from error
        self._reader = asyncio.create_task(self._read())
        await self._run("", page_name=self.path)
        return time.perf_counter() - self._began

    async def first_chart(self) -> float:
        """Seconds from the opening of the link to the first chart; waits for it."""
        return await self._patiently(self._first_chart, "no chart")

    async def result(self) -> float:
        """Wait until nothing on the page runs by itself: training has ended. Returns the seconds since the opening."""
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await self._patiently(ended, "training has no end", TRAINING_PATIENCE)
        finally:
            ended.cancel()
        return time.perf_counter() - self._began

    @property
    def waits(self) -> bool:
        """Whether a part of the page runs by itself: it is training."""
        return bool(self._timers)

    def movable(self) -> list[Control]:
        """The controls of the page itself that can be moved."""
        return [found for found in self._controls.values() if found.movable and found.area == 0]

    async def move(self, rng: Random) -> float:
        """Move one of the page's controls, and wait for what it changes. Returns the seconds it took."""
        chosen = rng.choice(self.movable())
        self._values[chosen.id] = chosen.moved(rng)
        return await self._run(chosen.fragment)

    async def move_on(self, rng: Random, seen: set[tuple[bytes, ...]]) -> float | None:
        """Move one of them to where the page shows what nobody has `seen`, and note that.

        Returns the seconds it took; None where there is nothing new next to where it is.
        """
        for _ in range(TRIES):
            chosen = rng.choice(self.movable())
            values = self._values | {chosen.id: chosen.moved(rng)}
            shown = tuple(sorted(values[found.id].SerializeToString() for found in self.movable()))
            if shown not in seen:
                seen.add(shown)
                self._values = values
                return await self._run(chosen.fragment)
        return None

    async def press(self, key: str) -> float:
        """Press a button. Returns the seconds until the page has been drawn anew."""
        button = next((found for found in self._controls.values() if found.id.endswith(f"-{key}")), None)
        if button is None:
            self._wrong(f"no button {key}")
            raise VisitError(self.errors[-1])
        return await self._run(button.fragment, WidgetState(id=button.id, trigger_value=True))

    async def rerun(self) -> float:
        """Have the whole page drawn again. Returns the seconds it took."""
        return await self._run("")

    async def goto(self, path: str) -> float:
        """Change to another page. Returns the seconds it took."""
        self.path, self._page = path, self._pages[path]
        self._keep({found.id for found in self._controls.values() if found.script == self._frame})
        return await self._run("")

    async def close(self) -> None:
        """Close the tab."""
        self._stop_timers(tuple(self._timers))
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        if self._socket is not None:
            await self._socket.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # What its browser does

    async def _run(self, fragment: str, pressed: WidgetState | None = None, page_name: str = "") -> float:
        self._finished[fragment] = asyncio.get_running_loop().create_future()
        begin = time.perf_counter()
        await self._send(fragment, pressed, page_name)
        return await self._patiently(self._finished[fragment], "a run has no end") - begin

    async def _send(
        self, fragment: str, pressed: WidgetState | None = None, page_name: str = "", by_itself: bool = False
    ) -> None:
        values = [*self._values.values(), *([pressed] if pressed else [])]
        state = ClientState(
            query_string=self.query,
            widget_states=WidgetStates(widgets=values),
            page_script_hash=self._page,
            page_name=page_name,
            fragment_id=fragment,
            is_auto_rerun=by_itself,
            cached_message_hashes=list(self._kept),
            context_info=ContextInfo(
                timezone="UTC",
                locale="en-GB",
                url=f"{self.server}/{self.path}",
                is_embedded=False,
                color_scheme="light",
            ),
        )
        assert self._socket is not None
        with suppress(ConnectionClosed):  # the reader says so
            await self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    async def _patiently(self, awaited: "asyncio.Future[T]", failure: str, patience: float = PATIENCE) -> T:
        try:
            return await asyncio.wait_for(asyncio.shield(awaited), patience)
        except (TimeoutError, ConnectionClosed) as error:
            if isinstance(error, TimeoutError):
                self._wrong(f"{failure} within {patience:g} s")
            raise VisitError(self.errors[-1]) from error

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            while True:
                data = await self._socket.recv(decode=False)
                message = ForwardMsg.FromString(data)
                name = message.WhichOneof("type")
                take = getattr(self, f"_take_{name}", None)
                if take is not None:
                    take(message, getattr(message, str(name)))
        except ConnectionClosed as error:
            self._wrong(f"the connection broke: {error}")
            for waiting in (self._first_chart, *self._finished.values()):
                if not waiting.done():
                    waiting.set_exception(error)
                    waiting.exception()  # nobody may be waiting

    def _take_new_session(self, message: ForwardMsg, new: Any) -> None:
        self._runs += 1
        self._page, self._frame = new.page_script_hash, new.main_script_hash
        self._drawn = set()
        if not message.metadata.run.fragment_ids:
            self.notices.clear()
            self._ended.clear()
            self._stop_timers(tuple(self._timers))

    def _take_navigation(self, _: ForwardMsg, navigation: Any) -> None:
        self._page = navigation.page_script_hash
        self._pages = {
            "" if page.is_default else page.url_pathname: page.page_script_hash for page in navigation.app_pages
        }

    def _take_page_info_changed(self, _: ForwardMsg, info: Any) -> None:
        self.query = info.query_string

    def _take_ref_hash(self, message: ForwardMsg, name: str) -> None:
        delta, _ = self._kept[name]
        self._kept[name] = delta, self._runs
        self._take_delta(message, delta)

    def _take_delta(self, message: ForwardMsg, delta: Delta) -> None:
        if delta.WhichOneof("type") != "new_element":
            return
        if message.metadata.cacheable:
            self._kept[message.hash] = delta, self._runs
        element, fragment = delta.new_element, delta.fragment_id
        kind = element.WhichOneof("type")
        if kind == "vega_lite_chart":
            self.charts += 1
            if not self._first_chart.done():
                self._first_chart.set_result(time.perf_counter() - self._began)
        elif kind == "exception":
            self._wrong(f"exception: {element.exception.type} {element.exception.message}")
        elif kind == "alert" and element.alert.format == Alert.ERROR:
            self._wrong(f"error box: {element.alert.body}")
        elif kind == "alert" and element.alert.format == Alert.WARNING:
            self.notices.append(element.alert.body)
        elif kind == "text":
            self.notices.append(element.text.body)
        elif found := control(element, fragment, message.metadata.active_script_hash, message.metadata.delta_path[0]):
            self._controls[found.id] = found
            self._drawn.add(found.id)
            held = found.held()
            if held is not None and (found.id not in self._values or found.drawn.set_value):
                self._values[found.id] = held

    def _take_auto_rerun(self, _: ForwardMsg, asked: Any) -> None:
        self._stop_timers((asked.fragment_id,))
        self._timers[asked.fragment_id] = asyncio.create_task(self._repeat(asked.fragment_id, asked.interval))

    def _take_stop_auto_rerun(self, _: ForwardMsg, asked: Any) -> None:
        self._stop_timers(asked.fragment_ids)

    def _take_session_event(self, _: ForwardMsg, event: Any) -> None:
        if event.WhichOneof("type") == "script_compilation_exception":
            self._wrong(f"compilation: {event.script_compilation_exception.message}")

    def _take_script_finished(self, message: ForwardMsg, status: int) -> None:
        if status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return
        if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self._wrong("the script does not compile")
        fragments = set(message.metadata.run.fragment_ids)
        self._keep(
            {
                found.id
                for found in self._controls.values()
                if found.id in self._drawn or (fragments and found.fragment not in fragments)
            }
        )
        self._kept = {name: kept for name, kept in self._kept.items() if fragments or self._runs - kept[1] < KEPT_RUNS}
        # A run of the whole page is the end of those of its parts too, one of which may have asked for it.
        for name in fragments or tuple(self._finished):
            waiting = self._finished.pop(name, None)
            if waiting is not None:
                waiting.set_result(time.perf_counter())
        if not (fragments or self._timers):
            self._ended.set()

    def _keep(self, ids: set[str]) -> None:
        """Forget the widgets that are no longer on the page."""
        self._controls = {name: found for name, found in self._controls.items() if name in ids}
        self._values = {name: value for name, value in self._values.items() if name in ids}

    async def _repeat(self, fragment: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._send(fragment, by_itself=True)

    def _stop_timers(self, fragments: "tuple[str, ...]") -> None:
        for fragment in fragments:
            if timer := self._timers.pop(fragment, None):
                timer.cancel()

    def _wrong(self, what: str) -> None:
        self.errors.append(what)
