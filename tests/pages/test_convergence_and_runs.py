"""Convergence and Runs: what they say of runs that diverged, exploded, reached nothing or all, or still train."""

from functools import lru_cache
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.experiment.experiment import Experiment
from core.lessons import findings
from core.results.results import Result, collect
from pages.parts import notices
from tests.engine import records, train
from tests.pages.lessons import refused
from tests.pages.results import captions, charts, follow, job_on, open_on

SMALL = {"dataset": "iris", "hidden": "16-16", "epochs": "10", "seeds": "6", "initialiser": "he_normal"} | {
    "statistics": "standard",
    "activation": "relu",
}
CASES = {
    "some diverged": {"learning_rate": "0.1,10", "target": "train_accuracy:0.34"},
    "all diverged": {"activation": "identity", "learning_rate": "1000"},
    "all diverged, one run": {"activation": "identity", "learning_rate": "1000", "seeds": "1"},
    "exploded": {"activation": "tanh", "learning_rate": "0.1,1000", "seeds": "3"},
    "none reached": {"target": "train_accuracy:1", "activation": "relu,tanh", "epochs": "1"},
    "all at once": {"target": "train_accuracy:0", "activation": "relu,tanh"},
    "one seed": {"seeds": "1", "activation": "relu,tanh", "target": "train_accuracy:0.5"},
    "no hidden layer": {"hidden": "none", "target": "train_accuracy:0.5"},
}


@lru_cache
def result(name: str) -> Result:
    return train(Experiment.from_params(SMALL | CASES[name]))


@pytest.mark.parametrize("page", ["convergence", "runs"])
@pytest.mark.parametrize("name", CASES)
def test_no_sentence_is_odd(monkeypatch: pytest.MonkeyPatch, name: str, page: str) -> None:
    at = open_on(monkeypatch, page, result(name))
    assert refused(at) == []
    # What the box of the finding says has tests of its own.
    box = notices.escaped(getattr(findings, page)(result(name)).limits)
    own = [caption.value for caption in at.caption if caption.value != box]
    assert own
    for odd in ("nan", " inf", "censored", "1 runs", "1 points", "1 groups", "All 1 ", "None"):
        assert not [said for said in own if odd in said], odd


def table(at: AppTest) -> list[dict[str, Any]]:
    """The rows of the page's only table."""
    (found,) = (each.value for each in at.dataframe)
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def test_a_row_says_both_that_a_run_reached_the_target_and_where_it_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(open_on(monkeypatch, "runs", result("some diverged")))
    both = [row for row in rows if row["diverged_at"] == row["diverged_at"] and row["status"] == "converged"]
    assert both
    assert all(row["outcome"] == f"reached, then diverged at update {row['diverged_at']:.0f}" for row in both)
    lost = [row for row in rows if row["status"] == "diverged"]
    assert lost
    assert all(row["outcome"] == f"diverged at update {row['diverged_at']:.0f}" for row in lost)


@pytest.mark.parametrize("descending", ["on", "off"])
def test_runs_that_never_reached_the_target_come_last_in_both_orders(
    monkeypatch: pytest.MonkeyPatch, descending: str
) -> None:
    chosen = {"sort": "updates_to_target"} | ({"descending": "on"} if descending == "on" else {})
    at = open_on(monkeypatch, "runs", result("some diverged"), **chosen)
    updates = [row["updates_to_target"] for row in table(at)]
    reached = [value for value in updates if value == value]
    assert 0 < len(reached) < len(updates)
    assert updates[: len(reached)] == sorted(reached, reverse=descending == "on")
    assert dict(at.query_params).items() >= chosen.items()


@pytest.mark.parametrize("page", ["convergence", "runs"])
def test_exploded_runs_are_counted_by_group(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    at = open_on(monkeypatch, page, result("exploded"))
    assert r"rate 1000 \(3 of 3 runs\)" in captions(at)
    assert "Exploded" not in captions(open_on(monkeypatch, page, result("one seed")))
    if page == "runs":
        assert [row["outcome"] for row in table(at)] == ["not reached"] * 3 + ["not reached; exploded"] * 3


def test_a_rate_that_nothing_survived_is_nobodys_best(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Experiment.from_params(SMALL | CASES["all diverged"] | {"learning_rate": "500,1000"})
    (row,) = table(open_on(monkeypatch, "convergence", train(experiment)))
    assert row["learning_rate"] != row["learning_rate"]
    assert row["note"] == "diverged at every rate"


def test_what_standard_statistics_leave_out_is_said_to_be_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "was not measured" in captions(open_on(monkeypatch, "convergence", result("none reached")))


def test_with_one_learning_rate_there_is_no_best_one(monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_on(monkeypatch, "convergence", result("none reached"))
    assert not at.dataframe
    assert not [each for each in at.header if "best" in each.value]


@pytest.mark.parametrize(
    ("name", "said", "drawn"),
    [
        ("all diverged", "All 6 runs diverged: there is nothing to compare.", 4),
        ("all diverged, one run", "The run diverged: there is nothing to compare.", 4),
        ("none reached", "No run has reached the target: there is nothing to compare.", 4),
        ("no hidden layer", "There is one group only", 4),
        ("all at once", "All of these groups had reached the target before any training.", 5),
        ("one seed", "With one seed there is no interval.", 5),
    ],
)
def test_a_comparison_that_says_nothing_is_not_drawn_and_extremes_are_said(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str, drawn: int
) -> None:
    at = open_on(monkeypatch, "convergence", result(name))
    assert said in captions(at)
    assert charts(at) == drawn


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("train_loss:0.69316", "before any training"),  # tanh at once, the logistic not at all
        ("train_accuracy:0.3", "In every group the median run met the target before any training."),
    ],
)
def test_only_where_all_groups_met_the_target_at_once_is_it_said_of_all(
    monkeypatch: pytest.MonkeyPatch, target: str, said: str
) -> None:
    experiment = Experiment.from_params(
        {"dataset": "two_moons", "activation": "logistic,tanh", "initialiser": "normal:0.01", "target": target}
        | {"epochs": "2", "seeds": "5", "hidden": "16-16-16", "statistics": "standard"}
    )
    trained = train(experiment)
    medians = trained.runs["updates_to_target"].fillna(1e9).groupby(trained.runs["group"]).median()
    at = open_on(monkeypatch, "convergence", trained)
    assert (said in captions(at)) == bool(medians.eq(0).all())
    assert "All of these groups" not in captions(at)


def test_runs_in_training_are_not_said_to_have_missed_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = result("none reached")
    found = records(whole.experiment, segment=1)
    so_far = collect(whole.experiment, [record for record in found if record.epoch == 0])
    at = follow(monkeypatch, "runs", whole.experiment, job_on(whole, so_far))
    assert {row["outcome"] for row in table(at)} == {"in training"}
    st.cache_resource.clear()  # here a job's version does not say how far it came
    cancelled = open_on(monkeypatch, "runs", so_far)
    assert {row["outcome"] for row in table(cancelled)} == {"stopped early"}
    st.cache_resource.clear()
    assert {row["outcome"] for row in table(open_on(monkeypatch, "runs", whole))} == {"not reached"}
