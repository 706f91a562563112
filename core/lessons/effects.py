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
from collections.abc import Sequence
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
Row = dict[str, Any]
Rows = dict[str, Row]

FOUR = ("logistic", "centred_logistic", "steep_logistic", "steep_centred_logistic")
TANH = "tanh"
LOSS = "final_train_loss"
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
NUMBERS = ("estimate_low", "estimate_high", "low", "high")


def settings(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The runs that differ in activation, rate and seed alone, by their other settings; hidden units have all four."""
    usual = {"gain": 1, "bias_initialiser": "zeros"}
    several = [name for name in (*PLAIN, "optimiser", "dataset") if runs[name].nunique() > 1]
    parts: dict[str, pd.DataFrame] = {}
    for _, members in runs.groupby(SETTING, sort=False):
        if set(FOUR) <= set(with_function(members)["activation"].unique()):
            row = members.iloc[0].to_dict()
            unusual = [name for name in usual if row[name] != usual[name]]
            parts[label(row, ["hidden", "batch_size", "initialiser", *unusual, *several])] = members
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
    there = set(runs["activation"].unique())
    names = [name for name in _NAMES if name in there]
    if not set(FOUR) <= set(names):
        raise ValueError(f"runs: the four functions {', '.join(FOUR)} are needed, and only {', '.join(names)} are here")
    scores = _scores(runs, what, names, rate)
    n = scores.seeds
    if not n:
        raise ValueError("runs: no seed is common to all functions and learning rates yet")

    draws = np.random.default_rng(0).integers(0, n, (resamples, n))
    counts = np.bincount((draws * resamples + np.arange(resamples)[:, None]).ravel(), minlength=n * resamples)
    best, *point = _cells(scores, np.ones((n, 1), np.int32))
    _, *drawn = _cells(scores, counts.reshape(n, resamples).astype(np.int32))
    return Decomposition(
        what,
        _cell_table(what, names, scores, best[:, 0], point, drawn),
        _effects(what, names, [_added(ends, what) for ends in point], [_added(ends, what) for ends in drawn], n),
        scores.rates,
        rate,
        tuple((name, runs[name].iloc[scores.first]) for name in SETTING),
    )


@dataclass(frozen=True)
class _Scores:
    """What each run came to, in arrays of functions, learning rates and seeds.

    Attributes:
        low, high: the least and the greatest that its outcome may be (small is good).
        chosen: what the best rate is chosen by; inf where a run has none, as of
        losses: the final training losses.
        dead: by function, whether all of its runs diverged.
        rates: which.
        seeds: how many.
        first: where in the runs table the first of the runs is.
    """

    low: Floats
    high: Floats
    chosen: Floats
    losses: Floats
    dead: list[bool]
    rates: tuple[float, ...]
    seeds: int
    first: int


def _scores(runs: pd.DataFrame, what: Outcome, names: Sequence[str], rate: float | None) -> _Scores:
    """The runs of these functions, at the one rate or at all, of the seeds that all of them have at every rate.

    A diverged run has no final loss or accuracy: it counts as at least as bad as the worst of those that have.
    """
    function = pd.Index(names).get_indexer(pd.Index(runs["activation"]))
    own = np.flatnonzero((function >= 0) if rate is None else (function >= 0) & runs["learning_rate"].eq(rate))
    function = function[own]
    diverged = runs["diverged_at"].notna().to_numpy()[own]

    def column(name: str) -> Floats:
        values = runs[name].to_numpy(np.float64, na_value=np.nan)[own]
        return np.where(diverged, np.nan, values) if name.startswith("final_") else values

    value = column(what.name)
    value[~np.isfinite(value)] = np.nan
    known = value[~np.isnan(value)]
    if what.name == "updates_to_target":
        # Diverged runs are frozen: they will not reach it within the whole of training either.
        last = column("last_update")
        frozen = runs["status"].eq("diverged").to_numpy()[own]
        low, high = _filled(value, np.where(frozen, last.max(initial=0), last)), _filled(value, np.inf)
    elif what.log:
        low, high = _filled(value, known.max() if known.size else 1.0), _filled(value, np.inf)
    else:
        low, high = 0.0 - _filled(value, known.min() if known.size else 1.0), 0.0 - _filled(value, 0.0)
    rates, at = np.unique(runs["learning_rate"].to_numpy()[own], return_inverse=True)
    each, seed = np.unique(runs["seed"].to_numpy()[own], return_inverse=True)
    found = np.full((4, len(names), len(rates), len(each)), np.nan)
    found[:, function, at, seed] = low, high, *(_filled(column(name), np.inf) for name in (what.chosen_by, LOSS))
    everywhere = ~np.isnan(found[0]).any(axis=(0, 1))
    dead = [bool(diverged[function == place].all()) for place in range(len(names))]
    first = int(own[0]) if own.size else 0
    low, high, chosen, losses = found[..., everywhere]
    return _Scores(low, high, chosen, losses, dead, tuple(rates.tolist()), int(everywhere.sum()), first)


def _filled(values: Floats, missing: float | Floats) -> Floats:
    return np.where(np.isnan(values), missing, values)


def _cells(scores: _Scores, counts: NDArray[np.int32]) -> tuple[NDArray[np.int64], Floats, Floats]:
    """For every function and draw of seeds, the index of its best rate and the bounds of its median there.

    The best rate is that of the lowest median; where no rate has a finite one, that of the lowest median loss.
    """
    by_chosen = _medians(scores.chosen, counts)
    best, lost = by_chosen.argmin(axis=1), ~np.isfinite(by_chosen.min(axis=1))
    if lost.any():
        best = np.where(lost, _medians(scores.losses, counts).argmin(axis=1), best)
    low, high = (
        np.take_along_axis(_medians(ends, counts), best[:, None], axis=1)[:, 0] for ends in (scores.low, scores.high)
    )
    return best, low, high


def _medians(values: Floats, counts: NDArray[np.int32]) -> Floats:
    """The median over the last axis, seeds, in each draw of as many: `counts` (seeds, draws) has how often each is in.

    Without sorting every draw: it is the first seed in order up to which half of the draw lies.
    """
    n = values.shape[-1]
    ordered, upto = np.sort(values, axis=-1), counts[np.argsort(values, axis=-1)]
    for seed in range(1, n):  # np.cumsum takes ten times as long over an axis that is not the last
        upto[..., seed, :] += upto[..., seed - 1, :]
    lower, upper = (
        np.take_along_axis(ordered, (upto < place).sum(axis=-2, dtype=np.int32), axis=-1)
        for place in ((n + 1) // 2, n // 2 + 1)
    )
    return upper if n % 2 else (lower + upper) / 2


def _cell_table(
    what: Outcome, names: Sequence[str], scores: _Scores, best: NDArray[np.int64], point: list[Floats],
    drawn: list[Floats],
) -> pd.DataFrame:  # fmt: skip
    """The cells of a decomposition, from the bounds of the medians (functions, draws) at its seeds and in draws."""
    (median_low, median_high), (low, high) = (ends[:, 0] for ends in point), _interval(*drawn)
    if not what.log:  # the more accurate the better
        median_low, median_high, low, high = -median_high, -median_low, -high, -low
    rates = scores.rates
    ends = (0, len(rates) - 1) if len(rates) > 1 else ()
    chosen = list(zip(best.tolist(), scores.dead, strict=True))
    return pd.DataFrame(
        {
            "activation": names,
            "centred": [name not in ("logistic", "steep_logistic") for name in names],
            "steep": [name not in ("logistic", "centred_logistic") for name in names],
            "learning_rate": [math.nan if dead else rates[at] for at, dead in chosen],
            "median_low": median_low,
            "median_high": median_high,
            "low": low,
            "high": high,
            "reached": [int(np.isfinite(own[at]).sum()) for own, (at, _) in zip(scores.high, chosen, strict=True)],
            "seeds": scores.seeds,
            "edge": [at in ends and not dead for at, dead in chosen],
        }
    )


def _interval(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The percentile interval, 95 %, from the bounds in draws: the last axis."""
    least: Floats = np.quantile(low, 0.025, axis=-1, method="nearest")
    most: Floats = np.quantile(high, 0.975, axis=-1, method="nearest")
    return least, most


def _effects(what: Outcome, names: Sequence[str], point: list[Floats], drawn: list[Floats], seeds: int) -> pd.DataFrame:
    """The effects of a decomposition, from the bounds of the medians (functions, draws) at its seeds and in draws."""
    had = [effect for effect, (_, weights) in EFFECTS.items() if TANH in names or weights[-1] == 0]
    weights = [[w for w, name in zip(EFFECTS[effect][1], _NAMES, strict=True) if name in names] for effect in had]
    estimates, draws = (np.stack([_contrast(each, *ends) for each in weights], axis=1) for ends in (point, drawn))
    numbers = np.array([*estimates[..., 0], *_interval(*draws)])
    shares = _shares(had, numbers, math.log(NO_DIFFERENCE) if what.log else NOTICEABLE)
    numbers[np.abs(numbers) < ROUNDING] = 0.0
    numbers = np.exp(numbers) if what.log else 100 * numbers
    # Against a loss of 0 there is no ratio.
    numbers[np.abs(numbers) > ENDLESS] = math.inf
    numbers[np.abs(numbers) < 1 / ENDLESS] = 0.0
    columns = dict(zip(NUMBERS, numbers, strict=True))
    return pd.DataFrame(
        {
            "effect": had,
            "title": [EFFECTS[effect][0] for effect in had],
            **columns,
            "share": shares if seeds >= SEEDS else math.nan,
            "seeds": seeds,
            "text": [_text(dict(zip(NUMBERS, each, strict=True)), seeds, what) for each in numbers.T.tolist()],
        }
    )


def _contrast(weights: Sequence[float], low: Floats, high: Floats) -> tuple[Floats, Floats]:
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


def _shares(names: Sequence[str], numbers: Floats, noticeable: float) -> list[float]:
    """Each part's share of the whole advantage, where that is known and noticeable in all its interval.

    Args:
        numbers: the NUMBERS of the effects of these names, by row, on the scale of addition.
    """
    low, high, least, _ = numbers.tolist()
    if "all" not in names:
        return [math.nan] * len(names)
    place = names.index("all")
    whole = low[place]
    known = whole == high[place] and least[place] > noticeable
    return [
        (a if abs(a) >= ROUNDING else 0.0) / whole if known and name in PARTS and a == b else math.nan
        for name, a, b in zip(names, low, high, strict=True)
    ]


def _text(row: dict[str, float], seeds: int, what: Outcome) -> str:
    """An effect and its interval: '2.27x (1.9 to 2.6)', or how far it is open. An interval that is a point is none."""
    unit = "x" if what.log else " points"
    low, high = row["estimate_low"], row["estimate_high"]
    nothing, endless = (0.0, math.inf) if what.log else (-math.inf, math.inf)
    if low == high:
        ends = [_end(row["low"]), _end(row["high"])]
        interval = f" ({ends[0]} to {ends[1]})" if seeds >= SEEDS and ends[0] != ends[1] else ""
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
    rows, cells = _by(found.effects, "effect"), _by(found.cells, "activation")
    numbers = [number for row in rows.values() for number in _numbers(found, row)]
    cautions = _cautions(found, cells, numbers)
    nothing = _nothing_to_share(found, cells, numbers)
    evidence = nothing or _evidence(found, rows)
    if cells[FOUR[0]]["seeds"] < SEEDS:
        evidence += f" {text.ONE_SEED}"
    verdict = UNDECIDED if nothing else _verdict(found, rows)
    return Finding(claim, verdict, evidence, " ".join(filter(None, [limits, cautions])), tuple(numbers))


def _by(table: pd.DataFrame, name: str) -> Rows:
    """The rows of a small table by what they are called in a column."""
    columns = {str(column): values.tolist() for column, values in table.items()}
    rows = (dict(zip(columns, each, strict=True)) for each in zip(*columns.values(), strict=True))
    return {row[name]: row for row in rows}


def _verdict(found: Decomposition, rows: Rows) -> str:
    parts = {_clear(rows[name], found.outcome) for name in ("centring", "slope")}
    verdict = parts.pop() if len(parts) == 1 else UNDECIDED if UNDECIDED in parts else MIXED
    whole = _clear(rows["all"], found.outcome) if "all" in rows else SUPPORTED
    # Without an advantage, or a certain one, there is nothing to owe to anything.
    return verdict if whole == SUPPORTED else whole


def _clear(row: Row, what: Outcome) -> str:
    """Whether an effect is one, by the whole of its interval."""
    if row["seeds"] < SEEDS or _none(row, what):
        return UNDECIDED
    neutral = 1.0 if what.log else 0.0
    return SUPPORTED if row["low"] > neutral else NOT_SUPPORTED if row["high"] < neutral else UNDECIDED


def _none(row: Row, what: Outcome) -> bool:
    """Whether an effect is known to be none to speak of."""
    low, high = float(row["estimate_low"]), float(row["estimate_high"])
    if low != high:
        return False
    return 1 / NO_DIFFERENCE < low < NO_DIFFERENCE if what.log else abs(low) < 100 * NOTICEABLE


def _nothing_to_share(found: Decomposition, cells: Rows, numbers: list[Number]) -> str:
    """Why the medians have no ratios or differences, as a sentence; '' where they have.

    The numbers that are said are added to `numbers`.
    """
    if all(math.isnan(row["learning_rate"]) for row in cells.values()):
        return "All runs of these functions diverged."
    if found.outcome.name == "final_train_loss":
        nothing = [text.words(name) for name, row in cells.items() if row["median_high"] == 0]
        return f"There are no ratios: the median training loss of {text.listed(nothing)} is 0." if nothing else ""
    if found.outcome.name != "updates_to_target":
        return ""
    at_once = [name for name, row in cells.items() if row["median_high"] == 0]
    if len(at_once) == len(cells):
        return (
            f"The median runs of all {len(cells)} functions met the target at update 0, before any training: no "
            "difference."
        )
    if not any(math.isfinite(row["median_high"]) for row in cells.values()):
        return f"In the median run none of the {len(cells)} functions reached the target."
    if not at_once:
        return ""
    whole = text.listed([text.words(name) for name in at_once])
    medians = {name: _median(found, row) for name, row in cells.items() if name not in at_once}
    numbers += medians.values()
    rest = [f"{text.words(name)} {median}" for name, median in medians.items()]
    return f"There are no ratios: {whole} met the target at update 0 in the median run, against {text.listed(rest)}."


def _median(found: Decomposition, row: Row) -> Number:
    return Number("median updates, paired", _of_cell(found, row), float(row["median_high"]), row["seeds"])


def _of_cell(found: Decomposition, row: Row) -> tuple[tuple[str, Any], ...]:
    return (("activation", row["activation"]), ("learning_rate", row["learning_rate"]), *found.of)


def _numbers(found: Decomposition, row: Row) -> list[Number]:
    """An effect's numbers, as far as they are known."""
    rate = "best" if found.rate is None else found.rate
    of = (("effect", row["effect"]), ("outcome", found.outcome.name), ("learning_rate", rate), *found.of)
    if row["estimate_low"] == row["estimate_high"]:
        known = {"effect": "estimate_low", "effect, least": "low", "effect, most": "high", "effect's share": "share"}
    else:
        known = {"effect, at least": "estimate_low", "effect, at most": "estimate_high"}
    values = {measure: float(row[column]) for measure, column in known.items()}
    return [Number(measure, of, value, row["seeds"]) for measure, value in values.items() if math.isfinite(value)]


def _evidence(found: Decomposition, rows: Rows) -> str:
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


def _cautions(found: Decomposition, cells: Rows, numbers: list[Number]) -> str:
    """What the effects leave open; the numbers that are said are added to `numbers`."""
    n = cells[FOUR[0]]["seeds"]
    said = []
    if n >= SEEDS:
        few = ", which with so few are too narrow" if n < FEW_SEEDS else ""
        said.append(f"95 % intervals from {RESAMPLES:,} bootstrap draws of {n} paired seeds{few}")
    if found.rate is None and len(found.rates) > 1:
        if n >= SEEDS:
            said.append("the best rate is chosen anew in every draw")
        edges = [text.words(name) for name, row in cells.items() if row["edge"]]
        if edges:
            said.append(
                f"the best rate of {text.listed(edges)} is at an end of the grid, so a better one may lie beyond"
            )
    else:
        said.append("one rate for all favours whichever function it suits: slope acts like a larger rate")
    for function, row in cells.items():
        name = text.words(function)
        if math.isnan(row["learning_rate"]):
            said.append(f"all runs of {name} diverged")
        elif found.outcome.name == "updates_to_target" and row["reached"] < n:
            numbers.append(Number("reached, paired", _of_cell(found, row), float(row["reached"]), n))
            said.append(f"{row['reached']} of {text.count(n, 'run')} of {name} reached the target")
    return text.sentence("; ".join(said))
