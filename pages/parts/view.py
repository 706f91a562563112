"""Controls that belong to a page: their values travel in the link beside the experiment's settings.

Each control has a `name`, one of its page's `settings` in the catalogue. Its text in the link is left out where it is
the default. What a link asks for in vain is noted, and shown at the top of the page. Choices and defaults follow from
the experiment, not from what there are numbers of so far: else a page opened in mid-training would refuse what comes
later, or take an early default for a choice.

A control's value is in the session's state, and is its default as well: what a run tells the browser is lost where
another run begins before it is sent, and a browser that was not told falls back on the default.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import streamlit as st

from core.experiment import ExperimentError
from core.synonyms import VALUES, suggested
from pages.parts import notices
from pages.parts.shown import Recorded, Shown

T = TypeVar("T")

OFFERED = 12


def group_text(label: str) -> str:
    """The text of a run group in a link: `logistic · normal:1` becomes `logistic~normal:1`."""
    return label.replace(" · ", "~").replace(" ", "_")


def choice(name: str, label: str, options: Sequence[str], default: str, help: str | None = None) -> str:
    """One of `options`, as a drop-down list."""
    texts = {group_text(option): option for option in options}
    key = _prepare(name, texts, default)
    value: str = st.selectbox(label, options, list(options).index(_held(key)), key=key, help=help)
    return _remember(name, value, group_text(value), default)


def buttons(name: str, label: str, options: Sequence[str], default: str, help: str | None = None) -> str:
    """One of a few `options`, side by side."""
    key = _prepare(name, {group_text(option): option for option in options}, default)
    value: str = st.segmented_control(label, options, default=_held(key), key=key, help=help, required=True) or default
    return _remember(name, value, group_text(value), default)


def step(name: str, label: str, options: Sequence[int], default: int, help: str | None = None) -> int:
    """One of the numbers `options`, as a slider. There is nothing to choose among fewer than two."""
    if len(options) < 2:
        return default
    key = _prepare(name, {str(option): option for option in options}, default)
    value: int = st.select_slider(label, options, _held(key), key=key, help=help)
    return _remember(name, value, str(value), default)


def number(
    name: str, label: str, low: float, high: float, step: float, default: float, help: str | None = None
) -> float:
    """A number from `low` to `high`, as a slider."""
    state = st.session_state
    key = f"view_{name}"
    if not low <= state.get(key, math.nan) <= high:
        text = state["view"].get(name)
        given = _number(text)
        if text is not None and not low <= given <= high:
            _note(ExperimentError(name, text, f"{low:g} to {high:g}", "is not a number in this range"))
        state[key] = given if low <= given <= high else default
    value: float = st.slider(label, low, high, _held(key), step=step, key=key, help=help)
    return _remember(name, value, f"{value:.12g}", default)


def flag(name: str, label: str, default: bool = False, help: str | None = None) -> bool:
    """On or off."""
    key = _prepare(name, {"on": True, "off": False}, default)
    value = st.toggle(label, _held(key), key=key, help=help)
    return _remember(name, value, "on" if value else "off", default)


def several(
    name: str, label: str, options: Sequence[str], help: str | None = None, default: Sequence[str] = ()
) -> list[str]:
    """Any of `options`, `default` at first; where none is chosen, the default ones or, without a default, all."""
    texts = {group_text(option): option for option in options}
    state = st.session_state
    key = f"view_{name}"
    if not set(state.get(key, [None])) <= set(options):
        shortest = ",".join(group_text(option) for option in default)
        given = [text for text in state["view"].get(name, shortest).split(",") if text]
        state[key] = list(dict.fromkeys(texts[text] for text in given if text in texts))
        if wrong := [text for text in given if text not in texts]:
            _refuse(name, ",".join(wrong), list(texts))
            # The rest is what is chosen, by the link and not by a change that would take the notice away.
            state[key] = state[key] or list(default)
            state["view"][name] = ",".join(group_text(option) for option in state[key])
    chosen: list[str] = st.multiselect(
        label, options, _held(key), key=key, help=help, placeholder="all" if not default else "as at first"
    )
    _remember(name, tuple(chosen), ",".join(group_text(option) for option in chosen), tuple(default))
    return chosen or list(default or options)


def epoch(
    shown: Shown,
    recorded: Recorded,
    name: str = "epoch",
    default: int | None = None,
    groups: Collection[str] | None = None,
) -> int:
    """One of the epochs to record, the last unless chosen; while training, the newest that all `groups` have reached.

    Args:
        shown: the result on the screen.
        recorded: what there are numbers of.
        name: of the setting.
        default: the epoch unless one is chosen.
        groups: those that matter, all of them unless given.
    """
    epochs = shown.experiment.record_epochs()
    wanted = step(
        name,
        "Epoch",
        epochs,
        epochs[-1] if default is None else default,
        help="0 is initialisation, before any training.",
    )
    reached = [recorded.epochs[group] for group in (recorded.epochs if groups is None else groups)]
    newest = [max(epoch for epoch in epochs if epoch <= wanted) for epochs in reached]
    nearest = max(newest) if shown.final else min(newest)
    if nearest != wanted:
        why = "no run has numbers at" if shown.final else "training has not come to"
        st.caption(f"Shown is epoch {nearest}: {why} epoch {wanted}.")
    return nearest


def layer(shown: Shown, recorded: Recorded, label: str, default: int, last: int) -> int:
    """One of the layers up to the `last`; while training has not come to it, the nearest that there are numbers of."""
    wanted = step("layer", label, range(1, last + 1), min(default, last))
    nearest = min(recorded.layers, key=lambda number: abs(number - wanted))
    if nearest != wanted:
        why = "no run has numbers of" if shown.final else "training has not come to"
        st.caption(f"Shown is layer {nearest}: {why} layer {wanted}.")
    return nearest


@contextmanager
def refusals() -> Iterator[None]:
    """Say above what is drawn within what the link asked of it in vain."""
    place = st.container()
    yield
    if refused := st.session_state.get("view_refused"):
        with place:
            notices.refused("Part of this link was left out; the defaults stand in for it.", refused.values())


def _held(key: str) -> Any:
    return st.session_state[key]


def _prepare(name: str, texts: Mapping[str, T], default: T) -> str:
    """Give the control its value from the link, unless a person has set it already. Returns the control's key."""
    state = st.session_state
    key = f"view_{name}"
    if key not in state or state[key] not in texts.values():
        text = state["view"].get(name)
        if text is not None and text not in texts:
            _refuse(name, text, list(texts))
        state[key] = texts.get(text, default)
    return key


def _remember(name: str, value: T, text: str, default: T) -> T:
    view = st.session_state["view"]
    if value == default:
        view.pop(name, None)
    elif view.get(name) != text:
        view[name] = text
        st.session_state["view_refused"].pop(name, None)
    return value


def _refuse(name: str, text: str, allowed: list[str]) -> None:
    nearest = suggested(text, allowed, VALUES["activation"]).ours
    offered = ", ".join(allowed[:OFFERED]) + (" …" if len(allowed) > OFFERED else "")
    error = ExperimentError(name, text, offered, "is not a choice here", nearest if nearest in allowed else "")
    _note(error)


def _note(error: ExperimentError) -> None:
    if error.field in st.session_state.get("view_from_link", ()):
        st.session_state["view_refused"][error.field] = str(error)


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
