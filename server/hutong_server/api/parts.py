"""What the servicers work with. Built once by the composition root."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from hutong_server.api.call import Call
from hutong_server.api.document_reading import DocumentReading
from hutong_server.api.handover import Handover
from hutong_server.api.notice_news import NoticeNews
from hutong_server.api.refusals import refusal_kept
from hutong_server.api.rule_snapshot import RuleSnapshot
from hutong_server.api.standing import Standing
from hutong_server.api.unmapped_tally import UnmappedTally
from hutong_server.domain.caller import Role
from hutong_server.domain.report import Instant
from hutong_server.domain.trend import Units
from hutong_server.store.base import Ids, Question, Reader, Store, Tokens, Writer
from hutong_server.telemetry import Metrics
from hutong_server.trust.ca_issuing import CertificateAuthority
from hutong_server.usecases.feeds import Coverage
from hutong_server.usecases.gate import RefusedOnRecord
from hutong_server.usecases.wire import Wire

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of anything."""

    max_document_bytes: int
    future_tolerance: int
    """Milliseconds."""
    stream_window: int
    """Documents of one stream in work at a time."""
    stall: float
    """Seconds that a stream waits for its caller to read an answer."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running registry."""

    store: Store
    threads: Executor
    """For what is answered from rows."""
    documents: Executor
    """For preparing what was read: apart, so that no chart waits behind a feed."""
    reading: DocumentReading
    rules: RuleSnapshot
    coverage: Callable[[], Coverage]
    """The feeds as last looked at."""
    tokens: Tokens
    ids: Ids
    wire: Wire
    metrics: Metrics
    units: Units
    clock: Callable[[], Instant]
    source: str
    """Name of this registry, as answers state it."""
    limits: Limits
    standing: Standing
    """Which certificates are revoked."""
    news: NoticeNews
    """Wakes the streams of notices."""
    unmapped: UnmappedTally
    """Counts what leads to no item."""
    ended: Callable[[Call, float], None] | None = None
    """Told of each call that ended and how many seconds it took: traces. None when nobody asks for them."""
    checkpoint_key: str = ""
    """With which the ledger's checkpoints verify (C2SP verifier key)."""
    handover: Handover = field(default_factory=Handover)
    authority: CertificateAuthority | None = None
    """Issues certificates; None when the registry has no authority of its own."""
    approved_roles: frozenset[Role] = frozenset()
    """Roles for which every enrolment asks for a second administrator."""

    async def run(self, work: Callable[[], T]) -> T:
        """Runs work that takes a thread: reads, judging."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    async def parse(self, work: Callable[[], T]) -> T:
        """Runs what prepares a document that was read."""
        return await asyncio.get_running_loop().run_in_executor(self.documents, work)

    async def read(self, job: Callable[[Reader], T]) -> T:
        """Runs a read job."""
        return await self.run(lambda: self.store.read(job))

    async def run_kept(self, work: Callable[[], tuple[T, "Future[None]"]]) -> T:
        """Runs work that takes a thread and ends in a write; gives its first value once the write is durable.

        The event loop is woken once, at the end, and not between the two.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[T] = loop.create_future()

        def end(value: T | None, error: BaseException | None) -> None:
            if answered.done():
                return
            if error is not None:
                answered.set_exception(error)
            else:
                answered.set_result(value)  # type: ignore[arg-type]  # without error there is a value

        def run() -> None:
            try:
                value, kept = work()
            except BaseException as error:
                loop.call_soon_threadsafe(end, None, error)
                return
            kept.add_done_callback(lambda done: loop.call_soon_threadsafe(end, value, done.exception()))

        self.threads.submit(run)
        return await answered

    async def answer(self, question: Question[T]) -> T:
        """Answers a question once what it keeps is durable, refusals on record included (see Store.answer)."""
        answered: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        kept = self.store.answer(refusal_kept(question))
        kept.add_done_callback(partial(self.handover.put, answered))
        try:
            answer = await answered
        finally:
            # Whoever went away is not read for any more.
            kept.cancel()
        if isinstance(answer, RefusedOnRecord):
            raise answer
        return answer

    async def write(self, job: Callable[[Writer], T]) -> T:
        """Runs a write job; returns once it is durable."""
        return await asyncio.wrap_future(self.store.submit(job))
