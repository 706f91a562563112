"""Schemes, gains and default layers against those of PyTorch, Keras, JAX and scikit-learn.

Random numbers differ between libraries, so draws are compared as distributions (Kolmogorov and Smirnov), by their
bounds, and by what a scheme does to every row or column.
"""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from core.engine.training import start
from core.experiment.data import data_of
from core.experiment.experiment import Experiment
from core.registries.gains import gain_of
from core.registries.initialisers import INITIALISERS, parse

Floats = NDArray[Any]
SHAPE = (300, 200)
init, jinit, kinit = torch.nn.init, jax.nn.initializers, keras.initializers


def ours(text: str, shape: tuple[int, int] = SHAPE) -> Floats:
    name, values = parse(text)
    return INITIALISERS[name](np.random.default_rng(11), shape, values)


def of_torch(fill: Callable[..., Any], *arguments: Any, **options: Any) -> Floats:
    torch.manual_seed(0)
    return np.asarray(fill(torch.empty(SHAPE[::-1]), *arguments, **options)).T.astype(float)


def of_keras(initializer: Any) -> Floats:
    return np.asarray(initializer(SHAPE)).astype(float)


def of_jax(initializer: Callable[..., Any]) -> Floats:
    return np.asarray(initializer(jax.random.key(0), SHAPE)).astype(float)


DRAWN: dict[str, tuple[str, Callable[[], Floats]]] = {
    "torch xavier_uniform_": ("xavier_uniform_", lambda: of_torch(init.xavier_uniform_)),
    "torch xavier_normal_": ("xavier_normal_", lambda: of_torch(init.xavier_normal_)),
    "torch kaiming_uniform_": ("kaiming_uniform_", lambda: of_torch(init.kaiming_uniform_)),
    "torch kaiming_normal_": ("kaiming_normal_", lambda: of_torch(init.kaiming_normal_)),
    "torch kaiming_normal_ fan_out": (
        "variance_scaling:2:fan_out:normal", lambda: of_torch(init.kaiming_normal_, mode="fan_out")
    ),
    "torch kaiming_uniform_ fan_out": (
        "variance_scaling:2:fan_out:uniform", lambda: of_torch(init.kaiming_uniform_, mode="fan_out")
    ),
    "torch uniform_": ("uniform:0:1", lambda: of_torch(init.uniform_)),
    "torch normal_": ("normal:0.5:0.1", lambda: of_torch(init.normal_, 0.5, 0.1)),
    "torch trunc_normal_": ("plain_truncated_normal:1", lambda: of_torch(init.trunc_normal_)),
    "torch orthogonal_": ("orthogonal:1.5", lambda: of_torch(init.orthogonal_, 1.5)),
    "torch sparse_": ("sparse_:0.8", lambda: of_torch(init.sparse_, 0.8)),
    "keras GlorotNormal": ("glorot_normal", lambda: of_keras(kinit.GlorotNormal(0))),
    "keras GlorotUniform": ("glorot_uniform", lambda: of_keras(kinit.GlorotUniform(0))),
    "keras HeNormal": ("he_normal", lambda: of_keras(kinit.HeNormal(0))),
    "keras LecunUniform": ("lecun_uniform", lambda: of_keras(kinit.LecunUniform(0))),
    "keras RandomNormal": ("normal:0.5:0.1", lambda: of_keras(kinit.RandomNormal(0.5, 0.1, 0))),
    "keras RandomUniform": ("uniform:-0.2:0.6", lambda: of_keras(kinit.RandomUniform(-0.2, 0.6, 0))),
    "keras TruncatedNormal": ("plain_truncated_normal:0.3:0.1", lambda: of_keras(kinit.TruncatedNormal(0.3, 0.1, 0))),
    "keras VarianceScaling": ("variance_scaling", lambda: of_keras(kinit.VarianceScaling(seed=0))),
    "keras untruncated": (
        "variance_scaling:2:fan_avg:untruncated_normal",
        lambda: of_keras(kinit.VarianceScaling(2.0, "fan_avg", "untruncated_normal", 0)),
    ),
    "keras Orthogonal": ("orthogonal:0.5", lambda: of_keras(kinit.Orthogonal(0.5, 0))),
    "jax lecun_normal": ("lecun_normal", lambda: of_jax(jinit.lecun_normal())),
    "jax truncated_normal": ("plain_truncated_normal:0.1", lambda: of_jax(jinit.truncated_normal(0.1))),
    "jax variance_scaling": (
        "variance_scaling:3:fan_out:truncated_normal",
        lambda: of_jax(jinit.variance_scaling(3.0, "fan_out", "truncated_normal")),
    ),
    "jax orthogonal": ("orthogonal:2", lambda: of_jax(jinit.orthogonal(2.0))),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_a_scheme_of_another_library_has_its_distribution_its_bound_and_its_zeros(name: str) -> None:
    text, drawn = DRAWN[name]
    own, theirs = ours(text), drawn()
    assert stats.ks_2samp(own[own != 0], theirs[theirs != 0]).pvalue > 1e-3
    assert own.mean() == pytest.approx(theirs.mean(), abs=6 * own.std() / np.sqrt(own.size))
    assert own.std() == pytest.approx(theirs.std(), rel=0.02)
    for axis in (0, 1):
        counts, their_counts = (np.count_nonzero(w, axis=axis) for w in (own, theirs))
        assert counts.mean() == their_counts.mean()
        assert (counts.std() == 0) == (their_counts.std() == 0), "zeros are shared out along the same axis"
    if stats.kurtosis(theirs, axis=None) < -0.2:  # lighter tails than a normal: it has ends
        assert [own.min(), own.max()] == pytest.approx([theirs.min(), theirs.max()], rel=2e-3, abs=2e-3 * own.std())
    if "rthogonal" in name:
        scale = float(text.partition(":")[2])
        for weights in (own, theirs):
            np.testing.assert_allclose(weights.T @ weights, scale**2 * np.eye(SHAPE[1]), atol=1e-5)


@pytest.mark.parametrize(
    ("function", "theirs"),
    [
        ("logistic", "sigmoid"),
        ("tanh", "tanh"),
        ("relu", "relu"),
        ("leaky_relu", "leaky_relu"),
        ("selu", "selu"),
        ("identity", "linear"),
    ],
)
def test_recommended_gains_are_those_of_calculate_gain(function: str, theirs: Any) -> None:
    assert gain_of("recommended", function) == pytest.approx(init.calculate_gain(theirs), abs=1e-12)


def layers(**settings: Any) -> list[tuple[Floats, Floats]]:
    """Weights (fan_in, fan_out) and biases per layer, as the engine starts a network of 64-600-400-10 with them."""
    experiment = Experiment(hidden=((600, 400),), seeds=1, dtype="float64", **{"activation": ("relu",), **settings})
    state = start(experiment, experiment.runs(), data_of(experiment))
    return [(weight[0, 0, :, :-1].T, weight[0, 0, :, -1]) for weight in state.weights]


def assert_alike(ours: list[tuple[Floats, Floats]], theirs: list[tuple[Floats, Floats]]) -> None:
    for (weights, biases), (their_weights, their_biases) in zip(ours, theirs, strict=True):
        assert weights.shape == their_weights.shape
        for own, other in ((weights, their_weights), (biases, their_biases)):
            if not other.any():
                assert not own.any()
                continue
            assert stats.ks_2samp(own.ravel(), other.ravel()).pvalue > 1e-3
            if own.size > 300:
                assert np.abs(own).max() == pytest.approx(np.abs(other).max(), rel=0.03)


def test_the_default_of_pytorchs_linear_is_fan_in_uniform_of_weights_and_biases() -> None:
    torch.manual_seed(1)
    modules = [torch.nn.Linear(*sizes) for sizes in ((64, 600), (600, 400), (400, 10))]
    theirs = [(m.weight.detach().numpy().T.astype(float), m.bias.detach().numpy().astype(float)) for m in modules]
    assert_alike(layers(initialiser="fan_in_uniform", bias_initialiser="fan_in_uniform"), theirs)
    assert_alike(layers(initialiser="fan_in_uniform", bias_initialiser="weights"), theirs)


def test_the_default_of_keras_dense_is_glorot_uniform_with_biases_0() -> None:
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((64,)), *(keras.layers.Dense(units) for units in (600, 400, 10))])
    theirs = [tuple(np.asarray(w.value).astype(float) for w in layer.weights) for layer in model.layers]
    assert_alike(layers(initialiser="glorot_uniform"), theirs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("activation", "initialiser"),
    [("relu", "glorot_uniform"), ("tanh", "glorot_uniform"), ("logistic", "glorot_uniform*0.5773502691896258")],
)
def test_scikit_learns_bound_is_glorots_for_weights_and_biases_and_a_third_of_the_variance_for_the_logistic(
    activation: str, initialiser: str
) -> None:
    rng = np.random.default_rng(0)
    model = MLPClassifier((600, 400), activation, solver="sgd", learning_rate_init=1e-30, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rng.standard_normal((50, 64)), np.arange(50) % 10)
    theirs = list(zip(model.coefs_, model.intercepts_, strict=True))
    assert_alike(layers(activation=activation, initialiser=initialiser, bias_initialiser="weights"), theirs)
