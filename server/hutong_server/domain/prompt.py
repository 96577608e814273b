"""What a doctor is shown when a chart is opened: per recognised item the latest result that may be reused, and
always the newer ones of the same item that may not. Pure.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hutong_server.domain.recognition import RecognizedItem, Specialty
from hutong_server.domain.report import Instant, ResultFacts, TimeSource
from hutong_server.domain.reuse import DAY, Assessment, ReportFacts, Request, assess
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
    """Empty unless everything was judged."""
    others: int
    """Results that are on no line: older ones, and those that may not be reused."""


_LATEST = 1 << 62
"""A result without any time sorts as the newest: that it is older cannot be shown."""

_Reports = Iterable[tuple[ReportFacts, tuple[ResultFacts, ...]]]
_Waiting = tuple[tuple[Instant, Instant], ReportFacts, ResultFacts, RecognizedItem]


def prompt(reports: _Reports, request: Request, book: RuleBook, *, everything: bool = True) -> Prompted:
    """Picks, per item, the latest reusable result of another institution, and every newer one beside it.

    `everything`: also judges and lists all that may not be reused. The lines are the same without; then each item is
    judged from its newest result on, and only as far back as to the one that may be reused.
    """
    return _judged(reports, request, book) if everything else _picked(reports, request, book)


def _judged(reports: _Reports, request: Request, book: RuleBook) -> Prompted:
    by_item: dict[str, list[Judged]] = {}
    refused: list[Judged] = []
    count = 0
    for report, results in reports:
        count += len(results)
        for result in results:
            verdict = assess(result, report, request, book)
            judged = Judged(report, result, verdict, result.time)
            if not verdict.reusable:
                refused.append(judged)
            if verdict.item is not None:
                by_item.setdefault(verdict.item.code, []).append(judged)
    lines = [line for group in by_item.values() if (line := _line(group)) is not None]
    refused.sort(key=_recency, reverse=True)
    return Prompted(_ordered(lines), tuple(refused), count - len(lines))


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


def _picked(reports: _Reports, request: Request, book: RuleBook) -> Prompted:
    by_item: dict[str, list[_Waiting]] = {}
    count = 0
    for report, results in reports:
        count += len(results)
        issuer, issued_of_report = report.issuer, report.issued
        for result in results:
            time, issued = result.time, result.issued
            if issued is None:
                issued = issued_of_report
            # The day of the test, as assess has it.
            tested = issued if time is None or result.time_source == TimeSource.NONE else time
            day = None if tested is None else book.day(tested)
            item = book.item_of(result, result.performer or issuer, day).item
            if item is not None:
                recency = (_LATEST if time is None else time, issued or 0)
                by_item.setdefault(item.code, []).append((recency, report, result, item))
    lines = [line for group in by_item.values() if (line := _first(group, request, book)) is not None]
    return Prompted(_ordered(lines), (), count - len(lines))


def _first(group: list[_Waiting], request: Request, book: RuleBook) -> Line | None:
    """The line of an item: its results from the newest on, until one may be reused."""
    group.sort(key=_when, reverse=True)
    passed: list[_Waiting] = []
    for waiting in group:
        recency, report, result, item = waiting
        # Surely outside the window, whichever time counts: not looked at closer unless an older one may be reused.
        if max(recency) + item.window_days * DAY >= request.now:
            verdict = assess(result, report, request, book)
            if verdict.reusable:
                best = Judged(report, result, verdict, result.time)
                newer = (
                    Judged(other, one, assess(one, other, request, book), one.time)
                    for when, other, one, _ in passed
                    if when > recency
                )
                return Line(item, best, tuple(newer))
        passed.append(waiting)
    return None


def _when(waiting: _Waiting) -> tuple[Instant, Instant]:
    return waiting[0]


def _ordered(lines: list[Line]) -> tuple[Line, ...]:
    lines.sort(key=lambda line: (line.item.specialty is not Specialty.LABORATORY, line.item.code))
    return tuple(lines)


def _recency(judged: Judged) -> tuple[Instant, Instant]:
    # Of two at one moment the one issued later is the better: it may be the repeat of a doubtful measurement.
    return (
        _LATEST if judged.time is None else judged.time,
        judged.result.issued if judged.result.issued is not None else judged.report.issued or 0,
    )
