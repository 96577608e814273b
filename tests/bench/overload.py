"""More charts than can be answered: how long those take that are admitted, at twice the saturated rate.

The figure is of what was due after the first second. What comes before is told beside it: a burst is let in whole,
because a doctor rather waits for a third of a second than goes without an answer; what does not end is turned away.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc
from hutong_server.settings import Settings

from tests.api.site import ROOT, Material
from tests.bench import calls, chart_load, charts, places
from tests.bench.starvation import at

SATURATING = 32
"""Callers that ask one after another, to find the saturated rate."""
CALLERS = 2
"""Processes that call."""
TIMES = 2.0
"""How much more comes than can be answered."""
DEADLINE = 5.0
"""Seconds that a caller waits: longer than a doctor would, so that a slow answer is seen as one."""
ONSET = 1.0
"""Seconds in which a server may still take it for a burst."""
LATE_MS = 20.0
"""A generator whose p99 is later than that was the bottleneck itself; the round does not count as valid."""

ASKERS = tuple(f"A{number}" for number in range(8))
"""Institutions whose doctors ask: a rush is of a city, not of one hospital."""
SHIPPED = {
    "HUTONG_MAX_CALLS_PER_INSTITUTION": "100000",
    # As shipped; the tests' own settings are wider.
    "HUTONG_MAX_PENDING_CALLS": str(Settings.model_fields["max_pending_calls"].default),
    "HUTONG_ANSWER_TARGET_SECONDS": str(Settings.model_fields["answer_target_seconds"].default),
}


@dataclass(frozen=True)
class Overloaded:
    """One round."""

    saturated: float
    """Charts a second, closed loop, before."""
    offered: float
    onset: list[float]
    """Milliseconds of the admitted of the first second, from when they were due; sorted."""
    took: list[float]
    """Of those after it."""
    refused: list[float]
    late: list[float]
    ends: dict[str, int]
    seconds: float

    def figures(self) -> dict[str, object]:
        """For the file."""
        return {
            "p50_ms": round(at(self.took, 0.5), 1),
            "p99_ms": round(at(self.took, 0.99), 1),
            "onset_p99_ms": round(at(self.onset, 0.99), 1),
            "admitted_per_second": round(len(self.took) / (self.seconds - ONSET), 1),
            "saturated_per_second": round(self.saturated, 1),
            "offered_per_second": round(self.offered, 1),
            "refused_p50_ms": round(at(self.refused, 0.5), 1) if self.refused else 0.0,
            "generator_late_p99_ms": round(at(self.late, 0.99), 1),
            "valid": at(self.late, 0.99) <= LATE_MS and self.offered >= 0.95 * TIMES * self.saturated,
            "ends": self.ends,
        }


async def measure(
    material: Material,
    directory: Path,
    *,
    patients: int,
    rounds: int,
    seconds: float,
    say: Callable[[str], None],
) -> dict[str, object]:
    """Rounds of saturation and overload in turn; the round with the middle p99."""
    with (
        places.database("sqlite", directory) as url,
        # What can be answered at all is asked of one that turns nobody away.
        places.registry(material, url, directory / "log-wide") as wide,
        places.registry(material, url, directory / "log", settings=SHIPPED) as server,
    ):
        catalog = {name: text.encode() for name, text in chart_load.CATALOG.items()}
        rows = "".join(f"{code},第{code}医院,tertiary,9904,,,0\n" for code in ASKERS)
        catalog["institutions.csv"] += rows.encode()
        await places.import_catalog(material, server.port, catalog)
        charts.load(material, url, patients)
        doctors = [places.identity(material, code, "emr") for code in ASKERS]
        found: list[Overloaded] = []
        for turn in range(rounds):
            asked = [chart_load.chart_request(n % patients, f"sat-{turn}-{n}") for n in range(patients * 5)]
            rate = await _saturated(f"localhost:{wide.port}", doctors, asked, seconds)
            found.append(
                await asyncio.to_thread(_round, f"localhost:{server.port}", doctors, rate, seconds, turn, patients)
            )
            say(f"overload: {found[-1].figures()}")
    middle = median(at(each.took, 0.99) for each in found)
    return min(found, key=lambda each: abs(at(each.took, 0.99) - middle)).figures()


async def _saturated(target: str, doctors: list[calls.Identity], asked: list[bytes], seconds: float) -> float:
    """Charts answered a second when some are always asked for."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.secure_channel(target, doctor.credentials(), options) for doctor in doctors]
    stubs = [channel.unary_unary(charts.METHOD) for channel in channels]
    answered = 0
    begin = time.perf_counter()

    async def caller(number: int) -> None:
        nonlocal answered
        turn = number
        while time.perf_counter() < begin + seconds + 1:
            turn += SATURATING
            await stubs[number % len(stubs)](asked[turn % len(asked)], timeout=30)
            answered += time.perf_counter() > begin + 1

    await asyncio.gather(*(caller(number) for number in range(SATURATING)))
    for channel in channels:
        await channel.close()
    return answered / seconds


def _round(
    target: str, doctors: list[calls.Identity], saturated: float, seconds: float, turn: int, patients: int
) -> Overloaded:
    # Each caller is some of the institutions.
    parts = [doctors[number::CALLERS] for number in range(CALLERS)]
    rate = TIMES * saturated / CALLERS
    program = [sys.executable, "-m", "tests.bench.overload_callers"]
    given = [*program, target, charts.METHOD, str(doctors[0].ca), str(rate), str(seconds), str(DEADLINE)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [*given, str((turn * CALLERS + number) * 1_000_000), str(patients), *_files(parts[number])],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=ROOT,
                    text=True,
                )
            )
            for number in range(CALLERS)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [json.loads(process.stdout.read()) for process in processes if process.stdout is not None]
    ends: Counter[str] = Counter()
    for each in said:
        ends.update(each["ends"])
    spent = max(each["seconds"] for each in said)
    took = [(since, ms) for each in said for since, ms in each["took"]]
    return Overloaded(
        saturated,
        sum(len(each["late"]) for each in said) / spent,
        sorted(ms for since, ms in took if since < ONSET),
        sorted(ms for since, ms in took if since >= ONSET),
        *(sorted(number for each in said for number in each[name]) for name in ("refused", "late")),
        dict(ends),
        spent,
    )


def _files(who: list[calls.Identity]) -> list[str]:
    return [str(path) for each in who for path in (each.certificate, each.key)]
