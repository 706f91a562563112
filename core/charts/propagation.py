"""Charts of signal propagation: theory over measurement, layer by layer, and the phase diagram."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core.charts import curves, style, tables
from core.lessons.signal_propagation import layers_text
from core.text import count, number, percent, short_group

QUANTITIES: dict[str, tuple[str, str, style.Kind]] = {
    "length": ("Size q of the pre-activations", "q: mean square of a", "log"),
    "saturated": ("Share saturated", "share of examples × units", "share"),
    "mean": ("Mean of the activations", "mean of h", "linear"),
    "backward": ("Size of the back-propagated signal", "standard deviation of d loss / d a", "log"),
}
DEEPEST = 1000.0
SHALLOWEST = 0.1
AT_HEIGHT = 0.45  # of the phase diagram: where the phases are named


def theory_by_layer(table: pd.DataFrame, *, groups: Sequence[str], quantity: str, epoch: int = 0) -> alt.LayerChart:
    """What theory predicts of every hidden layer (lines) over what the runs measured (dots, 25-75 % of the runs).

    Args:
        table: columns group, layer, quantity, predicted, low, median, high, runs.
        quantity: one of QUANTITIES.
        epoch: the recorded epoch that `table` was measured at.
    """
    heading, y_title, kind = QUANTITIES[quantity]
    log, own = kind == "log", _own(table, groups, quantity)
    measured = tables.rows_of(own, tables.whole(own, ["low", "median", "high"], log))
    predicted = tables.rows_of(own, tables.whole(own, ["predicted"], log))
    if not len(measured["group"]) and not len(predicted["group"]):
        silent = log and ((own["median"] == 0) | (own["predicted"] == 0)).any()
        what = y_title.partition(":")[0]
        why = f"{what} is 0 here, which has no place on a log axis" if silent else style.NOTHING
        return style.blank(heading, "hidden layer", y_title, why)
    x = curves.steps_axis([str(layer) for layer in np.unique(own["layer"])], "hidden layer")
    ends = np.concatenate([measured["low"], measured["high"], predicted["predicted"], [0.0] * (not log)])
    y_axis = style.position(y_title, ends, kind)
    colour, dash, pick = style.group_colour(groups), style.group_dash(groups), style.pick_group(groups)
    (shown, offset), (foretold, _) = (_beside(part, groups) for part in (measured, predicted))
    shown["band"] = tables.interval_text(measured["low"], measured["high"])
    shown["theory"] = _or_none(measured["predicted"])
    lines = alt.Chart(_rows(foretold, "group", "at", "beside", "predicted")).encode(
        x=x, xOffset=offset, color=colour, y=alt.Y("predicted:Q", **y_axis), opacity=style.faded(pick, 0.8)
    )
    dots = _rows(shown, "group", "at", "beside", "low", "median", "high", "band", "theory", "runs")
    dots = alt.Chart(dots).encode(x=x, xOffset=offset, color=colour, opacity=style.faded(pick))
    tip = style.tip(
        ("group", "group"), ("at", "hidden layer"), ("median", "measured (median)", style.NUMBER),
        ("band", "25-75 % of runs"), ("theory", "theory"), ("runs", "runs", "d"),
    )  # fmt: skip
    y = alt.Y("median:Q", **y_axis)
    behind = style.halo(_rows(shown, "group", "at", "beside", "median"), groups, x=x, xOffset=offset, y=y)
    theory = "lines: theory; " if len(predicted["group"]) else ""
    return style.layered(
        [
            *behind,
            lines.mark_line(strokeWidth=2.4).encode(strokeDash=dash),
            lines.mark_tick(thickness=2.4, size=16, orient="horizontal"),
            dots.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **y_axis), y2=alt.Y2("high:Q")),
            dots.mark_point(filled=True, size=80, stroke="white", strokeWidth=1).encode(y=y, tooltip=tip),
        ],
        heading,
        curves.of_runs(f"{theory}dots: measured {style.when(epoch)}, {curves.BAND}", own["runs"]),
        curves.HEIGHT,
        pick,
        pick_on=len(behind),
        said=_beside_theory(shown, foretold, kind),
    )


def _own(table: pd.DataFrame, groups: Sequence[str], quantity: str) -> dict[str, NDArray[Any]]:
    """The rows of a quantity, by column; in the column "group" is the place of each among the groups."""
    place = tables.places(table["group"], groups)
    kept = np.flatnonzero((place >= 0) & (table["quantity"] == quantity).to_numpy())
    names = ("layer", "predicted", "low", "median", "high", "runs")
    return tables.rows_of({"group": place, **{name: table[name].to_numpy() for name in names}}, kept)


def _beside(part: tables.Columns, groups: Sequence[str]) -> tuple[dict[str, Any], alt.XOffset]:
    """The columns for a chart, with the layer as text and the places of marks that stand beside each other."""
    offsets, channel = curves.side_by_side([groups[place] for place in part["group"]], groups)
    at = list(map(str, part["layer"].tolist()))
    return tables.in_place(part, groups) | {"at": at, "beside": np.array(offsets, np.float64)}, channel


def _rows(columns: Mapping[str, Any], *names: str) -> pa.Table:
    return tables.few({name: columns[name] for name in names})


def _or_none(values: NDArray[Any]) -> list[str]:
    return [f"{value:.4g}" if np.isfinite(value) else "none" for value in values]


def _beside_theory(measured: Mapping[str, Any], predicted: Mapping[str, Any], kind: style.Kind) -> str:
    """The ends of what was measured and where theory is furthest from it, by ratio on a log axis; else of theory."""
    told, whose = style.told(kind), "{group} at layer {layer}"
    if not len(measured["group"]):
        return f"Theory alone. {style.extremes(predicted, 'predicted', whose, told)}"
    ends = style.extremes(measured, "median", whose, told)
    both = np.flatnonzero(tables.whole(measured, ["predicted"], kind == "log"))
    if not both.size:
        return ends
    median, theory = (measured[name][both] for name in ("median", "predicted"))
    away = np.abs(np.log(median) - np.log(theory) if kind == "log" else median - theory)
    far = both[int(away.argmax())]
    where = short_group(whose.format(group=measured["group"][far], layer=measured["layer"][far]))
    said = (told(measured[name][far]) for name in ("median", "predicted"))
    return "{}. Furthest from theory: {}, {} measured, {} predicted".format(ends, where, *said)


def weight_gradients(table: pd.DataFrame, *, groups: Sequence[str]) -> alt.LayerChart:
    """The spread of the weight gradients of every layer at initialisation, the output layer the last.

    Args:
        table: columns group, at (the layer as text) and gradient_std, above 0.
        groups: the experiment's groups, in its order.
    """
    return curves.over_steps(
        table,
        groups,
        "gradient_std",
        steps=sorted(table["at"].unique(), key=int),
        title="Size of the weight gradients",
        subtitle=f"{style.when(0)}, mean over the training set; {curves.BAND}",
        x_title="layer",
        y_title="standard deviation of d loss / d w",
        y_kind="log",
    )


def singular_values(table: pd.DataFrame, *, groups: Sequence[str]) -> alt.LayerChart:
    """The singular values of each group's input-output Jacobian, a row each: ends, root mean square, and theory's.

    Args:
        table: columns group, mean, rms, least, greatest, condition, predicted, runs; on a log axis 0 is not drawn.
        groups: the experiment's groups, in its order.
    """
    title, x_title = "Singular values of the input-output Jacobian", "singular value of d logits / d x"
    table = tables.masked(table[table["group"].isin(groups)], ["rms", "greatest"], log=["rms", "greatest"])[0]
    if table.empty:
        return style.blank(title, x_title, "group", "no signal gets through: all of them are 0 here")
    named, note = style.shown(groups, table)
    table = table.set_index("group").loc[named].reset_index()
    table["row"] = np.arange(len(table)) + 0.66
    table["note"] = [
        f"condition {number(value)}" if np.isfinite(value) else "some are 0" for value in table["condition"]
    ]
    table["theory"] = _or_none(table["predicted"].to_numpy())
    predicted = tables.masked(table, ["predicted"], log=["predicted"])[0]
    whole = tables.masked(table, ["least"], log=["least"])[0]
    x_axis = style.position(
        x_title, [*table["rms"], *table["greatest"], *whole["least"], *predicted["predicted"]], "log"
    )
    y = alt.Y("row:Q", **style.row_axis("group", len(named)))
    colour = style.row_colour(groups)
    ends = (
        alt.Chart(whole[["group", "row", "least", "greatest"]])
        .mark_rule(strokeWidth=2)
        .encode(x=alt.X("least:Q", **x_axis), x2=alt.X2("greatest:Q"), y=y, color=colour)
    )
    tip = style.tip(
        ("group", "group"), ("rms", "root mean square", style.NUMBER), ("mean", "mean", style.NUMBER),
        ("least", "least", style.NUMBER), ("greatest", "greatest", style.NUMBER), ("note", "greatest over least"),
        ("theory", "theory's root mean square"), ("runs", "runs", "d"),
    )  # fmt: skip
    dots = alt.Chart(table.drop(columns=["predicted", "condition"])).mark_point(
        filled=True, size=80, stroke="white", strokeWidth=1
    )
    ticks = alt.Chart(predicted[["group", "row", "predicted"]]).mark_tick(thickness=2.4, size=18, color=style.NEUTRAL)
    return style.layered(
        [
            ends,
            ticks.encode(x=alt.X("predicted:Q", **x_axis), y=y),
            dots.encode(x=alt.X("rms:Q", **x_axis), y=y, color=colour, tooltip=tip),
            *style.row_names(table[["group", "note"]], style.row_axis("group", len(named)), groups=groups),
        ],
        title,
        f"at initialisation; dots: root mean square, lines: least to greatest, grey: theory; condition number at the "
        f"right; {'medians of the runs' if table['runs'].max() > 1 else curves.ONE_RUN}{note}",
        style.row_height(len(named)) + 10,
        said=style.read_out(table["group"], ("root mean square " + table["rms"].map(number)) + ", " + table["note"]),
    )


def phase_diagram(
    points: pd.DataFrame,
    *,
    cells: pd.DataFrame,
    line: pd.DataFrame,
    groups: Sequence[str],
    trial: tuple[float, float] | None = None,
) -> alt.LayerChart:
    """The phase diagram of (sw, sb): depth scale as shade, the critical line, the groups' points and a trial point.

    Args:
        points: columns group, sw, sb, chi, depth_scale: where the groups start.
        cells: columns sw, sb, sw_low, sw_high, sb_low, sb_high, q, chi, depth_scale: the shading, on a grid.
        line: columns sw, sb: the critical line; may be empty.
        trial: (sw, sb) of a point to mark with a cross.
    """
    title = "Where gradients survive depth"
    x_title, y_title = "σw (root of fan_in × variance of the weights)", "σb (std of the biases)"
    low, high = float(cells["sw_low"].min()), float(cells["sw_high"].max())
    top = float(cells["sb_high"].max())
    x_axis: dict[str, Any] = {
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": alt.Axis(title=x_title, values=style.log_ticks(low, high), format=".3~g", grid=False),
    }
    y_axis = style.fixed(y_title, -0.04 * top, top, tickCount=6, grid=False)
    charts = [_shading(cells, x_axis, y_axis)]
    if not line.empty:
        critical = alt.Chart(line[["sw", "sb"]].assign(order=np.arange(len(line)))).mark_line(
            color=style.NEUTRAL, strokeWidth=3.5, clip=True
        )
        charts.append(critical.encode(x=alt.X("sw:Q", **x_axis), y=alt.Y("sb:Q", **y_axis), order=alt.Order("order:Q")))
    names = _phases(cells)
    if not names.empty:
        text = alt.Chart(names).mark_text(
            fontSize=alt.ExprRef("width < 280 ? 10 : 13"), fontWeight="bold", color=style.NEUTRAL, lineBreak="\n"
        )
        charts.append(text.encode(x=alt.X("sw:Q", **x_axis), y=alt.Y("sb:Q", **y_axis), text=alt.Text("phase:N")))
    if trial is not None:
        cross = alt.Chart(tried(*trial)).mark_point(
            shape=style.CROSS, size=160, strokeWidth=3, color=style.NEUTRAL, clip=True
        )
        tip = style.tip(("sw", "σw tried", ".3~g"), ("sb", "σb tried", ".3~g"))
        charts.append(cross.encode(x=alt.X("sw:Q", **x_axis), y=alt.Y("sb:Q", **y_axis), tooltip=tip))
    charts.append(_dots(points, "sb", x_axis, y_axis, groups))
    subtitle = "thick line: χ₁ = 1; grey: gradients reach deep; dots: these runs" + ("; ×: tried" if trial else "")
    notes = [_at(row) for row in points.to_dict("records")]
    return style.layered(charts, title, subtitle, 360, said=style.read_out(points["group"], notes))


def _at(point: dict[Hashable, Any]) -> str:
    """Where a group starts in the phase diagram, and what that means for its gradients."""
    if not np.isfinite(point["sw"]):
        return str(point["note"])
    if not np.isfinite(point["chi"]):
        return f"σw {number(point['sw'])}, {point['note']}"
    return f"σw {number(point['sw'])}, σb {number(point['sb'])}, χ₁ {number(point['chi'])}"


def _shading(cells: pd.DataFrame, x_axis: dict[str, Any], y_axis: dict[str, Any]) -> alt.Chart:
    """The cells of a phase diagram, the darker the deeper a gradient reaches."""
    finite = tables.masked(cells, ["chi"])[0]
    deep = finite["depth_scale"].clip(SHALLOWEST, 100.0)
    shaded = ["sw", "sb", "sw_low", "sw_high", "sb_low", "sb_high", "q", "chi", "shade"]
    # Every move of the trial point sends them all: seven digits are more than shows.
    shade = alt.Chart(finite.assign(shade=np.log(deep))[shaded].astype("float32"))
    darkness = alt.Opacity(
        "shade:Q", scale=alt.Scale(domain=[np.log(0.3), np.log(30.0)], range=[0.02, 0.42], clamp=True), legend=None
    )
    tip = style.tip(("sw", "σw", ".3~g"), ("sb", "σb", ".3~g"), ("q", "q*", ".3~g"), ("chi", "χ₁", ".3~g"))
    area: alt.Chart = shade.mark_rect(color=style.NEUTRAL, strokeWidth=0).encode(
        x=alt.X("sw_low:Q", **x_axis),
        x2=alt.X2("sw_high:Q"),
        y=alt.Y("sb_low:Q", **y_axis),
        y2=alt.Y2("sb_high:Q"),
        opacity=darkness,
        tooltip=tip,
    )
    return area


def tried(sw: float, sb: float) -> pd.DataFrame:
    """The rows of a trial point, under the name that they have in a phase diagram: "tried"."""
    rows = pd.DataFrame({"sw": [sw], "sb": [sb]})
    rows.attrs["name"] = "tried"
    return rows


def _dots(
    points: pd.DataFrame, y: str, x_axis: dict[str, Any], y_axis: dict[str, Any], groups: Sequence[str]
) -> alt.Chart:
    """The groups as dots; those without a value are left out."""
    known = tables.masked(points[points["group"].isin(list(groups))], ["sw", y], log=["sw"])[0]
    known = known.assign(
        depth=[layers_text(value) if np.isfinite(value) else "no limit" for value in known["depth_scale"]]
    )
    tip = style.tip(
        ("group", "group"), ("sw", "σw", ".4~g"), ("chi", "χ₁", ".4~g"), ("depth", "depth scale"), ("note", "note")
    )
    dots = alt.Chart(known[["group", "sw", "chi", "depth", "note", y]]).mark_point(
        filled=True, size=150, opacity=1, stroke="white", strokeWidth=1.5
    )
    present = [group for group in groups if group in set(known["group"])]
    key = style.legend(present)
    looks = zip(*style.group_colours(groups), style.group_shapes(groups)[1], strict=True)
    own = {group: look for group, *look in looks}
    colour = style.colour("group", present, [own[group][0] for group in present], key)
    shapes = alt.Scale(domain=present, range=[own[group][1] for group in present])
    shape = alt.Shape("group:N", scale=shapes, legend=key)
    chart: alt.Chart = dots.encode(
        x=alt.X("sw:Q", **x_axis), y=alt.Y(f"{y}:Q", **y_axis), color=colour, shape=shape, tooltip=tip
    )
    return chart


def _phases(cells: pd.DataFrame) -> pd.DataFrame:
    """A name for every phase that has room for one: columns sw, sb, phase."""
    heights = np.unique(cells["sb"])
    row = cells[cells["sb"] == heights[int(AT_HEIGHT * len(heights))]].sort_values("sw")
    phases = {
        "gradients\nshrink": row["chi"] < 1,
        "gradients\ngrow": row["chi"] >= 1,
        "no finite q*:\nit grows": row["chi"].isna(),
    }
    found = [
        {"phase": name, "sw": float(np.exp(np.log(row.loc[mask, "sw"]).mean())), "sb": float(row["sb"].iloc[0])}
        for name, mask in phases.items()
        if mask.mean() > 0.15
    ]
    return pd.DataFrame(found, columns=["sw", "sb", "phase"])


def depth_scales(points: pd.DataFrame, *, curve: pd.DataFrame, groups: Sequence[str], depth: int) -> alt.LayerChart:
    """Depth scale 1 / |log chi_1| against sw at sb = 0, with the groups on it and their networks' depth as a line.

    Args:
        points: columns group, sw, sb, chi, depth_scale, note.
        curve: columns sw, chi, depth_scale.
        depth: hidden layers of the networks.
    """
    title = "How many layers a gradient survives"
    x_title, y_title = "σw", "depth scale (layers)"
    curve = curve.assign(drawn=curve["depth_scale"].clip(SHALLOWEST, DEEPEST))
    curve = tables.masked(curve, ["drawn", "sw"], log=["drawn", "sw"])[0]
    x_axis = style.position(x_title, curve["sw"], "log")
    y_axis: dict[str, Any] = {
        "scale": alt.Scale(type="log", domain=[SHALLOWEST, DEEPEST], nice=False),
        "axis": alt.Axis(title=y_title, values=[0.1, 1, 10, 100, 1000], format=".6~g"),
    }
    base = alt.Chart(curve[["sw", "drawn"]]).mark_line(color=style.NEUTRAL, strokeWidth=2.5)
    line = base.encode(x=alt.X("sw:Q", **x_axis), y=alt.Y("drawn:Q", **y_axis))
    deep = pd.DataFrame({"depth": [float(depth)], "text": [count(depth, "hidden layer")]})
    rule = alt.Chart(deep).encode(y=alt.Y("depth:Q", **y_axis))
    dashed = rule.mark_rule(color=style.NEUTRAL, strokeDash=[5, 4], strokeWidth=1.6)
    label = rule.mark_text(align="left", dy=-9, color=style.NEUTRAL, fontSize=12).encode(
        x=style.at(4), text=alt.Text("text:N")
    )
    dots = _dots(points.assign(drawn=points["depth_scale"].clip(SHALLOWEST, DEEPEST)), "drawn", x_axis, y_axis, groups)
    of = "curve: biases 0, dots: each group's own" if points["sb"].any() else "biases 0"
    subtitle = f"{of}; below the dashed line a gradient's mean square changes by more than e across the network"
    survived = [_survived(row["depth_scale"], str(row["note"])) for row in points.to_dict("records")]
    said = f"Networks of {count(depth, 'hidden layer')}. {style.read_out(points['group'], survived)}"
    return style.layered([line, dashed, label, dots], title, subtitle, curves.HEIGHT, said=said)


def _survived(depth_scale: float, note: str) -> str:
    return note if np.isnan(depth_scale) else layers_text(depth_scale) if np.isfinite(depth_scale) else "no limit"


def length_maps(table: pd.DataFrame, *, fixed_point: float | None) -> alt.LayerChart:
    """q_l over the layers from several starts, and the fixed point as a dashed line.

    Args:
        table: columns start, layer, q; what is beyond the largest float or at 0 is not drawn.
        fixed_point: q*, or None where there is no single finite one.
    """
    title = "q from layer to layer"
    x_title, y_title = "layer (0 is the start)", "q: mean square of a"
    table = tables.masked(table, ["q"], log=["q"])[0]
    if table.empty:
        return style.blank(title, x_title, y_title)
    # Twenty decades tell the story; more would flatten all that happens near the starts.
    table = table[(table["q"] > 1e-20) & (table["q"] < 1e20)]
    starts = sorted(table["start"].unique())
    names = [f"from q = {start:g}" for start in starts]
    table = table.assign(name=[f"from q = {start:g}" for start in table["start"]])
    rule = fixed_point if fixed_point is not None and fixed_point > 1e-20 else None
    y_axis = style.position(y_title, [*table["q"], *([] if rule is None else [rule])], "log")
    x = alt.X("layer:Q", **style.position(x_title, table["layer"], "count"))
    colour = style.colour("name", names, style.ramp(len(names)), style.legend(names))
    tip = style.tip(("name", "start"), ("layer", "layer", "d"), ("q", "q", style.NUMBER))
    base = alt.Chart(table[["name", "layer", "q"]]).encode(x=x, y=alt.Y("q:Q", **y_axis), color=colour)
    charts = [base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=40).encode(tooltip=tip)]
    if rule is not None:
        fixed = alt.Chart(pd.DataFrame({"q": [rule]})).mark_rule(color=style.NEUTRAL, strokeDash=[5, 4])
        charts.append(fixed.encode(y=alt.Y("q:Q", **y_axis), strokeWidth=alt.StrokeWidthValue(1.8)))
    last = table.groupby("name", sort=False).tail(1)
    ends = [f"{number(q)} at layer {layer}" for q, layer in zip(last["q"], last["layer"], strict=True)]
    said = style.read_out(last["name"], ends) + ("" if rule is None else f"; fixed point {number(rule)}")
    return style.layered(charts, title, "dashed: fixed point q*" if rule is not None else "", 280, said=said)


def drawn_weights(histogram: pd.DataFrame, *, start: str) -> alt.LayerChart:
    """The weights that a start draws for the first layer: columns left, right and share of them between the two."""
    x = style.position("weight", [*histogram["left"], *histogram["right"]])
    y = style.fixed("share of weights", 0, float(histogram["share"].max()) * 1.05, format="%", tickCount=3)
    table = histogram.assign(range=tables.interval_text(histogram["left"], histogram["right"]), none=0.0)
    bars = alt.Chart(table).mark_rect(color=style.PALETTE[0])
    tip = style.tip(("range", "weight"), ("share", "share", ".1%"))
    bars = bars.encode(
        x=alt.X("left:Q", **x), x2=alt.X2("right:Q"), y=alt.Y("none:Q", **y), y2=alt.Y2("share:Q"), tooltip=tip
    )
    most = table.iloc[int(table["share"].argmax())]
    ends = f"{number(table['left'].min())} to {number(table['right'].max())}"
    said = f"Weights from {ends}; most, {percent(most['share'])}, at {most['range']}"
    return style.layered([bars], start, "one draw for the first layer", 110, said=said)
