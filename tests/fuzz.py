"""Hundreds of files as anybody may upload them, read in a process that may take little memory and write nothing.

Run by tests/test_fuzz.py as `python -m tests.fuzz`; prints how many files were opened and how many refused.
"""

import io
import json
import resource
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.experiment.experiment import Experiment
from core.jobs.running import run
from core.results.loading import load_result
from core.results.results import ResultError
from core.schema import FILES

COUNT = 400
MAX_BYTES = 20 * 10**6
"""What a file may take, as the dashboard bounds it."""
MEMORY = 400 * 10**6
"""What the process may take beyond what it has when it begins."""
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-2", "\t=1", "<script>alert(1)</script>", "[x](javascript:y)")
CODES = ("utf-16", "utf-32", "cp037", "utf-8-sig", "latin-1")
Entries = dict[str, bytes]


def packed(entries: Entries) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes cut short, with some of them changed, left out, or twice."""
    begin, end = sorted(rng.integers(0, len(data) + 1, 2))
    if rng.random() < 0.3:
        return data[:end]
    if rng.random() < 0.3:
        return data[:begin] + data[end:]
    if rng.random() < 0.3:
        return data[:end] + data[begin:]
    changed = bytearray(data)
    for place in rng.integers(0, len(data), rng.integers(1, 8)):
        changed[place] = rng.integers(256)
    return bytes(changed)


def cell(data: bytes, rng: np.random.Generator) -> bytes:
    """The table with one of its cells replaced."""
    lines = data.decode().splitlines()
    row = int(rng.integers(len(lines)))
    cells = lines[row].split(",")
    odd = (
        *FORMULAS,
        "",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "-1",
        "9" * 30,
        "0x10",
        "\u0661",
        "a" * 5000,
        '"',
        "\0",
        "True",
    )
    cells[int(rng.integers(len(cells)))] = odd[int(rng.integers(len(odd)))]
    lines[row] = ",".join(cells)
    return "\n".join(lines).encode()


def setting(data: bytes, rng: np.random.Generator) -> bytes:
    """The settings with one of them replaced."""
    document = json.loads(data)
    odd: tuple[Any, ...] = (*FORMULAS, None, [], {}, -1, 10**30, 0.5, "1e9", ["tanh"] * 9, [[["x"]]], "é" * 500)
    part = document["experiment"] if "experiment" in document and rng.random() < 0.8 else document
    part[list(part)[int(rng.integers(len(part)))]] = odd[int(rng.integers(len(odd)))]
    return json.dumps(document).encode()


def recoded(data: bytes, rng: np.random.Generator) -> bytes:
    """The text in another code."""
    return data.decode().encode(CODES[int(rng.integers(len(CODES)))])


def repeated(data: bytes, rng: np.random.Generator) -> bytes:
    """A file that is small in a zip and large outside of it."""
    return data * int(rng.integers(2, 20)) + b"0," * int(rng.integers(10**4, 2 * 10**7))


def file(whole: Entries, rng: np.random.Generator) -> bytes:
    """One file: the zip of a result, a table or the settings, with something about it wrong, or nothing."""
    name = FILES[int(rng.integers(len(FILES)))]
    ways: list[Callable[[bytes, np.random.Generator], bytes]] = [damaged, recoded]
    ways += [setting] * 4 if name.endswith("json") else [cell] * 4
    if rng.random() < 0.01:
        ways = [repeated]
    changed = ways[int(rng.integers(len(ways)))](whole[name], rng)
    kind = rng.random()
    if kind < 0.1:
        return changed
    if kind < 0.3:
        return damaged(packed(whole), rng)
    entries = whole | {name: changed}
    if kind < 0.35:
        del entries[name]
    elif kind < 0.4:
        entries["../" * int(rng.integers(1, 4)) + name] = changed
    return packed(entries)


def main() -> None:
    """Read them all."""
    result = run(Experiment(dataset=("iris",), hidden=((2,),), epochs=1, seeds=1, initialiser=("zeros",)))
    buffer = io.BytesIO()
    result.to_zip(buffer)
    with zipfile.ZipFile(buffer) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    load_result(io.BytesIO(packed(whole)), MAX_BYTES)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and (set(str(arguments[1])) & set("wax+")):
            raise AssertionError(f"{arguments[0]} is opened for writing")

    sys.addaudithook(watch)
    limit = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    rng = np.random.default_rng(6)
    met: Counter[str] = Counter()
    for number in range(COUNT):
        content = file(whole, rng)
        try:
            load_result(io.BytesIO(content), MAX_BYTES)
        except ResultError as error:
            message = str(error)
            met["refused"] += 1
        else:
            message = "opened"
            met["opened"] += 1
        assert len(message.splitlines()) == 1, (number, message)
        assert len(message) < 1000, (number, message)
    print(json.dumps(met))


if __name__ == "__main__":
    main()
