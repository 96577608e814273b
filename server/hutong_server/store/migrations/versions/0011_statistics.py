"""Roll-ups."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTS = (
    "prompts",
    "reminders",
    "returned",
    "shown",
    "opened",
    "dismissed",
    "cited",
    "reordered",
    "recognized",
    "repeated",
    "refused",
    "revoked",
    "savings_fen",
    "unpriced",
)
KEYS = ("period", "receiver", "source", "department", "specialty", "item", "ground")


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "statistics_count",
        sa.Column("cuboid", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in KEYS),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("cuboid", *KEYS, name=op.f("pk_statistics_count")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_statistics_count_source_period",
        "statistics_count",
        ["source", "period"],
        sqlite_where=sa.text("cuboid = 0"),
        postgresql_where=sa.text("cuboid = 0"),
    )
    op.create_table(
        "statistics_position",
        sa.Column("raw", TEXT, nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("raw", name=op.f("pk_statistics_position")),
    )
    op.create_table(
        "statistics_run",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.Column("counted_until", sa.BigInteger(), nullable=False),
        sa.Column("time_zone", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_statistics_run")),
    )
    op.create_index("ix_prompt_institution_at", "prompt", ["institution", "at"])
    op.create_index("ix_reliance_prompt_id", "reliance", ["prompt_id"])
