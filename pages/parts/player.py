"""A step slider that plays: it moves on by itself up to the last step, and there it ends by itself."""

import math
from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts import link, session, view
from pages.parts.controls import Control
from pages.parts.shown import Shown

TICK = 0.5  # seconds between two steps that are drawn
TICKS = 24  # from the first step to the last


def play(control: Control[int], draw: Callable[[int], None]) -> None:
    """Place the slider with its button, and `draw` the step that it is at, again at each move.

    The steps are what can be chosen.
    """
    here = session.current()
    live = here.playing
    steps = control.options(link.given())

    def frame() -> None:
        if live and not here.playing:
            link.rerun()
        if here.playing:
            at = steps.index(view.value(control))
            if at == len(steps) - 1:
                stop()
                link.rerun()
            view.set_to(control, steps[min(len(steps) - 1, at + math.ceil((len(steps) - 1) / TICKS))])
        with _controls():
            icon = ":material/pause:" if here.playing else ":material/play_arrow:"
            label = "Pause" if here.playing else "Play"
            st.button(label, key="play", on_click=_turn, args=(control,), icon=icon)
            at = view.place(control)
        draw(at)

    if live:
        st.fragment(frame, run_every=TICK)()
    else:
        with st.container():  # a fragment is in one: so all stays in its place when it begins and ends to play
            frame()


def epochs(control: Control[int], shown: Shown, draw: Callable[[int], None]) -> None:
    """The same over the epochs to record; while they still come, in the same places but without its button."""
    if shown.final:
        play(control, draw)
        return
    with st.container():
        with _controls():
            at = view.place(control)
        draw(at)


def _controls() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="bottom")


def stop() -> None:
    """Stop where it is."""
    session.current().playing = False


def _turn(control: Control[int]) -> None:
    here = session.current()
    here.playing = not here.playing
    first, *_, last = control.options(link.given())
    if here.playing and view.value(control) == last:
        view.set_to(control, first)
