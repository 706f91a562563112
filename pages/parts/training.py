"""The experiment on the screen and its job. All sessions of the server share one registry of jobs."""

import hashlib

import streamlit as st

from core.experiment import Experiment, ExperimentError
from core.jobs import Job, JobError, Jobs
from core.settings import Settings
from core.store import Store
from pages.parts import session
from pages.parts.shown import Source


@st.cache_resource(show_spinner=False)
def registry() -> Jobs:
    """The jobs of this server, by experiment key."""
    settings = Settings.read()
    return Jobs(settings, Store(settings.store, settings.store_bytes))


def in_training() -> Job | None:
    """The job of the experiment on the screen, as long as it trains."""
    source = session.current().source
    return source if isinstance(source, Job) and source.active else None


def open_linked(experiment: Experiment) -> None:
    """Show the experiment of a link: its stored result, or a job that trains it, or why it is not trained here."""
    here = session.current()
    if here.experiment != experiment or (here.source is None and not here.refusal):
        _open(experiment)


def show_file(source: Source) -> None:
    """Show the result of a visitor's file."""
    _show(source.experiment, source)
    _forget_link()


def leave_file() -> None:
    """Show what is trained here of the experiment on the screen, in place of a file."""
    _open(session.current().experiment)


def _open(experiment: Experiment) -> None:
    here = session.current()
    here.refusal = ""
    try:
        _show(experiment, registry().submit(experiment, visitor()))
    except (ExperimentError, JobError) as error:
        _show(experiment, None)
        here.refusal = str(error)


def train(experiment: Experiment) -> None:
    """Train `experiment` and show it; where it is refused, note why, and the screen stays as it is."""
    here = session.current()
    try:
        _show(experiment, registry().submit(experiment, visitor()))
    except (ExperimentError, JobError) as error:
        here.train_refused = str(error)
    else:
        _forget_link()


def _forget_link() -> None:
    """What is on the screen is no longer what a link asked for."""
    here = session.current()
    here.refusal, here.ignored = "", {}


def cancel() -> None:
    """Stop training what is on the screen, unless another visitor waits for it too: then `for_others` is True."""
    job = in_training()
    if job is not None and not job.cancel(visitor()):
        session.current().training_for_others = job


def for_others() -> bool:
    """Whether this visitor has cancelled what is on the screen, and it trains on for others."""
    here = session.current()
    return here.source is not None and here.training_for_others is here.source


def visitor() -> str:
    """Who asks: one browser where its cookie tells, so that a reload stays the same visitor; else one session."""
    return _browser() or session.current().visitor


def _browser() -> str | None:
    """What stays the same in Streamlit's cookie against cross-site requests: its token, masked anew at each load."""
    try:
        _, mask, masked, _ = st.context.cookies.get("_streamlit_xsrf", "").split("|")
        key = bytes.fromhex(mask)
        token = bytes(byte ^ key[i % len(key)] for i, byte in enumerate(bytes.fromhex(masked)))
    except (ValueError, ZeroDivisionError):
        return None
    # Its hash: the token itself is nobody else's business, a log's included.
    return hashlib.sha256(token).hexdigest()


def _show(experiment: Experiment, source: Source | None) -> None:
    left = in_training()
    if left is not None and left is not source:
        # Nobody looks at it here any more; it trains on only for others.
        left.cancel(visitor())
    here = session.current()
    here.experiment, here.source, here.draft, here.train_refused = experiment, source, None, ""
