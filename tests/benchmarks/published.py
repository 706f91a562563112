"""The rows of the tables in README.md and docs/speed.md, from the files that the benchmark wrote:

python -m tests.benchmarks.published results/benchmark.csv ...
"""

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tests.benchmarks.contest import SECTION
from tests.benchmarks.growth import SECTION as GROWTH

Line = Mapping[str, str]
Found = Mapping[tuple[str, str, str], Line]
"""By workload, contestant and number of processes."""

WORKLOADS = ("W1", "W2", "W3")
SAME = {
    "same-jax+numpy": "JAX, its statistics in NumPy",
    "same-jax": "JAX alone",
    "same-torch+numpy": "PyTorch batched by hand, its statistics in NumPy",
    "same-torch": "PyTorch batched by hand, alone",
}
LOSSES = {
    "jax": "JAX `jit(vmap(scan))`",
    "torch-batched": "PyTorch, batched by hand",
    "torch-vmap": "PyTorch `vmap(grad)`",
    "scikit-learn": "scikit-learn `MLPClassifier`, run by run",
    "numpy-float64": "plain NumPy, float64, run by run",
}
LAB = {
    "product": "this lab, standard statistics",
    "product, losses only": "this lab, training loss and accuracy only",
    "product, full statistics": "this lab, full statistics",
}


def seconds(found: Found) -> list[str]:
    """README's table: wall seconds in one process / in two."""

    def row(label: str, name: str) -> str:
        return _row(label, (" / ".join(_wall(found.get((w, name, p))) for p in "12") for w in WORKLOADS))

    rows = [row(label, name) for name, label in LAB.items()]
    for about, names in (("all that the lab records", SAME), ("training loss and accuracy", LOSSES)):
        rows.append(_row(f"*recording {about}:*", [""] * len(WORKLOADS)))
        for name, label in names.items():
            rows.append(row(label + (", warm" if "jax" in name else ""), name))
            if "jax" in name:
                rows.append(row("the same with compile time", f"{name} + compile"))
    return rows


def ratios(found: Found) -> list[str]:
    """The table of docs/speed.md: times over the lab's that records the same; bold where the goal is reached."""

    def row(label: str, names: str, processes: str, value: Callable[[Line], float]) -> str:
        lines = [found.get((workload, names, processes)) for workload in WORKLOADS]
        goal = next((float(line["target"]) for line in lines if line and line["target"] and names not in LOSSES), None)
        cells = ("–" if line is None else _bold(value(line), goal) for line in lines)
        return _row(label if goal is None else f"{label} ({goal:g})", cells)

    def cpu(line: Line) -> float:
        return float(line["cpu_ratio"])

    def over_losses_only(line: Line) -> float:
        return float(line["cpu"]) / float(found[line["subject"], "product, losses only", _processes(line)]["cpu"])

    rows = []
    for name, label in SAME.items():
        rows.append(row(f"{label}, processor time", name, "1", cpu))
        if "jax" in name:
            rows.append(row("the same with compile time", f"{name} + compile", "1", cpu))
        rows.append(row("the same, wall time, two processes each", name, "2", lambda line: float(line["ratio"])))
    for name, label in LOSSES.items():
        rows.append(row(f"{label}, losses only, processor time", name, "1", over_losses_only))
    own = ("product, losses only", "product, full statistics")
    return [*rows, *(row(f"{LAB[name]}, processor time over that with standard ones", name, "1", cpu) for name in own)]


def growth(lines: Iterable[Line]) -> list[str]:
    """The table of docs/speed.md: seconds, processor seconds, and what the note says."""
    return [
        _row(f"{line['subject']}: {line['name']}", (_wall(line), f"{float(line['cpu']):.3g}", line["note"]))
        for line in lines
        if line["section"] == GROWTH
    ]


def _processes(line: Line) -> str:
    return line["setting"][:1]


def _key(line: Line) -> tuple[str, str, str]:
    return line["subject"], line["name"], _processes(line)


def _row(label: str, cells: Iterable[str]) -> str:
    return f"| {label} | {' | '.join(cells)} |"


def _wall(line: Line | None) -> str:
    return "–" if line is None else f"{float(line['median']):.3g}"


def _bold(value: float, goal: float | None) -> str:
    return f"{value:.2f}" if goal is None or value < goal else f"**{value:.2f}**"


def published(paths: Sequence[str | Path]) -> None:
    """Print the tables' rows."""
    lines = [line for path in paths for line in csv.DictReader(Path(path).read_text(encoding="utf-8").splitlines())]
    found = {_key(line): line for line in lines if line["section"] == SECTION and line["median"]}
    print(*dict.fromkeys(line["date_and_machine"] for line in lines), sep="\n")
    print(*dict.fromkeys(line["versions"] for line in lines), sep="\n")
    print("", "README.md", *seconds(found), "", "docs/speed.md", *ratios(found), "", *growth(lines), sep="\n")


if __name__ == "__main__":
    published(sys.argv[1:])
