"""What activation functions cost on this machine, measured: alone, and as a share of a training step.

Everything runs as it does in training: the registry's functions on preallocated arrays, one BLAS thread. Calls that
are compared take turns, so that a stall of the machine hits all of them, and the median of a call's times is kept.
Rows are frozen dataclasses: `pandas.DataFrame(rows)` is the tidy table.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.engine.network import Workspaces, augment, back_propagate, encode_targets, propagate, weight_gradients
from core.machine.blas import one_blas_thread
from core.registries.activations import ACTIVATIONS, Activation
from core.registries.losses import LOSSES
from core.theory.theory import resolve

Dtype = Literal["float32", "float64"]
DTYPES: tuple[Dtype, ...] = ("float32", "float64")
ELEMENTS = 1 << 16  # large against the cost of a NumPy call, small enough for a core's own cache
WIDTHS = (8, 16, 32, 64, 128, 256, 512)
NETWORKS = 4
HIDDEN_LAYERS = 3
BATCH = 32
CLASSES = 10
_FEWEST_ROUNDS = 5
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Machine:
    """Where a measurement was taken.

    Attributes:
        processor: its model as it names itself.
        cores: how many this process may use.
        system: operating system and architecture.
        python, numpy: versions.
        blas: library behind NumPy's matrix products.
    """

    processor: str
    cores: int
    system: str
    python: str
    numpy: str
    blas: str


def machine() -> Machine:
    """This machine."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        numpy=np.__version__,
        blas=f"{blas['name']} {blas['version']}",
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


@dataclass(frozen=True)
class ActivationCost:
    """Time of one activation function in one direction.

    Attributes:
        activation: registry name.
        dtype: of the arrays.
        direction: forward (h = f(a)) or backward (f' from h, times the gradient that arrives).
        seconds_per_element: median over the repeats.
        repeats: how often `ELEMENTS` elements were timed.
    """

    activation: str
    dtype: Dtype
    direction: Literal["forward", "backward"]
    seconds_per_element: float
    repeats: int


def measure_activations(
    activations: Sequence[str] = tuple(ACTIVATIONS), dtypes: Sequence[Dtype] = DTYPES, seconds: float = 1.0
) -> tuple[ActivationCost, ...]:
    """Seconds per element of each activation, forward and backward, in about `seconds` altogether."""
    calls: dict[tuple[str, Dtype, Literal["forward", "backward"]], Callable[[], object]] = {}
    for dtype in dtypes:
        a = np.random.default_rng(0).standard_normal(ELEMENTS).astype(dtype)
        for name in activations:
            forward, backward = _passes(resolve(name), a)
            calls[name, dtype, "forward"] = forward
            calls[name, dtype, "backward"] = backward
    with one_blas_thread():
        times = _take_turns(calls, seconds)
    return tuple(
        ActivationCost(name, dtype, direction, statistics.median(taken) / ELEMENTS, len(taken))
        for (name, dtype, direction), taken in times.items()
    )


def _passes(activation: Activation, a: NDArray[Any]) -> tuple[Callable[[], object], Callable[[], object]]:
    """The forward and the backward pass of an activation on an array, each into buffers of its own."""
    output, slope, delta = np.empty_like(a), np.empty_like(a), np.ones_like(a)
    h = activation.quick_forward(a, out=np.empty_like(a))

    def forward() -> None:
        activation.quick_forward(a, out=output)

    def backward() -> None:
        if activation.slope_from_output is None:
            activation.slope(a, out=slope)
        else:
            activation.slope_from_output(h, out=slope)
        np.multiply(delta, slope, out=slope)

    return forward, backward


@dataclass(frozen=True)
class StepCost:
    """Time of a training step, and of the activation functions in it.

    Attributes:
        activation: registry name.
        dtype: of the arrays.
        width: units of each hidden layer, and inputs.
        seconds_per_step: median time of one update of one network: forward, backward, gradients, update.
        seconds_in_activation: median time of the hidden layers' forward and backward activations in it.
        share: seconds_in_activation / seconds_per_step.
        repeats: how often each was timed.
    """

    activation: str
    dtype: Dtype
    width: int
    seconds_per_step: float
    seconds_in_activation: float
    share: float
    repeats: int


def measure_steps(
    activations: Sequence[str] = ("logistic", "tanh", "relu"),
    widths: Sequence[int] = WIDTHS,
    dtype: Dtype = "float32",
    seconds: float = 2.0,
) -> tuple[StepCost, ...]:
    """The activations' share of a training step at each layer width, in about `seconds` altogether.

    As in a sweep, `NETWORKS` networks of `HIDDEN_LAYERS` equal hidden layers train at once on batches of `BATCH`
    examples; times are per network.
    """
    rows = []
    for width in widths:
        calls: dict[tuple[str, str], Callable[[], object]] = {}
        for name in activations:
            step, only_activations = _steps(resolve(name), width, dtype)
            calls[name, "step"] = step
            calls[name, "activation"] = only_activations
        with one_blas_thread():
            times = _take_turns(calls, seconds / len(widths))
        for name in activations:
            step_seconds = statistics.median(times[name, "step"]) / NETWORKS
            activation_seconds = statistics.median(times[name, "activation"]) / NETWORKS
            share = activation_seconds / step_seconds
            repeats = len(times[name, "step"])
            rows.append(StepCost(name, dtype, width, step_seconds, activation_seconds, share, repeats))
    return tuple(rows)


def _steps(activation: Activation, width: int, dtype: Dtype) -> tuple[Callable[[], object], Callable[[], object]]:
    """A whole training step, and its hidden layers' activation passes alone."""
    rng = np.random.default_rng(0)
    sizes = (width, *[width] * HIDDEN_LAYERS, CLASSES)
    weights = [
        (rng.standard_normal((NETWORKS, fan_out, fan_in + 1)) / np.sqrt(fan_in)).astype(dtype)
        for fan_in, fan_out in pairwise(sizes)
    ]
    updates = [np.empty_like(weight) for weight in weights]
    by_example = augment(rng.standard_normal((BATCH, width)), True, dtype)
    inputs = np.ascontiguousarray(by_example.T)
    targets = encode_targets(rng.integers(0, CLASSES, BATCH), CLASSES, dtype)
    work = Workspaces((NETWORKS,), sizes, dtype, True, activation).of(BATCH)
    delta = LOSSES["cross_entropy"].delta
    rate = np.asarray(1e-6 / BATCH, dtype)  # so small that the weights stay where they are, whatever the repeats

    def step() -> None:
        logits = propagate(weights, inputs, work, activation)
        delta(logits, targets)
        np.multiply(logits, rate, out=logits)
        back_propagate(weights, work, activation)
        weight_gradients(by_example, work, updates)
        for weight, update in zip(weights, updates, strict=True):
            np.subtract(weight, update, out=weight)

    a = rng.standard_normal((NETWORKS, width, BATCH)).astype(dtype)
    passes = [one_pass for _ in range(HIDDEN_LAYERS) for one_pass in _passes(activation, a)]

    def only_activations() -> None:
        for one_pass in passes:
            one_pass()

    return step, only_activations


def _take_turns(calls: Mapping[Key, Callable[[], object]], seconds: float) -> dict[Key, list[float]]:
    """Times of each call: all of them in rounds until `seconds` have passed, and in at least five rounds."""
    for call in calls.values():
        call()  # the first is slower: pages and caches are cold
    times: dict[Key, list[float]] = {key: [] for key in calls}
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < _FEWEST_ROUNDS or time.perf_counter() < end:
        for key, call in calls.items():
            begin = time.perf_counter()
            call()
            times[key].append(time.perf_counter() - begin)
        rounds += 1
    return times
