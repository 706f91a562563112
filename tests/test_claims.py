"""The lecture's claims: each verdict from tables made up for it, and verdicts that change with the settings."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import pytest

from core.experiment.experiment import Experiment
from core.lessons import claims, findings
from core.lessons.claims import CLAIMS
from core.lessons.findings import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED, Finding
from core.results.results import Result
from core.schema import names
from pages.parts.catalogue import PAGES
from tests.engine import train
from tests.test_findings import FAST, NEVER, SLOW, TWO_BY_TWO, made_up, updates

THREE = replace(TWO_BY_TWO, activation=("logistic",), initialiser=("normal:0.01", "normal:0.1", "normal:1"))


SCALES = ("normal:0.01", "normal:1")


@lru_cache
def trained(**settings: Any) -> Result:
    quick = {"dataset": "iris", "hidden": "8-8", "epochs": 12, "seeds": 4, "learning_rate": 0.3, "batch_size": 8}
    return train(Experiment(**{**quick, **settings}))


def judged(name: str, result: Result) -> Finding:
    return next(claim for claim in CLAIMS if claim.id == name).judge(result)


# Q2: small initial weights


def by_scale(small: list[float], middle: list[float], large: list[float]) -> Result:
    layers = [
        {"initialiser": f"normal:{std:g}", "weight_rms": std, "epoch": 0, "layer": 1, "role": "hidden"}
        for std in (0.01, 0.1, 1.0)
    ]
    return made_up(THREE, layers, **updates(small, middle, large))


@pytest.mark.parametrize(
    ("small", "middle", "large", "verdict"),
    [
        (FAST, SLOW, SLOW, SUPPORTED),
        (SLOW, SLOW, FAST, NOT_SUPPORTED),
        (NEVER, FAST, SLOW, MIXED),
        (SLOW, FAST, NEVER, MIXED),
        (NEVER, NEVER, NEVER, UNDECIDED),
    ],
)
def test_small_is_best_only_where_the_smallest_scale_is_fastest(
    small: list[float], middle: list[float], large: list[float], verdict: str
) -> None:
    assert judged("Q2", by_scale(small, middle, large)).verdict == verdict


def test_the_window_of_scales_stands_with_both_its_edges() -> None:
    evidence = judged("Q2", by_scale(NEVER, FAST, SLOW)).evidence
    assert "fastest from 0.1 (20 updates), not reached from 0.01 and 110 updates from 1" in evidence


def test_a_scale_that_still_trains_is_not_reached_so_far() -> None:
    result = by_scale(NEVER, FAST, SLOW)
    points = result.runs[["run", "group"]].assign(epoch=1, update=60).reindex(columns=names("epochs"))
    evidence = judged("Q2", replace(result, epochs=points)).evidence
    assert "fastest from 0.1 (20 updates), not reached so far from 0.01 and 110 updates from 1" in evidence


@pytest.mark.parametrize(
    ("small", "middle", "large", "said"),
    [
        (FAST, FAST, FAST, "no difference from 0.01 to 1 (20 updates)"),
        ([0.0] * 3, [0.0] * 3, [0.0] * 3, "no difference from 0.01 to 1 (0 updates)"),
        (FAST, FAST, SLOW, "fastest from 0.01 and 0.1 (20 updates), 110 updates from 1"),
    ],
)
def test_scales_that_tie_are_all_named_or_no_difference(
    small: list[float], middle: list[float], large: list[float], said: str
) -> None:
    found = judged("Q2", by_scale(small, middle, large))
    assert said in found.evidence
    assert found.verdict == (SUPPORTED if large == SLOW else UNDECIDED)


def test_a_constant_is_placed_by_its_size_and_not_by_its_spread() -> None:
    layers = [
        {"initialiser": name, "weight_rms": scale, "weight_std": std, "epoch": 0, "layer": 1, "role": "hidden"}
        for name, scale, std in (("constant:10", 10.0, 0.0), ("normal:0.01", 0.01, 0.01))
    ]
    experiment = replace(THREE, initialiser=("constant:10", "normal:0.01"))
    assert judged("Q2", made_up(experiment, layers, **updates(NEVER, FAST))).verdict == SUPPORTED


def test_one_scale_decides_nothing_about_small_ones() -> None:
    layers = [{"initialiser": "normal:1", "weight_rms": 1.0, "epoch": 0, "layer": 1, "role": "hidden"}]
    one = replace(THREE, initialiser=("normal:1",))
    assert judged("Q2", made_up(one, layers, **updates(FAST))).verdict == UNDECIDED


# Q3: zero-centred


def means(**by_activation: tuple[float, float]) -> Result:
    layers = [
        {"activation": name, "activation_mean": mean, "epoch": epoch, "layer": 1, "role": "hidden"}
        for name, both in by_activation.items()
        for epoch, mean in zip((0, 9), both, strict=True)
    ]
    experiment = replace(TWO_BY_TWO, activation=tuple(by_activation), initialiser=("normal:1",))
    return made_up(experiment, layers, **updates(*[FAST] * len(by_activation)))


@pytest.mark.parametrize(
    ("logistic", "tanh", "verdict"),
    [
        ((0.5, 0.5), (0.01, -0.02), SUPPORTED),
        ((0.5, 0.02), (0.01, 0.02), MIXED),  # training has pushed the logistic's outputs to 0
        ((0.5, 0.5), (0.0, 0.6), MIXED),
        ((0.05, 0.05), (-0.5, -0.5), NOT_SUPPORTED),
    ],
)
def test_centring_follows_the_mean_outputs_before_and_after_training(
    logistic: tuple[float, float], tanh: tuple[float, float], verdict: str
) -> None:
    assert judged("Q3", means(logistic=logistic, tanh=tanh)).verdict == verdict


def test_the_comparison_with_tanh_needs_runs_of_both() -> None:
    assert judged("Q3", means(logistic=(0.5, 0.5))).evidence == "No tanh run here."
    assert judged("Q3", means(tanh=(0.0, 0.0))).evidence == "No logistic run here."


# Q5: directions


def tied(example: float, batch: float, name: str = "logistic") -> Result:
    row = {"activation": name, "same_sign_example": example, "same_sign_batch": batch, "same_sign_epoch": 0.1}
    layers = [row | {"epoch": 1, "layer": 2, "role": "output", "fan_in": 12}]
    experiment = replace(TWO_BY_TWO, activation=(name,), initialiser=("normal:1",))
    return made_up(experiment, layers, **updates(FAST))


@pytest.mark.parametrize(
    ("example", "batch", "verdict"),
    [(1.0, 1.0, SUPPORTED), (1.0, 0.5, MIXED), (1.0, 0.0, NOT_SUPPORTED), (0.9, 0.9, NOT_SUPPORTED)],
)
def test_directions_are_limited_as_far_as_the_batches_trained_on_are_tied(
    example: float, batch: float, verdict: str
) -> None:
    assert judged("Q5", tied(example, batch)).verdict == verdict


def test_the_directions_are_counted_with_the_neurons_inputs() -> None:
    assert "2 of 2¹² directions" in judged("Q5", tied(1.0, 0.5)).evidence
    assert judged("Q5", tied(1.0, 0.5, "tanh")).verdict == UNDECIDED


def test_neurons_of_different_widths_are_not_averaged() -> None:
    rows = [
        {"activation": "logistic", "same_sign_example": 1.0, "same_sign_batch": 1.0, "same_sign_epoch": 1.0}
        | {"epoch": 1, "layer": layer, "role": "output", "fan_in": width, "orthants_visited": visited}
        for layer, width, visited in ((2, 8, 2.0), (3, 12, 6.0))
    ]
    experiment = replace(TWO_BY_TWO, activation=("logistic",), initialiser=("normal:1",))
    evidence = judged("Q5", made_up(experiment, rows, **updates(FAST))).evidence
    assert "2 of 2ⁿ directions (orthants), n = 8 to 12 weights," in evidence
    assert "those fed by the logistic visited on average 2 of 2⁸ by epoch 1; 6 of 2¹² by epoch 1" in evidence


@pytest.mark.parametrize("name", ["Q4", "Q5"])
def test_a_neuron_with_one_weight_has_no_directions_to_lose(name: str) -> None:
    result = tied(1.0, 1.0)
    result.layers["fan_in"] = 1
    found = judged(name, result)
    assert found.verdict == UNDECIDED
    assert "one weight alone" in found.evidence


# Q7: the exponential


@pytest.mark.parametrize(
    ("names", "seconds", "verdict"),
    [
        (("logistic", "relu"), (2.0, 1.0), SUPPORTED),
        (("logistic", "relu"), (1.0, 1.0), NOT_SUPPORTED),
        (("logistic", "tanh"), (2.0, 1.0), UNDECIDED),
        (("relu", "softsign"), (2.0, 1.0), UNDECIDED),
    ],
)
def test_only_runs_without_the_exponential_tell_what_it_costs(
    names: tuple[str, str], seconds: tuple[float, float], verdict: str
) -> None:
    experiment = replace(TWO_BY_TWO, activation=names, initialiser=("normal:1",))
    each = [second for second in seconds for _ in range(experiment.seeds)]
    found = judged("Q7", made_up(experiment, seconds=each, last_update=[1000] * len(each), **updates(FAST, FAST)))
    assert found.verdict == verdict
    assert "shared machine" in found.limits


def test_runs_that_stopped_early_are_not_timed() -> None:
    """Relu diverged at update 45 of 1000 after a 20th of the time: per update it took as long."""
    experiment = replace(TWO_BY_TWO, activation=("logistic", "relu"), initialiser=("normal:1",))
    seconds, last = [1.0] * 3 + [0.045] * 3, [1000] * 3 + [45] * 3
    found = judged("Q7", made_up(experiment, seconds=seconds, last_update=last, **updates(FAST, FAST)))
    assert found.verdict == UNDECIDED
    assert "trained equally long" in found.evidence


# All of them


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_about_the_logistic_is_not_decided_by_other_functions(claim: claims.Claim) -> None:
    others = "softsign,tanh,steep_logistic,hard_logistic,relu"
    found = claim.judge(trained(activation=others, initialiser="normal:0.01,normal:2", epochs=2, seeds=2))
    assert found.verdict == UNDECIDED
    assert found.evidence == "No logistic run here."


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_without_a_hidden_layer_no_function_is_used_and_none_is_judged(claim: claims.Claim) -> None:
    # The same network under three names: one of them may be 1.1 times as fast as another by mere chance.
    settings = {"hidden": "none", "activation": ("logistic", "tanh", "relu"), "target": "train_accuracy:0.5"}
    found = claim.judge(trained(**settings))
    assert (found.verdict, found.evidence) == (UNDECIDED, "These networks have no hidden layer.")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_networks_without_a_hidden_layer_change_no_verdict(claim: claims.Claim) -> None:
    settings = {"activation": ("logistic", "tanh", "relu"), "target": "train_accuracy:0.5", "initialiser": SCALES}
    both, one = (trained(hidden=hidden, **settings) for hidden in (("none", "8-8"), ("8-8",)))
    with_none, alone = claim.judge(both), claim.judge(one)
    if claim.id == "Q7":  # that is about times, and each training has its own
        assert "none" not in with_none.evidence
    else:
        assert with_none.verdict == alone.verdict


def test_the_signs_that_standard_statistics_leave_out_are_said_to_be_in_one_way() -> None:
    result = trained(activation=("logistic", "tanh"), statistics="standard")
    assert judged("Q4", result).evidence == judged("Q5", result).evidence == findings.NO_SIGNS


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_one_seed_decides_no_claim(claim: claims.Claim) -> None:
    functions = "logistic,tanh,relu"
    found = claim.judge(trained(activation=functions, initialiser="normal:0.01,normal:2", epochs=6, seeds=1))
    assert found.verdict == UNDECIDED


def test_the_claims_are_the_lectures_seven_each_with_a_page_of_its_own_kind() -> None:
    assert [claim.id for claim in CLAIMS] == [f"Q{number}" for number in range(1, 8)]
    assert {claim.page for claim in CLAIMS} <= {entry.name for entry in PAGES}


def test_the_lectures_networks_trained_small_bear_out_what_the_lecture_says_of_signs_and_means() -> None:
    for name in ("Q1", "Q3", "Q4"):
        found = judged(name, trained(initialiser="normal:0.01,normal:2"))
        assert found.verdict == SUPPORTED, found.sentence


def test_another_learning_rate_changes_the_verdict_on_speed() -> None:
    assert judged("Q6", trained(initialiser="glorot_uniform")).verdict == SUPPORTED
    assert judged("Q6", trained(initialiser="glorot_uniform", learning_rate=1e-6)).verdict == UNDECIDED


def test_another_batch_size_changes_the_verdict_on_directions() -> None:
    assert judged("Q5", trained(initialiser="glorot_uniform", batch_size=1, epochs=2)).verdict == SUPPORTED
    assert judged("Q5", trained(initialiser="glorot_uniform", batch_size=0, epochs=2)).verdict == MIXED


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
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
def test_no_result_is_too_odd_for_a_claim(claim: claims.Claim, unusual: dict[str, Any]) -> None:
    found = claim.judge(trained(**{"epochs": 1, "seeds": 1, "hidden": "4", **unusual}))
    assert found.verdict in findings.VERDICTS
    assert found.sentence.endswith(".")
    assert "nan" not in found.sentence
    assert found.limits.startswith("n = ")


def test_verdicts_are_counted() -> None:
    verdicts = (SUPPORTED, MIXED, SUPPORTED, UNDECIDED)
    found = [Finding("", verdict, "", "") for verdict in verdicts]
    assert claims.tally(found) == "supported: 2 · mixed: 1 · not decided: 1"
