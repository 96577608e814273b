"""What housekeeping asks of a store: what may be forgotten. Part of Reader and Writer of store/base.py."""

from collections.abc import Sequence
from typing import Final, Protocol

from hutong_server.domain.report import Instant

Place = tuple[object, ...]
"""Where a row stands in the order in which a rule goes through its table."""

FORGETTABLE: Final = (
    "prompts",
    "events",
    "reliances",
    "notices",
    "certificates",
    "tokens",
    "challenges",
    "imports",
    "codes",
    "intake",
)
"""What there are rules for, in the order in which they are applied: events go once their prompt is gone."""


class HousekeepingReader(Protocol):
    """The part of Reader."""

    def old_count(self, what: str, before: Instant) -> int:
        """How many rows of one of FORGETTABLE may be forgotten that are older than `before`."""

    def old_rows(self, what: str, before: Instant, after: Place | None, limit: int) -> list[Place]:
        """The places of the first rows that are old, or of the first after a place, in their order. Some of them may be
        kept all the same."""


class HousekeepingWriter(HousekeepingReader, Protocol):
    """The part of Writer."""

    def forget(self, what: str, before: Instant, places: Sequence[Place]) -> int:
        """Removes those that may be forgotten; how many. What somebody relied on by now is none of them."""
