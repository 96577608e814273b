"""What patients decided, and the emergencies in which somebody looked all the same.

An entry's kind stands in clear, so that open reviews are found; what it says is sealed under patient key and id.
"""

import secrets
from collections.abc import Sequence

from sqlalchemy import bindparam, func, or_, select, tuple_

from hutong_server.domain.consent import Directive, Effect, Opening, Scope
from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant
from hutong_server.store.base import SealBroken
from hutong_server.store.consent_tables import consent_entry
from hutong_server.store.packing import pack, unpack
from hutong_server.store.statements import Statement, StatementOver, upsert
from hutong_server.store.transaction import Row, Transaction

DIRECTIVE, OPENING, REVIEWED = "directive", "opening", "opening_reviewed"

_entry = consent_entry.c
_COLUMNS = select(_entry.patient_key, _entry.entry_id, _entry.kind, _entry.at, _entry.body)
_OF_KEYS = StatementOver(lambda keys: _COLUMNS.where(_entry.patient_key.in_(keys)))
_ONE = Statement(_COLUMNS.where(_entry.patient_key == bindparam("of_key"), _entry.entry_id == bindparam("of_id")))
_PUT = upsert(consent_entry)
_WAITING = _COLUMNS.where(_entry.kind == OPENING)
_ALL = _COLUMNS.where(or_(_entry.kind == OPENING, _entry.kind == REVIEWED))
_AFTER = tuple_(_entry.at, _entry.entry_id) > tuple_(bindparam("after_at"), bindparam("after_id"))
_LISTS = {
    closed: Statement(of.where(_AFTER).order_by(_entry.at, _entry.entry_id).limit(bindparam("limit")))
    for closed, of in ((False, _WAITING), (True, _ALL))
}
_COUNT = Statement(select(func.count()).select_from(consent_entry).where(_entry.kind == OPENING))
_BEGINNING = (-(1 << 62), b"")


def context(kind: str, key: PatientKey, entry_id: bytes) -> bytes:
    """Context under which an entry's body is sealed; the same before and after a review."""
    return (b"directive" if kind == DIRECTIVE else b"opening") + key + entry_id


def consent(tx: Transaction, keys: Sequence[PatientKey]) -> tuple[list[Directive], list[Opening]]:
    """See Reader."""
    directives: list[Directive] = []
    openings: list[Opening] = []
    for row in tx.rows_over(_OF_KEYS, keys):
        if row[2] == DIRECTIVE:
            directives.append(_directive(tx, row))
        else:
            openings.append(_opening(tx, row))
    return directives, openings


def nobodys(tx: Transaction) -> None:
    """See Reader.look_at_nobodys_consent."""
    try:
        key, entry_id, kind, _, sealed = tx.decoys.row(DIRECTIVE, lambda: _made(tx))
        tx.sealer.open(sealed, context(kind, key, entry_id))
    except SealBroken:
        tx.decoys.forget()


def _made(tx: Transaction) -> Row:
    key, entry_id = secrets.token_bytes(16), secrets.token_bytes(16)
    body = (Effect.WITHHOLD.value, Scope.EVERYTHING.value, "", 0, None, "", "", None)
    return key, entry_id, DIRECTIVE, 0, tx.sealer.seal(pack(body), context(DIRECTIVE, key, entry_id))


def entry_of(tx: Transaction, row: Row) -> Directive | Opening:
    """What a row (patient key, id, kind, time, sealed body) says. Raises SealBroken."""
    return _directive(tx, row) if row[2] == DIRECTIVE else _opening(tx, row)


def opening(tx: Transaction, key: PatientKey, opening_id: bytes) -> Opening | None:
    """See Reader."""
    row = tx.row(_ONE, of_key=key, of_id=opening_id)
    return _opening(tx, row) if row is not None and row[2] != DIRECTIVE else None


def openings(
    tx: Transaction, after: tuple[Instant, bytes] | None, limit: int, *, closed: bool = False
) -> list[Opening]:
    """See Reader."""
    at, entry_id = after or _BEGINNING
    return [_opening(tx, row) for row in tx.rows(_LISTS[closed], after_at=at, after_id=entry_id, limit=limit)]


def openings_waiting(tx: Transaction) -> int:
    """See Reader."""
    return int(tx.rows(_COUNT)[0][0])


def put_directive(tx: Transaction, directive: Directive) -> None:
    """See Writer."""
    body = (
        directive.effect.value,
        directive.scope.value,
        directive.target,
        directive.valid_from,
        directive.valid_until,
        directive.recorded_by,
        directive.revoked_by,
        directive.revoked_at,
    )
    _put(tx, directive.patient_key, directive.directive_id, DIRECTIVE, directive.recorded_at, body)


def put_opening(tx: Transaction, opening: Opening) -> None:
    """See Writer."""
    body = (
        opening.institution,
        opening.practitioner,
        opening.encounter,
        opening.reason,
        opening.open_until,
        opening.answers,
        opening.closed_at,
        opening.closed_by,
        opening.finding,
    )
    kind = OPENING if opening.closed_at is None else REVIEWED
    _put(tx, opening.patient_key, opening.opening_id, kind, opening.opened_at, body)


def _put(tx: Transaction, key: PatientKey, entry_id: bytes, kind: str, at: Instant, body: tuple[object, ...]) -> None:
    sealed = tx.sealer.seal(pack(body), context(kind, key, entry_id))
    tx.run(_PUT, patient_key=key, entry_id=entry_id, kind=kind, at=at, body=sealed)
    tx.touch(key)


def _directive(tx: Transaction, row: Row) -> Directive:
    key, entry_id, kind, at, sealed = row
    effect, scope, target, valid_from, valid_until, recorded_by, revoked_by, revoked_at = unpack(
        tx.sealer.open(sealed, context(kind, key, entry_id))
    )
    return Directive(
        entry_id,
        key,
        Effect(effect),
        Scope(scope),
        target,
        valid_from,
        valid_until,
        recorded_by,
        at,
        revoked_by,
        revoked_at,
    )


def _opening(tx: Transaction, row: Row) -> Opening:
    key, entry_id, kind, at, sealed = row
    institution, practitioner, encounter, reason, *rest = unpack(tx.sealer.open(sealed, context(kind, key, entry_id)))
    return Opening(entry_id, key, institution, practitioner, encounter, reason, at, *rest)
