"""The 2 x 2: how much of tanh's advantage over the logistic is centring, and how much is slope."""

from functools import partial
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core import text
from core.charts import convergence
from core.charts import effects as charts
from core.lessons import effects, findings
from core.lessons.effects import FOUR, OUTCOMES, TANH, Decomposition
from core.lessons.findings import Finding
from core.registries.activations import ACTIVATIONS
from pages.parts import chart, lens, link, offer, view
from pages.parts.catalogue import TwoByTwo
from pages.parts.shown import Shown, once

COLUMNS: dict[str, Any] = {
    "activation": "function",
    "learning_rate": st.column_config.NumberColumn(
        "learning rate", format="%.3g", help="Best of the grid, or shared; none where all runs diverged"
    ),
    "median_low": st.column_config.NumberColumn(
        "median", format="%.4g", help="Where runs stopped short of the target: the least it can be"
    ),
    "median_high": st.column_config.NumberColumn("at most", format="%.4g", help="Infinite where it was not reached"),
    "low": st.column_config.NumberColumn("95 % from", format="%.4g"),
    "high": st.column_config.NumberColumn("to", format="%.4g"),
    "reached": st.column_config.NumberColumn("runs with a value"),
    "seeds": st.column_config.NumberColumn("seeds"),
    "edge": st.column_config.CheckboxColumn(
        "rate at an end", help="Its best rate lies at an end of the grid: a better one may lie beyond"
    ),
}
LACKING = """
**Tanh differs from the logistic in three things at once**: it is centred on 0, its slope at 0 is 1 instead of 1/4, and
its range is twice as wide. Telling them apart takes hidden layers of four functions, the logistic with and without
centring and with either slope, each at several learning rates. The experiment on the screen does not have them all.
"""
ONE_RATE = """
These runs share one learning rate. A steeper function passes on larger gradients, which acts like a larger rate: at one
rate for all, slope is credited with what a better rate would have given the others too.
"""


def _page(shown: Shown) -> None:
    experiment = shown.experiment
    outcome, rate = _controls(experiment.learning_rate)
    networks = TwoByTwo.network.options(link.given())
    if not networks:
        offer.preset("two_by_two", LACKING)
        _formulas()
        return
    network = view.place(TwoByTwo.network) if len(networks) > 1 else networks[0]
    if outcome == "final_test_accuracy" and _untested(shown, network):
        st.caption("Nothing is kept back for testing here, so that there is no test accuracy to compare.")
        return
    of = (shown, network, outcome, rate)
    found = once(_decomposed, *of)
    if found is None:
        st.caption("The effects appear as soon as every function has runs of one seed at every learning rate.")
        return
    chart.draw(f"effects_{outcome}", charts.effect_sizes, partial(_effects, *of), outcome=found.outcome)
    lens.box(once(_finding, *of), shown.by)
    if len(experiment.learning_rate) == 1:
        offer.preset("two_by_two", ONE_RATE)

    left, right = st.columns(2)
    functions = tuple(_grid(shown, network)["activation"].unique().tolist())
    with left:
        chart.draw(
            f"medians_{outcome}", charts.cell_medians, partial(_cells, *of),
            outcome=found.outcome, functions=functions,
        )  # fmt: skip
    with right:
        chart.draw(f"rates_{outcome}", _rates, partial(_grid, shown, network), quantity=outcome)
    st.caption("Parallel lines on the left: centring brings the same at either slope.")
    st.dataframe(_in_words(found.cells)[list(COLUMNS)], column_config=COLUMNS, hide_index=True, key="cells")
    _formulas()
    link.to_page("convergence")


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    """The functions as this page calls them."""
    return table.assign(activation=table["activation"].map(text.words))


def _rates(runs: pd.DataFrame, *, quantity: str) -> alt.LayerChart:
    return convergence.rate_grid(_in_words(runs), quantity=quantity)


def _untested(shown: Shown, network: str) -> bool:
    """Whether nothing is kept back for testing of the data that this network trains on."""
    runs = once(_runs, shown, network)
    data = shown.experiment.dataset if runs is None else runs["dataset"].unique().tolist()
    return set(data) <= set(shown.experiment.untested)


def _controls(rates: tuple[float, ...]) -> tuple[str, float | None]:
    titles = {outcome.title: outcome.name for outcome in OUTCOMES.values()}
    texts = {f"{rate:g}": rate for rate in rates}
    widths = [3, 2]  # three choices in words at the left
    title, rate = view.beside(lambda: view.place(TwoByTwo.outcome), lambda: view.place(TwoByTwo.rate), widths)
    return titles[title], texts.get(rate)


def _runs(shown: Shown, network: str) -> pd.DataFrame | None:
    """The runs of the five functions, as soon as there are some of all that are needed."""
    runs = effects.settings(shown.runs()).get(network)
    return None if runs is None else runs[runs["activation"].isin([*FOUR, TANH])]


def _grid(shown: Shown, network: str) -> pd.DataFrame:
    """The same, where there are some."""
    runs = once(_runs, shown, network)
    assert runs is not None
    return runs


def _decomposed(shown: Shown, network: str, outcome: str, rate: float | None) -> Decomposition | None:
    runs = once(_runs, shown, network)
    if runs is None:
        return None
    try:
        return effects.decompose(runs, outcome, rate)
    except ValueError:
        return None  # the first seeds are still being trained


def _known(*of: Any) -> Decomposition:
    """What there is to draw, where there is something."""
    found = once(_decomposed, *of)
    assert found is not None
    return found


def _effects(*of: Any) -> pd.DataFrame:
    return _known(*of).effects


def _cells(*of: Any) -> pd.DataFrame:
    return _known(*of).cells


def _finding(shown: Shown, *of: Any) -> Finding:
    return effects.finding(_known(shown, *of), shown.once(findings.limits))


def _formulas() -> None:
    with st.expander("The functions, and how the effects add up", icon=":material/function:"):
        for name in (*FOUR, TANH):
            st.latex(rf"\text{{{text.words(name)}: }} {ACTIVATIONS[name].formula}")
        st.latex(r"\text{centring} = \tfrac{1}{2}\left[(T_{00} - T_{10}) + (T_{01} - T_{11})\right]")
        st.latex(r"\text{slope} = \tfrac{1}{2}\left[(T_{00} - T_{01}) + (T_{10} - T_{11})\right]")
        st.latex(r"\text{centring} + \text{slope} + \text{width} = T_{00} - T_{\tanh}")
        st.caption(
            "T: median over seeds, of updates and losses its logarithm; first index 1: centred, second: steep. "
            "steep centred logistic = tanh(2x)/2, so width is what remains to tanh. Runs that did not reach the target "
            "are kept as intervals from their last update on: what depends on them is a bound. Test accuracies are "
            "compared at the rates of the lowest training loss. A target met at update 0 counts as met "
            "after half an update, so that it has a logarithm. All of this holds for this network and these data."
        )


lens.show("Is it the centring or the slope?", _page)
