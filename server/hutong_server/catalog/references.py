"""Cross references: what an entry names must be there, in the files or in the catalogue in force."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hutong_server.catalog.fields import Path, nearest
from hutong_server.catalog.oversteps import note_oversteps
from hutong_server.catalog.placed import PlacedImport, in_scopes, nearest_place, place_of
from hutong_server.catalog.shapes import Body
from hutong_server.catalog.source import Faults, Place
from hutong_server.domain.mapping import ANY, code_key
from hutong_server.domain.recognition import Dimension, Institution, Specialty
from hutong_server.domain.standing import NATIONAL
from hutong_server.store.base import CatalogImport, CatalogRow

MOST_HINTS = 500
"""Unknown words for which the nearest known one is sought."""


class _Reference(NamedTuple):
    noun: str
    word: str
    path: Path


def check_references(
    imported: CatalogImport, existing_rows: Iterable[CatalogRow], existing_institutions: Iterable[Institution]
) -> None:
    """Raises HutongError (CATALOG_INVALID) with every reference that leads nowhere.

    Known is what the files hold, and what is in force and not replaced by them. Entries in force are not checked
    again: a mapping whose item went away leads to NOT_RECOGNIZED_ITEM.
    """
    faults = Faults()
    note_references(imported, existing_rows, existing_institutions, faults)
    faults.raise_any()


def note_references(
    imported: CatalogImport,
    existing_rows: Iterable[CatalogRow],
    existing_institutions: Iterable[Institution],
    faults: Faults,
) -> None:
    """As check_references, but notes the faults."""
    scopes = frozenset(imported.scopes)
    staying = [row for row in existing_rows if not in_scopes(row.kind, row.key, scopes)]
    institutions = {each.code: each for each in (*existing_institutions, *imported.institutions)}
    known = _known([*staying, *imported.rows], institutions)
    for kind, key in imported.broken if isinstance(imported, PlacedImport) else ():
        # A dated item's key is "CODE|day".
        known.get({"region_set": "range"}.get(kind, kind), set()).add(key.partition("|")[0] if kind == "item" else key)
    told = _Unknown(known, faults)
    for row in imported.rows:
        for reference in _references(row.kind, json.loads(row.body)):
            if reference.word not in known[reference.noun]:
                told.add(reference, place_of(imported, row.kind, row.key, reference.path))
    for kind, body, places in imported.halves if isinstance(imported, PlacedImport) else ():
        for reference in _references(kind, body):
            if reference.word not in known[reference.noun]:
                told.add(reference, nearest_place(places, reference.path))
    note_oversteps(imported, staying, institutions, faults)
    _note_shared_names(imported, institutions, faults)
    new = sorted(imported.rows, key=lambda row: place_of(imported, row.kind, row.key))
    _note_shared_codes([*staying, *new], imported, faults)


class _Unknown:
    """Notes words that nothing bears. A hint costs a look at every word known, so each word is looked up once."""

    def __init__(self, known: Mapping[str, set[str]], faults: Faults) -> None:
        self._known, self._faults = known, faults
        self._hints: dict[tuple[str, str], str] = {}

    def add(self, reference: _Reference, place: Place) -> None:
        noun, word, _ = reference
        hint = self._hints.get((noun, word), "")
        if not hint and len(self._hints) < MOST_HINTS:
            of = self._known[noun]
            hint = self._hints[noun, word] = nearest(word, of) if noun != "vocabulary" else _nearest_term(word, of)
        shown = word.partition("|")[2] if noun == "vocabulary" else word
        self._faults.add(place, f'unknown {_NOUNS[noun]} "{shown}"{hint}')


_NOUNS = {
    "institution": "institution",
    "alliance": "alliance",
    "item": "item",
    "class": "class of items",
    "vocabulary": "term",
    "range": "range (national, a region of the policy, or a region set)",
    "region_set": "region set",
}


def _nearest_term(word: str, known: Iterable[str]) -> str:
    dimension, _, term = word.partition("|")
    return nearest(term, [each.partition("|")[2] for each in known if each.startswith(f"{dimension}|")])


def _known(rows: Iterable[CatalogRow], institutions: Mapping[str, Institution]) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {noun: set() for noun in _NOUNS}
    known["institution"] = {ANY, *institutions}
    known["alliance"] = {name for each in institutions.values() for name in each.alliances}
    known["range"] = {NATIONAL}
    for row in rows:
        if row.kind == "vocabulary":
            known["vocabulary"].add(row.key)
        elif row.kind == "region_set":
            known["region_set"].add(row.key)
            known["range"].add(row.key)
        elif row.kind == "item":
            body = json.loads(row.body)
            known["item"].add(body["code"])
            known["class"].add(body.get("class", ""))
        elif row.kind == "policy":
            known["range"].update(region["code"] for region in json.loads(row.body).get("regions", ()))
    return known


def _references(kind: str, body: Body) -> Iterator[_Reference]:
    if kind in ("item", "mapping"):
        for dimension in Dimension:
            terms = body.get(dimension.value, [])
            if isinstance(terms, str):
                yield _Reference("vocabulary", f"{dimension}|{terms}", (dimension.value,))
            else:
                for number, term in enumerate(terms):
                    yield _Reference("vocabulary", f"{dimension}|{term}", (dimension.value, number))
    if kind in ("mapping", "price"):
        yield from _named(body, "item", "item")
    if kind == "panel":
        for number, word in enumerate(body.get("items", ())):
            yield _Reference("item", word, ("items", number))
    if kind in ("mapping", "grant", "price", "panel"):
        yield from _named(body, "institution", "institution")
    if kind == "grant":
        yield from _named(body, "range", "range")
    if kind in ("grant", "rule", "sensitive_category"):
        for number, word in enumerate(body.get("items", ())):
            if word.startswith("class:"):
                yield _Reference("class", word.removeprefix("class:"), ("items", number))
            elif word not in (ANY, *Specialty):
                yield _Reference("item", word, ("items", number))
    if kind == "rule":
        for group in ("issued_by", "received_by", "read_by"):
            for number, code in enumerate(body.get(group, {}).get("institutions", ())):
                yield _Reference("institution", code, (group, "institutions", number))
            for number, code in enumerate(body.get(group, {}).get("sets", ())):
                yield _Reference("region_set", code, (group, "sets", number))
    if kind == "agreement":
        for end in ("publisher", "performer"):
            yield from _named(body, end, "institution")
    if kind == "override":
        scope, _, target = body.get("scope", "").partition(":")
        yield from _named(body, "item", "item")
        if scope in ("alliance", "institution"):
            yield _Reference(scope, target, ("scope",))
    if kind == "region_set":
        for number, code in enumerate(body.get("institutions", ())):
            yield _Reference("institution", code, ("institutions", number))


def _named(body: Body, name: str, noun: str) -> Iterator[_Reference]:
    if name in body:
        yield _Reference(noun, body[name], (name,))


def _note_shared_names(imported: CatalogImport, institutions: Mapping[str, Institution], faults: Faults) -> None:
    # An identifier that two institutions share names neither: the report's performer would be unknown.
    bearers: dict[tuple[str, str], set[str]] = {}
    for institution in institutions.values():
        for pair in institution.identifiers:
            bearers.setdefault(pair, set()).add(institution.code)
    for institution in imported.institutions:
        for number, pair in enumerate(institution.identifiers):
            others = sorted(bearers[pair] - {institution.code})
            if others:
                place = place_of(imported, "institution", institution.code, ("identifiers", number))
                faults.add(place, f'identifier "{pair[0]}|{pair[1]}" is also that of institution "{others[0]}"')


def _note_shared_codes(rows: Iterable[CatalogRow], imported: CatalogImport, faults: Faults) -> None:
    # A code under two terms of one dimension states both, and so never matches an item that names one of them.
    bearers: dict[tuple[str, str, str], str] = {}
    for row in rows:
        if row.kind != "vocabulary":
            continue
        body = json.loads(row.body)
        stated = [(("codes", n), (each["system"], each["code"])) for n, each in enumerate(body.get("codes", ()))]
        stated += [(("texts", n), ("", each)) for n, each in enumerate(body.get("texts", ()))]
        for path, (system, code) in stated:
            first = bearers.setdefault((body["dimension"], *code_key(system, code)), row.key)
            if first != row.key:
                place = place_of(imported, row.kind, row.key, path)
                faults.add(place, f'"{code}" already states the term "{first.partition("|")[2]}" of this dimension')
