"""Findings say what the numbers say: each verdict from tables made up for it, and the lecture's from training."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from core import findings
from core.experiment import Experiment
from core.findings import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED
from core.jobs import run
from core.results import Result
from core.schema import names

TWO_BY_TWO = Experiment(initialiser=("normal:0.01", "normal:1"), seeds=3, hidden=((8,),))
FAST, SLOW = [10.0, 20.0, 30.0], [100.0, 110.0, 120.0]


def made_up(experiment: Experiment, layers: list[dict[str, Any]] = [], **runs: list[Any]) -> Result:  # noqa: B006
    """A result with these columns in its runs table, and layers in which each row stands for every seed."""
    settings = pd.DataFrame(
        {
            "run": run.run,
            "group": experiment.label(run),
            "dataset": experiment.dataset,
            "hidden": "-".join(map(str, run.hidden)) or "none",
            "batch_size": str(run.batch_size),
            "activation": run.activation,
            "initialiser": run.initialiser,
            "gain": run.gain,
            "learning_rate": run.learning_rate,
            "seed": run.seed,
        }
        for run in experiment.runs()
    )
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


def test_one_initial_scale_decides_nothing_about_scale() -> None:
    layers = [{"activation": "tanh", "weight_rms": 1.0, "saturated": 0.4, "epoch": 0, "layer": 1, "role": "hidden"}]
    result = made_up(replace(TWO_BY_TWO, activation=("tanh",), initialiser=("normal:1",)), layers, **updates(FAST))
    assert findings.saturation(result).verdict == UNDECIDED


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
    result.runs.loc[0, "status"] = "diverged"
    result.runs.loc[0, "updates_to_target"] = float("nan")
    result.runs.loc[1, "diverged_at"] = 50.0
    counts = "8 reached the target (1 of them diverged later), 3 stopped before reaching it and 1 diverged before "
    assert counts in find(result).limits


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
    return run(Experiment(dataset="iris", hidden=((8, 8),), epochs=4, seeds=2))


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
