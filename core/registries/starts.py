"""How a whole network starts: one scheme for all its layers, or another for some of them.

    he_normal                                  all layers
    he_normal*0.5                              its weights times a factor, beside the gain
    glorot_uniform;first=normal:1;last=zeros   other schemes for the first or the last layer
    normal:1;normal:0.1;zeros                  a list, layer by layer from the input side

A network of one layer has that as its last. Biases have the same grammar, of the schemes that draw each weight by
itself, and one word more, `weights`: drawn as the weights of their layer, factor and gain included.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.registries.initialisers import INITIALISERS, Argument, Floats, Initialiser, Place, Shape, Values, parse
from core.registries.synonyms import Names, accepted

ROLES = ("first", "hidden", "last")
LIKE_WEIGHTS = "weights"
"""Biases that are drawn as the weights of their layer."""
FACTOR = Argument("factor", 0.1, 1e-9, 1000, False, "factor on the weights of one scheme")
ALLOWED = "by layer as he_normal;last=normal:0.01 or normal:1;normal:0.1;zeros, with a factor as he_normal*0.1"
NO_SCHEME = (
    "in place of a scheme; a factor comes after a scheme, as in he_normal*0.5, and a role before one, as in "
    "he_normal;last=zeros"
)
"""What is wrong where a word of this grammar stands alone."""
FOR_BIASES = Names(lambda: (name for name, scheme in INITIALISERS.items() if scheme.independent))
"""Schemes that biases may have: those that draw each weight by itself."""


@dataclass(frozen=True)
class Part:
    """The scheme of one layer, its values and its factor."""

    scheme: Initialiser
    values: Values
    factor: float

    def draw(self, rng: np.random.Generator, shape: Shape, place: Place, gain: float = 1.0) -> Floats:
        """Weights of shape (fan_in, fan_out), float64."""
        return self.scheme(rng, shape, self.values, gain * self.factor, np.float64, place).astype(
            np.float64, copy=False
        )

    @property
    def about_0(self) -> bool:
        """Whether the weights are drawn at random about 0."""
        return self.scheme.about_0(self.values)


def canonical(text: str, complete: Callable[[str], str]) -> str:
    """The one spelling of a start; roles that repeat the others, and factors of 1, are left out.

    Args:
        text: as above.
        complete: the canonical text of one scheme; what it raises passes through.

    Raises:
        ValueError: with what is wrong, continuing "<text> ...".
    """
    items = [_item(item, complete) for item in text.split(";")]
    if not any(role for role, _ in items):
        return ";".join(scheme for _, scheme in items)
    (role, base), *others = items
    by_role = dict(others)
    if role or "" in by_role or len(by_role) < len(others):
        raise ValueError(
            "does not begin with a scheme for all layers and then give each role once, as he_normal;last=zeros does"
        )
    inner = by_role.get("hidden", base)
    ends = [(role, by_role.get(role, base)) for role in ("first", "last")]
    return ";".join([inner, *(f"{role}={scheme}" for role, scheme in ends if scheme != inner)])


def _item(item: str, complete: Callable[[str], str]) -> tuple[str, str]:
    """The role of one part, "" where it has none, and the canonical text of its scheme and factor."""
    given, equals, rest = item.rpartition("=")
    role = accepted(given.strip(), ROLES, {}) if equals else ""
    if role is None and not given.strip():
        raise ValueError(f"names no role before its =; a role is {', '.join(ROLES)}")
    if role is None:
        raise ValueError(f"has {given.strip()[:20]!r} for a role, which {', '.join(ROLES)} are")
    scheme, star, factor = (part.strip() for part in rest.partition("*"))
    if star and factor in INITIALISERS and _is_number(scheme):
        raise ValueError(f"has the factor before its scheme; it comes after it, as in {factor}*{scheme}")
    if word := accepted(scheme, (*ROLES, "biases"), {}):
        raise ValueError(f"has {word!r} {NO_SCHEME}")
    if not scheme:
        raise ValueError(f"names no scheme for {role}" if role else "names no scheme in one of its places")
    try:
        value = FACTOR.read(factor) if star else 1.0
    except ValueError:
        raise ValueError(f"does not end in a {FACTOR.allowed}, as he_normal*0.1 does") from None
    return role, complete(scheme) + (f"*{repr(value).removesuffix('.0')}" if value != 1 else "")


def _is_number(text: str) -> bool:
    try:
        return bool(float(text))
    except ValueError:
        return False


def listed(text: str) -> int:
    """How many layers a list names; 0 where the start fits any network."""
    return 0 if "=" in text or ";" not in text else text.count(";") + 1


def part(text: str, layer: int, layers: int) -> Part:
    """What a start in canonical text is for one of the layers with weights, number from 1, the input side."""
    first, *others = text.split(";")
    if listed(text):
        own = (first, *others)[layer - 1]
    else:
        role = "last" if layer == layers else "first" if layer == 1 else "hidden"
        own = dict(other.split("=") for other in others).get(role, first)
    scheme, _, factor = own.partition("*")
    name, values = parse(scheme)
    return Part(INITIALISERS[name], values, float(factor or 1))


def parts(text: str) -> list[Part]:
    """All the schemes that a start in canonical text names."""
    return [part(own.rpartition("=")[2], 1, 1) for own in text.split(";")]


def is_random(initialiser: str, biases: str, layer: int, layers: int) -> bool:
    """Whether a layer's weights are drawn at random about 0 and its biases so too, or are 0."""
    weights = part(initialiser, layer, layers)
    own = weights if biases == LIKE_WEIGHTS else part(biases, layer, layers)
    return weights.about_0 and (own.about_0 or own.scheme.name == "zeros")


def brief(text: str) -> str:
    """A start as a label has it: a list with its repetitions counted, 'normal:1; 3 × normal:0.1; zeros'."""
    if not listed(text):
        return text
    runs = [(scheme, len(list(run))) for scheme, run in itertools.groupby(text.split(";"))]
    return "; ".join(f"{times} × {scheme}" if times > 1 else scheme for scheme, times in runs)
