"""The steps that join and part records. A person is what the steps that stand form of the records."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, delete, select

from hutong_server.domain.person import PatientKey
from hutong_server.store import tables
from hutong_server.store.base import PatientStep
from hutong_server.store.packing import pack, unpack
from hutong_server.store.patients import members, move
from hutong_server.store.routed import step_rows
from hutong_server.store.statements import Statement, StatementOver, insert_new, upsert
from hutong_server.store.transaction import Transaction

LOCK = b"patient steps"
"""Serialises the steps: two at once could each form a person without the other's."""

_JOINING = ("linked", "placed")
_STEP = b"step"

_step, _concerns = tables.patient_step.c, tables.patient_step_record.c
_STEPS = StatementOver(
    lambda keys: select(_step.step_id, _step.body).where(
        _step.step_id.in_(select(_concerns.step_id).where(_concerns.patient_key.in_(keys)))
    )
)
_ONE = Statement(select(_step.step_id, _step.body).where(_step.step_id == bindparam("of_id")))
_ALL = Statement(select(_step.step_id, _step.body))
_PUT = upsert(tables.patient_step)
_CONCERN = insert_new(tables.patient_step_record)
_FORGET_CONCERNED = Statement(delete(tables.patient_step_record).where(_concerns.step_id == bindparam("of_id")))


def steps(tx: Transaction, keys: Sequence[PatientKey]) -> list[PatientStep]:
    """See Reader."""
    rows = step_rows(tx, keys) if tx.distributed else tx.rows_over(_STEPS, keys)
    found = {row[0]: _opened(tx, *row) for row in rows}
    return sorted(found.values(), key=lambda step: (step.at, step.step_id), reverse=True)


def step(tx: Transaction, step_id: bytes) -> PatientStep | None:
    """See Reader."""
    row = tx.row(_ONE, of_id=step_id)
    return _opened(tx, *row) if row else None


def formed(tx: Transaction) -> dict[PatientKey, PatientKey]:
    """Which person each record belongs to that any step ever joined, worked out anew from all steps."""
    every = [_opened(tx, *row) for row in tx.rows(_ALL)]
    groups = _groups({key for step in every for key in step.records}, _standing(every))
    return {key: min(group) for group in groups for key in group}


def put_step(tx: Transaction, step: PatientStep) -> None:
    """See Writer."""
    tx.lock((LOCK,))
    former = tx.row(_ONE, of_id=step.step_id)
    concerned = set(step.records)
    if former is not None:
        concerned |= set(_opened(tx, *former).records)
        tx.run(_FORGET_CONCERNED, of_id=step.step_id)
    tx.run(_PUT, step_id=step.step_id, body=_sealed(tx, step))
    for key in dict.fromkeys(step.records):
        tx.run(_CONCERN, patient_key=key, step_id=step.step_id)
    _form(tx, concerned)


def _form(tx: Transaction, concerned: Iterable[PatientKey]) -> None:
    """Forms anew the persons to which these records belong, or will."""
    tx.touch(*concerned)
    persons: dict[PatientKey, PatientKey] = {}
    joined: list[tuple[PatientKey, ...]] = []
    reach = set(concerned)
    while reach - set(persons):
        found = members(tx, sorted(reach - set(persons)))
        if not found:
            break
        persons |= found
        joined = _standing(steps(tx, sorted(persons)))
        reach = {key for records in joined for key in records}
    tx.touch(*persons)
    for group in _groups(persons, joined):
        person = min(group)
        for key in group:
            if persons[key] != person:
                move(tx, key, person)


def _standing(known: Sequence[PatientStep]) -> list[tuple[PatientKey, ...]]:
    """The records that each joining step holds together, as far as nothing has taken it back."""
    stand = [step for step in known if step.undone_at is None]
    taken_back = {each for step in stand if step.action == "unlinked" for each in step.undid}
    return [step.records for step in stand if step.action in _JOINING and step.step_id not in taken_back]


def _groups(keys: Iterable[PatientKey], joined: Iterable[tuple[PatientKey, ...]]) -> list[set[PatientKey]]:
    """The connected groups of records."""
    neighbors: dict[PatientKey, set[PatientKey]] = defaultdict(set)
    for records in joined:
        for key in records:
            neighbors[key] |= set(records)
    groups: list[set[PatientKey]] = []
    waiting = set(keys)
    while waiting:
        group: set[PatientKey] = set()
        reached = {waiting.pop()}
        while reached:
            key = reached.pop()
            group.add(key)
            reached |= (neighbors[key] & waiting) - group
        waiting -= group
        groups.append(group)
    return groups


def _sealed(tx: Transaction, step: PatientStep) -> bytes:
    body = (
        step.action,
        step.records,
        step.reason,
        step.by,
        step.at,
        step.undone_at,
        step.undone_by,
        step.held_id,
        step.undid,
    )
    return tx.sealer.seal(pack(body), _STEP + step.step_id)


def _opened(tx: Transaction, step_id: bytes, sealed: bytes) -> PatientStep:
    return PatientStep(step_id, *unpack(tx.sealer.open(sealed, _STEP + step_id)))
