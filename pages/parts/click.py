"""A button whose click is done where the page comes to it, however often the page is begun anew before that.

Streamlit tells a click to one run alone: where that is begun anew before it comes to the button, nobody learns of it.
"""

from typing import Any

import streamlit as st

from pages.parts import session


def button(label: str, key: str, **look: Any) -> bool:
    """Place a button; whether it was clicked. `look` is what `st.button` takes besides."""
    clicked = session.current().clicked
    st.button(label, key=key, on_click=clicked.add, args=(key,), **look)
    if key not in clicked:
        return False
    clicked.remove(key)
    return True


def forget() -> None:
    """Forget the clicks that no button has taken: the page has run to its end without it, or is another one."""
    session.current().clicked.clear()
