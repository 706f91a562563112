"""core.theory.timing against a stopwatch of its own, an imitation clock and the machine's own description."""

import platform
import statistics
import time
import timeit
from collections.abc import Callable
from itertools import count

import numpy as np
import pandas as pd
import pytest

from core.registries.activations import ACTIVATIONS
from core.theory import timing


def test_every_activation_is_timed_in_both_directions_and_both_precisions() -> None:
    table = pd.DataFrame(timing.measure_activations(seconds=0.05))
    assert list(table.columns) == ["activation", "dtype", "direction", "seconds_per_element", "repeats"]
    assert len(table) == len(ACTIVATIONS) * 2 * 2
    assert not table.duplicated(["activation", "dtype", "direction"]).any()
    assert set(table.activation) == set(ACTIVATIONS)
    assert (table.seconds_per_element > 0).all()
    assert (table.repeats >= 5).all()


def test_the_time_per_element_of_tanh_agrees_with_timeit() -> None:
    a = np.random.default_rng(0).standard_normal(timing.ELEMENTS)
    out = np.empty_like(a)
    measured, reference = [], []
    for _ in range(3):  # in turns, so that a busy moment of the machine touches both
        costs = timing.measure_activations(["tanh"], ["float64"], seconds=0.05)
        measured += [cost.seconds_per_element for cost in costs if cost.direction == "forward"]
        repeats = timeit.repeat(lambda: np.tanh(a, out=out), number=1, repeat=30)
        reference.append(statistics.median(repeats) / a.size)
    assert 1 / 3 < statistics.median(measured) / statistics.median(reference) < 3


def test_e_to_the_x_is_not_free_and_its_share_of_a_step_falls_as_layers_widen() -> None:
    costs = {cost.activation: cost for cost in timing.measure_activations(["tanh", "identity"], ["float64"], 0.1)[::2]}
    assert costs["tanh"].seconds_per_element > costs["identity"].seconds_per_element
    narrow, wide = timing.measure_steps(["logistic"], widths=[16, 384], seconds=0.2)
    assert (narrow.width, wide.width) == (16, 384)
    assert wide.share < narrow.share < 1
    assert wide.seconds_per_step > narrow.seconds_per_step


def test_step_costs_make_a_tidy_table_with_share_as_the_ratio_of_its_two_times() -> None:
    table = pd.DataFrame(timing.measure_steps(["logistic", "relu"], widths=[8, 32], dtype="float64", seconds=0.05))
    assert len(table) == 4
    np.testing.assert_allclose(table.share, table.seconds_in_activation / table.seconds_per_step)
    assert set(table.dtype) == {"float64"}


def test_a_training_step_computes_finite_weights_however_often_it_is_repeated() -> None:
    step, _ = timing._steps(ACTIVATIONS["relu"], 8, "float32")
    with np.errstate(all="raise", under="ignore"):
        for _ in range(300):
            step()


@pytest.mark.parametrize("measure", [timing.measure_activations, timing.measure_steps])
def test_a_measurement_keeps_to_its_time(measure: Callable[..., object]) -> None:
    begin = time.thread_time()  # of a busy machine's time only what is spent here
    measure(("logistic", "tanh"), seconds=0.2)
    # The five rounds that are always made, and the making of the arrays, come on top.
    assert time.thread_time() - begin < 0.2 + 3.0


def test_calls_take_turns_until_the_time_is_up_and_each_gets_its_own_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count()  # every look at the clock takes one second
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    order: list[str] = []
    times = timing._take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, seconds=40.0)
    assert order == ["a", "b"] * (len(order) // 2)
    assert len(times["a"]) == len(times["b"]) == len(order) // 2 - 1  # the warm-up is not timed
    assert set(times["a"]) == {1.0}
    assert len(times["a"]) > 5


def test_at_least_five_rounds_are_made_when_there_is_no_time_at_all() -> None:
    assert len(timing._take_turns({"a": lambda: None}, seconds=0.0)["a"]) == 5


def test_the_machine_names_its_processor_cores_and_versions() -> None:
    described = timing.machine()
    assert described.processor
    assert described.cores >= 1
    assert described.numpy == np.__version__
    assert described.python == platform.python_version()
    assert described.system.startswith(platform.system())
    assert described.blas


def test_an_unknown_activation_is_named_with_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=f"'sigmoid' is not one of {', '.join(ACTIVATIONS)}"):
        timing.measure_activations(["sigmoid"])
