"""An import that knows where in the files everything stood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hutong_server.catalog.fields import Path
from hutong_server.catalog.source import Place
from hutong_server.domain.canonical import Body
from hutong_server.store.base import CatalogImport

EntryKey = tuple[str, str]
"""(kind, key)."""


@dataclass(frozen=True, slots=True)
class PlacedImport(CatalogImport):
    """An import that still knows where everything stood."""

    places: Mapping[EntryKey, Mapping[Path, Place]] = field(default_factory=dict, compare=False)
    halves: Sequence[tuple[str, Body, Mapping[Path, Place]]] = field(default=(), compare=False)
    """(kind, body, places) of entries with faults of their own: what is right of them, so that the rest is checked."""
    named: Mapping[tuple[str, str], Place] = field(default_factory=dict, compare=False)
    """Where each scope was first named."""
    broken: frozenset[EntryKey] = field(default=frozenset(), compare=False)
    """Entries with faults of their own: they may be named, so that one fault is not told twice."""


def in_scopes(kind: str, key: str, scopes: frozenset[tuple[str, str]]) -> bool:
    """Whether an import replaces the entry: its kind, or the part of it to which the key belongs."""
    return (kind, "") in scopes or (kind, f"{key.partition('|')[0]}|") in scopes


def place_of(imported: CatalogImport, kind: str, key: str, path: Path = ()) -> Place:
    """Where a value of an imported entry stood; the nearest place known."""
    places = imported.places.get((kind, key), {}) if isinstance(imported, PlacedImport) else {}
    return nearest_place(places, path) if places else Place(f"{kind} {key}", 1, 1)


def nearest_place(places: Mapping[Path, Place], path: Path) -> Place:
    """Where a value stood, else what it stands in."""
    while path and path not in places:
        path = path[:-1]
    return places[path]
