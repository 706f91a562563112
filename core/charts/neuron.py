"""Charts of the two small worlds of `core.theory.neuron`: the drawn network, and descent over two weights."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from core.charts import style, tables
from core.charts.picture import arrow
from core.lessons.gradient_paths import OPPOSITE
from core.lessons.zigzag import REACH, TILE, UPDATES
from core.text import number, percent, words

POSITIVE, NEGATIVE = style.PALETTE[:2]
SIGNS = {"positive": POSITIVE, "negative": NEGATIVE, "zero": style.NEUTRAL}
STEP = style.PALETTE[2]  # a step of descent, and where one can go
COMMON = style.PALETTE[5]  # the factors that both gradients share, here and in the formulas
PLACES = {
    "x1": (0.07, 0.86),
    "x2": (0.07, 0.14),
    "h21": (0.37, 0.86),
    "h22": (0.37, 0.14),
    "h3": (0.67, 0.50),
    "y": (0.93, 0.50),
}
LABELS = {
    "x1": "x₁", "x2": "x₂", "h21": "h₂₁", "h22": "h₂₂", "h3": "h₃", "y": "y", "target": "t", "loss": "L",
    "u11": "u₁₁", "u12": "u₁₂", "u21": "u₂₁", "u22": "u₂₂", "w1": "w₁", "w2": "w₂", "v": "v",
}  # fmt: skip
# Where a weight's label stands along its edge, and how far beside it in px.
LABEL_PLACES = {
    "u11": (0.5, 0, -9),
    "u22": (0.5, 0, 13),
    "u12": (0.2, 6, 0),
    "u21": (0.2, 6, 2),
    "w1": (0.4, 7, -9),
    "w2": (0.4, 7, 15),
    "v": (0.5, 0, -9),
}
PATTERNS = {"++": "both positive", "-+": "w₁ −, w₂ +", "--": "both negative", "+-": "w₁ +, w₂ −", "zero": "one is 0"}
START = "pick_start"
WEDGE = 0.9
DESCENT_TABLES = 9
UPDATE_DASHES = ([1, 0], [5, 4])
LEAST_SHARE = 1e-6


def drawn_network(table: pd.DataFrame, *, bracket: float) -> alt.LayerChart:
    """The drawn network with every value on it: colour is sign, thickness is size.

    Args:
        table: columns kind, name, value, start, end, preactivation, gradient
            (`core.lessons.gradient_paths.network_table`).
        bracket: the common factor of the gradients of w1 and w2.
    """
    columns = [table[name].to_list() for name in table]
    parts: dict[str, dict[str, Any]] = {
        row["name"]: row | {"label": LABELS[row["name"]], "text": number(row["value"]), "sign": _sign(row["value"])}
        for row in (dict(zip(map(str, table), values, strict=True)) for values in zip(*columns, strict=True))
    }
    nodes = [_node(part, *PLACES[name]) for name, part in parts.items() if name in PLACES]
    edges = [_edge(part) for part in parts.values() if part["kind"] == "weight"]
    a3 = f"a = {number(parts['h3']['preactivation'])}"
    ends = f"t = {parts['target']['text']}\nL = {parts['loss']['text']}"

    key = alt.Legend(title=None, orient="bottom", symbolType="circle")
    colour = style.colour("sign", list(SIGNS), list(SIGNS.values()), key)
    common = tables.few({"x": [0.59], "x2": [1.0], "y": [0.33], "y2": [0.65]})
    rect = alt.Chart(common).mark_rect(color=COMMON, opacity=0.16, cornerRadius=8)
    charts = [rect.encode(x=_unit("x"), x2=alt.X2("x2:Q"), y=_unit("y"), y2=alt.Y2("y2:Q"))]
    tip = style.tip(("label", "weight"), ("value", "value", style.NUMBER), ("gradient", "gradient", style.NUMBER))
    lines = alt.Chart(_columns(edges, "label", "value", "gradient", "sign", "x", "y", "x2", "y2", "width")).mark_rule()
    charts.append(
        lines.encode(
            x=_unit("x"), y=_unit("y"), x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"), color=colour,
            strokeWidth=alt.StrokeWidth("width:Q", scale=None), tooltip=tip,
        )
    )  # fmt: skip
    tip = style.tip(("label", "value of"), ("value", "value", style.NUMBER))
    discs = alt.Chart(_columns(nodes, "label", "value", "sign", "x", "y")).mark_circle(size=1700, opacity=1)
    charts.append(discs.encode(x=_unit("x"), y=_unit("y"), color=colour, tooltip=tip))
    charts.append(_text(nodes, "text", color="white", fontWeight="bold", fontSize=12))
    high, low = ([node for node in nodes if (node["y"] < 0.5) == below] for below in (False, True))
    charts.append(_text(high, "label", dy=-29, fontWeight="bold", fontSize=13))
    charts.append(_text(low, "label", dy=32, fontWeight="bold", fontSize=13))
    for edge in edges:
        along, dx, dy = LABEL_PLACES[edge["name"]]
        x, y = (edge[end] + along * (edge[f"{end}2"] - edge[end]) for end in ("x", "y"))
        spot = {"x": x, "y": y, "text": f"{edge['label']} = {edge['text']}"}
        charts.append(_text([spot], "text", dx=dx, dy=dy, align="left" if dx else "center"))
    below = [{"x": x, "y": 0.5, "text": text} for x, text in ((0.67, a3), (0.93, ends))]
    charts.append(_text(below, "text", dy=31, lineBreak="\n"))
    notes = [
        {"x": 0.53, "y": y, "text": f"∂L/∂{LABELS[name]} = {number(gradient)}", "sign": _sign(gradient)}
        for y, name in ((0.86, "w1"), (0.14, "w2"))
        for gradient in [parts[name]["gradient"]]
    ]
    gradients = alt.Chart(_columns(notes, "x", "y", "text", "sign")).mark_text(
        align="left", fontSize=14, fontWeight="bold"
    )
    charts.append(gradients.encode(x=_unit("x"), y=_unit("y"), text=alt.Text("text:N"), color=colour))
    shared = {"x": 1.0, "y": 0.69, "text": f"common factor {number(bracket)}"}
    charts.append(_text([shared], "text", color=COMMON, fontWeight="bold", align="right"))
    values = [f"{LABELS[name]} = {parts[name]['text']}" for name in PLACES] + [ends.replace("\n", ", ")]
    said = f"{', '.join(str(note['text']) for note in notes)}, {shared['text']}. {', '.join(values)}"
    subtitle = "colour: sign; thickness of a line: size of the weight"
    return style.layered(charts, "The drawn network", subtitle, 340, said=said)


def _sign(value: float) -> str:
    return "positive" if value > 0 else "negative" if value < 0 else "zero"


def _node(part: dict[str, Any], x: float, y: float) -> dict[str, Any]:
    """A unit of the drawn network at x, y."""
    a = part["preactivation"]
    named = part["label"] if math.isnan(a) or part["name"] == "h3" else f"{part['label']}, a = {number(a)}"
    return part | {"label": named, "x": x, "y": y}


def _edge(part: dict[str, Any]) -> dict[str, Any]:
    """A weight of the drawn network from x, y to x2, y2."""
    (x, y), (x2, y2) = PLACES[part["start"]], PLACES[part["end"]]
    return part | {"x": x, "y": y, "x2": x2, "y2": y2, "width": min(max(1.0 + 2.2 * abs(part["value"]), 1.0), 8.0)}


def quadrants(table: pd.DataFrame, *, step: tuple[float, float], own: tuple[float, float]) -> alt.LayerChart:
    """Where a step of descent on one example can take (w1, w2), and where it does.

    Args:
        table: columns w1, w2 (+1 or -1), pattern, allowed, taken (`core.lessons.gradient_paths.quadrant_table`).
        step: the actual step at learning rate 1.
        own: the weights' own factors, h21 and h22: the step lies on the line through 0 in this direction.
    """
    reach = 1.35 * max(abs(step[0]), abs(step[1])) or 1.0
    x_axis, y_axis = (
        style.fixed(f"change of {weight} (learning rate 1)", -reach, reach, tickCount=5) for weight in ("w₁", "w₂")
    )
    x2, y2 = (reach * table[name].to_numpy() for name in ("w1", "w2"))
    text = ["can be reached" if allowed else "never on this example" for allowed in table["allowed"]]
    area = {"x": np.zeros(len(table)), "y": np.zeros(len(table)), "x2": x2, "y2": y2, "text": text}
    area |= {"allowed": table["allowed"].to_numpy(), "pattern": table["pattern"].to_list()}
    corner = alt.Chart(tables.few(area))
    fill = alt.ColorValue(style.NEUTRAL, condition={"test": "datum.allowed", "value": STEP})
    shade = alt.OpacityValue(0.07, condition={"test": "datum.allowed", "value": 0.28})
    x, y = alt.X("x:Q", **x_axis), alt.Y("y:Q", **y_axis)
    tip = style.tip(("pattern", "signs of the step"), ("text", "this quadrant"))
    rect = corner.mark_rect().encode(
        x=x, x2=alt.X2("x2:Q"), y=y, y2=alt.Y2("y2:Q"), color=fill, opacity=shade, tooltip=tip
    )
    beside = 0.1 if abs(own[1]) > abs(own[0]) else 0.9  # where the line does not run
    place = tables.few({"x": 0.55 * x2, "y": beside * y2, "text": text})
    names = alt.Chart(place).mark_text(color=style.NEUTRAL, fontSize=12)
    charts = [rect, names.encode(x=x, y=y, text=alt.Text("text:N"))]

    longest = max(abs(own[0]), abs(own[1]))
    if longest > 0:
        far = [reach * value / longest for value in own]
        ends = tables.few({"x": [-far[0]], "y": [-far[1]], "x2": [far[0]], "y2": [far[1]]})
        line = alt.Chart(ends).mark_rule(color=style.NEUTRAL, strokeDash=[4, 4], strokeWidth=1.5)
        charts.append(line.encode(x=x, y=y, x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q")))
    if step != (0.0, 0.0):
        taken = tables.few({"x": [0.0], "y": [0.0], "x2": [step[0]], "y2": [step[1]]})
        charts.append(
            alt.Chart(taken).mark_rule(color=STEP, strokeWidth=4).encode(x=x, y=y, x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"))
        )
        tip = style.tip(("x2", "change of w₁", style.NUMBER), ("y2", "change of w₂", style.NUMBER))
        turn = alt.ExprRef(f"atan2({step[0]!r} * width, {step[1]!r} * height) * 180 / PI")
        head = alt.Chart(taken).mark_point(
            shape="triangle-up", size=260, filled=True, opacity=1, color=STEP, angle=turn
        )
        charts.append(head.encode(x=alt.X("x2:Q", **x_axis), y=alt.Y("y2:Q", **y_axis), tooltip=tip))
    title, subtitle = "Where this example's step can go", "arrow: the step taken; dashed: the line it cannot leave"
    open_ones = [PATTERNS[pattern] for pattern in table.loc[table["allowed"], "pattern"]]
    said = f"Change of w₁ {number(step[0])}, of w₂ {number(step[1])}. Can be reached: {'; '.join(open_ones) or 'none'}"
    return style.layered(charts, title, subtitle, 320, said=said)


def sign_combinations(table: pd.DataFrame) -> alt.LayerChart:
    """How often each combination of signs of the two gradients occurs over random examples.

    Args:
        table: columns function, pattern, count, share, examples (`core.lessons.gradient_paths.combination_table`).
    """
    wanted = ("function", "pattern", "count", "share", "examples")
    rows = list(zip(*(table[name].to_list() for name in wanted), strict=True))
    zeros = any(count for _, pattern, count, *_ in rows if pattern == "zero")
    patterns = {pattern: text for pattern, text in PATTERNS.items() if pattern != "zero" or zeros}
    drawn = [
        {
            "group": words(function),
            "pattern": pattern,
            "signs": patterns[pattern],
            "count": count,
            "share": share,
            "examples": examples,
        }
        | {"label": "0" if share == 0 else percent(share).replace(" ", "")}
        for function, pattern, count, share, examples in rows
        if pattern in patterns
    ]
    groups = list(dict.fromkeys(words(function) for function, *_ in rows))
    colour = style.colour("group", *style.group_colours(groups), style.legend(groups))
    x = alt.X(
        "signs:N", scale=alt.Scale(domain=list(patterns.values()), paddingInner=0.2),
        axis=alt.Axis(title="signs of the two gradients", labelAngle=0, labelLimit=90),
    )  # fmt: skip
    top = max(0.5, 1.15 * max(float(row["share"]) for row in drawn))
    y = alt.Y("share:Q", **style.fixed("share of the examples", 0, top, format="%", tickCount=5))
    offset = alt.XOffset("group:N", scale=alt.Scale(domain=groups))
    tip = style.tip(("group", "function"), ("signs", "signs"), ("count", "examples", ",d"), ("examples", "of", ",d"))
    base = alt.Chart(_columns(drawn, "group", "signs", "count", "share", "examples", "label"))
    pick = style.pick_group()
    bars = base.mark_bar().encode(x=x, y=y, xOffset=offset, color=colour, tooltip=tip, opacity=style.faded(pick))
    text = base.mark_text(dy=-6, fontSize=10, color=style.NEUTRAL).encode(
        x=x, y=y, xOffset=offset, text=alt.Text("label:N")
    )
    subtitle = f"{drawn[0]['examples']:,} random examples for each function"
    title = "Signs of the gradients of w₁ and w₂"
    opposite = dict.fromkeys(groups, 0.0)
    for row in drawn:
        opposite[row["group"]] += row["share"] if row["pattern"] in OPPOSITE else 0.0
    said = style.read_out(opposite, (f"opposite signs in {percent(share)}" for share in opposite.values()))
    return style.layered([bars, text], title, subtitle, 320, pick, said=said)


def descent(
    paths: pd.DataFrame,
    *,
    contours: pd.DataFrame,
    directions: pd.DataFrame,
    tiles: pd.DataFrame,
    solution: tuple[float, float],
    step: int,
    colour: str,
    title: str,
) -> alt.LayerChart:
    """Contours of a loss over two weights, and the paths of descent on it up to `step`; the rest of them faint.

    A click picks the tile below it: selection START, fields w1 and w2.

    Args:
        paths: columns updates, step, w1, w2, loss.
        contours: columns loss, order, w1, w2.
        directions: the steps of single examples from the current point: columns w1, w2 (of that point), x, y (+1 or
            -1), count, share.
        tiles: columns w1, w2, loss: where a start can be picked.
        solution: the weights at the minimum.
        colour: of the paths.
    """
    drawn = descent_tables(
        paths, contours=contours, directions=directions, tiles=tiles, solution=solution, step=step
    )  # fmt: skip
    return descent_form(drawn, colour=colour, title=title, said=descent_words(drawn))


def descent_tables(
    paths: pd.DataFrame,
    *,
    contours: pd.DataFrame,
    directions: pd.DataFrame,
    tiles: pd.DataFrame,
    solution: tuple[float, float],
    step: int,
) -> list[pa.Table]:
    """The tables of `descent`, which alone change with the step: what it draws with them is `descent_form`."""
    w1, w2, right, up = (directions[name].to_numpy() for name in ("w1", "w2", "x", "y"))
    allowed: dict[str, Any] = {str(name): values.to_list() for name, values in directions.items()}
    allowed |= {"x2": w1 + WEDGE * right, "y2": w2 + WEDGE * up}
    rows, walked, (start, now) = _up_to(step, paths)
    best = {"w1": [solution[0]], "w2": [solution[1]]}
    shares = [percent(share).replace(" ", "") for share in directions["share"]]
    labels = {"w1": w1 + 0.78 * WEDGE * right, "w2": w2 + 0.78 * WEDGE * up, "text": shares}
    half, middle = TILE / 2, {str(name): values.to_numpy() for name, values in tiles.items()}
    sides = {"left": middle["w1"] - half, "right": middle["w1"] + half}
    sides |= {"low": middle["w2"] - half, "high": middle["w2"] + half}
    made = [tables.few(columns) for columns in (allowed, best, labels, middle | sides)]
    return [arrow(contours), made[0], rows, walked, start, made[1], now, *made[2:]]


def descent_form(drawn: Sequence[pa.Table], *, colour: str, title: str, said: str) -> alt.LayerChart:
    """The chart `descent` of its tables; `said` is what they come to."""
    contours, allowed, rows, walked, start, best, now, labels, corners = drawn
    place: dict[str, Any] = {"x": alt.X("w1:Q", **_weight_axis("w₁")), "y": alt.Y("w2:Q", **_weight_axis("w₂"))}
    lines = alt.Chart(contours).mark_line(clip=True, color=style.NEUTRAL, opacity=0.45, strokeWidth=1)
    charts = [lines.encode(**place, order=alt.Order("order:Q"), detail=alt.Detail("loss:Q"))]
    cell = alt.Chart(allowed).mark_rect(clip=True, stroke=style.NEUTRAL, strokeWidth=1, strokeOpacity=0.7)
    fill = alt.FillOpacityValue(0.0, condition={"test": "datum.count > 0", "value": 0.26})
    charts.append(
        cell.encode(**place, x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"), color=alt.ColorValue(colour), fillOpacity=fill)
    )
    dash = alt.StrokeDash("updates:N", scale=alt.Scale(domain=list(UPDATES), range=UPDATE_DASHES), legend=None)
    for table, opacity, width in ((rows, 0.3, 1.2), (walked, 1.0, 2.4)):
        path = alt.Chart(table).mark_line(clip=True, opacity=opacity, strokeWidth=width, color=colour)
        charts.append(path.encode(**place, order=alt.Order("step:Q"), strokeDash=dash))
    for table, mark in zip((start, best, now), _marks(colour), strict=True):
        charts.append(alt.Chart(table).mark_point(clip=True, opacity=1, **mark).encode(**place))
    # A path may cross them.
    bold: dict[str, Any] = {"clip": True, "fontSize": 11, "fontWeight": "bold"}
    halo = alt.Chart(labels).mark_text(**bold, stroke="#ffffff", strokeWidth=3, color="#ffffff")
    ink = alt.Chart(labels).mark_text(**bold, color="#000000")
    hover = alt.selection_point(name="hover_tile", on="pointerover", clear="pointerout", empty=False)
    pick = alt.selection_point(name=START, fields=["w1", "w2"], on="click", clear=False, empty=False)
    charts += [each.encode(**place, text=alt.Text("text:N")) for each in (halo, ink)]
    charts.append(_tiles(corners, hover))
    return style.layered(charts, title, "", 330, hover, pick, pick_on=len(charts) - 1, said=said)


def descent_words(drawn: Sequence[pa.Table]) -> str:
    """What the chart `descent` comes to, of its tables: where its paths are, and the minimum."""
    best, now = drawn[5].to_pylist(), drawn[6].to_pylist()
    names = [*(f"{at['updates']}, step {at['step']:,}" for at in now), "minimum"]
    return style.read_out(names, [f"w₁ {number(at['w1'])}, w₂ {number(at['w2'])}" for at in [*now, *best]])


def _up_to(step: int, paths: pd.DataFrame) -> tuple[pa.Table, pa.Table, tuple[pa.Table, pa.Table]]:
    """The paths, that much of them, where they start, and where each of them is now."""
    finite = tables.whole(paths, ("w1", "w2", "loss"))
    rows = tables.few(tables.taken(paths, ["updates", "step", "w1", "w2"], np.flatnonzero(finite)))
    steps = rows["step"].to_numpy()
    walked = rows.filter(pa.array(steps <= step))
    now = {kind: place for place, kind in enumerate(walked["updates"].to_pylist())}
    ends = rows.take(np.flatnonzero(steps == 0)[:1]), walked.take(np.array(list(now.values()), np.int64))
    return rows, walked, (ends[0].select(["w1", "w2"]), ends[1])


def _marks(colour: str) -> tuple[dict[str, Any], ...]:
    """The marks of where a path starts, of the minimum, and of where the paths of that colour are now."""
    return (
        {"size": 110, "color": style.NEUTRAL, "strokeWidth": 2, "filled": False},
        {"size": 130, "color": style.NEUTRAL, "shape": "cross", "angle": 45, "filled": True},
        {"size": 90, "color": colour, "filled": True},
    )


def _tiles(corners: pa.Table, hover: alt.Parameter) -> alt.Chart:
    """Invisible tiles over a chart of two weights, which show where the mouse is."""
    tip = style.tip(("w1", "start here: w₁", ".2f"), ("w2", "w₂", ".2f"), ("loss", "loss", style.NUMBER))
    grid: alt.Chart = alt.Chart(corners).mark_rect(clip=True, color=style.NEUTRAL, cursor="crosshair", aria=False)
    return grid.encode(
        x=alt.X("left:Q", **_weight_axis("w₁")),
        x2=alt.X2("right:Q"),
        y=alt.Y("low:Q", **_weight_axis("w₂")),
        y2=alt.Y2("high:Q"),
        opacity=alt.OpacityValue(0.0, condition={"param": hover.name, "empty": False, "value": 0.35}),
        tooltip=tip,
    )


def _weight_axis(title: str) -> dict[str, Any]:
    ticks = list(range(math.ceil(-REACH), math.floor(REACH) + 1))
    return style.fixed(title, -REACH, REACH, values=ticks, format="d", grid=False)


def loss_over_steps(table: pd.DataFrame, *, functions: Sequence[str], goal: float) -> alt.LayerChart:
    """Loss as a share of the first loss over the steps of descent, on a log axis that ends at LEAST_SHARE.

    Args:
        table: columns function, updates, step, share (`core.lessons.zigzag.path_table`).
        functions: all functions that have a colour, in order.
        goal: the share that counts as arrived.
    """
    title, y_title = "Loss by step", "loss / loss at the start"
    share = table["share"].to_numpy()
    keep = np.flatnonzero(np.isfinite(share) & (share >= LEAST_SHARE))
    if not keep.size:
        return style.blank(title, "step", y_title)
    names, updates = (table[name].take(keep).to_list() for name in ("function", "updates"))
    drawn: dict[str, Any] = {"group": list(map(words, names)), "updates": updates}
    drawn |= {"step": table["step"].to_numpy()[keep], "share": share[keep]}
    present = [name for name in functions if name in names]
    shades = [colour for name, colour in zip(*style.group_colours(functions), strict=True) if name in present]
    named = [words(name) for name in present]
    colour = style.colour("group", named, shades, style.legend(named, strokes=True))
    kinds = [kind for kind in UPDATES if kind in updates]
    dashes = [dash for kind, dash in zip(UPDATES, UPDATE_DASHES, strict=True) if kind in kinds]
    dash = alt.StrokeDash("updates:N", scale=alt.Scale(domain=kinds, range=dashes), legend=None)
    x = alt.X("step:Q", **style.position("step", table["step"].to_numpy()))
    y = alt.Y("share:Q", **style.position(y_title, [*share[keep], goal, 1.0], "log"))
    pick = style.pick_group()
    tip = style.tip(
        ("group", "function"), ("updates", "update from"), ("step", "step", "d"), ("share", y_title, style.NUMBER)
    )
    base = alt.Chart(tables.few(drawn))
    line = base.mark_line(strokeWidth=2.2).encode(x=x, y=y, color=colour, strokeDash=dash, opacity=style.faded(pick))
    dots = base.mark_circle(size=60, opacity=0).encode(x=x, y=y, tooltip=tip)
    arrived = alt.Chart(tables.few({"share": [goal]})).mark_rule(color=style.NEUTRAL, strokeDash=[2, 3])
    lines = dict(zip(UPDATES, ("solid", "dashed"), strict=True))
    subtitle = ", ".join(f"{lines[kind]}: {kind}" for kind in kinds) + f"; dotted: {percent(goal)} of the first loss"
    ends = {(group, kind): place for place, (group, kind) in enumerate(zip(drawn["group"], updates, strict=True))}
    last = [f"{number(drawn['share'][place])} at step {drawn['step'][place]:,}" for place in ends.values()]
    said = f"Last: {style.read_out((f'{group}, {kind}' for group, kind in ends), last)}"
    return style.layered([line, dots, arrived.encode(y=y)], title, subtitle, 300, pick, said=said)


def _unit(column: str) -> Any:
    channel = alt.X if column.startswith("x") else alt.Y
    return channel(f"{column}:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=None)


def _columns(rows: Sequence[dict[str, Any]], *names: str) -> pa.Table:
    return tables.few({name: [row[name] for row in rows] for name in names})


def _text(rows: Sequence[dict[str, Any]], column: str, **mark: Any) -> alt.Chart:
    """Texts of `column` at x, y of the unit square."""
    look: dict[str, Any] = {"color": style.NEUTRAL, "fontSize": 12} | mark
    base: alt.Chart = alt.Chart(_columns(rows, "x", "y", column)).mark_text(**look)
    return base.encode(x=_unit("x"), y=_unit("y"), text=alt.Text(f"{column}:N"))
