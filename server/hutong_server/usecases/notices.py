"""What an institution is told about reports that it relied on: listed, streamed, acknowledged.

A notice that the patient's consent withholds from the institution, as it stands now, does not exist in any answer.
The stream marks such notices as hidden and looks at them again; when the consent changes they come, at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hutong_server.domain.caller import Caller
from hutong_server.domain.errors import Reason
from hutong_server.domain.notice import Notice
from hutong_server.domain.report import Instant
from hutong_server.domain.rulebook import RuleBook
from hutong_server.store.base import AccessRecord, Reader, Writer
from hutong_server.store.base_notices import NoticeFilter
from hutong_server.usecases.asking import Context, access
from hutong_server.usecases.gate import RefusedOnRecord, Told, pass_notice
from hutong_server.usecases.notify import lock_of

BATCH = 50
"""Notices that are looked at in one read."""
_LOOKS = 20
"""Reads for one page at most: a page may be short and still have a next one (AIP-158)."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told."""

    method: str
    context: Context
    caller: Caller
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Notices that exist for the caller, oldest first, and what must be durable before they leave."""

    notices: tuple[Notice, ...]
    last: int
    """Number of the last notice looked at."""
    more: bool
    records: tuple[AccessRecord, ...]
    hide: tuple[Notice, ...] = ()
    show: tuple[Notice, ...] = ()
    withheld: bool = False
    """Of look_again: whether some of these are still withheld."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to keep."""
        return not (self.records or self.hide or self.show)

    def keep(self, writer: Writer) -> None:
        """The write job."""
        for each in self.hide:
            writer.hide_notice(each.institution, each.notice_id)
        for each in self.show:
            writer.lock([lock_of(each.institution)])
            known = writer.notice(each.institution, each.notice_id)
            # Another stream of the institution may have come first.
            if known is not None and known.hidden:
                writer.show_notice(each.institution, each.notice_id)
        for record in self.records:
            writer.record(record)


def list_notices(
    ask: Listener, after: int, limit: int, reader: Reader, book: RuleBook, now: Instant, *, acknowledged: bool
) -> NoticePage:
    """A page after a number. An empty page is recorded too."""
    looked: list[tuple[Notice, Told]] = []
    found: list[Notice] = []
    last, more = after, True
    for _ in range(_LOOKS):
        batch = reader.notices(ask.caller.institution, NoticeFilter(last, acknowledged), BATCH)
        for notice in batch:
            told = _told(notice, reader, book, now)
            if told.exists and len(found) == limit:
                return NoticePage(tuple(found), last, True, _records(ask, looked, now))
            looked.append((notice, told))
            if told.exists:
                found.append(notice)
            last = notice.number
        more = len(batch) == BATCH
        if not more:
            break
    return NoticePage(tuple(found), last, more, _records(ask, looked, now))


def next_notices(ask: Listener, after: int, reader: Reader, book: RuleBook, now: Instant) -> NoticePage:
    """What a stream delivers next, after a number: those that were not acknowledged, at most BATCH.

    Records nothing when there is nothing.
    """
    batch = reader.notices(ask.caller.institution, NoticeFilter(after, hidden=False), BATCH)
    looked = [(notice, _told(notice, reader, book, now)) for notice in batch]
    return NoticePage(
        notices=tuple(notice for notice, told in looked if told.exists),
        last=batch[-1].number if batch else after,
        more=len(batch) == BATCH,
        records=_records(ask, looked, now) if looked else (),
        hide=tuple(notice for notice, told in looked if not told.exists),
    )


def look_again(ask: Listener, after: int, reader: Reader, book: RuleBook, now: Instant) -> NoticePage:
    """Looks at notices that consent withheld: those that exist now come at the end of the institution's notices.

    Gives none of them; `last` and `more` are of this walk.
    """
    batch = reader.notices(ask.caller.institution, NoticeFilter(after, hidden=True), BATCH)
    show = tuple(notice for notice in batch if _told(notice, reader, book, now).exists)
    return NoticePage(
        notices=(),
        last=batch[-1].number if batch else after,
        more=len(batch) == BATCH,
        records=(),
        show=show,
        withheld=len(show) < len(batch),
    )


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An acknowledgment, before it is durable."""

    notice: Notice
    record: AccessRecord

    def keep(self, writer: Writer) -> None:
        """The write job. The first acknowledgment stands."""
        at = self.notice.acknowledged_at
        if at is not None:
            writer.acknowledge_notice(self.notice.institution, self.notice.notice_id, at)
        writer.record(self.record)


def acknowledge_notice(ask: Listener, notice_id: bytes, reader: Reader, book: RuleBook, now: Instant) -> Acknowledged:
    """Acknowledges a notice of the caller's institution. Idempotent: the first time stands.

    Raises RefusedOnRecord (NOT_FOUND) for one that the patient withholds now, or that is none of the institution's.
    """
    notice = reader.notice(ask.caller.institution, notice_id)
    told = _told(notice, reader, book, now) if notice is not None else None
    if notice is None or told is None or not told.exists:
        record = _record(ask, "refused", now, told, ())
        raise RefusedOnRecord(Reason.NOT_FOUND, "no such notice of this institution", record)
    known = notice if notice.acknowledged_at is not None else replace(notice, acknowledged_at=now)
    return Acknowledged(known, _record(ask, "acknowledged", now, told, (notice.report_id,)))


def began(ask: Listener, now: Instant) -> AccessRecord:
    """The record of a stream that begins."""
    return _record(ask, "watching", now, None, ())


def _told(notice: Notice, reader: Reader, book: RuleBook, now: Instant) -> Told:
    return pass_notice((notice.patient_key, notice.report_id), notice.ordinal, reader, book, now)


def _records(ask: Listener, looked: Sequence[tuple[Notice, Told]], now: Instant) -> tuple[AccessRecord, ...]:
    """One for each patient, so that no patient's record speaks of another's reports."""
    if not looked:
        return (_record(ask, "none", now, None, ()),)
    by_patient: dict[bytes, list[tuple[Notice, Told]]] = {}
    for notice, told in looked:
        by_patient.setdefault(told.keys[0], []).append((notice, told))
    return tuple(_of_patient(ask, group, now) for group in by_patient.values())


def _of_patient(ask: Listener, group: Sequence[tuple[Notice, Told]], now: Instant) -> AccessRecord:
    shown = tuple(dict.fromkeys(notice.report_id for notice, told in group if told.exists))
    withheld = tuple(dict.fromkeys(kept for _, told in group for kept in told.withheld))
    record = _record(ask, "found" if shown else "none", now, group[0][1], shown)
    return replace(record, withheld=withheld)


def _record(ask: Listener, outcome: str, now: Instant, told: Told | None, reports: tuple[bytes, ...]) -> AccessRecord:
    return access(
        ask.method,
        ask.caller,
        ask.context,
        ask.request_id,
        outcome,
        now,
        keys=told.keys if told else (),
        reports=reports,
        consent_basis=told.basis if told else "",
        withheld=told.withheld if told else (),
    )
