"""The patient index: records, the tokens that lead to them, and the persons that are answered together."""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, update

from hutong_server.domain.person import Demographics, PatientKey, Person
from hutong_server.domain.report import Instant
from hutong_server.store import routed, tables
from hutong_server.store.base import PatientRecordRow, SealBroken
from hutong_server.store.keys import names_of, put_tokens
from hutong_server.store.keys import remove_tokens as forget_tokens
from hutong_server.store.packing import pack, pack_demographics, unpack, unpack_demographics
from hutong_server.store.statements import Statement, StatementOver, insert_new
from hutong_server.store.transaction import Row, Transaction

_PATIENT = b"patient"

_patient, _token, _report = tables.patient.c, tables.patient_token.c, tables.report.c
_MEMBERS = select(_patient.person, _patient.key, _patient.demographics).order_by(
    _patient.person, _patient.opened, _patient.key
)


def _persons_under(tokens: Sequence[Any]) -> Any:
    led_to = tables.patient.alias("led_to")
    found = select(led_to.c.person).join(tables.patient_token, _token.patient_key == led_to.c.key)
    return _MEMBERS.where(_patient.person.in_(found.where(_token.token.in_(tokens))))


def _person_of(key: Any) -> Any:
    own = tables.patient.alias("own")
    return _MEMBERS.where(_patient.person == select(own.c.person).where(own.c.key == key).scalar_subquery())


_PERSONS = StatementOver(_persons_under)
_PERSON_OF = Statement(_person_of(bindparam("of_key")))
_RECORDS = StatementOver(
    lambda keys: select(_patient.key, _patient.person, _patient.opened, _patient.demographics).where(
        _patient.key.in_(keys)
    )
)
_SHOWN = StatementOver(
    lambda keys: (
        select(_report.patient_key, _report.institution, func.count())
        .where(_report.patient_key.in_(keys), _report.held.is_(False))
        .group_by(_report.patient_key, _report.institution)
    )
)
_MEMBER_KEYS = StatementOver(lambda persons: select(_patient.key, _patient.person).where(_patient.person.in_(persons)))
_PERSON_KEYS = StatementOver(lambda keys: select(_patient.key, _patient.person).where(_patient.key.in_(keys)))
_OPEN = insert_new(tables.patient)
_MOVE = Statement(update(tables.patient).where(_patient.key == bindparam("of_key")).values(person=bindparam("into")))


def persons(tx: Transaction, tokens: Sequence[bytes]) -> list[Person]:
    """See Reader."""
    found = _persons(tx, _rows_under(tx, sorted({name for token in tokens for name in names_of(token)})))
    if not found:
        _look_at_nobody(tx)
    return found


def _look_at_nobody(tx: Transaction) -> None:
    """What would be done for a person of one record."""
    if tx.database == "postgresql":
        # A plan that finds its first row goes on to two more look-ups, a sort and a row: about as long as the shortest
        # round trip (0.1 ms, measured).
        tx.command("SELECT 1")
    try:
        _persons(tx, [tx.decoys.row("patient", lambda: _nobody(tx))])
    except SealBroken:
        tx.decoys.forget()


def _nobody(tx: Transaction) -> Row:
    key = secrets.token_bytes(16)
    said = Demographics(("无此人",), "1900-01-01", "female")
    return key, key, tx.sealer.seal(pack(pack_demographics(said)), _PATIENT + key)


def person_of(tx: Transaction, key: PatientKey) -> Person | None:
    """See Reader."""
    found = _persons(tx, routed.person_rows_of(tx, key) if tx.distributed else tx.rows(_PERSON_OF, of_key=key))
    return found[0] if found else None


def _rows_under(tx: Transaction, tokens: Sequence[bytes]) -> list[Row]:
    return routed.person_rows(tx, tokens) if tx.distributed else tx.rows_over(_PERSONS, tokens)


def _persons(tx: Transaction, rows: Sequence[Row]) -> list[Person]:
    records: dict[PatientKey, dict[PatientKey, Demographics]] = defaultdict(dict)
    for person, key, demographics in rows:
        records[person][key] = _opened(tx, key, demographics)
    return [Person(person, tuple(records[person].items())) for person in sorted(records)]


def _opened(tx: Transaction, key: PatientKey, sealed: bytes) -> Demographics:
    return unpack_demographics(unpack(tx.sealer.open(sealed, _PATIENT + key)))


def patient_records(tx: Transaction, keys: Sequence[PatientKey]) -> list[PatientRecordRow]:
    """See Reader. In the order of opening; reports that are held are not counted."""
    shown: dict[PatientKey, dict[str, int]] = defaultdict(dict)
    for key, institution, count in tx.rows_over(_SHOWN, keys):
        shown[key][institution] = count
    return [
        PatientRecordRow(
            key=key,
            person=person,
            demographics=_opened(tx, key, demographics),
            opened=opened,
            reports=sum(shown[key].values()),
            institutions=tuple(sorted(shown[key])),
        )
        for key, person, opened, demographics in sorted(tx.rows_over(_RECORDS, keys), key=lambda row: (row[2], row[0]))
    ]


def open_patient(
    tx: Transaction, key: PatientKey, demographics: Demographics, at: Instant, tokens: Sequence[bytes]
) -> None:
    """See Writer. A record that is there already stays as it was opened."""
    sealed = tx.sealer.seal(pack(pack_demographics(demographics)), _PATIENT + key)
    if tx.distributed:
        # Before the row: one that is there already stays with its person.
        routed.join(tx, key, (dict(tx.rows_over(_PERSON_KEYS, [key])) or {key: key})[key])
    tx.run(_OPEN, key=key, person=key, opened=at, demographics=sealed)
    add_tokens(tx, key, tokens)


def add_tokens(tx: Transaction, key: PatientKey, tokens: Sequence[bytes]) -> None:
    """See Writer."""
    put_tokens(tx, key, tokens)
    tx.touch(key)


def remove_tokens(tx: Transaction, key: PatientKey, tokens: Sequence[bytes]) -> None:
    """See Writer."""
    forget_tokens(tx, key, tokens)
    tx.touch(key)


def members(tx: Transaction, keys: Sequence[PatientKey]) -> dict[PatientKey, PatientKey]:
    """Record → person, of every record of the persons to which these records belong."""
    if tx.distributed:
        return routed.members(tx, keys)
    persons = {person for _, person in tx.rows_over(_PERSON_KEYS, sorted(keys))}
    return dict(tx.rows_over(_MEMBER_KEYS, sorted(persons)))


def move(tx: Transaction, key: PatientKey, person: PatientKey) -> None:
    """Lets a record be answered with this person."""
    if tx.distributed:
        routed.join(tx, key, person)
    tx.run(_MOVE, of_key=key, into=person)
