"""What is made once for all visitors, and what a chart sends to a browser."""

import runpy
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import streamlit as st

from core.charts import convergence, picture, saturation
from core.charts.on_screen import BOX
from core.experiment.experiment import Experiment
from core.jobs.running import run
from core.results.results import Result
from pages.parts import chart, lens, save, session, training
from pages.parts.catalogue import PAGES
from pages.parts.shown import KEPT_CALCULATED, LOOKS, Shown, once
from tests.pages.results import open_on

SMALL = Experiment(dataset=("iris",), hidden=((), (4,), (4, 4)), epochs=2, seeds=2)


@pytest.fixture(scope="module")
def result() -> Result:
    return run(SMALL)


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


MADE: list[object] = []


def note(subject: object, *details: object, k: int = 0) -> int:
    MADE.append(subject)
    return len(MADE)


def another(subject: object, *details: object) -> int:
    return note(subject)


@dataclass(frozen=True)
class Values:
    number: float
    names: tuple[str, ...] = ()


def test_a_thing_is_made_once_for_each_version_of_a_result(result: Result) -> None:
    MADE.clear()
    first = Shown(result, "1", final=False)
    for shown in (first, Shown(result, "1", final=False), replace(first, version="2"), replace(first, final=True)):
        for name in ("a", "b", "a"):
            shown.once(note, name)
    assert len(MADE) == 6
    assert all(made is result for made in MADE)


def test_whatever_a_function_gets_tells_what_it_gives_from_other_things(result: Result) -> None:
    MADE.clear()
    shown = Shown(result, "1", final=True)
    calls: list[tuple[Any, ...]] = [
        (note, 1), (note, 1.0), (note, True), (note, "1"), (note, None), (note, (1,)), (note, ((1,),)), (note, 1, 1),
        (note, "1, 1"), (note, shown), (note, replace(shown, version="2")), (note, shown.hidden), (note, shown.layers),
        (note, Values(1)), (note, Values(1, ("1",))), (note, SMALL), (note, replace(SMALL, seeds=3)), (another, 1),
        (note, note), (note, another), (note, partial(note, 1)), (note, partial(note, 2)), (note, partial(note, k=1)),
    ]  # fmt: skip
    first = [once(*call) for call in calls]
    assert len(set(first)) == len(calls)
    assert [once(*call) for call in calls] == first


def test_what_sliders_ask_for_is_bounded_and_pushes_out_nothing_of_a_result(result: Result) -> None:
    of_a_result = once(note, Shown(result, "1", True))
    first = once(note, 0.0)
    for place in range(1, KEPT_CALCULATED + 1):
        once(note, float(place))
    assert once(note, Shown(result, "1", True)) == of_a_result
    assert once(note, float(KEPT_CALCULATED)) == first + KEPT_CALCULATED
    assert once(note, 0.0) > first + KEPT_CALCULATED


def test_functions_of_one_name_on_two_pages_are_two(tmp_path: Path) -> None:
    """Streamlit runs every page as __main__."""
    made = []
    for name in ("first", "second"):
        script = tmp_path / f"{name}.py"
        script.write_text(f"def draw():\n    return {name!r}\n", encoding="utf-8")
        made.append(once(runpy.run_path(str(script), run_name="__main__")["draw"]))
    assert made == ["first", "second"]


def test_what_hides_what_it_depends_on_is_refused(result: Result) -> None:
    hidden = 1

    def closure() -> int:
        return hidden

    for function in (closure, lambda: 1, partial(closure), Values(1).__class__):
        with pytest.raises(TypeError, match="what it depends on is not known"):
            once(function)
    for argument in ([1], {"a": 1}, result, result.runs, np.zeros(2), lambda: 1, object()):
        with pytest.raises(TypeError, match="what it depends on is not known"):
            once(note, argument)


def test_what_there_are_numbers_of_is_told_by_group_and_layer(result: Result) -> None:
    of_hidden = Shown(result, "1", final=True).recorded(hidden=True)
    of_any = Shown(result, "1", final=True).recorded()
    hidden = result.layers[result.layers["role"] == "hidden"]
    for recorded, table in ((of_any, result.layers), (of_hidden, hidden)):
        assert list(recorded.epochs) == list(dict.fromkeys(table["group"]))
        assert set(recorded.epochs.values()) == {(0, 1, 2)}
        assert recorded.layers == tuple(sorted(set(table["layer"])))
        assert {*recorded.of("tanh")} == set(table.loc[table["activation"] == "tanh", "group"])
    assert len(of_hidden.epochs) < len(of_any.epochs)


def test_a_chart_carries_its_data_as_tables_named_by_their_order(result: Result) -> None:
    drawn = convergence.learning_curves(result.epochs, groups=SMALL.groups(), quantity="train_loss")
    spec = chart.specification(drawn)
    as_rows = drawn.to_dict()
    tables = spec["datasets"]
    assert list(tables) == [f"rows_{place}" for place in range(len(as_rows["datasets"]))]
    for table, rows in zip(tables.values(), as_rows["datasets"].values(), strict=True):
        assert isinstance(table, pa.Table)
        pd.testing.assert_frame_equal(table.to_pandas(), pd.DataFrame(rows), check_dtype=False)
    names = [layer["data"]["name"] for layer in spec["layer"] if layer["name"] != BOX]
    assert len(set(names)) < len(names), "layers of the same rows share them"


def test_charts_of_other_numbers_differ_in_their_tables_alone(result: Result) -> None:
    def drawn(rows: pd.DataFrame) -> dict[str, object]:
        return chart.specification(saturation.mean_activation_by_layer(rows, groups=SMALL.groups(), epoch=0))

    layers = result.layers.assign(activation_mean=0.5)
    first, other = drawn(layers), drawn(layers.assign(seed=layers["seed"] + 1))
    assert first == other
    moved = drawn(layers.assign(activation_mean=layers["activation_mean"].where(layers["layer"] > 1, 0.25)))
    assert moved["datasets"] != first["datasets"]


@pytest.mark.parametrize(("others", "newest"), [(0, True), (1, True), (20, False)])
def test_the_more_jobs_there_are_the_longer_a_page_keeps_what_it_has_drawn_of_a_growing_result(
    result: Result, monkeypatch: pytest.MonkeyPatch, others: int, newest: bool
) -> None:
    versions = iter("12")
    job: Any = SimpleNamespace(active=True, latest=lambda: (result, next(versions)))
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(training, "registry", lambda: SimpleNamespace(active=1 + others))
    clock = iter([0.0, 5.0, 5.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(time, "thread_time", iter([1.0, 1.3]).__next__)  # it took 0.3 s
    first = lens._shown(job)
    assert first is not None
    lens._body(job, first, lambda shown: None)
    second = lens._shown(job)
    assert second is not None
    assert (second.version.startswith("2 ")) is newest
    job.active = False
    job.latest = lambda: (result, "3")
    last = lens._shown(job)
    assert last is not None
    assert (last.version.partition(" ")[0], last.final) == ("3", True)


def test_every_chart_of_every_page_is_written_as_altair_itself_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    specification, pairs = picture.specification, []

    def compared(drawn: alt.LayerChart) -> dict[str, Any]:
        def aside(rows: Any) -> dict[str, str]:
            return {"name": str(id(rows))}

        alt.data_transformers.register("aside", aside)
        with alt.data_transformers.enable("aside"):
            pairs.append((picture.AROUND | picture.written(drawn, aside), drawn.to_dict(validate=False)))
        return specification(drawn)

    monkeypatch.setattr(picture, "specification", compared)
    result = run(replace(SMALL, activation=("tanh", "relu"), statistics="full"))
    for entry in PAGES:
        open_on(monkeypatch, entry.name, result)
    assert len(pairs) > 40
    for ours, altairs in pairs:
        assert ours == altairs


def test_of_a_result_that_grows_what_is_made_of_its_last_looks_alone_is_kept(result: Result) -> None:
    looks = [Shown(result, f"look {number}", False) for number in range(2 * LOOKS)]
    made = [once(note, look) for look in looks]
    other = Shown(replace(result, experiment=replace(SMALL, seeds=3)), "look", False)
    apart = once(note, other)
    assert [once(note, look) for look in looks[LOOKS:]] == made[LOOKS:]
    assert once(note, looks[0]) > apart, "it is made anew"
    final = Shown(result, "final", True)
    last = once(note, final)
    assert once(note, looks[-1]) > last, "what was made before the end goes with it"
    assert (once(note, final), once(note, other)) == (last, apart)


class Held:
    """Something large."""


def test_of_each_download_the_newest_file_alone_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[Any] = []
    monkeypatch.setattr(session, "current", partial(lambda here: here, session.Session()))
    monkeypatch.setattr(st, "download_button", lambda label, make, *of, **how: offered.append(make))
    looks = [Held(), Held()]
    gone = weakref.ref(looks[0])
    for number, look in enumerate(looks):
        save.button("CSV", partial("{} {}".format, look, number), "a.csv", "text/csv", key="csv")
    newest = f"{looks[1]} 1"
    looks.clear()
    del look
    assert gone() is None
    assert [make() for make in offered] == [newest, newest]
