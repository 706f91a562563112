"""Widgets as a browser holds them: what each is set to, and what a visitor may set it to next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from streamlit.proto.Common_pb2 import DoubleArray, StringArray
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.WidgetStates_pb2 import WidgetState


@dataclass(frozen=True)
class Kind:
    """A kind of widget: the field of `WidgetState` that its value is sent in, that value, and another one."""

    field: str
    held: Callable[[Any], Any]
    moved: Callable[[Any, Random], Any]


@dataclass(frozen=True)
class Control:
    """A widget that was drawn.

    Attributes:
        id: Streamlit's; it ends with the key.
        fragment: the part of the page that runs when it is moved; "" for the whole page.
        script: hash of the script that drew it: the page's, or that of the frame around all pages.
        area: 0 for the page itself, 1 for the sidebar.
        kind: None for what has no value, such as a button.
        drawn: Streamlit's description of it.
    """

    id: str
    fragment: str
    script: str
    area: int
    kind: Kind | None
    drawn: Any

    @property
    def movable(self) -> bool:
        """Whether a visitor can move it."""
        return self.kind is not None and not self.drawn.disabled

    def held(self) -> WidgetState | None:
        """What it is set to when it is drawn."""
        return None if self.kind is None else _state(self, self.kind, self.kind.held(self.drawn))

    def moved(self, rng: Random) -> WidgetState:
        """What a visitor sets it to."""
        assert self.kind is not None
        return _state(self, self.kind, self.kind.moved(self.drawn, rng))


def control(element: Element, fragment: str, script: str, area: int) -> Control | None:
    """The widget that an element is; None if it is none."""
    name = str(element.WhichOneof("type") or "")
    drawn: Any = getattr(element, name, None)
    identity = getattr(drawn, "id", "")
    if not identity:
        return None
    if name == "slider" and drawn.type == Slider.SELECT_SLIDER:
        name = "select_slider"
    return Control(identity, fragment, script, area, KINDS.get(name), drawn)


def _state(control: Control, kind: Kind, value: Any) -> WidgetState:
    return WidgetState(id=control.id, **{kind.field: value})


def _texts(values: Sequence[str]) -> StringArray:
    return StringArray(data=values)


def _numbers(values: Sequence[float]) -> DoubleArray:
    return DoubleArray(data=values)


def _slid(drawn: Any, rng: Random) -> DoubleArray:
    steps = round((drawn.max - drawn.min) / drawn.step)
    return _numbers([min(drawn.max, drawn.min + rng.randint(0, steps) * drawn.step)])


def _chosen(drawn: Any) -> StringArray:
    return _texts(drawn.raw_values if drawn.set_value else [_names(drawn)[place] for place in drawn.default])


def _names(drawn: Any) -> list[str]:
    """The options of a multiselect, which are texts, or of a group of buttons, which have a content."""
    return [option if isinstance(option, str) else option.content for option in drawn.options]


def _one(drawn: Any, rng: Random) -> StringArray:
    return _texts([rng.choice(_names(drawn))])


KINDS: dict[str, Kind] = {
    "slider": Kind(
        "double_array_value", lambda drawn: _numbers(drawn.value if drawn.set_value else drawn.default), _slid
    ),
    "select_slider": Kind(
        "string_array_value",
        lambda drawn: _texts(
            drawn.raw_value if drawn.set_value else [drawn.options[int(place)] for place in drawn.default]
        ),
        lambda drawn, rng: _texts([rng.choice(drawn.options)]),
    ),
    "selectbox": Kind(
        "string_value",
        lambda drawn: drawn.raw_value if drawn.set_value else drawn.options[drawn.default],
        lambda drawn, rng: rng.choice(drawn.options),
    ),
    "multiselect": Kind("string_array_value", _chosen, _one),
    "button_group": Kind("string_array_value", _chosen, _one),
    "checkbox": Kind(
        "bool_value",
        lambda drawn: drawn.value if drawn.set_value else drawn.default,
        lambda drawn, rng: rng.random() < 0.5,
    ),
    "number_input": Kind(
        "double_value",
        lambda drawn: drawn.value if drawn.set_value else drawn.default,
        lambda drawn, rng: drawn.default,
    ),
}
