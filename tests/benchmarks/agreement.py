"""Whether contestants do the same maths: nobody's time counts before their numbers agree.

The reference is plain NumPy in float64. Where the engine in float64 parts from it, training amplifies differences in
rounding: such a run is chaotic, no two ways to sum agree on it, and only its initial loss is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.workloads import Array, Trained

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
"""Largest difference allowed: of losses per 1 + loss, of a run's weights relative to their length."""
STATISTIC_TOLERANCE = 1e-3
"""Of statistics per 1 + value, and of counts as a share of all that is counted: where a value lies next to the border
between two bins, or of saturation, rounding decides."""
SHARES_OF_FEW = {"test_accuracy": 0.01, "saturated_neurons": 0.13}
"""Of shares of so few that one of them, a test example or a unit, is more than that."""


class DisagreementError(AssertionError):
    """A contestant's numbers are not those of the reference."""


@dataclass(frozen=True)
class Difference:
    """How far a contestant is from the reference.

    Attributes:
        runs: runs compared.
        loss: largest difference of a recorded loss, divided by 1 + loss.
        weights: largest difference of a run's final weights, relative to their length.
        statistics: largest difference of a statistic, in units of what is allowed of it; 0 where there are none.
    """

    runs: int
    loss: float
    weights: float
    statistics: float = 0.0


def chaotic_runs(reference: Sequence[Trained], exact: Sequence[Trained]) -> frozenset[int]:
    """Runs on which two float64 trainings of the same maths part."""
    found = set()
    for wanted in (part.flat() for part in reference):
        runs, _, weights = _differences(wanted, exact)
        found |= {int(run) for run in runs[~(weights <= TOLERANCE["float64"])]}
    return frozenset(found)


def check(
    name: str, reference: Sequence[Trained], given: Sequence[Trained], dtype: str, chaotic: frozenset[int] = frozenset()
) -> Difference:
    """Compare every run that both have; raises DisagreementError where the difference exceeds the tolerance."""
    compared, loss, weights = 0, 0.0, 0.0
    for wanted in (part.flat() for part in reference):
        runs, run_loss, run_weights = _differences(wanted, given)
        orderly = ~np.isin(runs, list(chaotic))
        compared += len(runs)
        if orderly.any():
            loss = max(loss, float(run_loss[orderly].max()))
            weights = max(weights, float(run_weights[orderly].max()))
        start = _first_losses(wanted, given)
        loss = max(loss, start)
    tolerance = TOLERANCE[dtype]
    if not compared:
        raise DisagreementError(f"{name} has none of the reference's runs")
    if not (loss <= tolerance and weights <= tolerance):
        raise DisagreementError(f"{name}: losses differ by {loss:.1e}, weights by {weights:.1e} (up to {tolerance:g})")
    return Difference(compared, loss, weights, _check_statistics(name, reference, given, chaotic))


def _check_statistics(
    name: str, reference: Sequence[Trained], given: Sequence[Trained], chaotic: frozenset[int]
) -> float:
    """Of chaotic runs only those before training."""
    worst = {"": 0.0}
    for wanted in (part.flat() for part in reference):
        for place, part in _common(wanted, given):
            first = np.isin(part.runs, list(chaotic))
            for statistic, theirs in part.statistics.items():
                apart = _apart(statistic, wanted.statistics[statistic][place], theirs)
                apart[first, 1:] = 0.0
                worst[statistic] = max(worst.get(statistic, 0.0), float(apart.max()))
    far = {statistic: apart for statistic, apart in worst.items() if not apart <= 1.0}
    if far:
        listed = ", ".join(f"{statistic} by {apart:.1e}" for statistic, apart in far.items())
        raise DisagreementError(f"{name}: statistics differ, in units of what is allowed: {listed}")
    return max(worst.values())


def _apart(statistic: str, ours: Array, theirs: Array) -> Array:
    """(runs, points, ...)."""
    apart: Array
    if statistic.endswith("_counts"):
        apart = np.abs(ours - theirs).sum(axis=-1) / ours.sum(axis=-1)
    else:
        apart = np.abs(ours - theirs) / (1.0 + np.abs(ours))
    apart /= SHARES_OF_FEW.get(statistic, STATISTIC_TOLERANCE)
    return apart


def _common(wanted: Trained, given: Sequence[Trained]) -> list[tuple[Array, Trained]]:
    """For each of the given trainings that shares runs with `wanted`: the places of those in `wanted`, and itself."""
    found = []
    for part in (part.flat() for part in given):
        chosen = np.isin(part.runs, wanted.runs)
        if chosen.any():
            kept = part.mapped(lambda values, chosen=chosen: values[chosen])  # type: ignore[misc]
            found.append((np.searchsorted(wanted.runs, kept.runs), kept))
    return found


def _differences(wanted: Trained, given: Sequence[Trained]) -> tuple[NDArray[np.int64], Array, Array]:
    """Run numbers, and per run the differences of losses and of weights."""
    runs, losses, weights = [], [], []
    for place, part in _common(wanted, given):
        points = min(part.losses.shape[1], wanted.losses.shape[1])
        if points:
            ours, theirs = wanted.losses[place, -points:], part.losses[:, -points:]
            losses.append((np.abs(ours - theirs) / (1.0 + ours)).max(axis=1))
        else:
            losses.append(np.zeros(len(place)))
        apart, length = np.zeros(len(place)), np.zeros(len(place))
        for ours, theirs in zip(wanted.weights, part.weights, strict=True):
            apart += np.square(ours[place] - theirs).sum(axis=(1, 2))
            length += np.square(ours[place]).sum(axis=(1, 2))
        weights.append(np.sqrt(apart / length))
        runs.append(part.runs)
    if not runs:
        return np.empty(0, np.int64), np.empty(0), np.empty(0)
    return np.concatenate(runs), np.concatenate(losses), np.concatenate(weights)


def _first_losses(wanted: Trained, given: Sequence[Trained]) -> float:
    """Largest difference of the loss before training, among those who record it."""
    apart = [
        float((np.abs(wanted.losses[place, 0] - part.losses[:, 0]) / (1.0 + wanted.losses[place, 0])).max())
        for place, part in _common(wanted, given)
        if part.losses.shape[1] == wanted.losses.shape[1]
    ]
    return max(apart, default=0.0)
