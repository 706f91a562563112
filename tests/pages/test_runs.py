"""The page of all runs: however many there are, a browser gets no more than it shows; the files hold all."""

from functools import lru_cache

import pytest
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.results.results import Result, csv_bytes
from tests.engine import train
from tests.pages.lessons import again
from tests.pages.results import captions, open_on

LISTED = 1000


@lru_cache
def result(seeds: int) -> Result:
    settings = {"dataset": "iris", "hidden": "none", "epochs": "1", "record": "0", "statistics": "standard"}
    one = {"activation": "tanh", "initialiser": "zeros", "batch_size": "full", "probe": "1"}
    return train(Experiment.from_params(settings | one | {"seeds": str(seeds)}))


def test_of_very_many_runs_the_first_are_listed_and_the_page_says_where_all_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds = 3 * LISTED
    at = open_on(monkeypatch, "runs", result(seeds))
    assert len(at.dataframe[0].value) == LISTED
    assert at.dataframe[0].proto.ByteSize() < 400_000
    assert f"Listed are the first {LISTED:,} of these; runs.csv holds all." in captions(at)
    assert csv_bytes(result(seeds).runs).count(b"\n") == seeds + 1


def test_of_a_few_runs_all_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "runs", result(5))
    assert len(at.dataframe[0].value) == 5
    assert "Listed are the first" not in captions(at)


def test_a_search_keeps_the_runs_whose_row_has_every_word_and_says_so_where_none_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {"dataset": "iris", "hidden": "4", "epochs": "1", "activation": "tanh,relu", "seeds": "3"}
    found = train(Experiment.from_params(settings | {"initialiser": "normal:0.25,he_normal"}))
    at = open_on(monkeypatch, "runs", found, search="TANH  normal:0.25")
    assert at.text_input(key="view_search").value == "TANH normal:0.25"
    rows = at.dataframe[0].value
    assert len(rows) == 3
    assert set(rows["activation"]) == {"tanh"}
    assert set(rows["initialiser"]) == {"normal:0.25"}
    # Letters are letters: a pattern finds nothing, and what was typed is shown as it is.
    at.text_input(key="view_search").set_value(".* <b>")
    again(at)
    assert at.dataframe[0].value.empty
    assert [each.value for each in at.info] == [r"No run has all of this in its row\: \.\* \<b\>"]
    at.text_input(key="view_search").set_value("")
    again(at)
    assert len(at.dataframe[0].value) == 12
    assert not at.info
    at = open_on(monkeypatch, "runs", found, search="t" * 101)
    assert len(at.dataframe[0].value) == 12
    assert any("at most 100 characters" in each.value for each in at.text)


def opened(at: AppTest) -> AppTest:
    """With the program shown, which is not sent before."""
    assert not at.code
    at.session_state["program"] = True
    return again(at)


def test_the_start_of_a_group_is_there_as_a_program_of_the_library_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    both = train(Experiment.from_params({"initialiser": "he_normal,zeros", "activation": "tanh", "epochs": "1"}))
    at = opened(open_on(monkeypatch, "runs", both))
    assert "variance_scaling(w, 2, " in at.code[0].value
    at = opened(open_on(monkeypatch, "runs", both, start="zeros", library="Keras"))
    assert "weights = 4 * [initializers.Zeros]" in at.code[0].value
    compile(at.code[0].value, "program", "exec")
