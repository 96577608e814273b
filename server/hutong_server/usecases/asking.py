"""What every question about a patient has in common: who asks, whose chart it is, and the record of the answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.identifiers import IdentifierFault
from hutong_server.domain.person import Demographics, PatientKey, Person, agreeing
from hutong_server.domain.prompt import Judged
from hutong_server.domain.report import Instant, Issue, RawIdentifier, Severity
from hutong_server.domain.reuse import ReportFacts
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Reader, RecordedReport, StoredReport, Tokens


class Outcome(StrEnum):
    """What an answer amounts to."""

    FOUND = "found"
    NONE = "none"
    PARTIAL = "partial"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, in which visit and why. The institution is the certificate's."""

    practitioner: str
    encounter: str
    purpose: str
    department: str = ""
    encounter_class: str = ""
    authorization: str = ""
    """How the patient authorised the look-up: card_read, code_scanned, form_signed, guardian; "" when not stated."""
    break_glass_reason: str = ""
    """The declared emergency, in words; "" for none."""


@dataclass(frozen=True, slots=True)
class PatientQuery:
    """Whose chart: identifiers as written, and what the chart says of the person."""

    identifiers: tuple[RawIdentifier, ...]
    demographics: Demographics


@dataclass(frozen=True, slots=True)
class Found:
    """Who the patient is: one person, nobody known, or doubt."""

    person: Person | None
    keys: tuple[PatientKey, ...]
    """Under which the answer is looked up and recorded, the person's representative first."""
    in_doubt: bool = False


def tokens_of(query: PatientQuery, institution: str, book: RuleBook, tokens: Tokens) -> tuple[bytes, ...]:
    """Tokens of the identifiers of a chart.

    Raises HutongError(PATIENT_IDENTIFIER_INVALID) for one that fails its check: a doctor who mistyped a number should
    learn it, and not be told that nothing exists; PATIENT_IDENTIFIER_MISSING when none counts.
    """
    found: dict[bytes, None] = {}
    for raw in query.identifiers:
        identifier = book.identifier(raw, institution)
        if isinstance(identifier, IdentifierFault):
            issue = Issue(Severity.ERROR, Reason.PATIENT_IDENTIFIER_INVALID.value, raw.path, identifier.message)
            raise HutongError(Reason.PATIENT_IDENTIFIER_INVALID, "a patient identifier fails its check", (issue,))
        if identifier is not None:
            found[tokens.patient(identifier.system, identifier.assigner, identifier.value)] = None
    if not found:
        issue = Issue(
            Severity.ERROR,
            Reason.PATIENT_IDENTIFIER_MISSING.value,
            "patient.identifiers",
            "no identifier that counts in this region",
        )
        raise HutongError(Reason.PATIENT_IDENTIFIER_MISSING, "the patient has no identifier that counts", (issue,))
    return tuple(found)


def find(reader: Reader, patient: Sequence[bytes], demographics: Demographics, book: RuleBook, tokens: Tokens) -> Found:
    """The one person with whom everything agrees. Identifiers that lead to several such persons, or only to persons
    who contradict, are doubt.
    """
    persons = reader.persons(patient)
    match = agreeing(persons, demographics, book.policy.name_rule)
    if not persons:
        # As much is compared as with somebody: how long an answer takes must not tell who is known.
        _SOMEBODY.agrees(demographics, book.policy.name_rule)
    if len(match) == 1:
        person = match[0]
        return Found(person, (person.key, *(key for key in person.keys if key != person.key)))
    return Found(None, shadow_keys(patient, tokens), in_doubt=bool(persons))


_SOMEBODY = Person(bytes(16), ((bytes(16), Demographics(("无此人",), "1900-01-01", "other")),))


def shadow_keys(patient: Sequence[bytes], tokens: Tokens) -> tuple[PatientKey, ...]:
    """Keys for somebody of whom the registry has no record, one for each token: they lead to nothing, and let such a
    patient be looked up and recorded as any other.
    """
    return tuple(tokens.passing("nobody", tokens.lasting(token).hex())[:16] for token in patient)


def encounter_of(institution: str, encounter: str, tokens: Tokens) -> bytes:
    """What stands for a visit in the index: 16 bytes of a keyed digest."""
    return tokens.digest("encounter", institution, encounter)[:16]


def facts_of(row: StoredReport) -> ReportFacts:
    """What rules judge of a stored report."""
    return ReportFacts(row.report_id, row.institution, row.status, row.withdrawn, False, row.disputed, row.issued)


def contents_of(
    shown: Iterable[tuple[bytes, Iterable[Judged]]], versions: Mapping[bytes, int]
) -> tuple[RecordedReport, ...]:
    """What of each report an answer carries: its version, and the verdicts on the results that are shown."""
    verdicts: dict[bytes, set[str]] = {}
    for report_id, results in shown:
        codes = verdicts.setdefault(report_id, set())
        for each in results:
            codes.update((_REUSABLE,) if each.verdict.reusable else each.verdict.reasons)
    return tuple(
        RecordedReport(report_id, versions[report_id], tuple(sorted(codes))) for report_id, codes in verdicts.items()
    )


_REUSABLE = "REUSABLE"


def access(
    method: str,
    caller: Caller,
    context: Context,
    request_id: str,
    outcome: str,
    now: Instant,
    *,
    keys: Sequence[PatientKey],
    reports: Sequence[bytes],
    prompt_id: bytes = b"",
    consent_basis: str = "",
    withheld: tuple[tuple[bytes, int, str], ...] = (),
    contents: tuple[RecordedReport, ...] = (),
) -> AccessRecord:
    """The record of an answer: the same for a patient who is unknown and one who has nothing to show."""
    return AccessRecord(
        at=now,
        method=method,
        institution=caller.institution,
        role=caller.role.value,
        certificate=caller.certificate,
        request_id=request_id,
        outcome=outcome,
        practitioner=context.practitioner,
        department=context.department,
        encounter=context.encounter,
        encounter_class=context.encounter_class,
        purpose=context.purpose,
        patient_keys=tuple(keys),
        prompt_id=prompt_id,
        reports=tuple(dict.fromkeys(reports)),
        consent_basis=consent_basis,
        withheld=withheld,
        contents=contents,
    )
