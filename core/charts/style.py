"""What all charts share: the colour of a group, scales with explicit domains, titles, row layout.

Colours are checked by the tests: contrast of at least 3 to 1 against white and against Streamlit's
dark background, and apart from each other under the three kinds of colour blindness.

Every chart spells its channels out, `y2=alt.Y2("high:Q")` and `opacity=alt.OpacityValue(...)`: altair takes some
milliseconds to find the class of a plain text, `alt.value`, `alt.when` or `alt.condition`.
"""

import math
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from string import Formatter
from typing import Any, Literal
from zlib import crc32

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.charts import long_names, tables
from core.registries.activations import ACTIVATIONS
from core.registries.initialisers import INITIALISERS
from core.text import number, percent, short_group

Kind = Literal["linear", "count", "share", "part", "log", "symlog"]

# Eight far apart for every eye, of those that stand out from white and from black: searched for, not chosen.
PALETTE = ("#145adc", "#c81400", "#46a0b4", "#be8c00", "#8c5082", "#9682fa", "#1e7846", "#e66e82")
# Each hard function has the colour of the soft one that it stands in for.
FUNCTIONS = dict.fromkeys(
    (
        *("logistic", "tanh", "centred_logistic", "steep_logistic", "steep_centred_logistic", "softsign", "relu"),
        *("lecun_tanh", "hard_logistic", "hard_tanh"),
        *ACTIVATIONS,
    )
)
STARTS = dict.fromkeys(("normal:0.01", "normal:1", "glorot_uniform", "he_normal", "normal:0.1", *INITIALISERS))
PREFERRED = {name: place for names in (STARTS, FUNCTIONS) for place, name in enumerate(names)}
"""The place among the colours and dashes that a name has wherever no other one has taken it."""
DASHES = (
    *([1, 0], [7, 3], [2, 2], [10, 3, 2, 3], [4, 6]),
    *([2, 2, 2, 7], [16, 4], [1, 7], [6, 2, 2, 2, 2, 2], [5, 2, 5, 8], [2, 2, 2, 2, 2, 8], [10, 10]),
)
"""As many as groups are drawn together at most, each told from the others within the stroke of a legend."""
USUAL = 5
"""Of the dashes, those that stand for an activation function; the others part groups that would look alike."""
SHAPES = (
    *("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right", "triangle-left"),
    *(
        "M-1,-1L1,-1L-1,1L1,1Z",
        "M-1,-1L1,1L1,-1L-1,1Z",
        "M-1,-0.4L1,-0.4L1,0.4L-1,0.4Z",
        "M-0.4,-1L0.4,-1L0.4,1L-0.4,1Z",
    ),
)
"""A shape for every dash, where groups are points without a line."""
CROSS = "M-0.8,-0.8L0.8,0.8M-0.8,0.8L0.8,-0.8"
ALIKE = 0.2
"""Of the ramp: colours that are nearer to each other are told apart by their dashes too."""
RAMP = ("#537cf7", "#a06cc0", "#d9644a", "#a58a10")
NEUTRAL = "#7b7b7b"
PALE: dict[str, Any] = {"fillOpacity": 0.5, "strokeWidth": 1.5}
EDGE: dict[str, Any] = {"stroke": NEUTRAL, "strokeWidth": 1.0}
"""Around a tile of a heatmap: the darkest would be lost on a dark page, the brightest on a white one."""
NUMBER = ".8~g"
HUGE = 1e15
"""From here on an axis has powers of ten, as few know the prefixes beyond tera, and vega has none beyond yotta."""
HOVER = "hover"
FAINT = 0.12
MOST_ROWS = 60
MOST_KEYS = 12
KEY, LINE = 50, 40
"""Of a legend: px beside a name, and characters of a name in a line where a chart is wide."""
BASELINE = " (baseline)"
TITLE_WIDTH = 46
SUBTITLE_WIDTH = 52
PICK_GROUP = "pick_group"
NOTHING = "no finite values to draw"
NO_HIDDEN = "nothing was measured in a hidden layer"


@dataclass(frozen=True)
class Chosen(Sequence[str]):
    """Some of an experiment's run groups, which look as they do among all of them, and maybe one that is a baseline."""

    groups: tuple[str, ...]
    among: tuple[str, ...]
    baseline: str = ""

    def __getitem__(self, place: Any) -> Any:
        return self.groups[place]

    def __len__(self) -> int:
        return len(self.groups)


def baseline_of(groups: Sequence[str]) -> str:
    """The one of the groups that the others are compared with; "" where none is."""
    return groups.baseline if isinstance(groups, Chosen) else ""


def keyed(groups: Sequence[str]) -> Sequence[str]:
    """The groups in the legend: all of the experiment's, so that others can be picked, unless they are too many."""
    return groups.among if isinstance(groups, Chosen) and len(groups.among) <= MOST_KEYS else groups


def group_colours(groups: Sequence[str]) -> tuple[list[str], list[str]]:
    """Domain and range of the colour scale: a group's colour follows from what it is, not from its place in the list.

    It stands for all but the activation function, which has the dash; where groups differ in nothing else, for that.
    Of a scale of numbers it is one of an ordered ramp.
    """
    names, looks = keyed(groups), _looks_of(groups)
    return list(names), [looks[group].colour for group in names]


def group_dashes(groups: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """Domain and range of the stroke dashes: that of the activation function, unless two would look alike."""
    names, looks = keyed(groups), _looks_of(groups)
    return list(names), [DASHES[looks[group].dash] for group in names]


def group_shapes(groups: Sequence[str]) -> tuple[list[str], list[str]]:
    """Domain and range of the shapes of points, which stand for the same as dashes do."""
    names, looks = keyed(groups), _looks_of(groups)
    return list(names), [SHAPES[looks[group].dash] for group in names]


@dataclass(frozen=True)
class _Look:
    """Colour and number of the dash of a group; `place` is where on the ramp the colour lies, if it is of that."""

    colour: str
    dash: int
    place: float | None = None

    def like(self, other: "_Look") -> bool:
        """Whether the dash alone parts the two."""
        if self.place is None or other.place is None:
            return self.colour == other.colour
        return abs(self.place - other.place) < ALIKE


def _looks_of(groups: Sequence[str]) -> dict[str, _Look]:
    """How those in the legend look: as among all of the experiment's, but for a dash where two would look alike."""
    looks = _looks(groups.among if isinstance(groups, Chosen) else tuple(groups))
    return _apart({group: looks[group] for group in keyed(groups)})


@lru_cache(maxsize=64)
def _looks(groups: tuple[str, ...]) -> dict[str, _Look]:
    """How each of an experiment's groups looks, whichever of them are drawn."""
    parts = [group.split(" · ") for group in groups]
    functions = [next((part for part in each if part.replace(" ", "_") in FUNCTIONS), "") for each in parts]
    others = [" · ".join(part for part in each if part != name) for each, name in zip(parts, functions, strict=True)]
    if len(set(others)) == 1:
        others = functions if len(set(functions)) > 1 else list(groups)
    dashes = _places(functions, USUAL)
    colours, numbers = _places(others, len(PALETTE)), _scale(list(dict.fromkeys(others)))
    shades = dict(zip(numbers, ramp_at(list(numbers.values())), strict=True)) or {
        name: PALETTE[place % len(PALETTE)] for name, place in colours.items()
    }
    laps = {name: 0 if numbers or others is functions else place // len(PALETTE) for name, place in colours.items()}
    looks = {
        group: _Look(shades[other], (dashes[function] + laps[other]) % USUAL, numbers.get(other))
        for group, function, other in zip(groups, functions, others, strict=True)
    }
    # More than there are pairs cannot all be apart: those that are drawn together are.
    return _apart(looks) if len(looks) <= len(PALETTE) * len(DASHES) else looks


def _apart(looks: dict[str, _Look]) -> dict[str, _Look]:
    """The looks, where one is like an earlier one with another dash: the first that no look like it has, if any."""
    found: dict[str, _Look] = {}
    for group, look in looks.items():
        taken = {other.dash for other in found.values() if look.like(other)}
        free = [dash for dash in (look.dash, *range(USUAL, len(DASHES)), *range(USUAL)) if dash not in taken]
        found[group] = replace(look, dash=free[0] if free else look.dash)
    return found


def _places(names: Sequence[str], most: int) -> dict[str, int]:
    """A place for each of the `names`: the one that it always prefers, or the next that is free; laps of `most`."""
    places: dict[str, int] = {}
    for name in dict.fromkeys(names):
        first = PREFERRED.get(name.replace(" ", "_"), crc32(name.encode()))
        lap = len(places) // most
        taken = set(places.values())
        places[name] = next(place for step in range(most) if (place := lap * most + (first + step) % most) not in taken)
    return places


def _scale(names: Sequence[str]) -> dict[str, float]:
    """Where each of at least three names that differ in one number lies among them, from 0 to 1; {} where they do not.

    The ends are powers of ten: another number between them moves none.
    """
    values = {name: _number(name) for name in names}
    kinds = {kind for kind, _ in values.values()}
    finite = [value for _, value in values.values() if 0 < value < math.inf]
    if len(names) < 3 or len(kinds) > 1 or None in kinds or len(finite) < len(names) - 1:
        return {}
    low, high = math.floor(math.log10(min(finite))), math.ceil(math.log10(max(finite)))
    return {
        name: min(1.0, max(0.0, (math.log10(value) - low) / max(1, high - low))) if 0 < value < math.inf
        else float(value > 0)
        for name, (_, value) in values.items()
    }  # fmt: skip


def _number(name: str) -> tuple[str | None, float]:
    """What kind of setting a name is, and its number: ('normal:', 0.1), ('64 units', 3.0) of 64-64-64."""
    if re.fullmatch(r"\d+(-\d+)*", name):
        widths = name.split("-")
        return (f"{widths[0]} units" if len(set(widths)) == 1 else None), float(len(widths))
    if name == "batch full":
        return "batch ", math.inf
    found = re.fullmatch(r"(.*?[ :])?([0-9.]+(?:e-?[0-9]+)?)", name)
    return (found[1] or "", float(found[2])) if found else (None, 0.0)


def ramp(count: int) -> list[str]:
    """`count` colours in order (for layers), evenly along RAMP."""
    return ramp_at(np.linspace(0, 1, count).tolist() if count > 1 else [0.0] * count)


def ramp_at(places: Sequence[float]) -> list[str]:
    """The colours along RAMP at these places, from 0 to 1."""
    anchors = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in RAMP], dtype=float)
    at = np.asarray(places, dtype=float) * (len(RAMP) - 1)
    channels = [np.interp(at, range(len(RAMP)), anchors[:, channel]) for channel in range(3)]
    return [f"#{int(r):02x}{int(g):02x}{int(b):02x}" for r, g, b in np.round(channels).T]


def legend(
    labels: Sequence[str], orient: Literal["bottom", "top"] = "bottom", *, strokes: bool = False, baseline: str = ""
) -> alt.Legend:
    """A legend outside the chart, in as many columns as its width has room for; `strokes` to show dashes.

    A name that is longer than a column is wide has several lines.
    """
    named = _named(labels, baseline)
    longest = min(max(map(len, named), default=1), LINE)
    column = KEY + math.ceil(long_names.CHARACTER * longest)
    said = long_names.fitted(
        "datum.label",
        labels,
        longest,
        lambda most: [long_names.lines(name, most) for name in named],
        f"min(width, {column}) - {KEY}",
    )
    return alt.Legend(
        title=None,
        orient=orient,
        columns=alt.ExprRef(f"max(1, floor(width / {column}))"),
        labelExpr=said,
        labelLimit=0,
        symbolLimit=max(1, len(labels)),
        symbolType="stroke" if strokes else alt.Undefined,
        symbolSize=420 if strokes else alt.Undefined,
        symbolStrokeWidth=2.5 if strokes else 2,
    )


def colour(column: str, names: Sequence[str], shades: Sequence[str], key: alt.Legend | None) -> alt.Color:
    """Colour by `column`, a shade for each of its `names`."""
    return alt.Color(f"{column}:N", scale=alt.Scale(domain=list(names), range=list(shades)), legend=key)


def edged(fill: alt.Color) -> alt.Stroke:
    """The edge of a PALE bar in the colour that fills it, which alone stands out from the page."""
    return alt.Stroke(fill["shorthand"], scale=fill["scale"], legend=fill["legend"])


def group_colour(groups: Sequence[str]) -> alt.Color:
    """Colour by the column "group"."""
    return colour("group", *group_colours(groups), legend(keyed(groups), strokes=True, baseline=baseline_of(groups)))


def group_dash(groups: Sequence[str]) -> alt.StrokeDash:
    """Dash by the column "group", in one legend with its colour."""
    domain, dashes = group_dashes(groups)
    key = legend(domain, strokes=True, baseline=baseline_of(groups))
    return alt.StrokeDash("group:N", scale=alt.Scale(domain=domain, range=dashes), legend=key)


def point_colour(groups: Sequence[str]) -> alt.Color:
    """Colour by the column "group" where the dash is no group's: its points have a shape."""
    return colour("group", *group_colours(groups), legend(keyed(groups), baseline=baseline_of(groups)))


def group_shape(groups: Sequence[str]) -> alt.Shape:
    """Shape of points by the column "group", in one legend with its colour."""
    domain, shapes = group_shapes(groups)
    key = legend(domain, baseline=baseline_of(groups))
    return alt.Shape("group:N", scale=alt.Scale(domain=domain, range=shapes), legend=key)


def row_colour(groups: Sequence[str]) -> alt.Color:
    """Colour by the column "group" where rows carry their names themselves: no legend."""
    return colour("group", *group_colours(groups), None)


def halo(rows: pa.Table, groups: Sequence[str], steps: bool = False, **channels: Any) -> list[alt.Chart]:
    """The line of the baseline, broad and grey, to lie behind its own; nothing where there is no baseline."""
    if not (baseline := baseline_of(groups)):
        return []
    own = rows.filter(pc.equal(rows["group"], baseline))
    shape: dict[str, Any] = {"interpolate": "step-after"} if steps else {}
    line = alt.Chart(own).mark_line(color=NEUTRAL, strokeWidth=9, opacity=0.35, **shape)
    return [line.encode(**channels)] if len(own) else []


def pick_group(groups: Sequence[str] = ()) -> alt.Parameter:
    """A click on the legend isolates a group, with shift it adds one; a double click is for what is zoomed."""
    some = isinstance(groups, Chosen) and len(groups) < len(keyed(groups))
    picked: Any = [{"group": group} for group in groups] if some else alt.Undefined
    return alt.selection_point(name=PICK_GROUP, fields=["group"], bind="legend", clear=False, value=picked)


def faded(pick: alt.Parameter, opacity: float = 1.0) -> alt.OpacityValue:
    """`opacity` for what is picked, and faint for all else."""
    return alt.OpacityValue(opacity * FAINT, condition={"param": pick.name, "value": opacity})


def linear_domain(values: Iterable[float]) -> tuple[float, float]:
    """Least and greatest finite value with 4 % of room; 0 to 1 where there is none."""
    finite = _finite(values)
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = 0.04 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def log_domain(values: Iterable[float]) -> tuple[float, float]:
    """Least and greatest positive value with 4 % of room; 0.1 to 1 where there is none."""
    finite = _finite(values)
    finite = finite[finite > 0]
    if finite.size == 0:
        return 0.1, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = max((high / low) ** 0.04, 1.1)
    return max(low / room, 1e-300), min(high * room, 1e300)


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between `low` and `high`: 1, 2, 5, 10, ..., fewer over many decades, more within one."""
    decades = math.log10(high / low)
    steps: tuple[float, ...] = (1,) if decades > 3 else (1, 3) if decades > 1.7 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1, max(1, math.ceil(decades / 7)))
    ticks = [tick for power in powers for step in steps if low <= (tick := float(f"{step}e{power}")) <= high]
    if len(ticks) >= 3:
        return ticks
    size = 10.0 ** math.floor(math.log10((high - low) / 2))
    step = next(step * size for step in (5, 2, 1) if (high - low) / (step * size) >= 2)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def symlog_ticks(high: float) -> list[float]:
    """0 and 1, 2, 5, 10, ... up to `high`, or powers of ten; vega's own ticks on a symlog scale crowd at its end."""
    steps = (1, 2, 5) if high <= 300 else (1,)
    powers = range(math.floor(math.log10(max(high, 1))) + 1)
    return [0.0, *(float(step * 10**power) for power in powers for step in steps if step * 10**power <= high)]


def position(title: str, values: Iterable[float], kind: Kind = "linear", ticks: Sequence[float] = ()) -> dict[str, Any]:
    """Title, scale and axis of a position channel: an explicit domain, and ticks where vega's own would crowd.

    `ticks` replace those of a log axis.
    """
    if kind == "share":
        scale = alt.Scale(domain=[0, 1], nice=False)
        axis = alt.Axis(title=title, format="%", values=[0, 0.25, 0.5, 0.75, 1])
    elif kind == "part":  # a share of which most may be small
        high = min(1.0, max(1.08 * float(_finite(values).max(initial=0.0)), 0.02))
        scale = alt.Scale(domain=[0, high if high < 0.7 else 1], nice=False)
        axis = alt.Axis(title=title, format=".3~p", tickCount=6)
    elif kind == "log":
        low, high = log_domain(values)
        scale = alt.Scale(type="log", domain=[low, high], nice=False)
        axis = alt.Axis(title=title, values=ticks or log_ticks(low, high), format=_tick_format(low, high))
    elif kind == "symlog":
        high = max(float(_finite(values).max(initial=0.0)), 1.0)
        scale = alt.Scale(type="symlog", constant=1, domain=[0, high], nice=False)
        axis = alt.Axis(title=title, values=symlog_ticks(high), format=_tick_format(0, high))
    elif kind == "count":
        high = max(float(_finite(values).max(initial=0.0)), 1.0)
        scale = alt.Scale(domain=[0, high], nice=False)
        axis = alt.Axis(title=title, tickCount=6, tickMinStep=1, **_short_labels(0, high))
    else:
        low, high = linear_domain(values)
        scale = alt.Scale(domain=[low, high], nice=False, zero=False)
        axis = alt.Axis(title=title, tickCount=6, **_short_labels(low, high))
    return {"scale": scale, "axis": axis}


def fixed(title: str, low: float, high: float, **axis: Any) -> dict[str, Any]:
    """Title, scale and axis of a position channel from `low` to `high`."""
    axis = _short_labels(low, high) | axis
    return {"scale": alt.Scale(domain=[low, high], nice=False), "axis": alt.Axis(title=title, **axis)}


def row_axis(title: str, count: int) -> dict[str, Any]:
    """A y axis of `count` rows, row i from i (top) to i + 1; the rows carry their names themselves."""
    scale = alt.Scale(domain=[0, max(count, 1)], reverse=True, nice=False)
    return {"scale": scale, "axis": alt.Axis(title=title, values=list(range(count + 1)), labels=False, titlePadding=10)}


def shown(groups: Sequence[str], table: pd.DataFrame) -> tuple[list[str], str]:
    """The groups that `table` holds, as many as there is room for, one a row; and a remark where some are left out."""
    present = set(table["group"])
    named = [group for group in groups if group in present]
    note = left_out(len(named))
    return named[:MOST_ROWS], note


def left_out(count: int) -> str:
    """What a subtitle says where there is no room for all of so many groups."""
    return f"; the first {MOST_ROWS} of {count} groups: Run groups above has the others" if count > MOST_ROWS else ""


def row_height(count: int) -> int:
    """Height in px of a chart of `count` rows."""
    return count * min(64, max(38, 400 // max(count, 1)))


def row_names(
    rows: pd.DataFrame | Mapping[str, Any], axis: dict[str, Any], room: int = 130, groups: Sequence[str] = ()
) -> list[alt.Chart]:
    """Texts along the top of each row: column "group" on the left, column "note" on the right in at most `room` px.

    Of names that are too long is shown what tells them apart. The one that is the baseline of the `groups` is said to
    be that.

    `rows` has one row per row of the chart, in order, and may say in a column `top` where each stands.
    """
    columns: dict[str, Any] = {str(name): list(values) for name, values in rows.items()}
    named = columns["group"] = _named(columns["group"], baseline_of(groups))
    columns.setdefault("top", np.arange(len(named)) + 0.08)
    room = min(room, math.ceil(long_names.CHARACTER * (1 + max(map(len, columns["note"]), default=0))))
    base = alt.Chart(tables.few(columns)).encode(y=alt.Y("top:Q", **axis))
    look: dict[str, Any] = {"baseline": "top", "color": NEUTRAL, "fontSize": 12}
    longest = max(map(len, named), default=1)
    said = long_names.fitted("datum.group", named, longest, lambda most: _cut(named, most), f"(width - {room})")
    name = base.mark_text(align="left", fontWeight="bold", text=alt.ExprRef(said), **look)
    note = base.mark_text(align="right", limit=room, **look)
    return [name.encode(x=at(2)), note.encode(x=at("width"), text=alt.Text("note:N"))]


def _named(groups: Iterable[str], baseline: str) -> list[str]:
    """The groups as they are shown, of which the baseline is said to be that."""
    return [short_group(group) + BASELINE * (group == baseline) for group in groups]


def _cut(named: Sequence[str], most: int) -> list[str]:
    """The names in at most so many characters, no two alike, with what is said of the baseline."""
    plain = [name.removesuffix(BASELINE) for name in named]
    short, shorter = long_names.apart(plain, most), long_names.apart(plain, most - len(BASELINE))
    return [
        shorter[group] + BASELINE if name.endswith(BASELINE) and len(name) > most else short[group] + name[len(group) :]
        for group, name in zip(plain, named, strict=True)
    ]


def at(place: float | str) -> alt.XValue:
    """A place along x in pixels, or "width" for the right end."""
    return alt.XValue(place)  # type: ignore[no-untyped-call]


def extremes(
    table: pd.DataFrame | Mapping[str, Any], column: str, whose: str, told: Callable[[float], str] = number
) -> str:
    """The largest and the smallest of a column, and `whose` they are, a format of columns; "" where none is finite."""
    values = np.asarray(table[column], dtype=np.float64)
    rows = np.flatnonzero(np.isfinite(values))
    if not rows.size:
        return ""
    values = values[rows]
    if len(rows) > 1 and values.min() == values.max():
        return f"All {len(rows):,}: {told(values[0])}"
    names = [name for _, name, _, _ in Formatter().parse(whose) if name]
    said = {name: np.asarray(table[name])[rows] for name in names}

    def one(place: int) -> str:
        name = short_group(whose.format(**{name: said[name][place] for name in names}))
        return f"{name}{_and_more(values == values[place])} with {told(values[place])}"

    most, least = one(int(values.argmax())), one(int(values.argmin()))
    return f"Only {most}" if len(rows) == 1 else f"Largest: {most}; smallest: {least}"


def _and_more(alike: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    """How many there are beside the first of those that are alike."""
    return f" and {alike.sum() - 1:,} more" if alike.sum() > 1 else ""


def told(kind: Kind) -> Callable[[float], str]:
    """How the numbers of an axis of that kind are written."""
    return percent if kind in ("share", "part") else number


def read_out(groups: Iterable[str], notes: Iterable[str]) -> str:
    """What stands beside each row of a chart, as many as a person listens to."""
    said = [f"{short_group(group)}: {note}" for group, note in zip(groups, notes, strict=True) if note]
    return "; ".join([*said[:MOST_KEYS], *[f"and {len(said) - MOST_KEYS:,} more"] * (len(said) > MOST_KEYS)])


def tip(*fields: tuple[str, str] | tuple[str, str, str]) -> list[alt.Tooltip]:
    """Tooltips from (column, title) for texts and (column, title, number format) for numbers."""
    return [
        alt.Tooltip(f"{field[0]}:Q", title=field[1], format=field[2])
        if len(field) == 3
        else alt.Tooltip(f"{field[0]}:N", title=field[1])
        for field in fields
    ]


def layered(
    charts: Sequence[alt.Chart],
    title: str,
    subtitle: str,
    height: int,
    *picks: alt.Parameter,
    pick_on: int = 0,
    told: alt.Chart | None = None,
    said: str,
) -> alt.LayerChart:
    """The charts over each other, as wide as their container, with fixed names so that equal data give equal specs.

    Args:
        charts: the layers, made for this chart alone.
        picks: what can be picked, with the mouse on the layer `pick_on` where it is not in the legend.
        told: the layer of points of which the one nearest to the pointer tells its numbers.
        said: what it comes to, for who cannot see it.
    """
    for i, chart in enumerate(charts):
        chart.name = f"layer_{i}"
    views = [f"layer_{pick_on}"]
    selections: list[Any] = [pick.param for pick in picks]
    params = [alt.TopLevelSelectionParameter(**each.to_dict(validate=False), views=views) for each in selections]
    if told is not None:
        nearest = alt.selection_point(name=HOVER, on="pointerover", nearest=True, clear="pointerout")
        selection: Any = nearest.param
        on = [told.name]
        params.append(alt.TopLevelSelectionParameter(**selection.to_dict(validate=False), views=on))
    return _Layers(
        layer=list(charts),
        params=params or alt.Undefined,
        title=_title(title, subtitle),
        description=said,
        width="container",
        height=height,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )


class _Layers(alt.LayerChart):
    """Layers as they are. Altair copies each of them twice, and again for `to_dict`, in search of what they share."""

    def __init__(self, **parts: Any) -> None:
        super(alt.LayerChart, self).__init__(**parts)


def when(epoch: int) -> str:
    """A recorded point in words."""
    return "at initialisation" if epoch == 0 else f"at epoch {epoch:,}"


def blank(title: str, x: str, y: str, why: str = NOTHING) -> alt.LayerChart:
    """An empty chart that says `why` it is empty."""
    lines = "\n".join(textwrap.wrap(why, SUBTITLE_WIDTH, break_on_hyphens=False))
    note = alt.Chart(pd.DataFrame({"x": [0.5], "y": [0.5], "text": [lines]})).mark_text(
        color=NEUTRAL, fontSize=14, lineBreak="\n"
    )
    scale = alt.Scale(domain=[0, 1])
    axes = {
        "x": alt.X("x:Q", scale=scale, axis=alt.Axis(title=x, values=[])),
        "y": alt.Y("y:Q", scale=scale, axis=alt.Axis(title=y, values=[])),
    }
    return layered([note.encode(**axes, text=alt.Text("text:N"))], title, "", 160, said=why)


def _title(title: str, subtitle: str) -> alt.TitleParams:
    """Title and subtitle in lines that fit a phone."""
    return alt.TitleParams(
        text=list(long_names.lines(short_group(title), TITLE_WIDTH)),
        subtitle=list(long_names.lines(short_group(subtitle), SUBTITLE_WIDTH)) if subtitle else alt.Undefined,
        anchor="start",
        offset=12,
        fontSize=15,
        subtitleColor=NEUTRAL,
        subtitleFontSize=13,
        subtitlePadding=4,
    )


def _finite(values: Iterable[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    array = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)
    return array[np.isfinite(array)]


def _tick_format(low: float, high: float) -> str:
    if high >= HUGE:
        return ".3~g"
    # With an explicit precision: vega would take that of the axis's range, and write 0.5 as 0k.
    return ".3~s" if high >= 1000 and not 0 < low < 1 else ".6~g"


def _short_labels(low: float, high: float) -> dict[str, Any]:
    """The format of a linear axis whose numbers written in full would be cut; vega's own serves any other."""
    most = max(abs(low), abs(high))
    return {} if most < 1e6 else {"format": ".4~s" if most < HUGE else ".3~g"}
