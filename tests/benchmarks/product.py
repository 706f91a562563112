"""The engine as a contestant: `core.run` of the experiment, on a pool of two processes or in this process.

Timed is what a caller waits for: planning, training, every statistic that the experiment records, and the tables.
"""

import io
import itertools
import os
from collections.abc import Sequence
from dataclasses import replace
from unittest import mock

import numpy as np

from core.engine import training
from core.experiment.cost import Cost
from core.experiment.data import data_of
from core.experiment.experiment import Experiment
from core.jobs import plan
from core.jobs.pool import Pool
from core.jobs.running import run
from core.machine.blas import one_blas_thread
from core.schema import PERCENTILES
from tests.benchmarks.kernels import computes_with
from tests.benchmarks.looks import Statistics
from tests.benchmarks.workers import peak_bytes
from tests.benchmarks.workloads import Array, Problem, Trained, joined
from tests.processes import pids


class Product:
    """`core.run`; with `workers` 1 there is no other process."""

    def __init__(self) -> None:
        self.pool: Pool | None = None

    def prepare(self, experiment: Experiment, workers: int) -> None:
        self.experiment = experiment
        data_of(experiment)
        if workers > 1 and self.pool is None:
            self.pool = Pool(workers)
            self.pool.warm_up()
            self.pool.submit(int).result()
        self.executor = self.pool if workers > 1 else None

    def train(self) -> None:
        self.trained = run(self.experiment, self.executor)

    def train_for_losses(self) -> None:
        """Record no more than loss and accuracy on the training set: no test set, and at the points no look at layers.

        They are looked at before and after training alone: the points between are given as updates.
        """
        data = data_of(self.experiment)
        untested = replace(data, test_x=data.test_x[:0], test_y=data.test_y[:0])
        size = self.experiment.updates_per_epoch(len(data.train_y), self.experiment.batch_size[0])
        between = self.experiment.record_epochs()[1:-1]
        points = ",".join(["0", *(f"u{epoch * size}" for epoch in between)])
        with mock.patch.object(plan, "data_of", return_value=untested):
            self.trained = run(replace(self.experiment, record=points), self.executor)

    def close(self) -> None:
        """End the workers."""
        if self.pool is not None:
            self.pool.shutdown()

    def pids(self) -> tuple[int, ...]:
        """The worker processes, whose processor time counts."""
        return pids(self.pool) if self.pool is not None else ()

    def result(self) -> list[Trained]:
        """The numbers to compare, per network shape: those of `train`, and the final weights of the same training."""
        epochs = self.trained.epochs
        losses, accuracies = (
            epochs.pivot_table(index="run", columns="epoch", values=name).to_numpy()
            for name in ("train_loss", "train_accuracy")
        )
        return [
            Trained(part.runs, losses[part.runs], accuracies[part.runs], part.weights)
            for part in final_weights(self.experiment)
        ]

    def looked_at(self, experiment: Experiment, problems: Sequence[Problem]) -> list[Trained]:
        """The first seed's runs of the experiment with all statistics: histograms are summed over seeds."""
        self.prepare(replace(experiment, seeds=1), 1)
        self.train()
        found = []
        for part, problem in zip(self.result(), problems, strict=True):
            statistics = {name: values[part.runs] for name, values in self._statistics(problem).items()}
            found.append(replace(part, runs=part.runs * experiment.seeds, statistics=statistics))
        return found

    def _statistics(self, problem: Problem) -> Statistics:
        """Out of the tables, by run number."""
        result, points = self.trained, problem.points
        shape = len(result.runs), len(points)
        epochs = result.epochs.sort_values(["run", "epoch"])
        found: Statistics = {name: epochs[name].to_numpy().reshape(shape) for name in ("test_loss", "test_accuracy")}
        layers = result.layers.sort_values(["run", "epoch", "layer"])

        def of(column: str, kept: int) -> Array:
            values: Array = layers[column].to_numpy().reshape(*shape, -1)
            return values[..., :kept]

        depth = len(problem.weights)
        found |= {name: of(name, depth) for name in ("weight_std", "weight_rms", "bias_rms")}
        saturation = ("saturated_low", "saturated_high", "saturated", "saturated_neurons")
        found |= {name: of(name, depth - 1) for name in saturation}
        groups = {label: number for number, label in enumerate(result.experiment.groups())}
        for name, kept in (("preactivation", depth), ("activation", depth - 1)):
            found |= {f"{name}_{what}": of(f"{name}_{what}", kept) for what in ("mean", "std")}
            percentiles = [of(f"{name}_p{p:02d}", kept) for p in PERCENTILES]
            found[f"{name}_percentiles"] = np.stack(percentiles, axis=-1)
            counts = np.zeros((*shape, kept, len(problem.edges[name]) - 1))
            rows = result.histograms[result.histograms["quantity"] == name]
            bins = np.searchsorted(problem.edges[name], rows["left"].to_numpy())
            run, point = rows["group"].map(groups).to_numpy(), np.searchsorted(points, rows["epoch"].to_numpy())
            np.add.at(counts, (run, point, rows["layer"].to_numpy() - 1, bins), rows["count"].to_numpy())
            found[f"{name}_counts"] = counts
        return found

    def computes_with(self) -> str:
        """What trains, in a worker process if there is one."""
        return self.pool.submit(_while_training).result() if self.executor and self.pool else _while_training()

    def last(self) -> tuple[Array, Array]:
        """Final training loss and accuracy of every run of the last `train`."""
        runs = self.trained.epochs.sort_values(["run", "epoch"]).groupby("run").last()
        return runs["train_loss"].to_numpy(), runs["train_accuracy"].to_numpy()

    def cost(self, experiment: Experiment) -> Cost:
        """The estimate that the engine gives here."""
        return experiment.cost()

    def peak(self) -> tuple[int, ...]:
        """Largest resident memory so far of this process and of each worker, in bytes."""
        return tuple(peak_bytes(pid) for pid in (os.getpid(), *self.pids()))

    def sizes(self) -> tuple[int, int]:
        """Bytes of the last result: of its tables in memory, and of its zip."""
        file = io.BytesIO()
        self.trained.to_zip(file)
        tables = (self.trained.table(name) for name in ("runs", "epochs", "layers", "histograms"))
        return sum(int(table.memory_usage(deep=True).sum()) for table in tables), len(file.getvalue())


def _while_training() -> str:
    with one_blas_thread():
        return computes_with()


def final_weights(experiment: Experiment) -> list[Trained]:
    """Final weights of every run, per activation, from `training` itself; losses are left empty."""
    data = data_of(experiment)
    chunks = itertools.groupby(plan.plan(experiment, 1), key=lambda chunk: chunk.runs[0].activation)
    found = []
    for _, same in chunks:
        parts = []
        for chunk in same:
            state, _ = training.advance(training.start(experiment, chunk.runs, data), experiment.epochs)
            runs = np.array([run.run for run in state.runs])
            weights = tuple(w.reshape(len(runs), *w.shape[2:]).swapaxes(1, 2) for w in state.weights)
            parts.append(Trained(runs, np.empty((len(runs), 0)), np.empty((len(runs), 0)), weights))
        found.append(joined(parts))
    return found
