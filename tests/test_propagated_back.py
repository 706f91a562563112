"""The back-propagated signal and the input-output Jacobian: against PyTorch, published values, theory and words."""

import dataclasses
import json
import math
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from core.charts import propagation as charts
from core.engine import measures, recording
from core.engine.network import forward
from core.experiment.experiment import Experiment
from core.lessons import signal_propagation as lesson
from core.lessons.findings import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED
from core.registries.activations import ACTIVATIONS
from core.results.results import Result
from core.text import ONE_SEED
from tests.engine import at_start, change, data_of, explicit, network, states, train

Array = NDArray[Any]
SMALL = change(
    Experiment(),
    dataset="iris",
    activation="tanh",
    initialiser="glorot_uniform",
    hidden=(6, 5),
    epochs=2,
    record="0,2",
    batch_size=16,
    seeds=1,
    dtype="float64",
)
CASES = {
    "tanh": change(SMALL, activation="tanh", initialiser="normal:0.7", probe=40),
    "relu without biases": change(SMALL, activation="relu", initialiser="he_normal", bias=False),
    "two classes": change(SMALL, dataset="two_moons", samples=50, activation="logistic", loss="squared_error", probe=5),
    "digits": change(SMALL, dataset="digits", activation="softsign", batch_size=200, learning_rate=0.5),
    "no hidden layer": change(SMALL, hidden="none", initialiser="normal:1"),
}
FUNCTIONS = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "logistic": torch.sigmoid,
    "softsign": torch.nn.functional.softsign,
}
DEEP = change(Experiment(), dataset="digits", hidden=(100,) * 5, activation="tanh", seeds=3, statistics="standard")


def logits_of(parameters: list[tuple[Array, Array]], x: torch.Tensor, function: str, kept: list[torch.Tensor]) -> Any:
    """PyTorch's own forward pass; pre-activations go into `kept`."""
    for layer, (weight, bias) in enumerate(parameters):
        x = x if layer == 0 else FUNCTIONS[function](x)
        x = x @ torch.from_numpy(weight) + torch.from_numpy(bias)
        kept.append(x)
    return x


@pytest.mark.parametrize("case", list(CASES))
def test_the_jacobian_is_that_of_autograd_and_so_are_its_singular_values(case: str) -> None:
    experiment = CASES[case]
    state, records = states(experiment, experiment.runs(), 100)
    found = recording.jacobians(state, state.workspaces())[0, 0]
    x = torch.from_numpy(data_of(experiment).train_x[: min(experiment.probe or 8, 8)])
    parameters = explicit(state)

    def network_of(example: torch.Tensor) -> Any:
        return logits_of(parameters, example, experiment.activation[0], [])

    wanted = np.stack([torch.autograd.functional.jacobian(network_of, example).numpy() for example in x])
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-12)
    values = np.linalg.svd(wanted, compute_uv=False)
    columns = records[-1].epochs
    for name, value in {
        "singular_value_mean": values.mean(),
        "singular_value_std": values.std(),
        "singular_value_min": values.min(),
        "singular_value_max": values.max(),
    }.items():
        assert columns[name].item() == pytest.approx(value, rel=1e-8, abs=1e-12), name
    each = [np.linalg.cond(one) for one in wanted]
    condition = np.median([one if one < 1e14 else math.inf for one in each])
    assert columns["condition_number"].item() == pytest.approx(condition, rel=1e-6)


@pytest.mark.parametrize("case", list(CASES))
def test_the_signal_that_comes_back_is_autograds_gradient_by_the_pre_activations(case: str) -> None:
    experiment = CASES[case]
    state, records = states(experiment, experiment.runs(), 100)
    data = data_of(experiment)
    probe = experiment.probe or len(data.train_y)
    x, y = torch.from_numpy(data.train_x[:probe]), torch.from_numpy(data.train_y[:probe])
    kept: list[torch.Tensor] = []
    logits = logits_of(explicit(state), x.requires_grad_(), experiment.activation[0], kept)
    for a in kept:
        a.retain_grad()
    if experiment.loss == "squared_error":
        loss = 0.5 * torch.square(torch.sigmoid(logits[:, 0]) - y).sum()
    else:
        loss = torch.nn.functional.cross_entropy(logits, y, reduction="sum")
    loss.backward()
    for layer, a in enumerate(kept):
        assert a.grad is not None
        delta = a.grad.numpy()
        assert records[-1].layers[layer]["delta_mean"].item() == pytest.approx(delta.mean(), rel=1e-8, abs=1e-12)
        assert records[-1].layers[layer]["delta_std"].item() == pytest.approx(delta.std(), rel=1e-8)


def test_a_linear_network_of_orthogonal_weights_is_a_dynamical_isometry() -> None:
    """Saxe et al. 2014: all singular values are 1, at any depth."""
    deep = change(DEEP, hidden=(64,) * 20, activation="identity", initialiser="orthogonal", dtype="float64")
    start = at_start(deep).epochs
    for name in ("mean", "min", "max"):
        np.testing.assert_allclose(start[f"singular_value_{name}"], 1.0, rtol=1e-10)
    np.testing.assert_allclose(start["condition_number"], 1.0, rtol=1e-10)
    gaussian = at_start(change(deep, initialiser="lecun_normal")).epochs
    assert gaussian["condition_number"].min() > 10, "Gaussian weights of the same mean square are none"


# Glorot & Bengio 2010


@pytest.mark.parametrize(("scheme", "wanted"), [("fan_in_uniform", 0.490), ("glorot_uniform", 0.849)])
def test_the_mean_singular_value_of_square_random_weights_is_that_of_random_matrix_theory(
    scheme: str, wanted: float
) -> None:
    """8 / (3 pi) times the root of n times the variance of a weight: 1/3 and 1."""
    weight = network(change(DEEP, hidden=(400, 400), initialiser=scheme))[1][0]
    found = measures.singular_values(weight[None, None, None])["singular_value_mean"].item()
    assert wanted == pytest.approx(8 / (3 * math.pi) * (1 if wanted > 0.8 else 3**-0.5), abs=1e-3)
    assert found == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize(("scheme", "published"), [("fan_in_uniform", 0.5), ("glorot_uniform", 0.8)])
def test_the_mean_singular_value_of_a_layers_jacobian_is_the_published_one(scheme: str, published: float) -> None:
    """About 0.5 with standard and 0.8 with normalised weights; d h_l / d h_(l-1) = W f'(a_l), layers 2 to 5."""
    experiment = change(DEEP, initialiser=scheme, dtype="float64")
    parameters = network(experiment)
    sums, _ = forward(parameters, data_of(experiment).train_x[:2], ACTIVATIONS["tanh"])
    jacobians = [
        np.stack([weight * (1 - np.tanh(a) ** 2) for a in sums[layer]])
        for layer, (weight, _) in enumerate(parameters[:5])
        if layer > 0
    ]
    found = measures.singular_values(np.stack(jacobians)[None])["singular_value_mean"]
    assert found.mean() == pytest.approx(published, abs=0.1)


def test_standard_weights_shrink_the_signal_towards_the_input_and_normalised_ones_hardly() -> None:
    """Figure 7, and theory's factors for both, to a tenth."""
    result = at_start(change(DEEP, initialiser=("fan_in_uniform", "glorot_uniform")))
    table = lesson.by_layer(result)
    table = table[table["quantity"] == "backward"]
    np.testing.assert_allclose(table["predicted"], table["median"], rtol=0.1)
    standard, normalised = (rows["median"].to_list() for _, rows in table.groupby("group", sort=False))
    assert standard[0] < 0.1 * standard[-1]
    assert (np.diff(standard) > 0).all()
    assert normalised[0] > 0.4 * normalised[-1]


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu", "identity"])
def test_theory_predicts_the_root_mean_square_singular_value_of_wide_networks(activation: str) -> None:
    schemes = ("glorot_normal", "he_normal")
    wide = change(DEEP, hidden=(256, 256, 256), activation=activation, initialiser=schemes, seeds=4)
    table = lesson.jacobians(at_start(wide))
    np.testing.assert_allclose(table["predicted"], table["rms"], rtol=0.12)
    assert table["runs"].to_list() == [4, 4]


# What is recorded when, and what is not a number


def test_standard_statistics_measure_what_comes_back_at_initialisation_and_full_ones_always() -> None:
    standard, full = (train(change(SMALL, statistics=name)) for name in ("standard", "full"))
    for table, columns in (
        ("epochs", ["singular_value_mean", "condition_number"]), ("layers", ["delta_mean", "delta_std"]),
    ):  # fmt: skip
        little, much = standard.table(table), full.table(table)
        assert much[columns].notna().all(axis=None)
        assert little.loc[little["epoch"] > 0, columns].isna().all(axis=None)
        pd.testing.assert_frame_equal(
            little.loc[little["epoch"] == 0, columns], much.loc[much["epoch"] == 0, columns], check_exact=True
        )


def test_a_run_whose_jacobian_is_no_number_has_no_values_and_leaves_the_others_theirs() -> None:
    one = np.random.default_rng(3).standard_normal((2, 1, 3, 4, 5))
    broken = one.copy()
    broken[0, 0, 1, 2, 3] = np.nan
    whole, half = measures.singular_values(one), measures.singular_values(broken)
    for name, values in half.items():
        assert np.isnan(values[0, 0])
        assert values[1, 0] == whole[name][1, 0]


def test_a_jacobian_of_less_than_full_rank_has_no_condition_number() -> None:
    flat = np.ones((1, 1, 2, 3, 4))
    assert math.isinf(measures.singular_values(flat)["condition_number"].item())
    assert math.isinf(measures.singular_values(0 * flat)["condition_number"].item())
    dead = at_start(change(SMALL, initialiser="zeros"))
    assert dead.epochs["condition_number"].isna().all()
    assert (dead.epochs["singular_value_max"] == 0).all()


# Words and charts


@lru_cache(maxsize=8)
def started(**settings: Any) -> Result:
    return at_start(change(DEEP, **{"seeds": 2, "hidden": (64,) * 4} | settings))


@pytest.mark.parametrize(
    ("settings", "verdict", "said"),
    [
        ({"activation": "identity", "initialiser": "orthogonal"}, SUPPORTED, "mean 1, condition number 1 in identity"),
        ({"activation": "logistic", "initialiser": "glorot_uniform"}, NOT_SUPPORTED, "relative to the last, is 0.0"),
        ({"activation": ("identity", "logistic"), "initialiser": "orthogonal"}, MIXED, " times in identity"),
        ({"activation": "identity", "initialiser": "orthogonal", "seeds": 1}, UNDECIDED, ONE_SEED),
        ({"hidden": (8,)}, UNDECIDED, "No network here has two hidden layers."),
        ({"initialiser": "zeros"}, UNDECIDED, "No signal comes back to any hidden layer here."),
    ],
)  # fmt: skip
def test_the_verdict_is_whether_the_signal_keeps_its_size(settings: dict[str, Any], verdict: str, said: str) -> None:
    found = lesson.backward(started(**settings))
    assert found.verdict == verdict
    assert said in found.evidence


def test_the_verdict_follows_the_signal() -> None:
    true = started(activation="identity", initialiser="orthogonal")
    grown = true.layers.assign(delta_std=true.layers["delta_std"] * np.where(true.layers["layer"] == 1, 2.5, 1.0))
    assert lesson.backward(dataclasses.replace(true, layers=grown)).verdict == NOT_SUPPORTED


def rows_of(chart: Any) -> list[dict[str, Any]]:
    data = json.loads(json.dumps(chart.to_dict(), allow_nan=False))["datasets"].values()
    return [row for rows in data for row in rows]


def test_singular_values_are_drawn_as_the_table_has_them_without_zeros() -> None:
    result = started(activation=("tanh", "relu"), initialiser=("orthogonal", "zeros"))
    table, groups = lesson.jacobians(result), result.experiment.groups()
    rows = rows_of(charts.singular_values(table, groups=groups))
    drawn = {row["group"]: row["rms"] for row in rows if "rms" in row}
    assert drawn == table[table["rms"] > 0].set_index("group")["rms"].to_dict()
    predicted = {row["group"]: row["predicted"] for row in rows if "predicted" in row}
    assert predicted == table[table["predicted"].notna()].set_index("group")["predicted"].to_dict()
    nothing = charts.singular_values(table[table["rms"] == 0], groups=groups)
    assert "no signal gets through" in json.dumps(nothing.to_dict())


def test_weight_gradients_are_drawn_by_layer_the_output_layer_the_last() -> None:
    result = started(statistics="full", initialiser=("orthogonal", "zeros"))
    rows = rows_of(charts.weight_gradients(lesson.weight_gradients(result), groups=result.experiment.groups()))
    layers = result.layers[result.layers["group"] == "orthogonal"]
    drawn = {row["at"]: row["median"] for row in rows if row["group"] == "orthogonal"}
    assert drawn == pytest.approx({str(k): v for k, v in layers.groupby("layer")["gradient_std"].median().items()})
    assert min(row["median"] for row in rows) > 0


def test_what_is_said_of_initialisation_is_of_no_update_of_the_first_epoch() -> None:
    found = train(change(SMALL, record="updates", epochs=1, seeds=3, batch_size=8, learning_rate=3.0))
    first = found.epochs[found.epochs["update"] == 0]
    assert (found.epochs["epoch"] == 0).sum() > len(first)
    table = lesson.jacobians(found)
    assert table["mean"].item() == first["singular_value_mean"].median()
    assert table["runs"].item() == 3
    numbers = {number.measure: number.value for number in lesson.backward(found).numbers}
    assert numbers["median singular_value_mean"] == first["singular_value_mean"].median()
    assert numbers["median condition_number"] == first["condition_number"].median()
