"""A page opened in mid-training asks for what its link asks for, and leaves in it what a finished one leaves."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.engine.recording import Record
from core.experiment.experiment import Experiment, Run
from core.jobs.plan import Progress
from core.lessons.effects import FOUR, TANH
from core.results.results import Result, collect
from pages.parts import training
from tests.engine import records
from tests.pages.lessons import again, refused
from tests.pages.results import OF_A_RESULT, follow, job_on

GROWING = Experiment(
    dataset=("iris",),
    activation=(*FOUR, TANH),
    initialiser=("glorot_uniform",),
    hidden=((), (4,), (4, 4, 4)),
    learning_rate=(0.1, 1.0),
    epochs=2,
    seeds=2,
    statistics="full",
)
# Chunks of runs end in any order: what there are numbers of first.
SO_FAR: dict[str, Callable[[Run], bool]] = {
    "no hidden layer": lambda run: not run.hidden,
    "one": lambda run: len(run.hidden) == 1,
    "the last chunk": lambda run: (run.hidden, run.activation) == ((4, 4, 4), TANH),
}
CHOICES = {
    "saturation": {"function": "tanh", "group": "tanh~4-4-4~rate_1", "layer": "2", "epoch": "1"},
    "gradient_signs": {"layer": "4", "epoch": "1", "level": "batch"},
    "batch_size": {"layer": "3", "function": "tanh", "epoch": "1", "level": "example"},
    "signal_propagation": {"diagram": "tanh", "epoch": "1"},
    "two_by_two": {"network": "4-4-4~batch_32~glorot_uniform", "rate": "1"},
    "convergence": {"baseline": "tanh~4-4-4~rate_1"},
    "sweep_maps": {"columns": "depth", "rows": "activation", "measure": "saturated", "curve": "final_train_loss"},
    "runs": {"groups": "tanh~4-4-4~rate_1"},
    "overview": {},
}


@pytest.fixture(scope="module")
def trained() -> list[Record]:
    return records(GROWING)


@pytest.fixture(scope="module")
def result(trained: list[Record]) -> Result:
    return collect(GROWING, trained)


@pytest.fixture(scope="module", params=SO_FAR)
def so_far(request: pytest.FixtureRequest, trained: list[Record]) -> Result:
    st.cache_resource.clear()  # what other tests made of as many numbers
    runs, there = GROWING.runs(), SO_FAR[request.param]
    return collect(GROWING, [record for record in trained if there(runs[int(record.runs.flat[0])])])


@pytest.mark.parametrize(
    ("name", "choices"),
    [(name, choices) for name in OF_A_RESULT for choices in (False, True) if CHOICES[name] or not choices],
)
def test_what_is_not_there_yet_changes_no_choice(
    monkeypatch: pytest.MonkeyPatch, result: Result, so_far: Result, name: str, choices: bool
) -> None:
    chosen = CHOICES[name] if choices else {}
    job = job_on(result, so_far)
    at = follow(monkeypatch, name, GROWING, job, **chosen)
    assert refused(at) == []
    job.active = False
    again(at)
    assert refused(at) == []
    assert {key: at.query_params[key] for key in at.query_params} == GROWING.to_params() | chosen


def test_the_page_says_how_often_the_numbers_of_a_large_result_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    def bar() -> None:
        from pages.parts import progress

        progress._bar()

    def of(pause: float) -> str:
        job = SimpleNamespace(pause=pause, position=0, progress=lambda: Progress(1.0, 2.0, 0.5, 30.0))
        monkeypatch.setattr(training, "in_training", lambda: job)
        monkeypatch.setattr(training, "for_others", lambda: False)
        at = AppTest.from_function(bar).run()
        assert not at.exception
        return " ".join(caption.value for caption in at.caption)

    assert of(2.0) == ""
    assert of(43.0) == (
        "The numbers of a result this large are collected every 45 s or so: training needs the processor."
    )
    assert "every 2 min or so" in of(100.0)
