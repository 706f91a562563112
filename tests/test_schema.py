"""The schema is the one description of the tables."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.experiment.experiment import VARIED, Experiment
from core.schema import GROUP, NEEDS_FULL, SCHEMA, Column, data_dictionary, names, version
from tests.engine import train

DOCS = Path(__file__).parent.parent / "docs"


def test_the_data_dictionary_in_the_docs_is_that_of_the_schema() -> None:
    assert (DOCS / "data_dictionary.md").read_text(encoding="utf-8") == data_dictionary()


@pytest.mark.parametrize("table", SCHEMA)
def test_columns_have_plain_names_of_which_none_stands_twice(table: str) -> None:
    # Dots and brackets in a column's name make empty charts.
    assert all(name.isidentifier() and name == name.lower() for name in names(table))
    assert len(set(names(table))) == len(names(table))


def test_every_table_carries_all_settings_that_an_experiment_may_vary() -> None:
    assert {column.name for column in GROUP} == {"group", "dataset", *VARIED}


@pytest.mark.parametrize("table", SCHEMA)
def test_every_column_says_what_it_means(table: str) -> None:
    assert all(len(column.meaning.split()) > 1 for column in SCHEMA[table])


def test_a_percentile_is_named_as_it_is_said() -> None:
    meanings = {column.name: column.meaning for column in SCHEMA["layers"]}
    assert meanings["activation_p02"].startswith("2nd percentile")
    assert meanings["preactivation_p98"].startswith("98th percentile")


def test_the_columns_that_need_full_statistics_are_those_that_say_so() -> None:
    standard, full = (
        train(Experiment(dataset=("iris",), hidden=((6,),), epochs=1, seeds=1, statistics=name))
        for name in ("standard", "full")
    )
    for table, columns in SCHEMA.items():
        little, much = (getattr(result, table).isna().all() for result in (standard, full))
        assert set(little.index[little & ~much]) == {c.name for c in columns if c.meaning.endswith(NEEDS_FULL)}


def test_the_version_is_another_for_other_columns_and_the_same_for_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    now = version()
    first, *others = SCHEMA["epochs"]
    for columns, same in (
        ((replace(first, meaning="said better"), *others), True),
        ((replace(first, name="renamed"), *others), False),
        ((replace(first, dtype="float64"), *others), False),
        ((*others, first), False),
        ((*SCHEMA["epochs"], Column("mood", "float64", "", "how it felt")), False),
        (tuple(others), False),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(SCHEMA, "epochs", columns)
            assert (version() == now) == same
    assert version() == now
