"""Every sentence about a result reads right, whatever the experiment: random small ones, extremes and half-trained."""

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from core import effects, findings
from core.activations import ACTIVATIONS
from core.claims import CLAIMS
from core.evidence import MEASURES
from core.experiment import Experiment
from core.findings import Finding
from core.initialisers import INITIALISERS
from core.results import Result, collect
from core.text import VERDICTS, words
from tests.engine import records

NOUNS = ("run", "update", "seed", "group", "layer", "comparison", "function", "network", "example", "unit", "epoch")
WRONG = {
    "a missing number": r"\b(nan|inf|NaN|None(?! of))\b",
    "an empty clause": r"\(\s*\)|\s[,.;:)]|[:;,]\s*[.;:,]|\.\.|\(\s",
    "a double space": r"  ",
    "one thing in the plural": rf"(?<![\d.,])1 ({'|'.join(NOUNS)})s\b",
    "several things in the singular": rf"(?<![\d.,])(?!1 )(\d[\d.,]*)?\d ({'|'.join(NOUNS)})\b",
    "a long fraction": r"\d\.\d{5,}",
    "a computer's notation": r"\d[eE][+-]\d|Timestamp|np\.|\bTrue\b|\bFalse\b",
}
SCHEMES = ("zeros", "constant:0.1", "constant:10", "normal:0.01", "normal:1", "normal:10", "normal:0", "glorot_uniform",
           "he_normal", "identity", "sparse:1", "uniform:0.5")  # fmt: skip


def pick(rng: np.random.Generator, values: Any, most: int = 1) -> str:
    size = int(rng.integers(1, most + 1))
    return ",".join(str(value) for value in rng.choice(values, min(size, len(values)), replace=False))


def random_experiment(rng: np.random.Generator) -> Experiment:
    """A small experiment: any functions and schemes, and settings at the edge of what can be trained."""
    four = [",".join([*effects.FOUR, "tanh"])]
    functions = pick(rng, four) if rng.random() < 0.2 else pick(rng, list(ACTIVATIONS), 3)
    target, epochs = pick(rng, ["train_accuracy:0.3", "train_accuracy:0.9", "train_loss:0.693", "test_loss:5"]), 3
    return Experiment.from_params(
        {
            "dataset": "two_moons",
            "samples": int(rng.integers(24, 40)),
            "test_share": 0.3,
            "activation": functions,
            "initialiser": pick(rng, SCHEMES, 3),
            "gain": pick(rng, [1, 2, 50], 2),
            "hidden": pick(rng, ["none", "1", "1-1", "4-2", "3-3-3"], 2),
            "learning_rate": pick(rng, [0.1, 1, 1000], 2),
            "batch_size": pick(rng, ["full", "100000", "1", "7"], 2),
            "loss": pick(rng, ["cross_entropy", "squared_error"]),
            "statistics": pick(rng, ["full", "full", "standard"]),
            "target": target,
            "epochs": epochs,
            "seeds": int(rng.integers(1, 4)),
            "record": pick(rng, ["every", "0,3", "log"]),
        }
    )


def findings_of(result: Result) -> Iterator[Finding]:
    """All that is said of a result, apart from lessons."""
    for find in (findings.saturation, findings.dead_flat, findings.gradient_signs, findings.convergence, findings.runs):
        yield find(result)
    for claim in CLAIMS:
        yield claim.judge(result)
    for runs in effects.settings(result.runs).values():
        for outcome in effects.OUTCOMES:
            try:
                yield effects.finding(effects.decompose(runs, outcome, resamples=50))
            except ValueError:
                continue  # so far no seed is common to all functions


def strange(text: str) -> list[str]:
    """What is wrong with a text."""
    return [f"{name}: {found[0]!r} in {text}" for name, wrong in WRONG.items() if (found := re.search(wrong, text))]


def name_pattern(function: str) -> str:
    """The function's name in words, not as the end of another one's."""
    before = "".join(f"(?<!{other} )" for other in ("centred", "steep", "hard", "lecun", "leaky"))
    return rf"(?i){before}\b{words(function)}\b"


@pytest.mark.parametrize("seed", range(20))
def test_every_sentence_reads_right(seed: int) -> None:
    rng = np.random.default_rng(seed)
    experiment = random_experiment(rng)
    trained = records(experiment)
    ends = {int(record.runs.flat[0]): int(rng.integers(-1, 3)) for record in trained}  # by chunk; -1: not begun
    half = [record for record in trained if record.epoch <= ends[int(record.runs.flat[0])]]
    for result in (collect(experiment, trained), collect(experiment, half)):
        if result.runs.empty:
            continue
        for found in findings_of(result):
            about = experiment.to_query()
            assert found.verdict in (*VERDICTS, "")
            assert strange(found.sentence) == [], about
            assert found.sentence.endswith("."), about
            assert found.evidence == "" or found.evidence[0].isupper() or found.evidence[0].isdigit(), about
            if not found.evidence.startswith(("No ", "There is nothing to compare")):
                named = found.evidence.replace("the logistic", "").partition("There is nothing to compare")[0]
                assert [name for name in absent(experiment) if re.search(name_pattern(name), named)] == [], found
            if experiment.seeds == 1:
                assert found.verdict in ("not decided", ""), (about, found)
                assert "interval" not in found.evidence, about
            for number in found.numbers:
                assert number.measure in MEASURES
                assert math.isfinite(number.value) or number.measure in NOT_FINITE, (about, number)


def absent(experiment: Experiment) -> list[str]:
    return [name for name in ACTIVATIONS if name not in {*experiment.activation, *INITIALISERS}]


NOT_FINITE = ("median updates_to_target", "median final_test_accuracy", "times fewer updates, most")
"""A median that is not reached is infinite."""


@pytest.mark.parametrize(
    "text",
    [
        "nan %",
        "1 runs",
        "2 run",
        "1,000 run",
        "0.5 update",
        "best ()",
        "so: .",
        "two  spaces",
        "0.123456",
        "1e-05 s",
        "ratio inf",
        "None, though",
    ],
)
def test_what_is_strange_is_found(text: str) -> None:
    assert strange(text)


def test_what_is_not_strange_is_not() -> None:
    assert (
        strange(
            "None of the 2 runs, 1 seed a group; 1,001 updates (median 0.5 updates), 1 of 1 run, gain 50, layer 2: 3 %."
        )
        == []
    )
