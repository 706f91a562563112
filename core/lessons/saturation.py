"""Dead-flat layers in a table: which, in how many runs, from when, and whether they left that state again."""

import pandas as pd

COLUMNS = ["group", "layer", "runs", "of", "from_epoch", "left", "flat_at_end"]


def dead_flat_layers(layers: pd.DataFrame) -> pd.DataFrame:
    """The hidden layers that were dead-flat (column `dead_flat`) at a recorded epoch, a row for each group and layer.

    Columns: group, layer, runs (in which it was dead-flat), of (runs with numbers), from_epoch (the first such
    recorded epoch of any run), left (runs in which a later recorded epoch found it not dead-flat), flat_at_end (runs
    in which it was dead-flat at the last epoch with numbers).
    """
    hidden = layers.loc[layers["dead_flat"].notna(), ["group", "run", "layer", "epoch", "dead_flat"]]
    if not hidden["dead_flat"].any():
        return pd.DataFrame({name: pd.Series(dtype="str" if name == "group" else "int64") for name in COLUMNS})
    flat_once = hidden["dead_flat"].eq(1).groupby([hidden["group"], hidden["layer"]]).transform("any")
    rows = []
    for (group, layer), own in hidden[flat_once].groupby(["group", "layer"], sort=False):
        flat = own.pivot(index="run", columns="epoch", values="dead_flat").sort_index(axis=1)
        was = flat.eq(1).cummax(axis=1)
        rows.append(
            {
                "group": group,
                "layer": layer,
                "runs": int(was.any(axis=1).sum()),
                "of": len(flat),
                "from_epoch": int(flat.columns[was.any(axis=0)][0]),
                "left": int((was & flat.eq(0)).any(axis=1).sum()),
                "flat_at_end": int(flat.ffill(axis=1).iloc[:, -1].eq(1).sum()),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)
