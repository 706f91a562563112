"""The command line: train an experiment without a browser, list what one can be made of, see whether training works.

    python -m core run "activation=tanh&initialiser=glorot_uniform" --out results/
    python -m core compare result.zip another.zip
    python -m core list initialisers
    python -m core health

Exit status: 0 done, and what is compared is equal; 1 training failed, or what is compared differs; 2 a wrong argument,
setting or file; 130 interrupted. Whatever goes wrong is told in one line.
"""

import argparse
import contextlib
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from core.activations import ACTIVATIONS
from core.cost import duration
from core.datasets import DATASETS
from core.experiment import FIELDS, MAX_DOCUMENT, Experiment
from core.fields import MAX_DECAY, ExperimentError, shorten
from core.initialisers import INITIALISERS
from core.losses import LOSSES
from core.optimisers import OPTIMISERS
from core.schema import SCHEMA
from core.settings import Settings, SettingsError
from core.synonyms import SETTINGS, VALUES
from core.text import amount, count

if TYPE_CHECKING:
    from core.jobs import Progress
    from core.results import Result

Rows = list[tuple[str, ...]]


class UsageError(Exception):
    """A wrong argument or file; the text is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:300]} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Execute the command line `argv` (that of the process if None) and return the exit status."""
    from core.jobs import JobError

    try:
        arguments = _parser().parse_args(argv)
        status: int = arguments.command(arguments) or 0
        sys.stdout.flush()
    except (UsageError, ExperimentError, SettingsError) as error:
        return _fail(str(error), 2)
    except OSError as error:
        reason = error.strerror or str(error)
        return _fail(f"{error.filename}: {reason}" if error.filename else reason, 2)
    except JobError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return status


def _fail(message: str, status: int) -> int:
    line = shorten(message, len(message))[1:-1]
    start = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{start}python -m core: {line}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m core", description="Train experiments of the initialisation lab.")
    commands = parser.add_subparsers(required=True, metavar="command")

    run = commands.add_parser("run", help="train an experiment and write its tables")
    run.add_argument(
        "experiment",
        help="settings (activation=tanh&seeds=10), a whole dashboard link, JSON text, or a file that holds one of "
        "these; '' is the default experiment",
    )
    run.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where the CSVs go; made if missing")
    run.add_argument("--zip", type=Path, metavar="FILE", help="also write everything into one zip file")
    run.add_argument("--workers", type=_workers, metavar="N", help="processes that train; one per processor if unset")
    run.add_argument("--limit", type=_seconds, metavar="SECONDS", help="refuse what is estimated to take longer")
    run.set_defaults(command=_run)

    compare = commands.add_parser(
        "compare", help="what differs between two results, and by how much: status 0 if nothing"
    )
    for place in ("first", "second"):
        compare.add_argument(place, type=Path, metavar="ZIP", help="the zip of a result, as run --zip writes it")
    compare.set_defaults(command=_compare)

    show = commands.add_parser("list", help="list what experiments can be made of")
    show.add_argument("registry", choices=tuple(_LISTS))
    show.set_defaults(command=_list)

    health = commands.add_parser("health", help="train, store and read back something tiny: status 0 if that works")
    health.add_argument("--seconds", type=_seconds, metavar="SECONDS", help="how long it may take; 60 if unset")
    health.set_defaults(command=_health)
    return parser


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1024):
        raise argparse.ArgumentTypeError(f"{shorten(text)} is not a whole number from 1 to 1024")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{shorten(text)} is not a number of seconds above 0")
    return seconds


# --- run


def _run(arguments: argparse.Namespace) -> None:
    from core import jobs

    experiment = _read(arguments.experiment)
    if arguments.limit is not None:
        experiment.check_limit(arguments.limit)
    _check_writable(arguments.out, arguments.zip)

    began = time.monotonic()
    with _executor(arguments.workers) as executor:
        result = jobs.run(experiment, executor=executor, progress=_show if sys.stderr.isatty() else None)
    result.to_csv(arguments.out)
    if arguments.zip is not None:
        result.to_zip(arguments.zip)
    start = "\r\033[K" if sys.stderr.isatty() else ""
    took = duration(time.monotonic() - began)
    print(f"{start}{count(len(result.runs), 'run')} trained in {took}, written to {arguments.out}", file=sys.stderr)
    _print_table(_summary(result))


def _read(text: str) -> Experiment:
    """The experiment that an argument describes or, where it is the name of a file, that the file holds."""
    if os.path.isfile(text):  # noqa: PTH113 (Path.is_file raises where a long text is no file name)
        with open(text, "rb") as file:  # noqa: PTH123
            content = file.read(MAX_DOCUMENT + 1)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageError(f"{shorten(text)} is not a text file in UTF-8") from None
    elif "=" not in text and text.lower().endswith((".json", ".txt")):
        raise UsageError(f"{shorten(text)}: no such file")
    experiment, foreign = Experiment.read_text(text)
    if foreign:
        names = ", ".join(shorten(name)[1:-1] for name in foreign[:10])
        print(f"python -m core: left out what is no setting of an experiment: {names}", file=sys.stderr)
    return experiment


def _check_writable(folder: Path, archive: Path | None) -> None:
    """Raises OSError now rather than after hours of training."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    if archive is not None:
        if archive.is_dir():
            raise IsADirectoryError(None, "is a folder, not a file", str(archive))
        with tempfile.TemporaryFile(dir=archive.parent):
            pass


@contextlib.contextmanager
def _executor(workers: int | None) -> Iterator[Executor | None]:
    """What trains: the Dask cluster of the settings, processes, or this very process where it is to be one."""
    from core import jobs

    settings = Settings.read()
    if workers is not None:
        settings = dataclasses.replace(settings, workers=workers)
    if settings.dask is None and settings.workers == 1:
        yield None
        return
    executor = jobs.open_executor(settings)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _show(progress: "Progress") -> None:
    left = duration(progress.seconds_left)
    print(f"\r\033[K{progress.done / progress.total:.0%} trained, {left} left", end="", file=sys.stderr, flush=True)


def _summary(result: "Result") -> Rows:
    """One row per group of runs: what became of them, how fast (the median over all of them), how well."""
    from core import convergence

    medians = convergence.median_updates(result.runs)
    outcomes, exploded = convergence.outcomes(result), convergence.exploded(result)
    rows: Rows = [
        (
            "group",
            "runs",
            "reached",
            "then diverged",
            "diverged first",
            "exploded",
            "updates to target",
            "test accuracy",
        )
    ]
    for group, runs in result.runs.groupby("group", sort=False):
        became = outcomes[runs.index].value_counts()
        then = int(became.get("reached, then diverged", 0))
        first = int(became.get("diverged", 0))
        counts = (len(runs), int(became.get("reached", 0)) + then, then, first, int(exploded[runs.index].sum()))
        median = float(medians[str(group)])
        accuracy = runs["final_test_accuracy"].median()
        rows.append(
            (
                str(group),
                *(f"{count:,}" for count in counts),
                amount(median) if median < float("inf") else "diverged" if first == len(runs) else "not reached",
                f"{accuracy:.3f}" if accuracy == accuracy else "-",
            )
        )
    return rows


# --- compare


def _compare(arguments: argparse.Namespace) -> int:
    from core.difference import compare
    from core.loading import ResultError, load_result

    results = []
    for path in (arguments.first, arguments.second):
        with path.open("rb") as file:
            try:
                results.append(load_result(file))
            except ResultError as error:
                raise UsageError(f"{path}: {error}") from error
    comparison = compare(*results)
    print(*comparison.lines(), sep="\n")
    return 0 if comparison.equal else 1


# --- health


def _health(arguments: argparse.Namespace) -> None:
    from core import health
    from core.jobs import JobError

    try:
        print(health.check(Settings.read(), arguments.seconds or health.SECONDS))
    except SettingsError as error:
        raise JobError(str(error)) from error  # for container engines the only status of the unhealthy is 1


# --- list


def _activations() -> Rows:
    rows: Rows = [("name", "arguments", "range", "summary")]
    for name, activation in ACTIVATIONS.items():
        low, high = activation.range
        rows.append((name, "-", f"{low:g} to {high:g}", activation.summary))
    return rows


def _initialisers() -> Rows:
    rows: Rows = [("name", "arguments", "default", "summary")]
    for name, initialiser in INITIALISERS.items():
        argument = initialiser.argument
        allowed, default = ("-", "-") if argument is None else (argument.allowed, f"{name}:{argument.default:g}")
        rows.append((name, allowed, default, initialiser.summary))
    return rows


def _datasets() -> Rows:
    rows: Rows = [("name", "arguments", "examples", "inputs", "classes", "summary")]
    chosen = " ".join(name for name, field in FIELDS.items() if field.synthetic_only)
    for name, dataset in DATASETS.items():
        arguments = chosen if dataset.synthetic else "-"
        examples = "-" if dataset.examples is None else f"{dataset.examples:,}"
        rows.append((name, arguments, examples, str(dataset.features), str(dataset.classes), dataset.summary))
    return rows


def _columns() -> Rows:
    rows: Rows = [("table", "column", "type", "unit", "meaning")]
    for table, columns in SCHEMA.items():
        rows += [(table, column.name, column.dtype, column.unit or "-", column.meaning) for column in columns]
    return rows


def _optimisers() -> Rows:
    rows: Rows = [("name", "arguments", "default", "summary")]
    for name, optimiser in OPTIMISERS.items():
        default = optimiser.argument
        allowed = "-" if default is None else f"0 to {MAX_DECAY}"
        rows.append((name, allowed, "-" if default is None else f"{name}:{default:g}", optimiser.summary))
    return rows


def _losses() -> Rows:
    return [("name", "arguments", "summary"), *((name, "-", loss.summary) for name, loss in LOSSES.items())]


def _synonyms() -> Rows:
    rows: Rows = [("of", "name", "here", "difference")]
    for setting, synonyms in {"a setting": SETTINGS, **VALUES}.items():
        rows += [(setting, name, synonym.ours, synonym.difference or "-") for name, synonym in synonyms.items()]
    return rows


_LISTS = {
    "activations": _activations,
    "initialisers": _initialisers,
    "datasets": _datasets,
    "optimisers": _optimisers,
    "losses": _losses,
    "columns": _columns,
    "synonyms": _synonyms,
}


def _list(arguments: argparse.Namespace) -> None:
    _print_table(_LISTS[arguments.registry]())


def _print_table(rows: Rows) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
