"""What gRPC sends again by itself, against a bare server that is away for a moment."""

from typing import Any

import grpc
from hutong.v1 import registry_service_pb2 as registry

from tests.client.conftest import RawServer, connect


async def test_a_large_document_is_sent_again_like_a_small_one(authority: Any, raw_server: RawServer) -> None:
    heard: list[int] = []

    async def answer(request: registry.PublishReportRequest, context: Any) -> registry.PublishReportResponse:
        heard.append(len(request.document))
        if len(heard) % 2:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "for a moment")
        return registry.PublishReportResponse()

    method = grpc.unary_unary_rpc_method_handler(
        answer, registry.PublishReportRequest.FromString, registry.PublishReportResponse.SerializeToString
    )
    address = await raw_server({"hutong.v1.RegistryService/PublishReport": method})
    async with connect(authority, address, role="feed", server_name="localhost") as client:
        for size in (1_000, 3_000_000):
            await client.publish(b"x" * size, deadline=5)
    assert heard == [1_000, 1_000, 3_000_000, 3_000_000]
