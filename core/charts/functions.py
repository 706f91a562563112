"""Charts of activation functions: curves, what becomes of a Gaussian, and what they cost."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.activations import ACTIVATIONS
from core.charts import curves, rows, style, tables, vega

QUANTITIES = {"value": ("Output f(x)", "output h = f(x)"), "slope": ("Slope f'(x)", "slope f'(x)")}
UNBOUNDED = 2.0  # how far a curve without bound is drawn, so that those with one keep their shape
KINDS = {True: "needs eˣ", False: "no eˣ"}
# The first ones as on other pages; each hard function has the colour of the soft one that it stands in for, dashed.
ORDER = dict.fromkeys(
    (
        *("logistic", "tanh", "centred_logistic", "steep_logistic", "steep_centred_logistic", "softsign", "relu"),
        *("lecun_tanh", "hard_logistic", "hard_tanh"),
        *ACTIVATIONS,
    )
)
PICK_ACTIVATION = "pick_activation"


def _look(names: Sequence[str], channel: str) -> list[Any]:
    """Colours or dashes of activations: a function has the same one whatever else is chosen."""
    find = style.group_colours if channel == "colour" else style.group_dashes
    of = dict(zip(*find(list(ORDER)), strict=True))
    return [of[name] for name in names]


def activation_colour(names: Sequence[str]) -> vega.Part:
    """Colour by the column "activation"."""
    scale = {"domain": list(names), "range": _look(names, "colour")}
    return vega.column("activation:N", scale=scale, legend=style.legend(names, strokes=True))


def activation_dash(names: Sequence[str]) -> vega.Part:
    """Dash by the column "activation", in one legend with its colour."""
    scale = {"domain": list(names), "range": _look(names, "dash")}
    return vega.column("activation:N", scale=scale, legend=style.legend(names, strokes=True))


def function_curves(
    table: pd.DataFrame, *, names: Sequence[str], quantity: str, std: float, title: str | None = None
) -> vega.Chart:
    """f or f' of several activation functions on one axis: thick where they have slope, thin where saturated.

    Args:
        table: columns activation, x, value, slope, saturated.
        names: the functions, in order.
        quantity: "value" or "slope".
        std: of the pre-activations; the range that holds 95 % of them is shaded.
    """
    heading, y_title = QUANTITIES[quantity]
    limits = [ACTIVATIONS[name].range for name in names]
    values = [0.0, *table[quantity]]
    if quantity == "value":
        values = [max(-UNBOUNDED, min(low for low, _ in limits)), min(UNBOUNDED, max(high for _, high in limits)), 0.0]
    reach = float(table["x"].abs().max())
    x_axis: dict[str, Any] = {
        "scale": {"domain": [-reach, reach], "nice": False},
        "axis": {"title": "pre-activation x", "tickCount": 6},
    }
    y_axis = style.position(y_title, values)
    x, y = vega.column("x:Q", **x_axis), vega.column(f"{quantity}:Q", **y_axis)
    colour, dash = activation_colour(names), activation_dash(names)
    pick = vega.legend_pick(PICK_ACTIVATION, "activation")
    table = table.assign(
        state=np.where(table["saturated"], "saturated", "not saturated"),
        piece=(table["saturated"] != table["saturated"].shift()).cumsum(),
    )
    columns = ["activation", "x", quantity, "state"]
    middle = pd.DataFrame({"from": [max(-reach, -1.96 * std)], "to": [min(reach, 1.96 * std)]})
    grey = vega.Layer(middle).mark("rect", color=style.NEUTRAL, opacity=0.13)
    zero = vega.Layer(pd.DataFrame({"zero": [0.0]})).mark("rule", color=style.NEUTRAL, strokeWidth=1)
    base = vega.Layer(table[columns]).encode(x=x, y=y, color=colour)
    thin = base.mark("line", strokeWidth=1.2, clip=True).encode(strokeDash=dash, opacity=style.faded(pick, 0.8))
    steep = vega.Layer(table.loc[~table["saturated"], [*columns, "piece"]]).encode(x=x, y=y, color=colour)
    thick = steep.mark("line", strokeWidth=3.2, clip=True).encode(
        strokeDash=dash, detail=vega.column("piece:N"), opacity=style.faded(pick)
    )
    tip = style.tip(
        ("activation", "function"), ("x", "x", style.NUMBER), (quantity, y_title, style.NUMBER), ("state", "state")
    )
    dots = base.mark("point", filled=True, size=60, clip=True).encode(opacity={"value": 0}, tooltip=tip)
    return style.layered(
        [
            thin,
            grey.encode(x=vega.column("from:Q", **x_axis), x2=vega.column("to")),
            zero.encode(y=vega.column("zero:Q", **y_axis)),
            thick,
            dots,
        ],
        title or heading,
        "thin: saturated; grey: 95 % of the pre-activations",
        280,
        pick,
    )


def output_distributions(
    histogram: pd.DataFrame, *, outputs: pd.DataFrame, title: str = "Distribution of the output h = f(a)"
) -> vega.Chart:
    """The distribution of each function's output in a row of its own, with 0 and the mean marked.

    Args:
        histogram: columns activation, left, right, share (of the sample) and expected (by quadrature).
        outputs: a row for each function, in order: columns activation, std, mean, saturated, n.
    """
    names = outputs["activation"].to_list()
    std, n = outputs["std"].iloc[0], outputs["n"].iloc[0]
    table = histogram.assign(
        group=histogram["activation"],
        place=histogram["activation"].map({name: i for i, name in enumerate(names)}),
        range=tables.interval_text(histogram["left"], histogram["right"]),
    ).sort_values(["place", "left"], kind="stable")
    notes = [f"mean {_mean_text(mean)}" for mean in outputs["mean"]]
    domain = (float(table["left"].min()), float(table["right"].max()))
    chart = rows.bars(
        table,
        pd.DataFrame({"group": names, "note": notes}),
        title=title,
        subtitle=f"bars: {n:,} samples of a ~ N(0, {std:g}²); dashed: theory; ◆: mean; solid line: 0",
        x_title="output h",
        y_title="activation function",
        domain=domain,
        colour=vega.column("group:N", scale={"domain": names, "range": _look(names, "colour")}, legend=None),
        own_peak=True,
        reference=True,
    )
    x: dict[str, Any] = {"scale": {"domain": list(domain), "nice": False, "zero": False}}
    y = style.row_axis("activation function", len(names))
    zero = pd.DataFrame({"zero": [0.0]})
    rule = vega.Layer(zero, name="layer_zero").mark("rule", color=style.NEUTRAL, strokeWidth=1.5)
    means = outputs[["activation", "mean"]].assign(y=np.arange(len(names)) + 0.98)
    mark = vega.Layer(means, name="layer_mean").mark(
        "point", shape="diamond", filled=True, size=130, color=style.NEUTRAL, opacity=1, stroke="white", strokeWidth=1
    )
    tip = style.tip(("activation", "function"), ("mean", "mean output", style.NUMBER))
    chart.layers += [
        rule.encode(x=vega.column("zero:Q", **x)),
        mark.encode(x=vega.column("mean:Q", **x), y=vega.column("y:Q", **y), tooltip=tip),
    ]
    return chart


def _mean_text(value: float) -> str:
    """A number of at most three decimals with a real minus sign; what quadrature leaves of 0 is 0."""
    return f"{value:.3f}".replace("-0.000", "0.000").replace("-", "\N{MINUS SIGN}")


def saturation_by_std(
    table: pd.DataFrame, *, names: Sequence[str], outputs: pd.DataFrame, title: str | None = None
) -> vega.Chart:
    """Share saturated against the standard deviation of a Gaussian pre-activation, with the sample's at one.

    Args:
        table: columns activation, std, saturated.
        names: the functions, in order.
        outputs: a row for each function: activation, std, sample_saturated, sample_saturated_error, n.
    """
    x_title, y_title = "standard deviation of the pre-activation", "share saturated"
    std, n = outputs["std"].iloc[0], outputs["n"].iloc[0]
    x_axis = style.position(x_title, table["std"], "log")
    y_axis = style.position(y_title, (), "share")
    colour, dash = activation_colour(names), activation_dash(names)
    pick = vega.legend_pick(PICK_ACTIVATION, "activation")
    base = vega.Layer(table[["activation", "std", "saturated"]]).encode(
        x=vega.column("std:Q", **x_axis), y=vega.column("saturated:Q", **y_axis), color=colour
    )
    line = base.mark("line", strokeWidth=2.2).encode(strokeDash=dash, opacity=style.faded(pick))
    at = vega.Layer(pd.DataFrame({"std": [std]})).mark("rule", color=style.NEUTRAL, strokeWidth=1.5)
    two = 2.0 * outputs["sample_saturated_error"]
    drawn = outputs.assign(
        low=(outputs["sample_saturated"] - two).clip(0, 1), high=(outputs["sample_saturated"] + two).clip(0, 1)
    )
    columns = ["activation", "std", "sample_saturated", "sample_saturated_error", "saturated", "n", "low", "high"]
    dot = vega.Layer(drawn[columns]).encode(x=vega.column("std:Q", **x_axis), color=colour)
    tip = style.tip(
        ("activation", "function"),
        ("std", "std of a", style.NUMBER),
        ("saturated", "saturated, theory", ".4~p"),
        ("sample_saturated", "saturated, sample", ".4~p"),
        ("sample_saturated_error", "its standard error", ".2~p"),
        ("n", "samples", ",d"),
    )
    opacity = style.faded(pick)
    return style.layered(
        [
            line,
            at.encode(x=vega.column("std:Q", **x_axis)),
            dot.mark("rule", strokeWidth=2).encode(
                y=vega.column("low:Q", **y_axis), y2=vega.column("high"), opacity=opacity
            ),
            dot.mark("point", filled=True, size=70).encode(
                y=vega.column("sample_saturated:Q", **y_axis), opacity=opacity, tooltip=tip
            ),
        ],
        title or "Share saturated by spread",
        f"lines: theory; dots at {std:g}: {n:,} samples, ± 2 standard errors",
        260,
        pick,
    )


def activation_costs(table: pd.DataFrame, *, dtype: str, title: str = "Time per element") -> vega.Chart:
    """Measured time per element, forward and backward, of every function, the cheapest first.

    Args:
        table: columns activation, dtype, direction, seconds_per_element, repeats, needs_exponential.
        dtype: the precision to show.
    """
    x_title, y_title = "nanoseconds per element", "activation function"
    part = tables.masked(table[table["dtype"] == dtype], ["seconds_per_element"])[0]
    if part.empty:
        return style.blank(title, x_title, y_title)
    wide = part.assign(ns=1e9 * part["seconds_per_element"]).pivot_table(
        index=["activation", "needs_exponential"], columns="direction", values="ns"
    )
    wide = wide.assign(total=wide["forward"] + wide["backward"]).sort_values("total", kind="stable").reset_index()
    wide["kind"] = wide["needs_exponential"].map(KINDS)
    wide["place"], wide["zero"] = np.arange(len(wide)), 0.0
    wide["top"], wide["base"] = wide["place"] + 0.52, wide["place"] + 0.94
    names = pd.DataFrame(
        {
            "group": wide["activation"],
            "note": [f"{a:.2f} + {b:.2f} ns" for a, b in zip(wide["forward"], wide["backward"], strict=True)],
        }
    )
    high = float(wide["total"].max()) * 1.04
    x_axis: dict[str, Any] = {
        "scale": {"domain": [0, high], "nice": False},
        "axis": {"title": x_title, "tickCount": 6},
    }
    y_axis = style.row_axis(y_title, len(wide))
    kinds = list(KINDS.values())
    key = style.legend(kinds)
    key["symbolOpacity"] = 1
    colour = vega.column("kind:N", scale={"domain": kinds, "range": [style.PALETTE[1], style.PALETTE[2]]}, legend=key)
    tip = style.tip(
        ("activation", "function"),
        ("forward", "forward (ns)", ".3~f"),
        ("backward", "backward (ns)", ".3~f"),
        ("total", "both (ns)", ".3~f"),
        ("kind", "eˣ"),
    )
    columns = ["activation", "kind", "zero", "forward", "backward", "total", "top", "base"]
    base = vega.Layer(wide[columns]).encode(
        y=vega.column("top:Q", **y_axis), y2=vega.column("base"), color=colour, tooltip=tip
    )
    forward = base.mark("rect").encode(x=vega.column("zero:Q", **x_axis), x2=vega.column("forward"))
    backward = base.mark("rect", opacity=0.45).encode(x=vega.column("forward:Q", **x_axis), x2=vega.column("total"))
    return style.layered(
        [forward, backward, *style.row_names(names, y_axis, "note")],
        title,
        f"{dtype}; solid: forward, pale: backward; cheapest first",
        36 * len(wide),
    )


def step_shares(table: pd.DataFrame, *, title: str = "Share of a training step") -> vega.Chart:
    """The activation functions' share of the time of a whole training step, against layer width.

    Args:
        table: columns activation, dtype, width, seconds_per_step, seconds_in_activation, share, repeats.
    """
    x_title, y_title = "units in each layer", "share of the step's time"
    table = tables.masked(table, ["share", "width"], log=["width"])[0]
    if table.empty:
        return style.blank(title, x_title, y_title)
    names = [name for name in ACTIVATIONS if name in set(table["activation"])]
    widths = sorted({float(width) for width in table["width"]})
    x = vega.column("width:Q", **style.position(x_title, widths, "log", widths))
    high = float(table["share"].max()) * 1.1
    y = vega.column(
        "share:Q",
        scale={"domain": [0, high], "nice": False},
        axis={"title": y_title, "format": ".0%" if high > 0.05 else ".1%", "tickCount": 6},
    )
    colour, dash = activation_colour(names), activation_dash(names)
    pick = vega.legend_pick(PICK_ACTIVATION, "activation")
    drawn = table.assign(microseconds=1e6 * table["seconds_per_step"])
    base = vega.Layer(drawn[["activation", "width", "share", "microseconds", "repeats"]]).encode(x=x, y=y, color=colour)
    tip = style.tip(
        ("activation", "function"),
        ("width", "units in each layer", "d"),
        ("share", y_title, ".3~p"),
        ("microseconds", "whole step (µs)", ".4~g"),
        ("repeats", "repeats", "d"),
    )
    line = base.mark("line", strokeWidth=2.2).encode(strokeDash=dash, opacity=style.faded(pick))
    dots = base.mark("point", filled=True, size=60).encode(opacity=style.faded(pick), tooltip=tip)
    subtitle = f"{table['dtype'].iloc[0]}; passes through all hidden layers, both ways"
    return style.layered([line, dots], title, subtitle, curves.HEIGHT, pick)
