"""Tidy table in, Altair chart out: one function a chart, no state, no display.

Where things are: `saturation`, `signs` and `convergence` hold the charts of one page each; `curves` and
`rows` the forms that several share; `style` colours, scales and titles; `tables` masking and aggregation.

Every chart takes its table first and all else by keyword. `groups` is the experiment's list of groups, in its
order: a group's colour depends on nothing else, so it is the same on every page. Charts of equal input are equal,
so their specifications can be cached and compared. Legends select by name: "pick_group", "pick_layer".
"""

from core.charts.convergence import learning_curves, rate_grid, share_reached, speed_up, updates_to_target
from core.charts.saturation import (
    histogram_by_layer,
    mean_activation,
    mean_activation_by_layer,
    saturation_by_scale,
    saturation_heatmap,
    saturation_overview,
)
from core.charts.signs import agreement_by_layer, agreement_by_level, agreement_over_training, sign_distribution
from core.charts.style import group_colours, group_dashes
from core.charts.tables import masked

__all__ = [
    "agreement_by_layer",
    "agreement_by_level",
    "agreement_over_training",
    "group_colours",
    "group_dashes",
    "histogram_by_layer",
    "learning_curves",
    "masked",
    "mean_activation",
    "mean_activation_by_layer",
    "rate_grid",
    "saturation_by_scale",
    "saturation_heatmap",
    "saturation_overview",
    "share_reached",
    "sign_distribution",
    "speed_up",
    "updates_to_target",
]
