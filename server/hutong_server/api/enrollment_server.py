"""The enrolment listener: TLS without client certificate, and nothing but EnrollmentService on it."""

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import grpc
from hutong.v1 import enrollment_service_pb2, enrollment_service_pb2_grpc

from hutong_server.api.chain import Answer, Chain, Context
from hutong_server.api.enrollment_servicer import Enrolling, EnrollmentServicer
from hutong_server.api.parts import Parts
from hutong_server.api.refusal_record import RefusalRecord
from hutong_server.api.status import refusal
from hutong_server.domain.errors import Reason

_SERVICE = enrollment_service_pb2.DESCRIPTOR.services_by_name["EnrollmentService"]
METHODS = frozenset(f"/{_SERVICE.full_name}/{method.name}" for method in _SERVICE.methods)
MAX_MESSAGE_BYTES = 64 * 1024
"""A chain, a request and a proof have under 16 kB."""
MAX_STREAMS = 8
"""Calls of one connection at a time: an institution enrols one certificate."""
MAX_CALLS = 32
"""Calls in work, of all."""


@dataclass(frozen=True, slots=True)
class EnrollmentOptions:
    """How it listens. Times in seconds."""

    listen: str
    credentials: grpc.ServerCredentials
    drain: float
    reuse_port: bool = False


class EnrollmentServer:
    """The listening server. `port` is known after start()."""

    def __init__(
        self,
        parts: Parts,
        enrolling: Enrolling,
        options: EnrollmentOptions,
        chain: Chain,
        refusals: RefusalRecord,
        threads: Executor,
    ) -> None:
        """`chain`: what every call passes through, `refusals` among it. `threads`: its own, ended with it."""
        self._threads = threads
        self._options = options
        self._refusals = refusals
        self.limits = enrolling.limits
        self._server = grpc.aio.server(interceptors=[chain], options=_transport(options))
        server: Any = self._server  # the generated function is typed for the sync server
        self.servicer = EnrollmentServicer(parts, enrolling)
        enrollment_service_pb2_grpc.add_EnrollmentServiceServicer_to_server(self.servicer, server)
        self.port = 0

    async def start(self) -> None:
        """Listens. Raises RuntimeError when the address cannot be had."""
        self.port = self._server.add_secure_port(self._options.listen, self._options.credentials)
        await self._server.start()

    async def drain(self) -> None:
        """Takes no new calls, and lets those in flight finish."""
        await self._server.stop(self._options.drain)
        await self._refusals.close()
        self._threads.shutdown(wait=False)


class Crowd:
    """The interceptor that sheds calls above MAX_CALLS: strangers must not take the registry's threads."""

    def __init__(self) -> None:
        self._in_work = 0

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""

        async def answer(request: Any, context: Context) -> Any:
            if self._in_work >= MAX_CALLS:
                raise refusal(Reason.OVERLOADED)
            self._in_work += 1
            try:
                return await inner(request, context)
            finally:
                self._in_work -= 1

        return answer


def _transport(options: EnrollmentOptions) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_concurrent_streams", MAX_STREAMS),
        ("grpc.so_reuseport", int(options.reuse_port)),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.absolute_max_metadata_size", 16 * 1024),
        ("grpc.server.max_pending_requests", 2 * MAX_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", 4 * MAX_CALLS),
        ("grpc.server_max_unrequested_time_in_server", 10),
        # A connection on which nothing is said at its beginning never becomes one.
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.http2.settings_timeout", 10_000),
        # Nobody needs to stay: who has no certificate yet makes two calls and goes.
        ("grpc.max_connection_idle_ms", 10_000),
        ("grpc.max_connection_age_ms", 60_000),
        ("grpc.max_connection_age_grace_ms", 10_000),
    ]
