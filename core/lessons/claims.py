"""The lecture's claims, and what a result says of each: a verdict, a sentence of numbers, and its limits.

A claim is judged by a function of the result on the screen, so its verdict follows the data: other seeds or another
learning rate may change it. A claim about the logistic is judged by runs of the logistic itself, not of its relatives,
and one that compares it with others by runs of both.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from core import text
from core.experiment.experiment import FIELDS, Experiment, all_but, label
from core.lessons import findings
from core.lessons.comparisons import (
    PLAIN,
    SEEDS,
    compared,
    distinct_batches,
    fastest_of,
    going_on,
    median_of_ties,
    plain_networks,
    settled,
)
from core.lessons.findings import CLEARLY_LARGER, NAMED, NO_HIDDEN, NO_SIGNS, NOTICEABLE, Finding, limits_of
from core.registries.activations import ACTIVATIONS
from core.results.evidence import Number, Told, median_updates, timed
from core.results.results import Result
from core.results.selected import Rows
from core.text import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED, VERDICTS

LOGISTIC, TANH = "logistic", "tanh"
CENTRED_WITHIN = 0.1
"""A layer whose mean output is at most this share of its function's range away from 0 counts as centred."""
TIMES_APART = 1.1
"""Two times of training count as different from this ratio on."""
WITHOUT_EXPONENTIAL = tuple(name for name, function in ACTIVATIONS.items() if not function.needs_exp)


@dataclass(frozen=True)
class Claim:
    """One claim of the lecture.

    Attributes:
        id: Q1 to Q7.
        sentence: what the lecture says.
        page: name of the page that shows it, with the experiment on the screen.
        said: the same as a finding on the runs.
        found: what a result says of what is `said`.
        of: the functions that it is about: without runs of each there is nothing to judge.
        rates: whether it takes a fair learning rate for each function.
        plain: whether it is about plain networks alone, without residual connections or layer normalisation.
        caution: what else limits it.
    """

    id: str
    sentence: str
    page: str
    said: str
    found: Callable[[Result, str], Finding]
    of: tuple[str, ...] = (LOGISTIC,)
    rates: bool = False
    plain: bool = True
    caution: str = ""

    def judge(self, result: Result) -> Finding:
        """What a result says of it."""
        judged = plain_networks(result) if self.plain else result
        left_out = len(result.runs) - len(judged.runs)
        what = "residual connections or layer normalisation"
        if left_out and judged.runs.empty:
            judged, lacking = result, f"The claim is about plain networks, and all runs here have {what}."
        else:
            lacking = _lacking(judged, *self.of)
        if lacking:
            found = Finding(self.said, UNDECIDED, lacking, *limits_of(Told(judged), self.rates))
        else:
            found = self.found(judged, self.said)
        if left_out and judged is not result:
            numbers = tuple(replace(number, of=(*number.of, *PLAIN.items())) for number in found.numbers)
            counted = re.sub(r"^(n = [\d,]+ runs?)", r"\1 of plain networks", found.limits)
            rest = f" {text.count(left_out, 'more run')} {text.verb(left_out, 'has', 'have')} {what}."
            found = replace(found, limits=counted + rest, numbers=numbers)
        return replace(found, limits=found.limits + self.caution)


def _lacking(result: Result, *names: str) -> str:
    """Which of these functions no run here has, or why none is used, as a sentence; '' where all are there."""
    if not any(result.experiment.hidden):
        return NO_HIDDEN
    there = set(result.runs["activation"].unique())
    absent = [text.words(name) for name in names if name not in there]
    return f"No {text.listed(absent).replace(' and ', ' and no ')} run here." if absent else ""


def small_is_best(result: Result, claim: str) -> Finding:
    """Q2: whether smaller initial weights of logistic networks never take longer to the target."""
    told = Told(result)
    runs = compared(told.tables).where(activation=LOGISTIC)
    alike = all_but("initialiser", "gain")
    networks: dict[tuple[Any, ...], list[str]] = {}
    for group, network in zip(runs.groups()[0], runs.settings(alike), strict=True):
        networks.setdefault(network, []).append(group)
    untrained = told.tables.hidden_layers.where(epoch=0)
    start = {group: scale for (group, _), scale in untrained.means("weight_rms", by="epoch").items()}
    medians, seeds_of = median_updates(told.tables.runs), told.tables.runs.seeds()
    verdicts: list[str] = []
    judged: list[tuple[dict[str, Any], dict[str, float], list[str]]] = []
    one_seed = False
    for network, members in networks.items():
        scales = sorted((group for group in members if group in start), key=start.__getitem__)
        times = {group: medians[group] for group in scales}
        if len(scales) < 2 or not start[scales[-1]] > CLEARLY_LARGER * start[scales[0]]:
            continue
        if math.isinf(min(times.values())):
            continue
        if not settled(result, scales, min(times.values())):
            continue  # the others have not been trained as long yet as the fastest needed
        fastest = fastest_of(result, times)
        small, large = scales[0] in fastest, scales[-1] in fastest
        seeds = min(seeds_of[group] for group in scales)
        one_seed |= seeds < SEEDS
        # The least scale is best: supported. The greatest is: not. A window between two edges: mixed. Both: a tie.
        verdict = UNDECIDED if small and large else SUPPORTED if small else NOT_SUPPORTED if large else MIXED
        verdicts.append(UNDECIDED if seeds < SEEDS else verdict)
        judged.append((dict(zip(alike, network, strict=True)), times, fastest))
    parts = []
    for settings, times, fastest in (judged[place] for place in text.telling(verdicts, NAMED)):
        parts.append(_setting(result.experiment, settings) + _by_scale(told, times, fastest))
    if not parts:
        why = "No logistic network that reached the target starts from two clearly different scales"
        return Finding(claim, UNDECIDED, text.sentence(why), *limits_of(told, rates=True))
    what = "Median updates to target by the scale of the weights (root mean square)"
    said = [f"{what}: {text.first(parts, len(verdicts), 'network')}", text.ONE_SEED if one_seed else ""]
    return Finding(claim, text.overall(verdicts), text.sentences(said), *limits_of(told, rates=True))


def _by_scale(told: Told, times: Mapping[str, float], fastest: Sequence[str]) -> str:
    """The fastest scales of one network, and how its smallest and its largest do; `times` are in order of scale."""

    def scale(group: str) -> str:
        return told("mean weight_rms", group=group, epoch=0)

    said = median_of_ties(told, fastest, times)
    if len(fastest) == len(times):
        return f"no difference from {scale(fastest[0])} to {scale(fastest[-1])} ({said})"
    named = fastest if len(fastest) <= NAMED else [fastest[0], fastest[-1]]
    which = text.listed([scale(group) for group in named])
    if len(fastest) > NAMED:
        which = f"scales between {which}"
    smallest, *_, largest = times
    others = [group for group in (smallest, largest) if group not in fastest]
    rest = [
        f"{told('median updates_to_target', group=group)}"
        f"{' so far' if math.isinf(times[group]) and going_on(told, group) else ''} from {scale(group)}"
        for group in others
    ]
    return ", ".join(filter(None, [f"fastest from {which} ({said})", text.listed(rest)]))


def centring(result: Result, claim: str) -> Finding:
    """Q3: whether logistic layers have a mean output off 0 and those of tanh have not."""
    told = Told(result)
    verdicts, parts, seeds = [], [], []
    for name in (LOGISTIC, TANH):
        rows = told.tables.hidden_layers.where(activation=name)
        rows = rows.only(rows.there("activation_mean"))
        if not len(rows):
            return Finding(claim, UNDECIDED, findings.unmeasured(result), *limits_of(told))
        low, high = ACTIVATIONS[name].range
        ends = sorted({int(rows["epoch"].min()), int(rows["epoch"].max())})
        means = [told.number("mean distance from 0", activation=name, epoch=epoch) for epoch in ends]
        verdicts += [(mean.value <= CENTRED_WITHIN * (high - low)) == (name == TANH) for mean in means]
        seeds.append(rows.distinct("seed"))
        at = ["at initialisation" if epoch == 0 else f"at epoch {epoch:,}" for epoch in ends]
        parts.append(f"{name} {text.listed([f'{mean} {when}' for mean, when in zip(means, at, strict=True)])}")
    rule = "a layer within a tenth of its function's range counts as centred"
    said = [f"Mean distance of a layer's mean output from 0: {'; '.join(parts)} ({rule})"]
    if min(seeds) < SEEDS:
        return Finding(claim, UNDECIDED, text.sentences([*said, text.ONE_SEED]), *limits_of(told))
    return Finding(claim, text.verdict(verdicts), text.sentences(said), *limits_of(told))


def few_directions(result: Result, claim: str) -> Finding:
    """Q5: whether one example, and a batch as trained on, leave a neuron with tied signs 2 of its 2^n orthants."""
    told = Told(result)
    fed = told.tables.fed
    tied = fed.where(activation=LOGISTIC)
    seen = tied.only(tied.there("same_sign_example") & np.isin(tied["run"], distinct_batches(told.tables)["run"]))
    if not len(seen):
        return Finding(claim, UNDECIDED, _no_signs(told, tied), *limits_of(told))

    one = told.number("mean same_sign_example", activation=LOGISTIC)
    sizes = seen.named("batch_size")[0]
    by_size = [told.number("mean same_sign_batch", activation=LOGISTIC, batch_size=size) for size in sizes]
    batch = [number for number in by_size if math.isfinite(number.value)]
    widths = sorted(pd.unique(seen["fan_in"]).tolist())
    of = "2ⁿ" if len(widths) > 1 else f"2{str(widths[0]).translate(text.SUPERSCRIPT)}"
    many = f", n = {widths[0]:,} to {widths[-1]:,} weights," if len(widths) > 1 else ""
    told.number("least weights", activation=LOGISTIC)
    told.number("most weights", activation=LOGISTIC)
    shares = [
        f"{number} by {_batch(size) if len(sizes) > 1 else 'a mini-batch'}'s"
        for size, number in zip(sizes[:NAMED], by_size, strict=False)
    ]
    first = f"{one} of the neurons fed by the logistic can move in only 2 of {of} directions (orthants){many}"
    parts = [f"{first} by one example's gradient, {text.listed(shares)}"]
    centred = [name for name in fed.named("activation")[0] if ACTIVATIONS[name].zero_centred]
    if centred:
        name = TANH if TANH in centred else centred[0]
        number = told.number("mean same_sign_example", activation=name)
        if math.isfinite(number.value):
            parts.append(f"of those fed by {text.words(name)} {number} by one example's gradient")
    parts += _orthants(told, seen)
    said = ["; ".join(parts)]
    if seen.distinct("seed") < SEEDS:
        return Finding(claim, UNDECIDED, text.sentences([*said, text.ONE_SEED]), *limits_of(told))
    # The steps that were taken are those of batches: tied all, in part, or not at all.
    tie = [number.value if one.value == 1 else 0.0 for number in batch]
    if not tie:
        verdict = UNDECIDED
    elif min(tie) > 1 - NOTICEABLE:
        verdict = SUPPORTED
    else:
        verdict = NOT_SUPPORTED if max(tie) < NOTICEABLE else MIXED
    return Finding(claim, verdict, text.sentences(said), *limits_of(told))


def _no_signs(told: Told, tied: Rows) -> str:
    """Why no signs of the neurons `tied`, those that logistic units feed, were measured."""
    if not (told.tables.layers["layer"] > 1).any():
        return findings.unmeasured(told.tables.result)
    if told.tables.result.experiment.statistics != "full":
        return NO_SIGNS
    if not len(tied):
        return "Every neuron that logistic units feed has one weight alone, so there are no signs to tie."
    return "No gradient signs of neurons that logistic units feed were measured."


def _batch(size: str) -> str:
    return "the whole training set" if size == "full" else f"a batch of {size}"


def _orthants(told: Told, seen: Rows) -> list[str]:
    """How many orthants neurons have visited by the end, for each number of weights that was counted for."""
    counted = seen.only(seen.there("orthants_visited"))
    widths = sorted(pd.unique(counted["fan_in"]).tolist())
    if not widths:
        return []
    visited = []
    for width in widths[:NAMED]:
        last = int(told.number("last epoch fed", activation=LOGISTIC, fan_in=width).value)
        number = told("mean orthants_visited", activation=LOGISTIC, fan_in=width, epoch=last)
        visited.append(f"{number} of 2{str(width).translate(text.SUPERSCRIPT)} by epoch {last:,}")
    return [f"in training those fed by the logistic visited on average {text.first(visited, len(widths), 'width')}"]


def exponential_costs(result: Result, claim: str) -> Finding:
    """Q7: whether an update takes longer with the logistic than with functions that do not need eˣ.

    Compared are runs of one network and batch size that were trained for equally many updates: a run that diverged
    early was not.
    """
    told = Told(result)
    if not set(result.runs["activation"].unique()) & set(WITHOUT_EXPONENTIAL):
        why = "No run here is of a function without eˣ, so these runs cannot tell."
        return Finding(claim, UNDECIDED, why, *limits_of(told))
    verdicts: list[str] = []
    judged: list[tuple[dict[str, Any], str, Number, str]] = []
    one_seed = False
    for of, members in _trained_alike(timed(compared(told.tables))):
        names = members.named("activation")[0]
        for cheap in (name for name in names if name in WITHOUT_EXPONENTIAL and LOGISTIC in names):
            ratio = told.number("times as long", activation=LOGISTIC, against=cheap, **of)
            few = min(members.where(activation=name).distinct("seed") for name in (LOGISTIC, cheap)) < SEEDS
            one_seed |= few
            verdicts.append(UNDECIDED if few else SUPPORTED if ratio.value > TIMES_APART else NOT_SUPPORTED)
            rates = {"learning_rate": members["learning_rate"][0]} if members.distinct("learning_rate") == 1 else {}
            judged.append((of, cheap, ratio, _setting(result.experiment, of | rates)))
    parts = []
    for of, cheap, ratio, setting in (judged[place] for place in text.telling(verdicts, NAMED)):
        times = [told("microseconds per update", activation=name, **of) for name in (LOGISTIC, cheap)]
        parts.append(f"{ratio} times as long as one of {text.words(cheap)} ({setting}{times[0]} against {times[1]} µs)")
    if not parts:
        why = "No run of the logistic and of a function without eˣ trained equally long and to the end"
        return Finding(claim, UNDECIDED, text.sentence(why), *limits_of(told))
    said = [f"An update of the logistic took {text.first(parts, len(verdicts), 'comparison')}"]
    evidence = text.sentences([*said, text.ONE_SEED if one_seed else ""])
    return Finding(claim, text.overall(verdicts), evidence, *limits_of(told))


def _trained_alike(runs: Rows) -> Iterator[tuple[dict[str, Any], Rows]]:
    """The runs of each network, data and way of training that took equally many updates."""
    alike = ("dataset", "hidden", "batch_size", "optimiser")
    kinds: dict[tuple[Any, ...], int] = {}
    of_group = np.array([kinds.setdefault(kind, len(kinds)) for kind in runs.settings(alike)], dtype=np.int64)
    update, updates = pd.factorize(runs["last_update"])
    settings = list(kinds)
    place, found = pd.factorize(of_group[runs.groups()[1]] * len(updates) + update)
    for number, one in enumerate(found.tolist()):
        of = dict(zip(alike, settings[one // len(updates)], strict=True))
        yield {**of, "last_update": int(updates[one % len(updates)])}, runs.only(place == number)


CLAIMS = (
    Claim(
        "Q1",
        "A logistic neuron saturates when its weighted sum is very large or very negative, which very large or very "
        "negative initial weights cause.",
        "saturation", "Large initial weights saturate the logistic",
        partial(findings.saturated_by_scale, only=LOGISTIC),
    ),
    Claim(
        "Q2", "So the weights should be initialised to small values.",
        "convergence", "Small initial weights train the logistic fastest", small_is_best, rates=True,
    ),
    Claim(
        "Q3", "The outputs of the logistic are not zero-centred; those of tanh are.",
        "saturation", "The logistic's outputs are not centred on 0, those of tanh are", centring, of=(LOGISTIC, TANH),
    ),
    Claim(
        "Q4",
        "Fed by logistic neurons, one example's gradients of all weights into a neuron have the same sign, always.",
        "gradient_signs", "Fed by the logistic, one example's gradients into a neuron have one sign",
        partial(findings.tied_signs, only=LOGISTIC), plain=False,
    ),
    Claim(
        "Q5", "That limits the directions in which the weights can be updated.",
        "batch_size", "Signs tied by the logistic leave a neuron few directions to move in", few_directions,
        plain=False,
    ),
    Claim(
        "Q6", "So the minimum is not reached as fast.",
        "convergence", "Zero-centred activation functions reach the target in fewer updates than the logistic",
        partial(findings.fewer_updates, slow=[LOGISTIC]), rates=True,
    ),
    Claim(
        "Q7", "The logistic is computationally expensive, because of its exponential.",
        "activation_functions", "The logistic is expensive, because of eˣ", exponential_costs,
        caution=" Times of a shared machine, whatever else it did: the page measures them apart.",
    ),
)  # fmt: skip


def _setting(experiment: Experiment, settings: Mapping[str, Any]) -> str:
    """The data, network, batch size and learning rate among these settings, where it is not all of the experiment's."""
    named = ("dataset", "hidden", "batch_size", "optimiser", "learning_rate")
    varying = [name for name in experiment.varying() if name in named and name in settings]
    said = [("" if FIELDS[name].prefix else f"{name} ") + label(settings, [name]) for name in varying]
    return " · ".join(said) + ": " if said else ""


def tally(found: Sequence[Finding]) -> str:
    """How many claims have which verdict: 'supported: 3 · mixed: 2'."""
    verdicts = [finding.verdict for finding in found]
    return " · ".join(f"{verdict}: {verdicts.count(verdict)}" for verdict in VERDICTS if verdict in verdicts)
