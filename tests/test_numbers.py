"""Every number that a finding states, and its verdict, is what the CSVs say: recomputed over random experiments."""

import math
from pathlib import Path

import pytest

from core.experiment.data import data_of
from core.results.evidence import MEASURES
from tests import recomputed
from tests.odd_experiments import CASES, RESAMPLES, Case, results, said, squares
from tests.recomputed import NEVER_NEGATIVE, Tables, TwoByTwo

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
    "backward": recomputed.signal_back,
    "dead_flat": lambda tables: "",
    "runs": lambda tables: "",
}


def close(one: float, other: float, relative: float = 1e-9, absolute: float = 1e-12) -> bool:
    same = math.isnan(one) and math.isnan(other)
    return same or math.isclose(one, other, rel_tol=relative, abs_tol=absolute)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "so_far"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case)[:60])
def test_numbers_and_verdicts_are_those_of_the_tables(case: Case, whole: bool, tmp_path: Path) -> None:
    result = results(case)[0 if whole else 1]
    about = result.experiment.to_query()
    result.to_csv(tmp_path)
    tables = Tables(tmp_path, {name: data_of(result.experiment, name).train_x for name in result.experiment.dataset})
    for name, found in said(case, whole).items():
        if name in VERDICTS:
            assert found.verdict == VERDICTS[name](tables), (about, name, found)
        for number in found.numbers:
            value, n = recomputed.MEASURES[number.measure](tables, dict(number.of))
            predicted = "predicted" in number.measure
            assert close(value, number.value, *((1e-3, 2e-4) if predicted else ())), (about, name, number, value)
            assert n == number.n, (about, name, number, n)
    for found, (of, outcome, rate) in squares(case, whole):
        square = TwoByTwo(tables, of, outcome, rate, RESAMPLES)
        assert found.verdict == square.verdict(), (about, found)
        for number in found.numbers:
            of_number = dict(number.of)
            if "effect" in of_number:
                value, n = square.number(number.measure, of_number["effect"])
            else:
                value, n = square.cell(number.measure, of_number["activation"])
            assert close(value, number.value), (about, number, value)
            assert n == number.n, (about, number, n)


def test_every_measure_is_among_the_numbers_that_were_recomputed() -> None:
    told = [found for case in CASES for whole in (True, False) for found in said(case, whole).values()]
    told += [found for case in CASES for whole in (True, False) for found, _ in squares(case, whole)]
    assert {number.measure for found in told for number in found.numbers} == set(MEASURES)
