"""Batch size: how large a batch lets a neuron's gradient signs differ, and what the initial scale does to them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.charts import batches as charts
from core.charts.signs import WHOSE
from core.lessons import batch_size as lesson
from core.text import NOT_MEASURED, words
from pages.parts import chart, lens, link, notices, offer, save, view
from pages.parts.catalogue import BatchSize
from pages.parts.shown import Shown, once

COLUMNS: dict[str, Any] = {
    "line": "runs of",
    "layer": st.column_config.NumberColumn("layer", help="The layer whose incoming weights' gradients are looked at"),
    "mean": st.column_config.NumberColumn("mean μ", format="%.3f", help="of what feeds the layer"),
    "std": st.column_config.NumberColumn("spread σ", format="%.3f", help="of what feeds the layer"),
    "rho": st.column_config.NumberColumn("ρ", format="%.3f", help="μ² / (μ² + σ²)"),
    "limit": st.column_config.NumberColumn("theory", format="percent", help="1/2 + asin(ρ)/π"),
    "pairs": st.column_config.NumberColumn("measured", format="percent", help="Whole training set, median of the runs"),
    "low": st.column_config.NumberColumn("25 %", format="percent"),
    "high": st.column_config.NumberColumn("75 %", format="percent"),
    "runs": "runs",
}
THREE_SIZES = """
These runs share one batch size, so the same weights are looked at three ways: one example, one mini-batch and the whole
training set. A sweep over batch sizes draws the curve, and shows what training with each of them makes of it.
"""
ONE_SCALE = "A trade-off shows from weights of clearly different scales, and these runs have one. A sweep has eight:"
SEVERAL = 4
FEW_SCALES = "These runs have few initial scales. A sweep draws the whole curve:"


def _page(shown: Shown) -> None:
    experiment, recorded = shown.experiment, shown.recorded()
    if not recorded.layers:
        lens.nothing_of(shown, "a layer")
        return
    epoch, layer = view.beside(
        lambda: view.epoch(BatchSize.epoch, shown, recorded), lambda: view.layer(BatchSize.layer, shown, recorded)
    )
    if experiment.statistics != "full":
        st.info(f"Gradient signs: {NOT_MEASURED}. Choose full statistics in the form, under Measurement.")
        return
    lens.part(shown, partial(_pairs, shown, epoch, layer))
    if any(experiment.hidden):
        lens.part(shown, partial(_scale, shown, epoch, layer))
    _formulas()
    link.to_page("gradient_signs")


def _pairs(shown: Shown, epoch: int, layer: int) -> None:
    names = tuple(BatchSize.lines.options(link.given()))
    chosen = view.several(BatchSize.lines)
    _curves(shown, epoch, layer, names, chosen)
    lens.finding(shown, lesson.larger_batches, epoch, layer)
    for sentence in lesson.apart_from_theory(shown.once(lesson.by_layer, epoch), layer):
        st.caption(notices.told(sentence))
    if lesson.one_size(shown.experiment):
        offer.preset("batch_size", THREE_SIZES)

    st.header("Layer by layer")
    of = (shown, chosen, lesson.by_layer, epoch)
    limits = once(_of, *of)
    chart.draw(
        "pairs_by_layer", charts.pairs_by_layer, partial(_of, shown, chosen, lesson.by_layer_runs, epoch),
        limits=partial(_of, *of), lines=names, epoch=epoch,
        why=shown.once(lesson.unmeasured, epoch, layer),
    )  # fmt: skip
    with st.expander("Theory and measurement in numbers", icon=":material/table_rows:"):
        # Centred inputs have a mean of -1e-18 or so, which would read -0.000.
        table = limits[list(COLUMNS)].assign(mean=limits["mean"].round(9) + 0.0)
        st.dataframe(table, column_config=COLUMNS, hide_index=True, key="by_layer")
        save.menu("theory_by_layer", partial(_of, *of))


def _curves(shown: Shown, epoch: int, layer: int, names: tuple[str, ...], chosen: tuple[str, ...]) -> None:
    chart.draw(
        "pairs_by_batch", charts.pairs_by_batch, partial(_of, shown, chosen, lesson.by_batch, epoch, layer),
        theory=partial(shown.once, lesson.theory_by_batch, epoch, layer, chosen), lines=names, layer=layer, epoch=epoch,
        full=lesson.train_examples(shown.experiment), why=shown.once(lesson.unmeasured, epoch, layer),
    )  # fmt: skip


def _of(shown: Shown, lines: tuple[str, ...], make: Callable[..., pd.DataFrame], *at: int) -> pd.DataFrame:
    """The rows of these lines in a table that `make` makes of the result."""
    table = shown.once(make, *at)
    return table[table["line"].isin(lines)]


def _scale(shown: Shown, epoch: int, layer: int) -> None:
    st.header("Smaller weights: less saturation, but signs tied more?")
    functions = {words(name): name for name in shown.experiment.activation}
    name, level = view.beside(lambda: view.place(BatchSize.function), lambda: view.place(BatchSize.level))
    of = (functions[name], epoch, layer, level)
    scales = shown.once(lesson.by_scale, *of)["scale"].nunique()
    if scales > 1:
        chart.draw(
            "saturation_and_signs", charts.saturation_and_signs, partial(shown.once, lesson.by_scale, *of),
            activation=name, layer=layer, epoch=epoch, whose=WHOSE[level],
        )  # fmt: skip
        lens.finding(shown, lesson.smaller_weights, epoch, layer, level)
    if scales < SEVERAL:
        offer.preset("initial_scale", FEW_SCALES if scales > 1 else ONE_SCALE)


def _formulas() -> None:
    with st.expander("Formulas and limits", icon=":material/function:"):
        st.latex(r"\text{pairs that agree} = \frac{P(P-1) + N(N-1)}{n(n-1)} = \frac{n(1+s^2) - 2}{2(n-1)}")
        st.latex(
            r"P(\text{a pair agrees}) \to \tfrac12 + \tfrac{1}{\pi}\arcsin\rho, \quad \rho = \mu^2 / (\mu^2 + \sigma^2)"
        )
        st.caption(
            "P positive and N negative gradients among the n into one neuron that are not zero; s = |P − N| / n is the "
            "agreement of the Gradient signs page. Theory: μ and σ are mean and standard deviation of what feeds the "
            "layer, deltas are independent of it with mean 0, and the batch is large; the curve over batch sizes takes "
            "Gaussian pre-activations of the measured spread. It knows nothing of training."
        )


lens.show("How large a batch lets gradient signs differ?", _page)
