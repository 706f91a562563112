"""The library that multiplies matrices: held to one thread while networks train, and named with its kernel."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

_BLAS_LOCK = Lock()
_blas_users = 0
_blas_limit: Any = None


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """One BLAS thread while inside: the products are small, and their bits must not depend on the threads."""
    global _blas_users, _blas_limit
    with _BLAS_LOCK:
        if _blas_users == 0:
            _blas_limit = _controller().limit(limits=1, user_api="blas")
        _blas_users += 1
    try:
        yield
    finally:
        with _BLAS_LOCK:
            _blas_users -= 1
            if _blas_users == 0:
                _blas_limit.restore_original_limits()


@cache
def kernels() -> str:
    """What this process computes with, such as 'openblas 0.3.31.188.0 SkylakeX, NumPy X86_V4'.

    BLAS and NumPy choose their code by the kind of processor, and two kinds round differently: where this text is the
    same, and so are the versions, numbers are equal to the bit.
    """
    loaded = [library for library in _controller().info() if library["user_api"] == "blas"]
    # A program may have loaded SciPy's too, which trains nothing.
    own = next((library for library in loaded if "numpy" in library["filepath"]), loaded[0] if loaded else {})
    blas = " ".join(str(own[part]) for part in ("internal_api", "version", "architecture") if own.get(part))
    chosen = np.lib.introspect.opt_func_info(func_name="^tanh$", signature="float64")
    instructions = next((found["current"] for found in chosen.get("tanh", {}).values()), "baseline")
    return f"{blas or 'unknown BLAS'}, NumPy {instructions}"
