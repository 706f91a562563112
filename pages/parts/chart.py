"""A chart with the table behind it: drawn once for all visitors, with a button for its CSV."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st
from altair.utils import schemapi

from core.charts.on_screen import on_screen
from core.charts.style import PICK_GROUP, Chosen
from core.results.results import csv_bytes
from pages.parts import session, turns, view
from pages.parts.shown import once

# altair checks every part of a chart as it is made, which doubles the time. The tests check whole charts.
schemapi.disable_debug_mode()
# Arrow's own allocator would keep the memory that the tables of charts and results have given up.
pa.set_memory_pool(pa.system_memory_pool())
_converting = threading.Lock()


def draw(
    name: str,
    make: Callable[..., alt.LayerChart],
    rows: Callable[[], pd.DataFrame],
    moved: pd.DataFrame | None = None,
    **settings: Any,
) -> None:
    """Draw `make(rows(), **settings)`, and offer the rows as CSV.

    It is drawn once for all who show the same: functions and settings are such as `once` takes.

    Args:
        name: name of the chart on its page, and of its file.
        make: one of core.charts.
        rows: gives the table that the chart shows.
        moved: a table with a name, in place of the chart's of that name: for what has no chart of its own to be made.
        settings: what else the chart needs; a function stands for the table that it gives.
    """
    spec = once(_specified, make, rows, **settings)
    if moved is not None:
        spec = spec | {"datasets": spec["datasets"] | {moved.attrs["name"]: _arrow(moved)}}
    groups = settings.get("groups")
    words, key = _in_words(spec), f"chart_{name}"
    if isinstance(groups, Chosen) and any(each["name"] == PICK_GROUP for each in spec.get("params", ())):
        key += f"_{hash(groups):x}"  # the browser keeps what was picked in a chart of one key, whatever it shows
        st.vega_lite_chart(
            spec, width="stretch", key=key, alt=words, selection_mode=PICK_GROUP, on_select=partial(_pick, key)
        )
    else:
        st.vega_lite_chart(spec, width="stretch", key=key, alt=words)
    turns.step_back()
    csv(name, rows)


def _pick(key: str) -> None:
    """Show the run groups that were picked in the legend of the chart of that key, on the whole page and all others."""
    picked = {point["group"] for point in session.held(key).selection[PICK_GROUP]}
    view.set_to(view.GROUPS, [group for group in session.current().experiment.groups() if group in picked])
    session.current().picked = True


def _specified(
    make: Callable[..., alt.LayerChart], rows: Callable[[], pd.DataFrame], /, **settings: Any
) -> dict[str, Any]:
    made = {name: setting() if callable(setting) else setting for name, setting in settings.items()}
    return specification(make(rows(), **made))


def _in_words(spec: dict[str, Any]) -> str:
    """What a chart shows, for who cannot see it: its title, what stands below that, and what it comes to."""
    title = ": ".join(" ".join(spec["title"][part]) for part in ("text", "subtitle") if spec["title"].get(part))
    return ". ".join(filter(None, [title, spec.get("description")]))


def csv(name: str, rows: Callable[[], pd.DataFrame], label: str = "CSV") -> None:
    """Offer `rows`, those behind a chart, as a file called `name`."""
    st.download_button(
        label,
        lambda: csv_bytes(rows()),
        f"{name}-{session.current().experiment.key[:8]}.csv",
        "text/csv",
        key=f"csv_{name}",
        help="The rows behind this chart, at full precision",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )


def specification(drawn: alt.LayerChart) -> dict[str, Any]:
    """The specification of a chart, with its data as Arrow tables, named by their order or their own `attrs["name"]`.

    Where only numbers have changed, the browser then moves the marks that are there instead of drawing all anew. And
    Streamlit sends such tables as they are: rows as JSON it converts again on every run of a page.
    """
    tables: dict[str, pa.Table] = {}
    seen: list[pd.DataFrame] = []

    def aside(rows: Any) -> dict[str, str]:
        place = next((place for place, other in enumerate(seen) if other is rows), len(seen))
        name = rows.attrs.get("name", f"rows_{place}")
        if place == len(seen):
            seen.append(rows)
            tables[name] = _arrow(rows)
        return {"name": name}

    # altair has one transformer for all threads.
    with _converting:
        alt.data_transformers.register("aside", aside)
        with alt.data_transformers.enable("aside"):
            spec = on_screen(drawn.to_dict(validate=False))
    for layer in spec["layer"]:
        # Marks are passed over: they would be read out by the hundred, in words of the code. The chart has a name.
        layer["mark"] = (layer["mark"] if isinstance(layer["mark"], dict) else {"type": layer["mark"]}) | {
            "aria": False
        }
    return spec | {"datasets": tables}


def _arrow(rows: pd.DataFrame) -> pa.Table:
    """The rows column by column, without what pandas would need to read them back: a third of the time."""
    columns = {
        name: values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array for name, values in rows.items()
    }
    return pa.table({str(name): pa.array(values, from_pandas=True) for name, values in columns.items()})
