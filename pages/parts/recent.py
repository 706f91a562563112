"""What a visitor had on the screen last: in the session and, where the browser has a cookie, over a reload of it too.

It is in the server's memory alone, by what stays the same in the cookie: bounded, and forgotten after a day or with
the server. What is about a table of somebody's own is kept by the session alone, as the table is.
"""

import threading
import time
from collections.abc import Callable, Iterable

import streamlit as st

from core.experiment.experiment import Experiment
from pages.parts import session
from pages.parts.session import Recent

MOST = 10
"""Experiments that are remembered of a visitor."""
BROWSERS = 1000
"""Browsers that are remembered: with the next one that goes which has trained nothing for longest."""
EXPIRY_SECONDS = 24 * 3600.0


class Kept:
    """What browsers had on the screen, by the name of each: so many of them, for so long."""

    def __init__(self, most: int = BROWSERS, clock: Callable[[], float] = time.time) -> None:
        self._most, self._clock = most, clock
        self._of: dict[str, list[Recent]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._of)

    def add(self, browser: str, one: Recent) -> None:
        """Remember an experiment of a browser."""
        with self._lock:
            self._of[browser] = newest([one, *self._of.pop(browser, ())])
            gone = [name for name, own in self._of.items() if self._over(own[0])]
            for name in gone or list(self._of)[: -self._most]:
                del self._of[name]

    def of(self, browser: str) -> list[Recent]:
        """What a browser had on the screen, the newest first."""
        with self._lock:
            return [one for one in self._of.get(browser, ()) if not self._over(one)]

    def _over(self, one: Recent) -> bool:
        return self._clock() - one.at > EXPIRY_SECONDS


@st.cache_resource(show_spinner=False)
def kept() -> Kept:
    """What this server remembers."""
    return Kept()


def note(experiment: Experiment, browser: str | None) -> None:
    """Remember that an experiment was put on the screen, in a browser if it is known."""
    one, here = Recent(experiment, time.time()), session.current()
    here.recent = newest([one, *here.recent])
    if browser and not experiment.own_table:
        kept().add(browser, one)


def listed(browser: str | None) -> list[Recent]:
    """What this visitor had on the screen, the newest first."""
    return newest([*session.current().recent, *(kept().of(browser) if browser else ())])


def newest(several: Iterable[Recent]) -> list[Recent]:
    """Of each experiment when it was on the screen last, of those the newest."""
    found: dict[Experiment, Recent] = {}
    for one in sorted(several, key=lambda one: -one.at):
        found.setdefault(one.experiment, one)
    return list(found.values())[:MOST]
