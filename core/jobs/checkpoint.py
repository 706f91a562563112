"""A sweep in training as bytes, and back: a server that was stopped goes on from there, to the same result.

The structure is JSON, the arrays are an npz file that NumPy reads without pickle. Whatever `training.start` makes anew
is left out, and what it makes is what the rest is checked against.
"""

import dataclasses
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.engine import training
from core.engine.recording import Histogram, Record
from core.engine.state import State
from core.experiment.experiment import Experiment
from core.jobs.plan import Chunk, Work, beginning

FORMAT = 3
"""Version of the bytes; others are not read."""

WHEN = ("epoch", "update", "seconds")
"""Fields of a Record that stand beside its structure: of each point they are others."""

ANEW = ("experiment", "runs", "shape", "train", "test", "initial", "ties")
"""Fields of a State that are as `training.start` makes them, however far training is."""

HEADER = "header"
ARRAY = "_array"

Array = NDArray[Any]


class CheckpointError(ValueError):
    """Bytes that are no checkpoint of this experiment, or one that cannot be gone on with."""


def dump(works: Iterable[Work]) -> bytes:
    """All that it takes to go on with these chunks, but for the experiment and its data."""
    writer = _Writer()
    chunks = [
        {
            "runs": [run.run for run in work.chunk.runs],
            "seconds": work.chunk.seconds,
            "pace": work.pace,
            "epoch": work.epoch,
            "state": writer.add(_going_on(work.state)) if isinstance(work.state, State) else None,
            "records": [
                [writer.add({**vars(record), **dict.fromkeys(WHEN)}), *(getattr(record, name) for name in WHEN)]
                for record in work.records
            ],
        }
        for work in works
    ]
    header = {"versions": _versions(), "structures": [*map(json.loads, writer.structures)], "chunks": chunks}
    arrays = {HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8)}
    while writer.flat:  # each once: it is much where much is recorded
        dtype, parts = writer.flat.popitem()
        arrays[dtype] = np.concatenate(parts)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def restore(content: bytes, experiment: Experiment) -> list[Work]:
    """The chunks that `dump` was given, of an experiment.

    Raises CheckpointError, whatever the bytes are.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            header = json.loads(file[HEADER].tobytes())
            if header["versions"] != _versions():
                raise CheckpointError(f"it was written by {header['versions']}, and this is {_versions()}")
            flat = {name: file[name] for name in file.files if name != HEADER}
        reader = _Reader(header["structures"], flat)
        works = [_work(part, reader, experiment) for part in header["chunks"]]
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"it is damaged ({type(error).__name__})") from error
    numbers = [run.run for work in works for run in work.chunk.runs]
    if len(numbers) > len(set(numbers)):
        raise CheckpointError("it holds a run twice")
    return works


class _Writer:
    """Values as the number of their structure, which thousands of recorded points have in common, and their arrays.

    Attributes:
        structures: each structure as JSON, with the types and shapes of its arrays, and its number.
        flat: the numbers of all arrays, one after the other, by type: a file of thousands of small arrays would take
            seconds.
    """

    def __init__(self) -> None:
        self.structures: dict[str, int] = {}
        self.flat: dict[str, list[Array]] = {}

    def add(self, value: Any) -> int:
        """The number of the structure of `value`, whose arrays are kept."""
        arrays: list[Array] = []
        packed = _pack(value, arrays)
        for dtype in dict.fromkeys(array.dtype.str for array in arrays):
            own = [array.ravel() for array in arrays if array.dtype.str == dtype]
            self.flat.setdefault(dtype, []).append(np.concatenate(own))
        text = json.dumps([packed, [(array.dtype.str, array.shape) for array in arrays]])
        return self.structures.setdefault(text, len(self.structures))


class _Reader:
    """What a _Writer has kept, in the order in which it got it."""

    def __init__(self, structures: Sequence[Any], flat: dict[str, Array]) -> None:
        self._structures = structures
        self._flat = flat
        self._read = dict.fromkeys(flat, 0)

    def next(self, number: int) -> Any:
        """The next value, which has the structure of that number."""
        packed, shapes = self._structures[number]
        return _unpack(packed, [self._array(dtype, shape) for dtype, shape in shapes])

    def _array(self, dtype: str, shape: list[int]) -> Array:
        begin = self._read[dtype]
        self._read[dtype] = end = begin + math.prod(shape)
        return self._flat[dtype][begin:end].copy().reshape(shape)


def _versions() -> dict[str, Any]:
    return {"format": FORMAT, "numpy": np.__version__}


def _going_on(state: State) -> dict[str, Any]:
    return {f.name: getattr(state, f.name) for f in dataclasses.fields(State) if f.name not in ANEW}


def _work(part: dict[str, Any], reader: _Reader, experiment: Experiment) -> Work:
    all_runs = experiment.runs()
    chunk = Chunk(tuple(all_runs[number] for number in part["runs"]), part["seconds"])
    start = beginning(experiment, chunk.runs)
    work = Work(chunk, start, experiment.epochs, part["pace"], part["epoch"])
    found = None if part["state"] is None else reader.next(part["state"])
    for number, *when in part["records"]:
        work.records.append(_record({**reader.next(number), **dict(zip(WHEN, when, strict=True))}))
    if found is not None:
        state = training.start(*start)
        if not _alike(found, _going_on(state)) or found["epoch"] != work.epoch:
            raise CheckpointError("its state is not one of this experiment")
        work.state = dataclasses.replace(state, **found)
    elif work.finished:
        work.state = None
    elif work.epoch:
        raise CheckpointError("it lacks a state")
    return work


def _record(found: dict[str, Any]) -> Record:
    layers, histograms = found.pop("layers"), found.pop("histograms")
    return Record(**found, layers=tuple(layers), histograms=tuple(Histogram(**one) for one in histograms))


def _pack(value: Any, arrays: list[Array]) -> Any:
    """`value` as JSON has it, its arrays added to `arrays` and named by their number."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {ARRAY: len(arrays) - 1}
    if isinstance(value, Record | Histogram):
        value = vars(value)
    if isinstance(value, dict):
        return {name: _pack(one, arrays) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(one, arrays) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpack(value: Any, arrays: Sequence[Array]) -> Any:
    if isinstance(value, dict):
        return arrays[value[ARRAY]] if ARRAY in value else {name: _unpack(one, arrays) for name, one in value.items()}
    return [_unpack(one, arrays) for one in value] if isinstance(value, list) else value


def _alike(found: Any, model: Any) -> bool:
    """Whether `found` has the structure, the types and the shapes of `model`."""
    if isinstance(model, np.ndarray):
        return isinstance(found, np.ndarray) and (found.dtype, found.shape) == (model.dtype, model.shape)
    if isinstance(model, dict):
        return (
            isinstance(found, dict) and found.keys() == model.keys() and all(_alike(found[k], model[k]) for k in model)
        )
    if isinstance(model, list):
        return isinstance(found, list) and len(found) == len(model) and all(map(_alike, found, model))
    return type(found) is type(model)
