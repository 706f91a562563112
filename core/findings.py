"""What a result says, in words: one finding a page, with its numbers, its n and its limits.

A finding follows the numbers: where they do not bear a claim out it says so, and where the runs cannot decide it
(one scale, one kind of activation function) it says that.
"""

import math
from dataclasses import dataclass

import numpy as np

from core.activations import ACTIVATIONS
from core.convergence import median_updates, speed_up
from core.results import Result

SUPPORTED, MIXED, NOT_SUPPORTED, UNDECIDED = VERDICTS = ("supported", "mixed", "not supported", "not decided")

# A change of a share smaller than this is no change to speak of.
NOTICEABLE = 0.01
# Initial scales closer together than this factor are no small and large ones.
CLEARLY_LARGER = 1.5
# What runs may differ in beside the initial scale, and beside the activation function, where they are compared.
SAME_BUT_SCALE = ["activation", "hidden"]
SAME_BUT_ACTIVATION = ["hidden", "batch_size", "initialiser", "gain", "learning_rate"]


@dataclass(frozen=True)
class Finding:
    """A finding: the claim it is about, the evidence for it in words, and its limits.

    The verdict is one of VERDICTS, or "" where the claim is a mere count.
    """

    claim: str
    verdict: str
    evidence: str
    limits: str

    @property
    def sentence(self) -> str:
        """All of it, as plain text."""
        claim = f"{self.claim}: {self.verdict} by these runs." if self.verdict else f"{self.claim}."
        return " ".join(filter(None, [claim, self.evidence, self.limits]))


def saturation(result: Result) -> Finding:
    """Whether larger initial weights saturate hidden units: smallest against largest scale, seed by seed."""
    claim = "Large initial weights saturate the hidden units"
    hidden = result.layers[result.layers["role"] == "hidden"]
    if hidden.empty:
        return Finding(claim, UNDECIDED, unmeasured(result), limits(result))
    start = hidden[hidden["epoch"] == 0]
    per_run = start.groupby([*SAME_BUT_SCALE, "initialiser", "gain", "seed"], sort=False)
    runs = per_run[["weight_std", "saturated"]].mean()
    verdicts, parts = [], []
    shapes = start["hidden"].nunique()
    for (activation, shape), members in runs.groupby(level=SAME_BUT_SCALE, sort=False):
        scales = members.groupby(level=["initialiser", "gain"], sort=False)["weight_std"].mean().sort_values()
        schemes = list(scales.index)
        if scales.iloc[-1] < CLEARLY_LARGER * scales.iloc[0]:
            continue
        ends = (schemes[0], schemes[-1])
        low, high = (members.xs(scheme, level=["initialiser", "gain"])["saturated"] for scheme in ends)
        change = (high - low).dropna()
        verdicts.append(_verdict(int((change > NOTICEABLE).sum()), len(change)))
        name = activation if shapes == 1 else f"{activation} · {shape}:"
        shares = (
            f"{_percent(share.mean())} ({_scheme(*scheme)})" for share, scheme in zip((low, high), ends, strict=True)
        )
        parts.append(f"{name} {' to '.join(shares)}")
    last = hidden[hidden["epoch"] == hidden["epoch"].max()].groupby("group", sort=False)["saturated"].mean()
    after = ""
    if hidden["epoch"].max() > 0 and last.notna().any():
        after = f" At epoch {hidden['epoch'].max()} {last.idxmax()} is the most saturated: {_percent(last.max())}."
    if not parts:
        most = start.groupby("group", sort=False)["saturated"].mean()
        one = start.groupby(["initialiser", "gain"], sort=False).ngroups == 1
        why = "The runs start from one scale" if one else "The initial scales are too close together to compare"
        evidence = f"{why}, with at most {_percent(most.max())} of the units saturated in a group."
        return Finding(claim, UNDECIDED, evidence + after, limits(result))
    evidence = f"Share saturated at initialisation, smallest to largest weights: {_list(parts)}.{after}"
    return Finding(claim, _overall(verdicts), evidence, limits(result))


def gradient_signs(result: Result) -> Finding:
    """Whether one example's weight gradients into a neuron share a sign exactly where the incoming activations do."""
    claim = "Activations that are never negative tie the signs of one example's gradients together"
    fed = result.layers[result.layers["layer"] > 1]
    if fed.empty:
        return Finding(claim, UNDECIDED, unmeasured(result), limits(result))
    if result.experiment.statistics != "full":
        return Finding(claim, UNDECIDED, "The signs were not measured: that takes full statistics.", limits(result))
    never_negative = fed["activation"].map(lambda name: ACTIVATIONS[name].range[0] >= 0)
    columns = ["same_sign_example", "same_sign_batch", "same_sign_epoch"]
    means = fed.groupby("activation", sort=False)[columns].mean().dropna(subset=["same_sign_example"])
    parts = [
        f"{name} {_percent(example)} for one example, {_percent(batch)} for a mini-batch, "
        f"{_percent(epoch)} for the whole training set"
        for name, (example, batch, epoch) in zip(means.index, means.to_numpy(), strict=True)
    ]
    if not parts:
        return Finding(claim, UNDECIDED, "No neuron had a gradient.", limits(result))
    evidence = (
        f"Neurons fed by a hidden layer whose weight gradients all share one sign: {'; '.join(parts)}. "
        "Means over runs, layers and recorded epochs."
    )
    tied = fed.loc[never_negative, "same_sign_example"].dropna()
    free = fed.loc[~never_negative, "same_sign_example"].dropna()
    if tied.empty:
        return Finding(claim, UNDECIDED, f"No activation function here is never negative. {evidence}", limits(result))
    if tied.min() < 1:
        return Finding(claim, NOT_SUPPORTED, evidence, limits(result))
    if free.empty:
        evidence += " All activation functions here are never negative, so there is none to compare them with."
        return Finding(claim, SUPPORTED, evidence, limits(result))
    return Finding(claim, SUPPORTED if free.mean() < 1 - NOTICEABLE else MIXED, evidence, limits(result))


def convergence(result: Result) -> Finding:
    """Whether zero-centred activations reach the target in fewer updates than those that are never negative."""
    claim = "Zero-centred activation functions reach the target in fewer updates"
    runs = result.runs
    target = target_text(result.experiment.target)
    medians = median_updates(runs)
    fastest = medians.idxmin()
    if not math.isfinite(medians.min()):
        evidence = f"In no group have more than half of the runs reached {target}."
        return Finding(claim, UNDECIDED, evidence, limits(result))
    best = f"Fastest to {target} is {fastest}: median {medians.min():,.0f} updates."
    verdicts, parts = [], []
    for _, members in runs.groupby(SAME_BUT_ACTIVATION, sort=False):
        names = dict(zip(members["activation"], members["group"], strict=True))
        centred = [name for name in names if ACTIVATIONS[name].zero_centred]
        positive = [name for name in names if ACTIVATIONS[name].range[0] >= 0]
        for slow in positive:
            table = speed_up(members, names[slow]).set_index("group")
            for fast in centred:
                row = table.loc[[names[fast]]].to_dict("records")[0]
                if math.isnan(row["ratio"]):
                    continue
                verdicts.append(_speed_verdict(row["low"], row["high"]))
                times = _times(row["ratio"], row["low"], row["high"])
                parts.append(f"{names[fast]} against {names[slow]}: {times} (n = {row['pairs']} paired seeds)")
    if not parts:
        evidence = f"{best} No two groups differ in the centring of the function alone and reach it."
        return Finding(claim, UNDECIDED, evidence, limits(result))
    count = verdicts.count
    tally = f"{count(SUPPORTED)} of {_count(len(parts), 'comparison')} faster, {count(NOT_SUPPORTED)} slower"
    shown = _list(parts[:3]) + (f"; {len(parts) - 3} more comparisons" if len(parts) > 3 else "")
    evidence = f"{best} {tally}. How many times fewer updates, with 95 % interval: {shown}."
    return Finding(claim, _overall(verdicts), evidence, limits(result, rates=True))


def runs(result: Result) -> Finding:
    """What became of the runs: how many reached the target, and which group classifies the test set best."""
    table = result.runs
    reached = int((table["status"] == "converged").sum())
    of = f"{_count(len(table), 'run')} in {_count(table['group'].nunique(), 'group')}"
    claim = f"{reached} of {of} reached {target_text(result.experiment.target)}"
    accuracy = table.groupby("group", sort=False)["final_test_accuracy"].median()
    evidence = ""
    if accuracy.notna().any():
        evidence = f"Best median test accuracy: {_percent(accuracy.max())} ({accuracy.idxmax()})."
    return Finding(claim, "", evidence, limits(result))


def limits(result: Result, rates: bool = False) -> str:
    """How many runs the finding rests on, and what they leave out."""
    status = result.runs["status"].value_counts()
    censored, diverged = int(status.get("not_reached", 0)), int(status.get("diverged", 0))
    seeds = result.runs.groupby("group", sort=False)["seed"].nunique()
    n = f"n = {_count(len(result.runs), 'run')}, {_count(int(seeds.min()), 'seed')} a group"
    text = (
        f"{n}, on {result.experiment.dataset}; {censored} have not reached the target (censored), {diverged} diverged."
    )
    if rates and result.runs["learning_rate"].nunique() == 1:
        text += " One learning rate is not a fair comparison: each group may have a better one."
    return text


def unmeasured(result: Result) -> str:
    """Why nothing was measured in hidden layers, where that is so."""
    if result.layers.empty:
        if len(result.runs) and result.runs["status"].eq("diverged").all():
            return "All of these runs had diverged at initialisation, so nothing was measured in their layers."
        return "Nothing was measured in the layers of these runs."
    if not any(result.experiment.hidden):
        return "These networks have no hidden layer."
    return "Nothing was measured in a hidden layer."


def _verdict(hits: int, n: int) -> str:
    if n == 0:
        return UNDECIDED
    return SUPPORTED if hits == n else NOT_SUPPORTED if hits == 0 else MIXED


def _overall(verdicts: list[str]) -> str:
    kinds = set(verdicts)
    return kinds.pop() if len(kinds) == 1 else MIXED


def _speed_verdict(low: float, high: float) -> str:
    if low > 1:
        return SUPPORTED
    return NOT_SUPPORTED if high < 1 else UNDECIDED


def _times(ratio: float, low: float, high: float) -> str:
    if math.isinf(ratio):
        return "reached it, the other did not"
    if ratio == 0:
        return "did not reach it, the other did"
    return f"{ratio:.3g} times ({low:.3g} to {_number(high)})"


def _number(value: float) -> str:
    return "no upper limit" if np.isinf(value) else f"{value:.3g}"


def target_text(target: str) -> str:
    """A target in words: train_accuracy:0.9 is "train accuracy ≥ 0.9"."""
    name, _, value = target.partition(":")
    return f"{name.replace('_', ' ')} {'≤' if name.endswith('loss') else '≥'} {value}"


def _scheme(initialiser: str, gain: float) -> str:
    return initialiser if gain == 1 else f"{initialiser} gain {gain:g}"


def _percent(share: float) -> str:
    if not math.isfinite(share):
        return "none recorded"
    # 99.97 % is not 100 %, and 0.03 % not 0 %: a claim may turn on such a difference.
    if 0.999 <= share < 1:
        return "just under 100 %"
    if 0 < share < 0.0005:
        return "<0.1 %"
    return f"{share:.1%}".replace("%", " %") if 0 < share < 0.1 else f"{share:.0%}".replace("%", " %")


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _list(parts: list[str]) -> str:
    return "; ".join(parts)
