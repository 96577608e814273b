"""The results of a report: its Observations, panels opened, each judged by what it says itself."""

from typing import Final, NamedTuple

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import (
    Concept,
    Instant,
    Result,
    ResultDetail,
    ResultFacts,
    ResultFlag,
    Status,
    TimeSource,
)
from hutong_server.fhir import parties, values
from hutong_server.fhir.checks import located
from hutong_server.fhir.context import Context
from hutong_server.fhir.defaults import Defaults, Sample, is_modified, pictures, sample
from hutong_server.fhir.dimensions import site
from hutong_server.fhir.document import Resource
from hutong_server.fhir.elements import child, children, concept, indexed, keys, once, text
from hutong_server.fhir.json_text import Node
from hutong_server.fhir.subject import is_same
from hutong_server.fhir.times import Known, Taken, TimeFault, taken

_CRITICAL: Final = frozenset({"HH", "LL", "AA"})
_STATUSES: Final = frozenset(Status)
_WITHDRAWN: Final = frozenset(s.value for s in Status if s.withdraws)
_INHERITED: Final = ResultFlag.OTHER_SUBJECT | ResultFlag.FOREIGN_FOCUS | ResultFlag.UNKNOWN_MODIFIER


MOST_RESULTS: Final = 5_000
"""No report of a patient has more; a document that does would fill the memory with what it cannot mean."""


class TooManyResults(Exception):
    """The report names more results than MOST_RESULTS."""


class _Todo(NamedTuple):
    reference: Node
    source: Resource
    path: str
    panel: int
    """Index of the panel that it is a member of; -1 for a result of the report."""


def read_results(context: Context, defaults: Defaults) -> list[Result]:
    """Results in the order of the source; a panel is followed by its members. None is lost: what cannot be found or
    read is kept, marked unreadable. An Observation that is named twice, or that closes a circle, stands once."""
    found: list[Result] = []
    members: list[tuple[int, int]] = []
    seen: dict[int, int] = {}
    todo = _todo(context.report, "result", -1)
    while todo:
        if len(found) > MOST_RESULTS:
            raise TooManyResults
        item = todo.pop()
        target = _target(context, item)
        if target is None:
            if item.panel < 0 or not _leads_elsewhere(context, item):
                found.append(_unreadable(item, len(found)))
            continue
        index = seen.get(id(target))
        if index is None:
            index = seen[id(target)] = len(found)
            found.append(_result(context, defaults, target, index))
            todo += _todo(target, "hasMember", index)
        if item.panel >= 0:
            members.append((item.panel, index))
    return _joined(found, members)


def _todo(source: Resource, field: str, panel: int) -> list[_Todo]:
    # The last comes first, because the next to be read is taken from the end.
    return [_Todo(node, source, located(source, f"{field}[{i}]"), panel) for i, node in indexed(source.body, field)][
        ::-1
    ]


def _leads_elsewhere(context: Context, item: _Todo) -> bool:
    # A member may be a QuestionnaireResponse or a MolecularSequence: no result, and no fault.
    found = context.graph.find(text(item.reference, "reference"), item.source)
    return bool(found) and all(r.type in ("QuestionnaireResponse", "MolecularSequence") for r in found)


def _target(context: Context, item: _Todo) -> Resource | None:
    found = context.graph.find(text(item.reference, "reference"), item.source)
    if not found:
        context.warn(Reason.REFERENCE_UNRESOLVED, item.path, "leads to nothing in the document")
    elif len(found) > 1:
        context.warn(Reason.RESULT_UNREADABLE, item.path, "leads to several resources that differ")
    elif found[0].type == "Observation":
        return found[0]
    elif item.panel < 0:
        context.warn(Reason.RESULT_UNREADABLE, item.path, "leads to a resource that is not an Observation")
    return None


def _unreadable(item: _Todo, ordinal: int) -> Result:
    said = Concept(text=text(item.reference, "display"))
    facts = ResultFacts(ordinal, "", int(ResultFlag.UNREADABLE), None, TimeSource.NONE, None, ())
    return Result(facts, ResultDetail(said), item.path)


def _joined(found: list[Result], members: list[tuple[int, int]]) -> list[Result]:
    """A panel has a value when a member has one; what makes a panel doubtful makes its members doubtful, and one taken
    back takes them back. Else their status is their own: a panel may be waiting for others of them."""
    if not members:
        return found
    flags = [r.facts.flags for r in found]
    statuses = [r.facts.status for r in found]
    for _ in range(len(found)):
        before = flags + statuses
        # Panels stand before their members: down in this order, up in the other, and two rounds mostly suffice.
        for panel, member in members:
            flags[member] |= flags[panel] & _INHERITED
            if statuses[panel] in _WITHDRAWN and statuses[member] not in _WITHDRAWN:
                statuses[member] = statuses[panel]
        for panel, member in reversed(members):
            flags[panel] |= flags[member] & ResultFlag.HAS_VALUE
        if flags + statuses == before:
            break
    return [
        r
        if (f, s) == (r.facts.flags, r.facts.status)
        else Result(r.facts._replace(flags=f, status=s), r.detail, r.path, r.performers, r.readers)
        for r, f, s in zip(found, flags, statuses, strict=True)
    ]


class _When(NamedTuple):
    time: Instant | None
    source: TimeSource
    issued: Instant | None
    written: str
    latest: Instant | None = None


def _result(context: Context, defaults: Defaults, source: Resource, ordinal: int) -> Result:
    body = source.body
    flags = 0
    for fault in context.checks.faults(source, context.release, proven=context.proven):
        if fault.harmless:
            context.warn(fault.reason, located(source, fault.path), fault.message)
        else:
            flags |= ResultFlag.UNREADABLE
            context.warn(Reason.RESULT_UNREADABLE, located(source, fault.path), fault.message)
    code = concept(child(body, "code"))
    if not keys(code) and not flags:
        context.warn(Reason.FIELD_RECOMMENDED, located(source, "code"), "has neither a code nor a text")
    own = sample(context, source, defaults.subject) if "specimen" in body else defaults.sample
    seen = pictures(context, source, ("derivedFrom", "partOf"), defaults.subject)
    if not seen.images:
        seen = defaults.pictures
    try:
        when = _when(context, defaults, source, own)
    except TimeFault as error:
        flags |= ResultFlag.UNREADABLE
        context.warn(Reason.RESULT_UNREADABLE, located(source, error.where), error.message)
        when = _When(None, TimeSource.NONE, None, "")
    readable = not flags & ResultFlag.UNREADABLE
    place = site(context, source)
    if not place.body_site:
        place = seen.site
    flags |= _subject_flags(context, defaults, source)
    if own.other_subject:
        flags |= ResultFlag.OTHER_SUBJECT
    if defaults.modified or own.modified or is_modified(context, source):
        flags |= ResultFlag.UNKNOWN_MODIFIER
    if seen.present:
        flags |= ResultFlag.IMAGES_PRESENT
    found = values.value(body) if readable else None
    parts = tuple(values.component(c) for c in children(body, "component")) if readable else ()
    # A value beside the reason why there is none (FHIR obs-6 forbids it) is shown, and not relied on.
    absent = "dataAbsentReason" in body
    if (found is not None and not absent) or any(part.value is not None and not part.absent_reason for part in parts):
        flags |= ResultFlag.HAS_VALUE
    said = values.interpretation(body)
    if not _CRITICAL.isdisjoint((*said, *(i for part in parts for i in part.interpretation))):
        flags |= ResultFlag.CRITICAL
    method = concept(child(body, "method"))
    status = text(body, "status")
    performers = parties.parties(context, source, "performer")
    facts = ResultFacts(
        ordinal=ordinal,
        status=status if status in _STATUSES else "",
        flags=int(flags),
        time=when.time,
        time_source=int(when.source),
        issued=when.issued,
        latest=when.latest,
        codes=once(keys(code)),
        specimen=own.material.specimen,
        collection=own.material.collection,
        body_site=place.body_site,
        laterality=place.laterality,
        method=once([*keys(method), *seen.method]),
    )
    detail = ResultDetail(
        code=code,
        value=found,
        interpretation=said,
        ranges=values.ranges(body) if readable else (),
        components=parts,
        absent_reason=concept(child(body, "dataAbsentReason")).words,
        method=method.words,
        device=_device(context, source),
        specimen=own.material.words,
        body_site=place.words,
        notes=tuple(note for node in children(body, "note") if (note := text(node, "text"))),
        performer=parties.words(context, source, "performer") or defaults.performer_words,
        reader=defaults.reader_words,
        effective=when.written,
    )
    return Result(facts, detail, source.path, performers or defaults.performers, defaults.readers)


def _when(context: Context, defaults: Defaults, source: Resource, material: Sample) -> _When:
    """When it was taken: the result's own time, else the specimen's, else the report's; else when it was issued.

    A period without a start says that the time is not known: nothing else is put in its place.
    """
    written = text(source.body, "issued")
    issued = context.clock.instant(written, "issued") if written else defaults.issued
    own = taken(source.body, "effective", context.clock)
    return choose(own, material, defaults.effective, issued)


def choose(own: Taken, material: Sample, report: Taken, issued: Instant | None) -> _When:
    """The order in which times are taken for the time of a result."""
    if own.known is Known.START:
        return _When(own.start, TimeSource.RESULT, issued, own.written, _before(own.latest, issued))
    if own.known is Known.NOTHING and material.time is not None:
        return _When(material.time, TimeSource.SPECIMEN, issued, "", _before(material.latest, issued))
    if own.known is Known.NOTHING and report.known is Known.START:
        return _When(report.start, TimeSource.REPORT, issued, report.written, _before(report.latest, issued))
    return _When(issued, TimeSource.ISSUED if issued is not None else TimeSource.NONE, issued, own.written)


def _before(latest: Instant | None, issued: Instant | None) -> Instant | None:
    """Nothing is taken after it was issued."""
    return latest if latest is None or issued is None else min(latest, issued)


def _subject_flags(context: Context, defaults: Defaults, source: Resource) -> int:
    flags = 0
    if not is_same(context, defaults.subject, child(source.body, "subject"), source):
        flags |= ResultFlag.OTHER_SUBJECT
    if any(not is_same(context, defaults.subject, focus, source) for focus in children(source.body, "focus")):
        flags |= ResultFlag.FOREIGN_FOCUS | ResultFlag.OTHER_SUBJECT
    return flags


def _device(context: Context, source: Resource) -> str:
    reference = child(source.body, "device")
    if not reference:
        return ""
    display = text(reference, "display")
    target = None if display else context.graph.one(reference, source)
    if target is None or target.type != "Device":
        return display
    body = target.body
    named = [text(n, "name") or text(n, "value") for n in (*children(body, "deviceName"), *children(body, "name"))]
    return (
        text(body, "displayName")
        or next(filter(None, named), "")
        or text(body, "modelNumber")
        or next((concept(n).words for n in children(body, "type")), "")
    )
