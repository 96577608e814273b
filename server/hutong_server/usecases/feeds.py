"""Which institutions' feeds are behind their habit: their newest results may be missing here."""

from dataclasses import dataclass

from hutong_server.domain import feed
from hutong_server.domain.recognition import Institution
from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import FeedStatus, Reader

LISTED = 50
"""At most this many are named in an answer; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Behind:
    """An institution whose feed is silent for longer than is its habit."""

    institution: Institution
    last_received: Instant | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What answers say of the feeds behind them. Refreshed every few seconds, not for each call."""

    behind: tuple[Behind, ...] = ()
    """Longest silence first, at most LISTED."""
    count: int = 0
    last_received: tuple[tuple[str, Instant], ...] = ()
    silent: tuple[str, ...] = ()
    """Codes of all that are behind."""


def coverage(reader: Reader, book: RuleBook, now: Instant, listed: int = LISTED) -> Coverage:
    """Compares each institution's silence with what it declared, else with its habit. Names at most `listed`."""
    by_code: dict[str, FeedStatus] = {status.institution: status for status in reader.feeds()}
    found: list[Behind] = []
    for institution in book.institutions.values():
        status = by_code.get(institution.code)
        last = status.last_received if status else None
        gap = status.longest_gap if status else 0
        if feed.behind(last, gap, institution.feed_interval_hours, now):
            found.append(Behind(institution, last))
    found.sort(key=lambda each: each.last_received or 0)
    return Coverage(
        tuple(found[:listed]),
        len(found),
        tuple((status.institution, status.last_received) for status in by_code.values()),
        tuple(each.institution.code for each in found),
    )
