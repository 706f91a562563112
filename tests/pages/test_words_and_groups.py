"""What a newcomer and somebody who cannot see the charts are told, and the choice of run groups on every page."""

import re

import pytest

from core.charts.style import Chosen
from core.experiment.experiment import Experiment
from core.lessons.glossary import GLOSSARY
from pages.parts.catalogue import MANY, PAGES, Convergence, GradientSigns, Saturation, SignalPropagation
from pages.parts.controls import Given, accepted, text_of
from tests.engine import train
from tests.pages.results import captions, open_on

SMALL = {"dataset": "iris", "hidden": "4", "epochs": "2", "seeds": "2", "activation": "logistic,tanh,relu"}
WITH_GROUPS = ["overview", "saturation", "signal_propagation", "gradient_signs", "convergence"]


def alts(at: object) -> list[str]:
    return [chart.proto.alt for chart in at.get("vega_lite_chart")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", WITH_GROUPS)
def test_a_page_shows_the_groups_that_were_chosen_and_its_charts_have_names(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    result = train(Experiment.from_params(SMALL | {"initialiser": "normal:1"}))
    at = open_on(monkeypatch, name, result)
    assert "run groups: any others" not in captions(at)
    at.multiselect(key="view_groups").set_value(["tanh"]).run()
    assert "Shown are 1 of 3 run groups" in captions(at)
    assert at.query_params["groups"] == "tanh"
    assert not at.exception
    assert all(alts(at))
    assert not any(re.search(r"\w_\w|layer_\d|:Q", alt) for alt in alts(at))
    assert [title.tag for title in [*at.title, *at.header, *at.subheader]].count("h1") == 1
    assert not at.subheader, "h2 follows h1"


def test_of_many_groups_some_are_shown_and_every_other_can_be() -> None:
    many = Experiment(initialiser=tuple(f"normal:{scale / 100}" for scale in range(1, 51)))
    given = Given(many, {})
    groups = many.groups()
    assert len(groups) == 100
    for control in (Convergence.groups, Saturation.groups, GradientSigns.groups, SignalPropagation.groups):
        first = control.default(given)
        assert (len(first), first[0], first[-1]) == (MANY, groups[0], groups[-1])
        assert list(control.options(given)) == list(groups)
        for group in groups:
            link = {"groups": text_of(group)}
            assert accepted({"groups": control}, many, link) == (link, [])
            assert Given(many, link).value(control) == [group]
    few = Given(Experiment(), {})
    assert Convergence.groups.default(few) == []


def test_chosen_groups_are_a_sequence_of_their_names() -> None:
    chosen = Chosen(("b",), ("a", "b"))
    assert (list(chosen), len(chosen), chosen[0], "a" in chosen) == (["b"], 1, "b", False)


def test_a_link_to_one_page_chooses_the_groups_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    result = train(Experiment.from_params(SMALL | {"initialiser": "normal:1"}))
    at = open_on(monkeypatch, "saturation", result)
    at.multiselect(key="view_groups").set_value(["relu", "tanh"]).run()
    texts = at.session_state["session"].texts
    with_groups = [entry.name for entry in PAGES if "groups" in entry.controls]
    assert {texts[name]["groups"] for name in with_groups} == {"relu,tanh"}
    for entry in PAGES:
        if entry.name in with_groups:
            assert accepted(entry.controls, result.experiment, {"groups": "relu,tanh"})[1] == []


def test_the_overview_leads_to_an_experiment_of_ones_own_and_explains_the_terms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = open_on(monkeypatch, "overview", train(Experiment.from_params(SMALL)))
    said = "\n".join(element.value for element in at.markdown)
    assert "in three clicks" in said
    for term in (
        "group",
        "seed",
        "orthant",
        "gain",
        "probe",
        "censored",
        "χ (chi)",
        "σw",
        "κ",
        "tortuosity",
        "agreement",
    ):
        assert any(term in text for text in [*GLOSSARY, *GLOSSARY.values()]), term
    assert all(f"**{term}**" in said for term in GLOSSARY)
