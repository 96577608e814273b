"""May this result be reused by this institution, now? The verdict, with every reason.

Pure and total: all that is judged, time included, is an argument, and nothing raises.
Sources: 国卫医发〔2022〕6号 (quality assessment, marks, who judges), regional catalogues (windows, directions).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from hutong_server.domain.days import LAST_DAY
from hutong_server.domain.recognition import Dimension, RecognizedItem, TimeBase
from hutong_server.domain.report import Instant, ResultFacts, ResultFlag, Status, TimeSource
from hutong_server.domain.results import Shape, When, shape_of
from hutong_server.domain.rulebook import RuleBook

DAY = 86_400_000
"""Milliseconds of a day: windows are whole 24 h, not calendar days."""


class NotReusable(StrEnum):
    """Why a result may not be reused. Mirrors hutong.v1.NotReusableReason, in the order in which reasons are listed:
    first whose result it is, then what became of it, then what it is, then its age, then who relies on whom."""

    PATIENT_IN_DOUBT = "PATIENT_IN_DOUBT"
    OTHER_SUBJECT = "OTHER_SUBJECT"
    WITHDRAWN = "WITHDRAWN"
    SUPERSEDED = "SUPERSEDED"
    IDENTITY_DISPUTED = "IDENTITY_DISPUTED"
    FEED_NOT_RESUMED = "FEED_NOT_RESUMED"
    UNREADABLE = "UNREADABLE"
    NOT_FINAL = "NOT_FINAL"
    NO_VALUE = "NO_VALUE"
    OWN_INSTITUTION = "OWN_INSTITUTION"
    ALREADY_DECIDED = "ALREADY_DECIDED"
    UNMAPPED_CODE = "UNMAPPED_CODE"
    NOT_RECOGNIZED_ITEM = "NOT_RECOGNIZED_ITEM"
    SPECIMEN_DIFFERS = "SPECIMEN_DIFFERS"
    BODY_PART_OR_METHOD_DIFFERS = "BODY_PART_OR_METHOD_DIFFERS"
    TIME_UNKNOWN = "TIME_UNKNOWN"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    IMAGES_MISSING = "IMAGES_MISSING"
    DIRECTION_NOT_RECOGNIZED = "DIRECTION_NOT_RECOGNIZED"
    NO_QUALITY_GRANT = "NO_QUALITY_GRANT"
    OUT_OF_RANGE_OF_MARK = "OUT_OF_RANGE_OF_MARK"


class ReportFacts(NamedTuple):
    """What is judged of the report that a result stands in."""

    report_id: bytes
    issuer: str
    """Code of the publishing institution."""
    status: str
    withdrawn: bool = False
    superseded: bool = False
    """A newer version has replaced this one."""
    disputed: bool = False
    """Another document claims the same derived identity and cannot be ordered."""
    issued: Instant | None = None
    in_doubt: bool = False
    """It is not certain whose report this is."""
    decided: bool = False
    """The asker decided on it already in this visit."""


class Request(NamedTuple):
    """Who asks, and when."""

    institution: str
    now: Instant
    decided: frozenset[str] = frozenset()
    """Codes of the items on which was decided in this encounter: they are not asked about again."""


class Assessment(NamedTuple):
    """The verdict on one result."""

    item: RecognizedItem | None
    """The item that its codes lead to, recognised or not, as it stands for the asker."""
    reusable: bool
    until: Instant | None
    """Last moment (inclusive) of reuse; None when not reusable."""
    mark: str
    """Recognition mark; "" when not reusable."""
    reasons: tuple[NotReusable, ...]
    """Every reason that holds, in the order of NotReusable; empty exactly when reusable."""


_UNREADABLE = ResultFlag.UNREADABLE.value | ResultFlag.UNKNOWN_MODIFIER.value
_OTHER_SUBJECT = ResultFlag.OTHER_SUBJECT.value | ResultFlag.FOREIGN_FOCUS.value
_HAS_VALUE = ResultFlag.HAS_VALUE.value
_IMAGES_PRESENT = ResultFlag.IMAGES_PRESENT.value
_ISSUED = TimeSource.ISSUED.value
_NO_TIME = TimeSource.NONE.value
_FINAL = frozenset(status.value for status in Status if status.is_final)
# Statuses are judged per result. A report that is `partial` says that some of its results are out before others,
# so a final one among them stands; any other status that is not final says that nobody has signed.
_REPORT_STANDS = _FINAL | {Status.PARTIAL.value}
_TAKEN_BACK = frozenset(status.value for status in Status if status.withdraws)
_OF_SPECIMEN = frozenset({Dimension.SPECIMEN, Dimension.COLLECTION})


class Judgment(NamedTuple):
    """What is found of a shape of results apart from its exact time."""

    item: RecognizedItem | None
    before: tuple[NotReusable, ...]
    """Reasons that are listed before those of time."""
    after: tuple[NotReusable, ...]
    """Reasons that are listed after them."""
    mark: str
    of_issue: bool
    """The window counts from the time of issue."""
    window: int
    """Milliseconds."""
    sound: bool
    """Only time can stand against its reuse."""
    code: str
    """Of the item; "" without one."""


def assess(result: ResultFacts, report: ReportFacts, request: Request, book: RuleBook) -> Assessment:
    """Judges one result for one asker."""
    judge = Judge(When(*result[3:6]), report, request, book)
    return judge.assessment(judge.judgment(shape_of(result)))


class Judge:
    """Judges the results of one report that have the same times, for one asker."""

    __slots__ = ("_book", "_known", "_now", "_of_taking", "_report", "_request", "_tested", "issued")

    def __init__(self, when: When, report: ReportFacts, request: Request, book: RuleBook) -> None:
        time, source, issued, _ = when
        if issued is None:
            issued = report.issued
        taken = time if source != _NO_TIME else None
        tested = taken if taken is not None else issued
        self._report, self._request, self._book, self._now = report, request, book, request.now
        self.issued = issued
        """When the results were issued, else their report."""
        self._tested, self._of_taking = tested, taken if source != _ISSUED else None
        # Everything that decides but the shape: of the times, only in which stretch of days they are.
        stretch: tuple[int, ...] = ()
        if tested is not None:
            _, of_items, of_rules = book.day(tested)
            stretch = (of_items, of_rules, book.suspensions_before(tested))
        alike = (report[1:6], report[7:], request.institution, stretch, book.day(request.now).of_rules)
        self._known: dict[Shape, Judgment] = book.judgments.under(alike)

    def judgment(self, shape: Shape) -> Judgment:
        """What is found of a shape."""
        known = self._known.get(shape)
        if known is None:
            found = _judge(shape.facts, self._report, self._request, self._book, self._tested)
            known = self._book.judgments.keep(self._known, shape, found)
        if known.item is not None and known.code in self._request.decided:
            return known._replace(before=_listed((*known.before, NotReusable.ALREADY_DECIDED)), sound=False)
        return known

    def judgments(self, shapes: Sequence[Shape]) -> list[Judgment]:
        """What is found of each."""
        found = list(map(self._known.get, shapes))
        if None in found or self._request.decided:
            return list(map(self.judgment, shapes))
        return found  # type: ignore[return-value]  # none is missing

    def reusable(self, found: Judgment) -> bool:
        """Whether it may be reused now."""
        if not found.sound:
            return False
        base, tested, now = self.issued if found.of_issue else self._of_taking, self._tested, self._now
        return base is not None and base <= now <= base + found.window and (tested is None or tested <= now)

    def assessment(self, found: Judgment) -> Assessment:
        """The verdict, with every reason."""
        item, before, after, mark, of_issue, window, *_ = found
        tested, now = self._tested, self._now
        ahead = tested is not None and tested > now
        if item is None:
            return Assessment(None, False, None, "", before + ((NotReusable.OUTSIDE_WINDOW,) if ahead else ()))
        base = self.issued if of_issue else self._of_taking
        if base is not None and base <= now <= base + window and window > 0 and not ahead:
            if before or after:
                return Assessment(item, False, None, "", before + after)
            return Assessment(item, True, base + window, mark, ())
        if base is None:
            before += (NotReusable.TIME_UNKNOWN,)
        if base is not None or ahead:
            before += (NotReusable.OUTSIDE_WINDOW,)
        return Assessment(item, False, None, "", before + after)


def _listed(reasons: tuple[NotReusable, ...]) -> tuple[NotReusable, ...]:
    """In the order in which reasons are listed, each once."""
    return tuple(reason for reason in NotReusable if reason in reasons)


def _judge(
    result: ResultFacts, report: ReportFacts, request: Request, book: RuleBook, tested: Instant | None
) -> Judgment:
    _, status, flags, *_ = result
    _, issuer, report_status, withdrawn, superseded, disputed, _, in_doubt, decided = report
    asker, now, _ = request
    own = asker in (issuer, result.performer)
    before: list[NotReusable] = []
    if in_doubt:
        before.append(NotReusable.PATIENT_IN_DOUBT)
    if flags & _OTHER_SUBJECT:
        before.append(NotReusable.OTHER_SUBJECT)
    if withdrawn or report_status in _TAKEN_BACK or status in _TAKEN_BACK:
        before.append(NotReusable.WITHDRAWN)
    if superseded:
        before.append(NotReusable.SUPERSEDED)
    if disputed:
        before.append(NotReusable.IDENTITY_DISPUTED)
    if book.unresumed.holds(issuer):
        before.append(NotReusable.FEED_NOT_RESUMED)
    if flags & _UNREADABLE:
        before.append(NotReusable.UNREADABLE)
    if status not in _FINAL or report_status not in _REPORT_STANDS:
        before.append(NotReusable.NOT_FINAL)
    if not flags & _HAS_VALUE:
        before.append(NotReusable.NO_VALUE)
    if own:
        before.append(NotReusable.OWN_INSTITUTION)
    if decided:
        before.append(NotReusable.ALREADY_DECIDED)

    test_day = None if tested is None else book.day(tested)
    mapped = book.item_of(result, result.performer or issuer, test_day)
    item, in_effect = mapped.item, mapped.in_effect
    if item is not None:
        adapted = book.item_for(item, asker, book.day(now).text)
        if adapted is not item:
            in_effect = adapted.recognized and item.dates.cover(LAST_DAY if test_day is None else test_day.text)
            item = adapted
    if not mapped.code:
        before.append(NotReusable.UNMAPPED_CODE)
    elif not in_effect:
        before.append(NotReusable.NOT_RECOGNIZED_ITEM)
    if item is None:
        return Judgment(None, tuple(before), (), "", False, 0, False, "")
    if mapped.differs:
        if not _OF_SPECIMEN.isdisjoint(mapped.differs):
            before.append(NotReusable.SPECIMEN_DIFFERS)
        if not _OF_SPECIMEN.issuperset(mapped.differs):
            before.append(NotReusable.BODY_PART_OR_METHOD_DIFFERS)

    after: list[NotReusable] = []
    if item.needs_images and not flags & _IMAGES_PRESENT:
        after.append(NotReusable.IMAGES_MISSING)
    # Rules and marks are about other institutions' results.
    mark = ""
    if not own:
        standing = book.standing(result, issuer, asker, item, tested, now)
        if not standing.direction:
            after.append(NotReusable.DIRECTION_NOT_RECOGNIZED)
        if not standing.granted:
            after.append(NotReusable.NO_QUALITY_GRANT)
        elif not standing.covered:
            after.append(NotReusable.OUT_OF_RANGE_OF_MARK)
        mark = standing.mark
    window = item.window_days * DAY
    sound = window > 0 and not before and not after
    of_issue = item.time_base is TimeBase.ISSUED
    return Judgment(item, tuple(before), tuple(after), mark, of_issue, window, sound, item.code)
