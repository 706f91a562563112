"""Somebody's own file on the command line: what is proposed is told, and each proposal can be said otherwise."""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

from core.experiment.fields import shorten
from core.registries.datasets import keep_own
from core.tables import sniffing
from core.tables.sniffing import ALLOWED, MAX_BYTES, TableError

LINKED = "table"
"""The parameter of a dashboard's link that says what was made of the table that it is about."""
LISTED = 40
"""Columns that are told one by one."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to a command's parser."""
    own = parser.add_argument_group("own data", "a table of your own in place of the experiment's data set")
    own.add_argument("--data", type=Path, metavar="FILE", help="CSV, TSV or other text, a row in each line")
    own.add_argument("--label", metavar="NAME", help="column with the classes; proposed if unset")
    for name, many in (("--leave-out", "columns"), ("--use", "columns that would be left out"),
                       ("--categories", "columns of numbers that stand for categories"),
                       ("--without", "classes whose rows are left out")):  # fmt: skip
        own.add_argument(name, action="append", default=[], metavar="NAME", help=f"{many}, one for each {name}")
    own.add_argument(
        "--missing", metavar="HOW", help="what becomes of missing values: drop, mean, median, most_frequent"
    )
    own.add_argument("--rows", type=int, metavar="N", help="rows to take at most, at random")
    for name, allowed in ALLOWED.items():
        own.add_argument(f"--{name}", metavar="HOW", help=f"{', '.join(allowed)}; found out if unset")
    own.add_argument("--with-data", action="store_true", help="write the table too, so that the result opens elsewhere")


def name_of_data(arguments: argparse.Namespace, note: Callable[[str], None]) -> str:
    """The name under which this process knows the file's data from now on; `note` is told what was understood.

    Raises TableError where it gives no examples, OSError where it cannot be read.
    """
    from core.tables import choices, columns

    with arguments.data.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    said = {name: getattr(arguments, name) for name in ALLOWED if getattr(arguments, name)}
    asked = parse_qs(arguments.experiment.partition("?")[2]).get(LINKED, [])
    if asked:
        table, chosen = choices.follow(content, asked[-1])
    if said or not asked:
        table = columns.read(content, sniffing.propose(content, **said))
    if said or not asked or arguments.label:
        chosen = choices.propose(table, arguments.label or "")
    for name in (*arguments.leave_out, *arguments.use):
        table.column(name)
    out = [column.name for column in table.columns if column.name in (*chosen.leave_out, *arguments.leave_out)]
    chosen = dataclasses.replace(
        chosen,
        leave_out=tuple(name for name in out if name not in arguments.use),
        categories=(*chosen.categories, *arguments.categories),
        without=(*chosen.without, *arguments.without),
        missing=arguments.missing or chosen.missing,
        rows=chosen.rows if arguments.rows is None else arguments.rows,
    )
    note(", ".join(f"{name} {value}" for name, value in dataclasses.asdict(table.reading).items()))
    for column in table.columns[:LISTED]:
        use = "label" if column.name == chosen.label else "left out" if column.name in chosen.leave_out else "feature"
        distinct, without = choices.counted(column, chosen)
        missing = f", {without:,} missing" if without else ""
        note(f"{shorten(column.name)}: {column.kind}, {use}, {distinct:,} different{missing}: {column.shown}")
    examples = choices.prepare(table, chosen)
    for sentence in examples.said:
        note(sentence)
    dataset = examples.dataset(arguments.data.name)
    keep_own(dataset)
    note(f"fingerprint {dataset.name}")
    return dataset.name


def check(arguments: argparse.Namespace) -> None:
    """Raises TableError where options of own data are given without it."""
    given = ["label", "leave_out", "use", "categories", "without", "missing", "rows", *ALLOWED, "with_data"]
    if arguments.data is None and (extra := [name for name in given if getattr(arguments, name)]):
        raise TableError(f"--{extra[0].replace('_', '-')} is about a table; allowed: with --data FILE")
