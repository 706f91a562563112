"""Signal propagation: theory over measurement, layer by layer, and how deep a gradient reaches from where."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.charts import propagation as charts
from core.lessons import signal_propagation as lesson
from core.text import words
from pages.parts import chart, lens, notices, view
from pages.parts.catalogue import SignalPropagation
from pages.parts.shown import Recorded, Shown

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
    lens.part(shown, lambda: _layers(shown, recorded))
    st.subheader("How deep do gradients reach?")
    lens.part(shown, lambda: _diagram(shown))


def _layers(shown: Shown, recorded: Recorded) -> None:
    epoch = view.epoch(SignalPropagation.epoch, shown, recorded)
    settings: dict[str, Any] = {"groups": shown.groups, "epoch": epoch}
    rows = partial(shown.once, lesson.by_layer, epoch)
    draw = partial(chart.draw, make=charts.theory_by_layer, rows=rows, **settings)
    draw(name="length_by_layer", quantity="length")
    left, right = st.columns(2)
    with left:
        draw(name="saturated_by_layer", quantity="saturated")
    with right:
        draw(name="mean_by_layer", quantity="mean")
    reasons = shown.once(lesson.reasons, epoch)
    if reasons:
        st.markdown("Where dots and lines part, these runs show why they may:")
        st.markdown("\n".join(f"- **{name}.** {notices.escaped(text)}" for name, text in reasons))
    with st.expander("Formulas", icon=":material/function:"):
        st.latex(r"q_l = \sigma_w^2\,\mathbb{E}\left[f(\sqrt{q_{l-1}}\,z)^2\right] + \sigma_b^2, \quad z \sim N(0, 1)")
        st.latex(r"\chi_1 = \sigma_w^2\,\mathbb{E}\left[f'(\sqrt{q^*}\,z)^2\right], \qquad \xi = 1 / |\log \chi_1|")
        st.caption(
            "In wide layers a pre-activation is Gaussian with mean square q; q* is the q that the map leaves alone. "
            "Poole et al. 2016, Schoenholz et al. 2017. Here σw² = fan_in × mean square of the weights."
        )


def _diagram(shown: Shown) -> None:
    points = shown.once(lesson.points)
    functions = {words(name): name for name in shown.experiment.activation}
    activation = functions[view.place(SignalPropagation.diagram)]
    own = _points(shown, activation)
    if own.empty:
        lens.nothing_of(shown, words(activation))
        return
    low, high = lesson.sw_range(own)
    settings: dict[str, Any] = {"activation": activation, "low": low, "high": high, "groups": shown.groups}
    lens.part(shown, lambda: _trial(shown, settings | {"top": lesson.sb_top(own)}))
    chart.draw(
        "depth_scales", _depth_scales, partial(_points, shown, activation), depth=int(own["depth"].max()), **settings
    )
    st.dataframe(points[list(COLUMNS)], column_config=COLUMNS, hide_index=True, key="points")
    st.caption(
        ("All networks here start with biases 0, on the lower edge of the diagram. " if not own["sb"].any() else "")
        + "χ₁ holds at q*, which a deep network settles at; σw and σb are those of the layers fed by a hidden layer."
    )


def _trial(shown: Shown, settings: dict[str, Any]) -> None:
    """The phase diagram with a place to try, and what happens there."""
    activation = settings["activation"]
    area = [settings[name] for name in ("low", "high", "top")]
    left, right = st.columns(2)
    with right:
        sw = view.place(SignalPropagation.sw)
        sb = view.place(SignalPropagation.sb)
        st.markdown(f"**At ×, {words(activation)}: {notices.escaped(lesson.point_words(activation, sw, sb))}**")
        chart.draw("length_map", _length_map, partial(lesson.map_table, activation, sw, sb), at=(activation, sw, sb))
    with left:
        points = partial(_points, shown, activation)
        chart.draw("phase_diagram", _phase_diagram, points, moved=charts.tried(sw, sb), **settings)
        chart.csv("phase_diagram_shading", partial(lesson.phase_table, activation, *area), "CSV of the shading")


def _points(shown: Shown, activation: str) -> pd.DataFrame:
    points = shown.once(lesson.points)
    return points[points["activation"] == activation]


def _length_map(lengths: pd.DataFrame, *, at: tuple[str, float, float]) -> alt.LayerChart:
    return charts.length_maps(lengths, fixed_point=lesson.q_star(*at))


def _phase_diagram(
    points: pd.DataFrame, *, activation: str, low: float, high: float, top: float, groups: Sequence[str]
) -> alt.LayerChart:
    cells, line = lesson.phase_table(activation, low, high, top), lesson.critical_table(activation)
    # Where the trial point stands does not matter here: `moved` puts it where it is.
    return charts.phase_diagram(points, cells=cells, line=line, groups=groups, trial=(1.0, 1.0))


def _depth_scales(
    points: pd.DataFrame, *, activation: str, low: float, high: float, groups: Sequence[str], depth: int
) -> alt.LayerChart:
    return charts.depth_scales(points, curve=lesson.depth_table(activation, low, high), groups=groups, depth=depth)


lens.show("How far does a signal get?", _page)
