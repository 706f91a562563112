"""Initial weight matrices: one primitive, variance scaling, and the named schemes made from it.

Every random scheme first draws the same matrix of standard normals and then maps it: a uniform weight is
`2 Phi(z) - 1`, a standard deviation or a gain is a factor. So equal generators give common random numbers
across schemes and gains, and comparing two schemes at one seed is a paired comparison: their weights have
the same signs and the same order. (A truncated normal redraws the 5 % beyond 2 std, a sparse matrix drops
weights, an orthogonal one rotates columns.)

Matrices have shape (fan_in, fan_out), as in `a = h @ W + b`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.registries.synonyms import VALUES, accepted, suggested

Shape = tuple[int, int]
Floats = npt.NDArray[np.float64]
Mode = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["uniform", "normal", "truncated_normal"]

# Standard deviation of a standard normal truncated at -2 and 2.
TRUNCATED_STD = 0.87962566103423978
SYMMETRY = "The units of a layer start equal and stay so, as if there were one: nothing breaks the symmetry."


def standard_uniform(rng: np.random.Generator, shape: Shape) -> Floats:
    """Draws from U(-1, 1), as the probability transform of the standard normals that `rng` gives next."""
    z = rng.standard_normal(shape)
    # NumPy has no erf, and importing SciPy for it would take longer than all the matrices of an experiment.
    values = map(math.erf, (z / math.sqrt(2)).ravel().tolist())
    return np.fromiter(values, np.float64, z.size).reshape(shape)


def standard_truncated_normal(rng: np.random.Generator, shape: Shape) -> Floats:
    """Draws of a normal truncated at 2 std and rescaled to std 1, so within 2 / 0.8796 = 2.274."""
    z = rng.standard_normal(shape)
    while (outside := np.abs(z) > 2).any():
        z[outside] = rng.standard_normal(np.count_nonzero(outside))
    return z / TRUNCATED_STD


def variance_scaling(
    rng: np.random.Generator, shape: Shape, scale: float, mode: Mode, distribution: Distribution
) -> Floats:
    """Weights with mean 0 and variance scale / fan, where mode says which fan: in, out, or the mean of both.

    Every distribution has that variance: the uniform's limit is sqrt(3 scale / fan), and the truncated
    normal is rescaled after its truncation at 2 std, as Keras and JAX do.
    """
    fan_in, fan_out = shape
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    std = math.sqrt(scale / fan)
    if distribution == "uniform":
        return math.sqrt(3) * std * standard_uniform(rng, shape)
    if distribution == "normal":
        return std * rng.standard_normal(shape)
    return std * standard_truncated_normal(rng, shape)


def zeros(rng: np.random.Generator, shape: Shape) -> Floats:
    """w = 0."""
    return np.zeros(shape)


def constant(rng: np.random.Generator, shape: Shape, value: float) -> Floats:
    """w = value."""
    return np.full(shape, value)


def uniform(rng: np.random.Generator, shape: Shape, limit: float) -> Floats:
    """U(-limit, limit), std = limit / sqrt(3), whatever the layer's size."""
    return limit * standard_uniform(rng, shape)


def normal(rng: np.random.Generator, shape: Shape, std: float) -> Floats:
    """N(0, std²), whatever the layer's size (std 0.01: Krizhevsky et al. 2012)."""
    return std * rng.standard_normal(shape)


def truncated_normal(rng: np.random.Generator, shape: Shape, std: float) -> Floats:
    """Normal truncated at 2 std, then rescaled so that std holds: no weight is beyond 2.274 std.

    The plain truncated normals of Keras and JAX are not rescaled: their std is 0.8796 of the stated one.
    """
    return std * standard_truncated_normal(rng, shape)


def glorot_uniform(rng: np.random.Generator, shape: Shape) -> Floats:
    """U(-r, r), r = sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16)."""
    return variance_scaling(rng, shape, 1, "fan_avg", "uniform")


def glorot_normal(rng: np.random.Generator, shape: Shape) -> Floats:
    """Truncated normal, std = sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 12).

    Keras and JAX truncate; PyTorch's xavier_normal_ has the same std and no truncation.
    """
    return variance_scaling(rng, shape, 1, "fan_avg", "truncated_normal")


def he_uniform(rng: np.random.Generator, shape: Shape) -> Floats:
    """U(-r, r), r = sqrt(6 / fan_in) (He et al. 2015)."""
    return variance_scaling(rng, shape, 2, "fan_in", "uniform")


def he_normal(rng: np.random.Generator, shape: Shape) -> Floats:
    """Truncated normal, std = sqrt(2 / fan_in) (He et al. 2015, eq. 10).

    Keras and JAX truncate; the paper and PyTorch's kaiming_normal_ have the same std and no truncation.
    """
    return variance_scaling(rng, shape, 2, "fan_in", "truncated_normal")


def lecun_uniform(rng: np.random.Generator, shape: Shape) -> Floats:
    """U(-r, r), r = sqrt(3 / fan_in) (LeCun et al. 1998, Efficient BackProp, eq. 16)."""
    return variance_scaling(rng, shape, 1, "fan_in", "uniform")


def lecun_normal(rng: np.random.Generator, shape: Shape) -> Floats:
    """Truncated normal, std = sqrt(1 / fan_in) (LeCun et al. 1998, Efficient BackProp, eq. 16).

    Keras and JAX truncate; the paper asks for the std only.
    """
    return variance_scaling(rng, shape, 1, "fan_in", "truncated_normal")


def fan_in_uniform(rng: np.random.Generator, shape: Shape) -> Floats:
    """U(-r, r), r = 1 / sqrt(fan_in) (the "standard" of Glorot & Bengio 2010, eq. 1; PyTorch's Linear)."""
    return variance_scaling(rng, shape, 1 / 3, "fan_in", "uniform")


def orthogonal(rng: np.random.Generator, shape: Shape) -> Floats:
    """Random orthonormal columns (rows where fan_in < fan_out), from the QR of a normal matrix (Saxe et al. 2014).

    Making R's diagonal positive makes Q unique, and so uniform (Haar) over the orthogonal matrices.
    """
    z = rng.standard_normal(shape)
    wide = shape[0] < shape[1]
    q, r = np.linalg.qr(z.T if wide else z)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(q.T) if wide else q


def sparse(rng: np.random.Generator, shape: Shape, k: float) -> Floats:
    """k incoming weights of each unit are N(0, 1), at random places, the others 0 (Martens 2010, k = 15).

    A unit with fewer than k inputs has all of its weights drawn.
    """
    z = rng.standard_normal(shape)
    rank = rng.random(shape).argsort(axis=0).argsort(axis=0)
    return np.where(rank < k, z, 0.0)


def identity(rng: np.random.Generator, shape: Shape) -> Floats:
    """Ones on the main diagonal, zeros elsewhere, for non-square layers too (Le et al. 2015)."""
    return np.eye(*shape)


def lsuv(rng: np.random.Generator, shape: Shape) -> Floats:
    """Orthogonal, then each layer is divided by its output's std on the whole training set (Mishkin & Matas 2016).

    This draws the orthogonal matrix; the training, which has the data, rescales it.
    """
    return orthogonal(rng, shape)


@dataclass(frozen=True)
class Argument:
    """The one number that a scheme may take: its name, default, allowed range (ends included) and meaning."""

    name: str
    default: float
    low: float
    high: float
    integer: bool
    meaning: str

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        return f"{self.name} from {self.low:g} to {self.high:g}" + (", a whole number" if self.integer else "")

    def accepts(self, value: float) -> bool:
        """Whether `value` is a number in the range."""
        return self.low <= value <= self.high and not (self.integer and value != int(value))


@dataclass(frozen=True)
class Initialiser:
    """A named scheme: call it to draw one weight matrix.

    Attributes:
        name: registry name.
        draw: (rng, shape) or (rng, shape, argument) -> weights; the first line of its docstring has formula and source.
        argument: the one number that it takes, if any.
        data_driven: whether the training completes it, which rescales the drawn weights on its data.
        random: whether the weights are drawn at random about 0, which is all that mean-field theory knows of.
        starts_equal: whether the units of a layer start with equal weights, and so stay equal.
    """

    name: str
    draw: Callable[..., Floats]
    argument: Argument | None = None
    data_driven: bool = False
    random: bool = True
    starts_equal: bool = False

    @property
    def summary(self) -> str:
        """One line with the formula and its source, and what comes of units that start equal."""
        return (self.draw.__doc__ or "").partition("\n")[0] + (f" {SYMMETRY}" if self.starts_equal else "")

    def __call__(
        self,
        rng: np.random.Generator,
        shape: Shape,
        argument: float | None = None,
        gain: float = 1.0,
        dtype: npt.DTypeLike = np.float64,
    ) -> npt.NDArray[np.floating[Any]]:
        """Weights of shape (fan_in, fan_out), times `gain`; drawn in float64, then rounded to `dtype`.

        Raises ValueError for an argument outside its range, or given to a scheme that takes none.
        """
        if self.argument is None:
            if argument is not None:
                raise ValueError(f"initialiser {self.name!r} takes no argument, got {argument!r}")
            weights = self.draw(rng, shape)
        else:
            value = self.argument.default if argument is None else argument
            if not self.argument.accepts(value):
                raise ValueError(f"initialiser {self.name!r} with argument {value!r}; allowed: {self.argument.allowed}")
            weights = self.draw(rng, shape, value)
        return (gain * weights).astype(dtype, copy=False)


STD = Argument("std", 0.01, 0, 1000, False, "standard deviation of the weights")

INITIALISERS: dict[str, Initialiser] = {
    "zeros": Initialiser("zeros", zeros, random=False, starts_equal=True),
    "constant": Initialiser(
        "constant",
        constant,
        Argument("value", 0.1, -1000, 1000, False, "the value of every weight"),
        random=False,
        starts_equal=True,
    ),
    "uniform": Initialiser("uniform", uniform, Argument("limit", 0.05, 0, 1000, False, "largest absolute weight")),
    "normal": Initialiser("normal", normal, STD),
    "truncated_normal": Initialiser("truncated_normal", truncated_normal, STD),
    "glorot_uniform": Initialiser("glorot_uniform", glorot_uniform),
    "glorot_normal": Initialiser("glorot_normal", glorot_normal),
    "he_uniform": Initialiser("he_uniform", he_uniform),
    "he_normal": Initialiser("he_normal", he_normal),
    "lecun_uniform": Initialiser("lecun_uniform", lecun_uniform),
    "lecun_normal": Initialiser("lecun_normal", lecun_normal),
    "orthogonal": Initialiser("orthogonal", orthogonal),
    "fan_in_uniform": Initialiser("fan_in_uniform", fan_in_uniform),
    "sparse": Initialiser(
        "sparse", sparse, Argument("k", 15, 1, 10_000, True, "non-zero incoming weights of each unit")
    ),
    "identity": Initialiser("identity", identity, random=False),
    "lsuv": Initialiser("lsuv", lsuv, data_driven=True),
}


def parse(text: str) -> tuple[str, float | None]:
    """The name and argument of a scheme written as `name` or `name:argument`.

    The argument is the default where it is left out, and None where the scheme takes none. Names from elsewhere that
    mean exactly the same are taken too: `xavier_uniform` is `glorot_uniform`. Raises ValueError with one line that
    names the value, what is allowed and, for an unknown name, the nearest known one.
    """
    given, colon, number = text.strip().partition(":")
    shown = repr(text if len(text) <= 40 else text[:40] + "…")
    found = accepted(given, INITIALISERS, VALUES["initialiser"])
    if found is None:
        meant = suggested(given, INITIALISERS, VALUES["initialiser"])
        hint = f"; nearest: {meant.ours!r}{meant.remark}" if meant.ours else ""
        raise ValueError(f"unknown initialiser {shown}; allowed: {', '.join(INITIALISERS)}{hint}")
    name, colon, number = f"{found}{colon}{number}".partition(":")
    argument = INITIALISERS[name].argument
    if argument is None:
        if colon:
            raise ValueError(f"initialiser {shown}: {name} takes no argument; allowed: {name!r}")
        return name, None
    if not colon:
        return name, argument.default
    try:
        value = float(number) + 0.0  # -0.0 becomes 0.0
    except ValueError:
        value = math.nan
    if not argument.accepts(value):
        raise ValueError(f"initialiser {shown}; allowed: {name}:{argument.name}, {argument.allowed}")
    return name, value


def is_random(text: str) -> bool:
    """Whether a scheme written as `name` or `name:argument` draws its weights at random, about 0."""
    return INITIALISERS[text.partition(":")[0]].random


def canonical(text: str) -> str:
    """The one spelling of a scheme, with its argument always stated: `normal` and `normal:1e-2` are `normal:0.01`.

    Raises ValueError as `parse` does.
    """
    name, value = parse(text)
    return name if value is None else f"{name}:{repr(float(value)).removesuffix('.0')}"
