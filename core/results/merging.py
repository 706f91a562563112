"""Results put together as if all their runs had been trained at once, to the bit.

A run's numbers do not depend on what else is in its sweep: its rows are taken over. A histogram is over all seeds of a
group: those of other seeds are added, and where two results hold some of the same seeds one of them is left out.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from core.engine.recording import Record
from core.experiment.experiment import FIELDS, VARIED, Experiment, Run
from core.results.consistency import blocks
from core.results.convergence import unfinished
from core.results.results import Result, ResultError, collect, run_settings
from core.schema import SCHEMA
from core.text import count, listed

Numbers = dict[int, int]
"""Numbers of runs in one experiment, by those in another."""
Groups = dict[tuple[Any, ...], Numbers]
"""The runs of each group, which is known by its settings: their numbers by seed."""

FREE = {*VARIED, "seeds", "first_seed", *(name for name, field in FIELDS.items() if field.asked)}
"""The settings in which experiments may differ whose runs can stand in one result."""
RECORDED = (
    *((("preactivation", "probe"), ("activation", "probe")), (("positive_share", "example"),)),
    *((("positive_share", "batch"),), (("positive_share", "epoch"),), (("gradient", "epoch"),)),
)
"""The histograms of a point in the order that they are recorded in: those that stand together, layer by layer."""


class Part(NamedTuple):
    """A result, and which of its runs are taken: their numbers in the whole, by those in it."""

    result: Result
    numbers: Numbers


def differing(first: Experiment, second: Experiment) -> list[str]:
    """The settings that keep the runs of two experiments out of one result."""
    return [name for name in FIELDS if name not in FREE and getattr(first, name) != getattr(second, name)]


def shared(
    experiment: Experiment, others: Sequence[Experiment], without: Collection[int] = ()
) -> tuple[list[Numbers], list[Run]]:
    """The runs of `experiment` that others have too: by other experiment those to take, and the runs that are left.

    Args:
        experiment: the whole.
        others: experiments that differ from it in nothing but `FREE`.
        without: numbers of runs that are not looked for.
    """
    runs = experiment.runs()
    wanted = _groups(run for run in runs if run.run not in without)
    offers = [(place, *group) for place, other in enumerate(others) for group in _groups(other.runs()).items()]
    found: list[Numbers] = [{} for _ in others]
    for place, settings, numbers in sorted(offers, key=lambda offer: -len(offer[2])):
        own = wanted.get(settings, {})
        if numbers.keys() <= own.keys():
            found[place] |= {number: own.pop(seed) for seed, number in numbers.items()}
    left = {number for numbers in wanted.values() for number in numbers.values()}
    return found, [run for run in runs if run.run in left]


def _groups(runs: Iterator[Run] | Sequence[Run]) -> Groups:
    groups: Groups = {}
    for run in runs:
        groups.setdefault(tuple(getattr(run, name) for name in VARIED), {})[run.seed] = run.run
    return groups


def merge(results: Sequence[Result]) -> Result:
    """One result of the runs of all, the same as if they had been trained at once; asked for the target of the first.

    Raises ResultError naming the setting that differs, the runs that are lacking or those that are not equal.
    """
    if not results:
        raise ResultError("there is nothing to merge; allowed: one result or more")
    first = results[0]
    for place, other in enumerate(results, 1):
        _check(first, other, f"result {place}")
    experiments = [result.experiment for result in results]
    begin = min(one.first_seed for one in experiments)
    end = max(one.first_seed + one.seeds for one in experiments)
    values = {name: dict.fromkeys(value for one in experiments for value in getattr(one, name)) for name in VARIED}
    lists: dict[str, Any] = {name: tuple(found) for name, found in values.items()}
    experiment = replace(first.experiment, **lists, first_seed=begin, seeds=end - begin)
    found, left = shared(experiment, experiments)
    if left:
        raise ResultError(
            f"together they do not make the sweep {experiment.to_query()!r}: {count(len(left), 'run')} cannot be had, "
            f"such as seed {left[0].seed} of {experiment.label(left[0])}; allowed: results that fill a whole sweep, "
            "and of two that share a seed of a group, all seeds of one (histograms hold all seeds of a result)"
        )
    whole = assemble(experiment, [Part(*part) for part in zip(results, found, strict=True)])
    for place, (result, numbers) in enumerate(zip(results, found, strict=True), 1):
        again = shared(experiment, [result.experiment])[0][0]
        _check_equal(whole, Part(result, {n: number for n, number in again.items() if n not in numbers}), place)
    return whole


def _check(first: Result, other: Result, name: str) -> None:
    for setting in differing(first.experiment, other.experiment):
        values = [FIELDS[setting].write(getattr(one.experiment, setting)) for one in (other, first)]
        allowed = f"{values[1]}, as in the first; only {listed(sorted(FREE))} may differ"
        raise ResultError(f"{name}: {setting} is {values[0]}; allowed: {allowed}")
    engines = [one.versions.get("engine", "unknown") for one in (other, first)]
    if engines[0] != engines[1]:
        raise ResultError(f"{name}: engine is {engines[0]}; allowed: {engines[1]}, as in the first")
    complete, wanted = int((~unfinished(other)).sum()), len(other.experiment.runs())
    if complete < wanted:
        raise ResultError(f"{name}: {complete:,} of {wanted:,} runs are complete; allowed: results of a whole sweep")


def _check_equal(whole: Result, part: Part, place: int) -> None:
    """Whether the runs that were not taken from a part have the numbers of those that were."""
    settings = run_settings(whole.experiment)
    for name in ("runs", "epochs", "layers"):
        rows = _rows(part, name, settings).drop(columns="seconds", errors="ignore").reset_index(drop=True)
        table = whole.table(name)
        own = table.loc[table["run"].isin(part.numbers.values()), list(rows)].reset_index(drop=True)
        for column in rows:
            if not own[column].equals(rows[column]):
                raise ResultError(f"result {place}: {name}.{column} is not that of the same runs in another result")


def completed(experiment: Experiment, records: Sequence[Record], known: Sequence[Part]) -> Result:
    """The result of these records and of what is `known` of other runs, whole or so far."""
    result = collect(experiment, records)
    return assemble(experiment, [*known, Part(result, {n: n for n in result.runs["run"]})]) if known else result


def assemble(experiment: Experiment, parts: Sequence[Part]) -> Result:
    """The result of `experiment` that its runs in `parts` make up, whole or so far."""
    parts = [Part(result.asked(experiment.target), numbers) for result, numbers in parts]
    settings = run_settings(experiment)
    tables = {name: _stacked([_rows(part, name, settings) for part in parts]) for name in ("runs", "epochs", "layers")}
    histograms = _added([_histograms(part, settings) for part in parts])
    kernels = sorted({result.versions.get("kernels", "") for result, _ in parts})
    versions = dict(parts[0].result.versions)
    if len(kernels) > 1:
        versions["kernels"] = f"{kernels[0]} and {len(kernels) - 1} more"
    return Result(experiment, **tables, histograms=histograms, versions=versions)


def _rows(part: Part, name: str, settings: pd.DataFrame) -> pd.DataFrame:
    """The rows of the runs that are taken, by their numbers and labels in the whole."""
    table = part.result.table(name)
    table = table[table["run"].isin(part.numbers)]
    numbers = table["run"].map(part.numbers).astype("int64")
    return table.assign(run=numbers, group=settings["group"].loc[numbers].to_numpy()).astype({"group": "str"})


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables).sort_values("run", kind="stable", ignore_index=True)


def _histograms(part: Part, settings: pd.DataFrame) -> pd.DataFrame:
    """The histograms of the groups that are taken, with the number of each group's first run in the whole."""
    table, labels = part.result.histograms, run_settings(part.result.experiment)["group"]
    names = {labels[own]: settings["group"][number] for own, number in part.numbers.items()}
    # A group's first run in the whole, whichever of its seeds the part has.
    heads = dict(zip(settings["group"][::-1], settings["run"][::-1], strict=True))
    table = table[table["group"].isin(names)]
    label = table["group"].map(names).astype("str")
    return table.assign(group=label, first=label.map(heads).astype("int64"))


def _added(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    stack = pd.concat(tables, ignore_index=True)
    columns = [column.name for column in SCHEMA["histograms"]]
    if stack.empty:
        return stack[columns]
    place = {kind: (i, j) for i, kinds in enumerate(RECORDED) for j, kind in enumerate(kinds)}
    together, within = np.array([place[kind] for kind in zip(stack["quantity"], stack["level"], strict=True)]).T
    keys = [*(stack[name].to_numpy() for name in ("first", "update")), together, stack["layer"].to_numpy(), within]
    keys.append(stack["left"].to_numpy())
    order = np.lexsort(keys[::-1])
    begins = np.r_[True, np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)]
    starts = np.flatnonzero(begins)
    counts = np.add.reduceat(stack["count"].to_numpy()[order], starts)
    table = stack.iloc[order[starts]].reset_index(drop=True)[columns].assign(count=counts)
    heads, lengths = blocks(table)
    width = (table["right"] - table["left"]).to_numpy()
    total = np.repeat(np.add.reduceat(counts, heads), lengths)
    return table.assign(density=np.where(np.isfinite(width), counts / total / width, np.nan))
