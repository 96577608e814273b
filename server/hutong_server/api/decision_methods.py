"""Decisions, and what happened on screen."""

from typing import Any

import grpc
from hutong.v1 import reuse_service_pb2

from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason

Context = grpc.aio.ServicerContext[Any, Any]


class DecisionMethods:
    """See the contract."""

    _parts: Parts

    async def RecordDecisions(
        self, request: reuse_service_pb2.RecordDecisionsRequest, context: Context
    ) -> reuse_service_pb2.RecordDecisionsResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)

    async def ReportPromptEvents(
        self, request: reuse_service_pb2.ReportPromptEventsRequest, context: Context
    ) -> reuse_service_pb2.ReportPromptEventsResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)
