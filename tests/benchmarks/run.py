"""The benchmark's command line: contests with the peers first, then what concerns the product alone."""

import argparse
import datetime
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from core.theory.timing import machine
from tests.benchmarks.bound import Speed, least_seconds
from tests.benchmarks.contest import PEERS, SECTION, WORKERS, contest, environment, peers
from tests.benchmarks.costs import estimates, precision, second_core, statistics_cost
from tests.benchmarks.growth import growth
from tests.benchmarks.kernels import let_go
from tests.benchmarks.processors import processors
from tests.benchmarks.published import published
from tests.benchmarks.report import Journal, Row, heading
from tests.benchmarks.scaling import memory, slopes
from tests.benchmarks.start_up import start_up
from tests.benchmarks.workers import Worker
from tests.benchmarks.workloads import WORKLOADS, Workload

SECTIONS = (
    "sweeps",
    "start-up",
    "server",
    "estimate",
    "statistics",
    "scaling",
    "cores",
    "precision",
    "memory",
    "growth",
    "processors",
)
CONTEST_SECONDS = 60.0
"""Time of a workload's rounds after which no other begins."""
BOUND_TARGETS = {"W1": 2.0, "W2": 3.0, "W3": 2.0}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status: 0 if all was measured, whether or not the targets are met."""
    arguments = _parser().parse_args(argv)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:WORKERS])
    rounds = arguments.rounds or (1 if arguments.quick else 2)
    chosen = [WORKLOADS[name] for name in arguments.workloads]
    if arguments.quick:
        chosen = [_shorter(workload) for workload in chosen[:1]]
    command = "python -m tests.benchmarks " + " ".join(sys.argv[1:] if argv is None else argv)
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    header = heading(machine(), date, f"{command.strip()} (at most {rounds} rounds)", WORKERS)
    print(*let_go(), sep="\n")

    failures: list[str] = []

    with Journal(arguments.csv, header) as journal:

        def measure(section: str, call: Callable[[], list[Row]]) -> None:
            if section not in arguments.sections:
                return
            try:
                journal.add(call())
            except Exception as error:  # noqa: BLE001 (the other sections are worth having)
                traceback.print_exc()
                failures.append(f"{section}: {error}")

        with Worker("tests.benchmarks.product", "Product", environment(1)) as product:
            if "sweeps" in arguments.sections:
                with (
                    peers(arguments.peers) as entrants,
                    Worker("tests.benchmarks.bound", "Machine", environment(1)) as core,
                ):
                    speed: Speed = core.call("measure", value=True).value

                    def against_peers(workload: Workload) -> list[Row]:
                        rows = contest(workload, product, entrants, rounds, CONTEST_SECONDS, arguments.quick)
                        return [*rows, _bound(workload, rows, speed)]

                    for workload in chosen:
                        measure("sweeps", partial(against_peers, workload))
            measure("start-up", lambda: start_up(rounds + 2))
            if "server" in arguments.sections:
                # Every process that the benchmark starts imports this module, and its memory must not hold a server's.
                from tests.benchmarks import server

                measure("server", lambda: server.first_visit(rounds))
                measure("server", lambda: server.warm_visits(rounds))
                measure("server", server.page_switches)
            measure("estimate", lambda: estimates(product, arguments.quick))
            measure("statistics", lambda: statistics_cost(product, chosen, rounds))
            measure("scaling", lambda: slopes(product, arguments.quick))
            measure("cores", lambda: second_core(product, chosen, rounds))
            measure("precision", lambda: precision(product, chosen, rounds))
        measure("memory", lambda: memory(arguments.quick))
        measure("growth", lambda: growth(arguments.quick))
        measure("processors", lambda: processors(arguments.quick))
        print(f"\n{journal.elapsed:.0f} s. The ratios of sweeps are times over the product's. {journal.path}")
        if {"sweeps", "growth"} & set(arguments.sections):
            published([journal.path])
        if arguments.quick:
            print("Quick: for a look only. Short sweeps are recorded more often an epoch, at the product's cost.")
    print(*(f"FAILED: {failure}" for failure in failures), sep="\n", end="")
    return 1 if failures else 0


def _shorter(workload: Workload) -> Workload:
    """A fifth of the epochs."""
    experiment = replace(workload.experiment, epochs=workload.experiment.epochs // 5)
    return replace(workload, summary=f"{workload.summary}: a fifth of the epochs", experiment=experiment)


def _bound(workload: Workload, rows: Sequence[Row], speed: Speed) -> Row:
    mine = next(row for row in rows if row.section == SECTION)
    assert mine.median is not None
    least = least_seconds(workload, speed, WORKERS)
    note = f"{speed.flops / 1e9:.0f} GF/s and {speed.tanh / 1e9:.2f} G tanh/s a core; ratio: product over bound"
    return Row(
        "Bound: products and tanh alone", workload.name, "bound", "2 cores", median=least, ratio=mine.median / least,
        target=BOUND_TARGETS.get(workload.name), below=True, note=note,
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)

    def names(allowed: Sequence[str]) -> Callable[[str], list[str]]:
        def parse(text: str) -> list[str]:
            wanted = [name for name in text.split(",") if name]
            unknown = sorted(set(wanted) - set(allowed))
            if unknown:
                raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(allowed)}")
            return wanted

        return parse

    for option, allowed in (("--workloads", tuple(WORKLOADS)), ("--peers", tuple(PEERS)), ("--sections", SECTIONS)):
        parser.add_argument(
            option, type=names(allowed), default=list(allowed), metavar="A,B", help=f"of {', '.join(allowed)}"
        )
    parser.add_argument("--rounds", type=int, help="most rounds in which all take a turn (2; quick: 1)")
    parser.add_argument(
        "--quick", action="store_true", help="some minutes: one round, the first workload, a fifth of its epochs"
    )
    parser.add_argument("--csv", type=Path, default=Path("results/benchmark.csv"), help="where to write the table")
    return parser
