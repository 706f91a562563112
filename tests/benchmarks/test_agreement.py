"""The contestants of the benchmark train the same networks; no test here takes a time."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from core.experiment.experiment import Experiment
from tests.benchmarks import peers_numpy, product
from tests.benchmarks.agreement import DisagreementError, chaotic_runs, check
from tests.benchmarks.workloads import WORKLOADS, Trained, problems

PEERS = (
    *("sklearn OneByOne", "jax Scan", "jax Statistician", "jax Assisted"),
    *("torch Batched", "torch Statistician", "torch Assisted", "torch Vmap"),
)
RECORD_THE_SAME = ("Statistician", "Assisted")


def small_experiment(name: str) -> Experiment:
    """Two seeds and three epochs of a workload, without the initialiser that makes training chaotic."""
    given = WORKLOADS[name].experiment
    orderly = tuple(scheme for scheme in given.initialiser if scheme != "normal:1")
    return replace(given, initialiser=orderly, seeds=2, epochs=3, statistics="standard")


@pytest.mark.parametrize("name", WORKLOADS)
def test_engine_in_float64_gives_the_losses_and_weights_of_plain_numpy(name: str) -> None:
    experiment = replace(small_experiment(name), dtype="float64")
    reference = [peers_numpy.train_one_by_one(problem) for problem in problems(experiment)]
    engine = product.Product()
    engine.prepare(experiment, 1)
    engine.train()
    apart = check("engine", reference, engine.result(), "float64")
    assert apart.runs == len(experiment.runs())
    assert not chaotic_runs(reference, engine.result())


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("name", ["W1", "W2"])
def test_peer_gives_the_losses_and_weights_of_plain_numpy(name: str, peer: str) -> None:
    library, name_of_class = peer.split()
    pytest.importorskip(library)
    contestant = getattr(importlib.import_module(f"tests.benchmarks.peers_{library}"), name_of_class)()
    given = problems(small_experiment(name))
    contestant.prepare(given, 1, 1)
    contestant.train()
    reference = [peers_numpy.train_one_by_one(problem, statistics=True) for problem in given]
    found = contestant.result()
    assert check(peer, reference, found, "float32").runs == sum(problem.runs.size for problem in given)
    expected = reference[0].statistics if name_of_class in RECORD_THE_SAME else {}
    assert set(found[0].statistics) == set(expected)


@pytest.mark.parametrize("name", ["W1", "W2"])
def test_engine_records_the_statistics_of_plain_numpy(name: str) -> None:
    experiment = replace(small_experiment(name), dtype="float64")
    given = problems(experiment)
    reference = [peers_numpy.train_one_by_one(problem, statistics=True) for problem in given]
    looked_at = product.Product().looked_at(experiment, given)
    assert set(looked_at[0].statistics) == set(reference[0].statistics)
    check("engine", reference, looked_at, "float64")


def test_engine_that_records_losses_only_gives_the_same_ones() -> None:
    experiment = replace(small_experiment("W1"), dtype="float64")
    engine = product.Product()
    engine.prepare(experiment, 1)
    engine.train_for_losses()
    assert engine.trained.epochs["test_loss"].isna().all()
    assert set(engine.trained.layers["epoch"]) == {0, experiment.epochs}
    reference = [peers_numpy.train_one_by_one(problem) for problem in problems(experiment)]
    check("engine", reference, engine.result(), "float64")


@pytest.mark.parametrize("statistic", ["saturated", "activation_counts", "preactivation_percentiles"])
def test_a_wrong_statistic_is_a_disagreement(statistic: str) -> None:
    reference = [peers_numpy.train_one_by_one(problem, statistics=True) for problem in problems(small_experiment("W2"))]
    wrong = [
        replace(part, statistics={**part.statistics, statistic: np.roll(part.statistics[statistic] + 0.1, 1, axis=-1)})
        for part in reference
    ]
    with pytest.raises(DisagreementError, match=f"{statistic} by"):
        check("wrong", reference, wrong, "float32")


def test_a_wrong_weight_is_a_disagreement() -> None:
    reference = [peers_numpy.train_one_by_one(problem) for problem in problems(small_experiment("W2"))]
    wrong = [
        Trained(part.runs, part.losses, part.accuracies, tuple(weight * 1.001 for weight in part.weights))
        for part in reference
    ]
    with pytest.raises(DisagreementError, match="weights by 1"):
        check("wrong", reference, wrong, "float32")
