"""Whether a certificate still stands: revoked ones fail at the next call, on every worker, and end their streams."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from hutong_server.api.call import current
from hutong_server.api.chain import Answer, Context
from hutong_server.api.status import refusal
from hutong_server.api.waking import Waking
from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import Reason
from hutong_server.domain.report import Instant
from hutong_server.store.base import Reader, Store
from hutong_server.telemetry import log, where

_CACHE_SIZE = 4096


def _nothing() -> frozenset[str]:
    return frozenset()


class Standing:
    """The revoked certificates, in memory. Asking is free and never waits, unless registration is required."""

    def __init__(
        self,
        store: Store,
        threads: Executor,
        clock: Callable[[], Instant],
        poll_seconds: float,
        *,
        require_registered: bool = False,
        retired: Callable[[], frozenset[str]] = _nothing,
    ) -> None:
        """`poll_seconds` bounds how late a revocation by another process is seen; `waking.wake` lets it look now.

        `require_registered` refuses certificates that this registry has not issued, whoever signed them.
        `retired` gives the key ids of authorities that are trusted no more: connections made before may be open still.
        """
        self._store = store
        self._threads = threads
        self._clock = clock
        self.waking = Waking(poll_seconds)
        self._require_registered = require_registered
        self._retired = retired
        self._registered: set[str] = set()
        self._count, self._revoked = store.read(self._look)
        self._gone = retired()
        self._changed: list[Callable[[], None]] = []

    def _look(self, reader: Reader) -> tuple[int, frozenset[str]]:
        return reader.revocations(), frozenset(reader.revoked_certificates(self._clock()))

    def on_change(self, call: Callable[[], None]) -> None:
        """Calls back, in the event loop, after each change."""
        self._changed.append(call)

    def check(self, caller: Caller) -> None:
        """Raises CERTIFICATE_REVOKED for a certificate that stands no more."""
        if caller.certificate in self._revoked or (caller.authority and caller.authority in self._gone):
            raise refusal(Reason.CERTIFICATE_REVOKED)

    async def admit(self, caller: Caller) -> None:
        """As check; also CERTIFICATE_IDENTITY_INVALID for one that must be registered and is not."""
        self.check(caller)
        if not self._require_registered or caller.certificate in self._registered:
            return
        loop = asyncio.get_running_loop()
        known = await loop.run_in_executor(
            self._threads, lambda: self._store.read(lambda reader: reader.certificate_of(caller.certificate))
        )
        if known is None:
            raise refusal(Reason.CERTIFICATE_IDENTITY_INVALID)
        if known.revoked_at is not None:
            raise refusal(Reason.CERTIFICATE_REVOKED)
        if len(self._registered) >= _CACHE_SIZE:
            self._registered.clear()
        self._registered.add(caller.certificate)

    async def refresh(self) -> None:
        """Sees to it that what is known is as new as the store is now. Raises StoreUnavailable."""
        loop = asyncio.get_running_loop()
        count = await loop.run_in_executor(self._threads, lambda: self._store.read(lambda reader: reader.revocations()))
        gone = self._retired()
        if count == self._count and gone == self._gone:
            return
        self._count, self._revoked = await loop.run_in_executor(self._threads, lambda: self._store.read(self._look))
        self._gone = gone
        log().info("revocations changed", extra={"count": self._count})
        for call in self._changed:
            call()

    async def poll(self) -> None:
        """Refreshes for ever. While the database does not answer, what was known stands."""
        while True:
            await self.waking.wait()
            try:
                await self.refresh()
            except Exception as error:  # a fault here must not end the polling
                log().warning(
                    "revocations not refreshed", extra={"error_type": type(error).__name__, "error_at": where(error)}
                )


class CertificateStanding:
    """The interceptor: asks for the standing of the caller's certificate."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        standing = self._standing

        async def answer(request: Any, context: Context) -> Any:
            await standing.admit(current().peer)
            return await inner(request, context)

        return answer
