"""Wrapped data keys, sealed identifiers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables. What stood before has no identifier beside its token, and no institution beside its version."""
    op.create_table(
        "data_key",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("suite", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_data_key")),
    )
    op.create_table(
        "key_wrap",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kek", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", "kek", name=op.f("pk_key_wrap")),
    )
    op.add_column("patient_token", sa.Column("token_key", sa.Integer(), nullable=True))
    op.add_column("patient_token", sa.Column("identifier", sa.LargeBinary(), nullable=True))
    op.add_column("report_version", sa.Column("institution", TEXT, nullable=True))
