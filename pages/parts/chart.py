"""A chart with the table behind it: drawn once per version of a result, with a button for its CSV."""

import json
from collections.abc import Callable
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.results import csv_bytes
from pages.parts.shown import Shown

CACHED = 400  # specifications, some tens of kilobytes each


def show(shown: Shown, name: str, draw: Callable[..., alt.LayerChart], table: pd.DataFrame, **settings: Any) -> None:
    """Draw `draw(table, **settings)`, and offer `table` as CSV.

    Args:
        shown: the result on the screen; with the settings it says when a chart has to be made anew.
        name: name of the chart on its page, and of its file.
        draw: one of core.charts.
        table: the part of the result that the chart shows.
        settings: what else the chart needs, simple values only.
    """
    spec = _specification(shown.version, name, repr(settings), lambda: draw(table, **settings))
    st.vega_lite_chart(spec, width="stretch", key=f"chart_{name}")
    csv(name, table)


def csv(name: str, table: pd.DataFrame, label: str = "CSV") -> None:
    """Offer `table`, the rows behind a chart, as a file called `name`."""
    st.download_button(
        label,
        lambda: csv_bytes(table),
        f"{name}.csv",
        "text/csv",
        key=f"csv_{name}",
        help="The rows behind this chart, at full precision",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )


@st.cache_data(max_entries=CACHED, show_spinner=False)
def _specification(version: str, name: str, settings: str, _draw: Callable[[], alt.LayerChart]) -> dict[str, Any]:
    return steady(_draw())


def steady(drawn: alt.LayerChart) -> dict[str, Any]:
    """The specification of a chart, with data sets named by their order instead of by their content.

    Where only numbers have changed, the browser then moves the marks that are there instead of drawing all anew.
    """
    text = json.dumps(drawn.to_dict(validate=False))  # the tests validate: that takes as long as all the rest
    for place, name in enumerate(json.loads(text)["datasets"]):
        text = text.replace(name, f"rows_{place}")
    spec: dict[str, Any] = json.loads(text)
    return spec
