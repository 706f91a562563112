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
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

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
from core.results.evidence import Told
from core.results.results import Result
from core.schema import LEVELS
from core.text import NOT_MEASURED, ONE_SEED, UNDECIDED, count, listed, number, sentence, share, shares, verdict, words
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


def _rows(result: Result, epoch: int, columns: Sequence[str]) -> pd.DataFrame:
    """These columns of the layers table at an epoch, with line and size; runs that differ in nothing are one.

    Two runs differ in nothing where their batches hold the same number of examples, all there are.
    """
    layers = result.layers
    at = np.flatnonzero(layers["epoch"].to_numpy() == epoch)
    # All runs of a group are of one line and have batches of one size: texts are looked at once for each.
    code, groups = pd.factorize(layers["group"].array.take(at))
    _, first = np.unique(code, return_index=True)
    data, batches = (layers[name].array.take(at[first]) for name in ("dataset", "batch_size"))
    by_name = {name: sizes(result.experiment, name) for name in result.experiment.dataset}
    size = np.array([by_name[name][batch] for name, batch in zip(data, batches, strict=True)], np.int64)
    known = labels(result.experiment)
    line = np.array([known[str(group)] for group in groups], object)
    alike = [pd.factorize(line)[0][code], size[code], *(layers[name].to_numpy()[at] for name in ("seed", "layer"))]
    kept = np.flatnonzero(~pd.DataFrame(dict(enumerate(alike))).duplicated().to_numpy())
    wanted = dict.fromkeys(["run", "group", "dataset", "batch_size", "seed", "layer", *columns])
    found = {name: layers[name].array.take(at[kept]) for name in wanted}
    return pd.DataFrame(found | {"line": line[code[kept]], "size": size[code[kept]]})


def by_batch(result: Result, epoch: int, layer: int) -> pd.DataFrame:
    """Agreement of pairs by batch size, a row for each run and size.

    Where the experiment has several batch sizes, each run stands at its own. Where it has one, the same weights are
    looked at three ways: one example, one mini-batch, the whole training set.

    Columns: those of the run and its point in the layers table, size (examples), pairs.
    """
    kept = ["run", "group", *LINE, "seed", "epoch", "layer"]
    rows = _rows(result, epoch, [*kept, *(f"pair_agreement_{level}" for level in LEVELS)])
    rows = rows[rows["layer"] == layer]
    levels: dict[str, pd.Series | int] = {"batch": rows["size"]}
    if one_size(result.experiment):
        levels = {"example": 1, "batch": rows["size"], "epoch": _full(result.experiment, rows["dataset"])}
    parts = [
        rows[[*kept, "line"]].assign(level=level, size=size, pairs=rows[f"pair_agreement_{level}"])
        for level, size in levels.items()
    ]
    table = pd.concat(parts).drop_duplicates(["run", "size"])
    return table.dropna(subset=["pairs"]).reset_index(drop=True)


def _full(experiment: Experiment, datasets: pd.Series) -> pd.Series:
    """Examples in each row's training set."""
    return datasets.map({name: experiment.part_sizes(name)[0] for name in experiment.dataset}).astype(np.int64)


def one_size(experiment: Experiment) -> bool:
    """Whether all runs on the same data take the same number of examples for an update."""
    return all(len(set(sizes(experiment, name).values())) == 1 for name in experiment.dataset)


def unmeasured(result: Result, epoch: int, layer: int) -> str:
    """Why there is no agreement of pairs in a layer, in words; "" where there is one."""
    if result.experiment.statistics != "full":
        return NOT_MEASURED
    layers, wanted = result.layers, ["fan_in", *(f"pair_agreement_{level}" for level in LEVELS)]
    rows = layers.loc[(layers["epoch"] == epoch) & (layers["layer"] == layer), wanted]
    if rows[wanted[1:]].notna().any(axis=None):
        return ""
    if rows.empty:
        return "nothing was measured here"
    return NO_PAIRS if rows["fan_in"].max() < 2 else NO_GRADIENT


def feeding(result: Result, epoch: int, layer: int) -> pd.DataFrame:
    """What feeds `layer`, a row for each line: mean, std, rho and the agreement of pairs that theory gives them.

    For the first layer these are the inputs, features that never change left out: they have no gradient. Where a
    neuron has a single incoming weight there are no pairs, and no limit; nor where the weights are not random or
    the networks not plain. Columns: line, activation, dataset, mean, std, preactivation_std (empty for inputs), rho,
    limit.
    """
    return _feeding(result, _rows(result, epoch, FEEDING), [layer]).drop(columns="layer")


def _feeding(result: Result, rows: pd.DataFrame, layers: Sequence[int]) -> pd.DataFrame:
    """The same of several layers, which the column layer names, from `_rows` with the columns FEEDING."""
    line, number = pd.factorize(rows["line"])[0], rows["layer"].to_numpy()
    moments: dict[tuple[int, int], list[float]] = {}
    for below in {max(layer - 1, 1) for layer in layers}:
        at = np.flatnonzero(number == below)
        means = rows[MOMENTS].take(at).groupby(line[at]).mean()
        moments |= {(below, code): values for code, values in zip(means.index, means.to_numpy().tolist(), strict=True)}
    # All rows of a line in one layer have the same settings: the first tells them.
    _, first = np.unique(np.column_stack([number, line]), axis=0, return_index=True)
    heads = {(number[place], line[place]): place for place in np.sort(first)}
    told = {name: rows[name].take(list(heads.values())).to_list() for name in SETTINGS}
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
            found.append((*named, mean, std, before, square / whole if whole else np.nan, limit))
    numbers = dict.fromkeys(["mean", "std", "preactivation_std", "rho", "limit"], np.float64)
    table = pd.DataFrame(found, columns=["layer", "line", "activation", "dataset", *numbers])
    return table.astype(numbers)


def _predicted(settings: Mapping[str, Any] | None, layer: int) -> bool:
    """Whether theory has a limit for a layer of these settings; None where there is no such layer."""
    if settings is None or settings["fan_in"] < 2 or any(settings[name] != plain for name, plain in PLAIN.items()):
        return False
    return starts.part(settings["initialiser"], layer, _layers_of(settings["hidden"])).about_0


def _layers_of(hidden: str) -> int:
    """How many layers have weights, of a network with these hidden ones."""
    return len(re.findall(r"\d+", hidden)) + 1


def _drawn(rows: pd.DataFrame, layer: int) -> NDArray[np.bool_]:
    """Whether the weights of a layer are drawn at random about 0, row by row."""
    texts = list(zip(rows["initialiser"], rows["hidden"], strict=True))
    known = {(text, of): starts.part(text, layer, _layers_of(of)).about_0 for text, of in set(texts)}
    return np.array([known[each] for each in texts], bool)


@lru_cache(maxsize=64)
def _input_moments(experiment: Experiment, dataset: str) -> tuple[float, float]:
    train_x = data_of(experiment, dataset).train_x
    varying = train_x[:, np.ptp(train_x, axis=0) > 0]
    return float(varying.mean()), float(varying.std())


def theory_by_batch(result: Result, epoch: int, layer: int) -> pd.DataFrame:
    """What theory expects at every batch size, a row for each line and size: columns line, size, pairs.

    For layers fed by hidden units, from Gaussian pre-activations of the measured spread; for the first layer, and
    beyond 512 examples, the value of a large batch.
    """
    rows: list[tuple[str, int, float]] = []
    for feed in feeding(result, epoch, layer).to_dict("records"):
        full, _ = result.experiment.part_sizes(feed["dataset"])
        curve = tuple(size for size in CURVE if size < full)
        line, limit = str(feed["line"]), float(feed["limit"])
        if np.isfinite(feed["preactivation_std"]) and np.isfinite(limit):
            values = _curve(str(feed["activation"]), round(float(feed["preactivation_std"]), 3), curve)
            rows += [(line, size, value) for size, value in zip(curve, values, strict=True)]
        else:
            rows.append((line, 1, limit))
        rows.append((line, full, limit))
    return pd.DataFrame(rows, columns=["line", "size", "pairs"]).dropna()


_curve = lru_cache(maxsize=256)(pair_agreement_by_batch)


def by_layer(result: Result, epoch: int) -> pd.DataFrame:
    """Agreement of pairs in the gradient of the whole training set, by layer, beside theory's.

    Columns: line, layer, pairs (median over runs), low, high (25 and 75 %), runs, mean, std, rho, limit.
    """
    rows = _rows(result, epoch, ["pair_agreement_epoch", *FEEDING])
    pairs = rows.groupby(["layer", "line"], sort=False)["pair_agreement_epoch"]
    found = {"pairs": pairs.median(), "low": pairs.quantile(0.25), "high": pairs.quantile(0.75), "runs": pairs.count()}
    measured = pd.DataFrame(found).reset_index().sort_values("layer", kind="stable")
    theory = _feeding(result, rows, measured["layer"].unique().tolist())
    table = measured.merge(theory, on=["layer", "line"])
    return table[["line", "layer", "pairs", "low", "high", "runs", "mean", "std", "rho", "limit"]]


def by_layer_runs(result: Result, epoch: int) -> pd.DataFrame:
    """Agreement of pairs in the gradient of the whole training set: columns line, run, layer, pairs."""
    rows = _rows(result, epoch, ["pair_agreement_epoch"])
    return rows[["line", "run", "layer"]].assign(pairs=rows["pair_agreement_epoch"])


def by_scale(result: Result, activation: str, epoch: int, layer: int, level: str) -> pd.DataFrame:
    """Saturated share and agreement of pairs against the initial scale, a row for each scheme and one of QUANTITIES.

    Columns: dataset, hidden, initialiser, gain, scale (root mean square of the layer's initial weights, mean of the
    runs), quantity, mean, low, high (least and greatest of the runs), runs, theory (agreement in a large batch;
    empty for saturation).
    """
    plain = plain_networks(result)
    result = result if plain.runs.empty else plain
    columns = ["activation", "dataset", "hidden", "initialiser", "gain", "role", "weight_rms", "saturated"]
    rows, start = (
        table[table["activation"] == activation]
        for table in (
            _rows(result, epoch, [*columns, f"pair_agreement_{level}"]), _rows(result, 0, ["activation", "weight_rms"])
        )
    )  # fmt: skip
    saturated = rows[rows["role"] == "hidden"].groupby("run")["saturated"].mean()
    table = rows[rows["layer"] == layer].set_index("run")
    scheme = ["dataset", "hidden", "initialiser", "gain"]
    table = table[["line", *scheme]].assign(
        scale=start[start["layer"] == layer].set_index("run")["weight_rms"],
        saturated=saturated,
        pairs=table[f"pair_agreement_{level}"],
    )
    long = table.melt(["line", *scheme, "scale"], list(QUANTITIES), "quantity").dropna()
    limits = feeding(result, epoch, layer).set_index("line")["limit"]
    # Without a feeding layer there is no limit, and mapping by an empty series gives text.
    long["limit"] = long["line"].map(limits).astype("float64").where(long["quantity"] == "pairs")
    each = long.groupby([*scheme, "quantity"], sort=False)
    found = {"scale": each["scale"].mean(), "theory": each["limit"].mean(), "mean": each["value"].mean()}
    found |= {"low": each["value"].min(), "high": each["value"].max(), "runs": each["value"].size()}
    return pd.DataFrame(found).reset_index().sort_values(["quantity", "scale"], kind="stable", ignore_index=True)


# In words


def larger_batches(result: Result, epoch: int, layer: int) -> Finding:
    """Whether a larger batch loosens the signs that one example ties, and leaves them tied more than random ones."""
    claim = "A larger batch loosens the tie between the signs, and does not undo it"
    told = Told(result)
    if why := unmeasured(result, epoch, layer):
        return Finding(claim, UNDECIDED, f"No pairs of signs to judge by: {why}.", *findings.limits_of(told))
    table = by_batch(result, epoch, layer)
    if table.groupby(["activation", "dataset"])["size"].nunique().max() < 2:
        return Finding(claim, UNDECIDED, "These runs show one batch size only.", *findings.limits_of(told))
    limit = feeding(result, epoch, layer).set_index("line")["limit"]
    parts = []
    for (activation, data), rows in table.groupby(["activation", "dataset"], sort=False):
        batches = sorted(rows["size"].unique())
        if len(batches) < 2:
            continue  # there are no numbers of its other batch sizes, or not yet
        ends = [
            f"{_medians(told, rows[rows['size'] == size])} with {_examples(size)}"
            for size in batches[:: len(batches) - 1]
        ]
        predicted = _limits(told, rows, limit)
        where = f" on {data}" if len(result.experiment.dataset) > 1 else ""
        parts.append(f"{words(str(activation))}{where} {', '.join(ends)}{predicted}")
    what = f"Pairs of weights into a neuron of layer {layer} whose gradients share a sign"
    evidence = f"{what}: {'; '.join(parts)}. Random: {share(FREE)}."
    never_negative = [name for name in table["activation"].unique() if _never_negative(result, name, layer)]
    tied = table[table["activation"].isin(never_negative)]
    if tied.empty:
        why = "Nothing that feeds this layer is never negative, so nothing ties its signs."
        return Finding(claim, UNDECIDED, f"{why} {evidence}", *findings.limits_of(told))
    drawn = _drawn(tied, layer)
    if not drawn.all():
        evidence, tied = f"{evidence} {ALIKE}", tied[drawn]
    of_runs = tied.groupby(["line", "seed", "size"])["pairs"].mean().groupby(level=["line", "seed"])
    both = zip(of_runs.first(), of_runs.last(), of_runs.size(), strict=True)
    holds = [first - last > NOTICEABLE and last - FREE > NOTICEABLE for first, last, batches in both if batches > 1]
    if tied["seed"].nunique() == 1:
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
        for (data, hidden), own in table[table["scale"] > 0].groupby(["dataset", "hidden"], sort=False):
            ends = _smallest_and_largest(own, str(hidden), layer)
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


def _smallest_and_largest(own: pd.DataFrame, hidden: str, layer: int) -> tuple[pd.Series, pd.Series] | None:
    """The random starts of the smallest and of the clearly larger largest scale, if one network has such two."""
    if own["quantity"].nunique() < len(QUANTITIES):
        return None
    wide = own.pivot(index=SCHEME, columns="quantity", values="mean")
    by = {name: rows.set_index(SCHEME) for name, rows in own.groupby("quantity")}
    wide = wide.assign(scale=by["pairs"]["scale"], runs=by["pairs"]["runs"], measured=by["saturated"]["runs"])
    wide = wide[_drawn(wide.reset_index().assign(hidden=hidden), layer)].dropna().sort_values("scale", kind="stable")
    if wide.empty or wide["scale"].iloc[-1] < CLEARLY_LARGER * wide["scale"].iloc[0]:
        return None
    ends = wide.reset_index()
    return ends.iloc[0], ends.iloc[-1]


def _medians(told: Told, rows: pd.DataFrame) -> str:
    """The medians of pairs that the chart draws at one size, of one line or several."""
    for _, own in rows.groupby("line", sort=False):
        row = own.iloc[0]
        batches = sizes(told.tables.result.experiment, row["dataset"])
        alike = [name for name, size in batches.items() if row["level"] != "batch" or size == row["size"]]
        of = {name: row[name] for name in (*LINE, "epoch", "layer")} | {"batch_size": ",".join(alike)}
        told.keep(f"median pair_agreement_{row['level']}, alike once", own["pairs"].median(), len(own), **of)
    return shares(rows.groupby("line", sort=False)["pairs"].median().to_list())


def _limits(told: Told, rows: pd.DataFrame, limit: pd.Series) -> str:
    """What theory has for a large batch of each line, in brackets; '' where it has nothing."""
    lines = rows.drop_duplicates("line")
    lines = lines[lines["line"].map(limit).notna()]
    if lines.empty:
        return ""
    for row in lines.to_dict("records"):
        seeds = rows.loc[rows["line"] == row["line"], "seed"].nunique()
        of = {name: row[name] for name in (*LINE, "epoch", "layer")}
        told.keep("predicted pair agreement", limit[row["line"]], seeds, **of)
    return f" (theory for a large batch: {shares(lines['line'].map(limit).to_list())})"


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
    table = table[table["layer"] == layer].set_index("line")
    apart = table["pairs"] - table["limit"]
    said = []
    for names, side, why in (
        (apart.index[apart > APART], "above", ABOVE),
        (apart.index[apart < -APART], "below", BELOW),
    ):
        if len(names):
            said.append(f"The whole training set lies {side} theory in {listed([str(name) for name in names])}: {why}")
    return said
