"""What a doctor is shown when a chart is opened: per recognised item the latest result that may be reused, and
always the newer ones of the same item that may not. Pure.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hutong_server.domain.recognition import RecognizedItem, Specialty
from hutong_server.domain.report import Instant, ResultFacts, TimeSource
from hutong_server.domain.reuse import Assessment, ReportFacts, Request, assess
from hutong_server.domain.rulebook import RuleBook


class Judged(NamedTuple):
    """A result with its verdict."""

    report: ReportFacts
    result: ResultFacts
    verdict: Assessment
    time: Instant | None
    """When it was taken; the time of issue when nothing else is known."""

    @property
    def time_is_issue(self) -> bool:
        """Whether `time` is only the time of issue."""
        return self.result.time_source == TimeSource.ISSUED


class Line(NamedTuple):
    """The latest reusable result of one item, and every newer one that may not be reused, newest first."""

    item: RecognizedItem
    best: Judged
    newer: tuple[Judged, ...]


class Prompted(NamedTuple):
    """A prompt: lines by specialty (laboratory first) and item code; the rest newest first."""

    lines: tuple[Line, ...]
    not_reusable: tuple[Judged, ...]


_LATEST = 1 << 62
"""A result without any time sorts as the newest: that it is older cannot be shown."""


def prompt(
    reports: Iterable[tuple[ReportFacts, tuple[ResultFacts, ...]]], request: Request, book: RuleBook
) -> Prompted:
    """Judges every result once and picks, per item, the latest reusable one of another institution."""
    by_item: dict[str, list[Judged]] = {}
    refused: list[Judged] = []
    for report, results in reports:
        for result in results:
            verdict = assess(result, report, request, book)
            judged = Judged(report, result, verdict, result.time)
            if not verdict.reusable:
                refused.append(judged)
            if verdict.item is not None:
                by_item.setdefault(verdict.item.code, []).append(judged)
    lines = [line for group in by_item.values() if (line := _line(group)) is not None]
    lines.sort(key=lambda line: (line.item.specialty is not Specialty.LABORATORY, line.item.code))
    refused.sort(key=_recency, reverse=True)
    return Prompted(tuple(lines), tuple(refused))


def _line(group: list[Judged]) -> Line | None:
    best, than = None, (-_LATEST, -_LATEST)
    for judged in group:
        if judged.verdict.reusable and (best is None or _recency(judged) > than):
            best, than = judged, _recency(judged)
    if best is None or best.verdict.item is None:
        return None
    newer = [judged for judged in group if not judged.verdict.reusable and _recency(judged) > than]
    newer.sort(key=_recency, reverse=True)
    return Line(best.verdict.item, best, tuple(newer))


def _recency(judged: Judged) -> tuple[Instant, Instant]:
    # Of two at one moment the one issued later is the better: it may be the repeat of a doubtful measurement.
    return (
        _LATEST if judged.time is None else judged.time,
        judged.result.issued if judged.result.issued is not None else judged.report.issued or 0,
    )
