"""Entries that are not the lab's: put into a registry by a script or a notebook, and valid from then on.

They are looked at when first used, and known by what they do, so that a result is never taken for that of another entry
of the same name.
"""

import hashlib
import importlib
import os
import pickle
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.registries.activations import ACTIVATIONS, Activation
from core.registries.datasets import DATASETS, Dataset, load
from core.registries.initialisers import INITIALISERS, Initialiser
from core.registries.losses import LOSSES, Loss
from core.registries.optimisers import OPTIMISERS, Optimiser

Array = NDArray[Any]
Entries = dict[str, dict[str, Any]]
"""Entries by registry and name."""

REGISTRIES: dict[str, dict[str, Any]] = {
    "dataset": DATASETS,
    "activation": ACTIVATIONS,
    "initialiser": INITIALISERS,
    "loss": LOSSES,
    "optimiser": OPTIMISERS,
}
"""By what the settings that name their entries are called, or end in."""
_LABS = {kind: dict(registry) for kind, registry in REGISTRIES.items()}
_TOKEN = uuid.uuid4().hex
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_POINTS = np.linspace(-6.0, 6.0, 241) + 0.0123  # not at 0 and the like, where functions have corners
_STEP = 1e-5
_CLOSE = 1e-4


class AddedError(ValueError):
    """What is wrong with an entry: one line, to stand behind its name."""


def added(texts: Mapping[str, str]) -> Entries:
    """The entries that are not the lab's among those that settings name, given as texts by setting."""
    found: Entries = {}
    for kind, registry in REGISTRIES.items():
        labs = _LABS[kind]
        others = {name for name, entry in registry.items() if labs.get(name) is not entry}
        if others:
            words = {word for name, text in texts.items() if name.endswith(kind) for word in re.findall(r"\w+", text)}
            if others & words:
                found[kind] = {name: registry[name] for name in sorted(others & words)}
    return found


@dataclass(frozen=True)
class Packed:
    """Entries as bytes, and the process that they are of."""

    home: tuple[str, int]
    content: bytes


def _here() -> tuple[str, int]:
    return _TOKEN, os.getpid()


def pack(entries: Entries) -> Packed:
    """The entries for another process. Raises AddedError for one that cannot travel.

    Functions of a module go by its name. Those of a script or notebook, and lambdas, go whole where cloudpickle is
    installed, which Dask brings along.
    """
    try:
        dumps: Callable[[Entries], bytes] = importlib.import_module("cloudpickle").dumps
    except ImportError:
        dumps = _pickled
    try:
        return Packed(_here(), dumps(entries))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise AddedError(f"cannot travel to a worker process ({reason})") from error


def _pickled(entries: Entries) -> bytes:
    content = pickle.dumps(entries)
    if b"__main__" in content:  # found here, and nothing of that name there
        raise AddedError("its functions are in the main script or notebook")
    return content


def unpack(packed: Packed) -> bool:
    """Whether the entries are of another process; if so, put them into the registries of this one."""
    elsewhere = packed.home != _here()
    if elsewhere:
        for kind, entries in pickle.loads(packed.content).items():
            REGISTRIES[kind].update(entries)
    return elsewhere


# --- Looked at


def mistyped() -> Iterable[tuple[str, str, str]]:
    """Registry, name and what is wrong with what is no entry, such as a bare function, which nothing can look into."""
    for kind, registry in REGISTRIES.items():
        wanted = _LOOKS[kind][0]
        for name, entry in registry.items():
            if not isinstance(entry, wanted):
                yield kind, name, f"is of the type {type(entry).__name__}, not {wanted.__name__}"


_LOOKED_AT: dict[int, tuple[object, str]] = {}


def fingerprint(kind: str, name: str, entry: object) -> str:
    """Hexadecimal digits that tell what the entry does. Raises AddedError for one that cannot be used."""
    if name in _LABS[kind]:
        raise AddedError("is the lab's own, replaced by something else; give it a name of its own")
    if not _NAME.fullmatch(name):
        raise AddedError("has a name that no link can hold; allowed: lower-case letters, digits and underscores")
    if (known := _LOOKED_AT.get(id(entry))) is not None:
        return known[1]
    try:
        values = [np.asarray(value, np.float64) for value in _LOOKS[kind][1](entry)]
    except AddedError:
        raise
    except Exception as error:
        raise AddedError(f"fails when it is tried: {type(error).__name__}: {error}") from error
    if not all(np.isfinite(value).all() for value in values):
        raise AddedError("gives numbers that are not finite when it is tried")
    content = hashlib.sha256()
    for value in values:
        content.update(repr(value.shape).encode() + value.tobytes())
    _LOOKED_AT[id(entry)] = (entry, content.hexdigest()[:16])
    return _LOOKED_AT[id(entry)][1]


def _activation(entry: Activation) -> Iterable[Array]:
    h, slope = entry.forward(_POINTS.copy()), entry.slope(_POINTS.copy())
    differences = (entry.forward(_POINTS + _STEP) - entry.forward(_POINTS - _STEP)) / (2 * _STEP)
    off = np.abs(slope - differences)
    at = int(off.argmax())
    if off[at] > _CLOSE * (1 + np.abs(differences).max()):
        raise AddedError(
            f"has a slope of {slope[at]:.4g} at x = {_POINTS[at]:.4g}, where differences give {differences[at]:.4g}"
        )
    low, high = entry.range
    if h.min() < low - _CLOSE or h.max() > high + _CLOSE:
        raise AddedError(f"has values from {h.min():.4g} to {h.max():.4g}, outside its range, {low:g} to {high:g}")
    if np.abs(slope).max() > entry.max_slope * (1 + _CLOSE):
        raise AddedError(f"has a slope of {np.abs(slope).max():.4g}, and says that the largest is {entry.max_slope:g}")
    trained = {"forward": (entry.quick_forward(_POINTS.copy(), out=np.empty_like(h)), h)}
    if entry.slope_from_output is not None:
        trained["slope"] = entry.slope_from_output(h.copy(), out=np.empty_like(h)), slope
    for what, (quick, exact) in trained.items():
        if np.abs(quick - exact).max() > _CLOSE * (1 + np.abs(exact).max()):
            raise AddedError(f"has another {what} in training (with out, or from its output) than where it is measured")
    return h, slope


def _initialiser(entry: Initialiser) -> Iterable[Array]:
    drawn = [entry(np.random.default_rng(0), shape) for shape in ((6, 4), (3, 5))]
    if [weights.shape for weights in drawn] != [(6, 4), (3, 5)]:
        raise AddedError("draws weights of another shape than it is asked for, (fan_in, fan_out)")
    return drawn


def _dataset(entry: Dataset) -> Iterable[Array]:
    name = next(name for name, other in DATASETS.items() if other is entry)
    data = load(name, scaling="raw", test_share=0)
    if data.train_x.shape[1] != entry.features:
        raise AddedError(f"has {entry.features} feature_names and {data.train_x.shape[1]} features")
    return data.train_x, data.train_y


def _loss(entry: Loss) -> Iterable[Array]:
    tried = []
    for outputs in (1, 3):
        logits = np.linspace(-2.0, 2.0, 5 * outputs).reshape(outputs, 5)
        targets = (np.arange(5) % 2)[None].astype(float) if outputs == 1 else np.eye(3)[:, [0, 1, 2, 0, 1]]
        delta = logits.copy()
        entry.delta(delta, targets)
        tried += [entry.value(logits.copy(), targets), delta]
    return tried


def _optimiser(entry: Optimiser) -> Iterable[Array]:
    slots = [np.zeros((2, 3)) for _ in range(entry.slots)]
    updates = []
    for count in (1, 2, 3):
        gradient = np.linspace(-1.0, 2.0, 6).reshape(2, 3) * count
        entry.step(gradient, slots, np.full((1, 1), 0.1), entry.argument or 0.0, count)
        updates.append(gradient)
    return updates


_LOOKS: dict[str, tuple[type, Callable[[Any], Iterable[Array]]]] = {
    "dataset": (Dataset, _dataset),
    "activation": (Activation, _activation),
    "initialiser": (Initialiser, _initialiser),
    "loss": (Loss, _loss),
    "optimiser": (Optimiser, _optimiser),
}
