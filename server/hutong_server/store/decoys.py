"""Rows that are nobody's: opened where there is none, so that nothing takes as long as something.

How long an answer takes must not tell whether the registry knows a patient, or whether the patient withholds: opening
a sealed row takes tens of microseconds, which some thousand calls show.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

_MANY = 8
"""Of each kind, in turn: one alone would be open in the processor's caches, which real rows are not."""


class Decoys:
    """Of one connection."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[str, deque[tuple[Any, ...]]] = {}

    def row(self, kind: str, make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
        """A row of that kind; made when there are few."""
        rows = self._rows.setdefault(kind, deque())
        if len(rows) < _MANY:
            rows.append(make())
        rows.rotate()
        return rows[0]

    def forget(self) -> None:
        """The key under which they were sealed is gone."""
        self._rows.clear()
