"""Catalogue files → entries, or all their errors at once."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from hutong_server.catalog.csv_source import read_csv
from hutong_server.catalog.fields import Entry, Path, nearest, read_fields
from hutong_server.catalog.placed import EntryKey, PlacedImport
from hutong_server.catalog.references import note_references
from hutong_server.catalog.shapes import INSTITUTION, SHAPES, Body, Shape, dates_in_order, lists_of, part_of
from hutong_server.catalog.source import Faults, Many, Place, Record, Text
from hutong_server.catalog.yaml_source import read_yaml
from hutong_server.domain.canonical import canonical, institution_of
from hutong_server.domain.recognition import Dates, Institution
from hutong_server.store.base import CatalogRow

_SECTIONS = {shape.section: shape for shape in SHAPES}
_CSV = {shape.section: shape for shape in SHAPES if shape.csv}


def read_catalog(
    files: Sequence[tuple[str, bytes]],
    existing_rows: Iterable[CatalogRow] | None = None,
    existing_institutions: Iterable[Institution] = (),
) -> PlacedImport:
    """What the files (name, content) amount to; a name's ending says the format (.yaml, .yml, .csv).

    Raises HutongError (CATALOG_INVALID) with every error, each with its path "file:line:column". With
    `existing_rows` the references are checked as well (see references.check_references).
    """
    faults = Faults(files=[name for name, _ in files])
    reading = _Reading(faults)
    for name, content in files:
        for shape, record in _records(name, content, faults, reading):
            reading.add(shape, record)
    imported = reading.imported()
    if existing_rows is not None:
        note_references(imported, existing_rows, existing_institutions, faults)
    faults.raise_any()
    return imported


class _Reading:
    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.bodies: dict[EntryKey, tuple[Shape, Body]] = {}
        self.places: dict[EntryKey, dict[Path, Place]] = {}
        self.firsts: dict[EntryKey, Place] = {}
        """Where each entry stands first, a faulty one too."""
        self.broken: set[EntryKey] = set()
        self.halves: list[tuple[str, Body, dict[Path, Place]]] = []
        self.scopes: dict[tuple[str, str], Place] = {}
        self.emptied: dict[tuple[str, str], Place] = {}

    def add(self, shape: Shape, record: Record) -> None:
        if shape.part and [name for name, (_, value) in record.fields.items() if value != Text("", value.place)] == [
            shape.part
        ]:
            self._empty(shape, record)
            return
        entry = Entry(self.faults)
        before = len(self.faults.found)
        body = read_fields(record, shape.fields, entry)
        if len(self.faults.found) > before:
            dates_in_order(body, entry)
        elif shape.check:
            shape.check(body, entry)
        key = (shape.kind, shape.key(body))
        faulty = len(self.faults.found) > before
        named = not faulty or _is_named(shape, record, body)
        first = self.firsts.setdefault(key, record.place) if named else record.place
        if first is not record.place:
            self.faults.add(record.place, f'{shape.kind} "{key[1]}" stands at {first} already')
        if faulty:
            self.broken.add(key)
            self.halves.append((shape.kind, body, entry.places))
        elif first is record.place:
            self.bodies[key] = (shape, body)
            self.places[key] = entry.places
            if shape.part:
                self.scopes.setdefault((shape.kind, part_of(shape, body)), record.place)

    def _empty(self, shape: Shape, record: Record) -> None:
        """An entry that states nothing but whose part it belongs to: the part is to have no entries."""
        entry = Entry(self.faults)
        _, value = record.fields[shape.part]
        whose = shape.fields[shape.part].read(value, entry, (shape.part,))
        if whose is not None:
            body = {shape.part: whose}
            self.emptied.setdefault((shape.kind, part_of(shape, body)), record.place)
            self.halves.append((shape.kind, body, {**entry.places, (): record.place}))

    def imported(self) -> PlacedImport:
        for scope, place in self.emptied.items():
            if scope in self.scopes:
                self.faults.add(
                    place, f"states nothing, but entries of the same {scope[0]} part stand at {self.scopes[scope]}"
                )
        self.scopes.update(self.emptied)
        self._note_overlaps()
        return PlacedImport(
            institutions=tuple(institution_of(body) for shape, body in self.bodies.values() if shape is INSTITUTION),
            rows=tuple(
                CatalogRow(kind, key, canonical(body))
                for (kind, key), (shape, body) in sorted(self.bodies.items(), key=lambda each: each[0])
                if shape is not INSTITUTION
            ),
            scopes=tuple(sorted(self.scopes)),
            places=self.places,
            halves=self.halves,
            named=self.scopes,
            broken=frozenset(self.broken),
        )

    def _note_overlaps(self) -> None:
        # On any day an item is one thing, and has one price at an institution.
        versions: dict[tuple[str, ...], list[tuple[Dates, Place]]] = {}
        for key, (shape, body) in self.bodies.items():
            if shape.one_a_day:
                dates = Dates(body.get("valid_from", ""), body.get("valid_to", ""))
                named = tuple(body.get(name, "") for name in shape.one_a_day)
                others = versions.setdefault((shape.kind, *named), [])
                for other, place in others:
                    if (other.valid_to or "9999") >= dates.valid_from and (
                        dates.valid_to or "9999"
                    ) >= other.valid_from:
                        message = f'{shape.kind} "{"|".join(named)}" is in effect on some days here and at {place}'
                        self.faults.add(self.places[key][()], message)
                others.append((dates, self.places[key][()]))


def _is_named(shape: Shape, record: Record, body: Body) -> bool:
    """Whether what a faulty entry is called could be read: nothing that is missing or refused belongs to its key."""
    stated = {name for name, (_, value) in record.fields.items() if value != Text("", value.place)}
    absent = [name for name, field in shape.fields.items() if name not in body and (name in stated or field.required)]
    return all(shape.key({**body, name: "?"}) == shape.key(body) for name in absent)


def _records(name: str, content: bytes, faults: Faults, reading: _Reading) -> Iterator[tuple[Shape, Record]]:
    text = _text(name, content, faults)
    if text is None:
        return
    path = PurePosixPath(name.replace("\\", "/"))
    ending = path.suffix.lower()
    if ending == ".csv":
        shape = next((each for section, each in _CSV.items() if path.stem.lower().startswith(section)), None)
        if shape is None:
            known = ", ".join(_CSV)
            faults.add(Place(name, 1, 1), f"the file's name must begin with what it holds: {known}")
            return
        _note_scope(shape, Place(name, 1, 1), reading)
        for record in read_csv(name, text, lists_of(shape), faults):
            yield shape, record
    elif ending in (".yaml", ".yml"):
        yield from _sections(name, text, faults, reading)
    else:
        faults.add(Place(name, 1, 1), "the file's name must end in .yaml, .yml or .csv")


def _sections(name: str, text: str, faults: Faults, reading: _Reading) -> Iterator[tuple[Shape, Record]]:
    top = read_yaml(name, text, faults)
    for section, (place, value) in top.fields.items() if top else ():
        shape = _SECTIONS.get(section)
        if shape is None:
            hint = nearest(section, _SECTIONS) or f"; known are {', '.join(_SECTIONS)}"
            faults.add(place, f'unknown section "{section}"{hint}')
            continue
        _note_scope(shape, place, reading)
        if isinstance(value, Text) and not value.value:
            continue
        # The policy is one; everything else is a list.
        single = shape.kind == "policy"
        if single and isinstance(value, Record):
            yield shape, value
        elif not single and isinstance(value, Many):
            for each in value.values:
                if isinstance(each, Record):
                    yield shape, each
                else:
                    faults.add(each.place, f"an entry of {section} must have named fields")
        else:
            faults.add(value.place, f"{section} must be {'one record' if single else 'a list'}")


def _note_scope(shape: Shape, place: Place, reading: _Reading) -> None:
    if shape is not INSTITUTION and not shape.part:
        reading.scopes.setdefault((shape.kind, ""), place)


def _text(name: str, content: bytes, faults: Faults) -> str | None:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line_start = before.rfind(b"\n") + 1
        column = len(before[line_start:].decode("utf-8", "replace")) + 1
        faults.add(Place(name, before.count(b"\n") + 1, column), "not UTF-8: save the file as UTF-8")
        return None
