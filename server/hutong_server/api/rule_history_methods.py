"""The history of the catalogue, and what it does not cover."""

from typing import Any

import grpc
from hutong.v1 import catalog_service_pb2

from hutong_server.api.parts import Parts
from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason

Context = grpc.aio.ServicerContext[Any, Any]


class RuleHistoryMethods:
    """See the contract."""

    _parts: Parts

    async def ListCatalogVersions(
        self, request: catalog_service_pb2.ListCatalogVersionsRequest, context: Context
    ) -> catalog_service_pb2.ListCatalogVersionsResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)

    async def DiffCatalogVersions(
        self, request: catalog_service_pb2.DiffCatalogVersionsRequest, context: Context
    ) -> catalog_service_pb2.DiffCatalogVersionsResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)

    async def ActivateCatalog(
        self, request: catalog_service_pb2.ActivateCatalogRequest, context: Context
    ) -> catalog_service_pb2.ActivateCatalogResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)

    async def RollBackCatalog(
        self, request: catalog_service_pb2.RollBackCatalogRequest, context: Context
    ) -> catalog_service_pb2.RollBackCatalogResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)

    async def ListUnmappedCodes(
        self, request: catalog_service_pb2.ListUnmappedCodesRequest, context: Context
    ) -> catalog_service_pb2.ListUnmappedCodesResponse:
        """See the contract."""
        raise refusal(Reason.METHOD_UNKNOWN)
