"""Who relied on a report, and what they are told when it changes. Pure.

A reliance is a fact: an institution opened, cited or recognised a version of a report in a visit. A notice says that
a report that was relied on has changed, and how; it holds no values.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant


class How(StrEnum):
    """How an institution relied on a report, the weakest way first. Mirrors hutong.v1.Reliance."""

    OPENED = "opened"
    CITED = "cited"
    RECOGNIZED = "recognized"


class NoticeKind(StrEnum):
    """What kind of change it was. Mirrors hutong.v1.NoticeKind."""

    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    NOT_REUSABLE = "not_reusable"
    PATIENT_CHANGED = "patient_changed"
    WITHHELD = "withheld"


_STRENGTH = {how: strength for strength, how in enumerate(How)}


@dataclass(frozen=True, slots=True)
class Reliance:
    """An institution relied on a version of a report. The same reliance is recorded once."""

    patient_key: PatientKey
    """Under which the report stood then."""
    report_id: bytes
    version: int
    institution: str
    """Who relied on it."""
    issuer: str
    how: How
    at: Instant
    """When, by clinical time."""
    visit: bytes
    """Digest of the visit within the institution (see asking.encounter_of)."""
    encounter: str
    """The visit as the institution names it; kept sealed."""
    practitioner: str
    """Kept sealed."""
    prompt_id: bytes = b""
    """In which the report was offered, if any."""
    item: str = ""
    """Code of the recognised item that was relied on; "" for a report that was only opened."""
    ordinal: int = -1
    """Of the result within the report; -1 for the report as a whole."""
    judged_at: Instant | None = None
    """The moment at which the result was judged reusable: the prompt's; None: `at`."""
    department: str = ""
    fallen: bool = False
    """Whether the institution was told that the result would not have been reusable."""

    @property
    def judged(self) -> Instant:
        """The moment at which it is judged again."""
        return self.at if self.judged_at is None else self.judged_at


@dataclass(frozen=True, slots=True)
class Notice:
    """What an institution is told, until it acknowledges it."""

    institution: str
    notice_id: bytes
    """16 bytes."""
    kind: NoticeKind
    patient_key: PatientKey
    """Under which the report was relied on."""
    report_id: bytes
    issuer: str
    how: How
    encounter: str
    practitioner: str
    relied_at: Instant
    created_at: Instant
    item: str = ""
    ordinal: int = -1
    reasons: tuple[str, ...] = ()
    """Of NOT_REUSABLE."""
    number: int = 0
    """Place in the order of the institution's notices; given by the store."""
    acknowledged_at: Instant | None = None
    hidden: bool = False
    """Whether the patient's consent withheld it when it was last looked at."""


def strongest(reliances: Iterable[Reliance]) -> Reliance:
    """The strongest reliance, of these the latest. Raises ValueError for none."""
    return max(reliances, key=lambda each: (_STRENGTH[each.how], each.at, each.visit, each.item))
