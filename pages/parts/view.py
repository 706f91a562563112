"""The controls on the page on the screen. Their values travel in the link beside the experiment's settings.

A control's value is in the session's state, and is its default as well: what a run tells the browser is lost where
another run begins before it is sent, and a browser that was not told falls back on the default.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import streamlit as st

from core.charts.style import Chosen
from pages.parts import link, notices, session
from pages.parts.catalogue import MANY, Overview
from pages.parts.controls import Control
from pages.parts.shown import Recorded, Shown

GROUPS = Overview.groups
"""The filter of run groups, which is the same on every page."""
T = TypeVar("T")
U = TypeVar("U")


def value(control: Control[T]) -> T:
    """What `control` is set to, before it is placed too."""
    given, held = link.given(), session.held(session.control_key(control.name))
    kept: T | None = held if held is not None and not control.read("", control.write(held), given)[1] else None
    return given.value(control) if kept is None else kept


def set_to(control: Control[T], value: T) -> None:
    """Set a control of the page on the screen, from a callback or before it is placed."""
    session.hold(session.control_key(control.name), value)


def place(control: Control[T]) -> T:
    """Place a control of the page; gives what it is set to."""
    given, key = link.given(), session.control_key(control.name)
    now = value(control)
    if session.held(key) != now:
        session.hold(key, now)
    chosen = control.place(given, now, key)
    link.remember(control.name, None if chosen == control.default(given) else control.write(chosen))
    return chosen


def beside(left: Callable[[], T], right: Callable[[], U], widths: Sequence[int] = (1, 1)) -> tuple[T, U]:
    """Place two controls side by side, in columns of these widths."""
    one, other = st.columns(widths)
    with one:
        first = left()
    with other:
        return first, right()


def several(control: Control[list[str]]) -> tuple[str, ...]:
    """Place a control for several choices; where none is chosen, the default ones or, without a default, all."""
    given = link.given()
    chosen: list[str] = place(control)
    return tuple(chosen or control.default(given) or control.options(given))


def groups(control: Control[list[str]], shown: Shown, baseline: Control[str] | None = None) -> Chosen:
    """Place the filter of run groups, where there are several: those that the charts of the page show.

    With it the choice of the one that the others are compared with.
    """
    if len(shown.groups) < 2:
        return Chosen(shown.groups, shown.groups)
    chosen, marked = (several(control), "") if baseline is None else _with_baseline(control, baseline, shown)
    places = [place for place, group in enumerate(shown.groups) if group in chosen]
    if len(shown.groups) > MANY:
        _leaf_through(control, shown.groups, places)
    elif len(places) < len(shown.groups):
        st.caption(f"Shown are {len(places):,} of {len(shown.groups):,} run groups: any others can be chosen above.")
    return Chosen(tuple(shown.groups[place] for place in places), shown.groups, marked)


def _leaf_through(control: Control[list[str]], groups: Sequence[str], places: Sequence[int]) -> None:
    """Buttons that go through many run groups, so many as lines still tell apart at a time."""
    first, last = places[0], places[-1]
    in_a_row = last - first < len(places)

    def show(begin: int) -> None:
        set_to(control, list(groups[begin : begin + MANY]))

    with st.container(horizontal=True, vertical_alignment="center"):
        before = max(0, first - MANY) if in_a_row else None
        after = last + 1 if in_a_row else 0
        st.button(
            "Previous", key="groups_before", icon=":material/chevron_left:", on_click=show, args=(before,),
            disabled=(not before and first == 0) or before is None,
        )  # fmt: skip
        st.button(
            f"Next {MANY}" if in_a_row else f"First {MANY}", key="groups_after", icon=":material/chevron_right:",
            on_click=show, args=(after,), disabled=after >= len(groups),
        )  # fmt: skip
        where = f", numbers {first + 1:,} to {last + 1:,}" if in_a_row else ", from the first to the last"
        st.caption(
            f"Shown are {len(places):,} of {len(groups):,} run groups{where}: any others can be chosen above.",
            width="content",
        )


def _with_baseline(control: Control[list[str]], baseline: Control[str], shown: Shown) -> tuple[tuple[str, ...], str]:
    """The groups that are shown, and the one of them that is the baseline, or ""."""
    chosen, marked = beside(lambda: several(control), lambda: place(baseline), (3, 1))
    named = marked in shown.groups  # else none, or one that is found by its numbers
    missing = named and marked not in chosen
    why = f"The baseline, {marked}, is not among the run groups shown: choose it above too."
    _say(notices.told(why) if missing else "")
    return chosen, marked if named and not missing else ""


def epoch(control: Control[int], shown: Shown, recorded: Recorded) -> int:
    """One of the epochs to record, or the one of them that `reached` gives."""
    return reached(place(control), shown, recorded)


def reached(wanted: int, shown: Shown, recorded: Recorded, groups: Collection[str] | None = None) -> int:
    """The epoch `wanted`; while training, the last up to it that the `groups`, or all, have reached."""
    known = [recorded.epochs[group] for group in (recorded.epochs if groups is None else groups)]
    newest = [max(epoch for epoch in epochs if epoch <= wanted) for epochs in known]
    nearest = max(newest) if shown.final else min(newest)
    why = "no run has numbers at" if shown.final else "training has not come to"
    _say("" if nearest == wanted else f"Shown is epoch {nearest:,}: {why} epoch {wanted:,}.")
    return nearest


def _say(remark: str) -> None:
    """Make a remark, "" for none, in a place that is kept for it: what follows stays where it is when it comes."""
    with st.container():
        if remark:
            st.caption(remark)


def linked(control: Control[int], page: int) -> int:
    """The page's epoch, or one of this part alone that an older link asks for in a `control` that has no place."""
    given = link.given()
    if control.name not in given.texts:
        return page
    wanted = given.value(control)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Epoch {wanted:,}, as the link asks.", width="content")
        st.button("Follow the slider", key=f"follow_{control.name}", on_click=link.remember, args=(control.name, None))
    return wanted


def layer(control: Control[int], shown: Shown, recorded: Recorded) -> int:
    """One of the layers; until training has come to it, the nearest one that has numbers."""
    wanted = place(control)
    nearest = min(recorded.layers, key=lambda number: abs(number - wanted))
    why = "no run has numbers of" if shown.final else "training has not come to"
    _say("" if nearest == wanted else f"Shown is layer {nearest}: {why} layer {wanted}.")
    return nearest
