"""The raw rows that are counted, by the day for which they count."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Column, Select, and_, bindparam, func, literal_column, select

from hutong_server.domain.report import Instant
from hutong_server.domain.statistics import CountedDecision, CountedPrompt, DayRows, Line, OpenedReport, ScreenEvent
from hutong_server.store import statistics_apart as apart
from hutong_server.store.base_statistics import Touched
from hutong_server.store.decision_tables import decision, prompt_event
from hutong_server.store.notice_tables import reliance
from hutong_server.store.prompts import offered
from hutong_server.store.statements import Statement
from hutong_server.store.tables import prompt
from hutong_server.store.transaction import Row, Transaction

_p, _d, _e, _r = prompt.c, decision.c, prompt_event.c, reliance.c
_again = prompt.alias("again")
_other = decision.alias("other")
_PAIRED = and_(_other.c.prompt_id == _d.prompt_id, _other.c.item == _d.item, _other.c.revokes != _d.revokes)
"""A decision and what takes it back."""
_OUT_OF_PROMPTS = (_r.how == "opened", _r.prompt_id != b"")


def _of_day(chosen: Select[Any], some: Callable[[Select[Any]], Select[Any]] = lambda all_of: all_of) -> Statement:
    """Of the prompts that an institution was first answered on a day."""
    # Rows of before prompts were counted have no time of recording.
    of_day = (_p.institution == bindparam("receiver"), _p.at >= bindparam("since"), _p.at < bindparam("until"))
    return Statement(some(chosen.where(*of_day, _p.recorded.is_not(None))))


_PROMPT = ("prompt_id", "at", "patient_key", "department", "lines")
_PROMPTS = _of_day(select(*(_p[name] for name in _PROMPT)))
_END_OF_PART = _of_day(select(_p.at), lambda of_day: of_day.order_by(_p.at).offset(bindparam("prompts")).limit(1))
_AGAIN = _of_day(
    select(*(_again.c[name] for name in _PROMPT)).join_from(
        prompt, _again, and_(_again.c.prompt_id == _p.prompt_id, _again.c.patient_key != _p.patient_key)
    )
)
_EVENTS = _of_day(select(_e.prompt_id, _e.item, _e.kind).join_from(prompt, prompt_event, _e.prompt_id == _p.prompt_id))
_OPENED = _of_day(
    select(_r.prompt_id, _r.report_id).join_from(prompt, reliance, _r.prompt_id == _p.prompt_id).where(*_OUT_OF_PROMPTS)
)
_DECISIONS = Statement(
    select(
        _d.prompt_id,
        _d.patient_key,
        _d.kind,
        _other.c.kind,
        _d.department,
        _d.ground,
        _d.price_fen,
        _d.item,
        _d.report_id,
        _d.ordinal,
        _d.source,
        _d.version,
    )
    .join_from(decision, _other, _PAIRED, isouter=True)
    .where(
        _d.institution == bindparam("receiver"),
        _d.decided_at >= bindparam("since"),
        _d.decided_at < bindparam("until"),
    )
)

_QUARTER = 900_000
"""Milliseconds by which instants are told apart here: since 1972 every zone's days begin with one."""


def _touched(recorded: Column[Any], chosen: Select[Any]) -> Statement:
    """Of the first rows that were recorded: how many, when the last was, and whose quarters of an hour they touch."""
    first = chosen.where(recorded >= bindparam("since")).order_by(recorded).limit(bindparam("limit")).subquery()
    when, institution, *times = first.c
    quarters = [each.op("/")(literal_column(str(_QUARTER))) for each in times]
    # Thousands of rows are the same few quarters: put together by the database, they hold nobody up here.
    return Statement(select(func.count(), func.max(when), institution, *quarters).group_by(institution, *quarters))


_TOUCHED = {
    raw: _touched(recorded, chosen)
    for raw, recorded, chosen in (
        (
            "prompt",
            _p.recorded,
            select(_p.recorded, _again.c.institution, _again.c.at).join_from(
                prompt, _again, _again.c.prompt_id == _p.prompt_id
            ),
        ),
        (
            "decision",
            _d.recorded,
            select(_d.recorded, _d.institution, _d.decided_at, _other.c.decided_at).join_from(
                decision, _other, _PAIRED, isouter=True
            ),
        ),
        (
            "prompt_event",
            _e.recorded,
            select(_e.recorded, _p.institution, _p.at).join_from(prompt_event, prompt, _e.prompt_id == _p.prompt_id),
        ),
        (
            "reliance",
            _r.recorded,
            select(_r.recorded, _p.institution, _p.at)
            .join_from(reliance, prompt, _r.prompt_id == _p.prompt_id)
            .where(*_OUT_OF_PROMPTS),
        ),
    )
}


def days_touched(tx: Transaction, raw: str, since: Instant, limit: int) -> Touched:
    """See StatisticsReader."""
    if tx.distributed:
        recorded, rows = apart.touched(tx, raw, since, limit)
        days = frozenset((institution, at) for _, institution, *times in rows for at in times if at is not None)
        return Touched(days, recorded[-1][0] if recorded else since, len(recorded) >= limit)
    groups = tx.rows(_TOUCHED[raw], since=since, limit=limit)
    days = frozenset(
        (whose, each * _QUARTER) for _, _, whose, *quarters in groups for each in quarters if each is not None
    )
    last = max((last for _, last, *_ in groups), default=since)
    return Touched(days, last, sum(count for count, *_ in groups) >= limit)


def part_of_day(tx: Transaction, receiver: str, begin: Instant, end: Instant, prompts: int) -> Instant:
    """See StatisticsReader."""
    beyond = tx.row(_END_OF_PART, receiver=receiver, since=begin, until=end, prompts=prompts)
    # Prompts of one millisecond stay together.
    return max(begin + 1, beyond[0]) if beyond else end


def raw_day(
    tx: Transaction, receiver: str, begin: Instant, end: Instant, breathe: Callable[[], None] = lambda: None
) -> DayRows:
    """See StatisticsReader."""
    day = {"receiver": receiver, "since": begin, "until": end}
    of_day = tx.rows(_PROMPTS, **day)
    if tx.distributed:
        again, events, opened = apart.again(tx, of_day), apart.events(tx, of_day), apart.opened(tx, of_day)
        decisions = apart.decisions(tx, receiver, begin, end)
    else:
        again, events, opened, decisions = (tx.rows(each, **day) for each in (_AGAIN, _EVENTS, _OPENED, _DECISIONS))
    return DayRows(
        prompts=tuple(_prompts(tx, of_day, again, begin, breathe)),
        events=tuple(ScreenEvent(bytes(row[0]), *row[1:]) for row in events),
        opened=tuple(OpenedReport(bytes(prompt_id), bytes(report)) for prompt_id, report in opened),
        decisions=tuple(_decision(row) for row in decisions),
    )


def _prompts(
    tx: Transaction, of_day: list[Row], again: list[Row], begin: Instant, breathe: Callable[[], None]
) -> Iterable[CountedPrompt]:
    """Each prompt once. One whose patient's records were joined or parted between two answers has several rows: it
    counts for the day of the first, with what all of them offered."""
    more: dict[bytes, list[Row]] = {}
    for row in again:
        more.setdefault(row[0], []).append(row)
    done: set[bytes] = set()
    for row in of_day:
        prompt_id = row[0]
        if prompt_id in done:
            continue
        rows = sorted((row, *more.get(prompt_id, ())), key=lambda each: (each[1], each[2])) if more else [row]
        if rows[0][1] < begin:
            continue
        done.add(prompt_id)
        breathe()
        yield _prompt(tx, rows)


def _prompt(tx: Transaction, rows: list[Row]) -> CountedPrompt:
    prompt_id, _, patient_key, department, _ = rows[0]
    lines: dict[str, Line] = {}
    reports: list[tuple[str, bytes]] = []
    for _, _, key, _, sealed in rows:
        now, before = offered(tx, prompt_id, key, sealed)
        for item, report_id, ordinal, source, version in now:
            lines.setdefault(item, Line(item, report_id, ordinal, source, version))
            reports.append((item, report_id))
        reports += [(line[0], line[1]) for line in before]
    return CountedPrompt(prompt_id, patient_key, department or "", tuple(lines.values()), tuple(reports))


def _decision(row: Row) -> CountedDecision:
    prompt_id, patient_key, kind, other, department, ground, price_fen, item, report_id, ordinal, source, version = row
    line = Line(item, report_id, ordinal, source, version)
    return CountedDecision(prompt_id, patient_key, kind, other is not None, department, ground, price_fen, line)
