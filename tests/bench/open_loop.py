"""An open loop: calls come at a fixed rate from several processes, as clinics do, and wait for nobody."""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from tests.api.site import ROOT
from tests.bench.calls import Identity

GENERATORS = 2
"""Processes that call."""
MOST_LATE_MS = 2.0
MOST_LATE_SHARE = 0.1
MOST_USED = 0.75
"""Of one core: a generator that uses more is itself what waits."""
_AHEAD = 0.3
"""Seconds between the word and the first call, so that all begin together."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one generator is told."""

    target: str
    doctor: Sequence[str]
    """Files of the doctor's institution: authority, certificate, key."""
    feeds: Sequence[Sequence[str]]
    """The same of each institution that publishes."""
    shares: Mapping[str, int]
    """How the kinds of calls (see day.py) mix."""
    rate: float
    """Calls a second of this process."""
    count: int
    patients: int
    name: str
    deadline: float
    channels: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What all generators saw together. Milliseconds, sorted."""

    rate: float
    took: Mapping[str, Sequence[float]]
    ends: Mapping[str, int]
    late: Sequence[float]
    used: float
    """Of one core, the busiest generator."""

    @property
    def all(self) -> list[float]:
        """Of calls of all kinds."""
        return sorted(each for times in self.took.values() for each in times)

    @property
    def failed(self) -> int:
        """Calls that did not end well."""
        return sum(count for end, count in self.ends.items() if end != "OK")

    def invalid(self) -> str:
        """Why the run does not count: the generator was the bottleneck. "" when it was not."""
        late, p99 = at(self.late, 0.99), at(self.all, 0.99)
        if late > max(MOST_LATE_MS, MOST_LATE_SHARE * p99):
            return f"the generator was {late:.1f} ms late itself (p99)"
        if self.used > MOST_USED:
            return f"a generator used {self.used:.0%} of a core"
        return ""

    def figures(self) -> dict[str, object]:
        """For the file."""
        return {
            "rate": round(self.rate, 1),
            "calls": sum(self.ends.values()),
            "failed": self.failed,
            "ends": dict(self.ends),
            "late_p99_ms": at(self.late, 0.99),
            "generator_core": self.used,
            "kinds": {
                kind: {"p50_ms": at(times, 0.5), "p99_ms": at(times, 0.99), "calls": len(times)}
                for kind, times in self.took.items()
            },
        }


def at(times: Sequence[float], part: float) -> float:
    """The value below which that part of the sorted values lies; 0 of none."""
    return times[min(len(times) - 1, int(part * len(times)))] if times else 0.0


async def run(
    target: str,
    doctor: Identity,
    shares: Mapping[str, int],
    rate: float,
    seconds: float,
    *,
    patients: int,
    feeds: Sequence[Identity] = (),
    deadline: float = 5.0,
    channels: int = 2,
) -> Seen:
    """Calls `rate` times a second for so many seconds, from GENERATORS processes that take turns.

    Raises RuntimeError when a generator fails.
    """
    with _generators() as processes:
        try:
            for number, process in enumerate(processes):
                order = Order(
                    target=target,
                    doctor=_files(doctor),
                    feeds=[_files(each) for each in feeds],
                    shares=shares,
                    rate=rate / GENERATORS,
                    count=max(1, round(rate * seconds / GENERATORS)),
                    patients=patients,
                    name=f"{time.time_ns():x}.{number}",
                    deadline=deadline,
                    channels=channels,
                )
                _tell(process, json.dumps(asdict(order)))
            said = await asyncio.gather(*(asyncio.to_thread(_heard, process) for process in processes))
            if said != ["ready"] * GENERATORS:
                raise RuntimeError("a generator of the open loop did not become ready")
            start = time.monotonic() + _AHEAD
            for number, process in enumerate(processes):
                _tell(process, str(start + number / rate))
            found = await asyncio.gather(*(asyncio.to_thread(_heard, process) for process in processes))
        except BaseException:
            for process in processes:
                process.kill()
            raise
    return _together(rate, [json.loads(each) for each in found])


@contextmanager
def _generators() -> Iterator[Sequence["subprocess.Popen[str]"]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.bench.caller"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )
            for _ in range(GENERATORS)
        ]


def _files(who: Identity) -> list[str]:
    return [str(who.ca), str(who.certificate), str(who.key)]


def _tell(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _heard(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RuntimeError("a generator of the open loop ended without a word")
    return line


def _together(rate: float, found: Sequence[Mapping[str, Any]]) -> Seen:
    took: dict[str, list[float]] = {}
    ends: Counter[str] = Counter()
    for each in found:
        ends.update(each["ends"])
        for kind, times in each["took"].items():
            took.setdefault(kind, []).extend(times)
    return Seen(
        rate,
        {kind: sorted(times) for kind, times in sorted(took.items())},
        dict(ends),
        sorted(late for each in found for late in each["late"]),
        max(each["used"] for each in found),
    )
