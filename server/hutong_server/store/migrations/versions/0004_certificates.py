"""Certificates, enrolment tokens, renewals."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "certificate",
        sa.Column("serial", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("authority", TEXT, nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("lineage", TEXT, nullable=False),
        sa.Column("renewed_from", TEXT, nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_because", TEXT, nullable=False),
        sa.Column("revoked_by", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificate")),
    )
    op.create_index("ix_certificate_fingerprint", "certificate", ["fingerprint"], unique=True)
    op.create_index("ix_certificate_not_after_serial", "certificate", ["not_after", "serial"])
    op.create_index(
        "ix_certificate_institution_not_after_serial", "certificate", ["institution", "not_after", "serial"]
    )
    op.create_index("ix_certificate_revoked_at", "certificate", ["revoked_at"])
    op.create_table(
        "enrollment_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("enrollment_id", sa.LargeBinary(), nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("made_by", TEXT, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("key_fingerprint", TEXT, nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("decided_by", TEXT, nullable=False),
        sa.Column("decided_because", TEXT, nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("serial", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_enrollment_token")),
    )
    op.create_index("ix_enrollment_token_enrollment_id", "enrollment_token", ["enrollment_id"], unique=True)
    op.create_index("ix_enrollment_token_expires_at", "enrollment_token", ["expires_at"])
    op.create_table(
        "renewal_challenge",
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_renewal_challenge")),
    )
    op.create_index("ix_renewal_challenge_used_at", "renewal_challenge", ["used_at"])
