"""An import that knows where in the files everything stood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hutong_server.catalog.fields import Path
from hutong_server.catalog.source import Place
from hutong_server.store.base import CatalogImport

EntryKey = tuple[str, str]
"""(kind, key)."""


@dataclass(frozen=True, slots=True)
class PlacedImport(CatalogImport):
    """An import that still knows where everything stood."""

    places: Mapping[EntryKey, Mapping[Path, Place]] = field(default_factory=dict, compare=False)
    named: Mapping[tuple[str, str], Place] = field(default_factory=dict, compare=False)
    """Where each scope was first named."""
    broken: frozenset[EntryKey] = field(default=frozenset(), compare=False)
    """Entries with faults of their own: they may be named, so that one fault is not told twice."""


def in_scopes(kind: str, key: str, scopes: Sequence[tuple[str, str]]) -> bool:
    """Whether an import replaces the entry."""
    return any(kind == scope and key.startswith(prefix) for scope, prefix in scopes)


def place_of(imported: CatalogImport, kind: str, key: str, path: Path = ()) -> Place:
    """Where a value of an imported entry stood; the nearest place known."""
    places = imported.places.get((kind, key), {}) if isinstance(imported, PlacedImport) else {}
    while path and path not in places:
        path = path[:-1]
    return places.get(path, Place(f"{kind} {key}", 1, 1))
