"""Whether the numbers of a file agree with one another: what follows from other numbers in it is calculated again.

What follows from none, such as a loss, is its maker's word. Rows are in order, as `core.results.consistency` checks.
"""

from functools import cache, partial
from itertools import pairwise
from typing import NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.engine.measures import SATURATED_NEURON, random_agreement, saturated_from
from core.engine.recording import MINI_BATCHES
from core.experiment.experiment import Experiment
from core.experiment.fields import shorten
from core.registries.activations import ACTIVATIONS
from core.results.consistency import ROUNDING, Bools, blocks, require
from core.results.results import Result, ResultError, by_data, by_text
from core.schema import LEVELS, MAX_ORTHANT_FAN_IN, PERCENTILES, SCHEMA
from core.text import count

Float = NDArray[np.float64]

CLOSE = 1e-9
"""Relative difference of numbers that were calculated in another order."""
SINGLE = 1e-4
"""The same where one of them was calculated in single precision."""
EXAMPLE = 0.01
"""How far a number of examples may be from a whole one."""
ENDS = ("p02", "p98")

MEASURED = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
NEVER_NEGATIVE = {
    "runs": (*(f"{when}_{name}" for when in ("final", "best") for name in MEASURED[:2]),
             "path_length", "displacement", "tortuosity", "seconds"),
    "epochs": (*MEASURED[:2], "gradient_norm", "update_to_weight_ratio", "singular_value_std", "singular_value_min"),
    "layers": ("preactivation_std", "activation_std", "weight_std", "weight_rms", "gradient_std", "orthants_visited",
               "delta_std"),
}  # fmt: skip
BY_LEVEL = tuple(
    f"{name}_{level}" for name in ("same_sign", "agreement", "pair_agreement", "no_gradient") for level in LEVELS
)
OF_FULL_STATISTICS = {
    "runs": ("path_length", "displacement", "tortuosity", "mean_update_cosine"),
    "epochs": ("gradient_norm",),
    "layers": ("gradient_std", *BY_LEVEL, "orthants_visited", "orthants_possible"),
}
AT_START = {
    "epochs": ("singular_value_mean", "singular_value_std", "singular_value_min", "singular_value_max",
               "condition_number"),
    "layers": ("delta_mean", "delta_std"),
}  # fmt: skip
"""Columns that standard statistics leave empty after epoch 0."""
OF_HIDDEN_LAYERS = tuple(
    column.name for column in SCHEMA["layers"] if column.name.startswith(("activation_", "saturated", "dead_flat"))
)


def check(result: Result) -> None:
    """Raises ResultError naming table, column, value, line and what is allowed, where one number belies another."""
    for name, columns in NEVER_NEGATIVE.items():
        for column in columns:
            _allow(result, name, column, ~(result.table(name)[column] < 0), "numbers of at least 0, or nothing")
    if result.experiment.statistics == "standard":
        for name, columns in OF_FULL_STATISTICS.items():
            for column in columns:
                empty = result.table(name)[column].isna()
                _allow(result, name, column, empty, "nothing, since experiment.json has standard statistics")
        for name, columns in AT_START.items():
            table = result.table(name)
            for column in columns:
                early = (table["epoch"] == 0) | table[column].isna()
                _allow(result, name, column, early, "nothing after epoch 0, by the standard statistics")
    _check_runs(result)
    _check_path(result)
    _check_shares(result)
    _check_singular_values(result)
    _check_layers(result)
    _check_moments(result)
    _check_saturation(result)
    _check_signs(result)
    if len(result.histograms):
        _check_density(result)
    _check_totals(result)


def _allow(result: Result, name: str, column: str, good: Bools, allowed: str) -> None:
    require(name, result.table(name), column, good, allowed)


def _same(result: Result, name: str, column: str, expected: pd.Series | Float, by: str, rtol: float = CLOSE) -> None:
    """Whether the column has the expected values, nothing where they are NaN."""
    table, wanted = result.table(name), pd.Series(np.asarray(expected, np.float64))
    good = np.isclose(table[column], wanted, rtol=rtol, atol=0 if rtol == CLOSE else rtol, equal_nan=True)
    require(name, table, column, good, wanted, by)


def _check_runs(result: Result) -> None:
    """What the epochs table says about each run, to the bit: it is what the runs table was made from."""
    runs, epochs = result.runs, result.epochs
    by_run = epochs.groupby("run", sort=False)
    for name in MEASURED:
        final = by_run[name].tail(1)
        best = by_run[name].min() if name.endswith("loss") else by_run[name].max()
        _same(result, "runs", f"final_{name}", final, "epochs.csv")
        _same(result, "runs", f"best_{name}", best, "epochs.csv")

    measure, _, goal = result.experiment.target.partition(":")
    met = epochs[measure] <= float(goal) if measure.endswith("loss") else epochs[measure] >= float(goal)
    # What a run says where it is found to have diverged counts for nothing.
    diverged = runs["diverged_at"].notna()
    met &= epochs.duplicated("run", keep="last") | ~epochs["run"].isin(runs["run"][diverged])
    reached = epochs[met].drop_duplicates("run").set_index("run").reindex(runs["run"])
    by = f"epochs.csv and the target {result.experiment.target}"
    _same(result, "runs", "updates_to_target", reached["update"], by)
    _same(result, "runs", "epochs_to_target", reached["epoch"], by)


def _check_path(result: Result) -> None:
    """A path is no shorter than the straight line."""
    runs = result.runs
    path, displacement = runs["path_length"], runs["displacement"]
    longer = displacement.isna() | path.isna() | (displacement <= path * (1 + SINGLE) + SINGLE)
    _allow(result, "runs", "displacement", longer, "at most path_length")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        tortuosity = np.where(displacement > 0, path / displacement, np.nan)
    tortuosity = np.where(np.isfinite(tortuosity), tortuosity, np.nan)
    _same(result, "runs", "tortuosity", tortuosity, "path_length and displacement")
    cosine = runs["mean_update_cosine"]
    _allow(result, "runs", "mean_update_cosine", cosine.isna() | (cosine.abs() <= 1 + SINGLE), "-1 to 1, or nothing")


def _check_shares(result: Result) -> None:
    """An accuracy is a whole number of examples."""
    for dataset in result.experiment.dataset:
        own = result.epochs["dataset"] == dataset
        for part, examples in zip(("train", "test"), result.experiment.part_sizes(dataset), strict=True):
            column = f"{part}_accuracy"
            right = result.epochs[column] * examples
            whole = ~((right - right.round()).abs() > EXAMPLE) & (examples > 0 or right.isna())
            allowed = f"whole numbers of the {count(examples, 'example')}, or nothing"
            _allow(result, "epochs", column, whole | ~own, allowed)


def _check_singular_values(result: Result) -> None:
    """The mean lies between the ends, and so does the spread."""
    epochs = result.epochs
    mean, std, low, high = (epochs[f"singular_value_{name}"] for name in ("mean", "std", "min", "max"))
    within = ~((mean < low * (1 - CLOSE)) | (mean > high * (1 + CLOSE)))
    _allow(result, "epochs", "singular_value_mean", within, "singular_value_min to singular_value_max")
    narrow = ~(std > (high - low) / 2 + CLOSE * high)
    _allow(result, "epochs", "singular_value_std", narrow, "at most half of singular_value_max - singular_value_min")
    _allow(result, "epochs", "condition_number", ~(epochs["condition_number"] < 1 - CLOSE), "numbers of at least 1")


def _check_moments(result: Result) -> None:
    """Mean and deviation, by the function's range and by the percentiles: a fiftieth lies at or beyond each end."""
    layers = result.layers
    for quantity in ("preactivation", "activation"):
        mean, std, low, high = (layers[f"{quantity}_{name}"] for name in ("mean", "std", *ENDS))
        slack = SINGLE * (low.abs() + high.abs()) + SINGLE
        least = np.sqrt(((high - mean).clip(lower=0) ** 2 + (mean - low).clip(lower=0) ** 2) / 50)
        _allow(result, "layers", f"{quantity}_std", ~(std < least * (1 - SINGLE) - slack), "what its percentiles allow")
    ranges = {name: function.range for name, function in ACTIVATIONS.items()}
    bottom, top = (_by_function(layers, {name: ends[side] for name, ends in ranges.items()}) for side in (0, 1))
    mean = layers["activation_mean"].where(layers["residual"] == "false")  # else h is a sum of several
    outside = (mean < bottom - SINGLE) | (mean > top + SINGLE)
    _allow(result, "layers", "activation_mean", ~outside, "numbers in the range of the activation function, or nothing")


def _by_function(layers: pd.DataFrame, values: dict[str, float]) -> pd.Series:
    """A number of each row's activation function."""
    return by_text(layers["activation"], values)


def _check_saturation(result: Result) -> None:
    """Saturated shares, by the percentiles of the pre-activation and by the neurons that are saturated."""
    layers, experiment = result.layers, result.experiment
    sizes = {name: experiment.part_sizes(name)[0] for name in experiment.dataset}
    train = by_text(layers["dataset"], sizes)
    probe = train.clip(upper=experiment.probe) if experiment.probe else train
    one = 1 / (layers["fan_out"] * probe) + ROUNDING
    ends = {
        name: saturated_from(function, experiment.saturation_threshold, np.dtype(experiment.dtype))
        for name, function in ACTIVATIONS.items()
        if function.steepest_at_0
    }
    below, above = (_by_function(layers, {name: float(end[side]) for name, end in ends.items()}) for side in (0, 1))
    for p in PERCENTILES:
        a = layers[f"preactivation_p{p:02d}"]
        for column, beyond, share in (
            ("saturated_low", a <= below, p / 100),
            ("saturated_high", a >= above, 1 - p / 100),
        ):
            belied = np.where(beyond, layers[column] < share - one, layers[column] > share + one)
            belied &= a.notna() & below.notna()
            _allow(result, "layers", column, ~belied, f"what preactivation_p{p:02d} allows")
    neurons, saturated = layers["saturated_neurons"], layers["saturated"]
    few = SATURATED_NEURON * neurons - ROUNDING
    many = neurons + SATURATED_NEURON * (1 - neurons) + ROUNDING
    _allow(result, "layers", "saturated_neurons", ~((saturated < few) | (saturated > many)), "what saturated allows")


def _check_layers(result: Result) -> None:
    """What one row of the layers table says twice."""
    layers = result.layers
    output = layers["role"] == "output"
    for column in OF_HIDDEN_LAYERS:
        _allow(result, "layers", column, ~output | layers[column].isna(), "nothing in an output layer")
    for quantity in ("preactivation", "activation"):
        for low, high in pairwise(PERCENTILES):
            before, column = f"{quantity}_p{low:02d}", f"{quantity}_p{high:02d}"
            _allow(result, "layers", column, ~(layers[column] < layers[before]), f"numbers of at least {before}")
    monotone = {name for name, function in ACTIVATIONS.items() if function.monotone}
    rank_alike = output | (layers["activation"].isin(monotone) & (layers["residual"] == "false"))
    for p in PERCENTILES:
        expected = pd.Series(np.nan, index=layers.index)
        for name, rows in layers[~output].groupby("activation").groups.items():
            a, h = (layers.loc[rows, f"{quantity}_p{p:02d}"].to_numpy() for quantity in ("preactivation", "activation"))
            with np.errstate(all="ignore"):
                ends, value = (ACTIVATIONS[str(name)].forward(x) for x in (np.array([-np.inf, np.inf]), a.copy()))
            # A pre-activation that overflowed is missing: of it the function may yet have a value.
            expected[rows] = np.where(np.isnan(a) & np.isin(h, ends), h, value)
        expected = expected.where(np.isfinite(expected))
        # Ranks of h are those of a only where f does not fall, and nothing is added to it.
        expected = expected.where(rank_alike, layers[f"activation_p{p:02d}"])
        _same(result, "layers", f"activation_p{p:02d}", expected, f"preactivation_p{p:02d}", SINGLE)
    # A unit that is flat at a = 0 is saturated, but neither low nor high.
    threshold = result.experiment.saturation_threshold
    flat_at_0 = {name: f.slope_ratio(np.zeros(1)).item() < threshold for name, f in ACTIVATIONS.items()}
    beside = layers["saturated_low"] + layers["saturated_high"]
    more = by_text(layers["activation"], flat_at_0).astype(bool) & (layers["saturated"] > beside)
    wanted = layers["saturated"].where(more, beside)
    _same(result, "layers", "saturated", wanted, "saturated_low and saturated_high", SINGLE)
    neurons = layers["saturated_neurons"]
    flat = np.where(neurons.isna(), np.nan, neurons == 1)
    _same(result, "layers", "dead_flat", flat, "saturated_neurons")
    narrow = ~(layers["weight_std"] > layers["weight_rms"] * (1 + SINGLE))
    _allow(result, "layers", "weight_std", narrow, "at most weight_rms")
    fan_in = layers["fan_in"]
    _same(result, "layers", "agreement_random", fan_in.map(cache(random_agreement)), "fan_in")
    if result.experiment.statistics == "full":
        possible = (2.0 ** fan_in.clip(upper=MAX_ORTHANT_FAN_IN)).where(fan_in <= MAX_ORTHANT_FAN_IN)
        _same(result, "layers", "orthants_possible", possible, "fan_in")
    most = np.fmin(layers["orthants_possible"], layers["update"])
    fits = ~(layers["orthants_visited"] > most) & (
        layers["orthants_visited"].isna() | layers["orthants_possible"].notna()
    )
    _allow(result, "layers", "orthants_visited", fits, "at most orthants_possible, and at most the updates so far")
    gone = layers.groupby(["run", "layer"], sort=False)["orthants_visited"].diff() < 0
    _allow(result, "layers", "orthants_visited", ~gone, "no fewer than at the point before")


def _check_signs(result: Result) -> None:
    """Agreement is 1 for a neuron of one sign and at least 0 for any other; both are of the neurons with a gradient."""
    layers = result.layers
    never_negative = {name for name, function in ACTIVATIONS.items() if function.range[0] >= 0}
    tied = (layers["layer"] > 1) & layers["activation"].isin(never_negative)
    for name in ("same_sign", "agreement", "pair_agreement"):
        column = f"{name}_example"
        free = tied & (layers[column] < 1 - SINGLE)
        _allow(result, "layers", column, ~free, "1 above a layer of a function that is never negative, or nothing")
    for level in LEVELS:
        same, agreement, none = (layers[f"{name}_{level}"] for name in ("same_sign", "agreement", "no_gradient"))
        _allow(result, "layers", f"same_sign_{level}", ~(same > agreement + SINGLE), f"at most agreement_{level}")
        seen = none < 1
        for name in ("same_sign", "agreement"):
            column = f"{name}_{level}"
            fits = layers[column].notna() == seen
            _allow(result, "layers", column, fits, f"a value where no_gradient_{level} is below 1, else nothing")


def _check_density(result: Result) -> None:
    table = result.histograms
    starts, lengths = blocks(table)
    total = np.repeat(np.add.reduceat(table["count"].to_numpy(), starts), lengths)
    width = (table["right"] - table["left"]).to_numpy()
    density = np.where(np.isfinite(width), table["count"] / total / width, np.nan)
    _same(result, "histograms", "density", density, "count, left and right", 1e-8)


def _check_totals(result: Result) -> None:
    """Whether each histogram is there and counts as many values as the layers of its runs have units and examples."""
    layers, table = result.layers, result.histograms
    fan_out = layers["fan_out"].astype(np.float64)
    each = {
        ("preactivation", "probe"): fan_out,
        ("activation", "probe"): fan_out * (layers["role"] == "hidden"),
        ("gradient", "epoch"): fan_out * layers["fan_in"],
        **{("positive_share", level): fan_out * (1 - layers[f"no_gradient_{level}"]) for level in LEVELS},
    }
    if result.experiment.statistics == "standard":
        each = {kind: values for kind, values in each.items() if kind[1] == "probe"}
    starts = blocks(table)[0] if len(table) else np.zeros(0, np.int64)
    heads = table.iloc[starts].assign(line=starts + 2)
    heads["total"] = np.add.reduceat(table["count"].to_numpy(), starts) if len(table) else 0.0
    known = pd.Series(list(zip(heads["quantity"], heads["level"], strict=True)), index=heads.index, dtype=object)
    others = heads[~known.isin(list(each))]
    if len(others):
        _blame(others.iloc[0], "none: experiment.json has standard statistics")
    for (quantity, level), values in each.items():
        own = heads[(heads["quantity"] == quantity) & (heads["level"] == level)]
        _check_kind(result, quantity, level, values, own)


def _check_kind(result: Result, quantity: str, level: str, values: pd.Series, heads: pd.DataFrame) -> None:
    """Compare the totals of one kind of histograms with `values`, by row of the layers table those of an example."""
    point = ["group", "epoch", "layer"]
    settings = ["group", "dataset", "batch_size", "epoch", "layer"]
    wanted = result.layers[settings].assign(values=values)
    wanted = wanted.groupby(settings, sort=False)["values"].sum().reset_index()
    wanted = wanted[wanted["values"] > CLOSE]
    both = wanted.merge(heads[[*point, "quantity", "level", "line", "total"]], how="outer", on=point)
    both = both.sort_values("line")
    if (lacking := both[both["line"].isna()]).size:
        row = lacking.iloc[0]
        raise ResultError(
            f"histograms.csv: it lacks the {quantity} ({level}) of layer {row['layer']} of {shorten(row['group'])} at "
            f"epoch {row['epoch']}; allowed: one of each layer in layers.csv"
        )
    if (needless := both[both["values"].isna()]).size:
        _blame(needless.iloc[0], "none: layers.csv has no such values")
    factors = by_data(result.experiment, both, partial(_factor, result.experiment, level))
    expected = both["values"] * factors
    off = both[~np.isclose(both["total"], expected, rtol=SINGLE, atol=0)]
    if len(off):
        _blame(off.iloc[0], f"{expected[off.index[0]]:,.6g} by layers.csv and experiment.json")


def _factor(experiment: Experiment, level: str, dataset: str, batch_size: int) -> int:
    """How often a histogram counts each unit, weight or neuron."""
    train, _ = experiment.part_sizes(dataset)
    probe = min(experiment.probe or train, train)
    batch = min(batch_size or train, train)
    batches = min(MINI_BATCHES, probe // batch) if batch <= probe else 1
    return {"probe": probe, "example": probe, "batch": batches, "epoch": 1}[level]


def _blame(row: pd.Series, allowed: str) -> NoReturn:
    raise ResultError(
        f"histograms.csv: the counts of the histogram from line {row['line']:,.0f} ({row['quantity']}, {row['level']}) "
        f"add up to {row['total']:,.6g}; allowed: {allowed}"
    )
