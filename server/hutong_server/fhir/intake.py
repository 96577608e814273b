"""FHIR JSON in, reports out: the only door through which documents enter the registry.

A fault of the document as a whole raises HutongError; a fault of one report makes a Refusal; a fault of one result, or
of anything beside the report, is a warning. No message and no path holds a value of the document.
"""

import datetime
from dataclasses import dataclass

from hutong_server.domain.errors import Reason
from hutong_server.domain.report import (
    Instant,
    Issue,
    RawDemographics,
    Refusal,
    Report,
    Result,
    Status,
    TimeSource,
    VersionKey,
    Withdrawal,
)
from hutong_server.fhir import cutting, release
from hutong_server.fhir.checks import Checks, fault, located
from hutong_server.fhir.context import Context
from hutong_server.fhir.defaults import Defaults, read_defaults
from hutong_server.fhir.document import Resource, read
from hutong_server.fhir.elements import child, children, concept, text
from hutong_server.fhir.graph import Graph
from hutong_server.fhir.identity import Identity, read_identity, version_key
from hutong_server.fhir.json_text import decode, document_fault
from hutong_server.fhir.recommended import recommend
from hutong_server.fhir.results import MOST_RESULTS, TooManyResults, read_results
from hutong_server.fhir.subject import Subject, read_subject
from hutong_server.fhir.times import Clock, Taken, TimeFault, taken
from hutong_server.fhir.validation import Fault
from hutong_server.fhir.whole import conclusion, specialty, whole


@dataclass(frozen=True, slots=True)
class Reading:
    """How documents are read."""

    zone: datetime.tzinfo
    """Of dates, which FHIR writes without a zone."""
    now: Instant
    future_tolerance: int = 300_000
    """Milliseconds by which a time may lie ahead of now."""
    max_bytes: int = 8 * 1024 * 1024
    max_depth: int = 100
    """Deepest nesting of a resource that is validated."""


@dataclass(frozen=True, slots=True)
class _Document:
    source: bytes
    text: str
    graph: Graph
    checks: Checks
    clock: Clock
    named: str
    """The release that the caller named, or ""."""


Outcome = Report | Refusal | Withdrawal


def read_document(document: bytes, *, release: str = "", reading: Reading) -> tuple[Outcome, ...]:
    """The reports of a document, in its order.

    `release` is "R4", "R4B", "R5", or "" to detect it. Raises HutongError (NOT_JSON, NOT_A_REPORT, TOO_LARGE, TOO_DEEP,
    REQUEST_INVALID for another release) when nothing of the document can be used.
    """
    _check_release(release)
    text_ = decode(document, reading.max_bytes)
    root = read(text_)
    try:
        reports = [r for r in root.entries if r.type == "DiagnosticReport"]
        if not reports:
            raise document_fault(Reason.NOT_A_REPORT, "the document holds no DiagnosticReport", "Bundle.entry")
        clock = Clock(reading.zone, reading.now + reading.future_tolerance)
        whole_document = _Document(document, text_, Graph(root), Checks(reading.max_depth, text_), clock, release)
        return tuple(_outcome(whole_document, report) for report in reports)
    finally:
        root.close()


def _check_release(named: str) -> None:
    if named and named not in release.RELEASES:
        raise document_fault(Reason.REQUEST_INVALID, "the release named is not R4, R4B or R5", "release")


def _outcome(document: _Document, report: Resource) -> Outcome:
    try:
        return _read(document, report)
    except RecursionError:
        return Refusal(report.path, (fault(Reason.TOO_DEEP, report.path, "is nested too deep"),))
    except TooManyResults:
        message = f"names more than {MOST_RESULTS} results"
        return Refusal(report.path, (fault(Reason.TOO_LARGE, located(report, "result"), message),))


def _read(document: _Document, report: Resource) -> Outcome:
    told = release.evidence(report)
    named = document.named
    context = Context(
        report=report,
        graph=document.graph,
        checks=document.checks,
        clock=document.clock,
        release=named or (told.release if told else _hinted(document, report)),
        proven=bool(named or told),
    )
    texts = context.checks.texts(report)
    status = text(report.body, "status")
    if status in ("entered-in-error", "cancelled") and not any(_names_it(f) for f in texts):
        return _withdrawal(document, context, Status(status), read_identity(document.graph, report))
    if texts:
        return Refusal(report.path, tuple(fault(f.reason, located(report, f.path), f.message) for f in texts))
    if named and told is not None and release.contradicts(named, told):
        message = f"the content is {told.release}, not {named}"
        return Refusal(report.path, (fault(Reason.RELEASE_MISMATCH, told.path, message),))
    return _report(document, context, read_identity(document.graph, report))


def _names_it(found: Fault) -> bool:
    """Whether a fault lies where a withdrawal says what it withdraws."""
    return found.path.partition(".")[0].partition("[")[0] in ("", "id", "identifier", "meta", "status")


def _hinted(document: _Document, report: Resource) -> str:
    """What the results of the report say of its release, when the report says nothing."""
    for reference in children(report.body, "result"):
        target = document.graph.one(reference, report)
        if target is not None and (told := release.evidence(target)) is not None:
            return told.release
    return "R4"


def _withdrawal(document: _Document, context: Context, status: Status, identity: Identity) -> Outcome:
    report = context.report
    if identity.empty:
        path = located(report, "identifier")
        return Refusal(report.path, (fault(Reason.FIELD_MISSING, path, "a withdrawal must say what it withdraws"),))
    subject = read_subject(context)
    version = version_key(context, status, lenient=True)
    kept, digest = _kept(document, report)
    return Withdrawal(
        path=report.path,
        status=status,
        identity_system=identity.system,
        identity_value=identity.value,
        derived_identity=identity.derived,
        version=version,
        document=kept,
        digest=digest,
        issues=tuple(context.issues),
        identifiers=subject.identifiers if isinstance(subject, Subject) else (),
        demographics=subject.demographics if isinstance(subject, Subject) else RawDemographics(),
    )


def _report(document: _Document, context: Context, identity: Identity) -> Outcome:
    report = context.report
    errors = _required(report)
    effective, when_errors = _effective(context)
    errors += when_errors
    known = {issue.path for issue in errors}
    for found in context.checks.faults(report, context.release, proven=context.proven):
        path = located(report, found.path)
        if found.harmless:
            context.warn(found.reason, path, found.message)
        elif path not in known:
            errors.append(fault(found.reason, path, found.message))
            known.add(path)
    subject = read_subject(context) if "subject" in report.body else None
    if isinstance(subject, Issue) and subject.path not in known:
        errors.append(subject)
    if errors or not isinstance(subject, Subject):
        return Refusal(report.path, tuple(errors))
    version = version_key(context, Status(text(report.body, "status")))
    defaults = read_defaults(context, subject, effective, version.issued)
    return _complete(document, context, identity, defaults, version)


def _required(report: Resource) -> list[Issue]:
    """Fields without which there is no report. What else FHIR requires, validation says."""
    return [
        fault(Reason.FIELD_MISSING, located(report, field), "is missing")
        for field, empties in (("status", (None,)), ("code", (None, {})), ("subject", (None, {})))
        if report.body.get(field) in empties
    ]


def _effective(context: Context) -> tuple[Taken, list[Issue]]:
    """The report's effective time. A time that cannot be one is told as such, before validation calls it invalid."""
    errors = []
    effective = Taken()
    report = context.report
    try:
        effective = taken(report.body, "effective", context.clock)
    except TimeFault as error:
        errors.append(fault(error.reason, located(report, error.where), error.message))
    try:
        version_key(context, Status.UNKNOWN)
    except TimeFault as error:
        errors.append(fault(error.reason, located(report, error.where), error.message))
    return effective, errors


def _complete(
    document: _Document,
    context: Context,
    identity: Identity,
    defaults: Defaults,
    version: VersionKey,
) -> Report:
    report, body = context.report, context.report.body
    status = Status(text(body, "status"))
    code = concept(child(body, "code"))
    categories = tuple(concept(node) for node in children(body, "category"))
    kind = specialty(categories, bool(defaults.pictures.images))
    results = read_results(context, defaults)
    if kind == "examination" or (not results and (conclusion(body) is not None or defaults.pictures.images)):
        results.append(whole(context, defaults, status, code, results))
    recommend(context, identity, defaults, code, results)
    kept, digest = _kept(document, report)
    return Report(
        path=report.path,
        release=context.release,
        status=status,
        code=code,
        categories=categories,
        specialty=kind,
        identity_system=identity.system,
        identity_value=identity.value,
        derived_identity=identity.derived,
        version=version,
        identifiers=defaults.subject.identifiers,
        demographics=defaults.subject.demographics,
        effective=_earliest(defaults.effective, results),
        effective_end=defaults.effective.end,
        issued=version.issued,
        results=tuple(results),
        performers=defaults.performers,
        readers=defaults.readers,
        images=defaults.pictures.images,
        conclusion=text(body, "conclusion"),
        attachments=len(children(body, "presentedForm")),
        document=kept,
        digest=digest,
        issues=tuple(context.issues),
    )


def _earliest(effective: Taken, results: list[Result]) -> Instant | None:
    """The report's time; where it gives none, that of its earliest result or specimen."""
    if effective.start is not None:
        return effective.start
    taken_at = (TimeSource.RESULT, TimeSource.SPECIMEN)
    times = [r.facts.time for r in results if r.facts.time is not None and r.facts.time_source in taken_at]
    return min(times, default=None)


def _kept(document: _Document, report: Resource) -> tuple[bytes, bytes]:
    if report.path == "DiagnosticReport":
        return document.source, cutting.digest([report])
    resources = cutting.reached(document.graph, report, document.text)
    return cutting.cut(document.text, resources), cutting.digest(resources)
