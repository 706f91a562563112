"""The page Own data, without a browser: what it proposes, what can be changed, and that the table is its visitor's."""

import gc
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment, ExperimentError
from core.jobs.job import Job
from core.jobs.jobs import Jobs
from core.jobs.store import Store
from core.settings import Settings
from pages.parts import own_table, training
from pages.parts.catalogue import PAGES
from pages.parts.room import Room
from pages.parts.session import KEY, Session
from tests.pages.results import OF_A_RESULT
from tests.processes import PATIENCE
from tests.tables import GERMAN, PENGUINS, wine_quality

ROOT = Path(__file__).parents[2]
QUICK = {"hidden": "4", "epochs": "2", "seeds": "2", "activation": "tanh", "initialiser": "glorot_uniform"}


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    settings = Settings(store=tmp_path / "store")
    with ThreadPoolExecutor(1) as executor, Jobs(settings, Store(settings.store, 10**8), executor) as registry:
        monkeypatch.setattr(training, "registry", lambda: registry)
        yield registry


def page(name: str = "own_data", **parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=PATIENCE)
    at.query_params.update({"dataset": "iris", **QUICK, **parameters})
    at.switch_page(next(entry.script for entry in PAGES if entry.name == name))
    return well(at.run())


def well(at: AppTest) -> AppTest:
    assert [element.value for element in [*at.exception, *at.error]] == []
    return at


def session_of(at: AppTest) -> Session:
    held: Session = at.session_state[KEY]
    return held


def drop(at: AppTest, content: bytes, name: str = "mine **bold**.csv") -> AppTest:
    at.file_uploader[0].upload(name, content)
    return well(at.run())


def said(at: AppTest) -> str:
    return "\n".join(element.value for element in [*at.markdown, *at.caption, *at.text])


def box(at: AppTest, label: str) -> Any:
    return next(element for element in [*at.selectbox, *at.multiselect] if element.label.startswith(label))


def train(at: AppTest) -> Any:
    next(button for button in at.button if button.label == "Train on it").click()
    well(at.run())
    job = session_of(at).source
    assert isinstance(job, Job)
    assert job.wait(PATIENCE)
    return job


def test_what_is_understood_can_be_changed_and_is_trained_on_with_the_forms_settings(jobs: Jobs) -> None:
    at = drop(page(), PENGUINS)
    assert box(at, "Label").value == "species"
    assert box(at, "Left out").value == ["rowid"]
    assert box(at, "Between cells").value == "comma"
    assert "mine **bold**.csv" in [text.value for text in at.text], "as text, never as markdown"
    assert "Missing values are filled by the median" in said(at)
    assert at.dataframe[0].value["missing"].tolist() == [0, 0, 0, 1, 1, 2, 0]
    assert at.dataframe[1].value.to_dict("list") == {"class": ["Adelie", "Chinstrap", "Gentoo"], "examples": [4, 2, 4]}
    box(at, "Missing").select("drop")
    box(at, "Left out").select("island")
    well(at.run())
    assert "2 rows are dropped for missing values" in said(at).replace("\\", "")
    box(at, "Input scaling").select("unit_interval")
    job = train(at)
    experiment = job.experiment
    assert (experiment.hidden, experiment.epochs, experiment.seeds) == (((4,),), 2, 2)
    assert experiment.scaling == "unit_interval"
    table = session_of(at).tables[experiment.own_table]
    assert (table.dataset.examples, table.dataset.features, table.dataset.classes) == (8, 5, 3)
    well(at.run())
    assert "8 examples, 5 features, 3 classes" in said(at)


def test_another_label_or_way_of_reading_brings_its_own_proposals(jobs: Jobs) -> None:
    at = drop(page(), GERMAN.encode("cp1252"))
    assert box(at, "Encoding").value == "cp1252"
    box(at, "Label").select("Steuersatz")
    well(at.run())
    assert "has 6 different values in 6 rows" in said(at)
    box(at, "Between cells").select("bar")
    well(at.run())
    assert "has 1 cell; allowed: 2 to" in said(at)
    box(at, "Between cells").select("semicolon")
    well(at.run())
    assert box(at, "Label").value in ("Größe", "Steuersatz")


def test_every_page_shows_a_result_of_an_own_table(jobs: Jobs) -> None:
    at = drop(page(), wine_quality(40))
    train(at)
    for name in OF_A_RESULT:
        at.switch_page(next(entry.script for entry in PAGES if entry.name == name))
        well(at.run())
        assert "known as own:" in said(at), name


def test_a_result_of_an_own_table_is_not_stored_and_nobody_else_sees_it(jobs: Jobs, tmp_path: Path) -> None:
    at = drop(page(), PENGUINS)
    job = train(at)
    assert not list((tmp_path / "store").glob(f"{job.key}*"))
    link = job.experiment.to_params()
    other = page("saturation", **link)
    assert session_of(other).source is None
    assert session_of(other).experiment.dataset != job.experiment.dataset
    assert "This link is about a table of somebody's own." in [warning.value for warning in other.warning]
    assert f"Fingerprint {job.experiment.own_table}: open the file" in said(other)
    assert "examples" not in said(other)
    assert other.query_params["dataset"] in (job.experiment.own_table, [job.experiment.own_table]), (
        "a reload asks again"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.session_state", other.session_state)
        assert training._asked(job.experiment) == (
            None, f"{job.experiment.own_table} is a table of somebody's own: open the file under Own data first.",
        )  # fmt: skip


def test_a_link_opens_with_the_file_that_it_is_about_and_with_no_other(jobs: Jobs) -> None:
    at = drop(page(), PENGUINS)
    box(at, "Label").select("island")
    well(at.run())
    box(at, "Left out").select("sex")
    well(at.run())
    job = train(at)
    table = well(at.run()).query_params["table"]
    assert "island" not in str(table)
    other = page("saturation", **job.experiment.to_params(), table="".join(table), scale_epoch="2")
    other.switch_page("pages/own_data.py")
    del other.query_params["scale_epoch"]  # as our link to that page has it
    well(other.run())
    drop(other, wine_quality())
    assert session_of(other).source is None
    assert "change how it is read until it is the same" in said(other)
    drop(other, PENGUINS)
    assert session_of(other).experiment == job.experiment
    assert session_of(other).source is job, "it was trained already"
    assert session_of(other).asked is None
    assert session_of(other).texts["saturation"] == {"scale_epoch": "2"}


def test_the_store_takes_it_where_host_and_visitor_say_so(jobs: Jobs, tmp_path: Path) -> None:
    jobs.settings = replace(jobs.settings, store_tables=True)
    at = drop(page(), PENGUINS)
    job = train(at)
    assert not list((tmp_path / "store").glob(f"{job.key}*"))
    at = drop(page(epochs="3"), PENGUINS)
    next(box for box in at.checkbox if box.label.startswith("Results of it")).check()
    job = train(well(at.run()))
    jobs.close()
    assert list((tmp_path / "store").glob(f"{job.key}*.zip"))


def test_a_table_that_is_forgotten_is_gone_from_the_process(jobs: Jobs) -> None:
    at = drop(page(), b"x,label\n" + b"1,a\n2,b\n4,b\n" * 4)
    experiment = train(at).experiment
    assert Experiment.from_params(experiment.to_params()) == experiment
    well(at.run())
    next(button for button in at.button if button.label == "Forget this table").click()
    well(at.run())
    assert session_of(at).file is None
    assert session_of(at).experiment == Experiment()
    training.let_go()
    del at
    with pytest.raises(ExperimentError, match="is a table of somebody's own that is not here"):
        Experiment.from_params(experiment.to_params())


def test_a_zip_opens_with_its_table_in_it_or_where_the_table_is_open(jobs: Jobs) -> None:
    at = drop(page(), wine_quality(50))
    result = train(at).result()
    zips = {}
    for data in (True, False):
        result.to_zip(file := io.BytesIO(), data)
        zips[data] = file.getvalue()
    other = drop(page("runs"), zips[False], "r.zip")
    name = result.experiment.own_table
    assert f"r.zip: it is about {name}, somebody's own table: open that under Own data first" in said(other)
    assert name not in session_of(other).tables
    drop(other, zips[True], "r.zip")
    assert session_of(other).experiment == result.experiment
    assert f"known as {name}" in said(other)
    assert drop(at.switch_page("pages/runs.py").run(), zips[False], "r.zip").session_state[KEY].source.name == "r.zip"


def test_tables_take_no_more_than_the_room_for_files_and_give_it_back(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Room(40_000)
    monkeypatch.setattr(own_table, "room", lambda: small)
    at = drop(page(), PENGUINS)
    taken = small.taken
    assert taken > len(PENGUINS)
    box(at, "Between cells").select("bar")
    box(at.run(), "Between cells").select("comma")
    drop(at.run(), wine_quality(2000), "much.csv")
    assert "much.csv: it takes" in said(at)
    assert session_of(at).file is None
    next(button for button in drop(at, PENGUINS).button if button.label == "Forget this table").click()
    well(at.run())
    gc.collect()
    assert small.taken == 0


def test_what_is_no_table_is_refused_by_name_and_a_server_may_take_no_files(jobs: Jobs) -> None:
    at = drop(page(), b"a,b\n1,x\n", "t.csv")
    assert "t.csv: the table has 1 row below its header; allowed: at least 2" in said(at)
    assert session_of(at).file is None
    jobs.settings = replace(jobs.settings, upload_bytes=0)
    assert "This server takes no files." in said(page())
