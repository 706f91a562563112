"""Two results of one experiment, or of two: what differs between their settings, numbers and verdicts, and by how much.

Runs are the same where their settings and seeds are, whatever their numbers within their experiments. The time that
training took is left out: no two trainings share it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.lessons.claims import CLAIMS
from core.results.results import Result
from core.schema import GROUP, SCHEMA
from core.text import UNDECIDED, count, number, share, updates

TIME = "seconds"
SETTINGS = [column.name for column in GROUP if column.name != "group"]
KEYS = {
    "runs": [*SETTINGS, "seed"],
    "epochs": [*SETTINGS, "seed", "epoch", "update"],
    "layers": [*SETTINGS, "seed", "epoch", "layer"],
    "histograms": [*SETTINGS, "epoch", "layer", "quantity", "level", "left"],
}
"""The columns that say which row of the other result a row belongs to."""
LISTED = 40
"""Things of one kind that are told one by one."""
NAMED = {"run", "group"}
"""Names within one experiment, which say nothing of another."""


@dataclass(frozen=True)
class Change:
    """Something that has two values, in words: a setting, a version, a run's status, a claim's verdict."""

    name: str
    first: str
    second: str = ""
    much: str = ""
    """By how much, in words."""


@dataclass(frozen=True)
class ColumnChange:
    """A column that differs.

    Attributes:
        table, column: where.
        rows, of: rows that differ, of those that both results have.
        runs: runs (in the histograms groups) that these rows belong to.
        largest: largest difference relative to the larger of the two absolute values; NaN where there are no two
            numbers to compare, as in a text, or where one is missing.
    """

    table: str
    column: str
    rows: int
    of: int
    runs: int
    largest: float

    @property
    def change(self) -> Change:
        """The same in words."""
        where = f"{self.rows:,} of {count(self.of, 'row')}"
        runs = count(self.runs, "group" if self.table == "histograms" else "run")
        much = _by(self.largest)
        return Change(f"{self.table}.{self.column}", f"{where}, in {runs}", much=f"{much} at most" if much else "")


@dataclass(frozen=True)
class Difference:
    """What differs between two results.

    Attributes:
        settings: settings of the experiments that differ.
        versions: versions of the engine, of what its numbers depend on, and of the kernels of the processor.
        common, first_only, second_only: rows by table.
        statuses: runs that ended otherwise, by group and seed.
        medians: (group, median in the first, in the second) of the updates to target over the common runs, where they
            differ; inf where it was not reached.
        columns: columns that differ.
        verdicts: claims on which the verdicts differ.
    """

    settings: tuple[Change, ...]
    versions: tuple[Change, ...]
    common: dict[str, int]
    first_only: dict[str, int]
    second_only: dict[str, int]
    statuses: tuple[Change, ...]
    medians: tuple[tuple[str, float, float], ...]
    columns: tuple[ColumnChange, ...]
    verdicts: tuple[Change, ...]

    @property
    def equal(self) -> bool:
        """Whether all numbers are equal to the bit, but for the times."""
        alone = any((*self.first_only.values(), *self.second_only.values()))
        return not (self.settings or self.columns or alone)

    def lines(self) -> Iterator[str]:
        """The difference in words, for a terminal."""
        yield from _part("settings that differ", self.settings)
        yield from _part("versions that differ", self.versions)
        alone = ((self.first_only["runs"], "first"), (self.second_only["runs"], "second"))
        runs = self.common["runs"]
        yield ", ".join([f"runs in both: {runs:,}", *(f"in the {which} alone: {n:,}" for n, which in alone if n)])
        yield from _part(f"statuses that differ, of {count(runs, 'run')}", self.statuses)
        medians = [Change(group, updates(a), updates(b), _by(relative(a, b))) for group, a, b in self.medians]
        yield from _part("groups whose median updates to target differ", medians)
        yield from _part("columns that differ", [column.change for column in self.columns])
        yield from _part("claims with another verdict", self.verdicts)
        yield "equal to the bit, but for the times" if self.equal else "not equal"


def _part(title: str, changes: Sequence[Change]) -> Iterator[str]:
    yield f"{title}: {len(changes):,}"
    for change in changes[:LISTED]:
        values = " | ".join(filter(None, (change.first, change.second)))
        yield f"  {change.name}: {values}{change.much}"
    if len(changes) > LISTED:
        yield f"  and {len(changes) - LISTED:,} more"


def _by(largest: float) -> str:
    """By how much: a share from 0.1 % on."""
    if not largest > 0:
        return ""
    return f", by {share(largest)}" if largest >= 1e-3 else f", by {number(largest, 2)} of the value"


def relative(first: float, second: float) -> float:
    """|first - second| over the larger of the two absolute values; NaN unless both are finite."""
    if not (math.isfinite(first) and math.isfinite(second)):
        return math.nan
    largest = max(abs(first), abs(second))
    return abs(first - second) / largest if largest else 0.0


def compare(first: Result, second: Result) -> Difference:
    """What differs between two results."""
    # Side by side: each column of the second but the keys ends in `_2`.
    merged = {
        name: first.table(name).merge(second.table(name), "outer", key, suffixes=("", "_2"), indicator=True)
        for name, key in KEYS.items()
    }
    both = {name: rows[rows["_merge"] == "both"] for name, rows in merged.items()}
    return Difference(
        settings=changes(first.experiment.written(), second.experiment.written()),
        versions=changes(first.versions, second.versions),
        common={name: len(rows) for name, rows in both.items()},
        first_only={name: int((rows["_merge"] == "left_only").sum()) for name, rows in merged.items()},
        second_only={name: int((rows["_merge"] == "right_only").sum()) for name, rows in merged.items()},
        statuses=_statuses(both["runs"]),
        medians=_medians(both["runs"]),
        columns=tuple(change for name, rows in both.items() for change in _columns(name, rows)),
        verdicts=_verdicts(first, second),
    )


def changes(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[Change, ...]:
    """What differs between two sets of texts by name, such as settings or versions."""
    pairs = {name: [one.get(name, "not given") for one in (first, second)] for name in {**first, **second}}
    return tuple(Change(name, *pair) for name, pair in pairs.items() if pair[0] != pair[1])


def _statuses(runs: pd.DataFrame) -> tuple[Change, ...]:
    apart = runs[runs["status"] != runs["status_2"]]
    rows = zip(apart["group"], apart["seed"], apart["status"], apart["status_2"], strict=True)
    return tuple(Change(f"{group}, seed {seed}", first, second) for group, seed, first, second in rows)


def _medians(runs: pd.DataFrame) -> tuple[tuple[str, float, float], ...]:
    columns = ["updates_to_target", "updates_to_target_2"]
    medians = runs[columns].fillna(math.inf).groupby(runs["group"], sort=False).median()
    found = zip(medians.index, *(medians[column] for column in columns), strict=True)
    return tuple((str(group), first, second) for group, first, second in found if first != second)


def _columns(name: str, rows: pd.DataFrame) -> Iterator[ColumnChange]:
    unit = rows["group"] if name == "histograms" else rows["run"]
    for column in SCHEMA[name]:
        if column.name in NAMED or column.name in KEYS[name] or column.name == TIME:
            continue
        first, second = rows[column.name].to_numpy(), rows[f"{column.name}_2"].to_numpy()
        apart = first != second
        largest = math.nan
        if column.dtype != "str":
            first, second = first.astype(np.float64), second.astype(np.float64)
            apart = (first != second) & ~(np.isnan(first) & np.isnan(second))
            largest = _largest(first[apart], second[apart])
        if apart.any():
            runs = int(unit[apart].nunique())
            yield ColumnChange(name, column.name, int(apart.sum()), len(rows), runs, largest)


def _largest(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    given = np.isfinite(first) & np.isfinite(second)
    first, second = first[given], second[given]
    apart = np.abs(first - second) / np.maximum(np.abs(first), np.abs(second))
    return float(apart.max()) if len(apart) else math.nan


def _verdicts(first: Result, second: Result) -> tuple[Change, ...]:
    verdicts = [
        [claim.judge(result).verdict if len(result.runs) else UNDECIDED for claim in CLAIMS]
        for result in (first, second)
    ]
    found = zip(CLAIMS, *verdicts, strict=True)
    return tuple(Change(f"{claim.id} ({claim.sentence})", one, other) for claim, one, other in found if one != other)
