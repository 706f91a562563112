"""Convergence: share of runs that reached the target, updates to target, speed-up, best learning rate.

A run that never reached its target is censored at its last update; it is never dropped and never counted
as if it had reached the target there.
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Float = NDArray[np.float64]


def survival(runs: pd.DataFrame) -> pd.DataFrame:
    """Kaplan-Meier: share of runs that have reached the target by each update, per group.

    Runs that did not reach it (diverged ones too) leave the risk set at their last update: they are
    censored, never dropped.

    Args:
        runs: the runs table.

    Returns:
        Columns group, update, reached (share), at_risk, low and high (95 % interval, Greenwood's formula
        on the log(-log) scale); one row per step, the first at update 0.
    """
    rows: list[tuple[str, float, float, int, float, float]] = []
    for group, members in runs.groupby("group", sort=False):
        event = members["updates_to_target"].notna().to_numpy()
        time = members["updates_to_target"].fillna(members["last_update"]).to_numpy(np.float64)
        surviving, greenwood = 1.0, 0.0
        if not (event & (time == 0)).any():
            rows.append((str(group), 0.0, 0.0, len(time), 0.0, 0.0))
        for t in np.unique(time):
            at_risk = int((time >= t).sum())
            events = int((event & (time == t)).sum())
            surviving *= 1.0 - events / at_risk
            if events < at_risk:
                greenwood += events / (at_risk * (at_risk - events))
            low, high = _log_log_interval(surviving, greenwood)
            rows.append((str(group), float(t), 1.0 - surviving, at_risk, 1.0 - high, 1.0 - low))
    return pd.DataFrame(rows, columns=["group", "update", "reached", "at_risk", "low", "high"])


def _log_log_interval(surviving: float, greenwood: float) -> tuple[float, float]:
    if not 0.0 < surviving < 1.0:
        return surviving, surviving
    spread = 1.959964 * math.sqrt(greenwood) / abs(math.log(surviving))
    return surviving ** math.exp(spread), surviving ** math.exp(-spread)


def median_updates(runs: pd.DataFrame, axis: str = "updates_to_target") -> pd.Series:
    """Median updates to target per group, censored runs counted as later than any other; inf where censored."""
    censored_last = runs.assign(**{axis: runs[axis].fillna(np.inf)})
    return censored_last.groupby("group", sort=False)[axis].agg(lambda values: float(_medians(values.to_numpy())))


def speed_up(runs: pd.DataFrame, baseline: str, axis: str = "updates_to_target", resamples: int = 2000) -> pd.DataFrame:
    """How many times fewer updates each group needs than the baseline group, from medians over seeds.

    The 95 % interval is a percentile bootstrap over seeds, resampled together for both groups (paired).
    A resample whose medians are both censored tells nothing and is left out. Seeds that only one of the two
    groups has (in a result that is still growing) are left out too.

    Returns:
        Columns group, median (inf where censored; over the pairs, as all here), ratio (baseline / group; NaN
        where both are censored, inf or 0 where one is), low, high, pairs (seeds common to both), text (the
        ratio in words).
    """
    times = runs.assign(**{axis: runs[axis].fillna(np.inf)}).pivot(index="seed", columns="group", values=axis)
    rows = []
    for group in runs["group"].unique():
        ours, theirs = times[group].to_numpy(), times[baseline].to_numpy()
        both = ~np.isnan(ours) & ~np.isnan(theirs)
        ours, theirs = ours[both], theirs[both]
        n = len(ours)
        pick = np.random.default_rng(0).integers(0, max(n, 1), (resamples, n))
        median, baseline_median = (float(_medians(values)) for values in (ours, theirs))
        ratio = float(_ratio(np.array(baseline_median), np.array(median)))
        ratios = _ratio(_medians(theirs[pick]), _medians(ours[pick]))
        ratios = ratios[~np.isnan(ratios)]
        low, high = np.quantile(ratios, [0.025, 0.975], method="nearest") if len(ratios) else (np.nan, np.nan)
        text = "baseline" if group == baseline else _speed_text(median, baseline_median, ratio, low, high)
        rows.append((group, median, ratio, low, high, n, text))
    return pd.DataFrame(rows, columns=["group", "median", "ratio", "low", "high", "pairs", "text"])


def _medians(values: Float) -> Float:
    """Medians along the last axis, in which an infinity stays one; NaN of nothing."""
    ordered = np.sort(values, axis=-1)
    n = values.shape[-1]
    if n == 0:
        return np.full(values.shape[:-1], np.nan)
    middle: Float = (ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2
    return middle


def _ratio(theirs: Float, ours: Float) -> Float:
    """theirs / ours with 0 / 0 = 1 (both met the target at once) and inf / inf = NaN (both censored)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((theirs == 0) & (ours == 0), 1.0, theirs / ours)
    return ratio


def _speed_text(median: float, baseline_median: float, ratio: float, low: float, high: float) -> str:
    if math.isnan(median):
        return "no seeds in common"
    if math.isinf(median) and math.isinf(baseline_median):
        return "not reached by either (median censored)"
    if math.isinf(median):
        return "not reached (median censored)"
    if math.isinf(baseline_median):
        return "reached; the baseline was not (median censored)"
    if median == 0 < baseline_median:
        return "reached at initialisation; the baseline was not"
    return f"{ratio:.3g}x ({low:.3g} to {high:.3g})"


def best_rates(runs: pd.DataFrame) -> pd.DataFrame:
    """Per group of runs that differ only in learning rate and seed, the rate that did best.

    Best is the lowest median of updates to target; where no rate has a finite one, the lowest median final
    training loss. Returns the runs of the best rates, the whole table's columns kept.
    """
    keys = ["hidden", "batch_size", "activation", "initialiser", "gain"]
    kept = []
    for _, members in runs.groupby(keys, sort=False):
        by_rate = members.groupby("learning_rate", sort=True)
        updates = by_rate["updates_to_target"].agg(lambda values: float(_medians(values.fillna(np.inf).to_numpy())))
        losses = by_rate["final_train_loss"].agg(lambda values: float(_medians(values.fillna(np.inf).to_numpy())))
        best = updates.idxmin() if np.isfinite(updates.min()) else losses.idxmin()
        kept.append(members[members["learning_rate"] == best])
    return pd.concat(kept) if kept else runs
