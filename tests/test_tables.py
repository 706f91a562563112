"""Somebody's own file: what is understood of it, what is made of it, and what is said of both."""

import io
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.registries.datasets import keep_own, load
from core.tables import choices, columns, sniffing
from core.tables.choices import Choices, Examples, prepare
from core.tables.columns import Table
from core.tables.sniffing import Reading, TableError
from tests.tables import DAILY_REPORT, FILES, GERMAN, PENGUINS, adult, seeds, sonar, wine_quality


def table_of(content: bytes | str, **said: str) -> Table:
    content = content.encode() if isinstance(content, str) else content
    return columns.read(content, sniffing.propose(content, **said))


def examples_of(content: bytes | str, label: str = "", **changes: Any) -> Examples:
    table = table_of(content)
    return prepare(table, replace(choices.propose(table, label), **changes))


def csv(rows: Sequence[tuple[object, ...]], header: str = "a,b,label") -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


READ = {
    "wine quality": Reading("utf-8", "semicolon", "yes", "point"),
    "adult": Reading("utf-8", "comma", "no", "point"),
    "penguins": Reading("utf-8", "comma", "yes", "point"),
    "countries": Reading("utf-8", "comma", "yes", "point"),
    "daily report": Reading("utf-8", "comma", "yes", "point"),
    "German export": Reading("cp1252", "semicolon", "yes", "comma"),
    "seeds": Reading("utf-8", "blanks", "no", "point"),
    "sonar": Reading("utf-8", "comma", "no", "point"),
    "ionosphere": Reading("utf-8", "comma", "no", "point"),
    "UTF-16": Reading("utf-16", "semicolon", "yes", "comma"),
}
PANDAS: dict[str, dict[str, Any]] = {
    "wine quality": {"sep": ";"},
    "adult": {"header": None, "skiprows": 1, "skipinitialspace": True, "na_values": "?"},
    "penguins": {"na_values": "."},
    "countries": {"keep_default_na": False},
    "daily report": {"encoding": "utf-8-sig"},
    "German export": {"sep": ";", "decimal": ",", "thousands": ".", "encoding": "cp1252"},
    "seeds": {"sep": r"\s+", "header": None},
    "sonar": {"header": None},
    "ionosphere": {"header": None},
    "UTF-16": {"sep": ";", "decimal": ",", "thousands": ".", "encoding": "utf-16"},
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_understood_as_pandas_reads_it_when_it_is_told_how(name: str) -> None:
    table = table_of(FILES[name])
    assert table.reading == READ[name]
    told = pd.read_csv(io.BytesIO(FILES[name]), **PANDAS[name])
    assert len(told) == table.rows
    if table.reading.header == "yes":
        assert [column.name for column in table.columns] == list(told.columns)
    for column, theirs in zip(table.columns, told, strict=True):
        values = told[theirs]
        if column.kind == "numbers":
            np.testing.assert_array_equal(column.numbers, values.to_numpy(float))
        else:
            assert column.cells[~column.gaps].tolist() == values[~column.gaps].tolist()
        if name != "countries":  # where pandas was told that nothing is missing
            assert column.gaps.tolist() == values.isna().tolist()


LABELS = {
    "wine quality": ("quality", {"3": 1, "8": 2}, ()),
    "adult": ("column 5", {}, ()),
    "penguins": ("species", {"Adelie": 4, "Chinstrap": 2, "Gentoo": 4}, ("rowid",)),
    "countries": ("continent", dict.fromkeys(["1e5", "EU", "NA", "None", "True", "null"], 5), ("code",)),
    "daily report": ("Level", {"high": 3, "low": 3}, ("Last_Update",)),
    "German export": ("Größe", {"groß": 3, "klein": 3}, ("Gemeinde",)),
    "seeds": ("column 4", {"1": 10, "2": 10, "3": 10}, ()),
    "sonar": ("column 9", {"M": 12, "R": 12}, ()),
    "ionosphere": ("column 5", {"b": 12, "g": 12}, ("column 2",)),
    "UTF-16": ("Größe", {"groß": 3, "klein": 3}, ("Gemeinde",)),
}


@pytest.mark.parametrize("name", FILES)
def test_the_proposals_train_on_every_shape_of_file(name: str) -> None:
    table = table_of(FILES[name])
    proposed = choices.propose(table)
    label, classes, out = LABELS[name]
    assert (proposed.label, proposed.leave_out) == (label, out)
    examples = prepare(table, proposed)
    assert examples.classes.items() >= classes.items()
    dataset = examples.dataset(name)
    keep_own(dataset)
    assert dict(zip(dataset.class_names, np.array(dataset.class_sizes).tolist(), strict=True)) == examples.classes
    assert dataset.feature_names == tuple(examples.x.columns)
    data = load(dataset.name)
    assert len(data.train_y) + len(data.test_y) == len(examples.y)


def test_a_table_has_one_fingerprint_however_it_is_written() -> None:
    encodings = [GERMAN.encode(name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")]
    tabs = GERMAN.replace(";", "\t").encode()
    english = GERMAN.replace(".", "").replace(",", ".").replace(";", " , ").encode()
    bars = GERMAN.replace("\r\n", "\n").replace(";", "|").encode()
    quoted = ('"' + GERMAN.replace(";", '";"').replace("\r\n", '"\r\n"')[:-1]).encode()
    files = [*encodings, tabs, english, bars, quoted, b"# from the town hall; 2024\n" + encodings[0], encodings[0][:-2]]
    assert len({examples_of(file).dataset("towns").name for file in files}) == 1


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1", "point", 1), ("-1.5e3", "point", -1500), (".5", "point", 0.5), ("1,234.5", "point", 1234.5),
        ("1,23", "point", None), ("1_0", "point", None), ("0x1F", "point", None), ("inf", "point", None),
        ("1e999", "point", None), ("=1+1", "point", None), ("True", "point", None), ("", "point", None),
        ("1,5", "comma", 1.5), ("1.234,5", "comma", 1234.5), ("-2.000", "comma", -2000), ("1.5", "comma", None),
        ("1 234,5", "comma", 1234.5), ("$1,200", "point", 1200),
        ("12,5 %", "comma", 12.5), ("3,50\u00a0€", "comma", 3.5),
        ("12.3.2020", "comma", None),
    ],
)  # fmt: skip
def test_only_what_is_written_as_a_number_is_one(text: str, decimal: str, value: float | None) -> None:
    found = sniffing.number(text, decimal)
    assert found == value if value is not None else np.isnan(found)


@pytest.mark.parametrize(
    ("content", "header"),
    [
        ("1,2,3\n4,5,6\n7,8,9\n", "no"),
        ("a,b,c\n4,5,6\n7,8,9\n", "yes"),
        ("p,x,s\ne,x,y\np,f,s\n", "no"),
        ("cap,shape\nx,y\nz,y\nx,q\n", "yes"),
        ("id,2019,2020,2021\na,1,2,3\nb,4,5,6\n", "no"),
        ("?,2,x\n1,3,y\n2,4,x\n", "no"),
        ("#,b,c\n1,3,y\n2,4,x\n", "yes"),
        ('"b" "c"\n"1" 3 "y"\n"2" 4 "x"\n', "yes"),
    ],
)
def test_a_first_row_of_values_is_not_lost(content: str, header: str) -> None:
    table = table_of(content)
    assert table.reading.header == header
    assert table.rows == content.count("\n") - (header == "yes")
    assert table_of(content, header="no").rows == content.count("\n")


def test_columns_without_a_name_or_of_one_name_are_told_apart() -> None:
    assert [column.name for column in table_of("a,,a\n1,2,3\n4,5,6\n").columns] == ["a", "column 2", "a (2)"]


def test_what_stands_before_a_table_is_left_out_and_counted() -> None:
    for head in ("sep=;\n", "# made; by; hand; today\n", "% iris\n@relation iris\n@attribute x numeric\n\n@data\n"):
        table = table_of(head + "1,5;a\n2,5;b\n3,5;a\n")
        assert (table.rows, table.comments) == (3, head.count("\n") - head.count("\n\n"))
        assert table.reading == Reading("utf-8", "semicolon", "no", "comma")
    assert [column.name for column in table_of('"b" "c"\n"1" 3 "y"\n"2" 4 "x"\n').columns] == ["column 1", "b", "c"]


def test_missing_values_are_dropped_or_filled_and_counted() -> None:
    rows: list[tuple[object, ...]] = [(1, "u", "x"), ("?", "v", "y"), (3, "NA", "x"), ("nan", "u", "y"), (8, ".", "x")]
    rows += [(5, "u", "y"), (5, "", "x"), (6, "v", "y"), ("", "v", ""), (2, "v", "x")]
    text = csv(rows)
    drop = examples_of(text, missing="drop", label="label")
    assert len(drop.y) == 4
    assert "1 row is dropped for want of a label." in drop.said
    assert "5 rows are dropped for missing values." in drop.said
    frame = pd.read_csv(io.StringIO(text), na_values=["?", "."]).dropna(subset="label")
    for how in ("mean", "median", "most_frequent"):
        filled = examples_of(text, missing=how, label="label")
        value = frame["a"].mode()[0] if how == "most_frequent" else frame["a"].agg(how)
        np.testing.assert_array_equal(filled.x["a"], frame["a"].fillna(value))
        np.testing.assert_array_equal(filled.x["b = u"], frame["b"].fillna(frame["b"].mode()[0]) == "u")
        assert len(filled.y) == 9
        assert "2 in 'a' and 3 in 'b'" in next(said for said in filled.said if said.startswith("Missing"))


def test_a_word_among_numbers_is_named_with_its_line_and_counts_as_missing() -> None:
    rows = [(i / 7, i % 5, "xy"[i % 2]) for i in range(30)]
    text = csv([*rows[:17], ("12 kg", 3, "x"), *rows[17:]])
    column = table_of(text).column("a")
    assert (column.kind, column.missing, column.odd) == ("numbers", 1, "'12 kg' in line 19")
    assert any("'12 kg' in line 19" in said for said in examples_of(text).said)


def test_text_has_an_input_for_each_value_and_numbers_too_where_they_are_categories() -> None:
    rows = [(i % 3, "uvw"[i % 3], "xy"[i % 2]) for i in range(12)]
    plain, categories = examples_of(csv(rows)), examples_of(csv(rows), categories=("a",))
    assert list(plain.x.columns) == ["a", "b = u", "b = v", "b = w"]
    dummies = pd.get_dummies(
        pd.DataFrame(rows, columns=["a", "b", "label"])[["a", "b"]], columns=["a", "b"], dtype=float
    )
    np.testing.assert_array_equal(categories.x, dummies)
    assert any("'a' (3) and 'b' (3)" in said for said in categories.said)


def test_what_teaches_nothing_is_proposed_to_be_left_out_with_the_reason() -> None:
    rows = [(i + 100, f"n{i}", 7, f"2024-01-{i + 1:02}", "" if i % 4 else i, i * 0.37, "xy"[i % 2]) for i in range(20)]
    table = table_of(csv(rows, "id,name,same,day,few,x,label"))
    assert {column.name: column.leave for column in table.columns if column.leave} == {
        "id": "all its values differ, as those of an identifier do",
        "name": "all its values differ, as those of an identifier do",
        "same": "all its values are the same",
        "day": "it holds dates",
        "few": "15 of 20 values are missing",
    }
    assert choices.propose(table).leave_out == ("id", "name", "same", "day", "few")


@pytest.mark.parametrize("decimal", ["point", "comma"])
@pytest.mark.parametrize("different", [3, 40])
def test_numbers_with_both_decimal_marks_are_called_that_and_not_an_identifier(decimal: str, different: int) -> None:
    lines = [f"{i % different}{'.,'[i % 2]}{i % 3}5;{i % 7};{'ab'[i % 2]}" for i in range(60)]
    content = "\n".join(["mixed;whole;class", *lines]).encode()
    table = columns.read(content, sniffing.propose(content, decimal=decimal))
    assert table.column("mixed").leave == "some of its numbers have a decimal point and others a decimal comma"
    assert choices.propose(table).leave_out == ("mixed",)
    assert table.column("class").leave == table.column("whole").leave == ""


@pytest.mark.parametrize("value", ["1e101", "-1e300"])
def test_a_number_that_is_too_large_is_named_with_its_column_as_the_file_has_them(value: str) -> None:
    rows = [(value if i == 17 else i * 0.5, i % 7, "ab"[i % 2]) for i in range(40)]
    with pytest.raises(TableError) as refused:
        examples_of(csv(rows, "weight,count,class"))
    assert str(refused.value) == (
        f"column 'weight' holds '{value}'; allowed: numbers up to 1e+100 in size; leave it out"
    )


def test_rare_classes_are_in_both_parts_or_named() -> None:
    examples = examples_of(wine_quality())
    assert any("1 class has a single example, which is in the training part: '3'." in said for said in examples.said)
    keep_own(examples.dataset("wine"))
    data = load(examples.dataset("wine").name, test_share=0.2)
    names = np.array(data.class_names)
    assert set(names[data.train_y]) == set(names)
    assert set(names[data.test_y]) == set(names) - {"3"}
    without = examples_of(wine_quality(), without=("3",))
    assert "3" not in without.classes
    assert any("1 row of '3' is left out." in said for said in without.said)


def test_numbers_as_classes_are_in_their_order() -> None:
    rows = [(i * 0.5, i % 7, i % 12 + 1) for i in range(48)]
    assert list(examples_of(csv(rows)).dataset("months").class_names) == [str(month) for month in range(1, 13)]


def test_a_full_stop_at_the_end_of_labels_is_taken_off_and_said() -> None:
    both = adult(40, "") + adult(40, ".").partition(b"\n")[2]
    for file in (adult(stop="."), both):
        examples = examples_of(file)
        assert set(examples.classes) == {">50K", "<=50K"}
        assert "A full stop at the end of a label is taken off." in examples.said
        assert len(examples_of(file, full_stop=False).classes) == (4 if file is both else 2)


def test_of_too_many_rows_each_class_gives_its_share_and_the_numbers_are_said() -> None:
    rows = [(i * 0.1, i % 17, "rare" if i % 1000 == 0 else "xy"[i % 2]) for i in range(5000)]
    examples = examples_of(csv(rows), rows=500)
    assert examples.classes == {"rare": 2, "x": 249, "y": 250}
    assert any("501 of 5,000 rows are taken, at random" in said for said in examples.said)
    assert examples.dataset("a").name == examples_of(csv(rows), rows=500).dataset("b").name


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty; allowed: a table of text"),
        (b"\n\n \n", "the file is empty; allowed: a table of text"),
        (b"one\ntwo\n", "no delimiter makes several columns of the file; allowed: tab, semicolon, bar, comma, blanks"),
        (b"a,b\n1,2\n\n3,4,5\n", "line 4 has 3 cells and line 1 has 2; allowed: as many in each"),
        (b"a,b\n1,2\n3\n4,5\n", "line 3 has 1 cell and line 1 has 2"),
        (b'a,b\n1,2\n"3,4\n5,6\n7,8\n', "line 3 has 1 cell and line 1 has 2; allowed: as many in each; is a quote"),
        (b"a,b\n1,x\n", "the table has 1 row below its header; allowed: at least 2"),
        (b"a,b\n", "the file has one row alone, of names or values; allowed: at least 2 rows below any names"),
        (b"# a table\n1,2\n", "the file has one row alone, of names or values; allowed: at least 2 rows"),
        (b"a," * 3000 + b"b\n" + b"1," * 3000 + b"2\n", "line 1 has 3,001 cells; allowed: 2 to 2,500 columns"),
        (b"PK\x03\x04 and so on", "the file is a zip or a workbook; allowed: text"),
        (b"a,b\n1,\x8d\x00\n", "line 2 holds byte 8d, which is no text in cp1252"),
        (b"a,b\n1,2\n3,\x00\n", "line 3 holds a character 0"),
        (b"a,b,label\n" + b"1,2,x\n2,3,x\n" * 4, "all rows of the label 'label' are 'x'; allowed: 2 classes"),
        (csv([(i, i % 3, i * 1.5) for i in range(300)]).encode(), "the label 'label' has 300 different values in 300"),
        (csv([(i % 7, i % 3, f"n{i % 120}") for i in range(360)]).encode(), "120 different values in 360 rows: too ma"),
        (b"x,label\n" + b"?,a\n?,b\n" * 3, "every column but the label is left out, such as 'x' (it is empty)"),
        (b"x,label\n1.5,a\n2,b\n1,\n", "2 rows are left to learn from; allowed: at least 4"),
    ],
)  # fmt: skip
def test_what_gives_no_examples_is_refused_in_one_plain_line(content: bytes, problem: str) -> None:
    with pytest.raises(TableError) as caught:
        examples_of(content)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_meant_as_a_quantity_are_called_so() -> None:
    rows = [(i % 7, i % 3, i % 30) for i in range(300)]
    assert any("The label looks like a quantity: each of its 30 values" in said for said in examples_of(csv(rows)).said)
    with pytest.raises(TableError, match="it looks like a quantity to predict, and the lab learns classes"):
        examples_of(csv([(i % 7, i % 3, i * 1.5) for i in range(300)]))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"label": "speces"}, "there is no column 'speces'; allowed: 'rowid', 'species', 'island'"),
        ({"leave_out": ("nothing",)}, "there is no column 'nothing'"),
        ({"missing": "zero"}, "missing is 'zero'; allowed: drop, mean, median, most_frequent"),
        ({"rows": 3}, "rows is 3; allowed: 4 to 100,000"),
        ({"without": ("Emperor",)}, "no row of 'species' has the class 'Emperor' that is left out"),
    ],
)
def test_a_choice_that_does_not_fit_the_table_is_refused(change: dict[str, Any], problem: str) -> None:
    table = table_of(PENGUINS)
    with pytest.raises(TableError) as caught:
        prepare(table, replace(choices.propose(table), **change))
    assert problem in str(caught.value)


def test_what_a_person_says_of_a_file_goes_before_what_it_looks_like() -> None:
    content = b"1;2\n3;4\n"
    assert sniffing.propose(content, header="yes", decimal="comma").header == "yes"
    assert [column.name for column in table_of(b"1,5;2\n1,7;4\n3,5;4\n", delimiter="comma").columns] == [
        "column 1",
        "column 2",
    ]
    with pytest.raises(TableError, match="delimiter is 'colon'; allowed: tab, semicolon, bar, comma, blanks"):
        sniffing.propose(content, delimiter="colon")


def test_formulas_and_markup_stay_the_text_that_they_are() -> None:
    names = list(examples_of(DAILY_REPORT).x.columns)
    assert 'Province, State = =HYPERLINK("http://example.org","x")' in names
    assert examples_of(b"x,label\n1,=1+1\n2,**b**\n3,=1+1\n4,**b**\n").classes == {"**b**": 2, "=1+1": 2}


def test_more_cells_than_are_taken_are_refused_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MAX_CELLS", 200)
    with pytest.raises(
        TableError, match="25 rows of 9 columns, 225 cells; allowed: at most 200 cells, such as the fir"
    ):
        table_of(sonar(25))
    monkeypatch.setattr(sniffing, "MAX_BYTES", 100)
    with pytest.raises(TableError, match=r"the file has \S+ bytes; allowed: at most 100"):
        table_of(seeds())


def test_two_thousand_damaged_files_are_read_or_refused_and_nothing_else() -> None:
    draw = random.Random(7)
    good = [bytes(content[: content.rindex(b"\n", 0, 500)]) for content in FILES.values()]
    bits = [
        b",",
        b";",
        b"\t",
        b'"',
        b"\n",
        b"\r",
        b"#",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"=1+1",
        b"NA",
        b"1e999",
        b".",
    ]
    read, refused = 0, set()
    for _ in range(2000):
        content = bytearray(draw.choice(good))
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(content) + 1)
            what = draw.randrange(4)
            if what == 0:
                del content[place : place + draw.randint(1, 40)]
            elif what == 1:
                content[place:place] = draw.choice(bits)
            elif what == 2:
                content[place:place] = content[draw.randrange(len(content) + 1) :][: draw.randint(1, 60)]
            else:
                content[place : place + 1] = bytes([draw.randrange(256)])
        try:
            examples_of(bytes(content)).dataset("damaged")
            read += 1
        except TableError as error:
            refused.add(str(error))
    assert all(map(str.isprintable, refused))
    assert 200 < read < 1800


@pytest.mark.parametrize("name", FILES)
def test_a_recipe_tells_how_a_file_was_read_and_none_of_its_names(name: str) -> None:
    table = table_of(FILES[name])
    names = [column.name for column in table.columns if column.kind != "text"]
    proposed = choices.propose(table)
    chosen = replace(
        proposed,
        leave_out=tuple(other for other in (*proposed.leave_out, names[0]) if other != proposed.label)[-1:],
        categories=tuple(other for other in names[1:2] if other != proposed.label),
        without=tuple(sorted(prepare(table, proposed).classes)[2:3]),
        missing="most_frequent",
        rows=50,
    )
    text = choices.recipe(table, chosen)
    again, same = choices.follow(FILES[name], text)
    assert (again.reading, same) == (table.reading, chosen)
    assert prepare(again, same).dataset(name).name == prepare(table, chosen).dataset(name).name
    assert all(len(column.name) < 4 or column.name not in text for column in table.columns)


@pytest.mark.parametrize(
    "text", ["", "x", "utf-8.comma.yes.point~99~~~~drop~no~100", "utf-8.comma.yes~1~~~~drop~no~100", "~" * 7,
             "utf-8.comma.yes.point~1~~~~drop~no~many", "utf-8.comma.yes.point~1~~~~zero~no~100"],
)  # fmt: skip
def test_a_recipe_of_another_file_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(TableError) as caught:
        choices.follow(PENGUINS, text)
    assert str(caught.value).isprintable()


def test_choices_are_plain_values() -> None:
    assert Choices("label") == Choices("label", (), (), "drop", (), False, 20_000)
    assert hash(Choices("label")) == hash(Choices("label"))


def test_the_label_is_counted_as_its_classes_are_and_a_quantity_called_y_is_no_label_before_one_of_classes() -> None:
    rows = [f"{i / 7:.3f},{i / 3:.3f},{('NA', 'None', 'True', '')[i % 4]}" for i in range(60)]
    table = table_of("\n".join(["x,y,kind", *rows]))
    chosen = choices.propose(table)
    assert chosen.label == "kind"
    assert choices.counted(table.column("kind"), chosen) == (3, 15)


def test_a_last_column_of_na_and_one_other_word_is_the_label_where_no_other_column_has_classes() -> None:
    table = table_of("\n".join(["length,continent", *(f"{i / 7:.3f},{('NA', 'EU')[i % 2]}" for i in range(60))]))
    assert choices.propose(table).label == "continent"
