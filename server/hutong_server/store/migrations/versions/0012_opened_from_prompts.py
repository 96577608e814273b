"""Reports opened from a prompt are judged again, too: the index of the others serves nobody any more."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Drops it."""
    op.drop_index("ix_reliance_judged", "reliance")
