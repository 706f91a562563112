"""The page Compare, without a browser: how the other result is chosen, what is said of the two, and what is refused."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import FIELDS, Experiment
from core.experiment.presets import PRESETS
from core.jobs.job import Job
from core.jobs.jobs import Jobs
from core.jobs.store import Store
from core.lessons import pairing
from core.results.results import Result
from core.settings import Settings
from pages.parts import training
from pages.parts.catalogue import Compare, Runs
from pages.parts.controls import Given
from pages.parts.session import KEY, Session
from pages.parts.upload import Upload
from tests.engine import train
from tests.pages.lessons import ROOT
from tests.pages.results import captions, open_on
from tests.processes import PATIENCE

A = Experiment.from_params({"dataset": "iris", "hidden": "4-4", "epochs": "3", "seeds": "3", "learning_rate": "0.5"})
B = Experiment.from_params(A.to_params() | {"optimiser": "momentum"})


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """A registry that trains in threads of this process, each experiment once for all tests."""
    settings = Settings(store=tmp_path_factory.mktemp("store"))
    with ThreadPoolExecutor(2) as executor, Jobs(settings, Store(settings.store), executor=executor) as registry:
        assert registry.submit(A, "somebody").wait(PATIENCE)
        yield registry


@pytest.fixture
def compare(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page on A."""
    monkeypatch.setattr(training, "registry", lambda: jobs)
    at = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=PATIENCE)
    at.query_params.update(A.to_params())
    at.switch_page("pages/compare.py")
    return at


def session_of(at: AppTest) -> Session:
    held: Session = at.session_state[KEY]
    return held


def said(at: AppTest) -> str:
    return "\n".join(element.value for element in [*at.markdown, *at.caption, *at.text, *at.info])


def shown(at: AppTest, **parameters: str) -> str:
    """What the page says with these parameters in its link, once what it trains is trained."""
    at.query_params.update(parameters)
    at.run()
    source = session_of(at).source
    assert not isinstance(source, Job) or source.wait(PATIENCE)
    at.run()
    assert not at.exception
    assert not at.error
    return said(at)


def table(at: AppTest, column: str) -> pd.DataFrame:
    """The first table on the page that has this column."""
    found: pd.DataFrame = next(each.value for each in at.dataframe if column in each.value)
    return found


def test_b_is_chosen_by_a_pasted_link_trained_beside_a_and_kept_in_the_link(compare: AppTest, jobs: Jobs) -> None:
    at = compare
    assert "choose what to compare it with" in shown(at)
    at.text_input(key="other_link").set_value(f"https://lab.example/convergence?{B.to_query()}&smoothing=3").run()
    assert at.query_params["against"] == B.to_query()
    assert "B is not trained yet" in captions(at)
    at.button(key="train_other").click().run()
    job = jobs.get(B.key)
    assert job is not None
    assert job.wait(PATIENCE)
    text = shown(at)
    assert session_of(at).experiment == A
    assert re.search(r"B needed fewer updates than A in \d of 6 pairs of groups", text)
    assert "needed to reach the target, training accuracy ≥ 0.9" in captions(at)
    assert "6 pairs of groups in every measure" in captions(at)
    assert "3 seeds a group, paired" in text.replace("\\", "")
    assert table(at, "A").to_numpy().tolist() == [["Optimisers", "sgd", "momentum"]]
    assert len(table(at, "both")) == len(FIELDS) - 1
    assert [chart.proto.alt[:12] for chart in at.get("vega_lite_chart")] == ["Times fewer ", "Training los"]
    at.multiselect(key="view_pairs").set_value(["tanh · normal:1"]).run()
    assert at.query_params["pairs"] == "tanh~normal:1"
    assert "1 seed" not in said(at)
    at.segmented_control(key="view_measure").set_value("test accuracy").run()
    assert at.query_params["measure"] == "test_accuracy"
    assert at.get("vega_lite_chart")[1].proto.alt.startswith("Test accuracy: A solid, B dashed")


def test_whoever_opens_the_link_sees_the_same_comparison(compare: AppTest, jobs: Jobs) -> None:
    assert jobs.submit(B, "somebody").wait(PATIENCE)
    text = shown(compare, against=B.to_query())
    assert "of 6 pairs of groups" in text
    own = table_of(compare)
    known = pairing.table(of(jobs, A), of(jobs, B), pairing.pairs(A, B))
    pd.testing.assert_frame_equal(own, known)
    assert len(own) == 6 * 5


def table_of(at: AppTest) -> pd.DataFrame:
    """The rows of the comparison's file."""
    label = [button.proto.label for button in at.get("download_button")]
    assert label.count("CSV of the comparison") == 1
    here = session_of(at)
    assert here.source is not None
    assert here.other is not None
    first, second = here.source.latest()[0], here.other.latest()[0]
    assert first is not None
    assert second is not None
    return pairing.table(first, second, pairing.pairs(first.experiment, second.experiment))


def of(jobs: Jobs, experiment: Experiment) -> Result:
    job = jobs.submit(experiment, "somebody")
    assert job.wait(PATIENCE)
    result = job.result()
    assert result is not None
    return result


def test_what_was_on_the_screen_before_can_be_chosen(compare: AppTest) -> None:
    at = compare
    shown(at)
    at.query_params["optimiser"] = "momentum"
    shown(at)
    recent = at.selectbox(key="recent")
    assert [option for option in recent.options if "just now" in option]
    recent.set_value(A).run()
    assert at.query_params["against"] == A.to_query()
    assert session_of(at).experiment == B
    assert not at.exception
    assert "of 6 pairs of groups" in said(at)


def test_what_cannot_be_compared_is_said(compare: AppTest) -> None:
    at = compare
    assert "A and B are the same result" in shown(at, against=A.to_query())
    at.text_input(key="other_link").set_value("activation=tanhh").run()
    assert not at.exception
    assert any("did you mean 'tanh'?" in element.value for element in at.text)
    assert at.query_params["against"] == A.to_query()
    text = shown(at, against="hidden=nonsense")
    assert "against: 'hidden=nonsense' is no experiment" in text
    assert "against" not in at.query_params


def test_where_no_group_is_in_both_one_of_each_is_chosen_by_hand(compare: AppTest, jobs: Jobs) -> None:
    other = replace(A, activation=("relu", "softsign"), loss="squared_error", first_seed=50)
    assert jobs.submit(other, "somebody").wait(PATIENCE)
    text = shown(compare, against=other.to_query())
    assert "No group of A has the settings of a group of B" in text
    assert "no seed is in both" in text.replace("\\", "")
    compare.selectbox(key="view_group_b").set_value("relu · normal:1").run()
    assert compare.query_params["group_b"] == "relu~normal:1"
    text = said(compare).replace("\\", "")
    assert "logistic · normal:0.01 / relu · normal:1: " in text
    assert "Not compared: A has the loss cross_entropy, B squared_error" in text


def test_a_file_can_be_b_and_is_said_to_be_one(compare: AppTest, jobs: Jobs) -> None:
    shown(compare, against=B.to_query())
    session_of(compare).other = Upload(of(jobs, B), "mine **bold**.zip", "digest")
    text = shown(compare)
    assert "mine **bold**.zip" in text
    assert "of 6 pairs of groups" in text
    compare.button(key="leave_other").click().run()
    assert "against" not in compare.query_params


def test_every_text_of_an_experiment_reads_back_from_the_link() -> None:
    given = Given(A, {})
    for experiment in (Experiment(), A, B, *(preset.experiment for preset in PRESETS.values())):
        text = Compare.written(experiment)
        assert Compare.against.read("against", text, given) == (text, None)
        assert Compare.other(Given(A, {"against": text})) == experiment
        whole = f"http://127.0.0.1:1/runs?{experiment.to_query()}&sort=run#top"
        assert Compare.against.read("against", whole, given) == (text, None)
        assert Compare.against.read("against", experiment.to_json(), given) == (text, None)
    for wrong in ("nonsense", "activation=tanhh", "{", "seeds=0", "dataset=own:0123456789abcdef"):
        value, error = Compare.against.read("against", wrong, given)
        assert (value, error and error.field) == ("", "against")
    for text, kept in (("0", "0"), ("007", "7"), ("17", "17"), ("18", ""), ("-1", ""), ("1.0", ""), ("²", "")):
        value, error = Runs.run.read("run", text, given)
        assert (value, error is None) == (kept, bool(kept))


@pytest.mark.parametrize("name", ["saturation", "signal_propagation", "gradient_signs", "convergence"])
def test_a_baseline_is_marked_in_every_chart_of_the_groups(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    result = small()
    at = open_on(monkeypatch, name, result, baseline="tanh")
    specs = [chart.proto.spec for chart in at.get("vega_lite_chart")]
    assert sum("tanh (baseline)" in spec for spec in specs) >= 3
    assert not at.exception
    at.multiselect(key="view_groups").set_value(["relu", "logistic"]).run()
    assert "The baseline, tanh, is not among the run groups shown" in captions(at)
    assert not any("(baseline)" in chart.proto.spec for chart in at.get("vega_lite_chart")[:2])
    assert at.session_state[KEY].texts["runs"]["baseline"] == "tanh", "one choice for every page"
    at = open_on(monkeypatch, name, result, baseline="softsign")
    assert any("baseline: 'softsign' is not a choice here" in element.value for element in at.text)


def test_runs_are_listed_beside_the_baseline_and_a_run_has_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    result = small()
    at = open_on(monkeypatch, "runs", result, baseline="tanh", run="3")
    runs = at.dataframe(key="runs").value
    assert runs.loc[runs["run"].isin([2, 3]), "train_loss_difference"].eq(0).all()
    assert table(at, "value").set_index("setting")["value"]["First seed"] == "1"
    layers = table(at, "weight_rms")
    own = result.layers[(result.layers["run"] == 3) & (result.layers["epoch"] == 2)]
    assert layers["weight_rms"].tolist() == own["weight_rms"].tolist()
    at.select_slider(key="view_at").set_value(0).run()
    start = result.layers[(result.layers["run"] == 3) & (result.layers["epoch"] == 0)]
    assert table(at, "weight_rms")["weight_rms"].tolist() == start["weight_rms"].tolist()
    alone = result.experiment.alone(result.experiment.runs()[3])
    assert any(code.value.endswith(f"?{alone.to_query()}") for code in at.code)
    at.button(key="train_alone").click().run()
    assert at.session_state["asked_for"] == [alone]
    at = open_on(monkeypatch, "runs", result, run="3")
    at.button(key="close_card").click().run()
    assert "run" not in at.query_params
    assert not at.dataframe(key="runs").value.columns.isin(["times_fewer_updates"]).any()
    at = open_on(monkeypatch, "runs", result, run="6")
    assert any("run: '6' is not the number of a run here" in element.value for element in at.text)


@lru_cache
def small() -> Result:
    settings = {"dataset": "iris", "hidden": "4-4", "epochs": "2", "seeds": "2", "initialiser": "normal:1"}
    return train(
        Experiment.from_params(settings | {"activation": "logistic,tanh,relu", "target": "train_accuracy:0.2"})
    )
