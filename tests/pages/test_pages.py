"""Every page, run without a browser: first visit, links good and bad, form, presets, limits."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import FIELDS, Experiment
from core.experiment.presets import PRESETS
from core.jobs.job import Job
from core.jobs.jobs import Jobs
from core.jobs.store import Store
from core.settings import Settings
from pages.parts import training
from pages.parts.catalogue import PAGES, Entry
from pages.parts.session import KEY, Session
from tests.pages.results import menus
from tests.processes import PATIENCE, until

ROOT = Path(__file__).parents[2]
QUICK = {"dataset": "iris", "hidden": "4-4", "epochs": "2", "seeds": "2"}
OF_A_RESULT = [entry for entry in PAGES if entry.section == "Experiment"]
Open = Callable[..., AppTest]


def entry_of(path: str) -> Entry:
    return next(entry for entry in PAGES if entry.path == path)


OVERVIEW = entry_of("")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """A registry that trains in threads of this process, each experiment once for all tests."""
    settings = Settings(store=tmp_path_factory.mktemp("store"))
    store = Store(settings.store, settings.store_bytes)
    with ThreadPoolExecutor(2) as executor, Jobs(settings, store, executor=executor) as registry:
        yield registry


@pytest.fixture
def open_page(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a page with these query parameters, and wait until its experiment is trained."""
    monkeypatch.setattr(training, "registry", lambda: jobs)

    def open_one(entry: Entry = OVERVIEW, wait: bool = True, **parameters: str) -> AppTest:
        at = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=PATIENCE)
        at.query_params.update(parameters)
        if entry.path:
            at.switch_page(entry.script)
        at.run()
        if wait and (job := job_of(at)) is not None and at.get("progress"):
            assert job.wait(PATIENCE)
            at.run()
        assert_well(at)
        return at

    return open_one


def job_of(at: AppTest) -> Job | None:
    source = session_of(at).source
    assert source is None or isinstance(source, Job)
    return source


def session_of(at: AppTest) -> Session:
    held: Session = at.session_state[KEY]
    return held


def await_records(job: Job) -> None:
    until(lambda: job.records)


def with_form(at: AppTest) -> AppTest:
    """The page with every section of its form open."""
    for field in FIELDS.values():
        at.session_state[f"section_{field.section}"] = True
    return at.run()


def assert_well(at: AppTest) -> None:
    """Neither a traceback nor a page that could not be drawn."""
    assert [element.value for element in at.exception] == []
    assert [element.value for element in at.error] == []


def charts(at: AppTest) -> int:
    return len(at.get("vega_lite_chart"))


def notices(at: AppTest) -> str:
    return "\n".join(element.value for element in at.text)


@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.script)
def test_a_page_opens_with_its_question_and_without_a_notice(open_page: Open, entry: Entry) -> None:
    at = open_page(entry, **QUICK)
    assert len(at.title) == 1
    assert not at.warning
    assert notices(at) == ""


@pytest.mark.parametrize("entry", OF_A_RESULT, ids=lambda entry: entry.path)
def test_a_page_on_a_result_shows_a_finding_with_its_n(open_page: Open, entry: Entry) -> None:
    at = open_page(entry, **QUICK)
    assert any("12 runs" in caption.value and "2 seeds a group" in caption.value for caption in at.caption)


@pytest.mark.parametrize(("path", "count"), [("saturation", 9), ("gradient_signs", 6), ("convergence", 6)])
def test_a_page_shows_its_charts_each_with_a_menu_of_files(open_page: Open, path: str, count: int) -> None:
    at = open_page(entry_of(path), **QUICK, target="train_accuracy:0.1")
    assert charts(at) == count
    assert menus(at) == count


def test_where_no_group_reached_the_target_there_is_no_speed_up(open_page: Open) -> None:
    at = open_page(entry_of("convergence"), **QUICK, target="train_accuracy:1")
    assert charts(at) == 5
    assert any("there is nothing to compare" in caption.value for caption in at.caption)


def test_runs_are_listed_and_offered_as_files(open_page: Open) -> None:
    at = open_page(entry_of("runs"), **QUICK)
    assert len(at.dataframe[0].value) == 12
    labels = [button.proto.label for button in at.get("download_button")]
    tables = ["runs.csv", "epochs.csv", "layers.csv", "histograms.csv"]
    assert labels == [*tables, "For spreadsheets", "Report", "result.zip"]


def test_the_first_visit_trains_the_default_and_shows_charts_before_it_is_done(open_page: Open, jobs: Jobs) -> None:
    at = open_page(wait=False)
    job = job_of(at)
    assert job is not None
    assert job.experiment == Experiment()
    if charts(at) == 0:
        await_records(job)
        at.run()
    assert job.active
    assert at.get("progress")
    assert charts(at) > 0
    assert_well(at)
    job.cancel(session_of(at).visitor)


BAD = {
    "activation": "tahn",
    "epochs": "abc",
    "seeds": "-1",
    "initialiser": "normal:x",
    "hidden": "",
    "learning_rate": "1e999",
    "gain": "NaN",
    "scaling": "<script>alert(1)</script>",
    "target": "**bold**:1",
    "no_such_setting": "1",
}


@pytest.mark.parametrize("entry", [OVERVIEW, entry_of("zigzag"), entry_of("saturation")], ids=lambda entry: entry.name)
def test_every_bad_parameter_is_named_and_the_page_opens_without_it(open_page: Open, entry: Entry) -> None:
    at = open_page(entry, wait=False, **{**BAD, "dataset": "iris"})
    lines = [line for line in notices(at).splitlines() if "allowed: " in line]
    assert [line.partition(":")[0] for line in lines] == list(BAD)
    assert dict(at.query_params) == {"dataset": "iris"}
    assert len(at.title) == 1


def test_the_nearest_name_is_offered(open_page: Open) -> None:
    assert "did you mean 'tanh'?" in notices(open_page(**QUICK, activation="tahn"))


def test_markup_in_a_link_reaches_no_element_that_renders_it(open_page: Open) -> None:
    markup = "<script>alert(1)</script>[a](https://example.org)**b**"
    at = open_page(entry_of("saturation"), **QUICK, group=markup, activation=markup, nonsense=markup)
    rendered = [*at.markdown, *at.caption, *at.warning, *at.info, *at.title, *at.header, *at.subheader]
    assert not [element for element in rendered if "script" in element.value or "example.org" in element.value]
    assert "<script>" in notices(at)


@pytest.mark.parametrize("entry", OF_A_RESULT, ids=lambda entry: entry.path)
def test_a_wrong_setting_of_the_page_itself_is_named(open_page: Open, entry: Entry) -> None:
    refusing = set(entry.controls) - {"search"}  # for which any short text is one to look for
    at = open_page(entry, **QUICK, **dict.fromkeys(refusing, "wrong"))
    lines = notices(at).splitlines()
    assert sorted(line.partition(": 'wrong'")[0] for line in lines) == sorted(refusing)
    assert dict(at.query_params) == QUICK


@pytest.mark.parametrize(
    ("path", "name", "others"),
    [
        ("convergence", "epoch", "Batch size, Saturation, Signal propagation and Gradient signs"),
        ("saturation", "smoothing", "Convergence"),
        ("", "layer", "Batch size, Watch it learn, Saturation and Gradient signs"),
        ("runs", "x1", "Gradient paths"),
    ],
)
def test_a_control_of_another_page_in_a_link_is_named_once_with_its_pages(
    open_page: Open, path: str, name: str, others: str
) -> None:
    at = open_page(entry_of(path), **QUICK, **{name: "2"})
    assert notices(at) == f"{name}: '2' is for a control of another page; it belongs to {others}"
    assert len(at.warning) == 1
    assert dict(at.query_params) == QUICK


def test_one_notice_holds_all_that_is_wrong_in_a_link_line_by_line(open_page: Open) -> None:
    at = open_page(entry_of("saturation"), **QUICK, activation="tahn", epoch="9", x="update", colour="blue")
    assert [warning.value for warning in at.warning] == ["Ignored from the link (default used):"]
    assert sorted(line.partition(":")[0] for line in notices(at).splitlines()) == ["activation", "colour", "epoch", "x"]


@pytest.mark.parametrize(
    ("path", "name", "given", "nearest"),
    [
        ("convergence", "smoothing", "4", "3"),
        ("convergence", "smoothing", "8", "9"),
        ("convergence", "smoothing", "1000", "15"),
        ("saturation", "mean_epoch", "7", "2"),
        ("gradient_signs", "layer", "-3", "1"),
        ("gradient_signs", "level", "bacth", "batch"),
    ],
)
def test_the_choice_that_is_suggested_is_the_nearest_number_or_the_most_alike_word(
    open_page: Open, path: str, name: str, given: str, nearest: str
) -> None:
    at = open_page(entry_of(path), **QUICK, **{name: given})
    assert notices(at).endswith(f"; did you mean '{nearest}'?")


@pytest.mark.parametrize(
    ("path", "given", "nearest"),
    [
        ("saturation", "epohc", "epoch"),
        ("convergence", "smothing", "smoothing"),
        ("saturation", "actvation", "activation"),
    ],
)
def test_a_misspelt_parameter_suggests_the_setting_or_the_control_of_this_page_that_is_nearest(
    open_page: Open, path: str, given: str, nearest: str
) -> None:
    at = open_page(entry_of(path), **QUICK, **{given: "1"})
    assert notices(at).endswith(f"; did you mean '{nearest}'?")


def test_a_choice_that_is_like_none_suggests_none(open_page: Open) -> None:
    at = open_page(entry_of("convergence"), **QUICK, smoothing="very")
    assert notices(at) == "smoothing: 'very' is not a choice here; allowed: 1, 3, 5, 9, 15"


def test_a_parameter_as_long_as_a_book_is_refused_in_a_few_lines(open_page: Open) -> None:
    at = open_page(**QUICK, activation="tanh," * 2000)
    assert "2,000 characters" in notices(at)
    assert len(notices(at)) < 1000


def test_a_choice_given_twice_or_ten_thousand_times_is_one_choice_or_one_notice(open_page: Open) -> None:
    at = open_page(entry_of("runs"), **QUICK, groups="tanh~normal:1," * 2000, status="x," * 10_000)
    assert at.multiselect(key="view_groups").value == ["tanh · normal:1"]
    assert len(at.dataframe[0].value) == 2
    assert len(notices(at).splitlines()) == 1


def test_settings_of_a_page_are_taken_from_the_link_and_put_back_into_it(open_page: Open) -> None:
    view = {"log_y": "on", "x": "update", "smoothing": "3", "baseline": "tanh~normal:1"}
    at = open_page(entry_of("convergence"), **QUICK, **view)
    assert session_of(at).texts["convergence"]["log_y"] == "on"
    assert at.selectbox(key="view_baseline").value == "tanh · normal:1"
    assert dict(at.query_params) == QUICK | view


def test_a_changed_control_changes_the_link_and_its_default_leaves_it(open_page: Open) -> None:
    at = open_page(entry_of("convergence"), **QUICK)
    at.toggle(key="view_log_x").set_value(True).run()
    assert at.query_params["log_x"] == "on"
    at.toggle(key="view_log_x").set_value(False).run()
    assert "log_x" not in at.query_params


def test_defaults_written_out_leave_the_link(open_page: Open) -> None:
    at = open_page(**QUICK, activation="logistic,tanh", optimiser="sgd")
    assert dict(at.query_params) == QUICK


def test_the_form_reaches_every_setting(open_page: Open) -> None:
    at = with_form(open_page(**QUICK))
    keys = {element.key for kind in ("multiselect", "selectbox", "number_input", "toggle") for element in at.get(kind)}
    assert {f"form_{name}" for name in FIELDS} <= keys


def test_editing_the_form_changes_nothing_on_the_screen_until_train(open_page: Open) -> None:
    at = with_form(open_page(**QUICK))
    at.number_input(key="form_epochs").set_value(3).run()
    assert session_of(at).experiment.epochs == 2
    at.button(key="train").click().run()
    assert session_of(at).experiment.epochs == 3
    assert at.query_params["epochs"] == "3"
    assert_well(at)


def test_the_form_takes_an_initialiser_with_an_argument_of_ones_own(open_page: Open) -> None:
    at = open_page(**QUICK)
    at.multiselect(key="form_initialiser").set_value(["normal:0.3"]).run()
    at.button(key="train").click().run()
    assert session_of(at).experiment.initialiser == ("normal:0.3",)


def beside(at: AppTest) -> str:
    """What stands in small print at the side."""
    return "\n".join(caption.value.replace("\\", "") for caption in at.sidebar.caption)


def test_several_values_typed_at_once_are_each_their_own(open_page: Open) -> None:
    at = with_form(open_page(**QUICK))
    for name, typed, values in (
        ("learning_rate", "0.05, 0.5", (0.05, 0.5)),
        ("hidden", "32, 16-16", ((32,), (16, 16))),
        ("initialiser", "normal:0.3, normal:0.5,normal:0.3", ("normal:0.3", "normal:0.5")),
    ):
        at.multiselect(key=f"form_{name}").set_value([typed]).run()
        assert len(at.multiselect(key=f"form_{name}").value) == 2
        at.button(key="train").click().run()
        assert getattr(session_of(at).experiment, name) == values
    assert_well(at)


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("hidden", "4-x", "'4-x' is not a whole number; such as 64-64-64"),
        ("initialiser", "normla:0.3", "'normla:0.3' is not a known name; did you mean 'normal:0.3'?"),
        ("learning_rate", "fast", "'fast' is not a number; allowed: a number from"),
        ("activation", [], "Nothing is chosen; such as logistic"),
    ],
)
def test_what_is_wrong_stands_below_its_control_in_short(open_page: Open, name: str, typed: Any, said: str) -> None:
    at = with_form(open_page(**QUICK))
    at.multiselect(key=f"form_{name}").set_value(typed if isinstance(typed, list) else [typed]).run()
    assert said in beside(at)
    assert "These settings cannot be trained" in beside(at)
    assert at.button(key="train").disabled
    section = next(box for box in at.sidebar.expander if box.label == FIELDS[name].section)
    [below] = [caption.value.replace("\\", "") for caption in section.caption if ":material/warning:" in caption.value]
    assert said in below
    assert len(below) < 160
    assert_well(at)


def test_a_line_above_the_button_says_what_will_run_and_whether_it_is_on_the_screen(open_page: Open) -> None:
    at = with_form(open_page(entry_of("zigzag"), **QUICK, initialiser="zeros,normal:1"))
    assert "2 initialisers × " in beside(at)
    assert "2 epochs on " in beside(at)
    assert "Unchanged: the pages show these settings." in beside(at)
    at.number_input(key="form_epochs").set_value(3).run()
    assert "3 epochs on " in beside(at)
    assert "Edited: the pages show these settings after *Train*." in beside(at)
    at.number_input(key="form_epochs").set_value(2).run()
    at.button(key="train").click().run()
    assert "Nothing has changed" in at.toast[0].value
    assert_well(at)


def test_a_preset_fills_the_form_and_is_shown(open_page: Open) -> None:
    at = with_form(open_page(**QUICK))
    presets: Any = at.get("button_group")[0]
    presets.set_value("batch_size").run()
    assert session_of(at).experiment == PRESETS["batch_size"].experiment
    assert at.multiselect(key="form_batch_size").value == ["1", "4", "16", "64", "256", "full"]
    job = job_of(at)
    assert job is not None
    job.cancel(session_of(at).visitor)


def test_presets_are_called_by_name_and_those_of_a_library_as_it_calls_itself(open_page: Open) -> None:
    presets: Any = open_page(wait=False, epochs="10000", seeds="500").get("button_group")[0]
    called = [option.content for option in presets.proto.options]
    assert called[:2] == ["Lecture", "Initial scale"]
    assert {"PyTorch", "Keras", "Flax", "scikit-learn", "Centring or slope"} <= set(called)


def test_a_sweep_over_the_limit_is_refused_with_its_estimate_and_the_command(open_page: Open) -> None:
    at = open_page(wait=False, epochs="10000", seeds="500")
    assert job_of(at) is None
    assert "python -m core run" in notices(at)
    assert "3,000 runs" in notices(at)
    at.multiselect(key="form_activation").set_value(["tanh"]).run()
    assert_well(at)


def test_train_over_the_limit_leaves_the_screen_as_it_is(open_page: Open) -> None:
    at = with_form(open_page(entry_of("convergence"), **QUICK))
    at.number_input(key="form_epochs").set_value(10_000).run()
    at.number_input(key="form_seeds").set_value(5000).run()
    at.button(key="train").click().run()
    assert "python -m core run" in notices(at)
    assert session_of(at).experiment.epochs == 2
    assert charts(at) > 0


def test_cancel_keeps_what_was_trained(open_page: Open) -> None:
    at = open_page(entry_of("convergence"), wait=False, epochs="5000", hidden="4", dataset="iris", seeds="3")
    job = job_of(at)
    assert job is not None
    await_records(job)
    at.run()
    at.button(key="cancel").click().run()
    assert job.status == "cancelled"
    assert any("cancelled" in info.value for info in at.info)
    assert charts(at) > 0
    assert_well(at)
