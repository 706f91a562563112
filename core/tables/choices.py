"""What is made of a table: the label, what is left out, what becomes of missing values; and the examples it gives."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from core.experiment.fields import shorten
from core.registries.datasets import MAX_FEATURES, Dataset
from core.registries.own_data import LARGEST, made_of
from core.tables import sniffing
from core.tables.columns import Bools, Column, Table, read
from core.tables.sniffing import ALLOWED, TableError, is_number, named
from core.text import count, listed, verb

MISSING = ("drop", "mean", "median", "most_frequent")
FEWEST_ROWS, MOST_ROWS, MAX_ROWS = 4, 20_000, 100_000
"""Rows that there must be, that are taken unless more are asked for, and that may be asked for."""
MAX_NUMBERS = 5 * 10**6
"""Rows times features of the examples."""
MOST_CLASSES = 100
QUANTITY = 20
"""Different numbers from which on a label looks like a quantity."""
DROPPED = 0.1
"""Share of the rows up to which those with missing values are proposed to be dropped."""
NAMED = 12
_LABEL = re.compile(r"class|label|target", re.IGNORECASE)
_LIKE_LABELS = re.compile(
    r"class(es|[ _-]?name)|labels|species|y|outcome|quality|diagnosis|category|variety|income|type|result|survived",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choices:
    """What is made of a table; `propose` has the proposals.

    Attributes:
        label: name of the column whose values are the classes.
        leave_out: names of the columns that are no features.
        categories: names of columns of numbers that stand for categories; text always does.
        missing: what becomes of missing values in features, one of MISSING.
        without: classes whose rows are left out.
        full_stop: whether a full stop at the end of a label is taken off.
        rows: rows that are taken at most, at random with equal shares of each class.
    """

    label: str
    leave_out: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    missing: str = "drop"
    without: tuple[str, ...] = ()
    full_stop: bool = False
    rows: int = MOST_ROWS


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples to learn from, and what was done to get them.

    Attributes:
        x: (examples, features), finite numbers with the features' names.
        y: (examples,) names of classes, or whole numbers where all of them are that.
        said: what was done, a sentence each.
    """

    x: pd.DataFrame
    y: list[str] | list[int]
    said: tuple[str, ...]

    @property
    def classes(self) -> dict[str, int]:
        """Examples of each class, in order."""
        counts: Counter[Any] = Counter(self.y)
        return {str(name): counts[name] for name in sorted(counts)}

    def dataset(self, name: str) -> Dataset:
        """The own data set of these examples, which the process knows once it is kept (`core.registries.datasets`)."""
        try:
            return made_of(name, self.x, self.y)
        except ValueError as error:
            raise TableError(str(error)) from error


def recipe(table: Table, choices: Choices) -> str:
    """How a file is read and what is made of it, in a text for links that tells no name or value of the table."""
    names, classes = [column.name for column in table.columns], _classes(table, choices)
    places = [(names, (choices.label,)), (names, choices.leave_out), (names, choices.categories)]
    parts = [".".join(str(among.index(name)) for name in of) for among, of in [*places, (classes, choices.without)]]
    stop = "yes" if choices.full_stop else "no"
    return "~".join([".".join(astuple(table.reading)), *parts, choices.missing, stop, str(choices.rows)])


def follow(content: bytes, text: str) -> tuple[Table, Choices]:
    """The table in a file, read as a recipe says, and the choices. Raises TableError where they do not go together."""
    try:
        how, *places, missing, stop, rows = text.split("~")
        table = read(content, sniffing.propose(content, **dict(zip(ALLOWED, how.split("."), strict=True))))
        label, out, categories, without = ([int(place) for place in part.split(".") if part] for part in places)
        names = [column.name for column in table.columns]
        chosen = Choices(
            names[label[0]],
            tuple(names[place] for place in out),
            tuple(names[place] for place in categories),
            missing,
            full_stop=stop == "yes",
            rows=int(rows),
        )
        classes = _classes(table, chosen)
        chosen = replace(chosen, without=tuple(classes[place] for place in without))
    except (ValueError, IndexError) as error:
        raise TableError(f"the file cannot be read as {shorten(text)} says: {error}") from error
    _check(table, chosen)
    return table, chosen


def _classes(table: Table, choices: Choices) -> list[str]:
    return sorted(set(labels(table, choices)))


def labels(table: Table, choices: Choices) -> pd.Series:
    """The label of each row as text, whatever it reads like; "" is the only one that is missing."""
    cells = table.column(choices.label).cells
    return cells.str.removesuffix(".") if choices.full_stop else cells


def counted(column: Column, choices: Choices) -> tuple[int, int]:
    """A column's different and its missing values, as it is used: in the label only an empty cell is missing."""
    if column.name != choices.label:
        return column.distinct, column.missing
    return int((column.texts != "").sum()), int((column.cells == "").sum())


def propose(table: Table, label: str = "") -> Choices:
    """What seems best to be made of a table, of which a person may have chosen the label."""
    label = table.column(label).name if label else _label(table)
    out = tuple(column.name for column in table.columns if column.leave and column.name != label)
    used = [column.name for column in table.columns if column.name not in (label, *out)]
    gaps = np.zeros(table.rows, bool)
    for name in used:
        gaps |= table.column(name).gaps
    found = set(table.column(label).texts) - {""}
    stops = {name for name in found if name.endswith(".") and name[-2:-1].isalpha()}
    full_stop = bool(stops) and (stops == found or any(name[:-1] in found for name in stops))
    missing = "drop" if gaps.mean() <= DROPPED else "median"
    return Choices(label, out, missing=missing, full_stop=full_stop)


def _label(table: Table) -> str:
    """The column that is called like a label, else the last or the first that could be one, else any."""
    fits = [column for column in table.columns if not column.leave and 2 <= column.distinct <= MOST_CLASSES]
    classes = [
        column for column in fits
        if column.kind == "text" or (column.distinct <= QUANTITY and _whole(column))
    ]  # fmt: skip
    ends = [table.columns[-1], table.columns[0]]
    ordered = [
        *(column for column in table.columns if _LABEL.fullmatch(column.name)),
        *(column for column in classes if _LIKE_LABELS.fullmatch(column.name)),
        *(column for column in ends if column in classes),
        *reversed(classes),
        *(column for column in ends if _of_words(column)),
        *(column for column in fits if _LIKE_LABELS.fullmatch(column.name)),
        *reversed(fits),
        table.columns[-1],
    ]
    return ordered[0].name


def _of_words(column: Column) -> bool:
    """Whether a column of text has some classes if words such as NA, elsewhere no value, are classes."""
    words = [text for text in column.texts if text]
    return column.kind == "text" and 2 <= len(words) <= min(MOST_CLASSES, len(column.places) // 2)


def _whole(column: Column) -> bool:
    numbers = column.values[np.isfinite(column.values)]
    return bool((numbers == numbers.round()).all())


def prepare(table: Table, choices: Choices) -> Examples:
    """The examples that the choices make of a table.

    Raises TableError naming column, value and what is allowed.
    """
    _check(table, choices)
    y = labels(table, choices)
    said = [_read(table)]
    kept = _labelled(y, choices, said)
    features = [column for column in table.columns if column.name not in (choices.label, *choices.leave_out)]
    if left := [table.column(name) for name in choices.leave_out]:
        reasons = [shorten(column.name) + (f" ({column.leave})" if column.leave else "") for column in left[:NAMED]]
        said.append(f"{count(len(left), 'column is', 'columns are')} left out: {_some(reasons, len(left))}.")
    said += [
        f"{shorten(column.name)} holds numbers, and {column.odd} is none: such values are taken as missing."
        for column in features
        if column.odd
    ]
    kept &= ~_dropped(table, features, choices, kept, said)
    if kept.sum() < FEWEST_ROWS:
        raise TableError(f"{count(int(kept.sum()), 'row is', 'rows are')} left to learn from; allowed: at least 4")
    _check_classes(y[kept], choices.label, table.reading.decimal)
    kept = _sampled(kept, y, choices.rows, said)
    x = _features(features, choices, kept, said)
    names = y[kept].tolist()
    whole = all(re.fullmatch(r"0|-?[1-9]\d{0,8}", name) for name in names)
    examples = Examples(x, [int(name) for name in names] if whole else names, tuple(said))
    return Examples(x, examples.y, (*said, *_of_classes(table, choices, examples.classes)))


def _check(table: Table, choices: Choices) -> None:
    for name in (choices.label, *choices.leave_out, *choices.categories):
        table.column(name)
    if choices.missing not in MISSING:
        raise TableError(f"missing is {shorten(choices.missing)}; allowed: {', '.join(MISSING)}")
    if not FEWEST_ROWS <= choices.rows <= MAX_ROWS:
        raise TableError(f"rows is {choices.rows:,}; allowed: {FEWEST_ROWS} to {MAX_ROWS:,}")
    found = set(labels(table, choices))
    for name in choices.without:
        if name not in found:
            raise TableError(f"no row of {shorten(choices.label)} has the class {shorten(name)} that is left out")
    if {column.name for column in table.columns} <= {choices.label, *choices.leave_out}:
        reasons = [f"{shorten(column.name)} ({column.leave})" for column in table.columns if column.leave]
        why = f", such as {_some(reasons[:2], len(reasons))}" if reasons else ""
        raise TableError(f"every column but the label is left out{why}; allowed: at least one feature")


def _read(table: Table) -> str:
    comments = f" and {count(table.comments, 'comment line')}" if table.comments else ""
    return f"The file has {count(table.rows, 'row')} of {len(table.columns)} columns{comments}."


def _labelled(y: pd.Series, choices: Choices, said: list[str]) -> Bools:
    """By row, whether it has a label that is learnt."""
    empty = (y == "").to_numpy()
    if empty.any():
        said.append(f"{count(int(empty.sum()), 'row is', 'rows are')} dropped for want of a label.")
    left = y.isin(choices.without).to_numpy()
    if left.any():
        classes = listed([shorten(name) for name in choices.without])
        said.append(f"{count(int(left.sum()), 'row')} of {classes} {verb(int(left.sum()), 'is', 'are')} left out.")
    return ~(empty | left)


def _dropped(table: Table, features: Sequence[Column], choices: Choices, kept: Bools, said: list[str]) -> Bools:
    """By row, whether it goes for a missing value."""
    gaps = np.zeros(len(kept), bool)
    if choices.missing == "drop":
        for column in features:
            gaps |= column.gaps
        if (lost := int((gaps & kept).sum())) > 0:
            said.append(f"{count(lost, 'row is', 'rows are')} dropped for missing values.")
    return gaps


def _check_classes(y: pd.Series, label: str, decimal: str) -> None:
    counts = y.value_counts()
    if len(counts) == 1:
        raise TableError(f"all rows of the label {shorten(label)} are {shorten(counts.index[0])}; allowed: 2 classes")
    single = (counts == 1).mean() > (0.5 if len(counts) > QUANTITY else 1 - 1e-9)
    if len(counts) > MOST_CLASSES or single:
        numbers = sum(is_number(name, decimal) for name in counts.index)
        quantity = "it looks like a quantity to predict, and the lab learns classes"
        kind = quantity if numbers > len(counts) / 2 else "too many for classes"
        raise TableError(
            f"the label {shorten(label)} has {len(counts):,} different values in {len(y):,} rows: {kind}; "
            f"allowed: 2 to {MOST_CLASSES} classes, of several examples each. Choose another label"
        )


def _sampled(kept: Bools, y: pd.Series, most: int, said: list[str]) -> Bools:
    """The rows that are taken, at most so many: of each class its share, and two at least where it has them."""
    total = int(kept.sum())
    if total <= most:
        return kept
    taken = np.zeros(len(kept), bool)
    rng = np.random.default_rng(0)
    for _, rows in pd.Series(np.flatnonzero(kept)).groupby(y.to_numpy()[kept], sort=True):
        size = min(len(rows), max(2, len(rows) * most // total))
        taken[rng.permutation(rows.to_numpy())[:size]] = True
    said.append(
        f"{int(taken.sum()):,} of {total:,} rows are taken, at random with the share of each class kept: at most "
        f"{most:,}, and up to {MAX_ROWS:,} may be asked for."
    )
    return taken


def _features(features: Sequence[Column], choices: Choices, kept: Bools, said: list[str]) -> pd.DataFrame:
    parts: list[pd.DataFrame] = []
    levels: list[str] = []
    filled: list[str] = []
    width = 0
    for column in features:
        gaps = column.gaps[kept]
        numeric = column.kind == "numbers" and column.name not in choices.categories
        values = (pd.Series(column.numbers) if numeric else column.cells)[kept].mask(gaps)
        if gaps.all():
            raise TableError(f"column {shorten(column.name)} has no value in any row that is used; leave it out")
        if numeric and (huge := column.cells[kept][values.abs() > LARGEST]).any():
            raise TableError(
                f"column {shorten(column.name)} holds {shorten(huge.iloc[0])}; allowed: numbers up to {LARGEST:g} in "
                "size; leave it out"
            )
        if gaps.any():
            fill = _fill(values, choices.missing if numeric else "most_frequent")
            filled.append(f"{gaps.sum():,} in {shorten(column.name)}")
            values = values.fillna(fill)
        names = [] if numeric else sorted(values.unique())
        width += len(names) or 1
        _check_size(column.name, len(names), width, len(values))
        if numeric:
            parts.append(values.to_frame(column.name))
        else:
            levels.append(f"{shorten(column.name)} ({len(names)})")
            parts.append(pd.DataFrame({f"{column.name} = {name}": (values == name) * 1.0 for name in names}))
    x = pd.concat(parts, axis=1)
    x.columns = list(named(list(x.columns)))
    if levels:
        said.append(f"One input for each text of {_some(levels[:NAMED], len(levels))}.")
    if filled:
        how = choices.missing.replace("_", " ") + " value" * (choices.missing == "most_frequent")
        said.append(
            f"Missing values are filled by the {how} of the rows used, test part included, and in text by the most "
            f"frequent one: {_some(filled[:NAMED], len(filled))}."
        )
    return x


def _check_size(name: str, texts: int, width: int, rows: int) -> None:
    """Raises TableError where the columns up to this one, with so many different texts, make too many features."""
    most = min(MAX_FEATURES, MAX_NUMBERS // rows)
    if width > most:
        raise TableError(
            f"the columns up to {shorten(name)} with {count(texts, 'text')} make {width:,} features; "
            f"allowed: at most {most:,} with {rows:,} rows. Leave columns out or take fewer rows"
        )


def _fill(values: pd.Series, by: str) -> Any:
    return values.mode().iloc[0] if by == "most_frequent" else getattr(values, by)()


def _of_classes(table: Table, choices: Choices, classes: dict[str, int]) -> list[str]:
    said = []
    if choices.full_stop:
        said.append("A full stop at the end of a label is taken off.")
    told = [f"{shorten(name)} ({size:,})" for name, size in list(classes.items())[:NAMED]]
    said.append(f"{count(sum(classes.values()), 'example')} of {len(classes)} classes: {_some(told, len(classes))}.")
    if single := [shorten(name) for name, size in classes.items() if size == 1]:
        said.append(
            f"{count(len(single), 'class has', 'classes have')} a single example, which is in the training part: "
            f"{_some(single[:NAMED], len(single))}."
        )
    if table.column(choices.label).kind == "numbers" and len(classes) > QUANTITY:
        said.append(
            f"The label looks like a quantity: each of its {len(classes)} values is a class of its own here, and that "
            "they have an order is not used."
        )
    return said


def _some(parts: Sequence[str], total: int) -> str:
    rest = total - len(parts)
    return listed([*parts, *([f"{rest} more"] if rest > 0 else [])])
