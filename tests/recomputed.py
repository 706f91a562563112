"""The numbers and verdicts of findings, computed again from a result's CSVs by code that shares nothing with them.

Plain Python over rows of text, after the definitions in words: `core.results.evidence.MEASURES` and the functions'
docstrings say what is meant, and no code of theirs is used. Of `core` nothing is imported.
"""

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist, fmean, median
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]
Row = dict[str, str]
Of = Mapping[str, Any]
Value = tuple[float, int]

NEVER_NEGATIVE = ("logistic", "steep_logistic", "hard_logistic", "relu", "softplus")
CENTRED = ("tanh", "centred_logistic", "steep_centred_logistic", "lecun_tanh", "softsign", "hard_tanh")
SCALE_FREE = ("relu", "leaky_relu", "identity")
NO_EXPONENTIAL = ("softsign", "hard_tanh", "hard_logistic", "relu", "leaky_relu", "identity")
WIDTH = {"logistic": 1.0, "tanh": 2.0}
"""Widths of the ranges of the functions that a claim names."""
Z = np.array([NormalDist().inv_cdf((place + 0.5) / 20_000) for place in range(20_000)])
"""Middles of slices of equal probability of a normal variable."""


def logistic(a: Floats) -> Floats:
    """1 / (1 + exp(-a)), without overflow."""
    return np.exp(-np.logaddexp(0.0, -a))


def sigmoid(steepness: float, shift: float) -> Callable[[Floats], tuple[Floats, Floats]]:
    """The logistic of steepness * a, moved by `shift`: its values, and its slope over the largest."""

    def both(a: Floats) -> tuple[Floats, Floats]:
        return logistic(steepness * a) + shift, 4 * logistic(steepness * a) * logistic(-steepness * a)

    return both


FUNCTIONS: dict[str, Callable[[Floats], tuple[Floats, Floats]]] = {
    "logistic": sigmoid(1, 0),
    "centred_logistic": sigmoid(1, -0.5),
    "steep_logistic": sigmoid(4, 0),
    "steep_centred_logistic": sigmoid(4, -0.5),
    "tanh": lambda a: (np.tanh(a), 1 / np.cosh(np.minimum(abs(a), 300)) ** 2),
    "lecun_tanh": lambda a: (1.7159 * np.tanh(2 / 3 * a), 1 / np.cosh(np.minimum(abs(2 / 3 * a), 300)) ** 2),
    "softsign": lambda a: (a / (1 + abs(a)), 1 / (1 + abs(a)) ** 2),
    "hard_tanh": lambda a: (np.clip(a, -1, 1), (abs(a) < 1).astype(float)),
    "hard_logistic": lambda a: (np.clip(a / 4 + 0.5, 0, 1), (abs(a) < 2).astype(float)),
    "relu": lambda a: (np.maximum(a, 0), (a > 0).astype(float)),
    "leaky_relu": lambda a: (np.where(a > 0, a, 0.01 * a), np.where(a > 0, 1.0, 0.01)),
    "elu": lambda a: (np.where(a > 0, a, np.expm1(np.minimum(a, 0))), np.exp(np.minimum(a, 0))),
    "selu": lambda a: (
        1.0507009873554805 * np.where(a > 0, a, 1.6732632423543772 * np.expm1(np.minimum(a, 0))),
        np.where(a > 0, 1 / 1.6732632423543772, np.exp(np.minimum(a, 0))),
    ),
    "softplus": lambda a: (np.logaddexp(0.0, a), logistic(a)),
    "swish": lambda a: (a * logistic(a), abs(logistic(a) + a * logistic(a) * logistic(-a)) / 1.0998393201288669),
    "gelu": lambda a: (
        a * ndtr(a),
        abs(ndtr(a) + a * np.exp(-a * a / 2) / math.sqrt(2 * math.pi)) / 1.1289041451851547,
    ),
    "identity": lambda a: (a, np.ones_like(a)),
}
"""Values of the activation functions, and their slopes over the largest slope."""
FOUR = ("logistic", "centred_logistic", "steep_logistic", "steep_centred_logistic")
START = ("initialiser", "gain", "bias_initialiser")
"""What decides the weights that a network starts from."""
SUPPORTED, MIXED, NOT_SUPPORTED, UNDECIDED = "supported", "mixed", "not supported", "not decided"


class Tables:
    """The rows of the CSVs in a folder, what its experiment.json says of length and target, and the training inputs."""

    def __init__(self, folder: Path, inputs: Mapping[str, Floats]) -> None:
        self.examples = {data: len(x) for data, x in inputs.items()}
        varying = {data: x[:, x.min(axis=0) < x.max(axis=0)] for data, x in inputs.items()}
        self.inputs = {data: (float(x.mean()), float(x.std())) for data, x in varying.items()}
        self.predicted: dict[str, dict[int, tuple[float, float]]] = {}
        self.fewer: dict[tuple[str, str], tuple[float, float, float, int]] = {}
        self.runs, self.epochs, self.layers = (_rows(folder / f"{name}.csv") for name in ("runs", "epochs", "layers"))
        settings = json.loads((folder / "experiment.json").read_text("utf-8"))["experiment"]
        self.last_epoch, target = int(settings["epochs"]), str(settings["target"])
        self.full = settings["statistics"] == "full"
        self.threshold = float(settings["saturation_threshold"])
        self.probe_square = {data: float((x[: settings["probe"] or None] ** 2).mean()) for data, x in inputs.items()}
        measure, _, goal = target.partition(":")
        self.diverged_at = {row["run"]: number(row["diverged_at"]) for row in self.runs}
        self.reached: dict[str, float] = {}
        for row in self.epochs:
            value, update = number(row[measure]), float(row["update"])
            met = value <= float(goal) if measure.endswith("loss") else value >= float(goal)
            if met and update != self.diverged_at[row["run"]]:
                self.reached.setdefault(row["run"], update)
        self.trained: dict[str, int] = {}
        for row in self.epochs:
            self.trained[row["run"]] = max(self.trained.get(row["run"], 0), int(row["epoch"]))
        by_epoch = [row for row in self.epochs if row["epoch"] != "0" and row["update"] == row["epoch"]]
        doubled = {
            (data, size)
            for data in inputs
            for (size,) in distinct(where(by_epoch, {"dataset": data}), "batch_size")[1:]
        }
        self.distinct = [row for row in self.runs if (row["dataset"], row["batch_size"]) not in doubled]
        self.hidden = [row for row in self.layers if row["role"] == "hidden"]
        self.fed = [row for row in self.layers if int(row["layer"]) > 1 and int(row["fan_in"]) > 1]

    def time(self, row: Row) -> float:
        """Updates that the run took to the target; infinite where it did not reach it."""
        return self.reached.get(row["run"], math.inf)

    def lost(self, row: Row) -> bool:
        """Whether the run diverged."""
        return not math.isnan(self.diverged_at[row["run"]])

    def unfinished(self, row: Row) -> bool:
        """Whether the run has neither come to its last epoch nor diverged."""
        return self.trained[row["run"]] < self.last_epoch and not self.lost(row)

    def settled(self, group: str, update: float) -> bool:
        """Whether no run of the group has yet to be trained to that update."""
        return not any(
            self.unfinished(row) and math.isinf(self.time(row)) and float(row["last_update"]) < update
            for row in where(self.runs, {"group": group})
        )

    def once(self, rows: Iterable[Row]) -> list[Row]:
        """One of the rows of runs that differ in nothing, for the batches of both hold all examples."""
        seen: dict[tuple[str, ...], Row] = {}
        columns = ("dataset", "hidden", "activation", "optimiser", *START, "learning_rate", "seed", "epoch", "layer")
        for row in rows:
            size = row["batch_size"]
            whole = size == "full" or int(size) >= self.examples[row["dataset"]]
            seen.setdefault((*(row[column] for column in columns), "full" if whole else size), row)
        return list(seen.values())

    def theory(self, group: str) -> dict[int, tuple[float, float]]:
        """By hidden layer, what mean field theory predicts at initialisation: q, and the share saturated.

        The integrals are sums over 20,000 slices of equal probability, each at the middle one of its normal z.
        """
        if group not in self.predicted:
            rows = where(self.hidden, {"group": group, "epoch": 0})
            square, found = self.probe_square[rows[0]["dataset"]], {}
            for (layer,) in distinct(rows, "layer"):
                own = where(rows, {"layer": layer})
                q = fmean(float(row["fan_in"]) * float(row["weight_rms"]) ** 2 for row in own) * square
                q += fmean(float(row["bias_rms"]) ** 2 for row in own)
                a = math.sqrt(q) * Z
                h, slope = FUNCTIONS[own[0]["activation"]](a)
                found[int(layer)] = (q, float((slope < self.threshold).mean()))
                square = float((h**2).mean())
            self.predicted[group] = found
        return self.predicted[group]

    def times(self, group: str) -> dict[str, float]:
        """Updates to target of a group by seed."""
        return {row["seed"]: self.time(row) for row in self.runs if row["group"] == group}

    def step(self, group: str, update: float) -> float:
        """From the last update that the group was recorded at before `update` to the first that is not before it."""
        points = sorted({float(row["update"]) for row in self.epochs if row["group"] == group})
        before = [point for point in points if point < update]
        after = [point for point in points if point >= update]
        return after[0] - before[-1] if before and after else 0.0


def _rows(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def number(text: str) -> float:
    """The number in a cell; NaN where it is empty."""
    return float(text) if text else math.nan


def where(rows: Iterable[Row], of: Of) -> list[Row]:
    """The rows with these values."""

    def has(row: Row, column: str, value: Any) -> bool:
        return row[column] == value if isinstance(value, str) else float(row[column]) == float(value)

    return [row for row in rows if all(has(row, column, value) for column, value in of.items())]


def distinct(rows: Iterable[Row], *columns: str) -> list[tuple[str, ...]]:
    """The different values in these columns, in order."""
    return list(dict.fromkeys(tuple(row[column] for column in columns) for row in rows))


def known(rows: Iterable[Row], column: str) -> list[Row]:
    """The rows with a value there."""
    return [row for row in rows if row[column]]


def mean_of(rows: Iterable[Row], column: str) -> float:
    """The mean of the values there; NaN where there are none."""
    values = [float(row[column]) for row in rows if row[column]]
    return fmean(values) if values else math.nan


# Numbers


def of_runs(count: Callable[[Tables, list[Row]], float]) -> Callable[[Tables, Of], Value]:
    """A number of the runs selected."""

    def value(tables: Tables, of: Of) -> Value:
        rows = where(tables.runs, of)
        return count(tables, rows), len(rows)

    return value


def seeds_per_group(rows: list[Row]) -> list[int]:
    """How many seeds each group has."""
    pairs = distinct(rows, "group", "seed")
    return [sum(group == name for name, _ in pairs) for (group,) in distinct(rows, "group")]


def mean(part: str, column: str, size: bool = False) -> Callable[[Tables, Of], Value]:
    """The mean of a column over rows of the layers table."""

    def value(tables: Tables, of: Of) -> Value:
        rows = known(where(getattr(tables, part), of), column)
        values = [abs(float(row[column])) if size else float(row[column]) for row in rows]
        return fmean(values) if values else math.nan, len(distinct(rows, "run"))

    return value


def extreme(part: str, column: str, end: Callable[[list[float]], float]) -> Callable[[Tables, Of], Value]:
    """The least or greatest of a column over rows of the layers table."""

    def value(tables: Tables, of: Of) -> Value:
        rows = where(getattr(tables, part), of)
        return end([float(row[column]) for row in rows]), len(distinct(rows, "run"))

    return value


def times_fewer(tables: Tables, of: Of) -> tuple[float, float, float, int]:
    """How many times fewer updates one group needs than another, the ends of its interval, and the pairs."""
    pair = (of["group"], of["against"])
    if pair not in tables.fewer:
        tables.fewer[pair] = _times_fewer(*map(tables.times, pair))
    return tables.fewer[pair]


def _times_fewer(ours: dict[str, float], theirs: dict[str, float]) -> tuple[float, float, float, int]:
    seeds = sorted(set(ours) & set(theirs), key=int)
    if not seeds:
        return math.nan, math.nan, math.nan, 0
    point = over(median(theirs[seed] for seed in seeds), median(ours[seed] for seed in seeds))
    if len(seeds) == 1:
        return point, math.nan, math.nan, 1
    ratios = []
    for draw in np.random.default_rng(0).integers(0, len(seeds), (2000, len(seeds))).tolist():
        drawn = [seeds[place] for place in draw]
        ratios.append(over(median(theirs[seed] for seed in drawn), median(ours[seed] for seed in drawn)))
    low, high = nearest([ratio for ratio in ratios if not math.isnan(ratio)])
    return point, low, high, len(seeds)


def over(theirs: float, ours: float) -> float:
    """A ratio of medians: of two at update 0 it is 1, of two that are not reached there is none."""
    if theirs == ours:
        return math.nan if math.isinf(ours) else 1.0
    return math.inf if ours == 0 else theirs / ours


def nearest(values: Sequence[float]) -> tuple[float, float]:
    """The 2.5 and 97.5 % quantiles, values that occur."""
    if not values:
        return math.nan, math.nan
    low, high = np.quantile(np.array(values), [0.025, 0.975], method="nearest")
    return float(low), float(high)


def compared(part: int) -> Callable[[Tables, Of], Value]:
    """One of the numbers of `times_fewer`."""

    def value(tables: Tables, of: Of) -> Value:
        found = times_fewer(tables, of)
        return found[part], found[3]

    return value


def timed(tables: Tables, rows: Iterable[Row]) -> list[Row]:
    """The runs that took time and did not diverge."""
    return [r for r in rows if number(r["seconds"]) > 0 and number(r["last_update"]) > 0 and not tables.lost(r)]


def per_update(tables: Tables, of: Of) -> Value:
    """Median microseconds per update."""
    rows = timed(tables, where(tables.runs, of))
    return median(1e6 * float(row["seconds"]) / float(row["last_update"]) for row in rows), len(rows)


def times_as_long(tables: Tables, of: Of) -> Value:
    """The time of an update over that of another function."""
    alike = {column: value for column, value in of.items() if column != "against"}
    ours, n = per_update(tables, alike)
    theirs, m = per_update(tables, {**alike, "activation": of["against"]})
    return ours / theirs, min(n, m)


def flat_runs(rows: list[Row]) -> dict[str, int]:
    """By run that had a dead-flat layer here, the first epoch of it."""
    first: dict[str, int] = {}
    for row in rows:
        if row["dead_flat"] and float(row["dead_flat"]) == 1:
            first[row["run"]] = min(first.get(row["run"], 10**9), int(row["epoch"]))
    return first


def left(tables: Tables, of: Of) -> Value:
    """Runs in which a layer was dead-flat and later was not."""
    rows = where(tables.hidden, of)
    first = flat_runs(rows)
    later = [row for row in rows if row["run"] in first and row["dead_flat"] and int(row["epoch"]) > first[row["run"]]]
    return len(distinct([row for row in later if float(row["dead_flat"]) == 0], "run")), len(first)


def layer_means(tables: Tables, of: Of) -> list[float]:
    """The mean saturated share of each layer of each group."""
    rows = known(where(tables.hidden, of), "saturated")
    return [
        mean_of(where(rows, {"group": group, "layer": layer}), "saturated")
        for group, layer in distinct(rows, "group", "layer")
    ]


def tied(tables: Tables, of: Of) -> Value:
    """Layers whose mean share is the greatest."""
    means = layer_means(tables, of)
    return sum(value > max(means) - 1e-9 for value in means), len(distinct(where(tables.hidden, of), "run"))


class Comparison:
    """A group of a zero-centred function against another one, all else the same."""

    def __init__(self, tables: Tables, ours: str, theirs: str) -> None:
        one, other = tables.times(ours), tables.times(theirs)
        seeds = set(one) & set(other)
        medians = [median(times[seed] for seed in seeds) for times in (one, other)] if seeds else [math.inf] * 2
        settled = all(tables.settled(group, min(medians)) for group in (ours, theirs))
        self.counts = set(one) == set(other) and any(map(math.isfinite, medians)) and settled
        _, low, high, self.pairs = times_fewer(tables, {"group": ours, "against": theirs})
        steps = [tables.step(g, m) for g, m in zip((ours, theirs), medians, strict=True) if math.isfinite(m)]
        tie = medians[0] == medians[1] or abs(medians[0] - medians[1]) < max(steps, default=0)
        decided = self.counts and self.pairs > 1 and not tie
        self.verdict = UNDECIDED if not decided else SUPPORTED if low > 1 else NOT_SUPPORTED if high < 1 else UNDECIDED


def comparisons(tables: Tables, slow: Sequence[str]) -> list[Comparison]:
    """All comparisons of which at least one side's median is finite."""
    alike = ("dataset", "hidden", "batch_size", "optimiser", *START, "learning_rate")
    groups = {row["group"]: row for row in tables.distinct if row["hidden"] != "none"}
    found = [
        Comparison(tables, ours, theirs)
        for theirs, their in groups.items()
        for ours, our in groups.items()
        if their["activation"] in slow and our["activation"] in CENTRED and all(our[c] == their[c] for c in alike)
    ]
    return [one for one in found if one.counts]


def compared_as(*verdicts: str) -> Callable[[Tables, Of], Value]:
    """How many comparisons have one of the verdicts."""

    def value(tables: Tables, of: Of) -> Value:
        found = comparisons(tables, of["slow"].split(","))
        return sum(one.verdict in verdicts for one in found), len(found)

    return value


def best_groups(tables: Tables, of: Of) -> Value:
    """Groups that have the best median."""
    data = {name: value for name, value in of.items() if name == "dataset"}
    groups = [group for (group,) in distinct(where(tables.distinct, data), "group")]
    if of["outcome"] == "updates_to_target":
        medians = {group: median(tables.times(group).values()) for group in groups}
        best = min(groups, key=lambda group: medians[group])
        steps = {group: tables.step(group, medians[group]) for group in groups if math.isfinite(medians[group])}
        return sum(
            medians[group] == medians[best] or medians[group] - medians[best] < max(steps[group], steps[best])
            for group in steps
        ), len(groups)
    groups = [group for (group,) in distinct(where(tables.runs, data), "group")]
    values = [accuracy(tables, {"group": group})[0] for group in groups]
    values = [value for value in values if not math.isnan(value)]
    return values.count(max(values)), len(values)


def accuracy(tables: Tables, of: Of) -> Value:
    """Median test accuracy, diverged runs below all others."""
    rows = where(tables.runs, of)
    values = [-math.inf if tables.lost(row) else number(row["final_test_accuracy"]) for row in rows]
    values = [value for value in values if not math.isnan(value)]
    return median(values) if values else math.nan, len(rows)


def alike(column: str, what: Callable[[Iterable[float]], float]) -> Callable[[Tables, Of], Value]:
    """A statistic of a column over rows of one layer, of which those that are alike count once."""

    def value(tables: Tables, of: Of) -> Value:
        special = ("batch_size", "of_runs_with", "at_epoch")
        rows = known(tables.once(where(tables.layers, {k: v for k, v in of.items() if k not in special})), column)
        rows = [row for row in rows if row["batch_size"] in of.get("batch_size", row["batch_size"]).split(",")]
        if "of_runs_with" in of:
            then = known(where(tables.layers, {"layer": of["layer"], "epoch": of["at_epoch"]}), of["of_runs_with"])
            rows = [row for row in rows if row["run"] in {other["run"] for other in then}]
        return what(float(row[column]) for row in rows), len(rows)

    return value


def of_hidden(column: str, what: Callable[[Iterable[float]], float]) -> Callable[[Tables, Of], Value]:
    """A statistic of a column over hidden rows."""

    def value(tables: Tables, of: Of) -> Value:
        rows = known(where(tables.hidden, of), column)
        return what(float(row[column]) for row in rows), len(rows)

    return value


def measured_std(tables: Tables, of: Of) -> Value:
    """The root of the median mean square of pre-activations."""
    rows = known(where(tables.hidden, of), "preactivation_std")
    squares = [float(row["preactivation_mean"]) ** 2 + float(row["preactivation_std"]) ** 2 for row in rows]
    return median(squares) ** 0.5, len(rows)


def of_epochs(column: str) -> Callable[[Tables, Of], Value]:
    """The median of a column over rows of the epochs table."""

    def value(tables: Tables, of: Of) -> Value:
        rows = where(tables.epochs, of)
        return median(float(row[column]) for row in known(rows, column)), len(distinct(rows, "run"))

    return value


def signal_kept(tables: Tables, of: Of) -> Value:
    """The spread of the back-propagated signal in the first hidden layer over that in the last, median over runs."""
    by_run: dict[str, list[Row]] = {}
    for row in where(tables.hidden, of):
        by_run.setdefault(row["run"], []).append(row)
    ends = [sorted(rows, key=lambda row: int(row["layer"])) for rows in by_run.values()]
    pairs = [(number(rows[0]["delta_std"]), number(rows[-1]["delta_std"])) for rows in ends]
    ratios = [first / last for first, last in pairs if last > 0 and math.isfinite(first)]
    return median(ratios) if ratios else math.nan, len(by_run)


def predicted_pairs(tables: Tables, of: Of) -> Value:
    """The agreement of pairs in a large batch, from the mean and spread of what feeds the layer."""
    line = {column: value for column, value in of.items() if column != "layer"}
    rows = tables.once(where(tables.layers, {**line, "layer": of["layer"] - 1}))
    mean, std = mean_of(rows, "activation_mean"), mean_of(rows, "activation_std")
    if of["layer"] == 1:
        mean, std = tables.inputs[of["dataset"]]
    into = where(tables.layers, of)
    measured = [row for row in into if any(row[f"pair_agreement_{level}"] for level in ("example", "batch", "epoch"))]
    return 0.5 + math.asin(mean**2 / (mean**2 + std**2)) / math.pi, seeds_of(measured)


def predictions(tables: Tables) -> list[tuple[float, float, float, float]]:
    """Of each layer of each start with random weights: q and the std measured, shares saturated, theirs and ours."""
    start = where(tables.hidden, {"epoch": 0})
    found, seen = [], set()
    for group, layer, scheme, gain, biases, *others in distinct(
        start, "group", "layer", *START, "dataset", "hidden", "activation"
    ):
        of = {"group": group, "layer": int(layer), "epoch": 0}
        own = (layer, scheme, gain, biases, *others)
        if own in seen:  # groups that differ in batch size or rate start from the same weights
            continue
        seen.add(own)
        name, *values = scheme.partition(";")[0].split(":")  # roles are of the last layer here
        if name in ("zeros", "constant", "identity", "looks_linear") or len(values) > 1 or "constant" in biases:
            continue
        q, share = tables.theory(group)[int(layer)]
        found.append((q, measured_std(tables, of)[0], share, of_hidden("saturated", median)(tables, of)[0]))
    return found


MEASURES: dict[str, Callable[[Tables, Of], Value]] = {
    "runs": of_runs(lambda tables, rows: len(rows)),
    "groups": of_runs(lambda tables, rows: len(distinct(rows, "group"))),
    "least seeds": of_runs(lambda tables, rows: min(seeds_per_group(rows))),
    "most seeds": of_runs(lambda tables, rows: max(seeds_per_group(rows))),
    "reached": of_runs(lambda tables, rows: sum(math.isfinite(tables.time(row)) for row in rows)),
    "reached at update 0": of_runs(lambda tables, rows: sum(tables.time(row) == 0 for row in rows)),
    "diverged": of_runs(lambda tables, rows: sum(map(tables.lost, rows))),
    "diverged first": of_runs(
        lambda tables, rows: sum(tables.lost(row) and math.isinf(tables.time(row)) for row in rows)
    ),
    "diverged later": of_runs(
        lambda tables, rows: sum(tables.lost(row) and math.isfinite(tables.time(row)) for row in rows)
    ),
    "stopped": of_runs(
        lambda tables, rows: sum(
            math.isinf(tables.time(row)) and not tables.lost(row) and not tables.unfinished(row) for row in rows
        )
    ),
    "going on": of_runs(
        lambda tables, rows: sum(math.isinf(tables.time(row)) and tables.unfinished(row) for row in rows)
    ),
    "median updates_to_target": of_runs(lambda tables, rows: median(map(tables.time, rows))),
    "median final_test_accuracy": accuracy,
    "times fewer updates": compared(0),
    "times fewer updates, least": compared(1),
    "times fewer updates, most": compared(2),
    "microseconds per update": per_update,
    "times as long": times_as_long,
    "recorded step": lambda tables, of: (
        tables.step(of["group"], of["update"]), len(where(tables.runs, {"group": of["group"]}))
    ),
    "last epoch": extreme("hidden", "epoch", max),
    "mean weight_rms": mean("hidden", "weight_rms"),
    "mean saturated": mean("hidden", "saturated"),
    "mean distance from 0": mean("hidden", "activation_mean", size=True),
    "runs dead-flat": lambda tables, of: (
        len(flat_runs(where(tables.hidden, of))), len(distinct(where(tables.hidden, of), "run"))
    ),
    "first epoch dead-flat": lambda tables, of: (
        min(flat_runs(where(tables.hidden, of)).values()), len(flat_runs(where(tables.hidden, of)))
    ),
    "last epoch dead-flat": lambda tables, of: (
        max(int(row["epoch"]) for row in where(tables.hidden, of) if row["dead_flat"] and float(row["dead_flat"]) == 1),
        len(flat_runs(where(tables.hidden, of))),
    ),
    "runs that left": left,
    "least weights": extreme("fed", "fan_in", min),
    "most weights": extreme("fed", "fan_in", max),
    "last epoch fed": extreme("fed", "epoch", max),
    "mean same_sign_example": mean("fed", "same_sign_example"),
    "mean same_sign_batch": mean("fed", "same_sign_batch"),
    "mean same_sign_epoch": mean("fed", "same_sign_epoch"),
    "mean orthants_visited": mean("fed", "orthants_visited"),
    "comparisons": compared_as(SUPPORTED, NOT_SUPPORTED, UNDECIDED),
    "comparisons faster": compared_as(SUPPORTED),
    "comparisons slower": compared_as(NOT_SUPPORTED),
    "groups that tie": best_groups,
    "layers": lambda tables, of: (len(layer_means(tables, of)), len(distinct(where(tables.hidden, of), "run"))),
    "layers that tie": tied,
    **{f"median pair_agreement_{level}, alike once": alike(f"pair_agreement_{level}", median)
       for level in ("example", "batch", "epoch")},
    **{f"mean pair_agreement_{level}, alike once": alike(f"pair_agreement_{level}", fmean)
       for level in ("example", "batch", "epoch")},
    "mean saturated, alike once": lambda tables, of: (
        fmean(float(row["saturated"]) for row in known(tables.once(where(tables.hidden, of)), "saturated")),
        len(distinct(known(tables.once(where(tables.hidden, of)), "saturated"), "run")),
    ),
    "mean weight_rms, alike once": alike("weight_rms", fmean),
    "predicted pair agreement": predicted_pairs,
    "signal kept": signal_kept,
    "median singular_value_mean": of_epochs("singular_value_mean"),
    "median condition_number": of_epochs("condition_number"),
    "measured std of a": measured_std,
    "median saturated": of_hidden("saturated", median),
    "predicted std of a": lambda tables, of: (
        tables.theory(of["group"])[of["layer"]][0] ** 0.5, measured_std(tables, of)[1]
    ),
    "predicted saturated": lambda tables, of: (
        tables.theory(of["group"])[of["layer"]][1], of_hidden("saturated", median)(tables, of)[1]
    ),
    "layers predicted": lambda tables, of: (len(predictions(tables)), len(predictions(tables))),
    "layers near": lambda tables, of: (
        sum(abs(q**0.5 - std) <= 0.1 * std for q, std, _, _ in predictions(tables)), len(predictions(tables))
    ),
    "layers close": lambda tables, of: (
        sum(abs(theirs - ours) <= 0.05 for _, _, theirs, ours in predictions(tables)), len(predictions(tables))
    ),
}  # fmt: skip


# Verdicts


def verdict_of(holds: Sequence[bool]) -> str:
    """One verdict on several comparisons."""
    if not holds:
        return UNDECIDED
    return SUPPORTED if all(holds) else MIXED if any(holds) else NOT_SUPPORTED


def together(verdicts: Iterable[str]) -> str:
    """One verdict of several: what is undecided counts only where all is."""
    kinds = set(verdicts) - {UNDECIDED}
    return UNDECIDED if not kinds else kinds.pop() if len(kinds) == 1 else MIXED


def seeds_of(rows: Iterable[Row]) -> int:
    """How many seeds the rows have."""
    return len(distinct(rows, "seed"))


def saturation(tables: Tables, only: str = "") -> str:
    """Whether the largest initial weights saturate more units than the smallest, seed by seed."""
    verdicts = []
    start = where(tables.hidden, {"epoch": 0, **({"activation": only} if only else {})})
    for activation, hidden, data in distinct(start, "activation", "hidden", "dataset"):
        own = where(start, {"activation": activation, "hidden": hidden, "dataset": data})
        scales = {
            scheme: mean_of(where(own, dict(zip(("initialiser", "gain"), scheme, strict=True))), "weight_rms")
            for scheme in distinct(own, "initialiser", "gain")
        }
        order = sorted(scales, key=lambda scheme: scales[scheme])
        if activation in SCALE_FREE or not scales[order[-1]] > 1.5 * scales[order[0]]:
            continue
        small, large = (
            {
                seed: mean_of(where(own, {"initialiser": scheme[0], "gain": scheme[1], "seed": seed}), "saturated")
                for (seed,) in distinct(where(own, {"initialiser": scheme[0], "gain": scheme[1]}), "seed")
            }
            for scheme in (order[0], order[-1])
        )
        both = sorted(set(small) & set(large))
        noticeable = max(fmean(small.values()), fmean(large.values())) >= 0.01
        more = [large[seed] - small[seed] > 0.01 for seed in both]
        verdicts.append(verdict_of(more) if noticeable and len(both) > 1 else UNDECIDED)
    return together(verdicts)


def tied_signs(tables: Tables, only: str = "") -> str:
    """Whether one example's gradients into a neuron have one sign exactly where the activations into it do."""
    fed = known(tables.fed, "same_sign_example")
    ties = [row for row in fed if (row["activation"] == only if only else row["activation"] in NEVER_NEGATIVE)]
    if seeds_of(ties) < 2:
        return UNDECIDED
    if min(float(row["same_sign_example"]) for row in ties) < 1:
        return NOT_SUPPORTED
    free = [row for row in fed if row["activation"] not in NEVER_NEGATIVE]
    return SUPPORTED if only or not free or mean_of(free, "same_sign_example") < 0.99 else MIXED


def faster(tables: Tables, slow: Sequence[str]) -> str:
    """Whether zero-centred functions need fewer updates than the functions `slow`."""
    return together(one.verdict for one in comparisons(tables, slow))


def signal_back(tables: Tables) -> str:
    """Whether the back-propagated signal of every group keeps its size to a factor of 2, half or twice."""
    start = where(tables.hidden, {"epoch": 0})
    deep = distinct([row for row in start if int(row["layer"]) > 1], "group")
    ratios = [signal_kept(tables, {"group": group, "epoch": 0})[0] for (group,) in deep]
    if seeds_of(tables.runs) < 2:
        return UNDECIDED
    return verdict_of([0.5 <= ratio <= 2 for ratio in ratios if not math.isnan(ratio)])


def small_is_best(tables: Tables) -> str:
    """Whether the logistic is trained fastest from the smallest of the initial scales."""
    verdicts = []
    alike = ("dataset", "hidden", "batch_size", "optimiser", "learning_rate")
    own = [row for row in tables.distinct if row["activation"] == "logistic"]
    for settings in distinct(own, *alike):
        groups = [group for (group,) in distinct(where(own, dict(zip(alike, settings, strict=True))), "group")]
        scales = {group: mean_of(where(tables.hidden, {"group": group, "epoch": 0}), "weight_rms") for group in groups}
        scales = {group: scale for group, scale in scales.items() if not math.isnan(scale)}
        order = sorted(scales, key=lambda group: scales[group])
        medians = {group: median(tables.times(group).values()) for group in scales}
        if len(order) < 2 or not scales[order[-1]] > 1.5 * scales[order[0]] or min(medians.values()) == math.inf:
            continue
        best = min(medians, key=lambda group: medians[group])
        if not all(tables.settled(group, medians[best]) for group in medians):
            continue

        def is_best(group: str, best: str = best, medians: dict[str, float] = medians) -> bool:
            gap = medians[group] - medians[best]
            return gap == 0 or gap < max(tables.step(name, medians[name]) for name in (best, group))

        ends = [math.isfinite(medians[group]) and is_best(group) for group in (order[0], order[-1])]
        one_seed = min(len(tables.times(group)) for group in order) < 2
        names = {(True, True): UNDECIDED, (True, False): SUPPORTED, (False, True): NOT_SUPPORTED}
        verdicts.append(UNDECIDED if one_seed else names.get((ends[0], ends[1]), MIXED))
    return together(verdicts)


def centring(tables: Tables) -> str:
    """Whether the logistic's layers have a mean output off 0, and those of tanh have not."""
    holds = []
    for name in ("logistic", "tanh"):
        rows = known(where(tables.hidden, {"activation": name}), "activation_mean")
        if seeds_of(rows) < 2:
            return UNDECIDED
        for epoch in {0, max(int(row["epoch"]) for row in rows)}:
            distance = fmean(abs(float(row["activation_mean"])) for row in where(rows, {"epoch": epoch}))
            holds.append((distance <= 0.1 * WIDTH[name]) == (name == "tanh"))
    return verdict_of(holds)


def few_directions(tables: Tables) -> str:
    """Whether batches as trained on leave the neurons that the logistic feeds 2 orthants."""
    kept = {row["run"] for row in tables.distinct}
    all_rows = known(where(tables.fed, {"activation": "logistic"}), "same_sign_example")
    rows = [row for row in all_rows if row["run"] in kept]
    shares = [mean_of(where(rows, {"batch_size": size}), "same_sign_batch") for (size,) in distinct(rows, "batch_size")]
    shares = [share for share in shares if not math.isnan(share)]
    if seeds_of(rows) < 2 or not shares:
        return UNDECIDED
    if mean_of(all_rows, "same_sign_example") < 1 or max(shares) < 0.01:
        return NOT_SUPPORTED
    return SUPPORTED if min(shares) > 0.99 else MIXED


def exponential_costs(tables: Tables) -> str:
    """Whether an update takes longer with the logistic than with functions without an exponential."""
    verdicts = []
    rows = timed(tables, [row for row in tables.distinct if row["hidden"] != "none"])
    alike = ("dataset", "hidden", "batch_size", "optimiser", "last_update")
    for settings in distinct(rows, *alike):
        own = where(rows, dict(zip(alike, settings, strict=True)))
        logistic = where(own, {"activation": "logistic"})
        for (name,) in distinct(own, "activation"):
            if name in NO_EXPONENTIAL and logistic:
                cheap = where(own, {"activation": name})
                times = [median(float(row["seconds"]) for row in part) for part in (logistic, cheap)]
                slower = SUPPORTED if times[0] > 1.1 * times[1] else NOT_SUPPORTED
                verdicts.append(slower if min(seeds_of(logistic), seeds_of(cheap)) > 1 else UNDECIDED)
    return together(verdicts)


# The 2 x 2


class TwoByTwo:
    """The 2 x 2 of an outcome, with draws of paired seeds: medians as intervals, on the scale of addition."""

    WEIGHTS: Mapping[str, Mapping[str, float]] = {
        "all": {"logistic": 1, "tanh": -1},
        "centring": {
            "logistic": 0.5, "steep_logistic": 0.5, "centred_logistic": -0.5, "steep_centred_logistic": -0.5
        },
        "slope": {"logistic": 0.5, "centred_logistic": 0.5, "steep_logistic": -0.5, "steep_centred_logistic": -0.5},
        "width": {"steep_centred_logistic": 1, "tanh": -1},
        "interaction": {
            "logistic": -1, "centred_logistic": 1, "steep_logistic": 1, "steep_centred_logistic": -1
        },
    }  # fmt: skip

    def __init__(self, tables: Tables, of: Of, outcome: str, rate: float | None, resamples: int) -> None:
        self.tables, self.outcome = tables, outcome
        rows = [row for row in where(tables.runs, of) if row["activation"] in (*FOUR, "tanh")]
        if rate is not None:
            rows = where(rows, {"learning_rate": rate})
        self.functions = [name for name in (*FOUR, "tanh") if where(rows, {"activation": name})]
        self.rates = sorted({float(row["learning_rate"]) for row in rows})
        cells = {(row["activation"], float(row["learning_rate"]), row["seed"]): row for row in rows}
        self.seeds = sorted(
            (seed for (seed,) in distinct(rows, "seed")
             if all((name, rate, seed) in cells for name in self.functions for rate in self.rates)),
            key=int,
        )  # fmt: skip
        self.cells = cells
        self.last = max(float(row["last_update"]) for row in rows)
        values = [value for value in map(self.value, rows) if math.isfinite(value)]
        self.worst = (min if outcome == "final_test_accuracy" else max)(values, default=1.0)
        if not self.seeds:
            return
        n = len(self.seeds)
        draws = np.random.default_rng(0).integers(0, n, (resamples, n)).tolist()
        self.point = self.effects([self.seeds[place] for place in range(n)])
        drawn = [self.effects([self.seeds[place] for place in draw]) for draw in draws]
        self.ends = {
            effect: (nearest([one[effect][0] for one in drawn])[0], nearest([one[effect][1] for one in drawn])[1])
            for effect in self.point
        }

    def value(self, row: Row, column: str = "") -> float:
        """What a run ended at; NaN where it diverged."""
        return math.nan if self.tables.lost(row) else number(row[column or self.outcome])

    def bounds(self, row: Row) -> tuple[float, float]:
        """The least and the greatest that the outcome may be, small being good."""
        if self.outcome == "updates_to_target":
            time = self.tables.time(row)
            if math.isfinite(time):
                return time, time
            return self.last if self.tables.lost(row) else float(row["last_update"]), math.inf
        value = self.value(row)
        if self.outcome == "final_train_loss":
            return (self.worst, math.inf) if math.isnan(value) else (value, value)
        return (-self.worst, 0.0) if math.isnan(value) else (-value, -value)

    def added(self, median: float) -> float:
        """A median on the scale of addition: its logarithm, but of an accuracy."""
        if self.outcome == "final_test_accuracy":
            return median
        return math.log(max(median, 0.25 if self.outcome == "updates_to_target" else float(np.finfo(float).tiny)))

    def best_rate(self, name: str, seeds: Sequence[str]) -> float:
        """The rate of the lowest median of what it is chosen by, else of the lowest median loss."""

        def by(rate: float, column: str) -> float:
            rows = [self.cells[name, rate, seed] for seed in seeds]
            if column == "updates_to_target":
                return median(map(self.tables.time, rows))
            values = [self.value(row, column) for row in rows]
            return median(math.inf if math.isnan(value) else value for value in values)

        chosen = "updates_to_target" if self.outcome == "updates_to_target" else "final_train_loss"
        medians = {rate: by(rate, chosen) for rate in self.rates}
        if min(medians.values()) == math.inf:
            medians = {rate: by(rate, "final_train_loss") for rate in self.rates}
        return min(self.rates, key=lambda rate: medians[rate])

    def effects(self, seeds: Sequence[str]) -> dict[str, tuple[float, float]]:
        """Each effect as an interval."""
        low, high = {}, {}
        for name in self.functions:
            rate = self.best_rate(name, seeds)
            found = [self.bounds(self.cells[name, rate, seed]) for seed in seeds]
            low[name], high[name] = (self.added(median(pair[end] for pair in found)) for end in (0, 1))
        return {
            effect: (
                sum(weight * (low if weight > 0 else high)[name] for name, weight in weights.items()),
                sum(weight * (high if weight > 0 else low)[name] for name, weight in weights.items()),
            )
            for effect, weights in self.WEIGHTS.items()
            if set(weights) <= set(self.functions)
        }

    def natural(self, value: float) -> float:
        """A ratio, or points of accuracy."""
        if self.outcome == "final_test_accuracy":
            return 100 * value
        return math.inf if value > 230 else 0.0 if value < -230 else math.exp(value)

    def number(self, measure: str, effect: str) -> Value:
        """One of the effect's numbers."""
        (low, high), ends = self.point[effect], self.ends[effect]
        values = {
            "effect": low, "effect, at least": low, "effect, at most": high,
            "effect, least": ends[0], "effect, most": ends[1],
        }  # fmt: skip
        if measure == "effect's share":
            return low / self.point["all"][0], len(self.seeds)
        return self.natural(values[measure]), len(self.seeds)

    def cell(self, measure: str, name: str) -> Value:
        """A number of one function's runs at its best rate."""
        rate = self.best_rate(name, self.seeds)
        times = [self.tables.time(self.cells[name, rate, seed]) for seed in self.seeds]
        values = {"reached, paired": sum(map(math.isfinite, times)), "median updates, paired": median(times)}
        return values[measure], len(times)

    def verdict(self) -> str:
        """Whether tanh's advantage is of its centring as well as of its slope."""
        rows = [row for (name, _, _), row in self.cells.items() if name in self.functions]
        if len(self.seeds) < 2 or all(map(self.tables.lost, rows)):
            return UNDECIDED
        if self.outcome == "updates_to_target":
            medians = [
                median(
                    self.tables.time(self.cells[name, self.best_rate(name, self.seeds), seed]) for seed in self.seeds
                )
                for name in self.functions
            ]
            if min(medians) == 0 or min(medians) == math.inf:
                return UNDECIDED
        if self.outcome == "final_train_loss" and any(
            median(self.bounds(self.cells[name, self.best_rate(name, self.seeds), seed])[1] for seed in self.seeds) == 0
            for name in self.functions
        ):
            return UNDECIDED
        if "all" in self.point and (whole := self.clear("all")) != SUPPORTED:
            return whole
        parts = {self.clear("centring"), self.clear("slope")}
        return parts.pop() if len(parts) == 1 else UNDECIDED if UNDECIDED in parts else MIXED

    def clear(self, effect: str) -> str:
        """Whether all of an effect's interval lies on one side of no effect, and it is one to speak of."""
        (low, high), ends = self.point[effect], self.ends[effect]
        if low == high and abs(low) < (0.01 if self.outcome == "final_test_accuracy" else math.log(1.01)):
            return UNDECIDED
        return SUPPORTED if ends[0] > 0 else NOT_SUPPORTED if ends[1] < 0 else UNDECIDED
