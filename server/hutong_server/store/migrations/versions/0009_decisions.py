"""Decisions and events on screen."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes them."""
    # Nothing yet.
