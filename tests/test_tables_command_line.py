"""Somebody's own file on the command line: trained like the lab's data, and what comes of it opens or asks for it."""

import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from core import load_result
from core.__main__ import main
from core.registries.datasets import dataset_of, forget_own
from core.results.results import ResultError
from core.schema import DATA_FILE
from core.tables import choices
from core.tables.choices import Choices, prepare
from core.tables.columns import read
from core.tables.sniffing import Reading
from tests.tables import GERMAN, PENGUINS, wine_quality

TINY = "activation=tanh&initialiser=glorot_uniform&hidden=3&epochs=2&seeds=2"


def run(folder: Path, content: bytes, *options: str, name: str = "table.csv") -> int:
    file = folder / name
    file.write_bytes(content)
    return main(["run", TINY, "--data", str(file), "--out", str(folder / "out"), "--workers", "1", *options])


def test_a_file_is_trained_on_and_what_was_understood_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, PENGUINS, "--zip", str(tmp_path / "r.zip"), "--missing", "drop") == 0
    told = capsys.readouterr().err
    for part in (
        "encoding utf-8, delimiter comma, header yes, decimal point",
        "'rowid': numbers, left out, 10 different: 1 to 10",
        "'sex': text, feature, 2 different, 2 missing: male, female",
        "2 rows are dropped for missing values.",
        "8 examples of 3 classes: 'Adelie' (3), 'Chinstrap' (2) and 'Gentoo' (3).",
    ):
        assert part in told
    result = load_result(tmp_path / "r.zip")
    assert f"fingerprint {result.experiment.own_table}" in told
    assert set(result.runs["dataset"]) == set(result.experiment.dataset)
    table = json.loads((tmp_path / "out" / "experiment.json").read_text(encoding="utf-8"))["table"]
    assert (table["examples"], table["features"]) == (8, 8)
    assert table["classes"] == [["Adelie", 3], ["Chinstrap", 2], ["Gentoo", 3]]
    assert table["names"][3:5] == ["bill_length_mm", "body_mass_g"]


def test_every_proposal_can_be_said_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {"leave-out": "species", "use": "rowid", "missing": "mean", "categories": "year", "without": "Torgersen",
               "label": "island", "encoding": "utf-8", "rows": "100"}  # fmt: skip
    options = ["--leave-out", "sex", *(part for name, value in changes.items() for part in (f"--{name}", value))]
    assert run(tmp_path, PENGUINS, *options) == 0
    told = capsys.readouterr().err
    assert "8 examples of 2 classes: 'Biscoe' (5) and 'Dream' (3)." in told
    assert "2 columns are left out: 'species' and 'sex'." in told
    assert "One input for each text of 'year' (3)." in told
    fingerprint = told.partition("fingerprint ")[2].split()[0]
    assert dataset_of(fingerprint).feature_names[:3] == ("rowid", "bill_length_mm", "body_mass_g")


def test_with_its_data_a_result_opens_where_the_table_is_not_and_without_it_asks_for_it(tmp_path: Path) -> None:
    zips = {data: tmp_path / f"{data}.zip" for data in (True, False)}
    for data, path in zips.items():
        assert run(tmp_path, wine_quality(), "--force", "--zip", str(path), *["--with-data"] * data) == 0
    result = load_result(zips[False])
    name = result.experiment.own_table
    rows = dataset_of(name).read
    assert rows is not None
    forget_own(name)
    told = f"'{name}' is a table of somebody's own .* it has 120 examples, 3 features .fixed acidity.* and 6 classes"
    with pytest.raises(ResultError, match=told):
        load_result(zips[False])
    again = load_result(zips[True])
    assert again.experiment == result.experiment
    pd.testing.assert_frame_equal(again.runs.drop(columns="seconds"), result.runs.drop(columns="seconds"))
    brought = dataset_of(name).read
    assert brought is not None
    for one, other in zip(rows(), brought(), strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_zip_whose_data_are_not_those_of_its_fingerprint_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, wine_quality(), "--zip", str(tmp_path / "r.zip"), "--with-data") == 0
    with zipfile.ZipFile(tmp_path / "r.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for old, new, problem in (
        (b"\n3,", b"\n2,", "data.csv is own:.*; allowed: 'own:"),
        (b"\n3,", b"\n1e400,", "data.csv is no table of this lab"),
        (b"class", b"klass", "data.csv is no table of this lab"),
    ):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content.replace(old, new, 1) if name == DATA_FILE else content)
        with pytest.raises(ResultError, match=problem):
            load_result(file)


def test_class_names_come_back_as_they_are(tmp_path: Path) -> None:
    rows = [f"{i / 7},{('=1+1', 'NA', '1e5', 'Größe', '12')[i % 5]}" for i in range(20)]
    content = "\n".join(["x,label", *rows]).encode()
    assert run(tmp_path, content, "--zip", str(tmp_path / "r.zip"), "--with-data") == 0
    name = load_result(tmp_path / "r.zip").experiment.own_table
    forget_own(name)
    load_result(tmp_path / "r.zip")
    assert dataset_of(name).class_names == ("12", "1e5", "=1+1", "Größe", "NA")


def test_a_link_that_says_how_its_file_was_read_is_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = read(PENGUINS, Reading("utf-8", "comma", "yes", "point"))
    chosen = Choices("island", ("rowid", "sex"), missing="mean", without=("Torgersen",))
    name, recipe = prepare(table, chosen).dataset("").name, choices.recipe(table, chosen)
    (tmp_path / "table.csv").write_bytes(PENGUINS)
    link = f"http://lab.example.org/saturation?dataset={name}&hidden=3&epochs=2&seeds=2&table={recipe}"
    run_it = ["run", link, "--data", str(tmp_path / "table.csv"), "--out", str(tmp_path / "out"), "--workers", "1"]
    assert main(run_it) == 0
    assert f"fingerprint {name}" in capsys.readouterr().err
    assert main([*run_it, "--force", "--leave-out", "year"]) == 2
    assert f"; allowed: {name}, as the experiment says" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--label", "Groesse"], "there is no column 'Groesse'; allowed: 'Gemeinde', 'Fläche'"),
        (["--delimiter", "colon"], "delimiter is 'colon'; allowed: tab, semicolon, bar, comma, blanks"),
        (["--decimal", "point", "--label", "Fläche"], "the label 'Fläche'"),
        (["--use", "nothing"], "there is no column 'nothing'"),
        (["--store"], "the store takes no results of own tables; allowed: LAB_STORE_TABLES=yes, or without --store"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], problem: str
) -> None:
    assert run(tmp_path, GERMAN.encode(), *options) == 2
    assert problem in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_choices_without_a_table_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", TINY, "--label", "x", "--out", str(tmp_path / "out")]) == 2
    assert "--label is about a table; allowed: with --data FILE" in capsys.readouterr().err


def test_where_the_host_says_so_the_store_takes_results_of_own_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_STORE_TABLES", "yes")
    monkeypatch.setenv("LAB_STORE", str(tmp_path / "store"))
    assert run(tmp_path, wine_quality(), "--store") == 0
    assert len(list((tmp_path / "store").glob("*.zip"))) == 1
