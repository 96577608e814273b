"""What a patient decides about who may see what: recorded, taken back, listed. Each holds for the next answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Caller
from hutong_server.domain.consent import Directive, Effect, Scope
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.person import PatientKey, Person, agreeing
from hutong_server.domain.report import Instant, Issue, Severity
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Act, Reader, Tokens, Writer
from hutong_server.usecases.acts import directive as act_of
from hutong_server.usecases.asking import Context, PatientQuery, access, shadow_keys, tokens_of
from hutong_server.usecases.gate import RefusedOnRecord
from hutong_server.usecases.patient_index import place

MOST = 500
"""Directives of one patient, those taken back included: each question reads them all."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who tells the registry, for whom, and when."""

    patient: PatientQuery
    context: Context
    caller: Caller
    now: Instant
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A directive as it is to be recorded."""

    request_id: str
    effect: Effect
    scope: Scope
    target: str = ""
    valid_from: Instant | None = None
    """None: from now on."""
    valid_until: Instant | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A patient's directives, newest first."""

    directives: tuple[Directive, ...]
    record: AccessRecord

    def keep(self, writer: Writer) -> None:
        """The write job: the access record."""
        writer.record(self.record)


def put_directive(wanted: Wanted, told: Told, book: RuleBook, tokens: Tokens) -> Callable[[Writer], Directive]:
    """The write job that records a directive; the directive that stands when the request was made before.

    A patient whom the registry does not know gets a record, as by a report that arrives, so that the directive holds
    for what is published later. Raises HutongError for a target that does not exist, ALREADY_EXISTS for a request id
    that was used for another directive of this patient, STATE_CONFLICT above MOST, and RefusedOnRecord
    (PATIENT_IN_DOUBT).
    """
    _check(wanted, told, book)
    patient = tokens_of(told.patient, told.caller.institution, book, tokens)
    directive_id = tokens.digest(
        "directive",
        told.caller.institution,
        wanted.request_id,
        *sorted(tokens.lasting(token).hex() for token in patient),
    )[:16]

    def job(writer: Writer) -> Directive:
        writer.lock(patient)
        key, keys = _placed(writer, patient, told, book, tokens)
        directive = Directive(
            directive_id=directive_id,
            patient_key=key,
            effect=wanted.effect,
            scope=wanted.scope,
            target=wanted.target,
            valid_from=told.now if wanted.valid_from is None else wanted.valid_from,
            valid_until=wanted.valid_until,
            recorded_by=told.caller.institution,
            recorded_at=told.now,
        )
        kept, _ = writer.consent(keys)
        known = next((each for each in kept if each.directive_id == directive_id), None)
        if known is None and len(kept) >= MOST:
            raise HutongError(Reason.STATE_CONFLICT, f"a patient has {MOST} directives at most")
        if known is not None and _said(known) != _said(directive, known if wanted.valid_from is None else None):
            raise HutongError(Reason.ALREADY_EXISTS, "the request id was used for another directive")
        told_of: tuple[Act, ...] = ()
        if known is None:
            writer.put_directive(directive)
            told_of = (act_of(directive, patient, told.patient.demographics),)
        outcome = "recorded" if known is None else "unchanged"
        writer.record(_record("PutDirective", told, keys, outcome, directive_id), *told_of)
        return known or directive

    return job


def revoke_directive(directive_id: bytes, told: Told, book: RuleBook, tokens: Tokens) -> Callable[[Writer], Directive]:
    """The write job that takes a directive back; idempotent. Raises RefusedOnRecord: NOT_FOUND for one that is not this
    patient's, PATIENT_IN_DOUBT.
    """
    patient = tokens_of(told.patient, told.caller.institution, book, tokens)

    def job(writer: Writer) -> Directive:
        writer.lock(patient)
        keys = _keys(writer, patient, "RevokeDirective", told, book, tokens)
        known = next((each for each in writer.consent(keys)[0] if each.directive_id == directive_id), None)
        if known is None:
            raise RefusedOnRecord(
                Reason.NOT_FOUND, "no such directive of this patient", _record("RevokeDirective", told, keys, "refused")
            )
        told_of: tuple[Act, ...] = ()
        if known.revoked_at is None:
            known = replace(known, revoked_at=told.now, revoked_by=told.caller.institution)
            writer.put_directive(known)
            told_of = (act_of(known, patient, told.patient.demographics),)
        writer.record(_record("RevokeDirective", told, keys, "revoked", directive_id), *told_of)
        return known

    return job


def list_directives(told: Told, reader: Reader, book: RuleBook, tokens: Tokens) -> Listed:
    """A patient's directives, newest first, those that were taken back or have ended too.

    Raises RefusedOnRecord (PATIENT_IN_DOUBT).
    """
    patient = tokens_of(told.patient, told.caller.institution, book, tokens)
    keys = _keys(reader, patient, "ListDirectives", told, book, tokens)
    directives = sorted(reader.consent(keys)[0], key=lambda each: (each.recorded_at, each.directive_id), reverse=True)
    return Listed(tuple(directives), _record("ListDirectives", told, keys, "found" if directives else "none"))


def _check(wanted: Wanted, told: Told, book: RuleBook) -> None:
    """Raises REQUEST_INVALID unless what is wanted can hold."""
    issues = []

    def fault(path: str, message: str) -> None:
        issues.append(Issue(Severity.ERROR, Reason.REQUEST_INVALID.value, f"directive.{path}", message))

    if wanted.effect is Effect.ALLOW and wanted.scope is not Scope.CATEGORY:
        fault("scope", "only a category can be allowed")
    if wanted.scope is Scope.EVERYTHING and wanted.target:
        fault("target", "goes with a scope that has one")
    if wanted.scope is Scope.INSTITUTION and book.institution(wanted.target) is None:
        fault("target", "is not the code of an institution")
    if wanted.scope is Scope.CATEGORY and wanted.target not in book.sensitivity.categories:
        fault("target", "is not the code of a sensitive category")
    begins = told.now if wanted.valid_from is None else wanted.valid_from
    if wanted.valid_until is not None and wanted.valid_until <= begins:
        fault("valid_until", "is not after the beginning")
    if issues:
        raise HutongError(Reason.REQUEST_INVALID, "the directive cannot hold", tuple(issues))


def _said(directive: Directive, begins_as: Directive | None = None) -> tuple[object, ...]:
    begins = (begins_as or directive).valid_from
    return directive.effect, directive.scope, directive.target, begins, directive.valid_until


def _keys(
    reader: Reader, patient: Sequence[bytes], method: str, told: Told, book: RuleBook, tokens: Tokens
) -> tuple[PatientKey, ...]:
    """Keys of the one person; keys that lead to nothing for an unknown one. Raises RefusedOnRecord for doubt."""
    person = _certain(reader, patient, method, told, book, tokens)
    return person.keys if person is not None else shadow_keys(patient, tokens)


def _placed(
    writer: Writer, patient: Sequence[bytes], told: Told, book: RuleBook, tokens: Tokens
) -> tuple[PatientKey, tuple[PatientKey, ...]]:
    """The record under which a directive is kept, opened where there is none, and all records of its person."""
    _certain(writer, patient, "PutDirective", told, book, tokens, several=True)
    placement = place(writer, patient, told.patient.demographics, book.policy.name_rule, told.now, None)
    person = writer.person_of(placement.key) if placement.key is not None else None
    if placement.key is None or person is None:
        raise _doubt("PutDirective", told, patient, tokens)
    return placement.key, person.keys


def _certain(
    reader: Reader,
    patient: Sequence[bytes],
    method: str,
    told: Told,
    book: RuleBook,
    tokens: Tokens,
    *,
    several: bool = False,
) -> Person | None:
    """The person with whom everything agrees; None for nobody. `several` may be left to place(), which can link them.

    Somebody who contradicts the records is doubt here, and not a second person as in a report: a directive under a
    mistyped birth date would hold for nobody.
    """
    persons = reader.persons(patient)
    match = agreeing(persons, told.patient.demographics, book.policy.name_rule)
    if (persons and not match) or (len(match) > 1 and not several):
        raise _doubt(method, told, patient, tokens)
    return match[0] if match else None


def _doubt(method: str, told: Told, patient: Sequence[bytes], tokens: Tokens) -> RefusedOnRecord:
    record = _record(method, told, shadow_keys(patient, tokens), "refused")
    return RefusedOnRecord(Reason.PATIENT_IN_DOUBT, "it is not certain who the patient is", record)


def _record(
    method: str, told: Told, keys: Sequence[PatientKey], outcome: str, directive_id: bytes = b""
) -> AccessRecord:
    record = access(method, told.caller, told.context, told.request_id, outcome, told.now, keys=keys, reports=())
    return replace(record, detail=(directive_id.hex(),)) if directive_id else record
