r"""The 2 x 2 of centring and slope: how much of tanh's advantage over the logistic comes from which.

Four activation functions cross two factors: the logistic and its steep version logistic(4x), each as it is and moved
down by 1/2. Tanh is steep and centred too, and twice as wide. With T_cs the log of the median outcome over seeds (c:
centred, s: steep), each effect is averaged over both levels of the other factor:

    centring    = ((T_00 - T_10) + (T_01 - T_11)) / 2
    slope       = ((T_00 - T_01) + (T_10 - T_11)) / 2
    interaction =  (T_01 - T_11) - (T_00 - T_10)
    width       =   T_11 - T_tanh

so that centring + slope + width = T_00 - T_tanh exactly: nothing is left over and nothing counted twice.

A run that did not reach the target has an outcome somewhere beyond its last update. It is kept as that interval, and
so are all numbers that depend on it: an effect is then a bound, or open at both ends, and never a made-up number. A
median of 0 updates counts as one of AT_ONCE, so that it has a logarithm; its ratios are not said.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import text
from core.experiment.experiment import FIELDS, all_but, label
from core.lessons.comparisons import PLAIN, SEEDS, with_function
from core.lessons.findings import NOTICEABLE, Finding
from core.results.evidence import Number
from core.text import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED

Floats = NDArray[np.float64]

FOUR = ("logistic", "centred_logistic", "steep_logistic", "steep_centred_logistic")
TANH = "tanh"
RESAMPLES = 2000
AT_ONCE = 0.25
"""Updates that a median of 0 counts as: less than any other, as two runs may have one of 1/2."""
ROUNDING = 1e-12
"""Effects smaller than this on the scale of addition are rounding."""
ENDLESS = 1e100
"""Ratios beyond this are of a loss of 0."""
NO_DIFFERENCE = 1 + NOTICEABLE
"""Ratios closer to 1 than this factor are no difference, nor are accuracies closer than NOTICEABLE."""
SETTING = all_but("activation", "learning_rate")
FEW_SEEDS = 10
"""With fewer seeds than this, a bootstrap interval is known to be too narrow."""


@dataclass(frozen=True)
class Outcome:
    """What is compared: a column of the runs table.

    Attributes:
        title: in words.
        log: whether effects are ratios (of medians), else differences.
        better: what more of an effect means, in words.
        chosen_by: the column by which each function's best learning rate is chosen, never one of the test set.
    """

    name: str
    title: str
    log: bool
    better: str
    chosen_by: str


OUTCOMES: dict[str, Outcome] = {
    outcome.name: outcome
    for outcome in (
        Outcome("updates_to_target", "updates to target", True, "times fewer updates", "updates_to_target"),
        Outcome("final_train_loss", "final training loss", True, "times lower training loss", "final_train_loss"),
        Outcome("final_test_accuracy", "final test accuracy", False, "points of test accuracy", "final_train_loss"),
    )
}

# Each effect as weights of the five medians; every one is positive where tanh's side is the better.
_NAMES = (*FOUR, TANH)
EFFECTS: dict[str, tuple[str, Sequence[float]]] = {
    "all": ("all of tanh", (1, 0, 0, 0, -1)),
    "centring": ("centring", (0.5, -0.5, 0.5, -0.5, 0)),
    "slope": ("slope", (0.5, 0.5, -0.5, -0.5, 0)),
    "width": ("width", (0, 0, 0, 1, -1)),
    "interaction": ("interaction", (-1, 1, 1, -1, 0)),
}
PARTS = ("centring", "slope", "width")


def settings(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The runs that differ in activation, rate and seed alone, by their other settings; hidden units have all four."""
    parts: dict[str, pd.DataFrame] = {}
    for _, members in runs.groupby(SETTING, sort=False):
        row = members.iloc[0].to_dict()
        if set(FOUR) <= set(with_function(members)["activation"]):
            usual = {"gain": 1, "bias_initialiser": "zeros"}
            named = ["hidden", "batch_size", "initialiser", *(name for name in usual if row[name] != usual[name])]
            named += [name for name in (*PLAIN, "optimiser", "dataset") if runs[name].nunique() > 1]
            parts[label(row, named)] = members
    return parts


@dataclass(frozen=True)
class Decomposition:
    """The 2 x 2 of one outcome.

    Attributes:
        outcome: which.
        cells: one row per function: activation, centred, steep, learning_rate (best, or the shared one), median_low and
            median_high (equal unless censored), low and high (95 %), reached, seeds, and edge: whether its best rate
            is the lowest or highest of the grid, so that a better one may lie beyond it. A function of which all runs
            diverged has no best rate.
        effects: one row per effect of EFFECTS that can be had: effect, title, estimate_low and estimate_high (equal
            unless censored), low and high (95 %), share (of the whole, on the scale of addition; empty unless all is
            known), seeds, text. Ratios where the outcome is a ratio's, else differences (accuracy in points of 100).
        rates: the learning rates of the grid.
        rate: the shared rate, or None where each function has its own best.
        of: the settings of the network, by column.
    """

    outcome: Outcome
    cells: pd.DataFrame
    effects: pd.DataFrame
    rates: tuple[float, ...]
    rate: float | None
    of: tuple[tuple[str, Any], ...]


def decompose(
    runs: pd.DataFrame, outcome: str = "updates_to_target", rate: float | None = None, resamples: int = RESAMPLES
) -> Decomposition:
    """Effects of centring, slope and width, with percentile bootstrap intervals over paired seeds.

    Seeds are drawn together for all functions and learning rates, and the best rates are chosen anew in every draw, so
    that the intervals hold the chance in that choice too. Seeds and rates that a function lacks, in a result that is
    still growing, are left out for all.

    Args:
        runs: the runs table, one value of each of `SETTING`, the four functions and, if there, tanh.
        outcome: one of OUTCOMES.
        rate: one learning rate for all; None for each function's own best.

    Raises:
        ValueError: a function, a common seed or the test part is missing.
    """
    what = OUTCOMES[outcome]
    if "test" in outcome and runs[outcome].isna().all() and runs["final_train_loss"].notna().any():
        raise ValueError("runs: nothing was kept back for testing")
    names = [name for name in _NAMES if name in set(runs["activation"])]
    if not set(FOUR) <= set(names):
        raise ValueError(f"runs: the four functions {', '.join(FOUR)} are needed, and only {', '.join(names)} are here")
    runs = runs[runs["activation"].isin(names)]
    if rate is not None:
        runs = runs[runs["learning_rate"].eq(rate)]
    rates = tuple(sorted(float(value) for value in runs["learning_rate"].unique()))
    dead = [bool(runs.loc[runs["activation"] == name, "diverged_at"].notna().all()) for name in names]
    low, high, chosen, losses, seeds = _scores(runs, what, names, rates)
    if not seeds:
        raise ValueError("runs: no seed is common to all functions and learning rates yet")

    whole = np.arange(len(seeds))[None]
    draws = np.random.default_rng(0).integers(0, len(seeds), (resamples, len(seeds)))
    best, point_low, point_high = _cells(low, high, chosen, losses, whole)
    _, drawn_low, drawn_high = _cells(low, high, chosen, losses, draws)
    chosen_rates = list(zip(best[:, 0], dead, strict=True))
    sign = 1 if what.log else -1  # the more accurate the better
    cells = pd.DataFrame(
        {
            "activation": names,
            "centred": [name not in ("logistic", "steep_logistic") for name in names],
            "steep": [name not in ("logistic", "centred_logistic") for name in names],
            "learning_rate": [math.nan if lost else rates[i] for i, lost in chosen_rates],
            "median_low": sign * point_low[:, 0],
            "median_high": sign * point_high[:, 0],
            "low": sign * np.quantile(drawn_low, 0.025, axis=1, method="nearest"),
            "high": sign * np.quantile(drawn_high, 0.975, axis=1, method="nearest"),
            "reached": [int(np.isfinite(high[i, best[i, 0]]).sum()) for i in range(len(names))],
            "seeds": len(seeds),
            "edge": [len(rates) > 1 and i in (0, len(rates) - 1) and not lost for i, lost in chosen_rates],
        }
    )
    if not what.log:
        cells[["low", "high"]] = cells[["high", "low"]].to_numpy()
        cells[["median_low", "median_high"]] = cells[["median_high", "median_low"]].to_numpy()
    points = (_added(point_low, what), _added(point_high, what))
    drawn = (_added(drawn_low, what), _added(drawn_high, what))
    effects = _effects(what, names, points, drawn, len(seeds))
    return Decomposition(what, cells, effects, rates, rate, tuple((name, runs[name].iloc[0]) for name in SETTING))


def _effects(
    what: Outcome, names: Sequence[str], point: tuple[Floats, Floats], drawn: tuple[Floats, Floats], seeds: int
) -> pd.DataFrame:
    """The effects of a decomposition, from the bounds of the medians (functions, draws) at its seeds and in draws."""
    rows = []
    for effect, (title, weights) in EFFECTS.items():
        weight = np.array([w for w, name in zip(weights, _NAMES, strict=True) if name in names])
        if TANH not in names and weights[-1] != 0:
            continue
        estimate = _contrast(weight, *point)
        draws_low, draws_high = _contrast(weight, *drawn)
        ends = (np.quantile(draws_low, 0.025, method="nearest"), np.quantile(draws_high, 0.975, method="nearest"))
        rows.append((effect, title, float(estimate[0][0]), float(estimate[1][0]), float(ends[0]), float(ends[1])))
    effects = pd.DataFrame(rows, columns=["effect", "title", "estimate_low", "estimate_high", "low", "high"])
    effects["share"] = _shares(effects, math.log(NO_DIFFERENCE) if what.log else NOTICEABLE)
    if seeds < SEEDS:
        effects["share"] = math.nan
    numbers = ["estimate_low", "estimate_high", "low", "high"]
    effects[numbers] = effects[numbers].mask(effects[numbers].abs() < ROUNDING, 0.0)
    effects[numbers] = np.exp(effects[numbers]) if what.log else 100 * effects[numbers]
    # Against a loss of 0 there is no ratio.
    effects[numbers] = effects[numbers].mask(effects[numbers].abs() > ENDLESS, math.inf)
    effects[numbers] = effects[numbers].mask(effects[numbers].abs() < 1 / ENDLESS, 0.0)
    effects["seeds"] = seeds
    effects["text"] = [_text(row, what) for row in effects.to_dict("records")]
    return effects


def _scores(
    runs: pd.DataFrame, what: Outcome, names: Sequence[str], rates: Sequence[float]
) -> tuple[Floats, Floats, Floats, Floats, list[int]]:
    """Least and greatest possible outcome (small is good), what the best rate is chosen by, losses, and the seeds.

    A diverged run has no final loss or accuracy: it counts as at least as bad as the worst of those that have.
    Arrays are (functions, rates, seeds); the last two hold inf where a run has none.
    """
    table = runs.copy()
    ended = [column for column in table if str(column).startswith("final_")]
    table.loc[table["diverged_at"].notna(), ended] = np.nan
    table["chosen"] = table[what.chosen_by].fillna(np.inf)
    table["losses"] = table["final_train_loss"].fillna(np.inf)
    value = table[what.name].astype(np.float64).where(np.isfinite(table[what.name]))
    if what.name == "updates_to_target":
        # Diverged runs are frozen: they will not reach it within the whole of training either.
        last = table["last_update"].where(table["status"] != "diverged", table["last_update"].max())
        table["low"], table["high"] = value.fillna(last), value.fillna(np.inf)
    elif what.log:
        worst = float(value.max()) if value.notna().any() else 1.0
        table["low"], table["high"] = value.fillna(worst), value.fillna(np.inf)
    else:
        worst = float(value.min()) if value.notna().any() else 1.0
        table["low"], table["high"] = -value.fillna(worst), -value.fillna(0.0)
    order = pd.MultiIndex.from_product([names, rates], names=["activation", "learning_rate"])
    wide = table.pivot(
        index=["activation", "learning_rate"], columns="seed", values=["low", "high", "chosen", "losses"]
    )
    wide = wide.reindex(order)
    lacking = wide["low"].isna().to_numpy().any(axis=0)
    seeds = [int(seed) for seed in wide["low"].columns.to_numpy()[~lacking]]
    shape = (len(names), len(rates), len(seeds))
    low, high, chosen, losses = (
        wide[part][seeds].to_numpy(np.float64).reshape(shape) for part in ("low", "high", "chosen", "losses")
    )
    return low, high, chosen, losses, seeds


def _cells(
    low: Floats, high: Floats, chosen: Floats, losses: Floats, draws: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """For every function and draw of seeds, the index of its best rate and the bounds of its median there.

    The best rate is that of the lowest median; where no rate has a finite one, that of the lowest median loss.
    """
    by_chosen, by_loss, lows, highs = (np.median(part[..., draws], axis=-1) for part in (chosen, losses, low, high))
    best = np.where(np.isfinite(by_chosen.min(axis=1)), by_chosen.argmin(axis=1), by_loss.argmin(axis=1))
    pick = best[:, None]
    ours_low, ours_high = (np.take_along_axis(ends, pick, axis=1)[:, 0] for ends in (lows, highs))
    return best, ours_low, ours_high


def _contrast(weights: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Bounds of sum(weights * T) for T in [low, high] (functions, draws): an open end of a term opens the sum's."""
    least, greatest = np.zeros(low.shape[1]), np.zeros(low.shape[1])
    for weight, a, b in zip(weights, low, high, strict=True):
        if weight:
            least += weight * (a if weight > 0 else b)
            greatest += weight * (b if weight > 0 else a)
    return least, greatest


def _added(medians: Floats, what: Outcome) -> Floats:
    """Medians on the scale on which effects add up: logarithms, of at least AT_ONCE or of what has one."""
    least = AT_ONCE if what.name == "updates_to_target" else float(np.finfo(np.float64).tiny)
    return np.log(np.maximum(medians, least)) if what.log else medians


def _shares(effects: pd.DataFrame, noticeable: float) -> list[float]:
    """Each part's share of the whole advantage, where that is known and noticeable in all its interval."""
    rows = {str(row["effect"]): row for row in effects.to_dict("records")}
    whole = rows.get("all", {"estimate_low": math.nan, "estimate_high": math.nan, "low": math.nan})
    known = whole["estimate_low"] == whole["estimate_high"] and whole["low"] > noticeable
    return [
        (row["estimate_low"] if abs(row["estimate_low"]) >= ROUNDING else 0.0) / whole["estimate_low"]
        if known and effect in PARTS and row["estimate_low"] == row["estimate_high"]
        else math.nan
        for effect, row in rows.items()
    ]


def _text(row: dict[Hashable, Any], what: Outcome) -> str:
    """An effect and its interval: '2.27x (1.9 to 2.6)', or how far it is open. An interval that is a point is none."""
    unit = "x" if what.log else " points"
    low, high = row["estimate_low"], row["estimate_high"]
    nothing, endless = (0.0, math.inf) if what.log else (-math.inf, math.inf)
    if low == high:
        ends = [_end(row["low"]), _end(row["high"])]
        interval = f" ({ends[0]} to {ends[1]})" if row["seeds"] >= SEEDS and ends[0] != ends[1] else ""
        return f"{text.number(low)}{unit}{interval}"
    if low == nothing and high == endless:
        return "open at both ends"
    if low == nothing:
        return f"at most {text.number(high)}{unit}"
    return (
        f"at least {text.number(low)}{unit}" if high == endless else f"{text.number(low)} to {text.number(high)}{unit}"
    )


def _end(value: float) -> str:
    return "no limit" if math.isinf(value) else text.number(value)


# In words


def finding(found: Decomposition, limits: str = "") -> Finding:
    """Whether tanh's advantage over the logistic is centring as well as slope, each interval clear of no effect."""
    claim = "Tanh owes its advantage over the logistic to its centring as well as to its slope"
    rows = {str(row["effect"]): row for row in found.effects.to_dict("records")}
    numbers = [number for row in rows.values() for number in _numbers(found, row)]
    cautions = _cautions(found, numbers)
    nothing = _nothing_to_share(found, numbers)
    evidence = nothing or _evidence(found, rows)
    if found.cells["seeds"].iloc[0] < SEEDS:
        evidence += f" {text.ONE_SEED}"
    verdict = UNDECIDED if nothing else _verdict(found, rows)
    return Finding(claim, verdict, evidence, " ".join(filter(None, [limits, cautions])), tuple(numbers))


def _verdict(found: Decomposition, rows: dict[str, dict[Hashable, Any]]) -> str:
    parts = {_clear(rows[name], found.outcome) for name in ("centring", "slope")}
    verdict = parts.pop() if len(parts) == 1 else UNDECIDED if UNDECIDED in parts else MIXED
    whole = _clear(rows["all"], found.outcome) if "all" in rows else SUPPORTED
    # Without an advantage, or a certain one, there is nothing to owe to anything.
    return verdict if whole == SUPPORTED else whole


def _clear(row: dict[Hashable, Any], what: Outcome) -> str:
    """Whether an effect is one, by the whole of its interval."""
    if row["seeds"] < SEEDS or _none(row, what):
        return UNDECIDED
    neutral = 1.0 if what.log else 0.0
    return SUPPORTED if row["low"] > neutral else NOT_SUPPORTED if row["high"] < neutral else UNDECIDED


def _none(row: dict[Hashable, Any], what: Outcome) -> bool:
    """Whether an effect is known to be none to speak of."""
    low, high = float(row["estimate_low"]), float(row["estimate_high"])
    if low != high:
        return False
    return 1 / NO_DIFFERENCE < low < NO_DIFFERENCE if what.log else abs(low) < 100 * NOTICEABLE


def _nothing_to_share(found: Decomposition, numbers: list[Number]) -> str:
    """Why the medians have no ratios or differences, as a sentence; '' where they have.

    The numbers that are said are added to `numbers`.
    """
    cells = found.cells
    names = {str(row["activation"]): row for row in cells.to_dict("records")}
    if cells["learning_rate"].isna().all():
        return "All runs of these functions diverged."
    if found.outcome.name == "final_train_loss":
        nothing = [text.words(name) for name, row in names.items() if row["median_high"] == 0]
        return f"There are no ratios: the median training loss of {text.listed(nothing)} is 0." if nothing else ""
    if found.outcome.name != "updates_to_target":
        return ""
    at_once = [name for name, row in names.items() if row["median_high"] == 0]
    if len(at_once) == len(names):
        return (
            f"The median runs of all {len(names)} functions met the target at update 0, before any training: no "
            "difference."
        )
    if not np.isfinite(cells["median_high"]).any():
        return f"In the median run none of the {len(names)} functions reached the target."
    if not at_once:
        return ""
    whole = text.listed([text.words(name) for name in at_once])
    medians = {name: _median(found, row) for name, row in names.items() if name not in at_once}
    numbers += medians.values()
    rest = [f"{text.words(name)} {median}" for name, median in medians.items()]
    return f"There are no ratios: {whole} met the target at update 0 in the median run, against {text.listed(rest)}."


def _median(found: Decomposition, row: dict[Hashable, Any]) -> Number:
    return Number("median updates, paired", _of_cell(found, row), float(row["median_high"]), row["seeds"])


def _of_cell(found: Decomposition, row: dict[Hashable, Any]) -> tuple[tuple[str, Any], ...]:
    return (("activation", row["activation"]), ("learning_rate", row["learning_rate"]), *found.of)


def _numbers(found: Decomposition, row: dict[Hashable, Any]) -> list[Number]:
    """An effect's numbers, as far as they are known."""
    rate = "best" if found.rate is None else found.rate
    of = (("effect", row["effect"]), ("outcome", found.outcome.name), ("learning_rate", rate), *found.of)
    if row["estimate_low"] == row["estimate_high"]:
        known = {"effect": "estimate_low", "effect, least": "low", "effect, most": "high", "effect's share": "share"}
    else:
        known = {"effect, at least": "estimate_low", "effect, at most": "estimate_high"}
    values = {measure: float(row[column]) for measure, column in known.items()}
    return [Number(measure, of, value, row["seeds"]) for measure, value in values.items() if math.isfinite(value)]


def _evidence(found: Decomposition, rows: dict[str, dict[Hashable, Any]]) -> str:
    what = found.outcome
    if len(found.rates) == 1:
        at = f"all at learning rate {FIELDS['learning_rate'].write((found.rates[0],))}"
        at += ", the only one run" if found.rate is None else ""
    else:
        at = "each at its own best learning rate"
    parts = [
        f"{name} {rows[name]['text']}"
        + (f", {text.share(rows[name]['share'])} of it" if math.isfinite(rows[name]["share"]) else "")
        for name in PARTS
        if name in rows
    ]
    together = "; ".join([*parts, f"interaction {rows['interaction']['text']}"])
    unit = what.better if what.log else f"{what.better} gained"
    if "all" not in rows:
        return f"In {unit}, {at}: {together}."
    whole = rows["all"]
    if _none(whole, what):
        return f"Tanh against logistic, in {unit}, {at}: no difference ({whole['text']}). Its parts: {together}."
    return f"Tanh against logistic, in {unit}, {at}: {whole['text']} in all. Of that: {together}."


def _cautions(found: Decomposition, numbers: list[Number]) -> str:
    """What the effects leave open; the numbers that are said are added to `numbers`."""
    cells, n = found.cells, int(found.cells["seeds"].iloc[0])
    said = []
    if n >= SEEDS:
        few = ", which with so few are too narrow" if n < FEW_SEEDS else ""
        said.append(f"95 % intervals from {RESAMPLES:,} bootstrap draws of {n} paired seeds{few}")
    if found.rate is None and len(found.rates) > 1:
        if n >= SEEDS:
            said.append("the best rate is chosen anew in every draw")
        edges = [text.words(str(name)) for name in cells.loc[cells["edge"], "activation"]]
        if edges:
            said.append(
                f"the best rate of {text.listed(edges)} is at an end of the grid, so a better one may lie beyond"
            )
    else:
        said.append("one rate for all favours whichever function it suits: slope acts like a larger rate")
    for row in cells.to_dict("records"):
        name = text.words(str(row["activation"]))
        if math.isnan(row["learning_rate"]):
            said.append(f"all runs of {name} diverged")
        elif found.outcome.name == "updates_to_target" and row["reached"] < n:
            numbers.append(Number("reached, paired", _of_cell(found, row), float(row["reached"]), n))
            said.append(f"{row['reached']} of {text.count(n, 'run')} of {name} reached the target")
    return text.sentence("; ".join(said))
