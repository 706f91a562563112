"""Whether tables from a file are those of their experiment: what pages and findings rely on, they may rely on.

Checked is what rows there are, what they belong to and the range of their values; `core.results.derived` checks what
follows from other numbers of the file. A result so far is consistent too: of each run the points up to some epoch.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.engine.measures import bin_edges
from core.experiment.experiment import FIELDS, Experiment
from core.experiment.fields import shorten
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import dataset_of
from core.results.results import Result, ResultError, at_recorded_epochs, by_text, run_settings, updates_per_epoch
from core.schema import GROUP, LEVELS, RUN, SCHEMA, STATUSES

Bools = NDArray[np.bool_] | pd.Series
HISTOGRAM_LEVELS = {"preactivation": ("probe",), "activation": ("probe",), "gradient": ("epoch",)} | {
    "positive_share": LEVELS
}
ROUNDING = 1e-6
"""How far a share may lie outside 0 to 1: it may be a sum of rounded ones."""
SAME_BLOCK = ["group", "epoch", "layer", "quantity", "level"]


def check(result: Result) -> None:
    """Raises ResultError naming table, column, value, line and what is allowed, where a table cannot be its own."""
    for name in SCHEMA:
        _check_numbers(name, result.table(name))
    settings = run_settings(result.experiment)
    _check_run_numbers(result, settings)
    _check_points(result)
    _check_runs(result)
    _check_layers(result)
    _check_histograms(result, settings)


def require(
    name: str, table: pd.DataFrame, column: str, good: Bools, allowed: str | pd.Series, by: str = "experiment.json"
) -> None:
    """Raise ResultError about the first row that is not good.

    Args:
        name: the table's name.
        table: its rows, in the order of the file.
        column: whose value is told.
        good: by row, whether it is.
        allowed: in words, or the one value by row.
        by: what makes that value the only one.
    """
    bad = np.flatnonzero(~np.asarray(good, dtype=bool))
    if bad.size:
        row = int(bad[0])
        value = table[column].iloc[[row]].tolist()[0]
        if not isinstance(allowed, str):
            allowed = f"{_told(allowed.iloc[[row]].tolist()[0])} by {by}"
        raise ResultError(f"{name}.csv: {column} is {_told(value)} in line {table.index[row] + 2}; allowed: {allowed}")


def _told(value: object) -> str:
    return "nothing" if value != value else shorten(value)


def _check_numbers(name: str, table: pd.DataFrame) -> None:
    for column in SCHEMA[name]:
        if column.dtype == "float64" and column.name not in ("left", "right"):
            values = table[column.name]
            require(name, table, column.name, ~np.isinf(values), "finite numbers, or nothing")
            if column.unit == "share" or column.name.startswith("agreement"):
                inside = values.isna() | values.between(-ROUNDING, 1 + ROUNDING)
                require(name, table, column.name, inside, "0 to 1, or nothing")


def _check_settings(name: str, table: pd.DataFrame, expected: pd.DataFrame, columns: Sequence[str]) -> None:
    """Whether the settings in each row are those in the same row of `expected`."""
    expected = expected.reset_index(drop=True)
    for column in columns:
        require(name, table, column, table[column] == expected[column], expected[column])


def _check_run_numbers(result: Result, settings: pd.DataFrame) -> None:
    """Whether the rows are of known runs, run by run in order, with the settings of each."""
    runs, last = result.runs, len(settings) - 1
    require("runs", runs, "run", runs["run"].between(0, last), f"0 to {last:,}, the runs that experiment.json makes")
    require("runs", runs, "run", runs["run"].diff().fillna(1) > 0, "each run once, in ascending order")
    known = runs["run"]
    for name in ("runs", "epochs", "layers"):
        table = result.table(name)
        require(name, table, "run", table["run"].isin(known), f"the runs in runs.csv, {_some(known)}")
        require(name, table, "run", table["run"].diff().fillna(0) >= 0, "the runs in ascending order")
        _check_settings(name, table, settings.loc[table["run"]], [column.name for column in RUN])
    lacking = known[~known.isin(result.epochs["run"])]
    if len(lacking):
        raise ResultError(f"epochs.csv: run {lacking.iloc[0]} of runs.csv is not in it; allowed: all of its runs")


def _check_points(result: Result) -> None:
    """Whether the rows of each run are the first of its recorded points, in order."""
    epochs, experiment = result.epochs, result.experiment
    place = epochs.groupby("run").cumcount()
    wanted = pd.Series(-1, index=epochs.index)
    per_epoch = updates_per_epoch(experiment, epochs)
    for n in per_epoch.unique().tolist():
        whole = [epoch * n for epoch in experiment.record_epochs()]
        points = np.array([*sorted({*whole, *experiment.record_updates(n)}), -1])
        rows = per_epoch == n
        # Beyond the last point nothing is right.
        wanted[rows] = points[np.minimum(place[rows], len(points) - 1)]
    passes = wanted // per_epoch
    require("epochs", epochs, "epoch", epochs["epoch"] == passes, "the recorded epochs of each run in order from 0")
    require("epochs", epochs, "update", epochs["update"] == wanted, wanted)


def _check_updates(name: str, table: pd.DataFrame, experiment: Experiment) -> None:
    updates = table["epoch"] * updates_per_epoch(experiment, table)
    require(name, table, "update", table["update"] == updates, updates)


def _check_runs(result: Result) -> None:
    runs = result.runs
    newest = result.epochs.drop_duplicates("run", keep="last").reset_index(drop=True)
    last, ended = newest["update"], newest["epoch"] == result.experiment.epochs
    require("runs", runs, "last_update", runs["last_update"] == last, last)
    require("runs", runs, "status", runs["status"].isin(STATUSES), ", ".join(STATUSES))
    updates, epochs = runs["updates_to_target"], runs["epochs_to_target"]
    reached = updates.notna()
    diverged_at = runs["diverged_at"]
    at_last = diverged_at.isna() | (diverged_at == last)
    require("runs", runs, "diverged_at", at_last, "last_update, or nothing")
    missed = np.where(diverged_at.notna(), "diverged", np.where(ended, "not_reached", "running"))
    status = np.where(reached, "converged", missed)
    allowed = (
        "converged where updates_to_target has a value, else diverged where diverged_at has, else not_reached, or "
        "running before the last epoch"
    )
    before = ~ended & (runs["status"] == "not_reached") & (missed == "running") & ~reached  # as it was called once
    require("runs", runs, "status", (runs["status"] == status) | before, allowed)
    within = ~reached | updates.between(0, runs["last_update"])
    require("runs", runs, "updates_to_target", within, "0 to last_update, or nothing")
    passes = updates // updates_per_epoch(result.experiment, runs)
    require("runs", runs, "epochs_to_target", epochs.isna() & ~reached | (epochs == passes), passes)


def _check_layers(result: Result) -> None:
    layers, epochs = result.layers, at_recorded_epochs(result)
    points, own = _points(epochs), _points(layers)
    require("layers", layers, "epoch", np.isin(own, points), "the epochs of its run in epochs.csv")
    require("layers", layers, "epoch", np.diff(own, prepend=own[:1]) >= 0, "the epochs of each run in ascending order")
    _check_updates("layers", layers, result.experiment)

    diverged = epochs["run"].isin(result.runs["run"][result.runs["diverged_at"].notna()])
    left_out = diverged & (epochs["update"] == epochs["run"].map(result.runs.set_index("run")["diverged_at"]))
    require("epochs", epochs, "epoch", np.isin(points, own) | left_out, "points that layers.csv has too")
    beyond = np.isin(own, points[left_out.to_numpy()])
    require("layers", layers, "epoch", ~beyond, "points before its run diverged, by diverged_at in runs.csv")
    widths = _widths(result.experiment)
    depth = _depths(layers, widths)
    by_point = layers.groupby(own)["layer"]
    number = by_point.cumcount() + 1
    complete = (layers["layer"] == number) & (by_point.transform("size") == depth)
    require("layers", layers, "layer", complete, "each layer of the network once, in order from 1")
    output = layers["layer"] == depth
    role = output.map({True: "output", False: "hidden"})
    require("layers", layers, "role", layers["role"] == role, role)
    by_network = layers.groupby(["dataset", "hidden"]).indices
    for column, shift in (("fan_in", 1), ("fan_out", 0)):
        fan = np.zeros(len(layers), np.int64)
        for network, width in widths.items():
            rows = by_network.get(network, [])
            fan[rows] = np.array(width)[layers["layer"].iloc[rows] - shift]
        require("layers", layers, column, layers[column] == fan, pd.Series(fan))


def _points(table: pd.DataFrame) -> NDArray[np.int64]:
    """One number for each run and epoch, in their order."""
    return (table["run"] * 2**20 + table["epoch"]).to_numpy()


def _widths(experiment: Experiment) -> dict[tuple[str, str], tuple[int, ...]]:
    """Layer sizes, inputs and outputs included, by the data set and the text of the hidden layers."""
    return {
        (name, FIELDS["hidden"].kind.format(hidden)): (dataset.features, *hidden, dataset.outputs)
        for name, dataset in ((name, dataset_of(name)) for name in experiment.dataset)
        for hidden in experiment.hidden
    }


def _depths(table: pd.DataFrame, widths: dict[tuple[str, str], tuple[int, ...]]) -> pd.Series:
    """By row, the layers of the network that have weights."""
    return by_text(table["hidden"], {hidden: len(width) - 1 for (_, hidden), width in widths.items()}).astype("int64")


def _check_histograms(result: Result, settings: pd.DataFrame) -> None:
    table = result.histograms
    known = result.runs["group"].drop_duplicates()
    require("histograms", table, "group", table["group"].isin(known), f"the groups in runs.csv, {_some(known)}")
    groups = settings.drop_duplicates("group").set_index("group", drop=False).loc[table["group"]]
    _check_settings("histograms", table, groups, [column.name for column in GROUP])
    epochs = at_recorded_epochs(result)[["group", "epoch"]].drop_duplicates().assign(known=True)
    recorded = table[["group", "epoch"]].merge(epochs, how="left", on=["group", "epoch"])["known"].notna()
    require("histograms", table, "epoch", recorded, "the epochs of its group in epochs.csv")
    _check_updates("histograms", table, result.experiment)
    depth = _depths(table, _widths(result.experiment))
    require("histograms", table, "layer", (table["layer"] >= 1) & (table["layer"] <= depth), "the network's layers")
    quantities = table["quantity"]
    require("histograms", table, "quantity", quantities.isin(HISTOGRAM_LEVELS), ", ".join(HISTOGRAM_LEVELS))
    for quantity, levels in HISTOGRAM_LEVELS.items():
        fits = (quantities != quantity) | table["level"].isin(levels)
        require("histograms", table, "level", fits, f"{', '.join(levels)} for {quantity}")
    counts = table["count"]
    require("histograms", table, "count", counts >= 0, "numbers of at least 0")
    require("histograms", table, "density", ~(table["density"] < 0), "numbers of at least 0, or nothing")
    if len(table):
        _check_bins(table)


def _check_bins(table: pd.DataFrame) -> None:
    """Whether each histogram is there once, with bins of its quantity in ascending order."""
    starts, lengths = blocks(table)
    again = table.loc[starts, SAME_BLOCK].duplicated()
    first = pd.Series(False, index=table.index)
    first[starts[again.to_numpy()]] = True
    require("histograms", table, "layer", ~first, "the bins of each histogram together, and each histogram once")

    places = np.zeros(len(table), np.int64)
    left, right = np.zeros(len(table)), np.zeros(len(table))
    kinds = table["quantity"] + " " + table["activation"] + " " + table["residual"]
    for kind, rows in table.groupby(kinds).indices.items():
        quantity, activation, residual = str(kind).split(" ")
        edges = bin_edges(quantity, ACTIVATIONS[activation], residual == "true")
        places[rows] = np.searchsorted((edges[:-2] + edges[1:-1]) / 2, table["left"].iloc[rows])
        left[rows], right[rows] = edges[places[rows]], edges[places[rows] + 1]
    for column, edge in (("left", left), ("right", right)):
        same = np.isclose(table[column], edge, rtol=1e-9, atol=1e-12)
        require("histograms", table, column, same, pd.Series(edge), "the bins of its quantity")
    ascending = np.diff(places, prepend=-1) > 0
    ascending[starts] = True
    require("histograms", table, "left", ascending, "each bin of a histogram once, in ascending order")
    filled = np.repeat(np.add.reduceat(table["count"].to_numpy(), starts) > 0, lengths)
    require("histograms", table, "count", filled, "something in each histogram")


def blocks(histograms: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first row of each histogram, and how many rows it has."""
    codes = [pd.factorize(histograms[column])[0] for column in SAME_BLOCK]
    begins = np.r_[True, np.any([np.diff(code) != 0 for code in codes], axis=0)]
    starts = np.flatnonzero(begins)
    return starts, np.diff(np.r_[starts, len(histograms)])


def _some(values: pd.Series) -> str:
    """The first few of the values."""
    return (
        ", ".join(map(str, values.head(4))) + (" …" if len(values) > 4 else "") if len(values) else "of which none is"
    )
