"""A page that needs no trained network: its question, and its body, which its controls draw alone."""

from collections.abc import Callable

import streamlit as st

from pages.parts import frame, link


def show(question: str, body: Callable[[], None]) -> None:
    """Head the page with its `question`, and draw its `body`."""

    @st.fragment
    def page() -> None:
        body()
        link.publish()

    def headed() -> None:
        st.title(question)
        page()

    frame.present(headed)
