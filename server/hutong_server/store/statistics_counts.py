"""Roll-ups: asked, added to, and how far they have come."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Column, Select, bindparam, column, delete, func, literal_column, select, tuple_, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import BindParameter, ColumnElement

from hutong_server.domain.report import Instant
from hutong_server.domain.statistics import Cell, Counts
from hutong_server.store.base_statistics import COLUMNS, CUBOIDS, DIMENSIONS, FINEST, MONTHLY, Change, CountQuery, Run
from hutong_server.store.statements import Statement, upsert
from hutong_server.store.statistics_tables import statistics_count as _table
from hutong_server.store.statistics_tables import statistics_position, statistics_run
from hutong_server.store.transaction import Transaction

_c = _table.c
_KEYS = ("cuboid", *COLUMNS)
_OF_ONE = frozenset({"source", "specialty", "item", "ground"})
"""Columns that are empty for what is not of one."""

_CELLS = Statement(
    select(*(_c[name] for name in (*Cell._fields, *Counts._fields))).where(
        _c.cuboid == FINEST, _c.period == bindparam("of_day"), _c.receiver == bindparam("of_receiver")
    )
)
_POSITIONS = Statement(select(statistics_position))
_PUT_POSITION = upsert(statistics_position)
_RUN = Statement(select(statistics_run).where(statistics_run.c.run == 1))
_PUT_RUN = upsert(statistics_run)
_FORGET = Statement(delete(_table).where(_c.cuboid == bindparam("of_cuboid"), _c.period == bindparam("of_period")))
_ANY = Statement(select(_c.cuboid, _c.period).order_by(_c.cuboid, _c.period).limit(1))
_FIRST_OF = Statement(
    select(_c.period)
    .where(_c.cuboid == bindparam("of_cuboid"), _c.period >= bindparam("since"))
    .order_by(_c.period)
    .limit(1)
)
_FORGET_POSITIONS = Statement(delete(statistics_position))


def _adding(database: str) -> ClauseElement:
    values: dict[str, BindParameter[Any]] = {name: bindparam(name) for name in (*_KEYS, *Counts._fields)}
    if database == "sqlite":
        for_sqlite = sqlite.insert(_table).values(values)
        summed = {name: _c[name] + for_sqlite.excluded[name] for name in Counts._fields}
        return for_sqlite.on_conflict_do_update(index_elements=_KEYS, set_=summed)
    for_postgresql = postgresql.insert(_table).values(values)
    summed = {name: _c[name] + for_postgresql.excluded[name] for name in Counts._fields}
    return for_postgresql.on_conflict_do_update(index_elements=_KEYS, set_=summed)


_ADD = Statement(_adding)


class _Shape(NamedTuple):
    """What the text of a question depends on."""

    parts: tuple[bool, ...]
    """Whether each is the finest, of the roll-ups that are read."""
    empty: tuple[str, ...]
    """What the coarser one does not tell apart."""
    equal: tuple[str, ...]
    by: tuple[str, ...]
    further: bool
    only: str
    between: bool


@cache
def _query(shape: _Shape) -> Statement:
    """Each text once: a union of two reads of one table, never a join, so that it can be spread over machines."""
    return Statement(lambda database: _asked(shape, database))


def counts(tx: Transaction, query: CountQuery) -> list[tuple[tuple[str, ...], Counts]]:
    """See StatisticsReader."""
    fine = (*query.periods, *query.days) if query.cuboid == FINEST else query.days
    coarse = () if query.cuboid == FINEST else query.periods
    if not fine and not coarse:
        return []
    shape = _Shape(
        parts=(False,) * bool(coarse) + (True,) * bool(fine),
        empty=tuple(name for name in DIMENSIONS if name not in CUBOIDS[query.cuboid]),
        equal=tuple(sorted(query.equal)),
        by=query.by,
        further=bool(query.after),
        only=query.only,
        between=query.between is not None,
    )
    given = {f"is_{name}": query.equal[name] for name in shape.equal}
    given |= dict(zip(("lowest", "highest"), query.between or (), strict=False))
    given |= {f"after_{name}": value for name, value in zip(query.by, query.after, strict=False)}
    rows = tx.rows(
        _query(shape),
        coarse=_list(tx.database, coarse),
        fine=_list(tx.database, fine),
        of_cuboid=query.cuboid,
        limit=query.limit,
        **given,
    )
    size = len(query.by)
    # Sums are of a wider type on PostgreSQL.
    return [(tuple(row[:size]), Counts(*map(int, row[size:]))) for row in rows]


def _list(database: str, periods: Sequence[str]) -> Any:
    """A list as one parameter, so that one text serves any number: JSON on SQLite."""
    return json.dumps(periods) if database == "sqlite" else list(periods)


def _asked(shape: _Shape, database: str) -> ClauseElement:
    parts = [_part(shape, finest, database) for finest in shape.parts]
    read = (union_all(*parts) if len(parts) > 1 else parts[0]).subquery("read")
    groups = [read.c[name] for name in shape.by]
    # Everything else happens to what was returned or decided.
    counted = [shape.only] if shape.only else ["prompts", "returned", "recognized", "repeated", "revoked"]
    found = sum((func.sum(read.c[name]) for name in counted[1:]), func.sum(read.c[counted[0]]))
    return (
        select(*groups, *(func.sum(read.c[name]) for name in Counts._fields))
        .group_by(*groups)
        .having(found != 0)
        .order_by(*groups)
        .limit(bindparam("limit"))
    )


def _part(shape: _Shape, finest: bool, database: str) -> Select[Any]:
    groups: list[Column[Any]] = [_c[name] for name in shape.by]
    periods: BindParameter[Any] = bindparam("fine" if finest else "coarse")
    within: ColumnElement[bool] = (
        _c.period.in_(select(column("value")).select_from(func.json_each(periods)))
        if database == "sqlite"
        else _c.period == func.any(periods)
    )
    # A number in the text, so that the partial index of the finest counts.
    conditions = [_c.cuboid == (literal_column(str(FINEST)) if finest else bindparam("of_cuboid")), within]
    # What a roll-up does not tell apart is empty in it; said, so that the index is used beyond it.
    conditions += [_c[name] == literal_column("''") for name in shape.empty if not finest]
    conditions += [_c[name] == bindparam(f"is_{name}") for name in shape.equal]
    conditions += [_c[name] != literal_column("''") for name in shape.by if name in _OF_ONE]
    if shape.between:
        conditions += [groups[0] >= bindparam("lowest"), groups[0] <= bindparam("highest")]
    if shape.further:
        after: list[BindParameter[Any]] = [bindparam(f"after_{name}") for name in shape.by]
        conditions.append(tuple_(*groups) > tuple_(*after) if len(groups) > 1 else groups[0] > after[0])
    return select(*groups, *(_c[name] for name in Counts._fields)).where(*conditions)


def counted_cells(tx: Transaction, day: str, receiver: str) -> dict[Cell, Counts]:
    """See StatisticsReader."""
    size = len(Cell._fields)
    return {Cell(*row[:size]): Counts(*row[size:]) for row in tx.rows(_CELLS, of_day=day, of_receiver=receiver)}


def add_counts(tx: Transaction, changes: Sequence[Change]) -> None:
    """See StatisticsWriter. Sums of all changes of a row are added at once."""
    added: dict[tuple[int | str, ...], list[int]] = {}
    for change in changes:
        of = {"receiver": change.receiver, "source": change.cell.source}
        of |= {"department": change.cell.department, "item": change.cell.item}
        for cuboid, kept in enumerate(CUBOIDS):
            receiver, source, department, item = (of[name] if name in kept else "" for name in DIMENSIONS)
            day = () if cuboid in MONTHLY else (change.day,)
            for period in day if cuboid == FINEST else (*day, change.day[:7]):
                key = (
                    cuboid,
                    period,
                    receiver,
                    source,
                    department,
                    change.cell.specialty,
                    item,
                    change.cell.ground,
                )
                sums = added.setdefault(key, [0] * len(Counts._fields))
                for place, count in enumerate(change.counts):
                    sums[place] += count
    rows: list[Mapping[str, Any]] = [
        dict(zip((*_KEYS, *Counts._fields), (*key, *sums), strict=True)) for key, sums in sorted(added.items())
    ]
    tx.run_many(_ADD, rows)


def counting_positions(tx: Transaction) -> dict[str, Instant]:
    """See StatisticsReader."""
    return dict(tx.rows(_POSITIONS))


def put_counting_position(tx: Transaction, raw: str, recorded: Instant) -> None:
    """See StatisticsWriter."""
    tx.run(_PUT_POSITION, raw=raw, recorded=recorded)


def counting_run(tx: Transaction) -> Run | None:
    """See StatisticsReader."""
    row = tx.row(_RUN)
    return Run(bytes(row[1]), row[2], row[3], row[4], row[5] or "") if row else None


def put_counting_run(tx: Transaction, run: Run) -> None:
    """See StatisticsWriter."""
    tx.run(_PUT_RUN, run=1, **run._asdict())


def anything_counted(tx: Transaction) -> bool:
    """See StatisticsReader."""
    return tx.row(_ANY) is not None


def forget_counts(tx: Transaction) -> bool:
    """See StatisticsWriter."""
    tx.run(_FORGET_POSITIONS)
    run = counting_run(tx)
    removed = False
    for cuboid in range(len(CUBOIDS)):
        first = tx.row(_FIRST_OF, of_cuboid=cuboid, since=run.forgotten if run else "")
        if first is not None and removed:
            return True
        if first is not None:
            tx.run(_FORGET, of_cuboid=cuboid, of_period=first[0])
            removed = True
    return removed
