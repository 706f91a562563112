"""What a chart can do on a screen alone: a drag zooms in, a double click shows all, a full screen holds all of it.

Vega-Lite's own zoom takes the mouse wheel, with which a person scrolls the page. So the part that is shown is a pair of
signals, `zoom_x` and `zoom_y`, null for all; Vega-Lite hands what it does not know of a parameter on to Vega. By mouse
alone: a finger on a chart scrolls the page.
"""

import json
from typing import Any

LEAST = 8  # px: a shorter drag is a click
BOX = "zoom_box"
PLOT = "x() >= 0 && x() <= width && y() >= 0 && y() <= height"
PRESS = "pointerdown[event.pointerType === 'mouse' && event.button === 0]"


def on_screen(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification of a layered chart, to be changed, such that a drag zooms along the axes of numbers it has.

    Its height is that of the plot; of the whole chart where it has been given another one, as on a full screen.
    """
    whole = f"{{type: height == {spec['height']} ? 'fit-x' : 'fit', contains: 'padding'}}"
    spec["autosize"] = spec["autosize"] | {"signal": whole}
    spec["padding"] = {"right": 8}  # for the half of the last tick's label that lies beyond the axis
    axes = [channel for channel in ("x", "y") if any(_numbers(layer, channel) for layer in spec["layer"])]
    if not axes:
        return spec
    for layer in spec["layer"]:
        own = [channel for channel in axes if _numbers(layer, channel)]
        for channel in own:
            _follow(layer["encoding"][channel], channel)
        if own:
            mark = layer["mark"] if isinstance(layer["mark"], dict) else {"type": layer["mark"]}
            layer["mark"] = {"clip": {"expr": " || ".join(f"zoom_{channel}" for channel in axes) + " ? true : false"}}
            layer["mark"] |= mark
    spec["layer"].insert(0, _box(axes))
    spec["params"] = [*spec.get("params", []), *_signals(axes)]
    spec["view"] = {"cursor": "crosshair"}
    return spec


def _numbers(layer: dict[str, Any], channel: str) -> bool:
    """Whether the layer has an axis of numbers there, which runs as usual: rows, from the top down, are no scale."""
    encoded = layer["encoding"].get(channel, {})
    scale, axis = encoded.get("scale") or {}, encoded.get("axis")
    seen = bool(axis) and axis.get("values") != []
    return (
        encoded.get("type") == "quantitative" and len(scale.get("domain", ())) == 2 and seen and "reverse" not in scale
    )


def _follow(encoded: dict[str, Any], channel: str) -> None:
    """Let scale and ticks follow the part that is shown."""
    low, high = encoded["scale"]["domain"]
    ends = {
        "domainMin": f"zoom_{channel} ? zoom_{channel}[0] : {low!r}",
        "domainMax": f"zoom_{channel} ? zoom_{channel}[1] : {high!r}",
    }
    encoded["scale"] = encoded["scale"] | {name: {"expr": end} for name, end in ends.items()}
    axis = encoded.get("axis") or {}
    if axis.get("values"):
        encoded["axis"] = axis | {"values": {"expr": f"zoom_{channel} ? null : {json.dumps(axis['values'])}"}}


def _box(axes: list[str]) -> dict[str, Any]:
    """What is being dragged over."""
    ends = {"x": "zoom_drag[0]", "x2": "zoom_drag[2]", "y": "zoom_drag[1]", "y2": "zoom_drag[3]"}
    whole = {"x": "0", "x2": "width", "y": "0", "y2": "height"}
    at = {name: end if name[0] in axes else whole[name] for name, end in ends.items()}
    return {
        "name": BOX,
        "data": {"values": [{}]},
        "mark": {"type": "rect", "fill": "#7b7b7b", "fillOpacity": 0.2, "stroke": "#7b7b7b", "aria": False},
        "encoding": {name: {"value": {"expr": f"zooming ? {end} : 0"}} for name, end in at.items()},
    }


def _signals(axes: list[str]) -> list[dict[str, Any]]:
    move = f"[{PRESS}, window:pointerup] > window:pointermove!"
    drag = [
        {"events": PRESS, "update": "[x(), y(), x(), y()]"},
        {"events": move, "update": "[zoom_drag[0], zoom_drag[1], clamp(x(), 0, width), clamp(y(), 0, height)]"},
    ]
    zooming = [{"events": PRESS, "update": PLOT}, {"events": "window:pointerup", "update": "false"}]
    shown = []
    for channel in axes:
        ends = [f"invert('{channel}', zoom_drag[{place}])" for place in ((0, 2) if channel == "x" else (3, 1))]
        far = f"abs(zoom_drag[{2 + (channel == 'y')}] - zoom_drag[{int(channel == 'y')}]) > {LEAST}"
        part = f"!zooming && {far} ? [min({', '.join(ends)}), max({', '.join(ends)})] : zoom_{channel}"
        all_of_it = f"{PLOT} ? null : zoom_{channel}"
        on = [{"events": {"signal": "zooming"}, "update": part}, {"events": "dblclick", "update": all_of_it}]
        shown.append({"name": f"zoom_{channel}", "value": None, "on": on})
    return [
        {"name": "zoom_drag", "value": [0, 0, 0, 0], "on": drag},
        {"name": "zooming", "value": False, "on": zooming},
        *shown,
    ]
