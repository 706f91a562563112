"""What a page is drawn from, and what is made of it once for all visitors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from core.experiment import Experiment
from core.lessons import signal_propagation
from core.results import Result

T = TypeVar("T")
KEPT = 1000  # things made of what does not change any more: charts of some tens of kilobytes, mostly
KEPT_GROWING = 400


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
    def groups(self) -> tuple[str, ...]:
        """All run groups, those included of which there are no numbers yet."""
        return self.experiment.groups()

    @property
    def depth(self) -> int:
        """Of hidden layers, how many the deepest network has, whether there are numbers of it yet or not."""
        return max(map(len, self.experiment.hidden))

    @cached_property
    def hidden(self) -> pd.DataFrame:
        """The rows of the hidden layers."""
        return self.result.layers[self.result.layers["role"] == "hidden"]

    def theory(self, epoch: int = 0) -> pd.DataFrame:
        """What signal propagation foresees and the runs have, by layer, at a recorded epoch."""
        return self.once(f"theory {epoch}", lambda: signal_propagation.by_layer(self.result, epoch))

    def recorded(self, hidden: bool = False) -> Recorded:
        """What there are numbers of: of any layer, or with `hidden` of a hidden one."""
        name = f"recorded {'hidden' if hidden else 'any'}"
        return self.once(name, lambda: _recorded(self.hidden if hidden else self.result.layers))

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once for this version of the result; `name` says all else that it depends on."""
        return once(self.version, name, make, lasting=self.final)


def once(version: str, name: str, make: Callable[[], T], lasting: bool = True) -> T:
    """What `make` gives, made once for all visitors: nobody may change it.

    Args:
        version: of what it is made from.
        name: what it is, with all else that it depends on.
        make: makes it.
        lasting: False where there will soon be another version: such must not push out what lasts.
    """
    made: T = (_lasting if lasting else _growing)(version, name, make)
    return made


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _lasting(version: str, name: str, _make: Callable[[], Any]) -> Any:
    return _make()


@st.cache_resource(max_entries=KEPT_GROWING, show_spinner=False)
def _growing(version: str, name: str, _make: Callable[[], Any]) -> Any:
    return _make()


def _recorded(layers: pd.DataFrame) -> Recorded:
    points = layers.drop_duplicates(["group", "epoch"])
    groups = points.groupby("group", sort=False)
    return Recorded(
        epochs={str(group): tuple(sorted(map(int, epochs))) for group, epochs in groups["epoch"]},
        activations={str(group): str(name) for group, name in groups["activation"].first().items()},
        layers=tuple(sorted(map(int, layers["layer"].unique()))),
    )
