"""Every number that a finding states, and its verdict, is what the CSVs say: recomputed over random experiments."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import effects, findings
from core.claims import CLAIMS
from core.evidence import Number
from core.findings import Finding
from core.lessons import batch_size, signal_propagation
from core.results import Result
from tests import odd_experiments, recomputed
from tests.engine import data_of
from tests.recomputed import NEVER_NEGATIVE, Tables, TwoByTwo
from tests.test_sentences import places

CASES = range(int(__import__("os").environ.get("FROM", "0")), int(__import__("os").environ.get("TO", "40")))
RESAMPLES = 60

VERDICTS = {
    "saturation": recomputed.saturation,
    "gradient_signs": recomputed.tied_signs,
    "convergence": lambda tables: recomputed.faster(tables, NEVER_NEGATIVE),
    "Q1": lambda tables: recomputed.saturation(tables, "logistic"),
    "Q2": recomputed.small_is_best,
    "Q3": recomputed.centring,
    "Q4": lambda tables: recomputed.tied_signs(tables, "logistic"),
    "Q5": recomputed.few_directions,
    "Q6": lambda tables: recomputed.faster(tables, ["logistic"]),
    "Q7": recomputed.exponential_costs,
    "dead_flat": lambda tables: "",
    "runs": lambda tables: "",
}


def told(result: Result) -> Iterator[tuple[str, Finding]]:
    """All that is said of a result by name, apart from the 2 x 2 and lessons."""
    for find in (findings.saturation, findings.dead_flat, findings.gradient_signs, findings.convergence, findings.runs):
        yield find.__name__, find(result)
    for claim in CLAIMS:
        yield claim.id, claim.judge(result)


def taught(result: Result) -> Iterator[Finding]:
    """What lessons say of it."""
    yield signal_propagation.agreement(result)
    for epoch, layer in places(result):
        yield batch_size.larger_batches(result, epoch, layer)
        for level in batch_size.WHOSE:
            yield batch_size.smaller_weights(result, epoch, layer, level)


def close(one: float, other: float, relative: float = 1e-9, absolute: float = 1e-12) -> bool:
    same = math.isnan(one) and math.isnan(other)
    return same or math.isclose(one, other, rel_tol=relative, abs_tol=absolute)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "so_far"])
@pytest.mark.parametrize("case", CASES)
def test_numbers_and_verdicts_are_those_of_the_tables(case: int, whole: bool, tmp_path: Path) -> None:
    result = odd_experiments.results(case)[0 if whole else 1]
    about = result.experiment.to_query()
    if result.runs.empty:
        return
    result.to_csv(tmp_path)
    tables = Tables(tmp_path, data_of(result.experiment).train_x)
    for name, found in told(result):
        assert found.verdict == VERDICTS[name](tables), (about, name, found)
        for number in found.numbers:
            value, n = recomputed.MEASURES[number.measure](tables, dict(number.of))
            assert close(value, number.value), (about, name, number, value)
            assert n == number.n, (about, name, number, n)
    for found in taught(result):
        for number in found.numbers:
            value, n = recomputed.MEASURES[number.measure](tables, dict(number.of))
            predicted = "predicted" in number.measure
            assert close(value, number.value, *((1e-3, 2e-4) if predicted else ())), (about, number, value)
            assert n == number.n, (about, number, n)
    for found, square in squares(result, tables):
        assert found.verdict == square.verdict(), (about, found)
        for number in found.numbers:
            value, n = of_square(number, square)
            assert close(value, number.value), (about, number, value)
            assert n == number.n, (about, number, n)


def squares(result: Result, tables: Tables) -> Iterator[tuple[Finding, TwoByTwo]]:
    """Each 2 x 2 there is, at each function's best rate and at one for all, and the same recomputed."""
    for runs in effects.settings(result.runs).values():
        of = {name: runs[name].iloc[0] for name in effects.SETTING}
        for outcome in effects.OUTCOMES:
            for rate in (None, float(runs["learning_rate"].iloc[0])):
                square = TwoByTwo(tables, of, outcome, rate, RESAMPLES)
                if square.seeds and set(recomputed.FOUR) <= set(square.functions):
                    yield effects.finding(effects.decompose(runs, outcome, rate, RESAMPLES)), square
                else:
                    with pytest.raises(ValueError, match="runs: "):
                        effects.decompose(runs, outcome, rate, RESAMPLES)


def of_square(number: Number, square: TwoByTwo) -> tuple[float, int]:
    of = dict(number.of)
    if "effect" in of:
        return square.number(number.measure, of["effect"])
    return square.cell(number.measure, of["activation"])
