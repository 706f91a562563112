"""The data that an experiment is about, loaded once and kept."""

import functools

from core.experiment.experiment import Experiment
from core.registries import datasets
from core.registries.datasets import Data


def data_of(experiment: Experiment, dataset: str | None = None) -> Data:
    """The experiment's data set; of several, the one of that name. Raises ValueError where it has no such one."""
    if dataset is None and len(experiment.dataset) == 1:
        (dataset,) = experiment.dataset
    if dataset not in experiment.dataset:
        raise ValueError(f"dataset is {dataset!r}; allowed: {', '.join(experiment.dataset)}")
    return _data_of(
        dataset,
        experiment.samples,
        experiment.noise,
        experiment.scaling,
        experiment.test_share,
        experiment.data_seed,
        # An added data set may have become another one of its name.
        tuple(found for found in experiment.fingerprints() if found.startswith("dataset")),
    )


def forget(name: str) -> None:
    """Let somebody's own data set go, with all that was loaded of it."""
    datasets.forget_own(name)
    _data_of.cache_clear()


@functools.lru_cache(maxsize=8)
def _data_of(
    dataset: str, samples: int, noise: float, scaling: str, test_share: float, seed: int, entry: tuple[str, ...]
) -> Data:
    return datasets.load(dataset, samples=samples, noise=noise, scaling=scaling, test_share=test_share, seed=seed)
