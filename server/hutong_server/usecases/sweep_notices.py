"""After a change of the catalogue: was what institutions relied on reusable then, by the rules as they stand now?

A walk over what was recognised and cited, in the order in which it was recorded, in small batches. Each batch is one
write job under one lock, and the place that it came to is kept with it: any worker takes the next, one at a time, and
a restart goes on from there. At the end the walk waits for what is recorded later; a new version of the catalogue
begins another, once the one before has come to its end.
"""

from collections.abc import Callable

from hutong_server.domain.notice import How, Notice, NoticeKind, Reliance, strongest
from hutong_server.domain.report import Instant
from hutong_server.domain.reuse import NotReusable, Request
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import Reader, Writer
from hutong_server.store.base_notices import SweepPosition
from hutong_server.usecases.list_reports import judge
from hutong_server.usecases.notify import notice_of, put_notices

BATCH = 50
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
    reasons = fallen(relied, writer, book)
    if reasons is None or bool(reasons) == relied.fallen:
        return None
    writer.set_fallen(relied, bool(reasons))
    if not reasons:
        return None
    same = (
        each
        for each in writer.reliances((relied.patient_key,), relied.report_id)
        if each.institution == relied.institution and each.item == relied.item and each.how is not How.OPENED
    )
    return notice_of(strongest((relied, *same)), NoticeKind.NOT_REUSABLE, book.version.to_bytes(8, "big"), now, reasons)


def fallen(relied: Reliance, reader: Reader, book: RuleBook) -> tuple[NotReusable, ...] | None:
    """Why, by this rule book, the result was not reusable at the moment when it was relied on; empty when it was.

    None when that cannot be said of it: the report is not there any more, or is withdrawn (who relied on it has been
    told), or another version of it stands and does not name the item. Of another version the times are not judged:
    it was issued later than the moment in question.
    """
    row = reader.report(relied.patient_key, relied.report_id)
    if row is None or row.withdrawn or not relied.item:
        return None
    results = judge(row, Request(relied.institution, relied.judged), book)
    same = row.version == relied.version
    if same:
        found = [each for each in results if each.result.ordinal == relied.ordinal]
    else:
        found = [each for each in results if each.verdict.item and each.verdict.item.code == relied.item]
    if not found:
        return None
    verdicts = [each.verdict for each in found]
    told = _OF_RULES if same else _OF_RULES - _OF_TIME
    reasons = [tuple(reason for reason in each.reasons if reason in told) for each in verdicts]
    if same and (verdicts[0].item is None or verdicts[0].item.code != relied.item):
        # Its codes lead elsewhere now: to another item, or to none.
        return tuple(dict.fromkeys((NotReusable.UNMAPPED_CODE, *reasons[0])))
    return min(reasons, key=len)
