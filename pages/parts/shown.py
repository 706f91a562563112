"""What a page is drawn from, and what is made of it once for all visitors."""

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from types import MethodType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from core.experiment.experiment import Experiment
from core.jobs.job import Status
from core.results.results import Result
from core.results.selected import Rows, select

P = ParamSpec("P")
T = TypeVar("T")
KEPT = 1000  # things made of what does not change any more: charts of some tens of kilobytes, mostly
KEPT_GROWING = 400
KEPT_CALCULATED = 300
"""What is made of a slider's value and of no result, for which hardly anybody else asks: the least recently used goes,
and must not take the charts of results with it."""
LOOKS = 4
"""Looks at a result that grows of which what was made is kept: visitors may be one apart, or have other targets."""
_looks: OrderedDict[tuple[str, str], set[str]] = OrderedDict()
_lock = threading.Lock()


class Source(Protocol):
    """Where a result comes from that pages look at: a job, or a visitor's file."""

    @property
    def experiment(self) -> Experiment:
        """What is run."""

    @property
    def status(self) -> Status:
        """How it stands."""

    @property
    def error(self) -> str:
        """Why it failed, for the visitor."""

    @property
    def active(self) -> bool:
        """Whether more numbers will come."""

    def latest(self) -> tuple[Result | None, str]:
        """The result so far, None while there are no numbers, and a version that changes when they do."""


@dataclass(frozen=True)
class Recorded:
    """What there are numbers of so far: the epochs of each run group, its activation function, and the layers."""

    epochs: dict[str, tuple[int, ...]]
    activations: dict[str, str]
    layers: tuple[int, ...]

    def of(self, activation: str) -> tuple[str, ...]:
        """The groups with that activation function."""
        return tuple(group for group, name in self.activations.items() if name == activation)


@dataclass(frozen=True)
class Shown:
    """The result on the screen. `version` changes with every new number in it; `final` is True when no more come."""

    result: Result
    version: str
    final: bool

    @property
    def experiment(self) -> Experiment:
        """What was run."""
        return self.result.experiment

    @property
    def by(self) -> str:
        """What a verdict on it is by, in words."""
        return "these runs" if self.final else "these runs so far"

    @property
    def groups(self) -> tuple[str, ...]:
        """All run groups, those included of which there are no numbers yet."""
        return self.experiment.groups()

    @property
    def depth(self) -> int:
        """Of hidden layers, how many the deepest network has, whether there are numbers of it yet or not."""
        return max(map(len, self.experiment.hidden))

    def runs(self) -> pd.DataFrame:
        """One row per run."""
        return self.result.runs

    def of(self, function: Callable[Concatenate[Result, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` makes of the result."""
        return function(self.result, *args, **kwargs)

    def of_runs(self, function: Callable[Concatenate[pd.DataFrame, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` makes of the runs."""
        return function(self.result.runs, *args, **kwargs)

    def layers(self) -> pd.DataFrame:
        """One row per run, recorded epoch and layer."""
        return self.result.layers

    def hidden(self) -> pd.DataFrame:
        """The rows of the hidden layers."""
        return _hidden(self.result)

    def recorded(self, hidden: bool = False) -> Recorded:
        """What there are numbers of: of any layer, or with `hidden` of a hidden one."""
        return self.once(_recorded, hidden)

    def once(self, function: Callable[Concatenate[Result, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` makes of the result, made once for this version of it; see `once`."""
        return once(Shown.of, self, function, *args, **kwargs)


@dataclass(frozen=True)
class Drawn:
    """When a visitor's page was last drawn from new numbers: of which job, what, and how long it took."""

    source: Source
    shown: Shown
    at: float
    took: float


def once(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` gives, made once for all visitors: nobody may change it.

    It is known by the function and its arguments, so the function must be one of a module or page, which gets all that
    it depends on as arguments: plain values, results on the screen (`Shown`), and other such functions.

    Raises TypeError where that is not so.
    """
    seen: list[Shown] = []
    call = _identity(partial(function, *args, **kwargs), seen)
    keep = _calculated
    if seen:
        # A version that will soon be replaced must not push out what lasts.
        keep = _lasting if all(shown.final for shown in seen) else _growing
    made: T = keep(call, partial(function, *args, **kwargs))
    for shown in seen:
        if _looks or not shown.final:
            _forget_older(shown, call)
    return made


def _forget_older(shown: Shown, call: str) -> None:
    """Forget what was made of all but the last looks at a result that grows; once it is final, of all of them."""
    look = (shown.experiment.key, shown.version)
    with _lock:
        if not shown.final:
            _looks.setdefault(look, set()).add(call)
            _looks.move_to_end(look)
        own = [other for other in _looks if other[0] == look[0]]
        gone = own if shown.final else own[:-LOOKS]
        gone += list(_looks)[:-KEPT_GROWING]  # nobody came back to see how these ended
        calls = [call for look in dict.fromkeys(gone) for call in _looks.pop(look)]
    for call in calls:
        _growing.clear(call, None)


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _lasting(call: str, _make: Callable[[], Any]) -> Any:
    return _make()


@st.cache_resource(max_entries=KEPT_GROWING, show_spinner=False)
def _growing(call: str, _make: Callable[[], Any]) -> Any:
    return _make()


@st.cache_resource(max_entries=KEPT_CALCULATED, show_spinner=False)
def _calculated(call: str, _make: Callable[[], Any]) -> Any:
    return _make()


def _identity(value: object, seen: list[Shown]) -> str:
    """A text that two values share only if they are the same; notes in `seen` the results among them."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(_identity(item, seen) for item in value)})"
    if isinstance(value, Shown):
        seen.append(value)
        return f"Shown({value.version!r})"
    if isinstance(value, partial):
        return _identity((value.func, value.args, tuple(sorted(value.keywords.items()))), seen)
    if isinstance(value, MethodType):
        return _identity((value.__func__, value.__self__), seen)
    if is_dataclass(value) and not isinstance(value, type) and value.__hash__ is not None:
        values = tuple(getattr(value, field.name) for field in fields(value))
        return f"{type(value).__qualname__}{_identity(values, seen)}"
    code = getattr(inspect.unwrap(value), "__code__", None) if callable(value) else None
    if code is not None and "<" not in code.co_qualname:
        # Pages are all called __main__: their files tell them apart.
        return f"{code.co_filename}:{code.co_qualname}"
    raise TypeError(f"{value!r} is neither a plain value nor a function of a module: what it depends on is not known")


def _hidden(result: Result) -> pd.DataFrame:
    return select(result.layers, {"role": "hidden"})


def _recorded(result: Result, hidden: bool) -> Recorded:
    rows = Rows(result.layers).where(**({"role": "hidden"} if hidden else {}))
    names, _ = rows.groups()
    return Recorded(
        epochs=rows.steps("epoch"),
        activations=dict(zip(names, (name for (name,) in rows.settings(["activation"])), strict=True)),
        layers=tuple(np.unique(rows["layer"]).tolist()),
    )
