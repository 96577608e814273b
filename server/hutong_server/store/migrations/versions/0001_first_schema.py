"""The first schema. What each column is for stands in store/tables.py."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Sealed blobs do not compress; the row that charts are answered from stays in one place up to 8 kB.
POSTGRESQL_STORAGE = (
    "ALTER TABLE report ALTER COLUMN body SET STORAGE EXTERNAL",
    "ALTER TABLE report SET (toast_tuple_target = 8160)",
    "ALTER TABLE report_version ALTER COLUMN head SET STORAGE EXTERNAL",
    "ALTER TABLE report_version ALTER COLUMN images SET STORAGE EXTERNAL",
    "ALTER TABLE report_version ALTER COLUMN document SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    """Makes every table."""
    op.create_table(
        "access_record",
        sa.Column("record_id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("patient_keys", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_access_record")),
    )
    op.create_table(
        "catalog_version",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("comment", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_catalog_version")),
    )
    op.create_table(
        "feed_status",
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("feed", TEXT, nullable=False),
        sa.Column("position", TEXT, nullable=False),
        sa.Column("last_received", sa.BigInteger(), nullable=False),
        sa.Column("longest_gap", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("institution", "feed", name=op.f("pk_feed_status")),
    )
    op.create_table(
        "held_report",
        sa.Column("held_id", sa.LargeBinary(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("placed", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("held_id", name=op.f("pk_held_report")),
    )
    op.create_index("ix_held_report_received_held_id", "held_report", ["received", "held_id"], unique=False)
    op.create_table(
        "identity",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("report_id", sa.LargeBinary(), nullable=False),
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("current_version", sa.Integer(), nullable=False),
        sa.Column("derived", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.Column("former_keys", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_identity")),
    )
    op.create_index(op.f("ix_identity_report_id"), "identity", ["report_id"], unique=False)
    op.create_table(
        "institution",
        sa.Column("code", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("tier", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("alliances", TEXT, nullable=False),
        sa.Column("identifiers", TEXT, nullable=False),
        sa.Column("feed_interval_hours", sa.Integer(), nullable=False),
        sa.Column("access_suspended", sa.Boolean(), nullable=False),
        sa.Column("quality_suspended_since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_institution")),
    )
    op.create_table(
        "patient",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("demographics", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_patient")),
    )
    op.create_index(op.f("ix_patient_person"), "patient", ["person"], unique=False)
    op.create_table(
        "patient_step",
        sa.Column("step_id", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_patient_step")),
    )
    op.create_table(
        "patient_token",
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("token", "patient_key", name=op.f("pk_patient_token")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "prompt",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("prompt_id", sa.LargeBinary(), nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("rules_version", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", "prompt_id", name=op.f("pk_prompt")),
    )
    op.create_table(
        "report",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("report_id", sa.LargeBinary(), nullable=False),
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", "report_id", name=op.f("pk_report")),
    )
    op.create_index("ix_report_institution_held", "report", ["institution", "held"], unique=False)
    op.create_table(
        "report_version",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("report_id", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("images", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", "report_id", "version", name=op.f("pk_report_version")),
    )
    op.create_table(
        "catalog_entry",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("added_in", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("removed_in", sa.BigInteger(), nullable=True),
        sa.Column("body", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["added_in"], ["catalog_version.version"], name=op.f("fk_catalog_entry_added_in_catalog_version")
        ),
        sa.ForeignKeyConstraint(
            ["removed_in"], ["catalog_version.version"], name=op.f("fk_catalog_entry_removed_in_catalog_version")
        ),
        sa.PrimaryKeyConstraint("kind", "key", "added_in", name=op.f("pk_catalog_entry")),
    )
    op.create_table(
        "patient_step_record",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("step_id", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["step_id"], ["patient_step.step_id"], name=op.f("fk_patient_step_record_step_id_patient_step")
        ),
        sa.PrimaryKeyConstraint("patient_key", "step_id", name=op.f("pk_patient_step_record")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        for statement in POSTGRESQL_STORAGE:
            op.execute(statement)
