"""Initial weight matrices: one primitive, variance scaling, and the named schemes made from it.

Every random scheme first draws the same matrix of standard normals and then maps it: a uniform weight is
`2 Phi(z) - 1`, a standard deviation or a gain is a factor. So equal generators give common random numbers
across schemes and gains, and comparing two schemes at one seed is a paired comparison: their weights have
the same signs and the same order. (A truncated normal redraws the 5 % beyond 2 std, a sparse matrix drops
weights, an orthogonal one rotates columns.)

A scheme is written `name`, `name:a`, `name:a:b` or `name:a:b:c`; `core.registries.starts` has schemes by layer.
Matrices have shape (fan_in, fan_out), as in `a = h @ W + b`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.registries.synonyms import Synonym, accepted, known

Shape = tuple[int, int]
Floats = npt.NDArray[np.float64]
Mode = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["uniform", "normal", "truncated_normal"]
Value = float | str
Values = tuple[Value, ...]

# Standard deviation of a standard normal truncated at -2 and 2.
TRUNCATED_STD = 0.87962566103423978
NOTHING = "no argument"
SYMMETRY = "The units of a layer start equal and stay so, as if there were one: nothing breaks the symmetry."


def standard_uniform(rng: np.random.Generator, shape: Shape) -> Floats:
    """Draws from U(-1, 1), as the probability transform of the standard normals that `rng` gives next."""
    z = rng.standard_normal(shape)
    # NumPy has no erf, and importing SciPy for it would take longer than all the matrices of an experiment.
    values = map(math.erf, (z / math.sqrt(2)).ravel().tolist())
    return np.fromiter(values, np.float64, z.size).reshape(shape)


def cut_normal(rng: np.random.Generator, shape: Shape) -> Floats:
    """Draws of a standard normal truncated at 2, so of std 0.8796."""
    z = rng.standard_normal(shape)
    while (outside := np.abs(z) > 2).any():
        z[outside] = rng.standard_normal(np.count_nonzero(outside))
    return z


def standard_truncated_normal(rng: np.random.Generator, shape: Shape) -> Floats:
    """Draws of a normal truncated at 2 std and rescaled to std 1, so within 2 / 0.8796 = 2.274."""
    return cut_normal(rng, shape) / TRUNCATED_STD


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


def uniform(rng: np.random.Generator, shape: Shape, *ends: float) -> Floats:
    """U(-limit, limit), std = limit / sqrt(3), or U(low, high), whatever the layer's size."""
    draws = standard_uniform(rng, shape)
    if len(ends) == 1:
        return ends[0] * draws
    low, high = ends
    return (high + low) / 2 + (high - low) / 2 * draws


def _about(draws: Floats, *mean_and_std: float) -> Floats:
    """The draws times std, about the mean where one is given."""
    *mean, std = mean_and_std
    return mean[0] + std * draws if mean else std * draws


def normal(rng: np.random.Generator, shape: Shape, *mean_and_std: float) -> Floats:
    """N(0, std²) or N(mean, std²), whatever the layer's size (std 0.01: Krizhevsky et al. 2012)."""
    return _about(rng.standard_normal(shape), *mean_and_std)


def truncated_normal(rng: np.random.Generator, shape: Shape, *mean_and_std: float) -> Floats:
    """Normal truncated at 2 std, then rescaled so that std holds: no weight is beyond 2.274 std.

    The plain truncated normals of Keras and JAX are not rescaled: their std is 0.8796 of the stated one.
    """
    return _about(standard_truncated_normal(rng, shape), *mean_and_std)


def plain_truncated_normal(rng: np.random.Generator, shape: Shape, *mean_and_std: float) -> Floats:
    """Normal truncated at 2 std and not rescaled: 0.8796 of the std is left (Keras's TruncatedNormal, JAX's too)."""
    return _about(cut_normal(rng, shape), *mean_and_std)


def scaled_variance(
    rng: np.random.Generator, shape: Shape, scale: float, mode: Mode, distribution: Distribution
) -> Floats:
    """Variance scale / fan, of any mode and distribution (VarianceScaling of Keras, variance_scaling of JAX).

    With `normal` these are PyTorch's: xavier_normal_ is 1:fan_avg:normal, kaiming_normal_ 2:fan_in:normal.
    """
    return variance_scaling(rng, shape, scale, mode, distribution)


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


def orthogonal(rng: np.random.Generator, shape: Shape, scale: float = 1.0) -> Floats:
    """Random orthonormal columns (rows where fan_in < fan_out) times scale, from a normal's QR (Saxe et al. 2014).

    Making R's diagonal positive makes Q unique, and so uniform (Haar) over the orthogonal matrices.
    """
    z = rng.standard_normal(shape)
    wide = shape[0] < shape[1]
    q, r = np.linalg.qr(z.T if wide else z)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    if scale != 1:
        q = scale * q
    return np.ascontiguousarray(q.T) if wide else q


def sparse(rng: np.random.Generator, shape: Shape, k: float, std: float = 1.0) -> Floats:
    """k incoming weights of each unit are N(0, std²), std 1 if not given, the others 0 (Martens 2010, k = 15).

    Their places are random. A unit with fewer than k inputs has all of its weights drawn.
    """
    z = rng.standard_normal(shape)
    rank = rng.random(shape).argsort(axis=0).argsort(axis=0)
    return np.where(rank < k, std * z, 0.0)


def sparse_share(rng: np.random.Generator, shape: Shape, share: float, std: float = 0.01) -> Floats:
    """That share of each input's outgoing weights is 0, the others N(0, std²) (PyTorch's sparse_, std 0.01).

    As there, the number of zeros is rounded up, which may leave a layer of few units without weights.
    """
    z = rng.standard_normal(shape)
    rank = rng.random(shape).argsort(axis=1).argsort(axis=1)
    return np.where(rank < math.ceil(share * shape[1]), 0.0, std * z)


def identity(rng: np.random.Generator, shape: Shape, scale: float = 1.0) -> Floats:
    """Ones, or scale, on the main diagonal, zeros elsewhere, for non-square layers too (Le et al. 2015)."""
    return scale * np.eye(*shape)


def lsuv(rng: np.random.Generator, shape: Shape, variance: float = 1.0) -> Floats:
    """Orthogonal, then each layer is scaled to outputs of variance 1 on the training set (Mishkin & Matas 2016).

    This draws the orthogonal matrix; the training, which has the data, rescales it to the variance given. The paper's
    tolerance and number of iterations have no part here: outputs are linear in the weights, and one step is exact.
    """
    return orthogonal(rng, shape)


@dataclass(frozen=True)
class Place:
    """Where a layer stands: its number from 1, the input side, among the layers with weights."""

    layer: int
    layers: int


def looks_linear(rng: np.random.Generator, shape: Shape, place: Place) -> Floats:
    """Orthogonal blocks W, mirrored as [W -W; -W W]: a network of relu starts out linear (Balduzzi et al. 2017).

    The units of a layer are pairs of a and -a, and relu(a) - relu(-a) = a. Inputs and outputs have no mirror image:
    the first layer is [W -W] and the last [W; -W]. It is for even widths, and for functions with f(a) - f(-a) = c a,
    relu and leaky relu; of an odd width one unit has no twin.
    """
    rows, columns = (
        size if alone else (size + 1) // 2
        for size, alone in zip(shape, (place.layer == 1, place.layer == place.layers), strict=True)
    )
    block = orthogonal(rng, (rows, columns))
    block = block if columns == shape[1] else np.concatenate([block, -block], axis=1)[:, : shape[1]]
    return block if rows == shape[0] else np.concatenate([block, -block])[: shape[0]]


def random_walk(rng: np.random.Generator, shape: Shape, function: str) -> Floats:
    """N(0, g² / fan_in), g = exp(1 / (2 fan_in)), or as fitted for relu (Sussillo & Abbott 2014).

    It keeps the mean logarithm of the gradients' norm. For relu g = sqrt(2) exp(1.2 / (max(fan_in, 6) - 2.4)). In wide
    layers both tend to the std of LeCun and of He.
    """
    return random_walk_std(shape[0], function) * rng.standard_normal(shape)


def random_walk_std(fan_in: int, function: str) -> float:
    """The standard deviation of `random_walk`."""
    linear = function == "linear"
    gain = math.exp(0.5 / fan_in) if linear else math.sqrt(2) * math.exp(1.2 / (max(fan_in, 6) - 2.4))
    return gain / math.sqrt(fan_in)


def depth_scaled(rng: np.random.Generator, shape: Shape, place: Place) -> Floats:
    """N(0, 2 / (L fan_in)), He's over sqrt(L) in a network of L layers (Fixup, branches of two: Zhang et al. 2019).

    Fixup's last layer is zeros: `depth_scaled;last=zeros`. It is meant for residual networks.
    """
    return variance_scaling(rng, shape, 2 / place.layers, "fan_in", "normal")


def number(given: Value) -> float:
    """A number or its text, which may be a fraction such as 5/3; raises ValueError for any other."""
    above, slash, below = str(given).partition("/")
    if not slash:
        return float(given)
    if float(below) == 0:
        raise ValueError("a fraction of nothing")
    return float(above) / float(below)


@dataclass(frozen=True)
class Argument:
    """A number that a scheme may take: its name, default, allowed range (ends included) and meaning.

    The default is what a bare name stands for, and an example where a scheme may do without the number.
    """

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

    def read(self, given: Value) -> float:
        """The number itself or its text as a number; raises ValueError where it is not allowed."""
        value = number(given) + 0.0  # -0.0 becomes 0.0
        if not self.accepts(value):
            raise ValueError(self.allowed)
        return value


@dataclass(frozen=True)
class Word:
    """A word that a scheme may take: its name, default, what is allowed, and (theirs, ours) of other words."""

    name: str
    default: str
    choices: tuple[str, ...]
    synonyms: tuple[tuple[str, str], ...] = ()

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        return f"{self.name} {' or '.join(self.choices)}"

    def read(self, given: Value) -> str:
        """The word; raises ValueError where it is not allowed."""
        word = accepted(str(given), self.choices, {theirs: Synonym(ours) for theirs, ours in self.synonyms})
        if word is None:
            raise ValueError(self.allowed)
        return word


Form = tuple[Argument | Word, ...]


@dataclass(frozen=True)
class Initialiser:
    """A named scheme: call it to draw one weight matrix.

    Attributes:
        name: registry name.
        draw: (rng, shape, *values) -> weights; the first line of its docstring has formula and source.
        argument: what it takes behind its name: nothing, one number, or several.
        longer: what it may take instead.
        settle: (values of a longer form) -> those of the first form that mean the same, where there are some; raises
            ValueError for values that do not go together.
        data_driven: whether the training completes it, which rescales the drawn weights on its data.
        random: whether the weights are drawn at random about 0, which is all that mean-field theory knows of.
        starts_equal: whether the units of a layer start with equal weights, and so stay equal.
        independent: whether each weight is drawn by itself, so that biases may be drawn as well.
        placed: whether draw takes the layer's place too.
    """

    name: str
    draw: Callable[..., Floats]
    argument: Argument | Form | None = None
    longer: tuple[Form, ...] = ()
    settle: Callable[[Values], Values] = tuple
    data_driven: bool = False
    random: bool = True
    starts_equal: bool = False
    independent: bool = True
    placed: bool = False

    @property
    def forms(self) -> tuple[Form, ...]:
        """What may stand behind the name; the defaults of the first are what a bare name stands for."""
        first = (self.argument,) if isinstance(self.argument, Argument) else self.argument or ()
        return (first, *self.longer)

    @property
    def summary(self) -> str:
        """One line with the formula and its source, and what comes of units that start equal."""
        return (self.draw.__doc__ or "").partition("\n")[0] + (f" {SYMMETRY}" if self.starts_equal else "")

    @property
    def takes(self) -> str:
        """What it takes behind its name, in words."""
        first = self.forms[0]
        forms = [first, *(form for form in self.longer if form != first[: len(form)])]
        allowed = dict.fromkeys(argument.allowed for form in forms for argument in form)
        named = " or ".join(":".join(argument.name for argument in form) or "nothing" for form in forms)
        return ", ".join([named, *allowed] if len(forms) > 1 or len(first) > 1 else allowed) or NOTHING

    @property
    def examples(self) -> list[str]:
        """A valid text of each form."""
        return [self.text(tuple(argument.default for argument in form)) for form in self.forms]

    def values(self, given: Sequence[Value]) -> Values:
        """What stands behind the name, as texts or values, in its shortest form: checked, and the defaults if nothing.

        Raises ValueError for values out of range, of which it takes none or another number.
        """
        first = self.forms[0]
        if not given:
            return tuple(argument.default for argument in first)
        try:
            form = next(form for form in self.forms if len(form) == len(given))
            values = tuple(argument.read(value) for argument, value in zip(form, given, strict=True))
        except (StopIteration, ValueError):
            raise ValueError(f"{self.name} takes {self.takes}") from None
        return values if form == first else self.settle(values)

    def text(self, values: Values) -> str:
        """The scheme as text: name:a:b."""
        numbers = (v if isinstance(v, str) else repr(float(v)).removesuffix(".0") for v in values)
        return ":".join([self.name, *numbers])

    def about_0(self, values: Values) -> bool:
        """Whether these values draw the weights at random about 0."""
        form = next(form for form in self.forms if len(form) == len(values))
        return self.random and not {MEAN, LOW} & set(form)

    def __call__(
        self,
        rng: np.random.Generator,
        shape: Shape,
        argument: Value | Sequence[Value] | None = None,
        gain: float = 1.0,
        dtype: npt.DTypeLike = np.float64,
        place: Place | None = None,
    ) -> npt.NDArray[np.floating[Any]]:
        """Weights of shape (fan_in, fan_out), times `gain`; drawn in float64, then rounded to `dtype`.

        Args:
            argument: the one value or the several that the scheme takes; None for its defaults.
            place: where the layer stands, the second of three if not given; few schemes depend on it.

        Raises ValueError for arguments out of range, or of which the scheme takes none or another number.
        """
        given = () if argument is None else (argument,) if isinstance(argument, float | int | str) else argument
        try:
            values = self.values(given)
        except ValueError as error:
            raise ValueError(f"initialiser {self.name!r} with argument {argument!r}: {error}") from None
        weights = self.draw(rng, shape, *values, **({"place": place or Place(2, 3)} if self.placed else {}))
        return (gain * weights).astype(dtype, copy=False)


def _without_mean_0(values: Values) -> Values:
    return values[1:] if values[0] == 0 else values


def _without_scale_1(values: Values) -> Values:
    return () if values[0] == 1 else values


def _without_std_1(values: Values) -> Values:
    return values[:1] if values[1] == 1 else values


def _without_usual_std(values: Values) -> Values:
    return values[:1] if values[1] == STD.default else values


def _limit(ends: Values) -> Values:
    low, high = map(float, ends)
    if not low < high:
        raise ValueError("uniform takes a low below its high")
    return (high,) if low == -high else ends


def _completed(values: Values) -> Values:
    return values + tuple(argument.default for argument in VARIANCE_SCALING[len(values) :])


STD = Argument("std", 0.01, 0, 1000, False, "standard deviation of the weights")
MEAN = Argument("mean", 0.5, -1000, 1000, False, "mean of the weights")
LIMIT = Argument("limit", 0.05, 0, 1000, False, "largest absolute weight")
LOW = Argument("low", 0, -1000, 1000, False, "smallest weight")
HIGH = Argument("high", 1, -1000, 1000, False, "largest weight")
SCALE = Argument("scale", 2, 0, 1000, False, "factor on the matrix")
NON_ZERO = Argument("k", 15, 1, 10_000, True, "non-zero incoming weights of each unit")
SHARE = Argument("share", 0.9, 0, 1, False, "share of zeros among the outgoing weights of each input")
VARIANCE = Argument("variance", 2, 1e-9, 1e6, False, "variance of the outputs of each layer")
FUNCTION = Word("function", "linear", ("linear", "relu"), (("identity", "linear"),))
VARIANCE_SCALING: Form = (
    Argument("scale", 1, 0, 1000, False, "variance of the weights times the fan"),
    Word("mode", "fan_in", ("fan_in", "fan_out", "fan_avg")),
    Word(
        "distribution",
        "truncated_normal",
        ("uniform", "normal", "truncated_normal"),
        (("untruncated_normal", "normal"),),
    ),
)
NORMAL: dict[str, Any] = {"argument": STD, "longer": ((MEAN, STD),), "settle": _without_mean_0}
SCALED: dict[str, Any] = {"longer": ((SCALE,),), "settle": _without_scale_1, "independent": False}

INITIALISERS: dict[str, Initialiser] = {
    "zeros": Initialiser("zeros", zeros, random=False, starts_equal=True),
    "constant": Initialiser(
        "constant",
        constant,
        Argument("value", 0.1, -1000, 1000, False, "the value of every weight"),
        random=False,
        starts_equal=True,
    ),
    "uniform": Initialiser("uniform", uniform, LIMIT, ((LOW, HIGH),), _limit),
    "normal": Initialiser("normal", normal, **NORMAL),
    "truncated_normal": Initialiser("truncated_normal", truncated_normal, **NORMAL),
    "plain_truncated_normal": Initialiser("plain_truncated_normal", plain_truncated_normal, **NORMAL),
    "glorot_uniform": Initialiser("glorot_uniform", glorot_uniform),
    "glorot_normal": Initialiser("glorot_normal", glorot_normal),
    "he_uniform": Initialiser("he_uniform", he_uniform),
    "he_normal": Initialiser("he_normal", he_normal),
    "lecun_uniform": Initialiser("lecun_uniform", lecun_uniform),
    "lecun_normal": Initialiser("lecun_normal", lecun_normal),
    "fan_in_uniform": Initialiser("fan_in_uniform", fan_in_uniform),
    "variance_scaling": Initialiser(
        "variance_scaling", scaled_variance, VARIANCE_SCALING, (VARIANCE_SCALING[:1], VARIANCE_SCALING[:2]), _completed
    ),
    "orthogonal": Initialiser("orthogonal", orthogonal, **SCALED),
    "sparse": Initialiser("sparse", sparse, NON_ZERO, ((NON_ZERO, STD),), _without_std_1, independent=False),
    "sparse_share": Initialiser(
        "sparse_share", sparse_share, SHARE, ((SHARE, STD),), _without_usual_std, independent=False
    ),
    "identity": Initialiser("identity", identity, random=False, **SCALED),
    "lsuv": Initialiser("lsuv", lsuv, data_driven=True, **SCALED | {"longer": ((VARIANCE,),)}),
    "looks_linear": Initialiser("looks_linear", looks_linear, random=False, independent=False, placed=True),
    "random_walk": Initialiser("random_walk", random_walk, (FUNCTION,)),
    "depth_scaled": Initialiser("depth_scaled", depth_scaled, placed=True),
}


def parse(text: str) -> tuple[str, Values]:
    """The name and values of a scheme written as `name`, `name:a`, `name:a:b` or `name:a:b:c`.

    They are in their shortest form, `uniform:-1:1` as `uniform:1`, and the defaults where they are left out. Names from
    elsewhere that mean exactly the same are taken too: `xavier_uniform` is `glorot_uniform`. Raises ValueError with one
    line that names the value, what is allowed and, for an unknown name, the nearest known one.
    """
    given, colon, rest = text.strip().partition(":")
    shown = repr(text if len(text) <= 40 else text[:40] + "…")
    found = known(given, INITIALISERS, "initialiser", shown)
    name, *values = f"{found}{colon}{rest}".split(":")
    scheme = INITIALISERS[name]
    try:
        return name, scheme.values(values)
    except ValueError as error:
        raise ValueError(f"initialiser {shown}: {error}; allowed: {' or '.join(scheme.examples)}") from None


def canonical(text: str) -> str:
    """The one spelling of a scheme, with its argument always stated: `normal` and `normal:1e-2` are `normal:0.01`.

    Raises ValueError as `parse` does.
    """
    name, values = parse(text)
    return INITIALISERS[name].text(values)
