"""Certificates, enrolment tokens and used challenges."""

from dataclasses import asdict

from sqlalchemy import and_, bindparam, delete, func, select, tuple_

from hutong_server.domain.report import Instant
from hutong_server.store.base_certificates import CertificateRow, EnrollmentToken
from hutong_server.store.certificate_tables import certificate as _certificates
from hutong_server.store.certificate_tables import enrollment_token as _tokens
from hutong_server.store.certificate_tables import renewal_challenge as _challenges
from hutong_server.store.listening import REVOCATIONS, tell
from hutong_server.store.statements import Statement, insert, upsert
from hutong_server.store.transaction import Row, Transaction

_DAY = 24 * 3600 * 1000
_certificate, _token = _certificates.c, _tokens.c
_COLUMNS = tuple(_certificate[name] for name in CertificateRow.__dataclass_fields__)
_TOKEN_COLUMNS = tuple(_token[name] for name in EnrollmentToken.__dataclass_fields__)
_ONE = Statement(select(*_COLUMNS).where(_certificate.serial == bindparam("of_serial")))
_ONE_OF = Statement(select(*_COLUMNS).where(_certificate.fingerprint == bindparam("of_fingerprint")))
_GOOD = and_(_certificate.revoked_at.is_(None), _certificate.not_after > bindparam("good_at"))
_PAGE = (
    select(*_COLUMNS)
    .where(tuple_(_certificate.not_after, _certificate.serial) > tuple_(bindparam("after"), bindparam("after_serial")))
    .order_by(_certificate.not_after, _certificate.serial)
    .limit(bindparam("limit"))
)
_OF_INSTITUTION = _certificate.institution == bindparam("of_institution")
_PAGES = {
    (False, False): Statement(_PAGE),
    (False, True): Statement(_PAGE.where(_GOOD)),
    (True, False): Statement(_PAGE.where(_OF_INSTITUTION)),
    (True, True): Statement(_PAGE.where(_OF_INSTITUTION, _GOOD)),
}
# Every instant is above nought; a range keeps to the index where IS NOT NULL does not.
_REVOCATIONS = Statement(select(func.count()).select_from(_certificates).where(_certificate.revoked_at > 0))
_REVOKED = Statement(
    select(_certificate.fingerprint).where(_certificate.revoked_at > 0, _certificate.not_after > bindparam("good_at"))
)
_DAYS_LEFT = (_certificate.not_after - bindparam("now")) // _DAY
_DAYS = Statement(
    select(_DAYS_LEFT.label("days"), func.count())
    .where(_certificate.revoked_at.is_(None), _certificate.not_after > bindparam("good_at"))
    .group_by("days")
)
_LINEAGES = (
    select(_certificate.institution, _certificate.role, func.max(_certificate.not_after).label("last"))
    .where(_GOOD)
    .group_by(_certificate.institution, _certificate.role, _certificate.lineage)
    .subquery()
)
_ENDS = Statement(
    select(_LINEAGES.c.institution, _LINEAGES.c.role, func.min(_LINEAGES.c.last)).group_by(
        _LINEAGES.c.institution, _LINEAGES.c.role
    )
)
_ENDED = (
    select(_certificate.serial)
    .where(_certificate.not_after < bindparam("before"), _certificate.revoked_at.is_(None))
    .order_by(_certificate.not_after)
    .limit(bindparam("limit"))
)
_FORGET_ENDED = Statement(delete(_certificates).where(_certificate.serial.in_(_ENDED)))
_RUN_OUT = (
    select(_token.token_hash)
    .where(_token.expires_at < bindparam("before"))
    .order_by(_token.expires_at)
    .limit(bindparam("limit"))
)
_FORGET_RUN_OUT = Statement(delete(_tokens).where(_token.token_hash.in_(_RUN_OUT)))
_TOKEN = Statement(select(*_TOKEN_COLUMNS).where(_token.token_hash == bindparam("of_hash")))
_ENROLLMENT = Statement(select(*_TOKEN_COLUMNS).where(_token.enrollment_id == bindparam("of_id")))
_PENDING = Statement(
    select(*_TOKEN_COLUMNS)
    .where(
        _token.expires_at > bindparam("now"),
        _token.requested_at > 0,
        _token.decided_at.is_(None),
        _token.used_at.is_(None),
    )
    .order_by(_token.requested_at, _token.enrollment_id)
)
_PUT = upsert(_certificates)
_PUT_TOKEN = upsert(_tokens)
_USED = Statement(select(_challenges.c.used_at).where(_challenges.c.nonce == bindparam("of_nonce")))
_USE = insert(_challenges)
_FORGET = Statement(delete(_challenges).where(_challenges.c.used_at < bindparam("forget_before")))


def certificate(tx: Transaction, serial: str) -> CertificateRow | None:
    """See CertificateReader."""
    row = tx.row(_ONE, of_serial=serial)
    return CertificateRow(*row) if row else None


def certificate_of(tx: Transaction, fingerprint: str) -> CertificateRow | None:
    """See CertificateReader."""
    row = tx.row(_ONE_OF, of_fingerprint=fingerprint)
    return CertificateRow(*row) if row else None


def certificates(
    tx: Transaction, institution: str, good_at: Instant | None, after: tuple[Instant, str] | None, limit: int
) -> list[CertificateRow]:
    """See CertificateReader."""
    statement = _PAGES[bool(institution), good_at is not None]
    after_instant, after_serial = after or (-1, "")
    rows = tx.rows(
        statement,
        of_institution=institution,
        good_at=good_at,
        after=after_instant,
        after_serial=after_serial,
        limit=limit,
    )
    return [CertificateRow(*row) for row in rows]


def revocations(tx: Transaction) -> int:
    """See CertificateReader."""
    row = tx.row(_REVOCATIONS)
    return int(row[0]) if row else 0


def revoked_certificates(tx: Transaction, now: Instant) -> list[str]:
    """See CertificateReader."""
    return [fingerprint for (fingerprint,) in tx.rows(_REVOKED, good_at=now)]


def certificate_days(tx: Transaction, now: Instant) -> dict[int, int]:
    """See CertificateReader."""
    return {int(days): int(count) for days, count in tx.rows(_DAYS, now=now, good_at=now)}


def certificate_ends(tx: Transaction, now: Instant) -> dict[tuple[str, str], Instant]:
    """See CertificateReader."""
    return {(str(institution), str(role)): int(end) for institution, role, end in tx.rows(_ENDS, good_at=now)}


def forget_certificates(tx: Transaction, before: Instant, limit: int) -> None:
    """See CertificateWriter."""
    # Two lanes that removed the same rows would wait for each other.
    tx.lock((b"forget certificates",))
    tx.run(_FORGET_ENDED, before=before, limit=limit)
    tx.run(_FORGET_RUN_OUT, before=before, limit=limit)


def enrollment_token(tx: Transaction, token_hash: bytes) -> EnrollmentToken | None:
    """See CertificateReader."""
    row = tx.row(_TOKEN, of_hash=token_hash)
    return _token_of(row) if row else None


def enrollment(tx: Transaction, enrollment_id: bytes) -> EnrollmentToken | None:
    """See CertificateReader."""
    row = tx.row(_ENROLLMENT, of_id=enrollment_id)
    return _token_of(row) if row else None


def pending_enrollments(tx: Transaction, now: Instant) -> list[EnrollmentToken]:
    """See CertificateReader."""
    return [_token_of(row) for row in tx.rows(_PENDING, now=now)]


def put_certificate(tx: Transaction, row: CertificateRow) -> None:
    """See CertificateWriter."""
    tx.run(_PUT, **asdict(row))
    if row.revoked_at is not None:
        tell(tx, REVOCATIONS)


def put_enrollment_token(tx: Transaction, row: EnrollmentToken) -> None:
    """See CertificateWriter."""
    tx.run(_PUT_TOKEN, **asdict(row))


def use_challenge(tx: Transaction, nonce: bytes, at: Instant, forget_before: Instant) -> bool:
    """See CertificateWriter."""
    tx.lock((b"challenge " + nonce,))
    tx.run(_FORGET, forget_before=forget_before)
    if tx.row(_USED, of_nonce=nonce):
        return False
    tx.run(_USE, nonce=nonce, used_at=at)
    return True


def _token_of(row: Row) -> EnrollmentToken:
    values = dict(zip(EnrollmentToken.__dataclass_fields__, row, strict=True))
    for name in ("token_hash", "enrollment_id"):
        values[name] = bytes(values[name])
    for name in ("needs_approval", "approved"):
        values[name] = bool(values[name])
    return EnrollmentToken(**values)
