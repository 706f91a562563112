"""A step slider that plays: it moves on by itself up to the last step, and there it ends by itself."""

import math
from collections.abc import Callable

import streamlit as st

from pages.parts import link, view

TICK = 0.5  # seconds between two steps that are drawn
TICKS = 24  # from the first step to the last
PLAYING = "playing"


def show(name: str, label: str, last: int, default: int, draw: Callable[[int], None]) -> None:
    """Place the slider with its button, and `draw` the step that it is at, again at each move.

    Args:
        name: of the page's setting that holds the step.
        last: the last step; the first is 0.
    """
    state, key = st.session_state, f"view_{name}"
    live = bool(state.get(PLAYING))

    def frame() -> None:
        playing = bool(state.get(PLAYING))
        if live and not playing:
            link.rerun()
        if playing:
            at = min(state.get(key, default), last)
            if at == last:
                stop()
                link.rerun()
            state[key] = min(last, at + math.ceil(last / TICKS))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            icon = ":material/pause:" if playing else ":material/play_arrow:"
            st.button("Pause" if playing else "Play", key="play", on_click=_turn, args=(key, last), icon=icon)
            at = view.step(name, label, range(last + 1), default)
        draw(at)

    if live:
        st.fragment(frame, run_every=TICK)()
    else:
        frame()


def stop() -> None:
    """Let it rest where it is."""
    st.session_state[PLAYING] = False


def _turn(key: str, last: int) -> None:
    state = st.session_state
    state[PLAYING] = not state.get(PLAYING)
    if state[PLAYING] and state[key] == last:
        state[key] = 0
