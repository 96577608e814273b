"""Reading the index of reports whole, as it is stored, so that it can be compared with the ledger."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, or_, select

from hutong_server.domain.person import PatientKey
from hutong_server.store import tables
from hutong_server.store.base import SealBroken, VersionHead
from hutong_server.store.packing import part_keys, sealed_context
from hutong_server.store.report_body import opened
from hutong_server.store.reports import versions
from hutong_server.store.statements import Statement
from hutong_server.store.transaction import Transaction

_CHUNK = 500

_identity, _report, _version = tables.identity.c, tables.report.c, tables.report_version.c
_held = tables.held_report.c
_NAMES = Statement(
    select(
        _identity.report_id,
        _identity.patient_key,
        _identity.former_keys,
        _identity.current_version,
        _identity.held,
        _identity.disputed,
        _report.institution,
        _report.version,
        _report.held,
        _report.body,
        _held.placed,
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


class IndexView:
    """The index over a transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def reports(self) -> Iterator[IndexedReport]:
        """Every report, by id."""
        after = b""
        while True:
            rows = self._tx.rows(_NAMES, after=after, limit=_CHUNK)
            yield from (self._report(*row) for row in rows)
            if len(rows) < _CHUNK:
                return
            after = rows[-1][0]

    def strays(self) -> list[tuple[str, int]]:
        """What belongs to no report, or to two: (what, how many)."""
        counts = (
            ("rows of reports under a patient whose they are not", self._tx.row(_STRAY_ROWS)),
            ("versions of reports that are not there", self._tx.row(_STRAY_VERSIONS)),
            ("reports that have two identities", self._tx.row(_TWICE)),
        )
        return [(what, row[0]) for what, row in counts if row is not None and row[0]]

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
    ) -> IndexedReport:
        heads: tuple[VersionHead, ...] | None = None
        row: ShownRow | None = None
        opens = True
        try:
            found = [head for each in (key, *part_keys(former)) for head in versions(self._tx, each, report_id)]
            heads = tuple(sorted(found, key=lambda head: head.version))
        except (SealBroken, ValueError):
            pass
        if body is not None and version is not None and institution is not None:
            try:
                context = sealed_context(body, b"report", key, report_id, version, institution)
                shown = opened(key, report_id, institution, version, self._tx.sealer.open(body, context))
                row = ShownRow(version, bool(row_held), shown.status, shown.withdrawn, shown.disputed)
            except (SealBroken, ValueError):
                opens = False
        waiting = None if placed is None else not placed
        return IndexedReport(report_id, current, bool(held), bool(disputed), waiting, heads, row, opens)
