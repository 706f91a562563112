"""An experiment that a page needs and that is not on the screen: one button trains and shows it."""

import streamlit as st

from core.experiment.presets import PRESETS
from pages.parts import link, training


def preset(name: str, why: str) -> None:
    """Say in `why` what the runs on the screen lack, and offer the preset of that name."""
    chosen = PRESETS[name]
    with st.container(border=True):
        st.markdown(why)
        if st.button(f"Train: {chosen.title}", key=f"offer_{name}", type="primary", icon=":material/play_arrow:"):
            training.train(chosen.experiment)
            link.rerun()
        st.caption(f"{chosen.question} Takes {chosen.experiment.cost()}; trained once, it opens at once.")
