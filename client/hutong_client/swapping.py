"""A channel whose connection can be exchanged under the calls: those in flight end on the old one.

gRPC's own channels never read their credentials again.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc


class _Line:
    """One connection, and how many calls it still carries."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.methods: dict[tuple[str, str], Any] = {}
        self.in_flight = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def begun(self, call: Any) -> None:
        self.in_flight += 1
        self.idle.clear()
        call.add_done_callback(self._ended)

    def _ended(self, _: Any) -> None:
        self.in_flight -= 1
        if self.in_flight == 0:
            self.idle.set()


class SwappingChannel(grpc.aio.Channel):
    """A channel for stubs. Use within one event loop."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._line = _Line(channel)
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    def swap(self, channel: grpc.aio.Channel, linger: float) -> None:
        """New calls take `channel`. The former is closed when its calls have ended, after `linger` seconds at most."""
        former, self._line = self._line, _Line(channel)
        task = asyncio.ensure_future(_end(former, linger))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    @property
    def lingering(self) -> int:
        """Former connections that still carry calls."""
        return len(self._ending)

    async def close(self, grace: float | None = None) -> None:
        """Closes the connection, and the former ones."""
        self._closed = True
        for task in list(self._ending):
            task.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self._line.channel.close(grace)

    async def __aenter__(self) -> "SwappingChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Of the connection in use."""
        return self._line.channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Of the connection in use."""
        await self._line.channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Of the connection in use."""
        await self._line.channel.channel_ready()

    def unary_unary(self, method: str, *arguments: Any, **named: Any) -> Any:
        """As grpc.aio.Channel."""
        return self._method("unary_unary", method, arguments, named)

    def unary_stream(self, method: str, *arguments: Any, **named: Any) -> Any:
        """As grpc.aio.Channel."""
        return self._method("unary_stream", method, arguments, named)

    def stream_unary(self, method: str, *arguments: Any, **named: Any) -> Any:
        """As grpc.aio.Channel."""
        return self._method("stream_unary", method, arguments, named)

    def stream_stream(self, method: str, *arguments: Any, **named: Any) -> Any:
        """As grpc.aio.Channel."""
        return self._method("stream_stream", method, arguments, named)

    def _method(self, kind: str, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[..., Any]:
        def begin(*given: Any, **more: Any) -> Any:
            line = self._line
            callable_ = line.methods.get((kind, method))
            if callable_ is None:
                callable_ = line.methods[kind, method] = getattr(line.channel, kind)(method, *arguments, **named)
            call = callable_(*given, **more)
            line.begun(call)
            return call

        return begin


async def _end(line: _Line, linger: float) -> None:
    try:
        async with asyncio.timeout(linger):
            await line.idle.wait()
    except TimeoutError:
        pass
    finally:
        await line.channel.close()
