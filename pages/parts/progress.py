"""How training stands: a bar at the foot of every page while it runs, and why it ended before its time."""

import math
from collections.abc import Callable
from functools import partial

import streamlit as st

from core.jobs.job import Job
from pages.parts import link, notices, server, session, training
from pages.parts.shown import Source

LOOK = 1.0  # seconds between two looks at a job that trains
NOTICED = 5.0  # seconds between two looks from which on somebody wonders why the numbers stand still
MANY = 6  # jobs at a time from which on everybody looks less often


def crowd() -> float:
    """How many times longer a page waits between two looks where many train."""
    return max(1.0, training.registry().active / MANY)


def bar() -> None:
    """The bar of what is on the screen while it trains, in sight however far the page is scrolled."""
    here, source = session.current(), session.current().source
    here.live = None
    if source is None or not source.active:
        return
    if (job := training.in_training()) is not None:
        here.live = job
        server.redraw_when_over(job)
    with st.bottom:
        _look(source, _bar)


def beside(job: Job) -> None:
    """The bar of another job than that of what is on the screen, where a page waits for its result."""
    server.redraw_when_over(job)
    _look(job, partial(_far, job))


def _look(source: Source, draw: Callable[[], None]) -> None:
    """Draw how far the training of `source` is, again and again; when that is over, the whole page."""
    page_runs = True

    def look() -> None:
        # Where the whole page runs already it shows what has come of it: it is not begun anew for that.
        if not source.active and not page_runs:
            link.rerun()
        draw()

    st.fragment(look, run_every=LOOK * crowd())()
    page_runs = False


def _far(job: Job) -> None:
    """How far a job is."""
    now = job.progress()
    if job.position:
        text = f"Waiting for a worker: place {job.position} in the queue"
    else:
        text = f"Training: {now.share:.0%} done, {_time(now.seconds_left)} left"
    st.progress(now.share, text)


def _bar() -> None:
    if (job := training.in_training()) is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        _far(job)
        st.button("Cancel", key="cancel", on_click=training.cancel, disabled=training.for_others())
    if job.pause >= NOTICED:
        st.caption(
            f"The numbers of a result this large are collected every {_time(job.pause).removeprefix('about ')} or so: "
            "training needs the processor."
        )
    if training.for_others():
        st.caption("Someone else has this experiment open, so it trains on for them.")


def ended(source: Source) -> None:
    """Why training ended before its time, if it did."""
    if source.status == "failed":
        st.error(f"Training failed. What was trained until then is shown. {training.ahead(source.experiment)}")
        st.text(notices.plain(source.error))
    elif source.status == "cancelled":
        st.info(f"Training was cancelled: this is what was trained until then. {training.ahead(source.experiment)}")


def _time(seconds: float) -> str:
    """A time that is still to come, in steps as coarse as it is known."""
    if seconds < 90:
        step = 1 if seconds < 10 else 5
        return f"about {max(1, step * math.ceil(seconds / step))} s"
    return f"about {math.ceil(seconds / 60)} min"
