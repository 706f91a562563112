"""Watch it learn: a small network frame by frame, or two side by side, played in the browser."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.charts import picture
from core.charts import watching as charts
from core.charts.style import NO_HIDDEN, NOTHING
from core.engine import watching as engine
from core.engine.watching import UPDATES, Film, Plane
from core.experiment.data import data_of
from core.experiment.experiment import Experiment
from core.jobs.pool import JobError
from core.lessons import watching
from core.lessons.watching import MEASURES
from core.registries.datasets import Data
from core.text import count, verb
from pages.parts import chart, film, link, notices, own_table, save, session, training, turns, view
from pages.parts import lesson as page
from pages.parts.catalogue import Watch

QUICK = 0.5
"""Seconds of training up to which no worker is asked."""
KEPT = 16
"""Films that are kept for all visitors, with their charts: 1 to 3 MB each."""
QUANTITIES = {"preactivation": "pre-activation", "activation": "activation"}
Chart = tuple[Callable[[], Any], Callable[[], pd.DataFrame]]


@dataclass(frozen=True, eq=False)
class _Watched:
    """A film with its charts, which its page shows as they are."""

    film: Film
    charts: dict[str, dict[str, Any]]


def _chosen() -> list[str]:
    """The groups that are watched; and the seed is placed beside them."""
    left, middle, right = st.columns(3)
    with left:
        groups = [view.place(Watch.group)]
    with middle:
        other = view.place(Watch.beside)
    with right:
        view.place(Watch.seed)
    return groups if other in (Watch.NOBODY, groups[0]) else [*groups, other]


def _next_seed() -> None:
    view.set_to(Watch.seed, min(view.value(Watch.seed) + 1, Watch.seed.options(link.given())[-1]))


def _clock() -> tuple[str, int]:
    """What lies between two frames, and after which epoch single updates begin."""
    left, right = st.columns(2)
    with left, st.container(horizontal=True, vertical_alignment="bottom"):
        clock = view.place(Watch.clock)
        st.button("Next seed", key="next_seed", on_click=_next_seed, icon=":material/casino:")
    with right:
        begin = view.place(Watch.begin) if clock == UPDATES else 0
    return clock, begin


def _features(data: Data) -> tuple[int, ...]:
    """The features that span the plane: none stands for the principal one."""
    if len(data.feature_names) <= 2:
        return ()
    left, right = st.columns(2)
    with left:
        across = view.place(Watch.across)
    if across == Watch.PRINCIPAL:
        return ()
    with right:
        up = view.place(Watch.up)
    first = data.feature_names.index(across)
    second = data.feature_names.index(up)
    return first, second if second != first else int(first == 0)


def _film(experiment: Experiment, data: Data, clock: str, begin: int) -> Film:
    if experiment.cost().seconds < QUICK:
        return engine.film(experiment, data, clock, begin)
    with turns.waiting():
        return training.registry().call(engine.film, experiment, data, clock, begin)


def _drawn(taken: Film, plane: Plane, data: Data, layer: int, slider: str) -> dict[str, Chart]:
    """The charts of a film by name, each with the table behind it."""
    layer = min(layer, len(taken.run.hidden))
    found: dict[str, Chart] = {}

    def add(name: str, rows: Callable[[], pd.DataFrame], make: Callable[..., Any], **settings: Any) -> None:
        found[name] = (lambda: make(rows(), **settings, slider=slider), rows)

    add(
        "decision", lambda: watching.decision(taken, plane), charts.decision,
        examples=watching.examples(plane, data.class_names), names=plane.names, title="What it decides",
    )  # fmt: skip
    if layer:
        width = taken.run.hidden[layer - 1]
        add("units", lambda: watching.units(taken, plane, layer), charts.units, layer=layer, of=width)
        if width == 2:
            add("bent", lambda: watching.bent(taken, plane, layer), charts.bent, layer=layer, names=data.class_names)
    add("weights", lambda: watching.heat(taken), charts.weights)
    for quantity, words in QUANTITIES.items():
        if layer or quantity == "preactivation":
            add(quantity, partial(watching.histograms, taken, quantity), charts.histogram, of=words)
    return found


def _watched(
    experiment: Experiment, data: Data, plane: Plane, layer: int, clock: str, begin: int, slider: str
) -> _Watched:
    taken = _film(experiment, data, clock, begin)
    made = _drawn(taken, plane, data, layer, slider) if len(taken) else {}
    return _Watched(taken, {name: chart.specification(make()) for name, (make, _) in made.items()})


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _kept(key: str, _make: Callable[[], _Watched]) -> _Watched:
    return _make()


def _own(key: str, make: Callable[[], _Watched]) -> _Watched:
    """The same of a table of the visitor's own: what is made of it stays in the visitor's session."""
    held = session.current().watched
    if key not in held:
        for other in list(held)[:-1]:
            del held[other]
        held[key] = make()
    made: _Watched = held[key]
    return made


def _page() -> None:
    experiment = link.given().experiment
    if experiment.own_table and own_table.of(experiment) is None:
        st.info("This experiment is about a table of somebody's own: open the file under Own data first.")
        return
    groups = _chosen()
    clock, begin = _clock()
    seed = view.value(Watch.seed)
    frames = min(engine.most_frames(engine.alone(experiment, group, seed)) for group in groups)
    singles = [engine.alone(experiment, group, seed, frames) for group in groups]
    for group, single in zip(groups, singles, strict=True):
        if why := engine.refusal(single):
            notices.refused(f"{group} cannot be watched:", [why])
            return
    every = [data_of(single) for single in singles]
    features = _features(every[0])
    # Beside it there may be a network of another data set, which has other features.
    planes = [engine.plane(data, features if data is every[0] else ()) for data in every]
    layer = view.place(Watch.layer) if any(single.hidden[0] for single in singles) else 0
    key = f"{[single.key for single in singles]} {clock} {begin} {features} {layer}"
    slider = film.slider_of(key)
    try:
        made = [
            (_own if single.own_table else _kept)(
                f"{single.key} {key}", partial(_watched, single, data, plane, layer, clock, begin, slider)
            )
            for single, data, plane in zip(singles, every, planes, strict=True)
        ]
    except JobError as error:
        notices.refused("This network is not trained here:", [str(error)])
        return
    films = [each.film for each in made]
    if not all(map(len, films)):
        st.info("The run had diverged at initialisation: there is nothing to watch.")
        return
    _player(films, groups, key, clock)
    places = st.columns(len(made))
    for number, (column, group) in enumerate(zip(places, groups, strict=True)):
        with column:
            st.subheader(group)
            of = "" if number == 0 else "_beside"
            _one(made[number], planes[number], every[number], layer, slider, of, 1 if len(made) > 1 else 2)
    _over_time(films, groups, clock, slider)


def _player(films: list[Film], groups: list[str], key: str, clock: str) -> None:
    """The player, with what is said of each frame of each film."""
    said = [watching.words(taken) for taken in films]
    longest = max(map(len, said))
    of = [f"{group}: " if len(groups) > 1 else "" for group in groups]
    lines = ["\n".join(f"{name}{each[min(i, len(each) - 1)]}" for name, each in zip(of, said, strict=True))
             for i in range(longest)]  # fmt: skip
    records = films[0].records
    apart = records[1].epoch - records[0].epoch if len(records) > 1 else 1
    if clock == UPDATES:
        experiment = films[0].experiment
        step, epoch = (
            "update",
            experiment.updates_per_epoch(experiment.part_sizes(films[0].run.dataset)[0], films[0].run.batch_size),
        )
    else:
        step, epoch = "epoch" if apart == 1 else f"frame ({apart} epochs)", 0
    film.player(Watch.frame, key, lines, step, epoch)


def _one(made: _Watched, plane: Plane, data: Data, layer: int, slider: str, of: str, columns: int) -> None:
    """What a film comes to, and its charts in so many columns; `of` ends their names."""
    st.markdown(notices.told(watching.summary(made.film)))
    drawn = _drawn(made.film, plane, data, layer, slider)
    places = st.columns(columns)
    for place, (name, spec) in enumerate(made.charts.items()):
        with places[place % columns]:
            chart.show(f"{name}{of}_{slider}", spec)
            make, rows = drawn[name]
            plain = partial(_plain, make)
            save.menu(f"{name}{of}", rows, plain, of=made.film.experiment, frame=view.value(Watch.frame))
    through = (
        "the principal plane of the training inputs: through their mean, along the two directions in which they spread "
        "most; the examples are projected on it"
        if plane.names[0].startswith("principal")
        else f"{plane.names[0]} and {plane.names[1]}"
        + ("; the other features are held at their mean" if len(data.feature_names) > 2 else "")
    )
    shown = f"{count(len(plane.at), 'training example')} {verb(len(plane.at), 'is', 'are')} drawn"
    outer = "The outermost bars of a distribution hold all that lies beyond them."
    st.caption(notices.escaped(f"The surfaces are drawn over {through}. {shown}. {outer}"))


def _plain(make: Callable[[], Any]) -> dict[str, Any]:
    return picture.specification(make())


def _over_time(films: list[Film], groups: list[str], clock: str, slider: str) -> None:
    """The loss, and one measure of each layer, from the first frame to the last."""
    time = "update" if clock == UPDATES else "epoch"
    experiment = link.given().experiment
    every = experiment.groups()
    one = replace(experiment, seeds=1, first_seed=view.value(Watch.seed))
    of_films: dict[str, Any] = {"of": one, "frame": view.value(Watch.frame)}
    st.subheader("Loss and layers")
    left, right = st.columns(2)
    with left:
        table = pd.concat([watching.times(*each) for each in zip(films, groups, strict=True)])
        losses = charts.over_time(
            table, column="train_loss", of="training loss", time=time, groups=every, slider=slider
        )
        spec = chart.specification(losses)
        chart.show(f"loss_{slider}", spec)
        save.menu("loss", lambda: table, lambda: picture.specification(losses), **of_films)
    with right:
        measure = view.place(Watch.measure)
        layers = pd.concat([watching.layers(*each) for each in zip(films, groups, strict=True)])
        of = MEASURES[measure]
        why = NOTHING if any(single.experiment.hidden[0] for single in films) else NO_HIDDEN
        drawn = charts.over_time(layers, column=of, of=measure, time=time, groups=every, slider=slider, why=why)
        spec = chart.specification(drawn)
        chart.show(f"layers_{of}_{slider}", spec)
        save.menu("layers", lambda: layers, lambda: picture.specification(drawn), **of_films)


page.show("How does a network learn?", _page)
