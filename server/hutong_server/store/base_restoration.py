"""What the use cases ask of a store about restores. Instants are milliseconds since 1970-01-01T00:00:00Z."""

from dataclasses import dataclass
from typing import Protocol

from hutong_server.domain.report import Instant
from hutong_server.domain.restored import Unresumed


@dataclass(frozen=True, slots=True)
class Restoration:
    """The database was put back from a backup."""

    number: int
    """From 1; the highest counts."""
    at: Instant
    reaches: Instant
    """How far the database had come: when its newest checkpoint was signed."""
    settled: Instant | None = None
    """When withdrawals and the like of the time since had been replayed, or their loss accepted; None: not yet."""
    lost_since: Instant | None = None
    """From when on they are lost; None where they were replayed."""
    excused: tuple[str, ...] = ()
    """Institutions that count as resumed though a feed of theirs has not gone on."""


class RestorationReader(Protocol):
    """See Reader."""

    def restoration(self) -> Restoration | None:
        """The newest restore; None when there never was one."""

    def unresumed(self) -> Unresumed:
        """Whose results cannot be relied on since the newest restore."""


class RestorationWriter(RestorationReader, Protocol):
    """See Writer."""

    def put_restoration(self, restoration: Restoration) -> None:
        """Adds or replaces by number."""
