"""The page Compare, without a browser: how the other result is chosen, what is said of the two, and what is refused."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.jobs.jobs import Jobs
from core.jobs.store import Store
from core.settings import Settings
from pages.parts import training
from pages.parts.session import KEY, Session
from tests.pages.lessons import ROOT
from tests.pages.results import captions
from tests.processes import PATIENCE

A = Experiment.from_params({"dataset": "iris", "hidden": "4-4", "epochs": "3", "seeds": "3", "learning_rate": "0.5"})
B = Experiment.from_params(A.to_params() | {"optimiser": "momentum:0.9"})


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


def test_b_is_chosen_by_a_pasted_link_trained_beside_a_and_kept_in_the_link(compare: AppTest, jobs: Jobs) -> None:
    at = compare.run()
    assert not at.exception
    assert "choose what to compare it with" in said(at)
    at.text_input(key="other_link").set_value(f"https://lab.example/convergence?{B.to_query()}&smoothing=3").run()
    assert not at.exception
    assert at.query_params["against"] == B.to_query()
    assert "B is not trained yet" in captions(at)
    at.button(key="train_other").click().run()
    job = session_of(at).other
    assert job is jobs.get(B.key)
    assert jobs.get(B.key).wait(PATIENCE)  # type: ignore[union-attr]
    at.run()
    assert not at.exception
    assert session_of(at).experiment == A
    print(said(at))
    for d in at.dataframe:
        print(d.value)
