"""Open a page without a browser on a result that is trained already, and note what it asks to be trained."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.experiment import Experiment
from core.results import Result
from core.settings import Settings
from pages.parts import training
from pages.parts.catalogue import PAGES
from tests.pages.lessons import ROOT, again
from tests.processes import PATIENCE


def open_on(patch: pytest.MonkeyPatch, name: str, result: Result, **parameters: str) -> AppTest:
    """The page of that name on `result`, as after training, with these settings of its own in its link.

    The experiments that the page then trains are in its session state, under "asked_for".
    """
    job = SimpleNamespace(
        active=False, status="done", records=(), position=0, latest=lambda: (result, result.experiment.key)
    )

    def trained(experiment: Experiment) -> None:
        assert experiment == result.experiment
        st.session_state.update(experiment=experiment, job=job, draft=None)

    def train(experiment: Experiment) -> str:
        st.session_state.setdefault("asked_for", []).append(experiment)
        return ""

    patch.setattr(training, "open_linked", trained)
    patch.setattr(training, "train", train)
    patch.setattr(training, "registry", lambda: SimpleNamespace(active=0, settings=Settings(store=Path("unused"))))
    at = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=PATIENCE)
    at.query_params.update(result.experiment.to_params() | parameters)
    entry = next(entry for entry in PAGES if entry.name == name)
    if entry.path:
        at.switch_page(entry.script)
    return again(at)


def charts(at: AppTest) -> int:
    """How many charts are on the page."""
    return len(at.get("vega_lite_chart"))


def csv_files(at: AppTest) -> int:
    """How many CSV files the page offers."""
    return len([button for button in at.get("download_button") if "CSV" in button.proto.label])


def captions(at: AppTest) -> str:
    """All small print of the page."""
    return "\n".join(caption.value for caption in at.caption)
