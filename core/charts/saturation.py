"""Charts of saturation: where units are flat, at what initial scale, and what their values look like."""

from collections.abc import Sequence
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.charts import curves, rows, style, tables
from core.registries import starts
from core.registries.activations import ACTIVATIONS
from core.text import number, percent

SHARE = "share saturated"
PICK_LAYER = "pick_layer"
CELLS = 1600
NAME = 20  # px: the line with a group's name
INK, HALO = "#000000", "#ffffff"  # on the cells of a heatmap, which look alike in both themes
VALUES = {"preactivation": "pre-activation a", "activation": "activation h"}


def saturation_overview(layers: pd.DataFrame, *, groups: Sequence[str]) -> alt.LayerChart:
    """Share saturated in every group at a glance: a strip of cells for each, its hidden layers below each other.

    Columns are recorded epochs, cells the mean over the group's runs; a black line runs through the cells in which a
    layer is dead-flat in any of them. At the right of a name: the share at the first and at the last epoch drawn, mean
    over the layers. A group without numbers keeps its place.
    """
    title = "Share saturated in every group"
    x_title, y_title = curves.TIMES["epoch"], "hidden layer, by run group"
    named = list(groups[: style.MOST_ROWS])
    cut = style.left_out(len(groups))
    # What has diverged keeps its rows, but has no cells.
    hidden = layers["group"].isin(named) & (layers["role"] == "hidden")
    table = layers.loc[hidden, ["group", "layer", "epoch", "dead_flat", "saturated"]]
    finite = tables.masked(table, ["saturated"])[0]
    if finite.empty:
        return style.blank(title, x_title, y_title)
    rows = table[["group", "layer"]].drop_duplicates()
    depth = rows.groupby("group")["layer"].nunique().reindex(named, fill_value=1)
    size = min(18.0, max(7.0, 420 / int(depth.sum()) - NAME / float(depth.mean())))
    names = pd.DataFrame({"group": named, "top": (depth * size + NAME).cumsum().shift(fill_value=0.0).to_numpy() + 4})
    place = names.set_index("group")["top"]
    height = float(depth.sum()) * size + NAME * len(named)

    epochs = tables.thin(np.unique(finite["epoch"].to_numpy()), max(2, min(60, 2 * CELLS // int(depth.sum()))))
    cells = _cells(finite[finite["epoch"].isin(epochs)], ["group", "layer", "epoch"])
    rank = cells.groupby("group")["layer"].rank(method="dense") - 1
    cells["y"] = cells["group"].map(place) + NAME - 4 + rank * size
    cells["y2"] = cells["y"] + max(size - 1, size * 0.9)
    names["note"] = [_from_to(cells[cells["group"] == group]) for group in named]
    numbers = cells.drop_duplicates(["group", "layer"])[["layer", "y"]].assign(y=lambda part: part["y"] + size / 2)

    x = _epochs(epochs, x_title)
    scale = alt.Scale(domain=[0, height], reverse=True, nice=False)
    axis = alt.Axis(
        title=y_title if height > 120 else "layer", labels=False, ticks=False, grid=False, domain=False, titlePadding=24
    )
    y = alt.Y("y:Q", scale=scale, axis=axis)
    drawn = alt.Chart(cells).mark_rect(**style.EDGE).encode(x=x, y=y, y2=alt.Y2("y2:Q"), color=_share_colour())
    charts = [drawn.encode(tooltip=_cell_tip(("group", "group")))]
    charts += style.row_names(names, {"scale": scale, "axis": axis}, room=95, groups=groups)
    if size >= 9:
        at = alt.Chart(numbers).mark_text(align="right", color=style.NEUTRAL, fontSize=10)
        charts.append(at.encode(x=style.at(-6), y=y, text=alt.Text("layer:O")))
    flat = _dead_flat(cells, epochs)
    if not flat.empty:
        flat = flat.assign(line=flat["y"] + size / 2 - 1.5, line2=flat["y"] + size / 2 + 1, middle=flat["y"] + size / 2)
        bar = alt.Chart(flat).mark_rect(color=INK, stroke=HALO, strokeWidth=0.5)
        charts.append(bar.encode(x=x, y=alt.Y("line:Q", scale=scale, axis=axis), y2=alt.Y2("line2:Q")))
        if size >= 9:
            charts += _flat_names(flat, epochs, x_title, alt.Y("middle:Q", scale=scale, axis=axis))
    note = f"mean of the runs; right: all layers, first → last epoch{cut}{_flat_note(flat)}"
    said = style.read_out(names["group"], names["note"])
    return style.layered(charts, title, note, int(height), said=said)


def saturation_over_training(layers: pd.DataFrame, *, groups: Sequence[str]) -> alt.LayerChart:
    """Share saturated over training, mean over the hidden layers: median and 25-75 % band over the runs of a group."""
    table = layers.loc[layers["role"] == "hidden", ["group", "run", "epoch", "saturated"]]
    return curves.over_training(
        table.groupby(["group", "run", "epoch"], sort=False)["saturated"].mean().reset_index(),
        groups,
        "saturated",
        title="Share saturated over training",
        subtitle=f"all hidden layers; {curves.BAND}",
        y_title=SHARE,
        y_kind="part",
        log_x=True,
    )


def saturation_heatmap(layers: pd.DataFrame, *, group: str) -> alt.LayerChart:
    """Share saturated by hidden layer and recorded epoch: mean over the group's runs.

    A black line runs through the cells in which a layer is dead-flat in any of them.
    """
    title = "Share saturated"
    x_title, y_title = curves.TIMES["epoch"], "hidden layer"
    own = layers.loc[layers["group"] == group, ["layer", "epoch", "dead_flat", "saturated"]]
    table = tables.masked(own, ["saturated"])[0]
    if table.empty:
        return style.blank(title, x_title, y_title)
    epochs = tables.thin(np.unique(table["epoch"].to_numpy()), min(60, CELLS // table["layer"].nunique()))
    cells = _cells(table[table["epoch"].isin(epochs)], ["layer", "epoch"])
    cells["percent"] = [percent(share) for share in cells["share"]]
    numbers = sorted(cells["layer"].unique())
    x = _epochs(epochs, x_title)
    y = alt.Y(
        "layer:O",
        scale=alt.Scale(domain=[int(number) for number in numbers], paddingInner=0.06, paddingOuter=0),
        axis=alt.Axis(title=y_title if len(numbers) > 1 else "layer", labelPadding=6, titlePadding=8),
    )
    base = alt.Chart(cells).encode(x=x, y=y)
    # Numbers where a cell has room for them, which depends on the screen.
    size = alt.ExprRef(f"width / {len(epochs)} < 34 ? 0 : 11")
    charts = [base.mark_rect(**style.EDGE).encode(color=_share_colour(), tooltip=_cell_tip())]
    for ink, part in ((HALO, cells[cells["share"] <= 0.55]), (INK, cells[cells["share"] > 0.55])):
        number = alt.Chart(part[["layer", "epoch", "percent"]]).mark_text(fontSize=size, color=ink)
        charts.append(number.encode(x=x, y=y, text=alt.Text("percent:N")))
    row = 40 if len(numbers) <= 8 else max(14, 320 // len(numbers))
    flat = _dead_flat(cells, epochs)
    if not flat.empty:
        bar = alt.Chart(flat).mark_rect(
            color=INK, stroke=HALO, strokeWidth=0.5, height=alt.RelativeBandSize(band=0.08), yOffset=0.36 * row
        )
        charts.append(bar.encode(x=x, y=y))
        if row >= 30:
            charts += _flat_names(flat, epochs, x_title, y, dy=-0.3 * row)
    note = f"{group}; mean of the runs{_flat_note(flat)}"
    said = style.extremes(cells, "share", "layer {layer} at epoch {epoch:,}", percent)
    return style.layered(charts, title, note, row * len(numbers), said=said)


def saturation_by_scale(layers: pd.DataFrame, *, activation: str, epoch: int = 0) -> alt.LayerChart:
    """Share saturated against the root mean square of the layer's initial weights, a line for each hidden layer.

    The scale is the measured one (weight_rms at epoch 0), so that every initialiser and gain has its place on
    the axis. One point is one initialiser, gain and network: mean over runs. Zeros have no place on a log axis.
    """
    title = "Share saturated by initial scale"
    x_title, y_title = "initial scale (root mean square of the weights)", SHARE
    points, why = _by_scale(layers, activation, epoch)
    if points.empty:
        return style.blank(title, x_title, y_title, why)
    names = [f"layer {number}" for number in sorted(points["layer"].unique())]
    schemes = sorted(points["scheme"].unique())
    colour = style.colour("name", names, style.ramp(len(names)), style.legend(names))
    shape = alt.Shape(
        "scheme:N",
        scale=alt.Scale(domain=schemes, range=[style.SHAPES[i % len(style.SHAPES)] for i in range(len(schemes))]),
        legend=style.legend(schemes, "top"),
    )
    pick = alt.selection_point(name=PICK_LAYER, fields=["name"], bind="legend")
    x = alt.X("scale:Q", **style.position(x_title, points["scale"], "log"))
    y = alt.Y("share:Q", **style.position(y_title, (), "share"))
    tip = style.tip(
        ("name", "layer"),
        ("initialiser", "initialiser"),
        ("gain", "gain", style.NUMBER),
        ("hidden", "hidden layers"),
        ("dataset", "data set"),
        ("scale", "initial scale", style.NUMBER),
        ("share", SHARE, ".4~p"),
        ("low", "least of the runs", ".4~p"),
        ("high", "most of the runs", ".4~p"),
        ("runs", "runs", "d"),
    )
    base = alt.Chart(
        points[["name", "dataset", "hidden", "scheme", "initialiser", "gain", "scale", "share", "low", "high", "runs"]]
    )
    line = base.mark_line(strokeWidth=1.8).encode(
        x=x, y=y, color=colour, detail=alt.Detail(["hidden:N", "dataset:N"]), opacity=style.faded(pick, 0.7)
    )
    dots = base.mark_point(size=70, strokeWidth=2).encode(
        x=x, y=y, color=colour, shape=shape, opacity=style.faded(pick), tooltip=tip
    )
    note = f"{activation}, {style.when(epoch)}; mean of the runs"
    said = style.extremes(
        points.assign(at=points["scale"].map(number)), "share", "{name} of {initialiser} at scale {at}", percent
    )
    return style.layered([line, dots], title, note, curves.HEIGHT, pick, said=said)


def _by_scale(layers: pd.DataFrame, activation: str, epoch: int) -> tuple[pd.DataFrame, str]:
    """The points of `saturation_by_scale`, or why there are none."""
    keys = ["run", "layer"]
    columns = [*keys, "epoch", "dataset", "hidden", "initialiser", "gain", "weight_rms", "saturated"]
    table = layers.loc[layers["activation"] == activation, columns]
    table = table[table["epoch"] == epoch].merge(
        table.loc[table["epoch"] == 0, [*keys, "weight_rms"]].rename(columns={"weight_rms": "scale"}), on=keys
    )
    finite = tables.masked(table, ["scale", "saturated"])[0]
    table = tables.masked(finite, ["scale"], log=["scale"])[0]
    if table.empty:
        why = style.NOTHING if finite.empty else "all initial weights are 0, which has no place on a log axis"
        return table, why
    points = table.groupby(["dataset", "hidden", "layer", "initialiser", "gain"]).agg(
        scale=("scale", "mean"),
        share=("saturated", "mean"),
        low=("saturated", "min"),
        high=("saturated", "max"),
        runs=("saturated", "size"),
    )
    points = points.reset_index().sort_values(["layer", "scale"], kind="stable")
    points["scheme"] = [
        starts.part(text, layer, hidden.count("-") + 2).scheme.name
        for text, layer, hidden in zip(points["initialiser"], points["layer"], points["hidden"], strict=True)
    ]
    points["name"] = "layer " + points["layer"].astype(str)
    return points, ""


def histogram_by_layer(
    histograms: pd.DataFrame, *, group: str, epoch: int, quantity: str, saturated: Sequence[tuple[float, float]] = ()
) -> alt.LayerChart:
    """Distribution of the pre-activation or activation in each layer, a row of bars for each.

    Every row is scaled to its own peak. Bins without end are not drawn: their share stands at the row's right.
    The x axis is that of all epochs, so that it stays while a slider moves.

    Args:
        quantity: "preactivation" or "activation".
        saturated: ranges of the quantity to shade as saturated (ends may be infinite).
    """
    meaning = VALUES[quantity]
    title = f"Distribution of the {meaning}"
    y_title = "layer"
    here = (histograms["group"] == group) & (histograms["quantity"] == quantity)
    table = histograms.loc[here, ["activation", "layer", "epoch", "left", "right", "count"]]
    counted = tables.masked(table, ["count"])[0]
    bounded = tables.masked(counted, ["left", "right"])[0]
    now = counted[counted["epoch"] == epoch]
    if now.empty or bounded.empty:
        return style.blank(title, meaning, y_title)
    domain = _domain(bounded, quantity)
    numbers = sorted(now["layer"].unique())
    place = {number: i for i, number in enumerate(numbers)}
    shares = now["count"] / now.groupby("layer")["count"].transform("sum")
    now = now.assign(share=shares, place=now["layer"].map(place), group="layer " + now["layer"].astype(str))
    now["range"] = tables.interval_text(now["left"], now["right"])
    inside = tables.masked(now, ["left", "right"])[0]
    notes = []
    for layer in numbers:
        part = now[now["layer"] == layer]
        below, above = (float(part.loc[np.isinf(part[end]), "share"].sum()) for end in ("left", "right"))
        beyond = [f"{percent(below)} below"] * (below > 0) + [f"{percent(above)} above"] * (above > 0)
        notes.append(", ".join(beyond))
    names = pd.DataFrame({"group": [f"layer {layer}" for layer in numbers], "note": notes})
    return rows.bars(
        inside,
        names,
        title=title,
        subtitle=f"{group}, {style.when(epoch)}" + ("; grey: saturated" if saturated else ""),
        x_title=meaning,
        y_title=y_title,
        domain=domain,
        colour=style.colour("group", names["group"].to_list(), style.ramp(len(names)), None),
        own_peak=True,
        shaded=saturated,
    )


def mean_activation(layers: pd.DataFrame, *, groups: Sequence[str], layer: int) -> alt.LayerChart:
    """Mean activation of a hidden layer over training: median and 25-75 % band over the runs of each group."""
    return curves.over_training(
        layers.loc[layers["layer"] == layer, ["group", "run", "epoch", "activation_mean"]],
        groups,
        "activation_mean",
        title=f"Mean activation of layer {layer} over training",
        subtitle=f"{curves.BAND}; dashed: zero-centred",
        y_title="mean of h over examples and units",
        log_x=True,
        lines=[0.0],
    )


def mean_activation_by_layer(layers: pd.DataFrame, *, groups: Sequence[str], epoch: int) -> alt.LayerChart:
    """Mean activation of every hidden layer at one epoch: median and 25-75 % interval over the runs of each group."""
    title, x_title = f"Mean activation by layer {style.when(epoch)}", "hidden layer"
    y_title = "mean of h over examples and units"
    hidden = layers["role"] == "hidden"
    if len(layers) and not hidden.any():
        return style.blank(title, x_title, y_title, style.NO_HIDDEN)
    table = layers.loc[hidden & (layers["epoch"] == epoch), ["group", "layer", "activation_mean"]]
    steps = [str(number) for number in sorted(table["layer"].unique())]
    zero = pd.DataFrame({"at": steps, "value": 0.0, "key": "zero"})
    return curves.over_steps(
        table.assign(at=table["layer"].astype(str)),
        groups,
        "activation_mean",
        steps=steps,
        title=title,
        subtitle=f"{curves.BAND}; dashed: zero-centred",
        x_title=x_title,
        y_title=y_title,
        reference=zero,
    )


def _domain(bounded: pd.DataFrame, quantity: str) -> tuple[float, float]:
    """The x axis: a bounded activation's whole range; else the bins that hold values, in all epochs."""
    low, high = ACTIVATIONS[bounded["activation"].iloc[0]].range
    left, right = float(bounded["left"].min()), float(bounded["right"].max())
    if quantity == "activation" and np.isfinite([low, high]).all() and low <= left and right <= high:
        return low, high  # with residual connections h is a sum of several f(a)
    return left, right


def _cells(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The cells of a heatmap: mean, least and most of the runs for each of `by`."""
    parts = table.groupby(by, sort=False)
    cells = parts["saturated"].agg(share="mean", least="min", most="max", runs="size").reset_index()
    return cells.assign(flat=parts["dead_flat"].sum().to_numpy().astype(np.int64))


def _dead_flat(cells: pd.DataFrame, epochs: NDArray[np.int64]) -> pd.DataFrame:
    """The cells whose layer is dead-flat in a run, with the number of the stretch of epochs that they belong to."""
    by = [name for name in ("group", "layer") if name in cells]
    marked = cells[cells["flat"] > 0].sort_values([*by, "epoch"], kind="stable")
    at = np.searchsorted(epochs, marked["epoch"].to_numpy())
    same = marked[by].eq(marked[by].shift()).all(axis=1).to_numpy()
    stretches: pd.DataFrame = marked.assign(stretch=np.cumsum(~(same & (np.diff(at, prepend=-2) == 1))))
    return stretches


def _flat_names(
    flat: pd.DataFrame, epochs: NDArray[np.int64], x_title: str, y: alt.Y, dy: float = 0.0
) -> list[alt.Chart]:
    """The words "dead-flat" at one end of every stretch, the end from which they stay inside the chart."""
    ends = flat.groupby("stretch", sort=False)
    most = flat["stretch"].map(ends["flat"].max())
    said = np.where(
        most < flat["runs"], "dead-flat in " + most.astype(str) + " of " + flat["runs"].astype(str), "dead-flat"
    )
    late = flat["stretch"].map(ends["epoch"].first()) > epochs[len(epochs) // 2]
    flat = flat.assign(said=said)
    ends_of: tuple[tuple[Literal["left", "right"], pd.DataFrame, int], ...] = (
        ("left", flat[~late & flat.index.isin(ends.head(1).index)], 0),
        ("right", flat[late & flat.index.isin(ends.tail(1).index)], 1),
    )
    charts: list[alt.Chart] = []
    for align, cells, edge in ends_of:
        x = _epochs(epochs, x_title, edge)
        for look in ({"stroke": HALO, "strokeWidth": 3.0, "color": HALO}, {"color": INK}):
            text = alt.Chart(cells).mark_text(
                align=align, dx=-3 if edge else 3, dy=dy, fontSize=11, fontWeight="bold", **look
            )
            charts.append(text.encode(x=x, y=y, text=alt.Text("said:N")))
    return charts


def _flat_note(flat: pd.DataFrame) -> str:
    return "" if flat.empty else "; black line: the layer is dead-flat"


def _cell_tip(*first: tuple[str, str]) -> list[alt.Tooltip]:
    return style.tip(
        *first,
        ("layer", "layer", "d"),
        ("epoch", "epoch", ",d"),
        ("share", SHARE, ".4~p"),
        ("least", "least of the runs", ".4~p"),
        ("most", "most of the runs", ".4~p"),
        ("runs", "runs", "d"),
        ("flat", "runs with a dead-flat layer", "d"),
    )


def _epochs(epochs: NDArray[np.int64], title: str, edge: float = 0.5) -> alt.X:
    """The columns of a heatmap; `edge` is where in a cell a mark stands: 0 at the left, 1 at the right."""
    return alt.X(
        "epoch:O",
        bandPosition=alt.Undefined if edge == 0.5 else edge,
        scale=alt.Scale(domain=epochs.tolist(), paddingInner=0.06, paddingOuter=0),
        axis=alt.Axis(title=title, labelAngle=0, labelOverlap="greedy", labelPadding=6),
    )


def _share_colour() -> alt.Color:
    """The one colour scale of all heatmaps of shares."""
    return alt.Color(
        "share:Q",
        scale=alt.Scale(domain=[0, 1], scheme="cividis"),
        legend=alt.Legend(
            title=SHARE, orient="bottom", format="%", values=[0, 0.25, 0.5, 0.75, 1], gradientLength=220, titleLimit=300
        ),
    )


def _from_to(cells: pd.DataFrame) -> str:
    """The mean share of the layers at the first and at the last epoch that has one."""
    if cells.empty:
        return ""
    means = cells.groupby("epoch")["share"].mean()
    first, last = means.iloc[0], means.iloc[-1]
    return percent(first) if len(means) == 1 else f"{percent(first)} → {percent(last)}"
