"""Charts of the agreement of gradient signs against batch size, layer and initial scale."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from core.charts import curves, style, tables
from core.lessons.batch_size import FREE, QUANTITIES
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
    medians = tables.masked(tables.spread(table, ["line", "size"], "pairs"), ["median", "low", "high"])[0]
    if medians.empty:
        return style.blank(title, x_title, PAIRS, why)
    medians = medians.rename(columns={"line": "group"})
    medians["band"] = tables.interval_text(medians["low"], medians["high"])
    theory = theory.rename(columns={"line": "group"})
    sizes = sorted({*medians["size"], *theory["size"]})
    at = sorted(medians["size"].unique().tolist())
    x_axis = style.position(x_title, sizes, "log", at)
    x_axis["axis"].labelExpr = f"datum.value >= {full} ? 'all' : datum.label"
    x = alt.X("size:Q", **x_axis)
    ends = [*medians["low"], *medians["high"], *theory["pairs"], FREE]
    y_axis = _share_axis(PAIRS, ends)
    lines = _drawn(lines, medians["group"])
    colour, dash, pick = style.group_colour(lines), style.group_dash(lines), style.pick_group()

    free = alt.Chart(pd.DataFrame({"median": [FREE]})).mark_rule(color=style.NEUTRAL, strokeWidth=1.6)
    # Dashes tell functions of one start apart, as on every page: theory is dotted.
    expected = alt.Chart(theory[["group", "size", "pairs"]]).mark_line(strokeDash=[1, 3], strokeWidth=1.8)
    expected_y = alt.Y("pairs:Q", **y_axis)
    base = alt.Chart(medians[["group", "size", "low", "median", "high", "band", "finite"]]).encode(x=x, color=colour)
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
    subtitle = f"{style.when(epoch)}; {curves.BAND}{_of_theory('dotted: theory', theory)}; grey: random signs"
    said = style.extremes(medians, "median", "{group} with batches of {size:,}", percent)
    return style.layered(marks, title, curves.of_runs(subtitle, medians["runs"]), curves.HEIGHT, pick, said=said)


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
        _drawn(lines, table["line"]),
        "pairs",
        steps=steps,
        title="Which layers does a full batch leave tied?",
        subtitle=f"gradient of the whole training set, {style.when(epoch)}; {curves.BAND}"
        + _of_theory("grey: theory", reference),
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
    table = tables.masked(table, ["scale", "mean"], log=["scale"])[0]
    if table.empty:
        return style.blank(title, x_title, y_title, "no weights here start from a scale above 0")
    table = table.assign(name=table["quantity"].map(QUANTITIES))
    x = alt.X("scale:Q", **style.position(x_title, table["scale"], "log"))
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
    base = alt.Chart(table.drop(columns=["theory", "quantity"])).encode(x=x, color=colour)
    network = alt.Detail(["hidden:N", "dataset:N"])
    charts = [base.mark_line(strokeWidth=2.2).encode(y=y, detail=network)]
    expected = tables.masked(table, ["theory"])[0]
    if not expected.empty:
        line = alt.Chart(expected[["dataset", "hidden", "scale", "theory", "name"]]).mark_line(
            strokeDash=[5, 4], strokeWidth=1.6
        )
        charts.append(line.encode(x=x, y=alt.Y("theory:Q", **axis), color=colour, detail=network))
    charts.append(base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", **axis), y2=alt.Y2("high:Q")))
    charts.append(base.mark_point(filled=True, size=70, opacity=1).encode(y=y, tooltip=tip))
    subtitle = f"{activation}, layer {layer}, gradient of {whose}, {style.when(epoch)}"
    subtitle += _of_theory("dashed: theory, large batch", expected)
    whose = "{initialiser}, scale {at},"
    told = table.assign(at=table["scale"].map(number))
    ends = [style.extremes(told[told["name"] == name], "mean", whose, percent) for name in names]
    return style.layered(charts, title, subtitle, curves.HEIGHT, said=style.read_out(names, ends))


def _drawn(lines: Sequence[str], there: pd.Series) -> Sequence[str]:
    """Of more lines than a legend has room for, those that are there, which look as they do among all of them."""
    present = set(there)
    own = tuple(line for line in lines if line in present)
    return style.Chosen(own, tuple(lines)) if len(lines) > style.MOST_KEYS else lines


def _of_theory(words: str, drawn: pd.DataFrame) -> str:
    """What the subtitle says of theory's lines, where there are any."""
    return "" if drawn.empty else f"; {words}"


def _share_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """An axis of shares from a little below the least to 100 %."""
    finite = np.asarray(values, dtype=np.float64)
    low = max(0.0, np.floor(20 * (float(finite[np.isfinite(finite)].min()) - 0.03)) / 20)
    return {
        "scale": alt.Scale(domain=[low, 1.02], nice=False, zero=False),
        "axis": alt.Axis(title=title, format="%", tickCount=6),
    }
