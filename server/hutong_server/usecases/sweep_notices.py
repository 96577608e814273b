"""After a change of the catalogue: was what institutions relied on reusable then, by the rules as they stand now?

A walk over what was recognised, cited, or opened from a prompt, in the order in which it was recorded, in small
batches. Each batch is one write job under one lock, and the place that it came to is kept with it: any worker takes the
next, one at a time, and a restart goes on from there. At the end the walk waits for what is recorded later; a new
version of the catalogue begins another, once the one before has come to its end.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from hutong_server.domain.notice import How, Notice, NoticeKind, Reliance, strongest
from hutong_server.domain.prompt import Judged
from hutong_server.domain.report import Instant
from hutong_server.domain.reuse import NotReusable, Request
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Reader, StoredReport, Writer
from hutong_server.store.base_notices import SweepPosition
from hutong_server.usecases.list_reports import judge
from hutong_server.usecases.notify import notice_of, put_notices

BATCH = 10
"""Reliances in one job. Charts wait for a job to end, and to judge one reliance anew takes half a millisecond."""
SETTLED = 3_000
"""Milliseconds after which whatever was recorded is committed: younger rows could still appear before others."""
_LOCK = b"notice sweep"
_OF_TIME = frozenset({NotReusable.TIME_UNKNOWN, NotReusable.OUTSIDE_WINDOW})
_OF_RULES = _OF_TIME | {
    NotReusable.UNMAPPED_CODE,
    NotReusable.NOT_RECOGNIZED_ITEM,
    NotReusable.SPECIMEN_DIFFERS,
    NotReusable.BODY_PART_OR_METHOD_DIFFERS,
    NotReusable.IMAGES_MISSING,
    NotReusable.DIRECTION_NOT_RECOGNIZED,
    NotReusable.NO_QUALITY_GRANT,
    NotReusable.OUT_OF_RANGE_OF_MARK,
}
"""Reasons that the catalogue gives. Of the others, those that can arise later have notices of their own."""


def due(reader: Reader, book: RuleBook, now: Instant) -> bool:
    """Whether there is something to judge. Costs two indexed look-ups."""
    at = reader.sweep_position()
    if at is None or book.version > at.version:
        return True
    return book.version == at.version and bool(reader.relied_since(at.after, now - SETTLED, 1))


def sweep(book: RuleBook, now: Instant) -> Callable[[Writer], bool]:
    """The write job of one batch; False when nothing is left, or when this worker's rules are older than the walk's."""

    def job(writer: Writer) -> bool:
        writer.lock([_LOCK])
        at = writer.sweep_position() or SweepPosition(book.version, ())
        if book.version < at.version:
            return False
        batch = writer.relied_since(at.after, now - SETTLED, BATCH)
        put_notices(writer, [notice for _, relied in batch if (notice := _judged(writer, relied, book, now))])
        if batch:
            writer.put_sweep_position(SweepPosition(at.version, batch[-1][0]))
            return True
        if book.version > at.version:
            writer.put_sweep_position(SweepPosition(book.version, ()))
            return True
        writer.put_sweep_position(at)
        return False

    return job


def _judged(writer: Writer, relied: Reliance, book: RuleBook, now: Instant) -> Notice | None:
    """The notice when it was reusable and is not any more; marks it, so that it is told once."""
    row = writer.report(relied.patient_key, relied.report_id)
    if row is None or row.withdrawn:
        # Who relied on what was withdrawn has been told.
        return None
    standing = _Standing(row, relied.institution, book)
    found = [(each, reasons) for each in _lines(relied, writer) if (reasons := standing.fallen(each)) is not None]
    if not found:
        return None
    line, reasons = next((each for each in found if each[1]), found[0])
    if bool(reasons) == relied.fallen:
        return None
    writer.set_fallen(relied, bool(reasons))
    if not reasons:
        return None
    of_report = [
        each
        for each in writer.reliances((relied.patient_key,), relied.report_id)
        if each.institution == relied.institution
    ]
    if relied.how is How.OPENED and any(each.how is not How.OPENED for each in of_report):
        # Who also recognised or cited it is told of that, which says more.
        return None
    told = strongest((relied, *(each for each in of_report if each.item == relied.item)))
    told = replace(told, item=line.item, ordinal=line.ordinal)
    # Items fall for reasons of their own, and one may be withheld where another may be told.
    mark = book.version.to_bytes(8, "big") + line.item.encode()
    return notice_of(told, NoticeKind.NOT_REUSABLE, mark, now, reasons)


class _Line(NamedTuple):
    """What was relied on, item by item."""

    item: str
    ordinal: int
    version: int
    """Of the report."""
    judged: Instant
    rules_version: int
    """By which it was judged then, or by newer ones; 0: not known."""


def _lines(relied: Reliance, reader: Reader) -> list[_Line]:
    """Of a report that was opened, every line of the prompt that offered it."""
    if relied.item:
        return [_Line(relied.item, relied.ordinal, relied.version, relied.judged, 0)]
    return [
        _Line(item, ordinal, version, prompt.at, prompt.rules_version)
        for prompt in reader.prompts(relied.prompt_id)
        if prompt.institution == relied.institution
        for item, report_id, ordinal, _, version in (*prompt.lines, *(each[:5] for each in prompt.earlier))
        if report_id == relied.report_id
    ]


class _Standing:
    """A report as it stands, by a rule book. Lines of one moment are judged together."""

    def __init__(self, row: StoredReport, institution: str, book: RuleBook) -> None:
        self._row = row
        self._institution = institution
        self._book = book
        self._results: dict[Instant, tuple[Judged, ...]] = {}

    def fallen(self, line: _Line) -> tuple[NotReusable, ...] | None:
        """Why, by this rule book, the result was not reusable at the moment when it was relied on; empty when it was.

        None when that cannot be said of it: another version of the report stands and does not name the item. Of another
        version the times are not judged: it was issued later than the moment in question.
        """
        same = self._row.version == line.version
        if same and line.rules_version >= self._book.version:
            # These rules offered it.
            return ()
        results = self._judged_at(line.judged)
        if same:
            found = [each for each in results if each.result.ordinal == line.ordinal]
        else:
            found = [each for each in results if each.verdict.item and each.verdict.item.code == line.item]
        if not found:
            return None
        verdicts = [each.verdict for each in found]
        told = _OF_RULES if same else _OF_RULES - _OF_TIME
        reasons = [tuple(reason for reason in each.reasons if reason in told) for each in verdicts]
        if same and (verdicts[0].item is None or verdicts[0].item.code != line.item):
            # Its codes lead elsewhere now: to another item, or to none.
            return tuple(dict.fromkeys((NotReusable.UNMAPPED_CODE, *reasons[0])))
        return min(reasons, key=len)

    def _judged_at(self, at: Instant) -> tuple[Judged, ...]:
        if at not in self._results:
            self._results[at] = judge(self._row, Request(self._institution, at), self._book)
        return self._results[at]
