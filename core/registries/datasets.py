"""Data sets: real and synthetic ones, split into a training and a test part, and scaled.

Everything is a pure function of its arguments: equal arguments give equal data.
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.registries.initialisers import Argument
from core.registries.synonyms import known

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Points = tuple[Floats, Integers]

SCALINGS = ("standardised", "unit_interval", "symmetric_interval", "raw")
MIN_SAMPLES, MAX_SAMPLES = 20, 20_000  # from 2 examples of each class, so that both parts hold every class
MIN_NOISE, MAX_NOISE = 0.0, 2.0
MIN_TEST_SHARE, MAX_TEST_SHARE = 0.05, 0.9  # or 0: no test part
MAX_FEATURES = 2_000
MAX_CLASSES = 10
SETTINGS = ("samples", "noise", "test_share")
"""Settings of an experiment that have no effect on some data sets."""
OWN = "own"
"""What the names of data sets begin with that are somebody's own, as own:fingerprint."""
OWN_ALLOWED = "the same table given again, known by its fingerprint; see core.own_data"


@dataclass(frozen=True, eq=False)
class Data:
    """A data set ready for training: x (n, features) float64, y (n,) int64 class numbers from 0."""

    train_x: Floats
    train_y: Integers
    test_x: Floats
    test_y: Integers
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]


def two_moons(rng: np.random.Generator, samples: int, noise: float) -> Points:
    """Two interleaving half circles of radius 1."""
    from sklearn.datasets import make_moons

    x, y = make_moons(samples, noise=noise, random_state=int(rng.integers(2**31)))
    return x, y


def circles(rng: np.random.Generator, samples: int, noise: float, ratio: float) -> Points:
    """A circle of radius `ratio` inside one of radius 1."""
    from sklearn.datasets import make_circles

    x, y = make_circles(samples, noise=noise, factor=ratio, random_state=int(rng.integers(2**31)))
    return x, y


def gaussian_blobs(rng: np.random.Generator, samples: int, noise: float, clouds: int) -> Points:
    """Normal clouds whose centres lie evenly on a circle of radius 1; their std is the noise."""
    from sklearn.datasets import make_blobs

    angle = 2 * np.pi * np.arange(clouds) / clouds
    centres = np.column_stack([np.cos(angle), np.sin(angle)])
    x, y = make_blobs(samples, centers=centres, cluster_std=noise, random_state=int(rng.integers(2**31)))
    return x, y


def spirals(rng: np.random.Generator, samples: int, noise: float, turns: float) -> Points:
    """Two spirals of so many turns and radius 2, one the other turned by half a circle."""
    y = np.arange(samples) % 2
    t = np.linspace(0.05, 1, samples)
    angle = 2 * np.pi * turns * t + np.pi * y
    x = 2 * t[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return x + noise * rng.standard_normal(x.shape), y


def xor(rng: np.random.Generator, samples: int, noise: float) -> Points:
    """The square from -1 to 1, a small gap along the axes; the class says whether the two signs differ."""
    quadrant = np.arange(samples) % 4
    signs = np.column_stack([quadrant // 2, quadrant % 2]) * 2.0 - 1
    x = signs * rng.uniform(0.05, 1, (samples, 2))
    y = (signs[:, 0] != signs[:, 1]).astype(np.int64)
    return x + noise * rng.standard_normal(x.shape), y


def gaussian(rng: np.random.Generator, samples: int, noise: float, features: int, classes: int) -> Points:
    """Standard normal inputs, their classes at random and of equal size; there is nothing to add noise to."""
    x = rng.standard_normal((samples, features))
    return x, rng.permutation(np.arange(samples) % classes)


def gaussian_teacher(rng: np.random.Generator, samples: int, noise: float, features: int) -> Points:
    """Standard normal inputs; the class says on which side of a random hyperplane through 0 they lie.

    Inputs on the side of the wrong class change their sign, which keeps them standard normal and the classes equal.
    """
    x, y = rng.standard_normal((samples, features)), np.arange(samples) % 2
    side = x @ rng.standard_normal(features) > 0
    x[side != (y == 1)] *= -1
    return x, y


def parity(bits: int) -> Points:
    """All points of so many inputs -1 or 1; the class says whether the number of ones is odd."""
    ones: Integers = np.arange(2**bits)[:, None] >> np.arange(bits)[::-1] & 1
    x = np.where(ones == 1, 1.0, -1.0)
    return x, ones.sum(axis=1) % 2


def from_sklearn(file: str) -> Callable[[], Points]:
    """What reads one of scikit-learn's own data files, whose last column is the class.

    Reads the installed file without importing scikit-learn, whose import takes longer than the rest of a
    dashboard's cold start. The place of the files is not a promise of scikit-learn's: the tests compare
    every data set with its public loader.
    """

    def read() -> Points:
        package = importlib.util.find_spec("sklearn")
        if package is None or not package.submodule_search_locations:
            raise ModuleNotFoundError("the real data sets are read from scikit-learn, which is not installed")
        path = Path(package.submodule_search_locations[0], "datasets", "data", file)
        # The plain files begin with a line of counts and class names, the compressed one does not.
        table = np.loadtxt(path, delimiter=",", skiprows=0 if path.suffix == ".gz" else 1)
        return np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64)

    return read


@dataclass(frozen=True)
class Dataset:
    """What is known of a data set without loading it.

    A real one has the rows that `read` gives; a synthetic one is generated, any number of rows.

    Attributes:
        name, summary, source: what it is and where it comes from.
        feature_names, class_names: of the inputs, and of the classes from 0.
        class_sizes: examples of each class of a real one; of a synthetic one, (samples) -> them.
        read: () -> x and y of a real one, such as `from_sklearn("iris.csv")`.
        generate: (rng, samples, noise) -> x and y of a synthetic one.
        noisy: whether a synthetic one takes noise.
        whole: whether it is all there is, so that nothing is kept back for testing.
        arguments: the numbers that may follow its name, as in circles:0.8; see `with_arguments`.
        of: those numbers -> the data set; the entry itself is the one of their defaults.
    """

    name: str
    summary: str
    source: str
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    class_sizes: tuple[int, ...] | Callable[[int], tuple[int, ...]]
    read: Callable[[], Points] | None = None
    generate: Callable[[np.random.Generator, int, float], Points] | None = None
    noisy: bool = True
    whole: bool = False
    arguments: tuple[Argument, ...] = ()
    of: "Callable[..., Dataset] | None" = None

    @property
    def settings(self) -> tuple[str, ...]:
        """Those of `SETTINGS` that have an effect on it."""
        used = (self.synthetic, self.synthetic and self.noisy, not self.whole)
        return tuple(name for name, is_used in zip(SETTINGS, used, strict=True) if is_used)

    @property
    def synthetic(self) -> bool:
        """Whether it is generated, so that size and noise can be chosen."""
        return self.generate is not None

    @property
    def examples(self) -> int | None:
        """Rows of a real data set; None of a synthetic one, which has as many as are asked for."""
        return None if callable(self.class_sizes) else sum(self.class_sizes)

    @property
    def features(self) -> int:
        """Number of inputs."""
        return len(self.feature_names)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def outputs(self) -> int:
        """Output units of a network that learns it."""
        return outputs(self.classes)

    def part_sizes(self, samples: int, test_share: float) -> tuple[int, int]:
        """Examples in the training and in the test part, without loading them; see `load`. A real one takes no size."""
        sizes = self.class_sizes(samples) if callable(self.class_sizes) else self.class_sizes
        test = sum(kept_back(size, 0 if self.whole else test_share) for size in sizes)
        return sum(sizes) - test, test


def outputs(classes: int) -> int:
    """Output units for so many classes: one for two classes, else one a class."""
    return 1 if classes == 2 else classes


def kept_back(class_size: int, test_share: float) -> int:
    """How many of the examples of a class go to the test part: at least one and not all, or none at a share of 0."""
    return min(max(round(test_share * class_size), 1), class_size - 1) if test_share else 0


def _halves(samples: int) -> tuple[int, int]:
    return samples // 2, samples - samples // 2


def _in_turn(classes: int) -> Callable[[int], tuple[int, ...]]:
    """The class sizes of examples that are of one class after the other."""
    return lambda samples: tuple((samples + classes - 1 - label) // classes for label in range(classes))


def with_arguments(arguments: Sequence[Argument], of: Callable[..., Dataset]) -> Dataset:
    """The entry of a data set that takes `arguments`, of which `of` makes the data set; whole ones come as int."""
    return replace(
        of(*(_value(argument, argument.default) for argument in arguments)), arguments=tuple(arguments), of=of
    )


def _value(argument: Argument, value: float) -> float:
    return int(value) if argument.integer else value + 0.0


def _inputs(features: int) -> tuple[str, ...]:
    return tuple(f"x{number + 1}" for number in range(features))


FEATURES = Argument("features", 100, 1, MAX_FEATURES, True, "number of inputs")


CELL_MEASURES = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave points", "symmetry", "fractal dimension"),
)

DATASETS: dict[str, Dataset] = {
    "digits": Dataset(
        name="digits",
        summary="Handwritten digits as 8 x 8 pixels of 0 to 16",
        source="Alpaydin & Kaynak 1998, UCI Optical Recognition of Handwritten Digits (test part), from scikit-learn",
        feature_names=tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
        class_names=tuple("0123456789"),
        class_sizes=(178, 182, 177, 183, 181, 182, 181, 179, 174, 180),
        read=from_sklearn("digits.csv.gz"),
    ),
    "iris": Dataset(
        name="iris",
        summary="Three species of iris from four lengths of their flowers",
        source="Fisher 1936, UCI Iris, from scikit-learn",
        feature_names=("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
        class_names=("setosa", "versicolor", "virginica"),
        class_sizes=(50, 50, 50),
        read=from_sklearn("iris.csv"),
    ),
    "wine": Dataset(
        name="wine",
        summary="Three growers' wines from thirteen chemical measurements",
        source="Forina et al. 1988, UCI Wine, from scikit-learn",
        feature_names=(
            *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
            *("nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
            *("od280/od315_of_diluted_wines", "proline"),
        ),
        class_names=("class_0", "class_1", "class_2"),
        class_sizes=(59, 71, 48),
        read=from_sklearn("wine_data.csv"),
    ),
    "breast_cancer": Dataset(
        name="breast_cancer",
        summary="Malignant or benign tumours from thirty measurements of cell nuclei",
        source="Street, Wolberg & Mangasarian 1993, UCI Breast Cancer Wisconsin (Diagnostic), from scikit-learn",
        feature_names=(
            *(f"mean {measure}" for measure in CELL_MEASURES),
            *(f"{measure} error" for measure in CELL_MEASURES),
            *(f"worst {measure}" for measure in CELL_MEASURES),
        ),
        class_names=("malignant", "benign"),
        class_sizes=(212, 357),
        read=from_sklearn("breast_cancer.csv"),
    ),
    "two_moons": Dataset(
        name="two_moons",
        summary="Two interleaving half circles in the plane",
        source="generated, scikit-learn's make_moons",
        feature_names=("x1", "x2"),
        class_names=("upper moon", "lower moon"),
        class_sizes=_halves,
        generate=two_moons,
    ),
    "circles": with_arguments(
        [Argument("ratio", 0.5, 0.01, 0.99, False, "radius of the inner circle over that of the outer one")],
        lambda ratio: Dataset(
            name="circles",
            summary="A circle within a circle in the plane",
            source="generated, scikit-learn's make_circles",
            feature_names=("x1", "x2"),
            class_names=("outer circle", "inner circle"),
            class_sizes=_halves,
            generate=partial(circles, ratio=ratio),
        ),
    ),
    "spirals": with_arguments(
        [Argument("turns", 1.75, 0.25, 10, False, "how often each spiral goes round")],
        lambda turns: Dataset(
            name="spirals",
            summary="Two spirals wound around each other in the plane",
            source="generated, after Lang & Witbrock 1988",
            feature_names=("x1", "x2"),
            class_names=("first spiral", "second spiral"),
            class_sizes=_in_turn(2),
            generate=partial(spirals, turns=turns),
        ),
    ),
    "xor": Dataset(
        name="xor",
        summary="Four quadrants of the plane, opposite ones of one class",
        source="generated, after Minsky & Papert 1969",
        feature_names=("x1", "x2"),
        class_names=("same sign", "different signs"),
        class_sizes=lambda samples: ((samples + 3) // 4 + samples // 4, (samples + 2) // 4 + (samples + 1) // 4),
        generate=xor,
    ),
    "gaussian_blobs": with_arguments(
        [Argument("clouds", 3, 2, MAX_CLASSES, True, "number of clouds, each a class")],
        lambda clouds: Dataset(
            name="gaussian_blobs",
            summary="Normal clouds in the plane, each a class",
            source="generated, scikit-learn's make_blobs",
            feature_names=("x1", "x2"),
            class_names=("right", "upper left", "lower left")
            if clouds == 3
            else tuple(f"cloud {number + 1}" for number in range(clouds)),
            class_sizes=_in_turn(clouds),
            generate=partial(gaussian_blobs, clouds=clouds),
        ),
    ),
    "gaussian": with_arguments(
        [FEATURES, Argument("classes", 2, 2, MAX_CLASSES, True, "number of classes")],
        lambda features, classes: Dataset(
            name="gaussian",
            summary="Standard normal inputs with random labels: nothing to learn but the examples by heart",
            source="generated, as published statistics of deep networks at initialisation have their inputs",
            feature_names=_inputs(features),
            class_names=tuple(f"class {number + 1}" for number in range(classes)),
            class_sizes=_in_turn(classes),
            generate=partial(gaussian, features=features, classes=classes),
            noisy=False,
        ),
    ),
    "gaussian_teacher": with_arguments(
        [FEATURES],
        lambda features: Dataset(
            name="gaussian_teacher",
            summary="Standard normal inputs, labelled by a random hyperplane through 0 as their teacher",
            source="generated, the teacher perceptron of Gardner & Derrida 1989",
            feature_names=_inputs(features),
            class_names=("one side", "other side"),
            class_sizes=_in_turn(2),
            generate=partial(gaussian_teacher, features=features),
            noisy=False,
        ),
    ),
    "parity": with_arguments(
        [Argument("bits", 2, 2, 12, True, "number of inputs")],
        lambda bits: Dataset(
            name="parity",
            summary="All points of inputs -1 or 1 by whether their ones are odd, XOR at 2 inputs; it has no test part",
            source="Minsky & Papert 1969; Rumelhart, Hinton & Williams 1986",
            feature_names=_inputs(bits),
            class_names=("even", "odd"),
            class_sizes=(2 ** (bits - 1), 2 ** (bits - 1)),
            read=partial(parity, bits),
            whole=True,
        ),
    ),
}


_OWN: dict[str, Dataset] = {}


def keep_own(dataset: Dataset) -> bool:
    """Make somebody's own data set known by its name until `forget_own`, as `core.own_data` does: whether it is new."""
    new = dataset.name not in _OWN
    _OWN[dataset.name] = dataset
    return new


def forget_own(name: str) -> None:
    """Let an own data set go; nothing happens where it is not known."""
    _OWN.pop(name, None)


def is_own(text: str) -> bool:
    """Whether the name is that of somebody's own data, known here or not."""
    return text.startswith(f"{OWN}:")


def canonical(text: str) -> str:
    """The one spelling of `name`, `name:argument` or `own:fingerprint`; arguments at their defaults are left out.

    Names from elsewhere that mean exactly the same are taken too: `make_circles` is `circles:0.8`. Raises ValueError
    with one line that names the value, what is allowed and, for an unknown name, the nearest known one.
    """
    if is_own(text):
        if text not in _OWN:
            raise ValueError(f"dataset {text[:40]!r} is somebody's own table that is not here; allowed: {OWN_ALLOWED}")
        return text
    given, colon, numbers = (part.strip() for part in text.partition(":"))
    found = known(given, DATASETS, "dataset", repr(text[:40]))
    name, *texts = f"{found}{colon}{numbers}".split(":")
    arguments = DATASETS[name].arguments
    values = [_read(argument, number) for argument, number in zip(arguments, texts, strict=False)]
    if len(texts) > len(arguments) or None in values:
        raise ValueError(f"dataset {text[:40]!r}; allowed: {takes(name)}")
    defaults = [_value(argument, argument.default) for argument in arguments]
    while values and values[-1] == defaults[len(values) - 1]:
        values.pop()
    return ":".join([name, *(repr(value).removesuffix(".0") for value in values)])


def takes(name: str) -> str:
    """What may follow the name of a data set, in words."""
    arguments = DATASETS[name].arguments
    if not arguments:
        return f"{name} takes no argument"
    usual = ":".join(f"{argument.default:g}" for argument in arguments)
    form = ":".join([name, *(argument.name for argument in arguments)])
    return f"{name} takes {form}, {', '.join(argument.allowed for argument in arguments)}, and alone is {name}:{usual}"


def _read(argument: Argument, text: str) -> float | None:
    """The number, or None where it is none that is allowed."""
    try:
        value = float(text)
    except ValueError:
        return None
    return _value(argument, value) if argument.accepts(value) else None


def dataset_of(text: str) -> Dataset:
    """The data set of a name, with its arguments if it has any: circles:0.8. Raises ValueError as `canonical` does."""
    text = canonical(text)
    if text in _OWN:
        return _OWN[text]
    name, *numbers = text.split(":")
    entry = DATASETS[name]
    if entry.of is None or not numbers:
        return entry
    given = [_value(argument, float(number)) for argument, number in zip(entry.arguments, numbers, strict=False)]
    standard = [_value(argument, argument.default) for argument in entry.arguments[len(given) :]]
    return replace(entry.of(*given, *standard), name=text, arguments=entry.arguments, of=entry.of)


def load(
    name: str,
    *,
    samples: int = 400,
    noise: float = 0.1,
    scaling: str = "standardised",
    test_share: float = 0.2,
    seed: int = 0,
) -> Data:
    """The data set `name`, split and scaled.

    Args:
        samples: number of examples, training and test together; synthetic data sets only.
        noise: standard deviation of the normal noise on each coordinate; synthetic data sets only.
        scaling: `standardised` (mean 0, std 1), `unit_interval` (0 to 1) or `symmetric_interval` (-1 to 1;
            in both, test values beyond the training range are clipped), or `raw`. Fitted on the training part
            alone; features that are constant there become 0, except in raw data.
        test_share: share of each class that goes to the test part, rounded, at least one example and never all;
            0 for none. A data set that is all there is has no test part whatever the share.
        seed: seed of the synthetic examples, of the split and of the order of rows.

    Raises ValueError for an unknown name or a value out of range.
    """
    dataset = dataset_of(name)
    if scaling not in SCALINGS:
        raise ValueError(f"unknown scaling {scaling[:40]!r}; allowed: {', '.join(SCALINGS)}")
    for field, value, low, high in (
        ("samples", samples, MIN_SAMPLES, MAX_SAMPLES),
        ("noise", noise, MIN_NOISE, MAX_NOISE),
        ("test_share", test_share, MIN_TEST_SHARE, MAX_TEST_SHARE),
    ):
        none = field == "test_share"
        if not (low <= value <= high or (none and value == 0)):
            raise ValueError(f"{field} {value!r}; allowed: {'0 or ' * none}from {low:g} to {high:g}")
    points_rng, split_rng = (np.random.default_rng(stream) for stream in np.random.SeedSequence(seed).spawn(2))
    x, y = _points(dataset, points_rng, samples, noise)
    train, test = split(y, 0 if dataset.whole else test_share, split_rng)
    train_x, test_x = scale(x[train], x[test], scaling)
    return Data(train_x, y[train], test_x, y[test], dataset.class_names, dataset.feature_names)


def _points(dataset: Dataset, rng: np.random.Generator, samples: int, noise: float) -> Points:
    if dataset.generate is not None:
        return dataset.generate(rng, samples, noise)
    if dataset.read is None:
        raise ValueError(f"data set {dataset.name!r} has neither `read` nor `generate`")
    x, y = dataset.read()
    if x.shape != (dataset.examples, dataset.features):
        raise ValueError(f"data set {dataset.name!r} has the shape {x.shape}, not {dataset.examples, dataset.features}")
    if (sizes := tuple(np.bincount(y, minlength=dataset.classes).tolist())) != dataset.class_sizes:
        raise ValueError(f"data set {dataset.name!r} has classes of {sizes} examples, not {dataset.class_sizes}")
    return x, y


def split(y: Integers, test_share: float, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Row numbers of the training and of the test part, each in random order, with equal shares of every class."""
    order = rng.permutation(len(y))
    is_test = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        rows = order[y[order] == label]
        is_test[rows[: kept_back(len(rows), test_share)]] = True
    return rng.permutation(np.flatnonzero(~is_test)), rng.permutation(np.flatnonzero(is_test))


def scale(train: Floats, test: Floats, scaling: str) -> tuple[Floats, Floats]:
    """Both parts scaled by the statistics of `train`; see `load`."""
    if scaling == "raw":
        return train, test
    low, high = train.min(axis=0), train.max(axis=0)
    varies = high > low  # not std > 0: the std of a constant column can be a rounding error
    if scaling != "standardised":
        centre, width = low, high - low
        test = np.clip(test, low, high)
    else:
        centre, width = train.mean(axis=0), train.std(axis=0)
    width = np.where(varies, width, 1)
    train, test = (np.where(varies, (part - centre) / width, 0.0) for part in (train, test))
    if scaling == "symmetric_interval":
        train, test = (np.where(varies, 2 * part - 1, 0.0) for part in (train, test))
    return train, test
