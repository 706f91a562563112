"""Somebody's own examples as a data set, known by the fingerprint of its values."""

import hashlib
from typing import Any

import numpy as np

from core.registries.datasets import MAX_FEATURES, OWN, Dataset, Floats, Integers, keep_own
from core.text import count

DIGITS = 12
"""Hexadecimal digits of a fingerprint: of a million tables hardly two share one."""
MOST_CLASSES = 1_000
MISSING = ("None", "nan", "NaT", "<NA>")
LARGEST = 1e100
"""Squares of what is larger, which standardising sums, are no finite numbers."""
ALLOWED = f"a table (examples, features) of finite numbers, at most {LARGEST:g}"


def own_data(name: str, x: Any, y: Any) -> Dataset:
    """A data set of one's own, which this process knows from now on: `Experiment(dataset=own_data("mine", x, y).name)`.

    Its name in experiments, links and tables is own:fingerprint. The fingerprint is of values and labels alone, so
    that the same table gives the same experiments, whatever it is called and whether it is an array or a DataFrame.

    Args:
        name: what it is, in words; it becomes the summary.
        x: (examples, features) finite numbers, an array, a DataFrame or rows.
        y: (examples,) labels of any type; the classes are in the labels' order.

    Raises ValueError with one line about what cannot be trained on.
    """
    dataset = made_of(name, x, y)
    keep_own(dataset)
    return dataset


def made_of(name: str, x: Any, y: Any) -> Dataset:
    """The same data set, of which this process knows nothing yet."""
    try:
        if np.asarray(x).dtype.kind not in "biufOSU":  # dates and complex numbers would become others
            raise TypeError
        points = np.array(x, dtype=np.float64, order="C") + 0.0  # -0.0 and 0.0 are one value
    except (TypeError, ValueError):
        raise ValueError(f"own data {name!r}: x holds something that is no number; allowed: {ALLOWED}") from None
    if points.ndim != 2 or not 1 <= points.shape[1] <= MAX_FEATURES:
        raise ValueError(
            f"own data {name!r}: x has the shape {points.shape}; allowed: {ALLOWED}, 1 to {MAX_FEATURES:,} features"
        )
    if not (usable := np.abs(points) <= LARGEST).all():
        row, column = np.argwhere(~usable)[0].tolist()
        raise ValueError(
            f"own data {name!r}: x is {points[row, column]} in row {row}, column {column}; allowed: {ALLOWED}"
        )
    labels, classes = _classes(name, y, len(points))
    names = tuple(str(column) for column in getattr(x, "columns", (f"x{i + 1}" for i in range(points.shape[1]))))
    return numbered(name, points, labels, classes, names)


def numbered(name: str, points: Floats, labels: Integers, classes: tuple[str, ...], names: tuple[str, ...]) -> Dataset:
    """The data set of checked `points` (examples, features) and numbers of classes; `keep_own` makes it known."""
    text = f"{OWN}:{_fingerprint(points, labels, classes)}"
    points.flags.writeable = labels.flags.writeable = False  # what a fingerprint was taken of stays as it is
    return Dataset(
        name=text,
        summary=name,
        source="own data, not the lab's",
        feature_names=names,
        class_names=classes,
        class_sizes=tuple(np.bincount(labels).tolist()),
        read=lambda: (points, labels),
    )


def _classes(name: str, y: Any, examples: int) -> tuple[Integers, tuple[str, ...]]:
    """The number of each example's class, and the classes' names in order."""
    if np.shape(y) != (examples,):
        raise ValueError(
            f"own data {name!r}: y has the shape {np.shape(y)}; allowed: ({examples},), a label for each example"
        )
    labels = y.tolist() if hasattr(y, "tolist") else list(y)
    missing = [row for row, label in enumerate(labels) if not isinstance(label, str) and str(label) in MISSING]
    if missing:
        raise ValueError(f"own data {name!r}: y has no label in row {missing[0]}; allowed: a label for each example")
    try:
        order = sorted(set(labels))
    except TypeError:  # of several types
        labels = [str(label) for label in labels]
        order = sorted(set(labels))
    if not 2 <= len(order) <= MOST_CLASSES:
        raise ValueError(
            f"own data {name!r}: y has {count(len(order), 'class', 'classes')}; allowed: 2 to {MOST_CLASSES:,}"
        )
    number = {label: place for place, label in enumerate(order)}
    return np.array([number[label] for label in labels], np.int64), tuple(map(str, order))


def _fingerprint(points: Floats, labels: Integers, classes: tuple[str, ...]) -> str:
    content = hashlib.sha256(repr((points.shape, classes)).encode())
    content.update(points.astype("<f8").tobytes())
    content.update(labels.astype("<i8").tobytes())
    return content.hexdigest()[:DIGITS]
