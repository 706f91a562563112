"""The command line: train an experiment without a browser, list what one can be made of, see whether training works.

    python -m core run "activation=tanh&initialiser=glorot_uniform" --out results/
    python -m core import result.zip
    python -m core compare results/ another.zip
    python -m core list initialisers
    python -m core translate "initialiser=he_normal&gain=recommended:relu" --to keras
    python -m core health

Exit status: 0 done, and what is compared is equal; 1 training failed, or what is compared differs; 2 a wrong argument,
setting or file; 130 interrupted. Whatever goes wrong is told in one line.
"""

import argparse
import contextlib
import dataclasses
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from core.experiment.cost import duration
from core.experiment.experiment import ENGINE_VERSION, MAX_DOCUMENT, Experiment
from core.experiment.fields import MAX_DECAY, ExperimentError, shorten
from core.experiment.translation import programs
from core.jobs.store import Store
from core.registries.activations import ACTIVATIONS
from core.registries.datasets import DATASETS
from core.registries.frameworks import FRAMEWORKS
from core.registries.initialisers import INITIALISERS, NOTHING, canonical
from core.registries.losses import LOSSES
from core.registries.optimisers import OPTIMISERS
from core.registries.synonyms import SETTINGS, VALUES
from core.results.placing import PlaceError, check_folder, check_zip, partial, whole_folder
from core.schema import SCHEMA
from core.settings import Settings, SettingsError, read_bytes
from core.text import amount, count

if TYPE_CHECKING:
    from core.jobs.plan import Progress
    from core.results.results import Result

Rows = list[tuple[str, ...]]


class UsageError(Exception):
    """A wrong argument or file; the text is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:300]} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Execute the command line `argv` (that of the process if None) and return the exit status."""
    from core.jobs.pool import JobError

    try:
        arguments = _parser().parse_args(argv)
        status: int = arguments.command(arguments) or 0
        sys.stdout.flush()
    except (UsageError, PlaceError, ExperimentError, SettingsError) as error:
        return _fail(str(error), 2)
    except OSError as error:
        reason = error.strerror or str(error)
        return _fail(f"{error.filename}: {reason}" if error.filename else reason, 2)
    except JobError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt as interruption:
        return _fail(str(interruption) or "interrupted", 130)
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
    run.add_argument("--out", required=True, type=_place, metavar="FOLDER", help="where the CSVs go, a new folder")
    run.add_argument("--zip", type=_place, metavar="FILE", help="also write everything into one zip file")
    run.add_argument("--force", action="store_true", help="replace results that stand at these places")
    run.add_argument("--store", action="store_true", help="also put the result where the dashboard finds it")
    run.add_argument("--workers", type=_workers, metavar="N", help="processes that train; one per processor if unset")
    run.add_argument(
        "--limit", type=_seconds, default=math.inf, metavar="SECONDS", help="refuse what is estimated to take longer"
    )
    run.add_argument(
        "--limit-bytes",
        type=_size,
        default=math.inf,
        metavar="BYTES",
        help="refuse what takes more memory, such as 500MB",
    )
    run.set_defaults(command=_run)

    take = commands.add_parser("import", help="put a result where the dashboard finds it")
    take.add_argument("result", type=Path, metavar="RESULT", help="the zip or folder that run or the dashboard wrote")
    take.set_defaults(command=_import)
    compare = commands.add_parser(
        "compare", help="what differs between two results, and by how much: status 0 if nothing"
    )
    for place in ("first", "second"):
        compare.add_argument(place, type=Path, metavar="RESULT", help="the zip or folder of a result, as run writes it")
    compare.set_defaults(command=_compare)

    show = commands.add_parser("list", help="list what experiments can be made of")
    show.add_argument("registry", choices=tuple(_LISTS))
    show.set_defaults(command=_list)

    translate = commands.add_parser("translate", help="print how an experiment's networks start in another library")
    translate.add_argument("experiment", help="as of run; every way to start in it is a program of its own")
    translate.add_argument("--to", choices=tuple(FRAMEWORKS), default="pytorch", help="pytorch if unset")
    translate.set_defaults(command=_translate)

    health = commands.add_parser("health", help="train, store and read back something tiny: status 0 if that works")
    health.add_argument("--seconds", type=_seconds, metavar="SECONDS", help="how long it may take; 60 if unset")
    health.set_defaults(command=_health)
    return parser


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1024):
        raise argparse.ArgumentTypeError(f"{shorten(text)} is not a whole number from 1 to 1024")
    return int(text)


def _place(text: str) -> Path:
    if "\0" in text or Path(text).name in ("", ".."):
        raise argparse.ArgumentTypeError(f"{shorten(text)} is no name of a new file or folder")
    return Path(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{shorten(text)} is not a number of seconds above 0")
    return seconds


def _size(text: str) -> int:
    try:
        return read_bytes(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shorten(text)} is not a number of bytes, such as 500MB") from None


# --- run


def _run(arguments: argparse.Namespace) -> None:
    from core.jobs.running import run
    from core.jobs.saving import Saved

    experiment = _read(arguments.experiment)
    experiment.check_limit(arguments.limit, arguments.limit_bytes)
    out: Path = arguments.out
    store = _store() if arguments.store else None
    if arguments.zip is not None:
        check_zip(arguments.zip, arguments.force)
    check_folder(out, arguments.force)

    # Beside the result and not in the store, where it would have to make room for others.
    unfinished = Store(partial(out), sys.maxsize)
    if any(path.stem != experiment.key for path in partial(out).glob("*.checkpoint")):
        _note(f"{partial(out)} holds what was trained of other settings, or by another engine version: it is not used")
    began = time.monotonic()
    try:
        with _executor(arguments.workers) as executor:
            saved = Saved(unfinished, experiment, _note)
            progress = _show if sys.stderr.isatty() else None
            result = run(experiment, executor=executor, progress=progress, saved=saved)
        with whole_folder(out, arguments.force) as folder:
            result.to_csv(folder)
        if arguments.zip is not None:
            check_zip(arguments.zip, arguments.force)
            result.to_zip(arguments.zip)
        unfinished.drop_checkpoint(experiment.key)
    except KeyboardInterrupt:
        if unfinished.load_checkpoint(experiment.key) is None:
            raise
        raise KeyboardInterrupt(f"interrupted; the same command goes on from {partial(out)}") from None
    finally:
        with contextlib.suppress(OSError):  # it holds a checkpoint
            partial(out).rmdir()
    start = "\r\033[K" if sys.stderr.isatty() else ""
    took = duration(time.monotonic() - began)
    print(f"{start}{count(len(result.runs), 'run')} trained in {took}, written to {out}", file=sys.stderr)
    if store is not None:
        _keep(store, result)
    _print_table(_summary(result))


def _note(text: str) -> None:
    start = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{start}python -m core: {text}", file=sys.stderr)


def _store() -> Store:
    """The store of the dashboard that has the same settings as this process."""
    settings = Settings.read()
    if not settings.store_bytes:
        raise UsageError("LAB_STORE_BYTES is 0: the store keeps nothing")
    return Store(settings.store, settings.store_bytes)


def _keep(store: Store, result: "Result") -> None:
    if not store.save(result.experiment.key, result):
        raise UsageError(f"{store.folder}: not kept there. {store.warning}")
    runs, query = count(len(result.runs), "run"), result.experiment.to_query()
    _note(f"{runs} put into {store.folder}: the dashboard opens the result at ?{query}")


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


@contextlib.contextmanager
def _executor(workers: int | None) -> Iterator[Executor | None]:
    """What trains: the Dask cluster of the settings, processes, or this very process where it is to be one."""
    from core.jobs import pool

    settings = Settings.read()
    if workers is not None:
        settings = dataclasses.replace(settings, workers=workers)
    if settings.dask is None and settings.workers == 1:
        yield None
        return
    executor = pool.open_executor(settings)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _show(progress: "Progress") -> None:
    left = duration(progress.seconds_left)
    print(f"\r\033[K{progress.done / progress.total:.0%} trained, {left} left", end="", file=sys.stderr, flush=True)


def _summary(result: "Result") -> Rows:
    """One row per group of runs: what became of them, how fast (the median over all of them), how well."""
    from core.results import convergence

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


# --- compare and import


def _open(path: Path) -> "Result":
    """The result in a zip or folder that a person has named."""
    from core.results.loading import ResultError, load_result

    path.stat()  # what is not there is said so, and not that it is no zip
    if not (path.is_file() or path.is_dir()):  # a device or a pipe may have no end
        raise UsageError(f"{path} is neither a file nor a folder")
    try:
        return load_result(path)
    except ResultError as error:
        raise UsageError(f"{path}: {error}") from error


def _compare(arguments: argparse.Namespace) -> int:
    from core.lessons.difference import compare

    comparison = compare(_open(arguments.first), _open(arguments.second))
    print(*comparison.lines(), sep="\n")
    return 0 if comparison.equal else 1


def _import(arguments: argparse.Namespace) -> None:
    from core.results.convergence import unfinished

    store, result = _store(), _open(arguments.result)
    engine = result.versions.get("engine", "unknown")
    if engine != ENGINE_VERSION:
        raise UsageError(
            f"{arguments.result}: engine is {shorten(engine)}; allowed: {ENGINE_VERSION!r}, that of this lab"
        )
    complete, wanted = int((~unfinished(result)).sum()), len(result.experiment.runs())
    if complete < wanted:
        raise UsageError(
            f"{arguments.result}: {complete:,} of {wanted:,} runs are complete; allowed: results of a whole sweep"
        )
    _keep(store, result)


# --- health


def _health(arguments: argparse.Namespace) -> None:
    from core.jobs import health
    from core.jobs.pool import JobError

    try:
        print(health.check(Settings.read(), arguments.seconds or health.SECONDS))
    except SettingsError as error:
        raise JobError(str(error)) from error  # for container engines the only status of the unhealthy is 1


# --- translate


def _translate(arguments: argparse.Namespace) -> None:
    print("\n\n".join(programs(_read(arguments.experiment), arguments.to)), end="")


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
        allowed, default = ("-", "-") if initialiser.takes == NOTHING else (initialiser.takes, canonical(name))
        rows.append((name, allowed, default, initialiser.summary))
    return rows


def _datasets() -> Rows:
    rows: Rows = [("name", "arguments", "settings", "examples", "inputs", "classes", "summary")]
    for name, dataset in DATASETS.items():
        arguments = ", ".join(argument.allowed for argument in dataset.arguments) or "-"
        settings = " ".join(dataset.settings) or "-"
        examples = "-" if dataset.examples is None else f"{dataset.examples:,}"
        inputs, classes = str(dataset.features), str(dataset.classes)
        rows.append((name, arguments, settings, examples, inputs, classes, dataset.summary))
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
