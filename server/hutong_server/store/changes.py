"""How often a patient's chart changed: what was remembered of it is good only while the number stands.

A transaction notes which records it changes (Transaction.touch) and raises their numbers when it commits, all at once
and in one order, so that no two transactions wait for each other.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from hutong_server.domain.person import PatientKey
from hutong_server.store.order_tables import patient_change
from hutong_server.store.statements import Statement, StatementOver
from hutong_server.store.transaction import Transaction

_change = patient_change.c
_CHANGES = StatementOver(lambda keys: select(_change.patient_key, _change.changes).where(_change.patient_key.in_(keys)))


def _raising(database: str) -> ClauseElement:
    insert = sqlite.insert if database == "sqlite" else postgresql.insert
    return (
        insert(patient_change)
        .values(patient_key=bindparam("patient_key"), changes=bindparam("first"))
        .on_conflict_do_update(index_elements=["patient_key"], set_={"changes": _change.changes + 1})
    )


_RAISE = Statement(_raising)


def changes(tx: Transaction, keys: Sequence[PatientKey]) -> tuple[int, ...]:
    """See Reader."""
    found: dict[PatientKey, int] = dict(tx.rows_over(_CHANGES, list(dict.fromkeys(keys))))
    return tuple(found.get(key, 0) for key in keys)


def raise_changes(tx: Transaction, keys: Iterable[PatientKey]) -> None:
    """Counts one change more of each record."""
    tx.run_many(_RAISE, [{"patient_key": key, "first": 1} for key in sorted(keys)])
