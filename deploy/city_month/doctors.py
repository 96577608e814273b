"""How the doctors of the made city decide: propensities, each with where it is from, and the draws.

A figure is either published (see docs/city-month.md) or an assumption of ours, named as one; the report varies what
matters most. Draws come from the seed and from what they are about, never from an answer's ids: the same seed decides
the same.
"""

from dataclasses import dataclass
from random import Random

from hutong_client.city.model import seeded

HARD_STOP = 0.92
"""Duplicates that a hard stop avoids (published). Hutong has none: the physician's judgement is the standard."""
PUBLISHED = {"low": 0.04, "middle": 0.43, "high": 0.51}
"""Acceptance of a first question: 49 to 96 % of alerts are overridden; a bypassable alert avoids 43 % of duplicates."""


@dataclass(frozen=True, slots=True)
class Propensities:
    """How likely what is."""

    recognize: float = PUBLISHED["middle"]
    """Published: a bypassable alert avoids 43 % of duplicates."""
    fatigue: float = 0.7
    """Published: each further reminder in one encounter cuts acceptance by 30 %."""
    partly: float = 0.5
    """Assumed: how much less likely a panel of which only a part is there is recognised."""
    answer: float = 0.5
    """Assumed: of what is not recognised, how much is repeated on a ground; for the rest, nothing is said."""
    two_signings: float = 0.2
    """Assumed: visits with several orders in which the first is signed before the others are thought of."""
    look: float = 0.3
    """Assumed: charts with a prompt of which one report is opened."""
    cite: float = 0.8
    """Assumed: recognised results that are put into the chart."""
    late: float = 0.1
    """Assumed: decisions that reach the registry hours or days later."""
    revoke: float = 0.01
    """Assumed: recognised orders that are taken back, and measured after all."""
    emergency: float = 0.05
    """Assumed: visits that are emergencies; no question is asked in them."""


GROUNDS = (("1", 35), ("2", 30), ("3", 15), ("5", 5), ("6", 15))
"""Assumed: which of the national grounds is named how often. Ground 4 is the emergency, which is not asked."""
WORDS = "患者要求复查"
"""For the ground that asks for words."""


class Doctor:
    """The doctor of one visit."""

    def __init__(self, seed: int, visit: str, given: Propensities) -> None:
        self._seed, self._visit, self._given = seed, visit, given

    def signs_twice(self, orders: int) -> bool:
        """Whether the first order is signed before the others."""
        return orders > 1 and self._draw("signings").random() < self._given.two_signings

    def is_emergency(self) -> bool:
        """Whether the visit is one."""
        return self._draw("emergency").random() < self._given.emergency

    def looks(self) -> bool:
        """Whether a report is opened when the chart is."""
        return self._draw("look").random() < self._given.look

    def recognizes(self, kind: str, *, partly: bool, asked_before: int, base: float | None = None) -> bool:
        """Whether an order is dropped for what is there; `base`: as if that were the acceptance of a first question."""
        likely = (self._given.recognize if base is None else base) * self._given.fatigue**asked_before
        return self._draw("recognize", kind).random() < likely * (self._given.partly if partly else 1)

    def ground(self, kind: str) -> str:
        """The ground on which an order is repeated; empty: none is named."""
        draw = self._draw("ground", kind)
        if draw.random() >= self._given.answer:
            return ""
        return draw.choices([code for code, _ in GROUNDS], [weight for _, weight in GROUNDS])[0]

    def cites(self, kind: str) -> bool:
        """Whether the recognised results are put into the chart."""
        return self._draw("cite", kind).random() < self._given.cite

    def hours_late(self, signing: int) -> float:
        """How late the decisions of a signing reach the registry; 0 for most."""
        draw = self._draw("late", signing)
        return draw.uniform(1, 72) if draw.random() < self._given.late else 0.0

    def hours_until_revoked(self, kind: str) -> float:
        """After how long a recognition is taken back; 0 for most, which stand."""
        draw = self._draw("revoke", kind)
        return draw.uniform(1, 4) if draw.random() < self._given.revoke else 0.0

    def _draw(self, *what: object) -> Random:
        return seeded(self._seed, "doctor", self._visit, *what)
