"""What was taken in of each institution, day by day; from which month on the raw rows of statistics are all there."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes them."""
    op.create_table(
        "intake_count",
        sa.Column("institution", TEXT, nullable=False),
        sa.Column("day", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("reports", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("institution", "day", "kind", name=op.f("pk_intake_count")),
        sqlite_with_rowid=False,
    )
    op.add_column("statistics_run", sa.Column("forgotten", TEXT, nullable=True))
