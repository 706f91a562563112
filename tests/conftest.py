"""What every test runs under: a results store of its own, and property tests that repeat."""

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

# Shared machines stall now and then: pytest-timeout watches the clock, not hypothesis. In CI the same examples every
# time, so that a change fails for what it changed; elsewhere new ones.
settings.register_profile("default", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("default")

STORE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Point the store away from the developer's own results, before any module can read the setting."""
    config.stash[STORE] = os.environ["LAB_STORE"] = tempfile.mkdtemp(prefix="lab-store-")


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[STORE], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the quick tests first and those in a browser last."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
