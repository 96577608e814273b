"""Admits certificate requests: by a one-time token, or by proof of the certificate that is to be renewed.

The registry chooses the name. Whatever is wrong with a token or a proof, the caller is told the same; the record says
what it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Role
from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Instant
from hutong_server.store.base import AccessRecord, Act, Reader, Writer
from hutong_server.store.base_certificates import CertificateRow, EnrollmentToken, Issued
from hutong_server.usecases.acts import certificate, token_spent
from hutong_server.usecases.certificates import admission

KEPT = 30 * 24 * 3600 * 1000
"""Milliseconds for which a certificate that cannot be renewed any more is still listed. The record is for ever."""
_FORGET_EVERY, _FORGET = "0", 64
"""One certificate in sixteen, by its serial number, takes this many with it: the table does not grow for ever."""
CHALLENGE_LIFE = 5 * 60 * 1000
"""Milliseconds for which a challenge is good."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a request came to. Refused when `refused` says why (never to the caller)."""

    institution: str = ""
    role: str = ""
    pending: bool = False
    refused: str = ""
    renewed: CertificateRow | None = None
    token: EnrollmentToken | None = None
    record: AccessRecord | None = None
    """Of a refusal: what was kept of it."""


def weigh_token(reader: Reader, token_hash: bytes, key_fingerprint: str, now: Instant) -> Admitted:
    """What a token is good for at `now`, for this public key. Changes nothing."""
    token = reader.enrollment_token(token_hash)
    if token is None:
        return Admitted(refused="token_unknown")
    known = Admitted(token.institution, token.role, token=token)
    if token.used_at is not None:
        return replace(known, refused="token_used")
    if token.expires_at <= now:
        return replace(known, refused="token_expired")
    if token.key_fingerprint not in ("", key_fingerprint):
        return replace(known, refused="token_claimed_by_another_key")
    if token.decided_at is not None and not token.approved:
        return replace(known, refused="enrollment_refused")
    if why := admission(reader, token.institution, Role(token.role)):
        return replace(known, refused=why)
    return replace(known, pending=token.needs_approval and token.decided_at is None)


def enroll(
    token_hash: bytes,
    key_fingerprint: str,
    issued: Issued,
    name: tuple[str, str],
    grace: int,
    now: Instant,
    request_id: str,
) -> Callable[[Writer], Admitted]:
    """The write job that spends the token for `issued`, which names (institution, role) `name`.

    Of any number that use a token at once, one gets a certificate. Refusals are recorded and given, not raised, so
    that the record is kept.
    """

    def job(writer: Writer) -> Admitted:
        writer.lock((token_hash,))
        weighed = weigh_token(writer, token_hash, key_fingerprint, now)
        token = weighed.token
        if weighed.refused or token is None or name != (weighed.institution, weighed.role):
            refused = weighed.refused or "token_unknown"
            return _refuse(writer, _record("Enroll", weighed, now, request_id, refused), weighed)
        if weighed.pending:
            if token.requested_at is None:
                writer.put_enrollment_token(replace(token, key_fingerprint=key_fingerprint, requested_at=now))
            writer.record(_record("Enroll", weighed, now, request_id))
            return weighed
        kept = _keep(writer, issued, weighed, grace, now)
        spent = replace(token, key_fingerprint=key_fingerprint, used_at=now, serial=issued.serial)
        writer.put_enrollment_token(spent)
        writer.record(_record("Enroll", weighed, now, request_id, issued=issued), kept, token_spent(spent))
        return weighed

    return job


def weigh_renewal(reader: Reader, fingerprint: str, grace: int, now: Instant) -> Admitted:
    """Whether the certificate with this fingerprint ("": none was proven) may be renewed at `now`.

    `grace`: milliseconds after its end. A certificate that this registry did not issue is unknown.
    """
    known = reader.certificate_of(fingerprint) if fingerprint else None
    if known is None:
        return Admitted(refused="certificate_unknown" if fingerprint else "proof_wrong")
    found = Admitted(known.institution, known.role, renewed=known)
    if known.revoked_at is not None:
        return replace(found, refused="certificate_revoked")
    if known.not_after + grace <= now:
        return replace(found, refused="certificate_expired_for_too_long")
    return replace(found, refused=admission(reader, known.institution, Role(known.role)))


@dataclass(frozen=True, slots=True)
class Renewal:
    """The command. `fingerprint` is of the certificate whose key signed; `nonce` names the challenge."""

    fingerprint: str
    nonce: bytes
    grace: int


def renew(
    command: Renewal, issued: Issued, name: tuple[str, str], now: Instant, request_id: str
) -> Callable[[Writer], Admitted]:
    """The write job that keeps the renewed certificate. As with enroll, refusals are recorded and given."""

    def job(writer: Writer) -> Admitted:
        if command.fingerprint:
            # After a revocation, or before it: not beside it.
            known = writer.certificate_of(command.fingerprint)
            if known is not None:
                writer.lock((b"certificate " + known.serial.encode(),))
        weighed = weigh_renewal(writer, command.fingerprint, command.grace, now)
        refused = weighed.refused
        if not command.nonce:
            refused = refused or "challenge_wrong_or_old"
        elif not refused and not writer.use_challenge(command.nonce, now, now - 2 * CHALLENGE_LIFE):
            refused = "challenge_used"
        if not refused and name != (weighed.institution, weighed.role):
            refused = "certificate_unknown"
        if refused:
            return _refuse(writer, _record("Renew", weighed, now, request_id, refused), weighed)
        kept = _keep(writer, issued, weighed, command.grace, now)
        writer.record(_record("Renew", weighed, now, request_id, issued=issued), kept)
        return weighed

    return job


def _keep(writer: Writer, issued: Issued, admitted: Admitted, grace: int, now: Instant) -> Act:
    if issued.serial.endswith(_FORGET_EVERY):
        writer.forget_certificates(now - grace - KEPT, _FORGET)
    renewed = admitted.renewed
    row = CertificateRow(
        serial=issued.serial,
        fingerprint=issued.fingerprint,
        institution=admitted.institution,
        role=admitted.role,
        authority=issued.authority,
        not_before=issued.not_before,
        not_after=issued.not_after,
        lineage=renewed.lineage if renewed else issued.serial,
        renewed_from=renewed.serial if renewed else "",
    )
    writer.put_certificate(row)
    return certificate(row)


def _refuse(writer: Writer, record: AccessRecord, weighed: Admitted) -> Admitted:
    writer.record(record)
    return replace(weighed, refused=record.detail[0], record=record)


def _record(
    method: str, admitted: Admitted, now: Instant, request_id: str, refused: str = "", issued: Issued | None = None
) -> AccessRecord:
    """`detail` says which certificate was issued, or why none was."""
    proven = admitted.renewed.fingerprint if admitted.renewed else ""
    return AccessRecord(
        at=now,
        method=method,
        institution=admitted.institution,
        role=admitted.role,
        certificate=proven or (issued.fingerprint if issued else ""),
        request_id=request_id,
        outcome="refused" if refused else "issued" if issued else "pending",
        reason=Reason.ENROLLMENT_REFUSED.value if refused else "",
        detail=(refused,) if refused else (issued.serial,) if issued else (),
    )
