"""The gRPC server: services, interceptors, transport limits, and how it ends."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from hutong.v1 import (
    audit_service_pb2,
    audit_service_pb2_grpc,
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    certificate_service_pb2,
    certificate_service_pb2_grpc,
    consent_service_pb2,
    consent_service_pb2_grpc,
    patient_service_pb2,
    patient_service_pb2_grpc,
    registry_service_pb2,
    registry_service_pb2_grpc,
    reuse_service_pb2,
    reuse_service_pb2_grpc,
    statistics_service_pb2,
    statistics_service_pb2_grpc,
)

from hutong_server.api.admission import CallLimits, Prompts
from hutong_server.api.audit_servicer import AuditServicer
from hutong_server.api.catalog_servicer import CatalogServicer
from hutong_server.api.certificate_servicer import CertificateServicer
from hutong_server.api.consent_servicer import ConsentServicer
from hutong_server.api.health import Health
from hutong_server.api.identity import Identities
from hutong_server.api.interceptors import chain
from hutong_server.api.parts import Parts
from hutong_server.api.patient_servicer import PatientServicer
from hutong_server.api.refusal_record import RefusalRecord
from hutong_server.api.registry_servicer import RegistryServicer
from hutong_server.api.reuse_servicer import ReuseServicer
from hutong_server.api.statistics_servicer import StatisticsServicer
from hutong_server.api.streams import OpenStreams

SERVICES = tuple(
    service.full_name
    for file in (
        registry_service_pb2,
        reuse_service_pb2,
        catalog_service_pb2,
        patient_service_pb2,
        certificate_service_pb2,
        consent_service_pb2,
        audit_service_pb2,
        statistics_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
)
"""Full names of hutong.v1's services on this listener; EnrollmentService has one of its own."""
HEALTH_SERVICE = "grpc.health.v1.Health"

_ENVELOPE = 64 * 1024
"""What a message holds beside its document. A document just above the limit is so refused with a reason and a path,
one far above it by the transport."""


_METADATA = 16 * 1024
"""Bytes of a call's metadata."""
_HANDSHAKE = 10_000
"""Milliseconds for TLS, and again for the first words of HTTP/2."""
_LONGEST_PENDING = 10
"""Seconds."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What gRPC's core does by itself, before a call is looked at. Times in seconds."""

    streams: int
    """HTTP/2 streams of one connection."""
    pending: int
    """Calls that wait to be looked at. From here on some are cut, above twice as many all."""
    keepalive: float
    keepalive_timeout: float
    idle: float
    age: float
    grace: float


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the server listens. Times in seconds."""

    listen: str
    credentials: grpc.ServerCredentials
    registry_name: str
    max_document_bytes: int
    limits: CallLimits
    connections: ConnectionLimits
    default_deadline: float
    deadline_margin: float
    drain: float
    reuse_port: bool = False


class Handlers:
    """Takes a service's methods from the generated code, and does not register them one by one.

    grpc.aio has a task for each registered method and looks at all of these tasks at each call: with fifty methods,
    a fifth of a millisecond. Unregistered ones are found by name, which costs nothing that can be measured.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, _service: str, _handlers: Mapping[str, Any]) -> None:
        """Not done; see the class."""


class RegistryServer:
    """The listening server. `port` is known after start()."""

    def __init__(self, parts: Parts, health: Health, options: ServerOptions) -> None:
        self._options = options
        self._health = health
        self.streams = OpenStreams(lambda: parts.rules.book, parts.standing.check)
        parts.rules.on_change(self.streams.recheck)
        parts.standing.on_change(self.streams.recheck)
        self._refusals = RefusalRecord(parts.store, parts.clock)
        prompts = Prompts(options.limits)
        self.shedding = prompts.shedding
        """Whether calls that a doctor waits for are turned away now."""
        self._server = grpc.aio.server(
            interceptors=[
                chain(
                    metrics=parts.metrics,
                    identities=Identities(options.registry_name),
                    book=lambda: parts.rules.book,
                    streams=self.streams,
                    standing=parts.standing,
                    limits=options.limits,
                    prompts=prompts,
                    refusals=self._refusals,
                    default_deadline=options.default_deadline,
                    deadline_margin=options.deadline_margin,
                    ended=parts.ended,
                )
            ],
            options=_transport(options),
        )
        self._add_services(parts)
        self.port = 0

    def _add_services(self, parts: Parts) -> None:
        server: Any = Handlers(self._server)  # the generated functions are typed for the sync server
        registry_service_pb2_grpc.add_RegistryServiceServicer_to_server(RegistryServicer(parts), server)
        reuse_service_pb2_grpc.add_ReuseServiceServicer_to_server(ReuseServicer(parts), server)
        catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server(CatalogServicer(parts), server)
        patient_service_pb2_grpc.add_PatientServiceServicer_to_server(PatientServicer(parts), server)
        certificate_service_pb2_grpc.add_CertificateServiceServicer_to_server(CertificateServicer(parts), server)
        consent_service_pb2_grpc.add_ConsentServiceServicer_to_server(ConsentServicer(parts), server)
        audit_service_pb2_grpc.add_AuditServiceServicer_to_server(AuditServicer(parts), server)
        statistics_service_pb2_grpc.add_StatisticsServiceServicer_to_server(StatisticsServicer(parts), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, server)
        reflection.enable_server_reflection((*SERVICES, HEALTH_SERVICE, reflection.SERVICE_NAME), self._server)

    async def start(self) -> None:
        """Listens. Raises RuntimeError when the address cannot be had."""
        self.port = self._server.add_secure_port(self._options.listen, self._options.credentials)
        await self._health.look()
        await self._server.start()

    def handshake_failed(self, reason: str) -> None:
        """Puts a connection on record that never became one, counted with the others of this second."""
        self._refusals.count_handshake(reason)

    async def drain(self) -> None:
        """Ends in good order: tells health, takes no new calls, lets those in flight finish, ends the streams."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._options.drain
        pause = min(0.2, self._options.drain / 10)
        await self._health.drain()
        # Watchers of health hear of it before their streams end, and balancers send their next call elsewhere.
        await asyncio.sleep(pause)
        await self.streams.drain(max(0.0, end - loop.time()))
        # A caller that is still sending loses what it has not read yet when the connection closes under it: the
        # answers and statuses of its streams get a head start.
        await asyncio.sleep(pause)
        await self._server.stop(max(0.0, end - loop.time()))
        await self._refusals.close()


def _transport(options: ServerOptions) -> list[tuple[str, int]]:
    ends = options.connections
    return [
        ("grpc.max_receive_message_length", options.max_document_bytes + _ENVELOPE),
        # An answer holds at most one document and what stands beside it.
        ("grpc.max_send_message_length", 2 * options.max_document_bytes + 64 * _ENVELOPE),
        ("grpc.max_metadata_size", _METADATA),
        ("grpc.absolute_max_metadata_size", _METADATA),
        ("grpc.max_concurrent_streams", ends.streams),
        ("grpc.server.max_pending_requests", ends.pending),
        ("grpc.server.max_pending_requests_hard_limit", 2 * ends.pending),
        # What waited for longer is of no use to a doctor any more.
        ("grpc.server_max_unrequested_time_in_server", _LONGEST_PENDING),
        ("grpc.so_reuseport", int(options.reuse_port)),
        # A connection on which nothing is said for so long at its beginning never becomes one.
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE),
        ("grpc.http2.settings_timeout", _HANDSHAKE),
        # Finds peers that are gone without a word (a site's line cut).
        ("grpc.keepalive_time_ms", _milliseconds(ends.keepalive)),
        ("grpc.keepalive_timeout_ms", _milliseconds(ends.keepalive_timeout)),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Finds those that answer every ping and never read: what is stuck on a connection ends with it.
        ("grpc.max_connection_idle_ms", _milliseconds(ends.idle)),
        ("grpc.max_connection_age_ms", _milliseconds(ends.age)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(ends.grace)),
    ]


def _milliseconds(seconds: float) -> int:
    return max(1, round(1000 * seconds))
