"""Counts what is unmapped, or amiss otherwise, while reports are published; keeps it in the store every second.

Apart from the publishes: all of an institution's results raise the same few rows, on which they would wait for each
other. What a killed process had not kept yet is missing from the counts.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from hutong_server.api.rule_snapshot import RuleSnapshot
from hutong_server.domain.report import Instant, Issue
from hutong_server.store.base import Store, Tokens
from hutong_server.telemetry import Metrics, log, where
from hutong_server.usecases.intake import kinds_of, kinds_of_refused
from hutong_server.usecases.publish import Outcome, Published
from hutong_server.usecases.unmapped import Tally, keep_tally

KEEP_SECONDS = 1.0


class UnmappedTally:
    """One for each process. On the event loop only."""

    def __init__(
        self, store: Store, tokens: Tokens, rules: RuleSnapshot, metrics: Metrics, clock: Callable[[], Instant]
    ) -> None:
        self._store, self._tokens, self._rules, self._metrics, self._clock = store, tokens, rules, metrics, clock
        self._tally = Tally()

    def refused(self, institution: str, issues: Sequence[Issue]) -> None:
        """Counts a document of an institution that was refused as a whole."""
        self._tally.take_in(institution, self._rules.book.day_of(self._clock()), kinds_of_refused(issues))

    def add(self, published: Sequence[Published], institution: str) -> None:
        """Counts what was kept and is new; `institution` published it."""
        now, version = self._clock(), self._rules.book.version
        day = self._rules.book.day_of(now)
        for each in published:
            self._tally.take_in(institution, day, kinds_of(each, now))
            # One that was only checked has no id; of one that is held it is not known whose it is.
            if each.seen is not None and each.report_id:
                patient = b"" if each.outcome is Outcome.HELD else each.patient_key
                self._tally.add(Counter(each.seen.institutions), each.seen.unmapped, patient, now, version)
                for result in each.seen.unmapped:
                    self._metrics.unmapped.labels(result.institution).inc()

    async def keep(self) -> None:
        """Keeps what was counted. Raises StoreUnavailable; it is kept the next time, then."""
        if not self._tally:
            return
        tally, self._tally = self._tally, Tally()
        try:
            await asyncio.wrap_future(self._store.submit(keep_tally(tally, self._tokens)))
        except BaseException:
            tally.merge(self._tally)
            self._tally = tally
            raise

    async def poll(self) -> None:
        """Keeps again and again."""
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            try:
                await self.keep()
            except Exception as error:  # a fault here must not end the polling
                log().log(
                    logging.WARNING,
                    "unmapped codes not counted",
                    extra={"error_type": type(error).__name__, "error_at": where(error)},
                )
