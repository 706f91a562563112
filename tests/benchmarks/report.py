"""Rows of results: as text to read, and as CSV."""

import csv
import dataclasses
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from core.theory.timing import Machine


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        section: the question it belongs to.
        subject: workload or size.
        name: contestant or quantity.
        setting: how it was run: processes, threads, runs per piece.
        unit: of median, low and high.
        median, low, high: over the rounds.
        cpu: median processor time in seconds, of all its processes.
        cpu_ratio: the same of processor times, which others on the machine disturb less; sweeps only.
        ratio: what the section compares, such as times the product's median.
        target: what the ratio is held against; "at least" or "at most" by `below`.
        below: whether the target is an upper bound.
        by_cpu: whether it is the ratio of processor times that is held against it.
        note: what else there is to know.
        rounds: how many times it was measured; None where that says nothing.
    """

    section: str
    subject: str
    name: str
    setting: str = ""
    unit: str = "s"
    median: float | None = None
    low: float | None = None
    high: float | None = None
    cpu: float | None = None
    cpu_ratio: float | None = None
    ratio: float | None = None
    target: float | None = None
    below: bool = False
    note: str = ""
    rounds: int | None = None
    by_cpu: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the ratio reaches its target; None where there is none."""
        ratio = self.cpu_ratio if self.by_cpu else self.ratio
        if ratio is None or self.target is None:
            return None
        return ratio <= self.target if self.below else ratio >= self.target


@dataclass(frozen=True)
class Timing:
    """Times of one thing over the rounds, in seconds."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median wall time."""
        return statistics.median(self.wall)

    @property
    def median_cpu(self) -> float:
        """Median processor time."""
        return statistics.median(self.cpu)

    def times(self, factor: float) -> "Timing":
        """All times multiplied."""
        return Timing(tuple(t * factor for t in self.wall), tuple(t * factor for t in self.cpu))

    def row(
        self,
        section: str,
        subject: str,
        name: str,
        setting: str = "",
        ratio: float | None = None,
        cpu_ratio: float | None = None,
        target: float | None = None,
        below: bool = False,
        note: str = "",
        by_cpu: bool = False,
    ) -> Row:
        """This timing as a row."""
        return Row(
            section, subject, name, setting, "s", self.median, min(self.wall), max(self.wall), self.median_cpu,
            cpu_ratio, ratio, target, below, note, len(self.wall), by_cpu,
        )  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of everything that is timed."""
    found = {}
    for package in ("numpy", "jax", "jaxlib", "torch", "scikit-learn", "pandas"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def heading(machine: Machine, date: str, command: str, cores: int) -> list[str]:
    """What the tables stand under."""
    named = ", ".join(f"{package} {number}" for package, number in versions().items())
    return [
        f"{date} · {machine.processor}, {cores} of {machine.cores} cores · {machine.system}",
        f"Python {machine.python} · {machine.blas} · {named}",
        command,
    ]


COLUMNS = ("subject", "name", "setting", "median", "low-high", "rounds", "cpu", "cpu ratio", "ratio", "target", "note")


def tables(rows: Sequence[Row]) -> str:
    """The rows as one aligned table per section."""
    parts = []
    for section in dict.fromkeys(row.section for row in rows):
        cells = [COLUMNS, *(_cells(row) for row in rows if row.section == section)]
        used = [i for i in range(len(COLUMNS)) if any(line[i] for line in cells[1:])]
        widths = {i: max(len(line[i]) for line in cells) for i in used}
        lines = ["  ".join(_pad(line[i], widths[i], i) for i in used).rstrip() for line in cells]
        parts.append("\n".join([section, "-" * len(section), *lines]))
    return "\n\n".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    unit = f" {row.unit}" if row.unit else ""
    spread = "" if row.low is None or row.high is None else f"{_number(row.low)}-{_number(row.high)}"
    target = ""
    if row.target is not None:
        met = {True: "met", False: "MISSED", None: ""}[row.met]
        target = f"{'cpu ' if row.by_cpu else ''}{'<=' if row.below else '>='} {row.target:g} {met}"
    return (
        row.subject,
        row.name,
        row.setting,
        "" if row.median is None else _number(row.median) + unit,
        spread,
        "" if row.rounds is None else str(row.rounds),
        "" if row.cpu is None else _number(row.cpu),
        "" if row.cpu_ratio is None else f"{row.cpu_ratio:.2f}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        target,
        row.note,
    )


def _pad(text: str, width: int, column: int) -> str:
    return (
        text.rjust(width)
        if COLUMNS[column] in ("median", "low-high", "rounds", "cpu", "cpu ratio", "ratio")
        else text.ljust(width)
    )


def _number(value: float) -> str:
    """Three digits, or whole where there are more."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Journal:
    """Rows are printed and written as soon as they are known: a benchmark that is interrupted keeps what it has found.

    Attributes:
        path: the CSV file, one line per row, each with the date and the machine.
        rows: all so far.
    """

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self.path = path
        self.rows: list[Row] = []
        self._began = time.monotonic()
        self._header = header
        self._names = [field.name for field in dataclasses.fields(Row)]
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._write([*self._names, "met", "date_and_machine", "versions"])
        print(*header, sep="\n", flush=True)

    @property
    def elapsed(self) -> float:
        """Seconds since the benchmark began."""
        return time.monotonic() - self._began

    def add(self, rows: Sequence[Row]) -> None:
        """Print and write rows that belong together."""
        self.rows += rows
        print(f"\n{tables(rows)}\n[{self.elapsed:.0f} s]", flush=True)
        for row in rows:
            values = ["" if (value := getattr(row, name)) is None else value for name in self._names]
            self._write([*values, "" if row.met is None else row.met, *self._header[:2]])

    def _write(self, values: Sequence[Any]) -> None:
        self._writer.writerow(values)
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
