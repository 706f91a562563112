"""A page on paper: light, without what is to be clicked on, its charts whole, its experiment and its link below."""

import html

import streamlit as st

from core.experiment.experiment import FIELDS
from pages.parts import link, session

# Streamlit's own entries save a chart as <date>_chart.png, and copy a specification without its data.
STYLE = """<style>
[data-testid="stFullScreenFrame"]:has([data-testid="stVegaLiteChart"]) [data-testid="stElementToolbarButton"]:is(
    :has([aria-label^="Download as PNG"]), :has([aria-label^="Copy Vega-Lite spec"])) {display: none}
.on-paper {display: none}
@media print {
    @page {margin: 14mm}
    .on-paper {display: block; font-size: 9pt; overflow-wrap: anywhere; color: #000}
    html, body, .stApp, [data-testid="stMain"], [data-testid="stAppViewContainer"] {background: #fff !important}
    :is([data-testid="stSidebar"], [data-testid="stHeader"], [data-testid="stToolbar"], [data-testid="stBottom"],
        [data-testid="stElementToolbar"], [data-testid="stPopover"], [data-testid="stDownloadButton"],
        [data-testid="stFileUploader"], [data-testid="stPageLink"], .stButton) {display: none !important}
    html, body, #root, .stApp, .stApp div:has(> [data-testid="stMain"]), [data-testid="stMain"] {
        position: static !important; display: block !important; height: auto !important; overflow: visible !important}
    [data-testid="stMainBlockContainer"] {padding: 0 !important; max-width: none !important}
    [data-testid="stVegaLiteChart"], [data-testid="stFullScreenFrame"], [data-testid="stDataFrame"], tr {
        break-inside: avoid}
    [data-testid="stVegaLiteChart"] :is(canvas, svg) {max-width: 100% !important; height: auto !important}
    h1, h2, h3 {break-after: avoid}
}
</style>"""


# In the dark, text is made dark; what is drawn, and widgets, are turned over: colours stay what they are.
FROM_DARK = """<style>@media print {
    [data-testid="stElementContainer"]:not(:has(.stMarkdown, .stHeading, .stText, .on-paper)) {
        filter: invert(1) hue-rotate(180deg) brightness(1.12)}
    :is(.stMarkdown, .stHeading, .stText, summary) :is(*, code) {color: #111 !important; background: none !important}
}</style>"""


def style() -> str:
    """What a page looks like on paper, and without the entries of a chart that mislead."""
    return STYLE + FROM_DARK * (st.context.theme.type == "dark")


def foot() -> None:
    """What stands below a page on paper alone: the link to what is on it, and all settings of its experiment."""
    experiment = session.current().experiment
    told = "; ".join(f"{FIELDS[name].label}: {value}" for name, value in experiment.written().items())
    address = html.escape(link.current())
    st.html(f'<div class="on-paper"><p><b>{address}</b></p><p>{html.escape(told)}</p></div>')
