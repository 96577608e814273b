"""A bounded memory for answers that depend on their key alone."""

from typing import TypeVar

K = TypeVar("K")
L = TypeVar("L")
V = TypeVar("V")

LIMIT = 100_000
"""Answers remembered at most, per memory, unless it says otherwise."""


class Memory(dict[K, V]):
    """Forgets everything when it is full: what is remembered can always be worked out again. Safe between threads."""

    def __init__(self, limit: int = 0) -> None:
        """`limit` 0: LIMIT."""
        super().__init__()
        self._limit = limit

    def keep(self, key: K, value: V) -> V:
        """Remembers and returns the value."""
        if len(self) >= (self._limit or LIMIT):
            self.clear()
        self[key] = value
        return value


class Memories(dict[K, dict[L, V]]):
    """A memory of two keys, for a first one that many second ones share. Forgets as Memory does."""

    def __init__(self, limit: int = 0) -> None:
        super().__init__()
        self._limit = limit
        self._count = 0

    def under(self, key: K) -> dict[L, V]:
        """What is remembered under the first key."""
        found = self.get(key)
        if found is None:
            self._make_room()
            found = self[key] = {}
        return found

    def keep(self, under: dict[L, V], key: L, value: V) -> V:
        """Remembers and returns the value."""
        self._make_room()
        under[key] = value
        return value

    def _make_room(self) -> None:
        self._count += 1
        if self._count > (self._limit or LIMIT):
            self.clear()
            self._count = 0
