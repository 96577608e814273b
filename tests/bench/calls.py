"""Closed-loop callers: how many calls a second, and how long each took."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc


@dataclass(frozen=True)
class Timing:
    """What a run of calls took. Seconds."""

    calls: int
    seconds: float
    p50: float
    p99: float
    reply_bytes: int
    took: Sequence[float] = ()
    """Of each call, sorted."""

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def words(self) -> str:
        """For people."""
        return f"{self.rate:8.0f}/s   p50 {self.p50 * 1000:6.2f} ms   p99 {self.p99 * 1000:6.2f} ms"


@dataclass(frozen=True)
class Identity:
    """Files of a client identity."""

    ca: Path
    certificate: Path
    key: Path

    def credentials(self) -> grpc.ChannelCredentials:
        """For a channel."""
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), self.key.read_bytes(), self.certificate.read_bytes())


async def run(
    target: str,
    who: Identity,
    method: str,
    requests: Sequence[bytes],
    *,
    seconds: float,
    callers: int = 32,
    channels: int = 4,
) -> Timing:
    """Calls with `callers` at once on `channels` channels for about `seconds`, after a short warm-up."""
    opened = [
        grpc.aio.secure_channel(target, who.credentials(), options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(channels)
    ]
    stubs = [channel.unary_unary(method) for channel in opened]
    took: list[float] = []
    size = 0

    async def caller(number: int, until: float, record: bool) -> None:
        nonlocal size
        call = stubs[number % channels]
        turn = number
        while time.perf_counter() < until:
            start = time.perf_counter()
            reply = await call(requests[turn % len(requests)], timeout=30)
            if record:
                took.append(time.perf_counter() - start)
                size = max(size, len(reply))
            turn += callers
        return

    await asyncio.gather(*(caller(n, time.perf_counter() + min(1.0, seconds / 4), False) for n in range(callers)))
    begin = time.perf_counter()
    await asyncio.gather(*(caller(n, begin + seconds, True) for n in range(callers)))
    spent = time.perf_counter() - begin
    for channel in opened:
        await channel.close()
    took.sort()
    return Timing(len(took), spent, took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)], size, took)


async def once(target: str, who: Identity, method: str, request: bytes) -> bytes:
    """One call on a channel of its own."""
    async with grpc.aio.secure_channel(target, who.credentials()) as channel:
        reply: bytes = await channel.unary_unary(method)(request, timeout=30)
        return reply
