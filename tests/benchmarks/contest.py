"""The product against its peers: tuned, checked, then timed in rounds in which everybody takes a turn."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from tests.benchmarks.agreement import Difference, chaotic_runs, check
from tests.benchmarks.report import Row, Timing
from tests.benchmarks.workers import Reply, Worker
from tests.benchmarks.workloads import Problem, Trained, Workload, problems

WORKERS = 2
"""Processes or threads that everybody may use."""
SEEDS_ONE_BY_ONE = 2
"""Seeds that peers without batching train, for time's sake; their times are scaled up, which run by run is exact."""
SLOW_SECONDS = 4.0
"""A training that takes longer is timed once, when its numbers are checked; the others in every round."""
LONGEST_SECONDS = 60.0
"""A peer whose training would take longer is left out."""
SECTION = "Sweeps"
PRODUCT = {
    "product": ("standard", "train"),
    "product, losses only": ("standard", "train_for_losses"),
    "product, full statistics": ("full", "train"),
}
"""The product by what it records: its statistics, and the method that trains."""
SAME_WALL = 1.3
"""How many times faster than two processes of those who record the same the product is to be with its two."""


@dataclass(frozen=True)
class Entry:
    """A peer.

    Attributes:
        name: on the command line and in the table.
        module, class_name: where it is.
        batched: whether it trains many runs at once, in pieces whose size is tuned.
        compiles: whether it compiles.
        targets: how many times faster than it the product is to be, per workload.
        compile_target: the same with its compile time.
        same: whether it records all that the product does. It then has one thread a process, and what is held against
            the targets is processor time.
    """

    name: str
    module: str
    class_name: str
    batched: bool
    compiles: bool = False
    targets: Mapping[str, float] = field(default_factory=dict)
    compile_target: float | None = None
    same: bool = False


def _all(target: float, **others: float) -> dict[str, float]:
    return dict.fromkeys(("W1", "W2", "W3"), target) | others


PEERS: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("same-jax+numpy", "peers_jax", "Assisted", True, True, _all(1.5), 3.0, same=True),
        Entry("same-jax", "peers_jax", "Statistician", True, True, _all(1.5), 3.0, same=True),
        Entry("same-torch+numpy", "peers_torch", "Assisted", True, False, _all(3.0), same=True),
        Entry("same-torch", "peers_torch", "Statistician", True, False, _all(3.0), same=True),
        Entry("jax", "peers_jax", "Scan", True, True, _all(1.7), 3.0),
        Entry("torch-batched", "peers_torch", "Batched", True, False, _all(2.5)),
        Entry("torch-vmap", "peers_torch", "Vmap", True, False, _all(3.5)),
        Entry("scikit-learn", "peers_sklearn", "OneByOne", False, False, _all(10.0, W3=3.0)),
        Entry("numpy-float64", "peers_numpy", "OneByOne", False, False, _all(6.0, W3=3.5)),
    )
}


def environment(threads: int) -> dict[str, str]:
    """Environment of a process in which every library keeps to so many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")
    eigen = "true" if threads > 1 else "false"
    return dict.fromkeys(names, str(threads)) | {
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}",
        "JAX_PLATFORMS": "cpu",
    }


@dataclass
class _Contestant:
    """A way to run a peer: its processes, each with its share of the sweep."""

    name: str
    setting: str
    workers: list[Worker]
    slot: str
    factor: float = 1.0

    @property
    def key(self) -> str:
        """What its times are kept under."""
        return f"{self.name} {self.setting}"

    def train(self) -> Reply:
        """One training; the wall time is that of the slowest process."""
        for worker in self.workers:
            worker.send("train", slot=self.slot)
        replies = [worker.receive() for worker in self.workers]
        return Reply(None, self.factor * max(r.wall for r in replies), self.factor * sum(r.cpu for r in replies))

    def result(self) -> list[Trained]:
        return [
            trained for worker in self.workers for trained in worker.call("result", value=True, slot=self.slot).value
        ]


@dataclass(frozen=True)
class _Peer:
    """A peer's processes, which last for all workloads."""

    entry: Entry
    single: Worker
    threaded: Worker
    second: Worker


@contextmanager
def peers(names: Sequence[str]) -> Iterator[list[_Peer]]:
    """Start the peers' processes."""
    with ExitStack() as stack:

        def start(entry: Entry, threads: int) -> Worker:
            module = f"tests.benchmarks.{entry.module}"
            return stack.enter_context(Worker(module, entry.class_name, environment(threads)))

        yield [
            _Peer(entry, start(entry, 1), start(entry, WORKERS), start(entry, 1))
            for entry in (PEERS[name] for name in names)
        ]


def contest(
    workload: Workload, product: Worker, entrants: Sequence[_Peer], rounds: int, seconds: float, quick: bool
) -> list[Row]:
    """Tune and check everybody on a workload, then time them; the rows of its table.

    After so many seconds of rounds no other begins.
    """
    everything = problems(workload.experiment)
    few = tuple(problem.of_seeds(slice(0, SEEDS_ONE_BY_ONE)) for problem in everything)
    reference, chaotic, rows = _product_agrees(workload, product, everything, few)
    left_out: list[Row] = []
    contestants: list[_Contestant] = []
    in_rounds: list[_Contestant] = []
    times: dict[str, list[Reply]] = {}

    def take_time(contestant: _Contestant, training: Reply) -> None:
        times.setdefault(contestant.key, []).append(training)
        if _compiles(contestant, entrants):
            compiling = contestant.workers[0].call("compile", slot=contestant.slot)
            times.setdefault(f"{contestant.key} compile", []).append(compiling)

    for entrant in entrants:
        share = everything if entrant.entry.batched else few
        best, expected = _tune(entrant, share, quick)
        if expected > LONGEST_SECONDS:
            note = f"left out: one training would take about {expected:.0f} s"
            left_out.append(Row(SECTION, workload.name, entrant.entry.name, note=note))
            continue
        for contestant in _enter(entrant, share, everything[0].seeds, best):
            training = contestant.train()
            apart = check(contestant.name, reference, contestant.result(), _dtype(entrant.entry), chaotic)
            rows.append(_agreement_row(workload, contestant.name, contestant.setting, apart))
            contestants.append(contestant)
            if training.wall > SLOW_SECONDS * contestant.factor:
                take_time(contestant, training)
            else:
                in_rounds.append(contestant)

    began = time.monotonic()
    for turn in range(rounds):
        if turn and time.monotonic() - began > seconds:
            break
        for workers in (WORKERS, 1):
            for name, (statistics, method) in PRODUCT.items():
                product.call("prepare", replace(workload.experiment, statistics=statistics), workers)
                times.setdefault(f"{name} {workers}", []).append(product.call(method))
        # Everybody follows everybody else in some round.
        first = turn % max(1, len(in_rounds))
        for contestant in in_rounds[first:] + in_rounds[:first]:
            take_time(contestant, contestant.train())
    timings = {key: _timing(replies) for key, replies in times.items()}
    return (
        rows
        + _computed_with(workload, product, contestants)
        + _rows(workload, contestants, entrants, timings)
        + left_out
    )


def _computed_with(workload: Workload, product: Worker, contestants: Sequence[_Contestant]) -> list[Row]:
    """Kernels and threads of everybody's processes, from these themselves."""
    found = []
    for workers in (WORKERS, 1):
        product.call("prepare", workload.experiment, workers)
        setting = f"{workers} process{'es' if workers > 1 else ''}"
        found.append(("product", setting, product.call("computes_with", value=True).value))
    for contestant in contestants:
        used = contestant.workers[0].call("computes_with", value=True, slot=contestant.slot).value
        found.append((contestant.name, contestant.setting, used))
    return [Row("Computed with", workload.name, name, setting, note=used) for name, setting, used in found]


def _dtype(entry: Entry) -> str:
    return "float64" if entry.name.endswith("float64") else "float32"


def _compiles(contestant: _Contestant, entrants: Sequence[_Peer]) -> bool:
    return len(contestant.workers) == 1 and any(e.entry.name == contestant.name and e.entry.compiles for e in entrants)


def _timing(replies: Sequence[Reply]) -> Timing:
    return Timing(tuple(reply.wall for reply in replies), tuple(reply.cpu for reply in replies))


def _product_agrees(
    workload: Workload, product: Worker, everything: tuple[Problem, ...], few: tuple[Problem, ...]
) -> tuple[list[Trained], frozenset[int], list[Row]]:
    """The reference's trainings, the runs that are chaotic, and how far the product is from them."""
    with Worker("tests.benchmarks.peers_numpy", "Reference", environment(1)) as plain:
        plain.call("prepare", few, SEEDS_ONE_BY_ONE, 1)
        plain.call("train")
        reference: list[Trained] = plain.call("result", value=True).value
    rows = []
    chaotic: frozenset[int] = frozenset()
    for dtype in ("float64", "float32"):
        product.call("prepare", replace(workload.experiment, dtype=dtype), WORKERS)
        product.call("train")
        given = product.call("result", value=True).value
        if dtype == "float64":
            chaotic = chaotic_runs(reference, given)
        apart = check(f"product in {dtype}", reference, given, dtype, chaotic)
        looked = product.call("looked_at", replace(workload.experiment, dtype=dtype), everything, value=True).value
        seen = check(f"product in {dtype}, statistics", reference, looked, dtype, chaotic)
        note = f"{apart.runs} runs compared" + (f", {len(chaotic)} of them chaotic" if chaotic else "")
        rows.append(_agreement_row(workload, "product", dtype, replace(apart, statistics=seen.statistics), note))
    product.call("prepare", workload.experiment, WORKERS)
    product.call("train_for_losses")
    apart = check("product, losses only", reference, product.call("result", value=True).value, "float32", chaotic)
    rows.append(_agreement_row(workload, "product, losses only", "float32", apart))
    return reference, chaotic, rows


def _agreement_row(workload: Workload, name: str, setting: str, apart: Difference, note: str = "") -> Row:
    text = f"losses within {apart.loss:.0e}, weights within {apart.weights:.0e} of plain NumPy in float64"
    if apart.statistics:
        text += f", statistics within {apart.statistics:.0%} of their tolerance"
    return Row("Agreement", workload.name, name, setting, note=f"{text}{', ' if note else ''}{note}")


def _tune(entrant: _Peer, share: tuple[Problem, ...], quick: bool) -> tuple[dict[int, tuple[float, int]], float]:
    """Per number of threads the shortest time and the seeds per piece that gave it; seconds of a whole training.

    Tried on a tenth of the epochs.
    """
    epochs = share[0].epochs
    few = max(1, epochs // 10)
    short = tuple(problem.shorter(few) for problem in share)
    best: dict[int, tuple[float, int]] = {}
    ways = [(1, entrant.single), (WORKERS, entrant.threaded)]
    for threads, worker in ways[:1] if entrant.entry.same else ways:
        for most in _piece_sizes(share[0].seeds, entrant.entry.batched, quick):
            worker.call("prepare", short, most, threads, slot="whole")
            worker.call("train", slot="whole")
            seconds = worker.call("train", slot="whole").wall
            best[threads] = min(best.get(threads, (math.inf, 0)), (seconds, most))
    return best, min(best.values())[0] * epochs / few


def _enter(
    entrant: _Peer, share: tuple[Problem, ...], all_seeds: int, best: Mapping[int, tuple[float, int]]
) -> list[_Contestant]:
    """The peer in one process, with the threads and pieces that suit it best, and in two with half of the seeds each.

    The times of a share of the seeds are scaled up to all of them.
    """
    seeds, groups = share[0].seeds, share[0].runs.shape[0]
    threads = min(best, key=lambda threads: best[threads])

    def contestant(processes: int, threads: int, workers: list[Worker], slot: str, most: int) -> _Contestant:
        pieces = f"{most * groups} runs at once" if entrant.entry.batched else "run by run"
        scaled = f", {seeds} of {all_seeds} seeds, scaled" if seeds < all_seeds else ""
        used = f"{processes} process{'es' if processes > 1 else ''}, {threads} thr., {pieces}{scaled}"
        return _Contestant(entrant.entry.name, used, workers, slot, all_seeds / seeds)

    most = best[threads][1]
    alone = contestant(1, threads, [entrant.single if threads == 1 else entrant.threaded], "whole", most)
    alone.workers[0].call("prepare", share, most, threads, slot="whole")

    halves = [slice(0, seeds // 2), slice(seeds // 2, None)]
    most = min(best[1][1], seeds - seeds // 2)
    pair = contestant(WORKERS, 1, [entrant.single, entrant.second], "half", most)
    for worker, half in zip(pair.workers, halves, strict=True):
        worker.send("prepare", tuple(problem.of_seeds(half) for problem in share), most, 1, slot="half")
    for worker in pair.workers:
        worker.receive()
    return [alone, pair]


def _piece_sizes(seeds: int, batched: bool, quick: bool) -> list[int]:
    """Seeds per piece to try: all, about a quarter and about a sixteenth."""
    if not batched:
        return [seeds]
    sizes = sorted({max(1, round(seeds / share)) for share in (1, 4, 16)}, reverse=True)
    return sizes[:2] if quick else sizes


def _rows(
    workload: Workload, contestants: Sequence[_Contestant], entrants: Sequence[_Peer], times: Mapping[str, Timing]
) -> list[Row]:
    """Wall times over that of the product in two processes, processor times over its in as many."""
    entries = {entrant.entry.name: entrant.entry for entrant in entrants}

    def row(timing: Timing, name: str, setting: str, processes: int, target: float | None = None, same: bool = False,
            note: str = "") -> Row:  # fmt: skip
        wall, cpu = times[f"product {WORKERS}"].median, times[f"product {processes}"].median_cpu
        return timing.row(SECTION, workload.name, name, setting, timing.median / wall, timing.median_cpu / cpu,
                          target, note=note, by_cpu=same and processes == 1)  # fmt: skip

    rows = [
        row(times[f"{name} {workers}"], name, f"{workers} process{'es' if workers > 1 else ''}, 1 thr.", workers,
            note=workload.summary if (name, workers) == ("product", WORKERS) else "")
        for name in PRODUCT
        for workers in (WORKERS, 1)
    ]  # fmt: skip
    for contestant in contestants:
        entry, name, setting = entries[contestant.name], contestant.name, contestant.setting
        processes, timing = len(contestant.workers), times[contestant.key]
        little = times[f"product, losses only {processes}"]
        note = "" if entry.same else f"{timing.median_cpu / little.median_cpu:.2f} times the product's for losses only"
        target = entry.targets.get(workload.name)
        if processes > 1:
            target = SAME_WALL if entry.same and target else None
        rows.append(row(timing, name, setting, processes, target, entry.same, note))
        compiling = times.get(f"{contestant.key} compile")
        if compiling is not None:
            both = Timing(
                tuple(map(sum, zip(timing.wall, compiling.wall, strict=True))),
                tuple(map(sum, zip(timing.cpu, compiling.cpu, strict=True))),
            )
            target = entry.compile_target if workload.name in entry.targets else None
            rows.append(row(both, f"{name} + compile", setting, processes, target, entry.same))
    return rows


def in_turns(
    product: Worker, calls: Mapping[str, tuple[object, ...]], rounds: int, seconds: float
) -> dict[str, Timing]:
    """Time `train` after `prepare(*arguments)` for every name, in rounds; none begins after so many seconds."""
    began = time.monotonic()
    replies: dict[str, list[Reply]] = {name: [] for name in calls}
    for turn in range(rounds):
        if turn and time.monotonic() - began > seconds:
            break
        for name, arguments in calls.items():
            product.call("prepare", *arguments)
            replies[name].append(product.call("train"))
    return {name: _timing(found) for name, found in replies.items()}
