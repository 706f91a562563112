"""The form in the sidebar: presets, every setting of an experiment, what it would cost, and one button that trains it.

The form is a draft. What the pages show changes with *Train* or a preset, and never while a person edits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.experiment.experiment import FIELDS, Experiment, ExperimentError, Field
from core.experiment.fields import shorten
from core.experiment.presets import PRESETS
from core.registries.datasets import SETTINGS, dataset_of
from core.registries.initialisers import INITIALISERS
from core.text import listed, words
from pages.parts import click, link, notices, session, start, training

# What the form offers where a setting takes more than a few names; any other value can be typed in.
OFFERED: dict[str, tuple[str, ...]] = {
    "initialiser": ("normal:0.01", "normal:0.1", "normal:1", "uniform:0:1", "he_normal;last=zeros", *INITIALISERS),
    "gain": ("0.5", "1", "2", "4", "recommended:tanh", "unit_variance:tanh", "critical"),
    "bias_initialiser": ("zeros", "weights", "fan_in_uniform", "normal:0.1", "uniform:0.1", "constant:0.1"),
    "hidden": ("none", "64", "64-64", "64-64-64", "32-32-32-32-32"),
    "learning_rate": ("0.01", "0.03", "0.1", "0.3", "1"),
    "batch_size": ("1", "8", "32", "128", "full"),
    "target": ("train_accuracy:0.9", "train_accuracy:0.95", "test_accuracy:0.9", "train_loss:0.1"),
    "probe": ("64", "256", "all"),
}
FIRST = "Network"
KEY = "form"
# What is to be trained stays in sight however far the sidebar is scrolled: it sticks to its edges, and for that it must
# lie in the sidebar itself, not in a box of the form's. An opened link, which is to be copied, is not covered by it.
IN_SIGHT = """<style>
div:has(> .st-key-form), .st-key-form, .st-key-form div:has(.st-key-to_train):not(:has(> .st-key-to_train)) {
display: contents}
div:has(> .st-key-to_train) {position: sticky; top: 0; bottom: 0; z-index: 1; background: Canvas; padding: 0.5rem;
border-radius: 0.5rem}
.st-key-link:has(details[open]) {position: relative; z-index: 2; background: Canvas}
</style>"""


def presets() -> None:
    """The experiments to start from: choosing one shows it."""
    experiment = session.current().experiment
    shown = next((name for name, preset in PRESETS.items() if preset.experiment == experiment), None)
    session.hold("preset", shown)
    st.pills(
        "Presets",
        list(PRESETS),
        format_func=_named,
        key="preset",
        on_change=_open_preset,
        help="  \n".join(f"**{_named(name)}**: {preset.question}" for name, preset in PRESETS.items()),
    )
    if shown:
        st.caption(PRESETS[shown].question)


def _named(preset: str) -> str:
    return PRESETS[preset].short or words(preset).capitalize()


def _open_preset() -> None:
    if name := session.held("preset"):
        training.train(PRESETS[name].experiment)
        session.current().folds += 1


@st.fragment
def settings() -> None:
    """Every setting, what they would run and the button. A fragment: editing runs nothing but this.

    The controls of a closed section are not made: they would be most of the work of a page.
    """
    st.html(IN_SIGHT)
    bar, beyond = st.container(key="to_train", gap="xsmall"), st.container()
    values, sections = _draft(), session.current().sections
    below: dict[str, DeltaGenerator] = {}
    for section in sorted(dict.fromkeys(field.section for field in FIELDS.values()), key=lambda name: name != FIRST):
        box = st.expander(section, expanded=section in sections, key=f"section_{section}", on_change="rerun")
        if box.open:
            sections.add(section)
            with box:
                for field in FIELDS.values():
                    if field.section == section:
                        values[field.name] = _control(field, values)
                        below[field.name] = st.container()
                        if field.name == start.FIELD:
                            start.add(lambda: _read(values)[0])
                if section == "Data":
                    link.to_page("own_data")
        else:
            sections.discard(section)
    draft, errors = _read(values)
    with bar:
        _to_train(draft, errors)
    for error in errors:
        with below.get(error.field, beyond):
            _tell_wrong(error)
    with beyond:
        _refused(draft, bool(errors))


def _to_train(draft: Experiment, errors: Sequence[ExperimentError]) -> None:
    """What the button would run, and the button."""
    shown = session.current().experiment
    unchanged = draft == shown
    if errors:
        wrong = listed([FIELDS[error.field].label if error.field in FIELDS else error.field for error in errors])
        st.caption(f":material/warning: These settings cannot be trained: see {notices.escaped(wrong)}.")
    elif not unchanged and draft.key == shown.key:
        st.caption("Edited: *Train* reads the other target from what is trained, and trains nothing again.")
    else:
        ahead = training.ahead(draft) if unchanged else "Edited: the pages show these settings after *Train*."
        st.caption(f"{notices.escaped(draft.in_words())}. Takes {draft.cost()}. {ahead}")
    if click.button("Train", key="train", type="primary", width="stretch", disabled=bool(errors)):
        if unchanged and training.settled():
            st.toast("Nothing has changed: these settings are on the screen already.", icon=":material/info:")
        else:
            training.train(draft)
            session.current().folds += 1
            link.rerun()


def _refused(draft: Experiment, wrong: bool) -> None:
    """Why the draft, if it is not wrong, is not trained here."""
    if reason := session.current().train_refused:
        notices.refused("This experiment is not trained here.", [reason])
    if wrong:
        return
    try:
        training.registry().check(draft)
    except ExperimentError:
        st.caption(
            "That is more than this server trains at once. Train it elsewhere; the zip opens here, under *Runs*:"
        )
        st.code(draft.command(), language=None)


def experiment_on(dataset: str, scaling: str) -> tuple[Experiment, tuple[ExperimentError, ...]]:
    """The experiment that the form describes, on other data."""
    return _read(_draft() | {"dataset": [dataset], "scaling": scaling})


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


def _tell_wrong(error: ExperimentError) -> None:
    """What is wrong with a setting: in short, with something that would be right."""
    field = FIELDS.get(error.field)
    if error.nearest:
        right = f"did you mean '{error.nearest}'?"
    elif field is None or field.kind.control in ("whole", "number"):
        right = f"allowed: {error.allowed}"
    else:
        right = f"such as {field.kind.format(field.default[0] if field.plural else field.default)}"
    what = f"{shorten(error.value)} {error.problem}" if error.value else "Nothing is chosen"
    st.caption(f":material/warning: {notices.escaped(f'{what}; {right}')}")


def _control(field: Field, draft: Mapping[str, Any]) -> Any:
    """The control of one setting; returns what it holds.

    Its value is in the session's state, and is its default as well: what a run tells the browser is lost where another
    run begins before it is sent, and a browser that was not told falls back on the default.
    """
    kind, key = field.kind, session.field_key(field.name)
    held = session.begun(key, draft[field.name])
    if field.plural and (apart := _apart(field, held)) != held:
        held = apart
        session.hold(key, held)
    label = f"{field.label} ({field.unit})" if field.unit and field.unit not in field.label.lower() else field.label
    about = f"{field.help} Allowed: {kind.allowed}."
    if field.plural:
        if kind.control not in ("choice", "switch"):
            label += " · choose or type"
        about += " Several may be typed at once, separated by commas."
    shared: dict[str, Any] = {"key": key, "help": about, "disabled": _unused(field, draft)}
    value: Any
    if kind.control == "switch" and not field.plural:
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
            # Enter takes what is typed or the one that is marked, never all that match.
            value = st.multiselect(label, default=held, select_all=False, **shared)
        else:
            value = st.selectbox(label, index=None if held is None else options.index(held), **shared)
    return value


def _apart(field: Field, held: Sequence[str]) -> list[str]:
    """The values that were chosen or typed, each alone: '0.05, 0.5' is two."""
    parts = [str(part).strip() for text in held for part in field.kind.split(text)]
    return list(dict.fromkeys(filter(None, parts)))


def _unused(field: Field, draft: Mapping[str, Any]) -> bool:
    """Whether the setting has no effect on any of the draft's data sets."""
    if field.name not in SETTINGS:
        return False
    try:
        return not any(field.name in dataset_of(name).settings for name in draft["dataset"] or [""])
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
