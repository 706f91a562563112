"""Open a page without a browser on a result that is trained already, and note what it asks to be trained."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.charts.picture import in_words
from core.experiment.experiment import Experiment
from core.jobs.jobs import Jobs
from core.results.results import Result
from core.settings import Settings
from pages.parts import session, training
from pages.parts.catalogue import PAGES
from tests.pages.lessons import ROOT, again
from tests.processes import PATIENCE

OF_A_RESULT = (
    "overview", "two_by_two", "batch_size", "saturation", "signal_propagation", "gradient_signs", "convergence",
    "sweep_maps", "runs",
)  # fmt: skip
"""The pages that show a result; the others need none."""


def job_on(result: Result, so_far: Result | None = None) -> Any:
    """A job that has trained to `result`; or that is, as long as it is `active`, no further than `so_far`."""
    job: Any = SimpleNamespace(
        active=so_far is not None,
        status="done",
        error="",
        latest=lambda: (so_far, "so far") if job.active else (result, result.experiment.key),
    )
    return job


def open_on(patch: pytest.MonkeyPatch, name: str, result: Result, **parameters: str) -> AppTest:
    """The page of that name on `result`, as after training, with these settings of its own in its link.

    The experiments that the page then trains are in its session state, under "asked_for".
    """
    return follow(patch, name, result.experiment, job_on(result), **parameters)


def follow(patch: pytest.MonkeyPatch, name: str, experiment: Experiment, job: Any, **parameters: str) -> AppTest:
    """The same of what `job`, one of `job_on`, has come to with the experiment."""

    def trained(asked: Experiment) -> None:
        assert asked == experiment
        here = session.current()
        here.experiment, here.source = experiment, job

    def train(experiment: Experiment) -> None:
        st.session_state.setdefault("asked_for", []).append(experiment)

    patch.setattr(training, "open_linked", trained)
    patch.setattr(training, "train", train)
    registry = Jobs(Settings(store=Path("unused")))
    patch.setattr(training, "registry", lambda: registry)
    at = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=PATIENCE)
    at.query_params.update(experiment.to_params() | parameters)
    entry = next(entry for entry in PAGES if entry.name == name)
    if entry.path:
        at.switch_page(entry.script)
    return again(at)


def charts(at: AppTest) -> int:
    """How many charts are on the page."""
    return len(at.get("vega_lite_chart"))


def charts_in_words(at: AppTest) -> list[str]:
    """What each chart on the page comes to, by its name without its title and subtitle."""
    found = []
    for chart in at.get("vega_lite_chart"):
        heading = in_words(json.loads(chart.proto.spec))
        assert chart.proto.alt.startswith(heading)
        found.append(chart.proto.alt.removeprefix(heading).lstrip(". "))
    return found


def menus(at: AppTest) -> int:
    """How many menus of files the page has, of a chart or of a table."""
    return len([box for box in at.get("popover") if "save_" in box.proto.popover.id])


def captions(at: AppTest) -> str:
    """All small print of the page."""
    return "\n".join(caption.value for caption in at.caption)
