"""The card of one run: its settings, its curves, its layers, and the link that trains it alone."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from core.charts import convergence as charts
from core.experiment.experiment import FIELDS, Experiment, Run
from core.results.convergence import with_diverged
from core.schema import POINT, RUN, SCHEMA
from pages.parts import chart, click, lens, link, notices, own_table, session, training, view
from pages.parts.catalogue import Runs
from pages.parts.shown import Shown

TABLE = "runs"
"""The key of the table that a run is chosen in."""
WHOLE = ("layer", "role", "fan_in", "fan_out")
"""Columns of the layers that are no measured numbers."""


def chosen(listed: Sequence[int]) -> None:
    """Open the card of the run whose row was selected; `listed` are the numbers of the runs in the table."""
    rows = session.held(TABLE)["selection"]["rows"]
    link.remember(Runs.run.name, str(listed[rows[0]]) if rows else None)


def draw(shown: Shown, became: pd.Series) -> None:
    """The card of the run that was chosen, if one was; `became` says what became of each."""
    text = link.given().value(Runs.run)
    if not text:
        st.caption("Select a row, at its left end, to open the card of its run.")
        return
    run = shown.experiment.run_number(int(text))
    with st.container(border=True, key="card"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.header(f"Run {run.run}: {notices.told(shown.experiment.label(run))}, seed {run.seed}")
            st.button("Close", key="close_card", on_click=link.remember, args=(Runs.run.name, None))
        own = shown.runs().index[shown.runs()["run"] == run.run]
        if own.empty:
            st.caption("This run has no numbers yet: training has not come to it.")
            return
        st.markdown(f"Outcome: **{notices.escaped(str(became[own[0]]))}**")
        alone = shown.experiment.alone(run)
        left, right = st.columns(2)
        for column, quantity in ((left, "loss"), (right, "accuracy")):
            with column:
                chart.draw(f"run_{quantity}", charts.one_run, partial(_epochs, shown, run.run), quantity=quantity)
        lens.part(shown, lambda: _layers(shown, run))
        _settings(alone)
        _alone(alone)


def _layers(shown: Shown, run: Run) -> None:
    """The run's layers at one recorded epoch: the last one that it has up to that which is chosen."""
    wanted = view.place(Runs.at)
    rows = shown.layers()
    rows = rows[(rows["run"] == run.run) & (rows["epoch"] <= wanted)]
    if rows.empty:
        lens.nothing_of(shown, "its layers")
        return
    at = int(rows["epoch"].max())
    if at != wanted:
        st.caption(f"Shown is epoch {at:,}: this run has no numbers at epoch {wanted:,}.")
    measured = [column for column in SCHEMA["layers"] if column not in (*RUN, *POINT)]
    table = rows.loc[rows["epoch"] == at, [column.name for column in measured]].dropna(axis="columns", how="all")
    st.dataframe(
        table,
        key="card_layers",
        hide_index=True,
        column_config={
            column.name: st.column_config.Column(column.name.replace("_", " "), help=column.meaning)
            if column.name in WHOLE
            else st.column_config.NumberColumn(column.name.replace("_", " "), help=column.meaning, format="%.4g")
            for column in measured
        },
    )


def _settings(alone: Experiment) -> None:
    with st.expander("All settings of this run", key="card_settings"):
        rows = [(FIELDS[name].label, value) for name, value in alone.written().items()]
        st.dataframe(pd.DataFrame(rows, columns=["setting", "value"]), key="card_values", hide_index=True)


def _alone(alone: Experiment) -> None:
    st.markdown("**Trained alone**, it gives the same numbers to the bit. The link:")
    st.code(link.full(alone.to_params() | own_table.linked(alone)), language=None)
    if click.button("Train it alone", key="train_alone", icon=":material/open_in_new:"):
        training.train(alone)
        link.remember(Runs.run.name, "0")
        link.rerun()


def _epochs(shown: Shown, run: int) -> pd.DataFrame:
    table = with_diverged(shown.result)
    return table[table["run"] == run]
