"""The start page: what the lab is for, what the experiment on the screen says, and where to look closer."""

import streamlit as st

from core import charts, findings
from pages.parts import chart, lens
from pages.parts.shown import Shown

ABOUT = """
Every neural network starts from random weights, and from there on its activation functions decide what reaches which
layer. This lab trains small networks on the spot, many at once and each from several seeds, and measures what textbooks
say about that start: when units **saturate**, when the **signs of gradients** are tied together, and what that does to
the **speed of learning**. Choose a preset or your own settings at the side, press *Train*, and share the link: it
carries all that is on the screen.
"""


def _page(shown: Shown) -> None:
    st.markdown(ABOUT)
    epochs, layers = shown.result.epochs, shown.result.layers
    lens.finding(shown, findings.saturation, "saturation")
    chart.show(shown, "mean_by_layer", charts.mean_activation_by_layer, layers, groups=shown.groups, epoch=0)
    lens.finding(shown, findings.gradient_signs, "gradient_signs")
    lens.finding(shown, findings.convergence, "convergence")
    chart.show(shown, "train_accuracy", charts.learning_curves, epochs, groups=shown.groups, quantity="train_accuracy")
    lens.finding(shown, findings.runs, "runs")


lens.show("The initialisation lab", _page)
