"""The schema is the one description of the tables."""

from pathlib import Path

import pytest

from core.schema import SCHEMA, data_dictionary, names

DOCS = Path(__file__).parent.parent / "docs"


def test_the_data_dictionary_in_the_docs_is_that_of_the_schema() -> None:
    assert (DOCS / "data_dictionary.md").read_text(encoding="utf-8") == data_dictionary()


@pytest.mark.parametrize("table", SCHEMA)
def test_columns_have_plain_names_of_which_none_stands_twice(table: str) -> None:
    # Dots and brackets in a column's name make empty charts.
    assert all(name.isidentifier() and name == name.lower() for name in names(table))
    assert len(set(names(table))) == len(names(table))


@pytest.mark.parametrize("table", SCHEMA)
def test_every_column_says_what_it_means(table: str) -> None:
    assert all(len(column.meaning.split()) > 1 for column in SCHEMA[table])
