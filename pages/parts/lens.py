"""A page as a lens on one result: its question, its progress, its finding, and its charts, again while it trains."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Concatenate, ParamSpec

import streamlit as st
from streamlit.errors import StreamlitInvalidLayoutContextError

from core.lessons.findings import MIXED, NOT_SUPPORTED, SUPPORTED, Finding
from core.results.results import Result, from_elsewhere
from pages.parts import frame, link, notices, progress, session, training, turns
from pages.parts.shown import Drawn, Shown, Source

FIRST_NUMBERS = 3.0  # seconds that the first run of a page waits for them
REDRAW = 2.0  # seconds between two drawings of its numbers so far: drawing takes time that training could have
# The share of a processor that may go into drawing, for all visitors, results that still grow: training needs the rest.
SHARE = 0.1
# Streamlit fades what it is about to redraw: a page that is redrawn all the time would never be seen clearly.
CLEAR = '<style>[data-testid="stMain"] [data-stale="true"] {opacity: 1 !important}</style>'
COLOURS = {SUPPORTED: "green", MIXED: "orange", NOT_SUPPORTED: "red"}
log = logging.getLogger(__name__)
P = ParamSpec("P")


def show(question: str, body: Callable[[Shown], None], below: Callable[[], None] = lambda: None) -> None:
    """Head the page with its `question`, and draw `body` of the result on the screen, again while that grows.

    What is `below` is drawn once, and where there is no result too.
    """

    def page() -> None:
        st.title(question)
        if source := session.current().source:
            _lens(source, body)
        below()

    frame.present(page)


def _lens(source: Source, body: Callable[[Shown], None]) -> None:
    live = source.active
    if live:
        st.html(CLEAR)

    def page() -> None:
        session.current().picked = False
        _guarded(partial(_draw, source, body))
        link.publish()

    with st.container():  # what follows stays where it is
        progress.ended(source)
    st.fragment(page, run_every=REDRAW * progress.crowd() if live else None)()


def part(shown: Shown, draw: Callable[[], None]) -> None:
    """A part of a page whose controls draw it alone again, not the whole page; it may hold other parts.

    While numbers still come the page is drawn as a whole.
    """
    if not shown.final:
        with st.container():  # a fragment is in one: so all stays in its place when the last numbers have come
            draw()
        return
    page_runs = True

    @st.fragment
    def section() -> None:
        if session.current().picked:  # what was picked in the legend of this part is for the whole page
            link.rerun()
        _guarded(draw)
        if page_runs:
            # A fragment may fill only such places outside of it as it filled when the whole page ran.
            _hold_link()
        else:
            link.publish()

    section()
    # Whenever Streamlit calls this section from now on, it runs alone.
    page_runs = False


def _hold_link() -> None:
    try:
        link.fill()
    except StreamlitInvalidLayoutContextError:
        # This part is new since the whole page ran.
        link.rerun()


def finding(shown: Shown, find: Callable[Concatenate[Result, P], Finding], *args: P.args, **kwargs: P.kwargs) -> None:
    """A finding on the result, in a box."""
    box(shown.once(find, *args, **kwargs), shown.by)


def box(found: Finding, by: str, page: str = "") -> None:
    """A finding in a box; `by` names what it is from, `page` the name of a page to link to."""
    verdict = f"{found.verdict} by {by}" if found.verdict else "so far" if by.endswith("so far") else ""
    badge = f":{COLOURS.get(found.verdict, 'gray')}-badge[{verdict}] " if verdict else ""
    with st.container(border=True):
        st.markdown(f"{badge}**{notices.told(found.claim)}**")
        st.markdown(notices.told(found.evidence).replace(" %", "\N{NO-BREAK SPACE}%"))
        st.caption(notices.told(found.limits))
        if page:
            link.to_page(page)


def nothing_of(shown: Shown, what: str) -> None:
    """Say that there are no numbers of `what`, and why."""
    why = (
        "these runs had diverged at initialisation, or were not trained"
        if shown.final
        else "training has not come to it"
    )
    st.caption(f"No numbers of {what}: {why}.")


def _draw(source: Source, body: Callable[[Shown], None]) -> None:
    with turns.waiting():
        _wait_for_first_numbers()
    shown = _shown(source)
    if shown is None:
        st.caption("The charts appear with the first numbers.")
    else:
        for remark in (from_elsewhere(shown.result.versions), *shown.result.notes):
            if remark:
                st.text(remark)  # it may be from a file: markdown would make a link of www.example.com
        _body(source, shown, body)


def _guarded(draw: Callable[[], None]) -> None:
    try:
        draw()
    except Exception:
        log.exception("A page could not be drawn")
        st.error("This part of the page could not be drawn. Other pages and the files under Runs may still work.")


def _body(source: Source, shown: Shown, body: Callable[[Shown], None]) -> None:
    began = time.thread_time()
    body(shown)
    here = session.current()
    if shown.final:
        here.drawn = None
    elif here.drawn is None or here.drawn.shown is not shown:
        here.drawn = Drawn(source, shown, time.monotonic(), time.thread_time() - began)


def _shown(source: Source) -> Shown | None:
    """The result to draw: the newest, unless that would take too much from training, the visitors' all together."""
    final = not source.active  # asked before the result, which may be newer than this says, but never older
    # A job is one training, whatever target each of its visitors asks for.
    last, target = session.current().drawn, session.current().experiment.target
    if not final and last is not None and last.source is source and last.shown.experiment.target == target:
        others = training.registry().active - 1
        if time.monotonic() < last.at + last.took * others / SHARE:
            return last.shown
    result, version = source.latest()
    if result is None or result.runs.empty:
        return None
    return Shown(result.asked(target), f"{version} {target}", final)


def _wait_for_first_numbers() -> None:
    """A page drawn a moment later, but with charts, saves the visitor the wait for the next look."""
    until = time.monotonic() + FIRST_NUMBERS
    while (job := training.in_training()) and job.position <= 1 and time.monotonic() < until:
        if job.latest()[0] is not None:
            return
        time.sleep(0.05)
