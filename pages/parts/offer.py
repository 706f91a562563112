"""An experiment that a page needs and that is not on the screen: one button trains and shows it."""

from typing import Literal

import streamlit as st

from core.experiment.presets import PRESETS, Preset
from pages.parts import click, link, training


def preset(name: str, why: str) -> None:
    """Say in `why` what the runs on the screen lack, and offer the preset of that name."""
    with st.container(border=True):
        st.markdown(why)
        button(PRESETS[name], primary=True)


def button(chosen: Preset, primary: bool = False) -> None:
    """A button that trains an experiment, and what that takes."""
    kind: Literal["primary", "secondary"] = "primary" if primary else "secondary"
    if click.button(f"Train: {chosen.title}", key=f"offer_{chosen.name}", type=kind, icon=":material/play_arrow:"):
        training.train(chosen.experiment)
        link.rerun()
    st.caption(f"{chosen.question} Takes {chosen.experiment.cost()}; trained once, it opens at once.")
