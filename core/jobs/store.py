"""Results on disk, by experiment key: a link that was trained once opens at once, one in training goes on.

One folder of files: `<key>.v<format>.zip` is a result, the zip that `Result.to_zip` writes and `load_result` reads;
`<key>.checkpoint` is what `core.jobs.checkpoint` makes of a sweep in training. Nothing in it is trusted as code.
Several processes may share the folder.
"""

import contextlib
import io
import logging
import os
import re
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from core.experiment.experiment import MAX_DOCUMENT, Experiment
from core.schema import SETTINGS_FILE, version

if TYPE_CHECKING:
    from core.results.results import Result

FORMAT = version()
"""The tables' columns, as part of the entries' names: an entry with other columns is not found, and its experiment is
trained again. It goes when it is the least recently used."""

KEY = re.compile(r"[0-9a-f]{64}")
OWN = re.compile(r"[0-9a-f]{64}\.(v[0-9a-f]+\.zip(\.damaged)?|checkpoint)|\.[0-9a-f]{64}\.[0-9a-f]{32}\.tmp")
"""The only names that the store removes, whatever else lies in its folder."""

DAMAGED = 5
"""Damaged entries that are kept for whoever wants to see what happened."""

CHECKPOINT_SHARE = 4
"""A quarter of the store is for checkpoints, the rest for results: what is in training, or was and nobody has asked for
it since, pushes out nothing that is finished."""

UNFINISHED_SECONDS = 3600.0
"""Age at which a temporary file is taken for what a crash left behind."""

log = logging.getLogger(__name__)


class Store:
    """Results and checkpoints in `folder`, at most `max_bytes` of them: the least recently used of a kind go first.

    Nothing that happens to the disk raises: what cannot be read counts as missing, what cannot be written is not
    kept, and `warning` says so.
    """

    def __init__(self, folder: str | Path, max_bytes: int = sys.maxsize) -> None:
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        self.warning = ""
        """What is wrong with the store, for the people who look at it; empty while all is well. Names no path."""
        self._last_use = 0
        self._lock = threading.Lock()

    def load(self, key: str) -> "Result | None":
        """The result stored under `key`, or None. Raises ValueError for a text that is no key."""
        path = self._path(key, f"v{FORMAT}.zip")
        content = self._read(path)
        if content is None:
            return None
        # The import costs pandas, which a worker process must not load.
        from core.results.loading import load_result

        try:
            result = load_result(io.BytesIO(content))
            if result.experiment.key != key:
                raise ValueError(f"the entry {key} holds the result {result.experiment.key}")
        except MemoryError:
            log.exception("No memory to read entry %s", key)
            return None
        except Exception:
            log.exception("Entry %s is damaged and set aside", key)
            self._set_aside(path)
            return None
        # A read-only folder still serves; its entries just do not get younger.
        with contextlib.suppress(OSError):
            self._touch(path)
        return result

    def save(self, key: str, result: "Result") -> bool:
        """Keep `result` under `key`; True if it is kept. Raises ValueError for a text that is no key.

        Whatever happens meanwhile, other readers find the old entry or the new one, whole.
        """
        return self._write(self._path(key, f"v{FORMAT}.zip"), result.to_zip)

    def experiments(self) -> Iterator[Experiment]:
        """What the stored results are of, as they say: whoever uses one loads it, which checks it."""
        try:
            entries = [path for _, _, path in self._entries()]
        except OSError:  # there is no store yet, or it cannot be read
            return
        for path in entries:
            key, _, kind = path.name.partition(".")
            if kind == f"v{FORMAT}.zip":
                with contextlib.suppress(OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
                    with zipfile.ZipFile(path) as archive, archive.open(SETTINGS_FILE) as file:
                        experiment = Experiment.from_json(file.read(MAX_DOCUMENT).decode())
                    if experiment.key == key:
                        yield experiment

    def holds(self, key: str) -> bool:
        """Whether a result is stored under `key`, as far as can be told without reading it."""
        return self._path(key, f"v{FORMAT}.zip").exists()

    def holds_checkpoint(self, key: str) -> bool:
        """Whether a sweep in training was saved, and is not done."""
        return self._path(key, "checkpoint").exists()

    def load_checkpoint(self, key: str) -> bytes | None:
        """What was last saved of the sweep in training, or None. Raises ValueError for a text that is no key."""
        return self._read(self._path(key, "checkpoint"))

    def save_checkpoint(self, key: str, content: bytes) -> bool:
        """Keep `content`, like `save`, in the place of what was saved before; True if it is kept."""
        path = self._path(key, "checkpoint")
        return len(content) <= self._bound(path) and self._write(path, lambda file: file.write(content))

    def drop_checkpoint(self, key: str) -> None:
        """Remove what was saved of a sweep in training."""
        # What stays goes when it is the least recently used.
        with contextlib.suppress(OSError):
            self._path(key, "checkpoint").unlink(missing_ok=True)

    def _path(self, key: str, kind: str) -> Path:
        if not KEY.fullmatch(key):
            raise ValueError(f"{key[:80]!r} is no key: it must be 64 hexadecimal digits")
        return self.folder / f"{key}.{kind}"

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn("Stored results cannot be read", error)
            return None

    def _write(self, path: Path, write: Callable[[BinaryIO], object]) -> bool:
        temporary = path.with_name(f".{path.name.partition('.')[0]}.{uuid.uuid4().hex}.tmp")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with temporary.open("xb") as file:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())
                size = temporary.stat().st_size
                if size > self._bound(path):
                    self.warning = "This result is larger than the whole store: it is not kept."
                    return False
                self._evict(self._bound(path) - size, replaced=path)
                self._touch(temporary)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            self._warn("Results cannot be stored", error)
            return False
        self.warning = ""
        return True

    def _warn(self, what: str, error: OSError) -> None:
        log.warning("%s: %s", what, error)
        self.warning = f"{what}: {os.strerror(error.errno) if error.errno else 'the disk reports an error'}."

    def _touch(self, path: Path) -> None:
        """Make `path` the most recently used entry, even if the clock was set back since the last one."""
        with self._lock:
            if not self._last_use:
                self._last_use = max((use for use, _, _ in self._entries()), default=0)
            self._last_use = max(time.time_ns(), self._last_use + 1000)
            os.utime(path, ns=(self._last_use, self._last_use))

    def _entries(self) -> list[tuple[int, int, Path]]:
        """(last use in ns, bytes, path) of every file that the store has written, least recently used first."""
        entries = []
        with os.scandir(self.folder) as files:
            for file in files:
                if OWN.fullmatch(file.name):
                    with contextlib.suppress(FileNotFoundError):
                        status = file.stat()
                        entries.append((status.st_mtime_ns, status.st_size, Path(file.path)))
        return sorted(entries)

    def _bound(self, path: Path) -> int:
        """How much there may be of what `path` is of."""
        checkpoints = self.max_bytes // CHECKPOINT_SHARE
        return checkpoints if _is_checkpoint(path) else self.max_bytes - checkpoints

    def _evict(self, max_bytes: int, replaced: Path) -> None:
        """Remove what a crash left, then the least recently used of its kind, until all but `replaced` fit."""
        now = time.time()
        total = 0
        entries = []
        for last_use, size, path in self._entries():
            if path.suffix == ".tmp":
                # An age of either sign: the clock may have been set back.
                if abs(now - last_use / 1e9) > UNFINISHED_SECONDS:
                    path.unlink(missing_ok=True)
            elif path != replaced and _is_checkpoint(path) == _is_checkpoint(replaced):
                entries.append((size, path))
                total += size
        for size, path in entries:
            if total <= max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size

    def _set_aside(self, path: Path) -> None:
        try:
            path.replace(path.with_name(f"{path.name}.damaged"))
            damaged = [path for _, _, path in self._entries() if path.suffix == ".damaged"]
            for old in damaged[:-DAMAGED]:
                old.unlink(missing_ok=True)
        except FileNotFoundError:
            pass  # another process was quicker
        except OSError as error:
            self._warn("A damaged result cannot be set aside", error)


def _is_checkpoint(path: Path) -> bool:
    return path.suffix == ".checkpoint"
