"""Overrides that state more than the policy lets their scope decide."""

import json
from collections.abc import Iterable, Iterator, Mapping

from hutong_server.catalog.compile import item_of, override_of, policy_of
from hutong_server.catalog.placed import PlacedImport, place_of
from hutong_server.catalog.source import Faults
from hutong_server.domain.overrides import Overrides, oversteps
from hutong_server.domain.recognition import (
    Dates,
    Institution,
    Leeway,
    Override,
    OverrideScope,
    Policy,
    RecognizedItem,
)
from hutong_server.store.base import CatalogImport, CatalogRow

_FIRST_DAY = "0001-01-01"
_BEFORE: dict[OverrideScope, tuple[OverrideScope, ...]] = {
    OverrideScope.REGION: (),
    OverrideScope.ALLIANCE: (OverrideScope.REGION,),
    OverrideScope.INSTITUTION: (OverrideScope.REGION, OverrideScope.ALLIANCE),
}


def note_oversteps(
    imported: CatalogImport, staying: Iterable[CatalogRow], institutions: Mapping[str, Institution], faults: Faults
) -> None:
    """Notes what imported overrides may not state, measured by the item as it stands for their receivers without."""
    new = [row for row in imported.rows if row.kind == "override"]
    if not new or (isinstance(imported, PlacedImport) and ("policy", "policy") in imported.broken):
        return
    bodies: dict[str, list[dict[str, object]]] = {}
    for row in (*staying, *imported.rows):
        if row.kind in ("policy", "item", "override"):
            bodies.setdefault(row.kind, []).append(json.loads(row.body))
    policy = policy_of(bodies["policy"][0]) if "policy" in bodies else Policy()
    items: dict[str, list[RecognizedItem]] = {}
    for item in map(item_of, bodies.get("item", ())):
        items.setdefault(item.code, []).append(item)
    known = [override_of(body) for body in bodies["override"]]
    before = {
        scope: Overrides(institutions, [each for each in known if each.scope in earlier], policy.overrides)
        for scope, earlier in _BEFORE.items()
    }
    of_item: dict[str, list[Override]] = {}
    for each in known:
        of_item.setdefault(each.item, []).append(each)
    for row in new:
        override = override_of(json.loads(row.body))
        leeway = policy.overrides.of(override.scope)
        if leeway is Leeway.EVERYTHING:
            continue
        bases = _bases(override, items.get(override.item, ()), of_item[override.item], before, institutions)
        found = next(filter(None, (oversteps(override, base, leeway) for base in bases)), None)
        if found is not None:
            name, why = found
            faults.add(place_of(imported, row.kind, row.key, (name,)), f"{name}: {why}")


def _bases(
    override: Override,
    versions: Iterable[RecognizedItem],
    others: Iterable[Override],
    before: Mapping[OverrideScope, Overrides],
    institutions: Mapping[str, Institution],
) -> Iterator[RecognizedItem]:
    """The item as it stands without the override: for a region the plain item, else for each receiver and on each day
    on which that changes."""
    # What sorts between the last day of an entry and the next day stands for the next day.
    bounds = {
        bound for each in others for bound in (each.dates.valid_from, each.dates.valid_to and each.dates.valid_to + "~")
    }
    days = [override.dates.valid_from or _FIRST_DAY, *(day for day in bounds if day and override.dates.cover(day))]
    for version in versions:
        if not _overlap(version.dates, override.dates):
            continue
        if override.scope is OverrideScope.REGION:
            yield version
        for receiver in _receivers(override, institutions):
            for day in days:
                yield before[override.scope].item_for(version, receiver, day)


def _receivers(override: Override, institutions: Mapping[str, Institution]) -> list[str]:
    if override.scope is OverrideScope.INSTITUTION:
        return [override.target]
    if override.scope is OverrideScope.REGION:
        return []
    # One of each region and set of alliances: the others stand as it does.
    alike = {
        (each.region, each.alliances): each.code for each in institutions.values() if override.target in each.alliances
    }
    return sorted(alike.values())


def _overlap(one: Dates, other: Dates) -> bool:
    return (one.valid_to or "9999") >= other.valid_from and (other.valid_to or "9999") >= one.valid_from
