"""Sweep maps: any measure of the runs over two swept settings, cell by cell, and over the learning rate.

A cell's number is the median over its runs, whatever they differ in beside the two settings. A run that diverged is
worse than any other in what training comes to, and one that did not reach the target later than any other: a median
that falls on such runs is no number, and the cell says why in its `state`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.experiment.experiment import FIELDS, Experiment, label
from core.registries import starts
from core.registries.initialisers import INITIALISERS, Argument
from core.results.convergence import SETTINGS, times_fewer
from core.results.evidence import equal, step
from core.results.results import Result, at_end_of_epoch, run_settings
from core.schema import RUN, SCHEMA
from core.text import words

START, END = WHEN = ("at initialisation", "at the end of training")
WHERE = ("mean of the hidden layers", "first hidden layer", "last hidden layer", "output layer")
MEAN, FIRST, LAST, OUTPUT = WHERE
"""When, and in which layers, what is no column of the runs table is looked at."""
VALUE, NOT_REACHED, DIVERGED = "value", "not reached", "diverged"
NOT_MEASURED, NO_RUNS, NO_PAIR, INFINITE = "not measured", "no runs yet", "no pair with the baseline", "infinitely more"
"""What a cell may be: all but the first have no number. NOT_REACHED: no more than half of its runs reached the target;
DIVERGED: half or more of them diverged, or all did before they reached it; NO_PAIR: none of its seeds has a number both
here and in the baseline; INFINITE: a ratio to 0."""
TIMES_FEWER, DIVIDED, MINUS = "times fewer", "divided by", "minus"
"""How a measure is set beside a baseline: as on the other pages, updates by how many times fewer there are, losses and
shares by how much more; other sizes that are never below 0 by their ratio."""

AXES = {
    "initialiser": "initialiser",
    "gain": "gain",
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "width": "width",
    "depth": "depth",
    "hidden": "hidden layers",
    "activation": "activation function",
    "optimiser": "optimiser",
    "dataset": "data set",
    "bias_initialiser": "bias initialiser",
    "residual": "residual connections",
    "normalisation": "normalisation",
}
"""What may be an axis, in the order of preference, in words: the plural settings, and what hidden layers differ in."""
UNITS = {"batch_size": "examples per update", "hidden": "units", "gain": "factor on the initial weights"}


@dataclass(frozen=True)
class Axis:
    """A swept setting as an axis.

    Attributes:
        name: one of AXES.
        noun: what a sentence calls its values: "standard deviation".
        title: the same with its unit.
        levels: its values as texts, in order.
        numbers: the same as ascending numbers (inf: the full batch); empty where they are names.
    """

    name: str
    noun: str
    title: str
    levels: tuple[str, ...]
    numbers: tuple[float, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The levels as they stand along the axis: those of one family by their number alone."""
        return tuple(each.rpartition(":")[2] for each in self.levels) if self.numbers else self.levels

    def place(self, values: Sequence[float]) -> NDArray[np.float64]:
        """Where numbers lie along the axis, on which level i is the stretch from i to i + 1, its number in the middle.

        Between levels, and beyond them, it goes by ratio where all numbers are above 0, else by difference.
        """
        ratios = min(self.numbers) > 0
        numbers, at = (np.log(part) if ratios else np.asarray(part, float) for part in (self.numbers, values))
        left = np.clip(np.searchsorted(numbers, at) - 1, 0, len(numbers) - 2)
        places: NDArray[np.float64] = left + 0.5 + (at - numbers[left]) / (numbers[left + 1] - numbers[left])
        return places


@dataclass(frozen=True)
class Measure:
    """What a map may show, by its name in MEASURES.

    Attributes:
        title: in words.
        table, column: where it is.
        meaning: what it is, with its unit where it has one.
        share: whether it is a share, from 0 to 1.
        better: 1 where more is better, -1 where less is, 0 where neither.
        counted: whether the cell has the share of its runs of which it is true, in place of a median.
        beside: TIMES_FEWER, DIVIDED or MINUS where it is set beside that of a baseline, else "".
    """

    title: str
    table: str
    column: str
    meaning: str
    share: bool = False
    better: int = 0
    counted: bool = False
    beside: str = ""

    @property
    def of_target(self) -> bool:
        """Whether a run has it only once it has reached the target."""
        return self.column.endswith("_to_target") and not self.counted

    @property
    def outcome(self) -> bool:
        """Whether it is what training comes to, in which a run that diverged is worse than all others."""
        return self.table == "runs" and self.better != 0 and not self.counted

    @property
    def worst(self) -> float:
        """What stands for a run that is worse than all others."""
        return -self.better * math.inf if self.outcome else math.nan

    @property
    def equal(self) -> float:
        """Beside a baseline, what it is where both are equal."""
        return 0.0 if self.beside == MINUS else 1.0

    def against_baseline(self) -> "Measure":
        """The same measure set beside that of a baseline, whose run of the same seed has the other number."""
        way = MINUS if self.share or _SIGNED.search(self.column) else DIVIDED
        title, better = f"{self.title} {way} the baseline's", self.better
        if self.of_target:
            way, better = TIMES_FEWER, 1
            title = f"times fewer {self.title} than the baseline"
        return replace(self, title=title, better=better, beside=way)

    def set_beside(self, own: NDArray[np.float64], baseline: NDArray[np.float64]) -> NDArray[np.float64]:
        """The number of each run beside that of its pair."""
        if self.beside == MINUS:
            return own - baseline
        return times_fewer(baseline, own) if self.beside == TIMES_FEWER else times_fewer(own, baseline)


_SIGNED = re.compile(r"_loss$|_p\d\d$|cosine|agreement|dead_flat|(preactivation|activation|delta)_mean$")
"""Columns of which a difference tells more than a ratio: losses, as on other pages, and what may be 0 or less."""


def _numbers_of(table: str) -> dict[str, Measure]:
    """Every number of a table that is measured, by its column."""
    found = {}
    for column in SCHEMA[table]:
        if column.dtype == "float64" and column.name not in _NOT_MEASURED:
            title = words(column.name).replace("train ", "training ")
            better = -1 if column.name.endswith(("_loss", "_to_target")) else int(column.name.endswith("_accuracy"))
            found[column.name] = Measure(
                f"{title} (layers)" if table == "layers" else title,
                *(table, column.name, column.meaning, column.unit == "share"),
                better if table == "runs" else 0,
            )
    return found


_NOT_MEASURED = {column.name for column in RUN} | {"diverged_at"}
_SHARE = ("share of the runs", True)
_OF_RUNS = _numbers_of("runs")
MEASURES: dict[str, Measure] = {
    "updates_to_target": _OF_RUNS["updates_to_target"],
    "reached": Measure("share that reached the target", "runs", "updates_to_target", *_SHARE, 1, counted=True),
    "diverged": Measure("share that diverged", "runs", "diverged_at", *_SHARE, -1, counted=True),
    **_OF_RUNS,
    **_numbers_of("epochs"),
    **_numbers_of("layers"),
}
"""By name: two shares of runs, and every number of the tables of runs, epochs and layers, by its column."""
CURVES = ("updates_to_target", "final_train_loss", "final_test_loss", "final_train_accuracy", "final_test_accuracy")
"""Measures that are looked at against the learning rate."""


# What is swept


def axes(experiment: Experiment) -> tuple[str, ...]:
    """The names of what the experiment has several values of, in the order of AXES.

    Hidden layers are told apart by their depth or width where that alone tells them apart, else by either and by all.
    """
    varying = set(experiment.varying())
    if "hidden" in varying:
        networks = experiment.hidden
        even = all(len(set(widths)) == 1 for widths in networks)
        parts = {"depth": {len(widths) for widths in networks}}
        if even:
            parts["width"] = {widths[0] for widths in networks}
        several = {name: values for name, values in parts.items() if len(values) > 1}
        if any(len(values) == len(networks) for values in several.values()) and len(several) == 1:
            varying.discard("hidden")
        varying |= set(several)
    return tuple(name for name in AXES if name in varying)


def pooled(experiment: Experiment, columns: str, rows: str) -> dict[str, tuple[str, ...]]:
    """What the runs of a cell may differ in beside their seed: the levels of each, by its name in AXES."""
    names, on = axes(experiment), {columns, rows}
    if "hidden" in names:
        parts = {"depth", "width"} & set(names)
        if "hidden" in on or not parts & on:
            names = tuple(name for name in names if name not in parts)
        elif "width" in names:
            names = tuple(name for name in names if name != "hidden")
    return {name: _levels(experiment, name) for name in names if name not in on}


@lru_cache(maxsize=64)
def _levels(experiment: Experiment, name: str) -> tuple[str, ...]:
    return _ordered(_plan(experiment), name)


def _plan(experiment: Experiment) -> pd.DataFrame:
    """The settings of the run groups, a row each."""
    return run_settings(replace(experiment, seeds=1))


def level(table: pd.DataFrame, name: str) -> pd.Series:
    """By row of any table, the level of an axis that its run belongs to."""
    column = table["hidden" if name in ("depth", "width") else name]
    return column.map({value: _text(name, value) for value in column.unique()})


def _text(name: str, value: str | float) -> str:
    if name == "depth":
        return str(len(FIELDS["hidden"].kind.parse(value)))
    if name == "width":
        return str(FIELDS["hidden"].kind.parse(value)[0])
    field = FIELDS[name]
    text = value if isinstance(value, str) else field.kind.format(float(value))
    return field.labels.get(text, starts.brief(text))


def _numbers(levels: Sequence[str]) -> tuple[str, dict[str, float]]:
    """Levels that are numbers, or numbers of one family, normal:0.1 and normal:1: that, and each one's number."""
    found = [re.fullmatch(r"(?:([a-z_0-9]*[a-z]):)?(-?\d[\d.]*(?:e-?\d+)?|full)", each) for each in levels]
    matched = [match for match in found if match]
    if len(matched) < len(levels) or len({match[1] for match in matched}) > 1:
        return "", {}
    return matched[0][1] or "", {match[0]: math.inf if match[2] == "full" else float(match[2]) for match in matched}


def _ordered(table: pd.DataFrame, name: str) -> tuple[str, ...]:
    levels = [str(each) for each in dict.fromkeys(level(table, name))]
    numbers = _numbers(levels)[1]
    return tuple(sorted(levels, key=numbers.__getitem__) if numbers else levels)


def axis(result: Result, plan: pd.DataFrame, name: str) -> Axis:
    """The axis of what is swept, with the levels that the rows of `plan` (settings of runs) have.

    Initialisers that are no numbers of one family are ordered by their initial scale, once all of them are measured.
    """
    levels = _ordered(plan, name)
    family, numbers = _numbers(levels)
    noun = AXES[name]
    title = f"{noun} ({UNITS[name]})" if name in UNITS else noun
    if name == "depth":
        widths = {width for text in plan["hidden"].unique() for width in FIELDS["hidden"].kind.parse(text)}
        title = f"depth (hidden layers of {widths.pop()} units)" if len(widths) == 1 else "depth (hidden layers)"
    elif name == "width":
        title = "width (units in each hidden layer)"
    elif family and name == "initialiser":
        argument = INITIALISERS[family].argument
        meaning = argument.meaning if isinstance(argument, Argument) else noun
        noun, title = meaning.partition(" of ")[0], f"{meaning} ({words(family)})"
    elif family:
        title = f"{noun} ({words(family)})"
    elif name == "initialiser":
        scales = _initial_scales(result).reindex(levels)
        if scales.notna().all():
            levels, title = tuple(map(str, scales.sort_values(kind="stable").index)), "initialiser, by initial scale"
    return Axis(name, noun, title, levels, tuple(numbers[each] for each in levels) if numbers else ())


def _initial_scales(result: Result) -> pd.Series:
    """The median root mean square of the weights of hidden layers at initialisation, by level of the initialiser."""
    start = result.layers[(result.layers["epoch"] == 0) & (result.layers["role"] == "hidden")]
    scales: pd.Series = start["weight_rms"].groupby(level(start, "initialiser")).median()
    return scales


# What a run has


def values(result: Result, measure: Measure, when: str = END, where: str = MEAN) -> pd.DataFrame:
    """The measure of every run, in the order of the runs table.

    Columns: value (NaN where it was not measured, or is so no more) and lost (whether the run is worse than all
    others: it diverged or, with updates and epochs to target, did not reach it).

    Args:
        when: START or END, for what is in the tables of epochs and layers.
        where: one of WHERE, for what is in the table of layers.
    """
    return pd.DataFrame(_values(result, measure, when, where), result.runs.index)


def _values(result: Result, measure: Measure, when: str, where: str) -> dict[str, NDArray[Any]]:
    """The same by column."""
    runs = result.runs
    nothing = np.zeros(len(runs), dtype=bool)
    if measure.counted:
        return {"value": runs[measure.column].notna().to_numpy(np.float64), "lost": nothing}
    if measure.table == "runs":
        value = runs[measure.column].to_numpy(np.float64)
        diverged = runs["diverged_at"].notna().to_numpy()
        lost = np.isnan(value) if measure.of_target else diverged if measure.outcome else nothing
        return {"value": np.where(lost | np.isinf(value), math.nan, value), "lost": lost}
    epoch = 0 if when == START else result.experiment.epochs
    by_run = (
        _of_epochs(result, measure, epoch) if measure.table == "epochs" else _of_layers(result, measure, epoch, where)
    )
    value = runs["run"].map(by_run).to_numpy(np.float64)
    return {"value": np.where(np.isfinite(value), value, math.nan), "lost": nothing}


def _of_epochs(result: Result, measure: Measure, epoch: int) -> pd.Series:
    """The measure at the end of a recorded epoch, by run."""
    epochs = result.epochs
    rows = np.flatnonzero(epochs["epoch"].to_numpy() == epoch)
    points = epochs[["dataset", "batch_size", "epoch", "update"]].iloc[rows]
    rows = rows[at_end_of_epoch(result.experiment, points)]
    return pd.Series(epochs[measure.column].to_numpy()[rows], epochs["run"].to_numpy()[rows])


def _of_layers(result: Result, measure: Measure, epoch: int, where: str) -> pd.Series:
    """The measure at a recorded epoch in these layers, by run."""
    layers = result.layers
    rows = np.flatnonzero(layers["epoch"].to_numpy() == epoch)
    rows = rows[layers["role"].iloc[rows] == ("output" if where == OUTPUT else "hidden")]
    run, layer, values = (layers[name].to_numpy()[rows] for name in ("run", "layer", measure.column))
    if where == MEAN:
        mean: pd.Series = pd.Series(values).groupby(run).mean()
        return mean
    order = np.lexsort((layer if where == FIRST else -layer, run))
    runs, first = np.unique(run[order], return_index=True)
    return pd.Series(values[order][first], runs)


def _quartiles(numbers: NDArray[np.float64], cell: NDArray[np.int64], cells: int, worst: float) -> NDArray[np.float64]:
    """25, 50 and 75 % quantile (those of numpy.quantile) of the numbers of each of so many cells, in three rows.

    Some of the numbers may be the `worst`, infinite. NaN where a cell has none.
    """
    size = np.bincount(cell, minlength=cells)
    ordered = np.append(numbers[np.lexsort((numbers, cell))], math.nan)  # where a cell without numbers may look
    at = np.maximum(size - 1, 0) * np.array([[0.25], [0.5], [0.75]])
    below = np.floor(at).astype(np.int64)
    start = np.cumsum(size) - size
    left, right = ordered[start + below], ordered[start + np.ceil(at).astype(np.int64)]
    with np.errstate(invalid="ignore"):
        between = left + (at - below) * (right - left)
    # Between two numbers one of which is infinite lies the infinite one.
    found = np.where(at == below, left, np.where(np.isnan(between), worst, between))
    return np.where(size > 0, found, math.nan)


# Cell by cell


@dataclass(frozen=True)
class Map:
    """A measure over two swept settings.

    Attributes:
        columns, rows: the two axes.
        measure: what is shown.
        cells: a row for each cell of the grid, columns from left to right, rows from below: x and y (their places),
            column and row (their levels), value (median; the share of runs of a measure that counts them), low and
            high (25 and 75 %; NaN of a share), runs (how many there are so far), measured (how many of them have a
            number), reached and diverged (how many did), window (whether more than half reached the target), state.
            Beside a baseline also pairs: how many of the runs have a pair.
        groups: the run groups of the cells.
    """

    columns: Axis
    rows: Axis
    measure: Measure
    cells: pd.DataFrame
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """Two swept settings, and the runs in each of their cells.

    Attributes:
        columns, rows: the two axes.
        groups: the run groups of the cells.
        runs: where in the runs table their runs are.
        cell: the number of the cell of each of these, in the order of `Map.cells`.
    """

    columns: Axis
    rows: Axis
    groups: tuple[str, ...]
    runs: NDArray[np.int64]
    cell: NDArray[np.int64]


def sweep_map(
    result: Result, columns: str, rows: str, measure: str, when: str = END, where: str = MEAN,
    groups: Sequence[str] = (), only: Sequence[str] = (), baseline: str = "",
) -> Map:  # fmt: skip
    """The map of a measure, or of what it is beside a baseline.

    Args:
        columns, rows: two of `axes`.
        measure: a name in MEASURES.
        when, where: see `values`.
        groups: the run groups to take; none stands for all.
        only: of what is `pooled`, levels to take alone, as `tag` has them; none of a setting stands for all of it.
        baseline: the run group whose run of the same seed, on the same data, each run is set beside; "" for none.
    """
    return measured(result, grid(result, columns, rows, groups, only), measure, when, where, baseline)


def grid(result: Result, columns: str, rows: str, groups: Sequence[str] = (), only: Sequence[str] = ()) -> Grid:
    """What the map of any measure is made over; see `sweep_map`."""
    plan = _plan(result.experiment)
    if groups:
        plan = plan[plan["group"].isin(groups)]
    for name, levels in pooled(result.experiment, columns, rows).items():
        if chosen := [each for each in levels if tag(name, each) in only]:
            plan = plan[level(plan, name).isin(chosen)]
    across, up = (axis(result, plan, name) for name in (columns, rows))
    x, y = (level(plan, one.name).map(one.levels.index).to_numpy(np.int64) for one in (across, up))
    group = pd.Index(plan["group"]).get_indexer(pd.Index(result.runs["group"]))
    runs = np.flatnonzero(group >= 0)
    return Grid(across, up, tuple(plan["group"]), runs, (x * len(up.levels) + y)[group[runs]])


def measured(result: Result, over: Grid, measure: str, when: str = END, where: str = MEAN, baseline: str = "") -> Map:
    """The map of a measure over a grid of the same result; see `sweep_map`."""
    kind, runs = MEASURES[measure], result.runs
    table = _values(result, kind, when, where)
    if baseline:
        kind = kind.against_baseline()
        table = _beside(runs, table, kind, baseline)
    table |= {
        "reached": runs["updates_to_target"].notna().to_numpy(),
        "diverged": runs["diverged_at"].notna().to_numpy(),
    }
    columns, rows = over.columns.levels, over.rows.levels
    places = [(x, y) for x in range(len(columns)) for y in range(len(rows))]
    cells = {
        "x": [x for x, _ in places],
        "y": [y for _, y in places],
        "column": [columns[x] for x, _ in places],
        "row": [rows[y] for _, y in places],
        **_cells({name: own[over.runs] for name, own in table.items()}, over.cell, len(places), kind),
    }
    return Map(over.columns, over.rows, kind, pd.DataFrame(cells), over.groups)


def _beside(
    runs: pd.DataFrame, table: Mapping[str, NDArray[Any]], measure: Measure, baseline: str
) -> dict[str, NDArray[Any]]:
    """The `values` of runs beside those of the baseline's runs of their seeds, and which are `paired`, or `alone`."""
    value, lost, seeds = table["value"], table["lost"], runs["seed"].to_numpy()
    own = np.flatnonzero(runs["group"] == baseline)
    theirs = np.append(value[own], math.nan)[pd.Index(seeds[own]).get_indexer(pd.Index(seeds))]
    on_same_data = runs["dataset"].isin(runs["dataset"].iloc[own[:1]]).to_numpy()
    ratio = measure.set_beside(value, theirs)
    paired = on_same_data & (~np.isnan(ratio) | (lost & ~np.isnan(theirs)))
    return {
        "value": np.where(paired, ratio, math.nan),
        "lost": lost & paired,
        "paired": paired,
        "alone": ~paired & (~np.isnan(value) | lost),
    }


def _cells(
    own: Mapping[str, NDArray[Any]], cell: NDArray[np.int64], cells: int, measure: Measure
) -> dict[str, NDArray[Any]]:
    """The columns of `Map.cells` from value to state, from those of the runs of so many cells."""

    def count(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        found: NDArray[np.int64] = np.bincount(cell[which], minlength=cells)
        return found

    runs, reached = np.bincount(cell, minlength=cells), count(own["reached"])
    low, value, high, known = _medians(own, cell, cells, measure)
    gone = own["diverged"] & ~own["reached"] if measure.of_target else own["diverged"]
    lost = count(own["lost"]) > 0
    paired, alone = (count(own[name]) if name in own else np.zeros_like(runs) for name in ("paired", "alone"))
    states = {  # of which the first that is so is told
        NO_RUNS: runs == 0,
        VALUE: np.isfinite(value),
        NO_PAIR: (alone > 0) & (paired == 0),
        INFINITE: (value == math.inf) & bool(measure.beside),
        DIVERGED: (count(gone) == runs) | (lost & (measure.outcome and not measure.of_target)),
        NOT_REACHED: lost,
    }
    state = np.select(list(states.values()), list(states), NOT_MEASURED)
    return {
        **({"pairs": paired} if "paired" in own else {}),
        "value": np.where(state == VALUE, value, math.nan),
        "low": low,
        "high": high,
        "runs": runs,
        "measured": known,
        "reached": reached,
        "diverged": count(own["diverged"]),
        "window": 2 * reached > runs,
        "state": state,
    }


def _medians(
    own: Mapping[str, NDArray[Any]], cell: NDArray[np.int64], cells: int, measure: Measure
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """By cell the quartiles of its runs' values, of a measure that counts them their share; and how many have one."""
    known = ~np.isnan(own["value"])
    measured = np.bincount(cell[known], minlength=cells)
    if measure.counted:
        total = np.bincount(cell[known], own["value"][known], minlength=cells)
        share = np.divide(total, measured, out=np.full(cells, math.nan), where=measured > 0)
        return np.full(cells, math.nan), share, np.full(cells, math.nan), measured
    used = known | own["lost"]
    numbers = np.where(own["lost"], measure.worst, own["value"])[used]
    low, median, high = _quartiles(numbers, cell[used], cells, measure.worst)
    return low, median, high, measured


def tag(name: str, level: str) -> str:
    """A level of what is pooled, as it can be chosen: 'activation function: tanh'."""
    return f"{AXES[name]}: {level}"


# Against the learning rate


def curve_names(runs: pd.DataFrame, experiment: Experiment) -> pd.Series:
    """By row, what runs are called that differ in their learning rate and seed alone."""
    varying = [name for name in experiment.varying() if name != "learning_rate"]
    settings = runs[SETTINGS].drop_duplicates()
    names = {tuple(row): label(dict(zip(SETTINGS, row, strict=True)), varying) for row in settings.to_numpy(object)}
    return pd.Series([names[tuple(row)] for row in runs[SETTINGS].to_numpy(object)], runs.index, dtype="str")


def rate_curves(result: Result, measure: str, groups: Sequence[str] = ()) -> pd.DataFrame:
    """A measure of CURVES against the learning rate, a curve for all runs that differ in nothing else but their seed.

    Columns: group (the curve's name), learning_rate, low, median and high (infinite where they fall on runs that are
    worse than all others), finite (runs with a number), runs, diverged (of them), best (whether no other rate has a
    better median: those of updates that are equal to the recorded step are all the best).

    Args:
        groups: the run groups of which any makes a curve be taken, at all of its rates; none stands for all.
    """
    runs, kind = result.runs, MEASURES[measure]
    names = curve_names(runs, result.experiment)
    if groups:
        names = names[names.isin(names[runs["group"].isin(groups)])]
    table, runs = values(result, kind).loc[names.index], runs.loc[names.index]
    curve, curves = pd.factorize(names)
    rates, rate = np.unique(runs["learning_rate"].to_numpy(), return_inverse=True)
    place, first, cell = np.unique(curve * len(rates) + rate, return_index=True, return_inverse=True)
    own = {str(name): column.to_numpy() for name, column in table.items()}
    low, median, high, known = _medians(own, cell, len(place), kind)
    curve, rate = np.divmod(place, max(len(rates), 1))
    return pd.DataFrame(
        {
            "group": curves.take(curve),
            "learning_rate": rates[rate],
            "low": low,
            "median": median,
            "high": high,
            "finite": known,
            "runs": np.bincount(cell, minlength=len(place)),
            "diverged": np.bincount(cell[runs["diverged_at"].notna()], minlength=len(place)),
            "best": _best(result, kind, curve, median, runs["group"].iloc[first].tolist()),
        }
    )


def _best(
    result: Result, measure: Measure, curve: NDArray[np.int64], medians: NDArray[np.float64], groups: Sequence[str]
) -> list[bool]:
    """Which medians are the best of their curves, or equal to it to the recorded step; `groups` are those of each."""
    steps, best = [0.0] * len(groups), [False] * len(groups)
    if measure.of_target:
        recorded = result.epochs.groupby("group")["update"].unique()
        updates = {group: sorted(recorded[group].tolist()) for group in set(groups)}
        steps = [
            step(updates[group], at) if math.isfinite(at) else 0 for group, at in zip(groups, medians, strict=True)
        ]
    for own in np.split(np.arange(len(groups)), np.flatnonzero(np.diff(curve)) + 1):
        there = own[np.isfinite(medians[own])].tolist()
        if there:
            top = there[int(np.argmax(measure.better * medians[there]))]
            for at in there:
                best[at] = bool(equal(medians[top], medians[at], max(steps[top], steps[at])))
    return best
