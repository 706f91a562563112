"""A start put together in the form: a scheme, its values, what it draws, and what that means for the network there."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from core.charts.propagation import drawn_weights
from core.experiment.experiment import Experiment, ExperimentError
from core.lessons.outlook import Outlook, outlook
from core.registries.initialisers import INITIALISERS, Argument, Form, Value, Word
from core.text import number, share, words
from pages.parts import chart, notices, session
from pages.parts.shown import once

FIELD = "initialiser"
NO_THEORY = "Mean-field theory does not hold here: it is of weights at random about 0 in plain networks."


def add(draft: Callable[[], Experiment]) -> None:
    """A box that puts a start together, shows what it means for the network of the draft, and adds it to the form."""
    box = st.popover("Add a start", key="start", on_change="rerun", icon=":material/add:", width="stretch")
    if box.open:
        with box:
            text = _scheme()
            if text:
                st.button("Add", key="start_add", type="primary", on_click=_add, args=(text,), width="stretch")
                _meaning(draft(), text)


def _scheme() -> str:
    """The text of the scheme that is chosen; "" where its values do not go together."""
    names = list(INITIALISERS)
    scheme = INITIALISERS[st.selectbox("Scheme", names, names.index("normal"), key="start_scheme")]
    st.caption(notices.escaped(scheme.summary))
    form = scheme.forms[0]
    if len(scheme.forms) > 1:
        named = {":".join(argument.name for argument in form) or "nothing": form for form in scheme.forms}
        form = named[
            st.segmented_control(
                "It takes", list(named), default=next(iter(named)), required=True, key=f"start_{scheme.name}"
            )
        ]
    try:
        text = scheme.text(scheme.values(_values(form, scheme.name)))
    except ValueError as error:
        st.caption(f":material/warning: {notices.escaped(str(error))}")
        return ""
    st.code(text, language=None)
    return text


def _values(form: Form, name: str) -> list[Value]:
    values = []
    for argument, column in zip(form, st.columns(len(form)) if form else (), strict=True):
        with column:
            values.append(_value(argument, f"start_{name}_{len(form)}_{argument.name}"))
    return values


def _value(argument: Argument | Word, key: str) -> Value:
    label = words(argument.name).capitalize()
    if isinstance(argument, Word):
        return st.selectbox(label, argument.choices, argument.choices.index(argument.default), key=key)
    whole = argument.integer
    default, low, high = (int(end) if whole else float(end) for end in (argument.default, argument.low, argument.high))
    step, form = (1, "%d") if whole else (0.01, "%g")
    about = f"{argument.meaning}: {argument.allowed}"
    return float(st.number_input(label, low, high, default, step, form, key=key, help=about))


def _add(text: str) -> None:
    """Add it to what the form's field holds."""
    key = session.field_key(FIELD)
    held = session.held(key) or []
    session.hold(key, [*held, *({text} - set(held))])


def _meaning(draft: Experiment, text: str) -> None:
    function = draft.activation[0]
    if len(draft.activation) > 1:
        function = st.selectbox("In a network of", draft.activation, key="start_function", format_func=words)
    try:
        found = outlook(draft, text, function)
    except ExperimentError as error:
        st.caption(notices.escaped(str(error)))
        return
    if found is None:
        st.caption("The network is too large to look at before it is trained.")
        return
    rows = partial(_weights, draft, text, function)
    chart.show("start", once(chart.specified, drawn_weights, rows, start=text))
    if found.layers.empty:
        return
    table = {
        "layer": found.layers["layer"],
        "std of a": _cells(found, "std", number),
        "saturated": _cells(found, "saturated", share),
        "gradient": _cells(found, "gradient", number),
    }
    st.dataframe(
        pd.DataFrame(table), hide_index=True, key="start_layers", height="content" if len(found.layers) < 8 else 300
    )
    st.caption(
        "Hidden layers before training: one draw, on the data" + (", in brackets theory. " if found.predicted else ". ")
        + "Gradient: standard deviation of d loss / d a, as a factor on that of the layer above. "
        + ("" if found.predicted else NO_THEORY)
    )  # fmt: skip


def _cells(found: Outlook, quantity: str, said: Callable[[float], str]) -> list[str]:
    """A quantity by layer, in brackets what theory predicts."""
    pairs = zip(found.layers[quantity], found.layers[f"predicted_{quantity}"], strict=True)
    own = [(_said(measured, said), _said(predicted, said)) for measured, predicted in pairs]
    return [f"{measured} ({predicted})" if predicted else measured for measured, predicted in own]


def _said(value: float, said: Callable[[float], str]) -> str:
    return said(value) if value == value else ""


def _weights(draft: Experiment, text: str, function: str) -> pd.DataFrame:
    found = outlook(draft, text, function)
    return pd.DataFrame() if found is None else found.weights
