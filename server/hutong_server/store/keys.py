"""The keys of the store, wrapped; and the tokens under them, which are made anew when the token key is exchanged."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, delete, func, literal_column, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from hutong_server.store import tables
from hutong_server.store.base import DataKey, PatientToken, SealBroken, StoreUnavailable, Swept
from hutong_server.store.key_tables import data_key, key_wrap
from hutong_server.store.ledger_tables import ledger_log
from hutong_server.store.statements import Statement, upsert
from hutong_server.store.transaction import Transaction

FIRST_TOKEN_KEY = 2
"""What rows without a token key's number are under."""

_TOKEN = b"token"

_key, _wrap, _token = data_key.c, key_wrap.c, tables.patient_token.c
_KEYS = Statement(select(data_key).order_by(_key.number))
_WRAPS = Statement(select(key_wrap).order_by(_wrap.number, _wrap.kek))
_PUT_KEY = upsert(data_key)
_PUT_WRAP = upsert(key_wrap)
_FORGET_WRAPS = Statement(delete(key_wrap).where(_wrap.number == bindparam("of_number")))
_FORGET_KEY = Statement(delete(data_key).where(_key.number == bindparam("of_number")))
_STATE = Statement(select(_key.state).where(_key.number == bindparam("of_number")))
_ANYTHING = [
    Statement(select(table).limit(bindparam("limit")))
    for table in (
        tables.patient,
        tables.report_version,
        tables.prompt,
        tables.held_report,
        tables.access_record,
        ledger_log,
    )
]

_UNDER = func.coalesce(_token.token_key, literal_column(str(FIRST_TOKEN_KEY)))


def _put_token(database: str) -> ClauseElement:
    """Adds a row; one that is there is given the identifier that it lacks, and is else left alone."""
    insert = sqlite.insert if database == "sqlite" else postgresql.insert
    given = insert(tables.patient_token).values(
        {column.name: bindparam(column.name) for column in tables.patient_token.columns}
    )
    return given.on_conflict_do_update(
        index_elements=["token", "patient_key"],
        set_={name: given.excluded[name] for name in ("token_key", "identifier")},
        where=_token.identifier.is_(None) & given.excluded.identifier.is_not(None),
    )


_PUT_TOKEN = Statement(_put_token)
_REMOVE_TOKEN = Statement(
    delete(tables.patient_token).where(_token.token == bindparam("of_token"), _token.patient_key == bindparam("of_key"))
)
_OF_TOKEN = Statement(select(_token.patient_key, _token.identifier).where(_token.token == bindparam("of_token")))
_OTHERS = (
    select(_token.token, _token.patient_key)
    .where(bindparam("current") != _UNDER, _token.identifier.is_not(None))
    .order_by(_token.token, _token.patient_key)
    .limit(bindparam("limit"))
)
_OTHERS_AFTER = Statement(
    _OTHERS.where(tuple_(_token.token, _token.patient_key) > tuple_(bindparam("after_token"), bindparam("after_key")))
)
_OTHERS_FIRST = Statement(_OTHERS)
_USES = Statement(select(_UNDER, func.count(), func.count(_token.identifier)).group_by(_UNDER))


def data_keys(tx: Transaction) -> list[DataKey]:
    """See Reader."""
    wraps: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    for number, kek, wrapped in tx.rows(_WRAPS):
        wraps[number].append((kek, wrapped))
    return [
        DataKey(number, purpose, suite, state, made, changed, tuple(wraps[number]))
        for number, purpose, suite, state, made, changed in tx.rows(_KEYS)
    ]


def put_data_key(tx: Transaction, key: DataKey) -> None:
    """See Writer."""
    tx.run(
        _PUT_KEY,
        number=key.number,
        purpose=key.purpose,
        suite=key.suite,
        state=key.state,
        made=key.made,
        changed=key.changed,
    )
    tx.run(_FORGET_WRAPS, of_number=key.number)
    for kek, wrapped in key.wraps:
        tx.run(_PUT_WRAP, number=key.number, kek=kek, wrapped=wrapped)


def remove_data_key(tx: Transaction, number: int) -> None:
    """See Writer."""
    tx.run(_FORGET_WRAPS, of_number=number)
    tx.run(_FORGET_KEY, of_number=number)


def sealed_anything(tx: Transaction) -> bool:
    """See Reader."""
    return any(tx.row(each, limit=1) is not None for each in _ANYTHING)


def key_state(tx: Transaction, number: int) -> str | None:
    """State of a key; None in a store that has none of this number."""
    row = tx.row(_STATE, of_number=number)
    return row[0] if row else None


def put_tokens(tx: Transaction, patient_key: bytes, tokens: Iterable[bytes]) -> None:
    """Lets tokens lead to a record: under the token key of now, and no longer under a former one.

    Raises StoreUnavailable when the token was made under a key that is closed: who made it has not looked for long.
    """
    for token in tokens:
        identifier: bytes | None = None
        number: int | None = None
        if isinstance(token, PatientToken):
            number = token.key
            if key_state(tx, number) in ("closed", "retired"):
                raise StoreUnavailable("the token key was exchanged")
            identifier = tx.sealer.seal(token.identifier, token_context(token, patient_key))
            for other in token.also:
                tx.run(_REMOVE_TOKEN, of_token=other, of_key=patient_key)
        tx.run(_PUT_TOKEN, token=bytes(token), patient_key=patient_key, token_key=number, identifier=identifier)


def remove_tokens(tx: Transaction, patient_key: bytes, tokens: Iterable[bytes]) -> None:
    """Lets tokens no longer lead to a record, under any key."""
    for token in tokens:
        for each in names_of(token):
            tx.run(_REMOVE_TOKEN, of_token=each, of_key=patient_key)


def names_of(token: bytes) -> tuple[bytes, ...]:
    """A token under every key that counts."""
    return (bytes(token), *token.also) if isinstance(token, PatientToken) else (token,)


def token_context(token: bytes, patient_key: bytes) -> bytes:
    """Where an identifier stands."""
    return _TOKEN + token + patient_key


def token_uses(tx: Transaction) -> dict[int, tuple[int, int]]:
    """See Reader."""
    return {number: (count, count - kept) for number, count, kept in tx.rows(_USES)}


def retoken(tx: Transaction, key: int, after: tuple[Any, ...] | None, limit: int) -> Swept:
    """See Writer. All rows of a token move together: half of them would be half of the persons whom it leads to."""
    if tx.tokens is None:
        raise StoreUnavailable("a store without tokens cannot make any")
    if after is None:
        found = tx.rows(_OTHERS_FIRST, current=key, limit=limit)
    else:
        found = tx.rows(_OTHERS_AFTER, current=key, limit=limit, after_token=after[0], after_key=after[1])
    changed = broken = 0
    for token in dict.fromkeys(row[0] for row in found):
        moved = _move(tx, token)
        changed += moved
        broken += not moved
    return Swept(tuple(found[-1]) if len(found) == limit else None, changed, broken)


def _move(tx: Transaction, token: bytes) -> int:
    assert tx.tokens is not None  # noqa: S101  the caller has looked
    made: PatientToken | None = None
    for patient_key, sealed in tx.rows(_OF_TOKEN, of_token=token):
        if made is None and sealed is not None:
            try:
                made = tx.tokens.remade(tx.sealer.open(sealed, token_context(token, patient_key)))
            except SealBroken:
                continue
    if made is None:
        return 0
    tx.lock((made, token))
    rows = tx.rows(_OF_TOKEN, of_token=token)
    for patient_key, _ in rows:
        put_tokens(tx, patient_key, (made,))
        tx.run(_REMOVE_TOKEN, of_token=token, of_key=patient_key)
    return len(rows)
