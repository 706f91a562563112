r"""How large a batch lets the signs of a neuron's gradients differ: against batch size, and against the initial scale.

Measured is the agreement of pairs: of all pairs of weights into one neuron, the share whose gradients have one sign;
1/2 where signs are free. With P positive and N negative among n signs it is (P (P - 1) + N (N - 1)) / (n (n - 1)), so
it goes with the square of the tables' `agreement` s = |P - N| / n as (n (1 + s^2) - 2) / (2 (n - 1)).

Theory: with deltas that are independent of what feeds the neuron, the pair's two gradients of a large batch are jointly
Gaussian with correlation rho = mu^2 / (mu^2 + sigma^2), mu and sigma the mean and standard deviation of the incoming
activations, and agree with probability 1/2 + asin(rho) / pi.
"""

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.experiment.data import data_of
from core.experiment.experiment import Experiment, all_but
from core.lessons import findings
from core.lessons.comparisons import PLAIN, plain_networks
from core.lessons.findings import CLEARLY_LARGER, NOTICEABLE, Finding
from core.registries import starts
from core.registries.activations import ACTIVATIONS
from core.results import summary
from core.results.evidence import Told
from core.results.results import Result, run_settings
from core.schema import GROUP, LEVELS
from core.text import NOT_MEASURED, ONE_SEED, UNDECIDED, count, few, number, sentence, share, shares, verdict, words
from core.theory.theory import pair_agreement, pair_agreement_by_batch

FREE = 0.5
"""Agreement of pairs of independent random signs."""
QUANTITIES = {"saturated": "hidden units that are saturated", "pairs": "pairs of gradient signs that agree"}
WHOSE = {"example": "one example's", "batch": "a mini-batch's", "epoch": "the whole training set's"}
APART = 0.05
ABOVE = (
    "a share of few neurons scatters; and theory takes the units below to vary from example to example; where they "
    "differ from each other more than between examples, as in deeper layers, the signs are tied more."
)
BELOW = (
    "a share of few neurons scatters; and theory takes the deltas of examples to be independent; those of a whole "
    "training set with balanced classes nearly cancel, and training ties them to what feeds the neuron."
)
ALIKE = "Starts that are not random are not judged: their units are alike, which ties the signs whatever feeds them."
CURVE = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
LINE = all_but("batch_size")
"""What runs of one line share: all but seed and batch size."""
MOMENTS = ["activation_mean", "activation_std", "preactivation_std"]
SETTINGS = ["line", "activation", "dataset", "initialiser", "hidden", *PLAIN, "fan_in"]
FEEDING = [*SETTINGS[1:], *MOMENTS]
"""Columns that tell what feeds a layer."""
Rows = dict[str, NDArray[Any]]
"""Rows by column, as arrays: pandas would take longer to make a table of so few than to calculate with it."""
NO_PAIRS = "each neuron has one incoming weight here, so there are no pairs"
NO_GRADIENT = "no neuron has two weights with a gradient here"


def train_examples(experiment: Experiment) -> int:
    """How many examples the training set has, or the largest of several: what a full batch is made of at most."""
    return max(experiment.part_sizes(name)[0] for name in experiment.dataset)


def sizes(experiment: Experiment, dataset: str) -> dict[str, int]:
    """Examples in a batch, by the batch size as the tables have it: "full" and all beyond the data have the same."""
    full = experiment.part_sizes(dataset)[0]
    return {"full" if size == 0 else str(size): min(size or full, full) for size in experiment.batch_size}


@lru_cache(maxsize=64)
def labels(experiment: Experiment) -> dict[str, str]:
    """By group, its label without the batch size: what a line over batch sizes is called."""
    bare = dataclasses.replace(experiment, batch_size=experiment.batch_size[:1])
    return {experiment.label(run): bare.label(run) for run in dataclasses.replace(experiment, seeds=1).runs()}


def _rows(result: Result, epoch: int, columns: Sequence[str], layer: int | None = None) -> Rows:
    """These columns of the layers table at an epoch, with line and size; runs that differ in nothing are one.

    Two runs differ in nothing where their batches hold the same number of examples, all there are. Rows of all layers,
    or of one.
    """
    layers = result.layers
    wanted = layers["epoch"].to_numpy() == epoch
    at = np.flatnonzero(wanted if layer is None else wanted & (layers["layer"].to_numpy() == layer))
    code, groups = pd.factorize(layers["group"].array.take(at))
    known = _by_group(result.experiment)
    group = np.array([known.places[name] for name in groups], np.int64)[code]
    alike = [known.lines[group], known.settings["size"][group]]
    alike += [layers[name].to_numpy()[at] for name in ("seed", "layer")]
    kept = np.flatnonzero(~pd.DataFrame(dict(enumerate(alike))).duplicated().to_numpy())
    own = dict.fromkeys(["run", "group", "dataset", "batch_size", "seed", "layer", *columns, "line", "size"])
    return {
        name: known.settings[name][group[kept]] if name in known.settings else _array(layers[name], at[kept])
        for name in own
    }


@dataclasses.dataclass(frozen=True)
class _Groups:
    """What all runs of a group share: their settings as tables have them, line and size of batches.

    Attributes:
        places: by group, where it stands in the arrays.
        settings: by column.
        lines: numbers of the lines, of which several groups may be.
    """

    places: dict[str, int]
    settings: Rows
    lines: NDArray[np.int64]


@lru_cache(maxsize=64)
def _by_group(experiment: Experiment) -> _Groups:
    table = run_settings(dataclasses.replace(experiment, seeds=1))
    settings = {column.name: _array(table[column.name], table.index.to_numpy()) for column in GROUP}
    by_name = {name: sizes(experiment, name) for name in experiment.dataset}
    pairs = zip(settings["dataset"], settings["batch_size"], strict=True)
    settings["size"] = np.array([by_name[name][batch] for name, batch in pairs], np.int64)
    known = labels(experiment)
    settings["line"] = np.array([known[group] for group in settings["group"]], object)
    places = {group: place for place, group in enumerate(settings["group"])}
    return _Groups(places, settings, pd.factorize(settings["line"])[0])


def _taken(rows: Rows, which: NDArray[Any]) -> Rows:
    """Those of the rows."""
    return {name: values[which] for name, values in rows.items()}


def _array(column: pd.Series, at: NDArray[np.int64]) -> NDArray[Any]:
    """These values of a column; texts as Python's."""
    values = column.array.take(at)
    return values.to_numpy() if isinstance(column.dtype, np.dtype) else np.array(values.tolist(), object)


def _table(rows: Rows) -> pd.DataFrame:
    """The rows as a table, with texts as those of a result's."""
    return pd.DataFrame({name: pd.array(own, "str") if own.dtype == object else own for name, own in rows.items()})


def by_batch(result: Result, epoch: int, layer: int) -> pd.DataFrame:
    """Agreement of pairs by batch size, a row for each run and size.

    Where the experiment has several batch sizes, each run stands at its own. Where it has one, the same weights are
    looked at three ways: one example, one mini-batch, the whole training set.

    Columns: those of the run and its point in the layers table, size (examples), pairs.
    """
    return _table(_by_batch(result, epoch, layer))


def _by_batch(result: Result, epoch: int, layer: int) -> Rows:
    kept = ["run", "group", *LINE, "seed", "epoch", "layer"]
    rows = _rows(result, epoch, [*kept, *(f"pair_agreement_{level}" for level in LEVELS)], layer)
    levels: dict[str, Any] = {"batch": rows["size"]}
    if one_size(result.experiment):
        full = _full(result.experiment, rows["dataset"])
        levels = {"example": np.ones_like(full), "batch": rows["size"], "epoch": full}
    again = np.tile(np.arange(len(rows["run"])), len(levels))
    columns = {name: rows[name].take(again) for name in [*kept, "line"]}
    columns["level"] = np.repeat(np.array(list(levels), object), len(rows["run"]))
    columns["size"] = np.concatenate(list(levels.values()))
    columns["pairs"] = np.concatenate([rows[f"pair_agreement_{level}"] for level in levels])
    first = ~pd.DataFrame({name: columns[name] for name in ("run", "size")}).duplicated().to_numpy()
    return _taken(columns, first & ~np.isnan(columns["pairs"]))


def _full(experiment: Experiment, datasets: Iterable[str]) -> NDArray[np.int64]:
    """Examples in each row's training set."""
    known = {name: experiment.part_sizes(name)[0] for name in experiment.dataset}
    return np.array([known[name] for name in datasets], np.int64)


def one_size(experiment: Experiment) -> bool:
    """Whether all runs on the same data take the same number of examples for an update."""
    return all(len(set(sizes(experiment, name).values())) == 1 for name in experiment.dataset)


def unmeasured(result: Result, epoch: int, layer: int) -> str:
    """Why there is no agreement of pairs in a layer, in words; "" where there is one."""
    if result.experiment.statistics != "full":
        return NOT_MEASURED
    layers = result.layers
    at = np.flatnonzero((layers["epoch"].to_numpy() == epoch) & (layers["layer"].to_numpy() == layer))
    if not all(np.isnan(layers[f"pair_agreement_{level}"].to_numpy()[at]).all() for level in LEVELS):
        return ""
    if not at.size:
        return "nothing was measured here"
    return NO_PAIRS if layers["fan_in"].to_numpy()[at].max() < 2 else NO_GRADIENT


def feeding(result: Result, epoch: int, layer: int) -> pd.DataFrame:
    """What feeds `layer`, a row for each line: mean, std, rho and the agreement of pairs that theory gives them.

    For the first layer these are the inputs, features that never change left out: they have no gradient. Where a
    neuron has a single incoming weight there are no pairs, and no limit; nor where the weights are not random or
    the networks not plain. Columns: line, activation, dataset, mean, std, preactivation_std (empty for inputs), rho,
    limit.
    """
    fed = _feeding(result, _rows(result, epoch, FEEDING), [layer])
    numbers = dict.fromkeys(_Feed._fields[4:], np.float64)
    return pd.DataFrame(fed, columns=_Feed._fields).drop(columns="layer").astype(numbers)


class _Feed(NamedTuple):
    """What feeds a layer of a line: a row of `feeding`."""

    layer: int
    line: str
    activation: str
    dataset: str
    mean: float
    std: float
    preactivation_std: float
    rho: float
    limit: float


def _feeding(result: Result, rows: Rows, layers: Sequence[int]) -> list[_Feed]:
    """What feeds several layers, from `_rows` with the columns FEEDING."""
    lines, number = pd.factorize(rows["line"])[0], rows["layer"]
    moments: dict[tuple[int, int], list[float]] = {}
    for below in {max(layer - 1, 1) for layer in layers}:
        at = np.flatnonzero(number == below)
        there, code = np.unique(lines[at], return_inverse=True)
        values = np.column_stack([summary.means(code, rows[name][at]) for name in MOMENTS])
        moments |= {(below, line): own for line, own in zip(there.tolist(), values.tolist(), strict=True)}
    # All rows of a line in one layer have the same settings: the first tells them.
    _, first = np.unique(np.column_stack([number, lines]), axis=0, return_index=True)
    heads = {(number[place], lines[place]): place for place in np.sort(first)}
    told = {name: rows[name].take(list(heads.values())).tolist() for name in SETTINGS}
    settings = {at: {name: told[name][place] for name in SETTINGS} for place, at in enumerate(heads)}
    found = []
    for layer in layers:
        for (below, code), own in settings.items():
            if below != max(layer - 1, 1):
                continue
            mean, std, before = moments[below, code]
            if layer == 1:
                (mean, std), before = _input_moments(result.experiment, own["dataset"]), np.nan
            square, limit = mean * mean, np.nan
            whole = square + std * std
            if whole > 0 and _predicted(settings.get((layer, code)), layer):
                limit = pair_agreement(mean, std)
            named = (layer, own["line"], own["activation"], own["dataset"])
            found.append(_Feed(*named, mean, std, before, square / whole if whole else np.nan, limit))
    return found


def _predicted(settings: Mapping[str, Any] | None, layer: int) -> bool:
    """Whether theory has a limit for a layer of these settings; None where there is no such layer."""
    if settings is None or settings["fan_in"] < 2 or any(settings[name] != plain for name, plain in PLAIN.items()):
        return False
    return starts.part(settings["initialiser"], layer, _layers_of(settings["hidden"])).about_0


def _layers_of(hidden: str) -> int:
    """How many layers have weights, of a network with these hidden ones."""
    return len(re.findall(r"\d+", hidden)) + 1


def _drawn(rows: Rows, layer: int) -> NDArray[np.bool_]:
    """Whether the weights of a layer are drawn at random about 0, row by row."""
    texts = list(zip(rows["initialiser"], rows["hidden"], strict=True))
    known = {(text, of): starts.part(text, layer, _layers_of(of)).about_0 for text, of in set(texts)}
    return np.array([known[each] for each in texts], bool)


@lru_cache(maxsize=64)
def _input_moments(experiment: Experiment, dataset: str) -> tuple[float, float]:
    train_x = data_of(experiment, dataset).train_x
    varying = train_x[:, np.ptp(train_x, axis=0) > 0]
    return float(varying.mean()), float(varying.std())


def theory_by_batch(result: Result, epoch: int, layer: int, lines: Collection[str] | None = None) -> pd.DataFrame:
    """What theory expects at every batch size, a row for each line and size: columns line, size, pairs.

    For layers fed by hidden units, from Gaussian pre-activations of the measured spread; for the first layer, and
    beyond 512 examples, the value of a large batch.

    Args:
        lines: of which; None for all.
    """
    rows: list[tuple[str, int, float]] = []
    for feed in _feeding(result, _rows(result, epoch, FEEDING), [layer]):
        if lines is not None and feed.line not in lines:
            continue
        full, _ = result.experiment.part_sizes(feed.dataset)
        curve = tuple(size for size in CURVE if size < full)
        if np.isfinite(feed.preactivation_std) and np.isfinite(feed.limit):
            values = _curve(feed.activation, round(feed.preactivation_std, 3), curve)
            rows += [(feed.line, size, value) for size, value in zip(curve, values, strict=True)]
        else:
            rows.append((feed.line, 1, feed.limit))
        rows.append((feed.line, full, feed.limit))
    return pd.DataFrame(rows, columns=["line", "size", "pairs"]).dropna()


_curve = lru_cache(maxsize=256)(pair_agreement_by_batch)


def by_layer(result: Result, epoch: int) -> pd.DataFrame:
    """Agreement of pairs in the gradient of the whole training set, by layer, beside theory's.

    Columns: line, layer, pairs (median over runs), low, high (25 and 75 %), runs, mean, std, rho, limit.
    """
    rows = _rows(result, epoch, ["pair_agreement_epoch", *FEEDING])
    pairs = pd.Series(rows["pair_agreement_epoch"]).groupby([rows["layer"], rows["line"]], sort=False)
    found = {"pairs": pairs.median(), "low": pairs.quantile(0.25), "high": pairs.quantile(0.75), "runs": pairs.count()}
    table = pd.DataFrame(found).rename_axis(["layer", "line"]).reset_index().sort_values("layer", kind="stable")
    fed = {(feed.layer, feed.line): feed for feed in _feeding(result, rows, table["layer"].unique().tolist())}
    places = list(zip(table["layer"].to_list(), table["line"].to_list(), strict=True))
    theory = {name: [getattr(fed[place], name) for place in places] for name in ("mean", "std", "rho", "limit")}
    table = table.assign(**theory).reset_index(drop=True)
    return table[["line", "layer", "pairs", "low", "high", "runs", "mean", "std", "rho", "limit"]]


def by_layer_runs(result: Result, epoch: int) -> pd.DataFrame:
    """Agreement of pairs in the gradient of the whole training set: columns line, run, layer, pairs."""
    rows = _rows(result, epoch, ["pair_agreement_epoch"])
    return _table({name: rows[name] for name in ("line", "run", "layer")} | {"pairs": rows["pair_agreement_epoch"]})


def by_scale(result: Result, activation: str, epoch: int, layer: int, level: str) -> pd.DataFrame:
    """Saturated share and agreement of pairs against the initial scale, a row for each scheme and one of QUANTITIES.

    Columns: dataset, hidden, initialiser, gain, scale (root mean square of the layer's initial weights, mean of the
    runs), quantity, mean, low, high (least and greatest of the runs), runs, theory (agreement in a large batch;
    empty for saturation).
    """
    plain = plain_networks(result)
    result = result if plain.runs.empty else plain
    pairs, scheme = f"pair_agreement_{level}", ["dataset", "hidden", *SCHEME]
    rows = _rows(result, epoch, [*FEEDING, "gain", "role", "saturated", pairs])
    limits = {feed.line: feed.limit for feed in _feeding(result, rows, [layer])}
    rows = _taken(rows, rows["activation"] == activation)
    hidden = rows["role"] == "hidden"
    start = _rows(result, 0, ["weight_rms"], layer)
    runs = 1 + max(int(each["run"].max(initial=0)) for each in (rows, start))
    saturated = summary.means(rows["run"][hidden], rows["saturated"][hidden], runs)
    scale = summary.means(start["run"], start["weight_rms"], runs)
    rows = _taken(rows, rows["layer"] == layer)
    theory = np.array([limits.get(line, np.nan) for line in rows["line"]], np.float64)
    # A row for each run and quantity: all of one, then all of the other.
    long = {
        "scale": np.tile(scale[rows["run"]], 2),
        "theory": np.concatenate([np.full(len(theory), np.nan), theory]),
        "value": np.concatenate([saturated[rows["run"]], rows[pairs]]),
    }
    schemes = list(zip(*(rows[name].tolist() for name in scheme), strict=True))
    named = [(*each, quantity) for quantity in QUANTITIES for each in schemes]
    known = np.flatnonzero(~np.isnan(long["scale"]) & ~np.isnan(long["value"]))
    places: dict[tuple[Any, ...], int] = {}
    code = np.array([places.setdefault(named[at], len(places)) for at in known], np.int64)
    scales, theories, values = (summary.means(code, long[name][known]) for name in ("scale", "theory", "value"))
    of = np.bincount(code)
    low, high = summary.ends(code, long["value"][known])
    columns: Rows = {
        name: np.array([place[at] for place in places], np.float64 if name == "gain" else object)
        for at, name in enumerate([*scheme, "quantity"])
    }
    columns |= {"scale": scales, "theory": theories, "mean": values, "low": low, "high": high, "runs": of}
    return _table(_taken(columns, np.lexsort((scales, columns["quantity"]))))


# In words


def larger_batches(result: Result, epoch: int, layer: int) -> Finding:
    """Whether a larger batch loosens the signs that one example ties, and leaves them tied more than random ones."""
    claim = "A larger batch loosens the tie between the signs, and does not undo it"
    told = Told(result)
    if why := unmeasured(result, epoch, layer):
        return Finding(claim, UNDECIDED, f"No pairs of signs to judge by: {why}.", *findings.limits_of(told))
    table = _by_batch(result, epoch, layer)
    if not table["run"].size:
        return Finding(claim, UNDECIDED, f"No pairs of signs to judge by: {NO_GRADIENT}.", *findings.limits_of(told))
    places = list(zip(table["activation"], table["dataset"], strict=True))
    networks = {place: _taken(table, np.array([each == place for each in places])) for place in dict.fromkeys(places)}
    batches = {place: np.unique(rows["size"]) for place, rows in networks.items()}
    if max(map(len, batches.values())) < 2:
        return Finding(claim, UNDECIDED, "These runs show one batch size only.", *findings.limits_of(told))
    limit = {feed.line: feed.limit for feed in _feeding(result, _rows(result, epoch, FEEDING), [layer])}
    parts = []
    for (activation, data), rows in networks.items():
        own = batches[activation, data]
        if len(own) < 2:
            continue  # there are no numbers of its other batch sizes, or not yet
        ends = [
            f"{_medians(told, _taken(rows, rows['size'] == size))} with {_examples(size)}"
            for size in own[:: len(own) - 1]
        ]
        predicted = _limits(told, rows, limit)
        where = f" on {data}" if len(result.experiment.dataset) > 1 else ""
        parts.append(f"{words(activation)}{where} {', '.join(ends)}{predicted}")
    what = f"Pairs of weights into a neuron of layer {layer} whose gradients share a sign"
    evidence = f"{what}: {'; '.join(parts)}. Random: {share(FREE)}."
    never_negative = {name: _never_negative(result, name, layer) for name in result.experiment.activation}
    tied = _taken(table, np.array([never_negative[name] for name in table["activation"]]))
    if not tied["run"].size:
        why = "Nothing that feeds this layer is never negative, so nothing ties its signs."
        return Finding(claim, UNDECIDED, f"{why} {evidence}", *findings.limits_of(told))
    drawn = _drawn(tied, layer)
    if not drawn.all():
        evidence, tied = f"{evidence} {ALIKE}", _taken(tied, drawn)
    of_runs: dict[tuple[str, int], list[float]] = {}
    for place in np.argsort(tied["size"], kind="stable"):
        of_runs.setdefault((tied["line"][place], tied["seed"][place]), []).append(tied["pairs"][place])
    both = [(pairs[0], pairs[-1]) for pairs in of_runs.values() if len(pairs) > 1]
    holds = [bool(first - last > NOTICEABLE and last - FREE > NOTICEABLE) for first, last in both]
    if len(set(tied["seed"].tolist())) == 1:
        return Finding(claim, UNDECIDED, f"{evidence} {ONE_SEED}", *findings.limits_of(told))
    return Finding(claim, verdict(holds), evidence, *findings.limits_of(told))


def smaller_weights(result: Result, epoch: int, layer: int, level: str = "batch") -> Finding:
    """Whether smaller initial weights saturate less and, against that advice, tie the signs of a batch more.

    Judged by the functions that are flat at both ends and fed by what is never negative: half of relu's units are
    flat at any scale.
    """
    claim = f"Smaller initial weights cure saturation and tie the signs of {WHOSE[level]} gradients more"
    told = Told(result)
    if why := unmeasured(result, epoch, layer):
        return Finding(claim, UNDECIDED, f"No pairs of signs to judge by: {why}.", *findings.limits_of(told))
    holds: list[bool] = []
    parts = []
    for activation in result.experiment.activation:
        if not (np.isfinite(ACTIVATIONS[activation].range).all() and _never_negative(result, activation, layer)):
            continue
        table = by_scale(result, activation, epoch, layer, level)
        rows: list[dict[Any, Any]] = table[table["scale"] > 0].to_dict("records")
        for data, hidden in dict.fromkeys((row["dataset"], row["hidden"]) for row in rows):
            own = [row for row in rows if (row["dataset"], row["hidden"]) == (data, hidden)]
            ends = _smallest_and_largest(own, hidden, layer)
            if ends is None:
                continue
            (small, large), network = ends, {"hidden": hidden, "dataset": data}
            for row in ends:
                of = {"activation": activation, **network, **{name: row[name] for name in SCHEME}}
                runs = {"epoch": 0, "of_runs_with": f"pair_agreement_{level}", "at_epoch": epoch}
                told.keep("mean weight_rms, alike once", row["scale"], row["runs"], **of, layer=layer, **runs)
                told.keep("mean saturated, alike once", row["saturated"], row["measured"], **of, epoch=epoch)
                pairs = f"mean pair_agreement_{level}, alike once"
                told.keep(pairs, row["pairs"], row["runs"], **of, layer=layer, epoch=epoch)
            holds += [
                bool(large["saturated"] - small["saturated"] > NOTICEABLE),
                bool(small["pairs"] - large["pairs"] > NOTICEABLE),
            ]
            named = [str(value) for name, value in network.items() if len(getattr(result.experiment, name)) > 1]
            which = f" ({' on '.join(named)})" if named else ""
            parts.append(
                f"{words(activation)}{which}, from weights of root mean square {number(large['scale'], 2)} to "
                f"{number(small['scale'], 2)}: saturated units {share(large['saturated'])} to "
                f"{share(small['saturated'])}, pairs that agree {share(large['pairs'])} to {share(small['pairs'])}"
            )
    if not parts:
        evidence = (
            "No function here that is flat at both ends is fed by what is never negative and starts from random "
            "weights of two clearly different scales."
        )
        return Finding(claim, UNDECIDED, evidence, *findings.limits_of(told))
    evidence = sentence("; ".join(parts))
    if result.layers["seed"].nunique() == 1:
        return Finding(claim, UNDECIDED, f"{evidence} {ONE_SEED}", *findings.limits_of(told))
    return Finding(claim, verdict(holds), evidence, *findings.limits_of(told))


SCHEME = ["initialiser", "gain"]
"""What names a start; two of them may have one scale."""


def _smallest_and_largest(
    own: Sequence[dict[Any, Any]], hidden: str, layer: int
) -> tuple[dict[Any, Any], dict[Any, Any]] | None:
    """The random starts of the smallest and of the clearly larger largest scale, if one network has such two."""
    by = {
        name: {(row["initialiser"], row["gain"]): row for row in own if row["quantity"] == name} for name in QUANTITIES
    }
    drawn = [
        row | {"pairs": row["mean"], "saturated": units["mean"], "measured": units["runs"]}
        for scheme, row in sorted(by["pairs"].items())
        if (units := by["saturated"].get(scheme)) and starts.part(scheme[0], layer, _layers_of(hidden)).about_0
    ]
    ends = sorted(drawn, key=lambda row: float(row["scale"]))
    if not ends or ends[-1]["scale"] < CLEARLY_LARGER * ends[0]["scale"]:
        return None
    return ends[0], ends[-1]


def _medians(told: Told, rows: Rows) -> str:
    """The medians of pairs that the chart draws at one size, of one line or several."""
    medians = []
    for own in _by_line(rows):
        level, size = own["level"][0], own["size"][0]
        batches = sizes(told.tables.result.experiment, own["dataset"][0])
        alike = [name for name, examples in batches.items() if level != "batch" or examples == size]
        medians.append(float(np.median(own["pairs"])))
        of = _settings_of(own) | {"batch_size": ",".join(alike)}
        told.keep(f"median pair_agreement_{level}, alike once", medians[-1], len(own["run"]), **of)
    return shares(medians)


def _by_line(rows: Rows) -> list[Rows]:
    """The rows of each line, of which there may be thousands, in the order in which the lines come."""
    line, _ = pd.factorize(rows["line"])
    parts = np.split(np.argsort(line, kind="stable"), np.cumsum(np.bincount(line))[:-1])
    return [_taken(rows, part) for part in parts]


def _settings_of(rows: Rows) -> dict[str, Any]:
    """What the rows of a line at one point share."""
    return {name: rows[name].tolist()[0] for name in (*LINE, "epoch", "layer")}


def _limits(told: Told, rows: Rows, limit: Mapping[str, float]) -> str:
    """What theory has for a large batch of each line, in brackets; '' where it has nothing."""
    found = []
    for own in _by_line(rows):
        value = limit.get(own["line"][0], np.nan)
        if not np.isnan(value):
            found.append(value)
            told.keep("predicted pair agreement", value, len(set(own["seed"].tolist())), **_settings_of(own))
    return f" (theory for a large batch: {shares(found)})" if found else ""


def _never_negative(result: Result, activation: str, layer: int) -> bool:
    """Whether what feeds the layer has no negative values: the hidden units, or for layer 1 the inputs."""
    if layer == 1:
        return result.experiment.scaling == "unit_interval"
    return ACTIVATIONS[activation].range[0] >= 0


def _examples(size: float) -> str:
    return "one example" if size == 1 else count(int(size), "example")


def apart_from_theory(table: pd.DataFrame, layer: int) -> list[str]:
    """Where the whole training set's gradient and theory part by more than `APART`, and why they may: sentences.

    `table` is what `by_layer` gives.
    """
    apart = (table["pairs"] - table["limit"]).to_numpy()
    here, lines = table["layer"].to_numpy() == layer, table["line"].to_numpy()
    said = []
    for far, side, why in ((apart > APART, "above", ABOVE), (apart < -APART, "below", BELOW)):
        if names := lines[here & far].tolist():
            said.append(f"The whole training set lies {side} theory in {few(names, most=6)}: {why}")
    return said
