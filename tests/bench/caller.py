"""One generator process of the open loop: sends calls at the moments that the rate asks for, whatever becomes of them.

`python -m tests.bench.caller` reads a line of JSON (see open_loop.Order), says "ready" when its calls are made and its
channels connected, reads the moment of time.monotonic() at which to start, and prints what it saw as JSON. The time of
a call counts from the moment when it was due, not from when it was sent: a stalled server delays what comes later,
and that is told (no coordinated omission). What the generator itself was late is told beside it.
"""

import asyncio
import collections
import json
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import uvloop

from tests.bench.day import Day, Send
from tests.bench.pacing import Ticks
from tests.bench.telling import tell

_OPTIONS = [("grpc.use_local_subchannel_pool", 1)]


def _channel(target: str, files: list[str]) -> grpc.aio.Channel:
    ca, certificate, key = (Path(name).read_bytes() for name in files)
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(ca, key, certificate), _OPTIONS)


async def serve(order: dict[str, Any]) -> dict[str, Any]:
    """See the module."""
    doctors = [_channel(order["target"], order["doctor"]) for _ in range(order["channels"])]
    feeds = [_channel(order["target"], files) for files in order["feeds"]]
    await asyncio.gather(*(channel.channel_ready() for channel in (*doctors, *feeds)))
    try:
        day = Day(doctors, feeds, patients=order["patients"], name=order["name"], deadline=order["deadline"])
        if {"retrieval", "decision"} & set(order["shares"]):
            await day.offered()
        kinds = day.kinds(order["count"], order["shares"])
        calls = [day.call(kind) for kind in kinds]
        print("ready", flush=True)
        start = float(await asyncio.to_thread(sys.stdin.readline))
        return await _send(kinds, calls, start, order["rate"], order["deadline"])
    finally:
        for channel in (*doctors, *feeds):
            await channel.close()


async def _send(kinds: list[str], calls: list[Send], start: float, rate: float, deadline: float) -> dict[str, Any]:
    took: dict[str, list[float]] = {kind: [] for kind in set(kinds)}
    ends: collections.Counter[str] = collections.Counter()
    late: list[float] = []
    waiting: set[asyncio.Task[None]] = set()

    async def one(number: int, due: float) -> None:
        least = 0.0
        try:
            await calls[number]()
        except grpc.aio.AioRpcError as error:
            ends[error.code().name] += 1
            # What failed is not fast: it counts as if it had waited until its deadline.
            least = deadline
        else:
            ends["OK"] += 1
        took[kinds[number]].append(round(1000 * max(least, time.monotonic() - due), 3))

    def tick(number: int) -> None:
        due = start + number / rate
        late.append(round(1000 * (time.monotonic() - due), 3))
        task = asyncio.ensure_future(one(number, due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)

    ticks = Ticks(start, rate, len(calls), tick)
    spent = time.process_time()
    await ticks.done
    # The generator's own use of a processor while it sent; its channels' threads included.
    used = (time.process_time() - spent) / max(1e-9, time.monotonic() - start)
    for task in list(waiting):
        await task
    return {"took": took, "ends": dict(ends), "late": late, "used": round(used, 3)}


def main() -> None:
    """See the module."""
    order = json.loads(sys.stdin.readline())
    tell(uvloop.run(serve(order)))


if __name__ == "__main__":
    main()
