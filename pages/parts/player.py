"""A step slider that plays: it moves on by itself up to the last step, and there it ends by itself."""

import math
from collections.abc import Callable

import streamlit as st

from pages.parts import link, session, view
from pages.parts.controls import Control

TICK = 0.5  # seconds between two steps that are drawn
TICKS = 24  # from the first step to the last


def play(control: Control[int], last: int, draw: Callable[[int], None]) -> None:
    """Place the slider with its button, and `draw` the step that it is at, again at each move.

    Args:
        control: the slider; the first step is 0, `last` the last.
    """
    here = session.current()
    live = here.playing

    def frame() -> None:
        if live and not here.playing:
            link.rerun()
        if here.playing:
            at = view.value(control)
            if at == last:
                stop()
                link.rerun()
            view.set_to(control, min(last, at + math.ceil(last / TICKS)))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            icon = ":material/pause:" if here.playing else ":material/play_arrow:"
            label = "Pause" if here.playing else "Play"
            st.button(label, key="play", on_click=_turn, args=(control, last), icon=icon)
            at = view.place(control)
        draw(at)

    if live:
        st.fragment(frame, run_every=TICK)()
    else:
        frame()


def stop() -> None:
    """Stop where it is."""
    session.current().playing = False


def _turn(control: Control[int], last: int) -> None:
    here = session.current()
    here.playing = not here.playing
    if here.playing and view.value(control) == last:
        view.set_to(control, 0)
