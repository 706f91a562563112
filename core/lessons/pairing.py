"""Two results, A and B, laid over each other: which groups go together, and how far apart they are, seed by seed.

A setting of which each experiment has one value, and the other another one, is what is compared: groups that agree in
all others go together. Chance is told by a bootstrap over the seeds that both have. Where runs of one seed have nothing
in common, because the data differ or no seed is in both, each side is resampled by itself.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import text
from core.experiment.experiment import FIELDS, NAMING, VARIED, Experiment, ExperimentError, all_but, label
from core.lessons.comparisons import SEEDS
from core.lessons.difference import Change, changes
from core.lessons.findings import Finding
from core.results.convergence import Float, Side, ends_text, interval, times_fewer, unfinished
from core.results.evidence import equal, step
from core.results.results import Result

UPDATES = "updates_to_target"
MEASURES = {
    "train_loss": "training loss",
    "test_loss": "test loss",
    "train_accuracy": "training accuracy",
    "test_accuracy": "test accuracy",
}
DATA = ("dataset", "samples", "noise", "test_share", "data_seed")
"""Settings that decide which examples there are: where one differs, runs of one seed have no more in common."""
NAMED = 3
"""Pairs that a sentence names."""
A, B, SAME, OPEN = "A", "B", "no difference", text.UNDECIDED
"""What may be said of which side did better: fewer updates, a lower loss or a higher accuracy."""


@dataclass(frozen=True)
class Pair:
    """A group of A and a group of B that go together, and what both are called."""

    label: str
    first: str
    second: str


@dataclass(frozen=True)
class Effect:
    """How far apart the two groups of a pair are in one measure: a row of the comparison.

    Attributes:
        pair, group_a, group_b: what both are called, and each in its own experiment.
        measure: updates_to_target, or one of MEASURES at the end of training.
        paired: whether runs of one seed are pairs, and seeds that only one side has are left out.
        runs_a, runs_b: runs that are compared.
        counted_a, counted_b: of these, runs that reached the target or, for other measures, that did not diverge.
        diverged_a, diverged_b: runs that diverged, before they reached the target.
        median_a, median_b: medians, in which the runs that are not counted are worse than all others (infinite).
        effect: updates of A divided by those of B, or the value of B minus that of A, of the medians.
        low, high: its 95 % interval; NaN for a single run.
        step: how far apart updates were recorded at the medians, the greater of the two; 0 for other measures.
        better: A, B, SAME or OPEN.
        said: all of it in words.
    """

    pair: str
    group_a: str
    group_b: str
    measure: str
    paired: bool
    runs_a: int
    runs_b: int
    counted_a: int
    counted_b: int
    diverged_a: int
    diverged_b: int
    median_a: float
    median_b: float
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    step: int = 0
    better: str = OPEN
    said: str = ""


# Which groups go together


def apart(first: Experiment, second: Experiment) -> list[str]:
    """The settings that could vary, of which each experiment has one value, and the other another one."""
    values = {name: (getattr(first, name), getattr(second, name)) for name in VARIED}
    return [name for name, (a, b) in values.items() if len(a) == len(b) == 1 and a != b]


@lru_cache(maxsize=16)
def pairs(first: Experiment, second: Experiment) -> tuple[Pair, ...]:
    """The groups that go together, in the order of the first; none where no group is in both."""
    alike = all_but(*apart(first, second))
    named = [name for name in alike if max(len(getattr(one, name)) for one in (first, second)) > 1]
    named = named or [name for name in NAMING if name in alike]
    (ours, labels), (theirs, _) = (_groups(one, alike, named) for one in (first, second))
    return tuple(Pair(labels[key], ours[key], theirs[key]) for key in ours if key in theirs)


def _groups(experiment: Experiment, alike: list[str], named: list[str]) -> tuple[dict[object, str], dict[object, str]]:
    """The groups by their settings: what each is called in its experiment, and beside the other one."""
    runs = {tuple(getattr(run, name) for name in alike): run for run in replace(experiment, seeds=1).runs()}
    return (
        {key: experiment.label(run) for key, run in runs.items()},
        {key: label(vars(run), named) if named else "all runs" for key, run in runs.items()},
    )


def by_hand(first: str, second: str) -> tuple[Pair, ...]:
    """Two groups that somebody has chosen to set side by side."""
    return (Pair(first if first == second else f"{first} / {second}", first, second),)


# What to know of the two


def settings(first: Experiment, second: Experiment) -> tuple[Change, ...]:
    """The settings that differ, with both values."""
    return changes(first.written(), second.written())


def for_one_target(first: Result, second: Result) -> tuple[Result, Result]:
    """Both asked for one target: that of A or, where B keeps nothing back for a test that A asks for, that of B."""
    try:
        return first, second.asked(first.experiment.target)
    except ExperimentError:
        return first.asked(second.experiment.target), second


def unpaired(first: Experiment, second: Experiment) -> str:
    """Why runs of one seed are no pairs; "" where they are."""
    fixed = [name for name in DATA if name not in VARIED or name in apart(first, second)]
    if data := [FIELDS[name].label.lower() for name in fixed if getattr(first, name) != getattr(second, name)]:
        return f"the data differ ({text.listed(data)})"
    ours, theirs = (range(one.first_seed, one.first_seed + one.seeds) for one in (first, second))
    if not set(ours) & set(theirs):
        return f"no seed is in both (A has {_span(ours)}, B has {_span(theirs)})"
    return ""


def _span(seeds: range) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])


def incomparable(first: Experiment, second: Experiment, measure: str) -> str:
    """Why a measure of A says nothing beside that of B; "" where it does."""
    of_loss = (first.target if measure == UPDATES else measure).partition(":")[0].endswith("loss")
    if of_loss and first.loss != second.loss:
        return f"A has the loss {first.loss}, B {second.loss}: their values are not of one kind"
    return ""


def cautions(first: Result, second: Result, own_target: str) -> Iterator[str]:
    """What to know before the two are compared, a sentence each; `own_target` is that which B was trained with."""
    a, b = first.experiment, second.experiment
    if why := unpaired(a, b):
        yield f"Not paired by seed, since {why}: each side is resampled by itself."
        if "data" in why:
            yield "What differs may be due to the data as much as to any other setting."
    if own_target != b.target:
        yield f"B is read for the target of A, {b.target}; its own is {own_target}."
    if a.epochs != b.epochs:
        yield (
            f"A was trained for {text.count(a.epochs, 'epoch')}, B for {b.epochs:,}: values at the end are of "
            "trainings of different length, and a run reaches the target only while it trains."
        )
    for name, result in (("A", first), ("B", second)):
        if left_out := int(unfinished(result).sum()):
            of = len(result.runs)
            yield f"{name} was stopped early: {left_out:,} of {text.count(of, 'run')} had not ended and are left out."


# How far apart they are


def effects(first: Result, second: Result, found: Sequence[Pair], measure: str) -> pd.DataFrame:
    """How far apart the groups of each pair are in a measure: one row per pair, the columns those of `Effect`."""
    pair_up = not unpaired(first.experiment, second.experiment)
    a = _Values(first, measure, [pair.first for pair in found])
    b = _Values(second, measure, [pair.second for pair in found])
    rows = [asdict(_effect(pair, measure, a, b, pair_up)) for pair in found]
    return pd.DataFrame(rows, columns=list(Effect.__annotations__))


class _Values:
    """What the runs of some groups that have ended have in one measure: worse than all others where they diverged."""

    def __init__(self, result: Result, measure: str, groups: Sequence[str]) -> None:
        runs = result.runs[result.runs["group"].isin(groups) & ~unfinished(result)]
        gone = runs["diverged_at"].notna()
        if measure == UPDATES:
            values = runs[UPDATES].fillna(math.inf)
            gone &= runs[UPDATES].isna()
        else:
            values = runs[f"final_{measure}"].mask(gone, -math.inf if measure.endswith("accuracy") else math.inf)
        kept = values.notna()
        self.seeds = runs.loc[kept, "seed"].to_numpy()
        self.values = values[kept].to_numpy(np.float64)
        self.gone = gone[kept].to_numpy()
        self.places = runs[kept].groupby("group").indices
        self.data = dict(zip(runs["group"], runs["dataset"], strict=True))
        points = result.epochs.loc[result.epochs["group"].isin(groups), ["group", "update"]].drop_duplicates()
        self.recorded = {str(group): sorted(map(int, own)) for group, own in points.groupby("group")["update"]}

    def of(self, group: str) -> NDArray[np.int64]:
        """Where the group's runs stand."""
        return np.asarray(self.places.get(group, ()), np.int64)


def _effect(pair: Pair, measure: str, first: _Values, second: _Values, pair_up: bool) -> Effect:
    a, b = first.of(pair.first), second.of(pair.second)
    paired = pair_up and first.data.get(pair.first) == second.data.get(pair.second)
    if paired:
        _, in_a, in_b = np.intersect1d(first.seeds[a], second.seeds[b], return_indices=True)
        a, b = a[in_a], b[in_b]
    ours, theirs = first.values[a], second.values[b]
    median_a, median_b = (float(np.median(values)) if len(values) else math.nan for values in (ours, theirs))
    row = Effect(
        pair=pair.label, group_a=pair.first, group_b=pair.second, measure=measure, paired=paired,
        runs_a=len(a), runs_b=len(b),
        counted_a=int(np.isfinite(ours).sum()), counted_b=int(np.isfinite(theirs).sum()),
        diverged_a=int(first.gone[a].sum()), diverged_b=int(second.gone[b].sum()),
        median_a=median_a, median_b=median_b,
    )  # fmt: skip
    if not len(a) or not len(b):
        return replace(row, said="no runs with a value of both")
    of = times_fewer if measure == UPDATES else _higher
    low, high = interval(theirs, ours, of, paired) if min(len(a), len(b)) >= SEEDS else (math.nan, math.nan)
    coarse = 0
    if measure == UPDATES:
        recorded = ((first.recorded[pair.first], median_a), (second.recorded[pair.second], median_b))
        coarse = max((step(points, median) for points, median in recorded if math.isfinite(median)), default=0)
    effect = float(of(np.array(median_a), np.array(median_b)))
    row = replace(row, effect=effect, low=low, high=high, step=coarse)
    row = replace(row, better=_better(row))
    said = _updates_said(row) if measure == UPDATES else _value_said(row)
    return replace(row, said=f"{OPEN}: {said}" if row.better == OPEN and not math.isnan(effect) else said)


def _higher(a: Float, b: Float) -> Float:
    """b - a, NaN where both are infinite."""
    with np.errstate(invalid="ignore"):
        return b - a


def _better(row: Effect) -> str:
    """Which side did better, as far as recording and chance let one tell."""
    if math.isnan(row.low) or not (math.isfinite(row.median_a) or math.isfinite(row.median_b)):
        return OPEN
    if equal(row.median_a, row.median_b, row.step):
        return SAME
    nothing = 1.0 if row.measure == UPDATES else 0.0
    if not (row.low > nothing or row.high < nothing):
        return OPEN
    return B if (row.low > nothing) != row.measure.endswith("loss") else A


def _of_seeds(row: Effect, low: float, high: float) -> str:
    """An interval and how many seeds it is over."""
    said = text.interval(low, high, row.runs_a)
    if row.paired:
        return said
    seeds = f"{text.count(row.runs_a, 'seed')} of A and {row.runs_b:,} of B"
    return said.removesuffix(text.count(row.runs_a, "seed")) + seeds


def _updates_said(row: Effect) -> str:
    a, b = row.median_a, row.median_b
    fate_a = Side(row.runs_a, row.counted_a, row.diverged_a, a).fate
    fate_b = Side(row.runs_b, row.counted_b, row.diverged_b, b).fate
    recorded = f"recorded {row.step:,} updates apart there" if row.step > 1 else ""
    if math.isinf(a) and math.isinf(b):
        return f"the median run of neither reached it (A: {fate_a}; B: {fate_b})"
    if a == b == 0:
        return "both met it at update 0"
    if equal(a, b, row.step):
        known = ", ".join(filter(None, [recorded, _of_seeds(row, math.nan, math.nan)]))
        return f"no difference: medians of {text.updates(a)} and {text.updates(b)} ({known})"
    ours, theirs, fate = (A, B, fate_b) if a < b else (B, A, fate_a)
    least, most = sorted((a, b))
    if math.isinf(most):
        return f"{ours} reached it (median {text.updates(least)}), the median run of {theirs} did not ({fate})"
    if least == 0:
        return f"the median run of {ours} met it at update 0, {theirs} took {text.updates(most)}"
    low, high = (row.low, row.high) if ours == B else (_over(row.high), _over(row.low))
    known = "; ".join(filter(None, [_of_seeds(row, low, high), recorded if most - least <= row.step else ""]))
    return f"{ours} needed {text.number(most / least)} times fewer updates than {theirs} ({known})"


def _over(value: float) -> float:
    return 1 / value if value else math.inf


def _value_said(row: Effect) -> str:
    a, b = row.median_a, row.median_b
    accuracy = row.measure.endswith("accuracy")
    lost = {"A": (a, row.diverged_a, row.runs_a), "B": (b, row.diverged_b, row.runs_b)}
    ended = [
        f"{name} ended at {text.share(value) if accuracy else text.number(value, 4)}"
        if math.isfinite(value)
        else f"{gone:,} of {text.count(of, 'run')} of {name} diverged"
        for name, (value, gone, of) in lost.items()
    ]
    if not math.isfinite(row.effect):
        return ", ".join(ended)
    if a == b:
        return f"no difference: {ended[0]}, and B too ({_of_seeds(row, math.nan, math.nan)})"
    times, unit = (100.0, " points") if accuracy else (1.0, "")
    ends = sorted((abs(row.low), abs(row.high))) if row.low * row.high >= 0 else [row.low, row.high]
    # An interval with both signs is told of B; another one of the direction that the sentence names.
    seeds = _of_seeds(row, times * ends[0], times * ends[1])
    way = "higher" if row.effect > 0 else "lower"
    much = f"{text.number(times * abs(row.effect))}{unit} {way}"
    return f"{ended[0]}, {ended[1]}: {much} ({seeds})"


# What it comes to


def finding(rows: pd.DataFrame, total: int) -> Finding:
    """What the effects come to, in words; `total` is how many pairs there are, drawn or not."""
    measure = rows["measure"].iloc[0]
    if len(rows) == 1:
        return Finding(f"{rows['pair'].iloc[0]}: {rows['said'].iloc[0]}", "", "", _limits(rows))
    counts = rows["better"].value_counts()
    did, other = (
        ("needed fewer updates", "more") if measure == UPDATES else (f"ended at {_best(measure)}", "the opposite")
    )
    of = f" (of {total:,}; the others were not chosen)" if len(rows) < total else ""
    parts = [f"{other} in {counts[A]}" if A in counts else ""]
    parts += [f"{what} in {counts[what]}" for what in (SAME, OPEN) if what in counts]
    claim = f"B {did} than A in {counts.get(B, 0)} of {text.count(len(rows), 'pair')} of groups{of}"
    told = [f"{pair}: {said}" for pair, said in zip(rows["pair"], rows["said"], strict=True)]
    evidence = f"{text.first(told[:NAMED], len(rows), 'pair')}."
    return Finding("; ".join(filter(None, [claim, *parts])), "", evidence, _limits(rows))


def brief(rows: pd.DataFrame) -> list[str]:
    """The effect and its interval in each row, or what is said, numbers left out, where there is no ratio."""
    found = []
    for effect, low, high, said in zip(rows["effect"], rows["low"], rows["high"], rows["said"], strict=True):
        found.append(
            f"{text.number(effect)}x{ends_text(low, high)}" if 0 < effect < math.inf else said.partition(" (")[0]
        )
    return found


def _best(measure: str) -> str:
    return f"a {'higher' if measure.endswith('accuracy') else 'lower'} {MEASURES[measure]}"


def _limits(rows: pd.DataFrame) -> str:
    """How many runs it rests on, and what the intervals are."""
    runs = sorted({*rows["runs_a"], *rows["runs_b"]})
    paired = rows["paired"].all()
    seeds = text.count(runs[-1], "seed") if runs[0] == runs[-1] else f"{runs[0]} to {runs[-1]} seeds"
    how = f"{seeds} a group, {'paired' if paired else 'not paired'}"
    if runs[-1] < SEEDS:
        return f"{how}. {text.ONE_SEED}"
    return f"{how}. Medians; the intervals are bootstraps over seeds{', resampled together' if paired else ''}."


def table(first: Result, second: Result, found: Sequence[Pair]) -> pd.DataFrame:
    """The comparison as one table: every pair in every measure, with the settings and versions that differ.

    Columns of `Effect`, then `<setting>_a` and `<setting>_b`, versions, and both experiments whole, as a link has them.
    """
    a, b = first.experiment, second.experiment
    comparable = [measure for measure in (UPDATES, *MEASURES) if not incomparable(a, b, measure)]
    rows = pd.concat([effects(first, second, found, measure) for measure in comparable], ignore_index=True)
    versions = [replace(each, name=f"version_{each.name}") for each in changes(first.versions, second.versions)]
    apart = {
        f"{each.name}_{side}": value
        for each in (*settings(a, b), *versions)
        for side, value in (("a", each.first), ("b", each.second))
    }
    return rows.assign(**apart, experiment_a=a.to_query(), experiment_b=b.to_query())
