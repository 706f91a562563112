"""The result of an experiment: four tidy tables, and their files.

`collect` turns the records of training into a Result, whole or so far; `core.results.loading` reads its files back.
The tables' columns are described in `core.schema`.
"""

import itertools
import json
import platform
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import schema
from core.engine.measures import bin_edges
from core.engine.recording import Record
from core.experiment.experiment import ENGINE_VERSION, FIELDS, VARIED, Experiment
from core.machine.blas import kernels
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import Dataset, dataset_of
from core.results.placing import whole_file
from core.results.selected import Rows
from core.schema import DATA_FILE, GROUP, RUN, SCHEMA, SETTINGS_FILE, Column, names

CSV_ROWS = 10_000
"""Rows that are turned into text at a time."""
MAX_NAMES, MAX_NAME = 200, 40
"""Names of an own table that experiment.json tells, and characters of each."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class ResultError(ValueError):
    """A file that is not a result: one line that names the file or table, what is wrong and what is expected."""


def versions(trained_by: Iterable[str] = ()) -> dict[str, str]:
    """The versions that numbers and tables depend on.

    Args:
        trained_by: the kernels of the processes that trained (`blas.kernels`); those of this process if none.
    """
    first, *others = sorted(set(trained_by)) or [kernels()]
    return {
        "engine": ENGINE_VERSION,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "tables": schema.version(),
        "kernels": f"{first} and {len(others)} more" if others else first,
    }


def from_elsewhere(found: Mapping[str, str]) -> str:
    """What to know of a result with these `versions`, if another kind of processor trained it; "" otherwise."""
    theirs, ours = found.get("kernels", ""), kernels()
    if theirs in ("", ours):
        return ""
    return (
        f"Trained on another kind of processor ({theirs}; this server: {ours}). Trained here, single runs may come out "
        "differently, as runs of one group differ among themselves."
    )


@dataclass(frozen=True)
class Result:
    """What an experiment gave.

    Attributes:
        experiment: what was run.
        runs: one row per run.
        epochs: one row per run and recorded point.
        layers: one row per run, recorded point and layer.
        histograms: one row per group, recorded point, layer, quantity, level and bin that holds something.
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

    def asked(self, target: str) -> "Result":
        """The same training asked for another target: when each run reached it is read from the epochs table.

        Raises ExperimentError for a text that is no target.
        """
        if target == self.experiment.target:
            return self
        experiment = replace(self.experiment, target=target)
        if experiment == self.experiment or self.runs.empty:
            return replace(self, experiment=experiment)
        diverged_at = self.epochs["run"].map(self.runs.set_index("run")["diverged_at"])
        measured = ("run", "epoch", "update", experiment.target.partition(":")[0])
        epochs: Columns = {name: self.epochs[name].to_numpy() for name in measured}
        epochs["diverged"] = (self.epochs["update"] >= diverged_at).to_numpy()
        found = _at_target(experiment, epochs)
        runs = self.runs.assign(**{name: pd.Series(found[name], self.runs.index) for name in found})
        return replace(self, experiment=experiment, runs=runs.astype({"status": "str"}))

    # What pages compute; these modules stand on this one, and are loaded when they are asked for.

    def report(self) -> pd.DataFrame:
        """The fair answer: each start at its best learning rate (`core.results.report.report`)."""
        from core.results.report import report

        return report(self)

    def best_rates(self) -> pd.DataFrame:
        """The learning rate that did best for each start (`core.results.convergence.best_rates`)."""
        from core.results.convergence import best_rates

        return best_rates(self.runs)

    def speed_up(self, baseline: str) -> pd.DataFrame:
        """How many times fewer updates each group needs than `baseline` (`core.results.convergence.speed_up`)."""
        from core.results.convergence import speed_up

        if baseline not in (groups := self.experiment.groups()):
            raise ValueError(f"baseline is {baseline!r}; allowed: {', '.join(groups)}")
        return speed_up(self.runs, baseline)

    def survival(self) -> pd.DataFrame:
        """The share of runs that have reached the target by each update (`core.results.convergence.survival`)."""
        from core.results.convergence import survival

        return survival(self.runs)

    def curves(self) -> pd.DataFrame:
        """The epochs table as curves are drawn from it (`core.results.convergence.with_diverged`)."""
        from core.results.convergence import with_diverged

        return with_diverged(self)

    def weights(self, run: int, epoch: int) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """The weights of a run after so many epochs, as (W, b) per layer (`core.results.replay.weights`)."""
        from core.results.replay import weights

        return weights(self, run, epoch)

    def units(self, run: int, epoch: int) -> pd.DataFrame:
        """The units of a run's hidden layers after so many epochs, one row each (`core.results.replay.units`)."""
        from core.results.replay import units

        return units(self, run, epoch)

    def outcomes(self) -> pd.Series:
        """What became of each run, in words (`core.results.convergence.outcomes`)."""
        from core.results.convergence import outcomes

        return outcomes(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """What it was made of that is not the lab's, a sentence each; they stand in experiment.json too."""
        return self.experiment.notes()

    @cached_property
    def recorded_updates(self) -> dict[str, tuple[int, ...]]:
        """The updates at which each group was recorded, in order."""
        return Rows(self.epochs).steps("update")

    @cached_property
    def numbers(self) -> dict[tuple[Any, ...], tuple[float, int]]:
        """Numbers that sentences state of it, by what is asked for (`core.results.evidence`).

        Each is computed once, as tables of a result do not change: other rows make another result.
        """
        return {}

    @cached_property
    def unfinished(self) -> pd.Series:
        """Whether each run has neither been trained to its last epoch nor diverged; in the order of the runs table."""
        last = self.runs["run"].map(self.epochs.groupby("run")["epoch"].max())
        return last.lt(self.experiment.epochs) & self.runs["diverged_at"].isna()

    @cached_property
    def ends_of_epochs(self) -> NDArray[np.bool_]:
        """Which rows of the epochs table are at the end of a recorded epoch."""
        recorded = np.isin(self.epochs["epoch"].to_numpy(), self.experiment.record_epochs())
        found: NDArray[np.bool_] = recorded & at_end_of_epoch(self.experiment, self.epochs)
        return found

    @cached_property
    def settings(self) -> str:
        """experiment.json: the settings, the same as a link's parameters, the key and the versions, as JSON text."""
        content = {
            **({"notes": self.notes} if self.notes else {}),
            "experiment": json.loads(self.experiment.to_json()),
            "link": self.experiment.to_params(),
            "key": self.experiment.key,
            "versions": self.versions,
        }
        if self.experiment.own_table:
            content["table"] = described(dataset_of(self.experiment.own_table))
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def to_csv(self, folder: str | Path, data: bool = False) -> None:
        """Write the four tables and experiment.json into `folder`, which is made if need be; each file whole or not.

        With `data` the rows of somebody's own table go along, so that the result opens where the table is not.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name in SCHEMA:
            with whole_file(target / f"{name}.csv") as new, new.open("wb") as file:
                file.writelines(csv_parts(self.table(name)))
        with whole_file(target / SETTINGS_FILE) as new:
            new.write_text(self.settings, encoding="utf-8")
        if data and self.experiment.own_table:
            with whole_file(target / DATA_FILE) as new, new.open("wb") as file:
                file.writelines(csv_parts(rows_of(dataset_of(self.experiment.own_table))))

    def to_zip(self, path: str | Path | BinaryIO, data: bool = False) -> None:
        """Write the same files into one zip, to a path or to a binary file object. Equal results give equal bytes.

        At a path there is the whole zip in the end, or what was there before; `data` as in `to_csv`.
        """
        if isinstance(path, str | Path):
            with whole_file(Path(path)) as new, new.open("wb") as file:
                self.to_zip(file, data)
            return
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in SCHEMA:
                _add(archive, f"{name}.csv", csv_parts(self.table(name)))
            _add(archive, SETTINGS_FILE, [self.settings.encode()])
            if data and self.experiment.own_table:
                _add(archive, DATA_FILE, csv_parts(rows_of(dataset_of(self.experiment.own_table))))


def described(dataset: Dataset) -> dict[str, Any]:
    """What is needed to know somebody's own table by: how many features, the first names, and the classes' sizes."""
    sizes: Any = dataset.class_sizes
    names = [name[:MAX_NAME] for name in dataset.feature_names[:MAX_NAMES]]
    classes = [[name[:MAX_NAME], size] for name, size in zip(dataset.class_names, sizes, strict=True)]
    return {"examples": dataset.examples, "features": dataset.features, "names": names, "classes": classes[:MAX_NAMES]}


def rows_of(dataset: Dataset) -> pd.DataFrame:
    """The rows of somebody's own table: the number of the class, its name, and the features."""
    assert dataset.read is not None
    x, y = dataset.read()
    label = pd.DataFrame({"class": y, "label": np.array(dataset.class_names, object)[y]})
    # Arrow takes no name twice.
    names = [f"{place} {name}" for place, name in enumerate(dataset.feature_names, start=1)]
    return pd.concat([label, pd.DataFrame(x, columns=names)], axis=1)


def _add(archive: zipfile.ZipFile, name: str, parts: Iterable[bytes]) -> None:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as file:
        for part in parts:
            file.write(part)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """A table as CSV: numbers at full precision, missing values empty, infinities as inf and -inf.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    return b"".join(csv_parts(table))


def csv_parts(
    table: pd.DataFrame, whole: Callable[[pd.DataFrame], pd.DataFrame] = lambda part: part
) -> Iterator[bytes]:
    """The same in parts, each as `whole` makes it: a long table's text takes as much memory again as the table."""
    for begin in range(0, max(1, len(table)), CSV_ROWS):
        yield _csv(whole(table.iloc[begin : begin + CSV_ROWS]), header=begin == 0)


def _csv(table: pd.DataFrame, header: bool) -> bytes:
    safe = table.copy()
    for column in safe.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in safe.dtypes]]:
        text = safe[column]
        safe[column] = text.where(~text.fillna("").str.startswith(FORMULA_STARTS), "'" + text)
    # Arrow's writer takes a tenth of the time of pandas's, and lets the server's other threads run meanwhile.
    import pyarrow as pa
    from pyarrow.csv import WriteOptions, write_csv

    content = pa.BufferOutputStream()
    write_csv(
        pa.Table.from_pandas(safe, preserve_index=False),
        content,
        WriteOptions(include_header=header, quoting_style="needed"),
    )
    return bytes(content.getvalue())


def collect(experiment: Experiment, records: Iterable[Record]) -> Result:
    """The result that the records of any number of chunks and segments make up, complete or not.

    Args:
        experiment: what is run.
        records: what `core.engine.training.advance` gave, in any order.
    """
    points = sorted(records, key=lambda record: (int(record.runs.flat[0]), record.update))
    settings = run_settings(experiment)
    full = experiment.statistics == "full" and len(points) > 0
    # The columns of a table go before those of the next one are made: of thousands of points both would be gigabytes.
    epochs = _epochs(points)
    by_run = _frame("runs", _runs(experiment, epochs), settings, complete=full)
    by_point = _frame("epochs", epochs, settings, complete=full)
    del epochs
    layers = _layers(points)
    by_layer = _frame("layers", layers, settings, complete=full and "hidden" in layers.get("role", ()))
    del layers
    return Result(
        experiment=experiment,
        runs=by_run,
        epochs=by_point,
        layers=by_layer,
        histograms=_frame("histograms", _histograms(points, settings), settings, complete=False),
        versions=versions(record.kernels for record in points),
    )


def at_recorded_epochs(result: Result) -> pd.DataFrame:
    """The rows of the epochs table at the end of a recorded epoch, at which layers are looked at too."""
    return result.epochs[result.ends_of_epochs]


def at_end_of_epoch(experiment: Experiment, points: pd.DataFrame) -> NDArray[np.bool_]:
    """By row of the epochs table, whether it is at the end of its epoch, or at initialisation."""
    update, epoch = (points[name].to_numpy() for name in ("update", "epoch"))
    found: NDArray[np.bool_] = update == epoch * updates_per_epoch(experiment, points).to_numpy()
    return found


def updates_per_epoch(experiment: Experiment, table: pd.DataFrame) -> pd.Series:
    """Updates in an epoch, by row of any table."""

    def of(dataset: str, batch_size: int) -> int:
        return experiment.updates_per_epoch(experiment.part_sizes(dataset)[0], batch_size)

    return by_data(experiment, table, of).astype("int64")


def by_data(experiment: Experiment, table: pd.DataFrame, of: Callable[[str, int], int]) -> pd.Series:
    """What a data set and a batch size come to, by row of any table; empty where its experiment has no such two."""
    write = FIELDS["batch_size"].kind.format
    values = {(name, write(size)): of(name, size) for name in experiment.dataset for size in experiment.batch_size}
    row, names = pd.factorize(table["dataset"].array, use_na_sentinel=False)
    column, sizes = pd.factorize(table["batch_size"].array, use_na_sentinel=False)
    known = np.array([values.get((name, size), np.nan) for name in names for size in sizes], np.float64)
    return pd.Series(known.reshape(len(names), len(sizes))[row, column], table.index)


def by_text(column: pd.Series, values: Mapping[str, float]) -> pd.Series:
    """The number of each text, by row of any table; empty where there is none. Each text is looked up once."""
    place, texts = pd.factorize(column)
    return pd.Series(np.array([values.get(text, np.nan) for text in texts], np.float64)[place], column.index)


def run_settings(experiment: Experiment) -> pd.DataFrame:
    """The settings columns of the tables, one row per run, indexed by run number."""
    values = zip(*itertools.product(*(getattr(experiment, name) for name in VARIED)), strict=True)
    rows: dict[str, list[Any]] = dict(zip(VARIED, map(list, values), strict=True))
    rows |= {
        column.name: list(map(FIELDS[column.name].kind.format, rows[column.name]))
        for column in GROUP
        if column.name in VARIED and column.dtype == "str"
    }
    # Of a group everything is said once, and taken by number: there may be 100,000 runs.
    groups = pd.DataFrame({"group": list(experiment.groups()), **rows})
    group, seed = np.divmod(np.arange(len(groups) * experiment.seeds), experiment.seeds)
    runs = groups.take(group).reset_index(drop=True)
    return runs.assign(run=runs.index, seed=experiment.first_seed + seed)[[column.name for column in RUN]]


Columns = dict[str, NDArray[Any]]
"""Columns of a table by name, all of one length; "run" tells which run's settings belong to a row."""
NO_ROWS: Columns = {"run": np.zeros(0, np.int64)}


def _frame(name: str, columns: Columns, settings: pd.DataFrame, complete: bool) -> pd.DataFrame:
    """The table's columns in the schema's order and types; those that were not measured are empty.

    Raises LookupError for columns that the schema does not know or, where all should be there, for those that it does
    and nothing produces: a slip in a name must not read as "not measured".
    """
    own = {*names(name), "run"}
    passed_on = {*names("runs"), "diverged"} if name == "epochs" else set()
    if unknown := columns.keys() - own - passed_on:
        raise LookupError(f"{name}: the schema has no column {', '.join(sorted(unknown))}")
    if complete and (lacking := own - columns.keys() - set(settings)):
        raise LookupError(f"{name}: nothing produces the column {', '.join(sorted(lacking))}")
    # pandas only at the end, and once: joining, sorting and converting in NumPy takes a third of the time.
    places = settings.index.get_indexer(pd.Index(columns["run"]))

    def values(column: Column) -> Any:
        if column.name in settings:
            return settings[column.name].array.take(places)
        found = columns.get(column.name, np.full(len(places), np.nan))
        return pd.Series(found, dtype="str") if column.dtype == "str" else found.astype(column.dtype, copy=False)

    return pd.DataFrame({column.name: values(column) for column in SCHEMA[name]})


Block = tuple[dict[str, Any], dict[str, Any], NDArray[np.bool_] | slice]
"""Some rows of a table, in two parts: columns with a value of each run, or one for all; and which runs have a row."""


def _stack(blocks: Sequence[Block], order: Sequence[str]) -> Columns:
    """Blocks under one another, sorted by the columns `order`.

    A column that a block lacks is missing there, and so are values that are not finite.
    """
    if not blocks:
        return NO_ROWS

    sizes = [said["run"].ravel()[kept].size for said, _, kept in blocks]

    # A column at a time: views of all columns of thousands of blocks would take more memory than their numbers.
    def column(name: str) -> NDArray[Any]:
        parts = []
        for (said, own, kept), size in zip(blocks, sizes, strict=True):
            value = said[name] if name in said else own.get(name, np.nan)
            if isinstance(value, np.ndarray):
                parts.append(value.ravel()[kept])
            else:
                parts.append(np.full(size, value, object if isinstance(value, str) else None))
        whole = np.concatenate(parts)
        return np.where(np.isfinite(whole), whole, np.nan) if whole.dtype.kind == "f" else whole

    columns = {name: column(name) for name in dict.fromkeys(name for said, own, _ in blocks for name in (*said, *own))}
    places = np.lexsort([columns[name] for name in reversed(order)])
    for name in columns:  # one at a time: all of them twice would be most of the memory of a large sweep
        columns[name] = columns[name][places]
    return columns


def _rows(kept: NDArray[np.bool_]) -> NDArray[np.bool_] | slice:
    """The runs that are kept, of (groups, seeds) flattened: where all are, their values need not be copied."""
    return slice(None) if kept.all() else kept.ravel()


def _epochs(points: Sequence[Record]) -> Columns:
    """The epochs table, with the columns that only the runs table shows."""
    blocks: list[Block] = []
    for record in points:
        said: dict[str, Any] = {"run": record.runs, "epoch": record.epoch, "update": record.update}
        said["diverged"] = record.diverged
        said["seconds"] = record.seconds / record.alive.size
        blocks.append((said, record.epochs, _rows(record.alive)))
    return _stack(blocks, ("run", "update"))


def _first_and_last(run: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the last row of each run, whose rows stand together."""
    first = np.flatnonzero(np.diff(run, prepend=run[0] - 1))
    return first, np.append(first[1:], len(run)) - 1


def _at_target(experiment: Experiment, epochs: Columns) -> Columns:
    """When each run reached the target, and what became of it: columns of the runs table."""
    first, last = _first_and_last(epochs["run"])
    measure, _, goal = experiment.target.partition(":")
    value = epochs[measure]
    met = value <= float(goal) if measure.endswith("loss") else value >= float(goal)
    met &= ~epochs["diverged"]  # logits that are not finite have an accuracy too
    reached = np.minimum.reduceat(np.where(met, np.arange(len(met)), len(met)), first)
    converged = reached < len(met)
    where = np.minimum(reached, last)
    ended = np.where(epochs["epoch"][last] < experiment.epochs, "running", "not_reached")
    missed = np.where(epochs["diverged"][last], "diverged", ended)
    return {
        "updates_to_target": np.where(converged, epochs["update"][where], np.nan),
        "epochs_to_target": np.where(converged, epochs["epoch"][where], np.nan),
        "status": np.where(converged, "converged", missed).astype(object),
    }


def _runs(experiment: Experiment, epochs: Columns) -> Columns:
    run = epochs["run"]
    if not len(run):
        return NO_ROWS
    first, last = _first_and_last(run)
    columns: Columns = {
        "run": run[last],
        **_at_target(experiment, epochs),
        "last_update": epochs["update"][last],
        "seconds": epochs["seconds"][last],
        "diverged_at": np.where(epochs["diverged"][last], epochs["update"][last], np.nan),
    }
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        columns[f"final_{name}"] = epochs[name][last]
        best = np.fmin if name.endswith("loss") else np.fmax
        columns[f"best_{name}"] = best.reduceat(epochs[name], first)
    if experiment.statistics == "full":
        for name in ("path_length", "displacement", "mean_update_cosine"):
            columns[name] = epochs[name][last]
        path, displacement = columns["path_length"], columns["displacement"]
        tortuosity = np.divide(path, displacement, out=np.full(len(path), np.nan), where=displacement > 0)
        columns["tortuosity"] = np.where(np.isinf(tortuosity), np.nan, tortuosity)
    return columns


def _layers(points: Sequence[Record]) -> Columns:
    blocks: list[Block] = []
    for record in points:
        kept = _rows(record.alive & ~record.diverged)
        said = {"run": record.runs, "epoch": record.epoch, "update": record.update}
        blocks += [(said, layer, kept) for layer in record.layers]
    return _stack(blocks, ("run", "epoch", "layer"))


def _histograms(points: Sequence[Record], settings: pd.DataFrame) -> Columns:
    """Counts added up over the chunks that share a group; "run" is the group's first."""
    totals: dict[tuple[int, int, int, int, str, str], NDArray[Any]] = {}
    groups, activations = settings["group"].to_dict(), settings["activation"].to_dict()
    residual = (settings["residual"] == "true").to_dict()
    first_run: dict[str, int] = {}
    for record in points:
        first = [first_run.setdefault(groups[number], number) for number in record.runs[:, 0].tolist()]
        for h in record.histograms:
            for run, counts in zip(first, h.counts, strict=True):
                key = (run, record.epoch, record.update, h.layer, h.quantity, h.level)
                totals[key] = totals[key] + counts if key in totals else counts
    # Nothing is counted where all runs of a group have diverged, or no neuron has a gradient.
    # Whatever the chunks were: by group, then in order of time; within a point as they were recorded.
    keys = sorted((key for key, counts in totals.items() if counts.any()), key=lambda key: key[:2])
    if not keys:
        return NO_ROWS
    # Nearly half of all bins are empty, and this is by far the longest table.
    filled = [np.flatnonzero(totals[key]) for key in keys]
    widths = [len(places) for places in filled]
    edges = [bin_edges(quantity, ACTIVATIONS[activations[run]], residual[run]) for run, _, _, _, quantity, _ in keys]
    scalars = zip(("run", "epoch", "update", "layer", "quantity", "level"), zip(*keys, strict=True), strict=True)
    columns = {
        **{
            name: np.repeat(np.array(values, object if isinstance(values[0], str) else None), widths)
            for name, values in scalars
        },
        "left": np.concatenate([bounds[places] for bounds, places in zip(edges, filled, strict=True)]),
        "right": np.concatenate([bounds[places + 1] for bounds, places in zip(edges, filled, strict=True)]),
        "count": np.concatenate([totals[key][places] for key, places in zip(keys, filled, strict=True)]),
    }
    columns["count"] = columns["count"].astype(np.float64)
    width = columns["right"] - columns["left"]
    total = np.repeat([totals[key].sum() for key in keys], widths)
    columns["density"] = np.where(np.isfinite(width), columns["count"] / total / width, np.nan)
    return columns
