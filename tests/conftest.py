"""What every test runs under: a results store of its own, and property tests that repeat."""

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from core import cost
from core.cost import Speed

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


@pytest.fixture(scope="session", autouse=True)
def reference_machine() -> Iterator[None]:
    """Every estimate is the reference machine's: no test may depend on what else this one does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "speed", lambda: Speed(call=1.0, flop=1.0, element=1.0, value=1.0))
        yield


def in_browser(path: str) -> bool:
    """Whether that is the path, or the node id, of tests in a browser."""
    return path.startswith("tests/browser/")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the quick tests first and those in a browser last; but where another process does the rest, these at once."""
    items.sort(key=lambda item: in_browser(item.nodeid), reverse=hasattr(config, "workerinput"))


class WholeFiles(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process a file after the other, and the browser to one of them for good."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/browser" if in_browser(nodeid) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WholeFiles:
    """Share the tests out, in their order, where there are several processes."""
    config.option.loadscopereorder = False
    return WholeFiles(config, log)
