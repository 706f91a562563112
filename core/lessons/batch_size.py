r"""How many examples free the signs of a neuron's gradients: against batch size, and against the initial scale.

Measured is the agreement of pairs: of all pairs of weights into one neuron, the share whose gradients have one sign;
1/2 where signs are free. With P positive and N negative among n signs it is (P (P - 1) + N (N - 1)) / (n (n - 1)), so
it goes with the square of the tables' `agreement` s = |P - N| / n as (n (1 + s^2) - 2) / (2 (n - 1)).

Theory: with deltas that are independent of what feeds the neuron, the pair's two gradients of a large batch are jointly
Gaussian with correlation rho = mu^2 / (mu^2 + sigma^2), mu and sigma the mean and standard deviation of the incoming
activations, and agree with probability 1/2 + asin(rho) / pi.
"""

import dataclasses
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from core import datasets, findings
from core.activations import ACTIVATIONS
from core.experiment import Experiment
from core.findings import CLEARLY_LARGER, MIXED, NOT_SUPPORTED, NOTICEABLE, SUPPORTED, UNDECIDED, Finding
from core.lessons import listed, words
from core.results import Result
from core.schema import LEVELS
from core.theory import pair_agreement, pair_agreement_by_batch

FREE = 0.5
"""Agreement of pairs of independent random signs."""
QUANTITIES = {"saturated": "hidden units that are saturated", "pairs": "pairs of gradient signs that agree"}
WHOSE = {"example": "one example's", "batch": "a mini-batch's", "epoch": "the whole training set's"}
APART = 0.05
ABOVE = (
    "theory takes the units below to vary from example to example; where they differ from each other more than between "
    "examples, as in deeper layers, the signs are tied more."
)
BELOW = (
    "theory takes the deltas of examples to be independent; those of a whole training set with balanced classes nearly "
    "cancel, and training ties them to what feeds the neuron."
)
CURVE = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def train_examples(experiment: Experiment) -> int:
    """How many examples the training set has: what a full batch is made of."""
    return experiment.part_sizes()[0]


@lru_cache(maxsize=64)
def labels(experiment: Experiment) -> dict[str, str]:
    """By group, its label without the batch size: what a line over batch sizes is called."""
    bare = dataclasses.replace(experiment, batch_size=experiment.batch_size[:1])
    return {experiment.label(run): bare.label(run) for run in dataclasses.replace(experiment, seeds=1).runs()}


def by_batch(result: Result, epoch: int, layer: int) -> pd.DataFrame:
    """Agreement of pairs by batch size, a row for each run and size.

    Where the experiment has several batch sizes, each run stands at its own. Where it has one, the same weights are
    looked at three ways: one example, one mini-batch, the whole training set.

    Columns: those of the run and its point in the layers table, size (examples), pairs.
    """
    kept = ["run", "group", "activation", "initialiser", "gain", "hidden", "learning_rate", "seed", "epoch", "layer"]
    # The few columns that matter: a filter copies all that a table has, and this one has fifty.
    rows = result.layers.loc[
        (result.layers["epoch"] == epoch) & (result.layers["layer"] == layer),
        [*kept, "batch_size", *(f"pair_agreement_{level}" for level in LEVELS)],
    ]
    full = train_examples(result.experiment)
    own = rows["batch_size"].map(lambda text: full if text == "full" else min(int(text), full))
    levels: dict[str, pd.Series | int] = {"batch": own}
    if len(result.experiment.batch_size) == 1:
        levels = {"example": 1, "batch": own, "epoch": full}
    parts = [
        rows[kept].assign(level=level, size=size, pairs=rows[f"pair_agreement_{level}"])
        for level, size in levels.items()
    ]
    table = pd.concat(parts).drop_duplicates(["run", "size"])
    table["line"] = table["group"].map(labels(result.experiment))
    return table.dropna(subset=["pairs"]).reset_index(drop=True)


def feeding(result: Result, epoch: int, layer: int) -> pd.DataFrame:
    """What feeds `layer`, a row for each group: mean, std, rho and the agreement of pairs that theory gives them.

    For the first layer these are the inputs, features that never change left out: they have no gradient.
    Columns: group, line, activation, mean, std, preactivation_std (empty for inputs), rho, limit.
    """
    columns = ["activation_mean", "activation_std", "preactivation_std"]
    here = (result.layers["epoch"] == epoch) & (result.layers["layer"] == max(layer - 1, 1))
    start = result.layers.loc[here, ["group", "activation", *columns]]
    table = start.groupby(["group", "activation"], sort=False)[columns].mean().reset_index()
    table = table.rename(columns={"activation_mean": "mean", "activation_std": "std"})
    if layer == 1:
        table["mean"], table["std"] = _inputs(result.experiment)
        table["preactivation_std"] = np.nan
    table.insert(1, "line", table["group"].map(labels(result.experiment)))
    square = table["mean"] ** 2
    table["rho"] = square / (square + table["std"] ** 2).replace(0.0, np.nan)
    table["limit"] = [
        pair_agreement(mean, std) if mean * mean + std * std > 0 else np.nan
        for mean, std in zip(table["mean"], table["std"], strict=True)
    ]
    return table


def _inputs(experiment: Experiment) -> tuple[float, float]:
    e = experiment
    return _input_moments(e.dataset, e.samples, e.noise, e.scaling, e.test_share, e.data_seed)


@lru_cache(maxsize=64)
def _input_moments(
    dataset: str, samples: int, noise: float, scaling: str, test_share: float, seed: int
) -> tuple[float, float]:
    data = datasets.load(dataset, samples=samples, noise=noise, scaling=scaling, test_share=test_share, seed=seed)
    varying = data.train_x[:, np.ptp(data.train_x, axis=0) > 0]
    return float(varying.mean()), float(varying.std())


def theory_by_batch(result: Result, epoch: int, layer: int) -> pd.DataFrame:
    """What theory expects at every batch size, a row for each line and size: columns line, size, pairs.

    For layers fed by hidden units, from Gaussian pre-activations of the measured spread; for the first layer, and
    beyond 512 examples, the value of a large batch.
    """
    full = train_examples(result.experiment)
    rows: list[tuple[str, int, float]] = []
    sizes = tuple(size for size in CURVE if size < full)
    for feed in feeding(result, epoch, layer).drop_duplicates("line").to_dict("records"):
        line, limit = str(feed["line"]), float(feed["limit"])
        if np.isfinite(feed["preactivation_std"]):
            values = _curve(str(feed["activation"]), round(float(feed["preactivation_std"]), 3), sizes)
            rows += [(line, size, value) for size, value in zip(sizes, values, strict=True)]
        else:
            rows.append((line, 1, limit))
        rows.append((line, full, limit))
    return pd.DataFrame(rows, columns=["line", "size", "pairs"]).dropna()


@lru_cache(maxsize=256)
def _curve(activation: str, std: float, sizes: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(point.agreement for point in pair_agreement_by_batch(activation, std, sizes))


def by_layer(result: Result, epoch: int) -> pd.DataFrame:
    """Agreement of pairs in the gradient of the whole training set, by layer, beside theory's.

    Columns: line, layer, pairs (median over runs), low, high (25 and 75 %), runs, mean, std, rho, limit.
    """
    parts = []
    for layer in sorted(int(number) for number in result.layers["layer"].unique()):
        here = (result.layers["epoch"] == epoch) & (result.layers["layer"] == layer)
        rows = result.layers.loc[here, ["group", "pair_agreement_epoch"]]
        pairs = rows.groupby("group", sort=False)["pair_agreement_epoch"]
        measured = pd.DataFrame({"pairs": pairs.median(), "low": pairs.quantile(0.25), "high": pairs.quantile(0.75)})
        measured = measured.assign(runs=pairs.count(), layer=layer).reset_index()
        parts.append(measured.merge(feeding(result, epoch, layer), on="group"))
    table = pd.concat(parts)
    return table[["line", "group", "layer", "pairs", "low", "high", "runs", "mean", "std", "rho", "limit"]]


def by_layer_runs(result: Result, epoch: int) -> pd.DataFrame:
    """Agreement of pairs in the gradient of the whole training set: columns line, run, layer, pairs."""
    rows = result.layers[result.layers["epoch"] == epoch]
    lines = rows["group"].map(labels(result.experiment))
    table = pd.DataFrame({"line": lines, "run": rows["run"], "layer": rows["layer"]})
    return table.assign(pairs=rows["pair_agreement_epoch"])


def by_scale(result: Result, activation: str, epoch: int, layer: int, level: str) -> pd.DataFrame:
    """Saturated share and agreement of pairs against the initial scale, a row for each scheme and one of QUANTITIES.

    Columns: initialiser, gain, scale (mean std of the layer's initial weights), quantity, mean, low, high (least and
    greatest of the runs), runs, theory (agreement in a large batch; empty for saturation).
    """
    kept = ["run", "group", "initialiser", "gain", "epoch", "layer", "role", "weight_std", "saturated"]
    own = result.layers["activation"] == activation
    layers = result.layers.loc[own, [*kept, f"pair_agreement_{level}"]]
    rows = layers[(layers["epoch"] == epoch) & (layers["layer"] == layer)].set_index("run")
    start = layers[(layers["epoch"] == 0) & (layers["layer"] == layer)].set_index("run")
    hidden = layers[(layers["epoch"] == epoch) & (layers["role"] == "hidden")].groupby("run")["saturated"].mean()
    table = rows[["group", "initialiser", "gain"]].assign(
        scale=start["weight_std"], saturated=hidden, pairs=rows[f"pair_agreement_{level}"]
    )
    long = table.melt(["group", "initialiser", "gain", "scale"], list(QUANTITIES), "quantity").dropna()
    limits = feeding(result, epoch, layer).set_index("group")["limit"]
    # Without a feeding layer there is no limit, and what an empty series maps to is text.
    long["limit"] = long["group"].map(limits).astype("float64").where(long["quantity"] == "pairs")
    each = long.groupby(["initialiser", "gain", "quantity"], sort=False)
    columns = {"scale": each["scale"].mean(), "theory": each["limit"].mean(), "mean": each["value"].mean()}
    columns |= {"low": each["value"].min(), "high": each["value"].max(), "runs": each["value"].size()}
    return pd.DataFrame(columns).reset_index().sort_values(["quantity", "scale"], kind="stable", ignore_index=True)


# In words


def softened(result: Result, epoch: int, layer: int) -> Finding:
    """Whether a larger batch loosens the signs that one example ties, and leaves them tied more than random ones."""
    claim = "A larger batch loosens the tie between the signs, and does not undo it"
    limits = findings.limits(result)
    table = by_batch(result, epoch, layer)
    never_negative = [name for name in table["activation"].unique() if _never_negative(result, name, layer)]
    tied = table[table["activation"].isin(never_negative)]
    means = table.groupby(["line", "size"], sort=False)["pairs"].mean()
    if table.empty or table.groupby("activation")["size"].nunique().max() < 2:
        return Finding(claim, UNDECIDED, "These runs show one batch size only, or no signs were measured.", limits)
    limit = feeding(result, epoch, layer).set_index("group")["limit"]
    parts = []
    for activation, rows in table.groupby("activation", sort=False):
        sizes = sorted(rows["size"].unique())
        if len(sizes) < 2:
            continue  # there are no numbers of its other batch sizes, or not yet
        own = means[means.index.isin(rows["line"], level="line")]
        ends = [own.xs(size, level="size") for size in (sizes[0], sizes[-1])]
        parts.append(
            f"{words(str(activation))} {_shares(ends[0])} with {_examples(sizes[0])}, {_shares(ends[1])} with "
            f"{_examples(sizes[-1])} (theory for a large batch: {_shares(rows['group'].map(limit))})"
        )
    what = f"Pairs of weights into a neuron of layer {layer} whose gradients share a sign"
    evidence = f"{what}: {'; '.join(parts)}. Random: 50 %."
    if tied.empty:
        why = "Nothing that feeds this layer is never negative, so nothing ties its signs."
        return Finding(claim, UNDECIDED, f"{why} {evidence}", limits)
    verdicts = []
    for _, rows in tied.groupby(["line", "seed"], sort=False):
        by_size = rows.groupby("size")["pairs"].mean()
        if len(by_size) > 1:
            first, last = float(by_size.iloc[0]), float(by_size.iloc[-1])
            verdicts.append(first - last > NOTICEABLE and last - FREE > NOTICEABLE)
    return Finding(claim, _verdict(verdicts), evidence, limits)


def trade(result: Result, epoch: int, layer: int, level: str = "batch") -> Finding:
    """Whether smaller initial weights saturate less and, against that advice, tie the signs of a batch more."""
    claim = f"Smaller initial weights cure saturation and tie the signs of {WHOSE[level]} gradients more"
    limits = findings.limits(result)
    verdicts: list[bool] = []
    parts = []
    for activation in result.experiment.activation:
        table = by_scale(result, activation, epoch, layer, level)
        if not _never_negative(result, activation, layer) or table.empty:
            continue
        scheme = ["initialiser", "gain"]  # two of them may have one scale
        wide = table.pivot(index=scheme, columns="quantity", values="mean").reindex(columns=list(QUANTITIES))
        wide["scale"] = table.groupby(scheme)["scale"].mean()
        wide = wide.dropna().sort_values("scale", kind="stable")
        if wide.empty or wide["scale"].iloc[-1] < CLEARLY_LARGER * wide["scale"].iloc[0]:
            continue
        small, large = wide.iloc[0], wide.iloc[-1]
        verdicts += [
            bool(large["saturated"] - small["saturated"] > NOTICEABLE),
            bool(small["pairs"] - large["pairs"] > NOTICEABLE),
        ]
        parts.append(
            f"{words(activation)}, from weights of standard deviation {large['scale']:.2g} to {small['scale']:.2g}: "
            f"saturated units {_share(large['saturated'])} to {_share(small['saturated'])}, pairs that agree "
            f"{_share(large['pairs'])} to {_share(small['pairs'])}"
        )
    if not parts:
        evidence = "No function here is never negative and starts from weights of two clearly different scales."
        return Finding(claim, UNDECIDED, evidence, limits)
    return Finding(claim, _verdict(verdicts), f"{'; '.join(parts)}."[:1].upper() + f"{'; '.join(parts)}."[1:], limits)


def _never_negative(result: Result, activation: str, layer: int) -> bool:
    """Whether what feeds the layer has no negative values: the hidden units, or for layer 1 the inputs."""
    if layer == 1:
        return result.experiment.scaling == "unit_interval"
    return ACTIVATIONS[activation].range[0] >= 0


def _verdict(holds: Sequence[bool]) -> str:
    if not holds:
        return UNDECIDED
    return SUPPORTED if all(holds) else MIXED if any(holds) else NOT_SUPPORTED


def _examples(size: float) -> str:
    return "one example" if size == 1 else f"{size:,.0f} examples"


def _share(share: float) -> str:
    if not np.isfinite(share):
        return "none"
    return "just under 100 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def _shares(shares: pd.Series) -> str:
    """A share, or the range of several."""
    least, greatest = _share(float(shares.min())), _share(float(shares.max()))
    return greatest if least == greatest else f"{least} to {greatest}"


def parting(result: Result, epoch: int, layer: int) -> list[str]:
    """Where the whole training set's gradient and theory part by more than `APART`, and why they may: sentences."""
    table = by_layer(result, epoch)
    table = table[table["layer"] == layer].groupby("line", sort=False)[["pairs", "limit"]].mean()
    apart = table["pairs"] - table["limit"]
    said = []
    for names, sign, why in (
        (apart.index[apart > APART], "above", ABOVE),
        (apart.index[apart < -APART], "below", BELOW),
    ):
        if len(names):
            said.append(f"The whole training set lies {sign} theory in {listed([str(name) for name in names])}: {why}")
    return said
