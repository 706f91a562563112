"""The experiment on the screen and its job. All sessions of the server share one registry of jobs."""

import hashlib
import ipaddress
import uuid

import streamlit as st

from core.experiment import Experiment, ExperimentError
from core.jobs import Job, Jobs, Visitor
from core.pool import JobError
from core.settings import Settings
from core.store import Store

FORWARDED = "X-Forwarded-For"


@st.cache_resource(show_spinner=False)
def registry() -> Jobs:
    """The jobs of this server, by experiment key."""
    settings = Settings.read()
    return Jobs(settings, Store(settings.store, settings.store_bytes))


def experiment() -> Experiment:
    """The experiment on the screen."""
    shown: Experiment = st.session_state["experiment"]
    return shown


def job() -> Job | None:
    """The job of the experiment on the screen, or None where it was refused."""
    state = st.session_state
    current: Job | None = state.get("job")
    if current is not None and current.status == "paused":
        # Nobody has looked at it for a while: now somebody does, and it goes on.
        try:
            state["job"] = current = registry().submit(current.experiment, visitor())
        except (ExperimentError, JobError) as error:
            state["job"] = current = None
            state["refusal"] = str(error)
    return current


def refusal() -> str:
    """Why the experiment on the screen is not trained, or ""."""
    reason: str = st.session_state.get("refusal", "")
    return reason


def open_linked(experiment: Experiment) -> None:
    """Show the experiment of a link: its stored result, or a job that trains it, or why it is not trained here."""
    if st.session_state.get("experiment") != experiment:
        _open(experiment)


def show_file(job: Job) -> None:
    """Show the result of a visitor's file, a job that is done."""
    _show(job.experiment, job)
    _forget_link()


def leave_file() -> None:
    """Show what is trained here of the experiment on the screen, in place of a file."""
    _open(experiment())


def _open(experiment: Experiment) -> None:
    state = st.session_state
    state["refusal"] = ""
    try:
        _show(experiment, registry().submit(experiment, visitor()))
    except (ExperimentError, JobError) as error:
        _show(experiment, None)
        state["refusal"] = str(error)


def train(experiment: Experiment) -> str:
    """Train `experiment` and show it. Returns why not, where it is refused: then the screen stays as it is."""
    try:
        _show(experiment, registry().submit(experiment, visitor()))
    except (ExperimentError, JobError) as error:
        return str(error)
    _forget_link()
    return ""


def _forget_link() -> None:
    """What is on the screen is no longer what a link asked for."""
    st.session_state.update(refusal="", link_refused=[], view_from_link=set())


def cancel() -> None:
    """Stop training what is on the screen, unless another visitor waits for it too: then `for_others` is True."""
    current = job()
    if current is not None and current.active and not current.cancel(visitor().name):
        st.session_state["others"] = current


def for_others(job: Job) -> bool:
    """Whether this visitor has cancelled `job`, and it trains on for others."""
    return st.session_state.get("others") is job


def warning() -> str:
    """What is wrong with the store, or ""."""
    store = registry().store
    return "" if store is None else store.warning


def visitor() -> Visitor:
    """Who asks: one browser where its cookie tells, so that a reload stays the same visitor; else one session.

    Who keeps no cookie could be somebody new at every visit: all of them from one address count as one.
    """
    browser, address = _browser(), _address()
    name: str = browser or st.session_state.setdefault("visitor", uuid.uuid4().hex)
    return Visitor(name, browser or address, address)


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
    # Whoever has one address of IPv6 has the 2^64 beside it.
    return str(address if address.version == 4 else ipaddress.ip_network((address, 64), strict=False))


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


def _show(experiment: Experiment, job: Job | None) -> None:
    state = st.session_state
    left = state.get("job")
    if left is not None and left is not job and left.active:
        # Nobody looks at it here any more; it trains on only for others.
        left.cancel(visitor().name)
    state.update(experiment=experiment, job=job, draft=None)
