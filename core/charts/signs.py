"""Charts of gradient signs: how far the weight gradients into one neuron share a sign."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.charts import curves, rows, style, tables
from core.engine.measures import SHARE_EDGES
from core.results import summary
from core.results.selected import where
from core.schema import LEVELS
from core.text import NOT_MEASURED, percent

WHOSE = {"example": "one example", "batch": "one mini-batch", "epoch": "the whole training set"}
AGREEMENT = "agreement of gradient signs"
RANDOM = "random signs"
NO_GRADIENT = "no neuron has a gradient here"
BINS = len(SHARE_EDGES) - 1


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
    counts = _counts(histograms, groups, epoch=epoch, layer=layer, level=level)
    there = np.flatnonzero(counts.any(axis=1))
    if not there.size:
        measured = histograms.empty or histograms["quantity"].isin(["gradient", "positive_share"]).any()
        return style.blank(title, x_title, y_title, NO_GRADIENT if measured else NOT_MEASURED)
    named = [groups[place] for place in there[: style.MOST_ROWS]]
    shares = counts[there[: style.MOST_ROWS]]
    shares /= shares.sum(axis=1, keepdims=True)
    left, right = SHARE_EDGES[:-1], SHARE_EDGES[1:]
    of_bins = {
        "left": left,
        "right": right,
        "expected": binomial_shares(left, right, fan_in),
        "range": np.array(tables.interval_text(left, right)),
    }
    table = {name: np.tile(values, len(named)) for name, values in of_bins.items()}
    return rows.bars(
        table | {"place": np.repeat(np.arange(len(named)), BINS), "share": shares.ravel()},
        named,
        [f"{percent(at_ends)} at 0 or 1" for at_ends in (shares[:, 0] + shares[:, -1]).tolist()],
        title=title,
        subtitle=f"{style.when(epoch)}; dashed: {RANDOM}{style.left_out(len(there))}",
        x_title=x_title,
        y_title=y_title,
        domain=(0.0, 1.0),
        colour=style.row_colour(groups),
        x_format="%",
        own_peak=False,
        reference=True,
        groups=groups,
    )


def _counts(histograms: pd.DataFrame, groups: Sequence[str], **of: int | str) -> NDArray[np.float64]:
    """Of each group (rows), how many neurons have their share of positive gradients in each bin (columns)."""
    own = where(histograms, **of, quantity="positive_share")
    place = tables.places(histograms["group"].array.take(own), groups)
    left, count = (histograms[name].to_numpy()[own] for name in ("left", "count"))
    cell = place * BINS + np.rint(left * BINS).astype(np.int64)
    known = place >= 0
    found = np.bincount(cell[known], count[known], minlength=len(groups) * BINS)
    return found.astype(np.float64).reshape(len(groups), BINS)


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
    own = _own(layers, groups, epoch=epoch)
    steps, at = tables.steps(layers["layer"].to_numpy()[own])
    table = tables.taken(layers, ["group", "hidden", "agreement_random", f"agreement_{level}"], own) | {"at": at}
    return curves.over_steps(
        table,
        groups,
        f"agreement_{level}",
        steps=steps,
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
    table = tables.taken(layers, columns, _own(layers, groups, layer=layer))
    return curves.over_training(
        table,
        groups,
        f"agreement_{level}",
        title=f"Agreement of gradient signs in layer {layer}",
        subtitle=_subtitle(f"gradient of {WHOSE[level]}"),
        y_title=AGREEMENT,
        y_kind="share",
        log_x=log_x,
        lines=pd.unique(table["agreement_random"]).tolist(),
        empty=_why_empty(layers),
    )


def agreement_by_level(layers: pd.DataFrame, *, groups: Sequence[str], epoch: int, layer: int) -> alt.LayerChart:
    """Agreement of gradient signs at the three levels, at one epoch, with that of random signs."""
    own = _own(layers, groups, epoch=epoch, layer=layer)
    table = tables.taken(layers, ["group", "hidden", "agreement_random"], np.tile(own, len(LEVELS))) | {
        "at": pd.array(LEVELS, dtype="str").take(np.repeat(np.arange(len(LEVELS)), len(own))),
        "value": np.concatenate([layers[f"agreement_{level}"].to_numpy()[own] for level in LEVELS]),
    }
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
        empty=_why_empty(layers),
    )


def _own(layers: pd.DataFrame, groups: Sequence[str], **of: int) -> NDArray[np.int64]:
    """The numbers of these groups' rows with these values."""
    rows = where(layers, **of)
    return rows[tables.places(layers["group"].array.take(rows), groups) >= 0]


def _why_empty(layers: pd.DataFrame) -> str:
    """Why there is no sign to draw. Where signs are measured, a layer that has not diverged has a `gradient_std`."""
    if layers.empty:
        return style.NOTHING
    return NO_GRADIENT if layers["gradient_std"].notna().any() else NOT_MEASURED


def _subtitle(what: str) -> str:
    return f"{what}; {curves.BAND}; dashed: {RANDOM}"


def _random(table: Mapping[str, Any]) -> dict[str, Any]:
    """The agreement of random signs at every step `at`, for each network: columns at, value, key."""
    values = np.asarray(table["agreement_random"])
    known = np.flatnonzero(np.isfinite(values))
    (steps, at), (networks, network) = (tables.named(table[name].take(known)) for name in ("at", "hidden"))
    _, first, place = np.unique(tables.combined(at, network), return_index=True, return_inverse=True)
    return {
        "at": tables.texts(steps, at[first]).to_pylist(),
        "value": summary.means(place, values[known]),
        "key": tables.texts(networks, network[first]).to_pylist(),
    }
