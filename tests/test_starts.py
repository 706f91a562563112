"""How a whole network starts: schemes by layer, factors, biases, and gains by name."""

import hashlib
import itertools
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats

from core import run
from core.engine import symmetry
from core.engine.training import BIASES, start
from core.experiment.data import data_of
from core.experiment.experiment import FIELDS, Experiment
from core.lessons import signal_propagation
from core.registries import starts
from core.registries.activations import ACTIVATIONS
from core.registries.gains import RULES, gain_of
from core.registries.initialisers import INITIALISERS
from core.theory import theory
from tests.engine import change
from tests.schemes import starts as texts

Array = NDArray[Any]
IRIS = change(
    Experiment(), dataset="iris", activation="tanh", initialiser="normal:1", hidden=(6, 5), seeds=1, dtype="float64"
)
spelling = FIELDS["initialiser"].kind.parse


def drawn(**settings: Any) -> list[Array]:
    """The weights of one run per layer, (fan_out, fan_in + 1), biases last."""
    experiment = change(IRIS, **settings)
    return [w[0, 0] for w in start(experiment, experiment.runs(), data_of(experiment)).weights]


# --- the grammar


@given(st.integers(2, 6).flatmap(lambda layers: texts(layers)))
@settings(max_examples=200, deadline=None, database=None)
def test_every_start_has_one_spelling_that_reads_back(text: str) -> None:
    canonical = spelling(text)
    assert spelling(canonical) == canonical
    assert len(starts.parts(canonical)) == canonical.count(";") + 1
    assert "=1;" not in canonical
    assert "*1;" not in f"{canonical};"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" he_normal ; last = normal * 0.50 ", "he_normal;last=normal:0.01*0.5"),
        ("he_normal;last=he_normal*0.1", "he_normal;last=he_normal*0.1"),
        ("he_normal*1.0;last=he_normal", "he_normal"),
        ("zeros;last=normal:1;first=normal:2", "zeros;first=normal:2;last=normal:1"),
        ("zeros;hidden=normal:1", "normal:1;first=zeros;last=zeros"),
        ("zeros;hidden=normal:1;first=normal:1;last=normal:1", "normal:1"),
        ("xavier_uniform;First=gaussian:1", "glorot_uniform;first=normal:1"),
        ("normal:1; normal ;zeros", "normal:1;normal:0.01;zeros"),
    ],
)
def test_starts_that_mean_the_same_are_spelled_the_same(text: str, canonical: str) -> None:
    assert spelling(text) == canonical


@given(st.integers(1, 6), st.data())
@settings(max_examples=100, deadline=None, database=None)
def test_a_role_goes_to_its_layers_and_a_list_layer_by_layer(layers: int, data: st.DataObject) -> None:
    names = ["normal:1", "normal:2", "normal:3"]
    base, first, last = (data.draw(st.sampled_from(names)) for _ in range(3))
    text = spelling(f"{base};first={first};last={last}")
    found = [starts.part(text, layer, layers) for layer in range(1, layers + 1)]
    wanted = [first, *[base] * (layers - 2), last] if layers > 1 else [last]
    assert [part.scheme.text(part.values) for part in found] == wanted
    if layers > 1:
        own = [data.draw(st.sampled_from(names)) for _ in range(layers)]
        text = spelling(";".join(own))
        assert [starts.part(text, n, layers).values[0] for n in range(1, layers + 1)] == [float(t[7:]) for t in own]


def test_a_long_list_is_counted_in_a_label_and_whole_in_the_link() -> None:
    text = ";".join(["normal:1", *["normal:0.1"] * 5, "zeros"])
    experiment = change(Experiment(), activation="tanh", initialiser=(text, "he_normal"), hidden=((8,) * 6,))
    assert experiment.groups() == ("normal:1; 5 × normal:0.1; zeros", "he_normal")
    assert f"initialiser={text},he_normal&" in experiment.to_query()


def test_a_list_for_another_number_of_layers_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="initialiser") as caught:
        change(Experiment(), initialiser="zeros;zeros;zeros", hidden=("8-8", "8-8-8"))
    assert "is for 3 layers, and the network 8-8-8 has 4" in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "text", "problem"),
    [
        ("initialiser", "he_normal;last=", "names no scheme for last"),
        ("initialiser", "he_normal;", "names no scheme in one of its places"),
        ("initialiser", "*0.5", "names no scheme in one of its places"),
        ("initialiser", "he_normal;=zeros", "names no role before its =; a role is first, hidden, last"),
        ("bias_initialiser", "weights;last=zeros", "combines 'weights', which stands alone"),
        ("bias_initialiser", "zeros;last=Weights", "combines 'weights', which stands alone"),
        ("gain", "5/0", "is no number, since nothing is divided by 0; allowed: a number from 1e-9 to 100, such as 1.5"),
        ("gain", "5/3/2", "is not a number"),
        ("initialiser", "normal:1/0", "is not valid, as normal takes std"),
    ],
)
def test_what_a_start_lacks_or_combines_is_said_plainly(setting: str, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        change(Experiment(), **{setting: text})
    assert str(caught.value).startswith(f"{setting}: {text!r} {problem}")


def test_a_fraction_is_the_number_that_it_is() -> None:
    written = change(Experiment(), gain="5/3", initialiser="normal:1/4;last=he_normal*1/8", learning_rate="1/2")
    assert written == change(
        Experiment(), gain=5 / 3, initialiser="normal:0.25;last=he_normal*0.125", learning_rate=0.5
    )


# --- what is drawn


def test_each_layer_has_its_scheme_its_factor_and_the_gain_on_its_own_stream() -> None:
    plain = drawn()
    mixed = drawn(initialiser="normal:1;first=normal:2;last=normal:1*0.1", gain=3.0)
    for ours, theirs, factor in zip(mixed, plain, (6, 3, 3 * 0.1), strict=True):
        np.testing.assert_allclose(ours, factor * theirs, rtol=1e-15)
    listed = drawn(initialiser="normal:1;zeros;normal:0.5")
    np.testing.assert_array_equal(listed[0], plain[0])
    assert not listed[1].any()
    np.testing.assert_array_equal(listed[2], 0.5 * plain[2])


def test_a_whole_network_draws_what_it_drew_before_biases_and_layers_could_differ() -> None:
    """As trained by the lab until November 2026: sha256 of the weights of eight runs, biases 0."""
    experiment = change(IRIS, initialiser=("normal:0.3", "glorot_uniform"), gain=(1, 2), seeds=2)
    state = start(experiment, experiment.runs(), data_of(experiment))
    digest = hashlib.sha256(b"".join(w.tobytes() for w in state.weights)).hexdigest()
    assert digest[:16] == "1aeec3c3e0d2ae5b"


def test_biases_come_from_a_stream_of_their_own_so_that_weights_stay() -> None:
    plain, biased = drawn(), drawn(bias_initialiser="normal:0.3")
    for layer, (ours, theirs) in enumerate(zip(biased, plain, strict=True)):
        np.testing.assert_array_equal(ours[:, :-1], theirs[:, :-1])
        assert not theirs[:, -1].any()
        stream = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(BIASES, layer)))
        wanted = 0.3 * stream.standard_normal(theirs[:, :-1].T.shape)[0]
        np.testing.assert_array_equal(ours[:, -1], wanted)


@pytest.mark.parametrize(
    ("text", "gain", "distribution"),
    [
        ("normal:0.5:0.1", 1, lambda i, o: stats.norm(0.5, 0.1)),
        ("uniform:0.2", 1, lambda i, o: stats.uniform(-0.2, 0.4)),
        ("uniform:0:1", 7, lambda i, o: stats.uniform(0, 1)),
        ("fan_in_uniform", 7, lambda i, o: stats.uniform(-(i**-0.5), 2 * i**-0.5)),
        ("weights", 1, lambda i, o: stats.uniform(-((6 / (i + o)) ** 0.5), 2 * (6 / (i + o)) ** 0.5)),
        ("weights", 2, lambda i, o: stats.uniform(-2 * (6 / (i + o)) ** 0.5, 4 * (6 / (i + o)) ** 0.5)),
    ],
)
def test_biases_have_the_distribution_asked_for_and_the_gain_where_they_follow_the_weights(
    text: str, gain: float, distribution: Any
) -> None:
    sizes = (4, 900, 400, 3)
    weights = drawn(hidden=(900, 400), initialiser="glorot_uniform", bias_initialiser=text, gain=gain)
    for (fan_in, fan_out), layer in zip(itertools.pairwise(sizes), weights[:2], strict=False):
        assert stats.kstest(layer[:, -1], distribution(fan_in, fan_out).cdf).pvalue > 0.001
    constant = drawn(bias_initialiser="zeros;last=constant:-2", gain=5)
    assert not constant[0][:, -1].any()
    assert (constant[-1][:, -1] == -2).all()


@pytest.mark.parametrize("text", ["orthogonal", "sparse:3", "identity", "lsuv", "looks_linear", "sparse_share:0.5"])
def test_biases_follow_only_weights_that_are_drawn_each_by_itself(text: str) -> None:
    for settings_ in ({"initialiser": text, "bias_initialiser": "weights"}, {"bias_initialiser": text}):
        with pytest.raises(ValueError, match="bias_initialiser"):
            change(IRIS, **settings_)
    with pytest.raises(ValueError, match="bias is false"):
        change(IRIS, bias=False, bias_initialiser="normal:0.1")


@pytest.mark.parametrize("text", ["lsuv:4", "lsuv*2", "lsuv:4;first=orthogonal*2"])
def test_lsuv_reaches_its_variance_before_random_biases_are_added(text: str) -> None:
    experiment = change(IRIS, initialiser=text, bias_initialiser="normal:0.5", gain=1.5, hidden=(6, 5))
    state = start(experiment, experiment.runs(), data_of(experiment))
    h = state.train.by_example[:, :-1]
    for layer, weight in enumerate(w[0, 0] for w in state.weights):
        a = h @ weight[:, :-1].T
        if "first" in text and layer == 0:
            np.testing.assert_allclose(weight[:4, :4] @ weight[:4, :4].T, weight[:4, :4] @ weight[:4, :4].T)
            assert np.linalg.svd(weight[:, :-1], compute_uv=False) == pytest.approx([3.0] * 4)
        else:
            assert a.std() == pytest.approx(3.0)
        h = np.tanh(a + weight[:, -1])


def test_depth_scaled_divides_by_the_root_of_the_number_of_layers() -> None:
    for hidden in ((900,), (900, 400, 400)):
        weights = drawn(hidden=hidden, initialiser="depth_scaled;last=zeros")
        own = weights[-2][:, :-1]
        assert (own**2).mean() * own.shape[1] * (len(hidden) + 1) == pytest.approx(2, rel=0.1)


# --- what follows


def test_units_with_equal_weights_and_different_biases_are_not_tied() -> None:
    for biases, tied in (("zeros", True), ("constant:0.5", True), ("normal:0.1", False), ("uniform:0:1", False)):
        experiment = change(IRIS, initialiser="constant:0.1", bias_initialiser=biases)
        state = start(experiment, experiment.runs(), data_of(experiment))
        assert bool(state.ties) == tied
        assert [len(np.unique(c)) for c in symmetry.classes([w[0, 0] for w in state.weights])[1:3]] == (
            [1, 1] if tied else [6, 5]
        )


def test_random_biases_break_the_symmetry_of_equal_weights_in_training() -> None:
    result = run(change(IRIS, initialiser="constant:0.1", bias_initialiser=("zeros", "normal:0.5"), epochs=3))
    end = result.layers[(result.layers["epoch"] == 3) & (result.layers["layer"] == 2)]
    spread = end.groupby("bias_initialiser")["weight_std"].max()
    assert spread["zeros"] < 1e-12 < 1e-3 < spread["normal:0.5"]


def test_theory_meets_measurement_off_the_axis_and_is_silent_about_means() -> None:
    experiment = change(
        IRIS, hidden=(400, 400, 400), initialiser=("lecun_normal", "normal:0.1:0.01"), epochs=1, seeds=3,
        bias_initialiser=("zeros", "normal:0.5", "constant:1"), dtype="float32", learning_rate=0.001,
    )  # fmt: skip
    result = run(experiment)
    table = signal_propagation.by_layer(result)
    lengths = table[table["quantity"] == "length"].set_index(["initialiser", "bias_initialiser"])
    own = lengths[lengths["predicted"].notna()]
    assert set(own.index) == {("lecun_normal", "zeros"), ("lecun_normal", "normal:0.5")}
    assert np.sqrt(own["predicted"]).to_numpy() == pytest.approx(np.sqrt(own["median"]).to_numpy(), rel=0.1)
    points = signal_propagation.points(result).set_index(["initialiser", "bias_initialiser"])[["sw", "sb", "q"]]
    assert points.dropna(how="all").index.tolist() == list(dict.fromkeys(own.index))
    (_, _, on_axis), (sw, sb, q) = points.dropna(how="all").to_numpy()
    assert (sw, sb) == pytest.approx((1.0, 0.5), rel=0.03)
    assert q == pytest.approx(theory.fixed_point("tanh", sw**2, sb**2).q)
    assert q > 10 * on_axis


def test_theory_asks_only_the_hidden_layers_to_be_random() -> None:
    for text, known in (
        ("he_normal;last=zeros", True),
        ("he_normal;first=uniform:0:1", False),
        ("looks_linear", False),
    ):
        assert all(starts.is_random(text, "zeros", layer, 4) for layer in (1, 2, 3)) == known


def test_weights_from_0_to_1_saturate_the_logistic_at_once_where_centred_ones_do_not() -> None:
    """The beginner's mistake: as published, about 98 % of the first layer's units are saturated high, against 1 %."""
    experiment = change(
        Experiment(), dataset="digits", scaling="unit_interval", activation="logistic", hidden=(64,), epochs=1,
        initialiser=("uniform:0:1", "uniform:-0.5:0.5"), seeds=3, statistics="standard",
    )  # fmt: skip
    layers = run(experiment).layers
    first = layers[(layers["epoch"] == 0) & (layers["layer"] == 1)].groupby("initialiser")
    high, saturated = first["saturated_high"].mean(), first["saturated"].mean()
    assert high["uniform:0:1"] == pytest.approx(0.98, abs=0.02)
    assert saturated["uniform:0.5"] == pytest.approx(0.01, abs=0.01)


# --- gains by name


def expectation(function: str, power: int) -> float:
    f = ACTIVATIONS[function].forward
    value, _ = integrate.quad(
        lambda z: float(f(np.array([z]))[0]) ** power * stats.norm.pdf(z), -12, 12, points=(-2, -1, 0, 1, 2), limit=200
    )
    return float(value)


@pytest.mark.parametrize("function", ["logistic", "tanh", "relu", "hard_tanh", "softsign", "steep_logistic"])
def test_gains_that_keep_the_scale_are_those_of_adaptive_integration(function: str) -> None:
    mean, square = expectation(function, 1), expectation(function, 2)
    assert gain_of("unit_square", function) == pytest.approx(1 / math.sqrt(square), rel=1e-8)
    assert gain_of("unit_variance", function) == pytest.approx(1 / math.sqrt(square - mean**2), rel=1e-8)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("unit_variance:tanh", 1.5925), ("unit_square:tanh", 1.5925), ("recommended:tanh", 5 / 3),
        ("unit_square:relu", math.sqrt(2)), ("critical:relu", math.sqrt(2)), ("critical:tanh", 1),
        ("unit_variance:relu", 1 / math.sqrt(0.5 - 0.5 / math.pi)), ("critical:identity", 1),
    ],
)  # fmt: skip
def test_known_gains(text: str, value: float) -> None:
    rule, _, function = text.partition(":")
    assert gain_of(rule, function) == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize("function", ["logistic", "tanh", "lecun_tanh", "steep_logistic", "hard_tanh"])
def test_at_the_critical_gain_chi_1_is_1(function: str) -> None:
    assert theory.fixed_point(function, gain_of("critical", function) ** 2, 0.0).chi == pytest.approx(1, abs=1e-4)


def test_gains_by_name_become_numbers_in_link_table_and_key() -> None:
    named = change(Experiment(), activation="tanh", gain="Unit-Variance:tanh,critical,recommended:ReLU")
    assert named.gain == (gain_of("unit_variance", "tanh"), 1.0, gain_of("recommended", "relu"))
    assert named.to_params()["gain"] == f"{named.gain[0]!r},1,{named.gain[2]!r}"
    assert Experiment.from_text(named.to_query()).key == named.key
    assert change(named, activation="relu", gain="critical").gain == change(named, gain="critical:relu").gain
    with pytest.raises(ValueError, match="critical:logistic, critical:tanh"):
        change(Experiment(), gain="critical")


@pytest.mark.parametrize("function", ACTIVATIONS)
def test_every_rule_has_a_gain_that_an_experiment_takes_or_says_which_functions_have_one(function: str) -> None:
    for name, rule in RULES.items():
        if rule(ACTIVATIONS[function]) is None:
            assert name in ("recommended", "critical")
            with pytest.raises(ValueError, match=f"{name} gains are of .*tanh"):
                change(Experiment(), gain=f"{name}:{function}")
        else:
            assert 1e-9 <= change(Experiment(), gain=f"{name}:{function}").gain[0] <= 100


def test_every_scheme_draws_networks_of_any_shape() -> None:
    for text in INITIALISERS:
        for hidden in (((),), (1,), (3, 7, 2)):
            weights = drawn(initialiser=text, hidden=hidden)
            assert all(np.isfinite(w).all() for w in weights)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("weights*0.5", "has 'weights' in place of a scheme; a factor comes after a scheme, as in he_normal*0.5"),
        ("normal:1;last*0.5", "has 'last' in place of a scheme"),
        ("biases", "has 'biases' in place of a scheme"),
        ("0.5*he_normal", "comes after it, as in he_normal*0.5"),
        ("hidden=normal:1", "and then give each role once, as he_normal;last=zeros does"),
    ],
)
def test_a_word_of_the_grammar_out_of_its_place_is_answered_with_what_goes_there(given: str, said: str) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        Experiment(initialiser=(given,))
    assert said in str(caught.value)
    example = re.search(r"as (?:in )?(he_normal[*;][^; ,]+)", str(caught.value))
    assert example is not None
    assert Experiment(initialiser=(example[1],)).initialiser == (example[1],)
