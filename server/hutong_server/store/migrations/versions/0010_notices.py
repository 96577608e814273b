"""Who relied on what, and what they are told."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "reliance",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("report_id", sa.LargeBinary(), nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("visit", sa.LargeBinary(), nullable=False),
        sa.Column("prompt_id", sa.LargeBinary(), nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("how", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("issuer", TEXT, nullable=False),
        sa.Column("department", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=True),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("fallen", sa.Boolean(), nullable=False),
        sa.Column("who", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "patient_key",
            "report_id",
            "institution",
            "visit",
            "prompt_id",
            "item",
            "how",
            "version",
            name=op.f("pk_reliance"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_reliance_recorded", "reliance", ["recorded"])
    judged = sa.text("how <> 'opened'")
    op.create_index("ix_reliance_judged", "reliance", ["recorded"], sqlite_where=judged, postgresql_where=judged)
    op.create_table(
        "notice",
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("notice_id", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("report_id", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("institution", "notice_id", name=op.f("pk_notice")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_notice_institution_number", "notice", ["institution", "number"])
    waiting = sa.text("acknowledged_at IS NULL")
    op.create_index(
        "ix_notice_waiting", "notice", ["institution", "number"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_table(
        "notice_head",
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("institution", name=op.f("pk_notice_head")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notice_sweep",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_notice_sweep")),
    )
    # Null in rows of before: not withheld.
    op.add_column("identity", sa.Column("withheld", sa.Boolean(), nullable=True))
