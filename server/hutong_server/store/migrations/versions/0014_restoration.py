"""Restores of the registry, and what of them is not settled yet."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes it."""
    op.create_table(
        "restoration",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reaches", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=True),
        sa.Column("lost_since", sa.BigInteger(), nullable=True),
        sa.Column("excused", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_restoration")),
    )
