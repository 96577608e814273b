"""A publishing stream: documents are read ahead up to a window, kept in order, answered in order.

What is kept is always a prefix of what was sent: a position that GetFeedStatus gives back has everything before it on
disk. So the documents of one stream share write jobs in their order, never run beside each other.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hutong_server.domain.errors import HutongError
from hutong_server.domain.report import Issue
from hutong_server.usecases.publish import Published, PublishJob

_TOGETHER = 16
"""Documents kept in one write job, at most: a chart waits for a job that has begun, a millisecond a document."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document ready to be kept. With `issues` it is refused as a whole, and its job keeps only that."""

    job: PublishJob
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A request of the stream, in work."""

    position: str
    size: int
    document: "asyncio.Future[Document]"


Answers = Callable[[Sent, Document, tuple[Published, ...]], Awaitable[None]]
Keep = Callable[[Sequence[Document]], Awaitable[list[tuple[Published, ...]]]]


class Window:
    """How many documents, and how many bytes of them, are in work. One is always let in."""

    def __init__(self, documents: int, size: int) -> None:
        self._documents = documents
        self._size = size
        self._in_work = 0
        self._bytes = 0
        self._freed = asyncio.Event()

    async def enter(self, size: int) -> None:
        """Waits for room."""
        while self._in_work and (self._in_work >= self._documents or self._bytes + size > self._size):
            self._freed.clear()
            await self._freed.wait()
        self._in_work += 1
        self._bytes += size

    def leave(self, size: int) -> None:
        """Makes room."""
        self._in_work -= 1
        self._bytes -= size
        self._freed.set()


class PublishStream:
    """One stream."""

    def __init__(self, keep: Keep, answer: Answers, window: Window, ending: "asyncio.Future[HutongError]") -> None:
        """`ending` resolves with the reason why the stream must end; the documents being kept are answered first."""
        self._keep = keep
        self._answer = answer
        self._window = window
        self._ending = ending
        self._sent: deque[Sent] = deque()
        self._more = asyncio.Event()

    async def run(self, requests: AsyncIterator[Sent]) -> None:
        """Works until the caller has sent everything. Raises what must end the stream."""
        reading = asyncio.ensure_future(self._read(requests))
        try:
            while batch := await self._next(reading):
                documents = [sent.document.result() for sent in batch]
                kept = await self._keep(documents)
                for sent, document, published in zip(batch, documents, kept, strict=True):
                    await self._answer(sent, document, published)
                    self._window.leave(sent.size)
            await reading
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            for sent in self._sent:
                sent.document.cancel()

    async def _read(self, requests: AsyncIterator[Sent]) -> None:
        async for sent in requests:
            self._sent.append(sent)
            self._more.set()

    async def _next(self, reading: "asyncio.Future[None]") -> list[Sent]:
        """The next document and those after it that are read already; empty at the end."""
        while not self._sent and not reading.done():
            self._more.clear()
            more = asyncio.ensure_future(self._more.wait())
            waited: set[asyncio.Future[Any]] = {more, reading, self._ending}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            more.cancel()
            if self._ending.done():
                break
        if self._ending.done():
            raise self._ending.result()
        if not self._sent:
            return []
        await asyncio.wait({self._sent[0].document})
        batch: list[Sent] = []
        while self._sent and len(batch) < _TOGETHER and self._sent[0].document.done():
            batch.append(self._sent.popleft())
        return batch
