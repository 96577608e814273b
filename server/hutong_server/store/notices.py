"""What institutions are told about reports that they relied on, numbered for each in the order of commits."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import and_, bindparam, select, update

from hutong_server.domain.notice import How, Notice, NoticeKind
from hutong_server.domain.report import Instant
from hutong_server.store.base_notices import NoticeFilter
from hutong_server.store.notice_tables import notice as _table
from hutong_server.store.notice_tables import notice_head
from hutong_server.store.packing import pack, unpack
from hutong_server.store.statements import Statement, insert, upsert
from hutong_server.store.transaction import Row, Transaction

_n, _head = _table.c, notice_head.c
_ONE = (_n.institution == bindparam("of_institution"), _n.notice_id == bindparam("of_id"))
_GET = Statement(select(_table).where(*_ONE))
_PUT = insert(_table)
_ACKNOWLEDGE = Statement(
    update(_table).where(*_ONE, _n.acknowledged_at.is_(None)).values(acknowledged_at=bindparam("acknowledged"))
)
_HIDE = Statement(update(_table).where(*_ONE).values(hidden=True))
_SHOW = Statement(update(_table).where(*_ONE).values(hidden=False, number=bindparam("new_number")))
_LIST = (
    select(_table)
    .where(_n.institution == bindparam("of_institution"), _n.number > bindparam("after"))
    .order_by(_n.number)
    .limit(bindparam("limit"))
)


def _lists() -> dict[tuple[bool, bool | None], Statement]:
    found = {}
    for acknowledged in (False, True):
        for hidden in (None, False, True):
            conditions: list[Any] = [] if acknowledged else [_n.acknowledged_at.is_(None)]
            conditions += [] if hidden is None else [_n.hidden.is_(hidden)]
            found[acknowledged, hidden] = Statement(_LIST.where(and_(*conditions)) if conditions else _LIST)
    return found


_LISTS = _lists()
_HEADS = Statement(select(_head.institution, _head.number))
_HEAD = Statement(select(_head.number).where(_head.institution == bindparam("of_institution")))
_PUT_HEAD = upsert(notice_head)


def notice_context(institution: str, notice_id: bytes) -> bytes:
    """Context under which what a notice says is sealed."""
    return b"notice" + notice_id + institution.encode()


def notices(tx: Transaction, institution: str, only: NoticeFilter, limit: int) -> list[Notice]:
    """See NoticeReader."""
    statement = _LISTS[only.acknowledged, only.hidden]
    return [_opened(tx, row) for row in tx.rows(statement, of_institution=institution, after=only.after, limit=limit)]


def notice(tx: Transaction, institution: str, notice_id: bytes) -> Notice | None:
    """See NoticeReader."""
    row = tx.row(_GET, of_institution=institution, of_id=notice_id)
    return _opened(tx, row) if row else None


def notice_heads(tx: Transaction) -> dict[str, int]:
    """See NoticeReader."""
    return dict(tx.rows(_HEADS))


def skip_notices(tx: Transaction, institutions: Iterable[str], numbers: int) -> None:
    """See NoticeWriter."""
    heads = notice_heads(tx)
    for institution in institutions:
        tx.run(_PUT_HEAD, institution=institution, number=heads.get(institution, 0) + numbers)


def put_notice(tx: Transaction, notice: Notice) -> bool:
    """See NoticeWriter."""
    if tx.row(_GET, of_institution=notice.institution, of_id=notice.notice_id) is not None:
        return False
    body = (
        notice.issuer,
        notice.how.value,
        notice.encounter,
        notice.practitioner,
        notice.relied_at,
        notice.item,
        notice.ordinal,
        notice.reasons,
    )
    tx.run(
        _PUT,
        institution=notice.institution,
        notice_id=notice.notice_id,
        number=_next(tx, notice.institution),
        kind=notice.kind.value,
        patient_key=notice.patient_key,
        report_id=notice.report_id,
        created_at=notice.created_at,
        acknowledged_at=None,
        hidden=False,
        body=tx.sealer.seal(pack(body), notice_context(notice.institution, notice.notice_id)),
    )
    return True


def acknowledge_notice(tx: Transaction, institution: str, notice_id: bytes, at: Instant) -> None:
    """See NoticeWriter. The first acknowledgment stands."""
    tx.run(_ACKNOWLEDGE, of_institution=institution, of_id=notice_id, acknowledged=at)


def hide_notice(tx: Transaction, institution: str, notice_id: bytes) -> None:
    """See NoticeWriter."""
    tx.run(_HIDE, of_institution=institution, of_id=notice_id)


def show_notice(tx: Transaction, institution: str, notice_id: bytes) -> int:
    """See NoticeWriter."""
    number = _next(tx, institution)
    tx.run(_SHOW, of_institution=institution, of_id=notice_id, new_number=number)
    return number


def _next(tx: Transaction, institution: str) -> int:
    row = tx.row(_HEAD, of_institution=institution)
    number: int = (row[0] if row else 0) + 1
    tx.run(_PUT_HEAD, institution=institution, number=number)
    return number


def _opened(tx: Transaction, row: Row) -> Notice:
    institution, notice_id, number, kind, key, report_id, created_at, acknowledged_at, hidden, sealed = row
    issuer, how, encounter, practitioner, relied_at, item, ordinal, reasons = unpack(
        tx.sealer.open(sealed, notice_context(institution, notice_id))
    )
    return Notice(
        institution=institution,
        notice_id=notice_id,
        kind=NoticeKind(kind),
        patient_key=key,
        report_id=report_id,
        issuer=issuer,
        how=How(how),
        encounter=encounter,
        practitioner=practitioner,
        relied_at=relied_at,
        created_at=created_at,
        item=item,
        ordinal=ordinal,
        reasons=reasons,
        number=number,
        acknowledged_at=acknowledged_at,
        hidden=bool(hidden),
    )
