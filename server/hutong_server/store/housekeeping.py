"""What may be forgotten of each table, and forgetting it, a few rows at a time.

Rows are found by their age. What must be kept of them all the same is asked in the transaction that removes the
others, by lists of ids: on Citus they stand on other machines than what keeps them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, and_, bindparam, delete, func, literal, select, tuple_

from hutong_server.domain.report import Instant
from hutong_server.store.base_catalog import PENDING
from hutong_server.store.base_housekeeping import FORGETTABLE, Place
from hutong_server.store.certificate_tables import certificate, enrollment_token, renewal_challenge
from hutong_server.store.decision_tables import decision, prompt_event
from hutong_server.store.intake_tables import intake_count
from hutong_server.store.notice_tables import notice, reliance
from hutong_server.store.rule_tables import catalog_pending, unmapped_code
from hutong_server.store.statements import Statement, StatementOver
from hutong_server.store.tables import prompt
from hutong_server.store.transaction import Transaction

_PAGE = 1000


def _unchanged(before: Instant) -> Any:
    return before


def _day(before: Instant) -> str:
    return datetime.fromtimestamp(before / 1000, UTC).date().isoformat()


@dataclass(frozen=True)
class _Rule:
    """What of a table may go: rows that are old by one column, and of which `also` holds."""

    table: Table
    age: Column[Any]
    also: tuple[ColumnElement[bool], ...] = ()
    by_age: bool = True
    """Whether there is an index to go by; else it goes through the table by its key."""
    bound: Callable[[Instant], Any] = _unchanged
    """How the column writes an instant."""

    @property
    def order(self) -> list[Column[Any]]:
        keys = list(self.table.primary_key)
        return [self.age, *keys] if self.by_age else keys

    @property
    def old(self) -> ColumnElement[bool]:
        return and_(self.age < bindparam("before"), *self.also)


_RULES = {
    "prompts": _Rule(prompt, prompt.c.recorded),
    "events": _Rule(prompt_event, prompt_event.c.recorded),
    "reliances": _Rule(reliance, reliance.c.recorded),
    # NULL is not less than anything: what was not acknowledged stays.
    "notices": _Rule(notice, notice.c.acknowledged_at, by_age=False),
    "certificates": _Rule(certificate, certificate.c.not_after, (certificate.c.revoked_at.is_(None),)),
    "tokens": _Rule(enrollment_token, enrollment_token.c.expires_at),
    "challenges": _Rule(renewal_challenge, renewal_challenge.c.used_at),
    "imports": _Rule(
        catalog_pending,
        catalog_pending.c.changed_at,
        (catalog_pending.c.state != PENDING,),
        by_age=False,
    ),
    "codes": _Rule(unmapped_code, unmapped_code.c.last_seen, by_age=False),
    "intake": _Rule(intake_count, intake_count.c.day, by_age=False, bound=_day),
}


def _among(column: Column[Any], *more: Column[Any]) -> StatementOver:
    return StatementOver(lambda ids: select(column, *more).where(column.in_(ids)))


_DECIDED, _RELIED = _among(decision.c.prompt_id), _among(reliance.c.prompt_id)
_ANSWERED = _among(prompt.c.prompt_id, prompt.c.at)


def _kept(tx: Transaction, what: str, before: Instant, places: Sequence[Place]) -> set[object]:
    """Ids of prompts of which a row must stay.

    What somebody relied or decided on stays with what it was offered by, and with what happened to it on screen. A
    prompt that was answered for several records of a patient counts for the day of the first: all its rows, or none.
    """
    if what not in _OF_PROMPTS:
        return set()
    ids = list({place[_PROMPT_ID] for place in places})
    answered = tx.rows_over(_ANSWERED, ids)
    if what == "events":
        return {prompt_id for prompt_id, _ in answered}
    kept = {prompt_id for prompt_id, at in answered if at >= before}
    return kept | {prompt_id for asked in (_DECIDED, _RELIED) for (prompt_id,) in tx.rows_over(asked, ids)}


_OF_PROMPTS = ("prompts", "events")
_PROMPT_ID = 2
"""Where a prompt's id stands in a place of both."""


@dataclass(frozen=True)
class _Statements:
    count: Statement
    first: Statement
    further: Statement
    remove: Statement


def _statements(rule: _Rule) -> _Statements:
    order = rule.order
    page = select(*order).where(rule.old).order_by(*order).limit(bindparam("limit"))
    after = tuple_(*(bindparam(f"after{n}", type_=column.type) for n, column in enumerate(order)))
    further = tuple_(*order) > after if len(order) > 1 else order[0] > bindparam("after0", type_=order[0].type)
    # The first column apart as well, so that the index is used whatever a planner makes of a comparison of rows.
    beyond = order[0] >= bindparam("since", type_=order[0].type)
    keys = [column == bindparam(f"is_{column.name}", type_=column.type) for column in rule.table.primary_key]
    return _Statements(
        count=Statement(select(func.count()).select_from(rule.table).where(rule.old)),
        first=Statement(page),
        further=Statement(page.where(beyond, further)),
        remove=Statement(delete(rule.table).where(*keys, rule.old).returning(literal(1))),
    )


_STATEMENTS = {what: _statements(_RULES[what]) for what in FORGETTABLE}


def old_count(tx: Transaction, what: str, before: Instant) -> int:
    """See HousekeepingReader."""
    if what not in _OF_PROMPTS:
        row = tx.row(_STATEMENTS[what].count, before=_RULES[what].bound(before))
        return int(row[0]) if row else 0
    count = 0
    places = old_rows(tx, what, before, None, _PAGE)
    while places:
        kept = _kept(tx, what, before, places)
        count += sum(place[_PROMPT_ID] not in kept for place in places)
        places = old_rows(tx, what, before, places[-1], _PAGE)
    return count


def old_rows(tx: Transaction, what: str, before: Instant, after: Place | None, limit: int) -> list[Place]:
    """See HousekeepingReader."""
    statements, bound = _STATEMENTS[what], _RULES[what].bound(before)
    if after is None:
        return tx.rows(statements.first, before=bound, limit=limit)
    place = {f"after{n}": value for n, value in enumerate(after)}
    return tx.rows(statements.further, before=bound, limit=limit, since=after[0], **place)


def forget(tx: Transaction, what: str, before: Instant, places: Sequence[Place]) -> int:
    """See HousekeepingWriter."""
    rule = _RULES[what]
    names = [column.name for column in rule.table.primary_key]
    # Two that remove the same rows would wait for each other. Who decides on a prompt, or tells what became of it on
    # screen, holds its lock: it is seen below, or finds no prompt.
    ids = {bytes(place[_PROMPT_ID]) for place in places} if what in _OF_PROMPTS else set()  # type: ignore[call-overload]
    tx.lock((b"housekeeping", *ids))
    kept = _kept(tx, what, before, places)
    gone = [place for place in places if not kept or place[_PROMPT_ID] not in kept]
    keys = [place[1:] if rule.by_age else place for place in gone]
    many = [
        {"before": rule.bound(before), **{f"is_{name}": value for name, value in zip(names, key, strict=True)}}
        for key in keys
    ]
    return len(tx.rows_of_many(_STATEMENTS[what].remove, many))


def table_of(what: str) -> str:
    """The table that one of FORGETTABLE stands in."""
    return _RULES[what].table.name
