"""The index in the distributed form, for `audit verify`: what index_view asks by joining is asked page by page here."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table, bindparam, select, tuple_

from hutong_server.store import routed, tables
from hutong_server.store.distribution_tables import person_member, report_name
from hutong_server.store.statements import Statement, StatementOver, as_bytes, as_number
from hutong_server.store.transaction import Row, Transaction

_CHUNK = 500
ROWS = "rows of reports under a patient whose they are not"
VERSIONS = "versions of reports that are not there"
NAMES = "reports that are not found by their id"
MEMBERS = "records that the list of their person does not name, or names wrongly"

_identity, _report, _held = tables.identity.c, tables.report.c, tables.held_report.c
_patient, _token = tables.patient.c, tables.patient_token.c
_NAMES = Statement(
    select(
        as_bytes(_identity.report_id),
        as_bytes(_identity.patient_key),
        as_bytes(_identity.former_keys),
        as_number(_identity.current_version),
        _identity.held,
        _identity.disputed,
        _identity.withheld,
    )
    .where(_identity.report_id > bindparam("after"))
    .order_by(_identity.report_id)
    .limit(bindparam("limit"))
)
_ROW = Statement(
    select(_report.report_id, _report.institution, _report.version, _report.held, as_bytes(_report.body)).where(
        _report.patient_key == bindparam("of_key"), _report.report_id == bindparam("of_id")
    )
)
_PLACED = StatementOver(lambda ids: select(_held.held_id, _held.placed).where(_held.held_id.in_(ids)))
_KNOWN = StatementOver(lambda keys: select(_patient.key).where(_patient.key.in_(keys)))
_IDS = StatementOver(lambda keys: select(_identity.key, _identity.report_id).where(_identity.key.in_(keys)))
_NAMED = StatementOver(lambda ids: select(report_name).where(report_name.c.report_id.in_(ids)))
_PERSON = StatementOver(lambda keys: select(_patient.key, _patient.person).where(_patient.key.in_(keys)))
_LISTED = StatementOver(
    lambda persons: select(person_member.c.key, person_member.c.person).where(person_member.c.person.in_(persons))
)
_FOUND = StatementOver(lambda keys: select(_token.patient_key).where(_token.patient_key.in_(keys)).distinct())


def names(tx: Transaction, after: bytes, limit: int) -> list[Row]:
    """A page of every report, as index_view reads it."""
    page = tx.rows(_NAMES, after=after, limit=limit)
    ids, keys = [row[0] for row in page], sorted({row[1] for row in page})
    shown = {row[0]: row[1:] for row in tx.rows_of_many(_ROW, [{"of_key": row[1], "of_id": row[0]} for row in page])}
    placed: dict[bytes, bool] = dict(tx.rows_everywhere(_PLACED, ids))
    known = {key for (key,) in tx.rows_over(_KNOWN, keys)}
    found = {key for (key,) in tx.rows_everywhere(_FOUND, keys)}
    return [
        (*row[:6], *shown.get(row[0], (None,) * 4), placed.get(row[0]), row[1] in known, row[1] in found, row[6])
        for row in page
    ]


def _pages(tx: Transaction, table: Table) -> Iterator[list[Row]]:
    """(patient key, report id, …) of every row of a table, by its key."""
    keys = list(table.primary_key)
    after = tuple_(*(bindparam(f"after{n}", type_=key.type) for n, key in enumerate(keys)))
    first = select(*keys).order_by(*keys).limit(bindparam("limit"))
    further = Statement(first.where(tuple_(*keys) > after))
    rows = tx.rows(Statement(first), limit=_CHUNK)
    while rows:
        yield rows
        place: dict[str, Any] = {f"after{n}": value for n, value in enumerate(rows[-1])}
        rows = tx.rows(further, limit=_CHUNK, **place) if len(rows) == _CHUNK else []


def strays(tx: Transaction) -> dict[str, Row | None]:
    """What belongs to no report or person, and what the indexes of this form do not lead to."""
    counts = {ROWS: _stray_rows(tx), VERSIONS: _stray_versions(tx), NAMES: _lost_names(tx), MEMBERS: _lost_members(tx)}
    return {what: (count,) for what, count in counts.items()}


def _stray_rows(tx: Transaction) -> int:
    count = 0
    for page in _pages(tx, tables.report):
        whose = routed.patients_of(tx, [report_id for _, report_id in page])
        count += sum(whose.get(report_id) != key for key, report_id in page)
    return count


def _stray_versions(tx: Transaction) -> int:
    count = 0
    for page in _pages(tx, tables.report_version):
        whose = routed.patients_of(tx, [report_id for _, report_id, _ in page])
        count += sum(report_id not in whose for _, report_id, _ in page)
    return count


def _lost_names(tx: Transaction) -> int:
    count = 0
    for page in _pages(tx, tables.identity):
        ids: dict[bytes, bytes] = dict(tx.rows_over(_IDS, [key for (key,) in page]))
        named: dict[bytes, bytes] = dict(tx.rows_over(_NAMED, sorted(set(ids.values()))))
        count += sum(named.get(report_id) != key for key, report_id in ids.items())
    return count


def _lost_members(tx: Transaction) -> int:
    count = 0
    for page in _pages(tx, tables.patient):
        persons: dict[bytes, bytes] = dict(tx.rows_over(_PERSON, [key for (key,) in page]))
        listed = set(tx.rows_over(_LISTED, sorted(set(persons.values()))))
        count += sum((key, person) not in listed for key, person in persons.items())
    for page in _pages(tx, person_member):
        belong: dict[bytes, bytes] = dict(tx.rows_over(_PERSON, [key for _, key in page]))
        count += sum(belong.get(key) != person for person, key in page)
    return count
