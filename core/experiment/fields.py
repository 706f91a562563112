"""How settings are described, read from text or Python values, checked and written as text.

A `Kind` reads and writes one value; a `Field` is one setting of a kind, with what a form shows of it. Whatever is
wrong with a value is an `ExperimentError`.
"""

import dataclasses
import math
import re
import reprlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

import numpy as np

from core.registries import datasets, gains, initialisers, starts
from core.registries.initialisers import INITIALISERS, NOTHING
from core.registries.optimisers import OPTIMISERS
from core.registries.synonyms import VALUES, Names, Synonyms, accepted, suggested

MAX_TEXT = 2_000
"""Characters in one setting, written as text."""
MAX_LAYERS = 50
MAX_WIDTH = 2_000
MAX_EPOCHS = 10_000
MAX_UPDATES = 1_000_000_000
MAX_DECAY = 0.9999
"""Largest argument of an optimiser: at 1 it would never forget its first gradient."""
TARGETS = {"train_accuracy": 1.0, "test_accuracy": 1.0, "train_loss": 1e6, "test_loss": 1e6}
"""Measures that a target may be set for, with the largest value: at least an accuracy, at most a loss."""
USUAL_TARGETS = {"train_accuracy": "0.9", "test_accuracy": "0.9", "train_loss": "0.1", "test_loss": "0.1"}
"""A value of each, as an example."""

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def shorten(value: object, length: int = 60) -> str:
    """`value` as one line of printable text of about `length` characters at most; strings stand in quotes."""
    try:
        text = value[: length + 1] if isinstance(value, str) else reprlib.repr(value)
    except ValueError:  # Python refuses to write out whole numbers of thousands of digits
        text = "a number of thousands of digits"
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    if len(text) > length:
        text = text[: length - 1] + "…"
    return f"'{text}'" if isinstance(value, str) else text


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
        hint = f"; did you mean '{self.nearest}'?" if self.nearest else ""
        field = shorten(self.field).strip("'") or "a setting without a name"
        return f"{field}: {shorten(self.value)} {self.problem}; allowed: {self.allowed}{hint}"


class _RefusedError(Exception):
    """A kind's refusal of one value: the problem and, where there is one, the nearest valid name."""


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
        told: what is allowed, in words, or what makes the words.
        names: valid names (choice), or names that may be followed by ':argument' (text); a registry is read when it is
            asked, so that an entry added to it is valid at once.
        low, high: limits, both allowed (whole, number).
        words: special values by the word that stands for them in text, such as {'full': 0}.
        split: a plural setting's value -> its items.
    """

    control: str
    parse: Callable[[object], Any]
    format: Callable[[Any], str]
    told: str | Callable[[], str]
    names: Collection[str] = ()
    low: float | None = None
    high: float | None = None
    words: Mapping[str, int] = dataclasses.field(default_factory=dict)
    split: Callable[[object], Sequence[object]] = _split

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return self.told if isinstance(self.told, str) else self.told()

    @property
    def choices(self) -> tuple[str, ...]:
        """The names as they are now."""
        return tuple(self.names)


@dataclass(frozen=True)
class Field:
    """One setting of an experiment, for the codec, for validation and for a form.

    Attributes:
        default: normalised default.
        kind: how one value is read, written and offered.
        section: heading of the form that the setting stands under.
        label, help, unit: what a form shows.
        plural: whether several values are allowed; the value is then a tuple.
        asked: whether it is asked of what was trained, and shapes nothing of it: the key leaves it out.
        prefix: what stands before the value in a group's label.
        labels: what stands in a label instead of both, by the value's text.
        name: attribute, link parameter, JSON key and table column.
    """

    default: Any
    kind: Kind
    section: str
    label: str
    help: str
    unit: str = ""
    plural: bool = False
    asked: bool = False
    prefix: str = ""
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    name: str = ""

    def read(self, value: object) -> Any:
        """The normalised form of a text or Python value; raises ExperimentError."""
        if not self.plural:
            return self._item(value)
        self.check_length(value, value)
        items = tuple(self._item(item) for item in self.kind.split(value))
        if not items:
            raise ExperimentError(self.name, value, self.kind.allowed, "is empty")
        for item, count in Counter(items).items():
            if count > 1:
                allowed = f"each value once; {self.kind.allowed}"
                raise ExperimentError(self.name, value, allowed, f"holds {self.kind.format(item)} twice")
        return items

    def write(self, value: Any) -> str:
        """The canonical text of a normalised value: what a link carries."""
        return ",".join(map(self.kind.format, value)) if self.plural else self.kind.format(value)

    def check_length(self, text: object, value: object) -> None:
        """Raises ExperimentError where `text`, which stands for `value`, is too long."""
        if isinstance(text, str) and len(text) > MAX_TEXT:
            allowed = f"at most {MAX_TEXT:,} characters"
            raise ExperimentError(self.name, value, allowed, f"takes {len(text):,} characters")

    def _item(self, value: object) -> Any:
        self.check_length(value, value)
        if isinstance(value, str):
            value = value.strip()
            if not value:
                raise ExperimentError(self.name, value, self.kind.allowed, "is empty")
        try:
            return self.kind.parse(value)
        except _RefusedError as refusal:
            raise ExperimentError(self.name, value, self.kind.allowed, *refusal.args) from None


# --- kinds


def _known(value: object, names: Collection[str], synonyms: Synonyms) -> str:
    if not isinstance(value, str):
        raise _RefusedError("is not a name")
    found = accepted(value, names, synonyms)
    if found is None:
        meant = suggested(value, names, synonyms)
        raise _RefusedError(f"is not a known name{meant.remark}", meant.ours)
    return found


def choice(names: Collection[str], synonyms: Synonyms = MappingProxyType({})) -> Kind:
    """One of `names`."""
    return Kind("choice", lambda value: _known(value, names, synonyms), str, lambda: ", ".join(names), names)


def whole(low: int, high: int, synonyms: Synonyms = MappingProxyType({}), **words: int) -> Kind:
    """A whole number from `low` to `high`, or one that a word stands for."""
    texts = {number: word for word, number in words.items()}

    def parse(value: object) -> int:
        if isinstance(value, str):
            if (word := accepted(value, words, synonyms)) is not None:
                return words[word]
            if not _WHOLE.fullmatch(value):
                raise _RefusedError("is not a whole number", suggested(value, words, synonyms).ours)
            value = int(value)
        if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
            raise _RefusedError("is not a whole number")
        number = int(value)
        if not low <= number <= high and number not in texts:
            raise _RefusedError("is out of range")
        return number

    allowed = " or ".join([f"a whole number from {low:,} to {high:,}", *(f"'{word}'" for word in words)])
    return Kind("whole", parse, lambda v: texts.get(v, str(v)), allowed, low=low, high=high, words=words)


def _as_number(value: object) -> float:
    if isinstance(value, str) and all(map(_NUMBER.fullmatch, value.split("/", 1))):
        try:
            value = initialisers.number(value)
        except ValueError:
            raise _RefusedError("is no number, since nothing is divided by 0") from None
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise _RefusedError("is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _RefusedError("is not a finite number")
    return number + 0.0  # -0.0 and 0.0 are one value


def _number_text(value: float) -> str:
    """Shortest text that reads back as `value`: 0.1, 1, 1e-5; never a '+', which a link would turn into a space."""
    return repr(value).removesuffix(".0").replace("e+", "e").replace("e-0", "e-")


def number(low: float, high: float, or_zero: bool = False) -> Kind:
    """A number from `low` to `high`, or 0 as well."""

    def parse(value: object) -> float:
        number = _as_number(value)
        if not (low <= number <= high or (or_zero and number == 0)):
            raise _RefusedError("is out of range")
        return number

    allowed = f"{'0, or ' * or_zero}a number from {_number_text(low)} to {high:,g}"
    return Kind("number", parse, _number_text, allowed, low=0.0 if or_zero else low, high=high)


def switch() -> Kind:
    """True or false, written as these words."""
    texts = {"true": True, "false": False}

    def parse(value: object) -> bool:
        if isinstance(value, str) and (word := accepted(value, texts, VALUES["bias"])) is not None:
            return texts[word]
        if not isinstance(value, bool | np.bool_):
            meant = suggested(value, texts, VALUES["bias"]).ours if isinstance(value, str) else ""
            raise _RefusedError("is neither true nor false", meant)
        return bool(value)

    return Kind("switch", parse, lambda v: "true" if v else "false", "true, false", tuple(texts))


def layers() -> Kind:
    """The widths of a network's hidden layers."""
    width = whole(1, MAX_WIDTH)

    def parse(value: object) -> tuple[int, ...]:
        if isinstance(value, str):
            value = [] if accepted(value, ("none",), VALUES["hidden"]) else value.split("-")
        widths = _split(value)
        if len(widths) > MAX_LAYERS:
            raise _RefusedError(f"has {len(widths):,} layers")
        return tuple(width.parse(item) for item in widths)

    def split(value: object) -> Sequence[object]:
        items = _split(value)
        flat = not isinstance(value, str) and bool(items) and all(isinstance(item, Integral) for item in items)
        return [items] if flat else items

    allowed = f"up to {MAX_LAYERS} widths of 1 to {MAX_WIDTH:,} units joined by '-', such as 64-64-64, or 'none'"
    return Kind("text", parse, lambda v: "-".join(map(str, v)) or "none", allowed, ("none",), split=split)


def points() -> Kind:
    """The epochs to record, and updates: u1,u2,u5,1,5."""
    names = ("log", "every", "updates")
    epoch, update = whole(0, MAX_EPOCHS), whole(0, MAX_UPDATES)

    def parse(value: object) -> str:
        if isinstance(value, str) and not re.match("u?[0-9]", value):
            return _known(value, names, VALUES["record"])
        items = [item.strip() if isinstance(item, str) else item for item in _split(value)]
        if not items:
            raise _RefusedError("is empty")
        within = [item[1:] for item in items if isinstance(item, str) and item.startswith("u")]
        updates = {number for number in map(update.parse, within) if number}  # the start is always recorded
        epochs = {epoch.parse(item) for item in items if not (isinstance(item, str) and item.startswith("u"))}
        return ",".join([*(f"u{number}" for number in sorted(updates)), *map(str, sorted(epochs or {0}))])

    allowed = "log, every, updates, or epochs such as 0,1,5,20, with updates among them as u1,u2,u5,u10"
    return Kind("text", parse, str, allowed, names)


def _named(
    names: Collection[str],
    synonyms: Synonyms,
    complete: Callable[[str, str | None], str],
    allowed: str | Callable[[], str],
    usual: Callable[[str], str] = str,
) -> Kind:
    """One of `names`, or name:argument.

    Args:
        names: the names.
        synonyms: other words for them; one may stand for a name with its argument.
        complete: makes canonical text of a name and an argument, if there is one; raises `_RefusedError`.
        allowed: what is allowed, in words, or what makes the words.
        usual: a name -> a valid text with it.
    """

    def parse(value: object) -> str:
        if not isinstance(value, str):
            raise _RefusedError("is not a name")
        name, colon, argument = (part.strip() for part in value.partition(":"))
        found = accepted(name, names, synonyms)
        if found is None:
            meant = suggested(name, names, synonyms)
            nearest = valid(f"{meant.ours}{colon}{argument}", meant.ours) if meant.ours else ""
            raise _RefusedError(f"is not a known name{meant.remark}", nearest)
        return read(f"{found}{colon}{argument}")

    def read(text: str) -> str:
        name, colon, argument = text.partition(":")
        return complete(name, argument if colon else None)

    def valid(text: str, name: str) -> str:
        """The `text`, where it can be used."""
        try:
            read(text)
        except _RefusedError:
            return usual(name)
        return text

    return Kind("text", parse, str, allowed, names)


def _argument(name: str, text: str, high: float, usual: str) -> float:
    """The number from 0 to `high` after the colon of 'name:number', such as the usual one."""
    try:
        number = _as_number(text)
    except _RefusedError:
        raise _RefusedError(f"does not end in a number, as {name}:{usual} does") from None
    if not 0 <= number <= high:
        raise _RefusedError(f"is out of range, 0 to {_number_text(high)} for {name}")
    return number


def update_rule() -> Kind:
    """An optimiser, with its argument where that is not the default."""

    def complete(name: str, given: str | None) -> str:
        default = OPTIMISERS[name].argument
        if given is None:
            return name
        if default is None:
            raise _RefusedError("has an argument, but takes none", name)
        number = _argument(name, given, MAX_DECAY, _number_text(default))
        return name if number == default else f"{name}:{_number_text(number)}"

    def allowed() -> str:
        each = (
            name if optimiser.argument is None else f"{name} or {name}:0 to {MAX_DECAY}"
            for name, optimiser in OPTIMISERS.items()
        )
        return f"{', '.join(each)}; such as momentum:0.9"

    return _named(OPTIMISERS, VALUES["optimiser"], complete, allowed)


def goal() -> Kind:
    """A measure and the value it has to reach."""

    def complete(name: str, given: str | None) -> str:
        return f"{name}:{_number_text(_argument(name, given or '', TARGETS[name], USUAL_TARGETS[name]))}"

    def usual(name: str) -> str:
        return f"{name}:{USUAL_TARGETS[name]}"

    allowed = ", ".join(f"{name}:0 to {_number_text(high)}" for name, high in TARGETS.items())
    return _named(TARGETS, VALUES["target"], complete, f"{allowed}; such as train_accuracy:0.9", usual)


def scheme(names: Collection[str] = INITIALISERS, word: str = "") -> Kind:
    """Initialisers by layer: one of these schemes with its values stated, several, or the word."""
    synonyms = {theirs: s for theirs, s in VALUES["initialiser"].items() if s.ours.partition(":")[0] in names}
    choices = Names(lambda: (*names, word)) if word else names

    def complete(name: str, given: str | None) -> str:
        own = INITIALISERS[name]
        try:
            return own.text(own.values([] if given is None else given.split(":")))
        except ValueError as error:
            if own.takes == NOTHING:
                raise _RefusedError(f"is not valid, as {error}", name) from None
            raise _RefusedError(f"is not valid, as {error}, such as {' or '.join(own.examples)}") from None

    one = _named(names, synonyms, complete, str)

    def parse(value: object) -> str:
        if not isinstance(value, str):
            raise _RefusedError("is not a name")
        if word and accepted(value, (word,), {}):
            return word

        def part(text: str) -> str:
            if word and accepted(text, (word,), {}):
                problem = f"combines {word!r}, which stands alone: as the weights of each layer, their factors included"
                raise _RefusedError(problem, word)
            if accepted(text, (starts.LIKE_WEIGHTS,), {}):
                raise _RefusedError(f"has {text!r} {starts.NO_SCHEME}")
            try:
                return str(one.parse(text))
            except _RefusedError as refusal:
                problem, nearest = (*refusal.args, "")[:2]
                if text == value:
                    raise
                raise _RefusedError(f"holds {shorten(text)}, which {problem}", mended(value, text, nearest)) from None

        try:
            return starts.canonical(value, part)
        except ValueError as error:
            raise _RefusedError(str(error)) from None

    def mended(value: str, text: str, nearest: str) -> str:
        """The value with what is nearest to the one wrong part of it, if then it is valid."""
        whole = value.replace(text, nearest, 1) if text and nearest else ""
        try:
            starts.canonical(whole, one.parse)
        except (ValueError, _RefusedError):
            return ""
        return whole

    return Kind("text", parse, str, lambda: f"{', '.join(choices)}; {starts.ALLOWED}", choices)


def gain() -> Kind:
    """A number, or the name of one; a rule alone stays a word until the experiment knows which function it is for."""
    plain = number(1e-9, 100.0)

    def parse(value: object) -> float | str:
        if not isinstance(value, str) or value[:1] in "+-.0123456789":
            return float(plain.parse(value))
        rule, colon, function = (part.strip() for part in value.partition(":"))
        name = accepted(rule, gains.RULES, {})
        if name is None:
            nearest = suggested(rule, gains.RULES, {}).ours
            raise _RefusedError("is not a number", nearest and f"{nearest}{colon}{function}")
        if not colon:
            return name
        try:
            return gains.gain_of(name, function)
        except ValueError as error:
            raise _RefusedError(str(error)) from None

    allowed = f"{plain.allowed}, such as 1.5 or 5/3, or {', '.join(gains.RULES)} of a function, as recommended:tanh"
    return dataclasses.replace(plain, parse=parse, told=allowed)


def data_set() -> Kind:
    """A data set, with its argument where that is not the default, or own data."""

    def complete(name: str, given: str | None) -> str:
        try:
            return datasets.canonical(name if given is None else f"{name}:{given}")
        except ValueError:
            simple = "" if datasets.DATASETS[name].arguments else name
            raise _RefusedError(f"is not valid, as {datasets.takes(name)}", simple) from None

    def allowed() -> str:
        each = (
            " or ".join(dict.fromkeys((name, ":".join([name, *(argument.name for argument in entry.arguments)]))))
            for name, entry in datasets.DATASETS.items()
        )
        return f"{', '.join(each)}; such as circles:0.8"

    named = _named(datasets.DATASETS, VALUES["dataset"], complete, allowed)

    def parse(value: object) -> object:
        if not (isinstance(value, str) and datasets.is_own(value)):
            return named.parse(value)
        try:
            return datasets.canonical(value)
        except ValueError:
            problem = (
                "is a table of somebody's own that is not here: give the same table again, known by its fingerprint"
            )
            raise _RefusedError(problem) from None

    return dataclasses.replace(named, parse=parse)
