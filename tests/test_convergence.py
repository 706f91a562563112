"""core.results.convergence against a worked example, SciPy's survival analysis, and cases whose answer is plain."""

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

from core.experiment.experiment import Experiment
from core.results import convergence
from core.results.convergence import FEW, best_rates, median_interval, median_updates, speed_up, survival
from core.results.results import collect
from tests.engine import change, data_of, records, train
from tests.test_training import SWEEP

NEVER = math.nan
LOST = -1.0
FOREVER = 1e12
"""SciPy takes no infinite times: later than all others stands for never."""


def runs_of(groups: Mapping[str, Sequence[float]], last: float | Mapping[str, Sequence[float]] = 100.0) -> pd.DataFrame:
    """A runs table: updates to target per group and seed; NEVER stopped at the last update, LOST diverged there."""
    rows = [
        {
            "group": group,
            "dataset": "iris",
            "seed": seed,
            "updates_to_target": NEVER if time == LOST else time,
            "diverged_at": ended if time == LOST else NEVER,
            "last_update": ended,
        }
        for group, times in groups.items()
        for seed, time in enumerate(times)
        for ended in [last[group][seed] if isinstance(last, Mapping) else last]
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
    table = survival(runs_of({"a": [3, 5, NEVER, 8, NEVER]}, {"a": [10, 10, 5, 10, 10]}))
    assert table["group"].tolist() == ["a"] * 5
    assert table["update"].tolist() == [0, 3, 5, 8, 10]
    assert table["at_risk"].tolist() == [5, 5, 4, 2, 1]
    np.testing.assert_allclose(table["reached"], [0, 1 - 4 / 5, 1 - 3 / 5, 1 - 3 / 10, 1 - 3 / 10], rtol=1e-14)
    variance = 1 / (5 * 4) + 1 / (4 * 3) + 1 / (2 * 1)
    spread = 1.959964 * math.sqrt(variance) / abs(math.log(0.3))
    assert table["low"].iloc[-1] == pytest.approx(1 - 0.3 ** math.exp(-spread), rel=1e-12)
    assert table["high"].iloc[-1] == pytest.approx(1 - 0.3 ** math.exp(spread), rel=1e-12)


@given(
    st.lists(
        st.tuples(st.integers(1, 12), st.sampled_from(["reached", "stopped", "diverged"])), min_size=1, max_size=15
    )
)
def test_survival_is_that_of_scipy_with_diverged_runs_at_infinity(members: list[tuple[int, str]]) -> None:
    times = [{"reached": float(time), "stopped": NEVER, "diverged": LOST}[fate] for time, fate in members]
    table = survival(runs_of({"a": times}, {"a": [float(time) for time, _ in members]}))
    events = [{"reached": float(t), "diverged": FOREVER}[fate] for t, fate in members if fate != "stopped"]
    sample = stats.CensoredData(uncensored=events, right=[float(t) for t, fate in members if fate == "stopped"])
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
    assert table["reached"].to_dict() == pytest.approx({0: 0, 4: 1 / 4, 9: 3 / 4, 30: 1, 100: 1})


def test_runs_that_never_reach_the_target_are_neither_dropped_nor_counted() -> None:
    table = survival(runs_of({"a": [10, 20, NEVER, NEVER], "b": [NEVER] * 3}))
    assert table.query("group == 'a'")["reached"].max() == pytest.approx(0.5)
    b = table.query("group == 'b'")
    assert b["reached"].tolist() == [0, 0]
    assert b["at_risk"].tolist() == [3, 3]


def test_one_of_twenty_is_5_percent_however_early_the_others_diverged() -> None:
    early = [2.0] * 14 + [60.0] * 5
    table = survival(runs_of({"a": [40, *[LOST] * 19]}, {"a": [100, *early]}))
    assert table["update"].tolist() == [0, 40, 100]
    assert table["at_risk"].tolist() == [20, 20, 19]
    assert table["reached"].tolist() == pytest.approx([0, 1 / 20, 1 / 20])


def test_a_run_that_reached_the_target_and_diverged_later_has_reached_it() -> None:
    runs = runs_of({"a": [5, 8, LOST]}, {"a": [20, 20, 3]}).assign(diverged_at=[20.0, NEVER, 3.0])
    assert survival(runs)["reached"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3])


def test_a_share_that_can_change_no_more_goes_on_to_the_end_of_the_chart_and_others_to_the_end_of_their_training() -> (
    None
):
    groups: dict[str, list[float]] = {"all": [3, 4], "lost": [LOST] * 2, "some": [3, NEVER]}
    table = survival(runs_of(groups, {"all": [9, 9], "lost": [2, 2], "some": [50, 50]}))
    assert table.groupby("group")["update"].max().to_dict() == {"all": 50, "lost": 50, "some": 50}
    shorter = survival(runs_of(groups, {"all": [50, 50], "lost": [2, 2], "some": [9, 9]}))
    assert shorter.groupby("group")["update"].max().to_dict() == {"all": 50, "lost": 50, "some": 9}


def test_a_target_met_at_initialisation_counts_from_update_0() -> None:
    table = survival(runs_of({"a": [0, 0, 7, NEVER]}))
    assert table["update"].tolist() == [0, 7, 100]
    assert table["reached"].tolist() == pytest.approx([0.5, 0.75, 0.75])


@given(st.lists(st.one_of(st.integers(0, 100).map(float), st.sampled_from([NEVER, LOST])), min_size=1, max_size=12))
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
    counts = {"pairs": 5, "reached": 5, "baseline_median": 30, "baseline_reached": 5}
    assert table["fast"] == {"median": 15, "ratio": 2, "low": 2, "high": 2, **counts, "text": "2x"}
    assert table["slow"] == {"median": 30, "ratio": 1, "low": 1, "high": 1, **counts, "text": "baseline"}


def test_medians_that_were_not_reached_have_no_ratio_but_counts_in_words() -> None:
    groups = {"base": [10.0, 20.0, 30.0], "never": [NEVER] * 3, "mostly": [5, NEVER, LOST], "lost": [LOST] * 3}
    table = speeds(groups, "base")
    assert (table["never"]["median"], table["never"]["ratio"], table["never"]["high"]) == (math.inf, 0, 0)
    assert table["never"]["text"] == "0 of 3 reached it"
    assert table["mostly"]["text"] == "1 of 3 reached it"
    assert table["lost"]["text"] == "all 3 diverged"
    assert (table["mostly"]["reached"], table["mostly"]["baseline_reached"]) == (1, 3)
    table = speeds(groups, "mostly")
    assert table["base"]["ratio"] == math.inf
    assert table["base"]["text"] == "reached at update 20; baseline: 1 of 3 reached it"
    assert table["mostly"]["text"] == "baseline: 1 of 3 reached it"
    table = speeds(groups, "lost")
    assert math.isnan(table["mostly"]["ratio"])
    assert table["mostly"]["text"] == "1 of 3 reached it; baseline: all 3 diverged"


def test_one_seed_has_no_interval_and_its_words_are_of_one_run() -> None:
    table = speeds({"base": [30], "fast": [10], "never": [NEVER], "lost": [LOST]}, "base")
    assert (table["fast"]["ratio"], table["fast"]["text"]) == (3, "3x")
    assert math.isnan(table["fast"]["low"])
    assert math.isnan(table["fast"]["high"])
    assert table["never"]["text"] == "did not reach it"
    assert table["lost"]["text"] == "diverged"


@pytest.mark.parametrize(
    ("base", "other", "text"),
    [
        ([40, 40, 40], [0, 0, 0], "reached at update 0 against 40"),
        ([40, 41], [0, 0], "reached at update 0 against 40.5"),
        ([0, 0, 0], [40, 40, 40], "reached at update 40 against 0"),
        ([0, 0], [0, 0], "both at update 0"),
        ([10, 20, 50, 60, NEVER], [10, 10, 10, 10, 10], "5x (1 or more)"),
        ([10, 10, 10, 10, 10], [10, 20, 50, 60, NEVER], "0.2x (up to 1)"),
        ([1001, 1000, 1000], [1000, 1000, 1000], "1x"),
        ([10, 20, 40], [10, 10, 10], "2x (1 to 4)"),
    ],
)
def test_a_ratio_is_said_in_words_at_its_extremes(base: list[float], other: list[float], text: str) -> None:
    assert speeds({"base": base, "other": other}, "base")["other"]["text"] == text


def test_a_target_met_at_initialisation_is_not_taken_for_one_that_the_baseline_never_met() -> None:
    table = speeds({"base": [10, 20, 30], "there": [0, 0, 0], "too": [0, 0, 9]}, "base")
    for group in ("there", "too"):
        assert table[group]["ratio"] == math.inf
        assert table[group]["text"] == "reached at update 0 against 20"
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
    """A runs table from activation, learning rate, updates to target (LOST: diverged) and final training loss."""
    frame = pd.DataFrame(rows, columns=["activation", "learning_rate", "updates_to_target", "final_train_loss"])
    seed = frame.groupby(["activation", "learning_rate"]).cumcount()
    lost = frame["updates_to_target"] == LOST
    return frame.assign(
        dataset="iris", hidden="8", residual="false", normalisation="none", batch_size="32", optimiser="sgd",
        initialiser="zeros", gain=1.0, bias_initialiser="zeros", seed=seed,
        diverged_at=np.where(lost, 5.0, np.nan), updates_to_target=frame["updates_to_target"].mask(lost),
    )  # fmt: skip


def best(rows: Sequence[tuple[str, float, float, float]]) -> dict[str, Any]:
    """The row of the only group."""
    (row,) = best_rates(rated(rows)).to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_the_best_rate_has_the_lowest_median_of_updates() -> None:
    rows = [("tanh", 0.1, t, 0.1) for t in (50, 60, 70)] + [("tanh", 1.0, t, 0.9) for t in (10, 20, NEVER)]
    found = best([*rows, ("tanh", 10.0, NEVER, 0.01)])
    assert (found["learning_rate"], found["updates_to_target"], found["final_train_loss"]) == (1, 20, 0.9)
    assert found["note"] == ""


def test_where_no_rate_gets_there_the_best_has_the_lowest_loss_and_divergence_is_worst() -> None:
    found = best([("tanh", 0.1, NEVER, 0.5), ("tanh", 1.0, NEVER, 0.2), ("tanh", 10.0, LOST, 0.1)])
    assert found["learning_rate"] == 1
    assert math.isnan(found["updates_to_target"])
    assert found["note"] == "at no rate did more than half reach the target: chosen by final training loss"


def test_a_group_that_diverged_at_every_rate_has_no_best_one() -> None:
    found = best([("tanh", rate, LOST, NEVER) for rate in (0.1, 1.0) for _ in range(3)])
    assert math.isnan(found["learning_rate"])
    assert found["note"] == "diverged at every rate"
    found = best([("tanh", rate, fate, 0.5) for rate in (0.1, 1.0) for fate in (LOST, LOST, NEVER)])
    assert math.isnan(found["learning_rate"])
    assert found["note"] == "half of the runs or more diverged at every rate"
    found = best([("tanh", 0.1, LOST, NEVER), ("tanh", 1.0, 7.0, 0.5), ("tanh", 10.0, LOST, NEVER)])
    assert (found["learning_rate"], found["note"]) == (1, "")


@pytest.mark.parametrize(
    ("fates", "note"),
    [
        ((5.0, 5.0, NEVER), ""),
        ((5.0, NEVER, NEVER), "no more than half reached the target"),
        ((LOST, LOST, NEVER), "half of the runs or more diverged"),
        ((LOST, LOST, LOST), "diverged"),
    ],
)
def test_of_one_rate_nothing_is_said_to_be_chosen(fates: tuple[float, ...], note: str) -> None:
    assert best([("tanh", 0.1, fate, 0.5) for fate in fates])["note"] == note


def test_rates_that_are_equal_to_the_recorded_step_tie_and_the_table_says_how_that_was_broken() -> None:
    rows = [("tanh", rate, 45.0, loss) for rate, loss in ((0.01, 0.4), (0.1, 0.3), (1.0, 0.2), (10.0, 0.3))]
    found = best(rows)
    assert (found["learning_rate"], found["note"]) == (
        1,
        "as fast at 0.01, 0.1 and 10: chosen by final training loss",
    )
    equal = best([("tanh", rate, 45.0, 0.2) for rate in (0.1, 1.0)])
    assert equal["note"] == "no difference from 1; at the lower end of the rates: a lower one may be better"


def test_the_table_says_where_the_best_rate_lies_at_an_end() -> None:
    rows = [("tanh", 0.1, 20.0, 1.0), ("tanh", 1.0, 10.0, 1.0)]
    assert best(rows)["note"] == "at the upper end of the rates: a higher one may be better"
    assert best(rows[:1])["note"] == ""


def test_every_group_has_its_own_best_rate() -> None:
    rows = [("tanh", 0.1, 10, 1), ("tanh", 1.0, 20, 1), ("logistic", 0.1, 90, 1), ("logistic", 1.0, 30, 1)]
    found = best_rates(rated(rows)).set_index("activation")["learning_rate"]
    assert found.to_dict() == {"tanh": 0.1, "logistic": 1.0}


def test_the_tables_of_a_result_go_in_as_they_are() -> None:
    runs = train(change(SWEEP, target="train_loss:0.8")).runs
    assert set(survival(runs)["group"]) == set(median_updates(runs).index) == set(runs["group"])
    table = speed_up(runs, runs["group"].iloc[0])
    assert table["group"].tolist() == runs["group"].unique().tolist()
    assert len(best_rates(runs)) == runs.groupby(["activation", "initialiser", "gain", "hidden", "batch_size"]).ngroups


# What became of the runs

WILD = Experiment(
    dataset=("iris",), activation=("relu",), initialiser=("he_normal",), hidden=((16, 16),),
    learning_rate=(0.1, 10.0), epochs=10, seeds=6, target="train_accuracy:0.34", statistics="standard", record="log",
)  # fmt: skip
BLOWN = change(WILD, activation="tanh", learning_rate=(0.1, 1000.0), seeds=3)


def test_what_became_of_a_run_is_said_of_both_target_and_divergence() -> None:
    result = train(WILD)
    runs = result.runs
    found = convergence.outcomes(result)
    assert {"reached", "reached, then diverged", "diverged", "not reached"} == set(found)
    for outcome, run in zip(found, runs.to_dict("records"), strict=True):
        own = result.epochs[result.epochs["run"] == run["run"]]
        met = own.loc[own["train_accuracy"].ge(0.34) & own["train_loss"].notna(), "update"]
        gone = own["epoch"].iloc[-1] < 10 or math.isnan(own["train_loss"].iloc[-1])
        assert (run["status"] == "converged") == (len(met) > 0) == outcome.startswith("reached")
        assert (run["status"] == "diverged") == (gone and met.empty) == (outcome == "diverged")
        assert (run["diverged_at"] == own["update"].iloc[-1]) == gone == outcome.endswith("diverged")


def test_the_accuracy_of_logits_that_are_not_finite_meets_no_target() -> None:
    # Whatever they are, a third of the flowers is of the class that they are taken for.
    result = train(change(WILD, target="train_accuracy:0.2", initialiser="normal:1000", gain=100, hidden=((16,) * 12,)))
    assert result.epochs["train_accuracy"].ge(0.2).all()
    assert result.runs["status"].eq("diverged").all()
    assert result.runs["updates_to_target"].isna().all()


def test_a_run_that_has_not_come_to_its_last_epoch_is_in_training_or_was_stopped() -> None:
    experiment = change(WILD, target="train_accuracy:1")
    so_far = collect(experiment, [record for record in records(experiment, segment=1) if record.epoch < 3])
    running, stopped = (convergence.outcomes(so_far, final) for final in (False, True))
    assert set(running) == {"in training", "diverged"}
    assert stopped.tolist() == running.replace("in training", "stopped early").tolist()
    assert convergence.unfinished(so_far).tolist() == running.eq("in training").tolist()
    assert not convergence.unfinished(train(experiment)).any()


@pytest.mark.parametrize("dataset", ["iris", "two_moons", "breast_cancer"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_the_loss_of_guessing_is_that_of_the_best_network_without_inputs(dataset: str, loss: str) -> None:
    experiment = Experiment(dataset=(dataset,), loss=loss)
    shares = np.bincount(data_of(experiment).train_y) / len(data_of(experiment).train_y)
    if loss == "cross_entropy":
        expected = stats.entropy(shares)
    else:
        expected = (1 - (shares**2).sum()) / 2 / (2 if len(shares) == 2 else 1)
    assert convergence.chance_loss(experiment) == pytest.approx(expected, rel=1e-12)


def test_a_run_exploded_where_its_finite_loss_is_far_above_guessing_and_above_its_start() -> None:
    result = train(BLOWN)
    found = convergence.exploded(result)
    final, high = result.runs["final_train_loss"], result.runs["learning_rate"] == 1000
    assert found.tolist() == high.tolist()
    assert final[high].gt(10 * math.log(3)).all()
    assert result.runs["diverged_at"].isna().all()
    (group,) = result.runs.loc[high, "group"].unique()
    assert convergence.exploded_text(result).startswith(f"Exploded without diverging: {group} (3 of 3 runs). Their ")
    assert "(1.1)" in convergence.exploded_text(result)
    # As large at the start, and no larger later: that is the initialiser's doing.
    start = result.epochs.assign(train_loss=final.max() + 1)
    still = collect(BLOWN, records(BLOWN))
    assert not convergence.exploded(type(still)(BLOWN, still.runs, start, still.layers, still.histograms)).any()
    assert convergence.exploded_text(train(change(BLOWN, learning_rate=0.1))) == ""


def test_curves_hold_a_row_without_values_wherever_a_diverged_run_would_have_been_recorded() -> None:
    result = train(WILD)
    table = convergence.with_diverged(result)
    assert result.runs["diverged_at"].between(1, 30).any()
    for run, name, diverged_at in result.runs[["run", "group", "diverged_at"]].itertuples(index=False):
        own, group = table[table["run"] == run], result.epochs[result.epochs["group"] == name]
        assert own["epoch"].tolist() == sorted(group["epoch"].unique())
        gone = own["update"] >= (diverged_at if diverged_at >= 0 else math.inf)
        assert own["diverged"].tolist() == gone.tolist()
        assert own.loc[gone, ["train_loss", "test_accuracy"]].isna().all(axis=None)
        kept = result.epochs[result.epochs["run"] == run].head(int((~gone).sum()))
        pd.testing.assert_frame_equal(
            own.loc[~gone, kept.columns].reset_index(drop=True), kept.reset_index(drop=True), check_exact=True
        )
    calm = train(change(WILD, learning_rate=0.1))
    pd.testing.assert_frame_equal(convergence.with_diverged(calm).drop(columns="diverged"), calm.epochs)


@pytest.mark.parametrize("different", [3, FEW, 500])
@pytest.mark.parametrize("n", [2, 9, 300, 301])
def test_the_medians_of_resamples_are_those_of_the_runs_that_were_drawn(different: int, n: int) -> None:
    values = np.append(np.random.default_rng(3).permutation(different)[: different - 1], np.inf)
    times = np.random.default_rng(4).choice(values, n)
    picks = np.random.default_rng(0).integers(0, n, (40, n))
    low, high = np.quantile(np.median(times[picks], axis=1), [0.025, 0.975], method="nearest")
    assert median_interval(times, 40) == (low, high)
