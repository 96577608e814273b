"""What every call passes through. `chain` holds the list, read from top to bottom.

The list is put around a method once, not once a call: a wrapped method is an `async def (request or iterator, context)`
for unary and streaming methods alike.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc.aio import AbortError

from hutong_server.api import policy
from hutong_server.api.call import Call, begin, current
from hutong_server.api.identity import Identities
from hutong_server.api.status import ERRORS, refusal, to_status
from hutong_server.api.streams import OpenStreams
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Issue, Severity
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import StoreOverloaded, StoreUnavailable
from hutong_server.telemetry import Metrics, log, where

Context = grpc.aio.ServicerContext[Any, Any]
Answer = Callable[[Any, Context], Awaitable[Any]]
Decode = Callable[[bytes], Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Maybe: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"

UNKNOWN_METHOD = "unknown"
"""Stands for every method that the access table does not name, so that a scan of names cannot grow the metrics."""
SELF_ENDING = frozenset({"/hutong.v1.RegistryService/PublishReports"})
"""Streams that watch Call.ending themselves, to finish the item in work. All others are cut."""


def chain(
    *,
    metrics: Metrics,
    identities: Identities,
    book: Callable[[], RuleBook],
    streams: OpenStreams,
    max_concurrent: int,
    default_deadline: float,
    deadline_margin: float,
) -> "Chain":
    """The interceptors, outermost first. Times in seconds."""
    return Chain(
        [
            Telemetry(metrics),
            HideFaults(),
            Identity(identities),
            Policy(book),
            Admission(max_concurrent),
            Deadline(default_deadline, deadline_margin),
            StreamLife(streams),
            Decoding(),
        ]
    )


class Interceptor(Protocol):
    """One entry of the list."""

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """The method with this interceptor around it."""


class Chain(grpc.aio.ServerInterceptor):
    """The list as gRPC sees it: one interceptor, so that a call pays for the wrapping once in the server's life."""

    def __init__(self, interceptors: Sequence[Interceptor]) -> None:
        """`interceptors`: outermost first."""
        self._interceptors = tuple(interceptors)
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Maybe]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Maybe:
        """Gives the wrapped method; for one that does not exist, one that says so."""
        inner = await continuation(handler_call_details) or _NO_METHOD
        # What the access table does not name is one method to us, whether it exists or not: Policy denies it.
        method = handler_call_details.method if handler_call_details.method in policy.ROLES else UNKNOWN_METHOD
        known = self._wrapped.get(method)
        if known is None or known[0] is not inner:
            known = (inner, self._wrap(method, inner))
            self._wrapped[method] = known
        return known[1]

    def _wrap(self, method: str, inner: Handler) -> Handler:
        streaming = inner.request_streaming or inner.response_streaming
        answer = _answer_of(inner)
        for interceptor in reversed(self._interceptors):
            answer = interceptor.wrap(method, answer, streaming)
        kinds = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }
        make: Any = kinds[inner.request_streaming, inner.response_streaming]
        made: Handler = make(answer, _guarded(inner.request_deserializer), inner.response_serializer)
        return made


class Telemetry:
    """Opens the Call, counts and times it, and writes its one log line."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        service, _, name = method.strip("/").rpartition("/")
        labels = {"grpc_service": service, "grpc_method": name}
        started = self._metrics.started.labels(**labels)
        seconds = self._metrics.seconds.labels(**labels)
        handled, refused, in_flight = self._metrics.handled, self._metrics.refused, self._metrics.in_flight
        logger = log()

        async def answer(request: Any, context: Context) -> Any:
            call = Call(method)
            begin(call)
            started.inc()
            in_flight.inc()
            try:
                return await inner(request, context)
            except asyncio.CancelledError:
                # The caller went away, or its deadline passed before ours did.
                if call.code == "OK":
                    call.code = "CANCELLED"
                raise
            finally:
                took = time.perf_counter() - call.started
                in_flight.dec()
                seconds.observe(took)
                handled.labels(service, name, call.code).inc()
                if call.reason:
                    refused.labels(call.reason).inc()
                logger.info("call", extra=_fields(call, took))

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
                refused = error
            except StoreOverloaded:
                refused = refusal(Reason.OVERLOADED)
            except StoreUnavailable as error:
                log().warning("store unavailable", extra=_fault(call, error))
                refused = refusal(Reason.STORE_UNAVAILABLE)
            except Exception as error:
                log().error("unexpected", extra=_fault(call, error))
                refused = refusal(Reason.INTERNAL)
            call.code, call.reason = ERRORS[refused.reason].code.name, refused.reason.value
            return await context.abort_with_status(to_status(refused, call.request_id))

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


class Admission:
    """Sheds calls above the limit, before they cost anything. Health is always answered."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_work = 0

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""
        if method in policy.OPEN_TO_UNREGISTERED:
            return inner

        async def answer(request: Any, context: Context) -> Any:
            if self._in_work >= self._limit:
                raise refusal(Reason.OVERLOADED)
            self._in_work += 1
            try:
                return await inner(request, context)
            finally:
                self._in_work -= 1

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


class Decoding:
    """Refuses requests that are no messages, inside the list.

    gRPC reads requests before it and would send the exception's text to whoever called; see `_guarded`.
    """

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """See the class."""

        async def single(request: Any, context: Context) -> Any:
            return await inner(_checked(request), context)

        async def either(request: Any, context: Context) -> Any:
            return await inner(_readable(request) if hasattr(request, "__aiter__") else _checked(request), context)

        return either if streaming else single


def _guarded(decode: Decode | None) -> Decode:
    """What reads the requests of a method: gives a mark in place of one that cannot be read."""

    def guarded(content: bytes) -> Any:
        try:
            return decode(content) if decode is not None else content
        except DecodeError:
            return _MALFORMED

    return guarded


_MALFORMED = object()


def _checked(request: Any) -> Any:
    if request is _MALFORMED:
        fault = Issue(Severity.ERROR, Reason.REQUEST_INVALID.value, "request", "is not a message of this method")
        raise HutongError(Reason.REQUEST_INVALID, ERRORS[Reason.REQUEST_INVALID].text, (fault,))
    return request


async def _readable(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _checked(request)


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


async def _no_method(_: Any, __: Context) -> None:
    raise refusal(Reason.METHOD_UNKNOWN)


# A stream method, so that the answer does not wait for a request that may never come.
_NO_METHOD: Handler = grpc.stream_stream_rpc_method_handler(_no_method)


def _answer_of(handler: Handler) -> Answer:
    """The method behind a handler as a plain coroutine function: a generator's items are written to the context."""
    inner: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    if not inspect.isasyncgenfunction(inner):
        plain: Answer = inner
        return plain

    async def answer(request: Any, context: Context) -> None:
        async for response in inner(request, context):
            await context.write(response)

    return answer


def _code_set(context: Context) -> str:
    code: Any = context.code()
    if isinstance(code, grpc.StatusCode):
        return code.name
    return next((known.name for known in grpc.StatusCode if known.value[0] == code), "UNKNOWN")


def _fields(call: Call, took: float) -> dict[str, object]:
    caller = call.caller
    return {
        "request_id": call.request_id,
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
        "method": call.method,
        "error_type": type(error).__name__,
        "error_at": where(error),
    }
