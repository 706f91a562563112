"""Tables of a visitor's own: what is open on the page Own data, and what the visitor's session trains on.

They are in the session's memory alone. The process knows each by its fingerprint for as long as a session or a sweep in
training holds it, and nobody is shown anything of a table who has not opened the file.
"""

import threading
import weakref
from collections import Counter
from dataclasses import dataclass, field

import streamlit as st

from core.experiment.data import forget
from core.experiment.experiment import FIELDS, Experiment
from core.registries.datasets import Dataset, is_own, keep_own
from core.registries.synonyms import SETTINGS, accepted
from core.results.results import ResultError
from core.tables import choices, columns, sniffing
from core.tables.choices import Choices, Examples
from core.tables.columns import Table
from core.tables.sniffing import Reading
from core.text import count
from pages.parts import notices, session
from pages.parts.room import room

KEPT = 4
"""Tables that a session trains on at a time: with the next one the oldest goes."""


@dataclass(frozen=True, eq=False)
class OwnTable:
    """Examples of the visitor's own as a data set; `keep` says whether results of it may be stored."""

    file: str
    dataset: Dataset
    keep: bool = False


@dataclass(eq=False)
class OpenFile:
    """The file on the page Own data, as it is read at present."""

    name: str
    number: int
    content: bytes
    reading: Reading
    table: Table
    made: dict[Choices, tuple[Examples, Dataset]] = field(default_factory=dict)

    def read_as(self, reading: Reading) -> None:
        """Read the file in another way. Raises TableError."""
        if reading != self.reading:
            self.table = columns.read(self.content, reading)
            self.reading, self.made = reading, {}

    def examples(self, chosen: Choices) -> tuple[Examples, Dataset]:
        """What the choices make of it, and the data set that it is. Raises TableError."""
        if chosen not in self.made:
            examples = choices.prepare(self.table, chosen)
            self.made = {chosen: (examples, examples.dataset(self.name))}
        return self.made[chosen]


def opened(name: str, number: int, content: bytes) -> OpenFile:
    """A file as it seems to be written. Raises TableError, and ResultError where there is no room for it."""
    with room().reading:
        reading = sniffing.propose(content)
        file = OpenFile(name, number, content, reading, columns.read(content, reading))
    room().take(file, len(content) + file.table.bytes)
    return file


_holders: Counter[str] = Counter()
# A table may be collected, and let go, while another one is being held.
_lock = threading.RLock()


def hold(table: OwnTable) -> None:
    """Keep the table for this visitor. Raises ResultError where there is no room for it."""
    name = table.dataset.name
    with _lock:
        keep_own(table.dataset)
        _holders[name] += 1
        weakref.finalize(table, _let_go, name)
    assert table.dataset.read is not None
    room().take(table, table.dataset.read()[0].nbytes)
    here = session.current()
    here.tables.pop(name, None)
    here.tables[name] = table
    for other in list(here.tables)[:-KEPT]:
        if other != here.experiment.dataset:
            del here.tables[other]


def _let_go(name: str) -> None:
    with _lock:
        _holders[name] -= 1
        if _holders[name] <= 0:
            del _holders[name]
            forget(name)


def of(experiment: Experiment) -> OwnTable | None:
    """The visitor's table that the experiment is about."""
    return session.current().tables.get(experiment.dataset)


def lacking(address: dict[str, str]) -> str:
    """The own table that an address is about and that the visitor has not opened, or ""."""
    for name, text in address.items():
        if accepted(name, FIELDS, SETTINGS) == "dataset" and is_own(text) and text not in session.current().tables:
            return text
    return ""


def require(experiment: Experiment, file: str, brought: Dataset | None) -> None:
    """Raises ResultError where a result from `file` is of a table that it has not `brought` and that is not open."""
    if is_own(experiment.dataset) and of(experiment) is None:
        if brought is None:
            raise ResultError(f"it is about {experiment.dataset}, somebody's own table: open that under Own data first")
        hold(OwnTable(file, brought))


def line() -> None:
    """On every page: that the data are the visitor's own, or that a link is about a table that is not open."""
    here = session.current()
    if here.asked is not None:
        notices.refused(
            "This link is about a table of somebody's own.",
            [f"Fingerprint {lacking(here.asked[1])}: open the file under Own data, and what the link says is shown."],
        )
    table = of(here.experiment)
    if table is None or here.source is None:
        return
    with st.container(border=True, key="own_table"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(":material/table_view: **The data are yours:**", width="content")
            st.text(table.file, width="content")
        data = table.dataset
        st.caption(
            f"{count(data.examples or 0, 'example')}, {count(data.features, 'feature')}, {data.classes} classes, known "
            f"as {data.name}. Only you see them, until you close the page; who opens the link is asked for the file."
        )
