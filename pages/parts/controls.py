"""How a page's controls are declared: a label, a kind, choices and a default; the link and the widgets follow from it.

Choices and defaults follow from the experiment, not from what there are numbers of so far: else a page opened in
mid-training would refuse what comes later, or take an early default for a choice.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from core.experiment.experiment import Experiment, ExperimentError
from core.registries.synonyms import VALUES, suggested

T = TypeVar("T")
C = TypeVar("C", bound=str | int)

OFFERED = 12


@dataclass(frozen=True)
class Given:
    """What a control's choices may depend on: the experiment, and the texts of the page's other controls."""

    experiment: Experiment
    texts: Mapping[str, str]

    def value(self, control: "Control[T]") -> T:
        """What a control is set to."""
        text = self.texts.get(control.name)
        return control.default(self) if text is None else control.read(control.name, text, self)[0]


Options = Sequence[T] | Callable[[Given], Sequence[T]]


@dataclass(frozen=True)
class Control(Generic[T]):
    """One control of a page, declared as an attribute of the page's class in the catalogue: that gives it its name.

    Attributes:
        options: all that can be chosen; nothing where any number can.
        default: what it is set to unless a person sets it.
        read: its name and its text in a link -> the value; the default, or what can be kept, and why where it is wrong.
        write: the value -> the text.
        place: places it on the page, set to a value, under a key; gives what it is set to.
        name: in the link.
    """

    options: Callable[[Given], Sequence[Any]]
    default: Callable[[Given], T]
    read: Callable[[str, str, Given], tuple[T, ExperimentError | None]]
    write: Callable[[T], str]
    place: Callable[[Given, T, str], T]
    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", name)


def declared(page: type) -> dict[str, Control[Any]]:
    """The controls of a page's class, by name."""
    return {name: control for name, control in vars(page).items() if isinstance(control, Control)}


def accepted(
    controls: Mapping[str, Control[Any]], experiment: Experiment, texts: Mapping[str, str]
) -> tuple[dict[str, str], list[ExperimentError]]:
    """Of a link's texts, in their shortest form, those that ask for what is not the default; and what is wrong."""
    given, kept, wrong = Given(experiment, texts), {}, []
    for name, control in controls.items():
        if name in texts:
            value, error = control.read(name, texts[name], given)
            if error:
                wrong.append(error)
            if value != control.default(given):
                kept[name] = control.write(value)
    return kept, wrong


def text_of(option: str | int) -> str:
    """The text of a choice in a link: on, 5, and for the run group `logistic · normal:1` logistic~normal:1."""
    if isinstance(option, bool):
        return "on" if option else "off"
    return str(option).replace(" · ", "~").replace(" ", "_")


def first(options: Sequence[T]) -> T:
    """The default of most controls."""
    return options[0]


def last(options: Sequence[T]) -> T:
    """The default where what training comes to matters."""
    return options[-1]


def drop_down(
    label: str,
    options: Options[str],
    default: Any = first,
    help: str | None = None,
    named: Callable[[str], str] = str,
) -> Control[str]:
    """One of `options`, as a drop-down list that shows each as it is `named`."""

    def place(choices: list[str], value: str, key: str) -> str:
        chosen: str = st.selectbox(label, choices, choices.index(value), format_func=named, key=key, help=help)
        return chosen

    return _one(options, default, place)


def buttons(label: str, options: Options[str], default: Any = first) -> Control[str]:
    """One of a few `options`, side by side."""

    def place(choices: list[str], value: str, key: str) -> str:
        return st.segmented_control(label, choices, default=value, key=key, required=True) or value

    return _one(options, default, place)


def slider(label: str, options: Options[int], default: Any = first, help: str | None = None) -> Control[int]:
    """One of the numbers `options`, as a slider. There is nothing to choose among fewer than two."""

    def place(choices: list[int], value: int, key: str) -> int:
        return value if len(choices) < 2 else st.select_slider(label, choices, value, key=key, help=help)

    return _one(options, default, place)


def switch(label: str, default: bool = False) -> Control[bool]:
    """On or off."""
    return _one((True, False), default, lambda choices, value, key: st.toggle(label, value, key=key))


def _one(options: Options[C], default: Any, place: Callable[[list[C], C, str], C]) -> Control[C]:
    """One of `options`; `default` is one of them, or says which of them."""
    choices = _always(options)

    def usual(given: Given) -> C:
        found: C = default(choices(given)) if callable(default) else default
        return found

    def read(name: str, text: str, given: Given) -> tuple[C, ExperimentError | None]:
        texts = {text_of(option): option for option in choices(given)}
        return (texts[text], None) if text in texts else (usual(given), _no_choice(name, text, list(texts)))

    return Control(choices, usual, read, text_of, lambda given, value, key: place(list(choices(given)), value, key))


def number(label: str, low: float, high: float, step: float, default: float, help: str | None = None) -> Control[float]:
    """A number from `low` to `high`, as a slider."""

    def read(name: str, text: str, given: Given) -> tuple[float, ExperimentError | None]:
        value = _number(text)
        if low <= value <= high:
            return value, None
        return default, ExperimentError(name, text, f"{low:g} to {high:g}", "is not a number in this range")

    def place(given: Given, value: float, key: str) -> float:
        return st.slider(label, low, high, value, step=step, key=key, help=help)

    return Control(lambda given: (), lambda given: default, read, lambda value: f"{value:.12g}", place)


def several(
    label: str,
    options: Options[str],
    default: Callable[[Sequence[str]], Sequence[str]] = lambda options: (),
    named: Callable[[str], str] = str,
) -> Control[list[str]]:
    """Any of `options`, shown as `named`, at first those of the `default`; without one none, which stands for all."""
    choices = _always(options)

    def usual(given: Given) -> list[str]:
        return list(default(choices(given)))

    def read(name: str, text: str, given: Given) -> tuple[list[str], ExperimentError | None]:
        texts = {text_of(option): option for option in choices(given)}
        asked = [part for part in text.split(",") if part]
        known = list(dict.fromkeys(texts[part] for part in asked if part in texts))
        wrong = ",".join(part for part in asked if part not in texts)
        return (known or usual(given), _no_choice(name, wrong, list(texts))) if wrong else (known, None)

    def place(given: Given, value: list[str], key: str) -> list[str]:
        hint = "default" if usual(given) else "all"
        return st.multiselect(
            label, choices(given), value, format_func=named, key=key, placeholder=hint, select_all=False
        )

    return Control(choices, usual, read, lambda value: ",".join(map(text_of, value)), place)


def text_field(label: str, most: int = 100, help: str | None = None) -> Control[str]:
    """Words to look for, of at most so many characters together, on one line; at first none."""

    def read(name: str, text: str, given: Given) -> tuple[str, ExperimentError | None]:
        line = " ".join(text.split())
        if len(line) <= most:
            return line, None
        return "", ExperimentError(name, text, f"at most {most} characters", "is too long to look for")

    def place(given: Given, value: str, key: str) -> str:
        return " ".join(st.text_input(label, value, max_chars=most, key=key, help=help).split())

    return Control(lambda given: (), lambda given: "", read, str, place)


def by_other_means(shortest: Callable[[str, str, Given], str]) -> Control[str]:
    """A text that no control holds: what was chosen by a click in a table, say, or is a whole link; at first nothing.

    `shortest` gives the shortest form of a text that is not empty, by name and text, or raises ExperimentError.
    """

    def read(name: str, text: str, given: Given) -> tuple[str, ExperimentError | None]:
        try:
            return shortest(name, text, given) if text else "", None
        except ExperimentError as error:
            return "", error

    return Control(lambda given: (), lambda given: "", read, str, lambda given, value, key: value)


def _always(options: Options[T]) -> Callable[[Given], Sequence[T]]:
    return options if callable(options) else lambda given: options


def _no_choice(name: str, text: str, allowed: list[str]) -> ExperimentError:
    offered = ", ".join(allowed[:OFFERED]) + (" …" if len(allowed) > OFFERED else "")
    return ExperimentError(name, text, offered or "nothing here", "is not a choice here", _nearest(text, allowed))


def _nearest(text: str, allowed: list[str]) -> str:
    """The nearest of the `allowed` texts: by value if it is a number, else the most similar one, if any is."""
    numbers = [other for other in allowed if math.isfinite(_number(other))]
    given = _number(text)
    if numbers and math.isfinite(given):
        return min(numbers, key=lambda other: abs(float(other) - given))
    like = suggested(text, allowed, VALUES["activation"]).ours
    return like if like in allowed else ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
