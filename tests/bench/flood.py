"""An institution that calls as fast as it is told, whatever it is answered: open loop, a process of its own.

`python -m tests.bench.flood TARGET METHOD CA CERT KEY RATE SECONDS REQUEST_HEX` prints a line when it has begun, and at
its end how many calls it made and how they ended, as JSON.
"""

import asyncio
import collections
import sys
import time
from pathlib import Path

import grpc
import uvloop

from tests.bench.telling import tell


async def flood(
    target: str, method: str, credentials: grpc.ChannelCredentials, rate: float, seconds: float, request: bytes
) -> dict[str, int]:
    """Calls `rate` times a second for so many seconds; how many calls ended in which way."""
    ends: collections.Counter[str] = collections.Counter()
    async with grpc.aio.secure_channel(target, credentials) as channel:
        await channel.channel_ready()
        print("began", flush=True)
        call = channel.unary_unary(method)
        waiting: set[asyncio.Task[None]] = set()

        async def one() -> None:
            try:
                await call(request, timeout=5)
                ends["OK"] += 1
            except grpc.aio.AioRpcError as error:
                ends[error.code().name] += 1

        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            pause = began + number / rate - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            task = asyncio.ensure_future(one())
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        await asyncio.gather(*waiting)
    return dict(ends)


def main() -> None:
    """See the module."""
    target, method, *files, rate, seconds, request = sys.argv[1:]
    ca, certificate, key = (Path(name).read_bytes() for name in files)
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    found = uvloop.run(flood(target, method, credentials, float(rate), float(seconds), bytes.fromhex(request)))
    tell(found)


if __name__ == "__main__":
    main()
