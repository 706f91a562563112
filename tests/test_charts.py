"""The charts: what they say, what never reaches them, and that their numbers are NumPy's."""

import functools
import itertools
import json
import math
import operator
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert
from altair.utils.schemapi import debug_mode

from core import Experiment, run
from core.charts import convergence, maps, picture, saturation, signs, style, tables
from core.experiment.presets import PRESETS
from core.lessons.saturation import dead_flat_layers
from core.results.convergence import survival
from core.schema import LEVELS, PERCENTILES, names
from core.text import percent
from pages.parts.catalogue import not_too_many

Tables = Any
EPOCHS = (0, 1, 2, 3, 5, 8, 13, 21, 30, 40)
MANY = tuple(f"normal:{scale:g}" for scale in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30))


def synthetic(
    activations: tuple[str, ...] = ("logistic", "tanh"),
    initialisers: tuple[str, ...] = ("normal:0.01", "normal:1", "glorot_uniform"),
    rates: tuple[float, ...] = (0.1,),
    seeds: int = 5,
    hidden: int = 3,
    epochs: tuple[int, ...] = EPOCHS,
) -> Tables:
    """Tables like those of a result, made up but in the form of the schema, and the list of groups."""
    rng = np.random.default_rng(1)
    runs, points, layers, bins, groups = [], [], [], [], []
    for number, (activation, initialiser, rate, seed) in enumerate(
        itertools.product(activations, initialisers, rates, range(seeds))
    ):
        group = f"{activation} · {initialiser}" + (f" · rate {rate:g}" if len(rates) > 1 else "")
        groups.append(group)
        argument = float(initialiser.partition(":")[2] or 0.12)
        settings = {
            "run": number,
            "group": group,
            "dataset": "digits",
            "hidden": "-".join(["64"] * hidden),
            "residual": "false",
            "normalisation": "none",
            "batch_size": "32",
            "optimiser": "sgd",
            "activation": activation,
            "initialiser": initialiser,
            "gain": 1.0,
            "bias_initialiser": "zeros",
            "learning_rate": rate,
            "seed": seed,
        }
        slow = (4.0 if activation == "logistic" else 1.0) * (1 + 3 * abs(math.log10(argument / 0.12))) * 0.1 / rate
        pace = slow * rng.lognormal(0, 0.2)
        diverged = rate >= 3
        loss = {epoch: 0.02 + 2.3 / (1 + epoch / pace) ** 1.5 for epoch in epochs}
        accuracy = {epoch: 1 - 0.9 * min(1.0, loss[epoch] / 2.4) for epoch in epochs}
        reached = [epoch for epoch in epochs if accuracy[epoch] >= 0.9 and not diverged]
        last = epochs[-1] * 45
        runs.append(
            {
                **settings,
                "status": "diverged" if diverged else "converged" if reached else "not_reached",
                "updates_to_target": reached[0] * 45.0 if reached else np.nan,
                "epochs_to_target": float(reached[0]) if reached else np.nan,
                "diverged_at": 45.0 if diverged else np.nan,
                "last_update": 45 if diverged else last,
                **{
                    f"{which}_{part}_loss": np.inf if diverged else loss[epochs[-1]]
                    for which in ("final", "best")
                    for part in ("train", "test")
                },
                **{
                    f"{which}_{part}_accuracy": accuracy[epochs[-1]]
                    for which in ("final", "best")
                    for part in ("train", "test")
                },
                "path_length": 9.0,
                "displacement": 3.0,
                "tortuosity": 3.0,
                "mean_update_cosine": 0.2,
                "seconds": 0.5,
            }
        )
        for epoch in epochs:
            point = {**settings, "epoch": epoch, "update": epoch * 45}
            gone = diverged and epoch > 1
            points.append(
                {
                    **point,
                    "train_loss": np.inf if gone else loss[epoch],
                    "test_loss": np.inf if gone else loss[epoch] * 1.1,
                    "train_accuracy": np.nan if gone else accuracy[epoch],
                    "test_accuracy": np.nan if gone else accuracy[epoch] * 0.97,
                    "gradient_norm": np.nan if gone else loss[epoch] / 2,
                    "update_to_weight_ratio": np.nan if epoch == 0 or gone else 0.01 / (1 + epoch),
                }
            )
            for layer in range(1, hidden + 2):
                output = layer == hidden + 1
                saturated = min(0.98, argument * (1 + epoch / 60) * 0.6 / layer**0.5) * rng.uniform(0.95, 1)
                tied = activation == "logistic" and layer > 1
                row = {
                    **point,
                    "layer": layer,
                    "role": "output" if output else "hidden",
                    "fan_in": 64,
                    "fan_out": 10 if output else 64,
                    "weight_std": argument * rng.uniform(0.98, 1.02),
                    "weight_rms": argument * rng.uniform(0.98, 1.02),
                    "preactivation_mean": 0.0,
                    "preactivation_std": argument * 8,
                    "activation_mean": np.nan
                    if output
                    else (0.5 if activation == "logistic" else 0) + rng.normal(0, 0.01 + epoch / 900),
                    "activation_std": np.nan if output else 0.3,
                    "saturated_low": np.nan if output else saturated / 2,
                    "saturated_high": np.nan if output else saturated / 2,
                    "saturated": np.nan if output else saturated,
                    "saturated_neurons": np.nan if output else saturated**3,
                    "dead_flat": np.nan if output else float(saturated > 0.9),
                    "gradient_std": 0.01,
                    "agreement_random": 0.0993,
                    "orthants_visited": np.nan,
                    "orthants_possible": np.nan,
                }
                row |= {f"{q}_p{p:02d}": 0.01 * p for q in ("preactivation", "activation") for p in PERCENTILES}
                for level, share in zip(LEVELS, (1.0, 0.6, 0.4), strict=True):
                    row[f"same_sign_{level}"] = 1.0 if tied and level == "example" else 0.1 * tied
                    row[f"agreement_{level}"] = np.clip((share if tied else 0.11) + rng.normal(0, 0.01), 0, 1)
                    row[f"no_gradient_{level}"] = 0.0
                    row[f"pair_agreement_{level}"] = 1.0 if tied and level == "example" else 0.51
                layers.append(row)
                if seed == 0:
                    kept = {k: v for k, v in settings.items() if k not in ("run", "seed")}
                    where = {**kept, "epoch": epoch, "update": epoch * 45, "layer": layer}
                    values = rng.normal(0, argument * 8 / layer, 4000)
                    squash = 0.5 + 0.5 * np.tanh(values / 2) if activation == "logistic" else np.tanh(values)
                    positive = rng.choice([0.0, 1.0], 640) if tied else rng.binomial(64, 0.5, 640) / 64
                    bins += _bins(
                        where, "preactivation", "probe", values, np.array([-np.inf, *np.linspace(-10, 10, 51), np.inf])
                    )
                    low = 0.0 if activation == "logistic" else -1.0
                    bins += _bins(where, "activation", "probe", squash, np.linspace(low, 1, 41))
                    for level in LEVELS:
                        bins += _bins(where, "positive_share", level, positive, np.linspace(0, 1, 22))
    collected = {"runs": runs, "epochs": points, "layers": layers, "histograms": bins}
    # A column that no chart here asks for is empty, so that a new one needs nothing in this file.
    frames = {table: pd.DataFrame(rows).reindex(columns=names(table)) for table, rows in collected.items()}
    return SimpleNamespace(**frames, groups=tuple(dict.fromkeys(groups)))


def _bins(where: dict[str, Any], quantity: str, level: str, values: Any, edges: Any) -> list[dict[str, Any]]:
    counts = np.histogram(values, edges)[0]
    total = max(counts.sum(), 1)
    return [
        {
            **where,
            "quantity": quantity,
            "level": level,
            "left": left,
            "right": right,
            "count": float(count),
            "density": count / total / (right - left) if np.isfinite(right - left) else np.nan,
        }
        for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def outcomes(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs table with what became of each run in words."""
    words = {"converged": "reached", "not_reached": "not reached", "diverged": "diverged"}
    return runs.assign(outcome=runs["status"].map(words))


def curves(epochs: pd.DataFrame) -> pd.DataFrame:
    """The epochs table with its diverged runs marked where they have no loss."""
    return epochs.assign(diverged=~np.isfinite(epochs["train_loss"]))


def speed_ups(groups: tuple[str, ...]) -> pd.DataFrame:
    """Ratios of all kinds: the baseline, ordinary ones, an interval without end, none at all."""
    rows: list[tuple[str, float, float, float, str]] = []
    for i, group in enumerate(groups):
        ratio = 0.5 * 1.7**i
        rows.append((group, ratio, ratio * 0.8, ratio * 1.3, f"{ratio:.3g}x ({ratio * 0.8:.3g} to {ratio * 1.3:.3g})"))
    if rows:
        rows[0] = (groups[0], 1.0, 1.0, 1.0, "baseline")
    if len(rows) > 3:
        rows[1] = (groups[1], np.nan, np.nan, np.nan, "1 of 5 reached it; baseline: 0 of 5 reached it")
        rows[2] = (groups[2], 0.0, 0.0, 0.8, "all 5 diverged")
        rows[3] = (groups[3], 2.5, 1.4, np.inf, "2.5x (1.4 or more)")
    return pd.DataFrame(rows, columns=["group", "ratio", "low", "high", "text"])


CHARTS: dict[str, Callable[[Tables], alt.LayerChart]] = {
    "saturation_heatmap": lambda t: saturation.saturation_heatmap(t.layers, group=_first(t)),
    "saturation_overview": lambda t: saturation.saturation_overview(t.layers, groups=t.groups),
    "saturation_by_scale": lambda t: saturation.saturation_by_scale(t.layers, activation="tanh"),
    "saturation_by_scale, trained": lambda t: saturation.saturation_by_scale(t.layers, activation="logistic", epoch=3),
    "histogram of a": lambda t: saturation.histogram_by_layer(
        t.histograms, group=_first(t), epoch=0, quantity="preactivation", saturated=[(-math.inf, -4.4), (4.4, math.inf)]
    ),
    "histogram of h": lambda t: saturation.histogram_by_layer(
        t.histograms, group=_first(t), epoch=3, quantity="activation"
    ),
    "mean_activation": lambda t: saturation.mean_activation(t.layers, groups=t.groups, layer=1),
    "mean_activation_by_layer": lambda t: saturation.mean_activation_by_layer(t.layers, groups=t.groups, epoch=0),
    "sign_distribution": lambda t: signs.sign_distribution(
        t.histograms, groups=t.groups, epoch=0, layer=2, level="example", fan_in=64
    ),
    "agreement_by_layer": lambda t: signs.agreement_by_layer(t.layers, groups=t.groups, level="batch", epoch=0),
    "agreement_by_layer, trained": lambda t: signs.agreement_by_layer(
        t.layers, groups=t.groups, level="example", epoch=3
    ),
    "agreement_over_training": lambda t: signs.agreement_over_training(
        t.layers, groups=t.groups, level="epoch", layer=2
    ),
    "agreement_by_level": lambda t: signs.agreement_by_level(t.layers, groups=t.groups, epoch=0, layer=2),
    "loss": lambda t: convergence.learning_curves(curves(t.epochs), groups=t.groups),
    "loss, all options": lambda t: convergence.learning_curves(
        curves(t.epochs), groups=t.groups, x="update", log_x=True, log_y=True, raw_runs=True, smooth=3, target=0.1
    ),
    "accuracy": lambda t: convergence.learning_curves(
        curves(t.epochs), groups=t.groups, quantity="test_accuracy", raw_runs=True, target=0.9
    ),
    "update ratio": lambda t: convergence.learning_curves(
        curves(t.epochs), groups=t.groups, quantity="update_to_weight_ratio", log_y=True
    ),
    "share_reached": lambda t: convergence.share_reached(survival(t.runs), groups=t.groups),
    "share_reached, log": lambda t: convergence.share_reached(survival(t.runs), groups=t.groups, log_x=True),
    "updates_to_target": lambda t: convergence.updates_to_target(outcomes(t.runs), groups=t.groups),
    "speed_up": lambda t: convergence.speed_up(speed_ups(t.groups), groups=t.groups),
    "rate_grid": lambda t: convergence.rate_grid(t.runs),
    "rate_grid of loss": lambda t: convergence.rate_grid(t.runs, quantity="final_train_loss"),
    "rate_grid of accuracy": lambda t: convergence.rate_grid(t.runs, quantity="best_test_accuracy"),
}


def _first(t: Tables) -> str:
    return str(t.groups[0]) if t.groups else "none"


def _changed(t: Tables, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Tables:
    frames = {name: change(getattr(t, name)) for name in ("runs", "epochs", "layers", "histograms")}
    return SimpleNamespace(**frames, groups=t.groups)


def _nothing_finite(table: pd.DataFrame) -> pd.DataFrame:
    floats = [name for name in table.select_dtypes("float64") if name not in ("gain", "learning_rate", "left", "right")]
    return table.assign(**dict.fromkeys(map(str, floats), np.nan))


ODD_NAMES = ("', datum.x=alert(1)//", "<script>alert(1)</script>", "a.b[c]\\d", "{{x}} ${y} %s", "", "\u202e·\n·" * 40)


def _odd(t: Tables) -> Tables:
    names_of = dict(zip(t.groups, ODD_NAMES, strict=True))
    renamed = _changed(t, lambda table: table.assign(group=[names_of[name] for name in table["group"]]))
    renamed.groups = ODD_NAMES
    return renamed


def _emptied(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[:0]


@functools.cache
def made(case: str) -> Tables:
    """The tables of a case, made once and only when a test wants them."""
    return CASES[case]()


CASES: dict[str, Callable[[], Tables]] = {
    "lecture": synthetic,
    "rates, the highest diverges": lambda: synthetic(rates=(0.01, 0.1, 1.0, 3.0), seeds=3, epochs=(0, 1, 3, 10)),
    "40 groups": lambda: synthetic(("logistic", "tanh", "softsign", "relu"), MANY, seeds=3, epochs=(0, 1, 3)),
    "300 epochs": lambda: synthetic(("tanh",), ("normal:1", "he_normal"), seeds=3, epochs=tuple(range(301)), hidden=1),
    "300 runs": lambda: synthetic(("tanh",), ("normal:1", "he_normal"), seeds=150, epochs=(0, 2), hidden=1),
    "single run": lambda: synthetic(("tanh",), ("normal:1",), seeds=1),
    "only initialisation": lambda: synthetic(seeds=2, epochs=(0,)),
    "empty": lambda: _changed(made("lecture"), _emptied),
    "no groups": lambda: SimpleNamespace(**{**vars(made("empty")), "groups": ()}),
    "nothing finite": lambda: _changed(made("lecture"), _nothing_finite),
    "odd names": lambda: _odd(made("lecture")),
}


def lecture() -> Tables:
    """The case that most tests look at."""
    return made("lecture")


@pytest.fixture(scope="module")
def real() -> Tables:
    """The tables of a real result: small networks on iris, one learning rate far too high."""
    experiment = Experiment(dataset=("iris",), hidden=((6, 6),), epochs=4, seeds=2, learning_rate=(0.1, 100.0))
    result = run(experiment)
    return SimpleNamespace(
        runs=result.runs,
        epochs=result.epochs,
        layers=result.layers,
        histograms=result.histograms,
        groups=tuple(experiment.groups()),
    )


def _inside(spec: Any, key: str) -> Iterator[Any]:
    """Every value under `key`, anywhere in a spec but its data."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            if name == key:
                yield value
            elif name != "datasets":
                yield from _inside(value, key)
    elif isinstance(spec, list):
        for value in spec:
            yield from _inside(value, key)


def _rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for rows in spec["datasets"].values() for row in rows]


def _layer(chart: alt.LayerChart, mark: str, field: str) -> pd.DataFrame:
    """The data of the first layer of a mark that draws a field on its y axis."""
    spec = chart.to_dict()
    for layer in spec["layer"]:
        if layer["mark"]["type"] == mark and layer["encoding"]["y"]["field"] == field:
            data = layer.get("data", spec.get("data"))
            return pd.DataFrame(spec["datasets"][data["name"]])
    raise AssertionError(f"no {mark} of {field}")


EXPRESSION = re.compile(
    r"width|max\(1, floor\(width / [\d.]+\)\)|width / \d+ < 34 \? 0 : 11"
    r'|\[\[".*"\]\]\[0( \+ \(\(width - \d+\) >= [\d.]+\))*\]\[indexof\(\[.*\], datum.group\)\]'
)


def _sound(spec: dict[str, Any]) -> None:
    """What holds of every chart, whatever its data."""
    assert "".join(spec["title"]["text"]).strip()
    layers = spec["layer"]
    for channel in ("x", "y"):
        found = [layer["encoding"][channel] for layer in layers if "field" in layer["encoding"].get(channel, {})]
        assert found
        assert all(each["axis"]["title"] and each["scale"]["domain"] for each in found)
        assert len({json.dumps(each["scale"]) for each in found}) == 1, "layers share one scale"
    for colour in _inside(layers, "color"):
        if isinstance(colour, dict) and "field" in colour:
            scale = colour["scale"]
            assert scale["domain"]
            assert "scheme" in scale or len(scale["range"]) == len(scale["domain"])
    for scale in _inside(layers, "scale"):
        if scale.get("type") == "log":
            assert 0 < scale["domain"][0] < scale["domain"][1]
        elif not {"range", "scheme", "paddingInner", "padding"} & set(scale):
            assert scale["domain"][0] < scale["domain"][1]
    rows = _rows(spec)
    assert len(rows) < 5000
    for row in rows:
        assert all(isinstance(value, str) or (value is not None and math.isfinite(value)) for value in row.values())
    assert [layer["name"] for layer in layers] == [f"layer_{i}" for i in range(len(layers))]
    for expression in _inside(spec, "expr"):
        assert EXPRESSION.fullmatch(expression)
    json.dumps(spec, allow_nan=False)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_is_labelled_finite_and_small(chart: str, case: str) -> None:
    with debug_mode(False):  # validation has a test of its own, and takes longer than all else
        _sound(CHARTS[chart](made(case)).to_dict(validate=False))


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_of_the_same_table_is_the_same(chart: str) -> None:
    one, other = (json.dumps(CHARTS[chart](lecture()).to_dict(validate=False)) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_of_a_real_result_is_valid(chart: str, real: Tables) -> None:
    _sound(CHARTS[chart](real).to_dict())  # validates against the schema of Vega-Lite


@pytest.mark.parametrize("chart", CHARTS)
def test_every_title_fits_one_line_of_a_phone(chart: str) -> None:
    (line,) = CHARTS[chart](lecture()).to_dict(validate=False)["title"]["text"]
    assert 0 < len(line) <= style.TITLE_WIDTH


def test_a_title_of_ones_own_is_wrapped_to_a_phone() -> None:
    title = "Who reaches the target first, and by how much, on a phone and with <b>odd</b> signs"
    spec = convergence.speed_up(speed_ups(lecture().groups), groups=lecture().groups, title=title).to_dict()
    assert " ".join(spec["title"]["text"]) == title
    assert max(map(len, spec["title"]["text"])) <= style.TITLE_WIDTH


@pytest.mark.parametrize("chart", ["loss", "mean_activation", "agreement_by_layer", "share_reached", "rate_grid"])
def test_a_click_on_the_legend_picks_a_group(chart: str) -> None:
    spec = CHARTS[chart](lecture()).to_dict()
    pick, hover = spec["params"]
    assert pick["name"] == "pick_group"
    assert pick["bind"] == "legend"
    assert pick["select"] == {"type": "point", "fields": ["group"], "clear": False}
    assert set(_inside(spec["layer"], "param")) == {"pick_group"}
    # The point nearest to the pointer tells its numbers, in full.
    assert hover["select"] == {"type": "point", "on": "pointerover", "nearest": True, "clear": "pointerout"}
    [told] = [layer for layer in spec["layer"] if [layer["name"]] == hover["views"]]
    assert told["mark"]["type"] == "point"
    formats = [field.get("format") for field in told["encoding"]["tooltip"]]
    assert "group" in [field["field"] for field in told["encoding"]["tooltip"]]
    assert ".8~g" in formats or ".4~p" in formats


def test_a_chart_says_what_it_comes_to_to_who_cannot_see_it() -> None:
    cells = lecture().layers.query("role == 'hidden'").groupby(["group", "layer", "epoch"])["saturated"].mean()
    group = lecture().groups[0]
    own = cells[group]
    most, least = (
        f"layer {key[0]} at epoch {key[1]:,} with {percent(own[key])}" for key in (own.idxmax(), own.idxmin())
    )
    said = saturation.saturation_heatmap(lecture().layers, group=group).to_dict()["description"]
    assert said == f"Largest: {most}; smallest: {least}"
    means = lecture().layers.query("role == 'hidden' and epoch == 0").groupby(["group", "layer"])["activation_mean"]
    (high, layer), (low, other) = means.median().idxmax(), means.median().idxmin()
    said = saturation.mean_activation_by_layer(lecture().layers, groups=lecture().groups, epoch=0).to_dict()
    ends = said["description"].removeprefix("Largest: ").split("; smallest: ")
    assert [end.rpartition(" with ")[0] for end in ends] == [f"{high} at layer {layer}", f"{low} at layer {other}"]
    # A row for each group: what stands beside it, and of very many how many more there are.
    many = pd.DataFrame({"group": [f"tanh · normal:{i}" for i in range(1, 21)], "note": "5 %"})
    assert style.read_out(many["group"], many["note"]).endswith("tanh · normal:12: 5 %; and 8 more")
    one = pd.DataFrame({"group": ["a", "b"], "value": [2.0, np.nan]})
    assert style.extremes(one, "value", "{group}") == "Only a with 2"
    assert style.extremes(one.iloc[1:], "value", "{group}") == ""
    # What ties is not told as if one were ahead.
    ties = pd.DataFrame({"group": ["a", "b", "c"], "value": [2.0, 2.0, 1.0]})
    assert style.extremes(ties, "value", "{group}") == "Largest: a and 1 more with 2; smallest: c with 1"
    assert style.extremes(ties.head(2), "value", "{group}") == "All 2: 2"


def test_a_chart_that_can_draw_nothing_says_why_and_a_heading_that_asks_keeps_its_question_mark() -> None:
    spec = style.blank("Who is first?", "x", "y", "nothing was measured").to_dict()
    assert picture.in_words(spec) == "Who is first? nothing was measured"
    lost = lecture().runs.assign(updates_to_target=np.nan)
    assert convergence.rate_grid(lost).to_dict()["description"] == "No line has a median at any learning rate"
    accuracy = convergence.learning_curves(curves(lecture().epochs), groups=lecture().groups, quantity="test_accuracy")
    assert re.search(r": \d+ % at epoch \d+(;|$)", accuracy.to_dict()["description"])


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_of_numbers_has_a_finding_as_text(chart: str) -> None:
    spec = CHARTS[chart](lecture()).to_dict(validate=False)
    assert re.search(r"\d", spec["description"]), "with a number in it"


# --- colours


def _luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """The contrast of WCAG 2, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", ["#ffffff", "#0e1117", "#171614"])
def test_every_colour_has_a_contrast_of_3_to_1_on_light_and_dark(background: str) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    used = [*style.PALETTE, style.NEUTRAL, *style.ramp(2), *style.ramp_at(np.linspace(0, 1, 1001).tolist()), maps.LINES]
    assert min(contrast(colour, background) for colour in used) >= 3


@pytest.mark.parametrize("chart", ["saturation_overview", "saturation_heatmap"])
@pytest.mark.parametrize("background", ["#ffffff", "#0e1117"])
def test_a_tile_of_any_share_has_an_edge_that_stands_out_from_the_page(chart: str, background: str) -> None:
    layers = CHARTS[chart](lecture()).to_dict()["layer"]
    tiles = [each["mark"] for each in layers if "scheme" in each["encoding"].get("color", {}).get("scale", {})]
    assert tiles
    for tile in tiles:
        assert contrast(tile["stroke"], background) >= 3
        assert tile["strokeWidth"] >= 1


# Machado, Oliveira & Fernandes (2009), severity 1: linear RGB as seen without one of the three kinds of cone.
SEEN: dict[str, Any] = {
    "all cones": np.eye(3),
    "no L cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no M cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no S cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("eye", SEEN)
def test_the_colours_of_groups_stay_apart_for_the_colour_blind(eye: str) -> None:
    channels = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in style.PALETTE]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(SEEN[eye]), 0, 1)
    xyz = seen @ np.transpose([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    f = np.cbrt(np.maximum(xyz / [0.9505, 1, 1.089], 0.00886))
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
    distances = [float(np.linalg.norm(one - other)) for one, other in itertools.combinations(lab, 2)]
    assert min(distances) > 15  # CIE 1976; 2.3 is just noticeable


def seen_in_cam02_ucs(linear: Any) -> Any:
    """Colours of linear RGB in the uniform space of Luo, Cui & Li (2006): J', a' and b' in an office."""
    white, cat = np.array([95.047, 100, 108.883]), np.array([[0.7328, 0.4296, -0.1624], [-0.7036, 1.6975, 0.0061],
                                                            [0.0030, 0.0136, 0.9834]])  # fmt: skip
    cones = np.array([[0.38971, 0.68898, -0.07868], [-0.22981, 1.18340, 0.04641], [0, 0, 1]]) @ np.linalg.inv(cat)
    primaries = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                          [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    light, background = 64 / np.pi / 5, 0.2
    adapted, k = 1 - np.exp((-light - 42) / 92) / 3.6, 1 / (5 * light + 1)
    level = k**4 * light + 0.1 * (1 - k**4) ** 2 * np.cbrt(5 * light)
    induction = 0.725 * background**-0.2

    def response(xyz: Any) -> Any:
        sharp = (xyz @ cat.T) * (adapted * 100 / (white @ cat.T) + 1 - adapted) @ cones.T
        signal = (level * np.abs(sharp) / 100) ** 0.42
        return np.sign(sharp) * 400 * signal / (signal + 27.13) + 0.1

    r, g, b = response(100 * linear @ primaries.T).T
    red, yellow = r - 12 * g / 11 + b / 11, (r + g - 2 * b) / 9
    hue = np.arctan2(yellow, red)
    sums = [(2 * x + y + z / 20 - 0.305) * induction for x, y, z in ((r, g, b), response(white))]
    lightness = 100 * (sums[0] / sums[1]) ** (0.69 * (1.48 + np.sqrt(background)))
    t = 50000 / 13 * induction * 0.25 * (np.cos(hue + 2) + 3.8) * np.hypot(red, yellow) / (r + g + 21 * b / 20)
    chroma = t**0.9 * np.sqrt(lightness / 100) * (1.64 - 0.29**background) ** 0.73
    colourful = np.log(1 + 0.0228 * chroma * level**0.25) / 0.0228
    return np.stack(
        [1.7 * lightness / (1 + 0.007 * lightness), colourful * np.cos(hue), colourful * np.sin(hue)], axis=1
    )


def in_cam02_ucs(colours: Any, eye: str) -> Any:
    channels = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return seen_in_cam02_ucs(np.clip(linear @ np.transpose(SEEN[eye]), 0, 1))


def least_difference(colours: Any, eye: str) -> float:
    seen = in_cam02_ucs(colours, eye)
    return min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(seen, 2))


def test_the_colours_of_groups_are_15_apart_in_cam02_ucs_for_deutan_and_protan_eyes() -> None:
    # Somebody else's measurement of an older palette: for all cones, without L, M and S cones.
    old = ("#537cf7", "#e5725c", "#23a498", "#ab9109", "#6b5d8c", "#ab82d5", "#466f1b", "#855955")
    assert [round(least_difference(old, eye), 1) for eye in SEEN] == [21.0, 9.3, 9.6, 10.1]
    for eye, least in zip(SEEN, (25, 15, 15, 12), strict=True):
        assert least_difference(style.PALETTE, eye) > least


def test_a_groups_colour_and_dash_are_the_same_in_every_chart() -> None:
    groups = lecture().groups
    expected = dict(zip(*style.group_colours(groups), strict=True))
    one = lecture().layers[lecture().layers["group"] == groups[3]]
    for chart in (
        saturation.mean_activation(one, groups=groups, layer=1),
        signs.agreement_by_layer(one, groups=groups, level="example", epoch=0),
        convergence.learning_curves(lecture().epochs, groups=groups),
        convergence.updates_to_target(outcomes(lecture().runs), groups=groups),
        signs.sign_distribution(lecture().histograms, groups=groups, epoch=0, layer=2, level="batch", fan_in=64),
    ):
        scales = [c["scale"] for c in _inside(chart.to_dict()["layer"], "color") if isinstance(c, dict)]
        assert scales
        assert all(dict(zip(scale["domain"], scale["range"], strict=True)) == expected for scale in scales)


def looks(groups: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
    (names, colours), (_, dashes) = style.group_colours(groups), style.group_dashes(groups)
    return {name: (colour, tuple(dash)) for name, colour, dash in zip(names, colours, dashes, strict=True)}


def test_a_group_keeps_its_look_whichever_others_are_dropped() -> None:
    for experiment in (PRESETS["lecture"].experiment, PRESETS["initial_scale"].experiment):
        groups = experiment.groups()
        whole = looks(groups)
        assert len(set(whole.values())) == len(groups)
        for dropped in groups:
            rest = tuple(group for group in groups if group != dropped)
            assert all(looks(rest)[group][0] == whole[group][0] for group in rest), "from the experiment"
            assert looks(style.Chosen(rest, groups)).items() <= whole.items(), "from the page"
    odd = tuple(f"start {i}" for i in range(20))
    assert looks(style.Chosen(odd[7:9], odd)).items() <= looks(odd).items()


def test_the_dash_is_the_activation_functions_and_the_colour_that_of_all_else() -> None:
    of = looks(PRESETS["lecture"].experiment.groups())
    for start in ("normal:0.01", "normal:1", "glorot_uniform"):
        assert of[f"logistic · {start}"][0] == of[f"tanh · {start}"][0]
    assert {dash for group, (_, dash) in of.items() if group.startswith("tanh")} == {(7, 3)}
    assert {dash for group, (_, dash) in of.items() if group.startswith("logistic")} == {(1, 0)}
    functions = looks(("logistic", "tanh", "relu"))
    assert len({colour for colour, _ in functions.values()}) == len({dash for _, dash in functions.values()}) == 3


@pytest.mark.parametrize(
    "groups",
    [
        ["normal:0.01", "normal:0.1", "normal:1", "normal:10"],
        ["batch 1", "batch 16", "batch 256", "batch full"],
        ["rate 0.001", "rate 0.01", "rate 1e-1"],
        ["64", "64-64", "64-64-64-64", "-".join(["64"] * 10)],
    ],
)
def test_a_scale_of_numbers_has_colours_in_its_order(groups: list[str]) -> None:
    along = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in style.ramp(400)])
    shuffled = [groups[i] for i in (2, 0, *range(3, len(groups)), 1)]
    of = dict(zip(*style.group_colours(shuffled), strict=True))
    places = [
        np.abs(along - [int(of[group][i : i + 2], 16) for i in (1, 3, 5)]).sum(axis=1).argmin() for group in groups
    ]
    assert all(later - earlier > 40 for earlier, later in itertools.pairwise(places))


def test_deep_networks_of_one_width_are_told_apart_in_legend_and_rows() -> None:
    deep = ["-".join(["64"] * depth) for depth in (24, 30)]
    groups = [f"{name} · {network}" for name in ("tanh", "relu") for network in deep]
    epochs = pd.DataFrame({"group": np.repeat(groups, 2), "run": np.repeat(range(4), 2), "epoch": [0, 1] * 4})
    spec = convergence.learning_curves(epochs.assign(train_loss=1.0, diverged=False), groups=groups).to_dict()
    said = spec["layer"][0]["encoding"]["color"]["legend"]["labelExpr"]
    assert all(f'"{name} \\u00b7 {depth} \\u00d7 64"' in said for name in ("tanh", "relu") for depth in (24, 30))
    names = pd.DataFrame({"group": groups, "note": ""})
    rows = [chart.to_dict() for chart in style.row_names(names, style.row_axis("run group", 4))]
    written = ["tanh · 24 × 64", "tanh · 30 × 64", "relu · 24 × 64", "relu · 30 × 64"]
    assert [row["group"] for row in next(iter(rows[0]["datasets"].values()))] == written
    assert json.dumps(written) in rows[0]["mark"]["text"]["expr"]


def test_forty_groups_each_have_their_own_pair_of_colour_and_dash() -> None:
    groups = [f"group {i}" for i in range(40)]
    looks = zip(style.group_colours(groups)[1], map(tuple, style.group_dashes(groups)[1]), strict=True)
    assert len(set(looks)) == 40


def swept(count: int, kind: str) -> tuple[str, ...]:
    """The groups of an experiment of that many: one scale of numbers, functions by starts, or names without order."""
    if kind == "a scale":
        return tuple(f"rate {place / 1000:g}" for place in range(1, count + 1))
    if kind == "functions by a scale":
        functions = ("logistic", "tanh", "relu")
        return tuple(f"{functions[i % 3]} · normal:{(i // 3 + 1) / 50:g}" for i in range(count))
    return tuple(f"start {place} of many" for place in range(count))


@pytest.mark.parametrize("kind", ["a scale", "functions by a scale", "names"])
def test_any_twelve_groups_of_an_experiment_of_any_size_are_told_apart(kind: str) -> None:
    """By colours far apart for all cones, or by dash and shape; and a colour is always the group's own."""
    rng = np.random.default_rng(1)
    assert len(style.DASHES) == len(style.SHAPES) == len(set(map(tuple, style.DASHES))) == len(set(style.SHAPES)) == 12
    for count in range(13, 101):
        groups = swept(count, kind)
        own = dict(zip(groups, style.group_colours(groups)[1], strict=True))
        first = int(rng.integers(0, count - 11))
        for drawn in (
            groups[first : first + 12],  # as Previous and Next draw them
            tuple(not_too_many(groups)),
            tuple(groups[place] for place in sorted(rng.choice(count, 12, replace=False))),
            tuple(sorted(groups, key=own.__getitem__))[:12],  # the most alike
        ):
            chosen = style.Chosen(drawn, groups)
            (names, colours), (_, dashes) = style.group_colours(chosen), style.group_dashes(chosen)
            shapes = style.group_shapes(chosen)[1]
            assert colours == [own[name] for name in names], "a colour depends on what else is drawn"
            seen = in_cam02_ucs(colours, "all cones")
            for one, other in itertools.combinations(range(12), 2):
                assert (dashes[one] == dashes[other]) == (shapes[one] == shapes[other])
                apart = float(np.linalg.norm(seen[one] - seen[other]))
                assert apart >= 12 or dashes[one] != dashes[other], (count, names[one], names[other])


# --- numbers


def test_median_and_band_are_numpys() -> None:
    chart = convergence.learning_curves(lecture().epochs, groups=lecture().groups)
    line = _layer(chart, "line", "drawn").set_index(["group", "epoch"])["drawn"]
    band = _layer(chart, "area", "low").set_index(["group", "epoch"])
    assert len(line) == len(band) == len(lecture().groups) * len(EPOCHS)
    for key, values in lecture().epochs.groupby(["group", "epoch"])["train_loss"]:
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        assert line[key] == pytest.approx(median, rel=1e-12)
        assert band.loc[key, ["low", "high"]].to_list() == pytest.approx([low, high], rel=1e-12)


@pytest.mark.parametrize("n", range(1, 9))
def test_quartiles_are_numpys_for_every_number_of_runs(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    table = pd.DataFrame({"group": "a", "value": values})
    found = tables.spread(table, ["group"], "value").iloc[0]
    assert found[["low", "median", "high"]].to_list() == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]).tolist())
    assert (found["finite"], found["runs"]) == (n, n)


def test_a_diverged_run_counts_as_worse_than_all_others() -> None:
    table = pd.DataFrame({"group": "a", "value": [3.0, np.nan, 1.0, np.inf, 2.0]})
    loss = tables.spread(table, ["group"], "value", np.inf).iloc[0]
    assert (loss["low"], loss["median"], loss["high"]) == (2.0, 3.0, math.inf)
    accuracy = tables.spread(table, ["group"], "value", -np.inf).iloc[0]
    assert (accuracy["low"], accuracy["median"], accuracy["high"]) == (-math.inf, 1.0, 2.0)
    left_out = tables.spread(table, ["group"], "value").iloc[0]
    assert (left_out["median"], left_out["finite"], left_out["runs"]) == (2.0, 3, 5)


def test_a_line_ends_where_most_runs_have_diverged() -> None:
    t = made("rates, the highest diverges")
    line = _layer(convergence.learning_curves(curves(t.epochs), groups=t.groups), "line", "drawn")
    lost = line[line["group"] == "tanh · normal:1 · rate 3"]
    kept = line[line["group"] == "tanh · normal:1 · rate 1"]
    assert lost["epoch"].max() == 1
    assert kept["epoch"].max() == 10


@pytest.mark.parametrize("raw_runs", [False, True])
@pytest.mark.parametrize("smooth", [1, 3])
def test_a_line_that_ends_because_of_diverged_runs_ends_with_a_cross_that_the_subtitle_explains(
    smooth: int, raw_runs: bool
) -> None:
    nan = math.nan
    runs: dict[int, list[float]] = {0: [5, 4, 3, 2], 1: [5, 4, nan, nan], 2: [5, nan, nan, nan], 3: [5, 4, 3, nan]}
    table = curves(
        pd.DataFrame(
            [
                {"group": group, "run": 10 * place + run, "epoch": epoch, "train_loss": loss}
                for place, (group, chosen) in enumerate({"most": [0, 1, 2, 3], "few": [0, 0, 0, 3]}.items())
                for run, losses in enumerate(runs[number] for number in chosen)
                for epoch, loss in enumerate(losses)
            ]
        )
    )
    spec = convergence.learning_curves(table, groups=["most", "few"], smooth=smooth, raw_runs=raw_runs).to_dict()
    crosses = [layer for layer in spec["layer"] if layer["mark"].get("shape") == style.CROSS]
    ends = [
        {(row["group"], row["epoch"], row[layer["encoding"]["y"]["field"]]) for row in spec["datasets"][name]}
        for layer in crosses
        for name in [layer["data"]["name"]]
    ]
    # Of the group "most" two of four are gone at epoch 2; of "few" one, and no more.
    assert ends[0] == {("most", 1, 4)}
    assert ends[1:] == ([{("most", 1, 4), ("most", 0, 5), ("most", 2, 3), ("few", 2, 3)}] if raw_runs else [])
    subtitle = " ".join(spec["title"]["subtitle"])
    assert "cross: half of the runs or more diverged" in subtitle
    assert ("small cross: a run diverged" in subtitle) == raw_runs
    whole = convergence.learning_curves(table[table["group"] == "few"], groups=["few"]).to_dict()
    assert "cross" not in " ".join(whole["title"]["subtitle"])
    assert not [layer for layer in whole["layer"] if layer["mark"].get("shape") == style.CROSS]


def test_masking_says_how_many_rows_it_leaves_out() -> None:
    table = pd.DataFrame({"a": [1.0, np.nan, 0.0, -1.0, np.inf, 2.0], "b": [1.0, 1.0, 1.0, 1.0, 1.0, np.nan]})
    kept, left_out = tables.masked(table, ["a"])
    assert (kept["a"].to_list(), left_out) == ([1.0, 0.0, -1.0, 2.0], 2)
    kept, left_out = tables.masked(table, ["a", "b"], log=["a"])
    assert (kept["a"].to_list(), left_out) == ([1.0], 5)


def test_smoothing_draws_the_rolling_median_and_keeps_the_line_behind() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    table = pd.DataFrame({"group": "a", "run": 0, "epoch": range(5), "train_loss": values})
    chart = convergence.learning_curves(table, groups=["a"], smooth=3)
    drawn = _layer(chart, "line", "drawn")
    assert drawn["drawn"].to_list() == [5.0, 4.0, 2.0, 3.0, 3.0]
    assert _layer(chart, "line", "median")["median"].to_list() == values
    assert "smoothed: median of 3 recorded points" in " ".join(chart.to_dict()["title"]["subtitle"])
    assert "smoothed" not in " ".join(convergence.learning_curves(table, groups=["a"]).to_dict()["title"]["subtitle"])


@pytest.mark.parametrize("window", [1, 3, 5, 9, 15])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 30])
def test_the_window_of_smoothing_shrinks_evenly_so_that_both_ends_stay_themselves(n: int, window: int) -> None:
    values = np.random.default_rng(n).normal(size=(2, n))
    found = tables.smoothed(values.ravel(), np.repeat([0, 1], n), window).reshape(2, n)
    for i in range(n):
        half = min(i, n - 1 - i, window // 2)
        assert found[:, i] == pytest.approx(np.median(values[:, i - half : i + half + 1], axis=1), rel=1e-15)


def test_the_heatmap_shows_the_mean_share_of_the_runs() -> None:
    group = lecture().groups[1]
    cells = _layer(saturation.saturation_heatmap(lecture().layers, group=group), "rect", "layer")
    part = lecture().layers[(lecture().layers["group"] == group) & (lecture().layers["role"] == "hidden")]
    expected = part.groupby(["layer", "epoch"])["saturated"].mean()
    assert cells.set_index(["layer", "epoch"])["share"].to_dict() == pytest.approx(expected.to_dict())
    assert sorted(cells["layer"].unique()) == [1, 2, 3]  # the output layer does not saturate


def test_the_overview_shows_every_group_and_layer_and_says_how_it_began_and_ended() -> None:
    chart = saturation.saturation_overview(lecture().layers, groups=lecture().groups)
    cells = _layer(chart, "rect", "y")
    expected = lecture().layers.query("role == 'hidden'").groupby(["group", "layer", "epoch"])["saturated"].mean()
    assert cells.set_index(["group", "layer", "epoch"])["share"].to_dict() == pytest.approx(expected.to_dict())
    assert cells["y"].nunique() == len(lecture().groups) * 3  # no two strips cover each other
    group = lecture().groups[1]
    first, last = (expected[group].xs(epoch, level="epoch").mean() for epoch in (0, 40))
    notes = _layer(chart, "text", "top").set_index("group")["note"]
    assert notes[group] == f"{first:.0%} → {last:.0%}".replace("%", " %")


def test_a_group_without_numbers_keeps_its_place_in_the_overview() -> None:
    late = lecture().groups[2]
    part = lecture().layers[lecture().layers["group"] != late]
    names = [
        _layer(saturation.saturation_overview(table, groups=lecture().groups), "text", "top").set_index("group")
        for table in (lecture().layers, part)
    ]
    assert names[1].loc[late, "note"] == ""
    assert names[0].index.to_list() == names[1].index.to_list() == list(lecture().groups)


def test_initial_scale_is_the_measured_root_mean_square_and_zeros_are_left_out() -> None:
    all_equal = lecture().layers["initialiser"] == "normal:1"
    for rms, drawn in ((10.0, {"normal:0.01", "glorot_uniform", "normal:1"}), (0.0, {"normal:0.01", "glorot_uniform"})):
        layers = lecture().layers.assign(
            weight_std=lecture().layers["weight_std"].mask(all_equal, 0.0),
            weight_rms=lecture().layers["weight_rms"].mask(all_equal, rms),
        )
        points = _layer(saturation.saturation_by_scale(layers, activation="tanh"), "line", "share")
        assert set(points["initialiser"]) == drawn
        one = points[(points["initialiser"] == "normal:0.01") & (points["name"] == "layer 1")].iloc[0]
        assert one["scale"] == pytest.approx(0.01, rel=0.03)
    zeros = lecture().layers.assign(weight_rms=0.0)
    assert "all initial weights are 0" in json.dumps(saturation.saturation_by_scale(zeros, activation="tanh").to_dict())


def test_networks_of_other_widths_are_other_points_on_the_axis_of_scales() -> None:
    wide = lecture().layers.assign(hidden="128-128-128", weight_rms=0.02)
    both = pd.concat([lecture().layers, wide.assign(run=wide["run"] + 1000)])
    points = _layer(saturation.saturation_by_scale(both, activation="tanh"), "line", "share")
    one = points[(points["initialiser"] == "normal:0.01") & (points["name"] == "layer 1")].set_index("hidden")
    assert one["scale"].to_dict() == pytest.approx({"64-64-64": 0.01, "128-128-128": 0.02}, rel=0.03)


def dies(left_at: int = 99) -> pd.DataFrame:
    """The layers of the lecture with a top hidden layer that is dead-flat from epoch 13, in tanh · normal:1 alone."""
    layers = lecture().layers
    dead = (layers["group"] == "tanh · normal:1") & (layers["layer"] == 3)
    dead &= (layers["epoch"] >= 13) & (layers["epoch"] < left_at)
    flat = dead.astype(float).where(layers["role"] == "hidden")
    dying: pd.DataFrame = layers.assign(dead_flat=flat, saturated=layers["saturated"].mask(dead, 1.0))
    return dying


@pytest.mark.parametrize("one_group", [False, True])
def test_a_dead_flat_layer_is_crossed_out_and_named(one_group: bool) -> None:
    layers = dies()
    group = "tanh · normal:1"
    chart = (
        saturation.saturation_heatmap(layers, group=group)
        if one_group
        else saturation.saturation_overview(layers, groups=lecture().groups)
    )
    spec = chart.to_dict()
    (bar,) = [
        each for each in spec["layer"] if each["mark"].get("color") == "#000000" and each["mark"]["type"] == "rect"
    ]
    crossed = pd.DataFrame(spec["datasets"][bar["data"]["name"]])
    expected = layers.loc[layers["dead_flat"] == 1, ["layer", "epoch"]].drop_duplicates()
    assert sorted(zip(crossed["layer"], crossed["epoch"], strict=True)) == sorted(expected.itertuples(index=False))
    said = [row["said"] for row in _rows(spec) if "said" in row]
    assert set(said) == {"dead-flat"}
    assert "black line: the layer is dead-flat" in " ".join(spec["title"]["subtitle"])
    alive = layers.assign(dead_flat=layers["dead_flat"].mask(layers["dead_flat"] == 1, 0.0))
    assert "dead-flat" not in json.dumps(saturation.saturation_heatmap(alive, group=group).to_dict()["title"])


def test_a_layer_that_is_dead_flat_in_some_runs_says_in_how_many() -> None:
    layers = dies()
    layers["dead_flat"] = layers["dead_flat"].mask(layers["seed"] > 0, 0.0)
    seeds = layers["seed"].nunique()
    rows = _rows(saturation.saturation_heatmap(layers, group="tanh · normal:1").to_dict())
    assert {row["said"] for row in rows if "said" in row} == {f"dead-flat in 1 of {seeds}"}


def test_which_layers_were_dead_flat_from_when_and_whether_they_left_is_a_table() -> None:
    seeds = lecture().layers["seed"].nunique()
    stays, leaves = (dead_flat_layers(dies(end)).to_dict("records") for end in (99, 40))
    row = {"group": "tanh · normal:1", "layer": 3, "runs": seeds, "of": seeds, "from_epoch": 13}
    assert stays == [row | {"left": 0, "flat_at_end": seeds}]
    assert leaves == [row | {"left": seeds, "flat_at_end": 0}]
    never = dead_flat_layers(dies(0))
    assert never.empty
    assert list(never) == list(dead_flat_layers(dies()))


def test_charts_of_what_standard_statistics_do_not_measure_say_so() -> None:
    result = run(Experiment(dataset=("iris",), hidden=((6, 6),), epochs=1, seeds=1, statistics="standard"))
    groups = result.experiment.groups()
    at: dict[str, Any] = {"groups": groups, "level": "batch"}
    empty = [
        signs.agreement_by_layer(result.layers, **at, epoch=0),
        signs.agreement_over_training(result.layers, **at, layer=2),
        signs.agreement_by_level(result.layers, groups=groups, epoch=0, layer=2),
        signs.sign_distribution(result.histograms, **at, epoch=0, layer=2, fan_in=6),
    ]
    for chart in empty:
        said = [row["text"].replace("\n", " ") for row in _rows(chart.to_dict())]
        assert said == ["not measured (needs full statistics)"]


def test_signs_that_no_neuron_has_are_not_called_unmeasured() -> None:
    result = run(Experiment(dataset=("iris",), hidden=((6, 6),), epochs=1, seeds=1, initialiser=("zeros",), bias=False))
    chart = signs.agreement_by_layer(result.layers, groups=result.experiment.groups(), level="batch", epoch=0)
    drawn = result.layers.query("epoch == 0")["agreement_batch"].notna().any()
    assert drawn or [row["text"] for row in _rows(chart.to_dict())] == ["no neuron has a gradient here"]


def test_a_histogram_keeps_its_axis_over_epochs_and_names_the_share_beyond() -> None:
    part = lecture().histograms[lecture().histograms["epoch"] == 0]
    group = lecture().groups[1]
    chart = saturation.histogram_by_layer(part, group=group, epoch=0, quantity="preactivation")
    notes = [row["note"] for row in _rows(chart.to_dict()) if row.get("group") == "layer 1" and "note" in row]
    chosen = part[(part["group"] == group) & (part["layer"] == 1) & (part["quantity"] == "preactivation")]
    below = chosen.loc[np.isneginf(chosen["left"]), "count"].sum() / chosen["count"].sum()
    assert any(note.startswith(f"{100 * below:.0f} % below") for note in notes)
    whole = lecture().histograms
    axes = {
        json.dumps(
            saturation.histogram_by_layer(whole, group=group, epoch=e, quantity="preactivation").to_dict()["layer"][0][
                "encoding"
            ]["x"]
        )
        for e in (0, 40)
    }
    assert len(axes) == 1


@pytest.mark.parametrize("n", [1, 2, 16, 21, 64, 300])
def test_the_reference_of_the_signs_is_the_binomial_distribution(n: int) -> None:
    edges = np.linspace(0, 1, 22)
    found = signs.binomial_shares(edges[:-1], edges[1:], n)
    expected = np.zeros(21)
    for k in range(n + 1):  # as core.engine.measures puts a share into its bin
        expected[min(int(k / n * 21), 20)] += math.comb(n, k) / 2**n
    assert found == pytest.approx(expected, abs=1e-9)


def test_tied_signs_are_spikes_and_free_signs_are_the_reference() -> None:
    chart = signs.sign_distribution(
        lecture().histograms, groups=lecture().groups, epoch=0, layer=2, level="example", fan_in=64
    )
    bars = _layer(chart, "rect", "top")
    tied = bars[bars["group"] == "logistic · normal:1"]
    assert sorted(tied["left"].round(3)) == [0.0, 0.952]
    free = bars[bars["group"] == "tanh · normal:1"]
    assert free["share"].sum() == pytest.approx(1)
    assert 0.3 < free["left"].min() + free["right"].max() / 2 < 1
    assert "100 % at 0 or 1" in [row.get("note") for row in _rows(chart.to_dict())]


def test_agreement_stands_beside_that_of_random_signs() -> None:
    chart = signs.agreement_by_layer(lecture().layers, groups=lecture().groups, level="example", epoch=0)
    reference = _layer(chart, "line", "value")
    assert reference["value"].to_list() == pytest.approx([0.0993] * 4)
    line = _layer(chart, "line", "median")
    top = line[(line["group"] == "logistic · normal:1") & (line["at"] == "2")]["median"].item()
    part = lecture().layers.query("group == 'logistic · normal:1' and layer == 2 and epoch == 0")
    assert top == pytest.approx(part["agreement_example"].median())


def test_a_run_that_did_not_reach_the_target_stands_at_its_last_update_and_in_the_median() -> None:
    runs = (
        lecture()
        .runs[lecture().runs["group"] == lecture().groups[0]]
        .head(4)
        .assign(
            outcome=["reached", "not reached", "diverged", "reached, then diverged"],
            updates_to_target=[100.0, np.nan, np.nan, 300.0],
            last_update=[1800, 1800, 90, 1800],
        )
    )
    chart = convergence.updates_to_target(runs, groups=lecture().groups)
    dots = _layer(chart, "point", "y").set_index("seed").sort_index()
    assert dots["at"].to_list() == [100, 1800, 90, 300]
    assert dots["outcome"].to_list() == ["reached", "not reached", "diverged", "reached, then diverged"]
    (legend,) = (tuple(shape["scale"]["domain"]) for shape in _inside(chart.to_dict(), "shape") if "scale" in shape)
    assert legend == ("reached", "reached, then diverged", "not reached", "diverged")
    notes = [row["note"] for row in _rows(chart.to_dict()) if "note" in row]
    assert set(notes) == {"2/4 reached"}
    reached = convergence.updates_to_target(runs.head(1), groups=lecture().groups)
    assert _layer(reached, "rule", "top")["at"].to_list() == [100.0]


def test_steps_of_the_share_reached_are_those_of_the_table() -> None:
    reached = survival(lecture().runs)
    drawn = _layer(convergence.share_reached(reached, groups=lecture().groups), "line", "reached")
    assert len(drawn) == len(reached)
    pd.testing.assert_series_equal(
        drawn.groupby("group")["reached"].max(), reached.groupby("group")["reached"].max(), check_dtype=False
    )


def test_a_speed_up_without_a_number_has_its_words_instead() -> None:
    table = speed_ups(lecture().groups)
    chart = convergence.speed_up(table, groups=lecture().groups)
    points = _layer(chart, "point", "y")
    assert points["group"].to_list() == [lecture().groups[0], *lecture().groups[3:]]
    words = [row["text"] for row in _rows(chart.to_dict()) if "text" in row and row.get("group") is None]
    rules = _layer(chart, "rule", "top")
    assert rules["top"].to_list() == pytest.approx([place + 0.42 for place in (0, *range(3, len(table)))])
    assert set(words) == {"1 of 5 reached it; baseline: 0 of 5 reached it", "all 5 diverged"}


def test_a_rate_at_which_most_runs_diverge_is_a_cross() -> None:
    t = made("rates, the highest diverges")
    chart = convergence.rate_grid(t.runs, quantity="final_train_loss")
    lost = _layer(chart, "point", "edge")
    assert set(lost["learning_rate"]) == {3.0}
    assert lost["group"].to_list() == lost["group"].drop_duplicates().to_list()
    line = _layer(chart, "line", "median")
    assert set(line["learning_rate"]) == {0.01, 0.1, 1.0}
    assert line["group"].iloc[0] in {"logistic · normal:0.01", "logistic · normal:1", "logistic · glorot_uniform"}


def test_a_line_of_the_rate_grid_is_named_by_the_numbers_that_vary_as_everywhere(real: Tables) -> None:
    first, second = real.runs["group"].unique()[:2]
    runs = real.runs[real.runs["group"].isin([first, second])]
    runs = runs.assign(activation="tanh", initialiser="normal:1", gain=np.where(runs["group"] == first, 1.0, 0.5))
    drawn = _layer(convergence.rate_grid(runs, quantity="final_train_loss"), "point", "median")
    assert set(drawn["group"]) == {"gain 1", "gain 0.5"}


def test_a_group_that_met_the_target_before_any_training_has_its_place_on_the_rate_grid() -> None:
    t = made("rates, the highest diverges")
    runs = t.runs.assign(updates_to_target=t.runs["updates_to_target"].mask(t.runs["learning_rate"] == 0.1, 0.0))
    chart = convergence.rate_grid(runs)
    _sound(chart.to_dict())
    line = _layer(chart, "line", "median")
    assert set(line.loc[line["learning_rate"] == 0.1, "median"]) == {0.0}
    assert line.loc[line["learning_rate"] == 0.1, "group"].nunique() == 6
    assert {scale["type"] for scale in _inside(chart.to_dict()["layer"][0]["encoding"]["y"], "scale")} == {"symlog"}
    assert _layer(chart, "point", "edge")["edge"].gt(1).all()
    nowhere = convergence.rate_grid(t.runs.assign(updates_to_target=0.0))
    _sound(nowhere.to_dict())


@pytest.mark.parametrize(("low", "high"), [(1, 1.3), (0.45, 2.2), (0.003, 40), (1e-9, 1e9), (45, 45.5), (7, 9000)])
def test_ticks_of_a_log_axis_are_few_in_order_and_inside(low: float, high: float) -> None:
    ticks = style.log_ticks(low, high)
    assert 2 <= len(ticks) <= 12
    assert ticks == sorted(set(ticks))
    assert low <= ticks[0] < ticks[-1] <= high


@pytest.mark.parametrize("kind", ["linear", "count", "log", "symlog"])
@pytest.mark.parametrize("most", [1.5, 2e4, 3e6, 1.3e12, 4e20, 1e38])
def test_an_axis_of_any_size_has_labels_short_enough_to_be_read(kind: Any, most: float) -> None:
    y = alt.Y("y:Q", **style.position("loss", [0.5, most], kind))
    chart = alt.Chart(pd.DataFrame({"y": [0.5, most]})).mark_point().encode(y=y)
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", vl_convert.vegalite_to_svg(chart.to_dict()))
    labels = [label for label in drawn if label != "loss"]
    assert 2 <= len(labels) == len(set(labels))
    assert max(map(len, labels)) <= 8, labels
    assert all("…" not in label and "Y" not in label for label in labels)


def test_ticks_of_a_symlog_axis_start_at_initialisation() -> None:
    assert style.symlog_ticks(40) == [0, 1, 2, 5, 10, 20]
    assert style.symlog_ticks(5) == [0, 1, 2, 5]
    assert style.symlog_ticks(1800) == [0, 1, 10, 100, 1000]


def test_thinning_keeps_both_ends_and_the_limit() -> None:
    points = np.arange(10_001)
    for log in (False, True):
        kept = tables.thin(points, 50, log)
        assert (kept[0], kept[-1]) == (0, 10_000)
        assert len(kept) <= 50
        assert all(itertools.starmap(operator.lt, itertools.pairwise(kept)))
    assert tables.thin(points[:7], 50).tolist() == list(range(7))


def test_a_group_whose_loss_explodes_does_not_squash_the_others_and_the_chart_says_so() -> None:
    quiet = pd.DataFrame({"group": "calm", "run": 0, "epoch": range(5), "train_loss": [2.3, 1.0, 0.5, 0.2, 0.1]})
    loud = quiet.assign(group="loud", run=1, train_loss=[2.3, 40.0, 2337.0, math.nan, math.nan])
    epochs = pd.concat([quiet, loud])

    def drawn(whole: bool) -> tuple[float, str]:
        chart = convergence.learning_curves(epochs, groups=("calm", "loud"), log_y=True, whole=whole).to_dict()
        y = chart["layer"][0]["encoding"]["y"]
        return y["scale"]["domain"][1], " ".join(chart["title"]["subtitle"])

    high, said = drawn(whole=False)
    assert high < 23 * 1.2
    assert "beyond the axis: loud, up to 2,340" in said
    high, said = drawn(whole=True)
    assert high > 2337
    assert "beyond" not in said
