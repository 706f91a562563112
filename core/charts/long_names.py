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
NUMBER, DIGITS = r"[\d.]{2}", "0123456789."


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
    """What is shown of each name in at most `most` characters, no two alike: long ones lose what they share.

    Each of their settings is cut by itself; if that does not do, the whole; and if even that does not, all names begin
    with their numbers.
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
    """Those that are too long with their longest settings cut, first what all share; () where that does not help."""
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
        shown = tuple(name if len(name) <= most else BETWEEN.join(row) for name, row in zip(names, rows, strict=True))
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
    """The names cut, at one place if that will do; () where two would read alike."""
    return _at_one_place(names, most) or _at_several(names, most)


def _at_one_place(names: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The names, those that are longer cut at one place, where they lose least; () where two would read alike.

    Least is lost where most of them lose the same, and then where no number is broken.
    """
    best: tuple[str, ...] = ()
    least = (len(names) + 1, 0)
    long = [name for name in names if len(name) > most]
    for ending in range(most):
        start = most - 1 - ending
        lost = len({name[start : len(name) - ending] for name in long})
        if lost > least[0]:
            continue
        broken = sum(
            bool(re.match(NUMBER, name[max(0, end - 1) :])) for name in long for end in (start, len(name) - ending)
        )
        if (lost, broken) >= least:
            continue
        shown = tuple(
            name if len(name) <= most else f"{name[:start]}{CUT}{name[len(name) - ending :]}" for name in names
        )
        if len(set(shown)) == len(names):
            best, least = shown, (lost, broken)
    return best


def _at_several(names: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Of each name that is longer its beginning and where it parts from others; () where two would read alike."""
    places = _partings(names)
    for reach in range(most, 0, -1):
        shown = tuple(
            name if len(name) <= most else _stretches(name, at, reach) for name, at in zip(names, places, strict=True)
        )
        if max(map(len, shown)) <= most and len(set(shown)) == len(names):
            return shown
    return ()


@lru_cache(maxsize=256)
def _partings(names: tuple[str, ...]) -> list[list[int]]:
    """Where each name begins to differ from any of the others, numbers from where they begin, and its own beginning."""
    found = []
    for name in names:
        differ = {_alike(name, other) for other in names if other != name}
        found.append(sorted({0, *(len(name[:place].rstrip(DIGITS)) for place in differ)}))
    return found


def _alike(one: str, other: str) -> int:
    """With how many characters both begin."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _stretches(name: str, places: Sequence[int], reach: int) -> str:
    """So many characters of a name from each of the places on, and a number to its end."""
    said, end = "", 0
    for place in places:
        said += name[end:place] if place - end < 2 else CUT
        stop = max(end, place + reach)
        if name[stop - 1 : stop] in DIGITS:
            stop = len(name) - len(name[stop:].lstrip(DIGITS))
        said += name[max(end, place) : stop]
        end = stop
    return said + (name[end:] if len(name) - end < 2 else CUT)


def boxed(names: Sequence[str], most: int, high: int) -> list[tuple[str, ...]]:
    """Each name in at most `high` lines of at most `most` characters, no two alike."""
    for length in range(most * high, most, -2):
        shown = [lines(name, most) for name in apart(names, length).values()]
        if max(map(len, shown)) <= high:
            return shown
    return [(name,) for name in apart(names, most).values()]


@lru_cache(maxsize=4096)
def lines(name: str, most: int) -> tuple[str, ...]:
    """A name in lines of at most `most` characters: settings, else words and else parts of words stay in one line."""
    found = [""]
    for piece in _pieces(name, most, BREAKS):
        if found[-1] and len((found[-1] + piece).rstrip()) > most:
            found.append("")
        found[-1] += piece
        while len(found[-1].rstrip()) > most:
            found[-1:] = [found[-1][:most], found[-1][most:]]
    return tuple(line.strip() for line in found if line.strip()) or ("",)


def _pieces(text: str, most: int, breaks: Sequence[str]) -> list[str]:
    """The text in pieces of at most `most` characters, where it can be broken, at the best places that will do."""
    if len(text.rstrip()) <= most or not breaks:
        return [text]
    return [piece for part in re.split(breaks[0], text) for piece in _pieces(part, most, breaks[1:])]
