"""Descent over two weights in tables and words: paths, where single examples pull, and how far each path goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from core.text import count, listed, number, percent, share, words
from core.theory.neuron import (
    QUADRANTS,
    Conditioning,
    Neuron,
    Path,
    allowed_directions,
    conditioning,
    contours,
    descend,
    loss_surface,
    make_neuron,
    sign_pattern,
)

FUNCTIONS = ("logistic", "tanh", "centred_logistic", "steep_logistic", "steep_centred_logistic", "softsign", "relu")
COMPARED = FUNCTIONS[:3]
EXAMPLE, BATCH = UPDATES = ("one example", "full batch")
EXAMPLES = 200
SOLUTION = (1.0, -1.0)
GOAL = 0.01
REACH = 2.5  # the weights drawn go from -REACH to REACH
TILE = 0.25  # a start can be picked on a grid this fine
SHARES = (0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)  # of the greatest loss drawn: where the contours are

LIMITS = f"""
The quadrant rule holds exactly for a single example. A full-batch step adds all of them up and may go anywhere; it
costs {EXAMPLES} examples where the other costs one, so compare steps within a kind of update. A limit is the learning
rate above which, without momentum, a step can make worse the very loss that it descends: 2 over the largest eigenvalue
of the Hessian for the full batch, 2 over the largest |h|² for one example. One rate for all favours whichever it suits.
"""
VALLEY = f"""
A condition number of 1 is a round bowl; the larger, the longer and narrower the valley. The formula is for infinitely
many independent examples; what is measured is of these {EXAMPLES}. The mean μ comes in squared: activations centred on
0 add nothing to κ. The neuron is linear with a squared error, and learns to answer as one with w₁ = 1 and w₂ = −1
does.
"""
KEY = f"""
Solid: updates from one example; dashed: from the full batch. Ring: the start; click anywhere for another. Cross: the
minimum. Four squares round the current point: share of the {EXAMPLES} examples that would each step into that quadrant.
"""


@dataclass(frozen=True)
class Descent:
    """What to descend, and how.

    Attributes:
        start: the first weights.
        own_rates: whether `rate` is a share of each path's own largest rate, or one learning rate for all.
        rate: that share, or that learning rate.
        momentum: heavy-ball momentum.
        steps: number of updates.
        std: standard deviation of the pre-activations.
        draw: seed of the examples and of their order.
    """

    start: tuple[float, float] = (-1.5, 1.5)
    own_rates: bool = True
    rate: float = 0.6
    momentum: float = 0.0
    steps: int = 60
    std: float = 1.0
    draw: int = 0

    def neuron(self, function: str) -> Neuron:
        """The neuron that is fed by `function`."""
        return _neuron(function, self.std, self.draw)

    def learning_rate(self, condition: Conditioning, updates: str) -> float:
        """The learning rate of a path on that neuron."""
        largest = condition.largest_rate_per_example if updates == EXAMPLE else condition.largest_rate
        return self.rate * largest if self.own_rates else self.rate

    def path(self, function: str, updates: str) -> Path:
        """Its path with updates of one example or of the full batch."""
        neuron = self.neuron(function)
        rate = self.learning_rate(_conditioning(neuron), updates)
        size = 1 if updates == EXAMPLE else None
        return descend(neuron, self.start, rate, self.steps, size, self.momentum, self.draw)

    def paths(self, functions: Sequence[str], updates: Sequence[str]) -> dict[tuple[str, str], Path]:
        """The paths of all `functions` with all `updates`."""
        return {(function, kind): self.path(function, kind) for function in functions for kind in updates}


# A descent asks for them again and again.
_conditioning = lru_cache(maxsize=64)(conditioning)


@lru_cache(maxsize=64)
def _neuron(function: str, std: float, draw: int) -> Neuron:
    return make_neuron(function, std, EXAMPLES, SOLUTION, seed=draw)


def path_table(paths: dict[tuple[str, str], Path]) -> pd.DataFrame:
    """All paths, by function and updates: columns function, updates, step, w1, w2, loss, share, direction.

    `share` is the loss over the first loss.
    """
    names: dict[str, list[str]] = {
        column: [key[place] for key, path in paths.items() for _ in path.direction]
        for place, column in enumerate(("function", "updates"))
    }
    each = [
        path.columns() | {"share": path.loss / path.loss[0] if path.loss[0] > 0 else np.full(len(path.loss), np.nan)}
        for path in paths.values()
    ]
    return pd.DataFrame(names | {name: np.concatenate([columns[name] for columns in each]) for name in each[0]})


def contour_table(neuron: Neuron) -> pd.DataFrame:
    """Lines of equal loss round the solution: columns loss, order, w1, w2."""
    edge = np.array([-REACH, REACH])
    top = float(loss_surface(neuron, edge[np.newaxis, :], edge[:, np.newaxis]).max())
    lines = contours(neuron, [share * top for share in SHARES], points=72)
    return pd.DataFrame(
        {
            "loss": np.concatenate([np.full(len(line.w1), line.loss) for line in lines]),
            "order": np.concatenate([np.arange(len(line.w1)) for line in lines]),
            "w1": np.concatenate([line.w1 for line in lines]),
            "w2": np.concatenate([line.w2 for line in lines]),
        }
    )


def tile_table(neuron: Neuron) -> pd.DataFrame:
    """The starts that can be picked, and the loss there: columns w1, w2, loss."""
    at = np.arange(-REACH, REACH + TILE / 2, TILE)
    w1, w2 = (grid.ravel() for grid in np.meshgrid(at, at))
    return pd.DataFrame({"w1": w1, "w2": w2, "loss": loss_surface(neuron, w1, w2)})


def direction_table(neuron: Neuron, weights: tuple[float, float]) -> pd.DataFrame:
    """Into which quadrant single examples would step from `weights`: columns w1, w2, x, y, pattern, count, share."""
    counts = allowed_directions(neuron, weights)
    rows = [
        {
            "w1": weights[0],
            "w2": weights[1],
            "x": x,
            "y": y,
            "pattern": pattern,
            "count": counts[pattern],
            "share": counts[pattern] / len(neuron.h),
        }
        for pattern, (x, y) in QUADRANTS.items()
    ]
    return pd.DataFrame(rows)


def summary_table(descent: Descent, paths: dict[tuple[str, str], Path]) -> pd.DataFrame:
    """One row a path: its learning rate, length against the straight line, and steps to GOAL of the first loss."""
    steps = [None if path.diverged else path.steps_to(GOAL) for path in paths.values()]
    rates = [descent.learning_rate(_conditioning(descent.neuron(name)), updates) for name, updates in paths]
    return pd.DataFrame(
        {
            "function": [words(name) for name, _ in paths],
            "updates": [updates for _, updates in paths],
            "learning_rate": rates,
            "path_length": [path.path_length for path in paths.values()],
            "straight_line": [path.distance for path in paths.values()],
            "tortuosity": np.array([path.tortuosity for path in paths.values()], np.float64),
            "mean_cosine": np.array([path.mean_cosine for path in paths.values()], np.float64),
            "steps_to_goal": pd.array(steps, dtype="Int64"),
            "outcome": [
                "diverged" if path.diverged else "not reached" if to_goal is None else "reached"
                for path, to_goal in zip(paths.values(), steps, strict=True)
            ],
        }
    )


def condition_table(neurons: dict[str, Neuron]) -> pd.DataFrame:
    """One row a function: mean and spread of what feeds the neuron, its condition number and the formula's."""
    named = {
        "mu": "mean",
        "sigma": "std",
        "measured": "condition_measured",
        "formula": "condition_formula",
        "largest_rate": "largest_rate_full_batch",
        "largest_rate_per_example": "largest_rate_one_example",
    }
    found = [_conditioning(neuron) for neuron in neurons.values()]
    columns = {column: [getattr(each, name) for each in found] for name, column in named.items()}
    return pd.DataFrame({"function": list(map(words, neurons))} | columns)


def direction_words(directions: dict[str, pd.DataFrame], step: int) -> str:
    """How many examples pull straight towards the minimum from the point of each path after `step` steps."""
    parts = []
    for function, table in directions.items():
        wanted = sign_pattern(*(best - table[name].iloc[0] for best, name in zip(SOLUTION, ("w1", "w2"), strict=True)))
        counts = dict(zip(table["pattern"].to_list(), table["count"].to_list(), strict=True))
        towards, free = counts.get(wanted, 0), sum(number > 0 for number in counts.values())
        said = share(towards / EXAMPLES) if "0" not in wanted else "at it" if wanted == "00" else "on one axis with it"
        parts.append(f"{words(function)} {said} ({free} of 4 quadrants open)")
    return f"After {count(step, 'step')}, single examples that step into the quadrant of the minimum: {listed(parts)}."


def outside_words(paths: pd.DataFrame, step: int) -> str:
    """Which paths are off the chart after `step` steps; "" if none is."""
    steps = paths["step"].to_numpy()
    known = np.flatnonzero(steps <= step)
    now = known[np.diff(steps[known], append=-1) <= 0]  # after the last step of a path comes the first of another
    last = zip(*(paths[name].array.take(now).tolist() for name in ("function", "updates", "w1", "w2")), strict=True)
    names = [f"{words(name)} ({kind})" for name, kind, *at in last if max(map(abs, at)) > REACH]
    return f"Now off the chart: {listed(names)}." if names else ""


def summary_words(summary: pd.DataFrame, plain: pd.DataFrame) -> list[str]:
    """What the paths show: detours of single examples, and full-batch steps to the goal with and without momentum.

    Args:
        summary: `summary_table` of the paths shown.
        plain: the same without momentum; the same table where there is none.
    """
    said = []
    columns = [summary[name].to_list() for name in summary]
    rows: list[dict[str, Any]] = [dict(zip(map(str, summary), row, strict=True)) for row in zip(*columns, strict=True)]
    single = [row for row in rows if row["updates"] == EXAMPLE and not pd.isna(row["tortuosity"])]
    if single:
        parts = [f"{row['function']} {number(row['tortuosity'])}" for row in single]
        said.append(f"Path length over the straight line, one example at a time: {listed(parts)}.")
    batch = [row for row in rows if row["updates"] == BATCH]
    if batch:
        parts = [
            f"{row['function']} {row['outcome'] if pd.isna(row['steps_to_goal']) else row['steps_to_goal']}"
            for row in batch
        ]
        said.append(f"Full-batch steps to {percent(GOAL)} of the first loss: {listed(parts)}.")
    gap, gap_plain = (_gap(table) for table in (summary, plain))
    if gap is not None and plain is not summary and gap_plain is not None:
        change = "less than" if gap < gap_plain else "more than" if gap > gap_plain else "just as"
        without = "" if gap == gap_plain else "as many " if gap_plain == 1 else f"the {number(gap_plain)} times "
        said.append(f"With this momentum the slowest needs {_times(gap)} the fastest, {change} {without}without.")
    return said


def _times(gap: float) -> str:
    return "as many steps as" if gap == 1 else f"{number(gap)} times the steps of"


def _gap(summary: pd.DataFrame) -> float | None:
    """Most over least full-batch steps to the goal; None unless all paths, two or more, took at least one step."""
    kinds, steps = summary["updates"].to_list(), summary["steps_to_goal"].to_list()
    steps = [number for kind, number in zip(kinds, steps, strict=True) if kind == BATCH]
    if len(steps) < 2 or any(map(pd.isna, steps)) or min(steps) < 1:
        return None
    return float(max(steps) / min(steps))
