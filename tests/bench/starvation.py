"""What an institution that floods the registry costs the others: their times while it is quiet, and while it is not."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc

from tests.api.site import ROOT, Material
from tests.bench import chart_load, places
from tests.bench.calls import Identity

METHOD = "/hutong.v1.ReuseService/OpenChart"

FLOOD = 500.0
"""Calls a second of the one that floods: a hundred times what it may."""


@dataclass(frozen=True)
class Starved:
    """Seconds that the calls of the others took, sorted; and how those of the flood ended."""

    quiet: list[float]
    flooded: list[float]
    ends: dict[str, int]

    @property
    def ratio(self) -> float:
        """The others' p99 under the flood, over their own without it."""
        return at(self.flooded, 0.99) / at(self.quiet, 0.99)

    def figures(self) -> dict[str, float]:
        """For the file."""
        return {
            "ratio": round(self.ratio, 2),
            "quiet_p50_ms": round(1000 * at(self.quiet, 0.5), 2),
            "quiet_p99_ms": round(1000 * at(self.quiet, 0.99), 2),
            "p50_ms": round(1000 * at(self.flooded, 0.5), 2),
            "p99_ms": round(1000 * at(self.flooded, 0.99), 2),
            "calls": len(self.flooded),
            "flood_calls": sum(self.ends.values()),
            "flood_refused": sum(count for end, count in self.ends.items() if end != "OK"),
        }


def at(took: Sequence[float], part: float) -> float:
    """The value below which that part of the sorted values lies."""
    return took[min(len(took) - 1, int(part * len(took)))]


async def measure(
    target: str,
    method: str,
    others: Sequence[Identity],
    hostile: Identity,
    request: Callable[[int], bytes],
    *,
    rounds: int = 3,
    seconds: float = 5.0,
    each: float = 4.0,
) -> Starved:
    """Rounds of quiet and flood in turn. The others make `each` calls a second each."""
    quiet: list[list[float]] = []
    flooded: list[list[float]] = []
    ends: dict[str, int] = {}
    channels = [
        grpc.aio.secure_channel(target, who.credentials(), [("grpc.use_local_subchannel_pool", 1)]) for who in others
    ]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    try:
        for _ in range(rounds):
            quiet.append(await _times(channels, method, request, seconds, each))
            with _flood(target, method, hostile, request(0), seconds + 2) as process:
                await asyncio.to_thread(process.stdout.readline)  # type: ignore[union-attr]  # a pipe was asked for
                # Its burst is let in as it should be; afterwards only its rate is.
                await asyncio.sleep(1)
                flooded.append(await _times(channels, method, request, seconds, each))
                out = await asyncio.to_thread(process.stdout.read)  # type: ignore[union-attr]
                for end, count in json.loads(out).items():
                    ends[end] = ends.get(end, 0) + count
    finally:
        for channel in channels:
            await channel.close()
    middle = _middle(quiet), _middle(flooded)
    return Starved(*middle, ends)


async def alone(
    material: Material, directory: Path, *, rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[str, float]:
    """The figures on a server of its own, at the default rate."""
    codes = [f"Q{number:02d}" for number in range(20)]
    rows = "".join(f"{code},第{code}医院,tertiary,9904,,,0\n" for code in (*codes, "FLOOD"))
    with (
        places.database("sqlite", directory) as url,
        places.registry(material, url, directory / "log", default_rate=True) as server,
    ):
        head = "code,name,tier,region,alliances,identifiers,feed_interval_hours\n"
        await places.import_catalog(material, server.port, {"institutions.csv": (head + rows).encode()})
        found = await measure(
            f"localhost:{server.port}",
            METHOD,
            [places.identity(material, code, "emr") for code in codes],
            places.identity(material, "FLOOD", "emr"),
            lambda number: chart_load.chart_request(number, f"r{number}"),
            rounds=rounds,
            seconds=seconds,
        )
    say(f"hostile: {found.figures()}")
    return found.figures()


def _middle(rounds: list[list[float]]) -> list[float]:
    """The round whose p99 is the median of the rounds': machines are shared."""
    wanted = median(at(took, 0.99) for took in rounds)
    return min(rounds, key=lambda took: abs(at(took, 0.99) - wanted))


async def _times(
    channels: Sequence[grpc.aio.Channel], method: str, request: Callable[[int], bytes], seconds: float, each: float
) -> list[float]:
    took: list[float] = []

    async def caller(number: int) -> None:
        call = channels[number].unary_unary(method)
        began = time.perf_counter()
        # Spread evenly: the others do not call at one moment.
        for turn in range(int(seconds * each)):
            pause = began + (turn + number / len(channels)) / each - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            start = time.perf_counter()
            await call(request(number), timeout=10)
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(caller(number) for number in range(len(channels))))
    return sorted(took)


def _flood(target: str, method: str, who: Identity, request: bytes, seconds: float) -> "subprocess.Popen[bytes]":
    files = map(str, (who.ca, who.certificate, who.key))
    given = [target, method, *files, str(FLOOD), str(seconds), request.hex()]
    return subprocess.Popen([sys.executable, "-m", "tests.bench.flood", *given], stdout=subprocess.PIPE, cwd=ROOT)
