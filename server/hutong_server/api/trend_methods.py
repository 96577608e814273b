"""One item over time."""

from typing import Any

import grpc
from hutong.v1 import reuse_service_pb2

from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason

Context = grpc.aio.ServicerContext[Any, Any]


class TrendMethods:
    """See the contract."""

    _parts: Parts

    async def GetTrend(
        self, request: reuse_service_pb2.GetTrendRequest, context: Context
    ) -> reuse_service_pb2.GetTrendResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)
