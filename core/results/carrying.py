"""What a row of a table takes along when it leaves the lab: all settings of its run, and the versions."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from core.experiment.experiment import FIELDS, VARIED, Experiment


def with_settings(table: pd.DataFrame, experiment: Experiment, versions: Mapping[str, str]) -> pd.DataFrame:
    """The table with a column for each setting that it lacks, and for each version.

    A setting of which the experiment has several values is that of the row's group, where the table has a column
    "group" of run groups; elsewhere it is all of them, as a link has it ('logistic,tanh').
    """
    texts = experiment.written() | {f"version_{what}": version for what, version in versions.items()}
    lacking = {name: text for name, text in texts.items() if name not in table}
    several = [name for name in lacking if name in VARIED and len(getattr(experiment, name)) > 1]
    columns: dict[str, str | pd.Series] = {**lacking}
    if several and "group" in table:
        runs = dict(zip(experiment.groups(), replace(experiment, seeds=1).runs(), strict=True))
        for name in several:
            of = {group: FIELDS[name].kind.format(getattr(run, name)) for group, run in runs.items()}
            columns[name] = table["group"].map(of).fillna(lacking[name])
    return table.assign(**columns)
