"""Reports that wait for an administrator to say whose they are."""

from sqlalchemy import bindparam, delete, select, tuple_

from hutong_server.domain.report import Instant
from hutong_server.store import tables
from hutong_server.store.base import HeldReport
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
_FIRST = Statement(_WAITING)
_AFTER = Statement(
    _WAITING.where(tuple_(_held.received, _held.held_id) > tuple_(bindparam("after_received"), bindparam("after_id")))
)
_ONE = Statement(select(tables.held_report).where(_held.held_id == bindparam("of_id")))
_PUT = upsert(tables.held_report)
_REMOVE = Statement(delete(tables.held_report).where(_held.held_id == bindparam("of_id")))


def held(tx: Transaction, after: tuple[Instant, bytes] | None, limit: int) -> list[HeldReport]:
    """See Reader. Oldest first; `after` is (received, held_id) of the last one seen."""
    if after is None:
        rows = tx.rows(_FIRST, limit=limit)
    else:
        rows = tx.rows(_AFTER, after_received=after[0], after_id=after[1], limit=limit)
    return [_opened(tx, row) for row in rows]


def held_report(tx: Transaction, held_id: bytes) -> HeldReport | None:
    """See Reader. Also one that was placed."""
    row = tx.row(_ONE, of_id=held_id)
    return _opened(tx, row) if row else None


def put_held(tx: Transaction, held: HeldReport) -> None:
    """See Writer. Opens a record for its key, so that it is part of a person once it is placed."""
    body = (held.patient_key, held.institution, held.reason, pack_demographics(held.demographics), held.tokens)
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
    return HeldReport(
        held_id, key, institution, received, reason, unpack_demographics(demographics), tokens, bool(placed)
    )
