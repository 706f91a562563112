"""The link: all that the screen shows as query parameters, in the address bar at all times.

The address is compared with the one that this session last published. Where they differ the address wins: a person
pasted or edited a link, opened a page or pressed Back. Then it is published again where its text is not the shortest.
"""

import urllib.parse
from typing import NoReturn

import streamlit as st

from core.experiment.experiment import FIELDS, Experiment, ExperimentError
from core.experiment.fields import shorten
from core.registries.synonyms import suggested
from core.tables.options import LINKED
from core.text import listed
from pages.parts import click, own_table, session, training
from pages.parts.catalogue import PAGES, SHARED, Entry
from pages.parts.controls import Given, accepted

# Kept as they are in a link that is copied: it stays readable, and browsers and chat programs take them.
READABLE = ":,~"


def opened() -> Entry:
    """The page on the screen."""
    entry = session.current().page
    assert entry is not None
    return entry


def given() -> Given:
    """What the choices of the controls on the page on the screen depend on."""
    here = session.current()
    return Given(here.experiment, here.texts[opened().name])


def adopt(entry: Entry) -> None:
    """Make `entry` the page on the screen, and take over the address where a person has changed it."""
    here = session.current()
    ours, here.rerun_is_ours = here.rerun_is_ours, False
    moved, here.page = here.page != entry, entry
    if moved:
        here.ignored = {}
        here.playing = False
        click.forget()
        training.leave_other()
        here.folds += 1
        _forget_controls()
    address = _address()
    # Our own navigation carries the settings as they were when it was drawn: those of now are newer.
    if ours or address == (here.offered.get(entry.name) if moved else here.published):
        return
    if own_table.lacking(address):
        training.ask_for_table(entry, address)
    else:
        show(entry, address)


def show(entry: Entry, address: dict[str, str]) -> None:
    """Show what an address says of the experiment, and of `entry` when that is on the screen."""
    here = session.current()
    own = {name: text for name, text in address.items() if name in entry.controls}
    elsewhere = {
        name: pages
        for name in address
        if name not in own and (pages := [other.title for other in PAGES if name in other.controls])
    }
    of_table = [LINKED] if own_table.named(address) else []
    experiment, errors = Experiment.read_params(address, ignore=[*own, *elsewhere, *of_table])
    here.texts[entry.name], wrong = accepted(entry.controls, experiment, own)
    for name in set(SHARED) & set(entry.controls):
        _share(name, here.texts[entry.name].get(name))
    here.ignored = {error.field: str(_of_page(error, entry)) for error in (*errors, *wrong)} | {
        name: f"{name}: {shorten(address[name])} is for a control of another page; it belongs to {listed(pages)}"
        for name, pages in elsewhere.items()
    }
    _forget_controls()
    training.open_linked(experiment)


def _of_page(error: ExperimentError, entry: Entry) -> ExperimentError:
    """The error, and where it is of an unknown parameter also which of the page's controls may be meant."""
    if error.field in FIELDS or error.field in entry.controls or not entry.controls:
        return error
    allowed = f"{error.allowed}; on this page {', '.join(entry.controls)}"
    like = suggested(error.field, [name for name in (error.nearest, *entry.controls) if name], {}).ours
    return ExperimentError(error.field, error.value, allowed, error.problem, like or error.nearest)


def remember(name: str, text: str | None) -> None:
    """Note what a control of the page on the screen is set to: None is the default."""
    here = session.current()
    texts = here.texts[opened().name]
    if text == texts.get(name):
        return
    if name in SHARED:
        _share(name, text)
    elif text is None:
        del texts[name]
    else:
        texts[name] = text
    if text is not None and here.ignored.pop(name, ""):
        rerun()  # the notice of it stands above


def _share(name: str, text: str | None) -> None:
    """Set a control on every page that has it."""
    for other in PAGES:
        if name in other.controls:
            texts = session.current().texts[other.name]
            texts.pop(name, None)
            if text is not None:
                texts[name] = text


def _forget_controls() -> None:
    """Let the controls placed next take their values from the texts: other pages have some of the same name."""
    session.forget(*(session.control_key(name) for entry in PAGES for name in entry.controls))


def rerun() -> NoReturn:
    """Run the whole page again, with what is on the screen: the address that this run began with may be older."""
    session.current().rerun_is_ours = True
    st.rerun()


def box() -> None:
    """Where the link stands with its copy button, once it is opened; `publish` fills it in.

    Its copy button comes with a highlighter of code, a quarter of all that a first visitor would load.
    """
    outer = st.expander("Link to this view", icon=":material/link:", key="link", on_change="rerun")
    session.current().link_box = outer.empty() if outer.open else None


def fill() -> None:
    """Put the link to what is on the screen into its box, if that is open."""
    if (place := session.current().link_box) is not None:
        place.code(current(), language=None)


def current() -> str:
    """The whole link to what is on the screen."""
    return full(parameters(opened()))


def publish() -> None:
    """Put the link to what is on the screen into the address bar and into its box."""
    wanted = parameters(opened())
    if _address() != wanted:
        st.query_params.from_dict(wanted)
    session.current().published = wanted
    fill()


def parameters(entry: Entry) -> dict[str, str]:
    """The query parameters of `entry` for the experiment and the settings on the screen."""
    here = session.current()
    if here.asked is not None:  # nothing else is on the screen, and a reload still asks for the table
        asked, address = here.asked
        return {name: text for name, text in address.items() if asked == entry or name not in asked.controls}
    return (
        here.experiment.to_params()
        | own_table.linked(here.experiment)
        | accepted(entry.controls, here.experiment, here.texts[entry.name])[0]
    )


def offer(entry: Entry) -> dict[str, str]:
    """The query parameters of a link of ours to `entry`."""
    wanted = parameters(entry)
    session.current().offered[entry.name] = wanted
    return wanted


def to_page(name: str) -> None:
    """A link to the page of that name, with the experiment on the screen."""
    entry = next(entry for entry in PAGES if entry.name == name)
    st.page_link(entry.script, label=entry.title, icon=entry.icon, query_params=offer(entry))


def full(wanted: dict[str, str]) -> str:
    """The whole link with these parameters, as the visitor's browser reaches the page on the screen."""
    entry = opened()
    base = (st.context.url or "").rstrip("/")
    if entry.path and not base.endswith(f"/{entry.path}"):
        base = f"{base}/{entry.path}"
    query = urllib.parse.urlencode(wanted, safe=READABLE)
    return f"{base or '/'}?{query}" if query else base or "/"


def _address() -> dict[str, str]:
    # A name given twice is a list in two parts.
    return {name: ",".join(st.query_params.get_all(name)) for name in st.query_params}
