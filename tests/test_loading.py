"""A result from a file that anyone may have made is whole, or refused in a line."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.engine.measures import bin_edges
from core.experiment.experiment import Experiment
from core.experiment.presets import PRESETS
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import DATASETS
from core.results import loading
from core.results.loading import load_result, read_table
from core.results.results import Result, ResultError, collect, csv_bytes, versions
from core.schema import FILES, SCHEMA, names
from tests.engine import assert_same_tables, change, records, singles, train
from tests.test_results import SMALL, zipped
from tests.test_training import DIVERGING, IRIS


@pytest.fixture(scope="module")
def result() -> Result:
    return train(SMALL)


@pytest.fixture(scope="module")
def content(result: Result) -> bytes:
    return zipped(result)


def changed(content: bytes, edit: Callable[[dict[str, bytes]], None]) -> io.BytesIO:
    """The zip with its entries edited."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    edit(entries)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    buffer.seek(0)
    return buffer


# Files that are refused


def refused(file: Any) -> str:
    with pytest.raises(ResultError) as caught:
        load_result(file)
    message = str(caught.value)
    assert message
    assert len(message.splitlines()) == 1
    assert len(message) < 600
    return message


def test_what_is_no_zip_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    for foreign in (
        b"",
        b"PK",
        b"%PDF-1.7",
        b"run,group\n1,a\n",
        b"\0" * 1000,
        content[:-30],
        content[100:],
        content[:5000],
    ):
        assert "zip" in refused(io.BytesIO(foreign))
    assert "zip" in refused(tmp_path / "missing.zip")
    assert "lacks" in refused(tmp_path)


def test_a_zip_of_something_else_is_refused_with_what_it_lacks(content: bytes) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("holiday.txt", "sun")
    message = refused(io.BytesIO(buffer.getvalue()))
    for table in SCHEMA:
        assert f"{table}.csv" in message
    for name in (*(f"{table}.csv" for table in SCHEMA), "experiment.json"):
        assert name in refused(changed(content, lambda entries, name=name: entries.pop(name)))  # type: ignore[misc]


EDITS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a column renamed": ("layers.csv", lambda text: text.replace(b"saturated_low", b"saturated_bottom")),
    "a column missing": ("runs.csv", lambda text: b"\n".join(line.partition(b",")[2] for line in text.splitlines())),
    "columns swapped": ("runs.csv", lambda text: text.replace(b'"run","group"', b'"group","run"', 1)),
    "a cell more in each row": ("epochs.csv", lambda text: text.replace(b"\n", b",9\n").replace(b",9\n", b"\n", 1)),
    "a cell more in one row": ("epochs.csv", lambda text: text.rstrip(b"\n") + b",9\n"),
    "a word for a number": ("epochs.csv", lambda text: text.replace(b"\n0,", b"\nzero,", 1)),
    "a fraction for a whole number": ("epochs.csv", lambda text: text.replace(b"\n0,", b"\n0.5,", 1)),
    "a missing whole number": ("epochs.csv", lambda text: text.replace(b"\n0,", b"\n,", 1)),
    "a number too large": ("epochs.csv", lambda text: text.replace(b"\n0,", b"\n" + b"9" * 40 + b",", 1)),
    "nothing": ("histograms.csv", lambda text: b""),
    "bytes that are no text": ("runs.csv", lambda text: b"\xff\xfe" + text),
    "an open quote": ("runs.csv", lambda text: text.replace(b"\n0,", b'\n0,"', 1)),
    "a header of two lines": ("runs.csv", lambda text: text.replace(b'"run","group"', b'"run\nrun","group"', 1)),
    "a long header": ("runs.csv", lambda text: b"x" * 100_000 + text),
    "settings that are no JSON": ("experiment.json", lambda text: text[:-20]),
    "settings that are a list": ("experiment.json", lambda text: b"[1, 2]"),
    "settings of nothing": ("experiment.json", lambda text: b"{}"),
    "settings nested without end": ("experiment.json", lambda text: b"[" * 100_000),
    "settings in another code": ("experiment.json", lambda text: text.decode().encode("utf-16")[:-1]),
    "an unknown setting": ("experiment.json", lambda text: text.replace(b'"dataset"', b'"data\\nset"')),
    "a wrong setting": ("experiment.json", lambda text: text.replace(b'"iris"', b'"<script>\\n</script>"')),
}


@pytest.mark.parametrize("edit", list(EDITS))
def test_a_zip_with_a_wrong_table_or_setting_is_refused_in_one_line(content: bytes, edit: str) -> None:
    name, change_it = EDITS[edit]

    def apply(entries: dict[str, bytes]) -> None:
        before = entries[name]
        entries[name] = change_it(before)
        assert entries[name] != before

    message = refused(changed(content, apply))
    if name.endswith("csv"):
        assert name in message


def test_a_flipped_byte_is_refused_or_harmless() -> None:
    result = train(change(IRIS, hidden=2, epochs=1, record="0", statistics="standard"))
    content = zipped(result)
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 50):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        try:
            loaded = load_result(io.BytesIO(bytes(damaged)))
        except ResultError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017
        else:
            assert loaded.runs.equals(result.runs)


def test_a_zip_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(result: Result, content: bytes) -> None:
    with pytest.raises(ResultError, match=r"unpacks to [\d,]+ bytes; allowed: at most 10,000 bytes"):
        load_result(io.BytesIO(content), max_bytes=10_000)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    assert load_result(io.BytesIO(content), max_bytes=2 * size).runs.equals(result.runs)


def test_a_table_of_empty_cells_is_refused_before_it_takes_memory(content: bytes) -> None:
    def apply(entries: dict[str, bytes]) -> None:
        entries["layers.csv"] += b"," * 65 + b"\n" * 100_000

    file = changed(content, apply)
    with pytest.raises(ResultError, match=r"layers\.csv has [\d,]+ rows"):
        load_result(file, max_bytes=10_000_000)


def test_an_encrypted_zip_is_refused(content: bytes) -> None:
    damaged = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = damaged.find(signature)
        while place >= 0:
            damaged[place + offset] |= 1
            place = damaged.find(signature, place + 4)
    assert "zip" in refused(io.BytesIO(bytes(damaged)))


UNUSUAL: dict[str, tuple[str, Callable[[zipfile.ZipFile, dict[str, bytes]], None]]] = {
    "a sixth file": ("'notes.txt'", lambda archive, _: archive.writestr("notes.txt", b"")),
    "a file with a path": ("'../../etc/passwd'", lambda archive, _: archive.writestr("../../etc/passwd", b"")),
    "an absolute path": ("'/etc/passwd'", lambda archive, _: archive.writestr("/etc/passwd", b"")),
    "a folder": ("'results/'", lambda archive, _: archive.writestr("results/", b"")),
    "a name of control characters": (r"'\\x1b\[2J'", lambda archive, _: archive.writestr("\x1b[2J", b"")),
    "a table packed with bzip2": (
        "runs.csv in the zip is packed",
        lambda archive, files: archive.writestr("runs.csv", files.pop("runs.csv"), zipfile.ZIP_BZIP2),
    ),
    "settings packed with lzma": (
        "experiment.json in the zip is packed",
        lambda archive, files: archive.writestr("experiment.json", files.pop("experiment.json"), zipfile.ZIP_LZMA),
    ),
}


@pytest.mark.parametrize("unusual", list(UNUSUAL))
def test_a_zip_of_unusual_files_is_refused(content: bytes, unusual: str) -> None:
    message, write = UNUSUAL[unusual]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        write(archive, files)
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(ResultError, match=message):
        load_result(buffer)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused(content: bytes) -> None:
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("runs.csv", b"run\n")
    assert "also holds 'runs.csv'" in refused(buffer)


def test_a_long_list_of_files_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(loading.MAX_LISTED + 1):
            archive.writestr(str(number), b"")
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert "about 1,001 files" in refused(io.BytesIO(buffer.getvalue()))


def test_a_line_without_end_is_refused_before_it_is_cut_into_cells(content: bytes) -> None:
    def apply(entries: dict[str, bytes]) -> None:
        entries["runs.csv"] += b"," * 1_000_000

    assert "runs.csv has a line of 1,000,000 characters" in refused(changed(content, apply))


VERSIONS: list[Any] = [None, [], "2", {"engine": 2}, {"engine": "x" * 101}, {str(n): "" for n in range(21)}]


@pytest.mark.parametrize("versions", VERSIONS, ids=lambda versions: str(versions)[:20])
def test_versions_of_another_form_are_refused(content: bytes, versions: object) -> None:
    def apply(entries: dict[str, bytes]) -> None:
        document = json.loads(entries["experiment.json"])
        entries["experiment.json"] = json.dumps(document | {"versions": versions}).encode()

    assert "experiment.json: versions is " in refused(changed(content, apply))


def test_a_result_of_another_engine_opens_and_says_so(content: bytes) -> None:
    def apply(entries: dict[str, bytes]) -> None:
        document = json.loads(entries["experiment.json"])
        document["versions"]["engine"] = "0"
        entries["experiment.json"] = json.dumps(document).encode()

    assert load_result(changed(content, apply)).versions["engine"] == "0"


def with_columns(
    *drop: str, add: tuple[str, ...] = (), tables: str | None = None
) -> Callable[[dict[str, bytes]], None]:
    """Leave columns out of a zip and put others in, as another version would; `tables` is the version that it names."""

    def apply(entries: dict[str, bytes]) -> None:
        for name in SCHEMA:
            table = read_table(name, entries[f"{name}.csv"])
            entries[f"{name}.csv"] = csv_bytes(
                table.drop(columns=[column for column in drop if column in table]).assign(**dict.fromkeys(add, 1.0))
            )
        document = json.loads(entries["experiment.json"])
        document["versions"].pop("tables")
        document["versions"] |= {} if tables is None else {"tables": tables}
        entries["experiment.json"] = json.dumps(document).encode()

    return apply


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (with_columns("diverged_at"), "runs.csv lacks diverged_at: this result is of an earlier version of the lab"),
        (
            with_columns("weight_rms", "dead_flat", tables="12345678"),
            "layers.csv lacks dead_flat and weight_rms: this result is of an earlier version of the lab",
        ),
        (with_columns(add=("mood",)), "runs.csv also has mood: this result is of a later version of the lab"),
        (
            with_columns("seconds", add=("minutes",)),
            "runs.csv lacks seconds and also has minutes: this result is of another version of the lab",
        ),
    ],
)
def test_a_result_of_another_version_is_called_so_with_the_command_that_trains_it_again(
    content: bytes, edit: Callable[[dict[str, bytes]], None], told: str
) -> None:
    line = refused(changed(content, edit))
    assert line.startswith(told)
    assert line.endswith(f"Train it again: {SMALL.command()}")


def test_a_zip_that_names_no_version_opens_if_its_columns_are_these(result: Result, content: bytes) -> None:
    loaded = load_result(changed(content, with_columns()))
    pd.testing.assert_frame_equal(loaded.layers, result.layers, check_exact=True)


def test_a_wrong_column_in_a_zip_of_this_version_is_not_blamed_on_another(content: bytes) -> None:
    line = refused(changed(content, with_columns("diverged_at", tables=versions()["tables"])))
    assert line.startswith("runs.csv has the columns ")
    assert "version of the lab" not in line


def test_a_byte_order_mark_and_windows_lines_do_no_harm(result: Result, content: bytes) -> None:
    def apply(entries: dict[str, bytes]) -> None:
        for name in entries:
            entries[name] = b"\xef\xbb\xbf" + entries[name].replace(b"\n", b"\r\n")

    loaded = load_result(changed(content, apply))
    for table in SCHEMA:
        pd.testing.assert_frame_equal(loaded.table(table), result.table(table), check_exact=True)


# Tables that are not the experiment's


def with_cell(table: str, column: str, value: Any, row: int = 0) -> Callable[[dict[str, pd.DataFrame]], None]:
    """Put `value` into one cell."""

    def apply(tables: dict[str, pd.DataFrame]) -> None:
        tables[table].iloc[row, names(table).index(column)] = value

    return apply


def with_rows(table: str, choose: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[dict[str, pd.DataFrame]], None]:
    """Keep, repeat or reorder rows."""

    def apply(tables: dict[str, pd.DataFrame]) -> None:
        tables[table] = choose(tables[table])

    return apply


STRANGE: dict[str, tuple[Callable[[dict[str, pd.DataFrame]], None], str]] = {
    "an unknown run": (with_cell("runs", "run", 999, -1), r"runs.csv: run is 999 in line 17; allowed: 0 to 15"),
    "a run below 0": (with_cell("runs", "run", -1), "runs.csv: run is -1 in line 2"),
    "a run twice": (with_rows("runs", lambda t: pd.concat([t[:1], t])), "each run once"),
    "runs in another order": (with_rows("runs", lambda t: t[::-1]), "ascending order"),
    "another group": (with_cell("runs", "group", "<b>"), r"group is '<b>' in line 2; allowed: 'tanh"),
    "another seed": (with_cell("epochs", "seed", 7), r"epochs.csv: seed is 7 in line 2; allowed: 0 by experiment.json"),
    "another dataset": (with_cell("layers", "dataset", "wine"), "layers.csv: dataset is 'wine' in line 2"),
    "another gain": (with_cell("histograms", "gain", 2.0), "histograms.csv: gain is 2.0"),
    "an unknown status": (with_cell("runs", "status", "=1+1"), "status is '=1\\+1'.* allowed: converged, not_reached"),
    "converged without updates": (with_cell("runs", "status", "converged"), "runs.csv: status is 'converged'"),
    "diverged without a place": (with_cell("runs", "status", "diverged"), "runs.csv: status is 'diverged'"),
    "diverged before the last update": (with_cell("runs", "diverged_at", 1.0), "runs.csv: diverged_at is 1.0"),
    "diverged, and not reached": (
        with_rows("runs", lambda t: t.assign(diverged_at=t["last_update"].astype(float))),
        "runs.csv: status is",
    ),
    "a target at no recorded epoch": (with_cell("runs", "epochs_to_target", 1.5, -1), "runs.csv: epochs_to_target"),
    "a target after the last update": (
        with_rows("runs", lambda t: t.assign(status="converged", updates_to_target=99.0)),
        "updates_to_target is 99.0",
    ),
    "an infinite loss": (with_cell("epochs", "train_loss", np.inf), "epochs.csv: train_loss is inf"),
    "an accuracy above 1": (with_cell("runs", "final_test_accuracy", 1.5), "final_test_accuracy is 1.5 .* 0 to 1"),
    "a share below 0": (with_cell("layers", "saturated", -0.5), "layers.csv: saturated is -0.5"),
    "an unknown epoch": (with_cell("epochs", "epoch", 7, 1), "epochs.csv: epoch is 7"),
    "an epoch twice": (with_rows("epochs", lambda t: pd.concat([t[:1], t])), "epochs.csv: epoch is 0 in line 3"),
    "an epoch left out": (with_rows("epochs", lambda t: t.drop(index=1)), "epochs.csv: epoch is 2 in line 3"),
    "a run without epochs": (with_rows("epochs", lambda t: t[3:]), "run 0 of runs.csv is not in it"),
    "a run of which there is no row": (with_rows("runs", lambda t: t[1:]), "epochs.csv: run is 0"),
    "other updates": (
        with_cell("epochs", "update", 5, 1),
        "epochs.csv: update is 5 in line 3; allowed: 4 by experiment.json",
    ),
    "no updates": (with_rows("epochs", lambda t: t.assign(update=0)), "epochs.csv: update is 0 in line 3"),
    "updates without end": (with_rows("layers", lambda t: t.assign(update=10**18)), "layers.csv: update is 10000"),
    "another last update": (with_cell("runs", "last_update", 99), "runs.csv: last_update is 99"),
    "no layers": (with_rows("layers", lambda t: t[:0]), "epochs.csv: epoch is 0 .* points that layers.csv has too"),
    "a layer twice": (with_rows("layers", lambda t: pd.concat([t[:1], t])), "layers.csv: layer is 1"),
    "a layer left out": (with_rows("layers", lambda t: t.drop(index=1)), "layers.csv: layer is 1"),
    "a layer of another number": (with_cell("layers", "layer", 9), "layers.csv: layer is 9"),
    "another role": (with_cell("layers", "role", "output"), "role is 'output' in line 2; allowed: 'hidden'"),
    "another width": (with_cell("layers", "fan_in", 10**9), "layers.csv: fan_in is 1000000000 in line 2; allowed: 4 "),
    "points in another order": (with_rows("layers", lambda t: t.sort_values(["run", "layer"])), "ascending order"),
    "a point of no run": (with_cell("layers", "epoch", 9), "layers.csv: epoch is 9"),
    "an unknown quantity": (with_cell("histograms", "quantity", "mood"), "quantity is 'mood'"),
    "an unknown level": (with_cell("histograms", "level", "batch"), "level is 'batch' .* probe for preactivation"),
    "a histogram of no layer": (with_cell("histograms", "layer", 0), "histograms.csv: layer is 0"),
    "a histogram of no epoch": (with_cell("histograms", "epoch", 3), "histograms.csv: epoch is 3"),
    "a histogram of no group": (with_cell("histograms", "group", "x"), "histograms.csv: group is 'x'"),
    "another bin": (with_cell("histograms", "left", 0.123, 3), "histograms.csv: left is 0.123 in line 5"),
    "a bin without an edge": (with_cell("histograms", "right", np.nan, 3), "histograms.csv: right is nothing"),
    "bins in another order": (
        with_rows("histograms", lambda t: t.iloc[[1, 0, *range(2, len(t))]]),
        "in ascending order",
    ),
    "a bin twice": (with_rows("histograms", lambda t: pd.concat([t[:1], t])), "each bin of a histogram once"),
    "a histogram twice": (with_rows("histograms", lambda t: pd.concat([t, t[:50]])), "each histogram once"),
    "a bin without a count": (with_cell("histograms", "count", np.nan), "histograms.csv: count is nothing"),
    "a count below 0": (with_cell("histograms", "count", -1.0), "histograms.csv: count is -1.0"),
    "nothing counted": (with_rows("histograms", lambda t: t.assign(count=0.0)), "something in each histogram"),
    "a density below 0": (with_cell("histograms", "density", -1.0, 1), "histograms.csv: density is -1.0"),
}


@pytest.mark.parametrize("strange", list(STRANGE))
def test_a_table_that_is_not_the_experiments_is_refused_by_line_and_value(
    result: Result, content: bytes, strange: str
) -> None:
    edit, message = STRANGE[strange]
    tables = {name: result.table(name).copy() for name in SCHEMA}
    edit(tables)

    def apply(entries: dict[str, bytes]) -> None:
        for name, table in tables.items():
            if not table.equals(result.table(name)):
                entries[f"{name}.csv"] = csv_bytes(table)

    with pytest.raises(ResultError, match=message) as caught:
        load_result(changed(content, apply))
    assert len(str(caught.value)) < 300


def test_tables_of_another_experiment_are_refused(content: bytes) -> None:
    def apply(entries: dict[str, bytes]) -> None:
        document = json.loads(entries["experiment.json"])
        document["experiment"]["epochs"] = 1
        del document["link"], document["key"]
        entries["experiment.json"] = json.dumps(document).encode()

    assert "epochs.csv: epoch is 2 in line 4" in refused(changed(content, apply))


@pytest.mark.parametrize(
    "experiment",
    [
        DIVERGING,
        change(SMALL, statistics="standard"),
        *(
            change(IRIS, dataset=name, epochs=1, batch_size=(0, 7), **({} if entry.whole else {"test_share": 0.37}))
            for name, entry in DATASETS.items()
        ),
        change(IRIS, test_share=0),
        change(PRESETS["batch_size"].experiment, dataset="iris", seeds=1, epochs=2),
        # Gradients that end in infinities, and standard deviations that do.
        change(IRIS, activation=("relu", "identity"), hidden=((20,) * 50,), gain=100, initialiser="normal:100"),
    ],
    ids=lambda experiment: f"{experiment.dataset}-{experiment.to_query()[:30]}",
)
def test_what_training_gives_is_consistent(experiment: Experiment) -> None:
    result = train(experiment)
    assert load_result(io.BytesIO(zipped(result))).settings == result.settings


def test_a_result_so_far_is_consistent() -> None:
    found = records(SMALL, singles, segment=1)
    for kept in (0, 1, 5, len(found) // 2):
        so_far = collect(SMALL, found[:kept])
        assert load_result(io.BytesIO(zipped(so_far))).runs.equals(so_far.runs)


def test_a_file_with_the_empty_bins_too_opens_as_if_they_were_not_there(result: Result, content: bytes) -> None:
    table = result.histograms
    block = ["group", "epoch", "layer", "quantity", "level"]
    every = []
    for _, part in table.groupby(block, sort=False):
        edges = bin_edges(part["quantity"].iloc[0], ACTIVATIONS[part["activation"].iloc[0]])
        bins = pd.DataFrame({"left": edges[:-1], "right": edges[1:]})
        whole = bins.merge(part.drop(columns="right"), how="left", on="left")
        settings = [column for column in names("histograms") if column not in ("left", "right", "count", "density")]
        whole[settings] = part[settings].iloc[0].to_list()
        finite = np.isfinite(whole["right"] - whole["left"])
        every.append(
            whole.fillna({"count": 0.0}).assign(density=whole["density"].where(~finite, whole["density"].fillna(0.0)))
        )
    whole = pd.concat(every, ignore_index=True)[list(table)].astype(table.dtypes.to_dict())
    assert len(whole) > 1.5 * len(table)

    def apply(entries: dict[str, bytes]) -> None:
        entries["histograms.csv"] = csv_bytes(whole)

    pd.testing.assert_frame_equal(load_result(changed(content, apply)).histograms, table, check_exact=True)


@pytest.mark.parametrize(
    ("name", "wrong"), [("key", "0" * 64), ("link", {"epochs": "3"}), ("key", None), ("link", [1])]
)
def test_a_key_or_link_that_is_not_its_settings_is_refused(content: bytes, name: str, wrong: object) -> None:
    def apply(entries: dict[str, bytes]) -> None:
        entries["experiment.json"] = json.dumps(json.loads(entries["experiment.json"]) | {name: wrong}).encode()

    message = refused(changed(content, apply))
    assert message.startswith(f"experiment.json: {name} is ")
    assert "by its settings" in message


def test_all_files_of_a_result_are_read(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert tuple(archive.namelist()) == FILES


def test_the_folder_of_a_result_opens_as_its_zip_does(result: Result, content: bytes, tmp_path: Path) -> None:
    result.to_csv(tmp_path)
    assert_same_tables(load_result(tmp_path), load_result(io.BytesIO(content)))
    (tmp_path / "epochs.csv").unlink()
    with pytest.raises(ResultError, match=r"the folder lacks epochs\.csv; allowed: "):
        load_result(tmp_path)
    result.to_csv(tmp_path)
    with pytest.raises(ResultError, match="at most 1,000 bytes"):
        load_result(tmp_path, 1000)
