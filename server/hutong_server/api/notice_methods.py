"""Notices to institutions that relied on a report."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from hutong.v1 import reuse_service_pb2

from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason

Context = grpc.aio.ServicerContext[Any, Any]


class NoticeMethods:
    """See the contract."""

    _parts: Parts

    async def ListNotices(
        self, request: reuse_service_pb2.ListNoticesRequest, context: Context
    ) -> reuse_service_pb2.ListNoticesResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)

    async def AcknowledgeNotice(
        self, request: reuse_service_pb2.AcknowledgeNoticeRequest, context: Context
    ) -> reuse_service_pb2.AcknowledgeNoticeResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)

    async def WatchNotices(
        self, request: reuse_service_pb2.WatchNoticesRequest, context: Context
    ) -> AsyncIterator[reuse_service_pb2.WatchNoticesResponse]:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)
        yield reuse_service_pb2.WatchNoticesResponse()
