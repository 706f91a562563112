"""Store: what was saved is found whole or not at all, whatever happens to the disk, the clock or another process."""

import errno
import os
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pytest

from core.experiment.experiment import Experiment
from core.jobs import store as store_module
from core.jobs.running import run
from core.jobs.store import DAMAGED, FORMAT, Store
from core.results.results import Result
from core.schema import SCHEMA

TINY = Experiment(
    dataset=("iris",), activation=("tanh",), initialiser=("normal:1",), hidden=((3,),), epochs=1, seeds=1, record="0,1"
)


@pytest.fixture(scope="module")
def result() -> Result:
    return run(TINY)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", 10**8)


def variant(result: Result, number: int) -> Result:
    """The same tables under another key."""
    return replace(result, experiment=replace(TINY, data_seed=number))


def of_results(size: int) -> int:
    """Bytes of a store in which results have `size`: all but a quarter."""
    return -(-4 * size // 3)


def files(store: Store) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_what_is_saved_is_loaded_equal(store: Store, result: Result) -> None:
    key = TINY.key
    assert store.load(key) is None
    assert store.save(key, result)
    loaded = store.load(key)
    assert loaded is not None
    assert loaded.experiment == TINY
    for name in SCHEMA:
        pd.testing.assert_frame_equal(loaded.table(name), result.table(name), check_exact=True)
    assert files(store) == [f"{key}.v{FORMAT}.zip"]
    assert store.warning == ""


@pytest.mark.parametrize("key", ["", "a" * 63, "A" * 64, "../" + "a" * 61, "a" * 64 + "\n", "a" * 65])
def test_only_keys_are_taken(store: Store, result: Result, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        store.load(key)
    with pytest.raises(ValueError, match="no key"):
        store.save(key, result)
    assert not store.folder.exists()


def test_the_least_recently_used_goes_first_and_the_bound_holds(tmp_path: Path, result: Result) -> None:
    results = [variant(result, number) for number in range(4)]
    keys = [one.experiment.key for one in results]
    large = Store(tmp_path, 10**8)
    for key, one in zip(keys[:3], results, strict=False):
        large.save(key, one)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    large.load(keys[0])
    small = Store(tmp_path, of_results(sum(sizes) + 100))
    assert small.save(keys[3], results[3])
    assert [small.load(key) is not None for key in keys] == [True, False, True, True]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= small.max_bytes


def test_a_clock_set_back_does_not_turn_the_order_round(
    tmp_path: Path, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = [variant(result, number) for number in range(3)]
    keys = [one.experiment.key for one in results]
    large = Store(tmp_path, 10**8)
    large.save(keys[0], results[0])
    day_ago = time.time_ns() - 86_400 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: day_ago)
    large.save(keys[1], results[1])
    # Another server that starts after the clock went back sees the same order.
    small = Store(tmp_path, of_results(sum(path.stat().st_size for path in tmp_path.iterdir()) + 100))
    small.save(keys[2], results[2])
    assert [small.load(key) is not None for key in keys] == [False, True, True]


def test_a_result_larger_than_the_store_evicts_nothing(tmp_path: Path, result: Result) -> None:
    Store(tmp_path, 10**8).save(TINY.key, result)
    tiny = Store(tmp_path, 100)
    other = variant(result, 1)
    assert not tiny.save(other.experiment.key, other)
    assert "larger than the whole store" in tiny.warning
    assert tiny.load(TINY.key) is not None


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_zip(path: Path) -> None:
    path.write_bytes(b"\x80\x04K\x01." * 100)


def lack_a_table(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("experiment.json", "{}")


@pytest.mark.parametrize("damage", [truncate, flip, empty, no_zip, lack_a_table])
def test_a_damaged_entry_is_set_aside_and_can_be_saved_anew(store: Store, result: Result, damage: Any) -> None:
    store.save(TINY.key, result)
    [entry] = store.folder.iterdir()
    damage(entry)
    assert store.load(TINY.key) is None
    assert files(store) == [f"{entry.name}.damaged"]
    store.save(TINY.key, result)
    assert store.load(TINY.key) is not None


def test_an_entry_under_another_experiments_key_is_damaged(store: Store, result: Result) -> None:
    other = variant(result, 1).experiment.key
    store.save(other, result)
    assert store.load(other) is None
    assert files(store)[0].endswith(".damaged")


@pytest.mark.parametrize(
    "error",
    [MemoryError(), pd.errors.ParserError("Error tokenizing data. C error: out of memory")],
    ids=["Python", "C"],
)
def test_a_moment_without_memory_sets_no_good_entry_aside(
    store: Store, result: Result, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    store.save(TINY.key, result)

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(pd, "read_csv", fail)
        assert store.load(TINY.key) is None
    assert store.load(TINY.key) is not None


def test_damaged_entries_are_bounded(store: Store, result: Result) -> None:
    for number in range(DAMAGED + 3):
        one = variant(result, number)
        store.save(one.experiment.key, one)
        empty(store.folder / f"{one.experiment.key}.v{FORMAT}.zip")
        store.load(one.experiment.key)
    assert len(files(store)) == DAMAGED


def test_an_entry_of_another_format_is_missing_not_misread(
    store: Store, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(TINY.key, result)
    monkeypatch.setattr(store_module, "FORMAT", FORMAT[::-1])
    assert store.load(TINY.key) is None
    assert files(store) == [f"{TINY.key}.v{FORMAT}.zip"]


class Unwritable:
    """A result whose writing breaks off half way."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def to_zip(self, file: BinaryIO) -> None:
        file.write(b"half")
        raise self.error


def test_a_full_disk_leaves_the_old_entry_and_says_so_without_a_path(store: Store, result: Result) -> None:
    store.save(TINY.key, result)
    full: Any = Unwritable(OSError(errno.ENOSPC, "No space left on device", str(store.folder)))
    assert not store.save(TINY.key, full)
    assert store.warning == "Results cannot be stored: No space left on device."
    assert files(store) == [f"{TINY.key}.v{FORMAT}.zip"]
    assert store.load(TINY.key) is not None
    assert store.save(TINY.key, result)
    assert store.warning == ""


def test_a_crash_in_mid_writing_leaves_the_old_entry(store: Store, result: Result) -> None:
    store.save(TINY.key, result)
    crash: Any = Unwritable(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        store.save(TINY.key, crash)
    assert store.load(TINY.key) is not None


def test_what_a_crash_left_is_removed_once_it_is_old_and_nothing_else_is(store: Store, result: Result) -> None:
    store.save(TINY.key, result)
    old, future, new = (store.folder / f".{TINY.key}.{digit * 32}.tmp" for digit in "abc")
    strangers = [store.folder / name for name in ("thesis.zip", "notes.tmp", "x.damaged")]
    for path in (old, future, new, *strangers):
        path.write_bytes(b"1")
    os.utime(old, (1, 1))
    os.utime(future, (time.time() + 10**6,) * 2)
    for path in strangers:
        os.utime(path, (1, 1))
    tight = Store(store.folder, of_results((store.folder / f"{TINY.key}.v{FORMAT}.zip").stat().st_size + 100))
    other = variant(result, 1)
    tight.save(other.experiment.key, other)
    assert not old.exists()
    assert not future.exists()
    assert new.exists()
    assert all(path.exists() for path in strangers)


@pytest.fixture
def unchangeable(store: Store, result: Result, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A read-only file system; permissions would not do, since the tests may run as root."""
    store.save(TINY.key, result)

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", refuse)
        patch.setattr(Path, "replace", refuse)
        patch.setattr(Path, "unlink", refuse)
        yield store


def test_a_read_only_store_still_serves(unchangeable: Store) -> None:
    assert unchangeable.load(TINY.key) is not None


def test_a_read_only_store_takes_nothing_and_says_so(unchangeable: Store, result: Result) -> None:
    other = variant(result, 1)
    assert not unchangeable.save(other.experiment.key, other)
    assert unchangeable.warning == "Results cannot be stored: Read-only file system."


def test_an_entry_that_cannot_be_opened_is_missing_and_said(store: Store) -> None:
    (store.folder / f"{TINY.key}.v{FORMAT}.zip").mkdir(parents=True)
    assert store.load(TINY.key) is None
    assert store.warning == "Stored results cannot be read: Is a directory."


def test_two_servers_on_one_small_folder_never_meet_a_broken_entry(tmp_path: Path, result: Result) -> None:
    results = [variant(result, number) for number in range(4)]
    Store(tmp_path, 10**8).save(TINY.key, result)
    size = next(tmp_path.iterdir()).stat().st_size

    def serve(offset: int) -> int:
        own = Store(tmp_path, of_results(3 * size))
        found = 0
        for step in range(12):
            one = results[(step + offset) % 4]
            own.save(one.experiment.key, one)
            found += own.load(one.experiment.key) is not None
            assert own.warning == ""
        return found

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(serve, range(2))) > 0
    assert not [path.name for path in tmp_path.iterdir() if path.suffix in (".damaged", ".tmp")]


# --- Checkpoints


def test_a_checkpoint_takes_the_place_of_the_last_one_until_it_is_dropped(store: Store, result: Result) -> None:
    key = TINY.key
    assert store.load_checkpoint(key) is None
    store.save(key, result)
    assert store.save_checkpoint(key, b"early")
    assert store.save_checkpoint(key, b"later")
    assert store.load_checkpoint(key) == b"later"
    assert files(store) == [f"{key}.checkpoint", f"{key}.v{FORMAT}.zip"]
    assert store.load(key) is not None
    store.drop_checkpoint(key)
    store.drop_checkpoint(key)
    assert store.load_checkpoint(key) is None
    assert files(store) == [f"{key}.v{FORMAT}.zip"]
    for key in ("../" + "a" * 61, ""):
        with pytest.raises(ValueError, match="no key"):
            store.save_checkpoint(key, b"")


def test_all_checkpoints_take_a_quarter_of_the_bound_at_most_the_least_recently_used_go_first(tmp_path: Path) -> None:
    store = Store(tmp_path, 4000)
    keys = [f"{number:064x}" for number in range(6)]
    assert not store.save_checkpoint(keys[0], bytes(1001))
    assert store.warning == "", "a sweep that cannot be saved is no loss to who looks at it"
    for key in keys:
        assert store.save_checkpoint(key, bytes(250))
    assert [store.load_checkpoint(key) is not None for key in keys] == [False, False, True, True, True, True]
    assert store.save_checkpoint(keys[3], bytes(500))
    assert [store.load_checkpoint(key) is not None for key in keys] == [False, False, False, True, True, True]


def test_checkpoints_push_out_no_result_and_results_push_out_no_checkpoint(tmp_path: Path, result: Result) -> None:
    results = [variant(result, number) for number in range(5)]
    Store(tmp_path, 10**9).save(results[0].experiment.key, results[0])
    size = next(tmp_path.iterdir()).stat().st_size
    store = Store(tmp_path, of_results(3 * size + 300))
    for one in results[1:3]:
        assert store.save(one.experiment.key, one)
    for number in range(40):
        assert store.save_checkpoint(f"{number:064x}", bytes(size // 4))
    assert [store.load(one.experiment.key) is not None for one in results[:3]] == [True] * 3
    assert store.load_checkpoint(f"{39:064x}") is not None
    for one in results[3:]:
        assert store.save(one.experiment.key, one)
    assert store.load_checkpoint(f"{39:064x}") is not None
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= store.max_bytes


def test_a_read_only_store_takes_and_drops_no_checkpoint_and_raises_nothing(unchangeable: Store) -> None:
    assert not unchangeable.save_checkpoint(TINY.key, b"1")
    unchangeable.drop_checkpoint(TINY.key)
    assert unchangeable.warning == "Results cannot be stored: Read-only file system."
