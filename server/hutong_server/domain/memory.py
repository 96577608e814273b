"""A bounded memory for answers that depend on their key alone."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

LIMIT = 100_000
"""Answers remembered at most, per memory."""


class Memory(dict[K, V]):
    """Forgets everything when it is full: what is remembered can always be worked out again. Safe between threads."""

    def keep(self, key: K, value: V) -> V:
        """Remembers and returns the value."""
        if len(self) >= LIMIT:
            self.clear()
        self[key] = value
        return value
