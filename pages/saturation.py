"""Saturation: where the hidden units are flat, from which initial scale on, and what their values look like."""

import pandas as pd
import streamlit as st

from core import charts, findings
from core.activations import ACTIVATIONS
from core.charts import propagation
from core.lessons import signal_propagation
from core.theory import saturated_intervals
from pages.parts import chart, lens, link, view
from pages.parts.shown import Shown

MOST = "most saturated"


def _page(shown: Shown) -> None:
    lens.finding(shown, findings.saturation)
    experiment, result = shown.experiment, shown.result
    hidden = result.layers[result.layers["role"] == "hidden"]
    if hidden.empty:
        st.info("Without a hidden layer there is nothing to saturate: choose hidden layers in the form, under Network.")
        return

    chart.show(shown, "saturation", charts.saturation_overview, hidden, groups=shown.groups)
    examples = f"up to {experiment.probe}" if experiment.probe else "all"
    st.caption(
        f"A unit is saturated on an example where its slope is below {experiment.saturation_threshold:.3g} of the "
        "activation function's largest slope: little gradient passes there. Shares are over the layer's units and "
        f"{examples} training examples; diverged runs are left out from where they diverged."
    )

    st.subheader("From which initial scale on?")
    functions = list(dict.fromkeys(experiment.activation))
    name, place = functions[0], st.container()
    if len(functions) > 1:
        left, place = st.columns(2)
        with left:
            name = view.buttons("function", "Activation function", functions, functions[0])
    alike = hidden[hidden["activation"] == name]
    if alike.empty:
        st.caption(f"No numbers of {name} yet.")
    else:
        with place:
            at = view.epoch(shown, alike, "scale_epoch", default=0)
        chart.show(shown, "saturation_by_scale", charts.saturation_by_scale, alike, activation=name, epoch=at)
        st.caption(
            "Each point is one initialiser, placed by the standard deviation that the weights of the layer really had. "
            "Large weights are one road to saturation; training is another, so compare epoch 0 with later ones."
        )

    st.subheader("Group by group")
    most = hidden.groupby("group", sort=False)["saturated"].max()
    chosen = view.choice("group", "Run group", [MOST, *shown.groups], MOST)
    group = str(most.idxmax() if most.notna().any() else most.index[0]) if chosen == MOST else chosen
    own = hidden[hidden["group"] == group]
    if own.empty:
        st.caption("No numbers of this group yet.")
    else:
        _group(shown, group, own)

    st.subheader("Are the activations zero-centred?")
    left, right = st.columns(2)
    with left:
        at = view.epoch(shown, hidden, "mean_epoch")
        chart.show(shown, "mean_by_layer", charts.mean_activation_by_layer, hidden, groups=shown.groups, epoch=at)
    with right:
        layers = sorted(int(layer) for layer in hidden["layer"].unique())
        layer = view.step("layer", "Hidden layer", layers, layers[-1])
        chart.show(shown, "mean_activation", charts.mean_activation, hidden, groups=shown.groups, layer=layer)
    st.caption("The mean activation of a layer is the mean input of the next: what is far from 0 ties its signs.")

    st.subheader("Could one have known?")
    foreseen = signal_propagation.by_layer(result)
    chart.show(shown, "theory", propagation.theory_by_layer, foreseen, groups=shown.groups, quantity="saturated")
    st.caption(
        "Theory knows only the variance of the initial weights and the mean square of the inputs, and takes layers for "
        "endlessly wide. Signal propagation says where that falls short."
    )
    link.to_page("signal_propagation")


def _group(shown: Shown, group: str, own: pd.DataFrame) -> None:
    """One run group in numbers: its heatmap, and what its layers see."""
    chart.show(shown, "saturation_heatmap", charts.saturation_heatmap, own, group=group)
    at = view.epoch(shown, own)
    flat = saturated_intervals(ACTIVATIONS[own["activation"].iloc[0]], shown.experiment.saturation_threshold)
    counted = shown.result.histograms
    counted = counted[(counted["group"] == group) & counted["layer"].isin(own["layer"].unique())]
    left, right = st.columns(2)
    with left:
        chart.show(
            shown, "preactivations", charts.histogram_by_layer, counted[counted["quantity"] == "preactivation"],
            group=group, epoch=at, quantity="preactivation", saturated=flat,
        )  # fmt: skip
    with right:
        chart.show(
            shown, "activations", charts.histogram_by_layer, counted[counted["quantity"] == "activation"],
            group=group, epoch=at, quantity="activation",
        )  # fmt: skip
    st.caption(
        "What the units of each hidden layer take in (a) and give out (h), over the same examples and all seeds. "
        + ("Grey: where a unit counts as saturated. " if flat else "This function has no flat part. ")
        + "Each row is scaled to its own peak."
    )


lens.show("When do units saturate?", _page)
