"""On SQLite leaves stand in files beside the database, one for each process: which, by log."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("ledger_log", sa.Column("file", sa.BigInteger(), nullable=True))
