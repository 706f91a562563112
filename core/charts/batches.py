"""Charts of the agreement of gradient signs against batch size, layer and initial scale."""

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core.charts import curves, picture, style, tables
from core.lessons.batch_size import FREE, QUANTITIES
from core.results import summary
from core.text import number, percent

PAIRS = "pairs of gradient signs that agree"
COLOURS = {"pairs": style.PALETTE[0], "saturated": style.PALETTE[1]}


def pairs_by_batch(
    table: pd.DataFrame,
    *,
    theory: pd.DataFrame,
    lines: Sequence[str],
    layer: int,
    epoch: int,
    full: int,
    why: str = style.NOTHING,
) -> alt.LayerChart:
    """Share of pairs of gradient signs that agree against batch size: median and 25-75 % of the runs, theory dotted.

    Args:
        table: `core.lessons.batch_size.by_batch`.
        theory: `core.lessons.batch_size.theory_by_batch`.
        lines: all names of lines, in order: their colours.
        full: size of the full batch.
        why: why there is nothing to draw, where that is so.
    """
    title = f"How batch size loosens signs in layer {layer}"
    x_title = "examples in a batch"
    medians = _medians(table)
    if not len(medians["median"]):
        return style.blank(title, x_title, PAIRS, why)
    x_axis = style.position(
        x_title, np.concatenate([medians["size"], theory["size"]]), "log", sorted(set(medians["size"].tolist()))
    )
    x_axis["axis"].labelExpr = f"datum.value >= {full} ? 'all' : datum.label"
    x = alt.X("size:Q", **x_axis)
    y_axis = _share_axis(PAIRS, np.concatenate([medians["low"], medians["high"], theory["pairs"], [FREE]]))
    lines = _drawn(lines, medians["group"].to_pylist())
    colour, dash, pick = style.group_colour(lines), style.group_dash(lines), style.pick_group()

    free = alt.Chart(tables.few({"median": [FREE]})).mark_rule(color=style.NEUTRAL, strokeWidth=1.6)
    # Dashes tell functions of one start apart, as on every page: theory is dotted.
    foretold = tables.few(
        {"group": theory["line"].array} | {name: theory[name].to_numpy() for name in ("size", "pairs")}
    )
    expected = alt.Chart(foretold).mark_line(strokeDash=[1, 3], strokeWidth=1.8)
    expected_y = alt.Y("pairs:Q", **y_axis)
    rows = tables.few({name: medians[name] for name in ("group", "size", "low", "median", "high", "band", "finite")})
    base = alt.Chart(rows).encode(x=x, color=colour)
    y = alt.Y("median:Q", **y_axis)
    tip = style.tip(
        ("group", "runs of"), ("size", "examples in a batch", ",d"), ("median", PAIRS, ".4~p"),
        ("band", "25-75 % of runs"), ("finite", "runs", "d"),
    )  # fmt: skip
    marks = [
        base.mark_line(strokeWidth=2.2).encode(y=y, strokeDash=dash, opacity=style.faded(pick)),
        free.encode(y=y),
        expected.encode(x=x, y=expected_y, color=colour, opacity=style.faded(pick, 0.8)),
        base.mark_rule(strokeWidth=2).encode(
            y=alt.Y("low:Q", **y_axis), y2=alt.Y2("high:Q"), opacity=style.faded(pick)
        ),
        base.mark_point(filled=True, size=70).encode(y=y, opacity=style.faded(pick), tooltip=tip),
    ]
    subtitle = f"{style.when(epoch)}; {curves.BAND}{_of_theory('dotted: theory', len(theory))}; grey: random signs"
    said = style.extremes(medians, "median", "{group} with batches of {size:,}", percent)
    return style.layered(marks, title, curves.of_runs(subtitle, medians["runs"]), curves.HEIGHT, pick, said=said)


def _medians(table: pd.DataFrame) -> dict[str, Any]:
    """Median and quartiles of the pairs of each line, the group, and size: columns for `tables.few`."""
    names = sorted(table["line"].unique())
    sizes, at = np.unique(table["size"].to_numpy(), return_inverse=True)
    place = tables.places(table["line"], names)
    first, found = summary.quartiles(place * len(sizes) + at, table["pairs"].to_numpy(np.float64))
    medians = {"group": place[first], "size": sizes[at[first]], **found}
    medians = tables.rows_of(medians, tables.whole(medians, summary.QUARTILES))
    return tables.in_place(medians, names) | {"band": tables.interval_text(medians["low"], medians["high"])}


def pairs_by_layer(
    table: pd.DataFrame, *, limits: pd.DataFrame, lines: Sequence[str], epoch: int, why: str = style.NOTHING
) -> alt.LayerChart:
    """Share of pairs that agree in the gradient of the whole training set, by layer, with theory's large batch.

    Args:
        table: columns line, layer and pairs, a row for each run.
        limits: columns line, layer and limit.
        lines: all names of lines, in order: their colours.
        why: why there is nothing to draw, where that is so.
    """
    steps = [str(number) for number in sorted(table["layer"].unique())]
    limits = tables.masked(limits, ["limit"])[0]
    at = {"at": list(map(str, limits["layer"]))}
    reference = pd.DataFrame(at | {"value": limits["limit"].to_numpy(), "key": limits["line"].array})
    at = {"at": list(map(str, table["layer"]))}
    return curves.over_steps(
        pd.DataFrame({"group": table["line"].array} | at | {"pairs": table["pairs"].to_numpy()}),
        _drawn(lines, table["line"].unique()),
        "pairs",
        steps=steps,
        title="Which layers does a full batch leave tied?",
        subtitle=f"gradient of the whole training set, {style.when(epoch)}; {curves.BAND}"
        + _of_theory("grey: theory", len(reference)),
        x_title="layer (the last is the output)",
        y_title=PAIRS,
        y_kind="share",
        reference=reference,
        empty=why,
    )


def saturation_and_signs(table: pd.DataFrame, *, activation: str, layer: int, epoch: int, whose: str) -> alt.LayerChart:
    """Saturated units and pairs of gradient signs that agree against the initial scale, both on one axis of shares.

    Args:
        table: `core.lessons.batch_size.by_scale`.
        activation: what the units are, in words.
        whose: whose gradient, in words.
    """
    title = "Saturation and tied signs by initial scale"
    x_title, y_title = "initial scale (root mean square of the weights)", "share"
    values = {name: table[name].to_numpy(np.float64) for name in ("scale", "mean", "theory")}
    kept = np.flatnonzero(tables.drawable(values["scale"], log=True) & tables.drawable(values["mean"]))
    if not kept.size:
        return style.blank(title, x_title, y_title, "no weights here start from a scale above 0")
    values = tables.rows_of(values, kept)
    rows = picture.arrow(table).take(kept)
    named = np.array([QUANTITIES[quantity] for quantity in rows["quantity"].to_pylist()], object)
    rows = rows.append_column("name", pa.array(named, pa.large_string()))
    x = alt.X("scale:Q", **style.position(x_title, values["scale"], "log"))
    axis = style.position(y_title, (), "share")
    y = alt.Y("mean:Q", **axis)
    names = list(QUANTITIES.values())
    shades = [COLOURS[quantity] for quantity in QUANTITIES]
    colour = style.colour("name", names, shades, style.legend(names, strokes=True))
    tip = style.tip(
        ("name", "share of"), ("dataset", "data set"), ("hidden", "hidden layers"), ("initialiser", "initialiser"),
        ("gain", "gain", style.NUMBER), ("scale", "initial scale", style.NUMBER), ("mean", "mean of the runs", ".4~p"),
        ("low", "least", ".4~p"), ("high", "most", ".4~p"), ("runs", "runs", "d"),
    )  # fmt: skip
    base = alt.Chart(rows.drop_columns(["theory", "quantity"])).encode(x=x, color=colour)
    network = alt.Detail(["hidden:N", "dataset:N"])
    charts = [base.mark_line(strokeWidth=2.2).encode(y=y, detail=network)]
    expected = rows.take(np.flatnonzero(tables.drawable(values["theory"])))
    if len(expected):
        line = alt.Chart(expected.select(["dataset", "hidden", "scale", "theory", "name"])).mark_line(
            strokeDash=[5, 4], strokeWidth=1.6
        )
        charts.append(line.encode(x=x, y=alt.Y("theory:Q", **axis), color=colour, detail=network))
    charts.append(base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **axis), y2=alt.Y2("high:Q")))
    charts.append(base.mark_point(filled=True, size=70, opacity=1).encode(y=y, tooltip=tip))
    subtitle = f"{activation}, layer {layer}, gradient of {whose}, {style.when(epoch)}"
    subtitle += _of_theory("dashed: theory, large batch", len(expected))
    whose = "{initialiser}, scale {at},"
    told = {"initialiser": np.asarray(rows["initialiser"]), "mean": values["mean"]}
    told["at"] = np.array(list(map(number, values["scale"])), object)
    ends = [style.extremes(tables.rows_of(told, named == name), "mean", whose, percent) for name in names]
    return style.layered(charts, title, subtitle, curves.HEIGHT, said=style.read_out(names, ends))


def _drawn(lines: Sequence[str], there: Iterable[str]) -> Sequence[str]:
    """Of more lines than a legend has room for, those that are there, which look as they do among all of them."""
    present = set(there)
    own = tuple(line for line in lines if line in present)
    return style.Chosen(own, tuple(lines)) if len(lines) > style.MOST_KEYS else lines


def _of_theory(words: str, rows: int) -> str:
    """What the subtitle says of theory's lines, where there are any."""
    return f"; {words}" if rows else ""


def _share_axis(title: str, values: NDArray[np.float64]) -> dict[str, Any]:
    """An axis of shares from a little below the least to 100 %."""
    low = max(0.0, np.floor(20 * (float(values[np.isfinite(values)].min()) - 0.03)) / 20)
    return {
        "scale": alt.Scale(domain=[low, 1.02], nice=False, zero=False),
        "axis": alt.Axis(title=title, format="%", tickCount=6),
    }
