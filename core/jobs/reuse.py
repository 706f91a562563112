"""What of a sweep is trained already: runs with the same settings and seeds that stand in other stored results."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from core.experiment.experiment import Experiment, Run
from core.jobs.store import Store

if TYPE_CHECKING:
    from core.results.merging import Part


def trained_before(
    store: Store | None, experiment: Experiment, begun: Collection[int] = ()
) -> "tuple[list[Part], list[Run]]":
    """The parts of stored results that `experiment` is made of, and the runs that are left to train.

    Args:
        store: where to look.
        experiment: what is asked for.
        begun: numbers of runs that are in training already.
    """
    if store is None:
        return [], [run for run in experiment.runs() if run.run not in begun]
    # The import costs pandas, which a worker process must not load.
    from core.results.merging import Part, shared

    alike = _alike(store, experiment)
    while True:
        found, left = shared(experiment, alike, begun)
        parts = []
        for other, numbers in zip(list(alike), found, strict=True):
            if numbers and (result := store.load(other.key)) is not None:
                parts.append(Part(result, numbers))
            elif numbers:  # damaged, or gone since
                alike.remove(other)
        if len(alike) == len(found):
            return parts, left


def missing(store: Store, experiment: Experiment) -> int:
    """How many runs of `experiment` no result in the store holds, as far as can be told without loading one."""
    from core.results.merging import shared

    return len(shared(experiment, _alike(store, experiment))[1])


def _alike(store: Store, experiment: Experiment) -> list[Experiment]:
    from core.results.merging import differing

    return [one for one in store.experiments() if not differing(one, experiment)]
