"""What the columns of a table hold: numbers, text, dates or nothing; what is missing; what is better left out."""

import math
import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from core.experiment.fields import shorten
from core.tables import sniffing
from core.tables.sniffing import MAX_CELLS, Reading, TableError, is_missing, is_number, named, number
from core.text import amount, count

MOST_LEVELS = 50
"""Different texts of a column up to which it is proposed as one input for each of them."""
MOSTLY = 0.9
"""Share of the cells with a value that make a column one of numbers or of dates."""
EXAMPLES = 4
OTHER = {"point": "comma", "comma": "point"}
COUNTED = 5
"""Numbers from which on they may count the rows."""

Bools = np.ndarray[tuple[int], np.dtype[np.bool_]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
_DAY = r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3\d{2}(\d{2})?)"
_DATE = re.compile(_DAY + r"([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_IDENTIFIER = re.compile(
    r"(.*[ _.-])?(id|no|nr|number|index|key|code|uuid)|unnamed.*|column 1|rownames?", re.IGNORECASE
)


@dataclass(frozen=True)
class Column:
    """What a column holds: its cells as places in the list of the different texts.

    Attributes:
        name: its name, each once in a table.
        kind: numbers, text, dates or nothing.
        missing: cells without a value; of a column of numbers, those too that are none.
        odd: the first cell of a column of numbers that neither is one nor stands for a missing one, in words; or "".
        distinct: different values.
        shown: the range of numbers, or the first few texts.
        leave: why it is proposed to be left out, or "".
        places: (rows,) which of the `texts` each cell is.
        texts: the different texts, object.
        values: the number of each text, NaN where it is none.
    """

    name: str
    kind: str
    missing: int
    odd: str
    distinct: int
    shown: str
    leave: str
    places: np.ndarray[tuple[int], np.dtype[np.intp]] = field(repr=False, compare=False)
    texts: np.ndarray[tuple[int], np.dtype[Any]] = field(repr=False, compare=False)
    values: Floats = field(repr=False, compare=False)

    @property
    def cells(self) -> pd.Series:
        """The text of each row."""
        return pd.Series(self.texts[self.places], dtype=object)

    @property
    def numbers(self) -> Floats:
        """The number of each row, NaN where there is none."""
        return self.values[self.places]

    @property
    def gaps(self) -> Bools:
        """By row, whether a feature's value is missing: in a column of numbers, whatever is none."""
        without = np.isnan(self.values) if self.kind == "numbers" else np.array([is_missing(t) for t in self.texts])
        return without[self.places]


@dataclass(frozen=True, eq=False)
class Table:
    """A file as it was read: so many `rows`, and `comments`, lines that are none."""

    reading: Reading
    columns: tuple[Column, ...]
    rows: int
    comments: int

    def column(self, name: str) -> Column:
        """The column of that name. Raises TableError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(shorten(column.name) for column in self.columns[:20])
        raise TableError(f"there is no column {shorten(name)}; allowed: {known}{' …' * (len(self.columns) > 20)}")

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        return sum(column.places.nbytes + 80 * len(column.texts) + column.values.nbytes for column in self.columns)


def read(content: bytes, reading: Reading) -> Table:
    """The table in a file. Raises TableError naming the line of a row with too few or too many cells."""
    found = sniffing.rows(sniffing.decoded(content, reading.encoding), reading.delimiter)
    rows, comments = sniffing.without_comments(found)
    if not rows:
        raise TableError("the file holds no rows; allowed: a table of text, a row in each line")
    width = len(rows[0].cells)
    sniffing.check_width(rows[0])
    for row in rows:
        if len(row.cells) != width:
            quote = "; is a quote in it never closed?" if any("\n" in cell for cell in row.cells) else ""
            raise TableError(
                f"line {row.line:,} has {count(len(row.cells), 'cell')} and line {rows[0].line} has {width}; "
                f"allowed: as many in each{quote}"
            )
    if len(rows) * width > MAX_CELLS:
        raise TableError(
            f"the table has {len(rows):,} rows of {width:,} columns, {len(rows) * width:,} cells; "
            f"allowed: at most {MAX_CELLS:,} cells, such as the first {MAX_CELLS // width:,} rows"
        )
    if len(rows) == 1:
        raise TableError("the file has one row alone, of names or values; allowed: at least 2 rows below any names")
    headed = reading.header == "yes"
    names = named(rows[0].cells if headed else [""] * width)
    rows = rows[headed:]
    if len(rows) < 2:
        below = " below its header" if headed else ""
        raise TableError(f"the table has {count(len(rows), 'row')}{below}; allowed: at least 2")
    lines = [row.line for row in rows]
    cells = zip(*(row.cells for row in rows), strict=True)
    columns = tuple(_column(name, column, lines, reading.decimal) for name, column in zip(names, cells, strict=True))
    return Table(reading, columns, len(rows), comments)


def _column(name: str, cells: tuple[str, ...], lines: list[int], decimal: str) -> Column:
    places, texts = pd.factorize(np.array(cells, dtype=object))
    gaps = np.array([is_missing(text) for text in texts])
    numbers = np.array([math.nan if gap else number(text, decimal) for text, gap in zip(texts, gaps, strict=True)])
    rows = np.bincount(places) * ~gaps  # with each of the different texts
    is_one, total = np.isfinite(numbers), int(rows.sum())
    column = Column(name, "nothing", len(cells) - total, "", 0, "", "it is empty", places, texts, numbers)
    if not total:
        return column
    known = texts[~gaps]
    if rows[is_one].sum() >= MOSTLY * total:
        column = replace(
            column,
            kind="numbers",
            missing=len(cells) - int(rows[is_one].sum()),
            odd=_first(known[~is_one[~gaps]], cells, lines),
            distinct=len(np.unique(numbers[is_one])),
            shown=f"{written(numbers[is_one].min())} to {written(numbers[is_one].max())}",
        )
    else:
        dates = rows[[bool(_DATE.fullmatch(text)) for text in texts]].sum() >= MOSTLY * total
        shown = ", ".join(shorten(text, 20)[1:-1] for text in known[:EXAMPLES])
        column = replace(column, kind="dates" if dates else "text", distinct=len(known), shown=shown)
        if rows[is_one].any() and rows[_either(texts, is_one, decimal)].sum() >= MOSTLY * total:
            return replace(column, leave="some of its numbers have a decimal point and others a decimal comma")
    return replace(column, leave=_why_not(column))


def _either(texts: Any, is_one: Bools, decimal: str) -> Bools:
    """Which of the texts are numbers with the decimal mark, as those known are, or with the other one."""
    return np.array([one or is_number(text, OTHER[decimal]) for text, one in zip(texts, is_one, strict=True)])


def _first(odd: Any, cells: tuple[str, ...], lines: list[int]) -> str:
    """The first of the `odd` texts, and its line."""
    return f"{shorten(odd[0])} in line {lines[cells.index(odd[0])]:,}" if len(odd) else ""


def _why_not(column: Column) -> str:
    """Why a column is proposed to be left out, or ""."""
    rows = len(column.places)
    if column.distinct == 1:
        return "all its values are the same"
    if column.kind == "dates":
        return "it holds dates"
    if 2 * column.missing > rows:
        return f"{column.missing:,} of {rows:,} values are missing"
    if column.distinct == rows - column.missing and (column.kind == "text" or _counts(column)):
        return "all its values differ, as those of an identifier do"
    if column.kind == "text" and column.distinct > MOST_LEVELS:
        return f"it holds {column.distinct:,} different texts"
    return ""


def _counts(column: Column) -> bool:
    """Whether different numbers are those of an identifier: whole ones that count the rows, or are called so."""
    numbers = column.values[np.isfinite(column.values)]
    if len(numbers) < COUNTED or np.any(numbers != np.round(numbers)):
        return False
    return bool(_IDENTIFIER.fullmatch(column.name)) or numbers.max() - numbers.min() == len(numbers) - 1


def written(value: float) -> str:
    """A number of a file as it is shown."""
    return amount(value) if value == round(value) and abs(value) < 1e9 else f"{value:.6g}"
