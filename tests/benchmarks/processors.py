"""Whether a result holds on another kind of processor: one sweep under several kernels of BLAS and of NumPy.

`OPENBLAS_CORETYPE` and `NPY_DISABLE_CPU_FEATURES` make a process compute as another kind of processor would.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.experiment.experiment import Experiment
from core.lessons.difference import Difference, compare, relative
from core.results.loading import load_result
from core.results.results import Result
from tests.benchmarks.report import Row

SECTION = "Another kind of processor"
KERNELS: dict[str, dict[str, str]] = {
    "Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "Sandybridge": {"OPENBLAS_CORETYPE": "Sandybridge"},
    "Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "Haswell, without AVX-512 in NumPy": {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "X86_V4"},
}
LECTURE = Experiment()


def processors(quick: bool) -> list[Row]:
    """The lecture's experiment under each kernel, compared with the machine's own; runs in processes of their own."""
    experiment = replace(LECTURE, epochs=8, seeds=3) if quick else LECTURE
    own = _train(experiment, {})
    rows = [_row(experiment, "the same again", own, _train(experiment, {}))]
    for name, switches in KERNELS.items():
        other = _train(experiment, switches)
        if other.versions["kernels"] == own.versions["kernels"]:
            rows.append(Row(SECTION, "lecture", name, unit="", note="this machine computes so, or has no such switch"))
        else:
            rows.append(_row(experiment, name, own, other))
    return rows


def _train(experiment: Experiment, switches: dict[str, str]) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "core", "run", experiment.to_query(), "--workers", "1", "--out", folder]
        archive = Path(folder, "result.zip")
        environment = os.environ | switches
        subprocess.run([*command, "--zip", archive], env=environment, check=True, capture_output=True)
        return load_result(archive)


def _row(experiment: Experiment, name: str, own: Result, other: Result) -> Row:
    """Groups whose median updates to target leave the range of their own runs (wanted: none), and all that differs."""
    difference = compare(own, other)
    outside = [group for group, _, median in difference.medians if not _within(own, group, median)]
    setting = f"{len(experiment.runs())} runs, {experiment.epochs} epochs"
    return Row(SECTION, "lecture", name, setting, unit="", ratio=float(len(outside)), target=0.0, below=True,
               note=f"{other.versions['kernels']}: {_said(difference, own, other)}")  # fmt: skip


def _within(own: Result, group: str, median: float) -> bool:
    times = own.runs.loc[own.runs["group"] == group, "updates_to_target"].fillna(np.inf)
    return bool(times.min() <= median <= times.max())


def _said(difference: Difference, own: Result, other: Result) -> str:
    if difference.equal:
        return "equal to the bit"
    parts = [f"{len(difference.statuses)} statuses and {len(difference.verdicts)} verdicts differ"]
    medians = [relative(first, second) for _, first, second in difference.medians]
    parts.append(f"{len(medians)} medians of updates to target differ, by {max(medians, default=0.0):.1%} at most")
    for column in ("updates_to_target", "final_train_loss"):
        pairs = zip(own.runs[column], other.runs[column], strict=True)
        apart = np.array([relative(first, second) for first, second in pairs])
        apart = apart[np.isfinite(apart)]
        parts.append(
            f"{column} differs in {np.count_nonzero(apart)} runs, by {apart.max(initial=0.0):.2g} at most, "
            f"median {np.median(apart):.1g}"
        )
    return "; ".join(parts)
