"""Mean field theory beside the runs: what it predicts of every hidden layer, where it parts from them, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from core.experiment.data import data_of
from core.experiment.experiment import Experiment, all_but
from core.lessons import findings
from core.lessons.comparisons import PLAIN, is_plain
from core.lessons.findings import Finding
from core.registries.activations import ACTIVATIONS
from core.registries.starts import is_random, part
from core.results import summary
from core.results.convergence import NAMED
from core.results.evidence import Number, Told, signal_kept
from core.results.results import Result
from core.results.selected import select
from core.text import ONE_SEED, UNDECIDED, count, few, listed, number, sentences, share, verb, verdict
from core.theory import theory

QUANTITIES = {
    "length": "q, mean square of a",
    "saturated": "share saturated",
    "mean": "mean of h",
    "backward": "standard deviation of d loss / d a",
}
STD_TOLERANCE = 0.1
SHARE_TOLERANCE = 0.05
KEPT = 0.5, 2.0
"""A signal that changes by no more than these factors keeps its size."""
MAP_LAYERS = 20
MAP_STARTS = (0.01, 1.0, 100.0)
BIAS_REACH = 3.0
_SETTINGS = ["group", *all_but("batch_size", "optimiser", "learning_rate")]
START = _SETTINGS[1:]
"""What groups share that start alike, from the same weights seed by seed."""
_GAUSSIAN_TAILS = 2.0537489106 / 0.6744897502  # (98 % - 2 %) / (75 % - 25 %) of any Gaussian


@dataclass(frozen=True)
class Inputs:
    """The probe's examples as the first layer sees them.

    Attributes:
        mean_square: mean of x^2 over examples and features.
        low, high: 5 and 95 % quantile over examples of an example's own mean square.
    """

    mean_square: float
    low: float
    high: float


@lru_cache(maxsize=64)
def inputs(experiment: Experiment, dataset: str) -> Inputs:
    """The inputs of the examples of one of its data sets that the experiment's layers are measured on."""
    squares = np.square(data_of(experiment, dataset).train_x[: experiment.probe or None]).mean(axis=1)
    low, high = np.quantile(squares, [0.05, 0.95])
    return Inputs(float(squares.mean()), float(low), float(high))


@dataclass(frozen=True)
class Foretold:
    """What theory says of every hidden layer of a result, from what was measured at initialisation.

    Attributes:
        values: by group, layer and one of QUANTITIES; what the theory does not apply to is not among them.
        weight_variances: by group and layer, sw^2 = fan_in * Var(w) about 0.
    """

    values: dict[tuple[str, int, str], float]
    weight_variances: dict[tuple[str, int], float]


def by_layer(result: Result, epoch: int = 0, foretold: Foretold | None = None) -> pd.DataFrame:
    """Theory and measurement for every group, hidden layer and one of QUANTITIES.

    Columns: group, hidden, activation, initialiser, gain, layer, epoch, quantity; predicted (at initialisation, from
    the measured variances of weights and biases; NaN where the theory does not apply); median, low and high (25 and
    75 %) and runs of the measurement at `epoch`; weight_variance (sw^2 = fan_in * Var(w) at initialisation, about 0).

    Args:
        foretold: what `predictions` gave, where that is known: it is the same at all epochs.
    """
    foretold = foretold or predictions(result)
    layers = result.layers
    at = np.flatnonzero((layers["epoch"].to_numpy() == epoch) & (layers["role"] == "hidden").to_numpy())
    code, _ = pd.factorize(layers["group"].array.take(at))
    layer = layers["layer"].to_numpy()[at]
    of_both = code * (int(layer.max(initial=0)) + 1) + layer
    _, first, place = np.unique(of_both, return_index=True, return_inverse=True)
    measured = [summary.quartiles(place, values[at])[1] for values in _measured(layers).values()]
    own = at[np.tile(first, len(measured))]
    table = pd.DataFrame({name: layers[name].array.take(own) for name in [*_SETTINGS, "layer", "epoch"]})
    table["quantity"] = np.repeat(list(QUANTITIES), len(first))
    of = list(zip(table["group"], table["layer"], table["quantity"], strict=True))
    table["predicted"] = np.array([foretold.values.get(each, np.nan) for each in of], np.float64)
    for column, source in (*((name, name) for name in summary.QUARTILES), ("runs", "finite")):
        table[column] = np.concatenate([found[source] for found in measured])
    table["weight_variance"] = [foretold.weight_variances.get(each[:2], np.nan) for each in of]
    return table


def _measured(layers: pd.DataFrame) -> dict[str, np.ndarray]:
    """QUANTITIES by row of the layers table."""
    names = ("preactivation_mean", "preactivation_std", "saturated", "activation_mean", "delta_std")
    mean, std, saturated, h, delta = (layers[name].to_numpy(np.float64) for name in names)
    found = {"length": mean**2 + std**2, "saturated": saturated, "mean": h, "backward": delta}
    return {name: found[name] for name in QUANTITIES}


def predictions(result: Result) -> Foretold:
    """What theory says of the result's hidden layers."""
    threshold = result.experiment.saturation_threshold
    found: dict[tuple[str, int, str], float] = {}
    by_group = _starts(result)
    for settings in random_groups(result).itertuples(index=False):
        group, activation = str(settings.group), str(settings.activation)
        if not settings.random:
            continue
        start, hidden = by_group[group], str(settings.hidden).count("-") + 1
        weights, biases = (tuple(start[name][:hidden].tolist()) for name in ("weights", "biases"))
        mean_square = inputs(result.experiment, str(settings.dataset)).mean_square
        layers = _layers(activation, weights, biases, mean_square, threshold)
        if settings.random_output:
            for place, square in _backward(start, layers).items():
                found[group, place, "backward"] = square**0.5
        for layer in layers:
            found[group, layer.layer, "length"] = layer.q
            # Without any spread all units are at a = 0, where relu is flat too.
            flat = layer.q == 0 and ACTIVATIONS[activation].slope_ratio(np.zeros(1))[0] < threshold
            found[group, layer.layer, "saturated"] = 1.0 if flat else layer.saturated_low + layer.saturated_high
            found[group, layer.layer, "mean"] = layer.mean
    variances = {
        (group, layer): float(variance)
        for group, start in by_group.items()
        for layer, variance in enumerate(start["weights"][:-1], start=1)
    }
    return Foretold(found, variances)


def _starts(result: Result) -> dict[str, dict[str, np.ndarray]]:
    """By group what theory takes of each layer at initialisation, the output's the last: means over the runs.

    Columns: fan_in, fan_out, weights (sw^2), biases (sb^2), delta_square (mean square of d loss / d a).
    """
    layers = result.layers
    at = np.flatnonzero(layers["epoch"].to_numpy() == 0)
    code, groups = pd.factorize(layers["group"].array.take(at))
    layer = layers["layer"].to_numpy()[at]
    names = ("fan_in", "fan_out", "weight_rms", "bias_rms", "delta_mean", "delta_std")
    own = {name: layers[name].to_numpy(np.float64)[at] for name in names}
    columns = {"fan_in": own["fan_in"], "fan_out": own["fan_out"], **_variances(own)}
    columns["delta_square"] = own["delta_mean"] ** 2 + own["delta_std"] ** 2
    most = int(layer.max(initial=0)) + 1
    whole = {name: summary.means(code * most + layer, values, len(groups) * most) for name, values in columns.items()}
    deepest = np.zeros(len(groups), np.int64)
    np.maximum.at(deepest, code, layer)
    return {
        str(group): {
            name: values[place * most + 1 : place * most + deepest[place] + 1] for name, values in whole.items()
        }
        for place, group in enumerate(groups)
    }


def _backward(start: dict[str, np.ndarray], layers: Sequence[theory.LayerPrediction]) -> dict[int, float]:
    """Mean square of d loss / d a that theory predicts of each hidden layer, from the output layer's on back.

    E[delta_l^2] = E[f'^2] n_(l+1) Var(w_(l+1)) E[delta_(l+1)^2] (Glorot & Bengio 2010, equation 6, for any slope).
    """
    square, found = float(start["delta_square"][-1]), {}
    if len(layers) == len(start["weights"]) - 1:  # q is finite in all of them
        for layer in reversed(layers):
            fan_in, fan_out, variance = (float(start[name][layer.layer]) for name in ("fan_in", "fan_out", "weights"))
            square *= layer.slope_square * variance * fan_out / fan_in
            found[layer.layer] = square
    return found


def weight_gradients(result: Result) -> pd.DataFrame:
    """Spread of each layer's weight gradients at initialisation: columns group, run, gradient_std, at (the layer)."""
    layers = result.layers[(result.layers["epoch"] == 0) & (result.layers["gradient_std"] > 0)]
    return layers[["group", "run", "gradient_std"]].assign(at=layers["layer"].astype(str))


def jacobians(result: Result) -> pd.DataFrame:
    """The singular values of each group's input-output Jacobian at initialisation, and what theory predicts.

    Columns: group; mean, rms, least, greatest and condition (medians over the runs), runs; predicted (of rms, from
    sum of squares = outputs sw^2 chi_1 ... chi_L, sw^2 of the output layer; empty where the theory does not apply).
    """
    # Not by the epoch: of the first one single updates may be recorded too.
    start = result.epochs[result.epochs["update"] == 0].rename(
        columns=lambda name: name.removeprefix("singular_value_")
    )
    start = start.assign(rms=np.hypot(start["mean"], start["std"])).rename(
        columns={"min": "least", "max": "greatest", "condition_number": "condition"}
    )
    groups = start.groupby("group", sort=False)
    table = groups[["mean", "rms", "least", "greatest", "condition"]].median()
    table["runs"] = groups["mean"].count()
    threshold = result.experiment.saturation_threshold
    found, starts = {}, _starts(result)
    for settings in random_groups(result).itertuples(index=False):
        own = starts[str(settings.group)]
        weights, biases = (tuple(own[name][:-1].tolist()) for name in ("weights", "biases"))
        mean_square = inputs(result.experiment, str(settings.dataset)).mean_square
        layers = _layers(str(settings.activation), weights, biases, mean_square, threshold)
        if settings.random and settings.random_output and len(layers) == len(weights):
            square = float(own["weights"][-1] * np.prod([layer.chi for layer in layers]))
            outputs, features = float(own["fan_out"][-1]), float(own["fan_in"][0])
            found[settings.group] = (square * outputs / min(outputs, features)) ** 0.5
    table["predicted"] = pd.Series(found, dtype=float).reindex(table.index)
    return table.reset_index()


@lru_cache(maxsize=4096)
def _layers(
    activation: str, weights: tuple[float, ...], biases: tuple[float, ...], mean_square: float, threshold: float
) -> tuple[theory.LayerPrediction, ...]:
    return theory.predict_layers(activation, weights, biases, mean_square, threshold)


def _variances(layers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """By column weights, sw^2 = fan_in * Var(w), and biases, sb^2 = Var(b), of the rows of a table of layers.

    They are variances about 0, which random ones are drawn about: those of a single one too.
    """
    return {"weights": layers["fan_in"] * layers["weight_rms"] ** 2, "biases": layers["bias_rms"] ** 2}


def random_groups(result: Result) -> pd.DataFrame:
    """The groups with a hidden layer at initialisation, one row each: are their hidden layers `random`, the output's?

    Weights drawn at random about 0, with biases so drawn or 0, of plain networks, are all that the theory knows of.
    Biases of the output layer change no slope: `random_output` is of its weights.
    """
    layers = result.layers
    start = np.flatnonzero((layers["epoch"].to_numpy() == 0) & (layers["role"] == "hidden").to_numpy())
    code, _ = pd.factorize(layers["group"].array.take(start))
    groups = layers.iloc[start[np.unique(code, return_index=True)[1]]][_SETTINGS]
    of = groups["hidden"].str.count("-") + 2
    texts = list(zip(groups["initialiser"], groups["bias_initialiser"], of, strict=True))
    drawn = [all(is_random(weights, biases, at, of) for at in range(1, of)) for weights, biases, of in texts]
    return groups.assign(
        random=is_plain(groups) & np.array(drawn, bool),
        random_output=[part(weights, of, of).about_0 for weights, _, of in texts],
    )


def points(result: Result) -> pd.DataFrame:
    """Where each group starts in the phase diagram, and what theory says of a deep network there.

    Columns: group, hidden, activation, initialiser, gain, bias_initialiser; sw and sb (roots of the variances of
    weights and biases, means over the layers that a hidden layer feeds, or layer 1 where there is no other; empty where
    they are not random), depth (hidden layers); q, chi and depth_scale at the fixed point (empty where there is none),
    note.
    """
    start = result.layers[(result.layers["role"] == "hidden") & (result.layers["epoch"] == 0)]
    depths = start.groupby("group", sort=False)["layer"].max()
    fed = start[(start["layer"] > 1) | (start["group"].map(depths) == 1)]
    code, names = pd.factorize(fed["group"])
    columns = _variances({name: fed[name].to_numpy() for name in ("fan_in", "weight_rms", "bias_rms")})
    own = [summary.means(code, values, len(names)).tolist() for values in columns.values()]
    by_group = dict(zip(names, zip(*own, strict=True), strict=True))
    rows = []
    for settings in random_groups(result).itertuples(index=False):
        row = {name: getattr(settings, name) for name in _SETTINGS} | {"depth": int(depths[str(settings.group)])}
        if settings.random:
            weights, biases = by_group[settings.group]
            row |= {"sw": weights**0.5, "sb": biases**0.5}
            row |= describe(_fixed_point(settings.activation, weights, biases))
        else:
            plain = all(row[name] == value for name, value in PLAIN.items())
            note = "not random about 0" if plain else "not a plain network"
            row |= {"sw": np.nan, "sb": np.nan} | describe(theory.FixedPoint(None, None, note))
        rows.append(row)
    return pd.DataFrame(rows)


def sw_range(points: pd.DataFrame) -> tuple[float, float]:
    """The range of sw that a diagram of these points spans: at least 0.05 to 40."""
    sw = points.loc[points["sw"] > 0, "sw"]
    return min([0.05, *(0.7 * sw)]), max([40.0, *(1.4 * sw)])


def sb_top(points: pd.DataFrame) -> float:
    """How far up a diagram of these points reaches: at least BIAS_REACH."""
    return float(max([BIAS_REACH, *(1.2 * points["sb"].dropna()).tolist()]))


def q_star(activation: str, sw: float, sb: float) -> float | None:
    """q* at (sw, sb), or None where there is no single finite one."""
    return _fixed_point(activation, sw * sw, sb * sb).q


def describe(point: theory.FixedPoint) -> dict[str, float | str]:
    """A fixed point as columns: q, chi, depth_scale (NaN where it has none) and note."""
    missing = {"q": point.q, "chi": point.chi, "depth_scale": point.depth_scale}
    return {name: np.nan if value is None else value for name, value in missing.items()} | {"note": point.note}


@lru_cache(maxsize=4096)
def _fixed_point(activation: str, weight_variance: float, bias_variance: float) -> theory.FixedPoint:
    return theory.fixed_point(activation, weight_variance, bias_variance)


@lru_cache(maxsize=32)
def phase_table(activation: str, low: float, high: float, top: float) -> pd.DataFrame:
    """chi_1 and q* over (sw, sb), sw from `low` to `high` in equal ratios, sb from 0 to `top`.

    Columns: activation, sw and sb (the middle of a cell), sw_low, sw_high, sb_low, sb_high (its edges), q, chi,
    depth_scale. Cells without a finite fixed point have none of the three.
    """
    columns, rows = 72, 25
    sw_edges = np.geomspace(low, high, columns + 1)
    sb_edges = np.linspace(0.0, top, rows + 1)
    sw, sb = np.sqrt(sw_edges[:-1] * sw_edges[1:]), 0.5 * (sb_edges[:-1] + sb_edges[1:])
    q, chi = theory.phase_diagram(activation, sw**2, sb**2)
    i, j = (index.ravel() for index in np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij"))
    with np.errstate(divide="ignore"):
        depth_scale = 1.0 / np.abs(np.log(chi.ravel()))
    return pd.DataFrame(
        {
            "activation": activation,
            "sw": sw[i],
            "sb": sb[j],
            "sw_low": sw_edges[i],
            "sw_high": sw_edges[i + 1],
            "sb_low": sb_edges[j],
            "sb_high": sb_edges[j + 1],
            "q": q.ravel(),
            "chi": chi.ravel(),
            "depth_scale": depth_scale,
        }
    )


@lru_cache(maxsize=32)
def critical_table(activation: str) -> pd.DataFrame:
    """The critical line chi_1 = 1 from sb = 0 to BIAS_REACH: columns activation, sw, sb, q. Empty where there is none.

    Functions with f(c x) = c f(x) are critical at one sw whatever sb is, with no finite q but at sb = 0.
    """
    coarse = np.concatenate([[0.0], np.geomspace(1e-4, 1e4, 400)])
    sw2, sb2 = theory.critical_line(activation, coarse)
    finite = np.isfinite(sw2)
    if finite.any() and np.ptp(sw2[finite]) <= 1e-9 * sw2[finite].max():
        sw = float(np.sqrt(sw2[finite][0]))
        return pd.DataFrame({"activation": activation, "sw": sw, "sb": [0.0, BIAS_REACH], "q": np.nan})
    within = np.flatnonzero(finite & (sb2 <= BIAS_REACH**2))
    if not within.size:
        return pd.DataFrame({"activation": [], "sw": [], "sb": [], "q": []})
    low, high = float(coarse[max(within[0] - 1, 0)]), float(coarse[min(within[-1] + 1, coarse.size - 1)])
    start = theory.critical_weight_variance(activation, 0.0)
    q = np.unique([*([] if start is None else [start[1]]), *np.linspace(low**0.5, high**0.5, 200) ** 2])
    sw2, sb2 = theory.critical_line(activation, q)
    table = pd.DataFrame({"activation": activation, "sw": np.sqrt(sw2), "sb": np.sqrt(sb2), "q": q})
    return table[np.isfinite(sw2) & (table["sb"] <= BIAS_REACH)].reset_index(drop=True)


@lru_cache(maxsize=32)
def depth_table(activation: str, low: float, high: float, count: int = 160) -> pd.DataFrame:
    """Depth scale against sw at sb = 0, where most networks start: columns activation, sw, sb, q, chi, depth_scale.

    The critical sw is among them; its depth scale has no bound.
    """
    sw = np.geomspace(low, high, count)
    critical = theory.critical_weight_variance(activation, 0.0)
    if critical and low**2 < critical[0] < high**2:
        sw = np.sort(np.append(sw, critical[0] ** 0.5))
    q, chi = (values[:, 0] for values in theory.phase_diagram(activation, sw**2, [0.0]))
    table = pd.DataFrame({"activation": activation, "sw": sw, "sb": 0.0, "q": q, "chi": chi})
    # Where q grows without limit, chi_1 is what it approaches.
    for row in table.index[table["chi"].isna()]:
        table.loc[row, "chi"] = describe(theory.fixed_point(activation, table["sw"][row] ** 2, 0.0))["chi"]
    with np.errstate(divide="ignore"):
        rate = np.abs(np.log(table["chi"]))
        return table.assign(depth_scale=1.0 / rate.where(rate > 1e-12, 0.0))


@lru_cache(maxsize=64)
def map_table(activation: str, sw: float, sb: float) -> pd.DataFrame:
    """q_l over MAP_LAYERS layers from each of MAP_STARTS: columns start, layer (0 is the start), q."""
    q = np.vstack([MAP_STARTS, theory.length_map(activation, sw**2, sb**2, MAP_LAYERS, MAP_STARTS)])
    layers = np.arange(MAP_LAYERS + 1)
    return pd.DataFrame({
        "start": np.repeat(MAP_STARTS, len(layers)), "layer": np.tile(layers, len(MAP_STARTS)), "q": q.T.ravel()
    })  # fmt: skip


def layers_text(depth_scale: float) -> str:
    """A depth scale in words: "1 layer", "2.5 layers"."""
    said = number(depth_scale)
    return "1 layer" if said == "1" else f"{said} layers"


def point_words(activation: str, sw: float, sb: float) -> str:
    """What theory says of a network that starts at (sw, sb), in words."""
    point = _fixed_point(activation, sw * sw, sb * sb)
    where = f"q settles at q* = {number(point.q)}" if point.q is not None else point.note
    if point.chi is None:
        return f"{where}."
    if point.depth_scale == np.inf:
        return f"{where}. χ₁ = 1: gradients keep their size, however deep the network."
    if point.chi == 0 or point.depth_scale is None:
        return f"{where}. χ₁ = {number(point.chi)}: no gradient gets through a layer."
    change, course = ("shrink", "falls") if point.chi < 1 else ("grow", "grows")
    layers = layers_text(point.depth_scale).removeprefix("1 ")
    return f"{where}. χ₁ = {number(point.chi)}: gradients {change}, mean square {course} e-fold every {layers}."


def agreement(result: Result) -> Finding:
    """Whether the theory of wide layers predicts the runs at initialisation."""
    claim = "The theory of wide layers predicts a network before training"
    table = by_layer(result)
    table = table[table["predicted"].notna() & table["median"].notna()].drop_duplicates([*START, "layer", "quantity"])
    told = Told(result)
    if table.empty:
        known = result.layers["role"].eq("hidden").any()
        why = "The theory has no prediction for any layer here." if known else findings.unmeasured(result)
        return Finding(claim, UNDECIDED, why, *_limits_of(told))
    lengths, shares = (table[table["quantity"] == name] for name in ("length", "saturated"))
    predicted, measured = lengths["predicted"] ** 0.5, lengths["median"] ** 0.5
    near = (predicted - measured).abs() <= STD_TOLERANCE * measured
    gap = (shares["predicted"] - shares["median"]).abs()
    close = gap <= SHARE_TOLERANCE
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(np.log(predicted) - np.log(measured)).fillna(0.0)  # 0 predicted and 0 measured
    far, wide = int(np.argmax(off)), int(np.argmax(gap))
    furthest, widest = (
        _furthest(told, row, f"predicted {what}", f"{how} {what}", theirs, ours)
        for row, what, how, theirs, ours in (
            (lengths.iloc[far], "std of a", "measured", predicted.iloc[far], measured.iloc[far]),
            (shares.iloc[wide], "saturated", "median", shares["predicted"].iloc[wide], shares["median"].iloc[wide]),
        )
    )
    layers = told.keep("layers predicted", len(near), len(near))
    std_near = told.keep("layers near", near.sum(), len(near))
    share_close = told.keep("layers close", close.sum(), len(near))
    evidence = (
        f"At initialisation the predicted standard deviation of a is within {share(STD_TOLERANCE)} of the measured "
        f"median in {std_near} of {layers} ({furthest if off.max() > 0 else 'exact in all'}) and the predicted share "
        f"saturated within {100 * SHARE_TOLERANCE:.0f} percentage points in {share_close} of {len(close)} "
        f"({widest if gap.max() > 0 else 'exact in all'})."
    )
    if result.runs["seed"].nunique() == 1:
        return Finding(claim, UNDECIDED, f"{evidence} {ONE_SEED}", *_limits_of(told))
    return Finding(claim, verdict([*near, *close]), evidence, *_limits_of(told))


def backward(result: Result) -> Finding:
    """Whether the back-propagated signal keeps its size through the hidden layers at initialisation (KEPT)."""
    claim = "The back-propagated signal keeps its size on its way through the hidden layers"
    told = Told(result)
    hidden = told.tables.hidden
    deep = hidden.loc[hidden["layer"] > 1, "run"]
    start = hidden[(hidden["epoch"] == 0) & hidden["run"].isin(deep)]
    if start.empty:
        why = "No network here has two hidden layers." if len(hidden) else findings.unmeasured(result)
        return Finding(claim, UNDECIDED, why, *_limits_of(told))
    groups = start.drop_duplicates("run").set_index("run")["group"]
    ratios = signal_kept(start)
    kept = ratios.groupby(groups.loc[ratios.index], sort=False).median()
    if kept.empty:
        return Finding(claim, UNDECIDED, "No signal comes back to any hidden layer here.", *_limits_of(told))
    ends = dict.fromkeys([str(kept.idxmin()), str(kept.idxmax())])
    parts = [f"{told('signal kept', epoch=0, group=group)} times in {group}" for group in ends]
    course = "is" if len(ends) == 1 else "runs from"
    size = (
        "At initialisation the standard deviation of d loss / d a in the first hidden layer, relative to the last, "
        f"{course} {' to '.join(parts)}; half to twice counts as kept"
    )
    said = [size, f"Singular values of the input-output Jacobian: {'; '.join(_singular(told, name) for name in ends)}"]
    if result.runs["seed"].nunique() == 1:
        return Finding(claim, UNDECIDED, sentences([*said, ONE_SEED]), *_limits_of(told))
    return Finding(claim, verdict(kept.between(*KEPT).to_list()), sentences(said), *_limits_of(told))


def _singular(told: Told, group: str) -> str:
    of = {"update": 0, "group": group}
    mean = told("median singular_value_mean", **of)
    if not select(told.tables.epochs, of)["condition_number"].notna().any():
        return f"mean {mean} in {group}, with no finite condition number"
    return f"mean {mean}, condition number {told('median condition_number', **of)} in {group}"


def _furthest(told: Told, row: pd.Series, predicted: str, measured: str, theirs: float, ours: float) -> str:
    of = {"group": row["group"], "layer": int(row["layer"]), "epoch": 0}
    said = (
        f"{told.keep(predicted, theirs, row['runs'], **of)} predicted, {told.keep(measured, ours, row['runs'], **of)}"
    )
    return f"furthest off: {said} measured, {_layer(row)}"


def trained(epoch: int) -> list[tuple[str, str]]:
    """Why theory and measurement part at a later epoch, as (headline, explanation); nothing at initialisation."""
    text = (
        f"The lines are of initialisation. At epoch {epoch:,} training has tied the weights to the data and to "
        "each other, which no theory of random weights covers."
    )
    return [("Training", text)] if epoch > 0 else []


def reasons(result: Result) -> list[tuple[str, str]]:
    """Why they part from the start, where they do: (headline, explanation), only what these runs and inputs show."""
    hidden = result.layers[result.layers["role"] == "hidden"]
    start = hidden[hidden["epoch"] == 0]
    found = []
    for name in result.experiment.dataset:
        seen = inputs(result.experiment, name)
        if seen.high > 1.5 * seen.low:
            which = f" of {name}" if len(result.experiment.dataset) > 1 else ""
            text = (
                f"The first layer sees data, not Gaussians. An example's own mean square{which} runs from "
                f"{number(seen.low)} to {number(seen.high)} (5 to 95 %; theory is given the mean, "
                f"{number(seen.mean_square)}), so layer 1 mixes narrower and wider Gaussians, and passes that on"
            )
            found.append(("Inputs", f"{text}{_tails(start[start['dataset'] == name])}."))
    spread = by_layer(result)
    spread = spread[(spread["quantity"] == "length") & (spread["median"] > 0) & (spread["runs"] > 1)]
    relative = (spread["high"] - spread["low"]) / spread["median"]
    if relative.max() > 0.05:
        widest = spread.iloc[int(np.argmax(relative))]
        text = (
            "In infinitely wide layers every seed gives the same q. Here the narrowest has "
            f"{count(int(start['fan_out'].min()), 'unit')}, and the middle half of the seeds spans up to "
            f"{share(relative.max())} of the median ({_layer(widest)})."
        )
        found.append(("Narrow layers", text))
    groups = random_groups(result)
    wired = int((~is_plain(result.runs)).sum())
    if wired:
        text = (
            "Mean-field theory here is of plain networks; "
            f"{wired:,} of these runs {verb(wired, 'has', 'have')} residual connections or layer normalisation: "
            "no line is drawn for them."
        )
        found.append(("Not plain", text))
    skipped = list(groups.loc[~groups["random"] & is_plain(groups), "group"])
    if skipped:
        text = (
            "Theory is of weights and biases that are random about 0, or biases that are 0. No line is drawn for "
            f"{few(skipped, NAMED)}, which start otherwise."
        )
        found.append(("No prediction", text))
    return found


def _tails(start: pd.DataFrame) -> str:
    first = start[start["layer"] == 1]
    half = first["preactivation_p75"] - first["preactivation_p25"]
    ratio = ((first["preactivation_p98"] - first["preactivation_p02"]) / half)[half > 0].median() / _GAUSSIAN_TAILS
    if not ratio > 1.02:
        return ""
    return f". Its tails reach {ratio:.2f} times as far as a Gaussian's of the same middle half"


def _limits_of(told: Told) -> tuple[str, tuple[Number, ...]]:
    widths = sorted({int(width) for width in told.tables.hidden["fan_out"]})
    units = f"Hidden layers of {listed([*map(str, widths[:-1]), count(widths[-1], 'unit')])}. " if widths else ""
    limits, numbers = findings.limits_of(told)
    return f"{units}{limits}", numbers


def _layer(row: pd.Series) -> str:
    return f"{row['group']}, layer {row['layer']}"
