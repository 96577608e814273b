"""The client of a registry: one connection, typed calls, a deadline on each."""

import asyncio
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
from hutong.v1 import registry_service_pb2 as registry
from hutong.v1 import reuse_service_pb2 as reuse
from hutong.v1.registry_service_pb2_grpc import RegistryServiceStub
from hutong.v1.reuse_service_pb2_grpc import ReuseServiceStub

from hutong_client.admin import AdminClient
from hutong_client.audit import AuditClient
from hutong_client.calls import DEFAULT_DEADLINE, checked_deadline, unary
from hutong_client.channel import open_channel
from hutong_client.chart import or_empty
from hutong_client.consent import ConsentClient
from hutong_client.files import CertificateFiles
from hutong_client.notices import NoticeCalls
from hutong_client.orders import orders_or_empty
from hutong_client.publishing import ATTEMPTS, PUBLISH_DEADLINE, Document, PublishStream
from hutong_client.queries import timestamp
from hutong_client.renewal import Renewal
from hutong_client.statistics import StatisticsClient
from hutong_client.swapping import SwappingChannel


class HutongClient(NoticeCalls):
    """An async client of one registry. Keep one for the life of the process: the first call pays for the connection.

    Calls raise HutongCallError (see hutong_client.errors) when they do not succeed, except
    `open_chart_or_empty` and `check_orders_or_empty`, which never raise. Which calls a client may make follows from
    the role of its certificate. Use within one event loop; safe for any number of concurrent calls.
    """

    def __init__(self, channel: grpc.aio.Channel, *, deadline: float = DEFAULT_DEADLINE) -> None:
        """A client on a channel that it closes with itself. `deadline`: seconds for each call, unless it says more."""
        self._channel = channel
        self._registry = RegistryServiceStub(channel)
        self._reuse = ReuseServiceStub(channel)
        self.deadline = checked_deadline(deadline)
        """Seconds for each call that names none of its own."""
        self.admin = AdminClient(channel, self.deadline)
        """Calls for an administrator's certificate."""
        self.renewal: Renewal | None = None
        """Keeps the certificate fresh; None unless `connect` was told where to renew."""
        self._renewing: asyncio.Task[None] | None = None
        self.consent = ConsentClient(channel, self.deadline)
        """Patients' directives and the review of emergencies."""
        self.audit = AuditClient(channel, self.deadline)
        """Who has seen a patient's results, with proofs."""
        self.statistics = StatisticsClient(channel, self.deadline)
        """What recognition is worth, and how fresh the feeds are."""

    @classmethod
    def connect(
        cls,
        registry: str,
        *,
        ca: str | Path,
        certificate: str | Path,
        key: str | Path,
        deadline: float = DEFAULT_DEADLINE,
        server_name: str = "",
        renew_from: str = "",
        spread: bool = False,
    ) -> Self:
        """A client of the registry at "HOST:PORT", with mutual TLS from PEM files. Does not wait for the connection.

        Of replicas without a balancer before them, "IP:PORT,IP:PORT" with the `server_name` of their certificates, or
        `spread` and a name that stands for several addresses: calls go to all in turn, and past one that is away.

        With `renew_from` ("HOST:PORT" of the enrolment listener) the certificate is renewed by itself at two thirds of
        its life, the files are replaced, and the calls move to a new connection; none is dropped. Use `async with`
        then: a certificate that ran out while the program was off is renewed before the first call.

        Raises:
            TlsFilesInvalid: a file cannot be used; the text says which and why.
            ValueError: a list that is not of IP addresses with ports, or has no `server_name`.
        """
        files = CertificateFiles(Path(ca), Path(certificate), Path(key))
        if renew_from:
            files.recover()
        channel = open_channel(registry, files.tls(), server_name=server_name, spread=spread)
        if not renew_from:
            return cls(channel, deadline=deadline)
        swapping = SwappingChannel(channel)
        made = cls(swapping, deadline=deadline)
        made.renewal = Renewal(swapping, registry, files, renew_from, server_name=server_name, spread=spread)
        made._renewing = asyncio.ensure_future(made.renewal.run())
        return made

    async def __aenter__(self) -> Self:
        # Without this, the first calls of a station that was off for weeks would fail.
        if self.renewal is not None and self.renewal.expired and self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            await self.renewal.attempt()
            self._renewing = asyncio.ensure_future(self.renewal.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection. Calls that still run fail with Unavailable."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await self._channel.close()

    async def open_chart(
        self,
        patient: reuse.PatientQuery,
        context: reuse.CallContext,
        *,
        request_id: str = "",
        include_not_reusable: bool = False,
        explain: bool = False,
        validate_only: bool = False,
        deadline: float | None = None,
    ) -> reuse.OpenChartResponse:
        """The prompt for a patient whose chart was opened. For role emr.

        Args:
            patient: whose chart; see `patient_query`.
            context: who asks and why; see `call_context`.
            request_id: the plugin's own id of this opening, unique within the institution; a repeat with the same id
                gets the same prompt id. Empty: a new one is made.
            include_not_reusable: also list what cannot be reused, with reasons.
            explain: also say how each verdict was reached.
            validate_only: a trial of the connection: answered as of a patient whom nobody knows, without a prompt id.
            deadline: seconds; None: the client's own.
        """
        request = reuse.OpenChartRequest(
            request_id=request_id or uuid.uuid4().hex,
            patient=patient,
            context=context,
            include_not_reusable=include_not_reusable,
            explain=explain,
            validate_only=validate_only,
        )
        return await unary(self._reuse.OpenChart, request, self._seconds(deadline))

    open_chart_or_empty = or_empty(open_chart)

    async def check_orders(
        self,
        patient: reuse.PatientQuery,
        context: reuse.CallContext,
        orders: Iterable[reuse.Order],
        *,
        request_id: str = "",
        explain: bool = False,
        deadline: float | None = None,
    ) -> reuse.CheckOrdersResponse:
        """Which earlier results satisfy the orders about to be signed, and how far. For role emr.

        Args:
            patient: whose orders; see `patient_query`.
            context: who asks and why; see `call_context`.
            orders: all that are about to be signed, 1 to 200; see `order`.
            request_id: the plugin's own id of this signing, unique within the institution; a repeat with the same id
                gets the same prompt id. Empty: a new one is made.
            explain: also say how each verdict was reached.
            deadline: seconds; None: the client's own.
        """
        request = reuse.CheckOrdersRequest(
            request_id=request_id or uuid.uuid4().hex, patient=patient, context=context, orders=orders, explain=explain
        )
        return await unary(self._reuse.CheckOrders, request, self._seconds(deadline))

    check_orders_or_empty = orders_or_empty(check_orders)

    async def list_reports_page(
        self,
        patient: reuse.PatientQuery,
        context: reuse.CallContext,
        *,
        item: str = "",
        category: str = "",
        institution: str = "",
        taken_from: datetime | None = None,
        taken_before: datetime | None = None,
        page_size: int = 0,
        page_token: str = "",
        deadline: float | None = None,
    ) -> reuse.ListReportsResponse:
        """One page of the patient's reports, newest first. For role emr. Times need a zone."""
        request = reuse.ListReportsRequest(
            patient=patient,
            context=context,
            item=item,
            category=category,
            institution=institution,
            taken_from=timestamp(taken_from),
            taken_before=timestamp(taken_before),
            page_size=page_size,
            page_token=page_token,
        )
        return await unary(self._reuse.ListReports, request, self._seconds(deadline))

    async def list_reports(
        self,
        patient: reuse.PatientQuery,
        context: reuse.CallContext,
        *,
        item: str = "",
        category: str = "",
        institution: str = "",
        taken_from: datetime | None = None,
        taken_before: datetime | None = None,
        page_size: int = 0,
        deadline: float | None = None,
    ) -> AsyncIterator[reuse.ListReportsResponse]:
        """All pages of `list_reports_page`, at least one. Each tells outcome and coverage; `deadline` is per page."""
        token = ""
        while True:
            page = await self.list_reports_page(
                patient,
                context,
                item=item,
                category=category,
                institution=institution,
                taken_from=taken_from,
                taken_before=taken_before,
                page_size=page_size,
                page_token=token,
                deadline=deadline,
            )
            yield page
            token = page.next_page_token
            if not token:
                return

    async def get_report(
        self, report_id: str, context: reuse.CallContext, *, prompt_id: str = "", deadline: float | None = None
    ) -> reuse.GetReportResponse:
        """One report whole, with its document. For role emr. NotFound for an id not given to this institution."""
        request = reuse.GetReportRequest(report_id=report_id, context=context, prompt_id=prompt_id)
        return await unary(self._reuse.GetReport, request, self._seconds(deadline))

    async def explain_item(
        self, patient: reuse.PatientQuery, context: reuse.CallContext, item: str, *, deadline: float | None = None
    ) -> reuse.ExplainItemResponse:
        """How the verdicts on the patient's results of an item were reached, rule by rule. For role emr.

        `item`: code of a recognised item, or a source's own code of the test.
        """
        request = reuse.ExplainItemRequest(patient=patient, context=context, item=item)
        return await unary(self._reuse.ExplainItem, request, self._seconds(deadline))

    async def get_trend(
        self,
        patient: reuse.PatientQuery,
        context: reuse.CallContext,
        item: str,
        *,
        unit: str = "",
        deadline: float | None = None,
    ) -> reuse.GetTrendResponse:
        """One item of the patient across institutions over time. For role emr.

        `unit`: UCUM unit to convert to where that is exact; by default the newest result's. Give it a longer deadline
        than a chart: the first trend of a registry's life takes some seconds.
        """
        request = reuse.GetTrendRequest(patient=patient, context=context, item=item, unit=unit)
        return await unary(self._reuse.GetTrend, request, self._seconds(deadline))

    async def record_decisions(
        self, context: reuse.CallContext, decisions: Iterable[reuse.Decision], *, deadline: float | None = None
    ) -> reuse.RecordDecisionsResponse:
        """Records what the doctor decided on lines of prompts; see `decision`. For role emr. Up to 500 at once.

        Idempotent: send again, with the same times, what failed with Unavailable or DeadlineExceeded; late is as good.
        One result for each, in order: recorded, refused or in conflict for itself, recognised ones with a citation.
        """
        request = reuse.RecordDecisionsRequest(context=context, decisions=decisions)
        return await unary(self._reuse.RecordDecisions, request, self._seconds(deadline))

    async def report_prompt_events(
        self, events: Iterable[reuse.PromptEvent], *, deadline: float | None = None
    ) -> reuse.ReportPromptEventsResponse:
        """Says what happened to prompts on screen; see `prompt_event`. For role emr. Idempotent; up to 1,000."""
        request = reuse.ReportPromptEventsRequest(events=events)
        return await unary(self._reuse.ReportPromptEvents, request, self._seconds(deadline))

    async def publish(
        self,
        document: bytes,
        *,
        release: registry.FhirRelease = registry.FHIR_RELEASE_UNSPECIFIED,
        validate_only: bool = False,
        deadline: float = PUBLISH_DEADLINE,
    ) -> registry.PublishReportResponse:
        """Publishes the report or reports of one FHIR document. For role feed. Idempotent, durable when it returns.

        Raises:
            InvalidRequest: every report was refused; `violations` names each path.
        """
        request = registry.PublishReportRequest(document=document, release=release, validate_only=validate_only)
        return await unary(self._registry.PublishReport, request, deadline)

    def publish_stream(
        self,
        documents: Iterable[Document] | AsyncIterable[Document],
        *,
        feed: str = "",
        resume_after: str = "",
        validate_only: bool = False,
        attempts: int = ATTEMPTS,
        idle: float = PUBLISH_DEADLINE,
    ) -> PublishStream:
        """Publishes many documents over one stream; iterate over the result with `async for`. For role feed.

        One `Published` for each document, in order. A refused document does not end the stream; a broken stream is
        opened again and what was not answered is sent again, up to `attempts` breaks in a row.

        Args:
            documents: what to publish, read only as fast as the registry answers.
            feed: name of the feed, for `feed_position`.
            resume_after: skip documents up to and including this position (see `feed_position`). If none has it,
                iterating raises LookupError at the end, and nothing was published.
            validate_only: check only; nothing is kept.
            attempts: breaks in a row, without an answer between them, after which the last error is raised.
            idle: seconds without an answer after which the stream counts as broken.
        """
        source = _after(documents, resume_after) if resume_after else documents
        return PublishStream(
            self._registry, source, feed=feed, validate_only=validate_only, attempts=attempts, idle=idle
        )

    async def feed_status(self, feed: str, *, deadline: float | None = None) -> registry.GetFeedStatusResponse:
        """How far a feed has come: the last position that is durable, empty when there is none. For role feed."""
        request = registry.GetFeedStatusRequest(feed=feed)
        return await unary(self._registry.GetFeedStatus, request, self._seconds(deadline))

    def _seconds(self, deadline: float | None) -> float:
        return self.deadline if deadline is None else deadline


async def _after(documents: Iterable[Document] | AsyncIterable[Document], position: str) -> AsyncIterator[Document]:
    found = False
    if isinstance(documents, AsyncIterable):
        async for document in documents:
            if found:
                yield document
            found = found or document.position == position
    else:
        for document in documents:
            if found:
                yield document
            found = found or document.position == position
    if not found:
        raise LookupError("no document has the position to resume after")
