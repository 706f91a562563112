"""What a start means for a network before anything is trained: one draw of it, looked at, and theory beside it."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from core.engine import training
from core.experiment.data import data_of
from core.experiment.experiment import VARIED, Experiment
from core.lessons.signal_propagation import QUANTITIES, by_layer
from core.results.results import collect

BINS = 30
LIMIT = 2.0
"""Seconds that an epoch of the network may be estimated to take: what takes longer is not looked at in passing."""


@dataclass(frozen=True)
class Outlook:
    """One draw of a start.

    Attributes:
        weights: of the first layer, a histogram: columns left, right, share.
        layers: the hidden layers; columns layer, and measured on the data and predicted by theory (NaN where it does
            not apply) std and predicted_std of a, saturated and predicted_saturated (shares), and gradient and
            predicted_gradient: std of d loss / d a relative to that of the layer above, which the last has not.
    """

    weights: pd.DataFrame
    layers: pd.DataFrame

    @property
    def predicted(self) -> bool:
        """Whether theory says anything of it."""
        return bool(self.layers["predicted_std"].notna().any())


def outlook(experiment: Experiment, start: str, activation: str) -> Outlook | None:
    """The first of the experiment's networks with this function and start, not trained; None where it is too large.

    Raises:
        ExperimentError: the start does not go with the network.
    """
    first = {name: getattr(experiment, name)[:1] for name in VARIED}
    chosen = {"initialiser": (start,), "activation": (activation,), "seeds": 1, "epochs": 1, "record": "0"}
    one = replace(experiment.on(experiment.dataset[0]), **first | chosen, target="train_loss:0", statistics="full")
    return _outlook(one) if one.cost().seconds <= LIMIT else None


@lru_cache(maxsize=32)
def _outlook(experiment: Experiment) -> Outlook:
    state = training.start(experiment, experiment.runs(), data_of(experiment))
    _, records = training.advance(state, 0)
    table = by_layer(collect(experiment, records))
    layers = pd.DataFrame({"layer": table["layer"].unique()})
    for prefix, source in (("", "median"), ("predicted_", "predicted")):
        own = {name: table.loc[table["quantity"] == name, source].to_numpy(float) for name in QUANTITIES}
        above = np.append(own["backward"], np.nan)[1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            gradient = own["backward"] / above
        layers[f"{prefix}std"] = np.sqrt(own["length"])
        layers[f"{prefix}saturated"] = own["saturated"]
        layers[f"{prefix}gradient"] = np.where(np.isfinite(gradient), gradient, np.nan)
    return Outlook(_histogram(state.weights[0][0, 0, :, :-1]), layers)


def _histogram(weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> pd.DataFrame:
    counts, edges = np.histogram(weights, BINS)
    return pd.DataFrame({"left": edges[:-1], "right": edges[1:], "share": counts / weights.size})
