"""The command line: what it prints, what it writes, and one line for whatever goes wrong."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.experiment.experiment import Experiment
from core.jobs import running
from core.jobs.pool import JobError
from core.jobs.store import FORMAT, Store
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import DATASETS
from core.registries.initialisers import INITIALISERS
from core.registries.losses import LOSSES
from core.registries.optimisers import OPTIMISERS
from core.results import results
from core.results.loading import load_result
from core.results.results import collect
from core.schema import SCHEMA
from tests.engine import assert_same_tables, change, records, singles, train

TINY = Experiment.from_text(
    "dataset=xor&samples=40&hidden=3&epochs=2&seeds=2&initialiser=normal:1,zeros&activation=tanh&gain=2"
)
COMMAND = [sys.executable, "-m", "core"]


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_WORKERS", "1")


def execute(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `main`."""
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_run_writes_the_tables_and_a_zip_and_prints_one_row_a_group(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out, archive = tmp_path / "new" / "results", tmp_path / "all.zip"
    status, printed, told = execute(capsys, "run", TINY.to_query(), "--out", out, "--zip", archive)
    assert status == 0
    assert files(out) == ["epochs.csv", "experiment.json", "histograms.csv", "layers.csv", "runs.csv"]
    assert load_result(archive).experiment == TINY
    lines = printed.splitlines()
    assert re.split(r"\s{2,}", lines[0]) == [
        *("group", "runs", "reached", "then diverged", "diverged first", "exploded", "updates to target"),
        "test accuracy",
    ]
    rows = [re.split(r"\s{2,}", line) for line in lines[1:]]
    assert [row[:2] for row in rows] == [["normal:1", "2"], ["zeros", "2"]]
    assert rows[1][2:7] == ["0", "0", "0", "0", "not reached"], "zeros never leave chance level"
    assert told.count("\n") == 1
    assert "4 runs trained in" in told


def test_run_counts_a_run_that_reached_the_target_and_diverged_later_among_those_that_reached_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    query = (
        "dataset=iris&activation=relu&initialiser=he_normal&hidden=16-16&learning_rate=10&epochs=10&seeds=6"
        "&target=train_accuracy:0.34&statistics=standard"
    )
    status, printed, _ = execute(capsys, "run", query, "--out", tmp_path / "first", "--zip", tmp_path / "all.zip")
    assert status == 0
    runs = load_result(tmp_path / "all.zip").runs
    rows = [re.split(r"\s{2,}", line) for line in printed.splitlines()[1:]]
    for row, (_, members) in zip(rows, runs.groupby("group", sort=False), strict=True):
        reached, diverged = members["updates_to_target"].notna(), members["diverged_at"].notna()
        counts = [len(members), reached.sum(), (reached & diverged).sum(), (diverged & ~reached).sum()]
        assert row[1:5] == [str(count) for count in counts]
    assert int(rows[0][3]) > 0
    query = "dataset=iris&activation=relu&initialiser=he_normal&hidden=16-16&learning_rate=1000&epochs=5&seeds=2"
    _, printed, _ = execute(capsys, "run", query, "--out", tmp_path / "second")
    assert re.split(r"\s{2,}", printed.splitlines()[1])[1:7] == ["2", "0", "0", "2", "0", "diverged"]


@pytest.mark.parametrize("form", ["query", "link", "json", "json file", "query file", "file of a result"])
def test_an_experiment_is_read_from_text_and_files(
    form: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Experiment] = []

    def refuse(experiment: Experiment, **_: Any) -> None:
        asked.append(experiment)
        raise JobError("seen")

    monkeypatch.setattr(running, "run", refuse)
    content = {
        "query": TINY.to_query(),
        "link": f"https://lab.example/convergence?{TINY.to_query()}&log_x=on",
        "json": TINY.to_json(),
        "json file": TINY.to_json(),
        "query file": f"\ufeff{TINY.to_query()}\n",
        "file of a result": json.dumps({"experiment": json.loads(TINY.to_json()), "versions": {}}),
    }[form]
    argument = content
    if "file" in form:
        argument = str(tmp_path / "an experiment.json")
        Path(argument).write_text(content, encoding="utf-8")
    status, printed, told = execute(capsys, "run", argument, "--out", tmp_path / "out")
    assert (status, printed) == (1, "")
    note = "python -m core: left out what is no setting of an experiment: log_x\n" if form == "link" else ""
    assert told == f"{note}python -m core: seen\n"
    assert asked == [TINY]


def test_the_command_of_a_refused_sweep_works_as_it_stands(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable}{TINY.command().removeprefix('python')} --workers 2",
        shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    assert "runs.csv" in files(tmp_path / "results")
    assert done.stdout.count("\n") == 3


REFUSED: dict[str, tuple[list[str], str]] = {
    "no command": ([], "the following arguments are required: command"),
    "unknown command": (["train"], "invalid choice: 'train'"),
    "nothing to run": (["run"], "the following arguments are required: experiment"),
    "unknown option": (["run", "", "--out", "o", "--seeds"], "unrecognized arguments: --seeds"),
    "no place": (["run", "seeds=1"], "the result has no place to go; allowed: --out FOLDER, --zip FILE, --store or"),
    "unknown name": (["run", "activation=tnah", "--out", "o"], "activation: 'tnah' is not a known name; .*'tanh'"),
    "unknown setting": (["run", "activaton=tanh", "--out", "o"], "activaton: 'tanh' belongs to no known setting"),
    "no name": (["run", "=5", "--out", "o"], "a setting without a name: '5' belongs to no known setting"),
    "no setting": (["run", "tanh", "--out", "o"], "experiment: 'tanh' is not a setting with its value"),
    "script": (["run", "seeds=<script>\n\x1b[31m", "--out", "o"], r"seeds: '<script>\\n\\x1b\[31m' is not a whole"),
    "bytes": (["run", "seeds=\udcff", "--out", "o"], "seeds: '.*' is not a whole number"),
    "10 kB": (["run", "seeds=" + "9" * 10_000, "--out", "o"], "takes 10,000 characters"),
    "long name": (["run", "x" * 10_000, "--out", "o"], "is not a setting with its value"),
    "missing file": (["run", "missing.json", "--out", "o"], "'missing.json': no such file"),
    "broken JSON": (["run", "{'seeds': 3}", "--out", "o"], "is not JSON"),
    "broken JSON file": (["run", "broken.json", "--out", "o"], "is not JSON"),
    "binary file": (["run", "binary.json", "--out", "o"], "'binary.json' is not a text file in UTF-8"),
    "folder": (["run", "folder.json", "--out", "o"], "'folder.json': no such file"),
    "out is nothing": (["run", "seeds=1", "--out", ""], "argument --out: '' is no name of a new file or folder"),
    "out is the folder here": (["run", "seeds=1", "--out", "."], "'.' is no name of a new file or folder"),
    "out is the folder above": (["run", "seeds=1", "--out", "o/.."], "'o/..' is no name of a new file or folder"),
    "out has a zero byte": (["run", "seeds=1", "--out", "o\0"], r"'o\\x00' is no name of a new file or folder"),
    "zip is nothing": (["run", "seeds=1", "--out", "o", "--zip", ""], "argument --zip: '' is no name"),
    "out is a file": (["run", "seeds=1", "--out", "broken.json"], "broken.json is a file, not a folder"),
    "out is a link": (["run", "seeds=1", "--out", "link"], "link is a symbolic link: name the folder itself"),
    "zip is a link": (
        ["run", "seeds=1", "--out", "o", "--zip", "link"],
        "link is a symbolic link: name the file itself",
    ),
    "out holds other files": (
        ["run", "seeds=1", "--out", "photos", "--force"],
        "photos holds 'cat.jpg', which is no file of a result: name a new or an empty folder",
    ),
    "zip is another file": (
        ["run", "seeds=1", "--out", "o", "--zip", "broken.json", "--force"],
        "is no zip of a result",
    ),
    "zip is a device without an end": (
        ["run", "seeds=1", "--out", "o", "--zip", "/dev/zero", "--force"],
        "/dev/zero is no zip of a result",
    ),
    "a device to import": (["import", "/dev/zero"], "/dev/zero is neither a file nor a folder"),
    "nothing to import": (["import", "missing.zip"], "missing.zip: No such file"),
    "no zip to import": (["import", "broken.json"], "broken.json: not a readable result zip"),
    "out in a file": (["run", "seeds=1", "--out", "broken.json/out"], "broken.json.*: Not a directory"),
    "zip is a folder": (
        ["run", "seeds=1", "--out", "o", "--zip", "folder.json"],
        "folder.json is a folder, not a file",
    ),
    "zip nowhere": (["run", "seeds=1", "--out", "o", "--zip", "no/a.zip"], "no/.*: No such file or directory"),
    "workers 0": (["run", "seeds=1", "--out", "o", "--workers", "0"], "'0' is not a whole number from 1 to 1024"),
    "workers text": (["run", "seeds=1", "--out", "o", "--workers", "two"], "'two' is not a whole number"),
    "limit text": (["run", "seeds=1", "--out", "o", "--limit", "nan"], "'nan' is not a number of seconds above 0"),
    "limit": (["run", "seeds=9999", "--out", "o", "--limit", "9"], 'core run "seeds=9999" --out results/ --zip'),
    "unknown list": (["list", "settings"], "invalid choice: 'settings'"),
    "long list": (["list", "x" * 10_000], "invalid choice: 'xxxx"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_told_in_one_line_with_status_2(
    case: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text('{"seeds": ', encoding="utf-8")
    Path("binary.json").write_bytes(b"\xff\xfe\x00")
    Path("folder.json").mkdir()
    Path("link").symlink_to("elsewhere")
    Path("photos").mkdir()
    Path("photos/cat.jpg").touch()
    monkeypatch.setattr(running, "run", lambda *_, **__: pytest.fail("it must not train"))
    arguments, message = REFUSED[case]
    status, printed, told = execute(capsys, *arguments)
    assert (status, printed) == (2, "")
    assert told.endswith("\n")
    line = told[:-1]
    assert line.isprintable()
    assert len(line) < 1000
    assert re.search(message, line), line
    left = {"broken.json", "binary.json", "folder.json", "link", "photos"}
    assert {path.name for path in tmp_path.iterdir()} == left, "nothing is left behind"


def test_a_wrong_setting_of_the_host_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_WORKERS", "many")
    status, _, told = execute(capsys, "run", TINY.to_query(), "--out", tmp_path)
    assert status == 2
    assert told.count("\n") == 1
    assert "LAB_WORKERS" in told


def test_a_mistake_shows_no_traceback_in_a_process_either(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "run", "seeds=0", "--out", tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "python -m core: seeds: '0' is out of range; allowed: a whole number from 1 to 10,000\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_training_with_status_130_and_one_line(workers: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", "seeds=200&epochs=10000", "--out", tmp_path / "out", "--workers", str(workers)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        while not (tmp_path / "out.partial").exists():  # made just before training begins
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
        printed, told = process.communicate(timeout=50)
    finally:
        process.kill()
    assert (process.returncode, printed, told) == (130, "", "python -m core: interrupted\n")
    assert list(tmp_path.iterdir()) == []


SLOW = Experiment.from_text("dataset=iris&hidden=8&epochs=400&seeds=2&record=0,1,50,200&batch_size=32")
KILLED = """
import os, signal, sys
from core.jobs import running, saving
from core.__main__ import main
running.RUN_SECONDS, saving.SECONDS, saving.COST = 0.05, 0.0, 0
save, saves = saving.Saved.save, []
def save_and_die(saved, works):
    save(saved, works)
    saves.append(None)
    if len(saves) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
saving.Saved.save = save_and_die
main(sys.argv[1:])
"""


def killed(*arguments: object) -> None:
    """Have the command line killed in the middle of training, after it has saved four times."""
    process = subprocess.run([sys.executable, "-c", KILLED, *map(str, arguments)], check=False)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("workers", [1, 2])
def test_a_command_that_was_killed_goes_on_when_called_again_to_the_same_bits(
    workers: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out, archive = tmp_path / "out", tmp_path / "all.zip"
    command = ("run", SLOW.to_query(), "--out", out, "--zip", archive, "--workers", workers)
    killed(*command)
    assert files(tmp_path) == ["out.partial"], "no half result"
    assert files(tmp_path / "out.partial") == [f"{SLOW.key}.checkpoint"]
    status, _, told = execute(capsys, *command)
    assert status == 0
    share = re.search(r"goes on from .*out\.partial, where (\d+)% was trained", told)
    assert share is not None, told
    assert 0 < int(share[1]) < 100
    assert_same_tables(load_result(archive), running.run(SLOW))
    assert files(tmp_path) == ["all.zip", "out"], "nothing is left of the way there"


def test_one_place_is_enough_be_it_the_zip_or_the_store_and_a_killed_command_goes_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_STORE", str(tmp_path / "store"))
    command = ("run", SLOW.to_query(), "--zip", tmp_path / "all.zip", "--workers", 1)
    killed(*command)
    status, _, told = execute(capsys, *command)
    assert status == 0
    assert "goes on from" in told
    assert f"written to {tmp_path / 'all.zip'}\n" in told
    assert files(tmp_path) == ["all.zip"]
    assert_same_tables(load_result(tmp_path / "all.zip"), running.run(SLOW))
    runs = len(TINY.runs())
    for seeds, trained in ((TINY.seeds, f"{runs} runs trained"), (TINY.seeds + 1, f"{runs // 2 * 3} runs, 2 of them")):
        wanted = change(TINY, seeds=seeds)
        status, printed, told = execute(capsys, "run", wanted.to_query(), "--store", "--workers", 1)
        assert (status, printed.count("\n")) == (0, 3)
        assert told.startswith(trained), told
        assert "written to" not in told
        stored = Store(tmp_path / "store", 10**9).load(wanted.key)
        assert stored is not None
        assert_same_tables(stored, running.run(wanted))
    assert files(tmp_path) == ["all.zip", "store"]


def test_what_was_saved_of_another_experiment_is_neither_used_nor_lost(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    killed("run", SLOW.to_query(), "--out", tmp_path / "out")
    status, _, told = execute(capsys, "run", TINY.to_query(), "--out", tmp_path / "out")
    assert status == 0
    assert "out.partial holds what was trained of other settings, or by another engine version: it is not used" in told
    assert files(tmp_path / "out.partial") == [f"{SLOW.key}.checkpoint"]
    _, _, told = execute(capsys, "run", SLOW.to_query(), "--out", tmp_path / "out", "--force")
    assert "goes on from" in told
    assert files(tmp_path) == ["out"]


def test_a_damaged_checkpoint_of_the_command_line_is_said_and_training_starts_anew(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / f"{TINY.key}.checkpoint").write_bytes(b"nothing")
    status, _, told = execute(capsys, "run", TINY.to_query(), "--out", tmp_path / "out")
    assert status == 0
    assert "out.partial is not used, since it is damaged" in told
    assert files(tmp_path) == ["out"]


def test_a_result_is_replaced_only_by_force_and_as_a_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out, archive = tmp_path / "out", tmp_path / "all.zip"
    out.mkdir()
    command = ["run", TINY.to_query(), "--out", out, "--zip", archive]
    assert execute(capsys, *command)[0] == 0, "an empty folder is as good as none"
    before = (out / "runs.csv").read_bytes(), archive.read_bytes()
    for places in (["--out", out], ["--out", tmp_path / "new", "--zip", archive]):
        status, _, told = execute(capsys, "run", "seeds=1", *places)
        assert (status, told.count("\n")) == (2, 1)
        assert "holds a result already: --force replaces it" in told
    assert ((out / "runs.csv").read_bytes(), archive.read_bytes()) == before
    other = change(TINY, epochs=1)
    assert execute(capsys, "run", other.to_query(), *command[2:], "--force")[0] == 0
    assert load_result(archive).experiment == Experiment.from_json((out / "experiment.json").read_text()) == other
    assert files(tmp_path) == ["all.zip", "out"]


@pytest.mark.parametrize("table", SCHEMA)
def test_a_full_disk_is_named_and_leaves_no_half_file_and_what_stood_there(
    table: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, archive = tmp_path / "out", tmp_path / "all.zip"
    command = ["run", TINY.to_query(), "--out", out, "--zip", archive, "--force"]
    assert execute(capsys, *command)[0] == 0
    before = {path: path.read_bytes() for path in (archive, *out.iterdir())}
    write = results.csv_parts
    left = [list(SCHEMA).index(table)]

    def full(frame: Any) -> Iterator[bytes]:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(frame)

    monkeypatch.setattr(results, "csv_parts", full)
    status, printed, told = execute(capsys, *command)
    assert (status, printed) == (2, "")
    assert told == f"python -m core: {out}: No space left on device\n"
    assert {path: path.read_bytes() for path in (archive, *out.iterdir())} == before
    assert files(tmp_path) == ["all.zip", "out"]


def test_a_disk_that_is_really_full_leaves_nothing(tmp_path: Path) -> None:
    mounted = tmp_path / "small"
    mounted.mkdir()
    size = "size=64k"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(mounted)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes rights that are not given here")
    try:
        done = subprocess.run(
            [*COMMAND, "run", change(TINY, epochs=60, record="every").to_query(), "--out", mounted / "out"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"python -m core: {mounted / 'out'}: No space left on device\n"
        assert list(mounted.iterdir()) == []
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_a_result_in_the_store_opens_at_once_in_the_dashboards_jobs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_STORE", str(tmp_path / "store"))
    archive = tmp_path / "all.zip"
    status, _, told = execute(capsys, "run", TINY.to_query(), "--out", tmp_path / "out", "--zip", archive, "--store")
    assert status == 0
    assert f"4 runs put into {tmp_path / 'store'}: the dashboard opens the result at ?{TINY.to_query()}" in told
    for again in (False, True):
        if again:
            (tmp_path / "store" / f"{TINY.key}.v{FORMAT}.zip").unlink()
            assert execute(capsys, "import", archive)[0] == 0
        stored = Store(tmp_path / "store", 10**9).load(TINY.key)
        assert stored is not None
        assert_same_tables(stored, load_result(archive))


def test_a_store_that_keeps_nothing_is_said_before_training(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_STORE_BYTES", "0")
    monkeypatch.setattr(running, "run", lambda *_, **__: pytest.fail("it must not train"))
    status, _, told = execute(capsys, "run", "seeds=1", "--out", tmp_path / "out", "--store")
    assert (status, told) == (2, "python -m core: LAB_STORE_BYTES is 0: the store keeps nothing\n")
    monkeypatch.setenv("LAB_STORE_BYTES", "1000")
    monkeypatch.setenv("LAB_STORE", str(tmp_path / "store"))
    jobs_result = train(TINY)
    jobs_result.to_zip(tmp_path / "all.zip")
    status, _, told = execute(capsys, "import", tmp_path / "all.zip")
    assert (status, told.count("\n")) == (2, 1)
    assert "not kept there. This result is larger than the whole store" in told


def test_only_a_whole_result_of_this_engine_is_imported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_STORE", str(tmp_path / "store"))
    half = collect(TINY, records(TINY, singles, segment=1)[:3])
    old = replace(train(TINY), versions={"engine": "1"})
    for result, reason in ((half, "1 of 4 runs are complete"), (old, "engine is '1'; allowed: '")):
        result.to_zip(tmp_path / "some.zip")
        status, printed, told = execute(capsys, "import", tmp_path / "some.zip")
        assert (status, printed, told.count("\n")) == (2, "", 1)
        assert reason in told
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("registry", "entries"),
    [
        ("activations", ACTIVATIONS),
        ("initialisers", INITIALISERS),
        ("datasets", DATASETS),
        ("optimisers", OPTIMISERS),
        ("losses", LOSSES),
    ],
)
def test_list_has_a_row_for_every_entry(
    registry: str, entries: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed, told = execute(capsys, "list", registry)
    assert (status, told) == (0, "")
    header, *rows = (re.split(r"\s{2,}", line) for line in printed.splitlines())
    assert (header[:2], header[-1]) == (["name", "arguments"], "summary")
    assert [row[0] for row in rows] == list(entries)
    assert all(len(row) == len(header) for row in rows)
    assert [row[-1] for row in rows] == [entry.summary for entry in entries.values()]


def test_help_describes_both_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "run" in printed
    assert "list" in printed


def test_a_sweep_over_the_limit_of_memory_is_refused_before_it_trains(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "run", lambda *_, **__: pytest.fail("it must not train"))
    out = tmp_path / "out"
    assert main(["run", TINY.to_query(), "--out", str(out), "--limit-bytes", "2MB"]) == 2
    told = capsys.readouterr().err
    assert "of memory (4 runs, 8 updates) is too much; allowed: up to 2 MB here" in told
    assert told.count("\n") == 1
    assert not out.exists()
    assert main(["run", TINY.to_query(), "--out", str(out), "--limit-bytes", "lots"]) == 2
    assert "'lots' is not a number of bytes, such as 500MB" in capsys.readouterr().err
