"""JAX: all training of a piece of the sweep as one compiled function, jit(vmap(scan)), in float32.

Inner scan over the batches of an epoch, outer scan over the epochs; runs of one seed share their batches, as in the
engine (the inner vmap maps over weights only). Examples are gathered once an epoch.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.workloads import Array, Problem, Trained, targets

Parameters = list[tuple[jax.Array, jax.Array]]


class Scan:
    """jit(vmap(scan)); how many threads it has is set by its process's environment, NPROC."""

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
                train = jax.jit(_sweep(piece))
                compiled[shape] = train.lower(weights, orders).compile()
            self.functions.append(compiled[shape])

    def train(self) -> None:
        self.trained = [
            (piece, *jax.block_until_ready(function(weights, orders)))
            for (piece, weights, orders), function in zip(self.pieces, self.functions, strict=True)
        ]

    def result(self) -> list[Trained]:
        return [_trained(*parts) for parts in self.trained]


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


def _sweep(problem: Problem) -> Any:
    """The function of (weights, orders) that trains all runs of the problem."""
    x, t = jnp.asarray(problem.x, jnp.float32), jnp.asarray(targets(problem, "float32"))
    batch, rate = problem.batch, problem.learning_rate
    whole = len(problem.x) // batch * batch
    activate = jnp.tanh if problem.activation == "tanh" else jax.nn.sigmoid
    recorded = np.isin(np.arange(1, problem.epochs + 1), problem.points)

    def logits(parameters: Parameters, rows: jax.Array) -> jax.Array:
        h = rows
        for w, b in parameters[:-1]:
            h = activate(h @ w + b)
        w, b = parameters[-1]
        return h @ w + b

    def loss(parameters: Parameters, rows: jax.Array, wanted: jax.Array) -> jax.Array:
        z = logits(parameters, rows)
        if problem.outputs == 1:
            return jnp.mean(jnp.logaddexp(0.0, z) - wanted * z)
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - (z * wanted).sum(axis=1))

    def update(parameters: Parameters, rows_and_wanted: tuple[jax.Array, ...]) -> tuple[Parameters, None]:
        gradient = jax.grad(loss)(parameters, *rows_and_wanted)
        return jax.tree.map(lambda p, g: p - rate * g, parameters, gradient), None

    def look(parameters: Parameters) -> tuple[jax.Array, jax.Array]:
        z = logits(parameters, x)
        if problem.outputs == 1:
            return jnp.mean(jnp.logaddexp(0.0, z) - t * z), jnp.mean((z > 0.0) == (t > 0.0))
        right = z.argmax(axis=1) == t.argmax(axis=1)
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - (z * t).sum(axis=1)), jnp.mean(right)

    def epoch(parameters: Parameters, order_and_recorded: tuple[jax.Array, jax.Array]) -> tuple[Parameters, Any]:
        order, record = order_and_recorded
        if batch == len(problem.x):
            parameters, _ = update(parameters, (x, t))
        else:
            rows, wanted = x[order], t[order]
            batches = tuple(a[:whole].reshape(-1, batch, a.shape[1]) for a in (rows, wanted))
            parameters, _ = jax.lax.scan(update, parameters, batches)
            if whole < len(problem.x):
                parameters, _ = update(parameters, (rows[whole:], wanted[whole:]))
        nothing = (jnp.float32(0), jnp.float32(0))
        return parameters, jax.lax.cond(record, look, lambda _: nothing, parameters)

    def run(parameters: Parameters, orders: jax.Array) -> Any:
        first = look(parameters)
        parameters, (losses, accuracies) = jax.lax.scan(epoch, parameters, (orders, jnp.asarray(recorded)))
        kept = np.flatnonzero(recorded)
        return (
            parameters,
            jnp.concatenate([first[0][None], losses[kept]]),
            jnp.concatenate([first[1][None], accuracies[kept]]),
        )

    return jax.vmap(jax.vmap(run, in_axes=(0, None)), in_axes=(0, 0))


def _trained(problem: Problem, final: Parameters, losses: jax.Array, accuracies: jax.Array) -> Trained:
    def turned(a: jax.Array) -> Array:
        return np.asarray(a, np.float64).swapaxes(0, 1)

    weights = tuple(np.concatenate([turned(w), turned(b)[..., None, :]], axis=-2) for w, b in final)
    return Trained(problem.runs, turned(losses), turned(accuracies), weights)
