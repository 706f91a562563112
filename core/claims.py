"""The lecture's claims, and what a result says of each: a verdict, a sentence of numbers, and its limits.

A claim is judged by a function of the result on the screen, so its verdict follows the data: other seeds or another
learning rate may change it. Where another module already judges it for a page of its own, that finding is the verdict.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from core import findings
from core.activations import ACTIVATIONS
from core.convergence import median_updates
from core.findings import (
    CLEARLY_LARGER,
    MIXED,
    NOT_SUPPORTED,
    NOTICEABLE,
    SUPPORTED,
    UNDECIDED,
    Finding,
)
from core.lessons import listed, number, words
from core.results import Result

CENTRED_WITHIN = 0.1
"""A layer whose mean output is at most this share of its function's range away from 0 counts as centred."""
TIMES_APART = 1.1
"""Two times of training count as different from this ratio on."""
SAID = {SUPPORTED: SUPPORTED, MIXED: "depends", NOT_SUPPORTED: NOT_SUPPORTED, UNDECIDED: UNDECIDED}
"""A verdict on a claim, as it is said of one."""
WITHOUT_EXPONENTIAL = tuple(name for name, function in ACTIVATIONS.items() if not function.needs_exp)


@dataclass(frozen=True)
class Claim:
    """One claim of the lecture.

    Attributes:
        id: Q1 to Q7.
        sentence: what the lecture says.
        page: name of the page that shows it, with the experiment on the screen.
        judge: what a result says of it.
    """

    id: str
    sentence: str
    page: str
    judge: Callable[[Result], Finding]


def small_is_best(result: Result) -> Finding:
    """Q2: whether smaller initial weights never take longer to the target, function by function."""
    claim = "Small initial weights train fastest"
    limits = findings.limits(result, rates=True)
    layers, runs = result.layers, result.runs
    start = layers[layers["epoch"] == 0].groupby("group")["weight_std"].mean()
    medians = median_updates(runs)
    verdicts, parts = [], []
    groups = runs.drop_duplicates("group")
    for (activation, *_), members in groups.groupby(_ALL_BUT_SCALE, sort=False):
        scales = start.reindex(members["group"]).dropna().sort_values()
        times = medians.reindex(scales.index)
        if len(scales) < 2 or scales.iloc[-1] < CLEARLY_LARGER * scales.iloc[0] or not np.isfinite(times).any():
            continue
        best = str(times.idxmin())
        smallest, largest = float(times.iloc[0]), float(times.iloc[-1])
        # The least scale is best: supported. The greatest is: not. A window between two edges: mixed.
        fastest = float(times.min())
        verdicts.append(SUPPORTED if smallest == fastest else NOT_SUPPORTED if largest == fastest else MIXED)
        parts.append(
            f"{words(str(activation))}: fastest from standard deviation {number(float(scales[best]), 2)} "
            f"({_updates(fastest)}), {_updates(smallest)} from {number(float(scales.iloc[0]), 2)} and "
            f"{_updates(largest)} from {number(float(scales.iloc[-1]), 2)}"
        )
    if not parts:
        return Finding(claim, UNDECIDED, "No function here reached the target and starts from two scales.", limits)
    return Finding(claim, _overall(verdicts), f"Median updates to target. {_sentence('; '.join(parts[:3]))}", limits)


def centring(result: Result) -> Finding:
    """Q3: whether logistic layers have a mean output off 0 and those of zero-centred functions have not."""
    claim = "The logistic's outputs are not centred on 0, those of tanh are"
    limits = findings.limits(result)
    hidden = result.layers[result.layers["role"] == "hidden"]
    if hidden.empty:
        return Finding(claim, UNDECIDED, findings.unmeasured(result), limits)
    ends = [0, int(hidden["epoch"].max())] if hidden["epoch"].max() > 0 else [0]
    verdicts, parts = [], []
    for activation, rows in hidden.groupby("activation", sort=False):
        function = ACTIVATIONS[str(activation)]
        means = [float(rows.loc[rows["epoch"] == epoch, "activation_mean"].abs().mean()) for epoch in ends]
        low, high = function.range
        if not (math.isfinite(high - low) and all(map(math.isfinite, means))):
            continue
        centred = [mean <= CENTRED_WITHIN * (high - low) for mean in means]
        verdicts += [is_centred == function.zero_centred for is_centred in centred]
        at = " and ".join(
            f"{number(mean, 2)} {'at initialisation' if epoch == 0 else f'at epoch {epoch}'}"
            for mean, epoch in zip(means, ends, strict=True)
        )
        parts.append(f"{words(str(activation))} {at}")
    if not parts:
        return Finding(claim, UNDECIDED, "No bounded function is among these runs.", limits)
    evidence = f"Mean distance of a layer's mean output from 0: {'; '.join(parts[:4])}."
    return Finding(claim, _of(verdicts), evidence, limits)


def few_directions(result: Result) -> Finding:
    """Q5: whether one example, and a batch as trained on, leave a neuron with tied signs 2 of its 2^n orthants."""
    claim = "Tied signs leave a neuron few directions to move in"
    limits = findings.limits(result)
    fed = result.layers[result.layers["layer"] > 1]
    if fed.empty:
        return Finding(claim, UNDECIDED, findings.unmeasured(result), limits)
    tied = fed[fed["activation"].map(lambda name: ACTIVATIONS[name].range[0] >= 0)]
    free = fed[fed["activation"].map(lambda name: ACTIVATIONS[name].zero_centred)]
    seen = tied.dropna(subset=["same_sign_example"])
    if seen.empty:
        return Finding(
            claim, UNDECIDED, "No gradient signs of a function that is never negative were measured.", limits
        )
    fan_in = int(seen["fan_in"].median())
    one, batch = float(seen["same_sign_example"].mean()), float(seen["same_sign_batch"].mean())
    exponent = str(fan_in).translate(_SUPERSCRIPT)
    first = (
        f"{_share(one)} of the neurons fed by never negative units can move in only 2 of 2{exponent} directions "
        f"(orthants) by one example's gradient, {_share(batch)} by a mini-batch's"
    )
    parts = [first]
    compared = free["same_sign_example"].dropna()
    if len(compared):
        parts.append(f"with zero-centred units {_share(float(compared.mean()))} by one example's")
    orthants = seen.dropna(subset=["orthants_visited"])
    if len(orthants):
        last = orthants[orthants["epoch"] == orthants["epoch"].max()]
        parts.append(f"over training they visited {number(float(last['orthants_visited'].mean()), 3)} orthants")
    # The steps that were taken are those of batches: tied all, in part, or not at all.
    limited = batch if one == 1 else 0.0
    verdict = SUPPORTED if limited > 1 - NOTICEABLE else NOT_SUPPORTED if limited < NOTICEABLE else MIXED
    return Finding(claim, verdict, _sentence("; ".join(parts)), limits)


def exponential_costs(result: Result) -> Finding:
    """Q7: whether training takes longer with functions that need eˣ, by the time that these runs took."""
    claim = "The logistic is expensive, because of eˣ"
    limits = f"{findings.limits(result)} Times of a shared machine, whatever else it did: the page measures them apart."
    seconds = result.runs.dropna(subset=["seconds"]).groupby("activation", sort=False)["seconds"].median()
    seconds = seconds[seconds > 0]
    if seconds.empty:
        return Finding(claim, UNDECIDED, "No run was trained for any time.", limits)
    cheap = seconds[seconds.index.isin(WITHOUT_EXPONENTIAL)]
    dear = seconds[~seconds.index.isin(WITHOUT_EXPONENTIAL)]
    parts = listed([f"{words(str(name))} {number(value, 2)} s" for name, value in seconds.items()])
    evidence = f"Median training time of a run: {parts}."
    if cheap.empty or dear.empty:
        why = "All functions here need eˣ" if cheap.empty else "No function here needs eˣ"
        return Finding(claim, UNDECIDED, f"{why}, so these runs cannot tell. {evidence}", limits)
    ratio = float(dear.median() / cheap.median())
    verdict = SUPPORTED if ratio > TIMES_APART else NOT_SUPPORTED
    return Finding(claim, verdict, f"With eˣ a run took {number(ratio)} times as long. {evidence}", limits)


CLAIMS = (
    Claim(
        "Q1",
        "A logistic neuron saturates when its weighted sum is very large or very negative, which very large or very "
        "negative initial weights cause.",
        "saturation",
        findings.saturation,
    ),
    Claim("Q2", "So the weights should be initialised to small values.", "convergence", small_is_best),
    Claim("Q3", "The outputs of the logistic are not zero-centred; those of tanh are.", "saturation", centring),
    Claim(
        "Q4",
        "Fed by logistic neurons, one example's gradients of all weights into a neuron have the same sign, always.",
        "gradient_signs",
        findings.gradient_signs,
    ),
    Claim("Q5", "That limits the directions in which the weights can be updated.", "batch_size", few_directions),
    Claim("Q6", "So the minimum is not reached as fast.", "convergence", findings.convergence),
    Claim(
        "Q7",
        "The logistic is computationally expensive, because of its exponential.",
        "activation_functions",
        exponential_costs,
    ),
)

_ALL_BUT_SCALE = ["activation", "hidden", "batch_size", "learning_rate"]
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _updates(median: float) -> str:
    return f"{median:,.0f} updates" if math.isfinite(median) else "not reached"


def _share(share: float) -> str:
    if not math.isfinite(share):
        return "none"
    if 0.995 <= share < 1:
        return "just under 100 %"
    return f"{share:.1%}".replace("%", " %") if 0 < share < 0.1 else f"{share:.0%}".replace("%", " %")


def _overall(verdicts: list[str]) -> str:
    return verdicts[0] if len(set(verdicts)) == 1 else MIXED


def _of(holds: list[bool]) -> str:
    return SUPPORTED if all(holds) else MIXED if any(holds) else NOT_SUPPORTED


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def tally(found: Sequence[Finding]) -> str:
    """How many claims have which verdict: 'supported: 3 · depends: 2'."""
    verdicts = [finding.verdict for finding in found]
    return " · ".join(f"{SAID[v]}: {verdicts.count(v)}" for v in findings.VERDICTS if v in verdicts)
