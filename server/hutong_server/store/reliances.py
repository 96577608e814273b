"""Who relied on which report. A reliance is recorded once and never changed but for the mark that it has fallen."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, tuple_, update

from hutong_server.domain.notice import How, Reliance
from hutong_server.domain.person import PatientKey
from hutong_server.domain.report import Instant
from hutong_server.store.base_notices import SweepPosition
from hutong_server.store.notice_tables import notice_sweep, reliance
from hutong_server.store.packing import pack, unpack
from hutong_server.store.statements import Statement, insert_new
from hutong_server.store.transaction import Row, Transaction

_r, _sweep = reliance.c, notice_sweep.c
_KEY = list(reliance.primary_key)
_OF_KEY = Statement(select(reliance).where(_r.patient_key == bindparam("of_key")))
_OF_REPORT = Statement(
    select(reliance).where(_r.patient_key == bindparam("of_key"), _r.report_id == bindparam("of_id"))
)
_PUT = insert_new(reliance)
_ONE = [column == bindparam(f"of_{column.name}", type_=column.type) for column in _KEY]
_REMOVE = Statement(delete(reliance).where(*_ONE))
_SET_FALLEN = Statement(update(reliance).where(*_ONE).values(fallen=bindparam("is_fallen")))

_PLACE = (_r.recorded, *_KEY)
# Reliances on a verdict: all but those of a report that was opened outside a prompt.
_VERDICT = or_(_r.how != How.OPENED.value, func.length(_r.prompt_id) > 0)
_JUDGED = (
    select(reliance).where(_VERDICT, _r.recorded <= bindparam("until")).order_by(*_PLACE).limit(bindparam("limit"))
)
# `recorded` apart as well, so that the index on it is used whatever a planner makes of a comparison of rows.
_FURTHER = tuple_(*_PLACE) > tuple_(*(bindparam(f"after{n}", type_=each.type) for n, each in enumerate(_PLACE)))
_FIRST = Statement(_JUDGED)
_AFTER = Statement(_JUDGED.where(_r.recorded >= bindparam("since"), _FURTHER))
_POSITION = Statement(select(notice_sweep).order_by(_sweep.version.desc()).limit(1))
_FORGET_POSITIONS = Statement(delete(notice_sweep))
_PUT_POSITION = insert_new(notice_sweep)


def reliance_context(*key: Any) -> bytes:
    """Context under which the words of a reliance are sealed: its primary key."""
    return b"reliance" + pack(key)


def reliances(tx: Transaction, keys: Sequence[PatientKey], report_id: bytes = b"") -> list[Reliance]:
    """See NoticeReader."""
    statement = _OF_REPORT if report_id else _OF_KEY
    return [_opened(tx, row) for key in dict.fromkeys(keys) for row in tx.rows(statement, of_key=key, of_id=report_id)]


def relied_since(
    tx: Transaction, after: tuple[object, ...], until: Instant, limit: int
) -> list[tuple[tuple[object, ...], Reliance]]:
    """See NoticeReader."""
    if not after:
        rows = tx.rows(_FIRST, until=until, limit=limit)
    else:
        place = {f"after{n}": value for n, value in enumerate(after)}
        rows = tx.rows(_AFTER, until=until, limit=limit, since=after[0], **place)
    return [(_place(row), _opened(tx, row)) for row in rows]


def put_reliance(tx: Transaction, reliance: Reliance) -> None:
    """See NoticeWriter."""
    key = _key(reliance)
    who = tx.sealer.seal(pack((reliance.encounter, reliance.practitioner)), reliance_context(*key.values()))
    tx.run(
        _PUT,
        **key,
        ordinal=reliance.ordinal,
        issuer=reliance.issuer,
        department=reliance.department,
        at=reliance.at,
        judged_at=reliance.judged_at,
        recorded=int(time.time() * 1000),
        fallen=reliance.fallen,
        who=who,
    )


def remove_reliance(tx: Transaction, reliance: Reliance) -> None:
    """See NoticeWriter."""
    tx.run(_REMOVE, **{f"of_{name}": value for name, value in _key(reliance).items()})


def set_fallen(tx: Transaction, reliance: Reliance, fallen: bool) -> None:
    """See NoticeWriter."""
    tx.run(_SET_FALLEN, is_fallen=fallen, **{f"of_{name}": value for name, value in _key(reliance).items()})


def sweep_position(tx: Transaction) -> SweepPosition | None:
    """See NoticeReader."""
    row = tx.row(_POSITION)
    return SweepPosition(row[0], unpack(row[1])) if row else None


def put_sweep_position(tx: Transaction, position: SweepPosition) -> None:
    """See NoticeWriter."""
    tx.run(_FORGET_POSITIONS)
    tx.run(_PUT_POSITION, version=position.version, position=pack(position.after))


def _key(reliance: Reliance) -> dict[str, Any]:
    """The primary key, in its order."""
    return {
        "patient_key": reliance.patient_key,
        "report_id": reliance.report_id,
        "institution": reliance.institution,
        "visit": reliance.visit,
        "prompt_id": reliance.prompt_id,
        "item": reliance.item,
        "how": reliance.how.value,
        "version": reliance.version,
    }


def _place(row: Row) -> tuple[object, ...]:
    return (row[13], *row[: len(_KEY)])


def _opened(tx: Transaction, row: Row) -> Reliance:
    key, report_id, institution, visit, prompt_id, item, how, version, ordinal, issuer, department, at, *rest = row
    judged_at, _, fallen, who = rest
    encounter, practitioner = unpack(tx.sealer.open(who, reliance_context(*row[: len(_KEY)])))
    return Reliance(
        patient_key=key,
        report_id=report_id,
        version=version,
        institution=institution,
        issuer=issuer,
        how=How(how),
        at=at,
        visit=visit,
        encounter=encounter,
        practitioner=practitioner,
        prompt_id=prompt_id,
        item=item,
        ordinal=ordinal,
        judged_at=judged_at,
        department=department,
        fallen=bool(fallen),
    )
