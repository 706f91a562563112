"""Groups of runs compared by their updates to target: which is faster, as far as recording and chance let one tell.

Updates to target are known to the recorded step only: medians that lie within one step are no difference.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from core import text
from core.experiment.experiment import all_but
from core.registries.activations import ACTIVATIONS
from core.results.convergence import unfinished
from core.results.evidence import Tables, Told, equal, step, steps
from core.results.results import Result
from core.results.selected import Rows
from core.schema import SCHEMA
from core.text import NOT_SUPPORTED, SUPPORTED, UNDECIDED

PLAIN = {"residual": "false", "normalisation": "none"}
SEEDS = 2
"""Seeds from which on there is a difference to be told from chance."""


@dataclass(frozen=True)
class Comparison:
    """A group of a zero-centred function against one of another function, all else the same.

    Attributes:
        fast, slow: the two groups, the zero-centred one first.
        functions: their activation functions.
        medians: their median updates to target over the paired seeds; infinite where not reached.
        low, high: ends of the 95 % interval of how many times fewer updates the first one needs.
        pairs: paired seeds.
        step: recorded step at the medians, the greater of the two; 0 where it is not known.
    """

    fast: str
    slow: str
    functions: tuple[str, str]
    medians: tuple[float, float]
    low: float
    high: float
    pairs: int
    step: int

    @property
    def tie(self) -> bool:
        """Whether the medians are equal, to the recorded step."""
        return equal(*self.medians, self.step)

    @property
    def verdict(self) -> str:
        """Whether the first one is faster; one seed and a tie decide nothing."""
        if self.pairs < SEEDS or self.tie:
            return UNDECIDED
        return SUPPORTED if self.low > 1 else NOT_SUPPORTED if self.high < 1 else UNDECIDED

    def said(self, told: Told) -> str:
        """The comparison in words."""
        a, b = self.fast, self.slow
        ours, theirs = self.medians
        if self.tie and max(ours, theirs) == 0:
            return f"the median runs of {a} and {b} both met it at update 0"
        if self.tie:
            medians = [f"{group} ({_median(told, group)})" for group in (a, b)]
            return f"no difference between {text.listed(medians)}{recorded_every(told, self._points())}"
        if ours > theirs:  # the same numbers, said from the side of the faster one
            a, b, ours, theirs = b, a, theirs, ours
        if math.isinf(theirs):
            return f"{a} reached it ({_median(told, a)}; {_who_reached(told, a)}), {_who_missed(told, b)}"
        if ours == 0:
            return f"the median run of {a} met it at update 0, {b} took a {_median(told, b)}"
        coarse = recorded_every(told, self._points(), "; ") if theirs - ours <= self.step else ""
        ratio = told("times fewer updates", group=a, against=b)
        return f"{a} needed {ratio} times fewer updates than {b} ({self._interval(told, a, b)}{coarse})"

    def _interval(self, told: Told, group: str, against: str) -> str:
        if self.pairs < SEEDS:
            return text.count(self.pairs, "seed")
        ends = [told.number(f"times fewer updates, {end}", group=group, against=against) for end in ("least", "most")]
        return text.interval(ends[0].value, ends[1].value, self.pairs)

    def _points(self) -> tuple[tuple[str, float], ...]:
        """Where recording limits what is known: the median of either group."""
        return (self.fast, self.medians[0]), (self.slow, self.medians[1])


def _median(told: Told, group: str) -> str:
    return f"median {told('median updates_to_target', group=group)}"


def _who_reached(told: Told, group: str) -> str:
    lost = told.number("diverged first", group=group)
    if lost.value == lost.n:
        return "the run diverged" if lost.n == 1 else f"all {lost} diverged"
    reached = told.number("reached", group=group)
    return f"{reached} of {text.count(reached.n, 'run')}"


def _who_missed(told: Told, group: str) -> str:
    """That the median run of a group missed the target, and how many did not; of runs that still train, so far."""
    still, who = going_on(told, group), f"({_who_reached(told, group)})"
    if told.number("reached", group=group).value:
        return f"in {group} no more than half {'have so far' if still else 'did'} {who}"
    return f"not yet {group} {who}" if still else f"{group} did not {who}"


def going_on(told: Told, group: str) -> bool:
    """Whether runs of a group are not trained to the end yet."""
    return told.number("going on", group=group).value > 0


def recorded_every(told: Told, points: Sequence[tuple[str, float]], before: str = ", ") -> str:
    """How far apart updates were recorded at a group's update, the farthest of several: ', recorded ...' if not 1."""
    coarsest = {at: step(steps(told.tables.result, at[0]), at[1]) for at in points if math.isfinite(at[1])}
    if max(coarsest.values(), default=0) <= 1:
        return ""
    group, update = max(coarsest, key=coarsest.__getitem__)
    return f"{before}recorded {told('recorded step', group=group, update=update)} updates apart there"


def median_of_ties(told: Told, ties: Sequence[str], medians: Mapping[str, float]) -> str:
    """The median updates of groups that tie, the least to the greatest, and how far apart they were recorded."""
    first, last = (end(ties, key=medians.__getitem__) for end in (min, max))
    least, most = (told.number("median updates_to_target", group=group) for group in (first, last))
    said = str(least) if least.value == most.value else f"{text.amount(least.value)} to {most}"
    return said + (recorded_every(told, [(first, least.value), (last, most.value)]) if len(ties) > 1 else "")


@cache
def centring_alone(one: str, other: str) -> bool:
    """Whether two functions have the same slope at 0 and ranges of the same width, so that centring is what differs."""
    slopes = [float(ACTIVATIONS[name].slope(np.zeros(1))[0]) for name in (one, other)]
    widths = [ACTIVATIONS[name].range[1] - ACTIVATIONS[name].range[0] for name in (one, other)]
    return math.isclose(*slopes) and math.isclose(*widths)


def distinct_batches(tables: Tables) -> Rows:
    """The runs, without those whose batch size is the whole training set as that of others is, by another name."""
    points, runs = tables.points, tables.runs
    whole = points.only((points["epoch"] > 0) & (points["update"] == points["epoch"]))
    first: dict[str, str] = {}
    for data, size in whole.settings(["dataset", "batch_size"]):
        if first.setdefault(data, size) != size:
            runs = runs.only(~(runs.has("dataset", data) & runs.has("batch_size", size)))
    return runs


def compared(tables: Tables) -> Rows:
    """The runs by which functions are compared: of these, those whose networks use theirs, in a hidden layer."""
    runs = distinct_batches(tables)
    return runs.only(~runs.has("hidden", "none"))


def is_plain(table: pd.DataFrame) -> pd.Series:
    """By row of any table, whether its networks have neither residual connections nor layer normalisation."""
    return (table["residual"] == PLAIN["residual"]) & (table["normalisation"] == PLAIN["normalisation"])


def plain_networks(result: Result) -> Result:
    """The result's runs of plain networks, which the lecture and the theory are about."""
    if is_plain(result.runs).all():
        return result
    kept = {name: result.table(name)[is_plain(result.table(name))] for name in SCHEMA}
    return replace(result, **kept)  # type: ignore[arg-type]


def with_function(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs whose networks use their activation function: those with a hidden layer."""
    return runs[runs["hidden"] != "none"]


def settled(result: Result, groups: Collection[str], update: float) -> bool:
    """Whether all runs of these groups have been trained to that update, reached the target before it, or ended."""
    runs = result.runs
    waiting = unfinished(result)
    if not waiting.any():  # as of every whole result
        return True
    short = waiting & runs["updates_to_target"].isna() & (runs["last_update"] < update)
    return not (short & runs["group"].isin(groups)).any()


def comparisons(tables: Tables, slow: Collection[str]) -> list[Comparison]:
    """Every zero-centred function against each of the functions `slow`, with all else the same.

    Pairs of which neither has reached the target are left out; in a result that is still growing so are those that
    have not the same seeds yet, or of which one has not been trained as long as the other one needed.
    Networks without a hidden layer use no activation function, and are left out.
    """
    runs = compared(tables)
    names, _ = runs.groups()
    functions, others = runs.settings(["activation"]), runs.settings(all_but("activation"))
    alike: dict[tuple[Any, ...], dict[str, str]] = {}
    for group, (function,), network in zip(names, functions, others, strict=True):
        alike.setdefault(network, {})[function] = group
    found = []
    for groups in alike.values():
        for theirs in (name for name in groups if name in slow):
            for ours in (name for name in groups if ACTIVATIONS[name].zero_centred):
                found += _comparison(tables, groups[ours], groups[theirs], (ours, theirs))
    return found


def _comparison(tables: Tables, fast: str, slow: str, functions: tuple[str, str]) -> list[Comparison]:
    pair, sides, result = tables.pair(fast, slow), tables.sides, tables.result
    if (
        pair is None
        or math.isnan(pair.ratio)
        or sides.runs(fast) != pair.ours.runs
        or sides.runs(slow) != pair.ours.runs
    ):
        return []
    medians = (pair.ours.median, pair.theirs.median)
    if not settled(result, [fast, slow], min(medians)):
        return []
    coarse = max(
        step(steps(result, group), median)
        for group, median in zip((fast, slow), medians, strict=True)
        if math.isfinite(median)
    )
    return [Comparison(fast, slow, functions, medians, pair.low, pair.high, pair.ours.runs, coarse)]


def fastest_of(result: Result, medians: Mapping[str, float]) -> list[str]:
    """The groups whose median of updates is the least of `medians`, as far as the recorded step tells."""
    best = min(medians, key=medians.__getitem__)

    def tied(group: str) -> bool:
        if not math.isfinite(medians[group]):
            return False
        coarse = max(step(steps(result, name), medians[name]) for name in (best, group))
        return equal(medians[group], medians[best], coarse)

    return [group for group in medians if tied(group)]
