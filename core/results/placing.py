"""A file, or a folder of files, that is there whole or not at all, and never in the place of anything else.

It is written beside its place and moved there at the end. What stands there already is replaced only where it is a
result too and that is asked for; symbolic links are not followed.
"""

import contextlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

from core.schema import DATA_FILE, FILES


class PlaceError(ValueError):
    """A place where nothing may be written: one line that names it and says why."""


def partial(place: Path) -> Path:
    """Where what is to stand at `place` is as long as it is not whole."""
    return place.with_name(f"{place.name}.partial")


def check_folder(folder: Path, replace: bool) -> None:
    """Whether the folder of a result may be put at `folder`, in the place of another one if `replace`.

    Raises PlaceError where not, OSError where nothing can be written there at all.
    """
    for place in (folder, partial(folder)):
        if place.is_symlink():
            raise PlaceError(f"{place} is a symbolic link: name the folder itself")
        if place.exists() and not place.is_dir():
            raise PlaceError(f"{place} is a file, not a folder")
    if folder.is_mount() or (folder.exists() and folder.samefile(Path.cwd())):
        raise PlaceError(f"{folder} cannot be put into its place as a whole: name a new folder inside it")
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if other := [name for name in found if name not in (*FILES, DATA_FILE)]:
        raise PlaceError(f"{folder} holds {other[0]!r}, which is no file of a result: name a new or an empty folder")
    if found and not replace:
        raise PlaceError(f"{folder} holds a result already: --force replaces it")
    partial(folder).mkdir(parents=True, exist_ok=True)


def check_zip(path: Path, replace: bool) -> None:
    """The same of the zip of a result."""
    for place in (path, partial(path)):
        if place.is_symlink():
            raise PlaceError(f"{place} is a symbolic link: name the file itself")
        if place.is_dir():
            raise PlaceError(f"{place} is a folder, not a file")
    if path.exists():
        # A device or a pipe has no end to look for.
        if not (path.is_file() and _is_result(path)):
            raise PlaceError(f"{path} is no zip of a result: name a new file")
        if not replace:
            raise PlaceError(f"{path} holds a result already: --force replaces it")
    with whole_file(partial(path)):  # whether anything can be written there
        pass
    partial(path).unlink()


def _is_result(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(set(archive.namelist()) - {DATA_FILE}) == sorted(FILES)
    except zipfile.BadZipFile:
        return False


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A new file to write to, which stands at `path` afterwards; where anything goes wrong, what stood there stays."""
    new = partial(path)
    with _named(path):
        new.unlink(missing_ok=True)
        try:
            new.touch(exist_ok=False)
            yield new
            _sync(new)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(folder: Path, replace: bool) -> Iterator[Path]:
    """A new folder for the files of a result, which stands at `folder` afterwards, like `whole_file`.

    Raises PlaceError where something else has come to stand there meanwhile.
    """
    new, old = (partial(folder) / name for name in ("new", "old"))
    with _named(folder):
        if old.exists() and not folder.exists():  # a process was killed between the two moves below
            old.rename(folder)
        try:
            for left in (new, old):
                shutil.rmtree(left, ignore_errors=True)
            new.mkdir(parents=True)
            yield new
            for path in new.iterdir():
                _sync(path)
            check_folder(folder, replace)
            if folder.exists():
                folder.rename(old)
            try:
                new.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
        finally:
            for left in (new, old):
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _named(place: Path) -> Iterator[None]:
    """Have an error of the disk name the place, which an error in writing does not."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(place)) from error


def _sync(path: Path) -> None:
    """Have what is written survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
