"""Whether the end equals the beginning, within stated tolerances."""

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tests.soak.watch import Sample, Watch

FIRST, LAST = (0.25 / 12, 1.25 / 12), (10.75 / 12, 11.75 / 12)
"""Parts of the day that are compared, an hour each: the curve is as low in both, after the same load went before, and
each thing that is done once an hour is done once in both."""
MEMORY, MEMORY_MORE = 1.10, 6 * 2**20
HANDLES_MORE, THREADS_MORE = 3, 1
"""For each process. A connection that is just being exchanged is two."""
LATENCY, LATENCY_MORE = 1.3, 0.005
"""Seconds beside the factor."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One comparison."""

    what: str
    first: float
    last: float
    at_most: float

    @property
    def equal(self) -> bool:
        return self.last <= self.at_most


def verdicts(watch: Watch, seconds: float) -> list[Verdict]:
    """All comparisons."""
    found = []
    for kind in sorted({sample.kind for sample in watch.samples}):
        first, last = (_within(watch.samples, kind, part, seconds) for part in (FIRST, LAST))
        count = max(sample.count for sample in first)
        memory, handles, threads = (
            [statistics.median(getattr(sample, name) for sample in part) for part in (first, last)]
            for name in ("memory", "handles", "threads")
        )
        found += [
            Verdict(
                f"{kind} memory (MB)", memory[0] / 2**20, memory[1] / 2**20, (memory[0] * MEMORY + MEMORY_MORE) / 2**20
            ),
            Verdict(f"{kind} file handles", *handles, handles[0] + HANDLES_MORE * count),
            Verdict(f"{kind} threads", *threads, threads[0] + THREADS_MORE * count),
        ]
    for kind in ("chart", "orders", "report", "decision", "publish"):
        parts = [
            sorted(took for due, each, took in watch.calls if each == kind and part[0] <= due / seconds < part[1])
            for part in (FIRST, LAST)
        ]
        if not all(parts):
            continue  # a day that is too short to say
        for name, of in (("p50", 0.5), ("p99", 0.99)):
            first, last = (part[min(len(part) - 1, int(len(part) * of))] for part in parts)
            # The slowest of a hundred says something of a hundred calls at least.
            if name == "p50" or min(map(len, parts)) >= 100:
                found.append(
                    Verdict(f"{kind} {name} (ms)", first * 1000, last * 1000, (first * LATENCY + LATENCY_MORE) * 1000)
                )
    found.append(Verdict("calls that failed", 0, sum(watch.failed.values()), 0))
    return found


def _within(samples: Iterable[Sample], kind: str, part: tuple[float, float], seconds: float) -> list[Sample]:
    return [each for each in samples if each.kind == kind and part[0] <= each.at / seconds < part[1]]


def opened(samples: Iterable[Sample], seconds: float) -> dict[str, dict[str, list[float]]]:
    """File handles by kind of process and what they are of, in the first part and in the last, where they differ."""
    told: dict[str, dict[str, list[float]]] = {}
    samples = list(samples)
    for kind in sorted({sample.kind for sample in samples}):
        parts = [_within(samples, kind, part, seconds) for part in (FIRST, LAST)]
        for name in sorted({name for part in parts for sample in part for name in sample.open}):
            both = [statistics.median(sample.open.get(name, 0) for sample in part) for part in parts]
            if both[0] != both[1]:
                told.setdefault(kind, {})[name] = both
    return told


def document(found: list[Verdict]) -> list[dict[str, object]]:
    """For the JSON file."""
    return [{**asdict(each), "equal": each.equal} for each in found]


def table(found: list[Verdict]) -> str:
    """For people."""
    head = f"{'':<26}{'first':>10}{'last':>10}{'at most':>10}"
    lines = [
        f"{each.what:<26}{each.first:>10.1f}{each.last:>10.1f}{each.at_most:>10.1f}"
        + ("" if each.equal else "   NOT EQUAL")
        for each in found
    ]
    return "\n".join([head, *lines])
