"""Every page of the dashboard: one row each, and what can be set on it. A new page is its script and its row here."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

from core.charts.pairing import MOST
from core.engine import watching
from core.experiment.experiment import Experiment, ExperimentError
from core.lessons import batch_size, effects, pairing, signal_propagation
from core.lessons import zigzag as descent
from core.lessons.watching import MEASURES
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import dataset_of
from core.registries.frameworks import FRAMEWORKS
from core.results import maps
from core.results.results import run_settings
from core.schema import LEVELS, RUN, SCHEMA, STATUSES
from core.text import short_group, words
from core.theory.neuron import DrawnNetwork
from pages.parts.controls import (
    Control,
    Given,
    buttons,
    by_other_means,
    declared,
    drop_down,
    last,
    number,
    several,
    slider,
    switch,
    text_field,
)  # fmt: skip

HOME = "overview"


def _groups(given: Given) -> Sequence[str]:
    return given.experiment.groups()


MANY = 12
"""Run groups that one chart still tells apart: of more, so many are drawn until a person chooses."""


def not_too_many(groups: Sequence[str], many: int = MANY) -> Sequence[str]:
    """None, which stands for all; of many groups those from the first to the last, evenly."""
    if len(groups) <= many:
        return ()
    return [groups[round(i * (len(groups) - 1) / (many - 1))] for i in range(many)]


def _run_groups() -> Control[list[str]]:
    return several("Run groups", _groups, not_too_many, named=short_group)


NO_BASELINE = "none"


def _baseline() -> Control[str]:
    return drop_down("Baseline", lambda given: [NO_BASELINE, *_groups(given)], named=short_group)


def _functions(given: Given) -> Sequence[str]:
    """The activation functions in words, each once."""
    return list(dict.fromkeys(map(words, given.experiment.activation)))


def _epoch(default: Any) -> Control[int]:
    return slider(
        "Epoch",
        lambda given: given.experiment.record_epochs(),
        default,
        help="0 is initialisation, before any training.",
    )


def _layer(label: str, default: Callable[[Sequence[int]], int], output: bool) -> Control[int]:
    """One of the layers, the `output` among them or not."""

    def layers(given: Given) -> Sequence[int]:
        return range(1, max(1, max(map(len, given.experiment.hidden)) + output) + 1)

    return slider(label, layers, default)


def _second(options: Sequence[int]) -> int:
    return options[min(1, len(options) - 1)]


class Overview:
    """Which run groups the charts show."""

    groups = _run_groups()


class NoControls:
    """Nothing can be set on the page."""


class ActivationFunctions:
    """Which functions, what feeds them, and in which precision their cost is measured."""

    curves = several("Activation functions", list(map(words, ACTIVATIONS)), lambda _: ("logistic", "tanh", "relu"))
    std = number("Standard deviation of the pre-activations", 0.1, 10.0, 0.1, 1.0)
    float64 = switch("In double precision (float64)")


_NETWORK = asdict(DrawnNetwork())
_REACH = 3.0


def _drawn(name: str, label: str) -> Control[float]:
    """A number in the drawn network."""
    return number(label, -_REACH, _REACH, 0.1, _NETWORK[name])


class GradientPaths:
    """The drawn network: its function, example and weights."""

    REACH = _REACH
    function = buttons("Activation function of all three hidden units", list(map(words, ACTIVATIONS)), "logistic")
    x1 = _drawn("x1", "x₁")
    x2 = _drawn("x2", "x₂")
    t = _drawn("target", "t, the target of y")
    u11 = _drawn("u11", "u₁₁")
    u21 = _drawn("u21", "u₂₁")
    u12 = _drawn("u12", "u₁₂")
    u22 = _drawn("u22", "u₂₂")
    w1 = _drawn("w1", "w₁")
    w2 = _drawn("w2", "w₂")
    v = _drawn("v", "v")


def _start(label: str, default: float) -> Control[float]:
    return number(label, -descent.REACH, descent.REACH, descent.TILE, default, help="Or click on a chart.")


class Zigzag:
    """The descents that are compared, and the step that is shown."""

    OWN, SAME = RATES = ("share of each one's limit", "the same for all")
    functions = several(
        "Fed by units with", list(map(words, descent.FUNCTIONS)), lambda _: list(map(words, descent.COMPARED))
    )
    updates = several("One update from", descent.UPDATES, lambda options: options)
    start_w1 = _start("Start at w₁", -1.5)
    start_w2 = _start("Start at w₂", 1.5)
    momentum = number("Momentum", 0.0, 0.9, 0.1, 0.0)
    std = number("Standard deviation of the pre-activations", 0.2, 4.0, 0.2, 1.0)
    rates = buttons("Learning rate", RATES)
    share = number("Share of the limit", 0.05, 1.0, 0.05, 0.6)
    rate = number("Learning rate of every path", 0.05, 5.0, 0.05, 0.4)
    steps = number("Number of steps", 20.0, 200.0, 10.0, 60.0)
    draw = slider(f"Draw of the {descent.EXAMPLES} examples", range(10))
    step = slider("Step", lambda given: range(int(given.value(Zigzag.steps)) + 1), 10)


def _if_any(options: Sequence[str]) -> str:
    return next(iter(options), "")


@lru_cache(maxsize=64)
def _networks(experiment: Experiment) -> Sequence[str]:
    """The networks of an experiment that have a 2 x 2; its number of seeds does not matter."""
    return tuple(effects.settings(run_settings(dataclasses.replace(experiment, seeds=1))))


class TwoByTwo:
    """What the four functions are compared by, at which learning rate, in which network."""

    BEST = "each function's own best"
    outcome = buttons("Compared by", [outcome.title for outcome in effects.OUTCOMES.values()])
    rate = drop_down(
        "Learning rate",
        lambda given: [TwoByTwo.BEST, *(f"{rate:g}" for rate in given.experiment.learning_rate)],
        help="One rate for all is no fair comparison.",
    )
    network = drop_down("Network", lambda given: _networks(given.experiment), _if_any, named=short_group)


class BatchSize:
    """The lines of the curves over batch sizes, and what the trade-off is looked at for."""

    epoch = _epoch(0)
    layer = _layer("Weights into layer", _second, output=True)
    lines = several(
        "Runs of",
        lambda given: list(dict.fromkeys(batch_size.labels(given.experiment).values())),
        lambda options: options[:: max(1, len(options) // 5)],
    )
    function = drop_down("Hidden units with", _functions)
    level = buttons("Gradient of", LEVELS, "batch")


def _seeds(given: Given) -> Sequence[int]:
    """The seeds of the result, and more for fresh networks."""
    first = given.experiment.first_seed
    return range(first, first + given.experiment.seeds + FRESH)


def _features(given: Given) -> Sequence[str]:
    """The features that a plane can be drawn through, which all data have; nothing of a table that is not open."""
    try:
        place = given.experiment.groups().index(given.value(Watch.group))
        run = dataclasses.replace(given.experiment, seeds=1).run_number(place)
        return list(dict.fromkeys(dataset_of(run.dataset).feature_names))
    except ValueError:
        return []


def _across(given: Given) -> Sequence[str]:
    features = _features(given)
    return [Watch.PRINCIPAL, *features] if len(features) > 2 else [*features] or [Watch.PRINCIPAL]


FRESH = 100


class Watch:
    """The networks that are watched, their clock, what is drawn of them, and the frame that the player is at."""

    NOBODY, PRINCIPAL = "no other", "principal directions"
    group = drop_down("Network", _groups, named=short_group)
    beside = drop_down(
        "Beside it", lambda given: [Watch.NOBODY, *_groups(given)], help="From the same seed, in step.",
        named=short_group,
    )  # fmt: skip
    seed = slider("Seed", _seeds, help="Those after the experiment's own give fresh networks.")
    clock = buttons("A frame after", watching.CLOCKS)
    begin = slider("Updates from epoch", lambda given: range(given.experiment.epochs))
    across = drop_down("Plane", _across, help="Through which the surfaces are drawn.")
    up = drop_down("And", lambda given: _features(given) or [""], lambda options: options[min(1, len(options) - 1)])
    layer = _layer("Units of hidden layer", lambda options: options[0], output=False)
    measure = drop_down("Of each layer", list(MEASURES))
    frame = slider("Frame", range(watching.FRAMES + 1))


class Saturation:
    """Which epoch, group and layer each part of the page shows."""

    groups = _run_groups()
    baseline = _baseline()
    MOST = "most saturated"
    function = buttons("Activation function", lambda given: list(dict.fromkeys(given.experiment.activation)))
    scale_epoch = _epoch(0)
    group = drop_down("Run group", lambda given: [Saturation.MOST, *_groups(given)], named=short_group)
    epoch = _epoch(last)
    mean_epoch = _epoch(last)
    layer = _layer("Hidden layer", last, output=False)


class SignalPropagation:
    """The epoch under the theory, and the point to try in the phase diagram."""

    groups = _run_groups()
    baseline = _baseline()
    epoch = _epoch(0)
    diagram = drop_down("Activation function", _functions)
    sw = number("σw to try", 0.1, 10.0, 0.1, 1.5)
    sb = number("σb to try", 0.0, signal_propagation.BIAS_REACH, 0.1, 0.3)


class GradientSigns:
    """The epoch, layer and kind of gradient."""

    groups = _run_groups()
    baseline = _baseline()
    epoch = _epoch(last)
    layer = _layer("Layer", _second, output=True)
    level = buttons("Gradient of", LEVELS)
    log_epoch = switch("Logarithmic epochs", default=True)


class Convergence:
    """What the learning curves show, and what speed-ups are relative to."""

    groups = _run_groups()
    SLOWEST = "slowest group that reached the target"
    measure = buttons("Measured on", ["training", "test"])
    x = buttons("Time in", ["epoch", "update"])
    log_x = switch("Logarithmic time")
    AUTO, ON, OFF = LOG = ("auto", "on", "off")
    log_y = buttons("Logarithmic loss", LOG)
    runs = switch("Every run")
    smoothing = slider("Smoothing (recorded points)", (1, 3, 5, 9, 15))
    baseline = drop_down("Baseline", lambda given: [Convergence.SLOWEST, *_groups(given)], named=short_group)


def _swept(given: Given) -> Sequence[str]:
    return maps.axes(given.experiment)


def _rows(given: Given) -> Sequence[str]:
    """What the rows may be, beside the columns."""
    return [name for name in _swept(given) if name != given.value(SweepMaps.columns)]


def _pooled(given: Given) -> Sequence[str]:
    """The levels of what a cell pools, each by itself."""
    names = given.value(SweepMaps.columns), given.value(SweepMaps.rows)
    return [maps.tag(name, each) for name, own in maps.pooled(given.experiment, *names).items() for each in own]


def _axis_name(name: str) -> str:
    return maps.AXES[name]


class SweepMaps:
    """The two axes of the map, what is in its cells, which runs they take, and what the rates are judged by."""

    columns = drop_down("Columns", _swept, _if_any, named=_axis_name)
    rows = drop_down("Rows", _rows, _if_any, named=_axis_name)
    measure = drop_down("Measure", list(maps.MEASURES), named=lambda name: maps.MEASURES[name].title)
    when = buttons("Looked at", maps.WHEN, last)
    where = drop_down("In the", maps.WHERE)
    groups = several("Run groups", _groups, named=short_group)
    baseline = _baseline()
    only = several("Only runs with", _pooled, named=short_group)
    curve = drop_down("Rates judged by", maps.CURVES, named=lambda name: maps.MEASURES[name].title)


_OUTCOMES = [column.name for column in SCHEMA["runs"] if column not in RUN]
_ORDERS = {words(name): name for name in ("run", "learning_rate", "gain", "seed", *_OUTCOMES)}


def _run_number(name: str, text: str, given: Given) -> str:
    """The number of a run in its shortest form. Raises ExperimentError for what is none."""
    runs = len(given.experiment.groups()) * given.experiment.seeds
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) < runs):
        raise ExperimentError(name, text, f"a whole number from 0 to {runs - 1:,}", "is not the number of a run here")
    return str(int(text))


class Runs:
    """Which rows of the table, the run whose card is open and where, and which start as a program of which library."""

    ORDERS = _ORDERS
    groups = several("Run groups", _groups, named=short_group)
    status = several("Status", STATUSES)
    search = text_field("Search", help="Runs of which every word stands somewhere: in a setting, or in how it ended.")
    sort = drop_down("Sorted by", list(_ORDERS))
    descending = switch("Largest first")
    baseline = _baseline()
    run = by_other_means(_run_number)
    at = _epoch(last)
    start = drop_down("Run group", _groups, named=short_group)
    library = buttons("Library", [framework.title for framework in FRAMEWORKS.values()])


def _other(name: str, text: str, given: Given) -> str:
    """An experiment, in a link or as settings, as the settings alone. Raises ExperimentError for what is none."""
    try:
        return Compare.written(Compare.read(text))
    except ExperimentError as error:
        allowed = "a link to an experiment, or settings such as activation=tanh&seeds=10"
        raise ExperimentError(name, text, allowed, f"is no experiment ({error})") from error


def _pairs(given: Given) -> Sequence[str]:
    other = Compare.other(given)
    return () if other is None else [pair.label for pair in pairing.pairs(given.experiment, other)]


class Compare:
    """The other experiment, B, what is compared of the two, and by what."""

    DEFAULT = "default"
    against = by_other_means(_other)
    pairs = several("Pairs of groups", _pairs, lambda pairs: not_too_many(pairs, MOST), named=short_group)
    group_a = drop_down("Group of A", _groups, named=short_group)
    group_b = drop_down(
        "Group of B", lambda given: (Compare.other(given) or given.experiment).groups(), named=short_group
    )
    measure = buttons("Measure", list(pairing.MEASURES.values()))
    x = buttons("Time in", ["epoch", "update"])

    @staticmethod
    def read(text: str) -> Experiment:
        """The experiment in a text of `against`, in a link or in JSON. Raises ExperimentError."""
        return Experiment() if text.strip() == Compare.DEFAULT else Experiment.from_text(text)

    @staticmethod
    def written(experiment: Experiment) -> str:
        """An experiment as the text of `against`."""
        return experiment.to_query() or Compare.DEFAULT

    @staticmethod
    def other(given: Given) -> Experiment | None:
        """The other experiment, if one is chosen."""
        text = given.value(Compare.against)
        return Compare.read(text) if text else None


@dataclass(frozen=True)
class Entry:
    """One page: its name, which is that of its script and its path in the address, its title, section and icon.

    `page` is the class of its controls.
    """

    name: str
    title: str
    section: str
    icon: str
    page: type = NoControls

    @cached_property
    def controls(self) -> dict[str, Control[Any]]:
        """What can be set on the page, by its name in the link."""
        return declared(self.page)

    @property
    def script(self) -> str:
        """The page's file, from the folder of dashboard.py."""
        return f"pages/{self.name}.py"

    @property
    def path(self) -> str:
        """The page's path in the address: nothing for the page that opens first."""
        return "" if self.name == HOME else self.name


SHARED = ("groups", "baseline")
"""Controls of which a choice on one page is one on every page that has them."""
PAGES = (
    Entry("overview", "Overview", "Learn", ":material/home:", Overview),
    Entry("activation_functions", "Activation functions", "Learn", ":material/show_chart:", ActivationFunctions),
    Entry("gradient_paths", "Gradient paths", "Learn", ":material/account_tree:", GradientPaths),
    Entry("zigzag", "Zigzag", "Learn", ":material/route:", Zigzag),
    Entry("two_by_two", "Centring or slope", "Learn", ":material/grid_view:", TwoByTwo),
    Entry("batch_size", "Batch size", "Learn", ":material/stacks:", BatchSize),
    Entry("watch", "Watch it learn", "Learn", ":material/play_circle:", Watch),
    Entry("saturation", "Saturation", "Experiment", ":material/stacked_line_chart:", Saturation),
    Entry("signal_propagation", "Signal propagation", "Experiment", ":material/cell_tower:", SignalPropagation),
    Entry("gradient_signs", "Gradient signs", "Experiment", ":material/exposure:", GradientSigns),
    Entry("convergence", "Convergence", "Experiment", ":material/trending_down:", Convergence),
    Entry("sweep_maps", "Sweep maps", "Experiment", ":material/grid_on:", SweepMaps),
    Entry("runs", "Runs", "Experiment", ":material/table_rows:", Runs),
    Entry("compare", "Compare", "Experiment", ":material/compare_arrows:", Compare),
    Entry("own_data", "Own data", "Data", ":material/table_view:"),
)
