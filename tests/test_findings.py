"""Findings say what the numbers say: each verdict from tables made up for it, and the lecture's from training."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from core.experiment.experiment import Experiment
from core.jobs.running import run
from core.lessons import findings
from core.lessons.comparisons import centring_alone
from core.lessons.findings import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED
from core.results.results import Result, run_settings
from core.schema import names

TWO_BY_TWO = Experiment(initialiser=("normal:0.01", "normal:1"), seeds=3, hidden=((8,),))
FAST, SLOW = [10.0, 20.0, 30.0], [100.0, 110.0, 120.0]


def made_up(experiment: Experiment, layers: list[dict[str, Any]] = [], **runs: list[Any]) -> Result:  # noqa: B006
    """A result with these columns in its runs table, and layers in which each row stands for every seed."""
    settings = run_settings(experiment).reset_index(drop=True)
    table = settings.assign(**runs).reindex(columns=names("runs"))
    keys = [key for key in ("activation", "initialiser") if layers and key in layers[0]]
    rows = settings.merge(pd.DataFrame(layers), on=keys) if layers else settings.head(0)
    return Result(
        experiment=experiment,
        runs=table,
        epochs=pd.DataFrame(columns=names("epochs")),
        layers=rows.reindex(columns=names("layers")),
        histograms=pd.DataFrame(columns=names("histograms")),
    )


def updates(*groups: list[float]) -> dict[str, list[Any]]:
    """Updates to target and status of the runs; NaN is a run that did not reach it."""
    flat = [value for group in groups for value in group]
    return {"updates_to_target": flat, "status": ["not_reached" if value != value else "converged" for value in flat]}


# --- saturation


def saturated(**shares: tuple[float, float]) -> Result:
    """Saturated share at initialisation by activation, for small and for large weights."""
    layers = [
        {"activation": name, "initialiser": f"normal:{std:g}", "weight_rms": std, "saturated": share}
        | {"epoch": 0, "layer": 1, "role": "hidden"}
        for name, pair in shares.items()
        for std, share in zip((0.01, 1.0), pair, strict=True)
    ]
    return made_up(replace(TWO_BY_TWO, activation=tuple(shares)), layers, **updates(*[FAST] * 2 * len(shares)))


@pytest.mark.parametrize(
    ("logistic", "tanh", "verdict"),
    [
        ((0.0, 0.6), (0.0, 0.9), SUPPORTED),
        ((0.6, 0.0), (0.9, 0.0), NOT_SUPPORTED),
        ((0.3, 0.3), (0.3, 0.3), NOT_SUPPORTED),
        ((0.0, 0.6), (0.5, 0.5), MIXED),
    ],
)
def test_saturation_follows_the_shares_at_both_ends_of_the_scale(
    logistic: tuple[float, float], tanh: tuple[float, float], verdict: str
) -> None:
    found = findings.saturation(saturated(logistic=logistic, tanh=tanh))
    assert found.verdict == verdict
    assert f"logistic {logistic[0]:.0%} (normal:0.01) to {logistic[1]:.0%}".replace("%", " %") in found.evidence


def test_of_many_networks_those_that_decide_are_named() -> None:
    shares = dict.fromkeys(("logistic", "softsign", "lecun_tanh", "centred_logistic"), (0.0, 0.001))
    found = findings.saturation(saturated(**shares, tanh=(0.0, 0.9)))
    assert found.verdict == SUPPORTED
    assert "tanh 0 % (normal:0.01) to 90 % (normal:1); and 2 more networks" in found.evidence


def test_of_many_functions_one_that_breaks_the_rule_and_one_that_is_free_are_named() -> None:
    tied = dict.fromkeys(("logistic", "relu", "softplus", "hard_logistic"), 1.0)
    evidence = findings.gradient_signs(signs(**tied, tanh=0.1)).evidence
    assert "tanh 10 % for one example" in evidence
    assert evidence.startswith(
        "Neurons fed by a hidden layer whose weight gradients all share one sign: logistic 100 %"
    )
    broken = findings.gradient_signs(signs(**tied, steep_logistic=0.5))
    assert broken.verdict == NOT_SUPPORTED
    assert "steep logistic 50 % for one example" in broken.evidence


def test_one_initial_scale_decides_nothing_about_scale() -> None:
    layers = [{"activation": "tanh", "weight_rms": 1.0, "saturated": 0.4, "epoch": 0, "layer": 1, "role": "hidden"}]
    result = made_up(replace(TWO_BY_TWO, activation=("tanh",), initialiser=("normal:1",)), layers, **updates(FAST))
    assert findings.saturation(result).verdict == UNDECIDED


def by_scheme(schemes: dict[str, tuple[float, float]], name: str = "logistic", seeds: int = 3) -> Result:
    """Scale and saturated share at initialisation by initialiser."""
    layers = [
        {"activation": name, "initialiser": scheme, "weight_rms": scale, "weight_std": 0.0, "saturated": share}
        | {"epoch": 0, "layer": 1, "role": "hidden"}
        for scheme, (scale, share) in schemes.items()
    ]
    experiment = replace(TWO_BY_TWO, activation=(name,), initialiser=tuple(schemes), seeds=seeds)
    return made_up(experiment, layers, **updates(*[FAST[:seeds]] * len(schemes)))


def test_the_scale_of_a_constant_is_its_size() -> None:
    found = findings.saturation(by_scheme({"constant:10": (10.0, 0.69), "normal:0.01": (0.01, 0.0)}))
    assert found.verdict == SUPPORTED
    assert "0 % (normal:0.01) to 69 % (constant:10)" in found.evidence


def test_two_equal_starts_are_no_smallest_and_largest() -> None:
    found = findings.saturation(by_scheme({"zeros": (0.0, 0.5), "normal:0": (0.0, 0.5)}))
    assert found.verdict == UNDECIDED
    assert "smallest" not in found.evidence


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "identity"])
def test_functions_whose_slope_does_not_change_with_the_scale_are_not_judged_by_it(name: str) -> None:
    found = findings.saturation(by_scheme({"zeros": (0.0, 0.0), "normal:10": (10.0, 0.48)}, name))
    assert found.verdict == UNDECIDED
    assert "does not change with the scale" in found.evidence


def test_scales_at_which_nothing_saturates_tell_nothing_of_large_weights() -> None:
    found = findings.saturation(by_scheme({"normal:0.001": (0.001, 0.0), "normal:0.01": (0.01, 0.0)}))
    assert found.verdict == UNDECIDED
    assert "No scale here saturates as many as 1 % of the units" in found.evidence


def test_one_seed_decides_nothing_about_saturation() -> None:
    found = findings.saturation(by_scheme({"normal:0.01": (0.01, 0.0), "normal:1": (1.0, 0.6)}, seeds=1))
    assert found.verdict == UNDECIDED
    assert "One seed cannot tell an effect from chance" in found.evidence


def at_the_end(*shares: float) -> Result:
    """Saturated share of one layer at the last epoch, by group."""
    schemes = [f"normal:{i + 1}" for i in range(len(shares))]
    layers = [
        {"activation": "tanh", "initialiser": scheme, "weight_rms": 1.0, "saturated": share}
        | {"epoch": epoch, "layer": 1, "role": "hidden"}
        for scheme, share in zip(schemes, shares, strict=True)
        for epoch in (0, 5)
    ]
    experiment = replace(TWO_BY_TWO, activation=("tanh",), initialiser=tuple(schemes))
    return made_up(experiment, layers, **updates(*[FAST] * len(shares)))


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.0, 0.0), "At epoch 5 no hidden unit is saturated."),
        ((0.2, 0.4), "the most saturated hidden layer is layer 1 of normal:2: 40 %."),
        ((0.4, 0.2, 0.4), "hidden layers are layer 1 of normal:1 and layer 1 of normal:3: 40 %."),
        ((0.4, 0.4), "all hidden layers are saturated alike: 40 %."),
        ((0.4, 0.4, 0.4, 0.4, 0.1), "4 of 5 hidden layers tie as the most saturated: 40 %."),
    ],
)
def test_all_that_tie_as_the_most_saturated_are_named(shares: tuple[float, ...], said: str) -> None:
    assert said in findings.saturation(at_the_end(*shares)).evidence


def dying(*flat: list[int]) -> Result:
    """Whether layers 1, 2 and so on were dead-flat at epochs 0, 1 and so on."""
    layers = [
        {"activation": "tanh", "dead_flat": float(is_flat), "epoch": epoch, "layer": layer, "role": "hidden"}
        for layer, points in enumerate(flat, 1)
        for epoch, is_flat in enumerate(points)
    ]
    experiment = replace(TWO_BY_TWO, activation=("tanh",), initialiser=("normal:1",))
    return made_up(experiment, layers, **updates(FAST))


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (([0, 0, 0], [0, 1, 1]), "Layer 2 of tanh · normal:1 in 3 of 3 runs, first at epoch 1, and still at epoch 2."),
        (([0, 1, 0],), "Layer 1 of tanh · normal:1 in 3 of 3 runs, first at epoch 1, and all left it again."),
        (([1, 1],), "first at initialisation, and still at epoch 1."),
        (([0, 0],), "There was none at any recorded epoch."),
    ],
)
def test_a_dead_flat_layer_is_named_with_when_it_died_and_whether_it_left(layers: Any, said: str) -> None:
    assert said in findings.dead_flat(dying(*layers)).evidence


# --- gradient signs


def signs(**shares: float) -> Result:
    """Share of neurons fed by a hidden layer whose gradients share one sign, for one example, by activation."""
    layers = [
        {"activation": name, "same_sign_example": share, "same_sign_batch": 0.5, "same_sign_epoch": 0.25}
        | {"epoch": 1, "layer": 2, "role": "output", "fan_in": 8}
        for name, share in shares.items()
    ]
    experiment = replace(TWO_BY_TWO, activation=tuple(shares), initialiser=("normal:1",))
    return made_up(experiment, layers, **updates(*[FAST] * len(shares)))


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ({"logistic": 1.0, "tanh": 0.02}, SUPPORTED),
        ({"logistic": 0.9999, "tanh": 0.02}, NOT_SUPPORTED),
        ({"logistic": 1.0, "tanh": 1.0}, MIXED),
        ({"logistic": 1.0}, SUPPORTED),
        ({"tanh": 0.02}, UNDECIDED),
        ({"logistic": float("nan")}, UNDECIDED),
    ],
)
def test_signs_are_tied_only_where_the_share_is_exactly_one(shares: dict[str, float], verdict: str) -> None:
    assert findings.gradient_signs(signs(**shares)).verdict == verdict


def test_one_weight_has_no_other_to_share_a_sign_with() -> None:
    result = signs(logistic=1.0, tanh=1.0)
    result.layers["fan_in"] = 1
    found = findings.gradient_signs(result)
    assert found.verdict == UNDECIDED
    assert "100 %" not in found.evidence


def test_almost_all_is_not_written_as_all() -> None:
    assert "logistic just under 100 %" in findings.gradient_signs(signs(logistic=0.9999, tanh=0.02)).evidence


def test_hardly_any_is_not_written_as_none() -> None:
    assert "tanh <0.1 % for one example" in findings.gradient_signs(signs(logistic=1.0, tanh=0.0001)).evidence


def test_signs_that_were_not_measured_are_not_called_missing() -> None:
    result = signs(logistic=float("nan"))
    found = findings.gradient_signs(replace(result, experiment=replace(result.experiment, statistics="standard")))
    assert found.verdict == UNDECIDED
    assert "not measured" in found.evidence


def test_without_a_hidden_layer_no_layer_feeds_another() -> None:
    result = made_up(replace(TWO_BY_TWO, hidden=((),)), **updates(*[FAST] * 4))
    assert findings.gradient_signs(result).verdict == UNDECIDED
    assert findings.saturation(result).verdict == UNDECIDED


# --- convergence

NEVER = [float("nan")] * 3


@pytest.mark.parametrize(
    ("logistic", "tanh", "verdict"),
    [
        ((SLOW, SLOW), (FAST, FAST), SUPPORTED),
        ((FAST, FAST), (SLOW, SLOW), NOT_SUPPORTED),
        ((FAST, SLOW), (SLOW, FAST), MIXED),
        ((FAST, FAST), (FAST, FAST), UNDECIDED),
        ((NEVER, NEVER), (FAST, NEVER), SUPPORTED),
        ((NEVER, NEVER), (NEVER, NEVER), UNDECIDED),
    ],
)
def test_convergence_follows_the_intervals_of_the_paired_speed_ups(
    logistic: tuple[list[float], list[float]], tanh: tuple[list[float], list[float]], verdict: str
) -> None:
    found = findings.convergence(made_up(TWO_BY_TWO, **updates(*logistic, *tanh)))
    assert found.verdict == verdict


def test_a_ratio_stands_with_its_interval_and_its_pairs() -> None:
    found = findings.convergence(made_up(TWO_BY_TWO, **updates(SLOW, SLOW, FAST, FAST)))
    # 110 / 20, and 100 / 30 to 120 / 10 of resampled medians
    one = (
        "tanh · normal:0.01 needed 5.5 times fewer updates than logistic · normal:0.01 (95 % interval 4 to 10, 3 seeds)"
    )
    assert f"Zero-centred was faster in 2 of 2 comparisons: {one}" in found.evidence


def one_each(logistic: list[float], tanh: list[float], recorded: list[int], seeds: int = 3) -> Result:
    """One group of each function, recorded at these updates; NaN: not reached."""
    experiment = replace(TWO_BY_TWO, initialiser=("normal:1",), seeds=seeds)
    result = made_up(experiment, **updates(logistic, tanh))
    points = [
        {"run": run, "group": group, "update": update, "epoch": experiment.epochs * update // recorded[-1]}
        for run, group in zip(result.runs["run"], result.runs["group"], strict=True)
        for update in recorded
    ]
    return replace(result, epochs=pd.DataFrame(points).reindex(columns=names("epochs")))


HUNDREDS = list(range(0, 1001, 100))


@pytest.mark.parametrize(
    ("logistic", "tanh", "recorded", "verdict", "said"),
    [
        ([15.0] * 3, [15.0] * 3, [0, 15, 30], UNDECIDED, "tanh (median 15 updates) and logistic"),
        ([15.0] * 3, [15.0] * 3, [0, 15, 30], UNDECIDED, "recorded 15 updates apart there"),
        ([0.0] * 3, [0.0] * 3, HUNDREDS, UNDECIDED, "All 6 runs met training accuracy ≥ 0.9 at update 0"),
        ([300.0, 0.0, 0.0], [0.0] * 3, HUNDREDS, UNDECIDED, "median runs of tanh and logistic both met it at update 0"),
        ([300.0] * 3, NEVER, HUNDREDS, NOT_SUPPORTED, "tanh did not (0 of 3 runs)"),
        (
            [300.0] * 3,
            [0.0] * 3,
            HUNDREDS,
            SUPPORTED,
            "the median run of tanh met it at update 0, logistic took a median 300 updates",
        ),
        (
            [0.0] * 3,
            [300.0] * 3,
            HUNDREDS,
            NOT_SUPPORTED,
            "the median run of logistic met it at update 0, tanh took a median 300 updates",
        ),
        (
            [300.0] * 3,
            [100.0] * 3,
            HUNDREDS,
            SUPPORTED,
            "needed 3 times fewer updates than logistic (3 seeds)",
        ),
        ([100.0] * 3, [200.0] * 3, HUNDREDS, NOT_SUPPORTED, "(3 seeds; recorded 100 updates apart there)"),
        ([100.0, *NEVER[:2]], [300.0] * 3, HUNDREDS, UNDECIDED, "in logistic no more than half did (1 of 3 runs)"),
        ([100.0, *NEVER[:2]], [300.0, *NEVER[:2]], HUNDREDS, UNDECIDED, "In no group have more than half of the runs"),
        (NEVER, NEVER, HUNDREDS, UNDECIDED, "None of the 6 runs has reached training accuracy ≥ 0.9."),
    ],
)
def test_ties_and_extremes_are_said_in_words(
    logistic: list[float], tanh: list[float], recorded: list[int], verdict: str, said: str
) -> None:
    found = findings.convergence(one_each(logistic, tanh, recorded))
    assert said in found.evidence
    assert found.verdict == verdict
    assert "interval" not in found.evidence


def test_the_recorded_step_that_makes_a_tie_is_the_one_that_is_named() -> None:
    # 270 may be anything after 180, and 315 anything after 270: 90 updates apart at the first, 45 at the second.
    found = findings.convergence(one_each([315.0] * 3, [270.0] * 3, [0, 180, 270, 315]))
    assert found.verdict == UNDECIDED
    assert "median 270 to 315 updates, recorded 90 updates apart there" in found.evidence
    assert "logistic (median 315 updates), recorded 90 updates apart there" in found.evidence


def test_one_seed_decides_nothing_and_has_no_interval() -> None:
    found = findings.convergence(one_each([300.0], [100.0], HUNDREDS, seeds=1))
    assert found.verdict == UNDECIDED
    assert "needed 3 times fewer updates than logistic (1 seed)" in found.evidence
    assert "One seed cannot tell an effect from chance" in found.evidence


def test_medians_within_a_recorded_step_are_no_difference() -> None:
    """Of two seeds the median lies between two recorded points."""
    found = findings.convergence(one_each([100.0, 200.0], [100.0, 100.0], HUNDREDS, seeds=2))
    assert "no difference between tanh (median 100 updates) and logistic (median 150" in found.evidence


def test_no_single_group_is_the_fastest_where_several_tie() -> None:
    tie = findings.convergence(one_each([15.0] * 3, [15.0] * 3, [0, 15]))
    assert "Fastest" not in tie.evidence
    assert "No difference between logistic and tanh as the fastest" in tie.evidence


def test_that_all_diverged_is_said_and_no_accuracy() -> None:
    result = one_each(NEVER, NEVER, HUNDREDS)
    lost = result.runs.assign(status="diverged", diverged_at=100.0, final_test_accuracy=0.1)
    found = replace(result, runs=lost)
    assert "All 6 runs diverged before reaching training accuracy ≥ 0.9." in findings.convergence(found).evidence
    assert findings.runs(found).evidence == "All 6 runs diverged."


def test_a_group_of_which_half_diverged_has_no_best_accuracy() -> None:
    result = one_each(NEVER, NEVER, HUNDREDS)
    accuracy = [0.9, 0.9, 0.9, 0.5, 0.6, 0.7]
    lost = [100.0, 100.0, float("nan"), *NEVER]
    found = replace(result, runs=result.runs.assign(final_test_accuracy=accuracy, diverged_at=lost))
    assert findings.runs(found).evidence == "Best median test accuracy: 60 % (tanh)."


def test_batches_of_at_least_the_whole_set_are_compared_once() -> None:
    experiment = replace(TWO_BY_TWO, initialiser=("normal:1",), batch_size=(0, 100_000))
    result = made_up(experiment, **updates(SLOW, FAST, SLOW, FAST))
    result.runs["batch_size"] = ["full"] * 6 + ["100000"] * 6
    points = result.runs[["run", "group", "dataset", "batch_size"]].assign(epoch=1, update=1)
    found = findings.convergence(replace(result, epochs=points))
    assert "faster in 1 of 1 comparison" in found.evidence


def test_what_still_trains_has_not_stopped() -> None:
    result = one_each(NEVER, NEVER, HUNDREDS)
    early = replace(result, epochs=result.epochs[result.epochs["update"] < 500])
    assert "none reached the target and 6 are not trained to the end yet" in findings.runs(early).limits
    assert "None of the 6 runs has reached training accuracy ≥ 0.9, so far." in findings.convergence(early).evidence
    assert "none reached the target and 6 stopped before reaching it" in findings.runs(result).limits


@pytest.mark.parametrize(
    ("late", "whole", "so_far"),
    [
        (NEVER, "logistic did not (0 of 3 runs)", "not yet logistic (0 of 3 runs)"),
        ([300.0, *NEVER[1:]], "in logistic no more than half did (1", "in logistic no more than half have so far (1"),
    ],
)
def test_what_still_trains_may_reach_the_target_yet(late: list[float], whole: str, so_far: str) -> None:
    result = one_each(late, SLOW, HUNDREDS)
    assert whole in findings.convergence(result).evidence
    early = replace(result, epochs=result.epochs[result.epochs["update"] < 500])
    assert so_far in findings.convergence(early).evidence


@pytest.mark.parametrize(
    ("one", "other", "alone"),
    [
        ("logistic", "centred_logistic", True),
        ("steep_logistic", "steep_centred_logistic", True),
        ("hard_logistic", "centred_logistic", True),
        ("logistic", "tanh", False),
        ("steep_logistic", "tanh", False),
        ("hard_logistic", "hard_tanh", False),
        ("relu", "tanh", False),
    ],
)
def test_centring_alone_differs_where_slope_and_width_agree(one: str, other: str, alone: bool) -> None:
    assert centring_alone(one, other) == alone


def test_the_identity_and_leaky_relu_are_not_called_zero_centred() -> None:
    experiment = replace(TWO_BY_TWO, activation=("logistic", "identity", "leaky_relu"), initialiser=("normal:1",))
    found = findings.convergence(made_up(experiment, **updates(SLOW, FAST, FAST)))
    assert found.verdict == UNDECIDED
    assert "nothing to compare" in found.evidence


def test_activations_of_one_kind_decide_nothing_between_two() -> None:
    experiment = replace(TWO_BY_TWO, activation=("tanh", "softsign"))
    assert findings.convergence(made_up(experiment, **updates(FAST, FAST, SLOW, SLOW))).verdict == UNDECIDED


def test_one_learning_rate_is_called_no_fair_comparison_and_several_are_not() -> None:
    one = made_up(TWO_BY_TWO, **updates(*[FAST] * 4))
    several = made_up(replace(TWO_BY_TWO, learning_rate=(0.1, 1)), **updates(*[FAST] * 8))
    assert "not a fair comparison" in findings.convergence(one).limits
    assert "not a fair comparison" not in findings.convergence(several).limits


# --- limits and counts

ALL = (findings.saturation, findings.gradient_signs, findings.convergence, findings.runs)


@pytest.mark.parametrize("find", ALL, ids=lambda find: find.__name__)
def test_every_finding_counts_its_runs_seeds_and_what_became_of_them(find: Any) -> None:
    result = made_up(TWO_BY_TWO, **updates(FAST, NEVER, FAST, FAST))
    counts = "n = 12 runs, 3 seeds a group, on digits; 9 reached the target and 3 stopped before reaching it."
    assert find(result).limits.startswith(counts)
    runs = result.runs.copy()
    runs.loc[0, ["status", "diverged_at", "updates_to_target"]] = "diverged", 5.0, float("nan")
    runs.loc[1, "diverged_at"] = 50.0
    counts = "8 reached the target (1 of them diverged later), 3 stopped before reaching it and 1 diverged before "
    assert counts in find(replace(result, runs=runs)).limits


def test_runs_are_counted_against_the_target_that_was_set() -> None:
    result = made_up(replace(TWO_BY_TWO, target="test_loss:0.3"), **updates(FAST, NEVER, FAST, NEVER))
    assert findings.runs(result).claim == "6 of 12 runs in 4 groups reached test loss ≤ 0.3"


@pytest.mark.parametrize(("seeds", "words"), [(1, "1 seed a group"), (2, "2 seeds a group")])
def test_one_is_singular(seeds: int, words: str) -> None:
    experiment = replace(TWO_BY_TWO, seeds=seeds)
    assert words in findings.runs(made_up(experiment, **updates(*[FAST[:seeds]] * 4))).limits


def test_the_sentence_holds_claim_verdict_evidence_and_limits() -> None:
    found = findings.convergence(made_up(TWO_BY_TWO, **updates(FAST, FAST, SLOW, SLOW)))
    assert "those that are never negative: not supported by these runs." in found.sentence
    assert found.evidence in found.sentence
    assert found.limits in found.sentence


# --- from training


@pytest.fixture(scope="module")
def trained() -> Result:
    return run(Experiment(dataset=("iris",), hidden=((8, 8),), epochs=4, seeds=2))


def test_the_lectures_sign_rule_holds_in_trained_networks(trained: Result) -> None:
    found = findings.gradient_signs(trained)
    assert found.verdict == SUPPORTED
    assert "logistic 100 % for one example" in found.evidence


def test_large_initial_weights_saturate_trained_networks(trained: Result) -> None:
    found = findings.saturation(trained)
    assert found.verdict in (SUPPORTED, MIXED)
    assert "At epoch 4 the most saturated hidden layer is layer 2 of tanh · normal:1" in found.evidence


@pytest.mark.parametrize("find", ALL, ids=lambda find: find.__name__)
@pytest.mark.parametrize(
    "unusual",
    [
        {"hidden": "none"},
        {"statistics": "standard"},
        {"initialiser": "zeros"},
        {"activation": "relu", "initialiser": "normal:100", "learning_rate": 1000, "loss": "squared_error"},
    ],
    ids=lambda unusual: next(iter(unusual)),
)
def test_no_result_is_too_odd_for_a_finding(find: Any, unusual: dict[str, Any]) -> None:
    found = find(run(Experiment(**{"dataset": "iris", "hidden": "4", "epochs": 1, "seeds": 1, **unusual})))
    assert "nan" not in found.sentence
    assert found.sentence.endswith(".")
