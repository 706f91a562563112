"""Charts of activation functions: curves, what becomes of a Gaussian, and what they cost."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from core.charts import curves, rows, style, tables
from core.registries.activations import ACTIVATIONS
from core.results import summary
from core.text import number, percent, words

QUANTITIES = {"value": ("Output f(x)", "output h = f(x)"), "slope": ("Slope f'(x)", "slope f'(x)")}
UNBOUNDED = 2.0  # how far a curve without bound is drawn, so that those with one keep their shape
KINDS = {True: "needs eˣ", False: "no eˣ"}
PICK_ACTIVATION = "pick_activation"


def _look(names: Sequence[str], channel: str) -> list[Any]:
    """Colours or dashes of activations: a function has the same one whatever else is chosen."""
    chosen = style.Chosen(tuple(names), tuple(style.FUNCTIONS))
    return (style.group_colours if channel == "colour" else style.group_dashes)(chosen)[1]


def channels(names: Sequence[str]) -> tuple[alt.Color, alt.StrokeDash, alt.Parameter]:
    """Colour and dash by the column "activation", in words, in one legend, a click on which isolates a function."""
    said = list(map(words, names))
    key = style.legend(said, strokes=True)
    dashes = alt.Scale(domain=said, range=_look(names, "dash"))
    return (
        style.colour("activation", said, _look(names, "colour"), key),
        alt.StrokeDash("activation:N", scale=dashes, legend=key),
        alt.selection_point(name=PICK_ACTIVATION, fields=["activation"], bind="legend"),
    )


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(activation=table["activation"].map(words))


def middle(std: float, reach: float) -> pd.DataFrame:
    """Where 95 % of pre-activations of that standard deviation lie, on an axis to `reach` on either side."""
    rows = pd.DataFrame({"from": [max(-reach, -1.96 * std)], "to": [min(reach, 1.96 * std)]})
    rows.attrs["name"] = "middle"
    return rows


def function_curves(table: pd.DataFrame, *, names: Sequence[str], quantity: str, std: float = 1.0) -> alt.LayerChart:
    """f or f' of several activation functions on one axis: thick where they have slope, thin where saturated.

    Args:
        table: columns activation, x, value, slope, saturated.
        quantity: "value" or "slope".
        std: of the pre-activations; the range that holds 95 % of them is shaded, and nothing else follows it.
    """
    heading, y_title = QUANTITIES[quantity]
    limits = [ACTIVATIONS[name].range for name in names]
    functions = table["activation"].unique().tolist()
    place = tables.places(table["activation"], functions)
    along, heights, saturated = (table[name].to_numpy() for name in ("x", quantity, "saturated"))
    values = [0.0, float(heights.min()), float(heights.max())]
    if quantity == "value":
        values = [max(-UNBOUNDED, min(low for low, _ in limits)), min(UNBOUNDED, max(high for _, high in limits)), 0.0]
    reach = float(np.abs(along).max())
    x_axis = style.fixed("pre-activation x", -reach, reach, tickCount=6)
    y_axis = style.position(y_title, values)
    x, y = alt.X("x:Q", **x_axis), alt.Y(f"{quantity}:Q", **y_axis)
    colour, dash, pick = channels(names)
    said = list(map(words, functions))
    columns = {"activation": tables.texts(said, place), "x": along, quantity: heights}
    drawn = tables.few(columns | {"state": tables.texts(("not saturated", "saturated"), saturated)})
    # A line ends where a function saturates, and another one begins where it does no more.
    piece = np.cumsum(np.append(True, saturated[1:] != saturated[:-1]))
    pieces = drawn.append_column("piece", pa.array(piece)).filter(pa.array(~saturated))
    grey = alt.Chart(middle(std, reach)).mark_rect(color=style.NEUTRAL, opacity=0.13)
    zero = alt.Chart(tables.few({"zero": [0.0]})).mark_rule(color=style.NEUTRAL, strokeWidth=1)
    base = alt.Chart(drawn).encode(x=x, y=y, color=colour)
    thin = base.mark_line(strokeWidth=1.2, clip=True).encode(strokeDash=dash, opacity=style.faded(pick, 0.8))
    steep = alt.Chart(pieces).encode(x=x, y=y, color=colour)
    thick = steep.mark_line(strokeWidth=3.2, clip=True).encode(
        strokeDash=dash, detail=alt.Detail("piece:N"), opacity=style.faded(pick)
    )
    tip = style.tip(
        ("activation", "function"), ("x", "x", style.NUMBER), (quantity, y_title, style.NUMBER), ("state", "state")
    )
    dots = base.mark_point(filled=True, size=60, clip=True).encode(opacity=alt.OpacityValue(0), tooltip=tip)
    spans = [f"{number(least)} to {number(most)}" for least, most in zip(*summary.ends(place, heights), strict=True)]
    return style.layered(
        [
            thin,
            grey.encode(x=alt.X("from:Q", **x_axis), x2=alt.X2("to:Q")),
            zero.encode(y=alt.Y("zero:Q", **y_axis)),
            thick,
            dots,
        ],
        heading,
        "thin: saturated; grey: 95 % of the pre-activations",
        280,
        pick,
        said=f"For x from {number(-reach)} to {number(reach)}: {style.read_out(said, spans)}",
    )


def output_distributions(histogram: pd.DataFrame, *, outputs: pd.DataFrame) -> alt.LayerChart:
    """The distribution of each function's output in a row of its own, with 0 and the mean marked.

    Args:
        histogram: columns activation, left, right, share (of the sample) and expected (by quadrature).
        outputs: a row for each function, in order: columns activation, std, mean, saturated, n.
    """
    title = "Distribution of the output h = f(a)"
    names = outputs["activation"].to_list()
    said = list(map(words, names))
    std, n = outputs["std"].iloc[0], outputs["n"].iloc[0]
    place = tables.places(histogram["activation"], names)
    order = np.lexsort((histogram["left"].to_numpy(), place))
    table = {name: histogram[name].to_numpy()[order] for name in ("left", "right", "share", "expected")}
    table |= {"place": place[order], "range": np.array(tables.interval_text(table["left"], table["right"]))}
    notes = [f"mean {_mean_text(mean)}" for mean in outputs["mean"]]
    domain = (float(table["left"].min()), float(table["right"].max()))
    chart = rows.bars(
        table,
        said,
        notes,
        title=title,
        subtitle=f"bars: {n:,} samples of a ~ N(0, {std:g}²); dashed: theory; ◆: mean; solid line: 0",
        x_title="output h",
        y_title="activation function",
        domain=domain,
        colour=style.colour("group", said, _look(names, "colour"), None),
        own_peak=True,
        reference=True,
    )
    x: dict[str, Any] = {"scale": alt.Scale(domain=list(domain), nice=False, zero=False)}
    y = style.row_axis("activation function", len(names))
    rule = alt.Chart(tables.few({"zero": [0.0]}), name="layer_zero").mark_rule(color=style.NEUTRAL, strokeWidth=1.5)
    means = tables.few({"activation": said, "mean": outputs["mean"].to_numpy(), "y": np.arange(len(names)) + 0.98})
    mark = alt.Chart(means, name="layer_mean").mark_point(
        shape="diamond", filled=True, size=130, color=style.NEUTRAL, opacity=1, stroke="white", strokeWidth=1
    )
    tip = style.tip(("activation", "function"), ("mean", "mean output", style.NUMBER))
    chart.layer += [
        rule.encode(x=alt.X("zero:Q", **x)),
        mark.encode(x=alt.X("mean:Q", **x), y=alt.Y("y:Q", **y), tooltip=tip),
    ]
    return chart


def _mean_text(value: float) -> str:
    """A number of at most three decimals with a real minus sign; what quadrature leaves of 0 is 0."""
    return f"{value:.3f}".replace("-0.000", "0.000").replace("-", "\N{MINUS SIGN}")


def saturation_by_std(table: pd.DataFrame, *, names: Sequence[str], outputs: pd.DataFrame) -> alt.LayerChart:
    """Share saturated against the standard deviation of a Gaussian pre-activation, with the sample's at one.

    Args:
        table: columns activation, std, saturated.
        outputs: a row for each function: activation, std, sample_saturated, sample_saturated_error, n.
    """
    x_title, y_title = "standard deviation of the pre-activation", "share saturated"
    std, n = outputs["std"].iloc[0], outputs["n"].iloc[0]
    functions = tables.texts(list(map(words, names)), tables.places(table["activation"], names))
    lines = {"activation": functions, "std": table["std"].to_numpy(), "saturated": table["saturated"].to_numpy()}
    x_axis = style.position(x_title, lines["std"], "log")
    y_axis = style.position(y_title, (), "share")
    colour, dash, pick = channels(names)
    base = alt.Chart(tables.few(lines))
    base = base.encode(x=alt.X("std:Q", **x_axis), y=alt.Y("saturated:Q", **y_axis), color=colour)
    line = base.mark_line(strokeWidth=2.2).encode(strokeDash=dash, opacity=style.faded(pick))
    at = alt.Chart(tables.few({"std": [std]})).mark_rule(color=style.NEUTRAL, strokeWidth=1.5)
    share, two = outputs["sample_saturated"].to_numpy(), 2.0 * outputs["sample_saturated_error"].to_numpy()
    columns = ["activation", "std", "sample_saturated", "sample_saturated_error", "saturated", "n"]
    drawn: dict[str, Any] = {name: outputs[name].to_list() for name in columns}
    drawn["activation"] = said = list(map(words, drawn["activation"]))
    drawn |= {"low": (share - two).clip(0, 1), "high": (share + two).clip(0, 1)}
    dot = alt.Chart(tables.few(drawn)).encode(x=alt.X("std:Q", **x_axis), color=colour)
    tip = style.tip(
        ("activation", "function"),
        ("std", "std of a", style.NUMBER),
        ("saturated", "saturated, theory", ".4~p"),
        ("sample_saturated", "saturated, sample", ".4~p"),
        ("sample_saturated_error", "its standard error", ".2~p"),
        ("n", "samples", ",d"),
    )
    opacity = style.faded(pick)
    shares = style.read_out(said, map(percent, drawn["saturated"]))
    return style.layered(
        [
            line,
            at.encode(x=alt.X("std:Q", **x_axis)),
            dot.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **y_axis), y2=alt.Y2("high:Q"), opacity=opacity),
            dot.mark_point(filled=True, size=70).encode(
                y=alt.Y("sample_saturated:Q", **y_axis), opacity=opacity, tooltip=tip
            ),
        ],
        "Share saturated by spread",
        f"lines: theory; dots at {std:g}: {n:,} samples, ± 2 standard errors",
        260,
        pick,
        said=f"With a standard deviation of {std:g}: {shares}",
    )


def activation_costs(table: pd.DataFrame, *, dtype: str) -> alt.LayerChart:
    """Measured time per element, forward and backward, of every function, the cheapest first.

    Args:
        table: columns activation, dtype, direction, seconds_per_element, repeats, needs_exponential.
    """
    title = "Time per element"
    x_title, y_title = "nanoseconds per element", "activation function"
    part = _in_words(tables.masked(table[table["dtype"] == dtype], ["seconds_per_element"])[0])
    if part.empty:
        return style.blank(title, x_title, y_title)
    wide = part.assign(ns=1e9 * part["seconds_per_element"]).pivot_table(
        index=["activation", "needs_exponential"], columns="direction", values="ns"
    )
    wide = wide.assign(total=wide["forward"] + wide["backward"]).sort_values("total", kind="stable").reset_index()
    wide["kind"] = wide["needs_exponential"].map(KINDS)
    wide["place"] = np.arange(len(wide))
    wide["top"], wide["base"] = wide["place"] + 0.52, wide["place"] + 0.94
    names = pd.DataFrame(
        {
            "group": wide["activation"],
            "note": [f"{a:.2f} + {b:.2f} ns" for a, b in zip(wide["forward"], wide["backward"], strict=True)],
        }
    )
    x_axis = style.fixed(x_title, 0, float(wide["total"].max()) * 1.04, tickCount=6)
    y_axis = style.row_axis(y_title, len(wide))
    kinds = list(KINDS.values())
    key = style.legend(kinds)
    key.symbolOpacity = 1
    colour = style.colour("kind", kinds, style.PALETTE[1:3], key)
    tip = style.tip(
        ("activation", "function"),
        ("forward", "forward (ns)", ".3~f"),
        ("backward", "backward (ns)", ".3~f"),
        ("total", "both (ns)", ".3~f"),
        ("kind", "eˣ"),
    )
    columns = ["activation", "kind", "forward", "backward", "total", "top", "base"]
    base = alt.Chart(wide[columns]).encode(y=alt.Y("top:Q", **y_axis), y2=alt.Y2("base:Q"), color=colour, tooltip=tip)
    forward = base.mark_rect().encode(x=alt.X("zero:Q", **x_axis), x2=alt.X2("forward:Q")).transform_calculate(zero="0")
    backward = base.mark_rect(**style.PALE).encode(x=alt.X("forward:Q", **x_axis), x2=alt.X2("total:Q"))
    backward = backward.encode(stroke=style.edged(colour))
    times = [f"{a:.2f} ns forward, {b:.2f} ns backward" for a, b in zip(wide["forward"], wide["backward"], strict=True)]
    return style.layered(
        [forward, backward, *style.row_names(names, y_axis)],
        title,
        f"{dtype}; solid: forward, pale: backward; cheapest first",
        36 * len(wide),
        said=style.read_out(wide["activation"], times),
    )


def step_shares(table: pd.DataFrame) -> alt.LayerChart:
    """The activation functions' share of the time of a whole training step, against layer width.

    Args:
        table: columns activation, dtype, width, seconds_per_step, seconds_in_activation, share, repeats.
    """
    title = "Share of a training step"
    x_title, y_title = "units in each layer", "share of the step's time"
    table = tables.masked(table, ["share", "width"], log=["width"])[0]
    if table.empty:
        return style.blank(title, x_title, y_title)
    names = [name for name in ACTIVATIONS if name in set(table["activation"])]
    widths = sorted({float(width) for width in table["width"]})
    x = alt.X("width:Q", **style.position(x_title, widths, "log", widths))
    high = float(table["share"].max()) * 1.1
    y = alt.Y("share:Q", **style.fixed(y_title, 0, high, format=".0%" if high > 0.05 else ".1%", tickCount=6))
    colour, dash, pick = channels(names)
    table = _in_words(table)
    drawn = table.assign(microseconds=1e6 * table["seconds_per_step"])
    base = alt.Chart(drawn[["activation", "width", "share", "microseconds", "repeats"]]).encode(x=x, y=y, color=colour)
    tip = style.tip(
        ("activation", "function"),
        ("width", "units in each layer", "d"),
        ("share", y_title, ".3~p"),
        ("microseconds", "whole step (µs)", ".4~g"),
        ("repeats", "repeats", "d"),
    )
    line = base.mark_line(strokeWidth=2.2).encode(strokeDash=dash, opacity=style.faded(pick))
    dots = base.mark_point(filled=True, size=60).encode(opacity=style.faded(pick), tooltip=tip)
    subtitle = f"{table['dtype'].iloc[0]}; passes through all hidden layers, both ways"
    said = style.extremes(table, "share", "{activation} with {width:g} units", percent)
    return style.layered([line, dots], title, subtitle, curves.HEIGHT, pick, said=said)
