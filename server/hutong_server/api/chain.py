"""How a list of interceptors is put around the methods: once a method, not once a call.

A wrapped method is an `async def (request or iterator, context)` for unary and streaming methods alike.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Sequence
from typing import Any, Protocol, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from hutong_server.api import policy
from hutong_server.api.call import current
from hutong_server.api.status import ERRORS, refusal
from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.report import Issue, Severity

Context = grpc.aio.ServicerContext[Any, Any]
Answer = Callable[[Any, Context], Awaitable[Any]]
Decode = Callable[[bytes], Any]
Encode = Callable[[Any], bytes]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Maybe: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"

UNKNOWN_METHOD = "unknown"
"""Stands for every method that the access table does not name, so that a scan of names cannot grow the metrics."""


class Interceptor(Protocol):
    """One entry of the list."""

    def wrap(self, method: str, inner: Answer, streaming: bool) -> Answer:
        """The method with this interceptor around it."""


class Chain(grpc.aio.ServerInterceptor):
    """The list as gRPC sees it: one interceptor, so that a call pays for the wrapping once in the server's life."""

    def __init__(
        self,
        interceptors: Sequence[Interceptor],
        methods: Container[str] = policy.ROLES,
        within: Sequence[Interceptor] = (),
    ) -> None:
        """`interceptors`: outermost first. `methods`: those that count under their own names.

        `within`: those of unary methods that are passed once the request has been read.
        """
        self._methods = methods
        self._within = tuple(within)
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
        method = handler_call_details.method if handler_call_details.method in self._methods else UNKNOWN_METHOD
        known = self._wrapped.get(method)
        if known is None or known[0] is not inner:
            known = (inner, self._wrap(method, inner))
            self._wrapped[method] = known
        return known[1]

    def _wrap(self, method: str, inner: Handler) -> Handler:
        streaming = inner.request_streaming or inner.response_streaming
        answer = _answer_of(inner)
        for interceptor in reversed(self._within):
            answer = interceptor.wrap(method, answer, streaming)
        answer = _reading_all(answer) if inner.request_streaming else _reading_one(answer)
        for interceptor in reversed(self._interceptors):
            answer = interceptor.wrap(method, answer, streaming)
        # To gRPC every method takes a stream: it would read a single request before the list, without an end if the
        # caller sends half of it, and at the cost of its memory if the caller is to be refused.
        make: Any = (
            grpc.stream_stream_rpc_method_handler if inner.response_streaming else grpc.stream_unary_rpc_method_handler
        )
        made: Handler = make(answer, _guarded(inner.request_deserializer), _written(inner.response_serializer))
        return made


def _reading_one(inner: Answer) -> Answer:
    """Reads the one request of a call, inside the list: admitted, and within the deadline."""

    async def answer(_: Any, context: Context) -> Any:
        request = _checked(await context.read())
        call = current()
        call.on_received()
        response = await inner(request, context)
        if response is not None:
            call.on_sent()
        return response

    return answer


def _reading_all(inner: Answer) -> Answer:
    async def answer(requests: Any, context: Context) -> Any:
        return await inner(_readable(requests), context)

    return answer


def _guarded(decode: Decode | None) -> Decode:
    """What reads the requests of a method: gives a mark in place of one that cannot be read.

    gRPC would send the exception's text to whoever called.
    """

    def guarded(content: bytes) -> Any:
        try:
            return decode(content) if decode is not None else content
        except DecodeError:
            return _MALFORMED

    return guarded


def _written(encode: Encode | None) -> Encode:
    """What writes the answers of a method; some are in their wire form already."""

    def written(answer: Any) -> bytes:
        return answer if encode is None or isinstance(answer, bytes) else encode(answer)

    return written


_MALFORMED = object()


def _checked(request: Any) -> Any:
    if request is _MALFORMED or request is grpc.aio.EOF:
        fault = Issue(Severity.ERROR, Reason.REQUEST_INVALID.value, "request", "is not a message of this method")
        raise HutongError(Reason.REQUEST_INVALID, ERRORS[Reason.REQUEST_INVALID].text, (fault,))
    return request


async def _readable(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    call = current()
    async for request in requests:
        call.on_received()
        yield _checked(request)


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
        call = current()
        async for response in inner(request, context):
            await context.write(response)
            call.on_sent()

    return answer
