"""Two results laid over each other: which groups go together, and how far apart they are, by other computations."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.experiment.experiment import VARIED, Experiment
from core.lessons import pairing
from core.lessons.pairing import OPEN, SAME, UPDATES, A, B, Pair
from core.results.convergence import BESIDE, beside, interval, speed_up, times_fewer
from core.results.results import Result
from core.schema import SCHEMA
from tests.engine import train

ONE = Experiment(
    dataset=("iris",), activation=("tanh",), initialiser=("normal:1",), hidden=((3,),), epochs=2, seeds=5,
    record="every", batch_size=(0,), target="train_loss:0.5",
)  # fmt: skip
FOUR = ["tanh · normal:1", "tanh · zeros", "relu · normal:1", "relu · zeros"]
LOST = math.nan


@pytest.fixture(scope="module")
def plain() -> Result:
    return train(ONE)


def with_runs(result: Result, updates: list[float], **columns: list[float]) -> Result:
    """The result with these updates to target, recorded at every update, and other columns of its runs."""
    runs = result.runs.head(len(updates)).assign(updates_to_target=updates, **columns)
    last = result.epochs.drop_duplicates("run", keep="last").iloc[[0]]
    epochs = pd.concat([result.epochs, *(last.assign(update=update) for update in range(3, 200))])
    experiment = replace(result.experiment, seeds=len(updates))
    return replace(result, experiment=experiment, runs=runs, epochs=epochs)


def only(first: Result, second: Result, measure: str = UPDATES) -> Any:
    """The one row of a comparison."""
    found = pairing.pairs(first.experiment, second.experiment)
    return next(pairing.effects(first, second, found, measure).itertuples())


def other(result: Result, **settings: Any) -> Result:
    return replace(result, experiment=replace(result.experiment, **settings))


@pytest.mark.parametrize(
    ("second", "labels"),
    [
        ({"optimiser": "adam"}, FOUR),
        ({"activation": "relu,identity"}, ["relu · normal:1", "relu · zeros"]),
        ({"activation": "relu", "optimiser": "adam"}, ["relu · normal:1", "relu · zeros"]),
        ({"learning_rate": "0.1,0.5"}, [f"{group} · rate 0.1" for group in FOUR]),
        ({"learning_rate": "0.2,0.5"}, []),
        ({"activation": "identity,logistic"}, []),
        ({"epochs": "3", "first_seed": "7"}, FOUR),
    ],
)  # fmt: skip
def test_groups_go_together_that_agree_in_all_but_the_settings_that_are_compared(
    second: dict[str, str], labels: list[str]
) -> None:
    first = {"activation": "tanh,relu", "initialiser": "normal:1,zeros"}
    ours, theirs = Experiment.from_params(first), Experiment.from_params(first | second)
    found = pairing.pairs(ours, theirs)
    assert [pair.label for pair in found] == labels
    assert {pair.first for pair in found} <= set(ours.groups())
    assert {pair.second for pair in found} <= set(theirs.groups())


def test_of_one_group_each_the_two_are_a_pair_whatever_differs() -> None:
    ours = Experiment(activation=("tanh",), initialiser=("zeros",))
    assert pairing.pairs(ours, replace(ours, activation=("relu",))) == (Pair("zeros", "tanh · zeros", "relu · zeros"),)
    all_else = replace(ours, activation=("relu",), initialiser=("normal:1",))
    assert [pair.label for pair in pairing.pairs(ours, all_else)] == ["all runs"]


def test_two_thousand_groups_are_matched_one_to_one() -> None:
    numbers = tuple(float(number) for number in range(1, 46))
    many = Experiment(gain=numbers, learning_rate=numbers, activation=("tanh",), initialiser=("zeros",))
    found = pairing.pairs(many, replace(many, loss="squared_error"))
    assert [pair.first for pair in found] == [pair.second for pair in found] == list(many.groups())


def test_the_ratio_and_its_interval_are_those_of_two_groups_of_one_result(plain: Result) -> None:
    a, b = [40.0, 30, 60, 50, 90], [20.0, 25, 30, 10, 40]
    row = only(with_runs(plain, a), other(with_runs(plain, b), optimiser=("adam",)))
    both = pd.concat([plain.runs.assign(group=name, updates_to_target=values) for name, values in (("a", a), ("b", b))])
    known = speed_up(both, "a").set_index("group").loc["b"]
    assert (row.effect, row.low, row.high) == (known["ratio"], known["low"], known["high"]) == (2.0, row.low, row.high)
    assert (row.median_a, row.median_b, row.runs_a, row.counted_b, row.better) == (50, 25, 5, 5, B)
    assert row.said.startswith("B needed 2 times fewer updates than A (95 % interval ")
    assert row.said.endswith(", 5 seeds)")


def test_of_two_seeds_the_interval_is_that_of_all_resamples(plain: Result) -> None:
    # The median of two drawn with replacement: both the first, one each, both the second. The ends are the extremes.
    row = only(with_runs(plain, [10.0, 30]), with_runs(plain, [20.0, 20]))
    assert (row.effect, row.low, row.high, row.better) == (1.0, 0.5, 1.5, SAME)
    row = only(with_runs(plain, [10.0, 30]), with_runs(plain, [4.0, 6]))
    assert (row.effect, row.low, row.high, row.better) == (4.0, 2.5, 5.0, B)


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_is_that_of_scipys_bootstrap(paired: bool) -> None:
    draw = np.random.default_rng(5)
    a = draw.uniform(50, 100, 40)
    b = a * draw.uniform(0.4, 0.8, 40)
    low, high = interval(b, a, times_fewer, paired)
    theirs = stats.bootstrap(
        (a, b), lambda x, y, axis: np.median(x, axis) / np.median(y, axis), paired=paired, method="percentile",
        n_resamples=4000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert low == pytest.approx(theirs.low, rel=0.02)
    assert high == pytest.approx(theirs.high, rel=0.02)


def test_a_final_value_is_compared_by_the_difference_of_medians(plain: Result) -> None:
    never = [LOST] * 3
    a = with_runs(plain, never, final_train_loss=[0.5, 0.7, 0.9], final_test_accuracy=[0.5, 0.6, 0.7])
    b = with_runs(plain, never, final_train_loss=[0.1, 0.2, 0.3], final_test_accuracy=[0.8, 0.9, 1.0])
    loss, accuracy = only(a, b, "train_loss"), only(a, b, "test_accuracy")
    assert (loss.effect, loss.better) == (pytest.approx(-0.5), B)
    # Paired: every resample draws the same places on both sides, so the difference is one of three.
    assert (loss.low, loss.high) == (pytest.approx(-0.6), pytest.approx(-0.4))
    assert loss.said == "A ended at 0.7, B ended at 0.2: 0.5 lower (95 % interval 0.4 to 0.6, 3 seeds)"
    assert (accuracy.effect, accuracy.better) == (pytest.approx(0.3), B)
    assert "30 points higher (3 seeds)" in accuracy.said
    assert only(b, a, "train_loss").better == A


def test_what_was_not_reached_or_diverged_is_said_in_words(plain: Result) -> None:
    gone = [2.0, 2.0, 2.0]
    reached, missed = with_runs(plain, [10.0, 20, 30]), with_runs(plain, [LOST] * 3)
    lost = with_runs(plain, [LOST] * 3, diverged_at=gone)
    assert only(reached, missed).said == (
        "A reached it (median 20 updates), the median run of B did not (0 of 3 reached it)"
    )
    assert only(reached, missed).better == A
    assert only(lost, reached).said == "B reached it (median 20 updates), the median run of A did not (all 3 diverged)"
    neither = only(missed, lost)
    assert (neither.better, math.isnan(neither.effect)) == (OPEN, True)
    assert neither.said == "the median run of neither reached it (A: 0 of 3 reached it; B: all 3 diverged)"
    assert only(lost, reached, "train_loss").better == B
    assert "3 of 3 runs of A diverged" in only(lost, reached, "train_loss").said
    at_once, later = with_runs(plain, [0.0] * 3), with_runs(plain, [50.0] * 3)
    assert only(at_once, later).said == "the median run of A met it at update 0, B took 50 updates"
    assert only(at_once, at_once).said == "both met it at update 0"


def test_one_seed_decides_nothing_and_a_tie_is_a_tie(plain: Result) -> None:
    row = only(with_runs(plain, [40.0]), with_runs(plain, [10.0]))
    assert (row.effect, row.better, math.isnan(row.low)) == (4.0, OPEN, True)
    assert row.said == "not decided: B needed 4 times fewer updates than A (1 seed)"
    rows = pairing.effects(with_runs(plain, [40.0]), with_runs(plain, [10.0]), pairing.by_hand("x", "x"), UPDATES)
    assert rows["said"].tolist() == ["no runs with a value of both"]
    assert "One seed cannot tell an effect from chance" in pairing.finding(rows.assign(runs_a=1, runs_b=1), 1).limits
    tie = only(with_runs(plain, [40.0, 40]), with_runs(plain, [40.0, 40]))
    assert (tie.better, tie.said) == (SAME, "no difference: medians of 40 updates and 40 updates (2 seeds)")


def test_runs_are_paired_by_seed_where_they_share_one_and_else_compared_without(plain: Result) -> None:
    a = with_runs(plain, [10.0, 20, 30])
    b = with_runs(plain, [5.0, 5, 99])
    shifted = replace(b, runs=b.runs.assign(seed=b.runs["seed"] + 1), experiment=replace(b.experiment, first_seed=1))
    row = only(a, shifted)  # seeds 0 to 2 and 1 to 3: those of 1 and 2
    assert (row.paired, row.runs_a, row.median_a, row.median_b) == (True, 2, 25, 5)
    far = replace(b, runs=b.runs.assign(seed=b.runs["seed"] + 9), experiment=replace(b.experiment, first_seed=9))
    row = only(a, far)
    assert (row.paired, row.runs_a, row.runs_b, row.median_b) == (False, 3, 3, 5)
    assert row.said.endswith("3 seeds of A and 3 of B)")
    assert "no seed is in both (A has 0 to 2, B has 9 to 11)" in next(pairing.cautions(a, far, a.experiment.target))
    data = other(b, test_share=0.5)
    assert not only(a, data).paired
    assert "the data differ (test share)" in next(pairing.cautions(a, data, a.experiment.target))


def test_another_target_is_read_for_both_and_losses_of_two_kinds_are_not_compared(plain: Result) -> None:
    easy = plain.asked("train_loss:1000")
    first, second = pairing.for_one_target(easy, plain)
    assert (first.experiment, second.experiment.target) == (easy.experiment, easy.experiment.target)
    assert second.runs["updates_to_target"].eq(0).all()
    untested = replace(ONE, test_share=0.0, target="train_accuracy:0.5")
    kept = pairing.for_one_target(plain.asked("test_accuracy:0.5"), replace(plain, experiment=untested))
    assert {one.experiment.target for one in kept} == {"train_accuracy:0.5"}
    squares = replace(ONE, loss="squared_error")
    assert "not of one kind" in pairing.incomparable(ONE, squares, UPDATES)
    assert pairing.incomparable(ONE, squares, "test_accuracy") == ""
    found = pairing.table(plain, replace(plain, experiment=squares), pairing.pairs(ONE, squares))
    assert set(found["measure"]) == {"train_accuracy", "test_accuracy"}


def test_the_table_holds_every_pair_in_every_measure_and_what_differs(plain: Result) -> None:
    b = replace(other(plain, optimiser=("adam",)), versions=plain.versions | {"numpy": "9.9"})
    table = pairing.table(plain, b, pairing.pairs(plain.experiment, b.experiment))
    assert table["measure"].tolist() == [UPDATES, *pairing.MEASURES]
    assert (set(table["optimiser_a"]), set(table["optimiser_b"])) == ({"sgd"}, {"adam"})
    assert set(table["version_numpy_b"]) == {"9.9"}
    assert Experiment.from_text(table["experiment_b"][0]) == b.experiment


def test_a_finding_counts_the_pairs_and_says_of_how_many(plain: Result) -> None:
    row = pairing.effects(plain, plain, pairing.pairs(ONE, ONE), UPDATES)
    rows = pd.concat([row.assign(better=better, pair=f"{i}") for i, better in enumerate([B, B, A, SAME, OPEN])])
    claim = pairing.finding(rows, 40).claim
    assert claim == (
        "B needed fewer updates than A in 2 of 5 pairs of groups (of 40; the others were not chosen); more in 1; "
        "no difference in 1; not decided in 1"
    )


def test_each_run_is_set_beside_the_run_of_its_seed_in_the_baseline_by_hand() -> None:
    runs = pd.DataFrame(
        {
            "group": ["a", "a", "b", "b", "c"],
            "dataset": ["iris"] * 4 + ["wine"],
            "seed": [0, 1, 0, 1, 0],
            "updates_to_target": [10.0, 20, 5, LOST, 5],
            "final_train_loss": [0.5, 0.6, 0.2, 0.7, 0.2],
            "final_test_accuracy": [0.5, 0.6, 0.75, 0.5, 0.2],
        }
    )
    found = beside(runs, "a")
    nothing = [LOST] * 3
    known: list[list[float]] = [[1, 0, 0], [1, 0, 0], [2, -0.3, 0.25], [LOST, 0.1, -0.1], nothing]
    np.testing.assert_allclose(found[list(BESIDE)], known, atol=1e-12)


@pytest.mark.parametrize("number", [0, 7, 23, 41])
def test_a_run_that_is_trained_alone_has_the_same_numbers_to_the_bit(number: int) -> None:
    result = SWEEP.setdefault("result", train(MANY))
    run = MANY.runs()[number]
    alone = MANY.alone(run)
    assert (len(alone.runs()), alone.runs()[0].seed) == (1, run.seed)
    assert all(getattr(alone.runs()[0], name) == getattr(run, name) for name in VARIED)
    once = train(alone)
    for name in ("runs", "epochs", "layers"):
        own = result.table(name)
        ours = own[own["run"] == number].reset_index(drop=True)
        columns = [column.name for column in SCHEMA[name] if column.name not in ("run", "group", "seconds")]
        pd.testing.assert_frame_equal(ours[columns], once.table(name)[columns], check_exact=True)


MANY = Experiment(
    dataset=("iris", "circles"), noise=0.2, samples=90, activation=("tanh", "relu"), initialiser=("normal:1",),
    hidden=((4,), (3, 3)), learning_rate=(0.05, 0.5), epochs=3, seeds=3, first_seed=4,
)  # fmt: skip
SWEEP: dict[str, Result] = {}
