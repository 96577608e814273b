"""Housekeeping: what is old enough to be forgotten, and forgetting it a few rows at a time, beside the calls.

Never forgotten: reports and their documents, patients and steps, directives and emergencies, decisions, what is held,
notices that nobody acknowledged. The access ledger has a rule of its own (`hutong-server audit retain`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hutong_server.domain.report import Instant
from hutong_server.store.base import AccessRecord, Reader, Writer
from hutong_server.store.base_housekeeping import FORGETTABLE, Place
from hutong_server.usecases.enroll import CHALLENGE_LIFE, KEPT

METHOD = "Housekeeping"
BATCH = 200
"""Rows of one commit: some ten milliseconds for which calls that write wait."""
_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days what is kept."""

    prompts: int
    """Prompts on which nobody relied or decided, and what happened to them on screen."""
    reliances: int
    """Who opened, cited or recognized which report: as long as the charts that they went into."""
    notices: int
    """From their acknowledgment."""
    records: int
    """Everything else: codes that lead nowhere, counts of intake, imports that were called off, spent tokens."""
    renewal_grace: float
    """How long an ended certificate can still be renewed: it is listed until `records` after that, at most."""


def horizons(keep: Keep, now: Instant, months: Instant) -> dict[str, Instant]:
    """One of FORGETTABLE → the instant before which it is old. `months`: raw rows of statistics that may go."""

    def ago(days: float) -> Instant:
        return now - round(days * _DAY)

    ended = ago(keep.renewal_grace) - max(KEPT, keep.records * _DAY)
    found = {
        "prompts": min(months, ago(keep.prompts)),
        "events": min(months, ago(keep.prompts)),
        # What was opened out of prompts is counted from these.
        "reliances": min(months, ago(keep.reliances)),
        "notices": ago(keep.notices),
        "certificates": ended,
        "tokens": ended,
        "challenges": now - 2 * CHALLENGE_LIFE,
        "imports": ago(keep.records),
        "codes": ago(keep.records),
        "intake": ago(keep.records),
    }
    return {what: max(0, found[what]) for what in FORGETTABLE}


def due(reader: Reader, old: Mapping[str, Instant]) -> dict[str, int]:
    """How many rows of each are old. Events of prompts that are still there count once those are gone."""
    return {what: reader.old_count(what, before) for what, before in old.items()}


def look(what: str, before: Instant, after: Place | None) -> Callable[[Reader], list[Place]]:
    """The read job that finds the next rows."""
    return lambda reader: reader.old_rows(what, before, after, BATCH)


def forget(what: str, before: Instant, places: Sequence[Place], now: Instant) -> Callable[[Writer], int]:
    """The write job that forgets them, and says so in the access ledger; how many."""

    def job(writer: Writer) -> int:
        gone = writer.forget(what, before, places)
        if gone:
            detail = (f"{what}:{gone}",)
            writer.record(AccessRecord(now, METHOD, "registry", "registry", "", "", "done", detail=detail))
        return gone

    return job
