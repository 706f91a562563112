"""The other result, B, that the one on the screen is compared with: how it is chosen, trained and shown."""

import time

import streamlit as st

from core import text
from core.experiment.experiment import FIELDS, Experiment, ExperimentError
from core.experiment.fields import shorten
from core.experiment.presets import PRESETS
from core.jobs.job import Job
from core.results.results import from_elsewhere
from pages.parts import click, link, notices, progress, recent, session, training, upload
from pages.parts.catalogue import Compare
from pages.parts.shown import Shown
from pages.parts.upload import Upload

NAME = 90
"""Characters of an experiment's name in the list."""


def named(experiment: Experiment) -> str:
    """An experiment in a few words: the preset that it is, or its settings that are not the usual ones."""
    preset = next((preset.title for preset in PRESETS.values() if preset.experiment == experiment), "")
    own = experiment.to_params().items()
    return preset or "; ".join(f"{FIELDS[name].label}: {text.few(value.split(','))}" for name, value in own)


def choose() -> None:
    """The ways to choose B: what was on the screen before, a link, a file."""
    here = session.current()
    browser = training.browser()
    before = {one.experiment: one for one in recent.listed(browser) if one.experiment != here.experiment}
    until = "for a day at most" if browser else "until the page is loaded anew"

    def listed(experiment: Experiment) -> str:
        return f"{shorten(named(experiment), NAME)[1:-1]} · {_ago(before[experiment].at)}"

    if before:
        st.selectbox(
            "What was on the screen before", list(before), index=None, format_func=listed, key="recent",
            on_change=_take_recent, placeholder="Choose one",
            help=f"The last {recent.MOST} experiments of this browser, {until}.",
        )  # fmt: skip
    else:
        st.caption(f"Experiments that you train or open from now on are listed here, {until}.")
    st.text_input(
        "Or a link, or settings", key="other_link", on_change=_take_link, placeholder="activation=tanh&seeds=10"
    )
    if training.registry().settings.upload_bytes:
        with st.expander("Or a file", icon=":material/upload_file:", expanded=bool(here.upload_refused)):
            upload.place("Zip of a result", _take_file)
            if here.upload_refused:
                notices.refused("This file cannot be opened.", [here.upload_refused])


def refused() -> None:
    """Why B is not trained, or what was wrong with the text that should say what it is."""
    if why := session.current().other_refused:
        notices.refused("This cannot be B.", [why])


def chosen() -> Experiment | None:
    """The experiment that is chosen."""
    return Compare.other(link.given())


def shown(experiment: Experiment) -> Shown | None:
    """The result of B; where it is not trained yet, offer that, or tell how far it is."""
    source = training.other(experiment)
    if source is None or source.status in ("failed", "cancelled", "paused"):
        if source is not None and source.error:
            st.text(notices.plain(source.error))
        if click.button("Train B", key="train_other", type="primary", icon=":material/play_arrow:"):
            training.train_other(experiment)
            link.rerun()
        st.caption(f"B is not trained yet. It takes {experiment.cost()}; what is on the screen stays there.")
        return None
    if isinstance(source, Job) and source.active:
        progress.beside(source)
        return None
    result, version = source.latest()
    if isinstance(source, Upload):
        _whose_file(source)
    if result is None or result.runs.empty:
        st.caption("There are no numbers of B.")
        return None
    for remark in filter(None, (from_elsewhere(result.versions), *result.notes)):
        st.text(f"B: {remark}")
    return Shown(result, version, True)


def _whose_file(source: Upload) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(":material/upload_file: **B is your uploaded file:**", width="content")
        st.text(source.name, width="content")
        st.button("Leave it", key="leave_other", on_click=_set, args=(None,), icon=":material/close:")
    for remark in source.remarks:
        st.text(remark)
    st.caption("From a file: the numbers are its maker's. The link has its experiment: others get that trained.")


def _ago(at: float) -> str:
    minutes = round((time.time() - at) / 60)
    return f"{text.count(minutes, 'minute')} ago" if minutes else "just now"


def _take_recent() -> None:
    _set(session.held("recent"))
    session.hold("recent", None)


def _take_link() -> None:
    given = session.held("other_link").strip()
    try:
        _set(Compare.read(given) if given else None)
        session.hold("other_link", "")
    except ExperimentError as error:
        session.current().other_refused = str(error)


def _take_file(file: Upload) -> None:
    _set(file.experiment)
    session.current().other = file


def _set(experiment: Experiment | None) -> None:
    here = session.current()
    here.other, here.other_refused = None, ""
    link.remember(Compare.against.name, None if experiment is None else Compare.written(experiment))
    for name in ("pairs", "group_a", "group_b"):
        session.forget(session.control_key(name))
        link.remember(name, None)
