"""The command: one server, everybody's visits one after the other, a table that is printed and written as it grows."""

import argparse
import asyncio
import csv
import dataclasses
import datetime
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from core.theory.timing import machine
from tests.benchmarks.report import heading
from tests.browser.harness import Server, serve
from tests.load import scenarios
from tests.load import soak as soaking
from tests.load.memory import group_bytes
from tests.load.report import Row, line
from tests.load.scenarios import QUICK, Bench, Sizes

HOSTED = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "100000"}
"""Environment that docs/hosting.md advises."""


async def visits(server: Server, sizes: Sizes, wait: bool, soak: float | None) -> tuple[list[Row], dict[str, int]]:
    """All scenarios; the rows, and what went wrong and how often. With `wait` memory is looked at after they left.

    With `soak` the one scenario of so many seconds instead.
    """
    rows: list[Row] = []

    def tell(row: Row) -> None:
        rows.append(row)
        print(line(row), flush=True)

    bench = Bench(server, sizes, tell)
    await scenarios.prepare(bench)
    if soak is not None:
        await soaking.soak(bench, soak)
        return rows, dict(bench.troubles)
    before = group_bytes(server.process.pid)
    await scenarios.shared_link(bench, 0.0)
    files = await scenarios.shared_link(bench, sizes.arrival)
    if wait:
        await scenarios.memory_afterwards(bench, before, time.monotonic())
    if files:
        await scenarios.first_visits(bench, files)
    await scenarios.moving(bench, sizes.movers, f"{sizes.movers} move controls")
    await scenarios.moving_beside_a_job(bench)
    await scenarios.training(bench)
    await scenarios.limit(bench)
    for page in sizes.pages:
        await scenarios.capacity(bench, page)
    return rows, dict(bench.troubles)


def write_csv(path: Path, rows: list[Row], header: list[str]) -> None:
    """The rows, below the header as comments."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {text}\n" for text in header)
        writer = csv.writer(file)
        writer.writerow([*(field.name for field in dataclasses.fields(Row)), "met"])
        writer.writerows([*dataclasses.astuple(row), row.met] for row in rows)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark. The exit status says that it ran, not that its goals were reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="within a minute or so: fewer visitors, no look afterwards"
    )
    parser.add_argument(
        "--soak",
        nargs="?",
        type=float,
        const=soaking.SECONDS,
        metavar="SECONDS",
        help=f"visitor after visitor instead, {soaking.VISITS:,} or for so long ({soaking.SECONDS:g} if unset)",
    )
    parser.add_argument("--csv", type=Path, default=Path("results/load.csv"), help="where to write the table")
    arguments = parser.parse_args(argv)
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    header = heading(
        machine(),
        date,
        "python -m tests.load" + (" --quick" if arguments.quick else "") + (" --soak" if arguments.soak else ""),
        os.cpu_count() or 1,
    )
    print(*header, line(), sep="\n", flush=True)
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(serve(folder / "store", folder / "server.log", HOSTED))
        sizes = QUICK if arguments.quick else Sizes()
        rows, troubles = asyncio.run(visits(server, sizes, wait=not arguments.quick, soak=arguments.soak))
    for trouble, count in troubles.items():
        print(f"{count} x {trouble}")
    print(f"{time.monotonic() - began:.0f} s. {arguments.csv}")
    write_csv(arguments.csv, rows, header)
    return 0
