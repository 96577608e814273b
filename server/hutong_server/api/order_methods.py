"""Orders about to be signed."""

from typing import Any

import grpc
from hutong.v1 import reuse_service_pb2

from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason

Context = grpc.aio.ServicerContext[Any, Any]


class OrderMethods:
    """See the contract."""

    _parts: Parts

    async def CheckOrders(
        self, request: reuse_service_pb2.CheckOrdersRequest, context: Context
    ) -> reuse_service_pb2.CheckOrdersResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)
