"""The lab's standard statistics of a recorded point, for those who record the same as the lab.

Beside loss and accuracy on the training set there are, per run, `test_loss` and `test_accuracy`; per layer
`weight_std`, `weight_rms`, `bias_rms` and, of a on the probe (the first examples of the training set),
`preactivation_mean`, `_std`, `_percentiles` and `_counts`; per hidden layer the same of h, called `activation`, and
`saturated_low`, `_high`, `saturated` and `saturated_neurons`. Left out is what the lab has besides: the length of
updates, and at initialisation singular values and the spread of what goes back.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from core.engine import measures
from core.machine import sorting
from core.registries.activations import ACTIVATIONS
from tests.benchmarks.workloads import Array, Problem

Statistics = dict[str, Array]


def of_layers(problem: Problem, a: Sequence[Array], h: Sequence[Array]) -> Statistics:
    """The statistics of a of all layers and h of the hidden ones, (*runs, units, examples), by the lab's functions.

    They are the quickest that were found: NumPy's sort takes 3 ns a value where PyTorch's takes 50 and XLA's 160.
    """
    activation = ACTIVATIONS[problem.activation]
    found: list[Statistics] = []
    for layer, own in enumerate(a):
        values = own.reshape(*own.shape[:-2], -1)
        ranked, counts, ordered = sorting.distribution(values, problem.edges["preactivation"])
        columns: Statistics = {**measures.moments(values, "preactivation")}
        columns |= {"preactivation_percentiles": ranked, "preactivation_counts": counts}
        if layer < len(h):
            values = h[layer].reshape(*own.shape[:-2], -1)
            ordered = None if ordered is None else activation.forward(ordered)
            columns |= measures.moments(values, "activation")
            columns["activation_percentiles"] = activation.forward(ranked)
            columns["activation_counts"] = sorting.counts(values, problem.edges["activation"], ordered)
            columns |= measures.saturation(own, activation, problem.threshold)
            del columns["dead_flat"]
        found.append(columns)
    return by_layer(found, a[0].ndim - 2)


def of_weights(weights: Sequence[Array], biases: Sequence[Array]) -> Statistics:
    """Those of weights (*runs, fan_in, fan_out) and biases (*runs, fan_out)."""
    return by_layer(
        [
            {
                "weight_std": w.std(axis=(-1, -2), dtype=np.float64),
                "weight_rms": np.sqrt(np.square(w, dtype=np.float64).mean(axis=(-1, -2))),
                "bias_rms": np.sqrt(np.square(b, dtype=np.float64).mean(axis=-1)),
            }
            for w, b in zip(weights, biases, strict=True)
        ],
        weights[0].ndim - 2,
    )


def by_layer(layers: Sequence[Mapping[str, Array]], axis: int = 0) -> Statistics:
    """One array per statistic, with the layers that have it along that axis."""
    return {name: np.stack([columns[name] for columns in layers if name in columns], axis) for name in layers[0]}
