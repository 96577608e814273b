"""CSV files (RFC 4180, UTF-8) as records with places. Empty lines and lines that begin with "#" are skipped."""

import re

from hutong_server.catalog.source import Faults, Many, Place, Record, Text, Value

# One cell: quoted with doubled quotes inside, or anything up to the next comma or line end.
_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n][^,\r\n]*|))(,|\r?\n|\r|\Z)')

_BREAK = re.compile(r"\r\n|\n|\r")


def read_csv(name: str, text: str, lists: frozenset[str], faults: Faults) -> list[Record]:
    """The file's rows by the names in its first line; the columns in `lists` are split at ";"."""
    rows = _rows(name, text, faults)
    if not rows:
        return []
    header, *body = rows
    names: list[str] = []
    for cell in header:
        if cell.value in names or not cell.value:
            faults.add(cell.place, f'column "{cell.value}" stands here twice' if cell.value else "a column has no name")
        names.append(cell.value)
    records = []
    for row in body:
        if len(row) != len(names):
            faults.add(row[0].place, f"{len(row)} cells where the first line has {len(names)}")
            continue
        fields: dict[str, tuple[Place, Value]] = {
            column: (head.place, _split(cell) if column in lists else cell)
            for column, head, cell in zip(names, header, row, strict=True)
            if cell.value
        }
        records.append(Record(fields, row[0].place))
    return records


def _split(cell: Text) -> Many:
    values = []
    offset = 0
    for part in cell.value.split(";"):
        column = cell.place.column + offset + len(part) - len(part.lstrip())
        if part.strip():
            values.append(Text(part.strip(), cell.place._replace(column=column)))
        offset += len(part) + 1
    return Many(tuple(values), cell.place)


def _rows(name: str, text: str, faults: Faults) -> list[list[Text]]:
    rows: list[list[Text]] = []
    row: list[Text] = []
    at, line, line_start = 0, 1, 0
    while at < len(text):
        if not row and text[at] == "#":
            end = re.compile(r"\r?\n|\r|$").search(text, at)
            at = line_start = end.end() if end else len(text)
            line += 1
            continue
        place = Place(name, line, at - line_start + 1)
        cell = _CELL.match(text, at)
        if cell is None:
            faults.add(
                place, 'a quote that does not close, or stands within a cell without quotes around it (write "")'
            )
            return []
        quoted, bare, end_of_cell = cell.groups()
        written = bare if quoted is None else quoted.replace('""', '"')
        value = written.strip()
        before = (quoted is not None) + (0 if value == written else len(written) - len(written.lstrip()))
        row.append(Text(value, Place(name, line, place.column + before) if before else place))
        breaks = list(_BREAK.finditer(quoted)) if quoted else ()
        at = cell.end()
        line += len(breaks)
        if breaks:
            line_start = cell.start() + 1 + breaks[-1].end()
        if end_of_cell != ",":
            line, line_start = line + 1, at
            if any(each.value for each in row):
                rows.append(row)
            row = []
    if row:  # the text ended right after a comma
        rows.append([*row, Text("", Place(name, line, at - line_start + 1))])
    return rows
