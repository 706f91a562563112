"""The link: all that the screen shows as query parameters, in the address bar at all times.

The address is compared with the one that this session last published. Where they differ the address wins: a person
pasted or edited a link, opened a page or pressed Back. Then it is published again where its text is not the shortest.
"""

import urllib.parse
from typing import NoReturn

import streamlit as st

from core.experiment import Experiment
from core.fields import shorten
from core.text import listed
from pages.parts import training
from pages.parts.catalogue import PAGES, Entry

# Kept as they are in a link that is copied: it stays readable, and browsers and chat programs take them.
READABLE = ":,~"


def opened() -> Entry:
    """The page on the screen."""
    entry: Entry = st.session_state["page"]
    return entry


def adopt(entry: Entry) -> bool:
    """Make `entry` the page on the screen, and take over the address where a person has changed it; True if so."""
    state = st.session_state
    ours = state.pop("rerun_is_ours", False)
    moved = state.get("page") != entry
    if moved:
        state.update(page=entry, link_refused=[], view_refused={}, view_from_link=set(), view=_view(entry))
        _forget_controls()
    given = _address()
    # Our own navigation carries the settings as they were when it was drawn: those of now are newer.
    if ours or given == (state.get("offered", {}).get(entry) if moved else state.get("published")):
        return False
    own = {name: given[name] for name in entry.settings if name in given}
    elsewhere = {name: pages for name in given if name not in own and (pages := _pages_with(name))}
    experiment, errors = Experiment.read_params(given, ignore=own.keys() | elsewhere.keys())
    state.update(
        link_refused=[
            *map(str, errors),
            *(
                f"{name}: {shorten(given[name])} is for a control of another page; it belongs to {listed(pages)}"
                for name, pages in elsewhere.items()
            ),
        ],
        view_refused={},
        view_from_link=set(own),
    )
    view = _view(entry)
    view.clear()
    view.update(own)
    _forget_controls()
    training.open_linked(experiment)
    return True


def _view(entry: Entry) -> dict[str, str]:
    """What the page's own controls are set to, as a link says it; the page has it to itself, other pages theirs."""
    texts: dict[str, str] = st.session_state.setdefault("views", {}).setdefault(entry, {})
    return texts


def _forget_controls() -> None:
    """Let the controls that are drawn next take their values from the view; other pages have some of the same name."""
    for name in {name for entry in PAGES for name in entry.settings}:
        st.session_state.pop(f"view_{name}", None)


def _pages_with(name: str) -> list[str]:
    """The titles of the pages that have a control of that name."""
    return [entry.title for entry in PAGES if name in entry.settings]


def rerun() -> NoReturn:
    """Run the whole page again, with what is on the screen: the address that this run began with may be older."""
    st.session_state["rerun_is_ours"] = True
    st.rerun()


def place() -> None:
    """Where the link stands with its copy button, once it is opened; `publish` fills it in.

    Its copy button comes with a highlighter of code, a quarter of all that a first visitor would load.
    """
    box = st.expander("Link to this view", icon=":material/link:", key="link", on_change="rerun")
    st.session_state["link_box"] = box.empty() if box.open else None


def show() -> None:
    """Put the link to what is on the screen into its box, if that is open."""
    if (box := st.session_state["link_box"]) is not None:
        box.code(_full(parameters(opened())), language=None)


def publish() -> None:
    """Put the link to what is on the screen into the address bar and into its box."""
    wanted = parameters(opened())
    if _address() != wanted:
        st.query_params.from_dict(wanted)
    st.session_state["published"] = wanted
    show()


def parameters(entry: Entry) -> dict[str, str]:
    """The query parameters of `entry` for the experiment and the settings on the screen."""
    return training.experiment().to_params() | _view(entry)


def offer(entry: Entry) -> dict[str, str]:
    """The query parameters of a link of ours to `entry`."""
    wanted = parameters(entry)
    st.session_state.setdefault("offered", {})[entry] = wanted
    return wanted


def to_page(name: str) -> None:
    """A link to the page of that name, with the experiment on the screen."""
    entry = next(entry for entry in PAGES if entry.name == name)
    st.page_link(entry.script, label=entry.title, icon=entry.icon, query_params=offer(entry))


def _full(wanted: dict[str, str]) -> str:
    """The whole link, as the visitor's browser reaches this page."""
    entry = opened()
    base = (st.context.url or "").rstrip("/")
    if entry.path and not base.endswith(f"/{entry.path}"):
        base = f"{base}/{entry.path}"
    query = urllib.parse.urlencode(wanted, safe=READABLE)
    return f"{base or '/'}?{query}" if query else base or "/"


def _address() -> dict[str, str]:
    # A name given twice is a list in two parts.
    return {name: ",".join(st.query_params.get_all(name)) for name in st.query_params}
