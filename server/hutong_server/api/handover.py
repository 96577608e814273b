"""How answers come back from the thread that kept them to the event loop: all that are ready at once."""

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import Any


class Handover:
    """Wakes the loop once for all that was put since it last looked."""

    def __init__(self) -> None:
        self._ready: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._due = False

    def put(self, waiting: "asyncio.Future[Any]", done: "Future[Any]") -> None:
        """From any thread: `waiting` takes over what `done` came to."""
        self._ready.append((waiting, done))
        if not self._due:
            self._due = True
            waiting.get_loop().call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # First, so that whatever is put while the others are delivered wakes the loop again.
        self._due = False
        while self._ready:
            waiting, done = self._ready.popleft()
            if waiting.done() or done.cancelled():
                continue
            error = done.exception()
            if error is not None:
                waiting.set_exception(error)
            else:
                waiting.set_result(done.result())
