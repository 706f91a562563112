"""From a result's tables to the few rows that a chart draws: masking, quantiles over runs, thinning."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from core.text import number

QUARTILES = {"low": 0.25, "median": 0.5, "high": 0.75}
TYPES = {str: pa.large_string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
"""By the kind of a column's values, the type that pandas would give it."""


def few(columns: Mapping[str, Sequence[Any] | NDArray[Any] | pa.ChunkedArray]) -> pa.Table:
    """A few rows for a chart, by column, in a tenth of the time that pandas takes for them."""
    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: Sequence[Any] | NDArray[Any] | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, pa.ChunkedArray):
        return values
    kind = next((kind for known, kind in TYPES.items() if len(values) and isinstance(values[0], known)), None)
    return pa.array(values, kind, from_pandas=True)


def masked(table: pd.DataFrame, columns: Sequence[str], log: Collection[str] = ()) -> tuple[pd.DataFrame, int]:
    """The rows whose `columns` are finite, and positive where in `log`; and how many rows that leaves out.

    Every chart masks like this before it draws; pages call it to say what was left out.
    """
    keep = np.ones(len(table), dtype=bool)
    for column in columns:
        values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
        keep &= np.isfinite(values)
        if column in log:
            keep &= values > 0
    return table[keep], int(len(table) - keep.sum())


def spread(table: pd.DataFrame, by: Sequence[str], column: str, worst: float | None = None) -> pd.DataFrame:
    """Quartiles of `column` over the rows that share `by`: columns low, median, high, finite and runs.

    `worst` (inf or -inf) stands in for what is not finite, so that a diverged run counts as worse than all
    others: a quantile that falls among such runs is not finite. Without it, what is not finite is left out.
    Where all is finite, the quantiles are those of `numpy.quantile`.
    """
    values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.isfinite(values)
    values = np.where(finite, values, np.nan if worst is None else worst)
    place = np.zeros(len(table), dtype=np.int64)
    for name in by:
        own, names = pd.factorize(table[name], sort=True)
        place = place * len(names) + own
    _, first, place, runs = np.unique(place, return_index=True, return_inverse=True, return_counts=True)
    # Sorted within each group (NaN last), so that a quantile is two look-ups from where the group starts.
    ordered = values[np.lexsort((values, place))]
    start = np.cumsum(runs) - runs
    known = np.bincount(place[finite], minlength=len(first))
    used = known if worst is None else runs
    found: dict[str, Any] = {name: table[name].array.take(first) for name in by}
    found |= {"finite": known, "runs": runs}
    return pd.DataFrame(found | {name: _quantile(ordered, start, used, share) for name, share in QUARTILES.items()})


def _quantile(ordered: NDArray[Any], start: NDArray[Any], size: NDArray[Any], share: float) -> NDArray[np.float64]:
    if ordered.size == 0:
        return np.empty(0)
    at = np.maximum(size - 1, 0) * share
    below = np.floor(at).astype(np.int64)
    part = at - below
    left = ordered[start + below]
    right = ordered[np.minimum(start + below + 1, ordered.size - 1)]
    with np.errstate(invalid="ignore"):
        between = left + part * (right - left)
    quantile: NDArray[np.float64] = np.where(size == 0, np.nan, np.where(part > 0, between, left))
    return quantile


def thin(points: NDArray[Any], limit: int, log: bool = False) -> NDArray[Any]:
    """At most `limit` of the sorted `points`, evenly spread along the axis, the first and the last among them."""
    if len(points) <= limit:
        return points
    place = np.log1p(points - points[0]) if log else np.arange(len(points), dtype=np.float64)
    wanted = np.linspace(place[0], place[-1], max(limit, 2))
    nearest = np.clip(np.searchsorted(place, wanted), 0, len(points) - 1)
    chosen: NDArray[Any] = points[np.unique(nearest)]
    return chosen


def smoothed(table: pd.DataFrame, by: str, column: str, window: int) -> pd.Series:
    """Centred rolling median of `column` within each group of `by`; rows must be in order.

    The window (odd) shrinks at both ends, evenly on its two sides, so that the first and the last row stay themselves.
    """
    values = table[column].to_numpy(np.float64)
    found = values.copy()
    for rows in table.groupby(by, sort=False, observed=True).indices.values():
        place = np.arange(len(rows))
        room = np.minimum(np.minimum(place, place[::-1]), window // 2)
        for half in range(1, window // 2 + 1):
            at = np.flatnonzero(room == half)
            found[rows[at]] = np.median(values[rows[at[:, None] + np.arange(-half, half + 1)]], axis=1)
    return pd.Series(found, table.index)


def interval_text(low: pd.Series, high: pd.Series) -> list[str]:
    """'low to high' with 4 significant digits; 'not finite' where an end is not."""
    return [
        f"{number(a, 4)} to {number(b, 4)}" if np.isfinite(a) and np.isfinite(b) else "not finite"
        for a, b in zip(low, high, strict=True)
    ]
