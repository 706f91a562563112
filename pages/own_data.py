"""Own data: a visitor's table is opened, what was understood of it is shown and changed, and it is trained on."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import pandas as pd
import streamlit as st

from core.experiment.experiment import FIELDS, Experiment
from core.registries.datasets import SCALINGS, Dataset
from core.results.results import ResultError
from core.tables import choices
from core.tables.choices import FEWEST_ROWS, MAX_ROWS, MISSING, MOST_CLASSES, MOST_ROWS, Choices, Examples, counted
from core.tables.sniffing import ALLOWED, MAX_BYTES, MAX_CELLS, Reading, TableError
from core.text import size, words
from pages.parts import click, form, lesson, link, notices, own_table, session, training, upload
from pages.parts.own_table import OpenFile, OwnTable

ABOUT = f"""
A table as text (CSV, TSV, or what a spreadsheet exports), a row in each line, with a column that names the class of
each row: up to {size(MAX_BYTES)} and {MAX_CELLS // 10**6} million cells. What is understood of it is shown first, and
each part of that can be changed. The table stays in the memory of your session: nobody else sees it, and it is gone
when you close or reload the page.
"""
LABELS = {
    "encoding": "Encoding",
    "delimiter": "Between cells",
    "header": "First row has names",
    "decimal": "Decimal mark",
}
REFUSED = "This gives no examples to learn from."


def _page() -> None:
    if not training.registry().settings.upload_bytes:
        st.caption("This server takes no files.")
        return
    here = session.current()
    st.markdown(ABOUT)
    key = f"table_{here.uploads}"
    most = MAX_BYTES // 10**6
    st.file_uploader("Table as text", key=key, on_change=_dropped, args=(key,), max_upload_size=most)
    if here.file_refused:
        notices.refused(REFUSED, [here.file_refused])
    if here.file is None:
        return
    st.text(here.file.name)
    try:
        with st.expander("How the file is written"):
            here.file.read_as(_reading(here.file))
        chosen = _choices(here.file)
        examples, dataset = here.file.examples(chosen)
    except (TableError, ResultError) as error:
        notices.refused(REFUSED, [str(error)])
        return
    finally:
        st.button("Forget this table", on_click=_forget, icon=":material/delete:")
    _preview(here.file, chosen, examples)
    _train(here.file, dataset, choices.recipe(here.file.table, chosen))


def _dropped(key: str) -> None:
    if (dropped := upload.taken(key)) is None:
        return
    here = session.current()
    here.file, here.file_refused = None, ""
    name, content = dropped
    try:
        here.file = own_table.opened(name, here.uploads, content)
    except (TableError, ResultError) as error:
        here.file_refused = f"{name}: {error}"


def _forget() -> None:
    here = session.current()
    here.file = None
    here.tables.clear()
    if here.experiment.own_table:
        training.open_linked(Experiment())


def _one(label: str, options: Sequence[str], proposed: str, key: str) -> str:
    held = session.begun(key, proposed)
    return st.selectbox(label, options, list(options).index(held), key=key, format_func=words)


def _several(label: str, options: Sequence[str], proposed: Sequence[str], key: str) -> tuple[str, ...]:
    return tuple(st.multiselect(label, options, session.begun(key, list(proposed)), key=key))


def _reading(file: OpenFile) -> Reading:
    places = st.columns(len(ALLOWED))
    said = {}
    for place, (name, allowed) in zip(places, ALLOWED.items(), strict=True):
        with place:
            said[name] = _one(LABELS[name], allowed, getattr(file.table.reading, name), f"table_{file.number}_{name}")
    return Reading(**said)


def _choices(file: OpenFile) -> Choices:
    """What is made of the table: the proposals, each with its control."""
    table = file.table
    names = [column.name for column in table.columns]
    key = f"table_{file.number}_{'_'.join(asdict(table.reading).values())}"
    left, right = st.columns(2)
    with left:
        label_key = f"{key}_label"
        held = session.begun(label_key, file.proposed().label)
        label = st.selectbox("Label: the column with the classes", names, names.index(held), key=label_key)
        key = f"{key}_{names.index(label)}"
        proposed = file.proposed(label)
        missing = _one("Missing values: drop the row, or fill by", MISSING, proposed.missing, f"{key}_missing")
    with right:
        features = [name for name in names if name != label]
        out = _several("Left out", features, proposed.leave_out, f"{key}_out")
        numbers = [name for name in features if table.column(name).kind == "numbers" and name not in out]
        begun = session.begun(f"{key}_numbers", list(proposed.categories))
        held_numbers = [name for name in begun if name in numbers]
        session.hold(f"{key}_numbers", held_numbers)
        categories = _several("Numbers that stand for categories", numbers, held_numbers, f"{key}_numbers")
    chosen = replace(proposed, leave_out=out, categories=categories, missing=missing)
    classes = [name for name in sorted(set(table.column(label).texts)) if name]
    with left:
        if any(name.endswith(".") for name in classes):
            stop = st.toggle(
                "Take a full stop off labels", session.begun(f"{key}_stop", proposed.full_stop), f"{key}_stop"
            )
            chosen = replace(chosen, full_stop=stop)
        if table.rows > MOST_ROWS:
            rows = session.begun(f"{key}_rows", proposed.rows)
            most = st.number_input("Rows taken at most", FEWEST_ROWS, MAX_ROWS, rows, key=f"{key}_rows")
            chosen = replace(chosen, rows=int(most))
    with right:
        if 2 < len(classes) <= MOST_CLASSES and not chosen.full_stop:
            chosen = replace(chosen, without=_several("Classes left out", classes, proposed.without, f"{key}_without"))
    return chosen


def _preview(file: OpenFile, chosen: Choices, examples: Examples) -> None:
    st.header("What was understood")
    use = {chosen.label: "label"} | dict.fromkeys(chosen.leave_out, "left out")
    st.dataframe(
        pd.DataFrame(
            [
                (
                    column.name, column.kind, use.get(column.name, "feature"), *counted(column, chosen),
                    column.shown, column.leave,
                )
                for column in file.table.columns
            ],
            columns=["column", "holds", "used as", "different", "missing", "values", "better left out, since"],
        ),
        key="columns", hide_index=True,
    )  # fmt: skip
    st.markdown("\n".join(f"- {notices.escaped(sentence)}" for sentence in examples.said))
    st.dataframe(pd.DataFrame(examples.classes.items(), columns=["class", "examples"]), key="classes", hide_index=True)


def _train(file: OpenFile, dataset: Dataset, recipe: str) -> None:
    """Train on it with the settings of the form; or, where a link is about this very table, open that."""
    here = session.current()
    if here.asked is not None:
        wanted = own_table.lacking(here.asked[1])
        if wanted == dataset.name:
            own_table.hold(OwnTable(file.name, dataset, recipe))
            link.show(*here.asked)
            link.rerun()
        st.markdown(f"The link is about **{notices.escaped(wanted)}**, and this file, read so, is **{dataset.name}**: "
                    "change how it is read until it is the same, or train on it as it is.")  # fmt: skip
    scaling = _one(FIELDS["scaling"].label, SCALINGS, here.experiment.scaling, f"table_{file.number}_scaling")
    st.caption(FIELDS["scaling"].help)
    keep = training.registry().settings.store_tables and st.checkbox(
        "Results of it may be kept on this server", key=f"table_{file.number}_keep"
    )
    if click.button("Train on it", key="train_table", type="primary", icon=":material/play_arrow:"):
        own_table.hold(OwnTable(file.name, dataset, recipe, keep))
        experiment, errors = form.experiment_on(dataset.name, scaling)
        if errors:
            notices.refused("The settings at the side do not go with it.", map(str, errors))
            return
        training.train(experiment)
        link.rerun()
    st.caption(f"With the settings at the side, in place of their data. Known as {dataset.name}, its fingerprint.")
    if here.train_refused:
        notices.refused("This experiment is not trained here.", [here.train_refused])
    if dataset.name in here.experiment.dataset and here.source is not None:
        st.markdown("The pages show it:")
        for name in ("overview", "saturation", "convergence", "runs"):
            link.to_page(name)


lesson.show("What is in your table?", _page)
