"""The load benchmark's visitors do what a browser does: a few of them, with nothing timed."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.browser.harness import Server, serve
from tests.load.client import Session, VisitError
from tests.load.memory import group_bytes
from tests.load.report import Row, timed
from tests.load.scenarios import QUICK, Bench
from tests.load.soak import AT_ONCE, soak

TINY = "dataset=iris&hidden=8&epochs=20&seeds=2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all visitors here."""
    folder = tmp_path_factory.mktemp("load")
    with serve(folder / "store", folder / "server.log") as server:
        yield server


async def visits(server: Server) -> None:
    first = Session(server.url, "saturation", TINY)
    async with first:
        await first.open()
        await first.first_chart()
        await first.result()
        assert first.charts > 0
        assert await first.move(Random(1)) > 0
        seen: set[tuple[bytes, ...]] = set()
        for count in range(1, 4):
            assert await first.move_on(Random(1), seen) is not None
            assert len(seen) == count
        await first.goto("convergence")
        assert first.movable()
        async with Session(server.url, "runs", TINY) as second:
            await second.open()
            assert second.movable()
            assert second.errors == []
        assert first.errors == []
        assert first.query.startswith("dataset=iris")
    async with Session(server.url, "saturation", "dataset=nonsense") as lost:
        await lost.open()
        assert any("nonsense" in notice for notice in lost.notices)


def test_visitors_open_a_link_move_controls_and_change_pages(server: Server) -> None:
    asyncio.run(visits(server))
    if Path("/proc/self/smaps_rollup").exists():
        assert max(group_bytes(server.process.pid).values()) > 10**7
    assert "Traceback" not in server.log()


def test_a_server_that_is_not_there_is_an_error() -> None:
    async def visit() -> Session:
        session = Session("http://127.0.0.1:9")
        with pytest.raises(VisitError):
            await session.open()
        return session

    assert len(asyncio.run(visit()).errors) == 1


def test_a_soak_says_what_the_server_holds_in_the_end_and_at_first(server: Server) -> None:
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("this system does not say what a process holds")
    rows: list[Row] = []
    bench = Bench(server, replace(QUICK, result=TINY), rows.append)
    asyncio.run(soak(bench, seconds=6.0))
    *_, first, memory, descriptors, threads = rows  # before them one for each tenth
    assert first.n >= AT_ONCE
    assert first.errors == 0
    ratios = (memory, descriptors, threads)
    assert [row.measured.partition(",")[0] for row in ratios] == ["memory", "descriptors", "threads"]
    assert all(row.value is not None and 0.2 < row.value < 5 for row in ratios)


def test_a_goal_is_met_without_errors_only() -> None:
    assert timed("a", "b", [1.0, 2.0], goal=3.0).met
    assert not timed("a", "b", [1.0, 2.0], errors=1, goal=3.0).met
    assert not timed("a", "b", [1.0, 4.0], goal=3.0).met
    assert not timed("a", "b", [], goal=3.0).met
    assert Row("a", "b", 1, value=41.0, goal=40.0, of="value", below=False).met
    assert not Row("a", "b", 1, value=39.0, goal=40.0, of="value", below=False).met
