"""The start page: the lecture's claims, each with the verdict of the runs on the screen and where to look closer."""

from functools import partial

import streamlit as st

from core.charts import convergence, saturation
from core.lessons import findings
from core.lessons.claims import CLAIMS, Claim, tally
from core.lessons.findings import Finding
from core.lessons.glossary import GLOSSARY
from core.results.convergence import with_diverged
from core.results.results import Result
from pages.parts import chart, lens, link, notices, save, view
from pages.parts.catalogue import Overview
from pages.parts.shown import Shown

ABOUT = """
Every neural network starts from random weights, and from there on its activation functions decide what reaches which
layer. A lecture on neural networks says how: this lab trains small networks on the spot, many at once and each from
several seeds, and checks the lecture's claims against measurements. The link carries all that is on the screen.
"""
FIRST_STEPS = """
**An experiment of your own, in three clicks.** At the side, under *Network*, open *Initialisers* and choose a start
that is not there yet, such as `he_normal`. Press *Train*. When the bar has filled, open *Convergence*: who is faster?
"""
BEYOND = """
**What the lecture leaves out.** Tanh differs from the logistic in its centring, its slope and its width at once, and
one learning rate for both is not a fair comparison. How much does each of them bring?
"""
ACROSS = 2


def _page(shown: Shown) -> None:
    st.markdown(ABOUT)
    st.markdown(FIRST_STEPS)
    with st.expander("What the words mean", icon=":material/menu_book:", key="glossary"):
        st.markdown("\n".join(f"- **{term}**: {meaning}" for term, meaning in GLOSSARY.items()))
    found = shown.once(_judged)
    st.header(f"Seven claims, tested on {shown.by}")
    st.markdown(f"**{tally(found)}**")
    cards = [column for _ in range(0, len(CLAIMS) + 1, ACROSS) for column in st.columns(ACROSS)]
    for card, claim, verdict in zip(cards, CLAIMS, found, strict=False):
        with card:
            _card(claim, verdict)
    with cards[len(CLAIMS)], st.container(border=True, height="stretch"):
        st.markdown(BEYOND)
        link.to_page("two_by_two")
    limits = shown.once(findings.limits)
    st.caption(
        f"{limits} A verdict holds for these data, this network and these settings alone; "
        "other seeds or another learning rate may change it."
    )

    st.header("What the runs did")
    lens.box(shown.once(findings.runs), shown.by, "runs")
    save.report(shown)
    groups = view.groups(Overview.groups, shown)
    st.caption(
        "On every page: a click in a legend shows one run group, with shift one more; a drag over a chart zooms in, "
        "and a double click shows all of it again."
    )
    left, right = st.columns(2)
    with left:
        chart.draw(
            "train_accuracy", convergence.learning_curves, partial(shown.of, with_diverged),
            groups=groups, quantity="train_accuracy",
        )  # fmt: skip
    with right:
        chart.draw(
            "mean_by_layer", saturation.mean_activation_by_layer, shown.layers,
            groups=groups, epoch=0,
        )  # fmt: skip


def _judged(result: Result) -> list[Finding]:
    return [claim.judge(result) for claim in CLAIMS]


def _card(claim: Claim, found: Finding) -> None:
    with st.container(border=True, height="stretch", key=f"claim_{claim.id}"):
        colour = lens.COLOURS.get(found.verdict, "gray")
        st.markdown(f":{colour}-badge[{found.verdict}] **{claim.id}. {claim.sentence}**")
        st.markdown(notices.told(found.evidence))
        st.caption(notices.told(found.limits.partition(", on ")[0]))
        link.to_page(claim.page)


lens.show("The initialisation lab", _page)
