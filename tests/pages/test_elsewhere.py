"""A page on a result that another kind of processor trained says so, whether it is from a file or from the store."""

from dataclasses import replace

import pytest

from core.experiment.experiment import Experiment
from core.jobs.running import run
from core.results.results import Result, versions
from tests.pages.results import captions, open_on

TINY = Experiment(dataset=("iris",), activation=("tanh",), initialiser=("normal:1",), hidden=((3,),), epochs=1, seeds=1)
ELSEWHERE = "openblas 0.3.31 Z80 www.example.com, NumPy baseline"


@pytest.fixture(scope="module")
def result() -> Result:
    return run(TINY)


@pytest.mark.parametrize("page", ["saturation", "convergence", "runs"])
def test_another_kind_of_processor_is_named_and_this_one_is_not(
    page: str, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [line for line in open_on(monkeypatch, page, result).text if "processor" in line.value]
    app = open_on(monkeypatch, page, replace(result, versions=versions([ELSEWHERE])))
    (told,) = (line.value for line in app.text if "another kind of processor" in line.value)
    assert ELSEWHERE in told
    assert "processor" not in captions(app), "as text: markdown makes links of addresses"
