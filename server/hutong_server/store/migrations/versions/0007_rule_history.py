"""Imports that wait for their day, codes that lead nowhere."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Makes them."""
    # Nothing yet.
