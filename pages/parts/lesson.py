"""A page that needs no trained network: its question, and its parts, each of which its own controls draw alone."""

from collections.abc import Callable

import streamlit as st

from pages.parts import frame, link


def show(question: str, *parts: Callable[[], None]) -> None:
    """Head the page with its `question`, and draw its `parts` below each other."""

    def page() -> None:
        st.title(question)
        for part in parts:
            _part(part)

    frame.present(page)


def _part(draw: Callable[[], None]) -> None:
    @st.fragment
    def part() -> None:
        draw()
        link.publish()

    part()
