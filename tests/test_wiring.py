"""Residual connections, layer normalisation and the functions whose a is kept, against the same networks in PyTorch."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from core.engine.network import backward, forward
from core.engine.symmetry import classes
from core.engine.training import advance, start
from core.experiment.experiment import Experiment, residual_layers
from core.lessons import batch_size, signal_propagation
from core.lessons.claims import CLAIMS
from core.registries.activations import ACTIVATIONS
from core.registries.losses import LOSSES
from core.results import derived
from core.results.results import Result
from core.text import SUPPORTED, UNDECIDED
from tests.engine import at_start, change, data_of, explicit, states, train
from tests.test_training import shuffled

Array = NDArray[Any]
OURS = {"logistic": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "swish": functional.silu}
FUNCTIONS = ("logistic", "tanh", "relu", "elu", "selu", "softplus", "swish", "gelu")
WIRINGS = list(itertools.product((False, True), ("none", "layer")))
SMALL = change(
    Experiment(), dataset="iris", activation="tanh", initialiser="glorot_uniform", hidden=(5, 7, 7, 7), epochs=2,
    seeds=1, batch_size=32, dtype="float64", record="every", learning_rate=0.05,
)  # fmt: skip


def logits(
    parameters: list[torch.Tensor], x: torch.Tensor, name: str, residual: bool, normalisation: str
) -> torch.Tensor:
    """The network, as its definition reads."""
    function = OURS.get(name) or getattr(functional, name)
    h = x
    for number, (w, b) in enumerate(zip(parameters[:-2:2], parameters[1:-2:2], strict=True)):
        a = h @ w + b
        if normalisation == "layer":
            a = functional.layer_norm(a, a.shape[1:])
        h = function(a) + h if residual and number > 0 and h.shape[1] == a.shape[1] else function(a)
    return h @ parameters[-2] + parameters[-1]


def tensors(layers: list[tuple[Array, Array]]) -> list[torch.Tensor]:
    return [torch.tensor(part, dtype=torch.float64, requires_grad=True) for layer in layers for part in layer]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("residual", "normalisation"), WIRINGS)
def test_loss_and_gradient_of_one_network_are_those_of_pytorch(name: str, residual: bool, normalisation: str) -> None:
    rng = np.random.default_rng(3)
    sizes = (3, 6, 6, 4, 4, 3)
    layers = [(rng.normal(0, 1, shape), rng.normal(0, 0.5, shape[1])) for shape in itertools.pairwise(sizes)]
    x, y = rng.normal(0, 1, (9, 3)), rng.integers(0, 3, 9)
    kind = {"residual": residual, "normalisation": normalisation}
    value, gradient = backward(layers, x, y, ACTIVATIONS[name], LOSSES["cross_entropy"], **kind)  # type: ignore[arg-type]
    parameters = tensors(layers)
    loss = functional.cross_entropy(logits(parameters, torch.tensor(x), name, **kind), torch.tensor(y))  # type: ignore[arg-type]
    theirs = torch.autograd.grad(loss, parameters)
    assert value == pytest.approx(loss.item(), abs=1e-8)  # beyond 20 their softplus is the identity
    for ours, wanted in zip((part for layer in gradient for part in layer), theirs, strict=True):
        np.testing.assert_allclose(ours, wanted.numpy(), rtol=0, atol=1e-8)
    a, h = forward(layers, x, ACTIVATIONS[name], **kind)  # type: ignore[arg-type]
    if normalisation == "layer":
        np.testing.assert_allclose(a[0].mean(axis=1), 0, atol=1e-12)
        np.testing.assert_allclose(a[1].std(axis=1), 1, rtol=1e-3)
    plain = ACTIVATIONS[name].forward(a[1])
    np.testing.assert_allclose(h[1] - plain, h[0] if residual else 0 * plain, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("residual", "normalisation"), WIRINGS)
def test_training_is_that_of_pytorch_step_by_step(name: str, residual: bool, normalisation: str) -> None:
    experiment = change(SMALL, activation=name, residual=residual, normalisation=normalisation)
    (run,), data = experiment.runs(), data_of(experiment)
    state = start(experiment, [run], data)
    parameters = tensors(explicit(state))
    x, y = torch.tensor(data.train_x), torch.tensor(data.train_y)
    for chosen in shuffled(experiment, run):
        given = logits(parameters, x[chosen], name, residual, normalisation)
        gradients = torch.autograd.grad(functional.cross_entropy(given, y[chosen]), parameters)
        parameters = [
            (p - run.learning_rate * g).detach().requires_grad_() for p, g in zip(parameters, gradients, strict=True)
        ]
    state, _ = advance(state, experiment.epochs)
    for ours, theirs in zip((part for layer in explicit(state) for part in layer), parameters, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("residual", "normalisation"), WIRINGS)
def test_what_is_recorded_is_what_enters_f_and_what_leaves_the_layer(residual: bool, normalisation: str) -> None:
    experiment = change(SMALL, probe="all", residual=residual, normalisation=normalisation, activation="gelu")
    data = data_of(experiment)
    a, h = forward(
        explicit(start(experiment, experiment.runs(), data)), data.train_x, ACTIVATIONS["gelu"],
        residual=residual, normalisation=normalisation,
    )  # fmt: skip
    rows = at_start(experiment).layers
    slope = ACTIVATIONS["gelu"].slope(a[2])
    row = rows.iloc[2]
    assert row["preactivation_std"] == pytest.approx(a[2].std(), rel=1e-9)
    assert row["activation_mean"] == pytest.approx(h[2].mean(), rel=1e-9)
    assert row["activation_p50"] == pytest.approx(np.median(h[2]), rel=0.05)
    assert row["saturated"] == (np.abs(slope) < 0.05 * ACTIVATIONS["gelu"].max_slope).mean()
    assert row["saturated_low"] + row["saturated_high"] == pytest.approx(row["saturated"])


def test_a_layer_has_a_residual_connection_where_the_hidden_layer_below_is_as_wide() -> None:
    assert residual_layers((4, 4, 8, 8, 8)) == (False, True, False, True, True)
    assert residual_layers(()) == ()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("residual", "normalisation"), WIRINGS)
@pytest.mark.parametrize("initialiser", ["constant:0.3", "zeros", "lsuv"])
def test_units_that_start_equal_stay_equal_and_lsuv_trains(
    initialiser: str, residual: bool, normalisation: str, dtype: str
) -> None:
    experiment = change(
        SMALL, initialiser=initialiser, residual=residual, normalisation=normalisation, dtype=dtype, optimiser="adam",
        learning_rate=0.02, activation="logistic", gain=1,
    )  # fmt: skip
    layers = train(experiment).layers
    hidden = layers[layers["role"] == "hidden"]
    if initialiser == "lsuv":
        assert (hidden["weight_std"] > 0).all()
        return
    state, _ = states(experiment, experiment.runs(), 1)
    for weight in state.weights[1:-1]:
        assert np.ptp(weight[..., :-1], axis=(-1, -2)).max() == 0
    if normalisation == "layer":
        # A layer of equal units is normalised to nothing: its pre-activations are 0, exactly.
        assert (hidden["preactivation_std"] == 0).all()
        assert (hidden["preactivation_mean"] == 0).all()
        assert (hidden["no_gradient_example"] == 1).all()


def test_residual_connections_tie_only_units_that_continue_equal_ones() -> None:
    first = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 0.0], [3.0, 1.0, 0.0], [3.0, 1.0, 0.0]])
    middle, last = np.full((4, 5), 0.5), np.full((1, 5), 0.5)
    assert classes([first, middle, last])[2].tolist() == [0, 0, 0, 0]
    with_residual = classes([first, middle, last], residual=True)
    assert with_residual[1].tolist() == with_residual[2].tolist() == [0, 0, 1, 1]


def test_lsuv_scales_the_sums_that_are_normalised() -> None:
    experiment = change(SMALL, initialiser="lsuv", gain=1.5, normalisation="layer", residual=True)
    data, parameters = data_of(experiment), explicit(start(experiment, experiment.runs(), data_of(experiment)))
    _, h = forward(parameters, data.train_x, ACTIVATIONS["tanh"], residual=True, normalisation="layer")
    for (w, b), below in zip(parameters, [data.train_x, *h], strict=True):
        assert (below @ w + b).std() == pytest.approx(1.5, rel=1e-9)


def test_the_sweep_trains_each_wiring_as_it_would_alone() -> None:
    both = change(SMALL, residual="false,true", normalisation="none,layer", optimiser="sgd,adam", epochs=1)
    result: Result = train(both)
    assert len(result.runs) == 8
    for row in result.runs.to_dict("records"):
        alone = train(
            change(both, residual=row["residual"], normalisation=row["normalisation"], optimiser=row["optimiser"])
        )
        assert alone.runs["final_train_loss"].item() == row["final_train_loss"]


WIRED = "dataset=iris&hidden=6-6&epochs=6&seeds=2&initialiser=normal:0.01,normal:2&learning_rate=0.3&batch_size=8"


def wired(settings: str) -> Result:
    return train(Experiment.from_text(f"{WIRED}&{settings}"))


def test_the_lectures_claims_are_judged_by_plain_networks_alone_but_for_the_tied_signs() -> None:
    mixed, plain = wired("residual=false,true&normalisation=none,layer"), wired("")
    none = wired("normalisation=layer")
    for claim in CLAIMS:
        found, alone, without = (claim.judge(result) for result in (mixed, plain, none))
        if claim.plain:
            assert found.limits.startswith("n = 8 runs of plain networks, 2 seeds a group, on iris; ")
            assert "24 more runs have residual connections or layer normalisation." in found.limits
            if claim.id != "Q7":  # times are never the same
                assert found.verdict == alone.verdict
            assert without.verdict == UNDECIDED
            assert "all runs here have residual connections or layer normalisation" in without.evidence
        elif claim.id == "Q4":
            assert found.verdict == without.verdict == SUPPORTED, "h stays positive: what is added to it is"
            assert "Residual connections: into layer 2 of 6-6." in found.limits


def test_one_examples_gradients_share_a_sign_above_positive_units_whatever_the_wiring() -> None:
    layers = wired("residual=false,true&normalisation=none,layer&activation=logistic,softplus").layers
    fed = layers[(layers["layer"] > 1) & layers["same_sign_example"].notna()]
    assert len(fed) > 100
    assert (fed["same_sign_example"] == 1).all()


def test_theory_predicts_plain_networks_only_and_says_so() -> None:
    result = wired("residual=false,true&normalisation=none,layer&activation=tanh")
    table = signal_propagation.by_layer(result)
    plain = table["group"].str.contains("no residual · no norm")
    assert table.loc[plain, "predicted"].notna().any()
    assert table.loc[~plain, "predicted"].isna().all()
    said = dict(signal_propagation.reasons(result))["Not plain"]
    assert said == (
        "Mean-field theory here is of plain networks; 12 of these runs have residual connections or layer "
        "normalisation: no line is drawn for them."
    )
    fed = batch_size.feeding(result, 0, 2)
    assert fed["limit"].notna().sum() == 2


def test_a_file_with_residual_connections_and_gelu_agrees_with_itself() -> None:
    derived.check(wired("residual=false,true&normalisation=none,layer&activation=gelu,logistic,softplus"))


def test_an_estimate_knows_what_takes_longer() -> None:
    plain = Experiment(activation=("tanh",), hidden=((64, 64),))
    longer = [change(plain, activation="gelu"), change(plain, normalisation="layer"), change(plain, residual="true")]
    assert all(other.cost().seconds > 1.05 * plain.cost().seconds for other in longer)
