"""What is handed on: names of files, rows with all settings, sheets, pictures, a notebook and a report."""

import base64
import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

from core import own_data
from core.__main__ import main
from core.charts import picture
from core.charts.convergence import learning_curves
from core.charts.report import page
from core.charts.saturation import saturation_overview
from core.experiment.experiment import FIELDS, Experiment
from core.experiment.handing_on import file_name, notebook, short_name
from core.results import spreadsheet
from core.results.carrying import with_settings
from core.results.results import Result
from tests import notebook as notebooks
from tests.engine import train

SMALL = Experiment(dataset=("iris",), hidden=((8, 8),), epochs=3, seeds=3, initialiser=("normal:1", "he_normal"))
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture(scope="module")
def result() -> Result:
    return train(SMALL)


@pytest.fixture(scope="module")
def spec(result: Result) -> dict[str, Any]:
    drawn = learning_curves(result.curves(), groups=SMALL.groups(), quantity="train_loss")
    return picture.specification(drawn)


# --- names


def test_names_of_files_are_short_safe_and_differ_where_experiments_do() -> None:
    deep = replace(SMALL, hidden=((64,) * 24, (64,) * 30), initialiser=("glorot_uniform;first=normal:1;last=zeros",))
    many = [SMALL, replace(SMALL, epochs=4), replace(SMALL, loss="squared_error"), deep, Experiment()]
    names = [file_name(experiment, "Anteil gesättigt · Schicht/2", "csv") for experiment in many]
    assert len(set(names)) == len(names)
    for experiment, name in zip(many, names, strict=True):
        assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]{1,170}-anteil-gesattigt-schicht-2\.csv", name)
        assert experiment.key[:8] in name
    assert short_name(SMALL).startswith("iris-logistic-tanh-normal-1-he_normal-")


# --- rows


def test_a_row_of_a_group_carries_the_settings_of_that_group_and_every_other_setting(result: Result) -> None:
    told = with_settings(pd.DataFrame({"group": SMALL.groups(), "median": 1.0}), SMALL, result.versions)
    theirs = result.runs.groupby("group", sort=False).first()
    for name in ("activation", "initialiser", "hidden", "batch_size", "optimiser"):
        assert told[name].to_list() == theirs.loc[told["group"], name].to_list()
    assert {*FIELDS, "version_engine", "version_numpy"} <= set(told)
    assert set(told["loss"]) == {"cross_entropy"}
    assert set(told["epochs"]) == {"3"}
    whole = with_settings(pd.DataFrame({"x": [1]}), SMALL, result.versions)
    assert whole["activation"].to_list() == ["logistic,tanh"], "rows of no group are of all of them"


# --- sheets


def sheet(content: bytes, name: str) -> tuple[list[list[Any]], ElementTree.Element]:
    """The rows of a sheet as ECMA-376 says, numbers as numbers and text as text, and its root."""
    archive = zipfile.ZipFile(io.BytesIO(content))
    names = [each.attrib["name"] for each in ElementTree.fromstring(archive.read("xl/workbook.xml"))[0]]
    root = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{names.index(name) + 1}.xml"))
    rows: list[list[Any]] = []
    for row in root.iter(f"{MAIN}row"):
        cells: dict[int, Any] = {}
        for cell in row:
            letters = re.sub(r"\d", "", cell.attrib["r"])
            place = int(np.polyval([ord(letter) - 64 for letter in letters], 26)) - 1
            text = cell.find(f"{MAIN}is/{MAIN}t")
            assert (text is not None) == (cell.attrib.get("t") == "inlineStr")
            assert cell.find(f"{MAIN}f") is None, "a formula"
            cells[place] = float(str(cell[0].text)) if text is None else text.text
        rows.append([cells.get(place) for place in range(max(cells, default=-1) + 1)])
    return rows, root


def test_the_styles_of_a_spreadsheet_are_complete_for_readers_that_are_strict(result: Result) -> None:
    """ECMA-376, 18.8.20 and 18.8.7: a fill holds its kind; openpyxl, which pandas reads with, refuses an empty one."""
    with zipfile.ZipFile(io.BytesIO(spreadsheet.workbook({"runs": result.runs}, SMALL, result.versions))) as archive:
        styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    fills = [list(fill) for fill in styles.iter(f"{MAIN}fill")]
    assert [fill[0].attrib["patternType"] for fill in fills] == ["none", "gray125"]
    assert [style.attrib["name"] for style in styles.iter(f"{MAIN}cellStyle")] == ["Normal"]


def test_in_a_spreadsheet_text_stays_text_and_numbers_come_back_to_the_bit(result: Result) -> None:
    odd = ["8-8", "=1+1", "+2", "-x", "@me", "a · ü ≥", "1e5", "<b>&", "_x0041_", "\x07"]
    numbers = [*np.random.default_rng(0).normal(size=6).tolist(), 5e-324, 1.7976931348623157e308, np.nan, np.inf]
    table = pd.DataFrame({"text": odd, "number": numbers, "whole": range(10)})
    content = spreadsheet.workbook({"odd": table, "runs": result.runs}, SMALL, result.versions, "http://here/?a=·")
    rows, root = sheet(content, "odd")
    assert rows[0] == ["text", "number", "whole"]
    assert [row[0] for row in rows[1:]] == [*odd[:8], "_x005F_x0041_", "_x0007_"]
    assert [row[1] for row in rows[1:]] == [*numbers[:8], None, "inf"]
    pane = root.find(f"{MAIN}sheetViews/{MAIN}sheetView/{MAIN}pane")
    assert pane is not None
    assert pane.attrib["state"] == "frozen"
    widths = [float(column.attrib["width"]) for column in root.iter(f"{MAIN}col")]
    assert all(width > len(name) for width, name in zip(widths, table.columns, strict=True))
    hidden = result.runs.columns.get_loc("hidden")
    assert {row[hidden] for row in sheet(content, "runs")[0][1:]} == {"8-8"}
    settings = {row[0]: row[1] for row in sheet(content, "settings")[0]}
    assert settings["loss"] == "cross_entropy"
    assert settings["link"] == "http://here/?a=·"
    meaning = {row[1]: row for row in sheet(content, "columns")[0]}
    assert meaning["updates_to_target"][2:] == [
        "updates",
        "first recorded update that meets the target; empty where none does",
    ]


def test_what_does_not_fit_into_a_sheet_is_said(monkeypatch: pytest.MonkeyPatch, result: Result) -> None:
    monkeypatch.setattr(spreadsheet, "MAX_ROWS", 5)
    content = spreadsheet.workbook({"runs": result.runs}, SMALL, result.versions)
    assert len(sheet(content, "runs")[0]) == 5
    assert ["left out of runs", "8 of 12 rows: the CSV has all"] in sheet(content, "settings")[0]


# --- charts


def test_a_specification_holds_its_data_and_draws_by_itself(spec: dict[str, Any]) -> None:
    whole = json.loads(picture.vega_lite(spec))
    alt.LayerChart.from_dict(whole, validate=True)
    assert sum(map(len, whole["datasets"].values())) > 10
    vega = vl_convert.vegalite_to_vega(whole)
    assert set(whole["datasets"]) <= {data["name"] for data in vega["data"]}
    assert whole["width"] == picture.WIDTH


def test_pictures_have_their_texts_and_their_size(spec: dict[str, Any]) -> None:
    drawing = ElementTree.fromstring(picture.svg(spec))
    said = "".join(drawing.itertext())
    assert "Training loss" in said
    assert all(group in said for group in SMALL.groups())
    assert "http" not in picture.svg(spec).decode().replace("http://www.w3.org", ""), "nothing to be fetched"
    content = picture.png(spec)
    assert content.startswith(b"\x89PNG")
    width = int.from_bytes(content[16:20], "big")
    assert picture.SCALE * picture.WIDTH <= width <= picture.SCALE * (picture.WIDTH + 200)


def test_a_picture_holds_its_whole_legend_however_many_lines_that_has() -> None:
    groups = [f"start {place} of many" for place in range(12)]
    epochs = pd.DataFrame({"group": groups, "run": range(12), "epoch": 0, "train_loss": 1.0, "diverged": False})
    drawn = learning_curves(epochs, groups=groups)
    drawing = ElementTree.fromstring(picture.svg(picture.specification(drawn)))
    heights: dict[str, float] = {}

    def look(part: ElementTree.Element, above: float) -> None:
        moved = re.match(r"translate\([^,]*,([^)]*)\)", part.get("transform", ""))
        here = above + (float(moved[1]) if moved else 0.0)
        heights.update({part.text: here} if part.text else {})
        for inner in part:
            look(inner, here)

    look(drawing, 0.0)
    assert set(groups) <= set(heights)
    assert max(heights[group] for group in groups) < float(drawing.get("height", "0"))


def test_the_next_picture_waits_as_long_as_the_last_one_took(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], []

    def draw() -> bytes:
        now[0] += 0.25
        return b""

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(picture, "_free_at", 0.0)
    monkeypatch.setattr("core.charts.picture.time.monotonic", lambda: now[0])
    monkeypatch.setattr("core.charts.picture.time.sleep", sleep)
    for _ in range(3):
        picture._drawn(draw)
    assert slept == [0, 0.25, 0.25]


def test_what_is_drawn_are_the_medians_of_the_runs(result: Result, spec: dict[str, Any]) -> None:
    drawn = picture.drawn(spec)
    lines = drawn[drawn["drawn_as"].str.contains("line")]
    last = lines[lines["epoch"] == 3].set_index("group")["median"]
    epochs = result.epochs[result.epochs["epoch"] == 3]
    for group in SMALL.groups():
        assert last[group] == np.median(epochs.loc[epochs["group"] == group, "train_loss"])


def test_a_chart_that_follows_a_slider_of_a_page_has_its_own_in_a_file() -> None:
    rows = pd.DataFrame({"frame": [0, 1, 2], "x": [1.0, 2.0, 3.0]})
    bound = alt.LayerChart(layer=[alt.Chart(rows).mark_point().encode(x="x:Q")])
    bound.params = [alt.VariableParameter(name="frame", value=0, bind=alt.BindDirect(element="#film input"))]
    whole = json.loads(picture.vega_lite(picture.specification(bound), frame=2))
    assert whole["params"] == [{"name": "frame", "value": 2, "bind": {"input": "range", "min": 0, "max": 2, "step": 1}}]


# --- the notebook


def cells(experiment: Experiment) -> list[Any]:
    """What the cells of its notebook give, one after the other."""
    document = json.loads(notebook(experiment))
    assert document["nbformat"] == 4
    assert len({cell["id"] for cell in document["cells"]}) == len(document["cells"])
    space: dict[str, Any] = {}
    code = ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]
    return [notebooks.run(source, space) for source in code]


@pytest.mark.parametrize("own", [False, True])
def test_the_notebook_of_an_experiment_trains_it(own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = replace(SMALL, seeds=1)
    if own:
        x = np.random.default_rng(3).normal(size=(40, 2))
        experiment = replace(experiment, dataset=(own_data("mine", x, ["a", "b"] * 20).name,))
        train(experiment).to_zip("result.zip", data=True)
    _, report, curves, saturation, _ = cells(experiment)
    expected = train(experiment)
    pd.testing.assert_frame_equal(report, expected.report())
    assert isinstance(curves, alt.LayerChart)
    assert saturation.to_dict() == saturation_overview(expected.layers, groups=experiment.groups()).to_dict()
    assert (tmp_path / "result-of-notebook.zip").is_file()


# --- the report


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(report: str) -> Tags:
    found = Tags()
    found.feed(report)
    allowed = {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "b", "span", "small", "code")
    }
    allowed |= {*("figure", "img", "table", "thead", "tbody", "tr", "th", "td", "a")}
    assert {tag for tag, _ in found.tags} <= allowed, "nothing that runs or is fetched"
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    return found


def test_the_report_holds_findings_charts_and_settings_and_nothing_that_runs(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result.to_zip(tmp_path / "result.zip")
    assert main(["report", str(tmp_path / "result.zip"), "--format", "html"]) == 0
    found = parsed(capsys.readouterr().out)
    images = [attributes for tag, attributes in found.tags if tag == "img"]
    assert len(images) == 9
    for image in images:
        head, _, drawing = str(image["src"]).partition(",")
        assert head == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(drawing))
        assert image["alt"]
    for said in ("n = 12 runs, 3 seeds a group", "by these runs", "cross_entropy", SMALL.key, *SMALL.groups()):
        assert said in found.text
    assert "saved before training had ended" not in found.text


def test_a_report_on_a_strangers_half_trained_table_says_so_and_runs_none_of_its_names() -> None:
    evil = '<img src=x onerror="alert(1)"></title><script>alert(1)</script>'
    x = np.random.default_rng(3).normal(size=(40, 2))
    own = replace(SMALL, dataset=(own_data(evil, x, ["a", "b"] * 20).name,), epochs=4)
    whole = train(own)
    half = replace(whole, epochs=whole.epochs[whole.epochs["epoch"] < 3], versions=whole.versions | {"kernels": evil})
    found = parsed(page(half, f"http://here/?a={evil}", [f"From a file: {evil}"]))
    assert "It was saved before training had ended: 0 of 12 runs are complete." in found.text
    assert "is not the lab's own" in found.text
    assert f"From a file: {evil}" in found.text
    assert "version: kernels" in found.text


def test_a_report_without_a_hidden_layer_or_with_standard_statistics_leaves_out_what_was_not_measured() -> None:
    for changes in ({"hidden": ((),)}, {"statistics": "standard"}, {"learning_rate": (1000.0,)}):
        found = parsed(page(train(replace(SMALL, epochs=1, seeds=1, **changes))))
        assert "Signal propagation" in found.text
