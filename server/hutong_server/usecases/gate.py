"""The one gate: which reports and results of a patient exist for this caller, at this moment.

Everything that returns patient data asks here and nowhere else for rows and documents. The decision is made from the
store, inside the read transaction of the answer, and before anything is counted, listed or paged: what is withheld
does not exist. A patient whom the registry does not know passes the same look-ups under keys that lead to nothing, so
that unknown, wholly withheld and known-but-empty patients are answered and recorded alike.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Caller
from hutong_server.domain.consent import Consent, Opening, Withheld, consent_of
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.person import PatientKey
from hutong_server.domain.recognition import ConsentBasis
from hutong_server.domain.report import CodeKey, Instant, ResultFacts
from hutong_server.domain.results import Results
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.sensitivity import Sensitivity
from hutong_server.store.base import AccessRecord, Reader, ReportFilter, StoredReport, Writer
from hutong_server.usecases.asking import Context, access

HOUR = 3_600_000
"""Milliseconds."""
EMERGENCY = "emergency"
"""The purpose that break-glass needs."""
BREAK_GLASS = "break_glass"
"""Basis of consent while an opening serves."""

Kept = tuple[bytes, int, str]
"""(report id, ordinal, reason) of what was withheld; see AccessRecord.withheld."""
_NOBODY = bytes(16)
"""A key that leads to nothing."""


class RefusedOnRecord(HutongError):
    """A refusal after it was known whose results were asked for. It is kept before it leaves."""

    def __init__(self, reason: Reason, message: str, record: AccessRecord, passed: "Passed | None" = None) -> None:
        super().__init__(reason, message)
        self.record = replace(record, reason=reason.value)
        self._passed = passed

    def keep(self, writer: Writer) -> None:
        """The write job: a declared emergency and the record."""
        if self._passed is not None:
            self._passed.keep(writer)
        writer.record(self.record)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who stands at the gate, and with what question."""

    method: str
    context: Context
    caller: Caller
    request_id: str
    keys: tuple[PatientKey, ...]
    """Of all records of the person, the representative first; keys that lead to nothing for an unknown patient."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What exists for the caller."""

    rows: tuple[StoredReport, ...]
    """Whole, or `partly_withheld` with the results that are open."""
    basis: str
    """On what ground, for the record."""
    withheld: tuple[Kept, ...] = ()
    """For the record; never for the answer."""
    count: int = 0
    """Results withheld, as far as the region lets an answer say so; else 0."""
    opening: Opening | None = None
    """The emergency under which the answer is given."""
    declared: bool = False
    """Whether the emergency began with this call."""

    def keep(self, writer: Writer) -> None:
        """Part of the answer's write job: the emergency, or one more answer given under it."""
        given = self.opening
        if given is None:
            return
        writer.lock([given.patient_key + b"opening"])
        _, openings = writer.consent([given.patient_key])
        # Another call of the same emergency may have come first.
        standing = (each for each in openings if _same(each, given) and each.open_until > given.opened_at)
        known = writer.opening(given.patient_key, given.opening_id) or next(standing, None)
        writer.put_opening(replace(known, answers=known.answers + 1) if known else given)


def pass_gate(
    visit: Visit,
    reader: Reader,
    book: RuleBook,
    now: Instant,
    *,
    only: ReportFilter | None = None,
    report: tuple[PatientKey, bytes] | None = None,
) -> Passed:
    """The patient's reports that pass, `only` those of a filter, or the one `report` (key, id).

    Raises RefusedOnRecord (AUTHORIZATION_MISSING) where the region asks for the patient's authorisation at the visit
    and neither that nor an emergency was declared: alike for every patient.
    """
    directives, openings = reader.consent(visit.keys)
    opening = _serving(openings, visit.caller.institution, visit.context.practitioner, now)
    declared = opening is None and bool(visit.context.break_glass_reason) and visit.context.purpose == EMERGENCY
    if declared:
        opening = _declared(visit, book, now)
    basis = _basis(visit, book, opening, now)
    consent = consent_of(directives, book.sensitivity.needing_grant, now)
    rule = book.policy.consent
    if consent.nothing and opening is None and not rule.count_withheld:
        # Nothing is read that cannot be shown, and as much is looked up as for somebody of whom there is nothing.
        _read(reader, tuple(_NOBODY for _ in visit.keys), only, (_NOBODY, report[1]) if report else None)
        return Passed((), basis, ((b"", -1, Withheld.CONSENT_WITHHELD.value),))
    stored = _read(reader, visit.keys, only, report)
    if not stored and not directives:
        # As long as for a patient who withholds everything: there, a directive was opened.
        reader.look_at_nobodys_consent()
    if opening is not None or consent.open:
        return Passed(tuple(stored), basis, opening=opening, declared=declared)
    rows: list[StoredReport] = []
    withheld: list[Kept] = []
    for row in stored:
        kept = tuple(_withheld(row, consent, book))
        withheld += kept
        if not kept:
            rows.append(row)
        elif kept[0][1] >= 0 and len(kept) < len(row.results) and not row.withdrawn:
            closed = frozenset(ordinal for _, ordinal, _ in kept)
            left = Results.of(row.results, row.parts).without(closed)
            rows.append(replace(row, results=left, partly_withheld=True))
    count = _count(withheld, stored) if rule.count_withheld else 0
    return Passed(tuple(rows), basis, tuple(withheld), count)


@dataclass(frozen=True, slots=True)
class Told:
    """Whether a notice exists for the caller."""

    exists: bool
    keys: tuple[PatientKey, ...]
    """Of the person whom it is about, the representative first."""
    basis: str
    withheld: tuple[Kept, ...] = ()


def pass_notice(report: tuple[PatientKey, bytes], ordinal: int, reader: Reader, book: RuleBook, now: Instant) -> Told:
    """Whether a notice about one result of a report (key, id), or about the whole of it (-1), exists now: as the result
    itself would, had nothing happened to it.

    No authorisation at the visit is asked for, because nobody visits; and no emergency opens it, because it can wait.
    A report that is not there any more is judged as it stands elsewhere, else as one of which nothing may be said.
    """
    key, report_id = report
    person = reader.person_of(key)
    keys = (person.key, *(each for each in person.keys if each != person.key)) if person else (key,)
    consent = consent_of(reader.consent(keys)[0], book.sensitivity.needing_grant, now)
    basis = book.policy.consent.basis.value
    if consent.open:
        return Told(True, keys, basis)
    row = None if consent.nothing else reader.hidden_report(key, report_id)
    if row is None and not consent.nothing:
        identity = reader.identity_of(report_id)
        row = reader.hidden_report(identity.patient_key, report_id) if identity else None
    if row is None:
        return Told(False, keys, basis, ((report_id, -1, Withheld.CONSENT_WITHHELD.value),))
    kept = tuple(_withheld(row, consent, book))
    closed = {of for _, of, _ in kept}
    exists = not kept or (-1 not in closed and ordinal not in closed and len(closed) < len(row.results))
    return Told(exists, keys, basis, () if exists else kept)


def _read(
    reader: Reader,
    keys: tuple[PatientKey, ...],
    only: ReportFilter | None,
    report: tuple[PatientKey, bytes] | None,
) -> list[StoredReport]:
    if report is None:
        return reader.reports(keys, only)
    one = reader.report(*report)
    return [one] if one is not None else []


def document_of(row: StoredReport, reader: Reader) -> tuple[bytes, bytes] | None:
    """(document, images) of a row that passed; both empty for one that passed in part: they cover all of it.

    None when the registry no longer has it under the row's key.
    """
    if row.partly_withheld:
        return b"", b""
    stored = reader.document(row.patient_key, row.report_id, row.version)
    if stored is None and row.withdrawn:
        # A withdrawal that came before its report stands under the key that it had then.
        identity = reader.identity_of(row.report_id)
        former = identity.former_keys if identity else ()
        stored = next(filter(None, (reader.document(key, row.report_id, row.version) for key in former)), None)
    return stored


def _withheld(row: StoredReport, consent: Consent, book: RuleBook) -> Iterator[Kept]:
    """What of a report is withheld: the whole of it (ordinal -1, alone), or results."""
    if not (consent.nothing or consent.institutions) and _plain(row, book.sensitivity):
        return
    of_report = book.sensitivity.of_report(row.categories, row.codes, row.institution)
    whole = consent.withholds(of_report, row.institution)
    if whole is not None:
        yield row.report_id, -1, whole.value
        return
    for result in row.results:
        issuers = (row.institution, result.performer) if result.performer else (row.institution,)
        of_result = book.sensitivity.of_codes(_called(row, result), *issuers)
        reason = consent.withholds(of_result, *issuers)
        if reason is not None:
            yield row.report_id, result.ordinal, reason.value


def _plain(row: StoredReport, sensitivity: Sensitivity) -> bool:
    """Whether nothing of a report is sensitive, found without asking whose codes they are."""
    results = Results.of(row.results, row.parts)
    return (
        sensitivity.plain(row.codes)
        and sensitivity.plain_report(row.categories)
        and sensitivity.plain_results(results.shapes)
    )


def _called(row: StoredReport, result: ResultFacts) -> tuple[CodeKey, ...]:
    more = row.parts[result.ordinal] if result.ordinal < len(row.parts) else ()
    return result.codes + more if more else result.codes


def _count(withheld: Sequence[Kept], stored: Sequence[StoredReport]) -> int:
    """In results; a report without results that is withheld counts as one."""
    sizes = {row.report_id: max(1, len(row.results)) for row in stored}
    return sum(1 if ordinal >= 0 else sizes[report_id] for report_id, ordinal, _ in withheld)


def _serving(openings: Sequence[Opening], institution: str, practitioner: str, now: Instant) -> Opening | None:
    return next((each for each in openings if each.serves(institution, practitioner, now)), None)


def _same(one: Opening, other: Opening) -> bool:
    return (one.institution, one.practitioner) == (other.institution, other.practitioner)


def _declared(visit: Visit, book: RuleBook, now: Instant) -> Opening:
    """An emergency declared with this call: it opens at once, and waits for its review."""
    return Opening(
        opening_id=secrets.token_bytes(16),
        patient_key=visit.keys[0],
        institution=visit.caller.institution,
        practitioner=visit.context.practitioner,
        encounter=visit.context.encounter,
        reason=visit.context.break_glass_reason,
        opened_at=now,
        open_until=now + book.policy.consent.break_glass_hours * HOUR,
    )


def _basis(visit: Visit, book: RuleBook, opening: Opening | None, now: Instant) -> str:
    if opening is not None:
        return BREAK_GLASS
    rule = book.policy.consent.basis
    if rule is not ConsentBasis.VISIT_AUTHORIZATION:
        return rule.value
    if visit.context.authorization:
        return f"{rule.value}:{visit.context.authorization}"
    record = access(
        visit.method, visit.caller, visit.context, visit.request_id, "refused", now, keys=visit.keys, reports=()
    )
    message = "the region asks for the patient's authorisation at the visit"
    raise RefusedOnRecord(Reason.AUTHORIZATION_MISSING, message, record)
