"""Questions that one statement answers on one machine and that are several in the distributed form: each of them looks
where the next one stands, so that none is asked of every machine.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, delete, select

from hutong_server.domain.person import PatientKey
from hutong_server.store import tables
from hutong_server.store.distribution_tables import person_member, report_name
from hutong_server.store.statements import Statement, StatementOver, insert_new, upsert
from hutong_server.store.transaction import Row, Transaction

_patient, _token, _member = tables.patient.c, tables.patient_token.c, person_member.c
_step, _concerns = tables.patient_step.c, tables.patient_step_record.c

_KEYS_UNDER = StatementOver(lambda tokens: select(_token.patient_key).where(_token.token.in_(tokens)))
_PERSONS = StatementOver(lambda keys: select(_patient.key, _patient.person).where(_patient.key.in_(keys)))
_MEMBERS = StatementOver(lambda persons: select(_member.key, _member.person).where(_member.person.in_(persons)))
_RECORDS = StatementOver(
    lambda keys: select(_patient.person, _patient.opened, _patient.key, _patient.demographics).where(
        _patient.key.in_(keys)
    )
)
_JOIN = insert_new(person_member)
_LEAVE = Statement(
    delete(person_member).where(_member.person == bindparam("former"), _member.key == bindparam("of_key"))
)
_STEP_IDS = StatementOver(lambda keys: select(_concerns.step_id).where(_concerns.patient_key.in_(keys)))
_STEPS = StatementOver(lambda ids: select(_step.step_id, _step.body).where(_step.step_id.in_(ids)))
_NAME = Statement(select(report_name.c.key).where(report_name.c.report_id == bindparam("of_id")))
_PUT_NAME = upsert(report_name)
_NAMES = StatementOver(lambda ids: select(report_name.c.key).where(report_name.c.report_id.in_(ids)))
_WHOSE = StatementOver(
    lambda keys: select(tables.identity.c.report_id, tables.identity.c.patient_key).where(
        tables.identity.c.key.in_(keys)
    )
)


def person_rows(tx: Transaction, tokens: Sequence[bytes]) -> list[Row]:
    """(person, key, demographics) of every record of the persons to which tokens lead, in their order."""
    return _rows_of(tx, [key for (key,) in tx.rows_over(_KEYS_UNDER, tokens)])


def person_rows_of(tx: Transaction, key: PatientKey) -> list[Row]:
    """The same of the person to which a record belongs."""
    return _rows_of(tx, [key])


def _rows_of(tx: Transaction, keys: Sequence[PatientKey]) -> list[Row]:
    rows = sorted(tx.rows_over(_RECORDS, sorted(members(tx, keys))), key=lambda row: tuple(row[:3]))
    return [(person, key, demographics) for person, _, key, demographics in rows]


def members(tx: Transaction, keys: Iterable[PatientKey]) -> dict[PatientKey, PatientKey]:
    """Record → person, of every record of the persons to which these records belong."""
    persons = sorted({person for _, person in tx.rows_over(_PERSONS, sorted(set(keys)))})
    return dict(tx.rows_over(_MEMBERS, persons))


def join(tx: Transaction, key: PatientKey, person: PatientKey) -> None:
    """Notes that a record belongs to a person from now on, and to no other."""
    for _, former in tx.rows_over(_PERSONS, [key]):
        if former != person:
            tx.run(_LEAVE, former=former, of_key=key)
    tx.run(_JOIN, person=person, key=key)


def step_rows(tx: Transaction, keys: Sequence[PatientKey]) -> list[Row]:
    """(id, sealed body) of the steps that concern any of the records."""
    return tx.rows_over(_STEPS, sorted({step_id for (step_id,) in tx.rows_over(_STEP_IDS, keys)}))


def put_name(tx: Transaction, report_id: bytes, key: bytes) -> None:
    """Notes under which key a report's identity stands."""
    tx.run(_PUT_NAME, report_id=report_id, key=key)


def name_of(tx: Transaction, report_id: bytes) -> bytes | None:
    """That key."""
    row = tx.row(_NAME, of_id=report_id)
    return row[0] if row else None


def patients_of(tx: Transaction, report_ids: Sequence[bytes]) -> dict[bytes, PatientKey]:
    """Report → patient, by the identities that are there."""
    return dict(tx.rows_over(_WHOSE, [key for (key,) in tx.rows_over(_NAMES, report_ids)]))
