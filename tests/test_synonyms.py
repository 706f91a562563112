"""Names from elsewhere: what is exactly the same is taken, what is nearly the same is suggested with its difference."""

import math
from collections.abc import Collection

import numpy as np
import pytest
from scipy import special, stats

from core.experiment.experiment import FIELDS, Experiment
from core.experiment.fields import TARGETS, ExperimentError
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import DATASETS, SCALINGS
from core.registries.initialisers import INITIALISERS, canonical, parse
from core.registries.losses import LOSSES
from core.registries.optimisers import OPTIMISERS
from core.registries.synonyms import SETTINGS, VALUES, accepted, plain
from pages.parts.catalogue import PAGES

NAMES: dict[str, Collection[str]] = {
    "dataset": DATASETS,
    "scaling": SCALINGS,
    "activation": ACTIVATIONS,
    "initialiser": INITIALISERS,
    "loss": LOSSES,
    "optimiser": OPTIMISERS,
    "batch_size": ("full",),
    "record": ("log", "every"),
    "target": TARGETS,
    "hidden": ("none",),
    "normalisation": ("none", "layer"),
    "bias": ("true", "false"),
    "probe": ("all",),
    "dtype": ("float32", "float64"),
}
VALUE = {"activation": "tanh", "initialiser": "normal:0.3", "optimiser": "adam", "hidden": "8", "batch_size": "16"}
ROWS = [(setting, name) for setting, synonyms in VALUES.items() for name in synonyms]


def refusal(**params: object) -> str:
    with pytest.raises(ExperimentError) as caught:
        Experiment.from_params(params)
    return str(caught.value)


def test_every_vocabulary_has_its_names() -> None:
    assert set(VALUES) == set(NAMES)


@pytest.mark.parametrize("setting", VALUES)
def test_a_synonym_leads_to_a_name_of_the_lab_and_is_none_itself(setting: str) -> None:
    own = [plain(name) for name in NAMES[setting]]
    assert len(set(own)) == len(own)
    # A class of another library may be called what is something else here, and then differs by its capitals.
    classes = [name for name in VALUES[setting] if name != name.lower()]
    assert not set(classes) & set(NAMES[setting])
    foreign = [plain(name) for name in VALUES[setting] if name not in classes]
    assert len(set(foreign)) == len(foreign)
    assert not set(own) & set(foreign)
    assert {synonym.ours.partition(":")[0] for synonym in VALUES[setting].values()} <= set(NAMES[setting])


def test_names_of_settings_lead_to_settings_and_never_take_a_name_of_a_pages_control() -> None:
    own, foreign = [plain(name) for name in FIELDS], [plain(name) for name in SETTINGS]
    assert len(set(own + foreign)) == len(own) + len(foreign)
    assert {synonym.ours for synonym in SETTINGS.values()} <= set(FIELDS)
    controls = {name for page in PAGES for name in page.controls}
    assert not [name for name in controls if accepted(name, FIELDS, SETTINGS)]


@pytest.mark.parametrize(("setting", "name"), ROWS, ids=[f"{setting}-{name}" for setting, name in ROWS])
def test_a_value_is_taken_as_the_labs_own_or_the_labs_own_is_suggested(setting: str, name: str) -> None:
    synonym = VALUES[setting][name]
    argument = ":0.5" if setting == "target" else ""
    others = (name.upper(), name.replace("_", "-") if not name.endswith("_") else name)
    for text in (name, *(others if name == name.lower() else ())):
        if synonym.difference:
            line = refusal(**{setting: text + argument})
            assert f"({synonym.difference})" in line
            assert line.endswith(f"; did you mean '{synonym.ours}{argument}'?")
            assert len(line) < 600
        else:
            wanted = Experiment.from_params({setting: synonym.ours + argument})
            assert Experiment.from_params({setting: text + argument}).key == wanted.key


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_taken_as_the_labs_own_or_the_labs_own_is_suggested(name: str) -> None:
    synonym = SETTINGS[name]
    text = VALUE.get(synonym.ours, FIELDS[synonym.ours].write(FIELDS[synonym.ours].default))
    if synonym.difference:
        line = refusal(**{name: text})
        assert f"({synonym.difference})" in line
        assert line.endswith(f"; did you mean '{synonym.ours}'?")
    else:
        assert Experiment.from_params({name: text}) == Experiment.from_params({synonym.ours: text})


def test_a_link_a_json_text_and_python_values_are_read_alike_and_written_in_the_labs_names() -> None:
    link = (
        "optimizer=SGD&lr=0.3&init=Xavier-Uniform,gaussian:0.3,ones&activations=sigmoid,LeakyReLU,Hard%20Tanh"
        "&dtype=double"
    )
    wanted = (
        "activation=logistic,leaky_relu,hard_tanh&initialiser=glorot_uniform,normal:0.3,constant:1&learning_rate=0.3"
        "&dtype=float64"
    )
    json = (
        '{"optimizer": "SGD", "lr": 0.3, "init": ["Xavier-Uniform", "gaussian:0.3", "ones"], "dtype": "double", '
        '"activations": ["sigmoid", "LeakyReLU", "Hard Tanh"]}'
    )
    python = Experiment(
        optimiser=("SGD",),
        learning_rate=(0.3,),
        initialiser=("Xavier-Uniform", "gaussian:0.3", "ones"),
        activation=("sigmoid", "LeakyReLU", "Hard Tanh"),
        dtype="double",
    )
    texts = (link, f"https://lab.example/saturation?{link}&epoch=3", json)
    for experiment in (*map(Experiment.from_text, texts), python):
        assert experiment == Experiment.from_text(wanted)
        assert experiment.to_query() == wanted
    assert Experiment.read_text(texts[1])[1] == ("epoch",)


@pytest.mark.parametrize(
    ("setting", "value", "suggestion"),
    [
        ("initialiser", "noraml:0.3", "normal:0.3"),
        ("initialiser", "tanh,noraml:0.3", ""),
        ("initialiser", "normal:0.1,noraml:0.3,he_normal", "normal:0.3"),
        ("initialiser", ["glorot_uniform", "Xavier-Unifrom"], "glorot_uniform"),
        ("initialiser", "noraml", "normal"),
        ("initialiser", "noraml:-1", "normal"),
        ("initialiser", "he_noraml:0.3", "he_normal"),
        ("initialiser", "random_normal:0.05", "normal:0.05"),
        ("initialiser", "glorot_uniform;last=noraml:0.3", "glorot_uniform;last=normal:0.3"),
        ("initialiser", "he_noraml*0.5;last=zeros", "he_normal*0.5;last=zeros"),
        ("initialiser", "noraml;last=zreos", ""),
        ("initialiser", "trunc_normal_:0:0.02", "plain_truncated_normal:0:0.02"),
        ("initialiser", "TruncatedNormal:0:0.02", "plain_truncated_normal:0:0.02"),
        ("initialiser", "he_normal;last=TruncatedNormal", "he_normal;last=plain_truncated_normal"),
        ("bias_initialiser", "weights*0.5", "weights"),
        ("gain", "recomended:tanh", "recommended:tanh"),
        ("initialiser", "zeros:1", "zeros"),
        ("optimiser", "momentun:0.8", "momentum:0.8"),
        ("optimiser", "momentun:8", "momentum"),
        ("optimiser", "adamw:0.8", "adam:0.8"),
        ("target", "train_acuracy:0.95", "train_accuracy:0.95"),
        ("target", "train_acuracy:95", "train_accuracy:0.9"),
        ("target", "accuracy", "train_accuracy:0.9"),
        ("activation", "tanh,sigmod", "logistic"),
        ("batch_size", "32,ful", "full"),
        ("loss", "MSE", "squared_error"),
    ],
)
def test_a_suggestion_is_for_the_one_wrong_item_keeps_its_argument_and_is_valid(
    setting: str, value: object, suggestion: str
) -> None:
    with pytest.raises(ExperimentError) as caught:
        Experiment.from_params({setting: value})
    assert caught.value.nearest == suggestion
    if suggestion:
        Experiment.from_params({setting: suggestion})


@pytest.mark.parametrize(
    ("setting", "value", "example"),
    [
        ("initialiser", "normal:x", "normal:0.01"),
        ("initialiser", "sparse:0", "sparse:15"),
        ("initialiser", "uniform:1:0", "uniform:0:1"),
        ("initialiser", "normal:0:x", "normal:0.5:0.01"),
        ("initialiser", "variance_scaling:1:fan:normal", "variance_scaling:1:fan_in:truncated_normal"),
        ("initialiser", "he_normal*", "he_normal*0.1"),
        ("gain", "recommended", "recommended:tanh"),
        ("optimiser", "adam:x", "adam:0.9"),
        ("optimiser", "sgdd", "momentum:0.9"),
        ("target", "train_loss", "train_loss:0.1"),
        ("target", "accurcy:2", "train_accuracy:0.9"),
    ],
)
def test_what_is_refused_comes_with_an_example_that_is_valid(setting: str, value: str, example: str) -> None:
    assert example in refusal(**{setting: value})
    Experiment.from_params({setting: example})


def test_what_the_lab_calls_a_truncated_normal_is_it_in_any_spelling_but_that_of_keras() -> None:
    for text in ("truncated_normal:0.02", "truncated-normal:0.02", "Truncated_Normal:0.02"):
        assert Experiment(initialiser=(text,)).initialiser == ("truncated_normal:0.02",)


def test_one_setting_under_two_names_is_refused() -> None:
    for names in (("lr", "learning_rate"), ("learning_rate", "lr"), ("lr", "eta")):
        params = dict(zip(names, ("0.2", "0.3"), strict=True))
        experiment, errors = Experiment.read_params(params)
        assert experiment == Experiment(learning_rate=(0.2,))
        assert [str(error) for error in errors] == [
            f"{names[1]}: '0.3' says learning_rate a second time; allowed: each setting once"
        ]


def test_words_for_nothing_in_the_lab_are_refused_without_a_suggestion() -> None:
    assert "did you mean" not in refusal(weight_decay="0.1")
    assert "did you mean" not in refusal(dropout="0.5")
    assert "did you mean" not in refusal(activation="banana")


def test_what_is_accepted_of_other_libraries_has_their_formulas() -> None:
    x = np.linspace(-30, 30, 601)
    np.testing.assert_allclose(
        ACTIVATIONS[VALUES["activation"]["sigmoid"].ours].forward(x), special.expit(x), atol=1e-15
    )
    # PyTorch: xavier_uniform_ has the bound sqrt(6 / (in + out)), kaiming_uniform_ (fan_in, relu) sqrt(6 / in).
    for name, bound in (("xavier_uniform", math.sqrt(6 / 600)), ("kaiming_uniform", math.sqrt(6 / 400))):
        weights = INITIALISERS[parse(name)[0]](np.random.default_rng(0), (400, 200))
        assert stats.kstest(weights.ravel(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 0.01
        assert np.abs(weights).max() <= bound
    assert canonical("ones") == "constant:1"
    assert (INITIALISERS["constant"](np.random.default_rng(0), (3, 2), 1.0) == np.ones((3, 2))).all()
