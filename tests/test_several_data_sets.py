"""Several data sets in one sweep: each network trains on one of them, as it would alone, and is told apart."""

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.experiment.data import data_of
from core.experiment.experiment import FIELDS, VARIED, Experiment, ExperimentError
from core.jobs.checkpoint import dump, restore
from core.jobs.plan import Work, recorded, segment, untrained
from core.jobs.running import run
from core.jobs.store import Store
from core.lessons import batch_size, effects, findings, signal_propagation
from core.lessons.effects import FOUR
from core.registries.own_data import own_data
from core.results import consistency, derived
from core.results.convergence import chance_loss, exploded_text, speed_up
from core.results.loading import load_result
from core.results.merging import merge
from core.results.report import report
from core.results.results import Result, ResultError, collect
from core.schema import SCHEMA
from tests.engine import assert_same_tables, change
from tests.pages.lessons import refused
from tests.pages.results import OF_A_RESULT, captions, charts, open_on

QUERY = (
    "dataset=iris,two_moons,parity:3&samples=40&noise=0.2&activation=tanh,logistic&initialiser=normal:1&hidden=5-4"
    "&learning_rate=0.5&batch_size=16,full&epochs=4&seeds=3&record=0,1,4&target=train_accuracy:0.8"
)
SEVERAL = Experiment.from_text(QUERY)
NAMES = ("iris", "two_moons", "parity:3")
BOTH = change(SEVERAL, dataset="iris,parity:3", samples=400, noise=0.1, epochs=1, record="log")


@pytest.fixture(scope="module")
def several() -> Result:
    return run(SEVERAL)


@pytest.fixture(scope="module")
def alone() -> dict[str, Result]:
    return {name: run(SEVERAL.on(name)) for name in NAMES}


# The setting


def test_one_data_set_is_written_as_before() -> None:
    one = Experiment(dataset="iris")  # type: ignore[arg-type]
    assert one == Experiment.from_text("dataset=iris") == Experiment.from_json('{"dataset": "iris"}')
    assert one.to_query() == "dataset=iris"
    assert one.dataset == ("iris",)
    assert "iris" not in one.groups()[0]
    assert one.in_words().endswith("40 epochs on iris")
    assert Experiment().to_query() == ""


def test_several_stand_in_links_json_groups_and_words() -> None:
    assert SEVERAL.dataset == NAMES
    assert Experiment.from_text(SEVERAL.to_query()) == Experiment.from_json(SEVERAL.to_json()) == SEVERAL
    assert "dataset=iris,two_moons,parity:3" in SEVERAL.to_query()
    assert SEVERAL.groups()[0] == "tanh · iris · batch 16"
    assert SEVERAL.in_words().startswith("2 activation functions × 3 data sets × ")
    assert SEVERAL.in_words().endswith("on iris, two_moons and parity:3")
    deep = replace(SEVERAL, hidden=((8,), (8, 8)))
    assert " × 2 networks × " in deep.in_words()


@pytest.mark.parametrize("name", VARIED)
def test_settings_that_vary_are_counted_in_the_plural(name: str) -> None:
    two = {"residual": "false,true", "normalisation": "none,layer", "gain": "1,2", "learning_rate": "0.1,0.2"}
    two |= {"dataset": "iris,wine", "activation": "tanh,relu", "initialiser": "zeros,he_normal", "hidden": "3,4"}
    two |= {"batch_size": "8,16", "optimiser": "sgd,adam", "bias_initialiser": "zeros,constant:1"}
    one = {"dataset": "iris", "activation": "tanh", "initialiser": "zeros"}
    said = Experiment.from_params(one | {name: two[name]}).in_words()
    assert re.match(r"2 (\w+ )*\w+s( of \w+( \w+)?)? × 5 seeds", said), said
    assert [run.dataset for run in SEVERAL.runs()] == sorted((r.dataset for r in SEVERAL.runs()), key=NAMES.index)


def test_a_setting_of_data_is_refused_only_where_none_of_them_has_it() -> None:
    assert SEVERAL.samples == 40
    assert SEVERAL.on("iris").samples == FIELDS["samples"].default
    assert SEVERAL.on("two_moons").samples == 40
    with pytest.raises(ExperimentError, match="samples: 40 has no effect on iris and wine"):
        Experiment.from_text("dataset=iris,wine&samples=40")
    with pytest.raises(ExperimentError, match="cannot be reached on parity without a test part"):
        Experiment.from_text("dataset=iris,parity&target=test_accuracy:0.9")
    with pytest.raises(ExperimentError, match="holds iris twice"):
        Experiment.from_text("dataset=iris,iris")
    with pytest.raises(ValueError, match="dataset is None; allowed: iris, two_moons, parity:3"):
        data_of(SEVERAL)


def test_the_cost_of_several_is_the_sum_of_their_own() -> None:
    cost, parts = SEVERAL.cost(), [SEVERAL.on(name).cost() for name in NAMES]
    for what in ("runs", "updates", "parameters", "flops", "seconds", "table_bytes"):
        assert getattr(cost, what) == pytest.approx(sum(getattr(part, what) for part in parts), rel=1e-6), what
    assert max(part.bytes for part in parts) < cost.bytes < sum(part.bytes for part in parts)


# Training


def test_each_run_is_to_the_bit_that_of_its_data_set_alone(several: Result, alone: dict[str, Result]) -> None:
    for name in NAMES:
        for table in SCHEMA:
            own, whole = alone[name].table(table), several.table(table)
            whole = whole[whole["dataset"] == name].reset_index(drop=True)
            places = ["run", "group", "seconds"]
            own, whole = (part.drop(columns=places, errors="ignore") for part in (own, whole))
            pd.testing.assert_frame_equal(whole, own, check_exact=True, obj=f"{table} of {name}")


def test_a_stopped_sweep_goes_on_with_the_data_of_each() -> None:
    works = untrained(SEVERAL, 2)
    assert {len({run.dataset for run in work.chunk.runs}) for work in works} == {1}

    def advance(works: list[Work]) -> list[Work]:
        for work in works:
            if not work.finished:
                assert work.state is not None
                work.take(segment(work.state, 1))
        return works

    stopped = restore(dump(advance(works)), SEVERAL)
    while not all(work.finished for work in stopped):
        advance(stopped)
    assert_same_tables(collect(SEVERAL, recorded(stopped)), run(SEVERAL))


def test_results_of_one_data_set_each_merge_to_that_of_both_and_are_reused(tmp_path: Path) -> None:
    both = change(SEVERAL, dataset="iris,wine", samples=400, noise=0.1, epochs=1, record="log", batch_size=32)
    store = Store(tmp_path, 10**9)
    parts = [run(both.on(name), store=store) for name in both.dataset]
    assert_same_tables(merge(parts), run(both))
    trained: list[object] = []
    again = run(both, store=store, progress=trained.append)
    assert trained == [], "nothing is trained twice"
    assert_same_tables(again, merge(parts))


def test_own_data_go_beside_the_labs(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2
    names = own_data("mine", x, y).name, own_data("mine too", x + 1, y).name
    experiment = Experiment.from_text(f"dataset=iris,{names[0]}&hidden=3&epochs=1&seeds=1&initialiser=normal:1")
    assert experiment.own_table == names[0]
    assert len(experiment.notes()) == 1
    result = run(experiment)
    file = io.BytesIO()
    result.to_zip(file, data=True)
    assert_same_tables(load_result(file), result)
    with pytest.raises(ExperimentError, match="one table of somebody's own, beside any of the lab's data sets"):
        Experiment(dataset=names)


# Files


def test_a_file_opens_and_swapped_data_sets_are_found_out(several: Result) -> None:
    file = io.BytesIO()
    several.to_zip(file)
    assert_same_tables(load_result(file), several)
    swap = {"iris": "two_moons", "two_moons": "iris", "parity:3": "parity:3"}
    for table in SCHEMA:
        rows = several.table(table)
        swapped = change_table(several, table, rows.assign(dataset=rows["dataset"].map(swap).astype("str")))
        with pytest.raises(ResultError, match=f"{table}.csv: dataset is "):
            consistency.check(swapped)
    numbers = several.layers.assign(fan_in=several.layers["fan_in"].mask(several.layers["fan_in"] == 4, 2))
    with pytest.raises(ResultError, match=r"layers.csv: fan_in is 2 .* allowed: 4 by experiment.json"):
        consistency.check(change_table(several, "layers", numbers))
    accuracy = several.epochs.assign(train_accuracy=several.epochs["train_accuracy"].where(
        several.epochs["dataset"] != "parity:3", 1 / 32
    ))  # fmt: skip
    with pytest.raises(ResultError, match="whole numbers of the 8 examples"):
        derived._check_shares(change_table(several, "epochs", accuracy))


def change_table(result: Result, name: str, table: pd.DataFrame) -> Result:
    return replace(result, **{name: table})  # type: ignore[arg-type]


# What is said


def test_each_run_is_held_against_chance_on_its_own_data(several: Result) -> None:
    assert chance_loss(SEVERAL, "iris") == pytest.approx(np.log(3))
    assert chance_loss(SEVERAL, "parity:3") == pytest.approx(np.log(2))
    blown = several.runs.assign(final_train_loss=8.0, diverged_at=np.nan)  # ten times log 2, not ten times log 3
    told = exploded_text(change_table(several, "runs", blown))
    assert "two_moons" in told.partition("Their training loss")[0]
    assert "iris" not in told.partition("Their training loss")[0]
    assert "(1.1 on iris, 0.693 on two_moons and 0.693 on parity:3)" in told


def test_theory_is_given_the_inputs_of_each(several: Result, alone: dict[str, Result]) -> None:
    table = signal_propagation.by_layer(several)
    for name in NAMES:
        x = data_of(SEVERAL, name).train_x[: SEVERAL.probe]
        assert signal_propagation.inputs(SEVERAL, name).mean_square == pytest.approx(np.square(x).mean())
        own = signal_propagation.by_layer(alone[name])
        assert table.loc[table["dataset"] == name, "predicted"].tolist() == own["predicted"].tolist()
        part = batch_size.feeding(several, 0, 1)
        assert (
            part.loc[part["dataset"] == name, "limit"].tolist()
            == batch_size.feeding(alone[name], 0, 1)["limit"].tolist()
        )


def test_places_and_speed_ups_are_of_one_data_set(several: Result, alone: dict[str, Result]) -> None:
    table = report(several)
    for name in NAMES:
        own, of_all = report(alone[name]), table[table["dataset"] == name]
        assert of_all["place"].tolist() == pytest.approx(own["place"].tolist(), nan_ok=True)
    assert table["dataset"].tolist() == sorted(table["dataset"], key=NAMES.index)
    speeds = speed_up(several.runs, SEVERAL.groups()[0])
    others = speeds[~speeds["group"].str.contains("iris")]
    assert others["ratio"].isna().all()
    assert set(others["text"]) == {"on two_moons: other data", "on parity:3: other data"}
    assert speeds.loc[speeds["group"].str.contains("iris"), "pairs"].eq(3).all()


def test_findings_speak_of_each_data_set_by_itself(several: Result, alone: dict[str, Result]) -> None:
    said = findings.runs(several)
    for name in ("iris", "two_moons"):
        assert f"On {name}, best median test accuracy: " in said.evidence
    assert "On parity:3, nothing is kept back for testing." in said.evidence
    assert "on iris, two_moons and parity:3; " in said.limits
    fastest = findings.convergence(several).evidence
    assert all(f"On {name}, " in fastest for name in NAMES)
    for name in NAMES:
        assert "On " not in findings.convergence(alone[name]).evidence


@pytest.mark.parametrize("page", OF_A_RESULT)
def test_every_page_opens_on_several_data_sets(monkeypatch: pytest.MonkeyPatch, several: Result, page: str) -> None:
    at = open_on(monkeypatch, page, several)
    assert not at.exception
    assert refused(at) == []
    assert "nan" not in " ".join(element.value for element in (*at.main.markdown, *at.caption)).split()
    if page not in ("two_by_two", "runs"):
        assert charts(at)


def test_the_curves_of_the_test_part_are_of_those_that_have_one(
    monkeypatch: pytest.MonkeyPatch, several: Result
) -> None:
    at = open_on(monkeypatch, "convergence", several, measure="test")
    assert "On parity:3 nothing is kept back for testing." in captions(at).replace("\\", "")


def test_the_2x2_is_of_one_data_set_and_of_test_accuracies_only_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = run(change(BOTH, activation=(*FOUR, "tanh"), batch_size="full"))
    networks = effects.settings(result.runs)
    assert [name.rpartition(" · ")[2] for name in networks] == ["iris", "parity:3"]
    assert [runs["dataset"].unique().tolist() for runs in networks.values()] == [["iris"], ["parity:3"]]
    for name, untested in zip(networks, (False, True), strict=True):
        at = open_on(monkeypatch, "two_by_two", result, outcome="final_test_accuracy")
        at.selectbox(key="view_network").set_value(name).run()
        assert not at.exception
        assert ("Nothing is kept back for testing here" in captions(at)) == untested
        assert (charts(at) == 0) == untested
