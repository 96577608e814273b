"""Publishing many documents over one stream, in order, through broken connections."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import grpc
from hutong.v1 import error_reason_pb2 as reasons
from hutong.v1 import registry_service_pb2 as registry

from hutong_client.calls import closed, pause_after, unary
from hutong_client.errors import DeadlineExceeded, HutongCallError, Overloaded, TooLarge, Unavailable, call_error

if TYPE_CHECKING:
    from hutong.v1.registry_service_pb2_grpc import RegistryServiceAsyncStub

Stream: TypeAlias = "grpc.aio.StreamStreamCall[registry.PublishReportsRequest, registry.PublishReportsResponse]"

PUBLISH_DEADLINE = 30.0
"""Seconds for one document: a feed would rather wait than send again."""
IN_FLIGHT = 64
"""Most documents sent and not yet answered: what is sent again after a break."""
STREAM_BYTES = 3 * 1024 * 1024
"""Documents above this go by PublishReport: one message above the registry's limit would break the whole stream."""
ATTEMPTS = 6
"""Most breaks in a row, without an answer between them, before the stream gives up."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document to publish."""

    content: bytes = field(repr=False)
    """FHIR JSON, UTF-8: a DiagnosticReport, or a Bundle that holds one or several."""
    position: str = ""
    """The feed's own position of it, up to 256 characters, without patient data."""
    release: registry.FhirRelease = registry.FHIR_RELEASE_UNSPECIFIED


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one document."""

    document: Document
    response: registry.PublishReportsResponse
    """One result for each report; `issues` when the document as a whole was refused."""


class PublishStream:
    """Publishes documents in order; resumes by itself after a broken stream, sending again what was not answered.

    Sending again is harmless: the registry knows a document that it has. Iterate over it once.
    """

    def __init__(
        self,
        stub: "RegistryServiceAsyncStub",
        documents: Iterable[Document] | AsyncIterable[Document],
        *,
        feed: str = "",
        validate_only: bool = False,
        attempts: int = ATTEMPTS,
        idle: float = PUBLISH_DEADLINE,
    ) -> None:
        self._stub = stub
        self._documents = documents
        self._feed = feed
        self._validate_only = validate_only
        self._attempts = attempts
        self._idle = idle
        self._source: asyncio.Queue[Document | None] = asyncio.Queue(IN_FLIGHT)
        self._unanswered: deque[Document] = deque()
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self._large: deque[Document] = deque()
        self._exhausted = False
        self.breaks = 0
        """Breaks since the last answer."""

    async def __aiter__(self) -> AsyncGenerator[Published, None]:
        """Answers in the order of the documents.

        Raises:
            HutongCallError: the stream was refused, or broke `attempts` times in a row.
            Exception: whatever the iterable of documents raised, once all before it is answered.
        """
        pump = asyncio.create_task(self._pump())
        try:
            while not self._finished():
                try:
                    async for published in self._one_stream():
                        self.breaks = 0
                        yield published
                except TooLarge:
                    if not self._unanswered:
                        raise
                    # One of these was above the registry's limit; alone, each gets its own answer.
                    for document in list(self._unanswered):
                        published = await self._alone(document)
                        self._answered()
                        yield published
                except (Unavailable, DeadlineExceeded) as error:
                    self.breaks += 1
                    if self.breaks >= self._attempts:
                        raise
                    await asyncio.sleep(pause_after(self.breaks, error))
                if self._large:
                    published = await self._alone(self._large.popleft())
                    self._room.release()
                    yield published
            await pump
        finally:
            pump.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await pump

    def _finished(self) -> bool:
        return self._exhausted and not self._unanswered and not self._large

    async def _pump(self) -> None:
        # Lives across streams, so that no document is lost when the writer of a broken stream is cancelled.
        try:
            if isinstance(self._documents, AsyncIterable):
                async for document in self._documents:
                    await self._source.put(document)
            else:
                for document in self._documents:
                    await self._source.put(document)
        except Exception:
            await self._source.put(None)
            raise
        await self._source.put(None)

    def _answered(self) -> Document:
        self._room.release()
        return self._unanswered.popleft()

    async def _one_stream(self) -> AsyncIterator[Published]:
        call = self._stub.PublishReports()
        writer = asyncio.create_task(self._write(call))
        try:
            while True:
                response = await self._read(call, writer)
                if response is None:
                    break
                if not self._unanswered or self._unanswered[0].position != response.position:
                    raise HutongCallError("INTERNAL", grpc.StatusCode.INTERNAL, "The registry answered out of order.")
                yield Published(self._answered(), response)
            if self._unanswered:
                raise Overloaded("UNAVAILABLE", grpc.StatusCode.UNAVAILABLE, "The registry ended the stream early.")
        finally:
            writer.cancel()
            call.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await writer

    async def _read(self, call: Stream, writer: "asyncio.Task[None]") -> registry.PublishReportsResponse | None:
        reading = asyncio.ensure_future(call.read())
        try:
            while not (await asyncio.wait({reading}, timeout=self._idle))[0]:
                # Silence is a fault only while something waits for its answer.
                if self._unanswered or writer.done():
                    raise DeadlineExceeded(
                        "DEADLINE_EXCEEDED", grpc.StatusCode.DEADLINE_EXCEEDED, "The registry stopped answering."
                    )
            answer = reading.result()
        except grpc.aio.AioRpcError as error:
            raise call_error(error) from error
        except grpc.aio.UsageError as error:
            raise closed() from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise closed() from None
        finally:
            reading.cancel()
        return answer if isinstance(answer, registry.PublishReportsResponse) else None

    async def _write(self, call: Stream) -> None:
        # A failed write says nothing that the reader does not learn from the call's status.
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError):
            for again in list(self._unanswered):
                await call.write(self._request(again))
            while not self._exhausted and not self._large:
                await self._room.acquire()
                document: Document | None
                try:
                    document = await self._source.get()
                except asyncio.CancelledError:
                    self._room.release()
                    raise
                if document is None:
                    self._exhausted = True
                elif len(document.content) > STREAM_BYTES:
                    # The stream ends here, so that the answers keep their order, and a new one follows.
                    self._large.append(document)
                else:
                    self._unanswered.append(document)
                    await call.write(self._request(document))
            await call.done_writing()

    def _request(self, document: Document) -> registry.PublishReportsRequest:
        return registry.PublishReportsRequest(
            feed=self._feed,
            position=document.position,
            report=registry.PublishReportRequest(
                document=document.content, release=document.release, validate_only=self._validate_only
            ),
        )

    async def _alone(self, document: Document) -> Published:
        request = self._request(document).report
        for attempt in range(1, self._attempts + 1):
            try:
                answer = await unary(self._stub.PublishReport, request, self._idle)
                return Published(
                    document, registry.PublishReportsResponse(position=document.position, results=answer.results)
                )
            except (Unavailable, DeadlineExceeded) as error:
                if attempt == self._attempts:
                    raise
                await asyncio.sleep(pause_after(attempt, error))
            except HutongCallError as error:
                issues = _issues(error)
                if not issues:
                    raise
                return Published(document, registry.PublishReportsResponse(position=document.position, issues=issues))
        raise AssertionError("unreachable")


def _issues(error: HutongCallError) -> list[registry.Issue]:
    # What refuses the caller, not the document, is no issue of the document.
    if error.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL):
        return []
    if error.code is grpc.StatusCode.PERMISSION_DENIED and error.reason != "NOT_THE_ISSUER":
        return []
    own = _reason(error.reason)
    if not error.violations:
        # The transport refuses what is far too large without looking at it: the fault is the document's as a whole.
        path = "document" if isinstance(error, TooLarge) else ""
        return [registry.Issue(severity=registry.ISSUE_SEVERITY_ERROR, reason=own, path=path, message=error.message)]
    return [
        registry.Issue(
            severity=registry.ISSUE_SEVERITY_ERROR,
            reason=_reason(fault.reason) if fault.reason else own,
            path=fault.path,
            message=fault.description,
        )
        for fault in error.violations
    ]


def _reason(word: str) -> str:
    name = f"ERROR_REASON_{word}"
    known = name in reasons.ErrorReason.keys()  # noqa: SIM118  an enum wrapper is no mapping
    return name if known else "ERROR_REASON_UNSPECIFIED"
