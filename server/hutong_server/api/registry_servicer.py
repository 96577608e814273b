"""Takes in reports: reads documents apart, keeps them in write jobs, answers when they are durable."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import grpc
from hutong.v1 import registry_service_pb2, registry_service_pb2_grpc

from hutong_server.api import call, status
from hutong_server.api.convert import stamp
from hutong_server.api.convert_publish import feed_in, issues_out, position_in, release_in, results_out
from hutong_server.api.parts import Parts
from hutong_server.api.publish_batch import PublishBatch
from hutong_server.api.publish_stream import Document, PublishStream, Sent, Window
from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Issue, Refusal, Report, Severity
from hutong_server.domain.rulebook import zone_of
from hutong_server.fhir.intake import Reading
from hutong_server.store.base import StoreUnavailable
from hutong_server.telemetry import log, where
from hutong_server.usecases.publish import (
    Outcome,
    PublishDocument,
    Published,
    Publisher,
    PublishJob,
    checked,
    failed,
    publish,
    record_of_check,
)

Context = grpc.aio.ServicerContext[Any, Any]
_FEW = 64
"""Results of a document that is prepared where it comes in: less than a millisecond."""


class RegistryServicer(registry_service_pb2_grpc.RegistryServiceServicer):
    """hutong.v1.RegistryService."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def PublishReport(
        self, request: registry_service_pb2.PublishReportRequest, context: Context
    ) -> registry_service_pb2.PublishReportResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        try:
            job = await self._prepare(request, this.peer, this.request_id, "", "", alone=True)
        except HutongError as error:
            if error.issues and not request.validate_only:
                parts.unmapped.refused(this.peer.institution, error.issues)
            raise
        published = await self._keep(job)
        if not request.validate_only:
            self._count(published)
        this.outcome = ",".join(sorted({each.outcome.value for each in published}))
        if faults := failed(published):
            raise status.of_issues(faults)
        return registry_service_pb2.PublishReportResponse(results=results_out(published, this.peer, parts.ids))

    async def PublishReports(  # type: ignore[override]  # writes to the context, which the stubs do not know
        self, request_iterator: AsyncIterator[registry_service_pb2.PublishReportsRequest], context: Context
    ) -> None:
        """See the contract."""
        parts, this = self._parts, call.current()
        window = Window(parts.limits.stream_window, 2 * parts.limits.max_document_bytes)
        ending = this.ending or asyncio.get_running_loop().create_future()

        async def answer(sent: Sent, document: Document, published: tuple[Published, ...]) -> None:
            if not document.job.command.validate_only:
                self._count(published)
            response = registry_service_pb2.PublishReportsResponse(
                position=sent.position,
                # A document refused as a whole is told by its issues alone.
                results=() if document.issues else results_out(published, this.peer, parts.ids),
                issues=issues_out(document.issues),
            )
            try:
                async with asyncio.timeout(parts.limits.stall):
                    await context.write(response)
            except TimeoutError:
                raise HutongError(Reason.DEADLINE_TOO_SHORT, "The caller does not read its answers.") from None

        stream = PublishStream(self._keep_all, answer, window, ending)
        await stream.run(self._sent(request_iterator, window, this))

    async def GetFeedStatus(
        self, request: registry_service_pb2.GetFeedStatusRequest, context: Context
    ) -> registry_service_pb2.GetFeedStatusResponse:
        """See the contract."""
        institution, feed = call.current().peer.institution, feed_in(request.feed)
        known, feeds = await self._parts.read(lambda reader: (reader.feed(institution, feed), reader.feeds()))
        response = registry_service_pb2.GetFeedStatusResponse(position=known.position if known else "")
        last = [each.last_received for each in feeds if each.institution == institution]
        stamp(response.last_received_at, max(last) if last else None)
        return response

    async def _sent(
        self,
        requests: AsyncIterator[registry_service_pb2.PublishReportsRequest],
        window: Window,
        this: call.Call,
    ) -> AsyncIterator[Sent]:
        feed = ""
        number = 0
        async for request in requests:
            if number == 0:
                feed = feed_in(request.feed)
            number += 1
            size = len(request.report.document)
            await window.enter(size)
            work = self._document(request, this.peer, f"{this.request_id}.{number}", feed)
            yield Sent(request.position, size, asyncio.ensure_future(work))

    async def _document(
        self, request: registry_service_pb2.PublishReportsRequest, caller: Caller, request_id: str, feed: str
    ) -> Document:
        """Reads one document of a stream. Never raises: a bad document must not end the stream."""
        position = ""
        try:
            position = position_in(request.position)
            return Document(await self._prepare(request.report, caller, request_id, feed, position))
        except HutongError as error:
            issues = error.issues or (Issue(Severity.ERROR, error.reason.value, "", error.message),)
        except Exception as error:
            issues = _unexpected(error, request_id)
        # Refused as a whole, and kept as such: the position moves on, the record says that something came.
        command = PublishDocument(
            (Refusal("", issues),),
            caller,
            self._parts.clock(),
            request_id,
            feed,
            position,
            request.report.validate_only,
        )
        return Document(publish(command, self._publisher()), issues)

    async def _prepare(
        self,
        request: registry_service_pb2.PublishReportRequest,
        caller: Caller,
        request_id: str,
        feed: str,
        position: str,
        *,
        alone: bool = False,
    ) -> PublishJob:
        """Reads a document and makes its write job. Raises HutongError for faults of the document as a whole."""
        parts = self._parts
        release, now, publisher = release_in(request), parts.clock(), self._publisher()
        reading = Reading(
            zone=zone_of(publisher.book.policy.time_zone),
            now=now,
            future_tolerance=parts.limits.future_tolerance,
            max_bytes=parts.limits.max_document_bytes,
        )
        readings = await parts.reading.read(request.document, release, reading, ahead=alone)
        command = PublishDocument(readings, caller, now, request_id, feed, position, request.validate_only)
        results = sum(len(each.results) for each in readings if isinstance(each, Report))
        # A thread costs more than an ordinary report.
        return (
            publish(command, publisher) if results <= _FEW else await parts.parse(partial(publish, command, publisher))
        )

    def _publisher(self) -> Publisher:
        return Publisher(self._parts.rules.book, self._parts.tokens, self._parts.wire)

    async def _keep(self, job: PublishJob) -> tuple[Published, ...]:
        try:
            return await self._parts.write(job)
        except Exception as error:
            found = checked(error)
            if found is None:
                raise
            record = record_of_check(job.command, found)
            await self._parts.write(lambda writer: writer.record(record))
            return found

    async def _keep_all(self, documents: Sequence[Document]) -> list[tuple[Published, ...]]:
        """Keeps documents of a stream in their order; together where that changes nothing."""
        jobs = [document.job for document in documents]
        together = [job for job in jobs if not job.command.validate_only]
        if len(together) == len(jobs) > 1:
            try:
                return await self._parts.write(PublishBatch(together))
            except (StoreUnavailable, HutongError):
                raise
            except Exception as error:
                # One of them has hit a fault of ours: alone, each shows whether it is the one.
                log().error("batch split", extra={"error_type": type(error).__name__, "error_at": where(error)})
        return [await self._keep_one(document) for document in documents]

    async def _keep_one(self, document: Document) -> tuple[Published, ...]:
        try:
            return await self._keep(document.job)
        except (StoreUnavailable, HutongError):
            raise
        except Exception as error:
            issues = _unexpected(error, document.job.command.request_id)
            return tuple(Published(each.path, Outcome.REJECTED, issues) for each in document.job.prepared)

    def _count(self, published: Sequence[Published]) -> None:
        publisher = self._parts.rules.book.institution(call.current().peer.institution)
        tier = publisher.tier.value if publisher else "unknown"
        for each in published:
            self._parts.metrics.published.labels(tier, each.category, each.outcome.value).inc()
        self._parts.unmapped.add(published, call.current().peer.institution)


def _unexpected(error: Exception, request_id: str) -> tuple[Issue, ...]:
    log().error(
        "unexpected",
        extra={"request_id": request_id, "error_type": type(error).__name__, "error_at": where(error)},
    )
    text = status.ERRORS[Reason.INTERNAL].text
    return (Issue(Severity.ERROR, Reason.INTERNAL.value, "", f"{text} ({request_id})"),)
