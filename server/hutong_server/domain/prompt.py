"""What a doctor is shown when a chart is opened: per recognised item the latest result that may be reused, and
always the newer ones of the same item that may not. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hutong_server.domain.recognition import RecognizedItem, Specialty
from hutong_server.domain.report import Instant, ResultFacts, TimeSource
from hutong_server.domain.results import Results, Shape
from hutong_server.domain.reuse import Assessment, Judge, Judgment, NotReusable, ReportFacts, Request
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
    against: Mapping[NotReusable, int]
    """By the first reason: what was passed over, from the newest result of each item on, until one may be reused."""


_LATEST = 1 << 62
"""A result without any time sorts as the newest: that it is older cannot be shown."""

_Reports = Iterable[tuple[ReportFacts, Sequence[ResultFacts]]]
_Recency = tuple[Instant, Instant]


class _Alike(NamedTuple):
    """Results of one report that have the same times."""

    recency: _Recency
    latest: Instant | None
    """How late they may have been taken, where their time is imprecise."""
    report: ReportFacts
    results: Results
    first: int
    """Index of the first of them; they stand together."""
    shapes: Sequence[Shape]
    judge: Judge

    def may_be_newer(self, other: "_Alike") -> bool:
        """Whether they are newer than others, or may be: their day or month is known, and their hour is not."""
        return self.recency > other.recency or self.latest_recency > other.latest_recency

    @property
    def latest_recency(self) -> _Recency:
        """The latest that their times may mean."""
        return self.recency if self.latest is None else (self.latest, self.recency[1])

    def judged(self, index: int, found: Judgment) -> Judged:
        result = self.results.fact(index)
        return Judged(self.report, result, self.judge.assessment(found), result.time)


def prompt(reports: _Reports, request: Request, book: RuleBook, *, everything: bool = True) -> Prompted:
    """Picks, per item, the latest reusable result of another institution, and every newer one beside it.

    `everything`: also judges and lists all that may not be reused. The lines are the same without; then each item is
    judged from its newest result on, and only as far back as to the one that may be reused.
    """
    groups: list[_Alike] = []
    count = 0
    for report, given in reports:
        results = Results.of(given)
        count += len(results)
        if len(results.times) == 1:
            groups.append(_group(report, results, 0, results.shapes, Judge(results.times[0], report, request, book)))
        else:
            for index, when in enumerate(results.times):
                alone = results.shapes[index : index + 1]
                groups.append(_group(report, results, index, alone, Judge(when, report, request, book)))
    # Stable: of results at one moment the one that stands first comes first.
    groups.sort(key=_recency, reverse=True)
    lines, against = _lines(groups)
    return Prompted(lines, _refused(groups) if everything else (), count - len(lines), against)


def _group(report: ReportFacts, results: Results, first: int, shapes: Sequence[Shape], judge: Judge) -> _Alike:
    time = results.when(first).time
    # Of two at one moment the one issued later is the better: it may be the repeat of a doubtful measurement.
    recency = (_LATEST if time is None else time, judge.issued or 0)
    return _Alike(recency, results.when(first).latest, report, results, first, shapes, judge)


def _lines(groups: list[_Alike]) -> tuple[tuple[Line, ...], Counter[NotReusable]]:
    """From the newest result of each item on, until one may be reused; and what was passed over, counted."""
    lines: dict[str, tuple[RecognizedItem, _Alike, Judged]] = {}
    passed: dict[str, list[tuple[_Alike, int, Judgment]]] = {}
    done = {""}
    for group in groups:
        _, latest, _, _, first, shapes, judge = group
        for index, found in enumerate(judge.judgments(shapes), first):
            code, item = found.code, found.item
            if code in done or item is None:
                # Their hour is not known: they count from the first, and may all the same be newer than the best.
                if (
                    latest is not None
                    and code in lines
                    and group.may_be_newer(lines[code][1])
                    and not judge.reusable(found)
                ):
                    passed.setdefault(code, []).append((group, index, found))
                continue
            if judge.reusable(found):
                done.add(code)
                lines[code] = (item, group, group.judged(index, found))
            else:
                passed.setdefault(code, []).append((group, index, found))
    against = Counter([_first(group.judge, found) for each in passed.values() for group, _, found in each])
    found_lines = [
        Line(
            item,
            best,
            tuple([each.judged(at, known) for each, at, known in passed.get(code, ()) if each.may_be_newer(of)]),
        )
        for code, (item, of, best) in lines.items()
    ]
    return tuple(sorted(found_lines, key=_place)), against


def _first(judge: Judge, found: Judgment) -> NotReusable:
    """The first reason against a result that may not be reused."""
    return found.before[0] if found.before else judge.assessment(found).reasons[0]


def _place(line: Line) -> tuple[bool, str]:
    item = line.item
    return item.specialty is not Specialty.LABORATORY, item.code


def _refused(groups: list[_Alike]) -> tuple[Judged, ...]:
    """All that may not be reused, newest first."""
    return tuple(
        group.judged(index, found)
        for group in groups
        for index, found in enumerate(group.judge.judgments(group.shapes), group.first)
        if not group.judge.reusable(found)
    )


def _recency(group: _Alike) -> _Recency:
    return group.recency


def may_be_newer(judged: Judged, other: Judged) -> bool:
    """Whether a result is newer than another, or may be, where the hour of one is not known."""
    mine, others = recency(judged), recency(other)
    return mine > others or (judged.result.latest or mine[0], mine[1]) > (other.result.latest or others[0], others[1])


def recency(judged: Judged) -> tuple[Instant, Instant]:
    """What orders results from old to new."""
    # Of two at one moment the one issued later is the better: it may be the repeat of a doubtful measurement.
    return (
        _LATEST if judged.time is None else judged.time,
        judged.result.issued if judged.result.issued is not None else judged.report.issued or 0,
    )
