"""The estimate: measured on the machine that serves, and in words that promise no more than it knows."""

from dataclasses import fields, replace

import pytest

from core import cost
from core.cost import REFERENCE, Cost, Speed
from core.experiment import Experiment

SAME = Speed(call=1.0, flop=1.0, element=1.0, value=1.0)


def test_the_machine_is_measured_once_and_within_reason() -> None:
    here = cost.speed()
    assert cost.speed() is here
    for field in fields(REFERENCE):
        assert 1 / cost.LIMIT <= getattr(here, field.name) <= cost.LIMIT


def test_an_estimate_is_in_proportion_to_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "speed", lambda: SAME)
    reference = Experiment().cost().seconds
    monkeypatch.setattr(cost, "speed", lambda: Speed(**{field.name: 2.0 for field in fields(Speed)}))
    assert Experiment().cost().seconds == pytest.approx(2 * reference)


@pytest.mark.parametrize("part", [field.name for field in fields(Speed)])
def test_every_part_of_the_speed_counts(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "speed", lambda: SAME)
    reference = Experiment().cost().seconds
    monkeypatch.setattr(cost, "speed", lambda: replace(SAME, **{part: 2.0}))
    assert reference < Experiment().cost().seconds < 2 * reference


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.02, "under a second"), (1.04, "about 1.0 s"), (75, "about 1 min 15 s")]
)
def test_no_estimate_is_of_tenths_of_a_second(seconds: float, words: str) -> None:
    text = str(Cost(runs=2, updates=10, parameters=4, flops=1.0, seconds=seconds, bytes=1, chunk=1))
    assert text == f"{words} on one core (2 runs, 10 updates)"
