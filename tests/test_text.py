"""Numbers in words."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import text


@given(st.floats(0.0, 1.0))
def test_only_none_is_0_and_only_all_is_100_per_cent(value: float) -> None:
    assert (text.share(value) == "0 %") == (value == 0)
    assert (text.share(value) == "100 %") == (value == 1)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0 %"),
        (0.0003, "<0.1 %"),
        (0.052, "5.2 %"),
        (0.14, "14 %"),
        (0.997, "just under 100 %"),
        (1.0, "100 %"),
        (614.4, "61,440 %"),
        (-12.0, "−1,200 %"),
    ],
)
def test_a_share_is_said_in_per_cent(value: float, said: str) -> None:
    assert text.share(value) == said


@given(st.floats(0.0, 1.0), st.sampled_from([0, 1, 2]))
def test_with_any_number_of_decimals_only_none_is_0_and_only_all_is_100_per_cent(value: float, decimals: int) -> None:
    said = text.percent(value, decimals)
    number = float(said.strip("<> %"))
    assert ("<" not in said and number == 0) == (value == 0)
    assert (">" not in said and number == 100) == (value == 1)
    assert abs(number / 100 - value) <= 10.0 ** (-decimals - 2)


@pytest.mark.parametrize(
    ("value", "decimals", "said"),
    [
        (0.003, 0, "<1 %"),
        (0.014, 0, "1 %"),
        (0.997, 0, ">99 %"),
        (0.128649, 2, "12.86 %"),
        (1e-9, 2, "<0.01 %"),
        (0.995, 0, ">99 %"),
        (0.005, 0, "<1 %"),
        (12.345678, 1, "1,234.6 %"),
    ],
)
def test_tables_and_marks_have_fewer_words(value: float, decimals: int, said: str) -> None:
    assert text.percent(value, decimals) == said


def test_numbers_have_three_digits_a_real_minus_and_a_power_of_ten_where_huge_or_tiny() -> None:
    assert [text.number(value) for value in (-0.12345, 2.0, 1234.5, 2e8, -0.0, -1.234e-10)] == [
        "−0.123",
        "2",
        "1,230",
        "2 × 10⁸",
        "0",
        "−1.23 × 10⁻¹⁰",
    ]


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 8))
def test_a_number_is_written_without_a_computers_notation_and_is_that_number(value: float, digits: int) -> None:
    said = text.number(value, digits)
    mantissa, _, power = said.replace(",", "").replace(text.MINUS, "-").partition(" × 10")
    plain = power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
    assert re.fullmatch(r"−?\d{1,3}(,\d{3})*(\.\d+)?( × 10⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)?", said)
    assert float(f"{mantissa}e{plain or 0}") == float(f"{value:.{digits}g}")


def test_a_share_that_is_not_there_is_said_so() -> None:
    assert text.share(math.nan) == "not measured"


@pytest.mark.parametrize(
    ("n", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (12, "12th"), (25, "25th"), (102, "102nd")]
)
def test_ordinals(n: int, said: str) -> None:
    assert text.ordinal(n) == said


def test_the_median_in_words_is_the_median() -> None:
    assert text.updates(112.5) == "112.5 updates"
    assert text.updates(1.0) == "1 update"
    assert text.updates(math.inf) == "not reached"


def test_lists_and_counts() -> None:
    assert [text.listed(list("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert [text.count(n, "run") for n in (0, 1, 2000)] == ["0 runs", "1 run", "2,000 runs"]
    assert text.count(2, "loss", "losses") == "2 losses"


def test_an_interval_that_is_a_point_is_none() -> None:
    assert text.interval(2.0, 2.0, 1) == "1 seed"
    assert text.interval(1.8, 2.2, 5) == "95 % interval 1.8 to 2.2, 5 seeds"
    assert text.interval(1.8, math.inf, 5) == "95 % interval 1.8 to no limit, 5 seeds"


def test_one_verdict_of_several() -> None:
    assert text.verdict([]) == text.UNDECIDED
    assert text.verdict([True, False]) == text.MIXED
    assert text.overall([text.SUPPORTED, text.UNDECIDED]) == text.SUPPORTED
    assert text.overall([text.SUPPORTED, text.NOT_SUPPORTED]) == text.MIXED


@pytest.mark.parametrize(
    ("label", "short"),
    [
        ("tanh · " + "-".join(["64"] * 24), "tanh · 24 × 64"),
        ("64-64-64-64 · rate 0.1", "4 × 64 · rate 0.1"),
        ("64-64-64", "64-64-64"),
        ("65 % in relu · 64-64-64-64, 7 % in relu · 8-8-8-8.", "65 % in relu · 4 × 64, 7 % in relu · 4 × 8."),
        ("64-64-64-64.5", "64-64-64-64.5"),
        ("64-64-64-64-32", "64-64-64-64-32"),
        ("164-64-64-64-64", "164-64-64-64-64"),
        ("uniform:1-1-1-1", "uniform:1-1-1-1"),
    ],
)
def test_many_layers_of_one_width_are_written_as_depth_by_width(label: str, short: str) -> None:
    assert text.short_group(label) == short


def test_of_many_a_sentence_names_a_few() -> None:
    many = [f"normal:{n}" for n in range(1, 41)]
    assert text.few(many) == "normal:1, normal:2, normal:3 and 37 more"
    assert text.few(many[:3]) == "normal:1, normal:2 and normal:3"
    assert text.few([]) == ""


VERDICT = st.sampled_from(text.VERDICTS)


@given(st.lists(VERDICT, max_size=8), st.integers(3, 5))
def test_what_is_named_of_many_shows_why_the_overall_verdict_is_what_it_is(verdicts: list[str], most: int) -> None:
    named = text.telling(verdicts, most)
    assert named == sorted(set(named))
    assert len(named) == min(most, len(verdicts))
    assert text.overall([verdicts[place] for place in named]) == text.overall(verdicts)
    if text.UNDECIDED in [verdicts[place] for place in named]:
        assert {verdicts[place] for place in range(len(verdicts)) if place not in named} <= {text.UNDECIDED}
