"""What a page's script sends, on its way to the server's loop: several messages at a time.

Streamlit wakes the loop for each of the sixty or so messages of a page, and the two threads take turns in holding
Python's lock. Here a message waits for others, no longer than Streamlit lets it wait before it sends it: a server
redraws a tenth more pages.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunnerEvent

SECONDS = 0.01
"""How long a message waits for others at most: Streamlit looks as often for what it has to send."""
streamlits_event = AppSession._on_scriptrunner_event


class Events:
    """The events of one session's scripts that the server's loop has not heard of, in order."""

    def __init__(self, session: AppSession) -> None:
        self._session = session
        self._waiting: deque[Callable[[], None]] = deque()
        self._expected = False  # whether the loop will look by itself

    def add(self, event: Callable[[], None], message: bool) -> None:
        """Note an event, from any thread. Of a message the loop hears a little later, of all else at once."""
        self._waiting.append(event)
        if not message:
            self._session._call_soon_on_event_loop(self._look)
        elif not self._expected:
            self._expected = True
            self._session._call_soon_on_event_loop(self._look_later)

    def _look_later(self) -> None:
        self._session._event_loop.call_later(SECONDS, self._look)

    def _look(self) -> None:
        # Before the queue is emptied: what comes meanwhile has the loop look again.
        self._expected = False
        try:
            while self._waiting:
                self._waiting.popleft()()
        finally:
            if self._waiting:  # one of them failed: the others are still due
                self._session._call_soon_on_event_loop(self._look)


def on_event(self: AppSession, sender: Any, event: ScriptRunnerEvent, *args: Any, **kwargs: Any) -> None:
    """Hand on an event of a script, in the place of Streamlit's own `AppSession._on_scriptrunner_event`."""
    events: Events = self.__dict__.setdefault("events", Events(self))
    events.add(
        lambda: self._handle_scriptrunner_event_on_event_loop(sender, event, *args, **kwargs),
        message=event is ScriptRunnerEvent.ENQUEUE_FORWARD_MSG,
    )
