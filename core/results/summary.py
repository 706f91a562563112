"""What rows that share a place come to, at all places at once: in NumPy, as tables have few rows and many groups."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

QUARTILES = {"low": 0.25, "median": 0.5, "high": 0.75}


def means(place: NDArray[np.int64], values: NDArray[np.float64], places: int = 0) -> NDArray[np.float64]:
    """The mean of the values at each place that are there; NaN where there is none.

    Equal values have themselves as mean, to the bit: what ties must be seen to tie.

    Args:
        place: of each value, from 0.
        values: NaN is left out.
        places: how many there are at least.
    """
    places = max(places, int(place.max(initial=-1)) + 1)
    there = ~np.isnan(values)
    place, values = place[there], values[there]
    first = np.full(places, np.nan)
    first[place[::-1]] = values[::-1]
    with np.errstate(invalid="ignore"):
        away = np.bincount(place, values - first[place], places) / np.bincount(place, minlength=places)
    found: NDArray[np.float64] = first + away
    return found


def ends(place: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least and the greatest of the values at each place, from 0."""
    least, most = (np.full(int(place.max(initial=-1)) + 1, sign * np.inf) for sign in (1, -1))
    np.minimum.at(least, place, values)
    np.maximum.at(most, place, values)
    return least, most


def medians(place: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of the values at each place, from 0: each has one or more, and infinite ones are as good as others."""
    ordered = values[np.lexsort((values, place))]
    many = np.bincount(place)
    start = np.cumsum(many) - many
    middle: NDArray[np.float64] = (ordered[start + (many - 1) // 2] + ordered[start + many // 2]) / 2
    return middle


def quartiles(
    place: NDArray[np.int64], values: NDArray[np.float64], worst: float | None = None
) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
    """The first row of each place in order; and by column low, median, high, finite and runs of its values.

    Args:
        place: of each value.
        worst: inf or -inf, which stands in for what is not finite, so that a quantile that falls among such values is
            not finite either. Without it, what is not finite is left out.

    Where all is finite, the quantiles are those of `numpy.quantile`.
    """
    finite = np.isfinite(values)
    values = np.where(finite, values, np.nan if worst is None else worst)
    _, first, place, runs = np.unique(place, return_index=True, return_inverse=True, return_counts=True)
    # Sorted within each group (NaN last), so that a quantile is two look-ups from where the group starts.
    ordered = values[np.lexsort((values, place))]
    start = np.cumsum(runs) - runs
    known = np.bincount(place[finite], minlength=len(first))
    used = known if worst is None else runs
    found = {name: _quantile(ordered, start, used, share) for name, share in QUARTILES.items()}
    return first, {"finite": known, "runs": runs, **found}


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
