"""The menu under a chart or a table: its numbers, its picture and its specification as files, made on a click."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MethodType
from typing import Any

import pandas as pd
import streamlit as st

from core.charts import picture
from core.charts.report import page
from core.experiment.experiment import Experiment
from core.experiment.handing_on import file_name, slug
from core.results.carrying import with_settings
from core.results.results import csv_bytes, versions
from core.results.spreadsheet import workbook
from core.text import words
from pages.parts import link, session
from pages.parts.shown import Shown
from pages.parts.upload import FROM_A_FILE, Upload

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS = "The rows behind it (CSV)"


def menu(
    name: str,
    rows: Callable[[], pd.DataFrame],
    chart: Callable[[], Mapping[str, Any]] | None = None,
    *,
    what: str = "",
    of: Experiment | None = None,
    label: str = "Download",
    **values: Any,
) -> None:
    """A menu of the files of a chart, or of a table alone.

    A page has many of these: what is in one is made when it is opened, and a file when it is asked for. It is no
    fragment of its own: every one costs as much as a menu, and it is rarely opened.

    Args:
        name: name of the chart on its page.
        rows: gives the table behind it; a result on the screen that it is made of gives it the settings.
        chart: gives the chart as `core.charts.picture.specification` has it.
        what: what its files are called, if not `name`.
        of: the experiment that the rows are of, where they are not made of the result on the screen.
        label: what is on the menu's button.
        values: what a film's charts are at, as `core.charts.picture.inlined` takes it.
    """

    box = st.popover(
        label, key=f"save_{name}", type="tertiary", icon=":material/download:", on_change="rerun",
        help=f"Numbers, picture or specification: {words(name)}",
    )  # fmt: skip
    if box.open:
        with box, st.container(gap="xxsmall"):
            _files(name, what or name, rows, chart, of, values)


def _files(
    name: str, what: str, rows: Callable[[], pd.DataFrame], chart: Callable[[], Mapping[str, Any]] | None,
    of: Experiment | None, values: Mapping[str, Any],
) -> None:  # fmt: skip
    shown = _behind(rows)
    experiment, by = (shown.experiment, shown.result.versions) if shown else (of, versions())
    address = link.current()

    def full(table: pd.DataFrame) -> pd.DataFrame:
        return with_settings(table, experiment, by) if experiment else table

    def called(suffix: str, part: str = "") -> str:
        if experiment:
            return file_name(experiment, f"{what}{part}", suffix)
        return f"{slug(f'{link.opened().name}-{what}{part}', 80)}.{suffix}"

    def sheets() -> bytes:
        tables = {"drawn": picture.drawn(chart())} if chart else {}
        return workbook({**tables, "rows": rows()}, experiment, by, address)

    if chart:
        offer(
            f"drawn_{name}",
            "What is drawn (CSV)",
            lambda: csv_bytes(full(picture.drawn(chart()))),
            called("csv", "-drawn"),
        )
    offer(f"csv_{name}", ROWS, lambda: csv_bytes(full(rows())), called("csv"))
    offer(f"xlsx_{name}", "For spreadsheets (xlsx)", sheets, called("xlsx"))
    if chart:
        offer(f"png_{name}", "Picture (PNG)", lambda: picture.png(chart(), **values), called("png"))
        offer(f"svg_{name}", "Drawing (SVG)", lambda: picture.svg(chart(), **values), called("svg"))
        offer(f"vega_{name}", "Vega-Lite (JSON)", lambda: picture.vega_lite(chart(), **values), called("vl.json"))


def report(shown: Shown) -> None:
    """A button for the report on the result on the screen."""
    address, remarks = link.current(), [FROM_A_FILE] if isinstance(session.current().source, Upload) else []
    name = file_name(shown.experiment, "report", "html")
    button(
        "Report", lambda: page(shown.result, address, remarks).encode(), name, "text/html",
        key="report", icon=":material/description:",
        help="Findings, charts and settings in one HTML file, which opens without a network and prints",
    )  # fmt: skip


def offer(key: str, label: str, make: Callable[[], bytes | str], name: str, help: str | None = None) -> None:
    """A button for a file, which is made when it is pressed."""
    kinds = {"csv": "text/csv", "xlsx": XLSX, "png": "image/png", "svg": "image/svg+xml", "html": "text/html"}
    mime = kinds.get(name.rpartition(".")[2], "application/json")
    button(label, make, name, mime, key=key, help=help, type="tertiary")


def button(label: str, make: Callable[[], bytes | str], name: str, mime: str, *, key: str, **look: Any) -> None:
    """A button for a file, which `make` makes when it is pressed; `look` as Streamlit's.

    Of each button its newest `make` alone is held, for that holds a result: of a page that is drawn again while its
    numbers grow, Streamlit keeps those of before for a while.
    """
    files = session.current().files
    files[key] = make
    st.download_button(label, lambda: files[key](), name, mime, key=key, on_click="ignore", **look)


def _behind(value: object) -> Shown | None:
    """The result on the screen that a function is bound to, or is given; none of two, whose settings may differ."""
    found = _all_behind(value)
    return found[0] if len(found) == 1 else None


def _all_behind(value: object) -> list[Shown]:
    if isinstance(value, Shown):
        return [value]
    if isinstance(value, MethodType):
        return _all_behind(value.__self__)
    parts = [value.func, *value.args, *value.keywords.values()] if isinstance(value, partial) else []
    return list({id(found): found for part in parts for found in _all_behind(part)}.values())
