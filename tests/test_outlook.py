"""What is shown of a start before training: published and closed values, and where theory has none."""

import json
from typing import Any

import numpy as np
import pytest

from core.charts.propagation import drawn_weights
from core.experiment.experiment import Experiment, ExperimentError
from core.lessons.outlook import Outlook, outlook


def of(start: str, function: str, **settings: Any) -> Outlook:
    found = outlook(Experiment(**settings), start, function)
    assert found is not None
    return found


def test_positive_weights_saturate_almost_all_units_and_theory_claims_nothing() -> None:
    inputs = {"dataset": "digits", "scaling": "unit_interval"}
    positive, centred = (of(start, "logistic", **inputs) for start in ("uniform:0:1", "uniform:-0.5:0.5"))
    assert positive.layers["saturated"].iloc[0] == pytest.approx(0.98, abs=0.02)
    assert centred.layers["saturated"].iloc[0] == pytest.approx(0.01, abs=0.01)
    assert not positive.predicted
    assert positive.layers.filter(like="predicted").isna().all(axis=None)
    assert centred.predicted


def test_in_a_linear_network_the_factors_are_those_of_the_weights() -> None:
    """Var(w) = 0.01: a grows by sqrt(fan_in / 100) a layer, gradients by sqrt(fan_out / 100) on their way back."""
    data = {"dataset": "gaussian:100", "scaling": "raw", "samples": 400}
    layers = of("normal:0.1", "identity", hidden=((100, 400, 100),), **data).layers
    np.testing.assert_allclose(layers["predicted_std"], [1, 1, 2], rtol=0.05)
    np.testing.assert_allclose(layers["std"], layers["predicted_std"], rtol=0.05)
    np.testing.assert_allclose(layers["predicted_gradient"], [2, 1, np.nan], rtol=0.02)
    np.testing.assert_allclose(layers["gradient"], [2, 1, np.nan], rtol=0.15)


@pytest.mark.parametrize("settings", [{"residual": (True,)}, {"normalisation": ("layer",)}])
def test_theory_is_of_plain_networks(settings: dict[str, Any]) -> None:
    found = of("lecun_normal", "tanh", dataset="iris", hidden=((8, 8),), **settings)
    assert not found.predicted
    assert found.layers["std"].notna().all()


def test_what_cannot_be_looked_at_is_said() -> None:
    assert outlook(Experiment(hidden=((2000,) * 12,)), "normal:1", "tanh") is None
    assert of("normal:1", "tanh", hidden=((),)).layers.empty
    with pytest.raises(ExperimentError, match="cannot draw biases as orthogonal"):
        outlook(Experiment(initialiser=("normal:1",), bias_initialiser=("weights",)), "orthogonal", "tanh")


@pytest.mark.parametrize(("start", "low", "high"), [("uniform:0:1", 0, 1), ("zeros", 0, 0)])
def test_the_chart_has_every_weight_between_its_ends(start: str, low: float, high: float) -> None:
    chart = drawn_weights(of(start, "tanh").weights, start=start).to_dict()
    (rows,) = json.loads(json.dumps(chart, allow_nan=False))["datasets"].values()
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    filled = [row for row in rows if row["share"]]
    assert min(row["left"] for row in filled) == pytest.approx(low, abs=0.05)
    assert max(row["right"] for row in filled) == pytest.approx(high, abs=0.05)
