"""Charts of gradient signs: how far the weight gradients into one neuron share a sign."""

import math
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.charts import curves, rows, style, tables
from core.engine.measures import SHARE_EDGES
from core.schema import LEVELS
from core.text import NOT_MEASURED, percent

WHOSE = {"example": "one example", "batch": "one mini-batch", "epoch": "the whole training set"}
AGREEMENT = "agreement of gradient signs"
RANDOM = "random signs"
NO_GRADIENT = "no neuron has a gradient here"


def sign_distribution(
    histograms: pd.DataFrame, *, groups: Sequence[str], epoch: int, layer: int, level: str, fan_in: int
) -> alt.LayerChart:
    """Distribution over neurons of the share of positive weight gradients, a row for each group.

    Two spikes at 0 and 1 where signs are tied together; where they are free, the bump of `fan_in` random
    signs, which is drawn as a dashed outline. All rows share one scale.

    Args:
        groups: the experiment's groups, in its order; rows are drawn for those that `histograms` holds.
        layer: the layer that the weights lead into.
        fan_in: incoming weights per neuron, for the reference.
    """
    title = f"Gradient of {WHOSE[level]}, layer {layer}"
    x_title, y_title = "share of positive weight gradients", "run group"
    here = (histograms["quantity"] == "positive_share") & (histograms["level"] == level)
    here &= (histograms["epoch"] == epoch) & (histograms["layer"] == layer) & histograms["group"].isin(groups)
    table = histograms.loc[here, ["group", "left", "right", "count"]]
    table = tables.masked(table, ["left", "right", "count"])[0]
    if table.empty:
        measured = histograms.empty or histograms["quantity"].isin(["gradient", "positive_share"]).any()
        return style.blank(title, x_title, y_title, NO_GRADIENT if measured else NOT_MEASURED)
    named, cut = style.shown(groups, table)
    table = _every_bin(table, named)
    table["share"] = table["count"] / table.groupby("place")["count"].transform("sum")
    table["expected"] = binomial_shares(table["left"].to_numpy(), table["right"].to_numpy(), fan_in)
    table["range"] = tables.interval_text(table["left"], table["right"])
    at_ends = table[(table["left"] <= 0) | (table["right"] >= 1)].groupby("place")["share"].sum()
    notes = [f"{percent(float(at_ends.get(i, 0.0)))} at 0 or 1" for i in range(len(named))]
    return rows.bars(
        table,
        pd.DataFrame({"group": named, "note": notes}),
        title=title,
        subtitle=f"{style.when(epoch)}; dashed: {RANDOM}{cut}",
        x_title=x_title,
        y_title=y_title,
        domain=(0.0, 1.0),
        colour=style.row_colour(groups),
        x_format="%",
        own_peak=False,
        reference=True,
        groups=groups,
    )


def _every_bin(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """The counts of these groups, in the order of the groups and their bins, the empty bins included."""
    bins = len(SHARE_EDGES) - 1
    place = table["group"].map({group: i for i, group in enumerate(groups)})
    index = np.rint(table["left"] * bins)
    counts = table["count"].groupby([place, index]).sum()
    every = pd.MultiIndex.from_product([range(len(groups)), range(bins)], names=["place", "bin"])
    whole = counts.reindex(every, fill_value=0.0).rename("count").reset_index()
    left, right = (SHARE_EDGES[whole["bin"] + shift] for shift in (0, 1))
    return whole.assign(group=np.take(groups, whole["place"]), left=left, right=right)


def binomial_shares(left: NDArray[np.float64], right: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Probability that the share of positives among `n` random signs lies in [left, right), or [left, 1] at the end."""
    k = np.arange(n + 1)
    factorials = np.array([math.lgamma(i + 1.0) for i in range(n + 1)])
    chance = np.exp(factorials[n] - factorials - factorials[::-1] - n * math.log(2.0))
    below = np.concatenate([[0.0], np.cumsum(chance)])

    def up_to(edge: NDArray[np.float64]) -> NDArray[np.float64]:
        # A share k / n on an edge belongs to the bin to the right, whatever the edge's last bit is.
        first = np.searchsorted(k / n, edge - 1e-12) if n else np.zeros(len(edge), dtype=np.int64)
        result: NDArray[np.float64] = below[np.where(edge >= 1, n + 1, first)]
        return result

    return up_to(right) - up_to(left)


def agreement_by_layer(layers: pd.DataFrame, *, groups: Sequence[str], level: str, epoch: int) -> alt.LayerChart:
    """Agreement of gradient signs in every layer at one epoch, with that of random signs."""
    columns = ["group", "layer", "hidden", "agreement_random", f"agreement_{level}"]
    table = layers.loc[(layers["epoch"] == epoch) & layers["group"].isin(groups), columns]
    table = table.assign(at=table["layer"].astype(str))
    return curves.over_steps(
        table,
        groups,
        f"agreement_{level}",
        steps=[str(number) for number in sorted(table["layer"].unique())],
        title="Agreement of gradient signs by layer",
        subtitle=_subtitle(f"gradient of {WHOSE[level]}, {style.when(epoch)}"),
        x_title="layer (the last is the output)",
        y_title=AGREEMENT,
        y_kind="share",
        reference=_random(table),
        empty=_why_empty(layers),
    )


def agreement_over_training(
    layers: pd.DataFrame, *, groups: Sequence[str], level: str, layer: int, log_x: bool = True
) -> alt.LayerChart:
    """Agreement of gradient signs in one layer over training, with that of random signs: median and 25-75 % band."""
    columns = ["group", "run", "epoch", "agreement_random", f"agreement_{level}"]
    table = layers.loc[(layers["layer"] == layer) & layers["group"].isin(groups), columns]
    return curves.over_training(
        table,
        groups,
        f"agreement_{level}",
        title=f"Agreement of gradient signs in layer {layer}",
        subtitle=_subtitle(f"gradient of {WHOSE[level]}"),
        y_title=AGREEMENT,
        y_kind="share",
        log_x=log_x,
        lines=table["agreement_random"].unique().tolist(),
        empty=_why_empty(layers),
    )


def agreement_by_level(layers: pd.DataFrame, *, groups: Sequence[str], epoch: int, layer: int) -> alt.LayerChart:
    """Agreement of gradient signs at the three levels, at one epoch, with that of random signs."""
    columns = ["group", "hidden", "agreement_random", *(f"agreement_{level}" for level in LEVELS)]
    here = (layers["epoch"] == epoch) & (layers["layer"] == layer) & layers["group"].isin(groups)
    table, empty = layers.loc[here, columns], _why_empty(layers)
    each = [
        table[["group", "hidden", "agreement_random"]].assign(at=level, value=table[f"agreement_{level}"])
        for level in LEVELS
    ]
    table = pd.concat(each)
    return curves.over_steps(
        table,
        groups,
        "value",
        steps=LEVELS,
        title=f"Agreement of gradient signs in layer {layer}",
        subtitle=_subtitle(style.when(epoch)),
        x_title="gradient of one example, one batch, one epoch",
        whose="{group}, one {at},",
        y_title=AGREEMENT,
        y_kind="share",
        reference=_random(table),
        empty=empty,
    )


def _why_empty(layers: pd.DataFrame) -> str:
    """Why there is no sign to draw. Where signs are measured, a layer that has not diverged has a `gradient_std`."""
    if layers.empty:
        return style.NOTHING
    return NO_GRADIENT if layers["gradient_std"].notna().any() else NOT_MEASURED


def _subtitle(what: str) -> str:
    return f"{what}; {curves.BAND}; dashed: {RANDOM}"


def _random(table: pd.DataFrame) -> pd.DataFrame:
    """The agreement of random signs at every step `at`, for each network: columns at, key, value."""
    means = tables.masked(table, ["agreement_random"])[0].groupby(["at", "hidden"])["agreement_random"].mean()
    return means.rename_axis(index={"hidden": "key"}).rename("value").reset_index()
