"""Charts of the two small worlds of `core.neuron`: the drawn network, and descent over two weights."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from core.charts import style, tables
from core.lessons import number, words
from core.lessons.zigzag import REACH, TILE, UPDATES

POSITIVE, NEGATIVE = style.PALETTE[:2]
SIGNS = {"positive": POSITIVE, "negative": NEGATIVE, "zero": style.NEUTRAL}
COMMON = style.PALETTE[5]  # the factors that both gradients share, here and in the formulas
PLACES = {
    "x1": (0.07, 0.80),
    "x2": (0.07, 0.20),
    "h21": (0.37, 0.80),
    "h22": (0.37, 0.20),
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
    "w1": (0.5, 8, -9),
    "w2": (0.5, 8, 13),
    "v": (0.5, 0, -9),
}
PATTERNS = {"++": "both positive", "-+": "w₁ −, w₂ +", "--": "both negative", "+-": "w₁ +, w₂ −", "zero": "one is 0"}
START = "pick_start"
WEDGE = 0.8


def drawn_network(table: pd.DataFrame, *, bracket: float) -> alt.LayerChart:
    """The drawn network with every value on it: colour is sign, thickness is size.

    Args:
        table: columns kind, name, value, start, end, preactivation, gradient
            (`core.lessons.gradient_paths.network_table`).
        bracket: the common factor of the gradients of w1 and w2.
    """
    table = table.assign(label=table["name"].map(LABELS), text=[number(value) for value in table["value"]])
    table["sign"] = ["positive" if value > 0 else "negative" if value < 0 else "zero" for value in table["value"]]
    nodes = table[table["name"].isin(PLACES)].copy()
    nodes["x"], nodes["y"] = zip(*nodes["name"].map(PLACES), strict=True)
    nodes["below"] = ["" if math.isnan(a) else f"a = {number(a)}" for a in nodes["preactivation"]]
    value = table.set_index("name")["text"]
    ends = f"t = {value['target']}\nL = {value['loss']}"

    edges = table[table["kind"] == "weight"].copy()
    edges["x"], edges["y"] = zip(*edges["start"].map(PLACES), strict=True)
    edges["x2"], edges["y2"] = zip(*edges["end"].map(PLACES), strict=True)
    edges["width"] = np.clip(1.0 + 2.2 * edges["value"].abs(), 1.0, 8.0)
    edges["text"] = edges["label"] + " = " + edges["text"]

    key = alt.Legend(title=None, orient="bottom", symbolType="circle")
    colour = alt.Color("sign:N", scale=alt.Scale(domain=list(SIGNS), range=list(SIGNS.values())), legend=key)
    common = pd.DataFrame({"x": [0.575], "x2": [1.0], "y": [0.31], "y2": [0.66]})
    rect = alt.Chart(common).mark_rect(color=COMMON, opacity=0.16, cornerRadius=8)
    charts = [rect.encode(x=_unit("x"), x2="x2:Q", y=_unit("y"), y2="y2:Q")]
    tip = style.tip(("label", "weight"), ("value", "value", style.NUMBER), ("gradient", "gradient", style.NUMBER))
    lines = alt.Chart(edges[["label", "value", "gradient", "sign", "x", "y", "x2", "y2", "width"]]).mark_rule()
    charts.append(
        lines.encode(
            x=_unit("x"), y=_unit("y"), x2="x2:Q", y2="y2:Q", color=colour,
            strokeWidth=alt.StrokeWidth("width:Q", scale=None), tooltip=tip,
        )
    )  # fmt: skip
    tip = style.tip(("label", "value of"), ("value", "value", style.NUMBER))
    discs = alt.Chart(nodes[["label", "value", "sign", "x", "y"]]).mark_circle(size=1700, opacity=1)
    charts.append(discs.encode(x=_unit("x"), y=_unit("y"), color=colour, tooltip=tip))
    charts.append(_text(nodes, "text", color="white", fontWeight="bold", fontSize=12))
    charts.append(_text(nodes, "label", dy=-29, fontWeight="bold", fontSize=13))
    charts.append(_text(nodes[nodes["below"] != ""], "below", dy=31))
    for name, (along, dx, dy) in LABEL_PLACES.items():
        edge = edges[edges["name"] == name]
        spot = edge.assign(
            x=edge["x"] + along * (edge["x2"] - edge["x"]), y=edge["y"] + along * (edge["y2"] - edge["y"])
        )
        charts.append(_text(spot, "text", dx=dx, dy=dy, align="left" if dx else "center"))
    charts.append(_text(pd.DataFrame({"x": [0.93], "y": [0.5], "text": [ends]}), "text", dy=31, lineBreak="\n"))
    gradient = edges.set_index("name")["gradient"]
    notes = pd.DataFrame(
        {
            "x": [0.53, 0.53],
            "y": [0.86, 0.14],
            "text": [f"∂L/∂{LABELS[name]} = {number(gradient[name])}" for name in ("w1", "w2")],
            "sign": [
                "positive" if gradient[name] > 0 else "negative" if gradient[name] < 0 else "zero"
                for name in ("w1", "w2")
            ],
        }
    )
    gradients = alt.Chart(notes).mark_text(align="left", fontSize=14, fontWeight="bold")
    charts.append(gradients.encode(x=_unit("x"), y=_unit("y"), text="text:N", color=colour))
    shared = pd.DataFrame({"x": [0.79], "y": [0.70], "text": [f"common factor {number(bracket)}"]})
    charts.append(_text(shared, "text", color=COMMON, fontWeight="bold"))
    return style.layered(charts, "The drawn network", "colour: sign; thickness of a line: size of the weight", 340)


def quadrants(table: pd.DataFrame, *, step: tuple[float, float], own: tuple[float, float]) -> alt.LayerChart:
    """Where a step of descent on one example can take (w1, w2), and where it does.

    Args:
        table: columns w1, w2 (+1 or -1), pattern, allowed, taken (`core.lessons.gradient_paths.quadrant_table`).
        step: the actual step at learning rate 1.
        own: the weights' own factors, h21 and h22: the step lies on the line through 0 in this direction.
    """
    reach = 1.35 * max(abs(step[0]), abs(step[1])) or 1.0
    axes: dict[str, dict[str, Any]] = {
        name: {"scale": alt.Scale(domain=[-reach, reach], nice=False), "axis": alt.Axis(title=title, tickCount=5)}
        for name, title in (("x", "change of w₁ (learning rate 1)"), ("y", "change of w₂ (learning rate 1)"))
    }
    area = table.assign(x=0.0, y=0.0, x2=reach * table["w1"], y2=reach * table["w2"])
    area["text"] = ["can be reached" if allowed else "never on this example" for allowed in area["allowed"]]
    corner = alt.Chart(area[["x", "y", "x2", "y2", "text", "allowed", "pattern"]])
    fill = alt.condition("datum.allowed", alt.value(POSITIVE), alt.value(style.NEUTRAL))
    shade = alt.condition("datum.allowed", alt.value(0.28), alt.value(0.07))
    x, y = alt.X("x:Q", **axes["x"]), alt.Y("y:Q", **axes["y"])
    tip = style.tip(("pattern", "signs of the step"), ("text", "this quadrant"))
    rect = corner.mark_rect().encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=fill, opacity=shade, tooltip=tip)
    place = area.assign(x=0.55 * area["x2"], y=0.9 * area["y2"])
    names = alt.Chart(place[["x", "y", "text"]]).mark_text(color=style.NEUTRAL, fontSize=12)
    charts = [rect, names.encode(x=x, y=y, text="text:N")]

    longest = max(abs(own[0]), abs(own[1]))
    if longest > 0:
        far = [reach * value / longest for value in own]
        ends = pd.DataFrame({"x": [-far[0]], "y": [-far[1]], "x2": [far[0]], "y2": [far[1]]})
        line = alt.Chart(ends).mark_rule(color=style.NEUTRAL, strokeDash=[4, 4], strokeWidth=1.5)
        charts.append(line.encode(x=x, y=y, x2="x2:Q", y2="y2:Q"))
    if step != (0.0, 0.0):
        taken = pd.DataFrame({"x": [0.0], "y": [0.0], "x2": [step[0]], "y2": [step[1]]})
        charts.append(alt.Chart(taken).mark_rule(color=NEGATIVE, strokeWidth=4).encode(x=x, y=y, x2="x2:Q", y2="y2:Q"))
        tip = style.tip(("x2", "change of w₁", style.NUMBER), ("y2", "change of w₂", style.NUMBER))
        turn = alt.ExprRef(f"atan2({step[0]!r} * width, {step[1]!r} * height) * 180 / PI")
        head = alt.Chart(taken).mark_point(
            shape="triangle-up", size=260, filled=True, opacity=1, color=NEGATIVE, angle=turn
        )
        charts.append(head.encode(x=alt.X("x2:Q", **axes["x"]), y=alt.Y("y2:Q", **axes["y"]), tooltip=tip))
    title = "Where this example's step can go"
    return style.layered(charts, title, "arrow: the step taken; dashed: the line it cannot leave", 320)


def sign_combinations(table: pd.DataFrame) -> alt.LayerChart:
    """How often each combination of signs of the two gradients occurs over random examples.

    Args:
        table: columns function, pattern, count, share, examples (`core.lessons.gradient_paths.combination_table`).
    """
    functions = list(dict.fromkeys(table["function"]))
    zeros = table.loc[table["pattern"] == "zero", "count"].sum()
    patterns = {pattern: text for pattern, text in PATTERNS.items() if pattern != "zero" or zeros}
    drawn = table[table["pattern"].isin(patterns)].rename(columns={"function": "group"})
    drawn = drawn.assign(signs=drawn["pattern"].map(patterns))
    drawn["label"] = [
        "0" if count == 0 else tables.share_text(share)
        for count, share in zip(drawn["count"], drawn["share"], strict=True)
    ]
    drawn["label"] = drawn["label"].str.replace(" ", "")
    drawn["group"] = drawn["group"].map(words)
    groups = [words(name) for name in functions]
    top = max(0.5, 1.15 * float(drawn["share"].max()))
    x = alt.X(
        "signs:N", scale=alt.Scale(domain=list(patterns.values()), paddingInner=0.2),
        axis=alt.Axis(title="signs of the two gradients", labelAngle=0, labelLimit=90),
    )  # fmt: skip
    y = alt.Y(
        "share:Q", scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(title="share of the examples", format="%", tickCount=5),
    )  # fmt: skip
    offset = alt.XOffset("group:N", scale=alt.Scale(domain=groups))
    tip = style.tip(("group", "function"), ("signs", "signs"), ("count", "examples", ",d"), ("examples", "of", ",d"))
    base = alt.Chart(drawn[["group", "signs", "count", "share", "examples", "label"]])
    pick = style.pick_group()
    bars = base.mark_bar().encode(
        x=x, y=y, xOffset=offset, color=style.group_colour(groups), tooltip=tip, opacity=style.faded(pick)
    )
    text = base.mark_text(dy=-6, fontSize=10, color=style.NEUTRAL).encode(x=x, y=y, xOffset=offset, text="label:N")
    subtitle = f"{int(table['examples'].iloc[0]):,} random examples for each function"
    return style.layered([bars, text], "Signs of the gradients of w₁ and w₂", subtitle, 300, pick)


def descent(
    paths: pd.DataFrame,
    *,
    contours: pd.DataFrame,
    directions: pd.DataFrame,
    tiles: pd.DataFrame,
    solution: tuple[float, float],
    step: int,
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
    """
    axes: dict[str, dict[str, Any]] = {
        channel: {
            "scale": alt.Scale(domain=[-REACH, REACH], nice=False),
            "axis": alt.Axis(title=text, values=list(range(-3, 4)), format="d", grid=False),
        }
        for channel, text in (("x", "w₁"), ("y", "w₂"))
    }
    x, y = alt.X("w1:Q", **axes["x"]), alt.Y("w2:Q", **axes["y"])
    lines = alt.Chart(contours).mark_line(clip=True, color=style.NEUTRAL, opacity=0.45, strokeWidth=1)
    charts = [lines.encode(x=x, y=y, order="order:Q", detail="loss:Q")]

    colour = style.group_colour(UPDATES)
    allowed = directions.assign(
        x2=directions["w1"] + WEDGE * directions["x"], y2=directions["w2"] + WEDGE * directions["y"]
    )
    allowed["label"] = [tables.share_text(share).replace(" ", "") for share in allowed["share"]]
    base = alt.Chart(allowed)
    fill = alt.condition("datum.count > 0", alt.value(POSITIVE), alt.value(style.NEUTRAL))
    depth = alt.condition("datum.count > 0", alt.value(0.34), alt.value(0.10))
    charts.append(base.mark_rect(clip=True).encode(x=x, y=y, x2="x2:Q", y2="y2:Q", color=fill, opacity=depth))
    rows = paths.rename(columns={"updates": "group"})
    rows = tables.masked(rows, ["w1", "w2", "loss"])[0]
    for table, opacity, width in ((rows, 0.3, 1.2), (rows[rows["step"] <= step], 1.0, 2.4)):
        path = alt.Chart(table[["group", "step", "w1", "w2"]]).mark_line(clip=True, opacity=opacity, strokeWidth=width)
        charts.append(path.encode(x=x, y=y, order="step:Q", color=colour))
    now = rows[rows["step"] == step]
    begin = rows[rows["step"] == 0].head(1)
    middle = allowed.assign(
        w1=allowed["w1"] + 0.72 * WEDGE * allowed["x"], w2=allowed["w2"] + 0.72 * WEDGE * allowed["y"]
    )
    charts.append(
        alt.Chart(middle)
        .mark_text(clip=True, fontSize=10, color=style.NEUTRAL, fontWeight="bold")
        .encode(x=x, y=y, text="label:N")
    )
    charts.append(
        alt.Chart(begin[["w1", "w2"]])
        .mark_point(size=110, color=style.NEUTRAL, strokeWidth=2, clip=True)
        .encode(x=x, y=y)
    )
    best = pd.DataFrame({"w1": [solution[0]], "w2": [solution[1]]})
    charts.append(
        alt.Chart(best)
        .mark_point(shape="cross", size=130, color=style.NEUTRAL, filled=True, opacity=1, angle=45)
        .encode(x=x, y=y)
    )
    charts.append(
        alt.Chart(now[["group", "w1", "w2"]]).mark_circle(size=90, opacity=1, clip=True).encode(x=x, y=y, color=colour)
    )

    half = TILE / 2
    corners = tiles.assign(
        left=tiles["w1"] - half, right=tiles["w1"] + half, low=tiles["w2"] - half, high=tiles["w2"] + half
    )
    hover = alt.selection_point(name="hover_tile", on="pointerover", clear="pointerout", empty=False)
    pick = alt.selection_point(name=START, fields=["w1", "w2"], on="click", clear=False, empty=False)
    tip = style.tip(("w1", "start here: w₁", ".2f"), ("w2", "w₂", ".2f"), ("loss", "loss", style.NUMBER))
    grid = alt.Chart(corners).mark_rect(clip=True, color=style.NEUTRAL, cursor="crosshair").encode(
        x=alt.X("left:Q", **axes["x"]), x2="right:Q", y=alt.Y("low:Q", **axes["y"]), y2="high:Q",
        opacity=alt.when(hover).then(alt.value(0.35)).otherwise(alt.value(0.0)), tooltip=tip,
    )  # fmt: skip
    charts.append(grid.add_params(hover, pick))
    return style.layered(charts, title, "", 320)


def loss_over_steps(table: pd.DataFrame, *, groups: Sequence[str], goal: float) -> alt.LayerChart:
    """Loss as a share of the first loss over the steps of descent, on a log axis; dashed where the goal lies.

    Args:
        table: columns group, step, share.
        groups: all groups, in order.
        goal: the share that counts as arrived.
    """
    title, y_title = "Loss by step", "loss / loss at the start"
    drawn = tables.masked(table, ["share"], log=["share"])[0]
    drawn = drawn[drawn["share"] >= 1e-6]
    x = alt.X("step:Q", **style.position("step", table["step"]))
    y = alt.Y("share:Q", **style.position(y_title, [*drawn["share"], goal, 1.0], "log"))
    pick = style.pick_group()
    tip = style.tip(("group", "group"), ("step", "step", "d"), ("share", y_title, style.NUMBER))
    base = alt.Chart(drawn[["group", "step", "share"]])
    line = base.mark_line(strokeWidth=2.2).encode(
        x=x, y=y, color=style.group_colour(groups), strokeDash=style.group_dash(groups), opacity=style.faded(pick)
    )
    dots = base.mark_circle(size=60, opacity=0).encode(x=x, y=y, tooltip=tip)
    arrived = alt.Chart(pd.DataFrame({"share": [goal]})).mark_rule(color=style.NEUTRAL, strokeDash=[5, 4])
    subtitle = f"dashed: {tables.share_text(goal)} of the first loss"
    return style.layered([line, dots, arrived.encode(y=y)], title, subtitle, 300, pick)


def _unit(column: str) -> Any:
    channel = alt.X if column.startswith("x") else alt.Y
    return channel(f"{column}:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=None)


def _text(table: pd.DataFrame, column: str, **mark: Any) -> alt.Chart:
    """Texts of `column` at x, y of the unit square."""
    look: dict[str, Any] = {"color": style.NEUTRAL, "fontSize": 12} | mark
    base: alt.Chart = alt.Chart(table[["x", "y", column]]).mark_text(**look)
    return base.encode(x=_unit("x"), y=_unit("y"), text=f"{column}:N")
