"""Sweep maps in words: where training reaches the target, where theory sees the critical line, which rate is best."""

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import text
from core.experiment.experiment import VARIED, Experiment
from core.experiment.fields import ExperimentError
from core.experiment.presets import Preset
from core.lessons import findings
from core.lessons.findings import Finding
from core.lessons.signal_propagation import random_groups
from core.results.convergence import NAMED
from core.results.maps import MEASURES, NO_PAIR, NO_RUNS, Axis, Map, level
from core.results.results import Result
from core.theory import theory

REACH = 6
"""Depth scales that a network may be deep and still train (Schoenholz et al. 2017, section 5)."""
ALIKE = 0.1
"""Logarithms of scales this close are of one scale: seeds draw weights that differ so much in narrow layers."""
FINE = 12
"""Points of the depth line within a cell."""
SCALES = tuple(f"normal:{std:g}" for std in (0.01, 0.03, 0.1, 0.2, 0.5, 1, 3))
DEPTHS, RATES = (1, 2, 4, 8), (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)


# The window


def window(result: Result, sweep: Map) -> Finding:
    """In which cells more than half of the runs reached the target, in words."""
    cells, goal = sweep.cells, findings.target_text(result.experiment.target)
    own = result
    if len(sweep.groups) < len(result.experiment.groups()):
        runs, epochs = (table[table["group"].isin(sweep.groups)] for table in (result.runs, result.epochs))
        own = replace(result, runs=runs, epochs=epochs)
    inside, total = int(cells["window"].sum()), len(cells)
    claim = f"{goal[0].upper()}{goal[1:]}: reached in {inside:,} of {text.count(total, 'cell')}"
    said = [extent(sweep) if inside else "In no cell did more than half of the runs reach it"]
    waiting = int(cells["state"].eq(NO_RUNS).sum())
    if waiting:
        said.append(f"{text.count(waiting, 'cell')} {text.verb(waiting, 'has', 'have')} no runs yet")
    lost = int((cells["diverged"].eq(cells["runs"]) & cells["runs"].gt(0) & ~cells["window"]).sum())
    if lost:
        said.append(f"In {text.count(lost, 'cell')} all runs diverged")
    limits = _edges(sweep)
    if cells["runs"].max() == 1:
        limits.append("Each cell has one run, so a difference between cells may be chance")
    return Finding(claim, "", text.sentences(said), " ".join([findings.limits(own), text.sentences(limits)]).strip())


def extent(sweep: Map) -> str:
    """Where more than half reached it: 'Reached at depth 1 to 2 with standard deviations 0.1 to 1'."""
    if sweep.cells["window"].all():
        return "Reached everywhere here"
    along, across, key = sweep.columns, sweep.rows, "y"
    if across.numbers and not along.numbers:
        along, across, key = across, along, "x"
    other = "x" if key == "y" else "y"
    inside = [
        tuple(sorted(sweep.cells.loc[sweep.cells["window"] & sweep.cells[key].eq(place), other]))
        for place in range(len(across.levels))
    ]
    if across.numbers:
        parts = [(places, [at for at, _ in own]) for places, own in _runs_of(inside)]
    else:
        parts = [(places, [at for at, own in enumerate(inside) if own == places]) for places in dict.fromkeys(inside)]
    said = [f"{_where(across, at)} {_range(along, places)}" for places, at in parts]
    more = text.count(len(said) - NAMED, "more stretch", "more stretches")
    rest = f", and so on over {more} of {across.noun}" if len(said) > NAMED else ""
    return f"Reached {', '.join(said[:NAMED])}{rest}"


def beside(sweep: Map, baseline: str) -> str:
    """How the cells are set beside a baseline, and which have no number for want of a pair."""
    equal, title = text.number(sweep.measure.equal), sweep.measure.title
    paired = f"Each run is set beside the run of {baseline} with its seed on the same data: {title}"
    said = [f"{paired}, so that {equal}, the middle of the scale of colours, is equal to the baseline"]
    if alone := int(sweep.cells["state"].eq(NO_PAIR).sum()):
        none = "none of its runs has" if alone == 1 else "none of their runs has"
        said.append(
            f"{text.count(alone, 'cell')} {text.verb(alone, 'is', 'are')} empty: {none} a pair, on the same data with "
            "a number of its own to be set beside"
        )
    return text.sentences(said)


def _runs_of(inside: Sequence[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], list[tuple[int, tuple[int, ...]]]]]:
    """Neighbours with the same places."""
    for places, own in itertools.groupby(enumerate(inside), key=lambda each: each[1]):
        yield places, list(own)


def _where(axis: Axis, at: Sequence[int]) -> str:
    """'at depth 1 to 4', 'for tanh and relu'."""
    if axis.numbers:
        ends = [axis.labels[at[0]], *([axis.labels[at[-1]]] if len(at) > 1 else [])]
        return f"at {axis.noun} {' to '.join(ends)}"
    return f"for {_names(axis, at)}"


def _range(axis: Axis, places: Sequence[int]) -> str:
    """'between standard deviation 0.1 and 1', 'for normal:1 alone', 'nowhere', 'everywhere'."""
    if not places:
        return "nowhere"
    if len(places) == len(axis.levels):
        return f"at every {axis.noun}"
    if not axis.numbers:
        return f"with {_names(axis, places)}{' alone' if len(places) == 1 else ''}"
    stretches = [[at for _, at in own] for _, own in itertools.groupby(enumerate(places), key=lambda e: e[1] - e[0])]
    said = [
        f"between {axis.noun} {axis.labels[own[0]]} and {axis.labels[own[-1]]}"
        if len(own) > 1
        else f"at {axis.noun} {axis.labels[own[0]]}{' alone' if len(places) == 1 else ''}"
        for own in stretches
    ]
    return text.listed(said)


def _names(axis: Axis, at: Sequence[int]) -> str:
    names = [text.short_group(axis.labels[place]) for place in at]
    if axis.name == "activation":
        names = list(map(text.words, names))
    return text.few(names, NAMED)


def _edges(sweep: Map) -> list[str]:
    """Where the window reaches an edge of the grid, beyond which it may go on."""
    inside = sweep.cells[sweep.cells["window"]]
    ends = [
        f"{axis.noun} {axis.labels[place]}"
        for axis, key in ((sweep.columns, "x"), (sweep.rows, "y"))
        if axis.numbers
        for place in (0, len(axis.levels) - 1)
        if inside[key].eq(place).any() and not (axis.name in ("depth", "width") and axis.numbers[place] == 1)
    ]
    return [f"The window reaches the edge of the grid at {text.listed(ends)}: it may go on beyond"] if ends else []


# Theory over it


@dataclass(frozen=True)
class Theory:
    """What mean field theory draws over a map.

    Attributes:
        critical: columns x, y, x2, y2: stretches where chi_1 = 1, in places of the axes.
        reach: columns x, y, in order: where depth is REACH times the depth scale of the gradient, 1 / |log chi_1|.
        said: what is drawn, or why nothing is.
    """

    critical: pd.DataFrame
    reach: pd.DataFrame
    said: str


NO_LINE = pd.DataFrame(columns=["x", "y", "x2", "y2"], dtype=float)
NO_CURVE = pd.DataFrame(columns=["x", "y"], dtype=float)


def over(result: Result, sweep: Map) -> Theory:
    """The critical line over a map, from the weights and biases that its networks really start with."""
    starts, why = _starts(result, sweep)
    if why:
        return Theory(NO_LINE, NO_CURVE, f"Theory's critical line is not drawn: {why}.")
    functions = list(dict.fromkeys(starts["activation"]))
    critical = {name: _critical(name, 0.0) for name in functions}
    known = starts[starts["off"].notna()]
    upright = _upright(known, sweep)
    beyond = 0.5 if (sweep.columns if upright else sweep.rows).numbers else 0.1
    lines = known.sort_values(["x", "y"]).groupby("y" if upright else "x")
    found = [
        (place, at)
        for place, own in lines
        for at in _crossings(own["x" if upright else "y"].to_numpy(), own["off"].to_numpy(), beyond)
    ]
    columns = ["y", "x"] if upright else ["x", "y"]
    line = pd.DataFrame(found, columns=columns, dtype=float)
    line = line.assign(x2=line["x"] + (not upright), y2=line["y"] + upright)[["x", "y", "x2", "y2"]]
    reach = _reach(starts, sweep) if len(functions) == 1 else NO_CURVE
    scales = [f"{text.words(name)} {_sigma(critical[name])}" for name in functions]
    if line.empty:
        above = known["off"].gt(0)
        if known.empty:
            none = "there is none"
        elif above.nunique() > 1:
            none = f"in no {'row' if upright else 'column'} do scales lie on both sides of it"
        else:
            none = f"it lies at {'smaller' if above.all() else 'larger'} weights than any here"
        said = f"Theory's critical line, χ₁ = 1, is not drawn: {none} (σw: {text.listed(scales)})"
    else:
        said = (
            "Thick line: theory's critical scale, χ₁ = 1, at which a gradient keeps its size from one hidden layer to "
            f"the next (σw with biases 0: {text.listed(scales)})"
        )
    if len(reach):
        said += (
            f". Dashed: six depth scales, {REACH} / |log χ₁| hidden layers: about as deep as Schoenholz et al. 2017 "
            "found networks to train"
        )
    return Theory(line, reach, f"{said}.")


def _sigma(critical: float) -> str:
    return "none" if math.isnan(critical) else text.number(critical)


def _starts(result: Result, sweep: Map) -> tuple[pd.DataFrame, str]:
    """How the networks of each cell start: columns x, y, activation, sw, sb, off (log sw / critical sw); or why not.

    They are those of the layers that hidden layers feed.
    """
    layers = result.layers
    start = layers[layers["epoch"].to_numpy() == 0]
    start = start[(start["role"] == "hidden") & start["group"].isin(sweep.groups)]
    if start.empty:
        return start, "nothing was measured in hidden layers"
    kinds = random_groups(replace(result, layers=start))
    start = start[start["group"].isin(kinds.loc[kinds["random"], "group"])]
    if start.empty:
        return start, "theory is of plain networks whose weights start at random about 0"
    start = start[start["layer"] > 1]
    if start.empty:
        return start, "no hidden layer feeds another here"
    squares = pd.DataFrame(
        {
            "sw": start["fan_in"] * start["weight_rms"] ** 2,
            "sb": start["bias_rms"] ** 2,
            "activation": start["activation"],
            "x": level(start, sweep.columns.name).map(sweep.columns.levels.index),
            "y": level(start, sweep.rows.name).map(sweep.rows.levels.index),
        }
    )
    of_groups = squares.groupby([start["group"], "x", "y", "activation"])[["sw", "sb"]].mean() ** 0.5
    of_groups = of_groups[of_groups["sw"] > 0].reset_index()
    cells = of_groups.groupby(["x", "y"])
    if cells["activation"].nunique().max() > 1:
        return start, "each cell pools several activation functions"
    if (np.log(cells["sw"].max()) - np.log(cells["sw"].min())).max() > ALIKE:
        return start, "each cell pools several initial scales"
    found = cells[["sw", "sb"]].mean().assign(activation=cells["activation"].first()).reset_index()
    critical = [_critical(name, float(f"{sb:.3g}")) for name, sb in zip(found["activation"], found["sb"], strict=True)]
    found["off"] = np.log(found["sw"]) - np.log(critical)
    lines = (found.groupby(key)["sw"] for key in ("x", "y"))
    if not max(np.log(own.max() / own.min()).max() for own in lines) > ALIKE:
        return start, "the initial scale changes along neither axis"
    return found, ""


@lru_cache(maxsize=256)
def _critical(activation: str, sb: float) -> float:
    """The critical sw; NaN where there is none."""
    found = theory.critical_weight_variance(activation, sb * sb)
    return math.nan if found is None else math.sqrt(found[0])


def _upright(starts: pd.DataFrame, sweep: Map) -> bool:
    """Whether it is the columns along which the scale changes, more than along the rows."""
    scales = {axis.name in ("initialiser", "gain"): key for key, axis in (("y", sweep.rows), ("x", sweep.columns))}
    return scales[True] == "x" if len(scales) == 2 else True in scales or _spread(starts, "y") >= _spread(starts, "x")


def _spread(starts: pd.DataFrame, by: str) -> float:
    lines = starts.groupby(by)["off"]
    return float((lines.max() - lines.min()).max()) if len(starts) else 0.0


def _crossings(places: NDArray[np.int64], off: NDArray[np.float64], beyond: float) -> list[float]:
    """Where `off`, known in the middle of cells, crosses 0, up to part of a cell `beyond` the first and last middle."""
    if len(places) < 2:
        return []
    middles = places + 0.5
    at = np.concatenate([[middles[0] - beyond], middles, [middles[-1] + beyond]])
    first, last = (off[i] + beyond * (off[i] - off[j]) / abs(places[i] - places[j]) for i, j in ((0, 1), (-1, -2)))
    values = np.concatenate([[first], off, [last]])
    turns = np.flatnonzero(np.signbit(values[:-1]) != np.signbit(values[1:]))
    return [float(at[i] + (at[i + 1] - at[i]) * values[i] / (values[i] - values[i + 1])) for i in turns]


def _reach(starts: pd.DataFrame, sweep: Map) -> pd.DataFrame:
    """Where depth is REACH depth scales, where one axis is depth and the scale changes along the other."""
    deep = {"x": sweep.rows, "y": sweep.columns}
    along = next((key for key, axis in deep.items() if axis.name == "depth" and len(axis.numbers) > 1), "")
    by = starts.groupby(along)[["sw", "sb"]].mean() if along else starts.iloc[:0]
    if len(by) < 2:
        return NO_CURVE
    places = by.index.to_numpy(float) + 0.5
    at = np.linspace(places[0], places[-1], FINE * (len(places) - 1) + 1)
    sw = np.exp(np.interp(at, places, np.log(by["sw"])))
    _, chi = theory.phase_diagram(str(starts["activation"].iloc[0]), sw**2, [float(by["sb"].mean()) ** 2])
    with np.errstate(divide="ignore"):
        depth = REACH / np.abs(np.log(chi[:, 0]))
    axis = deep[along]
    up = axis.place(np.clip(depth, axis.numbers[0] / 100, 100 * axis.numbers[-1]).tolist())
    curve = pd.DataFrame({along: at, "y" if along == "x" else "x": np.clip(up, -1, len(axis.levels) + 1)})
    return curve.dropna()[["x", "y"]]


# The learning rate


def rates(curves: pd.DataFrame, measure: str, final: bool = True) -> list[str]:
    """What to know of the best learning rates of `rate_curves`, in sentences; those of groups without one too.

    Args:
        final: whether training is over: a run that is in training may reach the target yet.
    """
    edges, ties, lost, never = [], [], [], []
    for name, own in curves.groupby("group", sort=False):
        grid, best = own["learning_rate"].tolist(), own.loc[own["best"], "learning_rate"].tolist()
        written = [f"{rate:g}" for rate in best]
        at = f"{len(best)} rates from {written[0]} to {written[-1]}" if len(best) > NAMED // 2 else text.listed(written)
        if own["diverged"].eq(own["runs"]).all() and not best:
            lost.append(str(name))
        elif not best and np.isinf(own["median"]).any():
            never.append(str(name))
        if len(best) > 1:
            ties.append(f"{name} ({at})")
        if len(grid) > 1 and {grid[0], grid[-1]} & set(best):
            edges.append(f"{name} ({at})")
    of_target = MEASURES[measure].of_target
    missed = (
        f"No more than half of the runs {'' if final else 'have '}reached the target at any"
        if of_target
        else "Half of the runs or more diverged at every"
    )
    none = f"rate{'' if final else ' so far'}, so that there is no best one{'' if final else ' yet'}: "
    said = {
        "Warning: the best rate lies at an end of the rates, and one beyond may be better: ": edges,
        "No difference between rates, as far as these runs tell: ": ties,
        "Diverged at every rate, so that there is no best one: ": lost,
        f"{missed} {none}": never,
    }
    found = [f"{what}{_first(who)}." for what, who in said.items() if who]
    return (
        [*found, "There is one run at each rate, so a difference between rates may be chance."]
        if curves["runs"].max() == 1
        else found
    )


def _first(names: Sequence[str]) -> str:
    return text.few(list(map(text.short_group, names)), NAMED)


# Sweeps to see


def sweeps(experiment: Experiment) -> list[Preset]:
    """Sweeps over two settings of the experiment's first network, with few seeds; none that is refused."""
    one = {name: getattr(experiment, name)[:1] for name in VARIED}
    first = replace(experiment.on(experiment.dataset[0]), seeds=min(experiment.seeds, 3))
    widths = experiment.hidden[0]
    width = widths[0] if widths else 32
    networks = tuple((width,) * depth for depth in DEPTHS)
    function = text.words(experiment.activation[0])
    offered = {
        "scale_by_depth": (
            "Initial scale by depth",
            f"At what initial scale does {function} train, and how deep?",
            {"initialiser": SCALES, "gain": (1.0,), "hidden": networks},
        ),
        "scale_by_rate": (
            "Initial scale by learning rate",
            "Is a start bad, or only its learning rate?",
            {"initialiser": SCALES, "gain": (1.0,), "learning_rate": RATES},
        ),
        "function_by_scale": (
            "Activation function by initial scale",
            "Which function forgives which start?",
            {"initialiser": SCALES, "gain": (1.0,), "activation": ("logistic", "tanh", "softsign", "relu")},
        ),
    }
    if not widths:  # without a hidden layer no function is used
        del offered["function_by_scale"]
    found = []
    for name, (title, question, swept) in offered.items():
        with suppress(ExperimentError):  # biases given layer by layer fit no other network
            found.append(Preset(name, title, question, replace(first, **one | swept)))
    return found
