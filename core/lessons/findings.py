"""What a result says, in words: one finding a page, with its numbers, its n and its limits.

A finding follows the numbers: where they do not bear a claim out it says so, and where the runs cannot decide it
(one scale, one kind of activation function, one seed) it says that.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import text
from core.experiment.experiment import FIELDS, label, residual_layers
from core.lessons.comparisons import SEEDS, centring_alone, comparisons, distinct_batches, fastest_of, median_of_ties
from core.registries.activations import ACTIVATIONS
from core.results.evidence import Number, Told, median_updates, worst_first
from core.results.results import Result
from core.results.selected import Rows
from core.results.summary import means
from core.text import MIXED, NOT_SUPPORTED, SUPPORTED, UNDECIDED, VERDICTS

__all__ = ["MIXED", "NOT_SUPPORTED", "SUPPORTED", "UNDECIDED", "VERDICTS", "Finding", "Number"]

# A change of a share smaller than this is no change to speak of.
NOTICEABLE = 0.01
# Initial scales closer together than this factor are no small and large ones.
CLEARLY_LARGER = 1.5
# Shares that are this close are one.
TIE = 1e-9
NO_HIDDEN = "These networks have no hidden layer."
NO_SIGNS = "The signs were not measured: that takes full statistics."
# A sentence names no more comparisons, functions or groups than this; the others are counted.
NAMED = 3
# Runs that start from one initial scale or several, and are compared by it, are the same in these.
SAME_BUT_SCALE = ["activation", "dataset", "hidden", "residual", "normalisation"]
Scheme = tuple[str, float]
"""An initialiser and its gain."""


@dataclass(frozen=True)
class Finding:
    """A finding: the claim it is about, the evidence for it in words, its limits, and the numbers that these state.

    The verdict is one of VERDICTS, or "" where the claim is a mere count.
    """

    claim: str
    verdict: str
    evidence: str
    limits: str
    numbers: tuple[Number, ...] = ()

    @property
    def sentence(self) -> str:
        """All of it, as plain text."""
        claim = f"{self.claim}: {self.verdict} by these runs." if self.verdict else f"{self.claim}."
        return " ".join(filter(None, [claim, self.evidence, self.limits]))


def never_negative(activation: str) -> bool:
    """Whether the function has no negative values."""
    return ACTIVATIONS[activation].range[0] >= 0


def saturation(result: Result) -> Finding:
    """Whether larger initial weights saturate hidden units: smallest against largest scale, seed by seed."""
    return saturated_by_scale(result, "Large initial weights saturate the hidden units")


def saturated_by_scale(result: Result, claim: str, only: str = "") -> Finding:
    """The same, of one function or of all; the slope of relu and its like does not change with the scale."""
    told = Told(result)
    of = {"activation": only} if only else {}
    hidden = told.tables.hidden_layers.where(**of)
    if not len(hidden):
        return Finding(claim, UNDECIDED, unmeasured(result), *limits_of(told))
    networks = _starts(hidden.where(epoch=0))
    verdicts: list[str] = []
    judged: list[tuple[dict[str, Any], list[Scheme]]] = []
    unbounded: list[str] = []
    one_seed = False
    for alike, starts in networks.items():
        network = dict(zip(SAME_BUT_SCALE, alike, strict=True))
        if ACTIVATIONS[network["activation"]].scale_free:
            unbounded.append(text.words(network["activation"]))
            continue
        scales = np.array([start.scale for start in starts])
        order = np.argsort(scales)  # what is not a number comes last
        if not scales[order[-1]] > CLEARLY_LARGER * scales[order[0]]:
            continue
        low, high = starts[order[0]], starts[order[-1]]
        change = high.beside(low)
        large = max(low.share, high.share) >= NOTICEABLE
        one_seed |= large and len(change) < SEEDS
        decided = large and len(change) >= SEEDS
        verdicts.append(text.verdict((change > NOTICEABLE).tolist()) if decided else UNDECIDED)
        judged.append((network, [low.scheme, high.scheme]))
    varying = [name for i, name in enumerate(SAME_BUT_SCALE) if i and len({alike[i] for alike in networks}) > 1]
    parts = [_saturated_from(told, *judged[place], varying) for place in text.telling(verdicts, NAMED)]
    said = []
    if parts:
        by_scale = text.first(parts, len(verdicts), "network")
        said.append(f"Share saturated at initialisation, smallest to largest weights: {by_scale}")
    elif len(unbounded) < len(networks):
        one = len({start.scheme for starts in networks.values() for start in starts}) == 1
        said.append(f"The {'runs start from one scale' if one else 'initial scales are too close to compare'}")
    if parts and not one_seed and set(verdicts) == {UNDECIDED}:
        said.append(f"No scale here saturates as many as {text.percent(NOTICEABLE)} of the units")
    names = list(dict.fromkeys(unbounded))
    if names:
        which = text.verb(len(names), "is not judged: its slope does", "are not judged: their slopes do")
        said.append(f"{text.listed(names)} {which} not change with the scale")
    if hidden["epoch"].max() > 0:
        said.append(_most_saturated(told, hidden, of))
    if one_seed:
        said.append(text.ONE_SEED)
    return Finding(claim, text.overall(verdicts), text.sentences(said), *limits_of(told))


@dataclass(frozen=True)
class Start:
    """The runs of one network that start from one initialiser and gain.

    Attributes:
        scheme: the initialiser and its gain.
        scale: root mean square of the weights of their hidden layers.
        seeds: of the runs.
        saturated: by seed, the share of the hidden units that is saturated; NaN where it is not known.
    """

    scheme: Scheme
    scale: float
    seeds: NDArray[np.int64]
    saturated: NDArray[np.float64]

    @property
    def share(self) -> float:
        """The share saturated, over all seeds."""
        return float(means(np.zeros(len(self.seeds), dtype=np.int64), self.saturated)[0])

    def beside(self, other: "Start") -> NDArray[np.float64]:
        """How much more is saturated than in the other one, by each seed of which that is known."""
        _, ours, theirs = np.intersect1d(self.seeds, other.seeds, return_indices=True)
        change = self.saturated[ours] - other.saturated[theirs]
        return change[~np.isnan(change)]


def _starts(rows: Rows) -> dict[tuple[str, ...], list[Start]]:
    """By network, as SAME_BUT_SCALE has it, what it starts from, each in the order in which the `rows` have them."""
    _, group = rows.groups()
    firsts = Rows(rows.table, rows.at[np.unique(group, return_index=True)[1]])
    networks = zip(*(firsts.texts(name).tolist() for name in SAME_BUT_SCALE), strict=True)
    schemes = zip(firsts.texts("initialiser").tolist(), firsts["gain"].tolist(), strict=True)
    number: dict[tuple[tuple[str, ...], Scheme], int] = {}
    of_group = [number.setdefault(start, len(number)) for start in zip(networks, schemes, strict=True)]
    # The layers of the runs of one start and seed are one, and those of a start lie beside each other.
    seed, seeds = pd.factorize(rows["seed"])
    found, place = np.unique(np.array(of_group, dtype=np.int64)[group] * len(seeds) + seed, return_inverse=True)
    start, seed = np.divmod(found, max(len(seeds), 1))
    scales, shares = (means(place, rows[name]) for name in ("weight_rms", "saturated"))
    ends = np.searchsorted(start, np.arange(len(number) + 1))
    starts: dict[tuple[str, ...], list[Start]] = {}
    for (network, scheme), scale, low, high in zip(number, means(start, scales).tolist(), ends, ends[1:], strict=False):
        starts.setdefault(network, []).append(Start(scheme, scale, seed[low:high], shares[low:high]))
    return starts


def _saturated_from(told: Told, network: Mapping[str, Any], ends: Sequence[Scheme], varying: Sequence[str]) -> str:
    """The share saturated in one network's smallest and largest start, and which network it is."""
    shares = [
        told("mean saturated", **network, initialiser=scheme, gain=gain, epoch=0) + f" ({_scheme(scheme, gain)})"
        for scheme, gain in ends
    ]
    where = [label(network, [name]) for name in varying]
    named = " · ".join([text.words(network["activation"]), *where])
    return f"{named}{':' if where else ''} {' to '.join(shares)}"


def _most_saturated(told: Told, hidden: Rows, of: dict[str, str]) -> str:
    """Which hidden layer of which group is the most saturated at the last recorded epoch."""
    last = int(told.number("last epoch", **of).value)
    rows = hidden.where(epoch=last)
    layers = rows.means("saturated", by="layer")
    if not layers:
        return ""
    when = f"At epoch {last:,}"
    if len(rows.groups()[0]) < len(hidden.groups()[0]):
        when += ", which not all groups have come to,"
    greatest = max(layers.values())
    most = [place for place, share in layers.items() if share >= greatest - TIE]
    shares = [told("mean saturated", group=group, layer=layer, epoch=last) for group, layer in most[:NAMED]]
    share = shares[0]
    if greatest == 0:
        return f"{when} no hidden unit is saturated"
    if len(most) > 1 and len(most) == len(layers):
        return f"{when} all hidden layers are saturated alike: {share}"
    if len(most) > NAMED:
        tie = f"{told('layers that tie', **of, epoch=last)} of {told('layers', **of, epoch=last)} hidden layers"
        return f"{when.removesuffix(',')}, {tie} tie as the most saturated: {share}"
    named = text.listed([f"layer {layer} of {group}" for group, layer in most])
    return f"{when} the most saturated hidden {text.verb(len(most), 'layer is', 'layers are')} {named}: {share}"


def dead_flat(result: Result) -> Finding:
    """Which hidden layers were dead-flat (every unit a saturated neuron), from when on, and whether they left it."""
    claim = "Dead-flat hidden layers, in which every unit is saturated on at least 95 % of the examples"
    told = Told(result)
    known = told.tables.hidden_layers.there("dead_flat")
    if not known.any():
        return Finding(claim, "", unmeasured(result), *limits_of(told))
    places = list(told.tables.flat.means("dead_flat", by="layer"))
    if not places:
        return Finding(claim, "", "There was none at any recorded epoch.", *limits_of(told))
    parts = []
    for group, layer in places[: 2 * NAMED]:
        of = {"group": group, "layer": layer}
        runs = told.number("runs dead-flat", **of)
        first = int(told.number("first epoch dead-flat", **of).value)
        left = told.number("runs that left", **of)
        since = "at initialisation" if first == 0 else f"at epoch {first:,}"
        if left.value:
            after = f", and {'all' if left.value == runs.value and left.value > 1 else left} left it again"
        else:
            last = told.number("last epoch dead-flat", **of)
            after = f", and still at epoch {last}" if last.value > first else ""
        parts.append(f"layer {layer} of {group} in {runs} of {text.count(runs.n, 'run')}, first {since}{after}")
    return Finding(claim, "", text.sentences([text.first(parts, len(places), "layer")]), *limits_of(told))


def gradient_signs(result: Result) -> Finding:
    """Whether one example's weight gradients into a neuron share a sign exactly where the incoming activations do."""
    claim = "Activations that are never negative tie the signs of one example's gradients together"
    return tied_signs(result, claim)


def tied_signs(result: Result, claim: str, only: str = "") -> Finding:
    """The same of one never negative function or of all; neurons with one weight have nothing to tie."""
    told = Told(result)
    if not (told.tables.layers["layer"] > 1).any():
        return Finding(claim, UNDECIDED, unmeasured(result), *limits_of(told))
    if result.experiment.statistics != "full":
        return Finding(claim, UNDECIDED, NO_SIGNS, *limits_of(told))
    fed = told.tables.fed
    if not len(fed):
        why = "Every neuron that hidden units feed has one weight alone, so there are no two signs to compare."
        return Finding(claim, UNDECIDED, why, *limits_of(told))
    fed = fed.only(fed.there("same_sign_example"))
    if not len(fed):
        return Finding(claim, UNDECIDED, "No neuron that hidden units feed had a gradient.", *limits_of(told))
    functions, place = fed.named("activation")
    ties = np.array([name == only if only else never_negative(name) for name in functions])[place]
    free = ~np.array([never_negative(name) for name in functions])[place]
    tied = fed.only(ties)
    names = list(dict.fromkeys([*tied.named("activation")[0], *fed.only(free).named("activation")[0]]))
    broken = tied.only(tied["same_sign_example"] < 1).named("activation")[0]
    kinds = ["broken" if name in broken else "tied" if never_negative(name) else "free" for name in names]
    parts = [
        f"{text.words(name)} {told('mean same_sign_example', activation=name)} for one example, "
        f"{told('mean same_sign_batch', activation=name)} for a mini-batch, "
        f"{told('mean same_sign_epoch', activation=name)} for the whole training set"
        for name in (names[place] for place in text.telling(kinds, NAMED))
    ]
    said = (
        "Neurons fed by a hidden layer whose weight gradients all share one sign: "
        f"{text.first(parts, len(names), 'function')}. Means over runs, layers and recorded epochs"
    )
    if not len(tied):
        why = "No activation function here is never negative"
        return Finding(claim, UNDECIDED, text.sentences([why, said]), *limits_of(told))
    if tied.distinct("seed") < SEEDS:
        return Finding(claim, UNDECIDED, text.sentences([said, text.ONE_SEED]), *limits_of(told))
    if tied["same_sign_example"].min() < 1:
        return Finding(claim, NOT_SUPPORTED, text.sentences([said]), *limits_of(told))
    if only:
        return Finding(claim, SUPPORTED, text.sentences([said]), *limits_of(told))
    if not free.any():
        alone = "All activation functions here are never negative, so there is none to compare them with"
        return Finding(claim, SUPPORTED, text.sentences([said, alone]), *limits_of(told))
    distinct = fed.only(free)["same_sign_example"].mean() < 1 - NOTICEABLE
    return Finding(claim, SUPPORTED if distinct else MIXED, text.sentences([said]), *limits_of(told))


def convergence(result: Result) -> Finding:
    """Whether zero-centred activations reach the target in fewer updates than those that are never negative."""
    claim = "Zero-centred activation functions reach the target in fewer updates than those that are never negative"
    return fewer_updates(result, claim, [name for name in ACTIVATIONS if never_negative(name)])


def fewer_updates(result: Result, claim: str, slow: Sequence[str]) -> Finding:
    """Whether zero-centred functions reach the target in fewer updates than the functions `slow`."""
    told = Told(result)
    goal = target_text(result.experiment.target)
    best = by_data(told, lambda of: _fastest(told, goal, of))
    if not math.isfinite(min(median_updates(told.tables.runs).values())):
        return Finding(claim, UNDECIDED, text.sentences(best), *limits_of(told))
    found = comparisons(told.tables, slow)
    if not found:
        if not any(result.experiment.hidden):
            unused = "These networks have no hidden layer, so no activation function"
            return Finding(claim, UNDECIDED, text.sentences([*best, unused]), *limits_of(told))
        other = f"the {text.words(slow[0])}" if len(slow) == 1 else "a never negative function"
        why = (
            f"There is nothing to compare: that takes runs of a zero-centred function and of {other}, with all else "
            "the same, of which at least one reached it"
        )
        return Finding(claim, UNDECIDED, text.sentences([*best, why]), *limits_of(told))
    named = [found[place] for place in text.telling([one.verdict for one in found], NAMED)]
    parts = text.first([one.said(told) for one in named], len(found), "comparison")
    if all(one.pairs < SEEDS for one in found):
        said = [*best, f"In one seed: {parts}", text.ONE_SEED]
    else:
        faster, slower = (sum(one.verdict == verdict for one in found) for verdict in (SUPPORTED, NOT_SUPPORTED))
        of = {"slow": ",".join(name for name in ACTIVATIONS if name in slow)}
        total = told.keep("comparisons", len(found), len(found), **of)
        tally = f"Zero-centred was faster in {told.keep('comparisons faster', faster, len(found), **of)} of {total}"
        tally += f", slower in {told.keep('comparisons slower', slower, len(found), **of)}" if slower else ""
        said = [*best, f"{tally if faster or slower else f'{total} that decided nothing'}: {parts}"]
    limits, numbers = limits_of(told, rates=True)
    if not all(centring_alone(*one.functions) for one in found):
        limits += " Functions that differ in slope or in width too differ in more than their centring."
    return Finding(claim, text.overall([one.verdict for one in found]), text.sentences(said), limits, numbers)


def by_data(told: Told, say: Callable[[Mapping[str, Any]], str]) -> list[str]:
    """What there is to say of each data set, which is named where there are several: theirs are not compared."""
    data = told.tables.result.experiment.dataset
    if len(data) == 1:
        return [say({})]
    there = set(told.tables.result.runs["dataset"].unique())
    said = {name: say({"dataset": name}) for name in data if name in there}
    return [f"On {name}, {one[0].lower()}{one[1:]}" for name, one in said.items() if one]


def _fastest(told: Told, goal: str, of: Mapping[str, Any]) -> str:
    """Which groups reach the target first, and where none does, why."""
    medians = median_updates(distinct_batches(told.tables).where(**of))
    best = min(medians, key=medians.__getitem__)
    if not math.isfinite(medians[best]):
        return _not_reached(told, goal, of)
    if medians[best] == 0 and (at_once := told.number("reached at update 0", **of)).value == at_once.n:
        return f"{_all(told, 'reached at update 0', of)} met {goal} at update 0, before any training"
    ties = fastest_of(told.tables.result, medians)
    median = median_of_ties(told, ties, medians)
    how = "median run met it at update 0" if max(medians[group] for group in ties) == 0 else f"median {median}"
    if len(medians) == 1:
        return f"There is one group, {best}, and it reached {goal}: {how}"
    if len(ties) == 1:
        return f"Fastest to {goal} is {best}: {how}"
    if len(ties) <= NAMED:
        return f"No difference between {text.listed(ties)} as the fastest to {goal}: {how}"
    tied = told.keep("groups that tie", len(ties), len(medians), outcome="updates_to_target", **of)
    return f"{tied} of {told('groups', **of)} groups tie as the fastest to {goal}: {how}"


def _not_reached(told: Told, goal: str, of: Mapping[str, Any]) -> str:
    """Why no group's median reached the target."""
    lost, reached = told.number("diverged first", **of), told.number("reached", **of)
    if lost.value == lost.n:
        return f"{_all(told, 'diverged first', of)} diverged before reaching {goal}"
    also = f"; {lost} diverged" if lost.value else ""
    if told.number("going on", **of).value:
        also += ", so far"
    if not reached.value:
        none = f"None of the {told('runs', **of)} runs has" if reached.n > 1 else "The run has not"
        return f"{none} reached {goal}{also}"
    groups = int(told.number("groups", **of).value)
    which = "in no group have more than half of the runs" if groups > 1 else "no more than half of the runs have"
    return f"{which} reached {goal}: {reached} of {told('runs', **of)} did{also}"


def _all(told: Told, measure: str, of: Mapping[str, Any]) -> str:
    """'All 5 runs', or 'The run' where there is one: as many as `measure` counts."""
    number = told.number(measure, **of)
    return f"All {number} runs" if number.n > 1 else "The run"


def runs(result: Result) -> Finding:
    """What became of the runs: how many reached the target, and which group classifies the test set best."""
    told = Told(result)
    table = told.tables.runs
    of = f"{text.count(len(table), 'run')} in {text.count(len(table.groups()[0]), 'group')}"
    claim = f"{told('reached')} of {of} reached {target_text(result.experiment.target)}"
    told.number("runs")
    told.number("groups")
    lost = told.number("diverged")
    if lost.value == lost.n:
        return Finding(claim, "", f"{_all(told, 'diverged', {})} diverged.", *limits_of(told))
    evidence = text.sentences(by_data(told, lambda of: _tested(told, of)))
    return Finding(claim, "", evidence, *limits_of(told))


def _tested(told: Told, of: Mapping[str, Any]) -> str:
    """Which group classifies the test set best; '' where none was tested yet."""
    table, experiment = told.tables.runs.where(**of), told.tables.result.experiment
    if set(table.named("dataset")[0]) <= set(experiment.untested):
        return "Nothing is kept back for testing"
    accuracy = table.medians(worst_first(table))
    if not accuracy:
        return ""
    greatest = max(accuracy.values())
    if not math.isfinite(greatest):
        return "In every group at least half of the runs diverged"
    best = [group for group in accuracy if accuracy[group] == greatest]
    value = told("median final_test_accuracy", group=best[0])
    if len(accuracy) == 1:
        return f"Median test accuracy: {value}"
    if len(best) == len(accuracy):
        return f"All groups have the same median test accuracy: {value}"
    tie = {"outcome": "final_test_accuracy", **of}
    whose = (
        text.listed(best)
        if len(best) <= NAMED
        else f"{told.keep('groups that tie', len(best), len(accuracy), **tie)} groups tie"
    )
    return f"Best median test accuracy: {value} ({whose})"


def limits(result: Result, rates: bool = False) -> str:
    """How many runs the finding rests on, and what they leave out."""
    return limits_of(Told(result), rates)[0]


def limits_of(told: Told, rates: bool = False) -> tuple[str, tuple[Number, ...]]:
    """The same, and all numbers told so far, those of the limits among them: what ends a Finding."""
    result = told.tables.result
    all_runs, least, most = (told.number(name) for name in ("runs", "least seeds", "most seeds"))
    seeds = text.count(int(least.value), "seed") if least.value == most.value else f"{least} to {most} seeds"
    said = (
        f"n = {text.count(int(all_runs.value), 'run')}, {seeds} a group, on {text.listed(result.experiment.dataset)}; "
    )
    reached = told.number("reached")
    fates = [f"{reached if reached.value else 'none'} reached the target"]
    if (later := told.number("diverged later")).value:
        fates[0] += f" ({later} of them diverged later)"
    for measure, how in (
        ("going on", "not trained to the end yet"),
        ("stopped", "stopped before reaching it"),
        ("diverged first", "diverged before reaching it"),
    ):
        if (number := told.number(measure)).value:
            be = f"{text.verb(int(number.value), 'is', 'are')} " if measure == "going on" else ""
            fates.append(f"{number} {be}{how}")
    said += f"{text.listed(fates)}."
    said += _residual(told.tables.runs)
    if rates and told.tables.runs.distinct("learning_rate") == 1:
        said += " One learning rate is not a fair comparison: each group may have a better one."
    return said, tuple(told.numbers)


def _residual(runs: Rows) -> str:
    """Which layers have residual connections in the runs that ask for them, as a sentence; '' where none does."""
    parts = []
    for hidden in runs.where(residual="true").named("hidden")[0]:
        layers = [str(i) for i, link in enumerate(residual_layers(FIELDS["hidden"].kind.parse(hidden)), 1) if link]
        which = f"into {text.verb(len(layers), 'layer', 'layers')} {text.listed(layers)}" if layers else "nowhere"
        parts.append(f"{which} of {hidden}")
    return f" Residual connections: {text.first(parts, len(parts), 'network')}." if parts else ""


def unmeasured(result: Result) -> str:
    """Why nothing was measured in hidden layers, where that is so."""
    if result.layers.empty:
        if len(result.runs) and result.runs["status"].eq("diverged").all():
            return "All of these runs had diverged at initialisation, so nothing was measured in their layers."
        return "Nothing was measured in the layers of these runs."
    if not any(result.experiment.hidden):
        return NO_HIDDEN
    return "Nothing was measured in a hidden layer."


def target_text(target: str) -> str:
    """A target in words: train_accuracy:0.9 is "training accuracy ≥ 0.9"."""
    name, _, value = target.partition(":")
    return f"{text.words(name).replace('train ', 'training ')} {'≤' if name.endswith('loss') else '≥'} {value}"


def _scheme(initialiser: str, gain: float) -> str:
    return initialiser if gain == 1 else f"{initialiser} gain {gain:g}"
