"""Signal propagation: theory over measurement, layer by layer, and how deep a gradient reaches from where."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.charts import propagation as charts
from core.charts.style import Chosen
from core.lessons import signal_propagation as lesson
from core.text import NOT_MEASURED, short_group, words
from pages.parts import chart, lens, notices, save, view
from pages.parts.catalogue import SignalPropagation
from pages.parts.shown import Recorded, Shown, once

COLUMNS: dict[str, Any] = {
    "group": "run group",
    "sw": st.column_config.NumberColumn(
        "σw",
        format="%.3g",
        help="Root of fan_in × mean square of the weights, measured; empty where they are not random",
    ),
    "sb": st.column_config.NumberColumn("σb", format="%.3g", help="Root mean square of the biases"),
    "q": st.column_config.NumberColumn("q*", format="%.3g", help="Where q settles in a deep network"),
    "chi": st.column_config.NumberColumn("χ₁", format="%.3g", help="Factor on a gradient's mean square per layer"),
    "depth_scale": st.column_config.NumberColumn("depth scale", format="%.3g", help="Layers; 1 / |log χ₁|"),
    "note": st.column_config.TextColumn("why there is no q*", width="large"),
}


def _page(shown: Shown) -> None:
    lens.finding(shown, lesson.agreement)
    recorded = shown.recorded(hidden=True)
    if not shown.depth:
        st.info("These networks have no hidden layer, so no signal goes from one to another. Choose some in the form.")
        return
    if not recorded.layers:
        lens.nothing_of(shown, "a hidden layer")
        return
    groups = view.groups(SignalPropagation.groups, shown, SignalPropagation.baseline)
    lens.part(shown, lambda: _layers(shown, recorded, groups))
    st.header("What comes back?")
    lens.finding(shown, lesson.backward)
    _backward(shown, groups)
    st.header("How deep do gradients reach?")
    lens.part(shown, lambda: _diagram(shown, groups))


def _layers(shown: Shown, recorded: Recorded, groups: Chosen) -> None:
    epoch = view.epoch(SignalPropagation.epoch, shown, recorded)
    settings: dict[str, Any] = {"groups": groups, "epoch": epoch}
    rows = partial(once, _by_layer, shown, epoch)
    draw = partial(chart.draw, make=charts.theory_by_layer, rows=rows, **settings)
    draw(name="length_by_layer", quantity="length")
    left, right = st.columns(2)
    with left:
        draw(name="saturated_by_layer", quantity="saturated")
    with right:
        draw(name="mean_by_layer", quantity="mean")
    reasons = [*lesson.trained(epoch), *shown.once(lesson.reasons)]
    if reasons:
        st.markdown("Where dots and lines part, these runs show why they may:")
        st.markdown("\n".join(f"- **{name}.** {notices.told(text)}" for name, text in reasons))
    with st.expander("Formulas", icon=":material/function:"):
        st.latex(r"q_l = \sigma_w^2\,\mathbb{E}\left[f(\sqrt{q_{l-1}}\,z)^2\right] + \sigma_b^2, \quad z \sim N(0, 1)")
        st.latex(r"\chi_1 = \sigma_w^2\,\mathbb{E}\left[f'(\sqrt{q^*}\,z)^2\right], \qquad \xi = 1 / |\log \chi_1|")
        st.caption(
            "In wide layers a pre-activation is Gaussian with mean square q; q* is the q that the map leaves alone. "
            "Poole et al. 2016, Schoenholz et al. 2017. Here σw² = fan_in × mean square of the weights."
        )


def _backward(shown: Shown, groups: Chosen) -> None:
    left, right = st.columns(2)
    draw = partial(chart.draw, groups=groups)
    with left:
        rows = partial(once, _by_layer, shown, 0)
        draw("backward_by_layer", charts.theory_by_layer, rows, quantity="backward")
    with right:
        if shown.experiment.statistics == "full":
            draw("weight_gradients", charts.weight_gradients, partial(shown.once, lesson.weight_gradients))
        else:
            st.caption(f"Size of the weight gradients: {NOT_MEASURED}.")
    draw("singular_values", charts.singular_values, partial(shown.once, lesson.jacobians))
    with st.expander("Formulas", icon=":material/function:"):
        st.latex(
            r"\mathbb{E}[\delta_l^2] = \frac{n_{l+1}}{n_l}\,\sigma_{w,l+1}^2\,"
            r"\mathbb{E}[f'(\sqrt{q_l}\,z)^2]\,\mathbb{E}[\delta_{l+1}^2], \qquad "
            r"\delta = \partial\,\mathrm{loss} / \partial a"
        )
        st.latex(r"\textstyle\sum_i s_i^2 = n_{\mathrm{out}}\,\sigma_{w,\mathrm{out}}^2\,\prod_l \chi_l")
        st.caption(
            "Theory starts from the measured δ of the output layer. Singular values are those of d logits / d x at the "
            "first 8 examples of the probe; all 1 is dynamical isometry. The weight gradients are means over the "
            "training set. Glorot & Bengio 2010, figures 7 and 8; Saxe et al. 2014."
        )


def _diagram(shown: Shown, groups: Chosen) -> None:
    points = shown.once(lesson.points)
    functions = {words(name): name for name in shown.experiment.activation}
    activation = functions[view.place(SignalPropagation.diagram)]
    own = _points(shown, activation)
    if own.empty:
        lens.nothing_of(shown, words(activation))
        return
    low, high = lesson.sw_range(own)
    lens.part(shown, lambda: _trial(shown, groups, activation, low, high, lesson.sb_top(own)))
    chart.draw(
        "depth_scales", charts.depth_scales, partial(_points, shown, activation),
        curve=partial(lesson.depth_table, activation, low, high), groups=groups, depth=int(own["depth"].max()),
    )  # fmt: skip
    named = points.assign(group=points["group"].map(short_group))
    st.dataframe(named[list(COLUMNS)], column_config=COLUMNS, hide_index=True, key="points")
    st.caption(
        ("All networks here start with biases 0, on the lower edge of the diagram. " if not own["sb"].any() else "")
        + "χ₁ holds at q*, which a deep network settles at; σw and σb are those of the layers fed by a hidden layer."
    )


def _trial(shown: Shown, groups: Chosen, activation: str, low: float, high: float, top: float) -> None:
    """The phase diagram with a place to try, and what happens there."""
    left, right = st.columns(2)
    with right:
        sw = view.place(SignalPropagation.sw)
        sb = view.place(SignalPropagation.sb)
        st.markdown(f"**At ×, {words(activation)}: {notices.escaped(lesson.point_words(activation, sw, sb))}**")
        chart.draw(
            "length_map", charts.length_maps, partial(lesson.map_table, activation, sw, sb),
            fixed_point=partial(lesson.q_star, activation, sw, sb),
        )  # fmt: skip
    with left:
        cells = partial(lesson.phase_table, activation, low, high, top)
        # `trial` is the same for all: `moved` puts the point where it is.
        chart.draw(
            "phase_diagram", charts.phase_diagram, partial(_points, shown, activation), moved=charts.tried(sw, sb),
            cells=cells, line=partial(lesson.critical_table, activation), groups=groups, trial=(1.0, 1.0),
        )  # fmt: skip
        save.menu("phase_diagram_shading", cells, label="Numbers of the shading")


def _by_layer(shown: Shown, epoch: int) -> pd.DataFrame:
    return lesson.by_layer(shown.result, epoch, shown.once(lesson.predictions))


def _points(shown: Shown, activation: str) -> pd.DataFrame:
    points = shown.once(lesson.points)
    return points[points["activation"] == activation]


lens.show("How far does a signal get?", _page)
