r"""One neuron and its incoming weights: the lecture's drawn network, and descent over two weights.

Two small worlds in which every number can be shown:

- *Gradient paths*: two inputs, two hidden units with outputs h21 and h22, one hidden unit h3, one output. The
  gradients of w1 (from h21) and w2 (from h22) share a factor, so their signs are tied to those of h21 and h22.
- *Zigzag*: a neuron with two weights, fed by two activations, descends a convex loss whose minimum is known.

Sign patterns are strings of "+", "-" and "0", first w1 then w2: "+-" is up in w1 and down in w2.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.registries.activations import Activation
from core.theory.theory import condition_number, resolve

Floats = NDArray[np.float64]
QUADRANTS = {"++": (1, 1), "-+": (-1, 1), "--": (-1, -1), "+-": (1, -1)}


def sign_pattern(first: float, second: float) -> str:
    """The signs of two numbers as a pattern: (2.0, -0.1) -> "+-"."""
    return "".join("+" if value > 0 else "-" if value < 0 else "0" for value in (first, second))


def _count_patterns(pairs: Floats) -> dict[str, int]:
    """How often each quadrant occurs among pairs (n, 2), all four listed; patterns with a zero under "zero"."""
    first, second = ({1: one > 0, -1: one < 0} for one in pairs.T)
    result = {pattern: int(np.count_nonzero(first[x] & second[y])) for pattern, (x, y) in QUADRANTS.items()}
    return result | {"zero": len(pairs) - sum(result.values())}


# Gradient paths: the drawn network


@dataclass(frozen=True)
class DrawnNetwork:
    """The lecture's drawn network, without biases: its inputs, weights and target.

    h21 = f(u11 x1 + u21 x2), h22 = f(u12 x1 + u22 x2), h3 = f(w1 h21 + w2 h22), y = v h3, loss (y - target)^2 / 2.
    """

    x1: float = 0.6
    x2: float = -1.2
    u11: float = 0.8
    u21: float = 0.5
    u12: float = -0.7
    u22: float = -0.9
    w1: float = 0.4
    w2: float = -0.6
    v: float = 1.0
    target: float = 1.0


class Factor(NamedTuple):
    """One factor of a gradient: its symbol and its formula as LaTeX, and its value."""

    symbol: str
    formula: str
    value: float


@dataclass(frozen=True)
class GradientPaths:
    """Every value of the drawn network on one example, and the gradients of w1 and w2 factor by factor.

    Attributes:
        a21, h21, a22, h22, a3, h3, y, loss: forward values.
        shared: the factors in the bracket that both gradients have in common, output side first.
        own: the factor of w1 alone (h21) and that of w2 alone (h22).
        gradient_w1, gradient_w2: of the loss: the product of `shared` times the weight's own factor.
        step_patterns: the sign patterns that a gradient step of (w1, w2) can have on this example, whatever the
            sign of the bracket: that of (h21, h22) and its opposite.
    """

    a21: float
    h21: float
    a22: float
    h22: float
    a3: float
    h3: float
    y: float
    loss: float
    shared: tuple[Factor, ...]
    own: tuple[Factor, Factor]
    gradient_w1: float
    gradient_w2: float
    step_patterns: tuple[str, str]

    @property
    def bracket(self) -> float:
        """The product of the shared factors: the derivative of the loss with respect to a3."""
        return math.prod(factor.value for factor in self.shared)

    @property
    def pattern(self) -> str:
        """The signs of the two gradients; a step of descent has the opposite ones."""
        return sign_pattern(self.gradient_w1, self.gradient_w2)


def gradient_paths(network: DrawnNetwork, activation: str | Activation) -> GradientPaths:
    """Forward values and factored gradients of the drawn network on its one example."""
    function = resolve(activation)
    a2, h2, a3, h3, y = _forward(network, function, np.array([[network.x1, network.x2]]))
    error = float(y[0]) - network.target
    slope = float(function.slope(a3)[0])
    shared = (
        Factor(r"\frac{\partial L}{\partial y}", r"y - t", error),
        Factor(r"\frac{\partial y}{\partial h_3}", r"v", network.v),
        Factor(r"\frac{\partial h_3}{\partial a_3}", r"f'(a_3)", slope),
    )
    h21, h22 = (float(value) for value in h2[0])
    bracket = error * network.v * slope
    return GradientPaths(
        a21=float(a2[0, 0]),
        h21=h21,
        a22=float(a2[0, 1]),
        h22=h22,
        a3=float(a3[0]),
        h3=float(h3[0]),
        y=float(y[0]),
        loss=0.5 * error * error,
        shared=shared,
        own=(
            Factor(r"\frac{\partial a_3}{\partial w_1}", r"h_{21}", h21),
            Factor(r"\frac{\partial a_3}{\partial w_2}", r"h_{22}", h22),
        ),
        gradient_w1=bracket * h21,
        gradient_w2=bracket * h22,
        step_patterns=(sign_pattern(h21, h22), sign_pattern(-h21, -h22)),
    )


def sign_combinations(
    network: DrawnNetwork, activation: str | Activation, examples: int = 10_000, seed: int = 0
) -> dict[str, int]:
    """Counts of the sign patterns of (gradient of w1, gradient of w2) over random examples.

    Inputs and target are drawn from N(0, 1), the weights stay the network's.

    Returns:
        Counts under "++", "-+", "--" and "+-", and under "zero" the examples on which a gradient is exactly 0.
    """
    function = resolve(activation)
    drawn = _drawn(examples, seed)
    _, h2, a3, _, y = _forward(network, function, drawn[:, :2])
    bracket = (y - drawn[:, 2]) * network.v * function.slope(a3)
    return _count_patterns(bracket[:, np.newaxis] * h2)


@lru_cache(maxsize=4)
def _drawn(examples: int, seed: int) -> Floats:
    """Inputs and targets, the same for all networks: to be read only."""
    return np.random.default_rng(seed).standard_normal((examples, 3))


def _forward(network: DrawnNetwork, function: Activation, x: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """a2, h2 of shape (n, 2) and a3, h3, y of shape (n,) for inputs x (n, 2)."""
    a2 = x @ np.array([[network.u11, network.u12], [network.u21, network.u22]])
    h2 = function.forward(a2)
    a3 = h2 @ np.array([network.w1, network.w2])
    h3 = function.forward(a3)
    return a2, h2, a3, h3, network.v * h3


# Zigzag: two weights of one neuron


@dataclass(frozen=True, eq=False)
class Neuron:
    """A linear neuron without bias that learns to answer as one with the weights `solution` does.

    Its loss on an example is (w . h - solution . h)^2 / 2: convex, and 0 at the solution.

    Attributes:
        h: the two incoming activations, shape (examples, 2).
        solution: the weights at the minimum.
    """

    h: Floats
    solution: tuple[float, float]


def make_neuron(
    activation: str | Activation,
    std: float = 1.0,
    examples: int = 200,
    solution: tuple[float, float] = (1.0, -1.0),
    seed: int = 0,
) -> Neuron:
    """A neuron fed by f(a) of two independent pre-activations a ~ N(0, std^2); the same draws for every activation."""
    function = resolve(activation)
    if not std > 0:
        raise ValueError(f"std: {std!r} must be above 0")
    if examples < 2:
        raise ValueError(f"examples: {examples!r} must be at least 2")
    a = std * np.random.default_rng(seed).standard_normal((examples, 2))
    return Neuron(function.forward(a), (float(solution[0]), float(solution[1])))


def _residuals(neuron: Neuron, h: Floats, weights: Floats) -> Floats:
    """Derivative of each example's loss with respect to its weighted sum, for h (n, 2) and weights (2,)."""
    residuals: Floats = h @ weights - h @ np.array(neuron.solution)
    return residuals


def loss_surface(neuron: Neuron, w1: ArrayLike, w2: ArrayLike) -> Floats:
    """Mean loss over the examples at each point of the broadcast arrays `w1` and `w2`, in their shape.

    A grid is `loss_surface(neuron, columns[np.newaxis, :], rows[:, np.newaxis])`.
    """
    weights = np.stack(np.broadcast_arrays(np.asarray(w1, np.float64), np.asarray(w2, np.float64)), axis=-1)
    result: Floats = 0.5 * np.square(weights @ neuron.h.T - np.array(neuron.solution) @ neuron.h.T).mean(axis=-1)
    return result


def hessian(neuron: Neuron) -> Floats:
    """Second derivatives (2, 2) of the mean loss, the same at all weights."""
    result: Floats = neuron.h.T @ neuron.h / len(neuron.h)
    return result


@dataclass(frozen=True)
class Conditioning:
    """How much steeper the loss is across its valley than along it.

    Attributes:
        measured: largest / smallest eigenvalue of the Hessian; inf where the smallest is 0.
        formula: 1 + n mu^2 / sigma^2, n = 2: exact for endless iid activations.
        mu, sigma: mean and standard deviation of the neuron's activations, both inputs together.
        largest_rate: 2 / largest eigenvalue: full-batch descent without momentum diverges above it.
        largest_rate_per_example: 2 / largest |h|^2: below it no single example's step overshoots twofold.
    """

    measured: float
    formula: float
    mu: float
    sigma: float
    largest_rate: float
    largest_rate_per_example: float


def conditioning(neuron: Neuron) -> Conditioning:
    """Condition number of the Hessian, beside its formula, and the learning rates it allows."""
    small, large = (float(value) for value in np.linalg.eigvalsh(hessian(neuron)))
    mu, sigma = float(neuron.h.mean()), float(neuron.h.std())
    if not (large > 0 and sigma > 0):
        raise ValueError("h: the activations are all equal, so the loss has no single minimum")
    steepest = float(np.max(np.sum(neuron.h * neuron.h, axis=1)))
    return Conditioning(
        measured=large / small if small > 0 else math.inf,
        formula=condition_number(2, mu, sigma),
        mu=mu,
        sigma=sigma,
        largest_rate=2.0 / large,
        largest_rate_per_example=2.0 / steepest,
    )


class Contour(NamedTuple):
    """A closed line of equal loss: w1 and w2 of its points in drawing order, the first repeated at the end."""

    loss: float
    w1: Floats
    w2: Floats


def contours(neuron: Neuron, levels: ArrayLike, points: int = 96) -> tuple[Contour, ...]:
    """Lines of equal loss round the solution, one a level > 0.

    They are ellipses on the Hessian's own axes, of half-axis sqrt(2 loss / eigenvalue); an axis along which the loss
    does not change is cut at a million times the other. Points are spread evenly in these coordinates.
    """
    wanted = np.atleast_1d(np.asarray(levels, dtype=np.float64))
    if not (wanted > 0).all():
        raise ValueError(f"levels: {levels!r} must be above 0")
    values, vectors = np.linalg.eigh(hessian(neuron))
    angle = np.linspace(0.0, 2.0 * math.pi, points)
    circle = np.stack([np.cos(angle), np.sin(angle)]) / np.sqrt(np.maximum(values, 1e-12 * values[-1]))[:, np.newaxis]
    ellipse = vectors @ circle
    return tuple(
        Contour(float(level), *(neuron.solution[axis] + math.sqrt(2.0 * level) * ellipse[axis] for axis in (0, 1)))
        for level in wanted
    )


def example_steps(neuron: Neuron, weights: tuple[float, float]) -> Floats:
    """The step that each example alone would take from `weights` at learning rate 1, shape (examples, 2)."""
    residuals = _residuals(neuron, neuron.h, np.array(weights))
    steps: Floats = -residuals[:, np.newaxis] * neuron.h
    return steps


def allowed_directions(neuron: Neuron, weights: tuple[float, float]) -> dict[str, int]:
    """How many of the examples would step into each quadrant from `weights`.

    Keys "++", "-+", "--", "+-", and "zero" for steps along an axis or none at all.
    """
    return _count_patterns(example_steps(neuron, weights))


_DIVERGED = 1e6


@dataclass(frozen=True, eq=False)
class Path:
    """A descent over two weights, one row a step; row 0 is the start.

    Attributes:
        step: number of updates done.
        w1, w2, loss: weights and mean loss over all examples after that many updates.
        direction: sign pattern of the update that led here; "" at the start.
        diverged: whether the loss passed a million times its first value, or a weight 1e9; the path ends there.
    """

    step: NDArray[np.int64]
    w1: Floats
    w2: Floats
    loss: Floats
    direction: tuple[str, ...]
    diverged: bool

    def columns(self) -> dict[str, Floats | NDArray[np.int64] | tuple[str, ...]]:
        """The rows as columns, for a DataFrame."""
        return {"step": self.step, "w1": self.w1, "w2": self.w2, "loss": self.loss, "direction": self.direction}

    @property
    def _updates(self) -> Floats:
        return np.diff(np.stack([self.w1, self.w2], axis=1), axis=0)

    @property
    def path_length(self) -> float:
        """Sum of the lengths of all updates."""
        return float(np.sum(np.linalg.norm(self._updates, axis=1)))

    @property
    def distance(self) -> float:
        """Straight-line distance between the first and the last point."""
        return math.hypot(self.w1[-1] - self.w1[0], self.w2[-1] - self.w2[0])

    @property
    def tortuosity(self) -> float | None:
        """path_length / distance: 1 is a straight line; None where the path ends where it began."""
        return self.path_length / self.distance if self.distance > 0 else None

    @property
    def mean_cosine(self) -> float | None:
        """Mean cosine between successive updates, those of length 0 left out; None for fewer than two."""
        lengths = np.linalg.norm(self._updates, axis=1)
        unit = self._updates[lengths > 0] / lengths[lengths > 0, np.newaxis]
        return float(np.mean(np.sum(unit[1:] * unit[:-1], axis=1))) if len(unit) > 1 else None

    def steps_to(self, share: float) -> int | None:
        """The first step whose loss is at most `share` of the first loss; None if there is none."""
        reached = np.flatnonzero(self.loss <= share * self.loss[0])
        return int(self.step[reached[0]]) if reached.size else None


def descend(
    neuron: Neuron,
    start: tuple[float, float],
    learning_rate: float,
    steps: int,
    batch_size: int | None = 1,
    momentum: float = 0.0,
    seed: int = 0,
) -> Path:
    """Gradient descent from `start`; the examples are shuffled anew in each pass.

    Args:
        batch_size: examples per step, 1 for one example at a time; None for all of them. A pass leaves out the
            examples that do not fill a batch.
        momentum: share of the last update that is added to the next (heavy ball).
    """
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate: {learning_rate!r} must be finite and above 0")
    if not 0.0 <= momentum < 1.0:
        raise ValueError(f"momentum: {momentum!r} must be at least 0 and below 1")
    examples = len(neuron.h)
    size = examples if batch_size is None else batch_size
    if not 1 <= size <= examples:
        raise ValueError(f"batch_size: {batch_size!r} must be from 1 to the {examples} examples, or None for all")

    rng = np.random.default_rng(seed)
    weights = np.empty((steps + 1, 2))
    weights[0] = start
    updates = np.zeros((steps, 2))
    per_pass = examples // size
    h, done = neuron.h, steps
    with np.errstate(over="ignore"):
        for step in range(steps):
            if size < examples:
                position = step % per_pass
                if position == 0:
                    order = rng.permutation(examples)
                h = neuron.h[order[position * size : (position + 1) * size]]
            gradient = _residuals(neuron, h, weights[step]) @ h / size
            updates[step] = -learning_rate * gradient
            if momentum and step:
                updates[step] += momentum * updates[step - 1]
            weights[step + 1] = weights[step] + updates[step]
            if not all(abs(weight) < 1e9 for weight in weights[step + 1].tolist()):
                done = step
                break

    loss = loss_surface(neuron, weights[: done + 1, 0], weights[: done + 1, 1])
    passed = np.flatnonzero(loss > _DIVERGED * max(float(loss[0]), 1e-9))
    last = int(passed[0]) if passed.size else done
    return Path(
        step=np.arange(last + 1),
        w1=weights[: last + 1, 0],
        w2=weights[: last + 1, 1],
        loss=loss[: last + 1],
        direction=("", *(sign_pattern(*update) for update in updates[:last].tolist())),
        diverged=last < steps or bool(passed.size),
    )
