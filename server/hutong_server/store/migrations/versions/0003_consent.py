"""Directives, break-glass and its reviews."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "consent_entry",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.LargeBinary(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", "entry_id", name=op.f("pk_consent_entry")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_consent_entry_kind_at_entry_id", "consent_entry", ["kind", "at", "entry_id"], unique=False)
