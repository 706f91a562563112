"""Convergence: what became of the runs, when they reached the target, how much faster, at which learning rate.

A run that stopped before it reached the target is censored at its last update: it is never dropped and never counted
as if it had reached the target there. A run that diverged first is not censored: it never reaches the target, however
long one waits, and stays among those that have not. A run that diverged afterwards has reached it.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import text
from core.engine.network import encode_targets
from core.experiment.data import data_of
from core.experiment.experiment import ENGINE_VERSION, FIELDS, Experiment, all_but
from core.experiment.fields import shorten
from core.registries.datasets import outputs
from core.registries.losses import LOSSES
from core.results.results import Result, updates_per_epoch
from core.schema import POINT, RUN

Float = NDArray[np.float64]

OUTCOMES = ("reached", "reached, then diverged", "not reached", "diverged", "in training", "stopped early")
"""What may have become of a run, in words."""

EXPLODED = 10.0
"""A run exploded where its final training loss is finite and more than this many times the loss of guessing."""

NAMED = 6
"""Groups that a sentence names."""

FEW = 64
"""Different values up to which a product of matrices counts them in less time than they are put in order."""

SETTINGS = all_but("learning_rate")
"""What runs share that differ in learning rate and seed alone."""


# What became of the runs


def unfinished(result: Result) -> pd.Series:
    """Whether each run has neither been trained to its last epoch nor diverged; in the order of the runs table."""
    return result.unfinished


def remarks(result: Result) -> list[str]:
    """What to know of a result that was not trained here just now, if anything, one sentence each."""
    found = []
    done = int((~unfinished(result)).sum())
    if done < (wanted := len(result.experiment.runs())):
        found.append(f"It was saved before training had ended: {done:,} of {wanted:,} runs are complete.")
    engine = result.versions.get("engine", "unknown")
    if engine != ENGINE_VERSION:
        found.append(
            f"It is from engine version {shorten(engine)[1:-1]}, and this is {ENGINE_VERSION}: trained here, its "
            "numbers may come out otherwise."
        )
    return found


def outcomes(result: Result, final: bool = True) -> pd.Series:
    """One of OUTCOMES for each run, in the order of the runs table.

    Args:
        result: whole or so far.
        final: whether training is over, so that a run without its last epoch was stopped; else it is in training.
    """
    reached, diverged = (result.runs[name].notna() for name in ("updates_to_target", "diverged_at"))
    kinds = {
        "reached, then diverged": reached & diverged,
        "reached": reached,
        "diverged": diverged,
        "stopped early" if final else "in training": unfinished(result),
    }
    found = np.select(list(kinds.values()), list(kinds), "not reached")
    return pd.Series(found, result.runs.index, dtype="str", name="outcome")


def chance_loss(experiment: Experiment, dataset: str | None = None) -> float:
    """The loss of guessing: that of the best prediction which is the same for every example of the training set.

    Of several data sets it is that of the one which is named.
    """
    data = data_of(experiment, dataset)
    targets = encode_targets(data.train_y, outputs(len(data.class_names)), np.float64)
    return LOSSES[experiment.loss].chance(targets.mean(axis=1))


def exploded(result: Result) -> pd.Series:
    """Whether each run exploded, in the order of the runs table.

    Its loss is finite at its last recorded point, but more than EXPLODED times the loss of guessing, and larger than
    at initialisation. A run that diverged is not counted here.
    """
    runs = result.runs
    known, row = np.unique(result.epochs["run"].to_numpy(), return_index=True)
    first = runs["run"].map(pd.Series(result.epochs["train_loss"].to_numpy()[row], known))
    final = runs["final_train_loss"]
    chance = {name: chance_loss(result.experiment, name) for name in result.experiment.dataset}
    guessing = runs["dataset"].map(chance).astype(np.float64)
    return runs["diverged_at"].isna() & final.gt(EXPLODED * guessing) & final.gt(first)


def exploded_text(result: Result, final: bool = True) -> str:
    """How many runs of which groups exploded, in a sentence or two; nothing where none did.

    Args:
        result: whole or so far.
        final: whether training is over.
    """
    by_group = exploded(result).groupby(result.runs["group"], sort=False).agg(["sum", "size"])
    some = by_group[by_group["sum"] > 0]
    if some.empty:
        return ""
    named = [f"{group} ({n} of {text.count(of, 'run')})" for group, n, of in some.head(NAMED).itertuples()]
    rest = [text.count(len(some) - NAMED, "more group")] if len(some) > NAMED else []
    data = result.experiment.dataset
    losses = [text.number(chance_loss(result.experiment, name)) for name in data]
    guessing = text.listed(
        [f"{loss} on {name}" for loss, name in zip(losses, data, strict=True)] if len(data) > 1 else losses
    )
    return (
        f"Exploded without diverging: {text.listed([*named, *rest])}. Their training loss "
        f"{'ended at' if final else 'is by now'} more than {EXPLODED:g} times the loss of guessing ({guessing}), "
        "and above where it began."
    )


def with_diverged(result: Result, within: bool = True) -> pd.DataFrame:
    """The epochs table for curves over all runs of a group, with one more column: diverged (true or false).

    A diverged run is frozen and recorded no more. Here it has, from where it diverged on, a row without values at every
    point that its group was recorded at: without them a median would be that of the runs that are left. Where there are
    points within epochs, the column epoch has parts of epochs; without `within` they are left out.
    """
    ends, epochs, parts = result.ends_of_epochs, result.epochs, {}
    if not within:
        epochs = epochs[ends]
    elif not ends.all():
        parts = {"epoch": epochs["update"] / updates_per_epoch(result.experiment, epochs)}
    epochs = epochs.assign(**parts, diverged=False)
    gone = result.runs["diverged_at"].set_axis(result.runs["run"]).dropna()
    return epochs if gone.empty else _with_gone(epochs, gone)


def _with_gone(epochs: pd.DataFrame, gone: pd.Series) -> pd.DataFrame:
    """The epochs table with the rows of `with_diverged`; `gone` has the updates of diverged runs, by run."""
    run, update = (epochs[name].to_numpy() for name in ("run", "update"))
    runs, first, own = np.unique(run, return_index=True, return_inverse=True)
    diverged_at = gone.reindex(runs).to_numpy(np.float64)
    kept = np.flatnonzero(~(update >= diverged_at[own]))

    # The points of each group in order: a run lacks those from where it diverged to the group's end.
    group, _ = pd.factorize(epochs["group"].array)
    beyond = int(update.max(initial=0)) + 1
    points, row = np.unique(group * beyond + update, return_index=True)
    lost = np.flatnonzero(~np.isnan(diverged_at))
    from_group = group[first[lost]] * beyond
    begin = np.searchsorted(points, from_group + np.minimum(np.ceil(diverged_at[lost]), beyond))
    lacks = np.searchsorted(points, from_group + beyond) - begin
    which = np.repeat(np.arange(len(lost)), lacks)
    within = np.arange(len(which)) - np.repeat(np.cumsum(lacks) - lacks, lacks)
    at = row[begin[which] + within]

    # A row that is added has the settings of its run, the time of its point, and no values.
    of_run, of_point = np.append(kept, first[lost][which]), np.append(kept, at)
    values = np.append(kept, np.full(len(at), -1))
    order = np.lexsort((update[of_point], run[of_run]))
    settings, time = ([column.name for column in part] for part in (RUN, POINT))
    rows = dict.fromkeys(settings, of_run) | dict.fromkeys(time, of_point)
    columns = {
        name: epochs[name].array.take(rows.get(name, values)[order], allow_fill=name not in rows) for name in epochs
    }
    return pd.DataFrame(columns | {"diverged": values[order] < 0})


# When they reached the target


def survival(runs: pd.DataFrame) -> pd.DataFrame:
    """Share of runs that have reached the target by each update, per group: the Kaplan-Meier estimate of it.

    Runs that stopped before they reached it leave the count at their last update: they are censored, never dropped.
    Runs that diverged first stay in the count, as runs that never reach it (cumulative incidence).

    Args:
        runs: the runs table.

    Returns:
        Columns group, update, reached (share), at_risk (runs that had neither reached it before nor been censored),
        low and high (95 % interval, Greenwood's formula on the log(-log) scale); one row per step, the first at
        update 0. The last is where training ended or, where a group's share can change no more, where that of any
        group did.
    """
    rows: list[tuple[str, float, float, int, float, float]] = []
    end = float(runs["last_update"].max()) if len(runs) else 0.0
    places = runs.groupby("group").indices
    lasts = runs["last_update"].to_numpy(np.float64)
    events = runs["updates_to_target"].notna().to_numpy()
    nevers = ~events & runs["diverged_at"].notna().to_numpy()
    times = np.where(nevers, math.inf, runs["updates_to_target"].fillna(runs["last_update"]).to_numpy(np.float64))
    for group in runs["group"].unique():  # there may be thousands: of each no more than arrays
        event, never, time, own = (values[places[group]] for values in (events, nevers, times, lasts))
        last = end if (event | never).all() else float(own.max())
        surviving, greenwood = 1.0, 0.0
        for t in np.unique(np.append(time[np.isfinite(time)], [0.0, last])):
            at_risk = int((time >= t).sum())
            now = int((event & (time == t)).sum())
            surviving *= 1.0 - now / max(at_risk, 1)
            if now < at_risk:
                greenwood += now / (at_risk * (at_risk - now))
            low, high = _log_log_interval(surviving, greenwood)
            rows.append((str(group), float(t), 1.0 - surviving, at_risk, 1.0 - high, 1.0 - low))
    return pd.DataFrame(rows, columns=["group", "update", "reached", "at_risk", "low", "high"])


def _log_log_interval(surviving: float, greenwood: float) -> tuple[float, float]:
    if not 0.0 < surviving < 1.0:
        return surviving, surviving
    spread = 1.959964 * math.sqrt(greenwood) / abs(math.log(surviving))
    return surviving ** math.exp(spread), surviving ** math.exp(-spread)


def median_updates(runs: pd.DataFrame) -> pd.Series:
    """Median updates to target per group, where a run that did not reach it is later than any other: maybe inf."""
    return runs["updates_to_target"].fillna(np.inf).groupby(runs["group"], sort=False).median()


# How much faster


class Side(NamedTuple):
    """The runs of one side of a comparison: how many, how many reached the target or diverged first, the median."""

    runs: int
    reached: int
    diverged: int
    median: float

    @property
    def fate(self) -> str:
        """What became of the runs where the median one did not reach the target, in words."""
        if self.diverged == self.runs:
            return "diverged" if self.runs == 1 else f"all {self.runs} diverged"
        return (
            "did not reach it" if self.reached == 0 and self.runs == 1 else f"{self.reached} of {self.runs} reached it"
        )


def speed_up(runs: pd.DataFrame, baseline: str, axis: str = "updates_to_target", resamples: int = 2000) -> pd.DataFrame:
    """How many times fewer updates each group needs than the baseline group, from medians over seeds.

    The 95 % interval is a percentile bootstrap over seeds, resampled together for both groups (paired); one seed has
    none. A resample in which neither median is finite tells nothing and is left out. Seeds that only one of the two
    groups has (in a result that is still growing) are left out too. A group on other data than the baseline's has no
    ratio.

    Returns:
        Columns group, median (inf where half of the runs or more did not reach the target; over the pairs, as all
        here), ratio (baseline / group; NaN where both medians are inf, inf or 0 where one is, 1 where both are 0),
        low, high, pairs (seeds common to both), reached (of these runs, how many did), baseline_median,
        baseline_reached, text (the ratio in words).
    """
    sides = Sides(runs, axis)
    rows = []
    for group in runs["group"].unique():
        if sides.data[group] != sides.data[baseline]:
            words = f"on {sides.data[group]}: other data"
            rows.append((group, sides.median(group), *[math.nan] * 3, 0, 0, math.nan, 0, words))
            continue
        pair = sides.pair(group, baseline, resamples)
        if pair is None:
            rows.append((group, *[math.nan] * 4, 0, 0, math.nan, 0, "no seeds in common"))
            continue
        one, other, ratio, low, high = pair
        words = _speed_text(*pair)
        if group == baseline:
            words = f"baseline: {one.fate}" if math.isinf(one.median) else "baseline"
        rows.append((group, one.median, ratio, low, high, one.runs, one.reached, other.median, other.reached, words))
    columns = ["group", "median", "ratio", "low", "high", "pairs", "reached", "baseline_median", "baseline_reached"]
    return pd.DataFrame(rows, columns=[*columns, "text"])


class Pair(NamedTuple):
    """Two groups over the seeds that both have: either side, and how many times fewer updates the first one needs."""

    ours: Side
    theirs: Side
    ratio: float
    low: float
    high: float


class Sides:
    """The updates of every group by seed, of which any two can be compared; there may be thousands.

    Args:
        runs: the runs table, or some of its rows.
        axis: the column of the updates.
    """

    def __init__(self, runs: pd.DataFrame, axis: str = "updates_to_target") -> None:
        row, groups = pd.factorize(runs["group"].array)
        seeds, column = np.unique(runs["seed"].to_numpy(), return_inverse=True)
        times = runs[axis].to_numpy(np.float64)
        missed = np.isnan(times)

        def by_seed(values: NDArray[Any]) -> dict[str, Float]:
            """By group the value of its run of each seed that any group has, in their order; NaN where it has none."""
            found = np.full((len(groups), len(seeds)), np.nan)
            found[row, column] = values
            return dict(zip(groups, found, strict=True))

        self._times = by_seed(np.where(missed, np.inf, times))
        self._losses = by_seed(missed & runs["diverged_at"].notna().to_numpy())
        data = runs["dataset"].array.take(np.unique(row, return_index=True)[1])
        self.data: dict[str, str] = dict(zip(groups, data, strict=True))
        """The data set of each group."""

    def runs(self, group: str) -> int:
        """How many runs the group has."""
        return int((~np.isnan(self._times[group])).sum())

    def median(self, group: str) -> float:
        """The median of all its runs; inf where half of them or more did not reach the target."""
        times = self._times[group]
        return _median(times[~np.isnan(times)])

    def pair(self, group: str, baseline: str, resamples: int = 2000) -> Pair | None:
        """A group beside a baseline, as `speed_up` has it; None on other data, or with no seed in common."""
        both = ~np.isnan(self._times[group]) & ~np.isnan(self._times[baseline])
        n = int(both.sum())
        if n == 0 or self.data[group] != self.data[baseline]:
            return None
        ours, theirs = (self._times[name][both] for name in (group, baseline))
        one, other = (
            Side(n, int(np.isfinite(mine).sum()), int(self._losses[name][both].sum()), _median(mine))
            for mine, name in ((ours, group), (theirs, baseline))
        )
        ratio = float(times_fewer(np.array(other.median), np.array(one.median)))
        low, high = interval(ours, theirs, resamples=resamples) if n > 1 else (math.nan, math.nan)
        return Pair(one, other, ratio, low, high)


BESIDE = ("times_fewer_updates", "train_loss_difference", "test_accuracy_difference")


def beside(runs: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Each run beside that of the group `baseline` with its seed, on its data: the columns BESIDE, in order of `runs`.

    How many times fewer updates it took to the target, and how much more its final training loss and final test
    accuracy are; empty where one of the two has no such value, or there is no such run.
    """
    own = runs[runs["group"] == baseline].set_index("seed").reindex(runs["seed"])
    times = times_fewer(own["updates_to_target"].to_numpy(), runs["updates_to_target"].to_numpy())
    loss, accuracy = (
        runs[name].to_numpy() - own[name].to_numpy() for name in ("final_train_loss", "final_test_accuracy")
    )
    found = pd.DataFrame(dict(zip(BESIDE, (times, loss, accuracy), strict=True)), index=runs.index)
    return found.where(own["dataset"].to_numpy() == runs["dataset"])


def median_interval(times: Float, resamples: int = 2000) -> tuple[float, float]:
    """95 % interval of the median of some runs' updates, infinite where one never got there: percentile bootstrap."""
    medians = _medians(times, _drawn(len(times), resamples))
    low, high = np.quantile(medians, [0.025, 0.975], method="nearest")
    return float(low), float(high)


@lru_cache(maxsize=4)  # the same for every group of as many runs
def _drawn(n: int, resamples: int, seed: int = 0) -> NDArray[np.float32]:
    """How often each of n is drawn when so many times n of n are drawn with replacement, a row each time."""
    rng = np.random.default_rng(seed)
    found = np.empty((resamples, n), np.float32)
    for row in found:
        row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
    return found


def _medians(values: Float, drawn: NDArray[np.float32]) -> Float:
    """The median of each resample. Where there are few values it is found without sorting."""
    known, code = np.unique(values, return_inverse=True)
    if len(known) <= FEW:
        upto = drawn @ (code[:, None] <= np.arange(len(known))).astype(np.float32)
    else:
        upto = np.cumsum(drawn[:, np.argsort(code)], axis=1)
        known = np.sort(values)
    n = len(values)
    lower, upper = (known[(upto < place).sum(axis=1)] for place in ((n + 1) // 2, n // 2 + 1))
    middle: Float = (lower + upper) / 2 if n % 2 == 0 else upper
    return middle


def _median(values: Float) -> float:
    """The median: NumPy's takes four times as long on so few."""
    ordered, middle = np.sort(values), len(values) // 2
    return float(ordered[middle] if len(values) % 2 else ordered[middle - 1 : middle + 1].mean())


def times_fewer(theirs: Float, ours: Float) -> Float:
    """theirs / ours with 0 / 0 = 1 (both met the target at once) and inf / inf = NaN (neither met it)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((theirs == 0) & (ours == 0), 1.0, theirs / ours)
    return ratio


def interval(
    ours: Float,
    theirs: Float,
    effect: Callable[[Float, Float], Float] = times_fewer,
    paired: bool = True,
    resamples: int = 2000,
) -> tuple[float, float]:
    """95 % interval of `effect(theirs, ours)` of two medians over seeds: percentile bootstrap.

    Seeds are resampled together where they are paired, else on each side by itself. A resample without an effect (NaN)
    tells nothing and is left out; NaN where that leaves none.
    """
    drawn = _drawn(len(ours), resamples)
    other = drawn if paired else _drawn(len(theirs), resamples, seed=1)
    effects = effect(_medians(theirs, other), _medians(ours, drawn))
    effects = effects[~np.isnan(effects)]
    if not len(effects):
        return math.nan, math.nan
    low, high = np.quantile(effects, [0.025, 0.975], method="nearest")
    return float(low), float(high)


def _speed_text(ours: Side, theirs: Side, ratio: float, low: float, high: float) -> str:
    if math.isinf(ours.median):
        return ours.fate + (f"; baseline: {theirs.fate}" if math.isinf(theirs.median) else "")
    if math.isinf(theirs.median):
        return f"reached at update {text.amount(ours.median)}; baseline: {theirs.fate}"
    if ours.median == theirs.median == 0:
        return "both at update 0"
    if 0 in (ours.median, theirs.median):
        return f"reached at update {text.amount(ours.median)} against {text.amount(theirs.median)}"
    return f"{text.number(ratio)}x{ends_text(low, high)}"


def ends_text(low: float, high: float) -> str:
    """An interval in brackets; nothing where there is none, or where it is a point to the digits shown."""
    if math.isnan(low) or text.number(low) == text.number(high):
        return ""
    if low == 0 and math.isinf(high):
        return " (no limits)"
    if low == 0:
        return f" (up to {text.number(high)})"
    return f" ({text.number(low)} or more)" if math.isinf(high) else f" ({text.number(low)} to {text.number(high)})"


# At which learning rate


def best_rates(runs: pd.DataFrame) -> pd.DataFrame:
    """Per group of runs that differ only in learning rate and seed, the rate that did best.

    Best is the lowest median of updates to target and, among those equal to the recorded step, the lowest median of the
    final training loss, as it is where no rate has a finite median of updates. A diverged run has no final loss; where
    half of the runs or more diverged at every rate, there is no best one.

    Returns:
        Columns SETTINGS, learning_rate (NaN where there is none), updates_to_target and final_train_loss (medians at
        that rate; empty where there is none), note (how chosen, ties, and whether it lies at an end of the rates).
    """
    table = runs.assign(
        updates_to_target=runs["updates_to_target"].fillna(np.inf),
        final_train_loss=runs["final_train_loss"].where(runs["diverged_at"].isna()).fillna(np.inf),
        lost=runs["updates_to_target"].isna() & runs["diverged_at"].notna(),
    )
    # Grouped once for all starts: of thousands of groups, each one's own table takes longer than its medians.
    lost = table.groupby(SETTINGS, sort=False)["lost"].all()
    medians_of = table.groupby([*SETTINGS, "learning_rate"])[["updates_to_target", "final_train_loss"]].median()
    rates_of = medians_of.groupby(SETTINGS).indices
    rows = []
    for settings, all_lost in zip(lost.index, lost, strict=True):
        by_rate = medians_of.iloc[rates_of[settings]].reset_index(SETTINGS, drop=True)
        best, note = _best_rate(by_rate)
        if math.isnan(best):
            everywhere = " at every rate" if len(by_rate) > 1 else ""
            note = f"{'' if all_lost else 'half of the runs or more '}diverged{everywhere}"
        medians = [math.nan, math.nan] if math.isnan(best) else by_rate.loc[[best]].to_numpy()[0].tolist()
        rows.append((*settings, best, *medians, note))
    columns = [*SETTINGS, "learning_rate", "updates_to_target", "final_train_loss", "note"]
    return pd.DataFrame(rows, columns=columns).replace(math.inf, math.nan)


def _rate(rate: float) -> str:
    return FIELDS["learning_rate"].write((rate,))


def _best_rate(medians: pd.DataFrame) -> tuple[float, str]:
    """The best of the rates that index the medians, and what to know of it; NaN where none is finite."""
    updates, losses = medians["updates_to_target"], medians["final_train_loss"]
    fastest = medians[updates == updates.min()] if math.isfinite(updates.min()) else medians
    least = fastest[fastest["final_train_loss"] == fastest["final_train_loss"].min()]
    if not math.isfinite(updates.min()) and not math.isfinite(losses.min()):
        return math.nan, ""
    best = float(least.index[0])
    notes = []
    if len(medians) == 1:  # nothing was chosen
        return best, "" if math.isfinite(updates.min()) else "no more than half reached the target"
    if not math.isfinite(updates.min()):
        notes.append("at no rate did more than half reach the target: chosen by final training loss")
    elif others := [_rate(rate) for rate in fastest.index.difference(least.index)]:
        notes.append(f"as fast at {text.listed(others)}: chosen by final training loss")
    if ties := [_rate(rate) for rate in least.index[1:]]:
        notes.append(f"no difference from {text.listed(ties)}")
    if best in (medians.index[0], medians.index[-1]):
        end, beyond = ("lower", "lower") if best == medians.index[0] else ("upper", "higher")
        notes.append(f"at the {end} end of the rates: a {beyond} one may be better")
    return best, "; ".join(notes)
