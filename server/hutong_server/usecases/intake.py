"""What an institution's reports are like as they come in: counted beside publishing, told to its administrators."""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hutong_server.domain.intake import HELD, LATE, REJECTED, REPORTS, issue_kind, late
from hutong_server.domain.report import Instant, Issue
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Reader
from hutong_server.usecases.publish import Outcome, Published

DAYS = 30
"""Days told of, today included."""


def kinds_of(published: Published, received: Instant) -> set[str]:
    """The kinds under which a report counts, once each. Empty for one that was there already."""
    if published.outcome is Outcome.REJECTED:
        return {REJECTED, *map(issue_kind, published.issues)}
    if published.unchanged:
        return set()
    found = {REPORTS, *map(issue_kind, published.issues)}
    if published.outcome is Outcome.HELD:
        found.add(HELD)
    if late(published.issued, received):
        found.add(LATE)
    return found


def kinds_of_refused(issues: Iterable[Issue]) -> set[str]:
    """The same of a document that was refused as a whole."""
    return {REJECTED, *map(issue_kind, issues)}


@dataclass(frozen=True, slots=True)
class Intake:
    """What came in of an institution on some days."""

    first_day: str
    last_day: str
    counts: Mapping[str, int] = field(default_factory=dict)
    """Kind (see domain/intake.py) → reports."""


def intake_of(reader: Reader, institution: str, book: RuleBook, now: Instant) -> Intake:
    """Of the last DAYS days."""
    last = book.day_of(now)
    first = (datetime.date.fromisoformat(last) - datetime.timedelta(DAYS - 1)).isoformat()
    return Intake(first, last, reader.intake_counts(institution, first, last))
