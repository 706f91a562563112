"""A chart with the table behind it: drawn once for all visitors, with a button for its CSV."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st
from altair.utils import schemapi

from core.results.results import csv_bytes
from pages.parts import session, turns
from pages.parts.shown import once

# altair checks every part of a chart as it is made, which doubles the time. The tests check whole charts.
schemapi.disable_debug_mode()
# Arrow's own allocator would keep the memory that the tables of charts and results have given up.
pa.set_memory_pool(pa.system_memory_pool())
AROUND = alt.LayerChart(layer=[]).to_dict(validate=False)


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
    st.vega_lite_chart(spec, width="stretch", key=f"chart_{name}", alt=_in_words(spec["title"]))
    turns.step_back()
    csv(name, rows)


def _specified(
    make: Callable[..., alt.LayerChart], rows: Callable[[], pd.DataFrame], /, **settings: Any
) -> dict[str, Any]:
    made = {name: setting() if callable(setting) else setting for name, setting in settings.items()}
    return specification(make(rows(), **made))


def _in_words(title: dict[str, Any]) -> str:
    """What a chart shows, for who cannot see it: its title and what stands below that."""
    return ": ".join(" ".join(title[part]) for part in ("text", "subtitle") if title.get(part))


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

    def aside(rows: pd.DataFrame) -> dict[str, str]:
        place = next((place for place, other in enumerate(seen) if other is rows), len(seen))
        name = rows.attrs.get("name", f"rows_{place}")
        if place == len(seen):
            seen.append(rows)
            tables[name] = _arrow(rows)
        return {"name": name}

    spec: dict[str, Any] = AROUND | _written(drawn, aside)
    for layer in spec["layer"]:
        # Marks are passed over: they would be read out by the hundred, in words of the code. The chart has a name.
        layer["mark"] = (layer["mark"] if isinstance(layer["mark"], dict) else {"type": layer["mark"]}) | {
            "aria": False
        }
    return spec | {"datasets": tables}


def _written(part: Any, aside: Callable[[pd.DataFrame], dict[str, str]]) -> Any:
    """What altair's own `to_dict` makes of a part of a chart, in an eighth of the time.

    Altair looks into each table for the types of its columns; here every channel names its own.
    """
    if isinstance(part, pd.DataFrame):
        return aside(part)
    if isinstance(part, alt.SchemaBase):
        parts: Any = part._args[0] if part._args else part._kwds
        if "shorthand" not in parts:
            return _written(parts, aside)
        rest = {
            name: _written(value, aside)
            for name, value in parts.items()
            if name != "shorthand" and value is not alt.Undefined
        }
        texts = parts["shorthand"]
        # A second position has the type of the first.
        known = [
            {name: value for name, value in _parsed(text).items() if name in parts} | rest
            for text in ([texts] if isinstance(texts, str) else texts)
        ]
        return known[0] if isinstance(texts, str) else known
    if isinstance(part, dict):
        return {name: _written(value, aside) for name, value in part.items() if value is not alt.Undefined}
    if isinstance(part, list | tuple):
        return [_written(value, aside) for value in part]
    return float(part) if isinstance(part, np.number) else part


@lru_cache(maxsize=1000)
def _parsed(shorthand: str) -> dict[str, Any]:
    return alt.utils.parse_shorthand(shorthand)


def _arrow(rows: pd.DataFrame) -> pa.Table:
    """The rows column by column, without what pandas would need to read them back: a third of the time."""
    columns = {
        name: values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array for name, values in rows.items()
    }
    return pa.table({str(name): pa.array(values, from_pandas=True) for name, values in columns.items()})
