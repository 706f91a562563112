"""Turns: who draws when many open a page at once. Every test ends by itself: threads are joined with a limit."""

import threading
from collections.abc import Callable

import pytest

from pages.parts import turns
from pages.parts.turns import FIRST, Line

LIMIT = 10.0


@pytest.fixture(autouse=True)
def certain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of its own, in which no turn is ever over before its page is, so that the order is certain."""
    monkeypatch.setattr(turns, "_line", Line())
    monkeypatch.setattr(turns, "PATIENCE", 100 * LIMIT)


class Visitors:
    """Threads, one for each visitor, and what they drew in which order."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self._threads: list[threading.Thread] = []

    def come(self, visit: Callable[[], None]) -> None:
        """A visitor comes, and is drawing or waits in the line when this returns."""
        before = _waiting()
        thread = threading.Thread(target=visit, daemon=True)
        thread.start()
        self._threads.append(thread)
        pause = threading.Event()
        for _ in range(1000):
            if _waiting() > before or not thread.is_alive():
                return
            pause.wait(0.01)
        raise AssertionError("neither in the line nor done")

    def end(self) -> list[str]:
        """All that was drawn, once everybody is done."""
        for thread in self._threads:
            thread.join(LIMIT)
            assert not thread.is_alive()
        return self.drawn


def _waiting() -> int:
    return len(turns._line._waiting)


def test_everybody_sees_something_before_anybody_sees_the_rest() -> None:
    visitors = Visitors()

    def visit(name: str) -> None:
        with turns.drawing():
            visitors.drawn.append(f"{name} chart")
            turns.step_back()
            visitors.drawn.append(f"{name} rest")

    with turns.drawing():
        for name in "abc":
            visitors.come(lambda name=name: visit(name))  # type: ignore[misc]
    assert visitors.end() == ["a chart", "b chart", "c chart", "a rest", "b rest", "c rest"]


def test_a_second_step_back_costs_no_second_wait() -> None:
    visitors = Visitors()

    def rest() -> None:
        with turns.drawing():
            turns.step_back()
            visitors.drawn.append("the other")

    with turns.drawing():
        turns.step_back()
        visitors.come(rest)
        turns.step_back()
        visitors.drawn.append("still here")
    assert visitors.end() == ["still here", "the other"]


def test_who_waits_for_something_else_keeps_nobody_from_drawing() -> None:
    visitors = Visitors()

    def draw() -> None:
        with turns.drawing():
            visitors.drawn.append("other")

    with turns.drawing():
        with turns.waiting():
            visitors.come(draw)
            assert visitors.end() == ["other"]
        visitors.drawn.append("own")
    assert visitors.drawn == ["other", "own"]


def test_the_place_comes_back_whatever_happens_on_a_page() -> None:
    def fail(step: Callable[[], None]) -> None:
        with turns.drawing():
            step()
            with turns.waiting():
                raise ZeroDivisionError

    for step in (lambda: None, turns.step_back):
        with pytest.raises(ZeroDivisionError):
            fail(step)
        assert turns._line._turn is None


def test_parts_of_a_page_that_run_by_themselves_wait_for_nobody() -> None:
    others = turns._line.take(FIRST)
    turns.step_back()
    with turns.waiting():
        pass
    assert turns._line._turn is others


def test_a_page_that_takes_long_keeps_its_pace_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.02)
    visitors = Visitors()

    def quick() -> None:
        with turns.drawing():
            visitors.drawn.append("quick")

    with turns.drawing():
        visitors.come(quick)
        visitors.come(quick)
        assert visitors.end() == ["quick", "quick"]
        other = turns._line.take(FIRST)
    assert turns._line._turn is other, "its turn was over long ago: nobody else's ends with it"
