"""Changes of a patient, counted."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Makes the table. A patient who has no row has not changed since."""
    op.create_table(
        "patient_change",
        sa.Column("patient_key", sa.LargeBinary(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", name=op.f("pk_patient_change")),
        sqlite_with_rowid=False,
    )
