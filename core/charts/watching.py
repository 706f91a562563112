"""Charts of one network as it learns: each holds all its frames, and shows the one of the page's player.

The player is an `<input type="range">` of the page, to whose value the parameter "frame" of every chart is bound: they
move together, in the browser alone. Surfaces and weights are pictures, one a frame, as many marks would be slow.
"""

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.charts import style, tables
from core.schema import SCHEMA
from core.text import number, percent

FRAME = "frame"
SHADES = tuple(np.array([int(shade[i : i + 2], 16) for i in (1, 3, 5)], dtype=float) for shade in style.PALETTE)
WHITE = np.full(3, 255.0)
UNSURE, SURE = 0.1, 0.75
"""How strongly a class has its colour on its border, and far from it."""
SHAPES = ("circle", "triangle-up", "square", "diamond")
ACROSS = 6
"""Units in a row."""
NAME, UNIT, HEAT = 18, 54, 74
"""px: the line with the name of a unit or layer, the surface of a unit, the weights into a layer."""
SHARES = {column.name for table in SCHEMA.values() for column in table if column.unit == "share"}
"""What lies between 0 and 1."""


def decision(table: pd.DataFrame, *, examples: pd.DataFrame, names: tuple[str, str], title: str, slider: str) -> Any:
    """The decision surface and the examples.

    Args:
        table: columns frame, x, y, class, sure (`core.lessons.watching.decision`).
        examples: columns x, y, class, name.
        names: of the plane's axes.
        slider: selector of the player's input.
    """
    shades = np.array([SHADES[i % len(SHADES)] for i in range(int(table["class"].max()) + 1)])
    strength = (UNSURE + (SURE - UNSURE) * table["sure"].to_numpy())[:, None]
    colours = WHITE + strength * (shades[table["class"]] - WHITE)
    pictures = _pictures(colours, table["frame"].nunique())
    low, high = _ends(table)
    x, y = (style.fixed(name, low[i], high[i], tickCount=5) for i, name in enumerate(names))
    key = examples.drop_duplicates("class").sort_values("class")
    points = alt.Chart(examples).mark_point(filled=True, size=36, opacity=1, stroke="white", strokeWidth=1)
    charts = [
        _now(pictures).mark_image(width=_size("width"), height=_size("height"), aspect=False)
        .encode(url=alt.Url("image:N"), x=_middle(alt.XValue, "width"), y=_middle(alt.YValue, "height")),
        points.encode(
            x=alt.X("x:Q", **x), y=alt.Y("y:Q", **y),
            **_classes(list(key["name"]), list(key["class"])),
            tooltip=style.tip(("name", "class"), ("x", names[0], style.NUMBER), ("y", names[1], style.NUMBER)),
        ),
    ]  # fmt: skip
    subtitle = "paler where the network is less sure; points: training examples"
    parts = {name: table["class"].eq(label) for label, name in zip(key["class"], key["name"], strict=True)}
    shares = {name: [percent(share) for share in part.groupby(table["frame"]).mean()] for name, part in parts.items()}
    said = f"Share of the plane: {_course(shares)}"
    return _bound(style.layered(charts, title, subtitle, 320, said=said), slider)


def units(table: pd.DataFrame, *, layer: int, of: int, slider: str) -> Any:
    """The surface of every unit of a layer: what it gives out over the plane, all on one scale.

    Args:
        table: columns unit, frame, x, y, activation (`core.lessons.watching.units`).
        of: units of the layer.
    """
    values = table["activation"].to_numpy(np.float64)
    many, frames = table["unit"].nunique(), table["frame"].nunique()
    most = float(np.abs(values).max()) or 1.0
    pictures = _pictures(_signed(values / most), many * frames)
    unit = np.repeat(np.arange(many), frames)
    pictures = pictures.assign(frame=np.tile(np.arange(frames), many), column=unit % ACROSS + 0.5, row=unit // ACROSS)
    rows = -(-many // ACROSS)
    cut = f"; the first {many} of {of:,}" if many < of else ""
    names = pd.DataFrame(
        {"unit": np.arange(1, many + 1), "column": unit[::frames] % ACROSS + 0.5, "row": unit[::frames] // ACROSS}
    )
    x, y = _cells(ACROSS, rows)
    height = UNIT + NAME + 2
    charts = [
        _now(pictures)
        .mark_image(width=alt.ExprRef(f"width / {ACROSS} - 6"), height=UNIT, aspect=False, yOffset=NAME + UNIT / 2)
        .encode(url=alt.Url("image:N"), x=alt.X("column:Q", **x), y=alt.Y("row:Q", **y)),
        alt.Chart(names).mark_text(baseline="top", dy=3, color=style.NEUTRAL, fontSize=12)
        .encode(x=alt.X("column:Q", **x), y=alt.Y("row:Q", **y), text=alt.Text("unit:N")),
    ]  # fmt: skip
    subtitle = f"blue: positive, red: negative, white: 0; the strongest colour is {number(most)}{cut}"
    title, said = f"What each unit of layer {layer} gives out", _course({"all units": _spans(table, "activation")})
    return _bound(style.layered(charts, title, subtitle, rows * height, said=said), slider)


def weights(table: pd.DataFrame, *, slider: str) -> Any:
    """Heatmaps of the weights into each layer: a row of cells for each unit, its bias in the first column.

    Args:
        table: columns layer, frame, unit, source, weight (`core.lessons.watching.heat`).
    """
    parts, names = [], []
    for place, (layer, own) in enumerate(table.groupby("layer")):
        frames, fan_out = own["frame"].nunique(), own["unit"].nunique()
        most = float(own["weight"].abs().max()) or 1.0
        grid = (own["weight"].to_numpy(np.float64) / most).reshape(frames, fan_out, -1)
        grid = np.concatenate([grid[..., -1:], grid[..., :-1]], axis=-1)
        parts.append(_pictures(_signed(grid.ravel()), frames, (fan_out, grid.shape[-1]), flip=False).assign(row=place))
        names.append(
            {
                "row": place,
                "top": place + 2 / (HEAT + NAME + 6),
                "group": f"into layer {layer}: {grid.shape[-1] - 1:,} to {fan_out:,}",
                "note": f"up to {number(most)}",
            }
        )
    pictures, height = pd.concat(parts, ignore_index=True), HEAT + NAME + 6
    y = style.row_axis("units, by layer", len(names))
    charts = [
        _now(pictures)
        .mark_image(width=_size("width"), height=HEAT, aspect=False, smooth=False, yOffset=NAME + HEAT / 2)
        .encode(url=alt.Url("image:N"), x=_middle(alt.XValue, "width"), y=alt.Y("row:Q", **y)),
        *style.row_names(pd.DataFrame(names).assign(top=lambda of: of["row"] + 3 / height), y),
    ]  # fmt: skip
    subtitle = "blue: positive, red: negative; first column: biases"
    said = _course({f"into layer {layer}": _spans(own, "weight") for layer, own in table.groupby("layer")})
    return _bound(style.layered(charts, "Weights", subtitle, len(names) * height, said=said), slider)


def histogram(table: pd.DataFrame, *, of: str, slider: str) -> Any:
    """What the units of each layer take in or give out, over the examples that are looked at.

    Args:
        table: columns frame, layer, left, right, count, height (`core.lessons.watching.histograms`).
        of: the quantity in words.
    """
    title = f"Distribution of the {of} by layer"
    numbers = sorted(table["layer"].unique())
    colours = dict(zip(numbers, style.ramp(len(numbers)), strict=True))
    place = table["layer"].map({layer: i for i, layer in enumerate(numbers)})
    drawn = table.assign(top=place + 1 - 0.72 * table["height"], bottom=place + 1, layer=table["layer"].astype(str))
    y = style.row_axis("layer", len(numbers))
    x = style.fixed(of, float(table["left"].min()), float(table["right"].max()), tickCount=6)
    bars = _now(drawn[["frame", "layer", "left", "right", "count", "top", "bottom"]]).mark_rect()
    colour = style.colour("layer", list(map(str, numbers)), [colours[n] for n in numbers], None)
    names = pd.DataFrame({"group": [f"layer {n}" for n in numbers], "note": ""})
    charts = [
        bars.encode(
            x=alt.X("left:Q", **x), x2=alt.X2("right:Q"), y=alt.Y("top:Q", **y), y2=alt.Y2("bottom:Q"), color=colour,
            tooltip=style.tip(("left", "from", style.NUMBER), ("right", "to", style.NUMBER), ("count", "count", "d")),
        ),
        *style.row_names(names, y),
    ]  # fmt: skip
    peaks = table.sort_values("count", kind="stable").groupby(["layer", "frame"]).tail(1).sort_values("frame")
    peaks["range"] = tables.interval_text(peaks["left"], peaks["right"])
    most = {f"layer {layer}": list(own["range"]) for layer, own in peaks.groupby("layer")}
    subtitle, said = "each row scaled to its own peak", f"Most often: {_course(most)}"
    return _bound(style.layered(charts, title, subtitle, style.row_height(len(numbers)), said=said), slider)


def over_time(
    table: pd.DataFrame,
    *,
    column: str,
    of: str,
    time: str,
    groups: Sequence[str],
    slider: str,
    why: str = style.NOTHING,
) -> Any:
    """A line for each group, or layer of a group, over the frames, and where the player is.

    Args:
        table: columns group, frame, `time` and `column`; where there is a column layer, lines are dashed by group.
        of: the column in words.
        time: epoch or update.
        groups: the experiment's.
        why: what stands in place of the lines where there are none.
    """
    title = f"{of[:1].upper()}{of[1:]} over {time}s"
    table = table[np.isfinite(table[column])]
    if table.empty:
        return _bound(style.blank(title, time, of, why), slider)
    by_layer = "layer" in table
    table = table.assign(line=[f"layer {n}" for n in table["layer"]] if by_layer else table["group"])
    x = style.fixed(time, float(table[time].min()), float(max(table[time].max(), table[time].min() + 1)), tickCount=6)
    y = style.fixed(of, 0.0, 1.0) if column in SHARES else style.position(of, table[column])
    lines = list(dict.fromkeys(table["line"]))
    colours = dict(zip(*style.group_colours(groups), strict=True))
    shades = style.ramp(len(lines)) if by_layer else [colours[line] for line in lines]
    marks = alt.Chart(table[["group", "line", time, column]])
    dash = style.group_dashes(list(dict.fromkeys(table["group"])))
    encoded: dict[str, Any] = {
        "x": alt.X(f"{time}:Q", **x), "y": alt.Y(f"{column}:Q", **y),
        "color": style.colour("line", lines, shades, style.legend(lines)),
        "detail": alt.Detail("group:N"),
    }  # fmt: skip
    if by_layer and table["group"].nunique() > 1:
        several = alt.Scale(domain=dash[0], range=style.DASHES[: len(dash[0])])
        encoded["strokeDash"] = alt.StrokeDash("group:N", scale=several, legend=style.legend(dash[0], strokes=True))
    here = table.drop_duplicates(["frame"])[["frame", time]]
    tip = style.tip(("group", "group"), ("line", "line"), (time, time, ",d"), (column, of, style.NUMBER))
    charts = [
        marks.mark_line(strokeWidth=2).encode(**encoded, tooltip=tip),
        _now(here).mark_rule(color=style.NEUTRAL, strokeWidth=2).encode(x=encoded["x"]),
        _now(table[["group", "line", "frame", time, column]]).mark_point(filled=True, size=60, opacity=1)
        .encode(x=encoded["x"], y=encoded["y"], color=encoded["color"], tooltip=tip),
    ]  # fmt: skip
    told = percent if column in SHARES else number
    courses = {
        " ".join(dict.fromkeys(map(str, key))): list(map(told, own[column]))
        for key, own in table.groupby(["group", "line"], sort=False)
    }
    subtitle = "the grey line is the frame on the screen"
    return _bound(style.layered(charts, title, subtitle, 220, said=_course(courses)), slider)


def bent(table: pd.DataFrame, *, layer: int, names: Sequence[str], slider: str) -> Any:
    """The plane as a layer of two units bends it: its lines and the examples, by what the two units give out.

    Args:
        table: columns kind, frame, line, class, h1, h2 (`core.lessons.watching.bent`).
        names: of the classes.
    """
    lines, points = (table[table["kind"] == kind] for kind in ("line", "example"))
    points = points.assign(name=[names[label] for label in points["class"]])
    x, y = (style.position(f"unit {i}", table[f"h{i}"]) for i in (1, 2))
    places: dict[str, Any] = {"x": alt.X("h1:Q", **x), "y": alt.Y("h2:Q", **y)}
    charts = [
        _now(lines[["frame", "line", "h1", "h2"]].assign(order=np.arange(len(lines))))
        .mark_line(color=style.NEUTRAL, strokeWidth=1, opacity=0.7)
        .encode(**places, detail=alt.Detail("line:N"), order=alt.Order("order:Q")),
        _now(points[["frame", "name", "h1", "h2"]]).mark_point(filled=True, size=36, opacity=1)
        .encode(**places, **_classes(names, range(len(names)))),
    ]  # fmt: skip
    title = f"The plane as layer {layer} bends it"
    subtitle = "its two units; lines: straight and even in the plane above"
    said = _course({f"unit {i}": _spans(table, f"h{i}") for i in (1, 2)})
    return _bound(style.layered(charts, title, subtitle, 320, said=said), slider)


def _classes(names: Sequence[str], classes: Sequence[int]) -> dict[str, Any]:
    """Colour and shape of examples by the column "name": where colours begin anew, the shape is another one."""
    key, many = style.legend(names), len(style.PALETTE)
    shapes = alt.Scale(domain=list(names), range=[SHAPES[label // many % len(SHAPES)] for label in classes])
    return {
        "color": style.colour("name", names, [style.PALETTE[label % many] for label in classes], key),
        "shape": alt.Shape("name:N", scale=shapes, legend=key),
    }


def _course(of: Mapping[str, Sequence[str]]) -> str:
    """What each comes to at the first frame and at the last: between them the film moves in the browser alone."""
    ends = [(each[0], each[-1]) for each in of.values()]
    notes = [
        f"{first} at first, {last} at last" if first != last else f"{first} at first and at last"
        for first, last in ends
    ]
    return style.read_out(of, notes)


def _spans(table: pd.DataFrame, column: str) -> list[str]:
    """From where to where a column goes in each frame."""
    frames = table.groupby("frame")[column]
    return [f"{number(low)} to {number(high)}" for low, high in zip(frames.min(), frames.max(), strict=True)]


def _now(table: pd.DataFrame) -> alt.Chart:
    """A chart of the rows of the frame on the screen, or of the last where a longer film plays beside this one."""
    return alt.Chart(table).transform_filter(f"datum.frame == min({FRAME}, {int(table['frame'].max())})")


def _bound(chart: alt.LayerChart, slider: str) -> alt.LayerChart:
    bind = alt.BindDirect(element=slider, event="input")
    chart.params = [alt.VariableParameter(name=FRAME, value=0, bind=bind)]
    return chart


def _size(name: str) -> alt.ExprRef:
    return alt.ExprRef(name)


def _middle(kind: Any, name: str) -> Any:
    return kind({"expr": f"{name} / 2"})


def _cells(columns: int, rows: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """x and y of a grid of cells without axes."""
    x, y = alt.Scale(domain=[0, columns], nice=False), alt.Scale(domain=[0, rows], reverse=True, nice=False)
    return {"scale": x, "axis": None}, {"scale": y, "axis": None}


def _ends(table: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Where the cells of a grid of places begin and end along x and y."""
    ends = []
    for name in ("x", "y"):
        places = np.unique(table[name])
        half = (places[-1] - places[0]) / (len(places) - 1) / 2
        ends.append((float(places[0] - half), float(places[-1] + half)))
    return [end[0] for end in ends], [end[1] for end in ends]


def _signed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours of values from -1 (red) over 0 (white) to 1 (blue)."""
    values = np.nan_to_num(values)[:, None]
    colours: NDArray[np.float64] = WHITE + np.abs(values) * (np.where(values > 0, SHADES[0], SHADES[1]) - WHITE)
    return colours


def _pictures(
    colours: NDArray[np.float64], many: int, shape: tuple[int, int] | None = None, flip: bool = True
) -> pd.DataFrame:
    """So many pictures of equal size, of all their colours, in order: frame, image. `flip`: the first row is lowest."""
    rows, columns = shape or (round((len(colours) / many) ** 0.5),) * 2
    pixels = np.rint(colours).astype(np.uint8).reshape(many, rows, columns, 3)
    images = [png(picture[::-1] if flip else picture) for picture in pixels]
    return pd.DataFrame({"frame": np.arange(many), "image": images})


def png(pixels: NDArray[np.uint8]) -> str:
    """Pixels (rows, columns, 3) as the address of a PNG picture (ISO/IEC 15948, colour type 2) that holds itself."""
    rows, columns, _ = pixels.shape
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), pixels.reshape(rows, -1)], axis=1)  # 0: no filter
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)).decode()
