"""Open a lesson without a browser and without training the experiment that goes along in its link."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.jobs.jobs import Jobs
from core.settings import Settings
from pages.parts import session, training
from pages.parts.catalogue import PAGES
from tests.processes import PATIENCE

ROOT = Path(__file__).parents[2]


def open_lesson(patch: pytest.MonkeyPatch, path: str, **parameters: str) -> AppTest:
    """The page at `path` with these query parameters, run once; it has neither an exception nor an error on it."""

    def untrained(experiment: Experiment) -> None:
        session.current().experiment = experiment

    patch.setattr(training, "open_linked", untrained)
    registry = Jobs(Settings(store=Path("unused")))
    patch.setattr(training, "registry", lambda: registry)
    at = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=PATIENCE)
    at.query_params.update(parameters)
    at.switch_page(next(entry.script for entry in PAGES if entry.path == path))
    return again(at)


def again(at: AppTest) -> AppTest:
    """Run the page again."""
    at.run()
    assert [element.value for element in [*at.exception, *at.error]] == []
    return at


def refused(at: AppTest) -> list[str]:
    """What the page says it left out of its link."""
    return [text.value for text in at.text]


def said(at: AppTest) -> str:
    """All that the page says, with plain spaces."""
    return "\n".join(element.value for element in at.markdown).replace("\N{NO-BREAK SPACE}", " ")
