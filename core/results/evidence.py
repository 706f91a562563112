"""The numbers that findings state: each a measure of the result's tables, defined once and said in one way.

A finding asks `Told` for its numbers, by the name of a measure and the columns that select its rows: what it says and
what it keeps are then one and the same, and anyone may compute it again from the tables by what MEASURES says of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import text
from core.results.convergence import Pair, Sides, unfinished
from core.results.results import Result
from core.results.selected import Rows
from core.schema import LEVELS

MICRO = 1e6


@dataclass(frozen=True)
class Number:
    """A number that a sentence states.

    Attributes:
        measure: a name in MEASURES, which says how it is computed.
        of: the columns that select its rows, each with the one value that the rows have in it: group, activation,
            hidden, epoch, layer and the like. For comparisons `group` and `against` are two groups.
        value: the number. Shares are in [0, 1]; a median that is not reached is infinite.
        n: how many runs it rests on; for numbers of groups and of seeds, how many rows of the runs table.
    """

    measure: str
    of: tuple[tuple[str, Any], ...]
    value: float
    n: int

    def __str__(self) -> str:
        return MEASURES[self.measure].said(self.value)


@dataclass(frozen=True)
class Measure:
    """How a number is computed from the tables.

    Attributes:
        meaning: in words, with table, rows and columns.
        value: (tables, what selects the rows) -> the number and its n; None where another module computes it.
        said: how it is written.
    """

    meaning: str
    value: Callable[["Tables", Mapping[str, Any]], tuple[float, int]] | None
    said: Callable[[float], str]


@dataclass(frozen=True)
class Tables:
    """A result's tables as the measures look at them."""

    result: Result

    @cached_property
    def runs(self) -> Rows:
        """The runs table."""
        return Rows(self.result.runs)

    @property
    def epochs(self) -> pd.DataFrame:
        """The epochs table."""
        return self.result.epochs

    @cached_property
    def points(self) -> Rows:
        """The same by column."""
        return Rows(self.epochs)

    @cached_property
    def layers(self) -> Rows:
        """The layers table."""
        return Rows(self.result.layers)

    @cached_property
    def hidden_layers(self) -> Rows:
        """Rows of the layers table whose role is hidden."""
        return self.layers.where(role="hidden")

    @cached_property
    def hidden(self) -> pd.DataFrame:
        """The same with all their columns."""
        return self.result.layers.take(self.hidden_layers.at)

    @cached_property
    def flat(self) -> Rows:
        """Of the hidden rows, those whose layer was dead-flat."""
        return self.hidden_layers.where(dead_flat=1)

    @cached_property
    def fed(self) -> Rows:
        """Rows of layers that hidden units feed, layer > 1, by two weights or more, fan_in > 1."""
        return self.layers.only((self.layers["layer"] > 1) & (self.layers["fan_in"] > 1))

    @cached_property
    def sides(self) -> Sides:
        """The updates of every group, any two of which can be compared."""
        return Sides(self.result.runs)

    @cached_property
    def pairs(self) -> dict[tuple[str, str], Pair | None]:
        """Those that were compared."""
        return {}

    def pair(self, group: str, against: str) -> Pair | None:
        """Two groups compared, once for all numbers of the two."""
        pair = (group, against)
        if pair not in self.pairs:
            self.pairs[pair] = self.sides.pair(*pair)
        return self.pairs[pair]


class Told:
    """Numbers of one result, said one after the other: `told(measure, column=value, ...)` gives the text of one."""

    def __init__(self, result: Result) -> None:
        self.tables = Tables(result)
        self.numbers: list[Number] = []

    def __call__(self, measure: str, **of: Any) -> str:
        """The number in words; it is kept among those that were said."""
        return str(self.number(measure, **of))

    def number(self, measure: str, **of: Any) -> Number:
        """The number itself, kept in the same way."""
        compute, known = MEASURES[measure].value, self.tables.result.numbers
        assert compute is not None, f"{measure} is not computed from the tables alone"
        asked = (measure, *of.items())
        if asked not in known:
            value, n = compute(self.tables, of)
            known[asked] = float(value), int(n)
        return self._kept(Number(measure, tuple(of.items()), *known[asked]))

    def keep(self, measure: str, value: float, n: int, **of: Any) -> str:
        """The text of a number that another module has computed, and kept in the same way."""
        return str(self._kept(Number(measure, tuple(of.items()), float(value), int(n))))

    def _kept(self, number: Number) -> Number:
        self.numbers.append(number)
        return number


def steps(result: Result, group: str) -> Sequence[int]:
    """The updates at which the group was recorded, in order."""
    return result.recorded_updates.get(group, ())


def step(recorded: Sequence[int], update: float) -> int:
    """How far apart recorded updates are where `update` lies: from the one before it to the first that is not."""
    after = next((i for i, point in enumerate(recorded) if point >= update), 0)
    return recorded[after] - recorded[after - 1] if after > 0 else 0


def equal(one: float, other: float, step: float) -> bool:
    """Whether two medians of updates to target are the same, as far as a recorded step tells."""
    return one == other or abs(one - other) < step


def timed(runs: Rows) -> Rows:
    """The runs that took time for updates, and did not stop at a divergence."""
    return runs.only((runs["seconds"] > 0) & (runs["last_update"] > 0) & ~runs.there("diverged_at"))


def updates(runs: Rows) -> NDArray[np.float64]:
    """Their updates to target, infinite where it was not reached."""
    return np.where(runs.there("updates_to_target"), runs["updates_to_target"], np.inf)


def median_updates(runs: Rows) -> dict[str, float]:
    """Median updates to target by group, infinite where it was not reached."""
    return runs.medians(updates(runs))


def worst_first(runs: Rows) -> NDArray[np.float64]:
    """Their final test accuracies, those of runs that diverged below all others."""
    return np.where(runs.there("diverged_at"), -np.inf, runs["final_test_accuracy"])


def median(values: NDArray[np.float64]) -> float:
    """The median of those that are there; NaN where none is."""
    there = values[~np.isnan(values)]
    return float(np.median(there)) if len(there) else math.nan


def signal_kept(hidden: pd.DataFrame) -> pd.Series:
    """By run, delta_std of the first hidden layer over that of the last; `hidden` are rows of one epoch, in order."""
    first, last = (hidden.drop_duplicates("run", keep=end).set_index("run")["delta_std"] for end in ("first", "last"))
    ratios = first / last
    return ratios[np.isfinite(ratios)]


# How values are computed

Value = Callable[[Tables, Mapping[str, Any]], tuple[float, int]]


def _rows(table: str, compute: Callable[[Rows], Any]) -> Value:
    """What `compute` makes of the selected rows of a table, one of `Tables`; n is how many runs they are of."""

    def value(tables: Tables, of: Mapping[str, Any]) -> tuple[float, int]:
        rows = getattr(tables, table).where(**of)
        return float(compute(rows)), rows.distinct("run")

    return value


def _least(table: str, column: str) -> Value:
    return _rows(table, lambda rows: rows[column].min() if len(rows) else math.nan)


def _most(table: str, column: str) -> Value:
    return _rows(table, lambda rows: rows[column].max() if len(rows) else math.nan)


def _mean(table: str, column: str, size: bool = False) -> Value:
    def value(tables: Tables, of: Mapping[str, Any]) -> tuple[float, int]:
        rows = getattr(tables, table).where(**of)
        rows = rows.only(rows.there(column))
        values = np.abs(rows[column]) if size else rows[column]
        return float(values.mean()) if len(rows) else math.nan, rows.distinct("run")

    return value


def _missed(going_on: bool) -> Value:
    def value(tables: Tables, of: Mapping[str, Any]) -> tuple[float, int]:
        rows = tables.runs.where(**of)
        missed = rows.has("status", "not_reached", "running")
        still = unfinished(tables.result).to_numpy().take(rows.at)
        return float((missed & (still == going_on)).sum()), len(rows)

    return value


def _versus(name: str) -> Value:
    def value(tables: Tables, of: Mapping[str, Any]) -> tuple[float, int]:
        found = tables.pair(of["group"], of["against"])
        return (math.nan, 0) if found is None else (float(getattr(found, name)), found.ours.runs)

    return value


def _per_update(tables: Tables, of: Mapping[str, Any]) -> tuple[float, int]:
    rows = timed(tables.runs.where(**of))
    return median(rows["seconds"] / rows["last_update"]) * MICRO, len(rows)


def _times_as_long(tables: Tables, of: Mapping[str, Any]) -> tuple[float, int]:
    alike = {name: value for name, value in of.items() if name != "against"}
    ours, n = _per_update(tables, alike)
    theirs, m = _per_update(tables, alike | {"activation": of["against"]})
    return ours / theirs, min(n, m)


def _step(tables: Tables, of: Mapping[str, Any]) -> tuple[float, int]:
    own = tables.runs.where(group=of["group"])
    return float(step(steps(tables.result, of["group"]), of["update"])), len(own)


def _runs_left(tables: Tables, of: Mapping[str, Any]) -> tuple[float, int]:
    rows = tables.hidden_layers.where(**of)
    (run, runs), epoch, flat = pd.factorize(rows["run"]), rows["epoch"], rows["dead_flat"]
    first = np.full(len(runs), np.inf)
    np.minimum.at(first, run[flat == 1], epoch[flat == 1])
    later = (flat == 0) & (epoch > first[run])
    return float(len(pd.unique(run[later]))), int(np.isfinite(first).sum())


def _by_layer(hidden: Rows) -> NDArray[np.float64]:
    return np.array(list(hidden.means("saturated", by="layer").values()))


def _ties(means: NDArray[np.float64]) -> int:
    return int((means >= means.max() - 1e-9).sum())


def _signal_kept(hidden: Rows) -> float:
    return float(signal_kept(hidden.table[["run", "delta_std"]].take(hidden.at)).median())


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _brief(value: float) -> str:
    return text.number(value, 2)


# Hidden rows: rows of layers.csv whose role is hidden. Fed rows: rows of layers.csv with layer > 1 and fan_in > 1.
MEASURES: dict[str, Measure] = {
    # runs.csv
    "runs": Measure("rows of runs.csv", _rows("runs", len), _whole),
    "groups": Measure("distinct groups in runs.csv", _rows("runs", lambda rows: len(rows.groups()[0])), _whole),
    "least seeds": Measure(
        "the least number of distinct seeds that a group has in runs.csv",
        _rows("runs", lambda rows: min(rows.seeds().values())),
        _whole,
    ),
    "most seeds": Measure(
        "the greatest number of distinct seeds that a group has in runs.csv",
        _rows("runs", lambda rows: max(rows.seeds().values())),
        _whole,
    ),
    "reached": Measure(
        "rows of runs.csv with a value in updates_to_target",
        _rows("runs", lambda rows: rows.there("updates_to_target").sum()),
        _whole,
    ),
    "reached at update 0": Measure(
        "rows of runs.csv whose updates_to_target is 0",
        _rows("runs", lambda rows: (rows["updates_to_target"] == 0).sum()),
        _whole,
    ),
    "diverged first": Measure(
        "rows of runs.csv with status diverged: they diverged before they reached the target",
        _rows("runs", lambda rows: len(rows.where(status="diverged"))),
        _whole,
    ),
    "diverged later": Measure(
        "rows of runs.csv with values in updates_to_target and in diverged_at",
        _rows("runs", lambda rows: (rows.there("updates_to_target") & rows.there("diverged_at")).sum()),
        _whole,
    ),
    "diverged": Measure(
        "rows of runs.csv with a value in diverged_at",
        _rows("runs", lambda rows: rows.there("diverged_at").sum()),
        _whole,
    ),
    "stopped": Measure(
        "rows of runs.csv with status not_reached that were trained to the experiment's last epoch: it is their last "
        "in epochs.csv",
        _missed(going_on=False),
        _whole,
    ),
    "going on": Measure(
        "rows of runs.csv with status running, whose last epoch in epochs.csv is before the experiment's last",
        _missed(going_on=True),
        _whole,
    ),
    "median updates_to_target": Measure(
        "median of updates_to_target in runs.csv, an empty one being infinite: infinite where either middle value is",
        _rows("runs", lambda rows: median(updates(rows))),
        text.updates,
    ),
    "median final_test_accuracy": Measure(
        "median of final_test_accuracy in runs.csv, runs with a value in diverged_at below all others; empty ones are "
        "left out",
        _rows("runs", lambda rows: median(worst_first(rows))),
        text.share,
    ),
    "times fewer updates": Measure(
        "over the seeds that `group` and `against` both have in runs.csv: median updates_to_target of `against`, "
        "divided by that of `group`, an empty one being infinite",
        _versus("ratio"),
        text.number,
    ),
    "times fewer updates, least": Measure(
        "2.5 % quantile (method nearest) of the same ratio in 2,000 resamples of these seeds, in ascending order, with "
        "numpy.random.default_rng(0).integers(0, n, (2000, n)), the same for both; infinite by infinite is left out, 0 "
        "by 0 is 1",
        _versus("low"),
        text.number,
    ),
    "times fewer updates, most": Measure("97.5 % quantile of the same", _versus("high"), text.number),
    "microseconds per update": Measure(
        "median of seconds / last_update in runs.csv, times 1e6, over rows where both are above 0 and diverged_at is "
        "empty",
        _per_update,
        lambda value: text.number(value) if value < 100 else _whole(value),
    ),
    "times as long": Measure(
        "microseconds per update, divided by those of the activation `against` with all else the same",
        _times_as_long,
        text.number,
    ),
    # epochs.csv
    "recorded step": Measure(
        "of the group's distinct updates in epochs.csv, the first that is at least `update`, minus the one before it "
        "(0 where there is none)",
        _step,
        _whole,
    ),
    "median singular_value_mean": Measure(
        "median of singular_value_mean in epochs.csv",
        _rows("points", lambda rows: median(rows["singular_value_mean"])),
        text.number,
    ),
    "median condition_number": Measure(
        "median of condition_number in epochs.csv",
        _rows("points", lambda rows: median(rows["condition_number"])),
        text.number,
    ),
    # layers.csv, hidden layers
    "signal kept": Measure(
        "median over runs of delta_std of the first hidden row / that of the last, where that is a number",
        _rows("hidden_layers", _signal_kept),
        text.number,
    ),
    "last epoch": Measure("the greatest epoch among hidden rows", _most("hidden_layers", "epoch"), _whole),
    "mean weight_rms": Measure("mean of weight_rms over hidden rows", _mean("hidden_layers", "weight_rms"), _brief),
    "mean saturated": Measure("mean of saturated over hidden rows", _mean("hidden_layers", "saturated"), text.share),
    "mean distance from 0": Measure(
        "mean of the absolute activation_mean over hidden rows",
        _mean("hidden_layers", "activation_mean", size=True),
        _brief,
    ),
    "runs dead-flat": Measure(
        "distinct runs among hidden rows whose dead_flat is 1",
        _rows("hidden_layers", lambda rows: rows.where(dead_flat=1).distinct("run")),
        _whole,
    ),
    "first epoch dead-flat": Measure(
        "the least epoch of hidden rows whose dead_flat is 1", _least("flat", "epoch"), _whole
    ),
    "last epoch dead-flat": Measure(
        "the greatest epoch of hidden rows whose dead_flat is 1", _most("flat", "epoch"), _whole
    ),
    "runs that left": Measure(
        "distinct runs with a hidden row whose dead_flat is 0 after (by epoch) their first whose dead_flat is 1",
        _runs_left,
        _whole,
    ),
    # layers.csv, layers that hidden units feed
    "least weights": Measure("the least fan_in among fed rows", _least("fed", "fan_in"), _whole),
    "most weights": Measure("the greatest fan_in among fed rows", _most("fed", "fan_in"), _whole),
    "last epoch fed": Measure("the greatest epoch among fed rows", _most("fed", "epoch"), _whole),
    **{
        f"mean {column}": Measure(f"mean of {column} over fed rows", _mean("fed", column), text.share)
        for column in (f"same_sign_{level}" for level in LEVELS)
    },
    "mean orthants_visited": Measure(
        "mean of orthants_visited over fed rows", _mean("fed", "orthants_visited"), text.number
    ),
    # Counts of what other numbers tell: core.lessons.comparisons says what is compared, and which verdict each has.
    "comparisons": Measure(
        "pairs of a group of a zero-centred function (bounded, symmetric about 0) and one of a function in `slow`, in "
        "networks with a hidden layer, all else the same, with the same seeds so far and not both medians infinite; "
        "batch sizes of at least the whole training set are one; left out where a run is not trained to the end, has "
        "not reached the target and has a last_update before the lesser median",
        None,
        lambda value: text.count(int(value), "comparison"),
    ),
    "comparisons faster": Measure(
        "of these, those of two paired seeds or more, medians that differ by at least the recorded step, and a least "
        "ratio (times fewer updates, least) above 1",
        None,
        _whole,
    ),
    "comparisons slower": Measure("the same with a greatest ratio below 1", None, _whole),
    "groups that tie": Measure(
        "groups whose median of the `outcome` (updates_to_target, to the recorded step, without batch sizes that are "
        "one with another; or final_test_accuracy) is the best",
        None,
        _whole,
    ),
    "layers": Measure(
        "distinct group and layer with a value of saturated among hidden rows",
        _rows("hidden_layers", lambda rows: len(_by_layer(rows))),
        _whole,
    ),
    "layers that tie": Measure(
        "of these, those whose mean saturated is the greatest, to 1e-9",
        _rows("hidden_layers", lambda rows: _ties(_by_layer(rows))),
        _whole,
    ),
    # Lessons. Runs alike differ in nothing, for the batches of both hold all examples: these count once. `batch_size`
    # names all sizes that are one with the first.
    **{
        f"{average} {column}, alike once": Measure(f"{average} of {column} in layers.csv", None, text.share)
        for average in ("median", "mean")
        for column in (f"pair_agreement_{level}" for level in LEVELS)
    },
    "mean saturated, alike once": Measure("mean of saturated over hidden rows", None, text.share),
    "mean weight_rms, alike once": Measure(
        "mean of weight_rms in layers.csv over runs that have a value in `of_runs_with` at `at_epoch`", None, _brief
    ),
    "predicted pair agreement": Measure(
        "1/2 + asin(m^2 / (m^2 + s^2)) / pi, m and s the means of activation_mean and activation_std of the layer "
        "before `layer`, alike once; or of the training inputs that vary, where `layer` is the first",
        None,
        text.share,
    ),
    "measured std of a": Measure(
        "root of the median of preactivation_mean^2 + preactivation_std^2 over hidden rows", None, text.number
    ),
    "predicted std of a": Measure(
        "root of q: fan_in x mean weight_rms^2 x the mean square of what feeds the layer, which for the first are the "
        "inputs of the probe and for others f(root of q of the layer before x z), z normal; plus mean bias_rms^2",
        None,
        text.number,
    ),
    "median saturated": Measure("median of saturated over hidden rows", None, text.share),
    "predicted saturated": Measure(
        "P(slope at root of q x z is below the threshold), z normal; q as above", None, text.share
    ),
    "layers predicted": Measure(
        "distinct layer, and start (hidden, activation, initialiser, gain, bias_initialiser), that theory predicts",
        None,
        lambda n: text.count(int(n), "layer"),
    ),
    "layers near": Measure("of these, those whose std of a is predicted within a tenth of the measured", None, _whole),
    "layers close": Measure("of these, those whose share saturated is predicted within 0.05", None, _whole),
    # The 2 x 2: `effect` on `outcome` among runs with the settings in `of`, over the seeds that all of its functions
    # have at all learning rates; `learning_rate` is the one for all, or "best". core.lessons.effects defines all of it.
    "effect": Measure("point estimate: a ratio, or points of test accuracy", None, text.number),
    "effect, least": Measure("lower end of its 95 % interval", None, text.number),
    "effect, most": Measure("upper end of its 95 % interval", None, text.number),
    "effect, at least": Measure("the least that it can be, where a median is beyond training", None, text.number),
    "effect, at most": Measure("the greatest that it can be, where a median is beyond training", None, text.number),
    "effect's share": Measure("effect on the scale of addition, divided by that of `all`", None, text.share),
    "reached, paired": Measure("rows of runs.csv with these seeds and a value in updates_to_target", None, _whole),
    "median updates, paired": Measure(
        "median of updates_to_target over these seeds, an empty one being infinite", None, text.updates
    ),
}
