"""JAX: all training of a piece of the sweep as compiled functions, jit(vmap(scan)), in float32.

Inner scan over the batches of an epoch, a loop over the epochs between two recorded points; runs of one seed share
their batches, as in the engine (the inner vmap maps over weights only). Examples are gathered once an epoch.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from core.schema import PERCENTILES
from tests.benchmarks.looks import Statistics, of_layers, of_weights
from tests.benchmarks.workloads import Array, Problem, Trained, targets

Parameters = list[tuple[jax.Array, jax.Array]]
Found = dict[str, Any]
Look = Callable[[Problem, Parameters], Found]


class Scan:
    """One compiled function; how many threads it has is set by its process's environment, NPROC."""

    statistics: Look | None = None

    def prepare(self, problems: tuple[Problem, ...], most_seeds: int, threads: int) -> None:
        self.pieces = [(piece, *_arguments(piece)) for problem in problems for piece in problem.pieces(most_seeds)]
        self.compile()

    def compile(self) -> None:
        jax.clear_caches()
        compiled: dict[Any, Any] = {}
        self.functions = []
        for piece, weights, orders in self.pieces:
            shape = (piece.activation, piece.runs.shape, piece.epochs)
            if shape not in compiled:
                compiled[shape] = self.compiled(piece, weights, orders)
            self.functions.append(compiled[shape])

    def compiled(self, problem: Problem, weights: Parameters, orders: jax.Array) -> Any:
        """The function of (weights, orders) that trains all runs of the problem."""
        return _over_runs(_sweep(problem, type(self).statistics), 0).lower(weights, orders).compile()

    def train(self) -> None:
        self.trained = [
            (piece, *jax.block_until_ready(function(weights, orders)))
            for (piece, weights, orders), function in zip(self.pieces, self.functions, strict=True)
        ]

    def result(self) -> list[Trained]:
        return [_trained(*parts) for parts in self.trained]


class Statistician(Scan):
    """The same with all statistics, in the compiled function."""

    @staticmethod
    def statistics(problem: Problem, parameters: Parameters) -> Found:
        """Of one run."""
        a, h = _inside(problem, parameters)
        layers = [_of_layer(problem, own, h[layer] if layer < len(h) else None) for layer, own in enumerate(a)]
        weights = [_of_weights(w, b) for w, b in parameters]
        return {
            name: jnp.stack([columns[name] for columns in part if name in columns])
            for part in (layers, weights)
            for name in part[0]
        }


class Assisted(Scan):
    """JAX for the products, NumPy for the statistics, which it takes while JAX trains on to the next point."""

    def compiled(self, problem: Problem, weights: Parameters, orders: jax.Array) -> Any:
        def on(parameters: Parameters, orders: jax.Array, begin: jax.Array, end: jax.Array) -> Any:
            parameters = _advance(problem, parameters, orders, begin, end)
            a, h = _inside(problem, parameters)
            return parameters, _losses(problem, parameters, test=True), [v.T for v in a], [v.T for v in h]

        step = _over_runs(on, 2).lower(weights, orders, jnp.int32(0), jnp.int32(0)).compile()

        def train(weights: Parameters, orders: jax.Array) -> Any:
            found: list[Statistics] = []
            ready = None
            for begin, end in zip((0, *problem.points), problem.points, strict=False):
                weights, *seen = step(weights, orders, jnp.int32(begin), jnp.int32(end))
                if ready is not None:
                    found.append(_by_numpy(problem, *ready))
                ready = weights, *seen
            assert ready is not None
            found.append(_by_numpy(problem, *ready))
            return weights, {name: np.stack([values[name] for values in found], axis=2) for name in found[0]}

        return train


def _by_numpy(problem: Problem, parameters: Parameters, losses: Found, a: list[Any], h: list[Any]) -> Statistics:
    weights, biases = ([np.asarray(part) for part in parts] for parts in zip(*parameters, strict=True))
    inside = of_layers(problem, [np.asarray(v) for v in a], [np.asarray(v) for v in h])
    return {name: np.asarray(value) for name, value in losses.items()} | inside | of_weights(weights, biases)


def _arguments(problem: Problem) -> tuple[Parameters, jax.Array]:
    """Weights with leading axes (seeds, groups), and orders (seeds, epochs, examples; none where there are none)."""
    weights = [
        (jnp.asarray(w.swapaxes(0, 1), jnp.float32), jnp.zeros((*w.shape[1::-1], w.shape[-1]), jnp.float32))
        for w in problem.weights
    ]
    orders = problem.orders
    if orders is None:
        orders = np.zeros((problem.seeds, problem.epochs, 0), np.int64)
    return weights, jnp.asarray(orders[:, : problem.epochs], jnp.int32)


def _over_runs(function: Any, others: int) -> Any:
    """The function of (weights, orders, ...) of one run for all runs; the last arguments are the same for all."""
    same = (None,) * others
    return jax.jit(jax.vmap(jax.vmap(function, in_axes=(0, None, *same)), in_axes=(0, 0, *same)))


def _sweep(problem: Problem, look: Look | None) -> Any:
    """The function of (weights, orders) that trains one run and looks at it at every point."""
    points = jnp.asarray(problem.points, jnp.int32)

    def run(parameters: Parameters, orders: jax.Array) -> Any:
        def to_point(parameters: Parameters, ends: tuple[jax.Array, jax.Array]) -> tuple[Parameters, Found]:
            parameters = _advance(problem, parameters, orders, *ends)
            found = _losses(problem, parameters, test=look is not None)
            return parameters, found | (look(problem, parameters) if look else {})

        before = jnp.concatenate([points[:1], points[:-1]])
        return jax.lax.scan(to_point, parameters, (before, points))

    return run


def _activate(problem: Problem) -> Any:
    return jnp.tanh if problem.activation == "tanh" else jax.nn.sigmoid


def _logits(problem: Problem, parameters: Parameters, rows: jax.Array) -> jax.Array:
    h = rows
    for w, b in parameters[:-1]:
        h = _activate(problem)(h @ w + b)
    w, b = parameters[-1]
    return h @ w + b


def _loss(z: jax.Array, wanted: jax.Array) -> jax.Array:
    if wanted.shape[1] == 1:
        return jnp.mean(jnp.logaddexp(0.0, z) - wanted * z)
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - (z * wanted).sum(axis=1))


def _advance(problem: Problem, parameters: Parameters, orders: jax.Array, begin: Any, end: Any) -> Parameters:
    """Train one run from one epoch to another."""
    x, t = jnp.asarray(problem.x, jnp.float32), jnp.asarray(targets(problem, "float32"))
    batch, rate = problem.batch, problem.learning_rate
    whole = len(problem.x) // batch * batch

    def update(parameters: Parameters, rows_and_wanted: tuple[jax.Array, ...]) -> tuple[Parameters, None]:
        rows, wanted = rows_and_wanted
        gradient = jax.grad(lambda p: _loss(_logits(problem, p, rows), wanted))(parameters)
        return jax.tree.map(lambda p, g: p - rate * g, parameters, gradient), None

    def epoch(number: Any, parameters: Parameters) -> Parameters:
        if batch == len(problem.x):
            return update(parameters, (x, t))[0]
        rows, wanted = x[orders[number]], t[orders[number]]
        batches = tuple(a[:whole].reshape(-1, batch, a.shape[1]) for a in (rows, wanted))
        parameters, _ = jax.lax.scan(update, parameters, batches)
        return update(parameters, (rows[whole:], wanted[whole:]))[0] if whole < len(problem.x) else parameters

    trained: Parameters = jax.lax.fori_loop(begin, end, epoch, parameters)
    return trained


def _losses(problem: Problem, parameters: Parameters, test: bool) -> Found:
    parts = {"": (problem.x, problem.y)} | ({"test_": (problem.test_x, problem.test_y)} if test else {})
    found: Found = {}
    for name, (x, y) in parts.items():
        t = jnp.asarray(targets(problem, "float32", y))
        z = _logits(problem, parameters, jnp.asarray(x, jnp.float32))
        right = (z > 0.0) == (t > 0.0) if problem.outputs == 1 else z.argmax(axis=1) == t.argmax(axis=1)
        found |= {f"{name}loss": _loss(z, t), f"{name}accuracy": jnp.mean(right)}
    return found


def _inside(problem: Problem, parameters: Parameters) -> tuple[list[jax.Array], list[jax.Array]]:
    """a of every layer and h of the hidden ones on the probe, (examples, units)."""
    h = [jnp.asarray(problem.x[: problem.probe], jnp.float32)]
    a: list[jax.Array] = []
    for w, b in parameters:
        a.append(h[-1] @ w + b)
        h.append(_activate(problem)(a[-1]))
    return a, h[1:-1]


def _of_layer(problem: Problem, a: jax.Array, h: jax.Array | None) -> Found:
    ranked = _at_ranks(a)
    columns = _spread(a, ranked, problem.edges["preactivation"], "preactivation")
    if h is None:
        return columns
    low, high = a <= -problem.saturated_from, a >= problem.saturated_from
    columns |= _spread(h, _activate(problem)(ranked), problem.edges["activation"], "activation")
    return columns | {
        "saturated_low": jnp.mean(low),
        "saturated_high": jnp.mean(high),
        "saturated": jnp.mean(low | high),
        "saturated_neurons": jnp.mean(jnp.mean(low | high, axis=0) >= 0.95),
    }


def _spread(values: jax.Array, ranked: jax.Array, edges: Array, name: str) -> Found:
    """Counts by scattering: comparing with all edges takes twenty times as long."""
    bins, low, high = len(edges) - 1, edges[1], edges[-2]
    place = jnp.floor(values.ravel() * ((bins - 2) / (high - low))) + round(1.0 - low * (bins - 2) / (high - low))
    place = jnp.clip(place, 0, bins - 1).astype(jnp.int32)
    return {
        f"{name}_mean": jnp.mean(values),
        f"{name}_std": jnp.std(values),
        f"{name}_percentiles": ranked,
        f"{name}_counts": jnp.bincount(place, length=bins),
    }


def _at_ranks(values: jax.Array) -> jax.Array:
    """Percentiles by bisection of the bits, a third of the time of XLA's sort."""
    ranks = jnp.asarray([round(p / 100 * (values.size - 1)) for p in PERCENTILES])
    bits = jax.lax.bitcast_convert_type(values.ravel(), jnp.int32)
    keys = bits ^ ((bits >> 31) & 0x7FFFFFFF)

    def halve(_: Any, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        middle = (low & high) + ((low ^ high) >> 1)
        reached = (keys[:, None] <= middle[None, :]).sum(axis=0) > ranks
        return jnp.where(reached, low, middle + 1), jnp.where(reached, middle, high)

    ends = jnp.full(len(PERCENTILES), -(2**31), jnp.int32), jnp.full(len(PERCENTILES), 2**31 - 1, jnp.int32)
    low, _ = jax.lax.fori_loop(0, 32, halve, ends)
    return jax.lax.bitcast_convert_type(low ^ ((low >> 31) & 0x7FFFFFFF), jnp.float32)


def _of_weights(w: jax.Array, b: jax.Array) -> Found:
    return {
        "weight_std": jnp.std(w),
        "weight_rms": jnp.sqrt(jnp.mean(w**2)),
        "bias_rms": jnp.sqrt(jnp.mean(b**2)),
    }


def _trained(problem: Problem, final: Parameters, found: Found) -> Trained:
    def turned(a: Any) -> Array:
        return np.asarray(a, np.float64).swapaxes(0, 1)

    weights = tuple(np.concatenate([turned(w), turned(b)[..., None, :]], axis=-2) for w, b in final)
    recorded = {name: turned(values) for name, values in found.items()}
    return Trained(problem.runs, recorded.pop("loss"), recorded.pop("accuracy"), weights, recorded)
