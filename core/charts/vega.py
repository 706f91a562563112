"""As much of Vega-Lite as the charts need: marks over tables, in layers, as plain dictionaries.

Altair makes the same specifications, but copies the whole chart at every step: tens of milliseconds a chart, which is
too long for a server that draws for a class. To change a chart, or to show it in a notebook, `Chart.to_altair` has it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    import altair as alt

Part = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
TYPES = {"Q": "quantitative", "N": "nominal", "O": "ordinal"}


def column(name: str, **settings: Any) -> Part:
    """A channel that shows a column, such as "share:Q"; without a type for the far end of a range, such as "high"."""
    name, _, kind = name.partition(":")
    return {"field": name} | ({"type": TYPES[kind]} if kind else {}) | settings


def legend_pick(name: str, of: str) -> Part:
    """A parameter: what clicks on the legend have picked of the column `of`."""
    return {"name": name, "bind": "legend", "select": {"type": "point", "fields": [of]}}


@dataclass(frozen=True)
class Layer:
    """One mark for each row of a table, or one for them all."""

    table: pd.DataFrame
    name: str = ""
    shape: Part = field(default_factory=dict)
    encoding: Part = field(default_factory=dict)
    params: tuple[Part, ...] = ()

    def mark(self, kind: str, **look: Any) -> "Layer":
        """The same with this mark."""
        return replace(self, shape={"type": kind} | look)

    def encode(self, **channels: Any) -> "Layer":
        """The same with these channels too."""
        return replace(self, encoding=self.encoding | channels)

    def add_params(self, *params: Part) -> "Layer":
        """The same with these parameters too."""
        return replace(self, params=self.params + params)


@dataclass
class Chart:
    """Layers over each other, as wide as their container."""

    layers: list[Layer]
    title: Part
    height: int

    def to_dict(self, convert: Callable[[pd.DataFrame], Any] | None = None) -> Part:
        """The specification, with its tables as rows or as what `convert` makes of them, named by their order.

        Where only numbers have changed, a browser then moves the marks that are there instead of drawing all anew.
        """
        tables: list[pd.DataFrame] = []
        layers = []
        for layer in self.layers:
            place = next((place for place, table in enumerate(tables) if table is layer.table), len(tables))
            if place == len(tables):
                tables.append(layer.table)
            data = {"name": _name(place)}
            layers.append({"name": layer.name, "data": data, "mark": layer.shape, "encoding": layer.encoding})
        spec: Part = {
            "$schema": SCHEMA,
            "title": self.title,
            "width": "container",
            "height": self.height,
            "autosize": {"type": "fit-x", "contains": "padding"},
            "layer": layers,
            "datasets": {_name(place): (convert or _rows)(table) for place, table in enumerate(tables)},
        }
        params = [param | {"views": [layer.name]} for layer in self.layers for param in layer.params]
        return spec | ({"params": params} if params else {})

    def to_altair(self) -> "alt.LayerChart":
        """The same as a chart of Altair, which has checked it against the schema of Vega-Lite."""
        import altair as alt

        chart: alt.LayerChart = alt.LayerChart.from_dict(self.to_dict())
        return chart

    def _repr_mimebundle_(self, *include: Any, **exclude: Any) -> Any:
        """What a notebook shows."""
        return self.to_altair()._repr_mimebundle_(*include, **exclude)


def _name(place: int) -> str:
    return f"rows_{place}"


def _rows(table: pd.DataFrame) -> list[Part]:
    """The rows, ready for JSON: a number that is not finite is None."""
    columns = [
        [None if isinstance(value, float) and not math.isfinite(value) else value for value in values.tolist()]
        for _, values in table.items()
    ]
    return [dict(zip(map(str, table.columns), row, strict=True)) for row in zip(*columns, strict=True)]
