"""Dead-flat layers in a table: which, in how many runs, from when, and whether they left that state again."""

import numpy as np
import pandas as pd

from core.results.selected import Rows
from core.results.summary import ends

COLUMNS = ["group", "layer", "runs", "of", "from_epoch", "left", "flat_at_end"]


def dead_flat_layers(layers: pd.DataFrame) -> pd.DataFrame:
    """The hidden layers that were dead-flat (column `dead_flat`) at a recorded epoch, a row for each group and layer.

    Columns: group, layer, runs (in which it was dead-flat), of (runs with numbers), from_epoch (the first such
    recorded epoch of any run), left (runs in which a later recorded epoch found it not dead-flat), flat_at_end (runs
    in which it was dead-flat at the last epoch with numbers).
    """
    rows = Rows(layers)
    rows = rows.only(rows.there("dead_flat"))
    flat = rows["dead_flat"] == 1
    if not flat.any():
        return pd.DataFrame({name: pd.Series(dtype="str" if name == "group" else "int64") for name in COLUMNS})
    names, group = rows.groups()
    layer, epoch = rows["layer"], rows["epoch"]
    width = int(layer.max()) + 1
    place, found = pd.factorize(group * width + layer)
    run, runs = pd.factorize(rows["run"])
    # A case is a layer of one run.
    case, cases = pd.factorize(place * len(runs) + run)
    place = cases // len(runs)
    first = np.full(len(cases), np.inf)
    np.minimum.at(first, case[flat], epoch[flat])
    left = np.isin(np.arange(len(cases)), case[~flat & (epoch > first[case])])
    in_order = np.argsort(epoch, kind="stable")
    at_end = np.zeros(len(cases), dtype=bool)
    at_end[case[in_order]] = flat[in_order]  # the last one stays
    begun, _ = ends(place, first)
    counts = [np.bincount(place, which).astype(np.int64) for which in (np.isfinite(first), left, at_end)]
    columns = (
        pd.array([names[number] for number in (found // width).tolist()], dtype="str"), found % width,
        counts[0], np.bincount(place), begun, *counts[1:],
    )  # fmt: skip
    table = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))[np.isfinite(begun)]
    return table.astype({"from_epoch": "int64"}).reset_index(drop=True)
