"""Applies imports whose moment has come. Every worker looks; the first to see one applies it."""

import asyncio
import logging

from hutong_server.api.parts import Parts
from hutong_server.catalog import check_references, diff
from hutong_server.telemetry import log, where
from hutong_server.usecases.rule_history import apply_due


class Activation:
    """Looks for imports that are due, for ever."""

    def __init__(self, parts: Parts, poll_seconds: float) -> None:
        """`poll_seconds` bounds how late an import is applied."""
        self._parts = parts
        self._poll_seconds = poll_seconds

    async def look(self) -> int:
        """Applies what is due now; returns how many imports came into force or failed here. Raises StoreUnavailable."""
        parts, ended = self._parts, 0
        while (due := await parts.rules.look(lambda reader: reader.due_import(parts.clock()))) is not None:
            moved = await parts.write(apply_due(due, parts.clock(), check_references, diff))
            if moved is not None:
                ended += 1
                log().info("import of rules", extra={"outcome": moved.state, "rules_version": moved.version})
        if ended:
            await parts.rules.refresh()
        return ended

    async def poll(self) -> None:
        """Looks again and again. While the database does not answer, what is due waits."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                await self.look()
            except Exception as error:  # a fault here must not end the polling
                log().log(
                    logging.WARNING,
                    "imports not activated",
                    extra={"error_type": type(error).__name__, "error_at": where(error)},
                )
