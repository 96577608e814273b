"""Callers that do not wait for each other: so many calls a second, whatever becomes of them. A process of its own.

`python -m tests.bench.overload_callers TARGET METHOD CA RATE SECONDS DEADLINE FIRST PATIENTS CERT KEY …` prints a line
when it is connected, begins when it is given one, and prints what it saw as JSON: of each answer when its call was due
(seconds from the first) and the milliseconds from then on, how other calls ended, and by how much it was late itself.
"""

import asyncio
import collections
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import uvloop

from tests.bench import chart_load
from tests.bench.telling import tell


async def load(
    target: str, method: str, credentials: list[grpc.ChannelCredentials], given: list[str]
) -> dict[str, Any]:
    """See the module."""
    rate, seconds, deadline = map(float, given[:3])
    first, patients = map(int, given[3:])
    count = int(rate * seconds)
    # Made before: what the generator does between two calls is as little as can be.
    requests = [chart_load.chart_request((first + n) % patients, f"over-{first}-{n}") for n in range(count)]
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.secure_channel(target, each, options) for each in credentials]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    calls = [channel.unary_unary(method) for channel in channels]
    ends: collections.Counter[str] = collections.Counter()
    took: list[tuple[float, float]] = []
    refused: list[float] = []
    late: list[float] = []
    waiting: set[asyncio.Task[None]] = set()

    async def one(number: int, due: float) -> None:
        try:
            await calls[number % len(calls)](requests[number], timeout=deadline)
        except grpc.aio.AioRpcError as error:
            ends[error.code().name] += 1
            refused.append(round(1000 * (time.perf_counter() - due), 2))
        else:
            ends["OK"] += 1
            took.append((round(due - began, 3), round(1000 * (time.perf_counter() - due), 2)))

    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    began = time.perf_counter()
    for number in range(count):
        due = began + number / rate
        pause = due - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        late.append(round(1000 * (time.perf_counter() - due), 2))
        task = asyncio.ensure_future(one(number, due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    spent = time.perf_counter() - began
    await asyncio.gather(*waiting)
    for channel in channels:
        await channel.close()
    return {"seconds": spent, "ends": dict(ends), "took": took, "refused": refused, "late": late}


def main() -> None:
    """See the module."""
    target, method, ca, *given = sys.argv[1:]
    files = [Path(name).read_bytes() for name in (ca, *given[5:])]
    pairs = zip(files[1::2], files[2::2], strict=True)
    credentials = [grpc.ssl_channel_credentials(files[0], key, certificate) for certificate, key in pairs]
    tell(uvloop.run(load(target, method, credentials, given[:5])))


if __name__ == "__main__":
    main()
