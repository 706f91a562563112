"""A page that needs no trained network: its question, its charts, and what the link asked for in vain."""

import json
from collections.abc import Callable
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from pages.parts import chart, notices, view


def show(question: str, body: Callable[[], None]) -> None:
    """Head the page with its `question`, and draw its `body`."""
    st.title(question)
    refused = st.container()
    body()
    if view.refused():
        with refused:
            notices.refused("Part of this link was left out; the defaults stand in for it.", view.refused())


def draw(name: str, drawn: alt.LayerChart, table: pd.DataFrame) -> None:
    """Place a chart, and offer the `table` behind it as a file called `name`."""
    st.vega_lite_chart(steady(drawn), width="stretch", key=f"chart_{name}")
    chart.csv(name, table)


def steady(drawn: alt.LayerChart) -> dict[str, Any]:
    """The specification of a chart, with data sets named by their order instead of by their content.

    Where only numbers have changed, the browser then moves the marks that are there instead of drawing all anew.
    """
    text = json.dumps(drawn.to_dict())
    for place, name in enumerate(json.loads(text)["datasets"]):
        text = text.replace(name, f"rows_{place}")
    spec: dict[str, Any] = json.loads(text)
    return spec
