"""Rows of results, printed and written as CSV as soon as they are known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

COLUMNS = ("scenario", "measured", "n", "p50", "p95", "value", "errors", "goal", "met", "note")
WIDTHS = (44, 30, 6, 8, 8, 9, 6, 12, 6, 0)
RIGHT = ("n", "p50", "p95", "value", "errors")


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        scenario: what the visitors do.
        measured: which of its quantities this is.
        n: how many times it was measured.
        unit: of p50, p95 and value.
        p50, p95: median, and the value that 95 % do not exceed.
        value: where it is one number.
        errors: what visitors must never see, and tracebacks in the server's log.
        goal: what `of` is held against; without one the goal is that there are no errors.
        below: whether the goal is an upper bound.
        note: what else there is to know.
    """

    scenario: str
    measured: str
    n: int
    unit: str = "s"
    p50: float | None = None
    p95: float | None = None
    value: float | None = None
    errors: int = 0
    goal: float | None = None
    of: Literal["p95", "value"] = "p95"
    below: bool = True
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is reached without an error."""
        found = self.p95 if self.of == "p95" else self.value
        if self.goal is None:
            return not self.errors
        return found is not None and not self.errors and (found <= self.goal if self.below else found >= self.goal)


def timed(
    scenario: str, measured: str, seconds: Sequence[float], errors: int = 0, goal: float | None = None, note: str = ""
) -> Row:
    """A row of times."""
    p50, p95 = (float(np.percentile(seconds, q)) if len(seconds) else math.nan for q in (50, 95))
    return Row(scenario, measured, len(seconds), p50=p50, p95=p95, errors=errors, goal=goal, note=note)


def line(row: Row | None = None) -> str:
    """The row as a line of the table; without one the table's head."""
    return "  ".join(
        cell.rjust(width) if name in RIGHT else cell.ljust(width)
        for name, cell, width in zip(COLUMNS, COLUMNS if row is None else _cells(row), WIDTHS, strict=True)
    ).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"

    goal = "no errors" if row.goal is None else f"{row.of} {'<=' if row.below else '>='} {row.goal:g}"
    return (
        row.scenario,
        f"{row.measured}, {row.unit}" if row.unit else row.measured,
        str(row.n),
        number(row.p50),
        number(row.p95),
        number(row.value),
        str(row.errors),
        goal,
        "met" if row.met else "MISSED",
        row.note,
    )
