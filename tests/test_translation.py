"""The programs that a start is translated to, executed with PyTorch, Keras (on JAX) and JAX themselves.

Random numbers differ, so what a program draws is compared with the lab's own draws of large layers: the whole
distribution (Kolmogorov and Smirnov), moments and bounds, and exactly what is not at random.
"""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from core.__main__ import main
from core.engine import training
from core.engine.network import forward
from core.experiment.data import data_of
from core.experiment.experiment import Experiment
from core.experiment.translation import programs
from core.registries.activations import ACTIVATIONS
from core.registries.frameworks import FRAMEWORKS, FUNCTIONS
from core.registries.initialisers import INITIALISERS, Initialiser, parse
from core.registries.starts import FOR_BIASES
from tests import schemes

Floats = NDArray[Any]
Layers = list[tuple[Floats, Floats]]
EXAMPLES = [example for scheme in INITIALISERS.values() for example in scheme.examples]
ALSO = [
    *("variance_scaling:1.5:fan_out:uniform", "variance_scaling:1.5:fan_out", "variance_scaling:1.5:fan_avg:normal"),
    *("kaiming_normal", "xavier_normal", "variance_scaling:1:fan_in:normal", "variance_scaling:0", "constant:1"),
    *("normal:0", "truncated_normal:0.3:0", "uniform:0", "random_walk:relu", "orthogonal:0", "sparse_share:0"),
]
BOUNDED = ("uniform", "truncated", "glorot_", "he_", "lecun_")


def network(**settings: Any) -> Experiment:
    sizes = {"dataset": "gaussian:120:10", "samples": 300, "hidden": ((240,),)}
    return Experiment(**{**sizes, "activation": ("tanh",), "seeds": 1, "epochs": 1, **settings})


def executed(program: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(program, names)
    return names


def layers(names: dict[str, Any]) -> Layers:
    """(W, b) of each layer of an executed program, W of shape (fan_in, fan_out); b is zeros of a layer without."""
    if "parameters" in names:
        found = [(w, *b) for w, *b in names["parameters"]]
    elif "dense" in names:
        found = [tuple(layer.weights) for layer in names["dense"]]
    else:
        found = [tuple(p.detach().numpy().T for p in layer.parameters()) for layer in names["layers"]]
    pairs = [tuple(np.asarray(part, np.float64) for part in layer) for layer in found]
    return [(w, *(b or [np.zeros(w.shape[1])])) for w, *b in pairs]  # type: ignore[misc]


def outputs(names: dict[str, Any], x: Floats) -> Floats:
    if "torch" in names:
        with names["torch"].no_grad():
            return np.asarray(names["network"](names["torch"].tensor(x)))
    return np.asarray(names["model"](x) if "model" in names else names["network"](names["parameters"], x))


def own(experiment: Experiment) -> Layers:
    state = training.start(experiment, experiment.runs(), data_of(experiment))
    return [(w[0, 0, :, :-1].T.astype(np.float64), w[0, 0, :, -1].astype(np.float64)) for w in state.weights]


def alike(theirs: Floats, ours: Floats, bounded: bool) -> None:
    """Whether both are draws of one distribution, with all that is exact in it the same."""
    assert theirs.shape == ours.shape
    if ours.std() == 0:
        np.testing.assert_array_equal(theirs, ours)
        return
    if ours.ndim == 2:
        for axis in (0, 1):  # how many weights of each unit, or of each input, are 0
            zeros = [np.sort(np.count_nonzero(w, axis=axis)) for w in (theirs, ours)]
            if np.ptp(zeros[1]) == 0:
                np.testing.assert_array_equal(zeros[0], zeros[1])
    theirs, ours = theirs[theirs != 0], ours[ours != 0]
    if np.ptp(ours) == 0:
        np.testing.assert_array_equal(theirs, ours)
        return
    error = ours.std() / ours.size**0.5
    assert theirs.mean() == pytest.approx(ours.mean(), abs=7 * error)
    assert theirs.std() == pytest.approx(ours.std(), rel=7 / ours.size**0.5)
    assert stats.ks_2samp(theirs, ours).pvalue > 1e-4
    if bounded and ours.size > 10_000:
        for end in (np.min, np.max):
            assert end(theirs) == pytest.approx(end(ours), abs=0.01 * np.ptp(ours))


def scaled_on_data(names: dict[str, Any], x: Floats) -> None:
    """LSUV's second half, as the program tells its reader to do it."""
    if "torch" in names:
        names["scale_on_data"](names["torch"].tensor(x))
    elif "parameters" in names:
        names["parameters"] = names["scale_on_data"](names["parameters"], x)
    else:
        names["scale_on_data"](x)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("text", EXAMPLES + ALSO)
def test_a_scheme_draws_there_what_it_draws_here_for_weights_and_biases_at_any_gain(framework: str, text: str) -> None:
    scheme = INITIALISERS[parse(text)[0]]
    experiment = network(
        # At this gain the first layer starts from the scheme itself, the last from half of it.
        initialiser=(f"{text};first={text}*2",),
        gain=(0.5,),
        bias_initialiser=("weights" if scheme.independent else "fan_in_uniform",),
        hidden=((240, 100),) if scheme.placed else ((240,),),
    )
    (program,) = programs(experiment, framework)
    names = executed(program)
    if scheme.data_driven:
        scaled_on_data(names, data_of(experiment).train_x.astype(np.float32))
    for theirs, ours in zip(layers(names), own(experiment), strict=True):
        alike(theirs[0], ours[0], text.startswith(BOUNDED))
        alike(theirs[1], ours[1], text.startswith(BOUNDED))
        if scheme.name in ("orthogonal", "looks_linear"):
            gram = [w.T @ w if w.shape[0] > w.shape[1] else w @ w.T for w, _ in (theirs, ours)]
            np.testing.assert_allclose(gram[0], gram[1], atol=2e-5)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_layers_start_apart_and_as_the_seed_says(framework: str) -> None:
    (program,) = programs(
        network(initialiser=("he_normal",), bias_initialiser=("weights",), hidden=((120, 120),)), framework
    )
    first, again = layers(executed(program)), layers(executed(program))
    for (w, b), (other_w, other_b) in zip(first, again, strict=True):
        np.testing.assert_array_equal(w, other_w)
        np.testing.assert_array_equal(b, other_b)
    drawn = np.concatenate([np.concatenate([w.ravel(), b]) for w, b in first])
    assert len(np.unique(drawn)) > 0.99 * len(drawn)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_network_there_computes_what_the_engine_computes(framework: str, activation: str) -> None:
    wired = {"residual": (True,), "normalisation": ("layer",)} if ACTIVATIONS[activation].work == 1 else {}
    experiment = network(activation=(activation,), initialiser=("normal:0.3",), hidden=((120, 120, 30),), **wired)
    run = experiment.runs()[0]
    (program,) = programs(experiment, framework)
    names, x = executed(program), np.random.default_rng(1).normal(size=(20, 120)).astype(np.float32)
    sums, _ = forward(
        layers(names),
        x.astype(np.float64),
        ACTIVATIONS[activation],
        residual=run.residual,
        normalisation=run.normalisation,
    )
    np.testing.assert_allclose(outputs(names, x), sums[-1], rtol=1e-3, atol=2e-3 * np.abs(sums[-1]).max())


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_network_without_biases_has_none_there(framework: str) -> None:
    (program,) = programs(network(initialiser=("he_normal",), bias=False), framework)
    names = executed(program)
    if framework == "jax":
        sizes = [len(layer) for layer in names["parameters"]]
    elif framework == "keras":
        sizes = [len(layer.weights) for layer in names["dense"]]
    else:
        sizes = [len(list(layer.parameters())) for layer in names["layers"]]
    assert sizes == [1, 1]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_has_no_words_there_is_said_and_not_replaced(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        INITIALISERS, "signs", Initialiser("signs", lambda rng, shape: np.sign(rng.standard_normal(shape)))
    )
    monkeypatch.setitem(ACTIVATIONS, "twice", dataclasses.replace(ACTIVATIONS["identity"], name="twice"))
    (program,) = programs(network(initialiser=("normal:1;last=signs",), activation=("twice",)), framework)
    with pytest.raises(NotImplementedError, match="no words for signs"):
        executed(program)
    (program,) = programs(network(initialiser=("normal:1",), activation=("twice",)), framework)
    with pytest.raises(NotImplementedError, match="no words for twice"):
        outputs(executed(program), np.zeros((1, 120), np.float32))


@given(schemes.starts(layers=3), schemes.starts(layers=3, names=tuple(FOR_BIASES)), st.sampled_from(sorted(FRAMEWORKS)))
@settings(max_examples=60)
def test_every_start_has_words_and_is_a_program(start: str, biases: str, framework: str) -> None:
    experiment = network(initialiser=(start,), bias_initialiser=(biases,), hidden=((3, 4),))
    (program,) = programs(experiment, framework)
    compile(program, "start", "exec")
    assert "absent" not in program
    assert not set("$«»") & set(program)


def test_every_function_of_the_lab_has_words() -> None:
    assert set(FUNCTIONS) == set(ACTIVATIONS)


def test_the_command_prints_each_start_once(capsys: pytest.CaptureFixture[str]) -> None:
    query = "activation=tanh&initialiser=he_normal,xavier_uniform&gain=recommended&learning_rate=0.1,1&seeds=2"
    assert main(["translate", query, "--to", "jax"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("import jax\n") == 2
    assert printed.count("initializers.variance_scaling(5.55555555556,") == 1
    executed(printed)
    assert main(["translate", query]) == 0
    assert "nn.init.xavier_uniform_" not in capsys.readouterr().out  # at this gain it is not its own
    assert main(["translate", "initialiser=glorot_uniform&activation=tanh"]) == 0
    assert "weights = 4 * [nn.init.xavier_uniform_]\n" in capsys.readouterr().out
    assert main(["translate", "dataset=iris,wine&activation=tanh&initialiser=zeros&hidden=5"]) == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("sizes")] == [
        "sizes = [4, 5, 3]",
        "sizes = [13, 5, 3]",
    ]
    assert main(["translate", query, "--to", "caffe"]) == 2
    assert "invalid choice: 'caffe'" in capsys.readouterr().err
