"""One item over time. No answer leaves before its access record is durable."""

from concurrent.futures import Future
from typing import Any

import grpc
from hutong.v1 import reuse_service_pb2

from hutong_server.api import call
from hutong_server.api.convert import Faults, instant
from hutong_server.api.convert_reuse import Asker, context_in, patient_in
from hutong_server.api.convert_trend import trend_out
from hutong_server.api.parts import Parts
from hutong_server.api.refusals import keeping_refusals
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Issue, Severity
from hutong_server.usecases.get_trend import GetTrend, get_trend

Context = grpc.aio.ServicerContext[Any, Any]
MAX_UNIT = 64


class TrendMethods:
    """See the contract."""

    _parts: Parts

    async def GetTrend(
        self, request: reuse_service_pb2.GetTrendRequest, context: Context
    ) -> reuse_service_pb2.GetTrendResponse:
        """See the contract."""
        parts, this = self._parts, call.current()
        faults = Faults()
        ask = GetTrend(
            patient=patient_in(request.patient, faults),
            context=context_in(request.context, faults),
            caller=this.peer,
            item=faults.text("item", request.item, required=True),
            taken_from=instant(request.taken_from, "taken_from", faults) if request.HasField("taken_from") else None,
            taken_before=instant(request.taken_before, "taken_before", faults)
            if request.HasField("taken_before")
            else None,
            request_id=this.request_id,
        )
        unit = faults.text("unit", request.unit, longest=MAX_UNIT)
        faults.check()
        asker = Asker(this.peer.institution, parts.rules.book, parts.ids)

        def answer() -> tuple[reuse_service_pb2.GetTrendResponse, Future[None]]:
            if unit and not parts.units.is_ucum(unit):
                issue = Issue(Severity.ERROR, Reason.REQUEST_INVALID.value, "unit", "is not a UCUM unit")
                raise HutongError(Reason.REQUEST_INVALID, "The request is not valid; see its fields.", (issue,))
            found = parts.store.read(lambda reader: get_trend(ask, reader, asker.book, parts.tokens, parts.clock()))
            kept = parts.store.submit(found.keep)
            this.outcome = found.outcome.value
            if found.passed.declared:
                parts.metrics.break_glass.inc()
            return trend_out(found, asker, parts.units, unit, parts.coverage(), parts.source), kept

        return await parts.run_kept(keeping_refusals(parts.store, answer))
