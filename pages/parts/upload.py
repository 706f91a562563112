"""A result from a visitor's own file, shown as if it had been trained here, to that visitor and nobody else."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.experiment.experiment import Experiment
from core.experiment.fields import shorten
from core.registries.datasets import Dataset, dataset_of
from core.results import replay
from core.results.convergence import remarks
from core.results.loading import load_result
from core.results.results import Result, ResultError
from core.schema import DATA_FILE, SCHEMA
from pages.parts import link, notices, own_table, session, training
from pages.parts.room import room

PLACES = ("runs", "compare")
"""The pages that files can be dropped on."""
MAX_RUNS = 100_000
MAX_GROUPS = 2_000
FROM_A_FILE = (
    "From a file: the numbers are its maker's. What follows from other numbers in it was calculated again, and a few "
    "of its runs were drawn again; the rest, such as most of its losses, only training here would show."
)
NO_ZIP = (
    "it is no zip; allowed: the zip of a result, which holds its four tables and its settings. "
    "A CSV or experiment.json alone is not enough to draw the pages from."
)


@dataclass(frozen=True, eq=False)
class Upload:
    """A result from a file: there is all of it, and nobody else can ask for it."""

    result: Result
    name: str
    digest: str
    status: Literal["done"] = "done"
    error: str = ""
    active: bool = False

    @property
    def experiment(self) -> Experiment:
        """What was run."""
        return self.result.experiment

    def latest(self) -> tuple[Result, str]:
        """The result, and its version, which is that of no job."""
        return self.result, f"upload-{self.digest}"

    @property
    def remarks(self) -> list[str]:
        """What to know of it, if anything, one sentence each."""
        return remarks(self.result)


def drop_zone() -> None:
    """The place where a file can be dropped, and what was wrong with the last one."""
    if not training.registry().settings.upload_bytes:
        return
    here = session.current()
    st.header("Open a result")
    st.caption(
        "A result.zip from here, or from `python -m core run … --zip result.zip` on another machine, opens as if it "
        "had been trained here. Nobody else sees it, and nothing of it is kept."
    )
    place("Zip of a result", training.show_file)
    if here.upload_refused:
        notices.refused("This file cannot be opened.", [here.upload_refused])


def place(label: str, use: Callable[[Upload], None]) -> None:
    """The place alone: what is dropped goes to `use`, or `upload_refused` of the session says what is wrong with it."""
    key = f"upload_{session.current().uploads}"
    st.file_uploader(label, key=key, on_change=_dropped, args=(key, use))


def line() -> None:
    """On every page: that a file is shown, which one, and the way back."""
    here = session.current()
    if link.opened().name not in PLACES:
        here.upload_refused = ""
    shown = here.source
    if not isinstance(shown, Upload):
        return
    with st.container(border=True, key="uploaded"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(":material/upload_file: **Showing your uploaded file:**", width="content")
            st.text(shown.name, width="content")
            st.button("Leave it and train here", key="leave", on_click=training.leave_file, icon=":material/close:")
        for remark in shown.remarks:
            st.text(remark)
        st.caption(
            f"{FROM_A_FILE} Only you see it, until you leave it, train "
            "something else or reload the page. The link describes its experiment: whoever opens it gets that trained."
        )


def read(name: str, content: bytes) -> Upload:
    """The result in a zip. Raises ResultError naming the file, what is wrong and what is allowed."""
    try:
        return _read(name, content)
    except ResultError as error:
        raise ResultError(f"{name}: {error}") from error
    except MemoryError as error:
        raise ResultError(f"{name}: there is no memory for it now. Try again later") from error


def _read(name: str, content: bytes) -> Upload:
    if not content.startswith(b"PK"):
        raise ResultError(NO_ZIP)
    with room().reading:
        result = load_result(io.BytesIO(content), max_bytes=room().size // 2)
        own_table.require(result.experiment, name, _brought(content, result))
        _check_size(result)
        replay.check(result)
        room().take(result, sum(int(result.table(name).memory_usage(deep=True).sum()) for name in SCHEMA))
    return Upload(result, name, hashlib.sha256(content).hexdigest())


def _brought(content: bytes, result: Result) -> Dataset | None:
    """The own table that the zip holds beside its result."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return dataset_of(result.experiment.own_table) if DATA_FILE in archive.namelist() else None


def _check_size(result: Result) -> None:
    """Refuse what the pages could not draw."""
    runs, groups = len(result.experiment.runs()), len(result.experiment.groups())
    if runs > MAX_RUNS:
        raise ResultError(f"its experiment makes {runs:,} runs; allowed: at most {MAX_RUNS:,}")
    if groups > MAX_GROUPS:
        raise ResultError(f"its experiment makes {groups:,} groups; allowed: at most {MAX_GROUPS:,}")
    if result.runs.empty:
        raise ResultError("runs.csv holds no runs; allowed: results of at least one recorded run")


def _dropped(key: str, use: Callable[[Upload], None]) -> None:
    if (dropped := taken(key)) is None:
        return
    here = session.current()
    here.upload_refused = ""
    try:
        use(read(*dropped))
    except ResultError as error:
        here.upload_refused = str(error)


def taken(key: str) -> tuple[str, bytes] | None:
    """Name and content of what was dropped at a place, which holds nothing any more; None where nothing was."""
    file: UploadedFile | None = session.held(key)
    session.current().uploads += 1  # the next run offers a new place, which holds no file
    if file is None:
        return None
    try:
        return shorten(file.name)[1:-1], file.getvalue()
    finally:
        _forget(file)


def _forget(file: UploadedFile) -> None:
    """Streamlit would keep the bytes for as long as the visitor stays."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
