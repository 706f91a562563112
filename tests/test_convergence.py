"""core.convergence against a worked example, SciPy's survival analysis, and cases whose answer is plain."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.convergence import best_rates, median_updates, speed_up, survival
from tests.engine import change, train
from tests.test_training import SWEEP

NEVER = math.nan


def runs_of(groups: Mapping[str, Sequence[float]], last: float | Mapping[str, Sequence[float]] = 100.0) -> pd.DataFrame:
    """A runs table: updates to target per group and seed; NEVER is censored at the last update."""
    rows = [
        {
            "group": group,
            "seed": seed,
            "updates_to_target": time,
            "last_update": last[group][seed] if isinstance(last, Mapping) else last,
        }
        for group, times in groups.items()
        for seed, time in enumerate(times)
    ]
    return pd.DataFrame(rows)


def speeds(groups: pd.DataFrame | Mapping[str, Sequence[float]], baseline: str) -> dict[str, dict[str, Any]]:
    """The rows of the speed-up table by group."""
    runs = groups if isinstance(groups, pd.DataFrame) else runs_of(groups)
    table = speed_up(runs, baseline).set_index("group")
    return {str(group): {str(k): v for k, v in row.items()} for group, row in table.to_dict("index").items()}


# Share that reached the target


def test_survival_is_the_worked_example() -> None:
    # Events at 3, 5 and 8, censored at 5 and 10: S = 4/5, then x 3/4, then x 1/2.
    table = survival(runs_of({"a": [3, 5, NEVER, 8, NEVER]}, {"a": [20, 20, 5, 20, 10]}))
    assert table["group"].tolist() == ["a"] * 5
    assert table["update"].tolist() == [0, 3, 5, 8, 10]
    assert table["at_risk"].tolist() == [5, 5, 4, 2, 1]
    np.testing.assert_allclose(table["reached"], [0, 1 - 4 / 5, 1 - 3 / 5, 1 - 3 / 10, 1 - 3 / 10], rtol=1e-14)
    variance = 1 / (5 * 4) + 1 / (4 * 3) + 1 / (2 * 1)
    spread = 1.959964 * math.sqrt(variance) / abs(math.log(0.3))
    assert table["low"].iloc[-1] == pytest.approx(1 - 0.3 ** math.exp(-spread), rel=1e-12)
    assert table["high"].iloc[-1] == pytest.approx(1 - 0.3 ** math.exp(spread), rel=1e-12)


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=15))
def test_survival_is_that_of_scipy(members: list[tuple[int, bool]]) -> None:
    times = [float(time) if event else NEVER for time, event in members]
    table = survival(runs_of({"a": times}, {"a": [float(time) for time, _ in members]}))
    sample = stats.CensoredData.right_censored([t for t, _ in members], [not event for _, event in members])
    theirs = stats.ecdf(sample).sf
    np.testing.assert_allclose(1 - table["reached"], theirs.evaluate(table["update"]), atol=1e-12)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        interval = theirs.confidence_interval(0.95, method="log-log")
    inside = table["reached"].between(0, 1, inclusive="neither")
    at = table.loc[inside, "update"]
    np.testing.assert_allclose(1 - table.loc[inside, "high"], interval.low.evaluate(at), atol=1e-6)
    np.testing.assert_allclose(1 - table.loc[inside, "low"], interval.high.evaluate(at), atol=1e-6)


def test_without_censoring_the_share_is_a_count() -> None:
    times = [4.0, 9.0, 9.0, 30.0]
    table = survival(runs_of({"a": times})).set_index("update")
    assert table["reached"].to_dict() == pytest.approx({0: 0, 4: 1 / 4, 9: 3 / 4, 30: 1})


def test_runs_that_never_reach_the_target_are_neither_dropped_nor_counted() -> None:
    table = survival(runs_of({"a": [10, 20, NEVER, NEVER], "b": [NEVER] * 3}))
    assert table.query("group == 'a'")["reached"].max() == pytest.approx(0.5)
    b = table.query("group == 'b'")
    assert b["reached"].tolist() == [0, 0]
    assert b["at_risk"].tolist() == [3, 3]


def test_a_run_that_diverges_early_leaves_the_risk_set_there() -> None:
    table = survival(runs_of({"a": [NEVER, 50, 60]}, {"a": [24, 100, 100]})).set_index("update")
    assert table.loc[50, "at_risk"] == 2
    assert table.loc[50, "reached"] == pytest.approx(1 / 2)


def test_a_target_met_at_initialisation_counts_from_update_0() -> None:
    table = survival(runs_of({"a": [0, 0, 7, NEVER]}))
    assert table["update"].tolist() == [0, 7, 100]
    assert table["reached"].tolist() == pytest.approx([0.5, 0.75, 0.75])


@given(st.lists(st.one_of(st.integers(0, 100).map(float), st.just(NEVER)), min_size=1, max_size=12))
def test_the_share_grows_within_its_interval(times: list[float]) -> None:
    table = survival(runs_of({"a": times}))
    assert (np.diff(table["reached"]) >= 0).all()
    assert (table["low"] <= table["reached"]).all()
    assert (table["reached"] <= table["high"]).all()
    assert table[["low", "high"]].to_numpy().min() >= 0
    assert table[["low", "high"]].to_numpy().max() <= 1


# Medians and speed-up


def test_a_median_counts_censored_runs_as_later_than_any_other() -> None:
    runs = runs_of({"odd": [10, 30, NEVER], "even": [10, 30, 40, NEVER], "half": [10, NEVER], "never": [NEVER] * 3})
    assert dict(median_updates(runs)) == {"odd": 30, "even": 35, "half": math.inf, "never": math.inf}


def test_a_group_twice_as_fast_on_every_seed_has_a_speed_up_of_2_for_certain() -> None:
    slow = [10.0, 20.0, 30.0, 40.0, 50.0]
    table = speeds({"slow": slow, "fast": [t / 2 for t in slow]}, "slow")
    assert table["fast"] == {"median": 15, "ratio": 2, "low": 2, "high": 2, "pairs": 5, "text": "2x (2 to 2)"}
    assert table["slow"] == {"median": 30, "ratio": 1, "low": 1, "high": 1, "pairs": 5, "text": "baseline"}


def test_censored_medians_have_no_ratio_but_words() -> None:
    groups: dict[str, list[float]] = {"base": [10, 20, 30], "never": [NEVER] * 3, "mostly": [5, NEVER, NEVER]}
    table = speeds(groups, "base")
    assert (table["never"]["median"], table["never"]["ratio"], table["never"]["high"]) == (math.inf, 0, 0)
    assert table["never"]["text"] == table["mostly"]["text"] == "not reached (median censored)"
    table = speeds(groups, "never")
    assert table["base"]["ratio"] == math.inf
    assert table["base"]["text"] == "reached; the baseline was not (median censored)"
    assert math.isnan(table["mostly"]["ratio"])
    assert table["mostly"]["text"] == "not reached by either (median censored)"
    assert table["never"]["text"] == "baseline"


def test_a_target_met_at_initialisation_is_not_taken_for_a_censored_baseline() -> None:
    table = speeds({"base": [10, 20, 30], "there": [0, 0, 0], "too": [0, 0, 9]}, "base")
    for group in ("there", "too"):
        assert table[group]["ratio"] == math.inf
        assert table[group]["text"] == "reached at initialisation; the baseline was not"
    assert speeds({"a": [0, 0], "b": [0, 0]}, "a")["b"]["ratio"] == 1


def test_only_seeds_that_both_groups_have_are_pairs() -> None:
    runs = runs_of({"base": [10, 20, 30, 40], "new": [5, 10, 15, 20]})
    growing = speeds(runs[(runs["group"] == "base") | (runs["seed"] < 2)], "base")["new"]
    assert (growing["pairs"], growing["median"], growing["ratio"]) == (2, 7.5, 2)
    apart = speeds(runs[(runs["group"] == "base") == (runs["seed"] < 2)], "base")["new"]
    assert (apart["pairs"], apart["text"]) == (0, "no seeds in common")


def test_the_interval_does_not_depend_on_the_other_groups() -> None:
    rng = np.random.default_rng(0)
    groups = {name: rng.integers(5, 80, 9).astype(float).tolist() for name in "abcd"}
    assert speeds(groups, "a")["d"] == speeds({name: groups[name] for name in "ad"}, "a")["d"]


def test_pairing_makes_the_interval_narrower_where_seeds_matter() -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(50, 500, 20)
    fast = base / rng.uniform(1.9, 2.1, 20)
    paired = speeds({"base": base.tolist(), "fast": fast.tolist()}, "base")["fast"]
    apart = speeds({"base": base.tolist(), "fast": rng.permutation(fast).tolist()}, "base")["fast"]
    assert paired["ratio"] == apart["ratio"]
    assert paired["low"] < paired["ratio"] < paired["high"]
    assert paired["high"] - paired["low"] < (apart["high"] - apart["low"]) / 2


def test_the_bootstrap_interval_covers_the_true_ratio_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(60):
        base = rng.lognormal(4, 0.5, 15)
        fast = base / 2 * rng.lognormal(0, 0.3, 15)
        table = speed_up(runs_of({"base": base.tolist(), "fast": fast.tolist()}), "base", resamples=300)
        covered += int((table["low"] <= 2).iloc[1] and (table["high"] >= 2).iloc[1])
    assert 50 <= covered <= 60


def test_epochs_have_a_speed_up_as_updates_have() -> None:
    runs = runs_of({"a": [10, 20], "b": [30, 60]}).assign(epochs_to_target=lambda t: t["updates_to_target"] / 10)
    assert speed_up(runs, "b", axis="epochs_to_target")["median"].tolist() == [1.5, 4.5]
    assert speed_up(runs, "b", axis="epochs_to_target")["ratio"].tolist() == [3, 1]


# Learning rates


def rated(rows: Sequence[tuple[str, float, float, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["activation", "learning_rate", "updates_to_target", "final_train_loss"])
    seed = frame.groupby(["activation", "learning_rate"]).cumcount()
    return frame.assign(hidden="8", batch_size="32", initialiser="zeros", gain=1.0, seed=seed)


def test_the_best_rate_has_the_lowest_median_of_updates() -> None:
    rows = [("tanh", 0.1, t, 0.1) for t in (50, 60, 70)] + [("tanh", 1.0, t, 0.9) for t in (10, 20, NEVER)]
    best = best_rates(rated(rows))
    assert best["learning_rate"].unique().tolist() == [1.0]
    assert len(best) == 3


def test_where_no_rate_gets_there_the_best_has_the_lowest_loss_and_divergence_is_worst() -> None:
    rows = [("tanh", 0.1, NEVER, 0.5), ("tanh", 1.0, NEVER, 0.2), ("tanh", 10.0, NEVER, math.nan)]
    assert best_rates(rated(rows))["learning_rate"].tolist() == [1.0]


def test_every_group_has_its_own_best_rate() -> None:
    rows = [("tanh", 0.1, 10, 1), ("tanh", 1.0, 20, 1), ("logistic", 0.1, 90, 1), ("logistic", 1.0, 30, 1)]
    best = best_rates(rated(rows)).set_index("activation")["learning_rate"]
    assert best.to_dict() == {"tanh": 0.1, "logistic": 1.0}


def test_the_tables_of_a_result_go_in_as_they_are() -> None:
    runs = train(change(SWEEP, target="train_loss:0.8")).runs
    assert set(survival(runs)["group"]) == set(median_updates(runs).index) == set(runs["group"])
    table = speed_up(runs, runs["group"].iloc[0])
    assert table["group"].tolist() == runs["group"].unique().tolist()
    assert len(best_rates(runs)) == len(runs) / 2
