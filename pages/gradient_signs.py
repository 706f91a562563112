"""Gradient signs: how far the weight gradients into one neuron share a sign."""

from functools import partial

import pandas as pd
import streamlit as st

from core.charts import signs as charts
from core.charts.style import Chosen
from core.lessons import findings
from core.results.selected import select
from core.schema import LEVELS
from core.text import NOT_MEASURED, count, listed
from pages.parts import chart, lens, player, view
from pages.parts.catalogue import GradientSigns
from pages.parts.shown import Recorded, Shown, once


def _page(shown: Shown) -> None:
    lens.finding(shown, findings.gradient_signs)
    if shown.experiment.statistics != "full":
        st.info(f"Gradient signs: {NOT_MEASURED}. Choose full statistics in the form, under Measurement.")
        return
    recorded = shown.recorded()
    if not recorded.layers:
        lens.nothing_of(shown, "a layer")
        return
    groups = view.groups(GradientSigns.groups, shown, GradientSigns.baseline)
    layer = view.layer(GradientSigns.layer, shown, recorded)
    player.epochs(GradientSigns.epoch, shown, partial(_over_time, shown, recorded, groups, layer))


def _over_time(shown: Shown, recorded: Recorded, groups: Chosen, layer: int, epoch: int) -> None:
    """All that is looked at epoch by epoch."""
    at = view.reached(epoch, shown, recorded)
    into = partial(_into, shown, layer)
    st.header(f"Are the signs into layer {layer} tied together?")
    fan_in, *others = once(_fan_ins, shown, layer)
    cells = [*st.columns(2), *st.columns(2)]
    for level, cell in zip(LEVELS, cells, strict=False):
        with cell:
            chart.draw(
                f"sign_distribution_{level}", charts.sign_distribution, partial(_shares, shown, layer, level),
                groups=groups, epoch=at, layer=layer, level=level, fan_in=fan_in,
            )  # fmt: skip
    with cells[-1]:
        chart.draw("agreement_by_level", charts.agreement_by_level, into, groups=groups, epoch=at, layer=layer)
    st.caption(
        "For each neuron, the share of its incoming weights whose gradient is positive. Spikes at 0 and 1: all "
        f"signs agree. Dashed: {count(fan_in, 'independent random sign')}"
        + (
            f", as many as most neurons here have; others have {listed(list(map(str, sorted(others))))}. "
            if others
            else ". "
        )
        + "Neurons without any gradient are left out. "
        "The rule is exact for one example only: a mini-batch adds up examples that may pull in different directions."
    )

    st.header("By layer and over training")
    lens.part(shown, lambda: _by_level(shown, groups, layer, at))


def _by_level(shown: Shown, groups: Chosen, layer: int, at: int) -> None:
    level = view.place(GradientSigns.level)
    chart.draw(
        "agreement_by_layer", charts.agreement_by_layer, shown.layers,
        groups=groups, level=level, epoch=at,
    )  # fmt: skip
    lens.part(shown, lambda: _over_training(shown, groups, layer, level))
    st.caption(
        "The first layer is fed by the inputs: scaled to the unit interval they are never negative either, and tie "
        "its signs under any activation function. Biases are left out."
    )


def _over_training(shown: Shown, groups: Chosen, layer: int, level: str) -> None:
    log_epoch = view.place(GradientSigns.log_epoch)
    chart.draw(
        "agreement_over_training", charts.agreement_over_training, partial(_into, shown, layer),
        groups=groups, level=level, layer=layer, log_x=log_epoch,
    )  # fmt: skip


def _fan_ins(shown: Shown, layer: int) -> list[int]:
    """The widths that feed the layer, the most frequent first."""
    widths: list[int] = _into(shown, layer)["fan_in"].value_counts().index.astype(int).tolist()
    return widths


def _into(shown: Shown, layer: int) -> pd.DataFrame:
    return select(shown.layers(), {"layer": layer})


def _shares(shown: Shown, layer: int, level: str) -> pd.DataFrame:
    """The histograms of the share of positive gradients into a layer."""
    return select(shown.result.histograms, {"layer": layer, "level": level, "quantity": "positive_share"})


lens.show("Do the gradients into one neuron share a sign?", _page)
