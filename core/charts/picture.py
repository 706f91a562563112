"""A chart as a file: a picture for paper, its specification with its data in it, and the numbers that are drawn."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

WIDTH = 720
"""Pixels: the width of a chart in a file, where there is no page to fill."""
SCALE = 2.0
"""Pixels of a PNG for each of the chart's."""
INK, GRID = "#31333f", "#e3e4e8"
FONT = "Liberation Sans, DejaVu Sans, Arial, sans-serif"
"""The first comes with what draws, and has the widths of Arial; the second has the signs that it lacks."""
LIGHT: dict[str, Any] = {
    "background": "#ffffff",
    "padding": 12,
    "font": FONT,
    "view": {"stroke": None},
    "title": {"color": INK, "font": FONT, "subtitleFont": FONT},
    "axis": {"labelColor": INK, "titleColor": INK, "gridColor": GRID, "domainColor": INK, "tickColor": INK,
             "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 10},
    "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 12},
}  # fmt: skip
"""What Streamlit's light theme gives a chart on a page: on paper a chart is light."""
AROUND = alt.LayerChart(layer=[]).to_dict(validate=False)
"""What altair says of every chart."""
_one_at_a_time = threading.Lock()
_free_at = 0.0


def specification(drawn: alt.LayerChart) -> dict[str, Any]:
    """The specification of a chart, with its data as Arrow tables, named by their order or their own `attrs["name"]`.

    Where only numbers have changed, the browser then moves the marks that are there instead of drawing all anew. And
    Streamlit sends such tables as they are: rows as JSON it converts again on every run of a page.
    """
    tables: dict[str, pa.Table] = {}
    seen: list[pd.DataFrame | pa.Table] = []

    def aside(rows: pd.DataFrame | pa.Table) -> dict[str, str]:
        place = next((place for place, other in enumerate(seen) if other is rows), len(seen))
        name = f"rows_{place}" if isinstance(rows, pa.Table) else rows.attrs.get("name", f"rows_{place}")
        if place == len(seen):
            seen.append(rows)
            tables[name] = rows if isinstance(rows, pa.Table) else arrow(rows)
        return {"name": name}

    spec: dict[str, Any] = AROUND | written(drawn, aside)
    for layer in spec["layer"]:
        # Marks are passed over: they would be read out by the hundred, in words of the code. The chart has a name.
        layer["mark"] |= {"aria": False}
    return spec | {"datasets": tables}


def written(part: Any, aside: Callable[[pd.DataFrame | pa.Table], dict[str, str]]) -> Any:
    """What altair's own `to_dict` makes of a part of a chart, in an eighth of the time.

    Altair looks into each table for the types of its columns; here every channel names its own.
    """
    if isinstance(part, pd.DataFrame | pa.Table):
        return aside(part)
    if isinstance(part, alt.SchemaBase):
        parts: Any = part._args[0] if part._args else part._kwds
        if "shorthand" not in parts:
            return written(parts, aside)
        rest = {
            name: written(value, aside)
            for name, value in parts.items()
            if name != "shorthand" and value is not alt.Undefined
        }
        texts = parts["shorthand"]
        # A second position has the type of the first.
        known = [
            {name: value for name, value in _parsed(text).items() if name in parts} | rest
            for text in ([texts] if isinstance(texts, str) else texts)
        ]
        return known[0] if isinstance(texts, str) else known
    if isinstance(part, dict):
        whole = part | {"mark": {"type": part["mark"]}} if isinstance(part.get("mark"), str) else part
        return {name: written(value, aside) for name, value in whole.items() if value is not alt.Undefined}
    if isinstance(part, list | tuple):
        return [written(value, aside) for value in part]
    return float(part) if isinstance(part, np.number) else part


@lru_cache(maxsize=1000)
def _parsed(shorthand: str) -> dict[str, Any]:
    return alt.utils.parse_shorthand(shorthand)


def arrow(rows: pd.DataFrame) -> pa.Table:
    """The rows column by column, without what pandas would need to read them back: a third of the time."""
    columns = {
        name: values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array for name, values in rows.items()
    }
    return pa.table({str(name): pa.array(values, from_pandas=True) for name, values in columns.items()})


def with_tables(spec: dict[str, Any], tables: Iterable[pa.Table], said: str) -> dict[str, Any]:
    """The specification with these tables in the places of its own, in their order, and what they come to."""
    return spec | {"description": said, "datasets": dict(zip(spec["datasets"], tables, strict=True))}


def in_words(spec: Mapping[str, Any]) -> str:
    """What a chart shows, for who cannot see it: its title, what stands below that, and what it comes to."""
    title, subtitle = (" ".join(spec["title"].get(part, ())) for part in ("text", "subtitle"))
    heading = f"{title}{'' if title.endswith('?') else ':'} {subtitle}" if subtitle else title
    said = spec.get("description", "")
    return f"{heading}{' ' if heading.endswith('?') else '. '}{said}" if said else heading


def inlined(spec: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """A chart's specification that is whole by itself: with rows for its tables, a width, and the look of paper.

    Args:
        spec: with "datasets" of Arrow tables, by name.
        values: what parameters are at, by name, that follow an element of a page; the file has a slider for them.
    """
    rows = {name: table.to_pylist() for name, table in spec["datasets"].items()}
    params = [_by_itself(param, rows, values) for param in spec.get("params", ())]
    # What is fitted to a width is laid out twice: the second time the legend may need another line, which is cut off.
    found = {**spec, "datasets": rows, "width": WIDTH, "autosize": {"type": "pad"}, "config": LIGHT}
    return found | ({"params": params} if params else {})


def _by_itself(param: Mapping[str, Any], rows: Mapping[str, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    name, bind = param["name"], param.get("bind")
    if not isinstance(bind, Mapping) or "element" not in bind:
        return param
    last = max((row[name] for table in rows.values() for row in table if name in row), default=0)
    return {**param, "value": values.get(name, 0), "bind": {"input": "range", "min": 0, "max": last, "step": 1}}


def vega_lite(spec: Mapping[str, Any], **values: Any) -> bytes:
    """The specification as JSON, as the Vega editor opens it; arguments are those of `inlined`."""
    return json.dumps(inlined(spec, **values), ensure_ascii=False, allow_nan=False, indent=1).encode()


def svg(spec: Mapping[str, Any], **values: Any) -> bytes:
    """The chart as SVG; arguments are those of `inlined`."""
    import vl_convert

    return _drawn(lambda: vl_convert.vegalite_to_svg(inlined(spec, **values), allowed_base_urls=[]).encode())


def png(spec: Mapping[str, Any], **values: Any) -> bytes:
    """The chart as PNG; arguments are those of `inlined`."""
    import vl_convert

    return _drawn(lambda: vl_convert.vegalite_to_png(inlined(spec, **values), scale=SCALE, allowed_base_urls=[]))


def _drawn(draw: Callable[[], bytes]) -> bytes:
    """What `draw` gives, in turn: a picture takes 0.1 to 0.3 s, in which no other thread of the server runs.

    As long as it took, the next one waits: a class that wants one each takes half of a processor, and no more.
    """
    global _free_at
    with _one_at_a_time:
        time.sleep(max(0.0, _free_at - time.monotonic()))
        began = time.monotonic()
        try:
            return draw()
        finally:
            now = time.monotonic()
            _free_at = now + (now - began)


def drawn(spec: Mapping[str, Any]) -> pd.DataFrame:
    """The numbers that a chart draws, its medians, quartiles and counts, one row each.

    The column "drawn_as" has the marks that a row is drawn with; columns that a mark lacks are empty in its rows.
    """
    marks: dict[str, list[str]] = {}
    for layer in spec["layer"]:
        name = layer.get("data", spec.get("data", {})).get("name", "")
        marks.setdefault(name, []).append(layer["mark"]["type"])
    tables = [
        table.to_pandas().assign(drawn_as=" ".join(dict.fromkeys(marks.get(name, ()))))
        for name, table in spec["datasets"].items()
    ]
    found: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return found[["drawn_as", *(name for name in found if name != "drawn_as")]]
