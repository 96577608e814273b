"""Every sealed column of the store: what is bound to each blob, and its walk when the data key is exchanged."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Table, bindparam, func, literal_column, select, tuple_, update
from sqlalchemy.sql.elements import ColumnElement

from hutong_server.store import tables
from hutong_server.store.base import SealBroken, Swept
from hutong_server.store.consent import context as consent_context
from hutong_server.store.consent_tables import consent_entry
from hutong_server.store.decision_tables import decision
from hutong_server.store.decisions import context as decision_context
from hutong_server.store.keys import token_context
from hutong_server.store.ledger import leaf_context, record_context
from hutong_server.store.ledger_file import in_file
from hutong_server.store.notice_tables import notice, reliance
from hutong_server.store.notices import notice_context
from hutong_server.store.packing import sealed_context, version_context
from hutong_server.store.reliances import reliance_context
from hutong_server.store.rule_tables import unmapped_code
from hutong_server.store.statements import Statement
from hutong_server.store.transaction import Row, Transaction

PREFIX = 3
"""Bytes at the beginning of a blob that name suite and data key."""

Context = Callable[[bytes, Row], bytes]


@dataclass(frozen=True)
class _Place:
    """One column. `bound` are the columns that the context is made of, the primary key first."""

    column: Column[Any]
    bound: Sequence[Column[Any]]
    was: Context
    """(blob, bound values) → the context it was sealed under."""
    now: Context | None = None
    """The context to seal it under; None: the same."""
    _statements: dict[str, Statement] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        table = self.column.table
        assert isinstance(table, Table)  # noqa: S101  each column below is a table's
        return table

    @property
    def keys(self) -> Sequence[Column[Any]]:
        return list(self.table.primary_key)

    def statement(self, name: str) -> Statement:
        """first, after, change or uses."""
        if not self._statements:
            self._statements.update(self._made())
        return self._statements[name]

    def _made(self) -> dict[str, Statement]:
        # Literals: PostgreSQL takes no two parameters for the same expression in SELECT and GROUP BY.
        beginning = func.substr(self.column, literal_column("1"), literal_column(str(PREFIX)))
        others = (
            select(self.column, *self.bound)
            .where(func.length(self.column) > 0, beginning != bindparam("prefix", type_=self.column.type))
            .order_by(*self.keys)
            .limit(bindparam("limit"))
        )
        after = [bindparam(f"after{i}", type_=key.type) for i, key in enumerate(self.keys)]
        further: ColumnElement[bool] = (
            tuple_(*self.keys) > tuple_(*after) if len(after) > 1 else self.keys[0] > after[0]
        )
        change = (
            update(self.table)
            .where(*(key == bindparam(f"key{i}", type_=key.type) for i, key in enumerate(self.keys)))
            .where(self.column == bindparam("former", type_=self.column.type))
            .values({self.column.name: bindparam("sealed", type_=self.column.type)})
        )
        uses = select(beginning, func.count()).where(func.length(self.column) > 0).group_by(beginning)
        return {
            "first": Statement(others),
            "after": Statement(others.where(further)),
            "change": Statement(change),
            "uses": Statement(uses),
        }


def _of_keys(place: bytes, *order: int) -> Context:
    """A context of the place's name and some of the bound values."""
    return lambda _, values: place + b"".join(values[i] for i in order)


def _version(place: bytes) -> tuple[Context, Context]:
    return (
        lambda sealed, values: sealed_context(sealed, place, *values),
        lambda _, values: version_context(place, *values),
    )


def _access(_: bytes, values: Row) -> bytes:
    _, at, keys, log_id, index = values
    return record_context(at, keys) if not log_id else leaf_context(log_id, index)


def _places() -> dict[str, _Place]:
    report, version, entry = tables.report.c, tables.report_version.c, consent_entry.c
    access, token = tables.access_record.c, tables.patient_token.c
    of_version = (version.patient_key, version.report_id, version.version, version.institution)
    found = [
        _Place(
            report.body,
            (report.patient_key, report.report_id, report.version, report.institution),
            *_version(b"report"),
        ),
        _Place(version.head, of_version, *_version(b"head")),
        _Place(version.images, of_version, *_version(b"images")),
        _Place(version.document, of_version, *_version(b"document")),
        _Place(tables.patient.c.demographics, (tables.patient.c.key,), _of_keys(b"patient", 0)),
        _Place(
            token.identifier, (token.token, token.patient_key), lambda _, values: token_context(values[0], values[1])
        ),
        _Place(tables.patient_step.c.body, (tables.patient_step.c.step_id,), _of_keys(b"step", 0)),
        _Place(tables.held_report.c.body, (tables.held_report.c.held_id,), _of_keys(b"held", 0)),
        _Place(
            tables.prompt.c.lines, (tables.prompt.c.patient_key, tables.prompt.c.prompt_id), _of_keys(b"prompt", 1, 0)
        ),
        _Place(
            access.body,
            (access.record_id, access.at, access.patient_keys, access.log_id, access.leaf_index),
            _access,
        ),
        _Place(
            entry.body,
            (entry.patient_key, entry.entry_id, entry.kind),
            lambda _, values: consent_context(values[2], values[0], values[1]),
        ),
        _Place(
            decision.c.body,
            (decision.c.patient_key, decision.c.prompt_id, decision.c.item, decision.c.revokes),
            lambda _, values: decision_context(values[0], values[1], values[2], revokes=bool(values[3])),
        ),
        _Place(reliance.c.who, tuple(reliance.primary_key), lambda _, values: reliance_context(*values)),
        _Place(
            notice.c.body,
            (notice.c.institution, notice.c.notice_id),
            lambda _, values: notice_context(values[0], values[1]),
        ),
        _Place(unmapped_code.c.body, (unmapped_code.c.code_key,), _of_keys(b"unmapped", 0)),
    ]
    return {f"{each.table.name}.{each.column.name}": each for each in found}


PLACES = _places()
_IN_FILE = " of ledger file "


def _everywhere(tx: Transaction) -> Iterator[tuple[str, _Place, Transaction]]:
    """(name, place, where it stands) of the database and of its ledger files."""
    yield from ((name, place, tx) for name, place in PLACES.items())
    for file in tx.files.numbers() if tx.files is not None else ():
        leaves = f"{tables.access_record.name}.{tables.access_record.c.body.name}"
        yield f"{leaves}{_IN_FILE}{file}", PLACES[leaves], in_file(tx, file)


def seal_uses(tx: Transaction) -> dict[bytes, dict[str, int]]:
    """See Reader."""
    found: dict[bytes, dict[str, int]] = {}
    for name, place, stands in _everywhere(tx):
        for prefix, count in stands.rows(place.statement("uses")):
            found.setdefault(bytes(prefix), {})[name] = count
    return found


def check_seals(tx: Transaction) -> None:
    """See Reader."""
    for _, place, stands in _everywhere(tx):
        for sealed, *bound in stands.rows(place.statement("first"), prefix=b"", limit=1):
            tx.sealer.open(sealed, place.was(sealed, tuple(bound)))


def reseal(tx: Transaction, place: str, prefix: bytes, after: tuple[object, ...] | None, limit: int) -> Swept:
    """See Writer. A blob that was changed meanwhile is left: who changed it sealed it anew."""
    name, _, file = place.partition(_IN_FILE)
    if not file or tx.files is None:
        return _reseal(tx, tx, PLACES[name], prefix, after, limit)
    with tx.files.writing(int(file)) as ledger:
        return _reseal(tx, ledger, PLACES[name], prefix, after, limit)


def _reseal(
    tx: Transaction, stands: Transaction, at: _Place, prefix: bytes, after: tuple[object, ...] | None, limit: int
) -> Swept:
    """`stands`: where the blobs stand."""
    count = len(at.keys)
    if after is None:
        rows = stands.rows(at.statement("first"), prefix=prefix, limit=limit)
    else:
        position = {f"after{i}": value for i, value in enumerate(after)}
        rows = stands.rows(at.statement("after"), prefix=prefix, limit=limit, **position)
    changed = broken = 0
    for sealed, *values in rows:
        bound = tuple(values)
        try:
            plain = tx.sealer.open(sealed, at.was(sealed, bound))
        except SealBroken:
            broken += 1
            continue
        anew = tx.sealer.seal(plain, (at.now or at.was)(sealed, bound))
        keys = {f"key{i}": value for i, value in enumerate(_keys_of(at, bound, count))}
        stands.run(at.statement("change"), former=sealed, sealed=anew, **keys)
        changed += 1
    last = _keys_of(at, tuple(rows[-1][1:]), count) if len(rows) == limit else None
    return Swept(last, changed, broken)


def _keys_of(at: _Place, bound: Row, count: int) -> tuple[Any, ...]:
    """The primary key's values; the places above name them first."""
    assert [column.name for column in at.bound[:count]] == [column.name for column in at.keys]  # noqa: S101  the list above
    return bound[:count]
