"""What administrators do with certificates: make tokens, approve enrolments, list and revoke."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Instant
from hutong_server.store.base import Reader, Writer
from hutong_server.store.base_certificates import CertificateRow, EnrollmentToken
from hutong_server.usecases.acts import certificate
from hutong_server.usecases.institutions import OPERATOR, admin_access

OPERATOR_ROLES = frozenset({Role.ADMIN, Role.MONITOR, Role.SUPERVISOR, Role.REGISTRY})
"""Roles in which the registry's own operator may hold a certificate: it publishes and asks nothing."""
HOUR = 3600 * 1000


@dataclass(frozen=True, slots=True)
class MakeToken:
    """The command: a one-time token for an institution and role. `token_hash` is its SHA-256."""

    token_hash: bytes
    institution: str
    role: Role
    hours: int
    needs_approval: bool


def make_token(command: MakeToken, caller: Caller, now: Instant, request_id: str) -> Callable[[Writer], Instant]:
    """The write job; gives the end of the token's time.

    Raises NOT_FOUND for an unknown institution, STATE_CONFLICT for one that is suspended or may not have the role.
    """

    def job(writer: Writer) -> Instant:
        refusal = admission(writer, command.institution, command.role)
        if refusal == "institution_unknown":
            raise HutongError(Reason.NOT_FOUND, "no such institution")
        if refusal:
            raise HutongError(Reason.STATE_CONFLICT, "the institution is suspended, or may not have this role")
        expires_at = now + command.hours * HOUR
        writer.put_enrollment_token(
            EnrollmentToken(
                token_hash=command.token_hash,
                enrollment_id=secrets.token_bytes(16),
                institution=command.institution,
                role=command.role.value,
                made_by=administrator(writer, caller),
                made_at=now,
                expires_at=expires_at,
                needs_approval=command.needs_approval,
            )
        )
        detail = (command.institution, command.role.value)
        writer.record(replace(admin_access("CreateEnrollmentToken", caller, "done", now, request_id), detail=detail))
        return expires_at

    return job


def decide(
    enrollment_id: bytes, approve: bool, why: str, caller: Caller, now: Instant, request_id: str
) -> Callable[[Writer], None]:
    """The write job that approves or refuses an enrolment.

    Raises NOT_FOUND, and STATE_CONFLICT when it was decided, has run out, or the caller made the token.
    """

    def job(writer: Writer) -> None:
        found = writer.enrollment(enrollment_id)
        if found is None or found.requested_at is None:
            raise HutongError(Reason.NOT_FOUND, "no such enrolment")
        writer.lock((found.token_hash,))
        token = writer.enrollment_token(found.token_hash) or found
        by = administrator(writer, caller)
        if token.decided_at is not None or token.used_at is not None:
            raise HutongError(Reason.STATE_CONFLICT, "the enrolment was decided already")
        if token.expires_at <= now:
            raise HutongError(Reason.STATE_CONFLICT, "the token has run out")
        if token.made_by == by:
            raise HutongError(Reason.STATE_CONFLICT, "who made the token cannot decide")
        writer.put_enrollment_token(
            replace(token, decided_at=now, approved=approve, decided_by=by, decided_because=why)
        )
        outcome, detail = ("approved" if approve else "rejected"), (token.institution, token.role, why)
        writer.record(replace(admin_access("DecideEnrollment", caller, outcome, now, request_id), detail=detail))

    return job


def revoke(serial: str, why: str, caller: Caller, now: Instant, request_id: str) -> Callable[[Writer], CertificateRow]:
    """The write job that revokes a certificate; gives it as it stands. Idempotent. Raises NOT_FOUND."""

    def job(writer: Writer) -> CertificateRow:
        writer.lock((b"certificate " + serial.encode(),))
        known = writer.certificate(serial)
        if known is None:
            raise HutongError(Reason.NOT_FOUND, "no such certificate")
        if known.revoked_at is None:
            known = replace(known, revoked_at=now, revoked_because=why, revoked_by=administrator(writer, caller))
            writer.put_certificate(known)
        detail = (serial, known.institution, known.role, why)
        record = replace(admin_access("RevokeCertificate", caller, "done", now, request_id), detail=detail)
        writer.record(record, certificate(known))
        return known

    return job


def admission(reader: Reader, code: str, role: Role) -> str:
    """Why an institution cannot have a certificate in this role now: "" when it can."""
    if code == OPERATOR:
        return "" if role in OPERATOR_ROLES else "role_not_for_operator"
    institution = reader.institution(code)
    if institution is None:
        return "institution_unknown"
    return "institution_suspended" if institution.access_suspended else ""


def administrator(reader: Reader, caller: Caller) -> str:
    """Who a caller is across renewals: its certificate's lineage, or the fingerprint of one issued elsewhere."""
    row = reader.certificate_of(caller.certificate)
    holder = row.lineage if row else caller.certificate
    return f"{caller.institution}/{caller.role.value}:{holder}"
