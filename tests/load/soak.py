"""Visitor after visitor for a long time: what the server holds must not grow."""

import asyncio
import time
from pathlib import Path
from statistics import mean

from tests.load.client import Session
from tests.load.memory import group_bytes
from tests.load.report import Row, timed
from tests.load.scenarios import Bench, all_of

VISITS = 20_000
SECONDS = 1200.0
AT_ONCE = 20
FLAT = 1.05
"""How much more there may be in the end than after the first tenth, each the mean of three samples: the sessions of
closed tabs are kept for two minutes and ended by the dozen, so that single samples go up and down."""
PAGES = ("saturation", "convergence", "gradient_signs", "runs", "zigzag")


def held(leader: int) -> dict[str, float]:
    """What the server's own process holds."""
    process = Path(f"/proc/{leader}")
    return {
        "memory": group_bytes(leader)[leader] / 1e6,
        "descriptors": sum(1 for _ in (process / "fd").iterdir()),
        "threads": sum(1 for _ in (process / "task").iterdir()),
    }


async def soak(bench: Bench, seconds: float = SECONDS) -> None:
    """Some at a time open a page, move a control and go, until so many have been there or the time is over."""
    leader = bench.server.process.pid
    begin = time.monotonic()
    taken: list[float] = []
    samples: list[dict[str, float]] = []
    errors = count = 0

    async def visit(session: Session) -> float:
        took = await session.open()
        if session.movable():
            await session.move(bench.rng)
        return took

    while (share := max(count / VISITS, (time.monotonic() - begin) / seconds)) < 1:
        sessions = [bench.session(PAGES[(count + i) % len(PAGES)], bench.sizes.result) for i in range(AT_ONCE)]
        taken += await all_of(visit(session) for session in sessions)
        errors += await bench.leave(sessions)
        count += AT_ONCE
        if share * 10 >= len(samples) + 1:
            await asyncio.sleep(1.0)  # what is on its way out has gone
            samples.append(held(leader))
            found = ", ".join(f"{value:.0f} {what}" for what, value in samples[-1].items())
            bench.tell(Row(f"{count:,} have been there", "what is held", 1, "", errors=errors, note=found))
    samples.append(held(leader))
    name = f"{count:,} visitors one after the other"
    bench.tell(timed(name, "to the page", taken, errors))
    for what, unit in (("memory", "MB"), ("descriptors", ""), ("threads", "")):
        values = [sample[what] for sample in samples]
        note = "by tenths: " + ", ".join(f"{value:.0f}" for value in values) + (f" {unit}" if unit else "")
        ratio = mean(values[-3:]) / mean(values[1:4] or values)
        drift = f"{ratio - 1:+.1%}; "
        bench.tell(
            Row(name, f"{what}, end / after a tenth", 1, "", value=ratio, goal=FLAT, of="value", note=drift + note)
        )
