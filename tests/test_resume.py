"""Resuming: a server that was stopped in mid-sweep goes on from where it was, and its result is the same to the bit."""

import io
import json
import logging
import pickle
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.state import State
from core.experiment.experiment import Experiment
from core.jobs import checkpoint, jobs, saving
from core.jobs.checkpoint import CheckpointError, dump, restore
from core.jobs.jobs import Jobs
from core.jobs.plan import Segment, Start, Work, recorded, segment, untrained
from core.jobs.running import run
from core.jobs.store import FORMAT, Store
from core.results.results import Result, collect
from core.settings import Settings
from tests.engine import assert_same_tables
from tests.processes import PATIENCE, SMALL, in_process, until

MIXED = {
    "no hidden layer": replace(SMALL, hidden=((),), batch_size=(0,)),
    "Adam in float64": replace(SMALL, optimiser=("adam",), dtype="float64", learning_rate=(0.1, 0.01)),
    "momentum, standard statistics": replace(SMALL, optimiser=("momentum:0.5",), statistics="standard"),
    "runs that diverge": replace(SMALL, activation=("relu",), loss="squared_error", learning_rate=(1e3, 0.1)),
    "chunks that end early": replace(
        SMALL, activation=("relu",), loss="squared_error", learning_rate=(1e3,), gain=(9,)
    ),
    "units that stay equal": replace(SMALL, initialiser=("zeros", "constant:0.1", "glorot_uniform"), gain=(0.9,)),
    "few inputs": replace(SMALL, dataset=("two_moons",), samples=40, record="every", batch_size=(7,)),
}


def train(works: list[Work], segments: int | None = None) -> list[Work]:
    """Train every chunk by an epoch at a time, and only so many times where that is given."""
    for number, work in enumerate(works):
        turns = work.epochs if segments is None else (segments + number) % (work.epochs + 1)
        for _ in range(turns):
            if not work.finished:
                assert work.state is not None
                work.take(segment(work.state, 1))
    return works


@pytest.mark.parametrize("experiment", MIXED.values(), ids=MIXED)
@pytest.mark.parametrize("segments", [1, 3])
def test_no_stop_changes_a_bit(experiment: Experiment, segments: int) -> None:
    whole = train(untrained(experiment, 3))
    stopped = train(untrained(experiment, 3), segments)
    resumed = restore(dump(stopped), experiment)
    assert [work.epoch for work in resumed] == [work.epoch for work in stopped]
    assert len(recorded(resumed)) == len(recorded(stopped))
    left, right = (collect(experiment, recorded(works)) for works in (train(resumed), whole))
    assert_same_tables(left, right)


def test_points_of_one_structure_are_saved_with_one_and_their_numbers() -> None:
    """A name for each small array would take many times what is in it."""
    works = train(untrained(replace(SMALL, epochs=60, record="every"), 1), 30)
    with np.load(io.BytesIO(dump(works))) as file:
        structures = json.loads(file["header"].tobytes())["structures"]
    assert len(recorded(works)) > 30 * len(works)
    assert len(structures) <= 3 * len(works)  # of its state, of its first point, of all others


def arrays_of(record: Any) -> list[Any]:
    """All arrays of a record."""
    columns = [vars(record), record.epochs, *record.layers, *map(vars, record.histograms)]
    return [value for column in columns for value in column.values() if isinstance(value, np.ndarray)]


def test_records_are_kept_without_what_they_were_sent_in() -> None:
    """Of arrays that come out of a pickle each keeps more alive than is in it."""
    work = untrained(SMALL, 1)[0]
    assert work.state is not None
    work.take(pickle.loads(pickle.dumps(segment(work.state, 2))))
    assert all(array.base is None for record in work.records for array in arrays_of(record))


def test_a_state_that_was_saved_is_equal_in_every_bit() -> None:
    experiment = MIXED["Adam in float64"]
    works = train(untrained(experiment, 1), 2)
    for before, after in zip(works, restore(dump(works), experiment), strict=True):
        if isinstance(before.state, State):
            assert pickle.dumps(before.state.weights) == pickle.dumps(after.state.weights)  # type: ignore[union-attr]
            assert vars(before.state).keys() == vars(after.state).keys()


# --- What is no checkpoint


@pytest.fixture(scope="module")
def saved() -> bytes:
    return dump(train(untrained(SMALL, 1), 2))


def without_pickles(content: bytes) -> None:
    """No member of the file is an array of objects, which only pickle can write."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for name in file.namelist():
            assert b"|O" not in file.read(name)[:128]


def test_a_checkpoint_holds_no_pickle_and_none_is_read(saved: bytes, tmp_path: Path) -> None:
    without_pickles(saved)

    class Evil:
        def __reduce__(self) -> Any:
            return (tmp_path.joinpath("executed").touch, ())

    evil = io.BytesIO()
    np.savez(evil, header=np.array([Evil()], dtype=object))
    for content in (evil.getvalue(), pickle.dumps(Evil())):
        with pytest.raises(CheckpointError, match="damaged"):
            restore(content, SMALL)
    assert not (tmp_path / "executed").exists()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_damage_anywhere_is_noticed_or_harmless(saved: bytes, place: float, flip: int, cut: bool) -> None:
    at = int(place * len(saved))
    damaged = saved[:at] if cut else saved[:at] + bytes([saved[at] ^ flip]) + saved[at + 1 :]
    try:
        works = restore(damaged, SMALL)
    except CheckpointError:
        return
    # Some bytes of a zip mean nothing to its reader, such as the times of its members.
    assert dump(works) == saved


def edited(saved: bytes, edit: Any) -> bytes:
    """The checkpoint with another header, whole in itself."""
    with np.load(io.BytesIO(saved)) as file:
        arrays = dict(file)
    header = json.loads(arrays.pop("header").tobytes())
    edit(header)
    made = io.BytesIO()
    np.savez(made, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
    return made.getvalue()


def first(header: Any, what: str) -> Any:
    """The structure of the first chunk's state, or of its first record."""
    found = header["chunks"][0][what]
    return header["structures"][found[0][0] if what == "records" else found][0]


EDITS: dict[str, Any] = {
    "another format": lambda header: header["versions"].update(format=0),
    "another NumPy": lambda header: header["versions"].update(numpy="1.0"),
    "a run twice": lambda header: header["chunks"].append(header["chunks"][0]),
    "a run too many": lambda header: header["chunks"][0]["runs"].append(10**6),
    "no state": lambda header: header["chunks"][0].update(state=None),
    "another epoch": lambda header: header["chunks"][0].update(epoch=3),
    "a part short": lambda header: first(header, "state").pop("slots"),
    "a part too many": lambda header: first(header, "state").update(more=1),
    "another shape": lambda header: first(header, "state")["weights"].reverse(),
    "no records": lambda header: header["chunks"][0].pop("records"),
    "half a record": lambda header: first(header, "records").pop("alive"),
    "no header to speak of": lambda header: header.clear(),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_cannot_be_gone_on_with_is_refused(saved: bytes, edit: Any) -> None:
    assert dump(restore(edited(saved, lambda header: None), SMALL)) == saved
    with pytest.raises(CheckpointError):
        restore(edited(saved, edit), SMALL)


def test_the_checkpoint_of_another_experiment_is_refused(saved: bytes) -> None:
    for other in (replace(SMALL, hidden=((4, 5),)), replace(SMALL, seeds=3), replace(SMALL, optimiser=("adam",))):
        with pytest.raises(CheckpointError):
            restore(saved, other)


# --- A server


class Watched:
    """Trains as workers do and notes from which epoch; after `most` segments it trains no more."""

    def __init__(self, most: int = 10**9) -> None:
        self.begun: list[int] = []
        self.most = most

    def __call__(self, state: State | Start, epochs: int) -> Segment:
        self.begun.append(0 if isinstance(state, Start) else state.epoch)
        if len(self.begun) > self.most:
            raise InterruptedError
        return segment(state, epochs)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    monkeypatch.setattr(saving, "SECONDS", 0.0)
    monkeypatch.setattr(saving, "COST", 0)
    monkeypatch.setattr(Work, "next_epochs", an_epoch)
    with ThreadPoolExecutor(2) as executor:
        yield executor


SWEEP = replace(SMALL, epochs=16, record="log")
SETTINGS = Settings(store=Path(), workers=2)


def an_epoch(work: Work, seconds: float) -> int:
    """In the place of `Work.next_epochs`: a segment is an epoch."""
    return 1


@pytest.fixture(scope="module")
def expected() -> Result:
    return run(SWEEP)


def names(folder: Path) -> list[str]:
    return [path.name.partition(".")[2] for path in folder.iterdir()]


def finish(store: Store, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> tuple[Result, list[int]]:
    """What a new server makes of the sweep, and where its segments began."""
    watched = Watched()
    monkeypatch.setattr(jobs, "segment", watched)
    with Jobs(SETTINGS, store, executor) as registry:
        job = registry.submit(SWEEP, "ann")
        assert job.wait(PATIENCE)
        assert (job.status, job.error) == ("done", "")
        result = job.result()
    assert result is not None
    return result, watched.begun


def test_a_server_killed_in_mid_sweep_goes_on_when_asked_again(
    threads: ThreadPoolExecutor, tmp_path: Path, expected: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = in_process(f"""
        import time
        from concurrent.futures import ThreadPoolExecutor
        from dataclasses import replace
        from pathlib import Path
        from core.jobs import jobs, saving
        from core.jobs.plan import Work, segment
        from core.jobs.store import Store
        from tests.test_resume import SETTINGS, SWEEP, Watched, an_epoch

        saving.SECONDS = saving.COST = 0
        Work.next_epochs = an_epoch
        watched = Watched()

        def slower_and_slower(state, epochs):
            answer = watched(state, epochs)
            time.sleep(60 if len(watched.begun) > 32 else 0)
            return answer

        jobs.segment = slower_and_slower
        with jobs.Jobs(SETTINGS, Store(Path({str(tmp_path)!r}), 10**9), ThreadPoolExecutor(2)) as registry:
            job = registry.submit(SWEEP, "ann")
            while len(watched.begun) <= 32:
                time.sleep(0.01)
            time.sleep(0.1)
            print("in the middle", flush=True)
            time.sleep(60)
    """)
    assert server.stdout is not None
    with server.stdout:
        assert server.stdout.readline() == "in the middle\n"
        server.kill()
        server.wait()
    assert "checkpoint" in names(tmp_path)
    store = Store(tmp_path, 10**9)
    result, begun = finish(store, threads, monkeypatch)
    assert min(begun) > 0, "some chunk began anew"
    assert_same_tables(result, expected)
    loaded = store.load(SWEEP.key)
    assert loaded is not None
    assert_same_tables(loaded, expected)
    assert "checkpoint" not in names(tmp_path), "what is done is kept once"


@pytest.mark.parametrize("room", [True, False])
def test_pages_see_the_end_before_the_result_is_stored_and_what_was_saved_stays_until_it_is(
    room: bool, threads: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, seen = Store(tmp_path, 10**9), []
    store.save_checkpoint(SWEEP.key, dump(train(untrained(SWEEP, 2))))
    save = Store.save
    with Jobs(SETTINGS, store, threads) as registry:

        def watched(self: Store, key: str, result: Result) -> bool:
            seen.append((registry.get(key).status, self.holds_checkpoint(key)))  # type: ignore[union-attr]
            return room and save(self, key, result)

        monkeypatch.setattr(Store, "save", watched)
        assert registry.submit(SWEEP, "ann").wait(PATIENCE)
    assert seen == [("done", True)]
    assert (store.holds(SWEEP.key), store.holds_checkpoint(SWEEP.key)) == (room, not room)


def interrupt(store: Store, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave behind what a server does that was stopped in the middle of the sweep."""
    monkeypatch.setattr(jobs, "segment", Watched(32))
    with Jobs(SETTINGS, store, executor) as registry:
        assert registry.submit(SWEEP, "ann").wait(PATIENCE)
    assert store.load_checkpoint(SWEEP.key) is not None


def test_a_failed_sweep_goes_on_too_on_another_number_of_workers(
    threads: ThreadPoolExecutor, tmp_path: Path, expected: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, 10**9)
    interrupt(store, threads, monkeypatch)
    with ThreadPoolExecutor(5) as others:
        result, begun = finish(store, others, monkeypatch)
    assert min(begun) > 0
    assert_same_tables(result, expected)


def test_a_server_stopped_after_the_last_segment_has_only_to_store_the_result(
    threads: ThreadPoolExecutor, tmp_path: Path, expected: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, 10**9)
    store.save_checkpoint(SWEEP.key, dump(train(untrained(SWEEP, 2))))
    result, begun = finish(store, threads, monkeypatch)
    assert begun == []
    assert_same_tables(result, expected)
    assert names(tmp_path) == [f"v{FORMAT}.zip"]


def test_a_sweep_that_nobody_looked_at_for_a_while_goes_on_when_asked_again(
    threads: ThreadPoolExecutor, tmp_path: Path, expected: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, 10**9)
    watched = Watched()

    def slow(state: State | Start, epochs: int) -> Segment:
        time.sleep(0.02)
        return watched(state, epochs)

    monkeypatch.setattr(jobs, "segment", slow)
    monkeypatch.setattr(saving, "SECONDS", 1e9)
    with Jobs(replace(SETTINGS, unwatched_seconds=0.3), store, threads) as registry:
        job = registry.submit(SWEEP, "ann")
        until(lambda: not job.active)
        assert job.status == "paused"
        before = len(watched.begun)
        assert 0 < before < 16 * len(untrained(SWEEP, 2))
        again = registry.submit(SWEEP, "ann")
        assert again.wait(PATIENCE)
        assert again.status == "done"
        result = again.result()
    assert len(watched.begun) == sum(work.epochs for work in untrained(SWEEP, 2)), "nothing twice"
    assert result is not None
    assert_same_tables(result, expected)


def test_a_damaged_checkpoint_is_not_used_and_said_to_the_host(
    threads: ThreadPoolExecutor,
    tmp_path: Path,
    expected: Result,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store(tmp_path, 10**9)
    interrupt(store, threads, monkeypatch)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    with caplog.at_level(logging.WARNING):
        result, begun = finish(store, threads, monkeypatch)
    assert begun.count(0) > 0
    assert_same_tables(result, expected)
    assert "is not used: it is damaged" in caplog.text
    assert names(tmp_path) == [f"v{FORMAT}.zip"]


def test_a_disk_that_takes_no_checkpoint_costs_no_result(
    threads: ThreadPoolExecutor, tmp_path: Path, expected: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    result, _ = finish(Store(tmp_path / "file" / "store", 10**9), threads, monkeypatch)
    assert_same_tables(result, expected)


def test_checkpoints_come_seldom_however_many_the_segments(
    threads: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(saving, "SECONDS", 10.0)
    monkeypatch.setattr(Store, "save_checkpoint", lambda self, key, content: written.append(1))

    def as_if_slow(state: State | Start, epochs: int) -> Segment:
        return segment(state, epochs)._replace(seconds=0.5)

    monkeypatch.setattr(jobs, "segment", as_if_slow)
    with Jobs(SETTINGS, Store(tmp_path, 10**9), threads) as registry:
        job = registry.submit(SWEEP, "ann")
        assert job.wait(PATIENCE)
    trained = 0.5 * sum(work.epochs for work in untrained(SWEEP, 2))
    assert 1 <= len(written) <= trained / (10 * 2)


def test_the_format_is_part_of_a_checkpoint(saved: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
    with pytest.raises(CheckpointError, match="written by"):
        restore(saved, SMALL)
