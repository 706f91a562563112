"""A result as one page to hand on: an HTML file with its findings, charts and settings, which needs nothing else.

Charts are drawings within the file, so it holds no program at all, and its own rule lets none run.
"""

import base64
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape

import altair as alt
import pandas as pd

from core import text
from core.charts import convergence as convergence_charts
from core.charts import picture, propagation, signs
from core.charts import saturation as saturation_charts
from core.charts.style import Chosen
from core.experiment.experiment import FIELDS
from core.lessons import findings, signal_propagation
from core.lessons.claims import CLAIMS, tally
from core.lessons.findings import Finding
from core.results import convergence
from core.results.results import Result, from_elsewhere

MOST_GROUPS = 12
"""Run groups that a chart tells apart: of more, so many are drawn, from the first to the last."""
MOST_LISTED = 200
COLOURS = {text.SUPPORTED: "#1e7846", text.MIXED: "#8a5a00", text.NOT_SUPPORTED: "#b01200"}
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>
body {{font: 16px/1.5 "Source Sans 3", "Segoe UI", Arial, sans-serif; color: #1c1d22; background: #fff;
max-width: 60rem; margin: 2rem auto; padding: 0 1rem}}
h1 {{font-size: 1.9rem; line-height: 1.2}} h2 {{font-size: 1.4rem; margin: 2.2rem 0 .6rem}}
code {{font-size: .85rem; overflow-wrap: anywhere}} small, figcaption {{color: #55565e}}
.box {{border: 1px solid #c9cad2; border-radius: .5rem; padding: .6rem 1rem; margin: .8rem 0}}
.remark {{border-left: .3rem solid #be8c00; padding-left: .8rem}} .verdict {{font-weight: 600}}
figure {{margin: 1rem 0; break-inside: avoid}} img {{width: 100%; height: auto}} .box, tr {{break-inside: avoid}}
div.wide {{overflow-x: auto}} table {{border-collapse: collapse; font-size: .85rem}}
th, td {{text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #e3e4e8; vertical-align: top}}
td.number {{text-align: right; font-variant-numeric: tabular-nums}}
</style></head><body>
{body}
</body></html>
"""


def page(result: Result, link: str = "", remarks: Sequence[str] = ()) -> str:
    """The report on a result, whole or so far, as HTML in ASCII.

    Args:
        link: where a dashboard shows it; none for a result of the command line.
        remarks: what to know of it first, a sentence each, beside what it tells of itself.
    """
    experiment = result.experiment
    title = text.sentence(experiment.in_words())[:-1]
    told = [*remarks, *convergence.remarks(result), from_elsewhere(result.versions), *result.notes]
    command = f"<p>Trained, or opened, by the initialisation lab: <code>{escape(experiment.command())}</code></p>"
    address = f'<p>Link: <a href="{escape(link)}">{escape(link)}</a></p>' if link.startswith("http") else ""
    parts = [
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="remark">{escape(remark)}</p>' for remark in told if remark),
        address,
        command,
        _finding(findings.runs(result)),
        *_sections(result),
        "<h2>The lecture's claims</h2>",
        *_claims(result),
        "<h2>Run groups</h2>",
        _table(_groups(result)),
        "<h2>Settings and versions</h2>",
        _table(_settings(result)),
    ]
    body = "\n".join(parts)
    return PAGE.format(title=escape(title), body=body).encode("ascii", "xmlcharrefreplace").decode()


def _sections(result: Result) -> Iterator[str]:
    """The pages of an experiment, each with its finding and its charts, where there is something to draw."""
    groups = result.experiment.groups()
    shown = Chosen(groups[:: math.ceil(len(groups) / MOST_GROUPS)], groups)
    if len(shown) < len(groups):
        yield f"<p>Charts of lines show {len(shown)} of {len(groups):,} run groups; all are in the table.</p>"
    hidden = result.layers[result.layers["role"] == "hidden"]
    last = int(hidden["epoch"].max()) if len(hidden) else 0
    yield "<h2>Convergence</h2>" + _finding(findings.convergence(result))
    curves = result.curves()
    for quantity in ("train_loss", "train_accuracy"):
        yield _figure(partial(convergence_charts.learning_curves, curves, groups=shown, quantity=quantity))
    yield _figure(lambda: convergence_charts.share_reached(result.survival(), groups=shown))
    yield "<h2>Saturation</h2>" + _finding(findings.saturation(result))
    if len(hidden):
        yield _figure(lambda: saturation_charts.saturation_overview(hidden, groups=shown))
        yield _figure(lambda: saturation_charts.mean_activation_by_layer(hidden, groups=shown, epoch=last))
    yield "<h2>Gradient signs</h2>" + _finding(findings.gradient_signs(result))
    if len(hidden) and result.experiment.statistics == "full":
        for level in ("example", "batch"):
            yield _figure(partial(signs.agreement_by_layer, result.layers, groups=shown, level=level, epoch=last))
    yield "<h2>Signal propagation</h2>" + _finding(signal_propagation.agreement(result))
    if len(hidden):
        table = signal_propagation.by_layer(result, 0)
        for quantity in ("length", "backward"):
            yield _figure(partial(propagation.theory_by_layer, table, groups=shown, quantity=quantity))


def _figure(make: Callable[[], alt.LayerChart]) -> str:
    """A chart as a drawing, with its title in words for who cannot see it."""
    spec = picture.specification(make())
    drawing = base64.b64encode(picture.svg(spec)).decode()
    return f'<figure><img alt="{escape(picture.in_words(spec))}" src="data:image/svg+xml;base64,{drawing}"></figure>'


def _finding(found: Finding) -> str:
    verdict = f"{found.verdict} by these runs" if found.verdict else ""
    colour = COLOURS.get(found.verdict, "#55565e")
    return (
        f'<div class="box"><p><b>{escape(found.claim)}</b> <span class="verdict" style="color: {colour}">'
        f"{escape(verdict)}</span></p><p>{escape(found.evidence)}</p><p><small>{escape(found.limits)}</small></p></div>"
    )


def _claims(result: Result) -> Iterator[str]:
    found = [claim.judge(result) for claim in CLAIMS]
    yield f"<p>{escape(tally(found))}</p>"
    rows = [
        (f"{claim.id}. {claim.sentence}", each.verdict, each.evidence)
        for claim, each in zip(CLAIMS, found, strict=True)
    ]
    yield _table(pd.DataFrame(rows, columns=["claim", "by these runs", "because"]))


def _groups(result: Result) -> pd.DataFrame:
    """A row for each run group: what became of its runs, how fast, how well."""
    medians, outcomes = convergence.median_updates(result.runs), convergence.outcomes(result)
    rows = []
    for group, runs in result.runs.groupby("group", sort=False):
        median, accuracy = float(medians[str(group)]), runs["final_test_accuracy"].median()
        became = outcomes[runs.index].value_counts()
        rows.append(
            (
                text.short_group(str(group)),
                f"{len(runs):,}",
                text.listed([f"{n:,} {what}" for what, n in became.items()]),
                text.updates(median) if math.isfinite(median) else "-",
                text.percent(accuracy, 1) if math.isfinite(accuracy) else "-",
            )
        )
    names = ["run group", "runs", "what became of them", "median updates to target", "median test accuracy"]
    return pd.DataFrame(rows, columns=names)


def _settings(result: Result) -> pd.DataFrame:
    experiment = result.experiment
    rows = [(FIELDS[name].label, value, FIELDS[name].unit) for name, value in experiment.written().items()]
    rows += [(f"version: {what}", version, "") for what, version in result.versions.items()]
    return pd.DataFrame([*rows, ("key", experiment.key, "")], columns=["setting", "value", "unit"])


def _table(table: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in table)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>"
        for row in table.head(MOST_LISTED).itertuples(index=False)
    )
    cut = f"<p>The first {MOST_LISTED} of {len(table):,} rows.</p>" if len(table) > MOST_LISTED else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{cut}'
