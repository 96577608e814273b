"""Directives, break-glass and its reviews."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the tables."""
