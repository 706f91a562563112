"""All that Streamlit keeps for one visitor from run to run: one typed value, and the values of the widgets.

Every other file asks this one; none reads or writes `st.session_state` itself.
"""

import uuid
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.experiment.experiment import Experiment
from pages.parts.catalogue import PAGES, Entry
from pages.parts.shown import Drawn, Source

if TYPE_CHECKING:
    from pages.parts.own_table import OpenFile, OwnTable

KEY = "session"
DEFAULT = Experiment()
_known: ContextVar[tuple[object, "Session"] | None] = ContextVar("known", default=None)
"""The run in this thread and its session: a page asks for it hundreds of times, of which each takes Streamlit 10 µs."""


@dataclass(frozen=True)
class Recent:
    """An experiment that was on the screen, and when it was put there (seconds since 1970)."""

    experiment: Experiment
    at: float


@dataclass
class Session:
    """One visitor's session.

    Attributes:
        page: the page on the screen.
        experiment: what is on the screen, or is asked for there.
        live: the job whose progress is on the screen.
        source: where its result comes from; None where it was refused.
        refusal: why the experiment on the screen is not trained, or "".
        train_refused: why the one that was last asked for by a button is not trained, or "".
        training_for_others: the job that the visitor has cancelled, and that trains on for others.
        visitor: who this is, where the browser's cookie does not tell.
        sections: the sections of the form that are open.
        folds: how often a page, or what is trained, was chosen.
        draft: what the form's controls hold; None where that is what is on the screen.
        texts: what the controls of each page are set to, by the page's name, as a link says it, defaults left out.
        ignored: what was wrong with the link, by parameter.
        published: the parameters that were last put into the address.
        offered: those of our own links, by the name of the page that they lead to.
        rerun_is_ours: whether this run was asked for by a page, not by a person who changed the address.
        link_box: where the link stands to be copied, if that is open.
        drawn: the newest numbers of a job in training that are on the screen.
        picked: whether run groups were picked in a legend since the page was last drawn.
        files: what makes the file of each button on the page, by the button's key.
        clicked: the buttons that were clicked, by their keys, until the page comes to them.
        playing: whether a step slider moves on by itself.
        uploads: how many files were dropped.
        upload_refused: what was wrong with the last one, or "".
        tables: the visitor's own tables that can be trained on, by the names of their data sets.
        file: the table's file that is open on the page Own data.
        file_refused: what was wrong with the last one that was dropped there, or "".
        watched: films of the visitor's own tables, by what they are of.
        recent: what was on the screen last, the newest first.
        other: where the result comes from that the one on the screen is compared with.
        other_refused: why that is not trained, or what was wrong with the text or file that should say it, or "".
        asked: page and address of a link about an own table that is not open.
        welcomed: whether the server had room for this visitor when the first page was drawn.
    """

    page: Entry | None = None
    experiment: Experiment = DEFAULT
    live: Source | None = None
    source: Source | None = None
    refusal: str = ""
    train_refused: str = ""
    training_for_others: Source | None = None
    visitor: str = field(default_factory=lambda: uuid.uuid4().hex)
    sections: set[str] = field(default_factory=lambda: {"Network"})
    folds: int = 0
    draft: dict[str, Any] | None = None
    texts: dict[str, dict[str, str]] = field(default_factory=lambda: {entry.name: {} for entry in PAGES})
    ignored: dict[str, str] = field(default_factory=dict)
    published: dict[str, str] | None = None
    offered: dict[str, dict[str, str]] = field(default_factory=dict)
    rerun_is_ours: bool = False
    link_box: DeltaGenerator | None = None
    drawn: Drawn | None = None
    picked: bool = False
    files: dict[str, Callable[[], bytes | str]] = field(default_factory=dict)
    clicked: set[str] = field(default_factory=set)
    playing: bool = False
    uploads: int = 0
    upload_refused: str = ""
    tables: "dict[str, OwnTable]" = field(default_factory=dict)
    file: "OpenFile | None" = None
    file_refused: str = ""
    watched: dict[str, Any] = field(default_factory=dict)
    recent: list[Recent] = field(default_factory=list)
    other: Source | None = None
    other_refused: str = ""
    asked: tuple[Entry, dict[str, str]] | None = None
    welcomed: bool = False


def current() -> Session:
    """The session of the visitor for whom this run is."""
    run = get_script_run_ctx()
    if (known := _known.get()) is not None and known[0] is run:
        return known[1]
    if KEY not in st.session_state:
        st.session_state[KEY] = Session()
    session: Session = st.session_state[KEY]
    if run is not None:  # a test may have none
        _known.set((run, session))
    return session


def control_key(name: str) -> str:
    """The key of the widget of a page's control: one page is on the screen at a time."""
    return f"view_{name}"


def field_key(name: str) -> str:
    """The key of the widget of a setting in the form."""
    return f"form_{name}"


def held(key: str) -> Any:
    """What the widget of that key holds, None where it has not begun."""
    return st.session_state.get(key)


def begun(key: str, value: Any) -> Any:
    """What the widget of that key holds; it begins with `value`."""
    return st.session_state.setdefault(key, value)


def hold(key: str, value: Any) -> None:
    """Set the widget of that key, before it is placed."""
    st.session_state[key] = value


def forget(*keys: str) -> None:
    """Let the widgets of those keys begin anew."""
    for key in set(keys).intersection(st.session_state):  # asking for each would be a tenth of a page's work
        del st.session_state[key]
