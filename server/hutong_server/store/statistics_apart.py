"""The raw rows of statistics in the distributed form, where rows of one prompt may stand on several machines.

What statistics_raw asks by joining is asked one after the other here: the rows of a day, then what else there is of
their prompts, of all machines at once. Nobody waits for it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Select, bindparam, literal_column, select

from hutong_server.domain.report import Instant
from hutong_server.store.decision_tables import decision, prompt_event
from hutong_server.store.notice_tables import reliance
from hutong_server.store.statements import Statement, StatementOver
from hutong_server.store.tables import prompt
from hutong_server.store.transaction import Row, Transaction

_p, _d, _e, _r = prompt.c, decision.c, prompt_event.c, reliance.c
# In the text: a statement over many values takes no others.
_OUT_OF_PROMPTS = (_r.how == literal_column("'opened'"), _r.prompt_id != literal_column("''::bytea"))

_ROWS = StatementOver(
    lambda ids: select(_p.prompt_id, _p.at, _p.patient_key, _p.department, _p.lines).where(_p.prompt_id.in_(ids))
)
_FIRST_ASKED = StatementOver(lambda ids: select(_p.prompt_id, _p.institution, _p.at).where(_p.prompt_id.in_(ids)))
_EVENTS = StatementOver(lambda ids: select(_e.prompt_id, _e.item, _e.kind).where(_e.prompt_id.in_(ids)))
_OPENED = StatementOver(lambda ids: select(_r.prompt_id, _r.report_id).where(_r.prompt_id.in_(ids), *_OUT_OF_PROMPTS))
_PAIRS = StatementOver(
    lambda ids: select(_d.prompt_id, _d.item, _d.revokes, _d.kind, _d.decided_at).where(_d.prompt_id.in_(ids))
)
_DECISIONS = Statement(
    select(
        _d.revokes,
        _d.prompt_id,
        _d.patient_key,
        _d.kind,
        _d.department,
        _d.ground,
        _d.price_fen,
        _d.item,
        _d.report_id,
        _d.ordinal,
        _d.source,
        _d.version,
    ).where(
        _d.institution == bindparam("receiver"),
        _d.decided_at >= bindparam("since"),
        _d.decided_at < bindparam("until"),
    )
)


def _since(recorded: Column[Any], chosen: Select[Any]) -> Statement:
    return Statement(chosen.where(recorded >= bindparam("since")).order_by(recorded).limit(bindparam("limit")))


_RECORDED = {
    "prompt": _since(_p.recorded, select(_p.recorded, _p.prompt_id)),
    "prompt_event": _since(_e.recorded, select(_e.recorded, _e.prompt_id)),
    "reliance": _since(_r.recorded, select(_r.recorded, _r.prompt_id).where(*_OUT_OF_PROMPTS)),
    "decision": _since(
        _d.recorded, select(_d.recorded, _d.institution, _d.decided_at, _d.prompt_id, _d.item, _d.revokes)
    ),
}


def _by_prompt(tx: Transaction, statement: StatementOver, ids: Sequence[bytes]) -> Mapping[bytes, list[Row]]:
    found: dict[bytes, list[Row]] = defaultdict(list)
    for row in tx.rows_everywhere(statement, sorted(set(ids))):
        found[row[0]].append(row)
    return found


def again(tx: Transaction, of_day: Sequence[Row]) -> list[Row]:
    """The rows of the same prompts under other records."""
    rows = _by_prompt(tx, _ROWS, [row[0] for row in of_day])
    return [other for row in of_day for other in rows[row[0]] if other[2] != row[2]]


def events(tx: Transaction, of_day: Sequence[Row]) -> list[Row]:
    """What happened to the prompts on screen."""
    return _of_each(tx, _EVENTS, of_day)


def opened(tx: Transaction, of_day: Sequence[Row]) -> list[Row]:
    """Reports that were opened from the prompts."""
    return _of_each(tx, _OPENED, of_day)


def _of_each(tx: Transaction, statement: StatementOver, of_day: Sequence[Row]) -> list[Row]:
    rows = _by_prompt(tx, statement, [row[0] for row in of_day])
    return [each for row in of_day for each in rows[row[0]]]


def decisions(tx: Transaction, receiver: str, since: Instant, until: Instant) -> list[Row]:
    """Decisions of a day, each with the kind of what takes it back, or is taken back by it."""
    of_day = tx.rows(_DECISIONS, receiver=receiver, since=since, until=until)
    pairs = _by_prompt(tx, _PAIRS, [row[1] for row in of_day])
    found = []
    for revokes, prompt_id, patient_key, kind, *rest in of_day:
        others = [other[3] for other in _paired(pairs[prompt_id], item=rest[3], revokes=revokes)]
        found += [(prompt_id, patient_key, kind, other, *rest) for other in others or [None]]
    return found


def _paired(rows: Sequence[Row], item: str, *, revokes: bool) -> Iterator[Row]:
    return (row for row in rows if row[1] == item and row[2] != revokes)


def touched(tx: Transaction, raw: str, since: Instant, limit: int) -> tuple[list[Row], list[Row]]:
    """(what was recorded, (when recorded, institution, times…) of the days that it counts for)."""
    rows = tx.rows(_RECORDED[raw], since=since, limit=limit)
    counted: Callable[[Transaction, list[Row]], list[Row]] = _of_decisions if raw == "decision" else _of_prompts
    return rows, counted(tx, rows)


def _of_prompts(tx: Transaction, rows: list[Row]) -> list[Row]:
    asked = _by_prompt(tx, _FIRST_ASKED, [prompt_id for _, prompt_id in rows])
    return [(recorded, institution, at) for recorded, of in rows for _, institution, at in asked[of]]


def _of_decisions(tx: Transaction, rows: list[Row]) -> list[Row]:
    pairs = _by_prompt(tx, _PAIRS, [row[3] for row in rows])
    return [
        (recorded, institution, at, *(other[4] for other in _paired(pairs[prompt_id], item, revokes=revokes)))
        for recorded, institution, at, prompt_id, item, revokes in rows
    ]
