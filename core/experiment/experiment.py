"""What to train and measure, as plain values: the frozen `Experiment`, its text forms and its runs.

Each setting is described once, beside its default, in the class `Experiment`: `FIELDS` collects these
descriptions, and validation, the link, JSON and the form all read them. A new setting is one entry there.
The runs of an experiment are the Cartesian product of its plural settings and its seeds.
"""

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self
from urllib.parse import parse_qs, quote

import numpy as np

from core.experiment import fields
from core.experiment.cost import NORMALISED, WIRED, Cost, Load, duration, estimate
from core.experiment.fields import ExperimentError, Field
from core.registries import added, datasets, starts
from core.registries.activations import ACTIVATIONS
from core.registries.added import Entries
from core.registries.datasets import DATASETS, dataset_of
from core.registries.losses import LOSSES
from core.registries.optimisers import OPTIMISERS
from core.registries.synonyms import SETTINGS, VALUES, accepted, suggested
from core.text import count, listed, size

__all__ = ["ENGINE_VERSION", "FIELDS", "VARIED", "Experiment", "ExperimentError", "Field", "Run"]

ENGINE_VERSION = "6"
"""Part of every experiment's key: raise it whenever the same settings come to give other numbers.

6: biases may start from a scheme of their own, and what was trained is known by what shapes it, so not by the target.
"""

MAX_DOCUMENT = 100_000
"""Characters in a whole link or JSON text."""
MAX_RUNS = 100_000
"""Runs in one experiment."""
MAX_SEED = 1_000_000_000
ADDED = "added"
"""Under what entries that are not the lab's travel with an experiment."""
TRAVELS = "functions of a module that the workers can import too, cloudpickle installed, or run(executor=None)"
NORMALISATIONS = ("none", "layer")
LOG_POINTS = 15
"""Recorded points after epoch 0 that record='log' aims for; those that fall on one epoch are recorded once."""


@dataclass(frozen=True)
class Run:
    """One training of one network: its number within the experiment, from 0, the settings `VARIED`, and its seed.

    Their order is that of the product.
    """

    run: int
    dataset: str
    hidden: tuple[int, ...]
    residual: bool
    normalisation: str
    batch_size: int
    optimiser: str
    activation: str
    initialiser: str
    gain: float
    bias_initialiser: str
    learning_rate: float
    seed: int


VARIED = tuple(field.name for field in dataclasses.fields(Run) if field.name not in ("run", "seed"))
"""The plural settings in the order of the product, slowest first; seeds go fastest."""
SHAPE = ("dataset", "hidden", "residual", "normalisation", "batch_size", "optimiser", "activation")
"""Those in which runs that train together are one."""
NAMING = ("activation", "initialiser")
"""The settings that a label begins with, and consists of where none varies."""


def all_but(*settings: str) -> list[str]:
    """What runs share that differ in these settings and their seed alone, in the order of a label."""
    return [name for name in dict.fromkeys((*NAMING, *VARIED)) if name not in settings]


def residual_layers(hidden: Sequence[int]) -> tuple[bool, ...]:
    """Which hidden layers of these widths have a residual connection: those as wide as the hidden layer below."""
    return tuple(own == below for own, below in zip(hidden, (0, *hidden), strict=False))


def _setting(field: Field) -> Any:
    """A dataclass field that carries its own description."""
    return dataclasses.field(default=field.default, metadata={"description": field})


@dataclass(frozen=True)
class Experiment:
    """What to train and measure. Immutable; every value is checked and normalised when it is made.

    Plural settings accept one value, a list or text ('logistic,tanh'), and are tuples afterwards; numbers
    may come as text. Raises ExperimentError for anything else.
    """

    # fmt: off
    dataset: tuple[str, ...] = _setting(Field(
        ("digits",), fields.data_set(), "Data", "Data sets",
        "What the networks learn to classify, as name or name:argument: in circles:0.8 the inner radius is 0.8 of the "
        "outer one, parity:4 has all points of four bits. Each network trains on one of them.", plural=True,
    ))
    samples: int = _setting(Field(
        400, fields.whole(datasets.MIN_SAMPLES, datasets.MAX_SAMPLES), "Data", "Examples",
        "How many examples a synthetic data set has.", unit="examples",
    ))
    noise: float = _setting(Field(
        0.1, fields.number(datasets.MIN_NOISE, datasets.MAX_NOISE), "Data", "Noise",
        "Standard deviation of the noise added to a synthetic data set.",
    ))
    scaling: str = _setting(Field(
        "standardised", fields.choice(datasets.SCALINGS, VALUES["scaling"]), "Data", "Input scaling",
        "Standardised inputs have mean 0 and both signs, symmetric-interval ones lie between -1 and 1. Unit-interval "
        "inputs are never negative, which ties the signs of the first layer's gradients.",
    ))
    test_share: float = _setting(Field(
        0.2, fields.number(datasets.MIN_TEST_SHARE, datasets.MAX_TEST_SHARE, or_zero=True), "Data", "Test share",
        "Share of the examples kept back for testing; at 0 there is no test part, and none with parity, whose points "
        "are all there are.", unit="share",
    ))
    data_seed: int = _setting(Field(
        0, fields.whole(0, MAX_SEED), "Data", "Data seed", "Seed of the synthetic data and of the train/test split.",
    ))
    activation: tuple[str, ...] = _setting(Field(
        ("logistic", "tanh"), fields.choice(ACTIVATIONS, VALUES["activation"]), "Network", "Activation functions",
        "Activation functions of the hidden layers, to be compared.", plural=True,
    ))
    initialiser: tuple[str, ...] = _setting(Field(
        ("normal:0.01", "normal:1", "glorot_uniform"), fields.scheme(), "Network", "Initialisers",
        "Schemes that draw the initial weights, as name or name:argument. normal:0.01 is a normal distribution with "
        "standard deviation 0.01, normal:0.5:0.01 has mean 0.5, uniform:0:1 lies between these ends.", plural=True,
    ))
    gain: tuple[float, ...] = _setting(Field(
        (1.0,), fields.gain(), "Network", "Gains",
        "Factors on the initial weights.", plural=True, prefix="gain ",
    ))
    bias_initialiser: tuple[str, ...] = _setting(Field(
        ("zeros",), fields.scheme(starts.FOR_BIASES, starts.LIKE_WEIGHTS), "Network", "Bias initialisers",
        "Schemes that draw the initial biases. 'weights' draws them as the layer's weights.",
        plural=True, prefix="bias ",
    ))
    hidden: tuple[tuple[int, ...], ...] = _setting(Field(
        ((64, 64, 64),), fields.layers(), "Network", "Hidden layers",
        "Widths of the hidden layers joined by '-', input side first; several networks separated by commas.",
        unit="units", plural=True,
    ))
    bias: bool = _setting(Field(
        True, fields.switch(), "Network", "Biases", "Whether the units have biases.",
    ))
    residual: tuple[bool, ...] = _setting(Field(
        (False,), fields.switch(), "Network", "Residual connections",
        "Whether a hidden layer that is as wide as the one below it adds that one's output to its own: h = h below "
        "+ f(a). Other layers, and the first, stay plain.", plural=True,
        labels={"false": "no residual", "true": "residual"},
    ))
    normalisation: tuple[str, ...] = _setting(Field(
        ("none",), fields.choice(NORMALISATIONS, VALUES["normalisation"]), "Network", "Normalisation",
        "With layer normalisation the pre-activations of a hidden layer are brought to mean 0 and variance 1 over its "
        "units, example by example, before they enter f. It has no gain and bias of its own to train.",
        plural=True, labels={"none": "no norm", "layer": "layer norm"},
    ))
    loss: str = _setting(Field(
        "cross_entropy", fields.choice(LOSSES, VALUES["loss"]), "Training", "Loss",
        "Cross-entropy, or the squared error of logistic outputs as was usual in the lecture's era.",
    ))
    optimiser: tuple[str, ...] = _setting(Field(
        ("sgd",), fields.update_rule(), "Training", "Optimisers",
        "Update rules, as name or name:argument, such as momentum:0.9.", plural=True,
    ))
    learning_rate: tuple[float, ...] = _setting(Field(
        (0.1,), fields.number(1e-9, 1e3), "Training", "Learning rates",
        "Several make a grid: a fair comparison lets each initialiser have its best rate.", plural=True, prefix="rate ",
    ))
    batch_size: tuple[int, ...] = _setting(Field(
        (32,), fields.whole(1, 100_000, VALUES["batch_size"], full=0), "Training", "Batch sizes",
        "Examples per weight update; 'full' is the whole training set.", unit="examples", plural=True, prefix="batch ",
    ))
    epochs: int = _setting(Field(
        40, fields.whole(1, fields.MAX_EPOCHS), "Training", "Epochs", "Passes over the training set.", unit="epochs",
    ))
    seeds: int = _setting(Field(
        5, fields.whole(1, 10_000), "Training", "Seeds",
        "How many times each setting is trained, from different initial weights: the spread shows chance.",
    ))
    first_seed: int = _setting(Field(
        0, fields.whole(0, MAX_SEED), "Training", "First seed", "Seed of the first repetition; the others follow it.",
    ))
    record: str = _setting(Field(
        "updates", fields.points(), "Measurement", "Recorded epochs",
        "When to measure: 'log' is dense at first and sparse later, 'every' is each epoch, or a list such as 0,1,5,20. "
        "Start and end are always recorded. 'updates' is 'log' and looks at losses and accuracies within the first "
        "epochs too; so does a list with updates in it, such as u1,u2,u5,u10,1,5,20.", unit="epochs",
    ))
    target: str = _setting(Field(
        "train_accuracy:0.9", fields.goal(), "Measurement", "Target",
        "A run has converged once it reaches this, as measure:value. Another one is read from what was trained.",
        asked=True,
    ))
    saturation_threshold: float = _setting(Field(
        0.05, fields.number(1e-6, 1.0), "Measurement", "Saturation threshold",
        "A unit is saturated where its slope is below this share of the activation function's largest.", unit="share",
    ))
    statistics: str = _setting(Field(
        "full", fields.choice(("full", "standard")), "Measurement", "Statistics",
        "Full adds the gradient signs and the paths of the weights, which take longer.",
    ))
    probe: int = _setting(Field(
        256, fields.whole(1, 100_000, VALUES["probe"], all=0), "Measurement", "Probe",
        "Training examples that the layers are measured on; 'all' is the whole training set.", unit="examples",
    ))
    dtype: str = _setting(Field(
        "float32", fields.choice(("float32", "float64"), VALUES["dtype"]), "Measurement", "Precision",
        "float64 is the reference and takes twice the time.",
    ))
    # fmt: on

    def __post_init__(self) -> None:
        _check_registries()
        values = {name: field.read(getattr(self, name)) for name, field in FIELDS.items()}
        # Rules about settings together; where one raises, it names a setting that is not at its default.
        _have_one_own_table(values["dataset"])
        _keep_defaults_of_data(values)
        _have_a_test_part(values)
        values["gain"] = FIELDS["gain"].read(_numbers(values["gain"], values["activation"]))
        _fit_layers(values)
        _fit_biases(values)
        values["record"] = _complete_record(values["record"], values["epochs"])
        _limit_runs(values)
        for name, value in values.items():
            FIELDS[name].check_length(FIELDS[name].write(value), value)
            object.__setattr__(self, name, value)
        self.fingerprints()

    # --- what is not the lab's

    def added(self) -> Entries:
        """The entries that it names and that are not the lab's, by registry and name."""
        return added.added(self.written())

    def fingerprints(self) -> list[str]:
        """What they do, each with its registry and name; raises ExperimentError for one that cannot be used."""
        found = []
        for kind, entries in self.added().items():
            for name, entry in entries.items():
                try:
                    found.append(f"{kind} {name} {added.fingerprint(kind, name, entry)}")
                except added.AddedError as error:
                    raise _refused_entry(kind, name, str(error)) from None
        return found

    def notes(self) -> tuple[str, ...]:
        """A sentence for each thing that it is made of and that is not the lab's."""
        found = [f"{kind} {name}" for kind, entries in self.added().items() for name in entries]
        if self.own_table:
            data = dataset_of(self.own_table)
            extent = f"{count(data.examples or 0, 'example')} of {count(data.features, 'feature')}"
            found.append(f"dataset {self.own_table} ({data.summary}: {extent} in {data.classes:,} classes)")
        return tuple(f"The {thing} is not the lab's own." for thing in found)

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: with it go the entries that are not the lab's."""
        values = {name: getattr(self, name) for name in FIELDS}
        if ADDED in self.__dict__:
            return values | {ADDED: self.__dict__[ADDED]}
        entries = self.added()
        try:
            return values | ({ADDED: added.pack(entries)} if entries else {})
        except added.AddedError as error:
            kind, names = next(iter(entries.items()))
            raise ExperimentError(kind, ", ".join(names), TRAVELS, str(error)) from error

    def __setstate__(self, state: dict[str, Any]) -> None:
        # It may be passed on, as a Dask scheduler does; where it comes from it takes the place of nothing.
        if ADDED in state and not added.unpack(state[ADDED]):
            del state[ADDED]
        self.__dict__.update(state)

    # --- text and back

    @property
    def key(self) -> str:
        """sha256 (hexadecimal) over the canonical settings that shape the training, and the engine's version."""
        trained = {name: getattr(self, name) for name, field in FIELDS.items() if not field.asked}
        fingerprints = self.fingerprints()
        also = {ADDED: fingerprints} if fingerprints else {}
        canonical = json.dumps({"engine": ENGINE_VERSION, **trained, **also}, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_params(self) -> dict[str, str]:
        """Link parameters in canonical text; what is at its default is left out."""
        values = ((field, getattr(self, field.name)) for field in FIELDS.values())
        return {field.name: field.write(value) for field, value in values if value != field.default}

    def to_query(self) -> str:
        """The parameters as the query of a link, without '?': 'activation=tanh&seeds=10'; '' for the default."""
        return "&".join(f"{name}={quote(text, safe=':,;=*')}" for name, text in self.to_params().items())

    @classmethod
    def from_params(cls, params: Mapping[str, object]) -> Self:
        """The experiment that link parameters describe; raises ExperimentError at the first wrong one."""
        experiment, errors = cls.read_params(params)
        if errors:
            raise errors[0]
        return experiment

    @classmethod
    def read_params(
        cls, params: Mapping[str, object], ignore: Iterable[str] = ()
    ) -> tuple[Self, tuple[ExperimentError, ...]]:
        """Lenient reading: wrong settings fall back to their defaults, each with its error.

        Args:
            params: values by setting, as text, as lists of text (repeated parameters) or as Python values.
            ignore: names that belong to somebody else, such as a page's own parameters.
        """
        _check_registries()
        errors: list[ExperimentError] = []
        values: dict[str, Any] = {}
        ignored = frozenset(ignore)
        for name, value in params.items():
            if name in ignored:
                continue
            try:
                field = _field(name, value)
                if field.name in values:
                    raise ExperimentError(name, value, "each setting once", f"says {field.name} a second time")
                values[field.name] = field.read(value)
            except ExperimentError as error:
                errors.append(error)
        while True:
            try:
                return cls(**values), tuple(errors)
            except ExperimentError as error:
                # Settings that are right alone but wrong together.
                if error.field not in values:  # an added scheme is refused as an initialiser, be it for the biases
                    raise
                errors.append(error)
                del values[error.field]

    def to_json(self) -> str:
        """All settings as a JSON object, defaults included."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The experiment in a JSON object of settings, or in an object that holds one under 'experiment'."""
        allowed = "a JSON object of settings"
        _check_document(text)
        try:
            document = json.loads(text, object_pairs_hook=_unique)
        except RecursionError:
            raise ExperimentError("experiment", text, allowed, "is nested too deeply") from None
        except json.JSONDecodeError as error:
            problem = f"is not JSON ({error.msg} at line {error.lineno}, column {error.colno})"
            raise ExperimentError("experiment", text, allowed, problem) from None
        except ExperimentError:
            raise
        except ValueError:
            raise ExperimentError("experiment", text, allowed, "holds a number of thousands of digits") from None
        if isinstance(document, dict):
            document = document.get("experiment", document)
        if not isinstance(document, dict):
            raise ExperimentError("experiment", text, allowed, "is not a JSON object")
        return cls.from_params(document)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The experiment in a query ('activation=tanh&seeds=10'), in a whole link, or in JSON text."""
        return cls.read_text(text)[0]

    @classmethod
    def read_text(cls, text: str) -> tuple[Self, tuple[str, ...]]:
        """As `from_text`, with the names of a whole link's parameters that are no settings.

        They say how a page shows a result. A bare query and JSON hold settings only.
        """
        _check_document(text)
        text = text.strip()
        if text[:1] in ("{", "["):
            return cls.from_json(text), ()
        link, mark, query = text.partition("#")[0].partition("?")
        params = _parse_query(query if mark or "://" in link else link)
        whole_link = "://" in link or (link and mark)
        foreign = tuple(name for name in params if whole_link and accepted(name, FIELDS, SETTINGS) is None)
        return cls.from_params({name: value for name, value in params.items() if name not in foreign}), foreign

    # --- runs

    def runs(self) -> tuple[Run, ...]:
        """All runs in order: the product of `VARIED`, then seeds fastest."""
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        combinations = itertools.product(*(getattr(self, name) for name in VARIED), seeds)
        return tuple(Run(number, *values) for number, values in enumerate(combinations))

    def run_number(self, number: int) -> Run:
        """The run of that number, without the others. Raises IndexError where there is none."""
        options = [*(getattr(self, name) for name in VARIED), range(self.first_seed, self.first_seed + self.seeds)]
        rest, values = number, []
        for own in reversed(options):
            rest, place = divmod(rest, len(own))
            values.append(own[place])
        if rest:
            raise IndexError(f"there is no run {number}")
        return Run(number, *reversed(values))

    def groups(self) -> tuple[str, ...]:
        """The labels of the groups (runs that differ in nothing but their seed), in run order."""
        return _groups(self)

    def label(self, run: Run) -> str:
        """The label of the run's group: the settings that vary in this experiment, joined by ' · '."""
        return label(vars(run), self.varying())

    def varying(self) -> list[str]:
        """The settings of which this experiment has several values, in the order of a label."""
        return [name for name in all_but() if len(getattr(self, name)) > 1]

    def record_epochs(self) -> tuple[int, ...]:
        """The epochs after which everything is recorded, ascending: always 0 and the last."""
        if self.record == "every":
            return tuple(range(self.epochs + 1))
        if self.record in ("log", "updates"):
            return tuple(sorted({0, *map(round, np.geomspace(1, self.epochs, LOG_POINTS).tolist())}))
        return tuple(int(point) for point in self.record.split(",") if not point.startswith("u"))

    def record_updates(self, updates_per_epoch: int) -> tuple[int, ...]:
        """The updates at which losses and accuracies are recorded, ascending: beside those that end recorded epochs.

        Those of record='updates' are each 1.4 times as far, up to epoch 2: from there on single epochs are as close.
        """
        whole = {epoch * updates_per_epoch for epoch in self.record_epochs()}
        end = self.epochs * updates_per_epoch
        if self.record == "updates":
            found = {round(updates_per_epoch * 2 ** (k / 2)) for k in range(-2 * updates_per_epoch.bit_length(), 2)}
        else:
            found = {int(point[1:]) for point in self.record.split(",") if point.startswith("u")}
        return tuple(sorted(update for update in found - whole if 0 < update < end))

    @property
    def own_table(self) -> str:
        """The one of its data sets that is somebody's own table; "" where none is."""
        return next(filter(datasets.is_own, self.dataset), "")

    def on(self, dataset: str) -> "Experiment":
        """The experiment on this one of its data sets alone; settings that only others have are at their defaults."""
        lacking = set(datasets.SETTINGS) - set(dataset_of(dataset).settings)
        return dataclasses.replace(self, dataset=(dataset,), **{name: FIELDS[name].default for name in lacking})

    def alone(self, run: Run) -> "Experiment":
        """The experiment of that one of its runs: trained by itself, its numbers are the same to the bit."""
        own: dict[str, Any] = {name: (getattr(run, name),) for name in VARIED}
        return dataclasses.replace(self.on(run.dataset), **own, seeds=1, first_seed=run.seed)

    def part_sizes(self, dataset: str) -> tuple[int, int]:
        """Examples in the training and in the test part of one of its data sets."""
        return dataset_of(dataset).part_sizes(self.samples, self.test_share)

    @property
    def untested(self) -> tuple[str, ...]:
        """Those of its data sets of which nothing is kept back for testing."""
        return tuple(name for name in self.dataset if not self.part_sizes(name)[1])

    @property
    def tested(self) -> bool:
        """Whether there is a test part, of any data set."""
        return len(self.untested) < len(self.dataset)

    @staticmethod
    def updates_per_epoch(train_examples: int, batch_size: int) -> int:
        """Weight updates in one pass over `train_examples`; a batch size of 0 is the whole training set."""
        return math.ceil(train_examples / batch_size) if batch_size else 1

    # --- cost

    def cost(self) -> Cost:
        """An estimate from the shapes alone; no data are loaded."""
        data = {name: dataset_of(name) for name in self.dataset}
        sizes = {name: self.part_sizes(name) for name in self.dataset}
        groups = math.prod(len(getattr(self, name)) for name in VARIED if name not in SHAPE)
        shapes = (
            dict(zip(SHAPE, shape, strict=True)) for shape in itertools.product(*(getattr(self, n) for n in SHAPE))
        )
        return estimate(
            [
                Load(
                    dataset=shape["dataset"],
                    widths=(data[shape["dataset"]].features, *shape["hidden"], data[shape["dataset"]].outputs),
                    groups=groups,
                    runs=groups * self.seeds,
                    batch=min(shape["batch_size"] or train, train),
                    train=train,
                    test=test,
                    probe=min(self.probe or train, train),
                    epochs=self.epochs,
                    updates=self.epochs * self.updates_per_epoch(train, shape["batch_size"]),
                    points=len(self.record_epochs()),
                    within=len(self.record_updates(self.updates_per_epoch(train, shape["batch_size"]))),
                    full=self.statistics == "full",
                    itemsize=np.dtype(self.dtype).itemsize,
                    slots=OPTIMISERS[shape["optimiser"].partition(":")[0]].slots,
                    work=ACTIVATIONS[shape["activation"]].work
                    + WIRED * shape["residual"]
                    + NORMALISED * (shape["normalisation"] == "layer"),
                )
                for shape in shapes
                for train, test in [sizes[shape["dataset"]]]
            ]
        )

    def check_limit(self, limit_seconds: float = math.inf, limit_bytes: float = math.inf) -> None:
        """Raises ExperimentError with the estimate and the command that runs it elsewhere, where it takes more."""
        cost = self.cost()
        elsewhere = f"here; make it smaller, or run it elsewhere: {self.command()}"
        extent = f"({count(cost.runs, 'run')}, {count(cost.updates, 'update')})"
        if cost.seconds > limit_seconds:
            allowed, problem = f"up to {duration(limit_seconds)} {elsewhere}", f"on one core {extent} is too long"
            raise ExperimentError("experiment", f"about {duration(cost.seconds)}", allowed, problem)
        if cost.bytes > limit_bytes:
            allowed, problem = f"up to {size(limit_bytes)} {elsewhere}", f"of memory {extent} is too much"
            raise ExperimentError("experiment", f"about {size(cost.bytes)}", allowed, problem)

    def written(self) -> dict[str, str]:
        """All settings as text, by name, as a link or a file has them."""
        return {name: field.write(getattr(self, name)) for name, field in FIELDS.items()}

    def in_words(self) -> str:
        """What is run: '2 activation functions × 3 initialisers × 5 seeds, 30 epochs on digits'."""
        counted = {
            "hidden": "networks",  # what its label counts are layers
            "residual": "choices of residual connections",
            "normalisation": "choices of normalisation",
        }
        varied = [
            f"{len(getattr(self, name))} {counted.get(name, FIELDS[name].label.lower())}" for name in self.varying()
        ]
        each = " × ".join([*varied, count(self.seeds, "seed")])
        return f"{each}, {count(self.epochs, 'epoch')} on {listed(self.dataset)}"

    def command(self) -> str:
        """The command that runs this experiment without a browser, and gives a zip that opens in one."""
        table = " --data FILE" if self.own_table else ""
        return f'python -m core run "{self.to_query()}"{table} --out results/ --zip result.zip'


FIELDS: dict[str, Field] = {
    f.name: dataclasses.replace(f.metadata["description"], name=f.name) for f in dataclasses.fields(Experiment)
}
"""Every setting by name, in the order of the form and of the link."""


@lru_cache(maxsize=32)  # a page asks for them ten times, and there may be thousands
def _groups(experiment: Experiment) -> tuple[str, ...]:
    firsts = itertools.product(*(getattr(experiment, name) for name in VARIED), [experiment.first_seed])
    return tuple(experiment.label(Run(0, *values)) for values in firsts)


def label(values: Mapping[Any, Any], settings: Sequence[str]) -> str:
    """These settings of a Run or of a row of a table, joined by ' · '; those of `NAMING` where there are none."""
    written = ((FIELDS[name], values[name]) for name in settings or NAMING)
    texts = ((f, value if isinstance(value, str) else f.kind.format(value)) for f, value in written)
    return " · ".join(f.labels.get(text, f.prefix + starts.brief(text)) for f, text in texts)


def _field(name: str, value: object) -> Field:
    found = accepted(name, FIELDS, SETTINGS)
    if found is None:
        meant = suggested(name, FIELDS, SETTINGS)
        problem = f"belongs to no known setting{meant.remark}"
        raise ExperimentError(name, value, ", ".join(FIELDS), problem, meant.ours)
    return FIELDS[found]


def _check_document(text: str) -> None:
    if len(text) > MAX_DOCUMENT:
        allowed = f"at most {MAX_DOCUMENT:,} characters"
        raise ExperimentError("experiment", text, allowed, f"takes {len(text):,} characters")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object's members; raises ExperimentError where a name stands twice."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        name = next(name for name in names if names.count(name) > 1)
        values = [value for key, value in pairs if key == name]
        raise ExperimentError(name, values, "each setting once", "is given twice")
    return members


def _parse_query(query: str) -> dict[str, object]:
    """Values by name; a repeated parameter gives the list of its texts."""
    for part in query.split("&"):
        if part and "=" not in part:
            allowed = "settings such as activation=tanh&seeds=10, a dashboard link, or JSON text"
            raise ExperimentError("experiment", part, allowed, "is not a setting with its value")
    params = parse_qs(query, keep_blank_values=True)
    return {name: texts if len(texts) > 1 else texts[0] for name, texts in params.items()}


def _refused_entry(kind: str, name: str, problem: str) -> ExperimentError:
    return ExperimentError(kind, name, f"what core.registries says of {kind} entries", problem)


def _check_registries() -> None:
    for kind, name, problem in added.mistyped():
        raise _refused_entry(kind, name, problem)


def _have_one_own_table(names: tuple[str, ...]) -> None:
    if sum(map(datasets.is_own, names)) > 1:
        allowed = "one table of somebody's own, beside any of the lab's data sets"
        raise ExperimentError("dataset", names, allowed, "holds several tables of somebody's own")


def _keep_defaults_of_data(values: Mapping[str, Any]) -> None:
    names = values["dataset"]
    used = {setting for name in names for setting in dataset_of(name).settings}
    for setting in datasets.SETTINGS:
        field, value = FIELDS[setting], values[setting]
        if setting in used or value == field.default or (setting == "test_share" and value == 0):
            continue
        none = "0 or " if setting == "test_share" else ""
        others = ", ".join(other for other in DATASETS if setting in DATASETS[other].settings)
        allowed = f"{none}{field.write(field.default)} with {listed(names)} (others: {others})"
        raise ExperimentError(setting, value, allowed, f"has no effect on {listed(names)}")


def _have_a_test_part(values: Mapping[str, Any]) -> None:
    parts = {name: dataset_of(name).part_sizes(values["samples"], values["test_share"]) for name in values["dataset"]}
    without = [name for name, (_, test) in parts.items() if not test]
    if values["target"].startswith("test") and without:
        allowed = "train_accuracy or train_loss where nothing is kept back for testing"
        where = f" on {listed(without)}" if len(parts) > 1 else ""
        raise ExperimentError("target", values["target"], allowed, f"cannot be reached{where} without a test part")


def _numbers(given: tuple[float | str, ...], functions: tuple[str, ...]) -> tuple[float | str, ...]:
    """The gains, with a function for rules that have none: that of the experiment, if it has one only."""
    for gain in given:
        if isinstance(gain, str) and len(functions) > 1:
            allowed = ", ".join(f"{gain}:{function}" for function in functions)
            raise ExperimentError("gain", gain, allowed, "needs the name of a function, as there are several here")
    return tuple(f"{gain}:{functions[0]}" if isinstance(gain, str) else gain for gain in given)


def _fit_layers(values: Mapping[str, Any]) -> None:
    for name in ("initialiser", "bias_initialiser"):
        for start, hidden in itertools.product(values[name], values["hidden"]):
            listed, layers = starts.listed(start), len(hidden) + 1
            if listed not in (0, layers):
                network = FIELDS["hidden"].kind.format(hidden)
                allowed = f"one scheme for each of its {count(layers, 'layer')}, the output layer included"
                problem = f"is for {count(listed, 'layer')}, and the network {network} has {layers}"
                raise ExperimentError(name, start, allowed, problem)


def _fit_biases(values: Mapping[str, Any]) -> None:
    given = values["bias_initialiser"]
    if not values["bias"] and given != FIELDS["bias_initialiser"].default:
        raise ExperimentError("bias_initialiser", given, "zeros where bias is false", "draws biases of units without")
    if starts.LIKE_WEIGHTS in given:
        for start in values["initialiser"]:
            for part in starts.parts(start):
                if not part.scheme.independent:
                    allowed = f"weights with {', '.join(starts.FOR_BIASES)}"
                    problem = f"cannot draw biases as {part.scheme.name} draws weights, of which none is by itself"
                    raise ExperimentError("bias_initialiser", starts.LIKE_WEIGHTS, allowed, problem)


def _complete_record(record: str, epochs: int) -> str:
    """`record` with the first and the last epoch in its list."""
    if record in FIELDS["record"].kind.choices:
        return record
    points = record.split(",")
    updates = [point for point in points if point.startswith("u")]
    recorded = {0, *(int(point) for point in points if point not in updates), epochs}
    if max(recorded) > epochs:
        allowed = f"log, every, or epochs from 0 to {epochs:,}, the last"
        raise ExperimentError("record", record, allowed, f"holds {max(recorded):,}, after the last epoch")
    return ",".join([*updates, *map(str, sorted(recorded))])


def _limit_runs(values: Mapping[str, Any]) -> None:
    counts = {name: len(values[name]) for name in VARIED} | {"seeds": values["seeds"]}
    runs = math.prod(counts.values())
    if runs > MAX_RUNS:
        largest = max(counts, key=lambda name: counts[name])
        allowed = f"at most {MAX_RUNS:,} runs in one experiment"
        raise ExperimentError(largest, values[largest], allowed, f"makes {runs:,} runs")
