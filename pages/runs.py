"""Runs: every run in a table, and every number as a file."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core import findings
from core.experiment import VARIED
from core.results import Result, csv_bytes
from core.schema import RUN, SCHEMA, STATUSES
from pages.parts import lens, upload, view
from pages.parts.shown import Shown

LISTED = 1000
"""Runs in the table on the page: a browser gets 280 bytes of each."""


def _page(shown: Shown) -> None:
    lens.finding(shown, findings.runs)
    runs = shown.result.runs
    left, right = st.columns(2)
    with left:
        groups = view.several("groups", "Run groups", shown.groups)
    with right:
        status = view.several("status", "Status", STATUSES)
    chosen = runs[runs["group"].isin(groups) & runs["status"].isin(status)]

    varying = [name for name in VARIED if len(getattr(shown.experiment, name)) > 1]
    settings = [column.name for column in RUN]
    outcomes = [column.name for column in SCHEMA["runs"] if column.name not in settings]
    columns = [*varying, "seed", *outcomes, *(name for name in settings if name not in (*varying, "seed"))]
    st.dataframe(
        chosen[columns].head(LISTED), key="runs", hide_index=True, column_config=_columns(varying), placeholder=""
    )
    st.caption(
        f"{len(chosen)} of {len(runs)} runs. Settings with a \N{DAGGER} differ between the groups; a click on a "
        "heading sorts. Empty updates to target: the run is censored at its last update."
    )
    if len(chosen) > LISTED:
        st.caption(f"Listed are the first {LISTED:,} of these; runs.csv holds all.")

    st.subheader("All numbers")
    with st.container(horizontal=True):
        for name in SCHEMA:
            table = shown.result.table(name)
            make: Callable[[], bytes] = partial(csv_bytes, table)
            st.download_button(
                f"{name}.csv", make, f"{name}.csv", "text/csv",
                key=f"csv_{name}", on_click="ignore", icon=":material/download:", help=f"{len(table):,} rows",
            )  # fmt: skip
        st.download_button(
            "result.zip", lambda: _zip(shown.result), f"result-{shown.experiment.key[:8]}.zip", "application/zip",
            key="zip", on_click="ignore", type="primary", icon=":material/folder_zip:",
            help="The four tables, and experiment.json with settings, seeds and versions",
        )  # fmt: skip
    st.caption(
        "Numbers at full precision; each row carries the settings of its run. The zip opens again below, and in Python "
        "with `core.load_result`."
    )


def _columns(varying: list[str]) -> dict[str, Any]:
    # A dagger and no colour: a styled table takes the server longer than all the rest of this page.
    found: dict[str, Any] = {}
    for column in SCHEMA["runs"]:
        label = column.name.replace("_", " ") + (" \N{DAGGER}" if column.name in varying else "")
        meaning = f"{column.meaning} ({column.unit})"
        found[column.name] = (
            st.column_config.NumberColumn(label, help=meaning, format="%.6g")
            if column.dtype == "float64"
            else st.column_config.Column(label, help=meaning)
        )
    return found


def _zip(result: Result) -> bytes:
    file = io.BytesIO()
    result.to_zip(file)
    return file.getvalue()


lens.show("What became of every run?", _page, below=upload.place)
