"""Judges anew what was relied on when the catalogue has changed: every worker looks, one at a time works."""

import asyncio
import time

from hutong_server.api.parts import Parts
from hutong_server.telemetry import log, where
from hutong_server.usecases.sweep_notices import due, sweep

_EVERY = 1.0
"""Seconds between looks."""
_PAUSE = 0.005
"""Seconds between batches, at least: it rests for as long as a batch took, because calls come first."""


class NoticeSweep:
    """The walk of usecases/sweep_notices.py, for ever."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def refresh(self) -> None:
        """Works until there is nothing to do. Raises StoreUnavailable."""
        parts = self._parts
        while await parts.rules.look(lambda reader: due(reader, parts.rules.book, parts.clock())):
            began = time.monotonic()
            if not await parts.write(sweep(parts.rules.book, parts.clock())):
                return
            await asyncio.sleep(max(_PAUSE, time.monotonic() - began))

    async def poll(self) -> None:
        """Looks again and again. While the database does not answer, the walk waits where it is."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.refresh()
            except Exception as error:  # a fault here must not end the polling
                log().warning(
                    "reliances not judged", extra={"error_type": type(error).__name__, "error_at": where(error)}
                )
