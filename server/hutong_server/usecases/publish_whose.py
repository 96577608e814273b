"""Before a report is kept: who performed and read it, whether the sender may send it, and by which identifiers
its patient goes. Needs no transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import Reason
from hutong_server.domain.identifiers import IdentifierFault
from hutong_server.domain.person import Demographics, NameRule
from hutong_server.domain.report import (
    CodeKey,
    Instant,
    Issue,
    RawIdentifier,
    Refusal,
    Report,
    Result,
    ResultFacts,
    ResultFlag,
    Severity,
    VersionKey,
    Withdrawal,
    called,
    called_in,
)
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.unmapped import Seen, unmapped_result
from hutong_server.store.base import Tokens
from hutong_server.usecases.wire import Wire


@dataclass(frozen=True, slots=True)
class Rows:
    """What is stored of a report beside its document, in the form that answers need."""

    results: tuple[ResultFacts, ...]
    details: tuple[bytes, ...]
    header: bytes
    images: bytes
    effective: Instant | None
    issued: Instant | None
    specialty: str
    has_images: bool
    categories: tuple[str, ...]
    codes: tuple[CodeKey, ...]
    parts: tuple[tuple[CodeKey, ...], ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reading that may be kept: a version of a report, or its withdrawal (`rows` is None)."""

    path: str
    institution: str
    identity_key: bytes
    identity_system: str
    derived: bool
    order: VersionKey
    status: str
    digest: bytes
    document: bytes
    tokens: tuple[bytes, ...]
    demographics: Demographics
    issues: tuple[Issue, ...]
    rows: Rows | None
    rule: NameRule
    seen: Seen | None = None
    """Which of its results lead to no item."""

    @property
    def locks(self) -> tuple[bytes, ...]:
        """What must not change under the job: the report's identity, and who its patient's identifiers lead to."""
        return (self.identity_key, *self.tokens)

    @property
    def result_count(self) -> int:
        """Results read."""
        return len(self.rows.results) if self.rows else 0

    @property
    def unreadable_count(self) -> int:
        """Results kept as unreadable."""
        return sum(each.has(ResultFlag.UNREADABLE) for each in self.rows.results) if self.rows else 0


def prepare(
    reading: Report | Withdrawal, caller: Caller, now: Instant, book: RuleBook, tokens: Tokens, wire: Wire
) -> Prepared | Refusal:
    """Settles everything about a reading that needs no transaction, or refuses it with all its faults."""
    own = caller.institution
    errors: list[Issue] = []
    warnings: list[Issue] = list(reading.issues)
    patient_tokens = _patient_tokens(reading.identifiers, own, book, tokens, errors, warnings)
    rows: Rows | None = None
    demographics = Demographics()
    if isinstance(reading, Report):
        errors += _foreign_performers(reading, own, now, book)
        said = reading.demographics
        sex = said.sex if said.sex in ("male", "female", "other") else ""
        demographics = Demographics(said.names, said.birth_date, sex)
        rows = _rows(reading, own, book, wire)
        if not patient_tokens:
            warnings.append(
                _issue(
                    Severity.WARNING,
                    Reason.PATIENT_IDENTIFIER_MISSING,
                    _subject(reading.path),
                    "the patient has no identifier that counts",
                )
            )
        elif demographics.empty:
            warnings.append(
                _issue(
                    Severity.WARNING, Reason.PATIENT_IN_DOUBT, _subject(reading.path), "the patient has no demographics"
                )
            )
    if errors and isinstance(reading, Report):
        return Refusal(reading.path, tuple(errors))
    return Prepared(
        path=reading.path,
        institution=own,
        identity_key=_identity_key(reading, own, patient_tokens, tokens),
        identity_system=reading.identity_system if reading.identity_value else "derived",
        derived=not reading.identity_value,
        order=reading.version,
        status=reading.status.value,
        digest=reading.digest,
        document=reading.document,
        tokens=patient_tokens,
        demographics=demographics,
        issues=tuple(warnings),
        rows=rows,
        rule=book.policy.name_rule,
        seen=_seen(reading, rows, own, book) if isinstance(reading, Report) and rows is not None else None,
    )


def _seen(report: Report, rows: Rows, own: str, book: RuleBook) -> Seen:
    person = (*report.demographics.names, *(raw.value for raw in report.identifiers))
    unmapped = (
        unmapped_result(result, names, own, person, book)
        for result, names in zip(rows.results, rows.parts, strict=True)
    )
    return Seen(
        institutions=tuple(result.performer or own for result in rows.results),
        unmapped=tuple(each for each in unmapped if each is not None),
    )


def _issue(severity: Severity, reason: Reason, path: str, message: str) -> Issue:
    return Issue(severity, reason.value, path, message)


def _subject(path: str) -> str:
    return f"{path}.subject"


def _patient_tokens(
    raw: Iterable[RawIdentifier], own: str, book: RuleBook, tokens: Tokens, errors: list[Issue], warnings: list[Issue]
) -> tuple[bytes, ...]:
    """Tokens of the identifiers that pass their checks. A faulty one is a warning beside a good one, else an error."""
    good: dict[bytes, None] = {}
    faults: list[Issue] = []
    for each in raw:
        identifier = book.identifier(each, own)
        if isinstance(identifier, IdentifierFault):
            faults.append(_issue(Severity.ERROR, Reason.PATIENT_IDENTIFIER_INVALID, each.path, identifier.message))
        elif identifier is not None:
            good[tokens.patient(identifier.system, identifier.assigner, identifier.value)] = None
    if faults and good:
        warnings += [Issue(Severity.WARNING, fault.reason, fault.path, fault.message) for fault in faults]
    else:
        errors += faults
    return tuple(good)


def _identity_key(reading: Report | Withdrawal, own: str, patient: Sequence[bytes], tokens: Tokens) -> bytes:
    if reading.identity_value:
        return tokens.name("report", own, reading.identity_system, reading.identity_value)
    parts = reading.derived_identity
    if parts and parts[0] == "facts":
        # Facts alone are not unique among patients; the identifiers are, and without them what is said of the person:
        # two patients' reports that are held must not become two versions of one.
        said = reading.demographics
        whom = [tokens.lasting(token).hex() for token in patient] or [*said.names, said.birth_date, said.sex]
        parts = (*parts, *sorted(whom))
    return tokens.name("report-derived", own, *parts)


def _foreign_performers(report: Report, own: str, now: Instant, book: RuleBook) -> list[Issue]:
    """Performers that are other registered institutions without an agreement on the day of the test."""
    when = report.effective if report.effective is not None else report.issued if report.issued is not None else now
    day = book.day_of(when)
    found: dict[str, Issue] = {}
    for party in (*report.performers, *(party for result in report.results for party in result.performers)):
        code = book.institution_named(party)
        if code and code != own and not book.may_publish_for(own, code, day):
            path = party.path or f"{report.path}.performer"
            found[path] = _issue(
                Severity.ERROR,
                Reason.NOT_THE_ISSUER,
                path,
                "performed by another institution of the registry, and no agreement covers it",
            )
    return list(found.values())


def _rows(report: Report, own: str, book: RuleBook, wire: Wire) -> Rows:
    return Rows(
        results=tuple(_facts(result, own, book) for result in report.results),
        details=tuple(wire.detail(result.detail) for result in report.results),
        header=wire.header(report),
        images=wire.images(report.images),
        effective=report.effective,
        issued=report.issued,
        specialty=report.specialty,
        has_images=any(image.address and image.series for image in report.images),
        categories=tuple(
            dict.fromkeys(coding.code for concept in report.categories for coding in concept.coding if coding.code)
        ),
        codes=called((report.code,)),
        parts=tuple(_parts(result) for result in report.results),
    )


def _parts(result: Result) -> tuple[CodeKey, ...]:
    """What facts do not hold: the components' codes and names, and displays of the result's own code."""
    names = result.called if isinstance(result.detail, bytes) else called_in(result.detail)
    return tuple(key for key in names if key not in result.facts.codes)


def _facts(result: Result, own: str, book: RuleBook) -> ResultFacts:
    """Names performer and reader by their registry codes. Nobody named: the issuer performed it."""
    performers = [book.institution_named(party) for party in result.performers]
    foreign = [code for code in performers if code and code != own]
    performer = own if not performers else foreign[0] if foreign else own if own in performers else ""
    reader = next(filter(None, map(book.institution_named, result.readers)), "")
    return result.facts._replace(performer=performer, reader=reader)
