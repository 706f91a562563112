"""The command line: what it prints, what it writes, and one line for whatever goes wrong."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core import jobs
from core.__main__ import main
from core.activations import ACTIVATIONS
from core.datasets import DATASETS
from core.experiment import Experiment
from core.initialisers import INITIALISERS
from core.loading import load_result
from core.losses import LOSSES
from core.optimisers import OPTIMISERS

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
    status, printed, _ = execute(capsys, "run", query, "--out", tmp_path, "--zip", tmp_path / "all.zip")
    assert status == 0
    runs = load_result(tmp_path / "all.zip").runs
    rows = [re.split(r"\s{2,}", line) for line in printed.splitlines()[1:]]
    for row, (_, members) in zip(rows, runs.groupby("group", sort=False), strict=True):
        reached, diverged = members["updates_to_target"].notna(), members["diverged_at"].notna()
        counts = [len(members), reached.sum(), (reached & diverged).sum(), (diverged & ~reached).sum()]
        assert row[1:5] == [str(count) for count in counts]
    assert int(rows[0][3]) > 0
    query = "dataset=iris&activation=relu&initialiser=he_normal&hidden=16-16&learning_rate=1000&epochs=5&seeds=2"
    _, printed, _ = execute(capsys, "run", query, "--out", tmp_path)
    assert re.split(r"\s{2,}", printed.splitlines()[1])[1:7] == ["2", "0", "0", "2", "0", "diverged"]


@pytest.mark.parametrize("form", ["query", "link", "json", "json file", "query file", "file of a result"])
def test_an_experiment_is_read_from_text_and_files(
    form: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Experiment] = []

    def refuse(experiment: Experiment, **_: Any) -> None:
        asked.append(experiment)
        raise jobs.JobError("seen")

    monkeypatch.setattr(jobs, "run", refuse)
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
    "nothing to run": (["run"], "the following arguments are required: experiment, --out"),
    "no out": (["run", ""], "the following arguments are required: --out"),
    "unknown option": (["run", "", "--out", "o", "--seeds"], "unrecognized arguments: --seeds"),
    "unknown name": (["run", "activation=tnah", "--out", "o"], "activation: 'tnah' is not a known name; .*'tanh'"),
    "unknown setting": (["run", "activaton=tanh", "--out", "o"], "activaton: 'tanh' belongs to no known setting"),
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
    "out is a file": (["run", "seeds=1", "--out", "broken.json"], "broken.json: File exists"),
    "out in a file": (["run", "seeds=1", "--out", "broken.json/out"], "broken.json.*: Not a directory"),
    "zip is a folder": (["run", "seeds=1", "--out", "o", "--zip", "folder.json"], "folder.json: is a folder"),
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
    monkeypatch.setattr(jobs, "run", lambda *_, **__: pytest.fail("it must not train"))
    arguments, message = REFUSED[case]
    status, printed, told = execute(capsys, *arguments)
    assert (status, printed) == (2, "")
    assert told.endswith("\n")
    line = told[:-1]
    assert line.isprintable()
    assert len(line) < 1000
    assert re.search(message, line), line


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
        while not (tmp_path / "out").exists():  # made just before training begins
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers as well
        printed, told = process.communicate(timeout=50)
    finally:
        process.kill()
    assert (process.returncode, printed, told) == (130, "", "python -m core: interrupted\n")


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
