"""What a process computes with: its libraries' kernels and threads, and what in the environment holds them back."""

import os
import sys
from collections.abc import Iterator

from threadpoolctl import threadpool_info

HOLD_BACK = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "NPY_DISABLE_CPU_FEATURES",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
)
"""Variables that make a library compute as on another kind of processor than the one it runs on."""


def let_go() -> Iterator[str]:
    """Take them out of the environment of all that is started from now on; a sentence for each that was set."""
    for name in HOLD_BACK:
        value = os.environ.pop(name, None)
        if value is not None:
            yield (
                f"WARNING: {name}={value} holds kernels back. What is timed here runs without it; a server that is "
                "started with it does not."
            )


def computes_with() -> str:
    """The libraries that this process has loaded to compute with, as far as they tell."""
    found = [
        f"{library['internal_api']} {library['version'] or ''} {library.get('architecture') or ''}".strip()
        + f", {library['num_threads']} thr."
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]
    if "torch" in sys.modules:
        import torch

        mkl = "MKL" if torch.backends.mkl.is_available() else "no MKL"
        capability = torch.backends.cpu.get_cpu_capability()
        found.append(f"PyTorch for {capability}, {mkl}, {torch.get_num_threads()} thr.")
    if "jax" in sys.modules:
        threads = os.environ.get("NPROC", "all")
        found.append(f"XLA for this processor (it does not tell which kernels), {threads} thr.")
    return "; ".join(found) or "libraries that do not tell"
