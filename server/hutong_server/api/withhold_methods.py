"""Hiding a report at once."""

from typing import Any, Final

import grpc
from hutong.v1 import patient_service_pb2

from hutong_server.api import call
from hutong_server.api.convert import Faults
from hutong_server.api.parts import Parts
from hutong_server.usecases.patients import Step
from hutong_server.usecases.withhold import named_report, withhold_report

Context = grpc.aio.ServicerContext[Any, Any]

MAX_REASON: Final = 1000


class WithholdMethods:
    """See the contract."""

    _parts: Parts

    async def WithholdReport(
        self, request: patient_service_pb2.WithholdReportRequest, context: Context
    ) -> patient_service_pb2.WithholdReportResponse:
        """See the contract."""
        parts, faults = self._parts, Faults()
        if not request.report_id:
            faults.add("report_id", "is required")
        step = self._step(request.reason, faults)
        institution, publishers = step.caller.institution, tuple(parts.rules.book.institutions)
        report_id = await parts.run(lambda: named_report(request.report_id, institution, publishers, parts.ids))
        done = await parts.write(withhold_report(report_id, lift=request.lift, step=step))
        return patient_service_pb2.WithholdReportResponse(withheld=done.withheld, notified=done.notified)

    def _step(self, reason: str, faults: Faults) -> Step:
        """A step's who, why and when. Raises HutongError for every fault of the request so far."""
        faults.text("reason", reason, longest=MAX_REASON, required=True)
        faults.check()
        this = call.current()
        return Step(this.peer, reason, self._parts.clock(), this.request_id)
