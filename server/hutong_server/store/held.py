"""Reports that wait for an administrator to say whose they are."""

from typing import Any

from sqlalchemy import bindparam, delete, func, select, tuple_

from hutong_server.domain.report import Instant
from hutong_server.store import tables
from hutong_server.store.base import HeldReport, PatientToken, SealBroken, Swept
from hutong_server.store.packing import pack, pack_demographics, unpack, unpack_demographics
from hutong_server.store.patients import open_patient
from hutong_server.store.statements import Statement, upsert
from hutong_server.store.transaction import Row, Transaction

_HELD = b"held"

_held = tables.held_report.c
_WAITING = (
    select(tables.held_report)
    .where(_held.placed.is_(False))
    .order_by(_held.received, _held.held_id)
    .limit(bindparam("limit"))
)
_COUNT = Statement(select(func.count()).select_from(tables.held_report).where(_held.placed.is_(False)))
_FIRST = Statement(_WAITING)
_AFTER = Statement(
    _WAITING.where(tuple_(_held.received, _held.held_id) > tuple_(bindparam("after_received"), bindparam("after_id")))
)
_ONE = Statement(select(tables.held_report).where(_held.held_id == bindparam("of_id")))
_ALL_AFTER = Statement(
    select(tables.held_report)
    .where(_held.held_id > bindparam("after_id"))
    .order_by(_held.held_id)
    .limit(bindparam("limit"))
)
_PUT = upsert(tables.held_report)
_REMOVE = Statement(delete(tables.held_report).where(_held.held_id == bindparam("of_id")))


def held(tx: Transaction, after: tuple[Instant, bytes] | None, limit: int) -> list[HeldReport]:
    """See Reader. Oldest first; `after` is (received, held_id) of the last one seen."""
    if after is None:
        rows = tx.rows(_FIRST, limit=limit)
    else:
        rows = tx.rows(_AFTER, after_received=after[0], after_id=after[1], limit=limit)
    return [_opened(tx, row) for row in rows]


def held_count(tx: Transaction) -> int:
    """See Reader."""
    row = tx.row(_COUNT)
    return row[0] if row else 0


def held_report(tx: Transaction, held_id: bytes) -> HeldReport | None:
    """See Reader. Also one that was placed."""
    row = tx.row(_ONE, of_id=held_id)
    return _opened(tx, row) if row else None


def put_held(tx: Transaction, held: HeldReport) -> None:
    """See Writer. Opens a record for its key, so that it is part of a person once it is placed."""
    tokens = tuple(_with_origin(token) for token in held.tokens)
    body = (held.patient_key, held.institution, held.reason, pack_demographics(held.demographics), tokens)
    tx.run(
        _PUT,
        held_id=held.held_id,
        received=held.received,
        placed=held.placed,
        body=tx.sealer.seal(pack(body), _HELD + held.held_id),
    )
    open_patient(tx, held.patient_key, held.demographics, held.received, ())


def remove_held(tx: Transaction, held_id: bytes) -> None:
    """See Writer."""
    tx.run(_REMOVE, of_id=held_id)


def _opened(tx: Transaction, row: Row) -> HeldReport:
    held_id, received, placed, sealed = row
    key, institution, reason, demographics, tokens = unpack(tx.sealer.open(sealed, _HELD + held_id))
    made = tuple(_of_now(tx, token) for token in tokens)
    return HeldReport(
        held_id, key, institution, received, reason, unpack_demographics(demographics), made, bool(placed)
    )


def _with_origin(token: bytes) -> Any:
    return (bytes(token), token.identifier, token.key) if isinstance(token, PatientToken) else token


def _of_now(tx: Transaction, kept: Any) -> bytes:
    """A token under the token key of now. One of before identifiers were kept stays what it was."""
    if isinstance(kept, bytes):
        return kept
    token, identifier, key = kept
    return PatientToken.of(token, identifier, key) if tx.tokens is None else tx.tokens.remade(identifier)


def retoken_held(tx: Transaction, key: int, after: tuple[Any, ...] | None, limit: int) -> Swept:
    """See Writer. `broken` counts reports with a token that cannot be made again."""
    rows = tx.rows(_ALL_AFTER, after_id=after[0] if after else b"", limit=limit)
    changed = broken = 0
    for row in rows:
        try:
            tokens = unpack(tx.sealer.open(row[3], _HELD + row[0]))[4]
        except SealBroken:
            broken += 1
            continue
        broken += any(isinstance(token, bytes) for token in tokens)
        if any(not isinstance(token, bytes) and token[2] != key for token in tokens):
            put_held(tx, _opened(tx, row))
            changed += 1
    return Swept((rows[-1][0],) if len(rows) == limit else None, changed, broken)
