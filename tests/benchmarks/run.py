"""The benchmark's command line: contests with the peers first, then what concerns the product alone."""

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from core.timing import machine
from tests.benchmarks.bound import Speed, least_seconds
from tests.benchmarks.contest import PEERS, SECTION, WORKERS, contest, environment, peers
from tests.benchmarks.costs import estimates, precision, second_core, statistics_cost
from tests.benchmarks.report import Row, heading, tables, write_csv
from tests.benchmarks.scaling import memory, slopes
from tests.benchmarks.start_up import start_up
from tests.benchmarks.workers import Worker
from tests.benchmarks.workloads import WORKLOADS, Workload

SECTIONS = ("sweeps", "statistics", "scaling", "cores", "memory", "estimate", "start-up", "precision")
BOUND_TARGETS = {"W1": 2.0, "W2": 3.0, "W3": 2.0}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status, 0 whether or not the targets are met."""
    arguments = _parser().parse_args(argv)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:WORKERS])
    began = time.monotonic()
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    chosen = [WORKLOADS[name] for name in arguments.workloads]
    if arguments.quick:
        chosen = [_shorter(workload) for workload in chosen]
    own = chosen[:1] if arguments.quick else chosen
    rows: list[Row] = []

    def measure(section: str, call: Callable[[], list[Row]]) -> None:
        if section in arguments.sections:
            print(f"[{time.monotonic() - began:5.0f} s] {section}", file=sys.stderr, flush=True)
            rows.extend(call())

    with Worker("tests.benchmarks.product", "Product", environment(1)) as product:
        if "sweeps" in arguments.sections:
            with (
                peers(arguments.peers) as entrants,
                Worker("tests.benchmarks.bound", "Machine", environment(1)) as core,
            ):
                for workload in chosen:
                    measure("sweeps", lambda w=workload: contest(w, product, entrants, rounds, arguments.quick))  # type: ignore[misc]
                speed: Speed = core.call("measure", value=True).value
                rows.extend(_bounds(chosen, rows, speed))
        measure("statistics", lambda: statistics_cost(product, own, rounds))
        measure("scaling", lambda: slopes(product, arguments.quick))
        measure("cores", lambda: second_core(product, own, rounds))
        measure("estimate", lambda: estimates(product, arguments.quick))
        measure("precision", lambda: precision(product, own, rounds))
    measure("memory", lambda: memory(arguments.quick))
    measure("start-up", lambda: start_up(rounds + 2))

    command = "python -m tests.benchmarks " + " ".join(sys.argv[1:] if argv is None else argv)
    date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    header = heading(machine(), date, f"{command.strip()} ({rounds} rounds)", WORKERS)
    print("\n".join(header), tables(rows), sep="\n\n")
    print(f"\n{time.monotonic() - began:.0f} s. The ratios of sweeps are times over the product's. {arguments.csv}")
    if arguments.quick:
        print("Quick: for a look only. Short sweeps are recorded more often an epoch, at the product's cost.")
    write_csv(arguments.csv, rows, header)
    return 0


def _shorter(workload: Workload) -> Workload:
    """A fifth of the epochs."""
    experiment = replace(workload.experiment, epochs=workload.experiment.epochs // 5)
    return replace(workload, summary=f"{workload.summary}: a fifth of the epochs", experiment=experiment)


def _bounds(chosen: Sequence[Workload], rows: Sequence[Row], speed: Speed) -> list[Row]:
    found = []
    for workload in chosen:
        mine = next(row for row in rows if row.section == SECTION and row.subject == workload.name)
        assert mine.median is not None
        least = least_seconds(workload, speed, WORKERS)
        note = f"{speed.flops / 1e9:.0f} GF/s and {speed.tanh / 1e9:.2f} G tanh/s a core; ratio: product over bound"
        target = BOUND_TARGETS.get(workload.name)
        found.append(
            Row("Bound: products and tanh alone", workload.name, "bound", "2 cores", median=least,
                ratio=mine.median / least, target=target, below=True, note=note)
        )  # fmt: skip
    return found


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
    parser.add_argument("--rounds", type=int, help="rounds in which all take a turn (3; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="within 3 minutes: one round, a fifth of the epochs")
    parser.add_argument("--csv", type=Path, default=Path("results/benchmark.csv"), help="where to write the table")
    return parser
