"""Long names on charts: cut so that what tells them apart is kept, or in lines, as there is room in the browser.

How wide a chart is only the browser knows: an expression holds what is shown for several widths.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

CHARACTER = 6.5
"""px that one takes on average in a name: in rows, which are small and bold, and in legends."""
LENGTHS = (18, 22, 27, 33, 40, 50, 62, 77, 96, 120)
"""Characters that names are fitted to: of these, the most that there is room for."""
BETWEEN = " · "
CUT = "…"
LEAST, SHARED = 2, 4
"""Characters that are left of a setting at least, and of one that all names share where others have to be cut too."""
BREAKS = (rf"(?<={BETWEEN})", r"(?<=;)(?=\S)|(?<=[^×]\s)(?![×·])", r"(?<=[:_,=])|(?<=\d-)(?=\d)")
"""Where a name may go on in another line, from best to worst: never before a ·, around a × or within a number."""
NUMBER = r"[\d.]{2}"


def fitted(datum: str, names: Sequence[str], longest: int, shown: Callable[[int], Sequence[Any]], room: str) -> str:
    """An expression: what is shown of the name that `datum` is, in `room`, an expression of px.

    Args:
        names: all that it may be.
        longest: the most characters that are of use to them.
        shown: what is shown of each of them where there is room for so many characters.
    """
    lengths = [*(length for length in LENGTHS if length < longest), longest]
    wide = " + ".join(["0", *(f"({room} >= {CHARACTER * length:g})" for length in lengths[1:])])
    return f"{json.dumps([*map(shown, lengths)])}[{wide}][indexof({json.dumps(list(names))}, {datum})]"


def apart(names: Sequence[str], most: int) -> dict[str, str]:
    """What is shown of each name in at most `most` characters, no two alike: each loses what it shares with others.

    Every setting of a name is cut by itself; if two would still read alike, the whole at one place; and if they do even
    then, each begins with its number.
    """
    return _apart(tuple(dict.fromkeys(names)), most)


@lru_cache(maxsize=256)
def _apart(names: tuple[str, ...], most: int) -> dict[str, str]:
    shown = _by_setting(names, most) or _cut(names, most)
    if not shown:
        numbered = [f"{number}. {name}" for number, name in enumerate(names, 1)]
        shown = tuple(name if len(name) <= most else f"{name[: most - 1]}{CUT}" for name in numbered)
    return dict(zip(names, shown, strict=True))


def _by_setting(names: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The names with their longest settings cut, first those that all share; () where that does not help."""
    parts = [name.split(BETWEEN) for name in names]
    if len({len(each) for each in parts}) != 1:
        return ()
    columns = list(zip(*parts, strict=True))
    values = [tuple(dict.fromkeys(column)) for column in columns]
    rooms = range(most, LEAST - 1, -1)
    first = [(room, most) for room in rooms] if any(len(own) == 1 for own in values) else []
    for shared, varied in [*first, *((SHARED, room) for room in rooms)]:
        cut = [_to_about(own, varied if len(own) > 1 else min(shared, varied)) for own in values]
        rows = zip(*([short[part] for part in column] for short, column in zip(cut, columns, strict=True)), strict=True)
        shown = tuple(map(BETWEEN.join, rows))
        if max(map(len, shown)) <= most:
            return shown if len(set(shown)) == len(names) else ()
    return ()


@lru_cache(maxsize=1024)
def _to_about(parts: tuple[str, ...], room: int) -> dict[str, str]:
    """The parts in `room` characters, or in as few more as it takes to tell them apart."""
    longest = max(map(len, parts))
    shown = next((cut for more in range(room, longest) if (cut := _cut(parts, more))), parts)
    return dict(zip(parts, shown, strict=True))


def _cut(names: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The names, those that are longer cut at one place, where they lose least; () where two would read alike.

    Least is lost where most of them lose the same, and then where no number is broken.
    """
    best: tuple[str, ...] = ()
    least = (len(names) + 1, 0)
    for ending in range(most):
        start = most - 1 - ending
        long = [name for name in names if len(name) > most]
        lost = {name[start : len(name) - ending] for name in long}
        if len(lost) > least[0]:
            continue
        broken = sum(
            bool(re.match(NUMBER, name[max(0, end - 1) :])) for name in long for end in (start, len(name) - ending)
        )
        if (len(lost), broken) >= least:
            continue
        shown = tuple(
            name if len(name) <= most else f"{name[:start]}{CUT}{name[len(name) - ending :]}" for name in names
        )
        if len(set(shown)) == len(names):
            best, least = shown, (len(lost), broken)
    return best


def lines(name: str, most: int) -> list[str]:
    """A name in lines of at most `most` characters: settings, else words and else parts of words stay in one line."""
    found = [""]
    for piece in _pieces(name, most, BREAKS):
        if found[-1] and len((found[-1] + piece).rstrip()) > most:
            found.append("")
        found[-1] += piece
        while len(found[-1].rstrip()) > most:
            found[-1:] = [found[-1][:most], found[-1][most:]]
    return [line.strip() for line in found if line.strip()] or [""]


def _pieces(text: str, most: int, breaks: Sequence[str]) -> list[str]:
    """The text in pieces of at most `most` characters, where it can be broken, at the best places that will do."""
    if len(text.rstrip()) <= most or not breaks:
        return [text]
    return [piece for part in re.split(breaks[0], text) for piece in _pieces(part, most, breaks[1:])]
