"""Who performed and who read: the organizations behind the references of a report."""

from typing import Final

from hutong_server.domain.report import Party
from hutong_server.fhir.checks import located
from hutong_server.fhir.context import Context
from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import child, indexed, text
from hutong_server.fhir.graph import identifiers, logical_identifiers, target_type
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.subject import names

_ORGANIZATION_OF: Final = {
    "PractitionerRole": "organization",
    "CareTeam": "managingOrganization",
    "HealthcareService": "providedBy",
    "Location": "managingOrganization",
    "Encounter": "serviceProvider",
}
_PEOPLE: Final = frozenset({"Practitioner", "Patient", "RelatedPerson", "Device"})
_LONGEST_CHAIN: Final = 5


def parties(context: Context, source: Resource, field: str) -> tuple[Party, ...]:
    """The organizations that the references of a field lead to. People without an organization are none."""
    found = []
    for index, reference in indexed(source.body, field):
        party = _party(context, reference, source, located(source, f"{field}[{index}]"))
        if party is not None:
            found.append(party)
    return tuple(dict.fromkeys(found))


def provider(context: Context, source: Resource) -> tuple[Party, ...]:
    """The organization of the report's encounter: where some feeds name the institution, and nowhere else."""
    reference = child(source.body, "encounter")
    encounter = context.graph.one(reference, source)
    if encounter is None or encounter.type != "Encounter":
        return ()
    party = _party(context, child(encounter.body, "serviceProvider"), encounter, located(encounter, "serviceProvider"))
    return (party,) if party is not None else ()


def words(context: Context, source: Resource, field: str) -> str:
    """Everybody whom a field names, in words."""
    said = [spoken(context, reference, source) for _, reference in indexed(source.body, field)]
    return "; ".join(dict.fromkeys(w for w in said if w))


def spoken(context: Context, reference: Node, source: Resource) -> str:
    """A Reference in words: its display, else the name of what it leads to."""
    display = text(reference, "display")
    if display:
        return display
    target = context.graph.one(reference, source)
    if target is None:
        return ""
    if target.type == "PractitionerRole":
        return spoken(context, child(target.body, "practitioner"), target) or spoken(
            context, child(target.body, "organization"), target
        )
    return text(target.body, "name") or next(iter(names(target.body)), "")


def _party(context: Context, reference: Node, source: Resource, path: str, steps: int = _LONGEST_CHAIN) -> Party | None:
    target = context.graph.one(reference, source)
    kind = target.type if target is not None else target_type(reference)
    if kind in _PEOPLE or steps == 0:
        return None
    if target is None:
        if kind in _ORGANIZATION_OF:
            return None
        named = tuple(logical_identifiers(reference))
        display = text(reference, "display")
        return Party(named, display, path) if named or display else None
    if kind == "Organization":
        return Party(_chain(context, target), text(target.body, "name") or text(reference, "display"), path)
    link = _ORGANIZATION_OF.get(kind)
    return _party(context, child(target.body, link), target, path, steps - 1) if link else None


def _chain(context: Context, organization: Resource) -> tuple[tuple[str, str], ...]:
    """Identifiers of an organization, then of those that it is part of: a department stands for its hospital."""
    found: list[tuple[str, str]] = []
    current: Resource | None = organization
    for _ in range(_LONGEST_CHAIN):
        if current is None or current.type != "Organization":
            break
        found += identifiers(current.body)
        current = context.graph.one(child(current.body, "partOf"), current)
    return tuple(dict.fromkeys(found))
