"""A network as it learns, as tidy tables with a row per frame and more, and in words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.engine.measures import bin_edges
from core.engine.watching import Film, Plane, decided, passed
from core.registries.activations import ACTIVATIONS
from core.text import listed, number, ordinal, sentences, share, verb

SURFACE, UNIT = 36, 16
"""Places along each side of the decision surface, and of a unit's."""
MOST_UNITS = 24
"""Units of a layer whose surfaces are drawn: its first."""
LINES = 9
"""Lines of the bent plane, in either direction."""
MEASURES = {
    "share saturated": "saturated",
    "mean activation": "activation_mean",
    "mean pre-activation": "preactivation_mean",
    "neurons whose gradient signs agree": "same_sign_epoch",
}
"""What is shown of each layer over training, by name."""
OUTER = 0.8
"""How wide a bin without an end is drawn."""


def times(film: Film, group: str) -> pd.DataFrame:
    """One row per frame: group, frame, epoch, update, and loss and accuracies."""
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    rows = [
        {"group": group, "frame": frame, "epoch": record.epoch, "update": record.update}
        | {name: float(record.epochs[name].item()) for name in names}
        for frame, record in enumerate(film.records)
    ]
    return pd.DataFrame(rows)


def layers(film: Film, group: str) -> pd.DataFrame:
    """One row per frame and layer: group, frame, epoch, update, layer, role, and `MEASURES`."""
    rows = [
        {"group": group, "frame": frame, "epoch": record.epoch, "update": record.update}
        | {"layer": columns["layer"], "role": columns["role"]}
        | {name: float(np.asarray(columns.get(name, np.nan)).item()) for name in MEASURES.values()}
        for frame, record in enumerate(film.records)
        for columns in record.layers
    ]
    return pd.DataFrame(rows)


def histograms(film: Film, quantity: str) -> pd.DataFrame:
    """One row per frame, layer and bin that is not empty: frame, layer, left, right, count, and height of the peak's.

    Args:
        quantity: preactivation or activation; the bins are the result's, the outer ones drawn as wide as others.
    """
    run = film.run
    edges = bin_edges(quantity, ACTIVATIONS[run.activation], run.residual).astype(np.float64)
    inner = edges[np.isfinite(edges)]
    edges = np.clip(edges, inner[0] - OUTER, inner[-1] + OUTER)
    tables = []
    for frame, record in enumerate(film.records):
        for found in record.histograms:
            if found.quantity == quantity:
                counts = found.counts[0]
                filled = np.flatnonzero(counts)
                columns = {"left": edges[filled], "right": edges[filled + 1], "count": counts[filled]}
                height = counts[filled] / counts.max(initial=1)
                tables.append(pd.DataFrame({"frame": frame, "layer": found.layer, **columns, "height": height}))
    return pd.concat(tables, ignore_index=True)


def decision(film: Film, plane: Plane) -> pd.DataFrame:
    """One row per frame and place on the plane, rows of the grid from low to high: frame, x, y, class, sure."""
    places, inputs = plane.grid(SURFACE)
    found, sure = decided(passed(film, inputs), film.experiment.loss)
    return _over(film, places).assign(**{"class": found.ravel(), "sure": sure.ravel()})


def units(film: Film, plane: Plane, layer: int) -> pd.DataFrame:
    """One row per unit of a hidden layer, frame and place on the plane: unit, frame, x, y, activation."""
    places, inputs = plane.grid(UNIT)
    values = passed(film, inputs, layer)[..., :MOST_UNITS]
    table = _over(film, places)
    every = pd.concat([table.assign(unit=unit + 1) for unit in range(values.shape[-1])], ignore_index=True)
    return every.assign(activation=np.moveaxis(values, -1, 0).ravel())


def _over(film: Film, places: NDArray[np.float64]) -> pd.DataFrame:
    frames = len(film)
    x, y = np.tile(places.T, frames)
    return pd.DataFrame({"frame": np.repeat(np.arange(frames), len(places)), "x": x, "y": y})


def heat(film: Film) -> pd.DataFrame:
    """One row per layer, frame and weight: layer, frame, unit, source (0 is the bias), weight."""
    tables = []
    for layer, weights in enumerate(film.weights, 1):
        frame, unit, source = (axis.ravel() for axis in np.indices(weights.shape))
        source = np.where(source == weights.shape[-1] - 1, 0, source + 1)
        columns = {"layer": layer, "frame": frame, "unit": unit + 1, "source": source, "weight": weights.ravel()}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def bent(film: Film, plane: Plane, layer: int) -> pd.DataFrame:
    """The plane as a layer of two units bends it: kind (line or example), frame, line, class, h1, h2.

    Rows of a line are in order; a line's class is -1, an example's line is its number.
    """
    across, up = (np.linspace(low, high, LINES) for low, high in zip(plane.low, plane.high, strict=True))
    fine = np.linspace(0, 1, 25)
    ways = [np.stack([np.full(25, a), plane.low[1] + fine * (plane.high[1] - plane.low[1])], 1) for a in across]
    ways += [np.stack([plane.low[0] + fine * (plane.high[0] - plane.low[0]), np.full(25, b)], 1) for b in up]
    lines = np.concatenate(ways)
    parts = (
        ("line", lines, np.repeat(np.arange(len(ways)), 25), np.full(len(lines), -1)),
        ("example", plane.at, np.arange(len(plane.at)), plane.labels),
    )
    tables = []
    for kind, places, line, labels in parts:
        values = passed(film, plane.base + places @ plane.axes, layer)
        frame = np.repeat(np.arange(len(film)), len(places))
        numbers = {"frame": frame, "line": np.tile(line, len(film)), "class": np.tile(labels, len(film))}
        tables.append(
            pd.DataFrame({"kind": kind, **numbers, "h1": values[..., 0].ravel(), "h2": values[..., 1].ravel()})
        )
    return pd.concat(tables, ignore_index=True)


def examples(plane: Plane, class_names: Sequence[str]) -> pd.DataFrame:
    """The examples on the plane: x, y, class, name."""
    names = [class_names[label] for label in plane.labels]
    return pd.DataFrame({"x": plane.at[:, 0], "y": plane.at[:, 1], "class": plane.labels, "name": names})


def twins(film: Film, frame: int) -> list[int]:
    """Of each hidden layer, how many units have the very incoming weights of another one."""
    found = []
    for weights in film.weights[:-1]:
        _, counts = np.unique(weights[frame], axis=0, return_counts=True)
        found.append(int(counts[counts > 1].sum()))
    return found


def words(film: Film) -> list[str]:
    """What is to be said of each frame."""
    said = []
    for record in film.records:
        loss, accuracy = (float(record.epochs[name].item()) for name in ("train_loss", "train_accuracy"))
        when = f"epoch {record.epoch:,}, update {record.update:,}"
        said.append(f"{when}: loss {number(loss)}, {share(accuracy)} of the training examples right")
    return said


def summary(film: Film) -> str:
    """What becomes of the network from the first frame to the last."""
    first, last = film.records[0], film.records[-1]
    before, after = (float(record.epochs["train_loss"].item()) for record in (first, last))
    width = film.run.hidden
    begun, ended = twins(film, 0), twins(film, len(film) - 1)
    alike = [
        f"{'all' if end == width[place] else f'{end:,} of the'} {width[place]:,} units in the {ordinal(place + 1)} "
        "hidden layer"
        for place, end in enumerate(ended)
        if end
    ]
    earlier = f"; at the start {sum(begun):,} had" if begun != ended else ""
    course = f"{'falls' if after < before else 'rises'} from {number(before)} to {number(after)}"
    if number(before) == number(after):
        course = f"stays at {number(after)}"
    training = f"from update {first.update:,} to update {last.update:,} the training loss {course}"
    if last.update == first.update:
        training = f"at update {first.update:,} the training loss is {number(before)}"
    same = f"{listed(alike)} {verb(sum(ended), 'has', 'have')} at the end the very weights of another unit"
    return sentences(
        [
            training,
            f"{same}, and so the same surface{earlier}" if alike else "",
            "then the run diverged" if film.lost else "",
        ]
    )
