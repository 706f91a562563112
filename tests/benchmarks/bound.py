"""The time below which no way of calling a matrix product and a tanh gets: arithmetic at this machine's own speed."""

import time
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from tests.benchmarks.workloads import Workload, problems

GEMM_SIZE = 1024
ELEMENTS = 1 << 14


@dataclass(frozen=True)
class Speed:
    """What one core does in float32.

    Attributes:
        flops: floating-point operations a second in large matrix products.
        tanh: hyperbolic tangents a second of an array in the core's own cache.
    """

    flops: float
    tanh: float


class Machine:
    """Measures the speed of one core, in a process of its own."""

    def measure(self) -> Speed:
        """Best of several goes: a bound, so that a stall must not loosen it."""
        rng = np.random.default_rng(0)
        a, b = rng.standard_normal((2, GEMM_SIZE, GEMM_SIZE)).astype(np.float32)
        product, x = np.empty_like(a), rng.standard_normal(ELEMENTS).astype(np.float32)
        h = np.empty_like(x)
        with threadpool_limits(1, user_api="blas"):
            gemm = min(_seconds(lambda: np.matmul(a, b, out=product)) for _ in range(15))
        tanh = min(_seconds(lambda: np.tanh(x, out=h)) for _ in range(2000))
        return Speed(2.0 * GEMM_SIZE**3 / gemm, ELEMENTS / tanh)


def _seconds(call: object) -> float:
    assert callable(call)
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def least_seconds(workload: Workload, speed: Speed, cores: int) -> float:
    """Products and activations of the training and of the recorded losses, spread over the cores without loss."""
    experiment = workload.experiment
    total = 0.0
    for problem in problems(experiment):
        weights = [w.shape[-2] * w.shape[-1] for w in problem.weights]
        seen = problem.epochs * len(problem.x)
        looked_at = len(problem.points) * (len(problem.x) + experiment_test_examples(workload))
        flops = seen * (6.0 * sum(weights) - 2.0 * weights[0]) + looked_at * 2.0 * sum(weights)
        units = (seen + looked_at) * sum(problem.sizes[1:-1])
        total += problem.runs.size * (flops / speed.flops + units / speed.tanh)
    return total / cores


def experiment_test_examples(workload: Workload) -> int:
    """Examples on which the product measures the test loss."""
    from core.experiment.data import data_of

    return len(data_of(workload.experiment).test_y)
