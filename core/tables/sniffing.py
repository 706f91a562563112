"""How a table is written: encoding, delimiter, header and decimal mark, found out from its bytes.

Everything is a proposal that a person may change. Nothing in a file is evaluated: cells are text and stay text until
they are read as numbers.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.experiment.fields import shorten
from core.text import count

ENCODINGS = ("utf-8", "utf-16", "cp1252")
DELIMITERS = {"tab": "\t", "semicolon": ";", "bar": "|", "comma": ",", "blanks": " "}
"""By name, those first that hold nothing else in a file: a comma may be a decimal mark, a blank is in any text."""
DECIMALS = {"point": ".", "comma": ","}
HEADERS = ("yes", "no")

MAX_BYTES = 20 * 10**6
MAX_COLUMNS = 2_500
MAX_CELLS = 2 * 10**6
"""Each cell takes about 70 bytes while a file is read."""
SAMPLE, SAMPLE_CHARACTERS, BELOW = 2_000, 10**6, 200
"""Lines and characters that are looked at to find out how a file is written, and rows to tell a header from them."""
COMMENTS, SEPARATOR = ("#", "%", "|", "//", "!", "@"), "sep="
"""What begins lines that are no rows: comments and an ARFF file's head, if they have another number of cells than rows,
for a column may be called #; and a spreadsheet's word on its delimiter, in the first line."""
UNITS = "€$£%\u00a0\u202f "
"""What may stand round a number."""
MISSING = ("", "?", ".", "na", "nan", "n/a", "#n/a", "null")
"""What stands for no value in a feature, in any case."""
NO_TEXT = {b"PK": "a zip or a workbook", b"\x1f\x8b": "packed by gzip", b"\x89PNG": "a picture", b"%PDF": "a PDF"}


def _numbers(mark: str, thousands: str) -> re.Pattern[str]:
    """Numbers with a decimal mark and perhaps marks between thousands."""
    whole = rf"(?:\d{{1,3}}(?:[{thousands}]\d{{3}})+|\d+)"
    return re.compile(rf"[+-]?(?:{whole}(?:[{mark}]\d*)?|[{mark}]\d+)(?:[eE][+-]?\d{{1,3}})?", re.ASCII)


_NUMBER = {"point": _numbers(".", ","), "comma": _numbers(",", ".'\u00a0\u202f ")}
_ELSEWHERE = {"point": str.maketrans("", "", ","), "comma": str.maketrans(",", ".", ".'\u00a0\u202f ")}


class TableError(ValueError):
    """A file or a choice that gives no table to learn from: one line that names line, column, value or what to do."""


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Attributes:
        encoding: one of ENCODINGS.
        delimiter: what stands between cells, one of DELIMITERS.
        header: yes or no: whether the first row names the columns.
        decimal: one of DECIMALS; the other mark may then stand between thousands.
    """

    encoding: str
    delimiter: str
    header: str
    decimal: str


ALLOWED = {
    "encoding": ENCODINGS, "delimiter": tuple(DELIMITERS), "header": HEADERS, "decimal": tuple(DECIMALS),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row of cells, without the blanks round them, and the line of the file that it begins in, from 1."""

    line: int
    cells: tuple[str, ...]


def number(text: str, decimal: str) -> float:
    """The number that a cell holds, NaN where it holds none."""
    text = text.strip(UNITS)
    if not _NUMBER[decimal].fullmatch(text):
        return math.nan
    value = float(text.translate(_ELSEWHERE[decimal]))
    return value if math.isfinite(value) else math.nan


def is_number(text: str, decimal: str) -> bool:
    """Whether a cell holds a finite number."""
    return math.isfinite(number(text, decimal))


def is_missing(text: str) -> bool:
    """Whether a cell of a feature holds no value."""
    return text.lower() in MISSING


def propose(content: bytes, **said: str) -> Reading:
    """How the file seems to be written.

    Args:
        content: the bytes of the file.
        said: what a person says of it, by the names of a Reading's attributes.

    Raises TableError where there is no table.
    """
    for name, value in said.items():
        if value not in ALLOWED[name]:
            raise TableError(f"{name} is {shorten(value)}; allowed: {', '.join(ALLOWED[name])}")
    encoding = said.get("encoding") or _encoding(content)
    text = decoded(content, encoding)
    head = "".join(io.StringIO(text, newline="").readlines(SAMPLE_CHARACTERS)[:SAMPLE])
    if not head.strip():
        raise TableError("the file is empty; allowed: a table of text, a row in each line")
    delimiter = said.get("delimiter") or _delimiter(head)
    found, _ = without_comments(rows(head, delimiter))
    if not found:
        raise TableError("the file holds no rows; allowed: a table of text, a row in each line")
    check_width(found[0])
    sample = [row.cells for row in found]
    decimal = said.get("decimal") or _decimal(sample, delimiter)
    return Reading(encoding, delimiter, said.get("header") or _header(sample, decimal), decimal)


def check_width(row: Row) -> None:
    """Raises TableError where a row has too few or too many cells for a table."""
    if not 2 <= len(row.cells) <= MAX_COLUMNS:
        cells = count(len(row.cells), "cell")
        raise TableError(f"line {row.line:,} has {cells}; allowed: 2 to {MAX_COLUMNS:,} columns")


def decoded(content: bytes, encoding: str) -> str:
    """The text of a file. Raises TableError where it is none, or too long."""
    if len(content) > MAX_BYTES:
        raise TableError(f"the file has {len(content):,} bytes; allowed: at most {MAX_BYTES:,}")
    for start, what in NO_TEXT.items():
        if content.startswith(start):
            raise TableError(f"the file is {what}; allowed: text, such as a workbook gives by 'Save as CSV'")
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    if encoding == "utf-16" and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        found = content[error.start : error.start + 1].hex()
        raise TableError(f"line {line:,} holds byte {found}, which is no text in {encoding}") from None
    if (place := text.find("\0")) >= 0:
        line = text[:place].count("\n") + 1
        raise TableError(f"line {line:,} holds a character 0, which no text does; allowed: a table of text")
    return text


def _encoding(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or (b"\0" in content[:2] and len(content) % 2 == 0):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def rows(text: str, delimiter: str) -> list[Row]:
    """The rows of a text; empty lines are none. Raises TableError for a cell without end."""
    lines: Iterable[str] = io.StringIO(text, newline="")
    if delimiter == "blanks":
        lines = (" ".join(line.split("\t")).strip() for line in lines)
    reader = csv.reader(lines, delimiter=DELIMITERS[delimiter], skipinitialspace=True)
    found, line = [], 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)) or len(cells) > 1:
                found.append(Row(line, tuple(map(str.strip, cells))))
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"line {line:,}: {error}; is a quote that was opened there never closed?") from None
    return found


def without_comments(found: Sequence[Row]) -> tuple[list[Row], int]:
    """The rows that are no comments, and how many are. A header without a name for the rows' names gets an empty one.

    So R writes its tables.
    """
    width = _width([row.cells for row in found])
    kept = [row for row in found if len(row.cells) == width or not row.cells[0].startswith(COMMENTS)]
    if kept and kept[0].cells[0].startswith(SEPARATOR):
        kept = kept[1:]
    if kept and len(kept[0].cells) == width - 1:
        kept[0] = Row(kept[0].line, ("", *kept[0].cells))
    return kept, len(found) - len(kept)


def _width(found: Sequence[tuple[str, ...]]) -> int:
    """The number of cells that most rows have, those that may be comments left out where there are others."""
    return Counter(map(len, _plain(found))).most_common(1)[0][0] if found else 0


def _plain(found: Sequence[tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
    return [cells for cells in found if not cells[0].startswith(COMMENTS)] or found


def _delimiter(head: str) -> str:
    """The one by which most rows have one number of cells, of at least two."""

    def agreement(delimiter: str) -> float:
        try:
            found = _plain([row.cells for row in rows(head, delimiter)])
        except TableError:
            return 0.0
        width = _width(found)
        return sum(len(cells) == width for cells in found) / len(found) if width > 1 else 0.0

    agreements = {delimiter: agreement(delimiter) for delimiter in DELIMITERS}
    best = max(agreements, key=lambda delimiter: agreements[delimiter])
    if not agreements[best]:
        raise TableError(
            f"no delimiter makes several columns of the file; allowed: {', '.join(DELIMITERS)} between the cells"
        )
    return best


def _decimal(sample: Sequence[tuple[str, ...]], delimiter: str) -> str:
    """The mark by which more cells are numbers; 1,234 alone has a decimal comma, unless commas stand between cells."""
    cells = {cell for row in sample for cell in row if "," in cell or "." in cell}
    by = {decimal: [cell for cell in cells if is_number(cell, decimal)] for decimal in DECIMALS}
    if len(by["comma"]) == len(by["point"]) and delimiter != "comma":
        return "comma" if sum("," in cell for cell in by["comma"]) > len(by["comma"]) / 2 else "point"
    return "comma" if len(by["comma"]) > len(by["point"]) else "point"


def _header(sample: Sequence[tuple[str, ...]], decimal: str) -> str:
    """Whether the first row names the columns: text over numbers says so; without numbers, names that do not recur."""
    width = _width(sample)
    first, *others = [row for row in sample if len(row) == width][:BELOW]
    votes = 0
    for place, name in enumerate(first):
        below = [row[place] for row in others if not is_missing(row[place])]
        numbers = sum(is_number(cell, decimal) for cell in below)
        if below and numbers > len(below) / 2 and not is_missing(name):
            votes += -1 if is_number(name, decimal) else 1
    if votes:
        return "yes" if votes > 0 else "no"
    recur = any(name == row[place] for place, name in enumerate(first) for row in others)
    alike = len(set(first)) < len(first) or any(is_number(name, decimal) for name in first)
    return "no" if recur or alike or not others else "yes"


def named(cells: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, each once: one without a name is called by its place."""
    names: dict[str, int] = {}
    for place, cell in enumerate(cells, start=1):
        base = cell.removeprefix("# ").strip() or f"column {place}"  # as a header in a comment begins
        copies = range(1, len(cells) + 2)
        name = next(name for copy in copies if (name := f"{base} ({copy})" if copy > 1 else base) not in names)
        names[name] = place
    return tuple(names)
