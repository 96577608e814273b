"""Sends each call as an OpenTelemetry span to a collector (OTLP over HTTP), when a setting names one.

Only this module knows OpenTelemetry, an optional part of the installation (`hutong[otel]`). The ids are those of
trace_context.py, so that a span is found by a line of the log. Attributes follow the semantic conventions of RPC.
"""

import time
from typing import Final

import grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from hutong_server.api.call import Call

_PATH: Final = "/v1/traces"
_SCOPE: Final = InstrumentationScope("hutong")
_TIMEOUT: Final = 2.0
"""Seconds within which the collector has to take a batch; the end of the registry waits no longer."""
_OURS: Final = frozenset({"INTERNAL", "UNAVAILABLE", "UNKNOWN", "DATA_LOSS", "DEADLINE_EXCEEDED", "UNIMPLEMENTED"})
"""Statuses that count as faults of a server by the semantic conventions of gRPC."""


class SpanExport:
    """Hands spans over in batches, from a thread of its own. What the collector does not take is lost."""

    def __init__(self, endpoint: str, registry_name: str) -> None:
        """`endpoint`: base URL of the collector."""
        exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + _PATH, timeout=_TIMEOUT)
        self._batches = BatchSpanProcessor(exporter)
        self._resource = Resource({"service.name": "hutong", "service.namespace": registry_name})

    def ended(self, call: Call, seconds: float) -> None:
        """Takes a call that has ended after so many seconds; nothing of one whose caller does not keep its trace."""
        span = call.span
        if not span.sampled:
            return
        end = time.time_ns()
        trace_id, flags = int(span.trace_id, 16), TraceFlags(TraceFlags.SAMPLED)
        parent = SpanContext(trace_id, int(span.parent_id, 16), True, flags) if span.parent_id else None
        self._batches.on_end(
            ReadableSpan(
                name=call.method.strip("/"),
                context=SpanContext(trace_id, int(span.span_id, 16), False, flags),
                parent=parent,
                resource=self._resource,
                attributes=_attributes(call),
                kind=SpanKind.SERVER,
                status=Status(StatusCode.ERROR if call.code in _OURS else StatusCode.UNSET),
                start_time=end - int(seconds * 1e9),
                end_time=end,
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """Hands over what is left, and ends."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # the library's


def _attributes(call: Call) -> dict[str, str | int]:
    """What the call's log line says; nothing of a patient."""
    service, _, method = call.method.strip("/").rpartition("/")
    caller = call.caller
    found: dict[str, str | int] = {
        "rpc.system": "grpc",
        "rpc.service": service,
        "rpc.method": method,
        "rpc.grpc.status_code": grpc.StatusCode[call.code].value[0],
        "hutong.request_id": call.request_id,
        "hutong.reason": call.reason,
        "hutong.outcome": call.outcome,
        "hutong.institution": caller.institution if caller else "",
        "hutong.role": caller.role.value if caller else "",
    }
    return {name: value for name, value in found.items() if value != ""}
