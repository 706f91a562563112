"""The form in the sidebar: presets, every setting of an experiment, what it would cost, and one button that trains it.

The form is a draft. What the pages show changes with *Train* or a preset, and never while a person edits.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from core.experiment.experiment import FIELDS, Experiment, ExperimentError, Field
from core.experiment.presets import PRESETS
from core.registries.datasets import SETTINGS, dataset_of
from core.registries.initialisers import INITIALISERS
from pages.parts import link, notices, session, training

# What the form offers where a setting takes more than a few names; any other value can be typed in.
OFFERED: dict[str, tuple[str, ...]] = {
    "initialiser": ("normal:0.01", "normal:0.1", "normal:1", *INITIALISERS),
    "gain": ("0.5", "1", "2", "4"),
    "hidden": ("none", "64", "64-64", "64-64-64", "32-32-32-32-32"),
    "learning_rate": ("0.01", "0.03", "0.1", "0.3", "1"),
    "batch_size": ("1", "8", "32", "128", "full"),
    "target": ("train_accuracy:0.9", "train_accuracy:0.95", "test_accuracy:0.9", "train_loss:0.1"),
    "probe": ("64", "256", "all"),
}
FIRST = "Network"


def presets() -> None:
    """The experiments to start from: choosing one shows it."""
    experiment = session.current().experiment
    shown = next((name for name, preset in PRESETS.items() if preset.experiment == experiment), None)
    session.hold("preset", shown)
    st.pills(
        "Presets",
        list(PRESETS),
        format_func=lambda name: name.replace("_", " ").capitalize(),
        key="preset",
        on_change=_open_preset,
        help="  \n".join(f"**{name.replace('_', ' ')}**: {preset.question}" for name, preset in PRESETS.items()),
    )
    if shown:
        st.caption(PRESETS[shown].question)


def _open_preset() -> None:
    if name := session.held("preset"):
        training.train(PRESETS[name].experiment)


@st.fragment
def settings() -> None:
    """Every setting, the estimate and the button. A fragment: editing runs nothing but this.

    The controls of a closed section are not made: they would be most of the work of a page.
    """
    values = _draft()
    sections = dict.fromkeys(field.section for field in FIELDS.values())
    for section in sorted(sections, key=lambda section: section != FIRST):
        box = st.expander(section, expanded=section == FIRST, key=f"section_{section}", on_change="rerun")
        if box.open:
            with box:
                for field in FIELDS.values():
                    if field.section == section:
                        values[field.name] = _control(field, values)
                if section == "Data":
                    link.to_page("own_data")
    draft, errors = _read(values)
    _estimate(draft, errors)
    if st.button("Train", key="train", type="primary", width="stretch", disabled=bool(errors)):
        training.train(draft)
        link.rerun()
    if reason := session.current().train_refused:
        notices.refused("This experiment is not trained here.", [reason])


def experiment_on(dataset: str, scaling: str) -> tuple[Experiment, tuple[ExperimentError, ...]]:
    """The experiment that the form describes, on other data."""
    return _read(_draft() | {"dataset": dataset, "scaling": scaling})


def _read(values: Mapping[str, Any]) -> tuple[Experiment, tuple[ExperimentError, ...]]:
    in_use = {name: FIELDS[name].default if _unused(FIELDS[name], values) else held for name, held in values.items()}
    return Experiment.read_params(in_use)


def _draft() -> dict[str, Any]:
    """What each control holds, or would if its section were open: at first the experiment on the screen."""
    here = session.current()
    if here.draft is None:
        here.draft = {name: _shown_value(field, getattr(here.experiment, name)) for name, field in FIELDS.items()}
        session.forget(*map(session.field_key, FIELDS))
    return here.draft


def _estimate(draft: Experiment, errors: Iterable[ExperimentError]) -> None:
    if errors:
        notices.refused("These settings cannot be trained.", map(str, errors))
        return
    edited = draft != session.current().experiment
    st.caption(f"Takes {draft.cost()}." + (" Edited: the pages show these settings after *Train*." if edited else ""))
    try:
        training.registry().check(draft)
    except ExperimentError:
        st.caption(
            "That is more than this server trains at once. Train it elsewhere; the zip opens here, under *Runs*:"
        )
        st.code(draft.command(), language=None)


def _control(field: Field, draft: Mapping[str, Any]) -> Any:
    """The control of one setting; returns what it holds.

    Its value is in the session's state, and is its default as well: what a run tells the browser is lost where another
    run begins before it is sent, and a browser that was not told falls back on the default.
    """
    kind, key = field.kind, session.field_key(field.name)
    held = session.begun(key, draft[field.name])
    label = f"{field.label} ({field.unit})" if field.unit and field.unit not in field.label.lower() else field.label
    about = f"{field.help} Allowed: {kind.allowed}."
    shared: dict[str, Any] = {"key": key, "help": about, "disabled": _unused(field, draft)}
    value: Any
    if kind.control == "switch":
        value = st.toggle(label, held, **shared)
    elif kind.control in ("whole", "number") and not (field.plural or kind.words):
        whole = kind.control == "whole"
        shared |= {"min_value": kind.low, "max_value": kind.high, "format": "%d" if whole else "%g"}
        value = st.number_input(label, value=held, step=1 if whole else 0.01, **shared)
    else:
        own = session.current().tables if field.name == "dataset" else ()
        options = list(dict.fromkeys([*OFFERED.get(field.name, kind.choices), *own, *_texts(held)]))
        # A name from elsewhere, such as sigmoid, can be typed in where several can be chosen.
        shared |= {"options": options, "accept_new_options": field.plural or kind.control != "choice"}
        if field.plural:
            value = st.multiselect(label, default=held, **shared)
        else:
            value = st.selectbox(label, index=None if held is None else options.index(held), **shared)
    return value


def _unused(field: Field, draft: Mapping[str, Any]) -> bool:
    """Whether the setting has no effect on the draft's data set."""
    if field.name not in SETTINGS:
        return False
    try:
        return field.name not in dataset_of(draft["dataset"] or "").settings
    except ValueError:  # what is wrong with it is told below
        return False


def _shown_value(field: Field, value: Any) -> Any:
    """The value of an experiment's setting as its control holds it."""
    if field.plural:
        return [field.kind.format(item) for item in value]
    if field.kind.control == "switch" or (field.kind.control in ("whole", "number") and not field.kind.words):
        return value
    return field.write(value)


def _texts(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []
