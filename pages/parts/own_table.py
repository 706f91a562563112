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
from core.tables.options import LINKED
from core.tables.sniffing import Reading, TableError
from core.text import count
from pages.parts import notices, session
from pages.parts.room import room

KEPT = 4
"""Tables that a session trains on at a time: with the next one the oldest goes."""


@dataclass(frozen=True, eq=False)
class OwnTable:
    """Examples of the visitor's own as a data set; `keep` says whether results of it may be stored.

    `recipe` is what a link tells of how they were made from the file, "" where that is not known.
    """

    file: str
    dataset: Dataset
    recipe: str = ""
    keep: bool = False


@dataclass(eq=False)
class OpenFile:
    """The file on the page Own data, as it is read at present; `told` is what a link says of what is made of it."""

    name: str
    number: int
    content: bytes
    table: Table
    told: Choices | None = None
    made: dict[Choices, tuple[Examples, Dataset]] = field(default_factory=dict)

    def read_as(self, reading: Reading) -> None:
        """Read the file in another way. Raises TableError, and ResultError where there is no room for it."""
        if reading != self.table.reading:
            with room().reading:
                table = columns.read(self.content, reading)
            room().take(table, table.bytes)
            self.table, self.told, self.made = table, None, {}

    def proposed(self, label: str = "") -> Choices:
        """What is proposed to be made of it, with this label if one is chosen."""
        if self.told is not None and label in ("", self.told.label):
            return self.told
        return choices.propose(self.table, label)

    def examples(self, chosen: Choices) -> tuple[Examples, Dataset]:
        """What the choices make of it, and the data set that it is. Raises as `read_as` does."""
        if chosen not in self.made:
            examples = choices.prepare(self.table, chosen)
            dataset = examples.dataset(self.name)
            room().take(dataset, 2 * examples.x.size * examples.x.to_numpy().itemsize)
            self.made = {chosen: (examples, dataset)}
        return self.made[chosen]


def opened(name: str, number: int, content: bytes) -> OpenFile:
    """A file as a link says that is open, or else as it seems to be written.

    Raises TableError, and ResultError where there is no room for it.
    """
    asked = session.current().asked
    with room().reading:
        try:
            file = OpenFile(name, number, content, *choices.follow(content, asked[1][LINKED] if asked else ""))
        except (KeyError, TableError):  # it is another file, or the link does not say
            file = OpenFile(name, number, content, columns.read(content, sniffing.propose(content)))
    room().take(file, len(content))
    room().take(file.table, file.table.bytes)
    return file


_holders: Counter[str] = Counter()
# A table may be collected, and let go, while another one is being held.
_lock = threading.RLock()


def hold(table: OwnTable) -> None:
    """Keep the table for this visitor."""
    name = table.dataset.name
    with _lock:
        keep_own(table.dataset)
        _holders[name] += 1
        weakref.finalize(table, _let_go, name)
    here = session.current()
    here.tables.pop(name, None)
    here.tables[name] = table
    for other in list(here.tables)[:-KEPT]:
        if other not in here.experiment.dataset:
            del here.tables[other]


def _let_go(name: str) -> None:
    with _lock:
        _holders[name] -= 1
        if _holders[name] <= 0:
            del _holders[name]
            forget(name)


def of(experiment: Experiment) -> OwnTable | None:
    """The visitor's table that the experiment is about."""
    return session.current().tables.get(experiment.own_table)


def named(address: dict[str, str]) -> str:
    """The own table that an address is about, or ""."""
    of_data = (text for name, text in address.items() if accepted(name, FIELDS, SETTINGS) == "dataset")
    return next((part for text in of_data for part in text.split(",") if is_own(part)), "")


def lacking(address: dict[str, str]) -> str:
    """The own table that an address is about and that the visitor has not opened, or ""."""
    return "" if (name := named(address)) in session.current().tables else name


def linked(experiment: Experiment) -> dict[str, str]:
    """What a link says of the visitor's table beside its fingerprint."""
    table = of(experiment)
    return {LINKED: table.recipe} if table is not None and table.recipe else {}


def require(experiment: Experiment, file: str, brought: Dataset | None) -> None:
    """Raises ResultError where a result from `file` is of a table that it has not `brought` and that is not open."""
    if experiment.own_table and of(experiment) is None:
        if brought is None:
            raise ResultError(
                f"it is about {experiment.own_table}, somebody's own table: open that under Own data first"
            )
        assert brought.read is not None
        room().take(brought, brought.read()[0].nbytes)
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
            which = "The data are yours" if len(here.experiment.dataset) == 1 else "One of the data sets is yours"
            st.markdown(f":material/table_view: **{which}:**", width="content")
            st.text(table.file, width="content")
        data = table.dataset
        st.caption(
            f"{count(data.examples or 0, 'example')}, {count(data.features, 'feature')}, {data.classes} classes, known "
            f"as {data.name}. Only you see it, until you close or reload the page; whoever opens the link is asked "
            "for the file."
        )
