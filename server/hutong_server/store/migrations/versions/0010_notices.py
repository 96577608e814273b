"""Who relied on what, and what they are told."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Makes them."""
    # Nothing yet.
