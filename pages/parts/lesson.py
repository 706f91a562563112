"""A page that needs no trained network: its question, its charts, and what the link asked for in vain."""

from collections.abc import Callable

import altair as alt
import pandas as pd
import streamlit as st

from pages.parts import chart, frame, notices, view


def show(question: str, body: Callable[[], None]) -> None:
    """Head the page with its `question`, and draw its `body`."""
    frame.present(lambda: _page(question, body))


def _page(question: str, body: Callable[[], None]) -> None:
    st.title(question)
    refused = st.container()
    body()
    if view.refused():
        with refused:
            notices.refused("Part of this link was left out; the defaults stand in for it.", view.refused())


def draw(name: str, drawn: alt.LayerChart, table: pd.DataFrame) -> None:
    """Place a chart, and offer the `table` behind it as a file called `name`."""
    st.vega_lite_chart(chart.steady(drawn), width="stretch", key=f"chart_{name}")
    chart.csv(name, table)
