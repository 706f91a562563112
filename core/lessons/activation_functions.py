"""Activation functions in tables and words: curves, what a Gaussian becomes in them, and what e^x costs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.activations import ACTIVATIONS
from core.findings import MIXED, NOT_SUPPORTED, SUPPORTED, Finding
from core.lessons import listed, number, words
from core.theory import gaussian_output, gaussian_saturation
from core.timing import ActivationCost, Machine, StepCost

SAMPLE = 10_000
REACH = 6.0
POINTS = 241
BINS = 40
# Within this factor of each other two medians of a shared machine are the same.
NOTICEABLE_RATIO = 1.1

SLOPES = {
    "logistic": r"f(x)\,(1 - f(x))",
    "tanh": r"1 - f(x)^2",
    "centred_logistic": r"\tfrac{1}{4} - f(x)^2",
    "steep_logistic": r"4 f(x)\,(1 - f(x))",
    "steep_centred_logistic": r"1 - 4 f(x)^2",
    "lecun_tanh": r"1.1439\,\left(1 - \left(\tfrac{f(x)}{1.7159}\right)^2\right)",
    "softsign": r"(1 - |f(x)|)^2",
    "hard_tanh": r"1 \text{ for } |x| < 1, \text{ else } 0",
    "hard_logistic": r"\tfrac{1}{4} \text{ for } |x| < 2, \text{ else } 0",
    "relu": r"1 \text{ for } x > 0, \text{ else } 0",
    "leaky_relu": r"1 \text{ for } x > 0, \text{ else } 0.01",
    "identity": r"1",
}
"""f'(x) as LaTeX."""

# tanh is (e^x - e^-x) / (e^x + e^-x), and the logistic is computed from it.
NEED_EXPONENTIAL = tuple(name for name in ACTIVATIONS if "logistic" in name or "tanh" in name if "hard" not in name)


def formulas(names: Sequence[str]) -> str:
    """f(x) and f'(x) of each activation as one LaTeX block."""
    lines = []
    for name in names:
        title = words(name).replace("_", " ")
        lines.append(rf"&\textbf{{{title}}} \\ &f(x) = {ACTIVATIONS[name].formula} \\ &f'(x) = {SLOPES[name]}")
    return r"\begin{aligned}" + r" \\[0.8em] ".join(lines) + r"\end{aligned}"


def curve_table(names: Sequence[str], threshold: float) -> pd.DataFrame:
    """f and f' from -REACH to REACH: columns activation, x, value, slope, saturated (slope ratio below threshold)."""
    x = np.linspace(-REACH, REACH, POINTS)
    return pd.concat(
        pd.DataFrame(
            {
                "activation": name,
                "x": x,
                "value": ACTIVATIONS[name].forward(x),
                "slope": ACTIVATIONS[name].slope(x),
                "saturated": ACTIVATIONS[name].slope_ratio(x) < threshold,
            }
        )
        for name in names
    ).reset_index(drop=True)


def sample(std: float, n: int = SAMPLE, seed: int = 0) -> NDArray[np.float64]:
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
        share = float(np.mean(activation.slope_ratio(a) < threshold))
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
                "sample_saturated": share,
                "sample_saturated_error": (share * (1.0 - share) / n) ** 0.5,
                "n": n,
                "seed": seed,
            }
        )
    return pd.DataFrame(rows)


def output_histogram(names: Sequence[str], std: float, n: int = SAMPLE, seed: int = 0) -> pd.DataFrame:
    """Distribution of h = f(a), a ~ N(0, std^2), on bins that all activations share.

    Columns: activation, left, right, share (of a sample of `n`) and expected. The bins end where the outputs of all
    but the outermost 0.2 % lie; the outermost bins hold what is beyond.
    """
    a = sample(std, n, seed)
    z = (np.arange(16_000) + 0.5) / 1000.0 - 8.0
    weights = np.exp(-0.5 * z * z)
    weights /= weights.sum()
    outputs = {name: ACTIVATIONS[name].forward(a) for name in names}
    ends = [ACTIVATIONS[name].forward(3.1 * std * np.array([-1.0, 1.0])) for name in names]
    low, high = min(0.0, *(float(end[0]) for end in ends)), max(0.0, *(float(end[1]) for end in ends))
    # 0 is the middle of a bin, so that what is symmetric about it looks so.
    width = max(high - low, 1e-9) / BINS
    centre_bins = (np.floor(low / width), np.ceil(high / width))
    edges = (np.arange(centre_bins[0], centre_bins[1] + 2) - 0.5) * width
    parts = []
    for name, h in outputs.items():
        expected = ACTIVATIONS[name].forward(std * z)
        parts.append(
            pd.DataFrame(
                {
                    "activation": name,
                    "left": edges[:-1],
                    "right": edges[1:],
                    "share": np.histogram(h.clip(edges[0], edges[-1]), edges)[0] / n,
                    "expected": np.histogram(expected.clip(edges[0], edges[-1]), edges, weights=weights)[0],
                }
            )
        )
    return pd.concat(parts).reset_index(drop=True)


def centring(table: pd.DataFrame) -> str:
    """Which of the functions in an `output_table` keep a centred input centred, in a sentence or two."""
    off = table[table["mean"].abs() > 1e-9]
    centred = [words(name) for name in table["activation"] if name not in set(off["activation"])]
    parts = [f"{words(row.activation)} {number(row.mean)}" for row in off.itertuples()]
    text = f"The pre-activations have mean 0. The outputs of {listed(centred)} keep it. " if centred else ""
    if parts:
        text += f"Mean output of {'the others' if centred else 'the functions chosen'}: {listed(parts)}."
        never = [words(name) for name in off["activation"] if ACTIVATIONS[name].range[0] >= 0]
        if never:
            text += f" No output of {listed(never)} is negative."
    return text.strip()


# The cost of e^x


def cost_table(costs: Sequence[ActivationCost]) -> pd.DataFrame:
    """Measured times: columns activation, dtype, direction, seconds_per_element, repeats, needs_exponential."""
    table = pd.DataFrame([vars(cost) for cost in costs])
    return table.assign(needs_exponential=table["activation"].isin(NEED_EXPONENTIAL))


def step_table(steps: Sequence[StepCost]) -> pd.DataFrame:
    """Measured training steps, a row for each activation and layer width."""
    return pd.DataFrame([vars(step) for step in steps])


def cost(costs: pd.DataFrame, steps: pd.DataFrame, machine: Machine) -> Finding:
    """Whether the logistic costs more than functions without e^x, and what that means for a training step.

    Args:
        costs: `cost_table` with both precisions.
        steps: `step_table` of one precision.
        machine: where both were measured.
    """
    claim = "The logistic is computationally expensive because of e^x"
    nanoseconds = costs.assign(ns=1e9 * costs["seconds_per_element"]).set_index(["activation", "dtype", "direction"])[
        "ns"
    ]
    total = nanoseconds.groupby(level=["dtype", "activation"], sort=False).sum()
    forward = nanoseconds.xs("forward", level="direction")
    plain = [name for name in ("relu", "hard_logistic") if name in total.index.get_level_values("activation")]
    both = [
        {
            _compare(forward["logistic", dtype], forward[other, dtype]),
            _compare(total[dtype, "logistic"], total[dtype, other]),
        }
        for dtype in dict.fromkeys(costs["dtype"])
        for other in plain
    ]
    verdicts = set().union(*both)
    verdict = SUPPORTED if verdicts == {1} else NOT_SUPPORTED if 1 not in verdicts else MIXED
    parts = [
        f"{dtype}: {number(forward['logistic', dtype])} ns forward and {number(total[dtype, 'logistic'])} ns with the way "
        f"back for the logistic, "
        + ", ".join(
            f"{number(forward[name, dtype])} and {number(total[dtype, name])} ns for {words(name)}"
            for name in ["tanh", *plain]
        )
        for dtype in dict.fromkeys(costs["dtype"])
    ]
    evidence = f"Time per element, {'; '.join(parts)}. {_tanh_and_relu(total)} {_share(steps)}"
    limits = (
        f"Measured on {machine.processor} ({machine.system}), NumPy {machine.numpy}, one thread, arrays that fit the "
        f"cache; medians of {int(costs['repeats'].min())} repeats or more. Another machine or library may order them "
        "otherwise."
    )
    return Finding(claim, verdict, evidence, limits)


def _compare(left: float, right: float) -> int:
    """1, 0 or -1: above, about equal, below."""
    return 1 if left > NOTICEABLE_RATIO * right else -1 if right > NOTICEABLE_RATIO * left else 0


def _tanh_and_relu(total: pd.Series) -> str:
    """tanh needs e^x too: is it dearer than relu here?"""
    said = {1: "dearer than relu", 0: "about as dear as relu", -1: "cheaper than relu"}
    found = {
        dtype: said[_compare(total[dtype, "tanh"], total[dtype, "relu"])]
        for dtype in dict.fromkeys(total.index.get_level_values("dtype"))
    }
    kinds = dict.fromkeys(found.values())
    if len(kinds) == 1:
        return f"tanh needs e^x as well, and both ways together is {next(iter(kinds))} here."
    return f"tanh needs e^x as well, and both ways together is {listed([f'{kind} in {dtype}' for dtype, kind in found.items()])} here."


def _share(steps: pd.DataFrame) -> str:
    own = steps[steps["activation"] == "logistic"].sort_values("width")
    first, last = own.iloc[0], own.iloc[-1]
    return (
        f"Of a whole training step in {first['dtype']}, the logistic takes {first['share']:.0%} in layers of "
        f"{first['width']} units and {last['share']:.1%} in layers of {last['width']}."
    ).replace("%", " %")
