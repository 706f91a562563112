"""Experiment: what it accepts and refuses, its text forms, its runs and its cost."""

import dataclasses
import itertools
import json
import math
import pickle
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.experiment.cost import duration
from core.experiment.experiment import FIELDS, MAX_RUNS, VARIED, Experiment
from core.experiment.fields import MAX_TEXT, ExperimentError, shorten
from core.experiment.presets import PRESETS
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import DATASETS, SCALINGS, dataset_of, load
from core.registries.losses import LOSSES
from core.registries.optimisers import OPTIMISERS
from core.registries.starts import FOR_BIASES
from pages.parts.catalogue import PAGES
from tests.schemes import starts

# --- every valid experiment

SEED = st.integers(0, 1_000_000_000)
thorough = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
quick = settings(thorough, max_examples=20)


def make(**values: Any) -> Experiment:
    """An experiment of values that are not normalised yet."""
    return Experiment(**values)


def number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_subnormal=False) | st.sampled_from([low, high]).map(float)


def several(one: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(one, min_size=1, max_size=most, unique=True).map(tuple)


@st.composite
def optimiser(draw: st.DrawFn) -> str:
    rule = OPTIMISERS[draw(st.sampled_from(sorted(OPTIMISERS)))]
    if rule.argument is None or draw(st.booleans()):
        return rule.name
    return f"{rule.name}:{draw(number(0.0, 0.9999))!r}"


MEASURES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


@st.composite
def target(draw: st.DrawFn, measures: Sequence[str]) -> str:
    measure = draw(st.sampled_from(measures))
    return f"{measure}:{draw(number(0.0, 1.0 if 'accuracy' in measure else 1e6))!r}"


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    dataset = draw(st.sampled_from([*sorted(DATASETS), "circles:0.8", "gaussian:7:3", "parity:4"]))
    epochs = draw(st.integers(1, 10_000))
    of_data = {
        "samples": draw(st.integers(20, 20_000)),
        "noise": draw(number(0.0, 2.0)),
        "test_share": draw(st.just(0.0) | number(0.05, 0.9)),
    }
    of_data = {name: value for name, value in of_data.items() if name in dataset_of(dataset).settings}
    measures = MEASURES if of_data.get("test_share") else MEASURES[:2]
    points = st.lists(st.integers(0, epochs), min_size=1, max_size=20)
    hidden = draw(several(st.lists(st.integers(1, 2000), max_size=6).map(tuple), 3))
    layers = len(hidden[0]) + 1 if len({len(widths) for widths in hidden}) == 1 else 0
    bias = draw(st.booleans())
    biases = starts(layers, tuple(FOR_BIASES)) if bias else st.just("zeros")
    return make(
        dataset=dataset,
        scaling=draw(st.sampled_from(SCALINGS)),
        data_seed=draw(SEED),
        activation=draw(several(st.sampled_from(sorted(ACTIVATIONS)))),
        initialiser=draw(several(starts(layers), 3).filter(distinct)),
        bias_initialiser=draw(several(biases, 2).filter(distinct)),
        gain=draw(several(number(1e-9, 100.0), 3)),
        hidden=hidden,
        bias=bias,
        loss=draw(st.sampled_from(sorted(LOSSES))),
        residual=draw(several(st.booleans())),
        normalisation=draw(several(st.sampled_from(["none", "layer"]))),
        optimiser=draw(several(optimiser(), 2).filter(distinct_rules)),
        learning_rate=draw(several(number(1e-9, 1e3), 3)),
        batch_size=draw(several(st.integers(0, 100_000), 3)),
        epochs=epochs,
        seeds=draw(st.integers(1, 6)),
        first_seed=draw(SEED),
        record=draw(st.sampled_from(["log", "every", "updates"]) | points.map(lambda p: ",".join(map(str, p)))),
        target=draw(target(measures)),
        saturation_threshold=draw(number(1e-6, 1.0)),
        statistics=draw(st.sampled_from(["full", "standard"])),
        probe=draw(st.integers(0, 100_000)),
        dtype=draw(st.sampled_from(["float32", "float64"])),
        **of_data,
    )


def distinct_rules(texts: tuple[str, ...]) -> bool:
    values = [(name, float(given or OPTIMISERS[name].argument or 0)) for name, _, given in map(split, texts)]
    return len(set(values)) == len(values)


def split(text: str) -> tuple[str, str, str]:
    return text.partition(":")


def distinct(texts: tuple[str, ...]) -> bool:
    return len({FIELDS["initialiser"].kind.parse(text) for text in texts}) == len(texts)


@thorough
@given(experiments())
def test_an_experiment_survives_its_parameters_its_json_its_link_and_pickling(experiment: Experiment) -> None:
    params = experiment.to_params()
    assert Experiment.from_params(params) == experiment
    assert Experiment.read_params(params) == (experiment, ())
    assert Experiment.from_json(experiment.to_json()) == experiment
    query = experiment.to_query()
    for text in (
        query,
        f"?{query}",
        f"https://lab.example/lab/saturation?{query}&embed=true#top",
        experiment.to_json(),
    ):
        assert Experiment.from_text(text) == experiment
    assert pickle.loads(pickle.dumps(experiment)) == experiment
    assert dict(parse_qsl(query)) == params, "what any other reader of links makes of the query"
    assert Experiment.from_text(urlencode(params)).key == experiment.key, "every character escaped"


@thorough
@given(experiments())
def test_parameters_are_canonical_printable_and_without_defaults(experiment: Experiment) -> None:
    params = experiment.to_params()
    again = Experiment.from_params(params)
    assert (again.to_params(), again.key) == (params, experiment.key)
    for name, text in params.items():
        assert getattr(experiment, name) != getattr(Experiment(), name)
        assert re.fullmatch(r"[a-z0-9_.,:;=*\-]{1,2000}", text), (
            "nothing that a link would have to escape, or a shell in quotes"
        )


@quick
@given(experiments())
def test_runs_are_the_product_of_the_plural_settings_with_seeds_fastest(experiment: Experiment) -> None:
    runs = experiment.runs()
    count = math.prod(len(getattr(experiment, name)) for name in VARIED) * experiment.seeds
    assert [run.run for run in runs] == list(range(count))
    values_of_runs = [tuple(getattr(run, name) for name in (*VARIED, "seed")) for run in runs]
    assert len(set(values_of_runs)) == count
    choices = [*(getattr(experiment, name) for name in VARIED), range(experiment.first_seed, 2**40)]
    places = [
        tuple(choice.index(value) for choice, value in zip(choices, values, strict=True)) for values in values_of_runs
    ]
    assert places == sorted(places)
    groups = experiment.groups()
    assert len(set(groups)) == len(groups)
    assert [experiment.label(run) for run in runs] == [group for group in groups for _ in range(experiment.seeds)]


@quick
@given(experiments())
def test_recorded_epochs_ascend_from_initialisation_to_the_end(experiment: Experiment) -> None:
    epochs = experiment.record_epochs()
    assert epochs[0] == 0
    assert epochs[-1] == experiment.epochs
    assert list(epochs) == sorted(set(epochs))
    if experiment.record == "log":
        assert len(epochs) <= 16


@quick
@given(experiments())
def test_the_cost_counts_runs_and_parameters_exactly_and_is_finite(experiment: Experiment) -> None:
    cost = experiment.cost()
    runs = experiment.runs()
    assert cost.runs == len(runs)
    dataset = dataset_of(*experiment.dataset)
    outputs = 1 if dataset.classes == 2 else dataset.classes
    parameters = 0
    for run in runs:
        widths = (dataset.features, *run.hidden, outputs)
        parameters += sum((a + 1) * b for a, b in itertools.pairwise(widths))
    assert cost.parameters == parameters
    assert all(math.isfinite(value) and value > 0 for value in (cost.flops, cost.seconds, cost.bytes))


# --- what is refused

SCRIPT = "<script>alert('x')</script>"
LONG = "9" * 10_000
BAD: dict[str, dict[str, Any]] = {
    "dataset": {"near": ("digts", "digits"), "type": 3, "range": "mnist"},
    "samples": {"type": 2.5, "range": 19, "high": 10**9, "text": "many"},
    "noise": {"type": [0.1], "range": -0.1, "high": 2.1, "text": "loud"},
    "scaling": {"near": ("standardizd", "standardised"), "type": True},
    "test_share": {"type": {}, "range": 0.04, "high": 1, "text": "1/x"},
    "data_seed": {"type": 1.0, "range": -1, "high": 2**40, "text": "0x10"},
    "activation": {"near": ("tnah", "tanh"), "type": [1], "range": "logistic,sine", "twice": "tanh,tanh"},
    "initialiser": {
        "near": ("gloret_uniform", "glorot_uniform"), "type": (None,), "range": "normal:-1", "text": "normal:x",
        "argument": "zeros:1", "twice": ["normal:1", "normal:1.0"], "colon": "normal:", "numbers": "normal:1:1:1",
        "ends": "uniform:1:0", "role": "normal:1;middle=zeros", "base": "first=normal:1;last=zeros",
        "role twice": "zeros;last=normal;last=zeros", "list and role": "zeros;zeros;last=normal",
        "hole": "zeros;;zeros",
        "factor": "normal*x", "no factor": "normal*", "layers": "zeros;zeros",
    },
    "gain": {
        "type": "two", "range": 0, "high": 101, "twice": (1, 1.0), "near": ("recomended:relu", "recommended:relu"),
        "function": "critical:sine", "no number": "recommended:softsign", "no function": "critical",
    },
    "bias_initialiser": {
        "near": ("fan_in_unifrom", "fan_in_uniform"), "type": 0.1, "range": "normal:-1", "matrix": "orthogonal",
        "part": "weights;last=zeros",
    },
    "hidden": {
        "type": 6.5, "range": "64-0", "high": "2001", "text": "64x64", "twice": "64,64", "deep": "-".join(["2"] * 51),
        "gap": "64--64",
    },
    "bias": {"type": 1, "text": "maybe", "near": ("flase", "false")},
    "residual": {"type": 1, "text": "true,maybe", "near": ("flase", "false"), "twice": "true,yes"},
    "normalisation": {"near": ("batch_norm", "layer"), "type": 1, "twice": "layer,layer"},
    "loss": {"near": ("cross-entrpoy", "cross_entropy"), "type": 0},
    "optimiser": {
        "near": ("momentun:0.8", "momentum:0.8"), "type": 0.9, "range": "momentum:1", "argument": "sgd:0.9",
        "twice": "adam,adam:0.90",
    },
    "learning_rate": {"type": False, "range": "0", "high": "1e4", "twice": [0.1, "0.10"]},
    "batch_size": {"near": ("ful", "full"), "type": 32.0, "range": -1, "high": 100_001, "twice": "32,32"},
    "epochs": {"type": "4.5", "range": 0, "high": 10_001},
    "seeds": {"type": "five", "range": 0, "high": 10_001, "underscore": "1_0", "digits": "٣"},
    "first_seed": {"type": b"1", "range": -1, "high": 10**5000},
    "record": {"near": ("evry", "every"), "type": 1.5, "range": "0,41", "text": "0,x", "gap": "0,,5"},
    "target": {"near": ("train_acuracy:0.9", "train_accuracy:0.9"), "type": 0.9, "range": "train_accuracy:90",
               "bare": "train_loss"},
    "saturation_threshold": {"type": "5 %", "range": 0, "high": 1.5},
    "statistics": {"near": ("ful", "full"), "type": ["full"]},
    "probe": {"near": ("al", "all"), "type": 2.5, "range": -5, "high": 10**6},
    "dtype": {"near": ("float46", "float64"), "type": np.float32, "range": "float16"},
}  # fmt: skip
ALWAYS_BAD = {
    "empty": "", "blank": "  ", "none": None, "no items": [], "script": SCRIPT, "long": LONG, "nan": math.nan,
    "infinite": math.inf, "nan text": "nan", "infinite text": "-inf", "newline": "a\nb\x1b[31m", "surrogate": "\udcff",
    "long item": ["x" * 10_000], "mapping": {"a": 1}, "huge": 10**4500, "null": "\0", "override": "\u202etanh",
}  # fmt: skip
CASES = [
    (name, kind, value[0] if kind == "near" else value)
    for name in FIELDS
    for kind, value in {**ALWAYS_BAD, **BAD[name]}.items()
]


@pytest.mark.parametrize(("name", "kind", "value"), CASES, ids=[f"{name}-{kind}" for name, kind, _ in CASES])
def test_a_wrong_value_is_refused_in_one_plain_line_and_read_as_the_default(name: str, kind: str, value: Any) -> None:
    with pytest.raises(ExperimentError, match=f"^{name}: .*; allowed: .") as caught:
        Experiment(**{name: value})
    error = caught.value
    line = str(error)
    assert (error.field, isinstance(error, ValueError)) == (name, True)
    assert error.allowed
    assert line.isprintable()
    assert len(line) < 600
    if isinstance(value, str) and len(value) < 50 and value.strip().isprintable():
        assert value.rpartition(",")[2].strip() in line
    if kind == "near" and BAD[name]["near"][1]:
        assert line.endswith(f"; did you mean '{BAD[name]['near'][1]}'?")
    assert str(pickle.loads(pickle.dumps(error))) == line

    with pytest.raises(ExperimentError, match=f"^{name}: "):
        Experiment.from_params({name: value})
    experiment, errors = Experiment.read_params(
        {name: value, "learning_rate" if name != "learning_rate" else "gain": "7"}
    )
    assert [e.field for e in errors] == [name]
    assert getattr(experiment, name) == FIELDS[name].default
    assert len(experiment.to_params()) == 1, "the other parameter is kept"
    if isinstance(value, str) and "\udcff" not in value:
        with pytest.raises(ExperimentError, match=f"^{name}: "):
            Experiment.from_text(f"{name}={quote(value)}")


def test_every_field_has_its_own_wrong_values() -> None:
    assert set(BAD) == set(FIELDS)


def test_an_unknown_setting_is_named_with_the_nearest_one() -> None:
    experiment, errors = Experiment.read_params({"activaton": "tanh", SCRIPT: "1", "seeds": "3"})
    assert experiment == Experiment(seeds=3)
    assert str(errors[0]).startswith("activaton: 'tanh' belongs to no known setting; allowed: dataset, ")
    assert str(errors[0]).endswith("; did you mean 'activation'?")
    assert str(errors[1]).startswith("<script>")
    with pytest.raises(ExperimentError, match=r"^activaton: 'tanh'"):
        Experiment.from_params({"activaton": "tanh"})


def test_parameters_that_belong_to_a_page_are_ignored_where_the_caller_says_so() -> None:
    assert Experiment.read_params({"epoch": "3", "seeds": "3"}, ignore=("epoch",)) == (Experiment(seeds=3), ())
    with pytest.raises(ExperimentError, match="did you mean 'epochs'"):
        Experiment.from_text("epoch=3")


def test_what_a_link_says_of_its_page_is_set_apart() -> None:
    link = "https://lab.example/saturation?epoch=3&seeds=3&embed=true"
    assert Experiment.from_text(link) == Experiment(seeds=3)
    assert Experiment.read_text(link) == (Experiment(seeds=3), ("epoch", "embed"))
    assert Experiment.read_text("seeds=3") == (Experiment(seeds=3), ())
    with pytest.raises(ExperimentError, match=r"^seeds: "):
        Experiment.from_text("/saturation?epoch=3&seeds=x")


def test_no_parameter_of_a_page_is_named_like_a_setting() -> None:
    assert not {name for page in PAGES for name in page.controls} & set(FIELDS)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(max_size=20), st.text(max_size=60) | st.integers()))
def test_lenient_reading_never_fails(params: dict[str, Any]) -> None:
    experiment, errors = Experiment.read_params(params)
    assert Experiment.from_params(experiment.to_params()) == experiment
    for error in errors:
        assert str(error).isprintable()


def refusal(text: str) -> str:
    """What is said of a text that is no experiment, '' of one that is."""
    try:
        Experiment.from_text(text)
    except ExperimentError as error:
        return str(error)
    return ""


@given(st.text(max_size=200) | st.text('{}[]":,&=?#%+0123456789ae./', max_size=60))
def test_text_is_an_experiment_or_an_experiment_error(text: str) -> None:
    assert refusal(text).isprintable()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tanh", "'tanh' is not a setting with its value"),
        ("/tmp/experiment", "'/tmp/experiment' is not a setting with its value"),
        ("{", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"experiment": 3}', "is not a JSON object"),
        ("[" * 50_000, "is nested too deeply|is not JSON"),
        ('{"seeds": ' + "9" * 5000 + "}", "holds a number of thousands of digits"),
        ('{"seeds": NaN}', "seeds: nan is not a whole number"),
        ('{"seeds": 3, "seeds": 4}', r"seeds: \[3, 4\] is given twice"),
        ("seeds=3&seeds=4", r"seeds: \['3', '4'\] is not a whole number"),
        ("x" * 200_000, "takes 200,000 characters"),
    ],
)
def test_a_text_that_is_no_experiment_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ExperimentError, match=problem):
        Experiment.from_text(text)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"noise": 0.3}, "noise: 0.3 has no effect on digits; allowed: 0.1 with digits"),
        ({"samples": 50, "dataset": "iris"}, "samples: 50 has no effect on iris; allowed: 400 with iris"),
        ({"noise": 0.3, "dataset": "gaussian:9"}, "noise: 0.3 has no effect on gaussian:9; allowed: 0.1 with"),
        ({"test_share": 0.3, "dataset": "parity"}, "test_share: 0.3 has no effect on parity; allowed: 0 or 0.2 with"),
        ({"target": "test_accuracy:0.9", "dataset": "parity:4"}, "target: 'test_accuracy:0.9' cannot be reached with"),
        ({"target": "test_loss:0.1", "test_share": 0}, "target: 'test_loss:0.1' cannot be reached without a test part"),
        ({"record": "0,5", "epochs": 4}, "record: '0,5' holds 5, after the last epoch; allowed: .* 0 to 4"),
        ({"seeds": 10_000, "gain": [1, 2]}, "seeds: 10000 makes 120,000 runs; allowed: at most 100,000 runs"),
        ({"learning_rate": [i / 7 for i in range(1, 200)]}, r"learning_rate: \(.* takes .* characters"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_and_read_leniently(settings: Any, problem: str) -> None:
    with pytest.raises(ExperimentError, match=problem):
        Experiment(**settings)
    experiment, errors = Experiment.read_params(settings)
    assert len(errors) == 1
    kept = {name: value for name, value in settings.items() if name != errors[0].field}
    assert experiment == Experiment(**kept)


def test_several_wrong_settings_are_all_reported() -> None:
    experiment, errors = Experiment.read_params({"seeds": "x", "noise": "0.3", "record": "0,99", "epochs": "50"})
    assert experiment == Experiment(epochs=50)
    assert {error.field for error in errors} == {"seeds", "noise", "record"}


# --- spellings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"activation": "tanh"}, {"activation": ["tanh"]}),
        ({"activation": "tanh, relu"}, {"activation": ("tanh", "relu")}),
        ({"initialiser": "normal"}, {"initialiser": ["normal:1e-2"]}),
        ({"gain": "0.50,2"}, {"gain": [0.5, 2]}),
        ({"gain": np.array([0.5, 2])}, {"gain": [0.5, "2.0"]}),
        ({"hidden": 64}, {"hidden": "64"}),
        ({"hidden": [64, 32]}, {"hidden": "64-32"}),
        ({"hidden": "64,64-32,none"}, {"hidden": [[64], (64, 32), ()]}),
        ({"bias": "false"}, {"bias": False}),
        ({"optimiser": "adam"}, {"optimiser": "adam:0.90"}),
        ({"batch_size": "full"}, {"batch_size": 0}),
        ({"batch_size": "1,full"}, {"batch_size": [1, "0"]}),
        ({"record": "20,5,5"}, {"record": [0, 5, 20, 40]}),
        ({"target": "train_loss:0.10"}, {"target": "train_loss:1e-1"}),
        ({"probe": "all"}, {"probe": 0}),
        ({"seeds": "7"}, {"seeds": np.int64(7)}),
        ({"dataset": "xor", "noise": "-0"}, {"dataset": "xor", "noise": 0.0}),
        ({"learning_rate": "1E-3"}, {"learning_rate": 0.001}),
        ({"seeds": 5, "activation": "logistic,tanh"}, {}),
    ],
)
def test_two_spellings_of_one_experiment_are_equal_and_share_their_key(one: Any, other: Any) -> None:
    first, second = Experiment(**one), Experiment(**other)
    assert first == second
    assert first.key == second.key
    assert hash(first) == hash(second)


CHANGES: dict[str, Any] = {
    "dataset": "iris", "samples": 300, "noise": 0.2, "scaling": "raw", "test_share": 0.25, "data_seed": 1,
    "activation": ("tanh", "logistic"), "initialiser": "zeros", "gain": 2, "hidden": "none", "bias": False,
    "residual": "false,true", "normalisation": "layer", "bias_initialiser": "normal:0.1",
    "loss": "squared_error", "optimiser": "adam", "learning_rate": 0.2, "batch_size": 0, "epochs": 41, "seeds": 6,
    "first_seed": 1, "record": "every", "target": "train_accuracy:0.8", "saturation_threshold": 0.1,
    "statistics": "standard", "probe": 0, "dtype": "float64",
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_changing_a_setting_changes_the_key_if_it_shapes_the_training_and_one_parameter(name: str) -> None:
    base = Experiment(dataset=("xor",)) if name in ("samples", "noise") else Experiment()
    changed = dataclasses.replace(base, **{name: CHANGES[name]})
    assert (changed.key == base.key) == (name == "target"), "which is asked of what was trained"
    assert set(changed.to_params()) == set(base.to_params()) | {name}


def test_the_key_depends_on_the_version_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Experiment().key
    assert re.fullmatch("[0-9a-f]{64}", key)
    monkeypatch.setattr("core.experiment.experiment.ENGINE_VERSION", "another")
    assert Experiment().key != key


def test_the_key_is_the_same_in_every_process() -> None:
    script = "from core.experiment.experiment import Experiment; print(Experiment(seeds=3).key)"
    keys = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert keys == {Experiment(seeds=3).key}


def test_a_link_reads_as_the_readme_shows_it() -> None:
    link = (
        "/saturation?activation=logistic,tanh&initialiser=normal:0.01,normal:1,glorot_uniform&hidden=64-64-64&seeds=10"
    )
    experiment = Experiment.from_text(link)
    assert experiment == Experiment(seeds=10)
    assert experiment.to_query() == "seeds=10"
    query = "activation=relu,tanh&initialiser=normal:0.1,he_normal&hidden=32-16,none&learning_rate=1e-5&batch_size=full"
    assert Experiment.from_text(query).to_query() == query
    assert Experiment.from_text("seeds=3&activation=relu&activation=tanh") == make(seeds=3, activation="relu,tanh")


def test_the_default_is_the_empty_link() -> None:
    assert Experiment().to_params() == {}
    for text in ("", "?", "https://lab.example", "https://lab.example/runs?", "{}", '{"experiment": {}}'):
        assert Experiment.from_text(text) == Experiment()


def test_json_holds_every_setting() -> None:
    document = json.loads(Experiment().to_json())
    assert list(document) == list(FIELDS)
    assert document["hidden"] == [[64, 64, 64]]
    assert Experiment.from_json(json.dumps({"experiment": document, "versions": {"numpy": "2"}})) == Experiment()


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_describes_itself_and_writes_what_it_reads(name: str) -> None:
    field = FIELDS[name]
    assert field.label
    assert field.help.endswith(".")
    assert field.read(field.write(field.default)) == field.default == getattr(Experiment(), name)
    for choice in field.kind.choices:
        if choice not in ("train_accuracy", "test_accuracy", "train_loss", "test_loss"):
            field.read(choice)
    for word in field.kind.words:
        assert field.write(field.read(word)) == word


# --- runs, labels, epochs


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({"activation": "tanh", "initialiser": "zeros"}, ("tanh · zeros",)),
        ({"activation": "tanh"}, ("normal:0.01", "normal:1", "glorot_uniform")),
        ({"initialiser": "zeros"}, ("logistic", "tanh")),
        ({"activation": "tanh", "initialiser": "zeros", "gain": "1,2.5"}, ("gain 1", "gain 2.5")),
        ({"activation": "tanh", "initialiser": "zeros", "learning_rate": "0.1,1"}, ("rate 0.1", "rate 1")),
        ({"activation": "tanh", "initialiser": "zeros", "batch_size": "32,full"}, ("batch 32", "batch full")),
        ({"activation": "tanh", "initialiser": "zeros", "hidden": "64-64,none"}, ("64-64", "none")),
        (
            {"initialiser": "zeros", "hidden": "8,4", "gain": "1,2"},
            (
                *("logistic · 8 · gain 1", "logistic · 8 · gain 2", "tanh · 8 · gain 1", "tanh · 8 · gain 2"),
                *("logistic · 4 · gain 1", "logistic · 4 · gain 2", "tanh · 4 · gain 1", "tanh · 4 · gain 2"),
            ),
        ),
    ],
)
def test_a_group_is_labelled_by_what_varies(settings: Any, labels: tuple[str, ...]) -> None:
    assert Experiment(**settings).groups() == labels


@pytest.mark.parametrize(
    ("settings", "epochs"),
    [
        ({"epochs": 1}, (0, 1)),
        ({"epochs": 3, "record": "every"}, (0, 1, 2, 3)),
        ({"record": "5"}, (0, 5, 40)),
        ({"epochs": 4}, (0, 1, 2, 3, 4)),
    ],
)
def test_epochs_are_recorded_as_asked(settings: Any, epochs: tuple[int, ...]) -> None:
    assert Experiment(**settings).record_epochs() == epochs


def test_log_recording_is_even_on_a_logarithmic_scale() -> None:
    epochs = Experiment(epochs=10_000).record_epochs()
    steps = np.diff(np.log(epochs[6:]))
    assert len(epochs) == 16
    assert steps.max() / steps.min() < 1.1


@pytest.mark.parametrize(("size", "updates"), [(0, 1), (1, 100), (32, 4), (50, 2), (1000, 1)])
def test_updates_per_epoch_count_the_last_smaller_batch(size: int, updates: int) -> None:
    assert Experiment.updates_per_epoch(100, size) == updates


# --- cost


@pytest.mark.parametrize("dataset", ["digits", "iris", "xor"])
def test_the_estimate_counts_the_updates_that_the_data_really_take(dataset: str) -> None:
    experiment = make(dataset=dataset, batch_size=16, epochs=3)
    train = len(load(dataset).train_y)
    assert experiment.cost().updates == 30 * 3 * experiment.updates_per_epoch(train, 16)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ({"seeds": 10}, {"seeds": 1000}),
        ({"epochs": 30, "record": "0"}, {"epochs": 3000, "record": "0"}),
        ({"hidden": "200-200-200"}, {"hidden": "1000-1000-1000"}),
    ],
)
def test_the_estimate_grows_as_the_work_does(small: Any, large: Any) -> None:
    base = Experiment(**small).cost()
    cost = Experiment(**large).cost()
    assert cost.seconds / base.seconds == pytest.approx(cost.flops / base.flops, rel=0.5)


def test_float64_and_more_statistics_are_estimated_to_take_longer() -> None:
    seconds = Experiment().cost().seconds
    assert Experiment(dtype="float64").cost().seconds > 1.3 * seconds
    assert Experiment(statistics="standard").cost().seconds < seconds
    assert Experiment(record="every").cost().seconds > seconds


def test_a_sweep_over_the_limit_is_refused_with_its_estimate_and_the_command_that_runs_it_elsewhere() -> None:
    experiment = make(seeds=10_000, activation="tanh", hidden="1000-1000")
    with pytest.raises(ExperimentError, match=r"^experiment: 'about \d+ days") as caught:
        experiment.check_limit(60)
    line = str(caught.value)
    assert line.isprintable()
    assert "30,000 runs" in line
    assert "up to 1 min here" in line
    command = re.search(r'python -m core run "(.*)" --out results/ --zip result.zip$', line)
    assert command is not None
    assert Experiment.from_text(command[1]) == experiment
    experiment.check_limit(experiment.cost().seconds)


def test_an_estimate_makes_no_data_and_needs_no_heavy_module() -> None:
    script = (
        "import sys; from core.experiment.experiment import Experiment as E;"
        "E(seeds=10_000, gain=1, activation='tanh').cost();"
        "print([m for m in ('pandas', 'sklearn', 'scipy', 'streamlit', 'altair') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- presets and words


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_asks_a_question_and_is_a_link(name: str) -> None:
    preset = PRESETS[name]
    assert preset.name == name
    assert preset.question.endswith("?")
    assert Experiment.from_params(preset.experiment.to_params()) == preset.experiment
    assert preset.experiment.cost().seconds <= 30  # on one core: a click on a preset trains it at once


def test_the_lecture_is_the_default_and_the_scales_are_spaced_evenly() -> None:
    assert PRESETS["lecture"].experiment == Experiment()
    scales = [float(text.partition(":")[2]) for text in PRESETS["initial_scale"].experiment.initialiser]
    assert scales[0] <= 0.001
    assert scales[-1] >= 3
    np.testing.assert_allclose(np.diff(np.log10(scales)), 0.5, atol=0.03)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (9.94, "9.9 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (18_420, "5 h 7 min"),
        (273_600, "3 days 4 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.text() | st.binary() | st.recursive(st.integers() | st.text(), st.lists))
def test_shortened_values_are_short_and_printable(value: object) -> None:
    text = shorten(value)
    assert text.isprintable()
    assert len(text) <= 62


def test_limits_hold_as_documented() -> None:
    assert MAX_TEXT == 2_000
    assert MAX_RUNS == 100_000


def test_a_run_by_its_number_is_the_one_among_all() -> None:
    experiment = Experiment(hidden=((4,), (4, 4)), learning_rate=(0.1, 1), seeds=3, first_seed=7)
    runs = experiment.runs()
    assert tuple(map(experiment.run_number, range(len(runs)))) == runs
    for number in (-1, len(runs), 10**9):
        with pytest.raises(IndexError):
            experiment.run_number(number)
