"""The access ledger. What each column is for stands in store/ledger_tables.py."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the tables; rows of before stay as they are, outside of every log."""
    op.add_column("access_record", sa.Column("log_id", sa.LargeBinary(), nullable=True))
    op.add_column("access_record", sa.Column("leaf_index", sa.BigInteger(), nullable=True))
    op.add_column("access_record", sa.Column("leaf_hash", sa.LargeBinary(), nullable=True))
    op.create_index("ix_access_record_log_id_leaf_index", "access_record", ["log_id", "leaf_index"], unique=True)
    op.create_table(
        "ledger_log",
        sa.Column("log_id", sa.LargeBinary(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("cut", sa.BigInteger(), nullable=False),
        sa.Column("cut_nodes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", name=op.f("pk_ledger_log")),
    )
    op.create_table(
        "ledger_root",
        sa.Column("leaf_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("leaf_index", name=op.f("pk_ledger_root")),
    )
    op.create_table(
        "ledger_checkpoint",
        sa.Column("log_id", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log_id", "size", name=op.f("pk_ledger_checkpoint")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_subject",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_id", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("patient_key", "at", "log_id", "leaf_index", name=op.f("pk_ledger_subject")),
        sqlite_with_rowid=False,
    )
