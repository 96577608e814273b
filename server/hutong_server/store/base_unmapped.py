"""What use cases ask of a store about codes that lead nowhere and what else is counted of intake.

Part of Reader and Writer of store/base.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hutong_server.domain.report import Instant


@dataclass(frozen=True, slots=True)
class UnmappedRow:
    """A code of an institution that led nowhere, and how often."""

    code_key: bytes
    """Keyed digest of institution, system and code."""
    institution: str
    occurrences: int
    first_seen: Instant
    last_seen: Instant
    rules_version: int
    """Under which it was last seen to lead nowhere."""
    system: str
    code: str
    """"" for words that came with too few patients, and for what may not be told."""
    display: str
    patients: tuple[bytes, ...]
    """Digests of the first patients with whom its words came."""


class UnmappedReader(Protocol):
    """The part of Reader."""

    def unmapped_codes(self, institution: str = "") -> list[UnmappedRow]:
        """All, or those of one institution; any order."""

    def unmapped_rows(self, keys: Sequence[bytes]) -> list[UnmappedRow]:
        """Those under these keys."""

    def unmapped_count(self, institution: str) -> int:
        """How many codes an institution has here."""

    def results_seen(self) -> dict[str, int]:
        """By institution: how many results have been looked at."""

    def intake_counts(self, institution: str, first_day: str, last_day: str) -> dict[str, int]:
        """Kind (see domain/intake.py) → reports of an institution taken in on these days (YYYY-MM-DD, inclusive)."""


class UnmappedWriter(Protocol):
    """The part of Writer."""

    def put_unmapped(self, rows: Sequence[UnmappedRow]) -> None:
        """Adds or replaces by key."""

    def add_results_seen(self, institution: str, count: int) -> None: ...
    def add_intake(self, counts: Mapping[tuple[str, str, str], int]) -> None:
        """Adds to what is counted by (institution, day, kind)."""
