"""Charts of saturation: where units are flat, at what initial scale, and what their values look like."""

from collections.abc import Sequence
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.charts import curves, rows, style, tables
from core.registries import starts
from core.registries.activations import ACTIVATIONS
from core.results import summary
from core.results.selected import where
from core.text import number, percent

SHARE = "share saturated"
PICK_LAYER = "pick_layer"
CELLS = 1600
CELL = ("layer", "epoch", "dead_flat", "saturated")
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
    names = sorted(named)
    own = _hidden(layers, names)
    finite = np.isfinite(own["saturated"])
    if not finite.any():
        return style.blank(title, x_title, y_title)
    top, size, lines = _stacked(own, names, named)  # what has diverged keeps its rows, but has no cells
    height = lines * size + NAME * len(named)
    epochs = tables.thin(np.unique(own["epoch"][finite]), max(2, min(60, 2 * CELLS // lines)))
    cells = _cells(tables.rows_of(own, finite & np.isin(own["epoch"], epochs)), ["group", "layer", "epoch"])
    order, notes = [names.index(group) for group in named], _from_to(cells, len(names))
    strips: dict[str, Any] = {"group": named, "top": top[order], "note": [notes[place] for place in order]}
    # Of each cell, which of its group's layers it is of.
    _, first, rank = np.unique(tables.combined(cells["group"], cells["layer"]), return_index=True, return_inverse=True)
    rank -= np.searchsorted(cells["group"][first], cells["group"])
    cells["y"] = top[cells["group"]] + NAME - 4 + rank * size
    cells["y2"] = cells["y"] + max(size - 1, size * 0.9)
    flat = _dead_flat(cells, epochs, ["group", "layer"])
    cells, flat = (part | {"group": np.array(names)[part["group"]]} for part in (cells, flat))

    x = _epochs(epochs, x_title)
    scale = alt.Scale(domain=[0, height], reverse=True, nice=False)
    axis = alt.Axis(
        title=y_title if height > 120 else "layer", labels=False, ticks=False, grid=False, domain=False, titlePadding=24
    )
    y = alt.Y("y:Q", scale=scale, axis=axis)
    drawn = alt.Chart(tables.few(cells)).mark_rect(**style.EDGE)
    drawn = drawn.encode(x=x, y=y, y2=alt.Y2("y2:Q"), color=_share_colour(), tooltip=_cell_tip(("group", "group")))
    charts = [drawn, *style.row_names(strips, {"scale": scale, "axis": axis}, room=95, groups=groups)]
    if size >= 9:
        numbers = tables.few({"layer": cells["layer"][np.sort(first)], "y": cells["y"][np.sort(first)] + size / 2})
        at = alt.Chart(numbers).mark_text(align="right", color=style.NEUTRAL, fontSize=10)
        charts.append(at.encode(x=style.at(-6), y=y, text=alt.Text("layer:O")))
    if len(flat["epoch"]):
        middle = flat["y"] + size / 2
        flat |= {"line": middle - 1.5, "line2": middle + 1, "middle": middle}
        bar = alt.Chart(tables.few(flat)).mark_rect(color=INK, stroke=HALO, strokeWidth=0.5)
        charts.append(bar.encode(x=x, y=alt.Y("line:Q", scale=scale, axis=axis), y2=alt.Y2("line2:Q")))
        if size >= 9:
            charts += _flat_names(flat, epochs, x_title, alt.Y("middle:Q", scale=scale, axis=axis))
    note = f"mean of the runs; right: all layers, first → last epoch{cut}{_flat_note(flat)}"
    said = style.read_out(strips["group"], strips["note"])
    return style.layered(charts, title, note, int(height), said=said)


def _hidden(layers: pd.DataFrame, names: Sequence[str]) -> tables.Columns:
    """What the cells need of the rows of hidden layers; "group" is the place of a group among the names."""
    rows = where(layers, role="hidden")
    place = tables.places(layers["group"].array.take(rows), names)
    rows, place = rows[place >= 0], place[place >= 0]
    return {"group": place} | {name: layers[name].to_numpy()[rows] for name in CELL}


def _stacked(own: tables.Columns, names: Sequence[str], named: Sequence[str]) -> tuple[NDArray[np.float64], float, int]:
    """Where the strip of each group begins when they are stacked in the order of `named`; a layer's height; all layers.

    A group of which no layer is known has room for one.
    """
    first = ~pd.Series(tables.combined(own["group"], own["layer"])).duplicated().to_numpy()
    depth = np.maximum(np.bincount(own["group"][first], minlength=len(names)), 1)
    size = min(18.0, max(7.0, 420 / int(depth.sum()) - NAME / float(depth.mean())))
    order = [names.index(group) for group in named]
    top = np.empty(len(names))
    top[order] = np.cumsum([0.0, *(depth[order] * size + NAME)])[:-1] + 4
    return top, size, int(depth.sum())


def saturation_over_training(layers: pd.DataFrame, *, groups: Sequence[str]) -> alt.LayerChart:
    """Share saturated over training, mean over the hidden layers: median and 25-75 % band over the runs of a group."""
    hidden = where(layers, role="hidden")
    point = tables.combined(*(layers[name].to_numpy()[hidden] for name in ("run", "epoch")))
    # Points in the order in which they come: a long table need not be sorted.
    means = pd.Series(layers["saturated"].to_numpy()[hidden]).groupby(point, sort=False).mean()
    table = tables.taken(layers, ["group", "run", "epoch"], hidden[~pd.Series(point).duplicated()])
    return curves.over_training(
        table | {"saturated": means.to_numpy()},
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
    rows = where(layers, group=group)
    own = {name: layers[name].to_numpy()[rows] for name in CELL}
    finite = np.isfinite(own["saturated"])
    numbers = np.unique(own["layer"][finite]).tolist()
    if not numbers:
        return style.blank(title, x_title, y_title)
    epochs = tables.thin(np.unique(own["epoch"][finite]), min(60, CELLS // len(numbers)))
    cells = _cells(tables.rows_of(own, finite & np.isin(own["epoch"], epochs)), ["layer", "epoch"])
    cells["percent"] = np.array([percent(share) for share in cells["share"].tolist()])
    x = _epochs(epochs, x_title)
    y = alt.Y(
        "layer:O",
        scale=alt.Scale(domain=numbers, paddingInner=0.06, paddingOuter=0),
        axis=alt.Axis(title=y_title if len(numbers) > 1 else "layer", labelPadding=6, titlePadding=8),
    )
    base = alt.Chart(tables.few(cells)).encode(x=x, y=y)
    # Numbers where a cell has room for them, which depends on the screen.
    size = alt.ExprRef(f"width / {len(epochs)} < 34 ? 0 : 11")
    charts = [base.mark_rect(**style.EDGE).encode(color=_share_colour(), tooltip=_cell_tip())]
    in_cells = {name: cells[name] for name in ("layer", "epoch", "percent")}
    for ink, part in ((HALO, cells["share"] <= 0.55), (INK, cells["share"] > 0.55)):
        number = alt.Chart(tables.few(tables.rows_of(in_cells, part))).mark_text(fontSize=size, color=ink)
        charts.append(number.encode(x=x, y=y, text=alt.Text("percent:N")))
    row = 40 if len(numbers) <= 8 else max(14, 320 // len(numbers))
    flat = _dead_flat(cells, epochs, ["layer"])
    if len(flat["epoch"]):
        bar = alt.Chart(tables.few(flat)).mark_rect(
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
    if why:
        return style.blank(title, x_title, y_title, why)
    names = [f"layer {number}" for number in np.unique(points["layer"]).tolist()]
    schemes = sorted(set(points["scheme"]))
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
    columns = ("name", "dataset", "hidden", "scheme", "initialiser", "gain", "scale", "share", "low", "high", "runs")
    base = alt.Chart(tables.few({name: points[name] for name in columns}))
    line = base.mark_line(strokeWidth=1.8).encode(
        x=x, y=y, color=colour, detail=alt.Detail(["hidden:N", "dataset:N"]), opacity=style.faded(pick, 0.7)
    )
    dots = base.mark_point(size=70, strokeWidth=2).encode(
        x=x, y=y, color=colour, shape=shape, opacity=style.faded(pick), tooltip=tip
    )
    note = f"{activation}, {style.when(epoch)}; mean of the runs"
    in_words = points | {"at": [number(scale) for scale in points["scale"].tolist()]}
    said = style.extremes(in_words, "share", "{name} of {initialiser} at scale {at}", percent)
    return style.layered([line, dots], title, note, curves.HEIGHT, pick, said=said)


def _by_scale(layers: pd.DataFrame, activation: str, epoch: int) -> tuple[dict[str, Any], str]:
    """The points of `saturation_by_scale` by column, or why there are none."""
    now, start = (where(layers, epoch=point, activation=activation) for point in (epoch, 0))
    whose = tables.combined(layers["run"].to_numpy(), layers["layer"].to_numpy())
    scale = pd.Series(layers["weight_rms"].to_numpy()[start], whose[start]).reindex(whose[now]).to_numpy()
    finite = np.isfinite(scale) & np.isfinite(layers["saturated"].to_numpy()[now])
    there = finite & (scale > 0)
    if not there.any():
        return {}, "all initial weights are 0, which has no place on a log axis" if finite.any() else style.NOTHING
    rows, scale = now[there], scale[there]
    saturated = layers["saturated"].to_numpy()[rows]
    settings = tables.taken(layers, ["dataset", "hidden", "layer", "initialiser", "gain"], rows)
    dataset, hidden, initialiser = (tables.named(settings[name])[1] for name in ("dataset", "hidden", "initialiser"))
    layer, gain = (np.unique(np.asarray(settings[name]), return_inverse=True)[1] for name in ("layer", "gain"))
    alike = tables.combined(dataset, hidden, layer, initialiser, gain)
    _, first, place = np.unique(alike, return_index=True, return_inverse=True)
    low, high = summary.ends(place, saturated)
    means = {"scale": summary.means(place, scale), "share": summary.means(place, saturated)}
    found = means | {"low": low, "high": high, "runs": np.bincount(place)}
    order = np.lexsort((found["scale"], layer[first]))
    points: dict[str, Any] = {name: column.take(first[order]).tolist() for name, column in settings.items()}
    points |= tables.rows_of(found, order)
    points["scheme"] = [
        starts.part(text, layer, hidden.count("-") + 2).scheme.name
        for text, layer, hidden in zip(points["initialiser"], points["layer"], points["hidden"], strict=True)
    ]
    points["name"] = [f"layer {layer}" for layer in points["layer"]]
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
    own = where(histograms, group=group, quantity=quantity)
    columns = ("layer", "epoch", "left", "right", "count")
    table = {name: histograms[name].to_numpy()[own] for name in columns}
    bounded = np.isfinite(table["left"]) & np.isfinite(table["right"])
    now = tables.rows_of(table, table["epoch"] == epoch)
    if not len(now["layer"]) or not bounded.any():
        return style.blank(title, meaning, y_title)
    function = histograms["activation"].array[own[0]]
    domain = _domain(function, table["left"][bounded], table["right"][bounded], quantity)
    numbers, place = np.unique(now["layer"], return_inverse=True)
    share = now["count"] / np.bincount(place, now["count"])[place]
    texts = np.array(tables.interval_text(now["left"], now["right"]))
    inside = np.isfinite(now["left"]) & np.isfinite(now["right"])
    bars = {"place": place, "left": now["left"], "right": now["right"], "share": share, "range": texts}
    beyond = (np.bincount(place, share * np.isinf(now[end])).tolist() for end in ("left", "right"))
    notes = [
        ", ".join([f"{percent(below)} below"] * (below > 0) + [f"{percent(above)} above"] * (above > 0))
        for below, above in zip(*beyond, strict=True)
    ]
    names = [f"layer {layer}" for layer in numbers.tolist()]
    return rows.bars(
        tables.rows_of(bars, inside),
        names,
        notes,
        title=title,
        subtitle=f"{group}, {style.when(epoch)}" + ("; grey: saturated" if saturated else ""),
        x_title=meaning,
        y_title=y_title,
        domain=domain,
        colour=style.colour("group", names, style.ramp(len(names)), None),
        own_peak=True,
        shaded=saturated,
    )


def mean_activation(layers: pd.DataFrame, *, groups: Sequence[str], layer: int) -> alt.LayerChart:
    """Mean activation of a hidden layer over training: median and 25-75 % band over the runs of each group."""
    return curves.over_training(
        tables.taken(layers, ["group", "run", "epoch", "activation_mean"], where(layers, layer=layer)),
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
    rows = where(layers, epoch=epoch, role="hidden")
    if not rows.size and len(layers) and not where(layers, role="hidden").size:
        return style.blank(title, x_title, y_title, style.NO_HIDDEN)
    steps, at = tables.steps(layers["layer"].to_numpy()[rows])
    return curves.over_steps(
        tables.taken(layers, ["group", "activation_mean"], rows) | {"at": at},
        groups,
        "activation_mean",
        steps=steps,
        title=title,
        subtitle=f"{curves.BAND}; dashed: zero-centred",
        x_title=x_title,
        y_title=y_title,
        reference={"at": steps, "value": [0.0] * len(steps), "key": ["zero"] * len(steps)},
    )


def _domain(
    function: str, lefts: NDArray[np.float64], rights: NDArray[np.float64], quantity: str
) -> tuple[float, float]:
    """The x axis: a bounded activation's whole range; else the bins that hold values, in all epochs."""
    low, high = ACTIVATIONS[function].range
    left, right = float(lefts.min()), float(rights.max())
    if quantity == "activation" and np.isfinite([low, high]).all() and low <= left and right <= high:
        return low, high  # with residual connections h is a sum of several f(a)
    return left, right


def _cells(own: tables.Columns, by: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The cells of a heatmap, in the order in which they come: mean, least and most of the runs for each of `by`."""
    cell, there = pd.factorize(tables.combined(*(own[name] for name in by)))
    first = np.flatnonzero(~pd.Series(cell).duplicated())
    least, most = summary.ends(cell, own["saturated"])
    share = summary.means(cell, own["saturated"])
    runs, flat = np.bincount(cell), np.bincount(cell[own["dead_flat"] > 0], minlength=len(there))
    cells = tables.rows_of({name: own[name] for name in by}, first)
    return cells | {"share": share, "least": least, "most": most, "runs": runs, "flat": flat}


def _dead_flat(cells: tables.Columns, epochs: NDArray[np.int64], by: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The cells whose layer is dead-flat in a run, with the number of the stretch of epochs that they belong to."""
    marked = tables.rows_of(cells, cells["flat"] > 0)
    marked = tables.rows_of(marked, np.argsort(tables.combined(*(marked[name] for name in (*by, "epoch")))))
    line, at = tables.combined(*(marked[name] for name in by)), np.searchsorted(epochs, marked["epoch"])
    begins = (np.diff(line, prepend=-1) != 0) | (np.diff(at, prepend=-2) != 1)
    return marked | {"stretch": np.cumsum(begins)}


def _flat_names(
    flat: tables.Columns, epochs: NDArray[np.int64], x_title: str, y: alt.Y, dy: float = 0.0
) -> list[alt.Chart]:
    """The words "dead-flat" at one end of every stretch, the end from which they stay inside the chart."""
    first = np.flatnonzero(np.diff(flat["stretch"], prepend=0))
    last = np.append(first[1:], len(flat["stretch"])) - 1
    late = flat["epoch"][first] > epochs[len(epochs) // 2]
    most = np.maximum.reduceat(flat["flat"], first)
    ends_of: tuple[tuple[Literal["left", "right"], NDArray[np.int64], NDArray[np.int64], int], ...] = (
        ("left", first[~late], most[~late], 0),
        ("right", last[late], most[late], 1),
    )
    charts: list[alt.Chart] = []
    for align, ends, dead, edge in ends_of:
        runs = zip(dead.tolist(), flat["runs"][ends].tolist(), strict=True)
        said = [f"dead-flat in {some} of {all_}" if some < all_ else "dead-flat" for some, all_ in runs]
        cells = tables.few({**tables.rows_of(flat, ends), "said": np.array(said, dtype=np.str_)})
        x = _epochs(epochs, x_title, edge)
        for look in ({"stroke": HALO, "strokeWidth": 3.0, "color": HALO}, {"color": INK}):
            text = alt.Chart(cells).mark_text(
                align=align, dx=-3 if edge else 3, dy=dy, fontSize=11, fontWeight="bold", **look
            )
            charts.append(text.encode(x=x, y=y, text=alt.Text("said:N")))
    return charts


def _flat_note(flat: tables.Columns) -> str:
    return "; black line: the layer is dead-flat" if len(flat["epoch"]) else ""


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


def _from_to(cells: tables.Columns, groups: int) -> list[str]:
    """Of each group the mean share of its layers at the first and at the last epoch that has one, "" without any."""
    point = tables.combined(cells["group"], cells["epoch"])
    _, first, place = np.unique(point, return_index=True, return_inverse=True)
    share, group = summary.means(place, cells["share"]), cells["group"][first]
    said = [""] * groups
    for each in np.unique(group).tolist():
        own = [percent(value) for value in share[group == each][[0, -1]].tolist()]
        said[each] = own[0] if (group == each).sum() == 1 else " → ".join(own)
    return said
