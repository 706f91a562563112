"""The command line: train an experiment without a browser, list what one can be made of, see whether training works.

    python -m core run "activation=tanh&initialiser=glorot_uniform" --out results/
    python -m core report result.zip
    python -m core report result.zip --format html > report.html
    python -m core weights result.zip --run 0 --out weights.npz
    python -m core merge one.zip another.zip --zip both.zip
    python -m core run "activation=tanh" --data table.csv --label class --out results/
    python -m core import result.zip
    python -m core compare results/ another.zip
    python -m core list initialisers
    python -m core translate "initialiser=he_normal&gain=recommended:relu" --to keras
    python -m core dashboard
    python -m core health

Exit status: 0 done, and what is compared is equal; 1 training failed, or what is compared differs; 2 a wrong argument,
setting or file; 130 interrupted. Whatever goes wrong is told in one line.
"""

import argparse
import contextlib
import dataclasses
import importlib.util
import math
import os
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from core.experiment.cost import duration
from core.experiment.experiment import ENGINE_VERSION, FIELDS, MAX_DOCUMENT, NAMING, Experiment
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
from core.results.placing import PlaceError, check_folder, check_zip, partial, whole_file, whole_folder
from core.schema import SCHEMA
from core.settings import Settings, SettingsError, read_bytes
from core.tables import options
from core.tables.sniffing import TableError
from core.text import amount, count

if TYPE_CHECKING:
    from pandas import DataFrame

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
    except (UsageError, PlaceError, ExperimentError, SettingsError, TableError) as error:
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

    _add_run(commands)

    report = commands.add_parser("report", help="each start at its best learning rate: how fast, how surely, what ties")
    report.add_argument("result", type=Path, metavar="RESULT", help="the zip or folder of a result")
    report.add_argument("--target", metavar="MEASURE:VALUE", help="another target than that of the result")
    formats = ("text", "csv", "json", "html")
    report.add_argument(
        "--format", choices=formats, default="text", help="text if unset; html is a whole page with charts and findings"
    )
    report.set_defaults(command=_report)
    weights = commands.add_parser("weights", help="write what a run of a result was at some epoch")
    weights.add_argument("result", type=Path, metavar="RESULT", help="the zip or folder of a result")
    weights.add_argument("--run", type=int, required=True, metavar="N", help="its number in runs.csv")
    weights.add_argument("--epoch", type=int, metavar="E", help="after how many epochs; the last if unset")
    weights.add_argument("--out", type=_place, required=True, metavar="FILE", help="a new .npz with W1, b1, W2 ...")
    weights.set_defaults(command=_weights)
    merge = commands.add_parser("merge", help="make one result of several that differ in runs alone")
    merge.add_argument("results", nargs="+", type=Path, metavar="RESULT", help="zips or folders of results")
    merge.add_argument("--zip", required=True, type=_place, metavar="FILE", help="where the one goes")
    merge.add_argument("--force", action="store_true", help="replace a result that stands there")
    merge.set_defaults(command=_merge)
    take = commands.add_parser("import", help="put a result where the dashboard finds it")
    take.add_argument("result", type=Path, metavar="RESULT", help="the zip or folder that run or the dashboard wrote")
    take.set_defaults(command=_import)
    compare = commands.add_parser(
        "compare", help="what differs between two results, and by how much: status 0 if nothing"
    )
    for place in ("first", "second"):
        compare.add_argument(place, type=Path, metavar="RESULT", help="the zip or folder of a result, as run writes it")
    compare.set_defaults(command=_compare)

    dashboard = commands.add_parser("dashboard", help="serve the dashboard, as `streamlit run` does")
    dashboard.add_argument("options", nargs="*", help="options of `streamlit run`, after --: -- --server.port 8600")
    dashboard.set_defaults(command=_dashboard)

    show = commands.add_parser("list", help="list what experiments can be made of")
    show.add_argument("registry", choices=tuple(_LISTS))
    show.set_defaults(command=_list)
    translate = commands.add_parser("translate", help="print how an experiment's networks start in another library")
    translate.add_argument("experiment", help="as of run; each way to start in it is a program of its own")
    translate.add_argument("--to", choices=tuple(FRAMEWORKS), default="pytorch", help="pytorch if unset")
    translate.set_defaults(command=_translate)

    health = commands.add_parser("health", help="train, store and read back something tiny: status 0 if that works")
    health.add_argument("--seconds", type=_seconds, metavar="SECONDS", help="how long it may take; 60 if unset")
    health.set_defaults(command=_health)
    return parser


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    run = commands.add_parser("run", help="train an experiment and write its tables")
    run.add_argument(
        "experiment",
        help="settings (activation=tanh&seeds=10), a whole dashboard link, JSON text, or a file that holds one of "
        "these; '' is the default experiment",
    )
    run.add_argument("--out", type=_place, metavar="FOLDER", help="where the CSVs go, a new folder")
    run.add_argument("--zip", type=_place, metavar="FILE", help="write everything into one zip file, too or instead")
    run.add_argument("--force", action="store_true", help="replace results that stand at these places")
    run.add_argument(
        "--store",
        action="store_true",
        help="put the result where the dashboard finds it, too or instead, and train only what no result there holds",
    )
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
    options.add(run)
    run.set_defaults(command=_run)


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
    from core.jobs.reuse import missing
    from core.jobs.running import run
    from core.jobs.saving import Saved

    options.check(arguments)
    out: Path | None = arguments.out
    if out is None and arguments.zip is None and not arguments.store:
        raise UsageError("the result has no place to go; allowed: --out FOLDER, --zip FILE, --store or several of them")
    own = options.name_of_data(arguments, _note) if arguments.data else ""
    experiment = _read(arguments.experiment)
    if own and own not in experiment.dataset:
        if asked := experiment.own_table:
            raise UsageError(f"{arguments.data}, read so, is {own}; allowed: {asked}, as the experiment says")
        experiment = dataclasses.replace(experiment, dataset=(own,))
    experiment.check_limit(arguments.limit, arguments.limit_bytes)
    store = _store(experiment) if arguments.store else None
    if arguments.zip is not None:
        check_zip(arguments.zip, arguments.force)
    if out is not None:
        check_folder(out, arguments.force)

    written = " and ".join(str(place) for place in (out, arguments.zip) if place)
    beside = arguments.zip or Settings.read().store
    unfinished = _unfinished(partial(out or beside.with_suffix(".training")), experiment)
    trained = missing(store, experiment) if store else len(experiment.runs())
    began = time.monotonic()
    try:
        with _executor(arguments.workers) as executor:
            saved = Saved(unfinished, experiment, _note)
            progress = _show if sys.stderr.isatty() else None
            result = run(experiment, executor=executor, progress=progress, saved=saved, store=store)
        if out is not None:
            with whole_folder(out, arguments.force) as folder:
                result.to_csv(folder, data=arguments.with_data)
        if arguments.zip is not None:
            check_zip(arguments.zip, arguments.force)
            result.to_zip(arguments.zip, data=arguments.with_data)
        if written or not (store and store.warning):
            unfinished.drop_checkpoint(experiment.key)
    except KeyboardInterrupt:
        if unfinished.load_checkpoint(experiment.key) is None:
            raise
        raise KeyboardInterrupt(f"interrupted; the same command goes on from {unfinished.folder}") from None
    finally:
        with contextlib.suppress(OSError):  # it holds a checkpoint
            unfinished.folder.rmdir()
    start = "\r\033[K" if sys.stderr.isatty() else ""
    took = duration(time.monotonic() - began)
    which = count(len(result.runs), "run") + (f", {trained:,} of them" if trained < len(result.runs) else "")
    print(f"{start}{which} trained in {took}" + (f", written to {written}" if written else ""), file=sys.stderr)
    if store is not None:
        _told_kept(store, result)
    _print_table(_summary(result))


def _unfinished(folder: Path, experiment: Experiment) -> Store:
    """Where what is trained so far is saved: not in the store, where it would have to make room for others."""
    if any(path.stem != experiment.key for path in folder.glob("*.checkpoint")):
        _note(f"{folder} holds what was trained of other settings, or by another engine version: it is not used")
    return Store(folder, sys.maxsize)


def _note(text: str) -> None:
    start = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{start}python -m core: {text}", file=sys.stderr)


def _store(experiment: Experiment) -> Store:
    """The store of the dashboard that has the same settings as this process."""
    settings = Settings.read()
    if experiment.own_table and not settings.store_tables:
        raise UsageError("the store takes no results of own tables; allowed: LAB_STORE_TABLES=yes, or without --store")
    if not settings.store_bytes:
        raise UsageError("LAB_STORE_BYTES is 0: the store keeps nothing")
    return Store(settings.store, settings.store_bytes)


def _keep(store: Store, result: "Result") -> None:
    store.save(result.experiment.key, result)
    _told_kept(store, result)


def _told_kept(store: Store, result: "Result") -> None:
    if store.warning:
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


# --- report, merge, compare and import


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


def _report(arguments: argparse.Namespace) -> None:
    from core.results.report import report
    from core.results.results import csv_bytes

    result = _open(arguments.result)
    if arguments.target:
        result = result.asked(arguments.target)
    if arguments.format == "html":
        from core.charts.report import page

        print(page(result), end="")
        return
    table = report(result)
    if arguments.format == "csv":
        print(csv_bytes(table).decode(), end="")
    elif arguments.format == "json":
        print(table.to_json(orient="records", indent=2))
    else:
        _print_report(result, table)


def _print_report(result: "Result", table: "DataFrame") -> None:
    from core.lessons.findings import target_text

    experiment = result.experiment
    varying = [name for name in experiment.varying() if name != "learning_rate"] or list(NAMING)
    rows: Rows = [(*varying, "best rate", "place", "median updates", "95 % interval", "reached", "of it to know")]
    for row in table.to_dict("records"):
        median, low, high = (row[name] for name in ("updates_to_target", "low", "high"))
        ends = f"{amount(low)} to {amount(high) if high < math.inf else 'never'}" if low < math.inf else "never"
        rows.append(
            (
                *(FIELDS[name].kind.format(row[name]) if name == "gain" else str(row[name]) for name in varying),
                "-" if row["learning_rate"] != row["learning_rate"] else f"{row['learning_rate']:g}",
                "-" if row["place"] != row["place"] else f"{row['place']:.0f}",
                "-" if median != median else amount(median),
                "-" if low != low else ends,
                "-" if row["reached"] != row["reached"] else f"{row['reached'] * row['runs']:.0f} of {row['runs']}",
                row["note"] or "-",
            )
        )
    _print_table(rows)
    rates = experiment.learning_rate
    at = (
        "each one's best learning rate"
        if len(rates) > 1
        else f"learning rate {rates[0]:g}: another may suit some better"
    )
    told = (
        f"\nUpdates to {target_text(experiment.target)} at {at}. One place: medians that lie "
        "within a recorded step of each other."
    )
    for data, part in table.groupby("dataset", sort=False):
        first = int((part["place"] == 1).sum())
        told += f" {count(first, 'group')} of {len(part):,}{f' on {data}' if len(experiment.dataset) > 1 else ''} "
        told += "tie as the fastest." if first > 1 else "is the fastest." if first else "reached it in the median run."
    print(told)


def _compare(arguments: argparse.Namespace) -> int:
    from core.lessons.difference import compare

    comparison = compare(_open(arguments.first), _open(arguments.second))
    print(*comparison.lines(), sep="\n")
    return 0 if comparison.equal else 1


def _weights(arguments: argparse.Namespace) -> None:
    import numpy as np

    from core.results.results import ResultError

    out: Path = arguments.out
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} is there already: name a new file")
    result = _open(arguments.result)
    epoch = result.experiment.epochs if arguments.epoch is None else arguments.epoch
    try:
        layers = result.weights(arguments.run, epoch)
    except (ValueError, ResultError) as error:
        raise UsageError(f"{arguments.result}: {error}") from error
    named: dict[str, Any] = {
        f"{name}{n}": part for n, layer in enumerate(layers, 1) for name, part in zip("Wb", layer, strict=True)
    }
    with whole_file(out) as new, new.open("wb") as file:
        np.savez(file, **named)
    _note(f"{count(len(layers), 'layer')} of run {arguments.run} after {count(epoch, 'epoch')} written to {out}")


def _merge(arguments: argparse.Namespace) -> None:
    from core.results.merging import merge
    from core.results.results import ResultError

    check_zip(arguments.zip, arguments.force)
    try:
        result = merge([_open(path) for path in arguments.results])
    except ResultError as error:
        raise UsageError(str(error)) from error
    result.to_zip(arguments.zip)
    _note(f"{count(len(result.runs), 'run')} written to {arguments.zip}")


def _import(arguments: argparse.Namespace) -> None:
    from core.results import replay
    from core.results.convergence import unfinished
    from core.results.results import ResultError

    result = _open(arguments.result)
    try:
        replay.check(result)
    except ResultError as error:
        raise UsageError(f"{arguments.result}: {error}") from error
    store = _store(result.experiment)
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


# --- dashboard


def _dashboard(arguments: argparse.Namespace) -> None:
    """Become the server: of this checkout, or of what pip has installed, with the same settings."""
    spec = importlib.util.find_spec("dashboard")
    if spec is None or spec.origin is None:
        raise UsageError("there is no dashboard.py beside core: install all of the lab with pip install .")
    place = Path(spec.origin)
    installed = place.parent / "pages" / "parts" / "configuration" / "config.toml"
    options = []
    if installed.is_file():  # Streamlit reads .streamlit/config.toml beside the script, where pip puts nothing
        options = _options(tomllib.loads(installed.read_text(encoding="utf-8")))
    command = [sys.executable, "-m", "streamlit", "run", str(place), *options, *arguments.options]
    os.execv(sys.executable, command)


def _options(settings: dict[str, Any], prefix: str = "--") -> list[str]:
    """A configuration file as options of the command line: --server.headless=true."""
    options = []
    for name, value in settings.items():
        if isinstance(value, dict):
            options += _options(value, f"{prefix}{name}.")
        else:
            options.append(f"{prefix}{name}={str(value).lower() if isinstance(value, bool) else value}")
    return options


# --- translate and list


def _translate(arguments: argparse.Namespace) -> None:
    print("\n\n".join(programs(_read(arguments.experiment), arguments.to)), end="")


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
