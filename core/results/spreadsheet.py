"""Tables as one file for spreadsheets (.xlsx): text stays text, numbers are numbers to their last digit.

A file is a zip of XML, by ECMA-376. It is written here and not by a library because those at hand write numbers with
16 digits, which is one too few to get every one of them back, and take longer.
"""

import io
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

import pandas as pd

from core.experiment.experiment import FIELDS, Experiment
from core.schema import SCHEMA

MAX_ROWS = 1_048_576
"""Rows of a sheet, its header among them: Excel's limit."""
MAX_CELLS = 4_000_000
"""Cells of a sheet with numbers: 100 MB of text, and some seconds of the server."""
MAX_TEXT, MAX_NAME = 32_767, 31
PART_ROWS = 1000
WIDEST = 48
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
STYLES = (  # the two fills are reserved, in this order: readers count on them
    f'{HEAD}<styleSheet xmlns="{MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/>'
    '<sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf xfId="0"/><xf fontId="1" xfId="0" '
    'applyFont="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


def workbook(
    tables: Mapping[str, pd.DataFrame], experiment: Experiment | None, versions: Mapping[str, str], link: str = ""
) -> bytes:
    """The tables, a sheet each, with a sheet of the settings of their `experiment` and one of what columns mean.

    What does not fit into a sheet is left out, and the sheet "settings" says how much.
    """
    about, sheets = _about(experiment, versions, link), {}
    for name, table in tables.items():
        most = min(MAX_ROWS - 1, max(1, MAX_CELLS // max(1, len(table.columns))))
        if len(table) > most:
            about.append((f"left out of {name}", f"{len(table) - most:,} of {len(table):,} rows: the CSV has all"))
        sheets[name[:MAX_NAME]] = table.head(most)
    sheets["settings"] = pd.DataFrame(about, columns=["setting", "value"])
    sheets["columns"] = _columns(tables)
    return _written(sheets)


def _about(experiment: Experiment | None, versions: Mapping[str, str], link: str) -> list[tuple[str, str]]:
    if experiment is None:
        return [("link", link)]
    told = [*experiment.written().items()]
    told += [(f"version_{what}", version) for what, version in versions.items()]
    told += [("key", experiment.key), ("link", link), ("command", experiment.command())]
    return [*told, *(("note", note) for note in experiment.notes())]


def _columns(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Unit and meaning of every column that the schema, or the form, describes."""
    found = []
    for table, rows in tables.items():
        known = {column.name: column for columns in SCHEMA.values() for column in columns}
        known |= {column.name: column for column in SCHEMA.get(table, ())}
        for name in map(str, rows.columns):
            if (column := known.get(name)) is not None:
                found.append((table, name, column.unit, column.meaning))
            elif name in FIELDS:
                found.append((table, name, FIELDS[name].unit, FIELDS[name].help or FIELDS[name].label))
            else:
                found.append((table, name, "", ""))
    return pd.DataFrame(found, columns=["table", "column", "unit", "meaning"])


def _written(sheets: Mapping[str, pd.DataFrame]) -> bytes:
    """The parts of a workbook, zipped."""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>' for n, name in zip(numbers, sheets, strict=True)
    )
    styles = len(sheets) + 1
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    links += f'<Relationship Id="rId{styles}" Type="{OFFICE}/styles" Target="styles.xml"/>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>' for n in numbers
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>'
        f"{overrides}</Types>",
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>',
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in parts.items():
            archive.writestr(name, HEAD + text)
        archive.writestr("xl/styles.xml", STYLES)
        for n, table in zip(numbers, sheets.values(), strict=True):
            with archive.open(f"xl/worksheets/sheet{n}.xml", "w", force_zip64=True) as file:
                for part in _sheet(table):
                    file.write(part.encode())
    return content.getvalue()


def _sheet(table: pd.DataFrame) -> Iterator[str]:
    """A sheet, some rows at a time: the header in bold, which stays in sight, and columns as wide as their text."""
    names = [_letters(place) for place in range(len(table.columns))]
    widths = (
        min(WIDEST, 2 + max(map(len, [str(name), *map(_shown, values.head(100))]))) for name, values in table.items()
    )
    yield (
        f'{HEAD}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
        'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>'
    )
    yield "".join(f'<col min="{n}" max="{n}" width="{width}" customWidth="1"/>' for n, width in enumerate(widths, 1))
    head = "".join(_text(f"{name}1", str(title), ' s="1"') for name, title in zip(names, table.columns, strict=True))
    yield f'</cols><sheetData><row r="1">{head}</row>'
    for begin in range(0, len(table), PART_ROWS):
        part = table.iloc[begin : begin + PART_ROWS]
        cells = [_cells(name, part.iloc[:, place], begin + 2) for place, name in enumerate(names)]
        yield "".join(
            f'<row r="{row}">{"".join(each)}</row>' for row, each in enumerate(zip(*cells, strict=True), begin + 2)
        )
    yield "</sheetData></worksheet>"


def _cells(name: str, values: pd.Series, first: int) -> list[str]:
    """The cells of a column, from row `first` on: a number, text, or nothing where there is no value."""
    numbers = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    found = []
    for row, value in enumerate(values.tolist(), first):
        if value is None or value is pd.NA or value != value:
            found.append("")
        elif numbers and math.isfinite(value):
            found.append(f'<c r="{name}{row}"><v>{value!r}</v></c>')
        else:
            found.append(_text(f"{name}{row}", str(value)))
    return found


def _text(place: str, text: str, style: str = "") -> str:
    # What XML cannot hold is written as Excel does: _x0007_; text that looks like that keeps its underscore.
    safe = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text[:MAX_TEXT])
    safe = re.sub(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]", lambda found: f"_x{ord(found[0]):04X}_", safe)
    return f'<c r="{place}" t="inlineStr"{style}><is><t xml:space="preserve">{escape(safe)}</t></is></c>'


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _letters(place: int) -> str:
    """The name of a column: A, B, ..., Z, AA."""
    above, within = divmod(place, 26)
    return (_letters(above - 1) if above else "") + chr(65 + within)
