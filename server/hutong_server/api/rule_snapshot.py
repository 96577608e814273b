"""The rule book in force, in memory: rebuilt beside the calls when the catalogue changes, then swapped at once."""

import asyncio
import gc
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from hutong_server.api.waking import Waking
from hutong_server.catalog import Entries, build_rule_book
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Reader, Store
from hutong_server.telemetry import Metrics, log, where

T = TypeVar("T")


def read_book(reader: Reader) -> RuleBook:
    """The rule book of one consistent view of the store."""
    book = build_rule_book(reader.catalog_version(), reader.institutions(), reader.catalog_rows())
    return book.after_restore(reader.unresumed())


class RuleSnapshot:
    """Holds the current RuleBook. Reading `book` is free and never waits."""

    def __init__(self, book: RuleBook, store: Store, threads: Executor, metrics: Metrics, poll_seconds: float) -> None:
        """`poll_seconds` bounds how late a change made by another process is seen; `waking.wake` lets it look now."""
        self.book = book
        self._store = store
        self._threads = threads
        self._metrics = metrics
        self.waking = Waking(poll_seconds)
        self._entries: Entries | None = None
        self._changed: list[Callable[[], None]] = []
        self._rebuilding = asyncio.Lock()
        metrics.rules_version.set(book.version)

    def on_change(self, call: Callable[[], None]) -> None:
        """Calls back, in the event loop, after each swap."""
        self._changed.append(call)

    async def refresh(self) -> None:
        """Sees to it that the book is as new as the store is now. Raises StoreUnavailable."""
        async with self._rebuilding:
            loop = asyncio.get_running_loop()
            book = await loop.run_in_executor(self._threads, self._newer)
            if book is not None:
                self.book = book
                self._metrics.rules_version.set(book.version)
                log().info("rules changed", extra={"rules_version": book.version})
                for call in self._changed:
                    call()

    async def look(self, job: Callable[[Reader], T]) -> T:
        """A short read that waits behind no call."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: self._store.read(job))

    def _newer(self) -> RuleBook | None:
        version, unresumed = self._store.read(lambda reader: (reader.catalog_version(), reader.unresumed()))
        if version == self.book.version:
            return None if unresumed == self.book.unresumed else self.book.after_restore(unresumed)
        # Nothing of a book is garbage, and the collector would look through all that is there already, again and again:
        # with 200,000 entries that is half of the time.
        gc.disable()
        try:
            return self._store.read(self._next)
        finally:
            gc.enable()

    def _next(self, reader: Reader) -> RuleBook:
        """The book of the version in force, by what differs from the one before where that is known."""
        version = reader.catalog_version()
        entries, self._entries = self._entries, None
        if entries is None or version < self.book.version:  # lower only in a database that was put back
            entries = Entries(reader.catalog_rows())
        else:
            entries.take(reader.catalog_changes(self.book.version, version))
        book = entries.book(version, reader.institutions())
        self._entries = entries
        return book.after_restore(reader.unresumed())

    async def poll(self) -> None:
        """Refreshes for ever. While the database does not answer, the last book stands; health tells."""
        while True:
            await self.waking.wait()
            try:
                await self.refresh()
            except Exception as error:  # a fault here must not end the polling
                log().log(
                    logging.WARNING,
                    "rules not refreshed",
                    extra={"error_type": type(error).__name__, "error_at": where(error)},
                )
