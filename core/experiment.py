"""What to train and measure, as plain values: the frozen `Experiment` and everything said about its settings.

Each setting is described once, beside its default, in the class `Experiment`: `FIELDS` collects these
descriptions, and validation, the link, JSON and the form all read them. A new setting is one entry there.
The runs of an experiment are the Cartesian product of its plural settings and its seeds.
"""

import dataclasses
import difflib
import functools
import hashlib
import itertools
import json
import math
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Self
from urllib.parse import quote, unquote_plus

import numpy as np

from core.activations import ACTIVATIONS
from core.datasets import (
    DATASETS,
    MAX_NOISE,
    MAX_SAMPLES,
    MAX_TEST_SHARE,
    MIN_NOISE,
    MIN_SAMPLES,
    MIN_TEST_SHARE,
    SCALINGS,
)
from core.initialisers import INITIALISERS
from core.initialisers import canonical as canonical_initialiser
from core.losses import LOSSES
from core.optimisers import OPTIMISERS

ENGINE_VERSION = "1"
"""Part of every experiment's key: raise it whenever the same settings come to give other numbers."""

MAX_TEXT = 2_000
"""Characters in one setting, written as text."""
MAX_DOCUMENT = 100_000
"""Characters in a whole link or JSON text."""
MAX_RUNS = 100_000
"""Runs in one experiment."""
MAX_LAYERS = 50
MAX_WIDTH = 2_000
MAX_EPOCHS = 10_000
MAX_SEED = 1_000_000_000
LOG_POINTS = 15
"""Recorded points after epoch 0 that record='log' aims for; those that fall on one epoch are recorded once."""
MAX_DECAY = 0.9999
"""Largest argument of an optimiser: at 1 it would never forget its first gradient."""
TARGETS: dict[str, float] = {"train_accuracy": 1.0, "test_accuracy": 1.0, "train_loss": 1e6, "test_loss": 1e6}
"""Measures that a target may be set for, with the largest value: at least an accuracy, at most a loss."""
STATISTICS = ("full", "standard")
DTYPES = ("float32", "float64")

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def shorten(value: object, length: int = 60) -> str:
    """`value` as one line of printable text of about `length` characters at most; strings stand in quotes."""
    if isinstance(value, str):
        text, quote_mark = value[: length + 1], "'"
    else:
        quote_mark = ""
        try:
            text = reprlib.repr(value)
        except ValueError:  # Python refuses to write out whole numbers of thousands of digits
            text = "a number of thousands of digits"
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    if len(text) > length:
        text = text[: length - 1] + "…"
    return f"{quote_mark}{text}{quote_mark}"


def duration(seconds: float) -> str:
    """A time in words, of two parts at most: '0.4 s', '12 s', '3 min 20 s', '5 h', '3 days 4 h'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    units = (("days", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    first = next(place for place, (_, length) in enumerate(units) if whole >= length)
    parts = []
    for name, length in units[first : first + 2]:
        count, whole = divmod(whole, length)
        parts += [f"{count:,} {name}"] if count else []
    return " ".join(parts)


class ExperimentError(ValueError):
    """A wrong setting: `str()` is one line of plain text naming field, value, what is allowed and the nearest name.

    Attributes:
        field: name of the setting (as the user gave it, where it is unknown); 'experiment' for the whole.
        value: the value as given.
        allowed: what is allowed, in words.
        problem: what is wrong with the value, continuing "<value> ...".
        nearest: the valid name most like the one given, or "".
    """

    def __init__(self, field: str, value: object, allowed: str, problem: str = "is not valid", nearest: str = ""):
        super().__init__(field, value, allowed, problem, nearest)
        self.field, self.value, self.allowed, self.problem, self.nearest = field, value, allowed, problem, nearest

    def __str__(self) -> str:
        name = self.field if self.field in FIELDS else shorten(self.field).strip("'")
        hint = f"; did you mean '{self.nearest}'?" if self.nearest else ""
        return f"{name}: {shorten(self.value)} {self.problem}; allowed: {self.allowed}{hint}"


class _RefusedError(Exception):
    """A kind's refusal of one value: (problem, nearest valid name or "")."""


def _nearest(text: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(text[:60].strip().lower(), list(names), n=1)
    return found[0] if found else ""


def _number_text(value: float) -> str:
    """Shortest text that reads back as `value`: 0.1, 1, 1e-5; never a '+', which a link would turn into a space."""
    return repr(value).removesuffix(".0").replace("e+", "e").replace("e-0", "e-")


def _split(value: object) -> Sequence[object]:
    """The items of a plural setting: 'a,b', a list, a tuple or an array, or one bare item."""
    if isinstance(value, str):
        return value.split(",")
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, bytes | bytearray):
        return list(value)
    return [value]


@dataclass(frozen=True)
class Kind:
    """How one value of a setting is read, written and offered.

    Attributes:
        control: what a form offers: choice, whole, number, switch or text.
        parse: text or Python value -> the normalised value; raises `_RefusedError`.
        format: the normalised value -> text that `parse` reads back.
        allowed: what is allowed, in words.
        choices: valid names (choice), or names that may be followed by ':argument' (text).
        low, high: limits, both allowed (whole, number).
        words: special values by the word that stands for them in text, such as {'full': 0}.
        split: a plural setting's value -> its items.
    """

    control: str
    parse: Callable[[object], Any]
    format: Callable[[Any], str]
    allowed: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    words: Mapping[str, int] = dataclasses.field(default_factory=dict)
    split: Callable[[object], Sequence[object]] = _split


@dataclass(frozen=True)
class Field:
    """One setting of an experiment, for the codec, for validation and for a form.

    Attributes:
        name: attribute, link parameter, JSON key and table column.
        label, help, unit: what a form shows.
        section: heading of the form that the setting stands under.
        kind: how one value is read, written and offered.
        default: normalised default.
        plural: whether several values are allowed; the value is then a tuple.
        synthetic_only: whether it must keep its default with real data.
        prefix: what stands before the value in a group's label.
    """

    name: str
    label: str
    help: str
    unit: str
    section: str
    kind: Kind
    default: Any
    plural: bool
    synthetic_only: bool
    prefix: str

    def read(self, value: object) -> Any:
        """The normalised form of a text or Python value; raises ExperimentError."""
        self._check_length(value, value)
        if not self.plural:
            return self._item(value)
        items = tuple(self._item(item) for item in self.kind.split(value))
        if not items:
            raise ExperimentError(self.name, value, self.kind.allowed, "is empty")
        seen = set()
        for item in items:
            if item in seen:
                raise ExperimentError(
                    self.name, value, f"each value once; {self.kind.allowed}", f"holds {self.kind.format(item)} twice"
                )
            seen.add(item)
        return items

    def write(self, value: Any) -> str:
        """The canonical text of a normalised value: what a link carries."""
        return ",".join(map(self.kind.format, value)) if self.plural else self.kind.format(value)

    def check_written(self, value: Any) -> None:
        """Raises ExperimentError where a normalised value is too long to be carried as text."""
        self._check_length(self.write(value), value)

    def _check_length(self, text: object, value: object) -> None:
        if isinstance(text, str) and len(text) > MAX_TEXT:
            raise ExperimentError(
                self.name, value, f"at most {MAX_TEXT:,} characters", f"takes {len(text):,} characters"
            )

    def _item(self, value: object) -> Any:
        if isinstance(value, str):
            self._check_length(value, value)
            value = value.strip()
            if not value:
                raise ExperimentError(self.name, value, self.kind.allowed, "is empty")
        try:
            return self.kind.parse(value)
        except _RefusedError as refusal:
            problem, nearest = refusal.args
            raise ExperimentError(self.name, value, self.kind.allowed, problem, nearest) from None


def _choice(names: Iterable[str]) -> Kind:
    choices = tuple(names)

    def parse(value: object) -> str:
        if not isinstance(value, str):
            raise _RefusedError("is not a name", "")
        if value not in choices:
            raise _RefusedError("is not a known name", _nearest(value, choices))
        return value

    return Kind("choice", parse, str, ", ".join(choices), choices)


def _whole(low: int, high: int, words: Mapping[str, int] | None = None) -> Kind:
    words = words or {}
    texts = {number: word for word, number in words.items()}

    def parse(value: object) -> int:
        if isinstance(value, str):
            if value in words:
                return words[value]
            if not _WHOLE.fullmatch(value):
                raise _RefusedError("is not a whole number", _nearest(value, words))
            value = int(value)
        if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
            raise _RefusedError("is not a whole number", "")
        number = int(value)
        if not low <= number <= high and number not in texts:
            raise _RefusedError("is out of range", "")
        return number

    allowed = " or ".join([f"a whole number from {low:,} to {high:,}", *(f"'{word}'" for word in words)])
    return Kind("whole", parse, lambda v: texts.get(v, str(v)), allowed, low=low, high=high, words=words)


def _as_number(value: object) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise _RefusedError("is not a number", "")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _RefusedError("is not a finite number", "")
    return number + 0.0  # -0.0 and 0.0 are one value


def _number(low: float, high: float) -> Kind:
    def parse(value: object) -> float:
        number = _as_number(value)
        if not low <= number <= high:
            raise _RefusedError("is out of range", "")
        return number

    return Kind("number", parse, _number_text, f"a number from {_number_text(low)} to {high:,g}", low=low, high=high)


def _switch() -> Kind:
    texts = {"true": True, "false": False}

    def parse(value: object) -> bool:
        if isinstance(value, str) and value in texts:
            return texts[value]
        if not isinstance(value, bool | np.bool_):
            raise _RefusedError("is neither true nor false", "")
        return bool(value)

    return Kind("switch", parse, lambda v: "true" if v else "false", "true, false", tuple(texts))


def _layers() -> Kind:
    width = _whole(1, MAX_WIDTH)

    def parse(value: object) -> tuple[int, ...]:
        if isinstance(value, str):
            value = [] if value == "none" else value.split("-")
        elif isinstance(value, Integral):
            value = [value]
        if not isinstance(value, Sequence | np.ndarray) or isinstance(value, bytes | bytearray):
            raise _RefusedError("is not a list of layer widths", "")
        if len(value) > MAX_LAYERS:
            raise _RefusedError(f"has {len(value):,} layers", "")
        return tuple(width.parse(item) for item in value)

    def split(value: object) -> Sequence[object]:
        items = _split(value)
        flat = not isinstance(value, str) and bool(items) and all(isinstance(item, Integral) for item in items)
        return [items] if flat else items

    allowed = f"up to {MAX_LAYERS} widths of 1 to {MAX_WIDTH:,} units joined by '-', such as 64-64-64, or 'none'"
    return Kind("text", parse, lambda v: "-".join(map(str, v)) or "none", allowed, ("none",), split=split)


def _points() -> Kind:
    names = ("log", "every")
    epoch = _whole(0, MAX_EPOCHS)

    def parse(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        items = _split(value)
        if not items:
            raise _RefusedError("is empty", "")
        if isinstance(value, str) and not value[:1].isdigit():
            raise _RefusedError("is not a known name", _nearest(value, names))
        points = {epoch.parse(item.strip() if isinstance(item, str) else item) for item in items}
        return ",".join(map(str, sorted(points)))

    return Kind("text", parse, str, "log, every, or epochs such as 0,1,5,20", names)


def _named(name: str, text: str, low: float, high: float) -> float:
    """The number after the colon of 'name:number'."""
    try:
        number = _as_number(text)
    except _RefusedError:
        raise _RefusedError(f"does not end in a number, as {name}:{_number_text(high)} does", "") from None
    if not low <= number <= high:
        raise _RefusedError(f"is out of range, {_number_text(low)} to {_number_text(high)} for {name}", "")
    return number


def _update_rule() -> Kind:
    """An optimiser, with its argument where that is not the default."""

    def parse(value: object) -> str:
        name, colon, given = _name_and_argument(value, OPTIMISERS)
        default = OPTIMISERS[name].argument
        if not colon:
            return name
        if default is None:
            raise _RefusedError("has an argument, but takes none", name)
        number = _named(name, given, 0.0, MAX_DECAY)
        return name if number == default else f"{name}:{_number_text(number)}"

    allowed = ", ".join(
        name if optimiser.argument is None else f"{name} or {name}:0 to {MAX_DECAY}"
        for name, optimiser in OPTIMISERS.items()
    )
    return Kind("text", parse, str, allowed, tuple(OPTIMISERS))


def _goal() -> Kind:
    """A measure and the value it has to reach."""

    def parse(value: object) -> str:
        name, _, given = _name_and_argument(value, TARGETS)
        return f"{name}:{_number_text(_named(name, given, 0.0, TARGETS[name]))}"

    allowed = ", ".join(f"{name}:0 to {_number_text(high)}" for name, high in TARGETS.items())
    return Kind("text", parse, str, allowed, tuple(TARGETS))


def _scheme() -> Kind:
    """An initialiser, with its argument stated."""

    def parse(value: object) -> str:
        name, _, _ = _name_and_argument(value, INITIALISERS)
        try:
            return canonical_initialiser(str(value))
        except ValueError:
            argument = INITIALISERS[name].argument
            takes = "no argument" if argument is None else f"{name}:{argument.name}, {argument.allowed}"
            raise _RefusedError(f"is not valid, as {name} takes {takes}", "") from None

    return Kind("text", parse, str, ", ".join(INITIALISERS), tuple(INITIALISERS))


def _name_and_argument(value: object, names: Iterable[str]) -> tuple[str, str, str]:
    """Name, colon and argument of a text; the name is a known one."""
    if not isinstance(value, str):
        raise _RefusedError("is not a name", "")
    name, colon, argument = value.partition(":")
    if name not in names:
        raise _RefusedError("is not a known name", _nearest(name, names))
    return name, colon, argument.strip()


def _setting(
    default: Any,
    kind: Kind,
    section: str,
    label: str,
    help: str,
    unit: str = "",
    plural: bool = False,
    synthetic_only: bool = False,
    prefix: str = "",
) -> Any:
    """A dataclass field that carries its own description; see `Field`."""
    description = functools.partial(
        Field, label=label, help=help, unit=unit, section=section, kind=kind, default=default, plural=plural,
        synthetic_only=synthetic_only, prefix=prefix,
    )  # fmt: skip
    return dataclasses.field(default=default, metadata={"description": description})


@dataclass(frozen=True)
class Run:
    """One training of one network: `run` is its number within the experiment, from 0."""

    run: int
    hidden: tuple[int, ...]
    batch_size: int
    activation: str
    initialiser: str
    gain: float
    learning_rate: float
    seed: int


VARIED = ("hidden", "batch_size", "activation", "initialiser", "gain", "learning_rate")
"""The plural settings in the order of the product, slowest first; seeds go fastest."""
_LABELLED = ("activation", "initialiser", "hidden", "batch_size", "gain", "learning_rate")


@dataclass(frozen=True)
class Cost:
    """What an experiment takes, estimated from the shapes alone.

    Attributes:
        runs: networks trained.
        updates: weight updates, summed over the runs.
        parameters: weights and biases, summed over the runs.
        flops: floating-point operations of training and statistics together.
        seconds: time on one processor core.
        bytes: peak memory of data, one chunk of runs and the tables (beyond the interpreter's own).
    """

    runs: int
    updates: int
    parameters: int
    flops: float
    seconds: float
    bytes: int

    def __str__(self) -> str:
        return f"about {duration(self.seconds)} on one core ({self.runs:,} runs, {self.updates:,} updates)"


@dataclass(frozen=True)
class Experiment:
    """What to train and measure. Immutable; every value is checked and normalised when it is made.

    Plural settings accept one value, a list or text ('logistic,tanh'), and are tuples afterwards; numbers
    may come as text. Raises ExperimentError for anything else.
    """

    # fmt: off
    dataset: str = _setting(
        "digits", _choice(DATASETS), "Data", "Data set", "What the networks learn to classify.",
    )
    samples: int = _setting(
        400, _whole(MIN_SAMPLES, MAX_SAMPLES), "Data", "Examples",
        "How many examples a synthetic data set has.", unit="examples", synthetic_only=True,
    )
    noise: float = _setting(
        0.1, _number(MIN_NOISE, MAX_NOISE), "Data", "Noise",
        "Standard deviation of the noise added to a synthetic data set.", synthetic_only=True,
    )
    scaling: str = _setting(
        "standardised", _choice(SCALINGS), "Data", "Input scaling",
        "Standardised inputs have mean 0 and both signs. Unit-interval inputs are never negative, which ties the signs "
        "of the first layer's gradients.",
    )
    test_share: float = _setting(
        0.2, _number(MIN_TEST_SHARE, MAX_TEST_SHARE), "Data", "Test share",
        "Share of the examples kept back for testing.", unit="share",
    )
    data_seed: int = _setting(
        0, _whole(0, MAX_SEED), "Data", "Data seed", "Seed of the synthetic data and of the train/test split.",
    )
    activation: tuple[str, ...] = _setting(
        ("logistic", "tanh"), _choice(ACTIVATIONS), "Network", "Activation functions",
        "Activation functions of the hidden layers, to be compared.", plural=True,
    )
    initialiser: tuple[str, ...] = _setting(
        ("normal:0.01", "normal:1", "glorot_uniform"), _scheme(), "Network", "Initialisers",
        "Schemes that draw the initial weights, as name or name:argument. normal:0.01 is a normal distribution with "
        "standard deviation 0.01.", plural=True,
    )
    gain: tuple[float, ...] = _setting(
        (1.0,), _number(1e-9, 100.0), "Network", "Gains",
        "Factors on the initial weights.", plural=True, prefix="gain ",
    )
    hidden: tuple[tuple[int, ...], ...] = _setting(
        ((64, 64, 64),), _layers(), "Network", "Hidden layers",
        "Widths of the hidden layers joined by '-', input side first; several networks separated by commas.",
        unit="units", plural=True,
    )
    bias: bool = _setting(
        True, _switch(), "Network", "Biases", "Whether the units have biases, which start at 0.",
    )
    loss: str = _setting(
        "cross_entropy", _choice(LOSSES), "Training", "Loss",
        "Cross-entropy, or the squared error of logistic outputs as was usual in the lecture's era.",
    )
    optimiser: str = _setting(
        "sgd", _update_rule(), "Training", "Optimiser", "Update rule, as name or name:argument, such as momentum:0.9.",
    )
    learning_rate: tuple[float, ...] = _setting(
        (0.1,), _number(1e-9, 1e3), "Training", "Learning rates",
        "Several make a grid: a fair comparison lets each initialiser have its best rate.", plural=True, prefix="rate ",
    )
    batch_size: tuple[int, ...] = _setting(
        (32,), _whole(1, 100_000, {"full": 0}), "Training", "Batch sizes",
        "Examples per weight update; 'full' is the whole training set.", unit="examples", plural=True, prefix="batch ",
    )
    epochs: int = _setting(
        40, _whole(1, MAX_EPOCHS), "Training", "Epochs", "Passes over the training set.", unit="epochs",
    )
    seeds: int = _setting(
        5, _whole(1, 10_000), "Training", "Seeds",
        "How many times each setting is trained, from different initial weights: the spread shows chance.",
    )
    first_seed: int = _setting(
        0, _whole(0, MAX_SEED), "Training", "First seed", "Seed of the first repetition; the others follow it.",
    )
    record: str = _setting(
        "log", _points(), "Measurement", "Recorded epochs",
        "When to measure: 'log' is dense at first and sparse later, 'every' is each epoch, or a list such as 0,1,5,20. "
        "Start and end are always recorded.", unit="epochs",
    )
    target: str = _setting(
        "train_accuracy:0.9", _goal(), "Measurement", "Target",
        "A run has converged once it reaches this, as measure:value.",
    )
    saturation_threshold: float = _setting(
        0.05, _number(1e-6, 1.0), "Measurement", "Saturation threshold",
        "A unit is saturated where its slope is below this share of the activation function's largest.", unit="share",
    )
    statistics: str = _setting(
        "full", _choice(STATISTICS), "Measurement", "Statistics",
        "Full adds the gradient signs and the paths of the weights, which take longer.",
    )
    probe: int = _setting(
        256, _whole(1, 100_000, {"all": 0}), "Measurement", "Probe",
        "Training examples that the layers are measured on; 'all' is the whole training set.", unit="examples",
    )
    dtype: str = _setting(
        "float32", _choice(DTYPES), "Measurement", "Precision", "float64 is the reference and takes twice the time.",
    )
    # fmt: on

    def __post_init__(self) -> None:
        values = {name: field.read(getattr(self, name)) for name, field in FIELDS.items()}
        for rule in _RULES:
            rule(values)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    # --- text and back -------------------------------------------------------------------------

    @property
    def key(self) -> str:
        """sha256 (hexadecimal) over the canonical settings and the engine's version."""
        canonical = json.dumps({"engine": ENGINE_VERSION, **dataclasses.asdict(self)}, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_params(self) -> dict[str, str]:
        """Link parameters in canonical text; what is at its default is left out."""
        values = {name: getattr(self, name) for name in FIELDS}
        return {name: FIELDS[name].write(value) for name, value in values.items() if value != FIELDS[name].default}

    def to_query(self) -> str:
        """The parameters as the query of a link, without '?': 'activation=tanh&seeds=10'; '' for the default."""
        return "&".join(f"{name}={quote(text, safe=':,')}" for name, text in self.to_params().items())

    @classmethod
    def from_params(cls, params: Mapping[str, object], ignore: Iterable[str] = ()) -> Self:
        """The experiment that link parameters describe; raises ExperimentError at the first wrong one."""
        experiment, errors = cls.read_params(params, ignore)
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
        errors: list[ExperimentError] = []
        values: dict[str, Any] = {}
        ignored = frozenset(ignore)
        for name, value in params.items():
            if name in ignored:
                continue
            try:
                values[name] = _field(name, value).read(value)
            except ExperimentError as error:
                errors.append(error)
        while True:
            try:
                return cls(**values), tuple(errors)
            except ExperimentError as error:
                # Settings that are right alone but wrong together: a rule names one that is not at its default.
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
    def from_text(cls, text: str, ignore: Iterable[str] = ()) -> Self:
        """The experiment in a query ('activation=tanh&seeds=10'), in a whole link, or in JSON text; see `read_text`."""
        return cls.read_text(text, ignore)[0]

    @classmethod
    def read_text(cls, text: str, ignore: Iterable[str] = ()) -> tuple[Self, tuple[str, ...]]:
        """As `from_text`, with the names of a whole link's parameters that are no settings.

        They say how a page shows a result. A bare query and JSON hold settings only, but for the names in `ignore`.
        """
        _check_document(text)
        text = text.strip()
        if text[:1] in ("{", "["):
            return cls.from_json(text), ()
        link, mark, query = text.partition("#")[0].partition("?")
        params = _parse_query(query if mark or "://" in link else link)
        foreign = tuple(name for name in params if name not in FIELDS) if "://" in link or (link and mark) else ()
        return cls.from_params(params, {*ignore, *foreign}), foreign

    # --- runs ----------------------------------------------------------------------------------

    def _combinations(self) -> Iterable[tuple[Any, ...]]:
        return itertools.product(*(getattr(self, name) for name in VARIED))

    def runs(self) -> tuple[Run, ...]:
        """All runs in order: the product of `VARIED`, then seeds fastest."""
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        return tuple(
            Run(run=number, seed=seed, **dict(zip(VARIED, values, strict=True)))
            for number, (values, seed) in enumerate(itertools.product(self._combinations(), seeds))
        )

    def groups(self) -> tuple[str, ...]:
        """The labels of the groups (runs that differ in nothing but their seed), in run order."""
        return tuple(self._label(dict(zip(VARIED, values, strict=True))) for values in self._combinations())

    def label(self, run: Run) -> str:
        """The label of the run's group: the settings that vary in this experiment, joined by ' · '."""
        return self._label({name: getattr(run, name) for name in VARIED})

    def _label(self, values: Mapping[str, Any]) -> str:
        varying = [name for name in _LABELLED if len(getattr(self, name)) > 1] or ["activation", "initialiser"]
        return " · ".join(FIELDS[name].prefix + FIELDS[name].kind.format(values[name]) for name in varying)

    def record_epochs(self) -> tuple[int, ...]:
        """The epochs that are recorded, ascending: always 0 and the last."""
        if self.record == "every":
            return tuple(range(self.epochs + 1))
        if self.record == "log":
            spaced = np.geomspace(1, self.epochs, LOG_POINTS)
            return tuple(sorted({0, *(int(epoch) for epoch in np.rint(spaced))}))
        return tuple(map(int, self.record.split(",")))

    @staticmethod
    def updates_per_epoch(train_examples: int, batch_size: int) -> int:
        """Weight updates in one pass over `train_examples`; a batch size of 0 is the whole training set."""
        return math.ceil(train_examples / batch_size) if batch_size else 1

    # --- cost ----------------------------------------------------------------------------------

    def cost(self) -> Cost:
        """An estimate from the shapes alone; no data are loaded."""
        dataset = DATASETS[self.dataset]
        examples = self.samples if dataset.examples is None else dataset.examples
        train = examples - round(examples * self.test_share)
        outputs = 1 if dataset.classes == 2 else dataset.classes
        groups = len(self.initialiser) * len(self.gain) * len(self.learning_rate)
        loads = [
            Load(
                widths=(dataset.features, *hidden, outputs),
                groups=groups,
                runs=groups * self.seeds,
                batch=min(batch_size or train, train),
                train=train,
                test=examples - train,
                probe=min(self.probe or train, train),
                epochs=self.epochs,
                points=len(self.record_epochs()),
                full=self.statistics == "full",
                itemsize=np.dtype(self.dtype).itemsize,
            )
            for hidden, batch_size, _ in itertools.product(self.hidden, self.batch_size, self.activation)
        ]
        data = examples * dataset.features * (8 + np.dtype(self.dtype).itemsize)
        return Cost(
            runs=sum(load.runs for load in loads),
            updates=sum(load.runs * load.updates for load in loads),
            parameters=sum(load.runs * load.parameters for load in loads),
            flops=sum(load.flops for load in loads),
            seconds=sum(predict_seconds(load) for load in loads),
            bytes=data + max(load.chunk * load.run_bytes for load in loads) + sum(load.table_bytes for load in loads),
        )

    def check_limit(self, limit_seconds: float) -> None:
        """Raises ExperimentError with the estimate and the command that runs it elsewhere, where it takes longer."""
        cost = self.cost()
        if cost.seconds > limit_seconds:
            allowed = f"up to {duration(limit_seconds)} here; make it smaller, or run it elsewhere: {self.command()}"
            problem = f"on one core ({cost.runs:,} runs, {cost.updates:,} updates) is too long"
            raise ExperimentError("experiment", f"about {duration(cost.seconds)}", allowed, problem)

    def command(self) -> str:
        """The command that runs this experiment without a browser."""
        return f'python -m core run "{self.to_query()}" --out results/'


FIELDS: dict[str, Field] = {f.name: f.metadata["description"](name=f.name) for f in dataclasses.fields(Experiment)}
"""Every setting by name, in the order of the form and of the link."""


def _field(name: str, value: object) -> Field:
    if name not in FIELDS:
        nearest = _nearest(str(name), FIELDS)
        raise ExperimentError(str(name), value, ", ".join(FIELDS), "belongs to no known setting", nearest)
    return FIELDS[name]


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
    params: dict[str, list[str]] = {}
    for part in filter(None, query.split("&")):
        name, equals, value = part.partition("=")
        if not equals:
            allowed = "settings such as activation=tanh&seeds=10, a dashboard link, or JSON text"
            raise ExperimentError("experiment", part, allowed, "is not a setting with its value")
        params.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return {name: values[0] if len(values) == 1 else values for name, values in params.items()}


# Rules about settings together. Each sees the normalised values and may complete them; where it raises, it
# names a setting that is not at its default.


def _keep_defaults_on_real_data(values: dict[str, Any]) -> None:
    dataset = values["dataset"]
    if DATASETS[dataset].synthetic:
        return
    for name, field in FIELDS.items():
        if field.synthetic_only and values[name] != field.default:
            synthetic = ", ".join(d for d in DATASETS if DATASETS[d].synthetic)
            allowed = f"{field.write(field.default)} with {dataset}, which is real data (synthetic: {synthetic})"
            raise ExperimentError(name, values[name], allowed, "has no effect on real data")


def _complete_record(values: dict[str, Any]) -> None:
    record, epochs = values["record"], values["epochs"]
    if record in FIELDS["record"].kind.choices:
        return
    points = {0, *map(int, record.split(",")), epochs}
    if max(points) > epochs:
        allowed = f"log, every, or epochs from 0 to {epochs:,}, the last"
        raise ExperimentError("record", record, allowed, f"holds {max(points):,}, after the last epoch")
    values["record"] = ",".join(map(str, sorted(points)))


def _limit_runs(values: dict[str, Any]) -> None:
    counts = {name: len(values[name]) for name in VARIED} | {"seeds": values["seeds"]}
    runs = math.prod(counts.values())
    if runs > MAX_RUNS:
        largest = max(counts, key=lambda name: counts[name])
        allowed = f"at most {MAX_RUNS:,} runs in one experiment"
        raise ExperimentError(largest, values[largest], allowed, f"makes {runs:,} runs")


def _limit_text(values: dict[str, Any]) -> None:
    for name, value in values.items():
        FIELDS[name].check_written(value)


_RULES = (_keep_defaults_on_real_data, _complete_record, _limit_runs, _limit_text)


# --- the cost model ----------------------------------------------------------------------------

# Fitted to the processor time of 14 workloads, each within 30 %: one core of an AMD EPYC (Zen 4, AVX-512), NumPy 2.4
# with OpenBLAS, one BLAS thread. Pairs are for float32 and float64, by item size.
CALL_SECONDS = 0.4e-6
"""Overhead of one NumPy call on a small array."""
CALLS_PER_LAYER = 10
"""NumPy calls of one update of a chunk, per layer."""
MATRIX_SECONDS = 1.25e-6
"""Overhead of one run's matrix in a stacked product, of which a layer has three."""
FLOPS_PER_SECOND = {4: 1.25e11, 8: 6.0e10}
"""Matrix products."""
UNIT_SECONDS = {4: 1.2e-9, 8: 3.5e-9}
"""Elementwise work per example and unit of one forward and backward pass."""
SORT_SECONDS = {4: 2.5e-8, 8: 5.0e-8}
"""Percentiles and histograms, per probed example and unit."""
SIGN_SECONDS = {4: 0.5e-9, 8: 1.0e-9}
"""Signs of single examples' gradients, per probed example and weight."""
PATH_SECONDS = {4: 1.8e-9, 8: 3.0e-9}
"""Path of the weights, per update and parameter."""
CHUNK_BYTES = 1_500_000
"""Working set of the runs that train together: about what the core's cache holds."""
ROW_BYTES = 600
"""One row of the layers table; of the others, less."""
HISTOGRAM_BYTES = 40_000
"""Histograms of one layer of one group at one point."""


@dataclass(frozen=True)
class Load:
    """The shapes of runs that differ in nothing that changes the amount of work.

    Attributes:
        widths: units of every layer, input and output included.
        groups, runs: how many groups, and runs in all of them.
        batch, train, test, probe: examples in a batch, the training set, the test set and the probe.
        epochs: passes over the training set.
        points: recorded points.
        full: whether single examples' gradient signs and the path of the weights are measured.
        itemsize: bytes of a number in training.
    """

    widths: tuple[int, ...]
    groups: int
    runs: int
    batch: int
    train: int
    test: int
    probe: int
    epochs: int
    points: int
    full: bool
    itemsize: int

    @property
    def updates(self) -> int:
        """Weight updates of one run."""
        return self.epochs * math.ceil(self.train / self.batch)

    @property
    def weights(self) -> int:
        """Weights of one run, without biases."""
        return sum(a * b for a, b in itertools.pairwise(self.widths))

    @property
    def units(self) -> int:
        """Hidden and output units of one run."""
        return sum(self.widths[1:])

    @property
    def parameters(self) -> int:
        """Weights and biases of one run."""
        return self.weights + self.units

    @property
    def passes(self) -> float:
        """Examples that go forward and backward in one run: training, then the training set and the probe at
        each recorded point; the test set goes forward only, which is a third of the work."""
        return self.train * self.epochs + self.points * (self.train + self.probe + self.test / 3)

    @property
    def flops(self) -> float:
        """Operations of all runs: per example and weight 2 forward and 4 backward; with full statistics one more per
        probed example, and four per update and parameter."""
        full = (self.points * self.probe * self.weights + 4 * self.updates * self.parameters) * self.full
        return self.runs * (6.0 * self.weights * self.passes + full)

    @property
    def run_bytes(self) -> int:
        """Working set of one run: weights, gradients and optimiser state, and a batch's or the probe's values."""
        return self.itemsize * (4 * self.parameters + 4 * max(self.batch, self.probe) * max(self.widths))

    @property
    def chunk(self) -> int:
        """Runs that train together."""
        return max(1, min(self.runs, CHUNK_BYTES // self.run_bytes))

    @property
    def table_bytes(self) -> int:
        """The rows that all runs leave behind."""
        rows = self.runs * self.points * len(self.widths) * ROW_BYTES
        return rows + self.groups * self.points * (len(self.widths) - 1) * HISTOGRAM_BYTES


def predict_seconds(load: Load) -> float:
    """Time of `load` on one core: calls, matrix products, elementwise work and statistics, each linear in its count."""
    layers = len(load.widths) - 1
    steps = load.updates + load.points
    chunks = math.ceil(load.runs / load.chunk)
    calls = steps * layers * (chunks * CALLS_PER_LAYER * CALL_SECONDS + load.runs * 3 * MATRIX_SECONDS)
    products = load.runs * 6.0 * load.weights * load.passes / FLOPS_PER_SECOND[load.itemsize]
    elements = load.runs * load.units * load.passes * UNIT_SECONDS[load.itemsize]
    probed = load.runs * load.points * load.probe
    sorting = probed * load.units * SORT_SECONDS[load.itemsize]
    standard = calls + products + elements + sorting
    if not load.full:
        return standard
    signs = probed * load.weights * SIGN_SECONDS[load.itemsize]
    path = load.runs * load.updates * load.parameters * PATH_SECONDS[load.itemsize]
    return standard + signs + path


# --- presets -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preset:
    """An experiment to start from, with the question that it answers."""

    name: str
    title: str
    question: str
    experiment: Experiment


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "lecture",
            "Logistic or tanh, small or large?",
            "Why do logistic networks learn slowly, and how much of it is due to their initial weights?",
            Experiment(),
        ),
        Preset(
            "initial_scale",
            "How large may the initial weights be?",
            "From which scale on do neurons saturate, and below which one does training stall?",
            Experiment(
                initialiser=tuple(f"normal:{scale}" for scale in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)),
                seeds=3,
            ),
        ),
        Preset(
            "depth",
            "How deep can it get?",
            "How do saturation and gradients change from layer to layer as networks get deeper?",
            Experiment(initialiser=("glorot_uniform",), hidden=tuple((64,) * depth for depth in range(1, 7)), seeds=3),
        ),
        Preset(
            "batch_size",
            "Do gradient signs still agree in a batch?",
            "One example ties the signs of a neuron's gradients: how many examples does it take to free them?",
            Experiment(
                initialiser=("glorot_uniform",), batch_size=(1, 4, 16, 64, 256, 0), epochs=5, record="every", seeds=3
            ),
        ),
    )
}
"""Experiments to start from, in the order a form offers them."""
