"""A network that is watched: the numbers of its run, surfaces by a forward pass by hand, pictures that others read."""

import base64
import io
import itertools
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA

from core.charts import watching as charts
from core.engine import watching
from core.engine.training import advance, by_update, start
from core.engine.watching import EPOCHS, FRAMES, UPDATES, Film, alone, decided, film, passed, plane
from core.experiment.experiment import Experiment
from core.lessons import watching as lesson
from core.results.results import Result
from tests.engine import change, data_of, train
from tests.test_training import DIVERGING

MOONS = change(
    Experiment(), dataset="two_moons", samples=60, hidden="5-2", activation="tanh,logistic",
    initialiser="glorot_uniform,constant:0.5", epochs=8, seeds=2, batch_size=16, record="every",
)  # fmt: skip
BLOBS = change(MOONS, dataset="gaussian:4:3", activation="tanh", initialiser="glorot_uniform", hidden="4")


@pytest.fixture(scope="module")
def result() -> Result:
    return train(MOONS)


def filmed(experiment: Experiment, group: int = 0, clock: str = EPOCHS, begin: int = 0, **settings: Any) -> Film:
    single = alone(experiment, experiment.groups()[group], experiment.first_seed)
    return film(change(single, **settings), data_of(experiment), clock, begin)


def by_hand(taken: Film, frame: int, x: NDArray[Any]) -> list[NDArray[Any]]:
    """What every layer of a tanh network gives out, the logits last."""
    values, last = [x], len(taken.weights) - 1
    for place, w in enumerate(taken.weights):
        a = values[-1] @ w[frame, :, :-1].T.astype(np.float64) + w[frame, :, -1]
        values.append(a if place == last else np.tanh(a))
    return values[1:]


@pytest.mark.parametrize("group", range(4))
@pytest.mark.parametrize("seed", [0, 1])
def test_a_frame_has_the_numbers_and_the_weights_of_the_recorded_run_to_the_bit(
    result: Result, group: int, seed: int
) -> None:
    name = MOONS.groups()[group]
    run = result.runs[(result.runs["group"] == name) & (result.runs["seed"] == seed)]["run"].item()
    own = result.epochs[result.epochs["run"] == run].set_index("update")
    layers = result.layers[result.layers["run"] == run]
    for clock, begin in ((EPOCHS, 0), (UPDATES, 3)):
        taken = film(alone(MOONS, name, seed), data_of(MOONS), clock, begin)
        times = lesson.times(taken, name).set_index("update")
        met = own.index.intersection(times.index)
        assert len(met) == (9 if clock == EPOCHS else 6)
        for column in ("train_loss", "train_accuracy", "test_loss"):
            assert times.loc[met, column].tolist() == own.loc[met, column].tolist()
        if clock == EPOCHS:
            seen = lesson.layers(taken, name)
            for column in lesson.MEASURES.values():
                np.testing.assert_array_equal(seen[column], layers[column])
    for (W, b), (W2, b2) in zip(result.weights(run, 8), watching.parameters(taken, len(taken) - 1), strict=True):
        np.testing.assert_array_equal(W, W2)
        np.testing.assert_array_equal(b, b2)


def test_standard_statistics_and_a_seed_of_no_run_are_watched_as_well() -> None:
    standard = change(MOONS, statistics="standard", activation="tanh", initialiser="glorot_uniform", first_seed=7)
    again = train(change(standard, seeds=1))
    fresh = film(alone(change(standard, first_seed=0), standard.groups()[0], 7), data_of(MOONS))
    losses = lesson.times(fresh, "")["train_loss"].tolist()
    assert losses == again.epochs["train_loss"].tolist()


def test_going_on_by_updates_leaves_the_state_as_it_was_and_ends_where_an_epoch_ends() -> None:
    single = alone(MOONS, MOONS.groups()[0], 0)
    state, _ = advance(start(single, single.runs(), data_of(single)), 2)
    before = [w.copy() for w in state.weights]
    after, _ = advance(state, 1)
    seen = [now.update for now in by_update(state)]
    last = list(by_update(state))[-1]
    assert seen == [7, 8, 9]
    for kept, old, now, expected in zip(state.weights, before, last.weights, after.weights, strict=True):
        np.testing.assert_array_equal(kept, old)
        np.testing.assert_array_equal(now, expected)


def test_surfaces_are_a_forward_pass_by_hand() -> None:
    taken = filmed(BLOBS)
    across = plane(data_of(BLOBS), (0, 2))
    places, inputs = across.grid(7)
    np.testing.assert_allclose(inputs[:, [1, 3]], np.tile(data_of(BLOBS).train_x.mean(axis=0)[[1, 3]], (49, 1)))
    np.testing.assert_array_equal(inputs[:, [0, 2]], places)
    logits = passed(taken, inputs)
    for frame in (0, 5, 8):
        hidden, out = by_hand(taken, frame, inputs)
        np.testing.assert_allclose(passed(taken, inputs, 1)[frame], hidden, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(logits[frame], out, rtol=1e-4, atol=1e-5)
    shares = np.exp(logits.astype(np.float64))
    shares /= shares.sum(axis=-1, keepdims=True)
    found, sure = decided(logits, "cross_entropy")
    np.testing.assert_array_equal(found, shares.argmax(axis=-1))
    np.testing.assert_allclose(sure, (shares.max(axis=-1) - 1 / 3) / (2 / 3), atol=1e-12)
    table = lesson.decision(taken, across)
    assert len(table) == 9 * lesson.SURFACE**2
    assert set(table["class"]) <= {0, 1, 2}


def test_one_output_decides_at_a_half_and_squared_errors_by_their_largest_output() -> None:
    found, sure = decided(np.array([[-2.0], [0.0], [1e3]]), "cross_entropy")
    assert found.tolist() == [0, 0, 1]
    np.testing.assert_allclose(sure, [1 - 2 / (1 + np.exp(2)), 0, 1])
    found, sure = decided(np.array([[-1.0, 3.0, 0.0]]), "squared_error")
    assert found.tolist() == [1]
    np.testing.assert_allclose(sure, 1 / (1 + np.exp(-3)))


def test_the_principal_plane_is_that_of_scikit_learn_up_to_signs() -> None:
    x = data_of(BLOBS).train_x
    ours, theirs = plane(data_of(BLOBS)), PCA(2).fit(x)
    np.testing.assert_allclose(np.abs(ours.axes @ theirs.components_.T), np.eye(2), atol=1e-9)
    np.testing.assert_allclose(np.abs(ours.at), np.abs(theirs.transform(x)), atol=1e-9)
    np.testing.assert_allclose(ours.base, theirs.mean_)


def test_units_that_start_equal_are_seen_to_stay_equal_and_others_not() -> None:
    equal, free = (filmed(MOONS, group) for group in (1, 0))
    across = plane(data_of(MOONS))
    for frame in range(len(equal)):
        assert lesson.twins(equal, frame) == [5, 2]
        assert lesson.twins(free, frame) == [0, 0]
    table = lesson.units(equal, across, 1)
    surfaces = [own["activation"].tolist() for _, own in table.groupby("unit")]
    assert len(surfaces) == 5
    assert all(surface == surfaces[0] for surface in surfaces)
    assert "All 5 units in the 1st hidden layer and all 2 units in the 2nd hidden layer have" in lesson.summary(equal)
    assert "the very weights" not in lesson.summary(free)
    losses = lesson.times(free, "")["train_loss"]
    assert ("falls" in lesson.summary(free)) == (losses.iloc[-1] < losses.iloc[0])


def test_a_layer_of_two_units_bends_the_plane_as_its_units_say() -> None:
    taken, across = filmed(MOONS), plane(data_of(MOONS))
    table = lesson.bent(taken, across, 2)
    drawn = table[(table["kind"] == "example") & (table["frame"] == 8)]
    _, expected, _ = by_hand(taken, 8, data_of(MOONS).train_x)
    np.testing.assert_allclose(drawn[["h1", "h2"]], expected, rtol=1e-4, atol=1e-5)
    assert drawn["class"].tolist() == data_of(MOONS).train_y.tolist()


def test_histograms_count_every_unit_on_every_example_of_the_probe() -> None:
    table = lesson.histograms(filmed(MOONS, probe=10), "preactivation")
    assert (table.groupby(["frame", "layer"])["count"].sum().unstack() == [50, 20, 10]).all(axis=None)
    assert np.isfinite(table).all(axis=None)


def test_what_is_too_large_or_too_long_is_refused_with_its_limit() -> None:
    wide, long = (
        alone(e, e.groups()[0], 0)
        for e in (change(BLOBS, hidden="200-200"), change(BLOBS, hidden="64", batch_size=1, epochs=10_000))
    )
    with pytest.raises(ValueError, match=r"networks of up to 20,000 weights and biases; this one has 41,803"):
        film(wide, data_of(BLOBS))
    with pytest.raises(ValueError, match=r"trained anew, which may take up to 10 s; this network would take about"):
        film(long, data_of(BLOBS))
    with pytest.raises(
        ValueError, match=r"clock is 'hours' from epoch 0; allowed: epochs or updates, from epoch 0 to 7"
    ):
        filmed(BLOBS, clock="hours")
    with pytest.raises(ValueError, match=r"group is 'nobody'; allowed: tanh"):
        alone(MOONS, "nobody", 0)


def test_a_film_is_bounded_and_ends_at_the_last_epoch() -> None:
    many = filmed(change(BLOBS, epochs=130))
    epochs = [record.epoch for record in many.records]
    assert len(many) <= FRAMES + 1
    assert (epochs[0], epochs[-1]) == (0, 130)
    assert len({b - a for a, b in itertools.pairwise(epochs[:-1])}) == 1
    assert len(filmed(change(BLOBS, epochs=130), clock=UPDATES)) == FRAMES + 1


def test_a_run_that_diverges_ends_before_that_and_it_is_said() -> None:
    runs = train(DIVERGING).runs
    lost = runs[runs["diverged_at"] > 0].iloc[0]
    first = str(lost["group"])
    taken = film(alone(DIVERGING, first, int(lost["seed"])), data_of(DIVERGING))
    assert taken.lost
    assert taken.records[-1].update < lost["diverged_at"]
    assert np.isfinite(lesson.times(taken, first)["train_loss"]).all()
    assert lesson.summary(taken).endswith("Then the run diverged.")


def test_a_picture_is_what_another_library_reads() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    kind, _, text = charts.png(pixels).partition(",")
    assert kind == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))), pixels)


def test_the_decision_surface_has_the_colour_of_the_class_and_is_paler_where_it_is_less_sure() -> None:
    taken, across = filmed(MOONS), plane(data_of(MOONS))
    table = lesson.decision(taken, across)
    names = data_of(MOONS).class_names
    drawn = charts.decision(
        table, examples=lesson.examples(across, names), names=across.names, title="", slider="#one"
    ).to_dict()
    pictures = drawn["datasets"][drawn["layer"][0]["data"]["name"]]
    assert [row["frame"] for row in pictures] == list(range(9))
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures[8]["image"].partition(",")[2]))), float)
    last = table[table["frame"] == 8]
    size = lesson.SURFACE
    found = last["class"].to_numpy().reshape(size, size)[::-1]
    np.testing.assert_array_equal(found == 0, pixels[..., 2] > pixels[..., 0])  # blue is the first class
    sure = last["sure"].to_numpy().reshape(size, size)[::-1]
    assert np.corrcoef(sure[found == 0], pixels[found == 0][:, 0])[0, 1] < -0.99


def test_every_chart_follows_the_player_and_is_whole() -> None:
    taken, across = filmed(MOONS), plane(data_of(MOONS))
    groups = MOONS.groups()
    drawn = (
        charts.units(lesson.units(taken, across, 1), layer=1, of=5, slider="#one"),
        charts.weights(lesson.heat(taken), slider="#one"),
        charts.histogram(lesson.histograms(taken, "activation"), of="activation", slider="#one"),
        charts.bent(lesson.bent(taken, across, 2), layer=2, names=data_of(MOONS).class_names, slider="#one"),
        *(
            charts.over_time(
                table, column=column, of=column, time="epoch", groups=groups, slider="#one"
            )
            for table, column in (
                (lesson.times(taken, groups[0]), "train_loss"),
                (lesson.layers(taken, groups[0]), "saturated"),
                (lesson.layers(taken, groups[0]).assign(saturated=np.nan), "saturated"),
            )
        ),
    )  # fmt: skip
    for chart in drawn:
        spec = chart.to_dict()  # checked against the schema of Vega-Lite
        assert spec["params"] == [{"name": "frame", "value": 0, "bind": {"element": "#one", "event": "input"}}]
    assert (
        charts.weights(lesson.heat(taken), slider="#a").to_dict()
        == charts.weights(lesson.heat(taken), slider="#a").to_dict()
    )


def test_a_loss_that_looks_the_same_is_not_said_to_rise_and_a_film_of_one_frame_goes_nowhere() -> None:
    still = filmed(change(MOONS, learning_rate=1e-9, epochs=1))
    assert re.search(r"to update \d+ the training loss stays at [\d.]+\.", lesson.summary(still))
    one = replace(still, records=still.records[:1], weights=[layer[:1] for layer in still.weights], lost=True)
    assert re.search(r"^At update 0 the training loss is [\d.]+\. ", lesson.summary(one))
    assert lesson.summary(one).endswith("Then the run diverged.")
