"""The result of an experiment: four tidy tables, and their files.

`collect` turns the records of training into a Result, whole or so far; `core.loading` reads its files back.
The tables' columns are described in `core.schema`.
"""

import json
import platform
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.activations import ACTIVATIONS
from core.experiment import ENGINE_VERSION, Experiment, Run
from core.measures import bin_edges
from core.recording import Record
from core.schema import GROUP, SCHEMA, names

SETTINGS_FILE = "experiment.json"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class ResultError(ValueError):
    """A file that is not a result: one line that names the file or table, what is wrong and what is expected."""


def versions() -> dict[str, str]:
    """The versions that numbers depend on."""
    return {
        "engine": ENGINE_VERSION,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }


@dataclass(frozen=True)
class Result:
    """What an experiment gave.

    Attributes:
        experiment: what was run.
        runs: one row per run.
        epochs: one row per run and recorded point.
        layers: one row per run, recorded point and layer.
        histograms: one row per group, recorded point, layer, quantity, level and bin.
        versions: versions of the engine and of what its numbers depend on.
    """

    experiment: Experiment
    runs: pd.DataFrame
    epochs: pd.DataFrame
    layers: pd.DataFrame
    histograms: pd.DataFrame
    versions: dict[str, str] = field(default_factory=versions)

    def table(self, name: str) -> pd.DataFrame:
        """The table of that name, one of `core.schema.SCHEMA`."""
        frame: pd.DataFrame = getattr(self, name)
        return frame

    @cached_property
    def settings(self) -> str:
        """experiment.json: the settings, the same as a link's parameters, the key and the versions, as JSON text."""
        content = {
            "experiment": json.loads(self.experiment.to_json()),
            "link": self.experiment.to_params(),
            "key": self.experiment.key,
            "versions": self.versions,
        }
        return json.dumps(content, indent=2) + "\n"

    def to_csv(self, folder: str | Path) -> None:
        """Write the four tables and experiment.json into `folder`, which is made if need be."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name in SCHEMA:
            (target / f"{name}.csv").write_bytes(csv_bytes(self.table(name)))
        (target / SETTINGS_FILE).write_text(self.settings, encoding="utf-8")

    def to_zip(self, path: str | Path | BinaryIO) -> None:
        """Write the same files into one zip, to a path or to a binary file object. Equal results give equal bytes."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in SCHEMA:
                _add(archive, f"{name}.csv", csv_bytes(self.table(name)))
            _add(archive, SETTINGS_FILE, self.settings.encode())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """A table as CSV: numbers at full precision, missing values empty, infinities as inf and -inf.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    safe = table.copy()
    for column in safe.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in safe.dtypes]]:
        text = safe[column]
        safe[column] = text.where(~text.fillna("").str.startswith(FORMULA_STARTS), "'" + text)
    # Arrow's writer takes a tenth of the time of pandas's, and lets the server's other threads run meanwhile.
    import pyarrow as pa
    from pyarrow.csv import WriteOptions, write_csv

    content = pa.BufferOutputStream()
    write_csv(pa.Table.from_pandas(safe, preserve_index=False), content, WriteOptions(quoting_style="needed"))
    return bytes(content.getvalue())


def collect(experiment: Experiment, records: Iterable[Record]) -> Result:
    """The result that the records of any number of chunks and segments make up, complete or not.

    Args:
        experiment: what is run.
        records: what `core.training.advance` gave, in any order.
    """
    points = sorted(records, key=lambda record: (int(record.runs.flat[0]), record.epoch))
    all_runs = experiment.runs()
    if not points:
        return Result(experiment, **{name: _typed(name, pd.DataFrame()) for name in SCHEMA}, versions=versions())
    settings = run_settings(experiment)
    epochs = _epochs_frame(points, settings)
    return Result(
        experiment=experiment,
        runs=_runs_table(experiment, points, epochs, settings),
        epochs=_typed("epochs", epochs),
        layers=_layers_table(points, settings),
        histograms=_histograms_table(points, all_runs, settings),
    )


def run_settings(experiment: Experiment) -> pd.DataFrame:
    """The settings columns of the tables, one row per run, indexed by run number."""
    runs = experiment.runs()
    rows = {
        "run": [run.run for run in runs],
        "group": [experiment.label(run) for run in runs],
        "dataset": [experiment.dataset for _ in runs],
        "hidden": ["-".join(map(str, run.hidden)) or "none" for run in runs],
        "batch_size": [str(run.batch_size) if run.batch_size else "full" for run in runs],
        "activation": [run.activation for run in runs],
        "initialiser": [run.initialiser for run in runs],
        "gain": [run.gain for run in runs],
        "learning_rate": [run.learning_rate for run in runs],
        "seed": [run.seed for run in runs],
    }
    return pd.DataFrame(rows, index=[run.run for run in runs])


def _typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The table's columns in the schema's order and types; columns that were not measured are empty."""
    table = frame.reindex(columns=names(name)).astype({column.name: column.dtype for column in SCHEMA[name]})
    return table.reset_index(drop=True)


def _stack(blocks: Sequence[dict[str, Any]], settings: pd.DataFrame) -> pd.DataFrame:
    """Blocks of columns (arrays, or one value for the whole block) under one another, with their runs' settings.

    Every block holds the numbers of its runs as the array "run"; a column that a block lacks is missing there.
    """
    sizes = [len(block["run"]) for block in blocks]
    stacked = {
        name: np.concatenate(
            [np.broadcast_to(block.get(name, np.nan), size) for block, size in zip(blocks, sizes, strict=True)]
        )
        for name in dict.fromkeys(name for block in blocks for name in block)
    }
    frame = settings.loc[stacked.pop("run")].reset_index(drop=True)
    return pd.concat([frame, pd.DataFrame(stacked)], axis=1)


def _epochs_frame(points: Sequence[Record], settings: pd.DataFrame) -> pd.DataFrame:
    """The epochs table with the columns that only the runs table shows; non-finite values as missing."""
    blocks = [
        {
            "run": record.runs[record.alive],
            "epoch": record.epoch,
            "update": record.update,
            "diverged": record.diverged[record.alive],
            "seconds": record.seconds / record.alive.size,
            **{name: values[record.alive] for name, values in record.epochs.items()},
        }
        for record in points
    ]
    frame = _stack(blocks, settings).replace([np.inf, -np.inf], np.nan)
    return frame.sort_values(["run", "epoch"], kind="stable")


def _runs_table(
    experiment: Experiment, points: Sequence[Record], epochs: pd.DataFrame, settings: pd.DataFrame
) -> pd.DataFrame:
    measure, _, goal = experiment.target.partition(":")
    value = epochs[measure]
    met = epochs[value <= float(goal)] if measure.endswith("loss") else epochs[value >= float(goal)]
    first = met.drop_duplicates("run").set_index("run")
    by_run = epochs.groupby("run", sort=True)
    last = epochs.drop_duplicates("run", keep="last").set_index("run")
    table = settings.loc[last.index].copy()
    table["updates_to_target"] = first["update"].astype(np.float64)
    table["epochs_to_target"] = first["epoch"].astype(np.float64)
    table["last_update"] = last["update"]
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        table[f"final_{name}"] = last[name]
        table[f"best_{name}"] = by_run[name].min() if name.endswith("loss") else by_run[name].max()
    if experiment.statistics == "full":
        for name in ("path_length", "displacement", "mean_update_cosine"):
            table[name] = last[name]
        tortuosity = (table["path_length"] / table["displacement"]).where(table["displacement"] > 0)
        table["tortuosity"] = tortuosity.replace(np.inf, np.nan)
    table["seconds"] = last["seconds"]
    converged = table["updates_to_target"].notna()
    table["status"] = np.where(converged, "converged", "not_reached")
    table.loc[last["diverged"].astype(bool), "status"] = "diverged"
    return _typed("runs", table)


def _layers_table(points: Sequence[Record], settings: pd.DataFrame) -> pd.DataFrame:
    blocks = []
    for record in points:
        kept = record.alive & ~record.diverged
        for layer in record.layers:
            columns = {name: value[kept] if isinstance(value, np.ndarray) else value for name, value in layer.items()}
            blocks.append({"run": record.runs[kept], "epoch": record.epoch, "update": record.update, **columns})
    frame = _stack(blocks, settings).replace([np.inf, -np.inf], np.nan)
    return _typed("layers", frame.sort_values(["run", "epoch", "layer"], kind="stable"))


def _histograms_table(points: Sequence[Record], runs: Sequence[Run], settings: pd.DataFrame) -> pd.DataFrame:
    """Counts added up over the chunks that share a group."""
    totals: dict[tuple[str, int, int, int, str, str], NDArray[Any]] = {}
    first_run: dict[str, int] = {}
    labels = settings["group"]
    for record in points:
        for number in record.runs[:, 0]:
            first_run.setdefault(labels[number], int(number))
        for h in record.histograms:
            for g, counts in enumerate(h.counts):
                group = labels[record.runs[g, 0]]
                key = (group, record.epoch, record.update, h.layer, h.quantity, h.level)
                totals[key] = totals[key] + counts if key in totals else counts
    # Nothing is counted where all runs of a group have diverged, or no neuron has a gradient.
    totals = {key: counts for key, counts in totals.items() if counts.any()}
    if not totals:
        return _typed("histograms", pd.DataFrame())
    columns: dict[str, list[NDArray[Any]]] = {c: [] for c in names("histograms")}
    widths, order = [], []
    # Whatever the chunks were: by group, then in order of time; within a point as they were recorded.
    for key in sorted(totals, key=lambda key: (first_run[key[0]], key[1])):
        counts = totals[key]
        group, epoch, update, layer, quantity, level = key
        edges = bin_edges(quantity, ACTIVATIONS[runs[first_run[group]].activation])
        left, right = edges[:-1], edges[1:]
        total = counts.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            density = np.where(np.isfinite(right - left), counts / total / (right - left), np.nan)
        widths.append(len(counts))
        order.append(first_run[group])
        for name, value in (("left", left), ("right", right), ("count", counts), ("density", density)):
            columns[name].append(np.asarray(value, np.float64))
        for name, scalar in zip(
            ("epoch", "update", "layer", "quantity", "level"), (epoch, update, layer, quantity, level), strict=True
        ):
            columns[name].append(np.asarray([scalar]))
    repeats = np.array(widths)
    frame = settings.loc[np.repeat(order, repeats), [c.name for c in GROUP]].reset_index(drop=True)
    for name in ("epoch", "update", "layer", "quantity", "level"):
        frame[name] = np.repeat(np.concatenate(columns[name]), repeats)
    for name in ("left", "right", "count", "density"):
        frame[name] = np.concatenate(columns[name])
    return _typed("histograms", frame)
