"""The names under which reports are known again: looked for under every digest key that counts, and made anew."""

from dataclasses import replace
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, literal_column, not_, select

from hutong_server.store import tables
from hutong_server.store.base import Identity, ReportName, StoreUnavailable, Swept
from hutong_server.store.keys import key_state, names_of
from hutong_server.store.reports import identity as stored
from hutong_server.store.reports import put_identity
from hutong_server.store.statements import Statement
from hutong_server.store.transaction import Transaction

_name = tables.identity.c.key
# Literals: PostgreSQL takes no two parameters for the same expression in SELECT and GROUP BY.
_length = func.length(_name)
_beginning = func.substr(_name, literal_column("1"), literal_column("2"))
_NUMBERED = 34
_PLAIN = 32
_UNDER = and_(_length == bindparam("of_length"), _beginning == bindparam("prefix", type_=_name.type))
_OTHERS = select(_name).where(not_(_UNDER)).order_by(_name).limit(bindparam("limit"))
_FIRST = Statement(_OTHERS)
_AFTER = Statement(_OTHERS.where(_name > bindparam("after")))
_REMOVE = Statement(delete(tables.identity).where(_name == bindparam("of_key")))
_PLAIN_ONES = Statement(select(func.count()).where(_length == bindparam("of_length")))
_USES = Statement(select(_beginning, func.count()).where(_length == bindparam("of_length")).group_by(_beginning))


def identity(tx: Transaction, key: bytes) -> Identity | None:
    """See Reader. Raises StoreUnavailable for a name made by somebody who has not looked at the keys for long."""
    if not isinstance(key, ReportName):
        return stored(tx, key)
    state = key_state(tx, key.key)
    if state in ("closed", "chained") or (state == "former" and not key.also):
        raise StoreUnavailable("the digest key was exchanged")
    return next(filter(None, (stored(tx, each) for each in names_of(key))), None)


def name_uses(tx: Transaction, first: int) -> dict[int, int]:
    """See Reader."""
    found = {int.from_bytes(bytes(prefix), "big"): count for prefix, count in tx.rows(_USES, of_length=_NUMBERED)}
    plain = tx.rows(_PLAIN_ONES, of_length=_PLAIN)[0][0]
    return {**({first: plain} if plain else {}), **found}


def rename(tx: Transaction, key: int, after: tuple[Any, ...] | None, limit: int) -> Swept:
    """See Writer."""
    if tx.tokens is None:
        raise StoreUnavailable("a store without tokens cannot make any")
    wanted = {"of_length": _NUMBERED, "prefix": key.to_bytes(2, "big"), "limit": limit}
    rows = tx.rows(_FIRST, **wanted) if after is None else tx.rows(_AFTER, **wanted, after=after[0])
    changed = broken = 0
    for (old,) in rows:
        new = tx.tokens.renamed(old)
        tx.lock((old, new))
        known = stored(tx, old)
        if known is None or new == old:
            continue
        if stored(tx, new) is not None:
            broken += 1
            continue
        put_identity(tx, replace(known, key=new))
        tx.run(_REMOVE, of_key=old)
        changed += 1
    return Swept((rows[-1][0],) if len(rows) == limit else None, changed, broken)
