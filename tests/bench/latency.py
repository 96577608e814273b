"""How long calls take at a given rate, from the moment when they were due: beside an echo, and through a made day."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.api.site import Material
from tests.bench import calls, chart_load, charts, open_loop, places
from tests.bench.day import SHARES
from tests.bench.open_loop import Seen, at

CHARTS_A_SECOND = 100.0
"""For the way from an opened chart to a report in hand."""
RATES = (25.0, 50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0)
"""Calls a second of the day's mix, all kinds together."""
_MOST_FAILED = 0.01
"""Share of calls that may fail before a run does not count."""
Say = Callable[[str], None]


@asynccontextmanager
async def _served(material: Material, backend: str, directory: Path, patients: int, say: Say) -> AsyncIterator[str]:
    """Address of a server with the benchmark's charts."""
    # One institution asks for all that ask in life.
    settings = {"HUTONG_MAX_CALLS_PER_INSTITUTION": "10000"}
    with (
        places.database(backend, directory) as url,
        places.registry(material, url, directory / "log", settings=settings) as server,
    ):
        catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
        await places.import_catalog(material, server.port, catalog)
        began = time.perf_counter()
        count = charts.load(material, url, patients)
        say(f"{backend}: {count} reports of {patients} patients in {time.perf_counter() - began:.0f} s")
        yield f"localhost:{server.port}"


async def beside_echo(
    material: Material, directory: Path, *, patients: int, rounds: int, seconds: float, say: Say
) -> tuple[float, dict[str, Any], str]:
    """OpenChart's p99 over the echo's, each at half the rate that saturates OpenChart, on SQLite; the numbers behind
    it; and why it does not count."""
    doctor = places.identity(material, chart_load.ASKER, "emr")
    async with _served(material, "sqlite", directory, patients, say) as target:
        asked = charts.requests(patients, seconds, "s")
        saturated = (await calls.run(target, doctor, charts.METHOD, asked, seconds=seconds)).rate
        size = len(await calls.once(target, doctor, charts.METHOD, asked[0]))
        rate = saturated / 2
        say(f"p99: OpenChart saturates at {saturated:.0f}/s; {rate:.0f}/s each")
        runs: dict[str, list[Seen]] = {"echo": [], "chart": []}
        with places.echo(material, size) as port:
            for _ in range(rounds):
                for kind, where in (("echo", f"localhost:{port}"), ("chart", target)):
                    seen = await open_loop.run(where, doctor, {kind: 1}, rate, 2 * seconds, patients=patients)
                    runs[kind].append(seen)
                    say(_words(kind, seen))
    ratios = [at(ours.all, 0.99) / at(floor.all, 0.99) for ours, floor in zip(runs["chart"], runs["echo"], strict=True)]
    details = {"rate": round(rate, 1), "ratios": [round(each, 2) for each in ratios]} | {
        f"{kind}_{name}_ms": round(median(at(seen.all, part) for seen in each), 2)
        for kind, each in runs.items()
        for name, part in (("p50", 0.5), ("p99", 0.99))
    }
    whole = [seen for each in runs.values() for seen in each]
    return round(median(ratios), 2), details | {"late_p99_ms": [at(seen.late, 0.99) for seen in whole]}, _fault(whole)


async def day(
    material: Material, directory: Path, *, patients: int, seconds: float, say: Say
) -> tuple[float, dict[str, Any], str]:
    """p99 in ms from an opened chart to a report in hand, at 100 charts a second, on SQLite; the day's mix at one rate
    after the other; and why the first does not count."""
    doctor = places.identity(material, chart_load.ASKER, "emr")
    feeds = [places.identity(material, code, "feed") for code in chart_load.ISSUERS]
    steps: list[dict[str, object]] = []
    async with _served(material, "sqlite", directory, patients, say) as target:
        await open_loop.run(target, doctor, {"journey": 1}, CHARTS_A_SECOND / 2, seconds / 4, patients=patients)
        way = await open_loop.run(target, doctor, {"journey": 1}, CHARTS_A_SECOND, 4 * seconds, patients=patients)
        say(_words("chart → report", way))
        # The process that reads documents starts with the first of them.
        await open_loop.run(target, doctor, SHARES, RATES[0], seconds, patients=patients, feeds=feeds)
        for rate in RATES:
            seen = await open_loop.run(target, doctor, SHARES, rate, 2 * seconds, patients=patients, feeds=feeds)
            fault = _fault([seen])
            steps.append(seen.figures() | ({"invalid": fault} if fault else {}))
            say(_words("day", seen))
            if at(seen.all, 0.5) > 1000:
                # More than it can take: the next one would only be longer.
                break
    return at(way.all, 0.99), {"way": way.figures(), "mix": dict(SHARES), "by_rate": steps}, _fault([way])


def _fault(runs: Sequence[Seen]) -> str:
    """Why runs do not count; "" when they do."""
    for seen in runs:
        if why := seen.invalid():
            return why
        if seen.failed > _MOST_FAILED * sum(seen.ends.values()):
            return f"{seen.failed} calls failed"
    return ""


def _words(what: str, seen: Seen) -> str:
    """A run, for people."""
    parts = ", ".join(f"{kind} {at(times, 0.5):.1f}/{at(times, 0.99):.1f}" for kind, times in seen.took.items())
    fault = f" — does not count: {why}" if (why := _fault([seen])) else ""
    return f"{what} at {seen.rate:.0f}/s: p50/p99 ms {parts}; late {at(seen.late, 0.99):.1f}{fault}"
