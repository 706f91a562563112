"""What every test runs under: a results store of its own, and property tests that repeat."""

import gc
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator

# Before anything loads them. Products are small here: threads that wait for each other take a third more.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")  # compiled once, run once: half the time
os.environ["KERAS_BACKEND"] = "jax"

import pytest
from hypothesis import settings

from core.experiment import cost
from core.experiment.cost import Speed
from core.settings import cpu_count

# Shared machines stall now and then: pytest-timeout watches the clock, not hypothesis. In CI the same examples every
# time, so that a change fails for what it changed; elsewhere new ones.
settings.register_profile("default", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("default")

STORE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Point the store away from the developer's own results, before any module can read the setting."""
    config.stash[STORE] = os.environ["LAB_STORE"] = tempfile.mkdtemp(prefix="lab-store-")
    # A shell lets what it starts in the background ignore Ctrl-C, and so would the commands whose Ctrl-C is tested.
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[STORE], ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def reference_machine() -> Iterator[None]:
    """Every estimate is the reference machine's: no test may depend on what else this one does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "speed", lambda: Speed(call=1.0, flop=1.0, element=1.0, value=1.0))
        yield


def pytest_xdist_auto_num_workers() -> int:
    """Two at least: a browser waits a lot. Four at most: each may have a server, its workers and a browser."""
    return min(max(cpu_count(), 2), 4)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the quick tests first and those in a browser last."""
    items.sort(key=lambda item: item.nodeid.startswith("tests/browser/"))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what libraries have loaded: half the time of tests of pages goes there."""
    gc.collect()
    gc.freeze()
