"""A page that needs no trained network: its question, its charts, and what the link asked for in vain."""

from collections.abc import Callable
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from pages.parts import chart, frame, link, view
from pages.parts.shown import once


def show(question: str, body: Callable[[], None]) -> None:
    """Head the page with its `question`, and draw its `body`."""
    frame.present(lambda: _page(question, body))


def _page(question: str, body: Callable[[], None]) -> None:
    st.title(question)

    @st.fragment
    def page() -> None:
        with view.refusals():
            body()
        link.publish()

    page()


def draw(
    name: str,
    draw: Callable[..., alt.LayerChart],
    rows: Callable[[], pd.DataFrame],
    of: object = None,
    **settings: Any,
) -> None:
    """Place a chart, and offer the rows behind it as a file called `name`; see `chart.show`."""
    about = f"{link.opened().name} {name} {of} {settings}"
    chart.place(name, once("lesson", about, lambda: chart.specification(draw(rows(), **settings))))
    chart.csv(name, rows)
