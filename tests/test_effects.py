"""The 2 x 2: effects that were put into made-up runs come out again, and censored runs only ever bound them."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.experiment.presets import PRESETS
from core.lessons import effects
from core.lessons.effects import FOUR, OUTCOMES, TANH, Decomposition, decompose
from core.text import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED

SEEDS = 7
LAST = 1000.0
NEVER = math.nan
Times = dict[str, list[float]]


def runs(times: Times, rate: float = 1.0, **columns: Any) -> pd.DataFrame:
    """A runs table in which each function's runs took so many updates; NaN: not reached by update 1000."""
    rows = []
    for name, values in times.items():
        for seed, value in enumerate(values):
            status = "converged" if value == value else "not_reached"
            rows.append(
                {
                    "activation": name,
                    "seed": seed,
                    "learning_rate": rate,
                    "dataset": "iris",
                    "hidden": "8",
                    "batch_size": "4",
                }
                | {"residual": "false", "normalisation": "none", "optimiser": "sgd", "bias_initialiser": "zeros"}
                | {"initialiser": "glorot_uniform", "gain": 1.0, "updates_to_target": value, "last_update": LAST}
                | {"status": status, "diverged_at": math.nan, "final_train_loss": 0.5, "final_test_accuracy": 0.9}
            )
    return pd.DataFrame(rows).assign(**columns)


def factors(centring: float, slope: float, width: float = 1.0, interaction: float = 1.0, base: float = 400.0) -> Times:
    """Times that these factors make, the same for all seeds: centring and slope as geometric means of both levels."""
    half = math.sqrt(interaction)
    cells = {
        "logistic": base,
        "centred_logistic": base / centring * half,
        "steep_logistic": base / slope * half,
        "steep_centred_logistic": base / centring / slope,
        TANH: base / centring / slope / width,
    }
    return {name: [value] * SEEDS for name, value in cells.items()}


def spread(times: Times, size: float, seed: int = 1) -> Times:
    """Every run's time times a factor of its own."""
    rng = np.random.default_rng(seed)
    return {name: [value * float(rng.lognormal(0, size)) for value in values] for name, values in times.items()}


def row(found: Decomposition, effect: str) -> dict[str, Any]:
    return {str(key): value for key, value in found.effects.set_index("effect").loc[effect].items()}


def estimates(found: Decomposition) -> dict[str, float]:
    return dict(zip(found.effects["effect"], found.effects["estimate_low"], strict=True))


# The effects


@pytest.mark.parametrize(
    ("centring", "slope", "width", "interaction"), [(2.0, 1.5, 1.25, 1.0), (1.0, 4.0, 1.0, 0.7), (0.5, 3.0, 0.8, 2.0)]
)
def test_factors_come_out_as_they_went_in(centring: float, slope: float, width: float, interaction: float) -> None:
    found = estimates(decompose(runs(factors(centring, slope, width, interaction))))
    assert found["centring"] == pytest.approx(centring)
    assert found["slope"] == pytest.approx(slope)
    assert found["width"] == pytest.approx(width)
    assert found["all"] == pytest.approx(centring * slope * width)
    assert found["interaction"] == pytest.approx(interaction)


def test_interaction_is_how_many_times_more_centring_brings_to_the_steep_functions() -> None:
    times = {"logistic": 400.0, "centred_logistic": 200.0, "steep_logistic": 300.0, "steep_centred_logistic": 50.0}
    found = estimates(decompose(runs({name: [value] * SEEDS for name, value in times.items()})))
    assert found["interaction"] == pytest.approx((300 / 50) / (400 / 200))
    assert found["centring"] == pytest.approx(math.sqrt(2 * 6))
    assert found["slope"] == pytest.approx(math.sqrt(400 / 300 * 200 / 50))
    assert "all" not in found  # without tanh there is nothing to share out
    assert "width" not in found


@given(st.lists(st.floats(1, 1000), min_size=5, max_size=5))
def test_centring_slope_and_width_always_make_up_the_whole(times: list[float]) -> None:
    table = {name: [value] for name, value in zip((*FOUR, TANH), times, strict=True)}
    found = decompose(runs(table), resamples=10)
    parts = estimates(found)
    assert parts["centring"] * parts["slope"] * parts["width"] == pytest.approx(times[0] / times[4])
    shares = found.effects["share"].dropna()
    assert len(shares) == 0 or shares.sum() == pytest.approx(1)


def test_shares_are_those_of_the_logarithms() -> None:
    found = decompose(runs(factors(4.0, 2.0, 1.0)))
    assert row(found, "centring")["share"] == pytest.approx(2 / 3)
    assert row(found, "slope")["share"] == pytest.approx(1 / 3)


def test_without_a_certain_advantage_nothing_is_shared_out() -> None:
    assert decompose(runs(factors(0.5, 1.0))).effects["share"].isna().all()


# Intervals


def test_intervals_are_those_of_a_paired_percentile_bootstrap() -> None:
    """SciPy draws by itself, so its ends agree within the chance of 2,000 draws."""
    times = spread(factors(2.0, 1.5, 1.25), 0.3)
    logs = [np.log(times[name]) for name in FOUR]

    def centring(a: Any, b: Any, c: Any, d: Any, axis: int = -1) -> Any:
        m = [np.median(values, axis=axis) for values in (a, b, c, d)]
        return (m[0] - m[1] + m[2] - m[3]) / 2

    expected = stats.bootstrap(logs, centring, paired=True, n_resamples=2000, method="percentile", rng=3)
    found = row(decompose(runs(times)), "centring")
    assert found["estimate_low"] == pytest.approx(math.exp(centring(logs[0], logs[1], logs[2], logs[3])))
    interval = expected.confidence_interval
    assert math.log(found["low"]) == pytest.approx(interval.low, abs=0.06)
    assert math.log(found["high"]) == pytest.approx(interval.high, abs=0.06)


def test_what_a_seed_does_to_all_functions_alike_leaves_no_doubt_about_their_ratio() -> None:
    luck = [0.25, 0.5, 0.8, 1, 1.3, 2, 5]
    times = {name: [v * f for v, f in zip(values, luck, strict=True)] for name, values in factors(2.0, 1.5).items()}
    found = row(decompose(runs(times)), "centring")
    assert (found["low"], found["high"]) == pytest.approx((2, 2))
    shuffled = times | {"logistic": times["logistic"][::-1]}
    unpaired = row(decompose(runs(shuffled)), "centring")
    assert unpaired["high"] / unpaired["low"] > 1.5


def test_equal_runs_give_equal_intervals() -> None:
    table = runs(spread(factors(2.0, 1.5), 0.3))
    pd.testing.assert_frame_equal(decompose(table).effects, decompose(table.sample(frac=1, random_state=0)).effects)


# Learning rates


def test_each_function_stands_at_its_own_best_rate_of_the_grid() -> None:
    slow, fast = factors(1.0, 4.0), factors(2.0, 1.0, base=200.0)
    table = pd.concat([runs(slow, 0.1), runs({**fast, "steep_logistic": [NEVER] * SEEDS}, 1.0)])
    found = decompose(table)
    rates = dict(zip(found.cells["activation"], found.cells["learning_rate"], strict=True))
    assert rates == {
        "logistic": 1, "centred_logistic": 1, "steep_logistic": 0.1, "steep_centred_logistic": 0.1, TANH: 0.1
    }  # fmt: skip
    assert found.cells["edge"].all()
    assert estimates(decompose(table, rate=0.1))["slope"] == pytest.approx(4)
    assert decompose(table, rate=0.1).cells["learning_rate"].eq(0.1).all()


def test_a_function_that_never_reaches_the_target_stands_at_the_rate_of_its_lowest_loss() -> None:
    never = {**factors(2.0, 2.0), "logistic": [NEVER] * SEEDS}
    table = pd.concat([runs(never, 0.1, final_train_loss=0.9), runs(never, 1.0, final_train_loss=0.2)])
    assert decompose(table).cells.set_index("activation")["learning_rate"]["logistic"] == 1.0


def test_test_accuracies_are_compared_at_rates_that_the_test_set_did_not_choose() -> None:
    times = factors(1.0, 1.0)
    table = pd.concat(
        [
            runs(times, 0.1, final_train_loss=0.1, final_test_accuracy=0.7),
            runs(times, 1.0, final_train_loss=0.2, final_test_accuracy=0.9),
        ]
    )
    found = decompose(table, "final_test_accuracy")
    assert found.cells["learning_rate"].eq(0.1).all()
    assert found.cells["median_low"].eq(0.7).all()


# Censored runs


@pytest.mark.parametrize(
    ("lost", "centring", "slope"),
    [
        (["logistic"], "at least 2x", "at least 1.5x"),
        (["centred_logistic"], "at most 2x", "at least 1.5x"),
        (["logistic", "centred_logistic"], "open", "at least 1.5x"),
        (["steep_centred_logistic"], "at most 2x", "at most 1.5x"),
        ([], "2x", "1.5x"),
    ],
)
def test_a_censored_median_makes_an_effect_a_bound(lost: list[str], centring: str, slope: str) -> None:
    times = factors(2.0, 1.5, base=LAST)
    times |= {name: [NEVER if name in lost else v for v in values] for name, values in times.items()}
    table = runs(times)
    # Censored where they would have reached it, so that the bounds are the true effects.
    table["last_update"] = table["activation"].map({name: v[0] for name, v in factors(2.0, 1.5, base=LAST).items()})
    found = decompose(table)
    assert row(found, "centring")["text"].startswith(centring)
    assert row(found, "slope")["text"].startswith(slope)
    assert found.cells["seeds"].eq(SEEDS).all()
    assert found.cells.set_index("activation").loc[lost, "reached"].eq(0).all()


@given(st.integers(0, 2**5 - 1), st.floats(1.0, 50.0), st.integers(0, 10**6))
def test_whatever_the_censored_runs_would_have_done_the_effect_is_within_its_bounds(
    pattern: int, later: float, seed: int
) -> None:
    """The truth is hidden: all times beyond 300 are censored there, those of chosen functions pushed `later`."""
    truth = spread(factors(2.0, 1.5, 1.25), 0.4, seed)
    pushed = {n: [v * (later if pattern >> i & 1 else 1) for v in vs] for i, (n, vs) in enumerate(truth.items())}
    seen = {name: [v if v <= 300 else NEVER for v in values] for name, values in pushed.items()}
    found = decompose(runs(seen, last_update=300.0), resamples=5).effects
    true = decompose(runs(pushed, last_update=1e9), resamples=5).effects["estimate_low"]
    assert (found["estimate_low"] <= true * (1 + 1e-9)).all()
    assert (found["estimate_high"] >= true * (1 - 1e-9)).all()


def test_one_censored_run_moves_no_median_but_stays_in_the_draws() -> None:
    times = factors(2.0, 1.5)
    times["logistic"][0] = NEVER
    found = decompose(runs(times))
    assert row(found, "centring")["estimate_low"] == row(found, "centring")["estimate_high"] == pytest.approx(2)
    assert found.cells["reached"].tolist() == [SEEDS - 1, *[SEEDS] * 4]


def test_a_run_that_diverged_at_once_counts_as_later_than_all_of_training() -> None:
    table = runs({**factors(2.0, 1.5), "logistic": [NEVER] * SEEDS})
    lost = table["activation"] == "logistic"
    table = table.assign(
        status=table["status"].mask(lost, "diverged"), last_update=table["last_update"].mask(lost, 1.0)
    )
    assert decompose(table).cells["median_low"].iloc[0] == pytest.approx(LAST)


def test_a_diverged_run_has_at_least_the_worst_final_loss_and_accuracy() -> None:
    table = runs(factors(1.0, 1.0))
    table["final_train_loss"] = np.where(table["activation"] == "logistic", np.nan, 0.5)
    table["final_test_accuracy"] = np.where(table["activation"] == "logistic", np.nan, 0.9)
    loss, accuracy = (decompose(table, name) for name in ("final_train_loss", "final_test_accuracy"))
    assert row(loss, "centring")["text"] == "at least 1x"
    assert (row(accuracy, "centring")["estimate_low"], row(accuracy, "centring")["estimate_high"]) == (0, 45)
    assert accuracy.cells[["median_low", "median_high"]].iloc[0].tolist() == [0, 0.9]


def test_runs_of_which_none_has_a_loss_are_open_and_no_error() -> None:
    found = decompose(runs(factors(1.0, 1.0), final_train_loss=np.nan), "final_train_loss")
    assert row(found, "centring")["text"].startswith("open")


# A result that is not whole


def test_seeds_that_a_function_lacks_so_far_are_left_out_for_all() -> None:
    table = runs(factors(2.0, 1.5))
    growing = table[~((table["activation"] == TANH) & (table["seed"] > 2))]
    found = decompose(growing)
    assert found.cells["seeds"].eq(3).all()
    with pytest.raises(ValueError, match="no seed is common"):
        decompose(pd.concat([table, runs(factors(2.0, 1.5), 0.1).query("activation == 'tanh'")]))


def test_without_one_of_the_four_functions_there_is_no_2_x_2() -> None:
    three = runs({name: values for name, values in factors(2.0, 1.5).items() if name != "steep_logistic"})
    with pytest.raises(ValueError, match="steep_logistic"):
        decompose(three)
    assert effects.settings(three) == {}
    assert list(effects.settings(runs(factors(2.0, 1.5)))) == ["8 · batch 4 · glorot_uniform"]


def test_a_network_without_a_hidden_layer_uses_none_of_the_functions() -> None:
    table = pd.concat([runs(factors(2.0, 1.5), hidden=hidden) for hidden in ("none", "8")])
    assert list(effects.settings(table)) == ["8 · batch 4 · glorot_uniform"]


def test_networks_are_told_apart_by_all_their_settings() -> None:
    parts = [runs(factors(2.0, 1.5), gain=gain, hidden=hidden) for gain, hidden in itertools.product((1.0, 2.0), "48")]
    found = effects.settings(pd.concat(parts))
    assert len(found) == 4
    assert all(decompose(part).cells["seeds"].eq(SEEDS).all() for part in found.values())


# In words


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        (factors(2.0, 1.5), SUPPORTED),
        (factors(2.0, 0.8), MIXED),
        (factors(2.0, 1.0), UNDECIDED),
        (factors(0.8, 0.9), NOT_SUPPORTED),
        ({**factors(2.0, 1.5), "centred_logistic": [NEVER] * SEEDS, "logistic": [NEVER] * SEEDS}, UNDECIDED),
    ],
)
def test_the_verdict_follows_both_intervals(times: Times, verdict: str) -> None:
    assert effects.finding(decompose(runs(times))).verdict == verdict


def test_the_finding_gives_numbers_intervals_seeds_and_its_limits() -> None:
    one = effects.finding(decompose(runs(factors(4.0, 2.0))), "n = 35 runs.").sentence
    assert "8x in all" in one  # all seeds alike: an interval that is a point is none
    assert "centring 4x, 67 % of it" in one
    assert f"{SEEDS} paired seeds, which with so few are too narrow" in one
    assert "one rate for all favours" in one
    assert "n = 35 runs." in one
    grid = pd.concat([runs(factors(4.0, 2.0), rate) for rate in (0.1, 1.0)])
    assert "at an end of the grid" in effects.finding(decompose(grid)).limits
    lost = {**factors(2.0, 1.5), "logistic": [NEVER] * SEEDS}
    assert f"0 of {SEEDS} runs of logistic reached the target" in effects.finding(decompose(runs(lost))).limits


def test_no_difference_is_said_so_and_supports_nothing() -> None:
    """All runs alike but for the last digits, as from zeros."""
    same = {name: [0.693 * (1 + 1e-7 * i)] * SEEDS for i, name in enumerate((*FOUR, TANH))}
    table = runs(factors(1.0, 1.0))
    table["final_train_loss"] = table["activation"].map({name: values[0] for name, values in same.items()})
    found = effects.finding(decompose(table, "final_train_loss"))
    assert found.verdict == UNDECIDED
    assert "no difference (1x)" in found.evidence
    assert "of it" not in found.evidence


def test_the_only_learning_rate_is_nobodys_own_best() -> None:
    found = effects.finding(decompose(runs(factors(2.0, 1.5), 0.1)))
    assert "all at learning rate 0.1, the only one run" in found.evidence
    assert "own best" not in found.sentence


def test_one_seed_has_no_interval_and_decides_nothing() -> None:
    one = {name: values[:1] for name, values in factors(4.0, 2.0).items()}
    found = effects.finding(decompose(runs(one)))
    assert found.verdict == UNDECIDED
    assert "centring 4x; slope 2x; width 1x" in found.evidence
    assert "One seed cannot tell an effect from chance" in found.evidence
    assert "interval" not in found.sentence


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict.fromkeys((*FOUR, TANH), 0.0), "The median runs of all 5 functions met the target at update 0"),
        ({TANH: 0.0}, "There are no ratios: tanh met the target at update 0 in the median run, against logistic 400"),
        (dict.fromkeys((*FOUR, TANH), NEVER), "In the median run none of the 5 functions reached the target."),
    ],
)
def test_ratios_with_0_or_infinity_are_said_in_words(change: dict[str, float], said: str) -> None:
    times = factors(2.0, 1.5) | {name: [value] * SEEDS for name, value in change.items()}
    found = effects.finding(decompose(runs(times)))
    assert found.evidence.startswith(said)
    assert found.verdict == UNDECIDED


def test_a_function_that_diverged_at_every_rate_has_no_best_one() -> None:
    table = pd.concat([runs({**factors(2.0, 1.5), "logistic": [NEVER] * SEEDS}, rate) for rate in (0.1, 1.0)])
    lost = table["activation"] == "logistic"
    table = table.assign(diverged_at=np.where(lost, 5.0, np.nan), final_train_loss=np.where(lost, np.nan, 0.5))
    found = decompose(table)
    logistic = found.cells.set_index("activation").to_dict("index")["logistic"]
    assert math.isnan(logistic["learning_rate"])
    assert not logistic["edge"]
    assert "all runs of logistic diverged" in effects.finding(found).limits


def test_a_finding_carries_the_numbers_of_its_effects() -> None:
    found = decompose(runs(spread(factors(4.0, 2.0), 0.1)))
    numbers = {(number.measure, dict(number.of)["effect"]): number.value for number in effects.finding(found).numbers}
    assert numbers["effect", "centring"] == row(found, "centring")["estimate_low"]
    assert numbers["effect, least", "slope"] == row(found, "slope")["low"]
    assert f"centring {numbers['effect', 'centring']:.3g}x" in effects.finding(found).evidence


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_can_be_said(outcome: str) -> None:
    sentence = effects.finding(decompose(runs(spread(factors(2.0, 1.5), 0.2)), outcome)).sentence
    assert OUTCOMES[outcome].better in sentence
    assert "nan" not in sentence


def test_the_preset_has_what_the_page_needs_and_trains_in_a_moment() -> None:
    experiment = PRESETS["two_by_two"].experiment
    assert set(experiment.activation) == {*FOUR, TANH}
    assert len(experiment.learning_rate) >= 5
    assert experiment.cost().seconds < 20  # on one core


@pytest.mark.parametrize("seeds", [1, 2, 5, 8])
def test_the_medians_of_draws_are_those_of_numpy(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    values = rng.integers(0, 6, (2, 3, seeds)).astype(float)  # some are equal
    values[0, 0, 0] = math.inf
    draws = rng.integers(0, seeds, (50, seeds))
    counts = np.array([np.bincount(draw, minlength=seeds) for draw in draws], np.int32).T
    assert (effects._medians(values, counts) == np.median(values[..., draws], axis=-1)).all()
