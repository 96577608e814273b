"""Hiding one report at once from every answer, and showing it again."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hutong_server.domain.errors import HutongError, Reason
from hutong_server.domain.notice import NoticeKind
from hutong_server.store.base import Ids, Writer
from hutong_server.usecases.acts import report_hidden
from hutong_server.usecases.get_report import PUBLISHED_ID
from hutong_server.usecases.institutions import admin_access
from hutong_server.usecases.notify import Change, notify, stood_under
from hutong_server.usecases.patients import Step

ADMIN_REPORT_ID = "admin-report"
"""Kind of the ids under which administrators name reports. They open nothing."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """What became of it."""

    withheld: bool
    notified: int
    """Institutions that are told by this call."""


def withhold_report(report_id: bytes, *, lift: bool, step: Step) -> Callable[[Writer], Withheld]:
    """The write job; idempotent. Who relied on the report is told when it is hidden.

    The report stays where it is, whatever becomes of it meanwhile: lifted, it is shown as it stands then.
    Raises NOT_FOUND for an unknown report.
    """

    def job(writer: Writer) -> Withheld:
        found = writer.identity_of(report_id)
        if found is None:
            raise HutongError(Reason.NOT_FOUND, "no such report")
        # Its next version must not come in between.
        writer.lock([found.key])
        identity = writer.identity_of(report_id) or found
        notified = 0
        outcome = "unchanged"
        if identity.withheld == lift:
            outcome = "lifted" if lift else "withheld"
            writer.put_identity(replace(identity, withheld=not lift))
            writer.set_held(identity.patient_key, report_id, identity.held or not lift)
            if not lift:
                keys, mark = stood_under(writer, identity), step.now.to_bytes(8, "big")
                change = Change(NoticeKind.WITHHELD, mark, keys, report_id, identity.patient_key)
                notified = notify(writer, change, step.now)
        record = admin_access(
            "WithholdReport",
            step.caller,
            outcome,
            step.now,
            step.request_id,
            patient_keys=(identity.patient_key,),
            reports=(report_id,),
        )
        writer.record(replace(record, detail=(step.reason,)), report_hidden(identity, hidden=not lift))
        return Withheld(not lift, notified)

    return job


def named_report(text: str, institution: str, publishers: tuple[str, ...], ids: Ids) -> bytes:
    """The report that an administrator of `institution` names: by the id that the patient index shows, or by the one
    that its publisher was given. Raises NOT_FOUND for anything else, a prompt's id included.
    """
    shown = ids.open(ADMIN_REPORT_ID, institution, text)
    if shown is not None:
        return shown[0]
    for publisher in publishers:
        published = ids.open(PUBLISHED_ID, publisher, text)
        if published is not None:
            return published[1]
    raise HutongError(Reason.NOT_FOUND, "no such report")
