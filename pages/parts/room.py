"""The memory that what visitors bring in files may take: their results and their tables, all together."""

import threading
import weakref

import streamlit as st

from core import text
from core.results.results import ResultError
from pages.parts import training


class Room:
    """So many bytes, and one reading of a file at a time."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0
        self.reading = threading.Lock()
        self._lock = threading.RLock()

    def take(self, thing: object, size: int) -> None:
        """Count `thing` until it is gone. Raises ResultError where there is no room for it."""
        with self._lock:
            if self.taken + size > self.size:
                raise ResultError(
                    f"it takes {text.size(size)} of memory; allowed: {text.size(self.size)} for the files of all "
                    f"visitors, of which {text.size(self.size - self.taken)} are free. Try again later"
                )
            self.taken += size
        weakref.finalize(thing, self._give_back, size)

    def _give_back(self, size: int) -> None:
        with self._lock:
            self.taken -= size


@st.cache_resource(show_spinner=False)
def room() -> Room:
    """The room of this server."""
    return Room(training.registry().settings.upload_bytes)
