"""The controls of pages as they are declared: what a link can say of each, and who keeps what they are set to."""

import ast

import pytest

from core.experiment.experiment import Experiment
from core.lessons.effects import FOUR, TANH
from pages.parts.catalogue import PAGES, Entry
from pages.parts.controls import Given, accepted
from tests.pages.lessons import ROOT

EXPERIMENTS = [
    Experiment(),
    Experiment(hidden=((),), epochs=1, seeds=1, activation=("identity",), initialiser=("zeros",)),
    Experiment(activation=(*FOUR, TANH), hidden=((), (4,), (4, 4)), learning_rate=(0.01, 1.0), batch_size=(1, 0)),
    Experiment(initialiser=tuple(f"normal:{scale / 100}" for scale in range(1, 41)), gain=(0.5, 2.0)),
]
OWN = [entry for entry in PAGES if entry.controls]


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.key[:6])
@pytest.mark.parametrize("entry", OWN, ids=lambda entry: entry.name)
def test_every_choice_has_a_text_of_its_own_that_a_link_reads_back(entry: Entry, experiment: Experiment) -> None:
    given = Given(experiment, {})
    for name, control in entry.controls.items():
        assert control.name == name
        default, options = control.default(given), control.options(given)
        if default == "":  # no 2 x 2 in this experiment
            assert not options
            continue
        assert control.read(name, control.write(default), given) == (default, None)
        texts = []
        for option in options:
            value = [option] if isinstance(default, list) else option
            texts.append(control.write(value))
            assert control.read(name, texts[-1], given) == (value, None)
        assert len(set(texts)) == len(options)


@pytest.mark.parametrize("entry", OWN, ids=lambda entry: entry.name)
def test_what_a_link_says_of_controls_is_kept_in_its_shortest_form_without_the_defaults(entry: Entry) -> None:
    given = Given(EXPERIMENTS[2], {})
    defaults = {name: control.write(control.default(given)) for name, control in entry.controls.items()}
    assert accepted(entry.controls, given.experiment, defaults) == ({}, [])
    asked = {}
    for name, control in entry.controls.items():
        others = [option for option in control.options(given) if option != control.default(given)]
        if others and not isinstance(control.default(given), list):
            asked[name] = control.write(others[0])
    assert accepted(entry.controls, given.experiment, asked) == (asked, [])
    kept, wrong = accepted(entry.controls, given.experiment, dict.fromkeys(entry.controls, "§" * 101))
    assert kept == {}
    assert [error.field for error in wrong] == list(entry.controls)


def test_a_choice_may_depend_on_another_control_of_the_same_link() -> None:
    zigzag = next(entry for entry in PAGES if entry.name == "zigzag").controls
    assert accepted(zigzag, Experiment(), {"step": "150", "steps": "150"})[0] == {"steps": "150", "step": "150"}
    kept, wrong = accepted(zigzag, Experiment(), {"step": "150", "steps": "140"})
    assert kept == {"steps": "140"}
    assert [error.field for error in wrong] == ["step"]
    assert wrong[0].nearest == "140"


def test_a_number_is_kept_as_it_is_given_within_its_limits_and_refused_outside_of_them() -> None:
    controls = next(entry for entry in PAGES if entry.name == "activation_functions").controls
    for text, kept in (
        ("2.50", {"std": "2.5"}),
        ("1", {}),
        ("1.0", {}),
        ("0.1", {"std": "0.1"}),
        ("1e1", {"std": "10"}),
    ):
        assert accepted(controls, Experiment(), {"std": text}) == (kept, [])
    for text in ("0", "10.1", "nan", "inf", "-inf", "", "1,2"):
        assert len(accepted(controls, Experiment(), {"std": text})[1]) == 1


def test_one_file_alone_reads_and_writes_the_state_of_a_session() -> None:
    users = {
        path.name
        for path in (ROOT / "pages").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "session_state"
    }
    assert users == {"session.py"}
