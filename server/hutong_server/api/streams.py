"""The streams that are open: each ends when its caller may not call any more, and when the server drains."""

import asyncio
import contextlib
from collections.abc import Callable

from hutong_server.api import policy
from hutong_server.api.call import Call
from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.rulebook import RuleBook

DRAINING = "The registry is shutting down; connect again and send everything after the last answer."


class OpenStreams:
    """Knows every open stream by its call."""

    def __init__(self, book: Callable[[], RuleBook], standing: Callable[[Caller], None]) -> None:
        """`book` gives the rule book in force; `standing` raises for a certificate that stands no more."""
        self._book = book
        self._standing = standing
        self._calls: dict[int, Call] = {}
        self._draining = False
        self._none = asyncio.Event()

    def __len__(self) -> int:
        return len(self._calls)

    def open(self, call: Call) -> "asyncio.Future[HutongError]":
        """Registers the stream; the future resolves with the reason why it must end."""
        ending: asyncio.Future[HutongError] = asyncio.get_running_loop().create_future()
        call.ending = ending
        self._calls[id(call)] = call
        if self._draining:
            ending.set_result(_draining())
        return ending

    def close(self, call: Call) -> None:
        """Forgets the stream."""
        self._calls.pop(id(call), None)
        if self._draining and not self._calls:
            self._none.set()

    def recheck(self) -> None:
        """Ends the streams whose callers may not call any more. For each change of rules or revocations."""
        book = self._book()
        for call in list(self._calls.values()):
            try:
                self._standing(call.peer)
                policy.check(call.method, call.peer, book)
            except HutongError as error:
                _end(call, error)

    async def drain(self, seconds: float) -> None:
        """Ends all streams, and those that still come; waits until none is left, so long at most."""
        self._draining = True
        for call in list(self._calls.values()):
            _end(call, _draining())
        if self._calls:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._none.wait()


def _end(call: Call, error: HutongError) -> None:
    if call.ending is not None and not call.ending.done():
        call.ending.set_result(error)


def _draining() -> HutongError:
    return HutongError(Reason.STORE_UNAVAILABLE, DRAINING)
