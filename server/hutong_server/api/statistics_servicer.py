"""What recognition is worth."""

from typing import Any

import grpc
from hutong.v1 import statistics_service_pb2, statistics_service_pb2_grpc

from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason

Context = grpc.aio.ServicerContext[Any, Any]


class StatisticsServicer(statistics_service_pb2_grpc.StatisticsServiceServicer):
    """See the contract."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetStatistics(
        self, request: statistics_service_pb2.GetStatisticsRequest, context: Context
    ) -> statistics_service_pb2.GetStatisticsResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)

    async def ListStatisticsRows(
        self, request: statistics_service_pb2.ListStatisticsRowsRequest, context: Context
    ) -> statistics_service_pb2.ListStatisticsRowsResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)

    async def ListFeedFreshness(
        self, request: statistics_service_pb2.ListFeedFreshnessRequest, context: Context
    ) -> statistics_service_pb2.ListFeedFreshnessResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)
