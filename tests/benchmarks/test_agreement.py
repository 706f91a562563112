"""The contestants of the benchmark train the same networks; no test here takes a time."""

import importlib
from dataclasses import replace

import pytest

from core.experiment.experiment import Experiment
from tests.benchmarks import peers_numpy, product
from tests.benchmarks.agreement import DisagreementError, chaotic_runs, check
from tests.benchmarks.workloads import WORKLOADS, Trained, problems

PEERS = {"sklearn": "OneByOne", "jax": "Scan", "torch Batched": "Batched", "torch Vmap": "Vmap"}


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
    library = peer.split()[0]
    pytest.importorskip(library)
    contestant = getattr(importlib.import_module(f"tests.benchmarks.peers_{library}"), PEERS[peer])()
    given = problems(small_experiment(name))
    contestant.prepare(given, 1, 1)
    contestant.train()
    reference = [peers_numpy.train_one_by_one(problem) for problem in given]
    assert check(peer, reference, contestant.result(), "float32").runs == sum(problem.runs.size for problem in given)


def test_a_wrong_weight_is_a_disagreement() -> None:
    reference = [peers_numpy.train_one_by_one(problem) for problem in problems(small_experiment("W2"))]
    wrong = [
        Trained(part.runs, part.losses, part.accuracies, tuple(weight * 1.001 for weight in part.weights))
        for part in reference
    ]
    with pytest.raises(DisagreementError, match="weights by 1"):
        check("wrong", reference, wrong, "float32")
