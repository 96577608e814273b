"""Reports: who each is, the row that charts are answered from, and every version with its document."""

from collections.abc import Sequence

from sqlalchemy import BindParameter, bindparam, delete, func, select, update

from hutong_server.domain.person import PatientKey
from hutong_server.store import routed, tables
from hutong_server.store.base import Identity, ReportFilter, ReportVersion, SealBroken, StoredReport, VersionHead
from hutong_server.store.packing import (
    join_keys,
    pack,
    pack_document,
    pack_order,
    part_keys,
    sealed_context,
    unpack,
    unpack_document,
    unpack_order,
    version_context,
)
from hutong_server.store.report_body import opened, packed
from hutong_server.store.statements import Statement, insert, upsert
from hutong_server.store.transaction import Row, Transaction

_ROW, _HEAD, _IMAGES, _DOCUMENT = b"report", b"head", b"images", b"document"

_report, _version, _identity = tables.report.c, tables.report_version.c, tables.identity.c
_OF_KEY: BindParameter[bytes] = bindparam("of_key")
_OF_ID: BindParameter[bytes] = bindparam("of_id")
_SHOWN = select(_report.patient_key, _report.report_id, _report.institution, _report.version, _report.body).where(
    _report.held.is_(False), _report.patient_key == _OF_KEY
)
_REPORTS = Statement(_SHOWN)
_REPORT = Statement(_SHOWN.where(_report.report_id == _OF_ID))
_EVERY = select(_report.patient_key, _report.report_id, _report.institution, _report.version, _report.body).where(
    _report.patient_key == _OF_KEY
)
_HIDDEN_REPORTS = Statement(_EVERY)
_HIDDEN_REPORT = Statement(_EVERY.where(_report.report_id == _OF_ID))
_PUT_REPORT = upsert(tables.report)
_ONE_REPORT = (_report.patient_key == _OF_KEY, _report.report_id == _OF_ID)
_SET_HELD = Statement(update(tables.report).where(*_ONE_REPORT).values(held=bindparam("is_held")))
_REMOVE_REPORT = Statement(delete(tables.report).where(*_ONE_REPORT))
_COUNTS = Statement(
    select(_report.held, func.count()).where(_report.institution == bindparam("of_code")).group_by(_report.held)
)
_PUT_VERSION = insert(tables.report_version)
_OF_REPORT = (_version.patient_key == _OF_KEY, _version.report_id == _OF_ID)
_DOCUMENT_OF = Statement(
    select(_version.document, _version.images, _version.head, _version.institution).where(
        *_OF_REPORT, _version.version == bindparam("of_version")
    )
)
_VERSIONS = Statement(
    select(_version.version, _version.head, _version.institution).where(*_OF_REPORT).order_by(_version.version)
)
_IDENTITY = Statement(select(tables.identity).where(_identity.key == _OF_KEY))
_IDENTITY_OF = Statement(select(tables.identity).where(_identity.report_id == _OF_ID))
_PUT_IDENTITY = upsert(tables.identity)


def reports(tx: Transaction, keys: Sequence[PatientKey], only: ReportFilter | None = None) -> list[StoredReport]:
    """See Reader. A report's time, for the filter, is when it was taken, else issued, else received."""
    found = [_opened(tx, row) for key in dict.fromkeys(keys) for row in tx.rows(_REPORTS, of_key=key)]
    return found if only is None else [row for row in found if _passes(row, only)]


def _passes(row: StoredReport, only: ReportFilter) -> bool:
    taken = next(time for time in (row.effective, row.issued, row.received) if time is not None)
    return (
        (not only.institution or row.institution == only.institution)
        and (only.taken_from is None or only.taken_from <= taken)
        and (only.taken_before is None or taken < only.taken_before)
    )


def report(tx: Transaction, key: PatientKey, report_id: bytes) -> StoredReport | None:
    """See Reader."""
    row = tx.row(_REPORT, of_key=key, of_id=report_id)
    return _opened(tx, row) if row else None


def hidden_reports(tx: Transaction, key: PatientKey) -> list[StoredReport]:
    """See Reader."""
    return [_opened(tx, row) for row in tx.rows(_HIDDEN_REPORTS, of_key=key)]


def hidden_report(tx: Transaction, key: PatientKey, report_id: bytes) -> StoredReport | None:
    """See Reader."""
    row = tx.row(_HIDDEN_REPORT, of_key=key, of_id=report_id)
    return _opened(tx, row) if row else None


def put_report(tx: Transaction, row: StoredReport, *, held: bool = False) -> None:
    """See Writer."""
    context = version_context(_ROW, row.patient_key, row.report_id, row.version, row.institution)
    tx.run(
        _PUT_REPORT,
        patient_key=row.patient_key,
        report_id=row.report_id,
        institution=row.institution,
        version=row.version,
        held=held,
        body=tx.sealer.seal(packed(row), context),
    )
    tx.touch(row.patient_key)


def _opened(tx: Transaction, row: Row) -> StoredReport:
    key, report_id, institution, version, sealed = row
    plain = tx.sealer.open(sealed, sealed_context(sealed, _ROW, key, report_id, version, institution))
    return opened(key, report_id, institution, version, plain)


def set_held(tx: Transaction, key: PatientKey, report_id: bytes, held: bool) -> None:
    """See Writer."""
    tx.run(_SET_HELD, of_key=key, of_id=report_id, is_held=held)
    tx.touch(key)


def remove_report(tx: Transaction, key: PatientKey, report_id: bytes) -> None:
    """See Writer."""
    tx.run(_REMOVE_REPORT, of_key=key, of_id=report_id)
    tx.touch(key)


def institution_counts(tx: Transaction, code: str) -> tuple[int, int]:
    """See Reader."""
    counts = {bool(held): count for held, count in tx.rows(_COUNTS, of_code=code)}
    return counts.get(False, 0), counts.get(True, 0)


def put_version(tx: Transaction, version: ReportVersion) -> None:
    """See Writer. A version that is there already is never replaced: the database refuses it."""

    def sealed(place: bytes, plain: bytes) -> bytes:
        context = version_context(place, version.patient_key, version.report_id, version.version, version.institution)
        return tx.sealer.seal(plain, context)

    # Once the path within the document stood last; nobody asked for it.
    head = (version.digest, pack_order(version.order), version.status, version.received, bool(version.images))
    tx.run(
        _PUT_VERSION,
        patient_key=version.patient_key,
        report_id=version.report_id,
        version=version.version,
        head=sealed(_HEAD, pack(head)),
        images=sealed(_IMAGES, version.images) if version.images else b"",
        document=sealed(_DOCUMENT, pack_document(version.document)),
        institution=version.institution,
    )


def document(tx: Transaction, key: PatientKey, report_id: bytes, version: int) -> tuple[bytes, bytes] | None:
    """See Reader."""
    row = tx.row(_DOCUMENT_OF, of_key=key, of_id=report_id, of_version=version)
    if row is None:
        return None
    packed_document, images, head, institution = row

    def unsealed(place: bytes, sealed: bytes) -> bytes:
        return tx.sealer.open(sealed, sealed_context(sealed, place, key, report_id, version, institution))

    if images:
        return unpack_document(unsealed(_DOCUMENT, packed_document)), unsealed(_IMAGES, images)
    # Nothing is not sealed, so the head says that there is nothing.
    if unpack(unsealed(_HEAD, head))[-1] is not False:
        raise SealBroken("images are missing")
    return unpack_document(unsealed(_DOCUMENT, packed_document)), b""


def versions(tx: Transaction, key: PatientKey, report_id: bytes) -> list[VersionHead]:
    """See Reader. In their order."""

    def head(version: int, sealed: bytes, institution: str | None) -> VersionHead:
        context = sealed_context(sealed, _HEAD, key, report_id, version, institution)
        digest, order, status, received, _path = unpack(tx.sealer.open(sealed, context))
        return VersionHead(version, digest, unpack_order(order), status, received)

    return [head(*row) for row in tx.rows(_VERSIONS, of_key=key, of_id=report_id)]


def identity(tx: Transaction, key: bytes) -> Identity | None:
    """See Reader."""
    row = tx.row(_IDENTITY, of_key=key)
    return _identity_of(row) if row else None


def identity_of(tx: Transaction, report_id: bytes) -> Identity | None:
    """See Reader."""
    if tx.distributed:
        key = routed.name_of(tx, report_id)
        return None if key is None else identity(tx, key)
    row = tx.row(_IDENTITY_OF, of_id=report_id)
    return _identity_of(row) if row else None


def _identity_of(row: Row) -> Identity:
    key, report_id, patient_key, current, derived, held, disputed, former, withheld = row
    return Identity(
        key,
        report_id,
        patient_key,
        current,
        bool(derived),
        bool(held),
        bool(disputed),
        part_keys(former),
        bool(withheld),
    )


def put_identity(tx: Transaction, identity: Identity) -> None:
    """See Writer."""
    if tx.distributed:
        routed.put_name(tx, identity.report_id, identity.key)
    tx.run(
        _PUT_IDENTITY,
        key=identity.key,
        report_id=identity.report_id,
        patient_key=identity.patient_key,
        current_version=identity.current_version,
        derived=identity.derived,
        held=identity.held,
        disputed=identity.disputed,
        former_keys=join_keys(identity.former_keys),
        withheld=identity.withheld,
    )
