"""Questions of the doctor's side. No answer leaves before its access record is durable."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import grpc
from hutong.v1 import reuse_service_pb2, reuse_service_pb2_grpc

from hutong_server.api import call
from hutong_server.api.answer_counts import count_chart
from hutong_server.api.convert import Faults, instant
from hutong_server.api.convert_reuse import (
    MAX_REQUEST_ID,
    PROMPT_ID,
    Asker,
    chart_out,
    context_in,
    list_out,
    patient_in,
    report_out,
)
from hutong_server.api.decision_methods import DecisionMethods
from hutong_server.api.explanation_methods import ExplanationMethods
from hutong_server.api.notice_methods import NoticeMethods
from hutong_server.api.order_methods import OrderMethods
from hutong_server.api.parts import Parts
from hutong_server.api.refusals import keeping_refusals
from hutong_server.api.trend_methods import TrendMethods
from hutong_server.store.base import Reader, ReportFilter, Writer
from hutong_server.usecases.gate import Passed
from hutong_server.usecases.get_report import GetReport, WholeReport, get_report
from hutong_server.usecases.list_reports import ListReports, list_reports
from hutong_server.usecases.open_chart import ChartAnswer, OpenChart, open_chart

Context = grpc.aio.ServicerContext[Any, Any]
_Chart = tuple[ChartAnswer, reuse_service_pb2.OpenChartResponse]


class ReuseServicer(
    OrderMethods,
    DecisionMethods,
    NoticeMethods,
    TrendMethods,
    ExplanationMethods,
    reuse_service_pb2_grpc.ReuseServiceServicer,
):
    """hutong.v1.ReuseService: charts, lists and reports here, the other methods where they are inherited from."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def OpenChart(  # type: ignore[override]  # in its wire form already
        self, request: reuse_service_pb2.OpenChartRequest, context: Context
    ) -> bytes:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        ask = OpenChart(
            request_id=faults.text("request_id", request.request_id, longest=MAX_REQUEST_ID, required=True),
            patient=patient_in(request.patient, faults),
            context=context_in(request.context, faults),
            caller=this.peer,
            include_not_reusable=request.include_not_reusable,
            explain=request.explain,
            validate_only=request.validate_only,
        )
        if ask.validate_only and ask.context.break_glass_reason:
            faults.add("context.break_glass_reason", "does not go with validate_only")
        faults.check()
        asker = self._asker()

        def answer(reader: Reader) -> tuple[tuple[ChartAnswer, bytes], Callable[[Writer], None]]:
            found = open_chart(ask, reader, asker.book, parts.tokens, parts.clock())
            prompt_id = (
                "" if ask.validate_only else parts.ids.seal(PROMPT_ID, asker.institution, (found.kept.prompt_id,))
            )
            response = chart_out(
                found,
                asker,
                prompt_id,
                parts.coverage(),
                parts.source,
                include_not_reusable=ask.include_not_reusable,
            )
            return (found, response), found.keep

        found, response = await parts.answer(answer)
        this.outcome = found.record.outcome
        if not ask.validate_only:
            self._count(found.passed)
            count_chart(parts.metrics, found)
        return response

    async def ListReports(
        self, request: reuse_service_pb2.ListReportsRequest, context: Context
    ) -> reuse_service_pb2.ListReportsResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        ask = ListReports(
            patient=patient_in(request.patient, faults),
            context=context_in(request.context, faults),
            caller=this.peer,
            item=faults.text("item", request.item),
            category=faults.text("category", request.category),
            only=ReportFilter(
                institution=faults.text("institution", request.institution),
                taken_from=instant(request.taken_from, "taken_from", faults)
                if request.HasField("taken_from")
                else None,
                taken_before=instant(request.taken_before, "taken_before", faults)
                if request.HasField("taken_before")
                else None,
            ),
            page_size=faults.page_size(request.page_size, 20, 100),
            page_token=request.page_token,
            request_id=this.request_id,
        )
        faults.check()
        asker = self._asker()

        def answer() -> tuple[reuse_service_pb2.ListReportsResponse, Future[None]]:
            found = parts.store.read(
                lambda reader: list_reports(ask, reader, asker.book, parts.tokens, parts.ids, parts.clock())
            )
            kept = parts.store.submit(found.keep)
            this.outcome = found.outcome.value
            self._count(found.passed)
            return list_out(found, asker, parts.coverage(), parts.source), kept

        return await self._parts.run_kept(keeping_refusals(parts.store, answer))

    async def GetReport(
        self, request: reuse_service_pb2.GetReportRequest, context: Context
    ) -> reuse_service_pb2.GetReportResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        if not request.report_id:
            faults.add("report_id", "is required")
        ask = GetReport(
            report_id=request.report_id,
            context=context_in(request.context, faults),
            caller=this.peer,
            prompt_id=self._prompt_id(request.prompt_id, faults),
            request_id=this.request_id,
        )
        faults.check()
        asker = self._asker()

        def answer(
            reader: Reader,
        ) -> tuple[tuple[WholeReport, reuse_service_pb2.GetReportResponse], Callable[[Writer], None]]:
            found = get_report(ask, reader, asker.book, parts.tokens, parts.ids, parts.clock())
            return (found, report_out(found, asker)), found.keep

        found, response = await parts.answer(answer)
        this.outcome = found.record.outcome
        self._count(found.passed)
        return response

    def _count(self, passed: Passed) -> None:
        if passed.declared:
            self._parts.metrics.break_glass.inc()

    def _asker(self) -> Asker:
        return Asker(call.current().peer.institution, self._parts.rules.book, self._parts.ids)

    def _prompt_id(self, text: str, faults: Faults) -> bytes:
        if not text:
            return b""
        parts = self._parts.ids.open(PROMPT_ID, call.current().peer.institution, text)
        if parts is None:
            faults.add("prompt_id", "is not the id of a prompt of this institution")
            return b""
        return parts[0]
