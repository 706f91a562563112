"""Saturation: where the hidden units are flat, at what initial scale that begins, and what their values look like."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.charts import propagation
from core.charts import saturation as charts
from core.charts.style import Chosen
from core.lessons import findings, signal_propagation
from core.lessons.saturation import dead_flat_layers
from core.registries.activations import ACTIVATIONS
from core.results.selected import Rows, select, where
from core.text import short_group
from core.theory.theory import saturated_intervals
from pages.parts import chart, lens, link, player, save, view
from pages.parts.catalogue import Saturation
from pages.parts.shown import Recorded, Shown, once

DEAD_FLAT: dict[str, Any] = {
    "group": "run group",
    "layer": "hidden layer",
    "runs": st.column_config.NumberColumn("runs with it dead-flat", help="at a recorded epoch"),
    "of": "of runs",
    "from_epoch": st.column_config.NumberColumn("from epoch", help="the first recorded one, in any of the runs"),
    "left": st.column_config.NumberColumn("runs that left it again", help="at a later recorded epoch"),
    "flat_at_end": st.column_config.NumberColumn("runs still in it", help="at the last epoch with numbers"),
}


def _page(shown: Shown) -> None:
    lens.finding(shown, findings.saturation)
    experiment = shown.experiment
    recorded = shown.recorded(hidden=True)
    if not shown.depth:
        st.info("Without a hidden layer there is nothing to saturate: choose hidden layers in the form, under Network.")
        return
    if not recorded.layers:
        lens.nothing_of(shown, "a hidden layer")
        return

    groups = view.groups(Saturation.groups, shown, Saturation.baseline)
    chart.draw("saturation_over_training", charts.saturation_over_training, shown.hidden, groups=groups)
    examples = f"up to {experiment.probe}" if experiment.probe else "all"
    _dead_flat(shown)
    st.caption(
        f"A unit is saturated on an example where its slope is below {experiment.saturation_threshold:.3g} of the "
        "activation function's largest slope: little gradient passes there. Shares are over the layer's units and "
        f"{examples} training {'example' if experiment.probe == 1 else 'examples'}; diverged runs are left out from "
        "where they diverged. A layer is dead-flat where each of its units is saturated on at least 95 % of them."
    )

    lens.part(shown, lambda: player.epochs(Saturation.epoch, shown, partial(_over_time, shown, recorded, groups)))

    st.header("Could theory have predicted it?")
    chart.draw(
        "theory", propagation.theory_by_layer, partial(shown.once, signal_propagation.by_layer, 0),
        groups=groups, quantity="saturated",
    )  # fmt: skip
    st.caption(
        "Theory knows only the variance of the initial weights and the mean square of the inputs, and treats layers as "
        "infinitely wide. Signal propagation says where that falls short."
    )
    link.to_page("signal_propagation")


def _over_time(shown: Shown, recorded: Recorded, groups: Chosen, epoch: int) -> None:
    """All that is looked at epoch by epoch."""
    if len(shown.experiment.initialiser) * len(shown.experiment.gain) > 1:
        st.header("At what initial scale does saturation begin?")
        lens.part(shown, lambda: _by_scale(shown, recorded, epoch))
    st.header("Which layers saturate, and when?")
    chart.draw("saturation", charts.saturation_overview, shown.hidden, groups=groups)
    st.header("Group by group")
    lens.part(shown, lambda: _by_group(shown, recorded, epoch))
    st.header("Are the activations zero-centred?")
    lens.part(shown, lambda: _means(shown, recorded, groups, epoch))
    st.caption("The mean activation of a layer is the mean input of the next: what is far from 0 ties its signs.")


def _dead_flat(shown: Shown) -> None:
    """Which layers died, if any did."""
    table = once(_dead_flat_layers, shown)
    with st.container():  # what follows stays where it is when the first of them dies
        if not table.empty:
            lens.finding(shown, findings.dead_flat)
            named = table.assign(group=table["group"].map(short_group))
            st.dataframe(named, column_config=DEAD_FLAT, hide_index=True, key="dead_flat")
            save.menu("dead_flat", partial(once, _dead_flat_layers, shown))


def _by_scale(shown: Shown, recorded: Recorded, epoch: int) -> None:
    functions = list(dict.fromkeys(shown.experiment.activation))
    name, place = functions[0], st.container()
    if len(functions) > 1:
        left, place = st.columns(2)
        with left:
            name = view.place(Saturation.function)
    alike = recorded.of(name)
    if not alike:
        lens.nothing_of(shown, name)
    else:
        with place:
            at = view.reached(view.linked(Saturation.scale_epoch, epoch), shown, recorded, alike)
        chart.draw(
            "saturation_by_scale", charts.saturation_by_scale, partial(_hidden, shown, activation=name),
            activation=name, epoch=at,
        )  # fmt: skip
        st.caption(
            "Each point is one initialiser, placed by the root mean square that the weights of the layer really had. "
            "Large weights are one road to saturation; training is another, so compare epoch 0 with later ones."
        )


def _by_group(shown: Shown, recorded: Recorded, epoch: int) -> None:
    chosen = view.place(Saturation.group)
    group = once(_most_saturated, shown) if chosen == Saturation.MOST else chosen
    if group in recorded.epochs:
        _group(shown, recorded, group, epoch)
    else:
        lens.nothing_of(shown, group)


def _means(shown: Shown, recorded: Recorded, groups: Chosen, epoch: int) -> None:
    """Mean activations by layer at an epoch, and of a layer over training."""
    at = view.reached(view.linked(Saturation.mean_epoch, epoch), shown, recorded)
    layer = view.layer(Saturation.layer, shown, recorded)
    left, right = st.columns(2)
    with left:
        chart.draw("mean_by_layer", charts.mean_activation_by_layer, shown.hidden, groups=groups, epoch=at)
    with right:
        chart.draw("mean_activation", charts.mean_activation, shown.hidden, groups=groups, layer=layer)


def _hidden(shown: Shown, **values: str) -> pd.DataFrame:
    return select(shown.layers(), values | {"role": "hidden"})


def _dead_flat_layers(shown: Shown) -> pd.DataFrame:
    return dead_flat_layers(shown.hidden())


def _most_saturated(shown: Shown) -> str:
    """The group of the layer that the page's finding names: the most saturated one at the last recorded epoch."""
    hidden = Rows(shown.layers()).where(role="hidden")
    last = hidden.where(epoch=hidden["epoch"].max())
    shares = last.means("saturated", by="layer")
    # Equal shares may differ in the last bit of their means.
    most = max(shares.values(), default=0.0) - findings.TIE
    return next((group for (group, _), share in shares.items() if share >= most), last.groups()[0][0])


def _group(shown: Shown, recorded: Recorded, group: str, epoch: int) -> None:
    """One run group in numbers: its heatmap, and what its layers see."""
    chart.draw("saturation_heatmap", charts.saturation_heatmap, partial(_hidden, shown, group=group), group=group)
    at = view.reached(epoch, shown, recorded, [group])
    function = ACTIVATIONS[recorded.activations[group]]
    flat = saturated_intervals(function, shown.experiment.saturation_threshold)
    left, right = st.columns(2)
    with left:
        chart.draw(
            "preactivations", charts.histogram_by_layer, partial(_counted, shown, group, "preactivation"),
            group=group, epoch=at, quantity="preactivation", saturated=flat,
        )  # fmt: skip
    with right:
        chart.draw(
            "activations", charts.histogram_by_layer, partial(_counted, shown, group, "activation"),
            group=group, epoch=at, quantity="activation",
        )  # fmt: skip
    st.caption(
        "What the units of each hidden layer take in (a) and give out (h), over the same examples and all seeds. "
        + ("Grey: where a unit counts as saturated. " if flat else "This function has no flat part. ")
        + "Each row is scaled to its own peak."
    )


def _counted(shown: Shown, group: str, quantity: str) -> pd.DataFrame:
    """The histograms of a quantity in the group's hidden layers."""
    own = select(shown.result.histograms, {"group": group, "quantity": quantity})
    hidden = where(shown.layers(), group=group, role="hidden")
    return own[own["layer"].isin(shown.layers()["layer"].to_numpy()[hidden])]


lens.show("When do units saturate?", _page)
