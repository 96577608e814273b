"""What every call passes through. `chain` holds the list, read from top to bottom."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from grpc.aio import AbortError

from hutong_server.api import policy
from hutong_server.api.admission import Admission, CallLimits, Prompts, Rate
from hutong_server.api.call import Call, begin, current
from hutong_server.api.chain import Answer, Chain, Context
from hutong_server.api.identity import Identities
from hutong_server.api.refusal_record import RefusalRecord
from hutong_server.api.standing import CertificateStanding, Standing
from hutong_server.api.status import ERRORS, refusal, to_status
from hutong_server.api.streams import OpenStreams
from hutong_server.api.trace_context import ANSWER, span_of
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import StoreOverloaded, StoreUnavailable
from hutong_server.telemetry import Metrics, log, where

SELF_ENDING = frozenset({"/hutong.v1.RegistryService/PublishReports"})
"""Streams that watch Call.ending themselves, to finish the item in work. All others are cut."""
_LAST_WORD = 5.0
"""Seconds within which a caller has to take the status of its call."""


def chain(
    *,
    metrics: Metrics,
    identities: Identities,
    book: Callable[[], RuleBook],
    streams: OpenStreams,
    standing: Standing,
    limits: CallLimits,
    prompts: Prompts,
    refusals: RefusalRecord,
    default_deadline: float,
    deadline_margin: float,
    ended: Callable[[Call, float], None] | None = None,
) -> Chain:
    """The interceptors, outermost first. Times in seconds. `ended` is told of each call, with how long it took."""
    return Chain(
        [
            Telemetry(metrics, ended),
            HideFaults(),
            refusals,
            Identity(identities),
            CertificateStanding(standing),
            Rate(limits),
            Policy(book),
            Admission(limits),
            Deadline(default_deadline, deadline_margin),
            prompts.door,
            StreamLife(streams),
        ],
        within=[prompts],
    )


def grpc_type(method: str) -> str:
    """What go-grpc-prometheus calls the kind of a method: unary, client_stream, server_stream or bidi_stream."""
    try:
        found = descriptor_pool.Default().FindMethodByName(method.strip("/").replace("/", "."))
    except KeyError:
        return "unary"
    if found.client_streaming and found.server_streaming:
        return "bidi_stream"
    return "client_stream" if found.client_streaming else "server_stream" if found.server_streaming else "unary"


class Telemetry:
    """Opens the Call, counts and times it, and writes its one log line."""

    def __init__(self, metrics: Metrics, ended: Callable[[Call, float], None] | None = None) -> None:
        self._metrics = metrics
        self._ended = ended

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        service, _, name = method.strip("/").rpartition("/")
        kind = grpc_type(method)
        labels = {"grpc_type": kind, "grpc_service": service, "grpc_method": name}
        started = self._metrics.started.labels(**labels)
        seconds = self._metrics.seconds.labels(**labels)
        received, sent = self._metrics.received.labels(**labels).inc, self._metrics.sent.labels(**labels).inc
        handled, refused, in_flight = self._metrics.handled, self._metrics.refused, self._metrics.in_flight
        logger, ended = log(), self._ended

        async def answer(request: Any, context: Context) -> Any:
            span = span_of(context.invocation_metadata() or ())
            call = Call(method, span=span, on_received=received, on_sent=sent)
            begin(call)
            if span.parent_id:
                context.set_trailing_metadata(((ANSWER, span.header),))
            started.inc()
            in_flight.inc()
            try:
                return await inner(request, context)
            except AbortError as error:
                # gRPC keeps it with the call, and through the frames of its traceback it would keep the call: of each
                # refusal some forty objects would wait for a collection, which stops everything.
                del request, context
                raise error.with_traceback(None) from None
            except asyncio.CancelledError:
                # The caller went away, or its deadline passed before ours did.
                if call.code == "OK":
                    call.code = "CANCELLED"
                raise
            finally:
                took = time.perf_counter() - call.started
                in_flight.dec()
                seconds.observe(took)
                handled.labels(kind, service, name, call.code).inc()
                if call.reason:
                    refused.labels(call.reason).inc()
                logger.info("call", extra=_fields(call, took))
                if ended is not None:
                    ended(call, took)

        return answer


class HideFaults:
    """Turns refusals into statuses, and every other exception into INTERNAL: its text never leaves.

    A bare exception in a grpc.aio method would send its text, patient data included, to the caller.
    """

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""

        async def answer(request: Any, context: Context) -> Any:
            call = current()
            try:
                return await inner(request, context)
            except AbortError:
                call.code = _code_set(context)
                raise
            except HutongError as error:
                # Its traceback leads to this frame, which would keep it: thousands of shed calls would wait for a
                # collection that stops everything.
                refused = error.with_traceback(None)
            except StoreOverloaded:
                refused = refusal(Reason.OVERLOADED)
            except StoreUnavailable as error:
                log().warning("store unavailable", extra=_fault(call, error))
                refused = refusal(Reason.STORE_UNAVAILABLE)
            except Exception as error:
                log().error("unexpected", extra=_fault(call, error))
                refused = refusal(Reason.INTERNAL)
            call.code, call.reason = ERRORS[refused.reason].code.name, refused.reason.value
            try:
                async with asyncio.timeout(_LAST_WORD):
                    return await context.abort_with_status(to_status(refused, call.request_id))
            except TimeoutError:
                # A caller that does not read does not read this either. Its connection ends by its age.
                raise asyncio.CancelledError from None

        return answer


class Identity:
    """Reads the caller from the peer's certificate."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        identities = self._identities

        async def answer(request: Any, context: Context) -> Any:
            current().caller = identities.caller(context.auth_context(), time.time())
            return await inner(request, context)

        return answer


class Policy:
    """Asks the access table, and whether the institution is registered and not suspended."""

    def __init__(self, book: Callable[[], RuleBook]) -> None:
        self._book = book

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        book = self._book

        async def answer(request: Any, context: Context) -> Any:
            policy.check(method, current().peer, book())
            return await inner(request, context)

        return answer


class Deadline:
    """Answers within the caller's deadline less a margin, or not at all. Streams last as long as they last."""

    def __init__(self, default: float, margin: float) -> None:
        self._default = default
        self._margin = margin

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        if streaming:
            return inner

        async def answer(request: Any, context: Context) -> Any:
            left: float | None = context.time_remaining()
            limit = self._default if left is None else min(left - self._margin, self._default)
            if limit <= 0:
                raise refusal(Reason.DEADLINE_TOO_SHORT)
            try:
                async with asyncio.timeout(limit):
                    return await inner(request, context)
            except TimeoutError:
                raise refusal(Reason.DEADLINE_TOO_SHORT) from None

        return answer


class StreamLife:
    """Ends streams whose caller was suspended, and all of them when the server drains."""

    def __init__(self, streams: OpenStreams) -> None:
        self._streams = streams

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        if not streaming:
            return inner

        async def answer(request: Any, context: Context) -> Any:
            call = current()
            ending = self._streams.open(call)
            try:
                if method in SELF_ENDING:
                    return await inner(request, context)
                return await _until(ending, inner(request, context))
            finally:
                self._streams.close(call)

        return answer


async def _until(ending: "asyncio.Future[HutongError]", answer: Awaitable[Any]) -> Any:
    work = asyncio.ensure_future(answer)
    try:
        await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise ending.result()
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait({work})


def _code_set(context: Context) -> str:
    code: Any = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), "UNKNOWN")


def _fields(call: Call, took: float) -> dict[str, object]:
    caller = call.caller
    return {
        "request_id": call.request_id,
        "trace_id": call.span.trace_id,
        "span_id": call.span.span_id,
        "method": call.method,
        "code": call.code,
        "reason": call.reason,
        "outcome": call.outcome,
        "milliseconds": round(took * 1000, 2),
        "institution": caller.institution if caller else "",
        "role": caller.role.value if caller else "",
    }


def _fault(call: Call, error: BaseException) -> dict[str, object]:
    return {
        "request_id": call.request_id,
        "trace_id": call.span.trace_id,
        "span_id": call.span.span_id,
        "method": call.method,
        "error_type": type(error).__name__,
        "error_at": where(error),
    }
