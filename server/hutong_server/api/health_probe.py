"""Asks a running server for its health, for probes of containers and scripts."""

from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def probe(target: str, service: str, timeout: float, ca: bytes, certificate: bytes, key: bytes) -> str:
    """ "SERVING", "NOT_SERVING" or "SERVICE_UNKNOWN"; the name of the gRPC status when there is no answer."""
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    with grpc.secure_channel(target, credentials) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout)
        except grpc.RpcError as error:
            failed: Any = error
            return str(failed.code().name)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
