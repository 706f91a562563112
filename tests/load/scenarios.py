"""What the visitors do. Each scenario tells its rows as soon as it has them, and leaves nobody on the server."""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from uuid import uuid4

from core.experiment.presets import PRESETS
from pages.parts.catalogue import PAGES
from tests.browser.harness import Server, find_browser
from tests.load import browsers
from tests.load.client import Session, VisitError
from tests.load.memory import group_bytes
from tests.load.report import Row, timed

FIRST_CHART = 3.0
RERUN = 1.0
CANCEL = 1.0
RERUNS_PER_SECOND = 40.0
MEGABYTES = 500.0
GROWTH = 1.2
KEPT_SECONDS = 120.0
"""How long Streamlit keeps the session of a tab that was closed, in case that its visitor comes back."""
OWN_RESULTS = {name: PRESETS[name].experiment.to_query() for name in ("two_by_two", "batch_size")}
"""Pages that show another experiment than the lecture's."""
FINISHED = tuple(entry.path for entry in PAGES if entry.section == "Experiment")
"""Pages that show a finished result; the others calculate what their sliders ask for."""
TROUBLE = re.compile(r"^Traceback|\bERROR\b|\bCRITICAL\b", re.MULTILINE)


@dataclass(frozen=True)
class Sizes:
    """How much of everything.

    Attributes:
        shared: page of the shared link; its settings are `result`.
        result: settings of the experiment that everybody looks at.
        visitors: who open the shared link, all at once and over `arrival` seconds.
        windows: of a real browser.
        first_visits: visitors whose browsers load all of their files too, over `arrival` seconds.
        movers, active: visitors who move controls every `think` seconds for `moving` seconds, the latter beside a job.
        short, long: how many train a short and a long sweep of their own at once, and the settings of these sweeps.
        job: settings of a sweep that takes longer than `moving` seconds.
        clients: who move controls without a pause, for `page_seconds` on each of `pages`.
        warming: seconds of the same before that on pages whose charts are few enough to have been seen by then, as they
            have after some minutes of a class.
    """

    visitors: int = 200
    arrival: float = 10.0
    windows: int = 3
    first_visits: int = 20
    movers: int = 50
    active: int = 10
    think: float = 3.0
    moving: float = 20.0
    short: tuple[int, str] = (15, "seeds=1")
    long: tuple[int, str] = (5, "seeds=4")
    job: str = "seeds=100"
    clients: int = 8
    page_seconds: float = 3.0
    warming: float = 12.0
    shared: str = "saturation"
    result: str = ""
    pages: tuple[str, ...] = tuple(entry.path for entry in PAGES)

    def query(self, page: str) -> str:
        """Settings of the experiment that is looked at on a page."""
        return OWN_RESULTS.get(page, self.result) if not self.result else self.result


QUICK = Sizes(
    visitors=40,
    arrival=3.0,
    windows=1,
    first_visits=4,
    movers=15,
    active=5,
    moving=5.0,
    short=(5, "seeds=1&epochs=20"),
    long=(2, "seeds=2&epochs=20"),
    page_seconds=0.5,
    warming=0.5,
)


@dataclass
class Bench:
    """A server and its visitors.

    Attributes:
        server: what is loaded.
        sizes: how much.
        tell: takes the rows.
        troubles: what went wrong, and how often.
    """

    server: Server
    sizes: Sizes
    tell: Callable[[Row], None]
    troubles: Counter[str] = field(default_factory=Counter)
    rng: Random = field(default_factory=lambda: Random(0))
    _seen: int = 0

    def session(self, path: str, query: str, cookie: str = "") -> Session:
        """A visitor who is about to open a link, with a cookie of their own: all without one would count as one."""
        return Session(self.server.url, path, query, cookie or f"_streamlit_xsrf=2|00000000|{uuid4().hex}|0")

    async def leave(self, sessions: Sequence[Session], more: Iterable[str] = ()) -> int:
        """Close the tabs. Returns how many errors there have been since the last time, the server's own included."""
        await asyncio.gather(*(session.close() for session in sessions))
        log = self.server.log()
        found = [error for session in sessions for error in session.errors]
        found += [*more, *(f"the server's log: {part}" for part in TROUBLE.findall(log[self._seen :]))]
        self._seen = len(log)
        self.troubles.update(found)
        return len(found)


async def _patient(visit: Awaitable[float]) -> float | None:
    """Seconds of a visit; None where it failed, which its session has noted."""
    try:
        return await visit
    except VisitError:
        return None


async def all_of(visits: Iterable[Awaitable[float]]) -> list[float]:
    """Seconds of those visits that succeeded."""
    taken = await asyncio.gather(*(_patient(visit) for visit in visits))
    return [seconds for seconds in taken if seconds is not None]


async def _first_chart(session: Session, after: float = 0.0) -> float:
    await asyncio.sleep(after)
    await session.open()
    return await session.first_chart()


async def prepare(bench: Bench) -> None:
    """Have the results that are looked at trained and stored, by one visitor each."""
    sizes = bench.sizes
    wanted = dict.fromkeys(sizes.query(page) for page in (sizes.shared, *sizes.pages))
    sessions = [bench.session(sizes.shared, query) for query in wanted]
    first = await all_of(_first_chart(session) for session in sessions[:1])
    whole = await all_of(session.result() for session in sessions[:1])
    for session in sessions[1:]:
        await all_of([session.open()])
        await all_of([session.result()])
    errors = await bench.leave(sessions)
    note = "a server that has just started: imports, workers, training"
    bench.tell(timed("The first visitor, nothing stored", "to first chart", first, errors, note=note))
    bench.tell(timed("The first visitor, nothing stored", "to result", whole))


async def shared_link(bench: Bench, over: float) -> list[str]:
    """Many open one link whose result is stored, a few of them in a browser, over so many seconds.

    Returns the files that a browser loads.
    """
    sizes = bench.sizes
    sessions = [bench.session(sizes.shared, sizes.query(sizes.shared)) for _ in range(sizes.visitors)]
    before = group_bytes(bench.server.process.pid)
    link = f"{bench.server.link(sizes.shared)}?{sizes.query(sizes.shared)}"
    windows: asyncio.Task[browsers.Visits] | None = None
    if over and sizes.windows and find_browser():
        windows = asyncio.create_task(asyncio.to_thread(browsers.visit, link, sizes.windows, over / sizes.windows / 4))
    pauses = [over * number / sizes.visitors for number in range(sizes.visitors)]
    taken = await all_of(_first_chart(session, pause) for session, pause in zip(sessions, pauses, strict=True))
    seen = await windows if windows else browsers.Visits()
    during = group_bytes(bench.server.process.pid)
    errors = await bench.leave(sessions, seen.errors)
    name = f"{sizes.visitors} open one link " + (f"within {over:g} s" if over else "at once")
    bench.tell(timed(name, "to first chart", taken, errors, FIRST_CHART))
    if windows:
        row = timed(
            "Browsers among them, with empty caches",
            "to first chart drawn",
            seen.seconds,
            len(seen.errors),
            FIRST_CHART,
        )
        bench.tell(row)
    if over:
        bench.tell(_memory("One visitor has been there", before))
        bench.tell(_memory(f"{sizes.visitors} are there", during, MEGABYTES))
    return seen.files


async def memory_afterwards(bench: Bench, before: dict[int, int], left_at: float) -> None:
    """Memory once Streamlit has given up the sessions of those who left, held against that before they came."""
    await asyncio.sleep(max(0.0, left_at + KEPT_SECONDS + 1.0 - time.monotonic()))
    # Old sessions go when a session ends.
    last = bench.session(bench.sizes.shared, bench.sizes.query(bench.sizes.shared))
    await all_of([_first_chart(last)])
    errors = await bench.leave([last])
    await asyncio.sleep(1.0)
    after = group_bytes(bench.server.process.pid)
    bench.tell(_memory(f"{KEPT_SECONDS:g} s after they left", after))
    if before:
        ratio = sum(after.values()) / sum(before.values())
        row = Row("Left behind by them", "after / before", 1, "", value=ratio, errors=errors, goal=GROWTH, of="value")
        bench.tell(row)


def _memory(name: str, found: dict[int, int], goal: float | None = None) -> Row:
    parts = [size / 1e6 for size in found.values()]
    note = " + ".join(f"{part:.0f}" for part in parts) + ": server and its processes, PSS"
    return Row(name, "memory", 1, "MB", value=sum(parts), goal=goal, of="value", note=note)


async def first_visits(bench: Bench, files: list[str]) -> None:
    """Visitors whose browsers load every file from this server before they show anything."""
    sizes = bench.sizes
    sessions = [bench.session(sizes.shared, sizes.query(sizes.shared)) for _ in range(sizes.first_visits)]
    missing: list[str] = []

    async def visit(session: Session, pause: float) -> float:
        await asyncio.sleep(pause)
        begin = time.perf_counter()
        missing.extend(["a file did not come"] * await browsers.load_files(bench.server.url, files))
        await _first_chart(session)
        return time.perf_counter() - begin

    pauses = [sizes.arrival * number / len(sessions) for number in range(len(sessions))]
    taken = await all_of(visit(session, pause) for session, pause in zip(sessions, pauses, strict=True))
    errors = await bench.leave(sessions, missing)
    name = f"{len(sessions)} with empty caches within {sizes.arrival:g} s"
    bench.tell(timed(name, "to first chart", taken, errors, note=f"{len(files)} files each, all from this server"))


async def moving(bench: Bench, count: int, name: str, goal: float | None = None, more: Iterable[Session] = ()) -> None:
    """Visitors look at finished results, and move a control of their page every now and then."""
    sizes = bench.sizes
    sessions = await _looking(bench, count, [page for page in sizes.pages if page in FINISHED])
    taken: list[float] = []
    end = time.monotonic() + sizes.moving

    async def visitor(session: Session) -> float:
        while True:
            await asyncio.sleep(sizes.think * bench.rng.uniform(0.5, 1.5))
            if time.monotonic() > end:
                return 0.0
            taken.append(await session.move(bench.rng))

    await all_of(visitor(session) for session in sessions)
    errors = await bench.leave([*sessions, *more])
    bench.tell(timed(name, "rerun", taken, errors, goal, f"a control every {sizes.think:g} s"))


async def moving_beside_a_job(bench: Bench) -> None:
    """The same while somebody's long sweep trains, which is cancelled afterwards."""
    sizes = bench.sizes
    trainer = bench.session(sizes.shared, sizes.job)
    first = await all_of([_first_chart(trainer)])
    await moving(bench, sizes.active, f"{sizes.active} move controls beside a job", RERUN)
    begin = time.perf_counter()
    cancelled = await all_of([trainer.press("cancel")] if first else [])
    took = [time.perf_counter() - begin] if cancelled else []
    bench.tell(timed("The job is cancelled", "until it has stopped", took, await bench.leave([trainer]), CANCEL))


async def _looking(bench: Bench, count: int, pages: Sequence[str]) -> list[Session]:
    """Visitors spread over the pages that have something to move, as they are found."""
    around = itertools.cycle(pages)
    sessions = [bench.session(page, bench.sizes.query(page)) for page in itertools.islice(around, count)]
    for begin in range(0, count, 5):
        await all_of(session.open() for session in sessions[begin : begin + 5])
    for session in sessions:
        if not session.errors and not session.movable():
            await all_of([session.goto(bench.sizes.shared)])
    return [session for session in sessions if session.movable() or session.errors]


async def training(bench: Bench) -> None:
    """Everybody trains a sweep of their own, at once."""
    sizes = bench.sizes
    (shorts, short), (longs, long) = sizes.short, sizes.long
    queries = [f"{short}&first_seed={1000 + place}" for place in range(shorts)]
    queries += [f"{long}&first_seed={2000 + place}" for place in range(longs)]
    sessions = [bench.session(sizes.shared, query) for query in queries]
    first: list[float] = []

    async def train(session: Session) -> float:
        first.append(await _first_chart(session))
        return await session.result()

    finished = await asyncio.gather(*(_patient(train(session)) for session in sessions))
    errors = await bench.leave(sessions)
    name = f"{len(sessions)} train sweeps of their own at once"
    bench.tell(timed(name, "to first chart", first, errors))
    of_short = [seconds for seconds in finished[:shorts] if seconds is not None]
    bench.tell(timed(name, "a short one to its end", of_short, note=f"{shorts} of {short}"))
    bench.tell(
        timed(name, "a long one to its end", [s for s in finished[shorts:] if s is not None], note=f"{longs} of {long}")
    )
    if of_short:
        ratio = max(of_short) / min(of_short)
        bench.tell(Row(name, "slowest / fastest short", len(of_short), "", value=ratio, note="fair turns: near 1"))


async def limit(bench: Bench) -> None:
    """One visitor asks for a third sweep while two are in training: it is refused, and the page says so."""
    cookie = "_streamlit_xsrf=2|00000000|6c6f6164|0"
    queries = [f"{bench.sizes.job}&first_seed={3000 + place}" for place in range(3)]
    sessions = [bench.session(bench.sizes.shared, query, cookie) for query in queries]
    for session in sessions:
        await all_of([session.open()])
    refused = [any("the limit is" in notice for notice in session.notices) for session in sessions]
    wrong = [] if refused == [False, False, True] else ["a limit was not honoured"]
    for session in sessions[:2]:
        await all_of([session.press("cancel")])
    errors = await bench.leave(sessions, wrong)
    bench.tell(Row("One visitor asks for three sweeps at once", "refused", 3, "", value=sum(refused), errors=errors))


async def capacity(bench: Bench, page: str) -> None:
    """A few visitors of one page who never think: control after control, then the whole page again and again.

    With new values every chart is drawn for the first time, until all that the page can show has been; afterwards most
    have been seen by somebody.
    """
    sizes = bench.sizes
    name = f"{sizes.clients} on {page or 'overview'} without a pause"
    warming = sizes.warming if page in FINISHED else sizes.page_seconds
    seen: set[tuple[bytes, ...]] = set()
    steps: tuple[tuple[str, float, Callable[[Session], Awaitable[float | None]], float | None], ...] = (
        ("new values", warming, lambda session: session.move_on(bench.rng, seen), RERUNS_PER_SECOND),
        (
            "a control",
            sizes.page_seconds,
            lambda session: session.move(bench.rng),
            RERUNS_PER_SECOND if page in FINISHED else None,
        ),
        ("the whole page", sizes.page_seconds, Session.rerun, None),
    )
    for measured, seconds, step, goal in steps:
        sessions = [bench.session(page, sizes.query(page)) for _ in range(sizes.clients)]
        await all_of(session.open() for session in sessions)
        if measured != "the whole page" and not all(session.movable() for session in sessions):
            await bench.leave(sessions)
            continue
        taken: list[float] = []
        begin = time.perf_counter()

        async def visitor(
            session: Session,
            step: Callable[[Session], Awaitable[float | None]] = step,
            end: float = begin + seconds,
        ) -> float:
            while time.perf_counter() < end and (took := await step(session)) is not None:
                taken.append(took)  # noqa: B023
            return 0.0

        await all_of(visitor(session) for session in sessions)
        rate = len(taken) / (time.perf_counter() - begin)
        errors = await bench.leave(sessions)
        row = timed(name, f"{measured}, reruns/s", taken, errors)
        bench.tell(replace(row, value=rate, of="value", below=False, goal=goal))
