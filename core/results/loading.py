"""A result from its zip or folder, whoever made it: read in bounded memory and checked, or refused in one line."""

import csv
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from core.experiment.experiment import ENGINE_VERSION, MAX_DOCUMENT, Experiment, ExperimentError
from core.experiment.fields import shorten
from core.registries.datasets import MAX_FEATURES, forget_own, keep_own
from core.registries.own_data import numbered
from core.results import consistency, derived
from core.results.results import FORMULA_STARTS, Result, ResultError
from core.schema import DATA_FILE, FILES, SCHEMA, SETTINGS_FILE, names, version
from core.text import listed

__all__ = ["MAX_BYTES", "ResultError", "load_result"]

MAX_BYTES = 2_000_000_000
MAX_LISTED = 1000
"""Entries in a zip before it is not even opened: a list of its files can be longer than memory."""
MAX_LINE = 20_000
"""Characters in a line of a table; a row of the widest has about 1,500."""
MAX_VERSIONS = 20
LISTED = 6
"""Columns that are named one by one."""
NUMBER_BYTES = 8
UNREADABLE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError,
    RuntimeError, ValueError, OverflowError, KeyError, IndexError,
)  # fmt: skip
"""What `zipfile` raises for files that are no zip, or damaged ones."""


def load_result(path: str | Path | BinaryIO, max_bytes: int = MAX_BYTES) -> Result:
    """Read a result from its zip (`to_zip`), a path or binary file object, or from its folder (`to_csv`), a path.

    Args:
        path: the zip or folder.
        max_bytes: what its tables may take, as text and as numbers in memory.

    Raises:
        ResultError: not a result zip, or too large; a table, column or setting that is missing or wrong; tables that
            are not those of the experiment.
        MemoryError: no memory to read it, which says nothing about the file.
    """
    try:
        contents = _unpack(path, max_bytes)
    except ResultError:
        raise
    except UNREADABLE as error:
        raise ResultError(f"not a readable result zip: {_one_line(error)}") from error
    brought = _keep_table(contents[SETTINGS_FILE], contents.pop(DATA_FILE)) if DATA_FILE in contents else ""
    try:
        return _checked(contents, max_bytes)
    except BaseException:
        forget_own(brought)
        raise


def _checked(contents: dict[str, bytes], room: int) -> Result:
    """The result in these files, whose tables take `room` bytes at most."""
    experiment, versions = _read_settings(contents.pop(SETTINGS_FILE))
    tables = {}
    for name in SCHEMA:
        content = contents.pop(f"{name}.csv").removeprefix(b"\xef\xbb\xbf")
        _check_columns(name, content, experiment, versions)
        room -= _check_size(name, content, room)
        tables[name] = read_table(name, content)
    result = Result(experiment, **tables, versions=versions)
    consistency.check(result)
    derived.check(result)
    # Whoever fills the table in may write the empty bins too.
    filled = result.histograms[result.histograms["count"] > 0].reset_index(drop=True)
    return replace(result, histograms=filled)


def _unpack(path: str | Path | BinaryIO, max_bytes: int) -> dict[str, bytes]:
    """The files in the zip or folder by name: those of a result."""
    if isinstance(path, str | Path) and Path(path).is_dir():
        return _read_folder(Path(path), max_bytes)
    _check_list(path)
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        found = [entry.filename for entry in entries]
        if missing := [name for name in FILES if name not in found]:
            raise ResultError(f"the zip lacks {', '.join(missing)}; allowed: {', '.join(FILES)}, each once")
        known = (*FILES, DATA_FILE)
        if other := next((name for i, name in enumerate(found) if name not in known or name in found[:i]), ""):
            raise ResultError(f"the zip also holds {shorten(other)}; allowed: {', '.join(FILES)}, each once")
        for entry in entries:
            if entry.flag_bits & 1:
                raise ResultError(f"{entry.filename} in the zip is encrypted; allowed: files without a password")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ResultError(f"{entry.filename} in the zip is packed in an unusual way; allowed: stored, deflated")
        size = sum(entry.file_size for entry in entries)
        if size > max_bytes:
            raise ResultError(f"the zip unpacks to {size:,} bytes; allowed: at most {max_bytes:,} bytes")
        return {entry.filename: archive.read(entry) for entry in entries}


def _read_folder(folder: Path, max_bytes: int) -> dict[str, bytes]:
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise ResultError(f"the folder lacks {', '.join(missing)}; allowed: {', '.join(FILES)}, each once")
    found = [*FILES, *([DATA_FILE] if (folder / DATA_FILE).is_file() else [])]
    size = sum((folder / name).stat().st_size for name in found)
    if size > max_bytes:
        raise ResultError(f"the files have {size:,} bytes; allowed: at most {max_bytes:,} bytes")
    return {name: (folder / name).read_bytes() for name in found}


def _check_list(path: str | Path | BinaryIO) -> None:
    """Refuse a zip that lists very many files, before `zipfile` makes an object of each."""
    if isinstance(path, str | Path):
        with Path(path).open("rb") as file:
            return _check_list(file)
    signature, tail, count = b"PK\x01\x02", b"", 0
    while block := path.read(1 << 20):
        count += (tail + block).count(signature)
        tail = block[-3:]
    path.seek(0)
    if count > MAX_LISTED:
        raise ResultError(f"the zip holds about {count:,} files; allowed: {', '.join(FILES)}, each once")
    return None


def _one_line(message: object) -> str:
    """The first 200 characters of a message about a file that anyone may have made."""
    return shorten(" ".join(str(message).split()), 200)[1:-1]


def _read_settings(content: bytes) -> tuple[Experiment, dict[str, str]]:
    """Experiment and versions in experiment.json."""
    if len(content) > MAX_DOCUMENT:
        raise ResultError(f"{SETTINGS_FILE} has {len(content):,} bytes; allowed: at most {MAX_DOCUMENT:,}")
    try:
        text = content.decode("utf-8-sig")
        experiment = Experiment.from_json(text)
        document = json.loads(text)
    except UnicodeDecodeError as error:
        raise ResultError(f"{SETTINGS_FILE} is not text in UTF-8: {_one_line(error)}") from error
    except ExperimentError as error:
        raise ResultError(f"{SETTINGS_FILE}: {error}{_table_needed(text, error)}") from error
    versions = document.get("versions")
    readable = isinstance(versions, dict) and len(versions) <= MAX_VERSIONS
    if not readable or not all(isinstance(text, str) and len(text) <= 100 for text in versions.values()):
        raise ResultError(
            f"{SETTINGS_FILE}: versions is {shorten(versions)}; allowed: a text by name, engine and so on"
        )
    if versions.get("engine") == ENGINE_VERSION:  # another one may have had other defaults
        for name, own in (("link", experiment.to_params()), ("key", experiment.key)):
            if name in document and document[name] != own:
                found, allowed = (shorten(str(value), 100) for value in (document[name], own))
                raise ResultError(f"{SETTINGS_FILE}: {name} is {found}; allowed: {allowed} by its settings, or none")
    return experiment, {shorten(name)[1:-1]: text for name, text in versions.items()}


def _table_needed(text: str, error: ExperimentError) -> str:
    """What the file tells of somebody's own table that is not here."""
    if error.field != "dataset" or not isinstance(table := json.loads(text).get("table"), dict):
        return ""
    names: list[Any] = table["names"] if isinstance(table.get("names"), list) else []
    classes: list[Any] = table["classes"] if isinstance(table.get("classes"), list) else []
    return _one_line(
        f"; it has {table.get('examples')} examples, {table.get('features')} features ({', '.join(map(str, names[:4]))}"
        f"{' …' * (len(names) > 4)}) and {len(classes)} classes"
    )


def _keep_table(settings: bytes, content: bytes) -> str:
    """Make somebody's own table, which has come with its result, known: its name, "" where it was known before.

    Raises ResultError where it is another table than that of the result.
    """
    try:
        wanted = json.loads(settings)["experiment"]["dataset"]
        wanted = [wanted] if isinstance(wanted, str) else list(wanted)
        with np.errstate(invalid="ignore"):  # as in `read_table`
            rows = pd.read_csv(io.BytesIO(content), dtype={"label": "str", "class": "int64"}, keep_default_na=False)
        label = rows["label"]
        guarded = label.str.startswith("'") & label.str[1:].str.startswith(FORMULA_STARTS)
        label = label.where(~guarded, label.str[1:])
        numbers = rows["class"].to_numpy()
        classes = tuple(label[numbers == number].iloc[0] for number in range(numbers.max() + 1))
        names = tuple(name.partition(" ")[2] for name in rows.columns[2:])
        points = np.ascontiguousarray(rows.iloc[:, 2:].to_numpy(np.float64))
        if not (np.isfinite(points).all() and 1 <= points.shape[1] <= MAX_FEATURES and len(classes) > 1):
            raise ValueError("its rows are no examples of classes")
        dataset = numbered("from the file of a result", points, numbers, classes, names)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise ResultError(f"{DATA_FILE} is no table of this lab: {_one_line(error)}") from error
    if dataset.name not in wanted:
        allowed = f"{shorten(','.join(map(str, wanted)))}, the table of {SETTINGS_FILE}"
        raise ResultError(f"{DATA_FILE} is {dataset.name}; allowed: {allowed}")
    return dataset.name if keep_own(dataset) else ""


def _check_columns(name: str, content: bytes, experiment: Experiment, versions: dict[str, str]) -> None:
    """Raises ResultError where the table has not the columns of the schema, and says so where another version wrote it.

    Done before anything is read: a table with other columns would take time and memory to no end.
    """
    header = content[:MAX_LINE].partition(b"\n")[0]
    try:
        columns = next(csv.reader([header.decode().rstrip("\r")]), [])
    except (UnicodeDecodeError, csv.Error):
        columns = []
    if columns == names(name):
        return
    lacking = [column for column in names(name) if column not in columns]
    further = [column for column in columns if column not in names(name)]
    kept = [column for column in columns if column in names(name)]
    # A table of another version has most of its columns in common with this one's.
    if versions.get("tables") != version() and 2 * len(kept) > len(names(name)):
        when = "a later" if further and not lacking else "an earlier" if lacking and not further else "another"
        differs = [f"{verb} {_some(found)}" for verb, found in (("lacks", lacking), ("also has", further)) if found]
        raise ResultError(
            f"{name}.csv {' and '.join(differs) or 'has its columns in another order'}: this result is of {when} "
            f"version of the lab; allowed: results of this version. Train it again: {experiment.command()}"
        )
    found = shorten(header.decode("utf-8", "replace"), 200)
    raise ResultError(f"{name}.csv has the columns {found}; allowed: those of {name}, in their order")


def _some(columns: Sequence[str]) -> str:
    """The first few columns by name, and how many more there are."""
    shown = [shorten(column)[1:-1] for column in columns[:LISTED]]
    return listed([*shown, *([f"{len(columns) - LISTED} more columns"] if len(columns) > LISTED else [])])


def _check_size(name: str, content: bytes, room: int) -> int:
    """The bytes that the table's numbers take. Raises ResultError for more than `room`, and for a line without end."""
    columns = names(name)
    rows = max(content.count(b"\n"), content.count(b"\r"))
    size = rows * len(columns) * NUMBER_BYTES
    if size > room:
        raise ResultError(f"{name}.csv has {rows:,} rows; allowed: tables of at most {room:,} bytes in memory")
    longest = max(map(len, io.BytesIO(content)))
    if longest > MAX_LINE:
        raise ResultError(f"{name}.csv has a line of {longest:,} characters; allowed: at most {MAX_LINE:,}")
    return size


def read_table(name: str, content: bytes) -> pd.DataFrame:
    """A table from its CSV, as `core.results.results.csv_bytes` writes it. Raises ResultError for anything else."""
    dtypes = {column.name: column.dtype for column in SCHEMA[name]}
    text = [column for column, dtype in dtypes.items() if dtype == "str"]
    try:
        # pandas casts to whole numbers first and refuses then what they do not equal.
        with np.errstate(invalid="ignore"):
            table = pd.read_csv(
                io.BytesIO(content),
                dtype=dtypes,
                keep_default_na=False,
                na_values={column: [""] for column in dtypes if column not in text},
            )
    except (ValueError, OverflowError) as error:
        if isinstance(error, pd.errors.ParserError) and str(error).endswith("C error: out of memory"):
            raise MemoryError from error
        raise ResultError(f"{name}.csv is not a {name} table: {_one_line(error)}") from error
    if list(table.columns) != names(name) or not isinstance(table.index, pd.RangeIndex):
        found = _one_line(", ".join(map(str, table.columns)))
        raise ResultError(f"{name}.csv has the columns {found}, not those of {name}")
    for column in text if b"'" in content else ():
        guarded = table[column].str.startswith("'") & table[column].str[1:].str.startswith(FORMULA_STARTS)
        table[column] = table[column].where(~guarded, table[column].str[1:])
    return table
