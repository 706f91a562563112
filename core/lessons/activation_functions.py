"""Activation functions in tables and words: curves, what a Gaussian becomes in them, and what eˣ costs."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.lessons.findings import Finding
from core.registries.activations import ACTIVATIONS
from core.text import MINUS, count, listed, number, percent, share, verdict, words
from core.theory.theory import gaussian_output, gaussian_saturation
from core.theory.timing import ELEMENTS, ActivationCost, Machine, StepCost

SAMPLE = 10_000
REACH = 6.0
POINTS = 241
BINS = 40
STDS = (0.1, 10.0)
# Two medians within this factor of each other count as the same: others use the machine too.
NOTICEABLE_RATIO = 1.1

# What the lecture's claim is tested on: with eˣ, and without.
WITH_EXPONENTIAL, WITHOUT_EXPONENTIAL = ("logistic", "tanh"), ("relu", "hard_logistic")
NEED_EXPONENTIAL = tuple(name for name, function in ACTIVATIONS.items() if function.needs_exp)


def formula(name: str) -> str:
    """f(x) and f'(x) of an activation as LaTeX, one above the other."""
    return (
        rf"\begin{{aligned}} &\textbf{{{words(name)}}} \\ &f(x) = {ACTIVATIONS[name].formula} \\ "
        rf"&f'(x) = {ACTIVATIONS[name].slope_formula} \end{{aligned}}"
    )


def curve_table(names: Sequence[str], threshold: float) -> pd.DataFrame:
    """f and f' from -REACH to REACH: columns activation, x, value, slope, saturated (slope ratio below threshold)."""
    x = np.linspace(-REACH, REACH, POINTS)
    functions = [ACTIVATIONS[name] for name in names]
    return pd.DataFrame(
        {
            "activation": np.repeat(list(names), POINTS),
            "x": np.tile(x, len(names)),
            "value": np.concatenate([function.forward(x) for function in functions]),
            "slope": np.concatenate([function.slope(x) for function in functions]),
            "saturated": np.concatenate([function.slope_ratio(x) < threshold for function in functions]),
        }
    )


def sample(std: float, n: int, seed: int) -> NDArray[np.float64]:
    """`n` pre-activations a ~ N(0, std^2): the same for every activation function."""
    return std * np.random.default_rng(seed).standard_normal(n)


def output_table(names: Sequence[str], std: float, threshold: float, n: int = SAMPLE, seed: int = 0) -> pd.DataFrame:
    """What a pre-activation a ~ N(0, std^2) becomes, by quadrature and in a sample of `n`, a row for each activation.

    Columns: activation, std; low and high (the range of f); mean, output_std, saturated_low, saturated_high and
    saturated by quadrature; sample_mean and sample_saturated, each with its standard error (..._error); n, seed.
    """
    a = sample(std, n, seed)
    rows = []
    for name in names:
        activation = ACTIVATIONS[name]
        mean, output_std = gaussian_output(activation, std)
        low, high = gaussian_saturation(activation, std, threshold)
        h = activation.forward(a)
        saturated = float(np.mean(activation.slope_ratio(a) < threshold))
        rows.append(
            {
                "activation": name,
                "std": std,
                "low": activation.range[0],
                "high": activation.range[1],
                "mean": mean,
                "output_std": output_std,
                "saturated_low": low,
                "saturated_high": high,
                "saturated": low + high,
                "sample_mean": float(h.mean()),
                "sample_mean_error": float(h.std(ddof=1)) / n**0.5,
                "sample_saturated": saturated,
                "sample_saturated_error": (saturated * (1.0 - saturated) / n) ** 0.5,
                "n": n,
                "seed": seed,
            }
        )
    return pd.DataFrame(rows)


def summary(outputs: pd.DataFrame) -> pd.DataFrame:
    """An `output_table` as it is read: one text a cell."""
    return pd.DataFrame(
        {
            "function": [words(name) for name in outputs["activation"]],
            "range": [
                f"{_bound(low)} to {_bound(high)}" for low, high in zip(outputs["low"], outputs["high"], strict=True)
            ],
            "mean, theory": [f"{mean + 0.0:.4f}" for mean in outputs["mean"].round(6)],
            "mean, sample": _with_error(outputs, "mean", 1.0, ""),
            "saturated, theory": [percent(saturated, 2) for saturated in outputs["saturated"]],
            "saturated, sample": _with_error(outputs, "saturated", 100.0, " %"),
        }
    )


def _bound(value: float) -> str:
    return number(value, 5).replace("inf", "∞")


def _with_error(outputs: pd.DataFrame, name: str, factor: float, unit: str) -> list[str]:
    digits = 4 if factor == 1 else 2
    pairs = zip(factor * outputs[f"sample_{name}"], factor * outputs[f"sample_{name}_error"], strict=True)
    return [f"{value:.{digits}f} ± {error:.{digits}f}{unit}".replace("-", MINUS) for value, error in pairs]


def saturation_table(names: Sequence[str], threshold: float) -> pd.DataFrame:
    """Share saturated of a ~ N(0, std^2) for std from 0.1 to 10: columns activation, std, saturated."""
    stds = np.geomspace(*STDS, 61)
    return pd.DataFrame(
        {
            "activation": np.repeat(list(names), len(stds)),
            "std": np.tile(stds, len(names)),
            "saturated": np.concatenate([_saturated(name, threshold) for name in names]),
        }
    )


@lru_cache(maxsize=64)
def _saturated(name: str, threshold: float) -> tuple[float, ...]:
    return tuple(sum(gaussian_saturation(name, float(std), threshold)) for std in np.geomspace(*STDS, 61))


def output_histogram(names: Sequence[str], std: float) -> pd.DataFrame:
    """Distribution of h = f(a), a ~ N(0, std^2), on bins that all activations share.

    Columns: activation, left, right, share (of a sample of SAMPLE) and expected. The bins end where the outputs of all
    but the outermost 0.2 % lie; the outermost bins hold what is beyond.
    """
    a = sample(std, SAMPLE, 0)
    z = (np.arange(16_000) + 0.5) / 1000.0 - 8.0
    weights = np.exp(-0.5 * z * z)
    weights /= weights.sum()
    outputs = {name: ACTIVATIONS[name].forward(a) for name in names}
    ends = [ACTIVATIONS[name].forward(3.1 * std * np.array([-1.0, 1.0])) for name in names]
    low, high = min(0.0, *(float(end[0]) for end in ends)), max(0.0, *(float(end[1]) for end in ends))
    # 0 is the middle of a bin, so that a distribution that is symmetric about 0 looks symmetric.
    width = max(high - low, 1e-9) / BINS
    centre_bins = (np.floor(low / width), np.ceil(high / width))
    edges = (np.arange(centre_bins[0], centre_bins[1] + 2) - 0.5) * width
    share, expected = [], []
    for name, h in outputs.items():
        share.append(np.histogram(h.clip(edges[0], edges[-1]), edges)[0] / SAMPLE)
        by_quadrature = ACTIVATIONS[name].forward(std * z).clip(edges[0], edges[-1])
        expected.append(np.histogram(by_quadrature, edges, weights=weights)[0])
    return pd.DataFrame(
        {
            "activation": np.repeat(list(outputs), len(edges) - 1),
            "left": np.tile(edges[:-1], len(outputs)),
            "right": np.tile(edges[1:], len(outputs)),
            "share": np.concatenate(share),
            "expected": np.concatenate(expected),
        }
    )


def centring(table: pd.DataFrame) -> str:
    """Which of the functions in an `output_table` keep a centred input centred, in a sentence or two."""
    off = table[table["mean"].abs() > 1e-9]
    centred = [words(name) for name in table["activation"] if name not in set(off["activation"])]
    parts = [f"{words(name)} {number(mean)}" for name, mean in zip(off["activation"], off["mean"], strict=True)]
    text = f"The pre-activations have mean 0. The outputs of {listed(centred)} keep it. " if centred else ""
    if parts:
        text += f"Mean output{' of the others' if centred else ''}: {listed(parts)}."
        never = [words(name) for name in off["activation"] if ACTIVATIONS[name].range[0] >= 0]
        if never:
            text += f" No output of {' or '.join(never)} is negative."
    return text.strip()


# The cost of eˣ


def cost_table(costs: Sequence[ActivationCost]) -> pd.DataFrame:
    """Measured times: columns activation, dtype, direction, seconds_per_element, repeats, needs_exponential."""
    table = pd.DataFrame([vars(cost) for cost in costs])
    return table.assign(needs_exponential=table["activation"].isin(NEED_EXPONENTIAL))


def step_table(steps: Sequence[StepCost]) -> pd.DataFrame:
    """Measured training steps, a row for each activation and layer width."""
    return pd.DataFrame([vars(step) for step in steps])


def cost(costs: pd.DataFrame, steps: pd.DataFrame, machine: Machine) -> Finding:
    """Whether the logistic costs more than functions without eˣ, and what that means for a training step.

    Args:
        costs: `cost_table` with both precisions.
        steps: `step_table` of one precision.
        machine: where both were measured.
    """
    claim = "The logistic is computationally expensive because of eˣ"
    forward, total = _nanoseconds(costs)
    found = [
        _compare(total[dtype, name], total[dtype, plain])
        for dtype in dict.fromkeys(costs["dtype"])
        for name in WITH_EXPONENTIAL
        for plain in WITHOUT_EXPONENTIAL
    ]
    dearer = found.count(1)
    evidence = (
        f"{_forward(forward)} Forward and back together, functions that need eˣ (logistic, tanh) are dearer than "
        f"functions that do not (relu, hard logistic) in {dearer} of {count(len(found), 'comparison')}"
        f"{_counter_example(total)}. {_of_a_step(steps)}"
    )
    repeats = count(int(costs["repeats"].min()), "repeat")
    limits = (
        f"Measured on {machine.processor}, {machine.system}, {count(machine.cores, 'core')}, "
        f"NumPy {machine.numpy} with {machine.blas}, Python {machine.python}; one thread, arrays of "
        f"{ELEMENTS:,} elements, medians of n = {repeats}. The logistic is computed from "
        "tanh. What differs by less than 10 % counts as equal; other machines and libraries may order them otherwise."
    )
    return Finding(claim, verdict([order == 1 for order in found]), evidence, limits)


def _nanoseconds(costs: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Nanoseconds per element forward, and forward and back together, by (dtype, activation)."""
    times = (1e9 * costs["seconds_per_element"]).groupby([costs["dtype"], costs["activation"], costs["direction"]])
    wide = times.first().unstack("direction")
    return wide["forward"], wide["forward"] + wide["backward"]


def _compare(left: float, right: float) -> int:
    """1, 0 or -1: above, about equal, below."""
    return 1 if left > NOTICEABLE_RATIO * right else -1 if right > NOTICEABLE_RATIO * left else 0


def _forward(forward: pd.Series) -> str:
    ratios = forward.xs("logistic", level="activation") / forward.xs("relu", level="activation")
    parts = [f"{ratio:.1f} times as long as relu in {dtype}" for dtype, ratio in ratios.items()]
    return f"Forward alone, the logistic takes {listed(parts)}."


def _counter_example(total: pd.Series) -> str:
    """tanh needs eˣ, relu does not: where tanh is not dearer, eˣ is not what costs."""
    each = {dtype: _compare(part["tanh"], part["relu"]) for dtype, part in total.unstack("activation").iterrows()}
    said = {0: "tanh costs about as much as relu", -1: "tanh is cheaper than relu"}
    parts = [f"in {dtype} {said[order]}" for dtype, order in each.items() if order in said]
    return f"; {listed(parts)}" if parts else ""


def _of_a_step(steps: pd.DataFrame) -> str:
    own = steps[steps["activation"] == "logistic"].sort_values("width")
    first, last = own.iloc[0], own.iloc[-1]
    return (
        f"Of a whole training step in {first['dtype']}, the passes through the logistic take "
        f"{share(first['share'])} with layers of {count(first['width'], 'unit')} and {share(last['share'])} with "
        f"layers of {last['width']}."
    )
