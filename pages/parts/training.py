"""The experiment on the screen and its job. All sessions of the server share one registry of jobs."""

import hashlib
import ipaddress
import threading
from typing import TYPE_CHECKING

import streamlit as st

from core.experiment.experiment import Experiment, ExperimentError
from core.jobs.job import Job
from core.jobs.jobs import Jobs
from core.jobs.pool import JobError
from core.jobs.store import Store
from core.jobs.sweep import Visitor
from core.settings import Settings
from pages.parts import recent, session
from pages.parts.shown import Source

if TYPE_CHECKING:
    from pages.parts.catalogue import Entry
    from pages.parts.own_table import OwnTable

FORWARDED = "X-Forwarded-For"


@st.cache_resource(show_spinner=False)
def registry() -> Jobs:
    """The jobs of this server, by experiment key."""
    settings = Settings.read()
    return Jobs(settings, Store(settings.store, settings.store_bytes))


_in_use: "list[tuple[Job, OwnTable]]" = []
_lock = threading.Lock()


def let_go() -> None:
    """Hold own tables no longer than a session does or a sweep trains on them."""
    with _lock:
        _in_use[:] = [(job, table) for job, table in _in_use if job.active]


def in_training() -> Job | None:
    """The job of the experiment on the screen, as long as it trains."""
    source = session.current().source
    return source if isinstance(source, Job) and source.active else None


def settled() -> bool:
    """Whether what is on the screen is trained, or in training: asking for it again changes nothing."""
    source = session.current().source
    return source is not None and source.status in ("queued", "running", "done")


def ahead(experiment: Experiment) -> str:
    """What training the experiment on the screen would do, in words."""
    here = session.current()
    if here.source is None:
        return ""
    if here.source.active:
        return "In training: the pages show these settings."
    if here.source.status == "done":
        return "Unchanged: the pages show these settings."
    store = registry().store
    if store is not None and store.holds_checkpoint(experiment.key):
        return "*Train* goes on from the last time that its progress was saved."
    return "*Train* starts it anew: it was stopped before its progress was first saved."


def resume() -> None:
    """Go on with what is on the screen if it was paused because nobody looked at it: now somebody does."""
    here = session.current()
    if isinstance(here.source, Job) and here.source.status == "paused":
        here.source, here.refusal = _asked(here.experiment)


def open_linked(experiment: Experiment) -> None:
    """Show the experiment of a link: its stored result, or a job that trains it, or why it is not trained here."""
    here = session.current()
    if here.experiment != experiment or (here.source is None and not here.refusal):
        _open(experiment)


def ask_for_table(entry: "Entry", address: dict[str, str]) -> None:
    """Show nothing until the table that a link is about is open."""
    here = session.current()
    _show(here.experiment, None)
    _forget_link()
    here.asked = (entry, address)


def show_file(source: Source) -> None:
    """Show the result of a visitor's file."""
    _show(source.experiment, source)
    _forget_link()


def leave_file() -> None:
    """Show what is trained here of the experiment on the screen, in place of a file."""
    _open(session.current().experiment)


def _open(experiment: Experiment) -> None:
    job, refusal = _asked(experiment)
    _show(experiment, job)
    session.current().refusal = refusal


def _asked(experiment: Experiment) -> tuple[Job | None, str]:
    """The job that trains `experiment`, or why it is not trained here."""
    table = session.current().tables.get(experiment.own_table)
    if table is None and experiment.own_table:  # it may be here, in another visitor's session
        return None, f"{experiment.own_table} is a table of somebody's own: open the file under Own data first."
    try:
        job = registry().submit(experiment, visitor(), keep=table is not None and table.keep)
        let_go()
        if table is not None:
            with _lock:
                _in_use.append((job, table))
        return job, ""
    except (ExperimentError, JobError) as error:
        return None, str(error)


def train(experiment: Experiment) -> None:
    """Train `experiment` and show it; where it is refused, note why, and the screen stays as it is.

    Where nothing but the target is new, it is asked of what is on the screen.
    """
    here = session.current()
    shown = here.source if here.source is not None and here.source.status == "done" else None
    if shown and experiment != here.experiment and experiment.key == here.experiment.key:
        _show(experiment, shown)
        _forget_link()
        return
    job, refusal = _asked(experiment)
    if job is None:
        session.current().train_refused = refusal
    else:
        _show(experiment, job)
        _forget_link()


def other(experiment: Experiment) -> Source | None:
    """What there is of an experiment beside the one on the screen: a job, or a file. None if it is not trained yet."""
    here = session.current()
    if here.other is None or here.other.experiment.key != experiment.key:
        jobs = registry()
        job = jobs.get(experiment.key)
        known = job is not None and (job.active or job.status == "done")
        here.other = None
        if known or (jobs.store is not None and jobs.store.holds(experiment.key)):
            train_other(experiment)
    return here.other


def train_other(experiment: Experiment) -> None:
    """Train an experiment beside the one on the screen; where it is refused, note why."""
    here = session.current()
    here.other, here.other_refused = _asked(experiment)


def leave_other() -> None:
    """Hold the other result no longer than its page is on the screen, unless it is a visitor's file."""
    here = session.current()
    here.other_refused = ""
    if isinstance(here.other, Job):
        here.other = None


def _forget_link() -> None:
    """What is on the screen is no longer what a link asked for."""
    here = session.current()
    here.refusal, here.ignored = "", {}


def cancel() -> None:
    """Stop training what is on the screen, unless another visitor waits for it too: then `for_others` is True."""
    job = in_training()
    if job is not None and not job.cancel(visitor().name):
        session.current().training_for_others = job


def for_others() -> bool:
    """Whether this visitor has cancelled what is on the screen, and it trains on for others."""
    here = session.current()
    return here.source is not None and here.training_for_others is here.source


def warning() -> str:
    """What is wrong with the store, or ""."""
    store = registry().store
    return "" if store is None else store.warning


def visitor() -> Visitor:
    """Who asks: one browser where its cookie tells, so that a reload stays the same visitor; else one session.

    Who keeps no cookie could be somebody new at every visit: all of them from one address count as one.
    """
    known, address = browser(), _address()
    return Visitor(known or session.current().visitor, known or address, address)


def _address() -> str:
    """Where the visitor is: the address that the connection comes from, or the one that a server in front tells.

    That only where the host says so, since every visitor can send such a header; of several addresses the last is the
    one that the server has added.
    """
    named = registry().settings.forwarded
    told = st.context.headers.get_all(named or FORWARDED)
    found = told[-1].rpartition(",")[2].strip() if told and named else st.context.ip_address
    if told and not named:
        return FORWARDED  # Streamlit's server may have believed it
    try:
        address = ipaddress.ip_address(found or "")
    except ValueError:
        return "here"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:  # as a socket for both versions tells it
        address = address.ipv4_mapped
    # Whoever has one address of IPv6 has the 2^64 beside it.
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))


def browser() -> str | None:
    """The name of the visitor's browser, None where it keeps no cookie.

    It is what stays the same in Streamlit's cookie against cross-site requests: its token, masked anew at each load.
    """
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
        left.cancel(visitor().name)
    here = session.current()
    if isinstance(source, Job):
        recent.note(experiment, browser())
    here.experiment, here.source, here.draft, here.train_refused, here.asked = experiment, source, None, "", None
