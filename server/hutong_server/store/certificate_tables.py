"""Certificates, enrolment tokens, renewals: the tables. See tables.py for what holds of all."""

from sqlalchemy import Boolean, Column, Index, Table

from hutong_server.store.tables import INSTANT, KEY, TEXT, metadata

certificate = Table(
    "certificate",
    metadata,
    Column("serial", TEXT, primary_key=True),
    Column("fingerprint", TEXT, nullable=False),
    Column("institution", TEXT, nullable=False),
    Column("role", TEXT, nullable=False),
    Column("authority", TEXT, nullable=False),
    Column("not_before", INSTANT, nullable=False),
    Column("not_after", INSTANT, nullable=False),
    Column("lineage", TEXT, nullable=False),
    Column("renewed_from", TEXT, nullable=False),
    Column("revoked_at", INSTANT),
    Column("revoked_because", TEXT, nullable=False),
    Column("revoked_by", TEXT, nullable=False),
    Index("ix_certificate_fingerprint", "fingerprint", unique=True),
    Index("ix_certificate_not_after_serial", "not_after", "serial"),
    Index("ix_certificate_institution_not_after_serial", "institution", "not_after", "serial"),
    Index("ix_certificate_revoked_at", "revoked_at"),
)

enrollment_token = Table(
    "enrollment_token",
    metadata,
    Column("token_hash", KEY, primary_key=True),
    Column("enrollment_id", KEY, nullable=False),
    Column("institution", TEXT, nullable=False),
    Column("role", TEXT, nullable=False),
    Column("made_by", TEXT, nullable=False),
    Column("made_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("needs_approval", Boolean, nullable=False),
    Column("key_fingerprint", TEXT, nullable=False),
    Column("requested_at", INSTANT),
    Column("decided_at", INSTANT),
    Column("approved", Boolean, nullable=False),
    Column("decided_by", TEXT, nullable=False),
    Column("decided_because", TEXT, nullable=False),
    Column("used_at", INSTANT),
    Column("serial", TEXT, nullable=False),
    Index("ix_enrollment_token_enrollment_id", "enrollment_id", unique=True),
    Index("ix_enrollment_token_expires_at", "expires_at"),
)

renewal_challenge = Table(
    "renewal_challenge",
    metadata,
    Column("nonce", KEY, primary_key=True),
    Column("used_at", INSTANT, nullable=False),
    Index("ix_renewal_challenge_used_at", "used_at"),
)
