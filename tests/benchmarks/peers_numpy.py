"""Plain NumPy, one run after the other, in float64: what a careful person writes first.

It is also the reference that every other contestant's numbers are held against, so it shares no code with the engine.
"""

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from core.schema import PERCENTILES
from tests.benchmarks.looks import Statistics, by_layer
from tests.benchmarks.workloads import Array, Problem, Trained, epoch_by_epoch, targets


class OneByOne:
    """One network at a time, examples by rows."""

    statistics = False

    def prepare(self, problems: tuple[Problem, ...], most_seeds: int, threads: int) -> None:
        threadpool_limits(threads, user_api="blas")
        self.problems = problems

    def compile(self) -> None:
        """Nothing to compile."""

    def train(self) -> None:
        self.trained = [train_one_by_one(problem, self.statistics) for problem in self.problems]

    def result(self) -> list[Trained]:
        return self.trained


class Reference(OneByOne):
    """The same with statistics, for others to be held against."""

    statistics = True


def train_one_by_one(problem: Problem, statistics: bool = False) -> Trained:
    """Train every run of the problem."""
    shape = problem.runs.shape
    found: list[dict[str, Array]] = []
    final = [np.empty((*shape, w.shape[-2] + 1, w.shape[-1])) for w in problem.weights]
    for group, seed in np.ndindex(shape):
        weights = [w[group, seed].copy() for w in problem.weights]
        biases = [np.zeros(w.shape[-1]) for w in weights]
        orders = None if problem.orders is None else problem.orders[seed]
        found.append(_train(problem, weights, biases, orders, statistics))
        for array, w, b in zip(final, weights, biases, strict=True):
            array[group, seed, :-1], array[group, seed, -1] = w, b
    recorded = {name: np.reshape([each[name] for each in found], (*shape, *found[0][name].shape)) for name in found[0]}
    return Trained(problem.runs, recorded.pop("loss"), recorded.pop("accuracy"), tuple(final), recorded)


def _train(
    problem: Problem, weights: list[Array], biases: list[Array], orders: Array | None, statistics: bool
) -> dict[str, Array]:
    x, t, rate = problem.x, targets(problem, "float64"), problem.learning_rate

    def activate(a: Array) -> Array:
        h: Array = np.tanh(a) if problem.activation == "tanh" else 1.0 / (1.0 + np.exp(-a))
        return h

    def forward(rows: Array) -> list[Array]:
        h = [rows]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            h.append(activate(h[-1] @ w + b))
        return [*h, h[-1] @ weights[-1] + biases[-1]]

    def look() -> Statistics:
        h = forward(x[: problem.probe])[:-1]
        a = [below @ w + b for below, w, b in zip(h, weights, biases, strict=True)]
        return by_layer([_weights(w, b) for w, b in zip(weights, biases, strict=True)]) | by_layer(
            [
                _spread(own, problem, "preactivation")
                | (_spread(h[i], problem, "activation") | _saturation(own, problem) if i <= len(a) - 1 else {})
                for i, own in enumerate(a, 1)
            ]
        )

    def update(rows: Array, wanted: Array) -> None:
        *h, logits = forward(rows)
        delta = (_probabilities(logits) - wanted) / len(rows)
        for layer in range(len(weights) - 1, -1, -1):
            w_gradient, b_gradient = h[layer].T @ delta, delta.sum(axis=0)
            if layer:
                slope = 1.0 - h[layer] ** 2 if problem.activation == "tanh" else h[layer] * (1.0 - h[layer])
                delta = (delta @ weights[layer].T) * slope
            weights[layer] -= rate * w_gradient
            biases[layer] -= rate * b_gradient

    def epoch(number: int) -> None:
        if orders is None:
            update(x, t)
            return
        order = orders[number]
        for begin in range(0, len(x), problem.batch):
            rows = order[begin : begin + problem.batch]
            update(x[rows], t[rows])

    def record() -> dict[str, Any]:
        loss, accuracy = loss_and_accuracy(forward(x)[-1], t)
        found = {"loss": loss, "accuracy": accuracy}
        if not statistics:
            return found
        test = loss_and_accuracy(forward(problem.test_x)[-1], targets(problem, "float64", problem.test_y))
        return found | dict(zip(("test_loss", "test_accuracy"), test, strict=True)) | look()

    return epoch_by_epoch(problem, epoch, record)


def _weights(w: Array, b: Array) -> Statistics:
    return {"weight_std": w.std(), "weight_rms": np.sqrt(np.mean(w**2)), "bias_rms": np.sqrt(np.mean(b**2))}


def _spread(values: Array, problem: Problem, name: str) -> Statistics:
    """Of a or h of one layer, (examples, units)."""
    edges = np.nan_to_num(problem.edges[name], posinf=np.finfo(float).max, neginf=-np.finfo(float).max)
    return {
        f"{name}_mean": values.mean(),
        f"{name}_std": values.std(),
        f"{name}_percentiles": np.percentile(values, PERCENTILES, method="nearest"),
        f"{name}_counts": np.histogram(values, edges)[0],
    }


def _saturation(a: Array, problem: Problem) -> Statistics:
    h = np.tanh(a) if problem.activation == "tanh" else 1.0 / (1.0 + np.exp(-a))
    slope = 1.0 - h**2 if problem.activation == "tanh" else 4.0 * h * (1.0 - h)
    flat = slope < problem.threshold
    return {
        "saturated_low": np.mean(flat & (a < 0)),
        "saturated_high": np.mean(flat & (a > 0)),
        "saturated": flat.mean(),
        "saturated_neurons": np.mean(flat.mean(axis=0) >= 0.95),
    }


def _probabilities(logits: Array) -> Array:
    if logits.shape[1] == 1:
        logistic: Array = 1.0 / (1.0 + np.exp(-logits))
        return logistic
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax: Array = e / e.sum(axis=1, keepdims=True)
    return softmax


def loss_and_accuracy(logits: Array, t: Array) -> tuple[float, float]:
    """Mean cross-entropy and accuracy of logits (examples, outputs)."""
    if t.shape[1] == 1:
        return float(np.mean(np.logaddexp(0.0, logits) - t * logits)), float(np.mean((logits > 0.0) == t))
    shifted = logits - logits.max(axis=1, keepdims=True)
    loss = np.mean(np.log(np.exp(shifted).sum(axis=1)) - (shifted * t).sum(axis=1))
    return float(loss), float(np.mean(logits.argmax(axis=1) == t.argmax(axis=1)))
