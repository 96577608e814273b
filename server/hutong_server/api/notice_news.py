"""News of notices: one look for all streams of a process, at the number of each institution's newest notice."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from hutong_server.store.base import Reader
from hutong_server.telemetry import log, where

Look = Callable[[Callable[[Reader], dict[str, int]]], Coroutine[Any, Any, dict[str, int]]]

_EVERY = 0.3
"""Seconds between looks: a notice that another process wrote is delivered within a second."""


class NoticeNews:
    """Wakes the streams of an institution when it has a new notice, whoever wrote it."""

    def __init__(self, look: Look) -> None:
        """`look` runs a short read that waits behind no call."""
        self._look = look
        self._listening: dict[str, set[asyncio.Event]] = {}
        self._heads: dict[str, int] = {}

    @contextmanager
    def listen(self, institution: str) -> Iterator[asyncio.Event]:
        """An event that is set when there may be news; who waits clears it before looking."""
        event = asyncio.Event()
        self._listening.setdefault(institution, set()).add(event)
        try:
            yield event
        finally:
            listening = self._listening[institution]
            listening.discard(event)
            if not listening:
                del self._listening[institution]

    async def refresh(self) -> None:
        """Looks once, if anybody listens. Raises StoreUnavailable."""
        if not self._listening:
            return
        heads = await self._look(lambda reader: reader.notice_heads())
        before, self._heads = self._heads, heads
        for institution, events in self._listening.items():
            if heads.get(institution) != before.get(institution):
                for event in events:
                    event.set()

    async def poll(self) -> None:
        """Looks for ever. While the database does not answer, streams stay open and wait."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.refresh()
            except Exception as error:  # a fault here must not end the polling
                log().warning(
                    "notices not looked at", extra={"error_type": type(error).__name__, "error_at": where(error)}
                )
