"""Messages to the visitor. What came from outside is shown as plain text, never as markdown or HTML."""

import re
from collections.abc import Iterable

import streamlit as st

from core.text import short_group

LONGEST = 600


def plain(text: str) -> str:
    """`text` on one line and short enough for a notice."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} … ({len(text):,} characters)"


def escaped(text: str) -> str:
    """`text` as markdown that shows it letter by letter."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", text)


def told(text: str) -> str:
    """A sentence of our own as markdown, in which deep networks have their short names."""
    return escaped(short_group(text))


def refused(title: str, reasons: Iterable[str]) -> None:
    """Warn with `title` (our own words) and list the `reasons` as inert text."""
    with st.container(border=True):
        st.warning(title, icon=":material/warning:")
        for reason in reasons:
            st.text(plain(reason))
