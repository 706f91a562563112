"""What a page is drawn from."""

from dataclasses import dataclass

from core.experiment import Experiment
from core.results import Result


@dataclass(frozen=True)
class Shown:
    """The result on the screen. `version` changes with every new number in it; `final` is True when no more come."""

    result: Result
    version: str
    final: bool

    @property
    def experiment(self) -> Experiment:
        """What was run."""
        return self.result.experiment

    @property
    def groups(self) -> tuple[str, ...]:
        """All run groups, those included of which there are no numbers yet."""
        return self.experiment.groups()
