"""The month's own count of what happened: kept by the doctors' side alone, to be compared with StatisticsService."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hutong_client.city import ZONE
from hutong_client.clients import HutongClient
from hutong_client.statistics import statistics_filter

MEASURES = (
    "prompts", "reminders", "returned", "shown", "opened", "dismissed", "cited", "reordered",
    "recognized", "repeated_all", "refused", "revoked", "savings_fen", "unpriced",
)  # fmt: skip
GROUPINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("day",),
    ("receiver",),
    ("source",),
    ("department",),
    ("item",),
    ("ground",),
    ("receiver", "source"),
    ("day", "item"),
)


def day_of(moment: datetime) -> str:
    """The day in the city (YYYY-MM-DD)."""
    return f"{moment.astimezone(ZONE):%Y-%m-%d}"


@dataclass(slots=True)
class Prompt:
    """One prompt that was answered."""

    day: str
    receiver: str
    department: str
    lines: dict[str, "Line"] = field(default_factory=dict)


@dataclass(slots=True)
class Line:
    """One line of it."""

    source: str
    report: str
    seen: set[str] = field(default_factory=set)
    """shown, opened, dismissed, cited, reordered."""
    decided: str = ""
    """recognized or repeated."""
    decided_day: str = ""
    ground: str = ""
    price: int | None = None
    """In fen."""
    revoked_day: str = ""


class Tally:
    """Every prompt of a month."""

    def __init__(self) -> None:
        self.prompts: dict[str, Prompt] = {}

    def count(self, by: tuple[str, ...], first: str, last: str) -> dict[tuple[str, ...], Counter[str]]:
        """Counts by group, as StatisticsService has them: groups with anything in them, of days first to last."""
        found: dict[tuple[str, ...], Counter[str]] = {}
        for group, day, measure, number in self._facts():
            if first <= day <= last and all(name in group for name in by):
                key = tuple(group[name] for name in by)
                found.setdefault(key, Counter())[measure] += number
        return {key: counts for key, counts in found.items() if any(counts.values())}

    def _facts(self) -> Iterator[tuple[dict[str, str], str, str, int]]:
        for prompt in self.prompts.values():
            group = {"day": prompt.day, "receiver": prompt.receiver, "department": prompt.department}
            yield group, prompt.day, "prompts", 1
            if prompt.lines:
                yield group, prompt.day, "reminders", 1
            for item, line in prompt.lines.items():
                of_line = {**group, "source": line.source, "item": item}
                for measure in ("returned", *line.seen):
                    yield of_line, prompt.day, measure, 1
                yield from _decided({**of_line, "day": line.decided_day}, line)


def _decided(group: dict[str, str], line: Line) -> Iterator[tuple[dict[str, str], str, str, int]]:
    if line.revoked_day:
        yield {**group, "day": line.revoked_day}, line.revoked_day, "revoked", 1
    elif line.decided == "recognized":
        yield group, line.decided_day, "recognized", 1
        yield group, line.decided_day, "savings_fen", line.price or 0
        yield group, line.decided_day, "unpriced", int(line.price is None)
    elif line.decided == "repeated":
        for measure in ("repeated_all", "refused"):  # all national grounds count as refusal
            yield {**group, "ground": line.ground}, line.decided_day, measure, 1


async def compare(tally: Tally, client: HutongClient, first: str, last: str) -> dict[str, Any]:
    """StatisticsService beside the month's own count: {"groups", "numbers", "differences", "totals", "rates"}."""
    differences: list[dict[str, Any]] = []
    groups = numbers = 0
    totals: dict[str, int] = {}
    rates: list[dict[str, Any]] = []
    for by in GROUPINGS:
        answer = await client.statistics.counts(statistics_filter(first, last), by=by, limit=1_000_000)
        theirs = {tuple(row.group): {name: int(getattr(row.counts, name)) for name in MEASURES} for row in answer.rows}
        ours = tally.count(by, first, last)
        if not by:
            totals = theirs.get((), dict.fromkeys(MEASURES, 0))
            rates = [
                {"name": rate.name, "numerator": rate.numerator, "denominator": rate.denominator, "of": rate.of}
                for row in answer.rows
                for rate in row.rates
            ]
        for key in sorted(ours.keys() | theirs.keys()):
            groups += 1
            counted = {name: ours.get(key, Counter())[name] for name in MEASURES}
            told = theirs.get(key, dict.fromkeys(MEASURES, 0))
            numbers += len(MEASURES)
            differences += [
                {"by": by, "group": key, "measure": name, "month": counted[name], "statistics": told[name]}
                for name in MEASURES
                if counted[name] != told[name]
            ]
    return {"groups": groups, "numbers": numbers, "differences": differences, "totals": totals, "rates": rates}
