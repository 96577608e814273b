"""Reading the index whole, as it is stored, so that it can be compared with the ledger: reports, persons, consent.

SQLite keeps whatever it is given in any column: what stands where bytes belong is taken as bytes, so that no text or
number put there by hand ends the reading.
"""

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, or_, select

from hutong_server.domain.consent import Directive, Opening
from hutong_server.domain.person import PatientKey
from hutong_server.store import compact, index_apart, tables
from hutong_server.store.base import SealBroken, VersionHead
from hutong_server.store.certificate_tables import certificate
from hutong_server.store.consent import REVIEWED, entry_of
from hutong_server.store.consent_tables import consent_entry
from hutong_server.store.packing import part_keys, sealed_context
from hutong_server.store.report_body import opened
from hutong_server.store.reports import versions
from hutong_server.store.statements import Statement, as_bytes, as_number
from hutong_server.store.steps import formed
from hutong_server.store.transaction import Row, Transaction

_CHUNK = 500

_identity, _report, _version = tables.identity.c, tables.report.c, tables.report_version.c
_held, _patient, _token = tables.held_report.c, tables.patient.c, tables.patient_token.c
_NAMES = Statement(
    select(
        as_bytes(_identity.report_id),
        as_bytes(_identity.patient_key),
        as_bytes(_identity.former_keys),
        as_number(_identity.current_version),
        _identity.held,
        _identity.disputed,
        _report.institution,
        _report.version,
        _report.held,
        as_bytes(_report.body),
        _held.placed,
        select(_patient.key).where(_patient.key == _identity.patient_key).exists(),
        select(_token.token).where(_token.patient_key == _identity.patient_key).exists(),
        _identity.withheld,
    )
    .select_from(
        tables.identity.outerjoin(
            tables.report,
            and_(_report.report_id == _identity.report_id, _report.patient_key == _identity.patient_key),
        ).outerjoin(tables.held_report, _held.held_id == _identity.report_id)
    )
    .where(_identity.report_id > bindparam("after"))
    .order_by(_identity.report_id)
    .limit(bindparam("limit"))
)


def _counted(chosen: Select[Any]) -> Statement:
    return Statement(select(func.count()).select_from(chosen.subquery()))


_STRAY_ROWS = _counted(
    select(_report.report_id)
    .select_from(tables.report.outerjoin(tables.identity, _identity.report_id == _report.report_id))
    .where(or_(_identity.key.is_(None), _identity.patient_key != _report.patient_key))
)
_STRAY_VERSIONS = _counted(
    select(_version.report_id)
    .select_from(tables.report_version.outerjoin(tables.identity, _identity.report_id == _version.report_id))
    .where(_identity.key.is_(None))
)
_TWICE = _counted(select(_identity.report_id).group_by(_identity.report_id).having(func.count() > 1))


_PERSONS = Statement(select(as_bytes(_patient.key), as_bytes(_patient.person)).where(_patient.person != _patient.key))
_certificate = certificate.c
_REVOKED = Statement(select(_certificate.serial).where(_certificate.revoked_at.is_not(None)))
_entry = consent_entry.c
_CONSENT = Statement(
    select(
        as_bytes(_entry.patient_key),
        as_bytes(_entry.entry_id),
        _entry.kind,
        as_number(_entry.at),
        as_bytes(_entry.body),
    ).order_by(_entry.patient_key, _entry.entry_id)
)
UNREADABLE: tuple[type[Exception], ...] = (
    SealBroken,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    IndexError,
    zlib.error,
    *compact.UNREADABLE,
)
"""What opening raises for what was put there by hand."""


class ShownRow(NamedTuple):
    """The row that charts are answered from."""

    version: int
    held: bool
    status: str
    withdrawn: bool
    disputed: bool


class IndexedReport(NamedTuple):
    """A report as the index has it."""

    report_id: bytes
    current: int
    held: bool
    disputed: bool
    waiting: bool | None
    """Whether it is among those that wait for an administrator; None: it never was, or is not any more."""
    versions: tuple[VersionHead, ...] | None
    """In the order in which they came; None when one does not open."""
    row: ShownRow | None
    """None when there is none."""
    opens: bool
    """Whether the row opens."""
    known: bool
    """Whether its patient is there."""
    found: bool
    """Whether an identifier leads there."""
    withheld: bool
    """Whether an administrator hides it."""


class Consented(NamedTuple):
    """An entry of what patients decided."""

    entry_id: bytes
    entry: Directive | Opening | None
    """None when it does not open at its place, or is said to be of another kind than it is."""


class IndexView:
    """The index over a transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def reports(self) -> Iterator[IndexedReport]:
        """Every report, by id."""
        after = b""
        while True:
            apart = self._tx.distributed
            rows = (
                index_apart.names(self._tx, after, _CHUNK)
                if apart
                else self._tx.rows(_NAMES, after=after, limit=_CHUNK)
            )
            yield from (self._report(*row) for row in rows)
            if len(rows) < _CHUNK:
                return
            after = rows[-1][0]

    def strays(self) -> list[tuple[str, int]]:
        """What belongs to no report, or to two: (what, how many)."""
        if self._tx.distributed:
            found = index_apart.strays(self._tx)
        else:
            found = {index_apart.ROWS: self._tx.row(_STRAY_ROWS), index_apart.VERSIONS: self._tx.row(_STRAY_VERSIONS)}
        counts = (*found.items(), ("reports that have two identities", self._tx.row(_TWICE)))
        return [(what, row[0]) for what, row in counts if row is not None and row[0]]

    def moved(self) -> list[PatientKey]:
        """Records that stand under another person than the steps of administrators say."""
        expected = formed(self._tx)
        apart: dict[PatientKey, PatientKey] = dict(self._tx.rows(_PERSONS))
        return [key for key in sorted({*expected, *apart}) if apart.get(key, key) != expected.get(key, key)]

    def revoked(self) -> set[str]:
        """Serial numbers of the certificates that are revoked."""
        return {row[0] for row in self._tx.rows(_REVOKED)}

    def consent(self) -> Iterator[Consented]:
        """Every directive and every emergency."""
        for row in self._tx.rows(_CONSENT):
            yield Consented(row[1], self._entry(row))

    def _entry(self, row: Row) -> Directive | Opening | None:
        try:
            entry = entry_of(self._tx, row)
        except UNREADABLE:
            return None
        if isinstance(entry, Opening) and (entry.closed_at is not None) != (row[2] == REVIEWED):
            return None
        return entry

    def _report(
        self,
        report_id: bytes,
        key: PatientKey,
        former: bytes,
        current: int,
        held: bool,
        disputed: bool,
        institution: str | None,
        version: int | None,
        row_held: bool | None,
        body: bytes | None,
        placed: bool | None,
        known: bool,
        token: bool,
        withheld: bool | None,
    ) -> IndexedReport:
        heads: tuple[VersionHead, ...] | None = None
        row: ShownRow | None = None
        opens = True
        try:
            found = [head for each in (key, *part_keys(former)) for head in versions(self._tx, each, report_id)]
            heads = tuple(sorted(found, key=lambda head: head.version))
        except UNREADABLE:
            pass
        if body is not None and version is not None and institution is not None:
            try:
                context = sealed_context(body, b"report", key, report_id, version, institution)
                shown = opened(key, report_id, institution, version, self._tx.sealer.open(body, context))
                row = ShownRow(version, bool(row_held), shown.status, shown.withdrawn, shown.disputed)
            except UNREADABLE:
                opens = False
        waiting = None if placed is None else not placed
        return IndexedReport(
            report_id,
            current,
            bool(held),
            bool(disputed),
            waiting,
            heads,
            row,
            opens,
            bool(known),
            bool(token),
            bool(withheld),
        )
