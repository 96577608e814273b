"""Who a report is, and which version of it.

The business identifier names it: the first identifier with system and value, else the first with a value. One typed as
the number of an order or of a group of them (HL7 table 0203: PLAC, PGN, FGN) names the order, and all its reports have
it: it does not count. One typed as the filler's own number (FILL) goes before the others; an accession number (ACSN),
which several reports on one specimen may share, comes last.
Without one the identity is derived from the source's own resource id, else from the entry's fullUrl (unless that is a
placeholder that a transaction makes up each time), else from code, effective time, specimen and order. Content is never
part of it.
"""

from typing import Final, NamedTuple

from hutong_server.domain.report import Instant, Status, VersionKey
from hutong_server.fhir.checks import located
from hutong_server.fhir.context import Context
from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import child, children, concept, text
from hutong_server.fhir.graph import Graph, identifiers
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.times import TimeFault

_MOST_DIGITS: Final = 18
_OF_ORDERS: Final = frozenset({"PLAC", "PGN", "FGN"})
_RANK: Final = {"FILL": 0, "ACSN": 2}
_PLAIN: Final = 1


class Identity(NamedTuple):
    """What names a report."""

    system: str
    value: str
    derived: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing names it."""
        return not self.value and not any(self.derived[1:])


def read_identity(graph: Graph, report: Resource) -> Identity:
    """The identity of a report, valid or not."""
    own = [node for node in children(report.body, "identifier") if _OF_ORDERS.isdisjoint(_types(node))]
    named = ("", "")
    for rank in sorted({_rank(node) for node in own}):
        of_rank = identifiers({"identifier": [node for node in own if _rank(node) == rank]})
        found = [(s.strip(), v.strip()) for s, v in of_rank if v.strip()]
        if found:
            named = next((key for key in found if key[0]), found[0])
            break
    return Identity(*named, _derived(graph, report))


def _rank(identifier: Node) -> int:
    return min((_RANK[kind] for kind in _types(identifier) if kind in _RANK), default=_PLAIN)


def _types(identifier: Node) -> list[str]:
    return [coding.code for coding in concept(child(identifier, "type")).coding]


def _derived(graph: Graph, report: Resource) -> tuple[str, ...]:
    if report.id:
        return ("id", report.id)
    if report.full_url and not _is_placeholder(report):
        return ("fullUrl", report.full_url.partition("/_history/")[0])
    return ("facts", *_facts(graph, report))


def _is_placeholder(report: Resource) -> bool:
    # In a transaction or batch, POST gives the resource a new place: the urn is made up for this one exchange.
    return report.full_url.startswith("urn:") and (
        report.method.upper() == "POST" or report.scope.kind in ("transaction", "batch")
    )


def _facts(graph: Graph, report: Resource) -> tuple[str, str, str, str]:
    body = report.body
    code = concept(child(body, "code"))
    coded = next((f"{c.system}|{c.code}" for c in code.coding if c.code), code.text)
    period = child(body, "effectivePeriod")
    effective = text(body, "effectiveDateTime") or text(period, "start") or text(period, "end")
    return coded, effective, _named(graph, report, "specimen"), _named(graph, report, "basedOn")


def _named(graph: Graph, report: Resource, field: str) -> str:
    """What a field refers to, by business identifiers where there are any."""
    found = []
    for reference in children(report.body, field):
        target = graph.one(reference, report)
        known = identifiers(reference) + (identifiers(target.body) if target is not None else [])
        if target is not None:
            known += identifiers({"identifier": child(target.body, "accessionIdentifier")})
        literal = text(reference, "reference")
        own = f"{target.type}/{target.id}" if target is not None and target.id else ""
        # A urn or a fragment names its target within this document only.
        lasting = "" if literal.startswith(("urn:", "#")) else literal
        found.append("|".join(known[0]) if known else own or lasting)
    return " ".join(sorted(name for name in found if name))


def version_key(context: Context, status: Status, *, lenient: bool = False) -> VersionKey:
    """What orders the versions of the report.

    Raises TimeFault for a time that would order them wrongly; `lenient` (for a withdrawal, which needs no time) leaves
    it out with a warning instead.
    """
    meta = child(context.report.body, "meta")
    written = text(meta, "versionId")
    numeric = written.isascii() and written.isdigit() and len(written) <= _MOST_DIGITS
    issued = _time(context, text(context.report.body, "issued"), "issued", lenient)
    # Where something else orders the versions, a bad lastUpdated does no harm.
    ordered = numeric or issued is not None
    updated = _time(context, text(meta, "lastUpdated"), "meta.lastUpdated", lenient or ordered)
    return VersionKey(int(written) if numeric else None, issued, updated, status.rank)


def _time(context: Context, written: str, path: str, lenient: bool) -> Instant | None:
    if not written:
        return None
    try:
        return context.clock.instant(written, path)
    except TimeFault as error:
        if not lenient:
            raise
        context.warn(error.reason, located(context.report, path), error.message)
        return None
