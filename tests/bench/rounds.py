"""A floor and what stands on it, measured in turn: the machine is shared, so only neighbors in time compare."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench.calls import Timing


@dataclass
class Beside:
    """Rounds of a floor and of ours."""

    floor_name: str
    our_name: str
    floor: list[Timing] = field(default_factory=list)
    ours: list[Timing] = field(default_factory=list)
    beside: Mapping[str, Any] = field(default_factory=dict)
    """What else was found, for the file."""

    @property
    def ratio(self) -> float:
        """Median of the rates' ratios, round by round."""
        return median(ours.rate / floor.rate for floor, ours in zip(self.floor, self.ours, strict=True))

    def last(self) -> str:
        """The last round, for people."""
        floor, ours = self.floor[-1], self.ours[-1]
        return f"{self.floor_name} {floor.words()} | {self.our_name} {ours.words()} | {ours.rate / floor.rate:.2f}"

    def figures(self) -> dict[str, Any]:
        """Medians, for the file."""
        return {
            "ratio": round(self.ratio, 3),
            "floor_per_second": round(median(each.rate for each in self.floor), 1),
            "per_second": round(median(each.rate for each in self.ours), 1),
            "floor_p50_ms": round(1000 * median(each.p50 for each in self.floor), 2),
            "floor_p99_ms": round(1000 * median(each.p99 for each in self.floor), 2),
            "p50_ms": round(1000 * median(each.p50 for each in self.ours), 2),
            "p99_ms": round(1000 * median(each.p99 for each in self.ours), 2),
        } | dict(self.beside)
