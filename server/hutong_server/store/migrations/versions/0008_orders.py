"""Changes of a patient, counted."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Makes them."""
    # Nothing yet.
