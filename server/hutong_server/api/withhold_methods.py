"""Hiding a report at once."""

from typing import Any

import grpc
from hutong.v1 import patient_service_pb2

from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason

Context = grpc.aio.ServicerContext[Any, Any]


class WithholdMethods:
    """See the contract."""

    _parts: Parts

    async def WithholdReport(
        self, request: patient_service_pb2.WithholdReportRequest, context: Context
    ) -> patient_service_pb2.WithholdReportResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)
