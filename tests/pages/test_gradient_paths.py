"""Gradient paths without a browser: what it says and shows is what the controls and the link ask for."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from core.text import number
from core.theory.neuron import DrawnNetwork, gradient_paths
from tests.pages.lessons import again, open_lesson, refused, said


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_lesson(monkeypatch, "gradient_paths")


def test_at_first_the_logistic_ties_the_two_signs_together(page: AppTest) -> None:
    assert "the two gradients share a sign" in said(page)
    assert "logistic 0 (0 %)" in said(page)
    assert refused(page) == []


def test_the_formulas_end_in_the_gradients_of_the_numbers_on_the_sliders(page: AppTest) -> None:
    page.slider(key="view_x1").set_value(-2.0)
    page.slider(key="view_w2").set_value(1.5)
    again(page)
    paths = gradient_paths(DrawnNetwork(x1=-2.0, w2=1.5), "logistic")
    results = [re.search(r"&= (\S+)\\end", formula.value) for formula in page.latex]
    expected = [number(value).replace("−", "-") for value in (paths.gradient_w1, paths.gradient_w2)]
    assert [result[1] for result in results if result] == expected


@pytest.mark.parametrize("function", ["tanh", "centred logistic"])
def test_another_function_lets_the_signs_come_apart(page: AppTest, function: str) -> None:
    page.button_group(key="view_function").set_value(function)
    again(page)
    assert "have opposite signs, and so have the two gradients" in said(page)


@pytest.mark.parametrize("function", ["steep_logistic", "relu", "identity"])
def test_other_functions_can_be_linked_to(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    page = open_lesson(monkeypatch, "gradient_paths", function=function, x1="1.5", t="-0.5")
    assert refused(page) == []
    assert page.slider(key="view_x1").value == 1.5
    assert function.replace("_", " ") in said(page).lower()


def test_the_link_holds_what_differs_from_the_first_visit(page: AppTest) -> None:
    assert dict(page.query_params) == {}
    page.slider(key="view_u12").set_value(0.3)
    again(page)
    assert page.query_params["u12"] == "0.3"


def test_what_a_link_asks_for_in_vain_is_named_with_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_lesson(monkeypatch, "gradient_paths", x1="99", w2="nan", v="<b>", function="tanhh")
    about_x1, about_w2, about_v, about_function = (
        next(line for line in refused(page) if line.startswith(f"{name}:")) for name in ("x1", "w2", "v", "function")
    )
    assert "99" in about_x1
    assert all("-3 to 3" in line for line in (about_x1, about_w2, about_v))
    assert "tanh" in about_function
    assert page.slider(key="view_x1").value == DrawnNetwork().x1


def test_another_example_draws_new_inputs_and_leaves_the_weights(page: AppTest) -> None:
    before = [page.slider(key=f"view_{name}").value for name in ("x1", "x2", "t", "w1")]
    page.button(key="another_example").click()
    again(page)
    after = [page.slider(key=f"view_{name}").value for name in ("x1", "x2", "t", "w1")]
    assert before[:3] != after[:3]
    assert before[3] == after[3]
