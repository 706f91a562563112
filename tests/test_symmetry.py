"""Units that start equal stay equal, as in the network that has one unit for each class of them."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.engine import symmetry
from core.engine.training import start
from core.experiment.experiment import Experiment
from tests.engine import assert_same_tables, change, data_of, singles, states, train
from tests.test_training import SETTINGS, shuffled

Array = NDArray[Any]

IRIS = change(
    Experiment(),
    dataset="iris",
    activation="logistic",
    initialiser="constant:0.1",
    hidden=(7,),
    batch_size=25,  # 120 examples: the last batch of an epoch has 20
    learning_rate=0.1,
    epochs=60,
    seeds=1,
    record="every",
    statistics="standard",
)
FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "logistic": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
}
DERIVATIVES: dict[str, Callable[[Array], Array]] = {
    "logistic": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h * h,
    "relu": lambda h: (h > 0).astype(float),
}


def one_unit_wide(experiment: Experiment, value: float) -> list[float]:
    """Training losses at first and after every epoch of a network all of whose weights start at `value`, in float64.

    Of each hidden layer only one unit is computed, n of which act on the next layer: nothing can part.
    """
    (run,), data = experiment.runs(), data_of(experiment)
    f, slope = FUNCTIONS[run.activation], DERIVATIVES[run.activation]
    many = [1, *run.hidden]  # the inputs are not equal: they are one unit of many weights
    outputs = 1 if len(data.class_names) == 2 else len(data.class_names)
    fans = [data.train_x.shape[1], *[1] * len(run.hidden)]
    weights = [np.full((fan, 1), value) for fan in fans[:-1]] + [np.full((1, outputs), value)]
    parameters = [part for w in weights for part in (w, np.zeros(w.shape[1]))]
    targets = np.eye(outputs)[data.train_y] if outputs > 1 else data.train_y[:, None].astype(float)
    memory: list[dict[str, Any]] = [dict.fromkeys("vms", 0.0) for _ in parameters]
    name, _, argument = run.optimiser.partition(":")
    decay = float(argument or 0.9)

    def forward(x: Array) -> tuple[list[Array], Array]:
        below = [x]
        for layer in range(len(weights) - 1):
            a = many[layer] * (below[-1] @ parameters[2 * layer]) + parameters[2 * layer + 1]
            below.append(f(a))
        logits = many[-1] * (below[-1] @ parameters[-2]) + parameters[-1]
        if outputs == 1 or experiment.loss == "squared_error":
            return below, 1 / (1 + np.exp(-logits))
        power = np.exp(logits - logits.max(axis=1, keepdims=True))
        return below, power / power.sum(axis=1, keepdims=True)

    def loss() -> float:
        p = forward(data.train_x)[1]
        if experiment.loss == "squared_error":
            return float(0.5 * np.square(p - targets).sum(axis=1).mean())
        chosen = np.where(targets == 1, p, 1 - p)[:, 0] if outputs == 1 else (p * targets).sum(axis=1)
        return float(-np.log(chosen).mean())

    losses = [loss()]
    per_epoch = experiment.updates_per_epoch(len(data.train_y), run.batch_size)
    for count, rows in enumerate(shuffled(experiment, run), 1):
        below, p = forward(data.train_x[rows])
        delta = p - targets[rows]
        if experiment.loss == "squared_error":
            delta = delta * p * (1 - p)
        delta = delta / len(rows)
        gradients: list[Array] = []
        for layer in reversed(range(len(weights))):
            gradients = [below[layer].T @ delta, delta.sum(axis=0), *gradients]
            if layer:
                above = many[layer + 1] if layer + 1 < len(weights) else 1
                delta = above * (delta @ parameters[2 * layer].T) * slope(below[layer])
        for parameter, g, kept in zip(parameters, gradients, memory, strict=True):
            parameter -= updated(name, decay, run.learning_rate, count, g, kept)
        if count % per_epoch == 0:
            losses.append(loss())
    return losses


def updated(name: str, decay: float, rate: float, count: int, g: Array, kept: dict[str, Any]) -> Array:
    """What is subtracted from a parameter with gradient g."""
    if name == "sgd":
        return rate * g
    if name in ("momentum", "nesterov"):
        kept["v"] = decay * kept["v"] + rate * g
        return np.asarray(kept["v"] if name == "momentum" else decay * kept["v"] + rate * g)
    if name == "rmsprop":
        kept["s"] = decay * kept["s"] + (1 - decay) * g**2
        return np.asarray(rate * g / (np.sqrt(kept["s"]) + 1e-8))
    kept["m"] = decay * kept["m"] + (1 - decay) * g
    kept["s"] = 0.999 * kept["s"] + 0.001 * g**2
    return np.asarray(rate * kept["m"] / (1 - decay**count) / (np.sqrt(kept["s"] / (1 - 0.999**count)) + 1e-8))


def assert_one_unit_wide(weights: Sequence[Array]) -> None:
    """All units of every hidden layer are equal to the bit, whatever the layers' widths."""
    for incoming, outgoing in itertools.pairwise(weights):
        assert (incoming == incoming[..., :1, :]).all()
        assert (outgoing[..., :-1] == outgoing[..., :1]).all()


def assert_exact(experiment: Experiment, value: float, tolerance: float) -> None:
    state, records = states(experiment, experiment.runs(), 7)
    assert_one_unit_wide(state.weights)
    losses = [float(record.epochs["train_loss"][0, 0]) for record in records]
    np.testing.assert_allclose(losses, one_unit_wide(experiment, value), rtol=tolerance)


# Against the network of one unit a layer


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 13, 17, 31, 32, 33, 63, 65, 100, 127, 128])
def test_equal_units_stay_equal_at_any_width(width: int) -> None:
    assert_exact(change(IRIS, hidden=(width,)), 0.1, 2e-4)


@pytest.mark.parametrize("optimiser", list(SETTINGS))
@pytest.mark.parametrize("batch_size", [1, 7, 32, 0])
def test_equal_units_stay_equal_with_any_optimiser_and_batch_size(optimiser: str, batch_size: int) -> None:
    rate = SETTINGS[optimiser] / 10
    epochs = 5 if batch_size == 1 else 60
    experiment = change(IRIS, optimiser=optimiser, batch_size=batch_size, learning_rate=rate, epochs=epochs)
    assert_exact(change(experiment, hidden=(33, 9)), 0.1, 1e-3)


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"initialiser": "zeros"}, 0.0),
        ({"initialiser": "uniform:0", "gain": 3}, 0.0),
        ({"initialiser": "normal:0", "hidden": (31, 5)}, 0.0),
        ({"initialiser": "truncated_normal:0"}, 0.0),
        ({"initialiser": "constant:-0.2", "gain": 0.5, "activation": "tanh"}, -0.1),
        ({"initialiser": "constant:0.02", "activation": "relu", "hidden": (20, 21, 22), "learning_rate": 0.01}, 0.02),
        ({"activation": "tanh", "hidden": (13, 65, 3), "loss": "squared_error"}, 0.1),
        ({"dataset": "two_moons", "samples": 150, "activation": "tanh", "hidden": (64, 64)}, 0.1),
        ({"dataset": "two_moons", "samples": 150, "loss": "squared_error", "hidden": (99,)}, 0.1),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_units_stay_equal_in_other_settings(changes: dict[str, Any], value: float, dtype: str) -> None:
    assert_exact(change(IRIS, dtype=dtype, **changes), value, 1e-3 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize("optimiser", list(SETTINGS))
@pytest.mark.parametrize("hidden", [(1,), (7,), (32,), (33, 1, 9)], ids=str)
def test_a_network_of_zeros_stands_still_where_the_classes_are_equally_large(
    optimiser: str, hidden: tuple[int, ...]
) -> None:
    # 40 flowers of each of 3 kinds: every p is 1/3, and the gradients, h times the sum of p - y, are 0 from the start.
    full = change(IRIS, initialiser="zeros", hidden=hidden, batch_size=0, optimiser=optimiser)
    result = train(change(full, learning_rate=SETTINGS[optimiser], epochs=400, record="0,1,400", statistics="full"))
    assert (result.epochs["gradient_norm"] == 0).all()
    assert (result.layers["weight_rms"] == 0).all()
    np.testing.assert_allclose(result.epochs["train_loss"], np.log(3), rtol=1e-7)
    assert result.runs["status"].tolist() == ["not_reached"]


@pytest.mark.parametrize("dataset", ["wine", "digits"])
def test_a_network_of_zeros_learns_from_full_batches_of_unequal_classes(dataset: str) -> None:
    assert_exact(change(IRIS, dataset=dataset, initialiser="zeros", batch_size=0), 0.0, 1e-4)


def test_a_network_of_zeros_learns_no_more_of_the_digits_than_one_unit_can() -> None:
    digits = change(IRIS, dataset="digits", initialiser="zeros", hidden=(32,), batch_size=32, learning_rate=0.5)
    result = train(change(digits, record="log"))
    expected = one_unit_wide(digits, 0.0)
    reached = [expected[epoch] for epoch in result.epochs["epoch"]]
    np.testing.assert_allclose(result.epochs["train_loss"], reached, rtol=5e-3)
    assert result.epochs["train_accuracy"].max() < 0.5
    assert result.runs["status"].tolist() == ["not_reached"]


# Which units are equal


def drawn(rng: np.random.Generator, sizes: Sequence[int]) -> list[Array]:
    return [rng.standard_normal((fan_out, fan_in + 1)) for fan_in, fan_out in itertools.pairwise(sizes)]


@pytest.mark.parametrize("seed", range(20))
def test_the_classes_are_those_that_were_planted_in_a_network(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [3, *rng.integers(1, 6, rng.integers(1, 4)).tolist(), 2]
    small = drawn(rng, sizes)
    # Each unit several times, in any order; what a unit gives to the next layer is the same from each copy.
    copies = [np.arange(3), *(rng.permutation(np.r_[np.arange(n), rng.integers(0, n, 4)]) for n in sizes[1:-1])]
    copies.append(np.arange(2))
    large = [
        weight[above][:, np.append(below, len(weight[0]) - 1)]
        for weight, (below, above) in zip(small, itertools.pairwise(copies), strict=True)
    ]
    for found, planted in zip(symmetry.classes(large), copies, strict=True):
        np.testing.assert_array_equal(found[:, None] == found, planted[:, None] == planted)


def test_units_are_equal_too_where_only_whole_chains_of_them_can_be_exchanged() -> None:
    # Units 2 to 4 of the first layer each feed one of the second: no two of them alone could change places.
    weights = [np.eye(5, 3), np.eye(5, 6), np.eye(2, 6)]
    weights[0][:, -1] = 0
    assert [len(np.unique(found)) for found in symmetry.classes(weights)] == [2, 3, 3, 2]


@pytest.mark.parametrize(
    "initialiser", ["normal:1", "glorot_uniform", "he_normal", "orthogonal", "sparse:1", "lsuv", "truncated_normal:0.1"]
)
def test_units_that_start_different_are_left_alone(initialiser: str) -> None:
    experiment = change(IRIS, initialiser=initialiser, hidden=(40, 40), seeds=20)
    assert start(experiment, experiment.runs(), data_of(experiment)).ties == ()


def test_weights_that_are_equal_as_numbers_are_equal_whatever_the_sign_of_their_zeros() -> None:
    weights = [np.zeros((1, 1, 4, 3)), np.zeros((1, 1, 2, 5))]
    weights[0][0, 0, ::2] = -0.0
    (tie,) = symmetry.find(weights)
    assert [None if units is None else units.tolist() for units in tie.units] == [None, [0, 0, 0, 0], None]


@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic"])
def test_units_beyond_the_diagonal_of_an_identity_stay_equal(activation: str) -> None:
    experiment = change(IRIS, initialiser="identity", activation=activation, hidden=(9, 11), learning_rate=0.2)
    state, _ = states(experiment, experiment.runs(), 100)
    first, second, last = (weight[0, 0] for weight in state.weights)
    assert (first[4:] == first[4]).all()
    assert (second[9:] == second[9]).all()
    diagonal, rest = second[4:9, 4:9], ~np.eye(5, dtype=bool)
    assert len(np.unique(diagonal[~rest])) == len(np.unique(diagonal[rest])) == 1
    assert len(np.unique(first[:4], axis=0)) == 4
    assert (last[:, 9:-1] == last[:, 9:10]).all()
    fine, _ = states(change(experiment, dtype="float64"), experiment.runs(), 100)
    np.testing.assert_allclose(last, fine.weights[-1][0, 0], atol=2e-3)


# In the company of others, cut and kept

SWEEP = change(
    IRIS,
    initialiser=("zeros", "glorot_uniform", "constant:0.1", "identity"),
    activation=("logistic", "tanh"),
    hidden=(9, 33),
    seeds=2,
    epochs=6,
    statistics="full",
)


def test_tied_runs_and_others_do_not_depend_on_each_other() -> None:
    result = train(SWEEP)
    assert_same_tables(train(SWEEP, singles, segment=1), result)
    hidden = result.layers[(result.layers["role"] == "hidden") & (result.layers["initialiser"] == "zeros")]
    assert (hidden.loc[hidden["layer"] == 2, "weight_std"] == 0).all()


# What is measured of them


def test_what_is_measured_of_equal_units_is_equal() -> None:
    experiment = change(SWEEP, initialiser="constant:0.1", activation="tanh", batch_size=7, epochs=40)
    layers = train(experiment).layers
    hidden = layers[layers["role"] == "hidden"]
    # Into a unit of the second layer come equal values: all of its gradients have one sign.
    second = hidden[hidden["layer"] == 2]
    for level in ("example", "batch", "epoch"):
        assert (second[f"same_sign_{level}"].dropna() == 1).all()
        assert (second[f"agreement_{level}"].dropna() == 1).all()
    assert (second["gradient_std"] == 0).all()
    assert hidden["saturated_neurons"].isin([0.0, 1.0]).all()
