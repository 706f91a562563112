"""Charts held against the schema of Vega-Lite."""

from typing import Any

import altair as alt

from core.charts import vega


def valid(chart: vega.Chart) -> dict[str, Any]:
    """The chart's specification, which Altair finds nothing wrong with."""
    spec = chart.to_dict()
    alt.LayerChart.validate(spec)
    return spec
