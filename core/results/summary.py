"""What rows that share a place come to, at all places at once: in NumPy, as tables have few rows and many groups."""

import numpy as np
from numpy.typing import NDArray


def means(place: NDArray[np.int64], values: NDArray[np.float64], places: int) -> NDArray[np.float64]:
    """The mean of the values that are there, for each of so many places; NaN where there is none.

    Args:
        place: of each value, from 0.
        values: NaN is left out.
    """
    there = ~np.isnan(values)
    sums, sizes = np.bincount(place[there], values[there], places), np.bincount(place[there], minlength=places)
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = sums / sizes
    return found
