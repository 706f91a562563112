"""PyTorch in float32: hand-batched products with hand-written gradients, and torch.func's vmap(grad).

Both hold all runs of a piece along one leading axis and gather the examples of all runs once an epoch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.func import grad, vmap

from core.schema import PERCENTILES
from tests.benchmarks.looks import Statistics, by_layer, of_layers, of_weights
from tests.benchmarks.workloads import Array, Problem, Trained, epoch_by_epoch, targets

Tensors = list[torch.Tensor]
Update = Callable[[torch.Tensor, torch.Tensor], None]


class _Sweep:
    """Everything but the update, which the two ways to train differ in, and what is looked at beside the losses."""

    def look(self, problem: Problem, weights: Tensors, biases: Tensors, x: torch.Tensor) -> Statistics:
        """Statistics of all runs at a point; `x` is the training set."""
        return {}

    def prepare(self, problems: tuple[Problem, ...], most_seeds: int, threads: int) -> None:
        torch.set_num_threads(threads)
        self.pieces = [piece for problem in problems for piece in problem.pieces(most_seeds)]

    def compile(self) -> None:
        """Nothing to compile."""

    def train(self) -> None:
        self.trained = [self._train(piece) for piece in self.pieces]

    def result(self) -> list[Trained]:
        return self.trained

    def updater(self, problem: Problem, weights: Tensors, biases: Tensors) -> Update:
        """A function of a batch, (runs, examples, features) and (runs, examples, outputs), that does one update."""
        raise NotImplementedError

    def _train(self, problem: Problem) -> Trained:
        runs = problem.runs.size
        weights = [torch.tensor(w.reshape(runs, *w.shape[2:]), dtype=torch.float32) for w in problem.weights]
        biases = [torch.zeros(runs, 1, w.shape[-1]) for w in weights]
        x, t = torch.tensor(problem.x, dtype=torch.float32), torch.tensor(targets(problem, "float32"))
        update = self.updater(problem, weights, biases)
        rows, wanted = x.expand(runs, -1, -1), t.expand(runs, -1, -1)
        if problem.orders is not None:
            rows, wanted = rows.contiguous(), wanted.contiguous()

        def epoch(number: int) -> None:
            if problem.orders is not None:
                order = torch.from_numpy(np.tile(problem.orders[:, number], (len(problem.runs), 1)).ravel())
                torch.index_select(x, 0, order, out=rows.view(-1, x.shape[1]))
                torch.index_select(t, 0, order, out=wanted.view(-1, t.shape[1]))
            for begin in range(0, len(x), problem.batch):
                end = begin + problem.batch
                update(rows[:, begin:end], wanted[:, begin:end])

        def record() -> Statistics:
            with torch.inference_mode():
                loss, accuracy = _loss_and_accuracy(_logits(problem, weights, biases, x.expand(runs, -1, -1)), t)
                return {"loss": loss, "accuracy": accuracy} | self.look(problem, weights, biases, x)

        found = {name: values.swapaxes(0, 1) for name, values in epoch_by_epoch(problem, epoch, record).items()}
        final = tuple(torch.cat(pair, dim=1).numpy() for pair in zip(weights, biases, strict=True))
        return Trained(problem.runs.ravel(), found.pop("loss"), found.pop("accuracy"), final, found)


class Batched(_Sweep):
    """torch.baddbmm for all runs at once, gradients by hand, in place and into buffers."""

    def updater(self, problem: Problem, weights: Tensors, biases: Tensors) -> Update:
        works: dict[int, tuple[Tensors, Tensors]] = {}
        gradients = [torch.empty_like(w) for w in weights]
        tanh = problem.activation == "tanh"

        def update(rows: torch.Tensor, wanted: torch.Tensor) -> None:
            examples = rows.shape[1]
            if examples not in works:
                shapes = [(w.shape[0], examples, w.shape[2]) for w in weights]
                works[examples] = [torch.empty(s) for s in shapes], [torch.empty(s) for s in shapes]
            h, delta = works[examples]
            below = rows
            for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
                torch.baddbmm(b, below, w, out=h[layer])
                below = h[layer]
                if layer < len(weights) - 1:
                    below.tanh_() if tanh else below.sigmoid_()
            output = torch.sigmoid(below, out=delta[-1]) if problem.outputs == 1 else _softmax(below, delta[-1])
            output.sub_(wanted).mul_(problem.learning_rate / examples)
            for layer in range(len(weights) - 1, -1, -1):
                below = h[layer - 1] if layer else rows
                torch.bmm(below.mT, delta[layer], out=gradients[layer])
                if layer:
                    torch.bmm(delta[layer], weights[layer].mT, out=delta[layer - 1])
                    # The activations of this layer are not needed again: they become the slopes.
                    slope = below.square_().neg_().add_(1.0) if tanh else torch.addcmul(below, below, below, value=-1.0)
                    delta[layer - 1].mul_(slope)
                weights[layer].sub_(gradients[layer])
                biases[layer].sub_(delta[layer].sum(dim=1, keepdim=True))

        def without_autograd(rows: torch.Tensor, wanted: torch.Tensor) -> None:
            with torch.inference_mode():
                update(rows, wanted)

        return without_autograd


class Statistician(Batched):
    """The same with all statistics, by PyTorch."""

    def look(self, problem: Problem, weights: Tensors, biases: Tensors, x: torch.Tensor) -> Statistics:
        a, h = _inside(problem, weights, biases, x)
        found = [_of_layer(problem, own, h[layer] if layer < len(h) else None) for layer, own in enumerate(a)]
        return _of_test_set(problem, weights, biases) | by_layer(found, 1) | _of_weights(weights, biases)


class Assisted(Batched):
    """The same with all statistics, by NumPy."""

    def look(self, problem: Problem, weights: Tensors, biases: Tensors, x: torch.Tensor) -> Statistics:
        a, h = ([v.mT.contiguous().numpy() for v in part] for part in _inside(problem, weights, biases, x))
        return _of_test_set(problem, weights, biases) | of_layers(problem, a, h) | _of_weights(weights, biases)


class Vmap(_Sweep):
    """torch.func's vmap(grad) of one run's loss."""

    def updater(self, problem: Problem, weights: Tensors, biases: Tensors) -> Update:
        activate = torch.tanh if problem.activation == "tanh" else torch.sigmoid

        def loss(parameters: list[tuple[Any, Any]], rows: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
            h = rows
            for w, b in parameters[:-1]:
                h = activate(torch.addmm(b, h, w))
            w, b = parameters[-1]
            z = torch.addmm(b, h, w)
            if problem.outputs == 1:
                return torch.nn.functional.binary_cross_entropy_with_logits(z, wanted)
            return torch.nn.functional.cross_entropy(z, wanted)

        gradient = vmap(grad(loss), in_dims=(0, 0, 0))
        parameters = list(zip(weights, biases, strict=True))

        def update(rows: torch.Tensor, wanted: torch.Tensor) -> None:
            gradients = gradient(parameters, rows, wanted)
            with torch.no_grad():
                for (w, b), (w_gradient, b_gradient) in zip(parameters, gradients, strict=True):
                    w.sub_(w_gradient, alpha=problem.learning_rate)
                    b.sub_(b_gradient, alpha=problem.learning_rate)

        return update


def _softmax(logits: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    return torch.softmax(logits, dim=-1, out=out)


def _logits(problem: Problem, weights: Tensors, biases: Tensors, rows: torch.Tensor) -> torch.Tensor:
    h = rows
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        a = torch.baddbmm(b, h, w)
        h = a.tanh_() if problem.activation == "tanh" else a.sigmoid_()
    return torch.baddbmm(biases[-1], h, weights[-1])


def _loss_and_accuracy(z: torch.Tensor, t: torch.Tensor) -> tuple[Array, Array]:
    """Per run, from logits (runs, examples, outputs)."""
    if t.shape[1] == 1:
        loss = (torch.nn.functional.softplus(z) - t * z).mean(dim=(1, 2))
        right = (z > 0) == (t > 0)
        return loss.numpy(), right.float().mean(dim=(1, 2)).numpy()
    loss = (torch.logsumexp(z, dim=2) - (z * t).sum(dim=2)).mean(dim=1)
    right = z.argmax(dim=2) == t.argmax(dim=1)
    return loss.numpy(), right.float().mean(dim=1).numpy()


def _of_test_set(problem: Problem, weights: Tensors, biases: Tensors) -> Statistics:
    x = torch.tensor(problem.test_x, dtype=torch.float32).expand(problem.runs.size, -1, -1)
    t = torch.tensor(targets(problem, "float32", problem.test_y))
    loss, accuracy = _loss_and_accuracy(_logits(problem, weights, biases, x), t)
    return {"test_loss": loss, "test_accuracy": accuracy}


def _inside(problem: Problem, weights: Tensors, biases: Tensors, x: torch.Tensor) -> tuple[Tensors, Tensors]:
    """a of every layer and h of the hidden ones on the probe, (runs, examples, units)."""
    h = [x[: problem.probe].expand(problem.runs.size, -1, -1)]
    a: Tensors = []
    for w, b in zip(weights, biases, strict=True):
        a.append(torch.baddbmm(b, h[-1], w))
        h.append(_activated(problem, a[-1]))
    return a, h[1:-1]


def _activated(problem: Problem, a: torch.Tensor) -> torch.Tensor:
    return torch.tanh(a) if problem.activation == "tanh" else torch.sigmoid(a)


def _of_layer(problem: Problem, a: torch.Tensor, h: torch.Tensor | None) -> Statistics:
    ordered = torch.sort(a.flatten(1), dim=1).values
    columns = _spread(a, ordered, problem.edges["preactivation"], "preactivation")
    if h is None:
        return columns
    low, high = a <= -problem.saturated_from, a >= problem.saturated_from
    flat = (low | high).float()
    columns |= _spread(h, _activated(problem, ordered), problem.edges["activation"], "activation")
    return columns | {
        "saturated_low": low.float().mean(dim=(1, 2)).numpy(),
        "saturated_high": high.float().mean(dim=(1, 2)).numpy(),
        "saturated": flat.mean(dim=(1, 2)).numpy(),
        "saturated_neurons": (flat.mean(dim=1) >= 0.95).float().mean(dim=1).numpy(),
    }


def _spread(values: torch.Tensor, ordered: torch.Tensor, edges: Array, name: str) -> Statistics:
    runs, size = ordered.shape
    inner = torch.tensor(edges[1:-1], dtype=torch.float32).expand(runs, -1).contiguous()
    places = torch.searchsorted(ordered, inner)
    ends = torch.nn.functional.pad(places, (1, 0)), torch.nn.functional.pad(places, (0, 1), value=size)
    variance, mean = torch.var_mean(values, dim=(1, 2), correction=0)
    return {
        f"{name}_mean": mean.numpy(),
        f"{name}_std": variance.sqrt().numpy(),
        f"{name}_percentiles": ordered[:, [round(p / 100 * (size - 1)) for p in PERCENTILES]].numpy(),
        f"{name}_counts": (ends[1] - ends[0]).numpy(),
    }


def _of_weights(weights: Tensors, biases: Tensors) -> Statistics:
    return of_weights([w.numpy() for w in weights], [b[:, 0].numpy() for b in biases])
