"""Long names: whatever the room, no two read alike, legends have them whole, and what is drawn in files says so too."""

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.charts import convergence, picture, style
from core.charts.long_names import BETWEEN, CUT, LENGTHS, apart, boxed, lines

CHAINS = (
    "variance_scaling:0.5:fan_in:truncated_normal;first=normal:0.1",
    "variance_scaling:0.5:fan_in:truncated_normal;first=normal:0.2",
    "normal:1; normal:0.1; 2 × glorot_uniform; he_normal",
    "normal:1; normal:0.1; 2 × glorot_uniform; he_uniform",
    "normal:1; normal:0.2; 2 × glorot_uniform; he_uniform",
)
SWEPT = tuple(map(BETWEEN.join, itertools.product(("tanh", "logistic"), CHAINS, ("rate 0.1", "rate 0.3"))))
RATES = tuple(f"tanh · normal:1 · 64-32-32-10 · lr {rate:g}" for rate in (0.1, 0.3, 0.03))

part = st.one_of(
    st.sampled_from([*CHAINS, "he_uniform", "64-32-32-10", "relu"]), st.text(alphabet="ab01.:;_ ", max_size=40)
)
settings = st.lists(part, min_size=1, max_size=4).map(BETWEEN.join)
name = st.one_of(settings, st.text(max_size=60), st.text(alphabet=f"ab.1{CUT}· ", max_size=30))
names = st.lists(name, min_size=1, max_size=24, unique=True)


@given(names, st.integers(8, 90))
@example(list(SWEPT), 18)
@example([f"{'a' * 30}{place:02}{'b' * 30}{place % 7}{'c' * 30}" for place in range(60)], 8)
@example(["1. ab", f"ab{'c' * 9}", f"ab{'c' * 9}d", "ab…c"], 8)
def test_no_two_names_read_alike_in_any_room_and_each_keeps_to_it(names: list[str], most: int) -> None:
    shown = apart(names, most)
    assert list(shown) == names
    assert len(set(shown.values())) == len(names)
    assert max(map(len, shown.values())) <= most
    numbered = all(shown[name].startswith(f"{place}. "[:most]) for place, name in enumerate(names, 1))
    assert numbered or all(shown[name] == name for name in names if len(name) <= most)


@pytest.mark.parametrize("most", [length for length in LENGTHS if length >= 27])
def test_the_groups_of_a_sweep_keep_every_setting_they_differ_in(most: int) -> None:
    for name, shown in apart(SWEPT, most).items():
        function, start, rate = shown.split(BETWEEN)
        assert function[:2] == name[:2]
        assert rate[-3:] == name[-3:]
        assert start[-2:] == name.split(BETWEEN)[1][-2:] or "…" in start


def test_what_differs_at_the_end_alone_is_kept_and_no_number_is_broken() -> None:
    assert [shown.split(BETWEEN)[-1] for shown in apart(RATES, 24).values()] == ["lr 0.1", "lr 0.3", "lr 0.03"]
    assert list(apart(CHAINS[:2], 24).values()) == ["variance_scaling:0.5…0.1", "variance_scaling:0.5…0.2"]
    assert [shown[-3:] for shown in apart(RATES, 12).values()] == ["0.1", "0.3", ".03"]
    assert list(apart(CHAINS, 14).values()) == ["var…0.1", "var…0.2", "nor…0.1…nor…", "nor…0.1…uni…", "nor…0.2…"]


@given(name, st.integers(1, 60))
@example(SWEPT[0], 18)
def test_a_name_in_lines_is_whole_and_no_line_is_too_long(name: str, most: int) -> None:
    broken = lines(name, most)
    assert max(map(len, broken)) <= most
    assert "".join("".join(broken).split()) == "".join(name.split())


def test_a_setting_and_a_number_stay_in_one_line() -> None:
    assert lines(SWEPT[1], 40) == (
        "tanh · variance_scaling:0.5:fan_in:",
        "truncated_normal;first=normal:0.1 ·",
        "rate 0.3",
    )
    network = ("relu · 64-32-64-", "32-64-32-64-32-64-", "32-64-32-64-32-64-", "32")
    assert lines("".join(network), 18) == network
    assert lines(CHAINS[2], 22) == ("normal:1; normal:0.1;", "2 × glorot_uniform;", "he_normal")


@given(st.lists(settings.map(str.split).map(" ".join), min_size=1, max_size=16, unique=True), st.integers(1, 4))
@example(list(CHAINS), 1)
@example(list(SWEPT), 2)
def test_names_beside_cells_keep_to_their_lines_and_are_told_apart(names: list[str], high: int) -> None:
    shown = boxed(names, 14, high)
    assert len(set(shown)) == len(names)
    assert all(len(each) <= high and max(map(len, each)) <= 14 for each in shown)


def texts(drawing: bytes, role: str) -> list[list[str]]:
    """The lines of every text of a role in a picture, in order."""
    svg = "{http://www.w3.org/2000/svg}"
    groups = [group for group in ElementTree.fromstring(drawing).iter(f"{svg}g") if role in group.get("class", "")]
    found = [text for group in groups for text in group.iter(f"{svg}text")]
    return [[line.text or "" for line in text.iter(f"{svg}tspan")] or [text.text or ""] for text in found]


@pytest.mark.parametrize("width", [200, 290, 720])
@pytest.mark.parametrize("baseline", ["", SWEPT[3]])
def test_rows_and_legends_of_a_picture_of_any_width(width: int, baseline: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "WIDTH", width)
    groups = style.Chosen(SWEPT[:12], SWEPT[:12], baseline)
    said = [name + style.BASELINE * (name == baseline) for name in groups]
    rows = pd.DataFrame({"group": groups.groups, "ratio": 2.0, "low": 1.0, "high": 3.0, "text": "2 (1 to 3)"})
    drawn = picture.svg(picture.specification(convergence.speed_up(rows, groups=groups)))
    shown = [line for (line,) in texts(drawn, "mark-text") if BETWEEN in line or line.endswith(style.BASELINE)]
    assert len(set(shown)) == len(said)
    assert max(map(len, shown)) <= max(LENGTHS[0], width / 6.5)
    assert all(
        name.endswith(style.BASELINE) == whole.endswith(style.BASELINE) for name, whole in zip(shown, said, strict=True)
    )
    epochs = pd.DataFrame({"group": np.repeat(groups.groups, 2), "run": np.repeat(range(12), 2), "epoch": [0, 1] * 12})
    chart = convergence.learning_curves(epochs.assign(train_loss=1.0, diverged=False), groups=groups)
    drawn = picture.svg(picture.specification(chart))
    legend = texts(drawn, "role-legend-label")
    assert ["".join("".join(each).split()) for each in legend] == ["".join(name.split()) for name in said], "in order"
    assert all(CUT not in line and len(line) <= style.LINE for each in legend for line in each)
    symbols = re.findall(r'role-legend-symbol.*?stroke="(#\w+)"', drawn.decode(), re.DOTALL)
    assert symbols == style.group_colours(groups)[1]


@pytest.mark.parametrize("longest", range(16, 42))
def test_a_name_is_in_one_line_of_a_wide_legend(longest: int) -> None:
    groups = ["tanh", " · ".join(["logistic", "x" * (longest - 11)])]
    epochs = pd.DataFrame({"group": groups, "run": [0, 1], "epoch": 0, "train_loss": 1.0, "diverged": False})
    drawn = picture.svg(picture.specification(convergence.learning_curves(epochs, groups=groups)))
    assert (texts(drawn, "role-legend-label") == [[name] for name in groups]) == (longest <= style.LINE)
