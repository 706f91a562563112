"""Every sentence about a result reads right and states no number of its own: over random experiments, half-trained too.

What the numbers are that sentences state is recomputed in tests/test_numbers.py.
"""

import re
from collections.abc import Iterable, Iterator

import pytest

from core import text
from core.experiment.experiment import FIELDS, Experiment
from core.lessons import batch_size, findings, signal_propagation
from core.lessons.findings import Finding
from core.registries.activations import ACTIVATIONS
from core.registries.initialisers import INITIALISERS
from core.results.convergence import best_rates, exploded_text, speed_up
from core.results.evidence import Number
from core.results.results import Result
from core.text import VERDICTS, words
from tests.odd_experiments import CASES, Case, places, results, said, squares

NOUNS = ("run", "update", "seed", "group", "layer", "comparison", "function", "network", "example", "unit", "epoch")
WRONG = {
    "a missing number": r"\b(nan|NaN|inf|None(?! of))\b|<NA>",
    "an empty clause": r"\(\s*\)|\s[,.;:)]|[:;,]\s*[.;:,]|\.\.|\(\s",
    "a double space": r"  ",
    "two numbers in a row": r"\d \d",
    "one thing in the plural": rf"(?<![\d.,])1 (more )?({'|'.join(NOUNS)})s\b",
    "several things in the singular": rf"(?<![\d.,])(?!1 )(\d[\d.,]*)?\d (more )?({'|'.join(NOUNS)})\b",
    "one that have": r"(?<![\d.,])1 (have|are|were)\b|(?<![\d.,])(?!1 )\d+ (has|is|was)\b",
    "a wrong ordinal": r"\d*(1[1-3](st|nd|rd)|(?<!1)(1(nd|rd|th)|2(st|rd|th)|3(st|nd|th))|[04-9](st|nd|rd))\b",
    "a long fraction": r"\d\.0*[1-9]\d{4,}",
    "a computer's notation": r"\d[eE]-0\d|−0 %|Timestamp|np\.|\bTrue\b|\bFalse\b",
}


def findings_of(case: Case, whole: bool) -> list[Finding]:
    """All that is said of a result with a verdict."""
    return [*said(case, whole).values(), *(found for found, _ in squares(case, whole))]


def texts_of(result: Result) -> Iterator[str]:
    """What else is said of a result in whole sentences."""
    for final in (True, False):
        yield exploded_text(result, final)
    for epoch, layer in places(result):
        yield from batch_size.apart_from_theory(batch_size.by_layer(result, epoch), layer)
    for epoch in sorted({epoch for epoch, _ in places(result)}):
        if result.layers["role"].eq("hidden").any():
            yield from (why for _, why in (*signal_propagation.trained(epoch), *signal_propagation.reasons(result)))


def notes_of(result: Result) -> Iterator[str]:
    """What stands in tables, and is no sentence."""
    yield from best_rates(result.runs)["note"]
    yield from speed_up(result.runs, result.runs["group"].iloc[0])["text"]


def strange(said: str) -> list[str]:
    """What is wrong with a text."""
    return [f"{name}: {found[0]!r} in {said}" for name, wrong in WRONG.items() if (found := re.search(wrong, said))]


def name_pattern(function: str) -> str:
    """The function's name in words, not as the end of another one's."""
    before = "".join(f"(?<!{other} )" for other in ("centred", "steep", "hard", "lecun", "leaky"))
    return rf"(?i){before}\b{words(function)}\b"


def absent(experiment: Experiment) -> list[str]:
    return [name for name in ACTIVATIONS if name not in {*experiment.activation, *INITIALISERS}]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "so_far"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case)[:60])
def test_every_sentence_reads_right(case: Case, whole: bool) -> None:
    result = results(case)[0 if whole else 1]
    about, experiment = result.experiment.to_query(), result.experiment
    if result.runs.empty:
        return
    for found in findings_of(case, whole):
        assert found.verdict in (*VERDICTS, "")
        assert strange(found.sentence.replace(findings.target_text(experiment.target), "the target")) == [], about
        assert found.sentence.endswith("."), (about, found)
        assert found.evidence == "" or re.match(r"[A-Z\d<]", found.evidence), (about, found)
        if not found.evidence.startswith(("No ", "There is nothing to compare")):
            named = found.evidence.replace("the logistic", "").partition("There is nothing to compare")[0]
            assert [name for name in absent(experiment) if re.search(name_pattern(name), named)] == [], (about, found)
        if experiment.seeds == 1:
            assert found.verdict in ("not decided", ""), (about, found)
            assert "interval" not in found.evidence, (about, found)
        assert unbacked(found, experiment) == [], (about, found)
    for text_ in texts_of(result):
        assert strange(text_) == [], about
        assert text_ == "" or text_.endswith("."), (about, text_)
    for note in notes_of(result):
        assert strange(note) == [], about


# Numerals


FIXED = (
    "95 % interval", "95 % intervals", "least 95 % of the examples",
    "as many as 1 % of the units", "from 0", "at update 0", "only 2 of",
    "the 4 functions", "the 5 functions", "all 4 functions", "all 5 functions", "2,000 bootstrap draws",
    "Random: 50 %", "within 10 %", "within 5 percentage", "times lower",
)  # fmt: skip
"""What stands for definitions, and for nothing measured."""
MORE = r"and [\d,]+ more \w+"
"""What is left out of a list: how many things are named is for all to see."""


def numerals(said: str) -> list[str]:
    """All that is written in digits, with commas and fractions."""
    return re.findall(r"\d[\d,]*\d(?:\.\d+)?|\d(?:\.\d+)?", said)


def unbacked(found: Finding, experiment: Experiment) -> list[str]:
    """Numerals in a finding's evidence and limits that belong to no name and are in no number that it carries."""
    said = f"{found.evidence} {found.limits}"
    said = said.replace(findings.target_text(experiment.target), "")
    for name in sorted(names_of(experiment), key=len, reverse=True):
        said = re.sub(rf"(?<![\w.,]){re.escape(name)}(?![\w]|[.,]\d)", "", said)
    said = re.sub(r"Hidden layers of [\d, and]+ units?", "", said)
    for phrase in FIXED:
        said = re.sub(rf"{re.escape(phrase)}(?![\d.,]\d)", "", said)
    said = re.sub(MORE, "", said)
    said = re.sub(r"2[ⁿ⁰¹²³⁴⁵⁶⁷⁸⁹]+", "", said)
    backed = {numeral for number in found.numbers for numeral in written(number)}
    return [numeral for numeral in numerals(said) if numeral not in backed]


def names_of(experiment: Experiment) -> Iterable[str]:
    """Names with digits in them: the data, groups, schemes, networks, batch sizes and rates as they are written."""
    yield from experiment.dataset
    yield from experiment.groups()
    rates = [FIELDS["learning_rate"].write((rate,)) for rate in experiment.learning_rate]
    gains = [f"{gain:g}" for gain in experiment.gain]
    networks = ["-".join(map(str, widths)) or "none" for widths in experiment.hidden]
    sizes = [str(size) for size in experiment.batch_size if size]
    for scheme in experiment.initialiser:
        yield scheme
        yield from (f"{scheme} gain {gain}" for gain in gains)
    yield from (f"rate {rate}" for rate in rates)
    yield from (f"learning rate {rate}" for rate in rates)
    for network in networks:
        yield from (f"hidden {network}", f"({network})", f"· {network}")
    for data in experiment.dataset:
        examples, _ = experiment.part_sizes(data)
        yield from (f"with {min(size, examples):,} examples" for size in (*map(int, sizes), examples))
    for size in sizes:
        yield from (f"batch {size}", f"a batch of {size}")


def written(number: Number) -> Iterator[str]:
    """The numerals by which a number, its n and what selects its rows may be written."""
    yield from numerals(str(number))
    yield f"{number.n:,}"
    if abs(number.value) < float("inf"):
        yield from numerals(text.amount(number.value))
    for column, value in number.of:
        if column in ("epoch", "layer", "fan_in"):
            yield f"{value:,}"


@pytest.mark.parametrize(
    "said",
    [
        "nan %", "1 runs", "2 run", "1,000 run", "0.5 update", "best ()", "so: .", "two  spaces", "0.123456", "1e-05 s",
        "ratio inf", "None, though", "1 have reached", "2 has reached", "and 1 more groups", "2th", "21th", "11st",
        "the 3nd", "epoch 7 7 of 8",
    ],
)  # fmt: skip
def test_what_is_strange_is_found(said: str) -> None:
    assert strange(said)


def test_what_is_not_strange_is_not() -> None:
    fine = "None of the 2 runs, 1 seed a group; 1,001 updates (median 0.5 updates), 1 of 1 run, gain 50, layer 2: 3 %."
    assert strange(fine) == []
    assert (
        strange("1st, 2nd, 3rd, 4th, 11th, 12th, 13th, 21st, 22nd, 98th, 111th; 12 have, 1 has; none reached it.") == []
    )


def test_a_numeral_without_a_number_is_found() -> None:
    one = Number("runs", (), 12.0, 12)
    experiment = Experiment()
    assert unbacked(Finding("", "", "12 of tanh · normal:0.01.", "", (one,)), experiment) == []
    assert unbacked(Finding("", "", "13 of tanh · normal:0.01.", "", (one,)), experiment) == ["13"]
    assert unbacked(Finding("", "", "12 of tanh · normal:0.01: 1.25.", "", (one,)), experiment) == ["1.25"]
