"""Decisions and events on screen."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "decision",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("prompt_id", sa.LargeBinary(), nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("revokes", sa.Boolean(), nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("ground", TEXT, nullable=False),
        sa.Column("report_id", sa.LargeBinary(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("department", TEXT, nullable=False),
        sa.Column("encounter", sa.LargeBinary(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", "prompt_id", "item", "revokes", name=op.f("pk_decision")),
    )
    op.create_index("ix_decision_prompt_id", "decision", ["prompt_id"])
    op.create_index("ix_decision_recorded", "decision", ["recorded"])
    op.create_index("ix_decision_institution_decided_at", "decision", ["institution", "decided_at"])
    op.create_table(
        "prompt_event",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("prompt_id", sa.LargeBinary(), nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("department", TEXT, nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", "prompt_id", "item", "kind", "at", name=op.f("pk_prompt_event")),
    )
    op.create_index("ix_prompt_event_prompt_id", "prompt_event", ["prompt_id"])
    op.create_index("ix_prompt_event_recorded", "prompt_event", ["recorded"])
    op.create_index("ix_prompt_event_institution_at", "prompt_event", ["institution", "at"])
