"""That an institution relied on a result, also when it is told late: what changed meanwhile is told at once."""

from hutong_server.domain.notice import NoticeKind, Reliance
from hutong_server.domain.report import Instant
from hutong_server.store.base import Identity, Writer
from hutong_server.usecases.notify import notice_of, of_version, put_notices, stood_under


def rely(writer: Writer, relied: Reliance, now: Instant) -> None:
    """Keeps a reliance. Of a report that has changed since the result was offered, nobody else would tell.

    Under the lock of the report's identity, which whoever changes the report holds: it is told either here or there.
    """
    writer.put_reliance(relied)
    found = writer.identity_of(relied.report_id)
    if found is None:
        return
    writer.lock([found.key])
    identity = writer.identity_of(relied.report_id) or found
    kind = _changed(writer, relied, identity)
    if kind is not None:
        # The mark of the change itself: who was told of it for another reliance is not told twice.
        mark = of_version(kind, writer, identity, identity.current_version).mark
        put_notices(writer, [notice_of(relied, kind, mark, now)])


def _changed(writer: Writer, relied: Reliance, identity: Identity) -> NoticeKind | None:
    if relied.patient_key not in stood_under(writer, identity):
        return NoticeKind.PATIENT_CHANGED
    row = writer.hidden_report(identity.patient_key, relied.report_id)
    if row is not None and row.withdrawn:
        return NoticeKind.WITHDRAWN
    if identity.withheld:
        return NoticeKind.WITHHELD
    return NoticeKind.CORRECTED if identity.current_version > relied.version else None
