"""Runs: every run in a table, and every number as a file."""

import io
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core import text
from core.experiment.handing_on import file_name, notebook
from core.experiment.translation import translate
from core.lessons import findings
from core.registries.frameworks import FRAMEWORKS
from core.results import convergence
from core.results.carrying import with_settings
from core.results.results import Result, csv_parts
from core.results.spreadsheet import workbook
from core.schema import RUN, SCHEMA
from pages.parts import card, lens, link, notices, own_table, save, upload, view
from pages.parts.catalogue import Runs
from pages.parts.shown import Shown, once

LISTED = 1000
"""Runs in the table on the page: a browser gets 280 bytes of each."""


def _page(shown: Shown) -> None:
    lens.finding(shown, findings.runs)
    groups, status = view.beside(lambda: view.several(Runs.groups), lambda: view.several(Runs.status))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        baseline = view.place(Runs.baseline)
        by = Runs.ORDERS[view.place(Runs.sort)]
        down = view.place(Runs.descending)
    search = view.place(Runs.search)

    became = once(_became, shown)
    kept = shown.runs()["group"].isin(groups) & shown.runs()["status"].isin(status) & _found(shown, search)
    _list(shown, became, kept, baseline, by, down)
    card.draw(shown, became)

    st.header("All numbers")
    own = own_table.of(shown.experiment) is not None
    data = own and st.toggle("result.zip holds my table too, so that it opens for whoever has the zip", key="zip_data")
    with st.container(horizontal=True):
        for name in SCHEMA:
            table = shown.result.table(name)
            save.button(
                f"{name}.csv", partial(_csv, shown.result, name), file_name(shown.experiment, name, "csv"), "text/csv",
                key=f"csv_{name}", icon=":material/download:", help=f"{len(table):,} rows",
            )  # fmt: skip
        address = link.current()
        save.button(
            "For spreadsheets", partial(_xlsx, shown.result, address), file_name(shown.experiment, "tables", "xlsx"),
            save.XLSX, key="xlsx", icon=":material/table_view:",
            help="The four tables, the settings and what each column means in one .xlsx: text stays text",
        )  # fmt: skip
        save.report(shown)
        save.button(
            "result.zip", lambda: _zip(shown.result, data), file_name(shown.experiment, "result", "zip"),
            "application/zip",
            key="zip", type="primary", icon=":material/folder_zip:",
            help="The four tables, and experiment.json with settings, seeds and versions",
        )  # fmt: skip
    st.caption(
        "Numbers at full precision, and in each row of these files all settings of its run and the versions. The zip "
        "has those that do not vary in experiment.json; it opens again below, and in Python with `core.load_result`."
    )
    lens.part(shown, lambda: _program(shown))
    _handed_on(shown)


def _list(shown: Shown, became: pd.Series, kept: "pd.Series[bool]", baseline: str, by: str, down: bool) -> None:
    """The runs that are `kept`, beside those of the baseline if there is one."""
    runs = shown.runs()
    settings = [column.name for column in RUN]
    outcomes = [column.name for column in SCHEMA["runs"] if column.name not in settings]
    beside = convergence.BESIDE if baseline in shown.groups else ()
    rows = runs.assign(**convergence.beside(runs, baseline)) if beside else runs
    chosen = rows.assign(outcome=became)[kept]
    # A click on a heading sorts in the browser, which takes an empty cell for less than every number.
    chosen = chosen.sort_values(by, ascending=not down, na_position="last", kind="stable")

    varying = shown.experiment.varying()
    columns = [
        *varying,
        "seed",
        "outcome",
        *beside,
        *outcomes,
        *(name for name in settings if name not in (*varying, "seed")),
    ]
    listed = chosen[columns].head(LISTED)
    listed = listed.assign(hidden=listed["hidden"].map(text.short_group))
    st.dataframe(
        listed, key="runs", hide_index=True, column_config=_columns(varying), placeholder="",
        on_select=partial(card.chosen, listed["run"].tolist()), selection_mode="single-row",
    )  # fmt: skip
    st.caption(
        f"{len(chosen):,} of {text.count(len(runs), 'run')}. "
        + ("Settings with a \N{DAGGER} differ between the groups. " if varying else "")
        + f"No updates to target: the run {'did not reach it' if shown.final else 'has not reached it so far'}. "
        "Such runs come last in either order of *Sorted by*; "
        "a click on a heading sorts too, with empty cells first where it ascends."
    )
    if len(chosen) > LISTED:
        st.caption(f"Listed are the first {LISTED:,} of these; runs.csv holds all.")
    if exploded := shown.once(convergence.exploded_text, shown.final):
        st.caption(notices.told(exploded))


def _found(shown: Shown, search: str) -> "pd.Series[bool]":
    """Of every run whether each word of the `search` stands somewhere in its row."""
    found = pd.Series(True, shown.runs().index)
    for word in search.casefold().split():
        found &= once(_in_words, shown).str.contains(word, regex=False)
    if search and not found.any():
        st.info(notices.escaped(f"No run has all of this in its row: {search}"), icon=":material/search_off:")
    return found


def _in_words(shown: Shown) -> pd.Series:
    """The row of each run as one text, its numbers as the table shows them."""
    runs = shown.runs().assign(outcome=_became(shown))
    columns = runs.assign(depth=runs["hidden"].map(text.short_group)).astype(object).items()
    texts = [
        column.map(lambda value: f"{value:.6g}" if isinstance(value, float) else str(value), na_action="ignore")
        for _, column in columns
    ]
    whole: pd.Series = texts[0].str.cat(pd.concat(texts[1:], axis=1), sep="\n", na_rep="").str.casefold()
    return whole


def _program(shown: Shown) -> None:
    st.subheader("The start as a program")
    group, library = view.beside(lambda: view.place(Runs.start), lambda: view.place(Runs.library), (3, 2))
    framework = next(name for name, framework in FRAMEWORKS.items() if framework.title == library)
    first = replace(shown.experiment, seeds=1)
    run = first.run_number(first.groups().index(group))
    box = st.expander(f"The program for {library}", icon=":material/code:", key="program", on_change="rerun")
    if box.open:  # what colours a program is fetched with the first one, and weighs a quarter of a page
        with box:
            st.code(translate(first, run, framework), language="python", height=420)
    st.caption(
        f"The network of this run group, and how its weights and biases start, in {library}: the same distributions, "
        "with other random numbers. Without a browser: "
        f'`python -m core translate "{first.alone(run).to_query()}" --to {framework}`'
    )


def _handed_on(shown: Shown) -> None:
    """The experiment itself, in every form that trains it again."""
    title = "The experiment as link, command line, JSON and notebook"
    box = st.expander(title, icon=":material/terminal:", on_change="rerun")
    if box.open:
        with box:
            st.code(link.current(), language=None)
            st.code(shown.experiment.command(), language=None)
            st.code(shown.experiment.to_json(), language=None)
            save.button(
                "Notebook", lambda: notebook(shown.experiment), file_name(shown.experiment, "notebook", "ipynb"),
                "application/x-ipynb+json", key="notebook", icon=":material/download:",
            )  # fmt: skip
            st.caption("`python -m core run` takes the first three. The notebook trains it in Python, and draws it.")


def _became(shown: Shown) -> pd.Series:
    """What became of each run, in words: where it diverged, and whether it exploded."""
    at = shown.result.runs["diverged_at"]
    where = [f" at update {text.amount(update)}" if update == update else "" for update in at]
    also = ["; exploded" if lost else "" for lost in convergence.exploded(shown.result)]
    return convergence.outcomes(shown.result, shown.final) + where + also


def _columns(varying: list[str]) -> dict[str, Any]:
    # A dagger and no colour: a styled table takes the server longer than all the rest of this page.
    found: dict[str, Any] = dict(_BESIDE)
    found |= {"outcome": st.column_config.Column(help="What became of the run, and where")}
    for column in SCHEMA["runs"]:
        label = column.name.replace("_", " ") + (" \N{DAGGER}" if column.name in varying else "")
        meaning = f"{column.meaning} ({column.unit})"
        found[column.name] = (
            st.column_config.NumberColumn(label, help=meaning, format="%.6g")
            if column.dtype == "float64"
            else st.column_config.Column(label, help=meaning)
        )
    return found


_BESIDE = {
    name: st.column_config.NumberColumn(label, help=f"{what} than the baseline's run of the same seed", format="%.4g")
    for name, label, what in zip(
        convergence.BESIDE,
        ("times fewer updates", "training loss − baseline", "test accuracy − baseline"),
        ("How many times fewer updates it took", "How much more its final training loss is", "How much more it is"),
        strict=True,
    )
}


def _csv(result: Result, name: str) -> bytes:
    """A table, each row with all settings of its run: those that no experiment varies stand last, with the versions."""

    def whole(part: pd.DataFrame) -> pd.DataFrame:
        return with_settings(part, result.experiment, result.versions)

    return b"".join(csv_parts(result.table(name), whole))


def _xlsx(result: Result, address: str) -> bytes:
    return workbook({name: result.table(name) for name in SCHEMA}, result.experiment, result.versions, address)


def _zip(result: Result, data: bool) -> bytes:
    file = io.BytesIO()
    result.to_zip(file, data)
    return file.getvalue()


lens.show("What became of every run?", _page, below=upload.drop_zone)
