"""What was there for the orders of a month, and what became of it."""

from dataclasses import dataclass

RECOGNIZED, REPEATED, SILENT, REVOKED, EMERGENCY = "recognized", "repeated", "silent", "revoked", "emergency"

_LEVEL = {"village": 0, "township": 1, "secondary": 2, "private": 2, "tertiary": 3}


@dataclass(slots=True)
class Offer:
    """One result that could be reused for one item of one order."""

    visit: str
    signing: int
    """Which signing of the visit, from 0."""
    receiver: str
    """Tier of the institution that asked."""
    source: str
    """Tier of the institution that issued the result."""
    order: str
    """Kind of panel or examination."""
    item: str
    price: int | None
    """The receiving institution's, in fen; None: it has none."""
    partly: bool
    """The order has other items for which there was nothing."""
    asked_before: int
    """Questions of the visit before this one."""
    became: str
    """RECOGNIZED, REPEATED (on a ground), SILENT (repeated, nothing said), REVOKED or EMERGENCY (not asked)."""

    @property
    def direction(self) -> str:
        """ "down" (a higher tier's result), "same", "up", or "center": from a laboratory or reading center."""
        if self.source not in _LEVEL or self.receiver not in _LEVEL:
            return "center"
        higher = _LEVEL[self.source] - _LEVEL[self.receiver]
        return "down" if higher > 0 else "up" if higher < 0 else "same"

    @property
    def question(self) -> tuple[str, int]:
        """The question that it was part of."""
        return self.visit, self.signing
