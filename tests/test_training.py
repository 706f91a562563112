"""Training: loss curves against autograd and scikit-learn, bits that do not depend on chunks, divergence."""

import copy
import dataclasses
import itertools
import pickle
from collections.abc import Iterator
from typing import Any

import autograd
import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController, threadpool_limits

from core.engine.network import Workspaces
from core.engine.recording import record_point
from core.engine.training import ORDER, WEIGHTS, advance, start
from core.experiment.experiment import Experiment, Run
from core.jobs import running
from core.registries.activations import ACTIVATIONS
from core.registries.optimisers import OPTIMISERS
from tests.engine import (
    assert_same_tables,
    change,
    data_of,
    explicit,
    network,
    records,
    shapes,
    singles,
    states,
    train,
)
from tests.test_network import flat, mean_loss
from tests.test_optimisers import SCALAR

Array = NDArray[Any]

IRIS = change(
    Experiment(),
    dataset="iris",
    activation="tanh",
    initialiser="glorot_uniform",
    hidden=(6, 5),
    epochs=6,
    seeds=1,
    record="every",
    dtype="float64",
)
SWEEP = change(
    IRIS,
    activation=("logistic", "relu"),
    initialiser=("normal:1", "glorot_uniform"),
    learning_rate=(0.05, 0.3),
    epochs=4,
    seeds=2,
    record="0,1,4",
)
SETTINGS = {"sgd": 0.3, "momentum": 0.1, "nesterov:0.8": 0.1, "rmsprop": 0.01, "adam": 0.02}


def shuffled(experiment: Experiment, run: Run) -> Iterator[Array]:
    """The examples of every update, in order: the documented streams, cut into batches."""
    examples = len(data_of(experiment).train_y)
    size = run.batch_size or examples
    for epoch in range(experiment.epochs):
        stream = np.random.SeedSequence(run.seed, spawn_key=(ORDER, epoch))
        order = np.random.default_rng(stream).permutation(examples)
        for begin in range(0, examples, size):
            yield order[begin : begin + size]


def weights_by_hand(experiment: Experiment) -> Iterator[list[tuple[Array, Array]]]:
    """The parameters at first and after every update: autograd's gradients, optimisers written for one weight."""
    (run,), data = experiment.runs(), data_of(experiment)
    parameters = network(experiment)
    yield copy.deepcopy(parameters)
    parts = [part for layer in parameters for part in layer]
    name, _, argument = run.optimiser.partition(":")
    memory: dict[str, list[Any]] = {slot: [0.0] * len(parts) for slot in "vms"}
    decay = float(argument or OPTIMISERS[name].argument or 0)
    rate = run.learning_rate
    activation, loss = run.activation, experiment.loss
    for count, chosen in enumerate(shuffled(experiment, run), 1):
        gradient = autograd.grad(mean_loss)(parameters, data.train_x[chosen], data.train_y[chosen], activation, loss)
        for i, g in enumerate(part for layer in gradient for part in layer):
            v, m, s = (memory[slot][i] for slot in "vms")
            if name == "sgd":
                step = rate * g
            elif name in ("momentum", "nesterov"):
                v = decay * v + rate * g
                step = v if name == "momentum" else decay * v + rate * g
            elif name == "rmsprop":
                s = decay * s + (1 - decay) * g**2
                step = rate * g / (np.sqrt(s) + 1e-8)
            else:
                m, s = decay * m + (1 - decay) * g, 0.999 * s + 0.001 * g**2
                step = rate * (m / (1 - decay**count)) / (np.sqrt(s / (1 - 0.999**count)) + 1e-8)
            memory["v"][i], memory["m"][i], memory["s"][i] = v, m, s
            if experiment.bias or i % 2 == 0:
                parts[i] -= step
        yield copy.deepcopy(parameters)


def by_hand(experiment: Experiment) -> list[float]:
    """Training losses at first and at the end of every epoch."""
    (run,), data = experiment.runs(), data_of(experiment)
    per_epoch = experiment.updates_per_epoch(len(data.train_y), run.batch_size)
    return [
        float(mean_loss(parameters, data.train_x, data.train_y, run.activation, experiment.loss))
        for parameters in itertools.islice(weights_by_hand(experiment), 0, None, per_epoch)
    ]


# Loss curves


@pytest.mark.parametrize("batch_size", [0, 50])
@pytest.mark.parametrize("optimiser", list(SETTINGS))
def test_the_loss_curve_is_that_of_a_loop_by_hand(optimiser: str, batch_size: int) -> None:
    experiment = change(IRIS, optimiser=optimiser, learning_rate=SETTINGS[optimiser], batch_size=batch_size)
    np.testing.assert_allclose(train(experiment).epochs["train_loss"], by_hand(experiment), rtol=1e-8)


@pytest.mark.parametrize(
    "changes",
    [
        {"activation": "logistic", "loss": "squared_error"},
        {"dataset": "two_moons", "samples": 60},
        {"dataset": "two_moons", "samples": 60, "loss": "squared_error", "activation": "softsign"},
        {"hidden": "none"},
        {"bias": False, "initialiser": "normal:1", "activation": "leaky_relu"},
        {"initialiser": "lsuv", "scaling": "raw", "learning_rate": 0.01},
    ],
    ids=str,
)
def test_the_loss_curve_is_that_of_a_loop_by_hand_in_other_settings(changes: dict[str, Any]) -> None:
    experiment = change(IRIS, batch_size=25, epochs=3, **changes)
    np.testing.assert_allclose(train(experiment).epochs["train_loss"], by_hand(experiment), rtol=1e-8)


def test_the_scalar_formulas_cover_every_optimiser() -> None:
    assert set(SCALAR) == set(OPTIMISERS) == {name.partition(":")[0] for name in SETTINGS}


@pytest.mark.parametrize(
    ("activation", "theirs", "dataset"),
    [
        ("logistic", "logistic", "iris"),
        ("tanh", "tanh", "iris"),
        ("relu", "relu", "iris"),
        ("identity", "identity", "iris"),
        ("tanh", "tanh", "breast_cancer"),
    ],
)
def test_the_loss_curve_is_that_of_scikit_learn(activation: str, theirs: str, dataset: str) -> None:
    from sklearn.neural_network import MLPClassifier

    experiment = change(IRIS, dataset=dataset, activation=activation, learning_rate=0.2, batch_size=0, epochs=25)
    data, result = data_of(experiment), train(experiment)
    net = MLPClassifier(
        hidden_layer_sizes=(6, 5),
        activation=theirs,
        solver="sgd",
        alpha=0.0,
        batch_size=len(data.train_y),
        learning_rate_init=0.2,
        momentum=0.0,
        nesterovs_momentum=False,
        shuffle=False,
    )
    net.partial_fit(data.train_x, data.train_y, classes=np.unique(data.train_y))
    net.coefs_ = [w for w, _ in network(experiment)]
    net.intercepts_ = [b for _, b in network(experiment)]
    del net._optimizer  # so that it works on the weights just put in
    net.loss_curve_ = []
    for _ in range(25):
        net.partial_fit(data.train_x, data.train_y)
    # Theirs is the loss before each update.
    np.testing.assert_allclose(result.epochs["train_loss"][:-1], net.loss_curve_, rtol=1e-8)
    assert result.epochs["train_accuracy"].iloc[-1] == net.score(data.train_x, data.train_y)
    assert result.epochs["test_accuracy"].iloc[-1] == net.score(data.test_x, data.test_y)


def test_float32_follows_float64() -> None:
    fine = train(change(IRIS, learning_rate=0.2))
    coarse = train(change(IRIS, learning_rate=0.2, dtype="float32"))
    np.testing.assert_allclose(coarse.epochs["train_loss"], fine.epochs["train_loss"], rtol=1e-4)


# Bits


def odd(runs: list[Run]) -> list[list[Run]]:
    """Groups by seeds, unevenly: the first seed of all groups, the other of the first group, that of the rest."""
    rows = [runs[i : i + 2] for i in range(0, len(runs), 2)]
    return [[row[0] for row in rows], rows[0][1:], [run for row in rows[1:] for run in row[1:]]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 32},
        {"batch_size": 7, "optimiser": "momentum", "loss": "squared_error"},
        {"batch_size": 0, "optimiser": "rmsprop", "probe": 13},
        {"batch_size": 1, "epochs": 1, "record": "every"},
        {"batch_size": 119, "optimiser": "adam", "hidden": (20,), "statistics": "standard"},
        {"batch_size": 50, "optimiser": "nesterov", "hidden": (1, 3), "probe": 30, "bias": False},
        {"batch_size": 40, "dataset": "two_moons", "samples": 100, "hidden": (17, 9, 8)},
        {"batch_size": 30, "hidden": "none", "initialiser": ("lsuv", "sparse:2")},
    ],
    ids=str,
)
def test_a_runs_numbers_are_the_same_to_the_bit_in_any_chunk_and_segments(changes: dict[str, Any], dtype: str) -> None:
    experiment = change(SWEEP, **{**changes, "dtype": dtype})
    expected = train(experiment)
    assert len(expected.runs) == len(experiment.runs())
    assert_same_tables(train(experiment, singles, segment=1), expected)
    assert_same_tables(train(experiment, odd, segment=3), expected)


def test_a_runs_numbers_are_the_same_to_the_bit_at_the_sizes_of_the_default_sweep() -> None:
    experiment = change(
        Experiment(),
        activation="logistic",
        initialiser=("normal:1", "glorot_uniform"),
        hidden=(70, 64),
        epochs=1,
        seeds=2,
    )
    cut = train(experiment, singles)
    assert_same_tables(cut, train(experiment))


def test_a_runs_numbers_do_not_depend_on_what_else_is_in_the_sweep() -> None:
    alone = train(
        change(SWEEP, activation="relu", initialiser="glorot_uniform", learning_rate=0.3, seeds=1, first_seed=1)
    )
    result = train(SWEEP)
    chosen = result.runs.query("activation == 'relu' and initialiser == 'glorot_uniform' and learning_rate == 0.3")
    number = int(chosen["run"].iloc[1])
    for table in ("runs", "epochs", "layers"):
        ours = result.table(table).query(f"run == {number}").reset_index(drop=True)
        a, b = (t.drop(columns=["run", "group", "seconds"], errors="ignore") for t in (ours, alone.table(table)))
        assert a.equals(b), table


def test_records_in_any_order_give_the_same_tables() -> None:
    from core.results.results import collect

    in_order = records(SWEEP, singles)
    shuffled_records = [in_order[i] for i in np.random.default_rng(0).permutation(len(in_order))]
    assert_same_tables(collect(SWEEP, shuffled_records), collect(SWEEP, in_order))


def test_what_is_recorded_and_measured_does_not_change_the_training() -> None:
    full = train(SWEEP).epochs
    for changes in ({"statistics": "standard"}, {"record": "0,4"}, {"probe": 5}, {"saturation_threshold": 0.5}):
        epochs = train(change(SWEEP, **changes)).epochs
        both = full.merge(epochs, on=["run", "epoch", "update"])
        assert len(both) == len(epochs)
        for column in ("train_accuracy", "test_accuracy", "update_to_weight_ratio"):
            np.testing.assert_array_equal(both[f"{column}_x"], both[f"{column}_y"])
        # A mean over blocks of examples: the blocks begin with the probe.
        np.testing.assert_allclose(both["train_loss_x"], both["train_loss_y"], rtol=1e-13)


def test_advance_leaves_the_given_state_as_it_was() -> None:
    experiment = change(SWEEP, optimiser="adam", activation="tanh", hidden=(5, 4))
    state, _ = advance(start(experiment, experiment.runs(), data_of(experiment)), 1)
    before = pickle.dumps(state)
    first, _ = advance(state, 2)
    second, _ = advance(state, 2)
    assert pickle.dumps(state) == before
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_state_goes_on_elsewhere_after_pickling() -> None:
    experiment = change(SWEEP, optimiser="nesterov", activation="tanh")
    straight, _ = states(experiment, experiment.runs(), 4)
    state = start(experiment, experiment.runs(), data_of(experiment))
    while not state.finished:
        state, _ = advance(pickle.loads(pickle.dumps(state)), 1)
    for a, b in zip(straight.weights, state.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(straight.path, state.path)


# Random streams, order of examples


def test_weights_come_from_the_runs_own_stream_by_layer() -> None:
    experiment = change(IRIS, first_seed=7, initialiser="normal:0.5")
    for layer, (w, b) in enumerate(network(experiment)):
        rng = np.random.default_rng(np.random.SeedSequence(7, spawn_key=(WEIGHTS, layer)))
        np.testing.assert_array_equal(w, 0.5 * rng.standard_normal(w.shape))
        assert not b.any()


def test_every_epoch_has_another_order_and_every_seed_its_own() -> None:
    experiment = change(IRIS, batch_size=30, epochs=2)
    orders = [np.concatenate(list(shuffled(e, e.runs()[0]))) for e in (experiment, change(experiment, first_seed=1))]
    epochs = np.array(orders).reshape(4, -1)
    for order in epochs:
        np.testing.assert_array_equal(np.sort(order), np.arange(120))
    assert len(np.unique(epochs, axis=0)) == 4


@pytest.mark.parametrize("size", [120, 121, 100_000])
def test_a_batch_size_of_the_training_set_or_more_is_the_full_batch(size: int) -> None:
    full, large = (train(change(IRIS, batch_size=b)) for b in (0, size))
    for column in ("update", "train_loss", "test_loss", "gradient_norm"):
        np.testing.assert_array_equal(full.epochs[column], large.epochs[column])


# Record points


def test_what_is_recorded_is_epoch_0_the_chosen_epochs_and_the_last() -> None:
    for record, expected in (("2,5", [0, 2, 5, 6]), ("every", [0, 1, 2, 3, 4, 5, 6]), ("0", [0, 6])):
        epochs = train(change(IRIS, record=record, batch_size=50)).epochs
        assert epochs["epoch"].tolist() == expected
        assert epochs["update"].tolist() == [3 * epoch for epoch in expected]


def test_log_spaced_points_are_dense_at_first() -> None:
    experiment = change(IRIS, epochs=40, record="log")
    points = train(experiment).epochs["epoch"].tolist()
    assert points[:5] == [0, 1, 2, 3, 4]
    assert points[-1] == 40
    assert (np.diff(np.diff(points)) >= 0).mean() > 0.7


@pytest.mark.parametrize("segment", [1, 2, 5])
def test_each_point_is_recorded_once_however_the_epochs_are_cut(segment: int) -> None:
    experiment = change(IRIS, record="0,2,3,6")
    _, found = states(experiment, experiment.runs(), segment)
    assert [record.epoch for record in found] == [0, 2, 3, 6]


def test_advance_by_nothing_records_the_initialisation_and_beyond_the_end_does_nothing() -> None:
    state, first = advance(start(IRIS, IRIS.runs(), data_of(IRIS)), 0)
    assert [record.epoch for record in first] == [0]
    assert (state.epoch, state.finished) == (0, False)
    state, rest = advance(state, 1_000)
    assert (state.epoch, state.finished, len(rest)) == (6, True, 6)
    again, more = advance(state, 3)
    assert more == ()
    assert again.epoch == 6


def test_time_goes_on_and_is_shared_out_among_the_runs() -> None:
    result = train(SWEEP)
    seconds = result.epochs.merge(result.runs[["run", "seconds"]], on="run")["seconds"]
    assert (seconds >= 0).all()


# What a chunk may be


def test_runs_of_different_shapes_are_no_chunk() -> None:
    with pytest.raises(
        ValueError, match="share dataset, hidden, residual, normalisation, batch_size, optimiser, activation"
    ):
        start(SWEEP, SWEEP.runs(), data_of(SWEEP))


@pytest.mark.parametrize("chosen", [[0, 3], [0, 1, 2], [1, 2], [0, 2, 1, 3]])
def test_runs_that_are_not_groups_by_seeds_are_no_chunk(chosen: list[int]) -> None:
    runs = shapes(SWEEP)[0]
    with pytest.raises(ValueError, match="groups by seeds"):
        start(SWEEP, [runs[i] for i in chosen], data_of(SWEEP))


# Divergence

DIVERGING = change(
    SWEEP,
    activation="identity",
    initialiser=("glorot_uniform", "normal:0.01"),
    learning_rate=(0.05, 900.0),
    loss="cross_entropy",
    optimiser="momentum",
    hidden=(6, 5),
    epochs=8,
    batch_size=5,
    record="every",
    dtype="float32",
)


def test_a_diverging_run_is_marked_and_recorded_no_further() -> None:
    result = train(DIVERGING)
    high = result.runs["learning_rate"] == 900
    assert (result.runs.loc[high, "status"] == "diverged").all()
    assert set(result.runs.loc[~high, "status"]) <= {"converged", "not_reached"}
    for _, run in result.runs[high].iterrows():
        epochs = result.epochs[result.epochs["run"] == run["run"]]
        assert epochs["update"].max() == run["last_update"] < result.epochs["update"].max()
        layers = result.layers[result.layers["run"] == run["run"]]
        # Its last point, where it is found to have diverged, says nothing about its layers.
        assert layers["update"].max() < run["last_update"]


def test_the_other_runs_do_not_notice_one_that_diverges() -> None:
    together, alone = train(DIVERGING), train(change(DIVERGING, learning_rate=0.05))
    for table in ("runs", "epochs", "layers"):
        ours = together.table(table).query("learning_rate == 0.05").reset_index(drop=True)
        a, b = (t.drop(columns=["run", "group", "seconds"], errors="ignore") for t in (ours, alone.table(table)))
        assert a.equals(b), table
    ours = together.histograms.query("learning_rate == 0.05").drop(columns="group").reset_index(drop=True)
    assert ours.equals(alone.histograms.drop(columns="group"))


def test_a_seed_that_diverges_leaves_the_others_of_its_group_as_they_are() -> None:
    # With this rate some seeds diverge and some do not.
    experiment = change(DIVERGING, initialiser="normal:1", learning_rate=0.05, seeds=3)
    result = train(experiment)
    assert set(result.runs["status"] == "diverged") == {True, False}
    assert_same_tables(train(experiment, singles, segment=1), result)


def test_nothing_measured_of_a_diverging_sweep_is_missing_or_infinite_but_the_last_losses() -> None:
    result = train(DIVERGING)
    numbers = result.epochs.select_dtypes("number")
    assert not np.isinf(numbers).any(axis=None)
    last = result.epochs["run"].map(result.runs.set_index("run")["last_update"]) == result.epochs["update"]
    diverged = result.epochs["run"].map(result.runs.set_index("run")["status"]) == "diverged"
    measured = result.epochs[~(last & diverged)]
    assert measured[["train_loss", "test_loss", "gradient_norm"]].notna().all(axis=None)
    assert (
        result.layers[["preactivation_mean", "preactivation_p98", "gradient_std", "weight_std"]].notna().all(axis=None)
    )


def test_histograms_count_only_the_runs_that_have_a_row_in_the_layers_table() -> None:
    result = train(change(DIVERGING, learning_rate=(0.05, 0.5, 900.0)))
    counts = result.histograms.query("quantity == 'preactivation'").groupby(["group", "epoch", "layer"])["count"].sum()
    rows = result.layers.groupby(["group", "epoch", "layer"])["fan_out"].sum() * 120
    both = counts.to_frame().join(rows.rename("values")).fillna({"values": 0})
    np.testing.assert_array_equal(both["count"], both["values"])


def test_a_diverged_run_is_frozen_at_zero_and_finite() -> None:
    runs = [run for run in DIVERGING.runs() if run.learning_rate == 900]
    state, _ = states(DIVERGING, runs, 100)
    assert not state.alive.any()
    for arrays in (state.weights, *zip(*state.slots, strict=True)):
        for array in arrays:
            assert not array.any()


def test_training_ends_when_every_run_has_diverged() -> None:
    experiment = change(DIVERGING, learning_rate=900.0)
    state, found = states(experiment, experiment.runs(), 1)
    assert state.finished
    assert state.epoch < experiment.epochs
    assert found[-1].epoch == state.epoch


def test_weights_that_are_too_large_from_the_start_diverge_at_initialisation() -> None:
    experiment = change(IRIS, activation="relu", initialiser="normal:1000", hidden=(20,) * 14, dtype="float32")
    result = train(experiment)
    assert result.runs["status"].tolist() == ["diverged"]
    assert result.runs["last_update"].tolist() == [0]
    assert result.layers.empty


def test_a_loss_beyond_a_million_times_the_initial_one_is_divergence_though_finite() -> None:
    result = train(
        change(IRIS, dataset="breast_cancer", scaling="raw", hidden="none", initialiser="zeros", learning_rate=900.0)
    )
    initial = result.epochs.query("epoch == 0").set_index("run")["train_loss"]
    worst = result.epochs.groupby("run")["train_loss"].max()
    assert (worst / initial > 1e6).all()
    assert result.runs["status"].tolist() == ["diverged"]


# LSUV


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_lsuv_gives_every_layer_the_wanted_deviation_on_the_training_set(activation: str, gain: float) -> None:
    experiment = change(IRIS, activation=activation, initialiser="lsuv", gain=gain, hidden=(9, 8, 7), probe=0, epochs=1)
    at_start = train(experiment).layers.query("epoch == 0")
    np.testing.assert_allclose(at_start["preactivation_std"], gain, rtol=1e-12)


@pytest.mark.parametrize("initialiser", ["lsuv", "glorot_uniform", "zeros"])
def test_what_is_measured_does_not_change_what_is_trained(initialiser: str) -> None:
    experiment = change(IRIS, initialiser=initialiser, activation="logistic", learning_rate=0.3)
    trained = states(experiment, experiment.runs(), 100)[0].weights
    for changes in ({"probe": 16}, {"probe": 0}, {"statistics": "standard"}, {"record": "0,6"}):
        other = change(experiment, **changes)
        for a, b in zip(trained, states(other, other.runs(), 100)[0].weights, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_finite_loss_after_an_initial_loss_of_0_is_no_divergence() -> None:
    # As of a network that is right and certain of every example: the cross-entropy underflows.
    state = start(IRIS, IRIS.runs(), data_of(IRIS))
    state.initial_loss, state.recorded = np.zeros(state.shape), 0
    record = record_point(state, Workspaces(state.shape, state.sizes, np.float64, True, state.activation))
    assert record.epochs["train_loss"].item() > 0
    assert not record.diverged.any()


def test_lsuv_only_scales_orthogonal_matrices() -> None:
    (lsuv, orthogonal) = (network(change(IRIS, initialiser=name)) for name in ("lsuv", "orthogonal"))
    for (w, b), (q, _) in zip(lsuv, orthogonal, strict=True):
        ratio = w / q
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-12)
        assert not b.any()


def test_the_explicit_weights_of_a_state_are_those_trained() -> None:
    experiment = change(IRIS, batch_size=0, epochs=1, learning_rate=0.3)
    state, _ = states(experiment, experiment.runs(), 1)
    before, data = network(IRIS), data_of(IRIS)
    gradient = autograd.grad(mean_loss)(before, data.train_x, data.train_y, "tanh", "cross_entropy")
    np.testing.assert_allclose(flat(explicit(state)), flat(before) - 0.3 * flat(gradient), rtol=1e-11, atol=1e-15)


def test_networks_start_and_train_with_one_blas_thread_and_leave_the_others_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blas = ThreadpoolController().select(user_api="blas")
    while_training: set[int] = set()

    def threads() -> set[int]:
        return {found["num_threads"] for found in blas.info() if "numpy" in found["filepath"]}

    def forward(a: Array, out: Array | None = None) -> Array:
        if a.ndim > 1:  # what the function is on its own is no product's
            while_training.update(threads())
        return np.tanh(a, out=out)

    watched = dataclasses.replace(ACTIVATIONS["tanh"], name="watched", forward=forward)
    monkeypatch.setitem(ACTIVATIONS, "watched", watched)
    with threadpool_limits(2, user_api="blas"):
        running.run(change(IRIS, activation="watched", initialiser="lsuv", epochs=1))
        assert threads() == {2}
    assert while_training == {1}
