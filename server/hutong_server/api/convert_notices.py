"""Notices between proto and domain. Ids leave sealed for the institution that is told."""

from typing import Final

from hutong.v1 import reuse_service_pb2

from hutong_server.api.convert import REASONS, Faults, institution_ref, item_ref, numbers, stamp
from hutong_server.api.convert_reuse import Asker
from hutong_server.domain.notice import How, Notice, NoticeKind
from hutong_server.domain.reuse import NotReusable
from hutong_server.usecases.get_report import REPORT_ID

NOTICE_ID: Final = "notice"
_POSITION: Final = "notice-position"

KINDS: Final = numbers(NoticeKind, reuse_service_pb2.NoticeKind, "NOTICE_KIND")
HOWS: Final = numbers(How, reuse_service_pb2.Reliance, "RELIANCE")


def notice_out(target: reuse_service_pb2.Notice, notice: Notice, asker: Asker) -> None:
    """One notice."""
    institution, ids = asker.institution, asker.ids
    target.notice_id = ids.seal(NOTICE_ID, institution, (notice.notice_id,))
    target.kind = KINDS[notice.kind]
    target.report_id = ids.seal(REPORT_ID, institution, (notice.patient_key, notice.report_id))
    if notice.item:
        item = asker.book.item(notice.item)
        target.item.code = notice.item
        if item is not None:
            item_ref(target.item, item)
    institution_ref(target.issuer, notice.issuer, asker.book)
    target.reliance = HOWS[notice.how]
    target.encounter, target.practitioner = notice.encounter, notice.practitioner
    stamp(target.relied_at, notice.relied_at)
    stamp(target.created_at, notice.created_at)
    stamp(target.acknowledged_at, notice.acknowledged_at)
    target.reasons.extend(REASONS[NotReusable(reason)] for reason in notice.reasons)
    target.resume_token = ids.seal(_POSITION, institution, (notice.number.to_bytes(8, "big"),))


def position_in(token: str, asker: Asker, faults: Faults) -> int:
    """Number of the notice after which a stream goes on; 0 for no token."""
    if not token:
        return 0
    parts = asker.ids.open(_POSITION, asker.institution, token)
    if parts is None:
        faults.add("resume_token", "is not one that this institution was given")
        return 0
    return int.from_bytes(parts[0], "big")
