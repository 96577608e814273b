"""What the use cases of certificates ask of a store and of a certificate authority, in their own words.

Reader and Writer of base.py include these questions. Instants are milliseconds since 1970-01-01T00:00:00Z.
"""

from dataclasses import dataclass
from typing import Protocol

from hutong_server.domain.report import Instant


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A client certificate that the registry issued."""

    serial: str
    """Hex."""
    fingerprint: str
    """SHA-256 of its DER form, hex."""
    institution: str
    role: str
    authority: str
    """Key id of the issuing authority, hex."""
    not_before: Instant
    not_after: Instant
    lineage: str
    """Serial number of the first certificate of this chain of renewals: who holds it stays the same."""
    renewed_from: str = ""
    revoked_at: Instant | None = None
    revoked_because: str = ""
    revoked_by: str = ""


@dataclass(frozen=True, slots=True)
class EnrollmentToken:
    """A one-time token and what became of it. The token itself is not kept."""

    token_hash: bytes
    """SHA-256."""
    enrollment_id: bytes
    """16 random bytes: its name in lists."""
    institution: str
    role: str
    made_by: str
    """Who made it; see usecases.certificates.administrator."""
    made_at: Instant
    expires_at: Instant
    needs_approval: bool
    key_fingerprint: str = ""
    """SHA-256 of the public key that asked first, hex: while it waits, no other key may take its place."""
    requested_at: Instant | None = None
    decided_at: Instant | None = None
    approved: bool = False
    decided_by: str = ""
    decided_because: str = ""
    used_at: Instant | None = None
    serial: str = ""
    """Of the certificate that it was exchanged for."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that an authority signed."""

    chain: bytes
    """PEM, leaf first, without the root."""
    serial: str
    fingerprint: str
    authority: str
    not_before: Instant
    not_after: Instant


class CertificateRequest(Protocol):
    """A checked PKCS#10 request: its proof of possession holds and its key is strong. Names in it count for nothing."""

    @property
    def key_fingerprint(self) -> str:
        """SHA-256 of the public key (SubjectPublicKeyInfo), hex."""


class CertificateReader(Protocol):
    """Questions about certificates."""

    def certificate(self, serial: str) -> CertificateRow | None: ...
    def certificate_of(self, fingerprint: str) -> CertificateRow | None: ...
    def certificates(
        self, institution: str, good_at: Instant | None, after: tuple[Instant, str] | None, limit: int
    ) -> list[CertificateRow]:
        """By (not_after, serial). `institution` empty: all. `good_at`: without those expired or revoked by then."""

    def revocations(self) -> int:
        """How many certificates were ever revoked: grows with each revocation."""

    def revoked_certificates(self, now: Instant) -> list[str]:
        """Fingerprints of the revoked ones that would be good otherwise."""

    def certificate_days(self, now: Instant) -> dict[int, int]:
        """Whole days left → certificates that are good."""

    def certificate_ends(self, now: Instant) -> dict[tuple[str, str], Instant]:
        """(institution, role) → when the first of its holders is left without a good certificate.

        A holder is a lineage: what was renewed already counts by its newest.
        """

    def enrollment_token(self, token_hash: bytes) -> EnrollmentToken | None: ...
    def enrollment(self, enrollment_id: bytes) -> EnrollmentToken | None: ...
    def pending_enrollments(self, now: Instant) -> list[EnrollmentToken]:
        """Asked for, not decided, not expired; oldest first."""


class CertificateWriter(CertificateReader, Protocol):
    """Changes of certificates."""

    def put_certificate(self, row: CertificateRow) -> None:
        """Adds or replaces by serial number."""

    def forget_certificates(self, before: Instant, limit: int) -> None:
        """Removes so many at most of those that ended before `before`, and of such tokens; revoked ones stay."""

    def put_enrollment_token(self, row: EnrollmentToken) -> None:
        """Adds or replaces by hash."""

    def use_challenge(self, nonce: bytes, at: Instant, forget_before: Instant) -> bool:
        """Marks a challenge as used; False when it was already. Forgets those used before `forget_before`."""
