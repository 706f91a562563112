"""Some rows of a table, of which a few columns are looked at: sixty need not be cut out for one of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from core.results.summary import means, medians


class Rows:
    """Rows of a table, by their numbers; all of them where none are given."""

    def __init__(self, table: pd.DataFrame, at: NDArray[np.int64] | None = None) -> None:
        self.table = table
        self.at = np.arange(len(table)) if at is None else at
        self._all = at is None

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, column: str) -> NDArray[Any]:
        """What the rows have in a column of numbers."""
        values: NDArray[Any] = self.table[column].to_numpy()
        return values if self._all else values.take(self.at)

    def texts(self, column: str) -> ExtensionArray:
        """What they have in a column of texts."""
        values: ExtensionArray = self.table[column].array
        return values if self._all else values.take(self.at)

    def there(self, column: str) -> NDArray[np.bool_]:
        """Which of them have a number in the column."""
        found: NDArray[np.bool_] = ~np.isnan(self[column])
        return found

    def has(self, column: str, *texts: Any) -> NDArray[np.bool_]:
        """Which of them have one of these texts in the column."""
        own = self.texts(column)
        found = np.zeros(len(self), dtype=bool)
        for text in texts:
            found |= np.asarray(own == text)
        return found

    def named(self, column: str) -> tuple[list[str], NDArray[np.int64]]:
        """The texts of a column in the order in which they appear, and of each row which of them it has."""
        place, names = self.texts(column).factorize()
        return names.tolist(), place

    def only(self, which: NDArray[np.bool_]) -> "Rows":
        """Those of them for which it is true."""
        return Rows(self.table, self.at[which])

    def where(self, **of: Any) -> "Rows":
        """Those of them with these values. Numbers are compared first: that takes a tenth of what texts take."""
        rows = self
        for column, value in sorted(of.items(), key=lambda each: isinstance(each[1], str)):
            rows = rows.only(rows.has(column, value) if isinstance(value, str) else rows[column] == value)
        return rows

    def distinct(self, column: str) -> int:
        """How many values a column of numbers has in them."""
        return len(pd.unique(self[column]))

    def groups(self) -> tuple[list[str], NDArray[np.int64]]:
        """The run groups in the order in which they appear, and of each row which of them it is of."""
        return self.named("group")

    def settings(self, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """What each of these groups has in columns that are the same in all of its rows."""
        first = self.at[np.unique(self.groups()[1], return_index=True)[1]]
        return list(zip(*(self.table[name].array.take(first).to_numpy().tolist() for name in columns), strict=True))

    def steps(self, column: str) -> dict[str, tuple[int, ...]]:
        """By run group the whole numbers from 0 that a column has in its rows, in order."""
        if not len(self):
            return {}  # a table without rows may have columns of any type
        names, place = self.groups()
        own = self[column]
        width = int(own.max(initial=0)) + 1
        group, step = np.divmod(np.unique(place * width + own), width)
        ends = np.searchsorted(group, np.arange(len(names) + 1))
        return {name: tuple(step[a:b].tolist()) for name, a, b in zip(names, ends, ends[1:], strict=False)}

    def seeds(self) -> dict[str, int]:
        """How many seeds there are of each of these groups."""
        names, place = self.groups()
        seed, seeds = pd.factorize(self["seed"])
        many = np.bincount(pd.unique(place * len(seeds) + seed) // max(len(seeds), 1), minlength=len(names))
        return dict(zip(names, many.tolist(), strict=True))

    def medians(self, values: NDArray[np.float64]) -> dict[str, float]:
        """The median by run group of values of these rows, one each; what is missing is left out."""
        there = ~np.isnan(values)
        names, place = self.only(there).groups()
        return dict(zip(names, medians(place, values[there]).tolist(), strict=True))

    def means(self, column: str, by: str) -> dict[tuple[str, int], float]:
        """The mean of a column by run group and a column of whole numbers, in the order in which they appear.

        What is missing is left out, and so are groups in which all is.
        """
        rows = self.only(self.there(column))
        names, place = rows.groups()
        other = rows[by]
        width = int(other.max(initial=0)) + 1
        number, found = pd.factorize(place * width + other)
        values = means(number, rows[column]).tolist()
        return {(names[one // width], one % width): mean for one, mean in zip(found.tolist(), values, strict=True)}


def where(table: pd.DataFrame, **of: Any) -> NDArray[np.int64]:
    """The numbers of the rows of a table with these values."""
    return Rows(table).where(**of).at


def select(table: pd.DataFrame, of: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a table with these values."""
    return table.take(where(table, **of)) if of else table
