"""A sweep in training as bytes, and back: a server that was stopped goes on from there, to the same result.

The structure is JSON, the arrays are an npz file that NumPy reads without pickle. Whatever `training.start` makes anew
is left out, and what it makes is what the rest is checked against.
"""

import dataclasses
import io
import json
import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.engine import training
from core.engine.recording import Histogram, Record
from core.engine.state import State
from core.experiment.experiment import Experiment
from core.jobs.plan import Chunk, Work, beginning

FORMAT = 2
"""Version of the bytes; others are not read."""

ANEW = ("experiment", "runs", "shape", "train", "test", "initial", "ties")
"""Fields of a State that are as `training.start` makes them, however far training is."""

HEADER = "header"
ARRAY = "_array"

Array = NDArray[Any]


class CheckpointError(ValueError):
    """Bytes that are no checkpoint of this experiment, or one that cannot be gone on with."""


def dump(works: Iterable[Work]) -> bytes:
    """All that it takes to go on with these chunks, but for the experiment and its data."""
    arrays: list[Array] = []
    chunks = [
        {
            "runs": [run.run for run in work.chunk.runs],
            "seconds": work.chunk.seconds,
            "pace": work.pace,
            "epoch": work.epoch,
            "state": _pack(_going_on(work.state), arrays) if isinstance(work.state, State) else None,
            "records": [_pack(record, arrays) for record in work.records],
        }
        for work in works
    ]
    header = {"versions": _versions(), "arrays": [(a.dtype.str, a.shape) for a in arrays], "chunks": chunks}
    # One buffer for each type: a file of thousands of small arrays would take seconds.
    flat: dict[str, list[Array]] = {HEADER: [np.frombuffer(json.dumps(header).encode(), np.uint8)]}
    for array in arrays:
        flat.setdefault(array.dtype.str, []).append(array.ravel())
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{name: np.concatenate(parts) for name, parts in flat.items()})
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
            arrays = _apart(header["arrays"], {name: file[name] for name in file.files if name != HEADER})
        works = [_work(part, arrays, experiment) for part in header["chunks"]]
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"it is damaged ({type(error).__name__})") from error
    numbers = [run.run for work in works for run in work.chunk.runs]
    if len(numbers) > len(set(numbers)):
        raise CheckpointError("it holds a run twice")
    return works


def _versions() -> dict[str, Any]:
    return {"format": FORMAT, "numpy": np.__version__}


def _going_on(state: State) -> dict[str, Any]:
    return {f.name: getattr(state, f.name) for f in dataclasses.fields(State) if f.name not in ANEW}


def _work(part: dict[str, Any], arrays: Sequence[Array], experiment: Experiment) -> Work:
    all_runs = experiment.runs()
    chunk = Chunk(tuple(all_runs[number] for number in part["runs"]), part["seconds"])
    start = beginning(experiment, chunk.runs)
    work = Work(chunk, start, experiment.epochs, part["pace"], part["epoch"])
    work.records = [_record(_unpack(record, arrays)) for record in part["records"]]
    if part["state"] is not None:
        state = training.start(*start)
        found = _unpack(part["state"], arrays)
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


def _apart(shapes: Sequence[tuple[str, list[int]]], together: dict[str, Array]) -> list[Array]:
    """The arrays of these types and shapes, out of the buffer of their type."""
    pieces = {}
    for name, buffer in together.items():
        sizes = [math.prod(shape) for dtype, shape in shapes if dtype == name]
        pieces[name] = iter([buffer[begin:end].copy() for begin, end in pairwise(accumulate(sizes, initial=0))])
    return [next(pieces[name]).reshape(shape) for name, shape in shapes]


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
