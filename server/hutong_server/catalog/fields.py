"""Kinds of fields: what a written value must be, and what it becomes in an entry's canonical body.

Each reader returns the value for the body, or None when nothing is stated; a fault is noted at its place.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches

from hutong_server.catalog.source import Faults, Many, Place, Record, Text, Value

Path = tuple[str | int, ...]
"""Where a value stands within an entry: names and numbers."""


@dataclass(slots=True)
class Entry:
    """An entry being read: where each of its values stands, and the faults."""

    faults: Faults
    places: dict[Path, Place] = field(default_factory=dict)


Reader = Callable[[Value, Entry, Path], object]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record."""

    read: Reader
    required: bool = False


Fields = Mapping[str, Field]


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint at the nearest known word: `; did you mean "…"?`, or nothing."""
    lowered = {each.lower(): each for each in known}
    close = get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return f'; did you mean "{lowered[close[0]]}"?' if close else ""


def text(pattern: str = r"[^\x00-\x1f]{1,200}", says: str = "a text of at most 200 characters") -> Reader:
    """A text of that form."""
    form = re.compile(pattern)

    def read(value: Value, entry: Entry, path: Path) -> object:
        written = _scalar(value, entry)
        if written is None:
            return None
        if not form.fullmatch(written.value):
            entry.faults.add(written.place, f'"{_short(written.value)}" is not {says}')
            return None
        entry.places[path] = written.place
        return written.value

    return read


CODE = text(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}", "a code (letters, digits, - _ . up to 64)")
DIVISION = r"(?:[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})"
REGION = text(DIVISION, "a division code (2, 4, 6, 9 or 12 digits)")
URI = text(r"[^\s\x00-\x1f]{1,200}", "a URI (no spaces, at most 200 characters)")


def one_of(known: Iterable[str], noun: str) -> Reader:
    """One of the known words."""
    words = tuple(str(each) for each in known)

    def read(value: Value, entry: Entry, path: Path) -> object:
        written = _scalar(value, entry)
        if written is None:
            return None
        if written.value not in words:
            hint = nearest(written.value, words) or f"; one of {', '.join(words)}"
            entry.faults.add(written.place, f'unknown {noun} "{_short(written.value)}"{hint}')
            return None
        entry.places[path] = written.place
        return written.value

    return read


def whole(least: int, most: int) -> Reader:
    """A whole number within bounds."""

    def read(value: Value, entry: Entry, path: Path) -> object:
        written = _scalar(value, entry)
        if written is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", written.value) or not least <= int(written.value) <= most:
            entry.faults.add(written.place, f'"{_short(written.value)}" is not a whole number from {least} to {most}')
            return None
        entry.places[path] = written.place
        return int(written.value)

    return read


def flag(value: Value, entry: Entry, path: Path) -> object:
    """true or false."""
    written = _scalar(value, entry)
    if written is None:
        return None
    if written.value not in ("true", "false"):
        entry.faults.add(written.place, f'"{_short(written.value)}" is neither true nor false')
        return None
    entry.places[path] = written.place
    return written.value == "true"


def day(value: Value, entry: Entry, path: Path) -> object:
    """A day, YYYY-MM-DD."""
    written = _scalar(value, entry)
    if written is None:
        return None
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", written.value):
            raise ValueError
        date.fromisoformat(written.value)
    except ValueError:
        entry.faults.add(written.place, f'"{_short(written.value)}" is not a day (YYYY-MM-DD)')
        return None
    entry.places[path] = written.place
    return written.value


def many(read_one: Reader) -> Reader:
    """A list without repetition."""

    def read(value: Value, entry: Entry, path: Path) -> object:
        if isinstance(value, Text) and not value.value:
            return None
        if not isinstance(value, Many):
            entry.faults.add(value.place, "a list is expected here: [ … ]")
            return None
        found: list[object] = []
        for each in value.values:
            got = read_one(each, entry, (*path, len(found)))
            if got is None:
                if isinstance(each, Text) and not each.value:
                    entry.faults.add(each.place, "an element of the list is empty")
            elif got in found:
                entry.faults.add(each.place, "stands in the list twice")
            else:
                found.append(got)
        return found or None

    return read


def record(fields: Fields) -> Reader:
    """A record of these fields."""

    def read(value: Value, entry: Entry, path: Path) -> object:
        if not isinstance(value, Record):
            entry.faults.add(value.place, "named fields are expected here: { … }")
            return None
        return read_fields(value, fields, entry, path)

    return read


def pair(value: Value, entry: Entry, path: Path) -> object:
    """`system|value` in one text, or {system, value}."""
    if isinstance(value, Record):
        return record({"system": Field(URI, True), "value": Field(text(), True)})(value, entry, path)
    written = _scalar(value, entry)
    if written is None:
        return None
    system, bar, rest = written.value.partition("|")
    if not bar or not system.strip() or not rest.strip():
        entry.faults.add(written.place, f'"{_short(written.value)}" is not of the form system|value')
        return None
    entry.places[path] = written.place
    return {"system": system.strip(), "value": rest.strip()}


def read_fields(source: Record, fields: Fields, entry: Entry, path: Path = ()) -> dict[str, object]:
    """What a record states of these fields; unknown and missing fields are faults."""
    body: dict[str, object] = {}
    for name, (place, value) in source.fields.items():
        known = fields.get(name)
        if known is None:
            hint = nearest(name, fields) or f"; known are {', '.join(fields)}"
            entry.faults.add(place, f'unknown field "{_short(name)}"{hint}')
            continue
        got = known.read(value, entry, (*path, name))
        if got is not None:
            body[name] = got
    for name, each in fields.items():
        stated = source.fields.get(name)
        if each.required and (stated is None or (isinstance(stated[1], Text) and not stated[1].value)):
            entry.faults.add(stated[1].place if stated else source.place, f'"{name}" is missing')
    entry.places.setdefault(path, source.place)
    return body


def _scalar(value: Value, entry: Entry) -> Text | None:
    if not isinstance(value, Text):
        entry.faults.add(value.place, "one value is expected here, not a list or a record")
        return None
    return value if value.value else None


def _short(written: str) -> str:
    return written if len(written) <= 60 else written[:57] + "…"
