"""The fair answer of a sweep: each start at its own best learning rate, how fast it was there, and which tie."""

import math

import numpy as np
import pandas as pd

from core.results.convergence import SETTINGS, best_rates, median_interval
from core.results.evidence import equal, step, steps
from core.results.results import Result


def report(result: Result) -> pd.DataFrame:
    """One row per group of runs that differ only in learning rate and seed, at the rate that did best for it.

    Returns:
        The columns of `convergence.best_rates` and, of the runs at that rate, runs and reached (how many, and the share
        of them that reached the target), low and high (95 % interval of the median updates: percentile bootstrap over
        seeds; inf where it has no end, empty where one seed or fewer ran) and place: 1 and how many groups of the same
        data set have a median that is less by a recorded step or more, so that groups which recording does not tell
        apart have one place; empty where there is no median. Ordered by data set and median, then as they were asked
        for.
    """
    best = best_rates(result.runs)
    settings = [*SETTINGS, "learning_rate"]
    places_of = result.runs.groupby(settings, sort=False).indices
    updates = result.runs["updates_to_target"].fillna(np.inf).to_numpy(np.float64)
    groups = result.runs["group"]
    rows = []
    for row in best[settings].itertuples(index=False, name=None):
        own = places_of.get(row, np.array([], np.int64))
        times = updates[own]
        median = float(np.median(times)) if len(times) else math.inf
        low, high = median_interval(times) if len(times) > 1 else (math.nan, math.nan)
        coarse = step(steps(result, str(groups.iat[own[0]])), median) if math.isfinite(median) else 0
        rows.append((len(own), float(np.isfinite(times).mean()) if len(times) else math.nan, low, high, median, coarse))
    found = pd.DataFrame(rows, columns=["runs", "reached", "low", "high", "median", "coarse"])
    medians = list(zip(best["dataset"], found["median"], found["coarse"], strict=True))
    places = [
        1 + sum(of == data and other < own and not equal(own, other, max(coarse, wide)) for of, other, wide in medians)
        if math.isfinite(own)
        else math.nan
        for data, own, coarse in medians
    ]
    table = pd.concat([best, found[["runs", "reached", "low", "high"]]], axis=1).assign(place=places)
    order = [*SETTINGS, "learning_rate", "place", "updates_to_target", "low", "high", "runs", "reached"]
    data = best["dataset"].map(result.experiment.dataset.index)
    by_median = found.assign(data=data).sort_values(["data", "median"], kind="stable").index
    return table.loc[by_median, [*order, "final_train_loss", "note"]].reset_index(drop=True)
