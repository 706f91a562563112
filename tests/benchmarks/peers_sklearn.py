"""scikit-learn's MLPClassifier, one run after the other: one call of `fit` each.

Its own code trains; only the initial weights and the order of examples are put in its hands. It records its running
training loss; the loss and accuracy over the whole set are computed once, at the end, outside its clock.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from tests.benchmarks.peers_numpy import loss_and_accuracy
from tests.benchmarks.workloads import Array, Problem, Trained, targets

DTYPE = "float32"


class _Orders(np.random.RandomState):
    """A random state whose shuffles bring the examples into the given orders, one after the other.

    scikit-learn shuffles what the last shuffle left, so each is told relative to the one before.
    """

    def __init__(self, orders: NDArray[np.int64]) -> None:
        super().__init__(0)
        self.orders = iter(orders)
        self.place = np.arange(orders.shape[1])  # where each example stands now

    def shuffle(self, x: Any) -> None:
        order = next(self.orders)
        x[:] = self.place[order]
        self.place = np.argsort(order)


class _Classifier(MLPClassifier):  # type: ignore[misc] # scikit-learn has no types
    """Starts from given weights, with biases of 0."""

    def __init__(self, initial: tuple[Array, ...] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self.initial = initial

    def _initialize(self, y: Array, layer_units: list[int], dtype: Any) -> None:
        super()._initialize(y, layer_units, dtype)
        self.coefs_ = [w.astype(dtype) for w in self.initial]
        self.intercepts_ = [np.zeros(w.shape[1], dtype) for w in self.initial]


class OneByOne:
    """One `fit` per run."""

    def prepare(self, problems: tuple[Problem, ...], most_seeds: int, threads: int) -> None:
        threadpool_limits(threads, user_api="blas")
        self.problems = problems

    def compile(self) -> None:
        """Nothing to compile."""

    def train(self) -> None:
        self.fitted = [
            [_fit(problem, group, seed) for group, seed in np.ndindex(problem.runs.shape)] for problem in self.problems
        ]

    def result(self) -> list[Trained]:
        return [_trained(problem, fitted) for problem, fitted in zip(self.problems, self.fitted, strict=True)]


def _fit(problem: Problem, group: int, seed: int) -> _Classifier:
    orders = None if problem.orders is None else problem.orders[seed]
    classifier = _Classifier(
        initial=tuple(w[group, seed] for w in problem.weights),
        hidden_layer_sizes=problem.sizes[1:-1],
        activation=problem.activation,
        solver="sgd",
        momentum=0.0,
        alpha=0.0,
        learning_rate_init=problem.learning_rate,
        batch_size=problem.batch,
        max_iter=problem.epochs,
        tol=0.0,
        n_iter_no_change=problem.epochs + 1,
        shuffle=orders is not None,
        random_state=None if orders is None else _Orders(orders),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(problem.x.astype(DTYPE), problem.y)
    return classifier


def _trained(problem: Problem, fitted: list[_Classifier]) -> Trained:
    shape = problem.runs.shape
    x, t = problem.x, targets(problem, "float64")
    found = []
    for classifier in fitted:
        h = x
        for w, b in zip(classifier.coefs_[:-1], classifier.intercepts_[:-1], strict=True):
            a = h @ w + b
            h = np.tanh(a) if problem.activation == "tanh" else 1.0 / (1.0 + np.exp(-a))
        found.append(loss_and_accuracy(h @ classifier.coefs_[-1] + classifier.intercepts_[-1], t))
    losses, accuracies = np.array(found).T.reshape(2, *shape, 1)
    weights = tuple(
        np.stack([np.concatenate([c.coefs_[i], c.intercepts_[i][None]]) for c in fitted]).reshape(
            *shape, fan_in + 1, -1
        )
        for i, fan_in in enumerate(problem.sizes[:-1])
    )
    return Trained(problem.runs, losses, accuracies, weights)
