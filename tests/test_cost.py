"""The estimate: measured on the machine that serves, and in words that promise no more than it knows."""

from collections import deque
from dataclasses import fields, replace

import pytest

from core import cost
from core.cost import REFERENCE, Cost, Speed, speed
from core.experiment import Experiment

SAME = Speed(call=1.0, flop=1.0, element=1.0, value=1.0)


def test_the_machine_is_measured_within_reason_and_not_again_at_once() -> None:
    here = speed()
    for field in fields(REFERENCE):
        assert 1 / cost.LIMIT <= getattr(here, field.name) <= cost.LIMIT
    taken = [*cost.probes]
    speed()
    assert len(cost.probes) - len(taken) <= 1  # a minute may have begun


def test_a_probe_that_was_disturbed_is_put_right_a_minute_later_and_a_slower_machine_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The least of the last five, a minute apart: 1.7, then 0.9 for as long as it is one of them, then 1.2."""
    seen = iter([1.7, 0.9, *[1.2] * 10])
    minute = iter(range(1000, 2000))
    monkeypatch.setattr(cost, "probes", deque(maxlen=cost.PROBES))
    monkeypatch.setattr(cost, "_probe", lambda: replace(SAME, call=next(seen)))
    monkeypatch.setattr("core.cost.time.monotonic", lambda: cost.PROBE_SECONDS * next(minute))
    cost._speed_in.cache_clear()
    assert [speed().call for _ in range(7)] == [1.7, *[0.9] * 5, 1.2]
    cost._speed_in.cache_clear()


def test_an_estimate_is_in_proportion_to_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Experiment().cost().seconds
    monkeypatch.setattr(cost, "speed", lambda: Speed(**{field.name: 2.0 for field in fields(Speed)}))
    assert Experiment().cost().seconds == pytest.approx(2 * reference)


@pytest.mark.parametrize("part", [field.name for field in fields(Speed)])
def test_every_part_of_the_speed_counts(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Experiment().cost().seconds
    monkeypatch.setattr(cost, "speed", lambda: replace(SAME, **{part: 2.0}))
    assert reference < Experiment().cost().seconds < 2 * reference


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.02, "under a second"), (1.04, "about 1.0 s"), (75, "about 1 min 15 s")]
)
def test_no_estimate_is_of_tenths_of_a_second(seconds: float, words: str) -> None:
    text = str(
        Cost(runs=2, updates=10, parameters=4, flops=1.0, seconds=seconds, bytes=3 * 10**6, table_bytes=1, chunk=1)
    )
    assert text == f"{words} on one core, 3 MB (2 runs, 10 updates)"
