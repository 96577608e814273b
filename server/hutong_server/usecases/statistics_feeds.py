"""Coverage and freshness of the institutions' feeds."""

from dataclasses import dataclass

from hutong_server.domain import feed
from hutong_server.domain.caller import Caller
from hutong_server.domain.recognition import Institution
from hutong_server.domain.report import Instant
from hutong_server.store.base import Reader
from hutong_server.usecases.statistics import sees_everything


@dataclass(frozen=True, slots=True)
class FeedFreshness:
    """How fresh one institution's feed is."""

    institution: Institution
    last_received: Instant | None
    habit: int
    """Milliseconds of silence that are normal for it; 0: not known."""
    behind: bool
    reports: int
    held: int


def list_feeds(
    caller: Caller, after: str, limit: int, reader: Reader, now: Instant
) -> tuple[list[FeedFreshness], bool]:
    """A page by institution code, and whether more follow. An institution sees its own."""
    if sees_everything(caller):
        found = reader.institutions(after, limit + 1)
    else:
        own = reader.institution(caller.institution)
        found = [own] if own is not None and own.code > after else []
    feeds = {status.institution: status for status in reader.feeds()}
    rows = []
    for institution in found[:limit]:
        status = feeds.get(institution.code)
        last = status.last_received if status else None
        gap = status.longest_gap if status else 0
        declared = institution.feed_interval_hours
        rows.append(
            FeedFreshness(
                institution,
                last,
                feed.habit(gap, declared),
                feed.behind(last, gap, declared, now),
                *reader.institution_counts(institution.code),
            )
        )
    return rows, len(found) > limit
