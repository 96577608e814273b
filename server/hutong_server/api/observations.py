"""What the night shift watches, looked at every few seconds: feeds, held reports, grants, the ledger, disk, queues.

Nothing of it costs a call anything. Every worker of a registry looks for itself; what is the same for all of them is
shown once (telemetry.py says how each value of several processes becomes one).
"""

import asyncio
import datetime
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from hutong_server.api.parts import Parts
from hutong_server.domain.caller import Caller, Role
from hutong_server.domain.days import LAST_DAY
from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.domain.statistics import Counts
from hutong_server.telemetry import log, where
from hutong_server.usecases.feeds import coverage
from hutong_server.usecases.institutions import OPERATOR
from hutong_server.usecases.statistics import GetStatistics, Grouping, StatisticsFilter, get_statistics

EVERY = 10.0
"""Seconds between two looks."""
_LAG_EVERY = 0.25
_BOUNDS = (30, 90)
GRANT_LABELS = ("0-30", "30-90", "90+")
"""Days left, as labels."""


_RECENT_DAYS = 7
_MOST_GROUPS = 10_000
_WHAT = ("returned", "opened", "recognized", "repeated", "refused")
_OPERATOR = Caller(OPERATOR, Role.ADMIN, "")


class Observations:
    """Looks again and again, for ever."""

    def __init__(
        self,
        parts: Parts,
        places: Mapping[str, Path],
        queues: Callable[[], tuple[int, int, int]],
        ledger: Callable[[], tuple[float, int, float]],
    ) -> None:
        """`places`: directories whose disk must not fill up, by name. `queues`: (write jobs that wait, connections in
        use, connections at rest). `ledger`: (when a tree last became durable, leaves, seconds that export lags)."""
        self._parts = parts
        self._places = places
        self._queues = queues
        self._ledger = ledger
        self._tiers: set[str] = set()
        # What was shown once goes on being shown: a series that ends looks like one that stands still.
        self._groups: dict[Grouping, set[str]] = {Grouping.RECEIVER: set(), Grouping.ITEM: set()}

    async def look(self) -> None:
        """Looks once. Raises StoreUnavailable."""
        parts = self._parts
        book, now = parts.rules.book, parts.clock()
        feeds, held = await parts.read(lambda reader: (coverage(reader, book, now, listed=0), reader.held_count()))
        metrics = parts.metrics
        received = dict(feeds.last_received)
        behind = set(feeds.silent)
        for code in book.institutions:
            metrics.feed_received.labels(code).set(received.get(code, 0) / 1000)
            metrics.feed_behind.labels(code).set(code in behind)
            metrics.feed_not_resumed.labels(code).set(book.unresumed.holds(code))
        metrics.restore_unsettled.set(book.unresumed.everything)
        tiers = Counter(each.tier.value for each in book.institutions.values())
        self._tiers |= set(tiers)
        for tier in self._tiers:
            metrics.institutions.labels(tier).set(tiers[tier])
        for label, count in grants_by_days_left(book, book.day_of(now)).items():
            metrics.grants.labels(label).set(count)
        metrics.held.set(held)
        metrics.replication_lag.set(await parts.read(lambda reader: reader.replication_lag()))
        await self._recognition(book, now)
        committed, leaves, lag = self._ledger()
        metrics.checkpoint.set(committed)
        metrics.leaves.set(leaves)
        metrics.export_lag.set(lag)
        waiting, used, idle = self._queues()
        metrics.jobs_waiting.set(waiting)
        metrics.connections.labels("used").set(used)
        metrics.connections.labels("idle").set(idle)
        for name, place in self._places.items():
            metrics.disk_free.labels(name).set((await parts.run(partial(shutil.disk_usage, place))).free)

    async def _recognition(self, book: RuleBook, now: Instant) -> None:
        metrics = self._parts.metrics
        today = datetime.date.fromisoformat(book.day_of(now))
        days = StatisticsFilter((today - datetime.timedelta(days=_RECENT_DAYS)).isoformat(), today.isoformat())
        for by, lines in ((Grouping.RECEIVER, metrics.recent_lines), (Grouping.ITEM, metrics.recent_item_lines)):
            ask = GetStatistics(days, (by,), _OPERATOR, _MOST_GROUPS)
            found = await self._parts.read(partial(get_statistics, ask))
            seen = {group: counts for (group,), counts in found.rows}
            self._groups[by] |= set(seen)
            for group in self._groups[by]:
                counts = seen.get(group, Counts())
                for what in _WHAT:
                    lines.labels(group, what).set(getattr(counts, what))
                if by is Grouping.RECEIVER:
                    metrics.recent_savings.labels(group).set(counts.savings_fen / 100)

    async def poll(self) -> None:
        """Looks for ever; a look that fails is told and forgotten."""
        while True:
            try:
                await self.look()
            except Exception as error:  # a fault here must not end the looking
                log().warning("not observed", extra={"error_type": type(error).__name__, "error_at": where(error)})
            await asyncio.sleep(EVERY)

    async def lag(self) -> None:
        """Measures for ever how late the event loop comes back to a timer."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_EVERY
            await asyncio.sleep(_LAG_EVERY)
            self._parts.metrics.loop_lag.observe(max(0.0, loop.time() - due))


def grants_by_days_left(book: RuleBook, today: str) -> dict[str, int]:
    """Quality grants in effect on a day (YYYY-MM-DD), counted under GRANT_LABELS."""
    counted: Counter[str] = Counter(dict.fromkeys(GRANT_LABELS, 0))
    first = datetime.date.fromisoformat(today)
    for grants in book.grants.values():
        for grant in grants:
            if grant.dates.cover(today):
                left = (datetime.date.fromisoformat(grant.dates.valid_to or LAST_DAY) - first).days
                counted[GRANT_LABELS[sum(left >= bound for bound in _BOUNDS)]] += 1
    return dict(counted)
