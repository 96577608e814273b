"""What prompts are counted by."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes them."""
    op.add_column("prompt", sa.Column("kind", TEXT, nullable=True))
    op.add_column("prompt", sa.Column("department", TEXT, nullable=True))
    op.add_column("prompt", sa.Column("encounter", sa.LargeBinary(), nullable=True))
    op.add_column("prompt", sa.Column("recorded", sa.BigInteger(), nullable=True))
    op.create_index("ix_prompt_prompt_id", "prompt", ["prompt_id"])
    op.create_index("ix_prompt_recorded", "prompt", ["recorded"])
