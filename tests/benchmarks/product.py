"""The engine as a contestant: `core.run` of the experiment, on a pool of two processes or in this process.

Timed is what a caller waits for: planning, training, every statistic that the experiment records, and the tables.
"""

import itertools
import os

import numpy as np

from core.engine import training
from core.experiment.cost import Cost
from core.experiment.data import data_of
from core.experiment.experiment import Experiment
from core.jobs import plan
from core.jobs.pool import Pool
from core.jobs.running import run
from tests.benchmarks.workers import peak_bytes
from tests.benchmarks.workloads import Array, Trained, joined
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
