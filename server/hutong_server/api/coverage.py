"""Which feeds are behind, looked at every few seconds: the same for every answer, so no answer pays for it."""

import asyncio
from collections.abc import Callable

from hutong_server.api.rule_snapshot import RuleSnapshot
from hutong_server.domain.report import Instant
from hutong_server.store.base import Store
from hutong_server.telemetry import log, where
from hutong_server.usecases.feeds import Coverage, coverage

INTERVAL = 2.0
"""Seconds."""


class CoverageSnapshot:
    """Holds the last Coverage. Reading `current` is free and never waits."""

    def __init__(self, store: Store, rules: RuleSnapshot, clock: Callable[[], Instant]) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self.current = self._look()

    def _look(self) -> Coverage:
        book, now = self._rules.book, self._clock()
        return self._store.read(lambda reader: coverage(reader, book, now))

    async def poll(self) -> None:
        """Looks for ever; while the database does not answer, the last view stands."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                self.current = await asyncio.get_running_loop().run_in_executor(None, self._look)
            except Exception as error:  # a fault here must not end the polling
                log().warning(
                    "coverage not refreshed", extra={"error_type": type(error).__name__, "error_at": where(error)}
                )
