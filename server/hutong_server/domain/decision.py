"""What a doctor decided on a line of a prompt, and what happened to the prompt on screen.

Nobody has to decide: what was not decided is not counted, and no answer is never a refusal. A decision never changes.
It is taken back by a record of its own, which may come before it: what stands does not depend on the order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant


class DecisionKind(StrEnum):
    """What was decided. Mirrors hutong.v1.DecisionKind."""

    RECOGNIZED = "recognized"
    """The earlier result is relied on (互认)."""
    REPEATED = "repeated"
    """The examination is repeated, on a ground of the region (重新检查的情形; 国卫医发〔2022〕6号)."""
    REVOKED = "revoked"
    """The decision on the line is taken back."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision, or its revocation. A line (prompt, item) has at most one of each."""

    patient_key: PatientKey
    """Under which the prompt stands."""
    prompt_id: bytes
    institution: str
    """That received the patient and decided."""
    item: str
    kind: DecisionKind
    ground: str
    """Code of the region's ground; for REPEATED."""
    report_id: bytes
    """The report of the line, its result and its version when it was offered."""
    ordinal: int
    version: int
    source: str
    """Code of the institution that issued it."""
    decided_at: Instant
    """Clinical time."""
    recorded: Instant
    """When the registry kept it."""
    department: str = ""
    encounter: bytes = b""
    """Digest of the visit within the institution (see asking.encounter_of)."""
    price_fen: int | None = None
    """The receiving institution's price of the item on the day of the decision, in 0.01 yuan; None: unpriced."""
    text: str = ""
    practitioner: str = ""
    encounter_id: str = ""
    """The visit as the institution named it."""
    report_key: PatientKey = b""
    """Under which the report stood."""

    @property
    def said(self) -> tuple[DecisionKind, str, str, Instant]:
        """What makes two of one line the same."""
        return self.kind, self.ground, self.text, self.decided_at


def standing_items(decisions: Iterable[Decision]) -> frozenset[str]:
    """Codes of the items on which a decision stands that was not taken back."""
    made: set[tuple[bytes, str]] = set()
    revoked: set[tuple[bytes, str]] = set()
    for each in decisions:
        (revoked if each.kind is DecisionKind.REVOKED else made).add((each.prompt_id, each.item))
    return frozenset(item for _, item in made - revoked)


class PromptEventKind(StrEnum):
    """What happened on screen. Mirrors hutong.v1.PromptEventKind."""

    SHOWN = "shown"
    OPENED = "opened"
    DISMISSED = "dismissed"
    CITED = "cited"
    REORDERED = "reordered"


OF_PROMPTS = frozenset({PromptEventKind.SHOWN, PromptEventKind.DISMISSED})
"""What can happen to a prompt as a whole; everything can happen to a line."""


@dataclass(frozen=True, slots=True)
class PromptEvent:
    """One event. The same prompt, item, kind and time is the same event."""

    patient_key: PatientKey
    prompt_id: bytes
    item: str
    """"": the prompt as a whole."""
    kind: PromptEventKind
    at: Instant
    """Clinical time."""
    institution: str
    source: str
    """Code of the institution that issued the line's result; "" for the prompt as a whole."""
    department: str
    recorded: Instant
