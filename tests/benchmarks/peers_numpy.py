"""Plain NumPy, one run after the other, in float64: what a careful person writes first.

It is also the reference that every other contestant's numbers are held against, so it shares no code with the engine.
"""

import numpy as np
from threadpoolctl import threadpool_limits

from tests.benchmarks.workloads import Array, Problem, Trained, epoch_by_epoch, targets


class OneByOne:
    """One network at a time, examples by rows."""

    def prepare(self, problems: tuple[Problem, ...], most_seeds: int, threads: int) -> None:
        threadpool_limits(threads, user_api="blas")
        self.problems = problems

    def compile(self) -> None:
        """Nothing to compile."""

    def train(self) -> None:
        self.trained = [train_one_by_one(problem) for problem in self.problems]

    def result(self) -> list[Trained]:
        return self.trained


def train_one_by_one(problem: Problem) -> Trained:
    """Train every run of the problem."""
    shape = problem.runs.shape
    losses, accuracies = np.empty((2, *shape, len(problem.points)))
    final = [np.empty((*shape, w.shape[-2] + 1, w.shape[-1])) for w in problem.weights]
    for group, seed in np.ndindex(shape):
        weights = [w[group, seed].copy() for w in problem.weights]
        biases = [np.zeros(w.shape[-1]) for w in weights]
        orders = None if problem.orders is None else problem.orders[seed]
        losses[group, seed], accuracies[group, seed] = _train(problem, weights, biases, orders)
        for array, w, b in zip(final, weights, biases, strict=True):
            array[group, seed, :-1], array[group, seed, -1] = w, b
    return Trained(problem.runs, losses, accuracies, tuple(final))


def _train(problem: Problem, weights: list[Array], biases: list[Array], orders: Array | None) -> Array:
    x, t, rate = problem.x, targets(problem, "float64"), problem.learning_rate

    def activate(a: Array) -> Array:
        h: Array = np.tanh(a) if problem.activation == "tanh" else 1.0 / (1.0 + np.exp(-a))
        return h

    def forward(rows: Array) -> list[Array]:
        h = [rows]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            h.append(activate(h[-1] @ w + b))
        return [*h, h[-1] @ weights[-1] + biases[-1]]

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

    def record() -> tuple[float, float]:
        return loss_and_accuracy(forward(x)[-1], t)

    return epoch_by_epoch(problem, epoch, record)


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
