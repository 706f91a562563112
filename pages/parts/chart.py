"""A chart with the table behind it: drawn once for all visitors, with a menu of its files."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import altair as alt
import pandas as pd
import pyarrow as pa
import streamlit as st
from altair.utils import schemapi

from core.charts import picture
from core.charts.on_screen import on_screen
from core.charts.picture import arrow, in_words
from core.charts.style import PICK_GROUP, Chosen
from pages.parts import save, session, turns, view
from pages.parts.shown import once

# altair checks every part of a chart as it is made, which doubles the time. The tests check whole charts.
schemapi.disable_debug_mode()
# Arrow's own allocator would keep the memory that the tables of charts and results have given up.
pa.set_memory_pool(pa.system_memory_pool())
SAID = ("group", "activation", "layer", "epoch")
"""Settings of a chart that the names of its files tell, where they are single ones."""


def draw(
    name: str,
    make: Callable[..., alt.LayerChart],
    rows: Callable[[], pd.DataFrame],
    moved: pd.DataFrame | None = None,
    **settings: Any,
) -> None:
    """Draw `make(rows(), **settings)`, and offer it and its numbers as files.

    It is drawn once for all who show the same: functions and settings are such as `once` takes.

    Args:
        name: name of the chart on its page, and of its file.
        make: one of core.charts.
        rows: gives the table that the chart shows.
        moved: a table with a name, in place of the chart's of that name: for what has no chart of its own to be made.
        settings: what else the chart needs; a function stands for the table that it gives.
    """

    def with_moved(spec: dict[str, Any]) -> dict[str, Any]:
        if moved is None:
            return spec
        return spec | {"datasets": spec["datasets"] | {moved.attrs["name"]: arrow(moved)}}

    show(name, with_moved(once(specified, make, rows, **settings)), settings.get("groups"))
    turns.step_back()
    detail = (f"{word}-{settings[word]}" for word in SAID if isinstance(settings.get(word), int | str))
    save.menu(name, rows, lambda: with_moved(_plain(make, rows, **settings)), what="-".join([name, *detail]))


def show(name: str, spec: dict[str, Any], groups: Sequence[str] | None = None) -> None:
    """Show a chart as wide as there is room, with its title as its name; its legend picks among the groups."""
    key = f"chart_{name}"
    if isinstance(groups, Chosen) and any(each["name"] == PICK_GROUP for each in spec.get("params", ())):
        key += f"_{hash(groups):x}"  # the browser keeps what was picked in a chart of one key, whatever it shows
        place(spec, key, selection_mode=PICK_GROUP, on_select=partial(_pick, key))
    else:
        place(spec, key)


def place(spec: dict[str, Any], key: str, **selection: Any) -> None:
    """Place a chart of that key; `selection` is Streamlit's of what is picked in it."""
    # The words say it too; of a chart that has both Streamlit writes a warning, which takes longer than the chart.
    bare = {part: value for part, value in spec.items() if part != "description"}
    st.vega_lite_chart(bare, width="stretch", key=key, alt=in_words(spec), **selection)


def _pick(key: str) -> None:
    """Show the run groups that were picked in the legend of the chart of that key, on the whole page and all others."""
    picked = {point["group"] for point in session.held(key).selection[PICK_GROUP]}
    view.set_to(view.GROUPS, [group for group in session.current().experiment.groups() if group in picked])
    session.current().picked = True


def specified(
    make: Callable[..., alt.LayerChart], rows: Callable[[], pd.DataFrame], /, **settings: Any
) -> dict[str, Any]:
    """The specification of the chart that `make` makes; see `draw`."""
    return on_screen(_plain(make, rows, **settings))


def _plain(make: Callable[..., alt.LayerChart], rows: Callable[[], pd.DataFrame], /, **settings: Any) -> dict[str, Any]:
    made = {name: setting() if callable(setting) else setting for name, setting in settings.items()}
    return picture.specification(make(rows(), **made))


def specification(drawn: alt.LayerChart) -> dict[str, Any]:
    """The specification of a chart for the screen, with its data as Arrow tables."""
    return on_screen(picture.specification(drawn))
