"""What is on every page: navigation, presets and form in the sidebar, the link, and what was wrong with it."""

from collections.abc import Callable
from contextvars import ContextVar
from copy import copy
from functools import cache
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts import click, form, link, notices, own_table, paper, progress, server, session, training, turns, upload
from pages.parts.catalogue import PAGES, Entry

NAME = "Initialisation lab"
ICON = "🧪"
FOLD = """<script>/* {choice} */ if (matchMedia("(max-width: 768px)").matches)
document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click()</script>"""
# Vega's tooltip goes with the pointer alone. The same listener, added again by a later page, is still one.
ESCAPE = """<script>addEventListener("keydown", window.closeTip ??= event => event.key === "Escape"
&& document.getElementById("vg-tooltip-element")?.classList.remove("visible"), true)</script>"""
# What Streamlit writes in the primary colour, which it also writes white on: on a dark page no one colour has a
# contrast of 4.5 for both. Mixed with the colour of the text around it, it has 4.5 on either page.
READABLE = """<style>
[data-testid="stSliderThumbValue"], [data-testid="stButtonGroup"] :is([aria-checked="true"], [aria-pressed="true"]) {
color: color-mix(in srgb, #3775c8 55%, currentColor) !important}
[data-testid="stButtonGroup"] :is([aria-checked="true"], [aria-pressed="true"]) * {color: inherit !important}
</style>"""
# Streamlit cuts the name of what is chosen at its end, where long ones differ.
WHOLE = """<style>[data-tag] {height: auto !important; max-width: 100% !important}
[data-tag] > span[title] {white-space: normal !important; overflow-wrap: anywhere; padding-block: 0.15rem}
[data-testid="stMultiSelect"] :has(> [data-testid="stMultiSelectTagsContainer"]) {max-height: 20rem !important}
</style>"""
_framed: ContextVar[bool] = ContextVar("framed", default=False)
ABOUT = "Train small networks, and see how activation functions and initial weights decide what they can learn."


@turns.drawing()
def main() -> None:
    """Run the frame, and in it the page that was asked for."""
    # Within somebody's notes the page itself is wanted; the sidebar is a click away.
    sidebar: Literal["auto", "collapsed"] = "collapsed" if st.context.is_embedded else "auto"
    pages = {entry: copy(_page(entry)) for entry in PAGES}  # Streamlit notes in them which one runs
    page = st.navigation(list(pages.values()), position="hidden")
    entry = next(entry for entry in PAGES if entry.path == page.url_path)
    st.set_page_config(f"{entry.title} · {NAME}", ICON, "wide", sidebar, menu_items={"About": ABOUT})
    server.prepare()
    server.welcome()
    link.adopt(entry)
    st.html(READABLE + WHOLE + paper.style())
    _fold(session.current().folds)
    session.current().files = {}
    training.resume()
    with st.sidebar:
        above = st.container()
        link.box()
        below = st.container(key=form.KEY)
    link.publish()  # what is on the screen changes now, and its page may take a moment
    progress.bar()
    # A page that is ready is drawn before its sidebar, which takes as long; one that still trains is drawn after it.
    ready = training.in_training() is None
    if not ready:
        _sidebar(pages, above, below)
    _notices()
    inside = _framed.set(True)
    try:
        page.run()
        paper.foot()
        st.html(ESCAPE, unsafe_allow_javascript=True)
    finally:
        _framed.reset(inside)
    link.publish()
    if ready:
        turns.step_back()
        _sidebar(pages, above, below)
    click.forget()


@cache
def _page(entry: Entry) -> st.Page:
    """A page, whose file is looked up once. A browser would fetch an icon of its own for the tab from elsewhere."""
    return st.Page(entry.script, title=entry.title, url_path=entry.path or None, default=not entry.path)


def present(page: Callable[[], None]) -> None:
    """Draw a page in the frame: every script in pages/ ends with this.

    Until `st.navigation` has run once, a server takes the files in a folder called pages for an app without a frame,
    and executes the one that a deep link names instead of dashboard.py. The frame is run from here then, and it comes
    back with the page.
    """
    if _framed.get():
        page()
    else:
        main()


def _fold(choice: int) -> None:
    """Close the sidebar of a phone, which covers the page, after each `choice` of a page or of what is trained.

    Streamlit keeps what a visitor has opened open, and has no call for this: its own button is pressed. A first visit
    has nothing to close.
    """
    if choice > 1:
        st.html(FOLD.format(choice=choice), unsafe_allow_javascript=True)


def _sidebar(pages: dict[Entry, st.Page], above: DeltaGenerator, below: DeltaGenerator) -> None:
    """Fill the sidebar in, above and below the link."""
    with above:
        _navigation(pages)
    with below:
        form.presets()
        form.settings()


def _navigation(pages: dict[Entry, st.Page]) -> None:
    for section in dict.fromkeys(entry.section for entry in PAGES):
        st.caption(section)
        for entry, page in pages.items():
            if entry.section == section:
                st.page_link(page, icon=entry.icon, query_params=link.offer(entry), width="stretch")


def _notices() -> None:
    here = session.current()
    if here.ignored:
        notices.refused("Ignored from the link (default used):", here.ignored.values())
    if here.refusal:
        notices.refused("This experiment is not trained here.", [here.refusal])
        st.caption("A result.zip from elsewhere opens here, under *Runs*.")
    if warning := training.warning():
        st.warning(f"{warning} What is trained now is shown, and not kept.", icon=":material/hard_drive:")
    own_table.line()
    upload.line()
